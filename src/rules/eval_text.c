/* Texts under collations: what is decided here, and the questions for the rest. */
#include "rules/program_int.h"

#include "base/utf8.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

static struct rule_question question(const struct rule_collation *c, enum rule_question_kind kind,
                                     struct slice a, struct slice b)
{
    return (struct rule_question){
        .kind = kind,
        .collation = c->name,
        .charset = c->charset != NULL ? c->charset->name : "",
        .bytes = c->charset != NULL && c->charset->form == CHARSET_BINARY,
        .a = a,
        .b = b,
    };
}

enum err eval_compare_text(struct rule_machine *m, const struct rule_collation *c,
                           const struct val *a, const struct val *b, int *out)
{
    struct slice x, y;
    struct rule_answer answer;
    TRY(val_text(a, &m->scratch, &x));
    TRY(val_text(b, &m->scratch, &y));
    if (collation_compare(c, x, y, out))
        return ERR_OK;
    struct rule_question q = question(c, ASK_COMPARE, x, y);
    TRY(machine_ask(m, &q, &answer));
    *out = answer.is_null ? 1 : answer.number;
    return ERR_OK;
}

enum err eval_like(struct rule_machine *m, const struct like_info *info, struct slice text,
                   struct slice pattern, uint32_t escape, bool *out)
{
    struct rule_answer answer;
    if (collation_like(info->collation, text, pattern, escape, out))
        return ERR_OK;
    struct rule_question q = question(info->collation, ASK_LIKE, text, pattern);
    q.escape = escape;
    TRY(machine_ask(m, &q, &answer));
    *out = answer.number == 1;
    return ERR_OK;
}

/* Behind a backslash, what is the same everywhere: signs, and three classes. */
static bool plain_escape(uint8_t c)
{
    return memchr(".*+?()[]{}|^$\\/-", c, 16) != NULL || c == 'd' || c == 'w' || c == 's';
}

/*
 * Whether a pattern is a regular expression in the narrow sense, whose matches
 * do not depend on the engine: characters, classes, alternatives, repetition,
 * anchors.
 */
static bool is_plain_pattern(struct slice p)
{
    bool class = false;
    for (size_t i = 0; i < p.len; i++) {
        uint8_t c = p.ptr[i];
        uint8_t next = i + 1 < p.len ? p.ptr[i + 1] : 0;
        if (c < ' ' || c > '~')
            return false;
        if (c == '\\') {
            if (class || !plain_escape(next))
                return false;
            i++;
        } else if (class) {
            if (c == '[' || c == '&' || (c == '-' && (next == '[' || next == '-')))
                return false; /* classes of classes */
            class = c != ']';
        } else if (c == '[') {
            class = true;
            i += next == '^';
            if (i + 1 < p.len && (p.ptr[i + 1] == ']' || p.ptr[i + 1] == '['))
                return false;
        } else if (c == '(' && (next == '?' || next == '*')) {
            return false;
        } else if ((c == '*' || c == '+' || c == '?' || c == '}') && (next == '+' || next == '*')) {
            return false; /* possessive, or an error to some */
        } else if (c == '{' && (next < '0' || next > '9')) {
            return false;
        }
    }
    return !class && p.len > 0;
}

void *regex_plain(struct slice pattern, bool caseless, bool whole)
{
    int code;
    PCRE2_SIZE offset;
    if (!is_plain_pattern(pattern))
        return NULL;
    uint32_t options = (caseless ? PCRE2_CASELESS : 0) | PCRE2_NEVER_BACKSLASH_C |
                       PCRE2_DOLLAR_ENDONLY | (whole ? PCRE2_ANCHORED | PCRE2_ENDANCHORED : 0);
    return pcre2_compile(pattern.ptr, pattern.len, options, &code, &offset, NULL);
}

enum err eval_regexp(struct rule_machine *m, const struct regex_info *info, struct slice text,
                     struct slice pattern, bool *out)
{
    struct rule_answer answer;
    if (info->code != NULL && text_is_plain(text)) {
        int rc = pcre2_match(info->code, text.ptr, text.len, 0, 0, m->match_data, m->match_context);
        if (rc >= 0 || rc == PCRE2_ERROR_NOMATCH) {
            *out = rc >= 0;
            return ERR_OK;
        }
    }
    struct rule_question q = question(info->collation, ASK_REGEXP, text, pattern);
    TRY(machine_ask(m, &q, &answer));
    *out = answer.number == 1;
    return ERR_OK;
}

static bool is_ascii(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] >= 0x80)
            return false;
    return true;
}

enum err eval_case(struct rule_machine *m, const struct rule_collation *c, bool upper,
                   const struct val *v, struct val *out)
{
    struct slice text;
    TRY(val_text(v, &m->scratch, &text));
    *out = (struct val){.kind = VAL_TEXT, .text = text};
    if (c->charset != NULL && c->charset->form == CHARSET_BINARY)
        return ERR_OK; /* bytes have no case */
    if (!is_ascii(text)) {
        struct rule_answer answer;
        struct rule_question q = question(c, upper ? ASK_UPPER : ASK_LOWER, text, SLICE_LIT(""));
        TRY(machine_ask(m, &q, &answer));
        text = answer.text; /* the table of answers may forget it before the row ends */
    }
    uint8_t *to = scratch_alloc(&m->scratch, text.len + 1);
    if (to == NULL)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t b = text.ptr[i];
        if (upper ? b >= 'a' && b <= 'z' : b >= 'A' && b <= 'Z')
            b ^= 0x20;
        to[i] = b;
    }
    out->text = slice_of(to, text.len);
    return ERR_OK;
}
