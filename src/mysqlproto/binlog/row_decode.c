/*
 * Images into cells: what lanes do with every row.
 *
 * There is one loop over whole images without NULLs, where one check covers a
 * run of values of fixed size, and one over all others, with a check a value.
 */
#include "mysqlproto/binlog/row_plan_int.h"

#include "mysqlproto/binlog/row_value.h"

static inline void put_i64(struct cell *c, int64_t v)
{
    c->kind = CELL_I64;
    c->i64 = v;
}

static inline void put_u64(struct cell *c, uint64_t v)
{
    c->kind = CELL_U64;
    c->u64 = v;
}

static inline void put_raw(struct cell *c, enum cell_kind kind, const uint8_t *p, size_t n)
{
    c->kind = kind;
    c->raw = (struct slice){p, n};
}

static inline int32_t signed24(const uint8_t *p)
{
    return (int32_t)(load_le24(p) << 8) >> 8;
}

/* BINARY, UUID, INET: the server cuts zero bytes off the end. */
static enum err padded(const struct row_op *op, struct slice v, struct row_scratch *s,
                       struct cell *c)
{
    if (v.len > op->pad)
        return ERR_MALFORMED;
    if (v.len == op->pad) {
        put_raw(c, CELL_BYTES, v.ptr, v.len);
        return ERR_OK;
    }
    uint8_t *full;
    TRY(row_scratch_get(s, op->pad, &full));
    memcpy(full, v.ptr, v.len);
    memset(full + v.len, 0, op->pad - v.len);
    put_raw(c, CELL_BYTES, full, op->pad);
    return ERR_OK;
}

/*
 * A value of a MariaDB COMPRESSED column (sql/field_comp.cc): nothing, or
 *
 *     0  method << 4 | raw << 3 | n   1   0: the bytes follow as they are; method 8: deflated
 *     1  expanded length              n   1 to 4 bytes, most significant first
 *     -  deflated bytes, without a zlib header if raw
 */
static enum err compressed(struct slice v, struct row_scratch *s, struct cell *c)
{
    if (v.len == 0 || v.ptr[0] == 0) {
        size_t skip = v.len > 0;
        put_raw(c, CELL_BYTES, v.ptr + skip, v.len - skip);
        return ERR_OK;
    }
    unsigned n = v.ptr[0] & 7;
    if (v.ptr[0] >> 4 != 8)
        return ERR_UNSUPPORTED;
    if (n == 0 || n > 4 || v.len < 1 + n)
        return ERR_MALFORMED;
    size_t len = (size_t)load_be(v.ptr + 1, n);
    if (len > s->max)
        return ERR_TOO_LARGE;
    uint8_t *out;
    TRY(row_scratch_get(s, len, &out));
    struct slice in = slice_of(v.ptr + 1 + n, v.len - 1 - n);
    TRY(binlog_inflate(&s->inflater, in, v.ptr[0] & 8, out, len));
    put_raw(c, CELL_BYTES, out, len);
    return ERR_OK;
}

/* op->size bytes are at p. */
static inline __attribute__((always_inline)) enum err fixed_value(const struct row_op *op,
                                                                  const uint8_t *p, struct cell *c)
{
    switch (op->code) {
    case ROW_NULL:
        c->kind = CELL_NULL;
        return ERR_OK;
    case ROW_I8:
        put_i64(c, (int8_t)p[0]);
        return ERR_OK;
    case ROW_U8:
        put_u64(c, p[0]);
        return ERR_OK;
    case ROW_I16:
        put_i64(c, (int16_t)load_le16(p));
        return ERR_OK;
    case ROW_U16:
        put_u64(c, load_le16(p));
        return ERR_OK;
    case ROW_I24:
        put_i64(c, signed24(p));
        return ERR_OK;
    case ROW_U24:
        put_u64(c, load_le24(p));
        return ERR_OK;
    case ROW_I32:
        put_i64(c, (int32_t)load_le32(p));
        return ERR_OK;
    case ROW_U32:
        put_u64(c, load_le32(p));
        return ERR_OK;
    case ROW_I64:
        put_i64(c, (int64_t)load_le64(p));
        return ERR_OK;
    case ROW_U64:
        put_u64(c, load_le64(p));
        return ERR_OK;
    case ROW_F32: {
        uint32_t bits = load_le32(p);
        c->kind = CELL_F32;
        memcpy(&c->f32, &bits, sizeof bits);
        return ERR_OK;
    }
    case ROW_F64: {
        uint64_t bits = load_le64(p);
        c->kind = CELL_F64;
        memcpy(&c->f64, &bits, sizeof bits);
        return ERR_OK;
    }
    case ROW_YEAR:
        put_u64(c, p[0] == 0 ? 0 : 1900u + p[0]);
        return ERR_OK;
    case ROW_DECIMAL:
        put_raw(c, CELL_DECIMAL, p, op->size);
        return ERR_OK;
    case ROW_BIT:
        put_u64(c, load_be(p, op->size));
        return ERR_OK;
    case ROW_DATE:
        return row_date(p, c);
    case ROW_TIME2:
        return row_time2(p, op->size, c);
    case ROW_DATETIME2:
        return row_datetime2(p, op->size, c);
    case ROW_TIMESTAMP2:
        return row_timestamp2(p, op->size, c);
    case ROW_TIME_OLD:
        return row_time_old(p, c);
    case ROW_DATETIME_OLD:
        return row_datetime_old(p, c);
    case ROW_TIMESTAMP_OLD:
        return row_stamp(c, load_le32(p), 0);
    case ROW_TIME_HIRES:
        return row_time_hires(p, op->size, op->fsp, c);
    case ROW_DATETIME_HIRES:
        return row_datetime_hires(p, op->size, op->fsp, c);
    case ROW_TIMESTAMP_HIRES:
        return row_timestamp_hires(p, op->size, op->fsp, c);
    default:
        return ERR_BUG;
    }
}

static inline __attribute__((always_inline)) enum err
varying_value(const struct row_op *op, struct slice v, struct row_scratch *s, struct cell *c)
{
    switch (op->code) {
    case ROW_BYTES:
        put_raw(c, CELL_BYTES, v.ptr, v.len);
        return ERR_OK;
    case ROW_BYTES_PADDED:
        return padded(op, v, s, c);
    case ROW_BYTES_COMPRESSED:
        return compressed(v, s, c);
    case ROW_JSON:
        put_raw(c, CELL_JSON, v.ptr, v.len);
        return ERR_OK;
    default:
        return ERR_BUG;
    }
}

/* One value at r->p, whose fixed part (value or length prefix) is known to be there. */
static inline __attribute__((always_inline)) enum err
value(const struct row_op *op, struct reader *r, struct row_scratch *s, struct cell *c)
{
    const uint8_t *p = r->p;
    r->p += op->size;
    if (!op->varies)
        return fixed_value(op, p, c);
    size_t n = row_prefix(p, op->size);
    if (__builtin_expect(n > reader_left(r), 0))
        return ERR_TRUNCATED;
    struct slice v = {r->p, n};
    r->p += n;
    return varying_value(op, v, s, c);
}

static enum err decode_whole(const struct row_plan *p, struct reader *r, struct row_scratch *s,
                             struct cell *cells)
{
    const struct row_op *op = p->ops, *end = op + p->count;
    for (; op < end; op++, cells++) {
        if (op->need > reader_left(r))
            return ERR_TRUNCATED;
        TRY(value(op, r, s, cells));
    }
    return ERR_OK;
}

static enum err checked_value(const struct row_op *op, struct reader *r, struct row_scratch *s,
                              struct cell *c)
{
    if (op->size > reader_left(r))
        return ERR_TRUNCATED;
    return value(op, r, s, c);
}

static enum err decode_nulls(const struct row_plan *p, const uint8_t *nulls, struct reader *r,
                             struct row_scratch *s, struct cell *cells)
{
    for (uint32_t i = 0; i < p->count; i++) {
        if (row_bit(nulls, i))
            cells[i].kind = CELL_NULL;
        else
            TRY(checked_value(&p->ops[i], r, s, &cells[i]));
    }
    return ERR_OK;
}

static enum err decode_partial(const struct row_plan *p, const uint8_t *present,
                               const uint8_t *nulls, struct reader *r, struct row_scratch *s,
                               struct cell *cells)
{
    uint32_t bit = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        if (!row_bit(present, i))
            cells[i].kind = CELL_ABSENT;
        else if (row_bit(nulls, bit++))
            cells[i].kind = CELL_NULL;
        else
            TRY(checked_value(&p->ops[i], r, s, &cells[i]));
    }
    return ERR_OK;
}

static enum err decode(const struct row_plan *p, const uint8_t *present, struct reader *r,
                       struct row_scratch *s, struct cell *cells)
{
    const uint8_t *nulls = r->p;
    bool all = present == row_all_present;
    uint32_t null_len = all ? p->null_len : (row_present_count(p, present) + 7) / 8;
    if (null_len > reader_left(r))
        return ERR_TRUNCATED;
    r->p += null_len;
    if (!all)
        return decode_partial(p, present, nulls, r, s, cells);
    return row_no_nulls(p, nulls) ? decode_whole(p, r, s, cells)
                                  : decode_nulls(p, nulls, r, s, cells);
}

enum err row_decode(const struct row_plan *p, const uint8_t *present, struct reader *r,
                    struct row_scratch *s, struct cell *cells)
{
    struct reader at = *r; /* a copy of its own stays in registers */
    enum err e = decode(p, present, &at, s, cells);
    if (e != ERR_OK)
        reader_fail(r, e);
    else
        r->p = at.p;
    return e;
}

/* Moves r to the value of a column, past all the values in between. */
static enum err pass(const struct row_op *op, struct reader *r)
{
    size_t n = op->size;
    if (n > reader_left(r))
        return ERR_TRUNCATED;
    if (op->varies)
        n += row_prefix(r->p, op->size);
    if (n > reader_left(r))
        return ERR_TRUNCATED;
    r->p += n;
    return ERR_OK;
}

/* Columns of an image without NULLs: whole segments are stepped over. */
static enum err columns_whole(const struct row_plan *p, struct reader *r, const uint16_t *columns,
                              uint32_t n, struct row_scratch *s, struct cell *cells)
{
    uint32_t segment = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct row_place *to = &p->places[columns[i]];
        for (; segment < to->segment; segment++) {
            const struct row_segment *seg = &p->segments[segment];
            if (seg->fixed + seg->prefix > reader_left(r))
                return ERR_TRUNCATED;
            r->p += seg->fixed;
            size_t len = row_prefix(r->p, seg->prefix);
            r->p += seg->prefix;
            if (len > reader_left(r))
                return ERR_TRUNCATED;
            r->p += len;
        }
        struct reader at = *r; /* r stays at the segment's start */
        if (to->offset > reader_left(&at))
            return ERR_TRUNCATED;
        at.p += to->offset;
        TRY(checked_value(&p->ops[columns[i]], &at, s, &cells[i]));
    }
    return ERR_OK;
}

static enum err columns_other(const struct row_plan *p, const uint8_t *present,
                              const uint8_t *nulls, struct reader *r, const uint16_t *columns,
                              uint32_t n, struct row_scratch *s, struct cell *cells)
{
    uint32_t bit = 0, next = 0;
    for (uint32_t i = 0; i < p->count && next < n; i++) {
        bool here = row_bit(present, i);
        bool null = here && row_bit(nulls, bit++);
        if (columns[next] != i) {
            if (here && !null)
                TRY(pass(&p->ops[i], r));
            continue;
        }
        struct cell *c = &cells[next++];
        if (!here || null)
            c->kind = here ? CELL_NULL : CELL_ABSENT;
        else
            TRY(checked_value(&p->ops[i], r, s, c));
    }
    return next == n ? ERR_OK : ERR_BUG;
}

enum err row_decode_columns(const struct row_plan *p, const uint8_t *present, struct slice image,
                            const uint16_t *columns, uint32_t n, struct row_scratch *s,
                            struct cell *cells)
{
    struct reader r = reader_of(image);
    const uint8_t *nulls = r.p;
    bool all = present == row_all_present;
    uint32_t null_len = all ? p->null_len : (row_present_count(p, present) + 7) / 8;
    if (null_len > reader_left(&r))
        return ERR_TRUNCATED;
    r.p += null_len;
    if (all && row_no_nulls(p, nulls))
        return columns_whole(p, &r, columns, n, s, cells);
    return columns_other(p, present, nulls, &r, columns, n, s, cells);
}
