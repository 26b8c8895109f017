/* Where an operator is wanted: signs and words between operands, commas, closing brackets. */
#include "rules/parse_int.h"

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
    if (!parser_reduce(p, BIND_ADD))
        return false;
    struct waiting *w = parser_top(p);
    if (w->kind != WAIT_BETWEEN_AND) {
        *taken = false;
        return true;
    }
    w->kind = WAIT_OPERATOR;
    w->argc = 2;
    return parser_advance(p);
}

/* A predicate needs an operand that is none, unless it is in parentheses. */
static bool before_predicate(struct parser *p)
{
    const struct rule_node *n = &p->x->nodes[p->x->count - 1];
    const struct waiting *w = parser_top(p);
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
    if (!parser_reduce(p, BIND_COMPARE) || !parser_advance(p))
        return false;
    bool negated = parser_is_word(&p->token, "not");
    if (negated && !parser_advance(p))
        return false;
    unsigned op = parser_is_word(&p->token, "null") || parser_is_word(&p->token, "unknown")
                      ? OP_IS_NULL
                  : parser_is_word(&p->token, "true")  ? OP_IS_TRUE
                  : parser_is_word(&p->token, "false") ? OP_IS_FALSE
                                                       : OP_UNKNOWN;
    if (op == OP_UNKNOWN)
        FAIL(p, p->token.at, "NULL, TRUE, FALSE or UNKNOWN is expected behind IS");
    struct rule_node *n = parser_add_node(p, NODE_CALL, at);
    if (n == NULL)
        return false;
    n->op = (uint16_t)op;
    n->argc = 1;
    n->negated = negated;
    return parser_advance(p);
}

static bool parse_in(struct parser *p, bool negated)
{
    uint32_t at = p->token.at;
    if (!before_predicate(p) || !parser_advance(p))
        return false;
    if (!parser_is_sign(&p->token, "("))
        FAIL(p, p->token.at, "( is expected behind IN");
    if (!parser_advance(p))
        return false;
    if (parser_is_word(&p->token, "select"))
        return parser_refuse_word(p);
    struct waiting *w = parser_push(p, WAIT_ARGUMENTS, OP_IN, 0, at);
    if (w == NULL)
        return false;
    w->negated = negated;
    w->argc = 1;
    return parser_add_mark(p, w);
}

/* An operator that has words: [NOT] IN, LIKE, BETWEEN, REGEXP, and ESCAPE. *taken: it was one. */
static bool parse_predicate(struct parser *p, bool *taken, bool *operand)
{
    bool negated = parser_is_word(&p->token, "not");
    const struct token *word = negated ? &p->next : &p->token;
    bool in = parser_is_word(word, "in"), between = parser_is_word(word, "between");
    *taken = in || between || parser_is_word(word, "like") || parser_is_word(word, "regexp") ||
             parser_is_word(word, "rlike");
    if (!*taken)
        return true;
    if ((negated && !parser_advance(p)) || !parser_reduce(p, BIND_ADD))
        return false;
    *operand = false;
    if (in)
        return parse_in(p, negated);
    if (!before_predicate(p))
        return false;
    unsigned op = between ? OP_BETWEEN : parser_is_word(&p->token, "like") ? OP_LIKE : OP_REGEXP;
    struct waiting *w =
        parser_push(p, between ? WAIT_BETWEEN_AND : WAIT_OPERATOR, op, BIND_PREDICATE, p->token.at);
    if (w == NULL)
        return false;
    w->negated = negated;
    w->argc = 1;
    return parser_advance(p);
}

static bool parse_escape(struct parser *p, bool *operand)
{
    if (!parser_reduce(p, BIND_ADD))
        return false;
    struct waiting *w = parser_top(p);
    if (w == NULL || w->kind != WAIT_OPERATOR || w->op != OP_LIKE || w->argc != 1)
        FAIL(p, p->token.at, "ESCAPE has its place behind LIKE only");
    w->argc = 2;
    *operand = false;
    return parser_advance(p);
}

static bool parse_choose(struct parser *p, bool *operand)
{
    bool colon = parser_is_sign(&p->token, ":");
    *operand = false;
    if (!colon) {
        if (!parser_reduce(p, BIND_CHOOSE + 1))
            return false;
        struct waiting *w = parser_push(p, WAIT_COLON, OP_CHOOSE, BIND_CHOOSE, p->token.at);
        if (w == NULL)
            return false;
        w->argc = 1;
        return parser_add_mark(p, w) && parser_advance(p);
    }
    struct waiting *w;
    /* A complete inner ?: ends here, too; it is to the right of the one that this : belongs to. */
    while (parser_reduce(p, BIND_CHOOSE + 1) && (w = parser_top(p)) != NULL &&
           w->kind == WAIT_OPERATOR)
        if (!parser_emit(p))
            return false;
    if (p->err != ERR_OK)
        return false;
    w = parser_top(p);
    if (w == NULL || w->kind != WAIT_COLON)
        FAIL(p, p->token.at, ": has its place behind ? only");
    w->kind = WAIT_OPERATOR;
    w->argc = 2;
    return parser_add_mark(p, w) && parser_advance(p);
}

static bool parse_infix(struct parser *p, bool *operand)
{
    for (size_t i = 0; i < sizeof(infix) / sizeof(infix[0]); i++) {
        unsigned op = p->x->dialect == RULE_SQL ? infix[i].sql : infix[i].etl;
        if (op == OP_UNKNOWN ||
            !(parser_is_sign(&p->token, infix[i].sign) ||
              (p->x->dialect == RULE_SQL && parser_is_word(&p->token, infix[i].sign))))
            continue;
        if (!parser_reduce(p, infix[i].strength))
            return false;
        struct waiting *w = parser_push(p, WAIT_OPERATOR, op, infix[i].strength, p->token.at);
        if (w == NULL)
            return false;
        w->argc = 1;
        *operand = false;
        return parser_add_mark(p, w) && parser_advance(p);
    }
    if (p->token.kind == TOKEN_NAME && parser_is_word(&p->token, "collate"))
        FAIL(p, p->token.at, "COLLATE is not supported: a column is compared in its own collation");
    FAIL(p, p->token.at, "an operator is expected%s",
         p->token.kind == TOKEN_STRING || p->token.kind == TOKEN_NUMBER ? ", not a value" : "");
}

static bool close_bracket(struct parser *p)
{
    if (!parser_reduce(p, BIND_CHOOSE))
        return false;
    struct waiting *w = parser_top(p);
    if (w == NULL)
        FAIL(p, p->token.at, ") without (");
    if (!parser_advance(p))
        return false;
    if (w->kind == WAIT_PARENTHESIS) {
        p->x->nodes[p->x->count - 1].in_parentheses = true;
        p->depth--;
        return true;
    }
    return parser_end_argument(p, w) && parser_close_call(p);
}

/* FROM and FOR stand for commas within substring(). */
static bool is_comma(struct parser *p)
{
    const struct waiting *w = parser_top(p);
    if (parser_is_sign(&p->token, ","))
        return true;
    bool word = parser_is_word(&p->token, "from") || parser_is_word(&p->token, "for");
    for (uint32_t i = p->depth; word && i > 0; i--) {
        w = &p->stack[i - 1];
        if (w->kind >= WAIT_PARENTHESIS)
            return w->kind == WAIT_ARGUMENTS && w->op == OP_SUBSTRING;
    }
    return false;
}

static bool parse_comma(struct parser *p, bool *operand)
{
    if (!parser_reduce(p, BIND_CHOOSE))
        return false;
    struct waiting *w = parser_top(p);
    if (w == NULL || w->kind != WAIT_ARGUMENTS)
        FAIL(p, p->token.at, "a comma has no place here");
    *operand = false;
    return parser_end_argument(p, w) && parser_add_mark(p, w) && parser_advance(p) &&
           parser_argument_name(p, w);
}

bool parser_operator(struct parser *p, bool *operand)
{
    bool taken;
    *operand = true;
    if (parser_is_sign(&p->token, ")"))
        return close_bracket(p);
    if (is_comma(p))
        return parse_comma(p, operand);
    if (p->x->dialect == RULE_ETL) {
        if (parser_is_sign(&p->token, "?") || parser_is_sign(&p->token, ":"))
            return parse_choose(p, operand);
        return parse_infix(p, operand);
    }
    if (parser_is_word(&p->token, "and")) {
        if (!between_and(p, &taken))
            return false;
        if (taken) {
            *operand = false;
            return true;
        }
    }
    if (parser_is_word(&p->token, "is"))
        return parse_is(p);
    if (parser_is_word(&p->token, "escape"))
        return parse_escape(p, operand);
    if (!parse_predicate(p, &taken, operand))
        return false;
    return taken || parse_infix(p, operand);
}
