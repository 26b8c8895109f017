#include "encode/canal_json.h"

#include "base/number.h"
#include "encode/canal_int.h"
#include "encode/spare.h"

#include <stdlib.h>

struct canal_json *canal_json_new(const struct canal_options *o, const struct zone *zone)
{
    struct canal_json *enc = calloc(1, sizeof *enc);
    if (enc == NULL)
        return NULL;
    enc->escape = json_escape_best();
    enc->options = *o;
    enc->zone = zone;
    return enc;
}

void canal_json_free(struct canal_json *enc)
{
    if (enc == NULL)
        return;
    writer_fini(&enc->document);
    writer_fini(&enc->scratch);
    writer_fini(&enc->spare);
    free(enc);
}

const char *canal_json_failed_column(const struct canal_json *enc)
{
    return enc->failed != NULL ? enc->failed->source_name : NULL;
}

uint64_t canal_json_replaced(const struct canal_json *enc)
{
    return enc->replaced;
}

uint8_t *canal_more_room(struct canal_json *enc, uint8_t *p, size_t n)
{
    struct writer *w = enc->w;
    w->len = (size_t)(p - w->base);
    if (!writer_reserve(w, n + enc->fixed))
        return canal_fail(enc, w->err);
    enc->end = w->base + w->cap;
    return writer_tail(w);
}

static uint8_t *put_cell(struct canal_json *enc, const struct canal_column *cc,
                         const struct cell *cell, uint8_t *p)
{
    p = encode_constant(p, cc->name);
    if (__builtin_expect(cell->kind == cc->kind, 1))
        p = cc->put(enc, cc, cell, p);
    else
        p = canal_put_other(enc, cc, cell, p);
    if (__builtin_expect(p == NULL, 0))
        enc->failed = cc;
    return p;
}

/*
 * Makes an object of the members put since `start`, each with a comma before
 * it: the first comma becomes the brace.
 */
static uint8_t *close_object(struct canal_json *enc, size_t start, uint8_t *p)
{
    uint8_t *first = enc->w->base + start;
    if (p == first)
        p++;
    *first = '{';
    *p = '}';
    return p + 1;
}

/* other: where to take cells from that are absent; may be NULL. */
static uint8_t *put_row(struct canal_json *enc, const struct canal_table *ct,
                        const struct cell *cells, const struct cell *other, uint8_t *p)
{
    size_t start = (size_t)(p - enc->w->base);
    const struct canal_column *end = ct->columns + ct->column_count;
    for (const struct canal_column *cc = ct->columns; cc < end; cc++) {
        const struct cell *cell = &cells[cc->index];
        if (__builtin_expect(cell->kind == CELL_ABSENT, 0)) {
            if (other == NULL || other[cc->index].kind == CELL_ABSENT)
                continue;
            cell = &other[cc->index];
        }
        if ((p = put_cell(enc, cc, cell, p)) == NULL)
            return NULL;
    }
    return close_object(enc, start, p);
}

/* The before values of the columns that both images have and that differ. */
static uint8_t *put_old(struct canal_json *enc, const struct canal_table *ct,
                        const struct change *c, uint8_t *p)
{
    size_t start = (size_t)(p - enc->w->base);
    const struct canal_column *end = ct->columns + ct->column_count;
    for (const struct canal_column *cc = ct->columns; cc < end; cc++) {
        const struct cell *before = &c->before[cc->index];
        const struct cell *after = &c->after[cc->index];
        if (cell_equal(before, after) || before->kind == CELL_ABSENT || after->kind == CELL_ABSENT)
            continue;
        if ((p = put_cell(enc, cc, before, p)) == NULL)
            return NULL;
    }
    return close_object(enc, start, p);
}

static uint8_t *put_gtid(struct canal_json *enc, struct slice gtid, uint8_t *p)
{
    static const char lead[] = ",\"gtid\":\"";
    size_t n = sizeof lead - 1;
    if ((p = canal_room(enc, p, n + JSON_ESCAPE_ROOM(gtid.len) + 1)) == NULL)
        return NULL;
    memcpy(p, lead, n);
    if ((p = enc->escape->utf8(p + n, gtid.ptr, gtid.len)) == NULL)
        return canal_fail(enc, ERR_BAD_TEXT);
    *p = '"';
    return p + 1;
}

/* "data" up to "id": what all kinds of change begin with. */
static uint8_t *put_first_part(struct canal_json *enc, const struct canal_table *ct,
                               const struct change *c, uint8_t *p)
{
    static const char lead[] = "{\"data\":[";
    memcpy(p, lead, sizeof lead - 1);
    p += sizeof lead - 1;
    if (c->op == CHANGE_DELETE)
        p = put_row(enc, ct, c->before, NULL, p);
    else
        p = put_row(enc, ct, c->after, c->op == CHANGE_UPDATE ? c->before : NULL, p);
    if (p == NULL)
        return NULL;
    p = number_u64(encode_constant(p, ct->after_data), c->es_ms);
    if (enc->options.gtid && c->gtid.len > 0 && (p = put_gtid(enc, c->gtid, p)) == NULL)
        return NULL;
    static const char id[] = ",\"id\":";
    memcpy(p, id, sizeof id - 1);
    return number_u64(p + sizeof id - 1, c->id);
}

static uint8_t *put_change(struct canal_json *enc, const struct canal_table *ct,
                           const struct change *c, uint8_t *p)
{
    if ((p = put_first_part(enc, ct, c, p)) == NULL)
        return NULL;
    if (c->op == CHANGE_UPDATE) {
        p = put_old(enc, ct, c, encode_constant(p, ct->update_types));
        if (p == NULL)
            return NULL;
        p = encode_constant(p, ct->update_rest);
    } else {
        p = encode_constant(p, c->op == CHANGE_DELETE ? ct->delete_rest : ct->insert_rest);
    }
    return encode_constant(number_u64(p, c->ts_ms), ct->tail[c->op]);
}

static enum err encode_into(struct canal_json *enc, const struct canal_table *ct,
                            const struct change *c, struct writer *w)
{
    enc->err = ERR_OK;
    enc->failed = NULL;
    if (!writer_reserve(w, ct->fixed))
        return w->err;
    enc->w = w;
    enc->end = w->base + w->cap;
    enc->fixed = ct->fixed;
    /* What is not escaped yet cannot be longer than all; a piece more is asked for in vain. */
    enc->document.max = enc->scratch.max = spare_sum(w->max, CANAL_PIECE);
    uint8_t *p = put_change(enc, ct, c, writer_tail(w));
    if (p == NULL)
        return enc->err;
    w->len = (size_t)(p - w->base);
    /* The memory may be larger than the limit. */
    return w->len <= w->max ? ERR_OK : ERR_TOO_LARGE;
}

/* A change to be written once more, for spare_write(). */
struct rewrite {
    struct canal_json *enc;
    const struct canal_table *ct;
    const struct change *c;
};

static enum err write_again(void *arg, struct writer *w)
{
    const struct rewrite *m = arg;
    return encode_into(m->enc, m->ct, m->c, w);
}

enum err canal_json_encode(struct canal_json *enc, const struct canal_table *ct,
                           const struct change *c, struct writer *value)
{
    size_t start = value->len;
    enum err e = encode_into(enc, ct, c, value);
    spare_keep_small(&enc->document);
    spare_keep_small(&enc->scratch);
    if (__builtin_expect(e == ERR_OK, 1))
        return ERR_OK;
    value->len = start;
    value->err = ERR_OK;
    if (e != ERR_TOO_LARGE && e != ERR_NO_ROOM)
        return e;
    if (value->fixed && value->cap < value->max)
        return ERR_NO_ROOM; /* in more memory it may fit */
    const struct canal_column *failed = enc->failed;
    struct rewrite m = {enc, ct, c};
    e = spare_write(&enc->spare, ct->fixed + JSON_ESCAPE_ROOM(CANAL_PIECE) + 16, value, write_again,
                    &m);
    spare_keep_small(&enc->document);
    spare_keep_small(&enc->scratch);
    if (e == ERR_OK)
        return ERR_OK;
    value->len = start;
    value->err = ERR_OK;
    if (enc->failed == NULL)
        enc->failed = failed;
    return e;
}
