/*
 * A column's definition as the server shows it.
 *
 * Sources: Field::sql_type() of sql/field.cc (MySQL source docs; MariaDB) for
 * the texts, sql/sql_table.cc (prepare_create_field(), prepare_blob_field())
 * for what a type becomes.
 */
#include "base/writer.h"
#include "schema/ddl_apply_int.h"
#include "schema/type_text.h"

#define VARCHAR_BYTES_MAX 65535
#define TEXT_CLASSES      4

/* clang-format off */
static const struct {
    const char *name;
    uint8_t width;          /* of an integer that is shown with one, signed */
    uint8_t unsigned_width;
} types[DDL_TYPE_NONE] = {
    [DDL_TINYINT] = {"tinyint", 4, 3},    [DDL_SMALLINT] = {"smallint", 6, 5},
    [DDL_MEDIUMINT] = {"mediumint", 9, 8}, [DDL_INT] = {"int", 11, 10},
    [DDL_BIGINT] = {"bigint", 20, 20},    [DDL_FLOAT] = {"float", 0, 0},
    [DDL_DOUBLE] = {"double", 0, 0},      [DDL_DECIMAL] = {"decimal", 0, 0},
    [DDL_BIT] = {"bit", 0, 0},            [DDL_YEAR] = {"year", 0, 0},
    [DDL_DATE] = {"date", 0, 0},          [DDL_TIME] = {"time", 0, 0},
    [DDL_DATETIME] = {"datetime", 0, 0},  [DDL_TIMESTAMP] = {"timestamp", 0, 0},
    [DDL_CHAR] = {"char", 0, 0},          [DDL_VARCHAR] = {"varchar", 0, 0},
    [DDL_BINARY] = {"binary", 0, 0},      [DDL_VARBINARY] = {"varbinary", 0, 0},
    [DDL_TINYTEXT] = {"tinytext", 0, 0},  [DDL_TEXT] = {"text", 0, 0},
    [DDL_MEDIUMTEXT] = {"mediumtext", 0, 0}, [DDL_LONGTEXT] = {"longtext", 0, 0},
    [DDL_TINYBLOB] = {"tinyblob", 0, 0},  [DDL_BLOB] = {"blob", 0, 0},
    [DDL_MEDIUMBLOB] = {"mediumblob", 0, 0}, [DDL_LONGBLOB] = {"longblob", 0, 0},
    [DDL_ENUM] = {"enum", 0, 0},          [DDL_SET] = {"set", 0, 0},
    [DDL_JSON] = {"json", 0, 0},          [DDL_VECTOR] = {"vector", 0, 0},
    [DDL_GEOMETRY] = {"geometry", 0, 0},  [DDL_POINT] = {"point", 0, 0},
    [DDL_LINESTRING] = {"linestring", 0, 0}, [DDL_POLYGON] = {"polygon", 0, 0},
    [DDL_MULTIPOINT] = {"multipoint", 0, 0}, [DDL_MULTILINESTRING] = {"multilinestring", 0, 0},
    [DDL_MULTIPOLYGON] = {"multipolygon", 0, 0},
    [DDL_GEOMETRYCOLLECTION] = {"geometrycollection", 0, 0},
    [DDL_UUID] = {"uuid", 0, 0},          [DDL_INET4] = {"inet4", 0, 0},
    [DDL_INET6] = {"inet6", 0, 0},        [DDL_XMLTYPE] = {"xmltype", 0, 0},
};
/* clang-format on */

/* What a column's type comes to before it is written down. */
struct shape {
    enum ddl_type type;
    int64_t length;
    int64_t scale;
    struct slice collation; /* len 0: none */
};

static bool is_integer(enum ddl_type t)
{
    return t <= DDL_BIGINT;
}

static bool is_text(enum ddl_type t)
{
    return t == DDL_CHAR || t == DDL_VARCHAR || (t >= DDL_TINYTEXT && t <= DDL_LONGTEXT) ||
           t == DDL_ENUM || t == DDL_SET;
}

/* MySQL from 8.0.19 on leaves the width of integers and years out. */
static bool shows_width(const struct ddl_rules *r)
{
    return r->collations.mariadb || r->collations.version < 80019;
}

/* The smallest TEXT for that many bytes; MEDIUMBLOB counts as MEDIUMTEXT. */
static unsigned text_class(uint64_t bytes)
{
    return bytes <= 0xFF ? 0 : bytes <= 0xFFFF ? 1 : bytes <= 0xFFFFFF ? 2 : 3;
}

static uint64_t class_bytes(unsigned class)
{
    static const uint64_t bytes[TEXT_CLASSES] = {0xFF, 0xFFFF, 0xFFFFFF, 0xFFFFFFFF};
    return bytes[class];
}

/* The type that character set binary makes of a type of text. */
static enum ddl_type as_binary(enum ddl_type t)
{
    switch ((int)t) {
    case DDL_CHAR:
        return DDL_BINARY;
    case DDL_VARCHAR:
        return DDL_VARBINARY;
    case DDL_TINYTEXT:
    case DDL_TEXT:
    case DDL_MEDIUMTEXT:
    case DDL_LONGTEXT:
        return (enum ddl_type)(t - DDL_TINYTEXT + DDL_TINYBLOB);
    default:
        return t;
    }
}

/* What sizes make of a type: TEXT(n) the TEXT that holds n characters, a long VARCHAR a TEXT. */
static void fit_size(const struct draft *d, struct shape *s)
{
    uint32_t max_len = s->collation.len > 0 ? collation_max_len(s->collation) : 1;
    bool binary = s->type == DDL_VARBINARY || s->type == DDL_BLOB;
    enum ddl_type base = binary ? DDL_TINYBLOB : DDL_TINYTEXT;
    bool sized = s->length > 0 || (s->length == 0 && !d->rules->collations.mariadb);
    if ((s->type == DDL_TEXT || s->type == DDL_BLOB) && sized)
        s->type = (enum ddl_type)(base + text_class((uint64_t)s->length * max_len));
    bool strict = (d->st->options.dialect.sql_mode & SQL_MODE_STRICT) != 0;
    if ((s->type == DDL_VARCHAR || s->type == DDL_VARBINARY) && !strict &&
        s->length * max_len > VARCHAR_BYTES_MAX)
        s->type = (enum ddl_type)(base + text_class((uint64_t)s->length * max_len));
}

/* No text any more; MariaDB still shows the collation of ENUM and SET. */
static void make_binary(const struct draft *d, struct shape *s)
{
    s->type = as_binary(s->type);
    if (!d->rules->collations.mariadb || (s->type != DDL_ENUM && s->type != DDL_SET))
        s->collation = SLICE_LIT("");
}

/* CONVERT TO takes new columns along, but leaves them the attribute BINARY. */
static enum err converted_collation(struct draft *d, const struct ddl_column *c, struct slice *out)
{
    const struct collation_words words = {
        .charset = SLICE_LIT(""), .collation = SLICE_LIT(""), .binary = true};
    /* Where a statement names the table's set beside it, MariaDB takes that one for BINARY. */
    struct slice context = d->rules->collations.mariadb ? d->collation : d->converted;
    *out = d->converted;
    if (!c->binary)
        return ERR_OK;
    return collation_resolve(&d->rules->collations, &words, context, d->arena, out) ? ERR_OK
                                                                                    : ERR_NO_MEMORY;
}

static enum err resolve_text(struct draft *d, const struct ddl_column *c, struct shape *s)
{
    const struct collation_words words = {
        .charset = c->default_charset ? SLICE_LIT("") : c->charset,
        .collation = c->collation,
        .binary = c->binary,
    };
    if (!collation_resolve(&d->rules->collations, &words, d->collation, d->arena, &s->collation))
        return draft_fail(d, d->arena->failed ? ERR_NO_MEMORY : ERR_UNSUPPORTED,
                          "the character set of column %.*s is the table's, which is not known",
                          SLICE_ARG(c->name));
    bool binary = slice_eq(s->collation, SLICE_LIT("binary"));
    if (d->converted.len > 0 && !binary) {
        TRY(converted_collation(d, c, &s->collation));
        binary = slice_eq(s->collation, SLICE_LIT("binary"));
    }
    if (binary)
        make_binary(d, s);
    return ERR_OK;
}

static enum err shape_of(struct draft *d, const struct ddl_column *c, struct shape *s)
{
    *s = (struct shape){c->type, c->length, c->scale, SLICE_LIT("")};
    if (c->type == DDL_TYPE_NONE)
        return draft_fail(d, ERR_UNSUPPORTED, "column %.*s has a type that is not known",
                          SLICE_ARG(c->name));
    if (is_text(c->type)) {
        enum err e = resolve_text(d, c, s);
        if (e != ERR_OK)
            return e;
    } else if (c->type == DDL_JSON && d->rules->collations.mariadb) {
        s->type = DDL_LONGTEXT;
        s->collation = d->converted.len > 0 ? d->converted : SLICE_LIT("utf8mb4_bin");
        if (slice_eq(s->collation, SLICE_LIT("binary")))
            make_binary(d, s);
    } else if (c->type == DDL_XMLTYPE) {
        s->collation = d->collation;
    }
    fit_size(d, s);
    return ERR_OK;
}

/* ---- texts ---- */

static const char *type_name(const struct draft *d, enum ddl_type t)
{
    bool mysql8 = !d->rules->collations.mariadb && d->rules->collations.version >= 80000;
    if (t == DDL_GEOMETRYCOLLECTION && mysql8)
        return "geomcollection";
    return types[t].name;
}

static void write_integer(const struct draft *d, const struct ddl_column *c, const struct shape *s,
                          struct writer *w)
{
    int64_t width = s->length > 0    ? s->length
                    : c->is_unsigned ? types[s->type].unsigned_width
                                     : types[s->type].width;
    bool boolean = s->type == DDL_TINYINT && s->length == 1 && !c->is_unsigned;
    if (shows_width(d->rules) || c->zerofill || boolean)
        writer_printf(w, "(%lld)", (long long)width);
}

/* The digits of a number in brackets, or none. */
static void write_length(const struct draft *d, const struct ddl_column *c, const struct shape *s,
                         struct writer *w)
{
    long long length = s->length;
    switch ((int)s->type) {
    case DDL_FLOAT:
    case DDL_DOUBLE:
        if (length >= 0 && s->scale >= 0)
            writer_printf(w, "(%lld,%lld)", length, (long long)s->scale);
        break;
    case DDL_DECIMAL:
        writer_printf(w, "(%lld,%lld)", length > 0 ? length : 10,
                      s->scale > 0 ? (long long)s->scale : 0);
        break;
    case DDL_YEAR:
        if (shows_width(d->rules))
            writer_printf(w, "(%d)", length == 2 && d->rules->collations.mariadb ? 2 : 4);
        break;
    case DDL_TIME:
    case DDL_DATETIME:
    case DDL_TIMESTAMP:
        if (length > 0)
            writer_printf(w, "(%lld)", length);
        break;
    case DDL_BIT:
        writer_printf(w, "(%lld)", length > 0 ? length : 1);
        break;
    case DDL_CHAR:
    case DDL_BINARY:
    case DDL_VARCHAR:
    case DDL_VARBINARY:
        writer_printf(w, "(%lld)", length >= 0 ? length : 1);
        break;
    case DDL_VECTOR:
        writer_printf(w, "(%lld)", length > 0 ? length : 2048);
        break;
    default:
        if (is_integer(s->type))
            write_integer(d, c, s, w);
    }
}

/* Labels lose their trailing spaces, but for those of no character set. */
static void write_members(const struct ddl_column *c, const struct shape *s, struct writer *w)
{
    bool binary = s->collation.len == 0 || slice_eq(s->collation, SLICE_LIT("binary"));
    writer_lit(w, "(");
    for (uint32_t i = 0; i < c->member_count; i++) {
        struct slice label = c->members[i];
        while (!binary && label.len > 0 && label.ptr[label.len - 1] == ' ')
            label.len--;
        if (i > 0)
            writer_lit(w, ",");
        type_member_quote(label, w);
    }
    writer_lit(w, ")");
}

static void write_type(const struct draft *d, const struct ddl_column *c, const struct shape *s,
                       struct writer *w)
{
    writer_printf(w, "%s", type_name(d, s->type));
    if (s->type == DDL_ENUM || s->type == DDL_SET)
        write_members(c, s, w);
    else
        write_length(d, c, s, w);
    bool number = s->type <= DDL_DECIMAL;
    if (number && c->is_unsigned)
        writer_lit(w, " unsigned");
    if (number && c->zerofill)
        writer_lit(w, " zerofill");
    if (c->compressed)
        writer_lit(w, " /*M!100301 COMPRESSED*/");
}

static enum err type_text(struct draft *d, const struct ddl_column *c, const struct shape *s,
                          struct slice *out)
{
    struct writer w;
    writer_init(&w, 64u << 20);
    write_type(d, c, s, &w);
    enum err e = w.err;
    if (e == ERR_OK)
        *out = arena_copy(d->arena, writer_slice(&w));
    writer_fini(&w);
    return e;
}

/* ---- what keys have to know ---- */

static uint32_t type_chars(const struct type_text *t)
{
    return t->kind == COL_CHAR || t->kind == COL_VARCHAR || t->kind == COL_BINARY ||
                   t->kind == COL_VARBINARY
               ? t->length
               : 0;
}

/* A SET is kept in 1, 2, 3, 4 or 8 bytes. */
static uint32_t set_bytes(uint32_t members)
{
    uint32_t bytes = (members + 7) / 8;
    return bytes > 4 ? 8 : bytes;
}

/* Bytes that a key over the whole column takes, roughly where it is not text. */
static void measure(struct draft_column *c)
{
    struct type_text t;
    uint32_t max_len = c->def.collation.len > 0 ? collation_max_len(c->def.collation) : 1;
    if (!type_text_parse(c->def.column_type, &t))
        return;
    c->blob = t.kind == COL_TEXT || t.kind == COL_BLOB || t.kind == COL_JSON ||
              t.kind == COL_GEOMETRY || t.kind == COL_VECTOR;
    c->chars = type_chars(&t);
    c->text = c->blob || c->chars > 0;
    c->bytes = c->blob ? UINT32_MAX : c->chars > 0 ? c->chars * max_len : 8;
    c->width =
        t.kind == COL_TEXT || t.kind == COL_BLOB ? class_bytes(t.length_bytes - 1u) : c->bytes;
    c->label_bytes = t.kind == COL_ENUM  ? (t.member_count > 255 ? 2 : 1)
                     : t.kind == COL_SET ? set_bytes(t.member_count)
                                         : 0;
    c->geometry = t.kind == COL_GEOMETRY;
    c->point = c->geometry && slice_eq_nocase(t.bare, SLICE_LIT("point"));
}

static bool is_temporal(enum ddl_type t)
{
    return t == DDL_TIME || t == DDL_DATETIME || t == DDL_TIMESTAMP;
}

static bool is_nullable(const struct draft *d, const struct ddl_column *c)
{
    bool stamp =
        c->type == DDL_TIMESTAMP && d->rules->implicit_timestamp && !c->null && !c->generated;
    return !c->not_null && !c->auto_increment && !c->primary && !stamp;
}

enum err draft_column_new(struct draft *d, const struct ddl_column *c, struct draft_column **out)
{
    struct shape s;
    struct draft_column *n = arena_alloc(d->arena, sizeof(*n));
    if (n == NULL)
        return ERR_NO_MEMORY;
    TRY(shape_of(d, c, &s));
    n->def = (struct column_def){
        .name = c->name,
        .data_type = slice_str(type_name(d, s.type)),
        .collation = s.collation,
        .datetime_precision = is_temporal(c->type) && c->length > 0 ? (uint32_t)c->length : 0,
        .nullable = is_nullable(d, c),
        .generated = c->generated || c->row_start || c->row_end,
        .invisible = c->invisible,
        .hires_old_temporal = is_temporal(c->type) && d->rules->old_temporal,
    };
    n->row_end = c->row_end;
    TRY(type_text(d, c, &s, &n->def.column_type));
    measure(n);
    *out = n;
    return d->arena->failed ? ERR_NO_MEMORY : ERR_OK;
}

enum err draft_column_keep(struct draft *d, const struct column_def *c, struct draft_column **out)
{
    struct draft_column *n = arena_alloc(d->arena, sizeof(*n));
    if (n == NULL)
        return ERR_NO_MEMORY;
    n->def = *c;
    measure(n);
    *out = n;
    return ERR_OK;
}

/* ---- CONVERT TO CHARACTER SET ---- */

static const enum ddl_type text_types[TEXT_CLASSES] = {DDL_TINYTEXT, DDL_TEXT, DDL_MEDIUMTEXT,
                                                       DDL_LONGTEXT};

/* The type that a column of text gets where its characters take another number of bytes. */
static void convert_shape(const struct draft *d, const struct draft_column *c,
                          const struct type_text *t, struct shape *s)
{
    uint32_t before = collation_max_len(c->def.collation);
    uint32_t after = collation_max_len(s->collation);
    s->length = t->length;
    if (t->kind == COL_TEXT) {
        uint64_t chars = class_bytes(t->length_bytes - 1u) / before;
        s->type = text_types[text_class(chars * after)];
        s->length = -1;
    } else {
        s->type = t->kind == COL_CHAR      ? DDL_CHAR
                  : t->kind == COL_VARCHAR ? DDL_VARCHAR
                  : t->kind == COL_ENUM    ? DDL_ENUM
                                           : DDL_SET;
        fit_size(d, s);
    }
    if (slice_eq(s->collation, SLICE_LIT("binary")))
        make_binary(d, s);
}

enum err draft_column_convert(struct draft *d, struct draft_column *c)
{
    struct type_text t;
    if (c->def.collation.len == 0 || slice_eq(c->def.collation, SLICE_LIT("binary")))
        return ERR_OK;
    if (!type_text_parse(c->def.column_type, &t))
        return draft_fail(d, ERR_UNSUPPORTED, "column %.*s has type %.*s, which is not known",
                          SLICE_ARG(c->def.name), SLICE_ARG(c->def.column_type));
    struct shape s = {.collation = d->converted, .scale = -1};
    convert_shape(d, c, &t, &s);
    c->def.collation = s.collation;
    if (s.type == DDL_ENUM || s.type == DDL_SET)
        return ERR_OK;
    bool compressed =
        memmem(c->def.column_type.ptr, c->def.column_type.len, "COMPRESSED", 10) != NULL;
    const struct ddl_column words = {.compressed = compressed};
    c->def.data_type = slice_str(type_name(d, s.type));
    TRY(type_text(d, &words, &s, &c->def.column_type));
    measure(c);
    return ERR_OK;
}
