#include "base/utf8.h"

#include <criterion/criterion.h>

static size_t valid_len(const char *s)
{
    return utf8_valid_len(slice_str(s));
}

Test(utf8, whole_characters_of_every_length_are_valid)
{
    cr_assert_eq(valid_len(""), 0);
    cr_assert_eq(valid_len("ascii text that is longer than a word"), 37);
    cr_assert_eq(valid_len("\xC2\x80\xDF\xBF"), 4);
    cr_assert_eq(valid_len("\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF"), 12);
    cr_assert_eq(valid_len("\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"), 8);
}

Test(utf8, the_valid_prefix_ends_before_the_bad_character)
{
    static const char *const bad[] = {
        "\x80",         "\xBF",         "\xC0\x80",         "\xC1\xBF",         "\xC2",
        "\xC2\x41",     "\xE0\x80\x80", "\xE0\x9F\xBF",     "\xE2\x82",         "\xED\xA0\x80",
        "\xED\xBF\xBF", "\xEF\xBF",     "\xF0\x8F\xBF\xBF", "\xF0\x90\x80",     "\xF4\x90\x80\x80",
        "\xF5\x80",     "\xFF",         "\xFE\x80\x80\x80", "\xF8\x88\x80\x80", "\xE2\x28\xA1",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[64] = "123456789\xC3\xA9";
        strcat(text, bad[i]);
        cr_assert_eq(valid_len(text), 11, "case %zu", i);
        strcat(text, "and more of it");
        cr_assert_eq(valid_len(text), 11, "case %zu with a tail", i);
    }
}

Test(utf8, every_code_point_is_written_and_read_back)
{
    for (uint32_t c = 0; c < 0x110000; c++) {
        uint8_t buf[4];
        if (c >= 0xD800 && c < 0xE000)
            continue;
        uint8_t *end = utf8_put(buf, c);
        unsigned n = utf8_char_len(buf, end);
        cr_assert_eq(n, end - buf);
        cr_assert_eq(utf8_code_point(buf, n), c);
    }
}
