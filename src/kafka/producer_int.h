/*
 * What the files of a producer share. Within this room. See producer.h.
 *
 *   producer.c          its life, its topics, what it tells
 *   producer_send.c     messages gather, and leave in batches
 *   producer_report.c   delivery reports, and what is known of the brokers
 */
#pragma once

#include "kafka/flusher.h"
#include "kafka/gather.h"
#include "kafka/producer.h"
#include "kafka/txn_int.h"

#include <stdatomic.h>

struct kafka_topic {
    struct kafka_topic *next;
    rd_kafka_topic_t *rkt;
    struct gather **gathers; /* by partition; NULL until used */
    int32_t gather_count;
    char name[];
};

struct open_gather {
    struct gather *g;
    struct kafka_topic *topic;
};

struct kafka_producer {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue; /* NULL: the client is shared ... */
    struct kafka_txn *txn;   /* ... with the others of this */
    uint32_t index;          /* among them */
    bool held;               /* the transaction ends: nothing is handed over */
    int fd;                  /* eventfd: reports, or a wake */
    size_t queue_bytes;
    size_t message_max;
    size_t bytes;       /* outstanding, with overhead */
    size_t outstanding; /* messages */
    bool hurry;         /* asked for, and not yet passed on */
    int64_t ration;     /* in the bucket, thousandths of a message; negative is debt */
    uint64_t ration_us; /* when it was last filled */
    uint64_t produced;  /* messages since then */
    struct kafka_flusher *flusher;
    struct kafka_topic *topics;
    struct gather_pool chunks;
    struct open_gather *open; /* those that hold messages */
    size_t open_count;
    size_t open_cap;
    struct kafka_batch full; /* a batch of a partition */
    uint64_t linger_us;      /* how long one that is not may wait for company */
    uint64_t waiting_us;     /* since when messages wait that are not pressed for; 0: none */
    struct kafka_state state;
    /* The newest statistics, unread; NULL: none. Whoever takes it out has it. */
    _Atomic(rd_kafka_event_t *) statistics;
    rd_kafka_resp_err_t reason_code; /* the last error event since an acknowledgement */
    char reason[400];
};

/* What a message counts against queue_bytes. */
static inline size_t kafka_cost(size_t key_len, size_t value_len)
{
    return key_len + value_len + KAFKA_MESSAGE_OVERHEAD;
}

/* producer_send.c: sends what waits; with hurry so that none of it waits inside librdkafka. */
void kafka_producer_press(struct kafka_producer *p, bool hurry);

/* producer_send.c: count messages of a partition were reported: its next batch may go. */
void kafka_producer_answered(struct kafka_producer *p, struct kafka_topic *t, int32_t partition,
                             uint32_t count);

/* producer_send.c: passes kafka_hurry() on where there is a ration for it. */
void kafka_producer_pass_hurry(struct kafka_producer *p);

/*
 * producer_report.c: a message, or the client, has failed for good. The first
 * such failure is the one that is told. topic NULL: none is meant.
 */
enum err kafka_producer_fail(struct kafka_producer *p, rd_kafka_resp_err_t re, const char *topic,
                             int32_t partition, const char *text);

/* producer_report.c: keeps an event of statistics in the place of the last; NULL: drops that. */
void kafka_producer_keep_stats(struct kafka_producer *p, rd_kafka_event_t *ev);
