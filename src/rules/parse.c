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
#include "rules/expression_int.h"

#include "rules/lexer.h"

#include <stdarg.h>
#include <stdlib.h>

#define X(id, name, least, most, lazy) {name, least, most, lazy},
const struct rule_op_info rule_ops[OP_COUNT] = {
    RULE_SQL_OPS(X) RULE_SQL_FUNCTIONS(X) RULE_ETL_ROW_FUNCTIONS(X) RULE_ETL_FUNCTIONS(X)};
#undef X

enum strength {
    BIND_CHOOSE = 1,
    BIND_OR,
    BIND_XOR,
    BIND_AND,
    BIND_NOT,
    BIND_COMPARE,
    BIND_PREDICATE,
    BIND_ADD,
    BIND_MUL,
    BIND_NEG,
    BIND_BANG,
};

enum wait_kind {
    WAIT_OPERATOR,    /* for its last operand */
    WAIT_BETWEEN_AND, /* BETWEEN, for its AND */
    WAIT_COLON,       /* ?, for its : */
    WAIT_PARENTHESIS, /* ( */
    WAIT_ARGUMENTS,   /* f( or IN ( */
};

#define NO_MARK UINT32_MAX

struct waiting {
    uint8_t kind; /* enum wait_kind */
    uint8_t strength;
    bool negated;
    uint16_t op;
    uint32_t argc; /* complete arguments */
    uint32_t at;
    uint32_t mark;     /* the last mark left for it, each leading to the one before */
    struct slice name; /* of the argument at hand, if it has one */
    uint32_t name_at;
};

struct parser {
    struct lexer lexer;
    struct rule_errors *errors;
    struct rule_expression *x;
    uint32_t cap;
    struct token token;
    struct token next; /* the one behind it */
    struct waiting stack[RULE_DEPTH_MAX];
    uint32_t depth;
    bool started;
    enum err err; /* ERR_CONFIG: an error was added; ERR_NO_MEMORY */
};

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

#define FAIL(p, at, ...)                                                                           \
    do {                                                                                           \
        rule_error_add((p)->errors, at, __VA_ARGS__);                                              \
        (p)->err = ERR_CONFIG;                                                                     \
        return false;                                                                              \
    } while (0)

static bool advance(struct parser *p)
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

static bool is_sign(const struct token *t, const char *sign)
{
    return t->kind == TOKEN_SIGN && slice_eq(t->text, slice_str(sign));
}

static bool is_word(const struct token *t, const char *word)
{
    return t->kind == TOKEN_NAME && slice_eq_nocase(t->text, slice_str(word));
}

static struct rule_node *add_node(struct parser *p, enum node_kind kind, uint32_t at)
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

static bool add_text(struct parser *p, enum node_kind kind, uint32_t at, struct slice text)
{
    struct rule_node *n = add_node(p, kind, at);
    if (n == NULL)
        return false;
    n->text = arena_copy(p->x->arena, text);
    return true;
}

static bool add_mark(struct parser *p, struct waiting *w)
{
    if (w->op == OP_UNKNOWN || !rule_ops[w->op].lazy)
        return true;
    struct rule_node *n = add_node(p, NODE_MARK, w->at);
    if (n == NULL)
        return false;
    n->op = w->op;
    n->argc = w->argc;
    n->target = w->mark;
    w->mark = p->x->count - 1;
    return true;
}

/* The waiting operator at the top becomes a node. */
static bool emit(struct parser *p)
{
    struct waiting *w = &p->stack[--p->depth];
    uint32_t argc = w->argc + (w->kind == WAIT_OPERATOR);
    struct rule_node *n = add_node(p, NODE_CALL, w->at);
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

static struct waiting *top(struct parser *p)
{
    return p->depth > 0 ? &p->stack[p->depth - 1] : NULL;
}

/* Ends the waiting operators that bind at least as strongly. */
static bool reduce(struct parser *p, unsigned strength)
{
    for (;;) {
        struct waiting *w = top(p);
        if (w == NULL || w->kind >= WAIT_PARENTHESIS || w->strength < strength)
            return true;
        if (w->kind == WAIT_BETWEEN_AND)
            FAIL(p, p->token.at, "BETWEEN is not complete: AND is expected");
        if (w->kind == WAIT_COLON) {
            if (strength <= BIND_CHOOSE)
                FAIL(p, p->token.at, "? is not complete: : is expected");
            return true;
        }
        if (!emit(p))
            return false;
    }
}

static struct waiting *push(struct parser *p, enum wait_kind kind, unsigned op, unsigned strength,
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

static unsigned distance(struct slice a, const char *b)
{
    unsigned row[64];
    size_t n = strlen(b);
    if (a.len > 60 || n > 60)
        return 99;
    for (size_t j = 0; j <= n; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= a.len; i++) {
        unsigned corner = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= n; j++) {
            unsigned change = corner + ((a.ptr[i - 1] | 0x20) != ((uint8_t)b[j - 1] | 0x20));
            corner = row[j];
            unsigned best = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            row[j] = change < best ? change : best;
        }
    }
    return row[n];
}

static bool of_dialect(enum rule_dialect dialect, unsigned op)
{
    return dialect == RULE_SQL ? op >= OP_LOWER && op <= OP_ABS
                               : op >= OP_E_IF && op != OP_CHOOSE && op != OP_OP_NEG;
}

/* OP_UNKNOWN: an error with the nearest name was added, and parsing goes on. */
static unsigned find_function(struct parser *p, struct slice name, uint32_t at)
{
    static const struct {
        const char *name;
        unsigned op;
    } aliases[] = {{"lcase", OP_LOWER},         {"ucase", OP_UPPER},
                   {"octet_length", OP_LENGTH}, {"character_length", OP_CHAR_LENGTH},
                   {"substr", OP_SUBSTRING},    {"mid", OP_SUBSTRING}};
    bool sql = p->x->dialect == RULE_SQL;
    const char *nearest = NULL;
    unsigned least = 99;
    for (unsigned op = 0; op < OP_COUNT; op++) {
        struct slice known = slice_str(rule_ops[op].name);
        if (!of_dialect(p->x->dialect, op))
            continue;
        if (sql ? slice_eq_nocase(name, known) : slice_eq(name, known))
            return op;
        unsigned d = distance(name, rule_ops[op].name);
        if (d < least) {
            least = d;
            nearest = rule_ops[op].name;
        }
    }
    for (size_t i = 0; sql && i < sizeof(aliases) / sizeof(aliases[0]); i++)
        if (slice_eq_nocase(name, slice_str(aliases[i].name)))
            return aliases[i].op;
    if (slice_eq(name, SLICE_LIT("bson_value")))
        rule_error_add(p->errors, at, "bson_value is of MongoDB sources only");
    else if (least <= 1 + name.len / 3)
        rule_error_add(p->errors, at, "there is no function %.*s: is %s meant?",
                       (int)(name.len < 60 ? name.len : 60), (const char *)name.ptr, nearest);
    else
        rule_error_add(p->errors, at, "there is no function %.*s",
                       (int)(name.len < 60 ? name.len : 60), (const char *)name.ptr);
    p->err = ERR_CONFIG;
    return OP_UNKNOWN;
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
static bool end_argument(struct parser *p, struct waiting *w)
{
    if (w->name.len > 0 && !add_text(p, NODE_NAME, w->name_at, w->name))
        return false;
    w->name = SLICE_LIT("");
    w->argc++;
    return true;
}

static bool close_call(struct parser *p)
{
    struct waiting *w = top(p);
    if (w->op != OP_UNKNOWN)
        check_argc(p, w);
    if (w->op == OP_UNKNOWN) { /* stands for a value, so that the rest can be read */
        p->depth--;
        return add_node(p, NODE_NULL, w->at) != NULL;
    }
    return emit(p);
}

/* "name =" in front of an argument of the DTS language. */
static bool argument_name(struct parser *p, struct waiting *w)
{
    if (p->x->dialect != RULE_ETL || p->token.kind != TOKEN_NAME || !is_sign(&p->next, "="))
        return true;
    w->name = p->token.text;
    w->name_at = p->token.at;
    return advance(p) && advance(p);
}

/* f( was read; the token is what follows. *open: arguments come. */
static bool begin_call(struct parser *p, unsigned op, uint32_t at, bool *open)
{
    struct waiting *w = push(p, WAIT_ARGUMENTS, op, 0, at);
    if (w == NULL)
        return false;
    *open = !is_sign(&p->token, ")");
    if (*open)
        return argument_name(p, w);
    return advance(p) && close_call(p);
}

static const char *const reserved[] = {
    "and",     "or",      "xor",    "not",    "in",    "is",     "like",     "rlike",
    "regexp",  "between", "div",    "mod",    "as",    "by",     "from",     "for",
    "case",    "when",    "select", "exists", "where", "escape", "interval", "binary",
    "collate", "then",    "else",   "end",    NULL};

static bool is_reserved(struct slice name)
{
    for (const char *const *r = reserved; *r != NULL; r++)
        if (slice_eq_nocase(name, slice_str(*r)))
            return true;
    return false;
}

static bool refuse_word(struct parser *p)
{
    if (is_word(&p->token, "select") || is_word(&p->token, "exists"))
        FAIL(p, p->token.at, "a subquery has no place here: only the row itself can be asked");
    FAIL(p, p->token.at, "a value is expected, not %.*s", SLICE_ARG(p->token.text));
}

/* DATE '...', TIME '...', TIMESTAMP '...' */
static bool temporal_literal(struct parser *p, bool *taken)
{
    *taken =
        p->next.kind == TOKEN_STRING && (is_word(&p->token, "date") || is_word(&p->token, "time") ||
                                         is_word(&p->token, "timestamp"));
    if (!*taken)
        return true;
    enum node_kind kind = is_word(&p->token, "date")   ? NODE_DATE
                          : is_word(&p->token, "time") ? NODE_TIME
                                                       : NODE_DATETIME;
    uint32_t at = p->token.at;
    return advance(p) && add_text(p, kind, at, p->token.text) && advance(p);
}

static bool word_literal(struct parser *p, bool *taken)
{
    bool sql = p->x->dialect == RULE_SQL;
    *taken = true;
    if (is_word(&p->token, "true"))
        return add_node(p, NODE_TRUE, p->token.at) != NULL && advance(p);
    if (is_word(&p->token, "false"))
        return add_node(p, NODE_FALSE, p->token.at) != NULL && advance(p);
    if (is_word(&p->token, "null"))
        return add_node(p, NODE_NULL, p->token.at) != NULL && advance(p);
    *taken = false;
    return !sql || temporal_literal(p, taken);
}

static bool is_variable(struct slice s)
{
    return (s.len > 4 && memcmp(s.ptr, "__", 2) == 0) || slice_eq(s, SLICE_LIT("NEW"));
}

/* The first argument of e_set is the column that is set. */
static bool add_column(struct parser *p, uint32_t at, struct slice name)
{
    const struct waiting *w = top(p);
    if (!add_text(p, NODE_COLUMN, at, name))
        return false;
    p->x->nodes[p->x->count - 1].is_set =
        w != NULL && w->kind == WAIT_ARGUMENTS && w->op == OP_E_SET && w->argc == 0;
    return true;
}

/* A word where an operand is expected. *operand: it is complete. */
static bool parse_word(struct parser *p, bool *operand)
{
    bool taken;
    struct token t = p->token;
    *operand = true;
    if (is_sign(&p->next, "(")) {
        if (p->x->dialect == RULE_SQL && is_reserved(t.text) && !is_word(&t, "mod"))
            return refuse_word(p);
        unsigned op = find_function(p, t.text, t.at);
        bool open;
        if (!advance(p) || !advance(p) || !begin_call(p, op, t.at, &open))
            return false;
        *operand = !open;
        return true;
    }
    if (!word_literal(p, &taken))
        return false;
    if (taken)
        return true;
    if (p->x->dialect == RULE_SQL) {
        if (is_reserved(t.text))
            return refuse_word(p);
        return add_text(p, NODE_COLUMN, t.at, t.text) && advance(p);
    }
    if (is_variable(t.text)) {
        const struct waiting *w = top(p);
        if (!add_text(p, NODE_VARIABLE, t.at, t.text))
            return false;
        p->x->nodes[p->x->count - 1].is_set =
            w != NULL && w->kind == WAIT_ARGUMENTS && w->op == OP_E_SET && w->argc == 0;
        return advance(p);
    }
    FAIL(p, t.at, "a value is expected: columns are written `%.*s`, texts \"%.*s\"",
         SLICE_ARG(t.text), SLICE_ARG(t.text));
}

static bool parse_prefix(struct parser *p, bool *done)
{
    struct token t = p->token;
    bool sql = p->x->dialect == RULE_SQL;
    *done = true;
    if (is_sign(&t, "("))
        return push(p, WAIT_PARENTHESIS, OP_UNKNOWN, 0, t.at) != NULL && advance(p);
    if (is_sign(&t, "-"))
        return push(p, WAIT_OPERATOR, sql ? OP_NEG : OP_OP_NEG, BIND_NEG, t.at) != NULL &&
               advance(p);
    if (is_sign(&t, "+"))
        return advance(p);
    if (sql && is_sign(&t, "!"))
        return push(p, WAIT_OPERATOR, OP_NOT, BIND_BANG, t.at) != NULL && advance(p);
    if (sql && is_word(&t, "not") && !is_sign(&p->next, "=")) {
        const struct waiting *w = top(p);
        if (w != NULL && w->kind < WAIT_PARENTHESIS && w->strength > BIND_NOT)
            FAIL(p, t.at, "NOT has no place here without parentheses");
        return push(p, WAIT_OPERATOR, OP_NOT, BIND_NOT, t.at) != NULL && advance(p);
    }
    *done = false;
    return true;
}

/* *operand: an operand is complete, an operator is wanted. */
static bool parse_operand(struct parser *p, bool *operand)
{
    struct token t = p->token;
    bool prefix;
    *operand = false;
    if (!parse_prefix(p, &prefix))
        return false;
    if (prefix)
        return true;
    *operand = true;
    switch (t.kind) {
    case TOKEN_NUMBER:
        return add_text(p, NODE_NUMBER, t.at, t.text) && advance(p);
    case TOKEN_STRING:
        return add_text(p, NODE_STRING, t.at, t.text) && advance(p);
    case TOKEN_BYTES:
        if (!add_text(p, NODE_BYTES, t.at, t.text))
            return false;
        p->x->nodes[p->x->count - 1].is_text = t.is_text;
        return advance(p);
    case TOKEN_QUOTED:
        return add_column(p, t.at, t.text) && advance(p);
    case TOKEN_NAME:
        return parse_word(p, operand);
    case TOKEN_END:
        FAIL(p, t.at, "the expression ends where a value is expected");
    case TOKEN_SIGN:
        break;
    }
    FAIL(p, t.at, "a value is expected, not %.*s", SLICE_ARG(t.text));
}

static const struct {
    const char *sign;
    uint16_t sql, etl;
    uint8_t strength;
} infix[] = {
    {"||", OP_OR, OP_UNKNOWN, BIND_OR},
    {"or", OP_OR, OP_UNKNOWN, BIND_OR},
    {"xor", OP_XOR, OP_UNKNOWN, BIND_XOR},
    {"&&", OP_AND, OP_UNKNOWN, BIND_AND},
    {"and", OP_AND, OP_UNKNOWN, BIND_AND},
    {"=", OP_EQ, OP_UNKNOWN, BIND_COMPARE},
    {"<=>", OP_NULL_EQ, OP_UNKNOWN, BIND_COMPARE},
    {"<>", OP_NE, OP_UNKNOWN, BIND_COMPARE},
    {"!=", OP_NE, OP_UNKNOWN, BIND_COMPARE},
    {"<", OP_LT, OP_UNKNOWN, BIND_COMPARE},
    {"<=", OP_LE, OP_UNKNOWN, BIND_COMPARE},
    {">", OP_GT, OP_UNKNOWN, BIND_COMPARE},
    {">=", OP_GE, OP_UNKNOWN, BIND_COMPARE},
    {"+", OP_ADD, OP_OP_SUM, BIND_ADD},
    {"-", OP_SUB, OP_OP_SUB, BIND_ADD},
    {"*", OP_MUL, OP_OP_MUL, BIND_MUL},
    {"/", OP_DIVIDE, OP_OP_DIV, BIND_MUL},
    {"div", OP_INT_DIV, OP_UNKNOWN, BIND_MUL},
    {"%", OP_MOD, OP_UNKNOWN, BIND_MUL},
    {"mod", OP_MOD, OP_UNKNOWN, BIND_MUL},
    {"regexp", OP_REGEXP, OP_UNKNOWN, BIND_PREDICATE},
    {"rlike", OP_REGEXP, OP_UNKNOWN, BIND_PREDICATE},
    {"like", OP_LIKE, OP_UNKNOWN, BIND_PREDICATE},
};

/* The AND of an open BETWEEN. *taken: it was one. */
static bool between_and(struct parser *p, bool *taken)
{
    *taken = false;
    for (uint32_t i = p->depth; i > 0 && p->stack[i - 1].kind < WAIT_PARENTHESIS; i--)
        *taken = *taken || p->stack[i - 1].kind == WAIT_BETWEEN_AND;
    if (!*taken)
        return true;
    if (!reduce(p, BIND_ADD))
        return false;
    struct waiting *w = top(p);
    if (w->kind != WAIT_BETWEEN_AND) {
        *taken = false;
        return true;
    }
    w->kind = WAIT_OPERATOR;
    w->argc = 2;
    return advance(p);
}

/* A predicate needs an operand that is none, unless it is in parentheses. */
static bool before_predicate(struct parser *p)
{
    const struct rule_node *n = &p->x->nodes[p->x->count - 1];
    const struct waiting *w = top(p);
    bool is_one = n->kind == NODE_CALL && !n->in_parentheses &&
                  (n->op == OP_IN || n->op == OP_LIKE || n->op == OP_BETWEEN || n->op == OP_REGEXP);
    bool waits = w != NULL && w->kind < WAIT_PARENTHESIS && w->strength == BIND_PREDICATE;
    if (is_one || waits)
        FAIL(p, p->token.at, "put parentheses around the condition to the left");
    return true;
}

/* IS [NOT] NULL, TRUE, FALSE, UNKNOWN */
static bool parse_is(struct parser *p)
{
    uint32_t at = p->token.at;
    if (!reduce(p, BIND_COMPARE) || !advance(p))
        return false;
    bool negated = is_word(&p->token, "not");
    if (negated && !advance(p))
        return false;
    unsigned op = is_word(&p->token, "null") || is_word(&p->token, "unknown") ? OP_IS_NULL
                  : is_word(&p->token, "true")                                ? OP_IS_TRUE
                  : is_word(&p->token, "false")                               ? OP_IS_FALSE
                                                                              : OP_UNKNOWN;
    if (op == OP_UNKNOWN)
        FAIL(p, p->token.at, "NULL, TRUE, FALSE or UNKNOWN is expected behind IS");
    struct rule_node *n = add_node(p, NODE_CALL, at);
    if (n == NULL)
        return false;
    n->op = (uint16_t)op;
    n->argc = 1;
    n->negated = negated;
    return advance(p);
}

static bool parse_in(struct parser *p, bool negated)
{
    uint32_t at = p->token.at;
    if (!before_predicate(p) || !advance(p))
        return false;
    if (!is_sign(&p->token, "("))
        FAIL(p, p->token.at, "( is expected behind IN");
    if (!advance(p))
        return false;
    if (is_word(&p->token, "select"))
        return refuse_word(p);
    struct waiting *w = push(p, WAIT_ARGUMENTS, OP_IN, 0, at);
    if (w == NULL)
        return false;
    w->negated = negated;
    w->argc = 1;
    return add_mark(p, w);
}

/* An operator that has words: [NOT] IN, LIKE, BETWEEN, REGEXP, and ESCAPE. *taken: it was one. */
static bool parse_predicate(struct parser *p, bool *taken, bool *operand)
{
    bool negated = is_word(&p->token, "not");
    const struct token *word = negated ? &p->next : &p->token;
    bool in = is_word(word, "in"), between = is_word(word, "between");
    *taken =
        in || between || is_word(word, "like") || is_word(word, "regexp") || is_word(word, "rlike");
    if (!*taken)
        return true;
    if ((negated && !advance(p)) || !reduce(p, BIND_ADD))
        return false;
    *operand = false;
    if (in)
        return parse_in(p, negated);
    if (!before_predicate(p))
        return false;
    unsigned op = between ? OP_BETWEEN : is_word(&p->token, "like") ? OP_LIKE : OP_REGEXP;
    struct waiting *w =
        push(p, between ? WAIT_BETWEEN_AND : WAIT_OPERATOR, op, BIND_PREDICATE, p->token.at);
    if (w == NULL)
        return false;
    w->negated = negated;
    w->argc = 1;
    return advance(p);
}

static bool parse_escape(struct parser *p, bool *operand)
{
    if (!reduce(p, BIND_ADD))
        return false;
    struct waiting *w = top(p);
    if (w == NULL || w->kind != WAIT_OPERATOR || w->op != OP_LIKE || w->argc != 1)
        FAIL(p, p->token.at, "ESCAPE has its place behind LIKE only");
    w->argc = 2;
    *operand = false;
    return advance(p);
}

static bool parse_choose(struct parser *p, bool *operand)
{
    bool colon = is_sign(&p->token, ":");
    *operand = false;
    if (!colon) {
        if (!reduce(p, BIND_CHOOSE + 1))
            return false;
        struct waiting *w = push(p, WAIT_COLON, OP_CHOOSE, BIND_CHOOSE, p->token.at);
        if (w == NULL)
            return false;
        w->argc = 1;
        return add_mark(p, w) && advance(p);
    }
    struct waiting *w;
    /* A complete inner ?: ends here, too; it is to the right of the one that this : belongs to. */
    while (reduce(p, BIND_CHOOSE + 1) && (w = top(p)) != NULL && w->kind == WAIT_OPERATOR)
        if (!emit(p))
            return false;
    if (p->err != ERR_OK)
        return false;
    w = top(p);
    if (w == NULL || w->kind != WAIT_COLON)
        FAIL(p, p->token.at, ": has its place behind ? only");
    w->kind = WAIT_OPERATOR;
    w->argc = 2;
    return add_mark(p, w) && advance(p);
}

static bool parse_infix(struct parser *p, bool *operand)
{
    for (size_t i = 0; i < sizeof(infix) / sizeof(infix[0]); i++) {
        unsigned op = p->x->dialect == RULE_SQL ? infix[i].sql : infix[i].etl;
        if (op == OP_UNKNOWN || !(is_sign(&p->token, infix[i].sign) ||
                                  (p->x->dialect == RULE_SQL && is_word(&p->token, infix[i].sign))))
            continue;
        if (!reduce(p, infix[i].strength))
            return false;
        struct waiting *w = push(p, WAIT_OPERATOR, op, infix[i].strength, p->token.at);
        if (w == NULL)
            return false;
        w->argc = 1;
        *operand = false;
        return add_mark(p, w) && advance(p);
    }
    if (p->token.kind == TOKEN_NAME && is_word(&p->token, "collate"))
        FAIL(p, p->token.at, "COLLATE is not supported: a column is compared in its own collation");
    FAIL(p, p->token.at, "an operator is expected%s",
         p->token.kind == TOKEN_STRING || p->token.kind == TOKEN_NUMBER ? ", not a value" : "");
}

static bool close_bracket(struct parser *p)
{
    if (!reduce(p, BIND_CHOOSE))
        return false;
    struct waiting *w = top(p);
    if (w == NULL)
        FAIL(p, p->token.at, ") without (");
    if (!advance(p))
        return false;
    if (w->kind == WAIT_PARENTHESIS) {
        p->x->nodes[p->x->count - 1].in_parentheses = true;
        p->depth--;
        return true;
    }
    return end_argument(p, w) && close_call(p);
}

/* FROM and FOR stand for commas within substring(). */
static bool is_comma(struct parser *p)
{
    const struct waiting *w = top(p);
    if (is_sign(&p->token, ","))
        return true;
    bool word = is_word(&p->token, "from") || is_word(&p->token, "for");
    for (uint32_t i = p->depth; word && i > 0; i--) {
        w = &p->stack[i - 1];
        if (w->kind >= WAIT_PARENTHESIS)
            return w->kind == WAIT_ARGUMENTS && w->op == OP_SUBSTRING;
    }
    return false;
}

static bool parse_comma(struct parser *p, bool *operand)
{
    if (!reduce(p, BIND_CHOOSE))
        return false;
    struct waiting *w = top(p);
    if (w == NULL || w->kind != WAIT_ARGUMENTS)
        FAIL(p, p->token.at, "a comma has no place here");
    *operand = false;
    return end_argument(p, w) && add_mark(p, w) && advance(p) && argument_name(p, w);
}

static bool parse_operator(struct parser *p, bool *operand)
{
    bool taken;
    *operand = true;
    if (is_sign(&p->token, ")"))
        return close_bracket(p);
    if (is_comma(p))
        return parse_comma(p, operand);
    if (p->x->dialect == RULE_ETL) {
        if (is_sign(&p->token, "?") || is_sign(&p->token, ":"))
            return parse_choose(p, operand);
        return parse_infix(p, operand);
    }
    if (is_word(&p->token, "and")) {
        if (!between_and(p, &taken))
            return false;
        if (taken) {
            *operand = false;
            return true;
        }
    }
    if (is_word(&p->token, "is"))
        return parse_is(p);
    if (is_word(&p->token, "escape"))
        return parse_escape(p, operand);
    if (!parse_predicate(p, &taken, operand))
        return false;
    return taken || parse_infix(p, operand);
}

static bool parse(struct parser *p)
{
    bool operand = false;
    if (!advance(p) || !advance(p))
        return false;
    for (;;) {
        if (operand && p->token.kind == TOKEN_END)
            break;
        if (!(operand ? parse_operator(p, &operand) : parse_operand(p, &operand)))
            return false;
    }
    if (!reduce(p, BIND_CHOOSE))
        return false;
    if (p->depth > 0)
        FAIL(p, top(p)->at, "this bracket is not closed");
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
