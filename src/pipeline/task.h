/*
 * A task, from the moment the process takes hold of its state folder until it
 * lets go: it runs, pauses when it is asked to, goes on, and ends.
 *
 *   struct task_life *life;
 *   TRY(task_life_open(&options, &life, &em));   takes the folder; from here on nobody else runs it
 *   e = task_life_run(life, &em);                until it is stopped, done, or fails for good
 *   task_life_close(life);
 *
 * A run (task_int.h) is one stretch between two pauses: it connects, checks,
 * reads definitions, makes topics, copies and follows, and frees all of that at
 * its end. What goes on over pauses is the checkpoint, the embedded broker and
 * the view.
 *
 * Threads: all calls on one thread, the supervisor's; task_stop() may be
 * called from a signal handler, and the view is anybody's.
 */
#pragma once

#include "config/task.h"

struct view;

enum task_until { UNTIL_STOPPED, UNTIL_CAUGHT_UP, UNTIL_POSITION, UNTIL_TIME };

struct task_options {
    const struct task_config *config; /* borrowed */
    struct view *view;                /* borrowed; its interrupt is ours */
    enum task_until until;
    const char *until_file; /* UNTIL_POSITION: FILE:POS ... */
    uint64_t until_offset;
    const char *until_gtids; /* ... or gtid:SET; NULL: the former */
    uint64_t until_us;       /* UNTIL_TIME: since 1970, UTC */
};

struct task_life;

NODISCARD enum err task_life_open(const struct task_options *o, struct task_life **out,
                                  struct errmsg *em);

/* ERR_OK: stopped, or --until is reached; the checkpoint says how far. */
NODISCARD enum err task_life_run(struct task_life *life, struct errmsg *em);

/* NULL is allowed. */
void task_life_close(struct task_life *life);

/* Asks the task to finish what is in flight and end. Async-signal-safe; also before it is opened.
 */
void task_stop(void);

/* The state that a task was left in, for those who ask while it does not run. */
struct task_rest {
    char state[24]; /* a name of view.h; "": it never ran */
    uint64_t since_us;
    char cause[768];
    char position[400]; /* of the checkpoint; "": none yet */
};

/* Reads the checkpoint of a task that does not run. ERR_STATE_LOCKED: it does. */
NODISCARD enum err task_rest_read(const struct task_config *config, struct task_rest *out,
                                  struct errmsg *em);
