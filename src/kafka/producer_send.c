/*
 * How messages leave a producer: they gather by partition (gather.h), and go
 * to librdkafka a batch at a time.
 *
 * A batch goes when it is full, when it has waited linger_us for company, or
 * when the lane is in a hurry; one that is not full also waits for the request
 * of its partition that is under way.
 */
#include "kafka/producer_int.h"

#include "base/clock.h"

#include <assert.h>
#include <stdlib.h>

/*
 * Small batches cost CPU: 13 us a message where full ones cost 1.5. So hurry is
 * rationed by a bucket of messages: it fills at HURRY_RATE up to HURRY_BURST,
 * every message takes one out, and hurry is passed on while it is not in debt.
 * A lone transaction of any size goes out at once; a stream above the rate
 * runs on full batches and waits for the linger time, which is short.
 */
#define HURRY_RATE     50 /* messages a millisecond */
#define HURRY_BURST    500
#define FLUSH_MESSAGES 64 /* of a batch: larger ones go by librdkafka's linger time */
#define BATCH_FIXED    61 /* a v2 record batch without records: Kafka protocol, "Record Batch" */

static size_t varint_bytes(uint64_t zigzag)
{
    size_t n = 1;
    for (; zigzag >= 0x80; zigzag >>= 7)
        n++;
    return n;
}

size_t kafka_batch_bytes(size_t key_len, size_t value_len)
{
    /* Attributes, timestamp delta, offset delta and header count: one byte each, being zero. */
    size_t body = 4 + varint_bytes(2 * (uint64_t)key_len) + key_len +
                  varint_bytes(2 * (uint64_t)value_len) + value_len;
    return BATCH_FIXED + varint_bytes(2 * (uint64_t)body) + body;
}

/*
 * Accounting is ours and not librdkafka's, because keys and the library's own
 * bytes count too, and because a message larger than the whole budget has to
 * pass when it is alone.
 */
static bool has_room(const struct kafka_producer *p, size_t cost)
{
    return p->bytes + cost <= p->queue_bytes || p->outstanding == 0;
}

static void account(struct kafka_producer *p, size_t cost)
{
    if (p->outstanding == 0)
        p->state.silent_since_ms = clock_mono_ms();
    p->outstanding++;
    p->produced++;
    p->bytes += cost;
}

/* Makes room for the gathers of partitions up to this one, and for all of them to be open. */
static bool grow(struct kafka_producer *p, struct kafka_topic *t, int32_t partition)
{
    int32_t count = partition + 1;
    size_t cap = p->open_cap + (size_t)(count - t->gather_count);
    struct open_gather *open = realloc(p->open, cap * sizeof *open);
    if (open == NULL)
        return false;
    p->open = open;
    struct gather **gathers = realloc(t->gathers, (size_t)count * sizeof(struct gather *));
    if (gathers == NULL)
        return false;
    p->open_cap = cap;
    for (int32_t i = t->gather_count; i < count; i++)
        gathers[i] = NULL;
    t->gathers = gathers;
    t->gather_count = count;
    return true;
}

/* Where this partition's messages gather. */
static struct gather *gather_of(struct kafka_producer *p, struct kafka_topic *t, int32_t partition)
{
    if (partition < t->gather_count && t->gathers[partition] != NULL)
        return t->gathers[partition];
    /*
     * Once a message has gone past it a partition may not begin to gather, or
     * a later message could overtake; so this depends on the number alone, and
     * a lack of memory is an error.
     */
    if (partition >= t->gather_count && !grow(p, t, partition))
        return NULL;
    struct gather *g = calloc(1, sizeof *g);
    if (g == NULL)
        return NULL;
    g->partition = partition;
    t->gathers[partition] = g;
    return g;
}

/* Hands one batch over; what librdkafka does not take stays. */
static enum err pass(struct kafka_producer *p, struct gather *g, struct kafka_topic *t)
{
    if (p->txn != NULL)
        kafka_txn_used(p->txn, clock_mono_ms());
    rd_kafka_resp_err_t re = gather_pass(g, &p->chunks, t->rkt, &p->full);
    if (re == RD_KAFKA_RESP_ERR_NO_ERROR)
        return ERR_OK;
    if (re == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return ERR_NO_ROOM;
    return kafka_producer_fail(p, re, t->name, g->partition, rd_kafka_err2str(re));
}

static void wait_for_company(struct kafka_producer *p)
{
    if (p->waiting_us == 0)
        p->waiting_us = clock_mono_us();
}

/*
 * What was handed over is worth a flush: it is in a hurry, and so little that
 * it was handed over in one go. A flush in the middle of many would cut them
 * in two, and then the rest would wait inside librdkafka (gather.h).
 */
static bool worth_a_flush(const struct gather *g)
{
    return g->reported < g->hurried && g->inside > 0 && g->inside <= FLUSH_MESSAGES;
}

/* Now for partitions with nothing under way, with the next report for the others. */
void kafka_producer_press(struct kafka_producer *p, bool hurry)
{
    size_t left = 0;
    bool wanted = false;
    p->waiting_us = 0;
    if (p->state.failed != ERR_OK || p->held)
        return;
    for (size_t i = 0; i < p->open_count; i++) {
        struct open_gather o = p->open[i];
        o.g->due = o.g->put;
        if (hurry)
            o.g->hurried = o.g->put;
        if (gather_may_pass(o.g, &p->full)) {
            if (pass(p, o.g, o.topic) == ERR_NO_ROOM)
                wait_for_company(p); /* tried again when that is over */
            wanted = wanted || worth_a_flush(o.g);
        }
        o.g->listed = o.g->head != NULL;
        if (o.g->listed)
            p->open[left++] = o;
    }
    p->open_count = left;
    if (wanted)
        kafka_flusher_ask(p->flusher);
}

void kafka_producer_answered(struct kafka_producer *p, struct kafka_topic *t, int32_t partition,
                             uint32_t count)
{
    if (partition >= GATHER_PARTITIONS)
        return;
    struct gather *g = t->gathers[partition];
    g->reported += count;
    g->inside -= count;
    if (g->head == NULL || p->state.failed != ERR_OK || p->held)
        return; /* it stays listed, which does no harm */
    if (!gather_may_pass(g, &p->full))
        return;
    if (g->reported >= g->due && !gather_is_full(g, &p->full)) {
        wait_for_company(p);
        return;
    }
    if (pass(p, g, t) == ERR_NO_ROOM)
        wait_for_company(p);
    if (worth_a_flush(g))
        kafka_flusher_ask(p->flusher);
}

static enum err produce_alone(struct kafka_producer *p, struct kafka_topic *t, int32_t partition,
                              struct slice key, struct slice value, void *token)
{
    if (p->held)
        return ERR_NO_ROOM;
    if (p->txn != NULL)
        kafka_txn_used(p->txn, clock_mono_ms());
    if (rd_kafka_produce(t->rkt, partition, 0, gather_payload(value), value.len,
                         key.len > 0 ? key.ptr : NULL, key.len, token) == 0)
        return ERR_OK;
    rd_kafka_resp_err_t re = rd_kafka_last_error();
    if (re == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return ERR_NO_ROOM;
    return kafka_producer_fail(p, re, t->name, partition, rd_kafka_err2str(re));
}

/* A message whose key does not fit into a chunk: those before it go first. */
static enum err gather_past(struct kafka_producer *p, struct gather *g, struct kafka_topic *t,
                            struct slice key, struct slice value, void *token)
{
    if (p->held || g->held)
        return ERR_NO_ROOM;
    while (g->head != NULL)
        TRY(pass(p, g, t));
    TRY(produce_alone(p, t, g->partition, key, value, token));
    g->put++;
    g->inside++;
    return ERR_OK;
}

static enum err gather(struct kafka_producer *p, struct kafka_topic *t, int32_t partition,
                       struct slice key, struct slice value, void *token)
{
    struct gather *g = gather_of(p, t, partition);
    if (g == NULL)
        return ERR_NO_MEMORY;
    if (key.len > GATHER_KEY_BYTES)
        return gather_past(p, g, t, key, value, token);
    if (!gather_put(g, &p->chunks, key, value, token))
        return ERR_NO_MEMORY;
    if (!g->listed) {
        assert(p->open_count < p->open_cap);
        g->listed = true;
        p->open[p->open_count++] = (struct open_gather){g, t};
    }
    wait_for_company(p);
    /* A full batch goes at once. The message is queued, so no room there is no error here. */
    if (!p->held && gather_is_full(g, &p->full) && gather_may_pass(g, &p->full))
        (void)pass(p, g, t);
    return ERR_OK;
}

enum err kafka_produce(struct kafka_producer *p, struct kafka_topic *t, int32_t partition,
                       struct slice key, struct slice value, void *token)
{
    size_t cost = kafka_cost(key.len, value.len);
    if (__builtin_expect(p->state.failed != ERR_OK, 0))
        return p->state.failed;
    if (partition < 0)
        return ERR_BUG;
    if (kafka_batch_bytes(key.len, value.len) > p->message_max)
        return ERR_TOO_LARGE;
    if (!has_room(p, cost))
        return ERR_NO_ROOM;
    if (partition < GATHER_PARTITIONS)
        TRY(gather(p, t, partition, key, value, token));
    else
        TRY(produce_alone(p, t, partition, key, value, token));
    account(p, cost);
    return ERR_OK;
}

bool kafka_partition_hold(struct kafka_producer *p, struct kafka_topic *t, int32_t partition)
{
    if (partition < 0 || partition >= GATHER_PARTITIONS)
        return false; /* its messages go one by one */
    struct gather *g = gather_of(p, t, partition);
    if (g == NULL || g->held)
        return false;
    g->held = true;
    g->hold_at = g->put;
    return true;
}

void kafka_partition_release(struct kafka_producer *p, struct kafka_topic *t, int32_t partition)
{
    struct gather *g = t->gathers[partition];
    g->held = false;
    if (g->head == NULL || p->state.failed != ERR_OK)
        return;
    g->due = g->hurried = g->put;
    if (!gather_may_pass(g, &p->full) || pass(p, g, t) == ERR_NO_ROOM)
        wait_for_company(p);
    if (worth_a_flush(g))
        kafka_flusher_ask(p->flusher);
}

enum err kafka_producer_hold(struct kafka_producer *p)
{
    while (p->open_count > 0) {
        struct open_gather o = p->open[p->open_count - 1];
        while (o.g->head != NULL)
            TRY(pass(p, o.g, o.topic));
        o.g->listed = false;
        p->open_count--;
    }
    p->waiting_us = 0;
    p->held = true;
    return ERR_OK;
}

void kafka_producer_release(struct kafka_producer *p)
{
    p->held = false;
    kafka_producer_press(p, p->hurry);
    p->hurry = false;
}

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

void kafka_producer_pass_hurry(struct kafka_producer *p)
{
    if (!p->hurry)
        return;
    uint64_t now = clock_mono_us();
    int64_t full = (int64_t)HURRY_BURST * 1000;
    int64_t pause_us = clamp((int64_t)(now - p->ration_us), 0, 1000000);
    int64_t ration = clamp(p->ration + pause_us * HURRY_RATE, -full, full);
    p->ration = clamp(ration - (int64_t)p->produced * 1000, -full, full);
    p->ration_us = now;
    p->produced = 0;
    if (ration < 0)
        return;
    if (p->held)
        return; /* with kafka_producer_release() */
    p->hurry = false;
    if (p->outstanding > 0)
        kafka_producer_press(p, true);
}

int kafka_producer_due_ms(const struct kafka_producer *p)
{
    if (p->waiting_us == 0 || p->held)
        return -1;
    uint64_t due = p->waiting_us + p->linger_us, now = clock_mono_us();
    return due <= now ? 0 : (int)((due - now) / 1000 + 1);
}

void kafka_hurry(struct kafka_producer *p)
{
    p->hurry = p->outstanding > 0;
    kafka_producer_pass_hurry(p);
}
