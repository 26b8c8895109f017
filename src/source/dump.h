/*
 * Opening a replication stream, and reading it.
 *
 *   1. src_session_open()
 *   2. src_dump_start(s, sv, &options, em)       settings, registration, COM_BINLOG_DUMP(_GTID)
 *   3. src_dump_read(s, buf, cap, &n, em)        bytes of the packet stream, never blocking
 *
 * After step 2 the session answers no statements any more. What is read are
 * packets as mysqlproto/packet.h frames them (headers included, sequence from
 * 1 on), each with an event behind a 0x00, an ERR or an EOF packet; TLS and
 * protocol compression are taken off. Without both the bytes go from the
 * socket straight into the caller's buffer.
 *
 * A server with nothing to send sends a heartbeat event each heartbeat_ms; the
 * caller should give up on the session after about three of them missed.
 */
#pragma once

#include "source/server.h"

struct src_dump_options {
    uint32_t server_id; /* ours; unlike that of every other replica of the source */
    const char *uuid;   /* ours, kept over restarts: the server ends an older stream with it */
    uint64_t heartbeat_ms;
    const char *checksum; /* what to ask for: sv->checksum, usually */
    bool non_blocking;    /* end with EOF at the end of the last file instead of waiting */

    /* Where to begin: exactly one of the three. */
    const char *file; /* "" is the oldest file there is; with offset, at least 4 */
    uint64_t offset;
    const struct my_gtid_set *executed; /* MySQL: everything in it is left out */
    const struct maria_gtid_pos *maria; /* MariaDB: the state to go on from */
};

NODISCARD enum err src_dump_start(struct src_session *s, const struct src_server *sv,
                                  const struct src_dump_options *options, struct errmsg *em);

/*
 * Reads what is there, at most cap bytes. ERR_NEED_INPUT: nothing now; run the
 * loop and come back. ERR_DISCONNECTED: the server closed the connection.
 */
NODISCARD enum err src_dump_read(struct src_session *s, uint8_t *buf, size_t cap, size_t *n,
                                 struct errmsg *em);

/* The connection, for net_loop_wait() and back-pressure. */
struct net_conn *src_dump_conn(struct src_session *s);
