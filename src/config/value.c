#include "config/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit size_units[] = {{"GB", 1 << 30}, {"MB", 1 << 20}, {"KB", 1 << 10}};
static const struct unit time_units[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

bool conf_digits(const char *s, size_t len, int64_t *out)
{
    int64_t v = 0;
    if (len == 0 || len > 18)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        v = v * 10 + (s[i] - '0');
    }
    *out = v;
    return true;
}

/* Digits and one of the units; a bare number when bare is allowed, and 0 in any case. */
static bool with_unit(const char *s, const struct unit *units, size_t count, bool bare,
                      int64_t *out)
{
    size_t digits = strspn(s, "0123456789");
    int64_t v;
    if (!conf_digits(s, digits, &v))
        return false;
    if (s[digits] == '\0' && (bare || v == 0)) {
        *out = v;
        return true;
    }
    for (size_t i = 0; i < count; i++)
        if (strcmp(s + digits, units[i].name) == 0)
            return !__builtin_mul_overflow(v, units[i].factor, out);
    return false;
}

static bool signed_digits(const char *s, int64_t *out)
{
    bool negative = s[0] == '-';
    if (!conf_digits(s + negative, strlen(s + negative), out))
        return false;
    *out = negative ? -*out : *out;
    return true;
}

bool conf_is_number(const struct conf_key *k)
{
    switch (k->type) {
    case CONF_INT:
    case CONF_BOOL:
    case CONF_SIZE:
    case CONF_TIME:
    case CONF_CHOICE:
    case CONF_CHOICES:
        return true;
    case CONF_SECTION:
    case CONF_ENTRIES:
    case CONF_TEXT:
    case CONF_SECRET:
    case CONF_NAME:
    case CONF_TOPIC:
    case CONF_TEMPLATE:
    case CONF_PATH:
    case CONF_TEXTS:
    case CONF_BROKERS:
    case CONF_PAIRS:
    case CONF_ORIGIN:
    case CONF_OFFSET:
    case CONF_OPAQUE:
    case CONF_COLUMNS:
        break;
    }
    return false;
}

const char *conf_number_text(const struct conf_key *k, int64_t v, char *buf, size_t cap)
{
    const struct unit *units = k->type == CONF_SIZE ? size_units : time_units;
    size_t count = k->type == CONF_SIZE ? 3 : k->type == CONF_TIME ? 4 : 0;
    for (size_t i = 0; i < count; i++) {
        if (v % units[i].factor == 0 && v >= units[i].factor) {
            snprintf(buf, cap, "%lld%s", (long long)(v / units[i].factor), units[i].name);
            return buf;
        }
    }
    snprintf(buf, cap, "%lld", (long long)v);
    return buf;
}

static bool scalar_needed(const struct conf_key *k, const struct conf_node *n,
                          struct conf_report *r)
{
    if (n->kind == CONF_SCALAR && !conf_node_missing(n))
        return true;
    conf_problem(r, n->at, "%s: a single value is expected, not %s", k->path, conf_kind_name(n));
    return false;
}

static bool in_range(const struct conf_key *k, const struct conf_node *n, int64_t v,
                     struct conf_report *r)
{
    char low[32], high[32];
    if (v >= k->min && v <= k->max)
        return true;
    conf_problem(r, n->at, "%s: %.100s is out of range: %s to %s%s%s", k->path, n->text,
                 conf_number_text(k, k->min, low, sizeof(low)),
                 conf_number_text(k, k->max, high, sizeof(high)), k->word != NULL ? ", or " : "",
                 k->word != NULL ? k->word : "");
    return false;
}

static const char *wanted(const struct conf_key *k)
{
    switch ((int)k->type) {
    case CONF_SIZE:
        return "a size such as 512KB, 40MB or 1GB";
    case CONF_TIME:
        return "a time such as 500ms, 10s, 5m or 2h";
    default:
        return "a whole number";
    }
}

static bool quantity(const struct conf_key *k, const struct conf_node *n, struct conf_report *r,
                     int64_t *out)
{
    bool ok;
    if (k->word != NULL && strcmp(n->text, k->word) == 0) {
        *out = k->word_value;
        return true;
    }
    if (k->type == CONF_SIZE)
        ok = with_unit(n->text, size_units, 3, true, out);
    else if (k->type == CONF_TIME)
        ok = with_unit(n->text, time_units, 4, false, out);
    else
        ok = signed_digits(n->text, out);
    if (ok)
        return in_range(k, n, *out, r);
    conf_problem(r, n->at, "%s: %s%s%s is expected, not \"%.100s\"", k->path, wanted(k),
                 k->word != NULL ? " or " : "", k->word != NULL ? k->word : "", n->text);
    return false;
}

static bool one_choice(const struct conf_key *k, const char *choices, const struct conf_node *n,
                       struct conf_report *r, int64_t *out)
{
    char list[256];
    if (!scalar_needed(k, n, r))
        return false;
    int index = conf_choice_find(choices, n->text);
    if (index < 0) {
        conf_problem(r, n->at, "%s: \"%.100s\" is not one of %s", k->path, n->text,
                     conf_choice_list(choices, list, sizeof(list)));
        return false;
    }
    if (k->built != NULL && conf_choice_find(k->built, n->text) < 0) {
        conf_problem(r, n->at, "%s: %s is not available in this version, only %s%s%s is", k->path,
                     n->text, k->type == CONF_CHOICES ? "[" : "",
                     conf_choice_list(k->built, list, sizeof(list)),
                     k->type == CONF_CHOICES ? "]" : "");
        return false;
    }
    *out = index;
    return true;
}

static bool several_choices(const struct conf_key *k, const struct conf_node *n,
                            struct conf_report *r, int64_t *out)
{
    char list[256];
    int64_t bits = 0, index;
    bool ok = true;
    if (n->kind == CONF_SCALAR && !conf_node_missing(n)) {
        if (k->word != NULL && strcmp(n->text, k->word) == 0) {
            *out = k->word_value;
            return true;
        }
        ok = one_choice(k, k->choices, n, r, &index);
        bits = ok ? (int64_t)1 << index : 0;
    } else if (n->kind != CONF_LIST || (n->count == 0 && !(k->flags & CONF_MAY_BE_EMPTY))) {
        conf_problem(r, n->at, "%s: a list of %s is expected, not %s", k->path,
                     conf_choice_list(k->choices, list, sizeof(list)),
                     n->kind == CONF_LIST ? "an empty one" : conf_kind_name(n));
        return false;
    }
    for (const struct conf_node *m = n->first; m != NULL; m = m->next) {
        if (!one_choice(k, k->choices, m, r, &index)) {
            ok = false;
        } else if (bits & (int64_t)1 << index) {
            conf_problem(r, m->at, "%s: %s is in the list twice", k->path, m->text);
            ok = false;
        } else {
            bits |= (int64_t)1 << index;
        }
    }
    *out = bits;
    return ok;
}

bool conf_number(const struct conf_key *k, const struct conf_node *n, struct conf_report *r,
                 int64_t *out)
{
    if (k->type == CONF_CHOICES)
        return several_choices(k, n, r, out);
    if (!scalar_needed(k, n, r))
        return false;
    if (k->type == CONF_CHOICE)
        return one_choice(k, k->choices, n, r, out);
    if (k->type == CONF_BOOL) {
        if (!one_choice(k, "false|true", n, r, out))
            return false;
        return true;
    }
    return quantity(k, n, r, out);
}

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

static bool name_check(const struct conf_key *k, const struct conf_node *n, size_t max,
                       struct conf_report *r)
{
    const char *s = n->text;
    size_t len = strlen(s);
    if (s[strspn(s, NAME_CHARS)] != '\0' || strcmp(s, ".") == 0 || strcmp(s, "..") == 0) {
        conf_problem(r, n->at, "%s: \"%.100s\" must be made of letters, digits, '.', '_' and '-'",
                     k->path, s);
        return false;
    }
    if (len == 0 || len > max) {
        conf_problem(r, n->at, "%s: a name has 1 to %zu characters, this one %zu", k->path, max,
                     len);
        return false;
    }
    return true;
}

/* A topic with {database} and {table} in it: what they become is checked when a table is met. */
static bool template_check(const struct conf_key *k, const struct conf_node *n,
                           struct conf_report *r)
{
    char rest[512];
    size_t len = 0;
    for (const char *p = n->text; *p != '\0' && len + 1 < sizeof(rest);) {
        if (strncmp(p, "{database}", 10) == 0)
            p += 10, rest[len++] = 'd';
        else if (strncmp(p, "{table}", 7) == 0)
            p += 7, rest[len++] = 't';
        else if (p[0] == '{' && p[1] >= '1' && p[1] <= '9' && p[2] == '}')
            p += 3, rest[len++] = 'g';
        else
            rest[len++] = *p++;
    }
    rest[len] = '\0';
    if (strchr(rest, '{') != NULL || strchr(rest, '}') != NULL) {
        conf_problem(r, n->at,
                     "%s: \"%.100s\": only {database}, {table} and {1} to {9} can be "
                     "substituted",
                     k->path, n->text);
        return false;
    }
    struct conf_node filled = *n;
    filled.text = rest;
    return name_check(k, &filled, 249, r);
}

/* HOST, HOST:PORT or [ADDRESS]:PORT. */
static bool broker_check(const struct conf_key *k, const struct conf_node *n, struct conf_report *r)
{
    const char *s = n->text;
    const char *colon = strrchr(s, ':'), *bracket = strrchr(s, ']');
    size_t host = strlen(s);
    bool ok = s[strcspn(s, " \t,/")] == '\0';
    if (colon != NULL && (bracket == NULL || colon > bracket)) {
        int64_t port;
        host = (size_t)(colon - s);
        ok = ok && conf_digits(colon + 1, strlen(colon + 1), &port) && port >= 1 && port <= 65535;
    }
    if (ok && host > 0)
        return true;
    conf_problem(r, n->at, "%s: HOST:PORT is expected, not \"%.100s\"", k->path, s);
    return false;
}

bool conf_text_check(const struct conf_key *k, const struct conf_node *n, struct conf_report *r)
{
    if (!scalar_needed(k, n, r))
        return false;
    for (const char *p = n->text; *p != '\0'; p++) {
        bool layout = (k->flags & CONF_EXPRESSION) != 0 && strchr("\n\r\t", *p) != NULL;
        if (!layout && ((unsigned char)*p < 0x20 || *p == 0x7F)) {
            if (k->flags & CONF_UNBUILT)
                break; /* refused as such, with a better sentence */
            conf_problem(r, n->at, "%s: a control character (0x%02X) cannot be part of it", k->path,
                         (unsigned)*p);
            return false;
        }
    }
    if (k->type == CONF_NAME)
        return name_check(k, n, 100, r);
    if (k->type == CONF_TOPIC)
        return name_check(k, n, 249, r);
    if (k->type == CONF_BROKERS)
        return broker_check(k, n, r);
    if (k->type == CONF_TEMPLATE)
        return template_check(k, n, r);
    if (n->text[0] == '\0' && k->fallback == NULL && k->type != CONF_SECRET) {
        conf_problem(r, n->at, "%s: the text is empty", k->path);
        return false;
    }
    return true;
}

static int64_t days_of_month(int64_t year, int64_t month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* Days from 1970-01-01 of the proleptic Gregorian calendar, for years from 1970. */
static int64_t days_since_1970(int64_t year, int64_t month, int64_t day)
{
    int64_t days = day - 1;
    for (int64_t m = 1; m < month; m++)
        days += days_of_month(year, m);
    int64_t y = year - 1;
    return days + (year - 1970) * 365 + (y / 4 - 492) - (y / 100 - 19) + (y / 400 - 4);
}

/* n digits at *p, then the character after (0: none); moves *p behind both. */
static bool field(const char **p, size_t n, char after, int64_t *out)
{
    if (strnlen(*p, n) < n || !conf_digits(*p, n, out))
        return false;
    *p += n;
    if (after == '\0')
        return true;
    return *(*p)++ == after;
}

/* ".123456" in microseconds; more than six digits are cut. */
static bool fraction(const char **p, int64_t *us)
{
    *us = 0;
    if (**p != '.')
        return true;
    size_t digits = strspn(++*p, "0123456789");
    int64_t unit = 100000;
    for (size_t i = 0; i < digits && unit > 0; i++, unit /= 10)
        *us += ((*p)[i] - '0') * unit;
    *p += digits;
    return digits > 0;
}

/* "Z", "+HH:MM" or "-HH:MM" in seconds, up to the end. */
static bool zone_offset_parse(const char *p, int64_t *seconds)
{
    int64_t hours, minutes;
    if (strcmp(p, "Z") == 0 || strcmp(p, "z") == 0) {
        *seconds = 0;
        return true;
    }
    char sign = *p++;
    if ((sign != '+' && sign != '-') || !field(&p, 2, ':', &hours) || !field(&p, 2, 0, &minutes) ||
        *p != '\0' || hours > 23 || minutes > 59)
        return false;
    *seconds = (hours * 60 + minutes) * (sign == '-' ? -60 : 60);
    return true;
}

bool conf_rfc3339(const char *s, uint64_t *us)
{
    int64_t year, month, day, hour, minute, second, part, zone;
    const char *p = s;
    if (!field(&p, 4, '-', &year) || !field(&p, 2, '-', &month) || !field(&p, 2, 0, &day) ||
        (*p != 'T' && *p != 't' && *p != ' '))
        return false;
    p++;
    if (!field(&p, 2, ':', &hour) || !field(&p, 2, ':', &minute) || !field(&p, 2, 0, &second) ||
        !fraction(&p, &part) || !zone_offset_parse(p, &zone))
        return false;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_of_month(year, month) ||
        hour > 23 || minute > 59 || second > 60)
        return false;
    int64_t t =
        days_since_1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - zone;
    if (t < 0)
        return false;
    *us = (uint64_t)(t * 1000000 + part);
    return true;
}

bool conf_origin(const struct conf_key *k, const struct conf_node *n, struct conf_arena *a,
                 struct conf_report *r, struct conf_start *out)
{
    if (!conf_text_check(k, n, r))
        return false;
    struct conf_start start = {.kind = CONF_START_NOW};
    const char *s = n->text, *colon = strrchr(s, ':');
    int64_t offset;
    bool ok = true;
    if (strcmp(s, "earliest") == 0) {
        start.kind = CONF_START_EARLIEST;
    } else if (strncmp(s, "gtid:", 5) == 0) {
        start.kind = CONF_START_GTID;
        start.gtid_set = s + 5;
        ok = s[5] != '\0';
    } else if (strncmp(s, "time:", 5) == 0) {
        start.kind = CONF_START_TIME;
        ok = conf_rfc3339(s + 5, &start.time_us);
    } else if (strcmp(s, "now") != 0) {
        start.kind = CONF_START_FILE;
        ok = colon != NULL && colon > s && strchr(s, '/') == NULL &&
             conf_digits(colon + 1, strlen(colon + 1), &offset) && offset >= 4;
        if (ok) {
            start.offset = (uint64_t)offset;
            start.file = conf_text(a, s, (size_t)(colon - s));
            ok = start.file != NULL;
        }
    }
    if (ok)
        *out = start;
    else
        conf_problem(r, n->at,
                     "%s: \"%.100s\" is none of now, earliest, FILE:POS (from 4), gtid:SET and "
                     "time:RFC3339 (2026-01-31T12:00:00Z)",
                     k->path, s);
    return ok;
}

bool conf_offset(const struct conf_key *k, const struct conf_node *n, struct conf_report *r,
                 struct conf_zone *out)
{
    int64_t seconds = 0;
    if (!conf_text_check(k, n, r))
        return false;
    bool of_source = strcmp(n->text, "source") == 0;
    if (!of_source && strcmp(n->text, "UTC") != 0 &&
        (!zone_offset_parse(n->text, &seconds) || seconds > 14 * 3600 || seconds <= -14 * 3600)) {
        conf_problem(r, n->at,
                     "%s: \"%.100s\" is none of source, UTC and +HH:MM (-13:59 to +14:00)", k->path,
                     n->text);
        return false;
    }
    *out = (struct conf_zone){.of_source = of_source, .offset_s = (int32_t)seconds};
    return true;
}
