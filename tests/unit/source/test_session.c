/* Sessions against a peer that stalls, hangs up and talks nonsense. */
#include "peer.h"

TestSuite(session, .init = setup, .fini = teardown, .timeout = 60);

static const struct words login[] = {SAY(0, GREETING), SAY(2, OK_PACKET), SAY(1, OK_PACKET), SAID};

/* Where a peer stops within the login, and how. */
static void expect_login_fails(size_t budget, enum ending ending)
{
    struct peer p;
    struct src_session *s = NULL;
    peer_start(&p, login, ending, budget);
    login_ms = answer_ms = ending == STALLS ? TIMEOUT_MS : PATIENCE_MS;
    uint64_t began = clock_mono_ms();
    enum err e = open_session(&p, &s);
    cr_assert_eq(e, ending == STALLS ? ERR_TIMEOUT : ERR_DISCONNECTED, "%zu: %s: %s", budget,
                 err_name(e), em.text);
    cr_assert_lt(clock_mono_ms() - began, PATIENCE_MS);
    char start[64];
    snprintf(start, sizeof(start), "source 127.0.0.1:%u: ", p.port);
    cr_assert_eq(strncmp(em.text, start, strlen(start)), 0, "%s", em.text);
    cr_assert_gt(strlen(em.text), strlen(start));
    peer_join(&p);
}

Test(session, a_peer_that_hangs_up_within_the_login)
{
    size_t greeting = 4 + sizeof(GREETING) - 1, ok = 4 + sizeof(OK_PACKET) - 1;
    for (size_t budget = 0; budget < greeting + 2 * ok; budget += 3)
        expect_login_fails(budget, CLOSES);
}

Test(session, a_peer_that_stalls_within_the_login)
{
    size_t greeting = 4 + sizeof(GREETING) - 1, ok = 4 + sizeof(OK_PACKET) - 1;
    const size_t places[] = {
        0, 2, 4, 40, greeting - 1, greeting, greeting + 3, greeting + ok - 1, greeting + ok + 5};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        expect_login_fails(places[i], STALLS);
}

static const struct words answer[] = {
    LOGIN,
    SAY_ON(1, "\x01"),
    SAY_ON(2, COLUMN),
    SAY_ON(3, "\x03one"),
    SAY_ON(4, "\xfe\0\0\x02\0\0\0"),
    SAID,
};

Test(session, a_whole_answer)
{
    struct peer p;
    struct src_session *s;
    char text[8];
    peer_start(&p, answer, STALLS, SIZE_MAX);
    cr_assert_eq(open_session(&p, &s), ERR_OK, "%s", em.text);
    cr_assert_eq(src_query_text(s, "SELECT 'one'", text, sizeof(text), NULL, &em), ERR_OK, "%s",
                 em.text);
    cr_assert_str_eq(text, "one");
    cr_assert_str_eq(src_session_version(s), "8.4.0");
    src_session_close(s);
    peer_join(&p);
}

Test(session, a_peer_that_stops_within_an_answer)
{
    size_t before = 4 + sizeof(GREETING) - 1 + 2 * (4 + sizeof(OK_PACKET) - 1);
    size_t whole = 5 + 4 + sizeof(COLUMN) - 1 + 8 + 11;
    for (int ending = STALLS; ending <= CLOSES; ending++) {
        for (size_t n = 0; n < whole; n += ending == STALLS ? 13 : 1) {
            struct peer p;
            struct src_session *s;
            char text[8];
            peer_start(&p, answer, (enum ending)ending, before + n);
            answer_ms = ending == STALLS ? TIMEOUT_MS : PATIENCE_MS;
            cr_assert_eq(open_session(&p, &s), ERR_OK, "%s", em.text);
            enum err e = src_query_text(s, "SELECT 'one'", text, sizeof(text), NULL, &em);
            cr_assert_eq(e, ending == STALLS ? ERR_TIMEOUT : ERR_DISCONNECTED, "%zu: %s", n,
                         em.text);
            cr_assert_not(src_session_alive(s));
            src_session_close(s);
            peer_join(&p);
        }
    }
}

Test(session, a_peer_that_is_no_mysql_server)
{
    static const struct words http[] = {SAY(0, "HTTP/1.1 400 Bad Request\r\n"), SAID};
    struct peer p;
    struct src_session *s = NULL;
    peer_start(&p, http, STALLS, SIZE_MAX);
    cr_assert_eq(open_session(&p, &s), ERR_PROTOCOL, "%s", em.text);
    cr_assert_not_null(strstr(em.text, "not that of a MySQL server"), "%s", em.text);
    peer_join(&p);
}

Test(session, a_row_that_does_not_fit_its_columns)
{
    static const struct words script[] = {
        LOGIN, SAY_ON(1, "\x01"), SAY_ON(2, COLUMN), SAY_ON(3, "\x03one\x01x"), SAID,
    };
    struct peer p;
    struct src_session *s;
    char text[8];
    peer_start(&p, script, STALLS, SIZE_MAX);
    cr_assert_eq(open_session(&p, &s), ERR_OK, "%s", em.text);
    cr_assert_eq(src_query_text(s, "SELECT 1", text, sizeof(text), NULL, &em), ERR_PROTOCOL);
    cr_assert_not(src_session_alive(s));
    src_session_close(s);
    peer_join(&p);
}

Test(session, a_demand_for_tls_that_is_not_offered)
{
    struct peer p;
    struct src_session *s = NULL;
    peer_start(&p, login, STALLS, SIZE_MAX);
    struct src_options o = options_of(&p);
    o.tls = SRC_TLS_REQUIRED;
    cr_assert_eq(src_session_open(loop, &o, &s, &em), ERR_TLS, "%s", em.text);
    cr_assert_not_null(strstr(em.text, "source.tls"), "%s", em.text);
    peer_join(&p);
}

Test(session, what_comes_with_the_last_answer_belongs_to_the_stream)
{
    static const struct words script[] = {
        LOGIN,
        SAY(1, OK_PACKET), /* checksum */
        SAY(1, OK_PACKET), /* heartbeat */
        SAY(1, OK_PACKET), /* timeouts */
        SAY(1, OK_PACKET), /* registration */
        SAY_ON(1, "\0first event"),
        SAY_ON(2, "\xff\xd4\x04#HY000the end"),
        SAID,
    };
    struct peer p;
    struct src_session *s;
    uint8_t buf[64];
    size_t len = 0, n;
    peer_start(&p, script, STALLS, SIZE_MAX);
    cr_assert_eq(open_session(&p, &s), ERR_OK, "%s", em.text);
    struct src_server sv = {.flavour = SRC_MYSQL, .version = 80400};
    struct src_dump_options d = {
        .server_id = 5, .heartbeat_ms = 1000, .file = "bin.1", .offset = 4};
    cr_assert_eq(src_dump_start(s, &sv, &d, &em), ERR_OK, "%s", em.text);
    while (len < 4 + 12 + 4 + 16) {
        enum err e = src_dump_read(s, buf + len, sizeof(buf) - len, &n, &em);
        if (e == ERR_NEED_INPUT)
            e = net_loop_wait(loop, clock_mono_ms() + 5000);
        else
            len += n;
        cr_assert_eq(e, ERR_OK, "%s", em.text);
    }
    cr_assert_arr_eq(buf + 4, "\0first event", 12);
    src_session_close(s);
    peer_join(&p);
}
