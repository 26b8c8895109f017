#include "mysqlproto/binlog/feed.h"

#include "base/reader.h"

#include <libdeflate.h>

#define PACKET_HEADER 4u
#define PACKET_MAX    0xFFFFFFu /* of payload; a packet this long is continued in the next */
#define STATUS_EVENT  0x00
#define STATUS_EOF    0xFE
#define STATUS_ERR    0xFF
#define EOF_MAX       9u

void binlog_feed_init(struct binlog_feed *f, uint8_t sequence)
{
    *f = (struct binlog_feed){.sequence = sequence};
}

static bool sequence_wrong(const struct binlog_feed *f, uint8_t sequence, unsigned ahead)
{
    return !f->any_sequence && sequence != (uint8_t)(f->sequence + ahead);
}

static enum err want(size_t n, size_t *need)
{
    *need = n;
    return ERR_NEED_INPUT;
}

/*
 *     0  0xFF       1
 *     1  code       2
 *     3  '#' state  6   may be missing
 *     -  text
 */
static enum err err_packet(struct slice payload, struct binlog_item *out)
{
    if (payload.len < 3)
        return ERR_PROTOCOL;
    out->kind = BINLOG_ITEM_ERR;
    out->code = load_le16(payload.ptr + 1);
    size_t skip = payload.len >= 9 && payload.ptr[3] == '#' ? 9 : 3;
    out->text = slice_of(payload.ptr + skip, payload.len - skip);
    return ERR_OK;
}

/* Anything but an event: short, and always the last thing of a dump. */
static enum err other_packet(struct binlog_feed *f, const uint8_t *p, size_t len,
                             struct binlog_item *out, size_t *need)
{
    size_t payload = load_le24(p);
    if (payload == PACKET_MAX)
        return ERR_PROTOCOL;
    if (len < PACKET_HEADER + payload)
        return want(PACKET_HEADER + payload, need);
    *out = (struct binlog_item){.used = PACKET_HEADER + payload};
    if (p[4] == STATUS_ERR)
        TRY(err_packet(slice_of(p + PACKET_HEADER, payload), out));
    else if (p[4] == STATUS_EOF && payload < EOF_MAX)
        out->kind = BINLOG_ITEM_EOF;
    else
        return ERR_PROTOCOL;
    f->sequence++;
    return ERR_OK;
}

/*
 * The first packet of an event at p (BINLOG_FEED_HEAD bytes): its length and
 * that of its event must agree, since nothing but the event is in a packet.
 */
static enum err check_head(const uint8_t *p, uint32_t *event_len)
{
    uint32_t n = load_le32(p + PACKET_HEADER + 1 + 9);
    if (n < BINLOG_HEADER_LEN)
        return ERR_PROTOCOL;
    if (n > BINLOG_EVENT_MAX)
        return ERR_TOO_LARGE;
    uint32_t first = n + 1 < PACKET_MAX ? n + 1 : PACKET_MAX;
    if (load_le24(p) != first)
        return ERR_PROTOCOL;
    *event_len = n;
    return ERR_OK;
}

/* Squeezes the packet headers out of an event that came in several packets. */
static enum err join(const struct binlog_feed *f, uint8_t *p, size_t event_len, unsigned packets)
{
    size_t left = event_len + 1 - PACKET_MAX;
    uint8_t *to = p + PACKET_HEADER + PACKET_MAX;
    const uint8_t *from = to;
    for (unsigned i = 1; i < packets; i++) {
        size_t n = left < PACKET_MAX ? left : PACKET_MAX;
        if (load_le24(from) != n || sequence_wrong(f, from[3], i))
            return ERR_PROTOCOL;
        memmove(to, from + PACKET_HEADER, n);
        to += n;
        from += PACKET_HEADER + n;
        left -= n;
    }
    return ERR_OK;
}

static enum err long_event(struct binlog_feed *f, uint8_t *p, size_t len, uint32_t event_len,
                           struct binlog_item *out, size_t *need)
{
    size_t payload = (size_t)event_len + 1;
    unsigned packets = (unsigned)(payload / PACKET_MAX) + 1;
    size_t total = payload + PACKET_HEADER * packets;
    if (len < total)
        return want(total, need);
    TRY(join(f, p, event_len, packets));
    f->sequence = (uint8_t)(f->sequence + packets);
    *out = (struct binlog_item){.kind = BINLOG_ITEM_EVENT,
                                .used = total,
                                .event = slice_of(p + PACKET_HEADER + 1, event_len)};
    return ERR_OK;
}

enum err binlog_feed_next(struct binlog_feed *f, uint8_t *p, size_t len, struct binlog_item *out,
                          size_t *need)
{
    if (len < PACKET_HEADER + 1)
        return want(PACKET_HEADER + 1, need);
    uint32_t payload = load_le24(p);
    if (sequence_wrong(f, p[3], 0) || payload == 0)
        return ERR_PROTOCOL;
    if (p[4] != STATUS_EVENT)
        return other_packet(f, p, len, out, need);
    if (payload < 1 + BINLOG_HEADER_LEN)
        return ERR_PROTOCOL;
    if (len < BINLOG_FEED_HEAD)
        return want(BINLOG_FEED_HEAD, need);
    uint32_t event_len;
    TRY(check_head(p, &event_len));
    if (payload == PACKET_MAX)
        return long_event(f, p, len, event_len, out, need);
    if (len < PACKET_HEADER + payload)
        return want(PACKET_HEADER + payload, need);
    f->sequence++;
    out->kind = BINLOG_ITEM_EVENT;
    out->used = PACKET_HEADER + payload;
    out->event = slice_of(p + PACKET_HEADER + 1, event_len);
    return ERR_OK;
}

enum err binlog_feed_peek(const struct binlog_feed *f, const uint8_t *p, size_t len,
                          struct binlog_header *header, struct slice *first)
{
    if (len < BINLOG_FEED_HEAD)
        return ERR_NEED_INPUT;
    uint32_t event_len;
    if (sequence_wrong(f, p[3], 0) || p[4] != STATUS_EVENT ||
        load_le24(p) < 1 + BINLOG_HEADER_LEN || check_head(p, &event_len) != ERR_OK)
        return ERR_PROTOCOL;
    size_t in_packet = load_le24(p) - 1;
    size_t there = len - PACKET_HEADER - 1;
    binlog_header_parse(p + PACKET_HEADER + 1, header);
    *first = slice_of(p + PACKET_HEADER + 1, there < in_packet ? there : in_packet);
    return ERR_OK;
}

void binlog_feed_stream_begin(struct binlog_feed *f, const struct binlog_format *format,
                              const struct binlog_header *header)
{
    f->streaming = true;
    f->verify = format->checksum && header->length >= BINLOG_HEADER_LEN + BINLOG_CRC_LEN;
    f->stored_count = 0;
    f->packet_head_count = 0;
    f->packet_full = true; /* so that a packet header is what comes next */
    f->packet_left = 0;
    f->status_pending = true;
    f->event_left = header->length - (f->verify ? BINLOG_CRC_LEN : 0);
    f->crc = 0;
}

static uint32_t stored_left(const struct binlog_feed *f)
{
    return f->verify ? BINLOG_CRC_LEN - f->stored_count : 0;
}

/* Takes bytes of a packet header, which may come one by one. */
static enum err stream_packet_head(struct binlog_feed *f, struct slice *in)
{
    while (f->packet_head_count < PACKET_HEADER && in->len > 0) {
        f->packet_head[f->packet_head_count++] = *in->ptr++;
        in->len--;
    }
    if (f->packet_head_count < PACKET_HEADER)
        return ERR_OK;
    uint32_t left = f->status_pending + f->event_left + stored_left(f);
    uint32_t n = left < PACKET_MAX ? left : PACKET_MAX;
    if (load_le24(f->packet_head) != n || sequence_wrong(f, f->packet_head[3], 0))
        return ERR_PROTOCOL;
    f->sequence++;
    f->packet_head_count = 0;
    f->packet_left = n;
    f->packet_full = n == PACKET_MAX;
    return ERR_OK;
}

static struct slice stream_take(struct binlog_feed *f, struct slice *in, uint32_t max)
{
    size_t n = in->len < f->packet_left ? in->len : f->packet_left;
    if (n > max)
        n = max;
    struct slice s = slice_of(in->ptr, n);
    in->ptr += n;
    in->len -= n;
    f->packet_left -= (uint32_t)n;
    return s;
}

/* Bytes of a packet's payload: status, event, checksum, in this order. */
static enum err stream_payload(struct binlog_feed *f, struct slice *in, struct slice *piece)
{
    if (f->status_pending) {
        struct slice status = stream_take(f, in, 1);
        f->status_pending = false;
        return *status.ptr == STATUS_EVENT ? ERR_OK : ERR_PROTOCOL;
    }
    if (f->event_left > 0) {
        *piece = stream_take(f, in, f->event_left);
        f->event_left -= (uint32_t)piece->len;
        if (f->verify)
            f->crc = libdeflate_crc32(f->crc, piece->ptr, piece->len);
        return ERR_OK;
    }
    struct slice s = stream_take(f, in, stored_left(f));
    memcpy(f->stored + f->stored_count, s.ptr, s.len);
    f->stored_count = (uint8_t)(f->stored_count + s.len);
    return ERR_OK;
}

static bool stream_over(const struct binlog_feed *f)
{
    return f->packet_left == 0 && !f->packet_full;
}

enum err binlog_feed_stream(struct binlog_feed *f, const uint8_t *p, size_t len,
                            struct slice *piece, size_t *used, bool *last)
{
    if (!f->streaming)
        return ERR_BUG;
    if (len == 0)
        return ERR_NEED_INPUT;
    struct slice in = {p, len};
    struct slice got = SLICE_LIT("");
    while (!stream_over(f) && in.len > 0) {
        if (f->packet_left == 0)
            TRY(stream_packet_head(f, &in));
        else if (got.len > 0 && f->event_left > 0)
            break; /* one piece a call */
        else
            TRY(stream_payload(f, &in, &got));
    }
    if (stream_over(f)) {
        f->streaming = false;
        if (f->verify && f->crc != load_le32(f->stored))
            return ERR_BAD_CHECKSUM;
    }
    *piece = got;
    *used = (size_t)(in.ptr - p);
    *last = !f->streaming;
    return ERR_OK;
}
