#include "control/http_guard.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SECRET_MAX 4096

bool http_same_secret(const char *given, const char *right)
{
    size_t given_len = strlen(given), right_len = strlen(right);
    /* As many steps as the right one has, whatever is given. */
    unsigned differs = given_len != right_len;
    for (size_t i = 0; i < right_len; i++) {
        unsigned char g = i < given_len ? (unsigned char)given[i] : 0;
        differs |= (unsigned)(g ^ (unsigned char)right[i]);
    }
    return differs == 0;
}

/* The host of "HOST:PORT", "[ADDRESS]:PORT" or either alone. */
static struct slice host_of(const char *text)
{
    if (text[0] == '[') {
        const char *end = strchr(text, ']');
        return end != NULL ? slice_of(text + 1, (size_t)(end - text - 1)) : SLICE_LIT("");
    }
    return slice_of(text, strcspn(text, ":"));
}

static bool is_loopback_name(struct slice host)
{
    return slice_eq_nocase(host, SLICE_LIT("localhost")) || slice_eq(host, SLICE_LIT("::1")) ||
           (host.len > 4 && memcmp(host.ptr, "127.", 4) == 0 &&
            strspn((const char *)host.ptr, "0123456789.") >= host.len);
}

/* On loopback only names of this machine are ours; elsewhere the token is what counts. */
static bool host_is_ours(const struct http_guard *g)
{
    if (g->host == NULL)
        return false;
    struct slice host = host_of(g->host);
    if (host.len == 0)
        return false;
    return !g->loopback || is_loopback_name(host) ||
           slice_eq_nocase(host, slice_str(g->listen_host));
}

static bool origin_is_ours(const struct http_guard *g)
{
    const char *at = strstr(g->origin, "://");
    return at != NULL && g->host != NULL && strcasecmp(at + 3, g->host) == 0;
}

static bool has_token(const struct http_guard *g)
{
    static const char scheme[] = "Bearer ";
    const char *a = g->authorization;
    if (a == NULL || strncasecmp(a, scheme, sizeof(scheme) - 1) != 0 || strlen(a) > SECRET_MAX)
        return false;
    return http_same_secret(a + sizeof(scheme) - 1, g->token);
}

static bool body_too_large(const struct http_guard *g)
{
    return g->content_length != NULL &&
           (strlen(g->content_length) > 9 || strtoull(g->content_length, NULL, 10) > HTTP_BODY_MAX);
}

void http_guard(const struct http_guard *g, struct http_reply *out)
{
    bool site_is_other = g->fetch_site != NULL && strcmp(g->fetch_site, "same-origin") != 0 &&
                         strcmp(g->fetch_site, "none") != 0;
    bool wants_token =
        g->token != NULL && !g->local && (g->is_change || !g->loopback) && !g->is_open;
    if (!g->our_user)
        http_problem(out, 403, "Forbidden",
                     "only the user that runs the task may use its control socket");
    else if (!g->local && !host_is_ours(g))
        http_problem(out, 421, "Misdirected Request",
                     "the Host of the request is not a name of this server");
    else if (!g->local && g->origin != NULL && !origin_is_ours(g))
        http_problem(out, 403, "Forbidden", "requests of other origins are not answered");
    else if (g->is_change && (g->request == NULL || (!g->local && site_is_other)))
        http_problem(
            out, 403, "Forbidden",
            "a change needs the header X-Rowcast-Request: 1, and to come from this origin");
    else if (wants_token && !has_token(g))
        http_problem(out, 401, "Unauthorized",
                     "the header Authorization: Bearer TOKEN is missing or wrong");
    else if (body_too_large(g))
        http_problem(out, 413, "Content Too Large", "a body has at most %u bytes", HTTP_BODY_MAX);
}
