/*
 * An arena: memory for many small things that live and die together.
 *
 * Used for what belongs to one object on the control path (a table version, a
 * parsed statement). Nothing is freed on its own; arena_free() takes all of it.
 *
 * Failure is sticky, as in struct writer: after a failed allocation
 * arena_alloc() returns NULL and arena_copy() an empty slice for ever, and
 * a->failed says so; look at it once, after the last piece.
 *
 * Not thread-safe while it grows; finished contents may be read by any thread.
 */
#pragma once

#include "base/slice.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    bool failed;
};

/* The arena itself lives in its first block of at least size bytes. NULL: no memory. */
struct arena *arena_new(size_t size);
void arena_free(struct arena *a);

/* n zeroed bytes, aligned for any type. */
void *arena_alloc(struct arena *a, size_t n);

/* count * size zeroed bytes; fails on overflow. */
void *arena_array(struct arena *a, size_t count, size_t size);

struct slice arena_copy(struct arena *a, struct slice s);
