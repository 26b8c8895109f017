#include "pipeline/batch.h"

#include "pipeline/binding.h"

#include <stdlib.h>

static bool hold_frame(struct batch *b, struct frame *f)
{
    /* Rows arrive in frame order: the frame is the last one, or a new one. */
    if (b->frame_count > 0 && b->frames[b->frame_count - 1] == f)
        return true;
    if (b->frame_count == BATCH_FRAMES)
        return false;
    frame_ref(f);
    b->frames[b->frame_count++] = f;
    return true;
}

static bool hold_binding(struct batch *b, struct binding *binding)
{
    for (uint32_t i = 0; i < b->binding_count; i++)
        if (b->bindings[i] == binding)
            return true;
    if (b->binding_count == BATCH_BINDINGS)
        return false;
    binding_ref(binding);
    b->bindings[b->binding_count++] = binding;
    return true;
}

bool batch_add_event(struct batch *b, const struct row_event *ev, struct frame *f)
{
    if (!batch_has_room(b) || b->event_count == BATCH_ROWS ||
        b->gtid_len + ev->gtid.len > BATCH_GTID_BYTES)
        return false;
    /* References are taken through a mutable pointer; the row path only reads the binding. */
    if (!hold_frame(b, f) || !hold_binding(b, (struct binding *)(uintptr_t)ev->binding))
        return false;
    struct row_event *mine = &b->events[b->event_count];
    *mine = *ev;
    if (ev->gtid.len > 0) {
        /* The events of one transaction share its text. */
        const struct row_event *last = b->event_count > 0 ? mine - 1 : NULL;
        if (last != NULL && slice_eq(last->gtid, ev->gtid)) {
            mine->gtid = last->gtid;
        } else {
            memcpy(b->gtids + b->gtid_len, ev->gtid.ptr, ev->gtid.len);
            mine->gtid = slice_of(b->gtids + b->gtid_len, ev->gtid.len);
            b->gtid_len += (uint32_t)ev->gtid.len;
        }
    }
    b->event_count++;
    return true;
}

void batch_reset(struct batch *b)
{
    for (uint32_t i = 0; i < b->frame_count; i++)
        frame_unref(b->frames[i]);
    for (uint32_t i = 0; i < b->binding_count; i++)
        binding_unref(b->bindings[i]);
    b->row_count = b->event_count = b->frame_count = b->binding_count = b->gtid_len = 0;
    b->certain = (struct batch_mark){0, 0};
    b->wait_seq = 0;
    b->wait_lane = 0;
    b->closed = false;
    free(b->ddl);
    b->ddl = NULL;
    b->next = NULL;
}
