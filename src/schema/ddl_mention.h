/*
 * What a statement of the binlog may do to the shape of a table, told from its
 * leading words and from the names that stand in it.
 *
 * This is a tokenizer and no parser: it never says that a table is untouched
 * when it is not, but may say that one is touched when its name stands in the
 * statement for another reason.
 */
#pragma once

#include "base/slice.h"

enum ddl_effect {
    DDL_NO_EFFECT,       /* changes no table's columns or keys */
    DDL_CREATES,         /* CREATE TABLE */
    DDL_CREATES_MAYBE,   /* CREATE TABLE IF NOT EXISTS: nothing if the table is there */
    DDL_CHANGES,         /* ALTER, RENAME, DROP TABLE; CREATE UNIQUE INDEX, DROP INDEX */
    DDL_DROPS_DATABASE,  /* DROP DATABASE */
};

/* sql in UTF-8 or an ASCII-compatible character set. */
enum ddl_effect ddl_effect_of(struct slice sql);

/*
 * Whether the name of a table stands in the statement: qualified with its
 * database, or unqualified while default_database is its database. Letters
 * compare equal in either case.
 */
bool ddl_mentions(struct slice sql, struct slice default_database, struct slice database,
                  struct slice table);

/* Whether a database's name stands in the statement. */
bool ddl_mentions_database(struct slice sql, struct slice database);
