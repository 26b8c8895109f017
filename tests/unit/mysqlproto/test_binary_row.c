#include "mysqlproto/resultset.h"
#include "schema/table_map.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct cell one(uint8_t type, uint16_t flags, struct slice value, enum err expected)
{
    uint8_t row[64] = {0};
    struct my_column c = {.type = type, .flags = flags};
    struct cell cell = {0};
    memcpy(row + 2, value.ptr, value.len);
    /* At the end of an exact block, so that a read behind it shows. */
    uint8_t *exact = malloc(value.len + 2);
    memcpy(exact, row, value.len + 2);
    enum err e = my_binary_row_parse(slice_of(exact, value.len + 2), 1, &c, &cell);
    if (cell.kind == CELL_BYTES || cell.kind == CELL_TEXT) {
        static uint8_t kept[64];
        memcpy(kept, cell.raw.ptr, cell.raw.len < 64 ? cell.raw.len : 64);
        cell.raw.ptr = kept;
    }
    free(exact);
    cr_assert_eq(e, expected, "type %u: %s", type, err_name(e));
    return cell;
}

#define ONE(type, flags, bytes) one(type, flags, SLICE_LIT(bytes), ERR_OK)

Test(binary_row, integers_of_both_signs)
{
    cr_assert_eq(ONE(MY_TYPE_TINY, 0, "\x80").i64, -128);
    cr_assert_eq(ONE(MY_TYPE_TINY, MY_COLUMN_UNSIGNED, "\x80").u64, 128);
    cr_assert_eq(ONE(MY_TYPE_SHORT, 0, "\xFF\xFF").i64, -1);
    cr_assert_eq(ONE(MY_TYPE_SHORT, MY_COLUMN_UNSIGNED, "\xFF\xFF").u64, 65535);
    cr_assert_eq(ONE(MY_TYPE_LONG, 0, "\0\0\0\x80").i64, INT32_MIN);
    cr_assert_eq(ONE(MY_TYPE_INT24, 0, "\xFF\xFF\xFF\xFF").i64, -1);
    cr_assert_eq(ONE(MY_TYPE_INT24, MY_COLUMN_UNSIGNED, "\xFF\xFF\xFF\0").u64, 0xFFFFFF);
    cr_assert_eq(ONE(MY_TYPE_LONGLONG, 0, "\0\0\0\0\0\0\0\x80").i64, INT64_MIN);
    cr_assert_eq(ONE(MY_TYPE_LONGLONG, MY_COLUMN_UNSIGNED, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF").u64,
                 UINT64_MAX);
    cr_assert_eq(ONE(MY_TYPE_YEAR, MY_COLUMN_UNSIGNED, "\xE8\x07").u64, 2024);
}

Test(binary_row, floats_are_their_bits)
{
    cr_assert_eq(ONE(MY_TYPE_FLOAT, 0, "\0\0\x80\x3F").f32, 1.0f);
    cr_assert_eq(ONE(MY_TYPE_DOUBLE, 0, "\0\0\0\0\0\0\xF0\xBF").f64, -1.0);
}

Test(binary_row, dates_and_times)
{
    struct cell c = ONE(MY_TYPE_DATETIME, 0, "\x0b\xe8\x07\x02\x1d\x17\x3b\x3a\x3f\x42\x0f\0");
    cr_assert_eq(c.kind, CELL_DATETIME);
    cr_assert_eq(c.civil.year, 2024);
    cr_assert_eq(c.civil.month, 2);
    cr_assert_eq(c.civil.day, 29);
    cr_assert_eq(c.civil.hour, 23);
    cr_assert_eq(c.civil.minute, 59);
    cr_assert_eq(c.civil.second, 58);
    cr_assert_eq(c.civil.us, 999999);
    c = ONE(MY_TYPE_DATE, 0, "\x04\xe8\x07\x00\x0a");
    cr_assert_eq(c.kind, CELL_DATE);
    cr_assert_eq(c.civil.month, 0);
    cr_assert_eq(c.civil.day, 10);
    c = ONE(MY_TYPE_DATE, 0, "\0");
    cr_assert_eq(c.civil.year, 0);
}

Test(binary_row, microseconds_of_a_million_are_refused)
{
    (void)one(MY_TYPE_DATETIME, 0, SLICE_LIT("\x0b\xe8\x07\x02\x1d\x17\x3b\x3a\x40\x42\x0f\0"),
              ERR_MALFORMED);
}

Test(binary_row, a_negative_time_of_more_than_a_day)
{
    /* '-101:02:03.5', as a MariaDB server sends it */
    struct cell c = ONE(MY_TYPE_TIME, 0, "\x0c\x01\x04\0\0\0\x05\x02\x03\x20\xa1\x07\0");
    cr_assert_eq(c.kind, CELL_TIME);
    cr_assert(c.civil.negative);
    cr_assert_eq(c.civil.hour, 101);
    cr_assert_eq(c.civil.minute, 2);
    cr_assert_eq(c.civil.second, 3);
    cr_assert_eq(c.civil.us, 500000);
    c = ONE(MY_TYPE_TIME, 0, "\0");
    cr_assert_eq(c.civil.hour, 0);
    (void)one(MY_TYPE_TIME, 0, SLICE_LIT("\x08\0\x23\0\0\0\0\0\0"), ERR_MALFORMED);
    (void)one(MY_TYPE_TIME, 0, SLICE_LIT("\x08\0\xff\xff\xff\xff\x17\0\0"), ERR_MALFORMED);
}

Test(binary_row, timestamps_are_seconds_of_utc)
{
    struct cell c = ONE(MY_TYPE_TIMESTAMP, 0, "\x07\xf6\x07\x01\x13\x03\x0e\x07");
    cr_assert_eq(c.kind, CELL_TIMESTAMP);
    cr_assert_eq(c.stamp.seconds, 2147483647u);
    c = ONE(MY_TYPE_TIMESTAMP, 0, "\x0b\xb2\x07\x01\x01\0\0\x01\x01\0\0\0");
    cr_assert_eq(c.stamp.seconds, 1);
    cr_assert_eq(c.stamp.us, 1);
    c = ONE(MY_TYPE_TIMESTAMP, 0, "\0");
    cr_assert_eq(c.stamp.seconds, 0);
    (void)one(MY_TYPE_TIMESTAMP, 0, SLICE_LIT("\x04\xb1\x07\x0c\x1f"), ERR_MALFORMED);
    (void)one(MY_TYPE_TIMESTAMP, 0, SLICE_LIT("\x04\x3b\x08\x01\x01"), ERR_MALFORMED);
}

Test(binary_row, what_comes_as_text_stays_text)
{
    struct cell c = ONE(MY_TYPE_NEWDECIMAL, 0, "\x05-1.50");
    cr_assert_eq(c.kind, CELL_TEXT);
    cr_assert(slice_eq(c.raw, SLICE_LIT("-1.50")));
    cr_assert_eq(ONE(MY_TYPE_JSON, 0, "\x02{}").kind, CELL_TEXT);
    cr_assert_eq(ONE(MY_TYPE_STRING, MY_COLUMN_ENUM,
                     "\x01"
                     "a")
                     .kind,
                 CELL_TEXT);
    cr_assert_eq(ONE(MY_TYPE_STRING, MY_COLUMN_SET,
                     "\x03"
                     "a,b")
                     .kind,
                 CELL_TEXT);
    cr_assert_eq(ONE(MY_TYPE_VAR_STRING, 0, "\x01\xFF").kind, CELL_BYTES);
    cr_assert_eq(ONE(MY_TYPE_BLOB, 0, "\0").raw.len, 0);
}

Test(binary_row, bits_are_a_number)
{
    cr_assert_eq(ONE(MY_TYPE_BIT, MY_COLUMN_UNSIGNED, "\x02\x01\x02").u64, 258);
    (void)one(MY_TYPE_BIT, 0,
              SLICE_LIT("\x09"
                        "123456789"),
              ERR_MALFORMED);
}

Test(binary_row, nulls_begin_at_bit_two)
{
    struct my_column c[8];
    struct cell cells[8];
    for (int i = 0; i < 8; i++)
        c[i] = (struct my_column){.type = MY_TYPE_TINY};
    /* columns 0, 5 and 7 */
    cr_assert_eq(my_binary_row_parse(SLICE_LIT("\0\x84\x02\x01\x02\x03\x04\x06"), 8, c, cells),
                 ERR_OK);
    cr_assert_eq(cells[0].kind, CELL_NULL);
    cr_assert_eq(cells[1].i64, 1);
    cr_assert_eq(cells[5].kind, CELL_NULL);
    cr_assert_eq(cells[6].i64, 6);
    cr_assert_eq(cells[7].kind, CELL_NULL);
}

Test(binary_row, rows_cut_short_or_too_long_are_refused)
{
    static const char whole[] = "\0\0"
                                "\x01\0\0\0"
                                "\x03"
                                "abc"
                                "\x04\xe8\x07\x01\x02"
                                "\x08\0\0\0\0\0\x01\x02\x03"
                                "\0\0\0\0\0\0\xF0\x3F"
                                "\x01\x01\0";
    const struct my_column c[] = {{.type = MY_TYPE_LONG},   {.type = MY_TYPE_STRING},
                                  {.type = MY_TYPE_DATE},   {.type = MY_TYPE_TIME},
                                  {.type = MY_TYPE_DOUBLE}, {.type = MY_TYPE_BIT}};
    struct cell cells[6];
    size_t len = sizeof(whole) - 2; /* without the 0 behind it */
    for (size_t n = 0; n <= len + 1; n++) {
        uint8_t *exact = malloc(n + 1);
        memcpy(exact, whole, n);
        enum err e = my_binary_row_parse(slice_of(exact, n), 6, c, cells);
        cr_assert_eq(e == ERR_OK, n == len, "%zu bytes", n);
        free(exact);
    }
    cr_assert_eq(cells[3].civil.second, 3);
}

Test(binary_row, another_header_is_refused)
{
    struct my_column c = {.type = MY_TYPE_TINY};
    struct cell cell;
    cr_assert_eq(my_binary_row_parse(SLICE_LIT("\x01\0\x05"), 1, &c, &cell), ERR_PROTOCOL);
}
