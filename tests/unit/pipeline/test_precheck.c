/* Judges of the precheck, on facts that are made up; nobody is asked. */
#include "config/load.h"
#include "pipeline/precheck/precheck_int.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static struct precheck_facts f;
static struct task_config *config;
static struct precheck_report *report;

/* Facts of a source and a cluster that nothing is wrong with; more: YAML. */
static void begin(const char *more)
{
    char text[2000];
    struct conf_report said = {0};
    struct errmsg em = {0};
    snprintf(text, sizeof(text),
             "task: t\nstate_dir: /tmp/none\n"
             "source: {host: 127.0.0.1, user: u, password: p}\n"
             "destination: {brokers: [\"127.0.0.1:1\"], topic: t}\nobjects: [{table: shop.*}]\n%s",
             more);
    enum err e = conf_load_text(slice_str(text), &config, &said);
    conf_report_print(&said, stderr);
    cr_assert_eq(e, ERR_OK);
    conf_report_fini(&said);
    f = (struct precheck_facts){.config = config, .first_start = true, .account = "'u'@'%'"};
    f.server = (struct src_server){.version = 80400,
                                   .version_text = "8.4.0",
                                   .server_id = 1,
                                   .log_bin = true,
                                   .binlog_format = "ROW",
                                   .row_image = "FULL",
                                   .row_metadata = "FULL",
                                   .gtid_mode = "ON",
                                   .gtids = true};
    f.settings = (struct src_facts){.retention_known = true,
                                    .retention_s = 8 * 86400,
                                    .retention_name = "binlog_expire_logs_seconds",
                                    .sync_binlog = true};
    f.admin = (struct kafka_admin *)(uintptr_t)&f; /* never looked into */
    f.cluster = (struct kafka_cluster_facts){.brokers = 1};
    cr_assert_eq(shaping_objects(config, false, &f.objects, &em), ERR_OK);
    cr_assert_eq(shaping_new(config, stderr, &f.shaping, &em), ERR_OK);
    cr_assert_eq(
        survey_new(&(struct survey_options){config, f.objects, f.shaping, false}, &f.survey),
        ERR_OK);
}

static const struct precheck_outcome *outcome(const char *code)
{
    precheck_release(report);
    cr_assert_eq(precheck_judge(&f, &report), ERR_OK);
    for (size_t i = 0; i < report->count; i++)
        if (strcmp(report->outcomes[i].item->code, code) == 0)
            return &report->outcomes[i];
    cr_assert_fail("no item %s", code);
    return NULL;
}

static void expect(const char *code, enum precheck_result result, const char *found,
                   const char *remedy)
{
    const struct precheck_outcome *o = outcome(code);
    cr_assert_eq(o->result, result, "%s: %s", precheck_result_name(o->result), o->found);
    cr_assert(strstr(o->found, found) != NULL, "%s", o->found);
    cr_assert_str_eq(o->remedy, remedy);
}

Test(precheck, a_sound_installation_passes)
{
    begin("");
    (void)outcome("CHECK_SRC");
    cr_assert_eq(report->counts[PRECHECK_FAILED], 0);
    cr_assert_eq(report->counts[PRECHECK_WARNING], 0);
    struct errmsg em = {0};
    cr_assert_eq(precheck_verdict(report, &em), ERR_OK);
}

Test(precheck, settings_of_the_binlog_are_judged_with_what_mends_them)
{
    begin("");
    strcpy(f.server.binlog_format, "MIXED");
    expect("CHECK_BINLOG_FORMAT", PRECHECK_FAILED, "binlog_format is MIXED",
           "SET GLOBAL binlog_format = 'ROW';");
    strcpy(f.server.row_image, "MINIMAL");
    expect("CHECK_ROW_IMAGE", PRECHECK_FAILED, "the full copy needs FULL",
           "SET GLOBAL binlog_row_image = 'FULL';");
    config->phases = CONF_PHASE_INCREMENTAL;
    expect("CHECK_ROW_IMAGE", PRECHECK_WARNING, "binlog_row_image is MINIMAL",
           "SET GLOBAL binlog_row_image = 'FULL';");
    strcpy(f.server.row_metadata, "MINIMAL");
    expect("CHECK_ROW_METADATA", PRECHECK_WARNING, "MINIMAL",
           "SET GLOBAL binlog_row_metadata = 'FULL';");
    f.server.log_bin = false;
    expect("CHECK_LOG_BIN", PRECHECK_FAILED, "log_bin is OFF",
           "[mysqld]\nlog_bin = binlog\nserver_id = 1");
}

Test(precheck, clocks_disks_and_locks_are_judged)
{
    struct table shape = {.identity_count = 0};
    struct table_def def = {.database = SLICE_LIT("shop"), .name = SLICE_LIT("t")};
    struct checked_table table = {.def = &def, .table = &shape};
    begin("");
    f.ahead_us = -61000000;
    expect("CHECK_CLOCK", PRECHECK_WARNING, "61 s behind ours",
           "timedatectl set-ntp true  -- on the machine that is wrong");
    f.settings.sync_binlog = false;
    expect("CHECK_SYNC_BINLOG", PRECHECK_WARNING, "not 1", "SET GLOBAL sync_binlog = 1;");
    f.tables = &table;
    f.table_count = 1;
    cr_assert_eq(outcome("CHECK_PRIVILEGE_SRC")->result, PRECHECK_FAILED);
    f.settings.roles = true;
    expect("CHECK_PRIVILEGE_SRC", PRECHECK_WARNING, "a role may give it",
           "GRANT SELECT, LOCK TABLES ON `shop`.* TO 'u'@'%';\n"
           "full: {keyless: unlocked}  # or full.keyless: skip, instead");
    table.lockable = true;
    expect("CHECK_PRIVILEGE_SRC", PRECHECK_PASSED, "may replicate", "");
}

Test(precheck, gtids_are_switched_on_from_where_they_are)
{
    begin("");
    f.server.gtids = false;
    strcpy(f.server.gtid_mode, "ON_PERMISSIVE");
    expect("CHECK_GTID_MODE", PRECHECK_WARNING, "ON_PERMISSIVE",
           "SET GLOBAL enforce_gtid_consistency = ON;\nSET GLOBAL gtid_mode = ON;");
    strcpy(f.server.gtid_mode, "OFF");
    expect("CHECK_GTID_MODE", PRECHECK_WARNING, "OFF",
           "SET GLOBAL enforce_gtid_consistency = ON;\nSET GLOBAL gtid_mode = OFF_PERMISSIVE;\n"
           "SET GLOBAL gtid_mode = ON_PERMISSIVE;\nSET GLOBAL gtid_mode = ON;");
}

Test(precheck, binlogs_must_outlast_the_copy)
{
    struct table_def def = {.database = SLICE_LIT("shop"), .name = SLICE_LIT("big")};
    struct checked_table table = {.def = &def, .rows = UINT64_C(20000000000)};
    begin("");
    f.tables = &table;
    f.table_count = 1;
    expect("CHECK_BINLOG_RETENTION", PRECHECK_FAILED, "the full copy may take 23 days",
           "SET GLOBAL binlog_expire_logs_seconds = 4060800;");
    table.rows = 1000;
    expect("CHECK_BINLOG_RETENTION", PRECHECK_PASSED, "8 days", "");
    f.settings.retention_s = 3600;
    expect("CHECK_BINLOG_RETENTION", PRECHECK_WARNING, "60 minutes",
           "SET GLOBAL binlog_expire_logs_seconds = 604800;");
    f.settings.retention_s = 0;
    expect("CHECK_BINLOG_RETENTION", PRECHECK_PASSED, "until somebody purges", "");
}

Test(precheck, a_replica_must_log_what_it_receives)
{
    begin("");
    f.busy.replica = true;
    expect("CHECK_TOPOLOGY", PRECHECK_FAILED, "log_replica_updates is OFF",
           "[mysqld]\nlog_replica_updates = ON");
    f.server.log_replica_updates = true;
    expect("CHECK_TOPOLOGY", PRECHECK_PASSED, "it is a replica", "");
    f.busy.replica_stopped = true;
    expect("CHECK_TOPOLOGY", PRECHECK_WARNING, "does not run", "START REPLICA;");
}

Test(precheck, tables_are_judged_by_what_they_are)
{
    struct column_def column = {
        .name = SLICE_LIT("v"), .data_type = SLICE_LIT("longblob"), .invisible = true};
    struct table_def def = {.database = SLICE_LIT("sh`op"),
                            .name = SLICE_LIT("t"),
                            .engine = SLICE_LIT("MRG_MyISAM"),
                            .column_count = 1,
                            .columns = &column};
    struct checked_table table = {.def = &def, .cascades = true, .denied = true};
    begin("");
    f.tables = &table;
    f.table_count = 1;
    expect("CHECK_ENGINE", PRECHECK_FAILED, "sh`op.t", "objects: [\"!sh`op.t\", ...]");
    def.engine = SLICE_LIT("MyISAM");
    expect("CHECK_ENGINE", PRECHECK_WARNING, "not transactional",
           "ALTER TABLE `sh``op`.`t` ENGINE=InnoDB;");
    expect("CHECK_PRIVILEGE_SRC", PRECHECK_FAILED, "SELECT is missing on 1 of 1 table",
           "GRANT SELECT ON `sh``op`.`t` TO 'u'@'%';");
    expect("CHECK_INVISIBLE_COLUMNS", PRECHECK_PASSED, "1 table has some", "");
    cr_assert_eq(outcome("CHECK_FOREIGN_KEY")->result, PRECHECK_WARNING);
    f.server.version = 90700;
    cr_assert_eq(outcome("CHECK_FOREIGN_KEY")->result, PRECHECK_PASSED);
    table.encrypted = true;
    expect("CHECK_ENCRYPTION", PRECHECK_PASSED, "makes no difference", "");
    f.settings.encdb = true;
    cr_assert_eq(outcome("CHECK_ENCRYPTION")->result, PRECHECK_FAILED);
    config->phases = CONF_PHASE_INCREMENTAL;
    cr_assert_eq(outcome("CHECK_ENCRYPTION")->result, PRECHECK_WARNING);
}

static void one_topic(struct checked_topic *topic, struct kafka_topic_facts *found)
{
    *topic = (struct checked_topic){.name = "t", .partitions = 6, .rows = true};
    *found = (struct kafka_topic_facts){.name = "t",
                                        .exists = true,
                                        .partitions = 3,
                                        .replicas = 3,
                                        .in_sync = 3,
                                        .settings_known = true,
                                        .message_max = 1 << 20,
                                        .in_sync_min = 2,
                                        .retention_ms = KAFKA_UNKNOWN,
                                        .retention_bytes = KAFKA_UNKNOWN,
                                        .operations_known = true,
                                        .operations = ~0u};
    f.topics = topic;
    f.topic_count = 1;
    f.found = found;
}

#define CONFIGS                                                                                    \
    "kafka-configs.sh --bootstrap-server 127.0.0.1:1 --alter --entity-type topics --entity-name "  \
    "t --add-config "

Test(precheck, topics_are_judged_by_their_settings)
{
    struct checked_topic topic;
    struct kafka_topic_facts found;
    begin("");
    one_topic(&topic, &found);
    (void)outcome("CHECK_TOPIC");
    cr_assert_eq(report->counts[PRECHECK_FAILED] + report->counts[PRECHECK_WARNING], 0);
    found.message_max = 1000;
    expect("CHECK_MESSAGE_MAX", PRECHECK_WARNING, "1000 bytes",
           CONFIGS "max.message.bytes=1048576");
    found.in_sync = 1;
    expect("CHECK_MIN_INSYNC", PRECHECK_FAILED, "1 replica in sync and wants 2",
           "start the brokers that are missing");
    found.in_sync_min = 1;
    expect("CHECK_MIN_INSYNC", PRECHECK_WARNING, "one in sync is enough",
           CONFIGS "min.insync.replicas=2");
    found.operations = KAFKA_MAY_DESCRIBE;
    expect("CHECK_PRIVILEGE_DEST", PRECHECK_FAILED, "topic t may not be written",
           "kafka-acls.sh --bootstrap-server 127.0.0.1:1 --add --allow-principal User:ANONYMOUS "
           "--operation Write --operation Describe --topic t");
    found.deletes = true;
    found.retention_ms = 3600000;
    expect("CHECK_DEST_ROOM", PRECHECK_WARNING, "after 1 h", CONFIGS "retention.ms=-1");
    found.records = 7;
    expect("CHECK_SAME_OBJ", PRECHECK_FAILED, "topic t exists and holds 7 records",
           "destination: {existing_topics: ignore}");
    f.first_start = false;
    cr_assert_eq(outcome("CHECK_SAME_OBJ")->result, PRECHECK_PASSED);
    found.written = true;
    cr_assert_eq(outcome("CHECK_SAME_TOPIC")->result, PRECHECK_WARNING);
    f.running = true;
    cr_assert_eq(outcome("CHECK_SAME_TOPIC")->result, PRECHECK_PASSED);
}

Test(precheck, exactly_once_needs_an_id_and_a_topic_of_its_own)
{
    struct checked_topic topic;
    struct kafka_topic_facts found;
    begin("");
    one_topic(&topic, &found);
    strcpy(f.kept_name, "t.rowcast");
    f.kept = (struct kafka_topic_facts){
        .name = f.kept_name, .exists = true, .operations_known = true, .operations = ~0u};
    f.transactional_id = KAFKA_GRANTED;
    expect("CHECK_PRIVILEGE_DEST", PRECHECK_PASSED, "all topics may be written", "");
    static const char grant[] =
        "kafka-acls.sh --bootstrap-server 127.0.0.1:1 --add --allow-principal User:ANONYMOUS "
        "--operation Describe --operation Write --transactional-id t";
    f.transactional_id = KAFKA_GRANT_MISSING;
    expect("CHECK_PRIVILEGE_DEST", PRECHECK_WARNING, "no ACL lets User:ANONYMOUS use", grant);
    f.transactional_id = KAFKA_GRANT_UNKNOWN;
    expect("CHECK_PRIVILEGE_DEST", PRECHECK_WARNING, "the brokers do not tell whether", grant);
    f.first_start = false;
    cr_assert_eq(outcome("CHECK_PRIVILEGE_DEST")->result, PRECHECK_PASSED, "it was used before");
    f.transactional_id = KAFKA_GRANT_DENIED;
    cr_assert_eq(outcome("CHECK_PRIVILEGE_DEST")->result, PRECHECK_FAILED);
    f.transactional_id = KAFKA_GRANT_OPEN;
    f.kept.operations = KAFKA_MAY_WRITE | KAFKA_MAY_DESCRIBE;
    expect("CHECK_PRIVILEGE_DEST", PRECHECK_FAILED, "needs Read, Write and Describe on the topic",
           "kafka-acls.sh --bootstrap-server 127.0.0.1:1 --add --allow-principal User:ANONYMOUS "
           "--operation Read --operation Write --operation Describe --operation DescribeConfigs "
           "--operation Create --topic t.rowcast");
    f.kept_begun = true;
    expect("CHECK_STATE_DIR", PRECHECK_PASSED, "goes on from what the topic t.rowcast holds", "");
}

Test(precheck, a_topic_that_is_not_as_the_task_left_it_fails)
{
    struct checked_topic topic;
    struct kafka_topic_facts found;
    begin("skip_checks: [CHECK_PARTITIONS]\n");
    one_topic(&topic, &found);
    topic.had = 3;
    expect("CHECK_PARTITIONS", PRECHECK_PASSED, "3 in 1 topic", "");
    found.partitions = 2;
    expect("CHECK_PARTITIONS", PRECHECK_FAILED, "topic t has 2 partitions and had 3",
           "kafka-topics.sh --bootstrap-server 127.0.0.1:1 --alter --topic t --partitions 3");
    found.partitions = 4;
    config->objects[0].topic = "t";
    expect("CHECK_PARTITIONS", PRECHECK_FAILED, "topic t has 4 partitions and had 3",
           "state_dir: /tmp/none.new\nobjects: [{table: ..., topic: t_new}]");
    topic.object = SIZE_MAX;
    expect("CHECK_PARTITIONS", PRECHECK_FAILED, "had 3",
           "state_dir: /tmp/none.new\ndestination: {topic: t_new}");
    found.exists = false;
    expect("CHECK_PARTITIONS", PRECHECK_PASSED, "", "");
    expect("CHECK_TOPIC", PRECHECK_FAILED, "topic t is gone",
           "kafka-topics.sh --bootstrap-server 127.0.0.1:1 --create --topic t --partitions 3 "
           "--replication-factor 1");
    topic.had = 0;
    expect("CHECK_TOPIC", PRECHECK_PASSED, "1 of 1 topic will be made", "");
}

Test(precheck, what_cannot_be_had_is_skipped_and_says_so)
{
    begin("");
    f.source.err = ERR_ACCESS_DENIED;
    strcpy(f.source.em.text, "denied");
    f.destination.err = ERR_BROKER_DOWN;
    expect("CHECK_CONN_SRC", PRECHECK_FAILED, "denied",
           "ALTER USER 'u'@'%' IDENTIFIED BY '...';  -- or what source.user and "
           "source.password_env say");
    expect("CHECK_LOG_BIN", PRECHECK_SKIPPED, "no connection to the source", "");
    expect("CHECK_TOPIC", PRECHECK_SKIPPED, "no connection to the destination", "");
}

Test(precheck, skip_checks_takes_out_what_may_be_taken_out)
{
    begin("skip_checks: [CHECK_ROW_METADATA, CHECK_ROW_IMAGE, CHECK_TOPOLOGY]\n");
    strcpy(f.server.row_metadata, "MINIMAL");
    strcpy(f.server.row_image, "MINIMAL");
    f.busy.replica = true;
    cr_assert_eq(outcome("CHECK_ROW_METADATA")->result, PRECHECK_SKIPPED);
    cr_assert(strstr(outcome("CHECK_ROW_METADATA")->found, "left out by skip_checks") != NULL);
    cr_assert_eq(outcome("CHECK_TOPOLOGY")->result, PRECHECK_SKIPPED, "a failure that may be");
    cr_assert_eq(outcome("CHECK_ROW_IMAGE")->result, PRECHECK_FAILED, "only its warnings may");
    config->phases = CONF_PHASE_INCREMENTAL;
    cr_assert_eq(outcome("CHECK_ROW_IMAGE")->result, PRECHECK_SKIPPED);
}

Test(precheck, failures_of_one_kind_keep_its_exit_code_and_others_are_3)
{
    struct errmsg em = {0};
    begin("");
    f.server.log_bin = false;
    (void)outcome("CHECK_SRC");
    cr_assert_eq(err_exit_code(precheck_verdict(report, &em)), 4);
    cr_assert(strstr(em.text, "CHECK_LOG_BIN: the source writes no binary log") == em.text);
    f.busy.replica = true;
    (void)outcome("CHECK_SRC");
    cr_assert_eq(err_exit_code(precheck_verdict(report, &em)), 3);
    cr_assert(strstr(em.text, "2 items of the precheck failed: CHECK_LOG_BIN: ") == em.text &&
                  strstr(em.text, "; CHECK_TOPOLOGY: ") != NULL,
              "%s", em.text);
}

Test(precheck, codes_are_found_and_mistaken_ones_have_a_nearest)
{
    cr_assert_not_null(precheck_find("CHECK_SAME_OBJ"));
    cr_assert_null(precheck_find("CHECK_SAME"));
    cr_assert_str_eq(precheck_nearest("CHECK_SAME_OBJS"), "CHECK_SAME_OBJ");
    for (size_t i = 0; i < precheck_item_count; i++)
        cr_assert_eq(precheck_find(precheck_items[i].code), &precheck_items[i], "%s twice",
                     precheck_items[i].code);
}

Test(precheck, the_manual_has_the_table_of_items)
{
    char *now = NULL, kept[64 << 10] = "";
    size_t size = 0;
    FILE *out = open_memstream(&now, &size);
    precheck_print_markdown(out);
    fclose(out);
    FILE *manual = fopen(MANUAL, "r");
    cr_assert_not_null(manual);
    kept[fread(kept, 1, sizeof(kept) - 1, manual)] = 0;
    fclose(manual);
    cr_assert(strstr(kept, now) != NULL,
              "docs/precheck.md is stale: it has not what build/rowcast config --checks prints");
    free(now);
}
