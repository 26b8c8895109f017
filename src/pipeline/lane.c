/* See lane.h. */
#include "pipeline/lane_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "pipeline/binding.h"

#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PACK_SIZE   (256u << 10)
#define SLEEP_MS    100 /* the longest sleep: bounds how late a stop or an outage is noticed */
#define KEY_MAX     (1u << 20)
#define SCRATCH_MAX (1u << 30) /* values put together for one row: no more than an event can be */

void lane_fail(struct lane *l, enum err e, const struct errmsg *em)
{
    fault_raise(l->o.fault, e, em);
    atomic_store(&l->aborted, true);
}

/* How long the rows of newly acknowledged batches took from their commit on. */
static void take_times(struct lane *l)
{
    uint64_t acked = inflight_acked(l->inflight);
    if (l->o.view == NULL || acked == l->timed)
        return;
    uint64_t now = clock_wall_us() + (uint64_t)atomic_load(&l->o.view->clock_ahead_us);
    while (l->timed < acked) {
        const struct batch_time *t = &l->times[++l->timed % INFLIGHT_BATCHES];
        if (t->commit_us != 0)
            view_took(l->o.view, now > t->commit_us ? now - t->commit_us : 0, t->rows);
    }
}

static void on_delivered(void *arg, void *token, uint32_t messages, enum err outcome)
{
    struct lane *l = arg;
    if (outcome != ERR_OK) {
        struct errmsg em;
        const struct kafka_state *state = kafka_producer_state(l->producer);
        enum err e = state->failed != ERR_OK ? state->failed : outcome;
        errmsg_set(&em, e, "%s", state->sentence[0] != 0 ? state->sentence : err_text(e));
        lane_fail(l, e, &em);
        return;
    }
    inflight_delivered(l->inflight, token, messages);
    count(&l->counters.acknowledged, messages);
    take_times(l);
}

/* Says when brokers go and come back, and ends the task when they stay away too long. */
static void watch_brokers(struct lane *l)
{
    const struct kafka_state *state = kafka_producer_state(l->producer);
    if (state->failed != ERR_OK) {
        struct errmsg em;
        errmsg_set(&em, state->failed, "%s", state->sentence);
        lane_fail(l, state->failed, &em);
        return;
    }
    if (state->outages != l->outages) {
        l->outages = state->outages;
        l->down = true;
        char quoted[600];
        log_warn("destination.down", "lane=%u reason=%s retry_window_s=%llu", l->o.index,
                 log_quote(quoted, sizeof(quoted), state->sentence),
                 (unsigned long long)(l->o.retry_ms / 1000));
        uint64_t since = clock_wall_us() - (clock_mono_ms() - state->trouble_since_ms) * 1000;
        view_trouble_begin(l->o.view, VIEW_DESTINATION, l->o.index, since, 0,
                           since + l->o.retry_ms * 1000, state->sentence);
    }
    if (l->down && state->trouble == ERR_OK) {
        l->down = false;
        view_trouble_end(l->o.view, VIEW_DESTINATION, l->o.index);
        log_info("destination.back", "lane=%u", l->o.index);
    }
    if (state->trouble_since_ms != 0 && clock_mono_ms() - state->trouble_since_ms > l->o.retry_ms) {
        struct errmsg em;
        errmsg_set(
            &em, ERR_BROKER_DOWN,
            "%s; gave up after %llu s (retry.connection): nothing is lost, a restart goes on "
            "from the checkpoint",
            state->sentence, (unsigned long long)(l->o.retry_ms / 1000));
        lane_fail(l, state->trouble != ERR_OK ? state->trouble : ERR_BROKER_DOWN, &em);
    }
}

void lane_poll(struct lane *l, int timeout_ms)
{
    if (l->holds.count > 0 && timeout_ms > LANE_HOLD_MS)
        timeout_ms = LANE_HOLD_MS;
    kafka_poll(l->producer, timeout_ms, on_delivered, l);
    lane_holds_release(&l->holds, l->producer);
    watch_brokers(l);
    atomic_store_explicit(&l->counters.queue_bytes, kafka_producer_bytes(l->producer),
                          memory_order_relaxed);
    atomic_store_explicit(&l->counters.pack_bytes, inflight_bytes(l->inflight),
                          memory_order_relaxed);
}

void lane_wait_for_room(struct lane *l)
{
    lane_look_for_release(l);
    kafka_hurry(l->producer);
    lane_poll(l, SLEEP_MS);
}

/* Lets the messages of our first row's partition wait, and no others. */
static bool hold_partition(struct lane *l, const struct batch *b)
{
    const struct row_ref *row = &b->rows[0];
    const struct binding *of = b->events[row->event].binding;
    struct lane_hold h = {
        .partition = row->partition, .peer = l->o.peers[b->wait_lane], .seq = b->wait_seq};
    return lane_topic(l, of->topic_index, of->topic, &h.topic) == ERR_OK &&
           lane_holds_add(&l->holds, l->producer, &h);
}

/*
 * Nothing of our first row's partition is produced until the DELETE that the
 * row follows is acknowledged. Where a partition cannot be held, or is held
 * already, the lane itself waits.
 */
static bool wait_for_peer(struct lane *l, const struct batch *b)
{
    const struct lane *peer = l->o.peers[b->wait_lane];
    while (lane_acked(peer) < b->wait_seq && !hold_partition(l, b)) {
        if (lane_is_stopped(l))
            return false;
        kafka_hurry(l->producer);
        lane_poll(l, LANE_HOLD_MS);
    }
    return true;
}

/* What was produced of one table's rows, added to the sums of its topic and of the lane. */
static void count_produced(struct lane *l, const struct binding *b)
{
    if (b != NULL && b->topic_counter != NULL) {
        count(&b->topic_counter->messages, l->batch_messages);
        count(&b->topic_counter->bytes, l->batch_bytes);
    }
    count(&l->counters.messages, l->batch_messages);
    count(&l->counters.bytes, l->batch_bytes);
    count(&l->counters.left_out, l->batch_left_out);
    count(&l->counters.dropped, l->batch_dropped);
    l->batch_messages = l->batch_bytes = l->batch_left_out = l->batch_dropped = 0;
    uint64_t replaced = format_replaced(&l->encoder);
    count(&l->counters.replaced_text, replaced - l->replaced);
    l->replaced = replaced;
}

static bool carry_batch(struct lane *l, struct batch *b)
{
    if (l->o.txn != NULL && !lane_look_for_cut(l))
        return false;
    /* Within a transaction DELETE and INSERT are seen together. */
    if (b->wait_seq != 0 && l->o.txn == NULL && !wait_for_peer(l, b))
        return false;
    while (!inflight_open_batch(l->inflight, b->seq)) {
        if (lane_is_stopped(l))
            return false;
        lane_wait_for_room(l);
    }
    uint64_t ts_ms = clock_wall_us() / 1000;
    l->times[b->seq % INFLIGHT_BATCHES] = (struct batch_time){
        b->row_count > 0 ? b->events[b->rows[0].event].commit_us : 0, b->row_count};
    const struct binding *at = NULL;
    if (b->ddl != NULL && lane_carry_ddl(l, b->ddl, ts_ms) != ERR_OK)
        return false;
    for (uint32_t i = 0; i < b->row_count; i++) {
        const struct row_ref *row = &b->rows[i];
        const struct row_event *ev = &b->events[row->event];
        if (ev->binding != at)
            count_produced(l, at);
        at = ev->binding;
        if (lane_carry_row(l, ev, row, ts_ms) != ERR_OK)
            return false;
    }
    inflight_close_batch(l->inflight);
    l->carried = b->seq;
    take_times(l);
    count_produced(l, at);
    return true;
}

static void give_back(struct lane *l, struct batch *b)
{
    batch_reset(b);
    ring_push(&l->out, b);
    /* Sequentially consistent on both sides: either we see that the reader waits, or it sees b. */
    if (atomic_exchange(&l->reader_waits, false))
        l->o.on_empty(l->o.on_empty_arg);
}

static void sleep_for_work(struct lane *l)
{
    atomic_store(&l->asleep, true);
    /* Sequentially consistent: either we see the batch, or the reader sees that we sleep. */
    atomic_thread_fence(memory_order_seq_cst);
    if (ring_count(&l->in) == 0 && !lane_is_called(l)) {
        struct pollfd fd = {.fd = kafka_producer_fd(l->producer), .events = POLLIN};
        int due = kafka_producer_due_ms(l->producer);
        int longest = l->holds.count > 0 ? LANE_HOLD_MS : SLEEP_MS;
        if (poll(&fd, 1, due >= 0 && due < longest ? due : longest) > 0) {
            uint64_t n;
            ssize_t got = read(fd.fd, &n, sizeof(n));
            (void)got; /* only its emptying matters */
        }
    }
    atomic_store(&l->asleep, false);
}

static void *lane_main(void *arg)
{
    struct lane *l = arg;
    while (!lane_is_stopped(l)) {
        lane_poll(l, 0);
        struct batch *b = ring_pop(&l->in);
        if (b != NULL) {
            bool done = carry_batch(l, b);
            give_back(l, b);
            if (!done)
                break;
            continue;
        }
        if (l->o.txn != NULL && !lane_look_for_cut(l))
            break;
        if (l->dirty) {
            /* The input ran dry: what is queued goes out without waiting for company. */
            kafka_hurry(l->producer);
            l->dirty = false;
        }
        if (atomic_load(&l->draining) && ring_count(&l->in) == 0 &&
            inflight_messages(l->inflight) == 0)
            break;
        sleep_for_work(l);
    }
    asker_close(l->asker);
    atomic_store(&l->ended, true);
    return NULL;
}

/* What filters need. */
static enum err make_machine(struct lane *l)
{
    if (l->o.source == NULL)
        return ERR_OK;
    struct asker_options ask = {.source = l->o.source,
                                .retry_ms = l->o.retry_ms,
                                .view = l->o.view,
                                .bit = l->o.index,
                                .stop = &l->aborted};
    l->asker = asker_new(&ask);
    struct rule_machine_options o = {.zone = l->o.zone, .ask = asker_ask, .ask_arg = l->asker};
    l->machine = rule_machine_new(&o);
    return l->asker != NULL && l->machine != NULL ? ERR_OK : ERR_NO_MEMORY;
}

enum err lane_new(const struct lane_options *o, struct lane **out, struct errmsg *em)
{
    struct lane *l = aligned_alloc(64, (sizeof(*l) + 63) & ~(size_t)63);
    if (l == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory for a lane");
    memset(l, 0, sizeof(*l));
    l->o = *o;
    writer_init(&l->key, KEY_MAX);
    enum err e = inflight_new(o->pack_bytes, PACK_SIZE, &l->inflight);
    row_scratch_init(&l->scratch, SCRATCH_MAX);
    if (e == ERR_OK)
        e = format_encoder_new(o->format, o->zone, &l->encoder);
    if (e == ERR_OK)
        e = make_machine(l);
    l->times = calloc(INFLIGHT_BATCHES, sizeof(*l->times));
    if (e == ERR_OK && l->times == NULL)
        e = ERR_NO_MEMORY;
    if (e == ERR_OK)
        inflight_set_owner(l->inflight, o->index);
    if (e == ERR_OK && o->txn != NULL)
        e = kafka_producer_new_in(o->txn, o->kafka, o->index, &l->producer, em);
    else if (e == ERR_OK && o->watch == NULL)
        e = kafka_producer_new(o->kafka, &l->producer, em);
    else if (e != ERR_OK)
        errmsg_set(em, e, "lane %u: %s", o->index, err_text(e));
    if (e != ERR_OK) {
        lane_free(l);
        return e;
    }
    *out = l;
    return ERR_OK;
}

enum err lane_start(struct lane *l, struct errmsg *em)
{
    if (l->o.watch != NULL)
        return ERR_OK;
    if (pthread_create(&l->thread, NULL, lane_main, l) != 0)
        return errmsg_set(em, ERR_SYSTEM, "lane %u: no thread could be started", l->o.index);
    l->started = true;
    char name[16];
    snprintf(name, sizeof(name), "lane-%u", l->o.index);
    pthread_setname_np(l->thread, name);
    return ERR_OK;
}

static void wake_sleeper(struct lane *l)
{
    /* Sequentially consistent: pairs with sleep_for_work(). */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load(&l->asleep) && atomic_exchange(&l->asleep, false))
        kafka_producer_wake(l->producer);
}

void lane_submit(struct lane *l, struct batch *b)
{
    b->seq = atomic_fetch_add_explicit(&l->submitted, 1, memory_order_relaxed) + 1;
    if (l->o.watch != NULL) {
        if (lane_is_stopped(l) || !carry_batch(l, b))
            atomic_store(&l->aborted, true);
        give_back(l, b);
        return;
    }
    bool pushed = ring_push(&l->in, b);
    assert(pushed); /* there are fewer batches than slots */
    (void)pushed;
    wake_sleeper(l);
}

void lane_cut(struct lane *l, uint64_t n)
{
    atomic_store(&l->cut_seq, atomic_load_explicit(&l->submitted, memory_order_relaxed));
    atomic_store(&l->cuts, n);
    wake_sleeper(l);
}

struct batch *lane_take_empty(struct lane *l, bool want)
{
    struct batch *b = ring_pop(&l->out);
    if (b != NULL || !want)
        return b;
    atomic_store(&l->reader_waits, true);
    atomic_thread_fence(memory_order_seq_cst); /* pairs with give_back() */
    return ring_pop(&l->out);
}

uint64_t lane_acked(const struct lane *l)
{
    return inflight_acked(l->inflight);
}

bool lane_idle(const struct lane *l)
{
    return lane_acked(l) >= atomic_load_explicit(&l->submitted, memory_order_relaxed);
}

const struct lane_counters *lane_counters(const struct lane *l)
{
    return &l->counters;
}

enum err lane_kafka_stats(struct lane *l, struct kafka_stats **out)
{
    return kafka_producer_stats(l->producer, out);
}

static void wake(struct lane *l)
{
    if (l->producer != NULL)
        kafka_producer_wake(l->producer);
}

void lane_drain(struct lane *l)
{
    atomic_store(&l->draining, true);
    wake(l);
}

void lane_abort(struct lane *l)
{
    atomic_store(&l->aborted, true);
    wake(l);
}

bool lane_ended(const struct lane *l)
{
    return atomic_load(&l->ended);
}

void lane_join(struct lane *l)
{
    if (!l->started)
        return;
    lane_abort(l);
    pthread_join(l->thread, NULL);
    l->started = false;
}

void lane_free(struct lane *l)
{
    if (l == NULL)
        return;
    lane_join(l);
    struct batch *b;
    while ((b = ring_pop(&l->in)) != NULL || (b = ring_pop(&l->out)) != NULL) {
        batch_reset(b);
        free(b);
    }
    /* The producer first: its messages lie in our packs. */
    kafka_producer_free(l->producer);
    inflight_free(l->inflight);
    format_encoder_free(&l->encoder);
    rule_machine_free(l->machine);
    cell_pair_fini(&l->source);
    cell_pair_fini(&l->work);
    asker_free(l->asker);
    row_scratch_fini(&l->scratch);
    writer_fini(&l->key);
    free(l->topics);
    free(l->times);
    free(l);
}
