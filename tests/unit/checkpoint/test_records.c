/* Records that are kept elsewhere: out of one folder, into another. */
#include "checkpoint/checkpoint.h"

#include "state_folder.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_MAX 64

/* What a keeper has: the last value of each name. */
struct keeper {
    char names[KEPT_MAX][64];
    size_t name_len[KEPT_MAX];
    uint8_t *values[KEPT_MAX];
    size_t value_len[KEPT_MAX];
    size_t count;
};

static void keep(struct keeper *k, const struct ckpt_record *r)
{
    char name[64];
    size_t kind = strlen(r->kind), len = kind + r->key.len, i = 0;
    cr_assert_lt(len, sizeof(name));
    memcpy(name, r->kind, kind);
    memcpy(name + kind, r->key.ptr, r->key.len);
    while (i < k->count && (k->name_len[i] != len || memcmp(k->names[i], name, len) != 0))
        i++;
    cr_assert_lt(i, KEPT_MAX);
    k->count += i == k->count;
    memcpy(k->names[i], name, len);
    k->name_len[i] = len;
    free(k->values[i]);
    k->values[i] = r->ends ? NULL : malloc(r->value.len + 1);
    k->value_len[i] = r->value.len;
    if (!r->ends)
        memcpy(k->values[i], r->value.ptr, r->value.len);
}

static void keep_changes(struct keeper *k, const struct ckpt *c)
{
    struct ckpt_record r;
    for (size_t it = 0; ckpt_next_change(c, &it, &r);)
        keep(k, &r);
}

static void keep_all(struct keeper *k, const struct ckpt *c)
{
    struct ckpt_record r;
    for (size_t it = 0; ckpt_next_record(c, &it, &r);)
        keep(k, &r);
}

static void fini(struct keeper *k)
{
    for (size_t i = 0; i < k->count; i++)
        free(k->values[i]);
}

static enum err restore(const struct keeper *k, struct ckpt *c, const char *task, struct errmsg *em)
{
    ckpt_restore_begin(c);
    for (size_t i = 0; i < k->count; i++) {
        struct slice value = slice_of(k->values[i], k->value_len[i]);
        TRY(ckpt_restore(c, slice_of((const uint8_t *)k->names[i], k->name_len[i]),
                         k->values[i] != NULL ? &value : NULL));
    }
    return ckpt_restore_end(c, task, em);
}

static void put_state(struct ckpt *c)
{
    struct ckpt_identity id = {.flavour = CKPT_MYSQL, .server_id = 7, .version = SLICE_LIT("9.7")};
    struct ckpt_position begin = position_of(5);
    put_position(c, 7);
    cr_assert_eq(ckpt_put_identity(c, &id), ERR_OK);
    cr_assert_eq(ckpt_put_topic(c, SLICE_LIT("orders"), 6), ERR_OK);
    cr_assert_eq(ckpt_put_fact(c, SLICE_LIT("copy\0a\0b"), SLICE_LIT("")), ERR_OK);
    cr_assert_eq(ckpt_put_table(c, SLICE_LIT("a\0t"), SLICE_LIT("definition")), ERR_OK);
    cr_assert_eq(ckpt_put_table(c, SLICE_LIT("a\0gone"), SLICE_LIT("definition")), ERR_OK);
    cr_assert_eq(ckpt_put_xa(c, SLICE_LIT("x\0id"), &begin), ERR_OK);
    cr_assert_eq(ckpt_put_reserved_id(c, 1000), ERR_OK);
}

static void check_state(const struct ckpt *c)
{
    struct ckpt_identity id;
    struct ckpt_position begin;
    struct slice value;
    uint32_t partitions;
    cr_assert_eq(position_in(c), 8);
    cr_assert(ckpt_identity(c, &id));
    cr_assert_eq(id.server_id, 7);
    cr_assert(ckpt_topic(c, SLICE_LIT("orders"), &partitions));
    cr_assert_eq(partitions, 6);
    cr_assert(ckpt_fact(c, SLICE_LIT("copy\0a\0b"), &value));
    cr_assert_eq(value.len, 0);
    cr_assert(ckpt_table(c, SLICE_LIT("a\0t"), &value));
    cr_assert_not(ckpt_table(c, SLICE_LIT("a\0gone"), &value));
    cr_assert(ckpt_xa(c, SLICE_LIT("x\0id"), &begin));
    cr_assert_eq(ckpt_reserved_id(c), 1000);
}

Test(records, what_changed_is_enough_to_make_the_state_elsewhere)
{
    struct folder f = folder_new(), g = folder_new();
    struct ckpt *c = opened(&f), *d = opened(&g);
    struct keeper k = {0};
    struct errmsg em = {0};
    keep_all(&k, c); /* whose it is */
    put_state(c);
    keep_changes(&k, c);
    synced(c);
    put_position(c, 8);
    cr_assert_eq(ckpt_end_table(c, SLICE_LIT("a\0gone")), ERR_OK);
    keep_changes(&k, c);
    synced(c);
    check_state(c);

    put_position(d, 99); /* of an older time */
    cr_assert_eq(ckpt_put_fact(d, SLICE_LIT("old"), SLICE_LIT("x")), ERR_OK);
    synced(d);
    cr_assert_eq(restore(&k, d, "t", &em), ERR_OK, "%s", em.text);
    struct slice value;
    check_state(d);
    cr_assert_not(ckpt_fact(d, SLICE_LIT("old"), &value));
    ckpt_close(d);
    d = opened(&g);
    check_state(d); /* it is on disk */
    fini(&k);
    ckpt_close(c);
    ckpt_close(d);
    folder_remove(&f);
    folder_remove(&g);
}

Test(records, after_a_sync_nothing_is_new)
{
    struct folder f = folder_new();
    struct ckpt *c = opened(&f);
    struct ckpt_record r;
    size_t it = 0;
    put_state(c);
    synced(c);
    cr_assert_not(ckpt_next_change(c, &it, &r));
    ckpt_close(c);
    folder_remove(&f);
}

Test(records, another_tasks_state_and_nonsense_are_refused)
{
    struct folder f = folder_new(), g = folder_new();
    struct ckpt *c = opened(&f), *d = opened(&g);
    struct keeper k = {0};
    struct errmsg em = {0};
    put_state(c);
    keep_changes(&k, c);
    cr_assert_eq(restore(&k, d, "t", &em), ERR_STATE_DAMAGED, "no record says whose it is");
    keep_all(&k, c);
    cr_assert_eq(restore(&k, d, "other", &em), ERR_CONFIG);
    static const char *const names[] = {"",      "topic",     "topic/",   "what",
                                        "fact/", "positions", "position/"};
    struct slice value = SLICE_LIT("1234");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        cr_assert_eq(ckpt_restore(d, slice_str(names[i]), &value), ERR_STATE_DAMAGED, "%s",
                     names[i]);
    cr_assert_eq(ckpt_restore(d, SLICE_LIT("position"), &value), ERR_STATE_DAMAGED);
    cr_assert_eq(ckpt_restore(d, SLICE_LIT("topic/t"), &value), ERR_OK);
    value.len = 3;
    cr_assert_eq(ckpt_restore(d, SLICE_LIT("topic/t"), &value), ERR_STATE_DAMAGED);
    fini(&k);
    ckpt_close(c);
    ckpt_close(d);
    folder_remove(&f);
    folder_remove(&g);
}

Test(records, what_is_reverted_was_never_put)
{
    struct folder f = folder_new();
    struct ckpt *c = opened(&f);
    struct errmsg em = {0};
    struct slice value;
    put_position(c, 1);
    cr_assert_eq(ckpt_put_fact(c, SLICE_LIT("a"), SLICE_LIT("1")), ERR_OK);
    synced(c);
    put_position(c, 2);
    cr_assert_eq(ckpt_put_fact(c, SLICE_LIT("a"), SLICE_LIT("2")), ERR_OK);
    cr_assert_eq(ckpt_put_fact(c, SLICE_LIT("b"), SLICE_LIT("2")), ERR_OK);
    cr_assert_eq(ckpt_revert(c, &em), ERR_OK, "%s", em.text);
    cr_assert_eq(position_in(c), 1);
    cr_assert(ckpt_fact(c, SLICE_LIT("a"), &value));
    cr_assert(slice_eq(value, SLICE_LIT("1")));
    cr_assert_not(ckpt_fact(c, SLICE_LIT("b"), &value));
    synced(c);
    put_position(c, 3);
    synced(c);
    ckpt_close(c);
    c = opened(&f);
    cr_assert_eq(position_in(c), 3);
    cr_assert_not(ckpt_fact(c, SLICE_LIT("b"), &value));
    ckpt_close(c);
    folder_remove(&f);
}
