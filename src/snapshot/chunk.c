#include "snapshot/chunk.h"

#include "base/frame.h"

#include <stdlib.h>

void copy_mark_fini(struct copy_mark *m)
{
    my_gtid_set_fini(&m->set);
    *m = (struct copy_mark){0};
}

enum err chunk_new(struct copy_table *table, struct chunk **out)
{
    struct chunk *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return ERR_NO_MEMORY;
    c->table = table;
    copy_table_ref(table);
    *out = c;
    return ERR_OK;
}

void chunk_drop_rows(struct chunk *c)
{
    for (uint32_t i = 0; i < c->frame_count; i++)
        frame_unref(c->frames[i]);
    free(c->frames);
    free(c->rows);
    c->frames = NULL;
    c->rows = NULL;
    c->frame_count = c->frame_cap = 0;
    c->row_count = c->row_cap = 0;
    c->bytes = c->held = 0;
}

void chunk_free(struct chunk *c)
{
    if (c == NULL)
        return;
    chunk_drop_rows(c);
    copy_mark_fini(&c->seen);
    copy_mark_fini(&c->high);
    free(c->after);
    free(c->upto);
    copy_table_unref(c->table);
    free(c);
}

static enum err keep_frame(struct chunk *c, struct frame *f)
{
    if (c->frame_count > 0 && c->frames[c->frame_count - 1] == f)
        return ERR_OK;
    if (c->frame_count == c->frame_cap) {
        uint32_t cap = c->frame_cap == 0 ? 4 : c->frame_cap * 2;
        struct frame **frames = realloc(c->frames, cap * sizeof(struct frame *));
        if (frames == NULL)
            return ERR_NO_MEMORY;
        c->frames = frames;
        c->frame_cap = cap;
    }
    frame_ref(f);
    c->frames[c->frame_count++] = f;
    c->held += f->cap;
    return ERR_OK;
}

enum err chunk_add_row(struct chunk *c, struct slice packet, struct frame *f, bool head)
{
    if (c->row_count == c->row_cap) {
        uint32_t cap = c->row_cap == 0 ? 64 : c->row_cap * 2;
        struct chunk_row *rows = realloc(c->rows, cap * sizeof(*rows));
        if (rows == NULL)
            return ERR_NO_MEMORY;
        c->rows = rows;
        c->row_cap = cap;
    }
    enum err e = keep_frame(c, f);
    if (e != ERR_OK)
        return e;
    c->rows[c->row_count++] = (struct chunk_row){
        .packet = packet.ptr,
        .len = (uint32_t)packet.len,
        .frame = c->frame_count - 1,
        .head = head,
    };
    c->bytes += packet.len;
    return ERR_OK;
}
