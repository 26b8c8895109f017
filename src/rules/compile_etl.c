/*
 * What the nodes of the DTS language mean. Values have the type that they have
 * when they come; what is known beforehand (struct operand) serves to give new
 * columns a type, and to leave out what a constant decides: under a condition
 * on __TB__ a script is compiled only for the tables that it is about.
 */
#include "rules/etl_int.h"

#include "rules/temporal.h"
#include "schema/change.h"

#include <stdlib.h>

static bool number_node(struct compiler *c, const struct rule_node *n)
{
    struct dec d;
    int64_t i;
    size_t used;
    if (dec_of_text(n->text, &d) && d.scale == 0 && memchr(n->text.ptr, '.', n->text.len) == NULL &&
        dec_to_i64(&d, &i))
        compile_const(c, (struct val){.kind = VAL_INT, .i = i}, TYPE_INT, n->at);
    else
        compile_const(c, (struct val){.kind = VAL_REAL, .r = text_real(n->text, &used)}, TYPE_REAL,
                      n->at);
    return true;
}

static struct rule_slot *find_slot(struct compiler *c, struct slice name)
{
    for (uint32_t i = 0; i < c->program->slot_count; i++)
        if (slice_eq(c->program->slots[i].name, name))
            return &c->program->slots[i];
    return NULL;
}

static bool add_slot(struct compiler *c, struct slice name, const struct operand *value)
{
    struct rule_program *p = c->program;
    int at = compile_find_column(c, name);
    uint32_t fresh = c->table->column_count;
    for (uint32_t i = 0; i < p->slot_count; i++)
        fresh += p->slots[i].is_new;
    struct rule_slot *slots = realloc(p->slots, (p->slot_count + 1) * sizeof(*slots));
    if (slots == NULL) {
        c->err = ERR_NO_MEMORY;
        return false;
    }
    p->slots = slots;
    slots[p->slot_count++] = (struct rule_slot){
        .name = arena_copy(p->arena, name),
        .column = at >= 0 ? (uint32_t)at : fresh,
        .is_new = at < 0,
        .type = value->type,
        .fsp = value->type == TYPE_DATETIME || value->type == TYPE_TIME ? value->scale : 0,
    };
    return true;
}

/* A column that is read: of the table, or one that the script has made. */
static bool column_node(struct compiler *c, const struct rule_node *n)
{
    const struct rule_slot *slot = find_slot(c, n->text);
    if (slot == NULL || !slot->is_new) {
        if (!compile_column(c, n, IMAGE_CURRENT))
            return false;
        struct operand *o = compile_top(c, 0);
        o->scale =
            o->type == TYPE_DATETIME || o->type == TYPE_TIME ? c->table->columns[o->column].fsp : 0;
        if (o->type == TYPE_OPAQUE)
            o->type = TYPE_TEXT;
        return true;
    }
    compile_push(c, (enum type)slot->type, n->at);
    struct insn *in = compile_emit(c, INSN_COLUMN, n->at);
    in->a = slot->column;
    return true;
}

struct operand *compile_etl_placeholder(struct compiler *c, struct slice name, uint32_t at)
{
    struct operand *o = compile_push(c, TYPE_NONE, at);
    o->name = name;
    return o;
}

static bool variable_node(struct compiler *c, const struct rule_node *n)
{
    static const struct {
        const char *name;
        unsigned op;
    } operations[] = {{"__OP_INSERT__", CHANGE_INSERT},
                      {"__OP_UPDATE__", CHANGE_UPDATE},
                      {"__OP_DELETE__", CHANGE_DELETE}};
    if (n->is_set || slice_eq(n->text, SLICE_LIT("__BEFORE__")) ||
        slice_eq(n->text, SLICE_LIT("__AFTER__")) || slice_eq(n->text, SLICE_LIT("NEW"))) {
        compile_etl_placeholder(c, n->text, n->at);
        return true;
    }
    for (size_t i = 0; i < 3; i++) {
        if (slice_eq(n->text, slice_str(operations[i].name))) {
            compile_const(c, (struct val){.kind = VAL_INT, .i = operations[i].op}, TYPE_OPERATION,
                          n->at);
            return true;
        }
    }
    if (slice_eq(n->text, SLICE_LIT("__TB__")) || slice_eq(n->text, SLICE_LIT("__DB__"))) {
        struct slice name = n->text.ptr[2] == 'T' ? c->table->name : c->table->database;
        compile_const(c, (struct val){.kind = VAL_TEXT, .text = name}, TYPE_TEXT, n->at);
        return true;
    }
    bool operation = slice_eq(n->text, SLICE_LIT("__OPERATION__"));
    if (!operation && !slice_eq(n->text, SLICE_LIT("__COMMIT_TIMESTAMP__")))
        return compile_fail(c, n->at, "there is no variable %.*s for this source",
                            SLICE_ARG(n->text));
    compile_push(c, operation ? TYPE_OPERATION : TYPE_DATETIME, n->at);
    compile_emit(c, INSN_VARIABLE, n->at)->a =
        operation ? VARIABLE_OPERATION : VARIABLE_COMMIT_TIME;
    return true;
}

/* --- row functions ------------------------------------------------------------ */

static bool set_node(struct compiler *c, const struct rule_node *n)
{
    struct operand *target = compile_top(c, n->argc - 1);
    if (n->argc == 3 && !slice_eq(compile_top(c, 0)->name, SLICE_LIT("NEW")))
        return compile_fail(c, compile_top(c, 0)->at, "NEW is all that may stand here");
    const struct operand *value = compile_top(c, n->argc - 2);
    if (target->type != TYPE_NONE || target->name.len == 0)
        return compile_fail(c, target->at,
                            "a column in back-quotes, or __OPERATION__, is expected");
    if (value->type == TYPE_NONE || value->type == TYPE_LIST)
        return compile_fail(c, value->at, "a value is expected");
    struct insn *in;
    if (slice_eq(target->name, SLICE_LIT("__OPERATION__"))) {
        if (value->type != TYPE_OPERATION)
            return compile_fail(c, value->at,
                                "__OP_INSERT__, __OP_UPDATE__ or __OP_DELETE__ is expected");
        in = compile_emit(c, INSN_SET_OPERATION, n->at);
        c->program->sets_operation = true;
    } else if (target->name.ptr[0] == '_' && target->name.len > 2 && target->name.ptr[1] == '_') {
        return compile_fail(c, target->at, "%.*s cannot be set", SLICE_ARG(target->name));
    } else {
        struct rule_slot *slot = find_slot(c, target->name);
        if (slot == NULL) {
            if (!add_slot(c, target->name, value))
                return false;
            slot = &c->program->slots[c->program->slot_count - 1];
        } else if (slot->type != value->type && value->type != TYPE_NULL) {
            slot->type = slot->type == TYPE_NULL ? value->type : TYPE_ANY;
        }
        in = compile_emit(c, INSN_SET, n->at);
        in->a = (uint32_t)(slot - c->program->slots);
    }
    in->flag = TAKES_THE_STACK;
    uint32_t start = target->start;
    c->depth -= n->argc;
    compile_etl_placeholder(c, SLICE_LIT(""), n->at)->start = start;
    return true;
}

static bool drop_or_keep(struct compiler *c, const struct rule_node *n)
{
    if (n->op == OP_E_DROP) {
        uint32_t start = c->program->count;
        compile_emit(c, INSN_DROP, n->at);
        compile_etl_placeholder(c, SLICE_LIT(""), n->at)->start = start;
        return true;
    }
    struct operand o = *compile_top(c, 0);
    if (!compile_etl_wants_condition(c, &o))
        return false;
    if (o.is_const && val_is_true(compile_value(c, &o))) {
        c->program->count = o.start;
    } else {
        compile_emit(c, INSN_KEEP, n->at)->flag = TAKES_THE_STACK;
    }
    c->depth--;
    compile_etl_placeholder(c, SLICE_LIT(""), n->at)->start = o.start;
    return true;
}

static bool replace_all(struct compiler *c, const struct rule_node *n)
{
    uint32_t start = compile_top(c, n->argc - 1)->start;
    struct insn *in = compile_emit(c, INSN_REPLACE_ALL, n->at);
    in->argc = n->argc;
    c->depth -= n->argc;
    compile_etl_placeholder(c, SLICE_LIT(""), n->at)->start = start;
    return true;
}

static bool any_call(struct compiler *c, const struct rule_node *n)
{
    switch ((int)n->op) {
    case OP_E_IF:
    case OP_E_IF_ELSE:
    case OP_E_SWITCH:
    case OP_E_COMPOSE:
        return compile_etl_end_control(c, n);
    case OP_E_DROP:
    case OP_E_KEEP:
        return drop_or_keep(c, n);
    case OP_E_SET:
        return set_node(c, n);
    case OP_TAIL_REPLACE:
        return replace_all(c, n);
    case OP_CHOOSE:
        return compile_etl_end_choose(c, n);
    case OP_OP_AND:
    case OP_OP_OR:
        return compile_etl_end_logic(c, n);
    case OP_VALUE_OF:
        return compile_etl_value_of(c, n);
    case OP_JSON_ARRAY:
        compile_top(c, 0)->type = TYPE_LIST;
        return true;
    default:
        return compile_etl_call(c, n);
    }
}

bool compile_etl_node(struct compiler *c, const struct rule_node *n)
{
    bool ok = true;
    switch ((enum node_kind)n->kind) {
    case NODE_NUMBER:
        ok = number_node(c, n);
        break;
    case NODE_STRING:
        compile_const(c, (struct val){.kind = VAL_TEXT, .text = n->text}, TYPE_TEXT, n->at);
        break;
    case NODE_NULL:
        compile_const(c, (struct val){.kind = VAL_NULL}, TYPE_NULL, n->at);
        break;
    case NODE_TRUE:
    case NODE_FALSE:
        compile_const(c, (struct val){.kind = VAL_BOOL, .i = n->kind == NODE_TRUE}, TYPE_BOOL,
                      n->at);
        break;
    case NODE_COLUMN:
        if (n->is_set)
            compile_etl_placeholder(c, n->text, n->at);
        else
            ok = column_node(c, n);
        break;
    case NODE_VARIABLE:
        ok = variable_node(c, n);
        break;
    case NODE_NAME:
        compile_top(c, 0)->name = n->text;
        break;
    case NODE_MARK:
        return compile_etl_mark(c, n) && c->err == ERR_OK;
    case NODE_CALL:
        ok = any_call(c, n);
        break;
    case NODE_BYTES:
    case NODE_DATE:
    case NODE_TIME:
    case NODE_DATETIME:
        return compile_fail(c, n->at, "this has no place in a script");
    }
    if (ok && c->err == ERR_OK && c->node + 1 == c->x->count) {
        const struct operand *o = compile_top(c, 0);
        if (c->wants_value ? o->type == TYPE_NONE : o->type != TYPE_NONE)
            return compile_fail(
                c, 0,
                c->wants_value ? "a value is expected, not a row function"
                               : "a script is one row function: e_set(), e_if(), e_compose(), ...");
        c->program->value_type = o->type;
        c->program->value_fsp = o->scale;
    }
    return ok && c->err == ERR_OK;
}
