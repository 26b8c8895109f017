#include "pipeline/view.h"

#include "base/clock.h"
#include "pipeline/precheck/precheck.h"

#include <stdio.h>
#include <stdlib.h>

#define RATE_US 2e6 /* how far back the rates of topics look */

static const char *const state_names[VIEW_STATES] = {
    [VIEW_NOT_STARTED] = "not-started",
    [VIEW_PRECHECKING] = "prechecking",
    [VIEW_PRECHECK_FAILED] = "precheck-failed",
    [VIEW_COPYING] = "copying",
    [VIEW_STREAMING] = "streaming",
    [VIEW_CAUGHT_UP] = "caught-up",
    [VIEW_PAUSED] = "paused",
    [VIEW_RETRYING] = "retrying",
    [VIEW_FAILED] = "failed",
    [VIEW_FINISHED] = "finished",
};

const uint64_t view_bucket_us[VIEW_BUCKETS] = {
    1000,   2000,    5000,    10000,   20000,    50000,    100000,   200000,
    500000, 1000000, 2000000, 5000000, 10000000, 30000000, 60000000, 300000000,
};

const char *view_state_name(enum view_state s)
{
    return s < VIEW_STATES ? state_names[s] : "";
}

enum view_state view_state_named(struct slice name)
{
    enum view_state s = VIEW_NOT_STARTED;
    while (s < VIEW_STATES && !slice_eq(slice_str(state_names[s]), name))
        s++;
    return s;
}

const char *view_skip_name(enum view_skip s)
{
    static const char *const names[] = {
        [VIEW_SKIP_FILTER] = "filter",         [VIEW_SKIP_ETL] = "etl",
        [VIEW_SKIP_ETL_FAILED] = "etl_failed", [VIEW_SKIP_TOO_LARGE] = "too_large",
        [VIEW_SKIP_KEY_ONLY] = "key_only",
    };
    return names[s];
}

const char *view_side_name(enum view_side s)
{
    static const char *const names[VIEW_SIDES] = {"source", "destination", "state_dir"};
    return s < VIEW_SIDES ? names[s] : "";
}

enum err view_new(struct view **out)
{
    struct view *v = calloc(1, sizeof(*v));
    struct view_snapshot *s = view_blank();
    if (v == NULL || s == NULL) {
        free(v);
        view_release(s);
        return ERR_NO_MEMORY;
    }
    pthread_mutex_init(&v->lock, NULL);
    counters_init(&v->counters);
    throttle_init(&v->full, &(struct throttle_limits){0});
    throttle_init(&v->incremental, &(struct throttle_limits){0});
    v->started_us = clock_wall_us();
    s->at_us = s->since_us = s->started_us = v->started_us;
    s->wanted = VIEW_STATES;
    v->newest = s;
    atomic_store(&v->beat_ms, clock_mono_ms());
    *out = v;
    return ERR_OK;
}

void view_free(struct view *v)
{
    if (v == NULL)
        return;
    view_release(v->newest);
    precheck_release(v->precheck);
    counters_fini(&v->counters);
    free(v->tables);
    free(v->topics);
    throttle_fini(&v->full);
    throttle_fini(&v->incremental);
    pthread_mutex_destroy(&v->lock);
    free(v);
}

void view_check(struct view *v, struct precheck_report *r)
{
    precheck_ref(r);
    pthread_mutex_lock(&v->lock);
    struct precheck_report *old = v->precheck;
    v->precheck = r;
    pthread_mutex_unlock(&v->lock);
    precheck_release(old);
}

struct precheck_report *view_checked(struct view *v)
{
    pthread_mutex_lock(&v->lock);
    struct precheck_report *r = v->precheck;
    if (r != NULL)
        precheck_ref(r);
    pthread_mutex_unlock(&v->lock);
    return r;
}

struct view_snapshot *view_blank(void)
{
    struct view_snapshot *s = calloc(1, sizeof(*s));
    if (s != NULL)
        atomic_init(&s->refs, 1);
    return s;
}

struct view_snapshot *view_look(struct view *v)
{
    pthread_mutex_lock(&v->lock);
    struct view_snapshot *s = v->newest;
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed); /* the view holds one */
    pthread_mutex_unlock(&v->lock);
    return s;
}

void view_release(struct view_snapshot *s)
{
    if (s == NULL || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return;
    free(s->read);
    free(s->acknowledged);
    free(s->durable);
    free(s->tables);
    free(s->topics);
    free(s->brokers);
    free(s);
}

void view_publish(struct view *v, struct view_snapshot *s)
{
    pthread_mutex_lock(&v->lock);
    struct view_snapshot *old = v->newest;
    v->newest = s;
    pthread_mutex_unlock(&v->lock);
    atomic_store(&v->state_now, (uint64_t)s->state);
    view_release(old);
}

static int by_name(const void *a, const void *b)
{
    const struct table_counter *x = *(struct table_counter *const *)a;
    const struct table_counter *y = *(struct table_counter *const *)b;
    int d = strcmp(x->database, y->database);
    return d != 0 ? d : strcmp(x->table, y->table);
}

static int by_topic_name(const void *a, const void *b)
{
    return strcmp((*(struct topic_counter *const *)a)->name,
                  (*(struct topic_counter *const *)b)->name);
}

static int by_topic(const void *a, const void *b)
{
    return strcmp(((const struct view_topic *)a)->name, ((const struct view_topic *)b)->name);
}

static struct view_table table_of(struct table_counter *c, uint64_t now_ms)
{
    struct view_table t = {
        .database = c->database,
        .table = c->table,
        .inserted = count_of(&c->inserted),
        .updated = count_of(&c->updated),
        .deleted = count_of(&c->deleted),
        .copy = (enum copy_state)atomic_load_explicit(&c->copy_state, memory_order_relaxed),
        .copy_rows = count_of(&c->copy_rows),
        .copy_estimate = count_of(&c->copy_estimate),
        .copy_left_s = UINT64_MAX,
    };
    uint64_t began = count_of(&c->copy_began_ms), before = count_of(&c->copy_rows_before);
    if (t.copy == COPY_RUNNING && began != 0 && now_ms > began && t.copy_rows > before)
        t.copy_rate = (t.copy_rows - before) * 1000 / (now_ms - began);
    if (t.copy_rate > 0 && t.copy_estimate > 0)
        t.copy_left_s =
            t.copy_estimate > t.copy_rows ? (t.copy_estimate - t.copy_rows) / t.copy_rate : 0;
    return t;
}

/* The rate since the snapshot before, evened out: what is RATE_US old counts for little more than a
 * third. */
static uint64_t topic_rate_milli(const struct view_topic *now, const struct view_snapshot *before,
                                 uint64_t at_us)
{
    if (before == NULL || at_us <= before->at_us)
        return 0;
    const struct view_topic *was =
        before->topic_count == 0
            ? NULL
            : bsearch(now, before->topics, before->topic_count, sizeof(*now), by_topic);
    double us = (double)(at_us - before->at_us);
    double fresh = (double)(now->messages - (was != NULL ? was->messages : 0)) * 1e9 / us;
    double old = was != NULL ? (double)was->rate_milli : 0;
    return (uint64_t)(old + (fresh - old) * us / (us + RATE_US));
}

/* Counters never go, so that their order changes only when their number does. */
static bool sort_tables(struct view *v)
{
    struct table_counter *first = counters_tables(&v->counters);
    size_t n = 0;
    for (struct table_counter *t = first; t != NULL; t = t->next)
        n++;
    if (n == v->table_count)
        return true;
    struct table_counter **sorted = realloc(v->tables, n * sizeof(*sorted));
    if (sorted == NULL)
        return false;
    v->tables = sorted;
    v->table_count = n;
    for (size_t i = 0; i < n; i++, first = first->next)
        sorted[i] = first;
    qsort(sorted, n, sizeof(*sorted), by_name);
    return true;
}

static bool sort_topics(struct view *v)
{
    struct topic_counter *first = counters_topics(&v->counters);
    size_t n = 0;
    for (struct topic_counter *t = first; t != NULL; t = t->next)
        n++;
    if (n == v->topic_count)
        return true;
    struct topic_counter **sorted = realloc(v->topics, n * sizeof(*sorted));
    if (sorted == NULL)
        return false;
    v->topics = sorted;
    v->topic_count = n;
    for (size_t i = 0; i < n; i++, first = first->next)
        sorted[i] = first;
    qsort(sorted, n, sizeof(*sorted), by_topic_name);
    return true;
}

bool view_fill_counters(struct view *v, struct view_snapshot *s, const struct view_snapshot *before)
{
    uint64_t now_ms = clock_mono_ms();
    if (!sort_tables(v) || !sort_topics(v))
        return false;
    s->tables = calloc(v->table_count + 1, sizeof(*s->tables));
    s->topics = calloc(v->topic_count + 1, sizeof(*s->topics));
    if (s->tables == NULL || s->topics == NULL)
        return false;
    for (; s->table_count < v->table_count; s->table_count++)
        s->tables[s->table_count] = table_of(v->tables[s->table_count], now_ms);
    for (; s->topic_count < v->topic_count; s->topic_count++) {
        const struct topic_counter *topic = v->topics[s->topic_count];
        struct view_topic *t = &s->topics[s->topic_count];
        *t = (struct view_topic){.name = topic->name,
                                 .messages = count_of(&topic->messages),
                                 .bytes = count_of(&topic->bytes)};
        t->rate_milli = topic_rate_milli(t, before, s->at_us);
        t->rate = (t->rate_milli + 500) / 1000;
    }
    return true;
}

void view_trouble_begin(struct view *v, enum view_side side, unsigned bit, uint64_t since_us,
                        uint64_t next_try_us, uint64_t window_end_us, const char *cause)
{
    if (v == NULL)
        return;
    count(&v->failed_retries[side], 1);
    pthread_mutex_lock(&v->lock);
    struct view_trouble *t = &v->trouble[side];
    if (t->who == 0)
        *t = (struct view_trouble){.since_us = since_us, .window_end_us = window_end_us};
    if (since_us < t->since_us)
        t->since_us = since_us;
    if (window_end_us < t->window_end_us)
        t->window_end_us = window_end_us;
    t->who |= UINT64_C(1) << (bit & 63);
    t->next_try_us = next_try_us;
    t->tries++;
    snprintf(t->cause, sizeof(t->cause), "%s", cause);
    pthread_mutex_unlock(&v->lock);
}

void view_trouble_end(struct view *v, enum view_side side, unsigned bit)
{
    if (v == NULL)
        return;
    uint64_t mine = UINT64_C(1) << (bit & 63);
    pthread_mutex_lock(&v->lock);
    struct view_trouble *t = &v->trouble[side];
    bool over = t->who == mine;
    t->who &= ~mine;
    if (t->who == 0)
        *t = (struct view_trouble){0};
    pthread_mutex_unlock(&v->lock);
    if (over)
        count(&v->reconnects[side], 1);
}

void view_trouble_forget(struct view *v)
{
    pthread_mutex_lock(&v->lock);
    memset(v->trouble, 0, sizeof(v->trouble));
    pthread_mutex_unlock(&v->lock);
}

void view_troubles(struct view *v, struct view_trouble out[VIEW_SIDES])
{
    pthread_mutex_lock(&v->lock);
    memcpy(out, v->trouble, sizeof(v->trouble));
    pthread_mutex_unlock(&v->lock);
}

void view_note(void *view, bool warning, const char *event, const char *text)
{
    struct view *v = view;
    pthread_mutex_lock(&v->lock);
    struct view_error *e = &v->errors[v->error_count % VIEW_ERRORS];
    *e = (struct view_error){
        .at_us = clock_wall_us(), .number = ++v->error_count, .warning = warning};
    snprintf(e->event, sizeof(e->event), "%s", event);
    snprintf(e->text, sizeof(e->text), "%s", text);
    pthread_mutex_unlock(&v->lock);
}

size_t view_errors(struct view *v, struct view_error *out, size_t max)
{
    pthread_mutex_lock(&v->lock);
    uint64_t have = v->error_count < VIEW_ERRORS ? v->error_count : VIEW_ERRORS;
    size_t n = have < max ? (size_t)have : max;
    for (size_t i = 0; i < n; i++)
        out[i] = v->errors[(v->error_count - n + i) % VIEW_ERRORS];
    pthread_mutex_unlock(&v->lock);
    return n;
}

void view_add_sample(struct view *v, const struct view_sample *s)
{
    pthread_mutex_lock(&v->lock);
    v->samples[v->sample_count++ % VIEW_SAMPLES] = *s;
    pthread_mutex_unlock(&v->lock);
}

size_t view_samples(struct view *v, struct view_sample *out)
{
    pthread_mutex_lock(&v->lock);
    size_t n = v->sample_count < VIEW_SAMPLES ? (size_t)v->sample_count : VIEW_SAMPLES;
    for (size_t i = 0; i < n; i++)
        out[i] = v->samples[(v->sample_count - n + i) % VIEW_SAMPLES];
    pthread_mutex_unlock(&v->lock);
    return n;
}

void view_took(struct view *v, uint64_t us, uint64_t n)
{
    size_t i = 0;
    while (i < VIEW_BUCKETS && us > view_bucket_us[i])
        i++;
    count(&v->commit_to_ack.bucket[i], n);
    count(&v->commit_to_ack.sum_us, us * n);
}

uint64_t view_percentile_us(const struct view *v, double share)
{
    uint64_t bucket[VIEW_BUCKETS + 1], all = 0, seen = 0;
    for (size_t i = 0; i <= VIEW_BUCKETS; i++)
        all += bucket[i] = count_of(&v->commit_to_ack.bucket[i]);
    for (size_t i = 0; i < VIEW_BUCKETS; i++) {
        seen += bucket[i];
        if (all > 0 && (double)seen >= share * (double)all)
            return view_bucket_us[i];
    }
    return all > 0 ? view_bucket_us[VIEW_BUCKETS - 1] : 0;
}

bool view_command(struct view *v, enum view_command c)
{
    uint32_t before = atomic_load(&v->command);
    do {
        if (before == VIEW_STOP && c != VIEW_STOP)
            return false;
    } while (!atomic_compare_exchange_weak(&v->command, &before, (uint32_t)c));
    /* In this order: what is interrupted looks for the wish. */
    if (c != VIEW_RESUME && v->interrupt != NULL)
        v->interrupt();
    return true;
}

enum view_command view_take_command(struct view *v)
{
    return (enum view_command)atomic_exchange(&v->command, VIEW_NO_COMMAND);
}

void view_retry_now(struct view *v)
{
    atomic_fetch_add(&v->retry_now, 1);
}
