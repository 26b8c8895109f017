#include "pipeline/cutter.h"

/* A commit may take the fifth, or under load the tenth part of the time. */
#define SHARE_DRY  5
#define SHARE_LOAD 10

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

bool cut_is_due(const struct cut_load *l)
{
    if (l->rows == 0)
        return l->since_ms >= CUT_IDLE_MS;
    if (l->bytes >= CUT_BYTES)
        return true;
    if (l->dry)
        return l->since_ms >= larger(CUT_TRICKLE_MS, l->took_ms * SHARE_DRY);
    return l->since_ms >= larger(CUT_LOAD_MS, l->took_ms * SHARE_LOAD);
}
