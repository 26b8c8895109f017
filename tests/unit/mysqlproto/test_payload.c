#include "mysqlproto/binlog/payload.h"

#include "binlog_build.h"

#include <zstd.h>

static struct slice compress(struct slice s, int level, bool with_size)
{
    ZSTD_CCtx *c = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, with_size);
    size_t cap = ZSTD_compressBound(s.len);
    uint8_t *out = keep(cap);
    size_t n = ZSTD_compress2(c, out, cap, s.ptr, s.len);
    ZSTD_freeCCtx(c);
    cr_assert_not(ZSTD_isError(n));
    return slice_of(out, n);
}

static struct slice body_of(struct slice payload, uint8_t compression, size_t uncompressed)
{
    struct writer *w = new_writer();
    struct writer *v = new_writer();
    writer_slice_put(w, hex("02"));
    writer_lenenc(v, compression);
    writer_lenenc_str(w, writer_slice(v));
    writer_clear(v);
    writer_u8(w, 3);
    writer_lenenc(v, uncompressed);
    writer_lenenc_str(w, writer_slice(v));
    writer_clear(v);
    writer_u8(w, 1);
    writer_lenenc(v, payload.len);
    writer_lenenc_str(w, writer_slice(v));
    writer_u8(w, 0);
    writer_slice_put(w, payload);
    return writer_slice(w);
}

/* A run of events whose bodies are hard to compress in part. */
static struct slice run_of_events(unsigned count)
{
    struct writer *w = new_writer();
    uint32_t random = 1;
    for (unsigned i = 0; i < count; i++) {
        struct writer *body = new_writer();
        for (unsigned k = 0; k < i % 300; k++) {
            random = random * 1664525 + 1013904223;
            writer_u8(body, (uint8_t)(i % 3 == 0 ? random >> 24 : k));
        }
        writer_slice_put(w, make_event(BINLOG_WRITE_ROWS_V2, 0, 0, writer_slice(body), false));
    }
    return writer_slice(w);
}

/* Reads all, output in pieces of cap, input in pieces of chunk. */
static enum err read_all(struct binlog_payload *p, struct slice body, size_t chunk, size_t cap,
                         struct writer *out)
{
    size_t at = body.len < chunk + 30 ? body.len : chunk + 30; /* the fields come in one piece */
    TRY(binlog_payload_begin(p, slice_of(body.ptr, at), body.len));
    for (;;) {
        cr_assert(writer_reserve(out, cap));
        size_t n;
        enum err e = binlog_payload_read(p, writer_tail(out), cap, &n);
        writer_advance(out, n);
        if (e == ERR_NEED_INPUT) {
            cr_assert_lt(at, body.len);
            size_t more = body.len - at < chunk ? body.len - at : chunk;
            TRY(binlog_payload_input(p, slice_of(body.ptr + at, more)));
            at += more;
            continue;
        }
        TRY(e);
        if (n < cap)
            return ERR_OK;
    }
}

static struct binlog_payload *payload(void)
{
    struct binlog_payload *p;
    cr_assert_eq(binlog_payload_new(8 << 20, &p), ERR_OK);
    return p;
}

Test(payload, comes_out_as_it_went_in_whatever_the_pieces)
{
    struct slice run = run_of_events(700);
    struct slice bodies[] = {body_of(compress(run, 3, true), 0, run.len),
                             body_of(compress(run, 1, false), 0, run.len),
                             body_of(run, 255, run.len)};
    static const size_t sizes[] = {1, 7, 1000, 65536, 1 << 20};
    struct binlog_payload *p = payload();
    for (unsigned b = 0; b < 3; b++)
        for (unsigned i = 0; i < 5; i++)
            for (unsigned k = 0; k < 5; k++) {
                struct writer *out = new_writer();
                cr_assert_eq(read_all(p, bodies[b], sizes[i], sizes[k], out), ERR_OK);
                cr_assert(slice_eq(writer_slice(out), run), "body %u, in %zu, out %zu", b, sizes[i],
                          sizes[k]);
                writer_fini(out);
            }
    binlog_payload_free(p);
}

Test(payload, several_frames_are_one_payload)
{
    struct slice run = run_of_events(100);
    struct writer *w = new_writer();
    writer_slice_put(w, compress(slice_of(run.ptr, 1000), 3, true));
    writer_slice_put(w, compress(slice_of(run.ptr + 1000, run.len - 1000), 3, true));
    struct binlog_payload *p = payload();
    struct writer *out = new_writer();
    cr_assert_eq(read_all(p, body_of(writer_slice(w), 0, run.len), 100, 100, out), ERR_OK);
    cr_expect(slice_eq(writer_slice(out), run));
    binlog_payload_free(p);
}

Test(payload, a_cut_or_damaged_stream_is_refused)
{
    struct slice run = run_of_events(100);
    struct slice z = compress(run, 3, true);
    struct binlog_payload *p = payload();
    for (size_t n = 1; n < z.len; n += 97) {
        struct writer *out = new_writer();
        cr_expect_neq(read_all(p, body_of(slice_of(z.ptr, n), 0, run.len), 1000, 1000, out), ERR_OK,
                      "%zu of %zu bytes", n, z.len);
        writer_fini(out);
    }
    uint8_t *bad = keep(z.len);
    memcpy(bad, z.ptr, z.len);
    bad[0] ^= 1;
    struct writer *out = new_writer();
    cr_expect_eq(read_all(p, body_of(slice_of(bad, z.len), 0, run.len), 1000, 1000, out),
                 ERR_MALFORMED);
    binlog_payload_free(p);
}

Test(payload, a_window_beyond_the_limit_is_refused)
{
    size_t n = 4 << 20;
    uint8_t *p = keep(n);
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(i * 2654435761u >> 13);
    struct slice body = body_of(compress(slice_of(p, n), 19, false), 0, n);
    struct binlog_payload *small, *large;
    cr_assert_eq(binlog_payload_new(1 << 20, &small), ERR_OK);
    cr_assert_eq(binlog_payload_new(8 << 20, &large), ERR_OK);
    struct writer *out = new_writer();
    cr_expect_eq(read_all(small, body, 65536, 65536, out), ERR_TOO_LARGE);
    writer_clear(out);
    cr_expect_eq(read_all(large, body, 65536, 65536, out), ERR_OK);
    cr_expect(slice_eq(writer_slice(out), slice_of(p, n)));
    binlog_payload_free(small);
    binlog_payload_free(large);
}

Test(payload, fields_before_the_payload)
{
    struct binlog_payload_info info;
    struct slice body = hex("02 01 00 03 03 fcc003 01 01 05 00 aabbccddee");
    cr_assert_eq(binlog_payload_parse(body, &info), ERR_OK);
    cr_expect_eq(info.compression, 0);
    cr_expect_eq(info.uncompressed_len, 960);
    cr_expect_eq(info.payload_len, 5);
    cr_expect_eq(info.header_len, 12);
    struct slice head = slice_of(body.ptr, 12);
    REFUSES_ALL_CUTS(head, binlog_payload_parse(cut, &info));
    cr_expect_eq(binlog_payload_parse(hex("02 01 01 00"), &info), ERR_UNSUPPORTED);
    cr_expect_eq(binlog_payload_parse(hex("07 02 0000 02 03 fcff00 00"), &info), ERR_OK);
    struct binlog_payload *p = payload();
    cr_expect_eq(binlog_payload_begin(p, hex("02 01 00 01 01 05 00 aabb"), 9), ERR_MALFORMED,
                 "payload longer than the body");
    binlog_payload_free(p);
}

Test(payload, a_run_is_cut_into_its_events)
{
    struct slice run = run_of_events(50);
    size_t at = 0, need;
    struct slice ev;
    unsigned count = 0;
    while (at < run.len) {
        for (size_t n = 0; n < 19; n++)
            cr_assert_eq(binlog_run_next(run.ptr + at, n, &ev, &need), ERR_NEED_INPUT);
        cr_assert_eq(need, 19);
        cr_assert_eq(binlog_run_next(run.ptr + at, run.len - at, &ev, &need), ERR_OK);
        struct binlog_event parsed;
        cr_assert_eq(binlog_event_parse_inner(ev, &parsed), ERR_OK);
        at += ev.len;
        count++;
    }
    cr_expect_eq(count, 50);
    cr_expect_eq(
        binlog_run_next(hex("00000000 02 00000000 12000000 00000000 0000").ptr, 19, &ev, &need),
        ERR_MALFORMED);
    cr_expect_eq(
        binlog_run_next(hex("00000000 02 00000000 ffffffff 00000000 0000").ptr, 19, &ev, &need),
        ERR_MALFORMED);
}
