/*
 * Packet framing (mysqlproto/packet.h).
 *
 * The packets that come out do not depend on how the bytes arrive, nor on
 * whether they are read in place or passed over, and framed again they are the
 * bytes that went in. The last byte of the input is the size of the pieces.
 */
#include "base/writer.h"
#include "mysqlproto/packet.h"

#include <stdlib.h>

#define CHECK(ok)                                                                                  \
    do {                                                                                           \
        if (!(ok))                                                                                 \
            __builtin_trap();                                                                      \
    } while (0)
#define PACKET_MAX (1u << 20)

/* Frames each packet again into out; returns how the stream ended. */
static enum err unframe(struct slice in, size_t step, struct writer *out)
{
    struct my_packet_reader pr;
    enum err e = ERR_OK;
    my_packet_reader_init(&pr, PACKET_MAX);
    while (e == ERR_OK || (e == ERR_NEED_INPUT && in.len > 0)) {
        size_t used, n = in.len < step ? in.len : step;
        struct slice payload;
        uint8_t sequence = pr.sequence;
        bool idle = my_packet_idle(&pr);
        e = my_packet_next(&pr, slice_of(in.ptr, n), &used, &payload);
        CHECK(used <= n);
        CHECK(e != ERR_NEED_INPUT || used == n);
        in = slice_of(in.ptr + used, in.len - used);
        if (e == ERR_OK) {
            CHECK(my_packet_idle(&pr));
            if (idle)
                CHECK((uint8_t)(sequence + 1) == pr.sequence || payload.len >= MY_PACKET_PIECE_MAX);
            size_t mark = my_packet_begin(out);
            writer_slice_put(out, payload);
            uint8_t first = (uint8_t)(pr.sequence - 1);
            my_packet_end(out, mark, &first);
        }
    }
    my_packet_reader_fini(&pr);
    return e;
}

/* The same by my_packet_in_place(), on memory that is ours. */
static enum err unframe_in_place(struct slice in, struct writer *out)
{
    struct my_packet_reader pr;
    uint8_t *p = malloc(in.len + 1);
    size_t at = 0;
    enum err e;
    memcpy(p, in.ptr, in.len);
    my_packet_reader_init(&pr, PACKET_MAX);
    for (;;) {
        struct slice payload;
        size_t used, need;
        e = my_packet_in_place(&pr, p + at, in.len - at, &payload, &used, &need);
        if (e == ERR_NEED_INPUT)
            CHECK(need > in.len - at);
        if (e != ERR_OK)
            break;
        CHECK(used <= in.len - at && payload.ptr == p + at + MY_PACKET_HEADER);
        at += used;
        size_t mark = my_packet_begin(out);
        writer_slice_put(out, payload);
        uint8_t first = (uint8_t)(pr.sequence - 1);
        my_packet_end(out, mark, &first);
    }
    my_packet_reader_fini(&pr);
    free(p);
    return e;
}

/* How many bytes my_packet_skip() passes over packet by packet. */
static size_t skip(struct slice in, size_t step)
{
    struct my_packet_reader pr;
    size_t whole = 0, at = 0;
    enum err e = ERR_OK;
    my_packet_reader_init(&pr, PACKET_MAX);
    while (e == ERR_OK || (e == ERR_NEED_INPUT && at < in.len)) {
        size_t used, n = in.len - at < step ? in.len - at : step;
        e = my_packet_skip(&pr, slice_of(in.ptr + at, n), &used);
        CHECK(used <= n && (e != ERR_NEED_INPUT || used == n));
        at += used;
        if (e == ERR_OK) {
            CHECK(my_packet_idle(&pr));
            whole = at;
        }
    }
    my_packet_reader_fini(&pr);
    return whole;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct slice in = slice_of(data, size - 1);
    struct writer whole, pieces;
    writer_init(&whole, SIZE_MAX / 4);
    writer_init(&pieces, SIZE_MAX / 4);
    enum err a = unframe(in, SIZE_MAX, &whole);
    enum err b = unframe(in, (size_t)data[size - 1] + 1, &pieces);
    CHECK(a == b);
    CHECK(slice_eq(writer_slice(&whole), writer_slice(&pieces)));
    CHECK(whole.len <= in.len &&
          memcmp(whole.base != NULL ? whole.base : data, data, whole.len) == 0);
    size_t step = (size_t)data[size - 1] + 1;
    writer_clear(&pieces);
    if (a != ERR_TOO_LARGE) { /* the others have no largest packet */
        CHECK(unframe_in_place(in, &pieces) == a);
        CHECK(slice_eq(writer_slice(&whole), writer_slice(&pieces)));
        CHECK(skip(in, step) == whole.len && skip(in, SIZE_MAX) == whole.len);
    }
    writer_fini(&whole);
    writer_fini(&pieces);
    return 0;
}
