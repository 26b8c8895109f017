#include "encode/value_text.h"

#include "base/number.h"

#define SECONDS_PER_DAY 86400
#define FSP_MAX         6

/* ".123456" cut to fsp digits; nothing for 0. */
static uint8_t *put_fraction(uint8_t *p, uint32_t us, unsigned fsp)
{
    *p = '.';
    number_6digits(p + 1, us);
    return fsp == 0 ? p : p + 1 + fsp;
}

static uint8_t *put_date(uint8_t *p, uint32_t year, uint32_t month, uint32_t day)
{
    p = number_4digits(p, year);
    *p++ = '-';
    p = number_2digits(p, month);
    *p++ = '-';
    return number_2digits(p, day);
}

static uint8_t *put_clock(uint8_t *p, uint32_t hour, uint32_t minute, uint32_t second)
{
    p = number_2digits(p, hour);
    *p++ = ':';
    p = number_2digits(p, minute);
    *p++ = ':';
    return number_2digits(p, second);
}

/* The fields may come from anywhere; two digits each is what can be printed. */
static bool date_fits(const struct civil *c)
{
    return c->year <= 9999 && c->month <= 99 && c->day <= 99;
}

static bool clock_fits(const struct civil *c, unsigned fsp)
{
    return c->minute <= 99 && c->second <= 99 && c->us <= 999999 && fsp <= FSP_MAX;
}

uint8_t *value_date(uint8_t *p, const struct civil *c)
{
    return date_fits(c) ? put_date(p, c->year, c->month, c->day) : NULL;
}

uint8_t *value_time(uint8_t *p, const struct civil *c, unsigned fsp)
{
    if (c->hour > 999 || !clock_fits(c, fsp))
        return NULL;
    if (c->negative)
        *p++ = '-';
    uint32_t hour = c->hour;
    if (hour >= 100) {
        *p++ = (uint8_t)('0' + hour / 100);
        hour %= 100;
    }
    return put_fraction(put_clock(p, hour, c->minute, c->second), c->us, fsp);
}

uint8_t *value_datetime(uint8_t *p, const struct civil *c, unsigned fsp)
{
    if (c->hour > 99 || !date_fits(c) || !clock_fits(c, fsp))
        return NULL;
    p = put_date(p, c->year, c->month, c->day);
    *p++ = ' ';
    return put_fraction(put_clock(p, c->hour, c->minute, c->second), c->us, fsp);
}

/*
 * The date of a day counted from 1970-01-01, for days from -719468 on. Counted
 * from 0000-03-01, so that the leap day is the last of its year, every 400
 * years have the same 146097 days.
 */
static uint8_t *put_day(uint8_t *p, int64_t day_1970)
{
    uint32_t day = (uint32_t)(day_1970 + 719468);
    uint32_t era = day / 146097;
    uint32_t of_era = day % 146097;
    uint32_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint32_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t month = (5 * of_year + 2) / 153; /* 0 is March */
    uint32_t day_of_month = of_year - (153 * month + 2) / 5 + 1;
    uint32_t year = era * 400 + year_of_era + (month >= 10);
    return put_date(p, year, month >= 10 ? month - 9 : month + 3, day_of_month);
}

uint8_t *value_timestamp(uint8_t *p, struct stamp s, int32_t offset_s, unsigned fsp)
{
    if (s.us > 999999 || fsp > FSP_MAX)
        return NULL;
    if (s.seconds == 0 && s.us == 0) {
        memcpy(p, "0000-00-00 00:00:00", 19);
        return put_fraction(p + 19, 0, fsp);
    }
    int64_t local = (int64_t)s.seconds + offset_s;
    int64_t day = local / SECONDS_PER_DAY;
    int64_t second = local % SECONDS_PER_DAY;
    if (second < 0) {
        second += SECONDS_PER_DAY;
        day--;
    }
    p = put_day(p, day);
    *p++ = ' ';
    p = put_clock(p, (uint32_t)(second / 3600), (uint32_t)(second / 60 % 60),
                  (uint32_t)(second % 60));
    return put_fraction(p, s.us, fsp);
}

uint8_t *value_year(uint8_t *p, uint64_t year)
{
    return year <= 9999 ? number_4digits(p, (uint32_t)year) : NULL;
}
