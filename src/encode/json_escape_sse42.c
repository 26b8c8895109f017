/* 16 bytes at a time. Compiled for SSE4.2; called only where the CPU has it. */
#include <nmmintrin.h>
#include <stdbool.h>
#include <stdint.h>

#define VEC             16
#define VEC_FIRST(mask) ((unsigned)__builtin_ctzll(mask))
#define VEC_COUNT(mask) ((unsigned)__builtin_popcountll(mask))
typedef __m128i vec;

static inline vec vec_load(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i_u *)p);
}

static inline void vec_store(uint8_t *p, vec v)
{
    _mm_storeu_si128((__m128i_u *)p, v);
}

static inline vec vec_zero(void)
{
    return _mm_setzero_si128();
}

static inline vec vec_or(vec a, vec b)
{
    return _mm_or_si128(a, b);
}

static inline bool vec_any(vec v)
{
    return !_mm_testz_si128(v, v);
}

static inline bool vec_any_high(vec v)
{
    return _mm_movemask_epi8(v) != 0;
}

static inline uint64_t vec_special(vec v)
{
    __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
    __m128i backslash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
    __m128i control = _mm_cmpeq_epi8(_mm_max_epu8(v, _mm_set1_epi8(0x1F)), _mm_set1_epi8(0x1F));
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(control, _mm_or_si128(quote, backslash)));
}

#include "encode/json_escape_simd.h"

/* v moved up by n bytes, the last n of prev before it. */
#define BEFORE(v, prev, n) _mm_alignr_epi8(v, prev, 16 - (n))

static inline vec high_nibbles(vec v)
{
    return _mm_and_si128(_mm_srli_epi16(v, 4), _mm_set1_epi8(0x0F));
}

static inline vec vec_utf8_errors(vec v, vec prev)
{
    vec before1 = BEFORE(v, prev, 1);
    vec low = _mm_and_si128(before1, _mm_set1_epi8(0x0F));
    vec faults = _mm_and_si128(
        _mm_and_si128(_mm_shuffle_epi8(_mm_setr_epi8(UTF8_FIRST_HIGH), high_nibbles(before1)),
                      _mm_shuffle_epi8(_mm_setr_epi8(UTF8_FIRST_LOW), low)),
        _mm_shuffle_epi8(_mm_setr_epi8(UTF8_SECOND_HIGH), high_nibbles(v)));

    /* The top bit where the third byte of three, or the third or fourth of four, must stand. */
    vec third = _mm_subs_epu8(BEFORE(v, prev, 2), _mm_set1_epi8((char)(0xE0 - 0x80)));
    vec fourth = _mm_subs_epu8(BEFORE(v, prev, 3), _mm_set1_epi8((char)(0xF0 - 0x80)));
    vec must = _mm_and_si128(_mm_or_si128(third, fourth), _mm_set1_epi8((char)0x80));
    return _mm_xor_si128(faults, must);
}

static inline vec vec_incomplete(vec v)
{
    const vec most = _mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, (char)0xEF,
                                   (char)0xDF, (char)0xBF);
    return _mm_subs_epu8(v, most);
}

const struct json_escape json_escape_sse42 = {"sse42", utf8, latin1};
