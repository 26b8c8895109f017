/*
 * What a task would make of a part of the binlog, change by change, without
 * producing anything: the reader, the rules and the encoders that a task runs,
 * with somebody who looks on in the place of the brokers (look.h).
 *
 * Threads: explain_run() blocks; the functions given to it are called on a
 * thread that it waits for. task_stop() ends it.
 */
#pragma once

#include "pipeline/ddl_route.h"
#include "pipeline/lane_sight.h"

struct explain_item {
    struct binlog_place at;
    char place[600];                    /* the same as text, behind the change */
    const struct lane_sight *sight;     /* a row, or a statement that is sent */
    const struct ddl_statement *unsent; /* a statement that its entry does not want; NULL: sight */
    const struct conf_object *entry;    /* that took it; NULL: not told */
    size_t entry_index;
    const char *topic; /* "": none */
    uint64_t es_ms;
};

/* ERR_STOPPED: no more is wanted. Everything is borrowed for the call. */
typedef enum err (*explain_fn)(void *arg, const struct explain_item *item);

struct explain_options {
    const struct task_config *config;
    struct conf_start from;
    explain_fn each;
    void *arg;
};

struct explain_span {
    char from[400]; /* positions as text */
    char to[400];
};

/* ERR_OK: the end of the binlog, as of the beginning of the call, is reached; or no more was
 * wanted. */
NODISCARD enum err explain_run(const struct explain_options *o, struct explain_span *span,
                               struct errmsg *em);
