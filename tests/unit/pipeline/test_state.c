/* What the pipeline keeps in a checkpoint. */
#include "pipeline/state.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static char folder[] = "/tmp/test_state.XXXXXX";

static struct ckpt *open_state(void)
{
    struct errmsg em = {0};
    struct ckpt *c;
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(ckpt_open(folder, "t", &c, &em), ERR_OK, "%s", em.text);
    return c;
}

static void close_state(struct ckpt *c)
{
    char command[100];
    ckpt_close(c);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
}

static uint64_t put_and_read(struct ckpt *c, const struct binlog_xid *xid, uint64_t offset,
                             bool wanted)
{
    struct src_server sv = {.flavour = SRC_MYSQL, .server_id = 1};
    struct position at = {.kind = POSITION_FILE, .file = "b.000001", .offset = offset};
    struct xa_list l = {0}, back = {0};
    cr_assert_eq(xa_list_add(&l, xid, &at, wanted), ERR_OK);
    cr_assert_eq(state_put_xa(c, &sv, &l), ERR_OK);
    cr_assert_eq(state_xa(c, &back), ERR_OK);
    cr_assert_eq(back.count, 1);
    cr_assert_eq(back.items[0].wanted, wanted);
    uint64_t got = back.items[0].before.offset;
    xa_list_fini(&l);
    xa_list_fini(&back);
    return got;
}

Test(state, an_xid_that_is_used_again_begins_at_its_new_place)
{
    struct ckpt *c = open_state();
    struct binlog_xid xid = {.format_id = 1, .gtrid_len = 1, .data = "a"};
    cr_assert_eq(put_and_read(c, &xid, 100, false), 100);
    cr_assert_eq(put_and_read(c, &xid, 100, true), 100);
    cr_assert_eq(put_and_read(c, &xid, 700, true), 700);
    close_state(c);
}
