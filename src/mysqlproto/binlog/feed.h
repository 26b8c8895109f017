/*
 * From the bytes of a dump connection to events, in place.
 *
 * The answer to COM_BINLOG_DUMP is an endless row of packets, each with one
 * event ("COM_BINLOG_DUMP", MySQL source docs; sql/rpl_binlog_sender.cc):
 *
 *     0  payload length  3
 *     3  sequence        1   +1 for each packet, wraps
 *     4  status          1   0x00 event, 0xFF ERR packet, 0xFE (length < 9) EOF packet
 *     5  event
 *
 * An event whose payload fills 0xFFFFFF bytes goes on in the next packet
 * (without another status byte). Semi-synchronous replication, which puts two
 * more bytes before the event, is never asked for.
 *
 * Usual way: give binlog_feed_next() the buffer of contiguous bytes; it hands
 * out slices of it. ERR_NEED_INPUT says how many bytes are wanted from the
 * first one on, which is known in full once 24 bytes are there: the caller
 * makes room for that many. An event in several packets is joined in place:
 * the packet headers inside it are squeezed out of the buffer.
 *
 * For an event that does not fit: binlog_feed_peek() shows its header and
 * first bytes; binlog_feed_stream_begin() and binlog_feed_stream() then hand
 * it out in pieces as they come, and verify the checksum at its end. Whoever
 * wants none of it streams past it by ignoring the pieces.
 *
 * One struct binlog_feed belongs to one dump; it owns no memory.
 */
#pragma once

#include "mysqlproto/binlog/event.h"

#define BINLOG_FEED_HEAD 24u /* packet header, status byte, event header */

struct binlog_feed {
    uint8_t sequence;  /* of the next packet */
    bool any_sequence; /* not to be compared (protocol compression) */
    /* Streaming one event past: */
    bool streaming;
    bool verify;          /* the event ends with a checksum */
    uint8_t stored_count; /* bytes of stored[] that have come */
    uint8_t stored[BINLOG_CRC_LEN];
    uint8_t packet_head_count; /* bytes of packet_head[] that have come */
    uint8_t packet_head[4];
    bool packet_full;     /* the packet at hand has 0xFFFFFF bytes: another one follows */
    bool status_pending;  /* the status byte has not been passed */
    uint32_t packet_left; /* bytes of the packet at hand that have not come */
    uint32_t event_left;  /* bytes of the event, without checksum, that have not come */
    uint32_t crc;
};

enum binlog_item_kind { BINLOG_ITEM_EVENT, BINLOG_ITEM_ERR, BINLOG_ITEM_EOF };

struct binlog_item {
    enum binlog_item_kind kind;
    size_t used;        /* bytes of the input that belong to it */
    struct slice event; /* EVENT: header, body and checksum */
    uint16_t code;      /* ERR: the server's error number */
    struct slice text;  /* ERR: the server's words, SQL state removed */
};

/* sequence: what the first packet carries: 1 for the answer to a command. */
void binlog_feed_init(struct binlog_feed *f, uint8_t sequence);

/*
 * The next item in p .. p + len. ERR_NEED_INPUT: *need, which is greater than
 * len, bytes are wanted from p on. ERR_PROTOCOL: wrong sequence or status, or
 * packets that do not end where their event ends. ERR_TOO_LARGE: longer than
 * any event can be. After the item go on at p + used; the bytes before that
 * may have been moved.
 */
NODISCARD enum err binlog_feed_next(struct binlog_feed *f, uint8_t *p, size_t len,
                                    struct binlog_item *out, size_t *need);

/*
 * The header of the event at p, and the bytes of it from its header on that
 * are there in its first packet. ERR_NEED_INPUT: less than BINLOG_FEED_HEAD
 * bytes. ERR_PROTOCOL: no event. Nothing is consumed.
 */
NODISCARD enum err binlog_feed_peek(const struct binlog_feed *f, const uint8_t *p, size_t len,
                                    struct binlog_header *header, struct slice *first);

/* The event at p is going to be streamed. header: what binlog_feed_peek() showed; not of a
 * FORMAT_DESCRIPTION, whose checksum has rules of its own. */
void binlog_feed_stream_begin(struct binlog_feed *f, const struct binlog_format *format,
                              const struct binlog_header *header);

/*
 * The next piece of the event: its bytes from the header on, without packet
 * headers and without the checksum. *used bytes of the input are done with;
 * *piece may be empty. *last: the event is over and its checksum was right;
 * binlog_feed_next() goes on after it. Never waits for more than one byte:
 * ERR_NEED_INPUT only when len is 0. ERR_BAD_CHECKSUM, ERR_PROTOCOL.
 */
NODISCARD enum err binlog_feed_stream(struct binlog_feed *f, const uint8_t *p, size_t len,
                                      struct slice *piece, size_t *used, bool *last);
