#include "base/writer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define WRITER_CAP_MIN 256

void writer_init(struct writer *w, size_t max)
{
    *w = (struct writer){.max = max};
}

void writer_fini(struct writer *w)
{
    free(w->base);
    *w = (struct writer){0};
}

bool writer_grow(struct writer *w, size_t n)
{
    if (w->err != ERR_OK)
        return false;
    /* An owner may have lowered the maximum below what is written already. */
    if (w->len > w->max || n > w->max - w->len) {
        w->err = ERR_TOO_LARGE;
        return false;
    }
    if (w->fixed) {
        w->err = ERR_NO_ROOM;
        return false;
    }
    size_t cap = w->cap < WRITER_CAP_MIN ? WRITER_CAP_MIN : w->cap;
    while (cap - w->len < n)
        cap = cap > w->max / 2 ? w->max : cap * 2;
    if (cap > w->max)
        cap = w->max;
    uint8_t *base = realloc(w->base, cap);
    if (base == NULL) {
        w->err = ERR_NO_MEMORY;
        return false;
    }
    w->base = base;
    w->cap = cap;
    return true;
}

void writer_lenenc(struct writer *w, uint64_t v)
{
    if (v < 0xFB) {
        writer_u8(w, (uint8_t)v);
    } else if (v <= 0xFFFF) {
        writer_u8(w, 0xFC);
        writer_le(w, v, 2);
    } else if (v <= 0xFFFFFF) {
        writer_u8(w, 0xFD);
        writer_le(w, v, 3);
    } else {
        writer_u8(w, 0xFE);
        writer_le(w, v, 8);
    }
}

void writer_lenenc_str(struct writer *w, struct slice s)
{
    writer_lenenc(w, s.len);
    writer_slice_put(w, s);
}

void writer_cstr(struct writer *w, struct slice s)
{
    writer_slice_put(w, s);
    writer_u8(w, 0);
}

void writer_printf(struct writer *w, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    /* vsnprintf wants room for its NUL, which is not counted in len. */
    if (n >= 0 && writer_reserve(w, (size_t)n + 1)) {
        vsnprintf((char *)writer_tail(w), (size_t)n + 1, fmt, again);
        w->len += (size_t)n;
    }
    va_end(again);
}
