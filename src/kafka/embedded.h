/*
 * The embedded broker: librdkafka's mock cluster in this process.
 *
 * It speaks the Kafka protocol on loopback ports, so any client on the machine
 * can read from it while it runs. It keeps nothing: each partition holds its
 * newest 5 MiB of record batches (as compressed by the producer, 100,000
 * batches at most) in memory and forgets the rest, and all of it is gone when
 * the process ends. It does not look at the sequence numbers of idempotent
 * producers: what is sent again after a lost answer is stored twice, where a
 * real broker drops it. Topics are made here, in process, since it has no
 * CreateTopics request.
 *
 * Threads: it runs on two threads of its own; the functions may be called from
 * any thread.
 */
#pragma once

#include "base/err.h"

#include <stdint.h>

struct kafka_embedded;

/* brokers: 1 to 16. */
NODISCARD enum err kafka_embedded_new(int brokers, struct kafka_embedded **out, struct errmsg *msg);

/* All producers and admin clients that use it must be gone. e may be NULL. */
void kafka_embedded_free(struct kafka_embedded *e);

/* HOST:PORT,..., for other clients too. Lives as long as e. */
const char *kafka_embedded_address(const struct kafka_embedded *e);

/* ERR_DEST_TOPIC when the topic exists already. Within this room; others use kafka_topic_create().
 */
NODISCARD enum err kafka_embedded_topic(struct kafka_embedded *e, const char *topic,
                                        int32_t partitions, struct errmsg *msg);

/* For tests of faults: broker < 0 is all of them; up or down. */
void kafka_embedded_set_up(struct kafka_embedded *e, int broker, int up);

/*
 * For tests of faults: the next count requests with this Kafka API key (0 is
 * Produce) get the protocol error code. Code -195 closes the connection.
 */
void kafka_embedded_fail(struct kafka_embedded *e, int api_key, int code, int count);

/* For tests of faults: every answer waits this long. */
void kafka_embedded_delay(struct kafka_embedded *e, int ms);
