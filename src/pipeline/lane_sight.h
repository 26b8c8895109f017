/*
 * What a lane did with a row or a statement, for those who look on instead of
 * sending: explain shows it, verify compares it.
 *
 * A lane with lane_options.watch has neither thread nor producer: what would
 * have gone out is shown here, in order, and counts as acknowledged.
 *
 * Threads: the function is called within lane_submit(), by its caller.
 */
#pragma once

#include "pipeline/batch.h"

/* What became of a row. */
enum lane_fate {
    LANE_SENT,
    LANE_LEFT_OUT, /* dml or filter do not take it */
    LANE_DROPPED,  /* the script dropped it, or failed and etl_on_error is skip: why says so */
    LANE_SKIPPED,  /* its message is too large, and too_large is skip */
};

/* A row or a statement as the lane sees it; borrowed for the call. */
struct lane_sight {
    enum lane_fate fate;
    const struct batch_ddl *ddl; /* NULL: a row */
    const struct row_event *event;
    const struct row_ref *row;
    const struct cell *before; /* as on the source, columns of the binding's table; NULL: none */
    const struct cell *after;
    const struct change *change; /* LANE_SENT: what it became */
    const char *why;             /* a failure of the script; NULL: none */
    int32_t partition;
    struct slice key; /* len 0: none */
    struct slice value;
};

/* Sees what would be produced, in order. ERR_OK, or ERR_STOPPED: no more is wanted. */
typedef enum err (*lane_watch_fn)(void *arg, const struct lane_sight *sight);
