/* Finding where an image ends: what the reader thread does with every row. */
#include "mysqlproto/binlog/row_plan_int.h"

/*
 * The walks below count in a size_t instead of moving a pointer: lengths of
 * hostile images may add up far past the end, but not past 2^64, and one
 * comparison before each load is enough.
 */

static enum err cut(struct reader *r)
{
    reader_fail(r, ERR_TRUNCATED);
    return ERR_TRUNCATED;
}

/* All columns, none of them NULL. at: bytes of the NULL bitmap. */
static size_t walk_segments(const struct row_plan *p, const uint8_t *base, size_t left, size_t at)
{
    const struct row_segment *s = p->segments;
    const struct row_segment *last = s + p->segment_count - 1;
    for (; s < last; s++) {
        at += s->fixed;
        if (left < at + s->prefix)
            return SIZE_MAX;
        at += s->prefix + (size_t)row_prefix(base + at, s->prefix);
    }
    return at + last->fixed;
}

/*
 * Which values are NULL is hard to foresee, so a value of fixed size is passed
 * without a branch on it.
 */
static inline size_t pass_value(const struct row_op *op, bool null, const uint8_t *base,
                                size_t left, size_t at)
{
    if (!op->varies)
        return at + (op->size & ((size_t)null - 1));
    if (null)
        return at;
    if (left < at + op->size)
        return SIZE_MAX / 2; /* stays past the end when more is added */
    return at + op->size + row_prefix(base + at, op->size);
}

/* All columns, some of them NULL. */
static size_t walk_nulls(const struct row_plan *p, const uint8_t *base, size_t left, size_t at)
{
    for (uint32_t i = 0; i < p->count; i++)
        at = pass_value(&p->ops[i], row_bit(base, i), base, left, at);
    return at;
}

/* Some of the columns. */
static size_t walk_partial(const struct row_plan *p, const uint8_t *present, const uint8_t *base,
                           size_t left, size_t at)
{
    uint32_t bit = 0;
    for (uint32_t i = 0; i < p->count; i++)
        if (row_bit(present, i)) {
            at = pass_value(&p->ops[i], row_bit(base, bit), base, left, at);
            bit++;
        }
    return at;
}

enum err row_skip(const struct row_plan *p, const uint8_t *present, struct reader *r)
{
    const uint8_t *base = r->p;
    size_t left = reader_left(r);
    bool all = present == row_all_present;
    size_t nulls = all ? p->null_len : (row_present_count(p, present) + 7) / 8;
    if (left < nulls)
        return cut(r);
    size_t end;
    if (!all)
        end = walk_partial(p, present, base, left, nulls);
    else if (row_no_nulls(p, base))
        end = walk_segments(p, base, left, nulls);
    else
        end = walk_nulls(p, base, left, nulls);
    if (left < end)
        return cut(r);
    r->p += end;
    return ERR_OK;
}
