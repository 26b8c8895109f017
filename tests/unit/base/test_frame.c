#include "base/frame.h"

#include <criterion/criterion.h>

static void count(void *arg)
{
    (*(int *)arg)++;
}

Test(frame, a_frame_comes_back_with_its_last_reference)
{
    struct frame_pool *p = frame_pool_new(1024, 4096, NULL, NULL);
    struct frame *f = frame_get(p, 0);
    frame_ref(f);
    frame_unref(f);
    cr_assert_eq(frame_pool_used(p), 1024);
    frame_unref(f);
    cr_assert_eq(frame_pool_used(p), 0);
    cr_assert_eq(frame_get(p, 0), f, "a standard frame is used again");
    frame_unref(f);
    frame_pool_free(p);
}

Test(frame, the_budget_is_kept_and_the_waiter_woken_once)
{
    int woken = 0;
    struct frame_pool *p = frame_pool_new(1024, 2048, count, &woken);
    struct frame *a = frame_get(p, 0), *b = frame_get(p, 0);
    cr_assert_null(frame_get(p, 0));
    cr_assert_null(frame_get(p, 0));
    frame_unref(a);
    frame_unref(b);
    cr_assert_eq(woken, 1);
    frame_pool_free(p);
}

Test(frame, a_large_frame_takes_the_place_of_idle_ones)
{
    struct frame_pool *p = frame_pool_new(1024, 4096, NULL, NULL);
    struct frame *f[3];
    for (int i = 0; i < 3; i++)
        f[i] = frame_get(p, 0);
    for (int i = 0; i < 3; i++)
        frame_unref(f[i]);
    struct frame *large = frame_get(p, 4000);
    cr_assert_not_null(large);
    cr_assert_eq(large->cap, 4000);
    cr_assert_null(frame_get(p, 0));
    frame_unref(large);
    cr_assert_null(frame_get(p, 5000), "more than the budget can never be had");
    frame_pool_free(p);
}
