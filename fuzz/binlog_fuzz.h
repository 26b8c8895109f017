/* What the binlog targets share. */
#pragma once

#include "base/slice.h"

#include <stdlib.h>

#define CHECK(ok)                                                                                  \
    do {                                                                                           \
        if (!(ok))                                                                                 \
            __builtin_trap();                                                                      \
    } while (0)

/* Reads every byte, so that a slice that reaches too far is noticed. */
static inline void touch(struct slice s)
{
    static volatile uint8_t sink;
    CHECK(s.ptr != NULL);
    for (size_t i = 0; i < s.len; i++)
        sink = (uint8_t)(sink ^ s.ptr[i]);
}

/* A copy of its own, whose end is the end of its memory. */
static inline struct slice own(const uint8_t *p, size_t n)
{
    uint8_t *copy = malloc(n > 0 ? n : 1);
    CHECK(copy != NULL);
    if (n > 0)
        memcpy(copy, p, n);
    return (struct slice){copy, n};
}

static inline void disown(struct slice s)
{
    free((void *)(uintptr_t)s.ptr);
}

/* Two bytes of length and as many bytes, from the front of *in. */
static inline struct slice take_part(struct slice *in)
{
    if (in->len < 2)
        return SLICE_LIT("");
    size_t n = (size_t)(in->ptr[0] | in->ptr[1] << 8);
    if (n > in->len - 2)
        n = in->len - 2;
    struct slice s = {in->ptr + 2, n};
    in->ptr += 2 + n;
    in->len -= 2 + n;
    return s;
}
