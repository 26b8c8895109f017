/*
 * A condition back to SQL. The nodes stand behind their operands, so a tree is
 * made of them first (first operand, next operand), and that is walked with a
 * stack of its own.
 *
 * Every operator has brackets around it but in a chain of the same operator: a
 * AND b AND c, a - b - c. So no precedence of any server counts,
 * and a chain of thousands does not nest.
 */
#include "rules/expression_int.h"
#include "rules/program.h"
#include "schema/sql_name.h"

#include <stdlib.h>

#define NONE UINT32_MAX

struct walk {
    const struct rule_expression *x;
    const struct table *table;
    struct writer *w;
    uint32_t *first; /* by node: its first operand */
    uint32_t *next;  /* by node: the operand behind it */
    struct open_node {
        uint32_t node;
        uint32_t operand; /* the next one */
        uint32_t number;  /* how many were written */
        bool bare;        /* without brackets */
    } * stack;
    uint32_t depth;
};

static void put_string(struct writer *w, struct slice s)
{
    writer_u8(w, '\'');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\'' || s.ptr[i] == '\\')
            writer_u8(w, s.ptr[i]);
        if (s.ptr[i] == 0)
            writer_lit(w, "\\0");
        else
            writer_u8(w, s.ptr[i]);
    }
    writer_u8(w, '\'');
}

static void put_bytes(struct writer *w, const struct rule_node *n)
{
    static const char digits[] = "0123456789ABCDEF";
    bool text = n->is_text || n->text.len == 0;
    writer_slice_put(w, text ? SLICE_LIT("X'") : SLICE_LIT("0x"));
    for (size_t i = 0; i < n->text.len; i++) {
        writer_u8(w, (uint8_t)digits[n->text.ptr[i] >> 4]);
        writer_u8(w, (uint8_t)digits[n->text.ptr[i] & 15]);
    }
    if (text)
        writer_u8(w, '\'');
}

/* By the table's own spelling. */
static void put_column(const struct walk *k, struct slice name)
{
    for (uint32_t i = 0; i < k->table->column_count; i++) {
        const struct column *c = &k->table->columns[i];
        if (!c->hidden && slice_eq_nocase(c->name, name)) {
            sql_put_name(k->w, c->name);
            return;
        }
    }
    sql_put_name(k->w, name);
}

static void put_leaf(const struct walk *k, const struct rule_node *n)
{
    switch ((enum node_kind)n->kind) {
    case NODE_NUMBER:
        writer_slice_put(k->w, n->text);
        return;
    case NODE_STRING:
        put_string(k->w, n->text);
        return;
    case NODE_BYTES:
        put_bytes(k->w, n);
        return;
    case NODE_NULL:
        writer_lit(k->w, "NULL");
        return;
    case NODE_TRUE:
        writer_lit(k->w, "TRUE");
        return;
    case NODE_FALSE:
        writer_lit(k->w, "FALSE");
        return;
    case NODE_DATE:
        writer_lit(k->w, "DATE");
        put_string(k->w, n->text);
        return;
    case NODE_TIME:
        writer_lit(k->w, "TIME");
        put_string(k->w, n->text);
        return;
    case NODE_DATETIME:
        writer_lit(k->w, "TIMESTAMP");
        put_string(k->w, n->text);
        return;
    case NODE_COLUMN:
        put_column(k, n->text);
        return;
    case NODE_VARIABLE:
    case NODE_MARK:
    case NODE_NAME:
    case NODE_CALL:
        break;
    }
    k->w->err = ERR_UNSUPPORTED; /* no node of a condition */
}

static bool is_function(const struct rule_node *n)
{
    return n->op >= OP_LOWER && n->op <= OP_ABS;
}

static bool is_prefix(const struct rule_node *n)
{
    return n->op == OP_NOT || n->op == OP_NEG;
}

/* a AND b AND c is (a AND b) AND c to every server. */
static bool chains(const struct rule_node *n)
{
    return n->op == OP_OR || n->op == OP_XOR || n->op == OP_AND ||
           (n->op >= OP_ADD && n->op <= OP_MOD);
}

static void put_begin(const struct walk *k, const struct rule_node *n, bool bare)
{
    if (is_function(n))
        writer_slice_put(k->w, slice_str(rule_ops[n->op].name));
    if (!bare)
        writer_u8(k->w, '(');
    if (is_prefix(n))
        writer_slice_put(k->w, n->op == OP_NOT ? SLICE_LIT("NOT ") : SLICE_LIT("- "));
}

/* What stands in front of an operand that is not the first. */
static void put_between(const struct walk *k, const struct rule_node *n, uint32_t number)
{
    const char *word = rule_ops[n->op].name;
    if (is_function(n) || (n->op == OP_IN && number > 1)) {
        writer_u8(k->w, ',');
        return;
    }
    if (number > 1)
        word = n->op == OP_BETWEEN ? "AND" : "ESCAPE";
    writer_slice_put(k->w, n->negated && number == 1 ? SLICE_LIT(" NOT ") : SLICE_LIT(" "));
    writer_slice_put(k->w, slice_str(word));
    writer_slice_put(k->w, n->op == OP_IN ? SLICE_LIT(" (") : SLICE_LIT(" "));
}

static void put_end(const struct walk *k, const struct rule_node *n, bool bare)
{
    static const char *const words[][2] = {
        {"NULL", "NOT NULL"}, {"TRUE", "NOT TRUE"}, {"FALSE", "NOT FALSE"}};
    if (n->op == OP_IN)
        writer_u8(k->w, ')');
    if (n->op >= OP_IS_NULL && n->op <= OP_IS_FALSE) {
        writer_lit(k->w, " IS ");
        writer_slice_put(k->w, slice_str(words[n->op - OP_IS_NULL][n->negated]));
    }
    if (!bare)
        writer_u8(k->w, ')');
}

static void open_node(struct walk *k, uint32_t node, bool bare)
{
    const struct rule_node *n = &k->x->nodes[node];
    if (n->kind != NODE_CALL) {
        put_leaf(k, n);
        return;
    }
    put_begin(k, n, bare);
    k->stack[k->depth++] = (struct open_node){node, k->first[node], 0, bare};
}

static void write_tree(struct walk *k, uint32_t root)
{
    open_node(k, root, false);
    while (k->depth > 0 && k->w->err == ERR_OK) {
        struct open_node *o = &k->stack[k->depth - 1];
        const struct rule_node *n = &k->x->nodes[o->node];
        if (o->operand == NONE) {
            put_end(k, n, o->bare);
            k->depth--;
            continue;
        }
        const struct rule_node *child = &k->x->nodes[o->operand];
        uint32_t at = o->operand;
        bool bare = o->number == 0 && chains(n) && child->kind == NODE_CALL && child->op == n->op;
        if (o->number > 0)
            put_between(k, n, o->number);
        o->number++;
        o->operand = k->next[at];
        open_node(k, at, bare);
    }
}

/* Operands get their operators. Returns the root. */
static uint32_t link_nodes(struct walk *k, uint32_t *values)
{
    uint32_t depth = 0;
    for (uint32_t i = 0; i < k->x->count; i++) {
        const struct rule_node *n = &k->x->nodes[i];
        k->first[i] = k->next[i] = NONE;
        if (n->kind == NODE_MARK)
            continue;
        uint32_t argc = n->kind == NODE_CALL ? n->argc : 0;
        if (argc > depth)
            return NONE;
        for (uint32_t a = 0; a < argc; a++) {
            uint32_t operand = values[depth - 1 - a];
            k->next[operand] = k->first[i];
            k->first[i] = operand;
        }
        depth -= argc;
        values[depth++] = i;
    }
    return depth == 1 ? values[0] : NONE;
}

enum err rule_condition_sql(const struct rule_expression *x, const struct table *t,
                            struct writer *w)
{
    uint32_t *values = calloc(x->count + 1, sizeof(*values));
    struct walk k = {.x = x,
                     .table = t,
                     .w = w,
                     .first = calloc(x->count + 1, sizeof(*k.first)),
                     .next = calloc(x->count + 1, sizeof(*k.next)),
                     .stack = calloc(x->count + 1, sizeof(*k.stack))};
    enum err e = ERR_NO_MEMORY;
    if (values != NULL && k.first != NULL && k.next != NULL && k.stack != NULL) {
        uint32_t root = link_nodes(&k, values);
        if (root != NONE)
            write_tree(&k, root);
        e = root == NONE ? ERR_UNSUPPORTED : w->err;
    }
    free(values);
    free(k.first);
    free(k.next);
    free(k.stack);
    return e;
}
