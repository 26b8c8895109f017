/*
 * The machine: one loop over the instructions of a program, with a stack of
 * values. Three-valued logic has NULL for unknown.
 */
#include "rules/etl_int.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SCRATCH_KEPT   (64u << 10)
#define SCRATCH_MAX    (256u << 20) /* of one row */
#define ANSWERS_BYTES  (1u << 20)
#define REGEX_STEPS    1000000
#define REGEX_HEAP_KIB 4096

struct rule_machine *rule_machine_new(const struct rule_machine_options *o)
{
    struct rule_machine *m = calloc(1, sizeof(*m));
    if (m == NULL)
        return NULL;
    m->o = *o;
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    m->match_context = context;
    m->match_data = pcre2_match_data_create(1, NULL);
    m->stack = calloc(RULE_STACK_MAX + 2, sizeof(*m->stack));
    m->answers = rule_answers_new(o->answers_bytes != 0 ? o->answers_bytes : ANSWERS_BYTES);
    if (!scratch_init(&m->scratch, SCRATCH_KEPT, SCRATCH_MAX) || context == NULL ||
        m->match_data == NULL || m->stack == NULL || m->answers == NULL) {
        rule_machine_free(m);
        return NULL;
    }
    pcre2_set_match_limit(context, REGEX_STEPS);
    pcre2_set_heap_limit(context, REGEX_HEAP_KIB);
    return m;
}

void rule_machine_free(struct rule_machine *m)
{
    if (m == NULL)
        return;
    scratch_fini(&m->scratch);
    pcre2_match_data_free(m->match_data);
    pcre2_match_context_free(m->match_context);
    rule_answers_free(m->answers);
    free(m->stack);
    free(m);
}

const char *rule_machine_message(const struct rule_machine *m)
{
    return m->em.text;
}

uint64_t rule_machine_asked(const struct rule_machine *m)
{
    return m->asked;
}

enum err machine_fail(struct rule_machine *m, enum err e, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(m->em.text, sizeof(m->em.text), fmt, ap);
    va_end(ap);
    return e;
}

enum err machine_ask(struct rule_machine *m, const struct rule_question *q, struct rule_answer *out)
{
    if (rule_answers_get(m->answers, q, out))
        return ERR_OK;
    if (m->o.ask == NULL)
        return machine_fail(m, ERR_EXPRESSION,
                            "a comparison under collation %s needs the source, which cannot be "
                            "asked here",
                            q->collation);
    m->asked++;
    TRY(m->o.ask(m->o.ask_arg, q, out, &m->em));
    rule_answers_put(m->answers, q, out);
    return ERR_OK;
}

static const struct cell *cell_at(const struct rule_row *row, const struct insn *in)
{
    if (in->flag != IMAGE_CURRENT) {
        const struct cell *image = in->flag == IMAGE_BEFORE ? row->before : row->after;
        const struct cell *c = image != NULL ? &image[in->a] : NULL;
        return c != NULL && c->kind != CELL_ABSENT ? c : NULL;
    }
    const struct cell *c = row->work != NULL ? &row->work[in->a] : &row->cells[in->a];
    if (__builtin_expect(c->kind == CELL_ABSENT, 0))
        c = row->other != NULL ? &row->other[in->a] : NULL;
    return c != NULL && c->kind != CELL_ABSENT ? c : NULL;
}

static enum err absent(struct rule_machine *m, const struct rule_program *p, const struct insn *in)
{
    return machine_fail(m, ERR_TABLE_MISMATCH,
                        "a row image without column %.*s, which an expression needs: set "
                        "binlog_row_image=FULL on the source",
                        SLICE_ARG(p->table->columns[in->a].name));
}

static enum err load(struct rule_machine *m, const struct rule_program *p, const struct insn *in,
                     const struct rule_row *row, struct val *out)
{
    const struct cell *c = cell_at(row, in);
    if (c == NULL) {
        if (in->flag != IMAGE_CURRENT) { /* there is no such image: NULL */
            *out = (struct val){.kind = VAL_NULL};
            return ERR_OK;
        }
        return absent(m, p, in);
    }
    bool at_work = row->work != NULL && c == &row->work[in->a];
    const struct column *col = row->work_columns == NULL ? in->p
                               : at_work                 ? &row->work_columns[in->a]
                                                         : &row->source_columns[in->a];
    return val_of_cell(col, c, m->o.zone, &m->scratch, out);
}

static enum err load_fact(struct rule_machine *m, const struct rule_program *p,
                          const struct insn *in, const struct rule_row *row, struct val *out)
{
    const struct cell *c = cell_at(row, in);
    if (c == NULL)
        return absent(m, p, in);
    if (in->code == INSN_COLUMN_NULL)
        *out = (struct val){.kind = VAL_INT, .i = (c->kind == CELL_NULL) != in->op};
    else if (c->kind == CELL_NULL)
        *out = (struct val){.kind = VAL_NULL};
    else
        *out = (struct val){.kind = VAL_INT, .i = (int64_t)c->raw.len};
    return ERR_OK;
}

static int compare_integers(const struct val *a, const struct val *b)
{
    if (a->kind == VAL_UINT && b->kind == VAL_UINT)
        return a->u < b->u ? -1 : a->u > b->u;
    if (a->kind == VAL_UINT)
        return b->i < 0 || a->u > (uint64_t)b->i ? 1 : a->u < (uint64_t)b->i ? -1 : 0;
    if (b->kind == VAL_UINT)
        return a->i < 0 || (uint64_t)a->i < b->u ? -1 : (uint64_t)a->i > b->u;
    return a->i < b->i ? -1 : a->i > b->i;
}

static int compare_decimals(const struct insn *in, const struct val *a, const struct val *b)
{
    struct dec x, y;
    if (in->code == INSN_COMPARE && in->a != NO_ROUNDING && val_dec(a, &x) && val_dec(b, &y)) {
        unsigned left = in->a >> 8, right = in->a & 255;
        bool ok =
            (left == 255 || dec_round(&x, left, &x)) && (right == 255 || dec_round(&y, right, &y));
        return ok ? dec_cmp(&x, &y) : 0;
    }
    if (a->kind == VAL_DEC && b->kind == VAL_DEC)
        return dec_cmp(a->dec, b->dec);
    if (!val_dec(a, &x) || !val_dec(b, &y))
        return 0;
    return dec_cmp(&x, &y);
}

/* Neither is NULL. */
static enum err compare(struct rule_machine *m, const struct insn *in, const struct val *a,
                        const struct val *b, int *out)
{
    double x, y;
    switch ((enum val_class)in->flag) {
    case CLASS_INT:
        *out = compare_integers(a, b);
        return ERR_OK;
    case CLASS_DEC:
        *out = compare_decimals(in, a, b);
        return ERR_OK;
    case CLASS_REAL:
        x = val_real(a);
        y = val_real(b);
        *out = x < y ? -1 : x > y;
        return ERR_OK;
    case CLASS_TIME:
        *out = a->i < b->i ? -1 : a->i > b->i;
        return ERR_OK;
    case CLASS_TEXT:
        break;
    }
    return eval_compare_text(m, in->p, a, b, out);
}

static bool holds(unsigned op, int cmp)
{
    switch (op) {
    case OP_EQ:
    case OP_NULL_EQ:
        return cmp == 0;
    case OP_NE:
        return cmp != 0;
    case OP_LT:
        return cmp < 0;
    case OP_LE:
        return cmp <= 0;
    case OP_GT:
        return cmp > 0;
    default:
        return cmp >= 0;
    }
}

static inline struct val truth(bool v)
{
    return (struct val){.kind = VAL_INT, .i = v};
}

static enum err run_compare(struct rule_machine *m, const struct insn *in, struct val *a,
                            const struct val *b)
{
    int cmp;
    if (a->kind == VAL_NULL || b->kind == VAL_NULL) {
        *a = in->op == OP_NULL_EQ ? truth(a->kind == b->kind) : (struct val){.kind = VAL_NULL};
        return ERR_OK;
    }
    TRY(compare(m, in, a, b, &cmp));
    *a = truth(holds(in->op, cmp));
    return ERR_OK;
}

/* a >= low AND a <= high, in three values. */
static enum err run_between(struct rule_machine *m, const struct insn *in, struct val *a)
{
    const struct val *low = a + 1, *high = a + 2;
    int cmp;
    bool unknown = a->kind == VAL_NULL || low->kind == VAL_NULL || high->kind == VAL_NULL;
    bool outside = false;
    if (a->kind != VAL_NULL && low->kind != VAL_NULL) {
        TRY(compare(m, in, a, low, &cmp));
        outside = cmp < 0;
    }
    if (a->kind != VAL_NULL && high->kind != VAL_NULL && !outside) {
        TRY(compare(m, in, a, high, &cmp));
        outside = cmp > 0;
    }
    *a = outside ? truth(in->op) : unknown ? (struct val){.kind = VAL_NULL} : truth(!in->op);
    return ERR_OK;
}

/* The stack has the value, what was found so far, and the item. *found: it is this one. */
static enum err run_in_step(struct rule_machine *m, const struct insn *in, struct val *left,
                            bool *found)
{
    const struct val *item = left + 2;
    int cmp;
    *found = false;
    if (left->kind == VAL_NULL || item->kind == VAL_NULL) {
        left[1] = (struct val){.kind = VAL_NULL};
        return ERR_OK;
    }
    TRY(compare(m, in, left, item, &cmp));
    *found = cmp == 0;
    return ERR_OK;
}

static enum err run_like(struct rule_machine *m, const struct insn *in, struct val *a,
                         const struct val *pattern)
{
    struct slice text, like;
    bool matches;
    if (a->kind == VAL_NULL || pattern->kind == VAL_NULL) {
        *a = (struct val){.kind = VAL_NULL};
        return ERR_OK;
    }
    TRY(val_text(a, &m->scratch, &text));
    TRY(val_text(pattern, &m->scratch, &like));
    if (in->code == INSN_LIKE) {
        const struct like_info *info = in->p;
        TRY(eval_like(m, info, text, like, info->escape, &matches));
    } else {
        TRY(eval_regexp(m, in->p, text, like, &matches));
    }
    *a = truth(matches != in->op);
    return ERR_OK;
}

static struct val run_is(const struct insn *in, const struct val *v)
{
    bool is = in->op == OP_IS_NULL   ? v->kind == VAL_NULL
              : in->op == OP_IS_TRUE ? v->kind != VAL_NULL && val_is_true(v)
                                     : v->kind != VAL_NULL && !val_is_true(v);
    return truth(is != in->a);
}

static struct val run_logic(const struct insn *in, const struct val *a, const struct val *b)
{
    bool null_a = a->kind == VAL_NULL, null_b = b->kind == VAL_NULL;
    bool x = val_is_true(a), y = val_is_true(b);
    const struct val unknown = {.kind = VAL_NULL};
    if (in->code == INSN_XOR)
        return null_a || null_b ? unknown : truth(x != y);
    if (in->code == INSN_AND) {
        if ((!null_a && !x) || (!null_b && !y))
            return truth(false);
        return null_a || null_b ? unknown : truth(true);
    }
    if (x || y)
        return truth(true);
    return null_a || null_b ? unknown : truth(false);
}

static void run_variable(const struct rule_machine *m, const struct insn *in,
                         const struct rule_row *row, struct val *out)
{
    *out = in->a == VARIABLE_OPERATION ? (struct val){.kind = VAL_INT, .i = row->operation}
                                       : etl_local_time(m, row->commit_us, 0);
}

static enum err run_set(struct rule_machine *m, const struct rule_program *p, const struct insn *in,
                        struct rule_row *row, const struct val *v)
{
    uint32_t at = p->slots[in->a].column;
    return cell_of_val(m, &row->work_columns[at], v, &row->work[at]);
}

static void run_set_operation(struct rule_row *row, const struct val *v)
{
    if (v->kind != VAL_NULL)
        row->operation = (unsigned)v->i;
}

/* What only scripts have. *next: the instruction behind this one. */
static enum err run_row_insn(struct rule_machine *m, const struct rule_program *p,
                             const struct insn *in, struct rule_row *row, struct val **stack,
                             uint32_t *next)
{
    struct val *top = *stack;
    enum err e = ERR_OK;
    switch ((int)in->code) {
    case INSN_VARIABLE:
        run_variable(m, in, row, top++);
        break;
    case INSN_SET:
        e = run_set(m, p, in, row, --top);
        break;
    case INSN_SET_OPERATION:
        run_set_operation(row, --top);
        break;
    case INSN_DROP:
        row->dropped = true;
        break;
    case INSN_KEEP:
        top--;
        row->dropped = row->dropped || !val_is_true(top);
        break;
    case INSN_STOP_IF_DROPPED:
        *next = row->dropped ? in->a : *next;
        break;
    default: /* INSN_REPLACE_ALL */
        top -= in->argc;
        e = eval_etl_replace_all(m, in, row, p->table->column_count, top);
        break;
    }
    *stack = top;
    return e;
}

/* The stack holds count values. */
static enum err run(struct rule_machine *m, const struct rule_program *p, uint32_t from,
                    uint32_t to, uint32_t count, struct rule_row *row, struct val *out)
{
    struct val *top = m->stack + count; /* one beyond the last value */
    uint32_t i = from;
    bool found;
    while (i < to) {
        const struct insn *in = &p->insns[m->at = i++];
        switch ((enum insn_code)in->code) {
        case INSN_CONST:
            *top++ = *(const struct val *)in->p;
            break;
        case INSN_COLUMN:
            TRY(load(m, p, in, row, top++));
            break;
        case INSN_COLUMN_LENGTH:
        case INSN_COLUMN_NULL:
            TRY(load_fact(m, p, in, row, top++));
            break;
        case INSN_COMPARE:
            top--;
            TRY(run_compare(m, in, top - 1, top));
            break;
        case INSN_IN_BEGIN:
            *top++ = truth(false);
            break;
        case INSN_IN_STEP:
            top--;
            TRY(run_in_step(m, in, top - 2, &found));
            if (found) {
                top--;
                top[-1] = truth(!in->op);
                i = in->a;
            }
            break;
        case INSN_IN_END:
            top--;
            top[-1] = top->kind == VAL_NULL ? *top : truth(in->op);
            break;
        case INSN_BETWEEN:
            top -= 2;
            TRY(run_between(m, in, top - 1));
            break;
        case INSN_LIKE:
        case INSN_REGEXP:
            top--;
            TRY(run_like(m, in, top - 1, top));
            break;
        case INSN_IS:
            top[-1] = run_is(in, top - 1);
            break;
        case INSN_NOT:
            if (top[-1].kind != VAL_NULL)
                top[-1] = truth(!val_is_true(top - 1));
            break;
        case INSN_AND_JUMP:
            if (top[-1].kind != VAL_NULL && !val_is_true(top - 1)) {
                top[-1] = truth(false);
                i = in->a;
            }
            break;
        case INSN_OR_JUMP:
            if (val_is_true(top - 1)) {
                top[-1] = truth(true);
                i = in->a;
            }
            break;
        case INSN_XOR:
        case INSN_AND:
        case INSN_OR:
            top--;
            top[-1] = run_logic(in, top - 1, top);
            break;
        case INSN_ARITHMETIC:
            if (in->op != OP_NEG && in->op != OP_ABS)
                top--;
            TRY(eval_arithmetic(m, in, top - 1, top));
            break;
        case INSN_COALESCE_JUMP:
            if (top[-1].kind != VAL_NULL)
                i = in->a;
            else
                top--;
            break;
        case INSN_CONVERT:
            TRY(eval_convert(m, in->flag, top - 1));
            break;
        case INSN_CALL:
            if (in->op == OP_COALESCE || in->op == OP_IFNULL)
                break;
            top -= in->argc;
            if (in->op < OP_E_IF)
                TRY(eval_sql_call(m, in, top));
            else
                TRY(eval_etl_call(m, in, row, top));
            top++;
            break;
        case INSN_IF_JUMP:
            top--;
            if (!val_is_true(top))
                i = in->a;
            break;
        case INSN_JUMP:
            i = in->a;
            break;
        case INSN_VARIABLE:
        case INSN_SET:
        case INSN_SET_OPERATION:
        case INSN_DROP:
        case INSN_KEEP:
        case INSN_STOP_IF_DROPPED:
        case INSN_REPLACE_ALL:
            TRY(run_row_insn(m, p, in, row, &top, &i));
            break;
        }
    }
    if (out != NULL && top > m->stack)
        *out = top[-1];
    return ERR_OK;
}

enum err machine_run(struct rule_machine *m, const struct rule_program *p, uint32_t from,
                     uint32_t to, struct rule_row *row, struct val *out)
{
    return run(m, p, from, to, 0, row, out);
}

enum err machine_resume(struct rule_machine *m, const struct rule_program *p, struct rule_row *row,
                        struct val *out)
{
    /* Row functions take one value from an empty stack: the next of them is where it was wanted. */
    uint32_t at = m->at;
    if (p->insns[at].code == INSN_REPLACE_ALL)
        return run(m, p, at + 1, p->count, 0, row, out);
    while (at < p->count && p->insns[at].flag != TAKES_THE_STACK)
        at++;
    m->stack[0] = (struct val){.kind = VAL_NULL};
    return run(m, p, at, p->count, 1, row, out);
}

enum err rule_filter(struct rule_machine *m, const struct rule_program *p, const struct cell *cells,
                     const struct cell *other, bool *pass)
{
    struct rule_row row = {.cells = cells, .other = other};
    struct val v = {.kind = VAL_NULL};
    scratch_reset(&m->scratch);
    m->em.text[0] = '\0';
    TRY(machine_run(m, p, 0, p->count, &row, &v));
    *pass = v.kind != VAL_NULL && val_is_true(&v);
    return ERR_OK;
}
