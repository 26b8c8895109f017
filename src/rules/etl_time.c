/* Dates and times of the DTS language. */
#include "base/number.h"
#include "rules/etl_int.h"
#include "rules/temporal.h"

#include <stdio.h>

static enum err bad(struct rule_machine *m, const struct insn *in, const char *what)
{
    return machine_fail(m, ERR_EXPRESSION, "%s: %s", rule_ops[in->op].name, what);
}

static struct val of_civil(const struct civil *c, uint8_t fsp)
{
    return (struct val){.kind = VAL_DATETIME, .form = fsp, .i = temporal_pack(c)};
}

static bool of_seconds(int64_t seconds, uint32_t us, uint8_t fsp, struct val *out)
{
    struct civil c;
    if (!temporal_of_seconds(seconds, &c))
        return false;
    c.us = us;
    *out = of_civil(&c, fsp);
    return true;
}

struct val etl_local_time(const struct rule_machine *m, uint64_t us, uint8_t fsp)
{
    struct val v = {.kind = VAL_NULL};
    int64_t seconds = (int64_t)(us / 1000000);
    int32_t offset = m->o.zone != NULL ? zone_offset(m->o.zone, seconds) : 0;
    uint32_t rest = fsp == 0 ? 0 : fsp == 3 ? us % 1000000 / 1000 * 1000 : us % 1000000;
    if (!of_seconds(seconds + offset, rest, fsp, &v))
        v.kind = VAL_NULL;
    return v;
}

bool etl_datetime(const struct val *v, struct civil *out, uint8_t *fsp)
{
    bool has_time;
    unsigned digits;
    *fsp = v->form;
    if (v->kind == VAL_DATE || v->kind == VAL_DATETIME) {
        temporal_unpack(v->i, out);
        return temporal_is_real(out);
    }
    if (v->kind != VAL_TEXT || !temporal_parse(v->text, out, &has_time, &digits))
        return false;
    *fsp = (uint8_t)digits;
    return temporal_is_real(out);
}

/* "GMT+08", "GMT+8", "UTC", "+08:00": seconds east of UTC. */
static bool zone_of(struct slice s, int32_t *offset)
{
    unsigned hours = 0, minutes = 0, n = 0;
    *offset = 0;
    if (s.len >= 3 && (memcmp(s.ptr, "GMT", 3) == 0 || memcmp(s.ptr, "UTC", 3) == 0))
        s = slice_of(s.ptr + 3, s.len - 3);
    else if (s.len == 0)
        return false;
    if (s.len == 0)
        return true;
    if (s.ptr[0] != '+' && s.ptr[0] != '-')
        return false;
    size_t i = 1;
    for (; i < s.len && n < 2 && s.ptr[i] >= '0' && s.ptr[i] <= '9'; i++, n++)
        hours = hours * 10 + (s.ptr[i] - '0');
    if (n == 0)
        return false;
    if (i < s.len && s.ptr[i] == ':')
        i++;
    for (n = 0; i < s.len && n < 2 && s.ptr[i] >= '0' && s.ptr[i] <= '9'; i++, n++)
        minutes = minutes * 10 + (s.ptr[i] - '0');
    if (i != s.len || n == 1 || hours > 18 || minutes > 59)
        return false;
    *offset = (int32_t)(hours * 3600 + minutes * 60) * (s.ptr[0] == '-' ? -1 : 1);
    return true;
}

static int32_t own_offset(const struct rule_machine *m, int64_t utc)
{
    return m->o.zone != NULL ? zone_offset(m->o.zone, utc) : 0;
}

static enum err from_epoch(struct rule_machine *m, const struct insn *in, struct val *args)
{
    bool millis = in->op == OP_DT_FROM_MS;
    int32_t offset;
    if (args[0].kind != VAL_INT && (args[0].kind != VAL_UINT || args[0].u > INT64_MAX))
        return bad(m, in, "an integer is expected");
    int64_t t = args[0].i, part = 0;
    if (millis) {
        part = t % 1000;
        t /= 1000;
        if (part < 0) {
            part += 1000;
            t--;
        }
    }
    if (in->argc == 1)
        offset = own_offset(m, t);
    else if (args[1].kind != VAL_TEXT || !zone_of(args[1].text, &offset))
        return bad(m, in, "a zone such as GMT+08 is expected");
    if (t > INT64_C(400000000000) || t < -INT64_C(400000000000) ||
        !of_seconds(t + offset, (uint32_t)part * 1000, millis ? 3 : 0, args))
        return bad(m, in, "the time is out of range");
    return ERR_OK;
}

static enum err to_epoch(struct rule_machine *m, const struct insn *in, struct val *args)
{
    struct civil c;
    uint8_t fsp;
    int32_t offset;
    if (!etl_datetime(&args[0], &c, &fsp))
        return bad(m, in, "this is no date");
    int64_t local = temporal_seconds(&c);
    if (in->argc == 1) {
        offset = own_offset(m, local - own_offset(m, local));
    } else if (args[1].kind != VAL_TEXT || !zone_of(args[1].text, &offset)) {
        return bad(m, in, "a zone such as GMT+08 is expected");
    }
    int64_t seconds = local - offset;
    args[0] = (struct val){.kind = VAL_INT,
                           .i = in->op == OP_DT_EPOCH_MS ? seconds * 1000 + c.us / 1000 : seconds};
    return ERR_OK;
}

/* One run of equal letters, or one other character, of a pattern. */
static size_t run_of(struct slice pattern, size_t at)
{
    size_t n = 1;
    while (at + n < pattern.len && pattern.ptr[at + n] == pattern.ptr[at])
        n++;
    return n;
}

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool etl_pattern_valid(struct slice pattern, bool parsing)
{
    (void)parsing;
    for (size_t i = 0; i < pattern.len;) {
        uint8_t c = pattern.ptr[i];
        size_t n = is_letter(c) ? run_of(pattern, i) : 1;
        if (c == '\'') {
            const uint8_t *end = memchr(pattern.ptr + i + 1, '\'', pattern.len - i - 1);
            if (end == NULL)
                return false;
            n = (size_t)(end - pattern.ptr) - i + 1;
        } else if (is_letter(c)) {
            bool ok = c == 'y'   ? n == 4 || n == 2
                      : c == 'S' ? n <= 6
                                 : strchr("MdHms", c) && n <= 2;
            if (!ok)
                return false;
        }
        i += n;
    }
    return pattern.len > 0 && pattern.len <= 200;
}

/* The number of a field, and how many digits it is cut to (for S: from the left). */
static uint32_t field(const struct civil *c, uint8_t letter, size_t width)
{
    uint32_t us = c->us;
    switch (letter) {
    case 'y':
        return width == 2 ? c->year % 100 : c->year;
    case 'M':
        return c->month;
    case 'd':
        return c->day;
    case 'H':
        return c->hour;
    case 'm':
        return c->minute;
    case 's':
        return c->second;
    default:
        for (size_t i = width; i < 6; i++)
            us /= 10;
        return us;
    }
}

static enum err date_text(struct rule_machine *m, const struct insn *in, struct val *args)
{
    struct civil c;
    uint8_t fsp;
    if (!etl_datetime(&args[0], &c, &fsp))
        return bad(m, in, "this is no date");
    struct slice f = args[1].text;
    if (args[1].kind != VAL_TEXT || !etl_pattern_valid(f, false))
        return bad(m, in, "a pattern of yyyy MM dd HH mm ss SSS is expected");
    size_t cap = f.len * 6 + 16; /* no field has more than six digits */
    char *to = scratch_alloc(&m->scratch, cap), *p = to;
    if (to == NULL)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < f.len;) {
        size_t n = is_letter(f.ptr[i]) ? run_of(f, i) : 1;
        if (is_letter(f.ptr[i])) {
            p += snprintf(p, cap - (size_t)(p - to), "%0*u", (int)n, field(&c, f.ptr[i], n));
        } else if (f.ptr[i] == '\'') {
            for (i++; f.ptr[i] != '\''; i++)
                *p++ = (char)f.ptr[i];
            n = 1;
        } else {
            *p++ = (char)f.ptr[i];
        }
        i += n;
    }
    args[0] = (struct val){.kind = VAL_TEXT, .text = slice_of(to, (size_t)(p - to))};
    return ERR_OK;
}

static bool set_field(struct civil *c, uint8_t letter, size_t width, uint32_t v)
{
    switch (letter) {
    case 'y':
        c->year = (uint16_t)(width == 2 ? 2000 + v : v);
        break;
    case 'M':
        c->month = (uint8_t)v;
        break;
    case 'd':
        c->day = (uint8_t)v;
        break;
    case 'H':
        c->hour = (uint16_t)v;
        break;
    case 'm':
        c->minute = (uint8_t)v;
        break;
    case 's':
        c->second = (uint8_t)v;
        break;
    default:
        for (size_t i = width; i < 6; i++)
            v *= 10;
        c->us = v;
        break;
    }
    return true;
}

static bool parse_date(struct slice s, struct slice f, struct civil *out)
{
    struct civil c = {.year = 1970, .month = 1, .day = 1};
    size_t at = 0;
    for (size_t i = 0; i < f.len;) {
        size_t n = is_letter(f.ptr[i]) ? run_of(f, i) : 1;
        if (is_letter(f.ptr[i])) {
            size_t most = n == 1 ? 2 : n, digits = 0;
            uint32_t v = 0;
            while (at < s.len && digits < most && s.ptr[at] >= '0' && s.ptr[at] <= '9') {
                v = v * 10 + (uint32_t)(s.ptr[at++] - '0');
                digits++;
            }
            if (digits < n)
                return false;
            set_field(&c, f.ptr[i], n, v);
        } else {
            bool quoted = f.ptr[i] == '\'';
            for (i += quoted; quoted && f.ptr[i] != '\''; i++)
                if (at >= s.len || s.ptr[at++] != f.ptr[i])
                    return false;
            if (!quoted && (at >= s.len || s.ptr[at++] != f.ptr[i]))
                return false;
        }
        i += n;
    }
    *out = c;
    return at == s.len && temporal_is_real(&c);
}

static enum err strptime_(struct rule_machine *m, const struct insn *in, struct val *args)
{
    struct civil c;
    if (args[0].kind != VAL_TEXT || args[1].kind != VAL_TEXT ||
        !etl_pattern_valid(args[1].text, true))
        return bad(m, in, "a text and a pattern of yyyy MM dd HH mm ss SSS are expected");
    if (!parse_date(args[0].text, args[1].text, &c))
        return bad(m, in, "the text is no date of this pattern");
    args[0] = of_civil(&c, c.us == 0 ? 0 : 6);
    return ERR_OK;
}

static uint8_t last_day(const struct civil *c)
{
    struct civil probe = *c;
    for (probe.day = 31; !temporal_is_real(&probe); probe.day--)
        ;
    return probe.day;
}

enum { UNIT_YEARS, UNIT_MONTHS, UNIT_DAYS, UNIT_HOURS, UNIT_MINUTES, UNIT_SECONDS };

static enum err add_time(struct rule_machine *m, const struct insn *in, struct val *args)
{
    static const int32_t seconds_of[] = {0, 0, 86400, 3600, 60, 1};
    const uint8_t *units = in->p;
    struct civil c;
    uint8_t fsp;
    int64_t months = 0, seconds = 0;
    if (!etl_datetime(&args[0], &c, &fsp))
        return bad(m, in, "this is no date");
    for (uint32_t i = 1; i < in->argc; i++) {
        const struct val *v = &args[i];
        if (v->kind != VAL_INT || v->i > 4000000000 || v->i < -4000000000)
            return bad(m, in, "integers are expected");
        if (units[i] <= UNIT_MONTHS)
            months += v->i * (units[i] == UNIT_YEARS ? 12 : 1);
        else
            seconds += v->i * seconds_of[units[i]];
    }
    int64_t month = (int64_t)c.year * 12 + c.month - 1 + months;
    if (month < 0 || month > 9999 * 12 + 11)
        return bad(m, in, "the time is out of range");
    c.year = (uint16_t)(month / 12);
    c.month = (uint8_t)(month % 12 + 1);
    uint8_t last = last_day(&c);
    c.day = c.day > last ? last : c.day;
    if (!of_seconds(temporal_seconds(&c) + seconds, c.us, fsp, args))
        return bad(m, in, "the time is out of range");
    return ERR_OK;
}

enum err eval_etl_time(struct rule_machine *m, const struct insn *in, const struct rule_row *row,
                       struct val *args)
{
    struct civil c;
    uint8_t fsp;
    switch ((int)in->op) {
    case OP_DATETIME:
        if (!etl_datetime(&args[0], &c, &fsp))
            return bad(m, in, "'yyyy-MM-dd HH:mm:ss' is expected");
        args[0] = of_civil(&c, fsp);
        return ERR_OK;
    case OP_DT_NOW:
    case OP_DTS_NOW:
        args[0] = etl_local_time(m, row->now_us, 0);
        return ERR_OK;
    case OP_DT_NOW_MS:
        args[0] = etl_local_time(m, row->now_us, 3);
        return ERR_OK;
    case OP_DT_FROM:
    case OP_DT_FROM_MS:
        return from_epoch(m, in, args);
    case OP_DT_EPOCH:
    case OP_DT_EPOCH_MS:
        return to_epoch(m, in, args);
    case OP_DT_STR:
        return date_text(m, in, args);
    case OP_DT_PARSE:
        return strptime_(m, in, args);
    default:
        return add_time(m, in, args);
    }
}
