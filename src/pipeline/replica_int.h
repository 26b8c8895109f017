/* What the files of the reader share. See replica.h. */
#pragma once

#include "mysqlproto/binlog/control.h"
#include "mysqlproto/binlog/inflate.h"
#include "mysqlproto/binlog/query.h"
#include "mysqlproto/binlog/rows.h"
#include "mysqlproto/binlog/txn.h"
#include "net/loop.h"
#include "pipeline/replica.h"
#include "pipeline/retry.h"
#include "pipeline/stream.h"
#include "pipeline/witness.h"

#define GTID_TEXT_MAX 160
#define PROBES_MAX    BINLOG_COLUMNS_MAX

/* How many rows stood when it was set. One that is not kept counts as set before them all. */
#define SAVEPOINTS_MAX 8
struct savepoint {
    uint64_t name; /* its hash */
    uint64_t rows;
};

/* The group (transaction) that is being read. */
struct group {
    bool has_gtid;
    struct my_gtid gtid;     /* MySQL */
    struct maria_gtid maria; /* MariaDB */
    bool is_maria;
    char gtid_text[GTID_TEXT_MAX];
    size_t gtid_text_len;      /* 0: not known, or not wanted */
    uint64_t first_id;         /* the id counter when it began */
    uint64_t rows;             /* row changes of selected tables met in it */
    uint64_t skip;             /* that many of them went out before a reconnect */
    uint64_t skip_next_id;     /* the id counter behind those */
    struct group_name skip_of; /* the group that they belong to */
    uint64_t fed_before;       /* of the replica's fed_bytes, what is of other groups */
    uint32_t savepoint_count;
    struct savepoint savepoints[SAVEPOINTS_MAX];
    bool dropped;              /* an XA group too large to hold: read again when it commits */
    bool stated;               /* a statement of it went out */
    bool halved;               /* of its last change one half went out: no position says that */
    uint64_t es_ms;            /* of its last rows */
    uint64_t commit_us;        /* by the source's clock, since 1970; 0: not known */
    struct binlog_place begin; /* where it begins; file 0: not worked out yet */
    uint32_t thread_id;        /* of the session that made it; 0: not known */
};

struct replica {
    struct replica_options o;
    struct replica_stats stats;
    uint64_t bytes_counted; /* of this connection, in stats */
    atomic_bool ended;
    atomic_bool until_reached;
    struct errmsg em;
    struct src_server server; /* as of the last connect */
    struct stream stream;
    struct src_session *control;      /* for definitions; NULL until needed */
    struct position read;             /* the last boundary */
    char group_file[BINLOG_NAME_MAX]; /* behind the last group, or where reading began */
    uint64_t group_offset;
    struct binlog_place place; /* everything before it has been passed; heartbeats move it, too */
    struct xa_list xa;
    uint32_t xa_ends; /* dumps in a row that ended before the group that was to be read again */
    bool xa_by_set;   /* a place did not do: by GTIDs, until a group was read */
    uint64_t next_id;
    uint32_t binlog_made; /* when the file of `read` was made, since 1970; 0: not known */
    struct binlog_txn txn;
    struct group group;
    bool boundary_fresh;                   /* read has moved since the last commit point */
    struct change_origin statement_origin; /* of the statement at hand */
    uint64_t statement_ms;                 /* when the statement at hand ran, since 1970 */
    bool barrier; /* a statement went out, and no row since: see replica_ddl.c */
    /* within transactions of the destination */
    uint64_t fed;       /* rows and statements fed since the last cut */
    uint64_t fed_bytes; /* of them */
    uint64_t fed_ms;    /* monotonic; when the first of them was */
    bool uncut;         /* a boundary was passed since */
    bool spoiled;       /* a statement went out that no position covers: no cut any more */
    bool over_said;     /* a transaction was cut in the middle, and it was said */
    uint64_t point_ms;  /* monotonic; when the last commit point was left */
    uint64_t oldest_us; /* commit of the oldest group since then; 0: none */
    bool beat;          /* the last event was a heartbeat: nothing is left to read */
    bool behind;        /* when the stream was opened the source had more than was read */
    uint64_t opened_ms; /* monotonic; when that was */
    bool beaten;        /* --until: it was, and came from beat_place */
    struct binlog_place beat_place;
    struct retry retry;
    uint64_t passed;            /* groups that ended */
    struct tables_note *copied; /* ranges of the copy whose rows were fed, for the next point */
    struct binlog_inflater inflater;
    struct row_scratch scratch; /* of key cells */
    struct writer hash_scratch;
    struct cell *probes[2]; /* of the before and the after image; PROBES_MAX cells each */
    struct cell *hash_cells;
    struct witness *witness; /* asks what the source shows of tables; NULL: was not needed yet */
    bool witness_asked;      /* it has a question ... */
    bool witness_answered;   /* ... and this is what it said */
    struct witness_answer witness_said;
    uint32_t connects;         /* streams that were opened ... */
    uint32_t witness_connects; /* ... when it was asked */
    uint64_t witness_ms;       /* monotonic; it rests until then */
};

/* replica_event.c: one event of the stream; after_commit is called at each boundary. */
NODISCARD enum err replica_event(struct replica *r, struct stream *s,
                                 const struct stream_event *sev);

/*
 * replica_event.c: memory is wanted that the open group holds: it flows, or if
 * it must not, it is dropped and read again when it commits.
 */
NODISCARD enum err replica_make_room(struct replica *r);

/* replica_ddl.c: a statement that may change tables; sent where it is wanted, and carried out. */
NODISCARD enum err replica_ddl(struct replica *r, const struct stream *s,
                               const struct binlog_query *q, struct slice sql);

/* replica_ddl.c: sends a statement, once everything before it is acknowledged. */
struct ddl_route;
NODISCARD enum err replica_send_ddl(struct replica *r, const struct ddl_route *route,
                                    struct slice sql);

/* replica_ddl.c: the statements of the schema phase, if they are still to be sent. */
NODISCARD enum err replica_schema(struct replica *r);

/* replica.c: leaves a commit point at the last boundary. */
NODISCARD enum err replica_point(struct replica *r);

/* replica.c: the same, not pushed yet. */
NODISCARD enum err replica_make_point(struct replica *r, struct commit_point **out);

/* replica_cut.c: between groups, ends the transaction of the destination if that is due. */
NODISCARD enum err replica_cut_if_due(struct replica *r, bool dry);

/* replica_cut.c: behind a row of a group that flows: the same, where the group is too large for it.
 */
NODISCARD enum err replica_cut_inside(struct replica *r);

/* replica_cut.c: nothing of the open group was fed: ends it here, and waits until it is committed.
 */
NODISCARD enum err replica_cut_apart(struct replica *r);

/* replica_cut.c: the connection is gone, or the task ends: all that was fed is to be committed. */
void replica_cut_last(struct replica *r);

/* replica_ddl.c: before the first row behind a statement: waits until that is acknowledged. */
NODISCARD enum err replica_close_barrier(struct replica *r);

/* replica_rows.c: where the change of an event stands. */
struct change_origin replica_origin(struct replica *r, const struct stream *s,
                                    const struct stream_event *sev);

/* replica_rows.c: the rows of a rows event. */
NODISCARD enum err replica_rows(struct replica *r, struct stream *s,
                                const struct stream_event *sev);

/* replica_xa.c: reads a prepared group again, and feeds its rows as part of the open group. */
NODISCARD enum err replica_replay_xa(struct replica *r, const struct xa_group *g);

/* replica_rows.c: leaves a row with the feeder, waiting while its lane has no empty batch. */
NODISCARD enum err replica_feed(struct replica *r, const struct binding *b,
                                const struct row_ref *ref);

/* replica_rows.c: the partition of a row from its probe cells; absent ones are taken from other. */
NODISCARD enum err replica_partition(struct replica *r, const struct binding *b,
                                     const struct cell *probes, const struct cell *other,
                                     int32_t *out);

/* replica_witness.c: nothing else is left to read: definitions are compared with the source's. */
NODISCARD enum err replica_witness_turn(struct replica *r);
void replica_witness_end(struct replica *r);

/* replica_copy.c: at a boundary, what the full copy has waiting for the reader. */
NODISCARD enum err replica_copy_turn(struct replica *r);

/*
 * replica_copy_judge.c: whether the change of a row of e goes out, from the key cells
 * of one of its images (t->identity, in key order). Notes the key where it has to be. partial:
 * the image lacks columns, so it cannot take the place of a row that is being read.
 */
struct copy_entry;
NODISCARD enum err replica_copy_judge(struct replica *r, struct copy_entry *e,
                                      const struct table *t, const struct cell *key, bool partial,
                                      bool *pass);

/* replica_copy_judge.c: the open group has ended, and its rows count or do not. */
void replica_copy_group_end(struct replica *r, bool stands);

/* replica_copy.c: what statements did to tables. */
NODISCARD enum err replica_copy_effects(struct replica *r, const struct table_effect *list);

/* replica_copy.c: chunks that are being read were opened on another server. */
void replica_copy_other_server(struct replica *r);

/* replica.c: sleeps until the loop wakes, at most ms. ERR_STOPPED when the task ends. */
NODISCARD enum err replica_wait(struct replica *r, uint64_t ms);

/* replica.c: the session for questions, opened at the first call. */
NODISCARD enum err replica_control(struct replica *r, struct src_session **out);

/* "binlog.000007:1234" of the event at hand, for messages. */
const char *replica_place(const struct stream *s, char *buf, size_t cap);
