#include "kafka/stats.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The text up to the topics, made whole: what follows grows with the number of
 * partitions, and nothing of it is used. The mark cannot stand in a name, for
 * names of brokers and topics have no quotes. Free it.
 */
static char *without_topics(struct slice json, size_t *len)
{
    static const char mark[] = "\"topics\":";
    const char *text = (const char *)json.ptr;
    const char *at = memmem(text, json.len, mark, sizeof(mark) - 1);
    char *copy = malloc(json.len + 8);
    if (copy == NULL)
        return NULL;
    *len = at != NULL ? (size_t)(at - text) : json.len;
    memcpy(copy, text, *len);
    if (at != NULL) { /* behind a comma */
        memcpy(copy + *len, "\"x\":0}", 6);
        *len += 6;
    }
    return copy;
}

static uint64_t number(const json_t *object, const char *name)
{
    json_int_t n = json_integer_value(json_object_get(object, name));
    return n > 0 ? (uint64_t)n : 0;
}

static void take_broker(const json_t *b, const char *name, struct kafka_broker_stats *out)
{
    const char *state = json_string_value(json_object_get(b, "state"));
    const json_t *rtt = json_object_get(b, "rtt");
    *out = (struct kafka_broker_stats){
        .up = state != NULL && strcmp(state, "UP") == 0,
        .requests = number(b, "tx"),
        .errors = number(b, "txerrs"),
        .retries = number(b, "txretries"),
        .timeouts = number(b, "req_timeouts"),
        .connects = number(b, "connects"),
        .disconnects = number(b, "disconnects"),
        .sent_bytes = number(b, "txbytes"),
        .received_bytes = number(b, "rxbytes"),
        .queued = number(b, "outbuf_cnt"),
        .waiting = number(b, "waitresp_cnt"),
        .rtt_us = number(rtt, "avg"),
        .rtt_p99_us = number(rtt, "p99"),
        .throttle_us = number(json_object_get(b, "throttle"), "max") * 1000,
    };
    snprintf(out->name, sizeof(out->name), "%s", name);
}

/* Addresses that were only given to begin with have no number, and no requests of ours. */
static bool is_member(const json_t *broker)
{
    const json_t *id = json_object_get(broker, "nodeid");
    return json_is_integer(id) && json_integer_value(id) >= 0;
}

enum err kafka_stats_parse(struct slice json, struct kafka_stats **out)
{
    size_t len;
    if (json.len > KAFKA_STATS_BYTES)
        return ERR_TOO_LARGE;
    char *text = without_topics(json, &len);
    if (text == NULL)
        return ERR_NO_MEMORY;
    json_t *all = json_loadb(text, len, 0, NULL);
    free(text);
    json_t *brokers = json_object_get(all, "brokers"), *broker;
    if (!json_is_object(brokers)) {
        json_decref(all);
        return ERR_MALFORMED;
    }
    struct kafka_stats *s =
        calloc(1, sizeof(*s) + json_object_size(brokers) * sizeof(s->brokers[0]));
    if (s == NULL) {
        json_decref(all);
        return ERR_NO_MEMORY;
    }
    s->queue_messages = number(all, "msg_cnt");
    s->queue_bytes = number(all, "msg_size");
    const char *name;
    json_object_foreach(brokers, name, broker)
    {
        if (is_member(broker) && s->broker_count < KAFKA_STATS_BROKERS)
            take_broker(broker, name, &s->brokers[s->broker_count++]);
    }
    json_decref(all);
    *out = s;
    return ERR_OK;
}
