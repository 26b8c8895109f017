#include "base/arena.h"

#include <stdalign.h>
#include <stdlib.h>

#define ARENA_BLOCK_MIN 2048

struct arena_block {
    struct arena_block *next;
    size_t used;
    size_t cap;
    alignas(max_align_t) uint8_t data[];
};

static struct arena_block *block_new(size_t cap)
{
    if (cap > SIZE_MAX / 2)
        return NULL;
    struct arena_block *b = calloc(1, sizeof(*b) + cap);
    if (b != NULL)
        b->cap = cap;
    return b;
}

static size_t round_up(size_t n)
{
    const size_t unit = alignof(max_align_t);
    return (n + unit - 1) & ~(unit - 1);
}

struct arena *arena_new(size_t size)
{
    if (size > SIZE_MAX / 4)
        return NULL;
    struct arena_block *b = block_new(size + round_up(sizeof(struct arena)));
    if (b == NULL)
        return NULL;
    struct arena *a = (struct arena *)b->data;
    b->used = round_up(sizeof(*a));
    a->blocks = b;
    return a;
}

void arena_free(struct arena *a)
{
    if (a == NULL)
        return;
    struct arena_block *b = a->blocks; /* a itself is in the last one */
    while (b != NULL) {
        struct arena_block *next = b->next;
        free(b);
        b = next;
    }
}

void *arena_alloc(struct arena *a, size_t n)
{
    if (a->failed)
        return NULL;
    if (n > SIZE_MAX / 4) {
        a->failed = true;
        return NULL;
    }
    n = round_up(n);
    struct arena_block *b = a->blocks;
    if (b->cap - b->used < n) {
        size_t cap = n > ARENA_BLOCK_MIN ? n : ARENA_BLOCK_MIN;
        b = block_new(cap);
        if (b == NULL) {
            a->failed = true;
            return NULL;
        }
        b->next = a->blocks;
        a->blocks = b;
    }
    void *p = b->data + b->used;
    b->used += n;
    return p;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    size_t n;
    if (__builtin_mul_overflow(count, size, &n)) {
        a->failed = true;
        return NULL;
    }
    return arena_alloc(a, n);
}

struct slice arena_copy(struct arena *a, struct slice s)
{
    if (s.len == 0)
        return SLICE_LIT("");
    uint8_t *p = arena_alloc(a, s.len);
    if (p == NULL)
        return SLICE_LIT("");
    memcpy(p, s.ptr, s.len);
    return slice_of(p, s.len);
}
