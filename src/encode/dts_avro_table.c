/* The constant part of DTS Avro, made once per version of a table. */
#include "base/crc32c.h"
#include "base/utf8.h"
#include "encode/dts_avro_int.h"
#include "encode/json_escape.h"

#include <stdio.h>

static void put_checked(struct builder *b, struct slice s)
{
    if (!utf8_valid(s))
        b->bad = s;
    avro_put_string(&b->w, s);
}

/* --- tags --- */

static void put_json_name(struct builder *b, struct writer *json, struct slice name)
{
    writer_lit(json, "\"");
    if (writer_reserve(json, JSON_ESCAPE_ROOM(name.len))) {
        const uint8_t *end = json_escape_best()->utf8(writer_tail(json), name.ptr, name.len);
        if (end == NULL)
            b->bad = name;
        else
            json->len = (size_t)(end - json->base);
    }
    writer_lit(json, "\"");
}

/* "name":["a","b"] */
static void put_key(struct builder *b, struct writer *json, const struct table *t,
                    struct slice name, const uint16_t *columns, uint32_t count)
{
    if (json->len > 1)
        writer_lit(json, ",");
    put_json_name(b, json, name);
    for (uint32_t i = 0; i < count; i++) {
        struct slice sent = b->names.columns[columns[i]];
        if (i == 0)
            writer_lit(json, ":[");
        else
            writer_lit(json, ",");
        put_json_name(b, json, sent.len > 0 ? sent : t->columns[columns[i]].name);
    }
    writer_lit(json, "]");
}

/* A key over a column that consumers never see tells them nothing. */
static bool is_sent(const struct builder *b, const struct table_key *k)
{
    for (uint32_t i = 0; i < k->count; i++)
        if (b->names.columns[k->columns[i]].len == 0)
            return false;
    return k->count > 0;
}

/* {"PRIMARY":["id"],"by_name":["name"]}; empty when the table has neither. */
static void put_keys(struct builder *b, const struct table *t, struct writer *json)
{
    writer_lit(json, "{");
    if (t->pk_count > 0)
        put_key(b, json, t, SLICE_LIT("PRIMARY"), t->pk, t->pk_count);
    for (uint32_t i = 0; i < t->unique_count; i++)
        if (is_sent(b, &t->uniques[i]))
            put_key(b, json, t, t->uniques[i].name, t->uniques[i].columns, t->uniques[i].count);
    if (json->len > 1)
        writer_lit(json, "}");
    else
        writer_clear(json);
}

/* Changes whenever the structure does, and is the same again after a restart. */
static uint32_t meta_version(const struct builder *b, const struct table *t, struct slice keys)
{
    uint32_t crc = crc32c(0, keys.ptr, keys.len);
    for (uint32_t i = 0; i < t->column_count; i++) {
        struct slice name = b->names.columns[i];
        if (name.len == 0)
            continue;
        crc = crc32c(crc, name.ptr, name.len);
        crc = crc32c(crc, "", 1);
        crc = crc32c(crc, t->columns[i].type_text.ptr, t->columns[i].type_text.len);
        crc = crc32c(crc, "", 1);
    }
    return crc & 0x7FFFFFFF;
}

/* The tags that every row has, up to the value of the last; *count with those that follow. */
static struct slice build_tags(struct builder *b, const struct table *t, uint8_t *count)
{
    struct writer json;
    char number[16];
    writer_init(&json, SIZE_MAX / 2);
    put_keys(b, t, &json);
    struct slice keys = writer_slice(&json);
    *count = 2;
    if (keys.len > 0) {
        avro_put_string(&b->w, SLICE_LIT("pk_uk_info"));
        avro_put_string(&b->w, keys);
        *count = 3;
    }
    avro_put_string(&b->w, SLICE_LIT("metaVersion"));
    snprintf(number, sizeof number, "%u", meta_version(b, t, keys));
    avro_put_string(&b->w, slice_str(number));
    avro_put_string(&b->w, SLICE_LIT("readerThroughoutTime"));
    if (json.err != ERR_OK && b->w.err == ERR_OK)
        b->w.err = json.err;
    writer_fini(&json);
    return builder_keep(b);
}

/* --- the rest --- */

static void build_columns(struct dts_avro_table *at, struct builder *b)
{
    const struct table *t = at->table;
    at->columns = arena_array(b->arena, t->column_count, sizeof *at->columns);
    for (uint32_t i = 0; i < t->column_count && at->columns != NULL; i++) {
        if (b->names.columns[i].len == 0)
            continue;
        struct avro_column *ac = &at->columns[at->column_count++];
        ac->index = (uint16_t)i;
        ac->column = &t->columns[i];
        if (!avro_column_init(ac, &t->columns[i], b->arena) && !b->arena->failed)
            b->bad = t->columns[i].name;
        writer_put(&b->w, t->columns[i].name.ptr, t->columns[i].name.len);
        writer_u8(&b->w, 0);
        ac->source_name = (const char *)builder_keep(b).ptr;
        at->fixed += 2 * (ac->lead.len + ac->room + 2);
    }
}

static void build_fields(struct dts_avro_table *at, struct builder *b)
{
    writer_u8(&b->w, 2 << 1); /* the union's third branch: an array */
    avro_put_long(&b->w, at->column_count);
    for (uint32_t i = 0; i < at->column_count; i++) {
        const struct avro_column *ac = &at->columns[i];
        put_checked(b, b->names.columns[ac->index]);
        avro_put_long(&b->w, ac->type_number);
    }
    if (at->column_count > 0)
        avro_put_long(&b->w, 0);
    at->fields = builder_keep(b);
    writer_u8(&b->w, 2 << 1);
    avro_put_long(&b->w, at->column_count);
    at->images = builder_keep(b);
}

static void build_heads(struct dts_avro_table *at, struct builder *b, struct slice server_version,
                        uint8_t tag_count)
{
    static const uint8_t operations[] = {[CHANGE_INSERT] = AVRO_OP_INSERT,
                                         [CHANGE_UPDATE] = AVRO_OP_UPDATE,
                                         [CHANGE_DELETE] = AVRO_OP_DELETE,
                                         [CHANGE_INIT] = AVRO_OP_INIT};
    struct writer name;
    writer_init(&name, SIZE_MAX / 2);
    avro_object_name(&name, b->names.database, b->names.table);
    if (!utf8_valid(writer_slice(&name)))
        b->bad = b->names.table;
    for (unsigned op = 0; op < 4; op++) {
        avro_put_head(&b->w, server_version, operations[op], writer_slice(&name));
        avro_put_long(&b->w, tag_count);
        at->head[op] = builder_keep(b);
    }
    if (name.err != ERR_OK && b->w.err == ERR_OK)
        b->w.err = name.err;
    writer_fini(&name);
}

static void build(struct dts_avro_table *at, struct builder *b, const struct dts_avro_options *o,
                  struct slice frame)
{
    uint8_t tag_count;
    writer_slice_put(&b->w, frame);
    avro_put_long(&b->w, 0); /* version */
    at->front = builder_keep(b);
    at->tags = build_tags(b, at->table, &tag_count);
    build_heads(at, b, o->server_version, tag_count);
    build_columns(at, b);
    build_fields(at, b);
    /* Constants, numbers and places, the tags of the session, one wide copy. */
    at->fixed += at->front.len + at->head[CHANGE_INSERT].len + at->tags.len + at->fields.len +
                 2 * at->images.len + 3 * AVRO_LONG_MAX + 2 * AVRO_PLACE_MAX + 128 + ENCODE_COPY;
}

enum err dts_avro_table_new(const struct dts_avro_options *o, const struct table *t,
                            const struct message_names *names, struct slice frame,
                            struct dts_avro_table **out, struct errmsg *em)
{
    struct builder b;
    TRY(builder_begin(&b, t, names, 4096));
    struct dts_avro_table *at = arena_alloc(b.arena, sizeof *at);
    if (at != NULL) {
        at->arena = b.arena;
        at->table = t;
        build(at, &b, o, frame);
    }
    TRY(builder_end(&b, t, "name or label", em));
    *out = at;
    return ERR_OK;
}

void dts_avro_table_free(struct dts_avro_table *at)
{
    if (at != NULL)
        arena_free(at->arena);
}
