#include "pipeline/guard.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/loop.h"
#include "snapshot/protect.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_MS    1000
#define NAP_MS     50
#define ASK_AGAIN_MS 10000 /* a server that could not be asked */
#define HOST_MAX   256

/* A server that is asked. */
struct watched {
    char name[HOST_MAX + 8]; /* "db2:3306" */
    char host[HOST_MAX];
    struct src_options options;
    struct src_server server;
    struct src_session *session;
    unsigned what; /* SRC_LOAD_... */
    bool silent;   /* it could not be asked, and that was said */
    uint64_t not_before_ms;
};

struct guard {
    const atomic_bool *stop;
    const atomic_bool *copying;
    atomic_bool ended; /* guard_stop() */
    atomic_bool paused;
    pthread_t thread;
    struct net_loop *loop;
    struct protect protect;
    pthread_mutex_t lock; /* of why */
    char why[sizeof(((struct protect *)0)->why)];
    size_t count;
    struct watched servers[];
};

static bool is_stopped(const struct guard *g)
{
    return atomic_load(g->stop) || atomic_load(&g->ended);
}

static enum err ask(struct guard *g, struct watched *w, struct src_load *load, struct errmsg *em)
{
    if (w->session == NULL) {
        TRY(src_session_open(g->loop, &w->options, &w->session, em));
        TRY(src_server_read(w->session, &w->server, em));
    }
    return src_load_read(w->session, &w->server, w->what, load, em);
}

static void look_at(struct guard *g, struct watched *w)
{
    struct errmsg em = {0};
    struct src_load load = {0};
    if (w->what == 0 || clock_mono_ms() < w->not_before_ms)
        return;
    enum err e = ask(g, w, &load, &em);
    if (e == ERR_OK) {
        protect_look(&g->protect, w->name, &load);
        w->silent = false;
        return;
    }
    src_session_close(w->session);
    w->session = NULL;
    w->not_before_ms = clock_mono_ms() + ASK_AGAIN_MS;
    char quoted[900];
    if (!w->silent && e != ERR_STOPPED)
        log_warn("copy.unwatched", "server=%s reason=%s", w->name,
                 log_quote(quoted, sizeof(quoted), em.text));
    w->silent = true;
}

static void look(struct guard *g)
{
    protect_begin(&g->protect);
    for (size_t i = 0; i < g->count && !is_stopped(g); i++)
        look_at(g, &g->servers[i]);
    bool was = atomic_load(&g->paused);
    bool paused = protect_decide(&g->protect, clock_mono_ms());
    pthread_mutex_lock(&g->lock);
    memcpy(g->why, g->protect.why, sizeof(g->why));
    pthread_mutex_unlock(&g->lock);
    atomic_store(&g->paused, paused);
    char quoted[400];
    if (paused && !was)
        log_info("copy.paused", "reason=%s", log_quote(quoted, sizeof(quoted), g->protect.why));
    if (!paused && was)
        log_info("copy.resumed", "note=\"the servers have come down below their limits\"");
}

static void *guard_main(void *arg)
{
    struct guard *g = arg;
    pthread_setname_np(pthread_self(), "guard");
    while (!is_stopped(g)) {
        if (atomic_load(g->copying))
            look(g);
        for (int i = 0; i < LOOK_MS / NAP_MS && !is_stopped(g); i++)
            nanosleep(&(struct timespec){.tv_nsec = NAP_MS * 1000000}, NULL);
    }
    return NULL;
}

/* "HOST:PORT", as throttle.protect.replicas has it. */
static enum err name_replica(struct watched *w, const char *text, struct errmsg *em)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon != NULL ? (size_t)(colon - text) : strlen(text);
    unsigned long port = colon != NULL ? strtoul(colon + 1, NULL, 10) : 3306;
    if (len == 0 || len >= HOST_MAX || port == 0 || port > 65535)
        return errmsg_set(em, ERR_CONFIG, "throttle.protect.replicas: \"%.300s\" is not HOST:PORT",
                          text);
    memcpy(w->host, text, len);
    w->options.host = w->host;
    w->options.port = (uint16_t)port;
    return ERR_OK;
}

/* The source tells its own lag only where no replicas are named. */
static enum err name_servers(struct guard *g, const struct task_config *task,
                             const struct src_options *source, const struct src_server *server,
                             struct errmsg *em)
{
    const struct conf_protect *p = &task->throttle.protect;
    unsigned what = protect_needs(&g->protect.limits);
    unsigned own = p->replicas.count > 0 ? what & ~(unsigned)SRC_LOAD_LAG : what;
    for (size_t i = 0; i < g->count; i++) {
        struct watched *w = &g->servers[i];
        w->options = *source;
        w->server = *server;
        w->what = i == 0 ? own : what & SRC_LOAD_LAG;
        if (i > 0)
            TRY(name_replica(w, p->replicas.items[i - 1], em));
        snprintf(w->name, sizeof(w->name), "%s:%u", w->options.host, w->options.port);
    }
    return ERR_OK;
}

enum err guard_start(const struct task_config *task, const struct src_options *source,
                     const struct src_server *server, const atomic_bool *copying,
                     const atomic_bool *stop, struct guard **out, struct errmsg *em)
{
    const struct conf_protect *p = &task->throttle.protect;
    struct protect_limits limits = {.history_length = p->history_length,
                                    .threads_running = p->threads_running,
                                    .replica_lag_ms = p->replica_lag_ms};
    *out = NULL;
    if (protect_needs(&limits) == 0)
        return ERR_OK;
    size_t count = 1 + p->replicas.count;
    struct guard *g = calloc(1, sizeof(*g) + count * sizeof(g->servers[0]));
    if (g == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory for throttle.protect");
    g->stop = stop;
    g->copying = copying;
    g->count = count;
    g->protect.limits = limits;
    pthread_mutex_init(&g->lock, NULL);
    enum err e = name_servers(g, task, source, server, em);
    if (e == ERR_OK)
        e = net_loop_new(NET_EPOLL, &g->loop, em);
    if (e == ERR_OK && pthread_create(&g->thread, NULL, guard_main, g) != 0)
        e = errmsg_set(em, ERR_SYSTEM, "the guard's thread could not be started");
    if (e != ERR_OK) {
        net_loop_free(g->loop);
        pthread_mutex_destroy(&g->lock);
        free(g);
        return e;
    }
    *out = g;
    return ERR_OK;
}

void guard_stop(struct guard *g)
{
    if (g == NULL)
        return;
    atomic_store(&g->ended, true);
    net_loop_wake(g->loop);
    pthread_join(g->thread, NULL);
    for (size_t i = 0; i < g->count; i++)
        src_session_close(g->servers[i].session);
    net_loop_free(g->loop);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

bool guard_paused(const struct guard *g)
{
    return g != NULL && atomic_load(&g->paused);
}

const char *guard_why(struct guard *g, char *buf, size_t cap)
{
    buf[0] = 0;
    if (!guard_paused(g))
        return buf;
    pthread_mutex_lock(&g->lock);
    snprintf(buf, cap, "%s", g->why);
    pthread_mutex_unlock(&g->lock);
    return buf;
}
