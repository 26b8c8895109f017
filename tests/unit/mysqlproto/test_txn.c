#include "mysqlproto/binlog/txn.h"

#include "binlog_build.h"

#define EV(name) BINLOG_TXN_EV_##name
#define DO(name) BINLOG_TXN_##name
#define END      -1

struct move {
    int event;
    int action;
    int state;
};

/* From outside through a row of events, each with its action and the state after it. */
static void follow(const char *what, const struct move *m)
{
    struct binlog_txn t = {0};
    for (; m->event != END; m++) {
        enum binlog_txn_action a;
        cr_assert_eq(binlog_txn_step(&t, (enum binlog_txn_event)m->event, &a), ERR_OK, "%s", what);
        cr_expect_eq(a, (enum binlog_txn_action)m->action, "%s: %s", what,
                     binlog_txn_action_name(a));
        cr_expect_eq(t.state, (enum binlog_txn_state)m->state, "%s: %s", what,
                     binlog_txn_state_name(t.state));
    }
}

#define FOLLOW(what, ...) follow(what, (const struct move[]){__VA_ARGS__, {END, 0, 0}})

Test(txn, mysql_groups)
{
    FOLLOW("rows", {EV(GTID), DO(BEGIN), DO(GTID)}, {EV(BEGIN), DO(IGNORE), DO(OPEN)},
           {EV(OTHER), DO(IGNORE), DO(OPEN)}, {EV(TABLE_MAP), DO(ROWS), DO(OPEN)},
           {EV(ROWS), DO(ROWS), DO(OPEN)}, {EV(XID), DO(COMMIT), DO(OUTSIDE)});
    FOLLOW("no transactional table", {EV(GTID), DO(BEGIN), DO(GTID)},
           {EV(BEGIN), DO(IGNORE), DO(OPEN)}, {EV(ROWS), DO(ROWS), DO(OPEN)},
           {EV(COMMIT), DO(COMMIT), DO(OUTSIDE)});
    FOLLOW("DDL", {EV(GTID), DO(BEGIN), DO(GTID)}, {EV(DDL), DO(DDL), DO(OUTSIDE)});
    FOLLOW("without GTIDs", {EV(BEGIN), DO(BEGIN), DO(OPEN)}, {EV(ROWS), DO(ROWS), DO(OPEN)},
           {EV(XID), DO(COMMIT), DO(OUTSIDE)}, {EV(DDL), DO(DDL), DO(OUTSIDE)});
    FOLLOW("rolled back", {EV(GTID), DO(BEGIN), DO(GTID)}, {EV(BEGIN), DO(IGNORE), DO(OPEN)},
           {EV(SAVEPOINT), DO(SAVEPOINT), DO(OPEN)}, {EV(ROWS), DO(ROWS), DO(OPEN)},
           {EV(ROLLBACK_TO), DO(ROLLBACK_TO), DO(OPEN)}, {EV(ROLLBACK), DO(ROLLBACK), DO(OUTSIDE)});
    FOLLOW("create table select", {EV(GTID), DO(BEGIN), DO(GTID)},
           {EV(DDL_OPEN), DO(DDL), DO(OPEN)}, {EV(ROWS), DO(ROWS), DO(OPEN)},
           {EV(XID), DO(COMMIT), DO(OUTSIDE)});
    FOLLOW("an empty group, then another", {EV(GTID), DO(BEGIN), DO(GTID)},
           {EV(GTID), DO(BEGIN), DO(GTID)});
}

Test(txn, mysql_xa_groups)
{
    FOLLOW("prepare", {EV(GTID), DO(BEGIN), DO(GTID)}, {EV(XA_START), DO(IGNORE), DO(OPEN)},
           {EV(ROWS), DO(ROWS), DO(OPEN)}, {EV(XA_END), DO(IGNORE), DO(OPEN)},
           {EV(XA_PREPARE), DO(XA_PARK), DO(OUTSIDE)});
    FOLLOW("commit later", {EV(GTID), DO(BEGIN), DO(GTID)},
           {EV(XA_COMMIT), DO(XA_COMMIT), DO(OUTSIDE)});
    FOLLOW("roll back later", {EV(GTID), DO(BEGIN), DO(GTID)},
           {EV(XA_ROLLBACK), DO(XA_ROLLBACK), DO(OUTSIDE)});
    FOLLOW("one phase", {EV(GTID), DO(BEGIN), DO(GTID)}, {EV(XA_START), DO(IGNORE), DO(OPEN)},
           {EV(ROWS), DO(ROWS), DO(OPEN)}, {EV(XA_END), DO(IGNORE), DO(OPEN)},
           {EV(XA_ONE_PHASE), DO(COMMIT), DO(OUTSIDE)});
}

Test(txn, mariadb_groups)
{
    FOLLOW("rows", {EV(MARIA_GTID), DO(BEGIN), DO(OPEN)}, {EV(TABLE_MAP), DO(ROWS), DO(OPEN)},
           {EV(XID), DO(COMMIT), DO(OUTSIDE)});
    FOLLOW("DDL", {EV(MARIA_GTID_SINGLE), DO(BEGIN), DO(SINGLE)}, {EV(DDL), DO(DDL), DO(OUTSIDE)});
    FOLLOW("create table select", {EV(MARIA_GTID), DO(BEGIN), DO(OPEN)},
           {EV(DDL), DO(DDL), DO(OPEN)}, {EV(ROWS), DO(ROWS), DO(OPEN)},
           {EV(COMMIT), DO(COMMIT), DO(OUTSIDE)});
    FOLLOW("xa", {EV(MARIA_GTID), DO(BEGIN), DO(OPEN)}, {EV(XA_END), DO(IGNORE), DO(OPEN)},
           {EV(XA_PREPARE), DO(XA_PARK), DO(OUTSIDE)},
           {EV(MARIA_GTID_SINGLE), DO(BEGIN), DO(SINGLE)},
           {EV(XA_COMMIT), DO(XA_COMMIT), DO(OUTSIDE)});
    FOLLOW("a dummy for an old replica", {EV(MARIA_GTID_SINGLE), DO(BEGIN), DO(SINGLE)},
           {EV(DUMMY), DO(COMMIT), DO(OUTSIDE)});
}

Test(txn, a_new_file_cuts_an_open_group)
{
    FOLLOW("outside", {EV(FILE), DO(IGNORE), DO(OUTSIDE)});
    FOLLOW("open", {EV(GTID), DO(BEGIN), DO(GTID)}, {EV(BEGIN), DO(IGNORE), DO(OPEN)},
           {EV(ROWS), DO(ROWS), DO(OPEN)}, {EV(FILE), DO(CUT), DO(OUTSIDE)});
    FOLLOW("after a GTID", {EV(GTID), DO(BEGIN), DO(GTID)}, {EV(FILE), DO(CUT), DO(OUTSIDE)});
    FOLLOW("lost events", {EV(INCIDENT), DO(LOST), DO(OUTSIDE)});
}

Test(txn, statements_that_change_rows_are_told)
{
    FOLLOW("in a group", {EV(GTID), DO(BEGIN), DO(GTID)}, {EV(BEGIN), DO(IGNORE), DO(OPEN)},
           {EV(STATEMENT), DO(STATEMENT), DO(OPEN)}, {EV(XID), DO(COMMIT), DO(OUTSIDE)});
    FOLLOW("alone", {EV(GTID), DO(BEGIN), DO(GTID)}, {EV(STATEMENT), DO(STATEMENT), DO(OUTSIDE)});
    FOLLOW("load data", {EV(MARIA_GTID), DO(BEGIN), DO(OPEN)}, {EV(LOAD), DO(STATEMENT), DO(OPEN)});
}

Test(txn, what_cannot_come_is_refused_and_changes_nothing)
{
    struct binlog_txn t = {0};
    enum binlog_txn_action a;
    cr_expect_eq(binlog_txn_step(&t, EV(ROWS), &a), ERR_MALFORMED);
    cr_expect_eq(binlog_txn_step(&t, EV(TABLE_MAP), &a), ERR_MALFORMED);
    cr_expect_eq(t.state, DO(OUTSIDE));
    t.state = BINLOG_TXN_OPEN;
    cr_expect_eq(binlog_txn_step(&t, EV(GTID), &a), ERR_MALFORMED);
    cr_expect_eq(binlog_txn_step(&t, EV(MARIA_GTID), &a), ERR_MALFORMED);
    cr_expect_eq(binlog_txn_step(&t, EV(MARIA_GTID_SINGLE), &a), ERR_MALFORMED);
    cr_expect_eq(t.state, DO(OPEN));
}

Test(txn, every_state_knows_every_event)
{
    for (int s = 0; s < BINLOG_TXN_STATE_COUNT; s++)
        for (int e = 0; e < BINLOG_TXN_EV_COUNT; e++) {
            struct binlog_txn t = {(enum binlog_txn_state)s};
            enum binlog_txn_action a = BINLOG_TXN_IGNORE;
            enum err err = binlog_txn_step(&t, (enum binlog_txn_event)e, &a);
            cr_expect(err == ERR_OK || err == ERR_MALFORMED);
            cr_expect(t.state < BINLOG_TXN_STATE_COUNT);
            cr_expect_not_null(binlog_txn_action_name(a));
            if (e == EV(OTHER)) {
                cr_expect_eq(a, BINLOG_TXN_IGNORE);
                cr_expect_eq(t.state, (enum binlog_txn_state)s);
            }
        }
}

Test(txn, events_are_sorted_by_type_and_what_is_in_them)
{
    struct binlog_event ev = event_of(BINLOG_GTID_TAGGED, hex(""));
    cr_expect_eq(binlog_txn_event_of(&ev), EV(GTID));
    ev = event_of(BINLOG_MARIA_GTID, hex("0500000000000000 03000000 29"));
    cr_expect_eq(binlog_txn_event_of(&ev), EV(MARIA_GTID_SINGLE));
    ev.body = hex("0500000000000000 03000000 0c");
    cr_expect_eq(binlog_txn_event_of(&ev), EV(MARIA_GTID));
    ev = event_of(BINLOG_XA_PREPARE, hex("00"));
    cr_expect_eq(binlog_txn_event_of(&ev), EV(XA_PREPARE));
    ev.body = hex("01");
    cr_expect_eq(binlog_txn_event_of(&ev), EV(XA_ONE_PHASE));
    ev = event_of(BINLOG_ROTATE, hex(""));
    cr_expect_eq(binlog_txn_event_of(&ev), EV(FILE), "made up");
    ev.header.log_pos = 1000;
    cr_expect_eq(binlog_txn_event_of(&ev), EV(OTHER),
                 "the one at a file's end comes after commits");
    static const uint8_t rows[] = {20, 22, 23, 25, 30, 32, 39, 166, 171};
    for (unsigned i = 0; i < sizeof rows; i++) {
        ev = event_of(rows[i], hex(""));
        cr_expect_eq(binlog_txn_event_of(&ev), EV(ROWS), "type %u", rows[i]);
    }
    static const uint8_t other[] = {0,  5,  13, 14,  17,  27,  28,  29,  35, 36,
                                    37, 41, 43, 100, 160, 161, 163, 164, 255};
    for (unsigned i = 0; i < sizeof other; i++) {
        ev = event_of(other[i], hex(""));
        cr_expect_eq(binlog_txn_event_of(&ev), EV(OTHER), "type %u", other[i]);
    }
}
