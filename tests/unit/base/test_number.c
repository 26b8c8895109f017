#include "base/number.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *text_of(uint8_t *(*put)(uint8_t *, double), double v)
{
    static uint8_t buf[NUMBER_DOUBLE_MAX + 1];
    *put(buf, v) = '\0';
    return (const char *)buf;
}

static const char *float_text(float v)
{
    static uint8_t buf[NUMBER_DOUBLE_MAX + 1];
    *number_float_java(buf, v) = '\0';
    return (const char *)buf;
}

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static double double_of(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static float float_of(uint32_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static void check_u64(uint64_t v)
{
    char want[32];
    uint8_t got[NUMBER_U64_MAX + 1];
    snprintf(want, sizeof want, "%llu", (unsigned long long)v);
    *number_u64(got, v) = '\0';
    cr_assert_str_eq((const char *)got, want);
    snprintf(want, sizeof want, "%lld", (long long)v);
    *number_i64(got, (int64_t)v) = '\0';
    cr_assert_str_eq((const char *)got, want);
}

Test(number, integers_are_as_printf_prints_them)
{
    uint64_t power = 1;
    for (int i = 0; i < 20; i++, power *= 10)
        for (uint64_t d = 0; d < 5; d++) {
            check_u64(power - d);
            check_u64(power + d);
            check_u64(0 - power - d);
        }
    check_u64(0);
    check_u64(UINT64_MAX);
    check_u64((uint64_t)INT64_MIN);
    check_u64((uint64_t)INT64_MAX);
    for (int i = 0; i < 200000; i++)
        check_u64(next_random() >> (next_random() & 63));
}

Test(number, fixed_width_pads_with_zeros)
{
    uint8_t buf[16] = {0};
    cr_assert_eq(number_2digits(buf, 7) - buf, 2);
    cr_assert_str_eq((char *)buf, "07");
    cr_assert_eq(number_4digits(buf, 12) - buf, 4);
    cr_assert_str_eq((char *)buf, "0012");
    cr_assert_eq(number_6digits(buf, 120) - buf, 6);
    cr_assert_str_eq((char *)buf, "000120");
    cr_assert_eq(number_8digits(buf, 10203) - buf, 8);
    cr_assert_str_eq((char *)buf, "00010203");
    cr_assert_eq(number_9digits(buf, 102030405) - buf, 9);
    cr_assert_str_eq((char *)buf, "102030405");
}

/*
 * d reads back, nothing shorter does, and nothing of its length is nearer: the
 * C library prints the nearest decimal of a given length, so ours is that one
 * unless that one does not read back.
 */
static void check_shortest(struct number_decimal d, double v, bool single)
{
    char text[64], digits[32];
    int count = snprintf(digits, sizeof digits, "%llu", (unsigned long long)d.digits);
    while (count > 1 && digits[count - 1] == '0') {
        digits[--count] = '\0';
        d.exponent++;
    }
    snprintf(text, sizeof text, "%se%d", digits, d.exponent);
    cr_assert(single ? strtof(text, NULL) == (float)v : strtod(text, NULL) == v,
              "%s does not read back to %.17g", text, v);
    if (count > 1) {
        snprintf(text, sizeof text, "%.*e", count - 2, v);
        cr_assert(single ? strtof(text, NULL) != (float)v : strtod(text, NULL) != v,
                  "%s is shorter than %s", text, digits);
    }
    snprintf(text, sizeof text, "%.*e", count - 1, v);
    if (single ? strtof(text, NULL) == (float)v : strtod(text, NULL) == v) {
        char nearest[32];
        int n = 0;
        for (const char *c = text; *c != 'e'; c++)
            if (*c != '.')
                nearest[n++] = *c;
        nearest[n] = '\0';
        cr_assert_str_eq(digits, nearest, "for %.17g", v);
    }
}

static void check_double(uint64_t bits)
{
    double v = double_of(bits & ~(UINT64_C(1) << 63));
    if (v == 0 || !isfinite(v))
        return;
    check_shortest(number_shortest_double(v), v, false);
    cr_assert_eq(strtod(text_of(number_double_java, v), NULL), v);
    cr_assert_eq(strtod(text_of(number_double_mysql, v), NULL), v);
}

static void check_float(uint32_t bits)
{
    float v = float_of(bits & 0x7FFFFFFF);
    if (v == 0 || !isfinite(v))
        return;
    check_shortest(number_shortest_float(v), (double)v, true);
    cr_assert_eq(strtof(float_text(v), NULL), v);
}

Test(number, doubles_of_random_bits_are_shortest_and_nearest, .timeout = 100)
{
    for (int i = 0; i < 300000; i++)
        check_double(next_random());
}

Test(number, doubles_that_people_write_are_shortest_and_nearest)
{
    for (int i = 0; i < 100000; i++) {
        double v = (double)(next_random() % 10000000) / 1000.0;
        uint64_t bits;
        memcpy(&bits, &v, 8);
        check_double(bits);
    }
}

Test(number, doubles_at_powers_of_two_and_their_neighbours_are_shortest)
{
    for (uint64_t e = 0; e < 2047; e++)
        for (int64_t d = -2; d <= 2; d++)
            check_double((e << 52) + (uint64_t)d);
}

Test(number, subnormal_doubles_are_shortest)
{
    for (uint64_t c = 1; c < 20000; c++)
        check_double(c);
    for (int i = 0; i < 50000; i++)
        check_double(next_random() >> 12 >> (next_random() % 52));
}

Test(number, floats_are_shortest_and_nearest, .timeout = 100)
{
    for (uint32_t e = 0; e < 255; e++)
        for (int32_t d = -3; d <= 3; d++)
            check_float((e << 23) + (uint32_t)d);
    for (uint32_t c = 1; c < 20000; c++)
        check_float(c);
    for (int i = 0; i < 300000; i++)
        check_float((uint32_t)next_random());
}

Test(number, java_layout_of_doubles)
{
    static const struct {
        double v;
        const char *text;
    } cases[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1.0, "1.0"},
        {-1.5, "-1.5"},
        {100.0, "100.0"},
        {0.1, "0.1"},
        {0.001, "0.001"},
        {0.0009999, "9.999E-4"},
        {0.0001, "1.0E-4"},
        {9999999.0, "9999999.0"},
        {9999999.5, "9999999.5"},
        {1e7, "1.0E7"},
        {12345678.9, "1.23456789E7"},
        {1.5e300, "1.5E300"},
        {1e-7, "1.0E-7"},
        {123456789012345680.0, "1.2345678901234568E17"},
        {2e23, "2.0E23"},
        {8.41e21, "8.41E21"},
        {2.2250738585072014e-308, "2.2250738585072014E-308"},
        {1.7976931348623157e308, "1.7976931348623157E308"},
        {0x1p-1074, "4.9E-324"},
        {0x2p-1074, "9.9E-324"},
        {0x3p-1074, "1.5E-323"},
        {0x4p-1074, "2.0E-323"},
        {HUGE_VAL, "Infinity"},
        {-HUGE_VAL, "-Infinity"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_assert_str_eq(text_of(number_double_java, cases[i].v), cases[i].text);
    cr_assert_str_eq(text_of(number_double_java, (double)NAN), "NaN");
}

Test(number, java_layout_of_floats)
{
    static const struct {
        float v;
        const char *text;
    } cases[] = {
        {0.0f, "0.0"},
        {-0.0f, "-0.0"},
        {0.1f, "0.1"},
        {1e7f, "1.0E7"},
        {16777216.0f, "1.6777216E7"},
        {3.4028235e38f, "3.4028235E38"},
        {1.17549435e-38f, "1.1754944E-38"},
        {0x1p-149f, "1.4E-45"},
        {0x2p-149f, "2.8E-45"},
        {0x7p-149f, "9.8E-45"},
        {0x8p-149f, "1.1E-44"},
        {1234567.0f, "1234567.0"},
        {0.001f, "0.001"},
        {0.0001f, "1.0E-4"},
        {33554432.0f, "3.3554432E7"},
        {3.14159274f, "3.1415927"},
        {HUGE_VALF, "Infinity"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_assert_str_eq(float_text(cases[i].v), cases[i].text);
}

Test(number, server_layout_of_doubles)
{
    static const struct {
        double v;
        const char *text, *json;
    } cases[] = {
        {0.0, "0", "0.0"},
        {-0.0, "-0", "-0.0"},
        {1.0, "1", "1.0"},
        {-12.5, "-12.5", "-12.5"},
        {100000000000000.0, "100000000000000", "100000000000000.0"},
        {999999999999999.0, "999999999999999", "999999999999999.0"},
        {1e15, "1e15", "1e15"},
        {1234567890123456.0, "1.234567890123456e15", "1.234567890123456e15"},
        {1100000000000001.5, "1100000000000001.5", "1100000000000001.5"},
        {-1466949771607282.2, "-1466949771607282.2", "-1466949771607282.2"},
        {12345678901234568.0, "1.2345678901234568e16", "1.2345678901234568e16"},
        {1.2345678901234568e17, "1.2345678901234568e17", "1.2345678901234568e17"},
        {0.00001, "0.00001", "0.00001"},
        {1.2345678901234568e-15, "0.0000000000000012345678901234568",
         "0.0000000000000012345678901234568"},
        {-1.2345678901234568e-15, "-0.0000000000000012345678901234568",
         "-0.0000000000000012345678901234568"},
        {1e-15, "0.000000000000001", "0.000000000000001"},
        {1e-16, "1e-16", "1e-16"},
        {0x1p-1074, "5e-324", "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e308", "1.7976931348623157e308"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert_str_eq(text_of(number_double_mysql, cases[i].v), cases[i].text);
        cr_assert_str_eq(text_of(number_double_mysql_json, cases[i].v), cases[i].json);
        cr_assert_leq(strlen(cases[i].json), (size_t)NUMBER_DOUBLE_MAX);
    }
}
