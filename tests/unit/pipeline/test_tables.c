/* What is noted of tables for the checkpoint. */
#include "pipeline/tables.h"

#include <criterion/criterion.h>

static struct tables *new_tables(struct objects **objects)
{
    struct object_rule rule = {.pattern = "s.*", .topic = "t", .line = 1};
    struct errmsg em = {0};
    struct tables *t;
    cr_assert_eq(objects_compile(&rule, 1, false, objects, &em), ERR_OK, "%s", em.text);
    struct tables_options o = {.objects = *objects};
    cr_assert_eq(tables_new(&o, &t), ERR_OK);
    return t;
}

static void preset(struct tables *t)
{
    struct column_def column = {
        .name = SLICE_LIT("id"), .column_type = SLICE_LIT("int"), .data_type = SLICE_LIT("int")};
    struct table_def def = {.database = SLICE_LIT("s"),
                            .name = SLICE_LIT("a"),
                            .engine = SLICE_LIT("InnoDB"),
                            .column_count = 1,
                            .columns = &column};
    struct table_def *copy;
    struct errmsg em = {0};
    cr_assert_eq(table_def_copy(&def, &copy), ERR_OK);
    cr_assert_eq(tables_preset(t, copy, &em), ERR_OK, "%s", em.text);
}

Test(tables, only_definitions_that_hold_are_noted_for_a_restart)
{
    struct objects *objects;
    struct tables *t = new_tables(&objects);
    preset(t);
    cr_assert_eq(tables_note_all(t), ERR_OK);
    cr_assert_null(tables_take_notes(t), "a restart would trust what was never compared");
    tables_trust(t, (struct binlog_place){0});
    cr_assert_eq(tables_note_all(t), ERR_OK);
    struct tables_note *n = tables_take_notes(t);
    cr_assert_not_null(n);
    cr_assert_eq(n->kind, NOTE_DEF);
    tables_notes_free(n);
    tables_free(t);
    objects_free(objects);
}

static struct binlog_place place(uint64_t offset)
{
    return (struct binlog_place){1, offset};
}

Test(tables, a_statement_that_names_a_table_gives_it_another_version)
{
    struct objects *objects;
    struct tables *t = new_tables(&objects);
    preset(t);
    tables_trust(t, (struct binlog_place){0});
    uint64_t before = tables_version(t, SLICE_LIT("s"), SLICE_LIT("a"));
    cr_assert_neq(before, 0);
    cr_assert_eq(tables_version(t, SLICE_LIT("s"), SLICE_LIT("other")), 0);
    cr_assert_eq(tables_statement(t, DDL_CHANGES, SLICE_LIT("ALTER TABLE x.a ADD b INT"),
                                  SLICE_LIT("s"), place(10)),
                 ERR_OK);
    cr_assert_eq(tables_version(t, SLICE_LIT("s"), SLICE_LIT("a")), before);
    cr_assert_eq(tables_statement(t, DDL_CHANGES, SLICE_LIT("ALTER TABLE a ADD b INT"),
                                  SLICE_LIT("s"), place(20)),
                 ERR_OK);
    cr_assert_gt(tables_version(t, SLICE_LIT("s"), SLICE_LIT("a")), before);
    struct table_effect *x = tables_take_effects(t);
    cr_assert_not_null(x);
    cr_assert(slice_eq(x->table, SLICE_LIT("a")));
    cr_assert_eq(x->place.offset, 20);
    cr_assert_null(x->next);
    tables_effects_free(x);
    tables_free(t);
    objects_free(objects);
}

static enum err count_view(void *arg, const struct tables_view *v)
{
    *(int *)arg += v->def != NULL && slice_eq(v->table, SLICE_LIT("a"));
    return ERR_OK;
}

Test(tables, the_walk_shows_what_is_selected)
{
    struct objects *objects;
    struct tables *t = new_tables(&objects);
    int n = 0;
    preset(t);
    tables_trust(t, (struct binlog_place){0});
    cr_assert_not(tables_selected(t, SLICE_LIT("other"), SLICE_LIT("a")));
    cr_assert_eq(tables_walk(t, count_view, &n), ERR_OK);
    cr_assert_eq(n, 1);
    tables_free(t);
    objects_free(objects);
}
