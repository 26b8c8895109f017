/*
 * The reader: the thread that follows the source as a replica and feeds the
 * lanes.
 *
 * It connects, checks that the source's history is the one it knows, and then
 * turns events into rows: it tracks transactions and tables, finds where rows
 * end, numbers them, computes their partition, and leaves them with the
 * feeder. At boundaries it leaves commit points. A lost connection is taken up
 * again from where it had read to; nothing that was fed is fed twice.
 *
 * Files: replica.c the thread, connecting and waiting; replica_event.c what
 * events mean; replica_rows.c rows to lanes; replica_xa.c prepared groups;
 * replica_cut.c transactions of the destination.
 *
 * Threads: replica_run() is the reader thread's main function; replica_stats
 * may be read by anyone, the rest before and after the thread runs.
 */
#pragma once

#include "config/task.h"
#include "pipeline/fault.h"
#include "pipeline/feeder.h"
#include "pipeline/position.h"
#include "pipeline/progress.h"
#include "pipeline/tables.h"
#include "pipeline/view.h"
#include "pipeline/xa.h"
#include "source/server.h"

#include <stdatomic.h>

struct copy;
struct cutter;
struct ddl_statement;
struct net_loop;
struct replica;

/* A statement on something that is selected, which is not sent; where it ends. */
typedef void (*replica_unsent_fn)(void *arg, const struct ddl_statement *st,
                                  struct binlog_place place);

struct replica_options {
    const struct task_config *task;
    const struct src_options *source;
    struct net_loop *loop;
    struct frame_pool *pool;
    struct feeder *feeder;
    struct tables *tables;
    struct progress *progress;
    struct fault *fault;
    struct view *view;              /* told of outages; holds the throttle. NULL: neither */
    struct copy *copy;              /* the full copy; NULL: none */
    struct cutter *cutter;          /* exactly-once; NULL: no transactions */
    uint64_t txn_timeout_ms;        /* brokers abort a transaction that is open for longer */
    const atomic_bool *stop;        /* set, with the loop woken: end soon */
    const struct src_server *known; /* the source that the position belongs to */
    struct schema_phase *schema;    /* sent before anything else; NULL: nothing */
    uint32_t server_id;
    const char *uuid;              /* ours, towards the source */
    const struct position *start;  /* copied */
    uint64_t start_rows;           /* row changes behind it that are done, ... */
    struct group_name start_group; /* ... and what they belong to */
    const struct xa_list *xa;      /* prepared groups at start; copied */
    uint64_t next_id;
    uint32_t binlog_made;         /* when the file of the start was made; 0: not known */
    const struct position *until; /* stop at the boundary that reaches it; NULL: never */
    replica_unsent_fn unsent;     /* NULL: nobody looks on */
    void *unsent_arg;
    uint64_t until_us;            /* stop behind this time (since 1970, UTC); 0: never */
};

struct replica_stats {
    _Atomic uint64_t bytes; /* received */
    _Atomic uint64_t events;
    _Atomic uint64_t rows;    /* changes of selected tables */
    _Atomic uint64_t next_id; /* ids below it may have been used */

    _Atomic uint64_t heard_ms; /* monotonic; when bytes last came */
    /* Both by the source's clock, microseconds since 1970; 0: not known. Up to the later of the
     * two everything that was committed has been read. */
    _Atomic uint64_t boundary_us; /* commit of the last group read */
    _Atomic uint64_t synced_us;   /* when nothing was left to read */
};

NODISCARD enum err replica_new(const struct replica_options *o, struct replica **out);
void *replica_run(void *replica);
/*
 * The definition of a table as it is at the place where the stream stands
 * (tables_define_fn). Reader thread.
 */
NODISCARD enum err replica_define(struct replica *r, struct tables *tables, struct slice database,
                                  struct slice table, struct table_def **def,
                                  struct binlog_place *holds_to, struct errmsg *em);
const struct replica_stats *replica_stats(const struct replica *r);

/* The thread has ended. */
bool replica_ended(const struct replica *r);

/* Everything up to `until` or until_us has been read. */
bool replica_reached_until(const struct replica *r);
void replica_free(struct replica *r);
