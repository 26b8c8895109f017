/* Producers against the embedded broker: delivery, order, bounds, outages. */
#include "kafka/producer.h"

#include "base/clock.h"
#include "kafka/embedded.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WAIT_MS 20000 /* no test needs more */

struct seen {
    size_t good;
    size_t bad;
    size_t calls;
    enum err last_error;
    void *last_token;
};

static void on_delivered(void *arg, void *token, uint32_t count, enum err outcome)
{
    struct seen *s = arg;
    s->calls++;
    s->last_token = token;
    if (outcome == ERR_OK)
        s->good += count;
    else
        s->bad += count, s->last_error = outcome;
}

struct rig {
    struct kafka_embedded *broker;
    struct kafka_options options;
    struct kafka_producer *producer;
    struct kafka_topic *topic;
    struct seen seen;
};

static void must(enum err e, const struct errmsg *msg)
{
    cr_assert_eq(e, ERR_OK, "%s: %s", err_name(e), msg->text);
}

static void rig_broker(struct rig *r, int partitions)
{
    struct errmsg msg = {0};
    *r = (struct rig){0};
    kafka_options_init(&r->options);
    must(kafka_embedded_new(1, &r->broker, &msg), &msg);
    must(kafka_embedded_topic(r->broker, "t", partitions, &msg), &msg);
    r->options.embedded = r->broker;
}

static void rig_start(struct rig *r)
{
    struct errmsg msg = {0};
    must(kafka_producer_new(&r->options, &r->producer, &msg), &msg);
    must(kafka_producer_topic(r->producer, "t", &r->topic, &msg), &msg);
}

static void rig_stop(struct rig *r)
{
    kafka_producer_free(r->producer);
    kafka_embedded_free(r->broker);
}

/* Polls until nothing is outstanding or a failure shows; as a lane does, asleep on the fd. */
static void settle(struct rig *r)
{
    uint64_t end = clock_mono_ms() + WAIT_MS;
    while (kafka_producer_outstanding(r->producer) > 0 && clock_mono_ms() < end &&
           kafka_producer_state(r->producer)->failed == ERR_OK) {
        struct pollfd pfd = {.fd = kafka_producer_fd(r->producer), .events = POLLIN};
        uint64_t ignored;
        if (poll(&pfd, 1, 100) > 0)
            (void)!read(pfd.fd, &ignored, sizeof ignored);
        kafka_poll(r->producer, 0, on_delivered, &r->seen);
    }
}

Test(producer, delivers_and_reports_in_runs)
{
    struct rig r;
    int a, b;
    rig_broker(&r, 1);
    rig_start(&r);
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(kafka_produce(r.producer, r.topic, 0, SLICE_LIT("k"), SLICE_LIT("value"),
                                   i < 500 ? (void *)&a : (void *)&b),
                     ERR_OK);
    cr_assert_eq(kafka_producer_outstanding(r.producer), 1000);
    settle(&r);
    cr_assert_eq(r.seen.good, 1000);
    cr_assert_eq(r.seen.bad, 0);
    cr_assert_lt(r.seen.calls, 100);
    cr_assert_eq(r.seen.last_token, &b);
    cr_assert_eq(kafka_producer_bytes(r.producer), 0);
    cr_assert_eq(kafka_producer_state(r.producer)->silent_since_ms, 0);
    rig_stop(&r);
}
