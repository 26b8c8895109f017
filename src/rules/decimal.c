#include "rules/decimal.h"

#include "base/number.h"

#include <stdlib.h>

static const uint32_t power[DEC_GROUP_WIDTH + 1] = {
    1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000,
};

static int magnitude_cmp(const struct dec *a, const struct dec *b)
{
    for (int i = 0; i < DEC_GROUPS; i++)
        if (a->group[i] != b->group[i])
            return a->group[i] < b->group[i] ? -1 : 1;
    return 0;
}

bool dec_is_zero(const struct dec *d)
{
    for (int i = 0; i < DEC_GROUPS; i++)
        if (d->group[i] != 0)
            return false;
    return true;
}

/* 65 digits before the point: seven groups and two digits. */
static bool fits(const struct dec *d)
{
    return d->group[0] < 100;
}

static bool finish(struct dec *d, struct dec *out)
{
    if (!fits(d))
        return false;
    if (d->negative && dec_is_zero(d))
        d->negative = false;
    *out = *d;
    return true;
}

void dec_of_u64(uint64_t v, struct dec *out)
{
    *out = (struct dec){0};
    for (int i = DEC_WHOLE - 1; v != 0; i--, v /= DEC_GROUP)
        out->group[i] = (uint32_t)(v % DEC_GROUP);
}

void dec_of_i64(int64_t v, struct dec *out)
{
    dec_of_u64(v < 0 ? 0 - (uint64_t)v : (uint64_t)v, out);
    out->negative = v < 0;
}

/* The digits before the point, from the last one on. */
static bool whole_digits(const uint8_t *p, size_t n, struct dec *d)
{
    while (n > 0 && *p == '0')
        p++, n--;
    if (n > DEC_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (p[n - 1 - i] < '0' || p[n - 1 - i] > '9')
            return false;
        d->group[DEC_WHOLE - 1 - i / 9] += (uint32_t)(p[n - 1 - i] - '0') * power[i % 9];
    }
    return true;
}

bool dec_of_text(struct slice text, struct dec *out)
{
    struct dec d = {0};
    const uint8_t *p = text.ptr, *end = p + text.len;
    if (p < end && (*p == '-' || *p == '+'))
        d.negative = *p++ == '-';
    const uint8_t *point = memchr(p, '.', (size_t)(end - p));
    size_t whole = (size_t)((point != NULL ? point : end) - p);
    size_t fraction = point != NULL ? (size_t)(end - point) - 1 : 0;
    if (whole + fraction == 0 || fraction > DEC_FRACTION * DEC_GROUP_WIDTH ||
        !whole_digits(p, whole, &d))
        return false;
    for (size_t i = 0; i < fraction; i++) {
        uint8_t c = point[1 + i];
        if (c < '0' || c > '9')
            return false;
        d.group[DEC_WHOLE + i / 9] += (uint32_t)(c - '0') * power[8 - i % 9];
    }
    d.scale = (uint8_t)fraction;
    return finish(&d, out);
}

int dec_cmp(const struct dec *a, const struct dec *b)
{
    if (a->negative != b->negative)
        return a->negative ? -1 : 1;
    int c = magnitude_cmp(a, b);
    return a->negative ? -c : c;
}

static void add_magnitudes(const struct dec *a, const struct dec *b, struct dec *out)
{
    uint32_t carry = 0;
    for (int i = DEC_GROUPS - 1; i >= 0; i--) {
        uint32_t sum = a->group[i] + b->group[i] + carry;
        carry = sum >= DEC_GROUP;
        out->group[i] = carry ? sum - DEC_GROUP : sum;
    }
}

/* a is not less than b. */
static void subtract_magnitudes(const struct dec *a, const struct dec *b, struct dec *out)
{
    uint32_t borrow = 0;
    for (int i = DEC_GROUPS - 1; i >= 0; i--) {
        uint32_t less = b->group[i] + borrow;
        borrow = a->group[i] < less;
        out->group[i] = a->group[i] + (borrow ? DEC_GROUP : 0) - less;
    }
}

bool dec_add(const struct dec *a, const struct dec *b, struct dec *out)
{
    struct dec d = {.scale = a->scale > b->scale ? a->scale : b->scale};
    if (a->negative == b->negative) {
        d.negative = a->negative;
        add_magnitudes(a, b, &d);
    } else if (magnitude_cmp(a, b) >= 0) {
        d.negative = a->negative;
        subtract_magnitudes(a, b, &d);
    } else {
        d.negative = b->negative;
        subtract_magnitudes(b, a, &d);
    }
    return finish(&d, out);
}

bool dec_sub(const struct dec *a, const struct dec *b, struct dec *out)
{
    struct dec minus = *b;
    minus.negative = !b->negative;
    return dec_add(a, &minus, out);
}

bool dec_mul(const struct dec *a, const struct dec *b, struct dec *out)
{
    uint64_t wide[2 * DEC_GROUPS] = {0};
    if (a->scale + b->scale > DEC_FRACTION * DEC_GROUP_WIDTH)
        return false;
    for (int i = DEC_GROUPS - 1; i >= 0; i--) {
        uint64_t carry = 0;
        for (int j = DEC_GROUPS - 1; j >= 0; j--) {
            uint64_t sum = wide[i + j + 1] + (uint64_t)a->group[i] * b->group[j] + carry;
            wide[i + j + 1] = sum % DEC_GROUP;
            carry = sum / DEC_GROUP;
        }
        wide[i] += carry;
    }
    struct dec d = {.negative = a->negative != b->negative,
                    .scale = (uint8_t)(a->scale + b->scale)};
    for (int i = 0; i < DEC_WHOLE; i++)
        if (wide[i] != 0)
            return false;
    for (int i = 0; i < DEC_GROUPS; i++)
        d.group[i] = (uint32_t)wide[DEC_WHOLE + i];
    return finish(&d, out);
}

#define WIDE_MAX (DEC_GROUPS + DEC_FRACTION + 1)

/*
 * Long division of n groups by m, most significant first and without zeros in
 * front of the divisor ("Algorithm D", Knuth). The quotient gets n groups,
 * the remainder is left in u, which has one group of room in front.
 */
static void divide(uint32_t *u, int n, const uint32_t *v, int m, uint32_t *q)
{
    uint32_t scaled[WIDE_MAX];
    uint32_t factor = DEC_GROUP / (v[0] + 1);
    uint64_t carry = 0;
    for (int i = n; i >= 0; i--) {
        uint64_t x = (uint64_t)u[i] * factor + carry;
        u[i] = (uint32_t)(x % DEC_GROUP);
        carry = x / DEC_GROUP;
    }
    carry = 0;
    for (int i = m - 1; i >= 0; i--) {
        uint64_t x = (uint64_t)v[i] * factor + carry;
        scaled[i] = (uint32_t)(x % DEC_GROUP);
        carry = x / DEC_GROUP;
    }
    for (int at = 0; at + m <= n; at++) {
        uint64_t top = (uint64_t)u[at] * DEC_GROUP + u[at + 1];
        uint64_t guess = top / scaled[0], rest = top % scaled[0];
        while (guess >= DEC_GROUP ||
               (m > 1 && rest < DEC_GROUP && guess * scaled[1] > rest * DEC_GROUP + u[at + 2])) {
            guess--;
            rest += scaled[0];
        }
        int64_t borrow = 0;
        for (int i = m - 1; i >= 0; i--) {
            int64_t x = (int64_t)u[at + 1 + i] - (int64_t)(guess * scaled[i] % DEC_GROUP) + borrow;
            borrow = -(int64_t)(guess * scaled[i] / DEC_GROUP);
            if (x < 0) {
                borrow -= (-x + DEC_GROUP - 1) / DEC_GROUP;
                x += (-x + DEC_GROUP - 1) / DEC_GROUP * DEC_GROUP;
            }
            u[at + 1 + i] = (uint32_t)x;
        }
        int64_t head = (int64_t)u[at] + borrow;
        u[at] = 0;
        if (head < 0) { /* one too many: put the divisor back once */
            guess--;
            uint32_t over = 0;
            for (int i = m - 1; i >= 0; i--) {
                uint32_t sum = u[at + 1 + i] + scaled[i] + over;
                over = sum >= DEC_GROUP;
                u[at + 1 + i] = over ? sum - DEC_GROUP : sum;
            }
        }
        q[at + m - 1] = (uint32_t)guess;
    }
    uint64_t left = 0; /* the remainder, scaled back */
    for (int i = 0; i <= n; i++) {
        uint64_t x = left * DEC_GROUP + u[i];
        u[i] = (uint32_t)(x / factor);
        left = x % factor;
    }
}

/* a * 10^(9 * shift) / b, both as whole numbers of all their groups. */
static bool divide_groups(const struct dec *a, const struct dec *b, int shift,
                          uint32_t quotient[WIDE_MAX], uint32_t rest[WIDE_MAX])
{
    int skip = 0;
    while (skip < DEC_GROUPS && b->group[skip] == 0)
        skip++;
    if (skip == DEC_GROUPS)
        return false;
    int n = DEC_GROUPS + shift;
    memset(quotient, 0, WIDE_MAX * sizeof(*quotient));
    memset(rest, 0, WIDE_MAX * sizeof(*rest));
    memcpy(rest + 1, a->group, sizeof(a->group));
    divide(rest, n, b->group + skip, DEC_GROUPS - skip, quotient);
    return true;
}

static unsigned groups_of(unsigned digits)
{
    return (digits + DEC_GROUP_WIDTH - 1) / DEC_GROUP_WIDTH;
}

unsigned dec_div_scale(unsigned a, unsigned b)
{
    unsigned wide_a = groups_of(a) * DEC_GROUP_WIDTH, wide_b = groups_of(b) * DEC_GROUP_WIDTH;
    unsigned spare = wide_a - a + wide_b - b;
    unsigned more = spare < 4 ? 4 - spare : 0;
    return groups_of(wide_a + wide_b + more) * DEC_GROUP_WIDTH;
}

bool dec_div(const struct dec *a, const struct dec *b, struct dec *out)
{
    unsigned scale = dec_div_scale(a->scale, b->scale);
    uint32_t quotient[WIDE_MAX], rest[WIDE_MAX];
    if (scale > DEC_FRACTION * DEC_GROUP_WIDTH)
        return false;
    int groups = (int)(scale / DEC_GROUP_WIDTH);
    if (!divide_groups(a, b, groups, quotient, rest))
        return false;
    struct dec d = {.negative = a->negative != b->negative, .scale = (uint8_t)scale};
    int n = DEC_GROUPS + groups; /* the last `groups` of these are the fraction */
    for (int i = 0; i < n; i++) {
        int to = DEC_WHOLE + groups - n + i;
        if (to >= 0)
            d.group[to] = quotient[i];
        else if (quotient[i] != 0)
            return false;
    }
    return finish(&d, out);
}

bool dec_mod(const struct dec *a, const struct dec *b, struct dec *out)
{
    uint32_t quotient[WIDE_MAX], rest[WIDE_MAX];
    if (!divide_groups(a, b, 0, quotient, rest))
        return false;
    struct dec d = {.negative = a->negative, .scale = a->scale > b->scale ? a->scale : b->scale};
    memcpy(d.group, rest + 1, sizeof(d.group));
    return finish(&d, out);
}

bool dec_to_u64(const struct dec *d, uint64_t *out)
{
    unsigned __int128 v = 0;
    for (int i = 0; i < DEC_WHOLE; i++) {
        v = v * DEC_GROUP + d->group[i];
        if (v > UINT64_MAX)
            return false;
    }
    if (d->negative && v != 0)
        return false;
    *out = (uint64_t)v;
    return true;
}

bool dec_to_i64(const struct dec *d, int64_t *out)
{
    struct dec plus = *d;
    uint64_t v;
    plus.negative = false;
    if (!dec_to_u64(&plus, &v) || v > (uint64_t)INT64_MAX + d->negative)
        return false;
    *out = d->negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

bool dec_round(const struct dec *d, unsigned scale, struct dec *out)
{
    if (scale >= d->scale) {
        *out = *d;
        out->scale = (uint8_t)scale;
        return scale <= DEC_FRACTION * DEC_GROUP_WIDTH;
    }
    struct dec half = {.negative = d->negative, .scale = (uint8_t)(scale + 1)}, sum;
    half.group[DEC_WHOLE + scale / 9] = 5 * power[8 - scale % 9];
    if (!dec_add(d, &half, &sum))
        return false;
    unsigned keep = scale % 9;
    unsigned at = DEC_WHOLE + scale / 9;
    sum.group[at] -= sum.group[at] % power[9 - keep];
    memset(&sum.group[at + 1], 0, (DEC_GROUPS - at - 1) * sizeof(sum.group[0]));
    sum.scale = (uint8_t)scale;
    return finish(&sum, out);
}

uint8_t *dec_text(uint8_t *p, const struct dec *d)
{
    if (d->negative)
        *p++ = '-';
    int first = 0;
    while (first < DEC_WHOLE - 1 && d->group[first] == 0)
        first++;
    p = number_u64(p, d->group[first]);
    for (int i = first + 1; i < DEC_WHOLE; i++)
        p = number_9digits(p, d->group[i]);
    if (d->scale == 0)
        return p;
    *p++ = '.';
    for (int i = 0; i < DEC_FRACTION; i++)
        number_9digits(p + 9 * i, d->group[DEC_WHOLE + i]);
    return p + d->scale;
}

double dec_to_double(const struct dec *d)
{
    char text[DEC_TEXT_MAX + 1];
    *dec_text((uint8_t *)text, d) = '\0';
    return strtod(text, NULL);
}
