/* What the messages add up to. */
#include "pipeline/verify_int.h"

#include "base/arena.h"
#include "encode/json_escape.h"
#include "schema/ddl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS     200
#define FETCH_TRIES 50 /* of WAIT_MS */
#define INIT_BIT    (UINT64_C(1) << 52)

/* ---- order ---- */

/*
 * A statement is a barrier: what was sent before it has an earlier time, and
 * within one millisecond a lower id. INIT rows count on their own.
 */
static bool is_before(const struct verify_mark *a, bool a_init, const struct verify_mark *b)
{
    if (a->ms != b->ms)
        return a->ms < b->ms;
    return !a_init && a->id < b->id;
}

static void note_first(struct verify_table *t, const struct verify_mark *at, bool init)
{
    struct verify_mark *first = &t->first_row[init];
    if (first->ms == 0 || at->ms < first->ms || (at->ms == first->ms && at->id < first->id))
        *first = *at;
}

static void empty_behind(struct verify_table *t, const struct verify_mark *at)
{
    if (t->emptied.ms != 0 && !is_before(&t->emptied, false, at))
        return; /* known, or an earlier one */
    t->emptied = *at;
    for (unsigned init = 0; init < 2; init++)
        if (t->first_row[init].ms != 0 && is_before(&t->first_row[init], init, at))
            t->again = true;
}

/* ---- statements ---- */

static bool same_name(bool fold_case, struct slice a, struct slice b)
{
    return fold_case ? slice_eq_nocase(a, b) : slice_eq(a, b);
}

static bool moves_rows(const struct ddl_statement *st)
{
    for (uint32_t i = 0; i < st->action_count; i++)
        if (st->actions[i].kind == DDL_ROWS_VANISH || st->actions[i].kind == DDL_ROWS_APPEAR)
            return true;
    return false;
}

enum effect { NOTHING, EMPTIED, DOUBTFUL };

/*
 * What the statement did to the rows of the table that no message tells.
 * Statements have the names that rows go out under, but those that could not be
 * taken apart.
 */
static enum effect effect_of(const struct ddl_statement *st, const struct verify_table *t)
{
    bool fold_case = st->options.lower_case_table_names != 0;
    enum effect found = NOTHING;
    if (st->temporary)
        return NOTHING;
    for (uint32_t i = 0; i < st->object_count; i++) {
        const struct ddl_object *o = &st->objects[i];
        bool renames = o->new_name.len > 0;
        if (renames && same_name(fold_case, o->new_database, t->sent_database) &&
            same_name(fold_case, o->new_name, t->sent_table))
            return DOUBTFUL; /* its rows went out under another name */
        if (!same_name(fold_case, o->database, t->sent_database))
            continue;
        if (st->kind == DDL_DROP_DATABASE)
            found = EMPTIED;
        if (!same_name(fold_case, o->name, t->sent_table))
            continue;
        bool creates = st->kind == DDL_CREATE_TABLE && !st->if_not_exists;
        bool gone = st->kind == DDL_TRUNCATE_TABLE || st->kind == DDL_DROP_TABLE || renames;
        if (creates && !t->shared)
            found = EMPTIED;
        else if (gone)
            found = t->shared ? DOUBTFUL : EMPTIED;
        else if (st->kind == DDL_ALTER_TABLE && (moves_rows(st) || st->exchanges))
            return DOUBTFUL;
    }
    if (!st->parsed && found == NOTHING &&
        (ddl_may_concern(st, slice_str(t->database), slice_str(t->name)) ||
         ddl_may_concern(st, t->sent_database, t->sent_table)))
        return DOUBTFUL;
    return found;
}

static void apply_statement(struct verify *v, const struct ddl_statement *st,
                            const struct verify_mark *at)
{
    for (size_t i = 0; i < v->count; i++) {
        struct verify_table *t = &v->first[i];
        switch (effect_of(st, t)) {
        case NOTHING:
            break;
        case EMPTIED:
            empty_behind(t, at);
            break;
        case DOUBTFUL:
            if (t->doubt.ms != 0 && !is_before(&t->doubt, false, at))
                break;
            t->doubt = *at;
            snprintf(t->doubt_text, sizeof(t->doubt_text), "%.*s",
                     st->sql.len < 150 ? (int)st->sql.len : 150, (const char *)st->sql.ptr);
            break;
        }
    }
}

static enum err take_statement(struct verify *v, const struct message *m,
                               const struct kafka_record *rec)
{
    const struct src_server *sv = &v->look->t.server;
    struct ddl_options o = {
        .dialect = {.version = sv->version, .mariadb = sv->flavour == SRC_MARIADB},
        .default_database = m->database,
        .lower_case_table_names = sv->lower_case_table_names};
    struct arena *arena = arena_new(4096);
    if (arena == NULL)
        return ERR_NO_MEMORY;
    struct ddl_statement st;
    enum err e = ddl_parse(m->sql, &o, arena, &st);
    if (e != ERR_NO_MEMORY) {
        apply_statement(v, &st, &(struct verify_mark){rec->timestamp_ms, m->id});
        e = ERR_OK;
    }
    arena_free(arena);
    return e;
}

/* ---- rows ---- */

static bool starts_with(struct slice key, struct slice prefix)
{
    return key.len > prefix.len && memcmp(key.ptr, prefix.ptr, prefix.len) == 0 &&
           key.ptr[prefix.len] == ',';
}

/* The table of a message: by the names it carries, and where several share them by its key. */
static struct verify_table *table_of(struct verify *v, const struct message *m,
                                     const struct kafka_record *rec)
{
    for (size_t i = 0; i < v->count; i++) {
        struct verify_table *t = &v->first[i];
        if (strcmp(t->result.topic, rec->topic) == 0 && slice_eq(t->sent_table, m->table) &&
            slice_eq(t->sent_database, m->database) &&
            (t->keyless ? rec->key.len == 0 : starts_with(rec->key, t->prefix)))
            return t;
    }
    return NULL;
}

/* The end of a JSON text that begins at p. */
static const uint8_t *text_end(const uint8_t *p, const uint8_t *end)
{
    if (p == end || *p != '"')
        return NULL;
    for (p++; p < end; p++) {
        if (*p == '\\')
            p++;
        else if (*p == '"')
            return p + 1;
    }
    return NULL;
}

static const struct message_column *column_named(const struct message *m, struct slice name)
{
    for (uint32_t i = 0; i < m->column_count; i++)
        if (slice_eq(m->columns[i].name, name))
            return &m->columns[i];
    return NULL;
}

/* The name under which a column of the source goes out. */
static struct slice sent_name(const struct binding *b, uint16_t column)
{
    const struct shape *s = b->shape;
    return s != NULL && s->columns != NULL ? s->columns[column] : b->table->columns[column].name;
}

/*
 * The key that an UPDATE's row had before, where the message says that it
 * changed (key_change: update). Texts of keys and of messages agree for
 * numbers and text. w stays empty: it has not changed.
 */
static void old_key(const struct verify_table *t, const struct message *m, struct slice key,
                    struct writer *w)
{
    const struct table *table = t->binding->table;
    const struct json_escape *escape = json_escape_best();
    const uint8_t *p = key.ptr + t->prefix.len, *end = key.ptr + key.len;
    bool changed = false;
    writer_slice_put(w, t->prefix);
    for (uint32_t i = 0; i < table->identity_count; i++) {
        const uint8_t *next = p < end && *p == ',' ? text_end(p + 1, end) : NULL;
        if (next == NULL)
            break;
        const struct message_column *c = column_named(m, sent_name(t->binding, table->identity[i]));
        struct slice old =
            c != NULL && c->before.kind == MESSAGE_TEXT ? c->before.text : SLICE_LIT("");
        bool differs = c != NULL && c->before.kind == MESSAGE_TEXT && old.len > 0 &&
                       !slice_eq(c->before.raw, c->after.raw);
        if (differs && writer_reserve(w, JSON_ESCAPE_ROOM(old.len) + 3)) {
            writer_lit(w, ",\"");
            uint8_t *to = escape->utf8(writer_tail(w), old.ptr, old.len);
            if (to != NULL)
                w->len = (size_t)(to - w->base);
            writer_u8(w, '"');
            changed = true;
        } else {
            writer_put(w, p, (size_t)(next - p));
        }
        p = next;
    }
    writer_u8(w, ']');
    if (!changed)
        writer_clear(w);
}

static enum err take_keyed(struct verify *v, struct verify_table *t, const struct message *m,
                           const struct kafka_record *rec)
{
    struct fold_key key = fold_key_of(t->fold, rec->key);
    if (m->op == CHANGE_UPDATE && !t->binding->split) {
        struct writer old;
        writer_init(&old, 1u << 20);
        old_key(t, m, rec->key, &old);
        if (old.len > 0 && old.err == ERR_OK)
            fold_remove(t->fold, fold_key_of(t->fold, writer_slice(&old)));
        writer_fini(&old);
    }
    (void)v;
    if (!fold_takes(t->fold, key))
        return ERR_OK;
    if (m->op == CHANGE_DELETE) {
        fold_remove(t->fold, key);
        return ERR_OK;
    }
    struct fold_row row;
    TRY(fold_row_of(t->fold, m, true, &row));
    struct fold_entry *e = fold_put(t->fold, key);
    if (e == NULL)
        return ERR_NO_MEMORY;
    e->partition = (uint32_t)rec->partition;
    e->offset = (uint64_t)rec->offset & ((UINT64_C(1) << 47) - 1);
    e->row = row.sum;
    e->shape = row.shape;
    return ERR_OK;
}

static enum err count_row(struct verify_table *t, const struct message *m, bool after, int by)
{
    struct fold_row row;
    if (after)
        TRY(fold_row_of(t->fold, m, true, &row));
    else
        TRY(fold_row_before(t->fold, m, &row));
    t->partial = t->partial || !row.whole;
    struct fold_key key = fold_key_of_row(&row);
    if (!fold_takes(t->fold, key))
        return ERR_OK;
    struct fold_entry *e = fold_put(t->fold, key);
    if (e == NULL)
        return ERR_NO_MEMORY;
    e->row.a += (uint64_t)(int64_t)by;
    return ERR_OK;
}

/* ids rise within a partition, for rows and for INIT each: what is not higher comes again. */
static bool is_repeat(struct verify *v, const struct message *m, const struct kafka_record *rec)
{
    if (rec->partition < 0 || rec->partition >= v->partitions)
        return false;
    uint64_t *last = &v->last_ids[rec->partition][(m->id & INIT_BIT) != 0];
    if (m->id <= *last)
        return true;
    *last = m->id;
    return false;
}

static enum err take_keyless(struct verify_table *t, const struct message *m)
{
    if (m->op == CHANGE_UPDATE || m->op == CHANGE_DELETE)
        TRY(count_row(t, m, false, -1));
    return m->op != CHANGE_DELETE ? count_row(t, m, true, 1) : ERR_OK;
}

static enum err take_row(struct verify *v, const struct message *m, const struct kafka_record *rec)
{
    bool repeat = is_repeat(v, m, rec);
    struct verify_table *t = table_of(v, m, rec);
    if (t == NULL || (repeat && t->keyless))
        return ERR_OK;
    bool init = (m->id & INIT_BIT) != 0;
    struct verify_mark at = {rec->timestamp_ms, m->id};
    if (t->emptied.ms != 0 && is_before(&at, init, &t->emptied))
        return ERR_OK;
    note_first(t, &at, init);
    return t->keyless ? take_keyless(t, m) : take_keyed(v, t, m, rec);
}

/* ---- all ---- */

static bool is_full(const struct verify *v)
{
    size_t bytes = 0;
    for (size_t i = 0; i < v->count; i++)
        bytes += fold_bytes(v->first[i].fold);
    return bytes > v->memory;
}

static enum err take_record(struct verify *v, const struct kafka_record *rec)
{
    struct message m;
    if (!rec->has_value)
        return ERR_OK; /* a mark of compaction, behind the DELETE's own message */
    enum err e = message_read(v->reader, rec->value, &m);
    if (e == ERR_MALFORMED)
        return ERR_OK; /* not ours */
    TRY(e);
    if (m.kind == MESSAGE_STATEMENT)
        return take_statement(v, &m, rec);
    return m.kind == MESSAGE_ROW ? take_row(v, &m, rec) : ERR_OK;
}

enum err verify_fold_on(struct verify *v, bool *again, struct errmsg *em)
{
    TRY(kafka_consumer_mark(v->consumer, em));
    for (uint64_t n = 0; !kafka_consumer_at_mark(v->consumer); n++) {
        struct kafka_record rec;
        enum err e = kafka_consumer_next(v->consumer, WAIT_MS, &rec, em);
        if (atomic_load(&task_stopping))
            return ERR_STOPPED;
        if (e == ERR_NEED_INPUT)
            continue;
        TRY(e);
        e = take_record(v, &rec);
        if (e != ERR_OK)
            return errmsg_set(em, e, "topic %s, partition %d, offset %lld: %s", rec.topic,
                              rec.partition, (long long)rec.offset, err_text(e));
        if (n % 1024 == 0 && is_full(v))
            return ERR_NO_ROOM;
    }
    *again = false;
    for (size_t i = 0; i < v->count; i++)
        *again = *again || v->first[i].again;
    return is_full(v) ? ERR_NO_ROOM : ERR_OK;
}

/* Where statements on the table go (ddl_route.c). */
static const char *statements_topic(const struct verify *v, const struct verify_table *t)
{
    const struct conf_destination *d = &v->o->config->destination;
    return d->ddl_topic != NULL ? d->ddl_topic : d->topic != NULL ? d->topic : t->result.topic;
}

static enum err open_topic(struct verify *v, const char *name, bool *found, struct errmsg *em)
{
    int32_t partitions;
    TRY(kafka_topic_exists(v->look->t.admin, name, found, em));
    if (!*found)
        return ERR_OK;
    TRY(kafka_topic_partitions(v->look->t.admin, name, &partitions, em));
    if (v->partitions < partitions)
        v->partitions = partitions;
    return kafka_consumer_topic(v->consumer, name, partitions, KAFKA_FROM_BEGINNING, 0, em);
}

enum err verify_open_topics(struct verify *v, struct errmsg *em)
{
    bool found, statements;
    const char *topic = v->first[0].result.topic;
    const char *ddl = statements_topic(v, &v->first[0]);
    v->partitions = 0;
    TRY(kafka_consumer_new(&v->look->t.kafka, &v->consumer, em));
    TRY(open_topic(v, topic, &found, em));
    if (strcmp(topic, ddl) != 0)
        TRY(open_topic(v, ddl, &statements, em));
    for (size_t i = 0; i < v->count && !found; i++)
        snprintf(v->first[i].result.notice, sizeof(v->first[i].result.notice),
                 "there is no topic %s", topic);
    free(v->last_ids);
    v->last_ids = calloc((size_t)v->partitions + 1, sizeof(*v->last_ids));
    return v->last_ids != NULL ? ERR_OK : errmsg_set(em, ERR_NO_MEMORY, "out of memory");
}

void verify_close_topics(struct verify *v)
{
    kafka_consumer_free(v->consumer);
    v->consumer = NULL;
}

char *verify_fetch_key(struct verify *v, const char *topic, int32_t partition, int64_t offset)
{
    struct kafka_consumer *c;
    struct kafka_record rec;
    struct errmsg em = {0};
    char *text = NULL;
    if (kafka_consumer_new(&v->look->t.kafka, &c, &em) != ERR_OK)
        return NULL;
    enum err e = kafka_consumer_partition(c, topic, partition, offset, &em);
    for (unsigned i = 0; e == ERR_OK && i < FETCH_TRIES; i++) {
        enum err got = kafka_consumer_next(c, WAIT_MS, &rec, &em);
        if (got == ERR_NEED_INPUT)
            continue;
        if (got == ERR_OK && rec.offset == offset && rec.key.len > 0)
            text = strndup((const char *)rec.key.ptr,
                           rec.key.len < KEY_SHOWN ? rec.key.len : KEY_SHOWN);
        break;
    }
    kafka_consumer_free(c);
    return text;
}
