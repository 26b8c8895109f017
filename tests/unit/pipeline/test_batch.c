/* Frames that a batch holds on to. */
#include "pipeline/batch.h"

#include "pipeline/binding.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define FRAMES 3

Test(batch, frames_of_rows_that_are_done_are_let_go_of)
{
    struct frame_pool *pool = frame_pool_new(1024, 1 << 20, NULL, NULL);
    struct batch *b = calloc(1, sizeof(*b));
    struct binding binding = {.refs = 1};
    struct row_event ev = {.binding = &binding};
    for (uint32_t i = 0; i < FRAMES; i++) {
        struct frame *f = frame_get(pool, 1024);
        cr_assert(batch_add_event(b, &ev, f));
        batch_add_row(b, (struct row_ref){.image = f->data, .len = 8});
        batch_add_row(b, (struct row_ref){.image = f->data + 1016, .len = 8});
        frame_unref(f);
    }
    cr_assert_eq(frame_pool_used(pool), FRAMES * 1024);
    batch_let_go(b, 1); /* the first frame has it still */
    cr_assert_eq(frame_pool_used(pool), FRAMES * 1024);
    batch_let_go(b, 2);
    cr_assert_eq(frame_pool_used(pool), 2 * 1024);
    batch_let_go(b, 5);
    cr_assert_eq(frame_pool_used(pool), 1024);
    batch_let_go(b, 5);
    cr_assert_eq(frame_pool_used(pool), 1024);
    batch_reset(b);
    cr_assert_eq(frame_pool_used(pool), 0);
    free(b);
    frame_pool_free(pool);
}
