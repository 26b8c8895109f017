#include "pipeline/topics.h"

#include "base/hash.h"
#include "base/log.h"
#include "pipeline/retry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void topics_fini(struct topics *t)
{
    for (uint32_t i = 0; i < t->count; i++)
        free(t->items[i].name);
    free(t->items);
    t->items = NULL;
    t->count = t->cap = 0;
    memset(t->buckets, 0, sizeof(t->buckets));
}

static uint32_t *bucket_of(struct topics *t, const char *name)
{
    return &t->buckets[hash_item(HASH_START, slice_str(name)) % TOPIC_BUCKETS];
}

static struct topic *find(struct topics *t, const char *name)
{
    for (uint32_t i = *bucket_of(t, name); i != 0; i = t->items[i - 1].same_hash)
        if (strcmp(t->items[i - 1].name, name) == 0)
            return &t->items[i - 1];
    return NULL;
}

static enum err add(struct topics *t, const char *name, struct topic **out)
{
    if (t->count == t->cap) {
        uint32_t cap = t->cap == 0 ? 16 : t->cap * 2;
        struct topic *items = realloc(t->items, cap * sizeof(*items));
        if (items == NULL)
            return ERR_NO_MEMORY;
        t->items = items;
        t->cap = cap;
    }
    char *copy = strdup(name);
    if (copy == NULL)
        return ERR_NO_MEMORY;
    uint32_t *bucket = bucket_of(t, name);
    *out = &t->items[t->count++];
    **out = (struct topic){.name = copy, .same_hash = *bucket};
    *bucket = t->count;
    return ERR_OK;
}

enum err topics_remember(struct topics *t, const char *name, int32_t partitions)
{
    struct topic *topic = find(t, name);
    if (topic == NULL)
        TRY(add(t, name, &topic));
    topic->partitions = partitions;
    topic->known = true;
    return ERR_OK;
}

static enum err refuse_records(struct topics *t, const char *name, struct errmsg *em)
{
    int64_t records = 0;
    TRY(kafka_topic_records(t->admin, name, &records, em));
    if (records == 0)
        return ERR_OK;
    return errmsg_set(em, ERR_DEST_TOPIC,
                      "topic %s exists and holds %lld records: empty it, choose another topic, or "
                      "set destination.existing_topics: ignore",
                      name, (long long)records);
}

/* A row that the topic would refuse is better known of now. */
static void compare_limits(struct topics *t, const struct topic *topic)
{
    int64_t most = 0;
    struct errmsg ignored; /* not every account may describe topics */
    if (kafka_topic_message_max(t->admin, topic->name, &most, &ignored) == ERR_OK && most > 0 &&
        (uint64_t)most < t->message_max)
        log_warn(
            "topic.limit",
            "topic=%s max_message_bytes=%lld message_max=%zu note=\"a row between the two ends "
            "the task: raise the topic's limit or lower destination.message_max\"",
            topic->name, (long long)most, t->message_max);
}

/* Finds out the partition count of a topic that is new to the task, making it where it is missing.
 */
static enum err settle(struct topics *t, struct topic *topic, int32_t partitions, struct errmsg *em)
{
    bool created = false;
    if (t->look) {
        bool exists = false;
        if (t->admin != NULL)
            TRY(kafka_topic_exists(t->admin, topic->name, &exists, em));
        topic->partitions = partitions;
        return exists ? kafka_topic_partitions(t->admin, topic->name, &topic->partitions, em)
                      : ERR_OK;
    }
    if (t->create) {
        TRY(kafka_topic_create(t->admin, topic->name, partitions, t->replication_factor, &created,
                               em));
        if (!created && t->report_existing)
            TRY(refuse_records(t, topic->name, em));
    }
    TRY(kafka_topic_partitions(t->admin, topic->name, &topic->partitions, em));
    log_info("topic.ready", "topic=%s partitions=%d created=%s", topic->name, topic->partitions,
             created ? "yes" : "no");
    return ERR_OK;
}

/* A topic that the checkpoint knows must be as it was. */
static enum err compare(struct topics *t, const struct topic *topic, struct errmsg *em)
{
    int32_t now = 0;
    bool created;
    if (t->embedded)
        TRY(kafka_topic_create(t->admin, topic->name, topic->partitions, 1, &created, em));
    TRY(kafka_topic_partitions(t->admin, topic->name, &now, em));
    if (now == topic->partitions)
        return ERR_OK;
    return errmsg_set(
        em, ERR_DEST_TOPIC,
        "topic %s has %d partitions and had %d when this task first wrote to it: rows "
        "would change their partition and lose their order; go on with a new topic "
        "and a new state_dir",
        topic->name, now, topic->partitions);
}

/* The schema registry gives the topic's messages their frame; for a look its length is enough. */
static enum err make_frame(struct topics *t, struct topic *topic, struct errmsg *em)
{
    if (t->look) {
        topic->frame_len = REGISTRY_FRAME_LEN;
        return ERR_OK;
    }
    TRY(registry_register(t->registry, topic->name, t->schema, topic->frame, em));
    topic->frame_len = REGISTRY_FRAME_LEN;
    uint32_t id = 0;
    for (unsigned i = 1; i < REGISTRY_FRAME_LEN; i++)
        id = id << 8 | topic->frame[i];
    log_info("registry.schema", "subject=%s-value id=%u", topic->name, id);
    return ERR_OK;
}

/* Asks again while brokers are away, as the lanes do with messages. */
static enum err ask(struct topics *t, struct topic *topic, int32_t partitions, struct errmsg *em)
{
    char subject[300];
    snprintf(subject, sizeof(subject), "topic=%s ", topic->name);
    struct retry retry = {.view = t->view,
                          .side = VIEW_DESTINATION,
                          .bit = RETRY_BIT_TOPICS,
                          .event = "destination.down",
                          .subject = subject,
                          .window_key = "retry.connection",
                          .window_ms = t->retry_ms,
                          .stop = t->stop};
    for (;;) {
        enum err e = topic->known ? compare(t, topic, em) : settle(t, topic, partitions, em);
        if (e == ERR_OK && t->framed)
            e = make_frame(t, topic, em);
        if (err_class(e) != ERRC_BROKER) {
            retry_end(&retry, NULL);
            return e;
        }
        TRY(retry_wait(&retry, e, em));
    }
}

enum err topics_need(struct topics *t, const char *name, int32_t partitions, uint32_t *index,
                     bool *fresh, struct errmsg *em)
{
    struct topic *topic = find(t, name);
    if (topic == NULL && add(t, name, &topic) != ERR_OK)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory for topic %s", name);
    if (!topic->checked) {
        TRY(ask(t, topic, partitions, em));
        topic->checked = true;
        if (!t->look)
            compare_limits(t, topic);
    }
    *index = (uint32_t)(topic - t->items);
    *fresh = !topic->known;
    topic->known = true;
    return ERR_OK;
}
