/* What messages add up to. */
#include "pipeline/fold.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t secret[2] = {1, 2};
static const struct slice names[3] = {
    {(const uint8_t *)"id", 2}, {(const uint8_t *)"name", 4}, {(const uint8_t *)"qty", 3}};

static struct message_value value(const char *text)
{
    if (text == NULL)
        return (struct message_value){.kind = MESSAGE_ABSENT, .raw = SLICE_LIT("")};
    if (strcmp(text, "NULL") == 0)
        return (struct message_value){.kind = MESSAGE_NULL, .raw = SLICE_LIT("")};
    return (struct message_value){.kind = MESSAGE_TEXT, .raw = slice_str(text)};
}

struct row {
    struct message m;
    struct message_column columns[3];
};

/* NULL: the message does not have it. */
static struct row *row_of(struct row *r, const char *id, const char *name, const char *qty)
{
    const char *texts[3] = {id, name, qty};
    *r = (struct row){.m = {.column_count = 3}};
    for (unsigned i = 0; i < 3; i++)
        r->columns[i] = (struct message_column){.name = names[i], .after = value(texts[i])};
    r->m.columns = r->columns;
    return r;
}

static void put(struct fold *f, const char *key, const struct row *r)
{
    struct fold_row row;
    cr_assert_eq(fold_row_of(f, &r->m, true, &row), ERR_OK);
    struct fold_entry *e = fold_put(f, fold_key_of(f, slice_str(key)));
    e->row = row.sum;
    e->shape = row.shape;
}

static enum fold_verdict compare(struct fold *f, const char *key, const struct row *r)
{
    struct fold_row row;
    cr_assert_eq(fold_row_of(f, &r->m, true, &row), ERR_OK);
    struct fold_entry *e = fold_find(f, fold_key_of(f, slice_str(key)));
    cr_assert_not_null(e);
    return fold_compare(f, e, &row);
}

Test(fold, rows_are_equal_by_every_value_and_where_it_stands)
{
    struct fold *f = fold_new(secret, names, 3);
    struct row r;
    put(f, "k", row_of(&r, "1", "apple", "5"));
    cr_assert_eq(compare(f, "k", row_of(&r, "1", "apple", "5")), FOLD_EQUAL);
    cr_assert_eq(compare(f, "k", row_of(&r, "1", "apple", "6")), FOLD_DIFFERENT);
    cr_assert_eq(compare(f, "k", row_of(&r, "1", "5", "apple")), FOLD_DIFFERENT);
    cr_assert_eq(compare(f, "k", row_of(&r, "1", "apple", "NULL")), FOLD_DIFFERENT);
    put(f, "k", row_of(&r, "1", "", "NULL"));
    cr_assert_eq(compare(f, "k", row_of(&r, "1", "NULL", "")), FOLD_DIFFERENT);
    cr_assert_eq(fold_count(f), 1);
    fold_free(f);
}

Test(fold, what_one_side_lacks_is_not_compared_and_said)
{
    struct fold *f = fold_new(secret, names, 3);
    struct row r;
    put(f, "old", row_of(&r, "1", "apple", NULL)); /* sent before a column was added */
    cr_assert_eq(compare(f, "old", row_of(&r, "1", "apple", "5")), FOLD_EQUAL_PARTLY);
    cr_assert_eq(compare(f, "old", row_of(&r, "1", "pear", "5")), FOLD_DIFFERENT);
    put(f, "whole", row_of(&r, "1", "apple", "5"));
    cr_assert_eq(compare(f, "whole", row_of(&r, "1", NULL, NULL)), FOLD_EQUAL_PARTLY);
    put(f, "key", row_of(&r, "1", NULL, NULL));
    cr_assert_eq(compare(f, "key", row_of(&r, "1", NULL, NULL)), FOLD_EQUAL_PARTLY);
    cr_assert_eq(compare(f, "key", row_of(&r, "2", NULL, NULL)), FOLD_DIFFERENT);
    fold_free(f);
}

Test(fold, columns_that_are_not_there_any_more_do_not_count)
{
    struct fold *f = fold_new(secret, names, 2);
    struct row r;
    put(f, "k", row_of(&r, "1", "apple", "gone"));
    cr_assert_eq(compare(f, "k", row_of(&r, "1", "apple", NULL)), FOLD_EQUAL);
    fold_free(f);
}

Test(fold, the_row_before_an_update_is_put_together)
{
    struct fold *f = fold_new(secret, names, 3);
    struct row before, update;
    struct fold_row a, b;
    row_of(&before, "1", "apple", "5");
    row_of(&update, "1", "apple", "4");
    update.columns[2].before = value("5");
    cr_assert_eq(fold_row_of(f, &before.m, true, &a), ERR_OK);
    struct hash128 sum = a.sum;
    cr_assert_eq(fold_row_before(f, &update.m, &b), ERR_OK);
    cr_assert(b.sum.a == sum.a && b.sum.b == sum.b && b.whole);
    fold_free(f);
}

/* Against a plain array: what is put, found and removed at random. */
Test(fold, many_keys_come_and_go)
{
    enum { KEYS = 20000 };
    struct fold *f = fold_new(secret, names, 3);
    bool *there = calloc(KEYS, 1);
    char text[16];
    uint64_t count = 0;
    srand(4711);
    for (unsigned n = 0; n < 200000; n++) {
        unsigned k = (unsigned)rand() % KEYS;
        snprintf(text, sizeof(text), "%u", k);
        struct fold_key key = fold_key_of(f, slice_str(text));
        if (rand() % 3 != 0) {
            struct fold_entry *e = fold_put(f, key);
            cr_assert_not_null(e);
            e->offset = k;
            count += !there[k];
            there[k] = true;
        } else {
            fold_remove(f, key);
            count -= there[k];
            there[k] = false;
        }
    }
    cr_assert_eq(fold_count(f), count);
    for (unsigned k = 0; k < KEYS; k++) {
        snprintf(text, sizeof(text), "%u", k);
        struct fold_entry *e = fold_find(f, fold_key_of(f, slice_str(text)));
        cr_assert_eq(e != NULL, there[k]);
        cr_assert(e == NULL || e->offset == k);
    }
    cr_assert_leq(fold_bytes(f), count * 80, "%zu bytes for %lu keys", fold_bytes(f), count);
    free(there);
    fold_free(f);
}

Test(fold, slices_together_are_all_keys)
{
    struct fold *f = fold_new(secret, names, 3);
    unsigned taken = 0;
    char text[16];
    for (uint32_t s = 0; s < 4; s++) {
        fold_begin(f, s, 4);
        cr_assert_eq(fold_count(f), 0);
        for (unsigned k = 0; k < 1000; k++) {
            snprintf(text, sizeof(text), "%u", k);
            taken += fold_takes(f, fold_key_of(f, slice_str(text)));
        }
    }
    cr_assert_eq(taken, 1000);
    fold_free(f);
}
