/*
 * Sends what a producer has queued without waiting for its linger time.
 * Within this room.
 *
 * librdkafka has one way to do that: while a thread is inside
 * rd_kafka_flush(), its broker threads treat linger.ms as zero. The call has to
 * last until those threads have woken and looked, and it returns when all
 * messages are acknowledged and their reports taken; with a timeout of zero it
 * is over before anyone has looked, and nothing happens. A lane must not block
 * that long, so a thread of its own does it.
 *
 * Requests that come while a flush runs are answered by it or by one more
 * after it, so their number is bounded by the brokers' speed.
 */
#pragma once

#include "base/err.h"

#include <librdkafka/rdkafka.h>

struct kafka_flusher;

NODISCARD enum err kafka_flusher_new(rd_kafka_t *rk, struct kafka_flusher **out);

/* Ends the thread; waits a few milliseconds at most. f may be NULL. */
void kafka_flusher_free(struct kafka_flusher *f);

/* What was queued before this call is to go out. Never blocks. */
void kafka_flusher_ask(struct kafka_flusher *f);
