#include "mysqlproto/binlog/payload.h"

#include "base/reader.h"

#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define COMPRESSION_ZSTD 0
#define COMPRESSION_NONE 255
#define WINDOW_LOG_MIN   10u
#define WINDOW_LOG_MAX   27u /* what zstd itself takes without being asked */

/* Types of the fields before the payload: Transaction_payload_event, control_events.h. */
enum {
    FIELD_END = 0,
    FIELD_PAYLOAD_LEN = 1,
    FIELD_COMPRESSION = 2,
    FIELD_UNCOMPRESSED_LEN = 3,
};

struct binlog_payload {
    ZSTD_DCtx *zstd;
    bool plain;        /* the payload is not compressed */
    bool frame_done;   /* the last zstd frame is complete */
    ZSTD_inBuffer in;  /* bytes at hand */
    uint64_t in_later; /* bytes of the payload that have not come */
};

static unsigned window_log(size_t window_max)
{
    unsigned log = WINDOW_LOG_MIN;
    while (log < WINDOW_LOG_MAX && (size_t)1 << log < window_max)
        log++;
    return log;
}

enum err binlog_payload_new(size_t window_max, struct binlog_payload **out)
{
    struct binlog_payload *p = calloc(1, sizeof *p);
    if (p == NULL)
        return ERR_NO_MEMORY;
    p->zstd = ZSTD_createDCtx();
    if (p->zstd == NULL) {
        free(p);
        return ERR_NO_MEMORY;
    }
    size_t rc = ZSTD_DCtx_setParameter(p->zstd, ZSTD_d_windowLogMax, (int)window_log(window_max));
    if (ZSTD_isError(rc)) {
        binlog_payload_free(p);
        return ERR_BUG;
    }
    *out = p;
    return ERR_OK;
}

void binlog_payload_free(struct binlog_payload *p)
{
    if (p == NULL)
        return;
    ZSTD_freeDCtx(p->zstd);
    free(p);
}

/* The three numbers are lenenc within values that say their length, too. */
static enum err info_field(uint64_t type, struct slice value, struct binlog_payload_info *info)
{
    struct reader r = reader_of(value);
    uint64_t v;
    switch (type) {
    case FIELD_PAYLOAD_LEN:
        info->payload_len = reader_lenenc(&r);
        return reader_finish(&r);
    case FIELD_COMPRESSION:
        /* A lenenc would be more than one byte for 255, and is so written: 0xFC 0xFF 0x00. */
        v = value.len == 1 ? value.ptr[0] : reader_lenenc(&r);
        TRY(reader_finish(&r));
        if (v != COMPRESSION_ZSTD && v != COMPRESSION_NONE)
            return ERR_UNSUPPORTED;
        info->compression = (uint8_t)v;
        return ERR_OK;
    case FIELD_UNCOMPRESSED_LEN:
        info->uncompressed_len = reader_lenenc(&r);
        return reader_finish(&r);
    default:
        return ERR_OK;
    }
}

/* Fields of lenenc type, lenenc length and value, in any order; type 0 ends them. */
enum err binlog_payload_parse(struct slice body, struct binlog_payload_info *out)
{
    struct binlog_payload_info info = {.compression = COMPRESSION_NONE};
    struct reader r = reader_of(body);
    for (;;) {
        uint64_t type = reader_lenenc(&r);
        TRY(reader_finish(&r));
        if (type == FIELD_END)
            break;
        struct slice value = reader_lenenc_str(&r);
        TRY(reader_finish(&r));
        TRY(info_field(type, value, &info));
    }
    info.header_len = body.len - reader_left(&r);
    *out = info;
    return ERR_OK;
}

enum err binlog_payload_begin(struct binlog_payload *p, struct slice start, size_t body_len)
{
    struct binlog_payload_info info;
    TRY(binlog_payload_parse(start, &info));
    if (body_len < start.len || info.payload_len > body_len - info.header_len)
        return ERR_MALFORMED;
    size_t there = start.len - info.header_len;
    if (there > info.payload_len)
        there = (size_t)info.payload_len;
    p->plain = info.compression == COMPRESSION_NONE;
    p->frame_done = true;
    p->in = (ZSTD_inBuffer){start.ptr + info.header_len, there, 0};
    p->in_later = info.payload_len - there;
    size_t rc = ZSTD_DCtx_reset(p->zstd, ZSTD_reset_session_only);
    return ZSTD_isError(rc) ? ERR_BUG : ERR_OK;
}

enum err binlog_payload_input(struct binlog_payload *p, struct slice more)
{
    if (p->in.pos < p->in.size)
        return ERR_BUG;
    size_t n = more.len < p->in_later ? more.len : (size_t)p->in_later;
    p->in = (ZSTD_inBuffer){more.ptr, n, 0};
    p->in_later -= n;
    return ERR_OK;
}

static enum err zstd_err(size_t rc)
{
    switch ((int)ZSTD_getErrorCode(rc)) {
    case ZSTD_error_memory_allocation:
        return ERR_NO_MEMORY;
    case ZSTD_error_frameParameter_windowTooLarge:
        return ERR_TOO_LARGE;
    default:
        return ERR_MALFORMED;
    }
}

static enum err read_plain(struct binlog_payload *p, uint8_t *buf, size_t cap, size_t *n)
{
    size_t left = p->in.size - p->in.pos;
    *n = left < cap ? left : cap;
    memcpy(buf, (const uint8_t *)p->in.src + p->in.pos, *n);
    p->in.pos += *n;
    return *n < cap && p->in_later > 0 ? ERR_NEED_INPUT : ERR_OK;
}

/*
 * A full output buffer says nothing about what the decompressor still holds,
 * so the end is only known when all input is used, the frame is complete, and
 * a call with room left makes no more bytes.
 */
static enum err read_zstd(struct binlog_payload *p, uint8_t *buf, size_t cap, size_t *n)
{
    ZSTD_outBuffer out = {buf, cap, 0};
    while (out.pos < cap) {
        bool input = p->in.pos < p->in.size;
        if (!input && p->frame_done)
            break;
        size_t before = out.pos;
        size_t rc = ZSTD_decompressStream(p->zstd, &out, &p->in);
        if (ZSTD_isError(rc))
            return zstd_err(rc);
        p->frame_done = rc == 0;
        if (!input && out.pos == before)
            break;
    }
    *n = out.pos;
    if (out.pos == cap)
        return ERR_OK;
    if (p->in_later > 0)
        return ERR_NEED_INPUT;
    return p->frame_done ? ERR_OK : ERR_MALFORMED;
}

enum err binlog_payload_read(struct binlog_payload *p, uint8_t *buf, size_t cap, size_t *n)
{
    *n = 0;
    return p->plain ? read_plain(p, buf, cap, n) : read_zstd(p, buf, cap, n);
}

enum err binlog_run_next(const uint8_t *p, size_t len, struct slice *event, size_t *need)
{
    *need = BINLOG_HEADER_LEN;
    if (len < BINLOG_HEADER_LEN)
        return ERR_NEED_INPUT;
    uint32_t n = load_le32(p + 9);
    if (n < BINLOG_HEADER_LEN || n > BINLOG_EVENT_MAX)
        return ERR_MALFORMED;
    *need = n;
    if (len < n)
        return ERR_NEED_INPUT;
    *event = slice_of(p, n);
    return ERR_OK;
}
