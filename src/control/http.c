#include "control/http.h"

#include "base/clock.h"
#include "base/log.h"
#include "control/http_guard.h"
#include "control/json.h"
#include "control/listen.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 64
#define SILENCE_S       10
#define REQUEST_MS      20000
#define MEMORY_MAX      (24u << 10)
#define BODY_PATIENCE   (256u << 10) /* of a body that is too large, until the connection is cut */

/* A connection, as long as it is open. */
struct peer {
    int fd;
    uint64_t waiting_ms; /* monotonic: a request is awaited or coming in since; 0: it is whole */
};

struct listener {
    struct http_server *server;
    bool is_local;
    int fd;
    struct MHD_Daemon *daemon;
    pthread_mutex_t lock; /* of peers */
    struct peer peers[CONNECTIONS_MAX + 8];
};

struct http_server {
    struct http_options o;
    uint16_t port;
    struct listener tcp, local;
};

/* A request that is coming in. */
struct pending {
    struct writer body;
    size_t received; /* of the body, kept or not */
    bool judged;
    struct http_reply refusal; /* status 0: it is let through */
};

void http_problem(struct http_reply *r, unsigned status, const char *title, const char *fmt, ...)
{
    char detail[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(detail, sizeof(detail), fmt, args);
    va_end(args);
    writer_clear(&r->body);
    r->status = status;
    r->type = "application/problem+json";
    struct jw j = jw_to(&r->body);
    jw_open(&j, NULL, '{');
    jw_text(&j, "type", "about:blank");
    jw_text(&j, "title", title);
    jw_number(&j, "status", status);
    jw_text(&j, "detail", detail);
    jw_close(&j);
    writer_lit(&r->body, "\n");
}

/* ---- connections ---- */

static struct peer *find_peer(struct listener *l, int fd)
{
    for (size_t i = 0; i < sizeof(l->peers) / sizeof(l->peers[0]); i++)
        if (l->peers[i].fd == fd)
            return &l->peers[i];
    return NULL;
}

static int fd_of(struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info != NULL ? info->connect_fd : -1;
}

static void on_connection(void *listener, struct MHD_Connection *c, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct listener *l = listener;
    (void)context;
    int fd = fd_of(c);
    pthread_mutex_lock(&l->lock);
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        struct peer *p = find_peer(l, -1);
        if (p != NULL)
            *p = (struct peer){fd, clock_mono_ms()};
    } else {
        struct peer *p = find_peer(l, fd);
        if (p != NULL)
            p->fd = -1;
    }
    pthread_mutex_unlock(&l->lock);
}

/* The clock of a connection starts when a request is awaited, and stops when it is whole. */
static void set_waiting(struct listener *l, struct MHD_Connection *c, bool waiting)
{
    pthread_mutex_lock(&l->lock);
    struct peer *p = find_peer(l, fd_of(c));
    if (p != NULL)
        p->waiting_ms = waiting ? clock_mono_ms() : 0;
    pthread_mutex_unlock(&l->lock);
}

static void sweep(struct listener *l)
{
    if (l->daemon == NULL)
        return;
    uint64_t now = clock_mono_ms();
    pthread_mutex_lock(&l->lock);
    for (size_t i = 0; i < sizeof(l->peers) / sizeof(l->peers[0]); i++) {
        struct peer *p = &l->peers[i];
        /* Under the lock the descriptor is still this connection's. */
        if (p->fd >= 0 && p->waiting_ms != 0 && now - p->waiting_ms > REQUEST_MS)
            shutdown(p->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&l->lock);
}

void http_sweep(struct http_server *s)
{
    sweep(&s->tcp);
    sweep(&s->local);
}

/* ---- requests ---- */

static const char *header(struct MHD_Connection *c, const char *name)
{
    return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

static bool is_our_user(int fd)
{
    struct ucred who;
    socklen_t len = sizeof(who);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
           (who.uid == geteuid() || who.uid == 0);
}

static void judge(struct listener *l, struct MHD_Connection *c, const char *method,
                  const char *path, struct pending *p)
{
    const struct http_options *o = &l->server->o;
    struct http_guard g = {
        .host = header(c, MHD_HTTP_HEADER_HOST),
        .origin = header(c, MHD_HTTP_HEADER_ORIGIN),
        .fetch_site = header(c, "Sec-Fetch-Site"),
        .authorization = header(c, MHD_HTTP_HEADER_AUTHORIZATION),
        .request = header(c, "X-Rowcast-Request"),
        .content_type = header(c, MHD_HTTP_HEADER_CONTENT_TYPE),
        .content_length = header(c, MHD_HTTP_HEADER_CONTENT_LENGTH),
        .listen_host = o->host,
        .loopback = o->loopback,
        .local = l->is_local,
        .our_user = !l->is_local || is_our_user(fd_of(c)),
        .token = o->token,
        .is_change = o->is_change(method, path),
        .is_open = o->is_open(path),
    };
    http_guard(&g, &p->refusal);
}

static enum MHD_Result send_reply(struct MHD_Connection *c, struct http_reply *r)
{
    if (r->body.err != ERR_OK)
        http_problem(r, 500, "Internal Server Error", "the answer is too large");
    struct MHD_Response *m =
        MHD_create_response_from_buffer(r->body.len, r->body.base, MHD_RESPMEM_MUST_FREE);
    if (m == NULL)
        return MHD_NO;
    r->body = (struct writer){0}; /* the response has it */
    MHD_add_response_header(m, MHD_HTTP_HEADER_CONTENT_TYPE, r->type);
    MHD_add_response_header(m, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(m, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(m, "X-Frame-Options", "DENY");
    MHD_add_response_header(m, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(m, "Content-Security-Policy",
                            "default-src 'none'; script-src 'unsafe-inline'; style-src "
                            "'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; "
                            "form-action 'none'; frame-ancestors 'none'");
    if (r->status == 401)
        MHD_add_response_header(m, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    if (r->allow != NULL)
        MHD_add_response_header(m, MHD_HTTP_HEADER_ALLOW, r->allow);
    if (r->status == 413)
        MHD_add_response_header(m, MHD_HTTP_HEADER_CONNECTION, "close");
    enum MHD_Result done = MHD_queue_response(c, r->status, m);
    MHD_destroy_response(m);
    return done;
}

static void answer(struct http_server *s, const char *method, const char *path,
                   const struct pending *p, struct http_reply *r)
{
    struct http_request rq = {.method = strcmp(method, "HEAD") == 0 ? "GET" : method,
                              .path = path,
                              .body = writer_slice(&p->body)};
    s->o.answer(s->o.arg, &rq, r);
}

static struct pending *new_pending(void)
{
    struct pending *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return NULL;
    writer_init(&p->body, HTTP_BODY_MAX);
    writer_init(&p->refusal.body, HTTP_BODY_MAX);
    return p;
}

static enum MHD_Result on_request(void *listener, struct MHD_Connection *c, const char *path,
                                  const char *method, const char *version, const char *data,
                                  size_t *len, void **context)
{
    struct listener *l = listener;
    struct pending *p = *context;
    (void)version;
    if (p == NULL) {
        *context = p = new_pending();
        if (p == NULL)
            return MHD_NO;
        judge(l, c, method, path, p);
        /* A refusal now spares us the body. */
        return p->refusal.status != 0 ? send_reply(c, &p->refusal) : MHD_YES;
    }
    if (*len > 0) {
        writer_put(&p->body, data, *len);
        p->received += *len;
        *len = 0;
        /* An answer can be given behind the body only: who does not come to its end gets none. */
        if (p->received > BODY_PATIENCE)
            return MHD_NO;
        return MHD_YES;
    }
    set_waiting(l, c, false);
    struct http_reply r = {.status = 200, .type = "application/json"};
    writer_init(&r.body, HTTP_REPLY_MAX);
    if (p->body.err != ERR_OK)
        http_problem(&r, 413, "Content Too Large", "a body has at most %u bytes", HTTP_BODY_MAX);
    else
        answer(l->server, method, path, p, &r);
    enum MHD_Result done = send_reply(c, &r);
    writer_fini(&r.body);
    return done;
}

static void on_completed(void *listener, struct MHD_Connection *c, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct pending *p = *context;
    (void)code;
    *context = NULL;
    if (p == NULL)
        return;
    writer_fini(&p->body);
    writer_fini(&p->refusal.body);
    free(p);
    set_waiting(listener, c, true);
}

/* ---- life ---- */

static enum err start_listener(struct listener *l, struct errmsg *em)
{
    for (size_t i = 0; i < sizeof(l->peers) / sizeof(l->peers[0]); i++)
        l->peers[i].fd = -1;
    l->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL, 0, NULL, NULL, on_request, l,
        MHD_OPTION_LISTEN_SOCKET, l->fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, SILENCE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)MEMORY_MAX, MHD_OPTION_NOTIFY_CONNECTION, on_connection, l,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, l, MHD_OPTION_END);
    if (l->daemon == NULL)
        return errmsg_set(em, ERR_SYSTEM, "the HTTP server could not be started");
    return ERR_OK;
}

static void stop_listener(struct listener *l)
{
    if (l->daemon != NULL)
        MHD_stop_daemon(l->daemon); /* closes the socket */
    else if (l->fd >= 0)
        close(l->fd);
    pthread_mutex_destroy(&l->lock);
}

enum err http_start(const struct http_options *o, struct http_server **out, struct errmsg *em)
{
    struct http_server *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory");
    s->o = *o;
    s->tcp = (struct listener){.server = s, .fd = -1};
    s->local = (struct listener){.server = s, .fd = -1, .is_local = true};
    pthread_mutex_init(&s->tcp.lock, NULL);
    pthread_mutex_init(&s->local.lock, NULL);
    enum err e = ERR_OK;
    if (o->host != NULL)
        e = listen_tcp(o->host, o->port, &s->tcp.fd, &s->port, em);
    if (e == ERR_OK && o->folder != NULL)
        e = listen_local(o->folder, HTTP_SOCKET_NAME, &s->local.fd, em);
    if (e == ERR_OK && s->tcp.fd >= 0)
        e = start_listener(&s->tcp, em);
    if (e == ERR_OK && s->local.fd >= 0)
        e = start_listener(&s->local, em);
    if (e != ERR_OK) {
        http_stop(s);
        return e;
    }
    *out = s;
    return ERR_OK;
}

void http_stop(struct http_server *s)
{
    if (s == NULL)
        return;
    bool local = s->local.fd >= 0;
    stop_listener(&s->tcp);
    stop_listener(&s->local);
    if (local)
        unlisten_local(s->o.folder, HTTP_SOCKET_NAME);
    free(s);
}

uint16_t http_port(const struct http_server *s)
{
    return s->port;
}
