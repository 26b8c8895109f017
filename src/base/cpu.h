/*
 * What this CPU can do beyond what every CPU of its architecture can.
 *
 * Kernels with several variants ask once, when their owner is made, and keep
 * the function pointer. cpu_restrict() takes abilities away, for tests and for
 * comparing variants; call it before anything has asked.
 *
 * Any thread.
 */
#pragma once

#include <stddef.h>

enum cpu_feature {
    CPU_SSE42 = 1u << 0, /* x86-64: SSE4.2 with everything below it, and the CRC32 instruction */
    CPU_AVX2 = 1u << 1,  /* x86-64: AVX2, BMI1 and BMI2, and the kernel keeps the wide registers */
    CPU_NEON = 1u << 2,  /* AArch64: always there */
    CPU_CRC32 = 1u << 3, /* AArch64: the CRC32 instructions */
};

/* Set of enum cpu_feature. */
unsigned cpu_features(void);

/* From now on cpu_features() shows no more than mask. */
void cpu_restrict(unsigned mask);

/* "sse42 avx2", for the start-up log. Writes into buf and returns it. */
const char *cpu_describe(unsigned features, char *buf, size_t cap);
