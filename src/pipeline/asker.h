/*
 * Asks the source what a filter cannot decide (rules/question.h), over a
 * connection of its own that is made at the first question and made again when
 * it is lost, within retry.connection.
 *
 * Threads: one asker belongs to one lane; it blocks.
 */
#pragma once

#include "pipeline/view.h"
#include "rules/question.h"
#include "source/session.h"

struct asker;

struct asker_options {
    const struct src_options *source; /* borrowed, as everything */
    uint64_t retry_ms;
    struct view *view;       /* NULL: nobody looks */
    unsigned bit;            /* tells askers apart in the view */
    const atomic_bool *stop; /* ends a wait */
};

/* NULL: no memory. */
struct asker *asker_new(const struct asker_options *o);
void asker_free(struct asker *a); /* may be NULL */

/* Ends the connection, by the thread that has asked; the next question makes a new one. */
void asker_close(struct asker *a); /* may be NULL */

/* A rule_ask_fn; arg is the asker. */
enum err asker_ask(void *arg, const struct rule_question *q, struct rule_answer *out,
                   struct errmsg *em);
