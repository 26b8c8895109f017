#include "pipeline/witness.h"

#include "base/clock.h"
#include "base/cond.h"
#include "base/log.h"
#include "net/loop.h"
#include "source/catalog.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_MS 10000 /* without a question, until the session is closed */

struct witness {
    struct src_options source; /* with our stop */
    struct net_loop *loop;
    struct net_loop *wake;
    struct src_session *session;
    pthread_t thread;
    atomic_bool stop;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    bool asked;
    bool answered;
    struct src_server server;
    uint8_t *names; /* database and table */
    struct witness_answer answer;
};

static enum err read_end(struct witness *w, struct binlog_place *out, struct errmsg *em)
{
    struct src_position now = {0};
    enum err e = src_server_position(w->session, &w->server, &now, em);
    if (e == ERR_OK)
        *out = binlog_place_of(now.file, now.offset);
    src_position_fini(&now);
    return e;
}

/* What stands in w->answer is ours until it is answered. */
static enum err look(struct witness *w, struct errmsg *em)
{
    struct witness_answer *a = &w->answer;
    if (w->session != NULL && !src_session_alive(w->session)) {
        src_session_close(w->session);
        w->session = NULL;
    }
    if (w->session == NULL)
        TRY(src_session_open(w->loop, &w->source, &w->session, em));
    TRY(src_catalog_table(w->session, &w->server, a->database, a->table, &a->def, em));
    return read_end(w, &a->end, em);
}

static void answer(struct witness *w)
{
    struct errmsg em = {0};
    struct witness_answer *a = &w->answer;
    a->err = look(w, &em);
    if (a->err != ERR_OK) {
        free(a->def);
        a->def = NULL;
        log_debug("table.unasked", "table=%.*s.%.*s reason=\"%s\"", SLICE_ARG(a->database),
                  SLICE_ARG(a->table), em.text[0] != 0 ? em.text : err_text(a->err));
    }
}

/* False: nobody asked for so long. */
static bool wait_question(struct witness *w)
{
    uint64_t until_ms = clock_mono_ms() + IDLE_MS;
    while (!w->asked && !atomic_load(&w->stop) && cond_wait_until(&w->changed, &w->lock, until_ms))
        ;
    return w->asked;
}

static void *run(void *witness)
{
    struct witness *w = witness;
    pthread_mutex_lock(&w->lock);
    while (!atomic_load(&w->stop)) {
        bool asked = wait_question(w);
        pthread_mutex_unlock(&w->lock);
        if (asked) {
            answer(w);
        } else {
            src_session_close(w->session);
            w->session = NULL;
        }
        pthread_mutex_lock(&w->lock);
        w->answered = asked;
        w->asked = false;
        if (asked)
            net_loop_wake(w->wake);
    }
    pthread_mutex_unlock(&w->lock);
    src_session_close(w->session);
    return NULL;
}

static void release(struct witness *w)
{
    net_loop_free(w->loop);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    free(w->answer.def);
    free(w->names);
    free(w);
}

enum err witness_start(const struct src_options *source, struct net_loop *wake,
                       struct witness **out)
{
    struct witness *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return ERR_NO_MEMORY;
    w->source = *source;
    w->source.role = NULL;
    w->source.stop = &w->stop;
    w->wake = wake;
    cond_init(&w->changed);
    pthread_mutex_init(&w->lock, NULL);
    struct errmsg em = {0};
    enum err e = net_loop_new(NET_EPOLL, &w->loop, &em);
    if (e == ERR_OK && pthread_create(&w->thread, NULL, run, w) != 0)
        e = ERR_SYSTEM;
    if (e != ERR_OK) {
        release(w);
        return e;
    }
    pthread_setname_np(w->thread, "witness");
    *out = w;
    return ERR_OK;
}

void witness_stop(struct witness *w)
{
    if (w == NULL)
        return;
    pthread_mutex_lock(&w->lock);
    atomic_store(&w->stop, true);
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
    net_loop_wake(w->loop);
    pthread_join(w->thread, NULL);
    release(w);
}

enum err witness_ask(struct witness *w, const struct src_server *server, struct slice database,
                     struct slice table, uint64_t version)
{
    uint8_t *names = malloc(database.len + table.len + 1);
    if (names == NULL)
        return ERR_NO_MEMORY;
    memcpy(names, database.ptr, database.len);
    memcpy(names + database.len, table.ptr, table.len);
    pthread_mutex_lock(&w->lock);
    free(w->names);
    free(w->answer.def);
    w->names = names;
    w->server = *server;
    w->answer = (struct witness_answer){.database = slice_of(names, database.len),
                                        .table = slice_of(names + database.len, table.len),
                                        .version = version};
    w->asked = true;
    w->answered = false;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    return ERR_OK;
}

bool witness_answer(struct witness *w, struct witness_answer *out)
{
    pthread_mutex_lock(&w->lock);
    bool there = w->answered;
    if (there) {
        *out = w->answer;
        w->answer.def = NULL;
        w->answered = false;
    }
    pthread_mutex_unlock(&w->lock);
    return there;
}
