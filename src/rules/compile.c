/*
 * Compiling: one pass over the nodes with a stack of what is known of the
 * values (struct operand). The dialects say what a node means; here is what
 * they share: emitting, columns, folding of constants, and jumps.
 *
 * A jump's target is a node until the end, when every node knows the
 * instruction behind it.
 */
#include "rules/program_int.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool compile_fail(struct compiler *c, uint32_t at, const char *fmt, ...)
{
    char text[240];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    rule_error_add(c->errors, at, "%s", text);
    c->err = ERR_CONFIG;
    return false;
}

struct insn *compile_emit(struct compiler *c, enum insn_code code, uint32_t at)
{
    static struct insn spare; /* written to after a failure, never run */
    struct rule_program *p = c->program;
    if (p->count == c->insn_cap) {
        uint32_t cap = c->insn_cap == 0 ? 32 : c->insn_cap * 2;
        struct insn *insns = realloc(p->insns, cap * sizeof(*insns));
        if (insns == NULL) {
            c->err = ERR_NO_MEMORY;
            return &spare;
        }
        p->insns = insns;
        c->insn_cap = cap;
    }
    struct insn *in = &p->insns[p->count++];
    *in = (struct insn){.code = (uint8_t)code, .at = at};
    return in;
}

struct operand *compile_push(struct compiler *c, enum type type, uint32_t at)
{
    if (c->depth == c->cap) {
        if (c->cap < RULE_STACK_MAX)
            c->cap = RULE_STACK_MAX;
        else {
            compile_fail(c, at, "too many values are waiting at once: %d are the most",
                         RULE_STACK_MAX);
            return &c->stack[c->depth - 1];
        }
    }
    struct operand *o = &c->stack[c->depth++];
    *o = (struct operand){.type = (uint8_t)type,
                          .start = c->program->count,
                          .at = at,
                          .rank = 5,
                          .collation = c->connection,
                          .name = SLICE_LIT("")};
    if (c->depth + 2 > c->program->stack)
        c->program->stack = c->depth + 2;
    return o;
}

struct operand *compile_top(struct compiler *c, uint32_t below)
{
    return &c->stack[c->depth - 1 - below];
}

static const void *keep(struct compiler *c, const void *p, size_t n)
{
    void *copy = arena_alloc(c->program->arena, n);
    if (copy == NULL) {
        c->err = ERR_NO_MEMORY;
        return NULL;
    }
    return memcpy(copy, p, n);
}

void compile_const(struct compiler *c, struct val v, enum type type, uint32_t at)
{
    struct operand *o = compile_push(c, type, at);
    o->is_const = true;
    if (v.kind == VAL_DEC) {
        o->scale = o->digits = v.dec->scale;
        v.dec = keep(c, v.dec, sizeof(*v.dec));
    }
    if (v.kind == VAL_TEXT) {
        v.text = arena_copy(c->program->arena, v.text);
        o->rank = 4;
    }
    struct insn *in = compile_emit(c, INSN_CONST, at);
    in->p = keep(c, &v, sizeof(v));
}

struct val *compile_value(struct compiler *c, const struct operand *o)
{
    /* The program is still ours alone. */
    return (struct val *)(uintptr_t)c->program->insns[o->start].p;
}

static enum type type_of_val(const struct val *v)
{
    static const uint8_t types[] = {
        [VAL_NULL] = TYPE_NULL, [VAL_INT] = TYPE_INT,   [VAL_UINT] = TYPE_UINT,
        [VAL_BOOL] = TYPE_BOOL, [VAL_DEC] = TYPE_DEC,   [VAL_REAL] = TYPE_REAL,
        [VAL_TEXT] = TYPE_TEXT, [VAL_DATE] = TYPE_DATE, [VAL_DATETIME] = TYPE_DATETIME,
        [VAL_TIME] = TYPE_TIME};
    return types[v->kind];
}

static struct operand *fold_constant(struct compiler *c, uint32_t start, enum type type,
                                     uint32_t at, const struct operand *like)
{
    struct rule_row row = {0};
    struct val v;
    enum err e = machine_run(c->machine, c->program, start, c->program->count, &row, &v);
    if (e != ERR_OK) {
        compile_fail(c, at, "%s", c->machine->em.text[0] != 0 ? c->machine->em.text : err_text(e));
        v = (struct val){.kind = VAL_NULL};
    }
    struct operand was = *like;
    c->program->count = start;
    compile_const(c, v, v.kind == VAL_NULL || type == TYPE_ANY ? type_of_val(&v) : type, at);
    struct operand *o = compile_top(c, 0);
    o->collation = was.collation;
    o->rank = was.rank;
    scratch_reset(&c->machine->scratch);
    return o;
}

struct operand *compile_fold(struct compiler *c, uint32_t argc, enum type type, bool pure)
{
    bool all = pure && c->err == ERR_OK;
    uint32_t start = c->program->count - 1;
    uint32_t at = c->program->count > 0 ? c->program->insns[c->program->count - 1].at : 0;
    struct operand best = {.rank = 5, .collation = c->connection};
    for (uint32_t i = 0; i < argc; i++) {
        const struct operand *o = compile_top(c, i);
        all = all && o->is_const;
        start = o->start;
        if (o->type == TYPE_TEXT && o->rank < best.rank)
            best = *o;
    }
    c->depth -= argc;
    if (all)
        return fold_constant(c, start, type, at, &best);
    struct operand *o = compile_push(c, type, at);
    o->start = start;
    o->rank = best.rank;
    o->collation = best.collation;
    return o;
}

int compile_find_column(const struct compiler *c, struct slice name)
{
    for (uint32_t i = 0; i < c->table->column_count; i++) {
        const struct column *col = &c->table->columns[i];
        if (!col->hidden && (c->x->dialect == RULE_SQL ? slice_eq_nocase(col->name, name)
                                                       : slice_eq(col->name, name)))
            return (int)i;
    }
    return -1;
}

static enum type type_of_column(const struct column *col)
{
    switch (col->kind) {
    case COL_TINYINT:
    case COL_SMALLINT:
    case COL_MEDIUMINT:
    case COL_INT:
    case COL_BIGINT:
        return col->is_unsigned ? TYPE_UINT : TYPE_INT;
    case COL_BIT:
    case COL_YEAR:
        return TYPE_UINT;
    case COL_FLOAT:
    case COL_DOUBLE:
        return TYPE_REAL;
    case COL_DECIMAL:
        return TYPE_DEC;
    case COL_DATE:
        return TYPE_DATE;
    case COL_TIME:
        return TYPE_TIME;
    case COL_DATETIME:
    case COL_TIMESTAMP:
        return TYPE_DATETIME;
    case COL_CHAR:
    case COL_VARCHAR:
    case COL_TEXT:
    case COL_BINARY:
    case COL_VARBINARY:
    case COL_BLOB:
    case COL_ENUM:
    case COL_SET:
        return TYPE_TEXT;
    case COL_JSON:
    case COL_GEOMETRY:
    case COL_VECTOR:
    case COL_UUID:
    case COL_INET4:
    case COL_INET6:
    case COL_KIND_COUNT:
        break;
    }
    return TYPE_OPAQUE;
}

static const struct rule_collation *collation_of(struct compiler *c, const struct column *col)
{
    struct slice name = col->collation.len > 0   ? col->collation
                        : col->collation_id != 0 ? collation_name_of_id(col->collation_id)
                                                 : SLICE_LIT("");
    if (col->charset == NULL || col->kind == COL_BINARY || col->kind == COL_VARBINARY ||
        col->kind == COL_BLOB)
        name = SLICE_LIT("binary");
    struct rule_collation *out = arena_alloc(c->program->arena, sizeof(*out));
    if (out == NULL) {
        c->err = ERR_NO_MEMORY;
        return c->connection;
    }
    return name.len > 0 && collation_of_name(name, c->mariadb, out) ? out : NULL;
}

static void lacks_column(const struct compiler *c, struct slice name, uint32_t at)
{
    rule_error_add(c->errors, at, "table %.*s.%.*s has no column `%.*s`",
                   SLICE_ARG(c->table->database), SLICE_ARG(c->table->name),
                   (int)(name.len < 64 ? name.len : 64), (const char *)name.ptr);
}

bool compile_column(struct compiler *c, const struct rule_node *n, unsigned image)
{
    int i = compile_find_column(c, n->text);
    if (i < 0) {
        lacks_column(c, n->text, n->at);
        c->err = ERR_CONFIG;
        return false;
    }
    const struct column *col = &c->table->columns[i];
    struct operand *o = compile_push(c, type_of_column(col), n->at);
    o->is_column = true;
    o->column = (uint16_t)i;
    o->is_year = col->kind == COL_YEAR;
    o->is_label = col->kind == COL_ENUM || col->kind == COL_SET;
    o->scale = o->digits = col->scale;
    o->rank = o->type == TYPE_TEXT ? 2 : 5;
    if (o->type == TYPE_TEXT)
        o->collation = collation_of(c, col);
    if (col->kind == COL_TIMESTAMP)
        c->program->session_free = false;
    struct insn *in = compile_emit(c, INSN_COLUMN, n->at);
    in->a = (uint32_t)i;
    in->flag = (uint8_t)image;
    in->p = col;
    return true;
}

/* Marks of one owner lead to each other. */
static void link_marks(struct compiler *c)
{
    const struct rule_expression *x = c->x;
    for (uint32_t i = x->count; i-- > 0;) {
        const struct rule_node *n = &x->nodes[i];
        if (n->kind != NODE_MARK)
            continue;
        /* label is not in use yet: the owner's first mark so far, plus one. */
        c->next[i] = c->label[n->target] != 0 ? c->label[n->target] - 1 : n->target;
        c->label[n->target] = i + 1;
    }
    memset(c->label, 0, x->count * sizeof(*c->label));
}

static void compile_nodes(struct compiler *c)
{
    const struct rule_expression *x = c->x;
    for (uint32_t i = 0; i < x->count && c->err != ERR_NO_MEMORY; i++) {
        if (i >= c->skip_to) {
            c->node = i;
            bool ok = x->dialect == RULE_SQL ? compile_sql_node(c, &x->nodes[i])
                                             : compile_etl_node(c, &x->nodes[i]);
            if (!ok)
                return;
        }
        if (c->label[i] == 0)
            c->label[i] = c->program->count;
    }
}

static bool is_jump(const struct insn *in)
{
    switch (in->code) {
    case INSN_IN_STEP:
    case INSN_AND_JUMP:
    case INSN_OR_JUMP:
    case INSN_COALESCE_JUMP:
    case INSN_IF_JUMP:
    case INSN_JUMP:
    case INSN_STOP_IF_DROPPED:
        return true;
    default:
        return false;
    }
}

static int by_value(const void *a, const void *b)
{
    return *(const uint16_t *)a - *(const uint16_t *)b;
}

/* Jumps get their targets, and the columns are listed. */
static void finish(struct compiler *c)
{
    struct rule_program *p = c->program;
    p->columns = arena_array(p->arena, p->count + 1, sizeof(*p->columns));
    for (uint32_t i = 0; i < p->count; i++) {
        struct insn *in = &p->insns[i];
        if (is_jump(in))
            in->a = c->label[in->a];
        if (p->columns != NULL && (in->code == INSN_COLUMN || in->code == INSN_COLUMN_LENGTH ||
                                   in->code == INSN_COLUMN_NULL))
            p->columns[p->column_count++] = (uint16_t)in->a;
    }
    if (p->columns == NULL)
        return;
    qsort(p->columns, p->column_count, sizeof(*p->columns), by_value);
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->column_count; i++)
        if (n == 0 || p->columns[n - 1] != p->columns[i])
            p->columns[n++] = p->columns[i];
    p->column_count = n;
}

static bool prepare(struct compiler *c)
{
    const struct rule_expression *x = c->x;
    struct arena *arena = arena_new(1024);
    c->program = arena != NULL ? arena_alloc(arena, sizeof(*c->program)) : NULL;
    if (c->program == NULL) {
        if (arena != NULL)
            arena_free(arena);
        return false;
    }
    c->program->arena = arena;
    c->program->table = c->table;
    c->program->session_free = true;
    c->program->text = arena_copy(arena, x->text);
    c->connection = arena_alloc(arena, sizeof(*c->connection));
    struct rule_machine_options o = {0};
    c->machine = rule_machine_new(&o);
    c->cap = RULE_STACK_MAX;
    c->stack = calloc(c->cap, sizeof(*c->stack));
    c->label = calloc(x->count, sizeof(*c->label));
    c->next = calloc(x->count, sizeof(*c->next));
    c->decided = calloc(x->count, sizeof(*c->decided));
    if (c->connection == NULL || c->machine == NULL || c->stack == NULL || c->label == NULL ||
        c->next == NULL || c->decided == NULL)
        return false;
    /* Literals have the connection's collation, which does not tell letters of either case apart.
     */
    if (!collation_of_name(SLICE_LIT("utf8mb4_general_ci"), c->mariadb, c->connection))
        return false;
    c->connection->name[0] = '\0';
    link_marks(c);
    return true;
}

enum err compile_program(const struct rule_expression *x, const struct table *t, bool mariadb,
                         bool wants_value, struct rule_program **out, struct rule_errors *errors)
{
    struct compiler c = {
        .x = x, .table = t, .mariadb = mariadb, .wants_value = wants_value, .errors = errors};
    if (prepare(&c)) {
        compile_nodes(&c);
        finish(&c);
        if (c.err == ERR_OK && c.program->arena->failed)
            c.err = ERR_NO_MEMORY;
    } else {
        c.err = ERR_NO_MEMORY;
    }
    rule_machine_free(c.machine);
    free(c.stack);
    free(c.label);
    free(c.next);
    free(c.decided);
    if (c.err != ERR_OK) {
        rule_program_free(c.program);
        return c.err;
    }
    *out = c.program;
    return ERR_OK;
}

void rule_program_free(struct rule_program *p)
{
    if (p == NULL)
        return;
    for (uint32_t i = 0; i < p->regex_count; i++)
        pcre2_code_free(p->regexes[i]);
    free(p->regexes);
    free(p->slots);
    free(p->insns);
    arena_free(p->arena);
}

/* Columns that the table lacks, but for the one that compiling ended at. */
struct lacking {
    const struct compiler *c;
    uint32_t told;
};

static void tell_lacking(void *arg, struct slice column, uint32_t offset, bool set)
{
    const struct lacking *l = arg;
    (void)set;
    if (offset != l->told && compile_find_column(l->c, column) < 0)
        lacks_column(l->c, column, offset);
}

enum err rule_filter_new(const struct rule_expression *x, const struct table *t, bool mariadb,
                         struct rule_program **out, struct rule_errors *errors)
{
    uint32_t before = errors->count;
    enum err e = compile_program(x, t, mariadb, false, out, errors);
    if (e == ERR_CONFIG && errors->count > before) {
        const struct compiler c = {.x = x, .table = t, .errors = errors};
        struct lacking l = {.c = &c, .told = errors->items[before].offset};
        rule_columns(x, tell_lacking, &l);
    }
    return e;
}

const uint16_t *rule_program_columns(const struct rule_program *p, uint32_t *count)
{
    *count = p->column_count;
    return p->columns;
}

bool rule_filter_for_select(const struct rule_program *p)
{
    return p->session_free;
}
