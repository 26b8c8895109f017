/* What txn.c and the producer's files share. Within this room. */
#pragma once

#include "kafka/flusher.h"
#include "kafka/txn.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>

struct kafka_topic;

/* A report, or an error of the client, on its way to a producer. */
struct kafka_mail {
    struct kafka_mail *next;
    rd_kafka_event_t *ev;            /* NULL: an error */
    const rd_kafka_message_t *first; /* the report's first message, taken out already */
    rd_kafka_resp_err_t code;
    char text[256];
};

/* One for each producer; the thread that takes reports puts in, the lane takes out. */
struct kafka_mailbox {
    pthread_mutex_t lock;
    struct kafka_mail *first;
    struct kafka_mail **last;
    int fd; /* of the producer; -1: nobody is there */
};

/* A topic of the client: its opaque. Each producer has its own idea of it. */
struct kafka_txn_topic {
    struct kafka_txn_topic *next;
    rd_kafka_topic_t *rkt;
    struct kafka_topic *of[KAFKA_TXN_MEMBERS];
    char name[];
};

struct kafka_txn {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    struct kafka_flusher *flusher;
    uint64_t timeout_ms;
    char *id;
    _Atomic(rd_kafka_event_t *) statistics; /* the last that came, for producer 0; NULL: taken */
    bool open;                              /* a transaction was begun */
    _Atomic uint64_t used_ms;               /* monotonic; its first message; 0: none yet */
    atomic_bool broken;                     /* a fatal error came */
    atomic_bool closing;
    atomic_bool runs;
    pthread_t courier;
    pthread_mutex_t lock; /* over topics */
    struct kafka_txn_topic *topics;
    struct kafka_mailbox boxes[KAFKA_TXN_MEMBERS];
};

/* A producer moves in with the fd that is written to when mail comes. */
void kafka_txn_join(struct kafka_txn *x, uint32_t index, int fd);

/* The handle of a topic, whose opaque knows the producer's own. NULL: rd_kafka_last_error(). */
rd_kafka_topic_t *kafka_txn_topic(struct kafka_txn *x, const char *name, uint32_t index,
                                  struct kafka_topic *own);

/* A message of the open transaction goes out. Any thread. */
static inline void kafka_txn_used(struct kafka_txn *x, uint64_t now_ms)
{
    if (atomic_load_explicit(&x->used_ms, memory_order_relaxed) == 0)
        atomic_store_explicit(&x->used_ms, now_ms, memory_order_relaxed);
}

/* The oldest mail, or NULL; the caller frees it, and destroys its event. */
struct kafka_mail *kafka_txn_mail(struct kafka_txn *x, uint32_t index);
