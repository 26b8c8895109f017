#include "pipeline/known.h"

#include <criterion/criterion.h>
#include <stdio.h>

static void add(struct known *k, const char *database, const char *name, uint64_t rows)
{
    cr_assert_eq(known_add(k, slice_str(database), slice_str(name), rows, rows == 7), ERR_OK);
}

Test(known, what_was_added_in_order_is_found_by_its_names)
{
    struct known k = {0};
    char name[16];
    cr_assert_null(known_find(&k, SLICE_LIT("a"), SLICE_LIT("b")));
    add(&k, "a", "z", 1);
    add(&k, "aa", "", 2);
    add(&k, "b", "T", 7);
    for (unsigned i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "t%03u", i);
        add(&k, "b", name, 100 + i);
    }
    cr_assert_eq(k.count, 203);
    cr_assert_eq(known_find(&k, SLICE_LIT("b"), SLICE_LIT("t137"))->rows, 237);
    cr_assert(known_find(&k, SLICE_LIT("b"), SLICE_LIT("T"))->denied);
    cr_assert_not(known_find(&k, SLICE_LIT("aa"), SLICE_LIT(""))->denied);
    cr_assert_null(known_find(&k, SLICE_LIT("b"), SLICE_LIT("t")));
    cr_assert_null(known_find(&k, SLICE_LIT("B"), SLICE_LIT("T")));
    known_fini(&k);
}

Test(known, names_are_copied_and_an_end_leaves_it_empty)
{
    struct known k = {.whole = true};
    char name[] = "orders";
    add(&k, "shop", name, 5);
    name[0] = 'x';
    cr_assert_eq(known_find(&k, SLICE_LIT("shop"), SLICE_LIT("orders"))->rows, 5);
    known_fini(&k);
    cr_assert_not(k.whole);
    cr_assert_null(known_find(&k, SLICE_LIT("shop"), SLICE_LIT("orders")));
    add(&k, "shop", "orders", 6);
    known_fini(&k);
}

Test(known, what_came_in_any_order_is_found_when_it_is_sorted)
{
    struct known k = {0};
    known_sort(&k);
    add(&k, "b", "a", 1);
    add(&k, "a", "b", 2);
    add(&k, "a", "", 3);
    add(&k, "ab", "a", 4);
    known_sort(&k);
    cr_assert_eq(known_find(&k, SLICE_LIT("b"), SLICE_LIT("a"))->rows, 1);
    cr_assert_eq(known_find(&k, SLICE_LIT("a"), SLICE_LIT("b"))->rows, 2);
    cr_assert_eq(known_find(&k, SLICE_LIT("a"), SLICE_LIT(""))->rows, 3);
    cr_assert_eq(known_find(&k, SLICE_LIT("ab"), SLICE_LIT("a"))->rows, 4);
    known_fini(&k);
}
