/*
 * Exactly-once: where the transactions of the destination end.
 *
 * The reader makes cuts, between the source's transactions; the supervisor
 * commits what lies before one and opens the next transaction. One cut is
 * under way at a time; meanwhile the lanes go on with what comes behind it.
 *
 *   reader       lane_cut() for each lane, a commit point, made = n
 *   lanes        lane_passed() = n
 *   supervisor   commits, begins, lane_release(), committed = n
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct cutter {
    _Atomic uint64_t made;         /* cuts so far; the reader's */
    _Atomic uint64_t committed;    /* of them; the supervisor's, as those below */
    _Atomic uint64_t committed_ms; /* monotonic; when the last one was, or the run began */
    _Atomic uint64_t took_ms;      /* from the last cut to its commit */
    atomic_bool closed;            /* no cut is committed any more */
};

#define CUT_TRICKLE_MS 100          /* between cuts, at least, while little comes */
#define CUT_LOAD_MS    1000         /* ... and while the input never runs dry */
#define CUT_BYTES      (256u << 20) /* ... or that many bytes of changes */
#define CUT_IDLE_MS    10000        /* ... where nothing is to be sent */

/* What there is to commit. */
struct cut_load {
    uint64_t rows;     /* fed since the last cut; statements, too */
    uint64_t bytes;    /* of them */
    bool dry;          /* nothing more is there to be read now */
    uint64_t since_ms; /* since the last commit */
    uint64_t took_ms;  /* how long that one took */
};

/*
 * Whether a transaction is to end at the boundary at hand. A commit is worth
 * its time: where brokers take long for one, cuts are rarer.
 */
bool cut_is_due(const struct cut_load *l);
