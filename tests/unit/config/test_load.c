#include "task_text.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define OVERRIDES(...)                                                                             \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

static struct loaded accepted(const char *text, const char *const *overrides)
{
    struct loaded l = load_text(text, overrides);
    cr_assert_not_null(l.task, "%s", l.said);
    return l;
}

Test(load, a_short_file_has_every_default)
{
    struct loaded l = accepted(TASK OBJECTS, NULL);
    const struct task_config *t = l.task;
    cr_assert_str_eq(t->task, "orders");
    cr_assert_str_eq(t->environment, "");
    cr_assert_eq(t->phases, CONF_PHASE_SCHEMA | CONF_PHASE_FULL | CONF_PHASE_INCREMENTAL);
    cr_assert(strstr(t->state_dir, "/orders.state") != NULL);
    cr_assert_str_eq(t->source.host, "127.0.0.1");
    cr_assert_eq(t->source.port, 3306);
    cr_assert_str_eq(t->source.user, "rowcast");
    cr_assert_str_eq(t->source.password, "");
    cr_assert_eq(t->source.tls, CONF_TLS_PREFERRED);
    cr_assert_null(t->source.tls_ca);
    cr_assert_eq(t->source.server_id, 0);
    cr_assert_eq(t->source.start.kind, CONF_START_NOW);
    cr_assert(t->source.time_zone.of_source);
    cr_assert_eq(t->source.connect_timeout_ms, 10000);
    cr_assert_eq(t->source.heartbeat_ms, 1000);
    cr_assert_eq(t->destination.brokers.count, 1);
    cr_assert_str_eq(t->destination.brokers.items[0], "127.0.0.1:9092");
    cr_assert_not(t->destination.embedded);
    cr_assert_eq(t->destination.compression, CONF_LZ4);
    cr_assert_eq(t->destination.compression_level, -1);
    cr_assert_eq(t->destination.acks, CONF_ACKS_ALL);
    cr_assert_eq(t->destination.partition_by, CONF_BY_PRIMARY_KEY);
    cr_assert(t->destination.create_topics);
    cr_assert_eq(t->destination.partitions, 1);
    cr_assert_eq(t->destination.replication_factor, 1);
    cr_assert_eq(t->destination.message_max, 1 << 20);
    cr_assert_eq(t->destination.librdkafka.count, 0);
    cr_assert_eq(t->retry.connection_ms, 720 * 60000);
    cr_assert_eq(t->retry.other_ms, 600000);
    cr_assert_eq(t->limits.memory, 40 << 20);
    cr_assert_eq(t->limits.lanes, 0);
    cr_assert_eq(t->log.level, CONF_LOG_INFO);
    cr_assert_eq(t->object_count, 1);
    cr_assert_null(t->objects[0].topic);
    cr_assert_eq(t->objects[0].partitions, 0);
    loaded_fini(&l);
}

Test(load, every_key_that_is_built_reaches_its_field)
{
    setenv("SOURCE_SECRET", "s3", 1);
    setenv("SASL_SECRET", "k4", 1);
    struct loaded l = accepted(
        "task: t.1\nenvironment: production\nstate_dir: /var/lib/t\nphases: incremental\n"
        "source:\n  host: db.example.net\n  port: 3307\n  user: u\n  password_env: SOURCE_SECRET\n"
        "  tls: verify-identity\n  tls_ca: /ca\n  tls_cert: c.pem\n  tls_key: k.pem\n"
        "  tls_server_name: n\n  compression: zstd\n  server_id: 99\n  start: binlog.000003:157\n"
        "  time_zone: -03:00\n  connect_timeout: 500ms\n  heartbeat: 2s\n"
        "destination:\n  brokers: [a:1, \"[::1]:2\"]\n  security: sasl_ssl\n"
        "  sasl: {mechanism: SCRAM-SHA-512, user: k, password_env: SASL_SECRET}\n"
        "  tls_ca: /kca\n  compression: zstd\n  compression_level: 3\n  acks: 1\n"
        "  partition_by: primary-key\n  key: none\n  key_change: update\n  existing_topics: "
        "ignore\n"
        "  create_topics: false\n  partitions: 12\n  replication_factor: 3\n  message_max: 2MB\n"
        "  librdkafka: {linger.ms: 5, client.id: x}\n"
        "canal: {mysql_type: bare, enum: ordinal, binary: hex, gtid: true, init_type: INSERT,\n"
        "  invalid_text: replace}\n"
        "objects:\n  - table: !shop.tmp_*\n  - table: shop.orders\n    topic: \"x.{table}\"\n"
        "    partitions: 6\n    partition_key: [a, b]\n"
        "retry: {connection: 20m, other: 1m}\nlimits: {memory: 64MB, lanes: 4, io: epoll}\n"
        "log: {level: debug, format: json}\n",
        NULL);
    const struct task_config *t = l.task;
    cr_assert_str_eq(t->state_dir, "/var/lib/t");
    cr_assert_str_eq(t->source.host, "db.example.net");
    cr_assert_eq(t->source.port, 3307);
    cr_assert_str_eq(t->source.password, "s3");
    cr_assert_eq(t->source.tls, CONF_TLS_VERIFY_IDENTITY);
    cr_assert_str_eq(t->source.tls_ca, "/ca");
    cr_assert(strstr(t->source.tls_cert, "/c.pem") != NULL && t->source.tls_cert[0] == '/');
    cr_assert_str_eq(t->source.tls_server_name, "n");
    cr_assert_eq(t->source.compression, CONF_WIRE_ZSTD);
    cr_assert_eq(t->source.server_id, 99);
    cr_assert_str_eq(t->source.start.file, "binlog.000003");
    cr_assert_eq(t->source.time_zone.offset_s, -10800);
    cr_assert_eq(t->source.connect_timeout_ms, 500);
    cr_assert_str_eq(t->destination.brokers.items[1], "[::1]:2");
    cr_assert_eq(t->destination.security, CONF_SASL_SSL);
    cr_assert_eq(t->destination.sasl_mechanism, CONF_SASL_SCRAM_512);
    cr_assert_str_eq(t->destination.sasl_password, "k4");
    cr_assert_eq(t->destination.compression, CONF_ZSTD);
    cr_assert_eq(t->destination.compression_level, 3);
    cr_assert_eq(t->destination.key, CONF_KEY_NONE);
    cr_assert_eq(t->destination.key_change, CONF_CHANGE_UPDATE);
    cr_assert_eq(t->destination.existing_topics, CONF_EXISTING_IGNORE);
    cr_assert_not(t->destination.create_topics);
    cr_assert_eq(t->destination.partitions, 12);
    cr_assert_eq(t->destination.replication_factor, 3);
    cr_assert_eq(t->destination.librdkafka.count, 2);
    cr_assert_str_eq(t->destination.librdkafka.items[0].name, "linger.ms");
    cr_assert_str_eq(t->destination.librdkafka.items[0].value, "5");
    cr_assert_eq(t->canal.mysql_type, CONF_MYSQL_TYPE_BARE);
    cr_assert_eq(t->canal.enum_form, CONF_ENUM_ORDINAL);
    cr_assert_eq(t->canal.binary, CONF_BINARY_HEX);
    cr_assert(t->canal.gtid);
    cr_assert_eq(t->canal.init_type, CONF_INIT_INSERT);
    cr_assert_eq(t->canal.invalid_text, CONF_INVALID_REPLACE);
    cr_assert_eq(t->object_count, 2);
    cr_assert_str_eq(t->objects[0].table, "!shop.tmp_*");
    cr_assert_str_eq(t->objects[1].topic, "x.{table}");
    cr_assert_eq(t->objects[1].partitions, 6);
    cr_assert_eq(t->objects[1].partition_key.count, 2);
    cr_assert_str_eq(t->objects[1].partition_key.items[1], "b");
    cr_assert_gt(t->objects[1].line, t->objects[0].line);
    cr_assert_eq(t->retry.other_ms, 60000);
    cr_assert_eq(t->limits.lanes, 4);
    cr_assert_eq(t->limits.io, CONF_IO_EPOLL);
    cr_assert_eq(t->log.level, CONF_LOG_DEBUG);
    cr_assert_eq(t->log.format, CONF_LOG_JSON);
    loaded_fini(&l);
}

Test(load, all_errors_come_at_once_in_the_order_of_the_file)
{
    struct loaded l =
        load_text("task: a b\nsource:\n  prot: 1\n  port: 0\nretry: x\nlog: {level: loud}\n", NULL);
    cr_assert_null(l.task);
    cr_assert_str_eq(
        l.said,
        "task.yaml:1:1: error: objects is missing: The tables that are followed. The first entry "
        "that "
        "matches a table decides; a table that none matches is left out.\n"
        "task.yaml:1:7: error: task: \"a b\" must be made of letters, digits, '.', '_' and '-'\n"
        "task.yaml:3:3: error: unknown key source.prot: did you mean source.port?\n"
        "task.yaml:4:9: error: source.port: 0 is out of range: 1 to 65535\n"
        "task.yaml:5:8: error: retry: a map of keys is expected, not a single value\n"
        "task.yaml:6:14: error: log.level: \"loud\" is not one of error, warn, info or debug\n");
    loaded_fini(&l);
}

Test(load, a_file_that_is_no_task_file_is_refused)
{
    refused_with("", "the file is empty");
    refused_with("# nothing\n", "the file is empty");
    refused_with("- a\n- b\n", "not a list");
    refused_with("just text\n", "not a single value");
    refused_with("\xFF\xFF", "UTF-8");
    refused_with("{}\n", "task is missing");
}

Test(load, wrong_kinds_of_values_are_refused)
{
    refused_with(TASK OBJECTS "source: {port: [1]}\n",
                 "source.port: a single value is expected, not a list");
    refused_with(TASK OBJECTS "source: {host: {a: b}}\n", "not a map");
    refused_with(TASK OBJECTS "source: {host: }\n", "not nothing");
    refused_with(TASK OBJECTS "source: [1]\n", "source: a map of keys is expected, not a list");
    refused_with(TASK "objects: shop.*\n", "objects: a list");
    refused_with(TASK "objects: []\n", "an empty one");
    refused_with(TASK "objects: [shop.*]\n", "an entry such as");
    refused_with(TASK "objects: [{topic: x}]\n", "objects[].table is missing");
    refused_with(TASK OBJECTS "phases: []\n", "an empty one");
    refused_with(TASK OBJECTS "phases: [incremental, incremental]\n", "twice");
    refused_with("task: t\ndestination: {topic: o, librdkafka: x}\n" OBJECTS, "a map of names");
    refused_with("task: t\ndestination: {topic: o, librdkafka: {a: [b]}}\n" OBJECTS,
                 "destination.librdkafka.a: a single value");
    refused_with("task: t\ndestination: {topic: o, brokers: []}\n" OBJECTS, "at least one");
    refused_with("task: t\ndestination: {topic: o, brokers: [\"a:b\"]}\n" OBJECTS, "HOST:PORT");
    refused_with("task: t\ndestination: {topic: \"a/b\"}\n" OBJECTS, "destination.topic");
    refused_with("task: t\ndestination: {topic: \"{tabel}\"}\n" OBJECTS,
                 "destination.topic: \"{tabel}\": only {database}, {table} and {1} to {9}");
    refused_with(TASK "objects: [{table: a.b, topic: \"{tabel}\"}]\n",
                 "only {database}, {table} and {1} to {9}");
    refused_with(TASK OBJECTS "environment: \"a\\nb\"\n", "control character");
}

Test(load, a_topic_made_of_names_is_that_of_each_entry_without_one)
{
    struct loaded l = accepted("task: t\ndestination: {topic: \"cdc.{database}.{table}\"}\n"
                               "objects: [{table: a.b}, {table: a.c, topic: own}, {table: \"!a.d\"}]\n",
                               NULL);
    cr_assert_null(l.task->destination.topic);
    cr_assert_str_eq(l.task->objects[0].topic, "cdc.{database}.{table}");
    cr_assert_str_eq(l.task->objects[1].topic, "own");
    cr_assert_null(l.task->objects[2].topic);
    loaded_fini(&l);
}

Test(load, an_empty_section_is_all_defaults)
{
    struct loaded l = accepted(TASK OBJECTS "canal:\nlimits:\n", NULL);
    cr_assert_eq(l.task->limits.memory, 40 << 20);
    loaded_fini(&l);
}

Test(load, exactly_once_needs_every_acknowledgement_and_real_brokers)
{
    struct loaded l = accepted(TASK "  delivery: exactly-once\n" OBJECTS, NULL);
    cr_assert_eq(l.task->destination.delivery, CONF_EXACTLY_ONCE);
    loaded_fini(&l);
    refused_with(TASK "  delivery: exactly-once\n  acks: 1\n" OBJECTS,
                 "destination.delivery: exactly-once needs destination.acks: all");
    refused_with(TASK "  librdkafka: {isolation.level: read_uncommitted}\n" OBJECTS,
                 "destination.librdkafka.isolation.level cannot be set here");
}

Test(load, what_asks_for_nothing_is_taken)
{
    struct loaded l =
        accepted(TASK "  names: source\n  format: canal-json\n  schema_registry: none\n" OBJECTS
                      "    dml: [delete, insert, update]\nphases: [incremental]\netl: \"\"\n"
                      "full: {connections: 2, chunk_rows: 10000}\nthrottle: {full: {bytes: 0KB}}\n"
                      "skip_checks: []\nhttp: {listen: off}\n",
                 NULL);
    loaded_fini(&l);
}

Test(load, what_an_entry_says_about_rows_is_taken)
{
    struct loaded l =
        accepted(TASK OBJECTS "    filter: |\n      a > 1\n      and b\n    dml: [delete, insert]\n"
                              "    table_as: \"t_{1}\"\n    database_as: d\n"
                              "    columns: {include: [a*], exclude: b, rename: {c: d}}\n"
                              "    add_columns: [{name: n, type: int, value: 1 + 1}]\n"
                              "etl: e_drop()\netl_on_error: \"null\"\n",
                 NULL);
    const struct conf_object *o = &l.task->objects[0];
    cr_assert_str_eq(o->filter, "a > 1\nand b\n");
    cr_assert_eq(o->dml, CONF_DML_DELETE | CONF_DML_INSERT);
    cr_assert_str_eq(o->columns_exclude.items[0], "b");
    cr_assert_str_eq(o->columns_rename.items[0].value, "d");
    cr_assert_str_eq(o->add_columns.items[0].value, "1 + 1");
    cr_assert_str_eq(l.task->etl, "e_drop()");
    cr_assert_eq(l.task->etl_on_error, CONF_ERROR_NULL);
    loaded_fini(&l);
    refused_with(TASK OBJECTS "    dml: []\n", "at least one of insert, update, delete");
    refused_with(TASK OBJECTS "    add_columns: [{name: n, type: int}]\n", "value is missing");
    refused_with(TASK OBJECTS "    add_columns: n\n", "a list of columns is expected");
    refused_with(TASK OBJECTS "    columns: [a]\n", "a map of keys is expected");
}

Test(load, where_to_listen_is_taken_apart)
{
    struct loaded l = accepted(TASK OBJECTS, NULL);
    cr_assert_str_eq(l.task->http.host, "127.0.0.1");
    cr_assert_eq(l.task->http.port, 8083);
    cr_assert(l.task->http.loopback);
    cr_assert_null(l.task->http.token);
    loaded_fini(&l);
    l = accepted(TASK OBJECTS "http: {listen: off}\n", NULL);
    cr_assert_null(l.task->http.host);
    loaded_fini(&l);
    l = accepted(TASK OBJECTS "http: {listen: \"[::1]:0\"}\n", NULL);
    cr_assert_str_eq(l.task->http.host, "::1");
    cr_assert_eq(l.task->http.port, 0);
    loaded_fini(&l);
    static const char *const wrong[] = {"8083", "host", ":80", "::1:80", "a:65536", "a:", "[]:1"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char text[400];
        snprintf(text, sizeof(text), TASK OBJECTS "http: {listen: \"%s\"}\n", wrong[i]);
        refused_with(text, "is no HOST:PORT");
    }
}

Test(load, off_loopback_a_token_is_required)
{
    unsetenv("ROWCAST_HTTP_TOKEN");
    refused_with(TASK OBJECTS "http: {listen: \"0.0.0.0:8083\"}\n", "a token is required");
    refused_with(TASK OBJECTS "http: {token_env: NOT_SET_ANYWHERE}\n", "is not set");
    setenv("ROWCAST_HTTP_TOKEN", "sesame", 1);
    struct loaded l = accepted(TASK OBJECTS "http: {listen: \"0.0.0.0:8083\"}\n", NULL);
    cr_assert_not(l.task->http.loopback);
    cr_assert_str_eq(l.task->http.token, "sesame");
    loaded_fini(&l);
}

Test(load, a_heartbeat_table_is_one_plain_name)
{
    static const char *const wrong[] = {"beat", ".t", "d.", "a.b.c", "d.*", "d.`t`"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char text[400];
        snprintf(text, sizeof(text), TASK OBJECTS "heartbeat: {table: \"%s\"}\n", wrong[i]);
        refused_with(text, "is no DATABASE.TABLE");
    }
    struct loaded l = accepted(TASK OBJECTS "heartbeat: {write: true, table: ops.beat}\n", NULL);
    cr_assert(l.task->heartbeat.write);
    cr_assert_str_eq(l.task->heartbeat.table, "ops.beat");
    loaded_fini(&l);
}

Test(load, a_webhook_is_a_url)
{
    refused_with(TASK OBJECTS "alerts: {webhook: example.net/hook}\n", "http://");
    struct loaded l = accepted(TASK OBJECTS "alerts: {webhook: \"http://x/y\", for: 2s}\n", NULL);
    cr_assert_str_eq(l.task->alerts.webhook, "http://x/y");
    cr_assert_eq(l.task->alerts.for_ms, 2000);
    cr_assert_eq(l.task->alerts.lag_over_ms, 30000);
    cr_assert_null(l.task->alerts.command);
    loaded_fini(&l);
}

Test(load, a_wrong_value_of_what_is_not_built_is_named_as_wrong)
{
    refused_with(TASK OBJECTS "full: {connections: many}\n", "whole number");
    refused_with(TASK OBJECTS "etl_on_error: maybe\n", "fail, skip or null");
}

Test(load, overrides_win_and_are_typed_like_the_file)
{
    struct loaded l =
        accepted(TASK OBJECTS "source: {port: 3308}\n",
                 OVERRIDES("source.port=3307", "source.port=3309", "destination.brokers=[a:1, b:2]",
                           "log.level=warn", "destination.librdkafka.linger.ms=7", "limits.lanes=2",
                           "environment=", "objects=[{table: crm.*, topic: c}]"));
    cr_assert_eq(l.task->source.port, 3309);
    cr_assert_eq(l.task->destination.brokers.count, 2);
    cr_assert_eq(l.task->log.level, CONF_LOG_WARN);
    cr_assert_str_eq(l.task->destination.librdkafka.items[0].name, "linger.ms");
    cr_assert_str_eq(l.task->objects[0].table, "crm.*");
    cr_assert_eq(l.task->objects[0].line, 0);
    loaded_fini(&l);
}

Test(load, brokers_can_be_embedded_or_divided_by_commas)
{
    struct loaded l = accepted(TASK OBJECTS, OVERRIDES("destination.brokers=embedded"));
    cr_assert(l.task->destination.embedded);
    cr_assert_eq(l.task->destination.brokers.count, 0);
    loaded_fini(&l);
    l = accepted(TASK OBJECTS, OVERRIDES("destination.brokers=a:1,b:2"));
    cr_assert_eq(l.task->destination.brokers.count, 2);
    cr_assert_str_eq(l.task->destination.brokers.items[1], "b:2");
    loaded_fini(&l);
}

static void override_refused(const char *override, const char *words)
{
    struct loaded l = load_text(TASK OBJECTS, OVERRIDES(override));
    cr_assert_null(l.task, "%s", override);
    cr_assert(strncmp(l.said, "--override: error: ", 19) == 0, "%s", l.said);
    cr_assert(strstr(l.said, words) != NULL, "%s", l.said);
    loaded_fini(&l);
}

Test(load, a_wrong_override_says_that_it_is_one)
{
    override_refused("source.prot=1", "did you mean source.port?");
    override_refused("source.port", "KEY=VALUE");
    override_refused("=1", "KEY=VALUE");
    override_refused("source.port=x", "source.port: a whole number");
    override_refused("source=1", "source: a map of keys");
    override_refused("objects[].topic=1", "unknown key");
    override_refused("source.host=[", "not valid YAML");
    override_refused("destination.librdkafka.=1", "unknown key");
}

Test(load, included_keys_are_taken_where_the_file_has_none)
{
    struct loaded l = load_texts(TASK OBJECTS "source: {include: shared.yaml, port: 1}\n",
                                 "shared.yaml", "host: shared\nport: 2\ntls_ca: ca.pem\n", NULL);
    cr_assert_not_null(l.task, "%s", l.said);
    cr_assert_str_eq(l.task->source.host, "shared");
    cr_assert_eq(l.task->source.port, 1);
    cr_assert(strstr(l.task->source.tls_ca, "/ca.pem") != NULL);
    loaded_fini(&l);
}

Test(load, errors_of_an_included_file_name_it)
{
    struct loaded l = load_texts(TASK OBJECTS "source: {include: shared.yaml}\n", "shared.yaml",
                                 "hots: shared\nport: x\n", NULL);
    cr_assert_null(l.task);
    cr_assert(strstr(l.said, "shared.yaml:1:1: error: unknown key source.hots") != NULL, "%s",
              l.said);
    cr_assert(strstr(l.said, "shared.yaml:2:7: error: source.port") != NULL, "%s", l.said);
    loaded_fini(&l);
    l = load_texts(TASK OBJECTS "source: {include: shared.yaml}\n", "shared.yaml", "include: x\n",
                   NULL);
    cr_assert(strstr(l.said, "cannot include another") != NULL, "%s", l.said);
    loaded_fini(&l);
    refused_with(TASK OBJECTS "source: {include: missing.yaml}\n", "missing.yaml cannot be read");
}

Test(load, a_key_that_is_there_twice_is_refused)
{
    refused_with(TASK OBJECTS "log: {level: info}\nlog: {level: warn}\n", "here twice");
}

Test(load, a_second_list_of_objects_is_refused_and_not_added_to_the_first)
{
    refused_with(TASK OBJECTS "objects:\n  - table: a.*\n  - table: b.*\n",
                 "the key objects is here twice");
}

Test(load, statements_are_all_sent_unless_an_entry_says_which)
{
    struct loaded l =
        accepted(TASK OBJECTS "  - table: b.*\n    ddl: []\n  - table: c.*\n    ddl: all\n"
                              "  - table: d.*\n    ddl: [trigger, create]\n"
                              "  - {table: e.*, ddl: rename}\n",
                 NULL);
    static const unsigned bits[] = {CONF_DDL_ALL, 0, CONF_DDL_ALL, 1u << 9 | 1, 1u << 3};
    cr_assert_eq(l.task->object_count, 5);
    for (size_t i = 0; i < 5; i++)
        cr_expect_eq(l.task->objects[i].ddl, bits[i], "%zu", i);
    loaded_fini(&l);
    refused_with(TASK OBJECTS "    ddl: [create, dance]\n", "dance");
}
