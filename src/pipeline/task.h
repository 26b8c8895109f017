/*
 * A task: everything between a source and a destination, from its checkpoint
 * on.
 *
 *   struct task *t;
 *   TRY(task_open(&options, &t, &em));      connects, checks, reads definitions, makes topics
 *   e = task_run(t, &em);                   until it is stopped, done, or fails
 *   task_close(t);
 *
 * Threads: all calls on one thread, the supervisor's; task_stop() may be
 * called from a signal handler.
 */
#pragma once

#include "config/task.h"

enum task_until { UNTIL_STOPPED, UNTIL_CAUGHT_UP, UNTIL_POSITION, UNTIL_TIME };

struct task_options {
    const struct task_config *config; /* borrowed */
    enum task_until until;
    const char *until_file; /* UNTIL_POSITION: FILE:POS ... */
    uint64_t until_offset;
    const char *until_gtids; /* ... or gtid:SET; NULL: the former */
    uint64_t until_us;       /* UNTIL_TIME: since 1970, UTC */
};

struct task;

NODISCARD enum err task_open(const struct task_options *o, struct task **out, struct errmsg *em);

/* ERR_OK: stopped, or --until is reached; the checkpoint says how far. */
NODISCARD enum err task_run(struct task *t, struct errmsg *em);

void task_close(struct task *t);

/* Asks the task to finish what is in flight and end. Async-signal-safe; also before task_open(). */
void task_stop(void);
