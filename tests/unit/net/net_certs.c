#include "net_certs.h"

#include "net_peer.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- certificates --- */

struct identity {
    X509 *cert;
    EVP_PKEY *key;
};

static void extend(X509 *cert, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    cr_assert_not_null(ext);
    X509_add_ext(cert, ext, -1);
    X509_EXTENSION_free(ext);
}

/* issuer NULL: self-signed. names NULL: none. */
static struct identity make(const char *cn, const char *names, bool is_ca, long valid_until_s,
                            const struct identity *issuer)
{
    static long serial = 1;
    struct identity id = {.cert = X509_new(), .key = EVP_EC_gen("P-256")};
    X509_set_version(id.cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(id.cert), serial++);
    X509_gmtime_adj(X509_getm_notBefore(id.cert), -7200);
    X509_gmtime_adj(X509_getm_notAfter(id.cert), valid_until_s);
    X509_set_pubkey(id.cert, id.key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(id.cert), "CN", MBSTRING_ASC,
                               (const uint8_t *)cn, -1, -1, 0);
    X509_set_issuer_name(id.cert, X509_get_subject_name(issuer != NULL ? issuer->cert : id.cert));
    extend(id.cert, NID_basic_constraints, is_ca ? "critical,CA:TRUE" : "CA:FALSE");
    if (names != NULL)
        extend(id.cert, NID_subject_alt_name, names);
    cr_assert_gt(X509_sign(id.cert, issuer != NULL ? issuer->key : id.key, EVP_sha256()), 0);
    return id;
}

static void drop(struct identity *id)
{
    X509_free(id->cert);
    EVP_PKEY_free(id->key);
}

static void save(char path[64], const char *dir, const char *name, const struct identity *id,
                 bool cert, bool key, const char *passphrase)
{
    snprintf(path, 64, "%s/%s.pem", dir, name);
    FILE *f = fopen(path, "w");
    cr_assert_not_null(f);
    if (cert)
        PEM_write_X509(f, id->cert);
    if (key)
        PEM_write_PKCS8PrivateKey(f, id->key, passphrase != NULL ? EVP_aes_128_cbc() : NULL,
                                  passphrase, passphrase != NULL ? (int)strlen(passphrase) : 0,
                                  NULL, NULL);
    fclose(f);
}

void certs_make(struct certs *c)
{
    const long day = 86400;
    snprintf(c->dir, sizeof(c->dir), "/tmp/net-certs-XXXXXX");
    cr_assert_not_null(mkdtemp(c->dir));
    const char *here = "IP:127.0.0.1,DNS:localhost";
    struct identity ca = make("Test Authority", NULL, true, day, NULL);
    struct identity other = make("Another Authority", NULL, true, day, NULL);
    struct identity good = make("good", here, false, day, &ca);
    struct identity wrong = make("wrong", "DNS:other.example", false, day, &ca);
    struct identity expired = make("old", here, false, -3600, &ca);
    struct identity bare = make("MySQL_Server_Auto", NULL, false, day, &ca);
    struct identity client = make("client", NULL, false, day, &ca);
    struct identity stranger = make("stranger", here, false, day, NULL);
    save(c->ca, c->dir, "ca", &ca, true, false, NULL);
    save(c->other_ca, c->dir, "other_ca", &other, true, false, NULL);
    save(c->good, c->dir, "good", &good, true, true, NULL);
    save(c->wrong_name, c->dir, "wrong_name", &wrong, true, true, NULL);
    save(c->expired, c->dir, "expired", &expired, true, true, NULL);
    save(c->no_names, c->dir, "no_names", &bare, true, true, NULL);
    save(c->client, c->dir, "client", &client, true, true, NULL);
    save(c->client_key, c->dir, "client_key", &client, false, true, NULL);
    save(c->locked, c->dir, "locked", &client, false, true, "secret");
    save(c->stranger, c->dir, "stranger", &stranger, true, true, NULL);
    save(c->garbage, c->dir, "garbage", &good, false, false, NULL);
    struct identity *all[] = {&ca, &other, &good, &wrong, &expired, &bare, &client, &stranger};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        drop(all[i]);
}

void certs_drop(struct certs *c)
{
    const char *files[] = {c->ca,       c->good,     c->wrong_name, c->expired,
                           c->no_names, c->client,   c->client_key, c->locked,
                           c->other_ca, c->stranger, c->garbage};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        unlink(files[i]);
    rmdir(c->dir);
}

/* --- the server --- */

static void echo(SSL *ssl)
{
    uint8_t buf[16384];
    size_t n, done;
    while (SSL_read_ex(ssl, buf, sizeof(buf), &n) == 1)
        if (SSL_write_ex(ssl, buf, n, &done) != 1)
            return;
}

static void send_pattern(struct tls_server *s, SSL *ssl)
{
    static _Thread_local uint8_t buf[50000];
    uint64_t seed = 5;
    size_t done;
    for (size_t pos = 0; pos < s->total;) {
        size_t n = 1 + rnd(&seed) % sizeof(buf);
        n = n < s->total - pos ? n : s->total - pos;
        pattern_fill(buf, n, pos);
        if (s->key_updates && rnd(&seed) % 16 == 0)
            SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
        if (SSL_write_ex(ssl, buf, n, &done) != 1)
            return;
        pos += n;
    }
}

static void receive_pattern(struct tls_server *s, SSL *ssl)
{
    static _Thread_local uint8_t buf[50000];
    size_t n;
    size_t expected = s->total, done;
    s->total = 0;
    s->right = true;
    usleep(100000); /* so that the writer finds no room */
    while (SSL_read_ex(ssl, buf, sizeof(buf), &n) == 1) {
        s->right = s->right && pattern_holds(buf, n, s->total);
        s->total += n;
        if (s->total == expected)
            SSL_write_ex(ssl, "k", 1, &done);
    }
}

static void talk(struct tls_server *s, SSL *ssl)
{
    uint8_t hello[1024];
    if (s->does == SERVER_PLAIN_TEXT) {
        peer_send(s->fd, "I know of no such thing, sorry.\n", 32);
        return;
    }
    if (s->does == SERVER_CLOSES) {
        (void)!recv(s->fd, hello, sizeof(hello), 0);
        return;
    }
    if (SSL_accept(ssl) != 1)
        return;
    s->encrypted = true;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    snprintf(s->asked_name, sizeof(s->asked_name), "%s", name != NULL ? name : "");
    if (s->does == SERVER_ECHO)
        echo(ssl);
    if (s->does == SERVER_SEND || s->does == SERVER_SEND_AND_CUT)
        send_pattern(s, ssl);
    if (s->does == SERVER_SEND)
        SSL_shutdown(ssl);
    if (s->does == SERVER_RECEIVE)
        receive_pattern(s, ssl);
    if (s->does == SERVER_BREAKS_STREAM) {
        s->total = 100;
        send_pattern(s, ssl);
        peer_send(s->fd, "\x17\x03\x03\x00\x20 these are no encrypted bytes at all", 40);
    }
}

static void *serve(void *arg)
{
    struct tls_server *s = arg;
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_max_proto_version(ctx, s->max_version);
    if (s->max_version != 0 && s->max_version < TLS1_2_VERSION) {
        SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
        SSL_CTX_set_cipher_list(ctx, "ALL:@SECLEVEL=0");
    }
    if (s->cert != NULL) {
        SSL_CTX_use_certificate_chain_file(ctx, s->cert);
        SSL_CTX_use_PrivateKey_file(ctx, s->cert, SSL_FILETYPE_PEM);
    }
    if (s->client_ca != NULL) {
        SSL_CTX_load_verify_file(ctx, s->client_ca);
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    SSL *ssl = SSL_new(ctx);
    SSL_set_fd(ssl, s->fd);
    talk(s, ssl);
    /* Closing with bytes unread would be a reset, which throws away what we have sent. */
    uint8_t rest[4096];
    shutdown(s->fd, SHUT_WR);
    while (recv(s->fd, rest, sizeof(rest), 0) > 0)
        ;
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    ERR_clear_error();
    close(s->fd);
    return NULL;
}

void server_start(struct tls_server *s)
{
    cr_assert_eq(pthread_create(&s->thread, NULL, serve, s), 0);
}

void server_join(struct tls_server *s)
{
    pthread_join(s->thread, NULL);
}
