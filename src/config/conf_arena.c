#include "config/conf_arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE 8192

struct conf_chunk {
    struct conf_chunk *next;
    size_t cap;
    alignas(max_align_t) uint8_t data[];
};

void *conf_alloc(struct conf_arena *a, size_t n)
{
    n = (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (a->chunks == NULL || a->chunks->cap - a->used < n) {
        size_t cap = n > CHUNK_SIZE ? n : CHUNK_SIZE;
        struct conf_chunk *c = calloc(1, sizeof(*c) + cap);
        if (c == NULL)
            return NULL;
        c->next = a->chunks;
        c->cap = cap;
        a->chunks = c;
        a->used = 0;
    }
    void *p = a->chunks->data + a->used;
    a->used += n;
    return p;
}

char *conf_text(struct conf_arena *a, const void *bytes, size_t n)
{
    char *s = conf_alloc(a, n + 1);
    if (s != NULL && n > 0)
        memcpy(s, bytes, n);
    return s;
}

void conf_arena_fini(struct conf_arena *a)
{
    for (struct conf_chunk *c = a->chunks, *next; c != NULL; c = next) {
        next = c->next;
        explicit_bzero(c->data, c->cap);
        free(c);
    }
    *a = (struct conf_arena){0};
}
