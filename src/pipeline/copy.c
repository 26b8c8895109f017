#include "pipeline/copy_int.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "net/loop.h"
#include "pipeline/counters.h"

#include <stdlib.h>
#include <string.h>

enum err copy_new(const struct copy_options *o, struct copy **out, struct errmsg *em)
{
    struct copy *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory for the copy");
    c->o = *o;
    c->bytes_max = o->task->limits.memory / 8;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
    writer_init(&c->scratch, SIZE_MAX);
    *out = c;
    return ERR_OK;
}

void copy_range_free(struct copy_range *r)
{
    free(r->after);
    free(r->upto);
    copy_mark_fini(&r->opened);
    chunk_free(r->chunk);
    touched_fini(&r->touched);
    free(r);
}

static void free_ranges(struct copy_entry *e)
{
    while (e->ranges != NULL) {
        struct copy_range *r = e->ranges;
        e->ranges = r->next;
        copy_range_free(r);
    }
}

static void entry_free(struct copy_entry *e)
{
    free_ranges(e);
    free(e->planned);
    free(e->frontier);
    copy_table_unref(e->table);
    binding_unref(e->binding);
    free(e);
}

static void free_entries(struct copy_entry *e)
{
    while (e != NULL) {
        struct copy_entry *next = e->next;
        entry_free(e);
        e = next;
    }
}

void copy_free(struct copy *c)
{
    if (c == NULL)
        return;
    copy_stop(c);
    copy_workers_join(c->workers);
    /* Chunks first: their frames lie in the workers' pools. */
    while (c->given != NULL) {
        struct chunk *chunk = c->given;
        c->given = chunk->next;
        chunk_free(chunk);
    }
    for (struct copy_entry *e = c->first; e != NULL; e = e->next)
        free_ranges(e);
    copy_workers_free(c->workers);
    free_entries(c->first);
    free_entries(c->over);
    writer_fini(&c->scratch);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static size_t bucket_of(struct slice database, struct slice name)
{
    return hash_item(hash_item(HASH_START, database), name) % COPY_BUCKETS;
}

struct copy_entry *copy_find(const struct copy *c, struct slice database, struct slice name)
{
    struct copy_entry *e = c->buckets[bucket_of(database, name)];
    while (e != NULL && !(slice_eq(e->name, name) && slice_eq(e->database, database)))
        e = e->same_hash;
    return e;
}

static struct copy_entry *entry_new(struct copy *c, struct slice database, struct slice name)
{
    struct copy_entry *e = calloc(1, sizeof(*e) + database.len + name.len);
    if (e == NULL)
        return NULL;
    e->counter = counters_table(c->o.counters, database, name);
    if (e->counter == NULL) {
        free(e);
        return NULL;
    }
    uint8_t *text = (uint8_t *)(e + 1);
    memcpy(text, database.ptr, database.len);
    memcpy(text + database.len, name.ptr, name.len);
    e->database = slice_of(text, database.len);
    e->name = slice_of(text + database.len, name.len);
    return e;
}

/* Tables without a key come first: the stream has to stand for them. */
static void link_entry(struct copy *c, struct copy_entry *e)
{
    struct copy_entry *before = e->keyless ? NULL : c->last;
    e->prev = before;
    e->next = before != NULL ? before->next : c->first;
    *(before != NULL ? &before->next : &c->first) = e;
    *(e->next != NULL ? &e->next->prev : &c->last) = e;
    e->over = false;
}

static void insert(struct copy *c, struct copy_entry *e)
{
    struct copy_entry **bucket = &c->buckets[bucket_of(e->database, e->name)];
    e->same_hash = *bucket;
    *bucket = e;
    link_entry(c, e);
    c->begun += e->begun;
}

void copy_retire(struct copy *c, struct copy_entry *e)
{
    if (e->over)
        return;
    *(e->prev != NULL ? &e->prev->next : &c->first) = e->next;
    *(e->next != NULL ? &e->next->prev : &c->last) = e->prev;
    c->begun -= e->begun;
    e->begun = false;
    e->over = true;
    e->next = c->over;
    e->prev = NULL;
    if (c->over != NULL)
        c->over->prev = e;
    c->over = e;
}

/* It is to be copied again. */
static void revive(struct copy *c, struct copy_entry *e)
{
    if (!e->over)
        return;
    *(e->prev != NULL ? &e->prev->next : &c->over) = e->next;
    if (e->next != NULL)
        e->next->prev = e->prev;
    link_entry(c, e);
}

void copy_mark_dirty(struct copy *c, struct copy_entry *e)
{
    if (!e->dirty) {
        e->dirty = true;
        e->next_dirty = c->dirty;
        c->dirty = e;
    }
    atomic_store(&c->unsaved, true);
}

void copy_mark_sweep(struct copy *c, struct copy_entry *e)
{
    if (!e->sweepable) {
        e->sweepable = true;
        e->next_sweep = c->sweeps;
        c->sweeps = e;
    }
    atomic_store(&c->news, true);
}

void copy_mark_begun(struct copy *c, struct copy_entry *e)
{
    c->begun += !e->begun && !e->over;
    e->begun = !e->over;
}

/* Whether some unique key is an identity, as table_resolve() chooses it. */
static bool has_identity(const struct table_def *def)
{
    for (uint32_t i = 0; i < def->key_count; i++) {
        const struct key_def *k = &def->keys[i];
        bool usable = !k->has_prefix && k->part_count > 0;
        for (uint32_t p = 0; p < k->part_count; p++)
            usable = usable && !def->columns[k->parts[p]].nullable;
        if (usable)
            return true;
    }
    return false;
}

enum err copy_add(struct copy *c, const struct ckpt *ckpt, const struct table_def *def,
                  uint64_t rows, struct errmsg *em)
{
    if (copy_find(c, def->database, def->name) != NULL)
        return ERR_OK;
    struct slice known;
    bool found = false;
    enum err err = copy_entry_fact(def->database, def->name, ckpt, &known, &found);
    struct copy_entry *e = err == ERR_OK ? entry_new(c, def->database, def->name) : NULL;
    if (e == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory for the copy of a table");
    e->keyless = !has_identity(def);
    atomic_store(&e->counter->copy_estimate, rows);
    e->small = rows < c->o.task->full.chunk_rows;
    if (found)
        err = copy_entry_recall(c, e, known);
    e->begun = e->ranges != NULL || e->frontier != NULL;
    if (err != ERR_OK) {
        entry_free(e);
        return errmsg_set(em, ERR_STATE_DAMAGED,
                          "%s: what the checkpoint says of the copy of %.*s.%.*s cannot be used",
                          c->o.task->state_dir, SLICE_ARG(def->database), SLICE_ARG(def->name));
    }
    if (e->status == ENTRY_COPIED) {
        atomic_store(&e->counter->copy_state, COPY_DONE);
        entry_free(e);
        return ERR_OK;
    }
    if (e->keyless && c->o.task->full.keyless == CONF_KEYLESS_SKIP) {
        log_warn("copy.skipped",
                 "table=%.*s.%.*s note=\"it has no usable key, and full.keyless is skip: its rows "
                 "are not copied\"",
                 SLICE_ARG(def->database), SLICE_ARG(def->name));
        atomic_store(&e->counter->copy_state, COPY_SKIPPED);
        entry_free(e);
        return ERR_OK;
    }
    if (e->keyless && c->o.task->full.keyless == CONF_KEYLESS_UNLOCKED)
        log_warn("copy.unlocked",
                 "table=%.*s.%.*s note=\"it has no usable key, and full.keyless is unlocked: rows "
                 "that are written while it is read may come twice\"",
                 SLICE_ARG(def->database), SLICE_ARG(def->name));
    insert(c, e);
    atomic_store(&e->counter->copy_state, COPY_WAITING);
    atomic_store(c->o.copying, true);
    atomic_fetch_add(&c->left, 1);
    return ERR_OK;
}

bool copy_is_done(const struct copy *c, const struct ckpt *ckpt, struct slice database,
                  struct slice table)
{
    struct slice fact;
    bool found = false;
    if (copy_entry_fact(database, table, ckpt, &fact, &found) != ERR_OK || !found ||
        !copy_fact_is_done(fact))
        return false;
    struct table_counter *n = counters_table(c->o.counters, database, table);
    if (n != NULL)
        atomic_store(&n->copy_state, COPY_DONE);
    return true;
}

bool copy_knows(const struct copy *c, const struct ckpt *ckpt, struct slice database,
                struct slice table)
{
    struct slice fact;
    bool found = false;
    return copy_find(c, database, table) != NULL ||
           (copy_entry_fact(database, table, ckpt, &fact, &found) == ERR_OK && found);
}

enum err copy_enter(struct copy *c, struct slice database, struct slice name, bool copied)
{
    struct copy_entry *e = copy_find(c, database, name);
    if (e != NULL && (copied || e->status != ENTRY_COPIED))
        return ERR_OK;
    if (e == NULL && (e = entry_new(c, database, name)) == NULL)
        return ERR_NO_MEMORY;
    pthread_mutex_lock(&c->lock);
    if (copy_find(c, database, name) == NULL)
        insert(c, e);
    revive(c, e);
    e->status = copied ? ENTRY_COPIED : ENTRY_WAITING;
    e->planned_all = e->opened_all = copied;
    e->pass = !copied; /* another table's rows may be at the consumer under this name */
    copy_mark_dirty(c, e);
    copy_mark_sweep(c, e);
    atomic_store(&e->counter->copy_state, copied ? COPY_DONE : COPY_WAITING);
    if (!copied) {
        atomic_fetch_add(&c->left, 1);
        atomic_store(c->o.copying, true);
    }
    pthread_mutex_unlock(&c->lock);
    return ERR_OK;
}

static enum err start_workers(struct copy *c, struct errmsg *em)
{
    const struct conf_full *full = &c->o.task->full;
    size_t memory = c->o.task->limits.memory;
    size_t chunk = memory / 16 / full->connections;
    struct copy_workers_options o = {
        .source = c->o.source,
        .server = c->o.server,
        .ops = copy_work_ops(c),
        .connections = full->connections,
        .chunk_bytes = chunk < (128u << 10) ? 128u << 10 : chunk,
        .row_max = memory / 4,
        .frame_size = 64u << 10,
        .pool_bytes = memory * 3 / 8,
        .retry_ms = c->o.task->retry.other_ms,
        .keyless = full->keyless == CONF_KEYLESS_LOCK ? COPY_KEYLESS_LOCK : COPY_KEYLESS_UNLOCKED,
        .lock_wait_ms = 2000,
        .stop = c->o.stop,
    };
    log_info("copy.start", "tables=%u connections=%u", atomic_load(&c->left), full->connections);
    atomic_store(&c->news, true); /* the first tables are to be prepared */
    net_loop_wake(c->o.loop);
    return copy_workers_start(&o, &c->workers, em);
}

/* No chunk is anywhere, so no frame of the workers is. */
static bool is_idle(struct copy *c)
{
    pthread_mutex_lock(&c->lock);
    bool idle = c->given == NULL;
    for (const struct copy_entry *e = c->first; e != NULL && idle; e = e->next)
        idle = e->ranges == NULL;
    pthread_mutex_unlock(&c->lock);
    return idle;
}

enum err copy_tend(struct copy *c, struct errmsg *em)
{
    bool finished = copy_finished(c);
    if (c->workers == NULL)
        return finished ? ERR_OK : start_workers(c, em);
    if (finished && copy_workers_ended(c->workers) && is_idle(c)) {
        copy_workers_free(c->workers);
        c->workers = NULL;
        log_info("copy.done", "note=\"the rows of all tables are acknowledged\"");
    }
    return ERR_OK;
}

void copy_stop(struct copy *c)
{
    pthread_mutex_lock(&c->lock);
    c->stopped = true;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

bool copy_finished(const struct copy *c)
{
    return atomic_load(&c->left) == 0;
}

void copy_set_status(struct copy *c, struct copy_entry *e, enum entry_status status)
{
    if (e->status == status)
        return;
    c->readable -= e->status == ENTRY_READABLE;
    c->readable += status == ENTRY_READABLE;
    e->status = status;
    pthread_cond_broadcast(&c->changed);
    struct table_counter *n = e->counter;
    if (status == ENTRY_READABLE && count_of(&n->copy_began_ms) == 0) {
        atomic_store(&n->copy_state, COPY_RUNNING);
        atomic_store(&n->copy_rows_before, count_of(&n->copy_rows));
        atomic_store(&n->copy_began_ms, clock_mono_ms());
    }
    if (status != ENTRY_COPIED)
        return;
    atomic_store(&n->copy_state, COPY_DONE);
    uint32_t left = atomic_fetch_sub(&c->left, 1) - 1;
    atomic_store(c->o.copying, left > 0);
    log_info("copy.table", "table=%.*s.%.*s rows=%llu left=%u", SLICE_ARG(e->database),
             SLICE_ARG(e->name), (unsigned long long)count_of(&n->copy_rows), left);
}

enum err copy_key_copy(const struct copy_key *from, struct copy_key **out)
{
    *out = NULL;
    if (from == NULL)
        return ERR_OK;
    struct writer w;
    writer_init(&w, SIZE_MAX);
    copy_key_put(from, &w);
    struct reader r = reader_of(writer_slice(&w));
    enum err e = w.err != ERR_OK ? w.err : copy_key_parse(&r, out);
    writer_fini(&w);
    return e;
}

enum err copy_mark_copy(struct copy_mark *to, const struct copy_mark *from)
{
    memcpy(to->file, from->file, sizeof(to->file));
    to->offset = from->offset;
    return my_gtid_set_copy(&to->set, &from->set);
}

bool copy_key_same(const struct copy_key *a, const struct copy_key *b)
{
    return a == NULL || b == NULL ? a == b : copy_key_equal(a, b);
}
