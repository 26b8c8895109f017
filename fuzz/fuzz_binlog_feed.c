/*
 * The packets of a dump. The first byte of the input seeds the sizes of
 * pieces and says whether there are checksums.
 *
 * Properties: items are the same whether all bytes are there at once or just
 * as many as were asked for; an event that is streamed gives its own bytes,
 * and leaves the feed where handing it out does.
 */
#include "binlog_fuzz.h"

#include "mysqlproto/binlog/feed.h"

struct pieces {
    uint32_t state;
};

static size_t piece(struct pieces *p, size_t max)
{
    p->state = p->state * 1664525 + 1013904223;
    size_t n = (p->state >> 24) % 40 + 1;
    return n < max ? n : max;
}

/* The item at *at of a private copy of the stream, given no more bytes than it asks for. */
static enum err next_slowly(struct binlog_feed *f, uint8_t *p, size_t len, struct binlog_item *item)
{
    size_t there = 0, need = 0;
    for (;;) {
        enum err e = binlog_feed_next(f, p, there, item, &need);
        if (e != ERR_NEED_INPUT)
            return e;
        CHECK(need > there);
        if (need > len)
            return ERR_NEED_INPUT;
        there = need;
    }
}

static void stream_like(struct binlog_feed *f, const uint8_t *p, size_t len,
                        const struct binlog_item *item, const struct binlog_feed *after,
                        struct pieces *pieces, bool checksum)
{
    struct binlog_format format;
    struct binlog_header h;
    struct slice got;
    binlog_format_init(&format, checksum);
    CHECK(binlog_feed_peek(f, p, len, &h, &got) == ERR_OK);
    CHECK(h.length == item->event.len);
    binlog_feed_stream_begin(f, &format, &h);
    size_t at = 0, seen = 0, used;
    for (bool last = false; !last;) {
        CHECK(at < len);
        enum err e = binlog_feed_stream(f, p + at, piece(pieces, len - at), &got, &used, &last);
        if (e != ERR_OK) {
            CHECK(e == ERR_BAD_CHECKSUM && checksum);
            return;
        }
        CHECK(seen + got.len <= item->event.len);
        CHECK(memcmp(item->event.ptr + seen, got.ptr, got.len) == 0);
        seen += got.len;
        at += used;
    }
    CHECK(at == item->used);
    CHECK(seen == item->event.len || (checksum && seen + 4 == item->event.len));
    CHECK(f->sequence == after->sequence);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct pieces pieces = {data[0]};
    struct slice all = own(data + 1, size - 1), copy = own(data + 1, size - 1);
    uint8_t *p = (uint8_t *)(uintptr_t)all.ptr, *q = (uint8_t *)(uintptr_t)copy.ptr;
    struct binlog_feed f;
    binlog_feed_init(&f, data[1 + (size > 4 ? 3 : 0)]);
    for (size_t at = 0;;) {
        struct binlog_feed slow = f, streamed = f;
        struct binlog_item a, b;
        size_t need, left = all.len - at;
        enum err e = binlog_feed_next(&f, p + at, left, &a, &need);
        CHECK(next_slowly(&slow, q + at, left, &b) == e);
        if (e != ERR_OK) {
            CHECK(e != ERR_NEED_INPUT || need > left);
            break;
        }
        CHECK(a.kind == b.kind && a.used == b.used && a.used <= left && a.used > 0);
        CHECK(f.sequence == slow.sequence);
        if (a.kind == BINLOG_ITEM_ERR)
            touch(a.text);
        if (a.kind == BINLOG_ITEM_EVENT) {
            CHECK(slice_eq(a.event, b.event));
            stream_like(&streamed, p + at, left, &a, &f, &pieces, data[0] & 1);
        }
        at += a.used;
    }
    disown(all);
    disown(copy);
    return 0;
}
