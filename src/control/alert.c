#include "control/alert.h"

#include "control/json.h"

#include <inttypes.h>
#include <stdio.h>

static bool holds(enum alert_kind kind, const struct conf_alerts *conf,
                  const struct view_snapshot *s)
{
    switch (kind) {
    case ALERT_LAG:
        return conf->lag_over_ms != 0 && s->lag_known && s->lag_us > conf->lag_over_ms * 1000;
    case ALERT_RETRYING:
        return s->state == VIEW_RETRYING;
    case ALERT_FAILED:
        return s->state == VIEW_FAILED || s->state == VIEW_PRECHECK_FAILED;
    case ALERT_KINDS:
        break;
    }
    return false;
}

static uint64_t patience_us(enum alert_kind kind, const struct conf_alerts *conf)
{
    return kind == ALERT_FAILED ? 0 : conf->for_ms * 1000;
}

/* What neither begins nor ends anything: a run that begins, or is not to run. */
static bool is_quiet(const struct view_snapshot *s)
{
    return s->state == VIEW_PAUSED || s->state == VIEW_PRECHECKING ||
           s->state == VIEW_NOT_STARTED || s->state == VIEW_FINISHED;
}

size_t alert_step(struct alert_watch *w, const struct conf_alerts *conf,
                  const struct view_snapshot *s, struct alert out[ALERT_KINDS])
{
    size_t n = 0;
    if (is_quiet(s))
        return 0;
    for (int k = 0; k < ALERT_KINDS; k++) {
        struct alert_condition *c = &w->conditions[k];
        enum alert_kind kind = (enum alert_kind)k;
        if (!holds(kind, conf, s)) {
            if (c->told)
                out[n++] = (struct alert){kind, true};
            *c = (struct alert_condition){0};
            continue;
        }
        if (c->since_us == 0)
            c->since_us = s->at_us;
        if (!c->told && s->at_us - c->since_us >= patience_us(kind, conf)) {
            c->told = true;
            out[n++] = (struct alert){kind, false};
        }
    }
    return n;
}

static void sentence(const struct alert *a, const struct task_config *config,
                     const struct view_snapshot *s, char *out, size_t cap)
{
    uint64_t lag_s = s->lag_us / 1000000;
    if (a->recovered && a->kind == ALERT_LAG)
        snprintf(out, cap, "task %s: the lag is down to %" PRIu64 " s", config->task, lag_s);
    else if (a->recovered)
        snprintf(out, cap, "task %s works again: %s", config->task, view_state_name(s->state));
    else if (a->kind == ALERT_LAG)
        snprintf(out, cap, "task %s lags by %" PRIu64 " s", config->task, lag_s);
    else
        snprintf(out, cap, "task %s is %s: %s", config->task, view_state_name(s->state), s->cause);
}

void alert_write(const struct alert *a, const struct task_config *config,
                 const struct view_snapshot *s, struct writer *out)
{
    static const char *const names[ALERT_KINDS] = {"lag-over", "retrying", "failed"};
    char text[1200];
    sentence(a, config, s, text, sizeof(text));
    struct jw j = jw_to(out);
    jw_open(&j, NULL, '{');
    jw_text(&j, "event", a->recovered ? "recovered" : names[a->kind]);
    jw_text(&j, "of", names[a->kind]);
    jw_text(&j, "task", config->task);
    jw_text(&j, "environment", config->environment);
    jw_text(&j, "text", text);
    jw_text(&j, "state", view_state_name(s->state));
    jw_time(&j, "since", s->since_us);
    jw_text(&j, "cause", s->cause);
    if (s->lag_known)
        jw_decimal(&j, "lag_seconds", s->lag_us, 1000000);
    else
        jw_null(&j, "lag_seconds");
    jw_text(&j, "position", s->durable);
    jw_time(&j, "at", s->at_us);
    jw_close(&j);
}
