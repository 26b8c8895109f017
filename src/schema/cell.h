/*
 * A cell: one value of one row, decoded but not formatted.
 *
 * Both phases make cells: the stream from row images, the full copy from
 * binary result sets. The encoders and the rules read nothing else, so the two
 * phases cannot show a value differently. A cell does not say what column it
 * belongs to; text functions take the struct column beside it.
 *
 * Slices in a cell are borrowed from the frame of its row.
 */
#pragma once

#include "base/slice.h"

enum cell_kind {
    CELL_ABSENT,   /* not in this row image (binlog_row_image MINIMAL, NOBLOB) */
    CELL_NULL,     /* SQL NULL */
    CELL_I64,      /* signed integer types */
    CELL_U64,      /* unsigned integer types, BIT, ENUM index, SET bitmap, YEAR (0 or 1901..2155) */
    CELL_F32,      /* FLOAT */
    CELL_F64,      /* DOUBLE */
    CELL_DECIMAL,  /* raw: MySQL's packed decimal of the column's precision and scale */
    CELL_DATE,     /* civil: year, month, day */
    CELL_DATETIME, /* civil: all but negative */
    CELL_TIME,     /* civil: negative, hour (to 838), minute, second, us */
    CELL_TIMESTAMP, /* stamp: UTC; seconds and us both 0 is '0000-00-00 00:00:00' */
    CELL_BYTES,     /* raw: text in the column's character set, or binary; BINARY(n), UUID and
                       INET are already padded to their full length */
    CELL_JSON,      /* raw: MySQL's binary JSON, type byte first; empty is JSON null */
    CELL_TEXT,      /* raw: finished UTF-8 text (DECIMAL, JSON, ENUM, SET of a result set) */
};

/* Calendar fields as stored: zero parts and 31 February stay what they are. */
struct civil {
    uint32_t us;
    uint16_t year;
    uint16_t hour;
    uint8_t month;
    uint8_t day;
    uint8_t minute;
    uint8_t second;
    bool negative;
};

struct stamp {
    uint32_t seconds; /* since 1970, UTC, unsigned to 2106 */
    uint32_t us;
};

struct cell {
    enum cell_kind kind;
    union {
        int64_t i64;
        uint64_t u64;
        float f32;
        double f64;
        struct civil civil;
        struct stamp stamp;
        struct slice raw;
    };
};

static inline bool civil_equal(const struct civil *a, const struct civil *b)
{
    return a->us == b->us && a->year == b->year && a->hour == b->hour && a->month == b->month &&
           a->day == b->day && a->minute == b->minute && a->second == b->second &&
           a->negative == b->negative;
}

/*
 * Whether two cells of one column show the same. Floating-point numbers by
 * their bits: 0 and -0 have different texts.
 */
static inline bool cell_equal(const struct cell *a, const struct cell *b)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case CELL_ABSENT:
    case CELL_NULL:
        return true;
    case CELL_I64:
    case CELL_U64:
    case CELL_F64:
        return a->u64 == b->u64;
    case CELL_F32:
        return memcmp(&a->f32, &b->f32, sizeof(a->f32)) == 0;
    case CELL_DATE:
    case CELL_DATETIME:
    case CELL_TIME:
        return civil_equal(&a->civil, &b->civil);
    case CELL_TIMESTAMP:
        return a->stamp.seconds == b->stamp.seconds && a->stamp.us == b->stamp.us;
    case CELL_DECIMAL:
    case CELL_BYTES:
    case CELL_JSON:
    case CELL_TEXT:
        return slice_eq(a->raw, b->raw);
    }
    return false;
}
