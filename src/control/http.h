/*
 * The HTTP server: listening, who may ask, sizes and times. What is answered is
 * api.h's.
 *
 * It listens on a TCP address and on a Unix socket in the state folder. A
 * request is let through when
 *   - its Host is a name of the address that is listened on (a page on another
 *     site cannot give itself our name, as DNS rebinding tries to),
 *   - its Origin, if it has one, is that host,
 *   - it has the token, where one is set: always off loopback, and on loopback
 *     for changes; compared in constant time,
 *   - a change carries the header X-Rowcast-Request, which other sites' pages
 *     cannot send without being asked first,
 *   - on the Unix socket: its process belongs to the user that runs the task,
 *     or to root.
 *
 * Bounds: 64 connections on each listener, 24 KiB of memory and 16 KiB of body
 * a connection, 10 s of silence, 20 s for a request to be whole. A body that
 * is larger is refused at its announcement, or when it has come; one without
 * an end is cut off.
 *
 * Threads: two of libmicrohttpd's, one a listener; http_sweep() is the owner's.
 */
#pragma once

#include "base/err.h"
#include "base/writer.h"

#include <stdbool.h>
#include <stdint.h>

#define HTTP_BODY_MAX  (16u << 10)
#define HTTP_REPLY_MAX (64u << 20)

struct http_request {
    const char *method; /* "GET" also for HEAD */
    const char *path;   /* without the query */
    struct slice body;
};

struct http_reply {
    unsigned status;
    const char *type;  /* of the body */
    const char *allow; /* 405: the methods that there are; NULL: none */
    struct writer body;
};

/* A problem as RFC 9457 describes them; detail is the sentence for people. */
void http_problem(struct http_reply *r, unsigned status, const char *title, const char *fmt, ...)
    PRINTF(4, 5);

struct http_options {
    const char *host; /* NULL: no TCP */
    uint16_t port;
    bool loopback;      /* host is */
    const char *token;  /* NULL: none */
    const char *folder; /* of the Unix socket; NULL: none */
    /* Whether a request with this method and path changes something. */
    bool (*is_change)(const char *method, const char *path);
    /* The pages that may be fetched without a token, for they hold nothing. */
    bool (*is_open)(const char *path);
    void (*answer)(void *arg, const struct http_request *rq, struct http_reply *out);
    void *arg;
};

struct http_server;

/* Borrows o's texts. ERR_CONFIG: the address cannot be listened on, and why. */
NODISCARD enum err http_start(const struct http_options *o, struct http_server **out,
                              struct errmsg *em);
void http_stop(struct http_server *s); /* NULL is allowed */

/* The port that is listened on; 0: none. */
uint16_t http_port(const struct http_server *s);

/* Ends connections whose request takes too long. Called about once a second. */
void http_sweep(struct http_server *s);

/* Equal texts, in a time that tells nothing about where they differ. */
bool http_same_secret(const char *given, const char *right);

#define HTTP_SOCKET_NAME "control.sock"
