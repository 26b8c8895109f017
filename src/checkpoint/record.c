#include "checkpoint/record.h"

#include "base/reader.h"

void record_key(struct writer *w, struct slice key)
{
    writer_u16(w, (uint16_t)key.len);
    writer_slice_put(w, key);
}

void record_position(struct writer *w, const struct ckpt_position *p)
{
    writer_u8(w, (uint8_t)p->kind);
    writer_put(w, p->server_uuid, sizeof(p->server_uuid));
    writer_u32(w, p->server_id);
    writer_u64(w, p->offset);
    writer_u64(w, p->rows);
    writer_u64(w, p->next_id);
    writer_u64(w, p->source_time_us);
    writer_u64(w, p->taken_at_us);
    writer_u16(w, (uint16_t)p->file.len);
    writer_slice_put(w, p->file);
    writer_u32(w, (uint32_t)p->gtid_set.len);
    writer_slice_put(w, p->gtid_set);
}

void record_identity(struct writer *w, const struct ckpt_identity *id)
{
    writer_u8(w, (uint8_t)id->flavour);
    writer_u32(w, id->server_id);
    writer_put(w, id->server_uuid, sizeof(id->server_uuid));
    writer_u16(w, (uint16_t)id->version.len);
    writer_slice_put(w, id->version);
}

static bool finished(const struct reader *r)
{
    return reader_finish(r) == ERR_OK && reader_left(r) == 0;
}

bool record_parse_position(struct slice value, struct ckpt_position *out)
{
    struct reader r = reader_of(value);
    struct ckpt_position p = {.kind = (enum ckpt_kind)reader_u8(&r)};
    struct slice uuid = reader_take(&r, sizeof(p.server_uuid));
    memcpy(p.server_uuid, uuid.ptr, uuid.len);
    p.server_id = reader_u32(&r);
    p.offset = reader_u64(&r);
    p.rows = reader_u64(&r);
    p.next_id = reader_u64(&r);
    p.source_time_us = reader_u64(&r);
    p.taken_at_us = reader_u64(&r);
    p.file = reader_take(&r, reader_u16(&r));
    p.gtid_set = reader_take(&r, reader_u32(&r));
    if (!finished(&r) || p.kind < CKPT_FILE || p.kind > CKPT_MARIADB)
        return false;
    *out = p;
    return true;
}

bool record_parse_identity(struct slice value, struct ckpt_identity *out)
{
    struct reader r = reader_of(value);
    struct ckpt_identity id = {.flavour = (enum ckpt_flavour)reader_u8(&r)};
    id.server_id = reader_u32(&r);
    struct slice uuid = reader_take(&r, sizeof(id.server_uuid));
    memcpy(id.server_uuid, uuid.ptr, uuid.len);
    id.version = reader_take(&r, reader_u16(&r));
    if (!finished(&r) || id.flavour < CKPT_MYSQL || id.flavour > CKPT_MARIADB_SERVER)
        return false;
    *out = id;
    return true;
}

/* Types with one record at most have no key, the others have one. */
static bool key_fits(enum wal_type type, struct slice key)
{
    bool single =
        type == WAL_TASK || type == WAL_IDENTITY || type == WAL_POSITION || type == WAL_RESERVED;
    return single == (key.len == 0);
}

static bool value_fits(enum wal_type type, struct slice value)
{
    struct ckpt_position position;
    struct ckpt_identity identity;
    switch (type) {
    case WAL_TASK:
        return value.len > 0;
    case WAL_IDENTITY:
        return record_parse_identity(value, &identity);
    case WAL_POSITION:
    case WAL_XA:
        return record_parse_position(value, &position);
    case WAL_TOPIC:
        return value.len == 4;
    case WAL_RESERVED:
        return value.len == 8;
    case WAL_XA_END:
    case WAL_TABLE_END:
        return value.len == 0;
    case WAL_TABLE:
    case WAL_FACT:
        return true;
    case WAL_COMMIT:
        break;
    }
    return false;
}

bool record_well_formed(enum wal_type type, struct slice payload)
{
    if (type == WAL_COMMIT)
        return payload.len == 8;
    struct reader r = reader_of(payload);
    struct slice key = reader_take(&r, reader_u16(&r));
    struct slice value = reader_rest(&r);
    return reader_finish(&r) == ERR_OK && key_fits(type, key) && value_fits(type, value);
}
