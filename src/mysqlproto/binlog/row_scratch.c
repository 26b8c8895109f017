#include "mysqlproto/binlog/row_plan.h"

#include <stdlib.h>

#define BLOCK_MIN 4096u

/* Blocks never move, so what was put into one stays where it is when another is needed. */
struct row_scratch_block {
    struct row_scratch_block *older;
    size_t cap;
    uint8_t data[];
};

void row_scratch_init(struct row_scratch *s, size_t max)
{
    *s = (struct row_scratch){.max = max};
    writer_init(&s->json, max);
}

static void free_blocks(struct row_scratch_block *b)
{
    while (b != NULL) {
        struct row_scratch_block *older = b->older;
        free(b);
        b = older;
    }
}

void row_scratch_fini(struct row_scratch *s)
{
    free_blocks(s->block);
    binlog_inflater_fini(&s->inflater);
    writer_fini(&s->json);
    *s = (struct row_scratch){0};
}

/* The newest block is the largest: after some rows it holds whatever a row needs. */
void row_scratch_reset(struct row_scratch *s)
{
    s->used = 0;
    s->given = 0;
    if (s->block == NULL || s->block->older == NULL)
        return;
    free_blocks(s->block->older);
    s->block->older = NULL;
}

static enum err add_block(struct row_scratch *s, size_t n)
{
    size_t cap = s->block != NULL ? s->block->cap * 2 : BLOCK_MIN;
    if (cap > s->max)
        cap = s->max;
    if (cap < n)
        cap = n;
    struct row_scratch_block *b = malloc(sizeof *b + cap);
    if (b == NULL)
        return ERR_NO_MEMORY;
    *b = (struct row_scratch_block){.older = s->block, .cap = cap};
    s->block = b;
    s->used = 0;
    return ERR_OK;
}

enum err row_scratch_get(struct row_scratch *s, size_t n, uint8_t **out)
{
    if (n > s->max - s->given)
        return ERR_TOO_LARGE;
    if (s->block == NULL || s->block->cap - s->used < n)
        TRY(add_block(s, n));
    *out = s->block->data + s->used;
    s->used += n;
    s->given += n;
    return ERR_OK;
}
