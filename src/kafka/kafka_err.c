#include "kafka/kafka_err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Alerts about a certificate that is none of theirs, bad, revoked, expired, unknown or missing. */
static bool is_about_certificates(unsigned long alert)
{
    return (alert >= 41 && alert <= 46) || alert == 48 || alert == 49 || alert == 116;
}

rd_kafka_resp_err_t kafka_err_told(rd_kafka_resp_err_t e, const char *text)
{
    static const char words[] = "SSL alert number ";
    if (e != RD_KAFKA_RESP_ERR__TRANSPORT || text == NULL)
        return e;
    const char *at = strstr(text, words);
    if (at == NULL || !is_about_certificates(strtoul(at + sizeof words - 1, NULL, 10)))
        return e;
    return RD_KAFKA_RESP_ERR__SSL;
}

enum err kafka_err(rd_kafka_resp_err_t e)
{
    /* A code that is not listed is one that retrying does not help. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wswitch-enum"
    switch (e) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return ERR_OK;

    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
        return ERR_NO_ROOM;

    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR__WAIT_CACHE:
    case RD_KAFKA_RESP_ERR__NODE_UPDATE:
    case RD_KAFKA_RESP_ERR__RETRY:
    case RD_KAFKA_RESP_ERR__DESTROY_BROKER:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
    case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_PREFERRED_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED:
        return ERR_BROKER_DOWN;

    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
    case RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE:
    case RD_KAFKA_RESP_ERR_SECURITY_DISABLED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
        return ERR_DEST_DENIED;

    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
        return ERR_DEST_TOPIC;

    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
        return ERR_DEST_OLD;

    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        return ERR_TOO_LARGE;

    case RD_KAFKA_RESP_ERR__INVALID_ARG:
    case RD_KAFKA_RESP_ERR__CONFLICT:
    case RD_KAFKA_RESP_ERR__NOT_CONFIGURED:
        return ERR_CONFIG;

    case RD_KAFKA_RESP_ERR__STATE:
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__UNKNOWN_BROKER:
        return ERR_BUG;

    default:
        return ERR_DEST_REFUSED;
    }
#pragma GCC diagnostic pop
}

static const char *setting(rd_kafka_t *rk, const char *name, char *out, size_t cap)
{
    out[0] = '\0';
    if (rk == NULL || rd_kafka_conf_get(rd_kafka_conf(rk), name, out, &cap) != RD_KAFKA_CONF_OK)
        out[0] = '\0';
    return out;
}

bool kafka_principal(rd_kafka_t *rk, char *out, size_t cap)
{
    char security[32], certificate[8];
    if (strstr(setting(rk, "security.protocol", security, sizeof security), "sasl") != NULL) {
        (void)setting(rk, "sasl.username", out, cap);
        return true;
    }
    (void)setting(rk, "ssl.certificate.location", certificate, sizeof certificate); /* cut */
    bool given = strcmp(security, "ssl") == 0 && certificate[0] != '\0';
    snprintf(out, cap, "%s", given ? "the subject of tls_cert" : "ANONYMOUS");
    return !given;
}

/* A permission that is missing; NULL: something else. */
static const char *grant(rd_kafka_t *rk, rd_kafka_resp_err_t e, const char *needs,
                         char out[KAFKA_REMEDY_MAX])
{
    char who[128], user[136], id[128];
    snprintf(user, sizeof user, "%s%s", kafka_principal(rk, who, sizeof who) ? "User:" : "", who);
    if (e == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        snprintf(out, KAFKA_REMEDY_MAX, ": grant %s %s on the topic", user,
                 needs != NULL ? needs : "Describe and Write");
    else if (e == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED)
        snprintf(out, KAFKA_REMEDY_MAX,
                 ": grant %s Write on the topics (before Kafka 2.8: IdempotentWrite on the "
                 "cluster), or set destination.acks to 1",
                 user);
    else if (e == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
        snprintf(out, KAFKA_REMEDY_MAX,
                 ": grant %s Describe and Write on the transactional id %s, which is the task's "
                 "name",
                 user, setting(rk, "transactional.id", id, sizeof id));
    else
        return NULL;
    return out;
}

static const char *advice(rd_kafka_resp_err_t e)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wswitch-enum"
    switch (e) {
    case RD_KAFKA_RESP_ERR__RESOLVE:
        return "check the host name in destination.brokers";
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
        return "check destination.brokers and destination.security, and that the brokers run";
    case RD_KAFKA_RESP_ERR__SSL:
        return "check destination.security, tls_ca, tls_cert and tls_key";
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
    case RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE:
        return "check destination.sasl: mechanism, user and password_env";
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
        return "lower transaction.timeout.ms in destination.librdkafka, or raise "
               "transaction.max.timeout.ms of the brokers";
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        return "create the topic, or let the schema phase do it with destination.create_topics";
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return "the topic has fewer partitions than when the task first wrote to it";
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
        return "set destination.replication_factor to at most the number of brokers";
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        return "raise message.max.bytes of the broker or max.message.bytes of the topic, or lower "
               "destination.message_max and choose destination.too_large";
    case RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER:
    case RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    case RD_KAFKA_RESP_ERR__FATAL:
        return "the brokers may have lost acknowledged messages; run the task again, it goes on "
               "at its last durable position";
    default:
        return NULL;
    }
#pragma GCC diagnostic pop
}

const char *kafka_err_remedy(rd_kafka_t *rk, rd_kafka_resp_err_t e, const char *needs,
                             char out[KAFKA_REMEDY_MAX])
{
    if (grant(rk, e, needs, out) != NULL)
        return out;
    const char *what = advice(e);
    snprintf(out, KAFKA_REMEDY_MAX, "%s%s", what != NULL ? ": " : "", what != NULL ? what : "");
    return out;
}
