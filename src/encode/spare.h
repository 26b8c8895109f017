/* Memory beside the message, which the encoders use for values and rows that do not fit at once. */
#pragma once

#include "base/writer.h"

#define SPARE_KEEP (256u << 10) /* bytes of it kept from row to row */

/* limit + more; limits may be as large as can be. */
static inline size_t spare_sum(size_t limit, size_t more)
{
    return limit < SIZE_MAX - more ? limit + more : SIZE_MAX;
}

/* One large value does not hold memory for good. */
static inline void spare_keep_small(struct writer *w)
{
    if (__builtin_expect(w->cap > SPARE_KEEP, 0))
        writer_fini(w);
}

/* Bytes that value can still take. */
static inline size_t spare_room(const struct writer *value)
{
    size_t limit = value->fixed && value->cap < value->max ? value->cap : value->max;
    return limit > value->len ? limit - value->len : 0;
}
