/*
 * A table as the copy reads it: one version of its definition, the key that
 * cuts it into chunks, and the statements that read it.
 *
 * Statements, with "after" and "upto" for a chunk (after, upto]:
 *
 *   rows    SELECT columns FROM t FORCE INDEX (key) WHERE after < key AND key <= upto
 *           ORDER BY key LIMIT n
 *   bound   SELECT key FROM t FORCE INDEX (key) WHERE after < key
 *           ORDER BY key LIMIT 1 OFFSET n
 *
 * With a filter, rows has "AND (condition)" behind the range, so that only rows
 * that pass are sent to us; bounds are found without it, for chunks are ranges
 * of all rows. Where the source refuses a SELECT with the condition (a value
 * out of range in some row), the table is read without it from then on: the
 * filter that counts is the one of the lanes.
 *
 * Comparisons of several columns are written out column by column
 * (a > ? OR (a = ? AND b > ?)), for the servers read a range of an index for
 * that and not for (a, b) > (?, ?); of an ENUM or a small SET the values are
 * listed, for the same reason. The index is named, so that no estimate can lead
 * to reading the whole table or to sorting.
 *
 * The key is the table's identity (schema/table.h): never over a prefix of a
 * column, never with NULL. An identity whose index keeps hashes has no order
 * to read in, so that such a table is copied like one without a key.
 *
 * Immutable but for what is said to be atomic, and reference-counted: any
 * thread may ref and unref.
 */
#pragma once

#include "schema/table.h"
#include "snapshot/key.h"
#include "source/prepared.h"
#include "source/server.h"

#include <stdatomic.h>

struct copy_plan;

struct copy_table {
    atomic_uint refs;
    atomic_uint row_bytes;      /* of a row, as far as was read; 0: none was */
    struct table *table;        /* a reference */
    uint32_t key_count;         /* 0: no usable key; else the identity's columns in key order */
    const uint16_t *key;        /* table->identity */
    bool orderable;             /* copy_key_compare() orders its keys as the server does */
    bool locking;               /* SELECTs are locking reads: MySQL without GTIDs */
    bool snapshot;              /* a consistent snapshot holds for it: InnoDB */
    struct copy_plan *plan;     /* decodes rows */
    struct copy_plan *key_plan; /* decodes bounds; NULL without a key */
    uint32_t param_max;         /* of one of its statements */
    struct cell *choices;       /* numbers, for lists of values; NULL: none has one */
    char *columns;              /* "`id`,`name`" */
    char *key_columns;          /* the same of the key */
    char *from;                 /* "`shop`.`orders`" */
    char *share;                /* "", " FOR SHARE" or " LOCK IN SHARE MODE" */
    char *condition;            /* of the filter; NULL: none */
    atomic_bool whole;          /* it is left out: the source has refused it */
};

/* Takes a reference on t; condition is copied, len 0: none. ERR_UNSUPPORTED with a sentence: a
 * column that cannot be read. */
NODISCARD enum err copy_table_new(const struct src_server *sv, struct table *t,
                                  struct slice condition, struct copy_table **out,
                                  struct errmsg *em);

/* Whether its rows are read with a condition. */
static inline bool copy_table_filters(const struct copy_table *t)
{
    return t->condition != NULL && !atomic_load_explicit(&t->whole, memory_order_relaxed);
}

/* From now on its rows are read without the condition. */
static inline void copy_table_read_whole(struct copy_table *t)
{
    atomic_store_explicit(&t->whole, true, memory_order_relaxed);
}

static inline void copy_table_ref(struct copy_table *t)
{
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed); /* the caller holds one */
}

void copy_table_unref(struct copy_table *t);

/* Appends the texts. Their parameters are those of copy_table_params(), then n as a number. */
void copy_table_rows_sql(const struct copy_table *t, bool after, bool upto, struct writer *w);
void copy_table_bound_sql(const struct copy_table *t, bool after, struct writer *w);

/* The whole table in no order: for tables without a key. No parameters. */
void copy_table_all_sql(const struct copy_table *t, struct writer *w);

/* Fills params for the bounds that are not NULL, and returns how many. They borrow from the keys.
 */
uint32_t copy_table_params(const struct copy_table *t, const struct copy_key *after,
                           const struct copy_key *upto, struct src_param *params);
