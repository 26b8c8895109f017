#include "base/cpu.h"

#include <stdatomic.h>
#include <stdio.h>

#if defined(__aarch64__)
#include <sys/auxv.h>
#define HWCAP_CRC32_BIT (1ul << 7) /* asm/hwcap.h */
#endif

/* Relaxed throughout: a set of bits that nothing else depends on. */
static atomic_uint allowed = ~0u;

static unsigned detect(void)
{
    unsigned found = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("sse4.2"))
        found |= CPU_SSE42;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
        __builtin_cpu_supports("bmi2"))
        found |= CPU_AVX2;
#elif defined(__aarch64__)
    found |= CPU_NEON;
    if (getauxval(AT_HWCAP) & HWCAP_CRC32_BIT)
        found |= CPU_CRC32;
#endif
    return found;
}

unsigned cpu_features(void)
{
    return detect() & atomic_load_explicit(&allowed, memory_order_relaxed);
}

void cpu_restrict(unsigned mask)
{
    atomic_store_explicit(&allowed, mask, memory_order_relaxed);
}

const char *cpu_describe(unsigned features, char *buf, size_t cap)
{
    snprintf(buf, cap, "%s%s%s%s", features & CPU_SSE42 ? "sse42 " : "",
             features & CPU_AVX2 ? "avx2 " : "", features & CPU_NEON ? "neon " : "",
             features & CPU_CRC32 ? "crc32 " : "");
    for (size_t i = 0; i < cap && buf[i] != '\0'; i++)
        if (buf[i] == ' ' && buf[i + 1] == '\0')
            buf[i] = '\0';
    if (cap > 0 && buf[0] == '\0')
        snprintf(buf, cap, "none");
    return buf;
}
