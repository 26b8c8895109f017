#include "schema/ddl_names.h"

#define QUOTES_MAX                                                                                 \
    8 /* openings without an end that are passed over; each costs a look at the rest */

struct ddl_names ddl_names_of(struct slice sql, const struct ddl_options *o)
{
    struct ddl_names n = {.default_database = o->default_database, .last = SLICE_LIT("")};
    sql_lexer_init(&n.lex, sql, &o->dialect);
    return n;
}

/*
 * The next token. Behind a quote or comment that nothing closes the text goes
 * on as words: who asks wants a name rather too often than not.
 */
static struct sql_token next(struct ddl_names *n)
{
    for (;;) {
        struct sql_lexer before = n->lex;
        struct sql_token t = sql_next(&n->lex);
        if (t.kind != SQL_BAD || t.at >= before.end || n->quotes == QUOTES_MAX)
            return t;
        n->quotes++;
        before.p = t.at + 1;
        n->lex = before;
    }
}

static bool is_name(struct sql_token t)
{
    if (t.kind == SQL_WORD || t.kind == SQL_NAME)
        return t.text.len > 0;
    return t.kind == SQL_STRING && t.quote == '"' && t.text.len > 0;
}

static struct slice name_of(struct ddl_names *n, struct sql_token t)
{
    if (!t.escaped || t.text.len > DDL_NAME_BYTES)
        return t.text;
    n->turn ^= 1;
    uint8_t *out = n->buf[n->turn];
    return slice_of(out, sql_unquote(t, &n->lex.dialect, out));
}

bool ddl_names_next(struct ddl_names *n, struct slice *database, struct slice *table)
{
    struct sql_token t = next(n);
    while (t.kind != SQL_END && t.kind != SQL_BAD && !is_name(t)) {
        n->qualified = sql_is_sign(t, '.') && n->last.len > 0;
        if (!n->qualified)
            n->last = SLICE_LIT("");
        t = next(n);
    }
    if (t.kind == SQL_END || t.kind == SQL_BAD)
        return false;
    *table = name_of(n, t);
    *database = n->qualified ? n->last : n->default_database;
    n->qualified = false;
    n->last = *table;
    return true;
}

bool ddl_mentions(struct slice sql, const struct ddl_options *o, struct slice database,
                  struct slice table)
{
    struct ddl_names n = ddl_names_of(sql, o);
    struct slice d, t;
    while (ddl_names_next(&n, &d, &t))
        if (sql_name_eq(t, table) && sql_name_eq(d, database))
            return true;
    return false;
}
