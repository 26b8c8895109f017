#include "base/siphash.h"

#include "base/reader.h"

struct state {
    uint64_t v[4];
    uint64_t word; /* bytes that are no word yet, the first one lowest */
    unsigned count;
    uint64_t len;
};

static inline uint64_t rotate(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

static inline void rounds(uint64_t v[4], unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] = rotate(v[2], 32);
    }
}

static inline void take_word(struct state *s, uint64_t word)
{
    s->v[3] ^= word;
    rounds(s->v, 2);
    s->v[0] ^= word;
}

static void take(struct state *s, struct slice in)
{
    const uint8_t *p = in.ptr, *end = in.ptr + in.len;
    s->len += in.len;
    while (p < end) {
        if (s->count == 0 && end - p >= 8) {
            take_word(s, load_le64(p));
            p += 8;
            continue;
        }
        s->word |= (uint64_t)*p++ << (8 * s->count++);
        if (s->count == 8) {
            take_word(s, s->word);
            s->word = 0;
            s->count = 0;
        }
    }
}

struct hash128 siphash128(const uint64_t key[2], struct slice prefix, struct slice text)
{
    /* "somepseudorandomlygeneratedbytes", and 0xee for the longer result */
    struct state s = {
        .v = {key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d) ^ 0xee,
              key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573)}};
    take(&s, prefix);
    take(&s, text);
    take_word(&s, s.word | s.len << 56);
    s.v[2] ^= 0xee;
    rounds(s.v, 4);
    uint64_t a = s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
    s.v[1] ^= 0xdd;
    rounds(s.v, 4);
    return (struct hash128){a, s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3]};
}
