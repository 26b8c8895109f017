/*
 * What the files of the WHERE dialect share: what is known of operands, and
 * what they are compared as. Private to this room.
 */
#pragma once

#include "rules/program_int.h"

/* --- compile_class.c ------------------------------------------------------- */

bool compile_is_temporal(const struct operand *o);
bool compile_is_integer(const struct operand *o);
const struct column *compile_column_of(const struct compiler *c, const struct operand *o);

/* False: an error was added, for a value of which only IS NULL can be asked. */
bool compile_usable(struct compiler *c, const struct operand *o);
bool compile_text_able(struct compiler *c, const struct operand *o); /* can stand for a text */

/* `binary`, not a _bin collation of some character set */
bool compile_is_bytes(const struct rule_collation *c);

/* The collation that the last count operands share, of those that are texts. */
bool compile_common_collation(struct compiler *c, uint32_t count, struct operand *out);

/* What these values are compared as; *collation for texts. Constants become values of the class. */
bool compile_find_class(struct compiler *c, struct operand *const *ops, uint32_t count,
                        unsigned *class, const struct rule_collation **collation);

/* A decimal that is no constant and a text that is one are compared as decimals, not as reals. */
void compile_text_to_decimal(struct compiler *c, const struct operand *decimal, struct operand *o);

/* INSN_COMPARE's a, of decimals. */
uint32_t compile_rounding(const struct operand *a, const struct operand *b);

/* --- compile_function.c ---------------------------------------------------- */

bool compile_negative_node(struct compiler *c, const struct rule_node *n);
bool compile_arithmetic_node(struct compiler *c, const struct rule_node *n);
bool compile_function_node(struct compiler *c, const struct rule_node *n);
