#include "net_certs.h"
#include "net_peer.h"

#include "net/tls.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MB (1024 * 1024)

static struct certs certs;

static void set_up(void)
{
    signal(SIGPIPE, SIG_IGN); /* the test's server writes with write(2) */
    certs_make(&certs);
}

static void tear_down(void)
{
    certs_drop(&certs);
}

TestSuite(net_tls, .init = set_up, .fini = tear_down);

/* A connection to s and its handshake; the result and, in em, its sentence. */
static enum err begin(struct net_loop *loop, struct tls_server *s,
                      const struct net_tls_options *opt, struct net_conn **c, struct errmsg *em)
{
    struct pair p = pair_open(loop, NULL);
    s->fd = p.fd;
    server_start(s);
    *c = p.c;
    *em = (struct errmsg){0};
    return net_start_tls(p.c, opt, in_ms(5000), NULL, em);
}

static void finish(struct net_conn *c, struct tls_server *s)
{
    net_close(c);
    server_join(s);
}

static void expect_echo(struct net_conn *c)
{
    uint8_t buf[5];
    size_t done = 0, n;
    cr_assert_ok(net_write_all(c, SLICE_LIT("hello"), in_ms(5000), NULL));
    while (done < 5) {
        enum err e = net_read_some(c, buf + done, 5 - done, in_ms(5000), NULL, &n);
        cr_assert_eq(e, ERR_OK, "%s", net_conn_errmsg(c));
        done += n;
    }
    cr_expect_arr_eq(buf, "hello", 5);
}

/* The handshake must come to this; a sentence must hold all of the words (NULL-terminated). */
static void expect_handshake(struct net_loop *loop, const char *cert,
                             const struct net_tls_options *opt, enum err want,
                             const char *const *words)
{
    struct tls_server s = {.cert = cert};
    struct net_conn *c;
    struct errmsg em;
    enum err e = begin(loop, &s, opt, &c, &em);
    cr_assert_eq(e, want, "%s: %s", err_name(e), em.text);
    for (; words != NULL && *words != NULL; words++)
        cr_expect(strstr(em.text, *words) != NULL, "no '%s' in: %s", *words, em.text);
    if (e == ERR_OK) {
        cr_expect(net_is_encrypted(c));
        expect_echo(c);
    } else {
        cr_expect_str_eq(net_conn_errmsg(c), em.text);
    }
    finish(c, &s);
}
#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

ON_EACH_BACKEND(net_tls, every_mode_but_disabled_encrypts_towards_a_server_that_is_what_it_says)
{
    for (enum net_tls_mode m = NET_TLS_PREFERRED; m <= NET_TLS_VERIFY_IDENTITY; m++)
        expect_handshake(loop, certs.good, &(struct net_tls_options){.mode = m, .ca = certs.ca},
                         ERR_OK, NULL);
}

ON_EACH_BACKEND(net_tls, disabled_leaves_the_stream_in_clear)
{
    struct pair p = pair_open(loop, NULL);
    struct errmsg em;
    cr_assert_ok(net_start_tls(p.c, &(struct net_tls_options){.mode = NET_TLS_DISABLED},
                               in_ms(1000), NULL, &em));
    cr_expect_not(net_is_encrypted(p.c));
    cr_assert_ok(net_write_all(p.c, SLICE_LIT("clear"), in_ms(1000), NULL));
    uint8_t buf[5];
    cr_assert_eq(peer_recv(p.fd, buf, 5), 5);
    cr_expect_arr_eq(buf, "clear", 5);
    pair_close(&p);
}

ON_EACH_BACKEND(net_tls, only_the_verifying_modes_mind_who_signed)
{
    struct net_tls_options opt = {.mode = NET_TLS_REQUIRED};
    expect_handshake(loop, certs.stranger, &opt, ERR_OK, NULL);
    opt.mode = NET_TLS_PREFERRED;
    expect_handshake(loop, certs.stranger, &opt, ERR_OK, NULL);
    opt = (struct net_tls_options){.mode = NET_TLS_VERIFY_CA, .ca = certs.ca};
    expect_handshake(loop, certs.stranger, &opt, ERR_TLS,
                     WORDS("127.0.0.1:", "CN=stranger", "self-signed certificate", certs.ca));
    opt.ca = certs.other_ca;
    expect_handshake(loop, certs.good, &opt, ERR_TLS,
                     WORDS("CN=good", "unable to get local issuer certificate"));
    opt.ca = NULL; /* the system's */
    expect_handshake(loop, certs.good, &opt, ERR_TLS, WORDS("CN=good", "those of the system"));
}

ON_EACH_BACKEND(net_tls, only_verify_identity_minds_the_name)
{
    struct net_tls_options opt = {.mode = NET_TLS_VERIFY_CA, .ca = certs.ca};
    expect_handshake(loop, certs.wrong_name, &opt, ERR_OK, NULL);
    expect_handshake(loop, certs.no_names, &opt, ERR_OK, NULL);
    opt.mode = NET_TLS_VERIFY_IDENTITY;
    expect_handshake(loop, certs.wrong_name, &opt, ERR_TLS,
                     WORDS("CN=wrong", "not for 127.0.0.1", "other.example", "verify-ca"));
    expect_handshake(loop, certs.no_names, &opt, ERR_TLS, WORDS("CN=MySQL_Server_Auto"));
    opt.server_name = "localhost";
    expect_handshake(loop, certs.good, &opt, ERR_OK, NULL);
    opt.server_name = "other.example";
    expect_handshake(loop, certs.wrong_name, &opt, ERR_OK, NULL);
    expect_handshake(loop, certs.good, &opt, ERR_TLS, WORDS("not for other.example"));
    opt.server_name = "127.0.0.2";
    expect_handshake(loop, certs.good, &opt, ERR_TLS, WORDS("not for 127.0.0.2", "127.0.0.1"));
}

ON_EACH_BACKEND(net_tls, an_expired_certificate_is_refused_where_it_is_looked_at)
{
    struct net_tls_options opt = {.mode = NET_TLS_VERIFY_CA, .ca = certs.ca};
    expect_handshake(loop, certs.expired, &opt, ERR_TLS, WORDS("CN=old", "expired"));
    opt.mode = NET_TLS_REQUIRED;
    expect_handshake(loop, certs.expired, &opt, ERR_OK, NULL);
}

ON_EACH_BACKEND(net_tls, the_server_is_asked_for_by_name_but_not_by_address)
{
    struct tls_server s = {.cert = certs.good};
    struct net_conn *c;
    struct errmsg em;
    struct net_tls_options opt = {.mode = NET_TLS_REQUIRED, .server_name = "db.example"};
    cr_assert_ok(begin(loop, &s, &opt, &c, &em));
    expect_echo(c);
    finish(c, &s);
    cr_expect_str_eq(s.asked_name, "db.example");
    opt.server_name = NULL;
    cr_assert_ok(begin(loop, &s, &opt, &c, &em));
    expect_echo(c);
    finish(c, &s);
    cr_expect_str_eq(s.asked_name, "");
}

/* --- files --- */

Test(net_tls, a_file_that_cannot_be_used_is_named_with_the_reason)
{
    struct net_loop *loop;
    struct errmsg em;
    cr_assert_ok(net_loop_new(NET_EPOLL, &loop, &em));
    const struct {
        struct net_tls_options opt;
        const char *file, *reason;
    } cases[] = {
        {{.ca = "/nonexistent/ca.pem"}, "/nonexistent/ca.pem", "No such file or directory"},
        {{.ca = certs.dir}, certs.dir, "authorities"},
        {{.ca = certs.garbage}, certs.garbage, "none in PEM form"},
        {{.ca = certs.client_key}, certs.client_key, "none in PEM form"},
        {{.cert = "/nonexistent/c.pem"}, "/nonexistent/c.pem", "No such file or directory"},
        {{.cert = certs.garbage}, certs.garbage, "the certificate cannot be taken"},
        {{.cert = certs.ca}, certs.ca, "the private key cannot be taken"},
        {{.cert = certs.client, .key = "/nonexistent/k.pem"}, "/nonexistent/k.pem", "No such file"},
        {{.cert = certs.client, .key = certs.garbage}, certs.garbage, "the private key"},
        {{.cert = certs.client, .key = certs.good}, certs.good, "does not belong"},
        {{.cert = certs.client, .key = certs.locked}, certs.locked, "passphrase"},
        {{.key = certs.client_key}, certs.client_key, "needs a certificate"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pair p = pair_open(loop, NULL);
        struct net_tls_options opt = cases[i].opt;
        opt.mode = NET_TLS_REQUIRED;
        em = (struct errmsg){0};
        cr_assert_err(net_start_tls(p.c, &opt, in_ms(1000), NULL, &em), ERR_CONFIG);
        cr_expect(strstr(em.text, cases[i].file) != NULL, "%zu: %s", i, em.text);
        cr_expect(strstr(em.text, cases[i].reason) != NULL, "%zu: %s", i, em.text);
        pair_close(&p);
    }
    net_loop_free(loop);
}

ON_EACH_BACKEND(net_tls, a_server_that_wants_a_client_certificate_gets_ours)
{
    struct tls_server s = {.cert = certs.good, .client_ca = certs.ca};
    struct net_tls_options opt = {.mode = NET_TLS_REQUIRED, .cert = certs.client};
    struct net_conn *c;
    struct errmsg em;
    cr_assert_ok(begin(loop, &s, &opt, &c, &em));
    expect_echo(c);
    finish(c, &s);
    opt.key = certs.client_key;
    cr_assert_ok(begin(loop, &s, &opt, &c, &em));
    expect_echo(c);
    finish(c, &s);
}

ON_EACH_BACKEND(net_tls, a_server_that_misses_a_client_certificate_is_quoted)
{
    struct tls_server s = {
        .cert = certs.good, .client_ca = certs.ca, .max_version = TLS1_2_VERSION};
    struct net_tls_options opt = {.mode = NET_TLS_REQUIRED};
    struct net_conn *c;
    struct errmsg em;
    cr_assert_err(begin(loop, &s, &opt, &c, &em), ERR_TLS);
    cr_expect(strstr(em.text, "the server refuses: handshake failure") != NULL, "%s", em.text);
    finish(c, &s);

    /* With TLS 1.3 the refusal comes after our side is done. */
    s.max_version = 0;
    cr_assert_ok(begin(loop, &s, &opt, &c, &em));
    uint8_t byte;
    size_t n;
    cr_assert_err(net_read_some(c, &byte, 1, in_ms(5000), NULL, &n), ERR_TLS);
    cr_expect(strstr(net_conn_errmsg(c), "the server refuses:") != NULL, "%s", net_conn_errmsg(c));
    finish(c, &s);
}

/* --- peers that go wrong --- */

ON_EACH_BACKEND(net_tls, a_handshake_that_fails_says_why)
{
    struct net_tls_options opt = {.mode = NET_TLS_REQUIRED};
    const struct {
        struct tls_server s;
        enum err want;
        const char *words;
    } cases[] = {
        {{.does = SERVER_PLAIN_TEXT}, ERR_TLS, "is not TLS"},
        {{.does = SERVER_CLOSES}, ERR_DISCONNECTED, "TLS handshake"},
        {{.cert = certs.good, .max_version = TLS1_1_VERSION}, ERR_TLS, "version"},
        {{.cert = NULL}, ERR_TLS, "the server refuses: handshake failure"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tls_server s = cases[i].s;
        struct net_conn *c;
        struct errmsg em;
        enum err e = begin(loop, &s, &opt, &c, &em);
        cr_expect_eq(e, cases[i].want, "%zu: %s: %s", i, err_name(e), em.text);
        cr_expect(strstr(em.text, cases[i].words) != NULL, "%zu: %s", i, em.text);
        cr_expect(strstr(em.text, "127.0.0.1:") == em.text, "%zu: %s", i, em.text);
        cr_expect_not(net_is_encrypted(c));
        finish(c, &s);
    }
}

static void *stop_after_50_ms(void *stop)
{
    usleep(50000);
    atomic_store((atomic_bool *)stop, true);
    return NULL;
}

ON_EACH_BACKEND(net_tls, a_handshake_without_answer_ends_at_its_deadline_or_stop)
{
    struct net_tls_options opt = {.mode = NET_TLS_REQUIRED};
    struct errmsg em = {0};
    struct pair p = pair_open(loop, NULL);
    cr_assert_err(net_start_tls(p.c, &opt, in_ms(80), NULL, &em), ERR_TIMEOUT);
    cr_expect(strstr(em.text, "no answer in time") != NULL, "%s", em.text);
    pair_close(&p);

    p = pair_open(loop, NULL);
    atomic_bool stop = false;
    pthread_t t;
    cr_assert_eq(pthread_create(&t, NULL, stop_after_50_ms, &stop), 0);
    uint64_t start = clock_mono_ms();
    cr_assert_err(net_start_tls(p.c, &opt, NET_NO_DEADLINE, &stop, &em), ERR_STOPPED);
    cr_expect_lt(clock_mono_ms() - start, 50 + 100 + 2000 /* a busy machine */);
    pthread_join(t, NULL);
    pair_close(&p);
}

ON_EACH_BACKEND(net_tls, a_broken_stream_is_a_broken_protocol)
{
    struct tls_server s = {.cert = certs.good, .does = SERVER_BREAKS_STREAM};
    struct net_conn *c;
    struct errmsg em;
    cr_assert_ok(begin(loop, &s, &(struct net_tls_options){.mode = NET_TLS_REQUIRED}, &c, &em));
    uint8_t buf[256];
    size_t total = 0, n;
    enum err e;
    while ((e = net_read_some(c, buf, sizeof(buf), in_ms(5000), NULL, &n)) == ERR_OK)
        total += n;
    cr_expect_eq(total, 100);
    cr_assert_err(e, ERR_PROTOCOL);
    cr_expect(strstr(net_conn_errmsg(c), "TLS stream broken") != NULL, "%s", net_conn_errmsg(c));
    finish(c, &s);
}

Test(net_tls, identity_over_a_unix_socket_needs_a_name)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof(a.sun_path), "%s/s", certs.dir);
    int listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(listen_fd, (struct sockaddr *)&a, sizeof(a)), 0);
    cr_assert_eq(listen(listen_fd, 1), 0);
    struct net_loop *loop;
    struct net_conn *c;
    struct errmsg em = {0};
    cr_assert_ok(net_loop_new(NET_EPOLL, &loop, &em));
    cr_assert_ok(net_connect(loop, &(struct net_options){.unix_path = a.sun_path}, &c, &em));
    struct net_tls_options opt = {.mode = NET_TLS_VERIFY_IDENTITY, .ca = certs.ca};
    cr_assert_err(net_start_tls(c, &opt, in_ms(1000), NULL, &em), ERR_CONFIG);
    cr_expect(strstr(em.text, "the server name must be given") != NULL, "%s", em.text);
    net_close(c);
    net_loop_free(loop);
    close(listen_fd);
    unlink(a.sun_path);
}

/* --- the stream --- */

ON_EACH_BACKEND(net_tls, a_stream_that_began_in_clear_goes_on_encrypted)
{
    struct pair p = pair_open(loop, NULL);
    uint8_t buf[8];
    size_t n;
    peer_send(p.fd, "greeting", 8);
    cr_assert_ok(net_read_some(p.c, buf, 8, in_ms(5000), NULL, &n));
    cr_assert_eq(n, 8);
    cr_assert_err(net_read(p.c, buf, 8, &n), ERR_NEED_INPUT); /* a receive is under way */
    cr_assert_ok(net_write_all(p.c, SLICE_LIT("switch"), in_ms(1000), NULL));
    cr_assert_eq(peer_recv(p.fd, buf, 6), 6);
    struct tls_server s = {.cert = certs.good, .fd = p.fd};
    server_start(&s);
    struct errmsg em = {0};
    struct net_tls_options opt = {.mode = NET_TLS_VERIFY_IDENTITY, .ca = certs.ca};
    cr_assert_ok(net_start_tls(p.c, &opt, in_ms(5000), NULL, &em));
    expect_echo(p.c);
    cr_assert_err(net_start_tls(p.c, &opt, in_ms(1000), NULL, &em), ERR_BUG);
    finish(p.c, &s);
    cr_expect(s.encrypted);
}

static void expect_received(struct net_loop *loop, struct tls_server *s)
{
    static uint8_t buf[256 * 1024];
    struct net_conn *c;
    struct errmsg em;
    cr_assert_ok(begin(loop, s, &(struct net_tls_options){.mode = NET_TLS_REQUIRED}, &c, &em));
    uint64_t seed = 21;
    size_t total = 0, n;
    enum err e;
    while ((e = net_read_some(c, buf, 1 + rnd(&seed) % sizeof(buf), in_ms(10000), NULL, &n)) ==
           ERR_OK) {
        cr_assert(pattern_holds(buf, n, total));
        total += n;
    }
    cr_assert_eq(e, ERR_DISCONNECTED, "%s: %s", err_name(e), net_conn_errmsg(c));
    cr_expect_eq(total, s->total);
    cr_assert_err(net_read(c, buf, 1, &n), ERR_DISCONNECTED);
    finish(c, s);
}

ON_EACH_BACKEND(net_tls, much_data_arrives_as_it_was_sent_and_then_the_end)
{
    expect_received(
        loop, &(struct tls_server){
                  .cert = certs.good, .does = SERVER_SEND, .total = 20 * MB, .key_updates = true});
    expect_received(loop, &(struct tls_server){.cert = certs.good,
                                               .does = SERVER_SEND_AND_CUT,
                                               .max_version = TLS1_2_VERSION,
                                               .total = 5 * MB});
}

ON_EACH_BACKEND(net_tls, a_long_write_waits_for_room_and_arrives_whole)
{
    static uint8_t buf[16 * MB];
    struct tls_server s = {.cert = certs.good, .does = SERVER_RECEIVE, .total = sizeof(buf)};
    struct net_conn *c;
    struct errmsg em;
    cr_assert_ok(begin(loop, &s, &(struct net_tls_options){.mode = NET_TLS_REQUIRED}, &c, &em));
    pattern_fill(buf, sizeof(buf), 0);
    size_t done = 0, n;
    enum err e;
    while ((e = net_write(c, slice_of(buf + done, sizeof(buf) - done), &n)) == ERR_OK &&
           done < sizeof(buf))
        done += n;
    cr_assert_err(e, ERR_NO_ROOM);
    cr_assert_ok(net_write_all(c, slice_of(buf + done, sizeof(buf) - done), in_ms(20000), NULL));
    uint8_t byte;
    cr_assert_ok(net_read_some(c, &byte, 1, in_ms(10000), NULL, &n));
    finish(c, &s);
    cr_expect_eq(s.total, sizeof(buf));
    cr_expect(s.right);
}

ON_EACH_BACKEND(net_tls, what_a_write_left_behind_goes_out_while_the_answer_is_awaited)
{
    static uint8_t junk[8 * MB];
    struct tls_server s = {.cert = certs.good, .does = SERVER_RECEIVE};
    struct net_conn *c;
    struct errmsg em;
    cr_assert_ok(begin(loop, &s, &(struct net_tls_options){.mode = NET_TLS_REQUIRED}, &c, &em));
    pattern_fill(junk, sizeof(junk), 0);
    size_t done = 0, n;
    while (done < sizeof(junk) &&
           net_write(c, slice_of(junk + done, sizeof(junk) - done), &n) == ERR_OK)
        done += n;
    uint8_t byte;
    uint64_t until = in_ms(400);
    while (clock_mono_ms() < until) { /* the peer begins to read after 100 ms */
        cr_assert_err(net_read(c, &byte, 1, &n), ERR_NEED_INPUT);
        enum err e = net_loop_wait(loop, until);
        cr_assert(e == ERR_OK || e == ERR_TIMEOUT);
    }
    finish(c, &s);
    cr_expect_eq(s.total, done);
    cr_expect(s.right);
}

ON_EACH_BACKEND(net_tls, a_silent_peer_is_a_read_timeout_in_tls_too)
{
    struct pair p = pair_open(loop, &(struct net_options){.read_timeout_ms = 80});
    struct tls_server s = {.cert = certs.good, .fd = p.fd};
    server_start(&s);
    struct errmsg em = {0};
    cr_assert_ok(net_start_tls(p.c, &(struct net_tls_options){.mode = NET_TLS_REQUIRED},
                               in_ms(5000), NULL, &em));
    uint8_t byte;
    size_t n;
    cr_assert_err(net_read_some(p.c, &byte, 1, NET_NO_DEADLINE, NULL, &n), ERR_TIMEOUT);
    finish(p.c, &s);
}
