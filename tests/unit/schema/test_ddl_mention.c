#include "schema/ddl_mention.h"

#include <criterion/criterion.h>

static enum ddl_effect effect(const char *sql)
{
    return ddl_effect_of(slice_str(sql));
}

static bool mentions(const char *sql, const char *db)
{
    return ddl_mentions(slice_str(sql), slice_str(db), SLICE_LIT("shop"), SLICE_LIT("item"));
}

Test(ddl_mention, leading_words_tell_the_effect)
{
    cr_assert_eq(effect("CREATE TABLE t (a int)"), DDL_CREATES);
    cr_assert_eq(effect("create table if not exists t (a int)"), DDL_CREATES_MAYBE);
    cr_assert_eq(effect("CREATE OR REPLACE TABLE t (a int)"), DDL_CHANGES);
    cr_assert_eq(effect("CREATE TEMPORARY TABLE t (a int)"), DDL_NO_EFFECT);
    cr_assert_eq(effect("ALTER TABLE t ADD b int"), DDL_CHANGES);
    cr_assert_eq(effect("ALTER IGNORE TABLE t ADD b int"), DDL_CHANGES);
    cr_assert_eq(effect("RENAME TABLE a TO b"), DDL_CHANGES);
    cr_assert_eq(effect("DROP TABLE t"), DDL_CHANGES);
    cr_assert_eq(effect("DROP TEMPORARY TABLE t"), DDL_NO_EFFECT);
    cr_assert_eq(effect("DROP DATABASE d"), DDL_DROPS_DATABASE);
    cr_assert_eq(effect("DROP SCHEMA d"), DDL_DROPS_DATABASE);
    cr_assert_eq(effect("CREATE UNIQUE INDEX i ON t(a)"), DDL_CHANGES);
    cr_assert_eq(effect("CREATE INDEX i ON t(a)"), DDL_NO_EFFECT);
    cr_assert_eq(effect("DROP INDEX i ON t"), DDL_CHANGES);
    cr_assert_eq(effect("TRUNCATE TABLE t"), DDL_NO_EFFECT);
    cr_assert_eq(effect("CREATE VIEW v AS SELECT 1"), DDL_NO_EFFECT);
    cr_assert_eq(effect("GRANT ALL ON *.* TO x"), DDL_NO_EFFECT);
    cr_assert_eq(effect("SET STATEMENT max_statement_time=1 FOR ALTER TABLE t ADD b int"),
                 DDL_CHANGES);
    cr_assert_eq(effect(""), DDL_NO_EFFECT);
}

Test(ddl_mention, comments_are_passed_and_executable_ones_are_read)
{
    cr_assert_eq(effect("/* x */ -- y\n # z\n ALTER TABLE t ADD b int"), DDL_CHANGES);
    cr_assert_eq(effect("/*!80013 ALTER TABLE t ADD b int */"), DDL_CHANGES);
    cr_assert_eq(effect("/*M!100100 DROP TABLE t */"), DDL_CHANGES);
    cr_assert(mentions("ALTER /*! TABLE */ item ADD b int", "shop"));
    cr_assert(!mentions("ALTER TABLE other /* item */ ADD b int", "shop"));
    cr_assert(!mentions("ALTER TABLE other ADD b int -- item", "shop"));
}

Test(ddl_mention, an_unqualified_name_needs_the_right_default_database)
{
    cr_assert(mentions("ALTER TABLE item ADD b int", "shop"));
    cr_assert(mentions("ALTER TABLE ITEM ADD b int", "Shop"));
    cr_assert(!mentions("ALTER TABLE item ADD b int", "other"));
    cr_assert(!mentions("ALTER TABLE items ADD b int", "shop"));
}

Test(ddl_mention, a_qualified_name_needs_the_right_database)
{
    cr_assert(mentions("ALTER TABLE shop.item ADD b int", "other"));
    cr_assert(mentions("ALTER TABLE `shop`.`item` ADD b int", "other"));
    cr_assert(mentions("ALTER TABLE `shop` . `item` ADD b int", ""));
    cr_assert(!mentions("ALTER TABLE other.item ADD b int", "shop"));
    cr_assert(mentions("RENAME TABLE other.x TO shop.item", "other"));
}

Test(ddl_mention, quotes_in_names_are_undoubled)
{
    cr_assert(ddl_mentions(SLICE_LIT("DROP TABLE `a``b`"), SLICE_LIT("shop"), SLICE_LIT("shop"),
                           SLICE_LIT("a`b")));
    cr_assert(mentions("ALTER TABLE \"item\" ADD b int", "shop"));
}

Test(ddl_mention, text_that_ends_early_ends_the_search)
{
    static const char *const cut[] = {
        "ALTER TABLE `ite", "ALTER TABLE 'a\\", "/*", "/*!", "--", "`"};
    for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++)
        cr_assert(!mentions(cut[i], "shop"));
}

Test(ddl_mention, every_name_comes_with_its_database)
{
    struct ddl_names n =
        ddl_names_of(SLICE_LIT("RENAME TABLE a TO `x`.`b``c`, y . z TO q -- .k\n"), SLICE_LIT("d"));
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
