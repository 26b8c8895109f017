/*
 * Asks the source how it shows a table, beside the stream: information_schema
 * may make one wait, and the reader must not.
 *
 *     witness_ask(w, &server, database, table, version)      one question at a time
 *     if (witness_answer(w, &a)) ...                         later; the loop is woken for it
 *
 * Threads: the reader's. A small thread of its own holds the session, which is
 * closed when nothing is asked for a while.
 */
#pragma once

#include "pipeline/position.h"
#include "schema/table.h"
#include "source/server.h"

struct net_loop;
struct witness;

struct witness_answer {
    enum err err;          /* ERR_OK: the rest counts */
    struct slice database; /* borrowed until the next question */
    struct slice table;
    uint64_t version;        /* as asked */
    struct table_def *def;   /* owned by who gets it; NULL: there is no such table, or not for us */
    struct binlog_place end; /* the binlog ended no earlier when the definition was read */
};

/* source is borrowed; wake is the reader's loop. */
NODISCARD enum err witness_start(const struct src_options *source, struct net_loop *wake,
                                 struct witness **out);
void witness_stop(struct witness *w); /* NULL is fine */

/* server is copied; no question is open. */
NODISCARD enum err witness_ask(struct witness *w, const struct src_server *server,
                               struct slice database, struct slice table, uint64_t version);

/* False: not yet. */
bool witness_answer(struct witness *w, struct witness_answer *out);
