/*
 * The server's character sets and their conversion to UTF-8.
 *
 * A struct charset is static and immutable after its first use was prepared;
 * charset_prepare() builds the tables of a set once (reader thread, when a
 * table version is made), after which any thread may convert.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"

#include <stdint.h>

struct writer;

enum charset_form {
    CHARSET_BINARY, /* no text: bytes */
    CHARSET_UTF8,   /* utf8mb4, utf8mb3, ascii: bytes are the UTF-8 text once they are valid */
    CHARSET_OTHER,  /* needs charset_to_utf8() */
};

struct charset {
    const char *name; /* "latin1" */
    enum charset_form form;
    uint8_t max_len; /* bytes of the longest character */
    struct charset_tables *tables;
};

/* NULL: unknown. The id is a collation's; the table is built in (MySQL and MariaDB ids). */
const struct charset *charset_of_collation(uint32_t collation_id);
const struct charset *charset_of_name(struct slice charset_name);
const struct charset *charset_of_collation_name(struct slice collation_name);

/* Builds what charset_to_utf8() needs. Cheap when already done. Thread-safe. */
NODISCARD enum err charset_prepare(const struct charset *cs);

/*
 * Appends in as UTF-8. ERR_BAD_TEXT at the first bytes that are no character
 * of the set, nothing appended; with replace they become U+FFFD instead and
 * *replaced (may be NULL) counts them. For CHARSET_UTF8 the text is checked
 * and copied; CHARSET_BINARY is ERR_BUG.
 */
NODISCARD enum err charset_to_utf8(const struct charset *cs, struct slice in, struct writer *out,
                                   bool replace, uint64_t *replaced);
