/*
 * The reader thread: connecting, checking history, waiting, trying again.
 *
 *   1. open a session, read what the source is, compare it with what is known
 *   2. start the dump at `read`, the last boundary
 *   3. take events until the link fails or the task stops
 *   4. after a failed link: take the open group back (or remember how much of
 *      it has gone out), wait, and begin again at 1
 *
 * A failure that no new connection can mend ends the task through the fault.
 */
#include "pipeline/replica_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "pipeline/copy.h"
#include "pipeline/history.h"
#include "pipeline/pulse.h"
#include "source/catalog.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POINT_MS      5       /* between commit points, at least */
#define WAIT_MS       200     /* the longest sleep: bounds how late silence is noticed */
#define STEADY_MS     10000   /* a connection that lived that long was one */
#define FRESH_US      2000000 /* a group that was read so soon after its commit was the newest */
#define HOLD_MS       50      /* the longest sleep while the throttle holds us back */
#define HASH_TEXT_MAX (64u << 20)
#define SCRATCH_MAX   (1u << 30)

static enum err nap(void *replica, uint64_t ms)
{
    return replica_wait(replica, ms);
}

enum err replica_new(const struct replica_options *o, struct replica **out)
{
    struct replica *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return ERR_NO_MEMORY;
    r->o = *o;
    r->next_id = r->group.first_id = o->next_id;
    r->group.skip = o->start_rows;
    r->group.skip_next_id = o->next_id;
    r->group.skip_of = o->start_group;
    r->binlog_made = o->binlog_made;
    r->server = *o->known;
    r->retry = (struct retry){.view = o->view,
                              .side = VIEW_SOURCE,
                              .event = "source.lost",
                              .window_key = "retry.connection",
                              .window_ms = o->task->retry.connection_ms,
                              .nap = nap,
                              .nap_arg = r};
    row_scratch_init(&r->scratch, SCRATCH_MAX);
    writer_init(&r->hash_scratch, HASH_TEXT_MAX);
    for (size_t i = 0; i < 2; i++)
        r->probes[i] = calloc(PROBES_MAX, sizeof(struct cell));
    r->hash_cells = calloc(PROBES_MAX, sizeof(struct cell));
    enum err e = position_copy(&r->read, o->start);
    if (e == ERR_OK)
        e = xa_list_copy(&r->xa, o->xa);
    memcpy(r->group_file, o->start->file, sizeof(r->group_file));
    r->group_offset = o->start->offset;
    if (r->probes[0] == NULL || r->probes[1] == NULL || r->hash_cells == NULL)
        e = ERR_NO_MEMORY;
    if (e != ERR_OK) {
        replica_free(r);
        return e;
    }
    *out = r;
    return ERR_OK;
}

void replica_free(struct replica *r)
{
    if (r == NULL)
        return;
    binlog_inflater_fini(&r->inflater);
    row_scratch_fini(&r->scratch);
    writer_fini(&r->hash_scratch);
    free(r->probes[0]);
    free(r->probes[1]);
    free(r->hash_cells);
    position_fini(&r->read);
    xa_list_fini(&r->xa);
    tables_notes_free(r->copied);
    free(r);
}

const struct replica_stats *replica_stats(const struct replica *r)
{
    return &r->stats;
}

bool replica_ended(const struct replica *r)
{
    return atomic_load(&r->ended);
}

bool replica_reached_until(const struct replica *r)
{
    return atomic_load(&r->until_reached);
}

static bool is_stopped(const struct replica *r)
{
    return atomic_load_explicit(r->o.stop, memory_order_relaxed) || fault_err(r->o.fault) != ERR_OK;
}

enum err replica_wait(struct replica *r, uint64_t ms)
{
    if (is_stopped(r))
        return ERR_STOPPED;
    enum err e = net_loop_wait(r->o.loop, clock_mono_ms() + ms);
    return e == ERR_TIMEOUT ? ERR_OK : e;
}

enum err replica_control(struct replica *r, struct src_session **out)
{
    if (r->control != NULL && !src_session_alive(r->control)) {
        src_session_close(r->control);
        r->control = NULL;
    }
    if (r->control == NULL)
        TRY(src_session_open(r->o.loop, r->o.source, &r->control, &r->em));
    *out = r->control;
    return ERR_OK;
}

static enum err make_room(void *replica)
{
    return replica_make_room(replica);
}

/* A table whose definition is read for the rows at hand. */
struct defining {
    struct src_session *session;
    const struct src_server *server;
    struct slice database;
    struct slice table;
    struct table_def *def;
};

static bool is_defined(void *arg, struct slice database, struct slice table)
{
    const struct defining *d = arg;
    return slice_eq(d->database, database) && (table.len == 0 || slice_eq(d->table, table));
}

static enum err read_one(void *arg, src_table_filter filter, void *filter_arg, struct errmsg *em)
{
    struct defining *d = arg;
    (void)filter;
    (void)filter_arg;
    free(d->def);
    d->def = NULL;
    TRY(src_catalog_settle(d->session, d->server, is_defined, d, em));
    return src_catalog_table(d->session, d->server, d->database, d->table, &d->def, em);
}

/* What the source shows now holds where the stream stands unless the binlog in between changes the
 * table. */
enum err replica_define(struct replica *r, struct tables *tables, struct slice database,
                        struct slice table, struct table_def **def, struct binlog_place *holds_to,
                        struct errmsg *em)
{
    struct src_session *control;
    TRY(replica_control(r, &control));
    struct history_source h = {.loop = r->o.loop,
                               .options = r->o.source,
                               .server = &r->server,
                               .session = control,
                               .pool = r->o.pool,
                               .stop = r->o.stop,
                               .make_room = make_room,
                               .make_room_arg = r};
    struct defining d = {
        .session = control, .server = &r->server, .database = database, .table = table};
    struct position end = {0};
    enum err e = history_definitions(&h, &r->read, tables, database, table, read_one, &d, &end, em);
    if (e == ERR_OK) {
        *def = d.def;
        *holds_to = binlog_place_of(end.file, end.offset);
    } else {
        free(d.def);
    }
    position_fini(&end);
    return e;
}

/*
 * Leaves a commit point at the last boundary. Within transactions it shows how
 * far was read; what counts are cuts (replica_cut.c).
 */
enum err replica_point(struct replica *r)
{
    struct commit_point *p = NULL;
    TRY(replica_make_point(r, &p));
    p->passing = r->o.cutter != NULL;
    r->uncut = true;
    progress_push(r->o.progress, p);
    return ERR_OK;
}

enum err replica_make_point(struct replica *r, struct commit_point **out)
{
    struct commit_point *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return ERR_NO_MEMORY;
    enum err e = position_copy(&p->position, &r->read);
    if (e == ERR_OK)
        e = xa_list_copy(&p->xa, &r->xa);
    if (e != ERR_OK) {
        commit_point_free(p);
        return e;
    }
    feeder_need(r->o.feeder, p->need);
    p->server = r->server;
    p->binlog_made = r->binlog_made;
    p->next_id = r->group.first_id;
    p->es_ms = r->group.es_ms;
    p->oldest_us = r->oldest_us;
    r->oldest_us = 0;
    p->notes = tables_notes_join(tables_take_notes(r->o.tables), r->copied);
    r->copied = NULL;
    r->boundary_fresh = false;
    r->point_ms = clock_mono_ms();
    *out = p;
    return ERR_OK;
}

/*
 * Points are left only between groups: rows of an open one are in the same
 * batches. And not in front of a group that was cut, of which rows went out:
 * its point was left then, with the server that their ids belong to.
 */
static bool may_leave_point(const struct replica *r)
{
    return r->boundary_fresh && r->txn.state == BINLOG_TXN_OUTSIDE && r->group.skip == 0;
}

static enum err leave_point_if_due(struct replica *r)
{
    if (!may_leave_point(r))
        return ERR_OK;
    return clock_mono_ms() - r->point_ms < POINT_MS ? ERR_OK : replica_point(r);
}

/* By the source's clock. */
static uint64_t source_now_us(const struct replica *r)
{
    int64_t ahead = r->o.view != NULL ? atomic_load(&r->o.view->clock_ahead_us) : 0;
    return clock_wall_us() + (uint64_t)ahead;
}

/*
 * Nothing is left to read, and that is all that the source has if it said so by
 * a heartbeat, or if the last group had only just been committed; else more may
 * be under way.
 */
static void note_synced(struct replica *r)
{
    uint64_t now = source_now_us(r), boundary = atomic_load(&r->stats.boundary_us);
    if (r->txn.state != BINLOG_TXN_OUTSIDE || (!r->beat && now > boundary + FRESH_US))
        return;
    if (clock_mono_ms() - r->stream.heard_ms <= r->o.task->source.heartbeat_ms + 1000)
        atomic_store_explicit(&r->stats.synced_us, now, memory_order_relaxed);
}

/*
 * The throttle: sleeps until more may be read, while what is certain goes out.
 * The source then waits for us as it does for a slow network.
 */
static enum err hold_back(struct replica *r)
{
    uint64_t us;
    while ((us = throttle_wait_us(&r->o.view->incremental, clock_mono_us())) > 0) {
        if (is_stopped(r))
            return ERR_STOPPED;
        feeder_publish(r->o.feeder);
        TRY(leave_point_if_due(r));
        TRY(replica_cut_if_due(r, true));
        if (us > HOLD_MS * 1000)
            us = HOLD_MS * 1000;
        nanosleep(&(struct timespec){.tv_nsec = (long)us * 1000}, NULL);
    }
    return ERR_OK;
}

/* Nothing more is there now: what is certain goes to the lanes. */
static enum err input_ran_dry(struct replica *r)
{
    TRY(replica_copy_turn(r));
    feeder_publish(r->o.feeder);
    TRY(replica_witness_turn(r));
    note_synced(r);
    TRY(leave_point_if_due(r));
    TRY(replica_cut_if_due(r, true));
    uint64_t silence_max = 3 * r->o.task->source.heartbeat_ms + 2000;
    uint64_t now = clock_mono_ms();
    if (now - r->stream.heard_ms > silence_max)
        return errmsg_set(
            &r->em, ERR_TIMEOUT, "source %s:%u: nothing came for %llu ms, not even a heartbeat",
            r->o.source->host, r->o.source->port, (unsigned long long)(now - r->stream.heard_ms));
    return replica_wait(r, r->boundary_fresh || r->fed > 0 ? POINT_MS : WAIT_MS);
}

static bool is_beat(const struct stream_event *sev)
{
    uint8_t type = sev->ev.header.type;
    return type == BINLOG_HEARTBEAT || type == BINLOG_HEARTBEAT_V2;
}

/* At the beginning of a stream one also says that groups were passed over which we have. */
static bool says_all_was_sent(const struct replica *r, const struct stream_event *sev)
{
    return is_beat(sev) &&
           (!r->behind || clock_mono_ms() - r->opened_ms >= r->o.task->source.heartbeat_ms / 2);
}

/*
 * Nothing is left to read for certain. One heartbeat does not say so: the
 * source sends them also while it passes over groups that we have, with others
 * behind them. Where a second one comes from the same place there is no more.
 */
static bool is_idle(struct replica *r, const struct stream_event *sev)
{
    struct binlog_heartbeat h;
    char file[BINLOG_NAME_MAX];
    bool again = r->beaten;
    r->beaten = false;
    if (!is_beat(sev) || binlog_heartbeat_parse(&sev->ev, &h) != ERR_OK ||
        h.file.len >= sizeof(file))
        return false;
    memcpy(file, h.file.ptr, h.file.len);
    file[h.file.len] = 0;
    struct binlog_place before = r->beat_place;
    r->beat_place = binlog_place_of(file, h.position);
    r->beaten = true;
    return again && binlog_place_upto(before, r->beat_place) &&
           binlog_place_upto(r->beat_place, before);
}

/* The time that --until names has come: by a later event, or by a source that is idle past it. */
static bool past_until(struct replica *r, const struct stream_event *sev)
{
    if (r->o.until_us == 0 || r->txn.state != BINLOG_TXN_OUTSIDE)
        return false;
    if (is_idle(r, sev))
        return source_now_us(r) > r->o.until_us;
    if (is_beat(sev))
        return false;
    uint8_t type = sev->ev.header.type;
    bool opens = type == BINLOG_QUERY || binlog_txn_event_of(&sev->ev) != BINLOG_TXN_EV_OTHER;
    return opens && (uint64_t)sev->ev.header.timestamp * 1000000 > r->o.until_us;
}

/* The boundary that --until names is reached. */
static bool at_until(const struct replica *r)
{
    return r->o.until != NULL && (r->o.copy == NULL || copy_finished(r->o.copy)) &&
           r->boundary_fresh && r->txn.state == BINLOG_TXN_OUTSIDE &&
           position_reached(&r->read, r->o.until);
}

static enum err end_at_until(struct replica *r)
{
    atomic_store(&r->until_reached, true);
    feeder_publish(r->o.feeder);
    if (may_leave_point(r) && r->o.cutter == NULL)
        TRY(replica_point(r));
    return ERR_STOPPED;
}

/* What was received since the last call. */
static void count_bytes(struct replica *r)
{
    count(&r->stats.bytes, r->stream.bytes - r->bytes_counted);
    r->bytes_counted = r->stream.bytes;
}

/* Takes events until the link fails, the task stops, or the time of --until has come. */
static enum err follow(struct replica *r)
{
    TRY(replica_schema(r));
    for (uint64_t n = 0;; n++) {
        if (r->o.view != NULL && throttle_limited(&r->o.view->incremental)) {
            count_bytes(r);
            TRY(hold_back(r));
        }
        struct stream_event sev;
        enum err e = stream_next(&r->stream, &sev, &r->em);
        if (e == ERR_NEED_INPUT) {
            count_bytes(r);
            atomic_store_explicit(&r->stats.heard_ms, r->stream.heard_ms, memory_order_relaxed);
            TRY(input_ran_dry(r));
            continue;
        }
        if (e == ERR_NO_ROOM) {
            /* All memory for received data is held: by lanes, or by the open group itself. */
            TRY(replica_make_room(r));
            TRY(replica_wait(r, WAIT_MS));
            continue;
        }
        if (e == ERR_STOPPED) /* an orderly shutdown of the server ends the dump */
            return errmsg_set(&r->em, ERR_DISCONNECTED, "source %s:%u ended the replication stream",
                              r->o.source->host, r->o.source->port);
        TRY(e);
        r->beat = says_all_was_sent(r, &sev);
        if (past_until(r, &sev))
            return end_at_until(r);
        TRY(replica_event(r, &r->stream, &sev));
        TRY(replica_copy_turn(r));
        if (at_until(r))
            return end_at_until(r);
        atomic_fetch_add_explicit(&r->stats.events, 1, memory_order_relaxed);
        if (r->boundary_fresh && n % 64 == 0)
            TRY(leave_point_if_due(r));
        if (r->o.cutter != NULL)
            TRY(replica_cut_if_due(r, false));
        if (n % 256 != 0)
            continue;
        count_bytes(r);
        if (is_stopped(r))
            return ERR_STOPPED;
    }
}

/* What the source must have: all that was read, a group that was cut included if rows of it went
 * out. */
static enum err check_history(struct replica *r, struct src_session *control,
                              const struct src_server *now)
{
    const struct group_name *cut = &r->group.skip_of;
    struct position seen = {0};
    enum err e = position_copy(&seen, &r->read);
    if (e == ERR_OK && r->group.skip > 0 && cut->known && seen.kind == POSITION_GTID)
        e = my_gtid_set_add(&seen.set, &cut->gtid);
    if (e == ERR_OK && r->group.skip > 0 && cut->known && seen.kind == POSITION_MARIADB)
        e = maria_gtid_pos_update(&seen.maria, &cut->maria);
    if (e == ERR_OK)
        e = history_check(control, now, r->o.known, &seen, r->o.stop, &r->em);
    position_fini(&seen);
    return e;
}

/* Whether the source has more by now than was read. What cannot be asked shows soon enough. */
static bool has_more(struct replica *r, struct src_session *control, const struct src_server *now)
{
    struct errmsg ignored;
    struct position end = {0};
    struct history_source h = {.loop = r->o.loop,
                               .options = r->o.source,
                               .server = now,
                               .session = control,
                               .pool = r->o.pool,
                               .stop = r->o.stop};
    bool more = history_end(&h, &end, &ignored) == ERR_OK && !position_reached(&r->read, &end);
    position_fini(&end);
    return more;
}

/* Opens a session, compares histories, and starts the dump at the last boundary. */
static enum err connect_source(struct replica *r)
{
    struct src_session *control;
    TRY(replica_control(r, &control));
    struct src_server now;
    TRY(src_server_read(control, &now, &r->em));
    TRY(src_server_check(&now, &r->em));
    TRY(check_history(r, control, &now));
    uint32_t server_id = r->server.server_id;
    char uuid[sizeof(r->server.server_uuid)];
    memcpy(uuid, r->server.server_uuid, sizeof(uuid));
    r->server = now; /* what was read stands in its history */
    int64_t ahead_us;
    TRY(pulse_clock(control, &ahead_us, &r->em));
    if (r->o.view != NULL)
        atomic_store(&r->o.view->clock_ahead_us, ahead_us);
    r->behind = has_more(r, control, &now);
    struct src_dump_options dump;
    history_dump_options(&r->server, &r->read, &dump);
    dump.heartbeat_ms = r->o.task->source.heartbeat_ms;
    dump.server_id = r->o.server_id;
    dump.uuid = r->o.uuid;
    dump.non_blocking = false;
    TRY(stream_open(&r->stream, r->o.loop, r->o.source, &r->server, &dump, r->o.pool, &r->em));
    r->connects++;
    r->beat = r->beaten = false;
    r->opened_ms = clock_mono_ms();
    tables_forget_ids(r->o.tables);
    if (strcmp(uuid, r->server.server_uuid) != 0 || server_id != r->server.server_id) {
        tables_forget_places(r->o.tables, binlog_place_of(r->read.file, r->read.offset));
        replica_copy_other_server(r);
        for (uint32_t i = 0; i < r->xa.count; i++)
            r->xa.items[i].here = false;
    }
    r->txn = (struct binlog_txn){0};
    char where[400];
    log_info("source.connected", "source=%s:%u server=%s position=%s", r->o.source->host,
             r->o.source->port, r->server.version_text,
             position_text(&r->read, where, sizeof(where)));
    return ERR_OK;
}

/* The link is gone in the middle of a group: undo it, or remember what has gone out of it. */
static void drop_open_group(struct replica *r)
{
    struct group g = {.first_id = r->group.first_id,
                      .skip = r->group.skip,
                      .skip_next_id = r->group.skip_next_id,
                      .skip_of = r->group.skip_of,
                      .es_ms = r->group.es_ms};
    bool cut = false, stated = r->group.stated, halved = r->group.halved;
    bool undone = feeder_rollback(r->o.feeder) == ERR_OK;
    replica_copy_group_end(r, !undone);
    if (undone) {
        r->next_id = g.skip > 0 ? g.skip_next_id : g.first_id;
    } else {
        if (r->group.rows > g.skip)
            g.skip = r->group.rows;
        g.skip_next_id = r->next_id;
        g.skip_of = (struct group_name){
            .known = r->group.has_gtid, .gtid = r->group.gtid, .maria = r->group.maria};
        feeder_commit(r->o.feeder); /* those rows stand: the group is committed at the source */
        feeder_publish(r->o.feeder);
        cut = true;
    }
    r->group = g;
    r->spoiled = r->o.cutter != NULL && ((stated && g.skip == 0) || (halved && !undone));
    if (cut && r->o.cutter == NULL && r->boundary_fresh && replica_point(r) != ERR_OK)
        log_debug("reader.point", "reason=\"the boundary before a cut group was not recorded\"");
}

static void end_connection(struct replica *r)
{
    count_bytes(r);
    r->bytes_counted = 0;
    stream_close(&r->stream);
    src_session_close(r->control);
    r->control = NULL;
}

/* It is back: what goes wrong next still counts to this outage, until the link has proved steady.
 */
static void connected(struct replica *r)
{
    uint64_t lasted_ms;
    if (retry_rest(&r->retry, &lasted_ms))
        log_info("source.back", "after_ms=%llu", (unsigned long long)lasted_ms);
}

static void run(struct replica *r)
{
    for (;;) {
        uint64_t passed = r->passed, skip = r->group.skip, began_ms = 0;
        r->em.text[0] = 0;
        enum err e = connect_source(r);
        if (e == ERR_OK) {
            connected(r);
            began_ms = clock_mono_ms();
            e = follow(r);
        }
        if (e != ERR_STOPPED && r->em.text[0] == 0) {
            char place[600];
            errmsg_set(&r->em, e, "source %s:%u, at %s: %s", r->o.source->host, r->o.source->port,
                       replica_place(&r->stream, place, sizeof(place)), err_text(e));
        }
        drop_open_group(r);
        end_connection(r);
        if (r->spoiled && e != ERR_STOPPED && !is_stopped(r))
            e = errmsg_set(&r->em, ERR_ABORTED,
                           "the connection to the source was lost in the middle of a transaction "
                           "whose statement had gone out");
        replica_cut_last(r);
        /* It got on, or worked for a while: this is a new outage. */
        bool steady = began_ms != 0 && clock_mono_ms() - began_ms > STEADY_MS;
        if (r->passed != passed || r->group.skip > skip || steady)
            retry_end(&r->retry, NULL);
        if (e == ERR_STOPPED || is_stopped(r))
            return;
        if (err_class(e) == ERRC_LINK)
            e = retry_wait(&r->retry, e, &r->em);
        if (e == ERR_STOPPED)
            return;
        if (e != ERR_OK) {
            fault_raise(r->o.fault, e, &r->em);
            return;
        }
    }
}

void *replica_run(void *replica)
{
    struct replica *r = replica;
    pthread_setname_np(pthread_self(), "reader");
    run(r);
    replica_witness_end(r);
    feeder_publish(r->o.feeder);
    if (r->o.cutter == NULL && r->boundary_fresh && r->group.skip == 0 &&
        fault_err(r->o.fault) == ERR_OK && replica_point(r) != ERR_OK)
        log_debug("reader.point", "reason=\"the last boundary was not recorded\"");
    atomic_store(&r->ended, true);
    return NULL;
}
