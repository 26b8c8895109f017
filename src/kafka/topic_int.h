/*
 * What the files that ask the cluster share (topic.c, inquiry.c).
 */
#pragma once

#include "kafka/kafka_err.h"
#include "kafka/topic.h"

struct kafka_admin {
    rd_kafka_t *rk;
    struct kafka_embedded *embedded;
    int timeout_ms;
    rd_kafka_resp_err_t trouble; /* the gravest error since the last call began */
    char trouble_text[256];
    char where[160];                       /* brokers, for sentences */
    const struct kafka_property *settings; /* of topics to be made; borrowed */
    size_t setting_count;
};

/* A deadline that hands out slices: each twice the one before, the last what is left. */
struct kafka_slices {
    uint64_t end_ms;
    int next_ms;
};

/* Forgets the errors of earlier calls, and starts the time of this one. */
struct kafka_slices kafka_slices_begin(struct kafka_admin *a);

/* Length of the next slice, or 0 when the time is over. */
int kafka_slices_next(struct kafka_slices *s);

/*
 * One Admin API request: sent by the caller on queue; the event is the
 * caller's to destroy. NULL: no answer in time, or refused.
 */
rd_kafka_event_t *kafka_admin_answer(struct kafka_admin *a, rd_kafka_queue_t *queue,
                                     struct kafka_slices *s);

/* With the client's deadline; to be destroyed. */
rd_kafka_AdminOptions_t *kafka_admin_options(struct kafka_admin *a, rd_kafka_admin_op_t op);

/* The sentence for a request that failed; the client's trouble explains it better. */
enum err kafka_admin_tell(struct kafka_admin *a, const char *topic, rd_kafka_resp_err_t re,
                          const char *text, struct errmsg *msg);
