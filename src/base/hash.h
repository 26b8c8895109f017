/* FNV-1a, for tables of our own and for telling equal from changed; not for hostile keys. */
#pragma once

#include "base/slice.h"

#define HASH_START UINT64_C(0xcbf29ce484222325)

static inline uint64_t hash_bytes(uint64_t h, struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ s.ptr[i]) * UINT64_C(0x100000001b3);
    return h;
}

/* The bytes and an end mark, so that "ab", "c" and "a", "bc" differ. */
static inline uint64_t hash_item(uint64_t h, struct slice s)
{
    return (hash_bytes(h, s) ^ 0xFF) * UINT64_C(0x100000001b3);
}
