/*
 * Memory that is released in one go: everything that belongs to one task_config.
 * Wiped before it is released, since passwords may stand in it. One thread.
 */
#pragma once

#include <stddef.h>

struct conf_arena {
    struct conf_chunk *chunks; /* newest first */
    size_t used;               /* bytes taken from the newest */
};

/* n bytes, zeroed and aligned for any type; NULL: out of memory. */
void *conf_alloc(struct conf_arena *a, size_t n);

/* The bytes and a NUL. */
char *conf_text(struct conf_arena *a, const void *bytes, size_t n);

void conf_arena_fini(struct conf_arena *a);
