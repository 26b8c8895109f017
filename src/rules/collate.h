/*
 * Collations: what we decide ourselves, and what only the source can.
 *
 * A _bin collation and `binary` are decided by bytes. Of the others the
 * weights of printable ASCII are known here (they are the same in every
 * version of every server: the order of latin1_swedish_ci and the general_ci
 * collations is that of the capital letters, the two orders of the Unicode
 * collations are below), so two texts of printable ASCII are decided here,
 * too. Anything else, another character or another collation, is a question
 * to the source: see struct rule_question.
 *
 * Immutable; any thread.
 */
#pragma once

#include "base/slice.h"
#include "schema/charset.h"

#define COLLATION_NAME_MAX 64

struct rule_collation {
    char name[COLLATION_NAME_MAX + 1]; /* "": the connection's own */
    const struct charset *charset;     /* NULL: of the connection */
    bool binary;                       /* by bytes */
    bool pad;                          /* PAD SPACE: trailing spaces do not count */
    bool cased;                        /* letters of either case differ */
    const uint8_t *weights; /* of the 128 ASCII characters; 0: not known; NULL: none is */
};

/* What a collation's name means; false: it names no character set that is known. */
bool collation_of_name(struct slice name, bool mariadb, struct rule_collation *out);

/* The name of a collation id, of those that are common; empty: not known. */
struct slice collation_name_of_id(uint32_t id);

/* Whether every character is printable ASCII. */
bool text_is_plain(struct slice s);

/*
 * Compares texts in UTF-8 (under `binary`: bytes) as far as that can be
 * decided here. False: ask the source. *out is less than, equal to or greater
 * than 0.
 */
bool collation_compare(const struct rule_collation *c, struct slice a, struct slice b, int *out);

/*
 * The same for LIKE: % any text, _ one character; escape 0: none. Time is at
 * most the product of the lengths.
 */
bool collation_like(const struct rule_collation *c, struct slice text, struct slice pattern,
                    uint32_t escape, bool *out);
