#include "rules/question.h"

#include "base/hash.h"
#include "base/utf8.h"

#include <stdlib.h>

#define SLOTS 8192 /* a power of two; at most half of them are taken */

struct kept {
    uint64_t hash;
    size_t len; /* of the question's bytes, which stand behind */
    size_t text_len;
    bool is_null;
    int number;
    uint8_t bytes[]; /* question, then text */
};

struct rule_answers {
    struct kept *slots[SLOTS];
    uint32_t count;
    size_t bytes;
    size_t max_bytes;
    struct writer key; /* the question at hand */
};

static void put_hex(struct writer *w, struct slice s)
{
    static const char digits[] = "0123456789ABCDEF";
    writer_lit(w, "X'");
    if (writer_reserve(w, 2 * s.len)) {
        uint8_t *p = writer_tail(w);
        for (size_t i = 0; i < s.len; i++) {
            *p++ = (uint8_t)digits[s.ptr[i] >> 4];
            *p++ = (uint8_t)digits[s.ptr[i] & 15];
        }
        writer_advance(w, 2 * s.len);
    }
    writer_lit(w, "'");
}

/* A text in the character set of the question, under its collation. */
static void put_operand(struct writer *w, const struct rule_question *q, struct slice s,
                        bool collate)
{
    if (q->bytes) {
        put_hex(w, s);
        return;
    }
    writer_lit(w, "CONVERT(_utf8mb4 ");
    put_hex(w, s);
    writer_printf(w, " USING %s)", q->charset[0] != '\0' ? q->charset : "utf8mb4");
    if (collate && q->collation[0] != '\0')
        writer_printf(w, " COLLATE %s", q->collation);
}

/* The other side: a literal, which a server converts or not as it does with ours in a filter. */
static void put_literal(struct writer *w, const struct rule_question *q, struct slice s)
{
    if (!q->bytes)
        writer_lit(w, "_utf8mb4 ");
    put_hex(w, s);
}

void rule_question_sql(const struct rule_question *q, struct writer *w)
{
    writer_lit(w, "SELECT ");
    switch (q->kind) {
    case ASK_COMPARE:
        writer_lit(w, "STRCMP(");
        put_operand(w, q, q->a, true);
        writer_lit(w, ",");
        put_literal(w, q, q->b);
        writer_lit(w, ")");
        return;
    case ASK_LIKE:
    case ASK_REGEXP:
        put_operand(w, q, q->a, true);
        writer_slice_put(w, q->kind == ASK_LIKE ? SLICE_LIT(" LIKE ") : SLICE_LIT(" REGEXP "));
        put_literal(w, q, q->b);
        if (q->kind == ASK_LIKE) {
            uint8_t c[4];
            size_t n = q->escape != 0 ? (size_t)(utf8_put(c, q->escape) - c) : 0;
            writer_lit(w, " ESCAPE ");
            if (n == 0)
                writer_lit(w, "''");
            else
                put_literal(w, q, slice_of(c, n));
        }
        return;
    case ASK_LOWER:
    case ASK_UPPER:
        writer_slice_put(w, q->kind == ASK_LOWER ? SLICE_LIT("CONVERT(LOWER(")
                                                 : SLICE_LIT("CONVERT(UPPER("));
        put_operand(w, q, q->a, true);
        writer_lit(w, ") USING utf8mb4)");
        return;
    }
}

enum err rule_answer_parse(const struct rule_question *q, bool is_null, struct slice text,
                           struct rule_answer *out)
{
    *out = (struct rule_answer){.is_null = is_null, .text = text};
    if (is_null || q->kind == ASK_LOWER || q->kind == ASK_UPPER)
        return ERR_OK;
    if (slice_eq(text, SLICE_LIT("-1")))
        out->number = -1;
    else if (text.len == 1 && (text.ptr[0] == '0' || text.ptr[0] == '1'))
        out->number = text.ptr[0] - '0';
    else
        return ERR_PROTOCOL;
    return ERR_OK;
}

struct rule_answers *rule_answers_new(size_t max_bytes)
{
    struct rule_answers *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return NULL;
    t->max_bytes = max_bytes;
    writer_init(&t->key, max_bytes);
    return t;
}

static void forget(struct rule_answers *t)
{
    for (uint32_t i = 0; i < SLOTS; i++) {
        free(t->slots[i]);
        t->slots[i] = NULL;
    }
    t->count = 0;
    t->bytes = 0;
}

void rule_answers_free(struct rule_answers *t)
{
    if (t == NULL)
        return;
    forget(t);
    writer_fini(&t->key);
    free(t);
}

/* Everything that the question says, as one text. */
static uint64_t key_of(struct rule_answers *t, const struct rule_question *q)
{
    struct writer *w = &t->key;
    writer_clear(w);
    writer_u8(w, (uint8_t)q->kind);
    writer_u8(w, q->bytes);
    writer_u32(w, q->escape);
    writer_cstr(w, slice_str(q->collation));
    writer_u64(w, q->a.len);
    writer_slice_put(w, q->a);
    writer_slice_put(w, q->b);
    return hash_item(HASH_START, writer_slice(w));
}

static struct kept **slot_of(const struct rule_answers *t, uint64_t hash)
{
    struct slice key = writer_slice(&t->key);
    uint32_t i = (uint32_t)(hash ^ hash >> 32) & (SLOTS - 1);
    struct kept *const *slot = &t->slots[i];
    while (*slot != NULL &&
           ((*slot)->hash != hash || !slice_eq(slice_of((*slot)->bytes, (*slot)->len), key))) {
        i = (i + 1) & (SLOTS - 1);
        slot = &t->slots[i];
    }
    return (struct kept **)(uintptr_t)slot;
}

bool rule_answers_get(const struct rule_answers *t, const struct rule_question *q,
                      struct rule_answer *out)
{
    uint64_t hash = key_of((struct rule_answers *)(uintptr_t)t, q);
    const struct kept *k = t->key.err == ERR_OK ? *slot_of(t, hash) : NULL;
    if (k == NULL)
        return false;
    *out = (struct rule_answer){.is_null = k->is_null,
                                .number = k->number,
                                .text = slice_of(k->bytes + k->len, k->text_len)};
    return true;
}

void rule_answers_put(struct rule_answers *t, const struct rule_question *q,
                      const struct rule_answer *a)
{
    uint64_t hash = key_of(t, q);
    size_t need = sizeof(struct kept) + t->key.len + a->text.len;
    if (t->key.err != ERR_OK || need > t->max_bytes / 8)
        return;
    if (t->count >= SLOTS / 2 || t->bytes + need > t->max_bytes)
        forget(t);
    struct kept **slot = slot_of(t, hash);
    struct kept *k = *slot == NULL ? malloc(need) : NULL;
    if (k == NULL)
        return;
    *k = (struct kept){.hash = hash,
                       .len = t->key.len,
                       .text_len = a->text.len,
                       .is_null = a->is_null,
                       .number = a->number};
    memcpy(k->bytes, t->key.base, t->key.len);
    memcpy(k->bytes + t->key.len, a->text.ptr, a->text.len);
    *slot = k;
    t->count++;
    t->bytes += need;
}
