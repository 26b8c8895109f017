#include "pipeline/touched.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

struct touched_key {
    uint64_t hash;
    size_t at;
    uint32_t len;
};

/* The slot that holds the key, or the empty one where it belongs. */
static uint32_t *slot_of(const struct touched *t, uint64_t hash, struct slice key)
{
    uint32_t mask = t->slot_cap - 1;
    for (uint32_t i = (uint32_t)(hash >> 32) & mask;; i = (i + 1) & mask) {
        uint32_t *slot = &t->slots[i];
        if (*slot == 0)
            return slot;
        const struct touched_key *k = &t->keys[*slot - 1];
        if (k->hash == hash && slice_eq(slice_of(t->bytes + k->at, k->len), key))
            return slot;
    }
}

/* Puts the keys that are there into slots anew. */
static void refill(struct touched *t)
{
    memset(t->slots, 0, t->slot_cap * sizeof(*t->slots));
    for (uint32_t i = 0; i < t->count; i++) {
        const struct touched_key *k = &t->keys[i];
        *slot_of(t, k->hash, slice_of(t->bytes + k->at, k->len)) = i + 1;
    }
}

static enum err grow_slots(struct touched *t)
{
    uint32_t cap = t->slot_cap == 0 ? 64 : t->slot_cap * 2;
    uint32_t *slots = realloc(t->slots, cap * sizeof(*slots));
    if (slots == NULL)
        return ERR_NO_MEMORY;
    t->slots = slots;
    t->slot_cap = cap;
    refill(t);
    return ERR_OK;
}

static enum err grow_keys(struct touched *t)
{
    uint32_t cap = t->cap == 0 ? 32 : t->cap * 2;
    struct touched_key *keys = realloc(t->keys, cap * sizeof(*keys));
    if (keys == NULL)
        return ERR_NO_MEMORY;
    t->keys = keys;
    t->cap = cap;
    return ERR_OK;
}

static enum err grow_bytes(struct touched *t, size_t need)
{
    size_t cap = t->bytes_cap == 0 ? 1024 : t->bytes_cap * 2;
    while (cap < need)
        cap *= 2;
    uint8_t *bytes = realloc(t->bytes, cap);
    if (bytes == NULL)
        return ERR_NO_MEMORY;
    t->bytes = bytes;
    t->bytes_cap = cap;
    return ERR_OK;
}

enum err touched_add(struct touched *t, struct slice key)
{
    if (t->count * 2 >= t->slot_cap)
        TRY(grow_slots(t));
    uint64_t hash = hash_item(HASH_START, key);
    uint32_t *slot = slot_of(t, hash, key);
    if (*slot != 0)
        return ERR_OK;
    if (t->count == t->cap)
        TRY(grow_keys(t));
    if (t->bytes == NULL || t->used + key.len > t->bytes_cap)
        TRY(grow_bytes(t, t->used + key.len));
    if (key.len > 0)
        memcpy(t->bytes + t->used, key.ptr, key.len);
    t->keys[t->count++] = (struct touched_key){hash, t->used, (uint32_t)key.len};
    t->used += key.len;
    *slot = t->count;
    return ERR_OK;
}

enum err touched_add_all(struct touched *t, const struct touched *from)
{
    for (uint32_t i = 0; i < from->count; i++)
        TRY(touched_add(t, slice_of(from->bytes + from->keys[i].at, from->keys[i].len)));
    return ERR_OK;
}

bool touched_has(const struct touched *t, struct slice key)
{
    return t->count > 0 && *slot_of(t, hash_item(HASH_START, key), key) != 0;
}

void touched_truncate(struct touched *t, uint32_t count)
{
    if (count >= t->count)
        return;
    t->used = t->keys[count].at;
    t->count = count;
    refill(t);
}

size_t touched_bytes(const struct touched *t)
{
    return t->cap * sizeof(*t->keys) + t->slot_cap * sizeof(*t->slots) + t->bytes_cap;
}

void touched_fini(struct touched *t)
{
    free(t->keys);
    free(t->slots);
    free(t->bytes);
    *t = (struct touched){0};
}
