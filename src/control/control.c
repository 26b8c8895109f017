#include "control/control.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/print.h"
#include "control/alert.h"
#include "control/api.h"
#include "control/courier.h"
#include "control/http.h"
#include "control/log_file.h"
#include "control/notify.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NAP_MS     100
#define STEP_MS    1000
#define FAREWELL_S 15    /* for alerts that are under way, at the end */
#define WATCHED_MS 2500  /* who has asked within it will ask again */
#define SEEN_MS    1600  /* to wait for that */
#define REST_MS    300   /* for what else is asked for then */
#define STALE_MS   30000 /* without a sign of the supervisor: the watchdog is not fed any more */

struct control {
    struct control_options o;
    struct api api;
    char *config_text;
    struct http_server *http;
    struct courier *courier;
    struct alert_watch watch;
    struct conf_alerts alerts;    /* in force */
    struct task_config *reloaded; /* where alerts' texts are, after a reload; NULL: the first */
    struct log_file log;
    uint64_t watchdog_ms, fed_ms;
    char told_state[24]; /* to the service manager */
    pthread_t thread;
    atomic_bool ending;
};

static atomic_uint reloads_wanted;

void control_reload(void)
{
    atomic_fetch_add(&reloads_wanted, 1);
}

static void tell(struct control *c, const struct alert *a, const struct view_snapshot *s)
{
    struct writer w;
    writer_init(&w, 64u << 10);
    alert_write(a, c->o.config, s, &w);
    if (w.err == ERR_OK)
        courier_send(c->courier, writer_slice(&w));
    writer_fini(&w);
}

static void watch(struct control *c)
{
    struct alert alerts[ALERT_KINDS];
    struct view_snapshot *s = view_look(c->o.view);
    size_t n = alert_step(&c->watch, &c->alerts, s, alerts);
    for (size_t i = 0; i < n; i++)
        tell(c, &alerts[i], s);
    view_release(s);
}

static void set_throttles(struct view *v, const struct conf_throttle *t)
{
    throttle_set(&v->full, &(struct throttle_limits){t->full.queries, t->full.rows, t->full.bytes});
    throttle_set(&v->incremental,
                 &(struct throttle_limits){0, t->incremental.rows, t->incremental.bytes});
}

static void reload(struct control *c)
{
    log_file_reopen(&c->log);
    struct task_config *fresh = c->o.reload != NULL ? c->o.reload(c->o.reload_arg) : NULL;
    if (fresh == NULL) {
        log_warn("config.kept", "note=\"the task file could not be read again: throttles and "
                                "alerts stay as they are\"");
        return;
    }
    set_throttles(c->o.view, &fresh->throttle);
    c->alerts = fresh->alerts;
    courier_set(c->courier, fresh->alerts.webhook, fresh->alerts.command);
    conf_free(c->reloaded);
    c->reloaded = fresh;
    log_info("config.reloaded", "note=\"throttles and alerts are as the task file has them\"");
}

/* READY as soon as the process answers: a source that is away is no failed start. */
static void inform_manager(struct control *c)
{
    uint64_t now = clock_mono_ms(), beat = atomic_load(&c->o.view->beat_ms);
    enum view_state state = (enum view_state)atomic_load(&c->o.view->state_now);
    const char *name = view_state_name(state);
    if (strcmp(name, c->told_state) != 0) {
        char text[80];
        snprintf(text, sizeof(text), "READY=1\nSTATUS=%s", name);
        notify_manager(text);
        snprintf(c->told_state, sizeof(c->told_state), "%s", name);
    }
    bool moves = state == VIEW_PRECHECKING || now < beat || now - beat < STALE_MS;
    if (c->watchdog_ms != 0 && moves && now - c->fed_ms >= c->watchdog_ms) {
        notify_manager("WATCHDOG=1");
        c->fed_ms = now;
    }
}

static void nap(unsigned ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

static void *keep_house(void *control)
{
    struct control *c = control;
    unsigned done = atomic_load(&reloads_wanted);
    for (uint64_t stepped = 0; !atomic_load(&c->ending);) {
        unsigned wanted = atomic_load(&reloads_wanted);
        if (wanted != done)
            reload(c);
        done = wanted;
        inform_manager(c);
        if (clock_mono_ms() - stepped >= STEP_MS) {
            stepped = clock_mono_ms();
            http_sweep(c->http);
            watch(c);
        }
        nap(NAP_MS);
    }
    return NULL;
}

static enum err print_config(struct control *c)
{
    size_t len;
    FILE *f = open_memstream(&c->config_text, &len);
    if (f == NULL)
        return ERR_NO_MEMORY;
    conf_print(c->o.config, f);
    return fclose(f) == 0 ? ERR_OK : ERR_NO_MEMORY;
}

static enum err start_http(struct control *c, struct errmsg *em)
{
    const struct conf_http *h = &c->o.config->http;
    struct http_options o = {.host = h->host,
                             .port = h->port,
                             .loopback = h->loopback,
                             .token = h->token,
                             .folder = c->o.config->state_dir,
                             .is_change = api_is_change,
                             .is_open = api_is_open,
                             .answer = api_answer,
                             .arg = &c->api};
    c->api = (struct api){.view = c->o.view,
                          .task = c->o.config->task,
                          .environment = c->o.config->environment,
                          .config_text = c->config_text};
    TRY(http_start(&o, &c->http, em));
    if (h->host != NULL)
        log_info("http.listening", "url=http://%s%s%s:%u/", strchr(h->host, ':') ? "[" : "",
                 h->host, strchr(h->host, ':') ? "]" : "", http_port(c->http));
    return ERR_OK;
}

static void release(struct control *c)
{
    log_watch(NULL, NULL);
    http_stop(c->http);
    courier_free(c->courier, FAREWELL_S * 1000);
    conf_free(c->reloaded);
    free(c->config_text);
    free(c);
}

enum err control_start(const struct control_options *o, struct control **out, struct errmsg *em)
{
    struct control *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory");
    c->o = *o;
    c->alerts = o->config->alerts;
    c->watchdog_ms = notify_watchdog_ms();
    log_file_find(&c->log);
    log_watch(view_note, o->view);
    set_throttles(o->view, &o->config->throttle);
    enum err e = print_config(c);
    if (e == ERR_OK)
        e = courier_new(&c->courier);
    if (e == ERR_OK) {
        courier_set(c->courier, c->alerts.webhook, c->alerts.command);
        e = start_http(c, em);
    }
    if (e == ERR_OK && pthread_create(&c->thread, NULL, keep_house, c) != 0)
        e = ERR_SYSTEM;
    if (e != ERR_OK) {
        if (em->text[0] == 0)
            errmsg_set(em, e, "the control threads could not be started: %s", err_text(e));
        release(c);
        return e;
    }
    pthread_setname_np(c->thread, "control");
    *out = c;
    return ERR_OK;
}

void control_show_end(struct control *c)
{
    uint64_t began = clock_mono_ms(), asked = atomic_load(&c->api.asked_ms);
    if (asked == 0 || began - asked > WATCHED_MS)
        return;
    while (atomic_load(&c->api.asked_ms) <= began && clock_mono_ms() - began < SEEN_MS)
        nap(NAP_MS);
    nap(REST_MS);
}

void control_stop(struct control *c)
{
    if (c == NULL)
        return;
    notify_manager("STOPPING=1");
    atomic_store(&c->ending, true);
    pthread_join(c->thread, NULL);
    watch(c); /* how the task ended */
    release(c);
}
