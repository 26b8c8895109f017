#include "config/keys.h"

#include <stddef.h>
#include <string.h>

#define KB     1024
#define MB     (1024 * 1024)
#define GB     (1024LL * 1024 * 1024)
#define SECOND 1000
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

#define IN(owner, member)                                                                          \
    .field = offsetof(struct owner, member), .size = sizeof(((struct owner *)0)->member)
#define AT(member)        IN(task_config, member)
#define OF_OBJECT(member) IN(conf_object, member)
#define NO_FIELD          .field = CONF_NO_FIELD
#define RANGE(a, b)       .min = (a), .max = (b)
#define WORD(text, value) .word = (text), .word_value = (value)

/* clang-format off */
const struct conf_key conf_keys[] = {
    {"task", CONF_NAME, AT(task), .flags = CONF_REQUIRED, .example = "orders",
     .sentence = "Name of the task: names the checkpoint, the metrics label and the transactional id."},
    {"environment", CONF_TEXT, "\"\"", AT(environment), .example = "production",
     .sentence = "Free label that metrics and alerts carry."},
    {"state_dir", CONF_PATH, AT(state_dir), .worked_out = "./TASK.state", .example = "./orders.state",
     .sentence = "Folder of the checkpoint log and the table catalogue; made when it is missing."},
    {"phases", CONF_CHOICES, "[schema, full, incremental]", AT(phases), .choices = "schema|full|incremental",
     .sentence = "What the task does: create topics, copy the rows that are there, follow every change after that."},

    {"source", CONF_SECTION, NO_FIELD, .sentence = "The MySQL or MariaDB server that is read."},
    {"source.include", CONF_PATH, NO_FIELD, .flags = CONF_NOT_SHOWN, .example = "source.yaml",
     .sentence = "Takes the keys of this section from a file that several tasks share; keys written here win."},
    {"source.host", CONF_TEXT, "127.0.0.1", AT(source.host),
     .sentence = "Name or address of the server."},
    {"source.port", CONF_INT, "3306", AT(source.port), RANGE(1, 65535),
     .sentence = "TCP port of the server."},
    {"source.user", CONF_TEXT, "rowcast", AT(source.user),
     .sentence = "Account to log in with; it needs REPLICATION SLAVE, REPLICATION CLIENT and SELECT."},
    {"source.password_env", CONF_TEXT, "ROWCAST_SOURCE_PASSWORD", NO_FIELD,
     .sentence = "Environment variable that holds the password. Unset at its default name: no password."},
    {"source.password_file", CONF_PATH, NO_FIELD, .example = "source.password",
     .sentence = "File that holds the password; a line end after it is not part of it."},
    {"source.password", CONF_SECRET, NO_FIELD, .example = "secret",
     .sentence = "The password itself. Warned about: whoever reads the task file reads it, too."},
    {"source.tls", CONF_CHOICE, "preferred", AT(source.tls), .choices = "disabled|preferred|required|verify-ca|verify-identity",
     .sentence = "Encryption of the connection, as the mysql client's --ssl-mode."},
    {"source.tls_ca", CONF_PATH, AT(source.tls_ca), .worked_out = "the system's", .example = "ca.pem",
     .sentence = "Certificates of the authorities that may have signed the server's."},
    {"source.tls_cert", CONF_PATH, AT(source.tls_cert), .example = "client.pem",
     .sentence = "Our own certificate, for accounts that ask for one."},
    {"source.tls_key", CONF_PATH, AT(source.tls_key), .example = "client-key.pem",
     .sentence = "Private key of tls_cert."},
    {"source.tls_server_name", CONF_TEXT, AT(source.tls_server_name), .worked_out = "host", .example = "db.example.net",
     .sentence = "Name that the server's certificate must have under verify-identity."},
    {"source.compression", CONF_CHOICE, "none", AT(source.compression), .choices = "none|zlib|zstd",
     .sentence = "Compression of the MySQL connection."},
    {"source.server_id", CONF_INT, "auto", AT(source.server_id), RANGE(1, UINT32_MAX), WORD("auto", 0),
     .sentence = "Number that this task has among the source's replicas; auto picks one that is not in use."},
    {"source.start", CONF_ORIGIN, "now", AT(source.start), .effect = CONF_AT_FIRST_START,
     .sentence = "Where a first start begins: now, earliest, FILE:POS, gtid:SET or time:RFC3339."},
    {"source.time_zone", CONF_OFFSET, "source", AT(source.time_zone),
     .sentence = "Zone that TIMESTAMP values are written in: source, UTC or +HH:MM."},
    {"source.connect_timeout", CONF_TIME, "10s", AT(source.connect_timeout_ms), RANGE(100, 10 * MINUTE),
     .sentence = "How long one attempt to connect and log in may take."},
    {"source.heartbeat", CONF_TIME, "1s", AT(source.heartbeat_ms), RANGE(100, HOUR),
     .sentence = "Interval of the replication heartbeat, which keeps the lag true on an idle source."},

    {"destination", CONF_SECTION, NO_FIELD, .sentence = "The Kafka cluster that is written."},
    {"destination.include", CONF_PATH, NO_FIELD, .flags = CONF_NOT_SHOWN, .example = "destination.yaml",
     .sentence = "Takes the keys of this section from a file that several tasks share; keys written here win."},
    {"destination.brokers", CONF_BROKERS, "[127.0.0.1:9092]", AT(destination.brokers),
     .sentence = "Brokers to start from, HOST:PORT each; or embedded, a mock cluster in this process that keeps nothing."},
    {"destination.security", CONF_CHOICE, "plaintext", AT(destination.security), .choices = "plaintext|ssl|sasl_plaintext|sasl_ssl",
     .sentence = "Encryption and login of the connections to the brokers."},
    {"destination.sasl", CONF_SECTION, NO_FIELD, .sentence = "Login at the brokers, with security sasl_plaintext or sasl_ssl."},
    {"destination.sasl.mechanism", CONF_CHOICE, NO_FIELD, .choices = "PLAIN|SCRAM-SHA-256|SCRAM-SHA-512", .example = "SCRAM-SHA-256",
     .sentence = "How to log in."},
    {"destination.sasl.user", CONF_TEXT, AT(destination.sasl_user), .example = "u",
     .sentence = "Account to log in with."},
    {"destination.sasl.password_env", CONF_TEXT, "ROWCAST_DESTINATION_PASSWORD", NO_FIELD,
     .sentence = "Environment variable that holds the password."},
    {"destination.sasl.password_file", CONF_PATH, NO_FIELD, .example = "destination.password",
     .sentence = "File that holds the password; a line end after it is not part of it."},
    {"destination.sasl.password", CONF_SECRET, NO_FIELD, .example = "secret",
     .sentence = "The password itself. Warned about: whoever reads the task file reads it, too."},
    {"destination.tls_ca", CONF_PATH, AT(destination.tls_ca), .worked_out = "the system's", .example = "kafka-ca.pem",
     .sentence = "Certificates of the authorities that may have signed the brokers'."},
    {"destination.tls_cert", CONF_PATH, AT(destination.tls_cert), .example = "kafka-client.pem",
     .sentence = "Our own certificate, for brokers that ask for one."},
    {"destination.tls_key", CONF_PATH, AT(destination.tls_key), .example = "kafka-client-key.pem",
     .sentence = "Private key of tls_cert."},
    {"destination.topic", CONF_TEMPLATE, AT(destination.topic), .example = "orders",
     .sentence = "Topic of the tables whose entry in objects names none; {database} and {table} are substituted. Required unless all of them do."},
    {"destination.ddl_topic", CONF_TOPIC, AT(destination.ddl_topic), .worked_out = "topic", .example = "orders_ddl",
     .sentence = "Topic of the DDL statements; where topic is made of names, and none is given here, the one of the statement's object."},
    {"destination.format", CONF_CHOICE, "canal-json", AT(destination.format), .choices = "canal-json|dts-avro",
     .sentence = "Format of the messages."},
    {"destination.schema_registry", CONF_TEXT, "none", AT(destination.registry),
     .sentence = "URL of a schema registry, or none: registers the schema of dts-avro, and puts its id before each message."},
    {"destination.schema_registry_user", CONF_TEXT, AT(destination.registry_user), .example = "registry",
     .sentence = "Account for the schema registry."},
    {"destination.schema_registry_password_env", CONF_TEXT, NO_FIELD, .example = "ROWCAST_REGISTRY_PASSWORD",
     .sentence = "Environment variable that holds the schema registry's password."},
    {"destination.compression", CONF_CHOICE, "lz4", AT(destination.compression), .choices = "lz4|gzip|snappy|zstd|none",
     .sentence = "Compression of the record batches."},
    {"destination.compression_level", CONF_INT, "default", AT(destination.compression_level), RANGE(0, 12), WORD("default", -1),
     .sentence = "Level of the compression, as its codec counts; default leaves it to the codec. What zstd needs at high levels counts into limits.memory."},
    {"destination.acks", CONF_CHOICE, "all", AT(destination.acks), .choices = "0|1|all",
     .sentence = "What a broker must have done before a message counts as written: nothing, its own log, all in-sync replicas."},
    {"destination.delivery", CONF_CHOICE, "at-least-once", AT(destination.delivery), .choices = "at-least-once|exactly-once",
     .sentence = "Whether a crash may repeat messages (each with the id that it had) or not."},
    {"destination.partition_by", CONF_CHOICE, "primary-key", AT(destination.partition_by), .choices = "none|table|primary-key",
     .sentence = "What chooses a message's partition: nothing (all to partition 0), its table, or its key columns."},
    {"destination.key", CONF_CHOICE, "primary-key", AT(destination.key), .choices = "primary-key|none",
     .sentence = "Record key of the messages."},
    {"destination.key_change", CONF_CHOICE, "split", AT(destination.key_change), .choices = "split|update",
     .sentence = "An UPDATE that changes key columns: split into DELETE and INSERT, or left as it is."},
    {"destination.names", CONF_CHOICE, "source", AT(destination.names), .choices = "default|source|upper|lower",
     .sentence = "Capitalization of database, table and column names in messages; default is source. Names that are mapped are used as typed."},
    {"destination.existing_topics", CONF_CHOICE, "report", AT(destination.existing_topics), .choices = "report|ignore", .effect = CONF_AT_FIRST_START,
     .sentence = "A topic that the task would create exists and holds records: stop and say so, or write to it."},
    {"destination.create_topics", CONF_BOOL, "true", AT(destination.create_topics),
     .sentence = "Whether missing topics are created."},
    {"destination.partitions", CONF_INT, "1", AT(destination.partitions), RANGE(1, 100000),
     .sentence = "Partitions of the topics that the task creates."},
    {"destination.replication_factor", CONF_INT, "1", AT(destination.replication_factor), RANGE(1, 1000),
     .sentence = "Replicas of the topics that the task creates."},
    {"destination.topic_config", CONF_PAIRS, "{}", AT(destination.topic_config), .example = "{cleanup.policy: compact}",
     .sentence = "Settings of the topics that the task creates, by the broker's names."},
    {"destination.message_max", CONF_SIZE, "1MB", AT(destination.message_max), RANGE(KB, 900 * MB),
     .sentence = "Largest record batch of one message, uncompressed; the topic must allow as much."},
    {"destination.too_large", CONF_CHOICE, "fail", AT(destination.too_large), .choices = "fail|key-only|skip",
     .sentence = "A row beyond message_max: end the task, send its key alone, or count and skip it."},
    {"destination.librdkafka", CONF_PAIRS, "{}", AT(destination.librdkafka), .example = "{socket.keepalive.enable: \"true\"}",
     .sentence = "Properties of librdkafka by their own names, except those that a promise of rowcast depends on."},

    {"canal", CONF_SECTION, NO_FIELD, .sentence = "Details of the canal-json format."},
    {"canal.mysql_type", CONF_CHOICE, "full", AT(canal.mysql_type), .choices = "full|bare",
     .sentence = "Column types in messages: as the server shows them, int(11), or bare, int."},
    {"canal.enum", CONF_CHOICE, "label", AT(canal.enum_form), .choices = "label|ordinal",
     .sentence = "ENUM and SET values: their labels, or their numbers as stock Canal writes."},
    {"canal.binary", CONF_CHOICE, "latin1", AT(canal.binary), .choices = "latin1|base64|hex",
     .sentence = "Binary values as text."},
    {"canal.gtid", CONF_BOOL, "false", AT(canal.gtid),
     .sentence = "Whether messages carry the GTID of their transaction."},
    {"canal.init_type", CONF_CHOICE, "INIT", AT(canal.init_type), .choices = "INIT|INSERT",
     .sentence = "Message type of rows of the full copy; INSERT for consumers that know no INIT."},
    {"canal.invalid_text", CONF_CHOICE, "fail", AT(canal.invalid_text), .choices = "fail|replace",
     .sentence = "Bytes that are not valid in their column's character set: end the task, or write U+FFFD and count."},
    {"canal.ddl_type", CONF_CHOICE, "DDL", AT(canal.ddl_type), .choices = "DDL|canal",
     .sentence = "Message type of DDL statements: DDL for all of them, or stock Canal's CREATE, ALTER, ERASE and so on."},

    {"objects", CONF_ENTRIES, NO_FIELD, .flags = CONF_REQUIRED,
     .sentence = "The tables that are followed. The first entry that matches a table decides; a table that none matches is left out."},
    {"objects[].table", CONF_TEXT, OF_OBJECT(table), .flags = CONF_REQUIRED, .example = "shop.*",
     .sentence = "DATABASE.TABLE, each part a name or a glob (*, ?, [..]); /regex/ over both; a leading ! excludes."},
    {"objects[].topic", CONF_TEMPLATE, OF_OBJECT(topic), .worked_out = "destination.topic", .example = "\"shop.{table}\"",
     .sentence = "Topic of these tables; {database} and {table} are substituted."},
    {"objects[].database_as", CONF_TEXT, OF_OBJECT(database_as), .example = "store",
     .sentence = "Database name in messages; {database}, {table} and {1} to {9}, what groups of a regex matched, are substituted."},
    {"objects[].table_as", CONF_TEXT, OF_OBJECT(table_as), .example = "purchase",
     .sentence = "Table name in messages, likewise."},
    {"objects[].columns", CONF_SECTION, NO_FIELD, .sentence = "Columns to take, to leave out and to rename."},
    {"objects[].columns.include", CONF_TEXTS, OF_OBJECT(columns_include), .worked_out = "all", .example = "[\"*\"]",
     .sentence = "Columns that are sent: names and globs."},
    {"objects[].columns.exclude", CONF_TEXTS, OF_OBJECT(columns_exclude), .worked_out = "none", .example = "[secret]",
     .sentence = "Columns that are not, of those."},
    {"objects[].columns.rename", CONF_PAIRS, OF_OBJECT(columns_rename), .worked_out = "none", .example = "{cust: customer_id}",
     .sentence = "Names in messages, by the source's names; both may have one *."},
    {"objects[].add_columns", CONF_COLUMNS, OF_OBJECT(add_columns), .worked_out = "none", .example = "[{name: region, type: varchar(16), value: \"'eu'\"}]",
     .sentence = "Columns to add, each with its type and an expression of the language of etl."},
    {"objects[].filter", CONF_TEXT, OF_OBJECT(filter), .flags = CONF_EXPRESSION, .example = "\"amount > 10 and status in ('paid','sent')\"",
     .sentence = "Only rows for which this condition holds, with the meaning that it has in a WHERE of the source."},
    {"objects[].partitions", CONF_INT, OF_OBJECT(partitions), RANGE(1, 100000), .worked_out = "destination.partitions", .example = "6",
     .sentence = "Partitions of the topic when the task creates it."},
    {"objects[].partition_key", CONF_TEXTS, OF_OBJECT(partition_key), .worked_out = "the row's identity", .example = "[customer_id]",
     .sentence = "Columns that choose the partition; with partition_by primary-key only."},
    {"objects[].dml", CONF_CHOICES, OF_OBJECT(dml), .worked_out = "[insert, update, delete]", .choices = "insert|update|delete", .example = "[insert, update, delete]",
     .sentence = "Row changes to take, as they were made on the source."},
    {"objects[].ddl", CONF_CHOICES, "all", OF_OBJECT(ddl), .flags = CONF_MAY_BE_EMPTY, .choices = CONF_DDL_WORDS, WORD("all", CONF_DDL_ALL), .example = "[create, alter, drop]",
     .sentence = "DDL statements to send to ddl_topic: a list, or all; [] sends none."},

    {"etl_on_error", CONF_CHOICE, "fail", AT(etl_on_error), .choices = "fail|skip|null",
     .sentence = "A row whose expression fails at run time: end the task, leave the row out, or set null; counted and named in the log."},
    {"skip_checks", CONF_TEXTS, "[]", AT(skip_checks), .example = "[CHECK_ROW_METADATA]",
     .sentence = "Codes of precheck items to ignore; those that stand for a promise cannot be."},
    {"etl", CONF_TEXT, "\"\"", AT(etl), .flags = CONF_EXPRESSION, .example = "\"e_if(op_eq(__TB__, 'orders'), e_set(`region`, 'eu'))\"",
     .sentence = "Script in the DTS language that changes rows on their way."},

    {"full", CONF_SECTION, NO_FIELD, .sentence = "The full copy."},
    {"full.connections", CONF_INT, "2", AT(full.connections), RANGE(1, 64),
     .sentence = "Parallel SELECTs."},
    {"full.chunk_rows", CONF_INT, "10000", AT(full.chunk_rows), RANGE(1, 10000000),
     .sentence = "Rows of one chunk."},
    {"full.keyless", CONF_CHOICE, "lock", AT(full.keyless), .choices = "lock|unlocked|skip",
     .sentence = "Tables without a usable key: lock them briefly, copy them with duplicates possible, or leave them out."},

    {"throttle", CONF_SECTION, NO_FIELD, .sentence = "Limits a second; 0 is none."},
    {"throttle.full", CONF_SECTION, NO_FIELD, .sentence = "Limits of the full copy."},
    {"throttle.full.queries", CONF_INT, "0", AT(throttle.full.queries), RANGE(0, 1000000000), .effect = CONF_AT_RELOAD,
     .sentence = "SELECTs a second."},
    {"throttle.full.rows", CONF_INT, "0", AT(throttle.full.rows), RANGE(0, 1000000000000), .effect = CONF_AT_RELOAD,
     .sentence = "Rows a second."},
    {"throttle.full.bytes", CONF_SIZE, "0", AT(throttle.full.bytes), RANGE(0, 1024 * GB), .effect = CONF_AT_RELOAD,
     .sentence = "Bytes a second."},
    {"throttle.incremental", CONF_SECTION, NO_FIELD, .sentence = "Limits of the incremental phase."},
    {"throttle.incremental.rows", CONF_INT, "0", AT(throttle.incremental.rows), RANGE(0, 1000000000000), .effect = CONF_AT_RELOAD,
     .sentence = "Changes of selected tables a second."},
    {"throttle.incremental.bytes", CONF_SIZE, "0", AT(throttle.incremental.bytes), RANGE(0, 1024 * GB), .effect = CONF_AT_RELOAD,
     .sentence = "Bytes a second of the binlog events that hold them."},
    {"throttle.protect", CONF_SECTION, NO_FIELD, .sentence = "The copy pauses above these."},
    {"throttle.protect.history_length", CONF_INT, "0", AT(throttle.protect.history_length), RANGE(0, 1000000000000),
     .sentence = "InnoDB's history list length; needs PROCESS."},
    {"throttle.protect.threads_running", CONF_INT, "0", AT(throttle.protect.threads_running), RANGE(0, 1000000),
     .sentence = "The source's Threads_running."},
    {"throttle.protect.replica_lag", CONF_TIME, "0s", AT(throttle.protect.replica_lag_ms), RANGE(0, 24 * HOUR),
     .sentence = "Lag of the replicas."},
    {"throttle.protect.replicas", CONF_TEXTS, "[]", AT(throttle.protect.replicas),
     .sentence = "Replicas to ask for their lag, HOST:PORT each; none: the source's own lag."},

    {"retry", CONF_SECTION, NO_FIELD, .sentence = "How long the task goes on trying."},
    {"retry.connection", CONF_TIME, "720m", AT(retry.connection_ms), RANGE(10 * MINUTE, 1440 * MINUTE),
     .sentence = "While source or brokers cannot be reached."},
    {"retry.other", CONF_TIME, "10m", AT(retry.other_ms), RANGE(MINUTE, 1440 * MINUTE),
     .sentence = "After other failures; less than connection."},

    {"heartbeat", CONF_SECTION, NO_FIELD, .sentence = "A table on the source that the task writes to."},
    {"heartbeat.write", CONF_BOOL, "false", AT(heartbeat.write),
     .sentence = "Whether to write a row to it every second; needs CREATE, INSERT and UPDATE on it."},
    {"heartbeat.table", CONF_TEXT, "rowcast.heartbeat", AT(heartbeat.table),
     .sentence = "Its name. Changes of it are never sent on, whoever makes them."},

    {"alerts", CONF_SECTION, NO_FIELD, .sentence = "Who is told about failures, and about lag."},
    {"alerts.lag_over", CONF_TIME, "30s", AT(alerts.lag_over_ms), RANGE(0, 24 * HOUR), .effect = CONF_AT_RELOAD,
     .sentence = "Lag that is worth an alert; 0 is none."},
    {"alerts.for", CONF_TIME, "1m", AT(alerts.for_ms), RANGE(0, 24 * HOUR), .effect = CONF_AT_RELOAD,
     .sentence = "How long it must last."},
    {"alerts.webhook", CONF_SECRET, AT(alerts.webhook), .effect = CONF_AT_RELOAD, .example = "https://example.net/hook",
     .sentence = "URL that gets a POST with JSON. Kept secret, since such URLs often hold a key."},
    {"alerts.command", CONF_PATH, AT(alerts.command), .effect = CONF_AT_RELOAD, .example = "/usr/local/bin/notify",
     .sentence = "Program that is run, with the alert as JSON on its standard input and in ROWCAST_ALERT; ended after 30 s."},

    {"http", CONF_SECTION, NO_FIELD, .sentence = "Console, API and metrics, over HTTP."},
    {"http.listen", CONF_TEXT, "127.0.0.1:8083", AT(http.listen),
     .sentence = "Address and port of console, API and metrics, or off. Port 0 takes any that is free."},
    {"http.token_env", CONF_TEXT, "ROWCAST_HTTP_TOKEN", NO_FIELD,
     .sentence = "Environment variable that holds the token; required as soon as the address is not loopback."},

    {"limits", CONF_SECTION, NO_FIELD, .sentence = "What the process may use."},
    {"limits.memory", CONF_SIZE, "40MB", AT(limits.memory), RANGE(8 * MB, 1024 * GB),
     .sentence = "All buffers together, librdkafka's included."},
    {"limits.lanes", CONF_INT, "auto", AT(limits.lanes), RANGE(1, 64), WORD("auto", 0),
     .sentence = "Producer threads; auto is the least of cores, 8 and partitions in use."},
    {"limits.io", CONF_CHOICE, "auto", AT(limits.io), .choices = "auto|io_uring|epoll",
     .sentence = "Backend of the event loop; auto takes io_uring where the kernel allows it."},

    {"log", CONF_SECTION, NO_FIELD, .sentence = "The log, on standard error."},
    {"log.level", CONF_CHOICE, "info", AT(log.level), .choices = "error|warn|info|debug",
     .sentence = "What is worth a line."},
    {"log.format", CONF_CHOICE, "text", AT(log.format), .choices = "text|json",
     .sentence = "Lines of key=value text, or one JSON object a line."},
};
/* clang-format on */

const size_t conf_key_count = sizeof(conf_keys) / sizeof(conf_keys[0]);

const struct conf_key *conf_key_find(const char *path)
{
    for (size_t i = 0; i < conf_key_count; i++)
        if (strcmp(conf_keys[i].path, path) == 0)
            return &conf_keys[i];
    return NULL;
}

const char *conf_key_leaf(const struct conf_key *k)
{
    const char *dot = strrchr(k->path, '.');
    return dot != NULL ? dot + 1 : k->path;
}

bool conf_key_within(const struct conf_key *k, const char *section)
{
    size_t len = strlen(section);
    const char *leaf = conf_key_leaf(k);
    if (len == 0)
        return leaf == k->path;
    return (size_t)(leaf - k->path) == len + 1 && memcmp(k->path, section, len) == 0;
}

int conf_choice_find(const char *choices, const char *text)
{
    size_t len = strlen(text);
    int index = 0;
    for (const char *p = choices;; index++) {
        size_t n = strcspn(p, "|");
        if (n == len && memcmp(p, text, n) == 0)
            return index;
        if (p[n] == '\0')
            return -1;
        p += n + 1;
    }
}

const char *conf_choice_list(const char *choices, char *buf, size_t cap)
{
    size_t len = 0;
    for (const char *p = choices; *p != '\0' && len + 8 < cap; p++) {
        if (*p != '|') {
            buf[len++] = *p;
            continue;
        }
        const char *joint = strchr(p + 1, '|') != NULL ? ", " : " or ";
        memcpy(buf + len, joint, strlen(joint));
        len += strlen(joint);
    }
    buf[len] = '\0';
    return buf;
}

#define NEAR_MAX 64 /* bytes of a name that is compared */

unsigned conf_edit_distance(const char *a, const char *b)
{
    size_t m = strlen(a), n = strlen(b);
    if (m > NEAR_MAX || n > NEAR_MAX)
        return NEAR_MAX + 1;
    unsigned row[NEAR_MAX + 1];
    for (size_t j = 0; j <= n; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= m; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= n; j++) {
            unsigned best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[n];
}

const struct conf_key *conf_key_nearest(const char *section, const char *leaf)
{
    const struct conf_key *near = NULL;
    size_t len = strlen(leaf);
    unsigned best = (unsigned)(len < 18 ? len : 18) / 3 + 2; /* a third may be wrong */
    for (size_t i = 0; i < conf_key_count; i++) {
        if (!conf_key_within(&conf_keys[i], section))
            continue;
        unsigned d = conf_edit_distance(leaf, conf_key_leaf(&conf_keys[i]));
        if (d < best) {
            best = d;
            near = &conf_keys[i];
        }
    }
    for (size_t i = 0; near == NULL && i < conf_key_count; i++)
        if (strcmp(conf_key_leaf(&conf_keys[i]), leaf) == 0)
            near = &conf_keys[i];
    return near;
}
