/* What the files of this room share of a worker. */
#pragma once

#include "mysqlproto/binlog/row_plan.h"
#include "snapshot/worker.h"
#include "source/prepared.h"

#include <pthread.h>

struct frame;
struct net_loop;

#define CACHED_TABLES 4 /* whose statements a connection keeps */

/* The statements of one table that are prepared on the connection. */
struct table_statements {
    struct copy_table *table; /* a reference; NULL: free */
    struct src_stmt *rows[4]; /* by after + 2 * upto */
    struct src_stmt *bound[2];
    bool filters;  /* rows have the table's condition */
    uint64_t used; /* the larger, the later */
};

struct worker {
    struct copy_workers *all;
    const struct copy_workers_options *o;
    pthread_t thread;
    bool started;
    struct net_loop *loop;
    struct frame_pool *pool;     /* rows */
    struct frame_pool *key_pool; /* rows of the bound query */
    struct frame *spare;         /* room for the beginning of the next read */
    size_t held;                 /* bytes of frames of chunks that were read and not given */
    struct src_session *s;       /* NULL: not connected */
    struct table_statements cache[CACHED_TABLES];
    uint64_t cache_clock;
    bool filters;             /* the last SELECT of rows has a condition */
    struct src_param *params; /* of one statement */
    uint32_t param_cap;
    struct my_gtid_set executed; /* that the server is known to have executed */
    struct row_scratch scratch;
    struct errmsg em; /* of the operation that is going on */
};

struct copy_workers {
    struct copy_workers_options o;
    uint32_t count;
    atomic_uint running;
    struct worker *workers;
};

/* ---- worker_link.c: the connection and what is prepared on it ---- */

bool worker_stopped(const struct worker *w);

/* Sleeps. ERR_STOPPED: asked to. */
NODISCARD enum err worker_sleep(struct worker *w, uint64_t ms);

/* Connects if there is no connection, and sees that it is the same server. */
NODISCARD enum err worker_connect(struct worker *w);
void worker_disconnect(struct worker *w);

/* A session with the settings of the copy, of w's loop. */
NODISCARD enum err worker_open_session(struct worker *w, struct src_session **out);

NODISCARD enum err worker_rows_stmt(struct worker *w, struct copy_table *t, bool after, bool upto,
                                    struct src_stmt **out);
NODISCARD enum err worker_bound_stmt(struct worker *w, struct copy_table *t, bool after,
                                     struct src_stmt **out);

/* What to do after a failure of an attempt at a chunk. */
enum worker_verdict {
    WORKER_STOP,
    WORKER_RETRY,
    WORKER_CHANGED, /* the table is not as its definition says */
    WORKER_FAIL,
};

/* e: what an attempt returned, with w->em. Closes a connection that is of no use. */
enum worker_verdict worker_judge(struct worker *w, enum err e);

/* ---- worker.c: what becomes of a chunk ---- */

/* Failures that follow each other. All zero: there is none. */
struct worker_outage {
    uint64_t since_ms;
    uint64_t backoff_ms;
};

/*
 * After an attempt at c has failed with e. *again: try once more, some time
 * has passed. Otherwise c has gone to give() or drop(), and what is returned
 * is not ERR_OK when the worker has to end. o NULL: no attempt can follow.
 */
NODISCARD enum err worker_settle(struct worker *w, struct chunk *c, struct worker_outage *o,
                                 enum err e, bool *again);

/* How many rows to read of it; *limit: at most. */
uint32_t worker_rows(const struct worker *w, const struct copy_work *work, uint32_t *limit);

/* The chunk of a table with a key, from wherever it stands to give() or drop(). */
NODISCARD enum err worker_copy_chunk(struct worker *w, struct copy_work *work, bool opened);

NODISCARD enum err worker_give(struct worker *w, struct chunk *c);
NODISCARD enum err worker_pace(struct worker *w, uint32_t queries, uint64_t rows, uint64_t bytes);

/* ---- worker_read.c: the rows of one chunk ---- */

/* Waits until there is room for a read to begin with. */
NODISCARD enum err worker_wait_room(struct worker *w);

/* That room if it will do, else another frame; NULL: the pool has none. */
struct frame *worker_frame(struct worker *w, size_t cap);

/* The key rows on from c->after; NULL: there are fewer. */
NODISCARD enum err worker_find_bound(struct worker *w, struct chunk *c, uint32_t rows,
                                     struct copy_key **out);

/* Marks and rows of c's range; limit: rows to read at most. */
NODISCARD enum err worker_read_chunk(struct worker *w, struct chunk *c, uint32_t limit);

/* The three steps of it: before the SELECT, the SELECT, and c->high where it is not known yet. */
NODISCARD enum err worker_make_visible(struct worker *w, struct chunk *c);
NODISCARD enum err worker_select(struct worker *w, struct chunk *c, uint32_t limit);
NODISCARD enum err worker_take_high(struct worker *w, struct chunk *c);

/*
 * Steps a statement that was started, to its end. *cut_off: no more of it is
 * wanted, and where much is left, the connection is given up (ERR_TOO_LARGE).
 */
NODISCARD enum err worker_finish(struct worker *w, struct src_stmt *st, const bool *cut_off);

/* A failure that came from a sink has no sentence yet. Returns e. */
enum err worker_tell(struct worker *w, enum err e);

/* ---- small.c ---- */

/* Small tables, work's first. All their chunks go to give() or drop(). */
NODISCARD enum err worker_copy_small(struct worker *w, struct copy_work *work);

/* ---- keyless.c ---- */

/*
 * Reads c's table whole and gives it away in parts. c goes to give() or drop()
 * in any case. ERR_STOPPED ends the worker.
 */
NODISCARD enum err worker_copy_keyless(struct worker *w, struct chunk *c);
