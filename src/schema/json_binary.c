#include "schema/json_binary.h"

#include "base/reader.h"

struct json_value json_value_of(struct slice doc)
{
    static const uint8_t null = JSON_NULL;
    if (doc.len == 0) /* what INSERT IGNORE and ALTER leave in a NOT NULL column */
        return (struct json_value){JSON_LITERAL, slice_of(&null, 1)};
    return (struct json_value){doc.ptr[0], slice_of(doc.ptr + 1, doc.len - 1)};
}

static unsigned width(const struct json_container *c)
{
    return c->is_large ? 4 : 2;
}

static uint32_t load_offset(const struct json_container *c, const uint8_t *p)
{
    return c->is_large ? load_le32(p) : load_le16(p);
}

/* Offset of the first value entry, and of what comes behind the last one. */
static uint64_t entries_at(const struct json_container *c)
{
    unsigned w = width(c);
    return 2 * w + (c->is_object ? (uint64_t)c->count * (w + 2) : 0);
}

static uint64_t entries_end(const struct json_container *c)
{
    return entries_at(c) + (uint64_t)c->count * (width(c) + 1);
}

enum err json_container_open(struct json_value v, struct json_container *out)
{
    if (!json_is_container(v.type))
        return ERR_MALFORMED;
    struct json_container c = {
        .is_object = v.type == JSON_SMALL_OBJECT || v.type == JSON_LARGE_OBJECT,
        .is_large = v.type == JSON_LARGE_OBJECT || v.type == JSON_LARGE_ARRAY,
    };
    unsigned w = width(&c);
    if (v.data.len < 2 * w)
        return ERR_TRUNCATED;
    c.count = load_offset(&c, v.data.ptr);
    uint32_t size = load_offset(&c, v.data.ptr + w);
    if (size > v.data.len)
        return ERR_TRUNCATED;
    if (size < entries_end(&c))
        return ERR_MALFORMED;
    c.data = slice_of(v.data.ptr, size);
    *out = c;
    return ERR_OK;
}

enum err json_container_key(const struct json_container *c, uint32_t i, struct slice *key)
{
    unsigned w = width(c);
    const uint8_t *entry = c->data.ptr + 2 * w + (size_t)i * (w + 2);
    uint64_t at = load_offset(c, entry);
    uint64_t len = load_le16(entry + w);
    if (at < entries_end(c) || at + len > c->data.len)
        return ERR_MALFORMED;
    *key = slice_of(c->data.ptr + at, len);
    return ERR_OK;
}

static bool is_inlined(const struct json_container *c, uint8_t type)
{
    return type == JSON_LITERAL || type == JSON_INT16 || type == JSON_UINT16 ||
           (c->is_large && (type == JSON_INT32 || type == JSON_UINT32));
}

enum err json_container_value(const struct json_container *c, uint32_t i, struct json_value *out)
{
    unsigned w = width(c);
    const uint8_t *entry = c->data.ptr + entries_at(c) + (size_t)i * (w + 1);
    if (is_inlined(c, entry[0])) {
        *out = (struct json_value){entry[0], slice_of(entry + 1, w)};
        return ERR_OK;
    }
    uint64_t at = load_offset(c, entry + 1);
    if (at < entries_end(c) || at >= c->data.len)
        return ERR_MALFORMED;
    *out = (struct json_value){entry[0], slice_of(c->data.ptr + at, c->data.len - at)};
    return ERR_OK;
}

/* A length in groups of 7 bits, the low ones first, the top bit saying that more follow. */
static uint32_t take_length(struct reader *r)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        uint8_t b = reader_u8(r);
        v |= (uint64_t)(b & 0x7F) << shift;
        if ((b & 0x80) == 0) {
            if (v > UINT32_MAX)
                break;
            return (uint32_t)v;
        }
    }
    reader_fail(r, ERR_MALFORMED);
    return 0;
}

static enum err take_bytes(struct reader *r, struct slice *out)
{
    uint32_t len = take_length(r);
    struct slice s = reader_take(r, len);
    TRY(reader_finish(r));
    *out = s;
    return ERR_OK;
}

enum err json_string(struct json_value v, struct slice *out)
{
    struct reader r = reader_of(v.data);
    return v.type == JSON_STRING ? take_bytes(&r, out) : ERR_MALFORMED;
}

enum err json_opaque(struct json_value v, uint8_t *field_type, struct slice *out)
{
    struct reader r = reader_of(v.data);
    if (v.type != JSON_OPAQUE)
        return ERR_MALFORMED;
    uint8_t type = reader_u8(&r);
    TRY(take_bytes(&r, out));
    *field_type = type;
    return ERR_OK;
}

enum err json_value_size(struct json_value v, size_t *size)
{
    static const uint8_t scalar[] = {
        [JSON_LITERAL] = 1, [JSON_INT16] = 2, [JSON_UINT16] = 2, [JSON_INT32] = 4,
        [JSON_UINT32] = 4,  [JSON_INT64] = 8, [JSON_UINT64] = 8, [JSON_DOUBLE] = 8,
    };
    size_t n;
    if (json_is_container(v.type)) {
        struct json_container c;
        TRY(json_container_open(v, &c));
        n = c.data.len;
    } else if (v.type <= JSON_DOUBLE) {
        n = scalar[v.type];
        if (n > v.data.len)
            return ERR_TRUNCATED;
    } else {
        struct slice s;
        uint8_t type;
        TRY(v.type == JSON_STRING ? json_string(v, &s) : json_opaque(v, &type, &s));
        n = (size_t)(s.ptr + s.len - v.data.ptr);
    }
    *size = n;
    return ERR_OK;
}
