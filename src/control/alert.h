/*
 * When somebody is to be told, and what: the rules alone, without a clock or a
 * network.
 *
 *   lag-over    the lag was over alerts.lag_over for alerts.for
 *   retrying    one side has been away for alerts.for
 *   failed      the task has ended with a failure
 *   recovered   what was told is over
 *
 * One message each time something begins or ends, however long it lasts. A task
 * that was paused by hand lags, and that is no news: while it is paused nothing
 * begins.
 */
#pragma once

#include "base/writer.h"
#include "config/task.h"
#include "pipeline/view.h"

enum alert_kind { ALERT_LAG, ALERT_RETRYING, ALERT_FAILED, ALERT_KINDS };

struct alert {
    enum alert_kind kind;
    bool recovered; /* of that kind */
};

/* One condition as it is watched. All zero: nothing is wrong. */
struct alert_condition {
    uint64_t since_us; /* it holds since; 0: it does not */
    bool told;
};

struct alert_watch {
    struct alert_condition conditions[ALERT_KINDS];
};

/* Looks at a snapshot; what is to be told, ALERT_KINDS at most. Called about once a second. */
size_t alert_step(struct alert_watch *w, const struct conf_alerts *conf,
                  const struct view_snapshot *s, struct alert out[ALERT_KINDS]);

/* The message, one JSON object. */
void alert_write(const struct alert *a, const struct task_config *config,
                 const struct view_snapshot *s, struct writer *out);
