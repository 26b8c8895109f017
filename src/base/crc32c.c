#include "base/crc32c.h"

#include "base/cpu.h"

#include <stdatomic.h>
#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#endif

typedef uint32_t (*crc_fn)(uint32_t crc, const void *bytes, size_t len);

/* One entry a nibble: 64 bytes of table are enough where no instruction does the work. */
static const uint32_t nibbles[16] = {
    0x00000000, 0x105EC76F, 0x20BD8EDE, 0x30E349B1, 0x417B1DBC, 0x5125DAD3, 0x61C69362, 0x7198540D,
    0x82F63B78, 0x92A8FC17, 0xA24BB5A6, 0xB21572C9, 0xC38D26C4, 0xD3D3E1AB, 0xE330A81A, 0xF36E6F75,
};

uint32_t crc32c_table(uint32_t crc, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    crc = ~crc;
    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        crc = crc >> 4 ^ nibbles[crc & 15];
        crc = crc >> 4 ^ nibbles[crc & 15];
    }
    return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc32c_wide(uint32_t crc, const void *bytes,
                                                              size_t len)
{
    const uint8_t *p = bytes;
    uint64_t c = (uint32_t)~crc;
    for (; len >= 8; len -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        c = _mm_crc32_u64(c, word);
    }
    uint32_t rest = (uint32_t)c;
    for (; len > 0; len--)
        rest = _mm_crc32_u8(rest, *p++);
    return ~rest;
}
#define WIDE_NEEDS CPU_SSE42
#elif defined(__aarch64__)
__attribute__((target("+crc"))) static uint32_t crc32c_wide(uint32_t crc, const void *bytes,
                                                            size_t len)
{
    const uint8_t *p = bytes;
    crc = ~crc;
    for (; len >= 8; len -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        crc = __crc32cd(crc, word);
    }
    for (; len > 0; len--)
        crc = __crc32cb(crc, *p++);
    return ~crc;
}
#define WIDE_NEEDS CPU_CRC32
#endif

static crc_fn choose(void)
{
#ifdef WIDE_NEEDS
    if (cpu_features() & WIDE_NEEDS)
        return crc32c_wide;
#endif
    return crc32c_table;
}

uint32_t crc32c(uint32_t crc, const void *bytes, size_t len)
{
    static _Atomic(crc_fn) chosen;
    /* Relaxed: every thread that chooses comes to the same answer. */
    crc_fn fn = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (fn == NULL) {
        fn = choose();
        atomic_store_explicit(&chosen, fn, memory_order_relaxed);
    }
    return fn(crc, bytes, len);
}
