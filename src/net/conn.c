#include "net/conn.h"

#include "base/clock.h"
#include "net/loop_int.h"
#include "net/tls_int.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void net_close(struct net_conn *c)
{
    if (c == NULL)
        return;
    loop_bind(c->loop);
    if (c->tls != NULL)
        tls_goodbye(c);
    tls_free(c->tls);
    c->loop->ops->remove(c);
    close(c->fd);
    c->loop->conn_count--;
    free(c->host);
    free(c);
}

const char *net_conn_errmsg(const struct net_conn *c)
{
    return c->em.text;
}

const char *net_conn_name(const struct net_conn *c)
{
    return c->name;
}

bool net_is_encrypted(const struct net_conn *c)
{
    return c->tls != NULL && c->tls->open;
}

bool net_is_unix(const struct net_conn *c)
{
    return c->unix_socket;
}

enum err conn_ended(struct net_conn *c)
{
    if (c->end_errno == 0)
        return errmsg_set(&c->em, ERR_DISCONNECTED, "%s: the peer closed the connection", c->name);
    return errmsg_set(&c->em, ERR_DISCONNECTED, "%s: the connection was lost: %s", c->name,
                      strerror(c->end_errno));
}

enum err conn_recv(struct net_conn *c, uint8_t *buf, size_t cap, size_t *n)
{
    assert(cap > 0);
    enum err e = c->ended ? ERR_DISCONNECTED : c->loop->ops->recv(c, buf, cap, n);
    return e == ERR_DISCONNECTED ? conn_ended(c) : e;
}

enum err conn_send(struct net_conn *c, struct slice s, size_t *n)
{
    if (!c->writable)
        return ERR_NO_ROOM;
    ssize_t sent;
    do {
        sent = send(c->fd, s.ptr, s.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) {
        *n = (size_t)sent;
        return ERR_OK;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        c->writable = false;
        c->loop->ops->want_room(c);
        return ERR_NO_ROOM;
    }
    c->end_errno = errno; /* not c->ended: what the peer sent before can still be read */
    return errmsg_set(&c->em, ERR_DISCONNECTED, "%s: the connection was lost: %s", c->name,
                      strerror(errno));
}

/* Nothing moved: begins the wait, or sees that it has lasted too long. */
static enum err still_waiting(struct net_conn *c, uint64_t *since, uint32_t timeout_ms, enum err e)
{
    if (timeout_ms == 0)
        return e;
    uint64_t now = clock_mono_ms();
    if (*since == 0)
        *since = now;
    if (now - *since < timeout_ms)
        return e;
    const char *what = e == ERR_NEED_INPUT ? "sent nothing" : "took nothing";
    return errmsg_set(&c->em, ERR_TIMEOUT, "%s: the peer %s for %u.%03u s", c->name, what,
                      timeout_ms / 1000, timeout_ms % 1000);
}

enum err net_read(struct net_conn *c, uint8_t *buf, size_t cap, size_t *n)
{
    enum err e = c->tls == NULL ? conn_recv(c, buf, cap, n) : tls_read(c, buf, cap, n);
    if (e == ERR_OK)
        c->read_since = 0;
    else if (e == ERR_NEED_INPUT)
        e = still_waiting(c, &c->read_since, c->read_timeout_ms, e);
    return e;
}

enum err net_write(struct net_conn *c, struct slice s, size_t *n)
{
    if (s.len == 0) {
        *n = 0;
        return ERR_OK;
    }
    enum err e = c->tls == NULL ? conn_send(c, s, n) : tls_write(c, s, n);
    if (e == ERR_OK)
        c->read_since = c->write_since = 0; /* an answer is waited for from here on */
    else if (e == ERR_NO_ROOM)
        e = still_waiting(c, &c->write_since, c->write_timeout_ms, e);
    return e;
}

uint64_t net_conn_deadline(const struct net_conn *c)
{
    uint64_t d = NET_NO_DEADLINE;
    if (c->read_since != 0 && c->read_timeout_ms != 0)
        d = c->read_since + c->read_timeout_ms;
    if (c->write_since != 0 && c->write_timeout_ms != 0 && c->write_since + c->write_timeout_ms < d)
        d = c->write_since + c->write_timeout_ms;
    return d;
}

/* Sleeps up to the caller's deadline or the connection's own timeout. */
static enum err wait_for(struct net_conn *c, uint64_t deadline, const atomic_bool *stop,
                         const char *what)
{
    uint64_t own = net_conn_deadline(c);
    enum err e = loop_pump(c->loop, deadline < own ? deadline : own, stop);
    if (e == ERR_TIMEOUT && own <= deadline)
        return ERR_OK; /* the next look makes the sentence */
    if (e == ERR_TIMEOUT)
        return errmsg_set(&c->em, e, "%s: %s in time", c->name, what);
    if (e == ERR_STOPPED)
        return errmsg_set(&c->em, e, "%s: asked to stop while waiting for the peer", c->name);
    if (e != ERR_OK)
        return errmsg_set(&c->em, e, "%s: the event loop cannot wait: %s", c->name,
                          strerror(errno));
    return ERR_OK;
}

enum err net_read_some(struct net_conn *c, uint8_t *buf, size_t cap, uint64_t deadline_mono_ms,
                       const atomic_bool *stop, size_t *n)
{
    loop_bind(c->loop);
    for (;;) {
        enum err e = net_read(c, buf, cap, n);
        if (e != ERR_NEED_INPUT)
            return e;
        TRY(wait_for(c, deadline_mono_ms, stop, "no answer came"));
    }
}

/* Encrypted bytes that the socket had no room for. */
static enum err flush(struct net_conn *c)
{
    enum err e = c->tls == NULL ? ERR_OK : tls_flush(c);
    return e == ERR_NO_ROOM ? still_waiting(c, &c->write_since, c->write_timeout_ms, e) : e;
}

enum err net_write_all(struct net_conn *c, struct slice s, uint64_t deadline_mono_ms,
                       const atomic_bool *stop)
{
    loop_bind(c->loop);
    for (;;) {
        size_t n = 0;
        enum err e = s.len > 0 ? net_write(c, s, &n) : flush(c);
        if (e == ERR_OK && s.len == 0)
            return ERR_OK;
        if (e == ERR_OK) {
            s = slice_of(s.ptr + n, s.len - n);
            continue;
        }
        if (e != ERR_NO_ROOM)
            return e;
        TRY(wait_for(c, deadline_mono_ms, stop, "the peer did not take all bytes"));
    }
}
