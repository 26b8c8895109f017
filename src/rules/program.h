/*
 * Programs: expressions compiled for one version of a table.
 *
 * A program is a flat list of instructions for a machine with a stack of
 * values. Everything that does not depend on the row is decided when it is
 * compiled: columns are indexes, every comparison knows whether it compares
 * integers, decimals, floating-point numbers, times or texts and under which
 * collation, constants have the type that they are compared as, and what
 * constants decide (conditions on __TB__ above all) is not there any more.
 * Control only ever moves forward, so a program of n instructions ends after
 * at most n steps. What a program needs of the stack is known beforehand.
 *
 *   SQL   rule_filter_new() once per table version, rule_filter() per image
 *   ETL   rule_script_new() and rule_script_run() (script.h)
 *
 * A filter means what the server's WHERE means. Where we cannot know that we
 * say the same as the server, there are three ways:
 *   - a value that needs collation weights is asked of the source (question.h);
 *   - an expression whose meaning differs between servers or depends on their
 *     settings (a text column compared with a date, TIME with DATE, JSON, ...)
 *     is refused when it is compiled, with a sentence;
 *   - what makes the server's SELECT fail (BIGINT out of range) fails here.
 *
 * A program is immutable and shared by all lanes. A machine is what one lane
 * needs beside it; nothing in it is allocated per row.
 */
#pragma once

#include "base/err.h"
#include "rules/expression.h"
#include "rules/question.h"
#include "schema/cell.h"
#include "schema/table.h"
#include "schema/zone.h"

struct rule_program;
struct rule_machine;

struct rule_machine_options {
    const struct zone *zone; /* that TIMESTAMP is written, and so compared, in; NULL: UTC */
    rule_ask_fn ask;         /* NULL: a row that needs it fails */
    void *ask_arg;
    size_t answers_bytes; /* kept answers; 0: 1 MB */
};

/* NULL: no memory. The zone is borrowed. */
struct rule_machine *rule_machine_new(const struct rule_machine_options *o);
void rule_machine_free(struct rule_machine *m); /* may be NULL */

/* The sentence about the last failure, without the row's place. */
const char *rule_machine_message(const struct rule_machine *m);

/* How often the source was asked, kept answers not counted. */
uint64_t rule_machine_asked(const struct rule_machine *m);

/*
 * Compiles a condition for a table's rows. t is read now and must live as
 * long as the program. mariadb: whose meaning is wanted, where it differs.
 * ERR_CONFIG with errors: a column that the table lacks, types that cannot be
 * compared; ERR_NO_MEMORY.
 */
NODISCARD enum err rule_filter_new(const struct rule_expression *x, const struct table *t,
                                   bool mariadb, struct rule_program **out,
                                   struct rule_errors *errors);
void rule_program_free(struct rule_program *p); /* may be NULL */

/*
 * Whether the condition is true of a row; NULL is not. cells has one cell for
 * each column of the table, other (may be NULL) the other image, from which
 * cells that this one leaves out are taken.
 *
 * ERR_TABLE_MISMATCH: a cell that the condition needs is in neither image.
 * ERR_EXPRESSION: the server's SELECT would fail for this row as well.
 * What the asking function returns, and ERR_MALFORMED, ERR_BAD_TEXT, ERR_NO_MEMORY.
 */
NODISCARD enum err rule_filter(struct rule_machine *m, const struct rule_program *p,
                               const struct cell *cells, const struct cell *other, bool *pass);

/* Columns that the program reads, as indexes of the table, ascending. */
const uint16_t *rule_program_columns(const struct rule_program *p, uint32_t *count);

/*
 * Whether the condition means the same in a SELECT on the source, whatever the
 * session's time zone: it looks at no TIMESTAMP. Rows are filtered here in any
 * case; what this says is whether the source may leave out rows beforehand.
 */
bool rule_filter_for_select(const struct rule_program *p);

/*
 * Appends the condition as SQL, made anew from what was parsed and not from the
 * text: names in quotes and as the table spells them, brackets around every
 * operator. It means what rule_filter() says in a session whose sql_mode is
 * empty, whose character set is utf8mb4 and whose div_precision_increment is
 * 4. ERR_NO_MEMORY, ERR_TOO_LARGE of the writer.
 */
NODISCARD enum err rule_condition_sql(const struct rule_expression *x, const struct table *t,
                                      struct writer *w);
