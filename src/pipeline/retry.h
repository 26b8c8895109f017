/*
 * Trying again: one outage of one side, from its first failure to its end.
 *
 *   struct retry r = {.view = v, .side = VIEW_SOURCE, .event = "source.down", ...};
 *   for (;;) {
 *       e = attempt(em);
 *       if (e == ERR_OK || !worth_it(e))
 *           break;
 *       e = retry_wait(&r, e, em);      ERR_OK: try again
 *       if (e != ERR_OK)
 *           break;
 *   }
 *   retry_end(&r);
 *
 * The pauses double from 100 ms to 10 s, each cut by up to half at random so
 * that many tasks do not come back at one moment. The first failure is logged
 * as a warning, the others at debug; the view shows all of them as they are.
 *
 * Threads: one at a time.
 */
#pragma once

#include "base/err.h"
#include "pipeline/view.h"

/* Bits of a side beside those of the lanes, which count from 0. */
#define RETRY_BIT_TOPICS 61
#define RETRY_BIT_TASK   62
#define RETRY_BIT_HEADS  63

struct retry {
    struct view *view; /* NULL: nobody looks */
    enum view_side side;
    unsigned bit;           /* tells one who tries from the others of a side */
    const char *event;      /* of the log, "source.down" */
    const char *subject;    /* "topic=orders ", in front of the other fields; NULL: none */
    const char *window_key; /* "retry.connection", for the sentence at its end */
    uint64_t window_ms;
    const atomic_bool *stop; /* ends the waiting */
    /* Sleeps that long at most; anything but ERR_OK ends the waiting. NULL: a plain sleep. */
    enum err (*nap)(void *arg, uint64_t ms);
    void *nap_arg;

    /* the outage at hand; zero: there is none */
    uint64_t since_ms; /* monotonic */
    uint64_t since_us;
    uint64_t pause_ms;
    uint64_t tries;
    bool resting;
    uint64_t seed;
};

#define RETRY_PAUSE_MS     100   /* the first pause */
#define RETRY_PAUSE_MAX_MS 10000 /* none is longer */

/*
 * A try has failed with e. Waits, and returns ERR_OK: try again. ERR_STOPPED:
 * the task ends. e itself: the window is over, and em says so behind its
 * sentence.
 */
NODISCARD enum err retry_wait(struct retry *r, enum err e, struct errmsg *em);

/*
 * It works for the moment, and is not shown as an outage any more; but what
 * fails next goes on in the same window with the same pauses, unless
 * retry_end() has said that it was steady. As retry_end() in what it returns.
 */
bool retry_rest(struct retry *r, uint64_t *lasted_ms);

/* The outage is over, or nobody tries any more. Whether there was one, and how long it lasted. */
bool retry_end(struct retry *r, uint64_t *lasted_ms);

/* The pause behind the n-th failure (from 0), before chance cuts it. */
uint64_t retry_pause_ms(uint64_t n);
