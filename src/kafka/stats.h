/*
 * librdkafka's statistics, condensed to what an operator needs: a producer's
 * queue, and for each broker whether it is there, how fast it answers, and
 * what had to be repeated.
 *
 * The library hands out one JSON text every statistics.interval.ms; names are
 * those of its STATISTICS.md. Counters run since the producer was made.
 *
 * Pure; any thread.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define KAFKA_STATS_BROKERS 64         /* more are left out */
#define KAFKA_STATS_BYTES   (4u << 20) /* of text; a longer one is left out */

struct kafka_broker_stats {
    char name[128]; /* "HOST:PORT/ID" */
    bool up;
    uint64_t requests; /* sent */
    uint64_t errors;   /* requests that could not be sent, or failed */
    uint64_t retries;  /* requests that were sent again */
    uint64_t timeouts; /* requests without an answer in time */
    uint64_t connects, disconnects;
    uint64_t sent_bytes, received_bytes;
    uint64_t queued;  /* requests that wait to be sent */
    uint64_t waiting; /* requests that wait for their answer */
    uint64_t rtt_us;  /* mean of the last interval; 0: nothing was asked */
    uint64_t rtt_p99_us;
    uint64_t throttle_us; /* the longest of the last interval that the broker held us back */
};

struct kafka_stats {
    uint64_t queue_messages;
    uint64_t queue_bytes;
    size_t broker_count;
    struct kafka_broker_stats brokers[];
};

/* *out: to be freed by free(). ERR_MALFORMED, ERR_TOO_LARGE, ERR_NO_MEMORY. */
NODISCARD enum err kafka_stats_parse(struct slice json, struct kafka_stats **out);
