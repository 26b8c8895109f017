#include "mysqlproto/binlog/control.h"

#include "base/reader.h"
#include "binlog_build.h"

#define UUID "76f3e7be672011ed9cad0242ac110002 "

static struct binlog_gtid gtid(uint8_t type, const char *text)
{
    struct binlog_gtid g;
    struct binlog_event ev = event_of(type, hex(text));
    cr_assert_eq(binlog_gtid_parse(&ev, &g), ERR_OK, "%s", text);
    return g;
}

static enum err gtid_err(uint8_t type, const char *text)
{
    struct binlog_gtid g;
    struct binlog_event ev = event_of(type, hex(text));
    return binlog_gtid_parse(&ev, &g);
}

Test(control_gtid, each_version_of_the_event_is_read_as_far_as_it_goes)
{
    struct binlog_gtid g = gtid(BINLOG_GTID, "01" UUID "0b00000000000000");
    cr_expect_eq(g.gtid.gno, 11);
    cr_expect_eq(g.flags, 1);
    cr_expect_not(g.has_clock);

    g = gtid(BINLOG_GTID, "00" UUID "0b00000000000000 02 0100000000000000 0200000000000000");
    cr_expect(g.has_clock);
    cr_expect_eq(g.last_committed, 1);
    cr_expect_eq(g.sequence_number, 2);
    cr_expect_eq(g.immediate_us, 0);

    g = gtid(BINLOG_GTID, "00" UUID "0b00000000000000 02 0100000000000000 0200000000000000"
                          "40420f00000000 b5 8e390100");
    cr_expect_eq(g.immediate_us, 1000000);
    cr_expect_eq(g.original_us, 1000000);
    cr_expect_not(g.has_original_us);
    cr_expect_eq(g.transaction_len, 181);
    cr_expect_eq(g.immediate_version, 80270);
    cr_expect_eq(g.original_version, 80270);
    cr_expect_not(g.has_ticket);

    g = gtid(BINLOG_GTID, "00" UUID "0b00000000000000 02 0100000000000000 0200000000000000"
                          "40420f00000080 80841e00000000 fc0102 8e390180 0f270000"
                          "0500000000000000");
    cr_expect_eq(g.immediate_us, 1000000);
    cr_expect(g.has_original_us);
    cr_expect_eq(g.original_us, 2000000);
    cr_expect_eq(g.transaction_len, 513);
    cr_expect(g.has_original_version);
    cr_expect_eq(g.original_version, 9999);
    cr_expect(g.has_ticket);
    cr_expect_eq(g.ticket, 5);
}

Test(control_gtid, a_field_that_is_cut_is_refused)
{
    static const char full[] = "00" UUID "0b00000000000000 02 0100000000000000 0200000000000000"
                               "40420f00000080 80841e00000000 fc0102 8e390180 0f270000"
                               "0500000000000000";
    struct slice body = hex(full);
    /* Where a part ends, a shorter event of an older server is complete. */
    static const uint8_t complete[] = {25, 42, 56, 59, 67, 75};
    for (size_t n = 0, part = 0; n <= body.len; n++) {
        struct binlog_gtid g;
        struct binlog_event ev = event_of(BINLOG_GTID, slice_of(body.ptr, n));
        bool ok = part < sizeof complete && complete[part] == n;
        part += ok;
        cr_expect_eq(binlog_gtid_parse(&ev, &g) == ERR_OK, ok, "%zu bytes", n);
    }
}

Test(control_gtid, an_anonymous_event_has_no_number_and_others_must)
{
    static const char zero[] = "00 00000000000000000000000000000000 0000000000000000";
    cr_expect(gtid(BINLOG_ANONYMOUS_GTID, zero).anonymous);
    cr_expect_eq(gtid_err(BINLOG_GTID, zero), ERR_MALFORMED);
    cr_expect_eq(gtid_err(BINLOG_GTID, "00" UUID "ffffffffffffff7f"), ERR_MALFORMED);
    cr_expect_eq(gtid_err(BINLOG_GTID, "00" UUID "feffffffffffff7f"), ERR_OK);
}

Test(control_gtid, varints_of_the_serialization_framework)
{
    static const struct {
        const char *bytes;
        uint64_t value;
    } good[] = {
        {"00", 0},
        {"02", 1},
        {"fe", 127},
        {"01 02", 128},
        {"fd ff", 16383},
        {"03 00 02", 16384},
        {"fb ff 07", 65535},
        {"0f 00 00 00 20", UINT64_C(1) << 32},
        {"7f ff ff ff ff ff ff ff", (UINT64_C(1) << 56) - 1},
        {"ff 00 00 00 00 00 00 00 01", UINT64_C(1) << 56},
        {"ff ff ff ff ff ff ff ff ff", UINT64_MAX},
    };
    for (unsigned i = 0; i < sizeof good / sizeof *good; i++) {
        struct slice s = hex(good[i].bytes);
        struct reader r = reader_of(s);
        cr_expect_eq(binlog_varint(&r), good[i].value, "%s", good[i].bytes);
        cr_expect_eq(reader_left(&r), 0);
        cr_expect_eq(reader_finish(&r), ERR_OK);
        r = reader_of(slice_of(s.ptr, s.len - 1));
        (void)binlog_varint(&r);
        cr_expect_eq(reader_finish(&r), ERR_TRUNCATED);
    }
    static const struct {
        const char *bytes;
        int64_t value;
    } sign[] = {
        {"00", 0},     {"02", -1},  {"04", 1},      {"fc", 63},
        {"01 02", 64}, {"fe", -64}, {"05 02", -65}, {"ff ff ff ff ff ff ff ff ff", INT64_MIN}};
    for (unsigned i = 0; i < sizeof sign / sizeof *sign; i++) {
        struct reader r = reader_of(hex(sign[i].bytes));
        cr_expect_eq(binlog_varint_signed(&r), sign[i].value, "%s", sign[i].bytes);
    }
}

/* As 9.6.0 writes it, but for a plain uuid: version 1, size, and fields 0 to 9 without 7. */
static const char tagged[] = "02 78 00  00 00  02 02 04 06 08 0a 0c 0e 10 12 14 16 18 1a 1c 1e 20 "
                             "04 0c  06 0a 6d79746167  08 00  0a 04  0c 7f1cf3b814244a06 "
                             "10 a104 12 430f0b";

Test(control_gtid, a_tagged_event_is_read_by_field_ids)
{
    struct slice body = hex(tagged);
    uint8_t *bytes = keep(body.len);
    memcpy(bytes, body.ptr, body.len);
    bytes[1] = (uint8_t)(body.len << 1);
    struct binlog_gtid g;
    struct binlog_event ev = event_of(BINLOG_GTID_TAGGED, slice_of(bytes, body.len));
    cr_assert_eq(binlog_gtid_parse(&ev, &g), ERR_OK);
    for (unsigned i = 0; i < 16; i++)
        cr_expect_eq(g.gtid.uuid[i], i + 1);
    cr_expect_eq(g.gtid.gno, 3);
    EXPECT_SLICE(slice_of(g.gtid.tag, g.gtid.tag_len), "mytag");
    cr_expect_eq(g.last_committed, 0);
    cr_expect_eq(g.sequence_number, 1);
    cr_expect_eq(g.transaction_len, 296);
    cr_expect_eq(g.immediate_version, 90600);
    cr_expect_eq(g.original_version, 90600);
    cr_expect_eq(g.original_us, g.immediate_us);
    cr_expect_eq(g.immediate_us, UINT64_C(0x064a2414b8f31c));
    for (size_t n = 0; n < body.len; n++) {
        ev.body = slice_of(bytes, n);
        cr_expect_neq(binlog_gtid_parse(&ev, &g), ERR_OK, "cut to %zu", n);
    }
}

Test(control_gtid, tagged_events_that_cannot_be_are_refused)
{
    static const struct {
        const char *bytes;
        enum err err;
    } cases[] = {
        {"04 06 00", ERR_UNSUPPORTED},             /* format version 2 */
        {"02 04 00", ERR_TRUNCATED},               /* size 2: ends within its head */
        {"02 02 00", ERR_MALFORMED},               /* size 1: less than its head */
        {"02 0c 00 04 0c 04 0c", ERR_TRUNCATED},   /* size 6, one byte short of ... */
        {"02 0e 00 04 0c 04 0c", ERR_MALFORMED},   /* the same field twice */
        {"02 0e 00 08 00 04 0c", ERR_MALFORMED},   /* descending */
        {"02 0a 00 04 00", ERR_MALFORMED},         /* gno 0 */
        {"02 0e 20 04 0c 1e 00", ERR_UNSUPPORTED}, /* unknown field 15, not to be ignored */
        {"02 0a 00 00 01 04", ERR_TRUNCATED},      /* flags of 2 bytes, one there */
        {"02 0e 00 00 05 08 00", ERR_MALFORMED},   /* flags over 255 */
        {"02 0c 00 06 43 00", ERR_TRUNCATED},      /* tag length */
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_neq(gtid_err(BINLOG_GTID_TAGGED, cases[i].bytes), ERR_OK, "case %u", i);
    /* An unknown field that may be ignored ends the reading. */
    cr_expect_eq(gtid_err(BINLOG_GTID_TAGGED, "02 10 00 04 0c 1e ff ff"), ERR_OK);
    cr_expect_eq(gtid_err(BINLOG_GTID_TAGGED, "02 0e 20 04 0c 1e 00"), ERR_UNSUPPORTED);
}

static struct binlog_maria_gtid maria(const char *text)
{
    struct binlog_maria_gtid g;
    struct binlog_event ev = event_of(BINLOG_MARIA_GTID, hex(text));
    cr_assert_eq(binlog_maria_gtid_parse(&ev, &g), ERR_OK, "%s", text);
    return g;
}

Test(control_gtid, mariadb_events_with_every_optional_part)
{
    struct binlog_maria_gtid g = maria("0500000000000000 03000000 29 000000000000");
    cr_expect_eq(g.gtid.sequence, 5);
    cr_expect_eq(g.gtid.domain, 3);
    cr_expect_eq(g.gtid.server_id, 7);
    cr_expect(g.flags & BINLOG_MARIA_STANDALONE);
    cr_expect_eq(g.flags_extra, 0);

    g = maria("0500000000000000 03000000 02 0900000000000000");
    cr_expect_eq(g.commit_id, 9);

    g = maria("0500000000000000 03000000 4c 07000000 03 02 786131 6271 01 ff");
    cr_expect_eq(g.xid.format_id, 7);
    cr_expect_eq(g.xid.gtrid_len, 3);
    cr_expect_eq(g.xid.bqual_len, 2);
    cr_expect_eq(g.extra_engines, 255);

    g = maria("2400000000000000 03000000 29 04 2300000000000000");
    cr_expect_eq(g.flags_extra, BINLOG_MARIA_EXTRA_COMMIT_ALTER);
    cr_expect_eq(g.alter_sequence, 35);

    g = maria("2400000000000000 03000000 00 10 2a000000");
    cr_expect_eq(g.thread_id, 42);

    struct slice body = hex("0500000000000000 03000000 4c 07000000 03 02 786131 6271");
    struct binlog_event ev = event_of(BINLOG_MARIA_GTID, body);
    REFUSES_ALL_CUTS(body, (ev.body = cut, binlog_maria_gtid_parse(&ev, &g)));
    ev.body = hex("0500000000000000 03000000 40 07000000 41 00");
    cr_expect_eq(binlog_maria_gtid_parse(&ev, &g), ERR_MALFORMED);
}

Test(control_gtid, mariadb_lists_are_bounded_by_their_bytes)
{
    struct binlog_maria_list l;
    struct slice body = hex("02000010 03000000 07000000 1100000000000000"
                            "00000000 01000000 1200000000000000");
    cr_assert_eq(binlog_maria_list_parse(body, &l), ERR_OK);
    cr_expect_eq(l.count, 2);
    cr_expect_eq(l.flags, UINT32_C(1) << 28);
    cr_expect_eq(binlog_maria_list_get(&l, 0).domain, 3);
    cr_expect_eq(binlog_maria_list_get(&l, 1).sequence, 18);
    REFUSES_ALL_CUTS(body, binlog_maria_list_parse(cut, &l));
    cr_expect_eq(binlog_maria_list_parse(hex("ffffff0f 00000000"), &l), ERR_TRUNCATED);
    cr_assert_eq(binlog_maria_list_parse(hex("00000000 0000"), &l), ERR_OK);
    cr_expect_eq(l.rest.len, 2);
}
