/*
 * Memory beside the message, which the encoders use for values and rows that do
 * not fit at once. Within this room.
 */
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

/* Writes a whole message at the end of w. */
typedef enum err spare_write_fn(void *arg, struct writer *w);

/*
 * The room that is asked for in advance can be more than is left although the
 * row would fit. Then it is written elsewhere first, with as much to spare as
 * can be asked in vain.
 */
static inline enum err spare_write(struct writer *spare, size_t in_vain, struct writer *value,
                                   spare_write_fn *write, void *arg)
{
    size_t room = value->max > value->len ? value->max - value->len : 0;
    spare->max = spare_sum(room, in_vain);
    writer_clear(spare);
    enum err e = write(arg, spare);
    if (e == ERR_OK && spare->len > room)
        e = ERR_TOO_LARGE;
    if (e == ERR_OK)
        writer_slice_put(value, writer_slice(spare));
    spare_keep_small(spare);
    return e == ERR_OK ? value->err : e;
}

/*
 * A message that is rare is made elsewhere in any case, since the room asked
 * for in advance may be more than there is: spare_begin() makes w a writer for
 * what fits into value, in_vain more; spare_append() ends it. Errors as of
 * canal_json_encode(); on failure value is as it was.
 */
void spare_begin(struct writer *w, const struct writer *value, size_t in_vain);
NODISCARD enum err spare_append(struct writer *w, struct writer *value);
