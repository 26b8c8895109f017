/* Its life, its topics, and what it tells. See producer.h. */
#include "kafka/producer_int.h"

#include "kafka/kafka_err.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LINGER_US  5000 /* how long a batch that is not full waits for company */
#define BATCH_ROOM 512  /* of a batch, for the heads of request and record batch */
#define PURGE_MS   100  /* for the answers to a purge, at the end */

static enum err start_client(struct kafka_producer *p, const struct kafka_options *o,
                             struct errmsg *msg)
{
    static const uint64_t one = 1;
    rd_kafka_conf_t *conf;

    TRY(kafka_conf_new(o, KAFKA_PRODUCES, &conf, msg));
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS);
    TRY(kafka_client_new(KAFKA_PRODUCES, conf, &p->rk, msg));
    p->queue = rd_kafka_queue_get_main(p->rk);
    rd_kafka_queue_io_event_enable(p->queue, p->fd, &one, sizeof one);
    enum err e = kafka_flusher_new(p->rk, &p->flusher);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "destination: a thread cannot be started: check the limits");
    return ERR_OK;
}

static enum err make(const struct kafka_options *o, bool shared, struct kafka_producer **out,
                     struct errmsg *msg)
{
    struct kafka_producer *p = calloc(1, sizeof *p);
    if (p == NULL)
        return errmsg_set(msg, ERR_NO_MEMORY, "destination: out of memory");
    p->queue_bytes = o->queue_bytes != 0 ? o->queue_bytes : KAFKA_QUEUE_BYTES;
    p->message_max = o->message_max != 0 ? o->message_max : KAFKA_MESSAGE_MAX;
    p->full = kafka_conf_batch(o, shared);
    p->full.bytes -= BATCH_ROOM;
    p->linger_us = o->linger_us >= 0 ? (uint64_t)o->linger_us : LINGER_US;
    p->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (p->fd < 0) {
        free(p);
        return errmsg_set(msg, ERR_SYSTEM,
                          "destination: eventfd: %m: check the limit on open files");
    }
    *out = p;
    return ERR_OK;
}

enum err kafka_producer_new(const struct kafka_options *o, struct kafka_producer **out,
                            struct errmsg *msg)
{
    struct kafka_producer *p;
    TRY(make(o, false, &p, msg));
    enum err e = start_client(p, o, msg);
    if (e != ERR_OK) {
        kafka_producer_free(p);
        return e;
    }
    *out = p;
    return ERR_OK;
}

enum err kafka_producer_new_in(struct kafka_txn *x, const struct kafka_options *o, uint32_t index,
                               struct kafka_producer **out, struct errmsg *msg)
{
    struct kafka_producer *p;
    if (index >= KAFKA_TXN_MEMBERS)
        return ERR_BUG;
    TRY(make(o, true, &p, msg));
    p->txn = x;
    p->index = index;
    p->rk = x->rk;
    p->flusher = x->flusher;
    kafka_txn_join(x, index, p->fd);
    *out = p;
    return ERR_OK;
}

/* Reports that nobody wants; releases the messages in them. */
static void drop_reports(struct kafka_producer *p, int timeout_ms)
{
    rd_kafka_event_t *ev;
    while ((ev = rd_kafka_queue_poll(p->queue, timeout_ms)) != NULL)
        rd_kafka_event_destroy(ev);
}

static void topic_free(struct kafka_topic *t)
{
    for (int32_t i = 0; i < t->gather_count; i++) {
        if (t->gathers[i] != NULL)
            gather_fini(t->gathers[i]);
        free(t->gathers[i]);
    }
    free(t->gathers);
    free(t);
}

static void free_topics(struct kafka_producer *p)
{
    while (p->topics != NULL) {
        struct kafka_topic *t = p->topics;
        p->topics = t->next;
        if (p->txn == NULL) /* else it went with the client */
            rd_kafka_topic_destroy(t->rkt);
        topic_free(t);
    }
}

void kafka_producer_free(struct kafka_producer *p)
{
    if (p == NULL)
        return;
    if (p->txn == NULL)
        kafka_flusher_free(p->flusher);
    kafka_producer_keep_stats(p, NULL);
    if (p->txn == NULL && p->rk != NULL) {
        rd_kafka_queue_io_event_enable(p->queue, -1, NULL, 0);
        if (p->outstanding > 0) {
            (void)rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
            drop_reports(p, PURGE_MS);
        }
        rd_kafka_queue_destroy(p->queue);
        free_topics(p);
        rd_kafka_destroy(p->rk);
    }
    free_topics(p);
    gather_pool_fini(&p->chunks);
    free(p->open);
    close(p->fd);
    free(p);
}

enum err kafka_producer_topic(struct kafka_producer *p, const char *name, struct kafka_topic **out,
                              struct errmsg *msg)
{
    for (struct kafka_topic *t = p->topics; t != NULL; t = t->next) {
        if (strcmp(t->name, name) == 0) {
            *out = t;
            return ERR_OK;
        }
    }
    size_t n = strlen(name) + 1;
    struct kafka_topic *t = calloc(1, sizeof *t + n);
    if (t == NULL)
        return errmsg_set(msg, ERR_NO_MEMORY, "destination: out of memory");
    memcpy(t->name, name, n);
    if (p->txn != NULL) {
        t->rkt = kafka_txn_topic(p->txn, name, p->index, t);
    } else {
        rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(p->rk);
        rd_kafka_topic_conf_set_opaque(conf, t); /* reports find it there */
        t->rkt = rd_kafka_topic_new(p->rk, name, conf);
    }
    if (t->rkt == NULL) {
        free(t);
        return errmsg_set(msg, ERR_DEST_TOPIC, "destination: topic \"%s\": not a topic name: %s",
                          name, rd_kafka_err2str(rd_kafka_last_error()));
    }
    t->next = p->topics;
    p->topics = t;
    *out = t;
    return ERR_OK;
}

size_t kafka_producer_outstanding(const struct kafka_producer *p)
{
    return p->outstanding;
}

size_t kafka_producer_bytes(const struct kafka_producer *p)
{
    return p->bytes;
}

int kafka_producer_fd(const struct kafka_producer *p)
{
    return p->fd;
}

void kafka_producer_wake(struct kafka_producer *p)
{
    /* Fails only when the counter is at its maximum, and then the fd is readable. */
    (void)eventfd_write(p->fd, 1);
}

const struct kafka_state *kafka_producer_state(const struct kafka_producer *p)
{
    return &p->state;
}
