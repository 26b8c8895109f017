#include "mysqlproto/binlog/control.h"

#include "base/reader.h"

/*
 * post-header: u64 position; then the file name to the end. Servers before
 * 4.0 have no post-header, and none of them is read.
 */
enum err binlog_rotate_parse(const struct binlog_format *f, struct slice body,
                             struct binlog_rotate *out)
{
    size_t post_header = f->known ? f->post_header_len[BINLOG_ROTATE] : 8;
    if (post_header < 8)
        return ERR_UNSUPPORTED;
    struct reader r = reader_of(body);
    uint64_t position = reader_u64(&r);
    reader_skip(&r, post_header - 8);
    struct slice file = reader_rest(&r);
    TRY(reader_finish(&r));
    *out = (struct binlog_rotate){position, file};
    return ERR_OK;
}

/* HEARTBEAT_V2: fields of u8 type, lenenc length, value; type 0 ends them. */
static enum err heartbeat_v2(struct slice body, struct binlog_heartbeat *out)
{
    struct binlog_heartbeat hb = {.file = SLICE_LIT("")};
    struct reader r = reader_of(body);
    while (reader_left(&r) > 0) {
        uint64_t type = reader_lenenc(&r);
        if (type == 0)
            break;
        struct slice value = reader_lenenc_str(&r);
        struct reader v = reader_of(value);
        if (type == 1)
            hb.file = value;
        else if (type == 2)
            hb.position = reader_lenenc(&v);
        TRY(reader_finish(&v));
    }
    TRY(reader_finish(&r));
    *out = hb;
    return ERR_OK;
}

enum err binlog_heartbeat_parse(const struct binlog_event *ev, struct binlog_heartbeat *out)
{
    if (ev->header.type == BINLOG_HEARTBEAT_V2)
        return heartbeat_v2(ev->body, out);
    *out = (struct binlog_heartbeat){.file = ev->body, .position = ev->header.log_pos};
    return ERR_OK;
}

enum err binlog_incident_parse(struct slice body, struct binlog_incident *out)
{
    struct reader r = reader_of(body);
    uint16_t number = reader_u16(&r);
    struct slice text = SLICE_LIT("");
    if (reader_left(&r) > 0)
        text = reader_take(&r, reader_u8(&r));
    TRY(reader_finish(&r));
    *out = (struct binlog_incident){number, text};
    return ERR_OK;
}

enum err binlog_xid_event_parse(struct slice body, uint64_t *out)
{
    struct reader r = reader_of(body);
    uint64_t xid = reader_u64(&r);
    TRY(reader_finish(&r));
    *out = xid;
    return ERR_OK;
}

/* u8 one phase, u32 format id, u32 gtrid length, u32 bqual length, data */
enum err binlog_xa_prepare_parse(struct slice body, struct binlog_xa_prepare *out)
{
    struct binlog_xa_prepare xa = {0};
    struct reader r = reader_of(body);
    xa.one_phase = reader_u8(&r) != 0;
    xa.xid.format_id = reader_u32(&r);
    uint32_t gtrid_len = reader_u32(&r);
    uint32_t bqual_len = reader_u32(&r);
    if (gtrid_len > BINLOG_XID_PART_MAX || bqual_len > BINLOG_XID_PART_MAX)
        return ERR_MALFORMED;
    xa.xid.gtrid_len = (uint8_t)gtrid_len;
    xa.xid.bqual_len = (uint8_t)bqual_len;
    struct slice data = reader_take(&r, gtrid_len + bqual_len);
    TRY(reader_finish(&r));
    memcpy(xa.xid.data, data.ptr, data.len);
    *out = xa;
    return ERR_OK;
}

enum err binlog_checkpoint_parse(struct slice body, struct slice *file)
{
    struct reader r = reader_of(body);
    struct slice name = reader_take(&r, reader_u32(&r));
    TRY(reader_finish(&r));
    *file = name;
    return ERR_OK;
}

enum err binlog_rows_query_parse(const struct binlog_event *ev, struct slice *sql)
{
    struct reader r = reader_of(ev->body);
    if (ev->header.type == BINLOG_ROWS_QUERY)
        reader_skip(&r, 1); /* the text's length modulo 256: of no use */
    struct slice text = reader_rest(&r);
    TRY(reader_finish(&r));
    *sql = text;
    return ERR_OK;
}

enum err binlog_intvar_parse(struct slice body, struct binlog_intvar *out)
{
    struct reader r = reader_of(body);
    uint8_t kind = reader_u8(&r);
    uint64_t value = reader_u64(&r);
    TRY(reader_finish(&r));
    *out = (struct binlog_intvar){kind, value};
    return ERR_OK;
}

enum err binlog_rand_parse(struct slice body, struct binlog_rand *out)
{
    struct reader r = reader_of(body);
    uint64_t seed1 = reader_u64(&r);
    uint64_t seed2 = reader_u64(&r);
    TRY(reader_finish(&r));
    *out = (struct binlog_rand){seed1, seed2};
    return ERR_OK;
}

/* u32 name length, name, u8 is null, and if not: u8 type, u32 collation, u32 length, value, [u8
 * flags] */
enum err binlog_user_var_parse(struct slice body, struct binlog_user_var *out)
{
    struct binlog_user_var v = {.value = SLICE_LIT("")};
    struct reader r = reader_of(body);
    v.name = reader_take(&r, reader_u32(&r));
    v.is_null = reader_u8(&r) != 0;
    if (!v.is_null) {
        v.type = reader_u8(&r);
        v.collation = reader_u32(&r);
        v.value = reader_take(&r, reader_u32(&r));
        v.has_flags = reader_left(&r) > 0;
        if (v.has_flags)
            v.flags = reader_u8(&r);
    }
    TRY(reader_finish(&r));
    *out = v;
    return ERR_OK;
}

enum err binlog_load_block_parse(struct slice body, struct binlog_load_block *out)
{
    struct reader r = reader_of(body);
    uint32_t file_id = reader_u32(&r);
    struct slice data = reader_rest(&r);
    TRY(reader_finish(&r));
    *out = (struct binlog_load_block){file_id, data};
    return ERR_OK;
}
