/*
 * Whether the copy should pause, for the sake of the servers that it reads
 * from and of their replicas (throttle.protect).
 *
 *   protect_begin(&p);
 *   protect_look(&p, "db1:3306", &load);      each server that was asked
 *   paused = protect_decide(&p, now_ms);      p.why says why
 *
 * It pauses as soon as a value is above its limit, and goes on when all have
 * come down to four fifths of theirs, after PROTECT_PAUSE_MS at least: so it
 * does not flutter around a limit. A replica that does not replicate now has
 * no lag that counts: waiting for it could last for ever, and reading does not
 * make it later.
 *
 * A history that does not move while the copy pauses is not waited for: a MySQL
 * that is hardly written to shortens its history list in every 128th round of
 * its purge only (innodb_purge_rseg_truncate_frequency), so an idle one shows an
 * old length for ever. It counts again when it has grown by a fifth of the limit.
 *
 * Pure: no clock, no threads.
 */
#pragma once

#include "source/load.h"

#define PROTECT_PAUSE_MS 2000
#define PROTECT_STILL_MS 15000 /* a history that has not moved for that long */

/* 0: no limit. */
struct protect_limits {
    uint64_t history_length;
    uint64_t threads_running;
    uint64_t replica_lag_ms;
};

/* All zero but for the limits, which may change at any time. */
struct protect {
    struct protect_limits limits;
    bool paused;
    uint64_t since_ms; /* of the pause */
    char why[160]; /* "db1:3306: threads_running is 70, the limit 50"; "" when it does not pause */

    bool above; /* something that was looked at is above its limit */
    bool near;  /* ... above four fifths of it */

    uint64_t history; /* the longest of this look */
    uint64_t still;   /* what it has been, or nearly so, since still_ms */
    uint64_t still_ms;
    uint64_t idle; /* where it stood still: not waited for; 0: nowhere */
};

/* What has to be read for the limits: SRC_LOAD_..., 0: nothing. */
unsigned protect_needs(const struct protect_limits *limits);

void protect_begin(struct protect *p);
void protect_look(struct protect *p, const char *server, const struct src_load *load);

/* Whether to pause from now on. */
bool protect_decide(struct protect *p, uint64_t now_ms);
