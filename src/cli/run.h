/* `rowcast run`: one task, until it is stopped, done, or fails. */
#pragma once

#include <stddef.h>

struct run_args {
    const char *path;             /* the task file */
    const char *const *overrides; /* KEY=VALUE, in the order given */
    size_t override_count;
    const char *until; /* caught-up, FILE:POS, gtid:SET or a time (RFC 3339); NULL: for ever */
};

/* The process's exit code (surface: exit codes). Messages go to stderr. */
int cmd_run(const struct run_args *args);
