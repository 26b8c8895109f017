/*
 * Frames: reference-counted blocks of bytes received from the source.
 *
 * Everything that the decoders hand out is a slice into some frame, so whoever
 * keeps a slice past the current call keeps the frame too, with frame_ref().
 *
 * A pool has a byte budget. Frames of the pool's standard size are recycled;
 * a larger one, for an event that does not fit, is made for the occasion and
 * released to the system afterwards. When the budget is used up, frame_get()
 * returns NULL and its caller stops reading from the network: that is the
 * back-pressure. The pool's wake function is called (on the releasing thread)
 * when bytes come back after such a refusal.
 *
 * Threads: one thread gets frames; any thread may ref and unref.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frame_pool;

struct frame {
    atomic_uint refs;
    uint32_t cap;            /* bytes of data that fit */
    struct frame_pool *home; /* where it goes when refs reaches 0 */
    struct frame *next;      /* in the pool's free list */
    uint8_t data[];
};

/* size: bytes of a standard frame. budget: bytes of all frames together, at least one frame. */
struct frame_pool *frame_pool_new(size_t size, size_t budget, void (*wake)(void *arg), void *arg);

/* All frames must have come home. */
void frame_pool_free(struct frame_pool *p);

/*
 * A frame of at least cap bytes with one reference, or NULL: not within the
 * budget now. A cap over the whole budget can never be had; ask
 * frame_pool_budget() first.
 */
struct frame *frame_get(struct frame_pool *p, size_t cap);

size_t frame_pool_budget(const struct frame_pool *p);
size_t frame_pool_size(const struct frame_pool *p); /* of a standard frame */
size_t frame_pool_used(const struct frame_pool *p); /* bytes out now */

static inline void frame_ref(struct frame *f)
{
    /* Relaxed: the caller holds a reference already, so the frame cannot go away. */
    atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
}

void frame_unref(struct frame *f);
