/*
 * What a statement has told of the tables that the task takes, by their names:
 * what the precheck of a first start has read is there for the copy that
 * follows it, so that the source is asked once.
 *
 *   struct known known = {0};
 *   TRY(known_add(&known, database, name, rows, denied));
 *   known_sort(&known);
 *   known.whole = true;                                     nothing was left out
 *   known_find(&known, database, name)
 *   known_fini(&known);
 *
 * One thread.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

struct known_table {
    struct slice database;
    struct slice name;
    uint64_t rows; /* as the server guesses */
    bool denied;   /* SELECT on some column is missing */
};

struct known {
    bool whole; /* every table that the task took when it was read */
    size_t count;
    size_t cap;
    struct known_table *tables; /* malloc; sorted: by database, then name, bytewise */
    struct arena *names;
};

/* Copies the names. ERR_NO_MEMORY. */
NODISCARD enum err known_add(struct known *k, struct slice database, struct slice name,
                             uint64_t rows, bool denied);

/* Behind the last one, before the first is looked for. */
void known_sort(struct known *k);

/* NULL: was not there. */
const struct known_table *known_find(const struct known *k, struct slice database,
                                     struct slice name);

/* Leaves it empty, and not whole. */
void known_fini(struct known *k);
