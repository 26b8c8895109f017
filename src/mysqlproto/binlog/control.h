/*
 * Events other than tables, rows and queries: where the stream is, who commits.
 *
 * Each parser takes the body of an event (binlog_event_parse()) and fills a
 * struct whose slices point into it. ERR_TRUNCATED: a field runs past the end;
 * ERR_MALFORMED: a value that cannot be. Parts that a later server appends are
 * skipped where the layout allows it.
 *
 * Layouts: libs/mysql/binlog/event/control_events.h (MySQL source docs),
 * sql/log_event.h (MariaDB).
 */
#pragma once

#include "mysqlproto/binlog/event.h"
#include "mysqlproto/binlog/xid.h"
#include "mysqlproto/gtid.h"
#include "mysqlproto/mariadb_gtid.h"

/* ROTATE: the name and first offset of the file that comes next (or, made up, of this one). */
struct binlog_rotate {
    uint64_t position;
    struct slice file;
};
NODISCARD enum err binlog_rotate_parse(const struct binlog_format *f, struct slice body,
                                       struct binlog_rotate *out);

/* HEARTBEAT and HEARTBEAT_V2: the position that the dump thread has reached. */
struct binlog_heartbeat {
    struct slice file;
    uint64_t position; /* V1: low 32 bits only */
};
NODISCARD enum err binlog_heartbeat_parse(const struct binlog_event *ev,
                                          struct binlog_heartbeat *out);

/* INCIDENT: the server lost events. */
struct binlog_incident {
    uint16_t number; /* 1: LOST_EVENTS */
    struct slice text;
};
NODISCARD enum err binlog_incident_parse(struct slice body, struct binlog_incident *out);

NODISCARD enum err binlog_xid_event_parse(struct slice body, uint64_t *out);

/* XA_PREPARE: ends a group that is prepared, or commits it when one_phase. */
struct binlog_xa_prepare {
    bool one_phase;
    struct binlog_xid xid;
};
NODISCARD enum err binlog_xa_prepare_parse(struct slice body, struct binlog_xa_prepare *out);

/* GTID, ANONYMOUS_GTID and GTID_TAGGED: opens a group. */
struct binlog_gtid {
    struct my_gtid gtid; /* uuid and gno are 0 when anonymous */
    bool anonymous;
    uint8_t flags; /* 1: may hold statements */
    bool has_clock;
    int64_t last_committed;
    int64_t sequence_number;
    uint64_t immediate_us;    /* commit on this server, since 1970; 0: not known */
    uint64_t original_us;     /* commit on the first server; equals the above when it is not sent */
    uint64_t transaction_len; /* bytes of the group, this event included; 0: not known */
    uint32_t immediate_version; /* 80402; 0: not known */
    uint32_t original_version;
    bool has_original_us; /* both were sent */
    bool has_original_version;
    bool has_ticket;
    uint64_t ticket; /* commit group ticket (Group Replication) */
};
NODISCARD enum err binlog_gtid_parse(const struct binlog_event *ev, struct binlog_gtid *out);

/* MARIA_GTID: opens a group, or announces the single event that is one. */
#define BINLOG_MARIA_STANDALONE      1u /* no commit follows: the next statement is the group */
#define BINLOG_MARIA_GROUP_COMMIT_ID 2u
#define BINLOG_MARIA_TRANSACTIONAL   4u
#define BINLOG_MARIA_DDL             32u
#define BINLOG_MARIA_PREPARED_XA     64u
#define BINLOG_MARIA_COMPLETED_XA    128u

#define BINLOG_MARIA_EXTRA_MULTI_ENGINE   1u
#define BINLOG_MARIA_EXTRA_START_ALTER    2u
#define BINLOG_MARIA_EXTRA_COMMIT_ALTER   4u
#define BINLOG_MARIA_EXTRA_ROLLBACK_ALTER 8u
#define BINLOG_MARIA_EXTRA_THREAD_ID      16u

struct binlog_maria_gtid {
    struct maria_gtid gtid;
    uint8_t flags;       /* BINLOG_MARIA_* */
    uint8_t flags_extra; /* BINLOG_MARIA_EXTRA_* */
    uint8_t extra_engines;
    uint64_t commit_id;      /* with GROUP_COMMIT_ID */
    struct binlog_xid xid;   /* with PREPARED_XA, COMPLETED_XA */
    uint64_t alter_sequence; /* with COMMIT_ALTER, ROLLBACK_ALTER: where the ALTER started */
    uint32_t thread_id;      /* with THREAD_ID */
    struct slice extra; /* flags_extra and all after it, raw; zero padding when there is none */
};
NODISCARD enum err binlog_maria_gtid_parse(const struct binlog_event *ev,
                                           struct binlog_maria_gtid *out);

/* MARIA_GTID_LIST: the last GTIDs of each domain and server before this file. */
struct binlog_maria_list {
    uint32_t flags; /* the four high bits of the count, in place */
    uint32_t count;
    struct slice entries; /* count entries of 16 bytes */
    struct slice rest;    /* padding of an empty list */
};
NODISCARD enum err binlog_maria_list_parse(struct slice body, struct binlog_maria_list *out);

/* Entry i < count. */
struct maria_gtid binlog_maria_list_get(const struct binlog_maria_list *l, uint32_t i);

/* BINLOG_CHECKPOINT: the oldest file that crash recovery would need. */
NODISCARD enum err binlog_checkpoint_parse(struct slice body, struct slice *file);

/* ROWS_QUERY, ANNOTATE_ROWS: the statement's text. */
NODISCARD enum err binlog_rows_query_parse(const struct binlog_event *ev, struct slice *sql);

/* INTVAR, RAND, USER_VAR: the context of a statement that is logged as such. */
struct binlog_intvar {
    uint8_t kind; /* 1 LAST_INSERT_ID, 2 INSERT_ID */
    uint64_t value;
};
NODISCARD enum err binlog_intvar_parse(struct slice body, struct binlog_intvar *out);

struct binlog_rand {
    uint64_t seed1;
    uint64_t seed2;
};
NODISCARD enum err binlog_rand_parse(struct slice body, struct binlog_rand *out);

struct binlog_user_var {
    struct slice name;
    bool is_null;
    uint8_t type; /* Item_result: 0 string, 1 real, 2 int, 4 decimal */
    uint32_t collation;
    struct slice value;
    bool has_flags;
    uint8_t flags;
};
NODISCARD enum err binlog_user_var_parse(struct slice body, struct binlog_user_var *out);

/* BEGIN_LOAD_QUERY, APPEND_BLOCK: a piece of a file that LOAD DATA reads. */
struct binlog_load_block {
    uint32_t file_id;
    struct slice data;
};
NODISCARD enum err binlog_load_block_parse(struct slice body, struct binlog_load_block *out);

/*
 * Integers of the serialization framework (libs/mysql/serialization): the
 * number of trailing 1 bits of the first byte is the number of further bytes.
 * Failure shows in r->err.
 */
struct reader;
uint64_t binlog_varint(struct reader *r);
int64_t binlog_varint_signed(struct reader *r);
