/*
 * Dates and times as one number each, so that they compare as numbers.
 *
 * From the top: year * 13 + month (17 bits), day 5, hour 5, minute 6,
 * second 6, microsecond 24; a TIME has its hours where the date is and may be
 * negative. It is the server's own order: a DATE is a DATETIME at midnight.
 *
 * Private to this room; pure functions.
 */
#pragma once

#include "base/slice.h"
#include "schema/cell.h"

static inline int64_t temporal_pack(const struct civil *c)
{
    int64_t date = ((int64_t)c->year * 13 + c->month) << 5 | c->day;
    int64_t time = (int64_t)c->hour << 12 | (int64_t)c->minute << 6 | c->second;
    return (date << 17 | time) << 24 | c->us;
}

static inline void temporal_unpack(int64_t v, struct civil *c)
{
    int64_t date = v >> 41, time = v >> 24 & 0x1FFFF;
    *c = (struct civil){
        .us = (uint32_t)(v & 0xFFFFFF),
        .year = (uint16_t)((date >> 5) / 13),
        .hour = (uint16_t)(time >> 12),
        .month = (uint8_t)((date >> 5) % 13),
        .day = (uint8_t)(date & 31),
        .minute = (uint8_t)(time >> 6 & 63),
        .second = (uint8_t)(time & 63),
    };
}

static inline int64_t temporal_pack_time(const struct civil *c)
{
    int64_t v = ((int64_t)c->hour << 12 | (int64_t)c->minute << 6 | c->second) << 24 | c->us;
    return c->negative ? -v : v;
}

static inline void temporal_unpack_time(int64_t v, struct civil *c)
{
    bool negative = v < 0;
    v = negative ? -v : v;
    *c = (struct civil){
        .us = (uint32_t)(v & 0xFFFFFF),
        .hour = (uint16_t)(v >> 36 & 1023),
        .minute = (uint8_t)(v >> 30 & 63),
        .second = (uint8_t)(v >> 24 & 63),
        .negative = negative,
    };
}

/* A day that the Gregorian calendar has, in the years 0 to 9999. */
bool temporal_is_real(const struct civil *c);

/* Seconds since 1970 of calendar fields, taken as UTC; and back. The fraction is left alone. */
int64_t temporal_seconds(const struct civil *c);
bool temporal_of_seconds(int64_t seconds,
                         struct civil *out); /* false: not in the years 0 to 9999 */

/*
 * A literal: "2024-01-31", "2024-01-31 10:11[:12[.123456]]" (a T may stand
 * for the space), "20240131", "20240131101112", and the zero date. Other
 * spellings that the server takes are refused, for their meaning has changed
 * from version to version. *has_time: more than a date was written.
 */
bool temporal_parse(struct slice text, struct civil *out, bool *has_time, unsigned *fsp);

/* "[-]H:MM[:SS[.123456]]", up to 838 hours. */
bool temporal_parse_time(struct slice text, struct civil *out, unsigned *fsp);
