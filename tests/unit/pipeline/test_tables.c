/* What is noted of tables for the checkpoint. */
#include "pipeline/tables.h"

#include "mysqlproto/binlog/query.h"

#include <criterion/criterion.h>
#include <stdio.h>

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

static void pass_event(struct tables *t, const char *sql, const struct binlog_query *q,
                       uint64_t offset)
{
    struct arena *arena = arena_new(4096);
    struct ddl_options o = {.dialect = {.version = 90704}, .default_database = SLICE_LIT("s")};
    struct ddl_statement st;
    (void)!ddl_parse(slice_str(sql), &o, arena, &st);
    cr_assert_eq(tables_statement(t, &st, q, place(offset)), ERR_OK, "%s", sql);
    arena_free(arena);
}

/* A statement of database s that ends at a place. */
static void pass(struct tables *t, const char *sql, uint64_t offset)
{
    pass_event(t, sql, NULL, offset);
}

/* "created s.a", ...; each list taken once. */
static const char *effects(struct tables *t)
{
    static const char *const names[] = {
        [TABLE_CREATED] = "created",     [TABLE_REPLACED] = "replaced", [TABLE_ALTERED] = "altered",
        [TABLE_TRUNCATED] = "truncated", [TABLE_DROPPED] = "dropped",   [TABLE_RENAMED] = "renamed",
        [TABLE_DOUBTFUL] = "doubtful"};
    static char text[500];
    size_t len = 0;
    struct table_effect *list = tables_take_effects(t);
    text[0] = 0;
    for (const struct table_effect *x = list; x != NULL; x = x->next) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s %.*s", len > 0 ? ", " : "",
                                names[x->kind], SLICE_ARG(x->table));
        if (x->old_table.len > 0)
            len += (size_t)snprintf(text + len, sizeof(text) - len, " from %.*s",
                                    SLICE_ARG(x->old_table));
        if (x->unsent)
            len += (size_t)snprintf(text + len, sizeof(text) - len, " unsent");
    }
    tables_effects_free(list);
    return text;
}

struct columns {
    const char *table;
    char text[200];
};

static enum err take_columns(void *arg, const struct tables_view *v)
{
    struct columns *c = arg;
    size_t len = 0;
    if (!slice_eq(v->table, slice_str(c->table)))
        return ERR_OK;
    snprintf(c->text, sizeof(c->text), "unknown");
    for (uint32_t i = 0; v->def != NULL && i < v->def->column_count; i++)
        len += (size_t)snprintf(c->text + len, sizeof(c->text) - len, "%s%.*s", i > 0 ? " " : "",
                                SLICE_ARG(v->def->columns[i].name));
    return ERR_OK;
}

/* The columns of a table of s; "": there is none. */
static const char *columns_of(struct tables *t, const char *table)
{
    static struct columns c;
    c = (struct columns){.table = table};
    cr_assert_eq(tables_walk(t, take_columns, &c), ERR_OK);
    return c.text;
}

struct fixture {
    struct objects *objects;
    struct tables *t;
};

static struct fixture begin(void)
{
    struct fixture f;
    f.t = new_tables(&f.objects);
    preset(f.t);
    tables_trust(f.t, (struct binlog_place){0});
    cr_assert_eq(tables_database(f.t, SLICE_LIT("s"), SLICE_LIT("utf8mb4_0900_ai_ci")), ERR_OK);
    return f;
}

static void end(struct fixture *f)
{
    tables_free(f->t);
    objects_free(f->objects);
}

Test(tables, a_statement_that_concerns_a_table_gives_it_another_version)
{
    struct fixture f = begin();
    uint64_t before = tables_version(f.t, SLICE_LIT("s"), SLICE_LIT("a"));
    cr_assert_neq(before, 0);
    cr_assert_eq(tables_version(f.t, SLICE_LIT("s"), SLICE_LIT("other")), 0);
    pass(f.t, "ALTER TABLE x.a ADD b INT", 10);
    cr_assert_eq(tables_version(f.t, SLICE_LIT("s"), SLICE_LIT("a")), before);
    cr_assert_str_eq(effects(f.t), "");
    pass(f.t, "ALTER TABLE a ADD b INT", 20);
    cr_assert_gt(tables_version(f.t, SLICE_LIT("s"), SLICE_LIT("a")), before);
    cr_assert_str_eq(effects(f.t), "altered a");
    cr_assert_str_eq(columns_of(f.t, "a"), "id b");
    end(&f);
}

Test(tables, a_swap_of_three_is_two_renames)
{
    struct fixture f = begin();
    pass(f.t, "CREATE TABLE b (x INT)", 10);
    cr_assert_str_eq(effects(f.t), "created b");
    pass(f.t, "RENAME TABLE a TO other.tmp, b TO a, other.tmp TO b", 20);
    cr_assert_str_eq(effects(f.t), "renamed a from b, renamed b from a");
    cr_assert_str_eq(columns_of(f.t, "a"), "x");
    cr_assert_str_eq(columns_of(f.t, "b"), "id");
    end(&f);
}

Test(tables, a_shadow_takes_the_place_of_its_table_and_a_stranger_brings_rows)
{
    struct fixture f = begin();
    pass(f.t, "CREATE TABLE o._a_gho LIKE s.a", 10);
    pass(f.t, "ALTER TABLE o._a_gho ADD b INT FIRST", 20);
    pass(f.t, "RENAME TABLE a TO o._a_del, o._a_gho TO a", 30);
    cr_assert_str_eq(effects(f.t), "replaced a");
    cr_assert_str_eq(columns_of(f.t, "a"), "b id");
    pass(f.t, "RENAME TABLE a TO o.old, o.loaded TO a", 40);
    cr_assert_str_eq(effects(f.t), "replaced a unsent");
    cr_assert_str_eq(columns_of(f.t, "a"), "unknown");
    pass(f.t, "DROP TABLE a", 50);
    cr_assert_str_eq(effects(f.t), "dropped a");
    cr_assert_str_eq(columns_of(f.t, "a"), "");
    end(&f);
}

Test(tables, a_definition_ahead_of_the_stream_is_left_alone_up_to_its_place)
{
    struct fixture f = begin();
    tables_trust(f.t, place(100));
    pass(f.t, "ALTER TABLE a ADD b INT", 100);
    cr_assert_str_eq(effects(f.t), "doubtful a");
    cr_assert_str_eq(columns_of(f.t, "a"), "id");
    pass(f.t, "ALTER TABLE a ADD b INT", 101);
    cr_assert_str_eq(columns_of(f.t, "a"), "id b");
    end(&f);
}

Test(tables, a_place_of_another_server_makes_what_is_ahead_unknown)
{
    struct fixture f = begin();
    tables_trust(f.t, place(100));
    tables_forget_places(f.t, place(100));
    cr_assert_str_eq(columns_of(f.t, "a"), "id");
    tables_trust(f.t, place(100));
    tables_forget_places(f.t, place(99));
    cr_assert_str_eq(columns_of(f.t, "a"), "unknown");
    end(&f);
}

Test(tables, a_table_that_a_statement_to_come_defines_is_not_what_the_source_shows)
{
    struct fixture f = begin();
    cr_assert_eq(tables_evolve(f.t, SLICE_LIT("s"), SLICE_LIT("a")), ERR_OK);
    tables_trust(f.t, place(100));
    cr_assert_str_eq(columns_of(f.t, "a"), "unknown");
    pass(f.t, "CREATE TABLE IF NOT EXISTS a (y INT, z INT)", 10);
    cr_assert_str_eq(columns_of(f.t, "a"), "y z");
    end(&f);
}

Test(tables, what_is_not_understood_makes_unknown_what_it_names)
{
    struct fixture f = begin();
    pass(f.t, "ALTER TABLE x.a DANCE ((", 10);
    cr_assert_str_eq(columns_of(f.t, "a"), "id");
    pass(f.t, "ALTER TABLE s.a DANCE ((", 20);
    cr_assert_str_eq(effects(f.t), "doubtful a");
    cr_assert_str_eq(columns_of(f.t, "a"), "unknown");
    struct tables_note *n = tables_take_notes(f.t);
    cr_assert_not_null(n);
    cr_assert_eq(n->kind, NOTE_STALE);
    tables_notes_free(n);
    end(&f);
}

static enum err count_view(void *arg, const struct tables_view *v)
{
    *(int *)arg += v->def != NULL && slice_eq(v->table, SLICE_LIT("a"));
    return ERR_OK;
}

Test(tables, the_walk_shows_what_is_selected)
{
    struct fixture f = begin();
    int n = 0;
    cr_assert_not(tables_selected(f.t, SLICE_LIT("other"), SLICE_LIT("a")));
    cr_assert_eq(tables_walk(f.t, count_view, &n), ERR_OK);
    cr_assert_eq(n, 1);
    end(&f);
}

static enum err take_collation(void *arg, const struct tables_view *v)
{
    struct columns *c = arg;
    if (slice_eq(v->table, slice_str(c->table)) && v->def != NULL)
        snprintf(c->text, sizeof(c->text), "%.*s", SLICE_ARG(v->def->columns[0].collation));
    return ERR_OK;
}

Test(tables, the_event_tells_what_the_text_leans_on)
{
    struct fixture f = begin();
    struct columns c = {.table = "b"};
    const struct binlog_query latin1 = {.has = BINLOG_Q_CHARSET, .server_collation = 8};
    pass_event(f.t, "CREATE OR REPLACE DATABASE s", &latin1, 10);
    pass(f.t, "CREATE TABLE b (v TEXT)", 20);
    cr_assert_eq(tables_walk(f.t, take_collation, &c), ERR_OK);
    cr_assert_str_eq(c.text, "latin1_swedish_ci");
    end(&f);
}

Test(tables, what_may_have_been_there_before_is_not_known_from_its_statement)
{
    struct fixture f = begin();
    const struct binlog_query failed = {.error_code = 1051};
    pass_event(f.t, "DROP TABLE a, other", &failed, 10);
    cr_assert_str_eq(effects(f.t), "doubtful a");
    pass(f.t, "CREATE TABLE IF NOT EXISTS a (id INT)", 20);
    cr_assert_str_eq(effects(f.t), "created a");
    cr_assert_str_eq(columns_of(f.t, "a"), "unknown");
    end(&f);
}

Test(tables, a_statement_that_ended_half_way_leaves_doubt)
{
    struct fixture f = begin();
    const struct binlog_query failed = {.error_code = 1051};
    pass_event(f.t, "DROP TABLE a, other", &failed, 10);
    cr_assert_str_eq(effects(f.t), "doubtful a");
    cr_assert_str_eq(columns_of(f.t, "a"), "unknown");
    end(&f);
}
