#include "checkpoint/ckpt_state.h"

#include "base/reader.h"

#include <stdlib.h>

#define ENTRY_END    UINT32_MAX
#define KEY_LEN_SIZE 2

void ckpt_state_fini(struct ckpt_state *s)
{
    for (size_t i = 0; i < s->count; i++)
        free((void *)(uintptr_t)s->entries[i].bytes.ptr); /* ours, const only for readers */
    free(s->entries);
    free(s->buckets);
    *s = (struct ckpt_state){0};
}

struct slice ckpt_entry_key(const struct ckpt_entry *e)
{
    return slice_of(e->bytes.ptr + KEY_LEN_SIZE, e->key_len);
}

struct slice ckpt_entry_value(const struct ckpt_entry *e)
{
    size_t head = KEY_LEN_SIZE + (size_t)e->key_len;
    return slice_of(e->bytes.ptr + head, e->bytes.len - head);
}

/* FNV-1a over type and key. Keys come from our own log and our own callers. */
static uint32_t hash_of(enum wal_type type, struct slice key)
{
    uint32_t h = (2166136261u ^ (uint32_t)type) * 16777619u;
    for (size_t i = 0; i < key.len; i++)
        h = (h ^ key.ptr[i]) * 16777619u;
    return h;
}

static uint32_t *bucket_of(const struct ckpt_state *s, uint32_t hash)
{
    return &s->buckets[hash & (s->bucket_count - 1)];
}

/* The link that leads to the entry: a bucket's, or its predecessor's; NULL when there is none. */
static uint32_t *link_to(const struct ckpt_state *s, enum wal_type type, struct slice key)
{
    uint32_t hash = hash_of(type, key);
    if (s->bucket_count == 0)
        return NULL;
    for (uint32_t *link = bucket_of(s, hash); *link != ENTRY_END; link = &s->entries[*link].chain) {
        const struct ckpt_entry *e = &s->entries[*link];
        if (e->hash == hash && e->type == type && slice_eq(ckpt_entry_key(e), key))
            return link;
    }
    return NULL;
}

static bool grow(struct ckpt_state *s)
{
    size_t cap = s->cap > 0 ? s->cap * 2 : 16;
    struct ckpt_entry *entries = realloc(s->entries, cap * sizeof(*entries));
    if (entries == NULL)
        return false;
    s->entries = entries;
    uint32_t *buckets = malloc(cap * sizeof(*buckets));
    if (buckets == NULL)
        return false;
    free(s->buckets);
    s->buckets = buckets;
    s->bucket_count = s->cap = cap;
    memset(buckets, 0xFF, cap * sizeof(*buckets));
    for (size_t i = 0; i < s->count; i++) {
        entries[i].chain = *bucket_of(s, entries[i].hash);
        *bucket_of(s, entries[i].hash) = (uint32_t)i;
    }
    return true;
}

enum err ckpt_state_put(struct ckpt_state *s, enum wal_type type, struct slice payload)
{
    uint32_t key_len = load_le16(payload.ptr);
    struct slice key = slice_of(payload.ptr + KEY_LEN_SIZE, key_len);
    uint32_t *link = link_to(s, type, key);
    if (link == NULL && s->count == s->cap && !grow(s))
        return ERR_NO_MEMORY;
    uint8_t *copy = malloc(payload.len);
    if (copy == NULL)
        return ERR_NO_MEMORY;
    memcpy(copy, payload.ptr, payload.len);
    s->bytes += wal_record_size(payload.len);
    if (link != NULL) {
        struct ckpt_entry *e = &s->entries[*link];
        s->bytes -= wal_record_size(e->bytes.len);
        free((void *)(uintptr_t)e->bytes.ptr);
        e->bytes = slice_of(copy, payload.len);
        return ERR_OK;
    }
    uint32_t hash = hash_of(type, key), *bucket = bucket_of(s, hash);
    s->entries[s->count] =
        (struct ckpt_entry){type, hash, *bucket, key_len, slice_of(copy, payload.len)};
    *bucket = (uint32_t)s->count++;
    return ERR_OK;
}

void ckpt_state_drop(struct ckpt_state *s, enum wal_type type, struct slice key)
{
    uint32_t *link = link_to(s, type, key);
    if (link == NULL)
        return;
    uint32_t hole = *link, last = (uint32_t)s->count - 1;
    struct ckpt_entry gone = s->entries[hole];
    *link = gone.chain;
    if (hole != last) { /* the last entry moves into the hole */
        struct ckpt_entry *moved = &s->entries[last];
        *link_to(s, moved->type, ckpt_entry_key(moved)) = hole;
        s->entries[hole] = *moved;
    }
    s->count--;
    s->bytes -= wal_record_size(gone.bytes.len);
    free((void *)(uintptr_t)gone.bytes.ptr);
}

const struct ckpt_entry *ckpt_state_get(const struct ckpt_state *s, enum wal_type type,
                                        struct slice key)
{
    const uint32_t *link = link_to(s, type, key);
    return link != NULL ? &s->entries[*link] : NULL;
}
