#include "pipeline/lane.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/ring.h"
#include "base/writer.h"
#include "encode/key.h"
#include "mysqlproto/binlog/rows.h"
#include "mysqlproto/copy_plan.h"
#include "pipeline/asker.h"
#include "pipeline/binding.h"
#include "pipeline/inflight.h"

#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PACK_SIZE (256u << 10)
#define ENCODE_SLACK                                                                               \
    (64u << 10)            /* beside the largest message: encoders ask for room in advance         \
                            */
#define SLEEP_MS      100  /* the longest sleep: bounds how late a stop or an outage is noticed */
#define FAILURES_SAID 10   /* rows that fail under etl_on_error are named ... */
#define FAILURES_EACH 1000 /* ... and behind these each n-th one */
#define KEY_MAX       (1u << 20)
#define HOLDS_MAX     64 /* partitions that wait at a time */
#define HOLD_MS       1  /* between looks at what they wait for: nobody wakes us for its sake */
/* MySQL allows 16 columns in a key, MariaDB 32. */
#define TABLE_KEY_COLUMNS_MAX 64
#define SCRATCH_MAX           (1u << 30) /* values put together for one row: no more than an event can be */

/* What is remembered of a batch until it is acknowledged. */
struct batch_time {
    uint64_t commit_us; /* of its first row, by the source's clock; 0: not known */
    uint32_t rows;
};

/* A partition whose messages wait for the DELETE of another lane, or of another partition of ours.
 */
struct lane_hold {
    struct kafka_topic *topic;
    int32_t partition;
    uint32_t lane; /* whose batch it is ... */
    uint64_t seq;  /* ... that must be acknowledged */
};

struct lane {
    struct lane_options o;
    pthread_t thread;
    bool started;
    atomic_bool draining;
    atomic_bool aborted;
    atomic_bool ended;
    atomic_bool asleep; /* the reader must write to our fd after a push */
    atomic_bool reader_waits;
    struct ring in;             /* batches to do */
    struct ring out;            /* empty ones */
    _Atomic uint64_t submitted; /* last batch number given; the reader's */
    uint64_t carried;           /* the last batch that was done */
    /* within transactions */
    _Atomic uint64_t cut_seq;  /* the last batch of the transaction that ends; before cuts */
    _Atomic uint64_t cuts;     /* number of the last cut */
    _Atomic uint64_t passed;   /* ... up to which all is handed over */
    _Atomic uint64_t released; /* ... behind which the next transaction is open */
    bool held;                 /* passed, not released */
    struct kafka_producer *producer;
    struct inflight *inflight;
    struct format_encoder encoder;
    struct asker *asker;          /* NULL: no rules that depend on the row */
    struct rule_machine *machine; /* likewise */
    struct cell *work[2];         /* cells that go out where rules change them: before, after */
    uint32_t work_cap;
    struct kafka_topic **topics; /* by topic index; NULL until used */
    uint32_t topic_cap;
    struct row_scratch scratch;
    struct cell *before;
    struct cell *after;
    uint32_t cell_cap;
    struct writer key;
    bool down;               /* the last outage is not over */
    uint64_t outages;        /* as last logged */
    uint64_t batch_messages; /* produced of the batch at hand; counted when it is done */
    uint64_t batch_bytes;
    uint64_t batch_left_out;
    uint64_t batch_dropped;
    uint64_t replaced; /* characters, as last counted */
    bool dirty;        /* messages were queued since the last hurry */
    uint64_t timed;    /* the last batch whose time to acknowledgement was taken */
    struct lane_hold holds[HOLDS_MAX];
    uint32_t hold_count;
    struct batch_time *times; /* of batch seq, at seq % INFLIGHT_BATCHES */
    struct lane_counters counters;
};

static bool is_stopped(const struct lane *l)
{
    return atomic_load_explicit(&l->aborted, memory_order_relaxed);
}

static void fail(struct lane *l, enum err e, const struct errmsg *em)
{
    fault_raise(l->o.fault, e, em);
    atomic_store(&l->aborted, true);
}

/* How long the rows of newly acknowledged batches took from their commit on. */
static void take_times(struct lane *l)
{
    uint64_t acked = inflight_acked(l->inflight);
    if (l->o.view == NULL || acked == l->timed)
        return;
    uint64_t now = clock_wall_us() + (uint64_t)atomic_load(&l->o.view->clock_ahead_us);
    while (l->timed < acked) {
        const struct batch_time *t = &l->times[++l->timed % INFLIGHT_BATCHES];
        if (t->commit_us != 0)
            view_took(l->o.view, now > t->commit_us ? now - t->commit_us : 0, t->rows);
    }
}

static void on_delivered(void *arg, void *token, uint32_t messages, enum err outcome)
{
    struct lane *l = arg;
    if (outcome != ERR_OK) {
        struct errmsg em;
        const struct kafka_state *state = kafka_producer_state(l->producer);
        enum err e = state->failed != ERR_OK ? state->failed : outcome;
        errmsg_set(&em, e, "%s", state->sentence[0] != 0 ? state->sentence : err_text(e));
        fail(l, e, &em);
        return;
    }
    inflight_delivered(l->inflight, token, messages);
    count(&l->counters.acknowledged, messages);
    take_times(l);
}

/* Says when brokers go and come back, and ends the task when they stay away too long. */
static void watch_brokers(struct lane *l)
{
    const struct kafka_state *state = kafka_producer_state(l->producer);
    if (state->failed != ERR_OK) {
        struct errmsg em;
        errmsg_set(&em, state->failed, "%s", state->sentence);
        fail(l, state->failed, &em);
        return;
    }
    if (state->outages != l->outages) {
        l->outages = state->outages;
        l->down = true;
        char quoted[600];
        log_warn("destination.down", "lane=%u reason=%s retry_window_s=%llu", l->o.index,
                 log_quote(quoted, sizeof(quoted), state->sentence),
                 (unsigned long long)(l->o.retry_ms / 1000));
        uint64_t since = clock_wall_us() - (clock_mono_ms() - state->trouble_since_ms) * 1000;
        view_trouble_begin(l->o.view, VIEW_DESTINATION, l->o.index, since, 0,
                           since + l->o.retry_ms * 1000, state->sentence);
    }
    if (l->down && state->trouble == ERR_OK) {
        l->down = false;
        view_trouble_end(l->o.view, VIEW_DESTINATION, l->o.index);
        log_info("destination.back", "lane=%u", l->o.index);
    }
    if (state->trouble_since_ms != 0 && clock_mono_ms() - state->trouble_since_ms > l->o.retry_ms) {
        struct errmsg em;
        errmsg_set(
            &em, ERR_BROKER_DOWN,
            "%s; gave up after %llu s (retry.connection): nothing is lost, a restart goes on "
            "from the checkpoint",
            state->sentence, (unsigned long long)(l->o.retry_ms / 1000));
        fail(l, state->trouble != ERR_OK ? state->trouble : ERR_BROKER_DOWN, &em);
    }
}

static void release_holds(struct lane *l)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < l->hold_count; i++) {
        const struct lane_hold h = l->holds[i];
        if (lane_acked(l->o.peers[h.lane]) >= h.seq)
            kafka_partition_release(l->producer, h.topic, h.partition);
        else
            l->holds[left++] = h;
    }
    l->hold_count = left;
}

static void poll_reports(struct lane *l, int timeout_ms)
{
    if (l->hold_count > 0 && timeout_ms > HOLD_MS)
        timeout_ms = HOLD_MS;
    kafka_poll(l->producer, timeout_ms, on_delivered, l);
    release_holds(l);
    watch_brokers(l);
    atomic_store_explicit(&l->counters.queue_bytes, kafka_producer_bytes(l->producer),
                          memory_order_relaxed);
    atomic_store_explicit(&l->counters.pack_bytes, inflight_bytes(l->inflight),
                          memory_order_relaxed);
}

/* The next transaction is open. */
static void look_for_release(struct lane *l)
{
    if (!l->held || atomic_load(&l->released) < atomic_load(&l->passed))
        return;
    l->held = false;
    kafka_producer_release(l->producer);
}

/* Waits for deliveries since something is full. */
static void wait_for_room(struct lane *l)
{
    look_for_release(l);
    kafka_hurry(l->producer);
    poll_reports(l, SLEEP_MS);
}

/*
 * Ends the transaction where it is to end: what belongs to it is handed over,
 * and from there on messages wait. False: the task ends.
 */
static bool look_for_cut(struct lane *l)
{
    look_for_release(l);
    uint64_t n = atomic_load(&l->cuts);
    if (n == atomic_load_explicit(&l->passed, memory_order_relaxed) ||
        l->carried < atomic_load(&l->cut_seq))
        return true;
    enum err e;
    while ((e = kafka_producer_hold(l->producer)) == ERR_NO_ROOM) {
        if (is_stopped(l))
            return false;
        wait_for_room(l);
    }
    if (e != ERR_OK) {
        poll_reports(l, 0); /* says what has failed */
        return false;
    }
    l->held = true;
    atomic_store(&l->passed, n);
    return true;
}

static enum err topic_of(struct lane *l, uint32_t index, const char *name, struct kafka_topic **out)
{
    if (index >= l->topic_cap) {
        uint32_t cap = index + 16;
        struct kafka_topic **topics = realloc(l->topics, cap * sizeof(*topics));
        if (topics == NULL)
            return ERR_NO_MEMORY;
        memset(topics + l->topic_cap, 0, (cap - l->topic_cap) * sizeof(*topics));
        l->topics = topics;
        l->topic_cap = cap;
    }
    if (l->topics[index] == NULL && l->producer != NULL) {
        struct errmsg em = {0};
        enum err e = kafka_producer_topic(l->producer, name, &l->topics[index], &em);
        if (e != ERR_OK) {
            fail(l, e, &em);
            return e;
        }
    }
    *out = l->topics[index];
    return ERR_OK;
}

static enum err need_cells(struct lane *l, uint32_t columns)
{
    if (columns <= l->cell_cap)
        return ERR_OK;
    free(l->before);
    free(l->after);
    l->cell_cap = 0;
    l->before = calloc(columns, sizeof(*l->before));
    l->after = calloc(columns, sizeof(*l->after));
    if (l->before == NULL || l->after == NULL)
        return ERR_NO_MEMORY;
    l->cell_cap = columns;
    return ERR_OK;
}

/* An UPDATE whose JSON columns may be given as diffs of the before image. */
static enum err decode_partial(struct lane *l, const struct row_event *ev, struct reader *r)
{
    const struct row_plan *plan = ev->binding->plan;
    const struct binlog_rows rows = {.op = BINLOG_ROWS_UPDATE,
                                     .partial = true,
                                     .width = ev->width,
                                     .before = ev->before_present,
                                     .after = ev->after_present};
    struct binlog_row row;
    TRY(binlog_rows_next(&rows, plan, r, &row));
    struct reader before = reader_of(row.before), after = reader_of(row.after);
    TRY(row_decode(plan, ev->before_present, &before, &l->scratch, l->before));
    TRY(row_decode(plan, ev->after_present, &after, &l->scratch, l->after));
    if (row.json_diff == NULL)
        return ERR_OK;
    return row_apply_json_diffs(plan, row.json_diff, l->before, &l->scratch, l->after);
}

static enum err decode_images(struct lane *l, const struct row_event *ev, const struct row_ref *row)
{
    struct reader r = reader_of(slice_of(row->image, row->len));
    row_scratch_reset(&l->scratch);
    if (row->op == CHANGE_INIT)
        return copy_row_decode(ev->binding->copy->plan, slice_of(row->image, row->len), &l->scratch,
                               l->after);
    if (ev->partial_json)
        return decode_partial(l, ev, &r);
    if (row->op != CHANGE_INSERT)
        TRY(row_decode(ev->binding->plan, ev->before_present, &r, &l->scratch, l->before));
    if (row->op != CHANGE_DELETE)
        TRY(row_decode(ev->binding->plan, ev->after_present, &r, &l->scratch, l->after));
    return ERR_OK;
}

/* Decodes a row and says what change it is. */
static enum err decode_row(struct lane *l, const struct row_event *ev, const struct row_ref *row,
                           struct change *c)
{
    TRY(decode_images(l, ev, row));
    c->op = (enum change_op)row->op;
    c->before = row->op == CHANGE_UPDATE || row->op == CHANGE_DELETE ? l->before : NULL;
    c->after = row->op != CHANGE_DELETE ? l->after : NULL;
    if (row->half == ROW_DELETE_HALF) {
        c->op = CHANGE_DELETE;
        c->after = NULL;
    } else if (row->half == ROW_INSERT_HALF) {
        for (uint32_t i = 0; i < ev->binding->table->column_count; i++)
            if (l->after[i].kind == CELL_ABSENT)
                l->after[i] = l->before[i];
        c->op = CHANGE_INSERT;
        c->before = NULL;
    }
    return ERR_OK;
}

/* A sentence about a row that cannot be carried: where it stands, its key, the way out. */
static void describe_failure(struct lane *l, enum err e, const struct row_event *ev,
                             const struct change *c, struct errmsg *em)
{
    const char *column = format_failed_column(&l->encoder);
    int key_len = l->key.len > 200 ? 200 : (int)l->key.len;
    const char *key = key_len > 0 ? (const char *)l->key.base : "";
    if (e == ERR_TOO_LARGE)
        errmsg_set(em, e,
                   "the message of the row with key %.*s is larger than destination.message_max "
                   "(%zu bytes): raise message_max, and max.message.bytes of the topic with it, or "
                   "set destination.too_large",
                   key_len, key, l->o.message_max);
    else if (e == ERR_BAD_TEXT)
        errmsg_set(em, e,
                   "column %s of the row with key %.*s holds bytes that are not valid in its "
                   "character set: mend the row, or set canal.invalid_text: replace",
                   column != NULL ? column : "?", key_len, key);
    else if (l->machine != NULL && rule_machine_message(l->machine)[0] != 0)
        errmsg_set(em, e, "key %.*s: %s", key_len, key, rule_machine_message(l->machine));
    else
        errmsg_set(em, e, "change %llu, key %.*s: %s", (unsigned long long)c->id, key_len, key,
                   err_text(e));
    errmsg_prefix(em, "table %.*s.%.*s, binlog file %llu before %llu",
                  SLICE_ARG(c->table->database), SLICE_ARG(c->table->name),
                  (unsigned long long)ev->origin.file, (unsigned long long)ev->origin.offset);
}

/* A row change with the constants of its table, or a statement. */
struct message {
    const struct format_table *format;
    const struct change *change;
    const struct ddl_change *ddl; /* NULL: a row change */
    struct slice frame;           /* of a statement; a row's is in its format_table */
};

/*
 * Encodes a message into the current pack, or into a larger one when it does
 * not fit. ERR_STOPPED when the task ends meanwhile.
 */
static enum err encode(struct lane *l, const struct message *m, struct pack **in,
                       struct slice *value)
{
    size_t overhead = kafka_batch_bytes(l->key.len, 0);
    if (overhead >= l->o.message_max)
        return ERR_TOO_LARGE;
    size_t limit = l->o.message_max - overhead;
    size_t need = 1;
    for (;;) {
        struct pack *p = inflight_pack(l->inflight, need);
        if (p == NULL) {
            if (is_stopped(l))
                return ERR_STOPPED;
            if (l->producer == NULL)
                return ERR_NO_MEMORY;
            wait_for_room(l);
            continue;
        }
        size_t room = p->cap - p->used;
        struct writer w = writer_fixed(p->data + p->used, room);
        w.max = limit;
        enum err e = m->ddl != NULL ? format_ddl_encode(l->o.format, m->ddl, m->frame, &w)
                                    : format_encode(&l->encoder, m->format, m->change, &w);
        if (e == ERR_OK) {
            *in = p;
            *value = slice_of(w.base, w.len);
            return ERR_OK;
        }
        if (e != ERR_NO_ROOM)
            return e;
        /* It did not fit into what was left of this pack: take a fresh one, then larger ones. The
         * rest of a large pack may be more than a fresh one has. */
        size_t standard = inflight_pack_size(l->inflight);
        need = room < standard ? standard : room * 4;
        if (need > limit && limit > standard)
            need = limit + ENCODE_SLACK; /* no message is larger */
    }
}

/* A message that is shown instead of sent. */
static enum err show(struct lane *l, struct lane_sight *sight, struct pack *p, struct slice value)
{
    struct ticket *t = inflight_ticket(l->inflight);
    if (t == NULL)
        return ERR_BUG; /* there is never more than this one */
    p->used += value.len;
    inflight_sent(l->inflight, t);
    sight->key = writer_slice(&l->key);
    sight->value = value;
    enum err e = l->o.watch(l->o.watch_arg, sight);
    inflight_delivered(l->inflight, t, 1);
    return e;
}

static enum err send(struct lane *l, struct kafka_topic *topic, int32_t partition, struct pack *p,
                     struct slice value)
{
    struct ticket *t;
    while ((t = inflight_ticket(l->inflight)) == NULL) {
        if (is_stopped(l))
            return ERR_STOPPED;
        wait_for_room(l);
    }
    p->used += value.len;
    inflight_sent(l->inflight, t);
    struct slice key = writer_slice(&l->key);
    enum err e;
    while ((e = kafka_produce(l->producer, topic, partition, key, value, t)) == ERR_NO_ROOM) {
        if (is_stopped(l))
            return ERR_STOPPED;
        wait_for_room(l);
    }
    TRY(e);
    l->dirty = true;
    l->batch_messages++;
    l->batch_bytes += key.len + value.len;
    return ERR_OK;
}

/* Leaves nothing of a row's images as they go out but its identity. False: it has none. */
static bool keep_identity(struct lane *l, const struct table *t, const struct table *sent)
{
    struct cell key[TABLE_KEY_COLUMNS_MAX][2];
    struct cell *before = sent != t ? l->work[0] : l->before;
    struct cell *after = sent != t ? l->work[1] : l->after;
    if (t->identity_count == 0 || t->identity_count > TABLE_KEY_COLUMNS_MAX)
        return false;
    for (uint32_t i = 0; i < t->identity_count; i++) {
        key[i][0] = before[t->identity[i]];
        key[i][1] = after[t->identity[i]];
    }
    for (uint32_t i = 0; i < sent->column_count; i++)
        before[i].kind = after[i].kind = CELL_ABSENT;
    for (uint32_t i = 0; i < t->identity_count; i++) {
        before[t->identity[i]] = key[i][0];
        after[t->identity[i]] = key[i][1];
    }
    return true;
}

/*
 * A row beyond message_max, as destination.too_large says. *skip: it has no
 * message. ERR_TOO_LARGE: the task ends.
 */
static enum err encode_large(struct lane *l, const struct binding *b, const struct change *c,
                             struct pack **in, struct slice *value, bool *skip)
{
    bool cut = l->o.too_large == LANE_LARGE_KEY_ONLY;
    if (l->o.too_large == LANE_LARGE_FAIL || (cut && !keep_identity(l, b->table, c->table)))
        return ERR_TOO_LARGE;
    if (cut)
        TRY(encode(l, &(struct message){.format = &b->format, .change = c}, in, value));
    *skip = !cut;
    char key[256], quoted[600];
    snprintf(key, sizeof(key), "%.*s", l->key.len > 200 ? 200 : (int)l->key.len,
             l->key.len > 0 ? (const char *)l->key.base : "");
    log_warn("row.too_large", "table=%.*s.%.*s key=%s id=%llu message_max=%zu sent=%s",
             SLICE_ARG(b->table->database), SLICE_ARG(b->table->name),
             log_quote(quoted, sizeof(quoted), key), (unsigned long long)c->id, l->o.message_max,
             cut ? "key" : "nothing");
    count(cut ? &l->counters.keys_only : &l->counters.skipped, 1);
    return ERR_OK;
}

/* What a row was on the source, whatever became of it since. */
static enum change_op source_op(const struct row_ref *row)
{
    return row->half != ROW_WHOLE ? CHANGE_UPDATE : (enum change_op)row->op;
}

/* Whether the row goes out, and as which change. */
static enum err select_row(struct lane *l, const struct binding *b, const struct row_ref *row,
                           struct change *c, bool *send)
{
    *send = true;
    if (b->shape != NULL && b->shape->selects)
        TRY(shape_apply(b->shape, l->machine, source_op(row), l->after, c, send));
    if (!*send)
        l->batch_left_out++;
    return ERR_OK;
}

static enum err need_work(struct lane *l, uint32_t columns)
{
    if (columns <= l->work_cap)
        return ERR_OK;
    free(l->work[0]);
    free(l->work[1]);
    l->work_cap = 0;
    l->work[0] = calloc(columns, sizeof(struct cell));
    l->work[1] = calloc(columns, sizeof(struct cell));
    if (l->work[0] == NULL || l->work[1] == NULL)
        return ERR_NO_MEMORY;
    l->work_cap = columns;
    return ERR_OK;
}

/* A row that failed goes on as etl_on_error says: it is named, the first ones each by itself. */
static void say_failure(struct lane *l, const struct row_event *ev)
{
    char quoted[600];
    uint64_t n = atomic_load_explicit(&l->counters.etl_failures, memory_order_relaxed);
    if (n >= FAILURES_SAID && n % FAILURES_EACH != 0)
        return;
    log_warn("etl.failed", "table=%.*s.%.*s key=%.*s failures=%llu reason=%s",
             SLICE_ARG(ev->binding->table->database), SLICE_ARG(ev->binding->table->name),
             (int)(l->key.len < 200 ? l->key.len : 200),
             l->key.len > 0 ? (const char *)l->key.base : "", (unsigned long long)n + 1,
             log_quote(quoted, sizeof(quoted), rule_machine_message(l->machine)));
}

/* What goes out of a row: added columns and the script. */
static enum err shape_row(struct lane *l, const struct row_event *ev, struct change *c,
                          uint64_t ts_ms, struct lane_sight *sight, bool *send)
{
    const struct shape *s = ev->binding->shape;
    struct shape_moment now = {.commit_us = ev->es_ms * 1000, .now_us = ts_ms * 1000};
    uint64_t failures = 0;
    if (s == NULL || !shape_works(s))
        return ERR_OK;
    TRY(need_work(l, s->wide->column_count));
    TRY(shape_work(s, l->machine, &now, l->work[0], l->work[1], c, send, &failures));
    if (failures > 0) {
        sight->why = rule_machine_message(l->machine);
        say_failure(l, ev);
        count(&l->counters.etl_failures, failures);
    }
    if (!*send)
        l->batch_dropped++;
    return ERR_OK;
}

/* A row that has no message, for those who look on. */
static enum err show_fate(struct lane *l, struct lane_sight *sight, enum lane_fate fate)
{
    if (l->o.watch == NULL)
        return ERR_OK;
    sight->fate = fate;
    return l->o.watch(l->o.watch_arg, sight);
}

/* What the source had, which the shape does not change. */
static void begin_sight(const struct lane *l, const struct row_event *ev, const struct row_ref *row,
                        const struct change *c, struct lane_sight *out)
{
    bool before = row->op == CHANGE_UPDATE || row->op == CHANGE_DELETE;
    *out = (struct lane_sight){.event = ev,
                               .row = row,
                               .before = before ? l->before : NULL,
                               .after = row->op != CHANGE_DELETE ? l->after : NULL,
                               .change = c,
                               .partition = row->partition,
                               .key = SLICE_LIT(""),
                               .value = SLICE_LIT("")};
}

static enum err carry_row(struct lane *l, const struct row_event *ev, const struct row_ref *row,
                          uint64_t ts_ms)
{
    const struct binding *b = ev->binding;
    struct change c = {.table = b->table,
                       .id = row->id,
                       .es_ms = ev->es_ms,
                       .ts_ms = ts_ms,
                       .gtid = ev->gtid,
                       .origin = &ev->origin};
    struct kafka_topic *topic = NULL;
    writer_clear(&l->key);
    enum err e = topic_of(l, b->topic_index, b->topic, &topic);
    if (e == ERR_OK)
        e = need_cells(l, b->table->column_count);
    if (e == ERR_OK)
        e = decode_row(l, ev, row, &c);
    bool goes_out = true;
    struct lane_sight sight;
    if (l->o.watch != NULL)
        begin_sight(l, ev, row, &c, &sight);
    if (e == ERR_OK)
        e = select_row(l, b, row, &c, &goes_out);
    if (e == ERR_OK && !goes_out)
        return show_fate(l, &sight, LANE_LEFT_OUT);
    if (e == ERR_OK && b->record_key)
        e = key_encode(b->key, c.after != NULL ? c.after : c.before, c.before, &l->key);
    if (e == ERR_OK)
        e = shape_row(l, ev, &c, ts_ms, &sight, &goes_out);
    if (e == ERR_OK && !goes_out)
        return show_fate(l, &sight, LANE_DROPPED);
    struct pack *p = NULL;
    struct slice value = SLICE_LIT("");
    if (e == ERR_OK)
        e = encode(l, &(struct message){.format = &b->format, .change = &c}, &p, &value);
    bool skip = false;
    if (e == ERR_TOO_LARGE)
        e = encode_large(l, b, &c, &p, &value, &skip);
    if (e == ERR_OK && skip)
        e = show_fate(l, &sight, LANE_SKIPPED);
    else if (e == ERR_OK && l->o.watch != NULL)
        e = show(l, &sight, p, value);
    else if (e == ERR_OK)
        e = send(l, topic, row->partition, p, value);
    if (e != ERR_OK && e != ERR_STOPPED && fault_err(l->o.fault) == ERR_OK) {
        struct errmsg em = {0};
        describe_failure(l, e, ev, &c, &em);
        fail(l, e, &em);
    }
    return e;
}

/* Lets the messages of our first row's partition wait, and no others. */
static bool hold_partition(struct lane *l, const struct batch *b)
{
    const struct row_ref *row = &b->rows[0];
    const struct binding *of = b->events[row->event].binding;
    struct lane_hold h = {.partition = row->partition, .lane = b->wait_lane, .seq = b->wait_seq};
    if (l->hold_count == HOLDS_MAX || topic_of(l, of->topic_index, of->topic, &h.topic) != ERR_OK ||
        !kafka_partition_hold(l->producer, h.topic, h.partition))
        return false;
    l->holds[l->hold_count++] = h;
    return true;
}

/*
 * Nothing of our first row's partition is produced until the DELETE that the
 * row follows is acknowledged. Where a partition cannot be held, or is held
 * already, the lane itself waits.
 */
static bool wait_for_peer(struct lane *l, const struct batch *b)
{
    const struct lane *peer = l->o.peers[b->wait_lane];
    while (lane_acked(peer) < b->wait_seq && !hold_partition(l, b)) {
        if (is_stopped(l))
            return false;
        kafka_hurry(l->producer);
        poll_reports(l, HOLD_MS);
    }
    return true;
}

/* What was produced of one table's rows, added to the sums of its topic and of the lane. */
static void count_produced(struct lane *l, const struct binding *b)
{
    if (b != NULL && b->topic_counter != NULL) {
        count(&b->topic_counter->messages, l->batch_messages);
        count(&b->topic_counter->bytes, l->batch_bytes);
    }
    count(&l->counters.messages, l->batch_messages);
    count(&l->counters.bytes, l->batch_bytes);
    count(&l->counters.left_out, l->batch_left_out);
    count(&l->counters.dropped, l->batch_dropped);
    l->batch_messages = l->batch_bytes = l->batch_left_out = l->batch_dropped = 0;
    uint64_t replaced = format_replaced(&l->encoder);
    count(&l->counters.replaced_text, replaced - l->replaced);
    l->replaced = replaced;
}

/*
 * A statement has no record key, for it belongs to all rows of its table, or of
 * its database; where the topic is compacted, one that no other message has.
 */
static enum err carry_ddl(struct lane *l, struct batch_ddl *d, uint64_t ts_ms)
{
    struct kafka_topic *topic = NULL;
    struct pack *p = NULL;
    struct slice value = SLICE_LIT("");
    d->change.ts_ms = ts_ms;
    writer_clear(&l->key);
    if (d->keyed)
        writer_printf(&l->key, "[%llu]", (unsigned long long)d->change.id);
    enum err e = topic_of(l, d->topic_index, d->topic, &topic);
    if (e == ERR_OK)
        e = encode(l, &(struct message){.ddl = &d->change, .frame = d->frame}, &p, &value);
    struct lane_sight sight = {.ddl = d, .partition = d->partition};
    if (e == ERR_OK)
        e = l->o.watch != NULL ? show(l, &sight, p, value) : send(l, topic, d->partition, p, value);
    if (e != ERR_OK && e != ERR_STOPPED && fault_err(l->o.fault) == ERR_OK) {
        struct errmsg em = {0};
        int len = d->change.sql.len > 100 ? 100 : (int)d->change.sql.len;
        errmsg_set(&em, e, "the statement \"%.*s\" (change %llu, %zu bytes) cannot be sent: %s%s",
                   len, (const char *)d->change.sql.ptr, (unsigned long long)d->change.id,
                   d->change.sql.len, err_text(e),
                   e == ERR_TOO_LARGE ? ": raise destination.message_max, and message.max.bytes of "
                                        "the topic with it"
                                      : "");
        fail(l, e, &em);
    }
    return e;
}

static bool carry_batch(struct lane *l, struct batch *b)
{
    if (l->o.txn != NULL && !look_for_cut(l))
        return false;
    /* Within a transaction DELETE and INSERT are seen together. */
    if (b->wait_seq != 0 && l->o.txn == NULL && !wait_for_peer(l, b))
        return false;
    while (!inflight_open_batch(l->inflight, b->seq)) {
        if (is_stopped(l))
            return false;
        wait_for_room(l);
    }
    uint64_t ts_ms = clock_wall_us() / 1000;
    l->times[b->seq % INFLIGHT_BATCHES] = (struct batch_time){
        b->row_count > 0 ? b->events[b->rows[0].event].commit_us : 0, b->row_count};
    const struct binding *at = NULL;
    if (b->ddl != NULL && carry_ddl(l, b->ddl, ts_ms) != ERR_OK)
        return false;
    for (uint32_t i = 0; i < b->row_count; i++) {
        const struct row_ref *row = &b->rows[i];
        const struct row_event *ev = &b->events[row->event];
        if (ev->binding != at)
            count_produced(l, at);
        at = ev->binding;
        if (carry_row(l, ev, row, ts_ms) != ERR_OK)
            return false;
    }
    inflight_close_batch(l->inflight);
    l->carried = b->seq;
    take_times(l);
    count_produced(l, at);
    return true;
}

static void give_back(struct lane *l, struct batch *b)
{
    batch_reset(b);
    ring_push(&l->out, b);
    /* Sequentially consistent on both sides: either we see that the reader waits, or it sees b. */
    if (atomic_exchange(&l->reader_waits, false))
        l->o.on_empty(l->o.on_empty_arg);
}

/* A cut or a release that was not looked at yet. */
static bool is_called(const struct lane *l)
{
    return atomic_load(&l->cuts) != atomic_load(&l->passed) ||
           (l->held && atomic_load(&l->released) >= atomic_load(&l->passed));
}

static void sleep_for_work(struct lane *l)
{
    atomic_store(&l->asleep, true);
    /* Sequentially consistent: either we see the batch, or the reader sees that we sleep. */
    atomic_thread_fence(memory_order_seq_cst);
    if (ring_count(&l->in) == 0 && !is_called(l)) {
        struct pollfd fd = {.fd = kafka_producer_fd(l->producer), .events = POLLIN};
        int due = kafka_producer_due_ms(l->producer);
        int longest = l->hold_count > 0 ? HOLD_MS : SLEEP_MS;
        if (poll(&fd, 1, due >= 0 && due < longest ? due : longest) > 0) {
            uint64_t n;
            ssize_t got = read(fd.fd, &n, sizeof(n));
            (void)got; /* only its emptying matters */
        }
    }
    atomic_store(&l->asleep, false);
}

static void *lane_main(void *arg)
{
    struct lane *l = arg;
    while (!is_stopped(l)) {
        poll_reports(l, 0);
        struct batch *b = ring_pop(&l->in);
        if (b != NULL) {
            bool done = carry_batch(l, b);
            give_back(l, b);
            if (!done)
                break;
            continue;
        }
        if (l->o.txn != NULL && !look_for_cut(l))
            break;
        if (l->dirty) {
            /* The input ran dry: what is queued goes out without waiting for company. */
            kafka_hurry(l->producer);
            l->dirty = false;
        }
        if (atomic_load(&l->draining) && ring_count(&l->in) == 0 &&
            inflight_messages(l->inflight) == 0)
            break;
        sleep_for_work(l);
    }
    asker_close(l->asker);
    atomic_store(&l->ended, true);
    return NULL;
}

/* What filters need. */
static enum err make_machine(struct lane *l)
{
    if (l->o.source == NULL)
        return ERR_OK;
    struct asker_options ask = {.source = l->o.source,
                                .retry_ms = l->o.retry_ms,
                                .view = l->o.view,
                                .bit = l->o.index,
                                .stop = &l->aborted};
    l->asker = asker_new(&ask);
    struct rule_machine_options o = {.zone = l->o.zone, .ask = asker_ask, .ask_arg = l->asker};
    l->machine = rule_machine_new(&o);
    return l->asker != NULL && l->machine != NULL ? ERR_OK : ERR_NO_MEMORY;
}

enum err lane_new(const struct lane_options *o, struct lane **out, struct errmsg *em)
{
    struct lane *l = aligned_alloc(64, (sizeof(*l) + 63) & ~(size_t)63);
    if (l == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory for a lane");
    memset(l, 0, sizeof(*l));
    l->o = *o;
    writer_init(&l->key, KEY_MAX);
    enum err e = inflight_new(o->pack_bytes, PACK_SIZE, &l->inflight);
    row_scratch_init(&l->scratch, SCRATCH_MAX);
    if (e == ERR_OK)
        e = format_encoder_new(o->format, o->zone, &l->encoder);
    if (e == ERR_OK)
        e = make_machine(l);
    l->times = calloc(INFLIGHT_BATCHES, sizeof(*l->times));
    if (e == ERR_OK && l->times == NULL)
        e = ERR_NO_MEMORY;
    if (e == ERR_OK)
        inflight_set_owner(l->inflight, o->index);
    if (e == ERR_OK && o->txn != NULL)
        e = kafka_producer_new_in(o->txn, o->kafka, o->index, &l->producer, em);
    else if (e == ERR_OK && o->watch == NULL)
        e = kafka_producer_new(o->kafka, &l->producer, em);
    else if (e != ERR_OK)
        errmsg_set(em, e, "lane %u: %s", o->index, err_text(e));
    if (e != ERR_OK) {
        lane_free(l);
        return e;
    }
    *out = l;
    return ERR_OK;
}

enum err lane_start(struct lane *l, struct errmsg *em)
{
    if (l->o.watch != NULL)
        return ERR_OK;
    if (pthread_create(&l->thread, NULL, lane_main, l) != 0)
        return errmsg_set(em, ERR_SYSTEM, "lane %u: no thread could be started", l->o.index);
    l->started = true;
    char name[16];
    snprintf(name, sizeof(name), "lane-%u", l->o.index);
    pthread_setname_np(l->thread, name);
    return ERR_OK;
}

static void wake_sleeper(struct lane *l)
{
    /* Sequentially consistent: pairs with sleep_for_work(). */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load(&l->asleep) && atomic_exchange(&l->asleep, false))
        kafka_producer_wake(l->producer);
}

void lane_submit(struct lane *l, struct batch *b)
{
    b->seq = atomic_fetch_add_explicit(&l->submitted, 1, memory_order_relaxed) + 1;
    if (l->o.watch != NULL) {
        if (is_stopped(l) || !carry_batch(l, b))
            atomic_store(&l->aborted, true);
        give_back(l, b);
        return;
    }
    bool pushed = ring_push(&l->in, b);
    assert(pushed); /* there are fewer batches than slots */
    (void)pushed;
    wake_sleeper(l);
}

void lane_cut(struct lane *l, uint64_t n)
{
    atomic_store(&l->cut_seq, atomic_load_explicit(&l->submitted, memory_order_relaxed));
    atomic_store(&l->cuts, n);
    wake_sleeper(l);
}

uint64_t lane_passed(const struct lane *l)
{
    return atomic_load(&l->passed);
}

void lane_release(struct lane *l, uint64_t n)
{
    atomic_store(&l->released, n);
    kafka_producer_wake(l->producer); /* it may wait for room */
}

struct batch *lane_take_empty(struct lane *l, bool want)
{
    struct batch *b = ring_pop(&l->out);
    if (b != NULL || !want)
        return b;
    atomic_store(&l->reader_waits, true);
    atomic_thread_fence(memory_order_seq_cst); /* pairs with give_back() */
    return ring_pop(&l->out);
}

uint64_t lane_acked(const struct lane *l)
{
    return inflight_acked(l->inflight);
}

bool lane_idle(const struct lane *l)
{
    return lane_acked(l) >= atomic_load_explicit(&l->submitted, memory_order_relaxed);
}

const struct lane_counters *lane_counters(const struct lane *l)
{
    return &l->counters;
}

enum err lane_kafka_stats(struct lane *l, struct kafka_stats **out)
{
    return kafka_producer_stats(l->producer, out);
}

static void wake(struct lane *l)
{
    if (l->producer != NULL)
        kafka_producer_wake(l->producer);
}

void lane_drain(struct lane *l)
{
    atomic_store(&l->draining, true);
    wake(l);
}

void lane_abort(struct lane *l)
{
    atomic_store(&l->aborted, true);
    wake(l);
}

bool lane_ended(const struct lane *l)
{
    return atomic_load(&l->ended);
}

void lane_join(struct lane *l)
{
    if (!l->started)
        return;
    lane_abort(l);
    pthread_join(l->thread, NULL);
    l->started = false;
}

void lane_free(struct lane *l)
{
    if (l == NULL)
        return;
    lane_join(l);
    struct batch *b;
    while ((b = ring_pop(&l->in)) != NULL || (b = ring_pop(&l->out)) != NULL) {
        batch_reset(b);
        free(b);
    }
    /* The producer first: its messages lie in our packs. */
    kafka_producer_free(l->producer);
    inflight_free(l->inflight);
    format_encoder_free(&l->encoder);
    rule_machine_free(l->machine);
    free(l->work[0]);
    free(l->work[1]);
    asker_free(l->asker);
    row_scratch_fini(&l->scratch);
    writer_fini(&l->key);
    free(l->topics);
    free(l->times);
    free(l->before);
    free(l->after);
    free(l);
}
