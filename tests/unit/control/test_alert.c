#include "control/alert.h"

#include <criterion/criterion.h>
#include <string.h>

#define S UINT64_C(1000000)

static const struct conf_alerts conf = {.lag_over_ms = 30000, .for_ms = 60000};

static struct view_snapshot at(uint64_t s, enum view_state state, uint64_t lag_s)
{
    return (struct view_snapshot){.at_us = s * S,
                                  .state = state,
                                  .lag_known = true,
                                  .lag_us = lag_s * S,
                                  .wanted = VIEW_STATES};
}

static size_t step(struct alert_watch *w, uint64_t s, enum view_state state, uint64_t lag_s,
                   struct alert out[ALERT_KINDS])
{
    struct view_snapshot snap = at(s, state, lag_s);
    return alert_step(w, &conf, &snap, out);
}

Test(alert, a_lag_is_told_once_when_it_lasts_and_once_when_it_is_over)
{
    struct alert_watch w = {0};
    struct alert a[ALERT_KINDS];
    size_t told = 0;
    for (uint64_t s = 100; s < 160; s++)
        told += step(&w, s, VIEW_STREAMING, 31, a);
    cr_assert_eq(told, 0);
    cr_assert_eq(step(&w, 160, VIEW_STREAMING, 31, a), 1);
    cr_assert_eq(a[0].kind, ALERT_LAG);
    cr_assert_not(a[0].recovered);
    for (uint64_t s = 161; s < 9000; s++)
        told += step(&w, s, VIEW_STREAMING, 31 + s, a);
    cr_assert_eq(told, 0);
    cr_assert_eq(step(&w, 9000, VIEW_CAUGHT_UP, 0, a), 1);
    cr_assert(a[0].recovered);
    cr_assert_eq(step(&w, 9001, VIEW_CAUGHT_UP, 0, a), 0);
}

Test(alert, a_lag_that_comes_and_goes_is_no_news)
{
    struct alert_watch w = {0};
    struct alert a[ALERT_KINDS];
    size_t told = 0;
    for (uint64_t s = 100; s < 5000; s++)
        told += step(&w, s, VIEW_STREAMING, s % 59 == 0 ? 1 : 100, a);
    cr_assert_eq(told, 0);
}

Test(alert, an_outage_is_told_after_the_time_and_a_failure_at_once)
{
    struct alert_watch w = {0};
    struct alert a[ALERT_KINDS];
    cr_assert_eq(step(&w, 10, VIEW_RETRYING, 0, a), 0);
    cr_assert_eq(step(&w, 70, VIEW_RETRYING, 0, a), 1);
    cr_assert_eq(a[0].kind, ALERT_RETRYING);
    cr_assert_eq(step(&w, 71, VIEW_CAUGHT_UP, 0, a), 1);
    cr_assert(a[0].recovered);
    cr_assert_eq(step(&w, 72, VIEW_FAILED, 0, a), 1);
    cr_assert_eq(a[0].kind, ALERT_FAILED);
}

Test(alert, a_paused_task_lags_on_purpose)
{
    struct alert_watch w = {0};
    struct alert a[ALERT_KINDS];
    size_t told = 0;
    for (uint64_t s = 100; s < 900; s++)
        told += step(&w, s, VIEW_PAUSED, s, a);
    cr_assert_eq(told, 0);
}

Test(alert, without_a_bound_lag_is_no_reason)
{
    struct alert_watch w = {0};
    struct alert a[ALERT_KINDS];
    struct view_snapshot s = at(5, VIEW_STREAMING, 1000000);
    cr_assert_eq(alert_step(&w, &(struct conf_alerts){.lag_over_ms = 0}, &s, a), 0);
}

Test(alert, the_message_says_what_and_of_whom)
{
    char room[2000];
    struct writer w = writer_fixed(room, sizeof(room));
    struct view_snapshot s = at(100, VIEW_FAILED, 7);
    struct task_config config = {.task = "orders", .environment = "production"};
    snprintf(s.cause, sizeof(s.cause), "topic \"x\" is gone");
    alert_write(&(struct alert){ALERT_FAILED, false}, &config, &s, &w);
    cr_assert_eq(w.err, ERR_OK);
    writer_u8(&w, 0);
    cr_assert_not_null(strstr(room, "{\"event\":\"failed\",\"of\":\"failed\",\"task\":\"orders\","
                                    "\"environment\":\"production\""));
    cr_assert_not_null(strstr(room, "task orders is failed: topic \\u0022x\\u0022 is gone"));
    cr_assert_not_null(strstr(room, "\"lag_seconds\":7.000"));
}
