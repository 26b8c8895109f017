/* Records without rows (statements, ends of transactions), and what all records are made with. */
#include "base/number.h"
#include "base/utf8.h"
#include "encode/dts_avro_int.h"
#include "encode/spare.h"

/* Bytes that may be asked for in vain while the message is put together. */
#define TEXT_SPARE 1024

void avro_put_long(struct writer *w, int64_t v)
{
    if (writer_reserve(w, AVRO_LONG_MAX))
        w->len = (size_t)(avro_long(writer_tail(w), v) - w->base);
}

void avro_put_string(struct writer *w, struct slice s)
{
    avro_put_long(w, (int64_t)s.len);
    writer_slice_put(w, s);
}

static void put_name_part(struct writer *w, struct slice name)
{
    const uint8_t *dot;
    while ((dot = memchr(name.ptr, '.', name.len)) != NULL) {
        size_t n = (size_t)(dot - name.ptr);
        writer_put(w, name.ptr, n);
        writer_lit(w, "\\u002E");
        name = slice_of(dot + 1, name.len - n - 1);
    }
    writer_slice_put(w, name);
}

void avro_object_name(struct writer *w, struct slice database, struct slice table)
{
    put_name_part(w, database);
    if (table.len == 0)
        return;
    writer_u8(w, '.');
    put_name_part(w, table);
}

void avro_put_head(struct writer *w, struct slice server_version, uint8_t operation,
                   struct slice object_name)
{
    avro_put_string(w, SLICE_LIT("0")); /* sourceTxid, as DTS writes it for MySQL */
    avro_put_long(w, 0);                /* sourceType MySQL */
    avro_put_string(w, server_version);
    writer_u8(w, operation);
    if (object_name.len > 0) {
        avro_put_long(w, 1);
        avro_put_string(w, object_name);
    } else {
        avro_put_long(w, 0);
    }
    avro_put_long(w, 0); /* processTimestamps: null */
}

/* --- tags of which not all are always there: counted first --- */

struct tag {
    const char *name;
    bool known;
    uint64_t number;   /* the value, unless text has one */
    struct slice text; /* len 0: number */
};

static void put_tag(struct writer *w, const struct tag *t)
{
    uint8_t digits[NUMBER_U64_MAX];
    struct slice value = t->text;
    if (value.len == 0)
        value = slice_of(digits, (size_t)(number_u64(digits, t->number) - digits));
    avro_put_string(w, slice_str(t->name));
    avro_put_string(w, value);
}

static void put_tags(struct writer *w, const struct tag *tags, size_t n)
{
    int64_t known = 0;
    for (size_t i = 0; i < n; i++)
        known += tags[i].known;
    avro_put_long(w, known);
    for (size_t i = 0; i < n; i++)
        if (tags[i].known)
            put_tag(w, &tags[i]);
    if (known > 0)
        avro_put_long(w, 0);
}

/* --- records without rows --- */

struct bare_record {
    uint8_t operation;
    uint64_t id;
    uint64_t es_ms;
    struct slice database;
    const struct change_origin *origin;
    bool own_safe_place; /* reading may start behind it */
    const struct tag *tags;
    size_t tag_count;
    struct slice text; /* afterImages; len 0: null */
};

static void put_place(struct writer *w, uint64_t file, uint64_t offset)
{
    if (writer_reserve(w, AVRO_PLACE_MAX))
        w->len = (size_t)(avro_place(writer_tail(w), file, offset) - w->base);
}

static void put_record(struct writer *w, const struct dts_avro_options *o,
                       const struct bare_record *b)
{
    static const struct change_origin nowhere;
    const struct change_origin *at = b->origin != NULL ? b->origin : &nowhere;
    struct writer name;
    writer_init(&name, SIZE_MAX / 2);
    avro_object_name(&name, b->database, SLICE_LIT(""));

    avro_put_long(w, 0); /* version */
    avro_put_long(w, (int64_t)b->id);
    avro_put_long(w, (int64_t)(b->es_ms / 1000));
    put_place(w, at->file, at->offset);
    if (b->own_safe_place)
        put_place(w, at->file, at->offset);
    else
        put_place(w, at->safe_file, at->safe_offset);
    avro_put_head(w, o->server_version, b->operation, writer_slice(&name));
    put_tags(w, b->tags, b->tag_count);
    avro_put_long(w, 0); /* fields: null */
    avro_put_long(w, 0); /* beforeImages: null */
    avro_put_long(w, b->text.len > 0 ? 1 : 0);
    if (b->text.len > 0)
        avro_put_string(w, b->text);
    avro_put_long(w, (int64_t)(b->es_ms / 1000));
    if (name.err != ERR_OK && w->err == ERR_OK)
        w->err = name.err;
    writer_fini(&name);
}

static enum err append(const struct dts_avro_options *o, const struct bare_record *b,
                       struct slice frame, struct writer *value)
{
    struct writer w;
    spare_begin(&w, value, TEXT_SPARE);
    writer_slice_put(&w, frame);
    put_record(&w, o, b);
    return spare_append(&w, value);
}

enum err dts_avro_ddl_encode(const struct dts_avro_options *o, const struct ddl_change *d,
                             struct slice frame, struct writer *value)
{
    static const struct change_origin nowhere;
    const struct change_origin *at = d->origin != NULL ? d->origin : &nowhere;
    if (!utf8_valid(d->sql) || !utf8_valid(d->database))
        return ERR_BAD_TEXT;
    const struct tag tags[] = {
        {.name = "readerThroughoutTime", .known = true, .number = d->ts_ms},
        {.name = "server_id", .known = at->server_id != 0, .number = at->server_id},
        {.name = "thread_id", .known = at->thread_id != 0, .number = at->thread_id},
        {.name = "GTID", .known = d->gtid.len > 0, .text = d->gtid},
        {.name = "commitTimestamp", .known = true, .number = d->es_ms / 1000},
        {.name = "lowerCaseTableNames",
         .known = true,
         .text = o->lower_case_names ? SLICE_LIT("true") : SLICE_LIT("false")},
    };
    struct bare_record b = {.operation = AVRO_OP_DDL,
                            .id = d->id,
                            .es_ms = d->es_ms,
                            .database = d->database,
                            .origin = d->origin,
                            .own_safe_place = true,
                            .tags = tags,
                            .tag_count = sizeof tags / sizeof *tags,
                            .text = d->sql};
    return append(o, &b, frame, value);
}

enum err dts_avro_mark_encode(const struct dts_avro_options *o, const struct dts_avro_mark *m,
                              struct slice frame, struct writer *value)
{
    static const struct change_origin nowhere;
    const struct change_origin *at = m->origin != NULL ? m->origin : &nowhere;
    const struct tag tags[] = {
        {.name = "readerThroughoutTime", .known = true, .number = m->ts_ms},
        {.name = "server_id", .known = at->server_id != 0, .number = at->server_id},
        {.name = "thread_id", .known = at->thread_id != 0, .number = at->thread_id},
        {.name = "GTID", .known = m->gtid.len > 0, .text = m->gtid},
    };
    struct bare_record b = {.operation = m->commit ? AVRO_OP_COMMIT : AVRO_OP_BEGIN,
                            .id = m->id,
                            .es_ms = m->es_ms,
                            .database = SLICE_LIT(""),
                            .origin = m->origin,
                            .tags = tags,
                            .tag_count = sizeof tags / sizeof *tags,
                            .text = SLICE_LIT("")};
    return append(o, &b, frame, value);
}
