/*
 * The commands. Each returns the exit code of the process; results go to
 * stdout, everything else to stderr.
 */
#pragma once

#include "cli/args.h"

#include "base/slice.h"

struct task_config;
struct writer;

int cmd_config(const struct cli_args *a);

/* The precheck: 0, 3 when an item failed, 2 when the task file is wrong. */
int cmd_check(const struct cli_args *a);

/* How a task stands; one that does not run, by its checkpoint. */
int cmd_status(const struct cli_args *a);

/* pause, resume and stop: returns when it is so. */
int cmd_wish(const struct cli_args *a);

/* Until it is stopped (SIGTERM, SIGINT), done, or fails. */
int cmd_run(const struct cli_args *a);

/* What a task would make of a part of the binlog. */
int cmd_explain(const struct cli_args *a);

/* Whether the messages in Kafka add up to the source's tables. */
int cmd_verify(const struct cli_args *a);

/* What is in the task's topics. */
int cmd_tail(const struct cli_args *a);

/* SIGTERM and SIGINT end the command in order; the second one at once. */
void cli_catch_signals(void);

/*
 * Loads the task file with the overrides of the command line and prints what
 * is wrong, or unwise, to stderr. Returns the exit code, 0 with *out set.
 */
int cli_load_task(const struct cli_args *a, struct task_config **out);

/* Appends text for people: cut behind `most` bytes, and nothing that moves a terminal's cursor. */
void cli_put_shown(struct writer *w, struct slice text, size_t most);

/* code, or 1 when what was printed to stdout did not get there. */
int cli_finish_output(int code);
