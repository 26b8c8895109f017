#include "pipeline/pulse.h"

#include "base/clock.h"
#include "base/cond.h"
#include "base/log.h"
#include "net/loop.h"
#include "schema/sql_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEAT_MS  1000
#define AGAIN_MS 10000 /* after a failure */
#define FRESH_MS 5000  /* how long an answer counts */

struct pulse {
    struct pulse_options o;
    struct src_options source; /* with our stop */
    struct net_loop *loop;
    struct src_session *session;
    bool table_there;
    bool said; /* that it fails */
    uint64_t again_ms;
    pthread_t thread;
    atomic_bool stop;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    bool interested;
    char file[BINLOG_NAME_MAX]; /* where everything is acknowledged; "": not known */
    uint64_t offset;
    uint64_t behind;
    uint64_t behind_ms; /* when that was; 0: never */
};

static enum err ensure_session(struct pulse *p, struct errmsg *em)
{
    if (p->session != NULL && src_session_alive(p->session))
        return ERR_OK;
    src_session_close(p->session);
    p->session = NULL;
    p->table_there = false;
    return src_session_open(p->loop, &p->source, &p->session, em);
}

/* ---- the heartbeat table ---- */

static void put_table(const struct pulse *p, struct writer *w)
{
    const char *name = p->o.config->heartbeat.table, *dot = strchr(name, '.');
    sql_put_table(w, slice_of(name, (size_t)(dot - name)), slice_str(dot + 1));
}

static enum err run_statement(struct pulse *p, struct writer *sql, struct errmsg *em)
{
    enum err e =
        sql->err != ERR_OK ? sql->err : src_query(p->session, writer_slice(sql), NULL, NULL, em);
    writer_clear(sql);
    return e;
}

static enum err take_found(void *found, const struct src_row *row)
{
    (void)row;
    *(bool *)found = true;
    return ERR_OK;
}

/* Made only where it is missing: even CREATE ... IF NOT EXISTS goes into the binlog. */
static enum err ensure_table(struct pulse *p, struct writer *w, struct errmsg *em)
{
    const char *name = p->o.config->heartbeat.table, *dot = strchr(name, '.');
    bool found = false;
    writer_lit(w, "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = ");
    src_quote(w, slice_of(name, (size_t)(dot - name)));
    writer_lit(w, " AND TABLE_NAME = ");
    src_quote(w, slice_str(dot + 1));
    enum err e = src_query(p->session, writer_slice(w), take_found, &found, em);
    writer_clear(w);
    if (e != ERR_OK || found)
        return e;
    writer_lit(w, "CREATE DATABASE IF NOT EXISTS ");
    sql_put_name(w, slice_of(name, (size_t)(dot - name)));
    TRY(run_statement(p, w, em));
    writer_lit(w, "CREATE TABLE IF NOT EXISTS ");
    put_table(p, w);
    writer_lit(w, " (task VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,"
                  " at DATETIME(6) NOT NULL COMMENT 'UTC')");
    return run_statement(p, w, em);
}

static enum err beat(struct pulse *p, struct errmsg *em)
{
    struct writer w;
    writer_init(&w, 1u << 16);
    enum err e = p->table_there ? ERR_OK : ensure_table(p, &w, em);
    p->table_there = e == ERR_OK;
    if (e == ERR_OK) {
        writer_lit(&w, "INSERT INTO ");
        put_table(p, &w);
        writer_lit(&w, " (task, at) VALUES (");
        src_quote(&w, slice_str(p->o.config->task));
        writer_lit(&w, ", UTC_TIMESTAMP(6)) ON DUPLICATE KEY UPDATE at = VALUES(at)");
        e = run_statement(p, &w, em);
    }
    writer_fini(&w);
    return e;
}

/* ---- bytes behind ---- */

static uint64_t sum_behind(const struct src_binlog *files, size_t count, const char *file,
                           uint64_t offset, bool *known)
{
    uint64_t bytes = 0;
    *known = false;
    for (size_t i = 0; i < count; i++) {
        if (*known)
            bytes += files[i].size;
        else if (strcmp(files[i].name, file) == 0) {
            *known = true;
            bytes = files[i].size > offset ? files[i].size - offset : 0;
        }
    }
    return bytes;
}

static enum err measure(struct pulse *p, struct errmsg *em)
{
    struct src_binlog *files = NULL;
    size_t count = 0;
    bool known;
    TRY(src_server_binlogs(p->session, p->o.server, &files, &count, em));
    pthread_mutex_lock(&p->lock);
    p->behind = sum_behind(files, count, p->file, p->offset, &known);
    p->behind_ms = known ? clock_mono_ms() : 0;
    pthread_mutex_unlock(&p->lock);
    free(files);
    return ERR_OK;
}

/* ---- the thread ---- */

static void work(struct pulse *p)
{
    struct errmsg em = {0};
    bool writes = p->o.config->heartbeat.write;
    pthread_mutex_lock(&p->lock);
    bool interested = p->interested && p->file[0] != 0;
    pthread_mutex_unlock(&p->lock);
    if (!writes && !interested) {
        src_session_close(p->session);
        p->session = NULL;
        return;
    }
    if (clock_mono_ms() < p->again_ms)
        return;
    enum err e = ensure_session(p, &em);
    if (e == ERR_OK && writes)
        e = beat(p, &em);
    if (e == ERR_OK && interested)
        e = measure(p, &em);
    if (e == ERR_OK || e == ERR_STOPPED) {
        p->said = false;
        return;
    }
    char quoted[900];
    if (!p->said &&
        (writes || err_class(e) != ERRC_LINK)) /* the stream says that the link is gone */
        log_warn("heartbeat.failed", "reason=%s note=\"it is tried again every %d s\"",
                 log_quote(quoted, sizeof(quoted), em.text[0] != 0 ? em.text : err_text(e)),
                 AGAIN_MS / 1000);
    p->said = true;
    p->again_ms = clock_mono_ms() + AGAIN_MS;
}

static void *run(void *pulse)
{
    struct pulse *p = pulse;
    while (!atomic_load(&p->stop)) {
        work(p);
        uint64_t until_ms = clock_mono_ms() + BEAT_MS;
        pthread_mutex_lock(&p->lock);
        while (!atomic_load(&p->stop) && cond_wait_until(&p->changed, &p->lock, until_ms))
            ;
        pthread_mutex_unlock(&p->lock);
    }
    src_session_close(p->session);
    return NULL;
}

static void release(struct pulse *p)
{
    net_loop_free(p->loop);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

enum err pulse_start(const struct pulse_options *o, struct pulse **out)
{
    struct pulse *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return ERR_NO_MEMORY;
    p->o = *o;
    p->source = *o->source;
    p->source.role = NULL;
    p->source.stop = &p->stop;
    cond_init(&p->changed);
    pthread_mutex_init(&p->lock, NULL);
    struct errmsg em = {0};
    enum err e = net_loop_new(NET_EPOLL, &p->loop, &em);
    if (e == ERR_OK && pthread_create(&p->thread, NULL, run, p) != 0)
        e = ERR_SYSTEM;
    if (e != ERR_OK) {
        release(p);
        return e;
    }
    pthread_setname_np(p->thread, "pulse");
    *out = p;
    return ERR_OK;
}

void pulse_stop(struct pulse *p)
{
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->stop, true);
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    net_loop_wake(p->loop);
    pthread_join(p->thread, NULL);
    release(p);
}

void pulse_look(struct pulse *p, const struct position *acked, bool interested)
{
    pthread_mutex_lock(&p->lock);
    p->interested = interested;
    memcpy(p->file, acked->file, sizeof(p->file));
    p->offset = acked->offset;
    pthread_mutex_unlock(&p->lock);
}

bool pulse_behind(struct pulse *p, uint64_t *bytes)
{
    pthread_mutex_lock(&p->lock);
    bool known = p->behind_ms != 0 && clock_mono_ms() - p->behind_ms < FRESH_MS;
    *bytes = p->behind;
    pthread_mutex_unlock(&p->lock);
    return known;
}

enum err pulse_clock(struct src_session *s, int64_t *ahead_us, struct errmsg *em)
{
    char text[32];
    uint64_t asked = clock_wall_us();
    /* Both sides in UTC: no zone and no change of the clocks gets in. */
    TRY(src_query_text(s, "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))", text,
                       sizeof(text), NULL, em));
    uint64_t answered = clock_wall_us();
    *ahead_us = (int64_t)strtoull(text, NULL, 10) - (int64_t)(asked + (answered - asked) / 2);
    return ERR_OK;
}
