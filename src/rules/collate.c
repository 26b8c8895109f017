#include "rules/collate.h"

#include "base/utf8.h"

#define NAME(s, lit) (memmem((s).ptr, (s).len, lit, sizeof(lit) - 1) != NULL)

/* Printable ASCII in the order of the two generations of the Unicode collations; letters stand
 * for both cases. */
static const char order_uca4[] =
    " `^_-,;:!?.'\"()[]{}@*/\\&#%+<=>|~$0123456789abcdefghijklmnopqrstuvwxyz";
static const char order_uca9[] =
    " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789abcdefghijklmnopqrstuvwxyz";

static uint8_t weights_uca4[128], weights_uca9[128], weights_upper[128];

__attribute__((constructor)) static void fill_weights(void)
{
    for (uint8_t i = 0; order_uca4[i] != '\0'; i++) {
        uint8_t a = (uint8_t)order_uca4[i], b = (uint8_t)order_uca9[i];
        weights_uca4[a] = weights_uca9[b] = (uint8_t)(i + 1);
        if (a >= 'a' && a <= 'z')
            weights_uca4[a - 32] = weights_uca9[a - 32] = (uint8_t)(i + 1);
    }
    for (uint8_t c = ' '; c < 127; c++)
        weights_upper[c] = c >= 'a' && c <= 'z' ? (uint8_t)(c - 32) : c;
}

static bool ends_with(struct slice s, struct slice tail)
{
    return s.len >= tail.len && memcmp(s.ptr + s.len - tail.len, tail.ptr, tail.len) == 0;
}

/*
 * Languages have letters of their own order, also among ASCII (Spanish "ch",
 * Danish "aa"): only collations of no language are known.
 */
static const uint8_t *weights_of(struct slice name)
{
    const uint8_t *under = memchr(name.ptr, '_', name.len);
    if (under == NULL)
        return NULL;
    struct slice rest = slice_of(under, name.len - (size_t)(under - name.ptr));
    static const struct {
        const char *rest;
        const uint8_t *weights;
    } known[] = {
        {"_general_ci", weights_upper},          {"_general_nopad_ci", weights_upper},
        {"_general_mysql500_ci", weights_upper}, {"_unicode_ci", weights_uca4},
        {"_unicode_nopad_ci", weights_uca4},     {"_unicode_520_ci", weights_uca4},
        {"_unicode_520_nopad_ci", weights_uca4}, {"_0900_ai_ci", weights_uca9},
        {"_0900_as_ci", weights_uca9},           {"_0900_as_cs", weights_uca9},
        {"_uca1400_ai_ci", weights_uca9},        {"_uca1400_as_ci", weights_uca9},
        {"_uca1400_ai_cs", weights_uca9},        {"_uca1400_as_cs", weights_uca9},
        {"_uca1400_nopad_ai_ci", weights_uca9},  {"_uca1400_nopad_as_ci", weights_uca9},
        {"_uca1400_nopad_ai_cs", weights_uca9},  {"_uca1400_nopad_as_cs", weights_uca9},
    };
    if (slice_eq(name, SLICE_LIT("latin1_swedish_ci")) ||
        slice_eq(name, SLICE_LIT("latin1_swedish_nopad_ci")))
        return weights_upper;
    bool unicode = name.len > 3 && (memcmp(name.ptr, "utf", 3) == 0 || NAME(name, "ucs2_"));
    bool ascii = slice_eq(name, SLICE_LIT("ascii_general_ci"));
    if (!unicode && !ascii && !slice_eq(name, SLICE_LIT("latin1_general_ci")))
        return NULL;
    if (slice_eq(name, SLICE_LIT("latin1_general_ci")))
        return NULL; /* its order of signs is its own */
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (slice_eq(rest, slice_str(known[i].rest)))
            return known[i].weights;
    return NULL;
}

bool collation_of_name(struct slice name, bool mariadb, struct rule_collation *out)
{
    struct rule_collation c = {0};
    c.charset = charset_of_collation_name(name);
    if (c.charset == NULL || name.len > COLLATION_NAME_MAX)
        return false;
    memcpy(c.name, name.ptr, name.len);
    bool plain = slice_eq(name, SLICE_LIT("binary"));
    c.binary = plain || ends_with(name, SLICE_LIT("_bin"));
    c.pad = !plain && !NAME(name, "_0900_") && !NAME(name, "_nopad_");
    (void)mariadb;
    c.cased = c.binary || ends_with(name, SLICE_LIT("_cs"));
    c.weights = weights_of(name);
    *out = c;
    return true;
}

struct slice collation_name_of_id(uint32_t id)
{
    static const struct {
        uint16_t id;
        const char *name;
    } known[] = {
        {8, "latin1_swedish_ci"},
        {11, "ascii_general_ci"},
        {33, "utf8mb3_general_ci"},
        {45, "utf8mb4_general_ci"},
        {46, "utf8mb4_bin"},
        {47, "latin1_bin"},
        {48, "latin1_general_ci"},
        {49, "latin1_general_cs"},
        {63, "binary"},
        {65, "ascii_bin"},
        {83, "utf8mb3_bin"},
        {192, "utf8mb3_unicode_ci"},
        {224, "utf8mb4_unicode_ci"},
        {246, "utf8mb4_unicode_520_ci"},
        {255, "utf8mb4_0900_ai_ci"},
        {278, "utf8mb4_0900_as_cs"},
        {305, "utf8mb4_0900_as_ci"},
        {309, "utf8mb4_0900_bin"},
        {2304, "utf8mb4_uca1400_ai_ci"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (known[i].id == id)
            return slice_str(known[i].name);
    return SLICE_LIT("");
}

bool text_is_plain(struct slice s)
{
    uint8_t bad = 0;
    for (size_t i = 0; i < s.len; i++)
        bad |= (uint8_t)(s.ptr[i] < ' ' || s.ptr[i] > '~');
    return bad == 0;
}

static struct slice without_padding(struct slice s)
{
    while (s.len > 0 && s.ptr[s.len - 1] == ' ')
        s.len--;
    return s;
}

/* The tail of the longer text against spaces. */
static int compare_tail(struct slice s, size_t from)
{
    for (size_t i = from; i < s.len; i++)
        if (s.ptr[i] != ' ')
            return s.ptr[i] < ' ' ? -1 : 1;
    return 0;
}

/* By bytes, which is the order of the characters in UTF-8. */
static int compare_bytes(struct slice a, struct slice b, bool pad)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = memcmp(a.ptr, b.ptr, n);
    if (c != 0 || a.len == b.len)
        return c;
    if (!pad)
        return a.len < b.len ? -1 : 1;
    return a.len > b.len ? compare_tail(a, n) : -compare_tail(b, n);
}

static int compare_weights(const struct rule_collation *c, struct slice a, struct slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int cased = 0;
    if (c->pad) {
        a = without_padding(a);
        b = without_padding(b);
        n = a.len < b.len ? a.len : b.len;
    }
    for (size_t i = 0; i < n; i++) {
        uint8_t x = c->weights[a.ptr[i]], y = c->weights[b.ptr[i]];
        if (x != y)
            return x < y ? -1 : 1;
        if (cased == 0 && a.ptr[i] != b.ptr[i])
            cased = a.ptr[i] > b.ptr[i] ? -1 : 1; /* small letters come first */
    }
    if (a.len != b.len) /* a space has the least weight of all */
        return a.len < b.len ? -1 : 1;
    return c->cased ? cased : 0;
}

bool collation_compare(const struct rule_collation *c, struct slice a, struct slice b, int *out)
{
    if (c->binary && (c->charset == NULL || c->charset->form != CHARSET_OTHER || slice_eq(a, b) ||
                      (text_is_plain(a) && text_is_plain(b)))) {
        *out = compare_bytes(a, b, c->pad);
        return true;
    }
    if (slice_eq(a, b)) {
        *out = 0;
        return true;
    }
    if (c->weights == NULL || !text_is_plain(a) || !text_is_plain(b))
        return false;
    *out = compare_weights(c, a, b);
    return true;
}

static bool same_character(const struct rule_collation *c, const uint8_t *a, const uint8_t *b,
                           unsigned n)
{
    if (c->binary || c->cased)
        return memcmp(a, b, n) == 0;
    return c->weights[*a] == c->weights[*b];
}

static unsigned char_len(const struct rule_collation *c, const uint8_t *p, const uint8_t *end)
{
    bool bytes = c->charset != NULL && c->charset->form == CHARSET_BINARY;
    unsigned n = bytes ? 1 : utf8_char_len(p, end);
    return n == 0 ? 1 : n;
}

/* The classic matcher: on a mismatch, the last % takes one character more. */
static bool like(const struct rule_collation *c, struct slice text, struct slice pattern,
                 uint32_t escape)
{
    const uint8_t *t = text.ptr, *t_end = t + text.len, *p = pattern.ptr, *p_end = p + pattern.len;
    const uint8_t *retry_t = NULL, *retry_p = NULL;
    for (;;) {
        if (p == p_end && t == t_end)
            return true;
        if (p < p_end) {
            unsigned n = char_len(c, p, p_end);
            bool literal = escape != 0 && n <= 4 && utf8_char_len(p, p_end) == n &&
                           utf8_code_point(p, n) == escape && p + n < p_end;
            const uint8_t *q = literal ? p + n : p;
            n = char_len(c, q, p_end);
            if (!literal && *q == '%') {
                retry_p = p = q + 1;
                retry_t = t;
                continue;
            }
            if (t < t_end) {
                unsigned m = char_len(c, t, t_end);
                if ((!literal && *q == '_') || (m == n && same_character(c, t, q, n))) {
                    t += m;
                    p = q + n;
                    continue;
                }
            }
        }
        if (retry_p == NULL || retry_t == t_end)
            return false;
        retry_t += char_len(c, retry_t, t_end);
        t = retry_t;
        p = retry_p;
    }
}

bool collation_like(const struct rule_collation *c, struct slice text, struct slice pattern,
                    uint32_t escape, bool *out)
{
    bool plain = text_is_plain(text) && text_is_plain(pattern);
    if (!c->binary && (c->weights == NULL || !plain))
        return false;
    if (c->binary && c->charset != NULL && c->charset->form == CHARSET_OTHER && !plain)
        return false;
    *out = like(c, text, pattern, escape);
    return true;
}
