#include "pipeline/retry.h"

#include "base/clock.h"
#include "base/log.h"

#include <time.h>

#define NAP_MS 50 /* how late a stop is noticed */

uint64_t retry_pause_ms(uint64_t n)
{
    uint64_t ms = RETRY_PAUSE_MS << (n < 7 ? n : 7);
    return ms < RETRY_PAUSE_MAX_MS ? ms : RETRY_PAUSE_MAX_MS;
}

/* xorshift64: chance enough to spread tries, and no state that threads share. */
static uint64_t chance(struct retry *r, uint64_t below)
{
    if (r->seed == 0)
        r->seed = clock_mono_us() | 1;
    r->seed ^= r->seed << 13;
    r->seed ^= r->seed >> 7;
    r->seed ^= r->seed << 17;
    return r->seed % below;
}

static enum err nap(const struct retry *r, uint64_t ms)
{
    if (r->nap != NULL)
        return r->nap(r->nap_arg, ms);
    struct timespec t = {.tv_nsec = (long)ms * 1000000};
    nanosleep(&t, NULL);
    return ERR_OK;
}

static uint64_t asked_for_now(const struct retry *r)
{
    return r->view != NULL ? atomic_load(&r->view->retry_now) : 0;
}

static enum err sleep_until(const struct retry *r, uint64_t until_ms)
{
    uint64_t asked = asked_for_now(r), now;
    while ((now = clock_mono_ms()) < until_ms && asked_for_now(r) == asked) {
        if (r->stop != NULL && atomic_load(r->stop))
            return ERR_STOPPED;
        TRY(nap(r, until_ms - now < NAP_MS ? until_ms - now : NAP_MS));
    }
    return r->stop != NULL && atomic_load(r->stop) ? ERR_STOPPED : ERR_OK;
}

static void tell(const struct retry *r, const char *cause, uint64_t pause_ms)
{
    char quoted[900];
    const char *subject = r->subject != NULL ? r->subject : "";
    log_quote(quoted, sizeof(quoted), cause);
    if (r->tries == 1 || r->resting)
        log_warn(r->event, "%sreason=%s next_try_ms=%llu retry_window_s=%llu", subject, quoted,
                 (unsigned long long)pause_ms, (unsigned long long)(r->window_ms / 1000));
    else
        log_debug(r->event, "%sreason=%s try=%llu next_try_ms=%llu", subject, quoted,
                  (unsigned long long)r->tries, (unsigned long long)pause_ms);
}

enum err retry_wait(struct retry *r, enum err e, struct errmsg *em)
{
    uint64_t now = clock_mono_ms(), wall = clock_wall_us();
    if (r->tries == 0) {
        r->since_ms = now;
        r->since_us = wall;
    }
    if (em->text[0] == 0)
        errmsg_set(em, e, "%s", err_text(e));
    if (now - r->since_ms > r->window_ms) {
        struct errmsg last = *em;
        return errmsg_set(em, e, "%.600s; gave up after %llu s (%s)", last.text,
                          (unsigned long long)(r->window_ms / 1000), r->window_key);
    }
    uint64_t pause = retry_pause_ms(r->tries++);
    pause = pause / 2 + chance(r, pause / 2 + 1);
    tell(r, em->text, pause);
    r->resting = false;
    view_trouble_begin(r->view, r->side, r->bit, r->since_us, wall + pause * 1000,
                       r->since_us + r->window_ms * 1000, em->text);
    return sleep_until(r, now + pause);
}

bool retry_rest(struct retry *r, uint64_t *lasted_ms)
{
    bool was = r->tries > 0 && !r->resting;
    if (lasted_ms != NULL)
        *lasted_ms = was ? clock_mono_ms() - r->since_ms : 0;
    if (was)
        view_trouble_end(r->view, r->side, r->bit);
    r->resting = true;
    return was;
}

bool retry_end(struct retry *r, uint64_t *lasted_ms)
{
    bool was = retry_rest(r, lasted_ms);
    r->tries = 0;
    r->resting = false;
    return was;
}
