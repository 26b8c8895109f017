#include "pipeline/throttle.h"

#include <criterion/criterion.h>

#define SECOND UINT64_C(1000000)

/* Takes batches as fast as it may for that long; what was taken. */
static uint64_t drive(struct throttle *t, uint64_t *now, uint64_t for_us, uint64_t rows,
                      uint64_t bytes)
{
    uint64_t taken = 0, end = *now + for_us;
    while (*now < end) {
        uint64_t wait = throttle_wait_us(t, *now);
        if (wait > 0) {
            *now += wait;
            continue;
        }
        throttle_take(t, 0, rows, bytes, *now);
        taken += rows;
        (*now)++; /* the work itself */
    }
    return taken;
}

Test(throttle, without_a_limit_nobody_waits)
{
    struct throttle t;
    throttle_init(&t, &(struct throttle_limits){0});
    throttle_take(&t, 1, 1000000, UINT64_MAX / 2, 1);
    cr_assert_eq(throttle_wait_us(&t, 1), 0);
    cr_assert_not(throttle_limited(&t));
    throttle_fini(&t);
}

Test(throttle, the_rate_is_kept_within_two_percent)
{
    static const uint64_t rates[] = {3, 100, 5000, 400000};
    static const uint64_t batches[] = {1, 7, 250, 2000};
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < 4; k++) {
            struct throttle t;
            throttle_init(&t, &(struct throttle_limits){.rows = rates[i]});
            uint64_t now = 77, seconds = 10 + batches[k] * 50 / rates[i];
            uint64_t taken = drive(&t, &now, seconds * SECOND, batches[k], 0);
            double rate = (double)taken / (double)seconds;
            /* the last batch may lie before the end of the time that it is worth */
            double slack = (double)batches[k] / (double)seconds;
            cr_assert(rate <= (double)rates[i] * 1.02 + slack &&
                          rate >= (double)rates[i] * 0.98 - slack,
                      "rate %f, wanted %lu, batches of %lu", rate, rates[i], batches[k]);
            throttle_fini(&t);
        }
    }
}

Test(throttle, the_tighter_of_two_limits_decides)
{
    struct throttle t;
    throttle_init(&t, &(struct throttle_limits){.rows = 1000, .bytes = 1000});
    uint64_t now = 5;
    uint64_t rows = drive(&t, &now, 20 * SECOND, 10, 100);
    cr_assert(rows > 1950 && rows < 2060, "%lu rows", rows);
    throttle_fini(&t);
}

Test(throttle, a_pause_is_not_made_up_for)
{
    struct throttle t;
    throttle_init(&t, &(struct throttle_limits){.rows = 1000});
    uint64_t now = 5;
    drive(&t, &now, SECOND, 10, 0);
    now += 3600 * SECOND;
    uint64_t rows = drive(&t, &now, SECOND, 10, 0);
    cr_assert(rows <= 1120, "%lu rows", rows);
    throttle_fini(&t);
}

Test(throttle, a_debt_goes_on_at_the_new_rate_and_ends_with_the_limit)
{
    struct throttle t;
    throttle_init(&t, &(struct throttle_limits){.rows = 10});
    throttle_take(&t, 0, 1000, 0, SECOND);
    uint64_t slow = throttle_wait_us(&t, SECOND);
    cr_assert(slow >= 99 * SECOND && slow <= 100 * SECOND);
    throttle_set(&t, &(struct throttle_limits){.rows = 1000});
    uint64_t fast = throttle_wait_us(&t, SECOND);
    cr_assert(fast > SECOND / 2 && fast <= SECOND);
    throttle_set(&t, &(struct throttle_limits){0});
    cr_assert_eq(throttle_wait_us(&t, SECOND), 0);
    cr_assert_eq(throttle_get(&t).rows, 0);
    throttle_fini(&t);
}

Test(throttle, queries_are_counted_too)
{
    struct throttle t;
    throttle_init(&t, &(struct throttle_limits){.queries = 2});
    uint64_t now = 9, asked = 0, end = now + 10 * SECOND;
    while (now < end) {
        uint64_t wait = throttle_wait_us(&t, now);
        now += wait;
        if (wait == 0) {
            throttle_take(&t, 1, 5000, 5000, now);
            asked++;
        }
    }
    cr_assert(asked >= 19 && asked <= 22, "%lu", asked);
    throttle_fini(&t);
}

Test(throttle, the_time_held_back_is_counted)
{
    struct throttle t;
    throttle_init(&t, &(struct throttle_limits){.rows = 100});
    throttle_take(&t, 0, 201, 0, SECOND);
    for (uint64_t now = SECOND; throttle_wait_us(&t, now) > 0; now += 1000)
        ;
    uint64_t held = throttle_held_us(&t);
    cr_assert(held > SECOND * 19 / 10 && held < SECOND * 21 / 10, "%lu", held);
    throttle_fini(&t);
}
