/*
 * The text of an expression, taken apart: the first of two steps.
 *
 *   rule_parse()    text to nodes: needs no table, so `check` can say what is
 *                   wrong with a text before anything is connected
 *   rule_compile()  nodes and a table's definition to a program (program.h)
 *
 * There are two dialects and one engine:
 *
 *   RULE_SQL   the condition of a WHERE clause, with the server's meaning
 *   RULE_ETL   the DTS language: one expression of functions
 *
 * The nodes of an expression stand in the order in which they are evaluated
 * (operands before their operator), so no step ever walks a tree: compiling is
 * one pass with a stack that parsing has bounded. Where an operator is lazy
 * (AND, coalesce, e_if), a mark stands between its operands: the place of a
 * jump, and of leaving out what a constant decides.
 *
 * Bounds: RULE_TEXT_MAX bytes, RULE_DEPTH_MAX open operators and parentheses,
 * RULE_NODES_MAX nodes.
 *
 * An expression is immutable and may be shared by threads.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"

#include <stdio.h>

#define RULE_TEXT_MAX   (256u << 10)
#define RULE_DEPTH_MAX  256
#define RULE_NODES_MAX  65536
#define RULE_ERRORS_MAX 16

enum rule_dialect { RULE_SQL, RULE_ETL };

/* Everything that is wrong with a text, as far as it was understood. All zero is empty. */
struct rule_errors {
    uint32_t count;
    struct rule_error {
        uint32_t offset; /* byte of the text; its length: behind its end */
        char text[240];
    } items[RULE_ERRORS_MAX];
};

struct rule_expression;

/* text is copied. ERR_CONFIG with at least one error; ERR_NO_MEMORY. */
NODISCARD enum err rule_parse(struct slice text, enum rule_dialect dialect,
                              struct rule_expression **out, struct rule_errors *errors);
void rule_expression_free(struct rule_expression *x); /* may be NULL */

struct slice rule_expression_text(const struct rule_expression *x);

/* Whether the expression names the column, in any table; names differ in case only under RULE_SQL.
 */
bool rule_mentions(const struct rule_expression *x, struct slice column);

/* Calls on_column for each name, once for each place. set: it is assigned there (e_set). */
typedef void (*rule_column_fn)(void *arg, struct slice column, uint32_t offset, bool set);
void rule_columns(const struct rule_expression *x, rule_column_fn on_column, void *arg);

/*
 * Prints an error with its place, the line that it is in, and a caret:
 *
 *   orders.yaml:12: objects[].filter, line 1, column 9: a value is expected
 *     amount > > 10
 *              ^
 *
 * what is "objects[].filter" or "etl".
 */
void rule_error_print(FILE *out, const char *file, uint32_t line, const char *what,
                      struct slice text, const struct rule_error *e);

/* The same as one sentence without the drawing: "line 1, column 9: a value is expected". */
const char *rule_error_text(struct slice text, const struct rule_error *e, char *buf, size_t cap);
