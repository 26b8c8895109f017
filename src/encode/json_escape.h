/*
 * Text into a JSON string: escapes and the UTF-8 check in one pass.
 *
 * Escaped are the quote and the backslash (\" \\), \b \t \n \f \r, and other
 * bytes below 0x20 as \u00xx with lower-case digits. '/' and everything from
 * 0x7F up stay as they are. The quotes around the string are the caller's.
 *
 * There is one variant per instruction set, equal byte for byte. The owner of
 * an encoder asks json_escape_best() once and keeps the pointer.
 *
 * The caller has JSON_ESCAPE_ROOM(len) bytes at out; what lies behind the
 * returned end within that room may have been overwritten. Nothing is read
 * outside in .. in + len. Any thread.
 */
#pragma once

#include "base/slice.h"

/* Worst case: six bytes for each, and one wide store past the end. */
#define JSON_ESCAPE_SLACK     64
#define JSON_ESCAPE_ROOM(len) (6 * (size_t)(len) + JSON_ESCAPE_SLACK)

struct json_escape {
    const char *name; /* "avx2" */

    /* UTF-8 text. Returns the end, or NULL when the bytes are not valid UTF-8. */
    uint8_t *(*utf8)(uint8_t *out, const uint8_t *in, size_t len);

    /* Each byte as the code point of the same value (ISO 8859-1). Never fails. */
    uint8_t *(*latin1)(uint8_t *out, const uint8_t *in, size_t len);
};

/* The fastest variant for this CPU (base/cpu.h). */
const struct json_escape *json_escape_best(void);

/*
 * The variants that this program was built with and this CPU can run, fastest
 * first, the scalar one last. NULL past the end.
 */
const struct json_escape *json_escape_variant(size_t i);
