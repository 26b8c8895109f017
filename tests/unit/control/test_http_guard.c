#include "control/http_guard.h"

#include <criterion/criterion.h>

/* A look at loopback, as a browser sends it. */
static struct http_guard a_look(void)
{
    return (struct http_guard){
        .host = "127.0.0.1:8083", .listen_host = "127.0.0.1", .loopback = true, .our_user = true};
}

/* A change from the page itself. */
static struct http_guard a_change(void)
{
    struct http_guard g = a_look();
    g.is_change = true;
    g.request = "1";
    g.origin = "http://127.0.0.1:8083";
    g.fetch_site = "same-origin";
    return g;
}

static unsigned judged(const struct http_guard *g)
{
    struct http_reply r = {0};
    writer_init(&r.body, 4096);
    http_guard(g, &r);
    writer_fini(&r.body);
    return r.status;
}

Test(http_guard, looking_on_loopback_needs_nothing)
{
    struct http_guard g = a_look();
    cr_assert_eq(judged(&g), 0);
    g.token = "sesame";
    cr_assert_eq(judged(&g), 0);
}

Test(http_guard, names_of_other_hosts_are_not_ours)
{
    static const char *const right[] = {"127.0.0.1",   "127.0.0.1:8083", "localhost",
                                        "LOCALHOST:1", "[::1]:8083",     "127.9.9.9:1"};
    static const char *const wrong[] = {"evil.example",
                                        "evil.example:8083",
                                        "127.0.0.1.evil.example",
                                        "",
                                        "[::1",
                                        "localhost.evil.example",
                                        "127.0.0.x",
                                        ":8083",
                                        "192.168.0.1:80",
                                        "evil.example#127.0.0.1:1"};
    struct http_guard g = a_look();
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        g.host = right[i];
        cr_assert_eq(judged(&g), 0, "%s", right[i]);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        g.host = wrong[i];
        cr_assert_eq(judged(&g), 421, "%s", wrong[i]);
    }
    g.host = NULL;
    cr_assert_eq(judged(&g), 421);
}

Test(http_guard, other_origins_are_refused)
{
    struct http_guard g = a_look();
    g.origin = "http://evil.example";
    cr_assert_eq(judged(&g), 403);
    g.origin = "null";
    cr_assert_eq(judged(&g), 403);
    g.origin = "http://127.0.0.1:9999";
    cr_assert_eq(judged(&g), 403);
    g.origin = "http://127.0.0.1:8083";
    cr_assert_eq(judged(&g), 0);
}

Test(http_guard, a_change_needs_its_header_and_its_own_origin)
{
    struct http_guard g = a_change();
    cr_assert_eq(judged(&g), 0);
    g.fetch_site = NULL; /* curl */
    g.origin = NULL;
    cr_assert_eq(judged(&g), 0);
    g.request = NULL;
    cr_assert_eq(judged(&g), 403);
    g = a_change();
    g.fetch_site = "cross-site";
    cr_assert_eq(judged(&g), 403);
}

Test(http_guard, where_a_token_is_set_changes_need_it)
{
    struct http_guard g = a_change();
    g.token = "sesame";
    cr_assert_eq(judged(&g), 401);
    static const char *const wrong[] = {"sesame",         "Basic sesame", "Bearer sesam",
                                        "Bearer sesamee", "Bearer ",      "Bearer SESAME"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        g.authorization = wrong[i];
        cr_assert_eq(judged(&g), 401, "%s", wrong[i]);
    }
    g.authorization = "Bearer sesame";
    cr_assert_eq(judged(&g), 0);
}

Test(http_guard, off_loopback_looking_needs_it_too_but_for_what_is_open)
{
    struct http_guard g = a_look();
    g.loopback = false;
    g.listen_host = "0.0.0.0";
    g.host = "db7.example.net:8083";
    g.token = "sesame";
    cr_assert_eq(judged(&g), 401);
    g.is_open = true;
    cr_assert_eq(judged(&g), 0);
    g.is_open = false;
    g.authorization = "bearer sesame";
    cr_assert_eq(judged(&g), 0);
}

Test(http_guard, the_control_socket_is_its_users)
{
    struct http_guard g = {
        .local = true, .our_user = true, .is_change = true, .request = "1", .token = "sesame"};
    cr_assert_eq(judged(&g), 0);
    g.our_user = false;
    cr_assert_eq(judged(&g), 403);
}

Test(http_guard, a_body_that_is_announced_too_large_is_refused_at_once)
{
    struct http_guard g = a_change();
    g.content_length = "16384";
    cr_assert_eq(judged(&g), 0);
    g.content_length = "16385";
    cr_assert_eq(judged(&g), 413);
    g.content_length = "99999999999999999999999";
    cr_assert_eq(judged(&g), 413);
}

Test(http_guard, secrets_are_the_same_or_not)
{
    cr_assert(http_same_secret("abc", "abc"));
    cr_assert_not(http_same_secret("abd", "abc"));
    cr_assert_not(http_same_secret("ab", "abc"));
    cr_assert_not(http_same_secret("abcd", "abc"));
    cr_assert_not(http_same_secret("", "abc"));
}
