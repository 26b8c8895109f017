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
    char where[160]; /* brokers, for sentences */
    const char
        *needs;     /* operations that a refused topic is to be granted; NULL: Describe and Write */
    char made[256]; /* the topic that was made last; "": none */
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
 * One Admin API request and its answer: kafka_question_of(), then the request
 * itself with its options on its queue, kafka_question_wait(), and
 * kafka_question_end() in any case.
 */
struct kafka_question {
    struct kafka_admin *a;
    rd_kafka_queue_t *queue;
    rd_kafka_AdminOptions_t *options; /* with the client's deadline */
    struct kafka_slices slices;
    rd_kafka_event_t *answer; /* NULL: there is none yet */
};

struct kafka_question kafka_question_of(struct kafka_admin *a, rd_kafka_admin_op_t op);

/* Sets the answer. *re: what it says of the request as a whole; time that is over is one, too. */
void kafka_question_wait(struct kafka_question *q, rd_kafka_resp_err_t *re);
void kafka_question_end(struct kafka_question *q);

/* The sentence for a request that failed; the client's trouble explains it better. */
enum err kafka_admin_tell(struct kafka_admin *a, const char *topic, rd_kafka_resp_err_t re,
                          const char *text, struct errmsg *msg);
