#include "rules/objects.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct objects *compiled(const struct object_rule *rules, size_t count, bool fold_case)
{
    struct objects *o = NULL;
    struct errmsg em = {0};
    cr_assert_eq(objects_compile(rules, count, fold_case, &o, &em), ERR_OK, "%s", em.text);
    return o;
}

static size_t index_of(const struct objects *o, const char *database, const char *table)
{
    size_t index = 12345;
    struct errmsg em = {0};
    cr_assert_eq(objects_match(o, slice_str(database), slice_str(table), &index, &em), ERR_OK, "%s",
                 em.text);
    return index;
}

static bool one_matches(const char *pattern, const char *database, const char *table)
{
    struct objects *o = compiled(&(struct object_rule){pattern, 1, "t"}, 1, false);
    size_t index = index_of(o, database, table);
    objects_free(o);
    return index == 0;
}

Test(objects, the_first_pattern_that_matches_decides)
{
    const struct object_rule rules[] = {
        {"shop.orders", 1, "orders"}, {"!shop.tmp_*", 2, NULL}, {"shop.*", 3, "rest"}};
    struct objects *o = compiled(rules, 3, false);

    cr_assert_eq(index_of(o, "shop", "orders"), 0);
    cr_assert_eq(index_of(o, "shop", "tmp_1"), OBJECTS_NONE);
    cr_assert_eq(index_of(o, "shop", "items"), 2);
    cr_assert_eq(index_of(o, "crm", "items"), OBJECTS_NONE);
    objects_free(o);
}

Test(objects, an_exclusion_behind_a_match_comes_too_late)
{
    const struct object_rule rules[] = {{"shop.*", 1, "t"}, {"!shop.tmp_*", 2, NULL}};
    struct objects *o = compiled(rules, 2, false);
    cr_assert_eq(index_of(o, "shop", "tmp_1"), 0);
    objects_free(o);
}

Test(objects, both_parts_can_be_globs)
{
    cr_assert(one_matches("shop_?.*", "shop_1", "x"));
    cr_assert_not(one_matches("shop_?.*", "shop_12", "x"));
    cr_assert(one_matches("*.*", "a", "b"));
    cr_assert(one_matches("[a-c].t", "b", "t"));
}

Test(objects, the_first_dot_divides_and_backquotes_hide_dots_and_stars)
{
    cr_assert(one_matches("shop.a.b", "shop", "a.b"));
    cr_assert(one_matches("`my.shop`.t", "my.shop", "t"));
    cr_assert(one_matches("shop.`a*`", "shop", "a*"));
    cr_assert_not(one_matches("shop.`a*`", "shop", "ab"));
}

Test(objects, a_regex_alone_must_match_all_of_database_and_table)
{
    cr_assert(one_matches("/shop\\.item_\\d+/", "shop", "item_12"));
    cr_assert(one_matches("/^shop\\.item_\\d+$/", "shop", "item_12"));
    cr_assert_not(one_matches("/shop\\.item/", "shop", "item_12"));
    cr_assert_not(one_matches("/shop\\.item/", "myshop", "item"));
    cr_assert(one_matches("/(?i)SHOP\\..*/", "shop", "x"));
    cr_assert(one_matches("/a\\/b\\.c/", "a/b", "c"));
}

Test(objects, a_regex_can_be_one_part)
{
    cr_assert(one_matches("shop./item_\\d+/", "shop", "item_1"));
    cr_assert_not(one_matches("shop./item_\\d+/", "shop", "item_1b"));
    cr_assert(one_matches("/s.*/.orders", "shop", "orders"));
    cr_assert(one_matches("!/x/", "shop", "orders") == false);
}

Test(objects, an_alternation_is_anchored_as_a_whole)
{
    cr_assert_not(one_matches("/shop\\.a|shop\\.b/", "shop", "ab"));
    cr_assert(one_matches("/shop\\.a|shop\\.b/", "shop", "b"));
}

Test(objects, case_is_folded_when_the_source_folds_it)
{
    const struct object_rule rules[] = {
        {"Shop.Orders", 1, "t"}, {"/SHOP\\.X+/", 2, "t"}, {"`CRM`.*", 3, "t"}};
    struct objects *o = compiled(rules, 3, true);
    cr_assert_eq(index_of(o, "shop", "orders"), 0);
    cr_assert_eq(index_of(o, "shop", "xx"), 1);
    cr_assert_eq(index_of(o, "crm", "a"), 2);
    objects_free(o);
}

Test(objects, a_wrong_pattern_is_named_with_its_line)
{
    static const char *const wrong[] = {
        "",     "shop", "shop.", ".t",     "!",  "!shop", "/a",    "/(/",      "shop./(/", "`a.b",
        "a[.b", "a.b[", "/a/b",  "`a`b.c", "//", "a.``",  "a.b\\", "/a/./b/c", "`a`.`b`c"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct objects *o = NULL;
        struct errmsg em = {0};
        enum err e = objects_compile(&(struct object_rule){wrong[i], 17, "t"}, 1, false, &o, &em);
        cr_assert_eq(e, ERR_CONFIG, "%s", wrong[i]);
        cr_assert_null(o);
        cr_assert(strstr(em.text, "line 17") != NULL, "%s", em.text);
    }
}

Test(objects, a_regex_that_backtracks_without_end_is_an_error_and_not_a_miss)
{
    struct objects *o = compiled(&(struct object_rule){"/(a+)+\\.(b+)+c/", 3, "t"}, 1, false);
    size_t index;
    struct errmsg em = {0};
    char table[65];
    memset(table, 'b', 64);
    table[64] = 0;
    enum err e = objects_match(o, SLICE_LIT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
                               slice_str(table), &index, &em);
    cr_assert(e == ERR_CONFIG || (e == ERR_OK && index == OBJECTS_NONE));
    objects_free(o);
}

Test(objects, a_name_that_is_no_utf8_cannot_be_decided_by_a_regex)
{
    struct objects *o = compiled(&(struct object_rule){"/.*/", 3, "t"}, 1, false);
    size_t index = 7;
    struct errmsg em = {0};
    cr_assert_eq(objects_match(o, SLICE_LIT("a\xFF"), SLICE_LIT("b"), &index, &em), ERR_CONFIG);
    cr_assert_eq(index, 7);
    objects_free(o);
}

Test(objects, names_and_patterns_keep_their_order)
{
    const struct object_rule rules[] = {
        {"shop.a", 1, "t"},   {"!shop.b", 2, NULL},  {"shop.[ac]", 3, "t"}, {"shop.c", 4, "t"},
        {"`shop`.b", 5, "t"}, {"!shop.d*", 6, NULL}, {"shop.d", 7, "t"},    {"/.*/", 8, "t"}};
    struct objects *o = compiled(rules, 8, false);
    cr_assert_eq(index_of(o, "shop", "a"), 0);
    cr_assert_eq(index_of(o, "shop", "b"), OBJECTS_NONE);
    cr_assert_eq(index_of(o, "shop", "c"), 2);
    cr_assert_eq(index_of(o, "shop", "d"), OBJECTS_NONE);
    cr_assert_eq(index_of(o, "shop", "A"), 7);
    size_t index;
    bool excludes;
    struct errmsg em = {0};
    cr_assert_eq(objects_decide(o, SLICE_LIT("shop"), SLICE_LIT("d"), &index, &excludes, &em), 0);
    cr_assert(index == 5 && excludes);
    objects_free(o);
}

Test(objects, ten_thousand_names_are_found_as_one_is)
{
    static char names[10000][24];
    static struct object_rule rules[10000];
    for (size_t i = 0; i < 10000; i++) {
        snprintf(names[i], sizeof(names[i]), "shop.table_%zu", i);
        rules[i] = (struct object_rule){names[i], (uint32_t)i + 1, "t"};
    }
    struct objects *o = compiled(rules, 10000, true);
    for (size_t i = 0; i < 10000; i++)
        cr_assert_eq(index_of(o, "SHOP", names[i] + 5), i);
    cr_assert_eq(index_of(o, "shop", "table_10000"), OBJECTS_NONE);
    objects_free(o);
}

static enum err topic_of(const char *template, const char *database, const char *table, char *out,
                         struct errmsg *em)
{
    struct objects *o = compiled(&(struct object_rule){"*.*", 9, template}, 1, false);
    enum err e = objects_topic(o, 0, slice_str(database), slice_str(table), out, em);
    objects_free(o);
    return e;
}

Test(objects, a_topic_takes_the_names_of_its_table)
{
    char topic[TOPIC_NAME_MAX + 1];
    cr_assert_eq(topic_of("cdc.{database}.{table}", "shop", "orders", topic, NULL), ERR_OK);
    cr_assert_str_eq(topic, "cdc.shop.orders");
    cr_assert_eq(topic_of("plain", "shop", "orders", topic, NULL), ERR_OK);
    cr_assert_str_eq(topic, "plain");
}

Test(objects, a_topic_that_kafka_does_not_allow_is_refused_with_the_table)
{
    char topic[TOPIC_NAME_MAX + 1] = "before";
    struct errmsg em = {0};
    cr_assert_eq(topic_of("{table}", "shop", "a b", topic, &em), ERR_DEST_TOPIC);
    cr_assert(strstr(em.text, "shop.a b") != NULL, "%s", em.text);
    cr_assert_eq(topic_of("{table}", "shop", "..", topic, &em), ERR_DEST_TOPIC);
    cr_assert_str_eq(topic, "before");
}

Test(objects, a_topic_can_have_249_characters_and_no_more)
{
    char table[TOPIC_NAME_MAX + 2], topic[TOPIC_NAME_MAX + 1];
    memset(table, 'x', sizeof(table));
    table[TOPIC_NAME_MAX] = 0;
    cr_assert_eq(topic_of("{table}", "d", table, topic, NULL), ERR_OK);
    cr_assert_eq(strlen(topic), TOPIC_NAME_MAX);
    cr_assert_eq(topic_of("{table}x", "d", table, topic, NULL), ERR_DEST_TOPIC);
}

static size_t database_of(const char *const *patterns, size_t count, const char *database)
{
    struct object_rule rules[4];
    struct objects *o;
    struct errmsg em = {0};
    size_t index;
    for (size_t i = 0; i < count; i++)
        rules[i] = (struct object_rule){.pattern = patterns[i],
                                        .topic = patterns[i][0] == '!' ? NULL : "t"};
    cr_assert_eq(objects_compile(rules, count, false, &o, &em), ERR_OK, "%s", em.text);
    cr_assert_eq(objects_match_database(o, slice_str(database), &index, &em), ERR_OK);
    objects_free(o);
    return index;
}

Test(objects, a_database_is_taken_where_a_table_of_it_may_be)
{
    static const char *const plain[] = {"!shop.tmp_*", "shop.orders", "a*.*"};
    cr_expect_eq(database_of(plain, 3, "shop"), 1);
    cr_expect_eq(database_of(plain, 3, "abc"), 2);
    cr_expect_eq(database_of(plain, 3, "other"), OBJECTS_NONE);
    static const char *const shut[] = {"!shop.*", "*.*"};
    cr_expect_eq(database_of(shut, 2, "shop"), OBJECTS_NONE);
    cr_expect_eq(database_of(shut, 2, "shop2"), 1);
    static const char *const regex[] = {"/(shop|bar)\\.(a|b)\\d+/"};
    cr_expect_eq(database_of(regex, 1, "shop"), 0);
    cr_expect_eq(database_of(regex, 1, "sho"), OBJECTS_NONE);
}
