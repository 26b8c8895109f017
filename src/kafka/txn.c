#include "kafka/txn.h"

#include "base/clock.h"
#include "base/log.h"
#include "kafka/kafka_err.h"
#include "kafka/txn_int.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#define LOOK_MS 100 /* how long the courier sleeps at most */

/* ---- the courier: from the client's queue to the producers ---- */

static void drop_mail(struct kafka_mail *m)
{
    if (m->ev != NULL)
        rd_kafka_event_destroy(m->ev);
    free(m);
}

static void empty_box(struct kafka_mailbox *b)
{
    pthread_mutex_lock(&b->lock);
    struct kafka_mail *m = b->first;
    b->first = NULL;
    b->last = &b->first;
    pthread_mutex_unlock(&b->lock);
    while (m != NULL) {
        struct kafka_mail *next = m->next;
        drop_mail(m);
        m = next;
    }
}

/* Takes m over. */
static void deliver(struct kafka_mailbox *b, struct kafka_mail *m)
{
    m->next = NULL;
    pthread_mutex_lock(&b->lock);
    bool was_empty = b->first == NULL;
    *b->last = m;
    b->last = &m->next;
    int fd = b->fd;
    pthread_mutex_unlock(&b->lock);
    if (was_empty && fd >= 0)
        (void)eventfd_write(fd, 1);
}

/* A report of the task's own records: that they failed shows in the commit. */
static void take_own(const rd_kafka_message_t *m)
{
    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        log_debug("kafka.state", "text=\"%s\"", rd_kafka_err2str(m->err));
}

/* All messages of a report are of one partition, so of one producer. */
static void take_report(struct kafka_txn *x, rd_kafka_event_t *ev)
{
    const rd_kafka_message_t *first = rd_kafka_event_message_next(ev);
    const struct kafka_token *token = first != NULL ? first->_private : NULL;
    struct kafka_mail *m = NULL;
    if (token != NULL && !atomic_load(&x->closing)) {
        assert(token->owner < KAFKA_TXN_MEMBERS);
        m = calloc(1, sizeof *m);
    } else if (first != NULL && token == NULL) {
        take_own(first);
    }
    if (m == NULL) {
        /* Without memory for it the report is lost, and with it the end of the wait for it. */
        if (token != NULL && !atomic_load(&x->closing))
            atomic_store(&x->broken, true);
        rd_kafka_event_destroy(ev);
        return;
    }
    m->ev = ev;
    m->first = first;
    deliver(&x->boxes[token->owner], m);
}

static void take_error(struct kafka_txn *x, rd_kafka_event_t *ev)
{
    if (rd_kafka_event_error_is_fatal(ev))
        atomic_store(&x->broken, true);
    for (uint32_t i = 0; i < KAFKA_TXN_MEMBERS; i++) {
        struct kafka_mail *m = x->boxes[i].fd >= 0 ? calloc(1, sizeof *m) : NULL;
        if (m == NULL)
            continue;
        m->code = rd_kafka_event_error(ev);
        snprintf(m->text, sizeof m->text, "%s", rd_kafka_event_error_string(ev));
        deliver(&x->boxes[i], m);
    }
    rd_kafka_event_destroy(ev);
}

static void keep_statistics(struct kafka_txn *x, rd_kafka_event_t *ev)
{
    /* Acquire and release: the event is whole for the one who takes it. */
    ev = atomic_exchange_explicit(&x->statistics, ev, memory_order_acq_rel);
    if (ev != NULL)
        rd_kafka_event_destroy(ev);
}

static void *courier_main(void *arg)
{
    struct kafka_txn *x = arg;
    for (;;) {
        rd_kafka_event_t *ev = rd_kafka_queue_poll(x->queue, LOOK_MS);
        if (ev == NULL) {
            if (!x->runs)
                return NULL;
        } else if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_DR) {
            take_report(x, ev);
        } else if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_ERROR) {
            take_error(x, ev);
        } else if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_STATS) {
            keep_statistics(x, ev);
        } else {
            rd_kafka_event_destroy(ev);
        }
    }
}

struct kafka_mail *kafka_txn_mail(struct kafka_txn *x, uint32_t index)
{
    struct kafka_mailbox *b = &x->boxes[index];
    pthread_mutex_lock(&b->lock);
    struct kafka_mail *m = b->first;
    if (m != NULL) {
        b->first = m->next;
        if (b->first == NULL)
            b->last = &b->first;
    }
    pthread_mutex_unlock(&b->lock);
    return m;
}

void kafka_txn_join(struct kafka_txn *x, uint32_t index, int fd)
{
    struct kafka_mailbox *b = &x->boxes[index];
    pthread_mutex_lock(&b->lock);
    b->fd = fd;
    pthread_mutex_unlock(&b->lock);
}

/* ---- life ---- */

static enum err start(struct kafka_txn *x, const struct kafka_options *o, struct errmsg *msg)
{
    rd_kafka_conf_t *conf;
    char text[32] = "";
    size_t size = sizeof text;
    TRY(kafka_conf_new(o, KAFKA_PRODUCES, &conf, msg));
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS);
    TRY(kafka_client_new(KAFKA_PRODUCES, conf, &x->rk, msg));
    if (rd_kafka_conf_get(rd_kafka_conf(x->rk), "transaction.timeout.ms", text, &size) ==
        RD_KAFKA_CONF_OK)
        x->timeout_ms = strtoull(text, NULL, 10);
    x->queue = rd_kafka_queue_get_main(x->rk);
    enum err e = kafka_flusher_new(x->rk, &x->flusher);
    x->runs = e == ERR_OK;
    if (e == ERR_OK && pthread_create(&x->courier, NULL, courier_main, x) != 0) {
        x->runs = false;
        e = ERR_SYSTEM;
    }
    if (e != ERR_OK)
        return errmsg_set(msg, e, "destination: a thread cannot be started: check the limits");
    (void)pthread_setname_np(x->courier, "reports");
    return ERR_OK;
}

enum err kafka_txn_new(const struct kafka_options *o, struct kafka_txn **out, struct errmsg *msg)
{
    struct kafka_txn *x = calloc(1, sizeof *x);
    if (x == NULL || (x->id = strdup(o->transactional_id)) == NULL) {
        free(x);
        return errmsg_set(msg, ERR_NO_MEMORY, "destination: out of memory");
    }
    pthread_mutex_init(&x->lock, NULL);
    for (uint32_t i = 0; i < KAFKA_TXN_MEMBERS; i++) {
        pthread_mutex_init(&x->boxes[i].lock, NULL);
        x->boxes[i].last = &x->boxes[i].first;
        x->boxes[i].fd = -1;
    }
    enum err e = start(x, o, msg);
    if (e != ERR_OK) {
        kafka_txn_free(x, 0);
        return e;
    }
    *out = x;
    return ERR_OK;
}

/* Nobody takes reports any more: from here on they are dropped as they come. */
static void close_boxes(struct kafka_txn *x)
{
    atomic_store(&x->closing, true);
    for (uint32_t i = 0; i < KAFKA_TXN_MEMBERS; i++) {
        kafka_txn_join(x, i, -1);
        empty_box(&x->boxes[i]);
    }
}

/* So that consumers need not wait for the brokers to do it. */
static void abort_open(struct kafka_txn *x, int timeout_ms)
{
    if (!x->open || timeout_ms == 0 || atomic_load(&x->broken))
        return;
    rd_kafka_error_t *err = rd_kafka_abort_transaction(x->rk, timeout_ms);
    if (err != NULL)
        log_debug("kafka.abort", "text=\"%s\"", rd_kafka_error_string(err));
    if (err != NULL)
        rd_kafka_error_destroy(err);
}

static void stop_courier(struct kafka_txn *x)
{
    if (!x->runs)
        return;
    x->runs = false;
    pthread_join(x->courier, NULL);
}

void kafka_txn_free(struct kafka_txn *x, int abort_ms)
{
    if (x == NULL)
        return;
    close_boxes(x);
    kafka_flusher_free(x->flusher);
    if (x->rk != NULL) {
        abort_open(x, abort_ms);
        (void)rd_kafka_purge(x->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        stop_courier(x);
        for (rd_kafka_event_t *ev; (ev = rd_kafka_queue_poll(x->queue, 0)) != NULL;)
            rd_kafka_event_destroy(ev);
        for (uint32_t i = 0; i < KAFKA_TXN_MEMBERS; i++)
            empty_box(&x->boxes[i]);
        keep_statistics(x, NULL);
        rd_kafka_queue_destroy(x->queue);
        while (x->topics != NULL) {
            struct kafka_txn_topic *t = x->topics;
            x->topics = t->next;
            rd_kafka_topic_destroy(t->rkt);
            free(t);
        }
        rd_kafka_destroy(x->rk);
    }
    for (uint32_t i = 0; i < KAFKA_TXN_MEMBERS; i++)
        pthread_mutex_destroy(&x->boxes[i].lock);
    pthread_mutex_destroy(&x->lock);
    free(x->id);
    free(x);
}

rd_kafka_topic_t *kafka_txn_topic(struct kafka_txn *x, const char *name, uint32_t index,
                                  struct kafka_topic *own)
{
    pthread_mutex_lock(&x->lock);
    struct kafka_txn_topic *t = x->topics;
    while (t != NULL && strcmp(t->name, name) != 0)
        t = t->next;
    if (t == NULL) {
        size_t n = strlen(name) + 1;
        t = calloc(1, sizeof *t + n);
        if (t != NULL) {
            memcpy(t->name, name, n);
            rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(x->rk);
            rd_kafka_topic_conf_set_opaque(conf, t);
            t->rkt = rd_kafka_topic_new(x->rk, name, conf);
        }
        if (t != NULL && t->rkt == NULL) {
            free(t);
            t = NULL;
        }
        if (t != NULL) {
            t->next = x->topics;
            x->topics = t;
        }
    }
    if (t != NULL && index < KAFKA_TXN_MEMBERS)
        t->of[index] = own; /* read by that producer alone */
    pthread_mutex_unlock(&x->lock);
    return t != NULL ? t->rkt : NULL;
}

/* ---- transactions ---- */

static bool is_fence(rd_kafka_resp_err_t re)
{
    return re == RD_KAFKA_RESP_ERR__FENCED || re == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           re == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

/* Errors after which a new client goes on from what was committed. */
static bool is_lost(rd_kafka_resp_err_t re, bool fatal)
{
    if (re == RD_KAFKA_RESP_ERR_INVALID_TXN_STATE || re == RD_KAFKA_RESP_ERR__STATE ||
        re == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING ||
        re == RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID ||
        re == RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER)
        return true;
    enum err e = kafka_err(re);
    if (re == RD_KAFKA_RESP_ERR_INVALID_RECORD)
        return false; /* the topic does not take it, and will not */
    return err_class(e) == ERRC_BROKER || (!fatal && (e == ERR_DEST_REFUSED || e == ERR_CONFIG));
}

/*
 * The same code says that somebody else has the transactional id now, and that
 * the brokers have aborted a transaction for its age. Which one it is shows in
 * that age: a new client asks whose state it is before it takes the id.
 */
static enum err tell_fence(struct kafka_txn *x, struct errmsg *msg)
{
    uint64_t used_ms = atomic_load(&x->used_ms), now = clock_mono_ms();
    uint64_t age = x->open && used_ms != 0 ? now - used_ms : 0;
    if (age >= x->timeout_ms)
        return errmsg_set(msg, ERR_ABORTED,
                          "destination: the transaction was open for %llu s, and brokers abort it "
                          "after %llu s (transaction.timeout.ms)",
                          (unsigned long long)(age / 1000),
                          (unsigned long long)(x->timeout_ms / 1000));
    return errmsg_set(msg, ERR_FENCED,
                      "another instance of task %s has taken over: the transactional id \"%s\" was "
                      "taken by it, and this instance ends; what it had not committed is not "
                      "visible, and the other one sends it",
                      x->id, x->id);
}

static enum err judge(struct kafka_txn *x, rd_kafka_resp_err_t re, bool fatal, bool retriable,
                      const char *text, struct errmsg *msg)
{
    char remedy[KAFKA_REMEDY_MAX];
    if (is_fence(re))
        return tell_fence(x, msg);
    enum err e = kafka_err(re);
    if (retriable && e != ERR_DEST_DENIED)
        e = ERR_BROKER_DOWN;
    else if (is_lost(re, fatal))
        e = ERR_ABORTED;
    return errmsg_set(msg, e, "destination: transactional id \"%s\": %s%s", x->id, text,
                      kafka_err_remedy(x->rk, re, NULL, remedy));
}

/* Takes err over; NULL is ERR_OK. */
static enum err result(struct kafka_txn *x, rd_kafka_error_t *err, struct errmsg *msg)
{
    if (err == NULL)
        return ERR_OK;
    bool fatal = rd_kafka_error_is_fatal(err) != 0;
    bool again = rd_kafka_error_is_retriable(err) != 0 && !rd_kafka_error_txn_requires_abort(err);
    enum err e = judge(x, rd_kafka_error_code(err), fatal, again, rd_kafka_error_string(err), msg);
    rd_kafka_error_destroy(err);
    return e;
}

enum err kafka_txn_init(struct kafka_txn *x, int timeout_ms, struct errmsg *msg)
{
    return result(x, rd_kafka_init_transactions(x->rk, timeout_ms), msg);
}

enum err kafka_txn_begin(struct kafka_txn *x, struct errmsg *msg)
{
    TRY(result(x, rd_kafka_begin_transaction(x->rk), msg));
    atomic_store(&x->used_ms, 0);
    x->open = true;
    return ERR_OK;
}

enum err kafka_txn_put(struct kafka_txn *x, const char *topic, struct slice key,
                       const struct slice *value, struct errmsg *msg)
{
    rd_kafka_topic_t *rkt = kafka_txn_topic(x, topic, KAFKA_TXN_MEMBERS, NULL);
    if (rkt == NULL)
        return errmsg_set(msg, ERR_DEST_TOPIC, "destination: topic \"%s\": %s", topic,
                          rd_kafka_err2str(rd_kafka_last_error()));
    kafka_txn_used(x, clock_mono_ms());
    void *bytes = value != NULL ? (void *)(uintptr_t)value->ptr : NULL; /* copied */
    if (rd_kafka_produce(rkt, 0, RD_KAFKA_MSG_F_COPY, bytes, value != NULL ? value->len : 0,
                         key.ptr, key.len, NULL) == 0)
        return ERR_OK;
    rd_kafka_resp_err_t re = rd_kafka_last_error();
    if (re == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return ERR_NO_ROOM;
    if (re == RD_KAFKA_RESP_ERR__STATE || re == RD_KAFKA_RESP_ERR__FATAL) {
        enum err e = kafka_txn_why(x, msg);
        return e != ERR_OK ? e
                           : errmsg_set(msg, ERR_ABORTED, "destination: %s", err_text(ERR_ABORTED));
    }
    if (kafka_err(re) == ERR_TOO_LARGE)
        return errmsg_set(msg, ERR_DEST_REFUSED,
                          "destination: topic %s: a record of %zu bytes of the task's state is "
                          "larger than destination.message_max: raise it, and max.message.bytes of "
                          "the topic with it",
                          topic, value != NULL ? value->len : 0);
    return judge(x, re, false, false, rd_kafka_err2str(re), msg);
}

enum err kafka_txn_commit(struct kafka_txn *x, int timeout_ms, struct errmsg *msg)
{
    TRY(result(x, rd_kafka_commit_transaction(x->rk, timeout_ms), msg));
    x->open = false;
    return ERR_OK;
}

enum err kafka_txn_why(struct kafka_txn *x, struct errmsg *msg)
{
    char text[512];
    rd_kafka_resp_err_t re = rd_kafka_fatal_error(x->rk, text, sizeof text);
    if (re != RD_KAFKA_RESP_ERR_NO_ERROR)
        return judge(x, re, true, false, text, msg);
    /* While one is lost none can begin, and the answer says why. */
    rd_kafka_error_t *err = rd_kafka_begin_transaction(x->rk);
    if (err != NULL && rd_kafka_error_txn_requires_abort(err))
        return result(x, err, msg);
    if (err != NULL)
        rd_kafka_error_destroy(err);
    return ERR_OK;
}

uint64_t kafka_txn_timeout_ms(const struct kafka_txn *x)
{
    return x->timeout_ms;
}
