/*
 * Conditions, alternatives and logic of the DTS language: jumps over what
 * depends on a condition, and no code at all where a constant decides it.
 */
#include "rules/etl_int.h"

bool compile_etl_wants_condition(struct compiler *c, const struct operand *o)
{
    return o->type != TYPE_NONE || o->is_left_out ||
           compile_fail(c, o->at, "a condition is expected here, not a row function");
}

static bool wants_action(struct compiler *c, const struct operand *o)
{
    return o->type == TYPE_NONE || o->is_left_out ||
           compile_fail(c, o->at, "a row function such as e_set() or e_drop() is expected here");
}

/* The arguments from here to the next mark, or to the owner, are not looked at. */
static void skip_argument(struct compiler *c)
{
    uint32_t next = c->next[c->node];
    compile_etl_placeholder(c, SLICE_LIT(""), 0)->is_left_out = true;
    c->skip_to = c->x->nodes[next].kind == NODE_MARK ? next + 1 : next;
}

static void skip_rest(struct compiler *c, const struct rule_node *mark)
{
    for (uint32_t i = mark->argc; i < c->x->nodes[mark->target].argc; i++)
        compile_etl_placeholder(c, SLICE_LIT(""), 0)->is_left_out = true;
    c->skip_to = mark->target;
}

/* A condition is complete: a jump over what depends on it, or no code at all. */
static bool condition_mark(struct compiler *c, const struct rule_node *n)
{
    struct operand *o = compile_top(c, 0);
    if (!compile_etl_wants_condition(c, o))
        return false;
    if (!o->is_const) {
        o->type = TYPE_NONE;
        struct insn *in = compile_emit(c, INSN_IF_JUMP, n->at);
        in->a = c->next[c->node];
        in->flag = n->op != OP_CHOOSE ? TAKES_THE_STACK : 0;
        return true;
    }
    bool holds = val_is_true(compile_value(c, o));
    c->program->count = o->start;
    o->type = TYPE_NONE;
    o->is_left_out = true;
    if (!holds)
        skip_argument(c);
    else if (n->op != OP_E_IF)
        c->decided[n->target] = true;
    return true;
}

/* One alternative is complete, the others are jumped over. */
static bool alternative_mark(struct compiler *c, const struct rule_node *n)
{
    if (n->op != OP_CHOOSE && !wants_action(c, compile_top(c, 0)))
        return false;
    if (c->decided[n->target])
        skip_rest(c, n);
    else
        compile_emit(c, INSN_JUMP, n->at)->a = n->target;
    return true;
}

static bool logic_mark(struct compiler *c, const struct rule_node *n)
{
    struct operand *o = compile_top(c, 0);
    if (!compile_etl_wants_condition(c, o))
        return false;
    if (!o->is_const) {
        compile_emit(c, n->op == OP_OP_AND ? INSN_AND_JUMP : INSN_OR_JUMP, n->at)->a = n->target;
        return true;
    }
    bool holds = val_is_true(compile_value(c, o));
    o->is_left_out = true;
    if (holds == (n->op == OP_OP_OR)) {
        c->decided[n->target] = true;
        skip_rest(c, n);
    } else {
        c->program->count = o->start;
    }
    return true;
}

bool compile_etl_mark(struct compiler *c, const struct rule_node *n)
{
    switch ((int)n->op) {
    case OP_E_IF:
        if (n->argc % 2 != 0)
            return condition_mark(c, n);
        if (!wants_action(c, compile_top(c, 0)))
            return false;
        compile_emit(c, INSN_STOP_IF_DROPPED, n->at)->a = n->target;
        return true;
    case OP_E_SWITCH:
    case OP_E_IF_ELSE:
    case OP_CHOOSE:
        return n->argc % 2 != 0 ? condition_mark(c, n) : alternative_mark(c, n);
    case OP_E_COMPOSE:
        if (!wants_action(c, compile_top(c, 0)))
            return false;
        compile_emit(c, INSN_STOP_IF_DROPPED, n->at)->a = n->target;
        return true;
    default:
        return logic_mark(c, n);
    }
}

bool compile_etl_end_control(struct compiler *c, const struct rule_node *n)
{
    const struct operand *last = compile_top(c, 0);
    bool is_default = slice_eq(last->name, SLICE_LIT("default"));
    if (!wants_action(c, last))
        return false;
    if (n->op == OP_E_IF && n->argc % 2 != 0)
        return compile_fail(c, n->at, "e_if takes pairs of a condition and a row function");
    if (n->op == OP_E_SWITCH && !last->is_left_out && (n->argc % 2 != 0) != is_default)
        return compile_fail(c, last->at,
                            n->argc % 2 != 0 ? "the last one of an odd number of arguments has to "
                                               "be default = ..."
                                             : "default = ... has to be the last one behind pairs");
    uint32_t start = compile_top(c, n->argc - 1)->start;
    c->depth -= n->argc;
    compile_etl_placeholder(c, SLICE_LIT(""), n->at)->start = start;
    return true;
}

bool compile_etl_end_logic(struct compiler *c, const struct rule_node *n)
{
    struct operand left = *compile_top(c, 1), right = *compile_top(c, 0);
    if (c->decided[c->node]) {
        bool result = n->op == OP_OP_OR;
        c->depth -= 2;
        c->program->count = left.start;
        compile_const(c, (struct val){.kind = VAL_BOOL, .i = result}, TYPE_BOOL, n->at);
        return true;
    }
    if (!compile_etl_wants_condition(c, &right))
        return false;
    if (left.is_left_out) { /* it is what the right side is */
        c->depth -= 2;
        *compile_push(c, TYPE_BOOL, n->at) = right;
        return true;
    }
    compile_emit(c, n->op == OP_OP_AND ? INSN_AND : INSN_OR, n->at);
    compile_fold(c, 2, TYPE_BOOL, false);
    return true;
}

bool compile_etl_end_choose(struct compiler *c, const struct rule_node *n)
{
    struct operand a = *compile_top(c, 1), b = *compile_top(c, 0);
    uint32_t start = compile_top(c, 2)->start;
    if ((a.type == TYPE_NONE && !a.is_left_out) || (b.type == TYPE_NONE && !b.is_left_out))
        return compile_fail(c, n->at, "values are expected behind ?, not row functions");
    c->depth -= 3;
    const struct operand *only = a.is_left_out ? &b : b.is_left_out ? &a : NULL;
    struct operand *o = compile_push(c, TYPE_ANY, n->at);
    if (only != NULL)
        *o = *only;
    else
        o->type = a.type == b.type || b.type == TYPE_NULL ? a.type
                  : a.type == TYPE_NULL                   ? b.type
                                                          : TYPE_ANY;
    o->start = start;
    o->name = SLICE_LIT("");
    return true;
}
