#include <criterion/criterion.h>

#include "schema/cell_text.h"
#include "snapshot/key.h"

#include <stdlib.h>

#define COLUMNS_MAX 8

struct fixture {
    struct table t;
    struct column columns[COLUMNS_MAX];
    uint16_t key[COLUMNS_MAX];
};

static void one(struct fixture *f, enum column_kind kind)
{
    *f = (struct fixture){0};
    f->t.columns = f->columns;
    f->t.column_count = COLUMNS_MAX;
    for (uint16_t i = 0; i < COLUMNS_MAX; i++)
        f->key[i] = i;
    f->columns[0].kind = kind;
    f->columns[0].collation = SLICE_LIT("");
}

static void text(struct fixture *f, enum column_kind kind, const char *collation)
{
    one(f, kind);
    f->columns[0].collation = slice_str(collation);
    f->columns[0].charset = charset_of_collation_name(slice_str(collation));
    cr_assert_not_null(f->columns[0].charset);
}

static struct copy_key *key(const struct fixture *f, const struct cell *cells, uint32_t count)
{
    struct copy_key *k;
    cr_assert_eq(copy_key_new(&f->t, f->key, count, cells, &k), ERR_OK);
    return k;
}

static int compare(const struct fixture *f, const struct cell *a, const struct cell *b,
                   uint32_t count)
{
    struct copy_key *k = key(f, b, count);
    int d = copy_key_compare(&f->t, f->key, a, k);
    free(k);
    return (d > 0) - (d < 0);
}

static struct cell i64(int64_t v)
{
    return (struct cell){.kind = CELL_I64, .i64 = v};
}

static struct cell u64(uint64_t v)
{
    return (struct cell){.kind = CELL_U64, .u64 = v};
}

static struct cell bytes(const char *s)
{
    return (struct cell){.kind = CELL_BYTES, .raw = slice_str(s)};
}

static struct cell decimal(const char *s)
{
    return (struct cell){.kind = CELL_TEXT, .raw = slice_str(s)};
}

/* cells in ascending order: each against each. */
static void ascending(const struct fixture *f, const struct cell *cells, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++)
            cr_expect_eq(compare(f, &cells[i], &cells[j], 1), (i > j) - (i < j), "%zu, %zu", i, j);
}

Test(copy_key, integers_are_ordered_with_their_sign)
{
    struct fixture f;
    one(&f, COL_BIGINT);
    struct cell cells[] = {i64(INT64_MIN), i64(-1),        i64(0),
                           u64(1),         u64(INT64_MAX), u64(UINT64_MAX)};
    cr_assert(copy_key_orderable(&f.t, f.key, 1));
    ascending(&f, cells, 6);
}

Test(copy_key, decimals_are_ordered_as_numbers)
{
    struct fixture f;
    one(&f, COL_DECIMAL);
    struct cell cells[] = {decimal("-123.40"), decimal("-99.99"),  decimal("-0.01"),
                           decimal("0.00"),    decimal("0.01"),    decimal("9.99"),
                           decimal("10.00"),   decimal("99999.00")};
    ascending(&f, cells, 8);
    cells[0] = decimal("-0.00");
    cells[1] = decimal("0");
    cr_expect_eq(compare(&f, &cells[0], &cells[1], 1), 0);
    cells[0] = decimal("007.50");
    cells[1] = decimal("7.5");
    cr_expect_eq(compare(&f, &cells[0], &cells[1], 1), 0);
}

Test(copy_key, a_packed_decimal_is_the_key_that_its_text_is)
{
    struct fixture f;
    one(&f, COL_DECIMAL);
    f.columns[0].precision = 5;
    f.columns[0].scale = 2;
    struct cell packed = {.kind = CELL_DECIMAL, .raw = slice_of("\x80\x0c\x22", 3)}; /* 12.34 */
    struct cell same = decimal("12.34"), less = decimal("12.33");
    struct copy_key *a = key(&f, &packed, 1), *b = key(&f, &same, 1);
    cr_expect(copy_key_equal(a, b));
    cr_expect_eq(compare(&f, &packed, &same, 1), 0);
    cr_expect_eq(compare(&f, &packed, &less, 1), 1);
    free(a);
    free(b);
    packed.raw.len = 2;
    cr_expect_eq(copy_key_new(&f.t, f.key, 1, &packed, &a), ERR_MALFORMED);
}

Test(copy_key, floats_have_one_zero)
{
    struct fixture f;
    one(&f, COL_DOUBLE);
    struct cell plus = {.kind = CELL_F64, .f64 = 0.0}, minus = {.kind = CELL_F64, .f64 = -0.0};
    struct copy_key *a = key(&f, &plus, 1), *b = key(&f, &minus, 1);
    cr_expect(copy_key_equal(a, b));
    free(a);
    free(b);
    struct cell cells[] = {{.kind = CELL_F64, .f64 = -1e300},
                           {.kind = CELL_F64, .f64 = -1e-300},
                           {.kind = CELL_F64, .f64 = 0},
                           {.kind = CELL_F64, .f64 = 0.1}};
    ascending(&f, cells, 4);
    one(&f, COL_FLOAT);
    struct cell floats[] = {{.kind = CELL_F32, .f32 = -1.5f}, {.kind = CELL_F32, .f32 = 0.1f}};
    ascending(&f, floats, 2);
}

Test(copy_key, times_are_ordered_with_their_sign)
{
    struct fixture f;
    one(&f, COL_TIME);
    struct cell cells[] = {
        {.kind = CELL_TIME, .civil = {.negative = true, .hour = 838, .minute = 59, .second = 59}},
        {.kind = CELL_TIME, .civil = {.negative = true, .second = 1, .us = 5}},
        {.kind = CELL_TIME, .civil = {.negative = true, .second = 1}},
        {.kind = CELL_TIME, .civil = {.second = 0}},
        {.kind = CELL_TIME, .civil = {.us = 1}},
        {.kind = CELL_TIME, .civil = {.hour = 1}},
    };
    ascending(&f, cells, 6);
}

Test(copy_key, dates_are_ordered_as_they_are_written)
{
    struct fixture f;
    one(&f, COL_DATETIME);
    struct cell cells[] = {
        {.kind = CELL_DATETIME, .civil = {0}},
        {.kind = CELL_DATETIME, .civil = {.year = 2024, .day = 31}},
        {.kind = CELL_DATETIME, .civil = {.year = 2024, .month = 1}},
        {.kind = CELL_DATETIME, .civil = {.year = 2024, .month = 1, .day = 1, .hour = 23}},
        {.kind = CELL_DATETIME, .civil = {.year = 2024, .month = 1, .day = 2}},
        {.kind = CELL_DATETIME, .civil = {.year = 9999, .month = 12, .day = 31, .us = 1}},
    };
    ascending(&f, cells, 6);
    one(&f, COL_TIMESTAMP);
    struct cell stamps[] = {{.kind = CELL_TIMESTAMP, .stamp = {0, 0}},
                            {.kind = CELL_TIMESTAMP, .stamp = {1, 999999}},
                            {.kind = CELL_TIMESTAMP, .stamp = {0xFFFFFFFF, 0}}};
    ascending(&f, stamps, 3);
}

Test(copy_key, padded_text_is_ordered_as_if_spaces_followed)
{
    struct fixture f;
    text(&f, COL_VARCHAR, "utf8mb4_bin");
    struct cell cells[] = {bytes(""),  bytes("A"),  bytes("a\t"),
                           bytes("a"), bytes("a!"), bytes("b")};
    cr_assert(copy_key_orderable(&f.t, f.key, 1));
    ascending(&f, cells, 6);
    cells[0] = bytes("a  ");
    cells[1] = bytes("a");
    cr_expect_eq(compare(&f, &cells[0], &cells[1], 1), 0);
    cr_expect_eq(compare(&f, &cells[1], &cells[0], 1), 0);
}

Test(copy_key, unpadded_text_and_bytes_are_ordered_by_their_length_last)
{
    static const char *const collations[] = {"utf8mb4_0900_bin", "utf8mb4_nopad_bin", "binary"};
    struct fixture f;
    for (size_t i = 0; i < 3; i++) {
        text(&f, COL_VARCHAR, collations[i]);
        struct cell cells[] = {bytes(""), bytes("a"), bytes("a\t"), bytes("a "), bytes("a!")};
        cr_assert(copy_key_orderable(&f.t, f.key, 1), "%s", collations[i]);
        ascending(&f, cells, 5);
    }
}

static struct cell wide(const char *p, size_t n)
{
    return (struct cell){.kind = CELL_BYTES, .raw = slice_of(p, n)};
}

Test(copy_key, utf16_is_ordered_by_character)
{
    struct fixture f;
    /* U+0009, empty, U+00E4, U+D7FF, U+FFFD, U+1F600 */
    struct cell big[] = {wide("\0\t", 2),     wide("", 0),         wide("\0\xe4", 2),
                         wide("\xd7\xff", 2), wide("\xff\xfd", 2), wide("\xd8\x3d\xde\x00", 4)};
    struct cell little[] = {wide("\t\0", 2),     wide("", 0),         wide("\xe4\0", 2),
                            wide("\xff\xd7", 2), wide("\xfd\xff", 2), wide("\x3d\xd8\x00\xde", 4)};
    text(&f, COL_VARCHAR, "utf16_bin");
    ascending(&f, big, 6);
    text(&f, COL_VARCHAR, "utf16le_bin");
    ascending(&f, little, 6);
    text(&f, COL_VARCHAR, "ucs2_bin");
    ascending(&f, big, 5);
    text(&f, COL_VARCHAR, "utf32_bin");
    struct cell four[] = {wide("\0\0\0\t", 4), wide("", 0), wide("\0\0\xff\xfd", 4),
                          wide("\0\1\xf6\0", 4)};
    ascending(&f, four, 4);
    struct cell cut = wide("\0", 1);
    cr_expect_eq(compare(&f, &cut, &four[1], 1), -1, "half a character does no harm");
}

Test(copy_key, what_the_server_alone_can_order_is_told)
{
    static const char *const collations[] = {"utf8mb4_general_ci", "latin1_swedish_ci", "gbk_bin",
                                             "utf8mb4_0900_ai_ci"};
    struct fixture f;
    for (size_t i = 0; i < 4; i++) {
        text(&f, COL_VARCHAR, collations[i]);
        cr_expect_not(copy_key_orderable(&f.t, f.key, 1), "%s", collations[i]);
    }
    text(&f, COL_CHAR, "utf8mb4_0900_bin");
    cr_expect_not(copy_key_orderable(&f.t, f.key, 1));
    one(&f, COL_UUID);
    cr_expect_not(copy_key_orderable(&f.t, f.key, 1));
    one(&f, COL_VARCHAR);
    cr_expect_not(copy_key_orderable(&f.t, f.key, 1), "without a character set");
    one(&f, COL_INT);
    f.columns[1].kind = COL_UUID;
    cr_expect(copy_key_orderable(&f.t, f.key, 1));
    cr_expect_not(copy_key_orderable(&f.t, f.key, 2));
}

Test(copy_key, columns_count_one_after_the_other)
{
    struct fixture f;
    one(&f, COL_INT);
    f.columns[1].kind = COL_INT;
    struct cell a[] = {i64(1), i64(9)}, b[] = {i64(2), i64(0)}, c[] = {i64(1), i64(10)};
    cr_expect_eq(compare(&f, a, b, 2), -1);
    cr_expect_eq(compare(&f, a, c, 2), -1);
    cr_expect_eq(compare(&f, c, a, 2), 1);
    cr_expect_eq(compare(&f, a, a, 2), 0);
}

/* One key with a cell of every kind. */
static struct copy_key *every_kind(struct fixture *f)
{
    text(f, COL_VARCHAR, "utf8mb4_bin");
    f->columns[1].kind = COL_BIGINT;
    f->columns[2].kind = COL_ENUM;
    f->columns[3].kind = COL_DECIMAL;
    f->columns[4].kind = COL_TIME;
    f->columns[4].fsp = 6;
    f->columns[5].kind = COL_TIMESTAMP;
    f->columns[6].kind = COL_DOUBLE;
    f->columns[7].kind = COL_FLOAT;
    struct cell cells[] = {
        bytes("it's"),
        i64(-5),
        u64(7),
        decimal("-1.50"),
        {.kind = CELL_TIME, .civil = {.negative = true, .hour = 300, .us = 7}},
        {.kind = CELL_TIMESTAMP, .stamp = {.seconds = 1, .us = 0}},
        {.kind = CELL_F64, .f64 = 1.5},
        {.kind = CELL_F32, .f32 = 0.5f},
    };
    return key(f, cells, 8);
}

Test(copy_key, the_byte_form_is_read_back)
{
    struct fixture f;
    struct copy_key *k = every_kind(&f), *back;
    struct writer w, direct;
    writer_init(&w, 4096);
    writer_init(&direct, 4096);
    copy_key_put(k, &w);
    struct reader r = reader_of(writer_slice(&w));
    cr_assert_eq(copy_key_parse(&r, &back), ERR_OK);
    cr_expect_eq(reader_left(&r), 0);
    cr_expect(copy_key_equal(k, back));
    cr_assert_eq(copy_key_put_cells(&f.t, f.key, 8, k->cells, &direct), ERR_OK);
    cr_expect(slice_eq(writer_slice(&w), writer_slice(&direct)));
    free(k);
    free(back);
    writer_fini(&w);
    writer_fini(&direct);
}

Test(copy_key, every_truncation_of_the_byte_form_is_refused)
{
    struct fixture f;
    struct copy_key *k = every_kind(&f), *back;
    struct writer w;
    writer_init(&w, 4096);
    copy_key_put(k, &w);
    for (size_t n = 0; n < w.len; n++) {
        uint8_t *exact = malloc(n + 1);
        memcpy(exact, w.base, n);
        struct reader r = reader_of(slice_of(exact, n));
        cr_expect_eq(copy_key_parse(&r, &back), ERR_TRUNCATED, "%zu", n);
        free(exact);
    }
    free(k);
    writer_fini(&w);
}

static enum err parse(const char *p, size_t n)
{
    struct copy_key *k;
    struct reader r = reader_of(slice_of(p, n));
    enum err e = copy_key_parse(&r, &k);
    if (e == ERR_OK)
        free(k);
    return e;
}

Test(copy_key, bytes_that_are_no_key_are_refused)
{
    cr_expect_eq(parse("\0", 1), ERR_MALFORMED, "no columns");
    cr_expect_eq(parse("\x41", 1), ERR_MALFORMED, "too many");
    cr_expect_eq(parse("\1?", 2), ERR_MALFORMED, "an unknown kind");
    cr_expect_eq(parse("\1D\2\0\0\0\0\0\0\0\0\0\0\0\0", 15), ERR_MALFORMED, "a sign of 2");
    cr_expect_eq(parse("\1D\0\0\0\x0d\0\0\0\0\0\0\0\0\0", 15), ERR_MALFORMED, "month 13");
    cr_expect_eq(parse("\1b\xfb", 3), ERR_MALFORMED, "NULL");
    cr_expect_eq(parse("\1b\x02x", 4), ERR_TRUNCATED);
    cr_expect_eq(parse("\1b\0", 3), ERR_OK);
}

Test(copy_key, a_key_has_no_null_and_nothing_absent)
{
    struct fixture f;
    struct copy_key *k;
    one(&f, COL_INT);
    struct cell bad[] = {
        {.kind = CELL_NULL}, {.kind = CELL_ABSENT}, {.kind = CELL_JSON}, decimal("1")};
    for (size_t i = 0; i < 4; i++)
        cr_expect_eq(copy_key_new(&f.t, f.key, 1, &bad[i], &k), ERR_MALFORMED);
}

Test(copy_key, a_key_as_text)
{
    struct fixture f;
    struct slice members[] = {SLICE_LIT("a"), SLICE_LIT("b")};
    char buf[200];
    struct copy_key *k = every_kind(&f);
    cr_expect_str_eq(copy_key_text(&f.t, f.key, k, buf, sizeof(buf)),
                     "('it's', -5, 7, -1.50, -300:00:00.000007, 1970-01-01 00:00:01, 1.5, 0.5)");
    cr_expect_str_eq(copy_key_text(&f.t, f.key, k, buf, 8), "('it's'");
    free(k);
    one(&f, COL_VARBINARY);
    f.columns[1].kind = COL_ENUM;
    f.columns[1].member_count = 2;
    f.columns[1].members = members;
    struct cell cells[] = {bytes("\x01\xff"), u64(2)};
    k = key(&f, cells, 2);
    cr_expect_str_eq(copy_key_text(&f.t, f.key, k, buf, sizeof(buf)), "(x'01ff', 'b')");
    free(k);
}
