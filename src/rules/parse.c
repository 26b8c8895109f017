/*
 * The parser: an operator-precedence parser with a stack of its own.
 *
 * It alternates between wanting an operand and wanting an operator. Operands
 * become nodes at once; operators and open brackets wait on the stack until
 * what follows binds less tightly, and then become nodes behind their
 * operands. So nodes come out in the order of evaluation.
 *
 * Strength of binding, from weak to strong (manual, "Operator Precedence"):
 * OR; XOR; AND; NOT; comparison and IS; IN, LIKE, BETWEEN, REGEXP; + -; * / DIV
 * %; unary minus; !. Two of the predicates in a row need parentheses: servers
 * do not agree about them.
 */
#include "rules/parse_int.h"

#include <stdarg.h>
#include <stdlib.h>

#define X(id, name, least, most, lazy) {name, least, most, lazy},
const struct rule_op_info rule_ops[OP_COUNT] = {
    RULE_SQL_OPS(X) RULE_SQL_FUNCTIONS(X) RULE_ETL_ROW_FUNCTIONS(X) RULE_ETL_FUNCTIONS(X)};
#undef X

void rule_error_add(struct rule_errors *errors, uint32_t offset, const char *fmt, ...)
{
    if (errors->count == RULE_ERRORS_MAX)
        return;
    struct rule_error *e = &errors->items[errors->count++];
    e->offset = offset;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->text, sizeof(e->text), fmt, ap);
    va_end(ap);
}

bool parser_advance(struct parser *p)
{
    p->token = p->next;
    if (p->started && p->token.kind == TOKEN_END)
        return true;
    p->started = true;
    if (lexer_next(&p->lexer, &p->next))
        return true;
    p->err = p->lexer.arena->failed ? ERR_NO_MEMORY : ERR_CONFIG;
    return false;
}

bool parser_is_sign(const struct token *t, const char *sign)
{
    return t->kind == TOKEN_SIGN && slice_eq(t->text, slice_str(sign));
}

bool parser_is_word(const struct token *t, const char *word)
{
    return t->kind == TOKEN_NAME && slice_eq_nocase(t->text, slice_str(word));
}

struct rule_node *parser_add_node(struct parser *p, enum node_kind kind, uint32_t at)
{
    struct rule_expression *x = p->x;
    if (x->count == RULE_NODES_MAX) {
        rule_error_add(p->errors, at, "the expression is too long: %u parts are the most",
                       RULE_NODES_MAX);
        p->err = ERR_CONFIG;
        return NULL;
    }
    if (x->count == p->cap) {
        uint32_t cap = p->cap == 0 ? 32 : p->cap * 2;
        struct rule_node *nodes = realloc(x->nodes, cap * sizeof(*nodes));
        if (nodes == NULL) {
            p->err = ERR_NO_MEMORY;
            return NULL;
        }
        x->nodes = nodes;
        p->cap = cap;
    }
    struct rule_node *n = &x->nodes[x->count++];
    *n = (struct rule_node){.kind = (uint8_t)kind, .at = at, .text = SLICE_LIT("")};
    return n;
}

bool parser_add_text(struct parser *p, enum node_kind kind, uint32_t at, struct slice text)
{
    struct rule_node *n = parser_add_node(p, kind, at);
    if (n == NULL)
        return false;
    n->text = arena_copy(p->x->arena, text);
    return true;
}

bool parser_add_mark(struct parser *p, struct waiting *w)
{
    if (w->op == OP_UNKNOWN || !rule_ops[w->op].lazy)
        return true;
    struct rule_node *n = parser_add_node(p, NODE_MARK, w->at);
    if (n == NULL)
        return false;
    n->op = w->op;
    n->argc = w->argc;
    n->target = w->mark;
    w->mark = p->x->count - 1;
    return true;
}

/* The waiting operator at the top becomes a node. */
bool parser_emit(struct parser *p)
{
    struct waiting *w = &p->stack[--p->depth];
    uint32_t argc = w->argc + (w->kind == WAIT_OPERATOR);
    struct rule_node *n = parser_add_node(p, NODE_CALL, w->at);
    if (n == NULL)
        return false;
    n->op = w->op;
    n->argc = argc;
    n->negated = w->negated;
    uint32_t owner = p->x->count - 1;
    for (uint32_t m = w->mark; m != NO_MARK;) {
        uint32_t before = p->x->nodes[m].target;
        p->x->nodes[m].target = owner;
        m = before;
    }
    return true;
}

struct waiting *parser_top(struct parser *p)
{
    return p->depth > 0 ? &p->stack[p->depth - 1] : NULL;
}

/* Ends the waiting operators that bind at least as strongly. */
bool parser_reduce(struct parser *p, unsigned strength)
{
    for (;;) {
        struct waiting *w = parser_top(p);
        if (w == NULL || w->kind >= WAIT_PARENTHESIS || w->strength < strength)
            return true;
        if (w->kind == WAIT_BETWEEN_AND)
            FAIL(p, p->token.at, "BETWEEN is not complete: AND is expected");
        if (w->kind == WAIT_COLON) {
            if (strength <= BIND_CHOOSE)
                FAIL(p, p->token.at, "? is not complete: : is expected");
            return true;
        }
        if (!parser_emit(p))
            return false;
    }
}

struct waiting *parser_push(struct parser *p, enum wait_kind kind, unsigned op, unsigned strength,
                            uint32_t at)
{
    if (p->depth == RULE_DEPTH_MAX) {
        rule_error_add(p->errors, at, "nested too deeply: %d levels are the most", RULE_DEPTH_MAX);
        p->err = ERR_CONFIG;
        return NULL;
    }
    struct waiting *w = &p->stack[p->depth++];
    *w = (struct waiting){.kind = (uint8_t)kind,
                          .op = (uint16_t)op,
                          .strength = (uint8_t)strength,
                          .at = at,
                          .mark = NO_MARK,
                          .name = SLICE_LIT("")};
    return w;
}

static void check_argc(struct parser *p, const struct waiting *w)
{
    const struct rule_op_info *info = &rule_ops[w->op];
    if (w->argc >= info->least && w->argc <= info->most)
        return;
    p->err = ERR_CONFIG;
    if (info->least == info->most)
        rule_error_add(p->errors, w->at, "%s takes %u argument%s, not %u", info->name, info->least,
                       info->least == 1 ? "" : "s", w->argc);
    else if (w->argc < info->least)
        rule_error_add(p->errors, w->at, "%s takes at least %u argument%s, not %u", info->name,
                       info->least, info->least == 1 ? "" : "s", w->argc);
    else
        rule_error_add(p->errors, w->at, "%s takes at most %u arguments, not %u", info->name,
                       info->most, w->argc);
}

/* One argument of the call at the top is complete. */
bool parser_end_argument(struct parser *p, struct waiting *w)
{
    if (w->name.len > 0 && !parser_add_text(p, NODE_NAME, w->name_at, w->name))
        return false;
    w->name = SLICE_LIT("");
    w->argc++;
    return true;
}

bool parser_close_call(struct parser *p)
{
    struct waiting *w = parser_top(p);
    if (w->op != OP_UNKNOWN)
        check_argc(p, w);
    if (w->op == OP_UNKNOWN) { /* stands for a value, so that the rest can be read */
        p->depth--;
        return parser_add_node(p, NODE_NULL, w->at) != NULL;
    }
    return parser_emit(p);
}

/* "name =" in front of an argument of the DTS language. */
bool parser_argument_name(struct parser *p, struct waiting *w)
{
    if (p->x->dialect != RULE_ETL || p->token.kind != TOKEN_NAME || !parser_is_sign(&p->next, "="))
        return true;
    w->name = p->token.text;
    w->name_at = p->token.at;
    return parser_advance(p) && parser_advance(p);
}

/* f( was read; the token is what follows. *open: arguments come. */
bool parser_begin_call(struct parser *p, unsigned op, uint32_t at, bool *open)
{
    struct waiting *w = parser_push(p, WAIT_ARGUMENTS, op, 0, at);
    if (w == NULL)
        return false;
    *open = !parser_is_sign(&p->token, ")");
    if (*open)
        return parser_argument_name(p, w);
    return parser_advance(p) && parser_close_call(p);
}

static bool parse(struct parser *p)
{
    bool operand = false;
    if (!parser_advance(p) || !parser_advance(p))
        return false;
    for (;;) {
        if (operand && p->token.kind == TOKEN_END)
            break;
        if (!(operand ? parser_operator(p, &operand) : parser_operand(p, &operand)))
            return false;
    }
    if (!parser_reduce(p, BIND_CHOOSE))
        return false;
    if (p->depth > 0)
        FAIL(p, parser_top(p)->at, "this bracket is not closed");
    return p->err == ERR_OK;
}

enum err rule_parse(struct slice text, enum rule_dialect dialect, struct rule_expression **out,
                    struct rule_errors *errors)
{
    if (text.len > RULE_TEXT_MAX) {
        rule_error_add(errors, 0, "an expression of %zu bytes is too long: %u are the most",
                       text.len, RULE_TEXT_MAX);
        return ERR_CONFIG;
    }
    struct arena *arena = arena_new(1024);
    struct rule_expression *x = arena != NULL ? arena_alloc(arena, sizeof(*x)) : NULL;
    struct parser *p = calloc(1, sizeof(*p));
    if (x == NULL || p == NULL) {
        free(p);
        if (arena != NULL)
            arena_free(arena);
        return ERR_NO_MEMORY;
    }
    *x = (struct rule_expression){
        .dialect = dialect, .arena = arena, .text = arena_copy(arena, text)};
    struct slice script = SLICE_LIT("script:");
    uint32_t skip = 0;
    while (skip < x->text.len && (x->text.ptr[skip] == ' ' || x->text.ptr[skip] == '\n'))
        skip++;
    bool prefixed = dialect == RULE_ETL && x->text.len - skip >= script.len &&
                    memcmp(x->text.ptr + skip, script.ptr, script.len) == 0;
    p->x = x;
    p->errors = errors;
    p->lexer = (struct lexer){.text = x->text,
                              .dialect = dialect,
                              .arena = arena,
                              .errors = errors,
                              .at = prefixed ? skip + (uint32_t)script.len : 0};
    bool ok = parse(p);
    enum err e = arena->failed ? ERR_NO_MEMORY : ok ? ERR_OK : p->err;
    free(p);
    if (e != ERR_OK) {
        rule_expression_free(x);
        return e;
    }
    *out = x;
    return ERR_OK;
}

void rule_expression_free(struct rule_expression *x)
{
    if (x == NULL)
        return;
    free(x->nodes);
    arena_free(x->arena);
}

struct slice rule_expression_text(const struct rule_expression *x)
{
    return x->text;
}

void rule_columns(const struct rule_expression *x, rule_column_fn on_column, void *arg)
{
    for (uint32_t i = 0; i < x->count; i++) {
        const struct rule_node *n = &x->nodes[i];
        if (n->kind == NODE_COLUMN)
            on_column(arg, n->text, n->at, n->is_set);
    }
}

struct mention {
    struct slice column;
    bool found;
};

static void compare_mention(void *arg, struct slice column, uint32_t offset, bool set)
{
    struct mention *m = arg;
    (void)offset;
    (void)set;
    m->found = m->found || slice_eq_nocase(column, m->column);
}

bool rule_mentions(const struct rule_expression *x, struct slice column)
{
    struct mention m = {.column = column};
    rule_columns(x, compare_mention, &m);
    return m.found;
}
