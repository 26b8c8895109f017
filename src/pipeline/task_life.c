/*
 * A task over its runs: pausing, going on, trying again after failures that
 * may pass, and the state that it is left in.
 */
#include "pipeline/task_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "pipeline/retry.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NAP_MS    50
#define SHOW_NAPS 4     /* naps between two snapshots while nothing runs */
#define STEADY_MS 30000 /* a run that lasted that long was one */

atomic_bool task_ending;

struct task_life {
    struct task_options o;
    struct task_shared shared;
    struct position position; /* of the checkpoint; kind and all zero: none yet */
    bool worked;              /* some run has got as far as running */
    struct retry other;       /* failures that a new run may mend */
};

void task_stop(void)
{
    atomic_store(&task_ending, true);
    atomic_store(&task_stopping, true);
}

/* The view's interrupt: the wish lies in the box already. */
static void interrupt(void)
{
    atomic_store(&task_stopping, true);
}

/* What waited may wait again, unless the process is to end. */
static void clear_stop(void)
{
    atomic_store(&task_stopping, false);
    if (atomic_load(&task_ending)) /* in this order: a signal in between is not lost */
        atomic_store(&task_stopping, true);
}

enum err task_life_open(const struct task_options *o, struct task_life **out, struct errmsg *em)
{
    struct task_life *life = calloc(1, sizeof(*life));
    if (life == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory");
    life->o = *o;
    enum err e = ckpt_open(o->config->state_dir, o->config->task, &life->shared.ckpt, em);
    if (e != ERR_OK) {
        free(life);
        return e;
    }
    o->view->interrupt = interrupt;
    *out = life;
    return ERR_OK;
}

void task_life_close(struct task_life *life)
{
    if (life == NULL)
        return;
    life->o.view->interrupt = NULL;
    kafka_embedded_free(life->shared.embedded);
    ckpt_close(life->shared.ckpt);
    position_fini(&life->position);
    free(life);
}

/* The checkpoint's position, for showing it while nothing runs. */
static const struct position *position_of(struct task_life *life)
{
    uint64_t next_id;
    char uuid[40];
    bool found = false;
    position_fini(&life->position);
    life->position = (struct position){0};
    if (state_position(life->shared.ckpt, &life->position, &next_id, uuid, &found) != ERR_OK)
        found = false;
    return found ? &life->position : NULL;
}

/* Shows a state, and makes the checkpoint remember it. */
static void rest_in(struct task_life *life, enum view_state state, uint64_t since_us,
                    const char *cause)
{
    struct errmsg em = {0};
    task_show_rest(life->o.view, life->o.config, state, since_us, cause, position_of(life));
    enum err e = state_put_shown(life->shared.ckpt, slice_str(view_state_name(state)), since_us,
                                 slice_str(cause));
    if (e == ERR_OK)
        e = ckpt_sync(life->shared.ckpt, &em);
    if (e != ERR_OK)
        log_warn("state.unsaved", "state=%s reason=%s", view_state_name(state), err_name(e));
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = NAP_MS * 1000000}, NULL);
}

/* Until somebody says resume. ERR_STOPPED: the process is to end. */
static enum err stay_paused(struct task_life *life, uint64_t since_us, const char *cause)
{
    log_info("task.paused", "task=%s note=\"rowcast resume goes on\"", life->o.config->task);
    for (unsigned n = 1;; n++) {
        if (atomic_load(&task_ending))
            return ERR_STOPPED;
        switch (view_take_command(life->o.view)) {
        case VIEW_RESUME:
            log_info("task.resumed", "task=%s", life->o.config->task);
            /* On disk before anybody sees it: a crash from now on does not bring the pause back. */
            rest_in(life, VIEW_PRECHECKING, clock_wall_us(), "");
            return ERR_OK;
        case VIEW_STOP:
            return ERR_STOPPED;
        case VIEW_PAUSE:
        case VIEW_NO_COMMAND:
            break;
        }
        clear_stop();
        nap();
        if (n % SHOW_NAPS == 0)
            task_show_rest(life->o.view, life->o.config, VIEW_PAUSED, since_us, cause,
                           position_of(life));
    }
}

/* One run. *reached: it has come to the end that --until names. */
static enum err run_once(struct task_life *life, bool *reached, struct errmsg *em)
{
    struct task *t = NULL;
    uint64_t began = clock_mono_ms();
    task_show_rest(life->o.view, life->o.config, VIEW_PRECHECKING, clock_wall_us(), "",
                   position_of(life));
    enum err e = task_open(&life->o, &life->shared, &t, em);
    if (e != ERR_OK) {
        task_precheck_alone(&life->o, &life->shared, e);
        return e;
    }
    retry_rest(&life->other, NULL); /* it is so far again: not shown as an outage any more */
    e = task_run(t, em);
    life->worked = life->worked || t->worked;
    *reached = t->reached;
    if (clock_mono_ms() - began > STEADY_MS)
        retry_end(&life->other, NULL);
    task_show_end(t);
    task_close(t);
    return e;
}

/*
 * Failures that a new run from the checkpoint may mend once a task has worked:
 * a password or a privilege that is being changed, a topic's ACL. What no new
 * try changes (data, history, the checkpoint) ends the task at once.
 */
static bool may_pass(const struct task_life *life, enum err e)
{
    if (e == ERR_ABORTED) /* a transaction is lost: the next run sends its rows again */
        return true;
    return life->worked && (e == ERR_ACCESS_DENIED || e == ERR_SOURCE_SQL || e == ERR_DEST_DENIED);
}

/* Brokers before Kafka 0.11: the next run does without what they do not know. Not exactly once. */
static bool can_do_without(struct task_life *life, enum err e)
{
    if (life->o.config->destination.delivery == CONF_EXACTLY_ONCE)
        return false;
    if (e != ERR_DEST_OLD || life->shared.plain_producers || atomic_load(&task_ending))
        return false;
    life->shared.plain_producers = true;
    log_warn("destination.acks",
             "acks=all note=\"the brokers know no idempotent producer: one request in flight keeps "
             "the order, and a broken connection can repeat messages\"");
    return true;
}

static enum err nap_and_show(void *arg, uint64_t ms)
{
    struct task_life *life = arg;
    (void)ms;
    nap();
    struct view_trouble all[VIEW_SIDES];
    view_troubles(life->o.view, all);
    const struct view_trouble *t = &all[life->other.side];
    task_show_rest(life->o.view, life->o.config, VIEW_RETRYING, t->since_us, t->cause,
                   position_of(life));
    return ERR_OK;
}

static void begin_other(struct task_life *life, enum err e)
{
    struct retry *r = &life->other;
    r->view = life->o.view;
    bool source = err_class(e) == ERRC_SOURCE;
    r->side = source ? VIEW_SOURCE : VIEW_DESTINATION;
    r->bit = RETRY_BIT_TASK;
    r->event = "task.retry";
    r->window_key = e == ERR_ABORTED ? "retry.connection" : "retry.other";
    r->window_ms =
        e == ERR_ABORTED ? life->o.config->retry.connection_ms : life->o.config->retry.other_ms;
    r->stop = &task_stopping;
    r->nap = nap_and_show;
    r->nap_arg = life;
}

/* What a run's end leads to: ERR_OK with *go_on, or what the task ends with. */
static enum err after_run(struct task_life *life, enum err e, bool reached, bool *go_on,
                          struct errmsg *em)
{
    *go_on = false;
    if (e == ERR_STOPPED)
        e = ERR_OK;
    if (can_do_without(life, e)) {
        clear_stop();
        *go_on = true;
        return ERR_OK;
    }
    if (e != ERR_OK && !atomic_load(&task_ending) && may_pass(life, e)) {
        clear_stop();
        begin_other(life, e);
        e = retry_wait(&life->other, e, em);
        if (e == ERR_STOPPED)
            e = ERR_OK;
    }
    if (e != ERR_OK || reached || atomic_load(&task_ending))
        return e;
    enum view_command wish = view_take_command(life->o.view);
    if (wish == VIEW_STOP)
        return ERR_OK;
    if (wish == VIEW_PAUSE) {
        uint64_t since = clock_wall_us();
        rest_in(life, VIEW_PAUSED, since, "");
        if (stay_paused(life, since, "") != ERR_OK)
            return ERR_OK;
    }
    clear_stop();
    *go_on = true;
    return ERR_OK;
}

/* Left paused by an earlier process. */
static bool was_paused(const struct task_life *life, uint64_t *since_us)
{
    struct slice name, cause;
    return state_shown(life->shared.ckpt, &name, since_us, &cause) &&
           view_state_named(name) == VIEW_PAUSED;
}

static void end_in(struct task_life *life, enum err e, bool reached, const struct errmsg *em)
{
    uint64_t now = clock_wall_us();
    if (e != ERR_OK)
        rest_in(life, life->shared.precheck_failed ? VIEW_PRECHECK_FAILED : VIEW_FAILED, now,
                em->text[0] != 0 ? em->text : err_text(e));
    else if (reached)
        rest_in(life, VIEW_FINISHED, now, "");
}

enum err task_life_run(struct task_life *life, struct errmsg *em)
{
    uint64_t since_us;
    bool reached = false, go_on = true;
    enum err e = ERR_OK;
    if (was_paused(life, &since_us)) {
        task_show_rest(life->o.view, life->o.config, VIEW_PAUSED, since_us, "", position_of(life));
        if (stay_paused(life, since_us, "") != ERR_OK)
            return ERR_OK;
    }
    while (go_on) {
        em->text[0] = 0;
        e = run_once(life, &reached, em);
        e = after_run(life, e, reached, &go_on, em);
    }
    end_in(life, e, reached, em);
    return e;
}

enum err task_rest_read(const struct task_config *config, struct task_rest *out, struct errmsg *em)
{
    struct ckpt *c;
    struct slice name, cause;
    struct position p = {0};
    uint64_t next_id;
    char uuid[40];
    bool found = false;
    TRY(ckpt_open(config->state_dir, config->task, &c, em));
    *out = (struct task_rest){0};
    if (state_shown(c, &name, &out->since_us, &cause)) {
        snprintf(out->state, sizeof(out->state), "%.*s", SLICE_ARG(name));
        snprintf(out->cause, sizeof(out->cause), "%.*s", SLICE_ARG(cause));
    }
    if (state_position(c, &p, &next_id, uuid, &found) == ERR_OK && found)
        position_text(&p, out->position, sizeof(out->position));
    position_fini(&p);
    ckpt_close(c);
    return ERR_OK;
}
