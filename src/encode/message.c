#include "encode/message_int.h"

#include <stdlib.h>

#define ARENA_SIZE 4096

struct message_reader *message_reader_new(enum format_kind format, bool texts)
{
    struct message_reader *r = calloc(1, sizeof(*r));
    if (r != NULL) {
        r->format = format;
        r->texts = texts;
    }
    return r;
}

static void forget(struct message_reader *r)
{
    canal_read_forget(r);
    if (r->arena != NULL)
        arena_free(r->arena);
    r->arena = NULL;
}

void message_reader_free(struct message_reader *r)
{
    if (r == NULL)
        return;
    forget(r);
    free(r->columns);
    free(r);
}

enum err message_add_column(struct message_reader *r, uint32_t *count, struct slice name)
{
    if (*count == r->column_cap) {
        uint32_t cap = r->column_cap == 0 ? 32 : r->column_cap * 2;
        struct message_column *columns = realloc(r->columns, cap * sizeof(*columns));
        if (columns == NULL)
            return ERR_NO_MEMORY;
        r->columns = columns;
        r->column_cap = cap;
    }
    static const struct message_value absent = {
        .kind = MESSAGE_ABSENT, .raw = {(const uint8_t *)"", 0}, .text = {(const uint8_t *)"", 0}};
    r->columns[(*count)++] = (struct message_column){name, absent, absent};
    return ERR_OK;
}

uint8_t *message_room(struct message_reader *r, size_t n)
{
    if (r->arena == NULL)
        r->arena = arena_new(n > ARENA_SIZE ? n + ARENA_SIZE : ARENA_SIZE);
    return r->arena != NULL ? arena_alloc(r->arena, n) : NULL;
}

enum err message_read(struct message_reader *r, struct slice value, struct message *out)
{
    forget(r);
    struct message m = {.type = SLICE_LIT(""),
                        .database = SLICE_LIT(""),
                        .table = SLICE_LIT(""),
                        .sql = SLICE_LIT("")};
    enum err e = ERR_MALFORMED;
    if (r->format == FORMAT_CANAL_JSON) {
        e = canal_read(r, value, &m);
    } else {
        struct message framed = m;
        e = dts_avro_read(r, value, &m);
        if (e == ERR_MALFORMED && value.len > DTS_AVRO_FRAME_LEN && value.ptr[0] == 0) {
            m = framed;
            e = dts_avro_read(
                r, slice_of(value.ptr + DTS_AVRO_FRAME_LEN, value.len - DTS_AVRO_FRAME_LEN), &m);
        }
    }
    if (e == ERR_OK)
        *out = m;
    return e;
}
