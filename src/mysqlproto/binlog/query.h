/*
 * QUERY, QUERY_COMPRESSED and EXECUTE_LOAD_QUERY: statements in the stream.
 *
 * Layout: libs/mysql/binlog/event/statement_events.h (MySQL source docs):
 * post-header, status variables (a code and a value each, without lengths),
 * database and NUL, SQL to the end. A status variable of an unknown code ends
 * the variables; the rest of the event is still found.
 *
 * Slices point into the event. The SQL of a compressed event has to be
 * expanded by the caller: inflate.h.
 */
#pragma once

#include "mysqlproto/binlog/event.h"

enum binlog_query_has {
    BINLOG_Q_FLAGS2 = 1 << 0,
    BINLOG_Q_SQL_MODE = 1 << 1,
    BINLOG_Q_AUTO_INCREMENT = 1 << 2,
    BINLOG_Q_CHARSET = 1 << 3,
    BINLOG_Q_MICROSECONDS = 1 << 4,
    BINLOG_Q_XID = 1 << 5, /* MySQL 17 and MariaDB 129 */
    BINLOG_Q_DEFAULT_COLLATION = 1 << 6,
    BINLOG_Q_UPDATED_DBS = 1 << 7,
    BINLOG_Q_GTID_FLAGS3 = 1 << 8, /* MariaDB: two-phase ALTER */
    BINLOG_Q_UNKNOWN = 1 << 9,     /* a code that ended the variables */
};

#define BINLOG_SQL_MODE_ANSI_QUOTES          0x4u
#define BINLOG_SQL_MODE_NO_BACKSLASH_ESCAPES 0x100000u
#define BINLOG_UPDATED_DBS_TOO_MANY          254u

struct binlog_query {
    uint32_t thread_id;
    uint32_t exec_seconds;
    uint16_t error_code; /* the statement failed half way with this error */
    bool compressed;     /* sql is a compressed record */
    struct slice db;     /* the current database */
    struct slice sql;    /* in the character set client_collation belongs to */
    struct slice vars;   /* all status variables, raw */

    uint32_t has; /* BINLOG_Q_*: which of the following were sent */
    uint32_t flags2;
    uint64_t sql_mode;
    uint16_t auto_increment;
    uint16_t auto_increment_offset;
    uint16_t client_collation;
    uint16_t connection_collation;
    uint16_t server_collation;
    uint16_t default_collation; /* of utf8mb4 */
    uint32_t microseconds;      /* to be added to the header's timestamp */
    uint64_t xid;
    struct slice catalog;
    struct slice time_zone;
    uint8_t updated_db_count; /* or BINLOG_UPDATED_DBS_TOO_MANY */
    struct slice updated_dbs; /* names, each with a NUL */
    uint8_t gtid_flags3;
    uint64_t alter_sequence; /* with gtid_flags3 & 12 */

    /* EXECUTE_LOAD_QUERY only: */
    uint32_t file_id;
    uint32_t file_name_start; /* where the file name begins and ends in sql */
    uint32_t file_name_end;
    uint8_t duplicates;
};

NODISCARD enum err binlog_query_parse(const struct binlog_format *f, const struct binlog_event *ev,
                                      struct binlog_query *out);
