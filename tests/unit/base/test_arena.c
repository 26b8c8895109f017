#include "base/arena.h"

#include <criterion/criterion.h>
#include <stdalign.h>

Test(arena, hands_out_zeroed_aligned_pieces_that_do_not_overlap)
{
    struct arena *a = arena_new(0);
    uint8_t *pieces[300];
    for (size_t i = 0; i < 300; i++) {
        pieces[i] = arena_alloc(a, i * 7);
        cr_assert_not_null(pieces[i]);
        cr_assert_eq((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        for (size_t k = 0; k < i * 7; k++)
            cr_assert_eq(pieces[i][k], 0);
        memset(pieces[i], (int)i, i * 7);
    }
    for (size_t i = 0; i < 300; i++)
        for (size_t k = 0; k < i * 7; k++)
            cr_assert_eq(pieces[i][k], (uint8_t)i);
    cr_assert(!a->failed);
    arena_free(a);
}

Test(arena, copies_outlive_their_original)
{
    char text[] = "item";
    struct arena *a = arena_new(64);
    struct slice s = arena_copy(a, slice_str(text));
    memset(text, 'x', sizeof(text));
    cr_assert(slice_eq(s, SLICE_LIT("item")));
    cr_assert_eq(arena_copy(a, SLICE_LIT("")).len, 0);
    arena_free(a);
}

Test(arena, failure_is_sticky)
{
    struct arena *a = arena_new(64);
    cr_assert_null(arena_array(a, SIZE_MAX / 2, 4));
    cr_assert(a->failed);
    cr_assert_null(arena_alloc(a, 1));
    cr_assert_eq(arena_copy(a, SLICE_LIT("x")).len, 0);
    arena_free(a);
    a = arena_new(64);
    cr_assert_null(arena_alloc(a, SIZE_MAX));
    cr_assert(a->failed);
    arena_free(a);
    arena_free(NULL);
    cr_assert_null(arena_new(SIZE_MAX));
}
