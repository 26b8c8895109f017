/*
 * Avro's binary encoding of the few types that messages are made of ("Apache
 * Avro Specification", Binary Encoding).
 *
 *   int, long     zigzag, then seven bits a byte, least significant first
 *   bytes, string a long with their length, then they
 *   double        eight bytes, little-endian
 *   union         a long with the branch's index, then its value
 *   array, map    a long with the number of items, the items, a zero
 *
 * Each function writes at p and returns the end. Any thread.
 */
#pragma once

#include "base/slice.h"

#define AVRO_LONG_MAX 10 /* bytes of the longest number */

static inline uint8_t *avro_long(uint8_t *p, int64_t v)
{
    uint64_t z = (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
    while (z > 0x7F) {
        *p++ = (uint8_t)(z | 0x80);
        z >>= 7;
    }
    *p++ = (uint8_t)z;
    return p;
}

/* Room: AVRO_LONG_MAX + s.len. */
static inline uint8_t *avro_bytes(uint8_t *p, struct slice s)
{
    p = avro_long(p, (int64_t)s.len);
    memcpy(p, s.ptr, s.len);
    return p + s.len;
}

static inline uint8_t *avro_double(uint8_t *p, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, 8);
    for (unsigned i = 0; i < 8; i++)
        p[i] = (uint8_t)(bits >> (8 * i));
    return p + 8;
}
