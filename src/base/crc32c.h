/*
 * CRC-32C (Castagnoli, reflected 0x82F63B78), as the checkpoint log uses it.
 *
 *   crc = crc32c(0, a, a_len);
 *   crc = crc32c(crc, b, b_len);     the same as over a and b in one piece
 *
 * The variant is chosen by the CPU on first use. Any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(uint32_t crc, const void *bytes, size_t len);

/* The table variant, which every CPU can run and the others must agree with. */
uint32_t crc32c_table(uint32_t crc, const void *bytes, size_t len);
