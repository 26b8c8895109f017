/*
 * What a producer hears: delivery reports, and what librdkafka says about the
 * brokers.
 *
 * Reports come as events on the client's main queue, one event for each
 * acknowledged request, with all of its messages; the queue writes into an
 * eventfd when it stops being empty, and the lane sleeps on that. Where lanes
 * share a client, a thread of its own brings each of them its mail (txn.h).
 */
#include "kafka/producer_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "kafka/kafka_err.h"
#include "kafka/stats.h"

#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#define SILENCE_MS 2000 /* without a report before it counts as trouble */

/* ---- statistics ---- */

/* The text stays with its event and is read by whoever asks, not on the row path. */
void kafka_producer_keep_stats(struct kafka_producer *p, rd_kafka_event_t *ev)
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

/* ---- failures and trouble ---- */

/* What no other transaction would mend. */
static bool is_final(rd_kafka_resp_err_t re)
{
    enum err e = kafka_err(re);
    return e == ERR_DEST_DENIED || e == ERR_DEST_TOPIC || e == ERR_TOO_LARGE ||
           re == RD_KAFKA_RESP_ERR_INVALID_RECORD;
}

enum err kafka_producer_fail(struct kafka_producer *p, rd_kafka_resp_err_t re, const char *topic,
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
        kafka_producer_fail(p, re, NULL, 0, why);
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

/* ---- reports ---- */

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
        kafka_producer_answered(p, own_topic(p, a->rkt), a->partition, a->count);
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
            e = kafka_producer_fail(p, m->err, rd_kafka_topic_name(m->rkt), m->partition,
                                    rd_kafka_err2str(m->err));
        else
            any_good = true;
        count++;
        bytes += kafka_cost(m->key_len, m->len);
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

/* Sends what has waited long enough for company; then as kafka_producer_due_ms(). */
static int press_due(struct kafka_producer *p)
{
    int due = kafka_producer_due_ms(p);
    if (due != 0)
        return due;
    kafka_producer_press(p, false);
    return kafka_producer_due_ms(p);
}

/* The next mail on a shared client, as next_event() below. */
static struct kafka_mail *next_mail(struct kafka_producer *p, int timeout_ms)
{
    for (;;) {
        int due = press_due(p);
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
        kafka_producer_fail(p, RD_KAFKA_RESP_ERR__FATAL, NULL, 0, "the transaction cannot go on");
    return count;
}

/* The next event; what is due meanwhile is sent. */
static rd_kafka_event_t *next_event(struct kafka_producer *p, int timeout_ms)
{
    for (;;) {
        int due = press_due(p);
        int wait = due > 0 && due < timeout_ms ? due : timeout_ms;
        rd_kafka_event_t *ev = rd_kafka_queue_poll(p->queue, wait);
        timeout_ms -= wait;
        if (ev != NULL || timeout_ms <= 0)
            return ev;
    }
}

/* All events that are there; the number of messages reported. */
static size_t take_events(struct kafka_producer *p, int timeout_ms, kafka_delivered_fn fn,
                          void *arg)
{
    size_t count = 0;
    rd_kafka_event_t *ev;
    while ((ev = next_event(p, timeout_ms)) != NULL) {
        timeout_ms = 0;
        if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_STATS) {
            kafka_producer_keep_stats(p, ev);
            continue;
        }
        if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_DR)
            count += take_reports(p, ev, NULL, fn, arg);
        else if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_ERROR)
            take_error(p, ev);
        rd_kafka_event_destroy(ev);
    }
    return count;
}

size_t kafka_poll(struct kafka_producer *p, int timeout_ms, kafka_delivered_fn fn, void *arg)
{
    size_t count =
        p->txn != NULL ? take_mail(p, timeout_ms, fn, arg) : take_events(p, timeout_ms, fn, arg);
    if (count > 0)
        p->state.silent_since_ms = p->outstanding > 0 ? clock_mono_ms() : 0;
    else
        look_for_trouble(p);
    kafka_producer_pass_hurry(p);
    return count;
}
