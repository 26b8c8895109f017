/*
 * The topics that a task writes to: their numbers within the task and their
 * partition counts.
 *
 * A topic is asked about (and made, where the task may) when the first table
 * that goes to it is met. Its partition count is then part of the task: rows
 * keep their partition only as long as it stays, so a topic that has another
 * count than the checkpoint remembers ends the task.
 *
 * Threads: one at a time; the owner at start, then the reader.
 */
#pragma once

#include "base/err.h"
#include "kafka/registry.h"
#include "kafka/topic.h"
#include "pipeline/view.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct topic {
    char *name;
    uint32_t same_hash; /* one more than the index of the next of its bucket; 0: none */
    int32_t partitions;
    bool known;        /* the count was in the checkpoint */
    bool checked;      /* the broker was asked in this run */
    uint8_t frame_len; /* bytes before each message, see format_table_new() */
    uint8_t frame[REGISTRY_FRAME_LEN];
};

#define TOPIC_BUCKETS 1024 /* a power of two */

struct topics {
    struct kafka_admin *admin; /* borrowed */
    bool create;
    bool embedded;        /* the broker forgets: known topics are made again */
    bool look;            /* nothing is made: what is missing is taken as it would be made */
    bool report_existing; /* first start: refuse topics that hold records */
    int replication_factor;
    size_t message_max;        /* of the task, compared with each topic's own */
    uint64_t retry_ms;         /* how long brokers may be away while a topic is asked about */
    const atomic_bool *stop;   /* ends that wait */
    struct view *view;         /* told of outages; NULL: nobody looks */
    bool framed;               /* messages have the registry's frame */
    struct registry *registry; /* borrowed; NULL: none */
    struct slice schema;       /* what is registered there for each topic */
    uint32_t count;
    uint32_t cap;
    struct topic *items;
    uint32_t buckets[TOPIC_BUCKETS]; /* one more than an index; 0: none */
};

void topics_fini(struct topics *t);

/* What the checkpoint remembers. */
NODISCARD enum err topics_remember(struct topics *t, const char *name, int32_t partitions);

/*
 * The number of a topic, asking about it or making it with `partitions` where
 * needed. *fresh: its partition count is not in the checkpoint yet.
 */
NODISCARD enum err topics_need(struct topics *t, const char *name, int32_t partitions,
                               uint32_t *index, bool *fresh, struct errmsg *em);
