/*
 * Reading definitions out of information_schema:
 *
 *   1. the names of the tables
 *   2. the columns, in ordinal order, and the parts of the keys
 *   3. for a table with several unique keys beside its primary key, SHOW KEYS:
 *      only that tells their order, and the first of them is the row's identity
 *      where there is no primary key (any more)
 *
 * Each is one statement for a database, or where many are wanted for the whole
 * server, however many tables there are. There the parts of all keys are kept first, in a few words
 * each, and a table is finished as soon as its columns have come, so that definitions never lie in
 * memory by the thousands. Where few tables are wanted, statements name them, database by database,
 * and only those are read.
 */
#include "source/catalog.h"

#include "schema/sql_name.h"
#include "source/catalog_int.h"

#include <stdio.h>
#include <stdlib.h>

#define GROUP_TABLES  256 /* no more are named in one statement */
#define TABLES_MAX    1000000u
#define GIPK_VERSION  80030
#define STATS_VERSION 80000

/* One run over the catalogue. */
struct walk {
    struct src_session *s;
    const struct src_server *sv;
    src_table_filter filter;
    src_table_fn each;
    void *arg;
    struct errmsg *em;

    struct catalog_databases databases;
    struct arena *names;  /* what drafts hold for the whole run */
    struct draft *drafts; /* ascending by database and name, bytewise */
    size_t count;
    size_t cap;
    struct draft *last; /* the one that the row before belonged to */

    struct arena *arena; /* of the table, or of the group, that is read */
    struct writer sql;
};

static int draft_cmp(const void *a, const void *b)
{
    const struct table_def *x = &((const struct draft *)a)->def;
    const struct table_def *y = &((const struct draft *)b)->def;
    int c = slice_cmp(x->database, y->database);
    return c != 0 ? c : slice_cmp(x->name, y->name);
}

static bool is_draft(const struct draft *d, struct slice database, struct slice table)
{
    return slice_eq(d->def.name, table) && slice_eq(d->def.database, database);
}

/* NULL: a table that is not wanted, or newer than the list. */
static struct draft *draft_find(struct walk *w, struct slice database, struct slice table)
{
    if (w->last != NULL && is_draft(w->last, database, table))
        return w->last;
    const struct draft key = {.def = {.database = database, .name = table}};
    return w->last =
               w->count == 0 ? NULL : bsearch(&key, w->drafts, w->count, sizeof(key), draft_cmp);
}

static bool walk_init(struct walk *w)
{
    writer_init(&w->sql, 1024 * 1024);
    w->names = arena_new(16 * 1024);
    return w->names != NULL;
}

static void walk_fini(struct walk *w)
{
    writer_fini(&w->sql);
    catalog_databases_fini(&w->databases);
    arena_free(w->names);
    free(w->drafts);
}

static enum err ask(struct walk *w, src_row_fn take)
{
    TRY(w->sql.err);
    w->last = NULL;
    return src_query(w->s, writer_slice(&w->sql), take, w, w->em);
}

/* ---- names ---- */

/* TABLE_SCHEMA, TABLE_NAME, ENGINE, TABLE_TYPE, TABLE_COLLATION */
static enum err take_name(void *arg, const struct src_row *row)
{
    struct walk *w = arg;
    const struct my_text_value *v = row->values;
    if (row->count != 5 || w->count >= TABLES_MAX)
        return ERR_PROTOCOL;
    if (w->filter != NULL && !w->filter(w->arg, v[0].text, v[1].text))
        return ERR_OK;
    if (w->count == w->cap) {
        size_t cap = w->cap == 0 ? 64 : w->cap * 2;
        struct draft *drafts = realloc(w->drafts, cap * sizeof(*drafts));
        if (drafts == NULL)
            return ERR_NO_MEMORY;
        w->drafts = drafts;
        w->cap = cap;
    }
    /* Neighbours share the texts that they have in common. */
    const struct table_def *before = w->count > 0 ? &w->drafts[w->count - 1].def : NULL;
    bool same_database = before != NULL && slice_eq(before->database, v[0].text);
    bool same_engine = before != NULL && slice_eq(before->engine, v[2].text);
    bool same_collation = before != NULL && slice_eq(before->collation, v[4].text);
    w->drafts[w->count++] = (struct draft){
        .def = {.database = same_database ? before->database : arena_copy(w->names, v[0].text),
                .name = arena_copy(w->names, v[1].text),
                .engine = same_engine ? before->engine : arena_copy(w->names, v[2].text),
                .collation = same_collation ? before->collation : arena_copy(w->names, v[4].text),
                .system_versioned = slice_eq(v[3].text, SLICE_LIT("SYSTEM VERSIONED")),
                .sequence = slice_eq(v[3].text, SLICE_LIT("SEQUENCE"))},
    };
    return w->names->failed ? ERR_NO_MEMORY : ERR_OK;
}

#define NAMES_OF                                                                                   \
    "SELECT TABLE_SCHEMA, TABLE_NAME, ENGINE, TABLE_TYPE, TABLE_COLLATION FROM "                   \
    "information_schema.TABLES"
#define NO_VIEWS " AND TABLE_TYPE IN ('BASE TABLE','SYSTEM VERSIONED','SEQUENCE')"

static void sort_names(struct walk *w)
{
    if (w->count > 1)
        qsort(w->drafts, w->count, sizeof(*w->drafts), draft_cmp);
}

static enum err read_names(struct walk *w)
{
    TRY(catalog_databases_read(w->s, w->filter, w->arg, &w->databases, w->em));
    for (uint32_t i = 0; i < catalog_statements(&w->databases); i++)
        TRY(catalog_ask(w->s, &w->databases, i, NAMES_OF, NO_VIEWS, take_name, w, w->em));
    sort_names(w);
    return ERR_OK;
}

/* The one that is asked for; several where names are compared without case. */
static enum err read_name(struct walk *w, struct slice database, struct slice table)
{
    writer_clear(&w->sql);
    writer_lit(&w->sql, NAMES_OF " WHERE TABLE_SCHEMA = ");
    src_quote(&w->sql, database);
    writer_lit(&w->sql, " AND TABLE_NAME = ");
    src_quote(&w->sql, table);
    writer_lit(&w->sql, NO_VIEWS);
    TRY(ask(w, take_name));
    sort_names(w);
    return ERR_OK;
}

/* ---- columns and keys ---- */

#define COLUMNS_OF                                                                                 \
    "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, DATA_TYPE, COLLATION_NAME, "       \
    "DATETIME_PRECISION, IS_NULLABLE, EXTRA FROM information_schema.COLUMNS"
#define KEYS_OF                                                                                    \
    "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART, INDEX_TYPE, "             \
    "NON_UNIQUE FROM information_schema.STATISTICS"

/* Bytewise: names that differ in case alone are tables of their own, and must not mingle. */
#define BY_TABLE " ORDER BY CAST(TABLE_SCHEMA AS BINARY), CAST(TABLE_NAME AS BINARY), "

static struct key_part part_of(const struct my_text_value *v)
{
    return (struct key_part){
        .key = v[2].text,
        .column = v[3].text,
        .expression = v[3].is_null,
        .prefix = v[4].is_null ? 0 : (uint16_t)slice_number(v[4].text),
        .unique = slice_number(v[6].text) == 0,
        .hash = slice_eq(v[5].text, SLICE_LIT("HASH")),
    };
}

/* A row of COLUMNS_OF, of tables that are read as a group. */
static enum err take_group_column(void *arg, const struct src_row *row)
{
    struct walk *w = arg;
    if (row->count != 9)
        return ERR_PROTOCOL;
    struct draft *d = draft_find(w, row->values[0].text, row->values[1].text);
    return d == NULL ? ERR_OK : catalog_add_column(w->arena, d, row->values + 2);
}

/* A row of KEYS_OF, when the columns are there. */
static enum err take_group_key(void *arg, const struct src_row *row)
{
    struct walk *w = arg;
    if (row->count != 7)
        return ERR_PROTOCOL;
    struct draft *d = draft_find(w, row->values[0].text, row->values[1].text);
    const struct key_part part = part_of(row->values);
    return d == NULL ? ERR_OK : catalog_add_key_part(w->arena, d, &part);
}

/* A row of KEYS_OF, to be kept until the columns come. */
static enum err keep_key_part(void *arg, const struct src_row *row)
{
    struct walk *w = arg;
    if (row->count != 7)
        return ERR_PROTOCOL;
    struct draft *d = draft_find(w, row->values[0].text, row->values[1].text);
    if (d == NULL)
        return ERR_OK;
    struct key_part *part = arena_alloc(w->names, sizeof(*part));
    if (part == NULL)
        return ERR_NO_MEMORY;
    *part = part_of(row->values);
    part->key = arena_copy(w->names, part->key);
    part->column = arena_copy(w->names, part->column);
    if (d->parts_end == NULL)
        d->parts_end = &d->parts;
    *d->parts_end = part;
    d->parts_end = &part->next;
    return w->names->failed ? ERR_NO_MEMORY : ERR_OK;
}

struct key_order {
    struct table_def *def;
    uint32_t placed;
};

/* SHOW KEYS: Table, Non_unique, Key_name, Seq_in_index, ... in the server's own order */
static enum err take_key_order(void *arg, const struct src_row *row)
{
    struct key_order *o = arg;
    if (row->count < 4)
        return ERR_PROTOCOL;
    for (uint32_t i = o->placed; i < o->def->key_count; i++) {
        if (slice_eq(o->def->keys[i].name, row->values[2].text)) {
            struct key_def k = o->def->keys[i];
            memmove(&o->def->keys[o->placed + 1], &o->def->keys[o->placed],
                    (i - o->placed) * sizeof(k));
            o->def->keys[o->placed++] = k;
            break;
        }
    }
    return ERR_OK;
}

static bool needs_order(const struct table_def *def)
{
    return def->key_count > 2 || (def->key_count == 2 && !def->keys[0].primary);
}

static enum err order_keys(struct src_session *s, struct table_def *def, struct errmsg *em)
{
    struct key_order order = {.def = def};
    struct writer sql;
    writer_init(&sql, 4096);
    writer_lit(&sql, "SHOW KEYS FROM ");
    sql_put_table(&sql, def->database, def->name);
    enum err e = sql.err;
    if (e == ERR_OK)
        e = src_query(s, writer_slice(&sql), take_key_order, &order, em);
    writer_fini(&sql);
    return e;
}

/* ---- few tables: a group of one database ---- */

/* " WHERE TABLE_SCHEMA = '...' AND TABLE_NAME IN ('...', ...)" */
static void write_where(struct writer *sql, const struct draft *drafts, size_t count)
{
    writer_lit(sql, " WHERE TABLE_SCHEMA = ");
    src_quote(sql, drafts[0].def.database);
    writer_lit(sql, " AND TABLE_NAME ");
    writer_put(sql, count == 1 ? "= " : "IN (", count == 1 ? 2 : 4);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            writer_lit(sql, ",");
        src_quote(sql, drafts[i].def.name);
    }
    if (count != 1)
        writer_lit(sql, ")");
}

/* The definitions are made in w->arena. */
static enum err read_group(struct walk *w, struct draft *drafts, size_t count)
{
    writer_clear(&w->sql);
    writer_lit(&w->sql, COLUMNS_OF);
    write_where(&w->sql, drafts, count);
    writer_lit(&w->sql, BY_TABLE "ORDINAL_POSITION");
    TRY(ask(w, take_group_column));
    writer_clear(&w->sql);
    writer_lit(&w->sql, KEYS_OF);
    write_where(&w->sql, drafts, count);
    writer_lit(&w->sql, BY_TABLE "INDEX_NAME, SEQ_IN_INDEX");
    TRY(ask(w, take_group_key));
    for (size_t i = 0; i < count; i++) {
        TRY(catalog_tidy_keys(w->arena, &drafts[i]));
        if (needs_order(&drafts[i].def))
            TRY(order_keys(w->s, &drafts[i].def, w->em));
    }
    return ERR_OK;
}

/* Reads a group and shows it. What the drafts get is gone afterwards. */
static enum err walk_group(struct walk *w, struct draft *drafts, size_t count)
{
    w->arena = arena_new(64 * 1024);
    enum err e = w->arena != NULL ? read_group(w, drafts, count) : ERR_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        /* A table that was dropped in between has no columns any more. */
        if (e == ERR_OK && drafts[i].def.column_count > 0)
            e = w->each(w->arg, &drafts[i].def);
        drafts[i].done = true;
    }
    arena_free(w->arena);
    return e;
}

/* How many drafts from i on are not done, belong to one database, and fit one statement. */
static size_t group_at(const struct walk *w, size_t i)
{
    size_t n = 0;
    while (i + n < w->count && n < GROUP_TABLES && !w->drafts[i + n].done &&
           slice_eq(w->drafts[i + n].def.database, w->drafts[i].def.database))
        n++;
    return n;
}

static enum err walk_groups(struct walk *w)
{
    for (size_t i = 0; i < w->count; i++) {
        size_t n = group_at(w, i);
        if (n == 0)
            continue;
        TRY(walk_group(w, &w->drafts[i], n));
        i += n - 1;
    }
    return ERR_OK;
}

/* ---- many tables: all of them at once ---- */

/* All columns of w->last have come. One whose keys must be asked for is left for later. */
static enum err finish_table(struct walk *w)
{
    struct draft *d = w->last;
    enum err e = ERR_OK;
    if (d == NULL || d->done || d->def.column_count == 0)
        return ERR_OK;
    for (const struct key_part *p = d->parts; e == ERR_OK && p != NULL; p = p->next)
        e = catalog_add_key_part(w->arena, d, p);
    if (e == ERR_OK)
        e = catalog_tidy_keys(w->arena, d);
    d->done = !needs_order(&d->def);
    if (e == ERR_OK && d->done)
        e = w->each(w->arg, &d->def);
    d->def.column_count = d->def.key_count = d->def.index_count = 0;
    d->columns_cap = d->keys_cap = d->indexes_cap = 0;
    d->def.columns = NULL;
    d->def.keys = d->def.indexes = NULL;
    arena_free(w->arena);
    w->arena = arena_new(8 * 1024);
    return e == ERR_OK && w->arena == NULL ? ERR_NO_MEMORY : e;
}

/* A row of COLUMNS_OF, table after table. */
static enum err take_column(void *arg, const struct src_row *row)
{
    struct walk *w = arg;
    if (row->count != 9)
        return ERR_PROTOCOL;
    struct slice database = row->values[0].text, table = row->values[1].text;
    if (w->last == NULL || !is_draft(w->last, database, table)) {
        TRY(finish_table(w));
        if (draft_find(w, database, table) == NULL)
            return ERR_OK;
        if (w->last->done)
            return ERR_PROTOCOL;
    }
    return catalog_add_column(w->arena, w->last, row->values + 2);
}

static enum err read_at_once(struct walk *w)
{
    const struct catalog_databases *d = &w->databases;
    for (uint32_t i = 0; i < catalog_statements(d); i++) {
        w->last = NULL;
        TRY(catalog_ask(w->s, d, i, COLUMNS_OF, BY_TABLE "ORDINAL_POSITION", take_column, w,
                        w->em));
        TRY(finish_table(w));
    }
    return ERR_OK;
}

static enum err walk_at_once(struct walk *w)
{
    const struct catalog_databases *d = &w->databases;
    w->last = NULL;
    for (uint32_t i = 0; i < catalog_statements(d); i++)
        TRY(catalog_ask(w->s, d, i, KEYS_OF, BY_TABLE "INDEX_NAME, SEQ_IN_INDEX", keep_key_part, w,
                        w->em));
    w->arena = arena_new(8 * 1024);
    if (w->arena == NULL)
        return ERR_NO_MEMORY;
    enum err e = read_at_once(w);
    arena_free(w->arena);
    TRY(e);
    return walk_groups(w); /* what is not done */
}

/* ---- walks ---- */

/* The server shows generated invisible keys by default; somebody may have switched that off. */
static enum err show_gipk(struct src_session *s, const struct src_server *sv, struct errmsg *em)
{
    if (sv->flavour != SRC_MYSQL || sv->version < GIPK_VERSION)
        return ERR_OK;
    return src_execute(s, em, "SET SESSION show_gipk_in_create_table_and_information_schema=ON");
}

static enum err walk_fails(struct walk *w, enum err e)
{
    if (e == ERR_TOO_LARGE || e == ERR_NO_MEMORY)
        errmsg_set(w->em, e, "source %s: the definitions of its tables: %s", w->s->peer,
                   err_text(e));
    return e;
}

enum err src_catalog_walk(struct src_session *s, const struct src_server *sv,
                          src_table_filter filter, src_table_fn each, void *arg, struct errmsg *em)
{
    struct walk w = {.s = s, .sv = sv, .filter = filter, .each = each, .arg = arg, .em = em};
    TRY(show_gipk(s, sv, em));
    enum err e = walk_init(&w) ? read_names(&w) : ERR_NO_MEMORY;
    if (e == ERR_OK)
        e = w.count <= GROUP_TABLES ? walk_groups(&w) : walk_at_once(&w);
    walk_fini(&w);
    return walk_fails(&w, e);
}

enum err src_catalog_names(struct src_session *s, const struct src_server *sv,
                           src_table_filter filter, src_table_fn each, void *arg, struct errmsg *em)
{
    struct walk w = {.s = s, .sv = sv, .filter = filter, .each = each, .arg = arg, .em = em};
    enum err e = walk_init(&w) ? read_names(&w) : ERR_NO_MEMORY;
    for (size_t i = 0; e == ERR_OK && i < w.count; i++)
        e = each(arg, &w.drafts[i].def);
    walk_fini(&w);
    return walk_fails(&w, e);
}

/* ---- one table ---- */

/* Turns a definition of the arena into one block. */
static enum err in_one_block(const struct table_def *def, struct table_def **out)
{
    struct writer bytes;
    writer_init(&bytes, 64u << 20);
    table_def_serialize(def, &bytes);
    enum err e = bytes.err;
    if (e == ERR_OK)
        e = table_def_parse(writer_slice(&bytes), out);
    writer_fini(&bytes);
    return e;
}

static enum err read_table(struct walk *w, struct slice database, struct slice table,
                           struct table_def **out)
{
    TRY(read_name(w, database, table));
    if (w->count == 0)
        return ERR_OK;
    /* Where names are compared without case there may be several: the exact one is meant. */
    struct draft *d = &w->drafts[0];
    for (size_t i = 0; i < w->count; i++)
        if (is_draft(&w->drafts[i], database, table))
            d = &w->drafts[i];
    if (!is_draft(d, database, table) && w->sv->lower_case_table_names == 0)
        return ERR_OK;
    TRY(read_group(w, d, 1));
    if (d->def.column_count == 0)
        return ERR_OK;
    enum err e = in_one_block(&d->def, out);
    return e == ERR_OK ? e
                       : errmsg_set(w->em, e, "source %s: a definition cannot be kept", w->s->peer);
}

enum err src_catalog_table(struct src_session *s, const struct src_server *sv,
                           struct slice database, struct slice table, struct table_def **out,
                           struct errmsg *em)
{
    struct walk w = {.s = s, .sv = sv, .em = em};
    struct table_def *def = NULL;
    TRY(show_gipk(s, sv, em));
    w.arena = arena_new(16 * 1024);
    enum err e =
        w.arena != NULL && walk_init(&w) ? read_table(&w, database, table, &def) : ERR_NO_MEMORY;
    walk_fini(&w);
    arena_free(w.arena);
    if (e != ERR_OK)
        return walk_fails(&w, e);
    *out = def;
    return ERR_OK;
}

/* ---- statistics ---- */

struct stats_walk {
    src_table_filter filter;
    src_stats_fn each; /* NULL: nobody wants them */
    void *arg;
};

/* MySQL: ENCRYPTION='Y'; MariaDB: `ENCRYPTED`=YES; in any case, among others. */
static bool says_encrypted(struct slice options)
{
    struct slice word = SLICE_LIT("encrypt");
    for (size_t i = 0; i + word.len <= options.len; i++)
        if (slice_eq_nocase(slice_of(options.ptr + i, word.len), word))
            return true;
    return false;
}

/* TABLE_SCHEMA, TABLE_NAME, TABLE_ROWS, DATA_LENGTH, AVG_ROW_LENGTH, CREATE_OPTIONS */
static enum err take_stats(void *arg, const struct src_row *row)
{
    const struct stats_walk *w = arg;
    const struct my_text_value *v = row->values;
    if (row->count != 6)
        return ERR_PROTOCOL;
    if (w->filter != NULL && !w->filter(w->arg, v[0].text, v[1].text))
        return ERR_OK;
    const struct src_table_stats stats = {
        .database = v[0].text,
        .name = v[1].text,
        .rows = slice_number(v[2].text),
        .bytes = slice_number(v[3].text),
        .row_len = slice_number(v[4].text),
        .encrypted = says_encrypted(v[5].text),
    };
    return w->each != NULL ? w->each(w->arg, &stats) : ERR_OK;
}

#define STATS_OF                                                                                   \
    "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_ROWS, DATA_LENGTH, AVG_ROW_LENGTH, "                   \
    "CREATE_OPTIONS FROM "                                                                         \
    "information_schema.TABLES"

/* Each table whose statistics are asked for is opened: few are named. MariaDB looks names up one
 * by one. */
static enum err stats_of_groups(struct walk *w, struct stats_walk *stats)
{
    for (size_t i = 0, n; i < w->count; i += n) {
        n = w->sv->flavour == SRC_MARIADB ? 1 : group_at(w, i);
        writer_clear(&w->sql);
        writer_lit(&w->sql, STATS_OF);
        write_where(&w->sql, &w->drafts[i], n);
        TRY(w->sql.err);
        TRY(src_query(w->s, writer_slice(&w->sql), take_stats, stats, w->em));
    }
    return ERR_OK;
}

static enum err read_stats(struct walk *w, struct stats_walk *stats)
{
    const struct catalog_databases *d = &w->databases;
    TRY(read_names(w));
    /* MySQL shows what it once noted, for a day; the engine knows better. */
    if (w->sv->flavour == SRC_MYSQL && w->sv->version >= STATS_VERSION)
        TRY(src_execute(w->s, w->em, "SET SESSION information_schema_stats_expiry=0"));
    if (w->count <= GROUP_TABLES)
        return stats_of_groups(w, stats);
    for (uint32_t i = 0; i < catalog_statements(d); i++)
        TRY(catalog_ask(w->s, d, i, STATS_OF,
                        " AND TABLE_TYPE IN ('BASE TABLE','SYSTEM VERSIONED')", take_stats, stats,
                        w->em));
    return ERR_OK;
}

enum err src_table_stats(struct src_session *s, const struct src_server *sv,
                         src_table_filter filter, src_stats_fn each, void *arg, struct errmsg *em)
{
    struct stats_walk stats = {.filter = filter, .each = each, .arg = arg};
    struct walk w = {.s = s, .sv = sv, .filter = filter, .arg = arg, .em = em};
    enum err e = walk_init(&w) ? read_stats(&w, &stats) : ERR_NO_MEMORY;
    walk_fini(&w);
    return walk_fails(&w, e);
}

enum err src_catalog_settle(struct src_session *s, const struct src_server *sv,
                            src_table_filter filter, void *arg, struct errmsg *em)
{
    bool by_lock = sv->flavour == SRC_MYSQL && !sv->gtids && sv->version >= STATS_VERSION;
    return by_lock ? src_table_stats(s, sv, filter, NULL, arg, em) : ERR_OK;
}
