/*
 * A growing byte buffer with a hard maximum.
 *
 * Appending never fails half way: writer_reserve() makes room for the worst
 * case of one value, the bytes are then stored unchecked through writer_tail()
 * and accounted with writer_advance(). When the maximum would be passed, the
 * writer fails for good (err is set, later appends do nothing), so a whole
 * message can be written and err looked at once.
 *
 * Not thread-safe; the owner is whoever called writer_init().
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"

struct writer {
    uint8_t *base;
    size_t len;   /* bytes written */
    size_t cap;   /* bytes that fit before growing */
    size_t max;   /* never grows beyond */
    enum err err; /* ERR_OK, ERR_TOO_LARGE, ERR_NO_ROOM or ERR_NO_MEMORY */
    bool fixed;   /* base is somebody else's memory: growing fails with ERR_NO_ROOM instead */
};

void writer_init(struct writer *w, size_t max);
void writer_fini(struct writer *w);

/* A writer over memory of the caller's, which never moves or grows. */
static inline struct writer writer_fixed(void *base, size_t cap)
{
    return (struct writer){.base = base, .cap = cap, .max = cap, .fixed = true};
}

/* Slow path of writer_reserve(). */
bool writer_grow(struct writer *w, size_t n);

/* Makes room for n more bytes. False: nothing changed but w->err. */
static inline bool writer_reserve(struct writer *w, size_t n)
{
    return __builtin_expect(w->cap - w->len >= n, 1) || writer_grow(w, n);
}

static inline uint8_t *writer_tail(struct writer *w)
{
    return w->base + w->len;
}

static inline void writer_advance(struct writer *w, size_t n)
{
    w->len += n;
}

static inline void writer_clear(struct writer *w)
{
    w->len = 0;
    w->err = ERR_OK;
}

static inline struct slice writer_slice(const struct writer *w)
{
    return slice_of(w->base, w->len);
}

static inline void writer_put(struct writer *w, const void *p, size_t n)
{
    if (n > 0 && writer_reserve(w, n)) {
        memcpy(w->base + w->len, p, n);
        w->len += n;
    }
}

static inline void writer_slice_put(struct writer *w, struct slice s)
{
    writer_put(w, s.ptr, s.len);
}

#define writer_lit(w, s) writer_put((w), "" s, sizeof(s) - 1)

static inline void writer_u8(struct writer *w, uint8_t v)
{
    writer_put(w, &v, 1);
}

/* The low n bytes of v, least significant first. */
static inline void writer_le(struct writer *w, uint64_t v, unsigned n)
{
    uint8_t b[8];
    for (unsigned i = 0; i < n; i++)
        b[i] = (uint8_t)(v >> (8 * i));
    writer_put(w, b, n);
}

static inline void writer_u16(struct writer *w, uint16_t v)
{
    writer_le(w, v, 2);
}
static inline void writer_u24(struct writer *w, uint32_t v)
{
    writer_le(w, v, 3);
}
static inline void writer_u32(struct writer *w, uint32_t v)
{
    writer_le(w, v, 4);
}
static inline void writer_u64(struct writer *w, uint64_t v)
{
    writer_le(w, v, 8);
}

/* Length-encoded integer and string, as the MySQL protocol has them. */
void writer_lenenc(struct writer *w, uint64_t v);
void writer_lenenc_str(struct writer *w, struct slice s);

/* Bytes and a NUL. */
void writer_cstr(struct writer *w, struct slice s);

void writer_printf(struct writer *w, const char *fmt, ...) PRINTF(2, 3);
