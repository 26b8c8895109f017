#include "rules/shape.h"

#include "base/arena.h"
#include "rules/glob.h"
#include "schema/type_text.h"

#include <stdio.h>
#include <stdlib.h>

#define CONDITION_MAX (256u << 10)

static bool any_matches(const char *const *patterns, size_t count, struct slice name)
{
    for (size_t i = 0; i < count; i++)
        if (glob_match(slice_str(patterns[i]), name, true))
            return true;
    return false;
}

static struct slice folded(struct arena *a, struct slice name, enum shape_names names)
{
    struct slice copy = arena_copy(a, name);
    uint8_t *p = (uint8_t *)(uintptr_t)copy.ptr; /* ours, and nobody else has it yet */
    for (size_t i = 0; i < copy.len && names != SHAPE_AS_SOURCE; i++) {
        bool letter =
            names == SHAPE_UPPER ? p[i] >= 'a' && p[i] <= 'z' : p[i] >= 'A' && p[i] <= 'Z';
        if (letter)
            p[i] ^= 0x20;
    }
    return copy;
}

/* What a pattern with one * makes of a name that it matches. */
static struct slice substitute(struct arena *a, const struct shape_pair *p, struct slice name)
{
    const char *star = strchr(p->from, '*'), *to = strchr(p->to, '*');
    if (star == NULL || to == NULL)
        return arena_copy(a, slice_str(p->to));
    size_t before = (size_t)(star - p->from), behind = strlen(star + 1);
    size_t middle = name.len - before - behind;
    size_t head = (size_t)(to - p->to), tail = strlen(to + 1);
    uint8_t *copy = arena_alloc(a, head + middle + tail + 1);
    if (copy == NULL)
        return SLICE_LIT("");
    memcpy(copy, p->to, head);
    memcpy(copy + head, name.ptr + before, middle);
    memcpy(copy + head + middle, to + 1, tail);
    return slice_of(copy, head + middle + tail);
}

static struct slice column_name(struct arena *a, const struct shape_rule *r, struct slice name)
{
    for (size_t i = 0; i < r->rename_count; i++)
        if (glob_match(slice_str(r->rename[i].from), name, true))
            return substitute(a, &r->rename[i], name);
    return folded(a, name, r->names);
}

struct slice shape_map_column(const struct shape_rule *r, struct slice column, struct arena *a)
{
    bool takes = (r->include_count == 0 || any_matches(r->include, r->include_count, column)) &&
                 !any_matches(r->exclude, r->exclude_count, column);
    return takes ? column_name(a, r, column) : SLICE_LIT("");
}

bool shape_renames(const struct shape_rule *r)
{
    return r->database_as != NULL || r->table_as != NULL || r->names != SHAPE_AS_SOURCE ||
           r->include_count + r->exclude_count + r->rename_count > 0;
}

static int by_name(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;
    size_t n = x->len < y->len ? x->len : y->len;
    int c = memcmp(x->ptr, y->ptr, n);
    return c != 0 ? c : x->len < y->len ? -1 : x->len > y->len;
}

static enum err check_collisions(const struct shape *s, const struct shape_rule *r,
                                 const struct table *t, struct errmsg *em)
{
    struct slice *sorted = calloc(t->column_count + 1, sizeof(*sorted));
    if (sorted == NULL)
        return ERR_NO_MEMORY;
    memcpy(sorted, s->columns, t->column_count * sizeof(*sorted));
    qsort(sorted, t->column_count, sizeof(*sorted), by_name);
    enum err e = ERR_OK;
    for (uint32_t i = 1; i < t->column_count && e == ERR_OK; i++)
        if (sorted[i].len > 0 && slice_eq(sorted[i], sorted[i - 1]))
            e = errmsg_set(em, ERR_CONFIG,
                           "objects (line %u): two columns of table %.*s.%.*s would be sent as "
                           "%.*s: change columns.rename or destination.names",
                           r->line, SLICE_ARG(t->database), SLICE_ARG(t->name),
                           SLICE_ARG(sorted[i]));
    free(sorted);
    return e;
}

static enum err shape_columns(struct shape *s, const struct shape_rule *r, const struct table *t,
                              uint32_t of_source, struct errmsg *em)
{
    uint32_t sent = 0;
    if (r->include_count + r->exclude_count + r->rename_count == 0 && r->names == SHAPE_AS_SOURCE)
        return ERR_OK;
    s->columns = arena_array(s->arena, t->column_count, sizeof(*s->columns));
    if (s->columns == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < t->column_count; i++) {
        struct slice name = t->columns[i].name;
        if (i >= of_source) { /* what was added is sent as it was named */
            s->columns[i] = arena_copy(s->arena, name);
            continue;
        }
        s->columns[i] = shape_map_column(r, name, s->arena);
        sent += s->columns[i].len > 0;
    }
    if (sent == 0 && t->column_count > 0)
        return errmsg_set(em, ERR_CONFIG,
                          "objects (line %u): no column of table %.*s.%.*s is left by columns",
                          r->line, SLICE_ARG(t->database), SLICE_ARG(t->name));
    return check_collisions(s, r, t, em);
}

static enum err name_as(const struct shape_rule *r, const struct objects *o, size_t index,
                        struct slice database, struct slice table, bool of_database,
                        struct arena *a, struct slice *out, struct errmsg *em)
{
    char text[OBJECTS_NAME_MAX + 1];
    const char *template = of_database ? r->database_as : r->table_as;
    if (template == NULL) {
        *out = folded(a, of_database ? database : table, r->names);
        return ERR_OK;
    }
    TRY(objects_expand(o, index, template, database, table, text, em));
    *out = arena_copy(a, slice_str(text));
    return ERR_OK;
}

enum err shape_map_table(const struct shape_rule *r, const struct objects *o, size_t index,
                         struct slice database, struct slice table, struct arena *a,
                         struct slice *to_database, struct slice *to_table, struct errmsg *em)
{
    TRY(name_as(r, o, index, database, table, true, a, to_database, em));
    TRY(name_as(r, o, index, database, table, false, a, to_table, em));
    return a->failed ? ERR_NO_MEMORY : ERR_OK;
}

struct slice shape_map_database(const struct shape_rule *r, struct slice database, struct arena *a)
{
    if (r->database_as == NULL)
        return folded(a, database, r->names);
    if (strchr(r->database_as, '{') != NULL)
        return arena_copy(a, database);
    return arena_copy(a, slice_str(r->database_as));
}

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
         name_as(r, o, index, t->database, t->name, true, s->arena, &s->database, next));
    if (may_go_on(&trouble, rep))
        note(&trouble, rep,
             name_as(r, o, index, t->database, t->name, false, s->arena, &s->table, next));
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

static bool takes_op(const struct shape *s, enum change_op op)
{
    static const uint8_t bits[] = {[CHANGE_INSERT] = SHAPE_INSERT,
                                   [CHANGE_UPDATE] = SHAPE_UPDATE,
                                   [CHANGE_DELETE] = SHAPE_DELETE,
                                   [CHANGE_INIT] = SHAPE_ALL};
    return (s->dml & bits[op]) != 0;
}

static void fill_absent(const struct change *c, struct cell *after)
{
    for (uint32_t i = 0; i < c->table->column_count; i++)
        if (after[i].kind == CELL_ABSENT)
            after[i] = c->before[i];
}

static enum err apply_to_update(const struct shape *s, struct rule_machine *m, struct cell *after,
                                struct change *c, bool *send)
{
    bool was, is;
    TRY(rule_filter(m, s->filter, c->before, NULL, &was));
    TRY(rule_filter(m, s->filter, c->after, c->before, &is));
    *send = was || is;
    if (was && !is) {
        c->op = CHANGE_DELETE;
        c->after = NULL;
    } else if (is && !was) {
        fill_absent(c, after);
        c->op = CHANGE_INSERT;
        c->before = NULL;
    }
    return ERR_OK;
}

enum err shape_apply(const struct shape *s, struct rule_machine *m, enum change_op source_op,
                     struct cell *after, struct change *c, bool *send)
{
    *send = takes_op(s, source_op);
    if (!*send || s->filter == NULL)
        return ERR_OK;
    if (c->op == CHANGE_UPDATE)
        return apply_to_update(s, m, after, c, send);
    return rule_filter(m, s->filter, c->after != NULL ? c->after : c->before, NULL, send);
}

/* --- cells that change ------------------------------------------------------- */

/* Columns that the script sets, of an image that it could not run on: nothing is known of them. */
static void forget_column(void *arg, uint32_t column)
{
    struct cell *work = arg;
    work[column] = (struct cell){.kind = CELL_ABSENT};
}

struct work_job {
    const struct shape *s;
    struct rule_machine *m;
    uint64_t *failures;
};

static enum err add_values(const struct work_job *job, struct script_row *row)
{
    const struct shape *s = job->s;
    for (uint32_t i = 0; i < s->add_count; i++) {
        struct cell *to = &row->work[s->source_columns + i];
        enum err e =
            rule_value_run(job->m, s->add[i], row, &s->wide->columns[s->source_columns + i], to);
        if (e == ERR_EXPRESSION && s->on_error == RULE_NULL) {
            ++*job->failures;
            *to = (struct cell){.kind = CELL_NULL};
            e = ERR_OK;
        }
        TRY(e);
    }
    return ERR_OK;
}

static enum err recode(const struct work_job *job, struct cell *work)
{
    const struct shape *s = job->s;
    for (uint32_t i = 0; i < s->recode_count; i++) {
        uint32_t at = s->recode[i];
        if (work[at].kind == CELL_BYTES)
            TRY(rule_cell_to_utf8(job->m, &s->source->columns[at], &work[at]));
    }
    return ERR_OK;
}

/* One image: its cells, the added columns, the script. */
static enum err work_on(const struct work_job *job, const struct cell *cells,
                        struct script_row *row)
{
    const struct shape *s = job->s;
    memcpy(row->work, cells, s->source_columns * sizeof(*cells));
    for (uint32_t i = s->source_columns; i < s->wide->column_count; i++)
        row->work[i] = (struct cell){.kind = CELL_NULL};
    row->columns = s->wide->columns;
    row->source_columns = s->source->columns;
    TRY(recode(job, row->work));
    TRY(add_values(job, row));
    if (s->script == NULL)
        return ERR_OK;
    return rule_script_run(job->m, s->script, row, s->on_error, job->failures);
}

/* The before image of an UPDATE, whose decisions do not count. */
static enum err work_on_old(const struct work_job *job, struct script_row *row,
                            const struct change *c)
{
    enum err e = work_on(job, c->before, row);
    if (e != ERR_TABLE_MISMATCH)
        return e;
    for (uint32_t i = job->s->source_columns; i < job->s->wide->column_count; i++)
        forget_column(row->work, i);
    if (job->s->script != NULL)
        rule_script_sets(job->s->script, forget_column, row->work);
    return ERR_OK;
}

/* A script may have made another change of it. */
static void become(struct change *c, enum change_op op)
{
    const struct cell *image = c->after != NULL ? c->after : c->before;
    c->op = op;
    c->after = op == CHANGE_DELETE ? NULL : image;
    if (op == CHANGE_INSERT)
        c->before = NULL;
    else if (c->before == NULL)
        c->before = image;
}

static enum err work(const struct work_job *job, const struct shape_moment *now,
                     struct cell *before, struct cell *after, struct change *c, bool *send)
{
    struct script_row row = {.before = c->before,
                             .after = c->after,
                             .other = c->after != NULL ? c->before : NULL,
                             .work = c->after != NULL ? after : before,
                             .operation = c->op,
                             .commit_us = now->commit_us,
                             .now_us = now->now_us};
    enum change_op was = c->op;
    TRY(work_on(job, c->after != NULL ? c->after : c->before, &row));
    *send = !row.dropped;
    if (row.dropped)
        return ERR_OK;
    if (c->after != NULL && c->before != NULL) {
        struct script_row old = row;
        old.work = before;
        old.other = NULL;
        old.operation = was;
        TRY(work_on_old(job, &old, c));
    }
    c->after = c->after != NULL ? after : NULL;
    c->before = c->before != NULL ? before : NULL;
    if (row.operation != was)
        become(c, row.operation);
    return ERR_OK;
}

enum err shape_work(const struct shape *s, struct rule_machine *m, const struct shape_moment *now,
                    struct cell *before, struct cell *after, struct change *c, bool *send,
                    uint64_t *failures)
{
    const struct work_job job = {s, m, failures};
    rule_script_begin(m);
    enum err e = work(&job, now, before, after, c, send);
    c->table = s->wide;
    if (e != ERR_EXPRESSION || s->on_error != RULE_SKIP)
        return e;
    ++*failures;
    *send = false;
    return ERR_OK;
}
