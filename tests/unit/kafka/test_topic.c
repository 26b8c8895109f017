/* Questions to the embedded broker, and to nobody. */
#include "kafka/topic.h"

#include "base/clock.h"
#include "kafka/embedded.h"
#include "kafka/producer.h"

#include <criterion/criterion.h>
#include <string.h>

struct rig {
    struct kafka_embedded *broker;
    struct kafka_options options;
    struct kafka_admin *admin;
};

static void must(enum err e, const struct errmsg *msg)
{
    cr_assert_eq(e, ERR_OK, "%s: %s", err_name(e), msg->text);
}

static void rig_start(struct rig *r)
{
    struct errmsg msg = {0};
    *r = (struct rig){0};
    kafka_options_init(&r->options);
    must(kafka_embedded_new(1, &r->broker, &msg), &msg);
    r->options.embedded = r->broker;
    must(kafka_admin_new(&r->options, 5000, &r->admin, &msg), &msg);
}

static void rig_stop(struct rig *r)
{
    kafka_admin_free(r->admin);
    kafka_embedded_free(r->broker);
}

Test(topic, made_with_the_partitions_asked_for)
{
    struct rig r;
    struct errmsg msg = {0};
    bool created = false;
    int32_t n = 0;
    int brokers = 0;
    rig_start(&r);
    must(kafka_cluster_brokers(r.admin, &brokers, &msg), &msg);
    cr_assert_eq(brokers, 1);
    must(kafka_topic_create(r.admin, "orders", 6, 1, &created, &msg), &msg);
    cr_assert(created);
    must(kafka_topic_partitions(r.admin, "orders", &n, &msg), &msg);
    cr_assert_eq(n, 6);
    rig_stop(&r);
}

Test(topic, that_exists_already_stays_as_it_is)
{
    struct rig r;
    struct errmsg msg = {0};
    bool created = false;
    int32_t n = 0;
    rig_start(&r);
    must(kafka_topic_create(r.admin, "orders", 2, 1, &created, &msg), &msg);
    must(kafka_topic_create(r.admin, "orders", 6, 1, &created, &msg), &msg);
    cr_assert_not(created);
    must(kafka_topic_partitions(r.admin, "orders", &n, &msg), &msg);
    cr_assert_eq(n, 2);
    rig_stop(&r);
}

Test(topic, unknown_is_told_by_name_and_not_made_by_asking)
{
    struct rig r;
    struct errmsg msg = {0};
    bool exists = true;
    int32_t n = -7;
    rig_start(&r);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(kafka_topic_partitions(r.admin, "nowhere", &n, &msg), ERR_DEST_TOPIC);
        cr_assert(strstr(msg.text, "topic nowhere") != NULL, "%s", msg.text);
        cr_assert(strstr(msg.text, "create_topics") != NULL, "%s", msg.text);
        cr_assert_eq(n, -7);
        must(kafka_topic_exists(r.admin, "nowhere", &exists, &msg), &msg);
        cr_assert_not(exists);
    }
    rig_stop(&r);
}

static void ignore(void *arg, void *token, uint32_t count, enum err outcome)
{
    (void)arg;
    (void)token;
    (void)count;
    (void)outcome;
}

Test(topic, tells_how_many_records_it_holds)
{
    struct rig r;
    struct errmsg msg = {0};
    bool created;
    int64_t records = -1;
    struct kafka_producer *p;
    struct kafka_topic *t;
    rig_start(&r);
    must(kafka_topic_create(r.admin, "orders", 3, 1, &created, &msg), &msg);
    must(kafka_topic_records(r.admin, "orders", &records, &msg), &msg);
    cr_assert_eq(records, 0);
    must(kafka_producer_new(&r.options, &p, &msg), &msg);
    must(kafka_producer_topic(p, "orders", &t, &msg), &msg);
    for (int i = 0; i < 30; i++)
        must(kafka_produce(p, t, i % 3, SLICE_LIT(""), SLICE_LIT("v"), NULL), &msg);
    for (int i = 0; i < 100 && kafka_producer_outstanding(p) > 0; i++)
        kafka_poll(p, 100, ignore, NULL);
    must(kafka_topic_records(r.admin, "orders", &records, &msg), &msg);
    cr_assert_eq(records, 30);
    kafka_producer_free(p);
    rig_stop(&r);
}

Test(topic, message_limit_of_the_embedded_broker_is_not_known)
{
    struct rig r;
    struct errmsg msg = {0};
    int64_t bytes = -1;
    rig_start(&r);
    must(kafka_topic_message_max(r.admin, "orders", &bytes, &msg), &msg);
    cr_assert_eq(bytes, 0);
    rig_stop(&r);
}

Test(topic, unreachable_brokers_are_told_in_time)
{
    struct kafka_options o;
    struct kafka_admin *a;
    struct errmsg msg = {0};
    int32_t n;
    kafka_options_init(&o);
    o.brokers = "127.0.0.1:1";
    must(kafka_admin_new(&o, 1500, &a, &msg), &msg);
    uint64_t begin = clock_mono_ms();
    cr_assert_eq(kafka_topic_partitions(a, "t", &n, &msg), ERR_BROKER_DOWN);
    cr_assert_lt(clock_mono_ms() - begin, 10000);
    cr_assert(strstr(msg.text, "127.0.0.1:1") != NULL, "%s", msg.text);
    cr_assert(strstr(msg.text, "destination.brokers") != NULL, "%s", msg.text);
    kafka_admin_free(a);
}

Test(topic, names_that_kafka_does_not_take_are_refused)
{
    struct rig r;
    struct errmsg msg = {0};
    bool created;
    rig_start(&r);
    char name[600];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    cr_assert_neq(kafka_topic_create(r.admin, name, 1, 1, &created, &msg), ERR_OK);
    cr_assert_neq(kafka_topic_create(r.admin, "orders", 0, 1, &created, &msg), ERR_OK);
    cr_assert_neq(kafka_topic_create(r.admin, "orders", 1000000, 1, &created, &msg), ERR_OK);
    rig_stop(&r);
}
