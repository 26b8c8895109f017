#include "mysqlproto/gtid.h"

#include <stdio.h>

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool dash_at(size_t i)
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}

enum err my_uuid_parse(struct slice text, uint8_t uuid[MY_UUID_LEN])
{
    uint8_t out[MY_UUID_LEN];
    size_t n = 0;
    if (text.len != MY_UUID_TEXT_LEN)
        return ERR_MALFORMED;
    for (size_t i = 0; i < text.len;) {
        if (dash_at(i)) {
            if (text.ptr[i++] != '-')
                return ERR_MALFORMED;
            continue;
        }
        int high = hex_digit(text.ptr[i]), low = hex_digit(text.ptr[i + 1]);
        if (high < 0 || low < 0)
            return ERR_MALFORMED;
        out[n++] = (uint8_t)(high << 4 | low);
        i += 2;
    }
    memcpy(uuid, out, MY_UUID_LEN);
    return ERR_OK;
}

const char *my_uuid_print(const uint8_t uuid[MY_UUID_LEN], char buf[MY_UUID_TEXT_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;
    for (size_t i = 0; i < MY_UUID_LEN; i++) {
        if (dash_at(at))
            buf[at++] = '-';
        buf[at++] = digits[uuid[i] >> 4];
        buf[at++] = digits[uuid[i] & 15];
    }
    buf[at] = '\0';
    return buf;
}

enum err my_tag_parse(struct slice text, char tag[MY_GTID_TAG_MAX], uint8_t *tag_len)
{
    char out[MY_GTID_TAG_MAX];
    if (text.len > MY_GTID_TAG_MAX)
        return ERR_MALFORMED;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c >= 'A' && c <= 'Z')
            c |= 0x20;
        bool letter = (c >= 'a' && c <= 'z') || c == '_';
        bool digit = c >= '0' && c <= '9';
        if (!letter && !(digit && i > 0))
            return ERR_MALFORMED;
        out[i] = (char)c;
    }
    memcpy(tag, out, text.len);
    *tag_len = (uint8_t)text.len;
    return ERR_OK;
}

static enum err parse_gno(struct slice text, uint64_t *out)
{
    uint64_t v = 0;
    if (text.len == 0 || text.len > 19)
        return ERR_MALFORMED;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return ERR_MALFORMED;
        v = v * 10 + (uint64_t)(text.ptr[i] - '0'); /* 19 digits fit */
    }
    if (v == 0 || v > MY_GNO_MAX)
        return ERR_MALFORMED;
    *out = v;
    return ERR_OK;
}

enum err my_gtid_parse(struct slice text, struct my_gtid *out)
{
    struct my_gtid g = {0};
    if (text.len <= MY_UUID_TEXT_LEN || text.ptr[MY_UUID_TEXT_LEN] != ':')
        return ERR_MALFORMED;
    TRY(my_uuid_parse(slice_of(text.ptr, MY_UUID_TEXT_LEN), g.uuid));
    struct slice rest = slice_of(text.ptr + MY_UUID_TEXT_LEN + 1, text.len - MY_UUID_TEXT_LEN - 1);
    const uint8_t *colon = memchr(rest.ptr, ':', rest.len);
    if (colon != NULL) {
        struct slice tag = slice_of(rest.ptr, (size_t)(colon - rest.ptr));
        TRY(my_tag_parse(tag, g.tag, &g.tag_len));
        if (g.tag_len == 0)
            return ERR_MALFORMED;
        rest = slice_of(colon + 1, rest.len - tag.len - 1);
    }
    TRY(parse_gno(rest, &g.gno));
    *out = g;
    return ERR_OK;
}

size_t my_gtid_print(const struct my_gtid *g, char buf[MY_GTID_TEXT_MAX + 1])
{
    char uuid[MY_UUID_TEXT_LEN + 1];
    int n =
        snprintf(buf, MY_GTID_TEXT_MAX + 1, "%s%s%.*s:%llu", my_uuid_print(g->uuid, uuid),
                 g->tag_len > 0 ? ":" : "", (int)g->tag_len, g->tag, (unsigned long long)g->gno);
    return n > 0 ? (size_t)n : 0;
}
