#include "net_peer.h"

#include "net/loop_int.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static enum err try_connect(struct net_loop *loop, const struct net_options *opt, struct errmsg *em)
{
    struct net_conn *c = NULL;
    enum err e = net_connect(loop, opt, &c, em);
    if (e == ERR_OK)
        net_close(c);
    return e;
}

/* A port where nobody listens: it was ours a moment ago. */
static uint16_t closed_port(void)
{
    uint16_t port;
    close(peer_listen(&port, 1));
    return port;
}

ON_EACH_BACKEND(net_connect, a_refused_connection_names_host_and_port)
{
    struct errmsg em = {0};
    struct net_options opt = {.host = "127.0.0.1", .port = closed_port()};
    cr_assert_err(try_connect(loop, &opt, &em), ERR_UNREACHABLE);
    char want[64];
    snprintf(want, sizeof(want), "127.0.0.1:%u: Connection refused", opt.port);
    cr_expect_str_eq(em.text, want);
}

ON_EACH_BACKEND(net_connect, a_name_is_resolved_and_all_its_addresses_are_tried)
{
    uint16_t port;
    int listen_fd = peer_listen(&port, 4); /* on 127.0.0.1 only, ::1 refuses */
    struct errmsg em = {0};
    struct net_options opt = {.host = "localhost", .port = port};
    enum err e = try_connect(loop, &opt, &em);
    cr_assert_eq(e, ERR_OK, "%s", em.text);
    close(listen_fd);
    opt.port = closed_port();
    cr_assert_err(try_connect(loop, &opt, &em), ERR_UNREACHABLE);
    cr_expect(strstr(em.text, "localhost:") == em.text, "%s", em.text);
}

ON_EACH_BACKEND(net_connect, a_host_that_does_not_exist_is_named)
{
    struct errmsg em = {0};
    struct net_options opt = {
        .host = "no-such-host.invalid", .port = 3306, .connect_timeout_ms = 5000};
    enum err e = try_connect(loop, &opt, &em);
    cr_assert(e == ERR_UNREACHABLE || e == ERR_TIMEOUT, "%s", err_name(e));
    cr_expect(strstr(em.text, "host 'no-such-host.invalid'") != NULL, "%s", em.text);
    cr_expect(strstr(em.text, "no-such-host.invalid:3306") == em.text, "%s", em.text);
}

ON_EACH_BACKEND(net_connect, neither_host_nor_path_is_a_wrong_configuration)
{
    struct errmsg em = {0};
    cr_assert_err(try_connect(loop, &(struct net_options){0}, &em), ERR_CONFIG);
    cr_assert_err(try_connect(loop, &(struct net_options){.host = ""}, &em), ERR_CONFIG);
}

/* A listener whose queue is full: further connections get no answer. */
struct full_queue {
    int listen_fd;
    int filler[64];
    int count;
    uint16_t port;
};

static void fill_queue(struct full_queue *q)
{
    q->listen_fd = peer_listen(&q->port, 0);
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(q->port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (q->count = 0; q->count < 8; q->count++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        cr_assert_geq(fd, 0);
        (void)!connect(fd, (struct sockaddr *)&a, sizeof(a));
        q->filler[q->count] = fd;
    }
}

static void drop_queue(struct full_queue *q)
{
    for (int i = 0; i < q->count; i++)
        close(q->filler[i]);
    close(q->listen_fd);
}

ON_EACH_BACKEND(net_connect, a_host_that_does_not_answer_is_a_timeout)
{
    struct full_queue q;
    fill_queue(&q);
    struct errmsg em = {0};
    struct net_options opt = {.host = "127.0.0.1", .port = q.port, .connect_timeout_ms = 120};
    uint64_t begin = clock_mono_ms();
    cr_assert_err(try_connect(loop, &opt, &em), ERR_TIMEOUT);
    uint64_t took = clock_mono_ms() - begin;
    cr_expect(took >= 119 && took < 5000, "%lu ms", (unsigned long)took);
    cr_expect(strstr(em.text, "no answer in time") != NULL, "%s", em.text);
    drop_queue(&q);
}

static void *stop_after_50_ms(void *stop)
{
    usleep(50000);
    atomic_store((atomic_bool *)stop, true);
    return NULL;
}

ON_EACH_BACKEND(net_connect, a_stop_ends_connecting_within_a_tenth_of_a_second)
{
    struct full_queue q;
    fill_queue(&q);
    atomic_bool stop = false;
    struct errmsg em = {0};
    struct net_options opt = {.host = "127.0.0.1", .port = q.port, .stop = &stop};
    pthread_t t;
    cr_assert_eq(pthread_create(&t, NULL, stop_after_50_ms, &stop), 0);
    uint64_t begin = clock_mono_ms();
    cr_assert_err(try_connect(loop, &opt, &em), ERR_STOPPED);
    cr_expect_lt(clock_mono_ms() - begin, 50 + 100 + 2000 /* a busy machine */);
    pthread_join(t, NULL);
    opt.host = "localhost";
    cr_assert_err(try_connect(loop, &opt, &em), ERR_STOPPED);
    drop_queue(&q);
}

static int option(const struct net_conn *c, int level, int name)
{
    int v = -1;
    socklen_t len = sizeof(v);
    getsockopt(c->fd, level, name, &v, &len);
    return v;
}

ON_EACH_BACKEND(net_connect, the_socket_gets_no_delay_and_keepalive)
{
    struct pair p =
        pair_open(loop, &(struct net_options){.keepalive_idle_s = 7, .keepalive_count = 5});
    cr_expect_eq(option(p.c, IPPROTO_TCP, TCP_NODELAY), 1);
    cr_expect_eq(option(p.c, SOL_SOCKET, SO_KEEPALIVE), 1);
    cr_expect_eq(option(p.c, IPPROTO_TCP, TCP_KEEPIDLE), 7);
    cr_expect_eq(option(p.c, IPPROTO_TCP, TCP_KEEPINTVL), 10);
    cr_expect_eq(option(p.c, IPPROTO_TCP, TCP_KEEPCNT), 5);
    cr_expect_not(net_is_unix(p.c));
    pair_close(&p);
}

/* --- unix sockets --- */

struct unix_listener {
    char dir[32], path[64];
    int fd;
};

static void unix_listen(struct unix_listener *u, int backlog)
{
    snprintf(u->dir, sizeof(u->dir), "/tmp/net-test-XXXXXX");
    cr_assert_not_null(mkdtemp(u->dir));
    snprintf(u->path, sizeof(u->path), "%s/s", u->dir);
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    memcpy(a.sun_path, u->path, strlen(u->path));
    u->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(u->fd, (struct sockaddr *)&a, sizeof(a)), 0);
    cr_assert_eq(listen(u->fd, backlog), 0);
}

static void unix_drop(struct unix_listener *u)
{
    close(u->fd);
    unlink(u->path);
    rmdir(u->dir);
}

ON_EACH_BACKEND(net_connect, a_unix_socket_carries_bytes_both_ways)
{
    struct unix_listener u;
    unix_listen(&u, 4);
    struct errmsg em = {0};
    struct net_conn *c = NULL;
    enum err e = net_connect(loop, &(struct net_options){.unix_path = u.path}, &c, &em);
    cr_assert_eq(e, ERR_OK, "%s", em.text);
    cr_expect(net_is_unix(c));
    cr_expect_str_eq(net_conn_name(c), u.path);
    int fd = peer_accept(u.fd);
    uint8_t buf[4];
    size_t n;
    cr_assert_ok(net_write_all(c, SLICE_LIT("abcd"), in_ms(1000), NULL));
    cr_assert_eq(peer_recv(fd, buf, 4), 4);
    peer_send(fd, buf, 4);
    cr_assert_ok(net_read_some(c, buf, 4, in_ms(1000), NULL, &n));
    cr_assert_eq(n, 4);
    close(fd);
    cr_assert_err(net_read_some(c, buf, 4, in_ms(1000), NULL, &n), ERR_DISCONNECTED);
    net_close(c);
    unix_drop(&u);
}

ON_EACH_BACKEND(net_connect, a_unix_socket_that_is_missing_full_or_impossible_is_named)
{
    struct errmsg em = {0};
    struct net_options opt = {.unix_path = "/nonexistent/mysql.sock", .connect_timeout_ms = 100};
    cr_assert_err(try_connect(loop, &opt, &em), ERR_UNREACHABLE);
    cr_expect_str_eq(em.text, "/nonexistent/mysql.sock: No such file or directory");

    char longest[200];
    memset(longest, 'p', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = 0;
    opt.unix_path = longest;
    cr_assert_err(try_connect(loop, &opt, &em), ERR_CONFIG);

    struct unix_listener u;
    unix_listen(&u, 0);
    struct net_conn *first = NULL;
    opt.unix_path = u.path;
    cr_assert_ok(net_connect(loop, &opt, &first, &em));
    cr_assert_err(try_connect(loop, &opt, &em), ERR_TIMEOUT);
    net_close(first);
    unix_drop(&u);
}
