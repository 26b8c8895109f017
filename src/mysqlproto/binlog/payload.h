/*
 * TRANSACTION_PAYLOAD events: compressed transactions, decompressed as a
 * stream (libs/mysql/binlog/event/codecs/binary.cpp, MySQL source docs).
 *
 * Order of use, for each event: binlog_payload_begin() with the body (or as
 * much of its start as there is), then binlog_payload_read() into buffers of
 * the caller's until it says it is at the end; when it asks for input, the
 * next piece of the body goes in with binlog_payload_input(). The bytes that
 * come out are complete events, one behind the other, without packet headers
 * and checksums: binlog_run_next() finds them in a contiguous buffer. Nothing
 * is ever inflated whole.
 *
 * One struct binlog_payload is used for one event after another; it keeps its
 * decompressor. Not thread-safe.
 */
#pragma once

#include "mysqlproto/binlog/event.h"

struct binlog_payload; /* holds a zstd context; made once per connection */

struct binlog_payload_info {
    uint8_t compression;       /* 0 zstd, 255 none */
    uint64_t payload_len;      /* compressed bytes */
    uint64_t uncompressed_len; /* 0: not said; by the server's word, not to be relied on */
    size_t header_len;         /* bytes of the body before the payload */
};

/*
 * window_max: bytes of history that the decompressor may hold, rounded up to a
 * power of two. A payload that wants more is ERR_TOO_LARGE.
 */
NODISCARD enum err binlog_payload_new(size_t window_max, struct binlog_payload **out);
void binlog_payload_free(struct binlog_payload *p);

/* Only the fields before the payload. */
NODISCARD enum err binlog_payload_parse(struct slice body, struct binlog_payload_info *out);

/*
 * start: the body, or its first bytes, which must hold the fields before the
 * payload whole. body_len: bytes of the whole body. start is read from until
 * binlog_payload_read() asks for more.
 */
NODISCARD enum err binlog_payload_begin(struct binlog_payload *p, struct slice start,
                                        size_t body_len);

/* The next bytes of the body, after ERR_NEED_INPUT; they stay borrowed until the next one. */
NODISCARD enum err binlog_payload_input(struct binlog_payload *p, struct slice more);

/*
 * Up to cap bytes into buf. *n is less than cap only at the end of the payload
 * (0: nothing is left) or with ERR_NEED_INPUT, where *n bytes were written, too.
 * ERR_MALFORMED: the payload is damaged; ERR_TOO_LARGE: see above.
 */
NODISCARD enum err binlog_payload_read(struct binlog_payload *p, uint8_t *buf, size_t cap,
                                       size_t *n);

/*
 * The next event of a run at p .. p + len. ERR_NEED_INPUT: *need bytes are
 * wanted from p on. ERR_MALFORMED: a length that cannot be.
 */
NODISCARD enum err binlog_run_next(const uint8_t *p, size_t len, struct slice *event, size_t *need);
