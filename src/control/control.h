/*
 * What is around a running task: HTTP server, alerts, reload, and the service
 * manager.
 *
 *   TRY(control_start(&options, &c, &em));    once the state folder is held
 *   ... the task runs and fills the view ...
 *   control_stop(c);                          tells of a failure, if there was one
 *
 * Threads: start and stop on the owner's; control_reload() may be called from
 * a signal handler.
 */
#pragma once

#include "config/task.h"
#include "pipeline/view.h"

struct control;

struct control_options {
    const struct task_config *config; /* borrowed */
    struct view *view;                /* borrowed */
    /* Reads the task file again; NULL with what is wrong on the log. Called on a thread of ours. */
    struct task_config *(*reload)(void *arg);
    void *reload_arg;
};

NODISCARD enum err control_start(const struct control_options *o, struct control **out,
                                 struct errmsg *em);
/*
 * Somebody who watches (a page asks every second) is left the time to see how
 * the task has failed: up to two seconds, none when nobody has asked of late.
 */
void control_show_end(struct control *c);
void control_stop(struct control *c); /* NULL is allowed */

/* Throttles and alerts are to be read again, and the log is to be opened again. Async-signal-safe.
 */
void control_reload(void);
