#include "mysqlproto/binlog/query.h"

#include "binlog_build.h"

static struct binlog_format format(void)
{
    struct binlog_format f;
    binlog_format_init(&f, false);
    return f;
}

/* thread 5, 2 seconds, database "db", error 1062 */
static struct slice query_body(struct slice vars, const char *sql)
{
    struct writer *w = new_writer();
    writer_slice_put(w, hex("05000000 02000000 02 2604"));
    writer_u16(w, (uint16_t)vars.len);
    writer_slice_put(w, vars);
    writer_lit(w, "db\0");
    writer_put(w, sql, strlen(sql));
    return writer_slice(w);
}

static enum err parse(struct slice body, struct binlog_query *q)
{
    struct binlog_format f = format();
    struct binlog_event ev = event_of(BINLOG_QUERY, body);
    return binlog_query_parse(&f, &ev, q);
}

Test(query, a_statement_and_its_surroundings)
{
    struct binlog_query q;
    struct slice vars = hex("00 00400000 01 0400000000000000 06 03 737464 04 2100 0800 2d00");
    struct slice body = query_body(vars, "BEGIN");
    cr_assert_eq(parse(body, &q), ERR_OK);
    cr_expect_eq(q.thread_id, 5);
    cr_expect_eq(q.exec_seconds, 2);
    cr_expect_eq(q.error_code, 1062);
    EXPECT_SLICE(q.db, "db");
    EXPECT_SLICE(q.sql, "BEGIN");
    EXPECT_SLICE(q.catalog, "std");
    cr_expect_eq(q.flags2, 0x4000);
    cr_expect(q.sql_mode & BINLOG_SQL_MODE_ANSI_QUOTES);
    cr_expect_eq(q.client_collation, 33);
    cr_expect_eq(q.connection_collation, 8);
    cr_expect_eq(q.server_collation, 45);
    cr_expect_eq(q.has, BINLOG_Q_FLAGS2 | BINLOG_Q_SQL_MODE | BINLOG_Q_CHARSET);
    cr_expect(slice_eq(q.vars, vars));
    struct slice without_sql = slice_of(body.ptr, body.len - 5);
    REFUSES_ALL_CUTS(without_sql, parse(cut, &q));
}

Test(query, every_known_variable_is_passed_over_by_its_size)
{
    static const char *const vars[] = {"02 03 737464 00",
                                       "03 0200 0100",
                                       "05 06 53595354454d",
                                       "07 0100",
                                       "08 2100",
                                       "09 0100000000000000",
                                       "0a 01000000",
                                       "0b 01 75 02 6868",
                                       "0c 02 6100 626200",
                                       "0c fe",
                                       "0d 400d03",
                                       "10 01",
                                       "11 0900000000000000",
                                       "12 ff00",
                                       "13 01",
                                       "14 00",
                                       "15 01",
                                       "80 400d03",
                                       "81 0900000000000000",
                                       "82 02",
                                       "82 04 2300000000000000",
                                       "83 02 2d00 0100 2100 0200"};
    for (unsigned i = 0; i < sizeof vars / sizeof *vars; i++) {
        struct binlog_query q;
        struct writer *w = new_writer();
        writer_slice_put(w, hex(vars[i]));
        size_t size = w->len;
        writer_slice_put(w,
                         hex("00 01000000")); /* is found only if the one before was sized right */
        cr_assert_eq(parse(query_body(writer_slice(w), "x"), &q), ERR_OK, "%s", vars[i]);
        cr_expect_eq(q.flags2, 1, "%s", vars[i]);
        for (size_t n = 1; n < size; n++)
            cr_expect_neq(parse(query_body(slice_of(w->base, n), "x"), &q), ERR_OK, "%s, %zu",
                          vars[i], n);
    }
}

Test(query, values_of_variables)
{
    struct binlog_query q;
    cr_assert_eq(
        parse(query_body(hex("0c 02 6100 626200 0d 400d03 82 04 2300000000000000"), ""), &q),
        ERR_OK);
    cr_expect_eq(q.updated_db_count, 2);
    cr_expect_eq(q.updated_dbs.len, 5);
    cr_expect_eq(q.microseconds, 200000);
    cr_expect_eq(q.gtid_flags3, 4);
    cr_expect_eq(q.alter_sequence, 35);
    cr_expect_eq(q.sql.len, 0);
}

Test(query, an_unknown_variable_ends_the_variables_only)
{
    struct binlog_query q;
    cr_assert_eq(parse(query_body(hex("00 01000000 7f 1234 00 02000000"), "COMMIT"), &q), ERR_OK);
    cr_expect_eq(q.flags2, 1);
    cr_expect(q.has & BINLOG_Q_UNKNOWN);
    EXPECT_SLICE(q.sql, "COMMIT");
}

Test(query, a_longer_post_header_of_a_later_server_is_passed_over)
{
    struct binlog_format f = format();
    f.post_header_len[BINLOG_QUERY] = 15;
    struct binlog_query q;
    struct binlog_event ev =
        event_of(BINLOG_QUERY, hex("05000000 02000000 00 0000 0000 aabb 00 585a"));
    cr_assert_eq(binlog_query_parse(&f, &ev, &q), ERR_OK);
    EXPECT_SLICE(q.sql, "XZ");
}

Test(query, load_data_carries_where_the_file_name_stands)
{
    struct binlog_format f = format();
    struct binlog_query q;
    struct binlog_event ev =
        event_of(BINLOG_EXECUTE_LOAD_QUERY,
                 hex("05000000 02000000 00 0000 0000 02000000 09000000 2b000000 01 00 4c4f4144"));
    cr_assert_eq(binlog_query_parse(&f, &ev, &q), ERR_OK);
    cr_expect_eq(q.file_id, 2);
    cr_expect_eq(q.file_name_start, 9);
    cr_expect_eq(q.file_name_end, 43);
    cr_expect_eq(q.duplicates, 1);
    EXPECT_SLICE(q.sql, "LOAD");
}

Test(query, a_compressed_statement_says_so)
{
    struct binlog_format f = format();
    struct binlog_query q;
    struct binlog_event ev = event_of(BINLOG_QUERY_COMPRESSED, query_body(hex(""), "\x81\x05xyz"));
    cr_assert_eq(binlog_query_parse(&f, &ev, &q), ERR_OK);
    cr_expect(q.compressed);
    cr_expect_eq(q.sql.len, 5);
}
