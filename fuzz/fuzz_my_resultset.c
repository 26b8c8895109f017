/*
 * Packets of results (mysqlproto/resultset.h): OK, ERR, EOF, column
 * definitions, text rows.
 *
 * Slices that are handed out lie in the packet, and a text row written again
 * from its values is the row. The first byte chooses the parser and the
 * capabilities.
 */
#include "base/reader.h"
#include "base/writer.h"
#include "mysqlproto/capability.h"
#include "mysqlproto/resultset.h"

#include <stdlib.h>

#define CHECK(ok)                                                                                  \
    do {                                                                                           \
        if (!(ok))                                                                                 \
            __builtin_trap();                                                                      \
    } while (0)

static void inside(struct slice s, struct slice packet)
{
    CHECK(s.len == 0 || (s.ptr >= packet.ptr && s.ptr + s.len <= packet.ptr + packet.len));
}

static void text_row(struct slice in)
{
    struct my_text_value v[256];
    struct writer w;
    if (in.len == 0)
        return;
    uint32_t count = in.ptr[0];
    struct slice row = slice_of(in.ptr + 1, in.len - 1);
    if (my_text_row_parse(row, count, v) != ERR_OK)
        return;
    writer_init(&w, SIZE_MAX / 4);
    for (uint32_t i = 0; i < count; i++) {
        inside(v[i].text, row);
        if (v[i].is_null)
            writer_u8(&w, 0xFB);
        else
            writer_lenenc_str(&w, v[i].text);
    }
    CHECK(w.len <= row.len); /* a length may have been written longer than it needs */
    writer_fini(&w);
}

static void ok_packet(struct slice in, uint64_t caps)
{
    struct my_ok ok;
    struct my_track t;
    if (my_ok_parse(in, caps, &ok) != ERR_OK)
        return;
    inside(ok.info, in);
    inside(ok.tracked, in);
    while (my_track_next(&ok.tracked, &t) == ERR_OK) {
        inside(t.value, in);
        inside(t.name, in);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct slice in = slice_of(data + 1, size - 1);
    uint64_t caps = (data[0] & 0x80 ? MY_CAP_DEPRECATE_EOF : 0) |
                    (data[0] & 0x40 ? MY_CAP_SESSION_TRACK : 0) |
                    (data[0] & 0x20 ? MY_CAP_MARIADB_EXTENDED_TYPES : 0);
    struct my_ok ok;
    struct my_error error;
    struct my_column c;
    switch (data[0] & 7) {
    case 0:
        ok_packet(in, caps);
        break;
    case 1:
        if (my_error_parse(in, &error) == ERR_OK) {
            inside(error.message, in);
            CHECK(my_error_class(&error) != ERR_OK);
        }
        break;
    case 2:
        if (my_is_eof(in, caps))
            (void)!my_eof_parse(in, caps, &ok);
        break;
    case 3:
        if (my_column_parse(in, caps, &c) == ERR_OK) {
            inside(c.name, in);
            inside(c.type_name, in);
            inside(c.format_name, in);
        }
        break;
    default:
        text_row(in);
        break;
    }
    return 0;
}
