#include "mysqlproto/command.h"

#include "mysqlproto/gtid_set.h"
#include "schema/table_map.h"

enum command {
    COM_QUIT = 0x01,
    COM_QUERY = 0x03,
    COM_PING = 0x0E,
    COM_BINLOG_DUMP = 0x12,
    COM_REGISTER_SLAVE = 0x15,
    COM_STMT_PREPARE = 0x16,
    COM_STMT_EXECUTE = 0x17,
    COM_STMT_CLOSE = 0x19,
    COM_BINLOG_DUMP_GTID = 0x1E,
};

#define HOST_MAX       60 /* HOSTNAME_LENGTH of the servers that know the fewest */
#define POSITION_FIRST 4
#define PARAM_UNSIGNED 0x80

void my_command_quit(struct writer *w)
{
    writer_u8(w, COM_QUIT);
}

void my_command_ping(struct writer *w)
{
    writer_u8(w, COM_PING);
}

void my_command_query(struct writer *w, struct slice sql)
{
    writer_u8(w, COM_QUERY);
    writer_slice_put(w, sql);
}

void my_command_prepare(struct writer *w, struct slice sql)
{
    writer_u8(w, COM_STMT_PREPARE);
    writer_slice_put(w, sql);
}

void my_command_close(struct writer *w, uint32_t statement_id)
{
    writer_u8(w, COM_STMT_CLOSE);
    writer_u32(w, statement_id);
}

static uint16_t param_type(const struct my_param *p)
{
    switch (p->kind) {
    case MY_PARAM_NULL:
        return MY_TYPE_NULL;
    case MY_PARAM_I64:
        return MY_TYPE_LONGLONG;
    case MY_PARAM_U64:
        return MY_TYPE_LONGLONG | PARAM_UNSIGNED << 8;
    case MY_PARAM_F32:
        return MY_TYPE_FLOAT;
    case MY_PARAM_F64:
        return MY_TYPE_DOUBLE;
    case MY_PARAM_STRING:
        return MY_TYPE_VAR_STRING;
    case MY_PARAM_BYTES:
        return MY_TYPE_BLOB;
    case MY_PARAM_DECIMAL:
        return MY_TYPE_NEWDECIMAL;
    }
    return MY_TYPE_NULL;
}

static void write_param(struct writer *w, const struct my_param *p)
{
    uint64_t bits;
    uint32_t bits32;
    switch (p->kind) {
    case MY_PARAM_NULL:
        break;
    case MY_PARAM_I64:
        writer_u64(w, (uint64_t)p->i64);
        break;
    case MY_PARAM_U64:
        writer_u64(w, p->u64);
        break;
    case MY_PARAM_F32:
        memcpy(&bits32, &p->f32, sizeof(bits32));
        writer_u32(w, bits32);
        break;
    case MY_PARAM_F64:
        memcpy(&bits, &p->f64, sizeof(bits));
        writer_u64(w, bits);
        break;
    case MY_PARAM_STRING:
    case MY_PARAM_BYTES:
    case MY_PARAM_DECIMAL:
        writer_lenenc_str(w, p->string);
        break;
    }
}

/*
 *     command        1
 *     statement id   4
 *     cursor         1   0: none
 *     iterations     4   1
 *   with parameters:
 *     NULL bitmap    (n + 7) / 8
 *     types follow   1   1
 *     types          2 each, the high byte is 0x80 for unsigned
 *     values
 */
void my_command_execute(struct writer *w, uint32_t statement_id, const struct my_param *params,
                        uint32_t param_count)
{
    writer_u8(w, COM_STMT_EXECUTE);
    writer_u32(w, statement_id);
    writer_u8(w, 0);
    writer_u32(w, 1);
    if (param_count == 0)
        return;
    for (uint32_t i = 0; i < param_count; i += 8) {
        uint8_t bits = 0;
        for (uint32_t j = i; j < i + 8 && j < param_count; j++)
            bits |= (uint8_t)((params[j].kind == MY_PARAM_NULL) << (j - i));
        writer_u8(w, bits);
    }
    writer_u8(w, 1);
    for (uint32_t i = 0; i < param_count; i++)
        writer_u16(w, param_type(&params[i]));
    for (uint32_t i = 0; i < param_count; i++)
        write_param(w, &params[i]);
}

/*
 *     command     1
 *     server id   4
 *     host        n   length byte and text; so are user and password, left empty
 *     port        2
 *     rank        4   0
 *     master id   4   0
 */
void my_command_register(struct writer *w, uint32_t server_id, struct slice host, uint16_t port)
{
    size_t n = host.len < HOST_MAX ? host.len : HOST_MAX;
    writer_u8(w, COM_REGISTER_SLAVE);
    writer_u32(w, server_id);
    writer_u8(w, (uint8_t)n);
    writer_put(w, host.ptr, n);
    writer_u8(w, 0);
    writer_u8(w, 0);
    writer_u16(w, port);
    writer_u32(w, 0);
    writer_u32(w, 0);
}

void my_command_dump(struct writer *w, uint32_t server_id, uint16_t flags, struct slice file,
                     uint32_t offset)
{
    writer_u8(w, COM_BINLOG_DUMP);
    writer_u32(w, offset);
    writer_u16(w, flags);
    writer_u32(w, server_id);
    writer_slice_put(w, file);
}

/*
 *     command       1
 *     flags         2
 *     server id     4
 *     file name     4 + n   length and text; empty: the server chooses by the set
 *     position      8
 *     set           4 + n   length and bytes
 */
void my_command_dump_gtid(struct writer *w, uint32_t server_id, uint16_t flags,
                          const struct my_gtid_set *executed)
{
    writer_u8(w, COM_BINLOG_DUMP_GTID);
    writer_u16(w, flags);
    writer_u32(w, server_id);
    writer_u32(w, 0);
    writer_u64(w, POSITION_FIRST);
    size_t length_at = w->len;
    writer_u32(w, 0);
    my_gtid_set_encode(executed, w);
    if (w->err != ERR_OK)
        return;
    uint32_t n = (uint32_t)(w->len - length_at - 4);
    for (unsigned i = 0; i < 4; i++)
        w->base[length_at + i] = (uint8_t)(n >> (8 * i));
}
