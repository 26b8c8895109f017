#include "control/api.h"
#include "control/checked.h"

#include "base/clock.h"
#include "control/console.h"
#include "control/json.h"
#include "control/metrics.h"
#include "pipeline/precheck/precheck.h"

#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#define TABLES_SHOWN 1000
#define STALE_MS     30000 /* without a sign of the supervisor while something runs */

const char *api_advice(const struct view_snapshot *s)
{
    switch (s->state) {
    case VIEW_NOT_STARTED:
    case VIEW_PRECHECKING:
    case VIEW_COPYING:
    case VIEW_CAUGHT_UP:
    case VIEW_FINISHED:
    case VIEW_STATES:
        return "";
    case VIEW_STREAMING:
        if (s->incremental.holding)
            return "The throttle holds it back: raise or clear throttle.incremental if it is to "
                   "catch up faster.";
        return s->lag_known && s->lag_us > 60000000
                   ? "It is catching up. If the lag grows, look which side is slow: a full queue "
                     "speaks for the brokers, empty buffers for the source."
                   : "";
    case VIEW_PRECHECK_FAILED:
        return "Do what the items that failed say (on the page, or by rowcast check TASK.yaml), and "
               "start the task again.";
    case VIEW_PAUSED:
        return "Resume when you want it to go on. Mind how long the source keeps its binlogs: "
               "what is purged unread is lost to the task.";
    case VIEW_RETRYING:
        if (s->side == VIEW_SOURCE)
            return "Bring the source back, or mend what the cause names. The task goes on by "
                   "itself, and nothing is lost as long as the source keeps its binlogs.";
        if (s->side == VIEW_DESTINATION)
            return "Bring the brokers back, or mend what the cause names. The task goes on by "
                   "itself, and nothing is lost as long as the source keeps its binlogs.";
        return "Make room on the disk of state_dir. The task goes on by itself.";
    case VIEW_FAILED:
        return "Mend what the cause names, and start the task again: it goes on from its "
               "checkpoint.";
    }
    return "";
}

/* ---- GET /api/v1/task ---- */

static void put_trouble(struct jw *j, const char *name, enum view_side side,
                        const struct view_trouble *t)
{
    jw_open(j, name, '{');
    jw_text(j, "side", view_side_name(side));
    jw_text(j, "cause", t->cause);
    jw_time(j, "since", t->since_us);
    jw_time(j, "next_try", t->next_try_us);
    jw_time(j, "window_end", t->window_end_us);
    jw_number(j, "tries", t->tries);
    jw_close(j);
}

/* What the cause is about, and all that is away. */
static void put_troubles(struct jw *j, const struct view_snapshot *s)
{
    if (s->state == VIEW_RETRYING)
        put_trouble(j, "retrying", s->side, &s->trouble[s->side]);
    else
        jw_null(j, "retrying");
    jw_open(j, "away", '[');
    for (int i = 0; i < VIEW_SIDES; i++)
        if (s->trouble[i].who != 0)
            put_trouble(j, NULL, (enum view_side)i, &s->trouble[i]);
    jw_close(j);
}

static void put_progress(struct jw *j, struct view *v, const struct view_snapshot *s)
{
    jw_open(j, "positions", '{');
    jw_text(j, "read", s->read);
    jw_text(j, "acknowledged", s->acknowledged);
    jw_text(j, "durable", s->durable);
    jw_close(j);
    jw_open(j, "lag", '{');
    if (s->lag_known)
        jw_decimal(j, "seconds", s->lag_us, 1000000);
    else
        jw_null(j, "seconds");
    if (s->behind_known)
        jw_number(j, "bytes_behind", s->bytes_behind);
    else
        jw_null(j, "bytes_behind");
    jw_open(j, "commit_to_ack", '{');
    jw_decimal(j, "p50_seconds", view_percentile_us(v, 0.5), 1000000);
    jw_decimal(j, "p95_seconds", view_percentile_us(v, 0.95), 1000000);
    jw_decimal(j, "p99_seconds", view_percentile_us(v, 0.99), 1000000);
    jw_close(j);
    jw_close(j);
    jw_open(j, "rates", '{');
    jw_number(j, "rows", s->rows_rate);
    jw_number(j, "bytes", s->bytes_rate);
    jw_number(j, "messages", s->messages_rate);
    jw_close(j);
    jw_open(j, "totals", '{');
    jw_number(j, "source_bytes", s->totals.source_bytes);
    jw_number(j, "source_events", s->totals.source_events);
    jw_number(j, "rows", s->totals.rows);
    jw_number(j, "messages", s->totals.messages);
    jw_number(j, "message_bytes", s->totals.message_bytes);
    jw_number(j, "acknowledged_messages", s->totals.acknowledged);
    jw_close(j);
}

static void put_throttle(struct jw *j, const char *name, const struct view_throttle *t,
                         bool queries)
{
    jw_open(j, name, '{');
    if (queries)
        jw_number(j, "queries", t->limits.queries);
    jw_number(j, "rows", t->limits.rows);
    jw_number(j, "bytes", t->limits.bytes);
    jw_bool(j, "holding", t->holding);
    jw_decimal(j, "held_seconds", t->held_us, 1000000);
    jw_close(j);
}

static void put_throttles(struct jw *j, const char *name, const struct view_snapshot *s)
{
    jw_open(j, name, '{');
    put_throttle(j, "full", &s->full, true);
    put_throttle(j, "incremental", &s->incremental, false);
    jw_close(j);
}

static void put_copy(struct jw *j, const struct view_snapshot *s)
{
    static const char *const names[] = {
        [COPY_NONE] = "",     [COPY_WAITING] = "waiting", [COPY_RUNNING] = "running",
        [COPY_DONE] = "done", [COPY_SKIPPED] = "skipped",
    };
    jw_open(j, "copy", '[');
    size_t shown = 0;
    for (size_t i = 0; i < s->table_count && shown < TABLES_SHOWN; i++) {
        const struct view_table *t = &s->tables[i];
        if (t->copy == COPY_NONE)
            continue;
        shown++;
        jw_open(j, NULL, '{');
        jw_text(j, "database", t->database);
        jw_text(j, "table", t->table);
        jw_text(j, "state", names[t->copy]);
        jw_number(j, "rows", t->copy_rows);
        jw_number(j, "estimate", t->copy_estimate);
        jw_number(j, "rate", t->copy_rate);
        if (t->copy_left_s != UINT64_MAX)
            jw_number(j, "left_seconds", t->copy_left_s);
        else
            jw_null(j, "left_seconds");
        jw_close(j);
    }
    jw_close(j);
}

static void put_tables(struct jw *j, const struct view_snapshot *s)
{
    jw_number(j, "table_count", s->table_count);
    jw_open(j, "tables", '[');
    for (size_t i = 0; i < s->table_count && i < TABLES_SHOWN; i++) {
        const struct view_table *t = &s->tables[i];
        jw_open(j, NULL, '{');
        jw_text(j, "database", t->database);
        jw_text(j, "table", t->table);
        jw_number(j, "inserted", t->inserted);
        jw_number(j, "updated", t->updated);
        jw_number(j, "deleted", t->deleted);
        jw_close(j);
    }
    jw_close(j);
    jw_number(j, "topic_count", s->topic_count);
    jw_open(j, "topics", '[');
    for (size_t i = 0; i < s->topic_count && i < TABLES_SHOWN; i++) {
        const struct view_topic *t = &s->topics[i];
        jw_open(j, NULL, '{');
        jw_text(j, "name", t->name);
        jw_number(j, "messages", t->messages);
        jw_number(j, "bytes", t->bytes);
        jw_number(j, "rate", t->rate);
        jw_close(j);
    }
    jw_close(j);
}

static void put_errors(struct jw *j, struct view *v)
{
    struct view_error errors[VIEW_ERRORS];
    size_t n = view_errors(v, errors, VIEW_ERRORS);
    jw_open(j, "errors", '[');
    for (size_t i = n; i-- > 0;) { /* newest first */
        jw_open(j, NULL, '{');
        jw_number(j, "number", errors[i].number);
        jw_time(j, "at", errors[i].at_us);
        jw_text(j, "level", errors[i].warning ? "warn" : "error");
        jw_text(j, "event", errors[i].event);
        jw_text(j, "text", errors[i].text);
        jw_close(j);
    }
    jw_close(j);
}

static void put_memory(struct jw *j, const struct view_snapshot *s)
{
    jw_open(j, "memory", '{');
    jw_number(j, "limit", s->memory_limit);
    jw_number(j, "frames", s->memory_frames);
    jw_number(j, "packs", s->memory_packs);
    jw_number(j, "queue", s->memory_queue);
    jw_close(j);
}

static void put_task(struct api *a, struct jw *j, const struct view_snapshot *s)
{
    jw_open(j, NULL, '{');
    jw_text(j, "task", a->task);
    jw_text(j, "environment", a->environment);
    jw_text(j, "version", ROWCAST_VERSION);
    jw_number(j, "pid", (uint64_t)getpid());
    jw_time(j, "now", clock_wall_us());
    jw_time(j, "started", s->started_us);
    jw_text(j, "state", view_state_name(s->state));
    jw_time(j, "since", s->since_us);
    jw_text(j, "cause", s->cause);
    jw_text(j, "advice", api_advice(s));
    jw_text(j, "wanted", s->wanted != VIEW_STATES ? view_state_name(s->wanted) : NULL);
    put_troubles(j, s);
    jw_open(j, "source", '{');
    jw_text(j, "address", s->source);
    jw_text(j, "version", s->server);
    jw_close(j);
    put_progress(j, a->view, s);
    put_throttles(j, "throttle", s);
    put_copy(j, s);
    put_tables(j, s);
    put_errors(j, a->view);
    jw_number(j, "lanes", s->lanes);
    jw_number(j, "next_id", s->next_id);
    put_memory(j, s);
    jw_close(j);
}

void api_task(struct api *a, struct writer *out)
{
    struct view_snapshot *s = view_look(a->view);
    struct jw j = jw_to(out);
    put_task(a, &j, s);
    writer_lit(out, "\n");
    view_release(s);
}

static void get_task(struct api *a, const struct http_request *rq, struct http_reply *r)
{
    (void)rq;
    api_task(a, &r->body);
    atomic_store(&a->asked_ms, clock_mono_ms());
}

static void get_history(struct api *a, const struct http_request *rq, struct http_reply *r)
{
    static _Thread_local struct view_sample samples[VIEW_SAMPLES];
    (void)rq;
    size_t n = view_samples(a->view, samples);
    struct jw j = jw_to(&r->body);
    jw_open(&j, NULL, '{');
    jw_number(&j, "interval_seconds", VIEW_SAMPLE_MS / 1000);
    jw_open(&j, "samples", '[');
    for (size_t i = 0; i < n; i++) {
        jw_open(&j, NULL, '{');
        jw_time(&j, "at", samples[i].at_us);
        jw_number(&j, "rows", samples[i].rows_rate);
        jw_number(&j, "bytes", samples[i].bytes_rate);
        if (samples[i].lag_ms != UINT64_MAX)
            jw_decimal(&j, "lag_seconds", samples[i].lag_ms, 1000);
        else
            jw_null(&j, "lag_seconds");
        jw_close(&j);
    }
    jw_close(&j);
    jw_close(&j);
    writer_lit(&r->body, "\n");
}

/* ---- wishes ---- */

/* Whether a task in that state is, or is on its way to be, where the wish wants it. */
static void wish(struct api *a, struct http_reply *r, enum view_command c)
{
    struct view_snapshot *s = view_look(a->view);
    enum view_state state = s->state;
    bool ended = state == VIEW_FAILED || state == VIEW_FINISHED;
    bool settled = s->wanted == VIEW_STATES && atomic_load(&a->view->command) == VIEW_NO_COMMAND;
    bool there = settled && ((c == VIEW_PAUSE && state == VIEW_PAUSED) ||
                             (c == VIEW_RESUME && state != VIEW_PAUSED));
    view_release(s);
    if (ended) {
        http_problem(r, 409, "Conflict", "the task has ended (%s)", view_state_name(state));
        return;
    }
    /* In any case: what is shown may be a moment old. */
    if (!view_command(a->view, c)) {
        http_problem(r, 409, "Conflict", "the task is being stopped");
        return;
    }
    struct jw j = jw_to(&r->body);
    r->status = there ? 200 : 202;
    jw_open(&j, NULL, '{');
    jw_text(&j, "state", view_state_name(state));
    jw_text(&j, "wanted",
            there              ? NULL
            : c == VIEW_PAUSE  ? "paused"
            : c == VIEW_RESUME ? "streaming"
                               : "finished");
    jw_close(&j);
    writer_lit(&r->body, "\n");
}

static void pause_task(struct api *a, const struct http_request *rq, struct http_reply *r)
{
    (void)rq;
    wish(a, r, VIEW_PAUSE);
}

static void resume_task(struct api *a, const struct http_request *rq, struct http_reply *r)
{
    (void)rq;
    wish(a, r, VIEW_RESUME);
}

static void stop_task(struct api *a, const struct http_request *rq, struct http_reply *r)
{
    (void)rq;
    wish(a, r, VIEW_STOP);
}

static void retry_task(struct api *a, const struct http_request *rq, struct http_reply *r)
{
    struct view_snapshot *s = view_look(a->view);
    bool retrying = s->state == VIEW_RETRYING;
    const char *name = view_state_name(s->state);
    (void)rq;
    view_release(s);
    if (!retrying) {
        http_problem(r, 409, "Conflict", "the task is %s: there is nothing to try again", name);
        return;
    }
    view_retry_now(a->view);
    r->status = 202;
    writer_lit(&r->body, "{\"state\":\"retrying\",\"wanted\":null}\n");
}

/* ---- throttle ---- */

static void get_throttle(struct api *a, const struct http_request *rq, struct http_reply *r)
{
    (void)rq;
    struct view_throttle full = {.limits = throttle_get(&a->view->full),
                                 .held_us = throttle_held_us(&a->view->full)};
    struct view_throttle incremental = {.limits = throttle_get(&a->view->incremental),
                                        .held_us = throttle_held_us(&a->view->incremental)};
    struct view_snapshot *s = view_look(a->view);
    full.holding = s->full.holding;
    incremental.holding = s->incremental.holding;
    view_release(s);
    struct jw j = jw_to(&r->body);
    jw_open(&j, NULL, '{');
    put_throttle(&j, "full", &full, true);
    put_throttle(&j, "incremental", &incremental, false);
    jw_close(&j);
    writer_lit(&r->body, "\n");
}

#define LIMIT_MAX 1000000000000 /* as the task file has it */

/* One phase of the body; what it does not name stays. False: the problem is in r. */
static bool take_limits(json_t *phase, const char *name, struct throttle_limits *l, bool queries,
                        struct http_reply *r)
{
    const char *key;
    json_t *value;
    if (!json_is_object(phase)) {
        http_problem(r, 400, "Bad Request", "%s is no object", name);
        return false;
    }
    json_object_foreach(phase, key, value)
    {
        uint64_t *to = strcmp(key, "rows") == 0                 ? &l->rows
                       : strcmp(key, "bytes") == 0              ? &l->bytes
                       : queries && strcmp(key, "queries") == 0 ? &l->queries
                                                                : NULL;
        if (to == NULL) {
            http_problem(r, 400, "Bad Request", "%s.%.60s is no limit: %s", name, key,
                         queries ? "queries, rows and bytes are" : "rows and bytes are");
            return false;
        }
        json_int_t n = json_is_integer(value) ? json_integer_value(value) : -1;
        if (n < 0 || n > LIMIT_MAX) {
            http_problem(r, 400, "Bad Request",
                         "%s.%s: a whole number from 0 (no limit) to %lld is expected", name, key,
                         (long long)LIMIT_MAX);
            return false;
        }
        *to = (uint64_t)n;
    }
    return true;
}

static void put_limits(struct api *a, const struct http_request *rq, struct http_reply *r)
{
    json_error_t error;
    const char *key;
    json_t *value, *body = json_loadb((const char *)rq->body.ptr, rq->body.len,
                                      JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(body)) {
        http_problem(r, 400, "Bad Request", "the body is no JSON object%s%s",
                     body == NULL ? ": " : "", body == NULL ? error.text : "");
        json_decref(body);
        return;
    }
    struct throttle_limits full = throttle_get(&a->view->full);
    struct throttle_limits incremental = throttle_get(&a->view->incremental);
    bool good = true;
    json_object_foreach(body, key, value)
    {
        if (strcmp(key, "full") == 0)
            good = good && take_limits(value, "full", &full, true, r);
        else if (strcmp(key, "incremental") == 0)
            good = good && take_limits(value, "incremental", &incremental, false, r);
        else if (good) {
            http_problem(r, 400, "Bad Request", "%.60s is no phase: full and incremental are", key);
            good = false;
        }
    }
    json_decref(body);
    if (!good)
        return;
    throttle_set(&a->view->full, &full);
    throttle_set(&a->view->incremental, &incremental);
    get_throttle(a, rq, r);
}

/* ---- the rest ---- */

static void get_config(struct api *a, const struct http_request *rq, struct http_reply *r)
{
    (void)rq;
    struct jw j = jw_to(&r->body);
    jw_open(&j, NULL, '{');
    jw_text(&j, "yaml", a->config_text);
    jw_close(&j);
    writer_lit(&r->body, "\n");
}

static void get_precheck(struct api *a, const struct http_request *rq, struct http_reply *r)
{
    struct precheck_report *report = view_checked(a->view);
    (void)rq;
    checked_write(report, &r->body);
    precheck_release(report);
}

static void get_metrics(struct api *a, const struct http_request *rq, struct http_reply *r)
{
    (void)rq;
    r->type = METRICS_TYPE;
    metrics_write(a->view, a->task, a->environment, &r->body);
}

static void get_page(struct api *a, const struct http_request *rq, struct http_reply *r)
{
    (void)a;
    (void)rq;
    r->type = "text/html; charset=utf-8";
    writer_slice_put(&r->body, console_page());
}

/* While a run begins, the supervisor may be busy for long: reading definitions, scanning binlogs.
 */
static void get_live(struct api *a, const struct http_request *rq, struct http_reply *r)
{
    uint64_t beat = atomic_load(&a->view->beat_ms), now = clock_mono_ms();
    enum view_state state = (enum view_state)atomic_load(&a->view->state_now);
    (void)rq;
    if (state != VIEW_PRECHECKING && now > beat && now - beat > STALE_MS)
        http_problem(r, 503, "Service Unavailable", "nothing has moved for %llu s",
                     (unsigned long long)((now - beat) / 1000));
    else
        writer_lit(&r->body, "{\"status\":\"ok\"}\n");
}

static void get_ready(struct api *a, const struct http_request *rq, struct http_reply *r)
{
    enum view_state state = (enum view_state)atomic_load(&a->view->state_now);
    (void)rq;
    if (state == VIEW_COPYING || state == VIEW_STREAMING || state == VIEW_CAUGHT_UP)
        writer_lit(&r->body, "{\"status\":\"ok\"}\n");
    else
        http_problem(r, 503, "Service Unavailable", "the task is %s", view_state_name(state));
}

#define API "/api/v1"

static const struct route {
    const char *method;
    const char *path;
    void (*answer)(struct api *a, const struct http_request *rq, struct http_reply *r);
} routes[] = {
    {"GET", "/", get_page},
    {"GET", API "/task", get_task},
    {"GET", API "/task/history", get_history},
    {"POST", API "/task/pause", pause_task},
    {"POST", API "/task/resume", resume_task},
    {"POST", API "/task/stop", stop_task},
    {"POST", API "/task/retry", retry_task},
    {"GET", API "/task/throttle", get_throttle},
    {"PUT", API "/task/throttle", put_limits},
    {"GET", API "/precheck", get_precheck},
    {"GET", API "/config", get_config},
    {"GET", "/metrics", get_metrics},
    {"GET", "/health/live", get_live},
    {"GET", "/health/ready", get_ready},
};

#define ROUTE_COUNT (sizeof(routes) / sizeof(routes[0]))

bool api_is_change(const char *method, const char *path)
{
    (void)path;
    return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0;
}

bool api_is_open(const char *path)
{
    return strcmp(path, "/") == 0 || strncmp(path, "/health/", 8) == 0;
}

void api_answer(void *api, const struct http_request *rq, struct http_reply *out)
{
    const struct route *near = NULL;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (strcmp(routes[i].path, rq->path) != 0)
            continue;
        near = &routes[i];
        if (strcmp(near->method, rq->method) == 0) {
            near->answer(api, rq, out);
            return;
        }
    }
    if (near == NULL) {
        http_problem(out, 404, "Not Found", "there is no %.200s here", rq->path);
        return;
    }
    http_problem(out, 405, "Method Not Allowed", "%.20s is not what %s takes", rq->method,
                 rq->path);
    out->allow = strcmp(near->path, API "/task/throttle") == 0 ? "GET, HEAD, PUT"
                 : strcmp(near->method, "GET") == 0            ? "GET, HEAD"
                                                               : "POST";
}
