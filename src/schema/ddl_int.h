/*
 * Shared by the files of ddl*.c: a statement on its way through the parser.
 *
 * Every parse function returns false when what it expects is not there (or
 * memory is not: p->err says which), and leaves the rest alone. p->t is the
 * token that is looked at; nothing looks further but with a copy of p->lex.
 */
#pragma once

#include "schema/ddl.h"

struct ddl_parser {
    struct sql_lexer lex;
    struct sql_token t;
    struct ddl_options o;
    struct arena *arena;
    struct ddl_statement *st;
    uint32_t object_cap;
    uint32_t action_cap;
    uint32_t mark_cap;
    const uint8_t *behind; /* the last token that was taken */
    enum err err;          /* ERR_MALFORMED unless something else is said */
};

/* ---- tokens ---- */

void ddl_next(struct ddl_parser *p);
struct sql_token ddl_peek(const struct ddl_parser *p); /* the token behind p->t */
bool ddl_at_end(const struct ddl_parser *p);           /* the end, or ';' before it */

static inline bool ddl_at(const struct ddl_parser *p, const char *word)
{
    return sql_is(p->t, word);
}

static inline bool ddl_at_sign(const struct ddl_parser *p, char sign)
{
    return sql_is_sign(p->t, sign);
}

/* Takes the word or sign if it is there. */
bool ddl_accept(struct ddl_parser *p, const char *word);
bool ddl_accept_sign(struct ddl_parser *p, char sign);
bool ddl_accept_any(struct ddl_parser *p, const char *const *words); /* ends with NULL */
bool ddl_at_any(const struct ddl_parser *p, const char *const *words);

/* Takes both words, or neither. */
bool ddl_accept_two(struct ddl_parser *p, const char *first, const char *second);

/* IF EXISTS, IF NOT EXISTS */
bool ddl_accept_if_exists(struct ddl_parser *p);
bool ddl_accept_if_not_exists(struct ddl_parser *p);

/* WAIT n, NOWAIT (MariaDB) */
bool ddl_skip_wait(struct ddl_parser *p);

/* At "(": behind the ")" that closes it. */
bool ddl_skip_parens(struct ddl_parser *p);

/* One value: a word, name, string, number with its sign, or brackets. */
bool ddl_skip_value(struct ddl_parser *p);

/* To the end; false when quotes or brackets do not close. */
bool ddl_skip_rest(struct ddl_parser *p);

/* ---- names and values ---- */

/* A name in quotes or not; the result is borrowed from the text or the arena. */
bool ddl_name(struct ddl_parser *p, struct slice *out);

/* The same of a column of the statement's table, which is marked. */
bool ddl_column_name(struct ddl_parser *p, struct slice *out);

/* A name or string: character sets, collations, engines. */
bool ddl_name_or_string(struct ddl_parser *p, struct slice *out);

/* [database.]table, with the default database and lower case as the options say */
bool ddl_table_name(struct ddl_parser *p, struct slice *database, struct slice *name);
bool ddl_database_name(struct ddl_parser *p, struct slice *out);

/* A string literal without its quotes and introducer; hexadecimal ones as bytes. */
bool ddl_text(struct ddl_parser *p, struct slice *out);

/* A whole number without a sign; what is larger than UINT32_MAX is that. */
bool ddl_number(struct ddl_parser *p, int64_t *out);

/* ---- results ---- */

bool ddl_add_object(struct ddl_parser *p, struct ddl_object object);

/* NULL: no memory, or too many. */
struct ddl_action *ddl_add_action(struct ddl_parser *p, enum ddl_action_kind kind);

/* Marks what was taken from `from` on. NULL: no memory, or too many. */
struct ddl_mark *ddl_add_mark(struct ddl_parser *p, enum ddl_mark_kind kind, const uint8_t *from);

/* At "(": behind the ")" that closes it, all of it marked as an expression. */
bool ddl_skip_expression(struct ddl_parser *p);

/* Makes room for one more item in an array of the arena; cap 0 and NULL at first. */
bool ddl_grow(struct ddl_parser *p, void *items, uint32_t *cap, uint32_t count, size_t size,
              uint32_t max);

/* ---- the files ---- */

/* ddl_column.c: name and definition. In ALTER, FIRST and AFTER end it and are left. */
bool ddl_column(struct ddl_parser *p, struct ddl_column **out);

/* ddl_type.c: a type with its brackets and attributes. Takes nothing when there is none. */
bool ddl_column_type(struct ddl_parser *p, struct ddl_column *c);

/* Character set and collation words of a column. *took: one was there. */
bool ddl_charset_attribute(struct ddl_parser *p, struct ddl_column *c, bool *took);

/* CHARACTER SET, CHARSET or CHAR SET */
bool ddl_accept_charset(struct ddl_parser *p);

/* ddl_key.c */
bool ddl_at_key(const struct ddl_parser *p); /* a key, constraint, check or period begins */
bool ddl_key_element(struct ddl_parser *p, bool *maybe); /* adds the actions of one */
bool ddl_key_parts(struct ddl_parser *p, struct ddl_key *k);
bool ddl_key_options(struct ddl_parser *p, struct ddl_key *k);
bool ddl_references(struct ddl_parser *p);
struct ddl_key *ddl_key_new(struct ddl_parser *p, enum ddl_key_kind kind);

/* ddl_create.c, ddl_alter.c: behind CREATE TABLE, ALTER TABLE */
bool ddl_create_table(struct ddl_parser *p);
bool ddl_alter_table(struct ddl_parser *p);

/* One table option if one is there, else *took is false. */
bool ddl_table_option(struct ddl_parser *p, bool *took);
