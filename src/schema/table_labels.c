/* The labels of ENUM and SET columns, from the map's metadata and from type texts. */
#include "base/reader.h"
#include "schema/charset.h"
#include "schema/table_int.h"

/* Labels of the map's metadata: a count and strings in the column's character set. */
static enum err members_of_map(struct resolver *b, uint32_t i)
{
    struct column *c = &b->table->columns[i];
    const struct charset *cs = c->charset;
    if (cs == NULL || cs->form == CHARSET_BINARY)
        cs = charset_of_name(SLICE_LIT("utf8mb4"));
    TRY(charset_prepare(cs));

    struct reader r = reader_of(b->map->columns[i].members);
    uint64_t count = reader_lenenc(&r);
    if (reader_finish(&r) != ERR_OK || count > TYPE_MEMBERS_MAX || count > reader_left(&r))
        return table_column_mismatch(b, i, "has a damaged list of members in the binlog");
    struct slice *members = arena_array(b->arena, (size_t)count, sizeof(*members));
    if (members == NULL)
        return ERR_NO_MEMORY;
    for (uint64_t k = 0; k < count; k++) {
        struct slice raw = reader_lenenc_str(&r);
        writer_clear(&b->scratch);
        if (reader_finish(&r) != ERR_OK)
            return table_column_mismatch(b, i, "has a damaged list of members in the binlog");
        TRY(charset_to_utf8(cs, raw, &b->scratch, true, NULL));
        members[k] = arena_copy(b->arena, writer_slice(&b->scratch));
    }
    c->members = members;
    c->member_count = (uint32_t)count;
    return ERR_OK;
}

static enum err members_of_text(struct resolver *b, uint32_t i, const struct type_text *t)
{
    struct column *c = &b->table->columns[i];
    struct slice *members = arena_array(b->arena, t->member_count, sizeof(*members));
    uint8_t *text = arena_alloc(b->arena, t->members.len);
    if (members == NULL || text == NULL)
        return ERR_NO_MEMORY;
    struct slice rest = t->members, quoted;
    uint32_t k = 0;
    while (k < t->member_count && type_member_next(&rest, &quoted)) {
        size_t n = type_member_unquote(quoted, text);
        members[k++] = slice_of(text, n);
        text += n;
    }
    c->members = members;
    c->member_count = k;
    return ERR_OK;
}

/*
 * information_schema is utf8mb3 on most servers and shows '?' for what that
 * cannot hold, so such a label agrees with any.
 */
static bool label_agrees(struct slice in_map, struct slice in_def)
{
    return slice_eq(in_map, in_def) || memchr(in_def.ptr, '?', in_def.len) != NULL;
}

enum err table_labels(struct resolver *b, uint32_t i, const struct type_text *t)
{
    struct column *c = &b->table->columns[i];
    if (b->map->columns[i].members.len == 0)
        return members_of_text(b, i, t);
    TRY(members_of_map(b, i));
    struct slice *of_map = c->members;
    uint32_t count = c->member_count;
    if (count != t->member_count)
        return table_column_mismatch(b, i, "has %u members in the binlog and %u in the catalogue",
                                     count, t->member_count);
    TRY(members_of_text(b, i, t));
    for (uint32_t k = 0; k < count; k++)
        if (!label_agrees(of_map[k], c->members[k]))
            return table_column_mismatch(
                b, i, "has '%.*s' as its member %u in the binlog and '%.*s' in the catalogue",
                SLICE_ARG(of_map[k]), k + 1, SLICE_ARG(c->members[k]));
    c->members = of_map;
    return ERR_OK;
}

enum err table_labels_rebuild(struct resolver *b, uint32_t i)
{
    struct column *c = &b->table->columns[i];
    if (b->map->columns[i].members.len == 0)
        return table_column_mismatch(b, i,
                                     "has members that neither the binlog nor a catalogue names");
    TRY(members_of_map(b, i));
    writer_clear(&b->scratch);
    writer_printf(&b->scratch, "%s(", b->map->columns[i].type == MY_TYPE_ENUM ? "enum" : "set");
    for (uint32_t k = 0; k < c->member_count; k++) {
        if (k > 0)
            writer_u8(&b->scratch, ',');
        type_member_quote(c->members[k], &b->scratch);
    }
    writer_u8(&b->scratch, ')');
    return b->scratch.err;
}
