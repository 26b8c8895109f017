#include "mysqlproto/binlog/json_path.h"

#include "base/arena.h"

struct cursor {
    const uint8_t *p;
    const uint8_t *end;
};

static bool hex4(struct cursor *c, uint32_t *out)
{
    if (c->end - c->p < 4)
        return false;
    uint32_t v = 0;
    for (unsigned i = 0; i < 4; i++) {
        uint8_t b = *c->p++;
        uint8_t low = b | 0x20;
        if (b >= '0' && b <= '9')
            v = v << 4 | (uint32_t)(b - '0');
        else if (low >= 'a' && low <= 'f')
            v = v << 4 | (uint32_t)(low - 'a' + 10);
        else
            return false;
    }
    *out = v;
    return true;
}

static uint8_t *put_utf8(uint8_t *p, uint32_t ch)
{
    if (ch < 0x80) {
        *p++ = (uint8_t)ch;
    } else if (ch < 0x800) {
        *p++ = (uint8_t)(0xC0 | ch >> 6);
        *p++ = (uint8_t)(0x80 | (ch & 63));
    } else if (ch < 0x10000) {
        *p++ = (uint8_t)(0xE0 | ch >> 12);
        *p++ = (uint8_t)(0x80 | (ch >> 6 & 63));
        *p++ = (uint8_t)(0x80 | (ch & 63));
    } else {
        *p++ = (uint8_t)(0xF0 | ch >> 18);
        *p++ = (uint8_t)(0x80 | (ch >> 12 & 63));
        *p++ = (uint8_t)(0x80 | (ch >> 6 & 63));
        *p++ = (uint8_t)(0x80 | (ch & 63));
    }
    return p;
}

/* Behind a backslash; never more bytes out than the escape has. */
static bool escape(struct cursor *c, uint8_t **to)
{
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    if (c->p == c->end)
        return false;
    uint8_t b = *c->p++;
    const char *known = b != 0 ? strchr(from, b) : NULL;
    if (known != NULL) {
        *(*to)++ = (uint8_t)into[known - from];
        return true;
    }
    uint32_t ch, low;
    if (b != 'u' || !hex4(c, &ch))
        return false;
    if (ch >= 0xDC00 && ch <= 0xDFFF)
        return false;
    if (ch >= 0xD800 && ch <= 0xDBFF) {
        if (c->end - c->p < 6 || c->p[0] != '\\' || c->p[1] != 'u')
            return false;
        c->p += 2;
        if (!hex4(c, &low) || low < 0xDC00 || low > 0xDFFF)
            return false;
        ch = 0x10000 + ((ch - 0xD800) << 10) + (low - 0xDC00);
    }
    *to = put_utf8(*to, ch);
    return true;
}

/* Behind the opening quote. */
static enum err quoted(struct cursor *c, struct arena *a, struct slice *name)
{
    const uint8_t *from = c->p, *e = from;
    while (e < c->end && *e != '"')
        e += *e == '\\' && c->end - e > 1 ? 2 : 1;
    if (e >= c->end)
        return ERR_MALFORMED;
    struct cursor in = {from, e};
    c->p = e + 1;
    *name = slice_of(from, (size_t)(e - from));
    if (memchr(from, '\\', name->len) == NULL)
        return ERR_OK;
    uint8_t *buf = arena_alloc(a, name->len), *to = buf;
    if (buf == NULL)
        return ERR_NO_MEMORY;
    while (in.p < in.end) {
        uint8_t b = *in.p++;
        if (b != '\\')
            *to++ = b;
        else if (!escape(&in, &to))
            return ERR_MALFORMED;
    }
    *name = slice_of(buf, (size_t)(to - buf));
    return ERR_OK;
}

static enum err member(struct cursor *c, struct arena *a, struct json_leg *leg)
{
    leg->is_index = false;
    if (c->p < c->end && *c->p == '"') {
        c->p++;
        return quoted(c, a, &leg->name);
    }
    const uint8_t *from = c->p;
    while (c->p < c->end && *c->p != '.' && *c->p != '[')
        c->p++;
    leg->name = slice_of(from, (size_t)(c->p - from));
    bool wildcard = leg->name.len == 0 || memchr(from, '*', leg->name.len) != NULL;
    return wildcard ? ERR_MALFORMED : ERR_OK;
}

static enum err index_of(struct cursor *c, struct json_leg *leg)
{
    uint64_t v = 0;
    const uint8_t *from = c->p;
    while (c->p < c->end && *c->p >= '0' && *c->p <= '9' && v <= UINT32_MAX)
        v = v * 10 + (uint64_t)(*c->p++ - '0');
    if (c->p == from || v > UINT32_MAX || c->p == c->end || *c->p++ != ']')
        return ERR_MALFORMED;
    *leg = (struct json_leg){.is_index = true, .index = (uint32_t)v, .name = SLICE_LIT("")};
    return ERR_OK;
}

enum err json_path_parse(struct slice text, struct arena *a, struct json_path *out)
{
    struct cursor c = {text.ptr, text.ptr + text.len};
    out->count = 0;
    if (c.p == c.end || *c.p++ != '$')
        return ERR_MALFORMED;
    while (c.p < c.end) {
        if (out->count == JSON_DEPTH_MAX)
            return ERR_MALFORMED;
        struct json_leg *leg = &out->legs[out->count++];
        uint8_t b = *c.p++;
        if (b == '.')
            TRY(member(&c, a, leg));
        else if (b == '[')
            TRY(index_of(&c, leg));
        else
            return ERR_MALFORMED;
    }
    return ERR_OK;
}
