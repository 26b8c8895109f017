/*
 * The TLS filter under a connection, and the one place where OpenSSL's errors
 * become ours (tls_err.c).
 *
 * The filter does no I/O of its own: OpenSSL works on one half of a BIO pair
 * with a fixed size, and conn_recv() and conn_send() work on the other.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"
#include "net/conn.h"
#include "net/tls.h"

#include <openssl/ssl.h>

struct tls {
    SSL_CTX *ctx;
    SSL *ssl;
    BIO *wire;         /* our half of the pair: what goes to and comes from the socket */
    bool open;         /* the handshake is done */
    bool heard;        /* the peer has sent data inside the stream */
    bool verify;       /* its certificate is checked */
    char subject[256]; /* of the certificate that failed, "" when none did */
    char names[256];   /* that certificate's own host names */
    int verify_error;  /* X509_V_ERR_... */
    const char *ca;    /* options, for sentences during the handshake */
    const char *want;  /* the name checked for, NULL: none */
};

/* The two ends of a stream in TLS; NEED_INPUT and NO_ROOM as in net/conn.h. */
NODISCARD enum err tls_read(struct net_conn *c, uint8_t *buf, size_t cap, size_t *n);
NODISCARD enum err tls_write(struct net_conn *c, struct slice s, size_t *n);

/* Gives waiting encrypted bytes to the socket. ERR_NO_ROOM: some still wait. */
NODISCARD enum err tls_flush(struct net_conn *c);

/* The end of the stream, as far as the socket has room for it. */
void tls_goodbye(struct net_conn *c);

void tls_free(struct tls *t);

/* Remembers why a certificate fails; OpenSSL calls it during the handshake. */
int tls_verify_callback(int ok, X509_STORE_CTX *store);

/* A file that could not be used: "TLS: what cannot be read from file: why". */
NODISCARD enum err tls_file_error(struct errmsg *em, const char *what, const char *file);

/* OpenSSL refused something that is not the peer's doing. */
NODISCARD enum err tls_setup_error(struct errmsg *em, const char *what);

/* The handshake failed with SSL_ERROR_SSL. */
NODISCARD enum err tls_handshake_error(struct net_conn *c, struct errmsg *em);

/* The open stream failed with SSL_ERROR_SSL; sets c->em. */
NODISCARD enum err tls_stream_error(struct net_conn *c);
