/*
 * A table map against a catalogue's definition, both from anywhere.
 *
 * Input: u8 columns of the map; per column u8 type, u16 metadata, u8 flags,
 * u16 collation, u8 length of members and so many bytes; u8 flags of the
 * table; what is left is a serialized table_def, or none if it cannot be
 * parsed (the columns have names then). Whatever comes out of table_resolve()
 * is a table whose indexes are in bounds and whose type texts are known.
 */
#include "base/reader.h"
#include "schema/table.h"
#include "schema/type_text.h"

#include <stdlib.h>

#define CHECK(ok)                                                                                  \
    do {                                                                                           \
        if (!(ok))                                                                                 \
            __builtin_trap();                                                                      \
    } while (0)

static void take_column(struct reader *r, struct map_column *m)
{
    m->type = reader_u8(r);
    m->meta = reader_u16(r);
    uint8_t flags = reader_u8(r);
    m->nullable = flags & 1;
    m->has_signedness = flags >> 1 & 1;
    m->is_unsigned = flags >> 2 & 1;
    m->has_visibility = flags >> 3 & 1;
    m->invisible = flags >> 4 & 1;
    m->has_geometry_type = flags >> 5 & 1;
    m->geometry_type = flags >> 6;
    m->name = flags >> 7 & 1 ? SLICE_LIT("c") : SLICE_LIT("");
    m->collation = reader_u16(r);
    m->members = reader_take(r, reader_u8(r));
}

static void check_parts(const struct table *t, const uint16_t *parts, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        CHECK(parts[i] < t->column_count);
}

static void check_table(const struct table *t)
{
    struct type_text text;
    for (uint32_t i = 0; i < t->column_count; i++) {
        const struct column *c = &t->columns[i];
        CHECK(type_text_parse(c->type_text, &text));
        CHECK(c->kind == text.kind && c->fsp <= 6 && c->scale <= c->precision);
        CHECK(c->member_count == text.member_count);
        CHECK(c->kind != COL_TEXT || (c->charset != NULL && c->charset->form != CHARSET_BINARY));
    }
    check_parts(t, t->pk, t->pk_count);
    check_parts(t, t->identity, t->identity_count);
    check_parts(t, t->partition, t->partition_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader r = reader_of(slice_of(data, size));
    struct map_column columns[256] = {0};
    struct table_map map = {.database = SLICE_LIT("d"), .name = SLICE_LIT("t"), .columns = columns};
    map.column_count = reader_u8(&r);
    for (uint32_t i = 0; i < map.column_count; i++)
        take_column(&r, &columns[i]);
    map.flags = reader_u8(&r);
    struct map_key_part part = {.column = (uint16_t)(map.flags >> 4)};
    map.has_primary_key = map.flags >> 3 & 1;
    map.key_parts = &part;
    map.key_part_count = map.has_primary_key;

    struct table_def *def = NULL;
    struct table *t;
    struct errmsg em = {0};
    if (table_def_parse(reader_rest(&r), &def) != ERR_OK)
        def = NULL;
    enum err e = table_resolve(&map, def, &t, &em);
    CHECK(e == ERR_OK || em.text[0] != 0);
    if (e == ERR_OK) {
        check_table(t);
        table_unref(t);
    }
    free(def);
    return 0;
}
