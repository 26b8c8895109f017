#include "schema/cell_text.h"

#include "base/number.h"
#include "base/writer.h"

#define SECONDS_PER_DAY 86400

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

/* Fields come from outside; what the digits can show is allowed, whatever a calendar says. */
static bool date_fits(const struct civil *c)
{
    return c->year <= 9999 && c->month <= 99 && c->day <= 99;
}

static bool clock_fits(const struct civil *c, unsigned fsp)
{
    return c->minute <= 99 && c->second <= 99 && c->us <= 999999 && fsp <= 6;
}

uint8_t *cell_date_text(uint8_t *p, const struct civil *c)
{
    return date_fits(c) ? put_date(p, c->year, c->month, c->day) : NULL;
}

uint8_t *cell_time_text(uint8_t *p, const struct civil *c, unsigned fsp)
{
    uint32_t hour = c->hour;
    if (hour > 999 || !clock_fits(c, fsp))
        return NULL;
    if (c->negative)
        *p++ = '-';
    if (hour >= 100) {
        *p++ = (uint8_t)('0' + hour / 100);
        hour %= 100;
    }
    return put_fraction(put_clock(p, hour, c->minute, c->second), c->us, fsp);
}

uint8_t *cell_datetime_text(uint8_t *p, const struct civil *c, unsigned fsp)
{
    if (c->hour > 99 || !date_fits(c) || !clock_fits(c, fsp))
        return NULL;
    p = put_date(p, c->year, c->month, c->day);
    *p++ = ' ';
    return put_fraction(put_clock(p, c->hour, c->minute, c->second), c->us, fsp);
}

/*
 * The date of a day counted from 1970-01-01. The count is moved to begin at
 * 0000-03-01: years that begin in March end with the leap day, so months have
 * fixed places in them, and every 400 of them have 146097 days.
 */
static uint8_t *put_day(uint8_t *p, int64_t since_1970)
{
    uint32_t day = (uint32_t)(since_1970 + 719468);
    uint32_t cycle = day / 146097;
    uint32_t in_cycle = day % 146097;
    uint32_t y = (in_cycle - in_cycle / 1460 + in_cycle / 36524 - in_cycle / 146096) / 365;
    uint32_t in_year = in_cycle - (365 * y + y / 4 - y / 100);
    uint32_t m = (5 * in_year + 2) / 153; /* 0 is March */
    uint32_t in_month = in_year - (153 * m + 2) / 5;
    bool next_year = m >= 10;
    return put_date(p, cycle * 400 + y + next_year, next_year ? m - 9 : m + 3, in_month + 1);
}

uint8_t *cell_timestamp_text(uint8_t *p, struct stamp s, const struct zone *zone, unsigned fsp)
{
    if (s.us > 999999 || fsp > 6)
        return NULL;
    if (s.seconds == 0 && s.us == 0) {
        memcpy(p, "0000-00-00 00:00:00", 19);
        return put_fraction(p + 19, 0, fsp);
    }
    /* Whole days are added so that it stays positive in zones west of UTC. */
    uint64_t local =
        (uint64_t)((int64_t)s.seconds + zone_offset(zone, s.seconds) + 2 * SECONDS_PER_DAY);
    uint32_t second = (uint32_t)(local % SECONDS_PER_DAY);
    p = put_day(p, (int64_t)(local / SECONDS_PER_DAY) - 2);
    *p++ = ' ';
    return put_fraction(put_clock(p, second / 3600, second / 60 % 60, second % 60), s.us, fsp);
}

uint8_t *cell_year_text(uint8_t *p, uint64_t year)
{
    return year <= 9999 ? number_4digits(p, (uint32_t)year) : NULL;
}

static uint8_t *put_hex(uint8_t *p, const uint8_t *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        *p++ = (uint8_t)digits[bytes[i] >> 4];
        *p++ = (uint8_t)digits[bytes[i] & 15];
    }
    return p;
}

uint8_t *cell_uuid_text(uint8_t *p, struct slice raw)
{
    static const uint8_t parts[] = {4, 2, 2, 2, 6};
    const uint8_t *b = raw.ptr;
    if (raw.len != 16)
        return NULL;
    for (size_t i = 0; i < sizeof(parts); i++) {
        if (i > 0)
            *p++ = '-';
        p = put_hex(p, b, parts[i]);
        b += parts[i];
    }
    return p;
}

static uint8_t *put_dotted(uint8_t *p, const uint8_t *b)
{
    for (int i = 0; i < 4; i++) {
        if (i > 0)
            *p++ = '.';
        p = number_u64(p, b[i]);
    }
    return p;
}

uint8_t *cell_inet4_text(uint8_t *p, struct slice raw)
{
    return raw.len == 4 ? put_dotted(p, raw.ptr) : NULL;
}

static uint32_t inet6_word(struct slice raw, unsigned i)
{
    return (uint32_t)raw.ptr[2 * i] << 8 | raw.ptr[2 * i + 1];
}

/* The first of the longest runs of zero words, which "::" stands for. */
static unsigned inet6_gap(struct slice raw, unsigned *at)
{
    unsigned best = 0;
    for (unsigned i = 0; i < 8; i++) {
        unsigned n = 0;
        while (i + n < 8 && inet6_word(raw, i + n) == 0)
            n++;
        if (n > best) {
            best = n;
            *at = i;
        }
        i += n;
    }
    return best;
}

static uint8_t *put_hex_word(uint8_t *p, uint32_t v)
{
    static const char digits[] = "0123456789abcdef";
    for (int shift = v > 0xFFF ? 12 : v > 0xFF ? 8 : v > 0xF ? 4 : 0; shift >= 0; shift -= 4)
        *p++ = (uint8_t)digits[v >> shift & 15];
    return p;
}

uint8_t *cell_inet6_text(uint8_t *p, struct slice raw)
{
    unsigned gap_at = 8;
    if (raw.len != 16)
        return NULL;
    unsigned gap = inet6_gap(raw, &gap_at);
    bool mapped = gap_at == 0 && gap == 5 && inet6_word(raw, 5) == 0xFFFF;
    bool compatible = gap_at == 0 && gap == 6;
    unsigned words = mapped || compatible ? 6 : 8; /* the rest is an IPv4 address */
    for (unsigned i = 0; i < words;) {
        if (i == gap_at) {
            *p++ = ':';
            *p++ = ':';
            i += gap;
            continue;
        }
        p = put_hex_word(p, inet6_word(raw, i++));
        if (i < 8 && i != gap_at)
            *p++ = ':';
    }
    return words == 6 ? put_dotted(p, raw.ptr + 12) : p;
}

bool cell_set_text(const struct column *c, uint64_t bits, struct writer *w)
{
    if (c->member_count < 64 && bits >> c->member_count != 0)
        return false;
    bool first = true;
    for (; bits != 0; bits &= bits - 1) {
        if (!first)
            writer_u8(w, ',');
        first = false;
        writer_slice_put(w, c->members[__builtin_ctzll(bits)]);
    }
    return true;
}
