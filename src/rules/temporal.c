#include "rules/temporal.h"

static bool is_leap(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned days_of(unsigned year, unsigned month)
{
    static const uint8_t days[] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month] + (month == 2 && is_leap(year));
}

bool temporal_is_real(const struct civil *c)
{
    return c->year <= 9999 && c->month >= 1 && c->month <= 12 && c->day >= 1 &&
           c->day <= days_of(c->year, c->month) && c->hour < 24 && c->minute < 60 && c->second < 60;
}

/* Hinnant's days_from_civil. */
int64_t temporal_seconds(const struct civil *c)
{
    int64_t y = (int64_t)c->year - (c->month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t month = c->month;
    int64_t doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + c->day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    int64_t days = era * 146097 + doe - 719468;
    return days * 86400 + c->hour * 3600 + c->minute * 60 + c->second;
}

/* Hinnant's civil_from_days. */
bool temporal_of_seconds(int64_t seconds, struct civil *out)
{
    if (seconds < INT64_C(-62167219200) || seconds > INT64_C(253402300799))
        return false;
    int64_t days = seconds / 86400, rest = seconds % 86400;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *out = (struct civil){
        .year = (uint16_t)(yoe + era * 400 + (mp >= 10)),
        .month = (uint8_t)(mp < 10 ? mp + 3 : mp - 9),
        .day = (uint8_t)(doy - (153 * mp + 2) / 5 + 1),
        .hour = (uint16_t)(rest / 3600),
        .minute = (uint8_t)(rest / 60 % 60),
        .second = (uint8_t)(rest % 60),
    };
    return true;
}

/* Between least and most digits. */
static bool digits(struct slice *s, unsigned least, unsigned most, uint32_t *out)
{
    unsigned n = 0;
    uint32_t v = 0;
    while (n < s->len && n < most && s->ptr[n] >= '0' && s->ptr[n] <= '9')
        v = v * 10 + (uint32_t)(s->ptr[n++] - '0');
    if (n < least)
        return false;
    *s = slice_of(s->ptr + n, s->len - n);
    *out = v;
    return true;
}

static bool sign(struct slice *s, char c)
{
    if (s->len == 0 || s->ptr[0] != (uint8_t)c)
        return false;
    *s = slice_of(s->ptr + 1, s->len - 1);
    return true;
}

/* ".123": what is missing to microseconds is zero. */
static bool fraction(struct slice *s, uint32_t *us, unsigned *fsp)
{
    size_t before = s->len;
    *us = 0;
    *fsp = 0;
    if (!sign(s, '.'))
        return true;
    if (!digits(s, 1, 6, us))
        return false;
    *fsp = (unsigned)(before - s->len - 1);
    for (unsigned i = *fsp; i < 6; i++)
        *us *= 10;
    return true;
}

/* "H:MM[:SS[.f]]" */
static bool clock_time(struct slice *s, unsigned hour_digits, struct civil *c, unsigned *fsp)
{
    uint32_t hour, minute, second = 0;
    *fsp = 0;
    if (!digits(s, 1, hour_digits, &hour) || !sign(s, ':') || !digits(s, 1, 2, &minute))
        return false;
    if (sign(s, ':') && (!digits(s, 1, 2, &second) || !fraction(s, &c->us, fsp)))
        return false;
    c->hour = (uint16_t)hour;
    c->minute = (uint8_t)minute;
    c->second = (uint8_t)second;
    return minute < 60 && second < 60;
}

/* "20240131[101112]" */
static bool parse_compact(struct slice text, struct civil *c, bool *has_time)
{
    uint32_t year, month, day, hour = 0, minute = 0, second = 0;
    if (!digits(&text, 4, 4, &year) || !digits(&text, 2, 2, &month) || !digits(&text, 2, 2, &day))
        return false;
    *has_time = text.len > 0;
    if (*has_time && (!digits(&text, 2, 2, &hour) || !digits(&text, 2, 2, &minute) ||
                      !digits(&text, 2, 2, &second)))
        return false;
    *c = (struct civil){.year = (uint16_t)year,
                        .month = (uint8_t)month,
                        .day = (uint8_t)day,
                        .hour = (uint16_t)hour,
                        .minute = (uint8_t)minute,
                        .second = (uint8_t)second};
    return text.len == 0;
}

static bool parse_spelled(struct slice text, struct civil *c, bool *has_time, unsigned *fsp)
{
    uint32_t year, month, day;
    *c = (struct civil){0};
    if (!digits(&text, 4, 4, &year) || !sign(&text, '-') || !digits(&text, 1, 2, &month) ||
        !sign(&text, '-') || !digits(&text, 1, 2, &day))
        return false;
    c->year = (uint16_t)year;
    c->month = (uint8_t)month;
    c->day = (uint8_t)day;
    *has_time = text.len > 0;
    if (*has_time && ((!sign(&text, ' ') && !sign(&text, 'T')) || !clock_time(&text, 2, c, fsp)))
        return false;
    return text.len == 0;
}

bool temporal_parse(struct slice text, struct civil *out, bool *has_time, unsigned *fsp)
{
    struct civil c;
    bool time;
    *fsp = 0;
    bool compact = (text.len == 8 || text.len == 14) && memchr(text.ptr, '-', text.len) == NULL;
    if (compact ? !parse_compact(text, &c, &time) : !parse_spelled(text, &c, &time, fsp))
        return false;
    if (!temporal_is_real(&c) && temporal_pack(&c) != 0)
        return false;
    *out = c;
    *has_time = time;
    return true;
}

bool temporal_parse_time(struct slice text, struct civil *out, unsigned *fsp)
{
    struct civil c = {0};
    bool negative = sign(&text, '-');
    if (!clock_time(&text, 3, &c, fsp) || text.len != 0 || c.hour > 838 ||
        (c.hour == 838 && c.minute == 59 && c.second == 59 && c.us > 0))
        return false;
    c.negative = negative && temporal_pack_time(&c) != 0;
    *out = c;
    return true;
}
