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
    cr_assert_eq(copy_table_new(&sv, &t, SLICE_LIT(""), &ct, &em), ERR_OK, "%s", em.text);
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

static const char *text_of(void (*put)(const struct copy_table *, struct writer *),
                           const struct copy_table *ct)
{
    static char text[600];
    struct writer w = writer_fixed(text, sizeof(text));
    put(ct, &w);
    writer_u8(&w, '\0');
    cr_assert_eq(w.err, ERR_OK);
    return text;
}

static void put_first(const struct copy_table *ct, struct writer *w)
{
    copy_table_rows_sql(ct, false, false, w);
}

static void put_rest(const struct copy_table *ct, struct writer *w)
{
    copy_table_rows_sql(ct, true, true, w);
}

static void put_bound(const struct copy_table *ct, struct writer *w)
{
    copy_table_bound_sql(ct, true, w);
}

Test(copy_table, rows_are_read_with_the_condition_and_bounds_without)
{
    const struct src_server sv = {.flavour = SRC_MYSQL, .version = 90704, .gtids = true};
    struct column c = column(COL_INT, 0);
    struct table t = table_of(&c);
    struct copy_table *ct = NULL;
    struct errmsg em = {{0}};
    cr_assert_eq(copy_table_new(&sv, &t, SLICE_LIT("`k` = 1 OR TRUE"), &ct, &em), ERR_OK);
    const char *text = text_of(put_first, ct);
    cr_expect(strstr(text, "WHERE (`k` = 1 OR TRUE) ORDER BY") != NULL, "%s", text);
    text = text_of(put_rest, ct);
    cr_expect(strstr(text, "`k`>? AND `k`<=? AND (`k` = 1 OR TRUE) ORDER BY") != NULL, "%s", text);
    text = text_of(copy_table_all_sql, ct);
    cr_expect(strstr(text, " WHERE (`k` = 1 OR TRUE)") != NULL, "%s", text);
    text = text_of(put_bound, ct);
    cr_expect(strstr(text, "TRUE") == NULL, "%s", text);
    copy_table_read_whole(ct);
    text = text_of(put_rest, ct);
    cr_expect(strstr(text, "TRUE") == NULL, "%s", text);
    copy_table_unref(ct);
}
