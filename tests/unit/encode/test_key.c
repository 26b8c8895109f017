#include "encode/key.h"

#include "encode_fixture.h"

#include <stdio.h>

/* --- String.hashCode and the partition formula --- */

struct vector {
    const char *text;
    int32_t hash;
    int32_t of_3, of_6, of_12;
};

static const struct vector vectors[] = {
    {"", 0, 0, 0, 0},
    {"1", 49, 1, 1, 1},
    {"10", 1567, 1, 1, 7},
    {"id", 3355, 1, 1, 7},
    {"example_db", -2002325645, 2, 5, 5},
    {"example_table", 1532328121, 1, 1, 1},
    {"example_db.example_table", -1793516162, 2, 2, 2},
    {"example_dbexample_table", 374111270, 2, 2, 2},
    {"example_db_example_table", -796085011, 1, 1, 7},
    {"\xE6\x9D\xAD\xE5\xB7\x9E", 844817, 2, 5, 5},
    {"\xF0\x9F\x98\x80", 1772899, 1, 1, 7},
    {"polygenelubricants", INT32_MIN, 2, 2, 8},
};

Test(key, java_hash_is_string_hashcode)
{
    for (size_t i = 0; i < COUNT(vectors); i++) {
        const struct vector *v = &vectors[i];
        int32_t h = (int32_t)java_hash(0, slice_str(v->text));
        cr_assert_eq(h, v->hash, "%s: %d", v->text, h);
        cr_assert_eq(partition_of(h, 3), v->of_3, "%s", v->text);
        cr_assert_eq(partition_of(h, 6), v->of_6, "%s", v->text);
        cr_assert_eq(partition_of(h, 12), v->of_12, "%s", v->text);
        cr_assert_eq(partition_of(h, 1), 0);
    }
}

Test(key, java_hash_can_be_continued_at_any_character)
{
    const char *text = "some text, \xE6\x9D\xAD\xE5\xB7\x9E\xF0\x9F\x98\x80 and more of it";
    uint32_t whole = java_hash(0, slice_str(text));
    for (size_t i = 0; i <= strlen(text); i++)
        if (((uint8_t)text[i] & 0xC0) != 0x80)
            cr_assert_eq(java_hash(java_hash(0, slice_of(text, i)), slice_str(text + i)), whole);
}

/* --- tables --- */

static struct table example(struct column *columns, uint32_t count)
{
    struct table t = table_of(columns, count);
    t.database = SLICE_LIT("example_db");
    t.name = SLICE_LIT("example_table");
    return t;
}

static int32_t hash_with(const struct table *t, enum partition_policy policy,
                         const struct cell *cells)
{
    struct writer scratch;
    int32_t h = 12345;
    writer_init(&scratch, 1 << 20);
    struct key_table *kt = key_table_new(t, policy, NULL, 0);
    cr_assert_not_null(kt);
    cr_assert_eq(partition_hash(kt, cells, &scratch, &h), ERR_OK);
    key_table_free(kt);
    writer_fini(&scratch);
    return h;
}

Test(key, policies_give_the_hashes_of_the_vectors)
{
    struct column columns[] = {COL("id", COL_INT, "int"), COL("b", COL_VARCHAR, "varchar(9)")};
    struct table t = example(columns, 2);
    struct cell one[] = {I64(1)}, ten[] = {I64(10)}, two[] = {I64(42), BYTES("b")};

    cr_assert_eq(hash_with(&t, PARTITION_NONE, one), 0);
    cr_assert_eq(hash_with(&t, PARTITION_TABLE, one), -1793516162);
    cr_assert_eq(hash_with(&t, PARTITION_KEY, one), -2002325694);
    cr_assert_eq(hash_with(&t, PARTITION_KEY, ten), -2002327188);
    uint16_t both[] = {0, 1};
    t.partition = both;
    t.partition_count = 2;
    cr_assert_eq(hash_with(&t, PARTITION_KEY, two), -2002327185);
    cr_assert_eq(partition_of(-2002327185, 12), 9);
    cr_assert_eq(partition_of(-2002325694, 12), 6);
    t.partition_count = 0;
    cr_assert_eq(hash_with(&t, PARTITION_KEY, NULL), 0, "no columns, partition 0");
}

Test(key, null_counts_as_the_empty_text)
{
    struct column columns[] = {COL("id", COL_INT, "int")};
    struct table t = example(columns, 1);
    cr_assert_eq(hash_with(&t, PARTITION_KEY, (struct cell[]){NUL}), -2002325645);
}

Test(key, an_absent_partition_column_is_refused)
{
    struct column columns[] = {COL("id", COL_INT, "int")};
    struct table t = example(columns, 1);
    struct writer scratch;
    int32_t h = 7;
    writer_init(&scratch, 1 << 20);
    struct key_table *kt = key_table_new(&t, PARTITION_KEY, NULL, 0);
    cr_assert_eq(partition_hash(kt, (struct cell[]){ABSENT}, &scratch, &h), ERR_MALFORMED);
    cr_assert_eq(h, 7);
    key_table_free(kt);
    writer_fini(&scratch);
}

Test(key, named_partition_columns_are_taken_ascending_and_once)
{
    struct column columns[] = {COL("a", COL_INT, "int"), COL("b", COL_INT, "int"),
                               COL("c", COL_INT, "int")};
    struct table t = example(columns, 3);
    struct key_table *kt = key_table_new(&t, PARTITION_KEY, (uint16_t[]){2, 0, 2}, 3);
    uint32_t count;
    const uint16_t *got = key_table_partition_columns(kt, &count);
    cr_assert_eq(count, 2);
    cr_assert_eq(got[0], 0);
    cr_assert_eq(got[1], 2);
    key_table_free(kt);
    kt = key_table_new(&t, PARTITION_TABLE, (uint16_t[]){2}, 1);
    key_table_partition_columns(kt, &count);
    cr_assert_eq(count, 0);
    key_table_free(kt);
}

/* --- canonical texts, and that hashes are theirs --- */

static void check_text_of(struct column col, struct cell cell, struct slice want)
{
    struct writer w, scratch;
    writer_init(&w, 1 << 20);
    writer_init(&scratch, 1 << 20);
    cr_assert_eq(key_text(&col, &cell, &w), ERR_OK);
    cr_assert(slice_eq(writer_slice(&w), want), "%.*s is not %.*s", SLICE_ARG(writer_slice(&w)),
              SLICE_ARG(want));

    struct table t = example(&col, 1);
    struct key_table *kt = key_table_new(&t, PARTITION_KEY, NULL, 0);
    int32_t h;
    cr_assert_eq(partition_hash(kt, &cell, &scratch, &h), ERR_OK);
    cr_assert_eq((uint32_t)h, java_hash(0, t.database) ^ java_hash(0, want), "%.*s",
                 SLICE_ARG(want));
    key_table_free(kt);
    writer_fini(&w);
    writer_fini(&scratch);
}

static void check_text(struct column col, struct cell cell, const char *want)
{
    check_text_of(col, cell, slice_str(want));
}

Test(key, integers_are_digits_and_hash_as_such)
{
    struct column col = COL("id", COL_BIGINT, "bigint");
    struct column ucol = UCOL("id", COL_BIGINT, "bigint unsigned");
    uint64_t v = 1;
    for (int i = 0; i < 20; i++, v *= 10)
        for (uint64_t d = 0; d < 3; d++) {
            char text[32];
            snprintf(text, sizeof text, "%lld", (long long)(v - d));
            check_text(col, I64((int64_t)(v - d)), text);
            snprintf(text, sizeof text, "%lld", -(long long)(v - d));
            check_text(col, I64(-(int64_t)(v - d)), text);
            snprintf(text, sizeof text, "%llu", (unsigned long long)(v - d));
            check_text(ucol, U64(v - d), text);
        }
    check_text(col, I64(INT64_MIN), "-9223372036854775808");
    check_text(ucol, U64(UINT64_MAX), "18446744073709551615");
}

Test(key, values_of_other_types_have_canonical_texts)
{
    struct slice members[] = {SLICE_LIT("red"), SLICE_LIT("gr\"een"), SLICE_LIT("blau")};
    struct column color = COL("c", COL_ENUM, "enum(...)");
    color.members = members;
    color.member_count = 3;
    check_text(color, U64(0), "");
    check_text(color, U64(2), "gr\"een");
    check_text(color, TEXT("red"), "red");
    color.kind = COL_SET;
    check_text(color, U64(0), "");
    check_text(color, U64(5), "red,blau");

    struct column stamp = COL("t", COL_TIMESTAMP, "timestamp(3)");
    stamp.fsp = 3;
    check_text(stamp, STAMP(1767225600, 120000), "2026-01-01 00:00:00.120");
    check_text(stamp, STAMP(0, 0), "0000-00-00 00:00:00.000");

    struct column any = COL("a", COL_DATE, "date");
    check_text(any, CIVIL(CELL_DATE, .year = 2024, .month = 2, .day = 31), "2024-02-31");
    any.kind = COL_DATETIME;
    check_text(any,
               CIVIL(CELL_DATETIME, .year = 2024, .month = 1, .day = 2, .hour = 3, .minute = 4,
                     .second = 5),
               "2024-01-02 03:04:05");
    any.kind = COL_TIME;
    check_text(any, CIVIL(CELL_TIME, .hour = 838, .minute = 59, .second = 59, .negative = true),
               "-838:59:59");
    any.kind = COL_YEAR;
    check_text(any, U64(0), "0000");
    check_text(any, U64(2026), "2026");
    any.kind = COL_BIT;
    check_text(any, U64(255), "255");
    any.kind = COL_DOUBLE;
    check_text(any, F64(1e7), "1.0E7");
    any.kind = COL_FLOAT;
    check_text(any, F32(0.1f), "0.1");
    any.kind = COL_VARBINARY;
    check_text_of(any, BYTES("\x00\xFFz"), SLICE_LIT("\x00\xC3\xBFz"));
}

Test(key, text_is_utf8_and_what_is_not_valid_counts_as_binary)
{
    struct column col = COL("s", COL_VARCHAR, "varchar(9)");
    check_text(col, BYTES(""), "");
    check_text(col, BYTES("\xE6\x9D\xAD\xE5\xB7\x9E and ten more"),
               "\xE6\x9D\xAD\xE5\xB7\x9E and ten more");
    check_text(col, BYTES("caf\xE9"), "caf\xC3\xA9");
    col.charset = charset_of_name(SLICE_LIT("latin1"));
    cr_assert_eq(charset_prepare(col.charset), ERR_OK);
    check_text(col, BYTES("\x80 caf\xE9"), "\xE2\x82\xAC caf\xC3\xA9");
    col.charset = charset_of_name(SLICE_LIT("gbk"));
    cr_assert_eq(charset_prepare(col.charset), ERR_OK);
    check_text(col, BYTES("\xBA\xBC\xD6\xDD"), "\xE6\x9D\xAD\xE5\xB7\x9E");
    check_text(col, BYTES("\xFF\xFF"), "\xC3\xBF\xC3\xBF");
}

Test(key, values_that_a_column_cannot_have_are_refused)
{
    struct slice members[] = {SLICE_LIT("a"), SLICE_LIT("b")};
    struct column color = COL("c", COL_ENUM, "enum('a','b')");
    color.members = members;
    color.member_count = 2;
    struct writer w;
    writer_init(&w, 1 << 20);
    cr_assert_eq(key_text(&color, &U64(3), &w), ERR_MALFORMED);
    color.kind = COL_SET;
    cr_assert_eq(key_text(&color, &U64(4), &w), ERR_MALFORMED);
    struct column date = COL("d", COL_DATE, "date");
    cr_assert_eq(key_text(&date, &CIVIL(CELL_DATE, .year = 10000), &w), ERR_MALFORMED);
    cr_assert_eq(w.len, 0);
    writer_fini(&w);
}

/* --- record keys --- */

static void check_key(const struct table *t, const struct cell *cells, const struct cell *other,
                      const char *want)
{
    struct key_table *kt = key_table_new(t, PARTITION_NONE, NULL, 0);
    struct writer w;
    writer_init(&w, 1 << 20);
    writer_lit(&w, "before");
    cr_assert_eq(key_encode(kt, cells, other, &w), ERR_OK);
    cr_assert_eq(w.len, 6 + strlen(want), "%.*s", SLICE_ARG(writer_slice(&w)));
    cr_assert_eq(memcmp(w.base + 6, want, strlen(want)), 0, "%.*s", SLICE_ARG(writer_slice(&w)));
    writer_fini(&w);
    key_table_free(kt);
}

Test(key, record_key_is_database_table_and_identity)
{
    struct column columns[] = {COL("x", COL_INT, "int"), UCOL("id", COL_INT, "int unsigned"),
                               COL("s", COL_VARCHAR, "varchar(9)")};
    uint16_t identity[] = {1, 2, 0};
    struct table t = table_of(columns, 3);
    t.identity = identity;
    t.identity_count = 1;
    struct cell cells[] = {I64(-5), U64(7), BYTES("a\"b\n\xC3\xA9")};
    struct cell partial[] = {ABSENT, U64(7), ABSENT};
    check_key(&t, cells, NULL, "[\"shop\",\"item\",\"7\"]");
    t.identity_count = 3;
    check_key(&t, cells, NULL, "[\"shop\",\"item\",\"7\",\"a\\\"b\\n\xC3\xA9\",\"-5\"]");
    check_key(&t, partial, cells, "[\"shop\",\"item\",\"7\",\"a\\\"b\\n\xC3\xA9\",\"-5\"]");
    cells[0] = NUL;
    check_key(&t, cells, NULL, "[\"shop\",\"item\",\"7\",\"a\\\"b\\n\xC3\xA9\",null]");
    t.database = SLICE_LIT("sh\"op");
    t.identity_count = 1;
    check_key(&t, cells, NULL, "[\"sh\\\"op\",\"item\",\"7\"]");
}

Test(key, long_texts_full_of_escapes_are_escaped_in_place)
{
    struct column columns[] = {COL("s", COL_VARBINARY, "varbinary(3000)")};
    struct table t = table_of(columns, 1);
    static uint8_t raw[3000];
    static char want[20000] = "[\"shop\",\"item\",\"";
    for (size_t len = 0; len <= sizeof raw; len += 1 + len / 3) {
        size_t n = 16;
        for (size_t i = 0; i < len; i++) {
            raw[i] = i % 7 == 3 ? 'x' : 1;
            n += (size_t)sprintf(want + n, "%s", i % 7 == 3 ? "x" : "\\u0001");
        }
        strcpy(want + n, "\"]");
        struct cell cell = {.kind = CELL_BYTES, .raw = slice_of(raw, len)};
        check_key(&t, &cell, NULL, want);
    }
}

Test(key, a_failed_record_key_leaves_the_writer_as_it_was)
{
    struct column columns[] = {COL("id", COL_INT, "int")};
    struct table t = table_of(columns, 1);
    struct key_table *kt = key_table_new(&t, PARTITION_NONE, NULL, 0);
    struct writer w;
    uint8_t memory[24];
    w = writer_fixed(memory, sizeof memory);
    writer_lit(&w, "1234");
    cr_assert_eq(key_encode(kt, (struct cell[]){ABSENT}, NULL, &w), ERR_MALFORMED);
    cr_assert_eq(w.len, 4);
    cr_assert_neq(key_encode(kt, (struct cell[]){I64(1)}, NULL, &w), ERR_OK);
    cr_assert_eq(w.len, 4);
    cr_assert_eq(w.err, ERR_OK);
    key_table_free(kt);
}

Test(key, a_table_without_identity_has_no_record_key)
{
    struct column columns[] = {COL("id", COL_INT, "int")};
    struct table t = table_of(columns, 1);
    struct key_table *kt = key_table_new(&t, PARTITION_NONE, NULL, 0);
    cr_assert(key_table_has_record_key(kt));
    key_table_free(kt);
    t.identity_count = 0;
    kt = key_table_new(&t, PARTITION_NONE, NULL, 0);
    cr_assert_not(key_table_has_record_key(kt));
    key_table_free(kt);
}
