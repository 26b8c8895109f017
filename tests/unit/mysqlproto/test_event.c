#include "mysqlproto/binlog/event.h"

#include "binlog_build.h"

static struct binlog_format format(bool checksum, bool known)
{
    struct binlog_format f;
    binlog_format_init(&f, checksum);
    f.known = known;
    return f;
}

static enum err parse(const struct binlog_format *f, struct slice raw)
{
    struct binlog_event ev;
    return binlog_event_parse(f, raw, &ev);
}

static struct slice flip(struct slice s, size_t byte)
{
    uint8_t *p = keep(s.len);
    memcpy(p, s.ptr, s.len);
    p[byte] ^= 0x10;
    return slice_of(p, s.len);
}

Test(event, a_header_is_read_field_by_field)
{
    struct binlog_format f = format(false, true);
    struct binlog_event ev;
    struct slice raw = make_event(BINLOG_XID, BINLOG_FLAG_IGNORABLE, 12345, hex("01 02 03"), false);
    cr_assert_eq(binlog_event_parse(&f, raw, &ev), ERR_OK);
    cr_expect_eq(ev.header.timestamp, 1700000000);
    cr_expect_eq(ev.header.type, BINLOG_XID);
    cr_expect_eq(ev.header.server_id, 7);
    cr_expect_eq(ev.header.length, 22);
    cr_expect_eq(ev.header.log_pos, 12345);
    cr_expect(binlog_ignorable(&ev.header));
    cr_expect(slice_eq(ev.body, hex("01 02 03")));
}

Test(event, the_checksum_is_verified_and_cut_off)
{
    struct binlog_format f = format(true, true);
    struct binlog_event ev;
    struct slice raw = make_event(BINLOG_XID, 0, 100, hex("01 02 03"), true);
    cr_assert_eq(binlog_event_parse(&f, raw, &ev), ERR_OK);
    cr_expect_eq(ev.body.len, 3);
    for (size_t i = 0; i < raw.len; i++) {
        if (i >= 9 && i < 13)
            continue; /* the length is checked first */
        cr_expect_eq(parse(&f, flip(raw, i)), ERR_BAD_CHECKSUM, "byte %zu", i);
    }
}

Test(event, a_length_other_than_the_bytes_is_refused)
{
    struct binlog_format f = format(false, true);
    struct slice raw = make_event(BINLOG_XID, 0, 100, hex("01 02 03"), false);
    for (size_t n = 0; n < raw.len; n++)
        cr_expect_neq(parse(&f, slice_of(raw.ptr, n)), ERR_OK);
    f.checksum = true;
    struct slice bare = make_event(BINLOG_STOP, 0, 100, hex(""), false);
    cr_expect_eq(parse(&f, bare), ERR_TRUNCATED);
}

Test(event, before_a_description_a_made_up_rotate_may_lack_its_checksum)
{
    struct slice body = hex("04 00 00 00 00 00 00 00 62 2e 30 30 30 30 30 31");
    struct slice with = make_event(BINLOG_ROTATE, BINLOG_FLAG_ARTIFICIAL, 0, body, true);
    struct slice without = make_event(BINLOG_ROTATE, BINLOG_FLAG_ARTIFICIAL, 0, body, false);
    for (unsigned negotiated = 0; negotiated < 2; negotiated++) {
        struct binlog_format f = format(negotiated, false);
        struct binlog_event ev;
        cr_assert_eq(binlog_event_parse(&f, with, &ev), ERR_OK);
        cr_expect_eq(ev.body.len, body.len);
        cr_assert_eq(binlog_event_parse(&f, without, &ev), ERR_OK);
        cr_expect_eq(ev.body.len, body.len);
    }
}

Test(event, after_a_description_a_made_up_event_follows_it)
{
    struct slice body = hex("04 00 00 00 00 00 00 00 62 2e 30 30 30 30 30 31");
    struct slice raw = make_event(BINLOG_ROTATE, BINLOG_FLAG_ARTIFICIAL, 0, body, true);
    struct binlog_format f = format(true, true);
    cr_expect_eq(parse(&f, raw), ERR_OK);
    cr_expect_eq(parse(&f, flip(raw, 30)), ERR_BAD_CHECKSUM);
    struct slice heartbeat = make_event(BINLOG_HEARTBEAT, 0, 99, body, true);
    cr_expect_eq(parse(&f, heartbeat), ERR_OK);
    cr_expect_eq(parse(&f, flip(heartbeat, 25)), ERR_BAD_CHECKSUM);
}

Test(event, a_description_says_itself_whether_it_has_a_checksum)
{
    struct binlog_format f = format(false, false);
    struct binlog_event ev;
    struct slice raw =
        make_event(BINLOG_FORMAT_DESCRIPTION, 0, 0, fde_body("8.4.2", 42, true, 1), true);
    cr_assert_eq(binlog_event_parse(&f, raw, &ev), ERR_OK);
    cr_assert_eq(binlog_format_parse(&ev, &f), ERR_OK);
    cr_expect(f.known);
    cr_expect(f.checksum);
    cr_expect_eq(f.version, 80402);
    cr_expect_not(f.is_mariadb);
    cr_expect_eq(f.type_count, 42);
    cr_expect_eq(f.post_header_len[BINLOG_QUERY], 13);
    cr_expect_eq(f.post_header_len[BINLOG_WRITE_ROWS_V2], 10);
    cr_expect_eq(parse(&f, flip(raw, 60)), ERR_BAD_CHECKSUM);
}

Test(event, a_description_of_an_open_file_is_summed_without_its_mark)
{
    struct binlog_format f = format(false, false);
    struct slice raw =
        make_event(BINLOG_FORMAT_DESCRIPTION, 0, 0, fde_body("8.0.31", 41, true, 1), true);
    uint8_t *marked = keep(raw.len);
    memcpy(marked, raw.ptr, raw.len);
    marked[17] |= BINLOG_FLAG_IN_USE;
    cr_expect_eq(parse(&f, slice_of(marked, raw.len)), ERR_OK);
}

Test(event, a_description_without_checksums_is_not_verified)
{
    struct binlog_format f = format(true, false);
    struct binlog_event ev;
    struct slice raw = make_event(BINLOG_FORMAT_DESCRIPTION, 0, 0,
                                  fde_body("10.11.6-MariaDB-log", 171, true, 0), true);
    raw = flip(raw, raw.len - 1);
    cr_assert_eq(binlog_event_parse(&f, raw, &ev), ERR_OK);
    cr_assert_eq(binlog_format_parse(&ev, &f), ERR_OK);
    cr_expect_not(f.checksum);
    cr_expect(f.is_mariadb);
    cr_expect_eq(f.version, 101106);
}

Test(event, servers_before_checksums_have_no_field_for_them)
{
    struct binlog_format f = format(false, false);
    struct binlog_event ev;
    struct slice raw =
        make_event(BINLOG_FORMAT_DESCRIPTION, 0, 0, fde_body("5.5.27-log", 27, false, 0), false);
    cr_assert_eq(binlog_event_parse(&f, raw, &ev), ERR_OK);
    cr_assert_eq(binlog_format_parse(&ev, &f), ERR_OK);
    cr_expect_eq(f.type_count, 27);
    cr_expect_not(f.checksum);
}

Test(event, descriptions_that_cannot_be_are_refused)
{
    struct binlog_format f = format(false, false);
    struct binlog_event ev = event_of(BINLOG_FORMAT_DESCRIPTION, fde_body("8.0.31", 41, true, 2));
    cr_expect_eq(binlog_format_parse(&ev, &f), ERR_MALFORMED);
    ev.body = fde_body("8.0.31", 0, false, 0);
    cr_expect_eq(binlog_format_parse(&ev, &f), ERR_TRUNCATED);
    uint8_t *old = keep(100);
    memset(old, 0, 100);
    old[0] = 3;
    ev.body = slice_of(old, 100);
    cr_expect_eq(binlog_format_parse(&ev, &f), ERR_UNSUPPORTED);
    old[0] = 4;
    cr_expect_eq(binlog_format_parse(&ev, &f), ERR_MALFORMED, "header length 0");
    for (size_t n = 0; n < 57; n++) {
        ev.body = slice_of(old, n);
        cr_expect_eq(binlog_format_parse(&ev, &f), ERR_TRUNCATED);
    }
    cr_expect_not(f.known, "unchanged by failures");
}

Test(event, the_offset_passes_four_gigabytes)
{
    struct binlog_header h = {.type = BINLOG_XID, .length = 31, .log_pos = 200};
    cr_expect_eq(binlog_offset_after(100, &h), 200);
    cr_expect_eq(binlog_offset_after(UINT64_C(0x1FFFFFFF0), &h), UINT64_C(0x2000000C8));
    h.log_pos = 0;
    cr_expect_eq(binlog_offset_after(100, &h), 131, "no position of its own: its length counts");
    h.flags = BINLOG_FLAG_ARTIFICIAL;
    cr_expect_eq(binlog_offset_after(100, &h), 100);
    h = (struct binlog_header){.type = BINLOG_HEARTBEAT, .length = 40, .log_pos = 500};
    cr_expect_eq(binlog_offset_after(100, &h), 100);
    h = (struct binlog_header){.type = BINLOG_FORMAT_DESCRIPTION, .length = 120};
    cr_expect_eq(binlog_offset_after(100, &h), 100);
}

Test(event, every_type_in_the_table_has_its_name)
{
    cr_expect_str_eq(binlog_type_name(BINLOG_MARIA_GTID), "MARIA_GTID");
    cr_expect_str_eq(binlog_type_name(0), "UNKNOWN");
    cr_expect_null(binlog_type_name(100));
    cr_expect_null(binlog_type_name(255));
}

Test(event, only_what_changes_no_rows_may_be_passed_over)
{
    static const uint8_t harmless[] = {3,  4,  5,  9,  11, 13, 14,  15,  17,  27, 28,
                                       29, 35, 36, 37, 41, 43, 160, 161, 163, 164};
    unsigned count = 0;
    for (unsigned type = 0; type < 256; type++) {
        struct binlog_header h = {.type = (uint8_t)type};
        bool listed = memchr(harmless, (int)type, sizeof harmless) != NULL;
        cr_expect_eq(binlog_may_pass(&h), listed, "type %u", type);
        count += listed;
        h.flags = BINLOG_FLAG_IGNORABLE;
        cr_expect(binlog_may_pass(&h));
    }
    cr_expect_eq(count, sizeof harmless);
}
