/* Canal JSON read back. */
#include "encode/message_int.h"

#include <jansson.h>

void canal_read_forget(struct message_reader *r)
{
    json_decref(r->document);
    r->document = NULL;
}

/* A member that is a text; absent and null are empty. */
static enum err text_member(const json_t *o, const char *name, struct slice *out)
{
    const json_t *v = json_object_get(o, name);
    if (v == NULL || json_is_null(v))
        return ERR_OK;
    if (!json_is_string(v))
        return ERR_MALFORMED;
    *out = slice_of(json_string_value(v), json_string_length(v));
    return ERR_OK;
}

static enum err number_member(const json_t *o, const char *name, uint64_t *out)
{
    const json_t *v = json_object_get(o, name);
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return ERR_MALFORMED;
    *out = (uint64_t)json_integer_value(v);
    return ERR_OK;
}

static enum err read_value(const json_t *v, struct message_value *out)
{
    if (json_is_null(v)) {
        out->kind = MESSAGE_NULL;
        return ERR_OK;
    }
    if (!json_is_string(v))
        return ERR_MALFORMED;
    out->kind = MESSAGE_TEXT;
    out->raw = out->text = slice_of(json_string_value(v), json_string_length(v));
    return ERR_OK;
}

/* The one row of an array, or NULL. */
static json_t *row_of(const json_t *array)
{
    json_t *row = json_array_size(array) == 1 ? json_array_get(array, 0) : NULL;
    return json_is_object(row) ? row : NULL;
}

static enum err read_data(struct message_reader *r, json_t *row, struct message *m)
{
    const char *name;
    json_t *v;
    json_object_foreach(row, name, v)
    {
        TRY(message_add_column(r, &m->column_count, slice_str(name)));
        struct message_column *c = &r->columns[m->column_count - 1];
        TRY(read_value(v, m->op == CHANGE_DELETE ? &c->before : &c->after));
    }
    return ERR_OK;
}

/* Columns of "old" stand in the order of "data", and are among them. */
static enum err read_old(struct message_reader *r, json_t *row, const struct message *m)
{
    uint32_t at = 0;
    const char *name;
    json_t *v;
    json_object_foreach(row, name, v)
    {
        struct slice s = slice_str(name);
        uint32_t looked = 0;
        while (looked < m->column_count && !slice_eq(r->columns[at].name, s)) {
            at = (at + 1) % m->column_count;
            looked++;
        }
        if (looked == m->column_count)
            return ERR_MALFORMED;
        TRY(read_value(v, &r->columns[at].before));
    }
    return ERR_OK;
}

static const struct {
    const char *name;
    enum change_op op;
} ops[] = {{"INSERT", CHANGE_INSERT},
           {"UPDATE", CHANGE_UPDATE},
           {"DELETE", CHANGE_DELETE},
           {"INIT", CHANGE_INIT}};

static enum err read_row(struct message_reader *r, json_t *o, struct message *m)
{
    size_t i = 0;
    while (i < sizeof(ops) / sizeof(ops[0]) && !slice_eq(m->type, slice_str(ops[i].name)))
        i++;
    json_t *data = row_of(json_object_get(o, "data"));
    if (i == sizeof(ops) / sizeof(ops[0]) || data == NULL || m->table.len == 0)
        return ERR_MALFORMED;
    m->kind = MESSAGE_ROW;
    m->op = ops[i].op;
    TRY(read_data(r, data, m));
    const json_t *old = json_object_get(o, "old");
    if (m->op != CHANGE_UPDATE || old == NULL || json_is_null(old))
        return ERR_OK;
    json_t *row = row_of(old);
    return row != NULL ? read_old(r, row, m) : ERR_MALFORMED;
}

static enum err read_members(struct message_reader *r, json_t *o, struct message *m)
{
    TRY(text_member(o, "type", &m->type));
    TRY(text_member(o, "database", &m->database));
    TRY(text_member(o, "table", &m->table));
    TRY(text_member(o, "sql", &m->sql));
    TRY(number_member(o, "id", &m->id));
    TRY(number_member(o, "es", &m->es_ms));
    const json_t *ddl = json_object_get(o, "isDdl");
    if (!json_is_boolean(ddl))
        return ERR_MALFORMED;
    if (!json_is_true(ddl))
        return read_row(r, o, m);
    m->kind = MESSAGE_STATEMENT;
    return ERR_OK;
}

enum err canal_read(struct message_reader *r, struct slice value, struct message *out)
{
    json_error_t where;
    json_t *o = json_loadb((const char *)value.ptr, value.len,
                           JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &where);
    if (o == NULL)
        return json_error_code(&where) == json_error_out_of_memory ? ERR_NO_MEMORY : ERR_MALFORMED;
    r->document = o;
    if (!json_is_object(o))
        return ERR_MALFORMED;
    TRY(read_members(r, o, out));
    out->columns = r->columns;
    return ERR_OK;
}
