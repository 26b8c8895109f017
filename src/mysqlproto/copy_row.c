/*
 * Binary rows into cells:
 *
 *     header       1   0x00
 *     NULL bitmap  (columns + 9) / 8   bit of column i is i + 2
 *     values       of the columns that are not NULL, one behind the other
 *
 * As with row images there is one loop for rows without NULLs, where one check
 * covers a run of values of fixed size, and one for all others.
 */
#include "mysqlproto/copy_plan_int.h"

#include "mysqlproto/binary_value.h"
#include "schema/cell_text.h"

#define LENENC_LONG 0xFB /* from here on the first byte is no length itself */

#define INLINE static inline __attribute__((always_inline))

static bool is_null(const uint8_t *nulls, uint32_t i)
{
    i += COPY_NULL_BIT_OFFSET;
    return nulls[i / 8] >> (i % 8) & 1;
}

static bool no_nulls(const struct copy_plan *p, const uint8_t *nulls)
{
    uint8_t any = 0;
    for (uint32_t i = 0; i < p->nulls_len; i++)
        any |= nulls[i];
    return any == 0; /* a bit without a column makes the row take the longer way, no more */
}

/* op->size bytes are at v. */
INLINE void fixed_value(const struct copy_op *op, const uint8_t *v, struct cell *c)
{
    c->kind = CELL_I64;
    switch (op->code) {
    case COPY_I8:
        c->i64 = (int8_t)v[0];
        return;
    case COPY_I16:
        c->i64 = (int16_t)load_le16(v);
        return;
    case COPY_I32:
        c->i64 = (int32_t)load_le32(v);
        return;
    case COPY_I64:
        c->i64 = (int64_t)load_le64(v);
        return;
    default:
        break;
    }
    c->kind = CELL_U64;
    switch (op->code) {
    case COPY_U8:
        c->u64 = v[0];
        return;
    case COPY_U16:
        c->u64 = load_le16(v);
        return;
    case COPY_U32:
        c->u64 = load_le32(v);
        return;
    case COPY_U64:
        c->u64 = load_le64(v);
        return;
    case COPY_F32: {
        uint32_t bits = load_le32(v);
        c->kind = CELL_F32;
        memcpy(&c->f32, &bits, sizeof bits);
        return;
    }
    default: {
        uint64_t bits = load_le64(v);
        c->kind = CELL_F64;
        memcpy(&c->f64, &bits, sizeof bits);
        return;
    }
    }
}

static enum err decimal(const struct copy_op *op, struct slice v, struct row_scratch *s,
                        struct cell *c)
{
    uint8_t *packed;
    TRY(row_scratch_get(s, op->pad, &packed));
    if (!cell_decimal_pack(v, op->precision, op->scale, packed))
        return ERR_MALFORMED;
    c->kind = CELL_DECIMAL;
    c->raw = slice_of(packed, op->pad);
    return ERR_OK;
}

/* The server sends BINARY(n) and the rest in full; shorter is padded as in row images. */
static enum err padded(const struct copy_op *op, struct slice v, struct row_scratch *s,
                       struct cell *c)
{
    uint8_t *full;
    c->kind = CELL_BYTES;
    c->raw = v;
    if (v.len == op->pad)
        return ERR_OK;
    if (v.len > op->pad)
        return ERR_MALFORMED;
    TRY(row_scratch_get(s, op->pad, &full));
    memcpy(full, v.ptr, v.len);
    memset(full + v.len, 0, op->pad - v.len);
    c->raw = slice_of(full, op->pad);
    return ERR_OK;
}

INLINE enum err varying_value(const struct copy_op *op, struct slice v, struct row_scratch *s,
                              struct cell *c)
{
    switch (op->code) {
    case COPY_BYTES:
        c->kind = CELL_BYTES;
        c->raw = v;
        return ERR_OK;
    case COPY_TEXT:
        c->kind = CELL_TEXT;
        c->raw = v;
        return ERR_OK;
    case COPY_DATE:
        if (v.len > 4)
            return ERR_MALFORMED;
        return binary_date(v, CELL_DATE, c);
    case COPY_DATETIME:
        return binary_date(v, CELL_DATETIME, c);
    case COPY_TIME:
        return binary_time(v, c);
    case COPY_TIMESTAMP:
        return binary_timestamp(v, c);
    case COPY_DECIMAL:
        return decimal(op, v, s, c);
    case COPY_BIT:
        if (v.len > 8)
            return ERR_MALFORMED;
        c->kind = CELL_U64;
        c->u64 = load_be(v.ptr, (unsigned)v.len);
        return ERR_OK;
    case COPY_PADDED:
        return padded(op, v, s, c);
    default:
        return ERR_BUG;
    }
}

/* The length whose first byte, at r->p - 1, is none. */
static enum err long_length(struct reader *r, size_t *n)
{
    uint64_t len;
    r->p--;
    len = reader_lenenc(r);
    TRY(reader_finish(r));
    if (len > reader_left(r))
        return ERR_TRUNCATED;
    *n = (size_t)len;
    return ERR_OK;
}

/* A value with a length, behind the length's first byte. */
INLINE enum err take_varying(struct reader *r, uint8_t first, struct slice *v)
{
    size_t n = first;
    if (__builtin_expect(first >= LENENC_LONG, 0))
        TRY(long_length(r, &n));
    if (__builtin_expect(n > reader_left(r), 0))
        return ERR_TRUNCATED;
    *v = (struct slice){r->p, n};
    r->p += n;
    return ERR_OK;
}

/* One value at r->p, of which op->size bytes are known to be there. */
INLINE enum err value(const struct copy_op *op, struct reader *r, struct row_scratch *s,
                      struct cell *c)
{
    const uint8_t *p = r->p;
    struct slice v;
    r->p += op->size;
    if (op->code < COPY_DATE) {
        fixed_value(op, p, c);
        return ERR_OK;
    }
    TRY(take_varying(r, p[0], &v));
    return varying_value(op, v, s, c);
}

static enum err checked_value(const struct copy_op *op, struct reader *r, struct row_scratch *s,
                              struct cell *c)
{
    return op->size > reader_left(r) ? ERR_TRUNCATED : value(op, r, s, c);
}

/* The header and the bitmap, which *nulls is set to. */
static enum err open_row(const struct copy_plan *p, struct slice packet, struct reader *r,
                         const uint8_t **nulls)
{
    *r = reader_of(packet);
    if (packet.len < 1 + (size_t)p->nulls_len)
        return ERR_TRUNCATED;
    if (packet.ptr[0] != 0)
        return ERR_PROTOCOL;
    *nulls = packet.ptr + 1;
    r->p += 1 + (size_t)p->nulls_len;
    return ERR_OK;
}

static enum err decode_whole(const struct copy_plan *p, struct reader *r, struct row_scratch *s,
                             struct cell *cells)
{
    const struct copy_op *op = p->ops, *end = op + p->count;
    for (; op < end; op++) {
        if (op->need > reader_left(r))
            return ERR_TRUNCATED;
        TRY(value(op, r, s, &cells[op->column]));
    }
    return ERR_OK;
}

static enum err decode_nulls(const struct copy_plan *p, const uint8_t *nulls, struct reader *r,
                             struct row_scratch *s, struct cell *cells)
{
    for (uint32_t i = 0; i < p->count; i++) {
        const struct copy_op *op = &p->ops[i];
        if (is_null(nulls, i))
            cells[op->column].kind = CELL_NULL;
        else
            TRY(checked_value(op, r, s, &cells[op->column]));
    }
    return ERR_OK;
}

enum err copy_row_decode(const struct copy_plan *p, struct slice packet, struct row_scratch *s,
                         struct cell *cells)
{
    struct reader r;
    const uint8_t *nulls;
    TRY(open_row(p, packet, &r, &nulls));
    for (uint32_t i = 0; i < p->absent_count; i++)
        cells[p->absent[i]].kind = CELL_ABSENT;
    TRY(no_nulls(p, nulls) ? decode_whole(p, &r, s, cells) : decode_nulls(p, nulls, &r, s, cells));
    return reader_left(&r) == 0 ? ERR_OK : ERR_MALFORMED;
}

/* Moves r past a value. */
static enum err pass(const struct copy_op *op, struct reader *r)
{
    const uint8_t *p = r->p;
    struct slice v;
    if (op->size > reader_left(r))
        return ERR_TRUNCATED;
    r->p += op->size;
    return op->code < COPY_DATE ? ERR_OK : take_varying(r, p[0], &v);
}

/* The place in columns of the column that stands at a place of the result; n: none. */
static uint32_t wanted_as(const uint16_t *columns, uint32_t n, uint16_t column)
{
    uint32_t i = 0;
    while (i < n && columns[i] != column)
        i++;
    return i;
}

enum err copy_row_decode_columns(const struct copy_plan *p, struct slice packet,
                                 const uint16_t *columns, uint32_t n, struct row_scratch *s,
                                 struct cell *cells)
{
    struct reader r;
    const uint8_t *nulls;
    uint32_t left = n;
    TRY(open_row(p, packet, &r, &nulls));
    for (uint32_t i = 0; i < p->count && left > 0; i++) {
        const struct copy_op *op = &p->ops[i];
        uint32_t at = wanted_as(columns, n, op->column);
        bool null = is_null(nulls, i);
        if (at == n) {
            if (!null)
                TRY(pass(op, &r));
            continue;
        }
        left--;
        if (null)
            cells[at].kind = CELL_NULL;
        else
            TRY(checked_value(op, &r, s, &cells[at]));
    }
    return left == 0 ? ERR_OK : ERR_BUG;
}
