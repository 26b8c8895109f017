#include "mysqlproto/compress.h"

#include "base/reader.h"
#include "base/writer.h"

#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

/* 16 MB, the most that a frame can hold: no more has to be remembered. */
#define ZSTD_WINDOW_LOG 24
#define FRAME_MAX       0xFFFFFFu

enum unzip_state {
    WANT_HEADER,
    WANT_STORED, /* body bytes that are plain already */
    WANT_BODY,   /* compressed body, or output that the decompressor still holds */
};

/* Where one call stands. */
struct unzip_io {
    struct slice in;
    size_t taken;
    uint8_t *out;
    size_t cap;
    size_t made;
};

struct my_unzip {
    enum my_compression kind;
    enum unzip_state state;
    uint8_t header[MY_ZIP_HEADER];
    uint8_t header_len;
    uint32_t body_taken; /* bytes of the body that the decompressor has */
    uint32_t body_left;  /* bytes of it that have not been taken */
    uint32_t plain_left; /* bytes that have still to come out of it */
    z_stream zlib;
    ZSTD_DStream *zstd;
};

enum err my_unzip_new(enum my_compression kind, struct my_unzip **out)
{
    struct my_unzip *z = calloc(1, sizeof(*z));
    if (z == NULL)
        return ERR_NO_MEMORY;
    z->kind = kind;
    bool ok;
    if (kind == MY_ZSTD) {
        z->zstd = ZSTD_createDStream();
        ok = z->zstd != NULL &&
             !ZSTD_isError(ZSTD_DCtx_setParameter(z->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG));
    } else {
        ok = inflateInit(&z->zlib) == Z_OK;
    }
    if (!ok) {
        my_unzip_free(z);
        return ERR_NO_MEMORY;
    }
    *out = z;
    return ERR_OK;
}

void my_unzip_free(struct my_unzip *z)
{
    if (z == NULL)
        return;
    if (z->kind == MY_ZSTD)
        ZSTD_freeDStream(z->zstd);
    else
        inflateEnd(&z->zlib);
    free(z);
}

static enum err open_frame(struct my_unzip *z)
{
    z->body_left = load_le24(z->header);
    z->body_taken = 0;
    z->plain_left = load_le24(z->header + 4);
    z->header_len = 0;
    /* The sequence is not compared: servers renumber it in ways of their own, and order is TCP's.
     */
    if (z->plain_left == 0) {
        z->plain_left = z->body_left;
        z->state = z->body_left > 0 ? WANT_STORED : WANT_HEADER;
        return ERR_OK;
    }
    z->state = WANT_BODY;
    if (z->kind == MY_ZSTD)
        return ZSTD_isError(ZSTD_DCtx_reset(z->zstd, ZSTD_reset_session_only)) ? ERR_BUG : ERR_OK;
    return inflateReset(&z->zlib) == Z_OK ? ERR_OK : ERR_BUG;
}

static enum err step_header(struct my_unzip *z, struct unzip_io *io)
{
    while (z->header_len < MY_ZIP_HEADER) {
        if (io->taken == io->in.len)
            return ERR_NEED_INPUT;
        z->header[z->header_len++] = io->in.ptr[io->taken++];
    }
    return open_frame(z);
}

static enum err step_stored(struct my_unzip *z, struct unzip_io *io)
{
    size_t n = io->in.len - io->taken;
    if (n > z->body_left)
        n = z->body_left;
    if (n > io->cap - io->made)
        n = io->cap - io->made;
    if (n == 0)
        return ERR_NEED_INPUT;
    memcpy(io->out + io->made, io->in.ptr + io->taken, n);
    io->taken += n;
    io->made += n;
    z->body_left -= (uint32_t)n;
    if (z->body_left == 0)
        z->state = WANT_HEADER;
    return ERR_OK;
}

/* One call of the decompressor; *end says that its stream ended. */
static enum err inflate_zlib(struct my_unzip *z, struct slice in, size_t *taken, uint8_t *out,
                             size_t cap, size_t *made, bool *end)
{
    uint8_t none;
    /* zlib does not write through next_in; its type lacks the const unless asked for. */
    z->zlib.next_in = (Bytef *)(uintptr_t)in.ptr;
    z->zlib.avail_in = (uInt)in.len;
    z->zlib.next_out = cap > 0 ? out : &none;
    z->zlib.avail_out = (uInt)cap;
    int rc = inflate(&z->zlib, Z_NO_FLUSH);
    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
        return ERR_PROTOCOL;
    *taken = in.len - z->zlib.avail_in;
    *made = cap - z->zlib.avail_out;
    *end = rc == Z_STREAM_END;
    return ERR_OK;
}

static enum err inflate_zstd(struct my_unzip *z, struct slice in, size_t *taken, uint8_t *out,
                             size_t cap, size_t *made, bool *end)
{
    ZSTD_inBuffer src = {in.ptr, in.len, 0};
    ZSTD_outBuffer dst = {out, cap, 0};
    size_t rc = ZSTD_decompressStream(z->zstd, &dst, &src);
    if (ZSTD_isError(rc))
        return ERR_PROTOCOL;
    *taken = src.pos;
    *made = dst.pos;
    *end = rc == 0;
    return ERR_OK;
}

/*
 * The library may have been built with its formats of before 1.0, which no
 * server sends and whose decoders have not been looked after for long.
 */
static bool magic_fits(const struct my_unzip *z, struct slice in)
{
    static const uint8_t magic[4] = {0x28, 0xB5, 0x2F, 0xFD};
    for (size_t i = 0; i < in.len && z->body_taken + i < sizeof(magic); i++)
        if (in.ptr[i] != magic[z->body_taken + i])
            return false;
    return true;
}

static enum err step_body(struct my_unzip *z, struct unzip_io *io)
{
    size_t in_len = io->in.len - io->taken, cap = io->cap - io->made, taken, made;
    bool end;
    if (in_len > z->body_left)
        in_len = z->body_left;
    /* No room beyond what was announced: a stream that wants more cannot end, and is refused. */
    if (cap > z->plain_left)
        cap = z->plain_left;
    struct slice in = slice_of(io->in.ptr + io->taken, in_len);
    if (z->kind == MY_ZSTD && !magic_fits(z, in))
        return ERR_PROTOCOL;
    TRY((z->kind == MY_ZSTD ? inflate_zstd : inflate_zlib)(z, in, &taken, io->out + io->made, cap,
                                                           &made, &end));
    io->taken += taken;
    io->made += made;
    z->body_taken += (uint32_t)taken;
    z->body_left -= (uint32_t)taken;
    z->plain_left -= (uint32_t)made;
    if (end) {
        if (z->body_left > 0 || z->plain_left > 0)
            return ERR_PROTOCOL;
        z->state = WANT_HEADER;
        return ERR_OK;
    }
    if (taken > 0 || made > 0)
        return ERR_OK;
    if (in_len > 0 || z->body_left == 0)
        return ERR_PROTOCOL; /* the body is over, or has more than was announced */
    return ERR_NEED_INPUT;
}

enum err my_unzip_step(struct my_unzip *z, struct slice in, size_t *consumed, uint8_t *out,
                       size_t cap, size_t *produced)
{
    struct unzip_io io = {.in = in, .out = out, .cap = cap};
    enum err e = ERR_OK;
    while (e == ERR_OK && io.made < cap) {
        switch (z->state) {
        case WANT_HEADER:
            e = step_header(z, &io);
            break;
        case WANT_STORED:
            e = step_stored(z, &io);
            break;
        case WANT_BODY:
            e = step_body(z, &io);
            break;
        }
    }
    *consumed = io.taken;
    *produced = io.made;
    return e == ERR_NEED_INPUT && io.made > 0 ? ERR_OK : e;
}

static void frame_header(uint8_t *at, size_t body, uint8_t sequence, size_t plain)
{
    at[0] = (uint8_t)body;
    at[1] = (uint8_t)(body >> 8);
    at[2] = (uint8_t)(body >> 16);
    at[3] = sequence;
    at[4] = (uint8_t)plain;
    at[5] = (uint8_t)(plain >> 8);
    at[6] = (uint8_t)(plain >> 16);
}

/* 0: it did not get smaller. */
static size_t deflate_piece(enum my_compression kind, int level, struct slice plain, uint8_t *out,
                            size_t cap)
{
    if (kind == MY_ZSTD) {
        size_t n = ZSTD_compress(out, cap, plain.ptr, plain.len, level > 0 ? level : 3);
        return ZSTD_isError(n) || n >= plain.len ? 0 : n;
    }
    uLongf n = cap;
    int rc = compress2(out, &n, plain.ptr, plain.len, level > 0 ? level : Z_DEFAULT_COMPRESSION);
    return rc != Z_OK || n >= plain.len ? 0 : n;
}

static void write_frame(enum my_compression kind, int level, struct slice plain, uint8_t *sequence,
                        struct writer *w)
{
    size_t bound = kind == MY_ZSTD ? ZSTD_compressBound(plain.len) : compressBound(plain.len);
    size_t body = 0;
    if (!writer_reserve(w, MY_ZIP_HEADER + bound))
        return;
    uint8_t *at = writer_tail(w);
    if (plain.len >= MY_ZIP_MIN)
        body = deflate_piece(kind, level, plain, at + MY_ZIP_HEADER, bound);
    if (body == 0) {
        memcpy(at + MY_ZIP_HEADER, plain.ptr, plain.len);
        frame_header(at, plain.len, (*sequence)++, 0);
        writer_advance(w, MY_ZIP_HEADER + plain.len);
        return;
    }
    frame_header(at, body, (*sequence)++, plain.len);
    writer_advance(w, MY_ZIP_HEADER + body);
}

enum err my_zip_write(enum my_compression kind, int level, struct slice plain, uint8_t *sequence,
                      struct writer *w)
{
    while (plain.len > 0 && w->err == ERR_OK) {
        size_t n = plain.len < FRAME_MAX ? plain.len : FRAME_MAX;
        write_frame(kind, level, slice_of(plain.ptr, n), sequence, w);
        plain = slice_of(plain.ptr + n, plain.len - n);
    }
    return w->err;
}
