/*
 * The producer of a lane on librdkafka.
 *
 * Reports come as events on the client's main queue, one event for each
 * acknowledged request, with all of its messages; the queue writes into an
 * eventfd when it stops being empty, and the lane sleeps on that.
 *
 * Accounting is ours and not librdkafka's, because keys and the library's own
 * bytes count too, and because a message larger than the whole budget has to
 * pass when it is alone.
 */
#include "kafka/producer.h"

#include "base/clock.h"
#include "base/log.h"
#include "kafka/flusher.h"
#include "kafka/gather.h"
#include "kafka/kafka_err.h"
#include "kafka/stats.h"
#include "kafka/txn_int.h"

#include <assert.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/*
 * Small batches cost CPU: 13 us a message where full ones cost 1.5. So hurry is
 * rationed by a bucket of messages: it fills at HURRY_RATE up to HURRY_BURST,
 * every message takes one out, and hurry is passed on while it is not in debt.
 * A lone transaction of any size goes out at once; a stream above the rate
 * runs on full batches and waits for the linger time, which is short.
 */
#define HURRY_RATE     50 /* messages a millisecond */
#define HURRY_BURST    500
#define LINGER_US      5000 /* how long a batch that is not full waits for company */
#define BATCH_ROOM     512  /* of a batch, for the heads of request and record batch */
#define FLUSH_MESSAGES 64   /* of a batch: larger ones go by librdkafka's linger time */
#define SILENCE_MS     2000 /* without a report before it counts as trouble */
#define PURGE_MS       100  /* for the answers to a purge, at the end */
#define BATCH_FIXED    61   /* a v2 record batch without records: Kafka protocol, "Record Batch" */

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
    size_t batch_bytes;  /* a batch of a partition that is full */
    uint64_t linger_us;  /* how long one that is not may wait for company */
    uint64_t waiting_us; /* since when messages wait that are not pressed for; 0: none */
    struct kafka_state state;
    /* The newest statistics, unread; NULL: none. Whoever takes it out has it. */
    _Atomic(rd_kafka_event_t *) statistics;
    rd_kafka_resp_err_t reason_code; /* the last error event since an acknowledgement */
    char reason[400];
};

static size_t varint_bytes(uint64_t zigzag)
{
    size_t n = 1;
    for (; zigzag >= 0x80; zigzag >>= 7)
        n++;
    return n;
}

size_t kafka_batch_bytes(size_t key_len, size_t value_len)
{
    /* Attributes, timestamp delta, offset delta and header count: one byte each, being zero. */
    size_t body = 4 + varint_bytes(2 * (uint64_t)key_len) + key_len +
                  varint_bytes(2 * (uint64_t)value_len) + value_len;
    return BATCH_FIXED + varint_bytes(2 * (uint64_t)body) + body;
}

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

static enum err make(const struct kafka_options *o, struct kafka_producer **out, struct errmsg *msg)
{
    struct kafka_producer *p = calloc(1, sizeof *p);
    if (p == NULL)
        return errmsg_set(msg, ERR_NO_MEMORY, "destination: out of memory");
    p->queue_bytes = o->queue_bytes != 0 ? o->queue_bytes : KAFKA_QUEUE_BYTES;
    p->message_max = o->message_max != 0 ? o->message_max : KAFKA_MESSAGE_MAX;
    p->batch_bytes = kafka_conf_batch_bytes(o) - BATCH_ROOM;
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
    TRY(make(o, &p, msg));
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
    TRY(make(o, &p, msg));
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

/* The text stays with its event and is read by whoever asks, not on the row path. */
static void keep_statistics(struct kafka_producer *p, rd_kafka_event_t *ev)
{
    /* Acquire and release: the event is whole for the one who takes it. */
    ev = atomic_exchange_explicit(&p->statistics, ev, memory_order_acq_rel);
    if (ev != NULL)
        rd_kafka_event_destroy(ev);
}

enum err kafka_producer_stats(struct kafka_producer *p, struct kafka_stats **out)
{
    rd_kafka_event_t *ev = NULL;
    if (p->txn == NULL)
        ev = atomic_exchange_explicit(&p->statistics, NULL, memory_order_acq_rel);
    else if (p->index == 0) /* for them all */
        ev = atomic_exchange_explicit(&p->txn->statistics, NULL, memory_order_acq_rel);
    if (ev == NULL)
        return ERR_NO_ROOM;
    enum err e = kafka_stats_parse(slice_str(rd_kafka_event_stats(ev)), out);
    rd_kafka_event_destroy(ev);
    return e;
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
    keep_statistics(p, NULL);
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

/* What no other transaction would mend. */
static bool is_final(rd_kafka_resp_err_t re)
{
    enum err e = kafka_err(re);
    return e == ERR_DEST_DENIED || e == ERR_DEST_TOPIC || e == ERR_TOO_LARGE ||
           re == RD_KAFKA_RESP_ERR_INVALID_RECORD;
}

/* The first final failure is the one that is told. */
static enum err fail(struct kafka_producer *p, rd_kafka_resp_err_t re, const char *topic,
                     int32_t partition, const char *text)
{
    enum err e = kafka_err(re);
    if (p->state.failed != ERR_OK)
        return e;
    if (p->txn != NULL && !is_final(re))
        e = ERR_ABORTED;
    else if (err_class(e) == ERRC_WAIT || err_class(e) == ERRC_BROKER)
        e = ERR_DEST_REFUSED; /* given up by librdkafka, so waiting does not help */
    p->state.failed = e;

    char remedy[KAFKA_REMEDY_MAX], where[300] = "";
    if (topic != NULL)
        snprintf(where, sizeof where, "topic %s [%d]: ", topic, (int)partition);
    snprintf(p->state.sentence, sizeof p->state.sentence, "destination: %s%s%s", where, text,
             kafka_err_remedy(p->rk, re, NULL, remedy));
    return e;
}

static bool has_room(const struct kafka_producer *p, size_t cost)
{
    return p->bytes + cost <= p->queue_bytes || p->outstanding == 0;
}

static size_t cost_of(size_t key_len, size_t value_len)
{
    return key_len + value_len + KAFKA_MESSAGE_OVERHEAD;
}

static void account(struct kafka_producer *p, size_t messages, size_t bytes)
{
    if (p->outstanding == 0)
        p->state.silent_since_ms = clock_mono_ms();
    p->outstanding += messages;
    p->produced += messages;
    p->bytes += bytes;
}

/* Makes room for the gathers of partitions up to this one, and for all of them to be open. */
static bool grow(struct kafka_producer *p, struct kafka_topic *t, int32_t partition)
{
    int32_t count = partition + 1;
    size_t cap = p->open_cap + (size_t)(count - t->gather_count);
    struct open_gather *open = realloc(p->open, cap * sizeof *open);
    if (open == NULL)
        return false;
    p->open = open;
    struct gather **gathers = realloc(t->gathers, (size_t)count * sizeof(struct gather *));
    if (gathers == NULL)
        return false;
    p->open_cap = cap;
    for (int32_t i = t->gather_count; i < count; i++)
        gathers[i] = NULL;
    t->gathers = gathers;
    t->gather_count = count;
    return true;
}

/* Where this partition's messages gather. */
static struct gather *gather_of(struct kafka_producer *p, struct kafka_topic *t, int32_t partition)
{
    if (partition < t->gather_count && t->gathers[partition] != NULL)
        return t->gathers[partition];
    /*
     * Once a message has gone past it a partition may not begin to gather, or
     * a later message could overtake; so this depends on the number alone, and
     * a lack of memory is an error.
     */
    if (partition >= t->gather_count && !grow(p, t, partition))
        return NULL;
    struct gather *g = calloc(1, sizeof *g);
    if (g == NULL)
        return NULL;
    g->partition = partition;
    t->gathers[partition] = g;
    return g;
}

/* Hands one batch over; what librdkafka does not take stays. */
static enum err pass(struct kafka_producer *p, struct gather *g, struct kafka_topic *t)
{
    if (p->txn != NULL)
        kafka_txn_used(p->txn, clock_mono_ms());
    rd_kafka_resp_err_t re = gather_pass(g, &p->chunks, t->rkt, p->batch_bytes);
    if (re == RD_KAFKA_RESP_ERR_NO_ERROR)
        return ERR_OK;
    if (re == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return ERR_NO_ROOM;
    return fail(p, re, t->name, g->partition, rd_kafka_err2str(re));
}

static void wait_for_company(struct kafka_producer *p)
{
    if (p->waiting_us == 0)
        p->waiting_us = clock_mono_us();
}

/*
 * What was handed over is worth a flush: it is in a hurry, and so little that
 * it was handed over in one go. A flush in the middle of many would cut them
 * in two, and then the rest would wait inside librdkafka (gather.h).
 */
static bool worth_a_flush(const struct gather *g)
{
    return g->reported < g->hurried && g->inside > 0 && g->inside <= FLUSH_MESSAGES;
}

/*
 * Sends what waits: now for partitions with nothing under way, with the next
 * report for the others.
 */
static void press(struct kafka_producer *p, bool hurry)
{
    size_t left = 0;
    bool wanted = false;
    p->waiting_us = 0;
    if (p->state.failed != ERR_OK || p->held)
        return;
    for (size_t i = 0; i < p->open_count; i++) {
        struct open_gather o = p->open[i];
        o.g->due = o.g->put;
        if (hurry)
            o.g->hurried = o.g->put;
        if (gather_may_pass(o.g, p->batch_bytes)) {
            if (pass(p, o.g, o.topic) == ERR_NO_ROOM)
                wait_for_company(p); /* tried again when that is over */
            wanted = wanted || worth_a_flush(o.g);
        }
        o.g->listed = o.g->head != NULL;
        if (o.g->listed)
            p->open[left++] = o;
    }
    p->open_count = left;
    if (wanted)
        kafka_flusher_ask(p->flusher);
}

/* Messages of a partition are reported: its next batch may go. */
static void next_batch(struct kafka_producer *p, struct kafka_topic *t, int32_t partition,
                       uint32_t count)
{
    if (partition >= GATHER_PARTITIONS)
        return;
    struct gather *g = t->gathers[partition];
    g->reported += count;
    g->inside -= count;
    if (g->head == NULL || p->state.failed != ERR_OK || p->held)
        return; /* it stays listed, which does no harm */
    if (!gather_may_pass(g, p->batch_bytes))
        return;
    if (g->reported >= g->due && !gather_is_full(g, p->batch_bytes)) {
        wait_for_company(p);
        return;
    }
    if (pass(p, g, t) == ERR_NO_ROOM)
        wait_for_company(p);
    if (worth_a_flush(g))
        kafka_flusher_ask(p->flusher);
}

static enum err produce_alone(struct kafka_producer *p, struct kafka_topic *t, int32_t partition,
                              struct slice key, struct slice value, void *token)
{
    if (p->held)
        return ERR_NO_ROOM;
    if (p->txn != NULL)
        kafka_txn_used(p->txn, clock_mono_ms());
    if (rd_kafka_produce(t->rkt, partition, 0, gather_payload(value), value.len,
                         key.len > 0 ? key.ptr : NULL, key.len, token) == 0)
        return ERR_OK;
    rd_kafka_resp_err_t re = rd_kafka_last_error();
    if (re == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return ERR_NO_ROOM;
    return fail(p, re, t->name, partition, rd_kafka_err2str(re));
}

/* A message whose key does not fit into a chunk: those before it go first. */
static enum err gather_past(struct kafka_producer *p, struct gather *g, struct kafka_topic *t,
                            struct slice key, struct slice value, void *token)
{
    if (p->held || g->held)
        return ERR_NO_ROOM;
    while (g->head != NULL)
        TRY(pass(p, g, t));
    TRY(produce_alone(p, t, g->partition, key, value, token));
    g->put++;
    g->inside++;
    return ERR_OK;
}

static enum err gather(struct kafka_producer *p, struct kafka_topic *t, int32_t partition,
                       struct slice key, struct slice value, void *token)
{
    struct gather *g = gather_of(p, t, partition);
    if (g == NULL)
        return ERR_NO_MEMORY;
    if (key.len > GATHER_KEY_BYTES)
        return gather_past(p, g, t, key, value, token);
    if (!gather_put(g, &p->chunks, key, value, token))
        return ERR_NO_MEMORY;
    if (!g->listed) {
        assert(p->open_count < p->open_cap);
        g->listed = true;
        p->open[p->open_count++] = (struct open_gather){g, t};
    }
    wait_for_company(p);
    /* A full batch goes at once. The message is queued, so no room there is no error here. */
    if (!p->held && gather_is_full(g, p->batch_bytes) && gather_may_pass(g, p->batch_bytes))
        (void)pass(p, g, t);
    return ERR_OK;
}

enum err kafka_produce(struct kafka_producer *p, struct kafka_topic *t, int32_t partition,
                       struct slice key, struct slice value, void *token)
{
    size_t cost = cost_of(key.len, value.len);
    if (__builtin_expect(p->state.failed != ERR_OK, 0))
        return p->state.failed;
    if (partition < 0)
        return ERR_BUG;
    if (kafka_batch_bytes(key.len, value.len) > p->message_max)
        return ERR_TOO_LARGE;
    if (!has_room(p, cost))
        return ERR_NO_ROOM;
    if (partition < GATHER_PARTITIONS)
        TRY(gather(p, t, partition, key, value, token));
    else
        TRY(produce_alone(p, t, partition, key, value, token));
    account(p, 1, cost);
    return ERR_OK;
}

bool kafka_partition_hold(struct kafka_producer *p, struct kafka_topic *t, int32_t partition)
{
    if (partition < 0 || partition >= GATHER_PARTITIONS)
        return false; /* its messages go one by one */
    struct gather *g = gather_of(p, t, partition);
    if (g == NULL || g->held)
        return false;
    g->held = true;
    g->hold_at = g->put;
    return true;
}

void kafka_partition_release(struct kafka_producer *p, struct kafka_topic *t, int32_t partition)
{
    struct gather *g = t->gathers[partition];
    g->held = false;
    if (g->head == NULL || p->state.failed != ERR_OK)
        return;
    g->due = g->hurried = g->put;
    if (!gather_may_pass(g, p->batch_bytes) || pass(p, g, t) == ERR_NO_ROOM)
        wait_for_company(p);
    if (worth_a_flush(g))
        kafka_flusher_ask(p->flusher);
}

enum err kafka_producer_hold(struct kafka_producer *p)
{
    while (p->open_count > 0) {
        struct open_gather o = p->open[p->open_count - 1];
        while (o.g->head != NULL)
            TRY(pass(p, o.g, o.topic));
        o.g->listed = false;
        p->open_count--;
    }
    p->waiting_us = 0;
    p->held = true;
    return ERR_OK;
}

void kafka_producer_release(struct kafka_producer *p)
{
    p->held = false;
    press(p, p->hurry);
    p->hurry = false;
}

static void trouble_over(struct kafka_producer *p)
{
    p->reason[0] = '\0';
    p->reason_code = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (p->state.trouble == ERR_OK)
        return;
    log_debug("kafka.back", "client=%s after_ms=%llu", rd_kafka_name(p->rk),
              (unsigned long long)(clock_mono_ms() - p->state.trouble_since_ms));
    p->state.trouble = ERR_OK;
    p->state.trouble_since_ms = 0;
    if (p->state.failed == ERR_OK)
        p->state.sentence[0] = '\0';
}

/* What the messages of one report add up to, as long as they are of one partition. */
struct answer {
    rd_kafka_topic_t *rkt;
    int32_t partition;
    uint32_t count;
};

/* The producer's own idea of a topic. */
static struct kafka_topic *own_topic(const struct kafka_producer *p, rd_kafka_topic_t *rkt)
{
    void *opaque = rd_kafka_topic_opaque(rkt);
    return p->txn != NULL ? ((struct kafka_txn_topic *)opaque)->of[p->index] : opaque;
}

static void finish_answer(struct kafka_producer *p, struct answer *a)
{
    if (a->count > 0)
        next_batch(p, own_topic(p, a->rkt), a->partition, a->count);
    a->count = 0;
}

static void add_to_answer(struct kafka_producer *p, struct answer *a, const rd_kafka_message_t *m)
{
    if (a->count > 0 && (a->rkt != m->rkt || a->partition != m->partition))
        finish_answer(p, a);
    a->rkt = m->rkt;
    a->partition = m->partition;
    a->count++;
}

/*
 * Reports of one acknowledged (or failed) request, handed on in runs. m: the first message,
 * if it was taken out already.
 */
static size_t take_reports(struct kafka_producer *p, rd_kafka_event_t *ev,
                           const rd_kafka_message_t *m, kafka_delivered_fn fn, void *arg)
{
    struct answer answer = {0};
    void *token = NULL;
    enum err outcome = ERR_OK;
    uint32_t run = 0;
    size_t count = 0, bytes = 0;
    bool any_good = false;

    if (m == NULL)
        m = rd_kafka_event_message_next(ev);
    for (; m != NULL; m = rd_kafka_event_message_next(ev)) {
        enum err e = ERR_OK;
        if (__builtin_expect(m->err != RD_KAFKA_RESP_ERR_NO_ERROR, 0))
            e = fail(p, m->err, rd_kafka_topic_name(m->rkt), m->partition,
                     rd_kafka_err2str(m->err));
        else
            any_good = true;
        count++;
        bytes += cost_of(m->key_len, m->len);
        add_to_answer(p, &answer, m);
        if (run > 0 && m->_private == token && e == outcome) {
            run++;
            continue;
        }
        if (run > 0)
            fn(arg, token, run, outcome);
        token = m->_private;
        outcome = e;
        run = 1;
    }
    assert(p->outstanding >= count && p->bytes >= bytes);
    p->outstanding -= count;
    p->bytes -= bytes;
    finish_answer(p, &answer);
    if (any_good)
        trouble_over(p);
    if (run > 0)
        fn(arg, token, run, outcome);
    return count;
}

/* Why brokers may be silent. */
static void note_reason(struct kafka_producer *p, rd_kafka_resp_err_t re, const char *text)
{
    /* "All brokers are down" says less than the reason that came before it. */
    if (re == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && p->reason[0] != '\0')
        return;
    p->reason_code = kafka_err_told(re, text);
    snprintf(p->reason, sizeof p->reason, "%s", text);
}

/* What librdkafka says about brokers and about itself. */
static void take_error(struct kafka_producer *p, rd_kafka_event_t *ev)
{
    rd_kafka_resp_err_t re = rd_kafka_event_error(ev);
    const char *text = rd_kafka_event_error_string(ev);
    char why[512];

    if (rd_kafka_event_error_is_fatal(ev)) {
        re = rd_kafka_fatal_error(p->rk, why, sizeof why);
        fail(p, re, NULL, 0, why);
        return;
    }
    log_debug("kafka.error", "client=%s code=%s text=%s", rd_kafka_name(p->rk),
              rd_kafka_err2name(re), log_quote(why, sizeof why, text));
    note_reason(p, re, text);
}

/*
 * Trouble begins with silence and is explained by the last error event. An
 * event alone says little: one broker of several may be gone, and
 * "all brokers down" does not come when the only one refuses connections.
 */
static void look_for_trouble(struct kafka_producer *p)
{
    struct kafka_state *s = &p->state;
    if (p->outstanding == 0 || s->failed != ERR_OK)
        return;
    uint64_t now = clock_mono_ms();
    bool denied = kafka_err(p->reason_code) == ERR_DEST_DENIED;
    if (!denied && now - s->silent_since_ms < SILENCE_MS)
        return;

    char remedy[KAFKA_REMEDY_MAX];
    snprintf(s->sentence, sizeof s->sentence, "destination: %s%s",
             p->reason[0] != '\0' ? p->reason : "the brokers do not answer",
             kafka_err_remedy(p->rk, p->reason_code, NULL, remedy));
    if (s->trouble == ERR_OK) {
        char quoted[600];
        s->trouble_since_ms = now;
        s->outages++;
        log_debug("kafka.trouble", "client=%s outstanding=%zu text=%s", rd_kafka_name(p->rk),
                  p->outstanding, log_quote(quoted, sizeof quoted, s->sentence));
    }
    s->trouble = denied ? ERR_DEST_DENIED : ERR_BROKER_DOWN;
}

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

static void pass_hurry(struct kafka_producer *p)
{
    if (!p->hurry)
        return;
    uint64_t now = clock_mono_us();
    int64_t full = (int64_t)HURRY_BURST * 1000;
    int64_t pause_us = clamp((int64_t)(now - p->ration_us), 0, 1000000);
    int64_t ration = clamp(p->ration + pause_us * HURRY_RATE, -full, full);
    p->ration = clamp(ration - (int64_t)p->produced * 1000, -full, full);
    p->ration_us = now;
    p->produced = 0;
    if (ration < 0)
        return;
    if (p->held)
        return; /* with kafka_producer_release() */
    p->hurry = false;
    if (p->outstanding > 0)
        press(p, true);
}

int kafka_producer_due_ms(const struct kafka_producer *p)
{
    if (p->waiting_us == 0 || p->held)
        return -1;
    uint64_t due = p->waiting_us + p->linger_us, now = clock_mono_us();
    return due <= now ? 0 : (int)((due - now) / 1000 + 1);
}

/* The next mail on a shared client, as next_event() below. */
static struct kafka_mail *next_mail(struct kafka_producer *p, int timeout_ms)
{
    for (;;) {
        int due = kafka_producer_due_ms(p);
        if (due == 0) {
            press(p, false);
            due = kafka_producer_due_ms(p);
        }
        struct kafka_mail *m = kafka_txn_mail(p->txn, p->index);
        if (m != NULL || timeout_ms <= 0)
            return m;
        int wait = due > 0 && due < timeout_ms ? due : timeout_ms;
        struct pollfd fd = {.fd = p->fd, .events = POLLIN};
        eventfd_t n;
        if (poll(&fd, 1, wait) > 0) {
            (void)eventfd_read(p->fd, &n);
            timeout_ms = 0; /* a wake: its owner has something to look at */
        } else {
            timeout_ms -= wait;
        }
    }
}

/* All mail that is there; the number of messages reported. */
static size_t take_mail(struct kafka_producer *p, int timeout_ms, kafka_delivered_fn fn, void *arg)
{
    size_t count = 0;
    struct kafka_mail *m;
    while ((m = next_mail(p, timeout_ms)) != NULL) {
        if (m->ev != NULL) {
            count += take_reports(p, m->ev, m->first, fn, arg);
            rd_kafka_event_destroy(m->ev);
        } else {
            note_reason(p, m->code, m->text);
        }
        free(m);
        timeout_ms = 0;
    }
    if (atomic_load_explicit(&p->txn->broken, memory_order_relaxed))
        fail(p, RD_KAFKA_RESP_ERR__FATAL, NULL, 0, "the transaction cannot go on");
    return count;
}

/* The next event; what is due meanwhile is sent. */
static rd_kafka_event_t *next_event(struct kafka_producer *p, int timeout_ms)
{
    for (;;) {
        int due = kafka_producer_due_ms(p);
        if (due == 0) {
            press(p, false);
            due = kafka_producer_due_ms(p);
        }
        int wait = due > 0 && due < timeout_ms ? due : timeout_ms;
        rd_kafka_event_t *ev = rd_kafka_queue_poll(p->queue, wait);
        timeout_ms -= wait;
        if (ev != NULL || timeout_ms <= 0)
            return ev;
    }
}

size_t kafka_poll(struct kafka_producer *p, int timeout_ms, kafka_delivered_fn fn, void *arg)
{
    size_t count = 0;
    rd_kafka_event_t *ev;

    if (p->txn != NULL)
        count = take_mail(p, timeout_ms, fn, arg);
    while (p->txn == NULL && (ev = next_event(p, timeout_ms)) != NULL) {
        timeout_ms = 0;
        if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_STATS) {
            keep_statistics(p, ev);
            continue;
        }
        if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_DR)
            count += take_reports(p, ev, NULL, fn, arg);
        else if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_ERROR)
            take_error(p, ev);
        rd_kafka_event_destroy(ev);
    }
    if (count > 0)
        p->state.silent_since_ms = p->outstanding > 0 ? clock_mono_ms() : 0;
    else
        look_for_trouble(p);
    pass_hurry(p);
    return count;
}

size_t kafka_producer_outstanding(const struct kafka_producer *p)
{
    return p->outstanding;
}

size_t kafka_producer_bytes(const struct kafka_producer *p)
{
    return p->bytes;
}

void kafka_hurry(struct kafka_producer *p)
{
    p->hurry = p->outstanding > 0;
    pass_hurry(p);
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
