/*
 * Rings and frames between two threads, for ThreadSanitizer: one fills frames
 * and hands them over, the other reads them, gives them back, and both sides
 * wait on each other's back-pressure.
 */
#include "base/frame.h"
#include "base/ring.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 200000
#define FRAME  256

static struct ring ring;
static struct frame_pool *pool;
static atomic_uint wakes;

static void wake(void *arg)
{
    (void)arg;
    atomic_fetch_add(&wakes, 1);
}

static void *produce(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct frame *f;
        while ((f = frame_get(pool, 0)) == NULL)
            sched_yield();
        memcpy(f->data, &i, sizeof(i));
        frame_ref(f);
        while (!ring_push(&ring, f))
            sched_yield();
        frame_unref(f); /* the consumer has its own */
    }
    return NULL;
}

int main(void)
{
    pool = frame_pool_new(FRAME, 64 * FRAME, wake, NULL);
    pthread_t t;
    if (pool == NULL || pthread_create(&t, NULL, produce, NULL) != 0)
        return 1;
    int failed = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct frame *f;
        while ((f = ring_pop(&ring)) == NULL)
            sched_yield();
        unsigned got;
        memcpy(&got, f->data, sizeof(got));
        failed += got != i;
        frame_unref(f);
    }
    pthread_join(t, NULL);
    failed += frame_pool_used(pool) != 0;
    frame_pool_free(pool);
    printf("%d frames in order, %u wakes, %d failed\n", ROUNDS, atomic_load(&wakes), failed);
    return failed == 0 ? 0 : 1;
}
