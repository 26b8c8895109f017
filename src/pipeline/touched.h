/*
 * A set of keys: those of the rows that changed while a chunk of the full copy
 * is open.
 *
 * Keys are byte strings, compared in full, kept in the order they came in, so
 * that the ones of a transaction that is taken back can be taken back as well.
 *
 * Threads: the reader's.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct touched_key;

struct touched {
    struct touched_key *keys;
    uint32_t count;
    uint32_t cap;
    uint32_t *slots;   /* indexes into keys, plus one; open addressing */
    uint32_t slot_cap; /* a power of two, or 0 */
    uint8_t *bytes;
    size_t used;
    size_t bytes_cap;
};

/* No effect for a key that is there. */
NODISCARD enum err touched_add(struct touched *t, struct slice key);
bool touched_has(const struct touched *t, struct slice key);

/* All keys of from, too. */
NODISCARD enum err touched_add_all(struct touched *t, const struct touched *from);

/* Forgets all but the first `count` keys. */
void touched_truncate(struct touched *t, uint32_t count);

/* Bytes of memory that it holds. */
size_t touched_bytes(const struct touched *t);
void touched_fini(struct touched *t);
