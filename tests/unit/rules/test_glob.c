#include "rules/glob.h"

#include <criterion/criterion.h>

static bool matches(const char *pattern, const char *text)
{
    return glob_match(slice_str(pattern), slice_str(text), false);
}

Test(glob, a_name_without_wildcards_matches_itself_only)
{
    cr_assert(matches("orders", "orders"));
    cr_assert_not(matches("orders", "order"));
    cr_assert_not(matches("orders", "orders2"));
    cr_assert_not(matches("orders", "Orders"));
}

Test(glob, a_star_takes_any_characters_and_none)
{
    cr_assert(matches("*", ""));
    cr_assert(matches("*", "x"));
    cr_assert(matches("o*s", "os"));
    cr_assert(matches("o*s", "orders"));
    cr_assert_not(matches("o*s", "order"));
    cr_assert(matches("*a*b*", "xxaxxbxx"));
    cr_assert_not(matches("*a*b*", "xxbxxaxx"));
    cr_assert(matches("**", "abc"));
}

Test(glob, a_question_mark_takes_one_character_of_any_length_in_bytes)
{
    cr_assert(matches("?", "x"));
    cr_assert(matches("?", "\xC3\xA9"));
    cr_assert(matches("?", "\xF0\x9F\x98\x80"));
    cr_assert_not(matches("?", ""));
    cr_assert_not(matches("?", "xy"));
    cr_assert(matches("??", "\xC3\xA9x"));
    cr_assert(matches("?", "\xFF"), "a byte that is no UTF-8 counts as one character");
}

Test(glob, a_class_takes_its_members_and_an_inverted_one_the_others)
{
    cr_assert(matches("t[0-9]", "t7"));
    cr_assert_not(matches("t[0-9]", "tx"));
    cr_assert(matches("t[!0-9]", "tx"));
    cr_assert_not(matches("t[^0-9]", "t7"));
    cr_assert(matches("[]]", "]"));
    cr_assert(matches("[a-]", "-"));
    cr_assert(matches("[\\]x]", "]"));
    cr_assert(matches("[\xC3\xA0-\xC3\xBF]", "\xC3\xA9"));
    cr_assert_not(matches("[a-c]", ""));
}

Test(glob, a_backslash_takes_the_next_character_literally)
{
    cr_assert(matches("a\\*", "a*"));
    cr_assert_not(matches("a\\*", "ab"));
    cr_assert(matches("\\?", "?"));
    cr_assert(matches("\\[a]", "[a]"));
}

Test(glob, case_is_folded_on_demand)
{
    cr_assert(glob_match(SLICE_LIT("ORD*"), SLICE_LIT("orders"), true));
    cr_assert(glob_match(SLICE_LIT("[A-C]x"), SLICE_LIT("bX"), true));
    cr_assert_not(glob_match(SLICE_LIT("[A-C]x"), SLICE_LIT("bx"), false));
}

Test(glob, what_is_not_ended_is_not_valid)
{
    cr_assert_not(glob_valid(SLICE_LIT("a[b")));
    cr_assert_not(glob_valid(SLICE_LIT("a[")));
    cr_assert_not(glob_valid(SLICE_LIT("[]")));
    cr_assert_not(glob_valid(SLICE_LIT("a\\")));
    cr_assert_not(glob_valid(SLICE_LIT("[a\\")));
    cr_assert(glob_valid(SLICE_LIT("a[b]*?")));
    cr_assert(glob_valid(SLICE_LIT("")));
}

Test(glob, many_stars_over_a_long_name_end_soon)
{
    char pattern[400], text[4000];
    for (size_t i = 0; i < sizeof(pattern) - 1; i += 2)
        memcpy(pattern + i, "*a", 2);
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = 'b';
    cr_assert_not(
        glob_match(slice_of(pattern, sizeof(pattern) - 2), slice_of(text, sizeof(text)), false));
}
