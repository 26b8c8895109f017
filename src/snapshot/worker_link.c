/* A worker's connection: opening it, what is prepared on it, and judging its failures. */
#include "snapshot/worker_int.h"

#include "base/clock.h"
#include "net/loop.h"
#include "source/copy.h"

#include <stdio.h>
#include <string.h>

#define SQL_TEXT_MAX (4u << 20)
#define LOCK_WAIT_S  5

bool worker_stopped(const struct worker *w)
{
    return atomic_load_explicit(w->o->stop, memory_order_relaxed);
}

enum err worker_sleep(struct worker *w, uint64_t ms)
{
    uint64_t until = clock_mono_ms() + ms;
    while (!worker_stopped(w)) {
        enum err e = net_loop_wait(w->loop, until);
        if (e != ERR_OK && e != ERR_TIMEOUT)
            return errmsg_set(&w->em, e, "%s", err_text(e));
        if (clock_mono_ms() >= until)
            return ERR_OK;
    }
    return errmsg_set(&w->em, ERR_STOPPED, "asked to stop");
}

/* ---- the connection ---- */

/* The marks of a chunk and the stream's positions are of one server. */
static enum err check_server(struct worker *w, struct src_session *s)
{
    const struct src_server *sv = w->o->server;
    bool maria = sv->flavour == SRC_MARIADB;
    char want[40], is[40];
    if (!maria && sv->server_uuid[0] == '\0')
        return ERR_OK; /* before 5.6 */
    snprintf(want, sizeof(want), "%.*s", (int)sizeof(want) - 1, sv->server_uuid);
    if (maria)
        snprintf(want, sizeof(want), "%u", sv->server_id);
    TRY(src_query_text(s, maria ? "SELECT @@GLOBAL.server_id" : "SELECT @@GLOBAL.server_uuid", is,
                       sizeof(is), NULL, &w->em));
    if (strcmp(want, is) != 0)
        return errmsg_set(&w->em, ERR_DISCONNECTED,
                          "the copy's connection has come to server %s, but the stream is of %s",
                          is, want);
    return ERR_OK;
}

enum err worker_open_session(struct worker *w, struct src_session **out)
{
    struct src_copy_options settings = {
        .repeatable_read = w->o->server->flavour == SRC_MARIADB || w->o->server->gtids,
        .lock_wait_s = LOCK_WAIT_S,
    };
    struct src_session *s;
    TRY(src_session_open(w->loop, w->o->source, &s, &w->em));
    enum err e = src_copy_settings(s, w->o->server, &settings, &w->em);
    if (e == ERR_OK)
        e = check_server(w, s);
    if (e != ERR_OK) {
        src_session_close(s);
        return e;
    }
    *out = s;
    return ERR_OK;
}

enum err worker_connect(struct worker *w)
{
    if (w->s != NULL && src_session_alive(w->s))
        return ERR_OK;
    worker_disconnect(w);
    return worker_open_session(w, &w->s);
}

static void forget_rows(struct table_statements *ts)
{
    for (unsigned i = 0; i < 4; i++) {
        src_stmt_close(ts->rows[i]);
        ts->rows[i] = NULL;
    }
}

static void forget(struct table_statements *ts)
{
    forget_rows(ts);
    for (unsigned i = 0; i < 2; i++)
        src_stmt_close(ts->bound[i]);
    copy_table_unref(ts->table);
    *ts = (struct table_statements){0};
}

void worker_disconnect(struct worker *w)
{
    for (unsigned i = 0; i < CACHED_TABLES; i++)
        forget(&w->cache[i]);
    src_session_close(w->s);
    w->s = NULL;
}

/* ---- statements ---- */

static struct table_statements *statements_of(struct worker *w, struct copy_table *t)
{
    struct table_statements *ts = &w->cache[0];
    for (unsigned i = 0; i < CACHED_TABLES; i++) {
        if (w->cache[i].table == t) {
            ts = &w->cache[i];
            break;
        }
        if (w->cache[i].used < ts->used)
            ts = &w->cache[i];
    }
    if (ts->table != t) {
        forget(ts);
        copy_table_ref(t);
        ts->table = t;
    }
    ts->used = ++w->cache_clock;
    return ts;
}

static enum err prepare(struct worker *w, struct writer *sql, struct src_stmt **slot)
{
    if (sql->err != ERR_OK)
        return errmsg_set(&w->em, sql->err, "a statement cannot be built: %s", err_text(sql->err));
    return src_prepare(w->s, writer_slice(sql), slot, &w->em);
}

enum err worker_rows_stmt(struct worker *w, struct copy_table *t, bool after, bool upto,
                          struct src_stmt **out)
{
    struct table_statements *ts = statements_of(w, t);
    struct src_stmt **slot = &ts->rows[(after ? 1 : 0) + (upto ? 2 : 0)];
    enum err e = ERR_OK;
    w->filters = copy_table_filters(t);
    if (ts->filters != w->filters)
        forget_rows(ts);
    ts->filters = w->filters;
    if (*slot == NULL) {
        struct writer sql;
        writer_init(&sql, SQL_TEXT_MAX);
        copy_table_rows_sql(t, after, upto, &sql);
        e = prepare(w, &sql, slot);
        writer_fini(&sql);
    }
    if (e == ERR_OK)
        *out = *slot;
    return e;
}

enum err worker_bound_stmt(struct worker *w, struct copy_table *t, bool after,
                           struct src_stmt **out)
{
    struct src_stmt **slot = &statements_of(w, t)->bound[after];
    enum err e = ERR_OK;
    if (*slot == NULL) {
        struct writer sql;
        writer_init(&sql, SQL_TEXT_MAX);
        copy_table_bound_sql(t, after, &sql);
        e = prepare(w, &sql, slot);
        writer_fini(&sql);
    }
    if (e == ERR_OK)
        *out = *slot;
    return e;
}

/* ---- failures ---- */

enum worker_verdict worker_judge(struct worker *w, enum err e)
{
    bool alive = w->s != NULL && src_session_alive(w->s);
    enum src_refusal refusal = alive ? src_refusal_of(w->s) : SRC_REFUSED_NOT;
    if (!alive)
        worker_disconnect(w);
    if (e == ERR_STOPPED || worker_stopped(w))
        return WORKER_STOP;
    if (e == ERR_TABLE_MISMATCH || refusal == SRC_REFUSED_NO_TABLE ||
        refusal == SRC_REFUSED_NO_COLUMN)
        return WORKER_CHANGED;
    if (err_class(e) == ERRC_LINK || refusal == SRC_REFUSED_LINK || refusal == SRC_REFUSED_RETRY)
        return WORKER_RETRY;
    return WORKER_FAIL;
}
