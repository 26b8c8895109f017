#include "rules/decimal.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct dec of(const char *text)
{
    struct dec d;
    cr_assert(dec_of_text(slice_str(text), &d), "%s", text);
    return d;
}

static void shows(const struct dec *d, const char *expected)
{
    char text[DEC_TEXT_MAX + 1];
    *dec_text((uint8_t *)text, d) = '\0';
    cr_assert_str_eq(text, expected);
}

Test(decimal, text_goes_in_and_comes_out)
{
    static const char *const texts[] = {
        "0",
        "-1",
        "10.50",
        "0.000000000000000000000000000001",
        "12345678901234567890",
        "99999999999999999999999999999999999999999999999999999999999999999"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct dec d = of(texts[i]);
        shows(&d, texts[i]);
    }
}

Test(decimal, what_is_no_number_is_refused)
{
    static const char *const texts[] = {
        "",
        ".",
        "-",
        "1e5",
        "1.2.3",
        "12a",
        " 1",
        "999999999999999999999999999999999999999999999999999999999999999999",
        "0.0000000000000000000000000000000000001"};
    struct dec d = {.scale = 7};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        cr_expect_not(dec_of_text(slice_str(texts[i]), &d), "%s", texts[i]);
    cr_assert_eq(d.scale, 7, "nothing is written on failure");
}

Test(decimal, sums_and_products_are_exact)
{
    struct dec a = of("10.50"), b = of("-3.25"), r;
    cr_assert(dec_add(&a, &b, &r));
    shows(&r, "7.25");
    cr_assert(dec_sub(&b, &a, &r));
    shows(&r, "-13.75");
    cr_assert(dec_mul(&a, &b, &r));
    shows(&r, "-34.1250");
    a = of("999999999999999999");
    cr_assert(dec_mul(&a, &a, &r));
    shows(&r, "999999999999999998000000000000000001");
}

Test(decimal, a_result_of_too_many_digits_is_refused)
{
    struct dec a = of("99999999999999999999999999999999999999999999999999999999999999999"), r;
    struct dec one = of("1");
    cr_assert_not(dec_add(&a, &one, &r));
    cr_assert_not(dec_mul(&a, &a, &r));
}

Test(decimal, quotients_are_cut_behind_groups_of_nine_digits)
{
    struct dec a = of("1"), b = of("3"), r;
    cr_assert(dec_div(&a, &b, &r));
    shows(&r, "0.333333333");
    a = of("-10.5");
    b = of("4");
    cr_assert(dec_div(&a, &b, &r));
    shows(&r, "-2.625000000");
    a = of("12345678901234567890123456789");
    b = of("987654321987654321");
    cr_assert(dec_div(&a, &b, &r));
    shows(&r, "12499999874.843750115");
}

Test(decimal, remainders_have_the_sign_of_the_dividend)
{
    struct dec a = of("-7.5"), b = of("2"), r;
    cr_assert(dec_mod(&a, &b, &r));
    shows(&r, "-1.5");
    a = of("12345678901234567890.5");
    b = of("-9876543210.25");
    cr_assert(dec_mod(&a, &b, &r));
    shows(&r, "6940586413.50");
}

Test(decimal, division_undoes_multiplication)
{
    uint64_t seed = 42;
    for (int i = 0; i < 20000; i++) {
        char x[64], y[64];
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        uint64_t p = seed >> (seed >> 58);
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        uint64_t q = (seed >> (seed >> 58)) + 1;
        snprintf(x, sizeof(x), "%llu", (unsigned long long)p);
        snprintf(y, sizeof(y), "%llu", (unsigned long long)q);
        struct dec a = of(x), b = of(y), product, r, rest;
        cr_assert(dec_mul(&a, &b, &product));
        cr_assert(dec_div(&product, &b, &r));
        cr_assert_eq(dec_cmp(&r, &a), 0, "%s * %s", x, y);
        cr_assert(dec_mod(&product, &b, &rest));
        cr_assert(dec_is_zero(&rest), "%s %% %s", x, y);
        unsigned __int128 whole = p / q;
        int64_t t;
        cr_assert(dec_div(&a, &b, &r));
        cr_assert(!dec_to_i64(&r, &t) || (unsigned __int128)t == whole);
    }
}

Test(decimal, rounding_goes_away_from_zero)
{
    struct dec a = of("2.345"), r;
    cr_assert(dec_round(&a, 2, &r));
    shows(&r, "2.35");
    a = of("-0.5");
    cr_assert(dec_round(&a, 0, &r));
    shows(&r, "-1");
    a = of("0.666666666666");
    cr_assert(dec_round(&a, 4, &r));
    shows(&r, "0.6667");
    a = of("9.9999999999");
    cr_assert(dec_round(&a, 9, &r));
    shows(&r, "10.000000000");
}

Test(decimal, integers_come_out_where_they_fit)
{
    int64_t i;
    uint64_t u;
    struct dec d = of("-9223372036854775808.9");
    cr_assert(dec_to_i64(&d, &i));
    cr_assert_eq(i, INT64_MIN);
    d = of("9223372036854775808");
    cr_assert_not(dec_to_i64(&d, &i));
    cr_assert(dec_to_u64(&d, &u));
    d = of("18446744073709551616");
    cr_assert_not(dec_to_u64(&d, &u));
}
