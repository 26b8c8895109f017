#include "mysqlproto/binlog/txn.h"

#include "base/reader.h"
#include "mysqlproto/binlog/control.h"

/* One cell of the table: what the event means in the state, and the state after it. */
struct step {
    uint8_t action; /* enum binlog_txn_action, or REFUSED */
    uint8_t next;   /* enum binlog_txn_state */
};

#define REFUSED 0xFF

/* clang-format off */
#define OUT  BINLOG_TXN_OUTSIDE
#define GTID BINLOG_TXN_GTID
#define SNGL BINLOG_TXN_SINGLE
#define OPEN BINLOG_TXN_OPEN
#define A(name, next) {BINLOG_TXN_##name, next}
#define NO {REFUSED, 0}

/*
 * Notes:
 *  - A GTID whose group turns out to be empty (another GTID follows) is legal:
 *    nothing was opened yet.
 *  - Rows right after a GTID, without BEGIN, open the group: MariaDB leaves
 *    BEGIN out, and so may others.
 *  - In a SINGLE group rows may come, too (a table that no transaction
 *    protects): it then ends like any other.
 *  - XA COMMIT and XA ROLLBACK inside an open group are the one-phase forms,
 *    which end it.
 */
static const struct step table[BINLOG_TXN_EV_COUNT][BINLOG_TXN_STATE_COUNT] = {
    /*                                  outside               after a GTID          single                open */
    [BINLOG_TXN_EV_OTHER]           = {A(IGNORE, OUT),       A(IGNORE, GTID),      A(IGNORE, SNGL),      A(IGNORE, OPEN)},
    [BINLOG_TXN_EV_GTID]            = {A(BEGIN, GTID),       A(BEGIN, GTID),       A(BEGIN, GTID),       NO},
    [BINLOG_TXN_EV_MARIA_GTID]      = {A(BEGIN, OPEN),       A(BEGIN, OPEN),       A(BEGIN, OPEN),       NO},
    [BINLOG_TXN_EV_MARIA_GTID_SINGLE]={A(BEGIN, SNGL),       A(BEGIN, SNGL),       A(BEGIN, SNGL),       NO},
    [BINLOG_TXN_EV_TABLE_MAP]       = {NO,                   A(ROWS, OPEN),        A(ROWS, OPEN),        A(ROWS, OPEN)},
    [BINLOG_TXN_EV_ROWS]            = {NO,                   A(ROWS, OPEN),        A(ROWS, OPEN),        A(ROWS, OPEN)},
    [BINLOG_TXN_EV_XID]             = {A(IGNORE, OUT),       A(COMMIT, OUT),       A(COMMIT, OUT),       A(COMMIT, OUT)},
    [BINLOG_TXN_EV_XA_PREPARE]      = {A(IGNORE, OUT),       A(XA_PARK, OUT),      A(XA_PARK, OUT),      A(XA_PARK, OUT)},
    [BINLOG_TXN_EV_XA_ONE_PHASE]    = {A(IGNORE, OUT),       A(COMMIT, OUT),       A(COMMIT, OUT),       A(COMMIT, OUT)},
    [BINLOG_TXN_EV_FILE]            = {A(IGNORE, OUT),       A(CUT, OUT),          A(CUT, OUT),          A(CUT, OUT)},
    [BINLOG_TXN_EV_INCIDENT]        = {A(LOST, OUT),         A(LOST, OUT),         A(LOST, OUT),         A(LOST, OUT)},
    [BINLOG_TXN_EV_LOAD]            = {A(STATEMENT, OUT),    A(STATEMENT, OUT),    A(STATEMENT, OUT),    A(STATEMENT, OPEN)},
    [BINLOG_TXN_EV_BEGIN]           = {A(BEGIN, OPEN),       A(IGNORE, OPEN),      A(IGNORE, OPEN),      A(IGNORE, OPEN)},
    [BINLOG_TXN_EV_COMMIT]          = {A(IGNORE, OUT),       A(COMMIT, OUT),       A(COMMIT, OUT),       A(COMMIT, OUT)},
    [BINLOG_TXN_EV_ROLLBACK]        = {A(IGNORE, OUT),       A(ROLLBACK, OUT),     A(ROLLBACK, OUT),     A(ROLLBACK, OUT)},
    [BINLOG_TXN_EV_SAVEPOINT]       = {A(IGNORE, OUT),       A(IGNORE, GTID),      A(IGNORE, SNGL),      A(SAVEPOINT, OPEN)},
    [BINLOG_TXN_EV_ROLLBACK_TO]     = {A(IGNORE, OUT),       A(IGNORE, GTID),      A(IGNORE, SNGL),      A(ROLLBACK_TO, OPEN)},
    [BINLOG_TXN_EV_RELEASE]         = {A(IGNORE, OUT),       A(IGNORE, GTID),      A(IGNORE, SNGL),      A(IGNORE, OPEN)},
    [BINLOG_TXN_EV_XA_START]        = {A(BEGIN, OPEN),       A(IGNORE, OPEN),      A(IGNORE, OPEN),      A(IGNORE, OPEN)},
    [BINLOG_TXN_EV_XA_END]          = {A(IGNORE, OUT),       A(IGNORE, GTID),      A(IGNORE, SNGL),      A(IGNORE, OPEN)},
    [BINLOG_TXN_EV_XA_COMMIT]       = {A(XA_COMMIT, OUT),    A(XA_COMMIT, OUT),    A(XA_COMMIT, OUT),    A(COMMIT, OUT)},
    [BINLOG_TXN_EV_XA_ROLLBACK]     = {A(XA_ROLLBACK, OUT),  A(XA_ROLLBACK, OUT),  A(XA_ROLLBACK, OUT),  A(ROLLBACK, OUT)},
    [BINLOG_TXN_EV_DUMMY]           = {A(IGNORE, OUT),       A(IGNORE, GTID),      A(COMMIT, OUT),       A(IGNORE, OPEN)},
    [BINLOG_TXN_EV_STATEMENT]       = {A(STATEMENT, OUT),    A(STATEMENT, OUT),    A(STATEMENT, OUT),    A(STATEMENT, OPEN)},
    [BINLOG_TXN_EV_DDL]             = {A(DDL, OUT),          A(DDL, OUT),          A(DDL, OUT),          A(DDL, OPEN)},
    [BINLOG_TXN_EV_DDL_OPEN]        = {A(DDL, OPEN),         A(DDL, OPEN),         A(DDL, OPEN),         A(DDL, OPEN)},
};
#undef OUT
#undef GTID
#undef SNGL
#undef OPEN
#undef A
#undef NO
/* clang-format on */

enum err binlog_txn_step(struct binlog_txn *t, enum binlog_txn_event ev,
                         enum binlog_txn_action *out)
{
    struct step s = table[ev][t->state];
    if (s.action == REFUSED)
        return ERR_MALFORMED;
    t->state = (enum binlog_txn_state)s.next;
    *out = (enum binlog_txn_action)s.action;
    return ERR_OK;
}

static enum binlog_txn_event maria_gtid_event(struct slice body)
{
    bool single = body.len > 12 && (body.ptr[12] & BINLOG_MARIA_STANDALONE);
    return single ? BINLOG_TXN_EV_MARIA_GTID_SINGLE : BINLOG_TXN_EV_MARIA_GTID;
}

static bool made_up(const struct binlog_header *h)
{
    return h->log_pos == 0 || (h->flags & BINLOG_FLAG_ARTIFICIAL);
}

enum binlog_txn_event binlog_txn_event_of(const struct binlog_event *ev)
{
    uint8_t type = ev->header.type;
    switch (type) {
    case BINLOG_GTID:
    case BINLOG_ANONYMOUS_GTID:
    case BINLOG_GTID_TAGGED:
        return BINLOG_TXN_EV_GTID;
    case BINLOG_MARIA_GTID:
        return maria_gtid_event(ev->body);
    case BINLOG_TABLE_MAP:
        return BINLOG_TXN_EV_TABLE_MAP;
    case BINLOG_XID:
        return BINLOG_TXN_EV_XID;
    case BINLOG_XA_PREPARE:
        return ev->body.len > 0 && ev->body.ptr[0] != 0 ? BINLOG_TXN_EV_XA_ONE_PHASE
                                                        : BINLOG_TXN_EV_XA_PREPARE;
    case BINLOG_ROTATE:
        return made_up(&ev->header) ? BINLOG_TXN_EV_FILE : BINLOG_TXN_EV_OTHER;
    case BINLOG_FORMAT_DESCRIPTION:
    case BINLOG_STOP:
        return BINLOG_TXN_EV_FILE;
    case BINLOG_INCIDENT:
        return BINLOG_TXN_EV_INCIDENT;
    case BINLOG_EXECUTE_LOAD_QUERY:
        return BINLOG_TXN_EV_LOAD;
    case BINLOG_WRITE_ROWS_V0:
    case BINLOG_UPDATE_ROWS_V0:
    case BINLOG_DELETE_ROWS_V0:
    case BINLOG_WRITE_ROWS_V1:
    case BINLOG_UPDATE_ROWS_V1:
    case BINLOG_DELETE_ROWS_V1:
    case BINLOG_WRITE_ROWS_V2:
    case BINLOG_UPDATE_ROWS_V2:
    case BINLOG_DELETE_ROWS_V2:
    case BINLOG_PARTIAL_UPDATE_ROWS:
    case BINLOG_WRITE_ROWS_COMPRESSED_V1:
    case BINLOG_UPDATE_ROWS_COMPRESSED_V1:
    case BINLOG_DELETE_ROWS_COMPRESSED_V1:
    case BINLOG_WRITE_ROWS_COMPRESSED_V2:
    case BINLOG_UPDATE_ROWS_COMPRESSED_V2:
    case BINLOG_DELETE_ROWS_COMPRESSED_V2:
        return BINLOG_TXN_EV_ROWS;
    default:
        return BINLOG_TXN_EV_OTHER;
    }
}

const char *binlog_txn_state_name(enum binlog_txn_state s)
{
    static const char *const names[] = {"outside", "gtid", "single", "open"};
    return names[s];
}

const char *binlog_txn_action_name(enum binlog_txn_action a)
{
    static const char *const names[] = {
        "ignore",    "begin",       "rows",    "commit",    "rollback",    "ddl", "statement",
        "savepoint", "rollback-to", "xa-park", "xa-commit", "xa-rollback", "cut", "lost"};
    return names[a];
}
