#include "snapshot/worker_int.h"

#include "base/clock.h"
#include "base/frame.h"
#include "base/log.h"
#include "net/loop.h"
#include "snapshot/marks.h"

#include <stdlib.h>

#define KEY_FRAME      (32u << 10) /* a row of a key, several times over */
#define KEY_POOL       (8 * KEY_FRAME)
#define SCRATCH_MAX    (16u << 20) /* what the key of one row may need */
#define FIRST_ROWS     256         /* of a table whose rows' size is not known */
#define ROWS_DEFAULT   10000
#define BACKOFF_MS     50
#define BACKOFF_MAX_MS 5000

/* ---- how many rows ---- */

/* A range that is cut into so many rows may have got some more since: hence the limit. */
uint32_t worker_rows(const struct worker *w, const struct copy_work *work, uint32_t *limit)
{
    uint32_t wanted = work->rows_wanted > 0 ? work->rows_wanted : ROWS_DEFAULT;
    unsigned size = atomic_load_explicit(&work->chunk->table->row_bytes, memory_order_relaxed);
    size_t fit = size > 0 ? w->o->chunk_bytes / 8 * 7 / size : work->small ? wanted : FIRST_ROWS;
    fit = fit > 0 ? fit : 1;
    uint32_t rows = fit < wanted ? (uint32_t)fit : wanted;
    /* Rows behind the last that fits are read by the server for nothing. */
    bool tight = rows < wanted;
    *limit = rows < UINT32_MAX / 4 ? rows + rows / (tight ? 8 : 2) + 1 : rows;
    return rows;
}

/* ---- what becomes of a chunk ---- */

enum err worker_pace(struct worker *w, uint32_t queries, uint64_t rows, uint64_t bytes)
{
    const struct copy_ops *ops = &w->o->ops;
    return ops->pace == NULL ? ERR_OK : ops->pace(ops->arg, queries, rows, bytes);
}

enum err worker_give(struct worker *w, struct chunk *c)
{
    uint64_t rows = c->row_count, bytes = c->bytes;
    TRY(w->o->ops.give(w->o->ops.arg, c));
    return worker_pace(w, 0, rows, bytes);
}

static enum err drop(struct worker *w, struct chunk *c, enum err e)
{
    w->o->ops.drop(w->o->ops.arg, c);
    return e;
}

static enum err give_failed(struct worker *w, struct chunk *c, enum err e, uint16_t sql_error)
{
    const struct copy_table *t = c->table;
    char after[160] = "the beginning", upto[160] = "the end";
    if (c->after != NULL)
        copy_key_text(t->table, t->key, c->after, after, sizeof(after));
    if (c->upto != NULL)
        copy_key_text(t->table, t->key, c->upto, upto, sizeof(upto));
    if (t->key_count > 0)
        errmsg_prefix(&w->em, "copy of table %.*s.%.*s, rows behind %s up to %s",
                      SLICE_ARG(t->table->database), SLICE_ARG(t->table->name), after, upto);
    else
        errmsg_prefix(&w->em, "copy of table %.*s.%.*s", SLICE_ARG(t->table->database),
                      SLICE_ARG(t->table->name));
    chunk_drop_rows(c);
    c->err = e;
    c->sql_error = sql_error;
    c->em = w->em;
    return w->o->ops.give(w->o->ops.arg, c);
}

/* The statement that changed the table is in the binlog before its end now. */
static enum err mark_change(struct worker *w, struct chunk *c)
{
    struct errmsg why = w->em;
    TRY(worker_connect(w));
    TRY(copy_mark_place(w->s, w->o->server, &c->high, &w->em));
    w->em = why;
    return ERR_OK;
}

/* Waits before the next attempt. ERR_TIMEOUT: it has been tried for long enough. */
static enum err back_off(struct worker *w, struct worker_outage *o, const struct table *t,
                         enum err e)
{
    uint64_t now = clock_mono_ms();
    if (o->since_ms == 0) {
        char text[512];
        *o = (struct worker_outage){.since_ms = now, .backoff_ms = BACKOFF_MS};
        log_warn("copy.retry", "table=%.*s.%.*s error=%s text=%s", SLICE_ARG(t->database),
                 SLICE_ARG(t->name), err_name(e), log_quote(text, sizeof(text), w->em.text));
    }
    if (now - o->since_ms >= w->o->retry_ms)
        return ERR_TIMEOUT;
    TRY(worker_sleep(w, o->backoff_ms));
    o->backoff_ms = o->backoff_ms < BACKOFF_MAX_MS / 2 ? o->backoff_ms * 2 : BACKOFF_MAX_MS;
    return ERR_OK;
}

/* A snapshot is not kept while nobody reads. */
static bool roll_back(struct worker *w)
{
    struct errmsg why;
    return src_session_alive(w->s) && src_execute(w->s, &why, "ROLLBACK") == ERR_OK;
}

/*
 * The source may have refused the condition and not the table: a value that is
 * out of range, say. What a lane makes of that row is what counts.
 */
static bool refuses_condition(struct worker *w, const struct chunk *c, enum err e)
{
    char text[512];
    if (e != ERR_SOURCE_SQL || !w->filters)
        return false;
    w->filters = false;
    log_warn("copy.unfiltered",
             "table=%.*s.%.*s note=\"the source is not asked to filter\" text=%s",
             SLICE_ARG(c->table->table->database), SLICE_ARG(c->table->table->name),
             log_quote(text, sizeof(text), w->em.text));
    copy_table_read_whole(c->table);
    return true;
}

enum err worker_settle(struct worker *w, struct chunk *c, struct worker_outage *o, enum err e,
                       bool *again)
{
    uint16_t sql_error = w->s != NULL ? src_session_error_code(w->s) : 0;
    enum worker_verdict verdict = worker_judge(w, e);
    *again = false;
    if (w->s != NULL && !roll_back(w))
        worker_disconnect(w);
    if (verdict == WORKER_CHANGED) {
        enum err marked = mark_change(w, c);
        if (marked == ERR_OK)
            return give_failed(w, c, ERR_TABLE_MISMATCH, sql_error);
        e = marked;
        verdict = worker_judge(w, e);
    }
    if (verdict == WORKER_RETRY && o != NULL) {
        struct errmsg why = w->em;
        enum err waited = back_off(w, o, c->table->table, e);
        w->em = why;
        *again = waited == ERR_OK;
        if (*again)
            return ERR_OK;
        verdict = waited == ERR_STOPPED ? WORKER_STOP : WORKER_FAIL;
    }
    if (verdict == WORKER_STOP)
        return drop(w, c, ERR_STOPPED);
    *again = o != NULL && refuses_condition(w, c, e);
    if (*again)
        return ERR_OK;
    return give_failed(w, c, e, sql_error);
}

/* ---- a chunk of a table with a key ---- */

struct attempt {
    struct copy_work *work;
    bool bounded; /* upto is known */
    bool opened;
    bool stale; /* open() says that this is not the definition any more */
};

static enum err open_range(struct worker *w, struct attempt *a)
{
    enum err e = w->o->ops.open(w->o->ops.arg, a->work->chunk);
    a->opened = e == ERR_OK;
    a->stale = e == ERR_TABLE_MISMATCH;
    return e;
}

static enum err attempt(struct worker *w, struct attempt *a)
{
    struct chunk *c = a->work->chunk;
    uint32_t limit, rows = worker_rows(w, a->work, &limit);
    TRY(worker_wait_room(w));
    TRY(worker_connect(w));
    if (!a->bounded) {
        TRY(worker_pace(w, 1, 0, 0));
        TRY(worker_find_bound(w, c, rows, &c->upto));
        c->range_rows = c->upto != NULL ? rows : 0;
        a->bounded = true;
    }
    TRY(worker_pace(w, 1, 0, 0));
    if (!a->opened)
        TRY(open_range(w, a));
    return worker_read_chunk(w, c, limit);
}

enum err worker_copy_chunk(struct worker *w, struct copy_work *work, bool opened)
{
    struct attempt a = {.work = work, .bounded = work->upto_known || opened, .opened = opened};
    struct worker_outage outage = {0};
    for (;;) {
        bool again;
        enum err e = attempt(w, &a);
        if (e == ERR_OK)
            return worker_give(w, work->chunk);
        if (a.stale)
            return drop(w, work->chunk, ERR_OK);
        e = worker_settle(w, work->chunk, &outage, e, &again);
        if (!again)
            return e;
    }
}

/* ---- threads ---- */

static enum err run(struct worker *w)
{
    for (;;) {
        struct copy_work work = {0};
        TRY(w->o->ops.take(w->o->ops.arg, &work));
        if (work.chunk->table->key_count == 0)
            TRY(worker_copy_keyless(w, work.chunk));
        else if (work.small && w->o->ops.take_more != NULL)
            TRY(worker_copy_small(w, &work));
        else
            TRY(worker_copy_chunk(w, &work, false));
    }
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    enum err e = run(w);
    if (e != ERR_STOPPED)
        log_error("copy.worker", "error=%s", err_name(e));
    worker_disconnect(w);
    if (w->spare != NULL)
        frame_unref(w->spare);
    w->spare = NULL;
    atomic_fetch_sub_explicit(&w->all->running, 1, memory_order_release);
    return NULL;
}

static void wake(void *arg)
{
    net_loop_wake(arg);
}

static enum err worker_init(struct worker *w, struct copy_workers *all, struct errmsg *em)
{
    const struct copy_workers_options *o = &all->o;
    size_t least = o->row_max + 3 * o->frame_size; /* one row can always be had */
    w->all = all;
    w->o = o;
    row_scratch_init(&w->scratch, SCRATCH_MAX);
    TRY(net_loop_new(NET_AUTO, &w->loop, em));
    w->pool =
        frame_pool_new(o->frame_size, o->pool_bytes > least ? o->pool_bytes : least, wake, w->loop);
    w->key_pool = frame_pool_new(KEY_FRAME, KEY_POOL, NULL, NULL);
    if (w->pool == NULL || w->key_pool == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "no memory for the copy's frames");
    return ERR_OK;
}

static enum err start_all(struct copy_workers *all, struct errmsg *em)
{
    for (uint32_t i = 0; i < all->count; i++)
        TRY(worker_init(&all->workers[i], all, em));
    for (uint32_t i = 0; i < all->count; i++) {
        struct worker *w = &all->workers[i];
        atomic_fetch_add_explicit(&all->running, 1, memory_order_relaxed);
        if (pthread_create(&w->thread, NULL, worker_main, w) != 0) {
            atomic_fetch_sub_explicit(&all->running, 1, memory_order_relaxed);
            /* Those that run can do the work of all. */
            return i > 0 ? ERR_OK
                         : errmsg_set(em, ERR_SYSTEM, "a thread of the copy cannot be started");
        }
        w->started = true;
    }
    return ERR_OK;
}

enum err copy_workers_start(const struct copy_workers_options *o, struct copy_workers **out,
                            struct errmsg *em)
{
    struct copy_workers *all = calloc(1, sizeof(*all));
    uint32_t count = o->connections > 0 ? o->connections : 1;
    if (all != NULL)
        all->workers = calloc(count, sizeof(*all->workers));
    if (all == NULL || all->workers == NULL) {
        free(all);
        return errmsg_set(em, ERR_NO_MEMORY, "no memory for the copy's workers");
    }
    all->o = *o;
    if (all->o.row_max == 0)
        all->o.row_max = o->pool_bytes / 3 * 2;
    all->count = count;
    enum err e = start_all(all, em);
    if (e != ERR_OK) {
        copy_workers_free(all);
        return e;
    }
    *out = all;
    return ERR_OK;
}

bool copy_workers_ended(const struct copy_workers *all)
{
    return atomic_load_explicit(&all->running, memory_order_acquire) == 0;
}

static void wake_all(struct copy_workers *all)
{
    for (uint32_t i = 0; i < all->count; i++)
        if (all->workers[i].loop != NULL)
            net_loop_wake(all->workers[i].loop);
}

void copy_workers_join(struct copy_workers *all)
{
    if (all == NULL)
        return;
    wake_all(all);
    for (uint32_t i = 0; i < all->count; i++) {
        struct worker *w = &all->workers[i];
        if (w->started)
            pthread_join(w->thread, NULL);
        w->started = false;
    }
}

void copy_workers_free(struct copy_workers *all)
{
    if (all == NULL)
        return;
    copy_workers_join(all);
    for (uint32_t i = 0; i < all->count; i++) {
        struct worker *w = &all->workers[i];
        frame_pool_free(w->pool);
        frame_pool_free(w->key_pool);
        row_scratch_fini(&w->scratch);
        my_gtid_set_fini(&w->executed);
        free(w->params);
        net_loop_free(w->loop);
    }
    free(all->workers);
    free(all);
}
