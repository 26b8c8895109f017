/*
 * What a precheck wants to know of a cluster and of its topics, from a few
 * requests whatever the number of topics. Nothing is made or changed.
 *
 *   TRY(kafka_ask_cluster(admin, &cluster, em));
 *   TRY(kafka_ask_topics(admin, topics, count, since_ms, em));     name filled in before
 *
 * What a broker does not tell (too old, no permission to describe it, the
 * embedded one) is left unknown, which is no error. Errors and threads as of
 * topic.h.
 */
#pragma once

#include "kafka/topic.h"

/* Operations that the principal may do, as far as the broker tells (Kafka 2.3 and later). */
enum {
    KAFKA_MAY_WRITE = 1,
    KAFKA_MAY_DESCRIBE = 2,
    KAFKA_MAY_CREATE = 4,
    KAFKA_MAY_DESCRIBE_CONFIGS = 8,
    KAFKA_MAY_WRITE_IDEMPOTENT = 16,
    KAFKA_MAY_READ = 32,
    KAFKA_MAY_ACT_AS_BROKER =
        64, /* ClusterAction: super users may, and everybody where none asks */
};

#define KAFKA_UNKNOWN (-1) /* of a number that was not told */

struct kafka_cluster_facts {
    int brokers;
    bool settings_known;
    char protocol[24]; /* inter.broker.protocol.version: "2.8-IV1"; "": none, as from 4.0 on */
    int64_t message_max;
    int64_t in_sync_min;
    bool operations_known;
    unsigned operations;
};

struct kafka_topic_facts {
    const char *name; /* given; borrowed */
    enum err err;     /* ERR_OK: what follows was told; else why says why not */
    char why[400];
    bool exists;
    int32_t partitions;
    int32_t leaderless;        /* partitions without a leader now */
    int32_t replicas, in_sync; /* of the partition that has fewest */
    bool operations_known;
    unsigned operations;
    bool settings_known;
    int64_t message_max;
    int64_t in_sync_min;
    int64_t retention_ms, retention_bytes; /* a partition; KAFKA_UNKNOWN also: for ever */
    bool deletes;                          /* cleanup.policy has delete */
    int64_t records;                       /* KAFKA_UNKNOWN, or an upper bound */
    bool written;                          /* some record is younger than since_ms */
};

NODISCARD enum err kafka_ask_cluster(struct kafka_admin *a, struct kafka_cluster_facts *out,
                                     struct errmsg *msg);

/* since_ms: milliseconds since 1970. */
NODISCARD enum err kafka_ask_topics(struct kafka_admin *a, struct kafka_topic_facts *topics,
                                    size_t count, int64_t since_ms, struct errmsg *msg);

/* Whether messages may be produced with a transactional id, which only ACLs tell. */
enum kafka_grant {
    KAFKA_GRANT_UNKNOWN, /* they are not shown to this principal, or it is not known which it is */
    KAFKA_GRANT_OPEN,    /* there is no authorizer, or the principal is a super user */
    KAFKA_GRANTED,
    KAFKA_GRANT_MISSING, /* nothing grants it */
    KAFKA_GRANT_DENIED,
};

/* cluster: as kafka_ask_cluster() told it. */
NODISCARD enum err kafka_ask_transactional_id(struct kafka_admin *a,
                                              const struct kafka_cluster_facts *cluster,
                                              const char *id, enum kafka_grant *out,
                                              struct errmsg *msg);
