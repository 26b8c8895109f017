/*
 * The facts behind charset.c: which characters the codes of each set are, and
 * which set each collation id belongs to. charset_data.c is written by
 * scripts/gen-charsets out of what real servers convert.
 */
#pragma once

#include <stdint.h>

/*
 * Codes first, first + 1, ... of a set. A code is the bytes of a character as
 * one big-endian number. Either text has their characters in order, U+FFFD
 * standing for a code without one, or, where text is NULL, they are count
 * code points from linear on.
 */
struct charset_run {
    uint32_t first;
    uint32_t count;
    uint32_t linear;
    const char *text;
};

/* A set is the runs of base, if any, overwritten by its own. Lists end with text NULL, count 0. */
struct charset_source {
    const char *name;
    const struct charset_run *base;
    const struct charset_run *runs;
};

extern const struct charset_source charset_sources[]; /* ends with name NULL */

/* Collation ids first to last are of the set that is named. */
struct charset_ids {
    uint16_t first;
    uint16_t last;
    const char *name;
};

extern const struct charset_ids charset_ids[]; /* ascending */
extern const uint32_t charset_ids_count;
