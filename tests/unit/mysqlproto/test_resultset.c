#include "mysqlproto/resultset.h"

#include "base/writer.h"
#include "mysqlproto/capability.h"
#include "mysqlproto/packet.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define NEW   MY_CAP_DEPRECATE_EOF
#define TRACK MY_CAP_SESSION_TRACK

Test(resultset, an_ok_packet)
{
    struct my_ok ok;
    cr_assert_eq(my_ok_parse(SLICE_LIT("\0\x05\xFC\x10\x27\x02\0\x03\0done"), 0, &ok), ERR_OK);
    cr_assert_eq(ok.affected_rows, 5);
    cr_assert_eq(ok.last_insert_id, 10000);
    cr_assert_eq(ok.status, 2);
    cr_assert_eq(ok.warnings, 3);
    cr_assert(slice_eq(ok.info, SLICE_LIT("done")));
    cr_assert_eq(ok.tracked.len, 0);
}

Test(resultset, an_ok_packet_with_session_track)
{
    static const char packet[] = "\0\0\0\x02\x40\0\0\x02hi\x12\x00\x08\x03sql\x03xyz\x01\x03\x02"
                                 "db\x7F\x01z";
    struct my_ok ok;
    struct my_track t;
    struct slice p = slice_of(packet, sizeof(packet) - 1);
    cr_assert_eq(my_ok_parse(p, TRACK, &ok), ERR_OK, "%zu", p.len);
    cr_assert(slice_eq(ok.info, SLICE_LIT("hi")));
    cr_assert_eq(my_track_next(&ok.tracked, &t), ERR_OK);
    cr_assert_eq(t.type, MY_TRACK_VARIABLE);
    cr_assert(slice_eq(t.name, SLICE_LIT("sql")));
    cr_assert(slice_eq(t.value, SLICE_LIT("xyz")));
    cr_assert_eq(my_track_next(&ok.tracked, &t), ERR_OK);
    cr_assert_eq(t.type, MY_TRACK_SCHEMA);
    cr_assert(slice_eq(t.value, SLICE_LIT("db")));
    cr_assert_eq(my_track_next(&ok.tracked, &t), ERR_OK);
    cr_assert_eq(t.type, 0x7F);
    cr_assert(slice_eq(t.data, SLICE_LIT("z")));
    cr_assert_eq(my_track_next(&ok.tracked, &t), ERR_NEED_INPUT);
}

Test(resultset, session_track_of_gtids)
{
    struct slice entries = SLICE_LIT("\x03\x05\0\x03u:1");
    struct my_track t;
    cr_assert_eq(my_track_next(&entries, &t), ERR_OK);
    cr_assert_eq(t.type, MY_TRACK_GTIDS);
    cr_assert(slice_eq(t.value, SLICE_LIT("u:1")));
}

Test(resultset, session_track_entries_cut_short_are_refused)
{
    static const char whole[] = "\x00\x08\x03sql\x03xyz";
    for (size_t n = 1; n < sizeof(whole) - 1; n++) {
        struct slice entries = slice_of(whole, n);
        struct my_track t;
        cr_assert_eq(my_track_next(&entries, &t), ERR_TRUNCATED, "%zu", n);
    }
}

Test(resultset, session_track_may_leave_out_the_info)
{
    struct my_ok ok;
    cr_assert_eq(my_ok_parse(SLICE_LIT("\0\0\0\x02\0\0\0"), TRACK, &ok), ERR_OK);
    cr_assert_eq(ok.info.len, 0);
}

Test(resultset, ok_packets_cut_short_are_refused)
{
    static const char whole[] = "\0\xFC\x01\x01\x05\x02\x40\0\0\x01x\x03\x01\x01y";
    for (size_t n = 0; n < sizeof(whole) - 1; n++) {
        struct my_ok ok;
        if (n == 9) /* the info may be missing */
            continue;
        cr_assert_neq(my_ok_parse(slice_of(whole, n), TRACK, &ok), ERR_OK, "%zu", n);
    }
}

Test(resultset, an_error_packet)
{
    struct my_error e;
    cr_assert_eq(my_error_parse(SLICE_LIT("\xFF\x28\x04#42000You have"), &e), ERR_OK);
    cr_assert_eq(e.code, 1064);
    cr_assert_str_eq(e.sqlstate, "42000");
    cr_assert(slice_eq(e.message, SLICE_LIT("You have")));
    cr_assert_eq(my_error_parse(SLICE_LIT("\xFF\x10\x04Too many connections"), &e), ERR_OK);
    cr_assert_eq(e.code, 1040);
    cr_assert_str_eq(e.sqlstate, "");
    cr_assert(slice_eq(e.message, SLICE_LIT("Too many connections")));
    cr_assert_eq(my_error_parse(SLICE_LIT("\xFF\x10\x04#4200"), &e), ERR_OK);
    cr_assert(slice_eq(e.message, SLICE_LIT("#4200")));
    cr_assert_eq(my_error_parse(SLICE_LIT("\xFF\x10"), &e), ERR_TRUNCATED);
    cr_assert_neq(my_error_parse(SLICE_LIT(""), &e), ERR_OK);
}

Test(resultset, the_end_of_a_result_is_told_from_a_row)
{
    uint8_t *row = calloc(1, MY_PACKET_PIECE_MAX);
    row[0] = 0xFE;
    cr_assert(my_is_eof(SLICE_LIT("\xFE\0\0\x02\0"), 0));
    cr_assert_not(my_is_eof(SLICE_LIT("\xFE\0\0\x02\0....."), 0));
    cr_assert(my_is_eof(SLICE_LIT("\xFE\0\0\x02\0\0\0....."), NEW));
    cr_assert(my_is_eof(slice_of(row, MY_PACKET_PIECE_MAX - 1), NEW));
    cr_assert_not(my_is_eof(slice_of(row, MY_PACKET_PIECE_MAX), NEW));
    cr_assert_not(my_is_eof(SLICE_LIT(""), NEW));
    cr_assert_not(my_is_eof(SLICE_LIT("\0"), NEW));
    free(row);
}

Test(resultset, both_forms_of_the_end)
{
    struct my_ok ok;
    cr_assert_eq(my_eof_parse(SLICE_LIT("\xFE\x01\0\x0A\0"), 0, &ok), ERR_OK);
    cr_assert_eq(ok.warnings, 1);
    cr_assert_eq(ok.status, 10);
    cr_assert_eq(my_eof_parse(SLICE_LIT("\xFE\0\0\x0A\0\x01\0"), NEW, &ok), ERR_OK);
    cr_assert_eq(ok.warnings, 1);
    cr_assert_eq(ok.status, 10);
    cr_assert_eq(my_eof_parse(SLICE_LIT("\xFE\x01\0\x0A"), 0, &ok), ERR_TRUNCATED);
}

#define DEFINITION                                                                                 \
    "\x03"                                                                                         \
    "def\x01s\x01t\x02ot\x01"                                                                      \
    "c\x02oc"
#define DEFINITION_END "\x0c\x2d\0\x14\0\0\0\xFD\x21\x10\x06\0\0"

Test(resultset, a_column_definition)
{
    struct my_column c;
    cr_assert_eq(my_column_parse(SLICE_LIT(DEFINITION DEFINITION_END), 0, &c), ERR_OK);
    cr_assert(slice_eq(c.schema, SLICE_LIT("s")));
    cr_assert(slice_eq(c.table, SLICE_LIT("t")));
    cr_assert(slice_eq(c.name, SLICE_LIT("c")));
    cr_assert(slice_eq(c.org_name, SLICE_LIT("oc")));
    cr_assert_eq(c.collation, 45);
    cr_assert_eq(c.length, 20);
    cr_assert_eq(c.type, 0xFD);
    cr_assert_eq(c.flags, 0x1021);
    cr_assert_eq(c.decimals, 6);
}

Test(resultset, a_column_definition_with_mariadbs_type_names)
{
    struct my_column c;
    cr_assert_eq(my_column_parse(SLICE_LIT(DEFINITION "\x0c\0\x04uuid\x01\x04json" DEFINITION_END),
                                 MY_CAP_MARIADB_EXTENDED_TYPES, &c),
                 ERR_OK);
    cr_assert(slice_eq(c.type_name, SLICE_LIT("uuid")));
    cr_assert(slice_eq(c.format_name, SLICE_LIT("json")));
    cr_assert_eq(c.collation, 45);
    cr_assert_eq(my_column_parse(SLICE_LIT(DEFINITION "\0" DEFINITION_END),
                                 MY_CAP_MARIADB_EXTENDED_TYPES, &c),
                 ERR_OK);
    cr_assert_eq(c.type_name.len, 0);
}

Test(resultset, column_definitions_cut_short_are_refused)
{
    static const char whole[] = DEFINITION "\x06\0\x04uuid" DEFINITION_END;
    for (size_t n = 0; n < sizeof(whole) - 3; n++) { /* the filler is nobody's */
        struct my_column c;
        cr_assert_neq(my_column_parse(slice_of(whole, n), MY_CAP_MARIADB_EXTENDED_TYPES, &c),
                      ERR_OK, "%zu", n);
    }
}

Test(resultset, a_text_row)
{
    struct my_text_value v[3];
    cr_assert_eq(my_text_row_parse(SLICE_LIT("\x02"
                                             "ab\xFB\0"),
                                   3, v),
                 ERR_OK);
    cr_assert(slice_eq(v[0].text, SLICE_LIT("ab")));
    cr_assert_not(v[0].is_null);
    cr_assert(v[1].is_null);
    cr_assert_not(v[2].is_null);
    cr_assert_eq(v[2].text.len, 0);
}

Test(resultset, a_text_row_has_to_fit_its_columns)
{
    struct my_text_value v[4];
    struct slice row = SLICE_LIT("\x02"
                                 "ab\xFB\0");
    cr_assert_eq(my_text_row_parse(row, 2, v), ERR_PROTOCOL);
    cr_assert_eq(my_text_row_parse(row, 4, v), ERR_TRUNCATED);
    for (size_t n = 0; n < row.len; n++)
        cr_assert_neq(my_text_row_parse(slice_of(row.ptr, n), 3, v), ERR_OK, "%zu", n);
    cr_assert_eq(my_text_row_parse(SLICE_LIT("\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), 1, v),
                 ERR_TRUNCATED);
    cr_assert_eq(my_text_row_parse(SLICE_LIT("\xFF"), 1, v), ERR_MALFORMED);
}
