/*
 * A ring of pointers from one producing thread to one consuming thread.
 *
 * Head and tail are on cache lines of their own. The ring does not sleep:
 * whoever waits is woken by its owner (event fd, condition variable). What is
 * handed over are batches, never single rows.
 */
#pragma once

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define RING_CAP 256 /* a power of two */

struct ring {
    alignas(64) atomic_size_t head; /* next to take; written by the consumer */
    alignas(64) atomic_size_t tail; /* next to fill; written by the producer */
    alignas(64) void *items[RING_CAP];
};

static inline bool ring_push(struct ring *r, void *item)
{
    size_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed); /* only we write it */
    /* Acquire: the consumer has read the slot before it moved head past it. */
    if (tail - atomic_load_explicit(&r->head, memory_order_acquire) == RING_CAP)
        return false;
    r->items[tail % RING_CAP] = item;
    /* Release: the item is in its slot before the consumer sees the new tail. */
    atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
    return true;
}

/* NULL when empty. */
static inline void *ring_pop(struct ring *r)
{
    size_t head = atomic_load_explicit(&r->head, memory_order_relaxed); /* only we write it */
    if (head == atomic_load_explicit(&r->tail, memory_order_acquire)) /* pairs with push */
        return NULL;
    void *item = r->items[head % RING_CAP];
    atomic_store_explicit(&r->head, head + 1, memory_order_release); /* the slot is free again */
    return item;
}

/* Only a hint on either side. */
static inline size_t ring_count(struct ring *r)
{
    return atomic_load_explicit(&r->tail, memory_order_acquire) -
           atomic_load_explicit(&r->head, memory_order_acquire);
}
