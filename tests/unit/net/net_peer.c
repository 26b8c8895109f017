#include "net_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

const struct backend_case backend_cases[] = {
    {"epoll", {.backend = NET_EPOLL}},
    {"io_uring", {.backend = NET_URING}},
    {"io_uring, two small buffers",
     {.backend = NET_URING, .recv_buf_count = 2, .recv_buf_size = 4096}},
    {"io_uring, plain receives", {.backend = NET_URING, .plain_recv = true}},
};
const size_t backend_case_count = sizeof(backend_cases) / sizeof(backend_cases[0]);

struct net_loop *backend_loop(const struct backend_case *bc)
{
    struct errmsg em = {0};
    struct net_loop *loop = NULL;
    enum err e = net_loop_new_with(&bc->opt, &loop, &em);
    if (e != ERR_OK && bc->opt.backend == NET_URING) {
        cr_log_warn("not tested on %s: %s\n", bc->name, em.text);
        return NULL;
    }
    cr_assert_eq(e, ERR_OK, "%s: %s", bc->name, em.text);
    cr_log_info("on %s\n", bc->name);
    return loop;
}

int peer_listen(uint16_t *port, int backlog)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(fd, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    cr_assert_eq(listen(fd, backlog), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *port = ntohs(a.sin_port);
    return fd;
}

int peer_accept(int listen_fd)
{
    struct timeval ten = {.tv_sec = 10};
    setsockopt(listen_fd, SOL_SOCKET, SO_RCVTIMEO, &ten, sizeof(ten));
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
    cr_assert_geq(fd, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &ten, sizeof(ten));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &ten, sizeof(ten));
    return fd;
}

struct pair pair_open(struct net_loop *loop, const struct net_options *base)
{
    struct net_options opt = base != NULL ? *base : (struct net_options){0};
    opt.host = "127.0.0.1";
    int listen_fd = peer_listen(&opt.port, 16);
    struct errmsg em = {0};
    struct pair p = {0};
    enum err e = net_connect(loop, &opt, &p.c, &em);
    cr_assert_eq(e, ERR_OK, "%s", em.text);
    p.fd = peer_accept(listen_fd);
    close(listen_fd);
    return p;
}

void pair_close(struct pair *p)
{
    net_close(p->c);
    if (p->fd >= 0)
        close(p->fd);
    *p = (struct pair){.fd = -1};
}

void peer_send(int fd, const void *buf, size_t len)
{
    const uint8_t *p = buf;
    while (len > 0) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        cr_assert_gt(n, 0);
        p += n;
        len -= (size_t)n;
    }
}

size_t peer_recv(int fd, void *buf, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = recv(fd, (uint8_t *)buf + done, len - done, 0);
        cr_assert_geq(n, 0);
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return done;
}

void peer_reset(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(fd);
}

static uint64_t pattern_word(uint64_t word)
{
    word += 0x9E3779B97F4A7C15u;
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9u;
    word = (word ^ (word >> 27)) * 0x94D049BB133111EBu;
    return word ^ (word >> 31);
}

void pattern_fill(uint8_t *buf, size_t len, uint64_t pos)
{
    size_t i = 0;
    while (i < len) {
        uint64_t w = pattern_word((pos + i) / 8);
        size_t from = (size_t)((pos + i) % 8);
        size_t n = 8 - from < len - i ? 8 - from : len - i;
        memcpy(buf + i, (const uint8_t *)&w + from, n);
        i += n;
    }
}

bool pattern_holds(const uint8_t *buf, size_t len, uint64_t pos)
{
    uint8_t want[4096];
    for (size_t i = 0; i < len;) {
        size_t n = len - i < sizeof(want) ? len - i : sizeof(want);
        pattern_fill(want, n, pos + i);
        if (memcmp(want, buf + i, n) != 0)
            return false;
        i += n;
    }
    return true;
}

uint32_t rnd(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}
