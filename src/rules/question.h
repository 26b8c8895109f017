/*
 * What only the source can answer: comparisons that depend on collation
 * weights which we do not have, and the case of letters beyond ASCII.
 *
 * A question is asked once: answers are kept in a bounded table by everything
 * that the question says, so a filter on a column of few values asks a few
 * times in its life. The answer comes from the source through a function of
 * the caller's (rule_ask_fn), which runs rule_question_sql() on some
 * connection and hands rule_answer_parse() the text of the single value.
 *
 * A table belongs to one thread.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"
#include "base/writer.h"

enum rule_question_kind {
    ASK_COMPARE, /* STRCMP(a, b): -1, 0, 1 */
    ASK_LIKE,    /* a LIKE b ESCAPE escape: 0, 1 */
    ASK_REGEXP,  /* a REGEXP b: 0, 1 */
    ASK_LOWER,   /* LOWER(a): a text */
    ASK_UPPER,
};

struct rule_question {
    enum rule_question_kind kind;
    const char *collation; /* "": the connection's */
    const char *charset;   /* of the collation; "": utf8mb4 */
    bool bytes;            /* a and b are bytes, not UTF-8 */
    uint32_t escape;       /* ASK_LIKE: a code point; 0: none */
    struct slice a, b;
};

struct rule_answer {
    bool is_null;
    int number;
    struct slice text; /* ASK_LOWER, ASK_UPPER; the asker's or the table's */
};

/* The statement: one row with one column, in UTF-8. */
void rule_question_sql(const struct rule_question *q, struct writer *w);

/* The value as the statement's result has it; text is borrowed. ERR_PROTOCOL: it is none. */
NODISCARD enum err rule_answer_parse(const struct rule_question *q, bool is_null, struct slice text,
                                     struct rule_answer *out);

/*
 * Answers a question; out->text stays valid until the next call. Errors are
 * the caller's own and end the row: em gets a sentence.
 */
typedef enum err (*rule_ask_fn)(void *arg, const struct rule_question *q, struct rule_answer *out,
                                struct errmsg *em);

struct rule_answers;

/* max_bytes: of all questions and answers together. NULL: no memory. */
struct rule_answers *rule_answers_new(size_t max_bytes);
void rule_answers_free(struct rule_answers *t);

/* False: not known. out->text is valid until the next rule_answers_put(). */
bool rule_answers_get(const struct rule_answers *t, const struct rule_question *q,
                      struct rule_answer *out);

/* Keeps an answer; when there is no room, what was known is forgotten. Failing costs nothing. */
void rule_answers_put(struct rule_answers *t, const struct rule_question *q,
                      const struct rule_answer *a);
