/* What a row plan is made of: between row_plan.c, row_skip.c and row_decode.c. */
#pragma once

#include "mysqlproto/binlog/row_plan.h"

/* How to read one value. Dense, so that the switch over it is a jump table. */
enum row_code {
    ROW_NULL, /* no bytes */
    ROW_I8,
    ROW_U8,
    ROW_I16,
    ROW_U16,
    ROW_I24,
    ROW_U24,
    ROW_I32,
    ROW_U32,
    ROW_I64,
    ROW_U64,
    ROW_F32,
    ROW_F64,
    ROW_YEAR,
    ROW_DECIMAL,
    ROW_BIT,
    ROW_DATE,
    ROW_TIME2,
    ROW_DATETIME2,
    ROW_TIMESTAMP2,
    ROW_TIME_OLD,
    ROW_DATETIME_OLD,
    ROW_TIMESTAMP_OLD,
    ROW_TIME_HIRES,
    ROW_DATETIME_HIRES,
    ROW_TIMESTAMP_HIRES,
    /* From here on a length goes before the bytes. */
    ROW_BYTES,
    ROW_BYTES_PADDED,
    ROW_BYTES_COMPRESSED,
    ROW_JSON,
};

struct row_op {
    uint8_t code; /* enum row_code */
    uint8_t size; /* bytes of the value, or of its length prefix */
    uint8_t fsp;  /* temporal: fraction digits */
    bool varies;  /* a length prefix and as many bytes */
    uint16_t pad; /* ROW_BYTES_PADDED: the full length */
    /*
     * For images without NULLs: at the first value of a run of values of fixed
     * size, the bytes of the run and of the length prefix after it; 0 inside
     * the run. One check per run stands for all of its values.
     */
    uint32_t need;
};

/* A run of values of fixed size and the value of varying size after it. */
struct row_segment {
    uint32_t fixed;  /* bytes before the length prefix */
    uint32_t prefix; /* bytes of the prefix; 0: the end of the image */
};

/* Where a column is found in an image without NULLs. */
struct row_place {
    uint32_t segment;
    uint32_t offset; /* from the segment's start */
};

struct row_plan {
    uint32_t count;
    uint32_t null_len; /* bytes of the NULL bitmap of a whole image */
    uint8_t null_mask; /* the bits of its last byte that mean something */
    uint32_t json_count;
    uint32_t segment_count;
    struct row_op *ops;
    struct row_segment *segments;
    struct row_place *places;
};

static inline bool row_bit(const uint8_t *bits, uint32_t i)
{
    return bits[i / 8] >> (i % 8) & 1;
}

/* Whether a whole image has no NULL. The bitmap is there in full. */
static inline bool row_no_nulls(const struct row_plan *p, const uint8_t *nulls)
{
    uint32_t last = p->null_len - 1;
    uint8_t any = nulls[last] & p->null_mask;
    for (uint32_t i = 0; i < last; i++)
        any |= nulls[i];
    return any == 0;
}

/* The length that a prefix of n = 1 to 4 bytes holds. */
static inline uint32_t row_prefix(const uint8_t *p, unsigned n)
{
    switch (n) {
    case 1:
        return p[0];
    case 2:
        return load_le16(p);
    case 3:
        return load_le24(p);
    default:
        return load_le32(p);
    }
}

/* How many columns are present. */
static inline uint32_t row_present_count(const struct row_plan *p, const uint8_t *present)
{
    uint32_t n = 0, full = p->count / 8;
    for (uint32_t i = 0; i < full; i++)
        n += (uint32_t)__builtin_popcount(present[i]);
    if (p->count % 8 != 0)
        n += (uint32_t)__builtin_popcount(present[full] & p->null_mask);
    return n;
}
