/*
 * Single values of row images into cells. Each function has all bytes of the
 * value at p. Forms: sql/field.cc and mysys/my_time.cc (MySQL source docs);
 * MariaDB's high-resolution forms: sql/field.cc, sql/compat56.cc.
 *
 * Fields of dates and times are checked against their largest values, so that
 * text functions may rely on them; whether the date is in the calendar is not
 * their business ('2024-02-31' can be stored).
 */
#pragma once

#include "base/reader.h"
#include "schema/cell.h"

static const uint32_t row_pow10[7] = {1, 10, 100, 1000, 10000, 100000, 1000000};

static inline enum err row_civil(struct cell *c, enum cell_kind kind, struct civil v)
{
    c->kind = kind;
    c->civil = v;
    bool ok = v.year <= 9999 && v.month <= 12 && v.day <= 31 && v.minute <= 59 && v.second <= 59 &&
              v.us <= 999999 && v.hour <= (kind == CELL_TIME ? 838 : 23);
    return ok ? ERR_OK : ERR_MALFORMED;
}

/* 3 bytes, least significant first: day 5 bits, month 4, year 15 */
static inline enum err row_date(const uint8_t *p, struct cell *c)
{
    uint32_t v = load_le24(p);
    return row_civil(c, CELL_DATE,
                     (struct civil){.year = (uint16_t)(v >> 9),
                                    .month = (uint8_t)(v >> 5 & 15),
                                    .day = (uint8_t)(v & 31)});
}

/* The fraction of the current forms, n = 0 to 3 bytes: hundredths, ten-thousandths, microseconds.
 */
static inline uint32_t row_fraction_us(uint32_t v, unsigned n)
{
    return v * row_pow10[6 - 2 * n];
}

/* 3 bytes and the fraction as one number, most significant first, biased to be unsigned. */
static inline enum err row_time2(const uint8_t *p, unsigned size, struct cell *c)
{
    unsigned n = size - 3;
    int64_t v = (int64_t)load_be(p, size) - ((int64_t)0x800000 << (8 * n));
    bool negative = v < 0;
    uint64_t a = (uint64_t)(negative ? -v : v);
    uint32_t hms = (uint32_t)(a >> (8 * n));
    uint32_t fraction = (uint32_t)(a & ((UINT64_C(1) << (8 * n)) - 1));
    return row_civil(c, CELL_TIME,
                     (struct civil){.negative = negative,
                                    .hour = (uint16_t)(hms >> 12),
                                    .minute = (uint8_t)(hms >> 6 & 63),
                                    .second = (uint8_t)(hms & 63),
                                    .us = row_fraction_us(fraction, n)});
}

/* 5 bytes: year * 13 + month 17 bits, day 5, hour 5, minute 6, second 6; the top bit is set */
static inline enum err row_datetime2(const uint8_t *p, unsigned size, struct cell *c)
{
    uint64_t v = load_be(p, 5);
    if (v < UINT64_C(0x8000000000))
        return ERR_MALFORMED;
    v -= UINT64_C(0x8000000000);
    uint32_t fraction = 0;
    for (unsigned i = 5; i < size; i++)
        fraction = fraction << 8 | p[i];
    uint32_t year_month = (uint32_t)(v >> 22);
    return row_civil(c, CELL_DATETIME,
                     (struct civil){.year = (uint16_t)(year_month / 13),
                                    .month = (uint8_t)(year_month % 13),
                                    .day = (uint8_t)(v >> 17 & 31),
                                    .hour = (uint16_t)(v >> 12 & 31),
                                    .minute = (uint8_t)(v >> 6 & 63),
                                    .second = (uint8_t)(v & 63),
                                    .us = row_fraction_us(fraction, size - 5)});
}

static inline enum err row_stamp(struct cell *c, uint32_t seconds, uint32_t us)
{
    c->kind = CELL_TIMESTAMP;
    c->stamp = (struct stamp){seconds, us};
    return us <= 999999 ? ERR_OK : ERR_MALFORMED;
}

/* 4 bytes of seconds, most significant first, and the fraction */
static inline enum err row_timestamp2(const uint8_t *p, unsigned size, struct cell *c)
{
    uint32_t fraction = 0;
    for (unsigned i = 4; i < size; i++)
        fraction = fraction << 8 | p[i];
    return row_stamp(c, (uint32_t)load_be(p, 4), row_fraction_us(fraction, size - 4));
}

/* 3 bytes, least significant first: +-HHMMSS as a decimal number */
enum err row_time_old(const uint8_t *p, struct cell *c);

/* 8 bytes, least significant first: YYYYMMDDHHMMSS as a decimal number */
enum err row_datetime_old(const uint8_t *p, struct cell *c);

/* MariaDB's forms with a fraction, most significant byte first */
enum err row_time_hires(const uint8_t *p, unsigned size, unsigned fsp, struct cell *c);
enum err row_datetime_hires(const uint8_t *p, unsigned size, unsigned fsp, struct cell *c);
enum err row_timestamp_hires(const uint8_t *p, unsigned size, unsigned fsp, struct cell *c);
