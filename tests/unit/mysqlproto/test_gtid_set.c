#include "mysqlproto/gtid_set.h"

#include "base/writer.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define A "00000000-0000-0000-0000-00000000000a"
#define B "00000000-0000-0000-0000-00000000000b"

static struct my_gtid_set set_of(const char *text)
{
    struct my_gtid_set s = {0};
    cr_assert_eq(my_gtid_set_parse(&s, slice_str(text)), ERR_OK, "%s", text);
    return s;
}

static void expect_text(const struct my_gtid_set *s, const char *text)
{
    struct writer w;
    writer_init(&w, 1 << 20);
    my_gtid_set_print(s, &w);
    cr_assert(slice_eq(writer_slice(&w), slice_str(text)), "%.*s is not %s",
              SLICE_ARG(writer_slice(&w)), text);
    writer_fini(&w);
}

static void expect_canonical(const char *text, const char *canonical)
{
    struct my_gtid_set s = set_of(text);
    expect_text(&s, canonical);
    my_gtid_set_fini(&s);
}

Test(gtid_set, text_becomes_canonical)
{
    expect_canonical("", "");
    expect_canonical(" ,\n, ", "");
    expect_canonical(A ":1", A ":1");
    expect_canonical(A ":1-5", A ":1-5");
    expect_canonical(A ":1-5:6", A ":1-6");
    expect_canonical(A ":7:1-5", A ":1-5:7");
    expect_canonical(A ":1-5:3-9:20-30:10", A ":1-10:20-30");
    expect_canonical(A " : 1 - 5 : 7 ,\n" B ":4", A ":1-5:7," B ":4");
    expect_canonical(B ":4," A ":1-5," B ":5", A ":1-5," B ":4-5");
    expect_canonical(A ":1-9223372036854775806", A ":1-9223372036854775806");
}

Test(gtid_set, tags_hold_for_the_intervals_behind_them)
{
    expect_canonical(A ":1-5:tag:1-3:7:tag2:4", A ":1-5:tag:1-3:7:tag2:4");
    expect_canonical(A ":tag:2," A ":1," A ":TAG:1", A ":1:tag:1-2");
    expect_canonical(A ":b:1:a:2," B ":c:3", A ":a:2:b:1," B ":c:3");
}

Test(gtid_set, what_is_no_set_is_refused)
{
    static const char *const bad[] = {
        A,
        A ":",
        A ":0",
        A ":5-3",
        A ":1-",
        A ":-1",
        A ":1;2",
        A ":1 2",
        A ":1-9223372036854775807",
        A ":1-99999999999999999999999",
        A ":tag",
        A ":tag:",
        A ":1:tag",
        A ":1tag:2",
        A "1:2",
        "0-1-100",
        "now",
        A ":1," B,
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct my_gtid_set s = {0};
        cr_assert_eq(my_gtid_set_parse(&s, slice_str(bad[i])), ERR_MALFORMED, "%s", bad[i]);
        my_gtid_set_fini(&s);
    }
}

Test(gtid_set, a_nul_in_the_text_is_refused)
{
    struct my_gtid_set s = {0};
    cr_assert_eq(my_gtid_set_parse(&s, SLICE_LIT(A ":1\0")), ERR_MALFORMED);
    my_gtid_set_fini(&s);
}

Test(gtid_set, adding_in_order_extends_one_interval)
{
    struct my_gtid_set s = {0};
    struct my_gtid g = {.uuid = {1}};
    for (g.gno = 1; g.gno <= 100000; g.gno++)
        cr_assert_eq(my_gtid_set_add(&s, &g), ERR_OK);
    cr_assert_eq(s.count, 1);
    cr_assert_eq(s.sources[0].count, 1);
    cr_assert_eq(my_gtid_set_gtids(&s), 100000);
    my_gtid_set_fini(&s);
}

Test(gtid_set, adding_twice_changes_nothing)
{
    struct my_gtid_set s = set_of(A ":1-5:8");
    struct my_gtid g;
    cr_assert_eq(my_gtid_parse(SLICE_LIT(A ":8"), &g), ERR_OK);
    cr_assert_eq(my_gtid_set_add(&s, &g), ERR_OK);
    cr_assert_eq(my_gtid_parse(SLICE_LIT(A ":3"), &g), ERR_OK);
    cr_assert_eq(my_gtid_set_add(&s, &g), ERR_OK);
    expect_text(&s, A ":1-5:8");
    my_gtid_set_fini(&s);
}

Test(gtid_set, gnos_that_cannot_be_are_refused)
{
    struct my_gtid_set s = {0};
    struct my_gtid g = {.gno = 0};
    cr_assert_eq(my_gtid_set_add(&s, &g), ERR_MALFORMED);
    g.gno = (uint64_t)MY_GNO_MAX + 1;
    cr_assert_eq(my_gtid_set_add(&s, &g), ERR_MALFORMED);
    cr_assert_eq(my_gtid_set_add_interval(&s, &g, 5, 5), ERR_MALFORMED);
    g.gno = MY_GNO_MAX;
    cr_assert_eq(my_gtid_set_add(&s, &g), ERR_OK);
    cr_assert_eq(s.count, 1);
    my_gtid_set_fini(&s);
}

/* Against a plain array of flags: the same additions in random order. */
Test(gtid_set, random_additions_agree_with_a_bitmap)
{
    unsigned seed = 4711;
    for (int round = 0; round < 50; round++) {
        bool flags[2][300] = {0};
        struct my_gtid_set s = {0};
        for (int i = 0; i < 150; i++) {
            int source = rand_r(&seed) % 2;
            struct my_gtid g = {.uuid = {(uint8_t)source}};
            uint64_t first = 1 + (uint64_t)(rand_r(&seed) % 290),
                     n = 1 + (uint64_t)(rand_r(&seed) % 4);
            cr_assert_eq(my_gtid_set_add_interval(&s, &g, first, first + n), ERR_OK);
            for (uint64_t j = first; j < first + n; j++)
                flags[source][j] = true;
        }
        for (int source = 0; source < 2; source++) {
            for (uint64_t gno = 1; gno < 300; gno++) {
                struct my_gtid g = {.uuid = {(uint8_t)source}, .gno = gno};
                cr_assert_eq(my_gtid_set_contains(&s, &g), flags[source][gno], "%d:%d", source,
                             (int)gno);
            }
            for (uint32_t j = 1; j < s.sources[source].count; j++)
                cr_assert_lt(s.sources[source].intervals[j - 1].end,
                             s.sources[source].intervals[j].start);
        }
        my_gtid_set_fini(&s);
    }
}

static bool subset(const char *sub, const char *super)
{
    struct my_gtid_set a = set_of(sub), b = set_of(super);
    bool is = my_gtid_set_subset(&a, &b);
    my_gtid_set_fini(&a);
    my_gtid_set_fini(&b);
    return is;
}

Test(gtid_set, subset)
{
    cr_assert(subset("", ""));
    cr_assert(subset("", A ":1"));
    cr_assert(subset(A ":1-5", A ":1-5"));
    cr_assert(subset(A ":2:4", A ":1-5"));
    cr_assert(subset(A ":2-3:7", A ":1-5:7-9," B ":1"));
    cr_assert_not(subset(A ":1", ""));
    cr_assert_not(subset(A ":1-6", A ":1-5"));
    cr_assert_not(subset(A ":5-7", A ":1-5:7-9"));
    cr_assert_not(subset(A ":t:1", A ":1"));
    cr_assert_not(subset(A ":1", A ":t:1"));
    cr_assert_not(subset(B ":1", A ":1-9"));
}

Test(gtid_set, equality_does_not_depend_on_the_order_of_addition)
{
    struct my_gtid_set a = set_of(A ":1-5:9," B ":3"), b = set_of(B ":3," A ":9:1-5");
    cr_assert(my_gtid_set_equal(&a, &b));
    struct my_gtid g;
    cr_assert_eq(my_gtid_parse(SLICE_LIT(A ":6"), &g), ERR_OK);
    cr_assert_eq(my_gtid_set_add(&a, &g), ERR_OK);
    cr_assert_not(my_gtid_set_equal(&a, &b));
    my_gtid_set_fini(&a);
    my_gtid_set_fini(&b);
}

static void expect_difference(const char *a_text, const char *b_text, const char *expected)
{
    struct my_gtid_set a = set_of(a_text), b = set_of(b_text), out = set_of(B ":99");
    cr_assert_eq(my_gtid_set_subtract(&a, &b, &out), ERR_OK);
    expect_text(&out, expected);
    my_gtid_set_fini(&a);
    my_gtid_set_fini(&b);
    my_gtid_set_fini(&out);
}

Test(gtid_set, subtraction)
{
    expect_difference("", A ":1", "");
    expect_difference(A ":1-10", "", A ":1-10");
    expect_difference(A ":1-10", A ":1-10", "");
    expect_difference(A ":1-10", A ":3-4:8", A ":1-2:5-7:9-10");
    expect_difference(A ":1-10:20-30", A ":5-25", A ":1-4:26-30");
    expect_difference(A ":1-10", A ":t:1-10", A ":1-10");
    expect_difference(A ":5-6", A ":1-4:7-9", A ":5-6");
    expect_difference(A ":1-3," B ":1-3", A ":1-9", B ":1-3");
}

static struct writer encoded(const char *text)
{
    struct writer w;
    struct my_gtid_set s = set_of(text);
    writer_init(&w, 1 << 20);
    my_gtid_set_encode(&s, &w);
    cr_assert_eq(w.err, ERR_OK);
    my_gtid_set_fini(&s);
    return w;
}

Test(gtid_set, the_untagged_form_to_the_byte)
{
    static const uint8_t expected[] = {
        1, 0, 0, 0, 0, 0, 0, 0,                           /* one uuid */
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xA, /* it */
        2, 0, 0, 0, 0, 0, 0, 0,                           /* two intervals */
        1, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0,   /* 1-5 */
        7, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0,   /* 7 */
    };
    struct writer w = encoded(A ":1-5:7");
    cr_assert_eq(w.len, sizeof(expected));
    cr_assert_arr_eq(w.base, expected, sizeof(expected));
    writer_fini(&w);
}

Test(gtid_set, the_tagged_form_to_the_byte)
{
    static const uint8_t expected[] = {
        1, 2, 0, 0, 0, 0, 0, 1,                                         /* format 1, two pairs */
        0, 0, 0, 0, 0, 0, 0, 0, 0,  0, 0,   0,   0,   0,   0,   0xA, 0, /* no tag */
        1, 0, 0, 0, 0, 0, 0, 0,                                         /* one interval */
        1, 0, 0, 0, 0, 0, 0, 0, 14, 0, 0,   0,   0,   0,   0,   0,   0,   0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0,  0, 0xA, 0xA, 'm', 'y', 't', 'a', 'g', 1, 0, 0, 0,
        0, 0, 0, 0, 1, 0, 0, 0, 0,  0, 0,   0,   3,   0,   0,   0,   0,   0, 0, 0,
    };
    struct writer w = encoded(A ":1-13:mytag:1-2");
    cr_assert_eq(w.len, sizeof(expected));
    cr_assert_arr_eq(w.base, expected, sizeof(expected));
    writer_fini(&w);
}

static const char *const sets[] = {
    "",
    A ":1",
    A ":1-5:7:9-100," B ":1-9223372036854775806",
    A ":1-5:tag:1-3:7:tag2:4," B ":zz:1",
};

Test(gtid_set, bytes_go_both_ways)
{
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        struct writer w = encoded(sets[i]);
        struct my_gtid_set s = set_of(B ":77");
        cr_assert_eq(my_gtid_set_decode(&s, writer_slice(&w)), ERR_OK);
        expect_text(&s, sets[i]);
        my_gtid_set_fini(&s);
        writer_fini(&w);
    }
}

Test(gtid_set, bytes_cut_short_or_too_long_are_refused)
{
    for (size_t i = 1; i < sizeof(sets) / sizeof(sets[0]); i++) {
        struct writer w = encoded(sets[i]);
        struct my_gtid_set s = {0};
        for (size_t n = 0; n < w.len; n++) {
            uint8_t *exact = malloc(n + 1);
            memcpy(exact, w.base, n);
            cr_assert_neq(my_gtid_set_decode(&s, slice_of(exact, n)), ERR_OK, "%zu bytes", n);
            cr_assert(my_gtid_set_empty(&s));
            free(exact);
        }
        writer_u8(&w, 0);
        cr_assert_eq(my_gtid_set_decode(&s, writer_slice(&w)), ERR_MALFORMED);
        my_gtid_set_fini(&s);
        writer_fini(&w);
    }
}

Test(gtid_set, counts_beyond_the_bytes_are_refused_at_once)
{
    uint8_t bytes[8 + 24] = {0};
    struct my_gtid_set s = {0};
    memset(bytes, 0xFF, 7); /* 2^56 - 1 uuids */
    cr_assert_eq(my_gtid_set_decode(&s, slice_of(bytes, sizeof(bytes))), ERR_TRUNCATED);
    memset(bytes, 0, 8);
    bytes[0] = 1;
    memset(bytes + 24, 0xFF, 8); /* 2^64 - 1 intervals */
    cr_assert_eq(my_gtid_set_decode(&s, slice_of(bytes, sizeof(bytes))), ERR_TRUNCATED);
    bytes[7] = 2; /* an unknown form */
    cr_assert_eq(my_gtid_set_decode(&s, slice_of(bytes, sizeof(bytes))), ERR_MALFORMED);
}

Test(gtid_set, intervals_that_touch_or_go_back_are_refused)
{
    static const uint64_t bad[][4] = {{1, 5, 5, 9},         {1, 5, 3, 9}, {5, 9, 1, 3},
                                      {0, 1, 3, 4},         {3, 3, 5, 6}, {4, 3, 5, 6},
                                      {1, 2, 5, UINT64_MAX}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct writer w;
        struct my_gtid_set s = {0};
        writer_init(&w, 1000);
        writer_u64(&w, 1);
        writer_put(&w, "0123456789abcdef", 16);
        writer_u64(&w, 2);
        for (size_t j = 0; j < 4; j++)
            writer_u64(&w, bad[i][j]);
        cr_assert_eq(my_gtid_set_decode(&s, writer_slice(&w)), ERR_MALFORMED, "%zu", i);
        my_gtid_set_fini(&s);
        writer_fini(&w);
    }
}

Test(gtid_set, a_copy_stands_on_its_own)
{
    struct my_gtid_set a = set_of(A ":1-5"), b = set_of(B ":9");
    struct my_gtid g;
    cr_assert_eq(my_gtid_set_copy(&b, &a), ERR_OK);
    cr_assert_eq(my_gtid_parse(SLICE_LIT(A ":7"), &g), ERR_OK);
    cr_assert_eq(my_gtid_set_add(&a, &g), ERR_OK);
    expect_text(&b, A ":1-5");
    my_gtid_set_fini(&a);
    my_gtid_set_fini(&b);
}
