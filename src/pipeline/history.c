#include "pipeline/history.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/writer.h"
#include "mysqlproto/binlog/control.h"
#include "mysqlproto/binlog/txn.h"
#include "net/loop.h"
#include "pipeline/statement.h"
#include "pipeline/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VISIBLE_MS   10000 /* a transaction may be sent that long before @@gtid_executed has it */
#define SILENCE_MS   60000
#define SET_TEXT_MAX 300

void history_dump_options(const struct src_server *sv, const struct position *from,
                          struct src_dump_options *out)
{
    *out = (struct src_dump_options){
        .checksum = sv->checksum, .non_blocking = true, .file = from->file, .offset = from->offset};
    if (from->kind == POSITION_GTID)
        out->executed = &from->set;
    else if (from->kind == POSITION_MARIADB)
        out->maria = &from->maria;
    if (from->kind != POSITION_FILE) {
        out->file = NULL;
        out->offset = 0;
    }
}

/* The text of a set, cut, for a sentence. */
static const char *set_text(const struct my_gtid_set *set, char *buf, size_t cap)
{
    struct writer w;
    writer_init(&w, 64u << 20);
    my_gtid_set_print(set, &w);
    snprintf(buf, cap, "%.*s%s", w.len < cap ? (int)w.len : (int)cap - 4,
             w.len > 0 ? (const char *)w.base : "", w.len < cap ? "" : "...");
    writer_fini(&w);
    return buf;
}

enum err history_nap(const atomic_bool *stop)
{
    if (stop != NULL && atomic_load(stop))
        return ERR_STOPPED;
    struct timespec t = {.tv_nsec = 50 * 1000000};
    nanosleep(&t, NULL);
    return ERR_OK;
}

/*
 * Everything that we have read must be in the source's history. What was sent
 * to us may not be visible there yet, so that it is given some time.
 */
static enum err check_ancestry(struct src_session *s, const struct src_server *sv,
                               const struct position *p, const atomic_bool *stop, struct errmsg *em)
{
    uint64_t deadline = clock_mono_ms() + VISIBLE_MS;
    struct my_gtid_set executed = {0}, foreign = {0};
    enum err e;
    do {
        e = src_server_executed(s, &executed, em);
        if (e == ERR_OK)
            e = my_gtid_set_subtract(&p->set, &executed, &foreign);
        if (e != ERR_OK || my_gtid_set_empty(&foreign))
            break;
        e = history_nap(stop);
    } while (e == ERR_OK && clock_mono_ms() < deadline);
    if (e == ERR_OK && !my_gtid_set_empty(&foreign)) {
        char text[SET_TEXT_MAX];
        e = errmsg_set(
            em, ERR_HISTORY,
            "the source (server_uuid %s) does not have transactions that this task has "
            "read: %s; it was reset, restored, or is not of the same topology: go on with "
            "a server that has them, or begin anew with an empty state_dir",
            sv->server_uuid, set_text(&foreign, text, sizeof(text)));
    }
    my_gtid_set_fini(&executed);
    my_gtid_set_fini(&foreign);
    return e;
}

/* What the source has purged we must have read. */
static enum err check_purged(struct src_session *s, const struct position *p, struct errmsg *em)
{
    struct my_gtid_set purged = {0}, missing = {0};
    enum err e = src_server_purged(s, &purged, em);
    if (e == ERR_OK)
        e = my_gtid_set_subtract(&purged, &p->set, &missing);
    if (e == ERR_OK && !my_gtid_set_empty(&missing)) {
        char text[SET_TEXT_MAX];
        e = errmsg_set(em, ERR_HISTORY,
                       "the source has purged transactions that this task has not read: %s; begin "
                       "anew with an empty state_dir, and keep binlogs longer "
                       "(binlog_expire_logs_seconds)",
                       set_text(&missing, text, sizeof(text)));
    }
    my_gtid_set_fini(&purged);
    my_gtid_set_fini(&missing);
    return e;
}

/* Without GTIDs a place means something on one server only. */
static enum err check_place(struct src_session *s, const struct src_server *sv,
                            const struct src_server *known, const struct position *p,
                            struct errmsg *em)
{
    if (strcmp(sv->server_uuid, known->server_uuid) != 0 || sv->server_id != known->server_id)
        return errmsg_set(em, ERR_HISTORY,
                          "the source is another server: expected server_uuid %s and server_id %u, "
                          "found %s and %u; a position without GTIDs (%s:%llu) means nothing there",
                          known->server_uuid, known->server_id, sv->server_uuid, sv->server_id,
                          p->file, (unsigned long long)p->offset);
    struct src_binlog *files;
    size_t count;
    TRY(src_server_binlogs(s, sv, &files, &count, em));
    enum err e = ERR_HISTORY;
    for (size_t i = 0; i < count && e != ERR_OK; i++)
        if (strcmp(files[i].name, p->file) == 0)
            e = files[i].size >= p->offset || files[i].size == 0 ? ERR_OK : ERR_MALFORMED;
    if (e == ERR_HISTORY)
        errmsg_set(em, e,
                   "binlog %s is not on the source any more (oldest: %s): it was purged or reset; "
                   "begin anew with an empty state_dir",
                   p->file, count > 0 ? files[0].name : "none");
    else if (e == ERR_MALFORMED)
        e = errmsg_set(
            em, ERR_HISTORY,
            "binlog %s on the source ends before %llu, where this task stood: the binlog "
            "was reset or the server restored; begin anew with an empty state_dir",
            p->file, (unsigned long long)p->offset);
    free(files);
    return e;
}

/*
 * MariaDB refuses a GTID that it does not have, but begins a domain that its
 * binlog knows nothing of from the start, as after RESET MASTER.
 */
static enum err check_domains(struct src_session *s, const struct src_server *sv,
                              const struct position *p, struct errmsg *em)
{
    struct src_position now = {0};
    enum err e = src_server_position(s, sv, &now, em);
    for (uint32_t i = 0; i < p->maria.count && e == ERR_OK; i++) {
        const struct maria_gtid *ours = &p->maria.gtids[i];
        const struct maria_gtid *theirs = maria_gtid_pos_get(&now.maria, ours->domain);
        if (theirs != NULL &&
            (theirs->server_id != ours->server_id || theirs->sequence >= ours->sequence))
            continue;
        e = errmsg_set(
            em, ERR_HISTORY,
            "the source's binlog does not have what this task has read: expected at least "
            "%u-%u-%llu, found %s in domain %u; it was reset or is another server: begin "
            "anew with an empty state_dir",
            ours->domain, ours->server_id, (unsigned long long)ours->sequence,
            theirs == NULL ? "nothing" : "an older state", ours->domain);
    }
    src_position_fini(&now);
    return e;
}

enum err history_check(struct src_session *s, const struct src_server *sv,
                       const struct src_server *known, const struct position *p,
                       const atomic_bool *stop, struct errmsg *em)
{
    if (sv->flavour != known->flavour)
        return errmsg_set(em, ERR_HISTORY, "the source is %s now and was %s before",
                          sv->flavour == SRC_MYSQL ? "MySQL" : "MariaDB",
                          known->flavour == SRC_MYSQL ? "MySQL" : "MariaDB");
    switch (p->kind) {
    case POSITION_FILE:
        return check_place(s, sv, known, p, em);
    case POSITION_GTID:
        if (!sv->gtids)
            return errmsg_set(em, ERR_HISTORY,
                              "this task follows the source by GTID, and gtid_mode is %s there",
                              sv->gtid_mode);
        TRY(check_ancestry(s, sv, p, stop, em));
        return check_purged(s, p, em);
    case POSITION_MARIADB:
        return check_domains(s, sv, p, em);
    }
    return ERR_BUG;
}

enum err history_end(const struct history_source *h, struct position *out, struct errmsg *em)
{
    struct src_position now = {0};
    enum err e = src_server_position(h->session, h->server, &now, em);
    if (e == ERR_OK) {
        out->kind = h->server->flavour == SRC_MARIADB ? POSITION_MARIADB
                    : h->server->gtids                ? POSITION_GTID
                                                      : POSITION_FILE;
        e = my_gtid_set_copy(&out->set, &now.executed);
    }
    if (e == ERR_OK)
        e = maria_gtid_pos_copy(&out->maria, &now.maria);
    if (e == ERR_OK && out->kind != POSITION_GTID) {
        /* With MySQL's GTIDs the place may be of another moment than the set: left out. */
        snprintf(out->file, sizeof(out->file), "%s", now.file);
        out->offset = now.offset;
    }
    src_position_fini(&now);
    return e;
}

/* The next event of a dump that ends at the binlog's end: ERR_STOPPED there. */
enum err history_next(const struct history_source *h, struct stream *s, struct stream_event *sev,
                      struct errmsg *em)
{
    for (;;) {
        enum err e = stream_next(s, sev, em);
        if (e != ERR_NEED_INPUT && e != ERR_NO_ROOM)
            return e;
        if (h->stop != NULL && atomic_load(h->stop))
            return errmsg_set(em, ERR_STOPPED, "stopped");
        if (e == ERR_NO_ROOM) {
            if (h->make_room != NULL)
                TRY(h->make_room(h->make_room_arg));
            s->heard_ms = clock_mono_ms(); /* it is we who do not listen */
        }
        if (clock_mono_ms() - s->heard_ms > SILENCE_MS)
            return errmsg_set(em, ERR_TIMEOUT, "the source went silent while its binlog was read");
        enum err w = net_loop_wait(h->loop, clock_mono_ms() + 100);
        if (w != ERR_OK && w != ERR_TIMEOUT)
            return w;
    }
}

/* Where a search through the binlog stands, and where it is to end. */
struct search {
    struct binlog_inflater inflater;
    struct position at; /* the last boundary */
    struct binlog_txn txn;
    struct my_gtid gtid; /* of the open group */
    bool has_gtid;
    const char *until_file; /* NULL: until a time */
    uint64_t until_offset;
    uint64_t until_us;
    bool found;
};

/* Takes one event into account: keeps `at` on boundaries and its set complete. */
static enum err search_event(struct search *f, struct stream *s, const struct stream_event *sev)
{
    uint8_t type = sev->ev.header.type;
    enum binlog_txn_event tev = binlog_txn_event_of(&sev->ev);
    if (type == BINLOG_PREVIOUS_GTIDS && my_gtid_set_empty(&f->at.set))
        TRY(my_gtid_set_decode(&f->at.set, sev->ev.body));
    if (tev == BINLOG_TXN_EV_GTID) {
        struct binlog_gtid g;
        TRY(binlog_gtid_parse(&sev->ev, &g));
        f->gtid = g.gtid;
        f->has_gtid = !g.anonymous;
    }
    if (type == BINLOG_QUERY || type == BINLOG_QUERY_COMPRESSED) {
        struct statement st;
        struct binlog_verb verb;
        TRY(statement_open(&st, &f->inflater, &s->format, &sev->ev));
        tev = binlog_verb_of(st.sql, &verb);
        statement_close(&st);
    }
    bool was_outside = f->txn.state == BINLOG_TXN_OUTSIDE;
    enum binlog_txn_action action;
    TRY(binlog_txn_step(&f->txn, tev, &action));
    if (f->txn.state != BINLOG_TXN_OUTSIDE || (was_outside && tev == BINLOG_TXN_EV_OTHER))
        return ERR_OK;
    if (f->has_gtid && !was_outside)
        TRY(my_gtid_set_add(&f->at.set, &f->gtid));
    f->has_gtid = false;
    memcpy(f->at.file, s->file, sizeof(f->at.file));
    f->at.offset = s->offset;
    return ERR_OK;
}

/* Whether the search is over before this event is taken into account. */
static bool search_over(const struct search *f, const struct stream *s,
                        const struct stream_event *sev)
{
    if (f->txn.state != BINLOG_TXN_OUTSIDE)
        return false;
    if (f->until_file != NULL)
        return binlog_place_compare(s->file, s->offset, f->until_file, f->until_offset) > 0 &&
               (sev->ev.header.flags & BINLOG_FLAG_ARTIFICIAL) == 0 &&
               sev->ev.header.type != BINLOG_FORMAT_DESCRIPTION;
    enum binlog_txn_event tev = binlog_txn_event_of(&sev->ev);
    return (tev == BINLOG_TXN_EV_GTID || tev == BINLOG_TXN_EV_MARIA_GTID ||
            tev == BINLOG_TXN_EV_MARIA_GTID_SINGLE || sev->ev.header.type == BINLOG_QUERY) &&
           (uint64_t)sev->ev.header.timestamp * 1000000 >= f->until_us;
}

/* Reads from the start of a file until the search is over or the binlog ends. */
static enum err search_from(const struct history_source *h, const char *file, struct search *f,
                            struct errmsg *em)
{
    struct src_dump_options dump = {
        .checksum = h->server->checksum, .non_blocking = true, .file = file, .offset = 4};
    struct stream s = {0};
    enum err e = stream_open(&s, h->loop, h->options, h->server, &dump, h->pool, em);
    while (e == ERR_OK && !f->found) {
        struct stream_event sev;
        e = history_next(h, &s, &sev, em);
        if (e == ERR_OK && search_over(f, &s, &sev))
            f->found = true;
        else if (e == ERR_OK)
            e = search_event(f, &s, &sev);
    }
    stream_close(&s);
    binlog_inflater_fini(&f->inflater);
    return e == ERR_STOPPED && (h->stop == NULL || !atomic_load(h->stop)) ? ERR_OK : e;
}

/* MariaDB: the GTID state of a place. */
static enum err maria_state(const struct history_source *h, struct position *p, struct errmsg *em)
{
    bool found = false;
    TRY(src_server_gtid_at(h->session, p->file, p->offset, &p->maria, &found, em));
    p->kind = POSITION_MARIADB;
    return found
               ? ERR_OK
               : errmsg_set(em, ERR_HISTORY, "the source does not know the binlog position %s:%llu",
                            p->file, (unsigned long long)p->offset);
}

static enum err oldest_file(const struct history_source *h, char out[BINLOG_NAME_MAX],
                            struct errmsg *em)
{
    struct src_binlog *files;
    size_t count;
    TRY(src_server_binlogs(h->session, h->server, &files, &count, em));
    if (count > 0)
        snprintf(out, BINLOG_NAME_MAX, "%s", files[0].name);
    free(files);
    return count > 0 ? ERR_OK : errmsg_set(em, ERR_HISTORY, "the source has no binlog files");
}

/* A place without GTIDs stands as it is; with them it becomes the set that lies before it. */
static enum err start_at_place(const struct history_source *h, const char *file, uint64_t offset,
                               struct position *out, struct errmsg *em)
{
    snprintf(out->file, sizeof(out->file), "%s", file);
    out->offset = offset;
    if (h->server->flavour == SRC_MARIADB)
        return maria_state(h, out, em);
    out->kind = h->server->gtids ? POSITION_GTID : POSITION_FILE;
    if (!h->server->gtids)
        return ERR_OK;
    struct search f = {.until_file = file, .until_offset = offset};
    enum err e = search_from(h, file, &f, em);
    if (e == ERR_OK && offset > 4 &&
        binlog_place_compare(f.at.file, f.at.offset, file, offset) != 0)
        e = errmsg_set(
            em, ERR_HISTORY,
            "source.start %s:%llu is not between two transactions (the last one before it "
            "ends at %s:%llu)",
            file, (unsigned long long)offset, f.at.file, (unsigned long long)f.at.offset);
    if (e == ERR_OK)
        e = my_gtid_set_copy(&out->set, &f.at.set);
    position_fini(&f.at);
    return e;
}

static enum err start_earliest(const struct history_source *h, struct position *out,
                               struct errmsg *em)
{
    char file[BINLOG_NAME_MAX];
    TRY(oldest_file(h, file, em));
    if (h->server->flavour == SRC_MYSQL && h->server->gtids) {
        out->kind = POSITION_GTID;
        return src_server_purged(h->session, &out->set, em);
    }
    return start_at_place(h, file, 4, out, em);
}

static enum err start_at_time(const struct history_source *h, uint64_t time_us,
                              struct position *out, struct errmsg *em)
{
    char file[BINLOG_NAME_MAX];
    TRY(oldest_file(h, file, em));
    struct search f = {.until_us = time_us};
    snprintf(f.at.file, sizeof(f.at.file), "%s", file);
    f.at.offset = 4;
    enum err e = search_from(h, file, &f, em);
    f.at.kind = h->server->gtids ? POSITION_GTID : POSITION_FILE;
    if (e == ERR_OK)
        e = position_copy(out, &f.at);
    if (e == ERR_OK && h->server->flavour == SRC_MARIADB)
        e = maria_state(h, out, em);
    position_fini(&f.at);
    return e;
}

static enum err start_at_gtid(const struct history_source *h, const char *text,
                              struct position *out, struct errmsg *em)
{
    enum err e;
    if (h->server->flavour == SRC_MARIADB) {
        out->kind = POSITION_MARIADB;
        e = maria_gtid_pos_parse(&out->maria, slice_str(text));
    } else {
        if (!h->server->gtids)
            return errmsg_set(em, ERR_CONFIG, "source.start gtid:%s: gtid_mode is %s on the source",
                              text, h->server->gtid_mode);
        out->kind = POSITION_GTID;
        e = my_gtid_set_parse(&out->set, slice_str(text));
    }
    return e == ERR_OK ? e
                       : errmsg_set(em, ERR_CONFIG,
                                    "source.start gtid:%s is no GTID set of this source", text);
}

enum err history_start(const struct history_source *h, const struct conf_start *start,
                       struct position *out, struct errmsg *em)
{
    switch (start->kind) {
    case CONF_START_NOW:
        return history_end(h, out, em);
    case CONF_START_EARLIEST:
        return start_earliest(h, out, em);
    case CONF_START_FILE:
        return start_at_place(h, start->file, start->offset, out, em);
    case CONF_START_GTID:
        return start_at_gtid(h, start->gtid_set, out, em);
    case CONF_START_TIME:
        return start_at_time(h, start->time_us, out, em);
    }
    return ERR_BUG;
}
