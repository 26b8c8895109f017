/*
 * One global transaction identifier of MySQL: uuid:gno, or uuid:tag:gno with
 * servers from 8.3 on.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"

struct writer;

#define MY_UUID_LEN      16
#define MY_UUID_TEXT_LEN 36
#define MY_GTID_TAG_MAX  32
#define MY_GNO_MAX       (INT64_MAX - 1) /* the server's GNO_END is 2^63-1, exclusive */
#define MY_GTID_TEXT_MAX (MY_UUID_TEXT_LEN + 1 + MY_GTID_TAG_MAX + 1 + 19)

struct my_gtid {
    uint8_t uuid[MY_UUID_LEN];
    uint8_t tag_len;
    char tag[MY_GTID_TAG_MAX]; /* lower case, not terminated */
    uint64_t gno;              /* 1 .. MY_GNO_MAX */
};

/* 36 characters with dashes, either case, as @@server_uuid shows it; braces are not taken. */
NODISCARD enum err my_uuid_parse(struct slice text, uint8_t uuid[MY_UUID_LEN]);

/* 36 lower case characters and a NUL. Returns buf. */
const char *my_uuid_print(const uint8_t uuid[MY_UUID_LEN], char buf[MY_UUID_TEXT_LEN + 1]);

/* [a-z_][a-z0-9_]{0,31} after folding upper case. Empty is no tag and is taken, too. */
NODISCARD enum err my_tag_parse(struct slice text, char tag[MY_GTID_TAG_MAX], uint8_t *tag_len);

NODISCARD enum err my_gtid_parse(struct slice text, struct my_gtid *out);

/* Text and a NUL; returns the length without it. */
size_t my_gtid_print(const struct my_gtid *g, char buf[MY_GTID_TEXT_MAX + 1]);
