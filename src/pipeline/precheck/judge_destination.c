/* Brokers, topics, registry. */
#include "pipeline/precheck/precheck_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_MS          3600000
#define SHORT_MS         (24 * (int64_t)HOUR_MS)
#define TOPICS_SHOWN     10
#define SHARE_OF_MAX     8 /* a mean row of an eighth of message_max: some are larger than it */
#define IDEMPOTENT_SINCE 208

/* The brokers as the tools of Kafka want them. */
static const char *brokers(const struct precheck_facts *f)
{
    const struct conf_list *list = &f->config->destination.brokers;
    return list->count > 0 ? list->items[0] : "HOST:PORT";
}

static const char *principal(const struct precheck_facts *f)
{
    const struct conf_destination *d = &f->config->destination;
    bool login = d->security == CONF_SASL_PLAINTEXT || d->security == CONF_SASL_SSL;
    if (login && d->sasl_user != NULL)
        return d->sasl_user;
    return d->security == CONF_SSL ? "CN=..." : "ANONYMOUS";
}

/* Names of the topics that `is` takes; their number. */
typedef bool (*topic_is)(const struct precheck_facts *f, size_t i);

static size_t find_topics(const struct precheck_facts *f, topic_is is, struct writer *out)
{
    size_t n = 0;
    for (size_t i = 0; i < f->topic_count; i++)
        if (is(f, i) && n++ < TOPICS_SHOWN)
            writer_printf(out, "%s%s", n > 1 ? ", " : "", f->topics[i].name);
    if (n > TOPICS_SHOWN)
        writer_printf(out, " and %zu more", n - TOPICS_SHOWN);
    return n;
}

static void config_remedy(const struct precheck_facts *f, const char *topic, const char *setting,
                          int64_t value, struct finding *out)
{
    find_remedy(out,
                "kafka-configs.sh --bootstrap-server %s --alter --entity-type topics --entity-name "
                "%s --add-config %s=%" PRId64,
                brokers(f), topic, setting, value);
}

void judge_destination(const struct precheck_facts *f, struct finding *out)
{
    if (f->embedded) {
        find_note(out, "the embedded broker, which keeps nothing when the process ends");
        return;
    }
    if (f->destination.err == ERR_OK) {
        find_note(out, "%d %s at %s", COUNT_OF(f->cluster.brokers, "broker"), brokers(f));
        return;
    }
    if (f->o != NULL && f->o->admin != NULL && err_class(f->destination.err) == ERRC_BROKER) {
        find_warning(out, "%s; it is tried again", f->destination.em.text); /* retry.connection */
        return;
    }
    find_failure(out, f->destination.err, "%s", f->destination.em.text);
    if (f->destination.err == ERR_DEST_DENIED)
        find_remedy(out, "destination.security, destination.sasl and its password, "
                         "destination.tls_ca");
    else
        find_remedy(out, "destination.brokers; the firewall, and advertised.listeners of the "
                         "brokers");
}

/* "2.8-IV1": 208; 0: not told. */
static unsigned protocol_of(const struct precheck_facts *f)
{
    unsigned major = 0, minor = 0;
    return sscanf(f->cluster.protocol, "%u.%u", &major, &minor) == 2 ? major * 100 + minor : 0;
}

void judge_broker_version(const struct precheck_facts *f, struct finding *out)
{
    unsigned version = protocol_of(f);
    if (!f->cluster.settings_known) {
        find_note(out, "the brokers do not tell their version");
        return;
    }
    if (version == 0) {
        find_note(out, "Kafka 4.0 or later");
        return;
    }
    find_note(out, "Kafka speaks %s between brokers", f->cluster.protocol);
    if (version < 11 && f->config->destination.acks == CONF_ACKS_ALL) {
        find_warning(out, "before 0.11 there is no idempotence: a broken connection may repeat "
                          "messages, and reorder them");
        find_remedy(out, "brokers of Kafka 0.11 or later");
    }
    if (version < 201 && f->config->destination.compression == CONF_ZSTD) {
        find_warning(out, "before 2.1 brokers know no zstd");
        find_remedy(out, "destination: {compression: lz4}");
    }
}

/* ---- topics ---- */

static bool is_missing(const struct precheck_facts *f, size_t i)
{
    return f->found[i].err == ERR_OK && !f->found[i].exists && f->topics[i].had == 0;
}

static bool is_gone(const struct precheck_facts *f, size_t i)
{
    return f->found[i].err == ERR_OK && !f->found[i].exists && f->topics[i].had != 0;
}

static bool is_leaderless(const struct precheck_facts *f, size_t i)
{
    return f->found[i].leaderless > 0;
}

static bool has_rules_problem(const struct precheck_facts *f)
{
    return f->survey != NULL && survey_errors(f->survey) > 0;
}

static void creation_remedy(const struct precheck_facts *f, size_t i, int32_t partitions,
                            struct finding *out)
{
    find_remedy(out,
                "kafka-topics.sh --bootstrap-server %s --create --topic %s --partitions %d "
                "--replication-factor %u",
                brokers(f), f->topics[i].name, partitions,
                f->config->destination.replication_factor);
}

/* What a run would end for as soon as it met the first change for the topic. */
static void judge_gone(const struct precheck_facts *f, struct finding *out)
{
    for (size_t i = 0, n = 0; i < f->topic_count; i++) {
        if (!is_gone(f, i) || n++ >= TOPICS_SHOWN)
            continue;
        find_failure(out, ERR_DEST_TOPIC,
                     "topic %s is gone, to which this task has written: it is not made again by "
                     "itself, since what was in it would be missing without a word",
                     f->topics[i].name);
        creation_remedy(f, i, f->topics[i].had, out);
    }
}

void judge_topics(const struct precheck_facts *f, struct finding *out)
{
    const struct conf_destination *d = &f->config->destination;
    bool makes = d->create_topics || d->embedded;
    struct writer names;
    writer_init(&names, 64u << 10);
    size_t missing = find_topics(f, is_missing, &names);
    if (missing > 0 && !makes) {
        find_failure(out, ERR_DEST_TOPIC,
                     "%zu of %zu %s %s not exist, and destination.create_topics is false: %.*s",
                     missing, COUNT_OF(f->topic_count, "topic"), AGREES(missing, "does", "do"),
                     SLICE_ARG(writer_slice(&names)));
        for (size_t i = 0, n = 0; i < f->topic_count && n < TOPICS_SHOWN; i++) {
            if (!is_missing(f, i))
                continue;
            creation_remedy(f, i, f->topics[i].partitions, out);
            n++;
        }
    } else if (missing > 0) {
        find_note(out, "%zu of %zu %s will be made", missing, COUNT_OF(f->topic_count, "topic"));
    } else if (find_topics(f, is_gone, &names) == 0) {
        find_note(out, "%zu %s there", f->topic_count,
                  AGREES(f->topic_count, "topic is", "topics are"));
    }
    if (missing > 0 && makes && d->replication_factor > f->cluster.brokers && !d->embedded) {
        find_failure(out, ERR_DEST_TOPIC, "topics of %u replicas cannot be made with %d %s",
                     d->replication_factor, COUNT_OF(f->cluster.brokers, "broker"));
        find_remedy(out, "destination: {replication_factor: %d}", f->cluster.brokers);
    }
    judge_gone(f, out);
    writer_clear(&names);
    size_t dark = find_topics(f, is_leaderless, &names);
    if (dark > 0) {
        find_failure(out, ERR_DEST_TOPIC, "%zu %s partitions without a leader: %.*s", dark,
                     AGREES(dark, "topic has", "topics have"), SLICE_ARG(writer_slice(&names)));
        find_remedy(out, "start the brokers that are missing");
    }
    writer_fini(&names);
    if (has_rules_problem(f))
        find_note(out, "of tables whose rules are wrong the topic may be missing here");
}

static bool has_other_count(const struct precheck_facts *f, size_t i)
{
    return f->found[i].exists && f->topics[i].had == 0 &&
           f->topics[i].object < f->config->object_count &&
           f->config->objects[f->topics[i].object].partitions != 0 &&
           f->found[i].partitions != f->topics[i].partitions;
}

static void partitions_remedy(const struct precheck_facts *f, size_t i, int32_t partitions,
                              struct finding *out)
{
    find_remedy(out, "kafka-topics.sh --bootstrap-server %s --alter --topic %s --partitions %d",
                brokers(f), f->topics[i].name, partitions);
}

/* A topic can grow and not shrink: with too many, the task has to begin anew beside it. */
static void judge_changed_count(const struct precheck_facts *f, size_t i, struct finding *out)
{
    const struct checked_topic *t = &f->topics[i];
    const struct task_config *c = f->config;
    int32_t now = f->found[i].partitions;
    if (t->had == 0 || !f->found[i].exists || now == t->had)
        return;
    find_failure(out, ERR_DEST_TOPIC,
                 "topic %s has %d partitions and had %d when this task first wrote to it: rows "
                 "would change their partition and lose their order",
                 t->name, now, t->had);
    if (now < t->had) {
        partitions_remedy(f, i, t->had, out);
        return;
    }
    find_remedy(out, "state_dir: %s.new", c->state_dir);
    if (t->object < c->object_count && c->objects[t->object].topic != NULL)
        find_remedy(out, "objects: [{table: ..., topic: %s_new}]", t->name);
    else
        find_remedy(out, "destination: {%s: %s_new}", t->rows ? "topic" : "ddl_topic", t->name);
}

void judge_partitions(const struct precheck_facts *f, struct finding *out)
{
    int64_t sum = 0;
    for (size_t i = 0; i < f->topic_count; i++) {
        sum += f->found[i].exists ? f->found[i].partitions : f->topics[i].partitions;
        judge_changed_count(f, i, out);
        if (!has_other_count(f, i))
            continue;
        find_warning(out, "topic %s has %d partitions, and objects asks for %d: what it has counts",
                     f->topics[i].name, f->found[i].partitions, f->topics[i].partitions);
        if (f->found[i].partitions < f->topics[i].partitions)
            partitions_remedy(f, i, f->topics[i].partitions, out);
        else
            find_remedy(out, "objects: [{table: ..., partitions: %d}]", f->found[i].partitions);
    }
    find_note(out, "%" PRId64 " in %zu %s", sum, COUNT_OF(f->topic_count, "topic"));
}

static void acl_remedy(const struct precheck_facts *f, const char *topic, const char *operations,
                       struct finding *out)
{
    find_remedy(out,
                "kafka-acls.sh --bootstrap-server %s --add --allow-principal User:%s %s --topic %s",
                brokers(f), principal(f), operations, topic);
}

#define KEPT_NEEDS (KAFKA_MAY_READ | KAFKA_MAY_WRITE | KAFKA_MAY_DESCRIBE)
#define KEPT_REMEDY                                                                                \
    "--operation Read --operation Write --operation Describe --operation DescribeConfigs "         \
    "--operation Create"

/* Exactly-once: the topic of the task's state. */
static void judge_kept_topic(const struct precheck_facts *f, struct finding *out)
{
    const struct kafka_topic_facts *t = &f->kept;
    bool lacks = t->exists && t->operations_known && (t->operations & KEPT_NEEDS) != KEPT_NEEDS;
    if (t->err == ERR_DEST_DENIED || lacks) {
        find_failure(
            out, ERR_DEST_DENIED,
            "User:%s needs Read, Write and Describe on the topic %s, which holds the state "
            "of the task (delivery: exactly-once), and has not all of them",
            principal(f), f->kept_name);
    } else if (t->err != ERR_OK) {
        find_failure(out, t->err, "the state of the task: %s", t->why);
    } else if (!t->exists && f->cluster.operations_known &&
               !(f->cluster.operations & KAFKA_MAY_CREATE)) {
        find_warning(out,
                     "topic %s is to be made for the state of the task (delivery: exactly-once), "
                     "and Create is not granted on the cluster (it may be on the topic)",
                     f->kept_name);
    } else {
        return;
    }
    acl_remedy(f, f->kept_name, KEPT_REMEDY, out);
}

static void judge_transactional_id(const struct precheck_facts *f, struct finding *out)
{
    const char *id = f->config->task;
    switch (f->transactional_id) {
    case KAFKA_GRANT_OPEN:
    case KAFKA_GRANTED:
        return;
    case KAFKA_GRANT_DENIED:
        find_failure(out, ERR_DEST_DENIED,
                     "an ACL denies User:%s the transactional id %s (delivery: exactly-once)",
                     principal(f), id);
        find_remedy(out,
                    "kafka-acls.sh --bootstrap-server %s --list --transactional-id %s  -- and "
                    "remove what denies it",
                    brokers(f), id);
        return;
    case KAFKA_GRANT_MISSING:
        find_warning(out,
                     "no ACL lets User:%s use the transactional id %s (delivery: exactly-once)",
                     principal(f), id);
        break;
    case KAFKA_GRANT_UNKNOWN:
        if (!f->first_start) /* it has been used */
            return;
        find_warning(out,
                     "the brokers do not tell whether User:%s may use the transactional id %s "
                     "(delivery: exactly-once), which needs Describe and Write on it",
                     principal(f), id);
        break;
    }
    find_remedy(out,
                "kafka-acls.sh --bootstrap-server %s --add --allow-principal User:%s --operation "
                "Describe --operation Write --transactional-id %s",
                brokers(f), principal(f), id);
}

void judge_destination_privileges(const struct precheck_facts *f, struct finding *out)
{
    bool told = false, makes = f->config->destination.create_topics;
    for (size_t i = 0; i < f->topic_count; i++) {
        const struct kafka_topic_facts *t = &f->found[i];
        told = told || t->operations_known;
        if (t->err != ERR_OK) {
            find_failure(out, t->err, "%s", t->why);
            acl_remedy(f, t->name, "--operation Write --operation Describe", out);
        } else if (t->exists && t->operations_known && !(t->operations & KAFKA_MAY_WRITE)) {
            find_failure(out, ERR_DEST_DENIED, "topic %s may not be written", t->name);
            acl_remedy(f, t->name, "--operation Write --operation Describe", out);
        } else if (!t->exists && makes && f->cluster.operations_known &&
                   !(f->cluster.operations & KAFKA_MAY_CREATE)) {
            find_warning(out,
                         "topic %s is to be made, and Create is not granted on the cluster (it may "
                         "be on the topic)",
                         t->name);
            acl_remedy(f, t->name, "--operation Create --operation Write --operation Describe",
                       out);
        }
    }
    if (f->kept_answer.err != ERR_OK)
        find_warning(out, "%s", f->kept_answer.em.text);
    if (f->kept_name[0] != 0) {
        judge_kept_topic(f, out);
        judge_transactional_id(f, out);
    }
    unsigned version = protocol_of(f);
    if (version != 0 && version < IDEMPOTENT_SINCE && f->cluster.operations_known &&
        !(f->cluster.operations & KAFKA_MAY_WRITE_IDEMPOTENT) &&
        f->config->destination.acks == CONF_ACKS_ALL) {
        find_warning(out, "before Kafka 2.8, acks: all needs IdempotentWrite on the cluster");
        find_remedy(out,
                    "kafka-acls.sh --bootstrap-server %s --add --allow-principal User:%s "
                    "--operation IdempotentWrite --cluster",
                    brokers(f), principal(f));
    }
    if (out->found.len == 0)
        find_note(out,
                  told ? "all topics may be written" : "the brokers do not tell what is permitted");
}

/* ---- what is in them ---- */

void judge_same_objects(const struct precheck_facts *f, struct finding *out)
{
    const struct conf_destination *d = &f->config->destination;
    if (!f->first_start || !d->create_topics || d->existing_topics != CONF_EXISTING_REPORT) {
        find_note(out, !f->first_start    ? "the task has begun: the topics are its own"
                       : d->create_topics ? "existing_topics is ignore"
                                          : "topics are not made by the task");
        return;
    }
    for (size_t i = 0; i < f->topic_count; i++) {
        if (f->topics[i].rows && f->found[i].exists && f->found[i].records == KAFKA_UNKNOWN)
            find_warning(out, "the brokers do not tell how many records topic %s holds",
                         f->topics[i].name);
        if (!f->topics[i].rows || f->found[i].records <= 0)
            continue;
        find_failure(out, ERR_OK,
                     "topic %s exists and holds %" PRId64
                     " records: empty it, choose another topic, or set "
                     "destination.existing_topics: ignore",
                     f->topics[i].name, f->found[i].records);
    }
    if (out->found.len == 0)
        find_note(out, "no topic that the task would make holds records");
    else
        find_remedy(out, "destination: {existing_topics: ignore}");
}

static bool holds_records(const struct precheck_facts *f, size_t i)
{
    return f->found[i].records > 0;
}

void judge_not_empty(const struct precheck_facts *f, struct finding *out)
{
    const struct conf_destination *d = &f->config->destination;
    struct writer names;
    bool reported = d->create_topics && d->existing_topics == CONF_EXISTING_REPORT;
    if (!f->first_start || reported) {
        find_note(out, f->first_start ? "CHECK_SAME_OBJ looks at that" : "the task has begun");
        return;
    }
    writer_init(&names, 64u << 10);
    size_t n = find_topics(f, holds_records, &names);
    if (n > 0) {
        find_warning(out, "%zu %s records already: %.*s", n,
                     AGREES(n, "topic holds", "topics hold"), SLICE_ARG(writer_slice(&names)));
        find_remedy(out, "destination: {topic: ...}  -- another one, or an empty one");
    } else {
        find_note(out, "all topics are empty");
    }
    writer_fini(&names);
}

/* ---- bounds ---- */

/* A column that alone can hold more than a message. */
static bool may_be_too_large(const struct precheck_facts *f, const struct checked_table *t)
{
    static const struct {
        const char *type;
        uint64_t bytes;
    } large[] = {{"mediumtext", 1u << 24},
                 {"mediumblob", 1u << 24},
                 {"longtext", UINT32_MAX},
                 {"longblob", UINT32_MAX}};
    for (uint32_t i = 0; i < t->def->column_count; i++)
        for (size_t k = 0; k < sizeof(large) / sizeof(large[0]); k++)
            if (slice_eq_nocase(t->def->columns[i].data_type, slice_str(large[k].type)) &&
                large[k].bytes > f->config->destination.message_max)
                return true;
    return t->row_len > f->config->destination.message_max / SHARE_OF_MAX;
}

void judge_message_max(const struct precheck_facts *f, struct finding *out)
{
    const struct conf_destination *d = &f->config->destination;
    struct writer names;
    for (size_t i = 0; i < f->topic_count; i++) {
        const struct kafka_topic_facts *t = &f->found[i];
        int64_t most = t->exists ? t->message_max : f->cluster.message_max;
        if (most == KAFKA_UNKNOWN || most <= 0 || (uint64_t)most >= d->message_max)
            continue;
        find_warning(out,
                     "topic %s takes messages of %" PRId64 " bytes, and message_max is %" PRIu64
                     ": a row between the two ends the task",
                     t->name, most, d->message_max);
        if (t->exists)
            config_remedy(f, t->name, "max.message.bytes", (int64_t)d->message_max, out);
        else
            find_remedy(out, "destination: {topic_config: {max.message.bytes: \"%" PRIu64 "\"}}",
                        d->message_max);
    }
    writer_init(&names, 64u << 10);
    size_t n = f->catalogue.err == ERR_OK ? find_tables(f, may_be_too_large, &names) : 0;
    if (n > 0 && d->too_large == CONF_LARGE_FAIL) {
        find_warning(out,
                     "rows of %zu %s can be larger than message_max (%" PRIu64
                     " bytes), and such a row ends the task (exit 7): %.*s",
                     COUNT_OF(n, "table"), d->message_max, SLICE_ARG(writer_slice(&names)));
        find_remedy(out, "destination: {too_large: key-only}  -- or skip, or a larger message_max");
    } else {
        find_note(out, "message_max is %" PRIu64 " bytes, a larger row %s", d->message_max,
                  d->too_large == CONF_LARGE_FAIL   ? "ends the task"
                  : d->too_large == CONF_LARGE_SKIP ? "is skipped"
                                                    : "is sent as its key");
    }
    writer_fini(&names);
}

static void judge_made_topics(const struct precheck_facts *f, struct finding *out)
{
    const struct conf_destination *d = &f->config->destination;
    if (!d->create_topics || d->embedded)
        return;
    if (d->acks == CONF_ACKS_ALL && f->cluster.in_sync_min > d->replication_factor) {
        find_failure(out, ERR_OK,
                     "topics are made with %u replicas, and the brokers want %" PRId64
                     " in sync (min.insync.replicas): nothing could be written",
                     d->replication_factor, f->cluster.in_sync_min);
        find_remedy(out, "destination: {replication_factor: %" PRId64 "}", f->cluster.in_sync_min);
    } else if (d->replication_factor == 1 && f->cluster.brokers > 1) {
        find_warning(out, "topics are made with one replica, though there are %d brokers",
                     f->cluster.brokers);
        find_remedy(out, "destination: {replication_factor: %d}",
                    f->cluster.brokers < 3 ? f->cluster.brokers : 3);
    }
}

void judge_in_sync(const struct precheck_facts *f, struct finding *out)
{
    bool all = f->config->destination.acks == CONF_ACKS_ALL;
    bool makes = false;
    for (size_t i = 0; i < f->topic_count && f->found != NULL; i++) {
        const struct kafka_topic_facts *t = &f->found[i];
        makes = makes || !t->exists;
        if (!t->exists || !t->settings_known)
            continue;
        if (all && t->in_sync_min > t->in_sync) {
            find_failure(out, ERR_OK,
                         "topic %s has %d %s in sync and wants %" PRId64
                         " (min.insync.replicas): it takes no message",
                         t->name, COUNT_OF(t->in_sync, "replica"), t->in_sync_min);
            if (t->in_sync_min > t->replicas)
                config_remedy(f, t->name, "min.insync.replicas", t->replicas, out);
            else
                find_remedy(out, "start the brokers that are missing");
        } else if (all && t->replicas > 1 && t->in_sync_min == 1) {
            find_warning(out,
                         "topic %s has %d replicas, and one in sync is enough "
                         "(min.insync.replicas is 1): acks: all may then mean one broker",
                         t->name, t->replicas);
            config_remedy(f, t->name, "min.insync.replicas", 2, out);
        }
    }
    if (makes)
        judge_made_topics(f, out);
    if (out->found.len == 0)
        find_note(out,
                  all ? "enough replicas are in sync" : "acks is not all: nobody waits for them");
}

void judge_room(const struct precheck_facts *f, struct finding *out)
{
    bool full = (f->config->phases & CONF_PHASE_FULL) != 0;
    uint64_t sum = 0;
    int64_t copy_ms =
        (int64_t)(precheck_copy_seconds(f) < INT32_MAX ? precheck_copy_seconds(f) : INT32_MAX) *
        1000;
    for (size_t i = 0; i < f->topic_count; i++) {
        const struct kafka_topic_facts *t = &f->found[i];
        sum += f->topics[i].bytes;
        if (!full || !t->exists || !t->settings_known || !t->deletes)
            continue;
        uint64_t room = (uint64_t)(t->retention_bytes > 0 ? t->retention_bytes : 0) *
                        (uint64_t)(t->partitions > 0 ? t->partitions : 0);
        if (t->retention_bytes > 0 && room < f->topics[i].bytes) {
            find_warning(out,
                         "topic %s keeps %" PRIu64
                         " bytes (retention.bytes of all partitions), and "
                         "its tables have about %" PRIu64,
                         t->name, room, f->topics[i].bytes);
            config_remedy(f, t->name, "retention.bytes", -1, out);
        }
        if (t->retention_ms > 0 && t->retention_ms < SHORT_MS + copy_ms) {
            find_warning(out,
                         "topic %s deletes records after %" PRId64
                         " h (retention.ms): rows of the copy may be gone before they are read",
                         t->name, t->retention_ms / HOUR_MS);
            config_remedy(f, t->name, "retention.ms", -1, out);
        }
    }
    find_note(out,
              "the tables have about %" PRIu64
              " MB; how much room the brokers' disks have left is not asked "
              "(kafka-log-dirs.sh --describe tells)",
              sum >> 20);
}

void judge_registry(const struct precheck_facts *f, struct finding *out)
{
    const char *url = f->config->destination.registry;
    if (url == NULL) {
        find_note(out, "none is used");
        return;
    }
    if (f->registry.err == ERR_OK) {
        find_note(out, "%s answers", url);
        return;
    }
    if (f->o != NULL && f->o->admin != NULL) { /* the run registers next, and judges that itself */
        find_warning(out, "%s", f->registry.em.text);
        return;
    }
    find_failure(out, f->registry.err, "%s", f->registry.em.text);
    find_remedy(out, "destination.schema_registry, schema_registry_user and its password");
}
