/*
 * Options to librdkafka properties. What is set here falls in three parts:
 * what the user chose, what the promises need, and what keeps memory and
 * noise down. The user's own properties come last.
 */
#include "kafka/config.h"

#include "base/log.h"
#include "kafka/embedded.h"
#include "kafka/kafka_err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/*
 * A batch is built in one buffer of this size and compressed into another, for
 * each partition's request in flight.
 */
#define BATCH_BYTES    ((size_t)256 << 10)
#define BATCH_MESSAGES 400
#define SHARED_TIMES   2 /* as large where one client stands for those of all lanes */
/* librdkafka measures a message with the largest possible varints; we measure it exactly. */
#define MESSAGE_MAX_SLACK 512
/*
 * A batch is whole when librdkafka gets it (gather.h), but it comes message by
 * message: the time between the first and the sending. The producer lets
 * messages wait for company itself.
 */
#define LINGER_MS     "1"
#define STATISTICS_MS "5000" /* what is measured over an interval (stats.h) is over this one */
#define SYSLOG_CRIT   2      /* librdkafka speaks syslog levels; <syslog.h> clashes with our log */
#define TXN_KBYTES    ((size_t)32 << 10) /* beside the lanes' messages: the state of the task */

/* Properties that may not be given, and the clause that says why. Aliases too. */
static const struct {
    const char *name;
    const char *why;
} refused[] = {
    {"bootstrap.servers", "use destination.brokers"},
    {"metadata.broker.list", "use destination.brokers"},
    {"acks", "use destination.acks"},
    {"request.required.acks", "use destination.acks"},
    {"message.max.bytes", "use destination.message_max"},
    {"queue.buffering.max.messages", "use limits.memory"},
    {"queue.buffering.max.kbytes", "use limits.memory"},
    {"sasl.password", "use destination.sasl with password_env"},
    {"ssl.key.password", "use a key file without a password"},
    {"enable.idempotence", "it follows from destination.acks"},
    {"enable.gapless.guarantee", "order and repeats depend on it"},
    {"max.in.flight", "order depends on it"},
    {"max.in.flight.requests.per.connection", "order depends on it"},
    {"message.send.max.retries", "how long to retry is retry.connection"},
    {"retries", "how long to retry is retry.connection"},
    {"message.timeout.ms", "how long to retry is retry.connection"},
    {"delivery.timeout.ms", "how long to retry is retry.connection"},
    {"queuing.strategy", "order depends on it"},
    {"partitioner", "partitions are chosen by destination.partition_by"},
    {"msg_order_cmp", "order depends on it"},
    {"delivery.report.only.error", "the acknowledged position depends on it"},
    {"produce.offset.report", "it has no effect here"},
    {"transactional.id", "use destination.delivery"},
    {"isolation.level", "what a restart begins with depends on it"},
    {"enable.partition.eof", "what a restart begins with depends on it"},
    {"message.copy.max.bytes", "memory use depends on it"},
    {"plugin.library.paths", "plugins are not loaded"},
    {"test.mock.num.brokers", "use destination.brokers: embedded"},
    {"test.mock.broker.rtt", "it is for tests of the library"},
    {"log.queue", "logging depends on it"},
};

void kafka_options_init(struct kafka_options *o)
{
    *o = (struct kafka_options){
        .acks = -1, .compression_level = KAFKA_LEVEL_DEFAULT, .linger_us = KAFKA_LINGER_DEFAULT};
}

enum err kafka_property_check(const char *name, struct errmsg *msg)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (strcasecmp(name, refused[i].name) == 0)
            return errmsg_set(msg, ERR_CONFIG,
                              "destination.librdkafka: property %s cannot be set here: %s", name,
                              refused[i].why);
    }
    return ERR_OK;
}

/* librdkafka's lines say nothing that kafka_producer_state() does not, but for the curious. */
static void on_log(const rd_kafka_t *rk, int level, const char *fac, const char *buf)
{
    char quoted[512];
    (void)rk;
    /* What becomes of a transaction is told by txn.h. */
    bool bad = level <= SYSLOG_CRIT && strcmp(fac, "TXNERR") != 0;
    if (bad || log_enabled(LOG_DEBUG))
        log_write(bad ? LOG_WARN : LOG_DEBUG, "kafka.client", "facility=%s text=%s", fac,
                  log_quote(quoted, sizeof quoted, buf));
}

/* One property; name is for the sentence, which must not show a secret's value. */
static enum err put(rd_kafka_conf_t *conf, const char *name, const char *value, struct errmsg *msg)
{
    char why[256];
    if (value == NULL || rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK)
        return ERR_OK;
    if (strstr(name, "password") != NULL)
        return errmsg_set(msg, ERR_CONFIG, "destination: %s is not accepted", name);
    return errmsg_set(msg, ERR_CONFIG, "destination: %s: %s", name, why);
}

static enum err put_long(rd_kafka_conf_t *conf, const char *name, long long value,
                         struct errmsg *msg)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", value);
    return put(conf, name, text, msg);
}

static enum err put_brokers(rd_kafka_conf_t *conf, const struct kafka_options *o,
                            struct errmsg *msg)
{
    const char *brokers = o->embedded != NULL ? kafka_embedded_address(o->embedded) : o->brokers;
    if (brokers == NULL || *brokers == '\0')
        return errmsg_set(msg, ERR_CONFIG,
                          "destination.brokers: empty: give HOST:PORT of at least one broker");
    TRY(put(conf, "bootstrap.servers", brokers, msg));
    TRY(put(conf, "client.id", o->client_id != NULL ? o->client_id : "rowcast", msg));
    if (o->embedded != NULL)
        return ERR_OK;
    TRY(put(conf, "security.protocol", o->security, msg));
    TRY(put(conf, "sasl.mechanism", o->sasl_mechanism, msg));
    TRY(put(conf, "sasl.username", o->sasl_user, msg));
    TRY(put(conf, "sasl.password", o->sasl_password, msg));
    TRY(put(conf, "ssl.ca.location", o->tls_ca, msg));
    TRY(put(conf, "ssl.certificate.location", o->tls_cert, msg));
    TRY(put(conf, "ssl.key.location", o->tls_key, msg));
    return ERR_OK;
}

static enum err put_promises(rd_kafka_conf_t *conf, const struct kafka_options *o,
                             struct errmsg *msg)
{
    if (o->acks < -1 || o->acks > 1)
        return errmsg_set(msg, ERR_CONFIG, "destination.acks: %d: give 0, 1 or all", o->acks);
    TRY(put(conf, "acks", o->acks < 0 ? "all" : o->acks == 0 ? "0" : "1", msg));
    bool idempotent = o->acks < 0 && !o->plain;
    TRY(put(conf, "enable.idempotence", idempotent ? "true" : "false", msg));
    TRY(put(conf, "max.in.flight", idempotent ? "5" : "1", msg));
    TRY(put(conf, "retries", "2147483647", msg));
    TRY(put(conf, "message.timeout.ms", "0", msg));
    TRY(put(conf, "transactional.id", o->transactional_id, msg));
    /* Topics are made by topic.h or by nobody. */
    TRY(put(conf, "allow.auto.create.topics", "false", msg));
    return ERR_OK;
}

struct kafka_batch kafka_conf_batch(const struct kafka_options *o, bool shared)
{
    size_t message_max = o->message_max != 0 ? o->message_max : KAFKA_MESSAGE_MAX;
    size_t bytes = BATCH_BYTES * (shared ? SHARED_TIMES : 1);
    return (struct kafka_batch){.bytes = message_max < bytes ? message_max : bytes,
                                .messages = BATCH_MESSAGES * (shared ? SHARED_TIMES : 1)};
}

static enum err put_queue(rd_kafka_conf_t *conf, const struct kafka_options *o, struct errmsg *msg)
{
    size_t message_max = o->message_max != 0 ? o->message_max : KAFKA_MESSAGE_MAX;
    size_t queue = o->queue_bytes != 0 ? o->queue_bytes : KAFKA_QUEUE_BYTES;
    struct kafka_batch batch = kafka_conf_batch(o, o->transactional_id != NULL);

    if (message_max < 1024 || message_max > 1000000000 - MESSAGE_MAX_SLACK)
        return errmsg_set(msg, ERR_CONFIG, "destination.message_max: %zu bytes: give 1KB to 950MB",
                          message_max);
    TRY(put_long(conf, "message.max.bytes", (long long)(message_max + MESSAGE_MAX_SLACK), msg));
    TRY(put_long(conf, "batch.size", (long long)batch.bytes, msg));
    TRY(put_long(conf, "batch.num.messages", batch.messages, msg));
    /*
     * producer_send.c counts keys and overhead as well, and refuses first; these
     * are the same bounds as a second line.
     */
    TRY(put(conf, "queue.buffering.max.messages", "0", msg));
    size_t kbytes = ((queue > message_max ? queue : message_max) >> 10) + 1;
    if (o->transactional_id != NULL)
        kbytes += TXN_KBYTES;
    TRY(put_long(conf, "queue.buffering.max.kbytes", kbytes > 2097151 ? 2097151 : (long long)kbytes,
                 msg));

    TRY(put(conf, "linger.ms", LINGER_MS, msg));
    TRY(put(conf, "compression.codec", o->compression != NULL ? o->compression : "lz4", msg));
    if (o->compression_level != KAFKA_LEVEL_DEFAULT)
        TRY(put_long(conf, "compression.level", o->compression_level, msg));
    return ERR_OK;
}

static enum err put_common(rd_kafka_conf_t *conf, struct errmsg *msg)
{
    /* Reconnects stay quick after a long outage: the first row should not wait for the client. */
    TRY(put(conf, "reconnect.backoff.ms", "100", msg));
    TRY(put(conf, "reconnect.backoff.max.ms", "2000", msg));
    TRY(put(conf, "socket.nagle.disable", "true", msg));
    TRY(put(conf, "socket.keepalive.enable", "true", msg));
    /* A lost connection is an event with a state of its own, not a log line each time. */
    TRY(put(conf, "log.connection.close", "false", msg));
    TRY(put(conf, "enable.metrics.push", "false", msg));
    return ERR_OK;
}

static enum err fill(rd_kafka_conf_t *conf, const struct kafka_options *o, enum kafka_client client,
                     struct errmsg *msg)
{
    rd_kafka_conf_set_log_cb(conf, on_log);
    TRY(put_brokers(conf, o, msg));
    TRY(put_common(conf, msg));
    if (client == KAFKA_PRODUCES) {
        TRY(put_promises(conf, o, msg));
        TRY(put_queue(conf, o, msg));
        TRY(put(conf, "statistics.interval.ms", STATISTICS_MS, msg));
    }
    for (size_t i = 0; i < o->property_count; i++) {
        TRY(kafka_property_check(o->properties[i].name, msg));
        TRY(put(conf, o->properties[i].name, o->properties[i].value, msg));
    }
    if (client == KAFKA_READS) {
        TRY(put(conf, "isolation.level", "read_committed", msg));
        TRY(put(conf, "enable.partition.eof", "true", msg));
    }
    return ERR_OK;
}

enum err kafka_conf_new(const struct kafka_options *o, enum kafka_client client,
                        struct rd_kafka_conf_s **out, struct errmsg *msg)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    enum err e = fill(conf, o, client, msg);
    if (e != ERR_OK) {
        rd_kafka_conf_destroy(conf);
        return e;
    }
    *out = conf;
    return ERR_OK;
}

enum err kafka_client_new(enum kafka_client client, rd_kafka_conf_t *conf, rd_kafka_t **out,
                          struct errmsg *msg)
{
    char why[512];
    rd_kafka_type_t type = client == KAFKA_PRODUCES ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER;
    rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof why);
    if (rk == NULL) {
        rd_kafka_conf_destroy(conf);
        return errmsg_set(msg, ERR_CONFIG, "destination: %s", why);
    }
    *out = rk;
    return ERR_OK;
}

enum err kafka_options_check(const struct kafka_options *o, struct errmsg *msg)
{
    rd_kafka_conf_t *conf;
    rd_kafka_t *rk;

    TRY(kafka_conf_new(o, KAFKA_PRODUCES, &conf, msg));
    /* What librdkafka checks across properties, and the files, show only in rd_kafka_new(). */
    TRY(kafka_client_new(KAFKA_PRODUCES, conf, &rk, msg));
    rd_kafka_destroy(rk);
    return ERR_OK;
}
