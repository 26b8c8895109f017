#include "encode/json_escape.h"

#include "base/cpu.h"
#include "encode/json_escape_int.h"

static const struct {
    unsigned needs;
    const struct json_escape *variant;
} variants[] = {
#if defined(__x86_64__)
    {CPU_AVX2, &json_escape_avx2},
    {CPU_SSE42, &json_escape_sse42},
#elif defined(__aarch64__)
    {CPU_NEON, &json_escape_neon},
#endif
    {0, &json_escape_scalar},
};

const struct json_escape *json_escape_variant(size_t i)
{
    unsigned features = cpu_features();
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++)
        if ((variants[v].needs & ~features) == 0 && i-- == 0)
            return variants[v].variant;
    return NULL;
}

const struct json_escape *json_escape_best(void)
{
    return json_escape_variant(0);
}
