/*
 * The definitions of many tables, and what statements make of them.
 *
 *     struct catalog *c;
 *     TRY(catalog_new(&options, &c));
 *     TRY(catalog_put_database(c, name, collation));   as the source shows them
 *     TRY(catalog_put(c, def));
 *     ...
 *     struct catalog_effects fx;
 *     TRY(catalog_apply(c, &statement, &session, &fx, &em));
 *     for (i < fx.count) ...                           what became of which table
 *
 * After catalog_apply() a definition is what information_schema of the server
 * shows after the statement (src/source/catalog.c reads it into the same form).
 * Where that cannot be told from what is known (CREATE TABLE .. SELECT whose
 * columns are not in the text, LIKE of a table that is not here, a statement
 * that was not understood), the table is taken out and its effect is
 * CATALOG_IN_DOUBT, with the reason.
 *
 * Tables that are not in the catalogue are not an error: their effects come
 * without a definition.
 *
 * Names are UTF-8 and compared as lower_case_table_names says. One thread.
 */
#pragma once

#include "schema/ddl.h"
#include "schema/table.h"

struct catalog;

struct catalog_options {
    bool mariadb;
    uint32_t version;               /* 80036, 90704, 101119 */
    uint8_t lower_case_table_names; /* 0, 1, 2 */
};

/*
 * What the text of a statement does not tell. Empty slices: not known; then
 * the server's built-in default is taken.
 */
struct catalog_session {
    struct slice server_collation;   /* collation_server: for CREATE DATABASE without one */
    struct slice database_collation; /* of databases that are not in the catalogue */
    struct slice utf8mb4_collation;  /* default_collation_for_utf8mb4 (MySQL) */
    struct slice engine;             /* default_storage_engine */
    bool failed;                     /* the event has an error code: it ran half way */
    bool implicit_timestamp;         /* explicit_defaults_for_timestamp is OFF */
    bool utf8_is_utf8mb4;            /* MariaDB: old_mode lacks UTF8_IS_UTF8MB3 */
    bool old_temporal;               /* MariaDB: mysql56_temporal_format is OFF */
};

enum catalog_effect_kind {
    CATALOG_CREATED,
    CATALOG_CHANGED, /* columns or keys; also when a statement made no difference */
    CATALOG_RENAMED, /* and perhaps changed */
    CATALOG_DROPPED,
    CATALOG_EMPTIED,  /* rows went away (TRUNCATE, DROP PARTITION) without row events */
    CATALOG_FILLED,   /* rows came (EXCHANGE PARTITION) without row events */
    CATALOG_IN_DOUBT, /* the table may be there, its definition is not known any more */
};

struct catalog_effect {
    enum catalog_effect_kind kind;
    struct slice database; /* the table's name behind the statement; DROPPED: before it */
    struct slice name;
    struct slice old_database; /* RENAMED: before it; else empty */
    struct slice old_name;
    const struct table_def *def; /* borrowed; NULL: none, or not known */
};

/* Borrowed until the next call that changes the catalogue; in the order of the statement. */
struct catalog_effects {
    size_t count;
    const struct catalog_effect *items;
};

NODISCARD enum err catalog_new(const struct catalog_options *o, struct catalog **out);
void catalog_free(struct catalog *c); /* NULL is fine */

/* A database and its default collation ("utf8mb4_0900_ai_ci"). */
NODISCARD enum err catalog_put_database(struct catalog *c, struct slice name,
                                        struct slice collation);

/* The default collation of a database; len 0: not known. */
struct slice catalog_database_collation(const struct catalog *c, struct slice name);

/* A table as it is now; what was there under its name goes. Copied. */
NODISCARD enum err catalog_put(struct catalog *c, const struct table_def *def);

/* Forgets a table. */
void catalog_remove(struct catalog *c, struct slice database, struct slice name);

/* NULL: not here. Borrowed until the table changes. */
const struct table_def *catalog_find(const struct catalog *c, struct slice database,
                                     struct slice name);

size_t catalog_count(const struct catalog *c);

/* Every table, in no order; anything but ERR_OK ends it and is returned. */
typedef enum err (*catalog_fn)(void *arg, const struct table_def *def);
NODISCARD enum err catalog_each(const struct catalog *c, catalog_fn fn, void *arg);

/*
 * Carries a parsed statement out. A statement that ddl_parse() refused may be
 * given too: the tables it may concern get in doubt. *why says for what reason
 * tables are in doubt or do not fit (empty: none are); it may be NULL.
 *
 * A statement that does not fit a definition (it drops a column that is not
 * there) puts the table in doubt: either the definition or the statement is
 * not what held on the server. Errors are of memory only; then the catalogue
 * is as it was, but for tables that come earlier in the statement.
 */
NODISCARD enum err catalog_apply(struct catalog *c, const struct ddl_statement *st,
                                 const struct catalog_session *s, struct catalog_effects *out,
                                 struct errmsg *why);

/*
 * Whether two definitions are the same to the row path and to statements to
 * come. False: *why tells the first difference ("column 3 `qty`: int here,
 * bigint there"); it may be NULL. Keys are compared by name where there is a
 * primary key, else in order. What one side does not know (the collation of a
 * table, keys that are not unique, prefixes) is not compared.
 */
bool catalog_same(const struct table_def *here, const struct table_def *there, struct errmsg *why);

/*
 * Whether a row image that fits both definitions means the same under either:
 * names, types and their parameters, character sets. False: *why tells the
 * first difference; it may be NULL.
 */
bool catalog_same_rows(const struct table_def *here, const struct table_def *there,
                       struct errmsg *why);
