/*
 * A row or a statement becomes a message, and goes to the producer:
 *
 *   decode    cell_pair.h, binlog/row_plan.h
 *   select    does it go out, and as which change: rules/shape.h
 *   key       of the source's cells: encode/key.h
 *   shape     added columns and the script: rules/shape.h
 *   encode    into a pack: encode/format.h
 *   send      with the ticket of its batch: inflight.h, kafka/producer.h
 *
 * Whoever fails leaves a sentence with table, place and key, and ends the task.
 */
#include "pipeline/lane_int.h"

#include "base/log.h"
#include "encode/key.h"
#include "pipeline/binding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENCODE_SLACK  (64u << 10) /* encoders ask for more room than a message takes */
#define FAILURES_SAID 10          /* rows that fail under etl_on_error are named ... */
#define FAILURES_EACH 1000        /* ... and behind these each n-th one */
#define KEY_SHOWN     200         /* bytes of a key in a sentence ... */
#define SQL_SHOWN     100         /* ... and of a statement */

enum err lane_topic(struct lane *l, uint32_t index, const char *name, struct kafka_topic **out)
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
            lane_fail(l, e, &em);
            return e;
        }
    }
    *out = l->topics[index];
    return ERR_OK;
}

/* As much of the record key as is shown. */
static struct slice shown_key(const struct lane *l)
{
    struct slice key = writer_slice(&l->key);
    key.len = key.len > KEY_SHOWN ? KEY_SHOWN : key.len;
    return key;
}

/* A row change with the constants of its table, or a statement. */
struct cargo {
    const struct format_table *format;
    const struct change *change;
    const struct ddl_change *ddl; /* NULL: a row change */
    struct slice frame;           /* of a statement; a row's is in its format_table */
};

/*
 * Encodes it into the current pack, or into a larger one when it does not fit:
 * out's pack and value. ERR_STOPPED when the task ends meanwhile.
 */
static enum err encode(struct lane *l, const struct cargo *cargo, struct lane_message *out)
{
    size_t overhead = kafka_batch_bytes(l->key.len, 0);
    if (overhead >= l->o.message_max)
        return ERR_TOO_LARGE;
    size_t limit = l->o.message_max - overhead;
    size_t need = 1;
    for (;;) {
        struct pack *p = inflight_pack(l->inflight, need);
        if (p == NULL) {
            if (lane_is_stopped(l))
                return ERR_STOPPED;
            if (l->producer == NULL)
                return ERR_NO_MEMORY;
            lane_wait_for_room(l);
            continue;
        }
        size_t room = p->cap - p->used;
        struct writer w = writer_fixed(p->data + p->used, room);
        w.max = limit;
        enum err e = cargo->ddl != NULL
                         ? format_ddl_encode(l->o.format, cargo->ddl, cargo->frame, &w)
                         : format_encode(&l->encoder, cargo->format, cargo->change, &w);
        if (e == ERR_OK) {
            out->pack = p;
            out->value = slice_of(w.base, w.len);
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

static enum err send(struct lane *l, struct kafka_topic *topic, int32_t partition,
                     const struct lane_message *m)
{
    struct ticket *t;
    while ((t = inflight_ticket(l->inflight)) == NULL) {
        if (lane_is_stopped(l))
            return ERR_STOPPED;
        lane_wait_for_room(l);
    }
    m->pack->used += m->value.len;
    inflight_sent(l->inflight, t);
    struct slice key = writer_slice(&l->key);
    enum err e;
    while ((e = kafka_produce(l->producer, topic, partition, key, m->value, t)) == ERR_NO_ROOM) {
        if (lane_is_stopped(l))
            return ERR_STOPPED;
        lane_wait_for_room(l);
    }
    TRY(e);
    l->dirty = true;
    l->batch_messages++;
    l->batch_bytes += key.len + m->value.len;
    return ERR_OK;
}

/* ---- a row ---- */

/* A sentence about a row that cannot be carried: where it stands, its key, the way out. */
static void describe_failure(const struct lane *l, enum err e, const struct row_event *ev,
                             const struct change *c, struct errmsg *em)
{
    const char *column = format_failed_column(&l->encoder);
    struct slice key = shown_key(l);
    if (e == ERR_TOO_LARGE)
        errmsg_set(em, e,
                   "the message of the row with key %.*s is larger than destination.message_max "
                   "(%zu bytes): raise message_max, and max.message.bytes of the topic with it, or "
                   "set destination.too_large",
                   SLICE_ARG(key), l->o.message_max);
    else if (e == ERR_BAD_TEXT)
        errmsg_set(em, e,
                   "column %s of the row with key %.*s holds bytes that are not valid in its "
                   "character set: mend the row, or set canal.invalid_text: replace",
                   column != NULL ? column : "?", SLICE_ARG(key));
    else if (l->machine != NULL && rule_machine_message(l->machine)[0] != 0)
        errmsg_set(em, e, "key %.*s: %s", SLICE_ARG(key), rule_machine_message(l->machine));
    else
        errmsg_set(em, e, "change %llu, key %.*s: %s", (unsigned long long)c->id, SLICE_ARG(key),
                   err_text(e));
    errmsg_prefix(em, "table %.*s.%.*s, binlog file %llu before %llu",
                  SLICE_ARG(c->table->database), SLICE_ARG(c->table->name),
                  (unsigned long long)ev->origin.file, (unsigned long long)ev->origin.offset);
}

/*
 * A row beyond message_max, as destination.too_large says: its identity alone
 * goes out, or nothing. ERR_TOO_LARGE: the task ends.
 */
static enum err encode_large(struct lane *l, const struct binding *b, const struct change *c,
                             struct lane_message *out)
{
    bool cut = l->o.too_large == LANE_LARGE_KEY_ONLY;
    struct cell_pair *sent = c->table != b->table ? &l->work : &l->source;
    if (l->o.too_large == LANE_LARGE_FAIL ||
        (cut && !cell_pair_keep_identity(sent, b->table, c->table->column_count)))
        return ERR_TOO_LARGE;
    if (cut)
        TRY(encode(l, &(struct cargo){.format = &b->format, .change = c}, out));
    else
        out->fate = LANE_SKIPPED;
    struct slice shown = shown_key(l);
    char key[KEY_SHOWN + 1], quoted[600];
    snprintf(key, sizeof(key), "%.*s", SLICE_ARG(shown));
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

/* Whether the row goes out (out's fate), and as which change. */
static enum err select_row(struct lane *l, const struct binding *b, const struct row_ref *row,
                           struct change *c, struct lane_message *out)
{
    bool goes_out = true;
    if (b->shape == NULL || !b->shape->selects)
        return ERR_OK;
    TRY(shape_apply(b->shape, l->machine, source_op(row), l->source.after, c, &goes_out));
    if (!goes_out) {
        out->fate = LANE_LEFT_OUT;
        l->batch_left_out++;
    }
    return ERR_OK;
}

/* A row that failed goes on as etl_on_error says: it is named, the first ones each by itself. */
static void say_failure(const struct lane *l, const struct row_event *ev)
{
    char quoted[600];
    struct slice key = shown_key(l);
    uint64_t n = atomic_load_explicit(&l->counters.etl_failures, memory_order_relaxed);
    if (n >= FAILURES_SAID && n % FAILURES_EACH != 0)
        return;
    log_warn("etl.failed", "table=%.*s.%.*s key=%.*s failures=%llu reason=%s",
             SLICE_ARG(ev->binding->table->database), SLICE_ARG(ev->binding->table->name),
             SLICE_ARG(key), (unsigned long long)n + 1,
             log_quote(quoted, sizeof(quoted), rule_machine_message(l->machine)));
}

/* What goes out of a row: added columns and the script, which may drop it (out's fate). */
static enum err shape_row(struct lane *l, const struct row_event *ev, struct change *c,
                          struct lane_message *out)
{
    const struct shape *s = ev->binding->shape;
    struct shape_moment now = {.commit_us = ev->es_ms * 1000, .now_us = c->ts_ms * 1000};
    bool goes_out = true;
    uint64_t failures = 0;
    if (s == NULL || !shape_works(s))
        return ERR_OK;
    TRY(cell_pair_need(&l->work, s->wide->column_count));
    TRY(shape_work(s, l->machine, &now, l->work.before, l->work.after, c, &goes_out, &failures));
    if (failures > 0) {
        out->why = rule_machine_message(l->machine);
        say_failure(l, ev);
        count(&l->counters.etl_failures, failures);
    }
    if (!goes_out) {
        out->fate = LANE_DROPPED;
        l->batch_dropped++;
    }
    return ERR_OK;
}

/* Its message in a pack, or the reason why it has none. */
static enum err make_message(struct lane *l, const struct row_event *ev, const struct row_ref *row,
                             struct change *c, struct lane_message *out)
{
    const struct binding *b = ev->binding;
    TRY(cell_pair_decode(&l->source, ev, row, &l->scratch, c));
    TRY(select_row(l, b, row, c, out));
    if (out->fate != LANE_SENT)
        return ERR_OK;
    if (b->record_key)
        TRY(key_encode(b->key, c->after != NULL ? c->after : c->before, c->before, &l->key));
    TRY(shape_row(l, ev, c, out));
    if (out->fate != LANE_SENT)
        return ERR_OK;
    enum err e = encode(l, &(struct cargo){.format = &b->format, .change = c}, out);
    return e == ERR_TOO_LARGE ? encode_large(l, b, c, out) : e;
}

enum err lane_carry_row(struct lane *l, const struct row_event *ev, const struct row_ref *row,
                        uint64_t ts_ms)
{
    const struct binding *b = ev->binding;
    struct change c = {.table = b->table,
                       .id = row->id,
                       .es_ms = ev->es_ms,
                       .ts_ms = ts_ms,
                       .gtid = ev->gtid,
                       .origin = &ev->origin};
    struct lane_message m = {.fate = LANE_SENT};
    struct kafka_topic *topic = NULL;
    writer_clear(&l->key);
    enum err e = lane_topic(l, b->topic_index, b->topic, &topic);
    if (e == ERR_OK)
        e = make_message(l, ev, row, &c, &m);
    if (e == ERR_OK && l->o.watch != NULL)
        e = lane_show_row(l, ev, row, &c, &m);
    else if (e == ERR_OK && m.fate == LANE_SENT)
        e = send(l, topic, row->partition, &m);
    if (e != ERR_OK && e != ERR_STOPPED && fault_err(l->o.fault) == ERR_OK) {
        struct errmsg em = {0};
        describe_failure(l, e, ev, &c, &em);
        lane_fail(l, e, &em);
    }
    return e;
}

/* ---- a statement ---- */

static void describe_ddl_failure(enum err e, const struct ddl_change *d, struct errmsg *em)
{
    int len = d->sql.len > SQL_SHOWN ? SQL_SHOWN : (int)d->sql.len;
    errmsg_set(em, e, "the statement \"%.*s\" (change %llu, %zu bytes) cannot be sent: %s%s", len,
               (const char *)d->sql.ptr, (unsigned long long)d->id, d->sql.len, err_text(e),
               e == ERR_TOO_LARGE ? ": raise destination.message_max, and message.max.bytes of "
                                    "the topic with it"
                                  : "");
}

/*
 * A statement has no record key, for it belongs to all rows of its table, or of
 * its database; where the topic is compacted, one that no other message has.
 */
enum err lane_carry_ddl(struct lane *l, struct batch_ddl *d, uint64_t ts_ms)
{
    struct lane_message m = {.fate = LANE_SENT};
    struct kafka_topic *topic = NULL;
    d->change.ts_ms = ts_ms;
    writer_clear(&l->key);
    if (d->keyed)
        writer_printf(&l->key, "[%llu]", (unsigned long long)d->change.id);
    enum err e = lane_topic(l, d->topic_index, d->topic, &topic);
    if (e == ERR_OK)
        e = encode(l, &(struct cargo){.ddl = &d->change, .frame = d->frame}, &m);
    if (e == ERR_OK && l->o.watch != NULL)
        e = lane_show_ddl(l, d, &m);
    else if (e == ERR_OK)
        e = send(l, topic, d->partition, &m);
    if (e != ERR_OK && e != ERR_STOPPED && fault_err(l->o.fault) == ERR_OK) {
        struct errmsg em = {0};
        describe_ddl_failure(e, &d->change, &em);
        lane_fail(l, e, &em);
    }
    return e;
}
