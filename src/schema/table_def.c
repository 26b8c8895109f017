/*
 * A table_def as bytes, and back.
 *
 *     u8       format version, 2
 *     lenenc   database, name, engine, collation (strings; version 1: no collation)
 *     u8       flags: bit 0 system-versioned, 1 sequence
 *     lenenc   columns, keys, indexes, parts of them all together (numbers; version 1: no indexes)
 *     columns: lenenc name, column_type, data_type, collation (strings)
 *              u8 datetime_precision
 *              u8 flags: 0 nullable, 1 generated, 2 invisible, 3 hires_old_temporal
 *     keys, indexes:
 *              lenenc name (string)
 *              u8 flags: 0 primary, 1 has_prefix, 2 hash, 3 generated, 4 prefixes are known
 *              lenenc parts (number), u16 each; where known as many prefixes, u16 each
 *
 * The numbers come first so that a reader can bound them against the
 * bytes that follow and allocate once.
 */
#include "base/reader.h"
#include "base/writer.h"
#include "schema/table.h"

#include <stdlib.h>

#define TABLE_DEF_VERSION 2
#define COLUMN_BYTES_MIN  6 /* of a serialized column, all its strings empty */
#define KEY_BYTES_MIN     3
#define TEXT_MAX          (64u << 20)

static void put_column(const struct column_def *c, struct writer *w)
{
    writer_lenenc_str(w, c->name);
    writer_lenenc_str(w, c->column_type);
    writer_lenenc_str(w, c->data_type);
    writer_lenenc_str(w, c->collation);
    writer_u8(w, (uint8_t)c->datetime_precision);
    writer_u8(w, (uint8_t)(c->nullable | c->generated << 1 | c->invisible << 2 |
                           c->hires_old_temporal << 3));
}

static void put_key(const struct key_def *k, struct writer *w)
{
    writer_lenenc_str(w, k->name);
    bool known = k->prefixes != NULL;
    writer_u8(w, (uint8_t)(k->primary | k->has_prefix << 1 | k->hash << 2 | k->generated << 3 |
                           known << 4));
    writer_lenenc(w, k->part_count);
    for (uint32_t i = 0; i < k->part_count; i++)
        writer_u16(w, k->parts[i]);
    for (uint32_t i = 0; known && i < k->part_count; i++)
        writer_u16(w, k->prefixes[i]);
}

static uint64_t count_parts(const struct key_def *keys, uint32_t count)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < count; i++)
        n += keys[i].part_count;
    return n;
}

void table_def_serialize(const struct table_def *def, struct writer *w)
{
    writer_u8(w, TABLE_DEF_VERSION);
    writer_lenenc_str(w, def->database);
    writer_lenenc_str(w, def->name);
    writer_lenenc_str(w, def->engine);
    writer_lenenc_str(w, def->collation);
    writer_u8(w, (uint8_t)(def->system_versioned | def->sequence << 1));
    writer_lenenc(w, def->column_count);
    writer_lenenc(w, def->key_count);
    writer_lenenc(w, def->index_count);
    writer_lenenc(w, count_parts(def->keys, def->key_count) +
                         count_parts(def->indexes, def->index_count));
    for (uint32_t i = 0; i < def->column_count; i++)
        put_column(&def->columns[i], w);
    for (uint32_t i = 0; i < def->key_count; i++)
        put_key(&def->keys[i], w);
    for (uint32_t i = 0; i < def->index_count; i++)
        put_key(&def->indexes[i], w);
}

/* Strings of the parsed definition, laid one after the other behind its arrays. */
struct text_area {
    uint8_t *p;
    size_t left;
};

static struct slice keep_text(struct slice s, struct text_area *text)
{
    if (s.len > text->left) /* cannot be: the area is as large as the bytes */
        return SLICE_LIT("");
    memcpy(text->p, s.ptr, s.len);
    s.ptr = text->p;
    text->p += s.len;
    text->left -= s.len;
    return s;
}

static struct slice take_text(struct reader *r, struct text_area *text)
{
    return keep_text(reader_lenenc_str(r), text);
}

static void take_column(struct reader *r, struct text_area *text, struct column_def *c)
{
    c->name = take_text(r, text);
    c->column_type = take_text(r, text);
    c->data_type = take_text(r, text);
    c->collation = take_text(r, text);
    c->datetime_precision = reader_u8(r);
    uint8_t flags = reader_u8(r);
    c->nullable = flags & 1;
    c->generated = flags >> 1 & 1;
    c->invisible = flags >> 2 & 1;
    c->hires_old_temporal = flags >> 3 & 1;
}

/* Room for parts of keys, and for as many prefixes behind them all. */
struct part_area {
    uint16_t *parts;
    uint16_t *prefixes;
    uint64_t left;
};

static void take_key(struct reader *r, struct text_area *text, uint32_t columns, struct key_def *k,
                     struct part_area *area)
{
    k->name = take_text(r, text);
    uint8_t flags = reader_u8(r);
    k->primary = flags & 1;
    k->has_prefix = flags >> 1 & 1;
    k->hash = flags >> 2 & 1;
    k->generated = flags >> 3 & 1;
    uint64_t count = reader_lenenc(r);
    if (count > area->left) {
        reader_fail(r, ERR_MALFORMED);
        return;
    }
    k->part_count = (uint32_t)count;
    k->parts = area->parts;
    for (uint64_t i = 0; i < count; i++) {
        k->parts[i] = reader_u16(r);
        if (k->parts[i] >= columns)
            reader_fail(r, ERR_MALFORMED);
    }
    k->prefixes = flags >> 4 & 1 ? area->prefixes : NULL;
    for (uint64_t i = 0; k->prefixes != NULL && i < count; i++)
        k->prefixes[i] = reader_u16(r);
    area->parts += count;
    area->prefixes += count;
    area->left -= count;
}

/* How many of what there is, checked against the bytes that are left. */
struct counts {
    uint64_t columns, keys, indexes, parts;
};

static struct counts take_counts(struct reader *r, uint8_t version)
{
    struct counts n = {0};
    n.columns = reader_lenenc(r);
    n.keys = reader_lenenc(r);
    n.indexes = version > 1 ? reader_lenenc(r) : 0;
    n.parts = reader_lenenc(r);
    size_t left = reader_left(r);
    if (n.columns > left / COLUMN_BYTES_MIN || n.keys > left / KEY_BYTES_MIN ||
        n.indexes > left / KEY_BYTES_MIN || n.parts > left / 2) {
        reader_fail(r, ERR_MALFORMED);
        return (struct counts){0};
    }
    return n;
}

static struct table_def *def_alloc(struct counts n, size_t text_len, struct text_area *text,
                                   struct part_area *area)
{
    size_t columns_at = sizeof(struct table_def);
    size_t keys_at = columns_at + n.columns * sizeof(struct column_def);
    size_t parts_at = keys_at + (n.keys + n.indexes) * sizeof(struct key_def);
    size_t text_at = parts_at + 2 * n.parts * sizeof(uint16_t);
    uint8_t *block = calloc(1, text_at + text_len);
    if (block == NULL)
        return NULL;
    struct table_def *def = (struct table_def *)block;
    def->columns = (struct column_def *)(block + columns_at);
    def->column_count = (uint32_t)n.columns;
    def->keys = (struct key_def *)(block + keys_at);
    def->key_count = (uint32_t)n.keys;
    def->indexes = def->keys + n.keys;
    def->index_count = (uint32_t)n.indexes;
    uint16_t *parts = (uint16_t *)(block + parts_at);
    *area = (struct part_area){parts, parts + n.parts, n.parts};
    *text = (struct text_area){block + text_at, text_len};
    return def;
}

/* Columns and keys, once there is room for them. */
static enum err take_items(struct reader *r, struct table_def *def, struct text_area *text,
                           struct part_area *area)
{
    for (uint32_t i = 0; i < def->column_count; i++)
        take_column(r, text, &def->columns[i]);
    for (uint32_t i = 0; i < def->key_count + def->index_count; i++)
        take_key(r, text, def->column_count, &def->keys[i], area);
    if (reader_left(r) > 0 || area->left > 0)
        reader_fail(r, ERR_MALFORMED);
    return reader_finish(r);
}

enum err table_def_parse(struct slice bytes, struct table_def **out)
{
    struct reader r = reader_of(bytes);
    if (bytes.len > TEXT_MAX)
        return ERR_TOO_LARGE;
    uint8_t version = reader_u8(&r);
    if (reader_finish(&r) == ERR_OK && (version == 0 || version > TABLE_DEF_VERSION))
        return ERR_UNSUPPORTED;
    struct slice names[4] = {0}; /* database, name, engine, collation */
    for (int i = 0; i < (version > 1 ? 4 : 3); i++)
        names[i] = reader_lenenc_str(&r);
    uint8_t flags = reader_u8(&r);
    struct counts n = take_counts(&r, version);
    TRY(reader_finish(&r));

    struct text_area text;
    struct part_area area;
    struct table_def *def = def_alloc(n, bytes.len, &text, &area);
    if (def == NULL)
        return ERR_NO_MEMORY;
    def->database = keep_text(names[0], &text);
    def->name = keep_text(names[1], &text);
    def->engine = keep_text(names[2], &text);
    def->collation = version > 1 ? keep_text(names[3], &text) : SLICE_LIT("");
    def->system_versioned = flags & 1;
    def->sequence = flags >> 1 & 1;
    enum err e = take_items(&r, def, &text, &area);
    if (e != ERR_OK) {
        free(def);
        return e;
    }
    *out = def;
    return ERR_OK;
}

enum err table_def_copy(const struct table_def *def, struct table_def **out)
{
    struct writer w;
    writer_init(&w, SIZE_MAX);
    table_def_serialize(def, &w);
    enum err e = w.err != ERR_OK ? w.err : table_def_parse(writer_slice(&w), out);
    writer_fini(&w);
    return e;
}
