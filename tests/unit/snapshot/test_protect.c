#include <criterion/criterion.h>

#include "snapshot/protect.h"

static bool decide(struct protect *p, const struct src_load *load, uint64_t now_ms)
{
    protect_begin(p);
    protect_look(p, "db:3306", load);
    return protect_decide(p, now_ms);
}

Test(protect, without_limits_nothing_is_read_and_nothing_pauses)
{
    struct protect p = {0};
    struct src_load busy = {.history_length = UINT64_MAX,
                            .threads_running = 100000,
                            .replica = true,
                            .replica_lag_s = 100000};
    cr_expect_eq(protect_needs(&p.limits), 0);
    cr_expect_not(decide(&p, &busy, 0));
}

Test(protect, what_has_a_limit_is_read)
{
    struct protect_limits l = {.history_length = 1, .replica_lag_ms = 1};
    cr_expect_eq(protect_needs(&l), SRC_LOAD_HISTORY | SRC_LOAD_LAG);
    l = (struct protect_limits){.threads_running = 1};
    cr_expect_eq(protect_needs(&l), SRC_LOAD_THREADS);
}

Test(protect, it_pauses_above_a_limit_and_goes_on_well_below_it)
{
    struct protect p = {.limits = {.threads_running = 50}};
    struct src_load at = {.threads_running = 50}, above = {.threads_running = 51},
                    near = {.threads_running = 41}, below = {.threads_running = 40};
    cr_expect_not(decide(&p, &at, 0));
    cr_expect(decide(&p, &above, 1000));
    cr_expect_str_eq(p.why, "db:3306: threads_running is 51, the limit 50");
    cr_expect(decide(&p, &at, 10000));
    cr_expect(decide(&p, &near, 20000));
    cr_expect_str_eq(p.why, "db:3306: threads_running is 41, the limit 50");
    cr_expect_not(decide(&p, &below, 30000));
    cr_expect_str_eq(p.why, "");
    cr_expect_not(decide(&p, &near, 40000));
}

Test(protect, a_pause_lasts_for_a_while)
{
    struct protect p = {.limits = {.history_length = 1000}};
    struct src_load above = {.history_length = 1001}, below = {0};
    cr_expect(decide(&p, &above, 5000));
    cr_expect(decide(&p, &below, 5000 + PROTECT_PAUSE_MS - 1));
    cr_expect_not(decide(&p, &below, 5000 + PROTECT_PAUSE_MS));
}

Test(protect, one_of_several_servers_is_enough)
{
    struct protect p = {.limits = {.replica_lag_ms = 5000}};
    struct src_load source = {0}, fine = {.replica = true, .replica_lag_s = 1},
                    late = {.replica = true, .replica_lag_s = 9};
    protect_begin(&p);
    protect_look(&p, "db:3306", &source);
    protect_look(&p, "r1:3306", &late);
    protect_look(&p, "r2:3306", &fine);
    cr_expect(protect_decide(&p, 0));
    cr_expect_str_eq(p.why, "r1:3306: replica_lag is 9000ms, the limit 5000ms");
}

Test(protect, a_replica_that_stands_still_does_not_stop_the_copy)
{
    struct protect p = {.limits = {.replica_lag_ms = 5000}};
    struct src_load stopped = {.replica = true, .replica_stopped = true, .replica_lag_s = 9};
    cr_expect_not(decide(&p, &stopped, 0));
}

Test(protect, a_limit_of_one_can_be_kept)
{
    struct protect p = {.limits = {.threads_running = 1}};
    struct src_load two = {.threads_running = 2}, one = {.threads_running = 1};
    cr_expect(decide(&p, &two, 0));
    cr_expect_not(decide(&p, &one, PROTECT_PAUSE_MS));
}

Test(protect, a_limit_that_is_taken_away_ends_the_pause)
{
    struct protect p = {.limits = {.threads_running = 1}};
    struct src_load two = {.threads_running = 2};
    cr_expect(decide(&p, &two, 0));
    p.limits.threads_running = 0;
    cr_expect_not(decide(&p, &two, PROTECT_PAUSE_MS));
}

Test(protect, a_history_that_does_not_move_is_not_waited_for)
{
    struct protect p = {.limits = {.history_length = 1000}};
    struct src_load above = {.history_length = 1500}, a_bit = {.history_length = 1510},
                    grown = {.history_length = 1711}, below = {.history_length = 700};
    cr_expect(decide(&p, &above, 1000));
    cr_expect(decide(&p, &a_bit, 1000 + PROTECT_STILL_MS - 1));
    cr_expect(decide(&p, &above, 1000 + PROTECT_STILL_MS));
    cr_expect_not(decide(&p, &above, 2000 + PROTECT_STILL_MS));
    cr_expect_not(decide(&p, &a_bit, 3000 + PROTECT_STILL_MS), "it is no news");
    cr_expect(decide(&p, &grown, 4000 + PROTECT_STILL_MS), "a fifth of the limit is");
    cr_expect_not(decide(&p, &below, 9000 + PROTECT_STILL_MS));
    cr_expect(decide(&p, &above, 10000 + PROTECT_STILL_MS), "it had been well below");
}

Test(protect, a_history_that_moves_is_waited_for)
{
    struct protect p = {.limits = {.history_length = 1000}};
    uint64_t now = 1000, length = 1500;
    for (; now < 1000 + 3 * PROTECT_STILL_MS; now += 1000) {
        struct src_load grows = {.history_length = length += 10};
        cr_expect(decide(&p, &grows, now));
    }
}

Test(protect, replicas_do_not_hide_the_history_of_the_source)
{
    struct protect p = {.limits = {.history_length = 1000, .replica_lag_ms = 5000}};
    struct src_load source = {.history_length = 1500}, replica = {.replica = true};
    for (uint64_t now = 0; now <= PROTECT_STILL_MS; now += 1000) {
        protect_begin(&p);
        protect_look(&p, "db:3306", &source);
        protect_look(&p, "r1:3306", &replica);
        cr_expect(protect_decide(&p, now));
    }
    protect_begin(&p);
    protect_look(&p, "db:3306", &source);
    protect_look(&p, "r1:3306", &replica);
    cr_expect_not(protect_decide(&p, PROTECT_STILL_MS + 1000));
}
