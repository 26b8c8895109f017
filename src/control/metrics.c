#include "control/metrics.h"

#include "base/clock.h"
#include "base/log.h"

#include <inttypes.h>
#include <stddef.h>

enum kind { COUNTER, GAUGE, HISTOGRAM, INFO };

struct page {
    struct writer *w;
    struct view *view;
    const struct view_snapshot *s;
    const char *base; /* task="...",environment="..." */
    const struct metric *m;
};

struct metric {
    const char *name; /* without rowcast_ and, for counters, without _total */
    enum kind kind;
    const char *unit; /* as the name ends, or NULL */
    const char *labels;
    const char *help;
    void (*write)(const struct page *p);
};

static const char *const kind_names[] = {
    [COUNTER] = "counter",   [GAUGE] = "gauge", [HISTOGRAM] = "histogram",
    [INFO] = "info",
};

/* \ " and line ends, as the format wants them. */
static void put_label(struct writer *w, const char *s)
{
    for (; *s != 0; s++) {
        if (*s == '\\' || *s == '"')
            writer_u8(w, '\\');
        if (*s == '\n')
            writer_lit(w, "\\n");
        else
            writer_u8(w, (uint8_t)*s);
    }
}

static void begin_sample(const struct page *p, const char *suffix)
{
    writer_printf(p->w, "rowcast_%s%s{%s", p->m->name, suffix, p->base);
}

static void label(const struct page *p, const char *name, const char *value)
{
    writer_printf(p->w, ",%s=\"", name);
    put_label(p->w, value);
    writer_lit(p->w, "\"");
}

static void end_sample(const struct page *p, uint64_t value)
{
    writer_printf(p->w, "} %" PRIu64 "\n", value);
}

/* Microseconds as seconds. */
static void end_seconds(const struct page *p, uint64_t us)
{
    writer_printf(p->w, "} %" PRIu64 ".%06" PRIu64 "\n", us / 1000000, us % 1000000);
}

static void one(const struct page *p, uint64_t value)
{
    begin_sample(p, p->m->kind == COUNTER ? "_total" : "");
    end_sample(p, value);
}

static void source_bytes(const struct page *p)
{
    one(p, p->s->totals.source_bytes);
}
static void source_events(const struct page *p)
{
    one(p, p->s->totals.source_events);
}
static void acknowledged(const struct page *p)
{
    one(p, p->s->totals.acknowledged);
}
static void replaced(const struct page *p)
{
    one(p, p->s->totals.replaced_text);
}
static void skipped(const struct page *p)
{
    for (int i = 0; i < VIEW_SKIPS; i++) {
        begin_sample(p, "_total");
        label(p, "reason", view_skip_name((enum view_skip)i));
        end_sample(p, p->s->totals.skipped[i]);
    }
}
static void lanes(const struct page *p)
{
    one(p, p->s->lanes);
}
static void memory_limit(const struct page *p)
{
    one(p, p->s->memory_limit);
}

static void rows(const struct page *p)
{
    for (size_t i = 0; i < p->s->table_count; i++) {
        const struct view_table *t = &p->s->tables[i];
        char name[600];
        const struct {
            const char *op;
            uint64_t n;
        } ops[] = {{"insert", t->inserted}, {"update", t->updated}, {"delete", t->deleted}};
        snprintf(name, sizeof(name), "%s.%s", t->database, t->table);
        for (size_t k = 0; k < 3; k++) {
            begin_sample(p, "_total");
            label(p, "table", name);
            label(p, "op", ops[k].op);
            end_sample(p, ops[k].n);
        }
    }
}

static void produced_messages(const struct page *p)
{
    for (size_t i = 0; i < p->s->topic_count; i++) {
        begin_sample(p, "_total");
        label(p, "topic", p->s->topics[i].name);
        end_sample(p, p->s->topics[i].messages);
    }
}

static void produced_bytes(const struct page *p)
{
    for (size_t i = 0; i < p->s->topic_count; i++) {
        begin_sample(p, "_total");
        label(p, "topic", p->s->topics[i].name);
        end_sample(p, p->s->topics[i].bytes);
    }
}

static void lag(const struct page *p)
{
    if (!p->s->lag_known)
        return;
    begin_sample(p, "");
    end_seconds(p, p->s->lag_us);
}

static void behind(const struct page *p)
{
    if (p->s->behind_known)
        one(p, p->s->bytes_behind);
}

static void copy_of(const struct page *p, const char *suffix, bool estimate)
{
    for (size_t i = 0; i < p->s->table_count; i++) {
        const struct view_table *t = &p->s->tables[i];
        char name[600];
        if (t->copy == COPY_NONE)
            continue;
        snprintf(name, sizeof(name), "%s.%s", t->database, t->table);
        begin_sample(p, suffix);
        label(p, "table", name);
        end_sample(p, estimate ? t->copy_estimate : t->copy_rows);
    }
}

static void copy_rows(const struct page *p)
{
    copy_of(p, "_total", false);
}
static void copy_estimate(const struct page *p)
{
    copy_of(p, "", true);
}

static void commit_to_ack(const struct page *p)
{
    uint64_t sum = 0;
    for (size_t i = 0; i <= VIEW_BUCKETS; i++) {
        sum += count_of(&p->view->commit_to_ack.bucket[i]);
        begin_sample(p, "_bucket");
        if (i < VIEW_BUCKETS)
            writer_printf(p->w, ",le=\"%g\"", (double)view_bucket_us[i] / 1e6);
        else
            writer_lit(p->w, ",le=\"+Inf\"");
        end_sample(p, sum);
    }
    begin_sample(p, "_count");
    end_sample(p, sum);
    begin_sample(p, "_sum");
    end_seconds(p, count_of(&p->view->commit_to_ack.sum_us));
}

static void by_side(const struct page *p, const uint64_t *n)
{
    for (int i = 0; i < VIEW_SIDES; i++) {
        begin_sample(p, "_total");
        label(p, "side", view_side_name((enum view_side)i));
        end_sample(p, n[i]);
    }
}

static void retries(const struct page *p)
{
    by_side(p, p->s->retries);
}
static void reconnects(const struct page *p)
{
    by_side(p, p->s->reconnects);
}

static void memory(const struct page *p)
{
    const struct {
        const char *pool;
        uint64_t n;
    } pools[] = {{"frames", p->s->memory_frames},
                 {"packs", p->s->memory_packs},
                 {"queue", p->s->memory_queue}};
    for (size_t i = 0; i < 3; i++) {
        begin_sample(p, "");
        label(p, "pool", pools[i].pool);
        end_sample(p, pools[i].n);
    }
}

static void state(const struct page *p)
{
    for (int i = 0; i < VIEW_STATES; i++) {
        begin_sample(p, "");
        label(p, "state", view_state_name((enum view_state)i));
        end_sample(p, p->s->state == (enum view_state)i);
    }
}

static void state_since(const struct page *p)
{
    begin_sample(p, "");
    end_seconds(p, p->s->since_us);
}

static void held(const struct page *p)
{
    const struct {
        const char *phase;
        uint64_t us;
    } phases[] = {{"full", p->s->full.held_us}, {"incremental", p->s->incremental.held_us}};
    for (size_t i = 0; i < 2; i++) {
        begin_sample(p, "_total");
        label(p, "phase", phases[i].phase);
        end_seconds(p, phases[i].us);
    }
}

static void throttle_limit(const struct page *p)
{
    const struct view_throttle *t[] = {&p->s->full, &p->s->incremental};
    static const char *const phases[] = {"full", "incremental"};
    for (size_t i = 0; i < 2; i++) {
        const struct {
            const char *kind;
            uint64_t n;
        } kinds[] = {{"queries", t[i]->limits.queries},
                     {"rows", t[i]->limits.rows},
                     {"bytes", t[i]->limits.bytes}};
        for (size_t k = i; k < 3; k++) { /* the stream has no queries */
            begin_sample(p, "");
            label(p, "phase", phases[i]);
            label(p, "kind", kinds[k].kind);
            end_sample(p, kinds[k].n);
        }
    }
}

/* One sample a broker; `at` is the place of the figure in struct view_broker. */
static void by_broker(const struct page *p, size_t at)
{
    for (size_t i = 0; i < p->s->broker_count; i++) {
        const struct view_broker *b = &p->s->brokers[i];
        begin_sample(p, p->m->kind == COUNTER ? "_total" : "");
        label(p, "broker", b->name);
        end_sample(p, *(const uint64_t *)(const void *)((const char *)b + at));
    }
}

#define BROKER_FIGURE(name, member)                                                                \
    static void name(const struct page *p)                                                         \
    {                                                                                              \
        by_broker(p, offsetof(struct view_broker, member));                                        \
    }
BROKER_FIGURE(broker_requests, requests)
BROKER_FIGURE(broker_errors, errors)
BROKER_FIGURE(broker_retries, retries)
BROKER_FIGURE(broker_timeouts, timeouts)
BROKER_FIGURE(broker_connects, connects)
BROKER_FIGURE(broker_disconnects, disconnects)
BROKER_FIGURE(broker_sent, sent_bytes)
BROKER_FIGURE(broker_received, received_bytes)
BROKER_FIGURE(broker_queued, queued)
BROKER_FIGURE(broker_waiting, waiting)

static void broker_up(const struct page *p)
{
    for (size_t i = 0; i < p->s->broker_count; i++) {
        begin_sample(p, "");
        label(p, "broker", p->s->brokers[i].name);
        end_sample(p, p->s->brokers[i].up > 0);
    }
}

static void broker_rtt(const struct page *p)
{
    for (size_t i = 0; i < p->s->broker_count; i++) {
        const struct view_broker *b = &p->s->brokers[i];
        const struct {
            const char *of;
            uint64_t us;
        } figures[] = {{"mean", b->rtt_us}, {"p99", b->rtt_p99_us}};
        for (size_t k = 0; k < 2; k++) {
            begin_sample(p, "");
            label(p, "broker", b->name);
            label(p, "of", figures[k].of);
            end_seconds(p, figures[k].us);
        }
    }
}

static void broker_throttle(const struct page *p)
{
    for (size_t i = 0; i < p->s->broker_count; i++) {
        begin_sample(p, "");
        label(p, "broker", p->s->brokers[i].name);
        end_seconds(p, p->s->brokers[i].throttle_us);
    }
}

static void lost_lines(const struct page *p)
{
    one(p, log_lost());
}

static void started(const struct page *p)
{
    begin_sample(p, "");
    end_seconds(p, p->s->started_us);
}

static void build(const struct page *p)
{
    begin_sample(p, "_info");
    label(p, "version", ROWCAST_VERSION);
    end_sample(p, 1);
}

/* clang-format off */
static const struct metric metrics[] = {
    {"build", INFO, NULL, "version", "The program that runs the task; always 1.", build},
    {"process_start_time_seconds", GAUGE, "seconds", NULL, "When the process was started, since 1970.", started},
    {"state", GAUGE, NULL, "state", "1 for the state that the task is in, 0 for the others.", state},
    {"state_since_seconds", GAUGE, "seconds", NULL, "When it came into that state, since 1970.", state_since},
    {"lag_seconds", GAUGE, "seconds", NULL, "How long ago everything that the source had committed is known to be acknowledged; 0 when nothing waits. Absent until it is known.", lag},
    {"position_bytes_behind", GAUGE, NULL, NULL, "Binlog between the acknowledged position and the source's end, in bytes. Absent while it is not known.", behind},
    {"commit_to_ack_seconds", HISTOGRAM, "seconds", NULL, "From a change's commit on the source to its acknowledgement by the brokers. MariaDB tells commits to the second only.", commit_to_ack},
    {"source_bytes", COUNTER, "bytes", NULL, "Received from the source's binlog.", source_bytes},
    {"source_events", COUNTER, NULL, NULL, "Binlog events read.", source_events},
    {"rows", COUNTER, NULL, "table, op", "Changes of selected tables read from the binlog; op is insert, update or delete.", rows},
    {"produced_messages", COUNTER, NULL, "topic", "Messages handed to the producers.", produced_messages},
    {"produced_bytes", COUNTER, "bytes", "topic", "Keys and values of those messages, before compression.", produced_bytes},
    {"acknowledged_messages", COUNTER, NULL, NULL, "Messages that the brokers have acknowledged.", acknowledged},
    {"copy_rows", COUNTER, NULL, "table", "Rows of the full copy handed over. Only tables that are copied.", copy_rows},
    {"copy_rows_estimate", GAUGE, NULL, "table", "Rows that the table had when its copy began, as the source guesses; 0: not known.", copy_estimate},
    {"retries", COUNTER, NULL, "side", "Failed tries; side is source, destination or state_dir.", retries},
    {"reconnects", COUNTER, NULL, "side", "Outages that ended well.", reconnects},
    {"skipped", COUNTER, NULL, "reason", "Rows that did not go out, or not whole: filter (filter or dml), etl (the script dropped it, or failed under etl_on_error: skip), too_large, key_only (of a row that is too large); etl_failed counts expressions that failed, not rows.", skipped},
    {"replaced_characters", COUNTER, NULL, NULL, "Characters replaced by U+FFFD under canal.invalid_text: replace.", replaced},
    {"throttle_limit", GAUGE, NULL, "phase, kind", "Limits in force, a second; 0 is none. phase is full or incremental, kind queries, rows or bytes.", throttle_limit},
    {"throttle_held_seconds", COUNTER, "seconds", "phase", "Time that a throttle has held the task back.", held},
    {"lanes", GAUGE, NULL, NULL, "Producer threads; 0 while nothing runs.", lanes},
    {"memory_bytes", GAUGE, "bytes", "pool", "Buffers in use: frames received, packs of encoded messages, queue of the producers (values lie in packs, and count in both).", memory},
    {"memory_limit_bytes", GAUGE, "bytes", NULL, "limits.memory.", memory_limit},
    {"log_lost_lines", COUNTER, NULL, NULL, "Lines of the log that could not be written, for want of room on its disk as a rule.", lost_lines},
    {"kafka_broker_up", GAUGE, NULL, "broker", "1 when a producer is connected to the broker. This and what follows is librdkafka's own account, every five seconds; its counters begin again when the task connects anew.", broker_up},
    {"kafka_rtt_seconds", GAUGE, "seconds", "broker, of", "From a request's sending to its answer in the last five seconds; of is mean or p99, the largest of the producers'. 0: none was sent.", broker_rtt},
    {"kafka_throttle_seconds", GAUGE, "seconds", "broker", "The longest that the broker held a request back in the last five seconds, by its quotas.", broker_throttle},
    {"kafka_requests_queued", GAUGE, NULL, "broker", "Requests that wait to be sent.", broker_queued},
    {"kafka_requests_unanswered", GAUGE, NULL, "broker", "Requests that wait for their answer.", broker_waiting},
    {"kafka_requests", COUNTER, NULL, "broker", "Requests sent.", broker_requests},
    {"kafka_request_errors", COUNTER, NULL, "broker", "Requests that could not be sent or failed.", broker_errors},
    {"kafka_request_retries", COUNTER, NULL, "broker", "Requests sent again.", broker_retries},
    {"kafka_request_timeouts", COUNTER, NULL, "broker", "Requests without an answer in time.", broker_timeouts},
    {"kafka_connects", COUNTER, NULL, "broker", "Tries to connect.", broker_connects},
    {"kafka_disconnects", COUNTER, NULL, "broker", "Connections that ended.", broker_disconnects},
    {"kafka_sent_bytes", COUNTER, "bytes", "broker", "Sent, after compression.", broker_sent},
    {"kafka_received_bytes", COUNTER, "bytes", "broker", "Received.", broker_received},
};
/* clang-format on */

#define METRIC_COUNT (sizeof(metrics) / sizeof(metrics[0]))

static void write_head(struct writer *w, const struct metric *m)
{
    writer_printf(w, "# TYPE rowcast_%s %s\n", m->name, kind_names[m->kind]);
    if (m->unit != NULL)
        writer_printf(w, "# UNIT rowcast_%s %s\n", m->name, m->unit);
    writer_printf(w, "# HELP rowcast_%s %s\n", m->name, m->help);
}

void metrics_write(struct view *v, const char *task, const char *environment, struct writer *out)
{
    char room[1024];
    struct writer base = writer_fixed(room, sizeof(room) - 1);
    writer_lit(&base, "task=\"");
    put_label(&base, task);
    if (environment[0] != 0) {
        writer_lit(&base, "\",environment=\"");
        put_label(&base, environment);
    }
    writer_lit(&base, "\"");
    room[base.len] = 0;
    struct view_snapshot *s = view_look(v);
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        struct page p = {.w = out, .view = v, .s = s, .base = room, .m = &metrics[i]};
        write_head(out, &metrics[i]);
        metrics[i].write(&p);
    }
    writer_lit(out, "# EOF\n");
    view_release(s);
}

void metrics_print_markdown(FILE *out)
{
    fputs(
        "# Metrics\n\n"
        "`GET /metrics` answers in OpenMetrics text, which Prometheus reads. Every sample carries "
        "the label `task`, and `environment` where the task file names one.\n"
        "This page is made from the table in the code: `rowcast config --metrics`.\n\n"
        "| metric | type | labels | meaning |\n|---|---|---|---|\n",
        out);
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        const struct metric *m = &metrics[i];
        const char *suffix = m->kind == COUNTER ? "_total" : m->kind == INFO ? "_info" : "";
        fprintf(out, "| `rowcast_%s%s` | %s | %s | %s |\n", m->name, suffix, kind_names[m->kind],
                m->labels != NULL ? m->labels : "", m->help);
    }
}
