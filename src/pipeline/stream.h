/*
 * A replication stream as a row of events, whatever they came wrapped in.
 *
 * The bytes of a dump connection are received into frames of the pool; events
 * are handed out as slices of those frames. A compressed transaction is
 * unpacked piece by piece into frames of its own, and its inner events come
 * out as if they had been sent one by one. Where an event is too large for the
 * memory there is, only its head is shown, and the caller may let it pass.
 *
 * The stream knows where it is (file, offset) and what the events look like
 * (format); what they mean is its caller's business.
 *
 *   stream_open(); then stream_next() until ERR_NEED_INPUT or ERR_NO_ROOM, wait
 *   in the loop, again; stream_close() at the end or after a failure.
 *
 * Threads: the one that runs the loop.
 */
#pragma once

#include "base/frame.h"
#include "mysqlproto/binlog/feed.h"
#include "mysqlproto/binlog/payload.h"
#include "pipeline/position.h"
#include "source/dump.h"

struct stream_event {
    struct binlog_event ev;
    struct frame *frame; /* where it lies: ref it to keep slices */
    bool inner;          /* from inside a compressed transaction */
    bool head_only;      /* too large: ev.body holds its first bytes only */
};

struct stream {
    struct src_session *session;
    struct frame_pool *pool;
    struct binlog_feed feed;
    struct binlog_format format;
    struct frame *frame; /* being received into; NULL: none yet */
    size_t begin;        /* first byte that is not handed out */
    size_t end;          /* one past the last byte received */
    size_t large;        /* bytes from which an event is only shown by its head */
    char file[BINLOG_NAME_MAX];
    uint64_t offset;   /* behind the last event handed out */
    uint64_t bytes;    /* received so far */
    uint64_t heard_ms; /* monotonic; when bytes last came */
    bool passing;      /* an event too large is streaming past */
    struct binlog_payload *payload;
    bool unpacking;
    struct frame *inner_frame;
    size_t inner_begin;
    size_t inner_end;
    bool inner_ended; /* the decompressor has given all */
};

/* A session of its own at src, from where `o` says. s is valid for stream_close() in any case. */
NODISCARD enum err stream_open(struct stream *s, struct net_loop *loop,
                               const struct src_options *src, const struct src_server *sv,
                               const struct src_dump_options *o, struct frame_pool *pool,
                               struct errmsg *em);
void stream_close(struct stream *s);

/*
 * The next event. ERR_NEED_INPUT: none is there yet. ERR_NO_ROOM: the pool has
 * no frame; its wake function tells when. ERR_STOPPED: end of a dump that does
 * not block. Events handed out stay valid until the next call, longer if their
 * frame is referenced.
 */
NODISCARD enum err stream_next(struct stream *s, struct stream_event *out, struct errmsg *em);
