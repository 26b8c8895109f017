/*
 * SipHash-2-4 with 128 bits (J.-P. Aumasson and D. J. Bernstein, "SipHash: a
 * fast short-input PRF", and their reference code for the longer result): tells
 * equal from different for outside bytes, as long as the key is not known.
 *
 * Any thread.
 */
#pragma once

#include "base/slice.h"

struct hash128 {
    uint64_t a;
    uint64_t b;
};

/* The bytes of prefix and text, one behind the other. */
struct hash128 siphash128(const uint64_t key[2], struct slice prefix, struct slice text);
