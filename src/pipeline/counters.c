#include "pipeline/counters.h"

#include "base/hash.h"

#include <stdlib.h>

void counters_init(struct counters *c)
{
    *c = (struct counters){0};
    pthread_mutex_init(&c->lock, NULL);
}

void counters_fini(struct counters *c)
{
    for (struct table_counter *t = counters_tables(c), *next; t != NULL; t = next) {
        next = t->next;
        free(t->database);
        free(t->table);
        free(t);
    }
    for (struct topic_counter *t = counters_topics(c), *next; t != NULL; t = next) {
        next = t->next;
        free(t->name);
        free(t);
    }
    pthread_mutex_destroy(&c->lock);
}

static char *copy_of(struct slice s)
{
    return strndup((const char *)s.ptr, s.len);
}

static struct table_counter **table_bucket(struct counters *c, struct slice database,
                                           struct slice table)
{
    uint64_t h = hash_item(hash_item(HASH_START, database), table);
    return &c->table_buckets[h % COUNTERS_BUCKETS];
}

static struct table_counter *find_table(struct counters *c, struct slice database,
                                        struct slice table)
{
    for (struct table_counter *t = *table_bucket(c, database, table); t != NULL; t = t->same_hash)
        if (slice_eq(slice_str(t->table), table) && slice_eq(slice_str(t->database), database))
            return t;
    return NULL;
}

static struct table_counter *add_table(struct counters *c, struct slice database,
                                       struct slice table)
{
    struct table_counter *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return NULL;
    t->database = copy_of(database);
    t->table = copy_of(table);
    if (t->database == NULL || t->table == NULL) {
        free(t->database);
        free(t->table);
        free(t);
        return NULL;
    }
    struct table_counter **bucket = table_bucket(c, database, table);
    t->same_hash = *bucket;
    *bucket = t;
    t->next = counters_tables(c);
    c->table_count++;
    /* Release: an entry is whole before others can see it. */
    atomic_store_explicit(&c->tables, t, memory_order_release);
    return t;
}

struct table_counter *counters_table(struct counters *c, struct slice database, struct slice table)
{
    pthread_mutex_lock(&c->lock);
    struct table_counter *t = find_table(c, database, table);
    if (t == NULL && c->table_count >= COUNTERS_MAX) {
        database = table = SLICE_LIT("*");
        t = find_table(c, database, table);
    }
    if (t == NULL)
        t = add_table(c, database, table);
    pthread_mutex_unlock(&c->lock);
    return t;
}

static struct topic_counter **topic_bucket(struct counters *c, struct slice name)
{
    return &c->topic_buckets[hash_item(HASH_START, name) % COUNTERS_BUCKETS];
}

static struct topic_counter *find_topic(struct counters *c, struct slice name)
{
    for (struct topic_counter *t = *topic_bucket(c, name); t != NULL; t = t->same_hash)
        if (slice_eq(slice_str(t->name), name))
            return t;
    return NULL;
}

static struct topic_counter *add_topic(struct counters *c, struct slice name)
{
    struct topic_counter *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return NULL;
    t->name = copy_of(name);
    if (t->name == NULL) {
        free(t);
        return NULL;
    }
    struct topic_counter **bucket = topic_bucket(c, name);
    t->same_hash = *bucket;
    *bucket = t;
    t->next = counters_topics(c);
    c->topic_count++;
    atomic_store_explicit(&c->topics, t, memory_order_release); /* as above */
    return t;
}

struct topic_counter *counters_topic(struct counters *c, struct slice name)
{
    pthread_mutex_lock(&c->lock);
    struct topic_counter *t = find_topic(c, name);
    if (t == NULL && c->topic_count >= COUNTERS_MAX) {
        name = SLICE_LIT("*");
        t = find_topic(c, name);
    }
    if (t == NULL)
        t = add_topic(c, name);
    pthread_mutex_unlock(&c->lock);
    return t;
}
