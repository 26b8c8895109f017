/*
 * The schema phase: each selected table as the statement that makes it, sent
 * before the first change, so that a consumer can build its tables from the
 * DDL topic alone.
 *
 * The statements are the server's own (SHOW CREATE TABLE), read at a first
 * start. Where one of the tables was changed between the position that the
 * stream begins at and that read, its statement is of another time, and its
 * own DDL follows: a start at `now` is tried again, with any other that table
 * is left out, and named in the log.
 *
 * The checkpoint keeps them until their messages are acknowledged, so that a
 * crash before that sends the same ones again, with the ids that they had,
 * whatever the tables are by then.
 *
 * Threads: made by the owner at start, then the reader's.
 */
#pragma once

#include "pipeline/tables.h"
#include "source/session.h"

#include <stdatomic.h>

struct schema_text {
    struct schema_text *next;
    struct slice database; /* all three behind the struct */
    struct slice table;
    struct slice sql;
};

struct schema_phase {
    struct schema_text *first;
    size_t count;
    atomic_bool done; /* all of it is acknowledged; any thread may ask */
};

/* Reads the statements of all selected tables but those that were touched. Sorted by name. */
NODISCARD enum err schema_phase_read(struct src_session *s, struct tables *t,
                                     struct schema_phase **out, struct errmsg *em);
void schema_phase_free(struct schema_phase *p); /* NULL is fine */

/* For the checkpoint: an empty one (NULL: no memory), a statement more, all in their order. */
struct schema_phase *schema_phase_new(void);
NODISCARD enum err schema_phase_add(struct schema_phase *p, struct slice database,
                                    struct slice table, struct slice sql);
NODISCARD enum err schema_phase_sort(struct schema_phase *p);
