/*
 * The envelope of binlog events: common header, checksum, format description.
 *
 * An event ("Binlog::EventHeader", MySQL source docs; checksum: sql/log_event.cc
 * and libs/mysql/binlog/event/binlog_event.cpp, Log_event_footer):
 *
 *     0  timestamp   4   seconds UTC; 0 in events that the dump thread makes up
 *     4  type        1   enum binlog_type
 *     5  server id   4   of the server where the change was first made
 *     9  length      4   header, body and checksum
 *    13  log_pos     4   where the event ends in its file, low 32 bits; may be 0
 *    17  flags       2   BINLOG_FLAG_*
 *    19  body
 *     -  CRC32       4   if the file has checksums
 *
 * Order of use: binlog_format_init() with what was negotiated, then for each
 * event of the stream binlog_event_parse(); for each FORMAT_DESCRIPTION event
 * binlog_format_parse() over the same struct binlog_format. Whether an event
 * carries a checksum is the format's business: what was negotiated holds up to
 * the first FORMAT_DESCRIPTION, and each of those rules for what follows it,
 * the made-up ROTATE before the next one included.
 *
 * Bodies are slices into the event. No state but the struct binlog_format,
 * which is read-only but in binlog_format_parse().
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"
#include "mysqlproto/binlog/event_type.h"

#define BINLOG_HEADER_LEN 19u
#define BINLOG_CRC_LEN    4u
#define BINLOG_EVENT_MAX  (UINT32_C(1) << 30) /* the largest max_allowed_packet */

#define BINLOG_FLAG_IN_USE           0x0001u /* FORMAT_DESCRIPTION of an open file */
#define BINLOG_FLAG_THREAD_SPECIFIC  0x0004u /* the statement used temporary tables */
#define BINLOG_FLAG_SUPPRESS_USE     0x0008u
#define BINLOG_FLAG_ARTIFICIAL       0x0020u /* made up by the dump thread: no bytes in the file */
#define BINLOG_FLAG_IGNORABLE        0x0080u /* to be skipped by who does not know the type */
#define BINLOG_FLAG_SKIP_REPLICATION 0x8000u /* MariaDB */

struct binlog_header {
    uint32_t timestamp; /* seconds UTC */
    uint32_t server_id;
    uint32_t length;
    uint32_t log_pos;
    uint16_t flags;
    uint8_t type;
};

struct binlog_event {
    struct binlog_header header;
    struct slice body; /* without header and checksum */
};

/* What a FORMAT_DESCRIPTION event says about the events after it. */
struct binlog_format {
    char server_version[51]; /* as sent, terminated */
    uint32_t version;        /* 80402 for 8.4.2; of MariaDB's own count for MariaDB */
    bool is_mariadb;
    bool known;    /* a FORMAT_DESCRIPTION was seen */
    bool checksum; /* events end with a CRC32 */
    uint8_t type_count;
    uint32_t created;             /* seconds UTC; 0 when it was sent in mid file */
    uint8_t post_header_len[256]; /* by type; 0 where none is listed */
};

/* checksum: the session asked for CRC32 (@source_binlog_checksum), which then is on from the start.
 */
void binlog_format_init(struct binlog_format *f, bool checksum);

/*
 * Reads the header of an event of which at least BINLOG_HEADER_LEN bytes are
 * at p. Nothing is checked.
 */
void binlog_header_parse(const uint8_t *p, struct binlog_header *out);

/*
 * One whole event of the stream, as binlog_feed_next() hands it out: checks
 * its length and checksum. ERR_MALFORMED, ERR_BAD_CHECKSUM.
 */
NODISCARD enum err binlog_event_parse(const struct binlog_format *f, struct slice raw,
                                      struct binlog_event *out);

/* As above without verifying: for events whose checksum was verified while they streamed past. */
NODISCARD enum err binlog_event_trust(const struct binlog_format *f, struct slice raw,
                                      struct binlog_event *out);

/* An event inside a TRANSACTION_PAYLOAD: never with a checksum. */
NODISCARD enum err binlog_event_parse_inner(struct slice raw, struct binlog_event *out);

/*
 * Takes over a FORMAT_DESCRIPTION event. Version 4 only (MySQL 5.0 and later):
 * ERR_UNSUPPORTED; an unknown checksum algorithm: ERR_MALFORMED. *f is
 * unchanged after a failure.
 */
NODISCARD enum err binlog_format_parse(const struct binlog_event *fde, struct binlog_format *f);

/* Whether the writer says that who does not know the type may skip the event. */
static inline bool binlog_ignorable(const struct binlog_header *h)
{
    return (h->flags & BINLOG_FLAG_IGNORABLE) != 0;
}

/*
 * Whether an event for which there is no parser, or whose parser nobody needs,
 * may be passed over: it changes no rows by itself. Everything else that is
 * not handled has to stop the stream: types of later servers, LOAD DATA of
 * before MySQL 5.0, the cut rows of MariaDB 12.3 (PARTIAL_ROW_DATA).
 */
bool binlog_may_pass(const struct binlog_header *h);

/*
 * The 64-bit file offset after this event, from the one before it (offset).
 * log_pos has 32 bits only, and is 0 in made-up events, in heartbeats and, on
 * MariaDB 11.4 and later, inside transactions.
 */
uint64_t binlog_offset_after(uint64_t offset, const struct binlog_header *h);
