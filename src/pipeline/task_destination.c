/* The destination at start: options for librdkafka, the embedded broker, a first contact. */
#include "pipeline/task_int.h"

#include "base/log.h"

#include <stdlib.h>

#define ADMIN_TIMEOUT_MS 10000

static enum err fill_options(struct task *t)
{
    const struct conf_destination *d = &t->config->destination;
    TRY(options_of_destination(t->config, &t->to));
    t->kafka = t->to.kafka;
    t->kafka.plain = t->shared->plain_producers;
    if (d->acks != CONF_ACKS_ALL)
        log_warn("destination.acks", "acks=%s note=\"%s\"", d->acks == CONF_ACKS_0 ? "0" : "1",
                 d->acks == CONF_ACKS_0
                     ? "the checkpoint means sent, not received: what is under way when a "
                       "connection breaks is lost or repeated"
                     : "what only the leader has is lost with it, and a broken connection can "
                       "repeat messages");
    return ERR_OK;
}

static enum err start_embedded(struct task *t, struct errmsg *em)
{
    if (t->embedded == NULL)
        TRY(kafka_embedded_new(1, &t->embedded, em));
    t->kafka.embedded = t->embedded;
    log_warn("destination.embedded",
             "brokers=%s note=\"the embedded broker keeps nothing when this process ends\"",
             kafka_embedded_address(t->embedded));
    return ERR_OK;
}

/* The first contact, tried again while brokers are away. */
static enum err reach(struct task *t, struct errmsg *em)
{
    struct retry retry = task_retry(t, VIEW_DESTINATION, "destination.down");
    for (;;) {
        int count = 0;
        enum err e = kafka_cluster_brokers(t->admin, &count, em);
        if (e == ERR_OK)
            log_info("destination.connected", "brokers=%s count=%d",
                     t->embedded != NULL ? kafka_embedded_address(t->embedded) : t->to.brokers,
                     count);
        if (e == ERR_OK || err_class(e) != ERRC_BROKER) {
            retry_end(&retry, NULL);
            return e;
        }
        TRY(retry_wait(&retry, e, em));
    }
}

static enum err open_registry(struct task *t, struct errmsg *em)
{
    struct registry_options o = options_of_registry(t->config);
    return o.url != NULL ? registry_new(&o, &t->registry, em) : ERR_OK;
}

enum err task_look_destination(struct task *t, struct errmsg *em)
{
    int count = 0;
    TRY(options_of_destination(t->config, &t->to));
    t->kafka = t->to.kafka;
    t->topics = (struct topics){.look = true,
                                .framed = t->config->destination.registry != NULL,
                                .retry_ms = 0,
                                .stop = &task_stopping};
    if (t->config->destination.embedded)
        return ERR_OK;
    TRY(kafka_options_check(&t->kafka, em));
    TRY(kafka_admin_new(&t->kafka, ADMIN_TIMEOUT_MS, &t->admin, em));
    t->topics.admin = t->admin;
    return kafka_cluster_brokers(t->admin, &count, em);
}

enum err task_connect_destination(struct task *t, struct errmsg *em)
{
    const struct conf_destination *d = &t->config->destination;
    TRY(fill_options(t));
    if (d->embedded)
        TRY(start_embedded(t, em));
    TRY(kafka_options_check(&t->kafka, em));
    TRY(kafka_admin_new(&t->kafka, ADMIN_TIMEOUT_MS, &t->admin, em));
    kafka_topic_settings(t->admin, t->to.topic_settings, d->topic_config.count);
    TRY(reach(t, em));
    TRY(task_txn_open(t, em));
    TRY(open_registry(t, em));
    t->topics = (struct topics){.admin = t->admin,
                                .create = d->create_topics || d->embedded,
                                .embedded = d->embedded,
                                .replication_factor = d->replication_factor,
                                .message_max = d->message_max,
                                .retry_ms = t->config->retry.connection_ms,
                                .stop = &task_stopping,
                                .view = t->o.view,
                                .framed = t->registry != NULL,
                                .registry = t->registry,
                                .schema = dts_avro_schema()};
    return ERR_OK;
}
