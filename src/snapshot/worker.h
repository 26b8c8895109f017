/*
 * Copy workers: threads with a connection each that read chunks.
 *
 * A worker asks for work, reads it, and gives it back, until there is none:
 *
 *   take()   a chunk with its table and `after`; with upto_known also `upto`,
 *            otherwise the worker finds it: the key `rows_wanted` rows on
 *   open()   the range is known now: whoever follows the stream says what it
 *            has passed (chunk->seen) and watches the range from here on
 *   give()   the chunk with its rows and marks, or with chunk->err
 *
 * Small tables are read in lots: with `small` a worker asks take_more() for
 * others, opens them all, and reads them one after the other between the same
 * marks. Each comes back with give() of its own. take_more may be NULL.
 *
 * What dies with a connection (or by a lock wait, a time limit, KILL) is tried
 * again within retry.other, on a new connection where needed; after that the
 * chunk comes back with its err. A chunk whose table is not as its definition
 * says (no such column, no such table, other types) comes back at once with
 * ERR_TABLE_MISMATCH: the statement that changed it is in the binlog before
 * chunk->high, which is filled in then, too.
 *
 * A table without a key is read whole: open() stops the stream at a boundary;
 * then stand_at() is told the mark up to which the read contains everything;
 * give() is called for part after part, chunk->more set but for the last one.
 *
 * Threads: the functions of copy_ops are called on workers' threads, and may
 * block; they return ERR_STOPPED when the task ends. The rest is the owner's.
 */
#pragma once

#include "snapshot/chunk.h"
#include "source/server.h"

struct frame_pool;
struct copy_workers;

enum copy_keyless { COPY_KEYLESS_LOCK, COPY_KEYLESS_UNLOCKED };

struct copy_work {
    struct chunk *chunk; /* owned by the worker until give() or drop() */
    bool upto_known;
    uint32_t rows_wanted;
    bool small;             /* one chunk is thought to hold all of the table, ... */
    uint64_t rows_estimate; /* ... which has that many rows */
};

struct copy_ops {
    /* Blocks until there is work. ERR_STOPPED: all is copied, or the task ends. */
    enum err (*take)(void *arg, struct copy_work *out);
    /* Never blocks: another small table, to be read within the same marks. ERR_NEED_INPUT: none. */
    enum err (*take_more)(void *arg, struct copy_work *out);
    /* ERR_TABLE_MISMATCH: the definition has changed since take(), the chunk is to be dropped. */
    enum err (*open)(void *arg, struct chunk *c);
    /* Keyless: the stream may go on to the mark, and stands there. */
    enum err (*stand_at)(void *arg, struct chunk *c, const struct copy_mark *high);
    /* Blocks while too much is on its way. Takes the chunk over. */
    enum err (*give)(void *arg, struct chunk *c);
    /* The chunk was not read, and its range is free again. */
    void (*drop)(void *arg, struct chunk *c);
    /* About to run a query / rows were read: blocks as throttle.full says. */
    enum err (*pace)(void *arg, uint32_t queries, uint64_t rows, uint64_t bytes);
    void *arg;
};

struct copy_workers_options {
    const struct src_options *source; /* borrowed */
    const struct src_server *server;  /* borrowed */
    struct copy_ops ops;
    uint32_t connections;
    size_t chunk_bytes; /* of rows in one chunk; more cuts it, but for its first row */
    size_t row_max;     /* a larger row is not carried whole: chunk_row.head */
    size_t frame_size;  /* of each worker's own pool */
    size_t pool_bytes;  /* of each worker's own pool */
    uint64_t retry_ms;  /* retry.other */
    enum copy_keyless keyless;
    uint64_t lock_wait_ms; /* LOCK TABLES waits that long at a time */
    const atomic_bool *stop;
};

NODISCARD enum err copy_workers_start(const struct copy_workers_options *o,
                                      struct copy_workers **out, struct errmsg *em);

/* All workers have ended by themselves (take() said ERR_STOPPED). */
bool copy_workers_ended(const struct copy_workers *w);

/* stop is set: waits for the threads, which use chunks and ranges until then. NULL is fine. */
void copy_workers_join(struct copy_workers *w);

/* Joins, and frees. Chunks must have been freed before, for their frames. NULL is fine. */
void copy_workers_free(struct copy_workers *w);
