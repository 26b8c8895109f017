/*
 * A peer for sessions: a thread that accepts one connection and plays a list of
 * packets, as far as its budget of bytes goes.
 */
#pragma once

#include "base/clock.h"
#include "base/writer.h"
#include "mysqlproto/capability.h"
#include "mysqlproto/packet.h"
#include "net/loop.h"
#include "source/dump.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define TIMEOUT_MS  300   /* of a peer that is to be found silent */
#define PATIENCE_MS 30000 /* with all others: the machine may be busy */

enum ending { STALLS, CLOSES };

struct peer {
    int listener;
    uint16_t port;
    pthread_t thread;
    const struct words *script;
    enum ending ending;
    size_t budget; /* bytes that it may say */
};

/* What is said after one packet of the client (the first: at once). */
struct words {
    const char *bytes; /* payload; NULL ends the script */
    size_t len;
    uint8_t sequence;
    bool more; /* the next one follows without waiting */
};

#define SAY(sequence, b)                                                                           \
    {                                                                                              \
        "" b, sizeof(b) - 1, sequence, false                                                       \
    }
#define SAY_ON(sequence, b)                                                                        \
    {                                                                                              \
        "" b, sizeof(b) - 1, sequence, true                                                        \
    }
#define SAID                                                                                       \
    {                                                                                              \
        NULL, 0, 0, false                                                                          \
    }

/* No TLS and no compression are offered. */
#define GREETING                                                                                   \
    "\x0a"                                                                                         \
    "8.4.0\0"                                                                                      \
    "\x09\0\0\0"                                                                                   \
    "abcdefgh\0\xdf\xf7\xff\x02\0\xff\xdb\x15\0\0\0\0\0\0\0\0\0\0"                                 \
    "ijklmnopqrst\0mysql_native_password\0"
#define OK_PACKET "\0\0\0\x02\0\0\0"

static bool send_some(struct peer *p, int fd, const uint8_t *b, size_t n)
{
    size_t left = n < p->budget ? n : p->budget;
    p->budget -= left;
    for (size_t at = 0; at < left;) {
        ssize_t sent = send(fd, b + at, left - at, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        at += (size_t)sent;
    }
    return left == n;
}

static bool wait_packet(int fd)
{
    uint8_t head[4], body[4096];
    if (recv(fd, head, 4, MSG_WAITALL) != 4)
        return false;
    size_t n = (size_t)(head[0] | head[1] << 8 | head[2] << 16);
    return n <= sizeof(body) && recv(fd, body, n, MSG_WAITALL) == (ssize_t)n;
}

static void *play(void *arg)
{
    struct peer *p = arg;
    int fd = accept(p->listener, NULL, NULL);
    bool on = fd >= 0;
    for (const struct words *w = p->script; on && w->bytes != NULL; w++) {
        struct writer out;
        uint8_t sequence = w->sequence;
        writer_init(&out, 65536);
        size_t mark = my_packet_begin(&out);
        writer_put(&out, w->bytes, w->len);
        my_packet_end(&out, mark, &sequence);
        on = send_some(p, fd, out.base, out.len) && (w->more || wait_packet(fd));
        writer_fini(&out);
    }
    if (p->ending == STALLS) {
        uint8_t b;
        while (recv(fd, &b, 1, 0) > 0) /* until the client gives up */
            ;
    }
    close(fd);
    return NULL;
}

static void peer_start(struct peer *p, const struct words *script, enum ending ending,
                       size_t budget)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(a);
    *p = (struct peer){.script = script, .ending = ending, .budget = budget};
    p->listener = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(p->listener, (struct sockaddr *)&a, sizeof(a)), 0);
    cr_assert_eq(listen(p->listener, 1), 0);
    cr_assert_eq(getsockname(p->listener, (struct sockaddr *)&a, &len), 0);
    p->port = ntohs(a.sin_port);
    cr_assert_eq(pthread_create(&p->thread, NULL, play, p), 0);
}

static void peer_join(struct peer *p)
{
    pthread_join(p->thread, NULL);
    close(p->listener);
}

static struct net_loop *loop;
static struct errmsg em;

static void setup(void)
{
    cr_assert_eq(net_loop_new(NET_AUTO, &loop, &em), ERR_OK, "%s", em.text);
}

static void teardown(void)
{
    net_loop_free(loop);
}

#define COLUMN                                                                                     \
    "\x03"                                                                                         \
    "def\0\0\0\x01"                                                                                \
    "a\0\x0c\x2d\0\x14\0\0\0\xFD\0\0\0\0\0"
#define LOGIN SAY(0, GREETING), SAY(2, OK_PACKET), SAY(1, OK_PACKET)

/* What a session waits for: a test of silence makes them short. */
static uint64_t login_ms = PATIENCE_MS, answer_ms = PATIENCE_MS;

static struct src_options options_of(const struct peer *p)
{
    return (struct src_options){.host = "127.0.0.1",
                                .port = p->port,
                                .user = "me",
                                .password = "pw",
                                .tls = SRC_TLS_PREFERRED,
                                .connect_timeout_ms = login_ms,
                                .statement_timeout_ms = answer_ms};
}

static enum err open_session(const struct peer *p, struct src_session **s)
{
    struct src_options o = options_of(p);
    em.text[0] = '\0';
    return src_session_open(loop, &o, s, &em);
}
