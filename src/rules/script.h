/*
 * Scripts of the DTS language, compiled for one version of a table.
 *
 * A script works on a row's cells as they go out: a copy of the image, behind
 * it the cells of columns that the script adds. It reads the copy, so what it
 * has set is what it reads from then on. Columns that it adds begin as NULL.
 *
 * Compiled against a table, everything that __TB__ and __DB__ decide is
 * decided: rule_script_is_empty() says that nothing is left for this table.
 *
 * A value (rule_value_new()) is an expression of the same language that is no
 * row function: what an additional column holds.
 */
#pragma once

#include "rules/program.h"
#include "schema/change.h"

enum rule_on_error { RULE_FAIL, RULE_SKIP, RULE_NULL };

NODISCARD enum err rule_script_new(const struct rule_expression *x, const struct table *t,
                                   struct rule_program **out, struct rule_errors *errors);
NODISCARD enum err rule_value_new(const struct rule_expression *x, const struct table *t,
                                  struct rule_program **out, struct rule_errors *errors);

bool rule_script_is_empty(const struct rule_program *p);

/* Most columns that a script may add, before it is compiled. */
uint32_t rule_script_sets_max(const struct rule_expression *x);

/*
 * Columns that the script adds, in the order in which they stand behind the
 * table's: types follow from the values (BIGINT, DOUBLE, VARCHAR, DATETIME, ...).
 * Texts are the program's. Writes at most rule_script_sets_max() columns.
 */
uint32_t rule_script_new_columns(const struct rule_program *p, struct column *out);

/* Calls each for every column that the script sets, by its index. */
typedef void (*rule_set_fn)(void *arg, uint32_t column);
void rule_script_sets(const struct rule_program *p, rule_set_fn each, void *arg);

struct script_row {
    const struct cell *before; /* images as they came; NULL: there is none */
    const struct cell *after;
    const struct cell *other;            /* where cells that work leaves out may be; or NULL */
    struct cell *work;                   /* read and changed */
    const struct column *columns;        /* of work */
    const struct column *source_columns; /* of the images; NULL: these begin columns, too */
    enum change_op operation;            /* read and changed; INIT counts as INSERT */
    uint64_t commit_us;
    uint64_t now_us;
    bool dropped; /* out */
};

/* Before the first run for a row; what the last row's cells pointed to is gone. */
void rule_script_begin(struct rule_machine *m);

/*
 * ERR_EXPRESSION: it failed for this row under RULE_FAIL or RULE_SKIP, and
 * rule_machine_message() says why. RULE_NULL: what failed is NULL, and *failures
 * counts it. ERR_TABLE_MISMATCH, ERR_BAD_TEXT, ERR_MALFORMED, ERR_NO_MEMORY.
 */
NODISCARD enum err rule_script_run(struct rule_machine *m, const struct rule_program *p,
                                   struct script_row *row, enum rule_on_error on_error,
                                   uint64_t *failures);

/* A text of another character set, in UTF-8 until the next row. ERR_BAD_TEXT, ERR_NO_MEMORY. */
NODISCARD enum err rule_cell_to_utf8(struct rule_machine *m, const struct column *col,
                                     struct cell *cell);

/* The value for a row, as a cell of the column. Errors as above. */
NODISCARD enum err rule_value_run(struct rule_machine *m, const struct rule_program *p,
                                  const struct script_row *row, const struct column *col,
                                  struct cell *out);
