#include "base/utf8.h"

size_t utf8_valid_len(struct slice s)
{
    const uint8_t *p = s.ptr;
    const uint8_t *end = s.ptr + s.len;
    while (p < end) {
        while ((size_t)(end - p) >= 8) {
            uint64_t word;
            memcpy(&word, p, 8);
            if (word & UINT64_C(0x8080808080808080))
                break;
            p += 8;
        }
        if (p == end)
            break;
        unsigned n = utf8_char_len(p, end);
        if (n == 0)
            break;
        p += n;
    }
    return (size_t)(p - s.ptr);
}
