#include "net_peer.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MB (1024 * 1024)

/* Reads until the end; the bytes must be the pattern. Returns how many. */
static size_t read_pattern_to_end(struct net_conn *c, enum err *end)
{
    static uint8_t buf[256 * 1024];
    uint64_t seed = 7;
    size_t total = 0, n;
    while ((*end = net_read_some(c, buf, 1 + rnd(&seed) % sizeof(buf), in_ms(10000), NULL, &n)) ==
           ERR_OK) {
        cr_assert(pattern_holds(buf, n, total), "wrong bytes behind %zu", total);
        total += n;
    }
    return total;
}

ON_EACH_BACKEND(net_conn, what_came_is_read_and_then_input_is_needed)
{
    struct pair p = pair_open(loop, NULL);
    uint8_t buf[64];
    size_t n = 99;
    cr_assert_err(net_read(p.c, buf, sizeof(buf), &n), ERR_NEED_INPUT);
    cr_expect_eq(n, 99, "written on success only");
    peer_send(p.fd, "hello", 5);
    cr_assert_ok(net_read_some(p.c, buf, 2, in_ms(5000), NULL, &n));
    cr_assert_eq(n, 2);
    cr_assert_ok(net_read(p.c, buf + 2, sizeof(buf) - 2, &n));
    cr_assert_eq(n, 3);
    cr_expect_arr_eq(buf, "hello", 5);
    cr_assert_err(net_read(p.c, buf, sizeof(buf), &n), ERR_NEED_INPUT);
    cr_expect_str_eq(net_conn_errmsg(p.c), "");
    cr_expect_not(net_is_encrypted(p.c));
    pair_close(&p);
}

ON_EACH_BACKEND(net_conn, writes_arrive_and_an_empty_one_is_fine)
{
    struct pair p = pair_open(loop, NULL);
    uint8_t buf[8];
    size_t n = 1;
    cr_assert_ok(net_write(p.c, SLICE_LIT(""), &n));
    cr_assert_eq(n, 0);
    cr_assert_ok(net_write(p.c, SLICE_LIT("ping"), &n));
    cr_assert_eq(n, 4);
    cr_assert_ok(net_write_all(p.c, SLICE_LIT("pong"), in_ms(1000), NULL));
    cr_assert_eq(peer_recv(p.fd, buf, 8), 8);
    cr_expect_arr_eq(buf, "pingpong", 8);
    pair_close(&p);
}

ON_EACH_BACKEND(net_conn, bytes_come_before_the_end_that_follows_them)
{
    struct pair p = pair_open(loop, NULL);
    static uint8_t buf[300000];
    size_t n;
    cr_assert_err(net_read(p.c, buf, 1, &n), ERR_NEED_INPUT); /* a receive is under way */
    pattern_fill(buf, sizeof(buf), 0);
    peer_send(p.fd, buf, sizeof(buf));
    close(p.fd);
    p.fd = -1;
    while (net_loop_wait(loop, in_ms(20)) == ERR_OK)
        ;
    enum err end;
    cr_assert_eq(read_pattern_to_end(p.c, &end), sizeof(buf));
    cr_assert_err(end, ERR_DISCONNECTED);
    cr_expect(strstr(net_conn_errmsg(p.c), "127.0.0.1:") != NULL);
    cr_expect(strstr(net_conn_errmsg(p.c), "closed") != NULL, "%s", net_conn_errmsg(p.c));
    cr_assert_err(net_read(p.c, buf, 1, &n), ERR_DISCONNECTED);
    pair_close(&p);
}

ON_EACH_BACKEND(net_conn, a_peer_that_has_ended_its_half_can_still_be_written_to)
{
    struct pair p = pair_open(loop, NULL);
    uint8_t buf[16];
    size_t n;
    peer_send(p.fd, "bye", 3);
    shutdown(p.fd, SHUT_WR);
    cr_assert_ok(net_read_some(p.c, buf, sizeof(buf), in_ms(5000), NULL, &n));
    cr_assert_eq(n, 3);
    cr_assert_err(net_read_some(p.c, buf, sizeof(buf), in_ms(5000), NULL, &n), ERR_DISCONNECTED);
    cr_assert_ok(net_write_all(p.c, SLICE_LIT("quit"), in_ms(1000), NULL));
    cr_assert_eq(peer_recv(p.fd, buf, 4), 4);
    pair_close(&p);
}

ON_EACH_BACKEND(net_conn, bytes_come_before_a_reset_and_then_the_reset_is_named)
{
    struct pair p = pair_open(loop, NULL);
    static uint8_t buf[10000];
    pattern_fill(buf, sizeof(buf), 0);
    peer_send(p.fd, buf, sizeof(buf));
    peer_reset(p.fd);
    p.fd = -1;
    enum err end;
    cr_assert_eq(read_pattern_to_end(p.c, &end), sizeof(buf));
    cr_assert_err(end, ERR_DISCONNECTED);
    cr_expect(strstr(net_conn_errmsg(p.c), strerror(ECONNRESET)) != NULL, "%s",
              net_conn_errmsg(p.c));
    size_t n;
    cr_assert_err(net_write(p.c, SLICE_LIT("x"), &n), ERR_DISCONNECTED);
    pair_close(&p);
}

/* --- much data --- */

struct sender {
    int fd;
    size_t total;
    unsigned chunk_max;
    uint8_t digest[32];
};

static void *send_random_chunks(void *arg)
{
    static _Thread_local uint8_t buf[300000];
    struct sender *s = arg;
    uint64_t seed = 99;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_DigestInit_ex(md, EVP_sha256(), NULL);
    for (size_t i = 0; i < sizeof(buf); i += 4)
        memcpy(buf + i, &(uint32_t){rnd(&seed)}, 4);
    for (size_t pos = 0; pos < s->total;) {
        size_t n = 1 + rnd(&seed) % s->chunk_max;
        n = n < s->total - pos ? n : s->total - pos;
        size_t from = rnd(&seed) % (sizeof(buf) - n + 1);
        peer_send(s->fd, buf + from, n);
        EVP_DigestUpdate(md, buf + from, n);
        pos += n;
    }
    EVP_DigestFinal_ex(md, s->digest, NULL);
    EVP_MD_CTX_free(md);
    shutdown(s->fd, SHUT_WR);
    return NULL;
}

ON_EACH_BACKEND(net_conn, a_hundred_megabytes_arrive_as_they_were_sent)
{
    struct pair p = pair_open(loop, NULL);
    struct sender s = {.fd = p.fd, .total = 100 * MB, .chunk_max = 200000};
    pthread_t t;
    cr_assert_eq(pthread_create(&t, NULL, send_random_chunks, &s), 0);
    static uint8_t buf[512 * 1024];
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_DigestInit_ex(md, EVP_sha256(), NULL);
    uint64_t seed = 3;
    size_t total = 0, n;
    enum err e;
    for (;;) {
        e = net_read(p.c, buf, 1 + rnd(&seed) % sizeof(buf), &n);
        if (e == ERR_NEED_INPUT)
            e = net_loop_wait(loop, in_ms(10000));
        else if (e == ERR_OK)
            EVP_DigestUpdate(md, buf, n), total += n;
        if (e != ERR_OK)
            break;
    }
    cr_assert_err(e, ERR_DISCONNECTED);
    pthread_join(t, NULL);
    uint8_t digest[32];
    EVP_DigestFinal_ex(md, digest, NULL);
    EVP_MD_CTX_free(md);
    cr_assert_eq(total, s.total);
    cr_assert_arr_eq(digest, s.digest, 32);
    pair_close(&p);
}

struct receiver {
    int fd;
    size_t total;
    bool right;
};

static void *receive_slowly(void *arg)
{
    static _Thread_local uint8_t buf[100000];
    struct receiver *r = arg;
    r->right = true;
    usleep(100000); /* so that the writer finds no room */
    size_t n;
    while ((n = peer_recv(r->fd, buf, sizeof(buf))) > 0) {
        r->right = r->right && pattern_holds(buf, n, r->total);
        r->total += n;
    }
    return NULL;
}

ON_EACH_BACKEND(net_conn, a_long_write_waits_for_room_and_arrives_whole)
{
    struct pair p = pair_open(loop, NULL);
    struct receiver r = {.fd = p.fd};
    pthread_t t;
    cr_assert_eq(pthread_create(&t, NULL, receive_slowly, &r), 0);
    const size_t total = 32 * MB;
    static uint8_t buf[32 * MB];
    pattern_fill(buf, total, 0);
    size_t done = 0, n;
    enum err e;
    while ((e = net_write(p.c, slice_of(buf + done, total - done), &n)) == ERR_OK && done < total)
        done += n;
    cr_assert_err(e, ERR_NO_ROOM);
    cr_assert_ok(net_write_all(p.c, slice_of(buf + done, total - done), in_ms(20000), NULL));
    net_close(p.c);
    pthread_join(t, NULL);
    cr_expect_eq(r.total, total);
    cr_expect(r.right);
    close(p.fd);
}

ON_EACH_BACKEND(net_conn, a_reader_that_does_not_read_holds_the_peer_back_in_bounded_memory)
{
    struct pair p = pair_open(loop, NULL);
    static uint8_t buf[64 * 1024];
    uint8_t byte;
    size_t n, sent = 0;
    cr_assert_err(net_read(p.c, &byte, 1, &n), ERR_NEED_INPUT);
    uint64_t quiet_since = clock_mono_ms();
    while (clock_mono_ms() - quiet_since < 300 && sent < 64 * MB) {
        pattern_fill(buf, sizeof(buf), sent);
        ssize_t got = send(p.fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (got > 0) {
            sent += (size_t)got;
            quiet_since = clock_mono_ms();
        }
        enum err e = net_loop_wait(loop, got > 0 ? 0 : in_ms(10));
        cr_assert(e == ERR_OK || e == ERR_TIMEOUT);
    }
    cr_expect_lt(sent, 24 * MB, "the peer was let to send %zu bytes", sent);
    shutdown(p.fd, SHUT_WR);
    enum err end;
    cr_assert_eq(read_pattern_to_end(p.c, &end), sent);
    cr_assert_err(end, ERR_DISCONNECTED);
    pair_close(&p);
}

ON_EACH_BACKEND(net_conn, a_connection_that_nobody_reads_does_not_starve_another)
{
    struct pair full = pair_open(loop, NULL), live = pair_open(loop, NULL);
    static uint8_t junk[4 * MB];
    uint8_t byte;
    size_t n;
    cr_assert_err(net_read(full.c, &byte, 1, &n), ERR_NEED_INPUT);
    cr_assert_gt(send(full.fd, junk, sizeof(junk), MSG_DONTWAIT), 0);
    while (net_loop_wait(loop, in_ms(50)) == ERR_OK)
        (void)!send(full.fd, junk, sizeof(junk), MSG_DONTWAIT | MSG_NOSIGNAL);
    for (uint8_t i = 0; i < 100; i++) {
        peer_send(live.fd, &i, 1);
        cr_assert_ok(net_read_some(live.c, &byte, 1, in_ms(5000), NULL, &n));
        cr_assert_eq(byte, i);
        cr_assert_err(net_read(live.c, &byte, 1, &n), ERR_NEED_INPUT);
    }
    cr_assert_ok(net_read(full.c, &byte, 1, &n));
    pair_close(&full);
    pair_close(&live);
}

/* --- closing --- */

ON_EACH_BACKEND(net_conn, closing_is_safe_at_every_moment)
{
    uint8_t byte;
    size_t n;
    net_close(NULL);
    struct pair p = pair_open(loop, NULL); /* nothing done yet */
    pair_close(&p);

    p = pair_open(loop, NULL); /* a receive is requested */
    cr_assert_err(net_read(p.c, &byte, 1, &n), ERR_NEED_INPUT);
    pair_close(&p);

    p = pair_open(loop, NULL); /* ... and is with the kernel */
    cr_assert_err(net_read(p.c, &byte, 1, &n), ERR_NEED_INPUT);
    while (net_loop_wait(loop, in_ms(10)) == ERR_OK)
        ;
    pair_close(&p);

    p = pair_open(loop, NULL); /* ... and has brought bytes that nobody wants, with more coming */
    cr_assert_err(net_read(p.c, &byte, 1, &n), ERR_NEED_INPUT);
    while (net_loop_wait(loop, in_ms(10)) == ERR_OK)
        ;
    peer_send(p.fd, "abcdef", 6);
    cr_assert_ok(net_loop_wait(loop, in_ms(5000)));
    peer_send(p.fd, "ghijkl", 6);
    pair_close(&p);

    p = pair_open(loop, NULL); /* the same with a full socket ahead */
    static uint8_t junk[MB];
    enum err e;
    while ((e = net_write(p.c, slice_of(junk, sizeof(junk)), &n)) == ERR_OK)
        ;
    cr_assert_err(e, ERR_NO_ROOM);
    cr_assert_err(net_loop_wait(loop, in_ms(10)) == ERR_SYSTEM ? ERR_SYSTEM : ERR_OK, ERR_OK);
    pair_close(&p);

    p = pair_open(loop, NULL); /* what others got meanwhile is not lost */
    struct pair other = pair_open(loop, NULL);
    cr_assert_err(net_read(other.c, &byte, 1, &n), ERR_NEED_INPUT);
    cr_assert_err(net_read(p.c, &byte, 1, &n), ERR_NEED_INPUT);
    while (net_loop_wait(loop, in_ms(10)) == ERR_OK)
        ;
    peer_send(other.fd, "z", 1);
    usleep(20000);
    pair_close(&p);
    cr_assert_ok(net_loop_wait(loop, in_ms(5000)));
    cr_assert_ok(net_read(other.c, &byte, 1, &n));
    pair_close(&other);
}

#define MANY 150

ON_EACH_BACKEND(net_conn, many_connections_share_a_loop_and_close_in_any_order)
{
    static struct pair p[MANY];
    uint64_t seed = 11;
    struct rlimit files = {.rlim_cur = 1024, .rlim_max = 1024};
    getrlimit(RLIMIT_NOFILE, &files);
    cr_assert_geq(files.rlim_cur, 2 * MANY + 64);
    for (int i = 0; i < MANY; i++)
        p[i] = pair_open(loop, NULL);
    uint8_t b;
    size_t n;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++)
            cr_assert_err(net_read(p[i].c, &b, 1, &n), ERR_NEED_INPUT);
        for (int i = 0; i < MANY; i++)
            peer_send(p[i].fd, &(uint8_t){(uint8_t)i}, 1);
        int left = MANY;
        static bool got[MANY];
        memset(got, 0, sizeof(got));
        while (left > 0) {
            cr_assert_ok(net_loop_wait(loop, in_ms(5000)));
            for (int i = 0; i < MANY; i++) {
                if (got[i] || net_read(p[i].c, &b, 1, &n) != ERR_OK)
                    continue;
                cr_assert_eq(b, (uint8_t)i);
                got[i] = true;
                left--;
            }
        }
    }
    for (int i = MANY - 1; i > 0; i--) {
        int j = (int)(rnd(&seed) % (unsigned)(i + 1));
        struct pair swap = p[i];
        p[i] = p[j];
        p[j] = swap;
    }
    for (int i = 0; i < MANY; i++)
        pair_close(&p[i]);
}

/* --- time --- */

ON_EACH_BACKEND(net_conn, a_peer_that_stalls_in_mid_data_is_a_timeout_that_names_it)
{
    struct pair p = pair_open(loop, &(struct net_options){.read_timeout_ms = 80});
    uint8_t buf[16];
    size_t n;
    cr_assert_eq(net_conn_deadline(p.c), NET_NO_DEADLINE);
    peer_send(p.fd, "half a me", 9);
    cr_assert_ok(net_read_some(p.c, buf, sizeof(buf), NET_NO_DEADLINE, NULL, &n));
    uint64_t begin = clock_mono_ms();
    cr_assert_err(net_read_some(p.c, buf, sizeof(buf), NET_NO_DEADLINE, NULL, &n), ERR_TIMEOUT);
    uint64_t took = clock_mono_ms() - begin;
    cr_expect(took >= 79 && took < 5000, "%lu ms", (unsigned long)took);
    cr_expect(strstr(net_conn_errmsg(p.c), net_conn_name(p.c)) != NULL);
    cr_expect(strstr(net_conn_errmsg(p.c), "sent nothing for 0.080 s") != NULL, "%s",
              net_conn_errmsg(p.c));
    pair_close(&p);
}

ON_EACH_BACKEND(net_conn, the_polled_read_watches_the_timeout_too_and_a_write_begins_it_anew)
{
    struct pair p = pair_open(loop, &(struct net_options){.read_timeout_ms = 1000});
    uint8_t byte;
    size_t n;
    cr_assert_err(net_read(p.c, &byte, 1, &n), ERR_NEED_INPUT);
    uint64_t d = net_conn_deadline(p.c);
    cr_assert(d > clock_mono_ms() && d <= in_ms(1000));
    usleep(550000);
    cr_assert_ok(net_write(p.c, SLICE_LIT("q"), &n));
    cr_assert_err(net_read(p.c, &byte, 1, &n), ERR_NEED_INPUT);
    usleep(550000);
    cr_assert_err(net_read(p.c, &byte, 1, &n), ERR_NEED_INPUT);
    enum err e;
    while ((e = net_read(p.c, &byte, 1, &n)) == ERR_NEED_INPUT)
        (void)!net_loop_wait(loop, net_conn_deadline(p.c));
    cr_assert_err(e, ERR_TIMEOUT);
    pair_close(&p);
}

ON_EACH_BACKEND(net_conn, a_peer_that_takes_nothing_is_a_timeout)
{
    struct pair p = pair_open(loop, &(struct net_options){.write_timeout_ms = 80});
    static uint8_t junk[16 * MB];
    cr_assert_err(net_write_all(p.c, slice_of(junk, sizeof(junk)), NET_NO_DEADLINE, NULL),
                  ERR_TIMEOUT);
    cr_expect(strstr(net_conn_errmsg(p.c), "took nothing for 0.080 s") != NULL, "%s",
              net_conn_errmsg(p.c));
    pair_close(&p);
}

ON_EACH_BACKEND(net_conn, a_deadline_ends_waiting_and_one_in_the_past_only_looks)
{
    struct pair p = pair_open(loop, NULL);
    uint8_t byte;
    size_t n;
    uint64_t begin = clock_mono_ms();
    cr_assert_err(net_read_some(p.c, &byte, 1, in_ms(60), NULL, &n), ERR_TIMEOUT);
    cr_expect(clock_mono_ms() - begin >= 60);
    cr_expect(strstr(net_conn_errmsg(p.c), net_conn_name(p.c)) != NULL);
    cr_assert_err(net_read_some(p.c, &byte, 1, 0, NULL, &n), ERR_TIMEOUT);
    peer_send(p.fd, "y", 1);
    usleep(20000);
    cr_assert_ok(net_read_some(p.c, &byte, 1, 0, NULL, &n));
    static uint8_t junk[16 * MB];
    cr_assert_err(net_write_all(p.c, slice_of(junk, sizeof(junk)), in_ms(60), NULL), ERR_TIMEOUT);
    pair_close(&p);
}

static void *stop_after_50_ms(void *stop)
{
    usleep(50000);
    atomic_store((atomic_bool *)stop, true);
    return NULL;
}

ON_EACH_BACKEND(net_conn, a_stop_is_honoured_within_a_tenth_of_a_second)
{
    struct pair p = pair_open(loop, NULL);
    static uint8_t junk[16 * MB];
    for (int writing = 0; writing < 2; writing++) {
        atomic_bool stop = false;
        pthread_t t;
        cr_assert_eq(pthread_create(&t, NULL, stop_after_50_ms, &stop), 0);
        uint8_t byte;
        size_t n;
        uint64_t begin = clock_mono_ms();
        enum err e = writing
                         ? net_write_all(p.c, slice_of(junk, sizeof(junk)), NET_NO_DEADLINE, &stop)
                         : net_read_some(p.c, &byte, 1, NET_NO_DEADLINE, &stop, &n);
        cr_assert_err(e, ERR_STOPPED);
        cr_expect_lt(clock_mono_ms() - begin, 50 + 100 + 2000 /* a busy machine */);
        pthread_join(t, NULL);
    }
    pair_close(&p);
}
