/*
 * A statement as it goes out: names of databases, tables and columns mapped as
 * those of rows are, columns that are left out taken out of it, added ones put
 * into CREATE TABLE (schema/ddl_rewrite.h).
 *
 * A statement of a kind that cannot be written anew (views, routines,
 * triggers, what the reader did not understand) keeps its text; the names
 * beside it are mapped in any case.
 *
 * Threads: the reader's.
 */
#pragma once

#include "base/arena.h"
#include "base/writer.h"
#include "pipeline/ddl_route.h"

struct ddl_shaped {
    struct slice database; /* as sent; from the arena or the route */
    struct slice table;
    struct slice sql; /* st->sql or w's text */
    bool nothing;     /* all that it does is to columns that are left out: it is not sent */
};

NODISCARD enum err ddl_shape(struct tables *t, const struct ddl_statement *st,
                             const struct ddl_route *route, struct arena *a, struct writer *w,
                             struct ddl_shaped *out, struct errmsg *em);
