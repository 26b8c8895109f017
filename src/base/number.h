/*
 * Numbers to decimal text.
 *
 * Every function writes at p, without a NUL, and returns the end of what it
 * wrote. The caller has room for the constant named with the function; nothing
 * is written beyond that.
 *
 * Floating-point text is the shortest decimal that reads back to the same
 * number of the same width, and of those the one nearest to it. FLOAT is
 * printed from the float, never widened to double first (0.1f is "0.1").
 *
 * Any thread.
 */
#pragma once

#include <stdint.h>
#include <string.h>

#define NUMBER_U64_MAX    20 /* 18446744073709551615 */
#define NUMBER_I64_MAX    20 /* -9223372036854775808 */
#define NUMBER_DOUBLE_MAX 36 /* any layout, float or double */

/* "00" to "99", two bytes each. */
extern const char number_pairs[201];

uint8_t *number_u64(uint8_t *p, uint64_t v);
uint8_t *number_i64(uint8_t *p, int64_t v);

/* Fixed width, zero padded: for dates and fractions. v must fit. */
static inline uint8_t *number_2digits(uint8_t *p, uint32_t v)
{
    memcpy(p, number_pairs + 2 * v, 2);
    return p + 2;
}

static inline uint8_t *number_4digits(uint8_t *p, uint32_t v)
{
    return number_2digits(number_2digits(p, v / 100), v % 100);
}

static inline uint8_t *number_6digits(uint8_t *p, uint32_t v)
{
    return number_4digits(number_2digits(p, v / 10000), v % 10000);
}

static inline uint8_t *number_8digits(uint8_t *p, uint32_t v)
{
    return number_4digits(number_4digits(p, v / 10000), v % 10000);
}

static inline uint8_t *number_9digits(uint8_t *p, uint32_t v)
{
    *p = (uint8_t)('0' + v / 100000000);
    return number_8digits(p + 1, v % 100000000);
}

/* The shortest decimal of a finite number other than zero: digits * 10^exponent, as written. */
struct number_decimal {
    uint64_t digits; /* at most 17 of them, may end in zeros */
    int exponent;
};
struct number_decimal number_shortest_double(double v);
struct number_decimal number_shortest_float(float v);

/*
 * Java's Double.toString and Float.toString (JDK 19 and later): plain for
 * 1e-3 <= |v| < 1e7 with at least one digit after the point, else "1.0E10",
 * "1.5E-7". "0.0", "-0.0", "NaN", "Infinity", "-Infinity".
 */
uint8_t *number_double_java(uint8_t *p, double v);
uint8_t *number_float_java(uint8_t *p, float v);

/*
 * The server's text of a DOUBLE (my_gcvt): plain digits for
 * 1e-15 <= |v| < 1e15, and above that as long as digits follow the point
 * ("1100000000000001.5"); else "1e15", "1.5e-16". Zero of either sign is "0"
 * and "-0". Text of JSON numbers is this with ".0" added when it has neither
 * '.' nor 'e'; number_double_mysql_json() does that.
 */
uint8_t *number_double_mysql(uint8_t *p, double v);
uint8_t *number_double_mysql_json(uint8_t *p, double v);
