#include "mysqlproto/binlog/control.h"

#include "base/reader.h"
#include "binlog_build.h"

Test(control, rotate_names_file_and_position)
{
    struct binlog_format f;
    binlog_format_init(&f, false);
    struct binlog_rotate r;
    struct slice body = hex("04 00 00 00 01 00 00 00 62 2e 31");
    cr_assert_eq(binlog_rotate_parse(&f, body, &r), ERR_OK);
    cr_expect_eq(r.position, UINT64_C(0x100000004));
    EXPECT_SLICE(r.file, "b.1");
    REFUSES_ALL_CUTS(slice_of(body.ptr, 8), binlog_rotate_parse(&f, cut, &r));
}

Test(control, both_kinds_of_heartbeat_give_a_position)
{
    struct binlog_heartbeat hb;
    struct binlog_event ev = event_of(BINLOG_HEARTBEAT, SLICE_LIT("b.000001"));
    ev.header.log_pos = 1234;
    cr_assert_eq(binlog_heartbeat_parse(&ev, &hb), ERR_OK);
    EXPECT_SLICE(hb.file, "b.000001");
    cr_expect_eq(hb.position, 1234);

    /* name "b.2", position 0x123456789, an unknown field, the end mark, and padding */
    ev = event_of(BINLOG_HEARTBEAT_V2,
                  hex("01 03 62 2e 32  02 09 fe 89 67 45 23 01 00 00 00  07 01 aa  00  ff ff"));
    cr_assert_eq(binlog_heartbeat_parse(&ev, &hb), ERR_OK);
    EXPECT_SLICE(hb.file, "b.2");
    cr_expect_eq(hb.position, UINT64_C(0x123456789));

    static const char *const bad[] = {"01 05 62", "02 01 fe", "02 00", "fb", "01 ff"};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        ev.body = hex(bad[i]);
        cr_expect_neq(binlog_heartbeat_parse(&ev, &hb), ERR_OK, "%s", bad[i]);
    }
}

Test(control, incident_carries_number_and_text)
{
    struct binlog_incident in;
    struct slice body = hex("01 00 04 6c 6f 73 74");
    cr_assert_eq(binlog_incident_parse(body, &in), ERR_OK);
    cr_expect_eq(in.number, 1);
    EXPECT_SLICE(in.text, "lost");
    cr_assert_eq(binlog_incident_parse(hex("01 00"), &in), ERR_OK);
    cr_expect_eq(in.text.len, 0);
    cr_expect_neq(binlog_incident_parse(hex("01"), &in), ERR_OK);
    cr_expect_neq(binlog_incident_parse(hex("01 00 04 6c"), &in), ERR_OK);
}

Test(control, xid_and_statement_context)
{
    uint64_t xid;
    struct slice body = hex("57 00 00 00 00 00 00 01");
    cr_assert_eq(binlog_xid_event_parse(body, &xid), ERR_OK);
    cr_expect_eq(xid, UINT64_C(0x0100000000000057));
    REFUSES_ALL_CUTS(body, binlog_xid_event_parse(cut, &xid));

    struct binlog_intvar iv;
    body = hex("02 09 00 00 00 00 00 00 00");
    cr_assert_eq(binlog_intvar_parse(body, &iv), ERR_OK);
    cr_expect_eq(iv.kind, 2);
    cr_expect_eq(iv.value, 9);
    REFUSES_ALL_CUTS(body, binlog_intvar_parse(cut, &iv));

    struct binlog_rand rnd;
    body = hex("01 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00");
    cr_assert_eq(binlog_rand_parse(body, &rnd), ERR_OK);
    cr_expect_eq(rnd.seed1, 1);
    cr_expect_eq(rnd.seed2, 2);
    REFUSES_ALL_CUTS(body, binlog_rand_parse(cut, &rnd));
}

Test(control, user_variables_with_and_without_a_value)
{
    struct binlog_user_var v;
    struct slice body = hex("02 00 00 00 61 62 00 00 2d 00 00 00 02 00 00 00 c3 a9");
    cr_assert_eq(binlog_user_var_parse(body, &v), ERR_OK);
    EXPECT_SLICE(v.name, "ab");
    cr_expect_not(v.is_null);
    cr_expect_eq(v.collation, 45);
    EXPECT_SLICE(v.value, "\xc3\xa9");
    cr_expect_not(v.has_flags);
    REFUSES_ALL_CUTS(body, binlog_user_var_parse(cut, &v));
    cr_assert_eq(binlog_user_var_parse(hex("01 00 00 00 61 01"), &v), ERR_OK);
    cr_expect(v.is_null);
    cr_expect_neq(binlog_user_var_parse(hex("ff ff ff ff 61 01"), &v), ERR_OK);
}

Test(control, xa_prepare_holds_an_xid_of_bounded_parts)
{
    struct binlog_xa_prepare xa;
    struct slice body = hex("01 07 00 00 00 03 00 00 00 02 00 00 00 78 61 31 62 71");
    cr_assert_eq(binlog_xa_prepare_parse(body, &xa), ERR_OK);
    cr_expect(xa.one_phase);
    cr_expect_eq(xa.xid.format_id, 7);
    EXPECT_SLICE(slice_of(xa.xid.data, xa.xid.gtrid_len), "xa1");
    EXPECT_SLICE(slice_of(xa.xid.data + 3, xa.xid.bqual_len), "bq");
    REFUSES_ALL_CUTS(body, binlog_xa_prepare_parse(cut, &xa));
    uint8_t big[200] = {0};
    big[5] = 64;
    big[9] = 64;
    cr_expect_eq(binlog_xa_prepare_parse(slice_of(big, sizeof big), &xa), ERR_OK);
    big[5] = 65;
    cr_expect_eq(binlog_xa_prepare_parse(slice_of(big, sizeof big), &xa), ERR_MALFORMED);
    big[5] = 0;
    big[12] = 1;
    cr_expect_eq(binlog_xa_prepare_parse(slice_of(big, sizeof big), &xa), ERR_MALFORMED);
}

Test(control, texts_of_statements_and_checkpoints)
{
    struct slice text;
    struct binlog_event ev = event_of(BINLOG_ROWS_QUERY, SLICE_LIT("\x08select 1"));
    cr_assert_eq(binlog_rows_query_parse(&ev, &text), ERR_OK);
    EXPECT_SLICE(text, "select 1");
    ev = event_of(BINLOG_ANNOTATE_ROWS, SLICE_LIT("select 1"));
    cr_assert_eq(binlog_rows_query_parse(&ev, &text), ERR_OK);
    EXPECT_SLICE(text, "select 1");
    ev = event_of(BINLOG_ROWS_QUERY, SLICE_LIT(""));
    cr_expect_neq(binlog_rows_query_parse(&ev, &text), ERR_OK);

    struct slice body = hex("03 00 00 00 62 2e 31");
    cr_assert_eq(binlog_checkpoint_parse(body, &text), ERR_OK);
    EXPECT_SLICE(text, "b.1");
    REFUSES_ALL_CUTS(body, binlog_checkpoint_parse(cut, &text));

    struct binlog_load_block block;
    body = hex("02 00 00 00 61");
    cr_assert_eq(binlog_load_block_parse(body, &block), ERR_OK);
    cr_expect_eq(block.file_id, 2);
    cr_expect_eq(block.data.len, 1);
    REFUSES_ALL_CUTS(slice_of(body.ptr, 4), binlog_load_block_parse(cut, &block));
}
