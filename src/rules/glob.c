#include "rules/glob.h"

#include <stdint.h>

/* Takes one character off s (not empty): its code point, or 0xDC00 + byte where it is no UTF-8. */
static uint32_t next_char(struct slice *s)
{
    static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t lead = s->ptr[0];
    size_t n = lead < 0x80   ? 1
               : lead < 0xC0 ? 0
               : lead < 0xE0 ? 2
               : lead < 0xF0 ? 3
               : lead < 0xF8 ? 4
                             : 0;
    uint32_t c = n <= 1 ? lead : lead & (0xFFu >> (n + 1));
    bool ok = n > 0 && n <= s->len;
    for (size_t i = 1; ok && i < n; i++) {
        ok = (s->ptr[i] & 0xC0) == 0x80;
        c = c << 6 | (s->ptr[i] & 0x3F);
    }
    if (!ok || c < lowest[n]) {
        n = 1;
        c = 0xDC00u + lead;
    }
    s->ptr += n;
    s->len -= n;
    return c;
}

static uint32_t folded(uint32_t c, bool fold_case)
{
    return fold_case && c >= 'A' && c <= 'Z' ? c + 32 : c;
}

/* One character of a pattern, a backslash taking the next one as it is. */
static bool pattern_char(struct slice *p, uint32_t *out)
{
    if (p->len == 0)
        return false;
    *out = next_char(p);
    if (*out != '\\')
        return true;
    if (p->len == 0)
        return false;
    *out = next_char(p);
    return true;
}

/*
 * p stands behind '['. Moves it behind ']' and says whether c is in the class;
 * false in *ended: there is no ']'. A ']' that comes first is a member.
 */
static bool in_class(struct slice *p, uint32_t c, bool fold_case, bool *ended)
{
    bool inverted = p->len > 0 && (*p->ptr == '!' || *p->ptr == '^'), found = false, first = true;
    if (inverted)
        next_char(p);
    *ended = false;
    while (p->len > 0) {
        uint32_t low, high;
        if (*p->ptr == ']' && !first) {
            next_char(p);
            *ended = true;
            return found != inverted;
        }
        first = false;
        if (!pattern_char(p, &low))
            return false;
        high = low;
        if (p->len >= 2 && p->ptr[0] == '-' && p->ptr[1] != ']') {
            next_char(p);
            if (!pattern_char(p, &high))
                return false;
        }
        if ((c >= low && c <= high) || (fold_case && folded(c, true) >= folded(low, true) &&
                                        folded(c, true) <= folded(high, true)))
            found = true;
    }
    return false;
}

bool glob_valid(struct slice p)
{
    while (p.len > 0) {
        uint32_t c;
        bool ended = true;
        bool class = *p.ptr == '[';
        if (!pattern_char(&p, &c))
            return false;
        if (class)
            (void)in_class(&p, 0, false, &ended);
        if (!ended)
            return false;
    }
    return true;
}

/* Matches one character of text with one element of the pattern, and moves both behind it. */
static bool match_one(struct slice *p, struct slice *text, bool fold_case)
{
    uint32_t c = next_char(text), want;
    bool ended;
    if (*p->ptr == '?') {
        next_char(p);
        return true;
    }
    if (*p->ptr == '[') {
        next_char(p);
        return in_class(p, c, fold_case, &ended) && ended;
    }
    return pattern_char(p, &want) && folded(want, fold_case) == folded(c, fold_case);
}

/* Only the last star is ever retried: what an earlier one took never needs to change. */
bool glob_match(struct slice p, struct slice text, bool fold_case)
{
    struct slice star = {0}, behind = {0};
    bool starred = false;
    for (;;) {
        if (p.len > 0 && *p.ptr == '*') {
            next_char(&p);
            star = p;
            behind = text;
            starred = true;
            continue;
        }
        if (p.len == 0 && text.len == 0)
            return true;
        if (p.len > 0 && text.len > 0 && match_one(&p, &text, fold_case))
            continue;
        if (!starred || behind.len == 0)
            return false;
        next_char(&behind);
        p = star;
        text = behind;
    }
}
