/* Opening a connection: resolve, try each address, set the socket's options. */
#include "base/clock.h"
#include "net/conn.h"
#include "net/loop_int.h"
#include "net/resolve.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_MS   10000
#define KEEPALIVE_IDLE_S     30
#define KEEPALIVE_INTERVAL_S 10
#define KEEPALIVE_COUNT      3

/* A unix socket whose queue is full says so at once and gives no event later. */
#define UNIX_RETRY_MS 10

/* One attempt among several at one host. */
struct attempt {
    const struct sockaddr *addr;
    socklen_t len;
    int family;
    uint64_t deadline;
    const atomic_bool *stop;
};

static uint32_t or_default(uint32_t value, uint32_t dflt)
{
    return value != 0 ? value : dflt;
}

/* Best effort: a connection without one of these still works. */
static void set_tcp_options(int fd, const struct net_options *opt)
{
    const struct {
        int level, name;
        uint32_t value;
    } set[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, or_default(opt->keepalive_idle_s, KEEPALIVE_IDLE_S)},
        {IPPROTO_TCP, TCP_KEEPINTVL, or_default(opt->keepalive_interval_s, KEEPALIVE_INTERVAL_S)},
        {IPPROTO_TCP, TCP_KEEPCNT, or_default(opt->keepalive_count, KEEPALIVE_COUNT)},
    };
    /* The receive buffer is left alone: a size of ours would end the kernel's own tuning. */
    for (size_t i = 0; i < sizeof(set) / sizeof(set[0]); i++) {
        int value = (int)set[i].value;
        setsockopt(fd, set[i].level, set[i].name, &value, sizeof(value));
    }
}

static enum err pump_for_connect(struct net_conn *c, const struct attempt *a, uint64_t deadline,
                                 struct errmsg *em)
{
    enum err e = loop_pump(c->loop, deadline, a->stop);
    if (e == ERR_TIMEOUT && deadline == a->deadline)
        return errmsg_set(em, e, "no answer in time");
    if (e == ERR_TIMEOUT)
        return ERR_OK;
    if (e == ERR_STOPPED)
        return errmsg_set(em, e, "asked to stop while connecting");
    if (e != ERR_OK)
        return errmsg_set(em, e, "the event loop cannot wait: %s", strerror(errno));
    return ERR_OK;
}

/* connect(2); a full unix queue is asked again until the deadline. */
static enum err begin_connect(struct net_conn *c, const struct attempt *a, struct errmsg *em)
{
    for (;;) {
        if (connect(c->fd, a->addr, a->len) == 0 || errno == EINPROGRESS || errno == EINTR)
            return ERR_OK;
        if (errno != EAGAIN || a->family != AF_UNIX)
            return errmsg_set(em, ERR_UNREACHABLE, "%s", strerror(errno));
        uint64_t again = clock_mono_ms() + UNIX_RETRY_MS;
        TRY(pump_for_connect(c, a, again < a->deadline ? again : a->deadline, em));
    }
}

static enum err finish_connect(struct net_conn *c, const struct attempt *a, struct errmsg *em)
{
    while (!c->writable)
        TRY(pump_for_connect(c, a, a->deadline, em));
    int cause = 0;
    socklen_t len = sizeof(cause);
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &cause, &len);
    if (cause != 0)
        return errmsg_set(em, ERR_UNREACHABLE, "%s", strerror(cause));
    return ERR_OK;
}

/* On success c->fd is connected and watched; else c is as before. */
static enum err try_address(struct net_conn *c, const struct attempt *a,
                            const struct net_options *opt, struct errmsg *em)
{
    c->fd = socket(a->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return errmsg_set(em, errno == EAFNOSUPPORT ? ERR_UNREACHABLE : ERR_SYSTEM, "no socket: %s",
                          strerror(errno));
    if (a->family != AF_UNIX)
        set_tcp_options(c->fd, opt);
    c->writable = false;
    enum err e = begin_connect(c, a, em);
    if (e == ERR_OK)
        e = c->loop->ops->add(c, em);
    if (e == ERR_OK) {
        e = finish_connect(c, a, em);
        if (e == ERR_OK)
            return ERR_OK;
        c->loop->ops->remove(c);
    }
    close(c->fd);
    c->fd = -1;
    return e;
}

static enum err connect_unix(struct net_conn *c, const struct net_options *opt, uint64_t deadline,
                             struct errmsg *em)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    size_t len = strlen(opt->unix_path);
    if (len >= sizeof(addr.sun_path))
        return errmsg_set(em, ERR_CONFIG,
                          "the path of a unix socket has at most %zu bytes, not %zu",
                          sizeof(addr.sun_path) - 1, len);
    memcpy(addr.sun_path, opt->unix_path, len);
    struct attempt a = {
        .addr = (const struct sockaddr *)&addr,
        .len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1),
        .family = AF_UNIX,
        .deadline = deadline,
        .stop = opt->stop,
    };
    return try_address(c, &a, opt, em);
}

/* Appends "ADDRESS: why" to what was tried before. */
static void add_failure(struct errmsg *all, const struct addrinfo *ai, const struct errmsg *why)
{
    char digits[64];
    if (getnameinfo(ai->ai_addr, ai->ai_addrlen, digits, sizeof(digits), NULL, 0, NI_NUMERICHOST) !=
        0)
        snprintf(digits, sizeof(digits), "?");
    size_t used = strlen(all->text);
    snprintf(all->text + used, sizeof(all->text) - used, "%s%s: %.200s", used > 0 ? "; " : "",
             digits, why->text);
}

/* One silent address must not eat the time of the others. */
static uint64_t share_of_time(uint64_t deadline, unsigned addresses_left)
{
    uint64_t now = clock_mono_ms();
    return deadline <= now ? deadline : now + (deadline - now) / addresses_left;
}

static enum err try_all(struct net_conn *c, const struct addrinfo *list,
                        const struct net_options *opt, uint64_t deadline, struct errmsg *em)
{
    unsigned left = 0;
    for (const struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next)
        left++;
    bool only_one = left == 1;
    struct errmsg all = {0}, why = {0};
    enum err last = ERR_UNREACHABLE;
    for (const struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next, left--) {
        struct attempt a = {
            .addr = ai->ai_addr,
            .len = ai->ai_addrlen,
            .family = ai->ai_family,
            .deadline = share_of_time(deadline, left),
            .stop = opt->stop,
        };
        enum err e = try_address(c, &a, opt, &why);
        if (e == ERR_OK)
            return ERR_OK;
        if (e == ERR_STOPPED || e == ERR_SYSTEM)
            return errmsg_set(em, e, "%s", why.text);
        last = e;
        add_failure(&all, ai, &why);
    }
    return errmsg_set(em, last, "%s", only_one ? why.text : all.text);
}

static enum err connect_tcp(struct net_conn *c, const struct net_options *opt, uint64_t deadline,
                            struct errmsg *em)
{
    struct addrinfo *list = NULL;
    TRY(net_resolve(opt->host, opt->port, deadline, opt->stop, &list, em));
    enum err e = try_all(c, list, opt, deadline, em);
    freeaddrinfo(list);
    return e;
}

static struct net_conn *conn_new(struct net_loop *loop, const struct net_options *opt)
{
    struct net_conn *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return NULL;
    c->loop = loop;
    c->fd = -1;
    c->unix_socket = opt->unix_path != NULL;
    c->read_timeout_ms = opt->read_timeout_ms;
    c->write_timeout_ms = opt->write_timeout_ms;
    if (c->unix_socket) {
        snprintf(c->name, sizeof(c->name), "%s", opt->unix_path);
        return c;
    }
    bool v6_digits = strchr(opt->host, ':') != NULL;
    snprintf(c->name, sizeof(c->name), v6_digits ? "[%s]:%u" : "%s:%u", opt->host, opt->port);
    c->host = strdup(opt->host);
    if (c->host == NULL) {
        free(c);
        return NULL;
    }
    return c;
}

enum err net_connect(struct net_loop *loop, const struct net_options *opt, struct net_conn **out,
                     struct errmsg *em)
{
    loop_bind(loop);
    if (opt->unix_path == NULL && (opt->host == NULL || opt->host[0] == 0))
        return errmsg_set(em, ERR_CONFIG, "neither a host nor a unix socket to connect to");
    uint64_t deadline = clock_mono_ms() + or_default(opt->connect_timeout_ms, CONNECT_TIMEOUT_MS);
    struct net_conn *c = conn_new(loop, opt);
    if (c == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory for a connection");
    enum err e =
        c->unix_socket ? connect_unix(c, opt, deadline, em) : connect_tcp(c, opt, deadline, em);
    if (e != ERR_OK) {
        errmsg_prefix(em, "%s", c->name);
        free(c->host);
        free(c);
        return e;
    }
    loop->conn_count++;
    *out = c;
    return ERR_OK;
}
