/*
 * What the binlog between a position and its end does to tables: see
 * history_definitions() in history.h.
 *
 * For each table that a row or a statement names it is kept whether its
 * definition is known at that place from the statements of the stretch alone,
 * and, while it is not, whether rows were met that need one; and whether the
 * last reading of definitions may have missed a statement on it.
 */
#include "pipeline/history.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/writer.h"
#include "mysqlproto/binlog/control.h"
#include "mysqlproto/binlog/table_map.h"
#include "mysqlproto/binlog/txn.h"
#include "pipeline/statement.h"
#include "pipeline/stream.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS     4096         /* a power of two */
#define TEXT_MAX    (256u << 20) /* of a statement */
#define PATIENCE_MS 10000        /* after which the log tells of a wait */

struct seen {
    struct seen *next;
    struct slice database;
    struct slice table;
    uint64_t raw_hash; /* of its last table map */
    bool selected;
    bool known;   /* the statements so far tell what it is, or that it is not there */
    bool bare;    /* while that was not so, rows came without FULL metadata */
    bool maybe;   /* CREATE .. IF NOT EXISTS, before any such row: it may have made the table */
    bool defined; /* a statement of the stretch makes the table, or takes it away */
    bool touched; /* a statement of the stretch concerns it */
    bool missed;  /* one that what was read may not show */
};

struct history_scan {
    const struct history_source *source;
    struct tables *tables;
    struct slice database; /* len 0: every table that is selected */
    struct slice table;
    struct position at;   /* scanned up to there */
    bool was_sent;        /* the source has sent all up to there; else a user named it */
    struct position mark; /* what was read shows all up to there; nowhere: nothing was read */
    bool marked;          /* the group at hand has a GTID that is in it */
    struct seen **buckets;
    struct binlog_map_scratch scratch;
    struct binlog_inflater inflater;
    /* the statement at hand */
    const struct ddl_statement *st;
    const struct stream *stream;
    struct errmsg *em;
};

static struct seen **bucket_of(const struct history_scan *c, struct slice database,
                               struct slice table)
{
    return &c->buckets[hash_item(hash_item(HASH_START, database), table) % BUCKETS];
}

/* NULL: nothing was seen of it. */
static struct seen *look_up(const struct history_scan *c, struct slice database, struct slice table)
{
    struct seen *n = *bucket_of(c, database, table);
    while (n != NULL && !(slice_eq(n->table, table) && slice_eq(n->database, database)))
        n = n->next;
    return n;
}

/* NULL: a table that the scan is not about. */
static enum err find_seen(struct history_scan *c, struct slice database, struct slice table,
                          struct seen **out)
{
    *out = NULL;
    if (c->table.len > 0 && !(slice_eq(c->table, table) && slice_eq(c->database, database)))
        return ERR_OK;
    *out = look_up(c, database, table);
    if (*out != NULL)
        return ERR_OK;
    struct seen **bucket = bucket_of(c, database, table);
    struct seen *n = malloc(sizeof(*n) + database.len + table.len);
    if (n == NULL)
        return ERR_NO_MEMORY;
    uint8_t *text = (uint8_t *)(n + 1);
    memcpy(text, database.ptr, database.len);
    memcpy(text + database.len, table.ptr, table.len);
    *n = (struct seen){.next = *bucket,
                       .database = slice_of(text, database.len),
                       .table = slice_of(text + database.len, table.len),
                       .selected = c->table.len > 0 || tables_selected(c->tables, database, table)};
    *bucket = n;
    *out = n;
    return ERR_OK;
}

static enum err scan_map(struct history_scan *c, const struct stream *s,
                         const struct stream_event *sev)
{
    struct binlog_map_head head;
    struct seen *n;
    TRY(binlog_table_map_head(&s->format, sev->ev.body, &head));
    if (c->table.len == 0 && !tables_selected(c->tables, head.database, head.name))
        return ERR_OK;
    TRY(find_seen(c, head.database, head.name, &n));
    if (n == NULL || n->known || n->bare)
        return ERR_OK;
    uint64_t hash = hash_bytes(HASH_START, head.raw);
    if (hash == n->raw_hash)
        return ERR_OK;
    n->raw_hash = hash;
    struct table_map map;
    TRY(binlog_table_map_parse(&s->format, sev->ev.body, &c->scratch, &map));
    n->bare = !table_map_has_names(&map);
    return ERR_OK;
}

static enum err refuse(struct history_scan *c, const struct seen *n)
{
    struct slice sql = c->st->sql;
    int len = sql.len > 160 ? 160 : (int)sql.len;
    return errmsg_set(
        c->em, ERR_TABLE_MISMATCH,
        "table %.*s.%.*s was changed at %s:%llu (%.*s) behind rows that are still to be read, "
        "and those rows come without binlog_row_metadata=FULL: their columns cannot be told from "
        "the definition of today; start behind that place, or set binlog_row_metadata=FULL on "
        "the source for the time to come",
        SLICE_ARG(n->database), SLICE_ARG(n->table), c->stream->file,
        (unsigned long long)c->stream->offset, len, (const char *)sql.ptr);
}

/* Whether what was read shows the statement at hand. */
static bool is_shown(const struct history_scan *c)
{
    if (c->mark.kind == POSITION_GTID)
        return c->marked;
    return binlog_place_compare(c->stream->file, c->stream->offset, c->mark.file, c->mark.offset) <=
           0;
}

static void touch(struct history_scan *c, struct seen *n)
{
    n->touched = true;
    n->missed |= !is_shown(c);
}

/* The statement changes a table, so that what came before it needs another definition than today's.
 */
static enum err change(struct history_scan *c, struct seen *n)
{
    touch(c, n);
    if (n->known || !n->bare)
        return ERR_OK;
    if (!n->maybe)
        return n->selected ? refuse(c, n) : ERR_OK;
    n->known = n->defined = true; /* since the statement that may have made it */
    return ERR_OK;
}

/* Behind the statement the table is what the statements say, or is not there. */
static enum err define(struct history_scan *c, struct slice database, struct slice table)
{
    struct seen *n;
    TRY(find_seen(c, database, table, &n));
    if (n == NULL)
        return ERR_OK;
    TRY(change(c, n));
    n->known = n->defined = true;
    return ERR_OK;
}

static enum err create(struct history_scan *c, const struct ddl_object *o)
{
    struct seen *n;
    if (!c->st->if_not_exists || c->st->or_replace)
        return define(c, o->database, o->name);
    TRY(find_seen(c, o->database, o->name, &n));
    if (n != NULL)
        touch(c, n);
    if (n != NULL && !n->known && !n->bare)
        n->maybe = true;
    return ERR_OK;
}

static enum err rename_table(struct history_scan *c, const struct ddl_object *o)
{
    struct seen *from, *to;
    TRY(find_seen(c, o->database, o->name, &from));
    bool known = from != NULL && from->known;
    TRY(define(c, o->database, o->name));
    TRY(find_seen(c, o->new_database, o->new_name, &to));
    if (to == NULL)
        return ERR_OK;
    TRY(change(c, to));
    to->known = known;
    to->defined |= known;
    to->bare = to->maybe = false;
    to->raw_hash = 0;
    return ERR_OK;
}

/* Some action changes what rows look like, or what identifies them. */
static bool alters(const struct ddl_statement *st)
{
    for (uint32_t i = 0; i < st->action_count; i++) {
        const struct ddl_action *a = &st->actions[i];
        switch ((int)a->kind) {
        case DDL_ADD_KEY:
            if (a->key != NULL &&
                (a->key->kind == DDL_KEY_PRIMARY || a->key->kind == DDL_KEY_UNIQUE))
                return true;
            break;
        case DDL_PARTITIONED:
        case DDL_ROWS_VANISH:
        case DDL_ROWS_APPEAR:
        case DDL_SET_CHARSET:
            break;
        default:
            return true;
        }
    }
    return false;
}

static enum err alter(struct history_scan *c, const struct ddl_object *o)
{
    struct seen *n;
    if (o->new_name.len > 0)
        return rename_table(c, o);
    TRY(find_seen(c, o->database, o->name, &n));
    if (n == NULL)
        return ERR_OK;
    touch(c, n);
    return alters(c->st) ? change(c, n) : ERR_OK;
}

static enum err drop_database(struct history_scan *c, struct slice database)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct seen *n = c->buckets[i]; n != NULL; n = n->next) {
            if (!slice_eq(n->database, database))
                continue;
            TRY(change(c, n));
            n->known = n->defined = true;
        }
    }
    return ERR_OK;
}

static enum err carry_out(struct history_scan *c, const struct ddl_object *o)
{
    switch ((int)c->st->kind) {
    case DDL_CREATE_TABLE:
    case DDL_CREATE_SEQUENCE:
        return create(c, o);
    case DDL_DROP_TABLE:
    case DDL_DROP_SEQUENCE:
        return define(c, o->database, o->name);
    case DDL_RENAME_TABLE:
        return rename_table(c, o);
    case DDL_ALTER_TABLE:
    case DDL_CREATE_INDEX:
    case DDL_DROP_INDEX:
        return o == c->st->objects ? alter(c, o) : ERR_OK;
    case DDL_DROP_DATABASE:
        return drop_database(c, o->database);
    default:
        return ERR_OK;
    }
}

/* Every table whose name stands in it may have been changed, to nobody knows what. */
static enum err not_understood(struct history_scan *c)
{
    struct ddl_names names = ddl_names_of(c->st->sql, &c->st->options);
    struct slice database, table;
    while (ddl_names_next(&names, &database, &table)) {
        struct seen *n;
        if (c->table.len == 0 && !tables_selected(c->tables, database, table))
            continue;
        TRY(find_seen(c, database, table, &n));
        if (n == NULL)
            continue;
        TRY(change(c, n));
        n->known = n->bare = n->maybe = false;
        n->raw_hash = 0;
    }
    return ERR_OK;
}

static enum err scan_parsed(struct history_scan *c, const struct statement *st, struct slice sql)
{
    struct arena *arena = arena_new(4096);
    if (arena == NULL)
        return ERR_NO_MEMORY;
    struct ddl_options options = statement_options(c->source->server, &st->query);
    struct ddl_statement parsed;
    enum err e = ddl_parse(sql, &options, arena, &parsed);
    c->st = &parsed;
    if (e == ERR_MALFORMED || e == ERR_TOO_LARGE)
        e = parsed.class == DDL_CLASS_VIEW || parsed.class == DDL_CLASS_PROCEDURE ||
                    parsed.class == DDL_CLASS_FUNCTION || parsed.class == DDL_CLASS_TRIGGER ||
                    parsed.kind == DDL_ACCOUNT || parsed.kind == DDL_OTHER
                ? ERR_OK
                : not_understood(c);
    else if (e == ERR_OK && !parsed.temporary)
        for (uint32_t i = 0; e == ERR_OK && i < parsed.object_count; i++)
            e = carry_out(c, &parsed.objects[i]);
    c->st = NULL;
    arena_free(arena);
    return e;
}

static enum err scan_statement(struct history_scan *c, const struct stream *s,
                               const struct stream_event *sev)
{
    struct statement st;
    struct binlog_verb verb;
    TRY(statement_open(&st, &c->inflater, &s->format, &sev->ev));
    enum binlog_txn_event tev = binlog_verb_of(st.sql, &verb);
    enum err e = ERR_OK;
    if (tev == BINLOG_TXN_EV_DDL || tev == BINLOG_TXN_EV_DDL_OPEN) {
        struct writer text;
        struct slice sql;
        writer_init(&text, TEXT_MAX);
        c->stream = s;
        e = statement_utf8(&st.query, st.sql, &text, &sql);
        if (e == ERR_OK)
            e = scan_parsed(c, &st, sql);
        writer_fini(&text);
    }
    statement_close(&st);
    return e;
}

/* A group begins: the position behind it, and whether what was read shows it. */
static enum err scan_gtid(struct history_scan *c, const struct stream_event *sev)
{
    struct binlog_gtid g;
    TRY(binlog_gtid_parse(&sev->ev, &g));
    /* Without a GTID it is from before they were switched on, and over. */
    c->marked = g.anonymous || my_gtid_set_contains(&c->mark.set, &g.gtid);
    return g.anonymous ? ERR_OK : my_gtid_set_add(&c->at.set, &g.gtid);
}

static enum err scan_maria_gtid(struct history_scan *c, const struct stream_event *sev)
{
    struct binlog_maria_gtid g;
    TRY(binlog_maria_gtid_parse(&sev->ev, &g));
    return maria_gtid_pos_update(&c->at.maria, &g.gtid);
}

static enum err scan_event(struct history_scan *c, const struct stream *s,
                           const struct stream_event *sev)
{
    enum binlog_txn_event tev = binlog_txn_event_of(&sev->ev);
    uint8_t type = sev->ev.header.type;
    if (tev == BINLOG_TXN_EV_GTID)
        return scan_gtid(c, sev);
    if (tev == BINLOG_TXN_EV_MARIA_GTID || tev == BINLOG_TXN_EV_MARIA_GTID_SINGLE)
        return scan_maria_gtid(c, sev);
    if (type == BINLOG_TABLE_MAP)
        return scan_map(c, s, sev);
    if (type == BINLOG_QUERY || type == BINLOG_QUERY_COMPRESSED)
        return scan_statement(c, s, sev);
    return ERR_OK;
}

static enum err scan_stream(struct history_scan *c, struct stream *s)
{
    for (;;) {
        struct stream_event sev;
        TRY(history_next(c->source, s, &sev, c->em));
        TRY(scan_event(c, s, &sev));
    }
}

/* From where it stands to the end of the binlog. */
static enum err scan_on(struct history_scan *c)
{
    const struct history_source *h = c->source;
    struct src_dump_options dump;
    struct stream s = {0};
    history_dump_options(h->server, &c->at, &dump);
    enum err e = stream_open(&s, h->loop, h->options, h->server, &dump, h->pool, c->em);
    if (e == ERR_OK)
        e = scan_stream(c, &s);
    /* The end of the binlog is the way out that is looked for; a server that is shut down looks the
     * same, but answers nothing any more. */
    if (e == ERR_STOPPED && (h->stop == NULL || !atomic_load(h->stop)))
        e = src_execute(h->session, c->em, "DO 1");
    /* A dump that had nothing to send tells of the beginning of a file. */
    if (binlog_place_compare(s.file, s.offset, c->at.file, c->at.offset) > 0) {
        memcpy(c->at.file, s.file, sizeof(c->at.file));
        c->at.offset = s.offset;
    }
    stream_close(&s);
    return e;
}

static enum err scan_init(struct history_scan *c, const struct position *from)
{
    c->buckets = calloc(BUCKETS, sizeof(struct seen *));
    if (c->buckets == NULL || position_copy(&c->at, from) != ERR_OK)
        return errmsg_set(c->em, ERR_NO_MEMORY, "out of memory for a scan of the binlog");
    if (c->at.kind != POSITION_FILE) { /* it may be another server's */
        c->at.file[0] = 0;
        c->at.offset = 0;
    }
    return ERR_OK;
}

static void scan_fini(struct history_scan *c)
{
    for (size_t i = 0; c->buckets != NULL && i < BUCKETS; i++) {
        while (c->buckets[i] != NULL) {
            struct seen *n = c->buckets[i];
            c->buckets[i] = n->next;
            free(n);
        }
    }
    free(c->buckets);
    position_fini(&c->at);
    position_fini(&c->mark);
    binlog_map_scratch_fini(&c->scratch);
    binlog_inflater_fini(&c->inflater);
}

/* ---- reading definitions ---- */

/*
 * A place up to which all is visible to what is read from now on, and not
 * before what the source has sent.
 *
 * MySQL's @@gtid_executed has a transaction once it is visible. MariaDB's
 * binlog has it before, but its information_schema waits for the lock that the
 * statement holds until then. MySQL without GTIDs has neither: what reads calls
 * src_catalog_settle().
 */
static enum err take_mark(struct history_scan *c)
{
    const struct history_source *h = c->source;
    uint64_t tell_ms = clock_mono_ms() + PATIENCE_MS;
    for (;;) {
        TRY(history_end(h, &c->mark, c->em));
        if (c->mark.kind != POSITION_GTID || !c->was_sent || position_reached(&c->mark, &c->at))
            return ERR_OK;
        if (clock_mono_ms() >= tell_ms) {
            log_warn("definitions.commit_hangs", "waiting_ms=%d", PATIENCE_MS);
            tell_ms = UINT64_MAX;
        }
        TRY(history_nap(h->stop));
    }
}

/* Whether the reading is to be made up for: what the statements tell themselves needs none. */
static bool any_missed(const struct history_scan *c)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (const struct seen *n = c->buckets[i]; n != NULL; n = n->next)
            if (n->missed && n->selected && !n->known)
                return true;
    return false;
}

/* Asked for every table of the source. */
static bool is_missed(void *scan, struct slice database, struct slice table)
{
    const struct history_scan *c = scan;
    if (table.len > 0) {
        const struct seen *n = look_up(c, database, table);
        return n != NULL && n->missed;
    }
    for (size_t i = 0; i < BUCKETS; i++)
        for (const struct seen *n = c->buckets[i]; n != NULL; n = n->next)
            if (n->missed && slice_eq(n->database, database))
                return true;
    return false;
}

static void forget_missed(struct history_scan *c)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct seen *n = c->buckets[i]; n != NULL; n = n->next)
            n->missed = false;
}

static enum err read_and_scan(struct history_scan *c, history_read_fn read, void *arg)
{
    TRY(take_mark(c));
    TRY(read(arg, NULL, NULL, c->em));
    TRY(scan_on(c));
    c->was_sent = true;
    while (any_missed(c)) {
        TRY(take_mark(c));
        TRY(read(arg, is_missed, c, c->em));
        forget_missed(c);
        TRY(scan_on(c));
    }
    return ERR_OK;
}

/* Tables that the stretch itself defines are not what the source shows today. */
static enum err tell(struct history_scan *c)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        for (const struct seen *n = c->buckets[i]; n != NULL; n = n->next) {
            if (n->defined && n->selected)
                TRY(tables_evolve(c->tables, n->database, n->table));
            if (n->touched && n->selected)
                TRY(tables_touch(c->tables, n->database, n->table));
        }
    }
    return ERR_OK;
}

enum err history_definitions(const struct history_source *h, const struct position *from,
                             struct tables *tables, struct slice database, struct slice table,
                             history_read_fn read, void *arg, struct position *end,
                             struct errmsg *em)
{
    struct history_scan c = {.source = h,
                             .tables = tables,
                             .database = database,
                             .table = table,
                             .was_sent = table.len > 0,
                             .em = em};
    enum err e = scan_init(&c, from);
    if (e == ERR_OK)
        e = read_and_scan(&c, read, arg);
    if (e == ERR_OK && table.len == 0)
        e = tell(&c);
    if (e == ERR_OK)
        e = position_copy(end, &c.at);
    scan_fini(&c);
    return e;
}

enum err history_touched(const struct history_source *h, const struct position *from,
                         struct tables *tables, bool *touched, struct errmsg *em)
{
    struct history_scan c = {
        .source = h, .tables = tables, .database = SLICE_LIT(""), .table = SLICE_LIT(""), .em = em};
    enum err e = scan_init(&c, from);
    if (e == ERR_OK)
        e = scan_on(&c);
    *touched = e == ERR_TABLE_MISMATCH;
    for (size_t i = 0; e == ERR_OK && !*touched && i < BUCKETS; i++)
        for (const struct seen *n = c.buckets[i]; n != NULL; n = n->next)
            *touched |= n->touched && n->selected;
    scan_fini(&c);
    return e == ERR_TABLE_MISMATCH ? ERR_OK : e;
}
