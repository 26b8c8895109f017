/* Map, catalogue and source disagree about a table: who is believed. */
#include "pipeline/tables_int.h"

#include <criterion/criterion.h>
#include <stdlib.h>

struct fixture {
    struct objects *objects;
    struct tables *t;
    struct entry *e;
};

static const struct column_def int_column = {.name = SLICE_LIT("id"),
                                             .column_type = SLICE_LIT("int"),
                                             .data_type = SLICE_LIT("int"),
                                             .collation = SLICE_LIT("")};

/* s.a with columns of these names, all of a type. */
static struct table_def *define(const char *first, const char *second, const char *type)
{
    struct column_def columns[2] = {int_column, int_column};
    columns[0].name = slice_str(first);
    columns[1].name = slice_str(second);
    columns[1].column_type = columns[1].data_type = slice_str(type);
    const struct table_def def = {.database = SLICE_LIT("s"),
                                  .name = SLICE_LIT("a"),
                                  .engine = SLICE_LIT("InnoDB"),
                                  .collation = SLICE_LIT("utf8mb4_bin"),
                                  .column_count = 2,
                                  .columns = columns};
    struct table_def *copy;
    cr_assert_eq(table_def_copy(&def, &copy), ERR_OK);
    return copy;
}

/* The catalogue recalls s.a (id int, v int), and rows were bound to it. */
static struct fixture begin(void)
{
    struct fixture f;
    struct object_rule rule = {.pattern = "s.*", .topic = "t", .line = 1};
    struct errmsg em = {0};
    cr_assert_eq(objects_compile(&rule, 1, false, &f.objects, &em), ERR_OK, "%s", em.text);
    struct tables_options o = {.objects = f.objects};
    cr_assert_eq(tables_new(&o, &f.t), ERR_OK);
    cr_assert_eq(tables_recall(f.t, define("id", "v", "int"), (struct binlog_place){0}, &em),
                 ERR_OK);
    f.e = tables_entry_find(f.t, SLICE_LIT("s"), SLICE_LIT("a"));
    tables_doubt_later(f.t, f.e);
    return f;
}

static void end(struct fixture *f)
{
    tables_free(f->t);
    objects_free(f->objects);
}

/* Answers questions about the table with this definition until none is left; how many there were.
 */
static int show(struct fixture *f, struct table_def *shown)
{
    struct slice database, table;
    uint64_t version;
    int asked = 0;
    bool again = true;
    while (again) {
        again = false;
        if (!tables_unproven(f->t, &database, &table, &version))
            break;
        asked++;
        cr_assert_eq(tables_witness(f->t, database, table, version, shown, &again), ERR_OK);
    }
    free(shown);
    return asked;
}

/* A table map without names: two columns of these types. */
static enum err judge(struct fixture *f, uint8_t second, struct errmsg *em)
{
    struct map_column columns[2] = {
        {.type = MY_TYPE_LONG, .name = SLICE_LIT(""), .members = SLICE_LIT("")},
        {.type = second, .name = SLICE_LIT(""), .members = SLICE_LIT("")}};
    const struct table_map map = {.database = SLICE_LIT("s"),
                                  .name = SLICE_LIT("a"),
                                  .column_count = 2,
                                  .columns = columns,
                                  .raw = SLICE_LIT("")};
    return tables_judge(f->t, f->e, &map, em);
}

static const char *second_column(const struct fixture *f)
{
    static char text[100];
    struct slice name = entry_def(f->t, f->e)->columns[1].name;
    snprintf(text, sizeof(text), "%.*s", SLICE_ARG(name));
    return text;
}

Test(witness, a_definition_that_the_source_confirms_is_asked_about_once)
{
    struct fixture f = begin();
    uint64_t version = f.e->version;
    cr_assert_eq(show(&f, define("id", "v", "int")), 1);
    tables_doubt_later(f.t, f.e);
    cr_assert_eq(show(&f, define("id", "x", "int")), 0);
    cr_assert_eq(f.e->version, version);
    end(&f);
}

Test(witness, a_difference_must_last)
{
    struct fixture f = begin();
    struct slice database, table;
    uint64_t version;
    bool again;
    struct table_def *other = define("id", "x", "int");
    cr_assert(tables_unproven(f.t, &database, &table, &version));
    cr_assert_eq(tables_witness(f.t, database, table, version, other, &again), ERR_OK);
    cr_assert(again);
    free(other);
    cr_assert_eq(show(&f, define("id", "v", "int")), 1);
    cr_assert_null(f.e->rival);
    cr_assert_not(f.e->unproven);
    end(&f);
}

Test(witness, an_answer_of_before_a_statement_does_not_count)
{
    struct fixture f = begin();
    struct slice database, table;
    uint64_t version;
    bool again;
    struct table_def *other = define("id", "x", "int");
    cr_assert(tables_unproven(f.t, &database, &table, &version));
    f.e->version++;
    cr_assert_eq(tables_witness(f.t, database, table, version, other, &again), ERR_OK);
    cr_assert_not(again);
    cr_assert_eq(f.e->odd, 0);
    free(other);
    end(&f);
}

Test(witness, what_changes_no_value_is_taken_over)
{
    struct fixture f = begin();
    uint64_t version = f.e->version;
    cr_assert_eq(show(&f, define("id", "v", "int(11)")), 3);
    cr_assert_null(f.e->rival);
    cr_assert_gt(f.e->version, version);
    struct slice type = entry_def(f.t, f.e)->columns[1].column_type;
    cr_assert(slice_eq(type, SLICE_LIT("int(11)")));
    struct tables_note *n = tables_take_notes(f.t);
    cr_assert_not_null(n, "a restart must know it, too");
    tables_notes_free(n);
    end(&f);
}

Test(witness, rows_that_fit_both_end_the_task)
{
    struct fixture f = begin();
    struct errmsg em = {0};
    cr_assert_eq(show(&f, define("id", "x", "int")), 3);
    cr_assert_not_null(f.e->rival);
    cr_assert_eq(judge(&f, MY_TYPE_LONG, &em), ERR_TABLE_MISMATCH);
    cr_assert_not_null(strstr(em.text, "table s.a"), "%s", em.text);
    cr_assert_not_null(strstr(em.text, "column 2 `v`"), "%s", em.text);
    cr_assert_not_null(strstr(em.text, "FULL"), "%s", em.text);
    end(&f);
}

Test(witness, rows_that_fit_the_catalogue_alone_confirm_it)
{
    struct fixture f = begin();
    struct errmsg em = {0};
    cr_assert_eq(show(&f, define("id", "x", "bigint")), 3);
    cr_assert_eq(judge(&f, MY_TYPE_LONG, &em), ERR_OK);
    cr_assert_str_eq(second_column(&f), "v");
    cr_assert_null(f.e->rival);
    end(&f);
}

Test(witness, rows_that_fit_the_source_alone_confirm_that)
{
    struct fixture f = begin();
    struct errmsg em = {0};
    cr_assert_eq(show(&f, define("id", "x", "bigint")), 3);
    cr_assert_eq(judge(&f, MY_TYPE_LONGLONG, &em), ERR_OK);
    cr_assert_str_eq(second_column(&f), "x");
    end(&f);
}

Test(witness, a_statement_ends_the_dispute)
{
    struct fixture f = begin();
    cr_assert_eq(show(&f, define("id", "x", "int")), 3);
    struct arena *arena = arena_new(4096);
    struct ddl_options o = {.dialect = {.version = 90704}, .default_database = SLICE_LIT("s")};
    struct ddl_statement st;
    (void)!ddl_parse(SLICE_LIT("DROP TABLE a"), &o, arena, &st);
    cr_assert_eq(tables_statement(f.t, &st, NULL, (struct binlog_place){1, 10}), ERR_OK);
    cr_assert_null(f.e->rival);
    arena_free(arena);
    end(&f);
}

Test(witness, a_key_that_the_server_adds_is_taken_over)
{
    struct fixture f = begin();
    struct column_def columns[3] = {int_column, int_column, int_column};
    uint16_t part = 0;
    struct key_def key = {
        .name = SLICE_LIT("PRIMARY"), .primary = true, .part_count = 1, .parts = &part};
    columns[0].name = SLICE_LIT("my_row_id");
    columns[0].invisible = true;
    columns[2].name = SLICE_LIT("v");
    const struct table_def def = {.database = SLICE_LIT("s"),
                                  .name = SLICE_LIT("a"),
                                  .engine = SLICE_LIT("InnoDB"),
                                  .collation = SLICE_LIT("utf8mb4_bin"),
                                  .column_count = 3,
                                  .columns = columns,
                                  .key_count = 1,
                                  .keys = &key};
    struct table_def *shown;
    cr_assert_eq(table_def_copy(&def, &shown), ERR_OK);
    cr_assert_eq(show(&f, shown), 3);
    cr_assert_null(f.e->rival);
    cr_assert_eq(entry_def(f.t, f.e)->column_count, 3);
    end(&f);
}
