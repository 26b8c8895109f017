/* Time. Any thread. */
#pragma once

#include <stdint.h>
#include <time.h>

/* Monotonic, for timeouts and intervals. */
static inline uint64_t clock_mono_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static inline uint64_t clock_mono_ms(void)
{
    return clock_mono_us() / 1000;
}

/* Since 1970, UTC. */
static inline uint64_t clock_wall_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}
