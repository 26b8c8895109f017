/*
 * The checkpoint's puts, gets and syncs. Puts go to the state at once and to
 * a list of pending records; a sync writes that list, or, when the file has no
 * room for it, the whole state to a new file. Either way all of it counts from
 * one COMMIT on.
 */
#include "checkpoint/checkpoint.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/reader.h"
#include "base/writer.h"
#include "checkpoint/ckpt_int.h"
#include "checkpoint/record.h"

#include <stdlib.h>
#include <unistd.h>

#define FILE_NAME_MAX    511
#define VERSION_TEXT_MAX 255
#define KEY_MAX          UINT16_MAX
#define PENDING_KEPT     (256u << 10) /* bytes of memory kept from sync to sync */

bool ckpt_identity(const struct ckpt *c, struct ckpt_identity *out)
{
    const struct ckpt_entry *e = ckpt_state_get(&c->state, WAL_IDENTITY, SLICE_LIT(""));
    return e != NULL && record_parse_identity(ckpt_entry_value(e), out);
}

bool ckpt_position(const struct ckpt *c, struct ckpt_position *out)
{
    const struct ckpt_entry *e = ckpt_state_get(&c->state, WAL_POSITION, SLICE_LIT(""));
    return e != NULL && record_parse_position(ckpt_entry_value(e), out);
}

uint64_t ckpt_reserved_id(const struct ckpt *c)
{
    const struct ckpt_entry *e = ckpt_state_get(&c->state, WAL_RESERVED, SLICE_LIT(""));
    return e != NULL ? load_le64(ckpt_entry_value(e).ptr) : 0;
}

bool ckpt_topic(const struct ckpt *c, struct slice name, uint32_t *partitions)
{
    const struct ckpt_entry *e = ckpt_state_get(&c->state, WAL_TOPIC, name);
    if (e != NULL)
        *partitions = load_le32(ckpt_entry_value(e).ptr);
    return e != NULL;
}

bool ckpt_table(const struct ckpt *c, struct slice key, struct slice *definition)
{
    const struct ckpt_entry *e = ckpt_state_get(&c->state, WAL_TABLE, key);
    if (e != NULL)
        *definition = ckpt_entry_value(e);
    return e != NULL;
}

bool ckpt_fact(const struct ckpt *c, struct slice name, struct slice *value)
{
    const struct ckpt_entry *e = ckpt_state_get(&c->state, WAL_FACT, name);
    if (e != NULL)
        *value = ckpt_entry_value(e);
    return e != NULL;
}

bool ckpt_xa(const struct ckpt *c, struct slice xid, struct ckpt_position *begin)
{
    const struct ckpt_entry *e = ckpt_state_get(&c->state, WAL_XA, xid);
    return e != NULL && record_parse_position(ckpt_entry_value(e), begin);
}

static const struct ckpt_entry *next_of(const struct ckpt *c, enum wal_type type, size_t *it)
{
    while (*it < c->state.count) {
        const struct ckpt_entry *e = &c->state.entries[(*it)++];
        if (e->type == type)
            return e;
    }
    return NULL;
}

bool ckpt_next_xa(const struct ckpt *c, size_t *it, struct slice *xid, struct ckpt_position *begin)
{
    const struct ckpt_entry *e = next_of(c, WAL_XA, it);
    if (e != NULL)
        *xid = ckpt_entry_key(e);
    return e != NULL && record_parse_position(ckpt_entry_value(e), begin);
}

bool ckpt_next_topic(const struct ckpt *c, size_t *it, struct slice *name, uint32_t *partitions)
{
    const struct ckpt_entry *e = next_of(c, WAL_TOPIC, it);
    if (e == NULL)
        return false;
    *name = ckpt_entry_key(e);
    *partitions = load_le32(ckpt_entry_value(e).ptr);
    return true;
}

bool ckpt_next_table(const struct ckpt *c, size_t *it, struct slice *key, struct slice *definition)
{
    const struct ckpt_entry *e = next_of(c, WAL_TABLE, it);
    if (e == NULL)
        return false;
    *key = ckpt_entry_key(e);
    *definition = ckpt_entry_value(e);
    return true;
}

enum err ckpt_apply(struct ckpt_state *s, enum wal_type type, struct slice payload)
{
    struct slice key = slice_of(payload.ptr + 2, load_le16(payload.ptr));
    if (type == WAL_XA_END)
        ckpt_state_drop(s, WAL_XA, key);
    else if (type == WAL_TABLE_END)
        ckpt_state_drop(s, WAL_TABLE, key);
    else
        return ckpt_state_put(s, type, payload);
    return ERR_OK;
}

/* A payload begins in the list of pending records: its type and length come first. */
static size_t begin_put(struct ckpt *c, enum wal_type type, struct slice key)
{
    size_t at = c->pending.len;
    writer_u16(&c->pending, (uint16_t)type);
    writer_u32(&c->pending, 0);
    record_key(&c->pending, key);
    return at;
}

#define PENDING_HEAD 6

/* Ends the payload that began at `at`: into the state, or, on failure, off the list. */
static enum err end_put(struct ckpt *c, size_t at)
{
    enum err e = c->pending.err;
    size_t len = c->pending.len - at - PENDING_HEAD;
    if (e == ERR_OK && len > WAL_PAYLOAD_MAX)
        e = ERR_TOO_LARGE;
    if (e == ERR_OK) {
        uint8_t *head = c->pending.base + at;
        uint32_t len32 = (uint32_t)len;
        memcpy(head + 2, &len32, sizeof(len32));
        e = ckpt_apply(&c->state, (enum wal_type)load_le16(head),
                       slice_of(head + PENDING_HEAD, len));
    }
    if (e != ERR_OK) {
        c->pending.len = at;
        c->pending.err = ERR_OK;
        return e;
    }
    c->pending_bytes += wal_record_size(len);
    return ERR_OK;
}

/* Positions come often: only the last one of those that wait is kept. */
static void forget_pending_position(struct ckpt *c)
{
    if (c->position_end == 0 || c->position_end != c->pending.len)
        return;
    size_t len = c->position_end - c->position_at - PENDING_HEAD;
    c->pending_bytes -= wal_record_size(len);
    c->pending.len = c->position_at;
}

enum err ckpt_put_position(struct ckpt *c, const struct ckpt_position *p)
{
    if (p->file.len > FILE_NAME_MAX || p->gtid_set.len > WAL_PAYLOAD_MAX / 2)
        return ERR_TOO_LARGE;
    forget_pending_position(c);
    size_t at = begin_put(c, WAL_POSITION, SLICE_LIT(""));
    record_position(&c->pending, p);
    TRY(end_put(c, at));
    c->position_at = at;
    c->position_end = c->pending.len;
    return ERR_OK;
}

enum err ckpt_put_identity(struct ckpt *c, const struct ckpt_identity *id)
{
    if (id->version.len > VERSION_TEXT_MAX)
        return ERR_TOO_LARGE;
    size_t at = begin_put(c, WAL_IDENTITY, SLICE_LIT(""));
    record_identity(&c->pending, id);
    return end_put(c, at);
}

enum err ckpt_put_reserved_id(struct ckpt *c, uint64_t below)
{
    size_t at = begin_put(c, WAL_RESERVED, SLICE_LIT(""));
    writer_u64(&c->pending, below);
    return end_put(c, at);
}

static bool key_allowed(struct slice key)
{
    return key.len > 0 && key.len <= KEY_MAX;
}

enum err ckpt_put_topic(struct ckpt *c, struct slice name, uint32_t partitions)
{
    if (!key_allowed(name))
        return ERR_TOO_LARGE;
    size_t at = begin_put(c, WAL_TOPIC, name);
    writer_u32(&c->pending, partitions);
    return end_put(c, at);
}

static enum err put_bytes(struct ckpt *c, enum wal_type type, struct slice key, struct slice value)
{
    if (!key_allowed(key) || value.len > WAL_PAYLOAD_MAX)
        return ERR_TOO_LARGE;
    size_t at = begin_put(c, type, key);
    writer_slice_put(&c->pending, value);
    return end_put(c, at);
}

enum err ckpt_put_table(struct ckpt *c, struct slice key, struct slice definition)
{
    return put_bytes(c, WAL_TABLE, key, definition);
}

enum err ckpt_put_fact(struct ckpt *c, struct slice name, struct slice value)
{
    return put_bytes(c, WAL_FACT, name, value);
}

enum err ckpt_put_xa(struct ckpt *c, struct slice xid, const struct ckpt_position *begin)
{
    if (!key_allowed(xid) || begin->file.len > FILE_NAME_MAX ||
        begin->gtid_set.len > WAL_PAYLOAD_MAX / 2)
        return ERR_TOO_LARGE;
    size_t at = begin_put(c, WAL_XA, xid);
    record_position(&c->pending, begin);
    return end_put(c, at);
}

static enum err put_end(struct ckpt *c, enum wal_type type, enum wal_type end, struct slice key)
{
    if (!key_allowed(key) || ckpt_state_get(&c->state, type, key) == NULL)
        return ERR_OK;
    return end_put(c, begin_put(c, end, key));
}

enum err ckpt_end_xa(struct ckpt *c, struct slice xid)
{
    return put_end(c, WAL_XA, WAL_XA_END, xid);
}

enum err ckpt_end_table(struct ckpt *c, struct slice key)
{
    return put_end(c, WAL_TABLE, WAL_TABLE_END, key);
}

void ckpt_forget_pending(struct ckpt *c)
{
    if (c->pending.cap > PENDING_KEPT)
        writer_fini(&c->pending); /* many definitions at once are rare */
    writer_clear(&c->pending);
    c->pending.max = CKPT_PENDING_MAX;
    c->pending_bytes = 0;
    c->position_end = 0;
}

enum err ckpt_compact(struct ckpt *c, struct errmsg *em)
{
    struct wal_file next;
    char name[WAL_NAME_SIZE];
    uint64_t size = c->size_min + 2 * c->state.bytes;
    TRY(wal_create(c->folder, c->file.sequence + 1, size, &next, em));
    for (size_t i = 0; i < c->state.count; i++)
        wal_append(&next, c->state.entries[i].type, c->state.entries[i].bytes);
    enum err e = wal_publish(&next, em);
    if (e != ERR_OK) {
        c->file.failed |= next.failed;
        return e;
    }
    if (c->file.fd >= 0) {
        wal_close(&c->file);
        /* A file that stays behind is removed at the next start. */
        unlinkat(c->folder, wal_name(c->file.sequence, false, name), 0);
    }
    c->file = next;
    c->stats.compactions++;
    c->stats.synced_bytes += next.end;
    ckpt_forget_pending(c);
    return ERR_OK;
}

static enum err append_pending(struct ckpt *c, struct errmsg *em)
{
    uint64_t before = c->file.end;
    struct reader r = reader_of(writer_slice(&c->pending));
    while (reader_left(&r) > 0) {
        enum wal_type type = (enum wal_type)reader_u16(&r);
        wal_append(&c->file, type, reader_take(&r, reader_u32(&r)));
    }
    ckpt_forget_pending(c);
    TRY(wal_commit(&c->file, em));
    c->stats.synced_bytes += c->file.end - before;
    return ERR_OK;
}

enum err ckpt_sync(struct ckpt *c, struct errmsg *em)
{
    if (c->file.failed)
        return errmsg_set(em, ERR_STATE_IO,
                          "%s: the checkpoint log is not written to after a failed write", c->path);
    if (c->pending.len == 0)
        return ERR_OK;
    enum err e = wal_fits(&c->file, c->pending_bytes) ? append_pending(c, em) : ckpt_compact(c, em);
    if (e == ERR_OK)
        c->stats.syncs++;
    else
        errmsg_prefix(em, "%s", c->path);
    return e;
}

void ckpt_stats(const struct ckpt *c, struct ckpt_stats *out)
{
    *out = c->stats;
    out->file_size = c->file.size;
    out->state_records = c->state.count;
    out->state_bytes = c->state.bytes;
}
