/* Statements of a session and their rows. */
#include "source/session.h"

#include "source/refusal.h"
#include "source/session_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define STATEMENT_TEXT_MAX 160 /* of a statement in a sentence */

enum err src_session_refused(struct src_session *s, const struct my_error *error, const char *what,
                             struct errmsg *em)
{
    enum err e = my_error_class(error);
    s->error_code = error->code;
    if (err_class(e) == ERRC_LINK && !src_refusal_is_passing(error->code))
        s->dead = true;
    return errmsg_set(em, e, "source %s: %s: %.*s (error %u)", s->peer, what,
                      SLICE_ARG(error->message), error->code);
}

static enum err row_room(struct src_session *s, uint32_t count)
{
    if (count <= s->values_cap)
        return ERR_OK;
    struct my_text_value *values = realloc(s->values, count * sizeof(*values));
    if (values == NULL)
        return ERR_NO_MEMORY;
    s->values = values;
    s->values_cap = count;
    return ERR_OK;
}

static enum err on_event_row(struct src_session *s, const struct my_event *event, src_row_fn on_row,
                             void *arg, enum err *verdict, struct errmsg *em)
{
    enum err e = row_room(s, event->column_count);
    if (e == ERR_OK)
        e = my_text_row_parse(event->row, event->column_count, s->values);
    if (e != ERR_OK)
        return src_session_fail(s, e == ERR_NO_MEMORY ? e : ERR_PROTOCOL,
                                "a row that does not fit its columns", em);
    struct src_row row = {event->column_count, event->columns, s->values};
    *verdict = on_row(arg, &row);
    return ERR_OK;
}

/* Reads one answer to its end. *verdict is what on_row said. */
static enum err read_answer(struct src_session *s, const char *what, src_row_fn on_row, void *arg,
                            enum err *verdict, struct errmsg *em)
{
    for (;;) {
        struct my_event event;
        TRY(src_session_step(s, &event, em));
        switch (event.kind) {
        case MY_EVENT_ROW:
            if (on_row != NULL && *verdict == ERR_OK)
                TRY(on_event_row(s, &event, on_row, arg, verdict, em));
            break;
        case MY_EVENT_COLUMNS:
            break;
        case MY_EVENT_OK:
        case MY_EVENT_END:
            if (!event.more)
                return ERR_OK;
            break;
        case MY_EVENT_ERROR:
            return src_session_refused(s, &event.error, what, em);
        case MY_EVENT_START_TLS:
        case MY_EVENT_READY:
        case MY_EVENT_PREPARED:
            return src_session_fail(s, ERR_BUG, "an unexpected event of a statement", em);
        }
    }
}

enum err src_query(struct src_session *s, struct slice sql, src_row_fn on_row, void *arg,
                   struct errmsg *em)
{
    char what[STATEMENT_TEXT_MAX + 4];
    if (s->dead)
        return errmsg_set(em, ERR_DISCONNECTED, "source %s: the connection is closed", s->peer);
    snprintf(what, sizeof(what), "%.*s%s",
             (int)(sql.len < STATEMENT_TEXT_MAX ? sql.len : STATEMENT_TEXT_MAX),
             (const char *)sql.ptr, sql.len > STATEMENT_TEXT_MAX ? "..." : "");
    src_session_begin(s);
    s->error_code = 0;
    enum err e = my_client_query(s->client, sql, &s->output);
    if (e != ERR_OK)
        return src_session_fail(s, e, "the statement cannot be sent", em);
    TRY(src_session_flush(s, em));
    enum err verdict = ERR_OK;
    TRY(read_answer(s, what, on_row, arg, &verdict, em));
    return verdict;
}

enum err src_execute(struct src_session *s, struct errmsg *em, const char *fmt, ...)
{
    char sql[1024];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(sql, sizeof(sql), fmt, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof(sql))
        return errmsg_set(em, ERR_BUG, "a statement of %d bytes is too long", n);
    return src_query(s, slice_of(sql, (size_t)n), NULL, NULL, em);
}

struct text_out {
    char *buf;
    size_t cap;
    bool rows;
    bool found;
    bool too_long;
};

static enum err take_text(void *arg, const struct src_row *row)
{
    struct text_out *out = arg;
    if (out->rows || row->count == 0)
        return ERR_OK;
    out->rows = true;
    const struct my_text_value *v = &row->values[0];
    if (v->text.len >= out->cap) {
        out->too_long = true;
        return ERR_OK;
    }
    out->found = !v->is_null;
    memcpy(out->buf, v->text.ptr, v->text.len);
    out->buf[v->text.len] = '\0';
    return ERR_OK;
}

enum err src_query_text(struct src_session *s, const char *sql, char *buf, size_t cap, bool *found,
                        struct errmsg *em)
{
    struct text_out out = {.buf = buf, .cap = cap};
    buf[0] = '\0';
    TRY(src_query(s, slice_str(sql), take_text, &out, em));
    if (out.too_long)
        return errmsg_set(em, ERR_TOO_LARGE, "source %s: %s: the answer is longer than %zu bytes",
                          s->peer, sql, cap - 1);
    if (found != NULL)
        *found = out.found;
    return ERR_OK;
}

static bool harmless(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr("_-.:,/+ $#@", c) != NULL);
}

/*
 * What a backslash or a quote means in a string depends on sql_mode; in a
 * literal of hexadecimal digits nothing can be misread.
 */
void src_quote(struct writer *w, struct slice text)
{
    static const char digits[] = "0123456789abcdef";
    size_t i = 0;
    while (i < text.len && harmless(text.ptr[i]))
        i++;
    if (i == text.len) {
        writer_u8(w, '\'');
        writer_slice_put(w, text);
        writer_u8(w, '\'');
        return;
    }
    writer_lit(w, "CONVERT(X'");
    for (i = 0; i < text.len; i++) {
        writer_u8(w, (uint8_t)digits[text.ptr[i] >> 4]);
        writer_u8(w, (uint8_t)digits[text.ptr[i] & 15]);
    }
    writer_lit(w, "' USING utf8mb4)");
}
