#include "rules/lexer.h"

#include "base/utf8.h"
#include "rules/expression_int.h"

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' ||
           c == '$' || c >= 0x80;
}

static int hex_value(uint8_t c)
{
    if (is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static uint8_t peek(const struct lexer *l, uint32_t ahead)
{
    return l->at + ahead < l->text.len ? l->text.ptr[l->at + ahead] : 0;
}

/* What a backslash and c stand for; *keep: the backslash stays in front. */
static uint8_t unescape(enum rule_dialect dialect, uint8_t c, bool *keep)
{
    *keep = false;
    switch (c) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case '\\':
    case '\'':
    case '"':
        return c;
    default:
        break;
    }
    if (dialect == RULE_ETL) {
        *keep = true; /* "\d" of a pattern */
        return c;
    }
    switch (c) {
    case '0':
        return 0;
    case 'b':
        return '\b';
    case 'Z':
        return 26;
    case '%':
    case '_':
        *keep = true;
        return c;
    default:
        return c;
    }
}

/* Where the text that begins behind at ends, or the length when it does not. A doubled quote is
 * part of it where that is the custom, and so is what a backslash hides. */
static uint32_t closing(const struct lexer *l, uint8_t quote, bool doubled, bool backslash)
{
    uint32_t i = l->at + 1;
    for (; i < l->text.len; i++) {
        uint8_t c = l->text.ptr[i];
        if (c == '\\' && backslash)
            i++;
        else if (c == quote && doubled && i + 1 < l->text.len && l->text.ptr[i + 1] == quote)
            i++;
        else if (c == quote)
            return i;
    }
    return (uint32_t)l->text.len;
}

static bool lex_string(struct lexer *l, struct token *t)
{
    uint8_t quote = l->text.ptr[l->at];
    uint32_t end = closing(l, quote, l->dialect == RULE_SQL, true);
    if (end >= l->text.len) {
        rule_error_add(l->errors, l->at, "this string has no closing %c", quote);
        return false;
    }
    uint8_t *to = arena_alloc(l->arena, end - l->at);
    size_t len = 0;
    if (to == NULL)
        return false;
    for (uint32_t i = l->at + 1; i < end; i++) {
        uint8_t c = l->text.ptr[i];
        bool keep = false;
        if (c == '\\')
            c = unescape(l->dialect, l->text.ptr[++i], &keep);
        else if (c == quote)
            i++;
        if (keep)
            to[len++] = '\\';
        to[len++] = c;
    }
    l->at = end + 1;
    t->kind = TOKEN_STRING;
    t->text = slice_of(to, len);
    return true;
}

static bool lex_quoted_name(struct lexer *l, struct token *t)
{
    uint32_t end = closing(l, '`', true, false);
    if (end >= l->text.len || end == l->at + 1) {
        rule_error_add(l->errors, l->at,
                       end >= l->text.len ? "this name has no closing `" : "an empty name");
        return false;
    }
    uint8_t *to = arena_alloc(l->arena, end - l->at);
    size_t len = 0;
    if (to == NULL)
        return false;
    for (uint32_t i = l->at + 1; i < end; i++) {
        to[len++] = l->text.ptr[i];
        if (l->text.ptr[i] == '`')
            i++;
    }
    l->at = end + 1;
    t->kind = TOKEN_QUOTED;
    t->text = slice_of(to, len);
    return true;
}

/* The digits of a hex (4 bits each) or bit (1) literal; what is missing to a byte is zero in front.
 */
static bool lex_bits(struct lexer *l, struct token *t, uint32_t skip, unsigned bits, bool quoted)
{
    uint32_t from = l->at + skip, end = from;
    while (end < l->text.len && hex_value(l->text.ptr[end]) >= 0)
        end++;
    size_t count = end - from;
    bool ok = quoted ? end < l->text.len && l->text.ptr[end] == '\'' : count > 0;
    if (!quoted && end < l->text.len && is_word(l->text.ptr[end]))
        ok = false;
    if (quoted && bits == 4 && count % 2 != 0)
        ok = false;
    size_t len = (count * bits + 7) / 8;
    uint8_t *to = arena_alloc(l->arena, len + 1);
    if (to == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        int v = hex_value(l->text.ptr[end - 1 - i]);
        if (v >= 1 << bits)
            ok = false;
        to[len - 1 - i * bits / 8] |= (uint8_t)(v << (i * bits % 8));
    }
    if (!ok) {
        rule_error_add(l->errors, l->at, "this is no %s literal", bits == 4 ? "hex" : "bit");
        return false;
    }
    l->at = end + quoted;
    t->is_text = quoted && bits == 4;
    t->kind = TOKEN_BYTES;
    t->text = slice_of(to, len);
    return true;
}

static void lex_number(struct lexer *l, struct token *t)
{
    uint32_t from = l->at;
    while (is_digit(peek(l, 0)))
        l->at++;
    if (peek(l, 0) == '.') {
        l->at++;
        while (is_digit(peek(l, 0)))
            l->at++;
    }
    uint8_t e = peek(l, 0) | 0x20, s = peek(l, 1);
    bool is_signed = s == '+' || s == '-';
    if (e == 'e' && is_digit(is_signed ? peek(l, 2) : s)) {
        l->at += 1 + is_signed;
        while (is_digit(peek(l, 0)))
            l->at++;
    }
    t->kind = TOKEN_NUMBER;
    t->text = slice_of(l->text.ptr + from, l->at - from);
}

static const char *const sql_signs[] = {"<=>", "<>", "!=", "<=", ">=", "||", "&&", "=", "<", ">",
                                        "+",   "-",  "*",  "/",  "%",  "!",  "(",  ")", ",", NULL};
static const char *const etl_signs[] = {"+", "-", "*", "/", "(", ")", ",", "=", "?", ":", NULL};

static bool lex_sign(struct lexer *l, struct token *t)
{
    for (const char *const *s = l->dialect == RULE_SQL ? sql_signs : etl_signs; *s != NULL; s++) {
        size_t n = strlen(*s);
        if (l->text.len - l->at < n || memcmp(l->text.ptr + l->at, *s, n) != 0)
            continue;
        t->kind = TOKEN_SIGN;
        t->text = slice_of(*s, n);
        l->at += (uint32_t)n;
        return true;
    }
    const uint8_t *p = l->text.ptr + l->at;
    uint8_t c = *p;
    unsigned n = utf8_char_len(p, l->text.ptr + l->text.len);
    if (c == ';')
        rule_error_add(l->errors, l->at, "a ; has no place here: one expression is expected");
    else if (c == '.')
        rule_error_add(l->errors, l->at,
                       "a column is named without its table: only columns of the row itself can "
                       "be used");
    else
        rule_error_add(l->errors, l->at, "%.*s is not expected here", n > 0 ? (int)n : 1,
                       (const char *)p);
    return false;
}

static bool starts_comment(const struct lexer *l)
{
    uint8_t a = peek(l, 0), b = peek(l, 1);
    return (a == '/' && b == '*') || a == '#' || (a == '-' && b == '-' && peek(l, 2) <= ' ');
}

bool lexer_next(struct lexer *l, struct token *t)
{
    while (l->at < l->text.len && strchr(" \t\r\n", l->text.ptr[l->at]) != NULL &&
           l->text.ptr[l->at] != 0)
        l->at++;
    *t = (struct token){.kind = TOKEN_END, .at = l->at, .text = SLICE_LIT("")};
    if (l->at >= l->text.len)
        return true;
    uint8_t c = peek(l, 0), quote = peek(l, 1);
    bool sql = l->dialect == RULE_SQL;
    if (starts_comment(l)) {
        rule_error_add(l->errors, l->at, "comments have no place in an expression");
        return false;
    }
    if (c == '\'' || c == '"')
        return lex_string(l, t);
    if (c == '`')
        return lex_quoted_name(l, t);
    if (sql && (c | 0x20) == 'x' && quote == '\'')
        return lex_bits(l, t, 2, 4, true);
    if (sql && (c | 0x20) == 'b' && quote == '\'')
        return lex_bits(l, t, 2, 1, true);
    if (sql && c == '0' && (quote == 'x' || quote == 'b'))
        return lex_bits(l, t, 2, quote == 'x' ? 4 : 1, false);
    if (is_digit(c) || (c == '.' && is_digit(quote))) {
        lex_number(l, t);
        if (l->at < l->text.len && is_word(l->text.ptr[l->at])) {
            rule_error_add(l->errors, t->at, "this is neither a number nor a name");
            return false;
        }
        return true;
    }
    if (!is_word(c))
        return lex_sign(l, t);
    while (l->at < l->text.len && is_word(l->text.ptr[l->at]))
        l->at++;
    t->kind = TOKEN_NAME;
    t->text = slice_of(l->text.ptr + t->at, l->at - t->at);
    return true;
}
