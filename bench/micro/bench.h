/* What the programs here share: how a piece of work is timed. */
#pragma once

#include "base/clock.h"

/* For one result; a program's first argument. */
static double seconds = 0.3;

/* Where results go, so that no work is optimised away. */
static volatile uint64_t sink;

/* Does the work so many times. */
typedef void work_fn(void *arg, uint32_t rounds);

/* Nanoseconds between two times. */
static inline double bench_ns(const struct timespec *a, const struct timespec *b)
{
    return (double)(b->tv_sec - a->tv_sec) * 1e9 + (double)(b->tv_nsec - a->tv_nsec);
}

/* Nanoseconds of one round, the fastest of the blocks of so many that fit into the time. */
static inline double measure(work_fn *work, void *arg, uint32_t rounds)
{
    double best = 1e18;
    uint64_t until = clock_mono_us() + (uint64_t)(seconds * 1e6);
    work(arg, rounds);
    do {
        struct timespec a, b;
        clock_gettime(CLOCK_MONOTONIC, &a);
        work(arg, rounds);
        clock_gettime(CLOCK_MONOTONIC, &b);
        double ns = bench_ns(&a, &b) / rounds;
        best = ns < best ? ns : best;
    } while (clock_mono_us() < until);
    return best;
}
