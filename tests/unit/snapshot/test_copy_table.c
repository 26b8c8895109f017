#include "snapshot/copy_table.h"

#include "base/writer.h"

#include <criterion/criterion.h>

static uint16_t identity[] = {0};

/* A table of one column, which is its key. */
static struct table table_of(struct column *c)
{
    return (struct table){.refs = 2, /* never the last one */
                          .database = SLICE_LIT("d"),
                          .name = SLICE_LIT("t"),
                          .engine = SLICE_LIT("InnoDB"),
                          .column_count = 1,
                          .columns = c,
                          .identity_count = 1,
                          .identity = identity,
                          .identity_index = SLICE_LIT("PRIMARY")};
}

static uint32_t key_count(struct column c)
{
    const struct src_server sv = {.flavour = SRC_MYSQL, .version = 90704, .gtids = true};
    struct table t = table_of(&c);
    struct copy_table *ct = NULL;
    struct errmsg em = {{0}};
    cr_assert_eq(copy_table_new(&sv, &t, &ct, &em), ERR_OK, "%s", em.text);
    uint32_t n = ct->key_count;
    copy_table_unref(ct);
    return n;
}

static struct column column(enum column_kind kind, uint32_t members)
{
    return (struct column){
        .name = SLICE_LIT("k"), .type_text = SLICE_LIT(""), .kind = kind, .member_count = members};
}

Test(copy_table, a_set_of_all_members_cuts_no_table)
{
    cr_expect_eq(key_count(column(COL_INT, 0)), 1);
    cr_expect_eq(key_count(column(COL_SET, 63)), 1);
    cr_expect_eq(key_count(column(COL_SET, 64)), 0);
}
