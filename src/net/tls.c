#include "net/tls.h"

#include "net/loop_int.h"
#include "net/tls_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

/* Bytes on their way between OpenSSL and the socket, each way: some records of 16 KiB. */
#define WIRE_BUF (64 * 1024)

void tls_free(struct tls *t)
{
    if (t == NULL)
        return;
    SSL_free(t->ssl);
    BIO_free(t->wire);
    SSL_CTX_free(t->ctx);
    ERR_clear_error();
    free(t);
}

/* --- moving encrypted bytes --- */

enum err tls_flush(struct net_conn *c)
{
    char *p;
    for (;;) {
        int len = BIO_nread0(c->tls->wire, &p);
        if (len <= 0)
            return ERR_OK;
        size_t n;
        TRY(conn_send(c, slice_of(p, (size_t)len), &n));
        BIO_nread(c->tls->wire, &p, (int)n);
    }
}

void tls_goodbye(struct net_conn *c)
{
    if (!c->tls->open)
        return;
    ERR_clear_error();
    SSL_shutdown(c->tls->ssl);
    enum err e = tls_flush(c);
    (void)e; /* a peer that does not hear it sees the end of the stream */
}

/* Socket to OpenSSL, once. */
static enum err fill(struct net_conn *c)
{
    char *p;
    int room = BIO_nwrite0(c->tls->wire, &p);
    if (room <= 0)
        return ERR_OK; /* OpenSSL has not taken the last ones yet */
    size_t n;
    TRY(conn_recv(c, (uint8_t *)p, (size_t)room, &n));
    BIO_nwrite(c->tls->wire, &p, (int)n);
    return ERR_OK;
}

enum err tls_read(struct net_conn *c, uint8_t *buf, size_t cap, size_t *n)
{
    struct tls *t = c->tls;
    for (;;) {
        ERR_clear_error();
        int rc = SSL_read_ex(t->ssl, buf, cap, n);
        /* Key updates and what net_write() left behind. No room is no reason not to read. */
        enum err flushed = tls_flush(c);
        if (rc == 1) {
            t->heard = true;
            return ERR_OK;
        }
        switch (SSL_get_error(t->ssl, rc)) {
        case SSL_ERROR_WANT_READ:
            break;
        case SSL_ERROR_WANT_WRITE:
            if (flushed != ERR_OK)
                return flushed == ERR_NO_ROOM ? ERR_NEED_INPUT : flushed;
            break;
        case SSL_ERROR_ZERO_RETURN:
            c->ended = true;
            return conn_ended(c);
        default:
            return tls_stream_error(c);
        }
        TRY(fill(c));
    }
}

enum err tls_write(struct net_conn *c, struct slice s, size_t *n)
{
    for (;;) {
        TRY(tls_flush(c));
        ERR_clear_error();
        size_t taken;
        int rc = SSL_write_ex(c->tls->ssl, s.ptr, s.len, &taken);
        if (rc != 1 && SSL_get_error(c->tls->ssl, rc) == SSL_ERROR_WANT_WRITE)
            continue; /* the pair is full */
        if (rc != 1)
            return tls_stream_error(c);
        enum err e = tls_flush(c);
        if (e != ERR_OK && e != ERR_NO_ROOM)
            return e;
        *n = taken; /* what found no room follows with the next call */
        return ERR_OK;
    }
}

/* --- setting up --- */

/* Never asks on a terminal: a key with a passphrase is refused instead. */
static int no_passphrase(char *buf, int size, int rwflag, void *arg)
{
    (void)buf, (void)size, (void)rwflag, (void)arg;
    return -1;
}

static enum err load_files(SSL_CTX *ctx, const struct net_tls_options *opt, struct errmsg *em)
{
    bool verify = opt->mode >= NET_TLS_VERIFY_CA;
    if (opt->ca != NULL && SSL_CTX_load_verify_file(ctx, opt->ca) != 1)
        return tls_file_error(em, "the authorities' certificates", opt->ca);
    if (opt->ca == NULL && verify && SSL_CTX_set_default_verify_paths(ctx) != 1)
        return tls_setup_error(em, "the system's certificates");
    if (opt->cert == NULL)
        return opt->key == NULL ? ERR_OK
                                : errmsg_set(em, ERR_CONFIG,
                                             "TLS: the key %s needs a certificate, too", opt->key);
    const char *key = opt->key != NULL ? opt->key : opt->cert;
    if (SSL_CTX_use_certificate_chain_file(ctx, opt->cert) != 1)
        return tls_file_error(em, "the certificate", opt->cert);
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        return tls_file_error(em, "the private key", key);
    return ERR_OK;
}

static enum err make_context(struct tls *t, const struct net_tls_options *opt, struct errmsg *em)
{
    t->ctx = SSL_CTX_new(TLS_client_method());
    if (t->ctx == NULL || SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION) != 1)
        return tls_setup_error(em, "a context");
    SSL_CTX_set_options(t->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(t->ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(t->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_default_passwd_cb(t->ctx, no_passphrase);
    SSL_CTX_set_verify(t->ctx, t->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                       t->verify ? tls_verify_callback : NULL);
    return load_files(t->ctx, opt, em);
}

static bool is_address(const char *name)
{
    uint8_t bin[16];
    return inet_pton(AF_INET, name, bin) == 1 || inet_pton(AF_INET6, name, bin) == 1;
}

/* What the peer is asked for, and what its certificate has to be for. */
static enum err set_identity(struct tls *t, const struct net_tls_options *opt, const char *host,
                             struct errmsg *em)
{
    const char *name = opt->server_name != NULL ? opt->server_name : host;
    if (opt->mode == NET_TLS_VERIFY_IDENTITY && name == NULL)
        return errmsg_set(em, ERR_CONFIG,
                          "TLS: no name to verify the peer's identity by: a unix socket has none, "
                          "so the server name must be given");
    if (name == NULL)
        return ERR_OK;
    bool address = is_address(name);
    char asked[TLSEXT_MAXLEN_host_name + 1]; /* OpenSSL wants it writable, and copies it */
    if (strlen(name) >= sizeof(asked))
        return errmsg_set(em, ERR_CONFIG, "TLS: a server's name has at most %d bytes, not %zu",
                          TLSEXT_MAXLEN_host_name, strlen(name));
    memcpy(asked, name, strlen(name) + 1);
    if (!address && SSL_set_tlsext_host_name(t->ssl, asked) != 1)
        return tls_setup_error(em, "the server's name");
    if (opt->mode != NET_TLS_VERIFY_IDENTITY)
        return ERR_OK;
    t->want = name;
    X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    int ok = address ? X509_VERIFY_PARAM_set1_ip_asc(param, name)
                     : X509_VERIFY_PARAM_set1_host(param, name, 0);
    return ok == 1 ? ERR_OK : tls_setup_error(em, "the server's name");
}

static enum err make_stream(struct tls *t, const struct net_tls_options *opt, const char *host,
                            struct errmsg *em)
{
    BIO *inner = NULL;
    t->ssl = SSL_new(t->ctx);
    if (t->ssl == NULL || BIO_new_bio_pair(&inner, WIRE_BUF, &t->wire, WIRE_BUF) != 1)
        return tls_setup_error(em, "a stream");
    SSL_set_bio(t->ssl, inner, inner);
    SSL_set_connect_state(t->ssl);
    if (SSL_set_app_data(t->ssl, t) != 1)
        return tls_setup_error(em, "a stream");
    return set_identity(t, opt, host, em);
}

/* --- the handshake --- */

static enum err wait_for_peer(struct net_conn *c, uint64_t deadline, const atomic_bool *stop,
                              struct errmsg *em)
{
    enum err e = loop_pump(c->loop, deadline, stop);
    if (e == ERR_TIMEOUT)
        return errmsg_set(em, e, "no answer in time");
    if (e == ERR_STOPPED)
        return errmsg_set(em, e, "asked to stop");
    if (e != ERR_OK)
        return errmsg_set(em, e, "the event loop cannot wait: %s", strerror(errno));
    return ERR_OK;
}

/* OpenSSL's next step, and what it has to say to the peer. Done when the stream is open. */
static enum err advance(struct net_conn *c, struct errmsg *em)
{
    ERR_clear_error();
    int rc = SSL_do_handshake(c->tls->ssl);
    int why = rc == 1 ? SSL_ERROR_NONE : SSL_get_error(c->tls->ssl, rc);
    enum err refused = ERR_OK;
    if (why != SSL_ERROR_NONE && why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
        refused = tls_handshake_error(c, em);
    enum err e = tls_flush(c); /* the alert that goes with a refusal, too */
    if (refused != ERR_OK)
        return refused;
    c->tls->open = e == ERR_OK && why == SSL_ERROR_NONE;
    return e;
}

static enum err handshake(struct net_conn *c, uint64_t deadline, const atomic_bool *stop,
                          struct errmsg *em)
{
    for (;;) {
        enum err e = advance(c, em);
        if (c->tls->open)
            return ERR_OK;
        if (e == ERR_OK)
            e = fill(c);
        if (e == ERR_NEED_INPUT || e == ERR_NO_ROOM)
            e = wait_for_peer(c, deadline, stop, em);
        else if (e == ERR_DISCONNECTED)
            errmsg_set(em, e, "%s",
                       c->end_errno == 0 ? "the peer closed the connection"
                                         : strerror(c->end_errno));
        if (e != ERR_OK)
            return e;
    }
}

enum err net_start_tls(struct net_conn *c, const struct net_tls_options *opt,
                       uint64_t deadline_mono_ms, const atomic_bool *stop, struct errmsg *em)
{
    loop_bind(c->loop);
    if (opt->mode == NET_TLS_DISABLED)
        return ERR_OK;
    if (c->tls != NULL)
        return errmsg_set(em, ERR_BUG, "%s: TLS is begun twice", c->name);
    struct tls *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory for TLS");
    c->tls = t;
    t->verify = opt->mode >= NET_TLS_VERIFY_CA;
    t->ca = opt->ca;
    struct errmsg why = {0};
    enum err e = make_context(t, opt, &why);
    if (e == ERR_OK)
        e = make_stream(t, opt, c->host, &why);
    if (e == ERR_OK) {
        e = handshake(c, deadline_mono_ms, stop, &why);
        if (e != ERR_OK)
            errmsg_prefix(&why, "%s: TLS handshake", c->name);
    }
    t->ca = t->want = NULL;
    if (e == ERR_OK)
        return ERR_OK;
    errmsg_set(&c->em, e, "%s", why.text);
    return errmsg_set(em, e, "%s", why.text);
}
