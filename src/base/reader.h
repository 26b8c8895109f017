/*
 * A read cursor over one slice, for little-endian wire formats.
 *
 * Two ways to read, and each parser picks one:
 *
 *  - checked: reader_u16() and friends never run past the end. The first short
 *    read makes the reader fail for good, and later reads return zero. Read
 *    the whole message, then look at reader_finish() once.
 *
 *  - hoisted: reader_need(n) checks n bytes at once, after which the raw
 *    load_*() functions may be used on those bytes without further checks.
 *    This is for row images, where one check per row beats one per column.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"

static inline uint16_t load_le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t load_le24(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
}

static inline uint32_t load_le32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap32(v);
#endif
    return v;
}

static inline uint64_t load_le48(const uint8_t *p)
{
    return (uint64_t)load_le32(p) | (uint64_t)load_le16(p + 4) << 32;
}

static inline uint64_t load_le64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

/* n bytes, 1 to 8 */
static inline uint64_t load_le(const uint8_t *p, unsigned n)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

/* n bytes, 1 to 8, most significant first */
static inline uint64_t load_be(const uint8_t *p, unsigned n)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

struct reader {
    const uint8_t *p;   /* next byte to read */
    const uint8_t *end; /* one past the last byte */
    enum err err;       /* first failure, or ERR_OK */
};

static inline struct reader reader_of(struct slice s)
{
    return (struct reader){s.ptr, s.ptr + s.len, ERR_OK};
}

static inline size_t reader_left(const struct reader *r)
{
    return (size_t)(r->end - r->p);
}

static inline bool reader_need(struct reader *r, size_t n)
{
    if (__builtin_expect(r->err == ERR_OK && reader_left(r) >= n, 1))
        return true;
    if (r->err == ERR_OK)
        r->err = ERR_TRUNCATED;
    r->p = r->end;
    return false;
}

/* The first failure; ERR_OK when everything asked for was there. */
static inline enum err reader_finish(const struct reader *r)
{
    return r->err;
}

static inline void reader_fail(struct reader *r, enum err e)
{
    if (r->err == ERR_OK)
        r->err = e;
    r->p = r->end;
}

#define READER_INT(name, type, size, expr)                                                         \
    static inline type reader_##name(struct reader *r)                                             \
    {                                                                                              \
        if (!reader_need(r, size))                                                                 \
            return 0;                                                                              \
        const uint8_t *p = r->p;                                                                   \
        r->p += size;                                                                              \
        return (type)(expr);                                                                       \
    }
READER_INT(u8, uint8_t, 1, p[0])
READER_INT(u16, uint16_t, 2, load_le16(p))
READER_INT(u24, uint32_t, 3, load_le24(p))
READER_INT(u32, uint32_t, 4, load_le32(p))
READER_INT(u48, uint64_t, 6, load_le48(p))
READER_INT(u64, uint64_t, 8, load_le64(p))
#undef READER_INT

static inline struct slice reader_take(struct reader *r, size_t n)
{
    if (!reader_need(r, n))
        return SLICE_LIT("");
    struct slice s = {r->p, n};
    r->p += n;
    return s;
}

static inline struct slice reader_rest(struct reader *r)
{
    return reader_take(r, reader_left(r));
}

static inline void reader_skip(struct reader *r, size_t n)
{
    (void)reader_take(r, n);
}

/* A reader over the next n bytes only: a nested field cannot read past itself. */
static inline struct reader reader_sub(struct reader *r, size_t n)
{
    struct reader sub = reader_of(reader_take(r, n));
    sub.err = r->err;
    return sub;
}

/* Length-encoded integer. 0xFB (NULL) and 0xFF (error marker) are no numbers: MALFORMED. */
static inline uint64_t reader_lenenc(struct reader *r)
{
    uint8_t first = reader_u8(r);
    switch (first) {
    case 0xFC:
        return reader_u16(r);
    case 0xFD:
        return reader_u24(r);
    case 0xFE:
        return reader_u64(r);
    case 0xFB:
    case 0xFF:
        reader_fail(r, ERR_MALFORMED);
        return 0;
    default:
        return first;
    }
}

/* Length-encoded string. */
static inline struct slice reader_lenenc_str(struct reader *r)
{
    uint64_t n = reader_lenenc(r);
    if (n > reader_left(r)) {
        reader_fail(r, ERR_TRUNCATED);
        return SLICE_LIT("");
    }
    return reader_take(r, (size_t)n);
}

/* The bytes before the next NUL; the NUL is consumed, too. */
static inline struct slice reader_cstr(struct reader *r)
{
    const uint8_t *nul = r->err == ERR_OK ? memchr(r->p, 0, reader_left(r)) : NULL;
    if (nul == NULL) {
        reader_fail(r, ERR_TRUNCATED);
        return SLICE_LIT("");
    }
    struct slice s = {r->p, (size_t)(nul - r->p)};
    r->p = nul + 1;
    return s;
}
