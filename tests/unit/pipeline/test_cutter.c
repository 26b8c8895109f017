#include "pipeline/cutter.h"

#include <criterion/criterion.h>

static bool due(uint64_t rows, bool dry, uint64_t since_ms, uint64_t took_ms)
{
    struct cut_load l = {
        .rows = rows, .bytes = rows * 100, .dry = dry, .since_ms = since_ms, .took_ms = took_ms};
    return cut_is_due(&l);
}

Test(cutter, rows_wait_for_company_a_moment_and_under_load_a_second)
{
    cr_assert_not(due(1, true, CUT_TRICKLE_MS - 1, 0));
    cr_assert(due(1, true, CUT_TRICKLE_MS, 0));
    cr_assert_not(due(1000, false, CUT_LOAD_MS - 1, 0));
    cr_assert(due(1000, false, CUT_LOAD_MS, 0));
}

Test(cutter, where_commits_are_slow_they_are_rarer)
{
    cr_assert_not(due(1, true, 400, 100));
    cr_assert(due(1, true, 500, 100));
    cr_assert_not(due(1, false, 2900, 300));
    cr_assert(due(1, false, 3000, 300));
}

Test(cutter, a_position_alone_waits_for_ten_seconds)
{
    cr_assert_not(due(0, true, CUT_IDLE_MS - 1, 0));
    cr_assert(due(0, true, CUT_IDLE_MS, 0));
    cr_assert(due(0, false, CUT_IDLE_MS, 0));
}

Test(cutter, many_bytes_wait_for_nothing)
{
    struct cut_load l = {.rows = 1, .bytes = CUT_BYTES - 1};
    cr_assert_not(cut_is_due(&l));
    l.bytes++;
    cr_assert(cut_is_due(&l));
}
