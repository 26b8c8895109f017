#include "schema/type_text.h"

#include "base/writer.h"

struct type_name {
    const char *name;
    enum column_kind kind;
    uint8_t length_bytes;
    uint8_t length; /* where no brackets follow */
};

/* clang-format off */
static const struct type_name type_names[] = {
    {"tinyint", COL_TINYINT, 0, 0},      {"smallint", COL_SMALLINT, 0, 0},
    {"mediumint", COL_MEDIUMINT, 0, 0},  {"int", COL_INT, 0, 0},
    {"bigint", COL_BIGINT, 0, 0},        {"float", COL_FLOAT, 0, 0},
    {"double", COL_DOUBLE, 0, 0},        {"decimal", COL_DECIMAL, 0, 10},
    {"bit", COL_BIT, 0, 1},              {"year", COL_YEAR, 0, 4},
    {"date", COL_DATE, 0, 0},            {"time", COL_TIME, 0, 0},
    {"datetime", COL_DATETIME, 0, 0},    {"timestamp", COL_TIMESTAMP, 0, 0},
    {"char", COL_CHAR, 0, 1},            {"varchar", COL_VARCHAR, 0, 0},
    {"tinytext", COL_TEXT, 1, 0},        {"text", COL_TEXT, 2, 0},
    {"mediumtext", COL_TEXT, 3, 0},      {"longtext", COL_TEXT, 4, 0},
    {"binary", COL_BINARY, 0, 1},        {"varbinary", COL_VARBINARY, 0, 0},
    {"tinyblob", COL_BLOB, 1, 0},        {"blob", COL_BLOB, 2, 0},
    {"mediumblob", COL_BLOB, 3, 0},      {"longblob", COL_BLOB, 4, 0},
    {"enum", COL_ENUM, 0, 0},            {"set", COL_SET, 0, 0},
    {"json", COL_JSON, 4, 0},            {"vector", COL_VECTOR, 4, 0},
    {"geometry", COL_GEOMETRY, 4, 0},    {"point", COL_GEOMETRY, 4, 0},
    {"linestring", COL_GEOMETRY, 4, 0},  {"polygon", COL_GEOMETRY, 4, 0},
    {"multipoint", COL_GEOMETRY, 4, 0},  {"multilinestring", COL_GEOMETRY, 4, 0},
    {"multipolygon", COL_GEOMETRY, 4, 0},
    {"geometrycollection", COL_GEOMETRY, 4, 0}, /* MySQL 5.x, MariaDB */
    {"geomcollection", COL_GEOMETRY, 4, 0},     /* MySQL 8.0 and later */
    {"uuid", COL_UUID, 0, 16},           {"inet4", COL_INET4, 0, 4},
    {"inet6", COL_INET6, 0, 16},         {"xmltype", COL_TEXT, 4, 0},
};
/* clang-format on */

static bool is_word_byte(uint8_t b)
{
    return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') || b == '_';
}

static void skip_spaces(struct slice *s)
{
    while (s->len > 0 && s->ptr[0] == ' ') {
        s->ptr++;
        s->len--;
    }
}

static bool take_byte(struct slice *s, uint8_t b)
{
    if (s->len == 0 || s->ptr[0] != b)
        return false;
    s->ptr++;
    s->len--;
    return true;
}

static struct slice take_word(struct slice *s)
{
    size_t n = 0;
    while (n < s->len && is_word_byte(s->ptr[n]))
        n++;
    struct slice word = {s->ptr, n};
    s->ptr += n;
    s->len -= n;
    return word;
}

static bool take_number(struct slice *s, uint32_t *out)
{
    uint64_t v = 0;
    size_t n = 0;
    while (n < s->len && s->ptr[n] >= '0' && s->ptr[n] <= '9') {
        v = v * 10 + (uint64_t)(s->ptr[n] - '0');
        if (v > UINT32_MAX)
            return false;
        n++;
    }
    if (n == 0)
        return false;
    s->ptr += n;
    s->len -= n;
    *out = (uint32_t)v;
    return true;
}

/* One 'label' with its quotes. Inside, '' and backslash escapes hide a quote. */
static bool take_quoted(struct slice *s, struct slice *quoted)
{
    if (!take_byte(s, '\''))
        return false;
    const uint8_t *start = s->ptr;
    size_t i = 0;
    while (i < s->len) {
        if (s->ptr[i] == '\\') {
            i += 2;
        } else if (s->ptr[i] != '\'') {
            i++;
        } else if (i + 1 < s->len && s->ptr[i + 1] == '\'') {
            i += 2;
        } else {
            *quoted = (struct slice){start, i};
            s->ptr += i + 1;
            s->len -= i + 1;
            return true;
        }
    }
    return false;
}

bool type_member_next(struct slice *rest, struct slice *quoted)
{
    struct slice s = *rest;
    (void)take_byte(&s, ','); /* before each but the first */
    if (!take_quoted(&s, quoted))
        return false;
    *rest = s;
    return true;
}

size_t type_member_unquote(struct slice quoted, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < quoted.len; i++) {
        uint8_t b = quoted.ptr[i];
        if ((b == '\'' || b == '\\') && i + 1 < quoted.len) {
            uint8_t next = quoted.ptr[++i];
            if (b == '\'' || next == '\\' || next == '\'')
                b = next;
            else if (next == '0')
                b = 0;
            else if (next == 'n')
                b = '\n';
            else if (next == 'r')
                b = '\r';
            else if (next == 't')
                b = '\t';
            else if (next == 'b')
                b = '\b';
            else if (next == 'Z')
                b = 0x1A;
            else
                b = next;
        }
        out[n++] = b;
    }
    return n;
}

void type_member_quote(struct slice label, struct writer *w)
{
    writer_u8(w, '\'');
    for (size_t i = 0; i < label.len; i++) {
        switch (label.ptr[i]) {
        case 0:
            writer_lit(w, "\\0");
            break;
        case '\n':
            writer_lit(w, "\\n");
            break;
        case '\r':
            writer_lit(w, "\\r");
            break;
        case '\\':
            writer_lit(w, "\\\\");
            break;
        case '\'':
            writer_lit(w, "''");
            break;
        default:
            writer_u8(w, label.ptr[i]);
        }
    }
    writer_u8(w, '\'');
}

static bool parse_members(struct slice *s, struct type_text *t)
{
    struct slice quoted;
    const uint8_t *start = s->ptr;
    do {
        if (!take_quoted(s, &quoted) || t->member_count == TYPE_MEMBERS_MAX)
            return false;
        t->member_count++;
    } while (take_byte(s, ','));
    t->members = slice_of(start, (size_t)(s->ptr - start));
    return take_byte(s, ')') && (t->kind == COL_ENUM || t->member_count <= 64);
}

static bool parse_brackets(struct slice *s, struct type_text *t)
{
    if (t->kind == COL_ENUM || t->kind == COL_SET)
        return take_byte(s, '(') && parse_members(s, t);
    if (!take_byte(s, '('))
        return true;
    if (!take_number(s, &t->length))
        return false;
    t->has_length = true;
    if (take_byte(s, ',') && !take_number(s, &t->scale))
        return false;
    return take_byte(s, ')');
}

/* What follows the brackets: attributes, and comments such as MariaDB's for compressed columns. */
static bool parse_attributes(struct slice s, struct type_text *t)
{
    for (skip_spaces(&s); s.len > 0; skip_spaces(&s)) {
        if (s.ptr[0] == '/') {
            const uint8_t *end = memmem(s.ptr, s.len, "*/", 2);
            if (end == NULL)
                return false;
            s = slice_of(end + 2, s.len - (size_t)(end + 2 - s.ptr));
            continue;
        }
        struct slice word = take_word(&s);
        if (word.len == 0)
            return false;
        if (slice_eq_nocase(word, SLICE_LIT("unsigned")) ||
            slice_eq_nocase(word, SLICE_LIT("zerofill")))
            t->is_unsigned = true;
    }
    return true;
}

/* The bounds of the types themselves; what is outside cannot have come from a server. */
static bool in_bounds(const struct type_text *t)
{
    switch (t->kind) {
    case COL_DECIMAL:
        return t->length >= 1 && t->length <= 65 && t->scale <= t->length;
    case COL_BIT:
        return t->length >= 1 && t->length <= 64;
    case COL_TIME:
    case COL_DATETIME:
    case COL_TIMESTAMP:
        return t->length <= 6;
    case COL_CHAR:
    case COL_BINARY:
        return t->length <= 255;
    case COL_VARCHAR:
    case COL_VARBINARY:
        return t->has_length && t->length <= 65535;
    case COL_VECTOR:
        return t->length <= 65535;
    case COL_TINYINT:
    case COL_SMALLINT:
    case COL_MEDIUMINT:
    case COL_INT:
    case COL_BIGINT:
    case COL_FLOAT:
    case COL_DOUBLE:
    case COL_YEAR:
    case COL_DATE:
    case COL_TEXT:
    case COL_BLOB:
    case COL_ENUM:
    case COL_SET:
    case COL_JSON:
    case COL_GEOMETRY:
    case COL_UUID:
    case COL_INET4:
    case COL_INET6:
    case COL_KIND_COUNT:
        break;
    }
    return true;
}

bool type_text_parse(struct slice text, struct type_text *out)
{
    struct slice s = text;
    struct slice word = take_word(&s);
    for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++) {
        const struct type_name *n = &type_names[i];
        if (!slice_eq_nocase(word, slice_str(n->name)))
            continue;
        struct type_text t = {
            .kind = n->kind,
            .bare = word,
            .length_bytes = n->length_bytes,
            .length = n->length,
            .members = SLICE_LIT(""),
        };
        if (!parse_brackets(&s, &t) || !parse_attributes(s, &t) || !in_bounds(&t))
            return false;
        *out = t;
        return true;
    }
    return false;
}
