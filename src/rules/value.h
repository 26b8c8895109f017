/*
 * Values while an expression runs, and the room for what they point to.
 *
 * Private to this room. Nothing in here is freed on its own: a row's values
 * live in a scratch that is reset before the next row.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"
#include "rules/decimal.h"
#include "schema/cell.h"
#include "schema/table.h"
#include "schema/zone.h"

enum val_kind {
    VAL_NULL,
    VAL_INT,      /* i; form: least number of digits as text (YEAR: 4) */
    VAL_UINT,     /* u; form as above */
    VAL_BOOL,     /* i; RULE_ETL only */
    VAL_DEC,      /* dec */
    VAL_REAL,     /* r; form 1: it was a FLOAT */
    VAL_TEXT,     /* text in UTF-8, or bytes; form 1: number is an ENUM's index, a SET's
                     bits, a hex literal's value, and its value as a number */
    VAL_DATE,     /* i, packed (temporal.h) */
    VAL_DATETIME, /* i, packed; form: digits of its fraction */
    VAL_TIME,     /* i, packed; form as above */
};

struct val {
    uint8_t kind; /* enum val_kind */
    uint8_t form;
    uint64_t number;
    union {
        int64_t i;
        uint64_t u;
        double r;
        const struct dec *dec;
        struct slice text;
    };
};

/* Memory for one row: a block that is kept, and further ones that go with the row. */
struct scratch {
    uint8_t *block;
    size_t used;
    size_t cap;
    struct scratch_more *more;
    size_t total; /* of further blocks */
    size_t max;
};

NODISCARD bool scratch_init(struct scratch *s, size_t cap, size_t max);
void scratch_fini(struct scratch *s);
void scratch_reset(struct scratch *s);

void *scratch_slow(struct scratch *s, size_t n);

/* Not zeroed, aligned to 16. NULL: no memory, or more than the row may have. */
static inline void *scratch_alloc(struct scratch *s, size_t n)
{
    size_t at = (s->used + 15) & ~(size_t)15;
    if (__builtin_expect(at <= s->cap && s->cap - at >= n, 1)) {
        s->used = at + n;
        return s->block + at;
    }
    return scratch_slow(s, n);
}

/*
 * A cell as a value. labels: the number of an ENUM or SET is wanted too, where
 * the cell has only text. ERR_MALFORMED: not a value of the column;
 * ERR_BAD_TEXT; ERR_NO_MEMORY.
 */
NODISCARD enum err val_of_cell(const struct column *col, const struct cell *cell,
                               const struct zone *zone, struct scratch *s, struct val *out);

/* As the server shows it in a text context. NULL has none. */
NODISCARD enum err val_text(const struct val *v, struct scratch *s, struct slice *out);

/* Numbers out of anything but NULL and times: texts count as far as they begin like a number. */
double val_real(const struct val *v);
bool val_dec(const struct val *v, struct dec *out); /* integers and decimals only */

/* Whether the value counts as true; it is not NULL. */
bool val_is_true(const struct val *v);

/* A text's number as the server reads one: "12abc" is 12, "abc" is 0. *used: bytes read. */
double text_real(struct slice text, size_t *used);
