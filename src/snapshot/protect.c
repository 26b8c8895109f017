#include "snapshot/protect.h"

#include <stdio.h>

unsigned protect_needs(const struct protect_limits *limits)
{
    return (limits->history_length > 0 ? SRC_LOAD_HISTORY : 0u) |
           (limits->threads_running > 0 ? SRC_LOAD_THREADS : 0u) |
           (limits->replica_lag_ms > 0 ? SRC_LOAD_LAG : 0u);
}

void protect_begin(struct protect *p)
{
    p->above = false;
    p->near = false;
    p->history = 0;
}

/* unit: behind both numbers. */
static void look(struct protect *p, const char *server, const char *name, uint64_t value,
                 uint64_t limit, const char *unit)
{
    if (limit == 0 || value <= limit - limit / 5)
        return;
    /* The first that is above is told; while it pauses, the first that still keeps it so. */
    if ((value > limit && !p->above) || (p->paused && !p->above && !p->near))
        snprintf(p->why, sizeof(p->why), "%s: %s is %llu%s, the limit %llu%s", server, name,
                 (unsigned long long)value, unit, (unsigned long long)limit, unit);
    p->near = true;
    p->above |= value > limit;
}

void protect_look(struct protect *p, const char *server, const struct src_load *load)
{
    const struct protect_limits *l = &p->limits;
    if (load->history_length > p->history)
        p->history = load->history_length;
    if (p->idle == 0 || load->history_length > p->idle + l->history_length / 5)
        look(p, server, "history_length", load->history_length, l->history_length, "");
    look(p, server, "threads_running", load->threads_running, l->threads_running, "");
    if (load->replica && !load->replica_stopped)
        look(p, server, "replica_lag", load->replica_lag_s * 1000, l->replica_lag_ms, "ms");
}

/* Whether the history is where it was, to a sixty-fourth, for as long as the copy pauses. */
static void watch_history(struct protect *p, uint64_t now_ms)
{
    uint64_t slack = p->still / 64 + 1;
    if (p->history <= p->limits.history_length - p->limits.history_length / 5)
        p->idle = 0;
    bool moved = p->history > p->still + slack || p->history + slack < p->still;
    if (!p->paused || moved) {
        p->still = p->history;
        p->still_ms = now_ms;
    } else if (now_ms - p->still_ms >= PROTECT_STILL_MS) {
        p->idle = p->history; /* from the next look on */
    }
}

bool protect_decide(struct protect *p, uint64_t now_ms)
{
    watch_history(p, now_ms);
    if (!p->paused && p->above) {
        p->paused = true;
        p->since_ms = now_ms;
    } else if (p->paused && !p->near && now_ms - p->since_ms >= PROTECT_PAUSE_MS) {
        p->paused = false;
    }
    if (!p->paused)
        p->why[0] = '\0';
    return p->paused;
}
