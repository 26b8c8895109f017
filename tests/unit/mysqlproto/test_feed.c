#include "mysqlproto/binlog/feed.h"

#include "binlog_build.h"

#define PIECE 0xFFFFFFu

static struct slice patterned(size_t n)
{
    uint8_t *p = keep(n);
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(i * 31 + (i >> 8));
    return slice_of(p, n);
}

/* The packets of one event, as the server cuts them. */
static void put_packets(struct writer *w, struct slice event, uint8_t *sequence)
{
    struct writer *payload = new_writer();
    writer_u8(payload, 0);
    writer_slice_put(payload, event);
    size_t at = 0, n;
    do {
        n = payload->len - at < PIECE ? payload->len - at : PIECE;
        writer_u24(w, (uint32_t)n);
        writer_u8(w, (*sequence)++);
        writer_put(w, payload->base + at, n);
        at += n;
    } while (n == PIECE);
    writer_fini(payload);
}

static struct slice short_event(unsigned n)
{
    return make_event(BINLOG_XID, 0, 100, patterned(n), true);
}

Test(feed, events_are_handed_out_in_place_one_after_the_other)
{
    struct writer *w = new_writer();
    uint8_t sequence = 1;
    for (unsigned i = 0; i < 600; i++) /* the sequence wraps twice */
        put_packets(w, short_event(i % 50), &sequence);
    struct binlog_feed f;
    binlog_feed_init(&f, 1);
    size_t at = 0, need;
    struct binlog_item item;
    for (unsigned i = 0; i < 600; i++) {
        cr_assert_eq(binlog_feed_next(&f, w->base + at, w->len - at, &item, &need), ERR_OK);
        cr_assert_eq(item.kind, BINLOG_ITEM_EVENT);
        cr_assert(slice_eq(item.event, short_event(i % 50)));
        cr_assert_eq(item.event.ptr, w->base + at + 5);
        at += item.used;
    }
    cr_expect_eq(at, w->len);
    cr_expect_eq(binlog_feed_next(&f, w->base + at, 0, &item, &need), ERR_NEED_INPUT);
    cr_expect_eq(need, 5);
}

Test(feed, an_incomplete_event_says_how_much_it_wants)
{
    struct writer *w = new_writer();
    uint8_t sequence = 1;
    put_packets(w, short_event(500), &sequence);
    struct binlog_feed f;
    binlog_feed_init(&f, 1);
    struct binlog_item item;
    for (size_t n = 0; n < w->len; n++) {
        size_t need = 0;
        cr_assert_eq(binlog_feed_next(&f, w->base, n, &item, &need), ERR_NEED_INPUT);
        cr_assert_eq(need, n < 5 ? 5 : n < 24 ? 24 : w->len);
    }
}

Test(feed, an_event_of_several_packets_is_joined_in_place)
{
    /* Around the border: payload of one full packet, one byte less, one more, and two full ones. */
    static const size_t payloads[] = {PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 5};
    for (unsigned i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        struct slice event = short_event((unsigned)(payloads[i] - 1 - 19 - 4));
        struct writer *w = new_writer();
        uint8_t sequence = 255;
        put_packets(w, event, &sequence);
        put_packets(w, short_event(9), &sequence);
        struct binlog_feed f;
        binlog_feed_init(&f, 255);
        struct binlog_item item;
        size_t need;
        cr_assert_eq(binlog_feed_next(&f, w->base, 24, &item, &need), ERR_NEED_INPUT);
        cr_assert_eq(need, payloads[i] + 4 * (payloads[i] / PIECE + 1));
        cr_assert_eq(binlog_feed_next(&f, w->base, w->len, &item, &need), ERR_OK);
        cr_assert(slice_eq(item.event, event));
        size_t at = item.used;
        cr_assert_eq(binlog_feed_next(&f, w->base + at, w->len - at, &item, &need), ERR_OK);
        cr_assert(slice_eq(item.event, short_event(9)));
        writer_fini(w);
    }
}

Test(feed, err_and_eof_packets_are_told_apart)
{
    struct binlog_feed f;
    struct binlog_item item;
    size_t need;
    struct writer *w = new_writer();
    writer_slice_put(w, hex("17 00 00 01 ff d4 04"));
    writer_lit(w, "#HY000file not found");
    binlog_feed_init(&f, 1);
    cr_assert_eq(binlog_feed_next(&f, w->base, 5, &item, &need), ERR_NEED_INPUT);
    cr_expect_eq(need, 27);
    cr_assert_eq(binlog_feed_next(&f, w->base, w->len, &item, &need), ERR_OK);
    cr_expect_eq(item.kind, BINLOG_ITEM_ERR);
    cr_expect_eq(item.code, 1236);
    EXPECT_SLICE(item.text, "file not found");
    cr_expect_eq(item.used, w->len);

    writer_clear(w);
    writer_slice_put(w, hex("05 00 00 01 fe 00 00 02 00"));
    binlog_feed_init(&f, 1);
    cr_assert_eq(binlog_feed_next(&f, w->base, w->len, &item, &need), ERR_OK);
    cr_expect_eq(item.kind, BINLOG_ITEM_EOF);
}

Test(feed, what_is_not_the_protocol_is_refused)
{
    static const struct {
        const char *bytes;
        enum err err;
    } cases[] = {
        {"14 00 00 02 00", ERR_PROTOCOL},                            /* sequence */
        {"00 00 00 01 00", ERR_PROTOCOL},                            /* empty packet */
        {"05 00 00 01 00", ERR_PROTOCOL},                            /* no room for a header */
        {"05 00 00 01 01 00 00 00 00", ERR_PROTOCOL},                /* status */
        {"0a 00 00 01 fe 00 00 00 00 00 00 00 00 00", ERR_PROTOCOL}, /* EOF that is too long */
        {"02 00 00 01 ff 00", ERR_PROTOCOL},                         /* ERR without a code */
        /* An event length of 18, of 20 where the packet has 19, of 2 GiB. */
        {"14 00 00 01 00 00000000 10 00000000 12000000 00000000 0000", ERR_PROTOCOL},
        {"14 00 00 01 00 00000000 10 00000000 14000000 00000000 0000", ERR_PROTOCOL},
        {"ff ff ff 01 00 00000000 10 00000000 00000080 00000000 0000", ERR_TOO_LARGE},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slice s = hex(cases[i].bytes);
        uint8_t buf[64];
        memcpy(buf, s.ptr, s.len);
        struct binlog_feed f;
        struct binlog_item item;
        size_t need;
        binlog_feed_init(&f, 1);
        cr_expect_eq(binlog_feed_next(&f, buf, s.len, &item, &need), cases[i].err, "case %u", i);
    }
}

Test(feed, a_packet_inside_an_event_must_be_the_next_of_it)
{
    struct writer *w = new_writer();
    uint8_t sequence = 1;
    put_packets(w, short_event(PIECE + 100), &sequence);
    size_t inner = 4 + PIECE; /* the second header */
    for (unsigned byte = 0; byte < 4; byte++) {
        w->base[inner + byte] ^= 1;
        struct binlog_feed f;
        struct binlog_item item;
        size_t need;
        binlog_feed_init(&f, 1);
        cr_expect_eq(binlog_feed_next(&f, w->base, w->len, &item, &need), ERR_PROTOCOL);
        w->base[inner + byte] ^= 1;
    }
}

Test(feed, peek_shows_the_header_and_what_is_there)
{
    struct slice event = short_event(500);
    struct writer *w = new_writer();
    uint8_t sequence = 1;
    put_packets(w, event, &sequence);
    put_packets(w, event, &sequence);
    struct binlog_feed f;
    struct binlog_header h;
    struct slice first;
    binlog_feed_init(&f, 1);
    cr_expect_eq(binlog_feed_peek(&f, w->base, 23, &h, &first), ERR_NEED_INPUT);
    cr_assert_eq(binlog_feed_peek(&f, w->base, 100, &h, &first), ERR_OK);
    cr_expect_eq(h.type, BINLOG_XID);
    cr_expect_eq(h.length, event.len);
    cr_expect(slice_eq(first, slice_of(event.ptr, 95)));
    cr_assert_eq(binlog_feed_peek(&f, w->base, w->len, &h, &first), ERR_OK);
    cr_expect(slice_eq(first, event));
}

/* Streams what lies in w, in chunks of the given size; returns what came out. */
static struct slice stream(struct binlog_feed *f, struct writer *w, size_t chunk, bool checksum,
                           enum err *e, size_t *consumed)
{
    struct binlog_format format;
    struct binlog_header h;
    struct slice piece;
    binlog_format_init(&format, checksum);
    *consumed = 0;
    *e = binlog_feed_peek(f, w->base, w->len, &h, &piece);
    binlog_feed_stream_begin(f, &format, &h);
    struct writer *out = new_writer();
    bool last = false;
    while (*e == ERR_OK && !last) {
        size_t n = w->len - *consumed < chunk ? w->len - *consumed : chunk;
        size_t used;
        *e = binlog_feed_stream(f, w->base + *consumed, n, &piece, &used, &last);
        if (*e == ERR_OK) {
            writer_slice_put(out, piece);
            *consumed += used;
        }
    }
    return writer_slice(out);
}

Test(feed, an_event_streams_past_in_pieces_of_any_size)
{
    static const size_t bodies[] = {
        0, 1, 100, PIECE - 24, PIECE - 23, 2 * PIECE - 24, 2 * PIECE + 77};
    static const size_t chunks[] = {1, 3, 24, 1000, 65536, SIZE_MAX};
    for (unsigned b = 0; b < sizeof bodies / sizeof *bodies; b++) {
        struct slice event = short_event((unsigned)bodies[b]);
        for (unsigned c = 0; c < sizeof chunks / sizeof *chunks; c++) {
            if (bodies[b] > 1000 && chunks[c] < 1000)
                continue;
            struct writer *w = new_writer();
            uint8_t sequence = 9;
            put_packets(w, event, &sequence);
            put_packets(w, short_event(7), &sequence);
            struct binlog_feed f;
            binlog_feed_init(&f, 9);
            enum err e;
            size_t used;
            struct slice got = stream(&f, w, chunks[c], true, &e, &used);
            cr_assert_eq(e, ERR_OK);
            cr_assert(slice_eq(got, slice_of(event.ptr, event.len - 4)));
            struct binlog_item item;
            size_t need;
            cr_assert_eq(binlog_feed_next(&f, w->base + used, w->len - used, &item, &need), ERR_OK);
            cr_assert(slice_eq(item.event, short_event(7)));
            writer_fini(w);
        }
    }
}

Test(feed, a_flipped_bit_in_an_event_that_streams_past_is_noticed)
{
    struct slice event = short_event(300);
    struct writer *w = new_writer();
    uint8_t sequence = 0;
    put_packets(w, event, &sequence);
    for (size_t i = 5; i < w->len; i += 7) {
        if (i >= 14 && i < 18)
            continue; /* the length: the packet does not fit it then */
        w->base[i] ^= 4;
        struct binlog_feed f;
        binlog_feed_init(&f, 0);
        enum err e;
        size_t used;
        (void)stream(&f, w, 50, true, &e, &used);
        cr_expect_eq(e, ERR_BAD_CHECKSUM, "byte %zu", i);
        w->base[i] ^= 4;
    }
}

Test(feed, without_checksums_an_event_streams_past_whole)
{
    struct slice event = make_event(BINLOG_XID, 0, 5, patterned(90), false);
    struct writer *w = new_writer();
    uint8_t sequence = 0;
    put_packets(w, event, &sequence);
    struct binlog_feed f;
    binlog_feed_init(&f, 0);
    enum err e;
    size_t used;
    struct slice got = stream(&f, w, 8, false, &e, &used);
    cr_assert_eq(e, ERR_OK);
    cr_expect(slice_eq(got, event));
    cr_expect_eq(used, w->len);
}
