#include "mysqlproto/binlog/rows.h"

#include "mysqlproto/binlog/inflate.h"
#include "row_build.h"

static struct binlog_format format(void)
{
    struct binlog_format f;
    binlog_format_init(&f, false);
    return f;
}

static enum err parse(uint8_t type, struct slice body, struct binlog_rows *ev)
{
    struct binlog_format f = format();
    struct binlog_event event = event_of(type, body);
    return binlog_rows_parse(&f, &event, ev);
}

static struct binlog_rows rows(uint8_t type, const char *body)
{
    struct binlog_rows ev;
    cr_assert_eq(parse(type, hex(body), &ev), ERR_OK, "%s", body);
    return ev;
}

/* INT and VARCHAR(20), as in: table 0x46, STMT_END, 2 columns. */
static struct row_plan *plan(void)
{
    struct column c[] = {col(MY_TYPE_LONG, 0), col(MY_TYPE_VARCHAR, 20)};
    return plan_of(c, 2);
}

Test(rows, every_type_code_says_operation_and_form)
{
    static const struct {
        uint8_t type;
        const char *body;
        enum binlog_rows_op op;
        bool compressed, partial;
    } cases[] = {
        {20, "460000000000 0100 02 ff", BINLOG_ROWS_WRITE, false, false},
        {21, "460000000000 0100 02 ff", BINLOG_ROWS_UPDATE, false, false},
        {22, "460000000000 0100 02 ff", BINLOG_ROWS_DELETE, false, false},
        {23, "460000000000 0100 02 ff", BINLOG_ROWS_WRITE, false, false},
        {24, "460000000000 0100 02 ff ff", BINLOG_ROWS_UPDATE, false, false},
        {25, "460000000000 0100 02 ff", BINLOG_ROWS_DELETE, false, false},
        {30, "460000000000 0100 0200 02 ff", BINLOG_ROWS_WRITE, false, false},
        {31, "460000000000 0100 0500 aabbcc 02 ff ff", BINLOG_ROWS_UPDATE, false, false},
        {32, "460000000000 0100 0200 02 ff", BINLOG_ROWS_DELETE, false, false},
        {39, "460000000000 0100 0200 02 ff ff", BINLOG_ROWS_UPDATE, false, true},
        {166, "460000000000 0100 02 ff", BINLOG_ROWS_WRITE, true, false},
        {167, "460000000000 0100 02 ff ff", BINLOG_ROWS_UPDATE, true, false},
        {168, "460000000000 0100 02 ff", BINLOG_ROWS_DELETE, true, false},
        {169, "460000000000 0100 0200 02 ff", BINLOG_ROWS_WRITE, true, false},
        {170, "460000000000 0100 0200 02 ff ff", BINLOG_ROWS_UPDATE, true, false},
        {171, "460000000000 0100 0200 02 ff", BINLOG_ROWS_DELETE, true, false},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect(binlog_is_rows(cases[i].type));
        struct binlog_rows ev = rows(cases[i].type, cases[i].body);
        cr_expect_eq(ev.table_id, 0x46);
        cr_expect_eq(ev.flags, BINLOG_ROWS_STMT_END);
        cr_expect_eq(ev.width, 2);
        cr_expect_eq(ev.op, cases[i].op, "type %u", cases[i].type);
        cr_expect_eq(ev.compressed, cases[i].compressed);
        cr_expect_eq(ev.partial, cases[i].partial);
        cr_expect_eq(ev.before, ev.op == BINLOG_ROWS_WRITE ? NULL : row_all_present);
        cr_expect_eq(ev.after, ev.op == BINLOG_ROWS_DELETE ? NULL : row_all_present);
        cr_expect_eq(ev.rows.len, 0, "an event without rows is legal");
        struct slice body = hex(cases[i].body);
        REFUSES_ALL_CUTS(body, parse(cases[i].type, cut, &ev));
    }
    static const uint8_t others[] = {19, 26, 29, 33, 38, 40, 165, 172};
    for (unsigned i = 0; i < sizeof others; i++)
        cr_expect_not(binlog_is_rows(others[i]));
}

Test(rows, bitmaps_are_all_columns_or_as_sent)
{
    struct binlog_rows ev = rows(31, "460000000000 0100 0200 0a  ff03 fefd  00");
    cr_expect_eq(ev.before, row_all_present, "undefined bits are passed over");
    cr_expect_neq(ev.after, row_all_present);
    cr_expect(slice_eq(ev.bitmaps, hex("ff03 fefd")));
    cr_expect_eq(ev.rows.len, 1);
    ev = rows(30, "460000000000 0100 0200 0a ff01");
    cr_expect_neq(ev.after, row_all_present, "the tenth column is absent");
}

Test(rows, what_cannot_be_is_refused)
{
    struct binlog_rows ev;
    cr_expect_eq(parse(30, hex("460000000000 0100 0200 00"), &ev), ERR_MALFORMED, "no columns");
    cr_expect_eq(parse(30, hex("460000000000 0100 0100 02 ff"), &ev), ERR_MALFORMED,
                 "extra data of length 1");
    cr_expect_eq(parse(30, hex("460000000000 0100 ffff 02 ff"), &ev), ERR_TRUNCATED);
    cr_expect_eq(parse(30, hex("460000000000 0100 0200 fc0110"), &ev), ERR_MALFORMED,
                 "4097 columns");
    cr_expect_eq(parse(30, hex("460000000000 0100 0200 fb"), &ev), ERR_MALFORMED);
}

Test(rows, an_event_that_only_ends_a_statement_belongs_to_no_table)
{
    cr_expect(rows(30, "ffffff000000 0100 0200 00").dummy);
    cr_expect(rows(30, "ffffffffffff 0100 0200 00").dummy);
    cr_expect_not(rows(30, "460000000000 0100 0200 01 ff").dummy);
}

Test(rows, rows_are_walked_image_by_image)
{
    struct row_plan *p = plan();
    struct binlog_rows ev = rows(31, "460000000000 0100 0200 02 ff ff"
                                     "fc 01000000 01 61  fc 01000000 02 6263"
                                     "fe 02000000        fd 00");
    struct reader r = reader_of(ev.rows);
    struct binlog_row row;
    cr_assert_eq(binlog_rows_next(&ev, p, &r, &row), ERR_OK);
    cr_expect(slice_eq(row.before, hex("fc 01000000 01 61")));
    cr_expect(slice_eq(row.after, hex("fc 01000000 02 6263")));
    cr_expect_null(row.json_diff);
    cr_assert_eq(binlog_rows_next(&ev, p, &r, &row), ERR_OK);
    cr_expect(slice_eq(row.before, hex("fe 02000000")));
    cr_expect(slice_eq(row.after, hex("fd 00")));
    cr_expect_eq(reader_left(&r), 0);
    for (size_t n = 1; n < ev.rows.len; n++) {
        r = reader_of(slice_of(ev.rows.ptr, n));
        enum err e = ERR_OK;
        while (e == ERR_OK && r.p < r.end)
            e = binlog_rows_next(&ev, p, &r, &row);
        cr_expect_eq(e == ERR_OK, n == 15, "cut to %zu", n);
    }
    row_plan_free(p);
}

Test(rows, the_width_must_be_the_tables)
{
    struct row_plan *p = plan();
    struct binlog_rows ev = rows(30, "460000000000 0100 0200 03 ff f8");
    struct reader r = reader_of(ev.rows);
    struct binlog_row row;
    cr_expect_eq(binlog_rows_next(&ev, p, &r, &row), ERR_TABLE_MISMATCH);
    row_plan_free(p);
}

Test(rows, images_without_columns_do_not_go_on_for_ever)
{
    struct row_plan *p = plan();
    struct binlog_rows ev = rows(30, "460000000000 0100 0200 02 00 aabb");
    struct reader r = reader_of(ev.rows);
    struct binlog_row row;
    cr_expect_eq(binlog_rows_next(&ev, p, &r, &row), ERR_MALFORMED);
    row_plan_free(p);
}

Test(rows, compressed_rows_are_expanded_to_the_length_they_name)
{
    static const char plain[] = "rows rows rows rows rows rows rows rows";
    struct libdeflate_compressor *z = libdeflate_alloc_compressor(6);
    uint8_t packed[200];
    size_t n = libdeflate_zlib_compress(z, plain, sizeof plain, packed + 2, sizeof packed - 2);
    packed[0] = 0x81;
    packed[1] = sizeof plain;
    struct slice record = slice_of(packed, n + 2);
    struct binlog_inflater inf = {0};
    uint8_t out[sizeof plain];
    size_t len;
    cr_assert_eq(binlog_record_len(record, &len), ERR_OK);
    cr_assert_eq(len, sizeof plain);
    cr_assert_eq(binlog_record_inflate(&inf, record, out, len), ERR_OK);
    cr_expect_arr_eq(out, plain, sizeof plain);
    for (size_t cut = 0; cut < record.len; cut++)
        cr_expect_neq(binlog_record_inflate(&inf, slice_of(packed, cut), out, len), ERR_OK);
    packed[1]++;
    uint8_t more[sizeof plain + 1];
    cr_expect_eq(binlog_record_inflate(&inf, record, more, sizeof more), ERR_MALFORMED);
    static const char *const bad[] = {"", "01 05", "80", "85 0000000000", "91 05", "82 05"};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_neq(binlog_record_len(hex(bad[i]), &len), ERR_OK, "%s", bad[i]);
    cr_assert_eq(binlog_record_len(hex("84 01020304"), &len), ERR_OK);
    cr_expect_eq(len, 0x01020304, "most significant byte first");
    binlog_inflater_fini(&inf);
    libdeflate_free_compressor(z);
}

/* INT and two JSON columns. */
static struct row_plan *json_plan(void)
{
    struct column c[] = {col(MY_TYPE_LONG, 0), col(MY_TYPE_JSON, 4), col(MY_TYPE_JSON, 4)};
    return plan_of(c, 3);
}

Test(rows, partial_updates_carry_a_bit_a_json_column)
{
    struct row_plan *p = json_plan();
    cr_expect_eq(row_plan_json_count(p), 2);
    /* The first document becomes true by a diff, the second is sent whole. */
    struct binlog_rows ev = rows(39, "460000000000 0100 0200 03 ff ff"
                                     "f8 01000000 02000000 0400 02000000 0402"
                                     "01 01"
                                     "f8 01000000 06000000 00 01 24 02 0401 02000000 0400");
    struct reader r = reader_of(ev.rows);
    struct binlog_row row;
    cr_assert_eq(binlog_rows_next(&ev, p, &r, &row), ERR_OK);
    cr_assert_not_null(row.json_diff);
    cr_expect_eq(*row.json_diff, 1);
    struct row_scratch *s = new_scratch(1000);
    struct cell before[3], after[3];
    struct reader b = reader_of(row.before), a = reader_of(row.after);
    cr_assert_eq(row_decode(p, ev.before, &b, s, before), ERR_OK);
    cr_assert_eq(row_decode(p, ev.after, &a, s, after), ERR_OK);
    cr_assert_eq(row_apply_json_diffs(p, row.json_diff, before, s, after), ERR_OK);
    cr_expect(slice_eq(after[1].raw, hex("0401")));
    cr_expect(slice_eq(after[2].raw, hex("0400")));

    before[1].kind = CELL_ABSENT;
    cr_expect_eq(row_apply_json_diffs(p, row.json_diff, before, s, after), ERR_UNSUPPORTED);
    before[1].kind = CELL_NULL;
    cr_expect_eq(row_apply_json_diffs(p, row.json_diff, before, s, after), ERR_MALFORMED);
    before[1].kind = CELL_JSON;
    after[1].raw = SLICE_LIT("");
    cr_assert_eq(row_apply_json_diffs(p, row.json_diff, before, s, after), ERR_OK);
    cr_expect(slice_eq(after[1].raw, hex("0400")), "an empty list changes nothing");
    row_plan_free(p);
}

Test(rows, partial_updates_without_options_and_with_unknown_ones)
{
    struct row_plan *p = json_plan();
    struct binlog_rows ev = rows(39, "460000000000 0100 0200 03 ff ff  ff  00  ff");
    struct reader r = reader_of(ev.rows);
    struct binlog_row row;
    cr_assert_eq(binlog_rows_next(&ev, p, &r, &row), ERR_OK);
    cr_expect_null(row.json_diff);
    ev = rows(39, "460000000000 0100 0200 03 ff ff  ff  02  ff");
    r = reader_of(ev.rows);
    cr_expect_eq(binlog_rows_next(&ev, p, &r, &row), ERR_UNSUPPORTED);
    ev = rows(39, "460000000000 0100 0200 03 ff ff  ff  01");
    r = reader_of(ev.rows);
    cr_expect_eq(binlog_rows_next(&ev, p, &r, &row), ERR_TRUNCATED);
    row_plan_free(p);
}
