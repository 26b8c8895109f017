/* Reads a topic back with a consumer of its own, for the tests of this room. */
#pragma once

#include "base/clock.h"

#include <librdkafka/rdkafka.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Called for each message; the order of a partition is kept. */
typedef void (*readback_fn)(void *arg, const rd_kafka_message_t *m);

#define READBACK_EXTRA_MS 200 /* for messages beyond those expected */

/*
 * Reads `count` messages from all partitions and those that come shortly
 * after, or what there is within wait_ms; returns how many.
 */
static inline size_t readback(const char *brokers, const char *topic, int partitions, size_t count,
                              int wait_ms, readback_fn fn, void *arg)
{
    char why[256];
    size_t seen = 0;
    uint64_t end = clock_mono_ms() + (uint64_t)wait_ms;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    (void)rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof why);
    (void)rd_kafka_conf_set(conf, "group.id", "readback", why, sizeof why);
    (void)rd_kafka_conf_set(conf, "enable.auto.commit", "false", why, sizeof why);
    (void)rd_kafka_conf_set(conf, "auto.offset.reset", "earliest", why, sizeof why);
    (void)rd_kafka_conf_set(conf, "fetch.wait.max.ms", "50", why, sizeof why);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (rk == NULL) {
        fprintf(stderr, "readback: %s\n", why);
        abort();
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int i = 0; i < partitions; i++)
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    while (clock_mono_ms() < end) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 50);
        if (m == NULL)
            continue;
        if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            seen++;
            fn(arg, m);
            if (seen >= count)
                end = clock_mono_ms() + READBACK_EXTRA_MS;
        }
        rd_kafka_message_destroy(m);
    }
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return seen;
}
