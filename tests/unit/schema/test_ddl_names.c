#include "schema/ddl_names.h"

#include <criterion/criterion.h>

static struct ddl_options options(const char *database)
{
    return (struct ddl_options){.dialect = {.version = 90704},
                                .default_database = slice_str(database)};
}

static bool mentions(const char *sql, const char *db)
{
    struct ddl_options o = options(db);
    return ddl_mentions(slice_str(sql), &o, SLICE_LIT("shop"), SLICE_LIT("item"));
}

Test(ddl_names, every_name_comes_with_its_database)
{
    struct ddl_options o = options("d");
    struct ddl_names n =
        ddl_names_of(SLICE_LIT("RENAME TABLE a TO `x`.`b``c`, y . z TO q -- .k\n"), &o);
    static const char *const pairs[][2] = {{"d", "RENAME"}, {"d", "TABLE"}, {"d", "a"}, {"d", "TO"},
                                           {"d", "x"},      {"x", "b`c"},   {"d", "y"}, {"y", "z"},
                                           {"d", "TO"},     {"d", "q"}};
    struct slice database, table;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        cr_assert(ddl_names_next(&n, &database, &table));
        cr_assert(slice_eq(database, slice_str(pairs[i][0])), "%zu", i);
        cr_assert(slice_eq(table, slice_str(pairs[i][1])), "%zu", i);
    }
    cr_assert_not(ddl_names_next(&n, &database, &table));
}

Test(ddl_names, comments_and_strings_name_nothing)
{
    cr_assert(mentions("ALTER /*! TABLE */ item ADD b INT", "shop"));
    cr_assert(mentions("/*!80013 DROP TABLE item */", "shop"));
    cr_assert(!mentions("ALTER TABLE other /* item */ ADD b INT -- item", "shop"));
    cr_assert(!mentions("ALTER TABLE other COMMENT 'item'", "shop"));
    cr_assert(mentions("ALTER TABLE \"item\" ADD b INT", "shop"));
}

Test(ddl_names, a_name_needs_its_database)
{
    cr_assert(mentions("ALTER TABLE ITEM ADD b INT", "Shop"));
    cr_assert(!mentions("ALTER TABLE item ADD b INT", "other"));
    cr_assert(!mentions("ALTER TABLE items ADD b INT", "shop"));
    cr_assert(mentions("ALTER TABLE `shop` . `item` ADD b INT", ""));
    cr_assert(!mentions("ALTER TABLE other.item ADD b INT", "shop"));
    cr_assert(mentions("RENAME TABLE other.x TO shop.item", "other"));
    cr_assert(!mentions("GRANT SELECT (shop) , (item) ON x", "other"));
}

Test(ddl_names, quotes_that_nothing_closes_hide_no_name)
{
    cr_assert(mentions("ALTER TABLE 'x item", "shop"));
    cr_assert(mentions("ALTER TABLE /* item", "shop"));
    cr_assert(mentions("it's a table `shop.item", "other"));
    cr_assert(!mentions("`", "shop"));
    cr_assert(!mentions("/*", "shop"));
    cr_assert(!mentions("'a\\", "shop"));
}
