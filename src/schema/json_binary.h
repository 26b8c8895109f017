/*
 * MySQL's binary JSON: what a JSON column holds and what JSON diffs carry.
 *
 * json_binary_text() is all that an encoder needs. The rest of this header
 * walks a document one container at a time, for code that changes documents:
 *
 *     struct json_container c;
 *     TRY(json_container_open(json_value_of(doc), &c));
 *     for (uint32_t i = 0; i < c.count; i++) {
 *         TRY(json_container_key(&c, i, &key));      -- objects only
 *         TRY(json_container_value(&c, i, &child));
 *     }
 *
 * Nothing is allocated; everything points into the document. Every offset and
 * length is checked against the container that it is in. A walker still has to
 * bound its own depth, and the sum of what it visits: offsets may point at the
 * same bytes more than once.
 *
 * Decoders: failures are ERR_TRUNCATED and ERR_MALFORMED. Any thread.
 *
 * Form ("json_binary.h", MySQL source docs): a type byte and the value. With w
 * being 2 in small and 4 in large containers, an object or array is
 *
 *     0        element count                w
 *     w        bytes of all this            w
 *     2w       objects: count key entries   w offset, 2 length
 *              count value entries          1 type, w offset or the value itself
 *              keys, values
 *
 * with offsets from the count on. Keys are in order of length, then bytes.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"

struct writer;

enum json_type {
    JSON_SMALL_OBJECT = 0x00,
    JSON_LARGE_OBJECT = 0x01,
    JSON_SMALL_ARRAY = 0x02,
    JSON_LARGE_ARRAY = 0x03,
    JSON_LITERAL = 0x04, /* 1 byte: enum json_literal */
    JSON_INT16 = 0x05,
    JSON_UINT16 = 0x06,
    JSON_INT32 = 0x07,
    JSON_UINT32 = 0x08,
    JSON_INT64 = 0x09,
    JSON_UINT64 = 0x0A,
    JSON_DOUBLE = 0x0B,
    JSON_STRING = 0x0C, /* length in 7-bit groups, UTF-8 */
    JSON_OPAQUE = 0x0F, /* enum my_type, length in 7-bit groups, bytes */
};

enum json_literal { JSON_NULL = 0, JSON_TRUE = 1, JSON_FALSE = 2 };

#define JSON_DEPTH_MAX 100 /* the server's own limit */

/*
 * Appends the document as the server prints it (CAST(doc AS CHAR)); an empty
 * doc is null. ERR_TOO_LARGE, ERR_NO_MEMORY and the like from out. Nothing is
 * appended on failure. Strings are copied as they are: whether they are UTF-8
 * is for the caller to check.
 */
NODISCARD enum err json_binary_text(struct slice doc, struct writer *out);

struct json_value {
    uint8_t type;      /* enum json_type; may be another byte until it is used */
    struct slice data; /* from its first byte to the end of its container; inlined: as much as
                          the entry holds */
};

struct json_container {
    bool is_object;
    bool is_large;
    uint32_t count;
    struct slice data; /* from the count on, all of the container */
};

/* The value of a whole document; an empty one is the literal null. */
struct json_value json_value_of(struct slice doc);

static inline bool json_is_container(uint8_t type)
{
    return type <= JSON_LARGE_ARRAY;
}

/* ERR_MALFORMED when v is none. */
NODISCARD enum err json_container_open(struct json_value v, struct json_container *out);

/* i < c->count; keys of objects only. */
NODISCARD enum err json_container_key(const struct json_container *c, uint32_t i,
                                      struct slice *key);
NODISCARD enum err json_container_value(const struct json_container *c, uint32_t i,
                                        struct json_value *out);

/* The bytes that v takes, type byte not counted. */
NODISCARD enum err json_value_size(struct json_value v, size_t *size);

/* The bytes of a JSON_STRING. */
NODISCARD enum err json_string(struct json_value v, struct slice *out);

/* The field type (enum my_type) and the bytes of a JSON_OPAQUE. */
NODISCARD enum err json_opaque(struct json_value v, uint8_t *field_type, struct slice *out);
