/* The variant for every CPU, and the table that all of them use. */
#include "base/utf8.h"
#include "encode/json_escape_int.h"

/* clang-format off */
#define SELF(c)  {{(c)}, 1},
#define SHORT(c) {{'\\', (c)}, 2},
#define HEX(c)   {{'\\', 'u', '0', '0', '0' + ((c) >> 4), ((c) & 15) < 10 ? '0' + ((c) & 15) : 'a' - 10 + ((c) & 15)}, 6},
#define HIGH(c)  {{0xC0 | (c) >> 6, 0x80 | ((c) & 0x3F)}, 2},
#define FOUR(m, c)    m(c) m((c) + 1) m((c) + 2) m((c) + 3)
#define SIXTEEN(m, c) FOUR(m, c) FOUR(m, (c) + 4) FOUR(m, (c) + 8) FOUR(m, (c) + 12)
#define SIXTYFOUR(m, c) SIXTEEN(m, c) SIXTEEN(m, (c) + 16) SIXTEEN(m, (c) + 32) SIXTEEN(m, (c) + 48)

const struct json_escape_entry json_escape_table[256] = {
    FOUR(HEX, 0) FOUR(HEX, 4)
    SHORT('b') SHORT('t') SHORT('n') HEX(0x0B) SHORT('f') SHORT('r') HEX(0x0E) HEX(0x0F)
    SIXTEEN(HEX, 0x10)
    SELF(' ') SELF('!') SHORT('"') SELF('#') FOUR(SELF, 0x24) FOUR(SELF, 0x28) FOUR(SELF, 0x2C)
    SIXTEEN(SELF, 0x30) SIXTEEN(SELF, 0x40)
    FOUR(SELF, 0x50) FOUR(SELF, 0x54) FOUR(SELF, 0x58)
    SHORT('\\') SELF(']') SELF('^') SELF('_')
    SIXTEEN(SELF, 0x60) SIXTEEN(SELF, 0x70)
    SIXTYFOUR(HIGH, 0x80) SIXTYFOUR(HIGH, 0xC0)
};
/* clang-format on */

static uint8_t *utf8(uint8_t *out, const uint8_t *in, size_t len)
{
    const uint8_t *end = in + len;
    while (in < end) {
        while (end - in >= 8) {
            uint64_t w = json_escape_word(in);
            if (json_escape_not_plain(w))
                break;
            memcpy(out, &w, 8);
            in += 8;
            out += 8;
        }
        /* One word's worth of bytes singly, then words again. */
        const uint8_t *stop = end - in > 8 ? in + 8 : end;
        while (in < stop) {
            if (*in < 0x80) {
                out = json_escape_put(out, *in++);
                continue;
            }
            unsigned n = utf8_char_len(in, end);
            if (n == 0)
                return NULL;
            memcpy(out, in, n);
            in += n;
            out += n;
        }
    }
    return out;
}

static uint8_t *latin1(uint8_t *out, const uint8_t *in, size_t len)
{
    const uint8_t *end = in + len;
    while (in < end) {
        while (end - in >= 8) {
            uint64_t w = json_escape_word(in);
            if (json_escape_not_plain(w))
                break;
            memcpy(out, &w, 8);
            in += 8;
            out += 8;
        }
        const uint8_t *stop = end - in > 8 ? in + 8 : end;
        while (in < stop)
            out = json_escape_put(out, *in++);
    }
    return out;
}

const struct json_escape json_escape_scalar = {"scalar", utf8, latin1};
