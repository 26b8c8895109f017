/* What the files of the DTS language share. Private to this room. */
#pragma once

#include "base/arena.h"
#include "rules/program_int.h"

struct etl_list {
    uint32_t count;
    struct slice *items; /* texts; numbers and truth values as they are written */
};

/* The row fails: "str_mask: one character is expected". */
NODISCARD enum err etl_fail(struct rule_machine *m, const struct insn *in, const char *what);

static inline struct val etl_of_bool(bool v)
{
    return (struct val){.kind = VAL_BOOL, .i = v};
}

static inline struct val etl_of_int(int64_t v)
{
    return (struct val){.kind = VAL_INT, .i = v};
}

static inline struct val etl_of_text(struct slice s)
{
    return (struct val){.kind = VAL_TEXT, .text = s};
}

static inline bool etl_is_integer(const struct val *v)
{
    return v->kind == VAL_INT || v->kind == VAL_UINT || v->kind == VAL_BOOL;
}

/* A JSON array of scalars. */
bool etl_parse_list(struct slice json, struct arena *a, struct etl_list *out);

/* A pattern of dates as Java writes them: letters yyyy MM dd HH mm ss SSS, the rest as it is. */
bool etl_pattern_valid(struct slice pattern, bool parsing);

/* etl_text.c: functions of texts; args is the first of argc values, replaced by the result. */
NODISCARD enum err eval_etl_text(struct rule_machine *m, const struct insn *in, struct val *args);

/* etl_time.c: functions of time; args is the first of argc values, replaced by the result. */
NODISCARD enum err eval_etl_time(struct rule_machine *m, const struct insn *in,
                                 const struct rule_row *row, struct val *args);

/* A moment as a datetime in the machine's zone. fsp: 0, 3 or 6. */
struct val etl_local_time(const struct rule_machine *m, uint64_t us, uint8_t fsp);

/* A text, or a date or time, as a datetime; false: it is none. */
bool etl_datetime(const struct val *v, struct civil *out, uint8_t *fsp);

/* A whole text that is one number. */
bool etl_integer(struct slice s, int64_t *out);
bool etl_number(struct slice s, double *out);

/* ---- compiling, as compile_etl_node() (program_int.h): false: an error was added ---- */

/* compile_etl.c: something without a value: what e_set assigns, an image, what was left out. */
struct operand *compile_etl_placeholder(struct compiler *c, struct slice name, uint32_t at);

/* compile_etl_control.c: an argument of a control function, of logic or of ?: is complete. */
bool compile_etl_mark(struct compiler *c, const struct rule_node *n);
bool compile_etl_end_control(struct compiler *c, const struct rule_node *n);
bool compile_etl_end_logic(struct compiler *c, const struct rule_node *n);
bool compile_etl_end_choose(struct compiler *c, const struct rule_node *n);
bool compile_etl_wants_condition(struct compiler *c, const struct operand *o);

/* compile_etl_value.c: a function with a value; v(`column`[, image]). */
bool compile_etl_call(struct compiler *c, const struct rule_node *n);
bool compile_etl_value_of(struct compiler *c, const struct rule_node *n);
