/*
 * What the nodes of a WHERE condition mean: literals and operators, one by
 * one. compile_class.c says what values are compared as, compile_function.c
 * what functions make of them.
 */
#include "rules/compile_sql.h"

#include "base/utf8.h"
#include "rules/temporal.h"

#include <stdlib.h>

static bool number_node(struct compiler *c, const struct rule_node *n)
{
    struct slice s = n->text;
    struct dec d;
    uint64_t u;
    if (memchr(s.ptr, 'e', s.len) != NULL || memchr(s.ptr, 'E', s.len) != NULL) {
        size_t used;
        compile_const(c, (struct val){.kind = VAL_REAL, .r = text_real(s, &used)}, TYPE_REAL,
                      n->at);
        return true;
    }
    if (!dec_of_text(s, &d) || d.scale > DEC_SCALE_MAX)
        return compile_fail(c, n->at,
                            "a number has at most %d digits, and %d of them behind the "
                            "point",
                            DEC_DIGITS_MAX, DEC_SCALE_MAX);
    if (memchr(s.ptr, '.', s.len) != NULL || !dec_to_u64(&d, &u))
        compile_const(c, (struct val){.kind = VAL_DEC, .dec = &d}, TYPE_DEC, n->at);
    else if (u <= INT64_MAX)
        compile_const(c, (struct val){.kind = VAL_INT, .u = u}, TYPE_INT, n->at);
    else
        compile_const(c, (struct val){.kind = VAL_UINT, .u = u}, TYPE_UINT, n->at);
    return true;
}

static bool bytes_node(struct compiler *c, const struct rule_node *n)
{
    static struct rule_collation binary = {.name = "binary", .binary = true, .cased = true};
    bool is_text = c->mariadb && n->is_text;
    struct val v = {.kind = VAL_TEXT, .form = !is_text, .text = n->text};
    for (size_t i = 0; i < n->text.len; i++)
        v.number = v.number << 8 | n->text.ptr[i];
    compile_const(c, v, TYPE_TEXT, n->at);
    struct operand *o = compile_top(c, 0);
    o->is_hex = !is_text;
    o->collation = &binary;
    return true;
}

static bool temporal_node(struct compiler *c, const struct rule_node *n)
{
    struct civil civil;
    bool has_time;
    unsigned fsp;
    if (n->kind == NODE_TIME) {
        if (!temporal_parse_time(n->text, &civil, &fsp))
            return compile_fail(c, n->at, "this is no time: 'HH:MM:SS' is expected");
        compile_const(
            c,
            (struct val){.kind = VAL_TIME, .form = (uint8_t)fsp, .i = temporal_pack_time(&civil)},
            TYPE_TIME, n->at);
        return true;
    }
    bool date = n->kind == NODE_DATE;
    if (!temporal_parse(n->text, &civil, &has_time, &fsp) || has_time == date)
        return compile_fail(c, n->at, "this is no %s: '%s' is expected",
                            date ? "date" : "timestamp",
                            date ? "YYYY-MM-DD" : "YYYY-MM-DD HH:MM:SS");
    compile_const(c,
                  (struct val){.kind = date ? VAL_DATE : VAL_DATETIME,
                               .form = (uint8_t)fsp,
                               .i = temporal_pack(&civil)},
                  date ? TYPE_DATE : TYPE_DATETIME, n->at);
    return true;
}

/* --- operators ------------------------------------------------------------- */

static bool compare_node(struct compiler *c, const struct rule_node *n)
{
    struct operand *ops[2] = {compile_top(c, 1), compile_top(c, 0)};
    unsigned class;
    const struct rule_collation *collation;
    compile_text_to_decimal(c, ops[0], ops[1]);
    compile_text_to_decimal(c, ops[1], ops[0]);
    if (!compile_find_class(c, ops, 2, &class, &collation))
        return false;
    struct insn *in = compile_emit(c, INSN_COMPARE, n->at);
    in->op = n->op;
    in->flag = (uint8_t) class;
    in->p = collation;
    in->a = class == CLASS_DEC ? compile_rounding(ops[0], ops[1]) : NO_ROUNDING;
    compile_fold(c, 2, TYPE_INT, class != CLASS_TEXT);
    return true;
}

static bool between_node(struct compiler *c, const struct rule_node *n)
{
    struct operand *ops[3] = {compile_top(c, 2), compile_top(c, 1), compile_top(c, 0)};
    unsigned class;
    const struct rule_collation *collation;
    if (!compile_find_class(c, ops, 3, &class, &collation))
        return false;
    struct insn *in = compile_emit(c, INSN_BETWEEN, n->at);
    in->op = n->negated;
    in->flag = (uint8_t) class;
    in->p = collation;
    compile_fold(c, 3, TYPE_INT, false);
    return true;
}

/* What the list of an IN is like, kept with the operand that stands for what was found. */
static void note_item(struct operand *found, const struct operand *left, const struct operand *item,
                      unsigned class)
{
    found->in_classes |= (uint8_t)(1u << class);
    found->in_variable = found->in_variable || !item->is_const;
    found->in_signs = found->in_signs || (compile_is_integer(left) && compile_is_integer(item) &&
                                          left->type != item->type);
}

/*
 * A list that MySQL does not sort beforehand is compared without regard to
 * which integers are unsigned: -1 is in (18446744073709551615, x). That is no
 * meaning to follow.
 */
static bool signs_agree(struct compiler *c, const struct operand *found, const struct rule_node *n)
{
    bool sorted = !found->in_variable && (found->in_classes & (found->in_classes - 1)) == 0;
    return c->mariadb || sorted || !found->in_signs || n->argc < 3 ||
           compile_fail(c, n->at, "IN over signed and unsigned integers: write it with = and OR");
}

/* The item at the top is compared with the value that IN looks for. */
static bool in_step(struct compiler *c, uint32_t owner)
{
    const struct rule_node *n = &c->x->nodes[owner];
    struct operand *ops[2] = {compile_top(c, 2), compile_top(c, 0)}; /* what was found is between */
    struct operand left = *ops[0];
    unsigned class;
    const struct rule_collation *collation;
    left.is_const = false; /* each item compares with it in its own way: it stays as it is */
    ops[0] = &left;
    if (n->argc == 2 || c->mariadb) /* one item is a plain comparison */
        compile_text_to_decimal(c, &left, ops[1]);
    if (!compile_find_class(c, ops, 2, &class, &collation))
        return false;
    note_item(compile_top(c, 1), &left, ops[1], class);
    struct insn *in = compile_emit(c, INSN_IN_STEP, c->x->nodes[owner].at);
    in->op = n->negated;
    in->flag = (uint8_t) class;
    in->p = collation;
    in->a = owner;
    c->depth--;
    return true;
}

static bool in_node(struct compiler *c, const struct rule_node *n)
{
    if (!in_step(c, c->node) || !signs_agree(c, compile_top(c, 0), n))
        return false;
    compile_emit(c, INSN_IN_END, n->at)->op = n->negated;
    compile_fold(c, 2, TYPE_INT, false);
    return true;
}

static bool null_node(struct compiler *c, const struct rule_node *n)
{
    const struct operand *o = compile_top(c, 0);
    const struct column *col = compile_column_of(c, o);
    if (col != NULL && !col->nullable && (col->kind == COL_DATE || col->kind == COL_DATETIME))
        return compile_fail(c, o->at,
                            "column `%.*s` is NOT NULL: servers take IS NULL for = '0000-00-00' "
                            "here; write that if it is meant",
                            SLICE_ARG(col->name));
    if (col != NULL) {
        struct insn *load = &c->program->insns[c->program->count - 1];
        load->code = INSN_COLUMN_NULL;
        load->op = n->negated;
    } else {
        struct insn *in = compile_emit(c, INSN_IS, n->at);
        in->op = OP_IS_NULL;
        in->a = n->negated;
    }
    compile_fold(c, 1, TYPE_INT, col == NULL);
    return true;
}

static bool truth(struct compiler *c, uint32_t below)
{
    const struct operand *o = compile_top(c, below);
    return compile_usable(c, o);
}

static bool is_node(struct compiler *c, const struct rule_node *n)
{
    if (!truth(c, 0))
        return false;
    struct insn *in = compile_emit(c, INSN_IS, n->at);
    in->op = n->op;
    in->a = n->negated;
    compile_fold(c, 1, TYPE_INT, true);
    return true;
}

static bool logic_node(struct compiler *c, const struct rule_node *n)
{
    enum insn_code code = n->op == OP_AND   ? INSN_AND
                          : n->op == OP_OR  ? INSN_OR
                          : n->op == OP_XOR ? INSN_XOR
                                            : INSN_NOT;
    uint32_t argc = n->op == OP_NOT ? 1 : 2;
    for (uint32_t i = 0; i < argc; i++)
        if (!truth(c, i))
            return false;
    compile_emit(c, code, n->at);
    compile_fold(c, argc, TYPE_INT, n->op == OP_NOT || n->op == OP_XOR);
    return true;
}

/* --- texts ------------------------------------------------------------------- */
static bool like_node(struct compiler *c, const struct rule_node *n)
{
    struct like_info *info = arena_alloc(c->program->arena, sizeof(*info));
    struct operand joined;
    if (info == NULL)
        return false;
    info->escape = '\\';
    if (n->argc == 3) {
        struct operand *o = compile_top(c, 0);
        struct slice s =
            o->is_const && o->type == TYPE_TEXT ? compile_value(c, o)->text : SLICE_LIT("..");
        if (s.len > 0 && utf8_char_len(s.ptr, s.ptr + s.len) != s.len)
            return compile_fail(c, o->at, "one character, or none, is expected behind ESCAPE");
        info->escape = s.len > 0 ? utf8_code_point(s.ptr, (unsigned)s.len) : 0;
        c->program->count = o->start;
        c->depth--;
    }
    if (!compile_text_able(c, compile_top(c, 0)) || !compile_text_able(c, compile_top(c, 1)) ||
        !compile_common_collation(c, 2, &joined))
        return false;
    info->collation = joined.collation;
    struct insn *in = compile_emit(c, INSN_LIKE, n->at);
    in->op = n->negated;
    in->p = info;
    compile_fold(c, 2, TYPE_INT, false);
    return true;
}

static bool keep_regex(struct compiler *c, void *code)
{
    struct rule_program *p = c->program;
    void **regexes = realloc(p->regexes, (p->regex_count + 1) * sizeof(*regexes));
    if (regexes == NULL) {
        c->err = ERR_NO_MEMORY;
        return false;
    }
    p->regexes = regexes;
    p->regexes[p->regex_count++] = code;
    return true;
}

static bool regexp_node(struct compiler *c, const struct rule_node *n)
{
    struct regex_info *info = arena_alloc(c->program->arena, sizeof(*info));
    const struct operand *pattern = compile_top(c, 0);
    struct operand joined;
    if (info == NULL || !compile_text_able(c, pattern) ||
        !compile_text_able(c, compile_top(c, 1)) || !compile_common_collation(c, 2, &joined))
        return false;
    if (compile_is_bytes(joined.collation))
        return compile_fail(c, n->at, "REGEXP has no meaning for binary columns");
    info->collation = joined.collation;
    if (pattern->is_const && pattern->type == TYPE_TEXT) {
        info->code = regex_plain(compile_value(c, pattern)->text, !joined.collation->cased, false);
        if (info->code != NULL && !keep_regex(c, info->code))
            return false;
    }
    struct insn *in = compile_emit(c, INSN_REGEXP, n->at);
    in->op = n->negated;
    in->p = info;
    compile_fold(c, 2, TYPE_INT, false);
    return true;
}

/* --- nodes -------------------------------------------------------------------- */

static bool mark_node(struct compiler *c, const struct rule_node *n)
{
    struct operand *o = compile_top(c, 0);
    if (n->op == OP_IN) {
        if (n->argc > 1)
            return in_step(c, n->target);
        if (!compile_usable(c, o))
            return false;
        compile_push(c, TYPE_INT, n->at);
        compile_emit(c, INSN_IN_BEGIN, n->at);
        return true;
    }
    if (n->op == OP_AND || n->op == OP_OR) {
        if (!truth(c, 0))
            return false;
        compile_emit(c, n->op == OP_AND ? INSN_AND_JUMP : INSN_OR_JUMP, n->at)->a = n->target;
        return true;
    }
    compile_emit(c, INSN_COALESCE_JUMP, n->at)->a = n->target;
    return true;
}

static bool call_node(struct compiler *c, const struct rule_node *n)
{
    switch ((int)n->op) {
    case OP_OR:
    case OP_XOR:
    case OP_AND:
    case OP_NOT:
        return logic_node(c, n);
    case OP_EQ:
    case OP_NULL_EQ:
    case OP_NE:
    case OP_LT:
    case OP_LE:
    case OP_GT:
    case OP_GE:
        return compare_node(c, n);
    case OP_IN:
        return in_node(c, n);
    case OP_BETWEEN:
        return between_node(c, n);
    case OP_LIKE:
        return like_node(c, n);
    case OP_REGEXP:
        return regexp_node(c, n);
    case OP_IS_NULL:
        return null_node(c, n);
    case OP_IS_TRUE:
    case OP_IS_FALSE:
        return is_node(c, n);
    case OP_NEG:
        return compile_negative_node(c, n);
    case OP_ADD:
    case OP_SUB:
    case OP_MUL:
    case OP_DIVIDE:
    case OP_INT_DIV:
    case OP_MOD:
    case OP_FN_MOD:
        return compile_arithmetic_node(c, n);
    case OP_ABS:
    case OP_LOWER:
    case OP_UPPER:
    case OP_LENGTH:
    case OP_CHAR_LENGTH:
    case OP_CONCAT:
    case OP_SUBSTRING:
    case OP_COALESCE:
    case OP_IFNULL:
    case OP_DATE:
    case OP_YEAR:
        return compile_function_node(c, n);
    default:
        return compile_fail(c, n->at, "%s has no place in a condition", rule_ops[n->op].name);
    }
}

bool compile_sql_node(struct compiler *c, const struct rule_node *n)
{
    bool last = c->node + 1 == c->x->count;
    switch ((enum node_kind)n->kind) {
    case NODE_NUMBER:
        number_node(c, n);
        break;
    case NODE_STRING:
        compile_const(c, (struct val){.kind = VAL_TEXT, .text = n->text}, TYPE_TEXT, n->at);
        break;
    case NODE_BYTES:
        bytes_node(c, n);
        break;
    case NODE_NULL:
        compile_const(c, (struct val){.kind = VAL_NULL}, TYPE_NULL, n->at);
        break;
    case NODE_TRUE:
    case NODE_FALSE:
        compile_const(c, (struct val){.kind = VAL_INT, .i = n->kind == NODE_TRUE}, TYPE_INT, n->at);
        break;
    case NODE_DATE:
    case NODE_TIME:
    case NODE_DATETIME:
        temporal_node(c, n);
        break;
    case NODE_COLUMN:
        compile_column(c, n, IMAGE_CURRENT);
        break;
    case NODE_MARK:
        return mark_node(c, n);
    case NODE_CALL:
        call_node(c, n);
        break;
    case NODE_VARIABLE:
    case NODE_NAME:
        return compile_fail(c, n->at, "this has no place in a condition");
    }
    if (c->err == ERR_OK && last)
        return truth(c, 0);
    return c->err == ERR_OK;
}
