#include "schema/sql_lex.h"

#define MARIADB_SKIPS_FROM 50700u /* versions of MySQL that MariaDB never was */
#define MARIADB_SKIPS_TO   99999u

void sql_lexer_init(struct sql_lexer *l, struct slice sql, const struct sql_dialect *d)
{
    *l = (struct sql_lexer){.p = sql.ptr, .end = sql.ptr + sql.len, .dialect = *d};
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_word_byte(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '$' || c >= 0x80;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0;
}

/* The byte n places on, 0 behind the end. */
static uint8_t peek(const struct sql_lexer *l, size_t n)
{
    return (size_t)(l->end - l->p) > n ? l->p[n] : 0;
}

static size_t left(const struct sql_lexer *l)
{
    return (size_t)(l->end - l->p);
}

static bool no_backslash(const struct sql_dialect *d)
{
    return (d->sql_mode & SQL_MODE_NO_BACKSLASH_ESCAPES) != 0;
}

/* at: where what nothing closes begins */
static void fail(struct sql_lexer *l, const uint8_t *at)
{
    l->bad = true;
    l->bad_at = at;
    l->p = l->end;
}

/* ---- comments ---- */

static void skip_line(struct sql_lexer *l)
{
    const uint8_t *nl = memchr(l->p, '\n', left(l));
    l->p = nl != NULL ? nl + 1 : l->end;
}

/*
 * Behind an opening: skips to the end of the comment. Where the contents are
 * code that is not for this server, comments in it end with their own mark.
 */
static void skip_comment(struct sql_lexer *l, const uint8_t *at, bool may_nest)
{
    bool inner = false;
    while (left(l) >= 2) {
        if (l->p[0] == '*' && l->p[1] == '/') {
            l->p += 2;
            if (!inner)
                return;
            inner = false;
        } else if (may_nest && !inner && l->p[0] == '/' && l->p[1] == '*') {
            l->p += 2;
            inner = true;
        } else {
            l->p++;
        }
    }
    fail(l, at);
}

static bool executes(const struct sql_dialect *d, bool maria_mark, uint32_t version)
{
    if (version > d->version)
        return false;
    return !d->mariadb || maria_mark || version < MARIADB_SKIPS_FROM || version > MARIADB_SKIPS_TO;
}

/* At the mark of an executable comment: enters or skips it. mark_len: of its opening. */
static void open_executable(struct sql_lexer *l, size_t mark_len)
{
    uint32_t version = 0;
    size_t digits = 0;
    const uint8_t *at = l->p;
    l->p += mark_len;
    while (digits < 6 && is_digit(peek(l, digits)))
        version = version * 10 + (uint32_t)(l->p[digits++] - '0');
    if (digits < 5) {
        l->executable = true; /* no version: the digits are text */
    } else if (executes(&l->dialect, mark_len == 4, version)) {
        l->p += digits;
        l->executable = true;
    } else {
        skip_comment(l, at, true);
    }
}

/* At "/" and "*". */
static void pass_comment(struct sql_lexer *l)
{
    if (peek(l, 2) == '!') {
        open_executable(l, 3);
    } else if (l->dialect.mariadb && peek(l, 2) == 'M' && peek(l, 3) == '!') {
        open_executable(l, 4);
    } else {
        const uint8_t *at = l->p;
        l->p += 2;
        skip_comment(l, at, false);
    }
}

static void skip_space(struct sql_lexer *l)
{
    while (l->p < l->end) {
        uint8_t c = *l->p;
        if (is_space(c)) {
            l->p++;
            l->dot = false;
        } else if (c == '#') {
            skip_line(l);
        } else if (c == '-' && peek(l, 1) == '-' && (left(l) == 2 || peek(l, 2) <= ' ')) {
            skip_line(l);
        } else if (c == '/' && peek(l, 1) == '*') {
            pass_comment(l);
        } else if (l->executable && c == '*' && peek(l, 1) == '/') {
            l->executable = false;
            l->p += 2;
        } else {
            return;
        }
    }
}

/* ---- tokens ---- */

/* At a quote. What is between it and its end; doubled quotes stand for one. */
static struct sql_token take_quoted(struct sql_lexer *l, enum sql_token_kind kind)
{
    uint8_t quote = *l->p++;
    bool backslashes = kind == SQL_STRING && !no_backslash(&l->dialect);
    struct sql_token t = {.kind = kind, .quote = quote};
    const uint8_t *start = l->p;
    while (l->p < l->end) {
        if (*l->p == quote) {
            if (peek(l, 1) != quote) {
                t.text = slice_of(start, (size_t)(l->p++ - start));
                return t;
            }
            t.escaped = true;
            l->p++;
        } else if (*l->p == '\\' && backslashes) {
            t.escaped = true;
            l->p += left(l) > 1;
        }
        l->p++;
    }
    fail(l, start - 1);
    return (struct sql_token){.kind = SQL_BAD, .text = SLICE_LIT("")};
}

/* The bytes from p on for which take says yes. */
static struct slice take_while(struct sql_lexer *l, bool (*take)(uint8_t))
{
    const uint8_t *start = l->p;
    while (l->p < l->end && take(*l->p))
        l->p++;
    return slice_of(start, (size_t)(l->p - start));
}

static bool is_hex(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_bit(uint8_t c)
{
    return c == '0' || c == '1';
}

/* 0x1F and 0b01, unless letters follow: then it is a name. */
static bool take_prefixed(struct sql_lexer *l, uint8_t letter, bool (*digit)(uint8_t),
                          enum sql_token_kind kind, struct sql_token *t)
{
    if (peek(l, 1) != letter || !digit(peek(l, 2)))
        return false;
    struct sql_lexer ahead = *l;
    ahead.p += 2;
    struct slice digits = take_while(&ahead, digit);
    if (ahead.p < ahead.end && is_word_byte(*ahead.p))
        return false;
    l->p = ahead.p;
    *t = (struct sql_token){.kind = kind, .text = digits};
    return true;
}

static void take_digits(struct sql_lexer *l)
{
    while (l->p < l->end && is_digit(*l->p))
        l->p++;
}

/* Digits, a fraction, an exponent. Digits that letters follow are a name. */
static struct sql_token take_number(struct sql_lexer *l)
{
    struct sql_token t;
    if (*l->p == '0' &&
        (take_prefixed(l, 'x', is_hex, SQL_HEX, &t) || take_prefixed(l, 'b', is_bit, SQL_BITS, &t)))
        return t;
    const uint8_t *start = l->p;
    take_digits(l);
    uint8_t c = peek(l, 0), next = peek(l, 1);
    bool exponent = (c == 'e' || c == 'E') &&
                    (is_digit(next) || ((next == '+' || next == '-') && is_digit(peek(l, 2))));
    if (c != '.' && !exponent && l->p < l->end && is_word_byte(c)) {
        (void)take_while(l, is_word_byte);
        return (struct sql_token){.kind = SQL_WORD,
                                  .text = slice_of(start, (size_t)(l->p - start))};
    }
    if (c == '.') {
        l->p++;
        take_digits(l);
        c = peek(l, 0);
        next = peek(l, 1);
        exponent = (c == 'e' || c == 'E') &&
                   (is_digit(next) || ((next == '+' || next == '-') && is_digit(peek(l, 2))));
    }
    if (exponent) {
        l->p += 2;
        take_digits(l);
    }
    return (struct sql_token){.kind = SQL_NUMBER, .text = slice_of(start, (size_t)(l->p - start))};
}

/* n'..', x'..' and b'..' */
static bool take_marked(struct sql_lexer *l, struct sql_token *t)
{
    if (peek(l, 1) != '\'')
        return false;
    uint8_t mark = *l->p | 0x20;
    if (mark != 'n' && mark != 'x' && mark != 'b')
        return false;
    l->p++;
    *t = take_quoted(l, SQL_STRING);
    if (t->kind == SQL_STRING)
        t->kind = mark == 'n' ? SQL_STRING : mark == 'x' ? SQL_HEX : SQL_BITS;
    return true;
}

static struct sql_token take_token(struct sql_lexer *l)
{
    struct sql_token t;
    uint8_t c = *l->p;
    if (c == '`')
        return take_quoted(l, SQL_NAME);
    if (c == '\'')
        return take_quoted(l, SQL_STRING);
    if (c == '"')
        return take_quoted(l, l->dialect.sql_mode & SQL_MODE_ANSI_QUOTES ? SQL_NAME : SQL_STRING);
    if (take_marked(l, &t))
        return t;
    bool fraction = c == '.' && is_digit(peek(l, 1)) && l->p != l->name_end; /* .5 */
    if (fraction || (is_digit(c) && !l->dot))
        return take_number(l);
    if (is_word_byte(c)) {
        struct slice word = take_while(l, is_word_byte);
        return (struct sql_token){.kind = SQL_WORD, .text = word};
    }
    l->p++;
    return (struct sql_token){.kind = SQL_SIGN, .sign = c, .text = slice_of(l->p - 1, 1)};
}

struct sql_token sql_next(struct sql_lexer *l)
{
    skip_space(l);
    const uint8_t *at = l->p;
    struct sql_token t = {.kind = l->bad ? SQL_BAD : SQL_END, .text = SLICE_LIT("")};
    if (l->p < l->end)
        t = take_token(l);
    else if (l->executable && !l->bad)
        t.kind = SQL_BAD;
    l->dot = t.sign == '.';
    l->name_end = t.kind == SQL_WORD || t.kind == SQL_NAME ? l->p : NULL;
    t.at = t.kind == SQL_BAD && l->bad ? l->bad_at : at;
    return t;
}

/* ---- names ---- */

/* What follows a backslash in a string (sql/sql_lexer.cc, get_text()). */
static uint8_t escape_of(uint8_t c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case 'b':
        return '\b';
    case '0':
        return 0;
    case 'Z':
        return 0x1A;
    default:
        return c;
    }
}

size_t sql_unquote(struct sql_token t, const struct sql_dialect *d, uint8_t *out)
{
    bool backslashes = t.kind == SQL_STRING && !no_backslash(d);
    size_t n = 0;
    for (size_t i = 0; i < t.text.len; i++) {
        uint8_t c = t.text.ptr[i];
        if (t.quote != 0 && c == t.quote) {
            i++;
        } else if (c == '\\' && backslashes && i + 1 < t.text.len) {
            uint8_t next = t.text.ptr[++i];
            if (next == '%' || next == '_')
                out[n++] = '\\'; /* stays, for LIKE */
            c = escape_of(next);
        }
        out[n++] = c;
    }
    return n;
}

/* One character of UTF-8; a byte that begins none counts alone, above all characters. */
static uint32_t take_char(struct slice *s)
{
    uint8_t c = s->ptr[0];
    size_t n = c < 0x80                ? 1
               : c >= 0xC2 && c < 0xE0 ? 2
               : c >= 0xE0 && c < 0xF0 ? 3
               : c >= 0xF0             ? 4
                                       : 0;
    uint32_t v = n <= 1 ? c : n == 2 ? c & 0x1Fu : n == 3 ? c & 0x0Fu : c & 0x07u;
    for (size_t i = 1; i < n; i++) {
        if (i >= s->len || (s->ptr[i] & 0xC0) != 0x80)
            n = 0;
        else
            v = v << 6 | (s->ptr[i] & 0x3Fu);
    }
    if (n == 0) {
        v = 0x110000u + c;
        n = 1;
    }
    s->ptr += n;
    s->len -= n;
    return v;
}

static uint32_t lower(uint32_t c)
{
    if ((c >= 'A' && c <= 'Z') || (c >= 0xC0 && c <= 0xDE && c != 0xD7))
        return c + 0x20;
    if (c < 0x100)
        return c;
    if (c >= 0x391 && c <= 0x3A9)
        return c + 0x20;
    if (c >= 0x410 && c <= 0x42F)
        return c + 0x20;
    if (c >= 0x400 && c <= 0x40F)
        return c + 0x50;
    if (c == 0x178)
        return 0xFF;
    bool odd_upper = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E);
    bool even_upper = (c >= 0x100 && c <= 0x137 && c != 0x130 && c != 0x131) ||
                      (c >= 0x14A && c <= 0x177) || (c >= 0x460 && c <= 0x481);
    if (odd_upper)
        return c + (c & 1);
    if (even_upper)
        return c | 1;
    return c;
}

bool sql_name_eq(struct slice a, struct slice b)
{
    while (a.len > 0 && b.len > 0) {
        if (a.ptr[0] == b.ptr[0] && a.ptr[0] < 0x80) {
            a = slice_of(a.ptr + 1, a.len - 1);
            b = slice_of(b.ptr + 1, b.len - 1);
            continue;
        }
        if (lower(take_char(&a)) != lower(take_char(&b)))
            return false;
    }
    return a.len == b.len;
}

static size_t put_char(uint32_t c, uint8_t *out)
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    out[0] = (uint8_t)(0xC0 | c >> 6); /* lower() changes nothing beyond two bytes */
    out[1] = (uint8_t)(0x80 | (c & 0x3F));
    return 2;
}

size_t sql_name_lower(struct slice name, uint8_t *out)
{
    size_t n = 0;
    while (name.len > 0) {
        const uint8_t *start = name.ptr;
        uint32_t c = take_char(&name);
        if (lower(c) != c) {
            n += put_char(lower(c), out + n);
        } else {
            memcpy(out + n, start, (size_t)(name.ptr - start));
            n += (size_t)(name.ptr - start);
        }
    }
    return n;
}
