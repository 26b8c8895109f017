#include "base/number.h"

#include "base/number_pow10.h"

#include <stdbool.h>

/* clang-format off */
const char number_pairs[201] =
    "00010203040506070809" "10111213141516171819" "20212223242526272829" "30313233343536373839"
    "40414243444546474849" "50515253545556575859" "60616263646566676869" "70717273747576777879"
    "80818283848586878889" "90919293949596979899";
/* clang-format on */

/* --- integers --- */

/* 1 to 8 digits, without leading zeros. */
static uint8_t *put_below_1e8(uint8_t *p, uint32_t v)
{
    if (v < 100) {
        if (v >= 10)
            return number_2digits(p, v);
        *p = (uint8_t)('0' + v);
        return p + 1;
    }
    if (v < 10000) {
        uint32_t high = v / 100;
        if (high >= 10) {
            p = number_2digits(p, high);
        } else {
            *p++ = (uint8_t)('0' + high);
        }
        return number_2digits(p, v % 100);
    }
    uint32_t high = v / 10000;
    if (high >= 1000) {
        p = number_4digits(p, high);
    } else if (high >= 100) {
        *p++ = (uint8_t)('0' + high / 100);
        p = number_2digits(p, high % 100);
    } else if (high >= 10) {
        p = number_2digits(p, high);
    } else {
        *p++ = (uint8_t)('0' + high);
    }
    return number_4digits(p, v % 10000);
}

uint8_t *number_u64(uint8_t *p, uint64_t v)
{
    if (v < 100000000)
        return put_below_1e8(p, (uint32_t)v);
    if (v < UINT64_C(10000000000000000)) {
        p = put_below_1e8(p, (uint32_t)(v / 100000000));
        return number_8digits(p, (uint32_t)(v % 100000000));
    }
    p = put_below_1e8(p, (uint32_t)(v / UINT64_C(10000000000000000)));
    v %= UINT64_C(10000000000000000);
    p = number_8digits(p, (uint32_t)(v / 100000000));
    return number_8digits(p, (uint32_t)(v % 100000000));
}

uint8_t *number_i64(uint8_t *p, int64_t v)
{
    uint64_t u = (uint64_t)v;
    if (v < 0) {
        *p++ = '-';
        u = 0 - u;
    }
    return number_u64(p, u);
}

/* --- shortest decimals --- */

/*
 * The number is c * 2^q. Every real in its rounding interval
 *     (c - 1/2) * 2^q .. (c + 1/2) * 2^q        (the ends included when c is even;
 *     the lower half is 1/4 wide when c is the smallest of its binade)
 * reads back to it. With k chosen as floor(log10 of the interval's width) the
 * interval holds at least one multiple of 10^k and at most one of 10^(k+1), so
 * only the neighbours of the number on these two grids have to be looked at.
 * This is R. Giulietti's Schubfach ("The Schubfach way to render doubles").
 *
 * The number and the interval's ends, times 4, are brought to units of 10^k by
 * one multiplication each with a 128-bit power of ten. The products are
 * "rounded to odd": the last bit is set when anything was cut off, which keeps
 * every comparison with a multiple of 4 exact. The paper shows that 126 bits
 * of the power are enough for every double; floats are a subset.
 */
struct binary {
    uint64_t c;
    int q;
    bool lower_is_nearer; /* c is the smallest of its binade, and there is a binade below */
};

/* floor(log10(2^e)), for |e| <= 1650 */
static int log10_of_pow2(int e)
{
    return (e * 1262611) >> 22;
}

/* floor(log10(3/4 * 2^e)), for |e| <= 1650 */
static int log10_of_three_quarters_pow2(int e)
{
    return (e * 1262611 - 524031) >> 22;
}

/* floor(log2(10^e)), for |e| <= 1233 */
static int log2_of_pow10(int e)
{
    return (e * 1741647) >> 19;
}

/* The top 64 of the 192 bits of g * v, rounded to odd. */
static uint64_t scale_to_odd(const uint64_t g[2], uint64_t v)
{
    unsigned __int128 low = (unsigned __int128)g[1] * v;
    unsigned __int128 high = (unsigned __int128)g[0] * v + (uint64_t)(low >> 64);
    /* g is too large by less than 1, which can leave a 1 where exact bits would be 0. */
    return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

/* digits_min: 10, or 100 when two-digit results win over one-digit ones. */
static struct number_decimal shortest(struct binary b, uint64_t digits_min)
{
    int k = b.lower_is_nearer ? log10_of_three_quarters_pow2(b.q) : log10_of_pow2(b.q);
    int shift = b.q + log2_of_pow10(-k) + 1;
    const uint64_t *g = number_pow10[-k - NUMBER_POW10_MIN];

    uint64_t value = scale_to_odd(g, (4 * b.c) << shift);
    uint64_t low = scale_to_odd(g, (4 * b.c - (b.lower_is_nearer ? 1 : 2)) << shift);
    uint64_t high = scale_to_odd(g, (4 * b.c + 2) << shift);
    if (b.c & 1) { /* the ends read back to the neighbours */
        low++;
        high--;
    }

    uint64_t s = value / 4;
    if (s >= digits_min) {
        uint64_t tens = s / 10;
        bool down_in = low <= 40 * tens;
        bool up_in = 40 * tens + 40 <= high;
        if (down_in != up_in)
            return (struct number_decimal){tens + up_in, k + 1};
    }
    bool down_in = low <= 4 * s;
    bool up_in = 4 * s + 4 <= high;
    if (down_in != up_in)
        return (struct number_decimal){s + up_in, k};
    /* Both or neither: the nearer one, of two equally near the even one. */
    uint64_t middle = 4 * s + 2;
    bool up = value > middle || (value == middle && (s & 1));
    return (struct number_decimal){s + up, k};
}

#define DOUBLE_BITS  52
#define DOUBLE_Q_MIN (-1074)
#define FLOAT_BITS   23
#define FLOAT_Q_MIN  (-149)

static uint64_t double_bits(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static uint32_t float_bits(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static struct binary binary_of(uint64_t fraction, int biased, int fraction_bits, int q_min)
{
    if (biased == 0)
        return (struct binary){fraction, q_min, false};
    return (struct binary){
        .c = fraction | UINT64_C(1) << fraction_bits,
        .q = q_min - 1 + biased,
        .lower_is_nearer = fraction == 0 && biased > 1,
    };
}

static struct binary binary_of_double(double v)
{
    uint64_t bits = double_bits(v);
    return binary_of(bits & ((UINT64_C(1) << DOUBLE_BITS) - 1), (int)(bits >> DOUBLE_BITS & 0x7FF),
                     DOUBLE_BITS, DOUBLE_Q_MIN);
}

static struct binary binary_of_float(float v)
{
    uint32_t bits = float_bits(v);
    return binary_of(bits & ((1u << FLOAT_BITS) - 1), (int)(bits >> FLOAT_BITS & 0xFF), FLOAT_BITS,
                     FLOAT_Q_MIN);
}

struct number_decimal number_shortest_double(double v)
{
    return shortest(binary_of_double(v), 10);
}

struct number_decimal number_shortest_float(float v)
{
    return shortest(binary_of_float(v), 10);
}

/*
 * Java wants the decimal nearest to the number among those of the shortest
 * length, where one digit counts as two: the smallest double is 4.9E-324, not
 * 5E-324. The grid is 10^k, and tiny_below says up to which c the number has
 * one digit on it; such a c is looked at ten times as closely.
 */
static struct number_decimal shortest_java(struct binary b, uint64_t tiny_below)
{
    if (b.c >= tiny_below)
        return shortest(b, 100);
    b.c *= 10;
    struct number_decimal d = shortest(b, 100);
    d.exponent--;
    return d;
}

/* --- layouts --- */

struct digits {
    uint8_t text[20];
    int count; /* without trailing zeros, at least 1 */
    int point; /* the number is 0.DIGITS * 10^point */
};

static struct digits digits_of(struct number_decimal d)
{
    struct digits out;
    while (d.digits % 100 == 0 && d.digits != 0) {
        d.digits /= 100;
        d.exponent += 2;
    }
    if (d.digits % 10 == 0 && d.digits != 0) {
        d.digits /= 10;
        d.exponent++;
    }
    out.count = (int)(number_u64(out.text, d.digits) - out.text);
    out.point = out.count + d.exponent;
    return out;
}

static uint8_t *put(uint8_t *p, const uint8_t *from, int n)
{
    memcpy(p, from, (size_t)n);
    return p + n;
}

static uint8_t *put_zeros(uint8_t *p, int n)
{
    memset(p, '0', (size_t)n);
    return p + n;
}

static uint8_t *put_str(uint8_t *p, const char *s)
{
    size_t n = strlen(s);
    memcpy(p, s, n);
    return p + n;
}

/* "123.45", "0.00123", "12300"; no point when there is no fraction. */
static uint8_t *put_plain(uint8_t *p, const struct digits *d)
{
    if (d->point <= 0) {
        p = put_str(p, "0.");
        p = put_zeros(p, -d->point);
        return put(p, d->text, d->count);
    }
    if (d->count <= d->point) {
        p = put(p, d->text, d->count);
        return put_zeros(p, d->point - d->count);
    }
    p = put(p, d->text, d->point);
    *p++ = '.';
    return put(p, d->text + d->point, d->count - d->point);
}

/* "1.5e-7"; with one digit only, nothing follows it but what fill says. */
static uint8_t *put_scientific(uint8_t *p, const struct digits *d, const char *fill, char e)
{
    *p++ = d->text[0];
    if (d->count > 1) {
        *p++ = '.';
        p = put(p, d->text + 1, d->count - 1);
    } else {
        p = put_str(p, fill);
    }
    *p++ = (uint8_t)e;
    return number_i64(p, d->point - 1);
}

/* Sign, zero and what is not finite. True: that was all, *p is the end. */
static bool put_special(uint8_t **p, bool negative, bool finite, bool zero, bool nan,
                        const char *zero_text)
{
    if (nan) {
        *p = put_str(*p, "NaN");
        return true;
    }
    if (negative)
        *(*p)++ = '-';
    if (!finite)
        *p = put_str(*p, "Infinity");
    else if (zero)
        *p = put_str(*p, zero_text);
    return !finite || zero;
}

static bool put_special_double(uint8_t **p, double v, const char *zero_text)
{
    return put_special(p, double_bits(v) >> 63, __builtin_isfinite(v), v == 0, v != v, zero_text);
}

static uint8_t *put_java(uint8_t *p, struct number_decimal decimal)
{
    struct digits d = digits_of(decimal);
    if (d.point < -2 || d.point > 7) /* below 1e-3, or 1e7 and more */
        return put_scientific(p, &d, ".0", 'E');
    p = put_plain(p, &d);
    return d.count <= d.point ? put_str(p, ".0") : p;
}

uint8_t *number_double_java(uint8_t *p, double v)
{
    if (put_special_double(&p, v, "0.0"))
        return p;
    return put_java(p, shortest_java(binary_of_double(v), 3));
}

uint8_t *number_float_java(uint8_t *p, float v)
{
    if (put_special(&p, float_bits(v) >> 31, __builtin_isfinite(v), v == 0, v != v, "0.0"))
        return p;
    return put_java(p, shortest_java(binary_of_float(v), 8));
}

uint8_t *number_double_mysql(uint8_t *p, double v)
{
    if (put_special_double(&p, v, "0"))
        return p;
    struct digits d = digits_of(number_shortest_double(v));
    /* Below 1e-15; or 1e15 and more, unless there are digits behind the point. */
    if (d.point < -14 || (d.point > 15 && d.count <= d.point))
        return put_scientific(p, &d, "", 'e');
    return put_plain(p, &d);
}

uint8_t *number_double_mysql_json(uint8_t *p, double v)
{
    uint8_t *end = number_double_mysql(p, v);
    for (const uint8_t *c = p; c < end; c++)
        if (*c == '.' || *c == 'e' || *c == 'N' || *c == 'I')
            return end;
    return put_str(end, ".0");
}
