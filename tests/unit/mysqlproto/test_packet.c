#include "mysqlproto/packet.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define MAX (64u << 20)

static uint8_t pattern(size_t i)
{
    return (uint8_t)(i * 7 + i / 251);
}

/* One packet of n pattern bytes, framed. */
static void write_packet(struct writer *w, size_t n, uint8_t *sequence)
{
    size_t mark = my_packet_begin(w);
    cr_assert(writer_reserve(w, n));
    for (size_t i = 0; i < n; i++)
        writer_tail(w)[i] = pattern(i);
    writer_advance(w, n);
    my_packet_end(w, mark, sequence);
    cr_assert_eq(w->err, ERR_OK);
}

static void expect_pattern(struct slice p, size_t n)
{
    cr_assert_eq(p.len, n);
    for (size_t i = 0; i<n; i += n> 100000 ? 997 : 1)
        cr_assert_eq(p.ptr[i], pattern(i), "byte %zu", i);
    if (n > 0)
        cr_assert_eq(p.ptr[n - 1], pattern(n - 1));
}

/* Feeds in by pieces of at most step bytes; the packet's length, or an error. */
static enum err feed(struct my_packet_reader *pr, struct slice in, size_t step, size_t *used,
                     struct slice *payload)
{
    size_t at = 0;
    for (;;) {
        size_t n, left = in.len - at < step ? in.len - at : step;
        enum err e = my_packet_next(pr, slice_of(in.ptr + at, left), &n, payload);
        cr_assert_leq(n, left);
        at += n;
        *used = at;
        if (e != ERR_NEED_INPUT)
            return e;
        cr_assert_eq(n, left, "ERR_NEED_INPUT takes everything");
        if (at == in.len)
            return e;
    }
}

static void round_trip(size_t n, size_t step)
{
    struct my_packet_reader pr;
    struct writer w;
    struct slice payload;
    uint8_t sequence = 0;
    size_t used;
    my_packet_reader_init(&pr, MAX);
    writer_init(&w, MAX);
    write_packet(&w, n, &sequence);
    cr_assert_eq(w.len, n + 4 * (1 + n / MY_PACKET_PIECE_MAX));
    cr_assert_eq(sequence, 1 + n / MY_PACKET_PIECE_MAX);
    cr_assert_eq(feed(&pr, writer_slice(&w), step, &used, &payload), ERR_OK);
    cr_assert_eq(used, w.len);
    expect_pattern(payload, n);
    cr_assert(my_packet_idle(&pr));
    my_packet_reader_fini(&pr);
    writer_fini(&w);
}

Test(packet, a_packet_comes_out_as_it_went_in)
{
    static const size_t sizes[] = {0, 1, 2, 250, 4096, 70000};
    static const size_t steps[] = {1, 2, 3, 5, 4096, SIZE_MAX};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (size_t j = 0; j < sizeof(steps) / sizeof(steps[0]); j++)
            round_trip(sizes[i], steps[j]);
}

Test(packet, long_packets_are_cut_into_pieces_and_put_together)
{
    round_trip(MY_PACKET_PIECE_MAX - 1, SIZE_MAX);
    round_trip(MY_PACKET_PIECE_MAX, SIZE_MAX);
    round_trip(MY_PACKET_PIECE_MAX + 1, 65536);
    round_trip(2 * (size_t)MY_PACKET_PIECE_MAX, 1000003);
    round_trip(2 * (size_t)MY_PACKET_PIECE_MAX + 5, SIZE_MAX);
}

Test(packet, a_whole_packet_is_handed_out_in_place)
{
    struct my_packet_reader pr;
    struct slice in = SLICE_LIT("\x03\0\0\0abc"), payload;
    size_t n;
    my_packet_reader_init(&pr, MAX);
    cr_assert_eq(my_packet_next(&pr, in, &n, &payload), ERR_OK);
    cr_assert_eq(payload.ptr, in.ptr + 4);
    my_packet_reader_fini(&pr);
}

Test(packet, packets_behind_each_other_come_one_by_one)
{
    struct my_packet_reader pr;
    struct slice in = SLICE_LIT("\x01\0\0\0a\x00\0\0\x01\x02\0\0\x02"
                                "bc"),
                 payload;
    size_t n;
    my_packet_reader_init(&pr, MAX);
    cr_assert_eq(my_packet_next(&pr, in, &n, &payload), ERR_OK);
    cr_assert_eq(n, 5);
    in = slice_of(in.ptr + n, in.len - n);
    cr_assert_eq(my_packet_next(&pr, in, &n, &payload), ERR_OK);
    cr_assert_eq(payload.len, 0);
    in = slice_of(in.ptr + n, in.len - n);
    cr_assert_eq(my_packet_next(&pr, in, &n, &payload), ERR_OK);
    cr_assert(slice_eq(payload, SLICE_LIT("bc")));
    my_packet_reader_fini(&pr);
}

Test(packet, a_gathered_packet_is_forgotten_by_the_next_one)
{
    struct my_packet_reader pr;
    struct slice payload;
    size_t used;
    my_packet_reader_init(&pr, MAX);
    cr_assert_eq(feed(&pr, SLICE_LIT("\x03\0\0\0abc"), 2, &used, &payload), ERR_OK);
    cr_assert(slice_eq(payload, SLICE_LIT("abc")));
    cr_assert_eq(feed(&pr,
                      SLICE_LIT("\x02\0\0\x01"
                                "de"),
                      1, &used, &payload),
                 ERR_OK);
    cr_assert(slice_eq(payload, SLICE_LIT("de")));
    my_packet_reader_fini(&pr);
}

Test(packet, a_wrong_sequence_number_is_refused)
{
    for (size_t step = 1; step < 8; step++) {
        struct my_packet_reader pr;
        struct slice payload;
        size_t used;
        my_packet_reader_init(&pr, MAX);
        cr_assert_eq(feed(&pr, SLICE_LIT("\x01\0\0\x01q"), step, &used, &payload), ERR_PROTOCOL);
        my_packet_reader_fini(&pr);
    }
}

Test(packet, the_sequence_wraps)
{
    struct my_packet_reader pr;
    struct slice payload;
    size_t used;
    my_packet_reader_init(&pr, MAX);
    pr.sequence = 255;
    cr_assert_eq(feed(&pr, SLICE_LIT("\x00\0\0\xFF"), 9, &used, &payload), ERR_OK);
    cr_assert_eq(pr.sequence, 0);
    my_packet_reader_fini(&pr);
}

Test(packet, a_packet_over_the_maximum_is_refused_before_it_is_gathered)
{
    for (size_t step = 1; step < 2000; step += 1998) {
        struct my_packet_reader pr;
        struct writer w;
        struct slice payload;
        uint8_t sequence = 0;
        size_t used;
        my_packet_reader_init(&pr, 1000);
        writer_init(&w, MAX);
        write_packet(&w, 1000, &sequence);
        cr_assert_eq(feed(&pr, writer_slice(&w), step, &used, &payload), ERR_OK);
        writer_clear(&w);
        write_packet(&w, 1001, &sequence);
        cr_assert_eq(feed(&pr, writer_slice(&w), step, &used, &payload), ERR_TOO_LARGE);
        my_packet_reader_fini(&pr);
        writer_fini(&w);
    }
}

Test(packet, the_writer_does_not_pass_its_own_maximum)
{
    struct writer w;
    uint8_t sequence = 0;
    writer_init(&w, 10);
    size_t mark = my_packet_begin(&w);
    writer_lit(&w, "1234567");
    my_packet_end(&w, mark, &sequence);
    cr_assert_eq(w.err, ERR_TOO_LARGE);
    cr_assert_eq(sequence, 0);
    writer_fini(&w);
}

/* The framed packets in memory of exactly their size. */
static uint8_t *exact_copy(const struct writer *w)
{
    uint8_t *p = malloc(w->len);
    memcpy(p, w->base, w->len);
    return p;
}

Test(packet, a_packet_in_place_says_how_much_it_wants)
{
    struct my_packet_reader pr;
    struct writer w;
    struct slice payload;
    uint8_t sequence = 0;
    size_t used, need;
    my_packet_reader_init(&pr, MAX);
    writer_init(&w, MAX);
    write_packet(&w, 300, &sequence);
    write_packet(&w, 5, &sequence);
    for (size_t n = 0; n < 304; n++) {
        uint8_t *p = malloc(n + 1);
        memcpy(p, w.base, n);
        cr_assert_eq(my_packet_in_place(&pr, p, n, &payload, &used, &need), ERR_NEED_INPUT);
        cr_assert_eq(need, n < 4 ? 4 : 304);
        free(p);
    }
    uint8_t *p = exact_copy(&w);
    cr_assert_eq(my_packet_in_place(&pr, p, w.len, &payload, &used, &need), ERR_OK);
    cr_assert_eq(used, 304);
    cr_assert_eq(payload.ptr, p + 4);
    expect_pattern(payload, 300);
    cr_assert_eq(my_packet_in_place(&pr, p + 304, w.len - 304, &payload, &used, &need), ERR_OK);
    expect_pattern(payload, 5);
    cr_assert_eq(my_packet_in_place(&pr, p, 4, &payload, &used, &need), ERR_PROTOCOL,
                 "a wrong sequence number");
    free(p);
    writer_fini(&w);
    my_packet_reader_fini(&pr);
}

Test(packet, a_packet_in_pieces_is_joined_in_place)
{
    static const size_t lens[] = {MY_PACKET_PIECE_MAX - 1, MY_PACKET_PIECE_MAX,
                                  MY_PACKET_PIECE_MAX + 1, 2 * (size_t)MY_PACKET_PIECE_MAX,
                                  2 * (size_t)MY_PACKET_PIECE_MAX + 77};
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        struct my_packet_reader pr;
        struct writer w;
        struct slice payload;
        uint8_t sequence = 0;
        size_t used, need = 0;
        my_packet_reader_init(&pr, MAX);
        writer_init(&w, MAX);
        write_packet(&w, lens[i], &sequence);
        uint8_t *p = exact_copy(&w);
        cr_assert_eq(my_packet_in_place(&pr, p, w.len - 1, &payload, &used, &need), ERR_NEED_INPUT);
        cr_assert_gt(need, w.len - 1);
        cr_assert_eq(my_packet_in_place(&pr, p, w.len, &payload, &used, &need), ERR_OK);
        cr_assert_eq(used, w.len);
        expect_pattern(payload, lens[i]);
        cr_assert_eq(pr.sequence, sequence);
        free(p);
        writer_fini(&w);
        my_packet_reader_fini(&pr);
    }
}

Test(packet, a_packet_is_passed_over_whatever_its_size)
{
    static const size_t lens[] = {0, 1, 1000, MY_PACKET_PIECE_MAX, MY_PACKET_PIECE_MAX + 9};
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        for (size_t step = lens[i] > 2000 ? 100000 : 1; step < 200000; step *= 7) {
            struct my_packet_reader pr;
            struct writer w;
            struct slice payload;
            uint8_t sequence = 0;
            size_t at = 0, n, used;
            enum err e;
            my_packet_reader_init(&pr, 10);
            writer_init(&w, MAX);
            write_packet(&w, lens[i], &sequence);
            size_t first = w.len;
            write_packet(&w, 3, &sequence);
            do {
                size_t left = first + 7 - at < step ? first + 7 - at : step;
                e = my_packet_skip(&pr, slice_of(w.base + at, left), &n);
                cr_assert(e == ERR_OK || n == left);
                at += n;
            } while (e == ERR_NEED_INPUT);
            cr_assert_eq(e, ERR_OK);
            cr_assert_eq(at, first);
            cr_assert(my_packet_idle(&pr));
            e = my_packet_next(&pr, slice_of(w.base + at, w.len - at), &used, &payload);
            cr_assert_eq(e, ERR_OK);
            expect_pattern(payload, 3);
            writer_fini(&w);
            my_packet_reader_fini(&pr);
        }
    }
}
