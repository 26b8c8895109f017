#include "schema/ddl_mention.h"

#define NAME_MAX_BYTES DDL_NAME_BYTES

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_QUOTED, TOKEN_SIGN };

struct token {
    enum token_kind kind;
    struct slice text; /* quoted: without its quotes, doubled quotes still doubled */
    uint8_t quote;
};

struct scanner {
    const uint8_t *p;
    const uint8_t *end;
};

static bool is_word(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '$' || c >= 0x80;
}

static bool at(const struct scanner *s, const char *text)
{
    size_t n = strlen(text);
    return (size_t)(s->end - s->p) >= n && memcmp(s->p, text, n) == 0;
}

static void skip_to(struct scanner *s, const char *text)
{
    while (s->p < s->end && !at(s, text))
        s->p++;
    s->p += s->p < s->end ? strlen(text) : 0;
}

/*
 * White space and comments. What stands in an executable comment counts as
 * text: its opening with the version, and its end, are skipped like space.
 */
static void skip_space(struct scanner *s)
{
    for (;;) {
        if (s->p < s->end && (*s->p <= ' ')) {
            s->p++;
        } else if (at(s, "/*!") || at(s, "/*M!")) {
            s->p += s->p[2] == '!' ? 3 : 4;
            while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
                s->p++;
        } else if (at(s, "*/")) {
            s->p += 2;
        } else if (at(s, "/*")) {
            s->p += 2;
            skip_to(s, "*/");
        } else if (at(s, "#") || (at(s, "--") && (s->p + 2 == s->end || s->p[2] <= ' '))) {
            skip_to(s, "\n");
        } else {
            return;
        }
    }
}

static struct token quoted(struct scanner *s)
{
    uint8_t quote = *s->p++;
    const uint8_t *start = s->p;
    while (s->p < s->end) {
        if (*s->p == '\\' && quote != '`' && s->p + 1 < s->end) {
            s->p += 2;
        } else if (*s->p == quote && s->p + 1 < s->end && s->p[1] == quote) {
            s->p += 2;
        } else if (*s->p == quote) {
            break;
        } else {
            s->p++;
        }
    }
    if (s->p > s->end)
        s->p = s->end;
    struct token t = {TOKEN_QUOTED, slice_of(start, (size_t)(s->p - start)), quote};
    if (s->p < s->end)
        s->p++;
    return t;
}

static struct token next_token(struct scanner *s)
{
    skip_space(s);
    if (s->p >= s->end)
        return (struct token){.kind = TOKEN_END, .text = SLICE_LIT("")};
    uint8_t c = *s->p;
    if (c == '`' || c == '"' || c == '\'')
        return quoted(s);
    const uint8_t *start = s->p;
    if (!is_word(c)) {
        s->p++;
        return (struct token){.kind = TOKEN_SIGN, .text = slice_of(start, 1)};
    }
    while (s->p < s->end && is_word(*s->p))
        s->p++;
    return (struct token){.kind = TOKEN_WORD, .text = slice_of(start, (size_t)(s->p - start))};
}

static bool is(struct token t, const char *word)
{
    return t.kind == TOKEN_WORD && slice_eq_nocase(t.text, slice_str(word));
}

static bool is_sign(struct token t, char c)
{
    return t.kind == TOKEN_SIGN && t.text.ptr[0] == (uint8_t)c;
}

static bool is_database_word(struct token t)
{
    return is(t, "database") || is(t, "schema");
}

static enum ddl_effect create_effect(struct scanner *s)
{
    struct token t = next_token(s);
    bool replace = false;
    if (is(t, "or")) {
        (void)next_token(s); /* REPLACE */
        replace = true;
        t = next_token(s);
    }
    if (is(t, "temporary"))
        return DDL_NO_EFFECT;
    if (is(t, "table")) {
        t = next_token(s);
        return replace ? DDL_CHANGES : is(t, "if") ? DDL_CREATES_MAYBE : DDL_CREATES;
    }
    /* Other indexes change neither columns nor what identifies a row. */
    return is(t, "unique") ? DDL_CHANGES : DDL_NO_EFFECT;
}

static enum ddl_effect drop_effect(struct scanner *s)
{
    struct token t = next_token(s);
    if (is(t, "table") || is(t, "tables") || is(t, "index"))
        return DDL_CHANGES;
    return is_database_word(t) ? DDL_DROPS_DATABASE : DDL_NO_EFFECT;
}

static enum ddl_effect alter_effect(struct scanner *s)
{
    struct token t = next_token(s);
    while (is(t, "online") || is(t, "offline") || is(t, "ignore"))
        t = next_token(s);
    return is(t, "table") ? DDL_CHANGES : DDL_NO_EFFECT;
}

enum ddl_effect ddl_effect_of(struct slice sql)
{
    struct scanner s = {sql.ptr, sql.ptr + sql.len};
    struct token t = next_token(&s);
    while (is_sign(t, '('))
        t = next_token(&s);
    if (is(t, "create"))
        return create_effect(&s);
    if (is(t, "alter"))
        return alter_effect(&s);
    if (is(t, "drop"))
        return drop_effect(&s);
    if (is(t, "rename"))
        return DDL_CHANGES; /* RENAME USER mentions no table */
    if (is(t, "set")) {
        t = next_token(&s);
        return is(t, "statement") ? DDL_CHANGES : DDL_NO_EFFECT; /* MariaDB: SET STATEMENT .. FOR */
    }
    return DDL_NO_EFFECT;
}

/* Copies a token's name with doubled quotes made single. */
static struct slice name_of(struct token t, uint8_t buf[NAME_MAX_BYTES])
{
    if (t.kind != TOKEN_QUOTED || memchr(t.text.ptr, t.quote, t.text.len) == NULL)
        return t.text;
    size_t n = 0;
    for (size_t i = 0; i < t.text.len && n < NAME_MAX_BYTES; i++) {
        buf[n++] = t.text.ptr[i];
        if (t.text.ptr[i] == t.quote)
            i++;
    }
    return slice_of(buf, n);
}

bool ddl_mentions(struct slice sql, struct slice default_database, struct slice database,
                  struct slice table)
{
    struct scanner s = {sql.ptr, sql.ptr + sql.len};
    bool default_fits = slice_eq_nocase(default_database, database);
    bool qualified = false;  /* the token before was a dot ... */
    bool qualifier = false;  /* ... behind the database's name */
    bool last_is_db = false; /* the token before was the database's name */
    for (;;) {
        struct token t = next_token(&s);
        if (t.kind == TOKEN_END)
            return false;
        if (is_sign(t, '.')) {
            qualified = true;
            qualifier = last_is_db;
            continue;
        }
        last_is_db = false;
        if (t.kind != TOKEN_SIGN) {
            uint8_t buf[NAME_MAX_BYTES];
            struct slice name = name_of(t, buf);
            if (slice_eq_nocase(name, table) && (qualified ? qualifier : default_fits))
                return true;
            last_is_db = slice_eq_nocase(name, database);
        }
        qualified = qualifier = false;
    }
}

bool ddl_mentions_database(struct slice sql, struct slice database)
{
    struct scanner s = {sql.ptr, sql.ptr + sql.len};
    for (;;) {
        struct token t = next_token(&s);
        if (t.kind == TOKEN_END)
            return false;
        uint8_t buf[NAME_MAX_BYTES];
        if (t.kind != TOKEN_SIGN && slice_eq_nocase(name_of(t, buf), database))
            return true;
    }
}

struct ddl_names ddl_names_of(struct slice sql, struct slice default_database)
{
    return (struct ddl_names){.p = sql.ptr,
                              .end = sql.ptr + sql.len,
                              .default_database = default_database,
                              .last = SLICE_LIT("")};
}

bool ddl_names_next(struct ddl_names *n, struct slice *database, struct slice *table)
{
    struct scanner s = {n->p, n->end};
    struct token t;
    while ((t = next_token(&s)).kind == TOKEN_SIGN) {
        n->qualified = is_sign(t, '.') && n->last.len > 0;
        if (!n->qualified)
            n->last = SLICE_LIT("");
    }
    n->p = s.p;
    if (t.kind == TOKEN_END)
        return false;
    n->turn ^= 1;
    *table = name_of(t, n->buf[n->turn]);
    *database = n->qualified ? n->last : n->default_database;
    n->qualified = false;
    n->last = *table;
    return true;
}
