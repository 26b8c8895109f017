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
 * Pure: no clock, no threads.
 */
#pragma once

#include "source/load.h"

#define PROTECT_PAUSE_MS 2000

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
};

/* What has to be read for the limits: SRC_LOAD_..., 0: nothing. */
unsigned protect_needs(const struct protect_limits *limits);

void protect_begin(struct protect *p);
void protect_look(struct protect *p, const char *server, const struct src_load *load);

/* Whether to pause from now on. */
bool protect_decide(struct protect *p, uint64_t now_ms);
