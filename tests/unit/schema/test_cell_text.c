#include "schema/cell_text.h"

#include "base/writer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint8_t buf[CELL_DECIMAL_TEXT_MAX];

static void same(const uint8_t *end, const char *want)
{
    cr_assert_not_null(end, "%s", want);
    cr_expect(slice_eq(slice_of(buf, (size_t)(end - buf)), slice_str(want)), "%.*s, not %s",
              (int)(end - buf), (char *)buf, want);
}

static void decimal(struct slice packed, unsigned precision, unsigned scale, const char *want)
{
    uint8_t exact[64]; /* ends where the packed bytes end */
    memcpy(exact + sizeof(exact) - packed.len, packed.ptr, packed.len);
    same(cell_decimal_text(buf, slice_of(exact + sizeof(exact) - packed.len, packed.len), precision,
                           scale),
         want);
}

Test(cell_text, decimals_as_the_manual_packs_them)
{
    decimal(SLICE_LIT("\x81\x0d\xfb\x38\xd2\x04\xd2"), 14, 4, "1234567890.1234");
    decimal(SLICE_LIT("\x7e\xf2\x04\xc7\x2d\xfb\x2d"), 14, 4, "-1234567890.1234");
    decimal(SLICE_LIT("\x80\x00\x00\x00\x00"), 10, 0, "0");
    decimal(SLICE_LIT("\x80\x00"), 3, 2, "0.00");
    decimal(SLICE_LIT("\x7f\xcd"), 3, 2, "-0.50");
    decimal(SLICE_LIT("\x80\x32"), 3, 2, "0.50");
    decimal(SLICE_LIT("\xb2"), 2, 2, "0.50");
    decimal(SLICE_LIT("\x85"), 1, 0, "5");
}

static bool packs(const char *text, unsigned precision, unsigned scale)
{
    uint8_t packed[64];
    return cell_decimal_pack(slice_str(text), precision, scale, packed);
}

static void round_trip(const char *text, unsigned precision, unsigned scale, const char *want)
{
    uint8_t packed[64];
    cr_assert(cell_decimal_pack(slice_str(text), precision, scale, packed), "%s", text);
    decimal(slice_of(packed, cell_decimal_size(precision, scale)), precision, scale, want);
}

Test(cell_text, decimals_are_packed_as_the_manual_does)
{
    uint8_t packed[64];
    cr_assert(cell_decimal_pack(SLICE_LIT("1234567890.1234"), 14, 4, packed));
    cr_expect_eq(memcmp(packed, "\x81\x0d\xfb\x38\xd2\x04\xd2", 7), 0);
    cr_assert(cell_decimal_pack(SLICE_LIT("-1234567890.1234"), 14, 4, packed));
    cr_expect_eq(memcmp(packed, "\x7e\xf2\x04\xc7\x2d\xfb\x2d", 7), 0);
}

Test(cell_text, decimals_come_back_as_they_were_packed)
{
    round_trip("0", 10, 0, "0");
    round_trip("-0.00", 3, 2, "0.00");
    round_trip("-0.50", 3, 2, "-0.50");
    round_trip("0.5", 1, 1, "0.5");
    round_trip(".5", 1, 1, "0.5");
    round_trip("00042.50", 7, 2, "42.50"); /* ZEROFILL */
    round_trip("999999999999999999", 18, 0, "999999999999999999");
    round_trip("-1.000000001", 18, 9, "-1.000000001");
    round_trip("99999999999999999999999999999999999.999999999999999999999999999999", 65, 30,
               "99999999999999999999999999999999999.999999999999999999999999999999");
    for (unsigned precision = 1; precision <= 65; precision++) {
        for (unsigned scale = 0; scale <= precision && scale <= 30; scale++) {
            char text[80] = "-";
            size_t n = 1;
            for (unsigned i = 0; i < precision - scale; i++)
                text[n++] = (char)('1' + i % 9);
            if (precision == scale)
                text[n++] = '0';
            if (scale > 0)
                text[n++] = '.';
            for (unsigned i = 0; i < scale; i++)
                text[n++] = (char)('9' - i % 9);
            text[n] = '\0';
            round_trip(text, precision, scale, text);
        }
    }
}

Test(cell_text, what_is_no_decimal_of_the_column_is_not_packed)
{
    static const char *const bad[] = {"",      "-",     ".",      "1",    "1.5",
                                      "1.555", "1,50",  "a.50",   "1.5x", "1000.00",
                                      " 1.00", "+1.00", "--1.00", "1.-5"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect_not(packs(bad[i], 5, 2), "%s", bad[i]);
    cr_expect(packs("999.99", 5, 2));
    cr_expect_not(packs("1", 0, 0));
    cr_expect_not(packs("1", 82, 0));
    cr_expect_not(packs("1.0", 1, 2));
}

/* Packs decimal digits the slow way: group by group, as the layout is described. */
static size_t pack(const char *whole, const char *scale, bool negative, uint8_t *out)
{
    static const size_t bytes[] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};
    const char *parts[] = {whole, scale};
    size_t n = 0;
    for (int side = 0; side < 2; side++) {
        size_t left = strlen(parts[side]), at = 0;
        while (left > 0) {
            size_t odd = left % 9;
            size_t take = side == 0 && odd > 0 ? odd : left < 9 ? left : 9;
            char digits[10] = "";
            memcpy(digits, parts[side] + at, take);
            unsigned long v = strtoul(digits, NULL, 10);
            for (size_t i = bytes[take]; i > 0; i--)
                out[n++] = (uint8_t)(v >> (8 * (i - 1)));
            at += take;
            left -= take;
        }
    }
    if (negative)
        for (size_t i = 0; i < n; i++)
            out[i] = (uint8_t)~out[i];
    out[0] ^= 0x80;
    return n;
}

static void random_digits(char *out, size_t n, unsigned *seed)
{
    /* Often zeros, so that whole groups and leading digits are zero, too. */
    int mode = rand_r(seed) % 3;
    for (size_t i = 0; i < n; i++)
        out[i] = (char)('0' + (mode == 0   ? rand_r(seed) % 10
                               : mode == 1 ? (rand_r(seed) % 8 == 0 ? rand_r(seed) % 10 : 0)
                                           : 9));
    out[n] = 0;
}

Test(cell_text, decimals_of_every_precision_and_scale)
{
    unsigned seed = 4711;
    for (unsigned precision = 1; precision <= 65; precision++) {
        for (unsigned scale = 0; scale <= precision && scale <= 38; scale++) {
            for (int round = 0; round < 12; round++) {
                char whole[70], fraction[70], want[160];
                uint8_t packed[64];
                random_digits(whole, precision - scale, &seed);
                random_digits(fraction, scale, &seed);
                bool negative = rand_r(&seed) % 2;
                size_t n = pack(whole, fraction, negative, packed);
                cr_assert_eq(n, cell_decimal_size(precision, scale));
                const char *digits = whole + strspn(whole, "0");
                snprintf(want, sizeof(want), "%s%s%s%s", negative ? "-" : "",
                         *digits != 0 ? digits : "0", scale > 0 ? "." : "", fraction);
                decimal(slice_of(packed, n), precision, scale, want);
            }
        }
    }
}

Test(cell_text, decimals_that_cannot_be_are_refused)
{
    struct slice five = SLICE_LIT("\x80\x00\x00\x00\x00");
    cr_assert_null(cell_decimal_text(buf, five, 9, 0));
    cr_assert_null(cell_decimal_text(buf, slice_of(five.ptr, 4), 10, 0));
    cr_assert_null(cell_decimal_text(buf, SLICE_LIT(""), 0, 0));
    cr_assert_null(cell_decimal_text(buf, five, 82, 0));
    cr_assert_null(cell_decimal_text(buf, five, 1, 2));
    cr_assert_null(cell_decimal_text(buf, SLICE_LIT("\x8a"), 1, 0), "10 in one digit");
    cr_assert_null(cell_decimal_text(buf, SLICE_LIT("\xe4"), 2, 0), "100 in two digits");
    cr_assert_null(cell_decimal_text(buf, SLICE_LIT("\xff\xff\xff\xff"), 9, 0));
    cr_assert_null(cell_decimal_text(buf, SLICE_LIT("\x80\x64"), 3, 2));
}

Test(cell_text, dates_and_times)
{
    struct civil c = {
        .year = 2024, .month = 2, .day = 31, .hour = 3, .minute = 4, .second = 5, .us = 6};
    same(cell_date_text(buf, &c), "2024-02-31");
    same(cell_datetime_text(buf, &c, 0), "2024-02-31 03:04:05");
    same(cell_datetime_text(buf, &c, 6), "2024-02-31 03:04:05.000006");
    same(cell_time_text(buf, &c, 5), "03:04:05.00000");
    c = (struct civil){.hour = 838, .minute = 59, .second = 59, .us = 900000, .negative = true};
    same(cell_time_text(buf, &c, 0), "-838:59:59");
    same(cell_time_text(buf, &c, 1), "-838:59:59.9");
    same(cell_date_text(buf, &c), "0000-00-00");
    c = (struct civil){.us = 100000, .negative = true};
    same(cell_time_text(buf, &c, 1), "-00:00:00.1");
    same(cell_year_text(buf, 0), "0000");
    same(cell_year_text(buf, 2155), "2155");
}

Test(cell_text, fields_that_have_no_digits_are_refused)
{
    struct civil c = {.year = 10000};
    cr_assert_null(cell_date_text(buf, &c));
    cr_assert_null(cell_datetime_text(buf, &c, 0));
    c = (struct civil){.us = 1000000};
    cr_assert_null(cell_time_text(buf, &c, 6));
    cr_assert_null(cell_datetime_text(buf, &c, 6));
    c = (struct civil){.hour = 1000};
    cr_assert_null(cell_time_text(buf, &c, 0));
    c = (struct civil){.minute = 100};
    cr_assert_null(cell_time_text(buf, &c, 0));
    cr_assert_null(cell_year_text(buf, 10000));
    struct zone_step utc = {INT64_MIN, 0};
    cr_assert_null(
        cell_timestamp_text(buf, (struct stamp){1, 1000000}, &(struct zone){1, &utc}, 6));
    cr_assert_null(cell_timestamp_text(buf, (struct stamp){1, 0}, &(struct zone){1, &utc}, 7));
}

Test(cell_text, instants_in_their_zone)
{
    struct zone_step steps[] = {{INT64_MIN, 3600}, {1711846800, 7200}}; /* Berlin, spring 2024 */
    struct zone berlin = {2, steps};
    same(cell_timestamp_text(buf, (struct stamp){1711846799, 0}, &berlin, 0),
         "2024-03-31 01:59:59");
    same(cell_timestamp_text(buf, (struct stamp){1711846800, 0}, &berlin, 0),
         "2024-03-31 03:00:00");
    struct zone_step west = {INT64_MIN, -36000};
    struct zone hawaii = {1, &west};
    same(cell_timestamp_text(buf, (struct stamp){1, 500000}, &hawaii, 1), "1969-12-31 14:00:01.5");
    same(cell_timestamp_text(buf, (struct stamp){0, 0}, &hawaii, 3), "0000-00-00 00:00:00.000");
    same(cell_timestamp_text(buf, (struct stamp){0, 1}, &hawaii, 6), "1969-12-31 14:00:00.000001");
    struct zone_step east = {INT64_MIN, 50400};
    same(cell_timestamp_text(buf, (struct stamp){UINT32_MAX, 0}, &(struct zone){1, &east}, 0),
         "2106-02-07 20:28:15");
}

Test(cell_text, instants_equal_the_c_library)
{
    struct zone_step utc = {INT64_MIN, 0};
    struct zone zone = {1, &utc};
    unsigned seed = 99;
    for (int i = 0; i < 200000; i++) {
        uint32_t seconds = (uint32_t)rand_r(&seed) * 2u + (uint32_t)(rand_r(&seed) & 1);
        time_t t = (time_t)seconds;
        struct tm tm;
        char want[32];
        if (seconds == 0)
            continue;
        gmtime_r(&t, &tm);
        strftime(want, sizeof(want), "%Y-%m-%d %H:%M:%S", &tm);
        uint8_t *end = cell_timestamp_text(buf, (struct stamp){seconds, 0}, &zone, 0);
        cr_assert(slice_eq(slice_of(buf, (size_t)(end - buf)), slice_str(want)), "%u: %s", seconds,
                  want);
    }
}

Test(cell_text, addresses_and_uuids_as_mariadb_prints_them)
{
    static const struct {
        const char *hex, *text;
    } all[] = {
        {"00000000000000000000000000000000", "::"},
        {"00000000000000000000000000000001", "::1"},
        {"00000000000000000000000001020304", "::1.2.3.4"},
        {"00000000000000000000FFFF01020304", "::ffff:1.2.3.4"},
        {"00000000000000000000000000010000", "::0.1.0.0"},
        {"00010000000200030004000500060007", "1::2:3:4:5:6:7"},
        {"00010000000000030000000000000007", "1:0:0:3::7"},
        {"00010000000000030000000000060007", "1::3:0:0:6:7"},
        {"00010000000000000000000000000000", "1::"},
        {"FE800000000000000000000000010002", "fe80::1:2"},
        {"00000001000200030004000500060007", "::1:2:3:4:5:6:7"},
        {"00010002000300040005000600070000", "1:2:3:4:5:6:7::"},
        {"00010002000300040005000600000000", "1:2:3:4:5:6::"},
        {"00000000000000000000FFFF00000000", "::ffff:0.0.0.0"},
        {"00000000000000000000FFFE00010002", "::fffe:1:2"},
        {"0000000000000000FFFF000000010002", "::ffff:0:1:2"},
        {"00000000000200030004000500060007", "::2:3:4:5:6:7"},
        {"20010DB800000000000000FF00428329", "2001:db8::ff:42:8329"},
        {"ABCDEF0123456789ABCDEF0123456789", "abcd:ef01:2345:6789:abcd:ef01:2345:6789"},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        uint8_t raw[16];
        for (size_t k = 0; k < 16; k++)
            sscanf(all[i].hex + 2 * k, "%2hhx", &raw[k]);
        same(cell_inet6_text(buf, slice_of(raw, 16)), all[i].text);
    }
    same(cell_inet4_text(buf, SLICE_LIT("\xc0\xa8\x00\x01")), "192.168.0.1");
    same(cell_uuid_text(buf, SLICE_LIT("\x12\x3e\x45\x67\xe8\x9b\x12\xd3\xa4\x56\x42\x66\x14\x17"
                                       "\x40\x00")),
         "123e4567-e89b-12d3-a456-426614174000");
    cr_assert_null(cell_inet6_text(buf, SLICE_LIT("x")));
    cr_assert_null(cell_inet4_text(buf, SLICE_LIT("x")));
    cr_assert_null(cell_uuid_text(buf, SLICE_LIT("x")));
}

Test(cell_text, labels_of_enum_and_set)
{
    struct slice members[] = {SLICE_LIT("x"), SLICE_LIT("y"), SLICE_LIT("z")};
    struct column c = {.member_count = 3, .members = members};
    struct slice label;
    struct writer w;
    writer_init(&w, 64);
    cr_assert(cell_enum_label(&c, 0, &label) && label.len == 0);
    cr_assert(cell_enum_label(&c, 3, &label) && slice_eq(label, members[2]));
    cr_assert(!cell_enum_label(&c, 4, &label));
    cr_assert(cell_set_text(&c, 0, &w) && w.len == 0);
    cr_assert(cell_set_text(&c, 5, &w) && slice_eq(writer_slice(&w), SLICE_LIT("x,z")));
    cr_assert(!cell_set_text(&c, 8, &w) && w.len == 3);
    writer_fini(&w);
}
