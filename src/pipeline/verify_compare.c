/*
 * The looks at one table: its rows as they are now against what the messages
 * add up to, first all of them, then what differed. See verify.h, 2. and 3.
 *
 * With record keys, what differs becomes a candidate, and a candidate that two
 * looks in a row have found the same on both sides is a difference. Without,
 * equal rows are counted on both sides, and numbers are what stands still.
 */
#include "pipeline/verify_int.h"

#include <stdlib.h>
#include <string.h>

#define CANDIDATES_MAX 100000 /* differences of a table that are looked at again */
#define OFFSET_BITS    47

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

void verify_forget(struct verify_table *t)
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

static enum err compare_rows(struct verify *v, struct verify_table *t, struct errmsg *em)
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

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void count_entry(void *arg, struct fold_entry *e)
{
    struct verify_counts *n = arg;
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

static enum err count_rows(struct verify *v, struct verify_table *t, struct errmsg *em)
{
    t->counts = (struct verify_counts){0};
    fold_walk(t->fold, reset_entry, NULL);
    TRY(verify_read_table(v, t, em));
    fold_walk(t->fold, count_entry, &t->counts);
    return ERR_OK;
}

static void take_counts(struct verify_table *t)
{
    const struct verify_counts *n = &t->counts;
    t->result.keys += n->rows;
    t->result.equal += n->equal;
    t->result.found[VERIFY_EXTRA] += n->more;
    t->result.found[VERIFY_MISSING] += n->fewer;
    t->result.changing += n->moving;
}

/* ---- looks ---- */

enum err verify_compare(struct verify *v, struct verify_table *t, struct errmsg *em)
{
    return t->keyless ? count_rows(v, t, em) : compare_rows(v, t, em);
}

bool verify_is_open(const struct verify_table *t)
{
    return t->counts.moving > 0 || t->candidate_count > 0;
}

enum err verify_compare_again(struct verify *v, struct verify_table *t, bool *open, struct errmsg *em)
{
    *open = false;
    if (!verify_is_open(t))
        return ERR_OK;
    if (t->keyless) {
        TRY(count_rows(v, t, em));
        *open = t->counts.moving > 0;
    } else {
        TRY(verify_read_table(v, t, em));
        *open = settle(t) > 0;
    }
    return ERR_OK;
}

/* ---- what was found ---- */

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

void verify_take_findings(struct verify *v, struct verify_table *t)
{
    if (t->keyless && !verify_is_out(t))
        take_counts(t);
    for (size_t i = 0; i < t->candidate_count && !verify_is_out(t); i++) {
        const struct candidate *c = &t->candidates[i];
        t->result.changing += !c->done;
        t->result.found[kind_of(c)] += c->done;
    }
    for (int kind = 0; kind < VERIFY_KINDS && !verify_is_out(t); kind++)
        for (size_t i = 0; i < t->candidate_count; i++)
            if (t->candidates[i].done && kind_of(&t->candidates[i]) == (enum verify_kind)kind)
                add_sample(v, t, &t->candidates[i]);
    verify_forget(t);
}
