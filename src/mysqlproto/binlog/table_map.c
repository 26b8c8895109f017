#include "mysqlproto/binlog/table_map.h"

#include "base/reader.h"
#include "mysqlproto/binlog/table_map_int.h"

#include <stdlib.h>

#define SHORT_ID_POST_HEADER 6 /* MySQL before 5.1.4: table ids of 4 bytes */

void binlog_map_scratch_fini(struct binlog_map_scratch *s)
{
    free(s->columns);
    free(s->key_parts);
    *s = (struct binlog_map_scratch){0};
}

static uint64_t table_id(struct reader *r, const struct binlog_format *f, uint8_t type)
{
    return f->post_header_len[type] == SHORT_ID_POST_HEADER ? reader_u32(r) : reader_u48(r);
}

enum err binlog_table_id(const struct binlog_format *f, uint8_t type, struct slice body,
                         uint64_t *out)
{
    struct reader r = reader_of(body);
    uint64_t id = table_id(&r, f, type);
    TRY(reader_finish(&r));
    *out = id;
    return ERR_OK;
}

/* table id 6 (or 4), flags 2, then database and table: u8 length, bytes, NUL each */
enum err binlog_table_map_head(const struct binlog_format *f, struct slice body,
                               struct binlog_map_head *out)
{
    struct reader r = reader_of(body);
    struct binlog_map_head h = {.table_id = table_id(&r, f, BINLOG_TABLE_MAP)};
    h.flags = reader_u16(&r);
    if (f->post_header_len[BINLOG_TABLE_MAP] > 8)
        reader_skip(&r, f->post_header_len[BINLOG_TABLE_MAP] - 8u);
    h.database = reader_take(&r, reader_u8(&r));
    reader_skip(&r, 1);
    h.name = reader_lenenc_str(&r);
    reader_skip(&r, 1);
    h.raw = reader_rest(&r);
    TRY(reader_finish(&r));
    *out = h;
    return ERR_OK;
}

/* Metadata of STRING: the real type and the length share two bytes (Field_str in sql/field.cc). */
static enum err string_meta(const uint8_t *b, struct map_column *c)
{
    uint8_t real = b[0];
    uint16_t len = b[1];
    if (b[0] == 0) {
        real = MY_TYPE_STRING;
    } else if ((b[0] & 0x30) != 0x30) {
        len = (uint16_t)(len | ((b[0] & 0x30) ^ 0x30) << 4);
        real = b[0] | 0x30;
    }
    c->type = real;
    c->meta = len;
    switch (real) {
    case MY_TYPE_STRING:
        return ERR_OK;
    case MY_TYPE_ENUM:
        return len == 1 || len == 2 ? ERR_OK : ERR_MALFORMED;
    case MY_TYPE_SET:
        return (len >= 1 && len <= 4) || len == 8 ? ERR_OK : ERR_MALFORMED;
    default:
        return ERR_UNSUPPORTED;
    }
}

static enum err in_range(uint16_t meta, uint16_t min, uint16_t max)
{
    return meta >= min && meta <= max ? ERR_OK : ERR_MALFORMED;
}

static enum err decimal_meta(const uint8_t *b, struct map_column *c)
{
    c->meta = (uint16_t)(b[0] << 8 | b[1]);
    return b[0] >= 1 && b[0] <= 65 && b[1] <= b[0] ? ERR_OK : ERR_MALFORMED;
}

/* Bytes of metadata that a type has; -1: a type whose values cannot be read. */
static int meta_len(uint8_t type)
{
    switch (type) {
    case MY_TYPE_TINY:
    case MY_TYPE_SHORT:
    case MY_TYPE_LONG:
    case MY_TYPE_NULL:
    case MY_TYPE_TIMESTAMP:
    case MY_TYPE_LONGLONG:
    case MY_TYPE_INT24:
    case MY_TYPE_DATE:
    case MY_TYPE_TIME:
    case MY_TYPE_DATETIME:
    case MY_TYPE_YEAR:
    case MY_TYPE_NEWDATE:
        return 0;
    case MY_TYPE_FLOAT:
    case MY_TYPE_DOUBLE:
    case MY_TYPE_TIMESTAMP2:
    case MY_TYPE_DATETIME2:
    case MY_TYPE_TIME2:
    case MY_TYPE_BLOB_COMPRESSED:
    case MY_TYPE_VECTOR:
    case MY_TYPE_JSON:
    case MY_TYPE_TINY_BLOB:
    case MY_TYPE_MEDIUM_BLOB:
    case MY_TYPE_LONG_BLOB:
    case MY_TYPE_BLOB:
    case MY_TYPE_GEOMETRY:
        return 1;
    case MY_TYPE_VARCHAR:
    case MY_TYPE_BIT:
    case MY_TYPE_VARCHAR_COMPRESSED:
    case MY_TYPE_NEWDECIMAL:
    case MY_TYPE_ENUM:
    case MY_TYPE_SET:
    case MY_TYPE_VAR_STRING:
    case MY_TYPE_STRING:
        return 2;
    default:
        return -1;
    }
}

/* b: the metadata bytes of the column, as many as meta_len() says. */
static enum err column_meta(const uint8_t *b, struct map_column *c)
{
    switch (c->type) {
    case MY_TYPE_FLOAT:
        c->meta = b[0];
        return in_range(c->meta, 4, 4);
    case MY_TYPE_DOUBLE:
        c->meta = b[0];
        return in_range(c->meta, 8, 8);
    case MY_TYPE_TIMESTAMP2:
    case MY_TYPE_DATETIME2:
    case MY_TYPE_TIME2:
        c->meta = b[0];
        return in_range(c->meta, 0, 6);
    case MY_TYPE_BLOB_COMPRESSED:
    case MY_TYPE_VECTOR:
    case MY_TYPE_JSON:
    case MY_TYPE_TINY_BLOB:
    case MY_TYPE_MEDIUM_BLOB:
    case MY_TYPE_LONG_BLOB:
    case MY_TYPE_BLOB:
    case MY_TYPE_GEOMETRY:
        c->meta = b[0];
        return in_range(c->meta, 1, 4);
    case MY_TYPE_BIT:
        c->meta = (uint16_t)(b[0] + b[1] * 8);
        return b[0] < 8 ? in_range(c->meta, 1, 64) : ERR_MALFORMED;
    case MY_TYPE_NEWDECIMAL:
        return decimal_meta(b, c);
    case MY_TYPE_ENUM:
    case MY_TYPE_SET:
    case MY_TYPE_STRING:
        return string_meta(b, c);
    case MY_TYPE_VARCHAR:
    case MY_TYPE_VARCHAR_COMPRESSED:
    case MY_TYPE_VAR_STRING:
        c->meta = load_le16(b);
        return ERR_OK;
    default:
        return ERR_OK;
    }
}

static enum err grow(void **array, uint32_t *cap, uint32_t count, size_t size)
{
    if (count <= *cap)
        return ERR_OK;
    void *p = realloc(*array, count * size);
    if (p == NULL)
        return ERR_NO_MEMORY;
    *array = p;
    *cap = count;
    return ERR_OK;
}

static void column_defaults(struct map_column *c, uint8_t type, bool nullable)
{
    *c = (struct map_column){
        .type = type, .nullable = nullable, .name = SLICE_LIT(""), .members = SLICE_LIT("")};
}

/* column count lenenc, u8 type each, metadata as a string, NULL bits; optional metadata remains in
 * r */
static enum err columns(struct reader *r, struct binlog_map_scratch *s, struct table_map *map)
{
    uint64_t count = reader_lenenc(r);
    if (r->err == ERR_OK && (count == 0 || count > BINLOG_COLUMNS_MAX))
        return ERR_MALFORMED;
    struct slice types = reader_take(r, (size_t)count);
    struct slice meta = reader_lenenc_str(r);
    struct slice nulls = reader_take(r, (size_t)(count + 7) / 8);
    TRY(reader_finish(r));
    TRY(grow((void **)&s->columns, &s->columns_cap, (uint32_t)count, sizeof *s->columns));
    struct reader m = reader_of(meta);
    for (size_t i = 0; i < count; i++) {
        struct map_column *c = &s->columns[i];
        column_defaults(c, types.ptr[i], nulls.ptr[i / 8] >> (i % 8) & 1);
        int n = meta_len(c->type);
        if (n < 0)
            return ERR_UNSUPPORTED;
        struct slice b = reader_take(&m, (size_t)n);
        TRY(reader_finish(&m));
        TRY(column_meta(b.ptr, c));
    }
    map->column_count = (uint32_t)count;
    map->columns = s->columns;
    return reader_left(&m) == 0 ? ERR_OK : ERR_MALFORMED;
}

enum err binlog_table_map_parse(const struct binlog_format *f, struct slice body,
                                struct binlog_map_scratch *s, struct table_map *out)
{
    struct binlog_map_head head;
    TRY(binlog_table_map_head(f, body, &head));
    struct table_map map = {.table_id = head.table_id,
                            .flags = head.flags,
                            .database = head.database,
                            .name = head.name,
                            .raw = head.raw};
    struct reader r = reader_of(head.raw);
    TRY(columns(&r, s, &map));
    TRY(grow((void **)&s->key_parts, &s->key_parts_cap, map.column_count, sizeof *s->key_parts));
    map.key_parts = s->key_parts;
    TRY(binlog_optional_metadata(f, reader_rest(&r), &map));
    *out = map;
    return ERR_OK;
}

enum err binlog_members_begin(struct slice members, struct reader *r, uint32_t *count)
{
    struct reader m = reader_of(members);
    uint64_t n = reader_lenenc(&m);
    TRY(reader_finish(&m));
    if (n > reader_left(&m))
        return ERR_MALFORMED;
    *r = m;
    *count = (uint32_t)n;
    return ERR_OK;
}
