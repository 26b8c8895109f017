/*
 * Packed decimals to text.
 *
 * The digits before and after the point stand in groups of nine, each a
 * big-endian number of four bytes; the odd digits are in a shorter group, the
 * first before the point, the last after it. The top bit of the first byte is
 * flipped, and of a negative number every bit.
 */
#include "base/number.h"
#include "base/reader.h"
#include "schema/cell_text.h"

#define DIGITS_PER_GROUP 9
#define PRECISION_MAX    81 /* the server has nine groups; columns use 65, JSON counts in groups */
#define PACKED_MAX       40

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

/* A copy with the sign's doings undone. */
static bool unpack(struct slice packed, uint8_t bytes[PACKED_MAX])
{
    bool negative = (packed.ptr[0] & 0x80) == 0;
    memcpy(bytes, packed.ptr, packed.len);
    bytes[0] ^= 0x80;
    if (negative)
        for (size_t i = 0; i < packed.len; i++)
            bytes[i] ^= 0xFF;
    return negative;
}

/*
 * Digits before the point: zeros in front are left out, so the first group
 * that is not zero is written as it is and those behind it in full. NULL: a
 * group has more digits than it may.
 */
static uint8_t *put_whole(uint8_t *p, const uint8_t **b, unsigned digits)
{
    unsigned odd = digits % DIGITS_PER_GROUP;
    unsigned n = odd > 0 ? odd : DIGITS_PER_GROUP; /* of the group that comes next */
    const uint8_t *start = p;
    for (; digits > 0; digits -= n, n = DIGITS_PER_GROUP) {
        if (n > digits)
            return NULL;
        uint32_t v = (uint32_t)load_be(*b, group_bytes[n]);
        *b += group_bytes[n];
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
static uint8_t *put_scale(uint8_t *p, const uint8_t *b, unsigned digits)
{
    *p++ = '.';
    while (digits > 0) {
        unsigned n = digits < DIGITS_PER_GROUP ? digits : DIGITS_PER_GROUP;
        uint32_t v = (uint32_t)load_be(b, group_bytes[n]);
        b += group_bytes[n];
        if (v >= group_end[n])
            return NULL;
        number_9digits(p, v * group_end[DIGITS_PER_GROUP - n]);
        p += n;
        digits -= n;
    }
    return p;
}

uint8_t *cell_decimal_text(uint8_t *p, struct slice packed, unsigned precision, unsigned scale)
{
    uint8_t bytes[PACKED_MAX];
    const uint8_t *b = bytes;
    if (precision == 0 || precision > PRECISION_MAX || scale > precision ||
        packed.len != cell_decimal_size(precision, scale))
        return NULL;
    if (unpack(packed, bytes))
        *p++ = '-';
    p = put_whole(p, &b, precision - scale);
    return p == NULL || scale == 0 ? p : put_scale(p, b, scale);
}
