/* What compiling and running share. Private to this room. */
#pragma once

#include "base/arena.h"
#include "rules/collate.h"
#include "rules/expression_int.h"
#include "rules/program.h"
#include "rules/value.h"

enum insn_code {
    INSN_CONST,         /* p: struct val */
    INSN_COLUMN,        /* a: index; flag: enum image */
    INSN_COLUMN_LENGTH, /* bytes of a text column */
    INSN_COLUMN_NULL,   /* whether it is NULL */
    INSN_COMPARE,       /* op, flag: class, p: collation */
    INSN_IN_BEGIN,
    INSN_IN_STEP, /* a: target when found; op: negated; flag, p as above */
    INSN_IN_END,  /* op: negated */
    INSN_BETWEEN, /* flag, p as above; op: negated */
    INSN_LIKE,    /* p: struct like_info; op: negated */
    INSN_REGEXP,  /* p: struct regex_info; op: negated */
    INSN_IS,      /* op; a: negated */
    INSN_NOT,
    INSN_XOR,
    INSN_AND_JUMP, /* a: target when false */
    INSN_AND,
    INSN_OR_JUMP,
    INSN_OR,
    INSN_ARITHMETIC,    /* op, flag: class */
    INSN_COALESCE_JUMP, /* a: target when not NULL */
    INSN_CONVERT,       /* flag: class */
    INSN_CALL,          /* op, argc, p: by function */
    INSN_IF_JUMP,       /* a: target unless true */
    INSN_JUMP,
    INSN_SET, /* a: slot */
    INSN_SET_OPERATION,
    INSN_DROP,
    INSN_KEEP,
    INSN_STOP_IF_DROPPED,
    INSN_REPLACE_ALL, /* tail_replace_string_field; argc */
    INSN_VARIABLE,    /* a: enum rule_variable */
};

enum image { IMAGE_CURRENT, IMAGE_BEFORE, IMAGE_AFTER };

enum rule_variable { VARIABLE_OPERATION, VARIABLE_COMMIT_TIME };

/* What two values are compared or combined as. */
enum val_class { CLASS_INT, CLASS_DEC, CLASS_REAL, CLASS_TIME, CLASS_TEXT };

struct insn {
    uint8_t code;
    uint8_t flag;
    uint16_t op;
    uint32_t a;
    uint32_t argc;
    uint32_t at; /* in the text, for messages */
    const void *p;
};

struct like_info {
    const struct rule_collation *collation;
    uint32_t escape; /* 0: none */
};

struct regex_info {
    const struct rule_collation *collation;
    void *code; /* pcre2_code of a constant pattern that means the same to every engine; or NULL */
};

struct rule_slot {
    struct slice name;
    uint32_t column; /* index among the table's, or of those that are new behind them */
    bool is_new;
    uint8_t type; /* enum type of a new one's values */
    uint8_t fsp;
};

struct rule_program {
    struct arena *arena; /* owns this */
    const struct table *table;
    struct slice text;
    uint32_t count;
    struct insn *insns;
    uint32_t stack; /* values at most */
    uint32_t column_count;
    uint16_t *columns;
    bool session_free; /* rule_filter_for_select() */
    void **regexes;    /* all pcre2_code, to be freed */
    uint32_t regex_count;
    uint32_t slot_count; /* RULE_ETL */
    struct rule_slot *slots;
    bool sets_operation;
    uint8_t value_type; /* enum type of what is left on the stack; RULE_ETL */
    uint8_t value_fsp;
};

#define NO_ROUNDING UINT32_MAX       /* INSN_COMPARE, INSN_ARITHMETIC: a */
#define SIGNED_ZERO (UINT32_MAX - 1) /* MariaDB: -3.0 % 3 is -0.0, which is not 0 */
#define TAKES_THE_STACK                                                                            \
    77 /* flag of instructions of row functions that take the one value there is */
#define RULE_STACK_MAX 1024

/* A row while a program runs over it. */
struct rule_row {
    const struct cell *cells;          /* the image at hand */
    const struct cell *other;          /* what it leaves out may be here; or NULL */
    const struct cell *before, *after; /* RULE_ETL: v(column, image); NULL: no such image */
    struct cell *work; /* RULE_ETL: cells as they go out, which e_set changes; or NULL */
    const struct column *work_columns;
    const struct column *source_columns; /* of the images as they came; NULL: as work_columns */
    unsigned operation;                  /* RULE_ETL: enum change_op */
    uint64_t commit_us;                  /* RULE_ETL */
    uint64_t now_us;                     /* RULE_ETL */
    bool dropped;
};

struct rule_machine {
    struct rule_machine_options o;
    struct scratch scratch;
    struct val *stack;
    struct rule_answers *answers;
    void *match_data;    /* pcre2_match_data */
    void *match_context; /* pcre2_match_context */
    uint64_t asked;
    uint32_t at; /* the instruction at hand */
    struct errmsg em;
};

/* Runs instructions from, to; the value that is left on the stack, if any, in *out (may be NULL).
 */
NODISCARD enum err machine_run(struct rule_machine *m, const struct rule_program *p, uint32_t from,
                               uint32_t to, struct rule_row *row, struct val *out);

/* Goes on behind a failure: the value or condition that failed is NULL. Nothing is left to do when
 * there is none behind it. */
NODISCARD enum err machine_resume(struct rule_machine *m, const struct rule_program *p,
                                  struct rule_row *row, struct val *out);

/* A failure of the row: sets the sentence. */
enum err machine_fail(struct rule_machine *m, enum err e, const char *fmt, ...) PRINTF(3, 4);

/* Asks the source, unless the answer is kept. */
NODISCARD enum err machine_ask(struct rule_machine *m, const struct rule_question *q,
                               struct rule_answer *out);

/* eval_text.c */
NODISCARD enum err eval_compare_text(struct rule_machine *m, const struct rule_collation *c,
                                     const struct val *a, const struct val *b, int *out);
NODISCARD enum err eval_like(struct rule_machine *m, const struct like_info *info,
                             struct slice text, struct slice pattern, uint32_t escape, bool *out);
NODISCARD enum err eval_regexp(struct rule_machine *m, const struct regex_info *info,
                               struct slice text, struct slice pattern, bool *out);
NODISCARD enum err eval_case(struct rule_machine *m, const struct rule_collation *c, bool upper,
                             const struct val *v, struct val *out);

/* A pattern that every engine takes for the same on printable ASCII; NULL: it is none. */
void *regex_plain(struct slice pattern, bool caseless, bool whole);

/* eval_sql.c: functions of RULE_SQL; args is the first of argc values, replaced by the result. */
NODISCARD enum err eval_sql_call(struct rule_machine *m, const struct insn *in, struct val *args);

/* The arguments, as text, one behind the other: args[0]. */
NODISCARD enum err eval_concat(struct rule_machine *m, const struct insn *in, struct val *args);
NODISCARD enum err eval_arithmetic(struct rule_machine *m, const struct insn *in, struct val *a,
                                   const struct val *b);
NODISCARD enum err eval_convert(struct rule_machine *m, unsigned class, struct val *v);

/* eval_etl.c */
NODISCARD enum err eval_etl_call(struct rule_machine *m, const struct insn *in,
                                 const struct rule_row *row, struct val *args);

/* etl_text.c: tail_replace_string_field(), on the cells that go out. */
NODISCARD enum err eval_etl_replace_all(struct rule_machine *m, const struct insn *in,
                                        struct rule_row *row, uint32_t columns,
                                        const struct val *args);

/* convert.c: a value as a cell of a column; ERR_EXPRESSION with a sentence when it does not fit. */
NODISCARD enum err cell_of_val(struct rule_machine *m, const struct column *col,
                               const struct val *v, struct cell *out);

/* compile.c: shared by both dialects' compilers. */
enum type {
    TYPE_NULL,
    TYPE_INT,
    TYPE_UINT,
    TYPE_DEC,
    TYPE_REAL,
    TYPE_TEXT,
    TYPE_DATE,
    TYPE_DATETIME,
    TYPE_TIME,
    TYPE_OPAQUE, /* only IS NULL can be said of it */
    TYPE_BOOL,
    TYPE_ANY,
    TYPE_LIST,
    TYPE_OPERATION, /* RULE_ETL */
    TYPE_NONE,      /* a row function has no value */
};

/* What is known of a value before there is one. */
struct operand {
    uint8_t type; /* enum type */
    bool is_const;
    bool is_column;
    bool is_left_out; /* a constant decided that it is never looked at */
    bool is_year;
    bool is_label; /* ENUM, SET: an index in numeric context */
    bool is_hex;
    bool in_variable; /* of an IN: some item is no constant */
    bool in_signs;    /* some integer is unsigned where the value is not, or the reverse */
    uint8_t in_classes;
    uint8_t scale;  /* DEC: digits behind the point that it is said to have */
    uint8_t digits; /* DEC: that it may really have: quotients of MariaDB have more */
    uint8_t rank;   /* how far its collation counts: 2 columns, 4 literals, 5 numbers */
    uint16_t column;
    const struct rule_collation *collation; /* TEXT */
    uint32_t start;                         /* its first instruction */
    uint32_t at;                            /* in the text */
    struct slice name;                      /* RULE_ETL: of a named argument */
};

struct compiler {
    const struct rule_expression *x;
    const struct table *table;
    bool mariadb;
    struct rule_errors *errors;
    struct rule_machine *machine; /* folds constants */
    struct rule_program *program;
    uint32_t insn_cap;
    struct operand *stack;
    uint32_t depth;
    uint32_t cap;
    uint32_t *label;  /* by node: the instruction behind it */
    uint32_t *next;   /* by mark: the owner's next mark, or the owner */
    bool *decided;    /* by node: a constant decided it */
    uint32_t node;    /* at hand */
    uint32_t skip_to; /* nodes before this are left out; 0: none */
    uint32_t slot_cap;
    struct rule_collation *connection; /* of literals and numbers */
    bool wants_value;                  /* RULE_ETL: not a row function */
    enum err err;
};

struct insn *compile_emit(struct compiler *c, enum insn_code code, uint32_t at);
struct operand *compile_push(struct compiler *c, enum type type, uint32_t at);
struct operand *compile_top(struct compiler *c, uint32_t below); /* 0: the last one */
void compile_const(struct compiler *c, struct val v, enum type type, uint32_t at);
struct val *compile_value(struct compiler *c, const struct operand *o); /* of a constant */
bool compile_fail(struct compiler *c, uint32_t at, const char *fmt, ...) PRINTF(3, 4);

/* The operands from `first` on become one of the type, at instruction first->start. A constant is
 * worked out at once where pure. */
struct operand *compile_fold(struct compiler *c, uint32_t argc, enum type type, bool pure);

bool compile_column(struct compiler *c, const struct rule_node *n, unsigned image);
int compile_find_column(const struct compiler *c, struct slice name);

/* The dialects: one node each. False: an error was added. */
bool compile_sql_node(struct compiler *c, const struct rule_node *n);
bool compile_etl_node(struct compiler *c, const struct rule_node *n);

NODISCARD enum err compile_program(const struct rule_expression *x, const struct table *t,
                                   bool mariadb, bool wants_value, struct rule_program **out,
                                   struct rule_errors *errors);
