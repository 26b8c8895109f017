/*
 * TLS on a connection that has begun in clear.
 *
 * The MySQL protocol switches in mid-stream: greeting in clear, one request
 * packet, then the TLS handshake on the same socket. So net_start_tls() is
 * called on an open connection, and from then on net_read() and net_write()
 * carry the inside of the TLS stream.
 *
 * Whoever calls it must have read nothing beyond the point of the switch. A
 * peer that is honest sends nothing there until the handshake; bytes that are
 * left in the caller's buffer were put there by somebody else and are a reason
 * to hang up.
 *
 * TLS 1.2 and 1.3. Threads: the loop's owner only.
 */
#pragma once

#include "base/err.h"
#include "net/conn.h"

/* The words of MySQL's --ssl-mode. */
enum net_tls_mode {
    NET_TLS_DISABLED,        /* net_start_tls() does nothing */
    NET_TLS_PREFERRED,       /* encrypted if the peer offers it (the caller knows); unverified */
    NET_TLS_REQUIRED,        /* encrypted, unverified */
    NET_TLS_VERIFY_CA,       /* the peer's certificate comes from an authority in ca */
    NET_TLS_VERIFY_IDENTITY, /* ... and is for the host we connect to */
};

/* Files are PEM. Nothing is kept after the call. */
struct net_tls_options {
    enum net_tls_mode mode;
    const char *ca;          /* authorities' certificates; NULL: those of the system */
    const char *cert;        /* our certificate and its chain; NULL: none */
    const char *key;         /* its private key; NULL: in cert */
    const char *server_name; /* the name to ask and check for; NULL: the connection's host */
};

/*
 * Runs the handshake, waiting in the loop. ERR_CONFIG: a file cannot be used.
 * ERR_TLS: refused by us or by the peer. ERR_TIMEOUT, ERR_DISCONNECTED,
 * ERR_STOPPED as in net/conn.h. After a failure only net_close() is left.
 */
NODISCARD enum err net_start_tls(struct net_conn *c, const struct net_tls_options *opt,
                                 uint64_t deadline_mono_ms, const atomic_bool *stop,
                                 struct errmsg *em);
