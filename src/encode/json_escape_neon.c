/* 16 bytes at a time, for AArch64. */
#include <arm_neon.h>
#include <stdbool.h>
#include <stdint.h>

#define VEC 16
/* The mask has four bits for each byte. */
#define VEC_FIRST(mask) ((unsigned)__builtin_ctzll(mask) / 4)
#define VEC_COUNT(mask) ((unsigned)__builtin_popcountll(mask) / 4)
typedef uint8x16_t vec;

static inline vec vec_load(const uint8_t *p)
{
    return vld1q_u8(p);
}

static inline void vec_store(uint8_t *p, vec v)
{
    vst1q_u8(p, v);
}

static inline vec vec_zero(void)
{
    return vdupq_n_u8(0);
}

static inline vec vec_or(vec a, vec b)
{
    return vorrq_u8(a, b);
}

static inline bool vec_any(vec v)
{
    return vmaxvq_u8(v) != 0;
}

static inline bool vec_any_high(vec v)
{
    return vmaxvq_u8(v) >= 0x80;
}

static inline uint64_t vec_special(vec v)
{
    uint8x16_t quote = vceqq_u8(v, vdupq_n_u8('"'));
    uint8x16_t backslash = vceqq_u8(v, vdupq_n_u8('\\'));
    uint8x16_t control = vcltq_u8(v, vdupq_n_u8(0x20));
    uint8x16_t any = vorrq_u8(control, vorrq_u8(quote, backslash));
    /* NEON has no movemask: of each pair of bytes, the middle eight bits. */
    uint8x8_t nibbles = vshrn_n_u16(vreinterpretq_u16_u8(any), 4);
    return vget_lane_u64(vreinterpret_u64_u8(nibbles), 0);
}

#include "encode/json_escape_simd.h"

/* v moved up by n bytes, the last n of prev before it. */
#define BEFORE(v, prev, n) vextq_u8(prev, v, 16 - (n))

static const int8_t first_high[16] = {UTF8_FIRST_HIGH};
static const int8_t first_low[16] = {UTF8_FIRST_LOW};
static const int8_t second_high[16] = {UTF8_SECOND_HIGH};

static inline vec lookup(const int8_t table[16], vec nibbles)
{
    return vqtbl1q_u8(vreinterpretq_u8_s8(vld1q_s8(table)), nibbles);
}

static inline vec vec_utf8_errors(vec v, vec prev)
{
    vec before1 = BEFORE(v, prev, 1);
    vec faults = vandq_u8(vandq_u8(lookup(first_high, vshrq_n_u8(before1, 4)),
                                   lookup(first_low, vandq_u8(before1, vdupq_n_u8(0x0F)))),
                          lookup(second_high, vshrq_n_u8(v, 4)));

    /* The top bit where the third byte of three, or the third or fourth of four, must stand. */
    vec third = vqsubq_u8(BEFORE(v, prev, 2), vdupq_n_u8(0xE0 - 0x80));
    vec fourth = vqsubq_u8(BEFORE(v, prev, 3), vdupq_n_u8(0xF0 - 0x80));
    vec must = vandq_u8(vorrq_u8(third, fourth), vdupq_n_u8(0x80));
    return veorq_u8(faults, must);
}

static const uint8_t most_at_end[16] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                        0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xEF, 0xDF, 0xBF};

static inline vec vec_incomplete(vec v)
{
    return vqsubq_u8(v, vld1q_u8(most_at_end));
}

const struct json_escape json_escape_neon = {"neon", utf8, latin1};
