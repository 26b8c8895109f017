/*
 * The type of a column: all its spellings, numbers in brackets, and the
 * attributes of numbers and text.
 */
#include "schema/ddl_int.h"

enum brackets {
    NO_BRACKETS,
    ONE,     /* (n) */
    TWO,     /* (n) or (n, n) */
    MEMBERS, /* ('a', 'b') */
};

struct type_word {
    const char *word;
    enum ddl_type type;
    enum brackets brackets;
};

/* clang-format off */
static const struct type_word type_words[] = {
    {"tinyint", DDL_TINYINT, ONE},       {"int1", DDL_TINYINT, ONE},
    {"smallint", DDL_SMALLINT, ONE},     {"int2", DDL_SMALLINT, ONE},
    {"mediumint", DDL_MEDIUMINT, ONE},   {"int3", DDL_MEDIUMINT, ONE},
    {"middleint", DDL_MEDIUMINT, ONE},   {"int", DDL_INT, ONE},
    {"integer", DDL_INT, ONE},           {"int4", DDL_INT, ONE},
    {"bigint", DDL_BIGINT, ONE},         {"int8", DDL_BIGINT, ONE},
    {"bool", DDL_TINYINT, NO_BRACKETS},  {"boolean", DDL_TINYINT, NO_BRACKETS},
    {"serial", DDL_BIGINT, NO_BRACKETS}, {"float", DDL_FLOAT, TWO},
    {"float4", DDL_FLOAT, TWO},          {"float8", DDL_DOUBLE, TWO},
    {"double", DDL_DOUBLE, TWO},         {"real", DDL_DOUBLE, TWO},
    {"decimal", DDL_DECIMAL, TWO},       {"dec", DDL_DECIMAL, TWO},
    {"numeric", DDL_DECIMAL, TWO},       {"fixed", DDL_DECIMAL, TWO},
    {"number", DDL_DECIMAL, TWO},        {"bit", DDL_BIT, ONE},
    {"year", DDL_YEAR, ONE},             {"date", DDL_DATE, NO_BRACKETS},
    {"time", DDL_TIME, ONE},             {"datetime", DDL_DATETIME, ONE},
    {"timestamp", DDL_TIMESTAMP, ONE},   {"char", DDL_CHAR, ONE},
    {"character", DDL_CHAR, ONE},        {"nchar", DDL_CHAR, ONE},
    {"varchar", DDL_VARCHAR, ONE},       {"varcharacter", DDL_VARCHAR, ONE},
    {"varchar2", DDL_VARCHAR, ONE},      {"nvarchar", DDL_VARCHAR, ONE},
    {"binary", DDL_BINARY, ONE},         {"varbinary", DDL_VARBINARY, ONE},
    {"raw", DDL_VARBINARY, ONE},         {"clob", DDL_LONGTEXT, NO_BRACKETS},
    {"tinytext", DDL_TINYTEXT, NO_BRACKETS},     {"text", DDL_TEXT, ONE},
    {"mediumtext", DDL_MEDIUMTEXT, NO_BRACKETS}, {"longtext", DDL_LONGTEXT, NO_BRACKETS},
    {"tinyblob", DDL_TINYBLOB, NO_BRACKETS},     {"blob", DDL_BLOB, ONE},
    {"mediumblob", DDL_MEDIUMBLOB, NO_BRACKETS}, {"longblob", DDL_LONGBLOB, NO_BRACKETS},
    {"long", DDL_MEDIUMTEXT, NO_BRACKETS},       {"enum", DDL_ENUM, MEMBERS},
    {"set", DDL_SET, MEMBERS},           {"json", DDL_JSON, NO_BRACKETS},
    {"vector", DDL_VECTOR, ONE},         {"geometry", DDL_GEOMETRY, ONE},
    {"point", DDL_POINT, ONE},           {"linestring", DDL_LINESTRING, ONE},
    {"polygon", DDL_POLYGON, ONE},       {"multipoint", DDL_MULTIPOINT, ONE},
    {"multilinestring", DDL_MULTILINESTRING, ONE},
    {"multipolygon", DDL_MULTIPOLYGON, ONE},
    {"geometrycollection", DDL_GEOMETRYCOLLECTION, ONE},
    {"geomcollection", DDL_GEOMETRYCOLLECTION, ONE},
    {"uuid", DDL_UUID, NO_BRACKETS},     {"inet4", DDL_INET4, NO_BRACKETS},
    {"inet6", DDL_INET6, NO_BRACKETS},   {"xmltype", DDL_XMLTYPE, NO_BRACKETS},
};
/* clang-format on */

static const struct type_word *find_word(struct slice word)
{
    for (size_t i = 0; i < sizeof(type_words) / sizeof(type_words[0]); i++)
        if (slice_eq_nocase(word, slice_str(type_words[i].word)))
            return &type_words[i];
    return NULL;
}

static bool member(struct ddl_parser *p, struct ddl_column *c, uint32_t *cap)
{
    struct slice text;
    if (!ddl_grow(p, &c->members, cap, c->member_count, sizeof(*c->members), DDL_MEMBERS_MAX) ||
        !ddl_text(p, &text))
        return false;
    c->members[c->member_count++] = text;
    return true;
}

static bool members(struct ddl_parser *p, struct ddl_column *c)
{
    uint32_t cap = 0;
    do {
        if (!member(p, c, &cap))
            return false;
    } while (ddl_accept_sign(p, ','));
    return true;
}

static bool brackets(struct ddl_parser *p, const struct type_word *w, struct ddl_column *c)
{
    if (w->brackets == MEMBERS)
        return ddl_accept_sign(p, '(') && members(p, c) && ddl_accept_sign(p, ')');
    if (w->brackets == NO_BRACKETS || !ddl_accept_sign(p, '('))
        return true;
    if (!ddl_number(p, &c->length))
        return false;
    if (w->brackets == TWO && ddl_accept_sign(p, ',') && !ddl_number(p, &c->scale))
        return false;
    (void)(ddl_accept(p, "char") || ddl_accept(p, "byte")); /* MariaDB, sql_mode ORACLE */
    return ddl_accept_sign(p, ')');
}

/* Words that may stand between the first word of a type and its brackets. */
static void second_words(struct ddl_parser *p, const struct type_word *w, struct slice word,
                         struct ddl_column *c)
{
    static const char *const varying[] = {"varying", "varchar", "varcharacter", NULL};
    static const char *const character[] = {"char", "character", NULL};
    if (slice_eq_nocase(word, SLICE_LIT("double"))) {
        (void)ddl_accept(p, "precision");
    } else if (slice_eq_nocase(word, SLICE_LIT("long"))) {
        if (ddl_accept(p, "varbinary"))
            c->type = DDL_MEDIUMBLOB;
        else if (!ddl_accept_any(p, varying) && ddl_at_any(p, character) &&
                 sql_is(ddl_peek(p), "varying"))
            ddl_next(p), ddl_next(p);
    } else if (w->type == DDL_CHAR && ddl_accept_any(p, varying)) {
        c->type = DDL_VARCHAR;
    }
}

/* What a word stands for beyond its type. */
static void implied(struct ddl_parser *p, struct slice word, struct ddl_column *c)
{
    if (slice_eq_nocase(word, SLICE_LIT("bool")) || slice_eq_nocase(word, SLICE_LIT("boolean"))) {
        c->length = 1;
    } else if (slice_eq_nocase(word, SLICE_LIT("serial"))) {
        c->is_unsigned = c->not_null = c->auto_increment = c->unique = true;
    } else if (slice_eq_nocase(word, SLICE_LIT("real"))) {
        if (p->o.dialect.sql_mode & SQL_MODE_REAL_AS_FLOAT)
            c->type = DDL_FLOAT;
    } else if (slice_eq_nocase(word, SLICE_LIT("nchar")) ||
               slice_eq_nocase(word, SLICE_LIT("nvarchar"))) {
        c->charset = SLICE_LIT("utf8mb3");
    }
    bool oracle = p->o.dialect.mariadb && (p->o.dialect.sql_mode & SQL_MODE_ORACLE);
    if (oracle && c->type == DDL_DATE)
        c->type = DDL_DATETIME;
    else if (oracle && c->type == DDL_BLOB)
        c->type = DDL_LONGBLOB;
}

/* FLOAT(p) is DOUBLE from 25 bits on; FLOAT(m, d) stays what it is. NUMBER alone is DOUBLE. */
static void settle(struct slice word, struct ddl_column *c)
{
    if (c->type == DDL_FLOAT && c->length >= 0 && c->scale < 0) {
        if (c->length > 24)
            c->type = DDL_DOUBLE;
        c->length = -1;
    } else if (slice_eq_nocase(word, SLICE_LIT("number")) && c->length < 0) {
        c->type = DDL_DOUBLE;
    }
}

bool ddl_column_type(struct ddl_parser *p, struct ddl_column *c)
{
    /* MariaDB names its own types so where sql_mode ORACLE means others. */
    if (ddl_at(p, "mariadb_schema") && sql_is_sign(ddl_peek(p), '.')) {
        ddl_next(p);
        ddl_next(p);
    }
    bool national = ddl_accept(p, "national");
    if (p->t.kind != SQL_WORD)
        return false;
    struct slice word = p->t.text;
    const struct type_word *w = find_word(word);
    if (w == NULL)
        return false;
    c->type = w->type;
    ddl_next(p);
    if (national)
        c->charset = SLICE_LIT("utf8mb3");
    second_words(p, w, word, c);
    implied(p, word, c);
    if (!brackets(p, w, c))
        return false;
    settle(word, c);
    return true;
}

bool ddl_accept_charset(struct ddl_parser *p)
{
    return ddl_accept(p, "charset") || ddl_accept_two(p, "character", "set") ||
           ddl_accept_two(p, "char", "set");
}

bool ddl_charset_attribute(struct ddl_parser *p, struct ddl_column *c, bool *took)
{
    *took = true;
    if (ddl_accept_charset(p)) {
        if (!ddl_at(p, "default"))
            return ddl_name_or_string(p, &c->charset);
        ddl_next(p);
        c->default_charset = true;
    } else if (ddl_accept(p, "collate")) {
        return ddl_name_or_string(p, &c->collation);
    } else if (ddl_accept(p, "ascii")) {
        c->charset = SLICE_LIT("latin1");
    } else if (ddl_accept(p, "unicode")) {
        c->charset = SLICE_LIT("ucs2");
    } else if (ddl_accept(p, "byte")) {
        c->charset = SLICE_LIT("binary");
    } else if (ddl_accept(p, "binary")) {
        c->binary = true;
    } else {
        *took = false;
    }
    return true;
}
