#include "net_peer.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

Test(net_loop, a_loop_names_the_backend_that_was_asked_for)
{
    struct net_loop *loop = NULL;
    struct errmsg em;
    cr_assert_ok(net_loop_new(NET_EPOLL, &loop, &em));
    cr_expect_str_eq(net_loop_backend_name(loop), "epoll");
    net_loop_free(loop);
    if (net_loop_new(NET_URING, &loop, &em) == ERR_OK) {
        cr_expect_str_eq(net_loop_backend_name(loop), "io_uring");
        net_loop_free(loop);
        cr_assert_ok(net_loop_new(NET_AUTO, &loop, &em));
        cr_expect_str_eq(net_loop_backend_name(loop), "io_uring");
        net_loop_free(loop);
    }
    net_loop_free(NULL);
}

Test(net_loop, impossible_receive_buffers_are_refused_with_a_sentence)
{
    static const struct net_loop_options bad[] = {
        {.backend = NET_URING, .recv_buf_count = 3},
        {.backend = NET_URING, .recv_buf_count = 8192},
        {.backend = NET_URING, .recv_buf_size = 1u << 30},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct net_loop *loop = NULL;
        struct errmsg em = {0};
        cr_assert_err(net_loop_new_with(&bad[i], &loop, &em), ERR_CONFIG);
        cr_expect(strstr(em.text, "receive buffers") != NULL, "%s", em.text);
    }
}

/* From now on this process gets ENOSYS from io_uring_setup. */
static void forbid_io_uring(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog), 0);
}

Test(net_loop, where_io_uring_is_forbidden_auto_takes_epoll_and_asking_for_it_fails)
{
    forbid_io_uring();
    struct net_loop *loop = NULL;
    struct errmsg em = {0};
    cr_assert_err(net_loop_new(NET_URING, &loop, &em), ERR_SYSTEM);
    cr_expect_str_eq(em.text, "io_uring cannot be set up: Function not implemented");
    cr_assert_ok(net_loop_new(NET_AUTO, &loop, &em));
    cr_expect_str_eq(net_loop_backend_name(loop), "epoll");
    net_loop_free(loop);
}

static void *use_loop(void *loop)
{
    struct pair p = pair_open(loop, NULL);
    uint8_t byte;
    size_t n;
    peer_send(p.fd, "x", 1);
    cr_assert_ok(net_read_some(p.c, &byte, 1, in_ms(5000), NULL, &n));
    pair_close(&p);
    return NULL;
}

ON_EACH_BACKEND(net_loop, a_loop_made_on_one_thread_works_on_another)
{
    pthread_t t;
    cr_assert_eq(pthread_create(&t, NULL, use_loop, loop), 0);
    pthread_join(t, NULL);
}

ON_EACH_BACKEND(net_loop, a_wait_ends_at_its_deadline_and_not_before)
{
    uint64_t begin = clock_mono_ms();
    cr_assert_err(net_loop_wait(loop, begin + 60), ERR_TIMEOUT);
    uint64_t took = clock_mono_ms() - begin;
    cr_expect(took >= 60 && took < 5000, "%lu ms", (unsigned long)took);
    cr_assert_err(net_loop_wait(loop, 0), ERR_TIMEOUT);
}

ON_EACH_BACKEND(net_loop, a_wake_before_the_wait_ends_it_at_once_and_many_count_as_one)
{
    for (int i = 0; i < 100; i++)
        net_loop_wake(loop);
    cr_assert_ok(net_loop_wait(loop, in_ms(5000)));
    cr_assert_err(net_loop_wait(loop, in_ms(30)), ERR_TIMEOUT);
}

static void *wake_after_50_ms(void *loop)
{
    usleep(50000);
    net_loop_wake(loop);
    return NULL;
}

ON_EACH_BACKEND(net_loop, a_wake_from_another_thread_ends_a_sleep)
{
    pthread_t t;
    for (int round = 0; round < 3; round++) {
        cr_assert_eq(pthread_create(&t, NULL, wake_after_50_ms, loop), 0);
        uint64_t begin = clock_mono_ms();
        cr_assert_ok(net_loop_wait(loop, begin + 5000));
        cr_expect(clock_mono_ms() - begin < 4000);
        pthread_join(t, NULL);
    }
}

#define STORM_THREADS 4
#define STORM_WAKES   20000

struct storm {
    struct net_loop *loop;
    atomic_uint done;
};

static void *wake_often(void *arg)
{
    struct storm *s = arg;
    for (int i = 0; i < STORM_WAKES; i++) {
        atomic_fetch_add(&s->done, 1);
        net_loop_wake(s->loop);
    }
    return NULL;
}

ON_EACH_BACKEND(net_loop, a_storm_of_wakes_loses_none_and_does_not_hide_a_connection)
{
    struct storm s = {.loop = loop};
    struct pair p = pair_open(loop, NULL);
    pthread_t t[STORM_THREADS];
    for (int i = 0; i < STORM_THREADS; i++)
        cr_assert_eq(pthread_create(&t[i], NULL, wake_often, &s), 0);
    peer_send(p.fd, "x", 1);
    uint8_t byte = 0;
    size_t n = 0;
    unsigned seen;
    do {
        seen = atomic_load(&s.done);
        enum err e = n == 1 ? ERR_OK : net_read(p.c, &byte, 1, &n);
        cr_assert(e == ERR_OK || e == ERR_NEED_INPUT);
        if (seen < STORM_THREADS * STORM_WAKES || n == 0)
            cr_assert_ok(net_loop_wait(loop, in_ms(5000)));
    } while (seen < STORM_THREADS * STORM_WAKES || n == 0);
    cr_expect_eq(byte, 'x');
    for (int i = 0; i < STORM_THREADS; i++)
        pthread_join(t[i], NULL);
    pair_close(&p);
}

struct ping {
    struct net_loop *loop;
    atomic_uint asked, answered;
};

#define PINGS 5000

static void *ping(void *arg)
{
    struct ping *p = arg;
    for (unsigned i = 1; i <= PINGS; i++) {
        atomic_store(&p->asked, i);
        net_loop_wake(p->loop);
        while (atomic_load(&p->answered) != i)
            sched_yield();
    }
    return NULL;
}

ON_EACH_BACKEND(net_loop, each_single_wake_is_seen_when_the_next_one_depends_on_it)
{
    struct ping p = {.loop = loop};
    pthread_t t;
    cr_assert_eq(pthread_create(&t, NULL, ping, &p), 0);
    while (atomic_load(&p.answered) < PINGS) {
        unsigned asked = atomic_load(&p.asked);
        if (asked != atomic_load(&p.answered))
            atomic_store(&p.answered, asked);
        else
            cr_assert_ok(net_loop_wait(loop, in_ms(5000)));
    }
    pthread_join(t, NULL);
}

/* Looks until nothing is new. */
static void settle(struct net_loop *loop)
{
    while (net_loop_wait(loop, in_ms(20)) == ERR_OK)
        ;
}

ON_EACH_BACKEND(net_loop, new_bytes_end_a_wait_and_bytes_that_were_there_do_not)
{
    struct pair p = pair_open(loop, NULL);
    uint8_t buf[64];
    size_t n;
    settle(loop);
    cr_assert_err(net_read(p.c, buf, sizeof(buf), &n), ERR_NEED_INPUT);
    peer_send(p.fd, "abc", 3);
    cr_assert_ok(net_loop_wait(loop, in_ms(5000)));
    cr_assert_ok(net_read(p.c, buf, 1, &n));
    cr_assert_eq(n, 1);
    cr_assert_err(net_loop_wait(loop, in_ms(30)), ERR_TIMEOUT);
    cr_assert_ok(net_read(p.c, buf, sizeof(buf), &n));
    cr_assert_eq(n, 2);
    pair_close(&p);
}

ON_EACH_BACKEND(net_loop, a_wake_that_comes_while_one_connection_is_awaited_is_kept)
{
    struct pair p = pair_open(loop, NULL);
    settle(loop);
    pthread_t t;
    cr_assert_eq(pthread_create(&t, NULL, wake_after_50_ms, loop), 0);
    uint8_t byte;
    size_t n;
    cr_assert_err(net_read_some(p.c, &byte, 1, in_ms(150), NULL, &n), ERR_TIMEOUT);
    pthread_join(t, NULL);
    cr_assert_ok(net_loop_wait(loop, in_ms(5000)));
    cr_assert_err(net_loop_wait(loop, in_ms(20)), ERR_TIMEOUT);
    pair_close(&p);
}
