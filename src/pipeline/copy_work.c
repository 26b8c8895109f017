/*
 * What workers call: for work, with questions to the reader, with chunks.
 * Threads: the workers'.
 */
#include "pipeline/copy_int.h"

#include "base/clock.h"
#include "net/loop.h"
#include "pipeline/counters.h"
#include "pipeline/guard.h"

#include <time.h>

/* There is something for the reader. Under the lock. */
static void tell_reader(struct copy *c)
{
    atomic_store(&c->news, true);
    net_loop_wake(c->o.loop);
}

/* A chunk of e that is not opened yet. */
static enum err new_chunk(struct copy_entry *e, const struct copy_key *after,
                          const struct copy_key *upto, struct copy_work *out)
{
    struct chunk *chunk;
    TRY(chunk_new(e->table, &chunk));
    chunk->owner = e;
    enum err err = copy_key_copy(after, &chunk->after);
    if (err == ERR_OK)
        err = copy_key_copy(upto, &chunk->upto);
    if (err != ERR_OK) {
        chunk_free(chunk);
        return err;
    }
    out->chunk = chunk;
    return ERR_OK;
}

/* Nothing of it was taken yet, and one chunk is thought to do. */
static bool is_small(const struct copy_entry *e)
{
    return e->small && !e->keyless && e->planned == NULL && !e->planned_all && !e->planning &&
           e->ranges == NULL;
}

/* *found: there is something to read in e. */
static enum err work_of(struct copy *c, struct copy_entry *e, struct copy_work *out, bool *found)
{
    out->rows_wanted = (uint32_t)c->o.task->full.chunk_rows;
    for (struct copy_range *r = e->ranges; r != NULL; r = r->next) {
        if (!r->wanted || r->taken)
            continue;
        TRY(new_chunk(e, r->after, r->upto, out));
        out->upto_known = true;
        out->chunk->range = r;
        r->taken = true;
        *found = true;
        return ERR_OK;
    }
    if (e->planned_all || e->planning)
        return ERR_OK;
    out->small = is_small(e);
    out->rows_estimate = count_of(&e->counter->copy_estimate);
    TRY(new_chunk(e, e->planned, NULL, out));
    out->upto_known = e->keyless || out->small;
    e->planning = true;
    *found = true;
    return ERR_OK;
}

/* Behind the last readable table there are none but those that wait. */
static enum err find_work(struct copy *c, struct copy_work *out, bool *found)
{
    uint32_t left = c->readable;
    for (struct copy_entry *e = c->first; e != NULL && left > 0 && !*found; e = e->next) {
        if (e->status == ENTRY_READABLE) {
            TRY(work_of(c, e, out, found));
            left--;
        }
        /* One table without a key at a time, and the others after them all. */
        if (e->keyless && e->status != ENTRY_COPIED)
            return ERR_OK;
    }
    return ERR_OK;
}

static enum err take(void *arg, struct copy_work *out)
{
    struct copy *c = arg;
    enum err e = ERR_OK;
    bool found = false;
    *out = (struct copy_work){0};
    pthread_mutex_lock(&c->lock);
    for (;;) {
        if (c->stopped || copy_finished(c))
            e = ERR_STOPPED;
        if (e == ERR_OK)
            e = find_work(c, out, &found);
        if (e != ERR_OK || found)
            break;
        pthread_cond_wait(&c->changed, &c->lock);
    }
    pthread_mutex_unlock(&c->lock);
    return e;
}

static enum err take_more(void *arg, struct copy_work *out)
{
    struct copy *c = arg;
    enum err err = ERR_NEED_INPUT;
    *out = (struct copy_work){0};
    pthread_mutex_lock(&c->lock);
    uint32_t left = c->readable;
    for (struct copy_entry *e = c->first; e != NULL && left > 0 && !c->stopped; e = e->next) {
        if (e->keyless && e->status != ENTRY_COPIED)
            break;
        left -= e->status == ENTRY_READABLE;
        if (e->status != ENTRY_READABLE || !is_small(e))
            continue;
        bool found = false;
        err = work_of(c, e, out, &found);
        break;
    }
    pthread_mutex_unlock(&c->lock);
    return err;
}

/* Takes an unanswered question back. */
static void forget(struct copy *c, const struct copy_ask *ask)
{
    for (struct copy_ask **at = &c->asks; *at != NULL; at = &(*at)->next) {
        if (*at == ask) {
            *at = ask->next;
            return;
        }
    }
}

/* Asks the reader, and waits. */
static enum err ask(struct copy *c, struct chunk *chunk, const struct copy_mark *stand_at)
{
    struct copy_ask question = {.chunk = chunk, .stand_at = stand_at};
    pthread_mutex_lock(&c->lock);
    struct copy_ask **end = &c->asks;
    while (*end != NULL)
        end = &(*end)->next;
    *end = &question;
    tell_reader(c);
    while (!question.answered && !c->stopped)
        pthread_cond_wait(&c->changed, &c->lock);
    if (!question.answered)
        forget(c, &question);
    pthread_mutex_unlock(&c->lock);
    return question.answered ? question.answer : ERR_STOPPED;
}

static enum err open_chunk(void *arg, struct chunk *chunk)
{
    return ask(arg, chunk, NULL);
}

static enum err stand_at(void *arg, struct chunk *chunk, const struct copy_mark *high)
{
    return ask(arg, chunk, high);
}

static enum err give(void *arg, struct chunk *chunk)
{
    struct copy *c = arg;
    pthread_mutex_lock(&c->lock);
    struct chunk **end = &c->given;
    while (*end != NULL)
        end = &(*end)->next;
    chunk->next = NULL;
    *end = chunk;
    c->bytes_out += chunk->held;
    tell_reader(c);
    while (c->bytes_out > c->bytes_max && !c->stopped)
        pthread_cond_wait(&c->changed, &c->lock);
    bool stopped = c->stopped;
    pthread_mutex_unlock(&c->lock);
    return stopped ? ERR_STOPPED : ERR_OK;
}

/* A chunk that a worker could not open, or could not read before the end: somebody else may. */
static void drop(void *arg, struct chunk *chunk)
{
    struct copy *c = arg;
    struct copy_entry *e = chunk->owner;
    struct copy_range *r = chunk->range;
    pthread_mutex_lock(&c->lock);
    if (r == NULL)
        e->planning = false;
    else if (!r->open)
        r->taken = false;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    chunk_free(chunk);
}

static enum err pace(void *arg, uint32_t queries, uint64_t rows, uint64_t bytes)
{
    struct copy *c = arg;
    while (guard_paused(*c->o.guard) && !atomic_load(c->o.stop))
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    throttle_take(c->o.throttle, queries, rows, bytes, clock_mono_us());
    uint64_t us;
    while ((us = throttle_wait_us(c->o.throttle, clock_mono_us())) > 0) {
        struct timespec t = {.tv_nsec = us < 50000 ? (long)us * 1000 : 50000000};
        if (atomic_load(c->o.stop))
            return ERR_STOPPED;
        nanosleep(&t, NULL);
    }
    return ERR_OK;
}

struct copy_ops copy_work_ops(struct copy *c)
{
    return (struct copy_ops){.take = take,
                             .take_more = take_more,
                             .open = open_chunk,
                             .stand_at = stand_at,
                             .give = give,
                             .drop = drop,
                             .pace = pace,
                             .arg = c};
}
