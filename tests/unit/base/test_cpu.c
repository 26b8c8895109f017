#include "base/cpu.h"

#include <criterion/criterion.h>

Test(cpu, features_can_be_taken_away_but_not_added)
{
    unsigned all = cpu_features();
    cpu_restrict(~CPU_AVX2);
    cr_assert_eq(cpu_features(), all & ~CPU_AVX2);
    cpu_restrict(0);
    cr_assert_eq(cpu_features(), 0);
    cpu_restrict(~0u);
    cr_assert_eq(cpu_features(), all);
}

Test(cpu, features_have_names)
{
    char buf[64];
    cr_assert_str_eq(cpu_describe(0, buf, sizeof buf), "none");
    cr_assert_str_eq(cpu_describe(CPU_AVX2, buf, sizeof buf), "avx2");
    cr_assert_str_eq(cpu_describe(CPU_SSE42 | CPU_AVX2, buf, sizeof buf), "sse42 avx2");
    cr_assert_str_eq(cpu_describe(CPU_NEON | CPU_CRC32, buf, sizeof buf), "neon crc32");
}
