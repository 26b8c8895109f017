/*
 * Makes the table map that a server would send for a definition (without
 * FULL metadata), and lets table_resolve() merge the two.
 */
#include "schema/table_without_map.h"

#include "schema/type_text.h"

#include <stdlib.h>

#define COLUMNS_MAX 4096

static uint16_t string_bytes(const struct type_text *t, const struct column_def *d)
{
    const struct charset *cs = charset_of_collation_name(d->collation);
    bool text = t->kind == COL_CHAR || t->kind == COL_VARCHAR;
    return (uint16_t)(t->length * (text && cs != NULL ? cs->max_len : 1u));
}

static uint16_t set_bytes(uint32_t members)
{
    uint32_t n = (members + 7) / 8;
    return (uint16_t)(n > 4 ? 8 : n);
}

static uint8_t wire_type(enum column_kind kind, bool mariadb)
{
    static const uint8_t types[COL_KIND_COUNT] = {
        [COL_TINYINT] = MY_TYPE_TINY,
        [COL_SMALLINT] = MY_TYPE_SHORT,
        [COL_MEDIUMINT] = MY_TYPE_INT24,
        [COL_INT] = MY_TYPE_LONG,
        [COL_BIGINT] = MY_TYPE_LONGLONG,
        [COL_FLOAT] = MY_TYPE_FLOAT,
        [COL_DOUBLE] = MY_TYPE_DOUBLE,
        [COL_DECIMAL] = MY_TYPE_NEWDECIMAL,
        [COL_BIT] = MY_TYPE_BIT,
        [COL_YEAR] = MY_TYPE_YEAR,
        [COL_DATE] = MY_TYPE_DATE,
        [COL_TIME] = MY_TYPE_TIME2,
        [COL_DATETIME] = MY_TYPE_DATETIME2,
        [COL_TIMESTAMP] = MY_TYPE_TIMESTAMP2,
        [COL_CHAR] = MY_TYPE_STRING,
        [COL_VARCHAR] = MY_TYPE_VARCHAR,
        [COL_TEXT] = MY_TYPE_BLOB,
        [COL_BINARY] = MY_TYPE_STRING,
        [COL_VARBINARY] = MY_TYPE_VARCHAR,
        [COL_BLOB] = MY_TYPE_BLOB,
        [COL_ENUM] = MY_TYPE_ENUM,
        [COL_SET] = MY_TYPE_SET,
        [COL_JSON] = MY_TYPE_JSON,
        [COL_GEOMETRY] = MY_TYPE_GEOMETRY,
        [COL_VECTOR] = MY_TYPE_VECTOR,
        [COL_UUID] = MY_TYPE_STRING,
        [COL_INET4] = MY_TYPE_STRING,
        [COL_INET6] = MY_TYPE_STRING,
    };
    return kind == COL_VECTOR && mariadb ? MY_TYPE_VARCHAR : types[kind];
}

static uint16_t wire_meta(const struct type_text *t, const struct column_def *d, bool mariadb)
{
    switch (t->kind) {
    case COL_DECIMAL:
        return (uint16_t)(t->length << 8 | t->scale);
    case COL_BIT:
    case COL_TIME:
    case COL_DATETIME:
    case COL_TIMESTAMP:
        return (uint16_t)t->length;
    case COL_CHAR:
    case COL_VARCHAR:
    case COL_BINARY:
    case COL_VARBINARY:
    case COL_UUID:
    case COL_INET4:
    case COL_INET6:
        return string_bytes(t, d);
    case COL_TEXT:
    case COL_BLOB:
    case COL_JSON:
    case COL_GEOMETRY:
        return t->length_bytes;
    case COL_ENUM:
        return t->member_count < 256 ? 1 : 2;
    case COL_SET:
        return set_bytes(t->member_count);
    case COL_VECTOR:
        return (uint16_t)(mariadb ? t->length * 4 : 4);
    case COL_TINYINT:
    case COL_SMALLINT:
    case COL_MEDIUMINT:
    case COL_INT:
    case COL_BIGINT:
    case COL_FLOAT:
    case COL_DOUBLE:
    case COL_YEAR:
    case COL_DATE:
    case COL_KIND_COUNT:
        break;
    }
    return 0;
}

/* A type that is not known stays MY_TYPE_NULL, for table_resolve() to complain about. */
static void fill_column(const struct column_def *d, bool mariadb, struct map_column *m)
{
    struct type_text t;
    *m = (struct map_column){.type = MY_TYPE_NULL,
                             .nullable = d->nullable,
                             .name = SLICE_LIT(""),
                             .members = SLICE_LIT("")};
    if (!type_text_parse(d->column_type, &t))
        return;
    m->type = wire_type(t.kind, mariadb);
    m->meta = wire_meta(&t, d, mariadb);
}

static bool is_row_stamp(const struct column_def *d)
{
    return d->generated && (slice_eq_nocase(d->column_type, SLICE_LIT("timestamp(6)")) ||
                            slice_eq_nocase(d->column_type, SLICE_LIT("bigint(20) unsigned")));
}

/* information_schema shows row_start and row_end only where the statement declared them. */
static bool hides_row_stamps(const struct table_def *def)
{
    uint32_t shown = 0;
    for (uint32_t i = 0; i < def->column_count; i++)
        shown += is_row_stamp(&def->columns[i]);
    return def->system_versioned && shown < 2;
}

enum err table_without_map(const struct table_def *def, bool mariadb, struct table **out,
                           struct errmsg *em)
{
    uint32_t stamps = hides_row_stamps(def) ? 2 : 0;
    uint32_t count = def->column_count <= COLUMNS_MAX ? def->column_count : 0;
    struct map_column *columns = calloc(count + stamps + 1, sizeof(*columns));
    struct key_def *keys = calloc(def->key_count + 1, sizeof(*keys));
    enum err e = ERR_NO_MEMORY;
    if (columns != NULL && keys != NULL) {
        for (uint32_t i = 0; i < count; i++)
            fill_column(&def->columns[i], mariadb, &columns[i]);
        for (uint32_t i = count; i < count + stamps; i++)
            columns[i] = (struct map_column){.type = MY_TYPE_TIMESTAMP2,
                                             .meta = 6,
                                             .name = SLICE_LIT(""),
                                             .members = SLICE_LIT("")};
        struct table_def shown = *def;
        for (uint32_t i = 0; i < def->key_count; i++) {
            keys[i] = def->keys[i];
            keys[i].hash = false; /* so that no hidden column is looked for */
        }
        shown.keys = keys;
        const struct table_map map = {.database = def->database,
                                      .name = def->name,
                                      .column_count = count + stamps,
                                      .columns = columns,
                                      .raw = SLICE_LIT("")};
        e = table_resolve(&map, &shown, out, em);
    } else {
        errmsg_set(em, e, "no memory for a table definition");
    }
    free(columns);
    free(keys);
    return e;
}
