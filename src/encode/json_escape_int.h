/*
 * What the variants of json_escape.h share: the table of escapes, and looking
 * at eight bytes at once.
 */
#pragma once

#include "encode/json_escape.h"

extern const struct json_escape json_escape_scalar;
extern const struct json_escape json_escape_sse42;
extern const struct json_escape json_escape_avx2;
extern const struct json_escape json_escape_neon;

/*
 * What each byte becomes when it stands for the code point of its value. Below
 * 0x80 that is its escape, or itself; from there on two bytes of UTF-8.
 */
struct json_escape_entry {
    uint8_t text[7]; /* all eight bytes are stored, len of them count */
    uint8_t len;
};
extern const struct json_escape_entry json_escape_table[256];

static inline uint8_t *json_escape_put(uint8_t *out, uint8_t byte)
{
    memcpy(out, &json_escape_table[byte], 8);
    return out + json_escape_table[byte].len;
}

static inline uint64_t json_escape_word(const uint8_t *p)
{
    uint64_t w;
    memcpy(&w, p, 8);
    return w;
}

/*
 * Zero when all eight bytes are ASCII that needs no escape. The subtractions
 * can borrow into the next byte only out of a byte that is reported itself.
 */
static inline uint64_t json_escape_not_plain(uint64_t w)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t below_space = w - ones * 0x20;
    uint64_t quote = (w ^ ones * '"') - ones;
    uint64_t backslash = (w ^ ones * '\\') - ones;
    return (w | below_space | quote | backslash) & (ones * 0x80);
}

/* Copies n bytes, 8 to 31, if all are plain. */
static inline bool json_escape_copy_8_to_31(uint8_t *out, const uint8_t *in, size_t n)
{
    uint64_t first = json_escape_word(in);
    uint64_t last = json_escape_word(in + n - 8);
    if (n <= 16) {
        if (json_escape_not_plain(first) | json_escape_not_plain(last))
            return false;
        memcpy(out, &first, 8);
        memcpy(out + n - 8, &last, 8);
        return true;
    }
    uint64_t second = json_escape_word(in + 8);
    uint64_t third = json_escape_word(in + n - 16);
    if (json_escape_not_plain(first) | json_escape_not_plain(second) |
        json_escape_not_plain(third) | json_escape_not_plain(last))
        return false;
    memcpy(out, &first, 8);
    memcpy(out + 8, &second, 8);
    memcpy(out + n - 16, &third, 8);
    memcpy(out + n - 8, &last, 8);
    return true;
}

/* Copies n bytes, 0 to 31, if all are plain. */
static inline bool json_escape_copy_plain(uint8_t *out, const uint8_t *in, size_t n)
{
    if (n >= 8)
        return json_escape_copy_8_to_31(out, in, n);
    uint8_t seen = 1;
    for (size_t i = 0; i < n; i++) {
        out[i] = in[i];
        seen &= json_escape_table[in[i]].len == 1;
    }
    return seen;
}
