/* Prepared statements: making, running, closing. How rows come in: prepared_rows.c. */
#include "source/prepared.h"

#include "base/clock.h"
#include "base/frame.h"
#include "net/loop.h"
#include "source/prepared_int.h"

#include <stdio.h>
#include <stdlib.h>

#define STATEMENT_TEXT_MAX 160
#define SILENCE_DEFAULT_MS 60000
#define LOOK_MS            50 /* a stop flag and a sink without frames are looked at this often */
#define ROW_MAX_DEFAULT    (1u << 30)

static enum err not_alive(struct src_session *s, struct errmsg *em)
{
    return errmsg_set(em, ERR_DISCONNECTED, "source %s: the connection is closed", s->peer);
}

static enum err stmt_new(struct src_session *s, struct slice sql, uint32_t id, uint32_t params,
                         struct src_stmt **out)
{
    struct src_stmt *st = calloc(1, sizeof(*st));
    if (st == NULL)
        return ERR_NO_MEMORY;
    st->session = s;
    st->id = id;
    st->param_count = params;
    st->params = calloc(params + 1u, sizeof(*st->params));
    st->texts = calloc(params + 1u, sizeof(*st->texts));
    if (st->params == NULL || st->texts == NULL) {
        free(st->params);
        free(st->texts);
        free(st);
        return ERR_NO_MEMORY;
    }
    snprintf(st->what, sizeof(st->what), "%.*s%s",
             (int)(sql.len < STATEMENT_TEXT_MAX ? sql.len : STATEMENT_TEXT_MAX),
             (const char *)sql.ptr, sql.len > STATEMENT_TEXT_MAX ? "..." : "");
    *out = st;
    return ERR_OK;
}

enum err src_prepare(struct src_session *s, struct slice sql, struct src_stmt **out,
                     struct errmsg *em)
{
    struct my_event event;
    if (s->dead)
        return not_alive(s, em);
    src_session_begin(s);
    s->error_code = 0;
    enum err e = my_client_prepare(s->client, sql, &s->output);
    if (e != ERR_OK)
        return src_session_fail(s, e, "the statement cannot be sent", em);
    TRY(src_session_flush(s, em));
    TRY(src_session_step(s, &event, em));
    if (event.kind == MY_EVENT_ERROR) {
        char what[STATEMENT_TEXT_MAX + 4];
        snprintf(what, sizeof(what), "%.*s",
                 (int)(sql.len < STATEMENT_TEXT_MAX ? sql.len : STATEMENT_TEXT_MAX),
                 (const char *)sql.ptr);
        return src_session_refused(s, &event.error, what, em);
    }
    if (event.kind != MY_EVENT_PREPARED)
        return src_session_fail(s, ERR_BUG, "an unexpected event of a statement", em);
    e = stmt_new(s, sql, event.statement_id, event.param_count, out);
    return e == ERR_OK ? e : src_session_fail(s, e, err_text(e), em);
}

void src_stmt_close(struct src_stmt *st)
{
    if (st == NULL)
        return;
    struct src_session *s = st->session;
    stmt_drop_frame(st);
    /* The server does not answer. What cannot be sent shows at the next statement. */
    if (!s->dead && my_client_ready(s->client) &&
        my_client_close_statement(s->client, st->id, &s->output) == ERR_OK) {
        src_session_begin(s);
        (void)!src_session_flush(s, NULL);
    }
    free(st->params);
    free(st->texts);
    free(st);
}

uint32_t src_stmt_param_count(const struct src_stmt *st)
{
    return st->param_count;
}

uint64_t src_stmt_bytes(const struct src_stmt *st)
{
    return st->bytes;
}

enum err src_stmt_start(struct src_stmt *st, const struct src_param *params, uint32_t count,
                        const struct src_sink *sink, struct errmsg *em)
{
    struct src_session *s = st->session;
    if (s->dead)
        return not_alive(s, em);
    if (st->running || count != st->param_count)
        return errmsg_set(em, ERR_BUG, "source %s: %s: %u parameters for %u", s->peer, st->what,
                          count, st->param_count);
    TRY(stmt_bind(st, params, count, em));
    src_session_begin(s);
    s->error_code = 0;
    enum err e = my_client_execute(s->client, st->id, st->params, count, &s->output);
    if (e != ERR_OK)
        return src_session_fail(s, e, "the statement cannot be sent", em);
    if (s->input_at != s->input_len)
        return src_session_fail(s, ERR_PROTOCOL, "bytes that nobody asked for", em);
    TRY(src_session_flush(s, em));
    st->sink = sink != NULL ? *sink : (struct src_sink){0};
    if (st->sink.row_max == 0)
        st->sink.row_max = ROW_MAX_DEFAULT;
    st->verdict = ERR_OK;
    st->bytes = st->received = 0;
    st->running = true;
    st->silence_ms =
        s->options.statement_timeout_ms > 0 ? s->options.statement_timeout_ms : SILENCE_DEFAULT_MS;
    st->deadline_ms = clock_mono_ms() + st->silence_ms;
    return ERR_OK;
}

/* The result is over, or cannot be had. */
static enum err stmt_end(struct src_stmt *st, enum err e)
{
    stmt_drop_frame(st);
    st->running = false;
    return e == ERR_OK ? st->verdict : e;
}

enum err src_stmt_step(struct src_stmt *st, uint64_t *deadline_ms, struct errmsg *em)
{
    struct src_session *s = st->session;
    if (!st->running)
        return errmsg_set(em, ERR_BUG, "source %s: no statement is running", s->peer);
    uint64_t before = st->received;
    bool waited = st->idle_wait;
    enum err e = stmt_take(st, em);
    st->idle_wait = e == ERR_NO_ROOM && st->running;
    if (e != ERR_NEED_INPUT && e != ERR_NO_ROOM)
        return stmt_end(st, e);
    uint64_t now = clock_mono_ms();
    if (st->received != before || waited || e == ERR_NO_ROOM)
        st->deadline_ms = now + st->silence_ms;
    if (s->options.stop != NULL && atomic_load_explicit(s->options.stop, memory_order_relaxed))
        return stmt_end(st, src_session_fail(s, ERR_STOPPED, "asked to stop", em));
    if (now >= st->deadline_ms)
        return stmt_end(st, src_session_fail(s, ERR_TIMEOUT, "no answer came", em));
    *deadline_ms = st->deadline_ms;
    return e;
}

enum err src_stmt_run(struct src_stmt *st, const struct src_param *params, uint32_t count,
                      const struct src_sink *sink, struct errmsg *em)
{
    TRY(src_stmt_start(st, params, count, sink, em));
    for (;;) {
        uint64_t deadline;
        enum err e = src_stmt_step(st, &deadline, em);
        if (!st->running)
            return e;
        uint64_t look = clock_mono_ms() + LOOK_MS;
        e = net_loop_wait(st->session->loop, look < deadline ? look : deadline);
        if (e != ERR_OK && e != ERR_TIMEOUT)
            return stmt_end(st, src_session_fail(st->session, e, err_text(e), em));
    }
}
