/*
 * A table as the copy reads it: one version of its definition, the key that
 * cuts it into chunks, and the statements' texts.
 *
 * Immutable and reference-counted; any thread may ref and unref.
 */
#pragma once

#include "schema/table.h"
#include "source/server.h"

#include <stdatomic.h>

struct copy_plan;

struct copy_table {
    atomic_uint refs;
    struct table *table; /* a reference */
    uint32_t key_count;  /* 0: no usable key; else the identity's columns in key order */
    const uint16_t *key; /* table->identity */
    bool orderable;      /* copy_key_compare() orders its keys as the server does */
    bool locking;        /* SELECTs are locking reads: MySQL without GTIDs */
    struct copy_plan *plan; /* decodes the rows of select */
    char *columns;       /* "`id`,`name`,CAST(`kind` AS UNSIGNED)" */
    char *key_columns;   /* "`id`" */
    char *from;          /* "`shop`.`orders`" */
};

/* Takes a reference on t. ERR_UNSUPPORTED with a sentence: a column that cannot be read. */
NODISCARD enum err copy_table_new(const struct src_server *sv, struct table *t,
                                  struct copy_table **out, struct errmsg *em);

static inline void copy_table_ref(struct copy_table *t)
{
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed); /* the caller holds one */
}

void copy_table_unref(struct copy_table *t);
