/* What an entry of `objects` comes to for one table, worked out once. See shape.h. */
#include "rules/shape_int.h"

#include "base/arena.h"
#include "schema/type_text.h"

#include <stdio.h>
#include <stdlib.h>

#define CONDITION_MAX (256u << 10)

/* Who is told of everything that is wrong; fn NULL: nobody, the first thing ends it. */
struct reporter {
    shape_report_fn fn;
    void *arg;
};

static void expression_error(const struct shape_rule *r, const struct table *t, const char *what,
                             const struct rule_expression *x, const struct rule_error *error,
                             struct errmsg *em)
{
    char text[320];
    errmsg_set(em, ERR_CONFIG, "%s (objects, line %u) for table %.*s.%.*s, %s", what, r->line,
               SLICE_ARG(t->database), SLICE_ARG(t->name),
               rule_error_text(rule_expression_text(x), error, text, sizeof(text)));
}

/* em gets the first error; the others are told from here. */
static enum err bad_expression(const struct shape_rule *r, const struct table *t, const char *what,
                               const struct rule_expression *x, const struct rule_errors *errors,
                               const struct reporter *rep, struct errmsg *em)
{
    struct errmsg other;
    for (uint32_t i = 1; i < errors->count && rep->fn != NULL; i++) {
        expression_error(r, t, what, x, &errors->items[i], &other);
        rep->fn(rep->arg, other.text);
    }
    expression_error(r, t, what, x, &errors->items[0], em);
    return ERR_CONFIG;
}

/* A condition that would be too long is not given to the source. */
static enum err keep_condition(struct shape *s, const struct rule_expression *x,
                               const struct table *t)
{
    struct writer w;
    writer_init(&w, CONDITION_MAX);
    enum err e = rule_condition_sql(x, t, &w);
    if (e == ERR_OK)
        s->condition = arena_copy(s->arena, writer_slice(&w));
    writer_fini(&w);
    return e == ERR_NO_MEMORY ? e : ERR_OK;
}

static enum err compile_filter(struct shape *s, const struct shape_rule *r, const struct table *t,
                               bool mariadb, const struct reporter *rep, struct errmsg *em)
{
    struct rule_errors errors = {0};
    if (r->filter == NULL)
        return ERR_OK;
    enum err e = rule_filter_new(r->filter, t, mariadb, &s->filter, &errors);
    if (e == ERR_CONFIG)
        return bad_expression(r, t, "objects[].filter", r->filter, &errors, rep, em);
    TRY(e);
    return rule_filter_for_select(s->filter) ? keep_condition(s, r->filter, t) : ERR_OK;
}

static void take_labels(struct arena *a, const struct type_text *t, struct column *col)
{
    struct slice rest = t->members, quoted;
    col->members = arena_array(a, t->member_count, sizeof(*col->members));
    while (col->members != NULL && type_member_next(&rest, &quoted)) {
        uint8_t *to = arena_alloc(a, quoted.len + 1);
        size_t len = to != NULL ? type_member_unquote(quoted, to) : 0;
        col->members[col->member_count++] = slice_of(to, len);
    }
}

/* A column of a type that the task file gives. False: no type. */
static bool column_of_text(struct arena *a, const char *name, const char *type, struct column *col)
{
    struct type_text t;
    *col = (struct column){.name = arena_copy(a, slice_str(name)),
                           .type_text = arena_copy(a, slice_str(type)),
                           .nullable = true,
                           .collation = SLICE_LIT("")};
    if (!type_text_parse(col->type_text, &t) || t.kind == COL_GEOMETRY || t.kind == COL_VECTOR)
        return false;
    col->kind = t.kind;
    col->bare_type = t.bare;
    col->is_unsigned = t.is_unsigned;
    if (t.kind == COL_DECIMAL) {
        col->precision = (uint8_t)t.length;
        col->scale = (uint8_t)t.scale;
    }
    if (t.kind == COL_TIME || t.kind == COL_DATETIME || t.kind == COL_TIMESTAMP)
        col->fsp = (uint8_t)t.length;
    bool text = t.kind == COL_CHAR || t.kind == COL_VARCHAR || t.kind == COL_TEXT;
    if (text || t.kind == COL_ENUM || t.kind == COL_SET)
        col->charset = charset_of_name(SLICE_LIT("utf8mb4"));
    col->meta = t.length_bytes;
    take_labels(a, &t, col);
    return true;
}

static enum err add_column(struct shape *s, const struct shape_rule *r, const struct table *t,
                           const struct shape_add *add, const struct reporter *rep,
                           struct errmsg *em)
{
    struct rule_errors errors = {0};
    struct column *col = &s->wide->columns[s->wide->column_count];
    if (!column_of_text(s->arena, add->name, add->type, col))
        return errmsg_set(em, ERR_CONFIG,
                          "objects (line %u): add_columns: %s is no type of a column", r->line,
                          add->type);
    for (uint32_t i = 0; i < s->wide->column_count; i++)
        if (slice_eq_nocase(s->wide->columns[i].name, col->name))
            return errmsg_set(em, ERR_CONFIG,
                              "objects (line %u): add_columns: table %.*s.%.*s has a column %s",
                              r->line, SLICE_ARG(t->database), SLICE_ARG(t->name), add->name);
    enum err e = rule_value_new(add->value, s->wide, &s->add[s->add_count], &errors);
    if (e == ERR_CONFIG)
        return bad_expression(r, t, "add_columns", add->value, &errors, rep, em);
    TRY(e);
    s->add_count++;
    s->wide->column_count++;
    return ERR_OK;
}

struct filter_check {
    const struct shape *s;
    const char *bad;
    size_t bad_len;
};

static void check_unfiltered(void *arg, uint32_t column)
{
    struct filter_check *f = arg;
    uint32_t count;
    const uint16_t *columns = rule_program_columns(f->s->filter, &count);
    for (uint32_t i = 0; i < count; i++) {
        if (columns[i] == column) {
            f->bad = (const char *)f->s->wide->columns[column].name.ptr;
            f->bad_len = f->s->wide->columns[column].name.len;
        }
    }
}

/* A column that the filter looks at must not be one that the script uses. */
static enum err keep_apart(const struct shape *s, const struct shape_rule *r, const struct table *t,
                           struct errmsg *em)
{
    struct filter_check f = {.s = s};
    uint32_t count;
    if (s->filter == NULL || s->script == NULL)
        return ERR_OK;
    const uint16_t *columns = rule_program_columns(s->script, &count);
    for (uint32_t i = 0; i < count; i++)
        check_unfiltered(&f, columns[i]);
    rule_script_sets(s->script, check_unfiltered, &f);
    if (f.bad == NULL)
        return ERR_OK;
    return errmsg_set(em, ERR_CONFIG,
                      "column %.*s of table %.*s.%.*s is used by objects[].filter (line %u) and by "
                      "etl: only one of them may use it",
                      (int)f.bad_len, f.bad, SLICE_ARG(t->database), SLICE_ARG(t->name), r->line);
}

/*
 * A text column that the script sets goes out in UTF-8 whether a row was set or
 * not, since nothing here writes other character sets.
 */
static void recode_column(void *arg, uint32_t column)
{
    struct shape *s = arg;
    if (column >= s->source_columns)
        return;
    struct column *col = &s->wide->columns[column];
    bool text = col->kind == COL_CHAR || col->kind == COL_VARCHAR || col->kind == COL_TEXT;
    if (!text || col->charset == NULL || col->charset->form != CHARSET_OTHER)
        return;
    s->recode[s->recode_count++] = (uint16_t)column;
    col->charset = charset_of_name(SLICE_LIT("utf8mb4"));
    col->collation = SLICE_LIT("utf8mb4_bin");
    col->collation_id = 0;
}

static enum err add_script(struct shape *s, const struct shape_rule *r, const struct table *t,
                           const struct reporter *rep, struct errmsg *em)
{
    struct rule_errors errors = {0};
    if (r->etl == NULL)
        return ERR_OK;
    enum err e = rule_script_new(r->etl, s->wide, &s->script, &errors);
    if (e == ERR_CONFIG)
        return bad_expression(r, t, "etl", r->etl, &errors, rep, em);
    TRY(e);
    if (rule_script_is_empty(s->script)) {
        rule_program_free(s->script);
        s->script = NULL;
        return ERR_OK;
    }
    TRY(keep_apart(s, r, t, em));
    s->recode = arena_array(s->arena, t->column_count, sizeof(*s->recode));
    if (s->recode == NULL)
        return ERR_NO_MEMORY;
    rule_script_sets(s->script, recode_column, s);
    s->wide->column_count +=
        rule_script_new_columns(s->script, &s->wide->columns[s->wide->column_count]);
    return ERR_OK;
}

/* The first thing that is wrong, and the one at hand. */
struct trouble {
    enum err err;
    struct errmsg *em; /* of the first */
    struct errmsg next;
};

static bool may_go_on(const struct trouble *t, const struct reporter *rep)
{
    return t->err == ERR_OK || (t->err == ERR_CONFIG && rep->fn != NULL);
}

static void note(struct trouble *t, const struct reporter *rep, enum err e)
{
    if (e == ERR_OK)
        return;
    if (t->err == ERR_OK && t->em != NULL)
        *t->em = t->next;
    else if (e == ERR_CONFIG && rep->fn != NULL)
        rep->fn(rep->arg, t->next.text);
    if (t->err == ERR_OK || e == ERR_NO_MEMORY)
        t->err = e;
    t->next = (struct errmsg){0};
}

/* The table with what is added to it. */
static enum err widen(struct shape *s, const struct shape_rule *r, const struct table *t,
                      const struct reporter *rep, struct errmsg *em)
{
    s->source_columns = t->column_count;
    s->source = t;
    s->on_error = r->on_error;
    if (r->add_count == 0 && r->etl == NULL)
        return ERR_OK;
    size_t most =
        t->column_count + r->add_count + (r->etl != NULL ? rule_script_sets_max(r->etl) : 0);
    s->wide = arena_alloc(s->arena, sizeof(*s->wide));
    s->add = arena_array(s->arena, r->add_count + 1, sizeof(*s->add));
    struct column *columns = arena_array(s->arena, most + 1, sizeof(*columns));
    if (s->wide == NULL || s->add == NULL || columns == NULL)
        return ERR_NO_MEMORY;
    memcpy(s->wide, t, sizeof(*t)); /* it is ours: its count of references is never looked at */
    memcpy(columns, t->columns, t->column_count * sizeof(*columns));
    s->wide->columns = columns;
    struct trouble trouble = {.em = em};
    for (size_t i = 0; i < r->add_count && may_go_on(&trouble, rep); i++)
        note(&trouble, rep, add_column(s, r, t, &r->add[i], rep, &trouble.next));
    if (may_go_on(&trouble, rep))
        note(&trouble, rep, add_script(s, r, t, rep, &trouble.next));
    TRY(trouble.err);
    if (s->wide->column_count == t->column_count)
        s->wide = s->script != NULL ? s->wide : NULL;
    return ERR_OK;
}

static enum err fill(struct shape *s, const struct shape_rule *r, const struct objects *o,
                     size_t index, const struct table *t, bool mariadb, const struct reporter *rep,
                     struct errmsg *em)
{
    struct trouble trouble = {.em = em};
    struct errmsg *next = &trouble.next;
    note(&trouble, rep,
         shape_name_as(r, o, index, t->database, t->name, true, s->arena, &s->database, next));
    if (may_go_on(&trouble, rep))
        note(&trouble, rep,
             shape_name_as(r, o, index, t->database, t->name, false, s->arena, &s->table, next));
    if (may_go_on(&trouble, rep))
        note(&trouble, rep, compile_filter(s, r, t, mariadb, rep, next));
    if (may_go_on(&trouble, rep))
        note(&trouble, rep, widen(s, r, t, rep, next));
    if (may_go_on(&trouble, rep))
        note(&trouble, rep, shape_columns(s, r, shape_table(s, t), t->column_count, next));
    s->dml = r->dml;
    s->selects = s->filter != NULL || s->dml != SHAPE_ALL;
    return trouble.err == ERR_OK && s->arena->failed ? ERR_NO_MEMORY : trouble.err;
}

static enum err make(const struct shape_rule *r, const struct objects *o, size_t index,
                     const struct table *t, bool mariadb, const struct reporter *rep,
                     struct shape **out, struct errmsg *em)
{
    struct arena *arena = arena_new(512);
    struct shape *s = arena != NULL ? arena_alloc(arena, sizeof(*s)) : NULL;
    if (s == NULL) {
        if (arena != NULL)
            arena_free(arena);
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory for the rules of a table");
    }
    s->arena = arena;
    s->condition = SLICE_LIT("");
    enum err e = fill(s, r, o, index, t, mariadb, rep, em);
    if (e != ERR_OK) {
        shape_free(s);
        return e;
    }
    *out = s;
    return ERR_OK;
}

enum err shape_new(const struct shape_rule *r, const struct objects *o, size_t index,
                   const struct table *t, bool mariadb, struct shape **out, struct errmsg *em)
{
    return make(r, o, index, t, mariadb, &(struct reporter){0}, out, em);
}

enum err shape_check(const struct shape_rule *r, const struct objects *o, size_t index,
                     const struct table *t, bool mariadb, shape_report_fn report, void *arg)
{
    struct shape *s = NULL;
    struct errmsg first = {0};
    enum err e = make(r, o, index, t, mariadb, &(struct reporter){report, arg}, &s, &first);
    if (e == ERR_CONFIG)
        report(arg, first.text);
    shape_free(s);
    return e;
}

void shape_free(struct shape *s)
{
    if (s == NULL)
        return;
    rule_program_free(s->filter);
    rule_program_free(s->script);
    for (uint32_t i = 0; i < s->add_count; i++)
        rule_program_free(s->add[i]);
    arena_free(s->arena);
}
