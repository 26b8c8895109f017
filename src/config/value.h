/*
 * From the text of a node to a typed value, by the type of its key.
 *
 * Each function reports what is wrong at the node's place and returns false.
 */
#pragma once

#include "config/keys.h"
#include "config/tree.h"

/* Whether the key's value is one number: an integer, a truth value, a size, a time, choices. */
bool conf_is_number(const struct conf_key *k);

/* The number: choices give their index, lists of choices a bit for each. */
NODISCARD bool conf_number(const struct conf_key *k, const struct conf_node *n,
                           struct conf_report *r, int64_t *out);

/* "40MB", "90s", "7" by the key's unit; returns buf. */
const char *conf_number_text(const struct conf_key *k, int64_t number, char *buf, size_t cap);

/* One text of CONF_TEXT, CONF_NAME and the other types that keep their text. */
NODISCARD bool conf_text_check(const struct conf_key *k, const struct conf_node *n,
                               struct conf_report *r);

NODISCARD bool conf_origin(const struct conf_key *k, const struct conf_node *n,
                           struct conf_arena *a, struct conf_report *r, struct conf_start *out);

NODISCARD bool conf_offset(const struct conf_key *k, const struct conf_node *n,
                           struct conf_report *r, struct conf_zone *out);

/* Microseconds since 1970 of an RFC 3339 time; false: it is none, or before 1970. */
bool conf_rfc3339(const char *s, uint64_t *us);

/* The digits of s as a number, false when there are none, others, or too many. */
bool conf_digits(const char *s, size_t len, int64_t *out);
