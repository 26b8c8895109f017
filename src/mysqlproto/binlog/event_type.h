/*
 * Type codes of binlog events.
 *
 * MySQL: libs/mysql/binlog/event/binlog_event.h (enum Log_event_type).
 * MariaDB, from 160 on: sql/log_event.h (enum Log_event_type).
 */
#pragma once

#include <stdint.h>

/* clang-format off */
#define BINLOG_TYPE_TABLE(X)            \
    X(UNKNOWN, 0)                       \
    X(START_V3, 1)                      \
    X(QUERY, 2)                         \
    X(STOP, 3)                          \
    X(ROTATE, 4)                        \
    X(INTVAR, 5)                        \
    X(LOAD, 6)                          \
    X(SLAVE, 7)                         \
    X(CREATE_FILE, 8)                   \
    X(APPEND_BLOCK, 9)                  \
    X(EXEC_LOAD, 10)                    \
    X(DELETE_FILE, 11)                  \
    X(NEW_LOAD, 12)                     \
    X(RAND, 13)                         \
    X(USER_VAR, 14)                     \
    X(FORMAT_DESCRIPTION, 15)           \
    X(XID, 16)                          \
    X(BEGIN_LOAD_QUERY, 17)             \
    X(EXECUTE_LOAD_QUERY, 18)           \
    X(TABLE_MAP, 19)                    \
    X(WRITE_ROWS_V0, 20)                \
    X(UPDATE_ROWS_V0, 21)               \
    X(DELETE_ROWS_V0, 22)               \
    X(WRITE_ROWS_V1, 23)                \
    X(UPDATE_ROWS_V1, 24)               \
    X(DELETE_ROWS_V1, 25)               \
    X(INCIDENT, 26)                     \
    X(HEARTBEAT, 27)                    \
    X(IGNORABLE, 28)                    \
    X(ROWS_QUERY, 29)                   \
    X(WRITE_ROWS_V2, 30)                \
    X(UPDATE_ROWS_V2, 31)               \
    X(DELETE_ROWS_V2, 32)               \
    X(GTID, 33)                         \
    X(ANONYMOUS_GTID, 34)               \
    X(PREVIOUS_GTIDS, 35)               \
    X(TRANSACTION_CONTEXT, 36)          \
    X(VIEW_CHANGE, 37)                  \
    X(XA_PREPARE, 38)                   \
    X(PARTIAL_UPDATE_ROWS, 39)          \
    X(TRANSACTION_PAYLOAD, 40)          \
    X(HEARTBEAT_V2, 41)                 \
    X(GTID_TAGGED, 42)                  \
    X(LARGE_TRANSACTION_HEADER, 43)     \
    X(ANNOTATE_ROWS, 160)               \
    X(BINLOG_CHECKPOINT, 161)           \
    X(MARIA_GTID, 162)                  \
    X(MARIA_GTID_LIST, 163)             \
    X(START_ENCRYPTION, 164)            \
    X(QUERY_COMPRESSED, 165)            \
    X(WRITE_ROWS_COMPRESSED_V1, 166)    \
    X(UPDATE_ROWS_COMPRESSED_V1, 167)   \
    X(DELETE_ROWS_COMPRESSED_V1, 168)   \
    X(WRITE_ROWS_COMPRESSED_V2, 169)    \
    X(UPDATE_ROWS_COMPRESSED_V2, 170)   \
    X(DELETE_ROWS_COMPRESSED_V2, 171)   \
    X(PARTIAL_ROW_DATA, 172)
/* clang-format on */

#define X(name, code) BINLOG_##name = (code),
enum binlog_type { BINLOG_TYPE_TABLE(X) };
#undef X

/* "WRITE_ROWS_V2"; NULL for a code that is not in the table. */
const char *binlog_type_name(uint8_t type);
