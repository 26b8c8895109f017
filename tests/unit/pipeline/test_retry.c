#include "base/clock.h"
#include "pipeline/retry.h"

#include <criterion/criterion.h>
#include <string.h>

static struct view *a_view(void)
{
    struct view *v;
    cr_assert_eq(view_new(&v), ERR_OK);
    return v;
}

Test(retry, pauses_double_up_to_ten_seconds)
{
    cr_assert_eq(retry_pause_ms(0), 100);
    cr_assert_eq(retry_pause_ms(1), 200);
    cr_assert_eq(retry_pause_ms(6), 6400);
    cr_assert_eq(retry_pause_ms(7), 10000);
    cr_assert_eq(retry_pause_ms(UINT64_MAX), 10000);
}

Test(retry, it_waits_and_shows_why_until_it_is_over)
{
    struct view *v = a_view();
    struct retry r = {.view = v, .side = VIEW_SOURCE, .event = "source.down", .window_ms = 60000};
    struct errmsg em = {"no route"};
    uint64_t began = clock_mono_ms();
    cr_assert_eq(retry_wait(&r, ERR_UNREACHABLE, &em), ERR_OK);
    uint64_t took = clock_mono_ms() - began;
    cr_assert(took >= 50 && took < 5000, "%lu ms", took);
    struct view_trouble t[VIEW_SIDES];
    view_troubles(v, t);
    cr_assert_str_eq(t[VIEW_SOURCE].cause, "no route");
    cr_assert_eq(t[VIEW_SOURCE].tries, 1);
    cr_assert_eq(t[VIEW_SOURCE].window_end_us, t[VIEW_SOURCE].since_us + 60000000);
    cr_assert_eq(t[VIEW_DESTINATION].who, 0);
    uint64_t lasted;
    cr_assert(retry_end(&r, &lasted));
    cr_assert_not(retry_end(&r, &lasted));
    view_troubles(v, t);
    cr_assert_eq(t[VIEW_SOURCE].who, 0);
    view_free(v);
}

Test(retry, after_the_window_the_failure_is_returned)
{
    struct retry r = {.event = "x.down", .window_ms = 200, .window_key = "retry.other"};
    struct errmsg em = {"refused"};
    enum err e;
    int tries = 0;
    while ((e = retry_wait(&r, ERR_BROKER_DOWN, &em)) == ERR_OK)
        tries++;
    cr_assert_eq(e, ERR_BROKER_DOWN);
    cr_assert(tries >= 2 && tries < 10, "%d", tries);
    cr_assert_not_null(strstr(em.text, "refused; gave up after 0 s (retry.other)"), "%s", em.text);
}

Test(retry, a_stop_ends_the_waiting)
{
    atomic_bool stop = true;
    struct retry r = {.event = "x.down", .window_ms = 60000, .stop = &stop};
    struct errmsg em = {0};
    cr_assert_eq(retry_wait(&r, ERR_UNREACHABLE, &em), ERR_STOPPED);
}

static enum err ask_for_now(void *view, uint64_t ms)
{
    (void)ms;
    view_retry_now(view);
    return ERR_OK;
}

Test(retry, a_wish_to_try_now_cuts_the_pause)
{
    struct view *v = a_view();
    struct retry r = {.view = v,
                      .event = "x.down",
                      .window_ms = 60000,
                      .nap = ask_for_now,
                      .nap_arg = v,
                      .tries = 20};
    r.since_ms = clock_mono_ms();
    struct errmsg em = {0};
    uint64_t began = clock_mono_ms();
    cr_assert_eq(retry_wait(&r, ERR_UNREACHABLE, &em), ERR_OK);
    cr_assert_lt(clock_mono_ms() - began, 4000); /* of ten seconds */
    view_free(v);
}
