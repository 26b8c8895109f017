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
#include "source/catalog.h"
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

/* history.c: a moment's rest; ERR_STOPPED when *stop is set. */
NODISCARD enum err history_nap(const atomic_bool *stop);

/*
 * Reads definitions on the history's session, behind src_catalog_settle():
 * those that filter takes (NULL: all that are wanted). A second reading
 * replaces what the first one gave.
 */
typedef enum err (*history_read_fn)(void *arg, src_table_filter filter, void *filter_arg,
                                    struct errmsg *em);

/*
 * history_scan.c: definitions as the source shows them, and what the binlog
 * between `from` and its end does to the tables (with table.len 0: to any table
 * that `tables` takes; else `from` is where the stream stands).
 *
 * A table that the stretch does not change has today's definition all along.
 * One that is created in it, and dropped or renamed before, gets its definition
 * from the statements (tables_evolve(), with table.len 0 only). One whose rows
 * come without FULL metadata and before a statement that changes it cannot be
 * read: ERR_TABLE_MISMATCH, with the table, the place of the statement and the
 * ways out.
 *
 * The binlog has a statement before tables show it, and for as long as its
 * commit hangs. So read() is called again, for the tables concerned alone,
 * until the stretch holds no statement on them that the reading may have
 * missed. *end (all zero, or an earlier position): what was read holds up to
 * there; file and offset of it are known.
 */
NODISCARD enum err history_definitions(const struct history_source *h, const struct position *from,
                                       struct tables *tables, struct slice database,
                                       struct slice table, history_read_fn read, void *arg,
                                       struct position *end, struct errmsg *em);

/* history_scan.c: whether a statement between `from` and the binlog's end concerns a selected
 * table. */
NODISCARD enum err history_touched(const struct history_source *h, const struct position *from,
                                   struct tables *tables, bool *touched, struct errmsg *em);
