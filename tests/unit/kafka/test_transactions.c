/* Transactions against the embedded broker, which knows no isolation: what goes out when, and what
 * is said of a transaction that cannot go on. What readers see is tested against real brokers. */
#include "kafka/txn.h"

#include "base/clock.h"
#include "kafka/embedded.h"
#include "kafka/kept.h"
#include "kafka/producer.h"
#include "readback.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#define WAIT_MS 30000

/* Kafka protocol: API keys and error codes. */
#define API_PRODUCE               0
#define API_ADD_PARTITIONS_TO_TXN 24
#define CODE_TOPIC_DENIED         29
#define CODE_TRANSACTIONAL_DENIED 53
#define CODE_INVALID_RECORD       87
#define CODE_PRODUCER_FENCED      90
#define API_INIT_PRODUCER_ID      22
#define API_END_TXN               26

struct member {
    struct kafka_token token;
    struct kafka_producer *producer;
    struct kafka_topic *topic;
    size_t good;
    size_t bad;
};

struct rig {
    struct kafka_embedded *broker;
    struct kafka_options options;
    struct kafka_txn *txn;
    struct member members[2];
};

static void must(enum err e, const struct errmsg *msg)
{
    cr_assert_eq(e, ERR_OK, "%s: %s", err_name(e), msg->text);
}

static void take_id(struct rig *r, struct kafka_txn **out)
{
    struct errmsg msg = {0};
    enum err e;
    must(kafka_txn_new(&r->options, out, &msg), &msg);
    uint64_t end = clock_mono_ms() + WAIT_MS;
    while ((e = kafka_txn_init(*out, 200, &msg)) == ERR_BROKER_DOWN && clock_mono_ms() < end)
        ;
    must(e, &msg);
}

static void start(struct rig *r)
{
    struct errmsg msg = {0};
    *r = (struct rig){0};
    kafka_options_init(&r->options);
    must(kafka_embedded_new(1, &r->broker, &msg), &msg);
    must(kafka_embedded_topic(r->broker, "t", 2, &msg), &msg);
    must(kafka_embedded_topic(r->broker, "kept", 1, &msg), &msg);
    r->options.embedded = r->broker;
    r->options.transactional_id = "task";
    take_id(r, &r->txn);
    must(kafka_txn_begin(r->txn, &msg), &msg);
    for (uint32_t i = 0; i < 2; i++) {
        struct member *m = &r->members[i];
        m->token.owner = i;
        must(kafka_producer_new_in(r->txn, &r->options, i, &m->producer, &msg), &msg);
        must(kafka_producer_topic(m->producer, "t", &m->topic, &msg), &msg);
    }
}

static void stop(struct rig *r)
{
    kafka_txn_free(r->txn, 1000);
    for (uint32_t i = 0; i < 2; i++)
        kafka_producer_free(r->members[i].producer);
    kafka_embedded_free(r->broker);
}

static void on_delivered(void *arg, void *token, uint32_t count, enum err outcome)
{
    struct member *m = arg;
    cr_assert_eq(token, &m->token, "a report of another producer");
    *(outcome == ERR_OK ? &m->good : &m->bad) += count;
}

static void look(struct rig *r, int ms)
{
    for (uint32_t i = 0; i < 2; i++)
        kafka_poll(r->members[i].producer, ms, on_delivered, &r->members[i]);
}

/* Each producer's own partition. */
static enum err put(struct rig *r, uint32_t member, const char *value)
{
    struct member *m = &r->members[member];
    return kafka_produce(m->producer, m->topic, (int32_t)member, SLICE_LIT("k"), slice_str(value),
                         &m->token);
}

static enum err hold(struct rig *r)
{
    for (uint32_t i = 0; i < 2; i++)
        TRY(kafka_producer_hold(r->members[i].producer));
    return ERR_OK;
}

static enum err commit(struct rig *r, struct errmsg *msg)
{
    uint64_t end = clock_mono_ms() + WAIT_MS;
    enum err e;
    while ((e = kafka_txn_commit(r->txn, 5, msg)) == ERR_BROKER_DOWN && clock_mono_ms() < end)
        look(r, 1);
    return e;
}

static void count_one(void *arg, const rd_kafka_message_t *m)
{
    (void)m;
    ++*(size_t *)arg;
}

static size_t in_topic(struct rig *r, size_t expected)
{
    size_t count = 0;
    (void)readback(kafka_embedded_address(r->broker), "t", 2, expected, WAIT_MS, count_one, &count);
    return count;
}

Test(txn, what_is_queued_before_the_hold_is_committed_and_what_comes_later_waits)
{
    struct rig r;
    struct errmsg msg = {0};
    start(&r);
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(put(&r, (uint32_t)i % 2, "first"), ERR_OK);
    cr_assert_eq(hold(&r), ERR_OK);
    for (int i = 0; i < 500; i++)
        cr_assert_eq(put(&r, (uint32_t)i % 2, "second"), ERR_OK);
    must(kafka_txn_put(r.txn, "kept", SLICE_LIT("position"), &SLICE_LIT("1"), &msg), &msg);
    must(commit(&r, &msg), &msg);
    look(&r, 0);
    cr_assert_eq(r.members[0].good + r.members[1].good, 1000);
    cr_assert_eq(kafka_producer_outstanding(r.members[0].producer), 250);
    cr_assert_eq(in_topic(&r, 1000), 1000);

    must(kafka_txn_begin(r.txn, &msg), &msg);
    for (uint32_t i = 0; i < 2; i++)
        kafka_producer_release(r.members[i].producer);
    cr_assert_eq(hold(&r), ERR_OK);
    must(commit(&r, &msg), &msg);
    look(&r, 0);
    cr_assert_eq(r.members[0].good, 750);
    cr_assert_eq(r.members[1].good, 750);
    cr_assert_eq(in_topic(&r, 1500), 1500);
    stop(&r);
}

struct kept {
    char text[200];
};

static enum err take(void *arg, struct slice key, const struct slice *value)
{
    struct kept *k = arg;
    size_t len = strlen(k->text);
    snprintf(k->text + len, sizeof(k->text) - len, "%.*s=%.*s ", SLICE_ARG(key),
             value != NULL ? (int)value->len : 1, value != NULL ? (const char *)value->ptr : "-");
    return ERR_OK;
}

Test(txn, records_of_the_task_are_read_back_in_order)
{
    struct rig r;
    struct errmsg msg = {0};
    struct kept k = {0};
    start(&r);
    must(kafka_kept_read(&r.options, "kept", WAIT_MS, take, &k, &msg), &msg);
    cr_assert_str_eq(k.text, "");
    must(kafka_txn_put(r.txn, "kept", SLICE_LIT("a"), &SLICE_LIT("1"), &msg), &msg);
    must(kafka_txn_put(r.txn, "kept", SLICE_LIT("b"), &SLICE_LIT(""), &msg), &msg);
    must(kafka_txn_put(r.txn, "kept", SLICE_LIT("a"), NULL, &msg), &msg);
    must(commit(&r, &msg), &msg);
    must(kafka_kept_read(&r.options, "kept", WAIT_MS, take, &k, &msg), &msg);
    cr_assert_str_eq(k.text, "a=1 b= a=- ");
    stop(&r);
}

Test(txn, a_client_that_is_fenced_says_so)
{
    struct rig r;
    struct errmsg msg = {0};
    start(&r);
    cr_assert_eq(put(&r, 0, "first"), ERR_OK);
    kafka_embedded_fail(r.broker, API_END_TXN, CODE_PRODUCER_FENCED, 1);
    cr_assert_eq(hold(&r), ERR_OK);
    cr_assert_eq(commit(&r, &msg), ERR_FENCED, "%s", msg.text);
    cr_assert_not_null(strstr(msg.text, "another instance of task task has taken over"));
    uint64_t end = clock_mono_ms() + WAIT_MS;
    while (kafka_producer_state(r.members[0].producer)->failed == ERR_OK && clock_mono_ms() < end)
        look(&r, 10);
    cr_assert_eq(kafka_producer_state(r.members[0].producer)->failed, ERR_ABORTED);
    cr_assert_eq(kafka_txn_why(r.txn, &msg), ERR_FENCED);
    stop(&r);
}

Test(txn, a_fence_behind_the_time_that_a_transaction_may_last_is_an_abort)
{
    struct rig r;
    struct errmsg msg = {0};
    static const struct kafka_property brief = {"transaction.timeout.ms", "1000"};
    start(&r);
    struct kafka_txn *other;
    struct kafka_options o = r.options;
    o.properties = &brief;
    o.property_count = 1;
    o.transactional_id = "brief";
    must(kafka_txn_new(&o, &other, &msg), &msg);
    cr_assert_eq(kafka_txn_timeout_ms(other), 1000);
    while (kafka_txn_init(other, 200, &msg) == ERR_BROKER_DOWN)
        ;
    must(kafka_txn_begin(other, &msg), &msg);
    must(kafka_txn_put(other, "kept", SLICE_LIT("a"), &SLICE_LIT("1"), &msg), &msg);
    usleep(1100 * 1000);
    kafka_embedded_fail(r.broker, API_END_TXN, CODE_PRODUCER_FENCED, 1);
    enum err e;
    while ((e = kafka_txn_commit(other, 100, &msg)) == ERR_BROKER_DOWN)
        ;
    cr_assert_eq(e, ERR_ABORTED, "%s", msg.text);
    cr_assert_not_null(strstr(msg.text, "transaction.timeout.ms"));
    kafka_txn_free(other, 0);
    stop(&r);
}

static enum err fate(int api, int code)
{
    struct rig r;
    struct errmsg msg = {0};
    start(&r);
    kafka_embedded_fail(r.broker, api, code, 5);
    cr_assert_eq(put(&r, 0, "first"), ERR_OK);
    cr_assert_eq(hold(&r), ERR_OK);
    enum err e = commit(&r, &msg);
    cr_assert_eq(kafka_txn_why(r.txn, &msg), e, "%s", msg.text);
    cr_assert_neq(msg.text[0], '\0');
    stop(&r);
    return e;
}

Test(txn, what_a_failure_means)
{
    cr_assert_eq(fate(API_ADD_PARTITIONS_TO_TXN, CODE_TOPIC_DENIED), ERR_DEST_DENIED);
    cr_assert_eq(fate(API_ADD_PARTITIONS_TO_TXN, CODE_TRANSACTIONAL_DENIED), ERR_DEST_DENIED);
    cr_assert_eq(fate(API_PRODUCE, CODE_TOPIC_DENIED), ERR_DEST_DENIED);
    cr_assert_eq(fate(API_PRODUCE, CODE_INVALID_RECORD), ERR_DEST_REFUSED);
}

Test(txn, a_principal_that_may_not_use_the_id_is_told_so)
{
    struct rig r;
    struct kafka_txn *other;
    struct errmsg msg = {0};
    enum err e;
    start(&r);
    kafka_embedded_fail(r.broker, API_INIT_PRODUCER_ID, CODE_TRANSACTIONAL_DENIED, 1);
    must(kafka_txn_new(&r.options, &other, &msg), &msg);
    while ((e = kafka_txn_init(other, 200, &msg)) == ERR_BROKER_DOWN)
        ;
    cr_assert_eq(e, ERR_DEST_DENIED, "%s", msg.text);
    cr_assert_not_null(
        strstr(msg.text, "grant User:ANONYMOUS Describe and Write on the transactional id "));
    kafka_txn_free(other, 0);
    stop(&r);
}

Test(txn, a_client_is_given_up_with_messages_in_it)
{
    struct rig r;
    start(&r);
    kafka_embedded_set_up(r.broker, -1, 0);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(put(&r, (uint32_t)i % 2, "lost"), ERR_OK);
    cr_assert_eq(hold(&r), ERR_OK);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(put(&r, (uint32_t)i % 2, "lost, too"), ERR_OK);
    stop(&r);
}
