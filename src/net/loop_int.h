/*
 * What the files of this room share: the loop, the connection, and the
 * functions that a backend gives.
 *
 * A backend moves facts from the kernel into flags of the connection
 * (readable, writable, ended); it never calls up. The rest of the room looks
 * at the flags and goes to sleep through loop_pump() or net_loop_wait().
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"
#include "net/conn.h"
#include "net/loop.h"

#include <pthread.h>
#include <stdatomic.h>

/* A stop flag is looked at this often. */
#define STOP_LOOK_MS 50

struct backend_ops {
    const char *name;
    NODISCARD enum err (*init)(struct net_loop *loop, const struct net_loop_options *opt,
                               struct errmsg *em);
    void (*fini)(struct net_loop *loop);

    /* Sleeps up to timeout_ms, takes in all events; sets loop->progress for new ones. */
    NODISCARD enum err (*wait)(struct net_loop *loop, uint32_t timeout_ms);

    /* The socket is connected or on its way: watch it. c->writable shows when it is there. */
    NODISCARD enum err (*add)(struct net_conn *c, struct errmsg *em);

    /* The kernel holds nothing of c afterwards; c->fd is still open. */
    void (*remove)(struct net_conn *c);

    /* net_read() on the bare socket. */
    NODISCARD enum err (*recv)(struct net_conn *c, uint8_t *buf, size_t cap, size_t *n);

    /* The socket had no room: c->writable shows when it has. */
    void (*want_room)(struct net_conn *c);
};

extern const struct backend_ops epoll_ops;
extern const struct backend_ops uring_ops;

/* Who has to do what about a wake. */
enum wake_state {
    WAKE_RUNNING,  /* the owner is awake and will look again before it sleeps */
    WAKE_SLEEPING, /* the owner sleeps: write to wake_fd */
    WAKE_NOTIFIED, /* a wake waits to be seen */
};

struct net_loop {
    const struct backend_ops *ops;
    void *backend; /* the backend's own state */
    int wake_fd;   /* an eventfd, watched by the backend */
    atomic_int wake_state;
    bool progress; /* something new since the last net_loop_wait() */
    bool bound;    /* owner is set */
    pthread_t owner;
    unsigned conn_count;
};

struct tls;

struct net_conn {
    struct net_loop *loop;
    int fd;
    bool unix_socket;
    bool writable; /* the last send did not find the socket full */
    bool ended;    /* nothing comes any more; end_errno says why */
    int end_errno; /* 0: the peer closed */

    union {
        struct {
            bool readable; /* a recv may find something */
            bool hup;      /* an end is on its way: a short read is not the last one */
        } ep;
        void *uring; /* the backend's own state of the connection */
    };

    struct tls *tls; /* NULL: in clear */

    uint32_t read_timeout_ms, write_timeout_ms;
    uint64_t read_since, write_since; /* when the wait began; 0: nobody waits */

    char *host;     /* as given; NULL for a unix socket */
    char name[320]; /* for sentences */
    struct errmsg em;
};

/* The calling thread becomes the owner, or is it already. */
void loop_bind(struct net_loop *loop);

/* Takes what wake_fd counted. */
void loop_drain_wake_fd(struct net_loop *loop);

/*
 * Sleeps for the sake of one connection: until any event, the deadline, or
 * STOP_LOOK_MS, whichever is first. The caller looks again at what it waits
 * for. ERR_TIMEOUT only at the deadline, ERR_STOPPED when *stop is set.
 */
NODISCARD enum err loop_pump(struct net_loop *loop, uint64_t deadline, const atomic_bool *stop);

/* net_read() and net_write() on the bare socket, without the timeouts. */
NODISCARD enum err conn_recv(struct net_conn *c, uint8_t *buf, size_t cap, size_t *n);
NODISCARD enum err conn_send(struct net_conn *c, struct slice s, size_t *n);

/* c->ended and c->end_errno as a sentence and ERR_DISCONNECTED. */
NODISCARD enum err conn_ended(struct net_conn *c);
