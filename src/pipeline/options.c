#include "pipeline/options.h"

#include "base/writer.h"

#include <stdlib.h>
#include <string.h>

#define REGISTRY_TIMEOUT_MS 10000

static const enum src_tls tls_modes[] = {[CONF_TLS_DISABLED] = SRC_TLS_DISABLED,
                                         [CONF_TLS_PREFERRED] = SRC_TLS_PREFERRED,
                                         [CONF_TLS_REQUIRED] = SRC_TLS_REQUIRED,
                                         [CONF_TLS_VERIFY_CA] = SRC_TLS_VERIFY_CA,
                                         [CONF_TLS_VERIFY_IDENTITY] = SRC_TLS_VERIFY_IDENTITY};
static const enum src_compression compressions[] = {
    [CONF_WIRE_NONE] = SRC_PLAIN, [CONF_WIRE_ZLIB] = SRC_ZLIB, [CONF_WIRE_ZSTD] = SRC_ZSTD};

void options_of_source(const struct task_config *config, const atomic_bool *stop,
                       struct src_options *out)
{
    const struct conf_source *s = &config->source;
    *out = (struct src_options){
        .host = s->host,
        .port = s->port,
        .user = s->user,
        .password = s->password,
        .tls = tls_modes[s->tls],
        .tls_ca = s->tls_ca,
        .tls_cert = s->tls_cert,
        .tls_key = s->tls_key,
        .tls_server_name = s->tls_server_name,
        .compression = compressions[s->compression],
        .connect_timeout_ms = s->connect_timeout_ms,
        .role = "binary_log_listener",
        .stop = stop,
    };
}

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

enum err options_of_destination(const struct task_config *config, struct destination_options *out)
{
    const struct conf_destination *d = &config->destination;
    kafka_options_init(&out->kafka);
    out->brokers = join(&d->brokers);
    if (out->brokers == NULL)
        return ERR_NO_MEMORY;
    out->kafka.brokers = out->brokers;
    out->kafka.security = securities[d->security];
    out->kafka.sasl_mechanism = mechanisms[d->sasl_mechanism];
    out->kafka.sasl_user = d->sasl_user;
    out->kafka.sasl_password = d->sasl_password;
    out->kafka.tls_ca = d->tls_ca;
    out->kafka.tls_cert = d->tls_cert;
    out->kafka.tls_key = d->tls_key;
    out->kafka.compression = codecs[d->compression];
    if (d->compression_level >= 0)
        out->kafka.compression_level = d->compression_level;
    out->kafka.acks = d->acks == CONF_ACKS_0 ? 0 : d->acks == CONF_ACKS_1 ? 1 : -1;
    out->kafka.message_max = d->message_max;
    out->kafka.property_count = d->librdkafka.count;
    TRY(properties_of(&d->librdkafka, &out->kafka.properties));
    return properties_of(&d->topic_config, &out->topic_settings);
}

void destination_options_fini(struct destination_options *o)
{
    free((void *)(uintptr_t)o->kafka.properties);
    free((void *)(uintptr_t)o->topic_settings);
    free(o->brokers);
    *o = (struct destination_options){0};
}

struct registry_options options_of_registry(const struct task_config *config)
{
    const struct conf_destination *d = &config->destination;
    return (struct registry_options){.url = d->registry,
                                     .user = d->registry_user,
                                     .password = d->registry_password,
                                     .tls_ca = d->tls_ca,
                                     .timeout_ms = REGISTRY_TIMEOUT_MS};
}
