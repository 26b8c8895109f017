/*
 * The state that a checkpoint log adds up to: the last record of each type and
 * key, as the payload it has in the log.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"
#include "checkpoint/wal_format.h"

struct ckpt_entry {
    enum wal_type type;
    uint32_t hash;
    uint32_t chain;     /* next entry of the bucket, or ENTRY_END */
    uint32_t key_len;   /* the key stands in the payload behind its length */
    struct slice bytes; /* the payload; owned */
};

struct ckpt_state {
    struct ckpt_entry *entries;
    size_t count;
    size_t cap;
    uint32_t *buckets;
    size_t bucket_count; /* a power of two, or 0 */
    uint64_t bytes;      /* of all records in a file */
};

void ckpt_state_fini(struct ckpt_state *s);

/* payload is well-formed (record.h) and copied. type is no _END and no COMMIT. */
NODISCARD enum err ckpt_state_put(struct ckpt_state *s, enum wal_type type, struct slice payload);

/* Removes the entry, if there is one. */
void ckpt_state_drop(struct ckpt_state *s, enum wal_type type, struct slice key);

/* NULL: none. Valid until the next put or drop. */
const struct ckpt_entry *ckpt_state_get(const struct ckpt_state *s, enum wal_type type,
                                        struct slice key);

struct slice ckpt_entry_key(const struct ckpt_entry *e);
struct slice ckpt_entry_value(const struct ckpt_entry *e);
