/*
 * What a statement makes of one table's definition.
 *
 *     struct table_def *after;
 *     enum err e = ddl_apply(&st, before, like, &rules, &after, &why);
 *
 * The result is what information_schema of the server shows once the statement
 * is done: names of types as the server prints them, character sets and
 * collations worked out, keys named and ordered.
 *
 * Renames of the table itself are the caller's (schema/catalog_model.h), who
 * knows the other tables. Pure; any thread.
 */
#pragma once

#include "schema/collation.h"
#include "schema/ddl.h"
#include "schema/table.h"

struct ddl_rules {
    struct collation_rules collations;
    struct slice database_collation; /* of the table's database; len 0: not known */
    struct slice session_collation;  /* of the session's default database: CHARACTER SET DEFAULT */
    struct slice engine;             /* default_storage_engine; len 0: InnoDB */
    bool implicit_timestamp;         /* explicit_defaults_for_timestamp is OFF */
    bool old_temporal;               /* MariaDB: mysql56_temporal_format is OFF */
};

/* Whether two definitions differ, if at all, in the order of their keys alone. */
bool ddl_same_but_order(const struct table_def *a, const struct table_def *b);

/*
 * CREATE TABLE (before is NULL; like: the table behind LIKE), ALTER TABLE,
 * CREATE and DROP INDEX, CREATE SEQUENCE. *after is one block: free() it. Its
 * database and name are those of before, or of the statement's first object.
 *
 * ERR_UNSUPPORTED: the text does not tell the result (.. AS SELECT, a default
 * that is not known). ERR_TABLE_MISMATCH: the statement cannot have run on
 * this definition. *why says what; it may be NULL. ERR_NO_MEMORY.
 */
NODISCARD enum err ddl_apply(const struct ddl_statement *st, const struct table_def *before,
                             const struct table_def *like, const struct ddl_rules *rules,
                             struct table_def **after, struct errmsg *why);
