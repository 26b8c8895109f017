/*
 * The words of an SQL statement, as MySQL and MariaDB take them apart.
 *
 *     struct sql_lexer l;
 *     sql_lexer_init(&l, sql, &dialect);
 *     while ((t = sql_next(&l)).kind != SQL_END && t.kind != SQL_BAD)
 *         ...
 *
 * The text is UTF-8 (the caller has converted it from the session's character
 * set); bytes from 0x80 on count as letters. Tokens are slices of the text.
 * Nothing is allocated, nothing recurses, and every byte is looked at a fixed
 * number of times. A struct sql_lexer may be copied to look ahead.
 *
 * White space and comments are passed over. What stands in an executable
 * comment is text if this server would have executed it (MySQL source docs,
 * sql/sql_lexer.cc; MariaDB manual, "Comment Syntax"):
 *   MySQL    / *! always, / *!NNNNN and / *!NNNNNN up to its own version
 *   MariaDB  the same but for 50700 to 99999, which are MySQL's alone; and
 *            the same with M! instead of !, without that exception
 */
#pragma once

#include "base/slice.h"

/* Bits of sql_mode, as QUERY events carry them (sql/system_variables.h). */
#define SQL_MODE_REAL_AS_FLOAT        UINT64_C(0x1)
#define SQL_MODE_ANSI_QUOTES          UINT64_C(0x4)
#define SQL_MODE_ORACLE               UINT64_C(0x200) /* MariaDB */
#define SQL_MODE_NO_BACKSLASH_ESCAPES UINT64_C(0x100000)
#define SQL_MODE_STRICT               UINT64_C(0x600000) /* either of both */

/* Who wrote the statement. */
struct sql_dialect {
    uint64_t sql_mode; /* SQL_MODE_* */
    uint32_t version;  /* 80036, 90704, 101119 */
    bool mariadb;
};

enum sql_token_kind {
    SQL_END,    /* of the text; again and again */
    SQL_BAD,    /* a quote or comment that nothing closes; again and again */
    SQL_WORD,   /* a name or key word without quotes */
    SQL_NAME,   /* a name in quotes: `..`, and ".." under ANSI_QUOTES */
    SQL_STRING, /* '..', "..", N'..' */
    SQL_HEX,    /* x'..', 0x..: the digits */
    SQL_BITS,   /* b'..', 0b..: the digits */
    SQL_NUMBER, /* 12, 1.5, 1e-3; never with a sign */
    SQL_SIGN,   /* any other byte, alone */
};

struct sql_token {
    enum sql_token_kind kind;
    uint8_t sign;      /* SQL_SIGN: the byte; else 0 */
    uint8_t quote;     /* SQL_NAME, SQL_STRING: the quote; else 0 */
    bool escaped;      /* text holds doubled quotes or backslashes */
    struct slice text; /* without quotes and 0x; escapes as they stand */
    const uint8_t *at; /* where it begins in the statement, quotes and all; SQL_BAD: what nothing
                          closes */
};

struct sql_lexer {
    const uint8_t *p;
    const uint8_t *end;
    struct sql_dialect dialect;
    bool executable;         /* inside an executable comment */
    bool dot;                /* the token before was a dot: digits are a name */
    const uint8_t *name_end; /* where a name ends that stands just before; NULL: none does */
    bool bad;
    const uint8_t *bad_at;
};

void sql_lexer_init(struct sql_lexer *l, struct slice sql, const struct sql_dialect *d);
struct sql_token sql_next(struct sql_lexer *l);

/* Whether t is that word, in either case; never one in quotes. */
static inline bool sql_is(struct sql_token t, const char *word)
{
    return t.kind == SQL_WORD && slice_eq_nocase(t.text, slice_str(word));
}

static inline bool sql_is_sign(struct sql_token t, char sign)
{
    return t.sign == (uint8_t)sign;
}

/*
 * The text of a name or string without its escapes: doubled quotes single,
 * backslashes resolved (dialect permitting). out has room for t.text.len
 * bytes. Returns the length.
 */
size_t sql_unquote(struct sql_token t, const struct sql_dialect *d, uint8_t *out);

/*
 * Whether two identifiers are the same name: letters of Latin, Greek and
 * Cyrillic compare equal in either case, as the server compares names of
 * columns and keys. Accents count.
 */
bool sql_name_eq(struct slice a, struct slice b);

/* Writes a name in lower case (same letters) to out, which has room for 2 * name.len + 4 bytes. */
size_t sql_name_lower(struct slice name, uint8_t *out);
