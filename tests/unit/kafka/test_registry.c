/* What a schema registry, or whatever listens in its place, may answer. */
#include "kafka/registry.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX (1u << 20)
#define WAIT_MS     5000

/* A listener that answers each connection's one request with the same bytes, and hangs up. */
struct stranger {
    int fd;
    char url[64];
    pthread_t thread;
    const char *answer;
    size_t answer_len;
    char request[4096]; /* the beginning of the last one */
    size_t request_len;
    int stop[2];
    pthread_mutex_t serving; /* held while an answer is on its way */
};

/* Whether the request is there with all of its body. */
static bool is_whole(const char *text, size_t len)
{
    const char *end = memmem(text, len, "\r\n\r\n", 4);
    const char *length = memmem(text, len, "Content-Length: ", 16);
    if (end == NULL || length == NULL)
        return false;
    return len >= (size_t)(end + 4 - text) + strtoul(length + 16, NULL, 10);
}

static void serve(struct stranger *s, int fd)
{
    static _Thread_local char text[REQUEST_MAX];
    size_t len = 0;
    while (len < sizeof text - 1 && !is_whole(text, len)) {
        ssize_t n = recv(fd, text + len, sizeof text - 1 - len, 0);
        if (n <= 0)
            break;
        len += (size_t)n;
        text[len] = 0;
    }
    s->request_len = len < sizeof s->request - 1 ? len : sizeof s->request - 1;
    memcpy(s->request, text, s->request_len);
    s->request[s->request_len] = 0;
    for (size_t at = 0; at < s->answer_len;) {
        ssize_t n = send(fd, s->answer + at, s->answer_len - at, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        at += (size_t)n;
    }
}

static void *stranger_main(void *arg)
{
    struct stranger *s = arg;
    for (;;) {
        struct pollfd fds[] = {{.fd = s->fd, .events = POLLIN},
                               {.fd = s->stop[0], .events = POLLIN}};
        if (poll(fds, 2, -1) < 0 || fds[1].revents != 0)
            return NULL;
        int fd = accept(s->fd, NULL, NULL);
        if (fd < 0)
            continue;
        struct timeval patience = {.tv_sec = 5};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        pthread_mutex_lock(&s->serving);
        serve(s, fd);
        pthread_mutex_unlock(&s->serving);
        shutdown(fd, SHUT_RDWR);
        close(fd);
    }
}

static void start(struct stranger *s)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    *s = (struct stranger){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    cr_assert(s->fd >= 0);
    cr_assert_eq(bind(s->fd, (struct sockaddr *)&a, sizeof a), 0);
    cr_assert_eq(listen(s->fd, 8), 0);
    cr_assert_eq(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u", ntohs(a.sin_port));
    cr_assert_eq(pipe(s->stop), 0);
    pthread_mutex_init(&s->serving, NULL);
    cr_assert_eq(pthread_create(&s->thread, NULL, stranger_main, s), 0);
}

static void stop(struct stranger *s)
{
    cr_assert_eq(write(s->stop[1], "x", 1), 1);
    pthread_join(s->thread, NULL);
    close(s->fd);
    close(s->stop[0]);
    close(s->stop[1]);
    pthread_mutex_destroy(&s->serving);
}

static struct registry *client(const struct stranger *s, int timeout_ms)
{
    struct registry_options o = {.url = s->url, .timeout_ms = timeout_ms};
    struct registry *r = NULL;
    struct errmsg em = {0};
    cr_assert_eq(registry_new(&o, &r, &em), ERR_OK, "%s", em.text);
    return r;
}

/* What registering says when the whole answer is `bytes`. */
static enum err told(struct stranger *s, const char *bytes, size_t len, uint8_t frame[5],
                     struct errmsg *em)
{
    struct registry *r = client(s, WAIT_MS);
    s->answer = bytes;
    s->answer_len = len;
    *em = (struct errmsg){0};
    memset(frame, 0xEE, 5);
    enum err e = registry_register(r, "orders", SLICE_LIT("{\"type\":\"int\"}"), frame, em);
    registry_free(r);
    pthread_mutex_lock(&s->serving); /* the caller frees the bytes */
    pthread_mutex_unlock(&s->serving);
    return e;
}

/* The same for a status and a body with a right length. */
static enum err answered(struct stranger *s, const char *status, const char *type, const char *body,
                         uint8_t frame[5], struct errmsg *em)
{
    char *bytes = NULL;
    int n = asprintf(&bytes, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s",
                     status, type, strlen(body), body);
    cr_assert(n > 0);
    enum err e = told(s, bytes, (size_t)n, frame, em);
    free(bytes);
    return e;
}

#define JSON "application/vnd.schemaregistry.v1+json"

Test(registry, an_id_becomes_the_frame_of_the_topic)
{
    static const struct {
        const char *body;
        uint8_t frame[5];
    } cases[] = {
        {"{\"id\":0}", {0, 0, 0, 0, 0}},
        {"{\"id\":258}", {0, 0, 0, 1, 2}},
        {" { \"version\": 3, \"id\" : 2147483647 } ", {0, 0x7F, 0xFF, 0xFF, 0xFF}},
    };
    struct stranger s;
    struct errmsg em;
    uint8_t frame[5];
    start(&s);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert_eq(answered(&s, "200 OK", JSON, cases[i].body, frame, &em), ERR_OK, "%s",
                     em.text);
        cr_assert_eq(memcmp(frame, cases[i].frame, 5), 0);
    }
    cr_assert(strstr(s.request, "POST /subjects/orders-value/versions HTTP/1.1\r\n") == s.request);
    cr_assert(strstr(s.request, "{\"schema\":\"{\\\"type\\\":\\\"int\\\"}\"}") != NULL, "%s",
              s.request);
    cr_assert(strstr(s.request, "Expect:") == NULL);
    stop(&s);
}

struct refusal {
    const char *status;
    const char *type;
    const char *body;
    enum err e;
    const char *says;
};

static void check_refusals(const struct refusal *cases, size_t count)
{
    static const uint8_t untouched[5] = {0xEE, 0xEE, 0xEE, 0xEE, 0xEE};
    struct stranger s;
    struct errmsg em;
    uint8_t frame[5];
    start(&s);
    for (size_t i = 0; i < count; i++) {
        const struct refusal *c = &cases[i];
        cr_assert_eq(answered(&s, c->status, c->type, c->body, frame, &em), c->e, "%s: %s",
                     c->status, em.text);
        cr_assert(strstr(em.text, c->says) != NULL, "%s: %s", c->status, em.text);
        cr_assert(strstr(em.text, s.url) != NULL, "%s", em.text);
        cr_assert_eq(memcmp(frame, untouched, 5), 0);
        for (const char *p = em.text; *p != 0; p++)
            cr_assert((unsigned char)*p >= ' ', "a control character in: %s", em.text);
    }
    stop(&s);
}

Test(registry, refusals_name_the_url_the_subject_and_the_way_out)
{
    static const char error[] = "{\"error_code\":1,\"message\":\"no\\n\\u001b[31mway\"}";
    static const struct refusal cases[] = {
        {"401 Unauthorized", JSON, error, ERR_DEST_DENIED, "destination.schema_registry_user"},
        {"403 Forbidden", "text/html", "<html>", ERR_DEST_DENIED,
         "destination.schema_registry_user"},
        {"404 Not Found", "text/html", "<html>", ERR_DEST_REFUSED, "/apis/ccompat/v7"},
        {"409 Conflict", JSON, error, ERR_DEST_REFUSED, "subject orders-value"},
        {"422 Unprocessable", JSON, error, ERR_DEST_REFUSED, "it must take Avro"},
        {"500 Error", JSON, error, ERR_DEST_REFUSED, "subject orders-value (500: no  [31mway)"},
        {"418 Teapot", JSON, "{}", ERR_DEST_REFUSED, "no reason given"},
        {"409 Conflict", JSON, "{\"message\":7}", ERR_DEST_REFUSED, "no reason given"},
        {"409 Conflict", JSON, "{\"message\":\"\"}", ERR_DEST_REFUSED, "(409: )"},
    };
    check_refusals(cases, sizeof cases / sizeof *cases);
}

Test(registry, one_that_is_busy_is_worth_a_retry)
{
    static const struct refusal cases[] = {
        {"429 Slowly", JSON, "{\"message\":\"later\"}", ERR_BROKER_DOWN, "not ready (429: later)"},
        {"502 Bad Gateway", "text/html", "<html>", ERR_BROKER_DOWN, "not ready (502"},
        {"503 Unavailable", "text/html", "", ERR_BROKER_DOWN, "not ready (503"},
        {"504 Timeout", JSON, "{\"mess", ERR_BROKER_DOWN, "not ready (504"},
    };
    check_refusals(cases, sizeof cases / sizeof *cases);
}

Test(registry, what_no_registry_answers_is_said_so)
{
    static const char stranger[] = "does not answer as a schema registry does";
    static const struct refusal cases[] = {
        {"200 OK", "text/html", "<html>hello</html>", ERR_DEST_REFUSED, stranger},
        {"500 Error", "text/html", "<html>oops</html>", ERR_DEST_REFUSED, "status 500, text/html"},
        {"200 OK", JSON, "", ERR_DEST_REFUSED, stranger},
        {"200 OK", JSON, "{}", ERR_DEST_REFUSED, stranger},
        {"200 OK", JSON, "[1]", ERR_DEST_REFUSED, stranger},
        {"200 OK", JSON, "7", ERR_DEST_REFUSED, stranger},
        {"200 OK", JSON, "null", ERR_DEST_REFUSED, stranger},
        {"200 OK", JSON, "{\"id\":null}", ERR_DEST_REFUSED, stranger},
        {"200 OK", JSON, "{\"id\":\"7\"}", ERR_DEST_REFUSED, stranger},
        {"200 OK", JSON, "{\"id\":7.0}", ERR_DEST_REFUSED, stranger},
        {"200 OK", JSON, "{\"id\":-1}", ERR_DEST_REFUSED, stranger},
        {"200 OK", JSON, "{\"id\":2147483648}", ERR_DEST_REFUSED, stranger},
        {"200 OK", JSON, "{\"id\":99999999999999999999}", ERR_DEST_REFUSED, stranger},
        {"200 OK", JSON, "{\"id\":1,\"id\":2}", ERR_DEST_REFUSED, stranger},
        {"200 OK", JSON, "{\"id\":1}x", ERR_DEST_REFUSED, stranger},
        {"201 Created", JSON, "{\"id\":1}", ERR_DEST_REFUSED, "status 201"},
        {"302 Found", "text/html", "", ERR_DEST_REFUSED, "status 302"},
        {"200 OK", "", "{\"id\":1", ERR_DEST_REFUSED, "no content type"},
    };
    check_refusals(cases, sizeof cases / sizeof *cases);
}

Test(registry, an_answer_that_is_cut_is_refused_wherever_it_is_cut)
{
    static const char whole[] =
        "HTTP/1.1 200 OK\r\nContent-Type: " JSON "\r\nContent-Length: 10\r\n\r\n{\"id\":258}";
    struct stranger s;
    struct errmsg em;
    uint8_t frame[5];
    start(&s);
    cr_assert_eq(told(&s, whole, sizeof whole - 1, frame, &em), ERR_OK, "%s", em.text);
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        enum err e = told(&s, whole, n, frame, &em);
        cr_assert(e == ERR_BROKER_DOWN || e == ERR_DEST_REFUSED, "cut at %zu: %s", n, err_name(e));
        cr_assert(strlen(em.text) > 0);
        cr_assert_eq(frame[0], 0xEE);
    }
    stop(&s);
}

Test(registry, endless_answers_and_endless_sentences_are_bounded)
{
    struct stranger s;
    struct errmsg em;
    uint8_t frame[5];
    size_t len = 300000;
    char *text = malloc(len);
    start(&s);
    /* More than is ever read, with and without a length that admits it. */
    int head = snprintf(text, len, "HTTP/1.1 200 OK\r\nContent-Type: " JSON "\r\n\r\n");
    memset(text + head, '[', len - (size_t)head);
    cr_assert_eq(told(&s, text, len, frame, &em), ERR_DEST_REFUSED, "%s", em.text);
    cr_assert(strstr(em.text, "more than 65536 bytes") != NULL, "%s", em.text);
    head = snprintf(text, len, "HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n");
    memset(text + head, '1', len - (size_t)head);
    cr_assert_eq(told(&s, text, len, frame, &em), ERR_DEST_REFUSED, "%s", em.text);
    /* A message of many two-byte characters is cut between two of them. */
    head = snprintf(text, len,
                    "HTTP/1.1 500 E\r\nContent-Type: " JSON
                    "\r\nContent-Length: 20015\r\n\r\n{\"message\":\"x");
    for (size_t i = 0; i < 10000; i++)
        memcpy(text + head + 2 * i, "\xC3\xA4", 2);
    memcpy(text + head + 20000, "\"}", 2);
    cr_assert_eq(told(&s, text, (size_t)head + 20002, frame, &em), ERR_DEST_REFUSED, "%s", em.text);
    cr_assert(strstr(em.text, "\xC3\xA4...") != NULL, "%s", em.text);
    stop(&s);
    free(text);
}

Test(registry, silence_and_nobody_are_outages)
{
    struct stranger s;
    struct errmsg em = {0};
    uint8_t frame[5];
    start(&s);
    stop(&s); /* nobody listens there now */
    struct registry *r = client(&s, WAIT_MS);
    cr_assert_eq(registry_register(r, "t", SLICE_LIT("{}"), frame, &em), ERR_BROKER_DOWN, "%s",
                 em.text);
    cr_assert(strstr(em.text, "cannot be reached") != NULL, "%s", em.text);
    registry_free(r);

    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* accepts and says nothing */
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    cr_assert_eq(listen(fd, 1), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    snprintf(s.url, sizeof s.url, "http://127.0.0.1:%u", ntohs(a.sin_port));
    r = client(&s, 150);
    em = (struct errmsg){0};
    cr_assert_eq(registry_register(r, "t", SLICE_LIT("{}"), frame, &em), ERR_BROKER_DOWN, "%s",
                 em.text);
    registry_free(r);
    close(fd);
}

Test(registry, a_schema_that_is_no_text_is_refused_before_anything_is_sent)
{
    struct stranger s;
    struct errmsg em = {0};
    uint8_t frame[5];
    start(&s);
    struct registry *r = client(&s, WAIT_MS);
    cr_assert_neq(registry_register(r, "t", slice_of("\xFF", 1), frame, &em), ERR_OK);
    cr_assert_eq(s.request_len, 0);
    registry_free(r);
    stop(&s);
}
