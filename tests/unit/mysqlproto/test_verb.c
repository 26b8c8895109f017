#include "mysqlproto/binlog/txn.h"

#include "binlog_build.h"

#define EV(name) BINLOG_TXN_EV_##name

static enum binlog_txn_event verb(const char *sql)
{
    struct binlog_verb v;
    return binlog_verb_of(slice_str(sql), &v);
}

Test(verb, statements_are_known_by_their_first_words)
{
    static const struct {
        const char *sql;
        enum binlog_txn_event event;
    } cases[] = {
        {"BEGIN", EV(BEGIN)},
        {"begin", EV(BEGIN)},
        {"START TRANSACTION", EV(BEGIN)},
        {"COMMIT", EV(COMMIT)},
        {"COMMIT /* implicit, from Xid_log_event */", EV(COMMIT)},
        {"ROLLBACK", EV(ROLLBACK)},
        {"ROLLBACK WORK", EV(ROLLBACK)},
        {"SAVEPOINT `a`", EV(SAVEPOINT)},
        {"ROLLBACK TO `a`", EV(ROLLBACK_TO)},
        {"ROLLBACK WORK TO SAVEPOINT a", EV(ROLLBACK_TO)},
        {"RELEASE SAVEPOINT a", EV(RELEASE)},
        {"XA START X'61',X'',1", EV(XA_START)},
        {"XA END X'61',X'',1", EV(XA_END)},
        {"XA PREPARE X'61',X'',1", EV(XA_END)},
        {"XA COMMIT X'61',X'',1", EV(XA_COMMIT)},
        {"XA ROLLBACK X'61',X'',1", EV(XA_ROLLBACK)},
        {"XA RECOVER", EV(DDL)},
        {"# Dummy event replacing event type 160 that slave cannot handle.", EV(DUMMY)},
        {"INSERT INTO t VALUES (1)", EV(STATEMENT)},
        {"insert\tinto t select 1", EV(STATEMENT)},
        {"UPDATE t SET a=1", EV(STATEMENT)},
        {"DELETE FROM t", EV(STATEMENT)},
        {"REPLACE t VALUES (1)", EV(STATEMENT)},
        {"LOAD DATA INFILE 'x' INTO TABLE t", EV(STATEMENT)},
        {"WITH c AS (SELECT 1) DELETE FROM t", EV(STATEMENT)},
        {"/* a */ -- b\n # c\n  INSERT t VALUES (1)", EV(STATEMENT)},
        {"/*!40000 INSERT */ t VALUES (1)", EV(STATEMENT)},
        {"/*!50503 */ DELETE FROM t", EV(STATEMENT)},
        {"/*M!100100 UPDATE */ t SET a=1", EV(STATEMENT)},
        {"SET STATEMENT a='FOR', b=1 FOR INSERT INTO t VALUES (1)", EV(STATEMENT)},
        {"SET STATEMENT max_statement_time=1 FOR ALTER TABLE t ADD b INT", EV(DDL)},
        {"SET PASSWORD FOR u = 'x'", EV(DDL)},
        {"CREATE TABLE t (a INT)", EV(DDL)},
        {"CREATE TABLE `t` (\n  `a` int\n) START TRANSACTION", EV(DDL_OPEN)},
        {"CREATE TABLE t (a INT COMMENT 'START TRANSACTION')", EV(DDL)},
        {"ALTER TABLE t COMMENT 'x START TRANSACTION", EV(DDL)},
        {"INSERTS t", EV(DDL)},
        {"BEGINNING", EV(DDL)},
        {"TRUNCATE t", EV(DDL)},
        {"", EV(DDL)},
        {"   ", EV(DDL)},
        {"/* not closed", EV(DDL)},
        {"/*!", EV(DDL)},
        {"#", EV(DDL)},
        {"SET STATEMENT", EV(DDL)},
        {"SET STATEMENT a='", EV(DDL)},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(verb(cases[i].sql), cases[i].event, "%s", cases[i].sql);
}

Test(verb, savepoints_have_names)
{
    struct binlog_verb v;
    cr_assert_eq(binlog_verb_of(SLICE_LIT("SAVEPOINT `my sp`"), &v), EV(SAVEPOINT));
    EXPECT_SLICE(v.name, "my sp");
    cr_assert_eq(binlog_verb_of(SLICE_LIT("ROLLBACK TO `a``b`"), &v), EV(ROLLBACK_TO));
    EXPECT_SLICE(v.name, "a``b");
    cr_assert_eq(binlog_verb_of(SLICE_LIT("rollback to savepoint x1 "), &v), EV(ROLLBACK_TO));
    EXPECT_SLICE(v.name, "x1");
    cr_assert_eq(binlog_verb_of(SLICE_LIT("SAVEPOINT `open"), &v), EV(SAVEPOINT));
    EXPECT_SLICE(v.name, "open");
}

Test(verb, xids_are_read_in_all_their_forms)
{
    struct binlog_verb v;
    binlog_verb_of(SLICE_LIT("XA START X'786131',X'6271',7"), &v);
    cr_expect_eq(v.xid.format_id, 7);
    EXPECT_SLICE(slice_of(v.xid.data, v.xid.gtrid_len), "xa1");
    EXPECT_SLICE(slice_of(v.xid.data + v.xid.gtrid_len, v.xid.bqual_len), "bq");
    binlog_verb_of(SLICE_LIT("XA COMMIT X'61',X'',1 ONE PHASE"), &v);
    cr_expect(v.one_phase);
    cr_expect_eq(v.xid.bqual_len, 0);
    binlog_verb_of(SLICE_LIT("XA ROLLBACK 'ab' , 'c'"), &v);
    cr_expect_not(v.one_phase);
    cr_expect_eq(v.xid.format_id, 1);
    EXPECT_SLICE(slice_of(v.xid.data, 3), "abc");
}

Test(verb, what_is_no_xid_leaves_it_empty)
{
    static const char *const bad[] = {
        "XA COMMIT",
        "XA COMMIT x",
        "XA COMMIT X'6",
        "XA COMMIT X'6'",
        "XA COMMIT X'zz'",
        "XA COMMIT 'a',",
        "XA COMMIT 'a','b',",
        "XA COMMIT 'a','b',x",
        "XA COMMIT 'a','b',4294967296",
        "XA COMMIT 'a",
        "XA COMMIT 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'"};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct binlog_verb v;
        cr_expect_eq(binlog_verb_of(slice_str(bad[i]), &v), EV(XA_COMMIT));
        cr_expect_eq(v.xid.gtrid_len, 0, "%s", bad[i]);
    }
    struct binlog_verb v;
    char longest[100] = "XA COMMIT '";
    memset(longest + 11, 'a', 64);
    strcpy(longest + 75, "'");
    binlog_verb_of(slice_str(longest), &v);
    cr_expect_eq(v.xid.gtrid_len, 64);
}
