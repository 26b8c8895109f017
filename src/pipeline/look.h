/*
 * A look at what a task would do: its source, its rules and its tables, opened
 * beside the task or without it, for the commands that only read.
 *
 * Nothing is made or kept: no lock, no checkpoint, no topic, no schema in a
 * registry. The session at the source has a server id and uuid of its own, so
 * that a task that runs is not disturbed. There is one try; what cannot be
 * reached ends the command.
 *
 *   struct look *l;
 *   TRY(look_open(config, from, &l, &em));
 *   TRY(look_lane(l, watch, arg, &em));      then rows go through l->t.feeder
 *   look_close(l);
 *
 * Threads: one. task_stop() (task.h) ends what waits.
 */
#pragma once

#include "pipeline/task_int.h"

struct look {
    struct task_config config; /* the task's, but for server_id and how long is tried */
    struct task t;
    char binlog[BINLOG_NAME_MAX]; /* the source's newest file, whose name the others have, too */
};

/* from: where definitions hold, and where reading would begin; t.target is the binlog's end. */
NODISCARD enum err look_open(const struct task_config *config, const struct conf_start *from,
                             struct look **out, struct errmsg *em);

/* One lane that shows what it would produce (lane.h), and the feeder before it. */
NODISCARD enum err look_lane(struct look *l, lane_watch_fn watch, void *arg, struct errmsg *em);

/* NULL is allowed. */
void look_close(struct look *l);

/* "binlog.000007:1234" of a place on the source; returns buf. */
const char *look_place(const struct look *l, struct binlog_place at, char *buf, size_t cap);
