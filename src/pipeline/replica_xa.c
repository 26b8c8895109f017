/*
 * Reading a prepared XA group again when its commit comes.
 *
 * The group is still in the source's binlog; a second stream is opened at the
 * boundary in front of it, and its rows are fed as part of the group that the
 * XA COMMIT opened. They take their numbers now, so that a replay of the same
 * history numbers them alike.
 */
#include "pipeline/replica_int.h"

#include "base/clock.h"
#include "pipeline/history.h"

#include <stdio.h>

#define SILENCE_MS 30000
#define ENDS_MAX   5 /* dumps in a row that end too early: the group is not there */

/* A dump ends at the binlog's end, when its server is shut down, and by KILL QUERY. */
static enum err its_end(struct replica *r)
{
    struct src_session *control;
    TRY(replica_control(r, &control));
    TRY(src_execute(control, &r->em, "DO 1"));
    enum err e = ++r->xa_ends < ENDS_MAX ? ERR_DISCONNECTED : ERR_HISTORY;
    return errmsg_set(&r->em, e, "its binlog ended before the group did");
}

static enum err next_event(struct replica *r, struct stream *s, struct stream_event *sev)
{
    uint64_t patience = clock_mono_ms() + SILENCE_MS;
    for (;;) {
        enum err e = stream_next(s, sev, &r->em);
        if (e == ERR_NO_ROOM) {
            TRY(replica_make_room(r));
            patience = clock_mono_ms() + SILENCE_MS; /* it is we who do not listen */
        } else if (e == ERR_STOPPED) {
            return its_end(r);
        } else if (e != ERR_NEED_INPUT) {
            return e;
        }
        if (clock_mono_ms() > patience)
            return errmsg_set(&r->em, ERR_TIMEOUT, "the source went silent");
        TRY(replica_wait(r, 100));
    }
}

/* Whether the event opens (a GTID of MariaDB, XA START) or ends (XA_PREPARE) the group. */
static enum err look(const struct stream *s, const struct stream_event *sev,
                     const struct xa_group *g, bool *inside, bool *end)
{
    switch (sev->ev.header.type) {
    case BINLOG_XA_PREPARE: {
        struct binlog_xa_prepare x;
        TRY(binlog_xa_prepare_parse(sev->ev.body, &x));
        *end = *inside && binlog_xid_eq(&x.xid, &g->xid);
        *inside = false;
        return ERR_OK;
    }
    case BINLOG_MARIA_GTID: {
        struct binlog_maria_gtid m;
        TRY(binlog_maria_gtid_parse(&sev->ev, &m));
        *inside = (m.flags & BINLOG_MARIA_PREPARED_XA) != 0 && binlog_xid_eq(&m.xid, &g->xid);
        return ERR_OK;
    }
    case BINLOG_QUERY: {
        struct binlog_query q;
        struct binlog_verb verb = {0};
        TRY(binlog_query_parse(&s->format, &sev->ev, &q));
        if (binlog_verb_of(q.sql, &verb) == BINLOG_TXN_EV_XA_START)
            *inside = binlog_xid_eq(&verb.xid, &g->xid);
        return ERR_OK;
    }
    default:
        return ERR_OK;
    }
}

static enum err replay(struct replica *r, struct stream *s, const struct xa_group *g)
{
    bool inside = false;
    for (;;) {
        struct stream_event sev;
        bool end = false;
        TRY(next_event(r, s, &sev));
        TRY(look(s, &sev, g, &inside, &end));
        if (end)
            return ERR_OK;
        uint8_t type = sev.ev.header.type;
        if (type == BINLOG_FORMAT_DESCRIPTION)
            tables_forget_ids(r->o.tables);
        if (!inside)
            continue;
        if (type == BINLOG_TABLE_MAP)
            TRY(tables_map(r->o.tables, &s->format, sev.ev.body, s->file, s->offset, &r->em));
        else if (binlog_is_rows(type))
            TRY(replica_rows(r, s, &sev));
    }
}

/* To find a GTID a server reads its binlog file from the beginning; a place it goes to at once. */
static bool dump_by_place(const struct replica *r, const struct xa_group *g,
                          struct src_dump_options *dump)
{
    if (!g->here || r->xa_by_set || g->before.kind == POSITION_FILE ||
        g->before.offset > UINT32_MAX)
        return false;
    dump->executed = NULL;
    dump->maria = NULL;
    dump->file = g->before.file;
    dump->offset = g->before.offset;
    return true;
}

enum err replica_replay_xa(struct replica *r, const struct xa_group *g)
{
    char xid[400], where[600];
    xa_xid_text(&g->xid, xid, sizeof(xid));
    struct src_dump_options dump;
    history_dump_options(&r->server, &g->before, &dump);
    bool by_place = dump_by_place(r, g, &dump);
    struct stream s = {0};
    enum err e = stream_open(&s, r->o.loop, r->o.source, &r->server, &dump, r->o.pool, &r->em);
    if (e == ERR_OK)
        e = replay(r, &s, g);
    if (e == ERR_OK) {
        r->xa_ends = 0;
        r->xa_by_set = false;
    } else if (by_place && err_class(e) != ERRC_WAIT) {
        r->xa_by_set = true;
        if (err_class(e) == ERRC_HISTORY || err_class(e) == ERRC_SOURCE)
            e = ERR_DISCONNECTED; /* the GTIDs will tell */
    }
    stream_close(&s);
    tables_forget_ids(r->o.tables);
    if (e != ERR_OK && err_class(e) != ERRC_WAIT)
        errmsg_prefix(&r->em, "reading the prepared XA transaction %s again from %s", xid,
                      position_text(&g->before, where, sizeof(where)));
    return e;
}
