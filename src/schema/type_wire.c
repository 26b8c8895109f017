#include "schema/type_wire.h"

#include "base/writer.h"

#include <stdio.h>

static const char *wire_base_name(uint8_t type)
{
    /* clang-format off */
    switch (type) {
    case MY_TYPE_DECIMAL: return "DECIMAL of MySQL 4";
    case MY_TYPE_TINY: return "TINYINT";
    case MY_TYPE_SHORT: return "SMALLINT";
    case MY_TYPE_LONG: return "INT";
    case MY_TYPE_FLOAT: return "FLOAT";
    case MY_TYPE_DOUBLE: return "DOUBLE";
    case MY_TYPE_NULL: return "NULL";
    case MY_TYPE_TIMESTAMP: return "TIMESTAMP of the old form";
    case MY_TYPE_LONGLONG: return "BIGINT";
    case MY_TYPE_INT24: return "MEDIUMINT";
    case MY_TYPE_DATE:
    case MY_TYPE_NEWDATE: return "DATE";
    case MY_TYPE_TIME: return "TIME of the old form";
    case MY_TYPE_DATETIME: return "DATETIME of the old form";
    case MY_TYPE_YEAR: return "YEAR";
    case MY_TYPE_VARCHAR:
    case MY_TYPE_VAR_STRING: return "VARCHAR";
    case MY_TYPE_BIT: return "BIT";
    case MY_TYPE_TIMESTAMP2: return "TIMESTAMP";
    case MY_TYPE_DATETIME2: return "DATETIME";
    case MY_TYPE_TIME2: return "TIME";
    case MY_TYPE_TYPED_ARRAY: return "a typed array";
    case MY_TYPE_BLOB_COMPRESSED: return "compressed BLOB";
    case MY_TYPE_VARCHAR_COMPRESSED: return "compressed VARCHAR";
    case MY_TYPE_VECTOR: return "VECTOR";
    case MY_TYPE_JSON: return "JSON";
    case MY_TYPE_NEWDECIMAL: return "DECIMAL";
    case MY_TYPE_ENUM: return "ENUM";
    case MY_TYPE_SET: return "SET";
    case MY_TYPE_TINY_BLOB:
    case MY_TYPE_MEDIUM_BLOB:
    case MY_TYPE_LONG_BLOB:
    case MY_TYPE_BLOB: return "BLOB";
    case MY_TYPE_STRING: return "CHAR";
    case MY_TYPE_GEOMETRY: return "GEOMETRY";
    default: return NULL;
    }
    /* clang-format on */
}

const char *type_wire_name(const struct map_column *m, char *buf, size_t cap)
{
    const char *base = wire_base_name(m->type);
    const char *sign = m->has_signedness && m->is_unsigned ? " UNSIGNED" : "";
    switch (m->type) {
    case MY_TYPE_NEWDECIMAL:
        snprintf(buf, cap, "DECIMAL(%d,%d)%s", m->meta >> 8, m->meta & 255, sign);
        break;
    case MY_TYPE_VARCHAR:
    case MY_TYPE_VAR_STRING:
    case MY_TYPE_STRING:
    case MY_TYPE_VARCHAR_COMPRESSED:
        snprintf(buf, cap, "%s of %u bytes", base, m->meta);
        break;
    case MY_TYPE_TIMESTAMP2:
    case MY_TYPE_DATETIME2:
    case MY_TYPE_TIME2:
    case MY_TYPE_BIT:
        snprintf(buf, cap, "%s(%u)", base, m->meta);
        break;
    case MY_TYPE_ENUM:
    case MY_TYPE_SET:
        snprintf(buf, cap, "%s of %u-byte values", base, m->meta);
        break;
    case MY_TYPE_BLOB:
    case MY_TYPE_BLOB_COMPRESSED:
        snprintf(buf, cap, "%s with %u bytes of length", base, m->meta);
        break;
    case MY_TYPE_TINY:
    case MY_TYPE_SHORT:
    case MY_TYPE_INT24:
    case MY_TYPE_LONG:
    case MY_TYPE_LONGLONG:
    case MY_TYPE_FLOAT:
    case MY_TYPE_DOUBLE:
        snprintf(buf, cap, "%s%s", base, m->has_signedness && !m->is_unsigned ? " (signed)" : sign);
        break;
    default:
        if (base != NULL)
            snprintf(buf, cap, "%s", base);
        else
            snprintf(buf, cap, "type %u", m->type);
    }
    return buf;
}

static bool sign_fits(const struct map_column *m, const struct type_text *t)
{
    return !m->has_signedness || m->is_unsigned == t->is_unsigned;
}

/* Bytes that n characters may take, or n itself for binary strings. */
static bool bytes_fit(uint32_t bytes, const struct type_text *t, const struct charset *cs)
{
    bool text = t->kind == COL_CHAR || t->kind == COL_VARCHAR;
    if (text && cs == NULL)
        return true;
    return bytes == t->length * (text ? cs->max_len : 1u);
}

static bool string_fits(const struct map_column *m, const struct type_text *t,
                        const struct charset *cs)
{
    switch (m->type) {
    case MY_TYPE_VARCHAR:
    case MY_TYPE_VAR_STRING:
        return bytes_fit(m->meta, t, cs);
    case MY_TYPE_VARCHAR_COMPRESSED: /* one byte more, for the method */
        return m->meta > 0 && bytes_fit(m->meta - 1u, t, cs);
    default:
        return false;
    }
}

static bool temporal_fits(const struct map_column *m, const struct type_text *t, uint8_t type,
                          uint8_t old_type)
{
    if (m->type == type)
        return m->meta == t->length;
    return m->type == old_type; /* its fraction digits are known to the catalogue only */
}

static uint32_t set_width(uint32_t members)
{
    uint32_t n = (members + 7) / 8;
    return n > 4 ? 8 : n;
}

bool type_wire_fits(const struct map_column *m, const struct type_text *t, const struct charset *cs)
{
    switch (t->kind) {
    case COL_TINYINT:
        return m->type == MY_TYPE_TINY && sign_fits(m, t);
    case COL_SMALLINT:
        return m->type == MY_TYPE_SHORT && sign_fits(m, t);
    case COL_MEDIUMINT:
        return m->type == MY_TYPE_INT24 && sign_fits(m, t);
    case COL_INT:
        return m->type == MY_TYPE_LONG && sign_fits(m, t);
    case COL_BIGINT:
        return m->type == MY_TYPE_LONGLONG && sign_fits(m, t);
    case COL_FLOAT:
        return m->type == MY_TYPE_FLOAT && sign_fits(m, t);
    case COL_DOUBLE:
        return m->type == MY_TYPE_DOUBLE && sign_fits(m, t);
    case COL_DECIMAL:
        return m->type == MY_TYPE_NEWDECIMAL && sign_fits(m, t) &&
               m->meta == (t->length << 8 | t->scale);
    case COL_BIT:
        return m->type == MY_TYPE_BIT && m->meta == t->length;
    case COL_YEAR:
        return m->type == MY_TYPE_YEAR;
    case COL_DATE:
        return m->type == MY_TYPE_DATE || m->type == MY_TYPE_NEWDATE;
    case COL_TIME:
        return temporal_fits(m, t, MY_TYPE_TIME2, MY_TYPE_TIME);
    case COL_DATETIME:
        return temporal_fits(m, t, MY_TYPE_DATETIME2, MY_TYPE_DATETIME);
    case COL_TIMESTAMP:
        return temporal_fits(m, t, MY_TYPE_TIMESTAMP2, MY_TYPE_TIMESTAMP);
    case COL_CHAR:
    case COL_BINARY:
    case COL_UUID:
    case COL_INET4:
    case COL_INET6:
        return m->type == MY_TYPE_STRING && bytes_fit(m->meta, t, cs);
    case COL_VARCHAR:
    case COL_VARBINARY:
        return string_fits(m, t, cs);
    case COL_TEXT:
    case COL_BLOB:
        return (m->type == MY_TYPE_BLOB || m->type == MY_TYPE_BLOB_COMPRESSED) &&
               m->meta == t->length_bytes;
    case COL_ENUM:
        return m->type == MY_TYPE_ENUM && m->meta == (t->member_count < 256 ? 1 : 2);
    case COL_SET:
        return m->type == MY_TYPE_SET && m->meta == set_width(t->member_count);
    case COL_JSON:
        return m->type == MY_TYPE_JSON;
    case COL_GEOMETRY:
        return m->type == MY_TYPE_GEOMETRY;
    case COL_VECTOR: /* MariaDB keeps it like a VARBINARY of four bytes a dimension */
        return (m->type == MY_TYPE_VECTOR && (m->vector_dimensions == 0 || !t->has_length ||
                                              m->vector_dimensions == t->length)) ||
               (m->type == MY_TYPE_VARCHAR && m->meta == t->length * 4);
    case COL_KIND_COUNT:
        break;
    }
    return false;
}

static bool number_text(const struct map_column *m, const char *name, struct writer *w)
{
    if (!m->has_signedness)
        return false;
    writer_printf(w, "%s%s", name, m->is_unsigned ? " unsigned" : "");
    return true;
}

static bool string_text(const struct map_column *m, const struct charset *cs, const char *text,
                        const char *binary, struct writer *w)
{
    if (cs == NULL)
        return false;
    uint32_t bytes = m->meta;
    if (m->type == MY_TYPE_VARCHAR_COMPRESSED && bytes > 0)
        bytes--;
    if (cs->form == CHARSET_BINARY)
        writer_printf(w, "%s(%u)", binary, bytes);
    else
        writer_printf(w, "%s(%u)", text, bytes / cs->max_len);
    return true;
}

static bool blob_text(const struct map_column *m, const struct charset *cs, struct writer *w)
{
    static const char *const sizes[] = {"tiny", "", "medium", "long"};
    if (cs == NULL || m->meta < 1 || m->meta > 4)
        return false;
    writer_printf(w, "%s%s", sizes[m->meta - 1], cs->form == CHARSET_BINARY ? "blob" : "text");
    return true;
}

static bool temporal_text(const struct map_column *m, const char *name, struct writer *w)
{
    if (m->meta > 6)
        return false;
    if (m->meta > 0)
        writer_printf(w, "%s(%u)", name, m->meta);
    else
        writer_printf(w, "%s", name);
    return true;
}

static bool geometry_text(const struct map_column *m, struct writer *w)
{
    static const char *const names[] = {
        "geometry",   "point",           "linestring",   "polygon",
        "multipoint", "multilinestring", "multipolygon", "geomcollection",
    };
    bool known = m->has_geometry_type && m->geometry_type < sizeof(names) / sizeof(names[0]);
    writer_printf(w, "%s", names[known ? m->geometry_type : 0]);
    return true;
}

static bool plain_text(const char *name, struct writer *w)
{
    writer_printf(w, "%s", name);
    return true;
}

bool type_wire_text(const struct map_column *m, const struct charset *cs, struct writer *w)
{
    switch (m->type) {
    case MY_TYPE_TINY:
        return number_text(m, "tinyint", w);
    case MY_TYPE_SHORT:
        return number_text(m, "smallint", w);
    case MY_TYPE_INT24:
        return number_text(m, "mediumint", w);
    case MY_TYPE_LONG:
        return number_text(m, "int", w);
    case MY_TYPE_LONGLONG:
        return number_text(m, "bigint", w);
    case MY_TYPE_FLOAT:
        return number_text(m, "float", w);
    case MY_TYPE_DOUBLE:
        return number_text(m, "double", w);
    case MY_TYPE_NEWDECIMAL:
        writer_printf(w, "decimal(%d,%d)%s", m->meta >> 8, m->meta & 255,
                      m->has_signedness && m->is_unsigned ? " unsigned" : "");
        return true;
    case MY_TYPE_BIT:
        writer_printf(w, "bit(%u)", m->meta);
        return true;
    case MY_TYPE_YEAR:
        return plain_text("year", w);
    case MY_TYPE_DATE:
    case MY_TYPE_NEWDATE:
        return plain_text("date", w);
    case MY_TYPE_TIME2:
        return temporal_text(m, "time", w);
    case MY_TYPE_DATETIME2:
        return temporal_text(m, "datetime", w);
    case MY_TYPE_TIMESTAMP2:
        return temporal_text(m, "timestamp", w);
    case MY_TYPE_STRING:
        return string_text(m, cs, "char", "binary", w);
    case MY_TYPE_VARCHAR:
    case MY_TYPE_VAR_STRING:
    case MY_TYPE_VARCHAR_COMPRESSED:
        return string_text(m, cs, "varchar", "varbinary", w);
    case MY_TYPE_BLOB:
    case MY_TYPE_BLOB_COMPRESSED:
        return blob_text(m, cs, w);
    case MY_TYPE_ENUM:
        return plain_text("enum", w);
    case MY_TYPE_SET:
        return plain_text("set", w);
    case MY_TYPE_JSON:
        return plain_text("json", w);
    case MY_TYPE_GEOMETRY:
        return geometry_text(m, w);
    case MY_TYPE_VECTOR:
        if (m->vector_dimensions > 0)
            writer_printf(w, "vector(%u)", m->vector_dimensions);
        else
            writer_printf(w, "vector");
        return true;
    default:
        return false;
    }
}
