#include "control/api.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>

static struct view *view;
static struct api api;
static struct http_reply reply;

static void setup(void)
{
    cr_assert_eq(view_new(&view), ERR_OK);
    api = (struct api){
        .view = view, .task = "orders", .environment = "", .config_text = "task: orders\n"};
}

static void teardown(void)
{
    writer_fini(&reply.body);
    view_free(view);
}

static unsigned ask(const char *method, const char *path, const char *body)
{
    struct http_request rq = {method, path, slice_str(body)};
    writer_fini(&reply.body);
    reply = (struct http_reply){.status = 200, .type = "application/json"};
    writer_init(&reply.body, 1u << 20);
    api_answer(&api, &rq, &reply);
    return reply.status;
}

/* The answer's member, borrowed until the next call. */
static json_t *member(const char *name)
{
    static json_t *last;
    json_decref(last);
    last = json_loadb((const char *)reply.body.base, reply.body.len, 0, NULL);
    cr_assert_not_null(last, "%.*s", (int)reply.body.len, reply.body.base);
    return json_object_get(last, name);
}

static void show(enum view_state state)
{
    struct view_snapshot *s = view_blank();
    s->state = state;
    s->wanted = VIEW_STATES;
    cr_assert(view_fill_counters(view, s, NULL));
    view_publish(view, s);
}

TestSuite(api, .init = setup, .fini = teardown);

Test(api, a_task_is_shown_as_json_whatever_its_texts_hold)
{
    counters_table(&view->counters, SLICE_LIT("s\"\n"), SLICE_LIT("</script>\xff"));
    struct view_snapshot *s = view_blank();
    cr_assert(view_fill_counters(view, s, NULL));
    s->state = VIEW_RETRYING;
    s->side = VIEW_DESTINATION;
    s->wanted = VIEW_STATES;
    s->trouble[VIEW_DESTINATION] =
        (struct view_trouble){.who = 1, .since_us = 5, .tries = 3, .cause = "no \"broker\""};
    view_publish(view, s);
    cr_assert_eq(ask("GET", "/api/v1/task", ""), 200);
    cr_assert_str_eq(json_string_value(member("state")), "retrying");
    cr_assert_str_eq(json_string_value(json_object_get(member("retrying"), "cause")),
                     "no \"broker\"");
    cr_assert(json_string_length(member("advice")) > 0);
    cr_assert_eq(json_array_size(member("tables")), 1);
    cr_assert(json_is_null(json_object_get(member("lag"), "seconds")));
}

Test(api, all_that_is_away_is_listed_and_one_is_the_cause)
{
    struct view_snapshot *s = view_blank();
    s->state = VIEW_RETRYING;
    s->side = VIEW_SOURCE;
    s->wanted = VIEW_STATES;
    s->trouble[VIEW_SOURCE] = (struct view_trouble){.who = 2, .cause = "one"};
    s->trouble[VIEW_DESTINATION] = (struct view_trouble){.who = 1, .cause = "two"};
    view_publish(view, s);
    cr_assert_eq(ask("GET", "/api/v1/task", ""), 200);
    cr_assert_str_eq(json_string_value(json_object_get(member("retrying"), "cause")), "one");
    cr_assert_eq(json_array_size(member("away")), 2);
    json_t *second = json_array_get(member("away"), 1);
    cr_assert_str_eq(json_string_value(json_object_get(second, "side")), "destination");
    cr_assert_str_eq(json_string_value(json_object_get(second, "cause")), "two");
    show(VIEW_STREAMING);
    cr_assert_eq(ask("GET", "/api/v1/task", ""), 200);
    cr_assert_eq(json_array_size(member("away")), 0);
    cr_assert(json_is_null(member("retrying")));
}

Test(api, wishes_are_left_in_the_box)
{
    show(VIEW_STREAMING);
    cr_assert_eq(ask("POST", "/api/v1/task/pause", ""), 202);
    cr_assert_eq(view_take_command(view), VIEW_PAUSE);
    cr_assert_eq(ask("POST", "/api/v1/task/resume", ""), 200, "it runs already");
    cr_assert_eq(ask("POST", "/api/v1/task/pause", ""), 202);
    cr_assert_eq(ask("POST", "/api/v1/task/resume", ""), 202, "the last wish counts");
    cr_assert_eq(view_take_command(view), VIEW_RESUME);
    show(VIEW_PAUSED);
    cr_assert_eq(ask("POST", "/api/v1/task/pause", ""), 200);
    cr_assert_eq(view_take_command(view), VIEW_PAUSE);
    cr_assert_eq(ask("POST", "/api/v1/task/resume", ""), 202);
    cr_assert_eq(view_take_command(view), VIEW_RESUME);
    cr_assert_eq(ask("POST", "/api/v1/task/stop", ""), 202);
    cr_assert_eq(ask("POST", "/api/v1/task/resume", ""), 409, "it ends, whoever wishes what else");
    cr_assert_eq(ask("POST", "/api/v1/task/stop", ""), 202);
    cr_assert_eq(view_take_command(view), VIEW_STOP);
    show(VIEW_FAILED);
    cr_assert_eq(ask("POST", "/api/v1/task/pause", ""), 409);
}

Test(api, only_what_is_retried_can_be_tried_at_once)
{
    show(VIEW_STREAMING);
    cr_assert_eq(ask("POST", "/api/v1/task/retry", ""), 409);
    show(VIEW_RETRYING);
    cr_assert_eq(ask("POST", "/api/v1/task/retry", ""), 202);
    cr_assert_eq(atomic_load(&view->retry_now), 1);
}

Test(api, limits_are_changed_as_far_as_they_are_named)
{
    throttle_set(&view->incremental, &(struct throttle_limits){.rows = 5, .bytes = 6});
    cr_assert_eq(ask("PUT", "/api/v1/task/throttle", "{\"incremental\":{\"rows\":1000}}"), 200);
    cr_assert_eq(throttle_get(&view->incremental).rows, 1000);
    cr_assert_eq(throttle_get(&view->incremental).bytes, 6);
    cr_assert_eq(json_integer_value(json_object_get(member("incremental"), "rows")), 1000);
    cr_assert_eq(ask("PUT", "/api/v1/task/throttle", "{\"full\":{\"queries\":2}}"), 200);
    cr_assert_eq(throttle_get(&view->full).queries, 2);
}

Test(api, a_wrong_limit_changes_nothing)
{
    static const char *const wrong[] = {
        "",
        "[]",
        "null",
        "{\"incremental\":{\"rows\":-1}}",
        "{\"incremental\":{\"rows\":1.5}}",
        "{\"incremental\":{\"rows\":\"1\"}}",
        "{\"incremental\":{\"rows\":1000000000001}}",
        "{\"incremental\":{\"queries\":1}}",
        "{\"incremental\":7}",
        "{\"full\":{\"rows\":9},\"other\":{}}",
        "{\"full\":{\"rows\":9},\"full\":{\"rows\":8}}",
        "{\"full\":{\"rows\":9}} x",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        cr_assert_eq(ask("PUT", "/api/v1/task/throttle", wrong[i]), 400, "%s", wrong[i]);
        cr_assert_str_eq(reply.type, "application/problem+json");
        cr_assert_eq(json_integer_value(member("status")), 400);
        cr_assert_eq(throttle_get(&view->full).rows, 0);
        cr_assert_eq(throttle_get(&view->incremental).rows, 0);
    }
}

Test(api, health_follows_the_state)
{
    cr_assert_eq(ask("GET", "/health/live", ""), 200);
    cr_assert_eq(ask("GET", "/health/ready", ""), 503);
    show(VIEW_CAUGHT_UP);
    cr_assert_eq(ask("GET", "/health/ready", ""), 200);
    atomic_store(&view->beat_ms, 1);
    cr_assert_eq(ask("GET", "/health/live", ""), 503);
}

Test(api, what_is_not_there_is_said_so)
{
    cr_assert_eq(ask("GET", "/api/v1/nothing", ""), 404);
    cr_assert_eq(ask("POST", "/metrics", ""), 405);
    cr_assert_str_eq(reply.allow, "GET, HEAD");
    cr_assert_eq(ask("GET", "/api/v1/task/pause", ""), 405);
    cr_assert_str_eq(reply.allow, "POST");
    cr_assert_eq(ask("DELETE", "/api/v1/task/throttle", ""), 405);
    cr_assert_str_eq(reply.allow, "GET, HEAD, PUT");
    cr_assert_eq(ask("GET", "/api/v1/precheck", ""), 200);
}

Test(api, the_history_and_the_configuration_are_json)
{
    view_add_sample(view, &(struct view_sample){.at_us = 5, .rows_rate = 7, .lag_ms = UINT64_MAX});
    cr_assert_eq(ask("GET", "/api/v1/task/history", ""), 200);
    cr_assert_eq(json_array_size(member("samples")), 1);
    cr_assert_eq(ask("GET", "/api/v1/config", ""), 200);
    cr_assert_str_eq(json_string_value(member("yaml")), "task: orders\n");
}
