/*
 * The constant parts of a table's messages: made once per version of the table,
 * copied into every message. Within this room.
 *
 *   TRY(builder_begin(&b, t, names, arena_bytes));
 *   ... write into b.w, and keep parts of it with builder_keep() ...
 *   TRY(builder_end(&b, t, "name or label", em));
 */
#pragma once

#include "base/arena.h"
#include "base/writer.h"
#include "encode/names.h"
#include "schema/table.h"

/*
 * Constants of up to this many bytes are copied as so many, which is one or
 * two vector moves; what is too much is written over.
 */
#define ENCODE_COPY 32

static inline uint8_t *encode_constant(uint8_t *p, struct slice s)
{
    if (s.len <= ENCODE_COPY)
        memcpy(p, s.ptr, ENCODE_COPY);
    else
        memcpy(p, s.ptr, s.len);
    return p + s.len;
}

/* Builds the constants; fails for good like its writer, and tells bad text apart. */
struct builder {
    struct writer w;
    struct arena *arena;
    struct message_names names; /* with `columns` set, len 0 for those that are not sent */
    struct slice bad;           /* ptr not NULL: a text that is no UTF-8 */
};

NODISCARD enum err builder_begin(struct builder *b, const struct table *t,
                                 const struct message_names *names, size_t arena_bytes);

/* What was written so far, kept in the arena with ENCODE_COPY readable bytes behind it; the writer
 * is empty again. */
struct slice builder_keep(struct builder *b);

/*
 * Whether all went well; else the arena is gone. what: of the table, for the
 * sentence of ERR_BAD_TEXT.
 */
NODISCARD enum err builder_end(struct builder *b, const struct table *t, const char *what,
                               struct errmsg *em);
