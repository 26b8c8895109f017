#include "pipeline/stream.h"

#include "base/clock.h"
#include "mysqlproto/binlog/control.h"

#include <stdio.h>
#include <string.h>

#define TAIL_MIN       (8u << 10) /* less room than this at a frame's end: take a new frame */
#define PAYLOAD_WINDOW (8u << 20)
#define HEAD_MIN       (BINLOG_FEED_HEAD + 64) /* holds a table id, or the fields before a payload */

enum err stream_open(struct stream *s, struct net_loop *loop, const struct src_options *src,
                     const struct src_server *sv, const struct src_dump_options *o,
                     struct frame_pool *pool, struct errmsg *em)
{
    *s = (struct stream){.pool = pool, .large = frame_pool_budget(pool)};
    /* Room is left for the frame at hand and one more, so that a large event can always be had. */
    size_t spare = 2 * frame_pool_size(pool) + TAIL_MIN;
    s->large = s->large > 2 * spare ? s->large - spare : s->large / 2;
    TRY(src_session_open(loop, src, &s->session, em));
    TRY(src_dump_start(s->session, sv, o, em));
    binlog_feed_init(&s->feed, 1);
    s->feed.any_sequence = src->compression != SRC_PLAIN; /* servers number those packets anew */
    binlog_format_init(&s->format, strcmp(o->checksum, "CRC32") == 0);
    s->heard_ms = clock_mono_ms();
    return ERR_OK;
}

void stream_close(struct stream *s)
{
    if (s->frame != NULL)
        frame_unref(s->frame);
    if (s->inner_frame != NULL)
        frame_unref(s->inner_frame);
    binlog_payload_free(s->payload);
    src_session_close(s->session);
    *s = (struct stream){0};
}

/* Moves the unread bytes into another frame, which becomes the one at hand. */
static void move_into(struct frame *to, struct frame **frame, size_t *begin, size_t *end)
{
    struct frame *f = *frame;
    if (f != NULL) {
        memcpy(to->data, f->data + *begin, *end - *begin);
        frame_unref(f);
    }
    *end -= *begin;
    *begin = 0;
    *frame = to;
}

/*
 * A large frame is let go of once it is not needed any more, since the memory
 * of its row is wanted for the row's message; and before the next large one is
 * asked for, because the pool may not have room for two. Its few unread bytes
 * wait in a standard one.
 */
static enum err leave_large(struct frame_pool *pool, struct frame **frame, size_t *begin,
                            size_t *end)
{
    size_t standard = frame_pool_size(pool);
    if (*frame == NULL || (*frame)->cap <= standard || *end - *begin > standard)
        return ERR_OK;
    struct frame *small = frame_get(pool, 0);
    if (small == NULL)
        return ERR_NO_ROOM;
    move_into(small, frame, begin, end);
    return ERR_OK;
}

/* Makes the frame at *frame hold `need` bytes from *begin on, moving what is there into a new one.
 */
static enum err make_room(struct frame_pool *pool, struct frame **frame, size_t *begin, size_t *end,
                          size_t need)
{
    bool large = need + TAIL_MIN > frame_pool_size(pool);
    if (!large)
        (void)leave_large(pool, frame, begin, end); /* no room: it is used as it is */
    struct frame *f = *frame;
    if (f != NULL && *begin == *end && atomic_load(&f->refs) == 1)
        *begin = *end = 0; /* nobody else has a share in it */
    if (f != NULL && f->cap - *begin >= need && f->cap - *end >= TAIL_MIN)
        return ERR_OK;
    if (f != NULL && f->cap - *begin >= need && need > *end - *begin &&
        need - (*end - *begin) > TAIL_MIN / 2)
        return ERR_OK;
    if (large)
        TRY(leave_large(pool, frame, begin, end));
    struct frame *fresh = frame_get(pool, large ? need + TAIL_MIN : 0);
    if (fresh == NULL)
        return ERR_NO_ROOM;
    move_into(fresh, frame, begin, end);
    return ERR_OK;
}

static enum err receive(struct stream *s, size_t need, struct errmsg *em)
{
    TRY(make_room(s->pool, &s->frame, &s->begin, &s->end, need));
    size_t n = 0, room = s->frame->cap - s->end, have = s->end - s->begin;
    /* A large frame holds the event that it is for and no others, which would keep it alive. */
    if (s->frame->cap > frame_pool_size(s->pool) && need > have)
        room = need - have;
    TRY(src_dump_read(s->session, s->frame->data + s->end, room, &n, em));
    s->end += n;
    s->bytes += n;
    s->heard_ms = clock_mono_ms();
    return ERR_OK;
}

static bool contains(struct slice text, const char *words)
{
    return memmem(text.ptr, text.len, words, strlen(words)) != NULL;
}

/*
 * What the server says instead of an event. 1236 (ER_MASTER_FATAL_ERROR_READING_BINLOG)
 * is about history, but for the stream that is ended since another replica has
 * come with our id.
 */
static enum err refused(const struct stream *s, const struct binlog_item *item, struct errmsg *em)
{
    enum err e = ERR_DISCONNECTED;
    const char *hint = "";
    if (contains(item->text, "same server_uuid") || contains(item->text, "same server_id"))
        hint = "; is this task running twice, or source.server_id in use elsewhere?";
    else if (item->code == 1236)
        e = ERR_HISTORY;
    if (s->file[0] == 0)
        return errmsg_set(em, e, "the source refuses the replication stream: %.*s (%u)%s",
                          SLICE_ARG(item->text), item->code, hint);
    return errmsg_set(em, e, "the source ended the replication stream at %s:%llu: %.*s (%u)%s",
                      s->file, (unsigned long long)s->offset, SLICE_ARG(item->text), item->code,
                      hint);
}

static void note_place(struct stream *s, const struct binlog_event *ev)
{
    s->offset = binlog_offset_after(s->offset, &ev->header);
}

/* Shows the head of an event that is too large to be kept. */
static enum err show_head(struct stream *s, struct stream_event *out)
{
    struct binlog_header header;
    struct slice first;
    TRY(binlog_feed_peek(&s->feed, s->frame->data + s->begin, s->end - s->begin, &header, &first));
    binlog_feed_stream_begin(&s->feed, &s->format, &header);
    s->passing = true;
    *out = (struct stream_event){
        .ev = {.header = header,
               .body = slice_of(first.ptr + BINLOG_HEADER_LEN, first.len - BINLOG_HEADER_LEN)},
        .frame = s->frame,
        .head_only = true,
    };
    note_place(s, &out->ev);
    return ERR_OK;
}

/* The next piece of the event that streams past. *last: it is over, and its checksum was right. */
static enum err pass_piece(struct stream *s, struct slice *piece, bool *last, struct errmsg *em)
{
    if (s->begin == s->end)
        TRY(receive(s, 1, em));
    size_t used = 0;
    TRY(binlog_feed_stream(&s->feed, s->frame->data + s->begin, s->end - s->begin, piece, &used,
                           last));
    s->begin += used;
    s->passing = !*last;
    return ERR_OK;
}

static enum err pass_by(struct stream *s, struct errmsg *em)
{
    while (s->passing) {
        struct slice piece;
        bool last = false;
        TRY(pass_piece(s, &piece, &last, em));
    }
    return ERR_OK;
}

static enum err begin_unpacking(struct stream *s, struct slice start, size_t body_len)
{
    if (s->payload == NULL)
        TRY(binlog_payload_new(PAYLOAD_WINDOW, &s->payload));
    TRY(binlog_payload_begin(s->payload, start, body_len));
    s->unpacking = true;
    s->inner_ended = false;
    return ERR_OK;
}

/* More unpacked bytes behind inner_end; ERR_OK with inner_ended at the end of the payload. */
static enum err unpack(struct stream *s, size_t need, struct errmsg *em)
{
    TRY(make_room(s->pool, &s->inner_frame, &s->inner_begin, &s->inner_end, need));
    size_t room = s->inner_frame->cap - s->inner_end;
    for (;;) {
        size_t n = 0;
        enum err e = binlog_payload_read(s->payload, s->inner_frame->data + s->inner_end, room, &n);
        s->inner_end += n;
        if (e == ERR_OK)
            s->inner_ended = n < room;
        if (e != ERR_NEED_INPUT || n > 0)
            return e == ERR_NEED_INPUT ? ERR_OK : e;
        /* The payload streams past: feed the next piece of it. */
        if (!s->passing)
            return ERR_TRUNCATED;
        struct slice piece;
        bool last = false;
        TRY(pass_piece(s, &piece, &last, em));
        TRY(binlog_payload_input(s->payload, piece));
    }
}

static void end_unpacking(struct stream *s)
{
    s->unpacking = false;
    if (s->inner_frame != NULL)
        frame_unref(s->inner_frame);
    s->inner_frame = NULL;
    s->inner_begin = s->inner_end = 0;
}

static enum err next_inner(struct stream *s, struct stream_event *out, struct errmsg *em)
{
    for (;;) {
        struct slice raw;
        size_t have = s->inner_end - s->inner_begin;
        size_t need = BINLOG_HEADER_LEN;
        enum err e =
            have == 0 ? ERR_NEED_INPUT
                      : binlog_run_next(s->inner_frame->data + s->inner_begin, have, &raw, &need);
        if (e == ERR_OK) {
            s->inner_begin += raw.len;
            *out = (struct stream_event){.frame = s->inner_frame, .inner = true};
            return binlog_event_parse_inner(raw, &out->ev);
        }
        if (e != ERR_NEED_INPUT)
            return e;
        if (s->inner_ended) {
            if (have > 0)
                return ERR_TRUNCATED;
            end_unpacking(s);
            return ERR_OK;
        }
        if (need > s->large)
            return errmsg_set(
                em, ERR_TOO_LARGE,
                "a compressed transaction at %s:%llu holds an event of %zu bytes, more "
                "than the memory for received data (%zu bytes): raise limits.memory",
                s->file, (unsigned long long)s->offset, need, s->large);
        TRY(unpack(s, need, em));
    }
}

/* An event in one piece: its envelope, and what the stream itself has to know of it. */
static enum err take_event(struct stream *s, struct slice raw, struct stream_event *out)
{
    *out = (struct stream_event){.frame = s->frame};
    TRY(binlog_event_parse(&s->format, raw, &out->ev));
    note_place(s, &out->ev);
    if (out->ev.header.type == BINLOG_FORMAT_DESCRIPTION)
        TRY(binlog_format_parse(&out->ev, &s->format));
    return ERR_OK;
}

/* Lets go of a frame that was made for one large event, once that is handed out. */
static void drop_large_frame(struct stream *s)
{
    if (s->frame == NULL || s->begin != s->end || s->frame->cap <= frame_pool_size(s->pool))
        return;
    frame_unref(s->frame);
    s->frame = NULL;
    s->begin = s->end = 0;
}

static enum err next_outer(struct stream *s, struct stream_event *out, struct errmsg *em)
{
    struct binlog_item item;
    drop_large_frame(s);
    size_t need = BINLOG_FEED_HEAD;
    for (;;) {
        size_t have = s->end - s->begin;
        enum err e =
            have == 0 ? ERR_NEED_INPUT
                      : binlog_feed_next(&s->feed, s->frame->data + s->begin, have, &item, &need);
        if (e == ERR_OK)
            break;
        if (e != ERR_NEED_INPUT)
            return e;
        if (need > s->large) {
            if (have >= HEAD_MIN)
                return show_head(s, out);
            need = HEAD_MIN;
        }
        TRY(receive(s, need, em));
        need = BINLOG_FEED_HEAD;
    }
    s->begin += item.used;
    if (item.kind == BINLOG_ITEM_EOF)
        return ERR_STOPPED;
    if (item.kind == BINLOG_ITEM_ERR)
        return refused(s, &item, em);
    return take_event(s, item.event, out);
}

/* ROTATE tells where the events that follow lie. */
static enum err follow_rotate(struct stream *s, const struct binlog_event *ev)
{
    struct binlog_rotate rotate;
    TRY(binlog_rotate_parse(&s->format, ev->body, &rotate));
    if (rotate.file.len >= sizeof(s->file))
        return ERR_MALFORMED;
    memcpy(s->file, rotate.file.ptr, rotate.file.len);
    s->file[rotate.file.len] = 0;
    s->offset = rotate.position;
    return ERR_OK;
}

enum err stream_next(struct stream *s, struct stream_event *out, struct errmsg *em)
{
    for (;;) {
        if (s->unpacking) {
            TRY(next_inner(s, out, em));
            if (s->unpacking)
                return ERR_OK;
        }
        if (s->passing)
            TRY(pass_by(s, em));
        TRY(next_outer(s, out, em));
        uint8_t type = out->ev.header.type;
        if (type == BINLOG_ROTATE && !out->head_only)
            return follow_rotate(s, &out->ev);
        if (type != BINLOG_TRANSACTION_PAYLOAD)
            return ERR_OK;
        if (!out->head_only) {
            TRY(begin_unpacking(s, out->ev.body, out->ev.body.len));
            continue;
        }
        /* Too large to be kept whole: its compressed bytes go through the decompressor as they
         * come. */
        size_t body_len =
            out->ev.header.length - BINLOG_HEADER_LEN - (s->format.checksum ? BINLOG_CRC_LEN : 0);
        struct slice piece = SLICE_LIT("");
        bool last = false;
        TRY(pass_piece(s, &piece, &last, em));
        if (piece.len < BINLOG_HEADER_LEN)
            return ERR_TRUNCATED;
        TRY(begin_unpacking(
            s, slice_of(piece.ptr + BINLOG_HEADER_LEN, piece.len - BINLOG_HEADER_LEN), body_len));
    }
}
