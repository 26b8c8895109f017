/*
 * Greeting, protocol version 10 ("Protocol::HandshakeV10", MySQL source docs;
 * MariaDB: "Connection", initial handshake packet):
 *
 *     protocol              1   10
 *     server version        n   NUL-terminated
 *     thread id             4
 *     scramble, first part  8
 *     filler                1
 *     capabilities, low     2
 *     collation             1   low byte of the id
 *     status                2
 *     capabilities, high    2
 *     length of auth data   1   both parts of the scramble and a NUL
 *     reserved             10   MariaDB: 6 of zero, 4 of extended capabilities
 *     scramble, second part n   at least 13
 *     plugin name           n   NUL-terminated; servers before 5.5.10 forget the NUL
 */
#include "mysqlproto/handshake.h"

#include "base/reader.h"
#include "mysqlproto/capability.h"

#define PROTOCOL_VERSION    10
#define SCRAMBLE_PART_1     8
#define SCRAMBLE_PART_2_MIN 13
#define MAX_PACKET          0x01000000u /* what clients usually say; a dump does not heed it */
#define COLLATION_UTF8MB4   45 /* utf8mb4_general_ci, which every server from 5.5 on knows */
#define ATTRIBUTES_MAX      4096

static bool contains(struct slice s, const char *word)
{
    return memmem(s.ptr, s.len, word, strlen(word)) != NULL;
}

enum err my_greeting_parse(struct slice payload, struct my_greeting *out)
{
    struct my_greeting g = {.plugin = SLICE_LIT("")};
    struct reader r = reader_of(payload);
    if (reader_u8(&r) != PROTOCOL_VERSION)
        return ERR_PROTOCOL;
    g.version = reader_cstr(&r);
    g.thread_id = reader_u32(&r);
    struct slice part_1 = reader_take(&r, SCRAMBLE_PART_1);
    reader_skip(&r, 1);
    g.capabilities = reader_u16(&r);
    g.collation = reader_u8(&r);
    g.status = reader_u16(&r);
    g.capabilities |= (uint64_t)reader_u16(&r) << 16;
    size_t auth_len = reader_u8(&r);
    reader_skip(&r, 6);
    uint64_t extended = reader_u32(&r);
    size_t part_2_len = auth_len > SCRAMBLE_PART_1 + SCRAMBLE_PART_2_MIN
                            ? auth_len - SCRAMBLE_PART_1
                            : SCRAMBLE_PART_2_MIN;
    struct slice part_2 = reader_take(&r, part_2_len);
    TRY(reader_finish(&r));

    memcpy(g.scramble, part_1.ptr, SCRAMBLE_PART_1);
    memcpy(g.scramble + SCRAMBLE_PART_1, part_2.ptr, MY_SCRAMBLE_LEN - SCRAMBLE_PART_1);
    if ((g.capabilities & MY_CAP_PLUGIN_AUTH) != 0) {
        struct slice rest = reader_rest(&r);
        g.plugin = slice_of(rest.ptr, strnlen((const char *)rest.ptr, rest.len));
    }
    g.mariadb = (g.capabilities & MY_CAP_MYSQL) == 0 || contains(g.version, "MariaDB");
    if ((g.capabilities & MY_CAP_MYSQL) == 0)
        g.capabilities |= extended << 32;
    *out = g;
    return ERR_OK;
}

/*
 *     capabilities   4
 *     max packet     4
 *     collation      1
 *     reserved      23   MariaDB: 19 of zero, 4 of extended capabilities
 */
void my_ssl_request_write(const struct my_response *rs, struct writer *w)
{
    static const uint8_t zero[19];
    writer_u32(w, (uint32_t)rs->capabilities);
    writer_u32(w, MAX_PACKET);
    writer_u8(w, COLLATION_UTF8MB4);
    writer_put(w, zero, sizeof(zero));
    writer_u32(w, rs->mariadb ? (uint32_t)(rs->capabilities >> 32) : 0);
}

static void write_attributes(const struct my_response *rs, struct writer *w)
{
    struct writer pairs;
    writer_init(&pairs, ATTRIBUTES_MAX);
    for (size_t i = 0; i < rs->attribute_count; i++) {
        if (rs->attributes[i].value.len == 0)
            continue;
        writer_lenenc_str(&pairs, rs->attributes[i].name);
        writer_lenenc_str(&pairs, rs->attributes[i].value);
    }
    if (pairs.err != ERR_OK)
        writer_clear(&pairs); /* they are a courtesy */
    writer_lenenc_str(w, writer_slice(&pairs));
    writer_fini(&pairs);
}

/*
 * The fields of SSLRequest, then:
 *
 *     user           n   NUL-terminated
 *     auth           n   length-encoded; without MY_CAP_LENENC_AUTH a length byte
 *     database       n   NUL-terminated, with MY_CAP_CONNECT_WITH_DB
 *     plugin         n   NUL-terminated, with MY_CAP_PLUGIN_AUTH
 *     attributes     n   length-encoded, with MY_CAP_CONNECT_ATTRS
 *     zstd level     1   with MY_CAP_ZSTD
 */
void my_response_write(const struct my_response *rs, struct writer *w)
{
    my_ssl_request_write(rs, w);
    writer_cstr(w, rs->user);
    if ((rs->capabilities & MY_CAP_LENENC_AUTH) != 0) {
        writer_lenenc_str(w, rs->auth);
    } else {
        size_t n = rs->auth.len < 255 ? rs->auth.len : 255;
        writer_u8(w, (uint8_t)n);
        writer_put(w, rs->auth.ptr, n);
    }
    if ((rs->capabilities & MY_CAP_CONNECT_WITH_DB) != 0)
        writer_cstr(w, rs->database);
    if ((rs->capabilities & MY_CAP_PLUGIN_AUTH) != 0)
        writer_cstr(w, rs->plugin);
    if ((rs->capabilities & MY_CAP_CONNECT_ATTRS) != 0)
        write_attributes(rs, w);
    if ((rs->capabilities & MY_CAP_ZSTD) != 0)
        writer_u8(w, rs->zstd_level);
}

enum err my_auth_switch_parse(struct slice payload, struct my_auth_switch *out)
{
    struct my_auth_switch s;
    struct reader r = reader_of(payload);
    if (reader_u8(&r) != 0xFE)
        return ERR_PROTOCOL;
    s.plugin = reader_cstr(&r);
    s.data = reader_rest(&r);
    TRY(reader_finish(&r));
    *out = s;
    return ERR_OK;
}
