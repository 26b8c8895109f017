/*
 * Shared by the files of charset*.c: the tables that a set is converted with,
 * and the shape of a converter.
 */
#pragma once

#include "schema/charset.h"

#include <stdatomic.h>

/*
 * Where a conversion stands. Characters begin before stop and may use bytes up
 * to end; out has room for 3 bytes for each byte before stop, and 8 more.
 */
struct charset_cursor {
    const uint8_t *in;
    const uint8_t *stop;
    const uint8_t *end;
    uint8_t *out;
};

/*
 * Two levels: the first byte, then the second, each giving a character or
 * leading on. A character is packed: its UTF-8 bytes in the low three, its
 * length above them; 0 is none.
 */
struct charset_map {
    /* Converts until stop; 0 then, else how many bytes at c->in are no character. */
    size_t (*convert)(const struct charset_map *m, struct charset_cursor *c);
    bool ascii; /* bytes below 0x80 are ASCII */
    uint32_t single[256];
    uint32_t *pair[256];        /* by first byte: 256 characters, or NULL */
    bool euc;                   /* 0x8F leads three bytes */
    uint32_t *triple[256];      /* by second byte after 0x8F (EUC-JP), or NULL */
    bool trail[256];            /* second byte of some character */
    uint8_t lead_min, lead_max; /* first bytes of two-byte characters lie between these */
    uint16_t *four;             /* GB18030: code points of the basic plane's four-byte codes */
};

#define CHARSET_EUC_SHIFT  0x8F
#define GB18030_FOUR_COUNT 39420

struct charset_tables {
    _Atomic(struct charset_map *) map;
};

/* Makes the map of a set; NULL: no memory. */
struct charset_map *charset_map_new(const struct charset *cs);

/* The converters of charset_unicode.c, or NULL when the set is none of those. */
size_t (*charset_unicode_converter(const struct charset *cs))(const struct charset_map *m,
                                                              struct charset_cursor *c);
