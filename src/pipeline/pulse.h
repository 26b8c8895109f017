/*
 * The pulse: a small thread beside the stream with a session of its own.
 *
 * With heartbeat.write it writes a row a second into the heartbeat table, so
 * that the binlog moves on an idle source. While the task is behind, it asks
 * how much binlog lies between the acknowledged place and the source's end.
 * Without either it has no connection. Whatever fails is tried again later and
 * never ends the task.
 *
 * Threads: start, stop and the rest belong to the supervisor.
 */
#pragma once

#include "config/task.h"
#include "pipeline/position.h"
#include "pipeline/view.h"
#include "source/server.h"

struct pulse;

struct pulse_options {
    const struct task_config *config;
    const struct src_options *source;
    const struct src_server *server;
};

/* Everything is borrowed until pulse_stop(). */
NODISCARD enum err pulse_start(const struct pulse_options *o, struct pulse **out);
void pulse_stop(struct pulse *p); /* NULL is allowed */

/* Where everything is acknowledged, and whether it is of interest what lies behind. */
void pulse_look(struct pulse *p, const struct position *acked, bool interested);

/* False: not known, or not of late. */
bool pulse_behind(struct pulse *p, uint64_t *bytes);

/*
 * How far the source's clock is ahead of ours, by one statement; half of its
 * round trip is the error. Any thread that owns s.
 */
NODISCARD enum err pulse_clock(struct src_session *s, int64_t *ahead_us, struct errmsg *em);
