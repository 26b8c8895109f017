/*
 * The epoll backend.
 *
 * Sockets are registered once, edge-triggered, for both directions: a wait
 * costs one system call and nothing is re-armed. An edge sets a flag, and the
 * flag falls when recv or send finds nothing more to do. A read that did not
 * fill its buffer has emptied the socket (epoll(7), "Do I need to continuously
 * read/write"), unless an end is on its way, which makes no second edge.
 */
#include "net/loop_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_PER_WAIT 64

static int ep_fd(const struct net_loop *loop)
{
    return (int)(intptr_t)loop->backend;
}

static enum err ep_init(struct net_loop *loop, const struct net_loop_options *opt,
                        struct errmsg *em)
{
    (void)opt;
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0)
        return errmsg_set(em, ERR_SYSTEM, "epoll_create1: %s", strerror(errno));
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(fd, EPOLL_CTL_ADD, loop->wake_fd, &ev) < 0) {
        int cause = errno;
        close(fd);
        return errmsg_set(em, ERR_SYSTEM, "epoll_ctl: %s", strerror(cause));
    }
    loop->backend = (void *)(intptr_t)fd;
    return ERR_OK;
}

static void ep_fini(struct net_loop *loop)
{
    close(ep_fd(loop));
}

static void ep_event(struct net_conn *c, uint32_t events)
{
    const uint32_t end = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
    bool news = false;
    if (events & end)
        c->ep.hup = true;
    if (events & (EPOLLIN | end) && !c->ep.readable)
        news = c->ep.readable = true;
    if (events & (EPOLLOUT | end) && !c->writable)
        news = c->writable = true;
    if (news)
        c->loop->progress = true;
}

static enum err ep_wait(struct net_loop *loop, uint32_t timeout_ms)
{
    struct epoll_event ev[EVENTS_PER_WAIT];
    int n = epoll_wait(ep_fd(loop), ev, EVENTS_PER_WAIT, (int)timeout_ms);
    if (n < 0)
        return errno == EINTR ? ERR_OK : ERR_SYSTEM;
    for (int i = 0; i < n; i++) {
        if (ev[i].data.ptr == NULL)
            loop_drain_wake_fd(loop);
        else
            ep_event(ev[i].data.ptr, ev[i].events);
    }
    return ERR_OK;
}

static enum err ep_add(struct net_conn *c, struct errmsg *em)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    c->ep.readable = c->ep.hup = false; /* an address tried before may have left them */
    if (epoll_ctl(ep_fd(c->loop), EPOLL_CTL_ADD, c->fd, &ev) < 0)
        return errmsg_set(em, ERR_SYSTEM, "epoll_ctl: %s", strerror(errno));
    return ERR_OK;
}

static void ep_remove(struct net_conn *c)
{
    epoll_ctl(ep_fd(c->loop), EPOLL_CTL_DEL, c->fd, NULL);
}

static enum err ep_recv(struct net_conn *c, uint8_t *buf, size_t cap, size_t *n)
{
    if (!c->ep.readable)
        return ERR_NEED_INPUT;
    ssize_t got;
    do {
        got = recv(c->fd, buf, cap, 0);
    } while (got < 0 && errno == EINTR);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        c->ep.readable = false;
        return ERR_NEED_INPUT;
    }
    if (got <= 0) {
        c->ended = true;
        c->end_errno = got < 0 ? errno : 0;
        return ERR_DISCONNECTED;
    }
    if ((size_t)got < cap && !c->ep.hup)
        c->ep.readable = false;
    *n = (size_t)got;
    return ERR_OK;
}

static void ep_want_room(struct net_conn *c)
{
    (void)c; /* the edge comes by itself */
}

const struct backend_ops epoll_ops = {
    .name = "epoll",
    .init = ep_init,
    .fini = ep_fini,
    .wait = ep_wait,
    .add = ep_add,
    .remove = ep_remove,
    .recv = ep_recv,
    .want_room = ep_want_room,
};
