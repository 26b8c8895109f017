/* The looks of verify, and what they find. See verify.h. */
#include "pipeline/verify_int.h"

#include "base/clock.h"
#include "pipeline/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MEMORY_DEFAULT ((size_t)256 << 20)
#define LOOKS          4     /* at the same rows, at most */
#define ANEW           5     /* readings of the topics from the beginning, because of statements */
#define CATCH_UP_MS    60000 /* how long the task is waited for */
#define POLL_MS        200
#define REST_MS        1000 /* between two looks while no task runs */
#define SLICES_MAX     4096
#define KEY_SHOWN      300
#define OFFSET_BITS    47

static void nap(unsigned ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000},
              NULL);
}

/* ---- waiting for the task ---- */

static enum err parse_position(const char *text, const struct position *like, struct position *out)
{
    const char *colon = strrchr(text, ':');
    out->kind = like->kind;
    if (like->kind == POSITION_FILE) {
        if (colon == NULL || (size_t)(colon - text) >= sizeof(out->file))
            return ERR_MALFORMED;
        memcpy(out->file, text, (size_t)(colon - text));
        out->offset = strtoull(colon + 1, NULL, 10);
        return ERR_OK;
    }
    if (strncmp(text, "gtid:", 5) != 0)
        return ERR_MALFORMED;
    return like->kind == POSITION_GTID ? my_gtid_set_parse(&out->set, slice_str(text + 5))
                                       : maria_gtid_pos_parse(&out->maria, slice_str(text + 5));
}

/* Whether the running task has acknowledged everything up to there. ERR_UNREACHABLE: none runs. */
static enum err ask_task(struct verify *v, const struct position *target, bool *reached)
{
    char *text = NULL;
    struct position at = {0};
    TRY(v->o->acknowledged(v->o->arg, &text));
    enum err e = text[0] != 0 ? parse_position(text, target, &at) : ERR_OK;
    *reached = e == ERR_OK && text[0] != 0 && position_reached(&at, target);
    position_fini(&at);
    free(text);
    return e == ERR_NO_MEMORY ? e : ERR_OK;
}

/* Lets the task come as far as the source is now. */
static enum err let_catch_up(struct verify *v, struct errmsg *em)
{
    struct task *t = &v->look->t;
    struct position target = {0};
    struct history_source h = {.loop = t->setup_loop,
                               .options = &t->source,
                               .server = &t->server,
                               .session = t->session,
                               .pool = t->pool,
                               .stop = &task_stopping};
    bool reached = false;
    uint64_t end = clock_mono_ms() + CATCH_UP_MS;
    enum err e = history_end(&h, &target, em);
    while (e == ERR_OK && !reached) {
        e = atomic_load(&task_stopping) ? ERR_STOPPED : ask_task(v, &target, &reached);
        v->sums->task_runs = e == ERR_OK;
        if (e != ERR_OK || reached)
            break;
        if (clock_mono_ms() > end) {
            v->sums->behind = true;
            break;
        }
        nap(POLL_MS);
    }
    position_fini(&target);
    if (e == ERR_UNREACHABLE && v->round > 0)
        nap(REST_MS);
    return e == ERR_UNREACHABLE ? ERR_OK : e;
}

/* ---- candidates: keys that differ, maybe ---- */

static int by_key(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->key.a != y->key.a)
        return x->key.a < y->key.a ? -1 : 1;
    return x->key.b < y->key.b ? -1 : x->key.b > y->key.b;
}

static struct candidate *find_candidate(struct verify_table *t, struct fold_key key)
{
    struct candidate c = {.key = key};
    return t->candidate_count == 0
               ? NULL
               : bsearch(&c, t->candidates, t->candidate_count, sizeof(c), by_key);
}

static struct verify_side kafka_side(const struct fold_entry *e)
{
    if (e == NULL)
        return (struct verify_side){0};
    return (struct verify_side){
        .there = true, .row = e->row, .place = (uint64_t)e->partition << OFFSET_BITS | e->offset};
}

static bool same_side(const struct verify_side *a, const struct verify_side *b)
{
    return a->there == b->there && a->row.a == b->row.a && a->row.b == b->row.b &&
           a->place == b->place;
}

static enum verify_kind kind_of(const struct candidate *c)
{
    return !c->kafka.there ? VERIFY_MISSING : !c->source.there ? VERIFY_EXTRA : VERIFY_DIFFERENT;
}

static enum err add_candidate(struct verify_table *t, struct candidate c, struct slice text)
{
    if (t->candidate_count == CANDIDATES_MAX) {
        t->result.found[kind_of(&c)]++;
        t->result.once++;
        return ERR_OK;
    }
    if (t->candidate_count == t->candidate_cap) {
        size_t cap = t->candidate_cap == 0 ? 64 : t->candidate_cap * 2;
        struct candidate *grown = realloc(t->candidates, cap * sizeof(*grown));
        if (grown == NULL)
            return ERR_NO_MEMORY;
        t->candidates = grown;
        t->candidate_cap = cap;
    }
    if (text.len > 0)
        c.text = strndup((const char *)text.ptr, text.len < KEY_SHOWN ? text.len : KEY_SHOWN);
    t->candidates[t->candidate_count++] = c;
    return ERR_OK;
}

static void forget_candidates(struct verify_table *t)
{
    for (size_t i = 0; i < t->candidate_count; i++)
        free(t->candidates[i].text);
    t->candidate_count = 0;
}

/* ---- rows of the source ---- */

static enum err see_first(struct verify_table *t, const struct fold_row *row, struct fold_key key,
                          struct slice text)
{
    struct fold_entry *e = fold_find(t->fold, key);
    struct candidate c = {
        .key = key, .source = {.there = true, .row = row->sum}, .kafka = kafka_side(e)};
    t->result.rows++;
    if (e == NULL)
        return add_candidate(t, c, text);
    e->seen = 1;
    enum fold_verdict verdict = fold_compare(t->fold, e, row);
    if (verdict == FOLD_DIFFERENT)
        return add_candidate(t, c, text);
    t->result.equal++;
    t->result.partly += verdict == FOLD_EQUAL_PARTLY;
    return ERR_OK;
}

static void see_again(struct verify_table *t, const struct fold_row *row, struct fold_key key)
{
    struct candidate *c = find_candidate(t, key);
    if (c == NULL || c->done)
        return;
    const struct fold_entry *e = fold_find(t->fold, key);
    c->looked = true;
    c->equal = e != NULL && fold_compare(t->fold, e, row) != FOLD_DIFFERENT;
    struct verify_side now = {.there = true, .row = row->sum};
    struct verify_side kafka = kafka_side(e);
    c->done = !c->equal && same_side(&now, &c->source) && same_side(&kafka, &c->kafka);
    c->source = now;
    c->kafka = kafka;
}

static enum err see(struct verify *v, const struct lane_sight *sight)
{
    struct verify_table *t = v->reading;
    struct message m;
    struct fold_row row;
    if (sight->fate != LANE_SENT)
        return ERR_OK;
    TRY(message_read(v->row_reader, sight->value, &m));
    TRY(fold_row_of(t->fold, &m, true, &row));
    struct fold_key key = t->keyless ? fold_key_of_row(&row) : fold_key_of(t->fold, sight->key);
    if (!fold_takes(t->fold, key))
        return ERR_OK;
    if (t->keyless) {
        struct fold_entry *e = fold_put(t->fold, key);
        if (e == NULL)
            return ERR_NO_MEMORY;
        e->row.b++;
        t->result.rows += v->round == 1;
        return ERR_OK;
    }
    if (v->round == 1)
        return see_first(t, &row, key, sight->key);
    see_again(t, &row, key);
    return ERR_OK;
}

enum err verify_see_row(void *verify, const struct lane_sight *sight)
{
    struct verify *v = verify;
    v->watch_err = see(v, sight);
    return v->watch_err == ERR_OK ? ERR_OK : ERR_STOPPED;
}

/* ---- keys that only Kafka has ---- */

struct sweep {
    struct verify_table *t;
    enum err err;
};

static void sweep_entry(void *arg, struct fold_entry *e)
{
    struct sweep *s = arg;
    struct candidate c = {.key = {e->key_a, e->key_b}, .kafka = kafka_side(e)};
    if (!e->seen && s->err == ERR_OK)
        s->err = add_candidate(s->t, c, SLICE_LIT(""));
}

/* ---- looks at a table with keys ---- */

static enum err first_look(struct verify *v, struct verify_table *t, struct errmsg *em)
{
    struct sweep s = {.t = t};
    t->result.keys += fold_count(t->fold);
    TRY(verify_read_table(v, t, em));
    if (t->result.why[0] == 0)
        fold_walk(t->fold, sweep_entry, &s);
    if (t->candidate_count > 0)
        qsort(t->candidates, t->candidate_count, sizeof(*t->candidates), by_key);
    return s.err;
}

/* A candidate of which no row came from the source. */
static void look_at_absent(struct verify_table *t, struct candidate *c)
{
    struct verify_side none = {0}, kafka = kafka_side(fold_find(t->fold, c->key));
    c->equal = !kafka.there;
    c->done = !c->equal && same_side(&none, &c->source) && same_side(&kafka, &c->kafka);
    c->source = none;
    c->kafka = kafka;
}

/* What is settled: equal now, or a difference that has stood still. */
static size_t settle(struct verify_table *t)
{
    size_t kept = 0;
    for (size_t i = 0; i < t->candidate_count; i++) {
        struct candidate *c = &t->candidates[i];
        if (!c->looked && !c->done)
            look_at_absent(t, c);
        c->looked = false;
        if (c->equal) {
            t->result.equal += c->source.there;
            free(c->text);
            continue;
        }
        t->candidates[kept++] = *c;
    }
    t->candidate_count = kept;
    size_t open = 0;
    for (size_t i = 0; i < kept; i++)
        open += !t->candidates[i].done;
    return open;
}

/* ---- looks at a table without keys ---- */

struct count {
    uint64_t more;  /* rows that only the messages have */
    uint64_t fewer; /* rows that only the source has */
    uint64_t equal;
    uint64_t moving; /* rows whose numbers are not those of the look before */
    uint64_t rows;
};

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void count_entry(void *arg, struct fold_entry *e)
{
    struct count *n = arg;
    int64_t sent = (int64_t)e->row.a;
    uint64_t kafka = sent > 0 ? (uint64_t)sent : 0, source = e->row.b;
    uint64_t differs = kafka > source ? kafka - source : source - kafka;
    uint64_t tag = ((kafka << 20) ^ source) & ((UINT64_C(1) << OFFSET_BITS) - 1);
    n->rows += kafka;
    n->equal += least(kafka, source);
    if (differs != 0 && (!e->seen || e->offset != tag))
        n->moving += differs;
    else if (kafka > source)
        n->more += differs;
    else
        n->fewer += differs;
    e->seen = 1;
    e->offset = tag;
}

static void reset_entry(void *arg, struct fold_entry *e)
{
    (void)arg;
    e->row.b = 0;
}

static enum err look_at_rows(struct verify *v, struct verify_table *t, struct count *n,
                             struct errmsg *em)
{
    *n = (struct count){0};
    fold_walk(t->fold, reset_entry, NULL);
    TRY(verify_read_table(v, t, em));
    fold_walk(t->fold, count_entry, n);
    return ERR_OK;
}

static void take_count(struct verify_table *t, const struct count *n)
{
    t->result.keys += n->rows;
    t->result.equal += n->equal;
    t->result.found[VERIFY_EXTRA] += n->more;
    t->result.found[VERIFY_MISSING] += n->fewer;
    t->result.changing += n->moving;
}

/* ---- a pass ---- */

static bool is_out(const struct verify_table *t)
{
    return t->result.why[0] != 0;
}

/* Reads the topics from the beginning; again where statements ask for it. */
static enum err fold_all(struct verify *v, uint32_t slice, uint32_t slices, struct errmsg *em)
{
    bool again = true;
    for (unsigned i = 0; again && i < ANEW; i++) {
        for (size_t k = 0; k < v->count; k++) {
            struct verify_table *t = &v->first[k];
            fold_begin(t->fold, slice, slices);
            t->again = t->partial = false;
            t->first_row[0] = t->first_row[1] = (struct verify_mark){0};
        }
        verify_close_topics(v);
        TRY(verify_open_topics(v, em));
        TRY(verify_fold_on(v, &again, em));
    }
    return ERR_OK;
}

static bool is_after(const struct verify_mark *a, const struct verify_mark *b)
{
    return a->ms != b->ms ? a->ms > b->ms : a->id > b->id;
}

/* What was found in the messages that rules a table out. */
static void judge(struct verify *v)
{
    for (size_t i = 0; i < v->count; i++) {
        struct verify_table *t = &v->first[i];
        if (t->doubt.ms != 0 && is_after(&t->doubt, &t->emptied) && !is_out(t))
            snprintf(t->result.why, sizeof(t->result.why),
                     "rows came or went without messages, by: %s", t->doubt_text);
        else if (t->partial && !is_out(t))
            snprintf(t->result.why, sizeof(t->result.why),
                     "it has no record key, and messages lack some of its columns");
        if (kafka_consumer_lost(v->consumer, 0) && t->result.notice[0] == 0)
            snprintf(t->result.notice, sizeof(t->result.notice),
                     "the oldest messages of topic %s are not there any more", t->result.topic);
    }
}

/* Another look at what is not settled. *open: something still is not. */
static enum err look_again(struct verify *v, struct count *counts, bool *open, struct errmsg *em)
{
    bool again = false;
    TRY(let_catch_up(v, em));
    TRY(verify_fold_on(v, &again, em));
    v->round++;
    *open = false;
    for (size_t i = 0; i < v->count; i++) {
        struct verify_table *t = &v->first[i];
        if (t->again && !is_out(t))
            snprintf(t->result.why, sizeof(t->result.why),
                     "a statement emptied it while it was compared: compare it again");
        if (is_out(t))
            continue;
        if (t->keyless) {
            if (counts[i].moving == 0)
                continue;
            TRY(look_at_rows(v, t, &counts[i], em));
            *open = *open || counts[i].moving > 0;
        } else if (t->candidate_count > 0) {
            TRY(verify_read_table(v, t, em));
            *open = *open || settle(t) > 0;
        }
    }
    return ERR_OK;
}

static void add_sample(struct verify *v, struct verify_table *t, struct candidate *c)
{
    struct verify_result *r = &t->result;
    enum verify_kind kind = kind_of(c);
    uint32_t same = 0;
    for (uint32_t i = 0; i < r->sample_count; i++)
        same += r->samples[i].kind == kind;
    if (same >= VERIFY_SAMPLES)
        return;
    struct verify_sample *s = &r->samples[r->sample_count++];
    *s = (struct verify_sample){.kind = kind, .key = c->text, .partition = -1, .offset = -1};
    c->text = NULL;
    if (!c->kafka.there)
        return;
    s->partition = (int32_t)(c->kafka.place >> OFFSET_BITS);
    s->offset = (int64_t)(c->kafka.place & ((UINT64_C(1) << OFFSET_BITS) - 1));
    if (s->key == NULL)
        s->key = verify_fetch_key(v, r->topic, s->partition, s->offset);
}

static void finish_table(struct verify *v, struct verify_table *t, const struct count *n)
{
    if (t->keyless && !is_out(t))
        take_count(t, n);
    for (size_t i = 0; i < t->candidate_count && !is_out(t); i++) {
        const struct candidate *c = &t->candidates[i];
        t->result.changing += !c->done;
        t->result.found[kind_of(c)] += c->done;
    }
    for (int kind = 0; kind < VERIFY_KINDS && !is_out(t); kind++)
        for (size_t i = 0; i < t->candidate_count; i++)
            if (t->candidates[i].done && kind_of(&t->candidates[i]) == (enum verify_kind)kind)
                add_sample(v, t, &t->candidates[i]);
    forget_candidates(t);
}

static enum err look(struct verify *v, struct count *counts, struct errmsg *em)
{
    bool open = false;
    v->round = 1;
    for (size_t i = 0; i < v->count; i++) {
        struct verify_table *t = &v->first[i];
        if (is_out(t))
            continue;
        if (t->keyless)
            TRY(look_at_rows(v, t, &counts[i], em));
        else
            TRY(first_look(v, t, em));
        open = open || counts[i].moving > 0 || t->candidate_count > 0;
    }
    while (open && v->round < LOOKS)
        TRY(look_again(v, counts, &open, em));
    return ERR_OK;
}

static enum err pass(struct verify *v, uint32_t slice, uint32_t slices, struct errmsg *em)
{
    struct count *counts = calloc(v->count, sizeof(*counts));
    if (counts == NULL)
        return ERR_NO_MEMORY;
    v->round = 0;
    enum err e = let_catch_up(v, em);
    if (e == ERR_OK)
        e = fold_all(v, slice, slices, em);
    if (e == ERR_OK) {
        judge(v);
        e = look(v, counts, em);
    }
    for (size_t i = 0; i < v->count; i++) {
        if (e == ERR_OK)
            finish_table(v, &v->first[i], &counts[i]);
        forget_candidates(&v->first[i]);
        fold_begin(v->first[i].fold, 0, 1);
    }
    verify_close_topics(v);
    free(counts);
    return e;
}

static void reset_result(struct verify_table *t)
{
    struct verify_result *r = &t->result;
    for (uint32_t i = 0; i < r->sample_count; i++)
        free(r->samples[i].key);
    r->sample_count = 0;
    r->rows = r->keys = r->equal = r->changing = r->partly = r->once = 0;
    memset(r->found, 0, sizeof(r->found));
}

/* Tables of one topic: together, each by itself, or a part of its keys after the other. */
static enum err verify_tables(struct verify *v, struct verify_table *first, size_t count,
                              struct errmsg *em)
{
    size_t at_once = count;
    uint32_t slices = 1;
    for (size_t i = 0; i < count;) {
        v->first = first + i;
        v->count = at_once < count - i ? at_once : count - i;
        enum err e = ERR_OK;
        for (uint32_t s = 0; s < slices && e == ERR_OK; s++)
            e = pass(v, s, slices, em);
        if (e == ERR_OK) {
            i += v->count;
            continue;
        }
        if (e != ERR_NO_ROOM || slices >= SLICES_MAX)
            return e;
        for (size_t k = 0; k < v->count; k++)
            reset_result(&v->first[k]);
        if (v->count > 1)
            at_once = v->count / 2;
        else
            slices *= 2;
    }
    return ERR_OK;
}

/* ---- which tables ---- */

struct choice {
    struct verify *v;
    bool *matched; /* by name given */
    enum err err;
};

static bool is_named(const struct choice *c, const struct tables_view *view)
{
    const struct verify_options *o = c->v->o;
    char name[600];
    bool found = o->table_count == 0;
    snprintf(name, sizeof(name), "%.*s.%.*s", SLICE_ARG(view->database), SLICE_ARG(view->table));
    for (size_t i = 0; i < o->table_count; i++) {
        if (strcmp(o->tables[i], name) != 0)
            continue;
        c->matched[i] = true;
        found = true;
    }
    return found;
}

static enum err choose(void *arg, const struct tables_view *view)
{
    struct choice *c = arg;
    struct verify *v = c->v;
    if (!is_named(c, view))
        return ERR_OK;
    struct verify_table *tables = realloc(v->tables, (v->table_count + 1) * sizeof(*tables));
    if (tables == NULL)
        return ERR_NO_MEMORY;
    v->tables = tables;
    struct verify_table *t = &tables[v->table_count];
    *t = (struct verify_table){.database =
                                   strndup((const char *)view->database.ptr, view->database.len),
                               .name = strndup((const char *)view->table.ptr, view->table.len)};
    v->table_count++;
    return t->database != NULL && t->name != NULL ? ERR_OK : ERR_NO_MEMORY;
}

static enum err choose_tables(struct verify *v, struct errmsg *em)
{
    const struct verify_options *o = v->o;
    struct choice c = {.v = v, .matched = calloc(o->table_count + 1, sizeof(bool))};
    if (c.matched == NULL)
        return ERR_NO_MEMORY;
    enum err e = tables_walk(v->look->t.tables, choose, &c);
    for (size_t i = 0; e == ERR_OK && i < o->table_count; i++)
        if (!c.matched[i])
            e = errmsg_set(em, ERR_USAGE,
                           "--table %.200s: objects take no such table, or it is not there (or the "
                           "account may not SELECT from it)",
                           o->tables[i]);
    free(c.matched);
    return e;
}

/* The names of the columns that go out. */
static enum err make_fold(struct verify *v, struct verify_table *t)
{
    const struct binding *b = t->binding;
    const struct table *out = b->shape != NULL ? shape_table(b->shape, b->table) : b->table;
    struct slice *names = calloc(out->column_count + 1, sizeof(*names));
    if (names == NULL)
        return ERR_NO_MEMORY;
    uint32_t count = 0;
    for (uint32_t i = 0; i < out->column_count; i++) {
        bool renamed = b->shape != NULL && b->shape->columns != NULL;
        struct slice name = renamed ? b->shape->columns[i] : out->columns[i].name;
        if (name.len > 0 && !out->columns[i].hidden)
            names[count++] = name;
    }
    t->fold = fold_new(v->secret, names, count);
    free(names);
    return t->fold != NULL ? ERR_OK : ERR_NO_MEMORY;
}

static void say_why(const struct verify *v, struct verify_table *t)
{
    const struct task_config *c = v->o->config;
    const struct conf_object *entry = &c->objects[t->binding->object];
    unsigned all = CONF_DML_INSERT | CONF_DML_UPDATE | CONF_DML_DELETE;
    const char *why = "";
    if (entry->dml != 0 && (entry->dml & all) != all)
        why = "dml of its entry leaves changes out, so that the messages do not add up to its rows";
    else if (t->keyless && (c->phases & CONF_PHASE_FULL) == 0)
        why = "it has no record key, and without the full phase its older rows were never sent";
    else if (t->keyless && c->full.keyless == CONF_KEYLESS_SKIP)
        why = "it has no record key, and full.keyless is skip";
    snprintf(t->result.why, sizeof(t->result.why), "%s", why);
    if ((c->phases & CONF_PHASE_FULL) == 0)
        snprintf(t->result.notice, sizeof(t->result.notice),
                 "the task has no full phase: rows older than its start are missing rightly");
}

static enum err prepare_table(struct verify *v, struct verify_table *t, struct errmsg *em)
{
    struct task *task = &v->look->t;
    struct binding *b;
    TRY(tables_current(task->tables, slice_str(t->database), slice_str(t->name), &b, em));
    if (b == NULL)
        return errmsg_set(em, ERR_TABLE_MISMATCH, "table %s.%s is not there any more", t->database,
                          t->name);
    binding_ref(b);
    t->binding = b;
    TRY(copy_table_new(&task->server, b->table, SLICE_LIT(""), &t->copy, em));
    t->copy->share[0] = '\0'; /* nothing is locked for this */
    if (b->copy == NULL) {
        copy_table_ref(t->copy);
        b->copy = t->copy;
    }
    t->keyless = !b->record_key;
    t->prefix = key_table_prefix(b->key);
    t->sent_database = b->shape != NULL ? b->shape->database : b->table->database;
    t->sent_table = b->shape != NULL ? b->shape->table : b->table->name;
    t->result = (struct verify_result){
        .database = t->database, .table = t->name, .topic = b->topic, .keyless = t->keyless};
    say_why(v, t);
    return make_fold(v, t);
}

/* Several tables that go out under one name; rows without keys cannot be told apart then. */
static void find_twins(struct verify *v)
{
    for (size_t i = 0; i < v->table_count; i++) {
        for (size_t k = 0; k < v->table_count; k++) {
            struct verify_table *a = &v->tables[i];
            const struct verify_table *b = &v->tables[k];
            if (i == k || !slice_eq(a->sent_table, b->sent_table) ||
                !slice_eq(a->sent_database, b->sent_database))
                continue;
            a->shared = true;
            if (a->keyless && strcmp(a->result.topic, b->result.topic) == 0)
                snprintf(a->result.why, sizeof(a->result.why),
                         "it has no record key, and %s.%s goes out under the same name",
                         b->database, b->name);
        }
    }
}

static int by_topic(const void *a, const void *b)
{
    const struct verify_table *x = a, *y = b;
    int c = strcmp(x->result.topic, y->result.topic);
    if (c == 0)
        c = strcmp(x->database, y->database);
    return c != 0 ? c : strcmp(x->name, y->name);
}

static void report(struct verify *v)
{
    for (size_t i = 0; i < v->table_count; i++) {
        const struct verify_result *r = &v->tables[i].result;
        v->o->each(v->o->arg, r);
        v->sums->tables++;
        v->sums->changing += r->changing;
        if (r->why[0] != 0)
            continue;
        v->sums->compared++;
        for (size_t k = 0; k < VERIFY_KINDS; k++)
            v->sums->differences += r->found[k];
    }
}

static enum err verify_all(struct verify *v, struct errmsg *em)
{
    TRY(choose_tables(v, em));
    for (size_t i = 0; i < v->table_count; i++)
        TRY(prepare_table(v, &v->tables[i], em));
    if (v->table_count == 0)
        return ERR_OK;
    qsort(v->tables, v->table_count, sizeof(*v->tables), by_topic);
    find_twins(v);
    TRY(look_lane(v->look, verify_see_row, v, em));
    for (size_t i = 0, n; i < v->table_count; i += n) {
        n = 1;
        while (i + n < v->table_count &&
               strcmp(v->tables[i].result.topic, v->tables[i + n].result.topic) == 0)
            n++;
        TRY(verify_tables(v, v->tables + i, n, em));
    }
    report(v);
    return ERR_OK;
}

static void free_table(struct verify_table *t)
{
    forget_candidates(t);
    free(t->candidates);
    reset_result(t);
    fold_free(t->fold);
    copy_table_unref(t->copy);
    if (t->binding != NULL)
        binding_unref(t->binding);
    free(t->database);
    free(t->name);
}

static enum err refuse_embedded(const struct task_config *c, struct errmsg *em)
{
    if (!c->destination.embedded)
        return ERR_OK;
    return errmsg_set(em, ERR_USAGE,
                      "destination.brokers is embedded: its topics live in the process that runs "
                      "the task; give the address that its log tells, --override "
                      "destination.brokers=[HOST:PORT]");
}

enum err verify_run(const struct verify_options *o, struct verify_sums *sums, struct errmsg *em)
{
    struct verify v = {.o = o, .sums = sums, .memory = o->memory != 0 ? o->memory : MEMORY_DEFAULT};
    struct conf_start now = {.kind = CONF_START_NOW};
    enum format_kind format =
        o->config->destination.format == CONF_DTS_AVRO ? FORMAT_DTS_AVRO : FORMAT_CANAL_JSON;
    *sums = (struct verify_sums){0};
    TRY(refuse_embedded(o->config, em));
    if (getentropy(v.secret, sizeof(v.secret)) != 0)
        return errmsg_set(em, ERR_SYSTEM, "the system has no random numbers");
    TRY(look_open(o->config, &now, &v.look, em));
    v.reader = message_reader_new(format, false);
    v.row_reader = message_reader_new(format, false);
    enum err e = v.reader != NULL && v.row_reader != NULL ? verify_all(&v, em) : ERR_NO_MEMORY;
    if (e != ERR_OK && em->text[0] == 0)
        errmsg_set(em, e, "%s", err_text(e));
    verify_close_topics(&v);
    src_session_close(v.session);
    for (size_t i = 0; i < v.table_count; i++)
        free_table(&v.tables[i]);
    free(v.tables);
    free(v.last_ids);
    message_reader_free(v.reader);
    message_reader_free(v.row_reader);
    look_close(v.look);
    return e;
}
