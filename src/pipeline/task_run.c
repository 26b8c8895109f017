/*
 * What runs: lanes, the reader, and the supervisor that watches how far
 * everything is acknowledged and writes the checkpoint.
 *
 * An end in order: the reader stops at a boundary, the lanes finish what they
 * have, what is acknowledged then is written, everything is freed. After a
 * fault the lanes are ended at once; what was acknowledged until then counts.
 */
#include "pipeline/task_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "kafka/codec.h"
#include "pipeline/retry.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS   10
#define COPY_MS   1   /* the same while tables are copied: the reader may wait for the checkpoint */
#define CUT_MS    2   /* within transactions: a cut is committed soon */
#define SYNC_MS   100 /* between checkpoints, at least */
#define FULL_MS   1000  /* between tries while the disk is full */
#define DRAIN_MS  10000 /* without an acknowledgement, at the end */
#define WORKED_MS 10000 /* a run that lasts longer had all that it needs */
#define STUCK_MS  30000 /* a lane's oldest batch without an acknowledgement, until it is said */

#define FRAME_SIZE  (256u << 10)
#define CODEC_SHARE 8                   /* an eighth of the memory is there for the codec anyway */
#define BUDGET_MIN  ((uint64_t)8 << 20) /* as limits.memory is bounded below */
#define ENTRY_HOLD  8 /* an eighth of the memory: what an open transaction may hold back */

atomic_bool task_stopping;

static void wake_reader(void *task)
{
    net_loop_wake(((struct task *)task)->loop);
}

static uint32_t lanes_at_most(const struct task *t)
{
    if (t->config->limits.lanes != 0)
        return t->config->limits.lanes > LANES_MAX ? LANES_MAX : t->config->limits.lanes;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores > 8 ? 8 : cores < 1 ? 1 : (uint32_t)cores;
}

static uint32_t lanes_wanted(const struct task *t)
{
    uint32_t partitions = 0, lanes = lanes_at_most(t);
    for (uint32_t i = 0; i < t->topics.count; i++)
        partitions += (uint32_t)t->topics.items[i].partitions;
    if (t->config->limits.lanes == 0 && lanes > partitions)
        lanes = partitions;
    return lanes == 0 ? 1 : lanes;
}

/*
 * What is left of limits.memory for buffers. Each lane's producer compresses a
 * batch at a time, and a codec that needs more for that than an eighth of the
 * memory (zstd at its higher levels) takes it from the rest.
 */
static enum err set_budget(struct task *t, struct errmsg *em)
{
    uint64_t memory = t->config->limits.memory;
    uint32_t lanes = lanes_at_most(t);
    uint64_t codec = (uint64_t)kafka_codec_memory(&t->kafka) * lanes;
    uint64_t beyond = codec > memory / CODEC_SHARE ? codec - memory / CODEC_SHARE : 0;
    t->budget = memory - (beyond < memory ? beyond : memory);
    if (beyond == 0 || t->budget >= BUDGET_MIN)
        return ERR_OK;
    return errmsg_set(em, ERR_CONFIG,
                      "destination.compression_level: zstd takes %" PRIu64
                      " MB at this level to compress in %u lanes, of which limits.memory (%" PRIu64
                      " MB) leaves too little for all else: raise it to %" PRIu64
                      "MB, or lower the level or limits.lanes",
                      (codec >> 20) + 1, lanes, memory >> 20,
                      ((codec + BUDGET_MIN) * CODEC_SHARE / (CODEC_SHARE + 1) >> 20) + 1);
}

/*
 * How the budget is divided: half for what is received, a quarter for
 * encoded messages; the rest is librdkafka's requests and all that is small.
 */
static size_t frame_budget(const struct task *t)
{
    return t->budget / 2;
}

static size_t pack_budget(const struct task *t)
{
    return t->budget / 4 / t->lane_count;
}

static enum err start_lanes(struct task *t, struct errmsg *em)
{
    t->lane_count = lanes_wanted(t);
    t->kafka.queue_bytes = t->budget * 3 / 8 / t->lane_count;
    for (uint32_t i = 0; i < t->lane_count; i++) {
        struct lane_options o = {
            .index = i,
            .peers = t->lanes,
            .kafka = &t->kafka,
            .txn = t->txn.client,
            .format = &t->format,
            .zone = t->zone,
            .pack_bytes = pack_budget(t),
            .message_max = t->config->destination.message_max,
            .too_large = t->config->destination.too_large == CONF_LARGE_SKIP ? LANE_LARGE_SKIP
                         : t->config->destination.too_large == CONF_LARGE_KEY_ONLY
                             ? LANE_LARGE_KEY_ONLY
                             : LANE_LARGE_FAIL,
            .retry_ms = t->config->retry.connection_ms,
            .fault = &t->fault,
            .source = t->shaping->selects ? &t->source : NULL,
            .view = t->o.view,
            .on_empty = wake_reader,
            .on_empty_arg = t,
        };
        TRY(lane_new(&o, &t->lanes[i], em));
    }
    for (uint32_t i = 0; i < t->lane_count; i++) {
        t->heads[i] =
            (struct lane_head){.acked = lane_acked(t->lanes[i]), .since_ms = clock_mono_ms()};
        TRY(lane_start(t->lanes[i], em));
    }
    return ERR_OK;
}

static enum err start_reader(struct task *t, struct errmsg *em)
{
    feeder_init(&t->feeder, t->lanes, t->lane_count, t->budget / ENTRY_HOLD);
    struct replica_options o = {
        .task = t->config,
        .source = &t->source,
        .loop = t->loop,
        .pool = t->pool,
        .feeder = &t->feeder,
        .tables = t->tables,
        .progress = &t->progress,
        .fault = &t->fault,
        .view = t->o.view,
        .copy = t->copy,
        .cutter = t->txn.client != NULL ? &t->txn.cutter : NULL,
        .txn_timeout_ms = t->txn.client != NULL ? kafka_txn_timeout_ms(t->txn.client) : 0,
        .stop = &task_stopping,
        .known = &t->server,
        .schema = t->schema,
        .server_id = t->server_id,
        .uuid = t->uuid,
        .start = &t->start,
        .start_rows = t->start_rows,
        .start_group = t->start_group,
        .xa = &t->xa,
        .next_id = t->next_id,
        .binlog_made = state_binlog_made(t->ckpt, t->start.file),
        .until = t->o.until == UNTIL_CAUGHT_UP || t->o.until == UNTIL_POSITION ? &t->target : NULL,
        .until_us = t->o.until == UNTIL_TIME ? t->o.until_us : 0,
    };
    TRY(replica_new(&o, &t->replica));
    if (pthread_create(&t->reader, NULL, replica_run, t->replica) != 0)
        return errmsg_set(em, ERR_SYSTEM, "the reader's thread could not be started");
    t->reader_runs = true;
    return ERR_OK;
}

enum err task_start(struct task *t, struct errmsg *em)
{
    TRY(position_copy(&t->acked, &t->start));
    TRY(position_copy(&t->show.durable, &t->start)); /* it was written when it was found */
    atomic_store(&t->txn.cutter.committed_ms, clock_mono_ms());
    TRY(start_lanes(t, em));
    TRY(start_reader(t, em));
    struct pulse_options pulse = {.config = t->config, .source = &t->source, .server = &t->server};
    if (pulse_start(&pulse, &t->pulse) != ERR_OK)
        return errmsg_set(em, ERR_SYSTEM, "the thread beside the stream could not be started");
    log_info("task.running", "lanes=%u io=%s memory=%" PRIu64, t->lane_count,
             net_loop_backend_name(t->loop), t->config->limits.memory);
    return ERR_OK;
}

enum err task_put_point(struct task *t, struct commit_point *p)
{
    enum err e = state_put_notes(t->ckpt, p->notes);
    if (e == ERR_OK)
        e = task_note_copied(t, p->notes);
    if (e == ERR_OK)
        e = state_put_xa(t->ckpt, &p->server, &p->xa);
    if (e == ERR_OK)
        e = state_put_source(t->ckpt, &p->server);
    if (e == ERR_OK)
        e = state_put_point(t->ckpt, p);
    if (e == ERR_OK)
        e = state_put_binlog_made(t->ckpt, p->position.file, p->binlog_made);
    return e;
}

/* Writes what is newly acknowledged into the checkpoint, not yet to disk. *moved: there was some.
 */
static enum err take_progress(struct task *t, bool *moved)
{
    uint64_t acked[LANES_MAX];
    for (uint32_t i = 0; i < t->lane_count; i++)
        acked[i] = lane_acked(t->lanes[i]);
    struct commit_point *p = progress_take(&t->progress, acked, t->lane_count);
    if (p == NULL)
        return ERR_OK;
    enum err e = task_put_point(t, p);
    if (e == ERR_OK)
        e = position_copy(&t->acked, &p->position);
    t->acked_es_ms = p->es_ms;
    commit_point_free(p);
    *moved = e == ERR_OK;
    t->torn = e != ERR_OK;
    return e;
}

uint64_t task_acknowledged(const struct task *t)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < t->lane_count; i++)
        n += atomic_load_explicit(&lane_counters(t->lanes[i])->acknowledged, memory_order_relaxed);
    return n;
}

static bool until_reached(const struct task *t)
{
    bool copying = t->copy != NULL && !copy_finished(t->copy);
    if (copying || (t->schema != NULL && !atomic_load(&t->schema->done)))
        return false;
    switch (t->o.until) {
    case UNTIL_STOPPED:
        return (t->config->phases & CONF_PHASE_INCREMENTAL) == 0;
    case UNTIL_CAUGHT_UP:
    case UNTIL_POSITION:
        return position_reached(&t->acked, &t->target);
    case UNTIL_TIME:
        return replica_reached_until(t->replica);
    }
    return false;
}

static void nap(int ms)
{
    struct timespec t = {.tv_nsec = ms * 1000000};
    nanosleep(&t, NULL);
}

/*
 * Makes the checkpoint durable. A full disk is no reason to stop at once:
 * nothing is lost while the source keeps its binlog, so it is tried again
 * within retry.other. *synced: it is on disk.
 */
static enum err sync_state(struct task *t, bool *synced, struct errmsg *em)
{
    enum err e = ckpt_sync(t->ckpt, em);
    uint64_t now = clock_mono_ms();
    *synced = e == ERR_OK;
    if (e == ERR_OK && t->full_since_ms != 0) {
        log_info("state.back", "after_s=%" PRIu64, (now - t->full_since_ms) / 1000);
        view_trouble_end(t->o.view, VIEW_STATE_DIR, 0);
        t->full_since_ms = 0;
    }
    if (e == ERR_OK)
        TRY(position_copy(&t->show.durable, &t->acked));
    if (e != ERR_STATE_FULL)
        return e;
    if (t->full_since_ms == 0) {
        char quoted[900];
        log_warn("state.full", "reason=%s retry_window_s=%" PRIu64,
                 log_quote(quoted, sizeof(quoted), em->text), t->config->retry.other_ms / 1000);
        t->full_since_ms = now;
        t->full_since_us = clock_wall_us();
    }
    view_trouble_begin(t->o.view, VIEW_STATE_DIR, 0, t->full_since_us,
                       clock_wall_us() + FULL_MS * 1000,
                       t->full_since_us + t->config->retry.other_ms * 1000, em->text);
    return now - t->full_since_ms > t->config->retry.other_ms ? e : ERR_OK;
}

/*
 * A lane whose oldest batch is not acknowledged while others may be: a
 * partition without a leader. Its producer is no judge of that, since reports
 * of other partitions come in. Said once, and ended after retry.connection. A
 * lane whose producer hears nothing at all tells that itself, with the cause.
 */
static enum err watch_heads(struct task *t, struct errmsg *em)
{
    uint64_t now = clock_mono_ms();
    struct view_trouble troubles[VIEW_SIDES];
    view_troubles(t->o.view, troubles);
    for (uint32_t i = 0; i < t->lane_count; i++) {
        struct lane_head *h = &t->heads[i];
        uint64_t acked = lane_acked(t->lanes[i]);
        if (acked != h->acked || lane_idle(t->lanes[i])) {
            if (h->said) {
                log_info("destination.moving", "lane=%u", i);
                view_trouble_end(t->o.view, VIEW_DESTINATION, RETRY_BIT_HEADS);
            }
            *h = (struct lane_head){.acked = acked, .since_ms = now};
            continue;
        }
        if ((troubles[VIEW_DESTINATION].who >> i & 1) != 0)
            continue;
        if (now - h->since_ms > STUCK_MS && !h->said) {
            log_warn("destination.stuck",
                     "lane=%u since_s=%" PRIu64
                     " note=\"its oldest messages are not acknowledged, and "
                     "hold the position back: is a partition without a leader?\"",
                     i, (now - h->since_ms) / 1000);
            h->said = true;
            uint64_t since_us = clock_wall_us() - (now - h->since_ms) * 1000;
            view_trouble_begin(t->o.view, VIEW_DESTINATION, RETRY_BIT_HEADS, since_us, 0,
                               since_us + t->config->retry.connection_ms * 1000,
                               "the oldest messages of a lane are not acknowledged, while others "
                               "are: is a partition without a leader?");
        }
        if (now - h->since_ms > t->config->retry.connection_ms)
            return errmsg_set(em, ERR_BROKER_DOWN,
                              "messages of lane %u were not acknowledged for %" PRIu64
                              " s (retry.connection): is a partition without a leader? Nothing is "
                              "lost, a restart goes on from the checkpoint",
                              i, (now - h->since_ms) / 1000);
    }
    return ERR_OK;
}

/* What is to be saved of what was acknowledged. *hurry: somebody waits for it. */
static enum err gather_state(struct task *t, bool *dirty, bool *hurry, struct errmsg *em)
{
    bool moved = false, reserved = false;
    enum err e = take_progress(t, &moved);
    /* A long transaction uses ids while no position moves. */
    uint64_t next_id = atomic_load(&replica_stats(t->replica)->next_id);
    if (e == ERR_OK)
        e = state_reserve_ids(t->ckpt, next_id, &reserved);
    /* Behind the progress: what a point stands behind is never saved later than the point. */
    bool asked = false;
    if (e == ERR_OK && t->copy != NULL)
        e = copy_save(t->copy, t->ckpt, &asked);
    if (e != ERR_OK)
        return errmsg_set(em, e, "%s: %s", t->config->state_dir, err_text(e));
    *dirty = *dirty || moved || reserved || asked;
    *hurry = *hurry || asked;
    return ERR_OK;
}

/* Watches until the task is to end. */
static enum err supervise(struct task *t, struct errmsg *em)
{
    bool dirty = false, hurry = false, busy = false;
    uint64_t synced_ms = 0, commits = 0;
    while (fault_err(&t->fault) == ERR_OK && !atomic_load(&task_stopping) && !until_reached(t) &&
           !replica_ended(t->replica)) {
        TRY(t->txn.client != NULL ? task_txn_step(t, &busy, em)
                                  : gather_state(t, &dirty, &hurry, em));
        task_show(t, &dirty);
        uint64_t committed = atomic_load(&t->txn.cutter.committed);
        dirty = dirty || committed != commits;
        commits = committed;
        uint64_t pause = t->full_since_ms != 0 ? FULL_MS : hurry ? 0 : SYNC_MS;
        /* Never what is not committed. */
        if (dirty && !t->txn.committing && clock_mono_ms() - synced_ms >= pause) {
            bool synced;
            TRY(sync_state(t, &synced, em));
            synced_ms = clock_mono_ms();
            dirty = !synced;
            hurry = hurry && !synced;
            if (synced && t->copy != NULL && t->txn.client == NULL)
                copy_saved(t->copy);
        }
        if (t->copy != NULL)
            TRY(copy_tend(t->copy, em));
        TRY(watch_heads(t, em));
        nap(busy || (t->copy != NULL && !copy_finished(t->copy)) ? COPY_MS
            : t->txn.client != NULL                              ? CUT_MS
                                                                 : TICK_MS);
    }
    return ERR_OK;
}

/* What the reader has cut at its end is committed before the thread is waited for. */
static void stop_reader(struct task *t, struct errmsg *em, enum err *e)
{
    pulse_stop(t->pulse);
    t->pulse = NULL;
    atomic_store(&task_stopping, true);
    if (t->copy != NULL)
        copy_stop(t->copy);
    net_loop_wake(t->loop);
    if (t->txn.client != NULL && t->reader_runs)
        task_txn_drain(t, em, e);
    if (t->reader_runs)
        pthread_join(t->reader, NULL);
    t->reader_runs = false;
}

/*
 * Lets the lanes finish what they have, unless something has failed. While
 * brokers are away there is no end to that: after a time without any
 * acknowledgement the rest is left to the next start.
 */
static void drain_lanes(struct task *t)
{
    uint64_t last = task_acknowledged(t), moved_ms = clock_mono_ms();
    for (uint32_t i = 0; i < t->lane_count; i++)
        lane_drain(t->lanes[i]);
    for (uint32_t i = 0; i < t->lane_count;) {
        if (lane_ended(t->lanes[i])) {
            i++;
            continue;
        }
        uint64_t now = task_acknowledged(t);
        if (now != last)
            moved_ms = clock_mono_ms();
        last = now;
        if (fault_err(&t->fault) != ERR_OK)
            return;
        if (clock_mono_ms() - moved_ms > DRAIN_MS) {
            log_warn("task.undrained",
                     "note=\"nothing was acknowledged for %d s: what is in flight "
                     "is sent again after the next start\"",
                     DRAIN_MS / 1000);
            return;
        }
        nap(TICK_MS);
    }
}

static enum err sync_last(struct task *t, struct errmsg *em)
{
    TRY(ckpt_sync(t->ckpt, em));
    return position_copy(&t->show.durable, &t->acked);
}

/* What is acknowledged by now counts, whatever the reason of the end. */
static enum err save_last(struct task *t, struct errmsg *em)
{
    bool moved = false;
    if (t->txn.client == NULL)
        TRY(take_progress(t, &moved));
    return t->torn || t->txn.committing ? ERR_OK : sync_last(t, em);
}

/* What the run ends with. */
static enum err verdict(struct task *t, enum err e, enum err last, const struct errmsg *late,
                        struct errmsg *em)
{
    if (fault_err(&t->fault) != ERR_OK)
        e = errmsg_set(em, fault_err(&t->fault), "%s", fault_text(&t->fault));
    if (e == ERR_ABORTED && t->txn.client != NULL) {
        struct errmsg why = {0};
        enum err real = kafka_txn_why(t->txn.client, &why);
        if (real != ERR_OK) {
            *em = why;
            e = real;
        }
    }
    if (e == ERR_OK && last != ERR_OK) {
        *em = *late;
        e = last;
    }
    return e;
}

enum err task_run(struct task *t, struct errmsg *em)
{
    uint64_t began = clock_mono_ms();
    enum err e = task_start(t, em);
    if (t->replica == NULL)
        return e; /* nothing was read */
    if (e == ERR_OK)
        e = supervise(t, em);
    t->worked = task_acknowledged(t) > 0 || clock_mono_ms() - began > WORKED_MS;
    stop_reader(t, em, &e);
    if (e == ERR_OK && t->txn.client == NULL)
        drain_lanes(t);
    struct errmsg late = {0};
    enum err last = save_last(t, &late);
    t->reached = e == ERR_OK && fault_err(&t->fault) == ERR_OK && until_reached(t);
    e = verdict(t, e, last, &late, em);
    char where[400];
    if (e == ERR_OK)
        log_info("task.end", "position=%s acknowledged=%" PRIu64,
                 position_text(&t->acked, where, sizeof(where)), task_acknowledged(t));
    return e;
}

static enum err open_all(struct task *t, struct errmsg *em)
{

    enum net_backend io = t->config->limits.io == CONF_IO_URING   ? NET_URING
                          : t->config->limits.io == CONF_IO_EPOLL ? NET_EPOLL
                                                                  : NET_AUTO;
    TRY(net_loop_new(io, &t->loop, em));
    TRY(task_connect_destination(t, em));
    TRY(set_budget(t, em));
    t->pool = frame_pool_new(FRAME_SIZE, frame_budget(t), wake_reader, t);
    if (t->pool == NULL)
        return ERR_NO_MEMORY;
    TRY(task_open_source(t, em));
    if ((t->config->phases & CONF_PHASE_FULL) != 0)
        TRY(task_open_copy(t, em));
    src_session_close(t->session);
    t->session = NULL;
    return ERR_OK;
}

enum err task_open(const struct task_options *o, struct task_shared *shared, struct task **out,
                   struct errmsg *em)
{
    struct task *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return ERR_NO_MEMORY;
    t->o = *o;
    t->config = o->config;
    t->shared = shared;
    t->ckpt = shared->ckpt;
    t->embedded = shared->embedded;
    pthread_mutex_init(&t->fault.lock, NULL);
    pthread_mutex_init(&t->progress.lock, NULL);
    enum err e = open_all(t, em);
    shared->embedded = t->embedded;
    if (e != ERR_OK && em->text[0] == 0)
        errmsg_set(em, e, "source %s:%u: %s", o->config->source.host, o->config->source.port,
                   err_text(e));
    if (e != ERR_OK) {
        task_close(t);
        return e;
    }
    *out = t;
    return ERR_OK;
}

void task_close(struct task *t)
{
    if (t == NULL)
        return;
    pulse_stop(t->pulse);
    feeder_fini(&t->feeder);
    for (uint32_t i = 0; i < t->lane_count; i++)
        if (t->lanes[i] != NULL)
            lane_abort(t->lanes[i]);
    /* Lanes that wait look at each other: all end before the first one is freed. */
    for (uint32_t i = 0; i < t->lane_count; i++)
        if (t->lanes[i] != NULL)
            lane_join(t->lanes[i]);
    task_txn_close(t); /* before the packs that its messages lie in */
    for (uint32_t i = 0; i < t->lane_count; i++)
        lane_free(t->lanes[i]);
    replica_free(t->replica);
    copy_free(t->copy);
    guard_stop(t->guard);
    progress_fini(&t->progress);
    task_close_source(t);
    known_fini(&t->known);
    net_loop_free(t->loop);
    frame_pool_free(t->pool);
    topics_fini(&t->topics);
    kafka_admin_free(t->admin);
    registry_free(t->registry);
    destination_options_fini(&t->to);
    position_fini(&t->acked);
    position_fini(&t->txn.position);
    position_fini(&t->show.durable);
    for (uint32_t i = 0; i < LANES_MAX; i++)
        free(t->show.kafka[i]);
    pthread_mutex_destroy(&t->fault.lock);
    pthread_mutex_destroy(&t->progress.lock);
    free(t);
}
