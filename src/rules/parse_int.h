/* What the files of the parser share. Private to this room. */
#pragma once

#include "rules/expression_int.h"
#include "rules/lexer.h"

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

#define FAIL(p, at, ...)                                                                           \
    do {                                                                                           \
        rule_error_add((p)->errors, at, __VA_ARGS__);                                              \
        (p)->err = ERR_CONFIG;                                                                     \
        return false;                                                                              \
    } while (0)

/* --- parse.c: tokens, nodes, and the stack of what waits --------------------- */

bool parser_advance(struct parser *p);
bool parser_is_sign(const struct token *t, const char *sign);
bool parser_is_word(const struct token *t, const char *word);

/* NULL: p->err says why. */
struct rule_node *parser_add_node(struct parser *p, enum node_kind kind, uint32_t at);
bool parser_add_text(struct parser *p, enum node_kind kind, uint32_t at, struct slice text);
bool parser_add_mark(struct parser *p, struct waiting *w); /* between the arguments of a lazy one */

struct waiting *parser_top(struct parser *p); /* NULL: nothing waits */
struct waiting *parser_push(struct parser *p, enum wait_kind kind, unsigned op, unsigned strength,
                            uint32_t at); /* NULL: p->err says why */
bool parser_emit(struct parser *p);       /* the one at the top becomes a node */

/* Ends the waiting operators that bind at least as strongly. */
bool parser_reduce(struct parser *p, unsigned strength);

/* f( was read; the token is what follows. *open: arguments come. */
bool parser_begin_call(struct parser *p, unsigned op, uint32_t at, bool *open);
bool parser_argument_name(struct parser *p, struct waiting *w); /* "name =" of the DTS language */
bool parser_end_argument(struct parser *p, struct waiting *w);
bool parser_close_call(struct parser *p);

/* --- parse_operand.c ---------------------------------------------------------- */

/* OP_UNKNOWN: an error with the nearest name was added, and parsing goes on. */
unsigned parser_find_function(struct parser *p, struct slice name, uint32_t at);
bool parser_refuse_word(struct parser *p);

/* *operand: an operand is complete, an operator is wanted. */
bool parser_operand(struct parser *p, bool *operand);

/* --- parse_operator.c --------------------------------------------------------- */

bool parser_operator(struct parser *p, bool *operand);
