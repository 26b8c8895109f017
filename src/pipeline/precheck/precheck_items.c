/*
 * The items. Their order is the one in which they are shown: what the others
 * rest on first.
 */
#include "pipeline/precheck/precheck_int.h"

#include "config/keys.h"

#include <string.h>

#define SRC      PRECHECK_SOURCE
#define DEST     PRECHECK_DESTINATION
#define TASK     PRECHECK_TASK
#define NEVER    PRECHECK_SKIP_NEVER
#define WARNINGS PRECHECK_SKIP_WARNINGS
#define ALL      PRECHECK_SKIP_ALL

/* clang-format off */
const struct precheck_item precheck_items[] = {
    {"CHECK_CONN_SRC", SRC, WARNINGS, 0, judge_source, "connection to the source",
     "without it there is nothing to read"},
    {"CHECK_SRC", SRC, WARNINGS, NEED_SOURCE, judge_version, "version of the source",
     "older servers write binlogs that lack what is needed"},
    {"CHECK_PRIVILEGE_SRC", SRC, WARNINGS, NEED_SOURCE, judge_source_privileges, "privileges on the source",
     "what the account may not read cannot be carried, and a missing one ends the task later, in the middle of its work"},
    {"CHECK_LOG_BIN", SRC, NEVER, NEED_SOURCE, judge_log_bin, "binary log",
     "changes come from the binary log alone"},
    {"CHECK_SERVER_ID", SRC, WARNINGS, NEED_SOURCE, judge_server_id, "server ids",
     "a server with id 0 refuses replicas, and it ends the older of two streams with one id"},
    {"CHECK_BINLOG_FORMAT", SRC, NEVER, NEED_SOURCE, judge_binlog_format, "binlog_format",
     "only ROW holds the rows; statements cannot be turned back into them"},
    {"CHECK_ROW_IMAGE", SRC, WARNINGS, NEED_SOURCE, judge_row_image, "binlog_row_image",
     "what an image leaves out is missing in messages, filters and partition keys, and the full copy needs all of it"},
    {"CHECK_ROW_METADATA", SRC, ALL, NEED_SOURCE, judge_row_metadata, "binlog_row_metadata",
     "with FULL every table map names its columns, so that old binlogs can be read after an ALTER TABLE"},
    {"CHECK_BINLOG_RETENTION", SRC, ALL, NEED_SOURCE, judge_retention, "how long binlogs are kept",
     "a binlog that is purged before it was read is lost to the task (exit 6)"},
    {"CHECK_SYNC_BINLOG", SRC, ALL, NEED_TABLES, judge_sync, "sync_binlog",
     "what is sent before it is on the source's disk can be gone there, and here be there"},
    {"CHECK_BINLOG_FILTER", SRC, ALL, NEED_SOURCE, judge_binlog_filter, "databases that the binlog leaves out",
     "changes of a database that is left out never reach the binlog"},
    {"CHECK_GTID_MODE", SRC, ALL, NEED_SOURCE, judge_gtid_mode, "GTIDs",
     "positions that are GTIDs hold on every server of the topology; file and offset hold on one server alone"},
    {"CHECK_TOPOLOGY", SRC, ALL, NEED_SOURCE, judge_topology, "replication topology",
     "a replica, and each of two primaries that replicate from each other, must write what it receives into its own binlog"},
    {"CHECK_TRANSACTION_COMPRESSION", SRC, ALL, NEED_SOURCE, judge_compression, "compression of transactions",
     "compressed transactions are read as they stream past, and cost some more CPU here"},
    {"CHECK_CLOCK", SRC, ALL, NEED_TABLES, judge_clock, "clocks",
     "times in messages are the source's; lag is corrected by the difference, a time in source.start is not"},
    {"CHECK_ENCRYPTION", SRC, ALL, NEED_TABLES, judge_encryption, "encryption at rest",
     "TDE is invisible to clients; EncDB hands out values that are still encrypted"},
    {"CHECK_ENGINE", SRC, ALL, NEED_TABLES, judge_engines, "storage engines",
     "tables of some engines are windows on others, and their changes are not in the binlog under their name"},
    {"CHECK_KEY", SRC, ALL, NEED_TABLES, judge_keys, "primary and unique keys",
     "rows without a key cannot be told apart: messages have no record key, and repeats after a crash stay duplicates"},
    {"CHECK_INVISIBLE_COLUMNS", SRC, ALL, NEED_TABLES, judge_invisible, "invisible columns",
     "they are in row images and are carried like the others, generated invisible primary keys too"},
    {"CHECK_CHARSET", SRC, WARNINGS, NEED_TABLES, judge_charsets, "column types and character sets",
     "a type or a character set that is not known cannot be turned into text"},
    {"CHECK_FOREIGN_KEY", SRC, ALL, NEED_TABLES, judge_foreign_keys, "foreign keys that change rows",
     "before MySQL 9.6, and on MariaDB, what CASCADE and SET NULL do to child rows is not in the binlog"},

    {"CHECK_CONN_DEST", DEST, NEVER, 0, judge_destination, "connection to the destination",
     "without it nothing can be written"},
    {"CHECK_DEST", DEST, ALL, NEED_BROKERS, judge_broker_version, "version of the brokers",
     "old brokers lack idempotence, zstd, or the requests by which they are asked"},
    {"CHECK_TOPIC", DEST, NEVER, NEED_TOPICS, judge_topics, "topics",
     "a topic that is not there and may not be made, or that was there and is gone, ends the task (exit 5)"},
    {"CHECK_PARTITIONS", DEST, WARNINGS, NEED_TOPICS, judge_partitions, "partitions",
     "the count that a topic has when the task first writes to it is part of the task, and another one ends it (exit 5)"},
    {"CHECK_PRIVILEGE_DEST", DEST, WARNINGS, NEED_TOPICS, judge_destination_privileges, "permissions on the destination",
     "the principal needs Describe and Write on topics, and Create for those that are missing; within transactions also the transactional id, and the topic of the state"},
    {"CHECK_SAME_OBJ", DEST, ALL, NEED_TOPICS, judge_same_objects, "topics that exist already",
     "a topic that the task would make, but which holds records, is probably somebody else's (destination.existing_topics)"},
    {"CHECK_DEST_TABLE_EMPTY", DEST, ALL, NEED_TOPICS, judge_not_empty, "topics that hold records",
     "consumers cannot tell the records that were there from those of the task"},
    {"CHECK_MESSAGE_MAX", DEST, ALL, NEED_TOPICS, judge_message_max, "size of messages",
     "a row that is larger than message_max or the topic's limit ends the task, or is cut or skipped (destination.too_large)"},
    {"CHECK_MIN_INSYNC", DEST, ALL, NEED_BROKERS, judge_in_sync, "replicas and acknowledgement",
     "acks: all waits for the replicas in sync, of which there must be min.insync.replicas; what only one broker has is lost with it"},
    {"CHECK_DEST_ROOM", DEST, ALL, NEED_TOPICS, judge_room, "room and retention",
     "a topic deletes what passes its bounds, also rows of the copy that nobody has read yet"},
    {"CHECK_SCHEMA_REGISTRY", DEST, NEVER, 0, judge_registry, "schema registry",
     "messages cannot be framed without it"},

    {"CHECK_OBJECTS", TASK, WARNINGS, NEED_TABLES, judge_objects, "entries of objects",
     "an entry that takes no table is mostly a mistake in its pattern"},
    {"CHECK_SAME_NAME", TASK, ALL, NEED_TABLES, judge_same_names, "names that collide",
     "tables that go to one topic under one name cannot be told apart by consumers"},
    {"CHECK_EXPRESSION", TASK, WARNINGS, NEED_TABLES, judge_expressions, "columns, filters and expressions",
     "a rule that has no meaning for a table ends the task when it meets the table (exit 2)"},
    {"CHECK_PHASES", TASK, ALL, 0, judge_phases, "phases",
     "a copy without the incremental phase is right for one moment only"},
    {"CHECK_ACKS", TASK, ALL, 0, judge_acks, "acknowledgement",
     "what the checkpoint promises rests on acks: all and the idempotent producer"},
    {"CHECK_STATE_DIR", TASK, NEVER, 0, judge_folder, "state folder",
     "two tasks on one state folder would each overwrite what the other must remember"},
    {"CHECK_SAME_TOPIC", TASK, ALL, NEED_TOPICS, judge_same_topic, "other writers of the topics",
     "two tasks on one topic mix their messages and their ids"},
};
/* clang-format on */

const size_t precheck_item_count = sizeof(precheck_items) / sizeof(precheck_items[0]);

const char *precheck_side_name(enum precheck_side s)
{
    static const char *const names[] = {[PRECHECK_SOURCE] = "source",
                                        [PRECHECK_DESTINATION] = "destination",
                                        [PRECHECK_TASK] = "task"};
    return names[s];
}

const char *precheck_result_name(enum precheck_result r)
{
    static const char *const names[] = {[PRECHECK_PASSED] = "passed",
                                        [PRECHECK_WARNING] = "warning",
                                        [PRECHECK_FAILED] = "failed",
                                        [PRECHECK_SKIPPED] = "skipped"};
    return names[r];
}

const struct precheck_item *precheck_find(const char *code)
{
    for (size_t i = 0; i < precheck_item_count; i++)
        if (strcmp(precheck_items[i].code, code) == 0)
            return &precheck_items[i];
    return NULL;
}

const char *precheck_nearest(const char *code)
{
    const char *near = precheck_items[0].code;
    unsigned best = conf_edit_distance(code, near);
    for (size_t i = 1; i < precheck_item_count; i++) {
        unsigned d = conf_edit_distance(code, precheck_items[i].code);
        if (d < best) {
            best = d;
            near = precheck_items[i].code;
        }
    }
    return near;
}

void precheck_print_markdown(FILE *out)
{
    static const char *const skips[] = {[PRECHECK_SKIP_NEVER] = "no",
                                        [PRECHECK_SKIP_WARNINGS] = "its warnings",
                                        [PRECHECK_SKIP_ALL] = "yes"};
    fputs("| code | side | what is looked at | why | `skip_checks` |\n|---|---|---|---|---|\n",
          out);
    for (size_t i = 0; i < precheck_item_count; i++) {
        const struct precheck_item *p = &precheck_items[i];
        fprintf(out, "| `%s` | %s | %s | %s | %s |\n", p->code, precheck_side_name(p->side),
                p->title, p->why, skips[p->skip]);
    }
}
