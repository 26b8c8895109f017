#include "pipeline/ddl_shape.h"

#include "base/log.h"
#include "pipeline/shaping.h"
#include "pipeline/tables_int.h"
#include "schema/ddl_rewrite.h"
#include "schema/table_without_map.h"

struct mapper {
    struct tables *t;
    const struct ddl_statement *st;
    struct arena *arena;
    const struct shape_rule *rule; /* of the statement's table; NULL: it is not selected */
    size_t object;
    struct slice own_database; /* the statement's table, for its columns */
    struct slice own_table;
    const struct table_def *def; /* as it is before the statement; NULL: not known */
    struct errmsg *em;
};

static const struct shape_rule *rule_of(const struct mapper *m, size_t object)
{
    return object != OBJECTS_NONE ? &m->t->o.shaping->rules[object] : NULL;
}

static enum err map_database(struct mapper *m, struct slice database, struct slice *to)
{
    size_t object;
    TRY(objects_match_database(m->t->o.objects, database, &object, m->em));
    const struct shape_rule *r = rule_of(m, object);
    *to = r != NULL ? shape_map_database(r, database, m->arena) : database;
    return ERR_OK;
}

static enum err map_table(void *arg, struct slice database, struct slice name,
                          struct slice *to_database, struct slice *to_name)
{
    struct mapper *m = arg;
    size_t object;
    *to_database = database;
    *to_name = name;
    if (name.len == 0)
        return map_database(m, database, to_database);
    TRY(objects_match(m->t->o.objects, database, name, &object, m->em));
    const struct shape_rule *r = rule_of(m, object);
    if (r == NULL)
        return ERR_OK;
    return shape_map_table(r, m->t->o.objects, object, database, name, m->arena, to_database,
                           to_name, m->em);
}

static enum err map_column(void *arg, struct slice column, struct slice *to)
{
    struct mapper *m = arg;
    *to = m->rule != NULL ? shape_map_column(m->rule, column, m->arena) : column;
    return m->arena->failed ? ERR_NO_MEMORY : ERR_OK;
}

static bool has_column(void *arg, struct slice column)
{
    const struct mapper *m = arg;
    for (uint32_t i = 0; m->def != NULL && i < m->def->column_count; i++)
        if (sql_name_eq(m->def->columns[i].name, column))
            return true;
    return false;
}

/* --- columns that are added ---------------------------------------------------- */

struct extras {
    uint32_t count;
    struct ddl_extra_column *items;
};

/* Those of the task file; of a script they follow from the table. */
static enum err named_extras(const struct mapper *m, struct extras *out)
{
    out->items = arena_array(m->arena, m->rule->add_count + 1, sizeof(*out->items));
    if (out->items == NULL)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < m->rule->add_count; i++)
        out->items[out->count++] = (struct ddl_extra_column){slice_str(m->rule->add[i].name),
                                                             slice_str(m->rule->add[i].type)};
    return ERR_OK;
}

static enum err extras_of_shape(const struct mapper *m, const struct table *t,
                                const struct shape *s, struct extras *out)
{
    const struct table *wide = shape_table(s, t);
    uint32_t n = wide->column_count - t->column_count;
    out->items = arena_array(m->arena, n + 1, sizeof(*out->items));
    if (out->items == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < n; i++) {
        const struct column *c = &wide->columns[t->column_count + i];
        out->items[out->count++] = (struct ddl_extra_column){arena_copy(m->arena, c->name),
                                                             arena_copy(m->arena, c->type_text)};
    }
    return m->arena->failed ? ERR_NO_MEMORY : ERR_OK;
}

/* The table that the statement makes, looked at in a catalogue of its own. ERR_UNSUPPORTED: the
 * statement does not tell. */
static enum err made_table(const struct mapper *m, struct table **out)
{
    struct tables *t = m->t;
    const struct catalog_options options = {.mariadb = t->o.mariadb,
                                            .version = t->o.version,
                                            .lower_case_table_names = t->o.lower_case_table_names};
    struct catalog *c;
    struct catalog_effects fx;
    struct errmsg why = {0};
    TRY(catalog_new(&options, &c));
    struct slice collation = catalog_database_collation(t->catalog, m->own_database);
    enum err e = ERR_OK;
    if (collation.len > 0)
        e = catalog_put_database(c, m->own_database, collation);
    if (e == ERR_OK)
        e = catalog_apply(c, m->st, &t->session, &fx, &why);
    const struct table_def *def =
        e == ERR_OK ? catalog_find(c, m->own_database, m->own_table) : NULL;
    if (e == ERR_OK)
        e = def != NULL ? table_without_map(def, t->o.mariadb, out, &why) : ERR_UNSUPPORTED;
    catalog_free(c);
    return e;
}

static enum err find_extras(const struct mapper *m, struct extras *out)
{
    struct table *table;
    struct shape *shape;
    struct errmsg why = {0};
    if (m->rule == NULL || m->st->kind != DDL_CREATE_TABLE ||
        (m->rule->add_count == 0 && m->rule->etl == NULL))
        return ERR_OK;
    if (m->rule->etl == NULL)
        return named_extras(m, out);
    enum err e = made_table(m, &table);
    if (e != ERR_OK)
        return e == ERR_NO_MEMORY ? e : named_extras(m, out);
    e = shape_new(m->rule, m->t->o.objects, m->object, table, m->t->o.mariadb, &shape, &why);
    if (e == ERR_OK) {
        e = extras_of_shape(m, table, shape, out);
        shape_free(shape);
    } else if (e != ERR_NO_MEMORY) {
        e = named_extras(m, out); /* its rows will say what is wrong */
    }
    table_unref(table);
    return e;
}

/* --- the statement ---------------------------------------------------------------- */

static enum err find_own_table(struct mapper *m)
{
    const struct ddl_object *o = m->st->object_count > 0 ? &m->st->objects[0] : NULL;
    if (o == NULL)
        return ERR_OK;
    m->own_database = o->database;
    m->own_table = o->table.len > 0 ? o->table : o->name;
    if (m->own_table.len == 0)
        return ERR_OK;
    TRY(objects_match(m->t->o.objects, m->own_database, m->own_table, &m->object, m->em));
    m->rule = rule_of(m, m->object);
    m->def = catalog_find(m->t->catalog, m->own_database, m->own_table);
    return ERR_OK;
}

static bool shapes_statements(const struct shaping *s)
{
    for (size_t i = 0; s != NULL && i < s->count; i++)
        if (shape_renames(&s->rules[i]) || s->rules[i].add_count > 0 || s->rules[i].etl != NULL)
            return true;
    return false;
}

static void tell(const struct mapper *m, const struct ddl_rewritten *done)
{
    if (done->keys_out > 0)
        log_info("ddl.keys",
                 "table=%.*s.%.*s left_out=%u note=\"keys and constraints over columns "
                 "that are not sent\"",
                 SLICE_ARG(m->own_database), SLICE_ARG(m->own_table), done->keys_out);
    if (done->nothing)
        log_info("ddl.left_out", "table=%.*s.%.*s note=\"it concerns columns that are not sent\"",
                 SLICE_ARG(m->own_database), SLICE_ARG(m->own_table));
}

static enum err rewrite(struct mapper *m, struct writer *w, struct ddl_shaped *out)
{
    struct extras extras = {0};
    struct ddl_rewritten done;
    TRY(find_own_table(m));
    TRY(find_extras(m, &extras));
    const struct ddl_mapping mapping = {.arg = m,
                                        .table = map_table,
                                        .column = map_column,
                                        .has_column = has_column,
                                        .database = out->database,
                                        .extra_count = extras.count,
                                        .extras = extras.items};
    enum err e = ddl_rewrite(m->st, &mapping, m->arena, w, &done);
    if (e == ERR_UNSUPPORTED) {
        log_info("ddl.as_text", "kind=\"%s\" note=\"its text has the names of the source\"",
                 ddl_kind_name(m->st->kind));
        return ERR_OK;
    }
    TRY(e);
    tell(m, &done);
    out->nothing = done.nothing;
    if (!done.nothing)
        out->sql = writer_slice(w);
    return ERR_OK;
}

enum err ddl_shape(struct tables *t, const struct ddl_statement *st, const struct ddl_route *route,
                   struct arena *a, struct writer *w, struct ddl_shaped *out, struct errmsg *em)
{
    struct mapper m = {.t = t,
                       .st = st,
                       .arena = a,
                       .object = OBJECTS_NONE,
                       .own_database = SLICE_LIT(""),
                       .own_table = SLICE_LIT(""),
                       .em = em};
    *out = (struct ddl_shaped){route->database, route->table, st->sql, false};
    if (!shapes_statements(t->o.shaping))
        return ERR_OK;
    TRY(map_table(&m, route->database, route->table, &out->database, &out->table));
    return rewrite(&m, w, out);
}
