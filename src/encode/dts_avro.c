#include "encode/dts_avro.h"

#include "base/number.h"
#include "encode/dts_avro_int.h"
#include "encode/spare.h"

#include <stdlib.h>

struct dts_avro *dts_avro_new(void)
{
    return calloc(1, sizeof(struct dts_avro));
}

void dts_avro_free(struct dts_avro *enc)
{
    if (enc == NULL)
        return;
    writer_fini(&enc->document);
    writer_fini(&enc->spare);
    free(enc);
}

const char *dts_avro_failed_column(const struct dts_avro *enc)
{
    return enc->failed != NULL ? enc->failed->source_name : NULL;
}

uint8_t *avro_more_room(struct dts_avro *enc, uint8_t *p, size_t n)
{
    struct writer *w = enc->w;
    w->len = (size_t)(p - w->base);
    if (n > SIZE_MAX - enc->fixed)
        return avro_fail(enc, ERR_TOO_LARGE);
    if (!writer_reserve(w, n + enc->fixed))
        return avro_fail(enc, w->err);
    enc->end = w->base + w->cap;
    return writer_tail(w);
}

uint8_t *avro_place(uint8_t *p, uint64_t file, uint64_t offset)
{
    uint8_t *end = number_u64(p + 1, offset);
    *end++ = '@';
    end = number_u64(end, file);
    *p = (uint8_t)((end - p - 1) << 1); /* 41 at most: one byte */
    return end;
}

static inline uint8_t *put_cell(struct dts_avro *enc, const struct avro_column *ac,
                                const struct cell *cell, uint8_t *p)
{
    if (__builtin_expect(cell->kind == ac->kind, 1))
        p = ac->put(enc, ac, cell, encode_constant(p, ac->lead));
    else
        p = avro_put_other(enc, ac, cell, p);
    if (__builtin_expect(p == NULL, 0))
        enc->failed = ac;
    return p;
}

/* other: where to take cells from that are absent; may be NULL. */
static uint8_t *put_image(struct dts_avro *enc, const struct dts_avro_table *at,
                          const struct cell *cells, const struct cell *other, uint8_t *p)
{
    p = encode_constant(p, at->images);
    const struct avro_column *end = at->columns + at->column_count;
    for (const struct avro_column *ac = at->columns; ac < end; ac++) {
        const struct cell *cell = &cells[ac->index];
        if (__builtin_expect(cell->kind == CELL_ABSENT, 0) && other != NULL)
            cell = &other[ac->index];
        if ((p = put_cell(enc, ac, cell, p)) == NULL)
            return NULL;
    }
    if (at->column_count > 0)
        *p++ = 0; /* no more items */
    return p;
}

/* A tag whose value is a number; name with its length byte. */
static uint8_t *put_number_tag(uint8_t *p, struct slice name, uint64_t value)
{
    memcpy(p, name.ptr, name.len);
    p += name.len;
    uint8_t *end = number_u64(p + 1, value);
    *p = (uint8_t)((end - p - 1) << 1);
    return end;
}

static uint8_t *put_tags(const struct dts_avro_table *at, const struct change *c,
                         const struct change_origin *o, uint8_t *p)
{
    uint8_t *count = p - 1; /* the last byte of the head */
    p = encode_constant(p, at->tags);
    uint8_t *end = number_u64(p + 1, c->ts_ms);
    *p = (uint8_t)((end - p - 1) << 1);
    p = end;
    if (o->server_id != 0) {
        *count += 2;
        p = put_number_tag(p, SLICE_LIT("\x12server_id"), o->server_id);
    }
    if (o->thread_id != 0) {
        *count += 2;
        p = put_number_tag(p, SLICE_LIT("\x12thread_id"), o->thread_id);
    }
    *p++ = 0; /* no more tags */
    return p;
}

static uint8_t *put_images(struct dts_avro *enc, const struct dts_avro_table *at,
                           const struct change *c, uint8_t *p)
{
    switch (c->op) {
    case CHANGE_INSERT:
    case CHANGE_INIT:
        *p++ = AVRO_NULL;
        return put_image(enc, at, c->after, NULL, p);
    case CHANGE_UPDATE:
        if ((p = put_image(enc, at, c->before, NULL, p)) == NULL)
            return NULL;
        return put_image(enc, at, c->after, c->before, p);
    case CHANGE_DELETE:
        if ((p = put_image(enc, at, c->before, NULL, p)) == NULL)
            return NULL;
        *p = AVRO_NULL;
        return p + 1;
    }
    return avro_fail(enc, ERR_BUG);
}

static uint8_t *put_change(struct dts_avro *enc, const struct dts_avro_table *at,
                           const struct change *c, uint8_t *p)
{
    static const struct change_origin nowhere;
    const struct change_origin *o = c->origin != NULL ? c->origin : &nowhere;
    int64_t seconds = (int64_t)(c->es_ms / 1000);
    p = avro_long(encode_constant(p, at->front), (int64_t)c->id);
    p = avro_long(p, seconds);
    p = avro_place(p, o->file, o->offset);
    p = avro_place(p, o->safe_file, o->safe_offset);
    p = put_tags(at, c, o, encode_constant(p, at->head[c->op]));
    if ((p = put_images(enc, at, c, encode_constant(p, at->fields))) == NULL)
        return NULL;
    return avro_long(p, seconds); /* bornTimestamp, in seconds as DTS writes it */
}

static enum err encode_into(struct dts_avro *enc, const struct dts_avro_table *at,
                            const struct change *c, struct writer *w)
{
    enc->err = ERR_OK;
    enc->failed = NULL;
    if (!writer_reserve(w, at->fixed))
        return w->err;
    enc->w = w;
    enc->end = w->base + w->cap;
    enc->fixed = at->fixed;
    enc->document.max = spare_sum(w->max, 1);
    uint8_t *p = put_change(enc, at, c, writer_tail(w));
    if (p == NULL)
        return enc->err;
    w->len = (size_t)(p - w->base);
    /* The memory may be larger than the limit. */
    return w->len <= w->max ? ERR_OK : ERR_TOO_LARGE;
}

/* A change to be written once more, for spare_write(). */
struct rewrite {
    struct dts_avro *enc;
    const struct dts_avro_table *at;
    const struct change *c;
};

static enum err write_again(void *arg, struct writer *w)
{
    const struct rewrite *m = arg;
    return encode_into(m->enc, m->at, m->c, w);
}

enum err dts_avro_encode(struct dts_avro *enc, const struct dts_avro_table *at,
                         const struct change *c, struct writer *value)
{
    size_t start = value->len;
    enum err e = encode_into(enc, at, c, value);
    spare_keep_small(&enc->document);
    if (__builtin_expect(e == ERR_OK, 1))
        return ERR_OK;
    value->len = start;
    value->err = ERR_OK;
    if (e != ERR_TOO_LARGE && e != ERR_NO_ROOM)
        return e;
    if (value->fixed && value->cap < value->max)
        return ERR_NO_ROOM; /* in more memory it may fit */
    const struct avro_column *failed = enc->failed;
    struct rewrite m = {enc, at, c};
    e = spare_write(&enc->spare, at->fixed + AVRO_LONG_MAX + 16, value, write_again, &m);
    spare_keep_small(&enc->document);
    if (e == ERR_OK)
        return ERR_OK;
    value->len = start;
    value->err = ERR_OK;
    if (enc->failed == NULL)
        enc->failed = failed;
    return e;
}
