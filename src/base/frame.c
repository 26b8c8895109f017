#include "base/frame.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

struct frame_pool {
    size_t size;
    size_t budget;
    void (*wake)(void *arg);
    void *arg;
    pthread_mutex_t lock; /* taken once per frame of many rows, never per row */
    struct frame *idle;   /* standard frames, ready for use */
    size_t used;          /* bytes handed out */
    size_t kept;          /* bytes in the idle list */
    bool refused;         /* frame_get() has returned NULL since the last wake */
};

struct frame_pool *frame_pool_new(size_t size, size_t budget, void (*wake)(void *arg), void *arg)
{
    struct frame_pool *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return NULL;
    p->size = size;
    p->budget = budget < size ? size : budget;
    p->wake = wake;
    p->arg = arg;
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

void frame_pool_free(struct frame_pool *p)
{
    if (p == NULL)
        return;
    assert(p->used == 0);
    while (p->idle != NULL) {
        struct frame *f = p->idle;
        p->idle = f->next;
        UNPOISON(f->data, f->cap);
        free(f);
    }
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static void release_idle(struct frame_pool *p, size_t room)
{
    while (p->idle != NULL && p->used + p->kept + room > p->budget) {
        struct frame *f = p->idle;
        p->idle = f->next;
        p->kept -= f->cap;
        UNPOISON(f->data, f->cap);
        free(f);
    }
}

struct frame *frame_get(struct frame_pool *p, size_t cap)
{
    if (cap < p->size)
        cap = p->size;
    if (cap > UINT32_MAX)
        return NULL;
    struct frame *f = NULL;
    pthread_mutex_lock(&p->lock);
    if (p->used + cap > p->budget) {
        p->refused = true;
    } else if (cap == p->size && p->idle != NULL) {
        f = p->idle;
        p->idle = f->next;
        p->kept -= f->cap;
        p->used += f->cap;
        UNPOISON(f->data, f->cap);
    } else {
        release_idle(p, cap);
        f = malloc(sizeof(*f) + cap);
        if (f != NULL) {
            f->cap = (uint32_t)cap;
            f->home = p;
            p->used += cap;
        }
    }
    pthread_mutex_unlock(&p->lock);
    if (f != NULL) {
        f->next = NULL;
        atomic_init(&f->refs, 1);
    }
    return f;
}

void frame_unref(struct frame *f)
{
    /* Release: our reads of the frame happen before its reuse; acquire: the last one sees them. */
    unsigned before = atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before > 1)
        return;
    struct frame_pool *p = f->home;
    bool wake;
    pthread_mutex_lock(&p->lock);
    p->used -= f->cap;
    wake = p->refused;
    p->refused = false;
    bool keep = f->cap == p->size;
    if (keep) {
        f->next = p->idle;
        p->idle = f;
        p->kept += f->cap;
        POISON(f->data, f->cap);
    }
    pthread_mutex_unlock(&p->lock);
    if (!keep)
        free(f);
    if (wake && p->wake != NULL)
        p->wake(p->arg);
}

size_t frame_pool_budget(const struct frame_pool *p)
{
    return p->budget;
}

size_t frame_pool_size(const struct frame_pool *p)
{
    return p->size;
}

size_t frame_pool_used(const struct frame_pool *p)
{
    struct frame_pool *m = (struct frame_pool *)(uintptr_t)p; /* the lock is not part of the value */
    pthread_mutex_lock(&m->lock);
    size_t used = p->used;
    pthread_mutex_unlock(&m->lock);
    return used;
}
