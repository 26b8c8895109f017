/*
 * The command line: which command, on which task, with which options.
 *
 * Texts are borrowed from argv.
 */
#pragma once

#include "base/err.h"
#include "config/task.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cli_command {
    CLI_HELP,
    CLI_VERSION,
    CLI_CONFIG,
    CLI_RUN,
    CLI_CHECK,
    CLI_STATUS,
    CLI_PAUSE,
    CLI_RESUME,
    CLI_STOP,
    CLI_EXPLAIN,
    CLI_VERIFY,
    CLI_TAIL,
};

/* Where `run --until` stops. */
enum cli_until_kind {
    CLI_UNTIL_STOPPED,   /* the default: not by itself */
    CLI_UNTIL_CAUGHT_UP, /* everything that the source had at the start is acknowledged */
    CLI_UNTIL_FILE,      /* file and offset */
    CLI_UNTIL_GTID,      /* gtid_set */
    CLI_UNTIL_TIME,      /* the first event later than time_us */
};

struct cli_until {
    enum cli_until_kind kind;
    char file[256];
    uint64_t offset;
    const char *gtid_set;
    uint64_t time_us; /* since 1970 */
};

struct cli_args {
    enum cli_command command;
    const char *task_file;  /* NULL where the command needs none */
    const char **overrides; /* KEY=VALUE, in the order given; owned */
    size_t override_count;
    struct cli_until until;
    bool example;  /* config: print a task file to start from */
    bool markdown; /* config: print docs/configuration.md */
    bool metrics;  /* config: print docs/metrics.md */
    bool checks;   /* config: print the table of docs/precheck.md */
    bool json;     /* for programs */
    bool watch;    /* status: again and again */
    bool has_from;
    struct conf_start from; /* explain; from.file is from_file */
    char from_file[256];
    uint64_t limit;      /* 0: none */
    const char **tables; /* verify: DATABASE.TABLE, in the order given; owned */
    size_t table_count;
    const char *topic; /* tail: the only one; NULL: all of the task */
};

/* ERR_USAGE with a sentence; nothing to release then. */
NODISCARD enum err cli_parse(int argc, const char *const *argv, struct cli_args *out,
                             struct errmsg *em);

void cli_args_fini(struct cli_args *a);

/* The text of --help. */
extern const char cli_usage[];
