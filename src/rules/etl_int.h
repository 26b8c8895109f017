/* What the files of the DTS language share. Private to this room. */
#pragma once

#include "base/arena.h"
#include "rules/program_int.h"

struct etl_list {
    uint32_t count;
    struct slice *items; /* texts; numbers and truth values as they are written */
};

/* A JSON array of scalars. */
bool etl_parse_list(struct slice json, struct arena *a, struct etl_list *out);

/* A pattern of dates as Java writes them: letters yyyy MM dd HH mm ss SSS, the rest as it is. */
bool etl_pattern_valid(struct slice pattern, bool parsing);

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
