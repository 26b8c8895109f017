/*
 * The precheck: whether a task can do what its file asks for, before it does
 * anything. Nothing is changed on either side.
 *
 *   TRY(precheck_run(&options, &report, &em));
 *   ... report->outcomes[i]: passed, warning, failed or skipped, with what was found, why it
 *       matters, and the statement or setting that mends it
 *   precheck_release(report);
 *
 * First the facts are gathered, source and destination side by side; then
 * every item of one table judges them. Judging is pure. An item whose facts
 * could not be had (no connection) is skipped and says so.
 *
 * An item that a user may decide for himself can be taken out by skip_checks;
 * of the others only the warnings can, or nothing at all.
 *
 * A report is immutable and reference-counted: any thread.
 */
#pragma once

#include "config/task.h"

#include <stdatomic.h>

struct finding;
struct kafka_admin;
struct known;
struct precheck_facts;
struct registry;
struct src_server;
struct src_session;

enum precheck_side { PRECHECK_SOURCE, PRECHECK_DESTINATION, PRECHECK_TASK, PRECHECK_SIDES };
enum precheck_result {
    PRECHECK_PASSED,
    PRECHECK_WARNING,
    PRECHECK_FAILED,
    PRECHECK_SKIPPED, /* by skip_checks, or nothing was to be had to look at */
    PRECHECK_RESULTS
};
enum precheck_skip { PRECHECK_SKIP_NEVER, PRECHECK_SKIP_WARNINGS, PRECHECK_SKIP_ALL };

struct precheck_item {
    const char *code; /* CHECK_...; never changes its meaning */
    enum precheck_side side;
    enum precheck_skip skip;
    unsigned needs; /* of enum precheck_need */
    void (*judge)(const struct precheck_facts *f, struct finding *out);
    const char *title;
    const char *why;
};

extern const struct precheck_item precheck_items[];
extern const size_t precheck_item_count;

const char *precheck_side_name(enum precheck_side s);     /* "source" */
const char *precheck_result_name(enum precheck_result r); /* "passed" */

/* NULL: no such code. */
const struct precheck_item *precheck_find(const char *code);
/* The code that is most like a mistaken one. */
const char *precheck_nearest(const char *code);

/* Whether skip_checks names the code. */
bool precheck_is_left_out(const struct task_config *config, const char *code);

/* The table of docs/precheck.md. */
void precheck_print_markdown(FILE *out);

struct precheck_outcome {
    const struct precheck_item *item;
    enum precheck_result result;
    enum err err;       /* of a failure that has an exit code of its own; else ERR_OK */
    const char *found;  /* with values; "" where there is nothing to say */
    const char *remedy; /* statements and settings, one a line; "": none */
};

struct precheck_report {
    atomic_uint refs;
    uint64_t at_us; /* since 1970 */
    uint64_t took_ms;
    unsigned counts[PRECHECK_RESULTS];
    size_t count;
    struct precheck_outcome *outcomes; /* in the order of the table of items */
    struct arena *arena;
};

struct precheck_options {
    const struct task_config *config; /* borrowed, as the rest */
    const atomic_bool *stop;          /* NULL: none */
    /* What a run has already; NULL: connections of the precheck's own. */
    struct src_session *session;
    const struct src_server *server;
    struct kafka_admin *admin;
    struct known *known; /* NULL, or what takes what was read of the selected tables (known.h) */
    bool own_folder;     /* this process holds the state folder, and has no position in it */
};

/*
 * ERR_NO_MEMORY, ERR_STOPPED, and class ERRC_LINK when the session that was
 * given died; whatever else goes wrong is an outcome.
 */
NODISCARD enum err precheck_run(const struct precheck_options *o, struct precheck_report **out,
                                struct errmsg *em);

void precheck_ref(struct precheck_report *r);
void precheck_release(struct precheck_report *r); /* NULL is allowed */

/*
 * What the failures of a report come to for a process: ERR_OK, or the first
 * one's own error where all have the same exit code, else ERR_PRECHECK; em
 * names them all.
 */
enum err precheck_verdict(const struct precheck_report *r, struct errmsg *em);
