/*
 * The event loop: what a thread sleeps in while its connections are quiet.
 *
 * There are no callbacks. A thread owns one loop, opens connections on it
 * (net/conn.h), and runs:
 *
 *   for (;;) {
 *       enum err e = net_read(conn, tail, room, &n);
 *       if (e == ERR_NEED_INPUT)
 *           e = net_loop_wait(loop, deadline);
 *       ...
 *   }
 *
 * A wait ends when a connection has something new: bytes or an end where the
 * last net_read() found nothing, room where the last net_write() found none.
 * What was already there before the wait does not end it, so read until
 * ERR_NEED_INPUT before waiting. The one reason to wait with bytes unread is
 * having no place to put them: that is how back-pressure is made, whoever
 * frees a place calls net_loop_wake(), and meanwhile no more than the loop's
 * receive buffers fill up before TCP holds the peer back.
 *
 * Two backends do the same thing: io_uring, with receives that stay armed and
 * fill buffers of the loop (Linux 6.0 and later) or one receive at a time
 * (earlier), and epoll.
 *
 * Threads: a loop and its connections belong to the thread that first waits
 * or connects on it, which may be another than the one that made it. That
 * thread closes the connections. net_loop_free() may then be called on any
 * thread. net_loop_wake() may be called on any thread while the loop lives.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct net_loop;

enum net_backend {
    NET_AUTO,  /* io_uring where the kernel allows it, else epoll */
    NET_URING, /* io_uring or failure */
    NET_EPOLL,
};

/* For whoever never wants to stop waiting. */
#define NET_NO_DEADLINE UINT64_MAX

/* All zero is the default. Receive buffers exist with io_uring only. */
struct net_loop_options {
    enum net_backend backend;
    uint32_t recv_buf_count; /* of all connections together, a power of two to 4096; 0: 16 */
    uint32_t recv_buf_size;  /* bytes of one; 0: 64 KiB */
    bool plain_recv;         /* one receive at a time, even where they could stay armed */
};

NODISCARD enum err net_loop_new(enum net_backend backend, struct net_loop **out, struct errmsg *em);
NODISCARD enum err net_loop_new_with(const struct net_loop_options *opt, struct net_loop **out,
                                     struct errmsg *em);

/* All its connections must be closed. NULL is fine. */
void net_loop_free(struct net_loop *loop);

/* "io_uring" or "epoll". */
const char *net_loop_backend_name(const struct net_loop *loop);

/*
 * Sleeps until a connection made progress or net_loop_wake() was called
 * (ERR_OK, which may come without a cause as well), or until the clock
 * (clock_mono_ms()) reaches deadline_mono_ms (ERR_TIMEOUT). A deadline in the
 * past looks without sleeping. ERR_SYSTEM when the kernel refuses to wait.
 */
NODISCARD enum err net_loop_wait(struct net_loop *loop, uint64_t deadline_mono_ms);

/*
 * Ends the wait under way, or else the next one. Any thread, a signal
 * handler too, any number of times; calls made before the loop has looked count as one, and only a
 * loop that sleeps costs a system call.
 */
void net_loop_wake(struct net_loop *loop);
