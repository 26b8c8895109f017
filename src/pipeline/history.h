/*
 * The source's history: is it the one that we know, where in it do we begin,
 * and which tables changed on the way.
 *
 * Threads: the one that runs the session's loop.
 */
#pragma once

#include "config/task.h"
#include "pipeline/position.h"
#include "pipeline/tables.h"
#include "source/dump.h"

#include <stdatomic.h>

struct frame_pool;
struct net_loop;

/* How a stream of its own is dumped from a position: under no server id, ending at the binlog's
 * end. */
void history_dump_options(const struct src_server *sv, const struct position *from,
                          struct src_dump_options *out);

/*
 * Whether the source can go on from a position that was reached on `known`:
 * the same server, or with GTIDs another one that has all that we have seen
 * and still holds all that we have not. ERR_HISTORY with what was expected and
 * what was found.
 */
NODISCARD enum err history_check(struct src_session *s, const struct src_server *sv,
                                 const struct src_server *known, const struct position *p,
                                 const atomic_bool *stop, struct errmsg *em);

/* What the functions below need to open streams. Borrowed. */
struct history_source {
    struct net_loop *loop;
    const struct src_options *options;
    const struct src_server *server;
    struct src_session *session; /* for questions */
    struct frame_pool *pool;
    const atomic_bool *stop;
    enum err (*make_room)(void *arg); /* the pool is empty: let go of what can be; NULL: nothing */
    void *make_room_arg;
};

/* Where a first start begins (source.start). */
NODISCARD enum err history_start(const struct history_source *h, const struct conf_start *start,
                                 struct position *out, struct errmsg *em);

/* The end of the binlog at this moment. */
NODISCARD enum err history_end(const struct history_source *h, struct position *out,
                               struct errmsg *em);

/* history.c: the next event of a stream that ends at the binlog's end (ERR_STOPPED). */
struct stream;
struct stream_event;
NODISCARD enum err history_next(const struct history_source *h, struct stream *s,
                                struct stream_event *sev, struct errmsg *em);

/*
 * history_scan.c: reads the binlog from a position to its end, for statements
 * that change a table (with table.len 0: any table that `tables` takes).
 *
 * A table that the stretch does not change has today's definition all along.
 * One that is created in it, and dropped or renamed before, gets its definition
 * from the statements (tables_evolve(), with table.len 0 only). One whose rows
 * come without FULL metadata and before a statement that changes it cannot be
 * read: ERR_TABLE_MISMATCH, with the table, the place of the statement and the
 * ways out. *end: the place up to which definitions read before the call are
 * known to hold.
 */
NODISCARD enum err history_scan(const struct history_source *h, const struct position *from,
                                struct tables *tables, struct slice database, struct slice table,
                                struct binlog_place *end, struct errmsg *em);
