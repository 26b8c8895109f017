/*
 * The names that stand in a statement, understood or not.
 *
 *   struct ddl_names n = ddl_names_of(sql, &options);
 *   while (ddl_names_next(&n, &database, &table)) ...   valid until the next call
 *
 * All pairs of database and table that the statement may name: each word or
 * quoted name behind a dot with what stands before the dot, and each one that
 * is not behind a dot with the default database. Most of them name no table.
 * Texts in double quotes count, too, whatever sql_mode says.
 */
#pragma once

#include "schema/ddl.h"

#define DDL_NAME_BYTES 512 /* 64 characters of 4 bytes, all of them doubled quotes at worst */

struct ddl_names {
    struct sql_lexer lex;
    struct slice default_database;
    struct slice last;              /* the name before; len 0: none */
    bool qualified;                 /* the token before is a dot */
    unsigned quotes;                /* that nothing closes, so far */
    uint8_t buf[2][DDL_NAME_BYTES]; /* of names with doubled quotes, in turn */
    uint8_t turn;
};

struct ddl_names ddl_names_of(struct slice sql, const struct ddl_options *o);
bool ddl_names_next(struct ddl_names *n, struct slice *database, struct slice *table);

/*
 * Whether the name of a table stands anywhere in a statement, DDL or not:
 * qualified with its database, or alone while the default database is its own.
 * Letters compare equal in either case.
 */
bool ddl_mentions(struct slice sql, const struct ddl_options *o, struct slice database,
                  struct slice table);
