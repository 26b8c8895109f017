/*
 * Shared by the files of ddl_apply*.c: a definition while it is changed.
 *
 * Columns and keys are lists in the order of the table. A key's parts point at
 * columns, so that they follow moves, renames and changes of type.
 */
#pragma once

#include "schema/ddl_apply.h"

struct draft_column {
    struct column_def def;
    struct draft_column *instead; /* what MODIFY puts in the place of this one; else NULL */
    bool dropped;
    uint16_t index;       /* in the finished definition */
    uint32_t chars;       /* how many the column takes, for a prefix to be shorter than */
    uint32_t bytes;       /* the same in bytes, UINT32_MAX for BLOB and TEXT */
    uint64_t width;       /* bytes that values have at most, of BLOB and TEXT too */
    uint32_t label_bytes; /* of the number of an ENUM's or SET's label; else 0 */
    bool geometry;
    bool point;
    bool blob; /* BLOB, TEXT, JSON, GEOMETRY: a key needs a prefix */
    bool text; /* its keys may have prefixes */
    bool row_end;
};

struct draft_part {
    struct draft_column *column;
    uint32_t prefix; /* in characters; 0: whole */
    bool settled;    /* stood in the key before, over the same type */
};

struct draft_key {
    struct slice name;
    struct slice was;       /* its name before the statement, by which that calls it */
    enum ddl_key_kind kind; /* as the statement calls a new one */
    bool primary;
    bool unique;
    bool old;      /* was there before the statement */
    bool has_null; /* when the server sorts: some column may be NULL */
    bool was_null; /* the same when it sorted before */
    bool fulltext; /* FULLTEXT, SPATIAL, VECTOR */
    bool hash;     /* shown as HASH */
    bool last;     /* sorted as a hash: MariaDB goes by what an old key was before */
    bool using_hash;
    bool using_btree;
    bool generated;
    bool dropped;
    bool inexact; /* some part is not known, or an expression */
    bool prefix_unknown;
    bool shortened; /* a geometry was given a prefix: such a key begins as a hash (MariaDB) */
    bool expression_first; /* its first part is an expression, and so is its name */
    uint32_t order;        /* in which keys were met */
    uint32_t part_count;
    struct draft_part *parts;
};

struct draft {
    const struct ddl_statement *st;
    const struct ddl_rules *rules;
    struct arena *arena;
    struct errmsg *why;
    struct slice database;
    struct slice name;
    struct slice engine;
    bool engine_changed;
    bool indexes_unknown; /* the definition does not tell keys that are not unique */
    struct slice collation;
    struct slice converted; /* CONVERT TO: the collation; else len 0 */
    bool system_versioned;
    bool sequence;
    uint32_t column_count;
    uint32_t column_cap;
    struct draft_column **columns;
    uint32_t key_count;
    uint32_t key_cap;
    struct draft_key **keys;
    struct slice period; /* PERIOD FOR period (start, end), if this statement says so */
    struct slice period_start;
    struct slice period_end;
};

/* "table shop.item: ..."; returns e. */
enum err draft_fail(struct draft *d, enum err e, const char *fmt, ...) PRINTF(3, 4);

/* NULL: none of that name. */
struct draft_column *draft_column_find(const struct draft *d, struct slice name);
struct draft_key *draft_key_find(const struct draft *d, struct slice name);

/* Makes room for one more pointer in a list of the arena. */
NODISCARD enum err draft_grow(struct draft *d, void *items, uint32_t *cap, uint32_t count);

/* ---- ddl_apply_column.c ---- */

/* A column as a statement defines it. */
NODISCARD enum err draft_column_new(struct draft *d, const struct ddl_column *c,
                                    struct draft_column **out);

/* A column as a definition has it. */
NODISCARD enum err draft_column_keep(struct draft *d, const struct column_def *c,
                                     struct draft_column **out);

/* CONVERT TO d->converted. */
NODISCARD enum err draft_column_convert(struct draft *d, struct draft_column *c);

/* ---- ddl_apply_key.c ---- */

/* The keys of a definition; old: what its columns have become. */
NODISCARD enum err draft_keys_keep(struct draft *d, const struct table_def *def,
                                   struct draft_column *const *old);

/* All actions on keys, in the order of the statement, once the columns stand. */
NODISCARD enum err draft_keys_change(struct draft *d);

/* Names, order, prefixes and kinds of all keys; primary keys make columns NOT NULL. */
NODISCARD enum err draft_keys_finish(struct draft *d);
