/*
 * Questions to the cluster and the making of topics, for start-up, precheck
 * and barriers. Each call waits for its answer, up to the client's deadline.
 *
 *   kafka_admin_new() → kafka_topic_*() → kafka_admin_free()
 *
 * Asking never makes a topic, not even where brokers create topics on demand.
 *
 * Errors: ERR_BROKER_DOWN when no broker answered in time (worth a retry),
 * ERR_DEST_DENIED for credentials and permissions, ERR_DEST_TOPIC for the
 * topic itself; all with a sentence.
 *
 * Threads: one at a time per client.
 */
#pragma once

#include "kafka/config.h"

#include <stdbool.h>
#include <stdint.h>

struct kafka_admin;

/* timeout_ms bounds each later call. Does not wait for brokers. */
NODISCARD enum err kafka_admin_new(const struct kafka_options *o, int timeout_ms,
                                   struct kafka_admin **out, struct errmsg *msg);
void kafka_admin_free(struct kafka_admin *a); /* may be NULL */

/*
 * Number of partitions. ERR_DEST_TOPIC when there is no such topic; the
 * sentence names it and the ways out.
 */
NODISCARD enum err kafka_topic_partitions(struct kafka_admin *a, const char *topic, int32_t *count,
                                          struct errmsg *msg);

/* Whether a topic is there. */
NODISCARD enum err kafka_topic_exists(struct kafka_admin *a, const char *topic, bool *exists,
                                      struct errmsg *msg);

/*
 * Makes a topic and waits until its partitions have leaders. A topic of that
 * name that exists already, whatever its partitions, is no error: *created
 * says which.
 */
NODISCARD enum err kafka_topic_create(struct kafka_admin *a, const char *topic, int32_t partitions,
                                      int replication_factor, bool *created, struct errmsg *msg);

/* The same for a topic of one partition that keeps the last record of each key for good. */
NODISCARD enum err kafka_topic_create_compacted(struct kafka_admin *a, const char *topic,
                                                int replication_factor, bool *created,
                                                struct errmsg *msg);

/* Settings that topics get which are made from here on; borrowed until the admin's end. */
struct kafka_property;
void kafka_topic_settings(struct kafka_admin *a, const struct kafka_property *settings,
                          size_t count);

/* How many records a topic holds: the distances of its partitions' ends, an upper bound. */
NODISCARD enum err kafka_topic_records(struct kafka_admin *a, const char *topic, int64_t *records,
                                       struct errmsg *msg);

/*
 * The topic's message.max.bytes (its own or the broker's). 0 when the cluster
 * does not tell: the embedded one, or no permission to describe.
 */
NODISCARD enum err kafka_topic_message_max(struct kafka_admin *a, const char *topic, int64_t *bytes,
                                           struct errmsg *msg);

/* The topic's cleanup.policy; empty where the cluster does not tell. */
NODISCARD enum err kafka_topic_cleanup(struct kafka_admin *a, const char *topic, char *out,
                                       size_t cap, struct errmsg *msg);

/* Brokers in the cluster, and whether credentials are accepted: a first contact. */
NODISCARD enum err kafka_cluster_brokers(struct kafka_admin *a, int *count, struct errmsg *msg);
