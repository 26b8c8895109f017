/*
 * Conditions whose waits end at a time of the monotonic clock (clock.h): nobody
 * waits longer because the system's clock was set.
 */
#pragma once

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* As pthread_cond_init(); pthread_cond_destroy() as ever. */
static inline void cond_init(pthread_cond_t *c)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(c, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

/* pthread_cond_wait() until clock_mono_ms() is until_ms. False: it is. */
static inline bool cond_wait_until(pthread_cond_t *c, pthread_mutex_t *lock, uint64_t until_ms)
{
    const struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                                   .tv_nsec = (long)(until_ms % 1000) * 1000000};
    return pthread_cond_timedwait(c, lock, &until) != ETIMEDOUT;
}
