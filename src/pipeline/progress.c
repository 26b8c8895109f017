#include "pipeline/progress.h"

#include "pipeline/tables.h"

#include <stdlib.h>
#include <string.h>

/* The point at *at makes room for a newer one, which asks for no less. */
static void replace_point(struct commit_point **at, struct commit_point *point)
{
    struct commit_point *old = *at;
    point->notes = tables_notes_join(old->notes, point->notes);
    old->notes = NULL;
    if (old->oldest_us != 0)
        point->oldest_us = old->oldest_us;
    commit_point_free(old);
    *at = point;
}

static bool may_replace(const struct commit_point *last, const struct commit_point *point,
                        bool long_list)
{
    if (last == NULL || last->cut)
        return false;
    return long_list || last->passing || memcmp(last->need, point->need, sizeof(point->need)) == 0;
}

void progress_push(struct progress *p, struct commit_point *point)
{
    point->next = NULL;
    pthread_mutex_lock(&p->lock);
    struct commit_point **end = &p->first;
    bool long_list = p->count == PROGRESS_POINTS;
    if (p->last != NULL)
        end = p->before_last != NULL ? &p->before_last->next : &p->first;
    if (may_replace(p->last, point, long_list)) {
        replace_point(end, point);
    } else {
        if (p->last != NULL)
            p->last->next = point;
        else
            p->first = point;
        p->before_last = p->last;
        p->count++;
    }
    p->last = point;
    pthread_mutex_unlock(&p->lock);
}

static bool is_reached(const struct commit_point *point, const uint64_t *acked, uint32_t lanes)
{
    for (uint32_t i = 0; i < lanes; i++)
        if (acked[i] < point->need[i])
            return false;
    return true;
}

/* Takes the first point out. Notes of points that are passed over go with the one that is taken. */
static struct commit_point *take_first(struct progress *p, struct commit_point *before)
{
    struct commit_point *point = p->first;
    p->first = point->next;
    if (p->first == NULL)
        p->last = NULL;
    point->next = NULL;
    p->count--;
    if (point == p->before_last)
        p->before_last = NULL;
    if (before != NULL) {
        point->notes = tables_notes_join(before->notes, point->notes);
        before->notes = NULL;
        commit_point_free(before);
    }
    return point;
}

struct commit_point *progress_take(struct progress *p, const uint64_t *acked, uint32_t lanes)
{
    struct commit_point *newest = NULL;
    pthread_mutex_lock(&p->lock);
    while (p->first != NULL && is_reached(p->first, acked, lanes))
        newest = take_first(p, newest);
    pthread_mutex_unlock(&p->lock);
    return newest;
}

struct commit_point *progress_take_cut(struct progress *p)
{
    struct commit_point *newest = NULL;
    pthread_mutex_lock(&p->lock);
    const struct commit_point *cut = p->first;
    while (cut != NULL && !cut->cut)
        cut = cut->next;
    while (cut != NULL && newest != cut)
        newest = take_first(p, newest);
    pthread_mutex_unlock(&p->lock);
    return newest;
}

enum err progress_waiting(struct progress *p, bool *waiting, uint64_t *oldest_us,
                          struct position *read)
{
    enum err e = ERR_OK;
    pthread_mutex_lock(&p->lock);
    *waiting = p->first != NULL;
    *oldest_us = *waiting ? p->first->oldest_us : 0;
    if (*waiting && read != NULL)
        e = position_copy(read, &p->last->position);
    pthread_mutex_unlock(&p->lock);
    return e;
}

void commit_point_free(struct commit_point *point)
{
    if (point == NULL)
        return;
    position_fini(&point->position);
    xa_list_fini(&point->xa);
    tables_notes_free(point->notes);
    free(point);
}

void progress_fini(struct progress *p)
{
    while (p->first != NULL) {
        struct commit_point *point = p->first;
        p->first = point->next;
        commit_point_free(point);
    }
    p->last = p->before_last = NULL;
    p->count = 0;
}
