/* Records that are kept elsewhere, under names: out of the state, and back into it. */
#include "base/reader.h"
#include "base/writer.h"
#include "checkpoint/ckpt_int.h"
#include "checkpoint/record.h"

#include <string.h>

#define PENDING_HEAD 6 /* of a record in ckpt.pending: type 2, length 4 */
#define KEY_MAX      UINT16_MAX

/* Names by type; those with a slash are followed by the record's key. */
static const struct {
    enum wal_type type;
    enum wal_type end; /* WAL_COMMIT: never ends */
    const char *kind;
} kinds[] = {
    {WAL_TASK, WAL_COMMIT, "task"},
    {WAL_IDENTITY, WAL_COMMIT, "identity"},
    {WAL_POSITION, WAL_COMMIT, CKPT_POSITION_RECORD},
    {WAL_XA, WAL_XA_END, "xa/"},
    {WAL_TOPIC, WAL_COMMIT, "topic/"},
    {WAL_TABLE, WAL_TABLE_END, "table/"},
    {WAL_RESERVED, WAL_COMMIT, "reserved"},
    {WAL_FACT, WAL_COMMIT, "fact/"},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static bool fill(enum wal_type type, struct slice payload, struct ckpt_record *out)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (type != kinds[i].type && (type != kinds[i].end || type == WAL_COMMIT))
            continue;
        size_t key_len = load_le16(payload.ptr);
        *out = (struct ckpt_record){
            .kind = kinds[i].kind,
            .key = slice_of(payload.ptr + 2, key_len),
            .ends = type != kinds[i].type,
            .value = slice_of(payload.ptr + 2 + key_len, payload.len - 2 - key_len),
        };
        return true;
    }
    return false;
}

bool ckpt_next_change(const struct ckpt *c, size_t *it, struct ckpt_record *out)
{
    while (*it < c->pending.len) {
        const uint8_t *head = c->pending.base + *it;
        size_t len = load_le32(head + 2);
        *it += PENDING_HEAD + len;
        if (fill((enum wal_type)load_le16(head), slice_of(head + PENDING_HEAD, len), out))
            return true;
    }
    return false;
}

bool ckpt_next_record(const struct ckpt *c, size_t *it, struct ckpt_record *out)
{
    while (*it < c->state.count) {
        const struct ckpt_entry *e = &c->state.entries[(*it)++];
        if (fill(e->type, e->bytes, out))
            return true;
    }
    return false;
}

static void clear(struct ckpt *c)
{
    ckpt_state_fini(&c->state);
    c->state = (struct ckpt_state){0};
    ckpt_forget_pending(c);
}

void ckpt_restore_begin(struct ckpt *c)
{
    clear(c);
}

static enum err take(struct ckpt *c, enum wal_type type, struct slice key, struct slice value)
{
    struct writer w;
    writer_init(&w, WAL_PAYLOAD_MAX);
    record_key(&w, key);
    writer_slice_put(&w, value);
    enum err e = w.err;
    if (e == ERR_OK && !record_well_formed(type, writer_slice(&w)))
        e = ERR_STATE_DAMAGED;
    if (e == ERR_OK)
        e = ckpt_state_put(&c->state, type, writer_slice(&w));
    writer_fini(&w);
    return e;
}

enum err ckpt_restore(struct ckpt *c, struct slice name, const struct slice *value)
{
    for (size_t i = 0; i < KINDS; i++) {
        size_t len = strlen(kinds[i].kind);
        bool keyed = kinds[i].kind[len - 1] == '/';
        if (name.len < len || memcmp(name.ptr, kinds[i].kind, len) != 0 ||
            (keyed ? name.len == len || name.len - len > KEY_MAX : name.len != len))
            continue;
        struct slice key = slice_of(name.ptr + len, name.len - len);
        if (value != NULL)
            return take(c, kinds[i].type, key, *value);
        ckpt_state_drop(&c->state, kinds[i].type, key);
        return ERR_OK;
    }
    return ERR_STATE_DAMAGED;
}

enum err ckpt_restore_end(struct ckpt *c, const char *task, struct errmsg *em)
{
    const struct ckpt_entry *e = ckpt_state_get(&c->state, WAL_TASK, SLICE_LIT(""));
    if (e == NULL)
        return errmsg_set(em, ERR_STATE_DAMAGED, "no record says whose state it is");
    if (!slice_eq(ckpt_entry_value(e), slice_str(task)))
        return errmsg_set(em, ERR_CONFIG, "it is the state of the task %.*s, not of %s",
                          SLICE_ARG(ckpt_entry_value(e)), task);
    enum err err = ckpt_compact(c, em);
    if (err != ERR_OK)
        errmsg_prefix(em, "%s", c->path);
    return err;
}

enum err ckpt_revert(struct ckpt *c, struct errmsg *em)
{
    clear(c);
    return ckpt_recover(c, em);
}
