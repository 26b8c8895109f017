/*
 * JSON escaping: every variant of this CPU against the scalar one, and the
 * result against the input.
 *
 * Property: all variants agree on whether text is UTF-8, as does utf8_valid(),
 * and give the same bytes; those bytes, read by the rules of JSON, are the
 * input again; nothing is written behind the room that was promised.
 */
#include "base/utf8.h"
#include "encode/json_escape.h"

#include <stdlib.h>

#define GUARD 0xA5

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static uint32_t hex_digit(uint8_t c)
{
    MUST((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
    return c <= '9' ? (uint32_t)(c - '0') : (uint32_t)(c - 'a' + 10);
}

/* One escaped or plain ASCII character of a JSON string. */
static uint8_t unescape(const uint8_t **p)
{
    uint8_t c = *(*p)++;
    MUST(c >= 0x20 && c != '"');
    if (c != '\\')
        return c;
    c = *(*p)++;
    switch (c) {
    case 'b':
        return '\b';
    case 't':
        return '\t';
    case 'n':
        return '\n';
    case 'f':
        return '\f';
    case 'r':
        return '\r';
    case 'u':
        MUST((*p)[0] == '0' && (*p)[1] == '0');
        c = (uint8_t)(hex_digit((*p)[2]) << 4 | hex_digit((*p)[3]));
        *p += 4;
        return c;
    default:
        MUST(c == '"' || c == '\\');
        return c;
    }
}

static void check_reads_back(const uint8_t *p, const uint8_t *end, const uint8_t *data, size_t size,
                             int latin1)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] < 0x80) {
            MUST(unescape(&p) == data[i]);
        } else if (latin1) {
            MUST(p[0] == (0xC0 | data[i] >> 6) && p[1] == (0x80 | (data[i] & 0x3F)));
            p += 2;
        } else {
            MUST(*p++ == data[i]);
        }
    }
    MUST(p == end);
}

static uint8_t *run(uint8_t *(*f)(uint8_t *, const uint8_t *, size_t), uint8_t *room,
                    const uint8_t *data, size_t size)
{
    room[JSON_ESCAPE_ROOM(size)] = GUARD;
    uint8_t *end = f(room, data, size);
    MUST(room[JSON_ESCAPE_ROOM(size)] == GUARD);
    MUST(end == NULL || end <= room + 6 * size);
    return end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *first = malloc(JSON_ESCAPE_ROOM(size) + 1);
    uint8_t *other = malloc(JSON_ESCAPE_ROOM(size) + 1);
    MUST(first != NULL && other != NULL);
    for (int latin1 = 0; latin1 < 2; latin1++) {
        const struct json_escape *e = json_escape_variant(0);
        uint8_t *end = run(latin1 ? e->latin1 : e->utf8, first, data, size);
        MUST((end != NULL) == (latin1 || utf8_valid(slice_of(data, size))));
        if (end != NULL)
            check_reads_back(first, end, data, size, latin1);
        for (size_t i = 1; (e = json_escape_variant(i)) != NULL; i++) {
            uint8_t *again = run(latin1 ? e->latin1 : e->utf8, other, data, size);
            MUST((again == NULL) == (end == NULL));
            if (end != NULL)
                MUST(again - other == end - first &&
                     memcmp(first, other, (size_t)(end - first)) == 0);
        }
    }
    free(first);
    free(other);
    return 0;
}
