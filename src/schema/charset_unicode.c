/* UCS-2, UTF-16 of both orders and UTF-32: Unicode already, only spelled differently. */
#include "base/utf8.h"
#include "schema/charset_int.h"

static inline uint32_t unit_be(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t unit_le(const uint8_t *p)
{
    return (uint32_t)p[1] << 8 | p[0];
}

static inline bool is_surrogate(uint32_t unit)
{
    return (unit & 0xF800) == 0xD800;
}

static inline size_t left(const struct charset_cursor *c)
{
    return (size_t)(c->end - c->in);
}

/* The bytes of a unit that is no character, or what is left of one at the end. */
static inline size_t wrong_unit(const struct charset_cursor *c, size_t size)
{
    return left(c) < size ? left(c) : size;
}

static inline size_t convert_16(struct charset_cursor *c, uint32_t (*unit)(const uint8_t *),
                                bool pairs)
{
    while (c->in < c->stop) {
        if (left(c) < 2)
            return left(c);
        uint32_t u = unit(c->in);
        size_t n = 2;
        if (is_surrogate(u)) {
            if (!pairs || u >= 0xDC00 || left(c) < 4)
                return wrong_unit(c, 2);
            uint32_t low = unit(c->in + 2);
            if (low < 0xDC00 || low > 0xDFFF)
                return 2;
            u = 0x10000 + ((u - 0xD800) << 10) + (low - 0xDC00);
            n = 4;
        }
        c->out = utf8_put(c->out, u);
        c->in += n;
    }
    return 0;
}

static size_t convert_ucs2(const struct charset_map *m, struct charset_cursor *c)
{
    (void)m;
    return convert_16(c, unit_be, false);
}

static size_t convert_utf16(const struct charset_map *m, struct charset_cursor *c)
{
    (void)m;
    return convert_16(c, unit_be, true);
}

static size_t convert_utf16le(const struct charset_map *m, struct charset_cursor *c)
{
    (void)m;
    return convert_16(c, unit_le, true);
}

static size_t convert_utf32(const struct charset_map *m, struct charset_cursor *c)
{
    (void)m;
    while (c->in < c->stop) {
        if (left(c) < 4)
            return left(c);
        uint32_t u = unit_be(c->in) << 16 | unit_be(c->in + 2);
        if (u > 0x10FFFF || is_surrogate(u))
            return 4;
        c->out = utf8_put(c->out, u);
        c->in += 4;
    }
    return 0;
}

size_t (*charset_unicode_converter(const struct charset *cs))(const struct charset_map *m,
                                                              struct charset_cursor *c)
{
    if (strcmp(cs->name, "ucs2") == 0)
        return convert_ucs2;
    if (strcmp(cs->name, "utf16") == 0)
        return convert_utf16;
    if (strcmp(cs->name, "utf16le") == 0)
        return convert_utf16le;
    if (strcmp(cs->name, "utf32") == 0)
        return convert_utf32;
    return NULL;
}
