/*
 * The kafka room against a real Kafka. Its addresses come in the environment,
 * as scripts/servers prints them: run it through with-servers.
 */
#include "kafka/producer.h"

#include "base/clock.h"
#include "kafka/topic.h"
#include "readback.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEADLINE_MS 40000 /* on a machine with other things to do */

/* The setting's value; a server that is not there is a failure. */
static const char *setting(const char *name)
{
    const char *value = getenv(name);
    cr_assert_not_null(value, "%s is not set: run this through tests/integration/with-servers",
                       name);
    return value;
}

static struct kafka_options plain(void)
{
    struct kafka_options o;
    kafka_options_init(&o);
    o.brokers = setting("KAFKA_BROKERS");
    return o;
}

static void must(enum err e, const struct errmsg *msg)
{
    cr_assert_eq(e, ERR_OK, "%s: %s", err_name(e), msg->text);
}

static struct kafka_admin *admin(const struct kafka_options *o)
{
    struct kafka_admin *a;
    struct errmsg msg = {0};
    must(kafka_admin_new(o, DEADLINE_MS, &a, &msg), &msg);
    return a;
}

/* A name that no other run of this program used. */
static const char *fresh(const char *what)
{
    static char name[100];
    snprintf(name, sizeof name, "it-%s-%d-%llu", what, (int)getpid(),
             (unsigned long long)clock_wall_us());
    return name;
}

static void make(const struct kafka_options *o, const char *topic, int partitions)
{
    struct errmsg msg = {0};
    bool created = false;
    struct kafka_admin *a = admin(o);
    must(kafka_topic_create(a, topic, partitions, 1, &created, &msg), &msg);
    cr_assert(created);
    kafka_admin_free(a);
}

struct lane {
    struct kafka_producer *p;
    struct kafka_topic *t;
    size_t good, bad;
};

static void on_delivered(void *arg, void *token, uint32_t count, enum err outcome)
{
    struct lane *l = arg;
    (void)token;
    if (outcome == ERR_OK)
        l->good += count;
    else
        l->bad += count;
}

static void lane_start(struct lane *l, const struct kafka_options *o, const char *topic)
{
    struct errmsg msg = {0};
    *l = (struct lane){0};
    must(kafka_producer_new(o, &l->p, &msg), &msg);
    must(kafka_producer_topic(l->p, topic, &l->t, &msg), &msg);
}

static void settle(struct lane *l)
{
    uint64_t end = clock_mono_ms() + DEADLINE_MS;
    while (kafka_producer_outstanding(l->p) > 0 && clock_mono_ms() < end &&
           kafka_producer_state(l->p)->failed == ERR_OK)
        kafka_poll(l->p, 100, on_delivered, l);
}

static char numbers[5000][12];

/* Sends the numbers below count over the partitions, and waits. */
static void send_numbers(struct lane *l, int count, int partitions)
{
    for (int i = 0; i < count; i++) {
        snprintf(numbers[i], sizeof numbers[i], "%d", i);
        cr_assert_eq(
            kafka_produce(l->p, l->t, i % partitions, SLICE_LIT("k"), slice_str(numbers[i]), NULL),
            ERR_OK);
    }
    kafka_hurry(l->p);
    settle(l);
}

struct order {
    int last[8];
    size_t wrong;
};

static void check_order(void *arg, const rd_kafka_message_t *m)
{
    struct order *o = arg;
    char text[16] = "";
    memcpy(text, m->payload, m->len < 15 ? m->len : 15);
    int n = atoi(text);
    if (n <= o->last[m->partition])
        o->wrong++;
    o->last[m->partition] = n;
}

static void must_hold_numbers(const char *topic, int count, int partitions)
{
    struct order o = {.wrong = 0};
    memset(o.last, -1, sizeof o.last);
    size_t n = readback(setting("KAFKA_BROKERS"), topic, partitions, (size_t)count, DEADLINE_MS,
                        check_order, &o);
    cr_assert_eq(n, (size_t)count, "%s: %zu of %d", topic, n, count);
    cr_assert_eq(o.wrong, 0);
}

Test(kafka, topics_are_made_once_and_asked_about)
{
    struct errmsg msg = {0};
    struct kafka_options o = plain();
    bool created, exists;
    int32_t n;
    int64_t records, bytes;
    int brokers;
    char topic[100];
    snprintf(topic, sizeof topic, "%s", fresh("topic"));

    struct kafka_admin *a = admin(&o);
    must(kafka_cluster_brokers(a, &brokers, &msg), &msg);
    cr_assert_eq(brokers, 1);
    must(kafka_topic_exists(a, topic, &exists, &msg), &msg);
    cr_assert_not(exists);
    must(kafka_topic_create(a, topic, 3, 1, &created, &msg), &msg);
    cr_assert(created);
    must(kafka_topic_create(a, topic, 5, 1, &created, &msg), &msg);
    cr_assert_not(created);
    must(kafka_topic_exists(a, topic, &exists, &msg), &msg);
    cr_assert(exists);
    must(kafka_topic_partitions(a, topic, &n, &msg), &msg);
    cr_assert_eq(n, 3);
    must(kafka_topic_records(a, topic, &records, &msg), &msg);
    cr_assert_eq(records, 0);
    must(kafka_topic_message_max(a, topic, &bytes, &msg), &msg);
    cr_assert_gt(bytes, 1000000);
    kafka_admin_free(a);
}

Test(kafka, unknown_topic_is_told_with_the_ways_out)
{
    struct errmsg msg = {0};
    struct kafka_options o = plain();
    int32_t n;
    int64_t records;
    struct kafka_admin *a = admin(&o);
    cr_assert_eq(kafka_topic_partitions(a, "it-nowhere", &n, &msg), ERR_DEST_TOPIC);
    cr_assert(strstr(msg.text, "it-nowhere") && strstr(msg.text, "create_topics"), "%s", msg.text);
    cr_assert_eq(kafka_topic_records(a, "it-nowhere", &records, &msg), ERR_DEST_TOPIC);
    kafka_admin_free(a);
}

Test(kafka, topic_that_the_cluster_cannot_make_is_told_why)
{
    struct errmsg msg = {0};
    struct kafka_options o = plain();
    bool created;
    struct kafka_admin *a = admin(&o);
    cr_assert_eq(kafka_topic_create(a, fresh("replicated"), 1, 3, &created, &msg), ERR_DEST_TOPIC);
    cr_assert(strstr(msg.text, "replication_factor") != NULL, "%s", msg.text);
    cr_assert_eq(kafka_topic_create(a, "not/a/name", 1, 1, &created, &msg), ERR_DEST_TOPIC);
    cr_assert(strstr(msg.text, "not/a/name") != NULL, "%s", msg.text);
    kafka_admin_free(a);
}

struct delivery_case {
    char codec[8];
    int acks;
};

ParameterizedTestParameters(kafka, every_codec_and_acknowledgement_delivers_in_order)
{
    static struct delivery_case cases[] = {{"none", -1}, {"lz4", -1}, {"gzip", -1}, {"snappy", -1},
                                           {"zstd", -1}, {"lz4", 0},  {"lz4", 1}};
    return cr_make_param_array(struct delivery_case, cases, 7);
}

ParameterizedTest(struct delivery_case *c, kafka, every_codec_and_acknowledgement_delivers_in_order)
{
    struct kafka_options o = plain();
    struct lane l;
    char topic[100], what[16];
    o.compression = c->codec;
    o.acks = c->acks;
    snprintf(what, sizeof what, "%s%d", c->codec, c->acks);
    snprintf(topic, sizeof topic, "%s", fresh(what));
    make(&o, topic, 3);
    lane_start(&l, &o, topic);
    send_numbers(&l, 3000, 3);
    cr_assert_eq(l.good, 3000, "%s", kafka_producer_state(l.p)->sentence);
    kafka_producer_free(l.p);
    /* Without acknowledgements a broker that does not lead yet drops batches unseen. */
    if (c->acks != 0)
        must_hold_numbers(topic, 3000, 3);
}

struct login {
    char setting[32];
    char security[16];
    char mechanism[16];
};

ParameterizedTestParameters(kafka, every_login_works_and_a_wrong_password_is_denied)
{
    static struct login logins[] = {
        {"KAFKA_SASL_PLAINTEXT_BROKERS", "sasl_plaintext", "PLAIN"},
        {"KAFKA_SASL_PLAINTEXT_BROKERS", "sasl_plaintext", "SCRAM-SHA-256"},
        {"KAFKA_SASL_PLAINTEXT_BROKERS", "sasl_plaintext", "SCRAM-SHA-512"},
        {"KAFKA_SASL_SSL_BROKERS", "sasl_ssl", "PLAIN"},
        {"KAFKA_SASL_SSL_BROKERS", "sasl_ssl", "SCRAM-SHA-256"},
        {"KAFKA_SASL_SSL_BROKERS", "sasl_ssl", "SCRAM-SHA-512"},
    };
    return cr_make_param_array(struct login, logins, 6);
}

ParameterizedTest(struct login *c, kafka, every_login_works_and_a_wrong_password_is_denied)
{
    struct errmsg msg = {0};
    struct lane l;
    struct kafka_options o = plain();
    char topic[100];
    int brokers;
    snprintf(topic, sizeof topic, "%s", fresh(c->mechanism));
    o.brokers = setting(c->setting);
    o.security = c->security;
    o.sasl_mechanism = c->mechanism;
    o.sasl_user = setting("KAFKA_USER");
    o.sasl_password = setting("KAFKA_PASSWORD");
    if (strcmp(c->security, "sasl_ssl") == 0)
        o.tls_ca = setting("KAFKA_CA");
    make(&o, topic, 1);
    lane_start(&l, &o, topic);
    send_numbers(&l, 100, 1);
    cr_assert_eq(l.good, 100, "%s", kafka_producer_state(l.p)->sentence);
    kafka_producer_free(l.p);

    o.sasl_password = "wrong-password";
    struct kafka_admin *a = admin(&o);
    uint64_t begin = clock_mono_ms();
    cr_assert_eq(kafka_cluster_brokers(a, &brokers, &msg), ERR_DEST_DENIED, "%s", msg.text);
    cr_assert_lt(clock_mono_ms() - begin, DEADLINE_MS / 2);
    cr_assert(strstr(msg.text, "destination.sasl") != NULL, "%s", msg.text);
    cr_assert(strstr(msg.text, "wrong-password") == NULL, "%s", msg.text);
    kafka_admin_free(a);
}

Test(kafka, client_certificate_is_accepted_and_its_absence_is_not)
{
    struct errmsg msg = {0};
    struct kafka_options o = plain();
    int brokers;
    o.brokers = setting("KAFKA_SSL_BROKERS");
    o.security = "ssl";
    o.tls_ca = setting("KAFKA_CA");
    o.tls_cert = setting("KAFKA_CLIENT_CERT");
    o.tls_key = setting("KAFKA_CLIENT_KEY");
    struct kafka_admin *a = admin(&o);
    must(kafka_cluster_brokers(a, &brokers, &msg), &msg);
    kafka_admin_free(a);

    o.tls_cert = o.tls_key = NULL;
    must(kafka_admin_new(&o, 5000, &a, &msg), &msg);
    cr_assert_neq(kafka_cluster_brokers(a, &brokers, &msg), ERR_OK);
    cr_assert_neq(msg.text[0], '\0');
    kafka_admin_free(a);
}

Test(kafka, listener_of_another_kind_does_not_answer)
{
    struct errmsg msg = {0};
    struct kafka_options o = plain();
    struct kafka_admin *a;
    int brokers;
    o.brokers = setting("KAFKA_SASL_SSL_BROKERS");
    must(kafka_admin_new(&o, 3000, &a, &msg), &msg);
    cr_assert_eq(kafka_cluster_brokers(a, &brokers, &msg), ERR_BROKER_DOWN);
    cr_assert(strstr(msg.text, "destination.security") != NULL, "%s", msg.text);
    kafka_admin_free(a);
}

/* Bytes that do not compress. */
static void noise(uint8_t *p, size_t n)
{
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i < n; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        p[i] = (uint8_t)x;
    }
}

Test(kafka, message_over_the_brokers_limit_is_refused_and_told)
{
    struct kafka_options o = plain();
    struct lane l;
    char topic[100];
    size_t size = 12 << 20; /* scripts/servers starts it with a limit of 10 MiB */
    uint8_t *big = malloc(size);
    noise(big, size);
    snprintf(topic, sizeof topic, "%s", fresh("large"));
    o.message_max = 16 << 20;
    make(&o, topic, 1);

    lane_start(&l, &o, topic);
    cr_assert_eq(kafka_produce(l.p, l.t, 0, SLICE_LIT("k"), slice_of(big, 9 << 20), NULL), ERR_OK);
    settle(&l);
    cr_assert_eq(l.good, 1);
    cr_assert_eq(kafka_produce(l.p, l.t, 0, SLICE_LIT("k"), slice_of(big, size), NULL), ERR_OK);
    settle(&l);
    const struct kafka_state *s = kafka_producer_state(l.p);
    cr_assert_eq(s->failed, ERR_TOO_LARGE, "%s: %s", err_name(s->failed), s->sentence);
    cr_assert(strstr(s->sentence, topic) && strstr(s->sentence, "message.max.bytes"), "%s",
              s->sentence);
    kafka_producer_free(l.p);
    free(big);
}

Test(kafka, broker_that_hangs_is_trouble_and_then_delivers)
{
    struct kafka_options o = plain();
    struct lane l;
    char topic[100];
    pid_t pid = (pid_t)atoi(setting("KAFKA_PID"));
    snprintf(topic, sizeof topic, "%s", fresh("hang"));
    make(&o, topic, 3);
    lane_start(&l, &o, topic);
    send_numbers(&l, 300, 3);
    cr_assert_eq(l.good, 300);

    kill(pid, SIGSTOP);
    for (int i = 0; i < 300; i++)
        cr_assert_eq(kafka_produce(l.p, l.t, i % 3, SLICE_LIT("k"), SLICE_LIT("later"), NULL),
                     ERR_OK);
    uint64_t end = clock_mono_ms() + DEADLINE_MS;
    while (kafka_producer_state(l.p)->trouble == ERR_OK && clock_mono_ms() < end)
        kafka_poll(l.p, 100, on_delivered, &l);
    enum err trouble = kafka_producer_state(l.p)->trouble;
    kill(pid, SIGCONT);

    settle(&l);
    cr_assert_eq(trouble, ERR_BROKER_DOWN);
    cr_assert_eq(l.good, 600);
    cr_assert_eq(l.bad, 0);
    cr_assert_eq(kafka_producer_state(l.p)->trouble, ERR_OK);
    kafka_producer_free(l.p);
}
