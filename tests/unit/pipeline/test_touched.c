#include "pipeline/touched.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct slice key_of(char *buf, size_t cap, unsigned n)
{
    return slice_of((const uint8_t *)buf, (size_t)snprintf(buf, cap, "key-%u", n));
}

static void add(struct touched *t, unsigned n)
{
    char buf[32];
    cr_assert_eq(touched_add(t, key_of(buf, sizeof(buf), n)), ERR_OK);
}

static bool has(const struct touched *t, unsigned n)
{
    char buf[32];
    return touched_has(t, key_of(buf, sizeof(buf), n));
}

Test(touched, an_empty_set_has_nothing)
{
    struct touched t = {0};
    cr_assert_not(has(&t, 1));
    cr_assert_eq(touched_bytes(&t), 0);
    touched_truncate(&t, 0);
    touched_fini(&t);
}

Test(touched, keys_are_found_and_others_are_not)
{
    struct touched t = {0};
    for (unsigned i = 0; i < 10000; i++)
        add(&t, 2 * i);
    cr_assert_eq(t.count, 10000);
    for (unsigned i = 0; i < 10000; i++) {
        cr_assert(has(&t, 2 * i));
        cr_assert_not(has(&t, 2 * i + 1));
    }
    touched_fini(&t);
}

Test(touched, a_key_counts_once)
{
    struct touched t = {0};
    add(&t, 1);
    add(&t, 1);
    cr_assert_eq(t.count, 1);
    touched_fini(&t);
}

Test(touched, the_keys_of_a_transaction_can_be_taken_back)
{
    struct touched t = {0};
    for (unsigned i = 0; i < 100; i++)
        add(&t, i);
    for (unsigned i = 50; i < 500; i++) /* half of the first hundred are there already */
        add(&t, i);
    touched_truncate(&t, 100);
    for (unsigned i = 0; i < 100; i++)
        cr_assert(has(&t, i));
    for (unsigned i = 100; i < 500; i++)
        cr_assert_not(has(&t, i));
    add(&t, 100);
    cr_assert(has(&t, 100));
    touched_truncate(&t, 0);
    cr_assert_not(has(&t, 0));
    touched_fini(&t);
}

Test(touched, the_empty_key_is_a_key)
{
    struct touched t = {0};
    cr_assert_not(touched_has(&t, SLICE_LIT("")));
    cr_assert_eq(touched_add(&t, SLICE_LIT("")), ERR_OK);
    cr_assert(touched_has(&t, SLICE_LIT("")));
    cr_assert_not(touched_has(&t, SLICE_LIT("x")));
    touched_fini(&t);
}
