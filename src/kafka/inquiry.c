/*
 * Requests go out for many topics at once, in groups, so that thousands of
 * topics cost some requests, not some a topic.
 */
#include "kafka/inquiry.h"

#include "kafka/topic_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_TOPICS 500

static void ask_operations(struct kafka_question *q)
{
    rd_kafka_error_t *error =
        rd_kafka_AdminOptions_set_include_authorized_operations(q->options, 1);
    if (error != NULL)
        rd_kafka_error_destroy(error); /* then they are not told */
}

/* Waits. ERR_OK also when the broker does not know the request: then answer is NULL. */
static enum err wait_for(struct kafka_question *q, struct errmsg *msg)
{
    rd_kafka_resp_err_t re;
    kafka_question_wait(q, &re);
    if (re == RD_KAFKA_RESP_ERR_NO_ERROR)
        return ERR_OK;
    if (q->answer == NULL)
        return kafka_admin_tell(q->a, NULL, re, NULL, msg);
    if (kafka_err(re) == ERR_BROKER_DOWN)
        return kafka_admin_tell(q->a, NULL, re, rd_kafka_event_error_string(q->answer), msg);
    rd_kafka_event_destroy(q->answer);
    q->answer = NULL;
    return ERR_OK;
}

static const struct {
    rd_kafka_AclOperation_t operation;
    unsigned bits;
} permissions[] = {
    {RD_KAFKA_ACL_OPERATION_ALL, ~0u},
    {RD_KAFKA_ACL_OPERATION_READ, KAFKA_MAY_READ},
    {RD_KAFKA_ACL_OPERATION_WRITE, KAFKA_MAY_WRITE},
    {RD_KAFKA_ACL_OPERATION_DESCRIBE, KAFKA_MAY_DESCRIBE},
    {RD_KAFKA_ACL_OPERATION_CREATE, KAFKA_MAY_CREATE},
    {RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS, KAFKA_MAY_DESCRIBE_CONFIGS},
    {RD_KAFKA_ACL_OPERATION_IDEMPOTENT_WRITE, KAFKA_MAY_WRITE_IDEMPOTENT},
    {RD_KAFKA_ACL_OPERATION_CLUSTER_ACTION, KAFKA_MAY_ACT_AS_BROKER},
};

/* False: the broker does not tell. */
static bool operations_of(const rd_kafka_AclOperation_t *list, size_t count, unsigned *out)
{
    unsigned set = 0;
    for (size_t i = 0; list != NULL && i < count; i++)
        for (size_t k = 0; k < sizeof(permissions) / sizeof(permissions[0]); k++)
            if (permissions[k].operation == list[i])
                set |= permissions[k].bits;
    *out = set;
    return list != NULL && count > 0;
}

/* ---- the cluster ---- */

static int64_t number_of(const char *value)
{
    char *end;
    long long n = strtoll(value, &end, 10);
    return end == value ? KAFKA_UNKNOWN : n;
}

static void take_broker_setting(struct kafka_cluster_facts *out, const char *name,
                                const char *value)
{
    if (strcmp(name, "inter.broker.protocol.version") == 0)
        snprintf(out->protocol, sizeof out->protocol, "%.20s", value);
    else if (strcmp(name, "message.max.bytes") == 0)
        out->message_max = number_of(value);
    else if (strcmp(name, "min.insync.replicas") == 0)
        out->in_sync_min = number_of(value);
}

static enum err ask_broker(struct kafka_admin *a, int32_t id, struct kafka_cluster_facts *out,
                           struct errmsg *msg)
{
    char name[16];
    size_t n = 0, entries = 0;
    snprintf(name, sizeof name, "%d", id);
    struct kafka_question q = kafka_question_of(a, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_ConfigResource_t *which = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_BROKER, name);
    rd_kafka_DescribeConfigs(a->rk, &which, 1, q.options, q.queue);
    enum err e = wait_for(&q, msg);
    const rd_kafka_ConfigResource_t **r = NULL;
    if (q.answer != NULL)
        r = rd_kafka_DescribeConfigs_result_resources(
            rd_kafka_event_DescribeConfigs_result(q.answer), &n);
    if (e == ERR_OK && n == 1 &&
        rd_kafka_ConfigResource_error(r[0]) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const rd_kafka_ConfigEntry_t **entry = rd_kafka_ConfigResource_configs(r[0], &entries);
        for (size_t i = 0; i < entries; i++)
            if (rd_kafka_ConfigEntry_value(entry[i]) != NULL)
                take_broker_setting(out, rd_kafka_ConfigEntry_name(entry[i]),
                                    rd_kafka_ConfigEntry_value(entry[i]));
        out->settings_known = entries > 0;
    }
    rd_kafka_ConfigResource_destroy(which);
    kafka_question_end(&q);
    return e;
}

enum err kafka_ask_cluster(struct kafka_admin *a, struct kafka_cluster_facts *out,
                           struct errmsg *msg)
{
    struct kafka_cluster_facts facts = {.message_max = KAFKA_UNKNOWN, .in_sync_min = KAFKA_UNKNOWN};
    TRY(kafka_cluster_brokers(a, &facts.brokers, msg));
    if (a->embedded != NULL) { /* it knows no such requests */
        *out = facts;
        return ERR_OK;
    }
    int32_t id = -1;
    struct kafka_question q = kafka_question_of(a, RD_KAFKA_ADMIN_OP_DESCRIBECLUSTER);
    ask_operations(&q);
    rd_kafka_DescribeCluster(a->rk, q.options, q.queue);
    enum err e = wait_for(&q, msg);
    if (q.answer != NULL) {
        const rd_kafka_DescribeCluster_result_t *r =
            rd_kafka_event_DescribeCluster_result(q.answer);
        size_t n = 0, nodes = 0;
        const rd_kafka_AclOperation_t *list =
            rd_kafka_DescribeCluster_result_authorized_operations(r, &n);
        facts.operations_known = operations_of(list, n, &facts.operations);
        const rd_kafka_Node_t **node = rd_kafka_DescribeCluster_result_nodes(r, &nodes);
        if (nodes > 0)
            id = (int32_t)rd_kafka_Node_id(node[0]);
    }
    kafka_question_end(&q);
    if (e == ERR_OK && id >= 0)
        e = ask_broker(a, id, &facts, msg);
    if (e == ERR_OK)
        *out = facts;
    return e;
}

/* ---- topics ---- */

static struct kafka_topic_facts *find(struct kafka_topic_facts *topics, size_t count,
                                      const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(topics[i].name, name) == 0)
            return &topics[i];
    return NULL;
}

static void count_replicas(struct kafka_topic_facts *t, const rd_kafka_TopicPartitionInfo_t *p)
{
    size_t replicas = 0, in_sync = 0;
    (void)rd_kafka_TopicPartitionInfo_replicas(p, &replicas);
    (void)rd_kafka_TopicPartitionInfo_isr(p, &in_sync);
    if (t->replicas == 0 || (int32_t)replicas < t->replicas)
        t->replicas = (int32_t)replicas;
    if (t->partitions == 0 || (int32_t)in_sync < t->in_sync)
        t->in_sync = (int32_t)in_sync;
    const rd_kafka_Node_t *leader = rd_kafka_TopicPartitionInfo_leader(p);
    if (leader == NULL || rd_kafka_Node_id(leader) < 0)
        t->leaderless++;
    t->partitions++;
}

static void take_description(struct kafka_admin *a, struct kafka_topic_facts *t,
                             const rd_kafka_TopicDescription_t *d)
{
    const rd_kafka_error_t *error = rd_kafka_TopicDescription_error(d);
    rd_kafka_resp_err_t re = error != NULL ? rd_kafka_error_code(error) : 0;
    size_t n = 0;
    if (re == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || re == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
        return;
    if (re != RD_KAFKA_RESP_ERR_NO_ERROR && kafka_err(re) != ERR_BROKER_DOWN) {
        struct errmsg why;
        t->err = kafka_admin_tell(a, t->name, re, NULL, &why);
        snprintf(t->why, sizeof t->why, "%.*s", (int)sizeof t->why - 1, why.text);
        return;
    }
    t->exists = true;
    const rd_kafka_TopicPartitionInfo_t **p = rd_kafka_TopicDescription_partitions(d, &n);
    for (size_t i = 0; i < n; i++)
        count_replicas(t, p[i]);
    const rd_kafka_AclOperation_t *list = rd_kafka_TopicDescription_authorized_operations(d, &n);
    t->operations_known = operations_of(list, n, &t->operations);
}

static enum err describe(struct kafka_admin *a, struct kafka_topic_facts *topics, size_t count,
                         struct errmsg *msg)
{
    const char *names[GROUP_TOPICS];
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        names[i] = topics[i].name;
    struct kafka_question q = kafka_question_of(a, RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
    ask_operations(&q);
    rd_kafka_TopicCollection_t *which = rd_kafka_TopicCollection_of_topic_names(names, count);
    rd_kafka_DescribeTopics(a->rk, which, q.options, q.queue);
    enum err e = wait_for(&q, msg);
    if (q.answer != NULL) {
        const rd_kafka_TopicDescription_t **d = rd_kafka_DescribeTopics_result_topics(
            rd_kafka_event_DescribeTopics_result(q.answer), &n);
        for (size_t i = 0; e == ERR_OK && i < n; i++) {
            struct kafka_topic_facts *t = find(topics, count, rd_kafka_TopicDescription_name(d[i]));
            if (t != NULL)
                take_description(a, t, d[i]);
        }
    }
    rd_kafka_TopicCollection_destroy(which);
    kafka_question_end(&q);
    return e;
}

static void take_topic_setting(struct kafka_topic_facts *t, const char *name, const char *value)
{
    if (strcmp(name, "max.message.bytes") == 0)
        t->message_max = number_of(value);
    else if (strcmp(name, "min.insync.replicas") == 0)
        t->in_sync_min = number_of(value);
    else if (strcmp(name, "retention.ms") == 0)
        t->retention_ms = number_of(value);
    else if (strcmp(name, "retention.bytes") == 0)
        t->retention_bytes = number_of(value);
    else if (strcmp(name, "cleanup.policy") == 0)
        t->deletes = strstr(value, "delete") != NULL;
}

static void take_topic_settings(struct kafka_topic_facts *t, const rd_kafka_ConfigResource_t *r)
{
    size_t entries;
    const rd_kafka_ConfigEntry_t **entry = rd_kafka_ConfigResource_configs(r, &entries);
    for (size_t i = 0; i < entries; i++)
        if (rd_kafka_ConfigEntry_value(entry[i]) != NULL)
            take_topic_setting(t, rd_kafka_ConfigEntry_name(entry[i]),
                               rd_kafka_ConfigEntry_value(entry[i]));
    t->settings_known = entries > 0;
}

/* Of those that exist. */
static enum err ask_settings(struct kafka_admin *a, struct kafka_topic_facts *topics, size_t count,
                             struct errmsg *msg)
{
    rd_kafka_ConfigResource_t *which[GROUP_TOPICS];
    size_t n = 0, results = 0;
    for (size_t i = 0; i < count; i++)
        if (topics[i].exists)
            which[n++] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topics[i].name);
    if (n == 0)
        return ERR_OK;
    struct kafka_question q = kafka_question_of(a, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_DescribeConfigs(a->rk, which, n, q.options, q.queue);
    enum err e = wait_for(&q, msg);
    const rd_kafka_ConfigResource_t **r = NULL;
    if (q.answer != NULL)
        r = rd_kafka_DescribeConfigs_result_resources(
            rd_kafka_event_DescribeConfigs_result(q.answer), &results);
    for (size_t i = 0; e == ERR_OK && i < results; i++) {
        struct kafka_topic_facts *t = find(topics, count, rd_kafka_ConfigResource_name(r[i]));
        if (t != NULL && rd_kafka_ConfigResource_error(r[i]) == RD_KAFKA_RESP_ERR_NO_ERROR)
            take_topic_settings(t, r[i]);
    }
    rd_kafka_ConfigResource_destroy_array(which, n);
    kafka_question_end(&q);
    return e;
}

enum offset_use { OFFSET_FIRST, OFFSET_END, OFFSET_RECENT };

static void take_offset(struct kafka_topic_facts *t, enum offset_use use, int64_t offset)
{
    if (use == OFFSET_RECENT) {
        t->written = t->written || offset >= 0;
        return;
    }
    if (t->records == KAFKA_UNKNOWN)
        t->records = 0;
    t->records += use == OFFSET_END ? offset : -offset;
}

/* One offset of each partition of the topics that exist. */
static enum err ask_offsets(struct kafka_admin *a, struct kafka_topic_facts *topics, size_t count,
                            enum offset_use use, int64_t spec, struct errmsg *msg)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
    for (size_t i = 0; i < count; i++)
        for (int32_t p = 0; topics[i].exists && p < topics[i].partitions; p++)
            rd_kafka_topic_partition_list_add(list, topics[i].name, p)->offset = spec;
    if (list->cnt == 0) {
        rd_kafka_topic_partition_list_destroy(list);
        return ERR_OK;
    }
    size_t n = 0;
    struct kafka_question q = kafka_question_of(a, RD_KAFKA_ADMIN_OP_LISTOFFSETS);
    rd_kafka_ListOffsets(a->rk, list, q.options, q.queue);
    enum err e = wait_for(&q, msg);
    const rd_kafka_ListOffsetsResultInfo_t **info = NULL;
    if (q.answer != NULL)
        info = rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(q.answer), &n);
    for (size_t i = 0; e == ERR_OK && i < n; i++) {
        const rd_kafka_topic_partition_t *p =
            rd_kafka_ListOffsetsResultInfo_topic_partition(info[i]);
        struct kafka_topic_facts *t = find(topics, count, p->topic);
        if (t != NULL && p->err == RD_KAFKA_RESP_ERR_NO_ERROR)
            take_offset(t, use, p->offset);
    }
    rd_kafka_topic_partition_list_destroy(list);
    kafka_question_end(&q);
    return e;
}

static enum err ask_group(struct kafka_admin *a, struct kafka_topic_facts *topics, size_t count,
                          int64_t since_ms, struct errmsg *msg)
{
    TRY(describe(a, topics, count, msg));
    if (a->embedded != NULL)
        return ERR_OK;
    TRY(ask_settings(a, topics, count, msg));
    TRY(ask_offsets(a, topics, count, OFFSET_FIRST, RD_KAFKA_OFFSET_SPEC_EARLIEST, msg));
    TRY(ask_offsets(a, topics, count, OFFSET_END, RD_KAFKA_OFFSET_SPEC_LATEST, msg));
    return ask_offsets(a, topics, count, OFFSET_RECENT, since_ms, msg);
}

enum err kafka_ask_topics(struct kafka_admin *a, struct kafka_topic_facts *topics, size_t count,
                          int64_t since_ms, struct errmsg *msg)
{
    for (size_t i = 0; i < count; i++)
        topics[i] = (struct kafka_topic_facts){.name = topics[i].name,
                                               .message_max = KAFKA_UNKNOWN,
                                               .in_sync_min = KAFKA_UNKNOWN,
                                               .retention_ms = KAFKA_UNKNOWN,
                                               .retention_bytes = KAFKA_UNKNOWN,
                                               .records = KAFKA_UNKNOWN};
    for (size_t i = 0; i < count; i += GROUP_TOPICS) {
        size_t n = count - i < GROUP_TOPICS ? count - i : GROUP_TOPICS;
        TRY(ask_group(a, topics + i, n, since_ms, msg));
    }
    return ERR_OK;
}

/* ---- the transactional id ---- */

static bool is_about(const rd_kafka_AclBinding_t *acl, const char *user)
{
    const char *principal = rd_kafka_AclBinding_principal(acl);
    rd_kafka_AclOperation_t op = rd_kafka_AclBinding_operation(acl);
    bool ours = strcmp(principal, "User:*") == 0 ||
                (strncmp(principal, "User:", 5) == 0 && strcmp(principal + 5, user) == 0);
    return ours && (op == RD_KAFKA_ACL_OPERATION_WRITE || op == RD_KAFKA_ACL_OPERATION_ALL);
}

/* One that denies outweighs all others. Hosts are not looked at: which is ours the brokers know. */
static enum kafka_grant judge_acls(const rd_kafka_AclBinding_t **acls, size_t count,
                                   const char *user)
{
    enum kafka_grant found = KAFKA_GRANT_MISSING;
    for (size_t i = 0; i < count; i++) {
        if (!is_about(acls[i], user))
            continue;
        if (rd_kafka_AclBinding_permission_type(acls[i]) == RD_KAFKA_ACL_PERMISSION_TYPE_DENY)
            return KAFKA_GRANT_DENIED;
        found = KAFKA_GRANTED;
    }
    return found;
}

static enum err ask_acls(struct kafka_admin *a, const char *id, const char *user,
                         enum kafka_grant *out, struct errmsg *msg)
{
    rd_kafka_resp_err_t re;
    size_t count = 0;
    enum err e = ERR_OK;
    rd_kafka_AclBindingFilter_t *filter = rd_kafka_AclBindingFilter_new(
        RD_KAFKA_RESOURCE_TRANSACTIONAL_ID, id, RD_KAFKA_RESOURCE_PATTERN_MATCH, NULL, NULL,
        RD_KAFKA_ACL_OPERATION_ANY, RD_KAFKA_ACL_PERMISSION_TYPE_ANY, NULL, 0);
    if (filter == NULL)
        return ERR_OK;
    struct kafka_question q = kafka_question_of(a, RD_KAFKA_ADMIN_OP_DESCRIBEACLS);
    rd_kafka_DescribeAcls(a->rk, filter, q.options, q.queue);
    kafka_question_wait(&q, &re);
    if (kafka_err(re) == ERR_BROKER_DOWN) {
        e = kafka_admin_tell(a, NULL, re, NULL, msg);
    } else if (re == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const rd_kafka_AclBinding_t **acls =
            rd_kafka_DescribeAcls_result_acls(rd_kafka_event_DescribeAcls_result(q.answer), &count);
        *out = judge_acls(acls, count, user);
    }
    kafka_question_end(&q);
    rd_kafka_AclBinding_destroy(filter);
    return e;
}

enum err kafka_ask_transactional_id(struct kafka_admin *a,
                                    const struct kafka_cluster_facts *cluster, const char *id,
                                    enum kafka_grant *out, struct errmsg *msg)
{
    char user[256];
    *out = KAFKA_GRANT_UNKNOWN;
    if (!cluster->operations_known || !kafka_principal(a->rk, user, sizeof user))
        return ERR_OK;
    if (cluster->operations & KAFKA_MAY_ACT_AS_BROKER) {
        *out = KAFKA_GRANT_OPEN;
        return ERR_OK;
    }
    /* librdkafka 2.14 shows no ACLs where the broker says that we may not see them. */
    if ((cluster->operations & KAFKA_MAY_DESCRIBE) == 0)
        return ERR_OK;
    return ask_acls(a, id, user, out, msg);
}
