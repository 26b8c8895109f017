#include "encode/spare.h"

/* Bytes that value can still take. */
static size_t room_of(const struct writer *value)
{
    size_t limit = value->fixed && value->cap < value->max ? value->cap : value->max;
    return limit > value->len ? limit - value->len : 0;
}

void spare_begin(struct writer *w, const struct writer *value, size_t in_vain)
{
    writer_init(w, spare_sum(room_of(value), in_vain));
}

enum err spare_append(struct writer *w, struct writer *value)
{
    size_t start = value->len;
    enum err e = w->err;
    if (e == ERR_OK && w->len > room_of(value))
        e = ERR_TOO_LARGE;
    if (e == ERR_OK) {
        writer_slice_put(value, writer_slice(w));
        e = value->err;
    }
    writer_fini(w);
    if (e == ERR_OK)
        return ERR_OK;
    value->len = start;
    value->err = ERR_OK;
    /* In more memory it may fit. */
    return e == ERR_TOO_LARGE && value->fixed && value->cap < value->max ? ERR_NO_ROOM : e;
}
