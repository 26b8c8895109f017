/* The precheck of a first start: what it finds is logged, shown, and may end the task. */
#include "pipeline/task_int.h"

#include "base/log.h"
#include "pipeline/precheck/precheck.h"

#include <string.h>

#define QUOTED_MAX 4000
#define WHOLE_MAX  600 /* bytes that task.failed has room for */

/* One line each; what passed, or could not be looked at, is in the report. */
static void tell(const struct precheck_outcome *o, bool alone, bool left_out)
{
    char found[QUOTED_MAX], remedy[QUOTED_MAX];
    log_quote(found, sizeof(found), o->found);
    log_quote(remedy, sizeof(remedy), o->remedy);
    if (o->result == PRECHECK_FAILED && !alone) /* else task.failed says all of it */
        log_error("precheck.failed", "code=%s found=%s remedy=%s", o->item->code, found, remedy);
    else if (o->result == PRECHECK_WARNING)
        log_warn("precheck.warning", "code=%s found=%s remedy=%s", o->item->code, found, remedy);
    else if (o->result == PRECHECK_SKIPPED && left_out)
        log_info("precheck.skipped", "code=%s found=%s", o->item->code, found);
}

static void publish(const struct task_options *o, struct task_shared *shared,
                    struct precheck_report *r)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct precheck_outcome *at = &r->outcomes[i];
        bool whole = strlen(at->found) + strlen(at->remedy) < WHOLE_MAX;
        tell(at, whole && r->counts[PRECHECK_FAILED] == 1,
             precheck_is_left_out(o->config, at->item->code));
        if (strcmp(at->item->code, "CHECK_SAME_OBJ") == 0)
            shared->topics_looked_at =
                at->result == PRECHECK_PASSED || precheck_is_left_out(o->config, at->item->code);
    }
    log_info("precheck.done", "passed=%u warnings=%u failed=%u skipped=%u took_ms=%llu",
             r->counts[PRECHECK_PASSED], r->counts[PRECHECK_WARNING], r->counts[PRECHECK_FAILED],
             r->counts[PRECHECK_SKIPPED], (unsigned long long)r->took_ms);
    view_check(o->view, r);
}

static bool is_first_start(const struct task_shared *shared)
{
    struct ckpt_position p;
    return !ckpt_position(shared->ckpt, &p);
}

enum err task_precheck(struct task *t, struct errmsg *em)
{
    struct precheck_report *r;
    if (t->shared->prechecked || !is_first_start(t->shared))
        return ERR_OK;
    struct precheck_options o = {.config = t->config,
                                 .stop = &task_stopping,
                                 .session = t->session,
                                 .server = &t->server,
                                 .admin = t->admin,
                                 .known = &t->known,
                                 .own_folder = true};
    TRY(precheck_run(&o, &r, em));
    t->shared->prechecked = true;
    publish(&t->o, t->shared, r);
    enum err e = precheck_verdict(r, em);
    t->shared->precheck_failed = e != ERR_OK;
    precheck_release(r);
    return e;
}

void task_precheck_alone(const struct task_options *o, struct task_shared *shared, enum err e)
{
    struct precheck_report *r;
    struct errmsg ignored;
    bool refused = err_class(e) == ERRC_SOURCE || err_class(e) == ERRC_DEST;
    if (!refused || shared->prechecked || !is_first_start(shared))
        return;
    struct precheck_options options = {
        .config = o->config, .stop = &task_stopping, .own_folder = true};
    if (precheck_run(&options, &r, &ignored) != ERR_OK)
        return;
    publish(o, shared, r);
    shared->precheck_failed = r->counts[PRECHECK_FAILED] > 0;
    precheck_release(r);
}
