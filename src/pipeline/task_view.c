/*
 * What the supervisor shows: snapshots for the view, a few a second.
 *
 * Lag. Everything that the source committed up to some moment T, by its own
 * clock, is acknowledged; the lag is how long ago T is. While something waits
 * for its acknowledgement, T is the commit of the oldest group of it. While
 * nothing waits, T is the commit of the last group that was read, or the last
 * moment at which nothing was left to read, whichever is later (replica.h,
 * synced_us). So an idle source has no lag, one that begins to write again
 * does not show the length of its silence, and one that cannot be reached shows
 * how long ago we last knew.
 */
#include "pipeline/task_int.h"

#include "base/clock.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SHOW_MS        200
#define SUM_MS         500     /* between the sums that rates are made of */
#define CAUGHT_UP_US   1000000 /* a lag below this is none */
#define LEFT_BEHIND_US 5000000 /* above this it is one again */
#define BEHIND_US      2000000 /* a lag above this makes the source be asked how much that is */
#define TABLE_LINES    8       /* of a terminal, for tables that are being copied */
#define POSITION_MAX   (1u << 20)

static struct view_totals sums_of(const struct task *t)
{
    struct view_totals s = t->o.view->past;
    if (t->replica != NULL) {
        const struct replica_stats *r = replica_stats(t->replica);
        s.source_bytes += count_of(&r->bytes);
        s.source_events += count_of(&r->events);
        s.rows += count_of(&r->rows);
    }
    for (uint32_t i = 0; i < t->lane_count; i++) {
        if (t->lanes[i] == NULL)
            continue;
        const struct lane_counters *c = lane_counters(t->lanes[i]);
        s.messages += count_of(&c->messages);
        s.message_bytes += count_of(&c->bytes);
        s.acknowledged += t->txn.client == NULL ? count_of(&c->acknowledged) : 0;
        s.replaced_text += count_of(&c->replaced_text);
        s.skipped[VIEW_SKIP_FILTER] += count_of(&c->left_out);
        s.skipped[VIEW_SKIP_ETL] += count_of(&c->dropped);
        s.skipped[VIEW_SKIP_ETL_FAILED] += count_of(&c->etl_failures);
        s.skipped[VIEW_SKIP_TOO_LARGE] += count_of(&c->skipped);
        s.skipped[VIEW_SKIP_KEY_ONLY] += count_of(&c->keys_only);
    }
    s.acknowledged += t->txn.messages;
    return s;
}

static char *text_of(const struct position *p)
{
    struct writer w;
    writer_init(&w, POSITION_MAX);
    position_print(p, &w);
    writer_u8(&w, 0);
    if (w.err == ERR_OK)
        return (char *)w.base;
    writer_fini(&w);
    return NULL;
}

/* Positions, and the moment up to which everything is acknowledged. */
static void show_progress(struct task *t, struct view_snapshot *s)
{
    const struct replica_stats *r = replica_stats(t->replica);
    bool waiting = false;
    uint64_t oldest_us = 0;
    struct position read = {0};
    uint64_t boundary_us = count_of(&r->boundary_us), synced_us = count_of(&r->synced_us);
    if (progress_waiting(&t->progress, &waiting, &oldest_us, &read) != ERR_OK)
        waiting = false;
    uint64_t covered = boundary_us > synced_us ? boundary_us : synced_us;
    if (waiting && oldest_us != 0)
        covered = oldest_us;
    if (covered != 0)
        atomic_store(&t->o.view->covered_us, covered);
    s->read = text_of(waiting ? &read : &t->acked);
    s->acknowledged = text_of(&t->acked);
    s->durable = text_of(&t->show.durable);
    position_fini(&read);
}

static void show_lag(const struct view *v, struct view_snapshot *s)
{
    uint64_t covered = atomic_load(&v->covered_us);
    uint64_t now = s->at_us + (uint64_t)atomic_load(&v->clock_ahead_us);
    s->lag_known = covered != 0;
    s->lag_us = s->lag_known && now > covered ? now - covered : 0;
}

/* While there is no lag worth the word, nothing lies behind; else the source is asked. */
static void show_behind(struct task *t, struct view_snapshot *s)
{
    bool lags = s->lag_known && s->lag_us > BEHIND_US;
    if (t->pulse == NULL)
        return;
    pulse_look(t->pulse, &t->acked, lags);
    s->behind_known = s->lag_known && (!lags || pulse_behind(t->pulse, &s->bytes_behind));
}

/* Sums of now, and the rates since the oldest ones that are kept. */
static void show_rates(struct task_show *show, struct view_snapshot *s)
{
    struct task_sums now = {clock_mono_ms(), s->totals.rows, s->totals.source_bytes,
                            s->totals.messages};
    uint64_t n = show->sum_count;
    if (n == 0 || now.at_ms - show->sums[(n - 1) % SUMS_KEPT].at_ms >= SUM_MS) {
        show->sums[n % SUMS_KEPT] = now;
        show->sum_count = ++n;
    }
    const struct task_sums *then = &show->sums[n < SUMS_KEPT ? 0 : n % SUMS_KEPT];
    uint64_t ms = now.at_ms - then->at_ms;
    if (ms == 0)
        return;
    s->rows_rate = (now.rows - then->rows) * 1000 / ms;
    s->bytes_rate = (now.bytes - then->bytes) * 1000 / ms;
    s->messages_rate = (now.messages - then->messages) * 1000 / ms;
}

static void show_memory(const struct task *t, struct view_snapshot *s)
{
    s->lanes = t->lane_count;
    s->memory_limit = t->config->limits.memory;
    s->memory_frames = t->pool != NULL ? frame_pool_used(t->pool) : 0;
    for (uint32_t i = 0; i < t->lane_count; i++) {
        if (t->lanes[i] == NULL)
            continue;
        s->memory_packs += count_of(&lane_counters(t->lanes[i])->pack_bytes);
        s->memory_queue += count_of(&lane_counters(t->lanes[i])->queue_bytes);
    }
}

/* The newest statistics of all lanes. */
static size_t take_statistics(struct task *t)
{
    size_t brokers = 0;
    for (uint32_t i = 0; i < t->lane_count; i++) {
        struct kafka_stats *fresh;
        if (t->lanes[i] != NULL && lane_kafka_stats(t->lanes[i], &fresh) == ERR_OK) {
            free(t->show.kafka[i]);
            t->show.kafka[i] = fresh;
        }
        if (t->show.kafka[i] != NULL)
            brokers += t->show.kafka[i]->broker_count;
    }
    return brokers;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void add_broker(struct view_broker *to, const struct kafka_broker_stats *b)
{
    snprintf(to->name, sizeof(to->name), "%s", b->name);
    to->up += b->up;
    to->requests += b->requests;
    to->errors += b->errors;
    to->retries += b->retries;
    to->timeouts += b->timeouts;
    to->connects += b->connects;
    to->disconnects += b->disconnects;
    to->sent_bytes += b->sent_bytes;
    to->received_bytes += b->received_bytes;
    to->queued += b->queued;
    to->waiting += b->waiting;
    to->rtt_us = larger(to->rtt_us, b->rtt_us);
    to->rtt_p99_us = larger(to->rtt_p99_us, b->rtt_p99_us);
    to->throttle_us = larger(to->throttle_us, b->throttle_us);
}

static int by_broker(const void *a, const void *b)
{
    return strcmp(((const struct view_broker *)a)->name, ((const struct view_broker *)b)->name);
}

/* The brokers, each as all lanes together see it. Without memory for them there are none. */
static void show_brokers(struct task *t, struct view_snapshot *s)
{
    size_t most = take_statistics(t);
    s->brokers = calloc(most + 1, sizeof(*s->brokers));
    if (s->brokers == NULL)
        return;
    for (uint32_t i = 0; i < t->lane_count; i++) {
        const struct kafka_stats *k = t->show.kafka[i];
        for (size_t b = 0; k != NULL && b < k->broker_count; b++) {
            size_t at = 0;
            while (at < s->broker_count && strcmp(s->brokers[at].name, k->brokers[b].name) != 0)
                at++;
            s->broker_count += at == s->broker_count;
            add_broker(&s->brokers[at], &k->brokers[b]);
        }
    }
    qsort(s->brokers, s->broker_count, sizeof(*s->brokers), by_broker);
}

static struct view_throttle throttle_of(struct throttle *t, uint64_t held_before)
{
    struct view_throttle v = {.limits = throttle_get(t), .held_us = throttle_held_us(t)};
    v.holding = v.held_us > held_before;
    return v;
}

/* What every snapshot shows, whether something runs or not. */
static bool show_common(struct view *v, const struct task_config *config, struct view_snapshot *s)
{
    struct view_snapshot *before = view_look(v);
    s->at_us = clock_wall_us();
    s->started_us = v->started_us;
    s->wanted = VIEW_STATES;
    enum view_command wish = (enum view_command)atomic_load(&v->command);
    if (wish == VIEW_PAUSE && before->state != VIEW_PAUSED)
        s->wanted = VIEW_PAUSED;
    if (wish == VIEW_STOP)
        s->wanted = VIEW_FINISHED;
    s->full = throttle_of(&v->full, before->full.held_us);
    s->incremental = throttle_of(&v->incremental, before->incremental.held_us);
    for (int i = 0; i < VIEW_SIDES; i++) {
        s->retries[i] = count_of(&v->failed_retries[i]);
        s->reconnects[i] = count_of(&v->reconnects[i]);
    }
    view_troubles(v, s->trouble);
    snprintf(s->source, sizeof(s->source), "%s:%u", config->source.host, config->source.port);
    bool done = view_fill_counters(v, s, before);
    view_release(before);
    return done;
}

static bool find_trouble(const struct view_snapshot *s, enum view_side *side)
{
    for (int i = 0; i < VIEW_SIDES; i++) {
        if (s->trouble[i].who == 0)
            continue;
        *side = (enum view_side)i;
        return true;
    }
    return false;
}

static enum view_state state_of(struct task *t, struct view_snapshot *s)
{
    if (find_trouble(s, &s->side)) {
        snprintf(s->cause, sizeof(s->cause), "%s", s->trouble[s->side].cause);
        return VIEW_RETRYING;
    }
    if (atomic_load(&t->o.view->copying)) {
        guard_why(t->guard, s->cause, sizeof(s->cause));
        return VIEW_COPYING;
    }
    uint64_t bound = t->show.caught_up ? LEFT_BEHIND_US : CAUGHT_UP_US;
    t->show.caught_up = s->lag_known && s->lag_us < bound;
    return t->show.caught_up ? VIEW_CAUGHT_UP : VIEW_STREAMING;
}

static void add_sample(struct task *t, const struct view_snapshot *s)
{
    struct task_sums *from = &t->show.sampled;
    uint64_t now = clock_mono_ms();
    if (from->at_ms == 0)
        *from = (struct task_sums){now, s->totals.rows, s->totals.source_bytes, 0};
    uint64_t ms = now - from->at_ms;
    if (ms < VIEW_SAMPLE_MS)
        return;
    view_add_sample(t->o.view, &(struct view_sample){
                                   .at_us = s->at_us,
                                   .rows_rate = (s->totals.rows - from->rows) * 1000 / ms,
                                   .bytes_rate = (s->totals.source_bytes - from->bytes) * 1000 / ms,
                                   .lag_ms = s->lag_known ? s->lag_us / 1000 : UINT64_MAX,
                               });
    *from = (struct task_sums){now, s->totals.rows, s->totals.source_bytes, 0};
}

/* The copy as a whole: rows done of all tables, and of how many. */
static void copy_line(const struct view_snapshot *s, char *text, size_t cap)
{
    uint64_t done = 0, all = 0, rate = 0;
    size_t tables = 0, ready = 0;
    for (size_t i = 0; i < s->table_count; i++) {
        const struct view_table *v = &s->tables[i];
        if (v->copy == COPY_NONE || v->copy == COPY_SKIPPED)
            continue;
        tables++;
        ready += v->copy == COPY_DONE;
        done += v->copy_rows;
        all += v->copy_estimate > v->copy_rows ? v->copy_estimate : v->copy_rows;
        rate += v->copy_rate;
    }
    uint64_t left = rate > 0 ? (all - done) / rate : 0;
    snprintf(text, cap,
             "copying  %zu of %zu tables  %" PRIu64 " rows  %" PRIu64 "%%  %" PRIu64 "/s  %" PRIu64
             ":%02" PRIu64 " left",
             ready, tables, done, all > 0 ? done * 100 / all : 0, rate, left / 60, left % 60);
}

/* A line for each table that is being copied, as many as there is room for. */
static void copy_tables(const struct view_snapshot *s, struct writer *w)
{
    unsigned lines = 0;
    for (size_t i = 0; i < s->table_count && lines < TABLE_LINES; i++) {
        const struct view_table *t = &s->tables[i];
        if (t->copy != COPY_RUNNING)
            continue;
        lines++;
        writer_printf(w, "  %s.%s  %" PRIu64 " rows", t->database, t->table, t->copy_rows);
        if (t->copy_estimate > 0)
            writer_printf(w, "  %" PRIu64 "%%",
                          t->copy_rows >= t->copy_estimate ? UINT64_C(99)
                                                           : t->copy_rows * 100 / t->copy_estimate);
        writer_printf(w, "  %" PRIu64 "/s", t->copy_rate);
        if (t->copy_left_s != UINT64_MAX)
            writer_printf(w, "  %" PRIu64 ":%02" PRIu64 " left", t->copy_left_s / 60,
                          t->copy_left_s % 60);
        writer_lit(w, "\n");
    }
}

/* What a terminal shows: the copy by table, then one line for the task. */
static void show_status(const struct task *t, const struct view_snapshot *s)
{
    char room[2048], what[160], where[80];
    struct writer w = writer_fixed(room, sizeof(room) - 1);
    if (s->state == VIEW_COPYING) {
        copy_tables(s, &w);
        copy_line(s, what, sizeof(what));
    } else {
        snprintf(what, sizeof(what),
                 "%s  %" PRIu64 " changes acknowledged  %" PRIu64 "/s  lag %" PRIu64 ".%" PRIu64
                 " s",
                 view_state_name(s->state), s->totals.acknowledged, s->rows_rate,
                 s->lag_us / 1000000, s->lag_us / 100000 % 10);
    }
    writer_printf(&w, "%s  %s  at %s", t->config->task, what,
                  position_text(&t->acked, where, sizeof(where)));
    room[w.len] = 0;
    log_status(room);
}

static struct view_snapshot *snapshot_of(struct task *t)
{
    struct view_snapshot *s = view_blank();
    if (s == NULL || !show_common(t->o.view, t->config, s)) {
        view_release(s);
        return NULL;
    }
    if (t->replica != NULL)
        show_progress(t, s);
    show_lag(t->o.view, s);
    show_behind(t, s);
    s->totals = sums_of(t);
    show_rates(&t->show, s);
    show_memory(t, s);
    show_brokers(t, s);
    snprintf(s->server, sizeof(s->server), "%s", t->server.version_text);
    s->next_id = t->replica != NULL ? count_of(&replica_stats(t->replica)->next_id) : t->next_id;
    s->state = state_of(t, s);
    if (s->state != t->show.state || t->show.since_us == 0)
        t->show.since_us = s->at_us;
    s->since_us = t->show.since_us;
    return s;
}

void task_show(struct task *t, bool *dirty)
{
    uint64_t now = clock_mono_ms();
    atomic_store(&t->o.view->beat_ms, now);
    uint32_t granted = VIEW_RESUME; /* it runs; another wish stays in the box */
    atomic_compare_exchange_strong(&t->o.view->command, &granted, VIEW_NO_COMMAND);
    if (t->show.at_ms != 0 && now - t->show.at_ms < SHOW_MS)
        return;
    struct view_snapshot *s = snapshot_of(t);
    if (s == NULL)
        return; /* out of memory: what was shown before stays */
    if (t->show.at_ms == 0 || s->state != t->show.state) {
        log_info("task.state", "state=%s", view_state_name(s->state));
        *dirty = state_put_shown(t->ckpt, slice_str(view_state_name(s->state)), s->since_us,
                                 slice_str(s->cause)) == ERR_OK ||
                 *dirty;
    }
    t->show.state = s->state;
    t->show.at_ms = now;
    add_sample(t, s);
    show_status(t, s);
    view_publish(t->o.view, s);
}

enum err task_nap(void *task, uint64_t ms)
{
    struct task *t = task;
    uint64_t now = clock_mono_ms();
    struct view_trouble all[VIEW_SIDES];
    nanosleep(&(struct timespec){.tv_nsec = (long)ms * 1000000}, NULL);
    if (t->show.at_ms != 0 && now - t->show.at_ms < SHOW_MS)
        return ERR_OK;
    t->show.at_ms = now;
    view_troubles(t->o.view, all);
    for (int i = 0; i < VIEW_SIDES; i++)
        if (all[i].who != 0)
            task_show_rest(t->o.view, t->config, VIEW_RETRYING, all[i].since_us, all[i].cause,
                           NULL);
    return ERR_OK;
}

struct retry task_retry(struct task *t, enum view_side side, const char *event)
{
    return (struct retry){.view = t->o.view,
                          .side = side,
                          .bit = RETRY_BIT_TASK,
                          .event = event,
                          .window_key = "retry.connection",
                          .window_ms = t->config->retry.connection_ms,
                          .stop = &task_stopping,
                          .nap = task_nap,
                          .nap_arg = t};
}

void task_show_end(struct task *t)
{
    t->o.view->past = sums_of(t);
    view_trouble_forget(t->o.view);
    atomic_store(&t->o.view->copying, false);
    log_status("");
}

void task_show_rest(struct view *v, const struct task_config *config, enum view_state state,
                    uint64_t since_us, const char *cause, const struct position *position)
{
    atomic_store(&v->beat_ms, clock_mono_ms());
    struct view_snapshot *s = view_blank();
    if (s == NULL || !show_common(v, config, s)) {
        view_release(s);
        return;
    }
    show_lag(v, s);
    s->totals = v->past;
    s->memory_limit = config->limits.memory;
    s->state = state;
    s->since_us = since_us;
    snprintf(s->cause, sizeof(s->cause), "%s", cause);
    find_trouble(s, &s->side);
    if (position != NULL) {
        s->acknowledged = text_of(position);
        s->read = text_of(position);
        s->durable = text_of(position);
    }
    view_publish(v, s);
}
