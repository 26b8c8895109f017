/*
 * How much may be taken a second: queries, rows, bytes.
 *
 * Whoever takes something says so behind it, a batch at a time, and waits as
 * long as it is told before it takes more:
 *
 *   throttle_take(t, 0, rows, bytes, clock_mono_us());
 *   while ((us = throttle_wait_us(t, clock_mono_us())) > 0) ... sleep, at most us, and look for a
 * stop
 *
 * What was taken in excess is a debt that time repays, so a batch of any size
 * is right in the mean; what was left over is kept for 100 ms only, so that a
 * pause is not followed by a flood. Limits may change at any time: a debt goes
 * on at the new rate, and is forgotten where there is no limit any more.
 *
 * Any thread; several may take from one throttle. Without a limit both calls
 * are one look at an atomic. No clock of its own: times are clock_mono_us().
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct throttle_limits {
    uint64_t queries; /* a second; 0: no limit */
    uint64_t rows;
    uint64_t bytes;
};

enum { THROTTLE_QUERIES, THROTTLE_ROWS, THROTTLE_BYTES, THROTTLE_KINDS };

struct throttle {
    atomic_bool limited; /* some limit is not 0 */
    pthread_mutex_t lock;
    uint64_t rate[THROTTLE_KINDS];
    double credit[THROTTLE_KINDS]; /* what may be taken at once; below 0: a debt */
    uint64_t at_us;                /* when credit was as it is; 0: never looked at */
    _Atomic uint64_t held_us;      /* told to wait, all in all */
    uint64_t counted_us;           /* up to when held_us has been counted */
};

void throttle_init(struct throttle *t, const struct throttle_limits *l);
void throttle_fini(struct throttle *t);

void throttle_set(struct throttle *t, const struct throttle_limits *l);
struct throttle_limits throttle_get(struct throttle *t);

static inline bool throttle_limited(const struct throttle *t)
{
    return atomic_load_explicit(&t->limited, memory_order_relaxed);
}

/* That much was taken. */
void throttle_take(struct throttle *t, uint64_t queries, uint64_t rows, uint64_t bytes,
                   uint64_t now_us);

/* How long to wait before more is taken; 0: go on. */
uint64_t throttle_wait_us(struct throttle *t, uint64_t now_us);

/* Time that the owner was held back, all in all. */
uint64_t throttle_held_us(const struct throttle *t);
