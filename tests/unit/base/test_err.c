#include "base/err.h"

#include <criterion/criterion.h>

Test(err, classes_stand_for_exit_codes)
{
    cr_assert_eq(err_exit_code(ERR_OK), 0);
    cr_assert_eq(err_exit_code(ERR_BUG), 1);
    cr_assert_eq(err_exit_code(ERR_CONFIG), 2);
    cr_assert_eq(err_exit_code(ERR_ACCESS_DENIED), 4);
    cr_assert_eq(err_exit_code(ERR_UNREACHABLE), 4);
    cr_assert_eq(err_exit_code(ERR_DEST_TOPIC), 5);
    cr_assert_eq(err_exit_code(ERR_BROKER_DOWN), 5);
    cr_assert_eq(err_exit_code(ERR_HISTORY), 6);
    cr_assert_eq(err_exit_code(ERR_TABLE_MISMATCH), 7);
    cr_assert_eq(err_exit_code(ERR_STATE_DAMAGED), 8);
}

Test(err, every_code_has_a_name_and_a_text)
{
    for (int e = 0; e < ERR_COUNT; e++) {
        cr_assert_neq(err_name((enum err)e)[0], 0);
        cr_assert_neq(err_text((enum err)e)[0], 0);
    }
    cr_assert_str_eq(err_name((enum err)ERR_COUNT), "?");
}

Test(err, prefixes_go_in_front_and_long_ones_are_cut)
{
    struct errmsg m;
    cr_assert_eq(errmsg_set(&m, ERR_TLS, "no %s", "peer"), ERR_TLS);
    errmsg_prefix(&m, "source %s:%d", "h", 1);
    cr_assert_str_eq(m.text, "source h:1: no peer");
    for (int i = 0; i < 200; i++)
        errmsg_prefix(&m, "another level");
    cr_assert_lt(strlen(m.text), sizeof(m.text));
    cr_assert_eq(errmsg_set(NULL, ERR_TLS, "x"), ERR_TLS);
    errmsg_prefix(NULL, "x");
}
