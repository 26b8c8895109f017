/* 32 bytes at a time. Compiled for AVX2; called only where the CPU has it. */
#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#define VEC             32
#define VEC_FIRST(mask) ((unsigned)__builtin_ctzll(mask))
#define VEC_COUNT(mask) ((unsigned)__builtin_popcountll(mask))
typedef __m256i vec;

static inline vec vec_load(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i_u *)p);
}

static inline void vec_store(uint8_t *p, vec v)
{
    _mm256_storeu_si256((__m256i_u *)p, v);
}

static inline vec vec_zero(void)
{
    return _mm256_setzero_si256();
}

static inline vec vec_or(vec a, vec b)
{
    return _mm256_or_si256(a, b);
}

static inline bool vec_any(vec v)
{
    return !_mm256_testz_si256(v, v);
}

static inline bool vec_any_high(vec v)
{
    return _mm256_movemask_epi8(v) != 0;
}

static inline uint64_t vec_special(vec v)
{
    __m256i quote = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('"'));
    __m256i backslash = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\'));
    __m256i control =
        _mm256_cmpeq_epi8(_mm256_max_epu8(v, _mm256_set1_epi8(0x1F)), _mm256_set1_epi8(0x1F));
    return (uint32_t)_mm256_movemask_epi8(
        _mm256_or_si256(control, _mm256_or_si256(quote, backslash)));
}

#include "encode/json_escape_simd.h"

/* v moved up by n bytes, the last n of prev before it. */
#define BEFORE(v, prev, n) _mm256_alignr_epi8(v, _mm256_permute2x128_si256(prev, v, 0x21), 16 - (n))

static inline vec lookup(vec nibbles, __m128i table)
{
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), nibbles);
}

static inline vec high_nibbles(vec v)
{
    return _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(0x0F));
}

static inline vec vec_utf8_errors(vec v, vec prev)
{
    vec before1 = BEFORE(v, prev, 1);
    vec low = _mm256_and_si256(before1, _mm256_set1_epi8(0x0F));
    vec faults = _mm256_and_si256(
        _mm256_and_si256(lookup(high_nibbles(before1), _mm_setr_epi8(UTF8_FIRST_HIGH)),
                         lookup(low, _mm_setr_epi8(UTF8_FIRST_LOW))),
        lookup(high_nibbles(v), _mm_setr_epi8(UTF8_SECOND_HIGH)));

    /* The top bit where the third byte of three, or the third or fourth of four, must stand. */
    vec third = _mm256_subs_epu8(BEFORE(v, prev, 2), _mm256_set1_epi8((char)(0xE0 - 0x80)));
    vec fourth = _mm256_subs_epu8(BEFORE(v, prev, 3), _mm256_set1_epi8((char)(0xF0 - 0x80)));
    vec must = _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)0x80));
    return _mm256_xor_si256(faults, must);
}

static inline vec vec_incomplete(vec v)
{
    /* clang-format off */
    const vec most = _mm256_setr_epi8(
        -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
        -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
        (char)0xEF, (char)0xDF, (char)0xBF);
    /* clang-format on */
    return _mm256_subs_epu8(v, most);
}

const struct json_escape json_escape_avx2 = {"avx2", utf8, latin1};
