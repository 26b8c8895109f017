#include "mysqlproto/packet.h"

#include "base/reader.h"

#define KEEP_CAP (256 * 1024) /* a buffer up to this size is kept for the next packet */

void my_packet_reader_init(struct my_packet_reader *pr, size_t max)
{
    *pr = (struct my_packet_reader){0};
    writer_init(&pr->kept, max);
}

void my_packet_reader_fini(struct my_packet_reader *pr)
{
    writer_fini(&pr->kept);
}

bool my_packet_idle(const struct my_packet_reader *pr)
{
    return !pr->in_packet && pr->header_len == 0 && pr->piece_left == 0 &&
           (pr->handed_out || pr->kept.len == 0);
}

/* A header is complete: checks its number and notes the length. */
static enum err open_piece(struct my_packet_reader *pr, const uint8_t *header)
{
    if (header[3] != pr->sequence && !pr->any_sequence)
        return ERR_PROTOCOL;
    pr->sequence = (uint8_t)(header[3] + 1);
    pr->piece_left = load_le24(header);
    pr->in_packet = pr->piece_left == MY_PACKET_PIECE_MAX;
    return ERR_OK;
}

/* The common case: nothing gathered, and the whole packet lies in the input. */
static bool packet_in_place(struct my_packet_reader *pr, struct slice in)
{
    return my_packet_idle(pr) && in.len >= MY_PACKET_HEADER &&
           load_le24(in.ptr) != MY_PACKET_PIECE_MAX &&
           in.len - MY_PACKET_HEADER >= load_le24(in.ptr);
}

/* Gathers the header's bytes; true when it is complete. */
static bool take_header(struct my_packet_reader *pr, struct slice in, size_t *at)
{
    while (pr->header_len < MY_PACKET_HEADER) {
        if (*at == in.len)
            return false;
        pr->header[pr->header_len++] = in.ptr[(*at)++];
    }
    return true;
}

/* Copies piece after piece into the reader's buffer; ERR_OK at a packet's end. */
static enum err gather(struct my_packet_reader *pr, struct slice in, size_t *at)
{
    for (;;) {
        if (pr->piece_left == 0) {
            if (!take_header(pr, in, at))
                return ERR_NEED_INPUT;
            TRY(open_piece(pr, pr->header));
            if (pr->piece_left > pr->kept.max - pr->kept.len)
                return ERR_TOO_LARGE;
        }
        size_t n = in.len - *at < pr->piece_left ? in.len - *at : pr->piece_left;
        writer_put(&pr->kept, in.ptr + *at, n);
        if (pr->kept.err != ERR_OK)
            return pr->kept.err;
        *at += n;
        pr->piece_left -= (uint32_t)n;
        if (pr->piece_left > 0)
            return ERR_NEED_INPUT;
        pr->header_len = 0;
        if (!pr->in_packet)
            return ERR_OK;
    }
}

/* One huge packet must not pin its memory for the life of the connection. */
static void forget_packet(struct my_packet_reader *pr)
{
    size_t max = pr->kept.max;
    if (pr->kept.cap > KEEP_CAP) {
        writer_fini(&pr->kept);
        writer_init(&pr->kept, max);
    }
    writer_clear(&pr->kept);
    pr->handed_out = false;
}

enum err my_packet_next(struct my_packet_reader *pr, struct slice in, size_t *consumed,
                        struct slice *payload)
{
    *consumed = 0;
    if (packet_in_place(pr, in)) {
        if (load_le24(in.ptr) > pr->kept.max)
            return ERR_TOO_LARGE;
        TRY(open_piece(pr, in.ptr));
        *payload = slice_of(in.ptr + MY_PACKET_HEADER, pr->piece_left);
        *consumed = MY_PACKET_HEADER + pr->piece_left;
        pr->piece_left = 0;
        return ERR_OK;
    }
    if (pr->handed_out)
        forget_packet(pr);
    TRY(gather(pr, in, consumed));
    *payload = writer_slice(&pr->kept);
    pr->handed_out = true;
    return ERR_OK;
}

/* The pieces behind the first one move up, over their headers; at is the end of the last. */
static void join_pieces(uint8_t *p, size_t at)
{
    uint8_t *to = p + MY_PACKET_HEADER + MY_PACKET_PIECE_MAX;
    const uint8_t *from = to, *end = p + at;
    while (from < end) {
        size_t n = load_le24(from);
        memmove(to, from + MY_PACKET_HEADER, n);
        to += n;
        from += MY_PACKET_HEADER + n;
    }
}

enum err my_packet_in_place(struct my_packet_reader *pr, uint8_t *p, size_t len,
                            struct slice *payload, size_t *used, size_t *need)
{
    size_t at = 0, body = 0, n;
    uint8_t sequence = pr->sequence;
    if (!my_packet_idle(pr))
        return ERR_BUG;
    do {
        if (len - at < MY_PACKET_HEADER) {
            *need = at + MY_PACKET_HEADER;
            return ERR_NEED_INPUT;
        }
        n = load_le24(p + at);
        if (p[at + 3] != sequence && !pr->any_sequence)
            return ERR_PROTOCOL;
        sequence = (uint8_t)(p[at + 3] + 1);
        at += MY_PACKET_HEADER;
        if (len - at < n) {
            *need = at + n;
            return ERR_NEED_INPUT;
        }
        at += n;
        body += n;
    } while (n == MY_PACKET_PIECE_MAX);
    if (at > MY_PACKET_HEADER + body)
        join_pieces(p, at);
    pr->sequence = sequence;
    *payload = slice_of(p + MY_PACKET_HEADER, body);
    *used = at;
    return ERR_OK;
}

enum err my_packet_skip(struct my_packet_reader *pr, struct slice in, size_t *consumed)
{
    size_t at = 0;
    enum err e = ERR_OK;
    for (;;) {
        if (pr->piece_left == 0) {
            if (!take_header(pr, in, &at)) {
                e = ERR_NEED_INPUT;
                break;
            }
            e = open_piece(pr, pr->header);
            pr->header_len = 0;
            if (e != ERR_OK)
                break;
        }
        size_t n = in.len - at < pr->piece_left ? in.len - at : pr->piece_left;
        at += n;
        pr->piece_left -= (uint32_t)n;
        if (pr->piece_left > 0) {
            e = ERR_NEED_INPUT;
            break;
        }
        if (!pr->in_packet)
            break;
    }
    *consumed = at;
    return e;
}

size_t my_packet_begin(struct writer *w)
{
    size_t mark = w->len;
    writer_put(w, "\0\0\0\0", MY_PACKET_HEADER);
    return mark;
}

static void store_header(uint8_t *at, size_t n, uint8_t sequence)
{
    at[0] = (uint8_t)n;
    at[1] = (uint8_t)(n >> 8);
    at[2] = (uint8_t)(n >> 16);
    at[3] = sequence;
}

void my_packet_end(struct writer *w, size_t mark, uint8_t *sequence)
{
    if (w->err != ERR_OK)
        return;
    size_t left = w->len - mark - MY_PACKET_HEADER;
    size_t further = left / MY_PACKET_PIECE_MAX; /* pieces after the first one */
    if (!writer_reserve(w, further * MY_PACKET_HEADER))
        return;
    /* The last piece moves first, so that each byte is moved once. */
    uint8_t *first = w->base + mark;
    for (size_t i = further; i > 0; i--) {
        size_t from = MY_PACKET_HEADER + i * MY_PACKET_PIECE_MAX;
        size_t n = i == further ? left - i * MY_PACKET_PIECE_MAX : MY_PACKET_PIECE_MAX;
        uint8_t *to = first + from + i * MY_PACKET_HEADER;
        memmove(to, first + from, n);
        store_header(to - MY_PACKET_HEADER, n, (uint8_t)(*sequence + i));
    }
    store_header(first, further > 0 ? MY_PACKET_PIECE_MAX : left, *sequence);
    writer_advance(w, further * MY_PACKET_HEADER);
    *sequence = (uint8_t)(*sequence + further + 1);
}
