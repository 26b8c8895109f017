/* Producers against the embedded broker: delivery, order, bounds, failures, outages. */
#include "kafka/producer.h"

#include "base/clock.h"
#include "kafka/embedded.h"
#include "kafka/gather.h"
#include "readback.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <librdkafka/rdkafka_mock.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define WAIT_MS 30000 /* no test needs more */

/* Kafka protocol: API keys and error codes. */
#define API_PRODUCE               0
#define CODE_NOT_LEADER           6
#define CODE_REQUEST_TIMED_OUT    7
#define CODE_TOO_LARGE            10
#define CODE_NOT_ENOUGH_REPLICAS  19
#define CODE_TOPIC_DENIED         29
#define CODE_CLUSTER_DENIED       31
#define CODE_INVALID_RECORD       87
#define CODE_CLOSE_THE_CONNECTION (-195)

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
    if (outcome == ERR_OK) {
        s->good += count;
    } else {
        s->bad += count;
        s->last_error = outcome;
    }
}

struct rig {
    struct kafka_embedded *broker;
    struct kafka_options options;
    struct kafka_producer *producer;
    struct kafka_topic *topic;
    int partitions;
    struct seen seen;
};

static void must(enum err e, const struct errmsg *msg)
{
    cr_assert_eq(e, ERR_OK, "%s: %s", err_name(e), msg->text);
}

static void rig_broker(struct rig *r, int partitions)
{
    struct errmsg msg = {0};
    *r = (struct rig){.partitions = partitions};
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

static enum err put(struct rig *r, int32_t partition, struct slice value, void *token)
{
    return kafka_produce(r->producer, r->topic, partition, SLICE_LIT("k"), value, token);
}

/* One turn of a lane that has nothing to do: asleep on the fd, then the reports. */
static void turn(struct rig *r, int timeout_ms)
{
    struct pollfd pfd = {.fd = kafka_producer_fd(r->producer), .events = POLLIN};
    uint64_t ignored;
    int due = kafka_producer_due_ms(r->producer);
    if (poll(&pfd, 1, due >= 0 && due < timeout_ms ? due : timeout_ms) > 0)
        (void)!read(pfd.fd, &ignored, sizeof ignored);
    kafka_poll(r->producer, 0, on_delivered, &r->seen);
}

/* Until nothing is outstanding or a failure shows. */
static void settle(struct rig *r)
{
    uint64_t end = clock_mono_ms() + WAIT_MS;
    while (kafka_producer_outstanding(r->producer) > 0 && clock_mono_ms() < end &&
           kafka_producer_state(r->producer)->failed == ERR_OK)
        turn(r, 100);
}

/* Numbered messages, partition i % partitions; the numbers live as long as the program. */
#define NUMBERS 20000
static char numbers[NUMBERS][12];

static struct slice number(int i)
{
    snprintf(numbers[i], sizeof numbers[i], "%d", i);
    return slice_str(numbers[i]);
}

static void send_numbers(struct rig *r, int from, int to)
{
    for (int i = from; i < to; i++) {
        enum err e;
        while ((e = put(r, i % r->partitions, number(i), NULL)) == ERR_NO_ROOM)
            turn(r, 100);
        cr_assert_eq(e, ERR_OK, "%s", err_name(e));
    }
}

struct found {
    int last[16]; /* by partition */
    size_t wrong; /* not behind the one before it: repeats and worse */
    size_t kinds; /* different numbers */
    bool seen[NUMBERS];
};

static void find(void *arg, const rd_kafka_message_t *m)
{
    struct found *f = arg;
    char text[16] = "";
    memcpy(text, m->payload, m->len < 15 ? m->len : 15);
    int n = atoi(text);
    if (n <= f->last[m->partition])
        f->wrong++;
    f->last[m->partition] = n;
    if (!f->seen[n]) {
        f->seen[n] = true;
        f->kinds++;
    }
}

static struct found *look(struct rig *r, size_t count)
{
    static struct found f;
    memset(&f, 0, sizeof f);
    memset(f.last, -1, sizeof f.last);
    (void)readback(kafka_embedded_address(r->broker), "t", r->partitions, count, WAIT_MS, find, &f);
    return &f;
}

/* Every number below count exactly once, in order within its partition. */
static void must_hold_numbers(struct rig *r, size_t count)
{
    struct found *f = look(r, count);
    cr_assert_eq(f->kinds, count, "%zu messages in the topic, %zu sent", f->kinds, count);
    cr_assert_eq(f->wrong, 0, "%zu out of order or twice", f->wrong);
}

/*
 * Every number below count at least once. The embedded broker does not look at
 * the sequence numbers of idempotent producers, as a real one does, so what is
 * sent again after a lost answer is there twice.
 */
static void must_hold_numbers_and_repeats(struct rig *r, size_t count)
{
    struct found *f = look(r, count);
    cr_assert_eq(f->kinds, count, "%zu messages in the topic, %zu sent", f->kinds, count);
}

Test(producer, delivers_and_reports_in_runs)
{
    struct rig r;
    int a, b;
    rig_broker(&r, 1);
    rig_start(&r);
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(put(&r, 0, SLICE_LIT("value"), i < 500 ? (void *)&a : (void *)&b), ERR_OK);
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

Test(producer, keeps_the_order_within_each_partition)
{
    struct rig r;
    rig_broker(&r, 6);
    rig_start(&r);
    send_numbers(&r, 0, 5000);
    settle(&r);
    cr_assert_eq(r.seen.good, 5000);
    must_hold_numbers(&r, 5000);
    rig_stop(&r);
}

Test(producer, keeps_the_order_with_keys_of_any_length_and_many_partitions)
{
    struct rig r;
    static uint8_t key[5000];
    static const size_t lengths[] = {0, 1, 30, 500, 1023, 1024, 1025, 5000};
    memset(key, 'k', sizeof key);
    rig_broker(&r, 3);
    rig_start(&r);
    for (int i = 0; i < 4000; i++)
        cr_assert_eq(kafka_produce(r.producer, r.topic, i % 3, slice_of(key, lengths[(i / 3) % 8]),
                                   number(i), NULL),
                     ERR_OK);
    settle(&r);
    cr_assert_eq(r.seen.good, 4000);
    must_hold_numbers(&r, 4000);
    rig_stop(&r);

    rig_broker(&r, 600); /* more than gather */
    rig_start(&r);
    for (int i = 0; i < 2400; i++)
        cr_assert_eq(put(&r, i % 600, number(i), NULL), ERR_OK);
    settle(&r);
    cr_assert_eq(r.seen.good, 2400);
    rig_stop(&r);
}

struct first {
    size_t key_len, value_len;
    char key[64], value[64];
    bool has_key;
};

static void take_first(void *arg, const rd_kafka_message_t *m)
{
    struct first *f = arg;
    f->has_key = m->key != NULL;
    f->key_len = m->key_len;
    f->value_len = m->len;
    if (f->has_key)
        memcpy(f->key, m->key, m->key_len);
    memcpy(f->value, m->payload, m->len);
}

Test(producer, carries_key_and_value_and_tells_no_key_from_an_empty_one)
{
    struct rig r;
    struct first f = {0};
    rig_broker(&r, 2);
    rig_start(&r);
    cr_assert_eq(kafka_produce(r.producer, r.topic, 1, SLICE_LIT("[\"shop\",\"7\"]"),
                               SLICE_LIT("{\"a\":\"b\"}"), NULL),
                 ERR_OK);
    settle(&r);
    cr_assert_eq(readback(kafka_embedded_address(r.broker), "t", 2, 1, WAIT_MS, take_first, &f), 1);
    cr_assert_eq(f.key_len, 12);
    cr_assert_arr_eq(f.key, "[\"shop\",\"7\"]", 12);
    cr_assert_eq(f.value_len, 9);
    cr_assert_arr_eq(f.value, "{\"a\":\"b\"}", 9);
    rig_stop(&r);

    rig_broker(&r, 1);
    rig_start(&r);
    cr_assert_eq(kafka_produce(r.producer, r.topic, 0, SLICE_LIT(""), SLICE_LIT("v"), NULL),
                 ERR_OK);
    settle(&r);
    cr_assert_eq(readback(kafka_embedded_address(r.broker), "t", 1, 1, WAIT_MS, take_first, &f), 1);
    cr_assert_not(f.has_key);
    rig_stop(&r);
}

Test(producer, full_queue_has_no_room_and_recovers)
{
    struct rig r;
    size_t refused = 0;
    rig_broker(&r, 3);
    r.options.queue_bytes = 20000;
    rig_start(&r);
    for (int i = 0; i < 5000; i++) {
        while (put(&r, i % 3, number(i), NULL) == ERR_NO_ROOM) {
            refused++;
            cr_assert_leq(kafka_producer_bytes(r.producer), 20000);
            turn(&r, 100);
        }
    }
    settle(&r);
    cr_assert_gt(refused, 0);
    cr_assert_eq(r.seen.good, 5000);
    must_hold_numbers(&r, 5000);
    rig_stop(&r);
}

Test(producer, message_larger_than_the_whole_budget_passes_alone)
{
    struct rig r;
    static uint8_t big[500000];
    rig_broker(&r, 1);
    r.options.queue_bytes = 10000;
    rig_start(&r);
    cr_assert_eq(put(&r, 0, slice_of(big, sizeof big), NULL), ERR_OK);
    cr_assert_eq(put(&r, 0, SLICE_LIT("v"), NULL), ERR_NO_ROOM);
    settle(&r);
    cr_assert_eq(put(&r, 0, SLICE_LIT("v"), NULL), ERR_OK);
    cr_assert_eq(put(&r, 0, slice_of(big, sizeof big), NULL), ERR_NO_ROOM);
    settle(&r);
    cr_assert_eq(r.seen.good, 2);
    rig_stop(&r);
}

Test(producer, message_is_too_large_from_the_first_byte_over_the_limit)
{
    struct rig r;
    size_t fits = 0;
    static uint8_t big[20000];
    rig_broker(&r, 1);
    r.options.message_max = 16384;
    rig_start(&r);
    while (kafka_batch_bytes(1, fits + 1) <= 16384)
        fits++;
    cr_assert_eq(put(&r, 0, slice_of(big, fits), NULL), ERR_OK);
    cr_assert_eq(put(&r, 0, slice_of(big, fits + 1), NULL), ERR_TOO_LARGE);
    cr_assert_eq(put(&r, 0, slice_of(big, fits), NULL), ERR_OK);
    settle(&r);
    cr_assert_eq(r.seen.good, 2);
    cr_assert_eq(r.seen.bad, 0);
    cr_assert_eq(kafka_producer_state(r.producer)->failed, ERR_OK);
    rig_stop(&r);
}

Test(producer, batch_of_one_message_is_measured_to_the_byte)
{
    /* Record batch v2: 61 bytes of header; length, attributes, two deltas, two lengths, headers. */
    cr_assert_eq(kafka_batch_bytes(0, 0), 61 + 1 + 6);
    cr_assert_eq(kafka_batch_bytes(1, 1), 61 + 1 + 8);
    cr_assert_eq(kafka_batch_bytes(0, 57), 61 + 1 + 6 + 57);
    cr_assert_eq(kafka_batch_bytes(0, 58), 61 + 2 + 6 + 58);
    cr_assert_eq(kafka_batch_bytes(0, 63), 61 + 2 + 6 + 63);
    cr_assert_eq(kafka_batch_bytes(0, 64), 61 + 2 + 7 + 64);
    cr_assert_eq(kafka_batch_bytes(64, 8192), 61 + 3 + 4 + 2 + 64 + 3 + 8192);
}

ParameterizedTestParameters(producer, every_codec_can_be_read_back)
{
    static char codecs[][8] = {"none", "lz4", "gzip", "snappy", "zstd"};
    return cr_make_param_array(char[8], codecs, 5);
}

ParameterizedTest(char (*codec)[8], producer, every_codec_can_be_read_back)
{
    struct rig r;
    rig_broker(&r, 2);
    r.options.compression = *codec;
    rig_start(&r);
    send_numbers(&r, 0, 2000);
    settle(&r);
    cr_assert_eq(r.seen.good, 2000, "%s", *codec);
    must_hold_numbers(&r, 2000);
    rig_stop(&r);
}

ParameterizedTestParameters(producer, every_kind_of_acknowledgement_reports)
{
    static int acks[] = {-1, 0, 1};
    return cr_make_param_array(int, acks, 3);
}

ParameterizedTest(int *acks, producer, every_kind_of_acknowledgement_reports)
{
    struct rig r;
    rig_broker(&r, 2);
    r.options.acks = *acks;
    rig_start(&r);
    send_numbers(&r, 0, 2000);
    settle(&r);
    cr_assert_eq(r.seen.good, 2000, "acks %d", *acks);
    must_hold_numbers(&r, 2000);
    rig_stop(&r);
}

Test(producer, hurry_sends_without_waiting_for_the_linger_time)
{
    struct rig r;
    rig_broker(&r, 1);
    r.options.linger_us = 10000000;
    rig_start(&r);
    cr_assert_eq(put(&r, 0, SLICE_LIT("v"), NULL), ERR_OK);
    kafka_hurry(r.producer);
    /* The connection and the producer id come first, and the first hurry may be gone by then. */
    uint64_t end = clock_mono_ms() + 5000;
    while (r.seen.good < 1 && clock_mono_ms() < end) {
        turn(&r, 50);
        kafka_hurry(r.producer);
    }
    cr_assert_eq(r.seen.good, 1);

    uint64_t begin = clock_mono_ms();
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(put(&r, 0, SLICE_LIT("v"), NULL), ERR_OK);
        kafka_hurry(r.producer);
        while (kafka_producer_outstanding(r.producer) > 0 && clock_mono_ms() - begin < 9000)
            turn(&r, 1000);
    }
    cr_assert_eq(r.seen.good, 21);
    cr_assert_lt(clock_mono_ms() - begin, 5000);
    rig_stop(&r);
}

/* Turns until so many are outstanding and no fewer, for a moment. */
static void settle_down_to(struct rig *r, size_t count)
{
    uint64_t end = clock_mono_ms() + WAIT_MS;
    while (kafka_producer_outstanding(r->producer) > count && clock_mono_ms() < end)
        turn(r, 20);
    for (int i = 0; i < 5; i++) {
        kafka_hurry(r->producer);
        turn(r, 10);
    }
    cr_assert_eq(kafka_producer_outstanding(r->producer), count);
}

Test(producer, a_held_partition_waits_and_the_others_go_on)
{
    struct rig r;
    rig_broker(&r, 4);
    rig_start(&r);
    send_numbers(&r, 0, 1000); /* those before the hold go */
    cr_assert(kafka_partition_hold(r.producer, r.topic, 2));
    cr_assert_not(kafka_partition_hold(r.producer, r.topic, 2), "one hold at a time");
    send_numbers(&r, 1000, 5000);
    settle_down_to(&r, 1000);
    cr_assert_eq(r.seen.good, 4000);
    kafka_partition_release(r.producer, r.topic, 2);
    settle(&r);
    cr_assert_eq(r.seen.good, 5000);
    must_hold_numbers(&r, 5000);
    rig_stop(&r);
}

Test(producer, holds_come_and_go_under_load)
{
    struct rig r;
    rig_broker(&r, 5);
    rig_start(&r);
    bool held[5] = {false};
    unsigned random = 7;
    for (int i = 0; i < 15000; i += 50) {
        random = random * 1103515245 + 12345;
        int32_t at = (int32_t)(random >> 16) % 5;
        if (held[at])
            kafka_partition_release(r.producer, r.topic, at);
        else
            cr_assert(kafka_partition_hold(r.producer, r.topic, at));
        held[at] = !held[at];
        send_numbers(&r, i, i + 50);
        turn(&r, 0);
    }
    for (int32_t at = 0; at < 5; at++)
        if (held[at])
            kafka_partition_release(r.producer, r.topic, at);
    settle(&r);
    cr_assert_eq(r.seen.good, 15000);
    must_hold_numbers(&r, 15000);
    rig_stop(&r);
}

Test(producer, a_held_partition_takes_no_key_that_cannot_wait)
{
    struct rig r;
    static uint8_t key[GATHER_KEY_BYTES + 1];
    rig_broker(&r, 1);
    rig_start(&r);
    cr_assert_not(kafka_partition_hold(r.producer, r.topic, GATHER_PARTITIONS));
    cr_assert(kafka_partition_hold(r.producer, r.topic, 0));
    cr_assert_eq(put(&r, 0, SLICE_LIT("v"), NULL), ERR_OK);
    struct slice long_key = slice_of(key, sizeof key);
    cr_assert_eq(kafka_produce(r.producer, r.topic, 0, long_key, SLICE_LIT("v"), NULL),
                 ERR_NO_ROOM);
    kafka_partition_release(r.producer, r.topic, 0);
    cr_assert_eq(kafka_produce(r.producer, r.topic, 0, long_key, SLICE_LIT("v"), NULL), ERR_OK);
    settle(&r);
    cr_assert_eq(r.seen.good, 2);
    rig_stop(&r);
}

Test(producer, freed_while_a_partition_is_held)
{
    struct rig r;
    rig_broker(&r, 2);
    rig_start(&r);
    cr_assert(kafka_partition_hold(r.producer, r.topic, 1));
    send_numbers(&r, 0, 100);
    rig_stop(&r);
}

Test(producer, linger_time_is_kept_without_a_hurry)
{
    struct rig r;
    rig_broker(&r, 1);
    rig_start(&r);
    cr_assert_eq(kafka_producer_due_ms(r.producer), -1, "nothing waits");
    send_numbers(&r, 0, 1);
    int due = kafka_producer_due_ms(r.producer);
    cr_assert(due >= 0 && due <= 6, "%d", due);
    settle(&r);
    cr_assert_eq(r.seen.good, 1);
    cr_assert_eq(kafka_producer_due_ms(r.producer), -1);
    rig_stop(&r);
}

static uint64_t cpu_ms(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 +
           (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
}

/* librdkafka's thread does not sleep while messages wait behind a request, so they wait with us. */
Test(producer, slow_answer_costs_no_cpu)
{
    struct rig r;
    rig_broker(&r, 2);
    rig_start(&r);
    send_numbers(&r, 0, 100);
    settle(&r);
    kafka_embedded_delay(r.broker, 200);
    uint64_t began = clock_mono_ms(), cpu = cpu_ms();
    int sent = 100;
    while (clock_mono_ms() - began < 1500) {
        send_numbers(&r, sent, sent + 10);
        sent += 10;
        kafka_hurry(r.producer);
        turn(&r, 10);
    }
    cpu = cpu_ms() - cpu;
    cr_expect_lt(cpu, 700, "%d ms of CPU in 1.5 s", (int)cpu);
    kafka_embedded_delay(r.broker, 0);
    settle(&r);
    cr_assert_eq(r.seen.good, (uint32_t)sent);
    rig_stop(&r);
}

Test(producer, wake_makes_the_fd_readable_from_outside)
{
    struct rig r;
    rig_broker(&r, 1);
    rig_start(&r);
    struct pollfd pfd = {.fd = kafka_producer_fd(r.producer), .events = POLLIN};
    uint64_t n;
    send_numbers(&r, 0, 10); /* it is connected, however long that takes */
    settle(&r);
    while (poll(&pfd, 1, 300) > 0) { /* connection events of the client itself */
        (void)!read(pfd.fd, &n, sizeof n);
        kafka_poll(r.producer, 0, on_delivered, &r.seen);
    }
    kafka_producer_wake(r.producer);
    kafka_producer_wake(r.producer);
    cr_assert_eq(poll(&pfd, 1, 0), 1);
    cr_assert_eq(read(pfd.fd, &n, sizeof n), 8);
    cr_assert_eq(poll(&pfd, 1, 0), 0);
    rig_stop(&r);
}

Test(producer, outage_is_ridden_out)
{
    struct rig r;
    rig_broker(&r, 3);
    rig_start(&r);
    send_numbers(&r, 0, 500);
    settle(&r);
    kafka_embedded_set_up(r.broker, -1, 0);
    send_numbers(&r, 500, 1500);

    uint64_t end = clock_mono_ms() + WAIT_MS;
    const struct kafka_state *s = kafka_producer_state(r.producer);
    while (s->trouble == ERR_OK && clock_mono_ms() < end) {
        turn(&r, 50);
        s = kafka_producer_state(r.producer);
    }
    cr_assert_eq(s->trouble, ERR_BROKER_DOWN);
    cr_assert_eq(s->failed, ERR_OK);
    cr_assert_eq(s->outages, 1);
    cr_assert_neq(s->silent_since_ms, 0);
    cr_assert_lt(s->silent_since_ms, clock_mono_ms());
    cr_assert(strstr(s->sentence, "destination.brokers") != NULL, "%s", s->sentence);

    kafka_embedded_set_up(r.broker, -1, 1);
    settle(&r);
    s = kafka_producer_state(r.producer);
    cr_assert_eq(r.seen.good, 1500);
    cr_assert_eq(r.seen.bad, 0);
    cr_assert_eq(s->trouble, ERR_OK);
    cr_assert_eq(s->silent_since_ms, 0);
    cr_assert_eq(s->sentence[0], '\0');
    must_hold_numbers_and_repeats(&r, 1500);
    rig_stop(&r);
}

ParameterizedTestParameters(producer, passing_faults_of_a_broker_are_ridden_out)
{
    static int codes[] = {CODE_NOT_LEADER, CODE_REQUEST_TIMED_OUT, CODE_NOT_ENOUGH_REPLICAS,
                          CODE_CLOSE_THE_CONNECTION};
    return cr_make_param_array(int, codes, 4);
}

ParameterizedTest(int *code, producer, passing_faults_of_a_broker_are_ridden_out)
{
    struct rig r;
    rig_broker(&r, 2);
    rig_start(&r);
    send_numbers(&r, 0, 100);
    settle(&r);
    kafka_embedded_fail(r.broker, API_PRODUCE, *code, 5);
    send_numbers(&r, 100, 2000);
    settle(&r);
    cr_assert_eq(r.seen.good, 2000, "code %d", *code);
    cr_assert_eq(r.seen.bad, 0);
    must_hold_numbers_and_repeats(&r, 2000);
    rig_stop(&r);
}

struct refusal {
    int code;
    enum err outcome;
    char remedy[32];
};

ParameterizedTestParameters(producer, refusals_of_a_broker_are_final_and_told)
{
    static struct refusal refusals[] = {
        {CODE_TOO_LARGE, ERR_TOO_LARGE, "message.max.bytes"},
        {CODE_TOPIC_DENIED, ERR_DEST_DENIED, "grant User:ANONYMOUS Describe"},
        {CODE_CLUSTER_DENIED, ERR_DEST_DENIED, "IdempotentWrite"},
        {CODE_INVALID_RECORD, ERR_DEST_REFUSED, "topic t [0]"},
    };
    return cr_make_param_array(struct refusal, refusals, 4);
}

ParameterizedTest(struct refusal *c, producer, refusals_of_a_broker_are_final_and_told)
{
    struct rig r;
    rig_broker(&r, 1);
    rig_start(&r);
    kafka_embedded_fail(r.broker, API_PRODUCE, c->code, 1);
    send_numbers(&r, 0, 10);
    settle(&r);
    const struct kafka_state *s = kafka_producer_state(r.producer);
    cr_assert_eq(s->failed, c->outcome, "%d: %s: %s", c->code, err_name(s->failed), s->sentence);
    cr_assert_eq(r.seen.last_error, c->outcome);
    cr_assert(strstr(s->sentence, c->remedy) != NULL, "%s", s->sentence);
    cr_assert_eq(put(&r, 0, SLICE_LIT("v"), NULL), c->outcome, "nothing goes out behind it");
    rig_stop(&r);
}

#define INIT_PRODUCER_ID 22 /* Kafka protocol, "Api Keys" */

Test(producer, brokers_without_idempotence_take_plain_producers)
{
    char why[256];
    struct errmsg msg = {0};
    rd_kafka_t *home = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof why);
    rd_kafka_mock_cluster_t *old = rd_kafka_mock_cluster_new(home, 1);
    (void)rd_kafka_mock_topic_create(old, "t", 1, 1);
    (void)rd_kafka_mock_set_apiversion(old, INIT_PRODUCER_ID, -1, -1);
    for (int acks = -2; acks <= 1; acks++) {
        struct rig r = {.partitions = 1};
        kafka_options_init(&r.options);
        r.options.plain = acks == -2;
        r.options.brokers = rd_kafka_mock_cluster_bootstraps(old);
        r.options.acks = acks == -2 ? -1 : acks;
        must(kafka_producer_new(&r.options, &r.producer, &msg), &msg);
        must(kafka_producer_topic(r.producer, "t", &r.topic, &msg), &msg);
        send_numbers(&r, 0, 100);
        settle(&r);
        const struct kafka_state *state = kafka_producer_state(r.producer);
        cr_assert_eq(r.seen.good, acks == -1 ? 0 : 100, "acks %d: %s", acks, state->sentence);
        cr_assert_eq(state->failed, acks == -1 ? ERR_DEST_OLD : ERR_OK);
        kafka_producer_free(r.producer);
    }
    rd_kafka_mock_cluster_destroy(old);
    rd_kafka_destroy(home);
}

Test(producer, partition_that_is_not_there_is_final)
{
    struct rig r;
    rig_broker(&r, 2);
    rig_start(&r);
    send_numbers(&r, 0, 10); /* makes the partition count known */
    settle(&r);
    cr_assert_eq(put(&r, 2, SLICE_LIT("v"), NULL), ERR_OK);
    kafka_hurry(r.producer);
    cr_assert_eq(put(&r, 0, SLICE_LIT("v"), NULL), ERR_DEST_TOPIC);
    const struct kafka_state *s = kafka_producer_state(r.producer);
    cr_assert_eq(s->failed, ERR_DEST_TOPIC);
    cr_assert(strstr(s->sentence, "topic t [2]") != NULL, "%s", s->sentence);
    rig_stop(&r);
}

Test(producer, freed_with_messages_outstanding_gives_the_values_back)
{
    struct rig r;
    rig_broker(&r, 1);
    rig_start(&r);
    kafka_embedded_set_up(r.broker, -1, 0);
    char *value = malloc(1000);
    memset(value, 'x', 1000);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(put(&r, 0, slice_of(value, 1000), NULL), ERR_OK);
    uint64_t begin = clock_mono_ms();
    kafka_producer_free(r.producer);
    free(value);
    cr_assert_lt(clock_mono_ms() - begin, 5000);
    kafka_embedded_free(r.broker);
}

Test(producer, topic_handles_are_made_once)
{
    struct rig r;
    struct errmsg msg = {0};
    struct kafka_topic *again, *other;
    char name[600];
    rig_broker(&r, 1);
    rig_start(&r);
    must(kafka_producer_topic(r.producer, "t", &again, &msg), &msg);
    cr_assert_eq(again, r.topic);
    must(kafka_producer_topic(r.producer, "u", &other, &msg), &msg);
    cr_assert_neq(other, r.topic);
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    cr_assert_eq(kafka_producer_topic(r.producer, name, &other, &msg), ERR_DEST_TOPIC);
    cr_assert_neq(msg.text[0], '\0');
    rig_stop(&r);
}
