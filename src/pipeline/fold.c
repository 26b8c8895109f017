#include "pipeline/fold.h"

#include <stdlib.h>
#include <string.h>

#define SEGMENTS   256
#define FIRST_CAP  8
#define SHAPES_MAX 1000 /* sets of columns; a partial image is one of its own */
#define FREE       UINT32_MAX

/* Open addressing; grows by a half, so that little room is spare. */
struct segment {
    struct fold_entry *entries;
    uint32_t cap;
    uint32_t count;
};

struct fold {
    uint64_t secret[2];
    uint32_t slice;
    uint32_t slices;
    uint32_t column_count;
    uint32_t words; /* of a shape */
    struct slice *names;
    uint8_t *text;
    struct hash128 *hashes; /* of the last row, by column */
    uint64_t *present;      /* the columns of the last row */
    uint64_t *shapes;       /* shape_count sets of columns */
    uint32_t shape_count;
    uint32_t last_shape;
    uint64_t count;
    size_t bytes;
    struct segment segments[SEGMENTS];
};

struct fold *fold_new(const uint64_t secret[2], const struct slice *names, uint32_t count)
{
    size_t text = 1;
    for (uint32_t i = 0; i < count; i++)
        text += names[i].len;
    struct fold *f = calloc(1, sizeof(*f));
    if (f == NULL)
        return NULL;
    memcpy(f->secret, secret, sizeof(f->secret));
    f->slices = 1;
    f->column_count = count;
    f->words = (count + 63) / 64 + (count == 0);
    f->names = calloc(count + 1, sizeof(*f->names));
    f->text = malloc(text);
    f->hashes = calloc(count + 1, sizeof(*f->hashes));
    f->present = calloc(f->words, sizeof(uint64_t));
    f->shapes = calloc((size_t)SHAPES_MAX * f->words, sizeof(uint64_t));
    if (f->names == NULL || f->text == NULL || f->hashes == NULL || f->present == NULL ||
        f->shapes == NULL) {
        fold_free(f);
        return NULL;
    }
    uint8_t *at = f->text;
    for (uint32_t i = 0; i < count; i++) {
        memcpy(at, names[i].ptr, names[i].len);
        f->names[i] = slice_of(at, names[i].len);
        at += names[i].len;
    }
    return f;
}

static void forget(struct fold *f)
{
    for (size_t i = 0; i < SEGMENTS; i++) {
        free(f->segments[i].entries);
        f->segments[i] = (struct segment){0};
    }
    f->count = 0;
    f->bytes = 0;
}

void fold_free(struct fold *f)
{
    if (f == NULL)
        return;
    forget(f);
    free(f->names);
    free(f->text);
    free(f->hashes);
    free(f->present);
    free(f->shapes);
    free(f);
}

void fold_begin(struct fold *f, uint32_t slice, uint32_t slices)
{
    forget(f);
    f->slice = slice;
    f->slices = slices;
}

/* ---- keys ---- */

static struct fold_key key_of(struct hash128 h)
{
    return (struct fold_key){h.a, (uint32_t)h.b};
}

struct fold_key fold_key_of(const struct fold *f, struct slice text)
{
    return key_of(siphash128(f->secret, SLICE_LIT(""), text));
}

struct fold_key fold_key_of_row(const struct fold_row *row)
{
    return key_of(row->sum);
}

bool fold_takes(const struct fold *f, struct fold_key key)
{
    return f->slices == 1 || key.b % f->slices == f->slice;
}

static uint32_t home_of(const struct segment *s, uint64_t key_a)
{
    return (uint32_t)((key_a >> 8) % s->cap);
}

static struct fold_entry *slot_of(const struct segment *s, struct fold_key key)
{
    uint32_t i = home_of(s, key.a);
    while (s->entries[i].partition != FREE &&
           (s->entries[i].key_a != key.a || s->entries[i].key_b != key.b))
        i = i + 1 < s->cap ? i + 1 : 0;
    return &s->entries[i];
}

static bool grow(struct fold *f, struct segment *s)
{
    struct segment bigger = {.cap = s->cap == 0 ? FIRST_CAP : s->cap + s->cap / 2,
                             .count = s->count};
    bigger.entries = malloc(bigger.cap * sizeof(*bigger.entries));
    if (bigger.entries == NULL)
        return false;
    for (uint32_t i = 0; i < bigger.cap; i++)
        bigger.entries[i].partition = FREE;
    for (uint32_t i = 0; i < s->cap; i++) {
        const struct fold_entry *e = &s->entries[i];
        if (e->partition != FREE)
            *slot_of(&bigger, (struct fold_key){e->key_a, e->key_b}) = *e;
    }
    f->bytes += (bigger.cap - s->cap) * sizeof(*bigger.entries);
    free(s->entries);
    *s = bigger;
    return true;
}

struct fold_entry *fold_put(struct fold *f, struct fold_key key)
{
    struct segment *s = &f->segments[key.a % SEGMENTS];
    if (s->cap > 0) {
        struct fold_entry *there = slot_of(s, key);
        if (there->partition != FREE)
            return there;
    }
    if (s->count + 1 > s->cap - s->cap / 8 && !grow(f, s))
        return NULL;
    struct fold_entry *e = slot_of(s, key);
    *e = (struct fold_entry){.key_a = key.a, .key_b = key.b};
    s->count++;
    f->count++;
    return e;
}

struct fold_entry *fold_find(struct fold *f, struct fold_key key)
{
    struct segment *s = &f->segments[key.a % SEGMENTS];
    struct fold_entry *e = s->cap > 0 ? slot_of(s, key) : NULL;
    return e != NULL && e->partition != FREE ? e : NULL;
}

void fold_remove(struct fold *f, struct fold_key key)
{
    struct segment *s = &f->segments[key.a % SEGMENTS];
    struct fold_entry *e = fold_find(f, key);
    if (e == NULL)
        return;
    s->count--;
    f->count--;
    /* Those behind it that would not be found over the gap move up. */
    uint32_t gap = (uint32_t)(e - s->entries), i = gap;
    for (;;) {
        i = i + 1 < s->cap ? i + 1 : 0;
        if (s->entries[i].partition == FREE)
            break;
        uint32_t home = home_of(s, s->entries[i].key_a);
        uint32_t from_home = (i + s->cap - home) % s->cap, from_gap = (i + s->cap - gap) % s->cap;
        if (from_home < from_gap)
            continue;
        s->entries[gap] = s->entries[i];
        gap = i;
    }
    s->entries[gap].partition = FREE;
}

/* ---- rows ---- */

static enum err shape_of_last(struct fold *f, uint16_t *out)
{
    size_t bytes = f->words * sizeof(uint64_t);
    if (f->shape_count > 0 &&
        memcmp(f->shapes + (size_t)f->last_shape * f->words, f->present, bytes) == 0) {
        *out = (uint16_t)f->last_shape;
        return ERR_OK;
    }
    uint32_t i = 0;
    while (i < f->shape_count && memcmp(f->shapes + (size_t)i * f->words, f->present, bytes) != 0)
        i++;
    if (i == SHAPES_MAX)
        return ERR_TOO_LARGE;
    if (i == f->shape_count)
        memcpy(f->shapes + (size_t)f->shape_count++ * f->words, f->present, bytes);
    f->last_shape = i;
    *out = (uint16_t)i;
    return ERR_OK;
}

static bool has(const uint64_t *set, uint32_t column)
{
    return (set[column / 64] >> (column % 64) & 1) != 0;
}

static struct hash128 hash_value(const struct fold *f, uint32_t column,
                                 const struct message_value *v)
{
    uint8_t lead[5] = {(uint8_t)column, (uint8_t)(column >> 8), (uint8_t)(column >> 16),
                       (uint8_t)(column >> 24), v->kind == MESSAGE_NULL};
    return siphash128(f->secret, slice_of(lead, sizeof(lead)), v->raw);
}

enum which { BEFORE, AFTER, BEFORE_OR_AFTER };

static const struct message_value *value_of(const struct message_column *c, enum which which)
{
    if (which == AFTER || (which == BEFORE_OR_AFTER && c->before.kind == MESSAGE_ABSENT))
        return &c->after;
    return &c->before;
}

static enum err digest(struct fold *f, const struct message *m, enum which which,
                       struct fold_row *out)
{
    struct fold_row row = {.hashes = f->hashes};
    uint32_t at = 0, found = 0; /* columns stand in the same order, mostly */
    memset(f->present, 0, f->words * sizeof(uint64_t));
    for (uint32_t i = 0; i < m->column_count && f->column_count > 0; i++) {
        const struct message_column *c = &m->columns[i];
        const struct message_value *v = value_of(c, which);
        uint32_t looked = 0;
        while (looked < f->column_count && !slice_eq(f->names[at], c->name)) {
            at = at + 1 < f->column_count ? at + 1 : 0;
            looked++;
        }
        if (looked == f->column_count || v->kind == MESSAGE_ABSENT || has(f->present, at))
            continue;
        f->present[at / 64] |= UINT64_C(1) << (at % 64);
        f->hashes[at] = hash_value(f, at, v);
        row.sum.a += f->hashes[at].a;
        row.sum.b += f->hashes[at].b;
        found++;
    }
    row.whole = found == f->column_count;
    TRY(shape_of_last(f, &row.shape));
    *out = row;
    return ERR_OK;
}

enum err fold_row_of(struct fold *f, const struct message *m, bool after, struct fold_row *out)
{
    return digest(f, m, after ? AFTER : BEFORE, out);
}

enum err fold_row_before(struct fold *f, const struct message *m, struct fold_row *out)
{
    return digest(f, m, BEFORE_OR_AFTER, out);
}

enum fold_verdict fold_compare(const struct fold *f, const struct fold_entry *e,
                               const struct fold_row *row)
{
    const uint64_t *ours = f->shapes + (size_t)e->shape * f->words;
    const uint64_t *theirs = f->shapes + (size_t)row->shape * f->words;
    if (e->shape == row->shape) {
        if (e->row.a != row->sum.a || e->row.b != row->sum.b)
            return FOLD_DIFFERENT;
        return row->whole ? FOLD_EQUAL : FOLD_EQUAL_PARTLY;
    }
    for (uint32_t i = 0; i < f->words; i++)
        if ((ours[i] & ~theirs[i]) != 0)
            return FOLD_EQUAL_PARTLY; /* of a sum no part can be taken away */
    struct hash128 sum = {0, 0};
    for (uint32_t i = 0; i < f->column_count; i++) {
        if (!has(ours, i))
            continue;
        sum.a += row->hashes[i].a;
        sum.b += row->hashes[i].b;
    }
    return sum.a == e->row.a && sum.b == e->row.b ? FOLD_EQUAL_PARTLY : FOLD_DIFFERENT;
}

uint64_t fold_count(const struct fold *f)
{
    return f->count;
}

size_t fold_bytes(const struct fold *f)
{
    return f->bytes;
}

void fold_walk(struct fold *f, fold_walk_fn fn, void *arg)
{
    for (size_t i = 0; i < SEGMENTS; i++) {
        const struct segment *s = &f->segments[i];
        for (uint32_t k = 0; k < s->cap; k++)
            if (s->entries[k].partition != FREE)
                fn(arg, &s->entries[k]);
    }
}
