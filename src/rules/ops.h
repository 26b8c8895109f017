/*
 * What expressions are made of: the functions and operators of both dialects.
 *
 * Private to this room. An operator is a function with a sign for a name: the
 * parser turns a + b and op_sum(a, b) into the same node.
 *
 * lazy: code stands between the arguments, so the parser leaves a mark behind
 * each of them but the last.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define RULE_ARGS_MAX 255

/* clang-format off */
/*   id            name                         least most lazy */
#define RULE_SQL_OPS(X)                                          \
    X(OR,          "OR",                         2, 2, true)     \
    X(XOR,         "XOR",                        2, 2, false)    \
    X(AND,         "AND",                        2, 2, true)     \
    X(NOT,         "NOT",                        1, 1, false)    \
    X(EQ,          "=",                          2, 2, false)    \
    X(NULL_EQ,     "<=>",                        2, 2, false)    \
    X(NE,          "<>",                         2, 2, false)    \
    X(LT,          "<",                          2, 2, false)    \
    X(LE,          "<=",                         2, 2, false)    \
    X(GT,          ">",                          2, 2, false)    \
    X(GE,          ">=",                         2, 2, false)    \
    X(IN,          "IN",                         2, 65535, true) \
    X(BETWEEN,     "BETWEEN",                    3, 3, false)    \
    X(LIKE,        "LIKE",                       2, 3, false)    \
    X(REGEXP,      "REGEXP",                     2, 2, false)    \
    X(IS_NULL,     "IS NULL",                    1, 1, false)    \
    X(IS_TRUE,     "IS TRUE",                    1, 1, false)    \
    X(IS_FALSE,    "IS FALSE",                   1, 1, false)    \
    X(ADD,         "+",                          2, 2, false)    \
    X(SUB,         "-",                          2, 2, false)    \
    X(MUL,         "*",                          2, 2, false)    \
    X(DIVIDE,      "/",                          2, 2, false)    \
    X(INT_DIV,     "DIV",                        2, 2, false)    \
    X(MOD,         "%",                          2, 2, false)    \
    X(NEG,         "unary -",                    1, 1, false)

#define RULE_SQL_FUNCTIONS(X)                                    \
    X(LOWER,       "lower",                      1, 1, false)    \
    X(UPPER,       "upper",                      1, 1, false)    \
    X(LENGTH,      "length",                     1, 1, false)    \
    X(CHAR_LENGTH, "char_length",                1, 1, false)    \
    X(CONCAT,      "concat",                     1, RULE_ARGS_MAX, false) \
    X(SUBSTRING,   "substring",                  2, 3, false)    \
    X(COALESCE,    "coalesce",                   1, RULE_ARGS_MAX, true) \
    X(IFNULL,      "ifnull",                     2, 2, true)     \
    X(DATE,        "date",                       1, 1, false)    \
    X(YEAR,        "year",                       1, 1, false)    \
    X(FN_MOD,      "mod",                        2, 2, false)    \
    X(ABS,         "abs",                        1, 1, false)

/* The DTS language: row functions first. */
#define RULE_ETL_ROW_FUNCTIONS(X)                                \
    X(E_IF,        "e_if",                       2, RULE_ARGS_MAX, true) \
    X(E_IF_ELSE,   "e_if_else",                  3, 3, true)     \
    X(E_SWITCH,    "e_switch",                   2, RULE_ARGS_MAX, true) \
    X(E_COMPOSE,   "e_compose",                  1, RULE_ARGS_MAX, true) \
    X(E_DROP,      "e_drop",                     0, 0, false)    \
    X(E_KEEP,      "e_keep",                     1, 1, false)    \
    X(E_SET,       "e_set",                      2, 3, false)    \
    X(TAIL_REPLACE, "tail_replace_string_field", 2, 3, false)

#define RULE_ETL_FUNCTIONS(X)                                    \
    X(CHOOSE,      "?:",                         3, 3, true)     \
    X(OP_NEG,      "unary minus",                1, 1, false)    \
    X(OP_SUM,      "op_sum",                     2, 2, false)    \
    X(OP_SUB,      "op_sub",                     2, 2, false)    \
    X(OP_MUL,      "op_mul",                     2, 2, false)    \
    X(OP_DIV,      "op_div_true",                2, 2, false)    \
    X(OP_MOD,      "op_mod",                     2, 2, false)    \
    X(OP_EQ,       "op_eq",                      2, 2, false)    \
    X(OP_NE,       "op_ne",                      2, 2, false)    \
    X(OP_GT,       "op_gt",                      2, 2, false)    \
    X(OP_LT,       "op_lt",                      2, 2, false)    \
    X(OP_GE,       "op_ge",                      2, 2, false)    \
    X(OP_LE,       "op_le",                      2, 2, false)    \
    X(OP_AND,      "op_and",                     2, 2, true)     \
    X(OP_OR,       "op_or",                      2, 2, true)     \
    X(OP_NOT,      "op_not",                     1, 1, false)    \
    X(OP_IN,       "op_in",                      2, 2, false)    \
    X(OP_IS_NULL,  "op_is_null",                 1, 1, false)    \
    X(OP_NOT_NULL, "op_is_not_null",             1, 1, false)    \
    X(JSON_ARRAY,  "json_array",                 1, 1, false)    \
    X(OP_ADD,      "op_add",                     1, RULE_ARGS_MAX, false) \
    X(STR_FORMAT,  "str_format",                 1, RULE_ARGS_MAX, false) \
    X(STR_REPLACE, "str_replace",                3, 4, false)    \
    X(STR_STRIP,   "str_strip",                  2, 2, false)    \
    X(STR_LOWER,   "str_lower",                  1, 1, false)    \
    X(STR_UPPER,   "str_upper",                  1, 1, false)    \
    X(STR_COUNT,   "str_count",                  2, 2, false)    \
    X(STR_FIND,    "str_find",                   2, 2, false)    \
    X(STR_ISALPHA, "str_isalpha",                1, 1, false)    \
    X(STR_ISDIGIT, "str_isdigit",                1, 1, false)    \
    X(STR_CONTAINS, "str_contains",              2, 2, false)    \
    X(REGEX_MATCH, "regex_match",                2, 2, false)    \
    X(STR_MASK,    "str_mask",                   4, 4, false)    \
    X(SUBSTRING_AFTER, "substring_after",        2, 2, false)    \
    X(SUBSTRING_BEFORE, "substring_before",      2, 2, false)    \
    X(SUBSTRING_BETWEEN, "substring_between",    3, 3, false)    \
    X(TO_LONG,     "cast_string_to_long",        1, 1, false)    \
    X(FROM_LONG,   "cast_long_to_string",        1, 1, false)    \
    X(IS_STRING,   "is_string_value",            1, 1, false)    \
    X(DATETIME,    "DATETIME",                   1, 1, false)    \
    X(VALUE_OF,    "v",                          1, 2, false)    \
    X(DT_NOW,      "dt_now",                     0, 0, false)    \
    X(DTS_NOW,     "dts_now",                    0, 0, false)    \
    X(DT_NOW_MS,   "dt_now_millis",              0, 0, false)    \
    X(DT_FROM,     "dt_fromtimestamp",           1, 2, false)    \
    X(DT_FROM_MS,  "dt_fromtimestamp_millis",    1, 2, false)    \
    X(DT_EPOCH,    "dt_parsetimestamp",          1, 2, false)    \
    X(DT_EPOCH_MS, "dt_parsetimestamp_millis",   1, 2, false)    \
    X(DT_STR,      "dt_str",                     2, 2, false)    \
    X(DT_PARSE,    "dt_strptime",                2, 2, false)    \
    X(DT_ADD,      "dt_add",                     1, 7, false)
/* clang-format on */

#define X(id, name, least, most, lazy) OP_##id,
enum rule_op {
    RULE_SQL_OPS(X) RULE_SQL_FUNCTIONS(X) RULE_ETL_ROW_FUNCTIONS(X) RULE_ETL_FUNCTIONS(X) OP_COUNT,
    OP_UNKNOWN = OP_COUNT,
};
#undef X

struct rule_op_info {
    const char *name;
    uint8_t least;
    uint16_t most;
    bool lazy;
};
extern const struct rule_op_info rule_ops[OP_COUNT];
