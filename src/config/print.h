/*
 * The configuration as text: of one task, and of the table of keys.
 */
#pragma once

#include "config/task.h"

/* The effective configuration as a task file: defaults filled in, secrets as ****. */
void conf_print(const struct task_config *task, FILE *out);

/* A task file to start from, with a comment for every key. It loads as it is. */
void conf_print_example(FILE *out);

/* docs/configuration.md */
void conf_print_markdown(FILE *out);
