#include "pipeline/xa.h"

#include <criterion/criterion.h>

static struct binlog_xid xid(const char *gtrid, const char *bqual, uint32_t format)
{
    struct binlog_xid x = {.format_id = format,
                           .gtrid_len = (uint8_t)strlen(gtrid),
                           .bqual_len = (uint8_t)strlen(bqual)};
    memcpy(x.data, gtrid, x.gtrid_len);
    memcpy(x.data + x.gtrid_len, bqual, x.bqual_len);
    return x;
}

Test(xa, a_group_is_found_by_all_parts_of_its_xid)
{
    struct xa_list l = {0};
    struct position p = {.kind = POSITION_FILE, .offset = 7};
    struct binlog_xid a = xid("a", "b", 1), other = xid("ab", "", 1);
    cr_assert_eq(xa_list_add(&l, &a, &p, true), ERR_OK);
    cr_assert_not_null(xa_list_find(&l, &a));
    cr_assert_null(xa_list_find(&l, &other));
    cr_assert_eq(xa_list_find(&l, &a)->before.offset, 7);
    xa_list_remove(&l, &a);
    cr_assert_null(xa_list_find(&l, &a));
    xa_list_fini(&l);
}

Test(xa, a_key_reads_back_to_its_xid_and_no_prefix_of_it_does)
{
    struct binlog_xid a = xid("gtrid", "bqual", 4711), back;
    uint8_t key[XA_KEY_MAX];
    size_t len = xa_key_write(&a, key);
    cr_assert_eq(xa_key_read(slice_of(key, len), &back), ERR_OK);
    cr_assert(binlog_xid_eq(&a, &back));
    for (size_t n = 0; n < len; n++)
        cr_assert_neq(xa_key_read(slice_of(key, n), &back), ERR_OK);
}

Test(xa, the_text_is_the_servers)
{
    struct binlog_xid a = xid("ab", "", 1);
    char buf[100];
    cr_assert_str_eq(xa_xid_text(&a, buf, sizeof(buf)), "X'6162',X'',1");
}
