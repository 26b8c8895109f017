/*
 * Table definitions out of the source's information_schema, as the catalogue
 * of schema/table.h has them.
 *
 * What the account cannot see does not exist here: SELECT on a table is what
 * makes its columns visible.
 *
 * Columns come in ordinal order, invisible ones and MySQL's generated
 * invisible primary key included (the session sets
 * show_gipk_in_create_table_and_information_schema), as row images carry them.
 * Text is UTF-8: the session's results are set to utf8mb4.
 */
#pragma once

#include "schema/table.h"
#include "source/server.h"

/* Borrowed for the call. Anything but ERR_OK ends the walk and is returned by it. */
typedef enum err (*src_table_fn)(void *arg, const struct table_def *def);

/*
 * True: this table's definition is wanted. With table.len 0: a table of the
 * database may be; of others nothing is read.
 */
typedef bool (*src_table_filter)(void *arg, struct slice database, struct slice table);

/*
 * One table. *out is one block of memory: free() it. A table that is not there
 * (or not to be seen) is ERR_OK with *out NULL. Views are not tables.
 */
NODISCARD enum err src_catalog_table(struct src_session *s, const struct src_server *sv,
                                     struct slice database, struct slice table,
                                     struct table_def **out, struct errmsg *em);

/*
 * Every base table that filter (NULL: all) takes, system schemas left out; and
 * MariaDB's sequences (def->sequence), which the binlog shows as tables but
 * whose rows are nobody's data. More than a few hundred tables cost three
 * statements a database whatever their number (of many databases: in all), and
 * one for each that has no primary key but several unique ones. each() must not use the session.
 * The order is not defined.
 */
NODISCARD enum err src_catalog_walk(struct src_session *s, const struct src_server *sv,
                                    src_table_filter filter, src_table_fn each, void *arg,
                                    struct errmsg *em);

/* The names alone, ordered bytewise; each gets a def without columns and keys. */
NODISCARD enum err src_catalog_names(struct src_session *s, const struct src_server *sv,
                                     src_table_filter filter, src_table_fn each, void *arg,
                                     struct errmsg *em);

/*
 * Each table that filter takes and of which some column may not be selected by
 * the account; a def without columns and keys, in no order. Where the account may
 * SELECT everything no table is looked at.
 */
NODISCARD enum err src_catalog_denied(struct src_session *s, const struct src_server *sv,
                                      src_table_filter filter, src_table_fn each, void *arg,
                                      struct errmsg *em);

/* What the server believes about a table; estimates, some of them far off. */
struct src_table_stats {
    struct slice database;
    struct slice name;
    uint64_t rows;    /* of InnoDB a guess from a few pages */
    uint64_t bytes;   /* of the data without secondary indexes */
    uint64_t row_len; /* mean */
    bool encrypted;   /* the server keeps it so */
};
typedef enum err (*src_stats_fn)(void *arg, const struct src_table_stats *stats);

/* The statistics of every table that filter takes; in no order. */
NODISCARD enum err src_table_stats(struct src_session *s, const struct src_server *sv,
                                   src_table_filter filter, src_stats_fn each, void *arg,
                                   struct errmsg *em);

/*
 * MySQL without GTIDs: waits until every statement on a table that filter takes
 * is visible to what is read next, if the binlog has it now. information_schema
 * does not show it as long as its commit hangs; but the statement holds the
 * table's lock until then, and what opens the table for its statistics waits.
 * Of other servers nothing is asked: MariaDB's information_schema takes that
 * lock itself, and with MySQL's GTIDs src_server_executed() tells.
 */
NODISCARD enum err src_catalog_settle(struct src_session *s, const struct src_server *sv,
                                      src_table_filter filter, void *arg, struct errmsg *em);
