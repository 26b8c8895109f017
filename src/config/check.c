/*
 * What no key can tell alone: keys that contradict each other, and defaults
 * that follow from another key. A key that was reported already is not
 * reported again.
 */
#include "config/load.h"
#include "config/value.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_set(const struct conf_load *l, const char *path)
{
    return conf_value_of(l->values, path)->set;
}

static bool is_broken(const struct conf_load *l, const char *path)
{
    return conf_value_of(l->values, path)->broken;
}

/* Refuses each key of the list (NULL-ended) that is set. */
static void refuse_set(struct conf_load *l, const char *const *paths, const char *why)
{
    for (; *paths != NULL; paths++)
        if (is_set(l, *paths))
            conf_problem(l->report, conf_value_of(l->values, *paths)->node->name_at,
                         "%s has no effect with %s", *paths, why);
}

static void check_pair(struct conf_load *l, const char *a, const char *b)
{
    if (is_set(l, a) != is_set(l, b))
        conf_problem(l->report, conf_value_mark(l, is_set(l, a) ? a : b),
                     "%s and %s go together: %s is missing", a, b, is_set(l, a) ? b : a);
}

static void default_state_dir(struct conf_load *l)
{
    struct task_config *t = l->task;
    char name[128];
    if (t->state_dir != NULL || t->task == NULL)
        return;
    snprintf(name, sizeof(name), "./%.100s.state", t->task);
    const char *copy = conf_text(l->arena, name, strlen(name));
    t->state_dir = copy != NULL ? conf_resolve(l->arena, t->path, copy) : NULL;
}

static void check_source(struct conf_load *l)
{
    static const char *const tls[] = {"source.tls_ca", "source.tls_cert", "source.tls_key",
                                      "source.tls_server_name", NULL};
    if (l->task->source.tls == CONF_TLS_DISABLED)
        refuse_set(l, tls, "source.tls: disabled");
    check_pair(l, "source.tls_cert", "source.tls_key");
}

static void need_sasl(struct conf_load *l, const char *path)
{
    if (!is_set(l, path))
        conf_problem(l->report, conf_value_mark(l, "destination.security"),
                     "%s is missing: destination.security: %s logs in", path,
                     conf_value_text(l->values, "destination.security"));
}

static void check_login(struct conf_load *l)
{
    struct conf_destination *d = &l->task->destination;
    const char *mechanism = conf_value_text(l->values, "destination.sasl.mechanism");
    need_sasl(l, "destination.sasl.mechanism");
    need_sasl(l, "destination.sasl.user");
    if (mechanism != NULL && !is_broken(l, "destination.sasl.mechanism"))
        d->sasl_mechanism = strcmp(mechanism, "PLAIN") == 0           ? CONF_SASL_PLAIN
                            : strcmp(mechanism, "SCRAM-SHA-256") == 0 ? CONF_SASL_SCRAM_256
                                                                      : CONF_SASL_SCRAM_512;
    if (d->sasl_password == NULL && l->report->error_count == 0)
        conf_problem(l->report, conf_value_mark(l, "destination.security"),
                     "no password for destination.sasl: set the environment variable %s, or "
                     "destination.sasl.password_file",
                     conf_value_text(l->values, "destination.sasl.password_env"));
}

static void check_security(struct conf_load *l)
{
    /* The authorities serve a schema registry, too. */
    static const char *const tls[] = {"destination.tls_cert", "destination.tls_key",
                                      "destination.tls_ca", NULL};
    static const char *const tls_of_registry[] = {"destination.tls_cert", "destination.tls_key",
                                                  NULL};
    const char *registry = l->task->destination.registry;
    bool https = registry != NULL && strncasecmp(registry, "https://", 8) == 0;
    static const char *const sasl[] = {
        "destination.sasl.mechanism",    "destination.sasl.user",
        "destination.sasl.password_env", "destination.sasl.password_file",
        "destination.sasl.password",     NULL};
    enum conf_security s = l->task->destination.security;
    char why[64];
    if (is_broken(l, "destination.security"))
        return;
    snprintf(why, sizeof(why), "destination.security: %s",
             conf_value_text(l->values, "destination.security"));
    if (s == CONF_PLAINTEXT || s == CONF_SASL_PLAINTEXT)
        refuse_set(l, https ? tls_of_registry : tls, why);
    check_pair(l, "destination.tls_cert", "destination.tls_key");
    if (s == CONF_SASL_PLAINTEXT || s == CONF_SASL_SSL)
        check_login(l);
    else
        refuse_set(l, sasl, why);
}

static bool is_url(const char *text)
{
    size_t scheme = strncasecmp(text, "http://", 7) == 0    ? 7
                    : strncasecmp(text, "https://", 8) == 0 ? 8
                                                            : 0;
    if (scheme == 0 || text[scheme] == 0 || text[scheme] == '/')
        return false;
    for (const char *p = text; *p != 0; p++)
        if ((unsigned char)*p <= ' ' || *p == '?' || *p == '#' || *p == '@')
            return false;
    return true;
}

static void check_registry(struct conf_load *l)
{
    static const char *const login[] = {"destination.schema_registry_user",
                                        "destination.schema_registry_password_env", NULL};
    struct conf_destination *d = &l->task->destination;
    if (is_broken(l, "destination.schema_registry") || d->registry == NULL)
        return;
    struct conf_mark at = conf_value_mark(l, "destination.schema_registry");
    if (strcmp(d->registry, "none") == 0) {
        d->registry = NULL;
        refuse_set(l, login, "destination.schema_registry: none");
        return;
    }
    if (!is_url(d->registry))
        conf_problem(
            l->report, at,
            "destination.schema_registry: %.200s is not http://HOST[:PORT][/PATH] or https; "
            "a user has a key of its own",
            d->registry);
    if (d->format != CONF_DTS_AVRO && !is_broken(l, "destination.format"))
        conf_problem(l->report, at,
                     "destination.schema_registry has no effect with destination.format: %s, which "
                     "has no schema",
                     conf_value_text(l->values, "destination.format"));
    check_pair(l, login[0], login[1]);
}

static void check_compression(struct conf_load *l)
{
    static const int8_t highest[] = {[CONF_LZ4] = 12,
                                     [CONF_GZIP] = 9,
                                     [CONF_SNAPPY] = -1,
                                     [CONF_ZSTD] = 12,
                                     [CONF_UNCOMPRESSED] = -1};
    const struct conf_destination *d = &l->task->destination;
    const char *codec = conf_value_text(l->values, "destination.compression");
    if (is_broken(l, "destination.compression") || d->compression_level <= highest[d->compression])
        return;
    struct conf_mark at = conf_value_mark(l, "destination.compression_level");
    if (highest[d->compression] < 0)
        conf_problem(l->report, at, "destination.compression_level: %s has no levels", codec);
    else
        conf_problem(l->report, at, "destination.compression_level: %s has levels 0 to %d", codec,
                     highest[d->compression]);
}

/* Properties that a promise depends on, and the key that says the same. */
static const struct {
    const char *name;
    const char *instead;
} kept_properties[] = {
    {"bootstrap.servers", "destination.brokers"},
    {"metadata.broker.list", "destination.brokers"},
    {"security.protocol", "destination.security"},
    {"sasl.mechanism", "destination.sasl.mechanism"},
    {"sasl.mechanisms", "destination.sasl.mechanism"},
    {"sasl.username", "destination.sasl.user"},
    {"sasl.password", "destination.sasl.password_env"},
    {"ssl.ca.location", "destination.tls_ca"},
    {"ssl.certificate.location", "destination.tls_cert"},
    {"ssl.key.location", "destination.tls_key"},
    {"acks", "destination.acks"},
    {"request.required.acks", "destination.acks"},
    {"enable.idempotence", "destination.acks and destination.delivery"},
    {"transactional.id", "destination.delivery"},
    {"isolation.level", "destination.delivery"},
    {"enable.partition.eof", "nothing: what a restart begins with depends on it"},
    {"max.in.flight", "destination.acks"},
    {"max.in.flight.requests.per.connection", "destination.acks"},
    {"compression.codec", "destination.compression"},
    {"compression.type", "destination.compression"},
    {"compression.level", "destination.compression_level"},
    {"message.max.bytes", "destination.message_max"},
    {"message.copy.max.bytes", "limits.memory"},
    {"queue.buffering.max.messages", "limits.memory"},
    {"queue.buffering.max.kbytes", "limits.memory"},
    {"message.timeout.ms", "retry.connection"},
    {"delivery.timeout.ms", "retry.connection"},
    {"message.send.max.retries", "retry.connection"},
    {"retries", "retry.connection"},
    {"delivery.report.only.error", "nothing: progress is counted from delivery reports"},
    {"partitioner", "destination.partition_by"},
    {"queuing.strategy", "nothing: order is kept"},
    {"test.mock.num.brokers", "destination.brokers: embedded"},
};

static void check_librdkafka(struct conf_load *l)
{
    const struct conf_value *v = conf_value_of(l->values, "destination.librdkafka");
    if (v->node == NULL || v->node->kind != CONF_MAP)
        return;
    for (const struct conf_node *n = v->node->first; n != NULL; n = n->next)
        for (size_t i = 0; i < sizeof(kept_properties) / sizeof(kept_properties[0]); i++)
            if (strcmp(n->name, kept_properties[i].name) == 0)
                conf_problem(l->report, n->name_at,
                             "destination.librdkafka.%s cannot be set here: use %s", n->name,
                             kept_properties[i].instead);
}

/* What transactions need of the other keys. */
static void check_delivery(struct conf_load *l)
{
    const struct conf_destination *d = &l->task->destination;
    if (is_broken(l, "destination.delivery") || d->delivery != CONF_EXACTLY_ONCE)
        return;
    if (!is_broken(l, "destination.acks") && d->acks != CONF_ACKS_ALL)
        conf_problem(l->report, conf_value_mark(l, "destination.acks"),
                     "destination.delivery: exactly-once needs destination.acks: all, not %s",
                     conf_value_text(l->values, "destination.acks"));
    if (d->embedded)
        conf_problem(l->report, conf_value_mark(l, "destination.delivery"),
                     "destination.delivery: exactly-once needs brokers that keep transactions: the "
                     "one of destination.brokers: embedded keeps nothing");
}

static void check_partition_key(struct conf_load *l, const struct conf_object *o,
                                const struct conf_node *entry)
{
    const struct conf_node *n = conf_member(entry, "partition_key");
    if (n == NULL)
        return;
    if (l->task->destination.partition_by != CONF_BY_PRIMARY_KEY)
        conf_problem(l->report, n->name_at,
                     "objects[].partition_key has no effect with destination.partition_by: %s",
                     conf_value_text(l->values, "destination.partition_by"));
    if (n->kind == CONF_LIST && n->count == 0)
        conf_problem(l->report, n->at, "objects[].partition_key: at least one column is needed");
    for (size_t i = 0; i < o->partition_key.count && i < CONF_MEMBERS_MAX; i++)
        for (size_t j = 0; j < i; j++)
            if (strcasecmp(o->partition_key.items[i], o->partition_key.items[j]) == 0)
                conf_problem(l->report, n->at,
                             "objects[].partition_key: %.100s is in the list twice",
                             o->partition_key.items[i]);
}

static void check_entry(struct conf_load *l, const struct conf_object *o,
                        const struct conf_node *entry, bool *takes_any)
{
    const struct conf_node *table = conf_member(entry, "table");
    if (table == NULL)
        return;
    if (o->table[0] == '!') {
        if (entry->count > 1)
            conf_problem(l->report, table->at, "objects: the exclusion %.200s takes no other keys",
                         o->table);
        return;
    }
    *takes_any = true;
    const struct conf_node *dml = conf_member(entry, "dml");
    if (dml != NULL && dml->kind == CONF_LIST && dml->count == 0)
        conf_problem(l->report, dml->at, "objects[].dml: at least one of insert, update, delete");
    if (o->topic == NULL && l->task->destination.topic == NULL &&
        !is_broken(l, "destination.topic") && conf_member(entry, "topic") == NULL)
        conf_problem(l->report, table->at,
                     "objects: %.200s has no topic: set destination.topic, or topic here",
                     o->table);
    check_partition_key(l, o, entry);
}

/* Two entries that want the same new topic with different partition counts. */
static void check_partitions(struct conf_load *l)
{
    const struct task_config *t = l->task;
    for (size_t i = 0; i < t->object_count && i < CONF_MEMBERS_MAX; i++) {
        const struct conf_object *a = &t->objects[i];
        for (size_t j = 0; j < i && a->partitions != 0; j++) {
            const struct conf_object *b = &t->objects[j];
            const char *x = a->topic != NULL ? a->topic : t->destination.topic;
            const char *y = b->topic != NULL ? b->topic : t->destination.topic;
            if (b->partitions == 0 || b->partitions == a->partitions || x == NULL || y == NULL ||
                strcmp(x, y) != 0 || strchr(x, '{') != NULL)
                continue;
            conf_problem(l->report, (struct conf_mark){l->task->path, a->line, a->column},
                         "objects[].partitions: the topic %.200s has %u partitions in line %u", x,
                         b->partitions, b->line);
            break;
        }
    }
}

static void check_objects(struct conf_load *l)
{
    bool takes_any = false;
    size_t errors = l->report->error_count;
    if (l->values->objects == NULL)
        return;
    const struct conf_object *o = l->task->objects;
    for (const struct conf_node *n = l->values->objects->first; n != NULL; n = n->next)
        if (n->kind == CONF_MAP)
            check_entry(l, o++, n, &takes_any);
    if (!takes_any && l->report->error_count == errors)
        conf_problem(l->report, l->values->objects->at,
                     "objects: there are only exclusions, so no table is followed");
    check_partitions(l);
}

/* A default topic with {table} in it is the topic of each entry that has none of its own. */
static void spread_template(struct conf_load *l)
{
    struct conf_destination *d = &l->task->destination;
    if (is_broken(l, "destination.topic") || d->topic == NULL || strchr(d->topic, '{') == NULL)
        return;
    for (size_t i = 0; i < l->task->object_count; i++) {
        struct conf_object *o = &l->task->objects[i];
        if (o->topic == NULL && o->table != NULL && o->table[0] != '!')
            o->topic = d->topic;
    }
    d->topic = NULL;
}

static void check_limits(struct conf_load *l)
{
    const struct task_config *t = l->task;
    if (!is_broken(l, "retry.other") && !is_broken(l, "retry.connection") &&
        t->retry.other_ms >= t->retry.connection_ms)
        conf_problem(
            l->report,
            conf_value_mark(l, is_set(l, "retry.other") ? "retry.other" : "retry.connection"),
            "retry.other (%s) must be less than retry.connection (%s)",
            conf_value_text(l->values, "retry.other"),
            conf_value_text(l->values, "retry.connection"));
    if (!is_broken(l, "destination.message_max") && !is_broken(l, "limits.memory") &&
        t->destination.message_max > t->limits.memory / 2)
        conf_problem(l->report, conf_value_mark(l, "destination.message_max"),
                     "destination.message_max (%s) must not exceed half of limits.memory (%s)",
                     conf_value_text(l->values, "destination.message_max"),
                     conf_value_text(l->values, "limits.memory"));
}

static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 ||
           strcasecmp(host, "localhost") == 0;
}

/* HOST:PORT, [ADDRESS]:PORT or off. */
static void check_http(struct conf_load *l)
{
    struct conf_http *h = &l->task->http;
    if (is_broken(l, "http.listen") || strcmp(h->listen, "off") == 0)
        return;
    const char *colon = strrchr(h->listen, ':'), *from = h->listen;
    int64_t port = -1;
    size_t len = colon != NULL ? (size_t)(colon - from) : 0;
    bool bracketed = len > 2 && from[0] == '[' && from[len - 1] == ']';
    if (bracketed) {
        from++;
        len -= 2;
    }
    if (len == 0 || (!bracketed && (from[0] == '[' || memchr(from, ':', len) != NULL)) ||
        !conf_digits(colon + 1, strlen(colon + 1), &port) || port > 65535) {
        conf_problem(l->report, conf_value_mark(l, "http.listen"),
                     "http.listen: %.200s is no HOST:PORT, [ADDRESS]:PORT or off", h->listen);
        return;
    }
    h->host = conf_text(l->arena, from, len);
    h->port = (uint16_t)port;
    h->loopback = h->host != NULL && is_loopback(h->host);
    if (h->host != NULL && !h->loopback && h->token == NULL && l->report->error_count == 0)
        conf_problem(l->report, conf_value_mark(l, "http.listen"),
                     "http.listen: %.200s can be reached from other machines, so a token is "
                     "required: set the environment variable %.100s",
                     h->listen, conf_value_text(l->values, "http.token_env"));
}

/* DATABASE.TABLE, plain names. */
static void check_heartbeat(struct conf_load *l)
{
    const char *table = l->task->heartbeat.table;
    const char *dot = table != NULL ? strchr(table, '.') : NULL;
    if (is_broken(l, "heartbeat.table"))
        return;
    if (dot == NULL || dot == table || dot[1] == '\0' || strchr(dot + 1, '.') != NULL ||
        strpbrk(table, "*?[]!/`") != NULL)
        conf_problem(l->report, conf_value_mark(l, "heartbeat.table"),
                     "heartbeat.table: %.200s is no DATABASE.TABLE", table != NULL ? table : "");
}

static void check_alerts(struct conf_load *l)
{
    const char *url = l->task->alerts.webhook;
    if (url != NULL && !is_broken(l, "alerts.webhook") && strncmp(url, "http://", 7) != 0 &&
        strncmp(url, "https://", 8) != 0)
        conf_problem(l->report, conf_value_mark(l, "alerts.webhook"),
                     "alerts.webhook: a URL that begins with http:// or https:// is expected");
}

void conf_check(struct conf_load *l)
{
    default_state_dir(l);
    check_source(l);
    check_security(l);
    check_registry(l);
    check_compression(l);
    check_librdkafka(l);
    check_delivery(l);
    check_objects(l);
    spread_template(l);
    check_limits(l);
    check_http(l);
    check_heartbeat(l);
    check_alerts(l);
}
