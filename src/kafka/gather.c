#include "kafka/gather.h"

#include <stdlib.h>

static void free_chunks(struct gather_chunk *c)
{
    while (c != NULL) {
        struct gather_chunk *next = c->next;
        free(c);
        c = next;
    }
}

void gather_pool_fini(struct gather_pool *pool)
{
    free_chunks(pool->idle);
    pool->idle = NULL;
}

void gather_fini(struct gather *g)
{
    free_chunks(g->head);
    g->head = g->tail = NULL;
}

/* The chunk that has room for one more message with this key; NULL: no memory. */
static struct gather_chunk *room_for(struct gather *g, struct gather_pool *pool, size_t key_len)
{
    struct gather_chunk *c = g->tail;
    if (c != NULL && c->count < GATHER_MESSAGES && GATHER_KEY_BYTES - c->key_used >= key_len)
        return c;
    c = pool->idle;
    if (c != NULL)
        pool->idle = c->next;
    else
        c = malloc(sizeof *c);
    if (c == NULL)
        return NULL;
    c->next = NULL;
    c->first = c->count = c->key_used = 0;
    if (g->tail != NULL)
        g->tail->next = c;
    else
        g->head = c;
    g->tail = c;
    return c;
}

bool gather_put(struct gather *g, struct gather_pool *pool, struct slice key, struct slice value,
                void *token)
{
    struct gather_chunk *c = room_for(g, pool, key.len);
    if (c == NULL)
        return false;
    rd_kafka_message_t *m = &c->messages[c->count++];
    m->payload = gather_payload(value);
    m->len = value.len;
    m->key = NULL;
    m->key_len = key.len;
    if (key.len > 0) {
        m->key = memcpy(c->keys + c->key_used, key.ptr, key.len);
        c->key_used += (uint32_t)key.len;
    }
    m->_private = token;
    m->err = RD_KAFKA_RESP_ERR_NO_ERROR;
    g->bytes += gather_cost(key.len, value.len);
    g->put++;
    return true;
}

/* What is handed over of one batch. */
struct taken {
    size_t bytes;
    uint32_t count;
};

/* How many messages of a chunk go into the batch of `most`; of an empty one, at least one. */
static uint32_t fitting(const struct gather_chunk *c, struct taken t, uint32_t most,
                        size_t batch_bytes)
{
    uint32_t n = 0;
    for (uint32_t i = c->first; i < c->count && t.count < most; i++, n++) {
        t.bytes += gather_cost(c->messages[i].key_len, c->messages[i].len);
        if (t.bytes > batch_bytes && t.count > 0)
            break;
        t.count++;
    }
    return n;
}

/* Counts what librdkafka took of n messages; the error of the first that it did not take. */
static rd_kafka_resp_err_t count_taken(struct gather *g, struct gather_chunk *c, uint32_t n,
                                       struct taken *taken)
{
    for (; n > 0; n--, c->first++) {
        rd_kafka_message_t *m = &c->messages[c->first];
        rd_kafka_resp_err_t err = m->err;
        if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            for (uint32_t i = c->first; i < c->count; i++)
                c->messages[i].err = RD_KAFKA_RESP_ERR_NO_ERROR;
            return err;
        }
        size_t cost = gather_cost(m->key_len, m->len);
        g->bytes -= cost;
        g->inside++;
        taken->bytes += cost;
        taken->count++;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void drop_head(struct gather *g, struct gather_pool *pool)
{
    struct gather_chunk *c = g->head;
    g->head = c->next;
    if (g->head == NULL)
        g->tail = NULL;
    c->next = pool->idle;
    pool->idle = c;
}

rd_kafka_resp_err_t gather_pass(struct gather *g, struct gather_pool *pool, rd_kafka_topic_t *rkt,
                                const struct kafka_batch *full)
{
    struct taken taken = {0, 0};
    uint64_t free_ones = gather_free(g);
    uint32_t most = free_ones < full->messages ? (uint32_t)free_ones : full->messages;
    while (g->head != NULL) {
        struct gather_chunk *c = g->head;
        uint32_t n = fitting(c, taken, most, full->bytes);
        if (n == 0)
            break;
        (void)rd_kafka_produce_batch(rkt, g->partition, 0, c->messages + c->first, (int)n);
        rd_kafka_resp_err_t err = count_taken(g, c, n, &taken);
        if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
            return err;
        if (c->first < c->count)
            break;
        drop_head(g, pool);
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}
