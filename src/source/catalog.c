/*
 * Reading definitions out of information_schema:
 *
 *   1. the tables of a database (or the one asked for)
 *   2. the columns of a group of them, in ordinal order
 *   3. the parts of their unique keys
 *   4. for a table without a primary key and with several unique ones, SHOW
 *      KEYS: only that tells their order, and the first of them is the row's
 *      identity
 *
 * Statement 2 and 3 are run once per group of tables, so that neither the
 * number of statements nor the memory grows with the database.
 */
#include "source/catalog.h"

#include "base/arena.h"
#include "source/session_int.h"

#include <stdio.h>
#include <stdlib.h>

#define GROUP_TABLES          256
#define COLUMNS_PER_TABLE_MAX 4096
#define KEYS_PER_TABLE_MAX    256
#define PARTS_PER_KEY_MAX     64
#define TABLES_MAX            1000000u
#define GIPK_VERSION          80030

/* One table while its rows come in. The arrays grow by doubling, in the arena. */
struct draft {
    struct table_def def;
    uint32_t columns_cap;
    uint32_t keys_cap;
};

/* What one run of statements works on. */
struct harvest {
    struct arena *arena;
    struct draft *drafts; /* ascending by name, bytewise */
    size_t count;
    struct draft *last; /* the one that the row before belonged to */
    bool fold_case;     /* lower_case_table_names is not 0 */
};

struct name_list {
    struct arena *arena;
    struct slice database;
    src_table_filter filter;
    void *filter_arg;
    struct draft *drafts;
    size_t count;
    size_t cap;
};

static bool contains(struct slice s, const char *word)
{
    return memmem(s.ptr, s.len, word, strlen(word)) != NULL;
}

static uint64_t number(struct slice value)
{
    uint64_t v = 0;
    for (size_t i = 0; i < value.len && value.ptr[i] >= '0' && value.ptr[i] <= '9'; i++)
        v = v * 10 + (uint64_t)(value.ptr[i] - '0');
    return v;
}

static int name_cmp(struct slice a, struct slice b)
{
    int c = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
    return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

static int draft_cmp(const void *a, const void *b)
{
    return name_cmp(((const struct draft *)a)->def.name, ((const struct draft *)b)->def.name);
}

/* Makes room for one more in an array of the arena; what it was before stays as waste. */
static enum err grow(struct arena *a, void **items, uint32_t *cap, uint32_t count, size_t size,
                     uint32_t max)
{
    if (count < *cap)
        return ERR_OK;
    if (count >= max)
        return ERR_TOO_LARGE;
    uint32_t more = *cap == 0 ? 8 : *cap * 2;
    void *p = arena_array(a, more, size);
    if (p == NULL)
        return ERR_NO_MEMORY;
    if (count > 0)
        memcpy(p, *items, count * size);
    *items = p;
    *cap = more;
    return ERR_OK;
}

static struct draft *draft_find(struct harvest *h, struct slice table)
{
    if (h->last != NULL && slice_eq(h->last->def.name, table))
        return h->last;
    size_t lo = 0, hi = h->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = name_cmp(h->drafts[mid].def.name, table);
        if (c == 0)
            return h->last = &h->drafts[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (size_t i = 0; h->fold_case && i < h->count; i++)
        if (slice_eq_nocase(h->drafts[i].def.name, table))
            return h->last = &h->drafts[i];
    return NULL;
}

/* ---- columns ---- */

static bool is_temporal(struct slice data_type)
{
    return slice_eq_nocase(data_type, SLICE_LIT("time")) ||
           slice_eq_nocase(data_type, SLICE_LIT("datetime")) ||
           slice_eq_nocase(data_type, SLICE_LIT("timestamp"));
}

/* A comment in the type marks temporal columns in the formats of old: no part of the type. */
static struct slice without_comment(struct slice type, struct slice data_type)
{
    const uint8_t *c = memmem(type.ptr, type.len, " /* ", 4);
    return c != NULL && is_temporal(data_type) ? slice_of(type.ptr, (size_t)(c - type.ptr)) : type;
}

static bool is_generated(struct slice extra)
{
    /* Not "DEFAULT_GENERATED": that is a default which is an expression. */
    return contains(extra, "VIRTUAL") || contains(extra, "STORED GENERATED") ||
           contains(extra, "PERSISTENT");
}

/* TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, DATA_TYPE, COLLATION_NAME, DATETIME_PRECISION,
 * IS_NULLABLE, EXTRA */
static enum err take_column(void *arg, const struct src_row *row)
{
    struct harvest *h = arg;
    const struct my_text_value *v = row->values;
    if (row->count != 8)
        return ERR_PROTOCOL;
    struct draft *d = draft_find(h, v[0].text);
    if (d == NULL)
        return ERR_OK; /* one that is not wanted, or newer than the list */
    void *items = d->def.columns;
    TRY(grow(h->arena, &items, &d->columns_cap, d->def.column_count, sizeof(struct column_def),
             COLUMNS_PER_TABLE_MAX));
    d->def.columns = items;
    struct slice type = v[2].text;
    d->def.columns[d->def.column_count++] = (struct column_def){
        .name = arena_copy(h->arena, v[1].text),
        .column_type = arena_copy(h->arena, without_comment(type, v[3].text)),
        .data_type = arena_copy(h->arena, v[3].text),
        .collation = arena_copy(h->arena, v[4].text),
        .datetime_precision = (uint32_t)number(v[5].text),
        .nullable = slice_eq_nocase(v[6].text, SLICE_LIT("YES")),
        .generated = is_generated(v[7].text),
        .invisible = contains(v[7].text, "INVISIBLE"),
        .hires_old_temporal = contains(type, "/* mariadb-5.3 */"),
    };
    return h->arena->failed ? ERR_NO_MEMORY : ERR_OK;
}

/* ---- keys ---- */

static enum err key_of(struct harvest *h, struct draft *d, struct slice name, struct key_def **out)
{
    for (uint32_t i = 0; i < d->def.key_count; i++) {
        if (slice_eq(d->def.keys[i].name, name)) {
            *out = &d->def.keys[i];
            return ERR_OK;
        }
    }
    void *items = d->def.keys;
    TRY(grow(h->arena, &items, &d->keys_cap, d->def.key_count, sizeof(struct key_def),
             KEYS_PER_TABLE_MAX));
    d->def.keys = items;
    struct key_def *k = &d->def.keys[d->def.key_count++];
    *k = (struct key_def){
        .name = arena_copy(h->arena, name),
        .primary = slice_eq(name, SLICE_LIT("PRIMARY")),
        .parts = arena_array(h->arena, PARTS_PER_KEY_MAX, sizeof(uint16_t)),
    };
    *out = k;
    return h->arena->failed ? ERR_NO_MEMORY : ERR_OK;
}

static bool column_index(const struct table_def *def, struct slice name, uint16_t *out)
{
    for (uint32_t i = 0; i < def->column_count; i++) {
        if (slice_eq_nocase(def->columns[i].name, name)) {
            *out = (uint16_t)i;
            return true;
        }
    }
    return false;
}

/* TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART, INDEX_TYPE; the parts of a key in order */
static enum err take_key_part(void *arg, const struct src_row *row)
{
    struct harvest *h = arg;
    const struct my_text_value *v = row->values;
    struct key_def *k;
    uint16_t column;
    if (row->count != 5)
        return ERR_PROTOCOL;
    struct draft *d = draft_find(h, v[0].text);
    if (d == NULL)
        return ERR_OK;
    TRY(key_of(h, d, v[1].text, &k));
    k->hash = slice_eq(v[4].text, SLICE_LIT("HASH"));
    /* A part that is an expression has no column: such a key identifies nothing that we see. */
    if (v[2].is_null || !v[3].is_null || !column_index(&d->def, v[2].text, &column)) {
        k->has_prefix = true;
        if (v[2].is_null || !column_index(&d->def, v[2].text, &column))
            return ERR_OK;
    }
    if (k->part_count >= PARTS_PER_KEY_MAX)
        return ERR_TOO_LARGE;
    k->parts[k->part_count++] = column;
    return ERR_OK;
}

/* Drops keys without a part that is a column, and moves the primary key to the front. */
static void tidy_keys(struct table_def *def)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < def->key_count; i++)
        if (def->keys[i].part_count > 0)
            def->keys[n++] = def->keys[i];
    def->key_count = n;
    for (uint32_t i = 1; i < n; i++) {
        if (def->keys[i].primary) {
            struct key_def primary = def->keys[i];
            memmove(&def->keys[1], &def->keys[0], i * sizeof(primary));
            def->keys[0] = primary;
        }
    }
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

static enum err order_keys(struct src_session *s, struct table_def *def, struct errmsg *em)
{
    if (def->key_count < 2 || def->keys[0].primary)
        return ERR_OK;
    struct key_order order = {.def = def};
    struct writer sql;
    writer_init(&sql, 4096);
    writer_lit(&sql, "SHOW KEYS FROM ");
    src_quote_name(&sql, def->database);
    writer_lit(&sql, ".");
    src_quote_name(&sql, def->name);
    enum err e = sql.err;
    if (e == ERR_OK)
        e = src_query(s, writer_slice(&sql), take_key_order, &order, em);
    writer_fini(&sql);
    return e;
}

/* ---- groups of tables ---- */

/* "TABLE_SCHEMA = '...' AND TABLE_NAME IN ('...', ...)" */
static void write_where(struct writer *w, struct slice database, const struct draft *drafts,
                        size_t count)
{
    writer_lit(w, " WHERE TABLE_SCHEMA = ");
    src_quote(w, database);
    writer_lit(w, " AND TABLE_NAME ");
    writer_put(w, count == 1 ? "= " : "IN (", count == 1 ? 2 : 4);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            writer_lit(w, ",");
        src_quote(w, drafts[i].def.name);
    }
    if (count != 1)
        writer_lit(w, ")");
}

static enum err read_columns(struct src_session *s, struct harvest *h, struct writer *sql,
                             struct slice database, struct errmsg *em)
{
    writer_clear(sql);
    writer_lit(sql, "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, DATA_TYPE, COLLATION_NAME, "
                    "DATETIME_PRECISION, IS_NULLABLE, EXTRA FROM information_schema.COLUMNS");
    write_where(sql, database, h->drafts, h->count);
    writer_lit(sql, " ORDER BY TABLE_NAME, ORDINAL_POSITION");
    TRY(sql->err);
    return src_query(s, writer_slice(sql), take_column, h, em);
}

static enum err read_keys(struct src_session *s, struct harvest *h, struct writer *sql,
                          struct slice database, struct errmsg *em)
{
    writer_clear(sql);
    writer_lit(sql, "SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART, INDEX_TYPE FROM "
                    "information_schema.STATISTICS");
    write_where(sql, database, h->drafts, h->count);
    writer_lit(sql, " AND NON_UNIQUE = 0 ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX");
    TRY(sql->err);
    h->last = NULL;
    return src_query(s, writer_slice(sql), take_key_part, h, em);
}

static enum err read_group(struct src_session *s, struct harvest *h, struct writer *sql,
                           struct slice database, struct errmsg *em)
{
    TRY(read_columns(s, h, sql, database, em));
    TRY(read_keys(s, h, sql, database, em));
    for (size_t i = 0; i < h->count; i++) {
        tidy_keys(&h->drafts[i].def);
        TRY(order_keys(s, &h->drafts[i].def, em));
    }
    return ERR_OK;
}

/* Fills in the columns and keys of count drafts, which belong to one database. */
static enum err complete(struct src_session *s, const struct src_server *sv, struct arena *arena,
                         struct slice database, struct draft *drafts, size_t count,
                         struct errmsg *em)
{
    struct writer sql;
    struct harvest h = {
        .arena = arena,
        .drafts = drafts,
        .count = count,
        .fold_case = sv->lower_case_table_names != 0,
    };
    writer_init(&sql, 1024 * 1024);
    enum err e = read_group(s, &h, &sql, database, em);
    if (e == ERR_TOO_LARGE || e == ERR_NO_MEMORY)
        errmsg_set(em, e, "source %s: the definitions of database %.*s: %s", s->peer,
                   SLICE_ARG(database), err_text(e));
    writer_fini(&sql);
    return e;
}

/* ---- lists of names ---- */

/* TABLE_NAME, ENGINE, TABLE_TYPE */
static enum err take_name(void *arg, const struct src_row *row)
{
    struct name_list *l = arg;
    const struct my_text_value *v = row->values;
    if (row->count != 3 || l->count >= TABLES_MAX)
        return ERR_PROTOCOL;
    if (l->filter != NULL && !l->filter(l->filter_arg, l->database, v[0].text))
        return ERR_OK;
    if (l->count == l->cap) {
        size_t cap = l->cap == 0 ? 64 : l->cap * 2;
        struct draft *drafts = realloc(l->drafts, cap * sizeof(*drafts));
        if (drafts == NULL)
            return ERR_NO_MEMORY;
        l->drafts = drafts;
        l->cap = cap;
    }
    l->drafts[l->count++] = (struct draft){
        .def = {.database = l->database,
                .name = arena_copy(l->arena, v[0].text),
                .engine = arena_copy(l->arena, v[1].text),
                .system_versioned = slice_eq(v[2].text, SLICE_LIT("SYSTEM VERSIONED")),
                .sequence = slice_eq(v[2].text, SLICE_LIT("SEQUENCE"))},
    };
    return l->arena->failed ? ERR_NO_MEMORY : ERR_OK;
}

/* The tables of a database; table len 0: all. */
static enum err read_names(struct src_session *s, struct name_list *l, struct slice table,
                           struct errmsg *em)
{
    struct writer sql;
    writer_init(&sql, 8192);
    writer_lit(&sql, "SELECT TABLE_NAME, ENGINE, TABLE_TYPE FROM information_schema.TABLES "
                     "WHERE TABLE_SCHEMA = ");
    src_quote(&sql, l->database);
    if (table.len > 0) {
        writer_lit(&sql, " AND TABLE_NAME = ");
        src_quote(&sql, table);
    }
    writer_lit(&sql, " AND TABLE_TYPE IN ('BASE TABLE','SYSTEM VERSIONED','SEQUENCE')");
    enum err e = sql.err;
    if (e == ERR_OK)
        e = src_query(s, writer_slice(&sql), take_name, l, em);
    writer_fini(&sql);
    if (e == ERR_OK && l->count > 1)
        qsort(l->drafts, l->count, sizeof(*l->drafts), draft_cmp);
    return e;
}

struct schema_list {
    struct arena *arena;
    struct slice *names;
    uint32_t count;
    uint32_t cap;
};

static enum err take_schema(void *arg, const struct src_row *row)
{
    struct schema_list *l = arg;
    void *items = l->names;
    TRY(grow(l->arena, &items, &l->cap, l->count, sizeof(*l->names), TABLES_MAX));
    l->names = items;
    l->names[l->count++] = arena_copy(l->arena, row->values[0].text);
    return l->arena->failed ? ERR_NO_MEMORY : ERR_OK;
}

static enum err read_schemas(struct src_session *s, struct schema_list *l, struct errmsg *em)
{
    return src_query(s,
                     SLICE_LIT("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE "
                               "SCHEMA_NAME NOT IN ('mysql','sys','information_schema',"
                               "'performance_schema') ORDER BY SCHEMA_NAME"),
                     take_schema, l, em);
}

/* ---- walks ---- */

struct walk {
    struct src_session *s;
    const struct src_server *sv;
    src_table_filter filter;
    src_table_fn each;
    void *arg;
    bool names_only;
};

static enum err walk_group(const struct walk *w, struct slice database, const struct draft *drafts,
                           size_t count, struct errmsg *em)
{
    struct arena *arena = arena_new(64 * 1024);
    struct draft *group = arena != NULL ? arena_array(arena, count, sizeof(*group)) : NULL;
    enum err e = ERR_NO_MEMORY;
    if (group != NULL) {
        memcpy(group, drafts, count * sizeof(*group));
        e = w->names_only ? ERR_OK : complete(w->s, w->sv, arena, database, group, count, em);
    }
    for (size_t i = 0; e == ERR_OK && i < count; i++) {
        /* A table that was dropped in between has no columns any more. */
        if (w->names_only || group[i].def.column_count > 0)
            e = w->each(w->arg, &group[i].def);
    }
    arena_free(arena);
    return e;
}

static enum err walk_database(const struct walk *w, struct slice database, struct errmsg *em)
{
    struct arena *arena = arena_new(16 * 1024);
    if (arena == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory");
    struct name_list l = {
        .arena = arena, .database = database, .filter = w->filter, .filter_arg = w->arg};
    enum err e = read_names(w->s, &l, SLICE_LIT(""), em);
    for (size_t i = 0; e == ERR_OK && i < l.count; i += GROUP_TABLES) {
        size_t n = l.count - i < GROUP_TABLES ? l.count - i : GROUP_TABLES;
        e = walk_group(w, database, l.drafts + i, n, em);
    }
    free(l.drafts);
    arena_free(arena);
    return e;
}

static enum err walk_all(const struct walk *w, struct errmsg *em)
{
    struct arena *arena = arena_new(4096);
    if (arena == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory");
    struct schema_list schemas = {.arena = arena};
    enum err e = read_schemas(w->s, &schemas, em);
    for (uint32_t i = 0; e == ERR_OK && i < schemas.count; i++)
        e = walk_database(w, schemas.names[i], em);
    arena_free(arena);
    return e;
}

/* The server shows generated invisible keys by default; somebody may have switched that off. */
static enum err show_gipk(struct src_session *s, const struct src_server *sv, struct errmsg *em)
{
    if (sv->flavour != SRC_MYSQL || sv->version < GIPK_VERSION)
        return ERR_OK;
    return src_execute(s, em, "SET SESSION show_gipk_in_create_table_and_information_schema=ON");
}

enum err src_catalog_walk(struct src_session *s, const struct src_server *sv,
                          src_table_filter filter, src_table_fn each, void *arg, struct errmsg *em)
{
    const struct walk w = {s, sv, filter, each, arg, false};
    TRY(show_gipk(s, sv, em));
    return walk_all(&w, em);
}

enum err src_catalog_names(struct src_session *s, const struct src_server *sv,
                           src_table_filter filter, src_table_fn each, void *arg, struct errmsg *em)
{
    const struct walk w = {s, sv, filter, each, arg, true};
    return walk_all(&w, em);
}

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

static enum err read_table(struct src_session *s, const struct src_server *sv, struct name_list *l,
                           struct slice table, struct table_def **out, struct errmsg *em)
{
    TRY(read_names(s, l, table, em));
    if (l->count == 0)
        return ERR_OK;
    /* Where names are compared without case there may be several: the exact one is meant. */
    struct draft *d = &l->drafts[0];
    for (size_t i = 0; i < l->count; i++)
        if (slice_eq(l->drafts[i].def.name, table))
            d = &l->drafts[i];
    if (!slice_eq(d->def.name, table) && sv->lower_case_table_names == 0)
        return ERR_OK;
    TRY(complete(s, sv, l->arena, l->database, d, 1, em));
    if (d->def.column_count == 0)
        return ERR_OK;
    enum err e = in_one_block(&d->def, out);
    return e == ERR_OK ? e : errmsg_set(em, e, "source %s: a definition cannot be kept", s->peer);
}

enum err src_catalog_table(struct src_session *s, const struct src_server *sv,
                           struct slice database, struct slice table, struct table_def **out,
                           struct errmsg *em)
{
    struct table_def *def = NULL;
    struct arena *arena = arena_new(16 * 1024);
    if (arena == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory");
    struct name_list l = {.arena = arena, .database = database};
    enum err e = show_gipk(s, sv, em);
    if (e == ERR_OK)
        e = read_table(s, sv, &l, table, &def, em);
    free(l.drafts);
    arena_free(arena);
    if (e == ERR_OK)
        *out = def;
    return e;
}
