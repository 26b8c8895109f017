#include "net/loop.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/loop_int.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A sleep is cut here, so that no conversion of a far deadline can overflow. */
#define SLEEP_MAX_MS 60000

static enum err open_backend(struct net_loop *loop, const struct net_loop_options *opt,
                             struct errmsg *em)
{
    if (opt->backend == NET_EPOLL) {
        loop->ops = &epoll_ops;
        return loop->ops->init(loop, opt, em);
    }
    struct errmsg why = {0};
    loop->ops = &uring_ops;
    enum err e = loop->ops->init(loop, opt, &why);
    if (e == ERR_OK)
        return ERR_OK;
    if (opt->backend == NET_URING)
        return errmsg_set(em, e, "%s", why.text);
    log_debug("net.no_io_uring", "reason=\"%s\"", why.text);
    loop->ops = &epoll_ops;
    return loop->ops->init(loop, opt, em);
}

enum err net_loop_new_with(const struct net_loop_options *opt, struct net_loop **out,
                           struct errmsg *em)
{
    struct net_loop *loop = calloc(1, sizeof(*loop));
    if (loop == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory for an event loop");
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (loop->wake_fd < 0) {
        int cause = errno;
        free(loop);
        return errmsg_set(em, ERR_SYSTEM, "eventfd: %s", strerror(cause));
    }
    enum err e = open_backend(loop, opt, em);
    if (e != ERR_OK) {
        close(loop->wake_fd);
        free(loop);
        return e;
    }
    log_debug("net.loop", "backend=%s", loop->ops->name);
    *out = loop;
    return ERR_OK;
}

enum err net_loop_new(enum net_backend backend, struct net_loop **out, struct errmsg *em)
{
    return net_loop_new_with(&(struct net_loop_options){.backend = backend}, out, em);
}

void net_loop_free(struct net_loop *loop)
{
    if (loop == NULL)
        return;
    assert(loop->conn_count == 0);
    loop->ops->fini(loop);
    close(loop->wake_fd);
    free(loop);
}

const char *net_loop_backend_name(const struct net_loop *loop)
{
    return loop->ops->name;
}

void loop_bind(struct net_loop *loop)
{
    if (!loop->bound) {
        loop->owner = pthread_self();
        loop->bound = true;
    }
    assert(pthread_equal(loop->owner, pthread_self()));
}

static uint32_t sleep_ms(uint64_t deadline, uint32_t max_ms)
{
    uint64_t now = clock_mono_ms();
    if (deadline <= now)
        return 0;
    uint64_t left = deadline - now;
    return left < max_ms ? (uint32_t)left : max_ms;
}

/*
 * One sleep in the backend. *woken: a wake came before or during it. With a
 * wake waiting already the backend is only looked at, not skipped: a thread
 * that is woken all the time still sees its connections.
 */
static enum err sleep_once(struct net_loop *loop, uint32_t timeout_ms, bool *woken)
{
    int running = WAKE_RUNNING;
    /* Acquire on failure: what the waker did before its wake is seen. */
    bool may_sleep = atomic_compare_exchange_strong_explicit(
        &loop->wake_state, &running, WAKE_SLEEPING, memory_order_acq_rel, memory_order_acquire);
    enum err e = loop->ops->wait(loop, may_sleep ? timeout_ms : 0);
    int state = atomic_exchange_explicit(&loop->wake_state, WAKE_RUNNING, memory_order_acq_rel);
    *woken = state == WAKE_NOTIFIED;
    return e;
}

enum err net_loop_wait(struct net_loop *loop, uint64_t deadline_mono_ms)
{
    loop_bind(loop);
    for (;;) {
        uint32_t ms = loop->progress ? 0 : sleep_ms(deadline_mono_ms, SLEEP_MAX_MS);
        bool woken;
        TRY(sleep_once(loop, ms, &woken));
        if (woken || loop->progress) {
            loop->progress = false;
            return ERR_OK;
        }
        if (clock_mono_ms() >= deadline_mono_ms)
            return ERR_TIMEOUT;
    }
}

enum err loop_pump(struct net_loop *loop, uint64_t deadline, const atomic_bool *stop)
{
    /* Acquire: whoever sets the flag may have left a reason for it. */
    if (stop != NULL && atomic_load_explicit(stop, memory_order_acquire))
        return ERR_STOPPED;
    bool before = loop->progress, woken;
    bool late = clock_mono_ms() >= deadline;
    loop->progress = false;
    enum err e =
        sleep_once(loop, sleep_ms(deadline, stop != NULL ? STOP_LOOK_MS : SLEEP_MAX_MS), &woken);
    if (e == ERR_OK && late && !loop->progress)
        e = ERR_TIMEOUT;
    /* A wake was meant for whoever calls net_loop_wait() next. */
    loop->progress |= before || woken;
    return e;
}

void net_loop_wake(struct net_loop *loop)
{
    int state = atomic_exchange_explicit(&loop->wake_state, WAKE_NOTIFIED, memory_order_acq_rel);
    if (state != WAKE_SLEEPING)
        return;
    uint64_t one = 1;
    ssize_t n = write(loop->wake_fd, &one, sizeof(one));
    (void)n; /* fails only when the count is full, and then it is readable as well */
}

void loop_drain_wake_fd(struct net_loop *loop)
{
    uint64_t count;
    ssize_t n = read(loop->wake_fd, &count, sizeof(count));
    (void)n; /* nothing there is fine, too */
}
