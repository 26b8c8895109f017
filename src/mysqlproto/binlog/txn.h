/*
 * Where transactions begin and end in the stream. Knows nothing of rows.
 *
 * The caller turns each event into a binlog_txn_event, with
 * binlog_txn_event_of(), or with binlog_verb_of() for the text of a QUERY, and
 * steps the machine: the answer says what the event means. The machine is one
 * table of states and events, in txn.c.
 *
 * A group is what one GTID stands for, or BEGIN to COMMIT where there is none.
 * Inside a TRANSACTION_PAYLOAD the inner events are stepped; the event itself
 * is not.
 */
#pragma once

#include "mysqlproto/binlog/event.h"
#include "mysqlproto/binlog/xid.h"

enum binlog_txn_state {
    BINLOG_TXN_OUTSIDE, /* between groups: a position may be kept */
    BINLOG_TXN_GTID,    /* a GTID, and nothing of its group yet */
    BINLOG_TXN_SINGLE,  /* a MariaDB GTID whose group is the next statement alone */
    BINLOG_TXN_OPEN,    /* in a group: waits for its end */
    BINLOG_TXN_STATE_COUNT
};

enum binlog_txn_event {
    BINLOG_TXN_EV_OTHER,             /* has no say: checkpoints, heartbeats, annotations, ... */
    BINLOG_TXN_EV_GTID,              /* GTID, ANONYMOUS_GTID, GTID_TAGGED */
    BINLOG_TXN_EV_MARIA_GTID,        /* MARIA_GTID without STANDALONE */
    BINLOG_TXN_EV_MARIA_GTID_SINGLE, /* with it */
    BINLOG_TXN_EV_TABLE_MAP,
    BINLOG_TXN_EV_ROWS,
    BINLOG_TXN_EV_XID,
    BINLOG_TXN_EV_XA_PREPARE,
    BINLOG_TXN_EV_XA_ONE_PHASE, /* XA_PREPARE that commits */
    BINLOG_TXN_EV_FILE,         /* made-up ROTATE, FORMAT_DESCRIPTION, STOP */
    BINLOG_TXN_EV_INCIDENT,
    BINLOG_TXN_EV_LOAD, /* EXECUTE_LOAD_QUERY */
    /* QUERY, by verb: */
    BINLOG_TXN_EV_BEGIN,
    BINLOG_TXN_EV_COMMIT,
    BINLOG_TXN_EV_ROLLBACK,
    BINLOG_TXN_EV_SAVEPOINT,
    BINLOG_TXN_EV_ROLLBACK_TO,
    BINLOG_TXN_EV_RELEASE,
    BINLOG_TXN_EV_XA_START,
    BINLOG_TXN_EV_XA_END,
    BINLOG_TXN_EV_XA_COMMIT,
    BINLOG_TXN_EV_XA_ROLLBACK,
    BINLOG_TXN_EV_DUMMY,     /* stands for an event that an old replica would not know */
    BINLOG_TXN_EV_STATEMENT, /* INSERT, UPDATE, DELETE, REPLACE, LOAD, WITH: rows without rows
                                events */
    BINLOG_TXN_EV_DDL,       /* everything else */
    BINLOG_TXN_EV_DDL_OPEN,  /* CREATE TABLE ... START TRANSACTION: takes effect at the commit */
    BINLOG_TXN_EV_COUNT
};

enum binlog_txn_action {
    BINLOG_TXN_IGNORE,
    BINLOG_TXN_BEGIN,     /* a group opens here (a GTID event, or BEGIN where there are none) */
    BINLOG_TXN_ROWS,      /* rows, or the map of a table, of the open group */
    BINLOG_TXN_COMMIT,    /* the group ends and counts */
    BINLOG_TXN_ROLLBACK,  /* the group ends and does not count */
    BINLOG_TXN_DDL,       /* ends its group unless the state says OPEN afterwards */
    BINLOG_TXN_STATEMENT, /* a change of rows that is logged as a statement; as DDL */
    BINLOG_TXN_SAVEPOINT,
    BINLOG_TXN_ROLLBACK_TO, /* rows since that savepoint do not count */
    BINLOG_TXN_XA_PARK,     /* the group ends; it counts when its xid commits */
    BINLOG_TXN_XA_COMMIT,   /* the parked group of that xid counts; a group of its own */
    BINLOG_TXN_XA_ROLLBACK, /* the parked group of that xid is void; a group of its own */
    BINLOG_TXN_CUT,         /* the server died in the open group, which does not count */
    BINLOG_TXN_LOST,        /* INCIDENT: the server lost events; nothing can go on */
};

struct binlog_txn {
    enum binlog_txn_state state; /* all zero: BINLOG_TXN_OUTSIDE */
};

/*
 * ERR_MALFORMED: the event cannot come here (rows outside a group, a GTID in
 * an open one); the state is unchanged.
 */
NODISCARD enum err binlog_txn_step(struct binlog_txn *t, enum binlog_txn_event ev,
                                   enum binlog_txn_action *out);

/* For every type but QUERY and QUERY_COMPRESSED (those: binlog_verb_of()). */
enum binlog_txn_event binlog_txn_event_of(const struct binlog_event *ev);

/* What a statement names besides its verb. */
struct binlog_verb {
    struct slice name;     /* SAVEPOINT, ROLLBACK_TO: quotes removed, but not undoubled */
    struct binlog_xid xid; /* XA_*; all zero with gtrid_len 0 when it could not be read */
    bool one_phase;        /* XA COMMIT ... ONE PHASE */
};

/*
 * The event that a QUERY's text stands for. Leading white space and comments
 * are passed over, executable comments and SET STATEMENT ... FOR are looked
 * into. sql: in any client character set (all agree on ASCII).
 */
enum binlog_txn_event binlog_verb_of(struct slice sql, struct binlog_verb *out);

const char *binlog_txn_state_name(enum binlog_txn_state s);
const char *binlog_txn_action_name(enum binlog_txn_action a);
