/*
 * A statement under other names: tables and columns renamed, columns left out,
 * columns added.
 *
 * Names are replaced where the reader of schema/ddl.h has seen them; the rest
 * of the text stays as it is, byte for byte.
 *
 *   - Names of tables, qualified as they were, or where the consumer would
 *     look for them in another database.
 *   - Columns in definitions, keys, actions, AFTER, and in expressions (there,
 *     a word in front of a bracket is a function).
 *   - A column that is left out takes with it its definition, keys that it is
 *     part of, and actions on it; AFTER it; and of other columns what is made
 *     from it (GENERATED AS, CHECK, DEFAULT), so that these become plain ones.
 *   - Columns are added behind the last one of CREATE TABLE.
 *
 * Of CREATE TABLE .. SELECT the query stays what it was, of a foreign key the
 * columns of the other table; index names and comments, too.
 *
 * Pure; any thread.
 */
#pragma once

#include "schema/ddl.h"

struct writer;

struct ddl_extra_column {
    struct slice name;
    struct slice type; /* "varchar(16)" */
};

struct ddl_mapping {
    void *arg;
    /* A table's names as sent; an empty name: a database alone. Valid until the arena goes. */
    enum err (*table)(void *arg, struct slice database, struct slice name,
                      struct slice *to_database, struct slice *to_name);
    /* A column of the statement's table as sent; len 0: left out. */
    enum err (*column)(void *arg, struct slice column, struct slice *to);
    /* Whether the statement's table has such a column already. */
    bool (*has_column)(void *arg, struct slice column);
    struct slice database; /* as sent, in which unqualified names are looked for */
    uint32_t extra_count;
    const struct ddl_extra_column *extras; /* of CREATE TABLE */
};

struct ddl_rewritten {
    bool nothing;      /* all actions were on columns that are left out */
    uint32_t keys_out; /* keys and constraints that went with a column */
};

/*
 * Appends the statement. ERR_UNSUPPORTED: the statement is of a kind whose
 * names this reader does not see all of (views, routines, triggers, ..), or it
 * was not understood, or it renames a column across the line between those
 * that are left out and those that are not, or what goes holds half an
 * executable comment; nothing was written then. Errors
 * of the functions and the writer; ERR_NO_MEMORY.
 */
NODISCARD enum err ddl_rewrite(const struct ddl_statement *st, const struct ddl_mapping *m,
                               struct arena *a, struct writer *w, struct ddl_rewritten *out);
