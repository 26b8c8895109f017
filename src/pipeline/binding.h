/*
 * A table as the pipeline carries it: one version of its definition with
 * everything that was worked out from it, and where its rows go.
 *
 * Immutable and reference-counted; batches in flight keep old versions alive.
 * Made by the reader; any thread may ref and unref.
 */
#pragma once

#include "encode/format.h"
#include "encode/key.h"
#include "mysqlproto/binlog/row_plan.h"
#include "pipeline/counters.h"
#include "rules/shape.h"
#include "schema/table.h"
#include "snapshot/copy_table.h"

#include <stdatomic.h>

struct binding {
    atomic_uint refs;
    struct table *table;
    struct row_plan *plan; /* NULL: its rows come from the full copy alone */
    struct copy_table *copy; /* of INIT rows; NULL: none */
    struct format_table format;
    struct shape *shape; /* how its rows go out */
    size_t object;       /* index of the entry of objects that took it */
    struct key_table *key;
    bool record_key;                     /* the table has an identity, and records carry it */
    char *topic;                         /* name */
    uint32_t topic_index;                /* the task's topics count from 0 */
    struct table_counter *table_counter; /* live as long as the process; NULL: not counted */
    struct topic_counter *topic_counter;
    int32_t partitions; /* of the topic */
    /* Cells that routing looks at: the partition columns and, where a change of them splits an
     * UPDATE, the identity; ascending, as row_decode_columns() takes them. */
    uint32_t probe_count;
    uint16_t *probe_columns;
    uint32_t partition_count; /* columns that choose the partition; 0: the hash needs none */
    uint16_t *partition_at;   /* of each: its index in probe_columns, in the order of the hash */
    bool split;               /* an UPDATE that changes a probe becomes DELETE and INSERT */
};

static inline void binding_ref(struct binding *b)
{
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed); /* the caller holds one */
}

void binding_unref(struct binding *b);
