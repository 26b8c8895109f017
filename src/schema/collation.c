#include "schema/collation.h"

#include "schema/charset.h"

/* clang-format off */
static const struct {
    const char *charset;
    const char *collation;
} defaults[] = {
    {"armscii8", "armscii8_general_ci"}, {"ascii", "ascii_general_ci"},
    {"big5", "big5_chinese_ci"},         {"binary", "binary"},
    {"cp1250", "cp1250_general_ci"},     {"cp1251", "cp1251_general_ci"},
    {"cp1256", "cp1256_general_ci"},     {"cp1257", "cp1257_general_ci"},
    {"cp850", "cp850_general_ci"},       {"cp852", "cp852_general_ci"},
    {"cp866", "cp866_general_ci"},       {"cp932", "cp932_japanese_ci"},
    {"dec8", "dec8_swedish_ci"},         {"eucjpms", "eucjpms_japanese_ci"},
    {"euckr", "euckr_korean_ci"},        {"gb18030", "gb18030_chinese_ci"},
    {"gb2312", "gb2312_chinese_ci"},     {"gbk", "gbk_chinese_ci"},
    {"geostd8", "geostd8_general_ci"},   {"greek", "greek_general_ci"},
    {"hebrew", "hebrew_general_ci"},     {"hp8", "hp8_english_ci"},
    {"keybcs2", "keybcs2_general_ci"},   {"koi8r", "koi8r_general_ci"},
    {"koi8u", "koi8u_general_ci"},       {"latin1", "latin1_swedish_ci"},
    {"latin2", "latin2_general_ci"},     {"latin5", "latin5_turkish_ci"},
    {"latin7", "latin7_general_ci"},     {"macce", "macce_general_ci"},
    {"macroman", "macroman_general_ci"}, {"sjis", "sjis_japanese_ci"},
    {"swe7", "swe7_swedish_ci"},         {"tis620", "tis620_thai_ci"},
    {"ucs2", "ucs2_general_ci"},         {"ujis", "ujis_japanese_ci"},
    {"utf16", "utf16_general_ci"},       {"utf16le", "utf16le_general_ci"},
    {"utf32", "utf32_general_ci"},       {"utf8mb3", "utf8mb3_general_ci"},
};
/* clang-format on */

/* Servers before these call utf8mb3 and its collations by their old name. */
static bool says_utf8mb3(const struct collation_rules *r)
{
    return r->version >= (r->mariadb ? 100600 : 80030);
}

static struct slice before_underscore(struct slice name)
{
    const uint8_t *end = memchr(name.ptr, '_', name.len);
    return end == NULL ? name : slice_of(name.ptr, (size_t)(end - name.ptr));
}

static bool is_utf8(struct slice charset)
{
    return slice_eq_nocase(charset, SLICE_LIT("utf8"));
}

static bool is_utf8mb3(struct slice charset)
{
    return slice_eq_nocase(charset, SLICE_LIT("utf8mb3"));
}

/* The name that this server shows a set under. */
static struct slice own_charset(const struct collation_rules *r, struct slice charset)
{
    if (is_utf8(charset) && r->utf8_is_utf8mb4)
        return SLICE_LIT("utf8mb4");
    if (is_utf8(charset) || is_utf8mb3(charset))
        return says_utf8mb3(r) ? SLICE_LIT("utf8mb3") : SLICE_LIT("utf8");
    return charset;
}

static struct slice default_utf8mb4(const struct collation_rules *r)
{
    if (r->utf8mb4_collation.len > 0)
        return r->utf8mb4_collation;
    if (r->mariadb)
        return r->version >= 110600 ? SLICE_LIT("utf8mb4_uca1400_ai_ci")
                                    : SLICE_LIT("utf8mb4_general_ci");
    return r->version >= 80000 ? SLICE_LIT("utf8mb4_0900_ai_ci") : SLICE_LIT("utf8mb4_general_ci");
}

struct slice collation_default(const struct collation_rules *r, struct slice charset)
{
    charset = own_charset(r, charset);
    if (slice_eq_nocase(charset, SLICE_LIT("utf8mb4")))
        return default_utf8mb4(r);
    if (is_utf8(charset))
        return SLICE_LIT("utf8_general_ci");
    for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
        if (slice_eq_nocase(charset, slice_str(defaults[i].charset)))
            return slice_str(defaults[i].collation);
    return charset;
}

static bool is_binary(struct slice charset)
{
    return slice_eq_nocase(charset, SLICE_LIT("binary"));
}

/* charset and suffix with an underscore between them, in lower case */
static struct slice join(struct slice charset, struct slice suffix, struct arena *a)
{
    uint8_t *p = arena_alloc(a, charset.len + 1 + suffix.len);
    size_t n = 0;
    if (p == NULL)
        return SLICE_LIT("");
    for (size_t i = 0; i < charset.len; i++)
        p[n++] = charset.ptr[i];
    p[n++] = '_';
    for (size_t i = 0; i < suffix.len; i++)
        p[n++] = suffix.ptr[i];
    for (size_t i = 0; i < n; i++)
        if (p[i] >= 'A' && p[i] <= 'Z')
            p[i] |= 0x20;
    return slice_of(p, n);
}

/*
 * A collation by its name. One that begins with no set (MariaDB 10.10,
 * "uca1400_ai_ci") is one of the set that is meant around it.
 */
static struct slice named(const struct collation_rules *r, struct slice name, struct slice charset,
                          struct arena *a)
{
    struct slice own = before_underscore(name);
    if (is_binary(name))
        return SLICE_LIT("binary");
    if (charset_of_name(own) == NULL || own.len == name.len)
        return join(own_charset(r, charset), name, a);
    struct slice suffix = slice_of(name.ptr + own.len + 1, name.len - own.len - 1);
    return join(own_charset(r, own), suffix, a);
}

bool collation_resolve(const struct collation_rules *r, const struct collation_words *w,
                       struct slice context, struct arena *a, struct slice *out)
{
    struct slice charset = w->charset.len > 0 ? w->charset : before_underscore(context);
    bool by_default = slice_eq_nocase(w->collation, SLICE_LIT("default"));
    if (w->collation.len > 0 && !by_default)
        *out = named(r, w->collation, charset, a);
    else if (charset.len == 0)
        return false;
    else if (is_binary(charset))
        *out = SLICE_LIT("binary");
    else if (w->binary)
        *out = join(own_charset(r, charset), SLICE_LIT("bin"), a);
    else if (w->charset.len > 0 || by_default)
        *out = collation_default(r, charset);
    else
        *out = context;
    return !a->failed && out->len > 0;
}

uint32_t collation_max_len(struct slice collation)
{
    const struct charset *cs = charset_of_collation_name(collation);
    return cs != NULL && cs->max_len > 0 ? cs->max_len : 1;
}
