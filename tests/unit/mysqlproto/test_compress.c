#include "mysqlproto/compress.h"

#include "base/writer.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <zlib.h>

#define MAX (64u << 20)

static uint8_t *text(size_t n)
{
    uint8_t *p = malloc(n + 1);
    unsigned seed = 1;
    for (size_t i = 0; i < n; i++)
        p[i] = i % 3 == 0 ? (uint8_t)rand_r(&seed) : (uint8_t)(i / 64);
    return p;
}

/* Decompresses in by pieces of at most in_step bytes into pieces of out_step. */
static enum err unzip(enum my_compression kind, struct slice in, size_t in_step, size_t out_step,
                      struct writer *out)
{
    struct my_unzip *z;
    uint8_t *buf = malloc(out_step);
    enum err e = my_unzip_new(kind, &z);
    cr_assert_eq(e, ERR_OK);
    for (;;) {
        size_t taken, made, n = in.len < in_step ? in.len : in_step;
        e = my_unzip_step(z, slice_of(in.ptr, n), &taken, buf, out_step, &made);
        cr_assert_leq(taken, n);
        cr_assert_leq(made, out_step);
        writer_put(out, buf, made);
        in = slice_of(in.ptr + taken, in.len - taken);
        if (e == ERR_NEED_INPUT)
            cr_assert_eq(taken, n);
        if (e != ERR_OK && e != ERR_NEED_INPUT)
            break;
        if (e == ERR_NEED_INPUT && in.len == 0)
            break;
    }
    my_unzip_free(z);
    free(buf);
    return e;
}

static void round_trip(enum my_compression kind, size_t n, size_t in_step, size_t out_step)
{
    struct writer zipped, plain;
    uint8_t sequence = 0, *p = text(n);
    writer_init(&zipped, MAX);
    writer_init(&plain, MAX);
    cr_assert_eq(my_zip_write(kind, 0, slice_of(p, n), &sequence, &zipped), ERR_OK);
    cr_assert_eq(unzip(kind, writer_slice(&zipped), in_step, out_step, &plain), ERR_NEED_INPUT);
    cr_assert_eq(plain.len, n);
    cr_assert_eq(memcmp(plain.base, p, n), 0);
    writer_fini(&zipped);
    writer_fini(&plain);
    free(p);
}

Test(compress, what_goes_in_comes_out)
{
    static const size_t sizes[] = {1, 49, 50, 51, 1000, 70000};
    static const size_t steps[] = {1, 7, 65536};
    for (int kind = MY_ZLIB; kind <= MY_ZSTD; kind++)
        for (size_t i = 0; i < 6; i++)
            for (size_t j = 0; j < 3; j++)
                for (size_t k = 0; k < 3; k++)
                    round_trip((enum my_compression)kind, sizes[i], steps[j], steps[k]);
}

Test(compress, more_than_a_frame_holds_is_cut)
{
    round_trip(MY_ZLIB, 0xFFFFFF + 100, 65536, 65536);
    round_trip(MY_ZSTD, 0xFFFFFF + 100, 65536, 65536);
}

Test(compress, short_pieces_are_stored)
{
    struct writer w;
    uint8_t sequence = 5;
    writer_init(&w, MAX);
    cr_assert_eq(my_zip_write(MY_ZLIB, 0, SLICE_LIT("hello"), &sequence, &w), ERR_OK);
    cr_assert(slice_eq(writer_slice(&w), SLICE_LIT("\x05\0\0\x05\0\0\0hello")));
    cr_assert_eq(sequence, 6);
    writer_fini(&w);
}

static struct writer sample(enum my_compression kind)
{
    struct writer w;
    uint8_t sequence = 0, *p = text(300);
    writer_init(&w, MAX);
    cr_assert_eq(my_zip_write(kind, 0, slice_of(p, 300), &sequence, &w), ERR_OK);
    free(p);
    return w;
}

Test(compress, a_frame_cut_short_waits_for_the_rest)
{
    for (int kind = MY_ZLIB; kind <= MY_ZSTD; kind++) {
        struct writer w = sample((enum my_compression)kind);
        for (size_t n = 0; n < w.len; n++) {
            struct writer plain;
            writer_init(&plain, MAX);
            enum err e = unzip((enum my_compression)kind, slice_of(w.base, n), 16, 64, &plain);
            cr_assert_eq(e, ERR_NEED_INPUT, "%zu bytes", n);
            cr_assert_leq(plain.len, 300);
            writer_fini(&plain);
        }
        writer_fini(&w);
    }
}

static void expect_refused(enum my_compression kind, struct writer *w)
{
    for (size_t step = 1; step < 1000; step += 998) {
        struct writer plain;
        writer_init(&plain, MAX);
        cr_assert_eq(unzip(kind, writer_slice(w), step, 64, &plain), ERR_PROTOCOL);
        writer_fini(&plain);
    }
}

Test(compress, a_plain_length_that_is_not_true_is_refused)
{
    static const int differences[] = {-1, 1, 100, -299};
    for (int kind = MY_ZLIB; kind <= MY_ZSTD; kind++) {
        for (size_t i = 0; i < 4; i++) {
            struct writer w = sample((enum my_compression)kind);
            int n = 300 + differences[i];
            w.base[4] = (uint8_t)n;
            w.base[5] = (uint8_t)(n >> 8);
            /* What would be the next frame makes the end of this one known. */
            writer_lit(&w, "\x01\0\0\0\0\0\0x");
            expect_refused((enum my_compression)kind, &w);
            writer_fini(&w);
        }
    }
}

Test(compress, a_body_length_that_is_not_true_is_refused)
{
    static const int differences[] = {-1, 1, 7};
    for (int kind = MY_ZLIB; kind <= MY_ZSTD; kind++) {
        for (size_t i = 0; i < 3; i++) {
            struct writer w = sample((enum my_compression)kind);
            int n = (int)w.len - MY_ZIP_HEADER + differences[i];
            w.base[0] = (uint8_t)n;
            w.base[1] = (uint8_t)(n >> 8);
            writer_lit(&w, "\x01\0\0\0\0\0\0x");
            expect_refused((enum my_compression)kind, &w);
            writer_fini(&w);
        }
    }
}

Test(compress, flipped_bits_never_give_more_than_was_announced)
{
    for (int kind = MY_ZLIB; kind <= MY_ZSTD; kind++) {
        struct writer w = sample((enum my_compression)kind);
        for (size_t bit = 8 * MY_ZIP_HEADER; bit < 8 * w.len; bit++) {
            struct writer plain;
            writer_init(&plain, MAX);
            w.base[bit / 8] ^= (uint8_t)(1 << bit % 8);
            (void)!unzip((enum my_compression)kind, writer_slice(&w), 64, 64, &plain);
            cr_assert_leq(plain.len, 300);
            w.base[bit / 8] ^= (uint8_t)(1 << bit % 8);
            writer_fini(&plain);
        }
        writer_fini(&w);
    }
}

Test(compress, an_empty_frame_is_nothing)
{
    struct writer plain;
    writer_init(&plain, MAX);
    cr_assert_eq(unzip(MY_ZLIB, SLICE_LIT("\0\0\0\0\0\0\0\x01\0\0\x01\0\0\0x"), 64, 64, &plain),
                 ERR_NEED_INPUT);
    cr_assert(slice_eq(writer_slice(&plain), SLICE_LIT("x")));
    writer_fini(&plain);
}

Test(compress, zstd_formats_of_before_its_first_release_are_refused)
{
    struct writer w = sample(MY_ZSTD);
    w.base[MY_ZIP_HEADER] = 0x27; /* 0.7 */
    expect_refused(MY_ZSTD, &w);
    writer_fini(&w);
}
