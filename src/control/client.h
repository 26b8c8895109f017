/*
 * The other end of the control socket: what `rowcast status`, pause, resume and
 * stop ask a running task.
 *
 * Threads: one at a time.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct client_task; /* the answer to GET /api/v1/task */

/*
 * Asks the task that runs on a state folder. ERR_UNREACHABLE: none does, or it
 * does not answer. *text (may be NULL) is the answer itself, to be freed.
 */
NODISCARD enum err client_look(const char *folder, struct client_task **out, char **text,
                               struct errmsg *em);
void client_task_free(struct client_task *t);

/* pause, resume, stop or retry. ERR_USAGE with the task's own sentence: it refuses. */
NODISCARD enum err client_ask(const char *folder, const char *wish, struct errmsg *em);

/* Valid as long as t; "" where the answer has no such text. */
const char *client_state(const struct client_task *t);
const char *client_acknowledged(const struct client_task *t); /* a position */
bool client_wants_nothing(const struct client_task *t);

/* What a person wants to know, on several lines. */
void client_print(const struct client_task *t, FILE *out);
