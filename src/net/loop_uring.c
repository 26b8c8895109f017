/*
 * The io_uring backend.
 *
 * A connection whose reader has found nothing gets a receive armed:
 *
 *   multishot  one request that stays armed and fills buffers of the loop
 *              (Linux 6.0); it ends by itself when all buffers are full
 *   plain      one receive into a buffer of the connection (earlier kernels)
 *   poll       only the news that something is there, for when the loop's
 *              buffers are all taken
 *
 * While nothing is armed, net_read() receives straight from the socket into
 * its caller's memory. So a fast peer costs no copy: the buffers run full, the
 * multishot receive ends, and the socket itself is the queue until the reader
 * has caught up. For the same reason a connection that nobody reads cannot
 * starve the others of the loop, however many buffers it holds, and a peer
 * that is not read is held back by TCP.
 *
 * Requests are submitted by the wait that follows, so arming costs no system
 * call of its own.
 */
#include "net/loop_int.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define SQ_ENTRIES        128
#define CQ_ENTRIES        1024
#define BUF_GROUP         1
#define DEFAULT_BUF_COUNT 16
#define DEFAULT_BUF_SIZE  (64 * 1024)
#define BUF_COUNT_MAX     4096
#define BUF_SIZE_MAX      (16 * 1024 * 1024)
#define PLAIN_BUF_SIZE    (64 * 1024)
#define NO_BUF            UINT16_MAX

/* Which request a completion belongs to: the low bits of user_data, beside the pointer. */
enum tag { TAG_NONE, TAG_WAKE, TAG_MULTISHOT, TAG_PLAIN, TAG_READABLE, TAG_ROOM, TAG_CANCEL };
#define TAG_MASK 7u

/* Received bytes in one of the loop's buffers; its index is the kernel's buffer id. */
struct filled {
    uint32_t off, len; /* what is left to read */
    uint16_t next;     /* in the connection's queue, NO_BUF at its end */
};

struct uring {
    struct io_uring ring;
    bool enabled;    /* the owner is known to the kernel */
    bool wake_armed; /* wake_fd is being polled */
    bool multishot;  /* until the kernel says that it has none */
    bool poll_only;  /* receives are not retried by the kernel on our sockets */

    struct io_uring_buf_ring *buf_ring; /* NULL: there are no buffers */
    uint8_t *mem;                       /* buf_count * buf_size */
    struct filled *filled;              /* buf_count */
    uint32_t buf_count, buf_size;
    uint32_t free_bufs; /* with the kernel */
};

struct uring_conn {
    struct net_conn *c;
    enum tag armed;  /* the receive under way, or TAG_NONE */
    bool room_armed; /* a poll for writing is under way */
    bool closing;    /* what still comes is thrown away */
    bool end;        /* nothing follows what is queued; c->end_errno is set */
    uint16_t head, tail;
    uint8_t *plain; /* PLAIN_BUF_SIZE, NULL until used */
    uint32_t plain_off, plain_len;
};

static bool nothing_queued(const struct uring_conn *uc)
{
    return uc->head == NO_BUF && uc->plain_len == 0;
}

/* --- setting up --- */

/* The best set of flags that the kernel takes. 0 or a negative error number. */
static int open_ring(struct uring *u)
{
    /* clang-format off */
    static const unsigned choices[] = {
        /* 6.1: completions are worked off only while we wait */
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_R_DISABLED,
        /* 6.0 */
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_R_DISABLED,
        /* 5.19 */
        IORING_SETUP_COOP_TASKRUN,
        0,
    };
    /* clang-format on */
    int rc = -EINVAL;
    for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]) && rc == -EINVAL; i++) {
        struct io_uring_params params = {
            .flags = choices[i] | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
            .cq_entries = CQ_ENTRIES,
        };
        rc = io_uring_queue_init_params(SQ_ENTRIES, &u->ring, &params);
        u->enabled = !(choices[i] & IORING_SETUP_R_DISABLED);
    }
    return rc;
}

static void give_buffer(struct uring *u, uint16_t id)
{
    io_uring_buf_ring_add(u->buf_ring, u->mem + (size_t)id * u->buf_size, u->buf_size, id,
                          io_uring_buf_ring_mask(u->buf_count), 0);
    io_uring_buf_ring_advance(u->buf_ring, 1);
    u->free_bufs++;
}

static void *map_pages(size_t len)
{
    void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static size_t buf_ring_len(const struct uring *u)
{
    return u->buf_count * sizeof(struct io_uring_buf);
}

static void free_buffers(struct uring *u)
{
    if (u->buf_ring != NULL)
        munmap(u->buf_ring, buf_ring_len(u));
    if (u->mem != NULL)
        munmap(u->mem, (size_t)u->buf_count * u->buf_size);
    free(u->filled);
    u->buf_ring = NULL;
    u->mem = NULL;
    u->filled = NULL;
}

/* Whether the kernel has taken a ring of buffers (5.19). Multishot receives show at first use. */
static bool make_buffers(struct uring *u)
{
    u->mem = map_pages((size_t)u->buf_count * u->buf_size);
    u->filled = calloc(u->buf_count, sizeof(*u->filled));
    u->buf_ring = map_pages(buf_ring_len(u));
    if (u->mem == NULL || u->filled == NULL || u->buf_ring == NULL)
        return false;
    struct io_uring_buf_reg reg = {
        .ring_addr = (uintptr_t)u->buf_ring,
        .ring_entries = u->buf_count,
        .bgid = BUF_GROUP,
    };
    if (io_uring_register_buf_ring(&u->ring, &reg, 0) < 0)
        return false;
    io_uring_buf_ring_init(u->buf_ring);
    for (uint32_t i = 0; i < u->buf_count; i++)
        give_buffer(u, (uint16_t)i);
    return true;
}

static enum err ur_init(struct net_loop *loop, const struct net_loop_options *opt,
                        struct errmsg *em)
{
    struct uring *u = calloc(1, sizeof(*u));
    if (u == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory for an event loop");
    u->buf_count = opt->recv_buf_count != 0 ? opt->recv_buf_count : DEFAULT_BUF_COUNT;
    u->buf_size = opt->recv_buf_size != 0 ? opt->recv_buf_size : DEFAULT_BUF_SIZE;
    enum err e = ERR_OK;
    if (u->buf_count > BUF_COUNT_MAX || (u->buf_count & (u->buf_count - 1)) != 0 ||
        u->buf_size > BUF_SIZE_MAX) {
        e = errmsg_set(em, ERR_CONFIG,
                       "%u receive buffers of %u bytes: not a power of two to %u, "
                       "or larger than %u bytes",
                       u->buf_count, u->buf_size, BUF_COUNT_MAX, BUF_SIZE_MAX);
        goto fail;
    }
    int rc = open_ring(u);
    if (rc < 0) {
        e = errmsg_set(em, ERR_SYSTEM, "io_uring cannot be set up: %s", strerror(-rc));
        goto fail;
    }
    if (!(u->ring.features & IORING_FEAT_EXT_ARG) || !(u->ring.features & IORING_FEAT_NODROP)) {
        io_uring_queue_exit(&u->ring);
        e = errmsg_set(em, ERR_SYSTEM, "io_uring of this kernel is too old: Linux 5.11 is needed");
        goto fail;
    }
    u->multishot = !opt->plain_recv && make_buffers(u);
    if (!u->multishot)
        free_buffers(u);
    loop->backend = u;
    return ERR_OK;
fail:
    free(u);
    return e;
}

static void ur_fini(struct net_loop *loop)
{
    struct uring *u = loop->backend;
    io_uring_queue_exit(&u->ring);
    free_buffers(u);
    free(u);
}

/* --- requests --- */

/* The thread that comes here first is the one that the kernel takes requests from. */
static bool enable(struct uring *u)
{
    if (!u->enabled) /* io_uring_enable_rings() is not exported by every liburing */
        u->enabled = io_uring_register((unsigned)u->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS,
                                       NULL, 0) >= 0;
    return u->enabled;
}

static struct io_uring_sqe *get_sqe(struct uring *u)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
    if (sqe != NULL || !enable(u))
        return sqe;
    io_uring_submit(&u->ring);
    return io_uring_get_sqe(&u->ring);
}

static uint64_t tagged(const void *p, enum tag tag)
{
    return (uint64_t)(uintptr_t)p | tag;
}

/* Arms nothing and ends no wait when the kernel takes no more: the next wait tries again. */
static void arm_recv(struct uring *u, struct uring_conn *uc)
{
    if (!u->multishot && !u->poll_only && uc->plain == NULL)
        uc->plain = malloc(PLAIN_BUF_SIZE);
    struct io_uring_sqe *sqe = get_sqe(u);
    if (sqe == NULL) {
        uc->c->loop->progress = true;
        return;
    }
    int fd = uc->c->fd;
    if (u->multishot && !u->poll_only && u->free_bufs > 0) {
        io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = BUF_GROUP;
        uc->armed = TAG_MULTISHOT;
    } else if (!u->multishot && !u->poll_only && uc->plain != NULL) {
        io_uring_prep_recv(sqe, fd, uc->plain, PLAIN_BUF_SIZE, 0);
        uc->armed = TAG_PLAIN;
    } else {
        io_uring_prep_poll_add(sqe, fd, POLLIN);
        uc->armed = TAG_READABLE;
    }
    io_uring_sqe_set_data64(sqe, tagged(uc, uc->armed));
}

static void ur_want_room(struct net_conn *c)
{
    struct uring_conn *uc = c->uring;
    if (uc->room_armed)
        return;
    struct io_uring_sqe *sqe = get_sqe(c->loop->backend);
    if (sqe == NULL) {
        c->writable = true; /* ask the socket again rather than wait for nothing */
        c->loop->progress = true;
        return;
    }
    io_uring_prep_poll_add(sqe, c->fd, POLLOUT);
    io_uring_sqe_set_data64(sqe, tagged(uc, TAG_ROOM));
    uc->room_armed = true;
}

static void arm_wake(struct net_loop *loop, struct uring *u)
{
    struct io_uring_sqe *sqe = get_sqe(u);
    if (sqe == NULL)
        return;
    io_uring_prep_poll_add(sqe, loop->wake_fd, POLLIN);
    io_uring_sqe_set_data64(sqe, tagged(NULL, TAG_WAKE));
    u->wake_armed = true;
}

/* --- completions --- */

static void queue_buffer(struct uring *u, struct uring_conn *uc, uint16_t id, uint32_t len)
{
    u->filled[id] = (struct filled){.len = len, .next = NO_BUF};
    if (uc->head == NO_BUF)
        uc->head = id;
    else
        u->filled[uc->tail].next = id;
    uc->tail = id;
}

/* What a receive's result below 1 means. */
static void recv_failed(struct uring *u, struct uring_conn *uc, enum tag tag, int res)
{
    switch (-res) {
    case ENOBUFS:   /* all buffers are full */
    case ECANCELED: /* we are closing */
    case EINTR:
        return;
    case EAGAIN:
        u->poll_only = true;
        return;
    case EINVAL:
        if (tag == TAG_MULTISHOT) { /* a kernel with buffer rings but without multishot: 5.19 */
            u->multishot = false;
            return;
        }
        break;
    default:
        break;
    }
    uc->end = true;
    uc->c->end_errno = -res;
}

static void recv_done(struct uring *u, struct uring_conn *uc, enum tag tag,
                      const struct io_uring_cqe *cqe)
{
    bool was_empty = nothing_queued(uc);
    if (!(cqe->flags & IORING_CQE_F_MORE))
        uc->armed = TAG_NONE;
    if (cqe->flags & IORING_CQE_F_BUFFER) {
        uint16_t id = (uint16_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
        u->free_bufs--;
        if (cqe->res > 0 && !uc->closing)
            queue_buffer(u, uc, id, (uint32_t)cqe->res);
        else
            give_buffer(u, id);
    } else if (tag == TAG_PLAIN && cqe->res > 0) {
        uc->plain_off = 0;
        uc->plain_len = (uint32_t)cqe->res;
    }
    if (tag != TAG_READABLE && cqe->res <= 0)
        recv_failed(u, uc, tag, cqe->res);
    if (was_empty && !uc->closing)
        uc->c->loop->progress = true;
}

static void completed(struct net_loop *loop, const struct io_uring_cqe *cqe)
{
    struct uring *u = loop->backend;
    enum tag tag = (enum tag)(cqe->user_data & TAG_MASK);
    struct uring_conn *uc = (struct uring_conn *)(uintptr_t)(cqe->user_data & ~(uint64_t)TAG_MASK);
    switch (tag) {
    case TAG_WAKE:
        u->wake_armed = false;
        loop_drain_wake_fd(loop);
        break;
    case TAG_MULTISHOT:
    case TAG_PLAIN:
    case TAG_READABLE:
        recv_done(u, uc, tag, cqe);
        break;
    case TAG_ROOM:
        uc->room_armed = false;
        uc->c->writable = true;
        loop->progress |= !uc->closing;
        break;
    case TAG_NONE:
    case TAG_CANCEL:
        break;
    }
}

static void take_completions(struct net_loop *loop)
{
    struct uring *u = loop->backend;
    struct io_uring_cqe *cqe;
    unsigned head, count = 0;
    io_uring_for_each_cqe(&u->ring, head, cqe)
    {
        completed(loop, cqe);
        count++;
    }
    io_uring_cq_advance(&u->ring, count);
}

static enum err ur_wait(struct net_loop *loop, uint32_t timeout_ms)
{
    struct uring *u = loop->backend;
    if (!enable(u))
        return ERR_SYSTEM;
    if (!u->wake_armed)
        arm_wake(loop, u);
    int rc;
    if (timeout_ms == 0) {
        rc = io_uring_submit_and_get_events(&u->ring);
    } else {
        struct io_uring_cqe *cqe;
        struct __kernel_timespec ts = {.tv_sec = timeout_ms / 1000,
                                       .tv_nsec = (long long)(timeout_ms % 1000) * 1000000};
        rc = io_uring_submit_and_wait_timeout(&u->ring, &cqe, 1, &ts, NULL);
    }
    take_completions(loop);
    if (rc >= 0 || rc == -ETIME || rc == -EINTR || rc == -EAGAIN || rc == -EBUSY)
        return ERR_OK;
    errno = -rc;
    return ERR_SYSTEM;
}

/* --- connections --- */

static enum err ur_add(struct net_conn *c, struct errmsg *em)
{
    struct uring_conn *uc = calloc(1, sizeof(*uc));
    if (uc == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory for a connection");
    uc->c = c;
    uc->head = uc->tail = NO_BUF;
    c->uring = uc;
    ur_want_room(c);
    return ERR_OK;
}

static bool cancel(struct uring *u, const struct uring_conn *uc, enum tag tag)
{
    struct io_uring_sqe *sqe = get_sqe(u);
    if (sqe == NULL)
        return false;
    io_uring_prep_cancel64(sqe, tagged(uc, tag), 0);
    io_uring_sqe_set_data64(sqe, tagged(NULL, TAG_CANCEL));
    return true;
}

/*
 * Until the last completion has come, the kernel may write into our memory and
 * names uc in its answers. So nothing is freed before.
 */
static bool wait_for_last(struct net_loop *loop, const struct uring_conn *uc)
{
    struct uring *u = loop->backend;
    while (uc->armed != TAG_NONE || uc->room_armed) {
        int rc = enable(u) ? io_uring_submit_and_wait(&u->ring, 1) : -EBADFD;
        take_completions(loop);
        if (rc < 0 && rc != -EINTR && rc != -EAGAIN && rc != -EBUSY)
            return false;
    }
    return true;
}

static void ur_remove(struct net_conn *c)
{
    struct uring *u = c->loop->backend;
    struct uring_conn *uc = c->uring;
    uc->closing = true;
    bool ok = (uc->armed == TAG_NONE || cancel(u, uc, uc->armed)) &&
              (!uc->room_armed || cancel(u, uc, TAG_ROOM)) && wait_for_last(c->loop, uc);
    if (!ok)
        return; /* lost memory is better than memory that the kernel writes to */
    while (uc->head != NO_BUF) {
        uint16_t id = uc->head;
        uc->head = u->filled[id].next;
        give_buffer(u, id);
    }
    free(uc->plain);
    free(uc);
    c->uring = NULL;
}

/* Copies out of the queue, as much as there is. */
static size_t take_queued(struct uring *u, struct uring_conn *uc, uint8_t *buf, size_t cap)
{
    size_t done = 0;
    while (uc->head != NO_BUF && done < cap) {
        uint16_t id = uc->head;
        struct filled *f = &u->filled[id];
        size_t n = f->len < cap - done ? f->len : cap - done;
        memcpy(buf + done, u->mem + (size_t)id * u->buf_size + f->off, n);
        done += n;
        f->off += (uint32_t)n;
        f->len -= (uint32_t)n;
        if (f->len == 0) {
            uc->head = f->next;
            give_buffer(u, id);
        }
    }
    if (uc->plain_len > 0 && done < cap) {
        size_t n = uc->plain_len < cap - done ? uc->plain_len : cap - done;
        memcpy(buf + done, uc->plain + uc->plain_off, n);
        done += n;
        uc->plain_off += (uint32_t)n;
        uc->plain_len -= (uint32_t)n;
    }
    return done;
}

/* Straight into the caller's memory. Only while nothing is armed, or bytes would overtake. */
static enum err recv_now(struct uring *u, struct uring_conn *uc, uint8_t *buf, size_t cap,
                         size_t *n)
{
    ssize_t got;
    do {
        got = recv(uc->c->fd, buf, cap, MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    if (got > 0) {
        *n = (size_t)got;
        return ERR_OK;
    }
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        arm_recv(u, uc);
        return ERR_NEED_INPUT;
    }
    uc->end = true;
    uc->c->end_errno = got < 0 ? errno : 0;
    return ERR_OK;
}

static enum err ur_recv(struct net_conn *c, uint8_t *buf, size_t cap, size_t *n)
{
    struct uring *u = c->loop->backend;
    struct uring_conn *uc = c->uring;
    size_t got = take_queued(u, uc, buf, cap);
    if (got > 0) {
        *n = got;
        return ERR_OK;
    }
    if (!uc->end && uc->armed != TAG_NONE)
        return ERR_NEED_INPUT;
    if (!uc->end) {
        size_t now = 0;
        TRY(recv_now(u, uc, buf, cap, &now));
        if (now > 0) {
            *n = now;
            return ERR_OK;
        }
    }
    c->ended = true;
    return ERR_DISCONNECTED;
}

const struct backend_ops uring_ops = {
    .name = "io_uring",
    .init = ur_init,
    .fini = ur_fini,
    .wait = ur_wait,
    .add = ur_add,
    .remove = ur_remove,
    .recv = ur_recv,
    .want_room = ur_want_room,
};
