/*
 * What the nodes of the DTS language mean. Values have the type that they have
 * when they come; what is known beforehand (struct operand) serves to give new
 * columns a type, and to leave out what a constant decides: under a condition
 * on __TB__ a script is compiled only for the tables that it is about.
 */
#include "rules/program_int.h"

#include "rules/etl_int.h"
#include "rules/temporal.h"
#include "schema/change.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
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

/* Something without a value: what e_set assigns, an image, what was left out. */
static struct operand *placeholder(struct compiler *c, struct slice name, uint32_t at)
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
        placeholder(c, n->text, n->at);
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

/* --- control ---------------------------------------------------------------- */

static bool wants_condition(struct compiler *c, const struct operand *o)
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
    placeholder(c, SLICE_LIT(""), 0)->is_left_out = true;
    c->skip_to = c->x->nodes[next].kind == NODE_MARK ? next + 1 : next;
}

static void skip_rest(struct compiler *c, const struct rule_node *mark)
{
    for (uint32_t i = mark->argc; i < c->x->nodes[mark->target].argc; i++)
        placeholder(c, SLICE_LIT(""), 0)->is_left_out = true;
    c->skip_to = mark->target;
}

/* A condition is complete: a jump over what depends on it, or no code at all. */
static bool condition_mark(struct compiler *c, const struct rule_node *n)
{
    struct operand *o = compile_top(c, 0);
    if (!wants_condition(c, o))
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
    if (!wants_condition(c, o))
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

static bool mark_node(struct compiler *c, const struct rule_node *n)
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

static bool end_control(struct compiler *c, const struct rule_node *n)
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
    placeholder(c, SLICE_LIT(""), n->at)->start = start;
    return true;
}

static bool end_logic(struct compiler *c, const struct rule_node *n)
{
    struct operand left = *compile_top(c, 1), right = *compile_top(c, 0);
    if (c->decided[c->node]) {
        bool result = n->op == OP_OP_OR;
        c->depth -= 2;
        c->program->count = left.start;
        compile_const(c, (struct val){.kind = VAL_BOOL, .i = result}, TYPE_BOOL, n->at);
        return true;
    }
    if (!wants_condition(c, &right))
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

static bool end_choose(struct compiler *c, const struct rule_node *n)
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
    placeholder(c, SLICE_LIT(""), n->at)->start = start;
    return true;
}

static bool drop_or_keep(struct compiler *c, const struct rule_node *n)
{
    if (n->op == OP_E_DROP) {
        uint32_t start = c->program->count;
        compile_emit(c, INSN_DROP, n->at);
        placeholder(c, SLICE_LIT(""), n->at)->start = start;
        return true;
    }
    struct operand o = *compile_top(c, 0);
    if (!wants_condition(c, &o))
        return false;
    if (o.is_const && val_is_true(compile_value(c, &o))) {
        c->program->count = o.start;
    } else {
        compile_emit(c, INSN_KEEP, n->at)->flag = TAKES_THE_STACK;
    }
    c->depth--;
    placeholder(c, SLICE_LIT(""), n->at)->start = o.start;
    return true;
}

static bool replace_all(struct compiler *c, const struct rule_node *n)
{
    uint32_t start = compile_top(c, n->argc - 1)->start;
    struct insn *in = compile_emit(c, INSN_REPLACE_ALL, n->at);
    in->argc = n->argc;
    c->depth -= n->argc;
    placeholder(c, SLICE_LIT(""), n->at)->start = start;
    return true;
}

/* --- values ---------------------------------------------------------------------- */

static enum type type_of_sum(const struct compiler *c, const struct rule_node *n)
{
    const struct operand *a = &c->stack[c->depth - 2], *b = &c->stack[c->depth - 1];
    if (n->op == OP_OP_SUM && (a->type == TYPE_TEXT || b->type == TYPE_TEXT))
        return TYPE_TEXT;
    bool known = a->type != TYPE_ANY && b->type != TYPE_ANY;
    bool integers = (a->type == TYPE_INT || a->type == TYPE_UINT || a->type == TYPE_BOOL) &&
                    (b->type == TYPE_INT || b->type == TYPE_UINT || b->type == TYPE_BOOL);
    return integers ? TYPE_INT : known ? TYPE_REAL : TYPE_ANY;
}

static enum type type_of_call(const struct compiler *c, const struct rule_node *n)
{
    switch ((int)n->op) {
    case OP_OP_SUM:
    case OP_OP_SUB:
    case OP_OP_MUL:
    case OP_OP_DIV:
    case OP_OP_MOD:
        return type_of_sum(c, n);
    case OP_OP_NEG:
        return c->stack[c->depth - 1].type == TYPE_INT ? TYPE_INT : TYPE_REAL;
    case OP_OP_EQ:
    case OP_OP_NE:
    case OP_OP_GT:
    case OP_OP_LT:
    case OP_OP_GE:
    case OP_OP_LE:
    case OP_OP_NOT:
    case OP_OP_IN:
    case OP_OP_IS_NULL:
    case OP_OP_NOT_NULL:
    case OP_STR_ISALPHA:
    case OP_STR_ISDIGIT:
    case OP_STR_CONTAINS:
    case OP_REGEX_MATCH:
    case OP_IS_STRING:
        return TYPE_BOOL;
    case OP_STR_COUNT:
    case OP_STR_FIND:
    case OP_TO_LONG:
    case OP_DT_EPOCH:
    case OP_DT_EPOCH_MS:
        return TYPE_INT;
    case OP_DATETIME:
    case OP_DT_NOW:
    case OP_DTS_NOW:
    case OP_DT_NOW_MS:
    case OP_DT_FROM:
    case OP_DT_FROM_MS:
    case OP_DT_PARSE:
    case OP_DT_ADD:
        return TYPE_DATETIME;
    default:
        return TYPE_TEXT;
    }
}

static uint8_t fsp_of_call(const struct compiler *c, const struct rule_node *n)
{
    if (n->op == OP_DT_NOW_MS || n->op == OP_DT_FROM_MS)
        return 3;
    if (n->op == OP_DATETIME || n->op == OP_DT_PARSE)
        return 6;
    return n->op == OP_DT_ADD ? c->stack[c->depth - n->argc].scale : 0;
}

/* dt_add(t, years = 1, ...): which unit each argument behind the first one is. */
static const uint8_t *units_of(struct compiler *c, const struct rule_node *n)
{
    static const char *const names[] = {"years", "months", "days", "hours", "minutes", "seconds"};
    uint8_t *units = arena_alloc(c->program->arena, n->argc);
    for (uint32_t i = 1; units != NULL && i < n->argc; i++) {
        const struct operand *o = compile_top(c, n->argc - 1 - i);
        while (units[i] < 6 && !slice_eq(o->name, slice_str(names[units[i]])))
            units[i]++;
        if (units[i] == 6) {
            compile_fail(c, o->at,
                         "years =, months =, days =, hours =, minutes = or seconds = is expected");
            return NULL;
        }
    }
    return units;
}

static void *constant_regex(struct compiler *c, const struct operand *o)
{
    int code;
    PCRE2_SIZE offset;
    PCRE2_UCHAR why[120];
    if (!o->is_const || o->type != TYPE_TEXT) {
        compile_fail(c, o->at, "the pattern has to be a constant text");
        return NULL;
    }
    struct slice s = compile_value(c, o)->text;
    void *regex = pcre2_compile(
        s.ptr, s.len, PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_NEVER_BACKSLASH_C,
        &code, &offset, NULL);
    if (regex == NULL) {
        if (pcre2_get_error_message(code, why, sizeof(why)) < 0)
            why[0] = '\0';
        compile_fail(c, o->at, "no regular expression: %s", (char *)why);
        return NULL;
    }
    void **regexes = realloc(c->program->regexes, (c->program->regex_count + 1) * sizeof(*regexes));
    if (regexes == NULL) {
        pcre2_code_free(regex);
        c->err = ERR_NO_MEMORY;
        return NULL;
    }
    c->program->regexes = regexes;
    return regexes[c->program->regex_count++] = regex;
}

/* What a function needs beside its arguments; NULL with an error, or none needed. */
static const void *info_of(struct compiler *c, const struct rule_node *n, bool *dropped)
{
    *dropped = false;
    switch ((int)n->op) {
    case OP_DT_ADD:
        return units_of(c, n);
    case OP_REGEX_MATCH:
        return constant_regex(c, compile_top(c, 0));
    case OP_OP_IN: {
        const struct operand *o = compile_top(c, 0);
        *dropped = true;
        if (o->type != TYPE_LIST || !o->is_const) {
            compile_fail(c, o->at, "json_array('[...]') is expected here");
            return NULL;
        }
        struct etl_list *list = arena_alloc(c->program->arena, sizeof(*list));
        if (list != NULL && !etl_parse_list(compile_value(c, o)->text, c->program->arena, list))
            compile_fail(c, o->at, "this is no JSON array of texts, numbers and truth values");
        return list;
    }
    case OP_DT_STR:
    case OP_DT_PARSE: {
        const struct operand *o = compile_top(c, 0);
        if (o->is_const && o->type == TYPE_TEXT &&
            !etl_pattern_valid(compile_value(c, o)->text, n->op == OP_DT_PARSE))
            compile_fail(c, o->at, "a pattern of yyyy MM dd HH mm ss SSS is expected");
        return NULL;
    }
    default:
        return NULL;
    }
}

static bool names_are_in_place(struct compiler *c, const struct rule_node *n)
{
    for (uint32_t i = 0; i < n->argc; i++) {
        const struct operand *o = compile_top(c, i);
        if (o->name.len > 0 && o->type != TYPE_NONE && n->op != OP_DT_ADD)
            return compile_fail(c, o->at, "%s has no named arguments", rule_ops[n->op].name);
        if (o->type == TYPE_NONE)
            return compile_fail(c, o->at, "a value is expected");
        if (o->type == TYPE_LIST && n->op != OP_OP_IN)
            return compile_fail(c, o->at, "json_array() has its place in op_in() only");
    }
    return true;
}

static bool call_node(struct compiler *c, const struct rule_node *n)
{
    bool dropped;
    if (!names_are_in_place(c, n))
        return false;
    const void *info = info_of(c, n, &dropped);
    if (c->err != ERR_OK)
        return false;
    uint32_t argc = n->argc;
    if (dropped) { /* the last argument is in info */
        c->program->count = compile_top(c, 0)->start;
        c->depth--;
        argc--;
    }
    enum type type = dropped ? TYPE_BOOL : type_of_call(c, n);
    uint8_t fsp = dropped ? 0 : fsp_of_call(c, n);
    struct insn *in = compile_emit(c, INSN_CALL, n->at);
    in->op = n->op;
    in->argc = argc;
    in->p = info;
    bool clock = n->op == OP_DT_NOW || n->op == OP_DTS_NOW || n->op == OP_DT_NOW_MS;
    bool zone = n->op >= OP_DT_FROM && n->op <= OP_DT_EPOCH_MS;
    if (argc == 0) {
        uint32_t start = c->program->count - 1;
        compile_push(c, type, n->at)->start = start;
    } else {
        compile_fold(c, argc, type, !clock && !zone);
    }
    if (!compile_top(c, 0)->is_const || type == TYPE_DATETIME)
        compile_top(c, 0)->scale = fsp;
    compile_top(c, 0)->at = n->at;
    return c->err == ERR_OK;
}

/* v(`column`[, image]) */
static bool value_of(struct compiler *c, const struct rule_node *n)
{
    if (n->argc == 1)
        return true;
    struct slice image = compile_top(c, 0)->name;
    bool before = slice_eq(image, SLICE_LIT("__BEFORE__"));
    if (!before && !slice_eq(image, SLICE_LIT("__AFTER__")))
        return compile_fail(c, compile_top(c, 0)->at, "__BEFORE__ or __AFTER__ is expected");
    c->depth--;
    const struct operand *o = compile_top(c, 0);
    if (!o->is_column)
        return compile_fail(c, o->at, "a column of the table is expected");
    c->program->insns[c->program->count - 1].flag = before ? IMAGE_BEFORE : IMAGE_AFTER;
    return true;
}

static bool any_call(struct compiler *c, const struct rule_node *n)
{
    switch ((int)n->op) {
    case OP_E_IF:
    case OP_E_IF_ELSE:
    case OP_E_SWITCH:
    case OP_E_COMPOSE:
        return end_control(c, n);
    case OP_E_DROP:
    case OP_E_KEEP:
        return drop_or_keep(c, n);
    case OP_E_SET:
        return set_node(c, n);
    case OP_TAIL_REPLACE:
        return replace_all(c, n);
    case OP_CHOOSE:
        return end_choose(c, n);
    case OP_OP_AND:
    case OP_OP_OR:
        return end_logic(c, n);
    case OP_VALUE_OF:
        return value_of(c, n);
    case OP_JSON_ARRAY:
        compile_top(c, 0)->type = TYPE_LIST;
        return true;
    default:
        return call_node(c, n);
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
            placeholder(c, n->text, n->at);
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
        return mark_node(c, n) && c->err == ERR_OK;
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
