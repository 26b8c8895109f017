/*
 * Packet framing of the client/server protocol, both ways.
 *
 * Every message travels as one logical packet. On the wire it is cut into
 * pieces, each with a header of 4 bytes ("Protocol::Packet", MySQL source docs,
 * sql/net_serv.cc):
 *
 *     0  payload length  3   0 .. 0xFFFFFF
 *     3  sequence        1   +1 for each piece in either direction, wraps
 *     4  payload         n
 *
 * A piece of 0xFFFFFF bytes is followed by another one; the last piece of a
 * packet is shorter and may be empty.
 *
 * Reading: my_packet_next() takes bytes as they come and hands out whole
 * packets. A packet that lies whole in the input is handed out in place; one
 * that does not is gathered in the reader's own buffer.
 *
 * Writing: my_packet_begin(), any writer calls, my_packet_end().
 *
 * Not thread-safe; one reader belongs to one connection.
 */
#pragma once

#include "base/err.h"
#include "base/writer.h"

#define MY_PACKET_HEADER    4
#define MY_PACKET_PIECE_MAX 0xFFFFFFu

struct my_packet_reader {
    uint8_t sequence;   /* what the next piece has to carry */
    bool any_sequence;  /* do not compare it (protocol compression renumbers packets) */
    bool in_packet;     /* the last piece was a full one: more pieces follow */
    bool handed_out;    /* kept holds the packet of the last call: forget it on the next one */
    uint8_t header_len; /* bytes of a header that came in part */
    uint8_t header[MY_PACKET_HEADER];
    uint32_t piece_left; /* bytes of the piece at hand that have not come */
    struct writer kept;  /* what has come of a packet that is not whole in one input */
};

/* max: largest packet to put together; a longer one is ERR_TOO_LARGE. */
void my_packet_reader_init(struct my_packet_reader *pr, size_t max);
void my_packet_reader_fini(struct my_packet_reader *pr);

/*
 * Takes bytes from in; *consumed says how many, on ERR_NEED_INPUT too (all of
 * them). On success *payload is one packet without its headers, valid until
 * the next call and as long as in. ERR_PROTOCOL: wrong sequence number.
 * After any other error than ERR_NEED_INPUT the reader is of no use.
 */
NODISCARD enum err my_packet_next(struct my_packet_reader *pr, struct slice in, size_t *consumed,
                                  struct slice *payload);

/*
 * For a caller who has all that came in one piece of memory: the packet at p,
 * whole and in place; of one in several pieces the headers inside are squeezed
 * out. *used bytes are done with. ERR_NEED_INPUT: *need, which is greater than
 * len, bytes are wanted from p on; nothing was taken. ERR_BUG unless
 * my_packet_idle().
 */
NODISCARD enum err my_packet_in_place(struct my_packet_reader *pr, uint8_t *p, size_t len,
                                      struct slice *payload, size_t *used, size_t *need);

/*
 * Passes over one packet, whatever its length, as its bytes come.
 * ERR_NEED_INPUT: all of in is taken, and the packet goes on; only this
 * function may then be called.
 */
NODISCARD enum err my_packet_skip(struct my_packet_reader *pr, struct slice in, size_t *consumed);

/* Whether the reader stands between two packets: nothing of a packet has come. */
bool my_packet_idle(const struct my_packet_reader *pr);

/* Room for a header; returns the mark for my_packet_end(). */
size_t my_packet_begin(struct writer *w);

/*
 * Everything written since the mark becomes the payload of one packet, cut
 * into pieces when it is too long. *sequence is used and counted up. Failure
 * shows in w->err.
 */
void my_packet_end(struct writer *w, size_t mark, uint8_t *sequence);
