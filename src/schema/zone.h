/*
 * The zone that TIMESTAMP is written in: offsets over time, learned from the
 * server itself or fixed. Immutable once made; any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct zone_step {
    int64_t from;      /* first UTC second for which the offset holds */
    int32_t offset_s;  /* local = UTC + offset; less than two days either way */
};

struct zone {
    size_t count;            /* at least 1 */
    struct zone_step *steps; /* ascending; steps[0].from = INT64_MIN */
};

static inline int32_t zone_offset(const struct zone *z, int64_t utc)
{
    if (z->count == 1)
        return z->steps[0].offset_s;
    size_t lo = 0, hi = z->count;
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (z->steps[mid].from <= utc)
            lo = mid;
        else
            hi = mid;
    }
    return z->steps[lo].offset_s;
}
