#include "mysqlproto/binlog/json_diff.h"

#include "base/arena.h"
#include "binlog_build.h"
#include "mysqlproto/binlog/json_path.h"

/* {"a":1}, {"a":[1,2],"bb":{}} and [] in the small form. */
#define DOC_A1 "00 0100 0c00 0b000100 050100 61"

/* A document built here: an object of "a": array of n int16, "b": "text". */
static struct slice doc_array(unsigned n)
{
    struct writer *w = new_writer();
    size_t array = 4 + n * 3u, keys = 4 + 8 + 6;
    writer_u8(w, JSON_SMALL_OBJECT);
    writer_u16(w, 2);
    writer_u16(w, (uint16_t)(keys + 2 + array + 5));
    writer_u16(w, (uint16_t)keys);
    writer_u16(w, 1);
    writer_u16(w, (uint16_t)(keys + 1));
    writer_u16(w, 1);
    writer_u8(w, JSON_SMALL_ARRAY);
    writer_u16(w, (uint16_t)(keys + 2));
    writer_u8(w, JSON_STRING);
    writer_u16(w, (uint16_t)(keys + 2 + array));
    writer_lit(w, "ab");
    writer_u16(w, (uint16_t)n);
    writer_u16(w, (uint16_t)array);
    for (unsigned i = 0; i < n; i++) {
        writer_u8(w, JSON_INT16);
        writer_u16(w, (uint16_t)i);
    }
    writer_u8(w, 4);
    writer_lit(w, "text");
    return writer_slice(w);
}

static void put_diff(struct writer *w, uint8_t op, const char *path, struct slice value)
{
    writer_u8(w, op);
    writer_lenenc_str(w, slice_str(path));
    if (op != 2)
        writer_lenenc_str(w, value);
}

/* The text of what becomes of before; NULL: it is refused. */
static const char *apply(struct slice before, const struct writer *diffs)
{
    struct writer *doc = new_writer(), *text = new_writer();
    if (json_diff_apply(before, writer_slice(diffs), doc) != ERR_OK)
        return NULL;
    cr_assert_eq(json_binary_text(writer_slice(doc), text), ERR_OK);
    writer_u8(text, 0);
    return (const char *)text->base;
}

static const char *apply_one(struct slice before, uint8_t op, const char *path, const char *value)
{
    struct writer *w = new_writer();
    put_diff(w, op, path, hex(value));
    return apply(before, w);
}

#define EXPECT_TEXT(got, want)                                                                     \
    do {                                                                                           \
        const char *got_ = (got);                                                                  \
        cr_assert_not_null(got_, "refused, not %s", want);                                         \
        cr_expect_str_eq(got_, want);                                                              \
    } while (0)

#define TRUE_ "0401"
#define SEVEN "050700"

Test(json_diff, replaces_inserts_and_removes_members)
{
    struct slice doc = hex(DOC_A1);
    EXPECT_TEXT(apply_one(doc, 0, "$.a", TRUE_), "{\"a\": true}");
    EXPECT_TEXT(apply_one(doc, 1, "$.b", SEVEN), "{\"a\": 1, \"b\": 7}");
    EXPECT_TEXT(apply_one(doc, 1, "$.\"\"", SEVEN), "{\"\": 7, \"a\": 1}");
    EXPECT_TEXT(apply_one(doc, 1, "$.B", SEVEN), "{\"B\": 7, \"a\": 1}");
    EXPECT_TEXT(apply_one(doc, 1, "$.aa", SEVEN), "{\"a\": 1, \"aa\": 7}");
    EXPECT_TEXT(apply_one(doc, 2, "$.a", ""), "{}");
    EXPECT_TEXT(apply_one(doc, 0, "$", TRUE_), "true");
    EXPECT_TEXT(apply_one(doc, 0, "$.a", DOC_A1), "{\"a\": {\"a\": 1}}");
}

Test(json_diff, works_on_elements_of_arrays)
{
    struct slice doc = doc_array(3);
    EXPECT_TEXT(apply_one(doc, 0, "$.a[1]", SEVEN), "{\"a\": [0, 7, 2], \"b\": \"text\"}");
    EXPECT_TEXT(apply_one(doc, 1, "$.a[0]", SEVEN), "{\"a\": [7, 0, 1, 2], \"b\": \"text\"}");
    EXPECT_TEXT(apply_one(doc, 1, "$.a[3]", SEVEN), "{\"a\": [0, 1, 2, 7], \"b\": \"text\"}");
    EXPECT_TEXT(apply_one(doc, 1, "$.a[99]", SEVEN), "{\"a\": [0, 1, 2, 7], \"b\": \"text\"}");
    EXPECT_TEXT(apply_one(doc, 2, "$.a[0]", ""), "{\"a\": [1, 2], \"b\": \"text\"}");
    EXPECT_TEXT(apply_one(doc, 2, "$.a", ""), "{\"b\": \"text\"}");
}

Test(json_diff, a_path_that_is_not_there_is_refused)
{
    struct slice doc = doc_array(2);
    static const struct {
        uint8_t op;
        const char *path;
    } bad[] = {
        {0, "$.c"},   {0, "$.a[2]"}, {0, "$[0]"},   {0, "$.a.b"}, {0, "$.b.c"},
        {1, "$.a"},   {1, "$"},      {2, "$"},      {2, "$.c"},   {2, "$.a[2]"},
        {1, "$.c.d"}, {1, "$.b[0]"}, {0, ""},       {0, "a"},     {0, "$."},
        {0, "$.a["},  {0, "$.a[]"},  {0, "$.a[x]"}, {0, "$.*"},   {0, "$.a[*]"},
        {0, "$a"},    {0, "$.\"a"},  {0, "$.a[0"},  {0, "$**.a"}, {0, "$.a[99999999999]"},
        {3, "$.a"},
    };
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_null(apply_one(doc, bad[i].op, bad[i].path, TRUE_), "%u %s", bad[i].op,
                       bad[i].path);
    cr_expect_null(apply_one(doc, 0, "$.a", ""), "a value of no bytes");
}

Test(json_diff, diffs_follow_each_other)
{
    struct writer *w = new_writer();
    put_diff(w, 1, "$.n", hex(DOC_A1));
    put_diff(w, 1, "$.n.b", hex("02 0000 0400"));
    put_diff(w, 1, "$.n.b[0]", hex(SEVEN));
    put_diff(w, 1, "$.n.b[0]", hex(TRUE_));
    put_diff(w, 2, "$.n.a", hex(""));
    put_diff(w, 0, "$.b", hex("0c 03 c3a978"));
    EXPECT_TEXT(apply(doc_array(1), w),
                "{\"a\": [0], \"b\": \"\xc3\xa9x\", \"n\": {\"b\": [true, 7]}}");
    for (size_t n = 1; n < w->len; n++) {
        struct writer cut = *w;
        cut.len = n;
        (void)apply(doc_array(1), &cut); /* whole diffs before the cut may well apply */
    }
}

Test(json_diff, values_of_all_kinds_are_carried_over)
{
    static const struct {
        const char *value;
        const char *text;
    } cases[] = {
        {"0400", "null"},
        {"0402", "false"},
        {"05ffff", "-1"},
        {"06ffff", "65535"},
        {"07ffffffff", "-1"},
        {"08ffffffff", "4294967295"},
        {"09ffffffffffffffff", "-1"},
        {"0affffffffffffffff", "18446744073709551615"},
        {"0b000000000000f83f", "1.5"},
        {"0c00", "\"\""},
        {"0f f6 09 0e04 810dfb38d204d2", "1234567890.1234"},
        {"02 0100 0700 04 0100", "[true]"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct writer *w = new_writer(), *want = new_writer();
        put_diff(w, 1, "$.v", hex(cases[i].value));
        writer_printf(want, "{\"a\": 1, \"v\": %s}", cases[i].text);
        writer_u8(want, 0);
        EXPECT_TEXT(apply(hex(DOC_A1), w), (const char *)want->base);
    }
}

Test(json_diff, an_empty_document_is_null)
{
    EXPECT_TEXT(apply_one(SLICE_LIT(""), 0, "$", SEVEN), "7");
    cr_expect_null(apply_one(SLICE_LIT(""), 1, "$.a", SEVEN));
    struct writer *none = new_writer();
    EXPECT_TEXT(apply(hex(DOC_A1), none), "{\"a\": 1}");
}

Test(json_diff, many_insertions_grow_a_container)
{
    struct writer *w = new_writer();
    for (unsigned i = 0; i < 300; i++)
        put_diff(w, 1, "$.a[0]", hex(SEVEN));
    const char *text = apply(doc_array(0), w);
    cr_assert_not_null(text);
    unsigned sevens = 0;
    for (; *text != 0; text++)
        sevens += *text == '7';
    cr_expect_eq(sevens, 300);
}

Test(json_diff, a_hundred_levels_are_the_limit)
{
    struct writer *path = new_writer();
    struct writer *w = new_writer();
    struct slice empty = hex("02 0000 0400");
    writer_lit(path, "$");
    writer_u8(path, 0);
    put_diff(w, 0, "$", empty);
    for (unsigned depth = 1; depth <= 100; depth++) {
        path->len--;
        writer_lit(path, "[0]");
        writer_u8(path, 0);
        put_diff(w, 1, (const char *)path->base, depth < 100 ? empty : hex(SEVEN));
    }
    struct writer *doc = new_writer();
    cr_expect_eq(json_diff_apply(SLICE_LIT(""), writer_slice(w), doc), ERR_OK);
    path->len--;
    writer_lit(path, "[0]");
    writer_u8(path, 0);
    put_diff(w, 1, (const char *)path->base, hex(SEVEN));
    writer_clear(doc);
    cr_expect_eq(json_diff_apply(SLICE_LIT(""), writer_slice(w), doc), ERR_MALFORMED);
}

Test(json_diff, a_document_that_is_cut_is_refused)
{
    struct slice doc = doc_array(3);
    struct writer *w = new_writer(), *out = new_writer();
    put_diff(w, 0, "$.a[2]", hex(SEVEN));
    for (size_t n = 1; n < doc.len; n++) {
        uint8_t *copy = malloc(n);
        memcpy(copy, doc.ptr, n);
        writer_clear(out);
        cr_expect_neq(json_diff_apply(slice_of(copy, n), writer_slice(w), out), ERR_OK, "%zu", n);
        free(copy);
    }
}

Test(json_path, legs_of_every_kind)
{
    struct arena *a = arena_new(1000);
    struct json_path p;
    cr_assert_eq(json_path_parse(SLICE_LIT("$"), a, &p), ERR_OK);
    cr_expect_eq(p.count, 0);
    cr_assert_eq(json_path_parse(SLICE_LIT("$.a[3].\"b c\".\xc3\xa9[0]"), a, &p), ERR_OK);
    cr_assert_eq(p.count, 5);
    EXPECT_SLICE(p.legs[0].name, "a");
    cr_expect(p.legs[1].is_index);
    cr_expect_eq(p.legs[1].index, 3);
    EXPECT_SLICE(p.legs[2].name, "b c");
    EXPECT_SLICE(p.legs[3].name, "\xc3\xa9");
    cr_assert_eq(
        json_path_parse(SLICE_LIT("$.\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\""), a, &p),
        ERR_OK);
    EXPECT_SLICE(p.legs[0].name, "\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\x98\x80");
    static const char *const bad[] = {
        "$.\"\\x\"", "$.\"\\u12\"", "$.\"\\ud83d\"", "$.\"\\ude00\"", "$.\"\\ud83d\\u0041\"",
        "$.\"\\",    "$.\"\\\"",    "$.\"a\"b"};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_neq(json_path_parse(slice_str(bad[i]), a, &p), ERR_OK, "%s", bad[i]);
    arena_free(a);
}
