/*
 * A topic of one partition that a task keeps its state in: compacted, so that
 * of each key the last record is there for good, and written within
 * transactions (txn.h).
 *
 * Errors as in topic.h. Threads: one at a time per admin.
 */
#pragma once

#include "base/slice.h"
#include "kafka/topic.h"

/* What the name of a task is followed by in that of its topic. */
#define KAFKA_KEPT_SUFFIX ".rowcast"

/* Makes the topic where there is none. ERR_DEST_TOPIC: there is one that would lose records. */
NODISCARD enum err kafka_kept_make(struct kafka_admin *a, const char *topic, int replication_factor,
                                   struct errmsg *msg);

/* A committed record, in order; value NULL: it takes the key's record out. Anything but ERR_OK ends
 * the reading, and is what it returns. */
typedef enum err (*kafka_kept_fn)(void *arg, struct slice key, const struct slice *value);

/*
 * Hands out what was committed before the call. ERR_BROKER_DOWN: it could not
 * be read to its end within timeout_ms.
 */
NODISCARD enum err kafka_kept_read(const struct kafka_options *o, const char *topic, int timeout_ms,
                                   kafka_kept_fn fn, void *arg, struct errmsg *msg);
