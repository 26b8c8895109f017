/*
 * table_resolve(): a table map and a catalogue's definition become one table.
 *
 *  1. The columns are counted. Three kinds of column may be missing from a
 *     catalogue and are added: a generated invisible primary key that
 *     information_schema hides, in front; behind the others the row_start and
 *     row_end of a MariaDB system-versioned table, and MariaDB's hashes of
 *     unique keys that are too long for an index.
 *  2. Each column is resolved: its name, its character set, its type text
 *     (parsed, or rebuilt where there is no catalogue), the check of both
 *     against the wire, ENUM and SET labels (table_labels.c).
 *  3. The keys are chosen (table_keys.c).
 *
 * All memory comes from one arena, the struct table included, so a failure
 * anywhere releases everything at once.
 */
#include "schema/table.h"

#include "schema/table_int.h"
#include "schema/type_wire.h"

#include <stdarg.h>
#include <stdio.h>

#define COLUMNS_MAX   4096        /* MySQL's limit; InnoDB's is 1017 */
#define TYPE_TEXT_MAX (64u << 20) /* 65535 labels of 255 characters, quoted */

enum err table_mismatch(struct resolver *b, const char *fmt, ...)
{
    if (b->em != NULL) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(b->em->text, sizeof(b->em->text), fmt, ap);
        va_end(ap);
    }
    errmsg_prefix(b->em, "table %.*s.%.*s", SLICE_ARG(b->map->database), SLICE_ARG(b->map->name));
    return ERR_TABLE_MISMATCH;
}

enum err table_column_mismatch(struct resolver *b, uint32_t i, const char *fmt, ...)
{
    char what[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    struct slice name = b->table->columns[i].name;
    return table_mismatch(b, "column %u `%.*s` %s", i + 1, (int)(name.len < 128 ? name.len : 128),
                          (const char *)name.ptr, what);
}

static bool is_versioning_pair(const struct map_column *m)
{
    for (int i = 0; i < 2; i++) {
        bool stamp = m[i].type == MY_TYPE_TIMESTAMP2 && m[i].meta == 6;
        bool trx_id = m[i].type == MY_TYPE_LONGLONG;
        if (!stamp && !trx_id)
            return false;
    }
    return true;
}

static uint32_t count_hashes(const struct table_def *def)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < def->key_count; i++)
        n += def->keys[i].hash;
    return slice_eq_nocase(def->engine, SLICE_LIT("MEMORY")) ? 0 : n;
}

/* Sets b->before, b->versioning and b->hashes when they make up for the difference. */
static bool explain_counts(struct resolver *b)
{
    const struct table_map *map = b->map;
    uint32_t known = b->def->column_count, hashes = count_hashes(b->def);
    if ((map->flags & TABLE_MAP_FLAG_GIPK) != 0 && known + 1 == map->column_count) {
        b->before = 1;
        return true;
    }
    if (b->def->system_versioned && known + 2 + hashes == map->column_count &&
        is_versioning_pair(map->columns + known))
        b->versioning = 2;
    if (known + b->versioning + hashes != map->column_count)
        return false;
    for (uint32_t i = 1; i <= hashes; i++)
        if (map->columns[map->column_count - i].type != MY_TYPE_LONGLONG)
            return false;
    b->hashes = hashes;
    return true;
}

static enum err match_counts(struct resolver *b)
{
    uint32_t in_map = b->map->column_count;
    if (in_map == 0 || in_map > COLUMNS_MAX)
        return table_mismatch(b, "has %u columns in the binlog; 1 to %d are possible", in_map,
                              COLUMNS_MAX);
    if (b->def == NULL || b->def->column_count == in_map || explain_counts(b))
        return ERR_OK;
    return table_mismatch(b, "has %u columns in the binlog and %u in the catalogue", in_map,
                          b->def->column_count);
}

/* The catalogue's column for column i of the map, or NULL. */
static const struct column_def *def_of(const struct resolver *b, uint32_t i)
{
    if (b->def == NULL || i < b->before || i - b->before >= b->def->column_count)
        return NULL;
    return &b->def->columns[i - b->before];
}

#define HASH_COLUMN "DB_ROW_HASH_"

static bool is_hash(const struct resolver *b, uint32_t i)
{
    struct slice name = b->map->columns[i].name;
    if (b->def != NULL)
        return i >= b->map->column_count - b->hashes;
    return name.len > strlen(HASH_COLUMN) &&
           memcmp(name.ptr, HASH_COLUMN, strlen(HASH_COLUMN)) == 0;
}

/* The name of a column that the catalogue leaves out. */
static struct slice added_name(struct resolver *b, uint32_t i)
{
    if (i < b->before)
        return SLICE_LIT("my_row_id");
    uint32_t hashes_at = b->map->column_count - b->hashes;
    if (i < hashes_at)
        return i + 2 == hashes_at ? SLICE_LIT("row_start") : SLICE_LIT("row_end");
    writer_clear(&b->scratch);
    writer_printf(&b->scratch, HASH_COLUMN "%u", i - hashes_at + 1);
    return writer_slice(&b->scratch);
}

static enum err resolve_name(struct resolver *b, uint32_t i)
{
    struct column *c = &b->table->columns[i];
    const struct column_def *d = def_of(b, i);
    struct slice in_map = b->map->columns[i].name;
    if (in_map.len > 0) {
        c->name = arena_copy(b->arena, in_map);
        if (d != NULL && !slice_eq(in_map, d->name))
            return table_column_mismatch(b, i, "is named `%.*s` in the catalogue",
                                         SLICE_ARG(d->name));
        return ERR_OK;
    }
    if (d == NULL && b->def == NULL)
        return table_mismatch(b,
                              "is not in the catalogue, and the binlog does not name its columns");
    c->name = arena_copy(b->arena, d != NULL ? d->name : added_name(b, i));
    return ERR_OK;
}

static enum err resolve_charset(struct resolver *b, uint32_t i)
{
    struct column *c = &b->table->columns[i];
    const struct column_def *d = def_of(b, i);
    uint32_t id = b->map->columns[i].collation;
    const struct charset *of_map = id != 0 ? charset_of_collation(id) : NULL;
    const struct charset *of_def = NULL;

    if (d != NULL && d->collation.len > 0) {
        of_def = charset_of_collation_name(d->collation);
        if (of_def == NULL && of_map == NULL)
            return table_column_mismatch(b, i, "has collation %.*s, which is not known",
                                         SLICE_ARG(d->collation));
        c->collation = arena_copy(b->arena, d->collation);
    } else if (id != 0 && of_map == NULL) {
        return table_column_mismatch(b, i, "has collation id %u, which is not known", id);
    }
    if (of_map != NULL && of_def != NULL && of_map != of_def)
        return table_column_mismatch(b, i,
                                     "has character set %s in the binlog and %s in the catalogue",
                                     of_map->name, of_def->name);
    c->charset = of_map != NULL ? of_map : of_def;
    c->collation_id = id;
    return ERR_OK;
}

/* Kinds whose cells are text, so that a character set must be known, and those that have labels. */
static bool is_text(enum column_kind kind)
{
    return kind == COL_CHAR || kind == COL_VARCHAR || kind == COL_TEXT;
}

static bool has_members(enum column_kind kind)
{
    return kind == COL_ENUM || kind == COL_SET;
}

static enum err check_charset(struct resolver *b, uint32_t i)
{
    struct column *c = &b->table->columns[i];
    bool binary = c->charset != NULL && c->charset->form == CHARSET_BINARY;
    if (is_text(c->kind)) {
        if (c->charset == NULL)
            return table_column_mismatch(b, i, "has no known character set");
        if (binary)
            return table_column_mismatch(b, i, "is binary in the binlog and %.*s in the catalogue",
                                         SLICE_ARG(c->type_text));
        enum err e = charset_prepare(c->charset);
        return e == ERR_OK ? ERR_OK
                           : errmsg_set(b->em, e, "character set %s cannot be prepared: %s",
                                        c->charset->name, err_text(e));
    }
    if (has_members(c->kind))
        return ERR_OK;
    bool bytes = c->kind == COL_BINARY || c->kind == COL_VARBINARY || c->kind == COL_BLOB;
    if (bytes && c->charset != NULL && !binary)
        return table_column_mismatch(
            b, i, "has character set %s in the binlog and is %.*s in the catalogue",
            c->charset->name, SLICE_ARG(c->type_text));
    c->charset = NULL;
    return ERR_OK;
}

/* The type text where no catalogue has the column. */
static enum err rebuild_text(struct resolver *b, uint32_t i)
{
    const struct map_column *m = &b->map->columns[i];
    struct column *c = &b->table->columns[i];
    struct map_column known = *m;
    char wire[96];

    if (b->def != NULL) { /* the added ones: row id, transaction ids and hashes are unsigned */
        known.has_signedness = true;
        known.is_unsigned = true;
    }
    writer_clear(&b->scratch);
    if (m->type == MY_TYPE_ENUM || m->type == MY_TYPE_SET)
        TRY(table_labels_rebuild(b, i));
    else if (!type_wire_text(&known, c->charset, &b->scratch))
        return table_column_mismatch(
            b, i,
            "is %s in the binlog and in no catalogue, and the binlog's metadata "
            "does not say enough about it",
            type_wire_name(m, wire, sizeof(wire)));
    if (b->scratch.err != ERR_OK)
        return b->scratch.err;
    c->type_text = arena_copy(b->arena, writer_slice(&b->scratch));
    return ERR_OK;
}

static bool is_old_temporal(uint8_t type)
{
    return type == MY_TYPE_TIME || type == MY_TYPE_DATETIME || type == MY_TYPE_TIMESTAMP;
}

static uint32_t fixed_len(const struct type_text *t)
{
    switch ((int)t->kind) {
    case COL_BINARY:
    case COL_UUID:
    case COL_INET4:
    case COL_INET6:
        return t->length;
    default:
        return 0;
    }
}

static void take_parameters(struct column *c, const struct type_text *t)
{
    c->kind = t->kind;
    c->is_unsigned = t->is_unsigned;
    c->fixed_len = fixed_len(t);
    if (t->kind == COL_DECIMAL) {
        c->precision = (uint8_t)t->length;
        c->scale = (uint8_t)t->scale;
    }
    if (t->kind == COL_TIME || t->kind == COL_DATETIME || t->kind == COL_TIMESTAMP) {
        c->fsp = (uint8_t)t->length;
        /* Servers before 5.6 had no fractions, so an old form with some is MariaDB's. */
        c->hires_old_temporal = is_old_temporal(c->wire_type) && t->length > 0;
    }
}

static enum err resolve_type(struct resolver *b, uint32_t i)
{
    const struct map_column *m = &b->map->columns[i];
    const struct column_def *d = def_of(b, i);
    struct column *c = &b->table->columns[i];
    struct type_text t;
    char wire[96];

    if (d != NULL)
        c->type_text = arena_copy(b->arena, d->column_type);
    else
        TRY(rebuild_text(b, i));
    if (!type_text_parse(c->type_text, &t))
        return table_column_mismatch(b, i, "has type %.*s, which is not known",
                                     SLICE_ARG(c->type_text));
    if (!type_wire_fits(m, &t, c->charset))
        return table_column_mismatch(b, i, "is %s in the binlog and %.*s in the catalogue",
                                     type_wire_name(m, wire, sizeof(wire)),
                                     SLICE_ARG(c->type_text));
    c->bare_type = d != NULL && d->data_type.len > 0 ? arena_copy(b->arena, d->data_type) : t.bare;
    take_parameters(c, &t);
    TRY(check_charset(b, i));
    if (has_members(t.kind) && c->members == NULL)
        TRY(table_labels(b, i, &t));
    return ERR_OK;
}

static enum err resolve_column(struct resolver *b, uint32_t i)
{
    const struct map_column *m = &b->map->columns[i];
    const struct column_def *d = def_of(b, i);
    struct column *c = &b->table->columns[i];

    c->name = c->type_text = c->bare_type = c->collation = SLICE_LIT("");
    c->wire_type = m->type;
    c->meta = m->meta;
    c->nullable = m->nullable;
    c->generated = d != NULL && d->generated;
    c->invisible = m->has_visibility ? m->invisible : d == NULL ? b->def != NULL : d->invisible;
    c->hidden = is_hash(b, i);
    TRY(resolve_name(b, i));
    TRY(resolve_charset(b, i));
    return resolve_type(b, i);
}

static enum err resolve(struct resolver *b)
{
    struct table *t = b->table;
    TRY(match_counts(b));
    t->column_count = b->map->column_count;
    t->columns = arena_array(b->arena, t->column_count, sizeof(*t->columns));
    if (t->columns == NULL)
        return ERR_NO_MEMORY;
    t->database = arena_copy(b->arena, b->map->database);
    t->name = arena_copy(b->arena, b->map->name);
    t->engine = b->def != NULL ? arena_copy(b->arena, b->def->engine) : SLICE_LIT("");
    t->type_text_rebuilt = b->def == NULL;
    for (uint32_t i = 0; i < t->column_count; i++)
        TRY(resolve_column(b, i));
    TRY(table_keys(b));
    return b->arena->failed ? ERR_NO_MEMORY : ERR_OK;
}

enum err table_resolve(const struct table_map *map, const struct table_def *def, struct table **out,
                       struct errmsg *em)
{
    size_t columns = map->column_count <= COLUMNS_MAX ? map->column_count : 0;
    struct resolver b = {.map = map, .def = def, .em = em};
    b.arena = arena_new(sizeof(struct table) + columns * (sizeof(struct column) + 64) + 256);
    if (b.arena == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "no memory for a table definition");
    b.table = arena_alloc(b.arena, sizeof(*b.table));
    writer_init(&b.scratch, TYPE_TEXT_MAX);

    enum err e = ERR_NO_MEMORY;
    if (b.table != NULL) {
        b.table->arena = b.arena;
        atomic_init(&b.table->refs, 1);
        e = resolve(&b);
    }
    writer_fini(&b.scratch);
    if (e != ERR_OK) {
        if (e == ERR_NO_MEMORY)
            errmsg_set(em, e, "no memory for a table definition");
        arena_free(b.arena);
        return e;
    }
    *out = b.table;
    return ERR_OK;
}

void table_unref(struct table *t)
{
    /* Release: our reads of the table come before its end; acquire: so do everybody else's. */
    if (t != NULL && atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) == 1)
        arena_free(t->arena);
}
