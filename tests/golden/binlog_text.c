/*
 * Prints a binlog file event by event and row by row: binlog_text FILE TITLE.
 *
 * The form is that of the expected texts beside the binlog fixtures, so that
 * tests/golden/run can compare them byte for byte. Every event also goes
 * through the transaction machine, and every row through all three readers of
 * row images; where these refuse or disagree, that is printed on stderr and
 * the exit code is 1.
 *
 *     @offset TYPE(code) ts= sid= len= next= flags= [crc=ok] what it holds
 *         opt: optional metadata of a table map
 *         ROW, BEFORE, AFTER name=value, ...
 */
#include "text_value.h"

#include "base/reader.h"
#include "mysqlproto/binlog/control.h"
#include "mysqlproto/binlog/inflate.h"
#include "mysqlproto/binlog/payload.h"
#include "mysqlproto/binlog/query.h"
#include "mysqlproto/binlog/rows.h"
#include "mysqlproto/binlog/table_map.h"
#include "mysqlproto/binlog/txn.h"
#include "mysqlproto/gtid_set.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define TABLES_MAX 1024
#define TEXT_MAX   (1u << 28)

/* A table of the stream, as its last map described it. */
struct known_table {
    uint64_t id;
    struct slice raw; /* our own copy */
    struct table table;
    bool *signed_known;
    struct row_plan *plan;
};

struct printer {
    struct binlog_format format;
    struct binlog_map_scratch scratch;
    struct row_scratch row_scratch;
    struct binlog_inflater inflater;
    struct binlog_txn txn;
    struct binlog_payload *payload;
    struct known_table tables[TABLES_MAX];
    unsigned table_count;
    struct writer out;
    bool inner;
    bool failed;
};

static void complain(struct printer *p, const char *what, enum err e)
{
    fprintf(stderr, "%s: %s\n", what, err_name(e));
    p->failed = true;
}

/* ---- table maps ---- */

static void free_table(struct known_table *k)
{
    for (uint32_t i = 0; i < k->table.column_count; i++)
        free((void *)(uintptr_t)k->table.columns[i].name.ptr);
    free((void *)(uintptr_t)k->raw.ptr);
    free(k->table.columns);
    free(k->signed_known);
    row_plan_free(k->plan);
    *k = (struct known_table){0};
}

static struct slice copy_slice(struct slice s)
{
    uint8_t *p = malloc(s.len + 1);
    if (p == NULL)
        abort();
    memcpy(p, s.ptr, s.len);
    return slice_of(p, s.len);
}

static struct known_table *find_table(struct printer *p, uint64_t id)
{
    for (unsigned i = 0; i < p->table_count; i++)
        if (p->tables[i].id == id)
            return &p->tables[i];
    return NULL;
}

static void set_column(struct column *c, const struct map_column *m)
{
    *c = (struct column){.name = copy_slice(m->name),
                         .wire_type = m->type,
                         .meta = m->meta,
                         .is_unsigned = m->has_signedness && m->is_unsigned,
                         .nullable = m->nullable};
    if (m->type == MY_TYPE_TIME2 || m->type == MY_TYPE_DATETIME2 || m->type == MY_TYPE_TIMESTAMP2)
        c->fsp = (uint8_t)m->meta;
    if (m->type == MY_TYPE_NEWDECIMAL) {
        c->precision = (uint8_t)(m->meta >> 8);
        c->scale = (uint8_t)m->meta;
    }
}

/* What the event alone says: no definition is at hand here. */
static void remember_table(struct printer *p, const struct table_map *map)
{
    struct known_table *k = find_table(p, map->table_id);
    if (k != NULL)
        free_table(k);
    else if (p->table_count < TABLES_MAX)
        k = &p->tables[p->table_count++];
    else
        abort();
    k->id = map->table_id;
    k->raw = copy_slice(map->raw);
    k->table = (struct table){.database = SLICE_LIT(""),
                              .name = SLICE_LIT(""),
                              .column_count = map->column_count,
                              .columns = calloc(map->column_count, sizeof(struct column))};
    k->signed_known = calloc(map->column_count, sizeof(bool));
    for (uint32_t i = 0; i < map->column_count; i++) {
        set_column(&k->table.columns[i], &map->columns[i]);
        k->signed_known[i] = map->columns[i].has_signedness;
    }
    struct errmsg em = {{0}};
    enum err e = row_plan_new(&k->table, &k->plan, &em);
    if (e != ERR_OK)
        complain(p, em.text, e);
}

static const char *type_name(uint8_t type)
{
    static const char *const names[256] = {[0] = "DECIMAL",
                                           [1] = "TINY",
                                           [2] = "SHORT",
                                           [3] = "LONG",
                                           [4] = "FLOAT",
                                           [5] = "DOUBLE",
                                           [6] = "NULL",
                                           [7] = "TIMESTAMP",
                                           [8] = "LONGLONG",
                                           [9] = "INT24",
                                           [10] = "DATE",
                                           [11] = "TIME",
                                           [12] = "DATETIME",
                                           [13] = "YEAR",
                                           [14] = "NEWDATE",
                                           [15] = "VARCHAR",
                                           [16] = "BIT",
                                           [17] = "TIMESTAMP2",
                                           [18] = "DATETIME2",
                                           [19] = "TIME2",
                                           [140] = "BLOB_COMPRESSED",
                                           [141] = "VARCHAR_COMPRESSED",
                                           [242] = "VECTOR",
                                           [245] = "JSON",
                                           [246] = "NEWDECIMAL",
                                           [252] = "BLOB",
                                           [253] = "VAR_STRING",
                                           [254] = "STRING",
                                           [255] = "GEOMETRY"};
    return names[type] != NULL ? names[type] : "?";
}

/* Metadata bytes of a type as the event has them, as one number. */
static uint32_t raw_meta(struct reader *m, uint8_t type)
{
    const uint8_t *b;
    switch (type) {
    case 4:
    case 5:
    case 17:
    case 18:
    case 19:
    case 140:
    case 242:
    case 245:
    case 252:
    case 255:
        return reader_u8(m);
    case 246:
    case 254:
        b = reader_take(m, 2).ptr;
        return (uint32_t)(b[0] << 8 | b[1]);
    case 15:
    case 16:
    case 141:
    case 253:
        return reader_u16(m);
    default:
        return 0;
    }
}

static void print_columns(struct printer *p, const struct table_map *map)
{
    struct reader r = reader_of(map->raw);
    uint64_t n = reader_lenenc(&r);
    struct slice types = reader_take(&r, (size_t)n);
    struct reader m = reader_of(reader_lenenc_str(&r));
    writer_lit(&p->out, " cols=[");
    for (size_t i = 0; i < n; i++) {
        uint32_t meta = raw_meta(&m, types.ptr[i]);
        writer_printf(&p->out, "%s'%s", i > 0 ? ", " : "", type_name(types.ptr[i]));
        if (meta != 0)
            writer_printf(&p->out, "/0x%x", meta);
        writer_lit(&p->out, "'");
    }
    writer_lit(&p->out, "] nullable=[");
    bool first = true;
    for (uint32_t i = 0; i < n; i++) {
        if (!map->columns[i].nullable)
            continue;
        writer_printf(&p->out, "%s%u", first ? "" : ", ", i);
        first = false;
    }
    writer_lit(&p->out, "]\n");
}

static bool is_numeric(const struct map_column *c)
{
    return c->type == MY_TYPE_TINY || c->type == MY_TYPE_SHORT || c->type == MY_TYPE_INT24 ||
           c->type == MY_TYPE_LONG || c->type == MY_TYPE_LONGLONG || c->type == MY_TYPE_FLOAT ||
           c->type == MY_TYPE_DOUBLE || c->type == MY_TYPE_NEWDECIMAL || c->type == MY_TYPE_YEAR;
}

static bool is_enum(const struct map_column *c)
{
    return c->type == MY_TYPE_ENUM;
}

static bool is_set(const struct map_column *c)
{
    return c->type == MY_TYPE_SET;
}

static bool is_enum_or_set(const struct map_column *c)
{
    return is_enum(c) || is_set(c);
}

static bool is_geometry(const struct map_column *c)
{
    return c->type == MY_TYPE_GEOMETRY;
}

static bool is_any(const struct map_column *c)
{
    (void)c;
    return true;
}

/* All columns that have a collation are those that the writer counted as text. */
static bool is_text(const struct map_column *c)
{
    return c->collation != 0 && !is_enum_or_set(c);
}

typedef bool (*column_test)(const struct map_column *);
typedef void (*column_print)(struct writer *, const struct map_column *, uint32_t i);

static void list_columns(struct writer *w, const struct table_map *map, column_test test,
                         column_print print)
{
    bool first = true;
    writer_lit(w, "[");
    for (uint32_t i = 0; i < map->column_count; i++) {
        if (!test(&map->columns[i]))
            continue;
        if (!first)
            writer_lit(w, ", ");
        first = false;
        print(w, &map->columns[i], i);
    }
    writer_lit(w, "]");
}

static void put_index(struct writer *w, const struct map_column *c, uint32_t i)
{
    (void)c;
    writer_printf(w, "%u", i);
}

static void put_collation(struct writer *w, const struct map_column *c, uint32_t i)
{
    (void)i;
    writer_printf(w, "%u", c->collation);
}

static void put_geometry(struct writer *w, const struct map_column *c, uint32_t i)
{
    (void)i;
    writer_printf(w, "%u", c->geometry_type);
}

static void put_name(struct writer *w, const struct map_column *c, uint32_t i)
{
    (void)i;
    text_repr(w, c->name);
}

static void put_members(struct writer *w, const struct map_column *c, uint32_t i)
{
    (void)i;
    struct reader r;
    uint32_t n = 0;
    if (binlog_members_begin(c->members, &r, &n) != ERR_OK)
        n = 0;
    writer_lit(w, "[");
    for (uint32_t k = 0; k < n; k++) {
        if (k > 0)
            writer_lit(w, ", ");
        text_repr_repr(w, reader_lenenc_str(&r));
    }
    writer_lit(w, "]");
}

static bool is_unsigned(const struct map_column *c)
{
    return is_numeric(c) && c->is_unsigned;
}

static bool is_visible(const struct map_column *c)
{
    return !c->invisible;
}

static void print_default_charset(struct writer *w, struct slice value, const struct table_map *map,
                                  column_test test)
{
    struct reader r = reader_of(value);
    writer_printf(w, " default=%" PRIu64 " exceptions(idx in subset)=[", reader_lenenc(&r));
    for (bool first = true; reader_left(&r) > 0; first = false) {
        uint64_t i = reader_lenenc(&r), id = reader_lenenc(&r);
        writer_printf(w, "%s(%" PRIu64 ", %" PRIu64 ")", first ? "" : ", ", i, id);
    }
    writer_lit(w, "] subset=");
    list_columns(w, map, test, put_index);
}

static void print_primary_key(struct writer *w, const struct table_map *map, bool prefixes)
{
    writer_lit(w, " [");
    for (uint32_t i = 0; i < map->key_part_count; i++) {
        const struct map_key_part *k = &map->key_parts[i];
        writer_printf(w, i > 0 ? ", " : "%s", "");
        if (prefixes)
            writer_printf(w, "(%u, %u)", k->column, k->prefix);
        else
            writer_printf(w, "%u", k->column);
    }
    writer_lit(w, "]");
}

/* One field of the optional metadata, its values as the parser filed them. */
static void print_opt(struct writer *w, const struct table_map *map, uint8_t type,
                      struct slice value)
{
    static const char *const names[] = {"0",
                                        "SIGNEDNESS",
                                        "DEFAULT_CHARSET",
                                        "COLUMN_CHARSET",
                                        "COLUMN_NAME",
                                        "SET_STR_VALUE",
                                        "ENUM_STR_VALUE",
                                        "GEOMETRY_TYPE",
                                        "SIMPLE_PRIMARY_KEY",
                                        "PRIMARY_KEY_WITH_PREFIX",
                                        "ENUM_SET_DEFAULT_CHARSET",
                                        "ENUM_SET_COLUMN_CHARSET",
                                        "COLUMN_VISIBILITY",
                                        "VECTOR_DIMENSIONALITY"};
    writer_printf(w, "    opt: %s", type < 14 ? names[type] : "?");
    if (type == 1) {
        writer_lit(w, " raw=");
        text_hex(w, value);
        writer_lit(w, " unsigned_cols=");
        list_columns(w, map, is_unsigned, put_index);
    } else if (type == 2 || type == 10) {
        print_default_charset(w, value, map, type == 2 ? is_text : is_enum_or_set);
    } else if (type == 3 || type == 11) {
        column_test test = type == 3 ? is_text : is_enum_or_set;
        writer_lit(w, " ");
        list_columns(w, map, test, put_collation);
        writer_lit(w, " subset=");
        list_columns(w, map, test, put_index);
    } else if (type == 8 || type == 9) {
        print_primary_key(w, map, type == 9);
    } else {
        writer_lit(w, " ");
        if (type == 4)
            list_columns(w, map, is_any, put_name);
        else if (type == 5)
            list_columns(w, map, is_set, put_members);
        else if (type == 6)
            list_columns(w, map, is_enum, put_members);
        else if (type == 7)
            list_columns(w, map, is_geometry, put_geometry);
        else if (type == 12)
            list_columns(w, map, is_visible, put_index);
        else
            text_hex(w, value);
    }
    writer_lit(w, "\n");
}

static void print_opts(struct printer *p, const struct table_map *map)
{
    struct reader r = reader_of(map->raw);
    uint64_t n = reader_lenenc(&r);
    reader_skip(&r, (size_t)n);
    (void)reader_lenenc_str(&r);
    reader_skip(&r, (size_t)(n + 7) / 8);
    while (reader_left(&r) > 0) {
        uint8_t type = reader_u8(&r);
        print_opt(&p->out, map, type, reader_lenenc_str(&r));
    }
}

static enum err print_table_map(struct printer *p, const struct binlog_event *ev)
{
    struct table_map map;
    TRY(binlog_table_map_parse(&p->format, ev->body, &p->scratch, &map));
    writer_printf(&p->out, " table_id=%" PRIu64 " flags=%u %.*s.%.*s", map.table_id, map.flags,
                  SLICE_ARG(map.database), SLICE_ARG(map.name));
    print_columns(p, &map);
    print_opts(p, &map);
    remember_table(p, &map);
    return ERR_OK;
}

/* ---- rows ---- */

/* The same cells must come out one by one. */
static void cross_check(struct printer *p, const struct known_table *k, const uint8_t *present,
                        struct slice image, const struct cell *cells)
{
    for (uint32_t i = 0; i < k->table.column_count; i++) {
        uint16_t column = (uint16_t)i;
        struct cell one;
        struct writer a, b;
        writer_init(&a, TEXT_MAX);
        writer_init(&b, TEXT_MAX);
        enum err e = row_decode_columns(k->plan, present, image, &column, 1, &p->row_scratch, &one);
        if (e == ERR_OK) {
            text_cell(&a, &k->table.columns[i], true, &cells[i]);
            text_cell(&b, &k->table.columns[i], true, &one);
        }
        if (e != ERR_OK || !slice_eq(writer_slice(&a), writer_slice(&b)))
            complain(p, "row_decode_columns disagrees", e);
        writer_fini(&a);
        writer_fini(&b);
    }
}

static enum err decode_image(struct printer *p, const struct known_table *k, const uint8_t *present,
                             struct slice image, struct cell *cells)
{
    struct reader r = reader_of(image);
    TRY(row_decode(k->plan, present, &r, &p->row_scratch, cells));
    if (reader_left(&r) != 0)
        complain(p, "row_decode and row_skip disagree", ERR_BUG);
    cross_check(p, k, present, image, cells);
    return ERR_OK;
}

static void print_cells(struct printer *p, const struct known_table *k, const char *label,
                        const struct cell *cells)
{
    writer_printf(&p->out, "    %s ", label);
    bool first = true;
    for (uint32_t i = 0; i < k->table.column_count; i++) {
        const struct column *c = &k->table.columns[i];
        if (cells[i].kind == CELL_ABSENT)
            continue;
        if (!first)
            writer_lit(&p->out, ", ");
        first = false;
        if (c->name.len > 0)
            writer_slice_put(&p->out, c->name);
        else
            writer_printf(&p->out, "@%u", i + 1);
        writer_lit(&p->out, "=");
        text_cell(&p->out, c, k->signed_known[i], &cells[i]);
    }
    writer_lit(&p->out, "\n");
}

static enum err print_row(struct printer *p, const struct known_table *k,
                          const struct binlog_rows *ev, const struct binlog_row *row)
{
    static struct cell before[BINLOG_COLUMNS_MAX], after[BINLOG_COLUMNS_MAX];
    bool update = ev->op == BINLOG_ROWS_UPDATE;
    row_scratch_reset(&p->row_scratch);
    if (ev->before != NULL)
        TRY(decode_image(p, k, ev->before, row->before, before));
    if (ev->after != NULL)
        TRY(decode_image(p, k, ev->after, row->after, after));
    if (row->json_diff != NULL)
        TRY(row_apply_json_diffs(k->plan, row->json_diff, before, &p->row_scratch, after));
    if (ev->before != NULL)
        print_cells(p, k, update ? "BEFORE" : "ROW", before);
    if (ev->after != NULL)
        print_cells(p, k, update ? "AFTER" : "ROW", after);
    return ERR_OK;
}

static void print_rows_head(struct printer *p, const struct binlog_rows *ev)
{
    struct writer *w = &p->out;
    size_t n = (ev->width + 7) / 8;
    writer_printf(w, " table_id=%" PRIu64 " flags=0x%x width=%u cols=", ev->table_id, ev->flags,
                  ev->width);
    text_hex(w, slice_of(ev->bitmaps.ptr, n));
    if (ev->bitmaps.len > n) {
        writer_lit(w, " cols_after=");
        text_hex(w, slice_of(ev->bitmaps.ptr + n, n));
    }
}

static enum err print_rows(struct printer *p, const struct binlog_event *event)
{
    struct binlog_rows ev;
    TRY(binlog_rows_parse(&p->format, event, &ev));
    print_rows_head(p, &ev);
    uint8_t *expanded = NULL;
    if (ev.compressed) {
        size_t n;
        TRY(binlog_record_len(ev.rows, &n));
        expanded = malloc(n + 1);
        writer_printf(&p->out, " compressed %zu->%zu", ev.rows.len, n);
        TRY(binlog_record_inflate(&p->inflater, ev.rows, expanded, n));
        ev.rows = slice_of(expanded, n);
    }
    writer_lit(&p->out, "\n");
    const struct known_table *k = find_table(p, ev.table_id);
    if (k == NULL)
        return ERR_UNKNOWN_TABLE_ID;
    struct reader r = reader_of(ev.rows);
    while (r.p < r.end) {
        struct binlog_row row;
        TRY(binlog_rows_next(&ev, k->plan, &r, &row));
        TRY(print_row(p, k, &ev, &row));
    }
    free(expanded);
    return ERR_OK;
}

/* ---- queries ---- */

static void print_var(struct writer *w, uint8_t code, struct reader *r)
{
    switch (code) {
    case 0:
        writer_printf(w, "flags2=0x%x", reader_u32(r));
        break;
    case 1:
        writer_printf(w, "sql_mode=0x%" PRIx64, reader_u64(r));
        break;
    case 3: {
        unsigned a = reader_u16(r);
        writer_printf(w, "autoinc=(%u, %u)", a, reader_u16(r));
        break;
    }
    case 4: {
        unsigned a = reader_u16(r), b = reader_u16(r);
        writer_printf(w, "charset=(%u, %u, %u)", a, b, reader_u16(r));
        break;
    }
    case 5:
        writer_lit(w, "tz=");
        writer_slice_put(w, reader_take(r, reader_u8(r)));
        break;
    case 6:
        writer_lit(w, "catalog=");
        writer_slice_put(w, reader_take(r, reader_u8(r)));
        break;
    case 11:
        writer_lit(w, "invoker=");
        writer_slice_put(w, reader_take(r, reader_u8(r)));
        writer_lit(w, "@");
        writer_slice_put(w, reader_take(r, reader_u8(r)));
        break;
    case 13:
    case 128:
        writer_printf(w, "us=%u", reader_u24(r));
        break;
    case 7:
    case 8:
    case 18:
        writer_printf(w, "v%u=%u", code, reader_u16(r));
        break;
    case 9:
    case 17:
    case 129:
        writer_printf(w, "v%u=%" PRIu64, code, reader_u64(r));
        break;
    default:
        writer_printf(w, "v%u=%u", code, reader_u8(r));
        break;
    }
}

static void print_updated_dbs(struct writer *w, struct reader *r)
{
    uint8_t n = reader_u8(r);
    if (n == BINLOG_UPDATED_DBS_TOO_MANY) {
        writer_lit(w, "updated_dbs=OVER_MAX");
        return;
    }
    writer_lit(w, "updated_dbs=[");
    for (unsigned i = 0; i < n; i++) {
        if (i > 0)
            writer_lit(w, ", ");
        text_repr(w, reader_cstr(r));
    }
    writer_lit(w, "]");
}

static void print_vars(struct writer *w, struct slice vars)
{
    struct reader r = reader_of(vars);
    writer_lit(w, " vars{");
    for (bool first = true; reader_left(&r) > 0; first = false) {
        uint8_t code = reader_u8(&r);
        if (!first)
            writer_lit(w, " ");
        if (code == 12) {
            print_updated_dbs(w, &r);
        } else if (code == 130) {
            uint8_t flags = reader_u8(&r);
            writer_printf(w, "gtid_flags3=%u", flags);
            if (flags & 12)
                writer_printf(w, " sa_seq_no=%" PRIu64, reader_u64(&r));
        } else {
            print_var(w, code, &r);
        }
    }
    writer_lit(w, "}");
}

static enum err print_query(struct printer *p, const struct binlog_event *ev)
{
    struct binlog_query q;
    TRY(binlog_query_parse(&p->format, ev, &q));
    struct writer *w = &p->out;
    writer_printf(w, " thread=%u exec=%u err=%u", q.thread_id, q.exec_seconds, q.error_code);
    if (ev->header.type == BINLOG_EXECUTE_LOAD_QUERY)
        writer_printf(w, " file_id=%u fn_start=%u fn_end=%u dup=%u", q.file_id, q.file_name_start,
                      q.file_name_end, q.duplicates);
    writer_lit(w, " db=");
    text_repr(w, q.db);
    print_vars(w, q.vars);
    uint8_t *expanded = NULL;
    if (q.compressed) {
        size_t n;
        TRY(binlog_record_len(q.sql, &n));
        expanded = malloc(n + 1);
        TRY(binlog_record_inflate(&p->inflater, q.sql, expanded, n));
        q.sql = slice_of(expanded, n);
    }
    writer_lit(w, " sql=");
    text_repr(w, q.sql);
    writer_lit(w, "\n");
    free(expanded);
    return ERR_OK;
}

/* ---- the other events ---- */

static enum err print_format(struct printer *p, struct slice raw, const struct binlog_event *ev)
{
    struct binlog_format f;
    TRY(binlog_format_parse(ev, &f));
    struct writer *w = &p->out;
    bool field = ev->body.len > 57u + f.type_count;
    writer_printf(w, " binlog_ver=%u server=%s hdrlen=%u ntypes=%u alg=%u crc_ok=%s post=[",
                  load_le16(ev->body.ptr), f.server_version, ev->body.ptr[56], f.type_count,
                  field ? ev->body.ptr[ev->body.len - 1] : 255, field ? "True" : "None");
    (void)raw;
    for (unsigned i = 1; i <= f.type_count; i++)
        writer_printf(w, "%s%u", i > 1 ? ", " : "", f.post_header_len[i]);
    writer_lit(w, "]\n");
    p->format = f;
    return ERR_OK;
}

static enum err print_gtid(struct printer *p, const struct binlog_event *ev)
{
    struct binlog_gtid g;
    TRY(binlog_gtid_parse(ev, &g));
    struct writer *w = &p->out;
    char uuid[MY_UUID_TEXT_LEN + 1];
    writer_printf(w, " flags=%u gtid=%s:", g.flags, my_uuid_print(g.gtid.uuid, uuid));
    if (g.gtid.tag_len > 0)
        writer_printf(w, "%.*s:", g.gtid.tag_len, g.gtid.tag);
    writer_printf(w, "%" PRIu64, g.gtid.gno);
    if (g.has_clock)
        writer_printf(w, " last_committed=%" PRId64 " seq=%" PRId64, g.last_committed,
                      g.sequence_number);
    if (g.immediate_us != 0)
        writer_printf(w, " imm_ts=%" PRIu64 " orig_ts=%s", g.immediate_us,
                      g.has_original_us ? "" : "same");
    if (g.has_original_us)
        writer_printf(w, "%" PRIu64, g.original_us);
    if (g.transaction_len != 0)
        writer_printf(w, " trx_len=%" PRIu64, g.transaction_len);
    if (g.immediate_version != 0)
        writer_printf(w, " imm_ver=%u orig_ver=%s", g.immediate_version,
                      g.has_original_version ? "" : "same");
    if (g.has_original_version)
        writer_printf(w, "%u", g.original_version);
    writer_lit(w, "\n");
    return ERR_OK;
}

static void print_xid_text(struct writer *w, const struct binlog_xid *x, char between)
{
    writer_printf(w, "fmt=%u%cgtrid=", x->format_id, between);
    text_repr(w, slice_of(x->data, x->gtrid_len));
    writer_printf(w, "%cbqual=", between);
    text_repr(w, slice_of(x->data + x->gtrid_len, x->bqual_len));
}

static enum err print_maria_gtid(struct printer *p, const struct binlog_event *ev)
{
    struct binlog_maria_gtid g;
    TRY(binlog_maria_gtid_parse(ev, &g));
    struct writer *w = &p->out;
    writer_printf(w, " gtid=%u-%u-%" PRIu64 " flags2=0x%x", g.gtid.domain, g.gtid.server_id,
                  g.gtid.sequence, g.flags);
    if (g.flags & BINLOG_MARIA_GROUP_COMMIT_ID)
        writer_printf(w, " commit_id=%" PRIu64, g.commit_id);
    if (g.flags & (BINLOG_MARIA_PREPARED_XA | BINLOG_MARIA_COMPLETED_XA)) {
        writer_lit(w, " xid(");
        print_xid_text(w, &g.xid, ',');
        writer_lit(w, ")");
    }
    if (g.extra.len > 0) {
        writer_lit(w, " tail=");
        text_hex(w, g.extra);
    }
    writer_lit(w, "\n");
    return ERR_OK;
}

static enum err print_maria_list(struct printer *p, const struct binlog_event *ev)
{
    struct binlog_maria_list l;
    TRY(binlog_maria_list_parse(ev->body, &l));
    struct writer *w = &p->out;
    writer_printf(w, " flags=0x%x list=[", l.flags);
    for (uint32_t i = 0; i < l.count; i++) {
        struct maria_gtid g = binlog_maria_list_get(&l, i);
        writer_printf(w, "%s'%u-%u-%" PRIu64 "'", i > 0 ? ", " : "", g.domain, g.server_id,
                      g.sequence);
    }
    writer_lit(w, "]");
    if (l.rest.len > 0) {
        writer_printf(w, " LEFT=%zu:", l.rest.len);
        text_hex(w, l.rest);
    }
    writer_lit(w, "\n");
    return ERR_OK;
}

static enum err print_previous(struct printer *p, const struct binlog_event *ev)
{
    struct my_gtid_set set;
    my_gtid_set_init(&set);
    enum err e = my_gtid_set_decode(&set, ev->body);
    writer_printf(&p->out, " fmt=%u ", my_gtid_set_tagged(&set));
    my_gtid_set_print(&set, &p->out);
    writer_lit(&p->out, "\n");
    my_gtid_set_fini(&set);
    return e;
}

static enum err print_user_var(struct printer *p, const struct binlog_event *ev)
{
    struct binlog_user_var v;
    TRY(binlog_user_var_parse(ev->body, &v));
    struct writer *w = &p->out;
    writer_lit(w, " name=");
    text_repr(w, v.name);
    writer_printf(w, " null=%u", v.is_null);
    if (!v.is_null) {
        writer_printf(w, " type=%u cs=%u val=", v.type, v.collation);
        text_hex(w, v.value);
        if (v.has_flags)
            writer_printf(w, " flags=%u", v.flags);
        else
            writer_lit(w, " flags=None");
    }
    writer_lit(w, "\n");
    return ERR_OK;
}

static enum err print_load_block(struct printer *p, const struct binlog_event *ev)
{
    struct binlog_load_block b;
    TRY(binlog_load_block_parse(ev->body, &b));
    writer_printf(&p->out, " file_id=%u block_len=%zu LEFT=%zu:", b.file_id, b.data.len,
                  b.data.len);
    text_hex(&p->out, b.data);
    writer_lit(&p->out, "\n");
    return ERR_OK;
}

static enum err print_text_event(struct printer *p, const struct binlog_event *ev)
{
    struct slice text;
    bool checkpoint = ev->header.type == BINLOG_BINLOG_CHECKPOINT;
    if (checkpoint)
        TRY(binlog_checkpoint_parse(ev->body, &text));
    else
        TRY(binlog_rows_query_parse(ev, &text));
    writer_printf(&p->out, checkpoint ? " file=" : " query=");
    text_repr(&p->out, text);
    writer_lit(&p->out, "\n");
    return ERR_OK;
}

static enum err print_small(struct printer *p, const struct binlog_event *ev)
{
    struct writer *w = &p->out;
    struct slice b = ev->body;
    if (ev->header.type == BINLOG_XID) {
        uint64_t xid;
        TRY(binlog_xid_event_parse(b, &xid));
        writer_printf(w, " xid=%" PRIu64 "\n", xid);
    } else if (ev->header.type == BINLOG_ROTATE) {
        struct binlog_rotate rot;
        TRY(binlog_rotate_parse(&p->format, b, &rot));
        writer_printf(w, " pos=%" PRIu64 " file=%.*s\n", rot.position, SLICE_ARG(rot.file));
    } else if (ev->header.type == BINLOG_INTVAR) {
        struct binlog_intvar v;
        TRY(binlog_intvar_parse(b, &v));
        writer_printf(w, " type=%u val=%" PRIu64 "\n", v.kind, v.value);
    } else if (ev->header.type == BINLOG_RAND) {
        struct binlog_rand v;
        TRY(binlog_rand_parse(b, &v));
        writer_printf(w, " seed1=%" PRIu64 " seed2=%" PRIu64 "\n", v.seed1, v.seed2);
    } else if (ev->header.type == BINLOG_XA_PREPARE) {
        struct binlog_xa_prepare x;
        TRY(binlog_xa_prepare_parse(b, &x));
        writer_printf(w, " one_phase=%u ", x.one_phase);
        print_xid_text(w, &x.xid, ' ');
        writer_lit(w, "\n");
    } else if (ev->header.type == BINLOG_STOP) {
        writer_lit(w, " \n");
    } else {
        writer_lit(w, " raw=");
        text_hex(w, slice_of(b.ptr, b.len < 60 ? b.len : 60));
        writer_lit(w, "\n");
    }
    return ERR_OK;
}

static enum err print_event(struct printer *p, struct slice raw, size_t offset);

/* The fields in the order of the event, and the events inside. */
static enum err print_payload(struct printer *p, const struct binlog_event *ev)
{
    struct binlog_payload_info info;
    TRY(binlog_payload_parse(ev->body, &info));
    struct writer *w = &p->out;
    writer_lit(w, " fields(1=size,2=alg,3=uncompressed)={");
    struct reader r = reader_of(ev->body);
    for (bool first = true;; first = false) {
        uint64_t type = reader_lenenc(&r);
        if (type == 0)
            break;
        struct reader v = reader_of(reader_lenenc_str(&r));
        writer_printf(w, "%s%" PRIu64 ": %" PRIu64, first ? "" : ", ", type, reader_lenenc(&v));
    }
    writer_printf(w, "} payload=%zu\n", ev->body.len - info.header_len);
    TRY(binlog_payload_begin(p->payload, ev->body, ev->body.len));
    static uint8_t buf[1 << 24];
    size_t n, need, at = 0;
    TRY(binlog_payload_read(p->payload, buf, sizeof buf, &n));
    p->inner = true;
    while (at < n) {
        struct slice raw;
        TRY(binlog_run_next(buf + at, n - at, &raw, &need));
        TRY(print_event(p, raw, at));
        at += raw.len;
    }
    p->inner = false;
    return ERR_OK;
}

static enum err print_body(struct printer *p, struct slice raw, const struct binlog_event *ev)
{
    if (binlog_is_rows(ev->header.type))
        return print_rows(p, ev);
    switch (ev->header.type) {
    case BINLOG_FORMAT_DESCRIPTION:
        return print_format(p, raw, ev);
    case BINLOG_TABLE_MAP:
        return print_table_map(p, ev);
    case BINLOG_QUERY:
    case BINLOG_QUERY_COMPRESSED:
    case BINLOG_EXECUTE_LOAD_QUERY:
        return print_query(p, ev);
    case BINLOG_GTID:
    case BINLOG_ANONYMOUS_GTID:
    case BINLOG_GTID_TAGGED:
        return print_gtid(p, ev);
    case BINLOG_MARIA_GTID:
        return print_maria_gtid(p, ev);
    case BINLOG_MARIA_GTID_LIST:
        return print_maria_list(p, ev);
    case BINLOG_PREVIOUS_GTIDS:
        return print_previous(p, ev);
    case BINLOG_USER_VAR:
        return print_user_var(p, ev);
    case BINLOG_BEGIN_LOAD_QUERY:
    case BINLOG_APPEND_BLOCK:
        return print_load_block(p, ev);
    case BINLOG_ROWS_QUERY:
    case BINLOG_ANNOTATE_ROWS:
    case BINLOG_BINLOG_CHECKPOINT:
        return print_text_event(p, ev);
    case BINLOG_TRANSACTION_PAYLOAD:
        return print_payload(p, ev);
    default:
        return print_small(p, ev);
    }
}

static void step_txn(struct printer *p, const struct binlog_event *ev)
{
    enum binlog_txn_event kind = binlog_txn_event_of(ev);
    struct binlog_query q;
    struct binlog_verb verb;
    if (ev->header.type == BINLOG_TRANSACTION_PAYLOAD)
        return;
    if (ev->header.type == BINLOG_QUERY_COMPRESSED)
        kind = BINLOG_TXN_EV_DDL;
    else if (ev->header.type == BINLOG_QUERY && binlog_query_parse(&p->format, ev, &q) == ERR_OK)
        kind = binlog_verb_of(q.sql, &verb);
    enum binlog_txn_action action;
    enum err e = binlog_txn_step(&p->txn, kind, &action);
    if (e != ERR_OK)
        complain(p, "transaction machine", e);
}

static enum err print_event(struct printer *p, struct slice raw, size_t offset)
{
    struct binlog_event ev;
    if (p->inner)
        TRY(binlog_event_parse_inner(raw, &ev));
    else
        TRY(binlog_event_parse(&p->format, raw, &ev));
    const struct binlog_header *h = &ev.header;
    const char *name = binlog_type_name(h->type);
    writer_printf(&p->out, p->inner ? "@payload+%zu " : "@%zu ", offset);
    if (name != NULL)
        writer_printf(&p->out, "%s", name);
    else
        writer_printf(&p->out, "%u", h->type);
    writer_printf(&p->out, "(%u) ts=%u sid=%u len=%u next=%u flags=0x%x", h->type, h->timestamp,
                  h->server_id, h->length, h->log_pos, h->flags);
    if (!p->inner && p->format.checksum && h->type != BINLOG_FORMAT_DESCRIPTION)
        writer_lit(&p->out, " crc=ok");
    step_txn(p, &ev);
    return print_body(p, raw, &ev);
}

static struct slice read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return SLICE_LIT("");
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    rewind(f);
    uint8_t *p = malloc((size_t)n + 1);
    size_t got = p != NULL ? fread(p, 1, (size_t)n, f) : 0;
    fclose(f);
    return slice_of(p, got);
}

static void print_file(struct printer *p, struct slice file)
{
    size_t at = 4, need; /* after the magic number */
    while (at < file.len && !p->failed) {
        struct slice raw;
        enum err e = binlog_run_next(file.ptr + at, file.len - at, &raw, &need);
        if (e == ERR_OK)
            e = print_event(p, raw, at);
        if (e != ERR_OK) {
            fprintf(stderr, "at %zu: ", at);
            complain(p, "event", e);
            return;
        }
        at += raw.len;
        fwrite(p->out.base, 1, p->out.len, stdout);
        writer_clear(&p->out);
    }
}

int main(int argc, char **argv)
{
    static struct printer p;
    if (argc != 3) {
        fprintf(stderr, "usage: binlog_text FILE TITLE\n");
        return 2;
    }
    struct slice file = read_file(argv[1]);
    if (file.len < 4 || memcmp(file.ptr,
                               "\xFE"
                               "bin",
                               4) != 0) {
        fprintf(stderr, "%s: no binlog file\n", argv[1]);
        return 2;
    }
    binlog_format_init(&p.format, false);
    row_scratch_init(&p.row_scratch, TEXT_MAX);
    writer_init(&p.out, TEXT_MAX);
    if (binlog_payload_new(1 << 27, &p.payload) != ERR_OK)
        return 2;
    printf("== %s\n", argv[2]);
    print_file(&p, file);
    for (unsigned i = 0; i < p.table_count; i++)
        free_table(&p.tables[i]);
    binlog_payload_free(p.payload);
    binlog_map_scratch_fini(&p.scratch);
    row_scratch_fini(&p.row_scratch);
    binlog_inflater_fini(&p.inflater);
    writer_fini(&p.out);
    free((void *)(uintptr_t)file.ptr);
    return p.failed;
}
