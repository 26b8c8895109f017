/*
 * librdkafka's simple consumer: partitions that are started one by one onto one
 * queue. The other one, with assign and poll, needs a group.
 */
#include "kafka/consumer.h"

#include "base/clock.h"
#include "kafka/embedded.h"
#include "kafka/kafka_err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUESTION_MS 10000
#define QUEUE_KIB   "16384" /* fetched and not yet taken, of all partitions together */

struct consumed {
    uint32_t topic;
    int32_t partition;
    int64_t next; /* the first offset that has not come */
    int64_t low;  /* as of the last mark */
    int64_t mark;
};

struct kafka_consumer {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    rd_kafka_message_t *message; /* of the last record */
    rd_kafka_topic_t **topics;
    uint32_t topic_count;
    struct consumed *partitions;
    uint32_t partition_count;
    rd_kafka_resp_err_t trouble; /* the gravest since something came */
    char trouble_text[256];
    uint64_t trouble_since_ms;
    char where[160];
};

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    struct kafka_consumer *c = opaque;
    rd_kafka_resp_err_t re = kafka_err_told((rd_kafka_resp_err_t)code, reason);
    (void)rk;
    if (c->trouble == RD_KAFKA_RESP_ERR_NO_ERROR)
        c->trouble_since_ms = clock_mono_ms();
    else if (kafka_err(c->trouble) == ERR_DEST_DENIED || re == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        return;
    c->trouble = re;
    snprintf(c->trouble_text, sizeof(c->trouble_text), "%s", reason);
}

static enum err tell(const struct kafka_consumer *c, const char *topic, rd_kafka_resp_err_t re,
                     const char *text, struct errmsg *msg)
{
    char remedy[KAFKA_REMEDY_MAX];
    enum err e = kafka_err(re);
    return errmsg_set(msg, e != ERR_OK ? e : ERR_BROKER_DOWN, "destination %s: %s%s%s%s%s",
                      c->where, topic != NULL ? "topic " : "", topic != NULL ? topic : "",
                      topic != NULL ? ": " : "", text != NULL ? text : rd_kafka_err2str(re),
                      kafka_err_remedy(c->rk, re, "Describe and Read", remedy));
}

static enum err set_conf(rd_kafka_conf_t *conf, struct errmsg *msg)
{
    static const char *const settings[][2] = {{"enable.partition.eof", "true"},
                                              {"queued.max.messages.kbytes", QUEUE_KIB},
                                              {"auto.offset.reset", "earliest"},
                                              {"isolation.level", "read_committed"}};
    char why[256];
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof(why)) !=
            RD_KAFKA_CONF_OK)
            return errmsg_set(msg, ERR_BUG, "destination: %s: %s", settings[i][0], why);
    return ERR_OK;
}

enum err kafka_consumer_new(const struct kafka_options *o, struct kafka_consumer **out,
                            struct errmsg *msg)
{
    rd_kafka_conf_t *conf;
    struct kafka_consumer *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return errmsg_set(msg, ERR_NO_MEMORY, "destination: out of memory");
    enum err e = kafka_conf_new(o, KAFKA_ASKS, &conf, msg);
    if (e != ERR_OK) {
        free(c);
        return e;
    }
    rd_kafka_conf_set_opaque(conf, c);
    rd_kafka_conf_set_error_cb(conf, on_error);
    e = set_conf(conf, msg);
    if (e != ERR_OK)
        rd_kafka_conf_destroy(conf);
    else
        e = kafka_client_new(KAFKA_ASKS, conf, &c->rk, msg);
    if (e != ERR_OK) {
        free(c);
        return e;
    }
    c->queue = rd_kafka_queue_new(c->rk);
    snprintf(c->where, sizeof(c->where), "%s",
             o->embedded != NULL ? kafka_embedded_address(o->embedded) : o->brokers);
    *out = c;
    return ERR_OK;
}

void kafka_consumer_free(struct kafka_consumer *c)
{
    if (c == NULL)
        return;
    if (c->message != NULL)
        rd_kafka_message_destroy(c->message);
    for (uint32_t i = 0; i < c->partition_count; i++)
        rd_kafka_consume_stop(c->topics[c->partitions[i].topic], c->partitions[i].partition);
    for (uint32_t i = 0; i < c->topic_count; i++)
        rd_kafka_topic_destroy(c->topics[i]);
    rd_kafka_queue_destroy(c->queue);
    rd_kafka_destroy(c->rk);
    free(c->topics);
    free(c->partitions);
    free(c);
}

enum err kafka_consumer_names(struct kafka_consumer *c, kafka_name_fn each, void *arg,
                              struct errmsg *msg)
{
    const struct rd_kafka_metadata *md;
    rd_kafka_resp_err_t re = rd_kafka_metadata(c->rk, 1, NULL, &md, QUESTION_MS);
    rd_kafka_poll(c->rk, 0);
    if (re != RD_KAFKA_RESP_ERR_NO_ERROR && kafka_err(re) == ERR_BROKER_DOWN &&
        c->trouble != RD_KAFKA_RESP_ERR_NO_ERROR)
        return tell(c, NULL, c->trouble, c->trouble_text, msg);
    if (re != RD_KAFKA_RESP_ERR_NO_ERROR)
        return tell(c, NULL, re, NULL, msg);
    for (int i = 0; i < md->topic_cnt; i++)
        if (md->topics[i].err == RD_KAFKA_RESP_ERR_NO_ERROR)
            each(arg, md->topics[i].topic, md->topics[i].partition_cnt);
    rd_kafka_metadata_destroy(md);
    return ERR_OK;
}

static enum err add_topic(struct kafka_consumer *c, const char *name, rd_kafka_topic_t **out,
                          struct errmsg *msg)
{
    rd_kafka_topic_t **topics =
        realloc(c->topics, (c->topic_count + 1) * sizeof(rd_kafka_topic_t *));
    if (topics == NULL)
        return errmsg_set(msg, ERR_NO_MEMORY, "destination: out of memory");
    c->topics = topics;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(c->rk, name, NULL);
    if (rkt == NULL)
        return tell(c, name, rd_kafka_last_error(), NULL, msg);
    topics[c->topic_count++] = rkt;
    *out = rkt;
    return ERR_OK;
}

static enum err start(struct kafka_consumer *c, rd_kafka_topic_t *rkt, int32_t partition,
                      int64_t offset, struct errmsg *msg)
{
    struct consumed *all =
        realloc(c->partitions, (c->partition_count + 1) * sizeof(*c->partitions));
    if (all == NULL)
        return errmsg_set(msg, ERR_NO_MEMORY, "destination: out of memory");
    c->partitions = all;
    if (rd_kafka_consume_start_queue(rkt, partition, offset, c->queue) != 0)
        return tell(c, rd_kafka_topic_name(rkt), rd_kafka_last_error(), NULL, msg);
    all[c->partition_count++] =
        (struct consumed){.topic = c->topic_count - 1, .partition = partition};
    return ERR_OK;
}

enum err kafka_consumer_topic(struct kafka_consumer *c, const char *topic, int32_t partitions,
                              enum kafka_from from, int64_t n, struct errmsg *msg)
{
    rd_kafka_topic_t *rkt;
    int64_t offset = from == KAFKA_FROM_BEGINNING ? RD_KAFKA_OFFSET_BEGINNING
                     : from == KAFKA_FROM_OFFSET  ? n
                     : n > 0                      ? RD_KAFKA_OFFSET_TAIL(n)
                                                  : RD_KAFKA_OFFSET_END;
    TRY(add_topic(c, topic, &rkt, msg));
    for (int32_t i = 0; i < partitions; i++)
        TRY(start(c, rkt, i, offset, msg));
    return ERR_OK;
}

enum err kafka_consumer_partition(struct kafka_consumer *c, const char *topic, int32_t partition,
                                  int64_t offset, struct errmsg *msg)
{
    rd_kafka_topic_t *rkt;
    TRY(add_topic(c, topic, &rkt, msg));
    return start(c, rkt, partition, offset, msg);
}

static struct consumed *find(struct kafka_consumer *c, const rd_kafka_message_t *m)
{
    for (uint32_t i = 0; i < c->partition_count; i++)
        if (c->partitions[i].partition == m->partition &&
            c->topics[c->partitions[i].topic] == m->rkt)
            return &c->partitions[i];
    return NULL;
}

/* Nothing came. */
static enum err judge_silence(struct kafka_consumer *c, struct errmsg *msg)
{
    if (c->trouble == RD_KAFKA_RESP_ERR_NO_ERROR)
        return ERR_NEED_INPUT;
    if (kafka_err(c->trouble) == ERR_BROKER_DOWN &&
        clock_mono_ms() - c->trouble_since_ms < KAFKA_PATIENCE_MS)
        return ERR_NEED_INPUT;
    return tell(c, NULL, c->trouble, c->trouble_text, msg);
}

static enum err take(struct kafka_consumer *c, struct kafka_record *out, struct errmsg *msg)
{
    const rd_kafka_message_t *m = c->message;
    struct consumed *at = m->rkt != NULL ? find(c, m) : NULL;
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (at != NULL && m->offset > at->next)
            at->next = m->offset;
        c->trouble = RD_KAFKA_RESP_ERR_NO_ERROR;
        return ERR_NEED_INPUT;
    }
    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        on_error(c->rk, m->err, rd_kafka_message_errstr(m), c);
        return judge_silence(c, msg);
    }
    if (at == NULL)
        return ERR_NEED_INPUT;
    rd_kafka_timestamp_type_t kind;
    int64_t ms = rd_kafka_message_timestamp(m, &kind);
    at->next = m->offset + 1;
    c->trouble = RD_KAFKA_RESP_ERR_NO_ERROR;
    *out = (struct kafka_record){.topic = rd_kafka_topic_name(m->rkt),
                                 .index = at->topic,
                                 .partition = m->partition,
                                 .offset = m->offset,
                                 .timestamp_ms = kind != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? ms : -1,
                                 .has_value = m->payload != NULL,
                                 .key = slice_of(m->key, m->key != NULL ? m->key_len : 0),
                                 .value = slice_of(m->payload, m->payload != NULL ? m->len : 0)};
    return ERR_OK;
}

enum err kafka_consumer_next(struct kafka_consumer *c, int timeout_ms, struct kafka_record *out,
                             struct errmsg *msg)
{
    if (c->message != NULL)
        rd_kafka_message_destroy(c->message);
    c->message = rd_kafka_consume_queue(c->queue, timeout_ms);
    if (c->message != NULL)
        return take(c, out, msg);
    rd_kafka_poll(c->rk, 0);
    return judge_silence(c, msg);
}

enum err kafka_consumer_mark(struct kafka_consumer *c, struct errmsg *msg)
{
    for (uint32_t i = 0; i < c->partition_count; i++) {
        struct consumed *p = &c->partitions[i];
        const char *topic = rd_kafka_topic_name(c->topics[p->topic]);
        rd_kafka_resp_err_t re = rd_kafka_query_watermark_offsets(c->rk, topic, p->partition,
                                                                  &p->low, &p->mark, QUESTION_MS);
        rd_kafka_poll(c->rk, 0);
        if (re != RD_KAFKA_RESP_ERR_NO_ERROR && kafka_err(re) == ERR_BROKER_DOWN &&
            c->trouble != RD_KAFKA_RESP_ERR_NO_ERROR)
            return tell(c, topic, c->trouble, c->trouble_text, msg);
        if (re != RD_KAFKA_RESP_ERR_NO_ERROR)
            return tell(c, topic, re, NULL, msg);
        if (p->mark == p->low && p->next < p->mark)
            p->next = p->mark; /* it is empty */
    }
    return ERR_OK;
}

bool kafka_consumer_at_mark(const struct kafka_consumer *c)
{
    for (uint32_t i = 0; i < c->partition_count; i++)
        if (c->partitions[i].next < c->partitions[i].mark)
            return false;
    return true;
}

bool kafka_consumer_lost(const struct kafka_consumer *c, uint32_t index)
{
    for (uint32_t i = 0; i < c->partition_count; i++)
        if (c->partitions[i].topic == index && c->partitions[i].low > 0)
            return true;
    return false;
}
