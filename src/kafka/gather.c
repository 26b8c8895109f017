#include "kafka/gather.h"

rd_kafka_resp_err_t gather_pass(struct gather *g, rd_kafka_topic_t *rkt)
{
    if (g->count == 0)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    uint32_t good = 0;
    (void)rd_kafka_produce_batch(rkt, g->partition, 0, g->messages, (int)g->count);
    while (good < g->count && g->messages[good].err == RD_KAFKA_RESP_ERR_NO_ERROR)
        good++;
    if (good == g->count) {
        g->count = 0;
        g->key_used = 0;
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    /* The keys stay where they are until everything has left. */
    rd_kafka_resp_err_t err = g->messages[good].err;
    g->count -= good;
    memmove(g->messages, g->messages + good, g->count * sizeof *g->messages);
    for (uint32_t i = 0; i < g->count; i++)
        g->messages[i].err = RD_KAFKA_RESP_ERR_NO_ERROR;
    return err;
}
