/*
 * Reading topics back, for the commands that look at what is there. No
 * consumer group: nothing is committed, and brokers keep nothing of it.
 *
 *   struct kafka_consumer *c;
 *   TRY(kafka_consumer_new(&options, &c, msg));
 *   TRY(kafka_consumer_topic(c, "orders", 6, KAFKA_FROM_BEGINNING, 0, msg));    per topic
 *   TRY(kafka_consumer_mark(c, msg));
 *   while (!kafka_consumer_at_mark(c)) {
 *       e = kafka_consumer_next(c, 200, &record, msg);    ERR_NEED_INPUT: nothing came
 *       ...
 *   }
 *   kafka_consumer_free(c);
 *
 * Records of one partition come in order, those of several as they arrive.
 * What belongs to an aborted transaction does not come.
 *
 * Errors: ERR_BROKER_DOWN when brokers have been away for KAFKA_PATIENCE_MS,
 * ERR_DEST_DENIED and ERR_DEST_TOPIC at once; all with a sentence.
 *
 * Threads: one at a time per consumer.
 */
#pragma once

#include "base/slice.h"
#include "kafka/config.h"

#include <stdint.h>

#define KAFKA_PATIENCE_MS 30000

enum kafka_from {
    KAFKA_FROM_BEGINNING,
    KAFKA_FROM_LAST,   /* the last n records of each partition, and what follows */
    KAFKA_FROM_OFFSET, /* that offset in every partition */
};

struct kafka_consumer;

/* Borrowed until the next call for its consumer. */
struct kafka_record {
    const char *topic; /* the caller's number of it is `index` */
    uint32_t index;    /* topics count from 0 in the order of kafka_consumer_topic() */
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; /* since 1970; -1: none */
    bool has_value;
    struct slice key; /* len 0: none */
    struct slice value;
};

NODISCARD enum err kafka_consumer_new(const struct kafka_options *o, struct kafka_consumer **out,
                                      struct errmsg *msg);
void kafka_consumer_free(struct kafka_consumer *c); /* may be NULL */

/* Every topic of the cluster with its partitions, in no order. */
typedef void (*kafka_name_fn)(void *arg, const char *topic, int32_t partitions);
NODISCARD enum err kafka_consumer_names(struct kafka_consumer *c, kafka_name_fn each, void *arg,
                                        struct errmsg *msg);

/* Begins to read a topic that is known to be there, with so many partitions. */
NODISCARD enum err kafka_consumer_topic(struct kafka_consumer *c, const char *topic,
                                        int32_t partitions, enum kafka_from from, int64_t n,
                                        struct errmsg *msg);

/* The same for one partition of it, from an offset on. */
NODISCARD enum err kafka_consumer_partition(struct kafka_consumer *c, const char *topic,
                                            int32_t partition, int64_t offset, struct errmsg *msg);

/* The next record, waiting up to timeout_ms for it. ERR_NEED_INPUT: none came. */
NODISCARD enum err kafka_consumer_next(struct kafka_consumer *c, int timeout_ms,
                                       struct kafka_record *out, struct errmsg *msg);

/* Notes where all partitions end now, and whether everything up to there has come. */
NODISCARD enum err kafka_consumer_mark(struct kafka_consumer *c, struct errmsg *msg);
bool kafka_consumer_at_mark(const struct kafka_consumer *c);

/* As of the last mark: records that were in the topics once and are not any more. */
bool kafka_consumer_lost(const struct kafka_consumer *c, uint32_t index);
