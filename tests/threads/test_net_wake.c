/*
 * Threads around one event loop, for ThreadSanitizer: wakes from several
 * threads while bytes come in, a stop flag set from outside, and name lookups
 * that are given up. Exits 0 when all went well.
 */
#include "base/clock.h"
#include "net/conn.h"
#include "net/loop.h"
#include "net/resolve.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAKERS 3
#define ROUNDS 5000
#define BYTES  (4 * 1024 * 1024)

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                             \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

struct shared {
    struct net_loop *loop;
    int listen_fd;
    unsigned done[WAKERS]; /* plain memory: published by the wake after it */
    atomic_uint finished;
    atomic_bool stop;
};

struct waker {
    struct shared *s;
    int idx;
    pthread_t thread;
};

static void *wake_often(void *arg)
{
    struct waker *w = arg;
    for (int i = 0; i < ROUNDS; i++)
        net_loop_wake(w->s->loop);
    w->s->done[w->idx] = ROUNDS;
    atomic_fetch_add_explicit(&w->s->finished, 1, memory_order_release);
    net_loop_wake(w->s->loop);
    return NULL;
}

static void *send_bytes(void *arg)
{
    struct shared *s = arg;
    static uint8_t block[8192];
    int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    CHECK(fd >= 0);
    for (size_t done = 0; done < BYTES;) {
        ssize_t n = send(fd, block, sizeof(block), MSG_NOSIGNAL);
        CHECK(n > 0);
        done += (size_t)n;
    }
    usleep(50000);
    atomic_store_explicit(&s->stop, true, memory_order_release);
    net_loop_wake(s->loop);
    uint8_t byte;
    (void)!recv(fd, &byte, 1, 0);
    close(fd);
    return NULL;
}

static uint16_t listen_here(struct shared *s)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(s->listen_fd, (struct sockaddr *)&a, sizeof(a)) == 0);
    CHECK(listen(s->listen_fd, 4) == 0);
    CHECK(getsockname(s->listen_fd, (struct sockaddr *)&a, &len) == 0);
    return ntohs(a.sin_port);
}

static void receive_all(struct shared *s, struct net_conn *c)
{
    static uint8_t buf[65536];
    size_t total = 0, n;
    while (total < BYTES || atomic_load_explicit(&s->finished, memory_order_acquire) < WAKERS) {
        enum err e = net_read(c, buf, sizeof(buf), &n);
        if (e == ERR_OK)
            total += n;
        else
            CHECK(e == ERR_NEED_INPUT && net_loop_wait(s->loop, clock_mono_ms() + 10000) == ERR_OK);
    }
    CHECK(total == BYTES);
    for (int i = 0; i < WAKERS; i++)
        CHECK(s->done[i] == ROUNDS);
    CHECK(net_read_some(c, buf, 1, NET_NO_DEADLINE, &s->stop, &n) == ERR_STOPPED);
}

static void run(const struct net_loop_options *opt)
{
    struct shared s = {0};
    struct errmsg em = {0};
    if (net_loop_new_with(opt, &s.loop, &em) != ERR_OK) {
        fprintf(stderr, "left out: %s\n", em.text);
        CHECK(opt->backend == NET_URING);
        return;
    }
    struct net_options to = {.host = "127.0.0.1", .port = listen_here(&s)};
    struct waker w[WAKERS];
    pthread_t sender;
    CHECK(pthread_create(&sender, NULL, send_bytes, &s) == 0);
    for (int i = 0; i < WAKERS; i++) {
        w[i] = (struct waker){.s = &s, .idx = i};
        CHECK(pthread_create(&w[i].thread, NULL, wake_often, &w[i]) == 0);
    }
    struct net_conn *c;
    CHECK(net_connect(s.loop, &to, &c, &em) == ERR_OK);
    receive_all(&s, c);
    net_close(c);
    pthread_join(sender, NULL);
    for (int i = 0; i < WAKERS; i++)
        pthread_join(w[i].thread, NULL);
    net_loop_free(s.loop);
    close(s.listen_fd);
}

static void give_up_lookups(void)
{
    atomic_bool stop = true;
    for (int i = 0; i < 20; i++) {
        struct addrinfo *list = NULL;
        struct errmsg em;
        enum err e = net_resolve("localhost", 1, clock_mono_ms() + (uint64_t)(i % 3),
                                 i % 2 ? &stop : NULL, &list, &em);
        CHECK(e == ERR_OK || e == ERR_TIMEOUT || e == ERR_STOPPED);
        if (e == ERR_OK)
            freeaddrinfo(list);
    }
    usleep(100000); /* the threads left behind end by themselves */
}

int main(void)
{
    run(&(struct net_loop_options){.backend = NET_EPOLL});
    run(&(struct net_loop_options){.backend = NET_URING});
    run(&(struct net_loop_options){.backend = NET_URING, .plain_recv = true});
    give_up_lookups();
    return 0;
}
