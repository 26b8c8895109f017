/* What the files of this room share of a parsed expression. */
#pragma once

#include "base/arena.h"
#include "rules/expression.h"
#include "rules/ops.h"

enum node_kind {
    NODE_NUMBER, /* text: digits as written */
    NODE_STRING, /* text: unescaped */
    NODE_BYTES,  /* text: of a hex or bit literal */
    NODE_NULL,
    NODE_TRUE,
    NODE_FALSE,
    NODE_DATE, /* text: of DATE '...' */
    NODE_TIME,
    NODE_DATETIME,
    NODE_COLUMN,   /* text: its name */
    NODE_VARIABLE, /* text: __TB__ and the like */
    NODE_MARK, /* op: of the owner; argc: arguments that are complete; target: the owner's node */
    NODE_NAME, /* text: of the named argument that ends here */
    NODE_CALL, /* op, argc */
};

struct rule_node {
    uint8_t kind; /* enum node_kind */
    bool in_parentheses;
    bool negated; /* NODE_CALL: NOT LIKE and the like */
    bool is_set;  /* NODE_COLUMN: it is assigned, not read */
    bool is_text; /* NODE_BYTES: MariaDB takes it for a text among numbers, too */
    uint16_t op;  /* enum rule_op */
    uint32_t argc;
    uint32_t at;     /* offset in the text */
    uint32_t target; /* NODE_MARK */
    struct slice text;
};

struct rule_expression {
    enum rule_dialect dialect;
    struct slice text;
    uint32_t count;
    struct rule_node *nodes; /* malloc'ed */
    struct arena *arena;     /* owns this and all texts */
};

/* Adds an error; what is beyond the bound is not kept. */
void rule_error_add(struct rule_errors *errors, uint32_t offset, const char *fmt, ...) PRINTF(3, 4);
