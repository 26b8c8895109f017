#include "mysqlproto/mariadb_gtid.h"

#include "base/writer.h"

#include <criterion/criterion.h>

static void expect_text(const struct maria_gtid_pos *p, const char *text)
{
    struct writer w;
    writer_init(&w, 4096);
    maria_gtid_pos_print(p, &w);
    cr_assert(slice_eq(writer_slice(&w), slice_str(text)), "%.*s is not %s",
              SLICE_ARG(writer_slice(&w)), text);
    writer_fini(&w);
}

Test(mariadb_gtid, text_goes_both_ways)
{
    static const char *const pairs[][2] = {
        {"", ""},
        {"  ", ""},
        {"0-1-100", "0-1-100"},
        {"0-1-100,1-2-5", "0-1-100,1-2-5"},
        {" 7-2-5 , 0-1-100\n", "0-1-100,7-2-5"},
        {"4294967295-4294967295-18446744073709551615",
         "4294967295-4294967295-18446744073709551615"},
    };
    struct maria_gtid_pos p = {0};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        cr_assert_eq(maria_gtid_pos_parse(&p, slice_str(pairs[i][0])), ERR_OK, "%s", pairs[i][0]);
        expect_text(&p, pairs[i][1]);
    }
    maria_gtid_pos_fini(&p);
}

Test(mariadb_gtid, what_is_no_position_is_refused)
{
    static const char *const bad[] = {
        "0",
        "0-1",
        "0-1-",
        "-1-1",
        "0-1-1-1",
        "0-1-x",
        "0-1-1,",
        ",0-1-1",
        "0-1-1,,1-1-1",
        "0-1-1,0-1-2",
        "4294967296-1-1",
        "0-4294967296-1",
        "0-1-18446744073709551616",
        "0 -1-1",
        "3e11fa47-71ca-11e1:1",
    };
    struct maria_gtid_pos p = {0};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_assert_eq(maria_gtid_pos_parse(&p, slice_str(bad[i])), ERR_MALFORMED, "%s", bad[i]);
        cr_assert_eq(p.count, 0);
    }
    maria_gtid_pos_fini(&p);
}

Test(mariadb_gtid, the_newest_of_a_domain_counts_even_if_its_number_is_lower)
{
    struct maria_gtid_pos p = {0};
    cr_assert_eq(maria_gtid_pos_update(&p, &(struct maria_gtid){5, 1, 10}), ERR_OK);
    cr_assert_eq(maria_gtid_pos_update(&p, &(struct maria_gtid){2, 1, 7}), ERR_OK);
    cr_assert_eq(maria_gtid_pos_update(&p, &(struct maria_gtid){5, 2, 3}), ERR_OK);
    cr_assert_eq(maria_gtid_pos_update(&p, &(struct maria_gtid){9, 1, 1}), ERR_OK);
    expect_text(&p, "2-1-7,5-2-3,9-1-1");
    cr_assert_eq(maria_gtid_pos_get(&p, 5)->sequence, 3);
    cr_assert_null(maria_gtid_pos_get(&p, 4));
    maria_gtid_pos_fini(&p);
}

Test(mariadb_gtid, copies_are_equal_and_stand_on_their_own)
{
    struct maria_gtid_pos a = {0}, b = {0};
    cr_assert_eq(maria_gtid_pos_parse(&a, SLICE_LIT("0-1-5,1-1-6")), ERR_OK);
    cr_assert_eq(maria_gtid_pos_copy(&b, &a), ERR_OK);
    cr_assert(maria_gtid_pos_equal(&a, &b));
    cr_assert_eq(maria_gtid_pos_update(&a, &(struct maria_gtid){0, 1, 6}), ERR_OK);
    cr_assert_not(maria_gtid_pos_equal(&a, &b));
    cr_assert_eq(maria_gtid_pos_update(&b, &(struct maria_gtid){3, 1, 6}), ERR_OK);
    expect_text(&b, "0-1-5,1-1-6,3-1-6");
    maria_gtid_pos_fini(&a);
    maria_gtid_pos_fini(&b);
}
