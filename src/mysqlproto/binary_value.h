/*
 * Dates and times of binary protocol rows ("Binary Protocol Value", MySQL
 * source docs): a length byte, then that many bytes, which are given here.
 * Trailing parts that are zero are left out; fields are checked against their
 * largest values, as those of row images are (binlog/row_value.h).
 */
#pragma once

#include "base/reader.h"
#include "mysqlproto/binlog/row_value.h"
#include "schema/cell.h"

/* 0, 4, 7 or 11 bytes: year 2, month, day, [hour, minute, second, [microseconds 4]] */
static inline bool binary_civil(struct slice v, struct civil *out)
{
    struct civil c = {0};
    const uint8_t *p = v.ptr;
    if (v.len != 0 && v.len != 4 && v.len != 7 && v.len != 11)
        return false;
    if (v.len >= 4) {
        c.year = load_le16(p);
        c.month = p[2];
        c.day = p[3];
    }
    if (v.len >= 7) {
        c.hour = p[4];
        c.minute = p[5];
        c.second = p[6];
    }
    if (v.len == 11)
        c.us = load_le32(p + 7);
    *out = c;
    return true;
}

static inline enum err binary_date(struct slice v, enum cell_kind kind, struct cell *cell)
{
    struct civil c;
    return binary_civil(v, &c) ? row_civil(cell, kind, c) : ERR_MALFORMED;
}

/* 0, 8 or 12 bytes: negative 1, days 4, hour, minute, second, [microseconds 4] */
static inline enum err binary_time(struct slice v, struct cell *cell)
{
    struct civil c = {0};
    const uint8_t *p = v.ptr;
    if (v.len != 0 && v.len != 8 && v.len != 12)
        return ERR_MALFORMED;
    if (v.len >= 8) {
        uint64_t hours = (uint64_t)load_le32(p + 1) * 24 + p[5];
        if (hours > 838)
            return ERR_MALFORMED;
        c.negative = p[0] != 0;
        c.hour = (uint16_t)hours;
        c.minute = p[6];
        c.second = p[7];
    }
    if (v.len == 12)
        c.us = load_le32(p + 8);
    return row_civil(cell, CELL_TIME, c);
}

/* Days from 1970-01-01 to a day of the Gregorian calendar (Hinnant's days_from_civil). */
static inline int64_t binary_days(unsigned year, unsigned m, unsigned d)
{
    unsigned y = year - (m <= 2); /* at least 1969 where the result is used */
    unsigned era = y / 400;
    unsigned yoe = y - era * 400;
    unsigned doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
    unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return (int64_t)era * 146097 + (int64_t)doe - 719468;
}

/* The same bytes as a date, of an instant in UTC; all zero is the zero stamp. */
static inline enum err binary_timestamp(struct slice v, struct cell *cell)
{
    struct cell date;
    TRY(binary_date(v, CELL_DATETIME, &date));
    const struct civil *c = &date.civil;
    cell->kind = CELL_TIMESTAMP;
    cell->stamp = (struct stamp){0};
    if (c->year == 0 && c->month == 0 && c->day == 0)
        return ERR_OK;
    if (c->year < 1970 || c->month == 0 || c->day == 0)
        return ERR_MALFORMED;
    int64_t s = binary_days(c->year, c->month, c->day) * 86400 + c->hour * 3600 + c->minute * 60 +
                c->second;
    if (s > UINT32_MAX)
        return ERR_MALFORMED;
    cell->stamp = (struct stamp){(uint32_t)s, c->us};
    return ERR_OK;
}
