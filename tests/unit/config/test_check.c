#include "task_text.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void accepted(const char *text)
{
    struct loaded l = load_text(text, NULL);
    cr_assert_not_null(l.task, "%s", l.said);
    loaded_fini(&l);
}

Test(check, retry_other_is_less_than_retry_connection)
{
    refused_with(TASK OBJECTS "retry: {connection: 10m, other: 10m}\n", "must be less than");
    refused_with(TASK OBJECTS "retry: {connection: 10m}\n", "must be less than");
    accepted(TASK OBJECTS "retry: {connection: 10m, other: 9m}\n");
}

Test(check, a_partition_key_needs_partitions_by_key)
{
    refused_with("task: t\ndestination: {topic: o, partition_by: table}\nobjects:\n"
                 "  - {table: a.b, partition_key: [x]}\n",
                 "task.yaml:4:18: error: objects[].partition_key has no effect with "
                 "destination.partition_by: table");
    refused_with(TASK "objects: [{table: a.b, partition_key: [x, X]}]\n", "twice");
    refused_with(TASK "objects: [{table: a.b, partition_key: []}]\n", "at least one column");
    accepted(TASK "objects: [{table: a.b, partition_key: x}]\n");
}

Test(check, every_table_has_a_topic)
{
    refused_with("task: t\n" OBJECTS, "shop.* has no topic");
    accepted("task: t\nobjects: [{table: \"!a.*\"}, {table: a.b, topic: x}]\n");
}

Test(check, an_exclusion_takes_nothing_else_and_is_not_all_there_is)
{
    refused_with(TASK "objects: [{table: \"!a.b\"}]\n", "only exclusions");
    refused_with(TASK "objects: [{table: \"!a.b\", topic: x}, {table: a.c}]\n", "no other keys");
}

Test(check, one_topic_has_one_partition_count)
{
    refused_with(TASK
                 "objects:\n  - {table: a.b, partitions: 2}\n  - {table: a.c, partitions: 3}\n",
                 "the topic orders has 2 partitions in line 5");
    accepted(
        TASK
        "objects:\n  - {table: a.b, partitions: 2, topic: x}\n  - {table: a.c, partitions: 3}\n");
}

Test(check, tls_keys_without_tls_are_refused)
{
    refused_with(TASK OBJECTS "source: {tls: disabled, tls_ca: x}\n",
                 "no effect with source.tls: disabled");
    refused_with(TASK OBJECTS "source: {tls_cert: x}\n", "source.tls_key is missing");
    refused_with(TASK "  tls_ca: x\n" OBJECTS, "no effect with destination.security: plaintext");
    refused_with(TASK "  security: ssl\n  tls_key: x\n" OBJECTS, "destination.tls_cert is missing");
    accepted(TASK "  security: ssl\n  tls_ca: x\n" OBJECTS);
}

Test(check, a_login_at_the_brokers_is_complete_or_not_there)
{
    refused_with(TASK "  security: sasl_ssl\n" OBJECTS, "destination.sasl.user is missing");
    refused_with(TASK "  sasl: {user: u}\n" OBJECTS,
                 "no effect with destination.security: plaintext");
    refused_with(TASK "  security: sasl_ssl\n  sasl: {user: u, mechanism: PLAIN}\n" OBJECTS,
                 "set the environment variable ROWCAST_DESTINATION_PASSWORD");
    setenv("ROWCAST_DESTINATION_PASSWORD", "p", 1);
    accepted(TASK "  security: sasl_ssl\n  sasl: {user: u, mechanism: PLAIN}\n" OBJECTS);
}

#define REGISTRY(more) "task: t\ndestination: {topic: o, format: dts-avro, " more "}\n" OBJECTS

Test(check, a_schema_registry_is_a_url_and_needs_a_format_with_a_schema)
{
    static const char *const wrong[] = {
        "x", "ftp://h", "http://", "https:///p", "http://u:p@h", "http://h?x", "\"http://h x\""};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        char text[300];
        snprintf(text, sizeof(text), REGISTRY("schema_registry: %s"), wrong[i]);
        refused_with(text, "is not http://HOST[:PORT][/PATH] or https");
    }
    refused_with(TASK "  schema_registry: http://h\n" OBJECTS,
                 "no effect with destination.format: canal-json");
    refused_with(REGISTRY("schema_registry: http://h, schema_registry_user: u"), "go together");
    refused_with(REGISTRY("schema_registry_user: u"), "no effect with destination.schema_registry");
    refused_with(REGISTRY("schema_registry: http://h, schema_registry_user: u, "
                          "schema_registry_password_env: NO_SUCH_VARIABLE"),
                 "the environment variable NO_SUCH_VARIABLE is not set");
    refused_with(REGISTRY("schema_registry: http://h, tls_ca: x.pem"), "tls_ca has no effect");
    accepted(REGISTRY("schema_registry: none"));
    accepted(REGISTRY("schema_registry: http://h:8081/apis/ccompat/v7"));
    accepted(REGISTRY("schema_registry: https://h, tls_ca: x.pem"));
}

Test(check, compression_levels_are_their_codecs)
{
    refused_with(TASK "  compression: gzip\n  compression_level: 10\n" OBJECTS, "levels 0 to 9");
    refused_with(TASK "  compression: snappy\n  compression_level: 1\n" OBJECTS,
                 "snappy has no levels");
    accepted(TASK "  compression: snappy\n" OBJECTS);
    accepted(TASK "  compression_level: 12\n" OBJECTS);
}

Test(check, a_message_fits_into_half_of_the_memory)
{
    refused_with(TASK "  message_max: 21MB\n" OBJECTS, "half of limits.memory");
    accepted(TASK "  message_max: 20MB\n" OBJECTS);
}

Test(check, properties_that_promises_depend_on_have_a_key_of_their_own)
{
    refused_with(TASK "  librdkafka: {acks: 1}\n" OBJECTS, "use destination.acks");
    refused_with(TASK "  librdkafka: {message.timeout.ms: 1}\n" OBJECTS, "use retry.connection");
    accepted(TASK "  librdkafka: {socket.timeout.ms: 1000}\n" OBJECTS);
}

Test(check, a_password_has_one_place)
{
    refused_with(TASK OBJECTS "source: {password: x, password_file: y}\n", "only one of");
    refused_with(TASK OBJECTS "source: {password_env: NOT_THERE_AT_ALL}\n",
                 "the environment variable NOT_THERE_AT_ALL is not set");
    refused_with(TASK OBJECTS "source: {password_file: nowhere}\n", "cannot be read");
}

Test(check, a_password_in_the_file_works_and_is_warned_about)
{
    struct loaded l = load_text(TASK OBJECTS "source: {password: \"p w\"}\n", NULL);
    cr_assert_not_null(l.task, "%s", l.said);
    cr_assert_str_eq(l.task->source.password, "p w");
    cr_assert(strstr(l.said, "warning: source.password") != NULL, "%s", l.said);
    cr_assert(strstr(l.said, "p w") == NULL, "%s", l.said);
    loaded_fini(&l);
}

Test(check, a_password_file_lies_beside_the_task_file_and_its_line_end_is_not_part_of_it)
{
    static const char *const ends[] = {"", "\n", "\r\n"};
    for (size_t i = 0; i < 3; i++) {
        char secret[32];
        snprintf(secret, sizeof(secret), " s3cret %s", ends[i]);
        struct loaded l =
            load_texts(TASK OBJECTS "source: {password_file: pw}\n", "pw", secret, NULL);
        cr_assert_not_null(l.task, "%s", l.said);
        cr_assert_str_eq(l.task->source.password, " s3cret ");
        loaded_fini(&l);
    }
}

Test(check, the_default_variable_counts_when_it_is_there)
{
    setenv("ROWCAST_SOURCE_PASSWORD", "from the environment", 1);
    struct loaded l = load_text(TASK OBJECTS, NULL);
    cr_assert_str_eq(l.task->source.password, "from the environment");
    loaded_fini(&l);
}
