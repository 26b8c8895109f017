/*
 * A connection: a stream of bytes to a TCP port or a unix socket, in clear or,
 * after net_start_tls() (net/tls.h), encrypted.
 *
 *   net_connect()                        once
 *   net_read(), net_write()              take and give what can be had now
 *   net_read_some(), net_write_all()     the same, waiting in the loop
 *   net_close()                          always, also after a failure
 *
 * Errors: ERR_NEED_INPUT and ERR_NO_ROOM mean "wait in the loop". Anything
 * else ends the connection for its user; net_conn_errmsg() has the sentence,
 * which names the peer. Bytes that came before an end or a reset are handed
 * out first.
 *
 * Time: deadlines are absolute, in milliseconds of clock_mono_ms(). The read
 * and write timeouts of the options run only while somebody waits: from the
 * first ERR_NEED_INPUT (ERR_NO_ROOM) after bytes last moved. Both the polled
 * and the waiting functions watch them.
 *
 * Threads: the loop's owner only (net/loop.h).
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"
#include "net/loop.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct net_conn;

/* Zero is the default of every field but host and port. Nothing is kept after net_connect(). */
struct net_options {
    const char *host;      /* name or address */
    uint16_t port;         /* TCP */
    const char *unix_path; /* a unix socket instead of host and port */

    uint32_t connect_timeout_ms; /* name lookup and all addresses together; 0: 10 s */
    uint32_t read_timeout_ms;    /* longest silence; 0: none */
    uint32_t write_timeout_ms;   /* longest time without room; 0: none */

    uint32_t keepalive_idle_s;     /* 0: 30. A dead link shows after idle + interval * count */
    uint32_t keepalive_interval_s; /* 0: 10 */
    uint32_t keepalive_count;      /* 0: 3 */

    const atomic_bool *stop; /* gives up within 100 ms of being set; NULL: none */
};

/*
 * Connects, trying each address of the host within the time. ERR_UNREACHABLE
 * (refused, no route, unknown host), ERR_TIMEOUT, ERR_STOPPED, ERR_CONFIG (a
 * path that is too long), ERR_SYSTEM.
 */
NODISCARD enum err net_connect(struct net_loop *loop, const struct net_options *opt,
                               struct net_conn **out, struct errmsg *em);

/* Waits until the kernel has let go of the receive under way. NULL is fine. */
void net_close(struct net_conn *c);

/*
 * Takes what is there, at most cap bytes (cap > 0), without waiting. ERR_OK
 * with *n > 0, ERR_NEED_INPUT, ERR_DISCONNECTED (end or reset), ERR_TIMEOUT,
 * ERR_PROTOCOL or ERR_TLS (encrypted bytes that cannot be right).
 */
NODISCARD enum err net_read(struct net_conn *c, uint8_t *buf, size_t cap, size_t *n);

/*
 * Gives as much of s as there is room for, without waiting. ERR_OK with *n > 0
 * (*n = 0 only for an empty s), ERR_NO_ROOM, or what net_read() fails with. Bytes
 * taken may still wait in the TLS filter; the next read or write sends them.
 */
NODISCARD enum err net_write(struct net_conn *c, struct slice s, size_t *n);

/*
 * As above, waiting in the loop until there are some bytes, or until all of s
 * is with the kernel. Also ERR_TIMEOUT at the deadline, and ERR_STOPPED within
 * 100 ms after *stop was set (stop may be NULL). A wake of the loop that comes
 * meanwhile is not lost: it ends the next net_loop_wait().
 */
NODISCARD enum err net_read_some(struct net_conn *c, uint8_t *buf, size_t cap,
                                 uint64_t deadline_mono_ms, const atomic_bool *stop, size_t *n);
NODISCARD enum err net_write_all(struct net_conn *c, struct slice s, uint64_t deadline_mono_ms,
                                 const atomic_bool *stop);

/*
 * When the read or write timeout under way will have passed, NET_NO_DEADLINE
 * when none runs: for net_loop_wait(), after which net_read() reports it.
 */
uint64_t net_conn_deadline(const struct net_conn *c);

/* The sentence of the last failure, "" before one. Valid until the next call. */
const char *net_conn_errmsg(const struct net_conn *c);

/* "host:port" or the socket's path. */
const char *net_conn_name(const struct net_conn *c);

bool net_is_encrypted(const struct net_conn *c);
bool net_is_unix(const struct net_conn *c);
