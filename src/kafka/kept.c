/*
 * Reading goes through the plain consumer interface: no group, no commits of
 * offsets, from the first offset to the one that was the end when it began.
 * Control records and aborted ones have offsets, too, so the end is told by
 * the client's own word that a partition is read to its end.
 */
#include "kafka/kept.h"

#include "base/clock.h"
#include "kafka/topic_int.h"

#include <stdio.h>
#include <string.h>

#define SLICE_MS 500
#define NEEDS    "Read, Write, Describe and Create"

static enum err make(struct kafka_admin *a, const char *topic, int replication_factor,
                     struct errmsg *msg)
{
    char policy[64];
    int32_t partitions;
    bool exists, created;
    TRY(kafka_topic_exists(a, topic, &exists, msg));
    if (!exists)
        TRY(kafka_topic_create_compacted(a, topic, replication_factor, &created, msg));
    TRY(kafka_topic_partitions(a, topic, &partitions, msg));
    if (partitions != 1)
        return errmsg_set(msg, ERR_DEST_TOPIC,
                          "topic %s has %d partitions, and the state of a task needs one: delete "
                          "the topic if it is not this task's, or rename the task",
                          topic, (int)partitions);
    TRY(kafka_topic_cleanup(a, topic, policy, sizeof policy, msg));
    if (policy[0] != '\0' && strcmp(policy, "compact") != 0)
        return errmsg_set(msg, ERR_DEST_TOPIC,
                          "topic %s has cleanup.policy=%s, which would lose the state of the task: "
                          "set it to compact",
                          topic, policy);
    return ERR_OK;
}

enum err kafka_kept_make(struct kafka_admin *a, const char *topic, int replication_factor,
                         struct errmsg *msg)
{
    a->needs = NEEDS;
    enum err e = make(a, topic, replication_factor, msg);
    a->needs = NULL;
    return e;
}

static enum err tell(rd_kafka_t *rk, const char *topic, rd_kafka_resp_err_t re, const char *text,
                     struct errmsg *msg)
{
    char remedy[KAFKA_REMEDY_MAX];
    return errmsg_set(msg, kafka_err(re), "destination: topic %s, the state of the task: %s%s",
                      topic, text, kafka_err_remedy(rk, re, NEEDS, remedy));
}

/* Where the partition ends now. */
static enum err find_end(rd_kafka_t *rk, const char *topic, uint64_t deadline_ms, int64_t *low,
                         int64_t *high, struct errmsg *msg)
{
    rd_kafka_resp_err_t re;
    do {
        re = rd_kafka_query_watermark_offsets(rk, topic, 0, low, high, SLICE_MS);
        if (re == RD_KAFKA_RESP_ERR_NO_ERROR)
            return ERR_OK;
    } while (kafka_err(re) == ERR_BROKER_DOWN && clock_mono_ms() < deadline_ms);
    return tell(rk, topic, re, rd_kafka_err2str(re), msg);
}

struct reading {
    rd_kafka_t *rk;
    const char *topic;
    int64_t end;
    bool done;
    kafka_kept_fn fn;
    void *arg;
};

static enum err take(struct reading *r, const rd_kafka_message_t *m, struct errmsg *msg)
{
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        r->done = m->offset >= r->end; /* else something open is in front of it */
        return ERR_OK;
    }
    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        enum err e = kafka_err(m->err);
        return e == ERR_BROKER_DOWN
                   ? ERR_OK
                   : tell(r->rk, r->topic, m->err, rd_kafka_message_errstr(m), msg);
    }
    struct slice value = slice_of(m->payload, m->len);
    enum err e = r->fn(r->arg, slice_of(m->key, m->key_len), m->payload != NULL ? &value : NULL);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "topic %s, the state of the task, offset %lld: %s", r->topic,
                          (long long)m->offset, err_text(e));
    r->done = m->offset + 1 >= r->end;
    return ERR_OK;
}

static enum err read_all(rd_kafka_topic_t *rkt, struct reading *r, int64_t from,
                         uint64_t deadline_ms, struct errmsg *msg)
{
    if (rd_kafka_consume_start(rkt, 0, from) != 0)
        return tell(r->rk, r->topic, rd_kafka_last_error(), rd_kafka_err2str(rd_kafka_last_error()),
                    msg);
    enum err e = ERR_OK;
    while (e == ERR_OK && !r->done) {
        rd_kafka_message_t *m = rd_kafka_consume(rkt, 0, SLICE_MS);
        if (m != NULL) {
            e = take(r, m, msg);
            rd_kafka_message_destroy(m);
        }
        if (e == ERR_OK && !r->done && clock_mono_ms() >= deadline_ms)
            e = errmsg_set(msg, ERR_BROKER_DOWN,
                           "destination: topic %s, the state of the task, could not be read to its "
                           "end: check the brokers",
                           r->topic);
    }
    (void)rd_kafka_consume_stop(rkt, 0);
    return e;
}

enum err kafka_kept_read(const struct kafka_options *o, const char *topic, int timeout_ms,
                         kafka_kept_fn fn, void *arg, struct errmsg *msg)
{
    rd_kafka_conf_t *conf;
    rd_kafka_t *rk;
    uint64_t deadline_ms = clock_mono_ms() + (uint64_t)timeout_ms;
    TRY(kafka_conf_new(o, KAFKA_READS, &conf, msg));
    TRY(kafka_client_new(KAFKA_READS, conf, &rk, msg));
    struct reading r = {.rk = rk, .topic = topic, .fn = fn, .arg = arg};
    int64_t low = 0;
    enum err e = find_end(rk, topic, deadline_ms, &low, &r.end, msg);
    rd_kafka_topic_t *rkt = e == ERR_OK ? rd_kafka_topic_new(rk, topic, NULL) : NULL;
    if (rkt != NULL && r.end > low)
        e = read_all(rkt, &r, low, deadline_ms, msg);
    if (rkt != NULL)
        rd_kafka_topic_destroy(rkt);
    rd_kafka_destroy(rk);
    return e;
}
