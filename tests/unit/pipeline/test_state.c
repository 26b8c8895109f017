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

static void add(struct schema_phase *p, const char *table, const char *sql)
{
    cr_assert_eq(schema_phase_add(p, SLICE_LIT("s"), slice_str(table), slice_str(sql)), ERR_OK);
}

Test(state, statements_of_the_schema_phase_stay_until_they_are_acknowledged)
{
    struct ckpt *c = open_state();
    struct schema_phase *p = schema_phase_new(), *back = NULL;
    cr_assert_eq(state_schema(c, &back), ERR_OK);
    cr_assert_null(back);
    add(p, "c", "CREATE TABLE c");
    add(p, "a", "CREATE TABLE a");
    add(p, "b", "CREATE TABLE b");
    cr_assert_eq(state_put_schema(c, p), ERR_OK);
    schema_phase_free(p);

    cr_assert_eq(state_schema(c, &back), ERR_OK);
    cr_assert_not_null(back);
    cr_assert_eq(back->count, 3);
    cr_assert(slice_eq(back->first->table, SLICE_LIT("a")));
    cr_assert(slice_eq(back->first->next->sql, SLICE_LIT("CREATE TABLE b")));
    cr_assert(slice_eq(back->first->next->next->database, SLICE_LIT("s")));
    schema_phase_free(back);

    struct tables_note note = {.kind = NOTE_SCHEMA};
    cr_assert_not(state_schema_done(c));
    cr_assert_eq(state_put_notes(c, &note), ERR_OK);
    cr_assert(state_schema_done(c));
    back = NULL;
    cr_assert_eq(state_schema(c, &back), ERR_OK);
    cr_assert_null(back);
    close_state(c);
}

Test(state, they_are_no_definitions)
{
    struct ckpt *c = open_state();
    struct schema_phase *p = schema_phase_new();
    struct errmsg em = {0};
    size_t count = 7;
    add(p, "a", "CREATE TABLE a");
    cr_assert_eq(state_put_schema(c, p), ERR_OK);
    schema_phase_free(p);
    cr_assert_eq(state_tables(c, NULL, &count, &em), ERR_OK);
    cr_assert_eq(count, 0);
    close_state(c);
}

Test(state, a_definition_that_cannot_be_read_is_said_to_be_damaged)
{
    struct ckpt *c = open_state();
    struct errmsg em = {0};
    size_t count;
    cr_assert_eq(ckpt_put_table(c, slice_of((const uint8_t *)"s\0a", 3), SLICE_LIT("nonsense")),
                 ERR_OK);
    cr_assert_neq(state_tables(c, NULL, &count, &em), ERR_OK);
    close_state(c);
}
