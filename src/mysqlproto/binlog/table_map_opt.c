/*
 * Optional metadata of TABLE_MAP events: fields of u8 type, lenenc length and
 * value ("Table_map_event::Optional_metadata_fields", rows_event.h).
 *
 * Most fields speak of the columns of one class only, in column order; the
 * writer and we must count the same columns into a class.
 */
#include "mysqlproto/binlog/table_map_int.h"

#include "base/reader.h"

enum {
    OPT_SIGNEDNESS = 1,
    OPT_DEFAULT_CHARSET = 2,
    OPT_COLUMN_CHARSET = 3,
    OPT_COLUMN_NAME = 4,
    OPT_SET_STR_VALUE = 5,
    OPT_ENUM_STR_VALUE = 6,
    OPT_GEOMETRY_TYPE = 7,
    OPT_SIMPLE_PRIMARY_KEY = 8,
    OPT_PRIMARY_KEY_WITH_PREFIX = 9,
    OPT_ENUM_AND_SET_DEFAULT_CHARSET = 10,
    OPT_ENUM_AND_SET_COLUMN_CHARSET = 11,
    OPT_COLUMN_VISIBILITY = 12,
    OPT_VECTOR_DIMENSIONALITY = 13,
};

enum column_class {
    CLASS_ALL = 1 << 0,
    CLASS_NUMERIC = 1 << 1,
    CLASS_TEXT = 1 << 2,
    CLASS_ENUM = 1 << 3,
    CLASS_SET = 1 << 4,
    CLASS_GEOMETRY = 1 << 5,
    CLASS_VECTOR = 1 << 6,
};

/* The classes of a type. MariaDB writes a character set for more types than MySQL. */
static unsigned classes(uint8_t type, bool is_mariadb)
{
    switch (type) {
    case MY_TYPE_TINY:
    case MY_TYPE_SHORT:
    case MY_TYPE_INT24:
    case MY_TYPE_LONG:
    case MY_TYPE_LONGLONG:
    case MY_TYPE_FLOAT:
    case MY_TYPE_DOUBLE:
    case MY_TYPE_NEWDECIMAL:
    case MY_TYPE_YEAR:
        return CLASS_ALL | CLASS_NUMERIC;
    case MY_TYPE_STRING:
    case MY_TYPE_VAR_STRING:
    case MY_TYPE_VARCHAR:
    case MY_TYPE_TINY_BLOB:
    case MY_TYPE_MEDIUM_BLOB:
    case MY_TYPE_LONG_BLOB:
    case MY_TYPE_BLOB:
    case MY_TYPE_BLOB_COMPRESSED:
    case MY_TYPE_VARCHAR_COMPRESSED:
        return CLASS_ALL | CLASS_TEXT;
    case MY_TYPE_ENUM:
        return CLASS_ALL | CLASS_ENUM;
    case MY_TYPE_SET:
        return CLASS_ALL | CLASS_SET;
    case MY_TYPE_GEOMETRY:
        return CLASS_ALL | CLASS_GEOMETRY | (is_mariadb ? CLASS_TEXT : 0);
    case MY_TYPE_VECTOR:
        return CLASS_ALL | CLASS_VECTOR;
    default:
        return CLASS_ALL;
    }
}

/* Walks the columns of a set of classes. */
struct walk {
    const struct table_map *map;
    unsigned want;
    bool is_mariadb;
    uint32_t next;
};

static struct map_column *walk_next(struct walk *w)
{
    while (w->next < w->map->column_count) {
        struct map_column *c = &w->map->columns[w->next++];
        if (classes(c->type, w->is_mariadb) & w->want)
            return c;
    }
    return NULL;
}

/* One bit a column, the most significant one first. */
struct bits {
    struct slice bytes;
    size_t next;
};

static enum err bits_next(struct bits *b, bool *out)
{
    if (b->next / 8 >= b->bytes.len)
        return ERR_MALFORMED;
    *out = b->bytes.ptr[b->next / 8] >> (7 - b->next % 8) & 1;
    b->next++;
    return ERR_OK;
}

static enum err opt_signedness(struct slice value, struct walk w)
{
    struct bits b = {value, 0};
    for (struct map_column *c; (c = walk_next(&w)) != NULL;) {
        TRY(bits_next(&b, &c->is_unsigned));
        c->has_signedness = true;
    }
    return ERR_OK;
}

static enum err opt_visibility(struct slice value, struct walk w)
{
    struct bits b = {value, 0};
    for (struct map_column *c; (c = walk_next(&w)) != NULL;) {
        bool visible;
        TRY(bits_next(&b, &visible));
        c->invisible = !visible;
        c->has_visibility = true;
    }
    return ERR_OK;
}

static uint32_t collation_id(struct reader *r)
{
    uint64_t id = reader_lenenc(r);
    if (id > UINT16_MAX)
        reader_fail(r, ERR_MALFORMED);
    return (uint32_t)id;
}

/* The collation of most columns, then pairs of (index within the class, collation) of the others.
 */
static enum err opt_default_charset(struct slice value, struct walk w)
{
    struct reader r = reader_of(value);
    uint32_t usual = collation_id(&r);
    TRY(reader_finish(&r));
    struct walk all = w;
    for (struct map_column *c; (c = walk_next(&all)) != NULL;)
        c->collation = usual;
    uint64_t at = 0; /* index within the class of what the walk hands out next */
    while (reader_left(&r) > 0) {
        uint64_t index = reader_lenenc(&r);
        uint32_t id = collation_id(&r);
        TRY(reader_finish(&r));
        if (index < at)
            return ERR_MALFORMED;
        struct map_column *c;
        do {
            c = walk_next(&w);
            if (c == NULL)
                return ERR_MALFORMED;
        } while (at++ < index);
        c->collation = id;
    }
    return ERR_OK;
}

static enum err opt_column_charset(struct slice value, struct walk w)
{
    struct reader r = reader_of(value);
    for (struct map_column *c; (c = walk_next(&w)) != NULL;)
        c->collation = collation_id(&r);
    return reader_finish(&r);
}

static enum err opt_names(struct slice value, struct walk w)
{
    struct reader r = reader_of(value);
    for (struct map_column *c; (c = walk_next(&w)) != NULL;)
        c->name = reader_lenenc_str(&r);
    return reader_finish(&r);
}

/* Labels of one column: lenenc count, then as many strings. */
static enum err opt_members(struct slice value, struct walk w)
{
    struct reader r = reader_of(value);
    for (struct map_column *c; (c = walk_next(&w)) != NULL;) {
        const uint8_t *from = r.p;
        uint64_t n = reader_lenenc(&r);
        if (n > reader_left(&r))
            return ERR_MALFORMED;
        for (uint64_t i = 0; i < n; i++)
            (void)reader_lenenc_str(&r);
        TRY(reader_finish(&r));
        c->members = slice_of(from, (size_t)(r.p - from));
    }
    return ERR_OK;
}

static enum err opt_geometry(struct slice value, struct walk w)
{
    struct reader r = reader_of(value);
    for (struct map_column *c; (c = walk_next(&w)) != NULL;) {
        c->geometry_type = (uint8_t)reader_lenenc(&r);
        c->has_geometry_type = true;
    }
    return reader_finish(&r);
}

static enum err opt_vector(struct slice value, struct walk w)
{
    struct reader r = reader_of(value);
    for (struct map_column *c; (c = walk_next(&w)) != NULL;)
        c->vector_dimensions = (uint32_t)reader_lenenc(&r);
    return reader_finish(&r);
}

static enum err opt_primary_key(struct slice value, bool prefixes, struct table_map *map)
{
    struct reader r = reader_of(value);
    map->key_part_count = 0;
    while (reader_left(&r) > 0) {
        uint64_t column = reader_lenenc(&r);
        uint64_t prefix = prefixes ? reader_lenenc(&r) : 0;
        TRY(reader_finish(&r));
        if (column >= map->column_count || map->key_part_count == map->column_count ||
            prefix > UINT32_MAX)
            return ERR_MALFORMED;
        map->key_parts[map->key_part_count++] =
            (struct map_key_part){(uint16_t)column, (uint32_t)prefix};
    }
    map->has_primary_key = true;
    return ERR_OK;
}

static enum err field(uint8_t type, struct slice value, bool is_mariadb, struct table_map *map)
{
    struct walk w = {.map = map, .is_mariadb = is_mariadb, .want = CLASS_ALL};
    switch (type) {
    case OPT_SIGNEDNESS:
        w.want = CLASS_NUMERIC;
        return opt_signedness(value, w);
    case OPT_DEFAULT_CHARSET:
        w.want = CLASS_TEXT;
        return opt_default_charset(value, w);
    case OPT_COLUMN_CHARSET:
        w.want = CLASS_TEXT;
        return opt_column_charset(value, w);
    case OPT_COLUMN_NAME:
        map->has_primary_key = true; /* with FULL metadata no key field means no key */
        return opt_names(value, w);
    case OPT_SET_STR_VALUE:
        w.want = CLASS_SET;
        return opt_members(value, w);
    case OPT_ENUM_STR_VALUE:
        w.want = CLASS_ENUM;
        return opt_members(value, w);
    case OPT_GEOMETRY_TYPE:
        w.want = CLASS_GEOMETRY;
        return opt_geometry(value, w);
    case OPT_SIMPLE_PRIMARY_KEY:
        return opt_primary_key(value, false, map);
    case OPT_PRIMARY_KEY_WITH_PREFIX:
        return opt_primary_key(value, true, map);
    case OPT_ENUM_AND_SET_DEFAULT_CHARSET:
        w.want = CLASS_ENUM | CLASS_SET;
        return opt_default_charset(value, w);
    case OPT_ENUM_AND_SET_COLUMN_CHARSET:
        w.want = CLASS_ENUM | CLASS_SET;
        return opt_column_charset(value, w);
    case OPT_COLUMN_VISIBILITY:
        return opt_visibility(value, w);
    case OPT_VECTOR_DIMENSIONALITY:
        w.want = CLASS_VECTOR;
        return opt_vector(value, w);
    default:
        return ERR_OK; /* a later server's field */
    }
}

enum err binlog_optional_metadata(const struct binlog_format *f, struct slice fields,
                                  struct table_map *map)
{
    struct reader r = reader_of(fields);
    while (reader_left(&r) > 0) {
        uint8_t type = reader_u8(&r);
        struct slice value = reader_lenenc_str(&r);
        TRY(reader_finish(&r));
        /* A field whose value runs short is damaged, not cut: its end is known. */
        enum err e = field(type, value, f->is_mariadb, map);
        if (e != ERR_OK)
            return e == ERR_TRUNCATED ? ERR_MALFORMED : e;
    }
    return ERR_OK;
}
