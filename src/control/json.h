/*
 * JSON, written member by member into a writer.
 *
 *   struct jw j = jw_to(&w);
 *   jw_open(&j, NULL, '{');
 *   jw_text(&j, "state", "paused");
 *   jw_open(&j, "rates", '{');
 *   jw_number(&j, "rows", 17);
 *   jw_close(&j);
 *   jw_close(&j);
 *
 * name is NULL in arrays and at the top. Failures stay with the writer.
 */
#pragma once

#include "base/writer.h"

#include <stdint.h>

#define JSON_DEPTH 16

struct jw {
    struct writer *w;
    unsigned depth;
    char closer[JSON_DEPTH];
    bool comma[JSON_DEPTH]; /* a member stands before the next one */
};

static inline struct jw jw_to(struct writer *w)
{
    return (struct jw){.w = w};
}

/* kind: '{' or '['. */
void jw_open(struct jw *j, const char *name, char kind);
void jw_close(struct jw *j);

/* Bytes that are no UTF-8 become U+FFFD. NULL is null. */
void jw_text(struct jw *j, const char *name, const char *text);
void jw_slice(struct jw *j, const char *name, struct slice text);
/* Text that is JSON already. */
void jw_raw(struct jw *j, const char *name, struct slice json);
void jw_number(struct jw *j, const char *name, uint64_t n);
/* n / per with three decimals: seconds of microseconds. */
void jw_decimal(struct jw *j, const char *name, uint64_t n, uint64_t per);
void jw_bool(struct jw *j, const char *name, bool b);
void jw_null(struct jw *j, const char *name);
/* RFC 3339 in UTC with milliseconds; 0 is null. */
void jw_time(struct jw *j, const char *name, uint64_t us);

/* The same as text; out has room for 32. */
void jw_time_text(uint64_t us, char out[32]);
