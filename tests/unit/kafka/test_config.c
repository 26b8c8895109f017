/* Options and what they may not say. */
#include "kafka/config.h"

#include <criterion/criterion.h>
#include <string.h>

static struct kafka_options plain(void)
{
    struct kafka_options o;
    kafka_options_init(&o);
    o.brokers = "127.0.0.1:9092";
    return o;
}

static enum err check(const struct kafka_options *o, struct errmsg *msg)
{
    *msg = (struct errmsg){0};
    return kafka_options_check(o, msg);
}

Test(config, defaults_are_accepted)
{
    struct errmsg msg;
    struct kafka_options o = plain();
    cr_assert_eq(check(&o, &msg), ERR_OK, "%s", msg.text);
    for (int acks = -1; acks <= 1; acks++) {
        o.acks = acks;
        cr_assert_eq(check(&o, &msg), ERR_OK, "%s", msg.text);
    }
}

Test(config, properties_that_a_promise_depends_on_are_refused_by_name_and_alias)
{
    static const char *const names[] = {
        "enable.idempotence",
        "acks",
        "request.required.acks",
        "message.timeout.ms",
        "delivery.timeout.ms",
        "max.in.flight",
        "max.in.flight.requests.per.connection",
        "retries",
        "message.send.max.retries",
        "partitioner",
        "transactional.id",
        "bootstrap.servers",
        "queue.buffering.max.kbytes",
        "Enable.Idempotence",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct errmsg msg = {0};
        struct kafka_property p = {names[i], "1"};
        struct kafka_options o = plain();
        o.properties = &p;
        o.property_count = 1;
        cr_assert_eq(kafka_property_check(names[i], &msg), ERR_CONFIG, "%s", names[i]);
        cr_assert(strstr(msg.text, names[i]) != NULL, "%s", msg.text);
        cr_assert_eq(check(&o, &msg), ERR_CONFIG, "%s", names[i]);
    }
}

Test(config, other_properties_have_the_last_word)
{
    struct errmsg msg;
    struct kafka_property p[] = {{"linger.ms", "20"},
                                 {"batch.size", "100000"},
                                 {"client.id", "mine"},
                                 {"socket.timeout.ms", "5000"}};
    struct kafka_options o = plain();
    o.properties = p;
    o.property_count = sizeof p / sizeof *p;
    cr_assert_eq(kafka_property_check("linger.ms", &msg), ERR_OK);
    cr_assert_eq(check(&o, &msg), ERR_OK, "%s", msg.text);
}

Test(config, unknown_properties_and_bad_values_are_told_by_name)
{
    struct errmsg msg;
    struct kafka_property p = {"linger.msec", "20"};
    struct kafka_options o = plain();
    o.properties = &p;
    o.property_count = 1;
    cr_assert_eq(check(&o, &msg), ERR_CONFIG);
    cr_assert(strstr(msg.text, "linger.msec") != NULL, "%s", msg.text);
    p = (struct kafka_property){"linger.ms", "soon"};
    cr_assert_eq(check(&o, &msg), ERR_CONFIG);
    cr_assert(strstr(msg.text, "linger.ms") != NULL, "%s", msg.text);
}

Test(config, values_out_of_range_are_refused)
{
    struct errmsg msg;
    struct kafka_options o = plain();
    o.brokers = "";
    cr_assert_eq(check(&o, &msg), ERR_CONFIG);
    cr_assert(strstr(msg.text, "destination.brokers") != NULL, "%s", msg.text);
    o = plain();
    o.acks = 2;
    cr_assert_eq(check(&o, &msg), ERR_CONFIG);
    o = plain();
    o.compression = "lzma";
    cr_assert_eq(check(&o, &msg), ERR_CONFIG);
    o = plain();
    o.security = "tls";
    cr_assert_eq(check(&o, &msg), ERR_CONFIG);
    o = plain();
    o.message_max = 1023;
    cr_assert_eq(check(&o, &msg), ERR_CONFIG);
    o.message_max = 1024;
    cr_assert_eq(check(&o, &msg), ERR_OK, "%s", msg.text);
    o.message_max = (size_t)1 << 40;
    cr_assert_eq(check(&o, &msg), ERR_CONFIG);
}

Test(config, files_that_are_not_there_are_told)
{
    struct errmsg msg;
    struct kafka_options o = plain();
    o.security = "ssl";
    o.tls_ca = "/nonexistent/ca.pem";
    cr_assert_eq(check(&o, &msg), ERR_CONFIG);
    cr_assert(strstr(msg.text, "ssl.ca.location") != NULL ||
                  strstr(msg.text, "/nonexistent/ca.pem") != NULL,
              "%s", msg.text);
}

Test(config, secrets_do_not_show_in_sentences)
{
    struct errmsg msg;
    struct kafka_options o = plain();
    o.security = "sasl_plaintext";
    o.sasl_mechanism = "NO-SUCH-MECHANISM";
    o.sasl_user = "u";
    o.sasl_password = "very-secret";
    cr_assert_eq(check(&o, &msg), ERR_CONFIG);
    cr_assert(strstr(msg.text, "very-secret") == NULL, "%s", msg.text);
    o.sasl_mechanism = "SCRAM-SHA-256";
    cr_assert_eq(check(&o, &msg), ERR_OK, "%s", msg.text);
}

Test(config, a_client_that_stands_for_many_has_batches_of_twice_the_size)
{
    struct kafka_options o = plain();
    struct kafka_batch one = kafka_conf_batch(&o, false), shared = kafka_conf_batch(&o, true);
    cr_assert_eq(shared.bytes, 2 * one.bytes);
    cr_assert_eq(shared.messages, 2 * one.messages);
    o.message_max = one.bytes + 1;
    cr_assert_eq(kafka_conf_batch(&o, false).bytes, one.bytes);
    cr_assert_eq(kafka_conf_batch(&o, true).bytes, o.message_max,
                 "no larger than a message may be");
}
