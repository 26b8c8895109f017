/*
 * Whether a request is let through, by its headers alone. See http.h for the
 * rules. No I/O; any thread.
 */
#pragma once

#include "control/http.h"

struct http_guard {
    /* of the request; NULL: it has no such header */
    const char *host;
    const char *origin;
    const char *fetch_site;
    const char *authorization;
    const char *request; /* X-Rowcast-Request */
    const char *content_type;
    const char *content_length;
    /* of the server */
    const char *listen_host;
    bool loopback;
    bool local;    /* it came through the Unix socket ... */
    bool our_user; /* ... from a process that may use it */
    const char *token;
    bool is_change;
    bool is_open;
};

/* Writes a refusal; out->status stays 0 when the request is let through. */
void http_guard(const struct http_guard *g, struct http_reply *out);
