/* The destination at start: options for librdkafka, the embedded broker, a first contact. */
#include "pipeline/task_int.h"

#include "base/log.h"
#include "base/writer.h"
#include "pipeline/retry.h"

#include <stdlib.h>

#define ADMIN_TIMEOUT_MS 10000

static const char *const securities[] = {[CONF_PLAINTEXT] = "plaintext",
                                         [CONF_SSL] = "ssl",
                                         [CONF_SASL_PLAINTEXT] = "sasl_plaintext",
                                         [CONF_SASL_SSL] = "sasl_ssl"};
static const char *const mechanisms[] = {[CONF_SASL_NONE] = NULL,
                                         [CONF_SASL_PLAIN] = "PLAIN",
                                         [CONF_SASL_SCRAM_256] = "SCRAM-SHA-256",
                                         [CONF_SASL_SCRAM_512] = "SCRAM-SHA-512"};
static const char *const codecs[] = {[CONF_LZ4] = "lz4",
                                     [CONF_GZIP] = "gzip",
                                     [CONF_SNAPPY] = "snappy",
                                     [CONF_ZSTD] = "zstd",
                                     [CONF_UNCOMPRESSED] = "none"};

static char *join(const struct conf_list *list)
{
    struct writer w;
    writer_init(&w, 1u << 20);
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0)
            writer_lit(&w, ",");
        writer_slice_put(&w, slice_str(list->items[i]));
    }
    writer_u8(&w, 0);
    if (w.err == ERR_OK)
        return (char *)w.base;
    writer_fini(&w);
    return NULL;
}

/* *out NULL: there are none. */
static enum err properties_of(const struct conf_pairs *pairs, const struct kafka_property **out)
{
    if (pairs->count == 0)
        return ERR_OK;
    struct kafka_property *p = calloc(pairs->count, sizeof(*p));
    if (p == NULL)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < pairs->count; i++)
        p[i] = (struct kafka_property){pairs->items[i].name, pairs->items[i].value};
    *out = p;
    return ERR_OK;
}

static enum err fill_options(struct task *t)
{
    const struct conf_destination *d = &t->config->destination;
    kafka_options_init(&t->kafka);
    t->brokers = join(&d->brokers);
    if (t->brokers == NULL)
        return ERR_NO_MEMORY;
    t->kafka.brokers = t->brokers;
    t->kafka.security = securities[d->security];
    t->kafka.sasl_mechanism = mechanisms[d->sasl_mechanism];
    t->kafka.sasl_user = d->sasl_user;
    t->kafka.sasl_password = d->sasl_password;
    t->kafka.tls_ca = d->tls_ca;
    t->kafka.tls_cert = d->tls_cert;
    t->kafka.tls_key = d->tls_key;
    t->kafka.compression = codecs[d->compression];
    if (d->compression_level >= 0)
        t->kafka.compression_level = d->compression_level;
    t->kafka.acks = d->acks == CONF_ACKS_0 ? 0 : d->acks == CONF_ACKS_1 ? 1 : -1;
    t->kafka.message_max = d->message_max;
    if (d->acks != CONF_ACKS_ALL)
        log_warn("destination.acks", "acks=%s note=\"%s\"", d->acks == CONF_ACKS_0 ? "0" : "1",
                 d->acks == CONF_ACKS_0
                     ? "the checkpoint means sent, not received: what is under way when a "
                       "connection breaks is lost or repeated"
                     : "what only the leader has is lost with it, and a broken connection can "
                       "repeat messages");
    t->kafka.property_count = d->librdkafka.count;
    TRY(properties_of(&d->librdkafka, &t->kafka.properties));
    return properties_of(&d->topic_config, &t->topic_settings);
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
    struct retry retry = {.view = t->o.view,
                          .side = VIEW_DESTINATION,
                          .bit = RETRY_BIT_TASK,
                          .event = "destination.down",
                          .window_key = "retry.connection",
                          .window_ms = t->config->retry.connection_ms,
                          .stop = &task_stopping,
                          .nap = task_nap,
                          .nap_arg = t};
    for (;;) {
        int count = 0;
        enum err e = kafka_cluster_brokers(t->admin, &count, em);
        if (e == ERR_OK)
            log_info("destination.connected", "brokers=%s count=%d",
                     t->embedded != NULL ? kafka_embedded_address(t->embedded) : t->brokers, count);
        if (e == ERR_OK || err_class(e) != ERRC_BROKER) {
            retry_end(&retry, NULL);
            return e;
        }
        TRY(retry_wait(&retry, e, em));
    }
}

static enum err open_registry(struct task *t, struct errmsg *em)
{
    const struct conf_destination *d = &t->config->destination;
    struct registry_options o = {.url = d->registry,
                                 .user = d->registry_user,
                                 .password = d->registry_password,
                                 .tls_ca = d->tls_ca,
                                 .timeout_ms = ADMIN_TIMEOUT_MS};
    return d->registry != NULL ? registry_new(&o, &t->registry, em) : ERR_OK;
}

enum err task_connect_destination(struct task *t, struct errmsg *em)
{
    const struct conf_destination *d = &t->config->destination;
    TRY(fill_options(t));
    if (d->embedded)
        TRY(start_embedded(t, em));
    TRY(kafka_options_check(&t->kafka, em));
    TRY(kafka_admin_new(&t->kafka, ADMIN_TIMEOUT_MS, &t->admin, em));
    kafka_topic_settings(t->admin, t->topic_settings, d->topic_config.count);
    TRY(reach(t, em));
    TRY(open_registry(t, em));
    t->topics = (struct topics){.admin = t->admin,
                                .create = d->create_topics || d->embedded,
                                .embedded = d->embedded,
                                .replication_factor = d->replication_factor,
                                .message_max = d->message_max,
                                .retry_ms = t->config->retry.connection_ms,
                                .stop = &task_stopping,
                                .view = t->o.view,
                                .registry = t->registry,
                                .schema = dts_avro_schema()};
    return ERR_OK;
}
