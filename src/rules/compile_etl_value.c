/* Calls of the DTS language that have a value: what is known of it, and what a function needs. */
#include "rules/etl_int.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

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

bool compile_etl_call(struct compiler *c, const struct rule_node *n)
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
bool compile_etl_value_of(struct compiler *c, const struct rule_node *n)
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
