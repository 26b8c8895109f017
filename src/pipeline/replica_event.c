/*
 * What events mean: groups that open, commit, roll back or are parked,
 * statements that change tables, and the boundaries between groups.
 */
#include "pipeline/replica_int.h"

#include "base/hash.h"
#include "base/log.h"
#include "pipeline/statement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *replica_place(const struct stream *s, char *buf, size_t cap)
{
    snprintf(buf, cap, "%s:%llu", s->file, (unsigned long long)s->offset);
    return buf;
}

static bool same_name(const struct group_name *a, const struct group_name *b)
{
    if (!a->known || !b->known)
        return a->known == b->known;
    return memcmp(a->gtid.uuid, b->gtid.uuid, sizeof(a->gtid.uuid)) == 0 &&
           a->gtid.gno == b->gtid.gno && a->gtid.tag_len == b->gtid.tag_len &&
           memcmp(a->gtid.tag, b->gtid.tag, a->gtid.tag_len) == 0 &&
           a->maria.domain == b->maria.domain && a->maria.server_id == b->maria.server_id &&
           a->maria.sequence == b->maria.sequence;
}

/*
 * A part of it may have gone out before a reconnect: those rows have their
 * numbers. Another server may have the groups in another order, so that this
 * is another one: it is taken whole, and so is that one when it comes.
 */
static void group_begin(struct replica *r, const struct group_name *name)
{
    struct group g = {.first_id = r->next_id, .fed_before = r->fed_bytes};
    if (r->group.skip > 0 && !same_name(&r->group.skip_of, name)) {
        log_warn("source.order",
                 "rows=%llu note=\"another transaction comes where one was cut in the middle: that "
                 "one's rows come again, with other ids\"",
                 (unsigned long long)r->group.skip);
    } else if (r->group.skip > 0) {
        g.first_id = r->group.first_id;
        g.skip = r->group.skip;
        g.skip_next_id = r->group.skip_next_id;
        g.skip_of = r->group.skip_of;
    }
    r->group = g;
}

/* Without a GTID the place is all that tells a group. */
static void group_begin_nameless(struct replica *r)
{
    group_begin(r, &(struct group_name){0});
}

static enum err open_mysql_group(struct replica *r, const struct stream_event *sev)
{
    struct binlog_gtid g;
    TRY(binlog_gtid_parse(&sev->ev, &g));
    struct group_name name = {.known = !g.anonymous};
    if (!g.anonymous)
        name.gtid = g.gtid;
    group_begin(r, &name);
    r->group.has_gtid = !g.anonymous;
    r->group.commit_us =
        g.immediate_us != 0 ? g.immediate_us : (uint64_t)sev->ev.header.timestamp * 1000000;
    r->group.gtid = g.gtid;
    if (g.anonymous && r->read.kind == POSITION_GTID)
        return errmsg_set(
            &r->em, ERR_HISTORY,
            "the source writes transactions without a GTID, and this task follows it "
            "by GTID: gtid_mode was changed; switch it back to ON, or begin anew with "
            "an empty state_dir");
    if (!g.anonymous && r->o.task->canal.gtid)
        r->group.gtid_text_len = my_gtid_print(&g.gtid, r->group.gtid_text);
    return ERR_OK;
}

static enum err open_maria_group(struct replica *r, const struct stream_event *sev)
{
    struct binlog_maria_gtid g;
    TRY(binlog_maria_gtid_parse(&sev->ev, &g));
    group_begin(r, &(struct group_name){.known = true, .maria = g.gtid});
    r->group.has_gtid = r->group.is_maria = true;
    r->group.commit_us = (uint64_t)sev->ev.header.timestamp * 1000000;
    r->group.maria = g.gtid;
    if ((g.flags & BINLOG_MARIA_PREPARED_XA) != 0)
        feeder_pin(r->o.feeder);
    if (r->o.task->canal.gtid)
        r->group.gtid_text_len =
            (size_t)snprintf(r->group.gtid_text, sizeof(r->group.gtid_text), "%u-%u-%llu",
                             g.gtid.domain, g.gtid.server_id, (unsigned long long)g.gtid.sequence);
    return ERR_OK;
}

/* The position behind the group that just ended. */
static enum err pass_boundary(struct replica *r, const struct stream *s)
{
    struct position *p = &r->read;
    if (r->group.has_gtid && p->kind == POSITION_GTID)
        TRY(my_gtid_set_add(&p->set, &r->group.gtid));
    if (r->group.is_maria && p->kind == POSITION_MARIADB)
        TRY(maria_gtid_pos_update(&p->maria, &r->group.maria));
    memcpy(p->file, s->file, sizeof(p->file));
    p->offset = s->offset;
    memcpy(r->group_file, p->file, sizeof(r->group_file));
    r->group_offset = p->offset;
    r->place = binlog_place_of(p->file, p->offset);
    r->boundary_fresh = true;
    r->passed++;
    replica_copy_group_end(r, true);
    tables_trim_ids(r->o.tables);
    uint64_t es_ms = r->group.es_ms;
    uint64_t commit_us = r->group.commit_us != 0 ? r->group.commit_us : es_ms * 1000;
    r->group = (struct group){.first_id = r->next_id, .es_ms = es_ms};
    if (r->oldest_us == 0)
        r->oldest_us = commit_us;
    if (commit_us != 0)
        atomic_store_explicit(&r->stats.boundary_us, commit_us, memory_order_relaxed);
    return ERR_OK;
}

static enum err commit(struct replica *r, const struct stream *s)
{
    feeder_commit(r->o.feeder);
    return pass_boundary(r, s);
}

/* The rows of the open group do not count. */
static enum err take_back(struct replica *r)
{
    enum err e = r->group.skip > 0 ? ERR_UNSUPPORTED : feeder_rollback(r->o.feeder);
    replica_copy_group_end(r, e != ERR_OK);
    if (e != ERR_OK)
        return errmsg_set(
            &r->em, e,
            "a transaction of more than %zu bytes ends in ROLLBACK, and a part of its "
            "rows has gone out already: raise limits.memory to hold it whole",
            r->o.feeder->hold_max);
    r->next_id = r->group.first_id;
    return ERR_OK;
}

static enum err roll_back(struct replica *r, const struct stream *s)
{
    TRY(take_back(r));
    return pass_boundary(r, s);
}

static struct savepoint *find_savepoint(struct group *g, uint64_t name)
{
    for (uint32_t i = 0; i < g->savepoint_count; i++)
        if (g->savepoints[i].name == name)
            return &g->savepoints[i];
    return NULL;
}

static void set_savepoint(struct group *g, struct slice name)
{
    uint64_t hash = hash_item(HASH_START, name);
    struct savepoint *sp = find_savepoint(g, hash);
    if (sp == NULL && g->savepoint_count < SAVEPOINTS_MAX)
        sp = &g->savepoints[g->savepoint_count++];
    if (sp != NULL)
        *sp = (struct savepoint){hash, g->rows};
}

/* Rows since the savepoint were undone; with engines of both kinds only some of them were. */
static enum err roll_back_to_savepoint(struct replica *r, struct slice name)
{
    const struct savepoint *sp = find_savepoint(&r->group, hash_item(HASH_START, name));
    if (r->group.rows == (sp != NULL ? sp->rows : 0))
        return ERR_OK;
    return errmsg_set(&r->em, ERR_UNSUPPORTED,
                      "a transaction rolls back to a savepoint and has written to a table that "
                      "cannot roll back: which of its rows stand cannot be told from the binlog");
}

/*
 * The rows of an open XA group are let go of; they are read again if it
 * commits. (Of one that commits in one phase some may have gone out, before a
 * reconnect: they stand.)
 */
static enum err drop(struct replica *r)
{
    TRY(feeder_rollback(r->o.feeder));
    replica_copy_group_end(r, false);
    r->next_id = r->group.skip > 0 ? r->group.skip_next_id : r->group.first_id;
    r->group.dropped = true;
    return ERR_OK;
}

enum err replica_make_room(struct replica *r)
{
    enum err e = feeder_flow(r->o.feeder);
    return e == ERR_TOO_LARGE ? drop(r) : e;
}

/* The group counts only when its xid commits: its rows are read again then. */
static enum err park(struct replica *r, const struct stream *s, const struct binlog_xid *xid)
{
    uint64_t rows = r->group.rows;
    TRY(take_back(r));
    TRY(xa_list_add(&r->xa, xid, &r->read, rows > 0));
    r->xa.items[r->xa.count - 1].here = r->read.file[0] != 0;
    return pass_boundary(r, s);
}

/* XA COMMIT ... ONE PHASE: the group counts at once, and may have been too large to hold. */
static enum err commit_one_phase(struct replica *r, const struct stream *s,
                                 const struct binlog_xid *xid)
{
    if (!r->group.dropped)
        return commit(r, s);
    struct xa_group g = {.xid = *xid, .wanted = true};
    enum err e = position_copy(&g.before, &r->read);
    r->group.rows = 0;
    r->group.dropped = false;
    if (e == ERR_OK)
        e = replica_replay_xa(r, &g);
    position_fini(&g.before);
    return e == ERR_OK ? commit(r, s) : e;
}

static enum err commit_xa(struct replica *r, const struct stream *s, const struct binlog_xid *xid)
{
    const struct xa_group *g = xa_list_find(&r->xa, xid);
    char text[400], place[600];
    if (g == NULL)
        log_warn(
            "xa.unknown",
            "xid=%s position=%s note=\"prepared before this task began: rows of selected tables "
            "that it may have are not sent\"",
            xa_xid_text(xid, text, sizeof(text)), replica_place(s, place, sizeof(place)));
    else if (g->wanted)
        TRY(replica_replay_xa(r, g));
    xa_list_remove(&r->xa, xid);
    return commit(r, s);
}

/* A change of rows that is logged as a statement cannot be carried, if it may be one of ours. */
static enum err refuse_statement(struct replica *r, const struct stream *s,
                                 const struct binlog_query *q, struct slice sql)
{
    struct slice database, table;
    if (slice_eq(q->db, SLICE_LIT("mysql")) ||
        !tables_mentioned(r->o.tables, sql, q->db, &database, &table))
        return ERR_OK;
    char place[600];
    int len = sql.len > 120 ? 120 : (int)sql.len;
    return errmsg_set(&r->em, ERR_UNSUPPORTED,
                      "table %.*s.%.*s was changed at %s by a statement that is in the binlog as "
                      "text (%.*s): rows cannot be made of it; set binlog_format=ROW for every "
                      "session, and start behind this place",
                      SLICE_ARG(database), SLICE_ARG(table), replica_place(s, place, sizeof(place)),
                      len, (const char *)sql.ptr);
}

/* What the statement did to tables concerns the copy. */
static enum err take_effects(struct replica *r)
{
    struct table_effect *list = tables_take_effects(r->o.tables);
    enum err e = replica_copy_effects(r, list);
    tables_effects_free(list);
    return e;
}

/* What a QUERY does. */
static enum err act_on_query(struct replica *r, const struct stream *s,
                             enum binlog_txn_action action, const struct binlog_query *q,
                             struct slice sql, const struct binlog_verb *verb)
{
    switch (action) {
    case BINLOG_TXN_BEGIN:
        group_begin_nameless(r);
        return ERR_OK;
    case BINLOG_TXN_COMMIT:
        return commit(r, s);
    case BINLOG_TXN_ROLLBACK:
        return roll_back(r, s);
    case BINLOG_TXN_DDL:
    case BINLOG_TXN_STATEMENT:
        if (action == BINLOG_TXN_STATEMENT)
            TRY(refuse_statement(r, s, q, sql));
        if (action == BINLOG_TXN_DDL)
            TRY(replica_ddl(r, s, q, sql));
        TRY(take_effects(r));
        return r->txn.state == BINLOG_TXN_OPEN ? ERR_OK : commit(r, s);
    case BINLOG_TXN_SAVEPOINT:
        set_savepoint(&r->group, verb->name);
        return ERR_OK;
    case BINLOG_TXN_ROLLBACK_TO:
        return roll_back_to_savepoint(r, verb->name);
    case BINLOG_TXN_XA_COMMIT:
        return commit_xa(r, s, &verb->xid);
    case BINLOG_TXN_XA_ROLLBACK:
        xa_list_remove(&r->xa, &verb->xid);
        return commit(r, s);
    case BINLOG_TXN_IGNORE:
    case BINLOG_TXN_ROWS:
    case BINLOG_TXN_XA_PARK:
    case BINLOG_TXN_CUT:
    case BINLOG_TXN_LOST:
        return ERR_OK;
    }
    return ERR_BUG;
}

static enum err query_event(struct replica *r, const struct stream *s,
                            const struct stream_event *sev)
{
    struct statement st;
    TRY(statement_open(&st, &r->inflater, &s->format, &sev->ev));
    struct binlog_verb verb = {0};
    enum binlog_txn_event tev = binlog_verb_of(st.sql, &verb);
    enum binlog_txn_action action;
    r->statement_origin = replica_origin(r, s, sev);
    r->statement_ms = (uint64_t)sev->ev.header.timestamp * 1000;
    enum err e = binlog_txn_step(&r->txn, tev, &action);
    if (e == ERR_OK)
        e = act_on_query(r, s, action, &st.query, st.sql, &verb);
    if (tev == BINLOG_TXN_EV_BEGIN || tev == BINLOG_TXN_EV_XA_START)
        r->group.thread_id = st.query.thread_id;
    if (e == ERR_OK && tev == BINLOG_TXN_EV_XA_START)
        feeder_pin(r->o.feeder);
    statement_close(&st);
    return e;
}

static enum err incident(struct replica *r, const struct stream *s, const struct stream_event *sev)
{
    struct binlog_incident i;
    TRY(binlog_incident_parse(sev->ev.body, &i));
    char place[600];
    return errmsg_set(&r->em, ERR_HISTORY,
                      "the source lost events before %s (incident %u: %.*s): what they changed is "
                      "not in the binlog; begin anew with an empty state_dir",
                      replica_place(s, place, sizeof(place)), i.number, SLICE_ARG(i.text));
}

/* The server died while it wrote the open group, which it has undone since. */
static enum err cut(struct replica *r, const struct stream *s)
{
    char place[600];
    log_warn("source.cut",
             "position=%s reason=\"the source ended in the middle of a transaction, which does not "
             "count\"",
             replica_place(s, place, sizeof(place)));
    TRY(take_back(r));
    r->group = (struct group){.first_id = r->next_id};
    return ERR_OK;
}

static enum err unknown_event(struct replica *r, const struct stream *s,
                              const struct stream_event *sev)
{
    if (binlog_may_pass(&sev->ev.header))
        return ERR_OK;
    const char *name = binlog_type_name(sev->ev.header.type);
    char place[600];
    return errmsg_set(
        &r->em, ERR_UNKNOWN_EVENT,
        "an event of type %u (%s) before %s: this version of rowcast cannot tell what it "
        "changes",
        sev->ev.header.type, name != NULL ? name : "unknown",
        replica_place(s, place, sizeof(place)));
}

/* The place moves on over what stands between groups: the start and the end of files. */
static void pass_between_groups(struct replica *r, const struct stream *s,
                                const struct stream_event *sev)
{
    uint8_t type = sev->ev.header.type;
    bool counts = type == BINLOG_ROTATE || type == BINLOG_FORMAT_DESCRIPTION ||
                  type == BINLOG_PREVIOUS_GTIDS || type == BINLOG_MARIA_GTID_LIST ||
                  type == BINLOG_BINLOG_CHECKPOINT || type == BINLOG_STOP;
    if (!counts || r->txn.state != BINLOG_TXN_OUTSIDE)
        return;
    if (strcmp(r->read.file, s->file) != 0)
        r->binlog_made = 0; /* its format description comes next */
    memcpy(r->read.file, s->file, sizeof(r->read.file));
    r->read.offset = s->offset;
    r->place = binlog_place_of(s->file, s->offset);
    r->boundary_fresh = true;
}

/*
 * The dump thread has come that far, over groups that it does not send since
 * we have them, too. Not a place to begin at: no position is made of it.
 */
static void heartbeat(struct replica *r, const struct stream_event *sev)
{
    struct binlog_heartbeat h;
    if (r->txn.state != BINLOG_TXN_OUTSIDE || binlog_heartbeat_parse(&sev->ev, &h) != ERR_OK)
        return;
    char file[BINLOG_NAME_MAX];
    if (h.file.len >= sizeof(file))
        return;
    memcpy(file, h.file.ptr, h.file.len);
    file[h.file.len] = 0;
    struct binlog_place place = binlog_place_of(file, h.position);
    if (binlog_place_upto(r->place, place))
        r->place = place;
}

/* A LOAD DATA that is logged as a statement. */
static enum err load_event(struct replica *r, const struct stream *s,
                           const struct stream_event *sev)
{
    struct statement st;
    TRY(statement_open(&st, &r->inflater, &s->format, &sev->ev));
    enum err e = refuse_statement(r, s, &st.query, st.sql);
    statement_close(&st);
    TRY(e);
    return r->txn.state == BINLOG_TXN_OPEN ? ERR_OK : commit(r, s);
}

/* Events without a parser of their own here: what the state machine makes of them. */
static enum err other_event(struct replica *r, const struct stream *s,
                            const struct stream_event *sev)
{
    enum binlog_txn_action action;
    TRY(binlog_txn_step(&r->txn, binlog_txn_event_of(&sev->ev), &action));
    switch (action) {
    case BINLOG_TXN_COMMIT:
        return commit(r, s);
    case BINLOG_TXN_ROLLBACK:
        return roll_back(r, s);
    case BINLOG_TXN_CUT:
        return cut(r, s);
    case BINLOG_TXN_LOST:
        return incident(r, s, sev);
    case BINLOG_TXN_IGNORE:
        pass_between_groups(r, s, sev);
        return unknown_event(r, s, sev);
    case BINLOG_TXN_BEGIN:
        group_begin_nameless(r);
        return ERR_OK;
    case BINLOG_TXN_STATEMENT:
        return load_event(r, s, sev);
    case BINLOG_TXN_ROWS:
    case BINLOG_TXN_DDL:
    case BINLOG_TXN_SAVEPOINT:
    case BINLOG_TXN_ROLLBACK_TO:
    case BINLOG_TXN_XA_PARK:
    case BINLOG_TXN_XA_COMMIT:
    case BINLOG_TXN_XA_ROLLBACK:
        return ERR_OK;
    }
    return ERR_BUG;
}

static enum err xa_prepare_event(struct replica *r, const struct stream *s,
                                 const struct stream_event *sev)
{
    struct binlog_xa_prepare x;
    TRY(binlog_xa_prepare_parse(sev->ev.body, &x));
    enum binlog_txn_action action;
    TRY(binlog_txn_step(
        &r->txn, x.one_phase ? BINLOG_TXN_EV_XA_ONE_PHASE : BINLOG_TXN_EV_XA_PREPARE, &action));
    return action == BINLOG_TXN_XA_PARK ? park(r, s, &x.xid) : commit_one_phase(r, s, &x.xid);
}

static enum err table_map_event(struct replica *r, const struct stream *s,
                                const struct stream_event *sev)
{
    char place[600];
    enum err e = tables_map(r->o.tables, &s->format, sev->ev.body, s->file, s->offset, &r->em);
    if (e != ERR_OK && r->em.text[0] != 0)
        errmsg_prefix(&r->em, "at %s", replica_place(s, place, sizeof(place)));
    return e;
}

/*
 * A format description tells when its file was made. Without GTIDs that is how
 * a binlog that was reset, and has grown past our place again, is known.
 */
static enum err check_file(struct replica *r, const struct stream *s,
                           const struct stream_event *sev)
{
    uint32_t made = sev->ev.header.timestamp;
    bool same_name = strcmp(s->file, r->read.file) == 0;
    if (r->read.kind == POSITION_FILE && same_name && r->binlog_made != 0 && made != 0 &&
        made != r->binlog_made)
        return errmsg_set(&r->em, ERR_HISTORY,
                          "binlog %s on the source is not the one that this task has read (made at "
                          "%u, expected %u, seconds since 1970): the binlog was reset; begin anew "
                          "with an empty state_dir",
                          s->file, made, r->binlog_made);
    if (made != 0)
        r->binlog_made = made;
    return ERR_OK;
}

/* Steps the state machine for an event that belongs to a group. */
static enum err step(struct replica *r, const struct stream_event *sev)
{
    enum binlog_txn_action action;
    return binlog_txn_step(&r->txn, binlog_txn_event_of(&sev->ev), &action);
}

enum err replica_event(struct replica *r, struct stream *s, const struct stream_event *sev)
{
    uint8_t type = sev->ev.header.type;
    if (binlog_is_rows(type)) {
        TRY(step(r, sev));
        return replica_rows(r, s, sev);
    }
    switch (type) {
    case BINLOG_TABLE_MAP:
        TRY(step(r, sev));
        return table_map_event(r, s, sev);
    case BINLOG_GTID:
    case BINLOG_ANONYMOUS_GTID:
    case BINLOG_GTID_TAGGED:
        TRY(step(r, sev));
        return open_mysql_group(r, sev);
    case BINLOG_MARIA_GTID:
        TRY(step(r, sev));
        return open_maria_group(r, sev);
    case BINLOG_QUERY:
    case BINLOG_QUERY_COMPRESSED:
        return query_event(r, s, sev);
    case BINLOG_XA_PREPARE:
        return xa_prepare_event(r, s, sev);
    case BINLOG_HEARTBEAT:
    case BINLOG_HEARTBEAT_V2:
        heartbeat(r, sev);
        return other_event(r, s, sev);
    case BINLOG_FORMAT_DESCRIPTION:
        tables_forget_ids(r->o.tables);
        TRY(check_file(r, s, sev));
        return other_event(r, s, sev);
    default:
        return other_event(r, s, sev);
    }
}
