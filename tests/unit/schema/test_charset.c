#include "schema/charset.h"

#include "base/utf8.h"
#include "base/writer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define UFFFD "\xEF\xBF\xBD"

static const struct charset *prepared(const char *name)
{
    const struct charset *cs = charset_of_name(slice_str(name));
    cr_assert_not_null(cs, "%s", name);
    cr_assert_eq(charset_prepare(cs), ERR_OK, "%s", name);
    return cs;
}

static enum err convert(const char *name, struct slice in, bool replace, uint64_t *replaced,
                        struct writer *w)
{
    writer_init(w, 1 << 20);
    return charset_to_utf8(prepared(name), in, w, replace, replaced);
}

static void expect(const char *name, struct slice in, const char *want)
{
    struct writer w;
    cr_assert_eq(convert(name, in, false, NULL, &w), ERR_OK, "%s", name);
    cr_assert(slice_eq(writer_slice(&w), slice_str(want)), "%s: %.*s", name, (int)w.len, w.base);
    writer_fini(&w);
}

static void expect_replaced(const char *name, struct slice in, const char *want, uint64_t times)
{
    struct writer w;
    uint64_t replaced = 0;
    cr_assert_eq(convert(name, in, true, &replaced, &w), ERR_OK, "%s", name);
    cr_assert(slice_eq(writer_slice(&w), slice_str(want)), "%s: %.*s", name, (int)w.len, w.base);
    cr_assert_eq(replaced, times);
    writer_clear(&w);
    writer_lit(&w, "before");
    cr_assert_eq(charset_to_utf8(prepared(name), in, &w, false, NULL), ERR_BAD_TEXT);
    cr_assert(slice_eq(writer_slice(&w), SLICE_LIT("before")), "nothing is appended on failure");
    writer_fini(&w);
}

Test(charset, ids_of_both_servers_lead_to_their_set)
{
    static const struct {
        uint32_t id;
        const char *name;
    } all[] = {
        {8, "latin1"},    {33, "utf8mb3"},  {45, "utf8mb4"},   {63, "binary"},    {255, "utf8mb4"},
        {309, "utf8mb4"}, {323, "utf8mb4"}, {28, "gbk"},       {248, "gb18030"},  {54, "utf16"},
        {62, "utf16le"},  {1032, "latin1"}, {1069, "utf8mb4"}, {2048, "utf8mb3"}, {2304, "utf8mb4"},
        {2759, "ucs2"},   {3271, "utf32"},  {11, "ascii"},     {93, "geostd8"},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        const struct charset *cs = charset_of_collation(all[i].id);
        cr_assert_not_null(cs, "%u", all[i].id);
        cr_expect_str_eq(cs->name, all[i].name, "%u", all[i].id);
    }
    cr_assert_null(charset_of_collation(0));
    cr_assert_null(charset_of_collation(17));
    cr_assert_null(charset_of_collation(2303));
    cr_assert_null(charset_of_collation(UINT32_MAX));
}

Test(charset, collation_names_lead_to_the_same_set_as_ids)
{
    cr_assert_eq(charset_of_collation_name(SLICE_LIT("latin1_swedish_ci")),
                 charset_of_collation(8));
    cr_assert_eq(charset_of_collation_name(SLICE_LIT("utf8mb4_uca1400_ai_ci")),
                 charset_of_collation(45));
    cr_assert_eq(charset_of_collation_name(SLICE_LIT("utf8_general_ci")), charset_of_collation(33));
    cr_assert_eq(charset_of_collation_name(SLICE_LIT("binary")), charset_of_collation(63));
    cr_assert_null(charset_of_collation_name(SLICE_LIT("klingon_ci")));
    cr_assert_null(charset_of_collation_name(SLICE_LIT("")));
}

Test(charset, converts_a_word_of_each_kind_of_set)
{
    expect("latin1", SLICE_LIT("caf\xe9 \x80 \x81"), "caf\u00e9 \u20ac \xc2\x81");
    expect("swe7", SLICE_LIT("a@[\\]"), "a\u00c9\u00c4\u00d6\u00c5");
    expect("gbk", SLICE_LIT("\xd6\xd0\xce\xc4 ok"), "\u4e2d\u6587 ok");
    expect("sjis", SLICE_LIT("\x83\x5c\x5c\xb1"), "\u30bd\\\uff71");
    expect("ujis", SLICE_LIT("\x8e\xb1\xa4\xa2\x8f\xb0\xa1"), "\uff71\u3042\u4e02");
    expect("euckr", SLICE_LIT("\xc7\xd1"), "\ud55c");
    expect("utf16", SLICE_LIT("\0A\xd8\x3d\xde\0"), "A\U0001F600");
    expect("utf16le", SLICE_LIT("A\0\x3d\xd8\0\xde"), "A\U0001F600");
    expect("utf32", SLICE_LIT("\0\x01\xf6\0"), "\U0001F600");
    expect("ucs2", SLICE_LIT("\x4e\x2d"), "\u4e2d");
    expect("utf8mb4", SLICE_LIT("\U0001F600"), "\U0001F600");
    expect("latin1", SLICE_LIT(""), "");
}

Test(charset, gb18030_has_its_four_byte_codes)
{
    expect("gb18030", SLICE_LIT("\xd6\xd0\x81\x30\x81\x30"), "\u4e2d\xc2\x80");
    expect("gb18030", SLICE_LIT("\xa8\xbc\x81\x35\xf4\x37"), "\u1e3f\ue7c7");
    expect("gb18030", SLICE_LIT("\x84\x31\xa4\x39"), "\uffff");
    expect("gb18030", SLICE_LIT("\x90\x30\x81\x30\xe3\x32\x9a\x35"), "\U00010000\U0010FFFF");
    expect_replaced("gb18030", SLICE_LIT("a\x84\x31\xa5\x30z"), "a" UFFFD "z", 1);
    expect_replaced("gb18030", SLICE_LIT("a\xe3\x32\x9a\x36z"), "a" UFFFD "z", 1);
    expect_replaced("gb18030", SLICE_LIT("\x81\x30\x81"), UFFFD "0" UFFFD, 2);
}

Test(charset, bytes_that_are_no_character_fail_or_are_replaced)
{
    expect_replaced("utf8mb4", SLICE_LIT("a\xffz\xc3"), "a" UFFFD "z" UFFFD, 2);
    expect_replaced("ascii", SLICE_LIT("a\x80z"), "a" UFFFD "z", 1);
    expect_replaced("cp1257", SLICE_LIT("a\x81z"), "a" UFFFD "z", 1);
    expect_replaced("gbk", SLICE_LIT("a\xd6"), "a" UFFFD, 1);
    expect_replaced("gbk", SLICE_LIT("\xd6 a"), UFFFD " a", 1);
    expect_replaced("gbk", SLICE_LIT("\xff\xd6\xd0"), UFFFD "\u4e2d", 1);
    expect_replaced("gb2312", SLICE_LIT("\xaa\xa1\xd6\xd0"), UFFFD "\u4e2d", 1); /* an empty row */
    expect_replaced("gb2312", SLICE_LIT("\xa2\xa1\xd6\xd0"), UFFFD "\u4e2d",
                    1); /* a row with holes */
    expect_replaced("ujis", SLICE_LIT("\x8f\xa1\xa1\x41"), UFFFD "A", 1);
    expect_replaced("utf16", SLICE_LIT("\0A\xd8\x3d"), "A" UFFFD, 1);
    expect_replaced("utf16", SLICE_LIT("\xd8\x3d\0A"), UFFFD "A", 1);
    expect_replaced("utf16", SLICE_LIT("\xde\0\0A\0"), UFFFD "A" UFFFD, 2);
    expect_replaced("ucs2", SLICE_LIT("\xd8\x3d\xde\0"), UFFFD UFFFD, 2);
    expect_replaced("utf32", SLICE_LIT("\0\x11\0\0\0\0\0A"), UFFFD "A", 1);
}

Test(charset, a_long_text_of_any_set_equals_its_pieces)
{
    static const char *const names[] = {"latin1", "gbk", "ujis", "utf16", "gb18030", "utf32"};
    static const struct slice words[] = {
        SLICE_LIT("abc\xe9 long enough for eight"),
        SLICE_LIT("\xd6\xd0 ab \xce\xc4"),
        SLICE_LIT("\x8e\xb1\xa4\xa2\x8f\xb0\xa1"),
        SLICE_LIT("\0A\xd8\x3d\xde\0"),
        SLICE_LIT("\xd6\xd0\x81\x30\x81\x30\x90\x30\x81\x30x"),
        SLICE_LIT("\0\x01\xf6\0"),
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct writer in, one, all;
        writer_init(&in, 1 << 20);
        cr_assert_eq(convert(names[i], words[i], false, NULL, &one), ERR_OK);
        for (int k = 0; k < 3000; k++)
            writer_slice_put(&in, words[i]);
        cr_assert_eq(convert(names[i], writer_slice(&in), false, NULL, &all), ERR_OK);
        cr_assert_eq(all.len, 3000 * one.len, "%s", names[i]);
        for (size_t k = 0; k < 3000; k++)
            cr_assert(memcmp(all.base + k * one.len, one.base, one.len) == 0, "%s", names[i]);
        writer_fini(&in);
        writer_fini(&one);
        writer_fini(&all);
    }
}

Test(charset, a_full_writer_is_told_and_left_as_it_was)
{
    struct writer w;
    writer_init(&w, 8);
    writer_lit(&w, "1234");
    cr_assert_eq(charset_to_utf8(prepared("latin1"), SLICE_LIT("567890"), &w, false, NULL),
                 ERR_TOO_LARGE);
    cr_assert_eq(w.len, 4);
    writer_fini(&w);
}

Test(charset, conversion_needs_preparation)
{
    struct writer w;
    writer_init(&w, 64);
    cr_assert_eq(
        charset_to_utf8(charset_of_name(SLICE_LIT("koi8u")), SLICE_LIT("a"), &w, false, NULL),
        ERR_BUG);
    cr_assert_eq(
        charset_to_utf8(charset_of_name(SLICE_LIT("binary")), SLICE_LIT("a"), &w, false, NULL),
        ERR_BUG);
    writer_fini(&w);
}

static size_t unhex(char *text)
{
    size_t n = 0;
    unsigned b;
    for (; sscanf(text + 2 * n, "%2x", &b) == 1; n++)
        text[n] = (char)b; /* behind what is still to be read */
    return n;
}

/*
 * The server prints '?' for a stored code that is no character, where we put
 * U+FFFD; a '?' that was stored is one byte 3F and stays.
 */
static bool equals_server(struct slice ours, struct slice server)
{
    const uint8_t *p = ours.ptr, *end = p + ours.len;
    const uint8_t *q = server.ptr, *q_end = q + server.len;
    while (p < end && q < q_end) {
        if (*p == *q) {
            p++;
            q++;
        } else if (*q == '?' && end - p >= 3 && memcmp(p, UFFFD, 3) == 0) {
            p += 3;
            q++;
        } else {
            return false;
        }
    }
    return p == end && q == q_end;
}

Test(charset, agrees_with_what_a_server_converted)
{
    FILE *f = fopen(FIXTURES "/binlog/local-mariadb-10.11/charsets-expected.tsv", "r");
    if (f == NULL)
        cr_skip("the fixtures are not beside this checkout");
    char line[8192], name[32], id[32], stored[4096], text[4096];
    size_t count = 0;
    while (fgets(line, sizeof(line), f) != NULL) {
        if (line[0] == '#' || sscanf(line, "%31s %31s %4095s %4095s", name, id, stored, text) != 4)
            continue;
        struct writer w;
        struct slice in = slice_of(stored, unhex(stored));
        struct slice want = slice_of(text, unhex(text));
        cr_assert_eq(convert(name, in, true, NULL, &w), ERR_OK);
        cr_expect(equals_server(writer_slice(&w), want), "%s %s: %.*s", name, id, (int)w.len,
                  w.base);
        writer_fini(&w);
        count++;
    }
    fclose(f);
    cr_assert_eq(count, 123);
}

Test(charset, every_listed_collation_id_is_known)
{
    static const char *const lists[] = {FIXTURES "/charset/collations-mysql.tsv",
                                        FIXTURES "/charset/collations-mariadb-10.11.tsv"};
    for (size_t i = 0; i < 2; i++) {
        FILE *f = fopen(lists[i], "r");
        if (f == NULL)
            cr_skip("the fixtures are not beside this checkout");
        char line[256], collation[128], name[64];
        unsigned id;
        while (fgets(line, sizeof(line), f) != NULL) {
            if (sscanf(line, "%u %127s %63s", &id, collation, name) != 3)
                continue;
            const struct charset *cs = charset_of_collation(id);
            cr_assert_not_null(cs, "%u", id);
            cr_expect_str_eq(cs->name, name, "%u", id);
            cr_expect_eq(charset_of_collation_name(slice_str(collation)), cs, "%s", collation);
        }
        fclose(f);
    }
}

Test(charset, any_bytes_of_any_set_become_valid_utf8)
{
    static const char *const names[] = {
        "utf8mb4", "ascii",  "latin1",  "hebrew",  "swe7",  "tis620", "big5",
        "gbk",     "gb2312", "gb18030", "sjis",    "cp932", "ujis",   "eucjpms",
        "euckr",   "ucs2",   "utf16",   "utf16le", "utf32",
    };
    unsigned seed = 12345;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        for (int round = 0; round < 200; round++) {
            uint8_t bytes[64];
            size_t n = (size_t)rand_r(&seed) % sizeof(bytes);
            for (size_t k = 0; k < n; k++)
                bytes[k] = (uint8_t)(rand_r(&seed) >> 7);
            struct writer w;
            cr_assert_eq(convert(names[i], slice_of(bytes, n), true, NULL, &w), ERR_OK);
            cr_assert(utf8_valid(writer_slice(&w)), "%s, seed %u", names[i], seed);
            writer_fini(&w);
        }
    }
}
