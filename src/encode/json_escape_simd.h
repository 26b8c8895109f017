/*
 * The escaping loops over vectors, included by one .c file per instruction set
 * after it has defined:
 *
 *   VEC                      bytes in a vector, 16 or 32
 *   vec                      its type
 *   vec_load, vec_store      unaligned
 *   vec_zero()
 *   vec_or(a, b)
 *   vec_special(v)           a mask, not zero if a byte needs an escape; the
 *                            first such byte is VEC_FIRST(mask), and there
 *                            are VEC_COUNT(mask) of them
 *   vec_any_high(v)          some byte is 0x80 or more
 *   vec_any(v)               some bit is set
 *   vec_utf8_errors(v, prev) not zero where v, coming after prev, is no UTF-8
 *   vec_incomplete(v)        not zero if v ends inside a character
 *
 * UTF-8 is checked by looking up the nibbles of each byte and of the one
 * before it (Keiser and Lemire, "Validating UTF-8 in less than one instruction
 * per byte"). Errors are collected and looked at once at the end, for text is
 * nearly always valid.
 */
#include "encode/json_escape_int.h"

/*
 * What is wrong with two neighbouring bytes, a bit each. Three lookups (first
 * byte's high nibble, its low nibble, second byte's high nibble) give the set
 * of faults that the nibble allows; what all three allow is a fault. TWO_CONTS
 * is none if the character has at least three bytes, which is checked apart.
 */
enum {
    TOO_SHORT = 1 << 0,  /* a lead byte, then no continuation */
    TOO_LONG = 1 << 1,   /* ASCII, then a continuation */
    OVERLONG_3 = 1 << 2, /* E0 80..9F */
    TOO_LARGE = 1 << 3,  /* F4 90..BF, or F5 and more with 90..BF */
    SURROGATE = 1 << 4,  /* ED A0..BF */
    OVERLONG_2 = 1 << 5, /* C0 or C1 */
    OVERLONG_4 = 1 << 6, /* F0 80..8F; F5 and more with 80..8F */
    TWO_CONTS = 1 << 7,  /* two continuations */
    CARRY = TOO_SHORT | TOO_LONG | TWO_CONTS,
};

/* clang-format off */
#define UTF8_FIRST_HIGH                                                                   \
    TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,       \
    (int8_t)TWO_CONTS, (int8_t)TWO_CONTS, (int8_t)TWO_CONTS, (int8_t)TWO_CONTS,           \
    TOO_SHORT | OVERLONG_2, TOO_SHORT, TOO_SHORT | OVERLONG_3 | SURROGATE,                \
    TOO_SHORT | TOO_LARGE | OVERLONG_4
#define UTF8_FIRST_LOW                                                                    \
    (int8_t)(CARRY | OVERLONG_2 | OVERLONG_3 | OVERLONG_4), (int8_t)(CARRY | OVERLONG_2), \
    (int8_t)CARRY, (int8_t)CARRY, (int8_t)(CARRY | TOO_LARGE),                            \
    (int8_t)(CARRY | TOO_LARGE | OVERLONG_4), (int8_t)(CARRY | TOO_LARGE | OVERLONG_4),   \
    (int8_t)(CARRY | TOO_LARGE | OVERLONG_4), (int8_t)(CARRY | TOO_LARGE | OVERLONG_4),   \
    (int8_t)(CARRY | TOO_LARGE | OVERLONG_4), (int8_t)(CARRY | TOO_LARGE | OVERLONG_4),   \
    (int8_t)(CARRY | TOO_LARGE | OVERLONG_4), (int8_t)(CARRY | TOO_LARGE | OVERLONG_4),   \
    (int8_t)(CARRY | TOO_LARGE | OVERLONG_4 | SURROGATE),                                 \
    (int8_t)(CARRY | TOO_LARGE | OVERLONG_4), (int8_t)(CARRY | TOO_LARGE | OVERLONG_4)
#define UTF8_SECOND_HIGH                                                                  \
    TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, \
    (int8_t)(TOO_LONG | OVERLONG_2 | TWO_CONTS | OVERLONG_3 | OVERLONG_4),                \
    (int8_t)(TOO_LONG | OVERLONG_2 | TWO_CONTS | OVERLONG_3 | TOO_LARGE),                 \
    (int8_t)(TOO_LONG | OVERLONG_2 | TWO_CONTS | SURROGATE | TOO_LARGE),                  \
    (int8_t)(TOO_LONG | OVERLONG_2 | TWO_CONTS | SURROGATE | TOO_LARGE),                  \
    TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT
/* clang-format on */

static inline vec vec_utf8_errors(vec v, vec prev);
static inline vec vec_incomplete(vec v);

struct utf8_check {
    vec prev;       /* the vector before */
    vec incomplete; /* not zero: the text so far ends inside a character */
    vec errors;
};

static inline void utf8_check_next(struct utf8_check *check, vec v)
{
    if (__builtin_expect(vec_any_high(v), 0)) {
        check->errors = vec_or(check->errors, vec_utf8_errors(v, check->prev));
        check->incomplete = vec_incomplete(v);
    } else {
        check->errors = vec_or(check->errors, check->incomplete);
        check->incomplete = vec_zero();
    }
    check->prev = v;
}

/*
 * Whole vectors of in .. end. Stops where less than a vector is left, and says
 * where. After an escape it goes on right behind the escaped byte, which as
 * ASCII leaves no character open; where escapes are many, as in JSON, the rest
 * of the vector goes byte by byte.
 */
#define DENSE 3

static inline uint8_t *escape_vectors(struct utf8_check *check, uint8_t *out, const uint8_t **from,
                                      const uint8_t *end)
{
    const uint8_t *in = *from;
    while (end - in >= VEC) {
        vec v = vec_load(in);
        vec_store(out, v);
        utf8_check_next(check, v);
        uint64_t special = vec_special(v);
        if (__builtin_expect(special == 0, 1)) {
            in += VEC;
            out += VEC;
            continue;
        }
        unsigned i = VEC_FIRST(special);
        out = json_escape_put(out + i, in[i]);
        in += i + 1;
        check->prev = vec_zero();
        check->incomplete = vec_zero();
        if (VEC_COUNT(special) > DENSE && !vec_any_high(v))
            for (; i + 1 < VEC; i++)
                out = json_escape_put(out, *in++);
    }
    *from = in;
    return out;
}

/* The last n bytes, 1 to VEC - 1, with spaces behind them so that they make whole vectors. */
static uint8_t *escape_tail(struct utf8_check *check, uint8_t *out, const uint8_t *in, size_t n)
{
    uint8_t buf[2 * VEC];
    memset(buf, ' ', sizeof buf);
    memcpy(buf, in, n);
    const uint8_t *p = buf;
    for (;;) {
        vec v = vec_load(p);
        vec_store(out, v);
        utf8_check_next(check, v);
        uint64_t special = vec_special(v);
        size_t left = (size_t)(buf + n - p);
        if (special == 0)
            return out + left;
        unsigned i = VEC_FIRST(special);
        out = json_escape_put(out + i, p[i]);
        p += i + 1;
        check->prev = vec_zero();
        check->incomplete = vec_zero();
    }
}

static uint8_t *utf8(uint8_t *out, const uint8_t *in, size_t len)
{
    const uint8_t *start = in;
    const uint8_t *end = in + len;
    if (len < VEC && json_escape_copy_plain(out, in, len))
        return out + len;

    struct utf8_check check = {vec_zero(), vec_zero(), vec_zero()};
    out = escape_vectors(&check, out, &in, end);
    size_t left = (size_t)(end - in);
    if (left > 0) {
        /*
         * The last vector of the text, which overlaps with what is written. If
         * it is all plain, its first bytes stand there just so.
         */
        vec v;
        if (end - start >= VEC && (v = vec_load(end - VEC), !vec_any_high(v)) &&
            vec_special(v) == 0) {
            vec_store(out + left - VEC, v);
            out += left;
        } else {
            out = escape_tail(&check, out, in, left);
        }
    }
    check.errors = vec_or(check.errors, check.incomplete);
    return vec_any(check.errors) ? NULL : out;
}

static uint8_t *latin1(uint8_t *out, const uint8_t *in, size_t len)
{
    const uint8_t *end = in + len;
    while (end - in >= VEC) {
        vec v = vec_load(in);
        if (!vec_any_high(v) && vec_special(v) == 0) {
            vec_store(out, v);
            in += VEC;
            out += VEC;
            continue;
        }
        for (unsigned i = 0; i < VEC; i++)
            out = json_escape_put(out, *in++);
    }
    if (json_escape_copy_plain(out, in, (size_t)(end - in)))
        return out + (end - in);
    while (in < end)
        out = json_escape_put(out, *in++);
    return out;
}
