/*
 * The mock cluster needs an rd_kafka_t to live in; that one is a producer
 * without brokers, which does nothing else.
 */
#include "kafka/embedded.h"

#include "base/log.h"
#include "kafka/kafka_err.h"

#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>

#define BROKERS_MAX    16
#define PARTITIONS_MAX 4096 /* each takes memory from the start */

struct kafka_embedded {
    rd_kafka_t *home;
    rd_kafka_mock_cluster_t *cluster;
    int brokers;
};

static void ignore_log(const rd_kafka_t *rk, int level, const char *fac, const char *buf)
{
    (void)rk;
    (void)level;
    log_debug("kafka.embedded", "facility=%s text=\"%s\"", fac, buf);
}

enum err kafka_embedded_new(int brokers, struct kafka_embedded **out, struct errmsg *msg)
{
    if (brokers < 1 || brokers > BROKERS_MAX)
        return errmsg_set(msg, ERR_USAGE, "embedded broker: %d brokers: give 1 to %d", brokers,
                          BROKERS_MAX);
    struct kafka_embedded *e = calloc(1, sizeof *e);
    if (e == NULL)
        return errmsg_set(msg, ERR_NO_MEMORY, "embedded broker: out of memory");
    e->brokers = brokers;

    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, ignore_log);
    (void)rd_kafka_conf_set(conf, "client.id", "rowcast-embedded", NULL, 0);
    e->home = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (e->home == NULL) {
        rd_kafka_conf_destroy(conf);
        free(e);
        return errmsg_set(msg, ERR_SYSTEM, "embedded broker: %s", why);
    }
    e->cluster = rd_kafka_mock_cluster_new(e->home, brokers);
    if (e->cluster == NULL) {
        kafka_embedded_free(e);
        return errmsg_set(msg, ERR_SYSTEM,
                          "embedded broker: it cannot listen on a loopback port: check the limits "
                          "on open files and threads");
    }
    *out = e;
    return ERR_OK;
}

void kafka_embedded_free(struct kafka_embedded *e)
{
    if (e == NULL)
        return;
    if (e->cluster != NULL)
        rd_kafka_mock_cluster_destroy(e->cluster);
    rd_kafka_destroy(e->home);
    free(e);
}

const char *kafka_embedded_address(const struct kafka_embedded *e)
{
    return rd_kafka_mock_cluster_bootstraps(e->cluster);
}

enum err kafka_embedded_topic(struct kafka_embedded *e, const char *topic, int32_t partitions,
                              struct errmsg *msg)
{
    if (partitions < 1 || partitions > PARTITIONS_MAX)
        return errmsg_set(msg, ERR_CONFIG, "embedded broker: topic %s: %d partitions: give 1 to %d",
                          topic, (int)partitions, PARTITIONS_MAX);
    rd_kafka_resp_err_t re = rd_kafka_mock_topic_create(e->cluster, topic, partitions, e->brokers);
    if (re == RD_KAFKA_RESP_ERR_NO_ERROR)
        return ERR_OK;
    return errmsg_set(msg, kafka_err(re), "embedded broker: topic %s: %s", topic,
                      rd_kafka_err2str(re));
}

void kafka_embedded_set_up(struct kafka_embedded *e, int broker, int up)
{
    int32_t id = broker < 0 ? -1 : broker;
    if (up)
        (void)rd_kafka_mock_broker_set_up(e->cluster, id);
    else
        (void)rd_kafka_mock_broker_set_down(e->cluster, id);
}

void kafka_embedded_fail(struct kafka_embedded *e, int api_key, int code, int count)
{
    rd_kafka_resp_err_t re = (rd_kafka_resp_err_t)code;
    for (int i = 0; i < count; i++)
        rd_kafka_mock_push_request_errors_array(e->cluster, (int16_t)api_key, 1, &re);
}

void kafka_embedded_delay(struct kafka_embedded *e, int ms)
{
    (void)rd_kafka_mock_broker_set_rtt(e->cluster, -1, ms);
}
