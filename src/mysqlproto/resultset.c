#include "mysqlproto/resultset.h"

#include "base/reader.h"
#include "mysqlproto/capability.h"
#include "mysqlproto/packet.h"

#define HEADER_OK    0x00
#define HEADER_EOF   0xFE
#define HEADER_ERR   0xFF
#define TEXT_NULL    0xFB
#define EOF_LEN_MAX  9 /* without DEPRECATE_EOF: a longer packet with this header is a row */
#define SQLSTATE_LEN 5

/*
 *     header           1   0x00, or 0xFE at the end of a result
 *     affected rows    n   length-encoded
 *     last insert id   n   length-encoded
 *     status           2
 *     warnings         2
 *     info             n   length-encoded with SESSION_TRACK, where it may be missing; else the
 * rest tracked          n   length-encoded, with SESSION_TRACK and MY_STATUS_STATE_CHANGED
 */
enum err my_ok_parse(struct slice payload, uint64_t capabilities, struct my_ok *out)
{
    struct my_ok ok = {.info = SLICE_LIT(""), .tracked = SLICE_LIT("")};
    struct reader r = reader_of(payload);
    uint8_t header = reader_u8(&r);
    if (header != HEADER_OK && header != HEADER_EOF)
        return ERR_PROTOCOL;
    ok.affected_rows = reader_lenenc(&r);
    ok.last_insert_id = reader_lenenc(&r);
    ok.status = reader_u16(&r);
    ok.warnings = reader_u16(&r);
    if ((capabilities & MY_CAP_SESSION_TRACK) == 0) {
        ok.info = reader_rest(&r);
    } else if (reader_left(&r) > 0) {
        ok.info = reader_lenenc_str(&r);
        if ((ok.status & MY_STATUS_STATE_CHANGED) != 0)
            ok.tracked = reader_lenenc_str(&r);
    }
    TRY(reader_finish(&r));
    *out = ok;
    return ERR_OK;
}

/* header 1, code 2, '#' and SQLSTATE 6 (not before the login), message to the end */
enum err my_error_parse(struct slice payload, struct my_error *out)
{
    struct my_error e = {.message = SLICE_LIT("")};
    struct reader r = reader_of(payload);
    if (reader_u8(&r) != HEADER_ERR)
        return ERR_PROTOCOL;
    e.code = reader_u16(&r);
    if (reader_left(&r) > SQLSTATE_LEN && *r.p == '#')
        memcpy(e.sqlstate, reader_take(&r, SQLSTATE_LEN + 1).ptr + 1, SQLSTATE_LEN);
    e.message = reader_rest(&r);
    TRY(reader_finish(&r));
    *out = e;
    return ERR_OK;
}

bool my_is_eof(struct slice payload, uint64_t capabilities)
{
    size_t max = (capabilities & MY_CAP_DEPRECATE_EOF) != 0 ? MY_PACKET_PIECE_MAX : EOF_LEN_MAX;
    return payload.len > 0 && payload.len < max && payload.ptr[0] == HEADER_EOF;
}

enum err my_eof_parse(struct slice payload, uint64_t capabilities, struct my_ok *out)
{
    if ((capabilities & MY_CAP_DEPRECATE_EOF) != 0)
        return my_ok_parse(payload, capabilities, out);
    struct my_ok ok = {.info = SLICE_LIT(""), .tracked = SLICE_LIT("")};
    struct reader r = reader_of(payload);
    if (reader_u8(&r) != HEADER_EOF)
        return ERR_PROTOCOL;
    ok.warnings = reader_u16(&r);
    ok.status = reader_u16(&r);
    TRY(reader_finish(&r));
    *out = ok;
    return ERR_OK;
}

enum err my_track_next(struct slice *entries, struct my_track *out)
{
    struct my_track t = {.name = SLICE_LIT(""), .value = SLICE_LIT("")};
    if (entries->len == 0)
        return ERR_NEED_INPUT;
    struct reader r = reader_of(*entries);
    t.type = reader_u8(&r);
    t.data = reader_lenenc_str(&r);
    TRY(reader_finish(&r));
    struct reader data = reader_of(t.data);
    if (t.type == MY_TRACK_VARIABLE)
        t.name = reader_lenenc_str(&data);
    if (t.type == MY_TRACK_GTIDS)
        reader_skip(&data, 1); /* encoding, always 0: text */
    if (t.type == MY_TRACK_VARIABLE || t.type == MY_TRACK_SCHEMA || t.type == MY_TRACK_GTIDS)
        t.value = reader_lenenc_str(&data);
    TRY(reader_finish(&data));
    *entries = reader_rest(&r);
    *out = t;
    return ERR_OK;
}

/* MariaDB's extended metadata: pairs of kind and text. */
static enum err parse_extended(struct slice block, struct my_column *c)
{
    struct reader r = reader_of(block);
    while (reader_left(&r) > 0) {
        uint8_t kind = reader_u8(&r);
        struct slice text = reader_lenenc_str(&r);
        if (kind == 0)
            c->type_name = text;
        else if (kind == 1)
            c->format_name = text;
        TRY(reader_finish(&r));
    }
    return ERR_OK;
}

/*
 *     catalog, schema, table, original table, name, original name   n each, length-encoded
 *     extended metadata   n   MariaDB, when agreed
 *     length of the rest  1   12
 *     collation           2
 *     length              4
 *     type                1
 *     flags               2
 *     decimals            1
 *     filler              2
 */
enum err my_column_parse(struct slice payload, uint64_t capabilities, struct my_column *out)
{
    struct my_column c = {.type_name = SLICE_LIT(""), .format_name = SLICE_LIT("")};
    struct reader r = reader_of(payload);
    reader_lenenc_str(&r);
    c.schema = reader_lenenc_str(&r);
    c.table = reader_lenenc_str(&r);
    reader_lenenc_str(&r);
    c.name = reader_lenenc_str(&r);
    c.org_name = reader_lenenc_str(&r);
    if ((capabilities & MY_CAP_MARIADB_EXTENDED_TYPES) != 0) {
        struct slice block = reader_lenenc_str(&r);
        TRY(parse_extended(block, &c));
    }
    reader_lenenc(&r);
    c.collation = reader_u16(&r);
    c.length = reader_u32(&r);
    c.type = reader_u8(&r);
    c.flags = reader_u16(&r);
    c.decimals = reader_u8(&r);
    TRY(reader_finish(&r));
    *out = c;
    return ERR_OK;
}

enum err my_text_row_parse(struct slice payload, uint32_t count, struct my_text_value *values)
{
    struct reader r = reader_of(payload);
    for (uint32_t i = 0; i < count; i++) {
        bool is_null = reader_left(&r) > 0 && *r.p == TEXT_NULL;
        values[i].is_null = is_null;
        values[i].text = SLICE_LIT("");
        if (is_null)
            reader_skip(&r, 1);
        else
            values[i].text = reader_lenenc_str(&r);
    }
    TRY(reader_finish(&r));
    return reader_left(&r) == 0 ? ERR_OK : ERR_PROTOCOL;
}
