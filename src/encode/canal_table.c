/* The constant part of Canal JSON, made once per version of a table. */
#include "encode/canal_int.h"


/* java.sql.Types, as Canal uses them; unsigned integers by column, not by value. */
static int sql_type(const struct column *col, bool enum_ordinal)
{
    bool u = col->is_unsigned;
    switch (col->kind) {
    case COL_TINYINT:
        return u ? 5 : -6;
    case COL_SMALLINT:
        return u ? 4 : 5;
    case COL_MEDIUMINT:
        return 4;
    case COL_INT:
        return u ? -5 : 4;
    case COL_BIGINT:
        return u ? 3 : -5;
    case COL_FLOAT:
        return 7;
    case COL_DOUBLE:
        return 8;
    case COL_DECIMAL:
        return 3;
    case COL_BIT:
        return -7;
    case COL_DATE:
        return 91;
    case COL_TIME:
        return 92;
    case COL_DATETIME:
    case COL_TIMESTAMP:
        return 93;
    case COL_CHAR:
        return 1;
    case COL_TEXT:
        return 2005;
    case COL_BINARY:
    case COL_VARBINARY:
    case COL_BLOB:
    case COL_GEOMETRY:
    case COL_VECTOR:
        return 2004;
    case COL_ENUM:
        return enum_ordinal ? 4 : 12;
    case COL_SET:
        return enum_ordinal ? -7 : 12;
    case COL_YEAR:
    case COL_VARCHAR:
    case COL_JSON:
    case COL_UUID:
    case COL_INET4:
    case COL_INET6:
    case COL_KIND_COUNT:
        break;
    }
    return 12;
}

static void put_string(struct builder *b, struct slice s)
{
    writer_lit(&b->w, "\"");
    if (writer_reserve(&b->w, JSON_ESCAPE_ROOM(s.len))) {
        uint8_t *end = json_escape_best()->utf8(writer_tail(&b->w), s.ptr, s.len);
        if (end == NULL)
            b->bad = s;
        else
            b->w.len = (size_t)(end - b->w.base);
    }
    writer_lit(&b->w, "\"");
}

static void put_mysql_types(struct builder *b, const struct table *t,
                            const struct message_names *names, bool bare)
{
    const char *before = "{";
    for (uint32_t i = 0; i < t->column_count; i++) {
        struct slice name = names->columns[i];
        if (name.len == 0)
            continue;
        writer_slice_put(&b->w, slice_str(before));
        put_string(b, name);
        writer_lit(&b->w, ":");
        put_string(b, bare ? t->columns[i].bare_type : t->columns[i].type_text);
        before = ",";
    }
    if (*before == '{')
        writer_lit(&b->w, "{");
    writer_lit(&b->w, "}");
}

static void put_sql_types(struct builder *b, const struct table *t,
                          const struct message_names *names, bool enum_ordinal)
{
    const char *before = "{";
    for (uint32_t i = 0; i < t->column_count; i++) {
        struct slice name = names->columns[i];
        if (name.len == 0)
            continue;
        writer_slice_put(&b->w, slice_str(before));
        put_string(b, name);
        writer_printf(&b->w, ":%d", sql_type(&t->columns[i], enum_ordinal));
        before = ",";
    }
    if (*before == '{')
        writer_lit(&b->w, "{");
    writer_lit(&b->w, "}");
}

static void put_pk_names(struct builder *b, const struct table *t,
                         const struct message_names *names)
{
    if (t->pk_count == 0) {
        writer_lit(&b->w, "null");
        return;
    }
    const char *before = "[";
    for (uint32_t i = 0; i < t->pk_count; i++) {
        struct slice name = names->columns[t->pk[i]];
        writer_slice_put(&b->w, slice_str(before));
        put_string(b, name.len > 0 ? name : t->columns[t->pk[i]].name);
        before = ",";
    }
    writer_lit(&b->w, "]");
}

/* ,"isDdl":false,"mysqlType":{...} */
static void put_types_part(struct builder *b, const struct canal_options *o, const struct table *t,
                           const struct message_names *names)
{
    writer_lit(&b->w, ",\"isDdl\":false,\"mysqlType\":");
    put_mysql_types(b, t, names, o->bare_type);
}

/* ,"pkNames":[...],"sql":"","sqlType":{...},"table":"...","ts": */
static void put_last_part(struct builder *b, const struct canal_options *o, const struct table *t,
                          const struct message_names *names)
{
    writer_lit(&b->w, ",\"pkNames\":");
    put_pk_names(b, t, names);
    writer_lit(&b->w, ",\"sql\":\"\",\"sqlType\":");
    put_sql_types(b, t, names, o->enum_ordinal);
    writer_lit(&b->w, ",\"table\":");
    put_string(b, names->table);
    writer_lit(&b->w, ",\"ts\":");
}

static void build_constants(struct canal_table *ct, struct builder *b,
                            const struct canal_options *o, const struct message_names *names)
{
    const struct table *t = ct->table;
    writer_lit(&b->w, "],\"database\":");
    put_string(b, names->database);
    writer_lit(&b->w, ",\"es\":");
    ct->after_data = builder_keep(b);

    put_types_part(b, o, t, names);
    writer_lit(&b->w, ",\"old\":null");
    put_last_part(b, o, t, names);
    ct->insert_rest = builder_keep(b);

    put_types_part(b, o, t, names);
    put_last_part(b, o, t, names);
    ct->delete_rest = builder_keep(b);

    put_types_part(b, o, t, names);
    writer_lit(&b->w, ",\"old\":[");
    ct->update_types = builder_keep(b);
    writer_lit(&b->w, "]");
    put_last_part(b, o, t, names);
    ct->update_rest = builder_keep(b);

    static const char *const types[] = {"INSERT", "UPDATE", "DELETE", "INIT"};
    for (int op = 0; op < 4; op++) {
        bool as_insert = op == CHANGE_INIT && o->init_as_insert;
        writer_printf(&b->w, ",\"type\":\"%s\"}", types[as_insert ? CHANGE_INSERT : op]);
        ct->tail[op] = builder_keep(b);
    }
}

static void build_columns(struct canal_table *ct, struct builder *b, const struct canal_options *o,
                          const struct message_names *names)
{
    const struct table *t = ct->table;
    ct->columns = arena_array(b->arena, t->column_count, sizeof *ct->columns);
    for (uint32_t i = 0; i < t->column_count && ct->columns != NULL; i++) {
        struct slice name = names->columns[i];
        if (name.len == 0)
            continue;
        struct canal_column *cc = &ct->columns[ct->column_count++];
        if (!canal_column_init(cc, &t->columns[i], o, b->arena))
            b->bad = t->columns[i].name;
        cc->index = (uint16_t)i;
        cc->column = &t->columns[i];
        writer_put(&b->w, t->columns[i].name.ptr, t->columns[i].name.len);
        writer_u8(&b->w, 0);
        cc->source_name = (const char *)builder_keep(b).ptr;
        writer_lit(&b->w, ",");
        put_string(b, name);
        writer_lit(&b->w, ":");
        cc->name = builder_keep(b);
        ct->fixed += 2 * (cc->name.len + cc->room);
    }
}

/* What a row takes at most: constants, braces, three numbers, the gtid's frame, one wide copy. */
static size_t fixed_room(const struct canal_table *ct)
{
    size_t rest = ct->update_types.len + ct->update_rest.len;
    if (ct->insert_rest.len > rest)
        rest = ct->insert_rest.len;
    return ct->fixed + ct->after_data.len + rest + ct->tail[CHANGE_INSERT].len + 256 + ENCODE_COPY;
}

enum err canal_table_new(const struct canal_options *o, const struct table *t,
                         const struct message_names *names, struct canal_table **out,
                         struct errmsg *em)
{
    struct builder b;
    TRY(builder_begin(&b, t, names, 512 + t->column_count * 128));
    struct canal_table *ct = arena_alloc(b.arena, sizeof *ct);
    if (ct != NULL) {
        ct->arena = b.arena;
        ct->table = t;
        build_constants(ct, &b, o, &b.names);
        build_columns(ct, &b, o, &b.names);
        ct->fixed = fixed_room(ct);
    }
    TRY(builder_end(&b, t, "name, type or label", em));
    *out = ct;
    return ERR_OK;
}

void canal_table_free(struct canal_table *ct)
{
    if (ct != NULL)
        arena_free(ct->arena);
}
