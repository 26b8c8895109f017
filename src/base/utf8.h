/*
 * UTF-8 as Unicode defines it: no overlong forms, no surrogates, nothing above
 * U+10FFFF. Scalar code, for text that is short or rare; the row path checks
 * text while it escapes it (encode/json_escape.h).
 *
 * Any thread.
 */
#pragma once

#include "base/slice.h"

/*
 * Length of the character that begins at p, 1 to 4, or 0 when the bytes
 * before end are no whole valid character. Needs p < end.
 */
static inline unsigned utf8_char_len(const uint8_t *p, const uint8_t *end)
{
    uint8_t a = p[0];
    size_t left = (size_t)(end - p);
    if (a < 0x80)
        return 1;
    if (a < 0xC2 || a > 0xF4 || left < 2)
        return 0;
    if (a < 0xE0)
        return (p[1] & 0xC0) == 0x80 ? 2 : 0;
    /* The second byte's range keeps out overlong forms, surrogates and what is above U+10FFFF. */
    uint8_t lo = a == 0xE0 ? 0xA0 : a == 0xF0 ? 0x90 : 0x80;
    uint8_t hi = a == 0xED ? 0x9F : a == 0xF4 ? 0x8F : 0xBF;
    if (p[1] < lo || p[1] > hi || left < 3 || (p[2] & 0xC0) != 0x80)
        return 0;
    if (a < 0xF0)
        return 3;
    return left >= 4 && (p[3] & 0xC0) == 0x80 ? 4 : 0;
}

/* The code point at p of a character of n = utf8_char_len() bytes. */
static inline uint32_t utf8_code_point(const uint8_t *p, unsigned n)
{
    switch (n) {
    case 1:
        return p[0];
    case 2:
        return (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3F);
    case 3:
        return (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3F);
    default:
        return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 |
               (uint32_t)(p[2] & 0x3F) << 6 | (p[3] & 0x3F);
    }
}

/* Writes a code point that is no surrogate and at most U+10FFFF; returns the end. Room: 4 bytes. */
static inline uint8_t *utf8_put(uint8_t *p, uint32_t c)
{
    if (c < 0x80) {
        *p++ = (uint8_t)c;
    } else if (c < 0x800) {
        *p++ = (uint8_t)(0xC0 | c >> 6);
        *p++ = (uint8_t)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *p++ = (uint8_t)(0xE0 | c >> 12);
        *p++ = (uint8_t)(0x80 | (c >> 6 & 0x3F));
        *p++ = (uint8_t)(0x80 | (c & 0x3F));
    } else {
        *p++ = (uint8_t)(0xF0 | c >> 18);
        *p++ = (uint8_t)(0x80 | (c >> 12 & 0x3F));
        *p++ = (uint8_t)(0x80 | (c >> 6 & 0x3F));
        *p++ = (uint8_t)(0x80 | (c & 0x3F));
    }
    return p;
}

/* Bytes of the longest prefix that is whole valid characters; s.len when all is well. */
size_t utf8_valid_len(struct slice s);

static inline bool utf8_valid(struct slice s)
{
    return utf8_valid_len(s) == s.len;
}
