/*
 * Packed decimals to text, and back.
 *
 * The digits before and after the point stand in groups of nine, each a
 * big-endian number of four bytes; the odd digits are in a shorter group, the
 * first before the point, the last after it. The top bit of the first byte is
 * flipped, and of a negative number every bit.
 */
#include "base/number.h"
#include "schema/cell_text.h"

#define DIGITS_PER_GROUP 9
#define PRECISION_MAX    81 /* the server has nine groups; columns use 65, JSON counts in groups */

/* Bytes of a group of so many digits, and the first number that has one more. */
static const uint8_t group_bytes[DIGITS_PER_GROUP + 1] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};
static const uint32_t group_end[DIGITS_PER_GROUP + 1] = {
    1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000,
};

size_t cell_decimal_size(unsigned precision, unsigned scale)
{
    unsigned whole = precision - scale;
    return whole / DIGITS_PER_GROUP * 4 + group_bytes[whole % DIGITS_PER_GROUP] +
           scale / DIGITS_PER_GROUP * 4 + group_bytes[scale % DIGITS_PER_GROUP];
}

/* Where reading stands, and what undoes the sign: all ones when negative; the flip but once. */
struct groups {
    const uint8_t *b;
    uint32_t mask;
    uint8_t flip;
};

/* The next group, of 1 to 9 digits. */
static inline uint32_t take_group(struct groups *g, unsigned digits)
{
    const uint8_t *b = g->b;
    uint32_t first = b[0] ^ g->flip;
    g->flip = 0;
    switch (group_bytes[digits]) {
    case 1:
        g->b += 1;
        return first ^ (g->mask & 0xFF);
    case 2:
        g->b += 2;
        return (first << 8 | b[1]) ^ (g->mask & 0xFFFF);
    case 3:
        g->b += 3;
        return (first << 16 | (uint32_t)b[1] << 8 | b[2]) ^ (g->mask & 0xFFFFFF);
    default:
        g->b += 4;
        return (first << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]) ^ g->mask;
    }
}

/*
 * Digits before the point: zeros in front are left out, so the first group
 * that is not zero is written as it is and those behind it in full. NULL: a
 * group has more digits than it may.
 */
static uint8_t *put_whole(uint8_t *p, struct groups *g, unsigned digits)
{
    unsigned odd = digits % DIGITS_PER_GROUP;
    unsigned n = odd > 0 ? odd : DIGITS_PER_GROUP; /* of the group that comes next */
    const uint8_t *start = p;
    for (; digits > 0; digits -= n, n = DIGITS_PER_GROUP) {
        uint32_t v = take_group(g, n);
        if (v >= group_end[n])
            return NULL;
        if (p != start)
            p = number_9digits(p, v);
        else if (v != 0)
            p = number_u64(p, v);
    }
    if (p == start)
        *p++ = '0';
    return p;
}

/* Digits after the point, all of them. The odd ones are written as nine and cut. */
static uint8_t *put_scale(uint8_t *p, struct groups *g, unsigned digits)
{
    *p++ = '.';
    while (digits > 0) {
        unsigned n = digits < DIGITS_PER_GROUP ? digits : DIGITS_PER_GROUP;
        uint32_t v = take_group(g, n);
        if (v >= group_end[n])
            return NULL;
        if (n == 2) /* prices */
            number_2digits(p, v);
        else
            number_9digits(p, v * group_end[DIGITS_PER_GROUP - n]);
        p += n;
        digits -= n;
    }
    return p;
}

uint8_t *cell_decimal_text(uint8_t *p, struct slice packed, unsigned precision, unsigned scale)
{
    if (precision == 0 || precision > PRECISION_MAX || scale > precision ||
        packed.len != cell_decimal_size(precision, scale))
        return NULL;
    bool negative = (packed.ptr[0] & 0x80) == 0;
    struct groups g = {packed.ptr, negative ? UINT32_MAX : 0, 0x80};
    if (negative)
        *p++ = '-';
    p = put_whole(p, &g, precision - scale);
    return p == NULL || scale == 0 ? p : put_scale(p, &g, scale);
}

/* n digits as a number; *bad collects whether one of them was none. */
static uint32_t read_digits(const uint8_t *text, unsigned n, unsigned *bad)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < n; i++) {
        unsigned d = (unsigned)(text[i] - '0');
        *bad |= d > 9;
        v = v * 10 + d;
    }
    return v;
}

static uint8_t *put_group(uint8_t *out, uint32_t v, unsigned digits)
{
    for (unsigned n = group_bytes[digits]; n > 0; n--)
        *out++ = (uint8_t)(v >> (8 * (n - 1)));
    return out;
}

/* The digits before the point, into groups for `whole` of them: zeros in front as needed. */
static uint8_t *pack_whole(const uint8_t *text, unsigned n, unsigned whole, uint8_t *out,
                           unsigned *bad, uint32_t *any)
{
    unsigned group = whole % DIGITS_PER_GROUP;
    group = group > 0 ? group : DIGITS_PER_GROUP;
    for (unsigned left = whole; left > 0; left -= group, group = DIGITS_PER_GROUP) {
        unsigned behind = left - group; /* digits of the groups behind this one */
        unsigned here = n > behind ? n - behind : 0;
        uint32_t v = read_digits(text, here, bad);
        text += here;
        n -= here;
        *any |= v;
        out = put_group(out, v, group);
    }
    return out;
}

static void pack_scale(const uint8_t *text, unsigned scale, uint8_t *out, unsigned *bad,
                       uint32_t *any)
{
    while (scale > 0) {
        unsigned n = scale < DIGITS_PER_GROUP ? scale : DIGITS_PER_GROUP;
        uint32_t v = read_digits(text, n, bad);
        *any |= v;
        out = put_group(out, v, n);
        text += n;
        scale -= n;
    }
}

bool cell_decimal_pack(struct slice text, unsigned precision, unsigned scale, uint8_t *out)
{
    if (precision == 0 || precision > PRECISION_MAX || scale > precision)
        return false;
    const uint8_t *p = text.ptr, *end = p + text.len;
    bool negative = p < end && *p == '-';
    p += negative;
    size_t behind = scale > 0 ? scale + 1u : 0; /* the point and what follows */
    if ((size_t)(end - p) < behind)
        return false;
    const uint8_t *point = end - behind;
    if (scale > 0 && *point != '.')
        return false;
    while (p < point && *p == '0')
        p++;
    if ((size_t)(point - p) > precision - scale)
        return false;
    unsigned bad = 0;
    uint32_t any = 0;
    uint8_t *tail = pack_whole(p, (unsigned)(point - p), precision - scale, out, &bad, &any);
    if (scale > 0)
        pack_scale(point + 1, scale, tail, &bad, &any);
    if (negative && any != 0)
        for (size_t i = cell_decimal_size(precision, scale); i > 0; i--)
            out[i - 1] = (uint8_t)~out[i - 1];
    out[0] ^= 0x80;
    return bad == 0;
}
