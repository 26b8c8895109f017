/*
 * The asking client is an rd_kafka_t of consumer type, for one reason: its
 * metadata requests do not make brokers create topics.
 *
 * librdkafka retries a refused login or a failed handshake for ever and lets
 * the request time out. So requests are made in slices of growing length, and
 * between them the errors that came meanwhile are looked at: a refusal ends
 * the wait, and anything else explains a timeout.
 */
#include "kafka/topic.h"

#include "base/clock.h"
#include "kafka/embedded.h"
#include "kafka/kafka_err.h"
#include "kafka/topic_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLICE_FIRST_MS 400
#define PAUSE_MS       20 /* between looks at a topic that is being made */

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    struct kafka_admin *a = opaque;
    rd_kafka_resp_err_t re = kafka_err_told((rd_kafka_resp_err_t)code, reason);
    (void)rk;
    /* "All brokers are down" says less than the reason that came before it. */
    if (a->trouble != RD_KAFKA_RESP_ERR_NO_ERROR &&
        (kafka_err(a->trouble) == ERR_DEST_DENIED || re == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN))
        return;
    a->trouble = re;
    snprintf(a->trouble_text, sizeof a->trouble_text, "%s", reason);
}

enum err kafka_admin_new(const struct kafka_options *o, int timeout_ms, struct kafka_admin **out,
                         struct errmsg *msg)
{
    rd_kafka_conf_t *conf;
    struct kafka_admin *a = calloc(1, sizeof *a);

    if (a == NULL)
        return errmsg_set(msg, ERR_NO_MEMORY, "destination: out of memory");
    enum err e = kafka_conf_new(o, KAFKA_ASKS, &conf, msg);
    if (e != ERR_OK) {
        free(a);
        return e;
    }
    rd_kafka_conf_set_opaque(conf, a);
    rd_kafka_conf_set_error_cb(conf, on_error);
    e = kafka_client_new(KAFKA_ASKS, conf, &a->rk, msg);
    if (e != ERR_OK) {
        free(a);
        return e;
    }
    a->embedded = o->embedded;
    a->timeout_ms = timeout_ms;
    snprintf(a->where, sizeof a->where, "%s",
             o->embedded != NULL ? kafka_embedded_address(o->embedded) : o->brokers);
    *out = a;
    return ERR_OK;
}

void kafka_admin_free(struct kafka_admin *a)
{
    if (a == NULL)
        return;
    rd_kafka_destroy(a->rk);
    free(a);
}

struct kafka_slices kafka_slices_begin(struct kafka_admin *a)
{
    rd_kafka_poll(a->rk, 0); /* errors of a time before this call */
    a->trouble = RD_KAFKA_RESP_ERR_NO_ERROR;
    return (struct kafka_slices){clock_mono_ms() + (uint64_t)a->timeout_ms, SLICE_FIRST_MS};
}

/* Length of the next slice, or 0 when the time is over. */
int kafka_slices_next(struct kafka_slices *s)
{
    uint64_t now = clock_mono_ms();
    if (now >= s->end_ms)
        return 0;
    uint64_t left = s->end_ms - now;
    int slice = s->next_ms;
    s->next_ms *= 2;
    return left < (uint64_t)s->next_ms ? (int)left : slice;
}

/* Whether an error came that no waiting mends. */
static bool refused(struct kafka_admin *a)
{
    rd_kafka_poll(a->rk, 0);
    return a->trouble != RD_KAFKA_RESP_ERR_NO_ERROR && kafka_err(a->trouble) == ERR_DEST_DENIED;
}

/* The sentence for a request that failed; the client's trouble explains it better. */
enum err kafka_admin_tell(struct kafka_admin *a, const char *topic, rd_kafka_resp_err_t re,
                          const char *text, struct errmsg *msg)
{
    bool waited = kafka_err(re) == ERR_BROKER_DOWN;
    if (waited && a->trouble != RD_KAFKA_RESP_ERR_NO_ERROR) {
        re = a->trouble;
        text = a->trouble_text;
    }
    char remedy[KAFKA_REMEDY_MAX];
    return errmsg_set(msg, kafka_err(re), "destination %s: %s%s%s%s%s", a->where,
                      topic != NULL ? "topic " : "", topic != NULL ? topic : "",
                      topic != NULL ? ": " : "", text != NULL ? text : rd_kafka_err2str(re),
                      kafka_err_remedy(a->rk, re, a->needs, remedy));
}

typedef const struct rd_kafka_metadata metadata;

static enum err ask_metadata(struct kafka_admin *a, rd_kafka_topic_t *rkt, const char *topic,
                             metadata **out, struct errmsg *msg)
{
    struct kafka_slices s = kafka_slices_begin(a);
    rd_kafka_resp_err_t re = RD_KAFKA_RESP_ERR__TIMED_OUT;
    int slice;

    while ((slice = kafka_slices_next(&s)) > 0) {
        re = rd_kafka_metadata(a->rk, 0, rkt, out, slice);
        if (re == RD_KAFKA_RESP_ERR_NO_ERROR)
            return ERR_OK;
        if (refused(a) || kafka_err(re) != ERR_BROKER_DOWN)
            break;
    }
    return kafka_admin_tell(a, topic, re, NULL, msg);
}

/* The topic's own code, and its partitions when that is none; *settled: all have leaders. */
static enum err look_at(struct kafka_admin *a, const char *topic, rd_kafka_resp_err_t *code,
                        int32_t *count, bool *settled, struct errmsg *msg)
{
    metadata *md;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(a->rk, topic, NULL);
    if (rkt == NULL)
        return kafka_admin_tell(a, topic, rd_kafka_last_error(), NULL, msg);
    enum err e = ask_metadata(a, rkt, topic, &md, msg);
    rd_kafka_topic_destroy(rkt);
    if (e != ERR_OK)
        return e;
    *code = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    *count = 0;
    *settled = false;
    if (md->topic_cnt == 1) {
        const rd_kafka_metadata_topic_t *t = &md->topics[0];
        *code = t->err;
        *count = t->partition_cnt;
        *settled = t->err == RD_KAFKA_RESP_ERR_NO_ERROR && t->partition_cnt > 0;
        for (int i = 0; i < t->partition_cnt; i++)
            *settled = *settled && t->partitions[i].leader >= 0;
    }
    rd_kafka_metadata_destroy(md);
    return ERR_OK;
}

static bool is_missing(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
}

enum err kafka_topic_exists(struct kafka_admin *a, const char *topic, bool *exists,
                            struct errmsg *msg)
{
    rd_kafka_resp_err_t code;
    int32_t count;
    bool settled;
    TRY(look_at(a, topic, &code, &count, &settled, msg));
    bool missing = is_missing(code);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && !missing && kafka_err(code) != ERR_BROKER_DOWN)
        return kafka_admin_tell(a, topic, code, NULL, msg);
    *exists = !missing;
    return ERR_OK;
}

/* Whether what a broker says of a topic may be otherwise in a moment. */
static bool may_change(const struct kafka_admin *a, const char *topic, rd_kafka_resp_err_t code)
{
    if (kafka_err(code) == ERR_BROKER_DOWN)
        return true;
    /* Each broker learns of a new topic by itself; the one that is asked may not know it yet. */
    return is_missing(code) && strcmp(a->made, topic) == 0;
}

enum err kafka_topic_partitions(struct kafka_admin *a, const char *topic, int32_t *count,
                                struct errmsg *msg)
{
    rd_kafka_resp_err_t code;
    int32_t n;
    bool settled;
    uint64_t end = clock_mono_ms() + (uint64_t)a->timeout_ms;

    /* A topic without a leader for now is not a topic without partitions. */
    for (;;) {
        TRY(look_at(a, topic, &code, &n, &settled, msg));
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR && n > 0) {
            *count = n;
            return ERR_OK;
        }
        if (!may_change(a, topic, code) || clock_mono_ms() >= end)
            return kafka_admin_tell(a, topic, code, NULL, msg);
        rd_kafka_poll(a->rk, PAUSE_MS);
    }
}

static enum err wait_settled(struct kafka_admin *a, const char *topic, struct errmsg *msg)
{
    rd_kafka_resp_err_t code;
    int32_t n;
    bool settled;
    uint64_t end = clock_mono_ms() + (uint64_t)a->timeout_ms;

    for (;;) {
        TRY(look_at(a, topic, &code, &n, &settled, msg));
        if (settled)
            return ERR_OK;
        if (kafka_err(code) == ERR_DEST_DENIED)
            return kafka_admin_tell(a, topic, code, NULL, msg);
        if (clock_mono_ms() >= end)
            return errmsg_set(msg, ERR_BROKER_DOWN,
                              "destination %s: topic %s: its partitions have no leaders after %d "
                              "ms: check the brokers",
                              a->where, topic, a->timeout_ms);
        rd_kafka_poll(a->rk, PAUSE_MS);
    }
}

struct kafka_question kafka_question_of(struct kafka_admin *a, rd_kafka_admin_op_t op)
{
    char why[128];
    struct kafka_question q = {.a = a, .slices = kafka_slices_begin(a)};
    q.queue = rd_kafka_queue_new(a->rk);
    q.options = rd_kafka_AdminOptions_new(a->rk, op);
    (void)rd_kafka_AdminOptions_set_request_timeout(q.options, a->timeout_ms, why, sizeof why);
    return q;
}

void kafka_question_wait(struct kafka_question *q, rd_kafka_resp_err_t *re)
{
    int slice;
    *re = RD_KAFKA_RESP_ERR__TIMED_OUT;
    while (q->answer == NULL && (slice = kafka_slices_next(&q->slices)) > 0) {
        q->answer = rd_kafka_queue_poll(q->queue, slice);
        if (q->answer == NULL && refused(q->a))
            break;
    }
    if (q->answer != NULL)
        *re = rd_kafka_event_error(q->answer);
}

void kafka_question_end(struct kafka_question *q)
{
    if (q->answer != NULL)
        rd_kafka_event_destroy(q->answer);
    rd_kafka_AdminOptions_destroy(q->options);
    rd_kafka_queue_destroy(q->queue);
}

/* Waits; the sentence when the request as a whole failed. */
static enum err answer_of(struct kafka_question *q, const char *topic, struct errmsg *msg)
{
    rd_kafka_resp_err_t re;
    kafka_question_wait(q, &re);
    if (re == RD_KAFKA_RESP_ERR_NO_ERROR)
        return ERR_OK;
    const char *text = q->answer != NULL ? rd_kafka_event_error_string(q->answer) : NULL;
    return kafka_admin_tell(q->a, topic, re, text, msg);
}

static enum err create_judge(struct kafka_admin *a, const char *topic, rd_kafka_event_t *ev,
                             bool *created, struct errmsg *msg)
{
    size_t n;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(ev), &n);
    if (n != 1)
        return errmsg_set(msg, ERR_BUG, "destination %s: topic %s: %zu results", a->where, topic,
                          n);
    rd_kafka_resp_err_t re = rd_kafka_topic_result_error(results[0]);
    *created = re == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (*created || re == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return ERR_OK;
    return kafka_admin_tell(a, topic, re, rd_kafka_topic_result_error_string(results[0]), msg);
}

void kafka_topic_settings(struct kafka_admin *a, const struct kafka_property *settings,
                          size_t count)
{
    a->settings = settings;
    a->setting_count = count;
}

static enum err create_real(struct kafka_admin *a, const char *topic, int32_t partitions,
                            int replication_factor, bool *created, struct errmsg *msg)
{
    char why[256];
    rd_kafka_NewTopic_t *spec =
        rd_kafka_NewTopic_new(topic, partitions, replication_factor, why, sizeof why);
    if (spec == NULL)
        return errmsg_set(msg, ERR_CONFIG, "destination: topic \"%s\": %s", topic, why);
    for (size_t i = 0; i < a->setting_count; i++)
        rd_kafka_NewTopic_set_config(spec, a->settings[i].name, a->settings[i].value);

    const char *needs = a->needs;
    if (needs == NULL)
        a->needs = "Create, Describe and Write";
    struct kafka_question q = kafka_question_of(a, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_CreateTopics(a->rk, &spec, 1, q.options, q.queue);
    enum err e = answer_of(&q, topic, msg);
    if (e == ERR_OK)
        e = create_judge(a, topic, q.answer, created, msg);
    a->needs = needs;
    kafka_question_end(&q);
    rd_kafka_NewTopic_destroy(spec);
    return e;
}

enum err kafka_topic_create(struct kafka_admin *a, const char *topic, int32_t partitions,
                            int replication_factor, bool *created, struct errmsg *msg)
{
    bool made = false;
    if (a->embedded != NULL) {
        bool exists;
        TRY(kafka_topic_exists(a, topic, &exists, msg));
        if (!exists) {
            TRY(kafka_embedded_topic(a->embedded, topic, partitions, msg));
            made = true;
        }
    } else {
        TRY(create_real(a, topic, partitions, replication_factor, &made, msg));
    }
    TRY(wait_settled(a, topic, msg));
    snprintf(a->made, sizeof a->made, "%s", made ? topic : "");
    *created = made;
    return ERR_OK;
}

enum err kafka_topic_create_compacted(struct kafka_admin *a, const char *topic,
                                      int replication_factor, bool *created, struct errmsg *msg)
{
    static const struct kafka_property compacted = {"cleanup.policy", "compact"};
    const struct kafka_property *settings = a->settings;
    size_t count = a->setting_count;
    kafka_topic_settings(a, &compacted, 1);
    enum err e = kafka_topic_create(a, topic, 1, replication_factor, created, msg);
    kafka_topic_settings(a, settings, count);
    return e;
}

static enum err partition_records(struct kafka_admin *a, const char *topic, int32_t partition,
                                  int64_t *records, struct errmsg *msg)
{
    struct kafka_slices s = kafka_slices_begin(a);
    rd_kafka_resp_err_t re = RD_KAFKA_RESP_ERR__TIMED_OUT;
    int slice;

    while ((slice = kafka_slices_next(&s)) > 0) {
        int64_t low, high;
        re = rd_kafka_query_watermark_offsets(a->rk, topic, partition, &low, &high, slice);
        if (re == RD_KAFKA_RESP_ERR_NO_ERROR) {
            *records = high > low ? high - low : 0;
            return ERR_OK;
        }
        if (refused(a) || kafka_err(re) != ERR_BROKER_DOWN)
            break;
    }
    return kafka_admin_tell(a, topic, re, NULL, msg);
}

enum err kafka_topic_records(struct kafka_admin *a, const char *topic, int64_t *records,
                             struct errmsg *msg)
{
    int32_t partitions;
    int64_t sum = 0;
    TRY(kafka_topic_partitions(a, topic, &partitions, msg));
    for (int32_t i = 0; i < partitions; i++) {
        int64_t n = 0;
        TRY(partition_records(a, topic, i, &n, msg));
        sum += n;
    }
    *records = sum;
    return ERR_OK;
}

/* The value of a setting in the answer; empty when it is not told. */
static void take_setting(rd_kafka_event_t *ev, const char *name, char *out, size_t cap)
{
    size_t n, entries;
    out[0] = '\0';
    const rd_kafka_ConfigResource_t **resources =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(ev), &n);
    if (n != 1 || rd_kafka_ConfigResource_error(resources[0]) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    const rd_kafka_ConfigEntry_t **entry = rd_kafka_ConfigResource_configs(resources[0], &entries);
    for (size_t i = 0; i < entries; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entry[i]);
        if (value != NULL && strcmp(rd_kafka_ConfigEntry_name(entry[i]), name) == 0)
            snprintf(out, cap, "%s", value);
    }
}

static enum err ask_setting(struct kafka_admin *a, const char *topic, const char *name, char *out,
                            size_t cap, struct errmsg *msg)
{
    if (a->embedded != NULL) {
        out[0] = '\0';
        return ERR_OK;
    }
    struct kafka_question q = kafka_question_of(a, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_ConfigResource_t *which = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    rd_kafka_DescribeConfigs(a->rk, &which, 1, q.options, q.queue);
    enum err e = answer_of(&q, topic, msg);
    if (e == ERR_OK)
        take_setting(q.answer, name, out, cap);
    kafka_question_end(&q);
    rd_kafka_ConfigResource_destroy(which);
    return e;
}

enum err kafka_topic_message_max(struct kafka_admin *a, const char *topic, int64_t *bytes,
                                 struct errmsg *msg)
{
    char text[64];
    TRY(ask_setting(a, topic, "max.message.bytes", text, sizeof text, msg));
    *bytes = strtoll(text, NULL, 10);
    return ERR_OK;
}

enum err kafka_topic_cleanup(struct kafka_admin *a, const char *topic, char *out, size_t cap,
                             struct errmsg *msg)
{
    return ask_setting(a, topic, "cleanup.policy", out, cap, msg);
}

enum err kafka_cluster_brokers(struct kafka_admin *a, int *count, struct errmsg *msg)
{
    metadata *md;
    TRY(ask_metadata(a, NULL, NULL, &md, msg));
    *count = md->broker_cnt;
    rd_kafka_metadata_destroy(md);
    return ERR_OK;
}
