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
    DDL_NO_EFFECT,      /* changes no table's columns or keys */
    DDL_CREATES,        /* CREATE TABLE */
    DDL_CREATES_MAYBE,  /* CREATE TABLE IF NOT EXISTS: nothing if the table is there */
    DDL_CHANGES,        /* ALTER, RENAME, DROP TABLE; CREATE UNIQUE INDEX, DROP INDEX */
    DDL_DROPS_DATABASE, /* DROP DATABASE */
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

/*
 * All pairs of database and table that the statement may name: each word or
 * quoted name behind a dot with what stands before the dot, and each one that
 * is not behind a dot with default_database. Most of them name no table.
 *
 *   struct ddl_names n = ddl_names_of(sql, default_database);
 *   while (ddl_names_next(&n, &database, &table)) ...   valid until the next call
 */
#define DDL_NAME_BYTES 256 /* 64 characters of 4 bytes */

struct ddl_names {
    const uint8_t *p;
    const uint8_t *end;
    struct slice default_database;
    struct slice last;              /* the name before; len 0: none */
    bool qualified;                 /* the token before is a dot */
    uint8_t buf[2][DDL_NAME_BYTES]; /* of names with doubled quotes, in turn */
    uint8_t turn;
};

struct ddl_names ddl_names_of(struct slice sql, struct slice default_database);
bool ddl_names_next(struct ddl_names *n, struct slice *database, struct slice *table);
