#include "base/writer.h"
#include "pipeline/position.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct position at(const char *file, uint64_t offset)
{
    struct position p = {.kind = POSITION_FILE, .offset = offset};
    snprintf(p.file, sizeof(p.file), "%s", file);
    return p;
}

static struct position gtids(const char *text)
{
    struct position p = {.kind = POSITION_GTID};
    cr_assert_eq(my_gtid_set_parse(&p.set, slice_str(text)), ERR_OK);
    return p;
}

Test(position, files_are_ordered_by_their_number_and_not_as_text)
{
    cr_assert_lt(binlog_place_compare("b.999999", 900, "b.1000000", 4), 0);
    cr_assert_gt(binlog_place_compare("b.000010", 4, "b.000009", 900), 0);
    cr_assert_lt(binlog_place_compare("b.000009", 4, "b.000009", 5), 0);
    cr_assert_eq(binlog_place_compare("b.000009", 4, "b.000009", 4), 0);
}

Test(position, a_place_is_reached_from_itself_on)
{
    struct position target = at("b.000002", 100), before = at("b.000002", 99),
                    behind = at("b.000003", 4), nowhere = at("", 0);
    cr_assert(position_reached(&target, &target));
    cr_assert(!position_reached(&before, &target));
    cr_assert(position_reached(&behind, &target));
    cr_assert(!position_reached(&nowhere, &target));
}

Test(position, a_set_is_reached_when_nothing_of_it_is_missing)
{
    struct position target = gtids("3ce25b88-e6e0-11f1-b9f9-02fc00000001:1-5");
    struct position hole = gtids("3ce25b88-e6e0-11f1-b9f9-02fc00000001:1-3:5-9");
    struct position all = gtids("3ce25b88-e6e0-11f1-b9f9-02fc00000001:1-9");
    cr_assert(!position_reached(&hole, &target));
    cr_assert(position_reached(&all, &target));
    position_fini(&target);
    position_fini(&hole);
    position_fini(&all);
}

Test(position, mariadb_compares_domain_by_domain)
{
    struct position target = {.kind = POSITION_MARIADB}, p = {.kind = POSITION_MARIADB};
    cr_assert_eq(maria_gtid_pos_parse(&target.maria, SLICE_LIT("0-1-10,1-2-5")), ERR_OK);
    cr_assert_eq(maria_gtid_pos_parse(&p.maria, SLICE_LIT("0-9-11")), ERR_OK);
    cr_assert(!position_reached(&p, &target));
    cr_assert_eq(maria_gtid_pos_parse(&p.maria, SLICE_LIT("0-9-11,1-2-5")), ERR_OK);
    cr_assert(position_reached(&p, &target));
    position_fini(&target);
    position_fini(&p);
}

Test(position, a_long_text_is_cut_with_dots)
{
    struct position p =
        gtids("3ce25b88-e6e0-11f1-b9f9-02fc00000001:1:3:5:7:9:11:13:15:17:19:21:23");
    char buf[50];
    position_text(&p, buf, sizeof(buf));
    cr_assert_eq(strlen(buf), sizeof(buf) - 1);
    cr_assert_str_eq(buf + strlen(buf) - 3, "...");
    position_fini(&p);
}
