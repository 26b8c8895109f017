/* Rows of the full copy: what is selected, and how its rows become cells. */
#include "base/writer.h"
#include "mysqlproto/copy_plan.h"
#include "schema/cell_text.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define SCRATCH (1u << 16)

static struct column column(enum column_kind kind)
{
    return (struct column){.name = SLICE_LIT("c"), .type_text = SLICE_LIT("t"), .kind = kind};
}

static struct table table_of(struct column *columns, uint32_t n)
{
    return (struct table){
        .database = SLICE_LIT("d"), .name = SLICE_LIT("t"), .column_count = n, .columns = columns};
}

static struct copy_plan *plan_of(const struct table *t)
{
    struct copy_plan *p = NULL;
    struct errmsg em = {{0}};
    cr_assert_eq(copy_plan_new(t, NULL, 0, &p, &em), ERR_OK, "%s", em.text);
    return p;
}

/* A row at the end of memory of its own, so that a read behind it shows. */
static enum err decode(const struct copy_plan *p, struct slice row, struct row_scratch *s,
                       struct cell *cells)
{
    static uint8_t *exact;
    free(exact);
    exact = malloc(row.len + 1);
    memcpy(exact, row.ptr, row.len);
    return copy_row_decode(p, slice_of(exact, row.len), s, cells);
}

/* The cell of one value. */
static struct cell one(struct column c, struct slice value, enum err expected)
{
    static struct row_scratch s;
    struct table t = table_of(&c, 1);
    struct copy_plan *p = plan_of(&t);
    struct cell cell = {0};
    uint8_t row[400] = {0};
    memcpy(row + 2, value.ptr, value.len);
    row_scratch_fini(&s);
    row_scratch_init(&s, SCRATCH);
    enum err e = decode(p, slice_of(row, 2 + value.len), &s, &cell);
    cr_assert_eq(e, expected, "kind %d: %s", c.kind, err_name(e));
    copy_plan_free(p);
    return cell;
}

#define ONE(kind, bytes)      one(column(kind), SLICE_LIT(bytes), ERR_OK)
#define REFUSED(kind, bytes)  one(column(kind), SLICE_LIT(bytes), ERR_MALFORMED)
#define UNSIGNED(kind, bytes) one(unsigned_column(kind), SLICE_LIT(bytes), ERR_OK)

static struct column unsigned_column(enum column_kind kind)
{
    struct column c = column(kind);
    c.is_unsigned = true;
    return c;
}

Test(copy_plan, integers_of_both_signs)
{
    cr_expect_eq(ONE(COL_TINYINT, "\x80").i64, -128);
    cr_expect_eq(UNSIGNED(COL_TINYINT, "\x80").u64, 128);
    cr_expect_eq(ONE(COL_SMALLINT, "\xFF\xFF").i64, -1);
    cr_expect_eq(UNSIGNED(COL_SMALLINT, "\xFF\xFF").u64, 65535);
    cr_expect_eq(ONE(COL_MEDIUMINT, "\xFF\xFF\xFF\xFF").i64, -1);
    cr_expect_eq(UNSIGNED(COL_MEDIUMINT, "\xFF\xFF\xFF\0").u64, 0xFFFFFF);
    cr_expect_eq(ONE(COL_INT, "\0\0\0\x80").i64, INT32_MIN);
    cr_expect_eq(UNSIGNED(COL_INT, "\xFF\xFF\xFF\xFF").u64, UINT32_MAX);
    cr_expect_eq(ONE(COL_BIGINT, "\0\0\0\0\0\0\0\x80").i64, INT64_MIN);
    cr_expect_eq(UNSIGNED(COL_BIGINT, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF").u64, UINT64_MAX);
    cr_expect_eq(ONE(COL_YEAR, "\xE8\x07").u64, 2024);
    cr_expect_eq(ONE(COL_ENUM, "\x02\0\0\0\0\0\0\0").u64, 2);
    cr_expect_eq(ONE(COL_SET, "\0\0\0\0\0\0\0\x80").u64, UINT64_C(1) << 63);
    cr_expect_eq(ONE(COL_BIT, "\x02\x01\xFF").u64, 0x1FF);
    REFUSED(COL_BIT, "\x09"
                     "123456789");
}

Test(copy_plan, floats_are_their_bits)
{
    cr_expect_eq(ONE(COL_FLOAT, "\0\0\x80\x3F").f32, 1.0f);
    cr_expect_eq(ONE(COL_DOUBLE, "\0\0\0\0\0\0\xF0\xBF").f64, -1.0);
}

Test(copy_plan, dates_and_times)
{
    struct cell c = ONE(COL_DATETIME, "\x0b\xe8\x07\x02\x1d\x17\x3b\x3a\x3f\x42\x0f\0");
    const struct civil whole = {
        .year = 2024, .month = 2, .day = 29, .hour = 23, .minute = 59, .second = 58, .us = 999999};
    cr_expect_eq(c.kind, CELL_DATETIME);
    cr_expect(civil_equal(&c.civil, &whole));
    c = ONE(COL_DATE, "\0");
    cr_expect_eq(c.kind, CELL_DATE);
    cr_expect(civil_equal(&c.civil, &(struct civil){0}));
    c = ONE(COL_TIME, "\x0c\x01\x04\0\0\0\x05\x02\x03\x20\xa1\x07\0");
    const struct civil time = {
        .negative = true, .hour = 101, .minute = 2, .second = 3, .us = 500000};
    cr_expect_eq(c.kind, CELL_TIME);
    cr_expect(civil_equal(&c.civil, &time));
    c = ONE(COL_TIME, "\0");
    cr_expect(civil_equal(&c.civil, &(struct civil){0}));
    REFUSED(COL_DATE, "\x07\xe8\x07\x01\x01\0\0\x01");
    REFUSED(COL_DATETIME, "\x04\xe8\x07\x0d\x01");
    REFUSED(COL_DATETIME, "\x05\xe8\x07\x01\x01\0");
    REFUSED(COL_TIME, "\x08\0\x22\0\0\0\x17\0\0"); /* 839 hours */
    REFUSED(COL_TIME, "\x08\0\0\0\0\x01\0\0\0");
    REFUSED(COL_TIME, "\x04\0\0\0\0");
}

Test(copy_plan, timestamps_are_seconds)
{
    struct cell c = ONE(COL_TIMESTAMP, "\x0b\xf6\x07\x01\x13\x03\x0e\x07\x3f\x42\x0f\0");
    cr_expect_eq(c.kind, CELL_TIMESTAMP);
    cr_expect_eq(c.stamp.seconds, INT32_MAX);
    cr_expect_eq(c.stamp.us, 999999);
    c = ONE(COL_TIMESTAMP, "\x07\xb2\x07\x01\x01\0\0\x01");
    cr_expect_eq(c.stamp.seconds, 1);
    c = ONE(COL_TIMESTAMP, "\x07\xd0\x07\x03\x01\0\0\0"); /* behind a 29 February */
    cr_expect_eq(c.stamp.seconds, 951868800);
    c = ONE(COL_TIMESTAMP, "\x07\x3a\x08\x02\x07\x06\x1c\x0f"); /* the last second there is */
    cr_expect_eq(c.stamp.seconds, UINT32_MAX);
    c = ONE(COL_TIMESTAMP, "\0");
    cr_expect(c.stamp.seconds == 0 && c.stamp.us == 0);
    REFUSED(COL_TIMESTAMP, "\x04\xb1\x07\x0c\x1f"); /* 1969 */
    REFUSED(COL_TIMESTAMP, "\x07\x3a\x08\x02\x07\x06\x1c\x10");
    REFUSED(COL_TIMESTAMP, "\x04\xe8\x07\0\x01");
}

Test(copy_plan, decimals_are_packed)
{
    struct column d = column(COL_DECIMAL);
    uint8_t text[CELL_DECIMAL_TEXT_MAX];
    d.precision = 10;
    d.scale = 2;
    struct cell c = one(d, SLICE_LIT("\x07-123.50"), ERR_OK);
    cr_expect_eq(c.kind, CELL_DECIMAL);
    uint8_t *end = cell_decimal_text(text, c.raw, 10, 2);
    cr_expect(slice_eq(slice_of(text, (size_t)(end - text)), SLICE_LIT("-123.50")));
    one(d, SLICE_LIT("\x05-123."), ERR_MALFORMED);
    one(d,
        SLICE_LIT("\x0c"
                  "123456789.00"),
        ERR_MALFORMED);
}

Test(copy_plan, bytes_are_padded_to_their_length)
{
    struct column b = column(COL_BINARY);
    b.fixed_len = 4;
    cr_expect(slice_eq(one(b,
                           SLICE_LIT("\x02"
                                     "ab"),
                           ERR_OK)
                           .raw,
                       SLICE_LIT("ab\0\0")));
    cr_expect(slice_eq(one(b,
                           SLICE_LIT("\x04"
                                     "abcd"),
                           ERR_OK)
                           .raw,
                       SLICE_LIT("abcd")));
    one(b,
        SLICE_LIT("\x05"
                  "abcde"),
        ERR_MALFORMED);
}

Test(copy_plan, strings_of_every_length_form)
{
    struct cell c = ONE(COL_VARCHAR, "\x03"
                                     "abc");
    cr_expect_eq(c.kind, CELL_BYTES);
    cr_expect(slice_eq(c.raw, SLICE_LIT("abc")));
    cr_expect(slice_eq(ONE(COL_BLOB, "\xfc\x03\0abc").raw, SLICE_LIT("abc")));
    cr_expect(slice_eq(ONE(COL_BLOB, "\xfd\x03\0\0abc").raw, SLICE_LIT("abc")));
    cr_expect(slice_eq(ONE(COL_BLOB, "\xfe\x03\0\0\0\0\0\0\0abc").raw, SLICE_LIT("abc")));
    cr_expect_eq(ONE(COL_JSON, "\x02{}").kind, CELL_TEXT);
    one(column(COL_BLOB), SLICE_LIT("\xfb"), ERR_MALFORMED);
    one(column(COL_BLOB), SLICE_LIT("\xfe\xff\xff\xff\xff\xff\xff\xff\xff"), ERR_TRUNCATED);
}

/* A table of several kinds whose key is not its first column. */
static struct column kinds[] = {
    {.name = SLICE_LIT("a`b"), .kind = COL_VARCHAR},
    {.name = SLICE_LIT("e"), .kind = COL_ENUM},
    {.name = SLICE_LIT("hash"), .kind = COL_BIGINT, .hidden = true},
    {.name = SLICE_LIT("k2"), .kind = COL_INT},
    {.name = SLICE_LIT("k1"), .kind = COL_VARBINARY},
    {.name = SLICE_LIT("u"), .kind = COL_UUID, .fixed_len = 16},
    {.name = SLICE_LIT("i"), .kind = COL_INET4, .fixed_len = 4},
};
static uint16_t key[] = {4, 3};

static struct table kinds_table(void)
{
    struct table t = table_of(kinds, 7);
    t.identity = key;
    t.identity_count = 2;
    return t;
}

/* key1 "K", key2 7, a "x", e 2, u, i */
static const char row[] = "\0\0"
                          "\x01K"
                          "\x07\0\0\0"
                          "\x01x"
                          "\x02\0\0\0\0\0\0\0"
                          "\x10uuuuuuuuuuuuuuuu"
                          "\x04iiii";

Test(copy_plan, the_list_names_the_key_first_and_nothing_hidden)
{
    struct table t = kinds_table();
    struct writer w;
    static const uint16_t some[] = {1, 3};
    writer_init(&w, 1000);
    copy_plan_select_list(&t, NULL, 0, &w);
    cr_expect(
        slice_eq(writer_slice(&w), SLICE_LIT("`k1`,`k2`,`a``b`,CAST(`e` AS UNSIGNED)|0,"
                                             "CAST(`u` AS BINARY(16)),CAST(`i` AS BINARY(4))")),
        "%.*s", SLICE_ARG(writer_slice(&w)));
    writer_clear(&w);
    copy_plan_select_list(&t, some, 2, &w);
    cr_expect(slice_eq(writer_slice(&w), SLICE_LIT("CAST(`e` AS UNSIGNED)|0,`k2`")));
    writer_fini(&w);
}

Test(copy_plan, cells_stand_in_the_tables_order)
{
    struct table t = kinds_table();
    struct copy_plan *p = plan_of(&t);
    struct row_scratch s;
    struct cell cells[7];
    row_scratch_init(&s, SCRATCH);
    cr_assert_eq(copy_plan_width(p), 7);
    cr_assert_eq(decode(p, slice_of(row, sizeof(row) - 1), &s, cells), ERR_OK);
    cr_expect(slice_eq(cells[0].raw, SLICE_LIT("x")));
    cr_expect_eq(cells[1].u64, 2);
    cr_expect_eq(cells[2].kind, CELL_ABSENT);
    cr_expect_eq(cells[3].i64, 7);
    cr_expect(slice_eq(cells[4].raw, SLICE_LIT("K")));
    cr_expect_eq(cells[5].raw.len, 16);
    cr_expect_eq(cells[6].raw.len, 4);
    row_scratch_fini(&s);
    copy_plan_free(p);
}

Test(copy_plan, truncated_rows_are_refused_and_longer_ones)
{
    struct table t = kinds_table();
    struct copy_plan *p = plan_of(&t);
    struct row_scratch s;
    struct cell cells[7];
    row_scratch_init(&s, SCRATCH);
    for (size_t n = 0; n < sizeof(row) - 1; n++) {
        enum err e = decode(p, slice_of(row, n), &s, cells);
        cr_expect_eq(e, ERR_TRUNCATED, "%zu bytes: %s", n, err_name(e));
    }
    cr_expect_eq(decode(p, slice_of(row, sizeof(row)), &s, cells), ERR_MALFORMED);
    cr_expect_eq(decode(p, SLICE_LIT("\x01\0\x01K\x07\0\0\0"), &s, cells), ERR_PROTOCOL);
    row_scratch_fini(&s);
    copy_plan_free(p);
}

Test(copy_plan, nulls_have_no_bytes)
{
    struct table t = kinds_table();
    struct copy_plan *p = plan_of(&t);
    struct row_scratch s;
    struct cell cells[7];
    row_scratch_init(&s, SCRATCH);
    /* places 2 (a) and 5 (i): bits 4 and 7 */
    const char with_nulls[] = "\0\x90"
                              "\x01K"
                              "\x07\0\0\0"
                              "\x02\0\0\0\0\0\0\0"
                              "\x10uuuuuuuuuuuuuuuu";
    cr_assert_eq(decode(p, slice_of(with_nulls, sizeof(with_nulls) - 1), &s, cells), ERR_OK);
    cr_expect_eq(cells[0].kind, CELL_NULL);
    cr_expect_eq(cells[1].u64, 2);
    cr_expect_eq(cells[6].kind, CELL_NULL);
    for (size_t n = 2; n < sizeof(with_nulls) - 1; n++)
        cr_expect_eq(decode(p, slice_of(with_nulls, n), &s, cells), ERR_TRUNCATED);
    row_scratch_fini(&s);
    copy_plan_free(p);
}

Test(copy_plan, the_key_is_read_from_a_row_that_is_cut_short)
{
    struct table t = kinds_table();
    struct copy_plan *p = plan_of(&t);
    struct row_scratch s;
    struct cell cells[2];
    static const uint16_t either_order[][2] = {{3, 4}, {4, 3}};
    row_scratch_init(&s, SCRATCH);
    for (int i = 0; i < 2; i++) {
        const uint16_t *columns = either_order[i];
        cr_assert_eq(copy_row_decode_columns(p, slice_of(row, 2 + 2 + 4), columns, 2, &s, cells),
                     ERR_OK);
        cr_expect_eq(cells[i].i64, 7);
        cr_expect(slice_eq(cells[1 - i].raw, SLICE_LIT("K")));
        for (size_t n = 0; n < 8; n++)
            cr_expect_eq(copy_row_decode_columns(p, slice_of(row, n), columns, 2, &s, cells),
                         ERR_TRUNCATED);
    }
    const uint16_t hidden = 2;
    cr_expect_eq(copy_row_decode_columns(p, slice_of(row, sizeof(row) - 1), &hidden, 1, &s, cells),
                 ERR_BUG);
    row_scratch_fini(&s);
    copy_plan_free(p);
}

Test(copy_plan, some_columns_have_a_plan_of_their_own)
{
    struct table t = kinds_table();
    struct copy_plan *p = NULL;
    struct row_scratch s;
    struct cell cells[7];
    static const uint16_t some[] = {3, 0};
    row_scratch_init(&s, SCRATCH);
    cr_assert_eq(copy_plan_new(&t, some, 2, &p, NULL), ERR_OK);
    cr_assert_eq(decode(p, SLICE_LIT("\0\0\x07\0\0\0\x01x"), &s, cells), ERR_OK);
    cr_expect_eq(cells[3].i64, 7);
    cr_expect(slice_eq(cells[0].raw, SLICE_LIT("x")));
    cr_expect_eq(cells[4].kind, CELL_ABSENT);
    row_scratch_fini(&s);
    copy_plan_free(p);
}

Test(copy_plan, a_result_of_another_shape_is_noticed)
{
    struct column c[] = {column(COL_INT), column(COL_DECIMAL), column(COL_DATETIME),
                         column(COL_CHAR)};
    c[1].precision = 5;
    c[1].scale = 2;
    c[2].fsp = 3;
    c[3].charset = charset_of_name(SLICE_LIT("latin1"));
    struct table t = table_of(c, 4);
    struct copy_plan *p = plan_of(&t);
    const struct my_column good[] = {{.type = MY_TYPE_LONG},
                                     {.type = MY_TYPE_NEWDECIMAL, .decimals = 2},
                                     {.type = MY_TYPE_DATETIME, .decimals = 3},
                                     {.type = MY_TYPE_STRING, .collation = 8}};
    struct my_column bad[4];
    cr_expect_eq(copy_plan_check(p, good, 4), ERR_OK);
    cr_expect_eq(copy_plan_check(p, good, 3), ERR_TABLE_MISMATCH);
    for (int i = 0; i < 5; i++) {
        memcpy(bad, good, sizeof(bad));
        if (i == 0)
            bad[0].type = MY_TYPE_LONGLONG;
        else if (i == 1)
            bad[0].flags = MY_COLUMN_UNSIGNED;
        else if (i == 2)
            bad[1].decimals = 3;
        else if (i == 3)
            bad[2].decimals = 0;
        else
            bad[3].collation = 45; /* utf8mb4 */
        cr_expect_eq(copy_plan_check(p, bad, 4), ERR_TABLE_MISMATCH, "%d", i);
    }
    copy_plan_free(p);
}

Test(copy_plan, the_scratch_bounds_what_is_put_together)
{
    struct column d = column(COL_DECIMAL);
    d.precision = 65;
    d.scale = 30;
    struct table t = table_of(&d, 1);
    struct copy_plan *p = plan_of(&t);
    struct row_scratch s;
    struct cell cell;
    row_scratch_init(&s, 8);
    cr_expect_eq(decode(p,
                        SLICE_LIT("\0\0\x20"
                                  "0.000000000000000000000000000001"),
                        &s, &cell),
                 ERR_TOO_LARGE);
    row_scratch_fini(&s);
    copy_plan_free(p);
}
