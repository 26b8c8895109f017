/*
 * How rows come in.
 *
 * Bytes are received into the current frame. A packet that begins with 0x00
 * while rows come is a row and goes to the sink as it lies there; every other
 * one goes to the client machine. When the frame is full, the packet that is
 * there in part moves to the front of the next one.
 *
 * Rows that nobody wants (the sink has failed, or there is none) are passed
 * over packet by packet in the session's own buffer.
 */
#include "source/prepared_int.h"

#include "base/clock.h"
#include "base/frame.h"
#include "base/reader.h"
#include "mysqlproto/packet.h"

#include <stdatomic.h>

#define TAIL_MIN   4096 /* the end of a frame that is not worth a call to the kernel */
#define LARGE_HEAD 1024 /* so much of a large row is waited for */
#define PEEK       (MY_PACKET_HEADER + 1)

void stmt_drop_frame(struct src_stmt *st)
{
    if (st->frame != NULL)
        frame_unref(st->frame);
    st->frame = NULL;
    st->buf = NULL;
    st->cap = st->at = st->end = 0;
    st->passing = false;
}

static bool unwanted(const struct src_stmt *st)
{
    return st->verdict != ERR_OK || st->sink.row == NULL || st->sink.frame == NULL;
}

static enum err refuse(struct src_stmt *st, const char *why, struct errmsg *em)
{
    return src_session_fail(st->session, ERR_PROTOCOL, why, em);
}

/* ---- room ---- */

static void move_to(struct src_stmt *st, uint8_t *buf, size_t cap, struct frame *frame)
{
    size_t rest = st->end - st->at;
    if (rest > 0)
        memmove(buf, st->buf + st->at, rest);
    if (st->frame != NULL && st->frame != frame)
        frame_unref(st->frame);
    st->frame = frame;
    st->buf = buf;
    st->cap = cap;
    st->at = 0;
    st->end = rest;
}

/* Nobody but us counts on the frame: its bytes may be written over. */
static bool sole_owner(const struct src_stmt *st)
{
    return st->frame != NULL && atomic_load_explicit(&st->frame->refs, memory_order_acquire) == 1;
}

/*
 * Makes room to receive, and so that need bytes fit from the packet at hand on.
 * Where the sink fails, rows have become unwanted and nothing else has changed.
 */
static enum err make_room(struct src_stmt *st, size_t need, struct errmsg *em)
{
    struct src_session *s = st->session;
    size_t rest = st->end - st->at;
    if (unwanted(st)) { /* and passed over, so that next to nothing is left */
        if (rest > SESSION_INPUT)
            return src_session_fail(s, ERR_BUG, "rows that were not passed over", em);
        move_to(st, s->input, SESSION_INPUT, NULL);
        return ERR_OK;
    }
    if (st->frame != NULL && st->at + need <= st->cap && st->cap - st->end >= TAIL_MIN)
        return ERR_OK;
    if (sole_owner(st) && need + TAIL_MIN <= st->cap) {
        move_to(st, st->frame->data, st->cap, st->frame);
        return ERR_OK;
    }
    struct frame *frame;
    enum err e = st->sink.frame(st->sink.arg, need + TAIL_MIN, &frame);
    if (e == ERR_NEED_INPUT)
        return ERR_NO_ROOM;
    if (e != ERR_OK) {
        st->verdict = e;
        return ERR_OK;
    }
    move_to(st, frame->data, frame->cap, frame);
    return ERR_OK;
}

/* ---- rows ---- */

static enum err sink_says(struct src_stmt *st, enum err e)
{
    if (e != ERR_OK)
        st->verdict = e;
    return ERR_OK;
}

/* A row that is over the limit: its beginning is shown, the rest is passed over. */
static enum err large_row(struct src_stmt *st, size_t *need, struct errmsg *em)
{
    size_t len = st->end - st->at;
    if (len < MY_PACKET_HEADER + LARGE_HEAD) {
        *need = MY_PACKET_HEADER + LARGE_HEAD;
        return ERR_NEED_INPUT;
    }
    size_t piece = load_le24(st->buf + st->at);
    size_t head = len - MY_PACKET_HEADER < piece ? len - MY_PACKET_HEADER : piece;
    st->passing = true;
    if (st->sink.large == NULL) {
        st->verdict = ERR_TOO_LARGE;
        errmsg_set(em, ERR_TOO_LARGE, "source %s: %s: a row has more than %zu bytes",
                   st->session->peer, st->what, st->sink.row_max);
        return ERR_OK;
    }
    struct slice bytes = slice_of(st->buf + st->at + MY_PACKET_HEADER, head);
    return sink_says(st, st->sink.large(st->sink.arg, bytes, st->frame));
}

/* The row packet at hand. ERR_NEED_INPUT: *need bytes of it are wanted. */
static enum err take_row(struct src_stmt *st, struct my_packet_reader *packets, size_t *need,
                         struct errmsg *em)
{
    struct slice row;
    size_t used;
    if (unwanted(st)) {
        st->passing = true;
        return ERR_OK;
    }
    enum err e = my_packet_in_place(packets, st->buf + st->at, st->end - st->at, &row, &used, need);
    if (e == ERR_NEED_INPUT && *need > st->sink.row_max && *need > MY_PACKET_HEADER + LARGE_HEAD)
        return large_row(st, need, em);
    if (e == ERR_PROTOCOL)
        return refuse(st, "a packet with a wrong sequence number", em);
    TRY(e);
    st->at += used;
    st->bytes += row.len;
    if (row.len > st->sink.row_max && st->sink.large != NULL)
        return sink_says(st, st->sink.large(st->sink.arg, row, st->frame));
    return sink_says(st, st->sink.row(st->sink.arg, row, st->frame));
}

/* The rest of the packet that nobody wants, as far as it has come. */
static enum err pass_packet(struct src_stmt *st, struct errmsg *em)
{
    size_t n;
    enum err e = my_packet_skip(my_client_packets(st->session->client),
                                slice_of(st->buf + st->at, st->end - st->at), &n);
    st->at += n;
    if (e == ERR_PROTOCOL)
        return refuse(st, "a packet with a wrong sequence number", em);
    st->passing = e == ERR_NEED_INPUT;
    return e;
}

/* Row after row as long as they lie whole in the buffer. ERR_OK: something else comes. */
static enum err take_rows(struct src_stmt *st, size_t *need, struct errmsg *em)
{
    for (;;) {
        if (st->passing)
            TRY(pass_packet(st, em));
        struct my_packet_reader *packets = my_client_rows(st->session->client);
        if (packets == NULL)
            return ERR_OK;
        const uint8_t *p = st->buf + st->at;
        if (st->end - st->at < PEEK) {
            *need = PEEK;
            return ERR_NEED_INPUT;
        }
        if (p[MY_PACKET_HEADER] != 0x00 || load_le24(p) == 0)
            return ERR_OK;
        TRY(take_row(st, packets, need, em));
    }
}

/* ---- everything else ---- */

/* One step of the client machine. *over: the result has come to its end. */
static enum err take_event(struct src_stmt *st, bool *over, struct errmsg *em)
{
    struct src_session *s = st->session;
    struct my_event event;
    size_t used;
    enum err e = my_client_step(s->client, slice_of(st->buf + st->at, st->end - st->at), &used,
                                &s->output, &event);
    st->at += used;
    if (e == ERR_NEED_INPUT)
        return e;
    if (e != ERR_OK)
        return src_session_fail(s, e, my_client_errmsg(s->client)->text, em);
    switch (event.kind) {
    case MY_EVENT_COLUMNS:
        if (st->sink.columns == NULL || unwanted(st))
            return ERR_OK;
        return sink_says(st, st->sink.columns(st->sink.arg, event.columns, event.column_count));
    case MY_EVENT_OK:
    case MY_EVENT_END:
        *over = !event.more;
        return ERR_OK;
    case MY_EVENT_ERROR:
        return src_session_refused(s, &event.error, st->what, em);
    case MY_EVENT_ROW:
    case MY_EVENT_START_TLS:
    case MY_EVENT_READY:
    case MY_EVENT_PREPARED:
        break;
    }
    return src_session_fail(s, ERR_BUG, "an unexpected event of a statement", em);
}

/* All that is in the buffer. ERR_OK: the result is over. */
static enum err take_buffer(struct src_stmt *st, size_t *need, struct errmsg *em)
{
    bool over = false;
    while (!over) {
        *need = 1;
        TRY(take_rows(st, need, em));
        TRY(take_event(st, &over, em));
    }
    return st->at == st->end ? ERR_OK : refuse(st, "bytes behind an answer", em);
}

static enum err receive(struct src_stmt *st, struct errmsg *em)
{
    struct src_session *s = st->session;
    size_t n;
    enum err e = src_session_receive(s, st->buf + st->end, st->cap - st->end, &n);
    if (e == ERR_OK) {
        st->end += n;
        st->received += n;
        return e;
    }
    if (e == ERR_NEED_INPUT)
        return e;
    const char *why = net_conn_errmsg(s->conn);
    return src_session_fail(s, e, why[0] != '\0' ? why : err_text(e), em);
}

enum err stmt_take(struct src_stmt *st, struct errmsg *em)
{
    for (;;) {
        size_t need;
        enum err e = take_buffer(st, &need, em);
        if (e != ERR_NEED_INPUT)
            return e;
        bool wanted = !unwanted(st);
        TRY(make_room(st, need, em));
        if (wanted && unwanted(st))
            continue;
        TRY(receive(st, em));
    }
}
