/*
 * What is counted for each table and each topic, as long as the process lives.
 *
 * An entry is looked up (or made) when a table or topic is met, and stays where
 * it is until the end, so whoever counts keeps the pointer: a binding does for
 * the row path. Counting is a relaxed atomic addition per rows event or per
 * batch, never per row.
 *
 * Entries are never taken out; past COUNTERS_MAX of a kind all further ones
 * share the entry named "*", so that a source with endless tables does not
 * make the lists endless.
 *
 * Any thread.
 */
#pragma once

#include "base/slice.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#define COUNTERS_MAX     20000
#define COUNTERS_BUCKETS 2048 /* a power of two */

enum copy_state { COPY_NONE, COPY_WAITING, COPY_RUNNING, COPY_DONE, COPY_SKIPPED };

struct table_counter {
    struct table_counter *next;
    struct table_counter *same_hash;
    char *database;
    char *table;
    /* changes read from the binlog, by enum change_op: INSERT, UPDATE, DELETE */
    _Atomic uint64_t inserted;
    _Atomic uint64_t updated;
    _Atomic uint64_t deleted;
    /* the full copy */
    _Atomic uint32_t copy_state;       /* enum copy_state */
    _Atomic uint64_t copy_rows;        /* handed over */
    _Atomic uint64_t copy_estimate;    /* rows in all, as guessed when it began; 0: not known */
    _Atomic uint64_t copy_began_ms;    /* monotonic; 0: not in this process */
    _Atomic uint64_t copy_rows_before; /* copy_rows when it began in this process */
};

struct topic_counter {
    struct topic_counter *next;
    struct topic_counter *same_hash;
    char *name;
    _Atomic uint64_t messages; /* produced */
    _Atomic uint64_t bytes;    /* of their keys and values */
};

struct counters {
    pthread_mutex_t lock; /* for looking up and adding */
    uint32_t table_count;
    uint32_t topic_count;
    _Atomic(struct table_counter *) tables; /* newest first; walked without the lock */
    _Atomic(struct topic_counter *) topics;
    struct table_counter *table_buckets[COUNTERS_BUCKETS]; /* under the lock, as all that follows */
    struct topic_counter *topic_buckets[COUNTERS_BUCKETS];
};

void counters_init(struct counters *c);
void counters_fini(struct counters *c);

/* The entry of a name, made where there is none; NULL: out of memory. */
struct table_counter *counters_table(struct counters *c, struct slice database, struct slice table);
struct topic_counter *counters_topic(struct counters *c, struct slice name);

/* The lists, for walking by next. */
static inline struct table_counter *counters_tables(struct counters *c)
{
    return atomic_load_explicit(&c->tables, memory_order_acquire);
}

static inline struct topic_counter *counters_topics(struct counters *c)
{
    return atomic_load_explicit(&c->topics, memory_order_acquire);
}

static inline uint64_t count_of(const _Atomic uint64_t *n)
{
    return atomic_load_explicit(n, memory_order_relaxed);
}

static inline void count(_Atomic uint64_t *n, uint64_t by)
{
    atomic_fetch_add_explicit(n, by, memory_order_relaxed); /* a sum, nothing hangs on its order */
}
