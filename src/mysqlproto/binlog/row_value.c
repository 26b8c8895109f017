#include "mysqlproto/binlog/row_value.h"

#define TIME_HIRES_BIAS_S 3020400u /* 839 hours */

enum err row_time_old(const uint8_t *p, struct cell *c)
{
    int32_t v = (int32_t)(load_le24(p) << 8) >> 8;
    uint32_t a = (uint32_t)(v < 0 ? -v : v);
    return row_civil(c, CELL_TIME,
                     (struct civil){.negative = v < 0,
                                    .hour = (uint16_t)(a / 10000),
                                    .minute = (uint8_t)(a / 100 % 100),
                                    .second = (uint8_t)(a % 100)});
}

enum err row_datetime_old(const uint8_t *p, struct cell *c)
{
    uint64_t v = load_le64(p);
    if (v > UINT64_C(99991231235959))
        return ERR_MALFORMED;
    uint32_t date = (uint32_t)(v / 1000000), time = (uint32_t)(v % 1000000);
    return row_civil(c, CELL_DATETIME,
                     (struct civil){.year = (uint16_t)(date / 10000),
                                    .month = (uint8_t)(date / 100 % 100),
                                    .day = (uint8_t)(date % 100),
                                    .hour = (uint16_t)(time / 10000),
                                    .minute = (uint8_t)(time / 100 % 100),
                                    .second = (uint8_t)(time % 100)});
}

/* A count of 10^-fsp seconds, biased by 839 hours. */
enum err row_time_hires(const uint8_t *p, unsigned size, unsigned fsp, struct cell *c)
{
    uint32_t unit = row_pow10[fsp];
    int64_t v = (int64_t)load_be(p, size) - (int64_t)TIME_HIRES_BIAS_S * unit;
    uint64_t a = (uint64_t)(v < 0 ? -v : v);
    uint64_t s = a / unit;
    if (s / 3600 > 838)
        return ERR_MALFORMED;
    return row_civil(c, CELL_TIME,
                     (struct civil){.negative = v < 0,
                                    .hour = (uint16_t)(s / 3600),
                                    .minute = (uint8_t)(s / 60 % 60),
                                    .second = (uint8_t)(s % 60),
                                    .us = (uint32_t)(a % unit) * row_pow10[6 - fsp]});
}

/* Takes the lowest digit of a mixed-radix number. */
static uint32_t digit(uint64_t *v, uint32_t radix)
{
    uint32_t d = (uint32_t)(*v % radix);
    *v /= radix;
    return d;
}

enum err row_datetime_hires(const uint8_t *p, unsigned size, unsigned fsp, struct cell *c)
{
    uint64_t v = load_be(p, size);
    struct civil t = {.us = digit(&v, row_pow10[fsp]) * row_pow10[6 - fsp]};
    t.second = (uint8_t)digit(&v, 60);
    t.minute = (uint8_t)digit(&v, 60);
    t.hour = (uint16_t)digit(&v, 24);
    t.day = (uint8_t)digit(&v, 32);
    t.month = (uint8_t)digit(&v, 13);
    if (v > 9999)
        return ERR_MALFORMED;
    t.year = (uint16_t)v;
    return row_civil(c, CELL_DATETIME, t);
}

enum err row_timestamp_hires(const uint8_t *p, unsigned size, unsigned fsp, struct cell *c)
{
    uint32_t fraction = (uint32_t)load_be(p + 4, size - 4);
    if (fraction >= row_pow10[fsp])
        return ERR_MALFORMED;
    return row_stamp(c, (uint32_t)load_be(p, 4), fraction * row_pow10[6 - fsp]);
}
