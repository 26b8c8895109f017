#include "pipeline/progress.h"

#include "pipeline/tables.h"

#include <stdlib.h>

void progress_push(struct progress *p, struct commit_point *point)
{
    point->next = NULL;
    pthread_mutex_lock(&p->lock);
    if (p->last != NULL)
        p->last->next = point;
    else
        p->first = point;
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

struct commit_point *progress_take(struct progress *p, const uint64_t *acked, uint32_t lanes)
{
    struct commit_point *newest = NULL;
    pthread_mutex_lock(&p->lock);
    /* Notes of points that are passed over go with the one that is taken. */
    while (p->first != NULL && is_reached(p->first, acked, lanes)) {
        struct commit_point *point = p->first;
        p->first = point->next;
        point->next = NULL;
        if (newest != NULL) {
            point->notes = tables_notes_join(newest->notes, point->notes);
            newest->notes = NULL;
            commit_point_free(newest);
        }
        newest = point;
    }
    if (p->first == NULL)
        p->last = NULL;
    pthread_mutex_unlock(&p->lock);
    return newest;
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
    p->last = NULL;
}
