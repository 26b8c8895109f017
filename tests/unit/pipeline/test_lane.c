/* A lane that is given statements: with a broker, and with none. */
#include "pipeline/lane.h"

#include "kafka/embedded.h"
#include "kafka/topic.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct fault fault;
static const struct format_options format = {.kind = FORMAT_CANAL_JSON};
static struct zone_step step = {INT64_MIN, 0};
static const struct zone utc = {1, &step};
static struct lane *peers[1];

static void nobody(void *arg)
{
    (void)arg;
}

static struct lane *lane_of(const struct kafka_options *kafka, uint64_t retry_ms, struct view *view)
{
    struct lane_options o = {.peers = peers,
                             .kafka = kafka,
                             .format = &format,
                             .zone = &utc,
                             .pack_bytes = 1u << 20,
                             .message_max = 1u << 20,
                             .retry_ms = retry_ms,
                             .fault = &fault,
                             .view = view,
                             .on_empty = nobody};
    struct errmsg em = {0};
    fault = (struct fault)FAULT_INIT;
    cr_assert_eq(lane_new(&o, &peers[0], &em), ERR_OK, "%s", em.text);
    cr_assert_eq(lane_start(peers[0], &em), ERR_OK, "%s", em.text);
    return peers[0];
}

static void submit_statement(struct lane *l, uint64_t id)
{
    struct batch *b = calloc(1, sizeof(*b));
    b->ddl = malloc(sizeof(*b->ddl));
    *b->ddl = (struct batch_ddl){.topic = "lane",
                                 .change = {.database = SLICE_LIT("d"),
                                            .table = SLICE_LIT("t"),
                                            .sql = SLICE_LIT("DROP TABLE t"),
                                            .id = id}};
    lane_submit(l, b);
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

static bool is_acked(struct lane *l, uint64_t seq, int seconds)
{
    for (int i = 0; i < seconds * 200 && lane_acked(l) < seq; i++)
        nap();
    return lane_acked(l) >= seq;
}

Test(lane, batches_are_acknowledged_in_order, .timeout = 60)
{
    struct kafka_options o;
    struct errmsg em = {0};
    kafka_options_init(&o);
    cr_assert_eq(kafka_embedded_new(1, &o.embedded, &em), ERR_OK, "%s", em.text);
    cr_assert_eq(kafka_embedded_topic(o.embedded, "lane", 1, &em), ERR_OK, "%s", em.text);
    struct lane *l = lane_of(&o, 600000, NULL);
    for (uint64_t i = 1; i <= 20; i++)
        submit_statement(l, i);
    cr_assert(is_acked(l, 20, 30), "%s", fault_text(&fault));
    cr_assert(lane_idle(l));
    cr_assert_eq(count_of(&lane_counters(l)->messages), 20);
    lane_drain(l);
    for (int i = 0; i < 2000 && !lane_ended(l); i++)
        nap();
    cr_assert(lane_ended(l));
    lane_free(l);
    kafka_embedded_free(o.embedded);
    cr_assert_eq(fault_err(&fault), ERR_OK);
}

/* A port of this machine that nobody listens on. */
static void closed_port(char address[32])
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    snprintf(address, 32, "127.0.0.1:%u", ntohs(a.sin_port));
    close(fd);
}

Test(lane, brokers_that_stay_away_longer_than_the_window_end_the_task, .timeout = 60)
{
    struct kafka_options o;
    char address[32];
    kafka_options_init(&o);
    closed_port(address);
    o.brokers = address;
    struct view *view;
    cr_assert_eq(view_new(&view), ERR_OK);
    struct lane *l = lane_of(&o, 1000, view);
    submit_statement(l, 1);
    for (int i = 0; i < 6000 && fault_err(&fault) == ERR_OK; i++)
        nap();
    cr_assert_eq(fault_err(&fault), ERR_BROKER_DOWN);
    const char *text = fault_text(&fault);
    cr_assert(strstr(text, address) != NULL, "%s", text);
    cr_assert(strstr(text, "check destination.brokers") != NULL, "%s", text);
    cr_assert(strstr(text, "gave up after 1 s (retry.connection): nothing is lost") != NULL, "%s",
              text);
    cr_assert_eq(lane_acked(l), 0);
    lane_free(l);
    view_free(view);
}
