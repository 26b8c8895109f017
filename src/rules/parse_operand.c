/* Where an operand is wanted: literals, names, functions, what stands in front of operands. */
#include "rules/parse_int.h"

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
unsigned parser_find_function(struct parser *p, struct slice name, uint32_t at)
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

bool parser_refuse_word(struct parser *p)
{
    if (parser_is_word(&p->token, "select") || parser_is_word(&p->token, "exists"))
        FAIL(p, p->token.at, "a subquery has no place here: only the row itself can be asked");
    FAIL(p, p->token.at, "a value is expected, not %.*s", SLICE_ARG(p->token.text));
}

/* DATE '...', TIME '...', TIMESTAMP '...' */
static bool temporal_literal(struct parser *p, bool *taken)
{
    *taken = p->next.kind == TOKEN_STRING &&
             (parser_is_word(&p->token, "date") || parser_is_word(&p->token, "time") ||
              parser_is_word(&p->token, "timestamp"));
    if (!*taken)
        return true;
    enum node_kind kind = parser_is_word(&p->token, "date")   ? NODE_DATE
                          : parser_is_word(&p->token, "time") ? NODE_TIME
                                                              : NODE_DATETIME;
    uint32_t at = p->token.at;
    return parser_advance(p) && parser_add_text(p, kind, at, p->token.text) && parser_advance(p);
}

static bool word_literal(struct parser *p, bool *taken)
{
    bool sql = p->x->dialect == RULE_SQL;
    *taken = true;
    if (parser_is_word(&p->token, "true"))
        return parser_add_node(p, NODE_TRUE, p->token.at) != NULL && parser_advance(p);
    if (parser_is_word(&p->token, "false"))
        return parser_add_node(p, NODE_FALSE, p->token.at) != NULL && parser_advance(p);
    if (parser_is_word(&p->token, "null"))
        return parser_add_node(p, NODE_NULL, p->token.at) != NULL && parser_advance(p);
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
    const struct waiting *w = parser_top(p);
    if (!parser_add_text(p, NODE_COLUMN, at, name))
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
    if (parser_is_sign(&p->next, "(")) {
        if (p->x->dialect == RULE_SQL && is_reserved(t.text) && !parser_is_word(&t, "mod"))
            return parser_refuse_word(p);
        unsigned op = parser_find_function(p, t.text, t.at);
        bool open;
        if (!parser_advance(p) || !parser_advance(p) || !parser_begin_call(p, op, t.at, &open))
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
            return parser_refuse_word(p);
        return parser_add_text(p, NODE_COLUMN, t.at, t.text) && parser_advance(p);
    }
    if (is_variable(t.text)) {
        const struct waiting *w = parser_top(p);
        if (!parser_add_text(p, NODE_VARIABLE, t.at, t.text))
            return false;
        p->x->nodes[p->x->count - 1].is_set =
            w != NULL && w->kind == WAIT_ARGUMENTS && w->op == OP_E_SET && w->argc == 0;
        return parser_advance(p);
    }
    FAIL(p, t.at, "a value is expected: columns are written `%.*s`, texts \"%.*s\"",
         SLICE_ARG(t.text), SLICE_ARG(t.text));
}

static bool parse_prefix(struct parser *p, bool *done)
{
    struct token t = p->token;
    bool sql = p->x->dialect == RULE_SQL;
    *done = true;
    if (parser_is_sign(&t, "("))
        return parser_push(p, WAIT_PARENTHESIS, OP_UNKNOWN, 0, t.at) != NULL && parser_advance(p);
    if (parser_is_sign(&t, "-"))
        return parser_push(p, WAIT_OPERATOR, sql ? OP_NEG : OP_OP_NEG, BIND_NEG, t.at) != NULL &&
               parser_advance(p);
    if (parser_is_sign(&t, "+"))
        return parser_advance(p);
    if (sql && parser_is_sign(&t, "!"))
        return parser_push(p, WAIT_OPERATOR, OP_NOT, BIND_BANG, t.at) != NULL && parser_advance(p);
    if (sql && parser_is_word(&t, "not") && !parser_is_sign(&p->next, "=")) {
        const struct waiting *w = parser_top(p);
        if (w != NULL && w->kind < WAIT_PARENTHESIS && w->strength > BIND_NOT)
            FAIL(p, t.at, "NOT has no place here without parentheses");
        return parser_push(p, WAIT_OPERATOR, OP_NOT, BIND_NOT, t.at) != NULL && parser_advance(p);
    }
    *done = false;
    return true;
}

/* *operand: an operand is complete, an operator is wanted. */
bool parser_operand(struct parser *p, bool *operand)
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
        return parser_add_text(p, NODE_NUMBER, t.at, t.text) && parser_advance(p);
    case TOKEN_STRING:
        return parser_add_text(p, NODE_STRING, t.at, t.text) && parser_advance(p);
    case TOKEN_BYTES:
        if (!parser_add_text(p, NODE_BYTES, t.at, t.text))
            return false;
        p->x->nodes[p->x->count - 1].is_text = t.is_text;
        return parser_advance(p);
    case TOKEN_QUOTED:
        return add_column(p, t.at, t.text) && parser_advance(p);
    case TOKEN_NAME:
        return parse_word(p, operand);
    case TOKEN_END:
        FAIL(p, t.at, "the expression ends where a value is expected");
    case TOKEN_SIGN:
        break;
    }
    FAIL(p, t.at, "a value is expected, not %.*s", SLICE_ARG(t.text));
}
