/*
 * The other side of the connections that the tests of net open: plain sockets,
 * driven by the test itself or by a thread, and a way to run one test body on
 * each backend.
 */
#pragma once

#include "base/clock.h"
#include "net/conn.h"
#include "net/loop.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

/* The backends, named for the messages of failures. */
struct backend_case {
    const char *name;
    struct net_loop_options opt;
};
extern const struct backend_case backend_cases[];
extern const size_t backend_case_count;

/* NULL: this machine does not let us have io_uring. */
struct net_loop *backend_loop(const struct backend_case *bc);

/* A test whose body runs on a fresh loop of each backend. */
#define ON_EACH_BACKEND(suite, name)                                                               \
    static void name##_body(struct net_loop *loop);                                                \
    Test(suite, name)                                                                              \
    {                                                                                              \
        for (size_t bc_ = 0; bc_ < backend_case_count; bc_++) {                                    \
            struct net_loop *loop_ = backend_loop(&backend_cases[bc_]);                            \
            if (loop_ == NULL)                                                                     \
                continue;                                                                          \
            name##_body(loop_);                                                                    \
            net_loop_free(loop_);                                                                  \
        }                                                                                          \
    }                                                                                              \
    static void name##_body(struct net_loop *loop)

#define cr_expect_ok(e) cr_expect_eq((e), ERR_OK)
#define cr_assert_err(e, want)                                                                     \
    do {                                                                                           \
        enum err got_ = (e);                                                                       \
        cr_assert_eq(got_, (want), "%s instead of %s", err_name(got_), err_name(want));            \
    } while (0)
#define cr_assert_ok(e) cr_assert_err(e, ERR_OK)

static inline uint64_t in_ms(uint64_t ms)
{
    return clock_mono_ms() + ms;
}

/* A socket that listens on 127.0.0.1. */
int peer_listen(uint16_t *port, int backlog);

/* The next connection, blocking, with timeouts of 10 s. */
int peer_accept(int listen_fd);

/* A connection of ours and its other end. */
struct pair {
    struct net_conn *c;
    int fd;
};
struct pair pair_open(struct net_loop *loop, const struct net_options *base);
void pair_close(struct pair *p);

void peer_send(int fd, const void *buf, size_t len);

/* Exactly len bytes, or fewer at the end. */
size_t peer_recv(int fd, void *buf, size_t len);

/* Closes with a reset. */
void peer_reset(int fd);

/* Bytes that differ everywhere: byte i of the stream with this seed. */
void pattern_fill(uint8_t *buf, size_t len, uint64_t pos);
bool pattern_holds(const uint8_t *buf, size_t len, uint64_t pos);

/* Small deterministic random numbers. */
uint32_t rnd(uint64_t *state);
