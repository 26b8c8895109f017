#include "net/resolve.h"

#include "base/clock.h"
#include "base/cond.h"
#include "net/loop_int.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One name being looked up; released by the last of asker and thread. */
struct lookup {
    pthread_mutex_t lock;
    pthread_cond_t done_cond;
    bool done;      /* rc and found are set */
    bool abandoned; /* the asker is gone */
    int rc;
    int sys_errno;
    struct addrinfo *found;
    char port[8];
    char host[];
};

static const struct addrinfo stream_hints = {
    .ai_family = AF_UNSPEC,
    .ai_socktype = SOCK_STREAM,
    .ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG,
};

static void lookup_free(struct lookup *l)
{
    if (l->found != NULL)
        freeaddrinfo(l->found);
    pthread_cond_destroy(&l->done_cond);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

static struct lookup *lookup_new(const char *host, const char *port)
{
    size_t len = strlen(host) + 1;
    struct lookup *l = calloc(1, sizeof(*l) + len);
    if (l == NULL)
        return NULL;
    memcpy(l->host, host, len);
    snprintf(l->port, sizeof(l->port), "%s", port);
    cond_init(&l->done_cond);
    pthread_mutex_init(&l->lock, NULL);
    return l;
}

static void *lookup_thread(void *arg)
{
    struct lookup *l = arg;
    struct addrinfo *found = NULL;
    int rc = getaddrinfo(l->host, l->port, &stream_hints, &found);
    int cause = errno;
    pthread_mutex_lock(&l->lock);
    l->rc = rc;
    l->sys_errno = cause;
    l->found = rc == 0 ? found : NULL;
    l->done = true;
    bool mine = l->abandoned;
    pthread_cond_signal(&l->done_cond);
    pthread_mutex_unlock(&l->lock);
    if (mine)
        lookup_free(l);
    return NULL;
}

static int start_thread(struct lookup *l)
{
    pthread_t id;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int rc = pthread_create(&id, &attr, lookup_thread, l);
    pthread_attr_destroy(&attr);
    return rc;
}

/* With the lock held: sleeps until it is done, the deadline, or the next look at stop. */
static void sleep_a_while(struct lookup *l, uint64_t deadline)
{
    uint64_t until = clock_mono_ms() + STOP_LOOK_MS;
    if (until > deadline)
        until = deadline;
    (void)cond_wait_until(&l->done_cond, &l->lock, until);
}

/* ERR_OK: done is set. Else the thread owns l from here on. */
static enum err await(struct lookup *l, uint64_t deadline, const atomic_bool *stop)
{
    enum err e = ERR_OK;
    pthread_mutex_lock(&l->lock);
    while (!l->done && e == ERR_OK) {
        if (stop != NULL && atomic_load_explicit(stop, memory_order_acquire))
            e = ERR_STOPPED;
        else if (clock_mono_ms() >= deadline)
            e = ERR_TIMEOUT;
        else
            sleep_a_while(l, deadline);
    }
    if (l->done)
        e = ERR_OK;
    l->abandoned = !l->done;
    pthread_mutex_unlock(&l->lock);
    return e;
}

static enum err resolve_name(const char *host, const char *port, uint64_t deadline,
                             const atomic_bool *stop, struct addrinfo **out, struct errmsg *em)
{
    struct lookup *l = lookup_new(host, port);
    if (l == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory for looking up host '%s'", host);
    int rc = start_thread(l);
    if (rc != 0) {
        lookup_free(l);
        return errmsg_set(em, ERR_SYSTEM, "no thread to look up host '%s': %s", host, strerror(rc));
    }
    enum err e = await(l, deadline, stop);
    if (e == ERR_TIMEOUT)
        return errmsg_set(em, e, "the name of host '%s' was not found in time", host);
    if (e != ERR_OK)
        return errmsg_set(em, e, "asked to stop while looking up host '%s'", host);
    if (l->rc == EAI_SYSTEM)
        e = errmsg_set(em, ERR_UNREACHABLE, "host '%s' cannot be looked up: %s", host,
                       strerror(l->sys_errno));
    else if (l->rc != 0)
        e = errmsg_set(em, ERR_UNREACHABLE, "host '%s' is unknown: %s", host, gai_strerror(l->rc));
    if (e == ERR_OK) {
        *out = l->found;
        l->found = NULL;
    }
    lookup_free(l);
    return e;
}

enum err net_resolve(const char *host, uint16_t port, uint64_t deadline_mono_ms,
                     const atomic_bool *stop, struct addrinfo **out, struct errmsg *em)
{
    char digits[8];
    snprintf(digits, sizeof(digits), "%u", port);
    struct addrinfo hints = stream_hints;
    hints.ai_flags = AI_NUMERICSERV | AI_NUMERICHOST;
    if (getaddrinfo(host, digits, &hints, out) == 0)
        return ERR_OK;
    return resolve_name(host, digits, deadline_mono_ms, stop, out, em);
}
