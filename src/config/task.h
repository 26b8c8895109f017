/*
 * A task: everything that its file and the command line ask for, checked and
 * with every default filled in.
 *
 *   struct conf_report report = {0};
 *   struct task_config *task;
 *   enum err e = conf_load("orders.yaml", overrides, count, &task, &report);
 *   conf_report_print(&report, stderr);        errors and warnings, in file order
 *   conf_report_fini(&report);
 *   ... conf_free(task);
 *
 * The keys, their types, defaults and ranges stand in one table (keys.c), from
 * which parsing, checks, `rowcast config` and docs/configuration.md follow.
 * A key whose feature is not built has no field here: it is refused unless it
 * is left at its default.
 *
 * Texts are NUL-terminated UTF-8, owned by the task_config, never NULL unless
 * a comment says so. Sizes are bytes, times milliseconds. Immutable once
 * loaded: any thread may read it.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum conf_phase { CONF_PHASE_SCHEMA = 1, CONF_PHASE_FULL = 2, CONF_PHASE_INCREMENTAL = 4 };

enum conf_tls {
    CONF_TLS_DISABLED,
    CONF_TLS_PREFERRED,
    CONF_TLS_REQUIRED,
    CONF_TLS_VERIFY_CA,
    CONF_TLS_VERIFY_IDENTITY,
};

enum conf_wire_compression { CONF_WIRE_NONE, CONF_WIRE_ZLIB, CONF_WIRE_ZSTD };
enum conf_security { CONF_PLAINTEXT, CONF_SSL, CONF_SASL_PLAINTEXT, CONF_SASL_SSL };
enum conf_sasl { CONF_SASL_NONE, CONF_SASL_PLAIN, CONF_SASL_SCRAM_256, CONF_SASL_SCRAM_512 };
enum conf_format { CONF_CANAL_JSON, CONF_DTS_AVRO };
enum conf_codec { CONF_LZ4, CONF_GZIP, CONF_SNAPPY, CONF_ZSTD, CONF_UNCOMPRESSED };
enum conf_acks { CONF_ACKS_0, CONF_ACKS_1, CONF_ACKS_ALL };
enum conf_delivery { CONF_AT_LEAST_ONCE, CONF_EXACTLY_ONCE };
enum conf_partition_by { CONF_BY_NONE, CONF_BY_TABLE, CONF_BY_PRIMARY_KEY };
enum conf_record_key { CONF_KEY_PRIMARY, CONF_KEY_NONE };
enum conf_key_change { CONF_CHANGE_SPLIT, CONF_CHANGE_UPDATE };
enum conf_too_large { CONF_LARGE_FAIL, CONF_LARGE_KEY_ONLY, CONF_LARGE_SKIP };
enum conf_existing { CONF_EXISTING_REPORT, CONF_EXISTING_IGNORE };
enum conf_mysql_type { CONF_MYSQL_TYPE_FULL, CONF_MYSQL_TYPE_BARE };
enum conf_enum_form { CONF_ENUM_LABEL, CONF_ENUM_ORDINAL };
enum conf_binary_form { CONF_BINARY_LATIN1, CONF_BINARY_BASE64, CONF_BINARY_HEX };
enum conf_init_type { CONF_INIT_INIT, CONF_INIT_INSERT };
enum conf_ddl_form { CONF_DDL_PLAIN, CONF_DDL_AS_CANAL };
enum conf_invalid_text { CONF_INVALID_FAIL, CONF_INVALID_REPLACE };
enum conf_on_error { CONF_ERROR_FAIL, CONF_ERROR_SKIP, CONF_ERROR_NULL };
enum conf_names { CONF_NAMES_DEFAULT, CONF_NAMES_SOURCE, CONF_NAMES_UPPER, CONF_NAMES_LOWER };
/* Bits, in the order of the choices. */
enum conf_dml { CONF_DML_INSERT = 1, CONF_DML_UPDATE = 2, CONF_DML_DELETE = 4 };
enum conf_io { CONF_IO_AUTO, CONF_IO_URING, CONF_IO_EPOLL };
enum conf_log_level { CONF_LOG_ERROR, CONF_LOG_WARN, CONF_LOG_INFO, CONF_LOG_DEBUG };
enum conf_log_format { CONF_LOG_TEXT, CONF_LOG_JSON };

/* Where a task begins on its very first start. */
enum conf_start_kind {
    CONF_START_NOW,
    CONF_START_EARLIEST,
    CONF_START_FILE, /* file and offset */
    CONF_START_GTID, /* gtid_set */
    CONF_START_TIME, /* time_us */
};

struct conf_start {
    enum conf_start_kind kind;
    const char *file;     /* "binlog.000007"; NULL unless CONF_START_FILE */
    uint64_t offset;      /* bytes, at least 4 */
    const char *gtid_set; /* as written, not parsed here; NULL unless CONF_START_GTID */
    uint64_t time_us;     /* since 1970, UTC */
};

/* The zone that TIMESTAMP is written in. */
struct conf_zone {
    bool of_source;   /* as the source's own time_zone says */
    int32_t offset_s; /* else: local = UTC + offset */
};

struct conf_list {
    size_t count;
    const char **items;
};

struct conf_pair {
    const char *name;
    const char *value;
};

struct conf_pairs {
    size_t count;
    struct conf_pair *items; /* in file order, no name twice */
};

/* A column that is added, with its expression. */
struct conf_column {
    const char *name;
    const char *type;
    const char *value;
    uint32_t line;
};

struct conf_columns {
    size_t count;
    struct conf_column *items;
};

struct conf_source {
    const char *host; /* name or address; an absolute path is a Unix socket */
    uint16_t port;
    const char *user;
    const char *password; /* resolved from password_env, password_file or password; "": none */
    enum conf_tls tls;
    const char *tls_ca;          /* NULL: the system's */
    const char *tls_cert;        /* NULL: none */
    const char *tls_key;         /* NULL: none */
    const char *tls_server_name; /* NULL: host */
    enum conf_wire_compression compression;
    uint32_t server_id; /* 0: pick one that is not in use */
    struct conf_start start;
    struct conf_zone time_zone;
    uint64_t connect_timeout_ms;
    uint64_t heartbeat_ms;
};

struct conf_destination {
    struct conf_list brokers; /* HOST:PORT each; empty when embedded */
    bool embedded;            /* librdkafka's mock cluster in this process */
    enum conf_security security;
    enum conf_sasl sasl_mechanism; /* CONF_SASL_NONE unless security is one of the two sasl_ */
    const char *sasl_user;         /* NULL: none */
    const char *sasl_password;     /* resolved; NULL: none */
    const char *tls_ca;            /* NULL: the system's */
    const char *tls_cert;          /* NULL: none */
    const char *tls_key;           /* NULL: none */
    const char *topic;     /* NULL: every entry of objects has one (its own, or a template) */
    const char *ddl_topic; /* NULL: topic, or where there is none the object's own */
    enum conf_format format;
    enum conf_codec compression;
    int32_t compression_level; /* -1: the codec's default */
    enum conf_acks acks;
    enum conf_delivery delivery;
    enum conf_partition_by partition_by;
    enum conf_record_key key;
    enum conf_key_change key_change;
    enum conf_too_large too_large;
    enum conf_existing existing_topics;
    enum conf_names names;
    bool create_topics;
    uint32_t partitions; /* of topics that the task creates */
    uint16_t replication_factor;
    struct conf_pairs topic_config; /* of topics that the task creates */
    uint64_t message_max;           /* bytes */
    const char *registry;           /* URL; NULL: none */
    const char *registry_user;      /* NULL: no login */
    const char *registry_password;  /* resolved; NULL: none */
    struct conf_pairs librdkafka;   /* none that a promise of ours depends on */
};

struct conf_canal {
    enum conf_mysql_type mysql_type;
    enum conf_enum_form enum_form;
    enum conf_binary_form binary;
    bool gtid;
    enum conf_init_type init_type;
    enum conf_invalid_text invalid_text;
    enum conf_ddl_form ddl_type;
};

#define CONF_DDL_WORDS "create|alter|drop|rename|truncate|index|view|procedure|function|trigger"
#define CONF_DDL_ALL   0x3FFu

/* One entry of `objects`. The first that matches a table decides; patterns are compiled in
 * rules/objects.h. */
struct conf_object {
    const char *table; /* DATABASE.TABLE, names or globs; /regex/; a leading ! excludes */
    uint32_t line;     /* of the pattern, from 1; 0: from the command line */
    uint32_t column;
    const char *topic;   /* NULL: destination.topic; {database} and {table} are substituted */
    uint32_t partitions; /* 0: destination.partitions */
    struct conf_list partition_key; /* column names; count 0: the row's identity */
    unsigned ddl;                   /* statements to send: bits in the order of CONF_DDL_WORDS */
    const char *database_as; /* NULL: as the source; {database}, {table} and {1} are substituted */
    const char *table_as;
    struct conf_list columns_include; /* names and globs; count 0: all */
    struct conf_list columns_exclude;
    struct conf_pairs columns_rename;
    struct conf_columns add_columns;
    const char *filter;   /* a condition; NULL: none */
    uint32_t filter_line; /* where it stands in the file; 0: from the command line */
    unsigned dml;         /* of enum conf_dml; 0: all */
};

enum conf_keyless { CONF_KEYLESS_LOCK, CONF_KEYLESS_UNLOCKED, CONF_KEYLESS_SKIP };

/* The full copy. */
struct conf_full {
    uint32_t connections;
    uint32_t chunk_rows;
    enum conf_keyless keyless;
};

struct conf_retry {
    uint64_t connection_ms;
    uint64_t other_ms;
};

/* A second; 0: no limit. */
struct conf_rates {
    uint64_t queries;
    uint64_t rows;
    uint64_t bytes;
};

/* The full copy pauses above these; 0: no limit. */
struct conf_protect {
    uint64_t history_length;
    uint64_t threads_running;
    uint64_t replica_lag_ms;
    struct conf_list replicas; /* HOST:PORT; none: the source's own lag counts */
};

struct conf_throttle {
    struct conf_rates full;
    struct conf_rates incremental;
    struct conf_protect protect;
};

struct conf_heartbeat {
    bool write;
    const char *table; /* DATABASE.TABLE; never followed, whether written to or not */
};

struct conf_alerts {
    uint64_t lag_over_ms; /* 0: lag is no reason */
    uint64_t for_ms;
    const char *webhook; /* NULL: none */
    const char *command; /* NULL: none */
};

struct conf_http {
    const char *listen; /* as written: HOST:PORT or off */
    const char *host;   /* NULL: off */
    uint16_t port;      /* 0: any that is free */
    bool loopback;
    const char *token; /* NULL: none */
};

struct conf_limits {
    uint64_t memory; /* bytes */
    uint32_t lanes;  /* 0: min(cores, 8, partitions in use) */
    enum conf_io io;
};

struct conf_log {
    enum conf_log_level level; /* in the order of base/log.h */
    enum conf_log_format format;
};

struct task_config {
    const char *path; /* the task file, as given */
    const char *task;
    const char *environment; /* "": none */
    const char *state_dir;   /* relative to the file it is written in */
    unsigned phases;         /* of enum conf_phase */
    struct conf_source source;
    struct conf_destination destination;
    struct conf_canal canal;
    size_t object_count; /* at least 1 */
    struct conf_object *objects;
    struct conf_full full;
    const char *etl;   /* a script; "": none */
    uint32_t etl_line; /* 0: from the command line */
    enum conf_on_error etl_on_error;
    struct conf_list
        skip_checks;           /* not looked into here: pipeline/precheck/precheck.h knows codes */
    uint32_t skip_checks_line; /* 0: from the command line */
    uint32_t skip_checks_column;
    struct conf_retry retry;
    struct conf_throttle throttle;
    struct conf_heartbeat heartbeat;
    struct conf_alerts alerts;
    struct conf_http http;
    struct conf_limits limits;
    struct conf_log log;

    struct conf_values *values; /* the effective text of every key, for `rowcast config` */
};

/* One thing that is wrong (or, with warning set, unwise) with a task file. */
struct conf_problem {
    char *file;      /* "orders.yaml", "--override" or "environment" */
    uint32_t line;   /* from 1; 0: no place in a file */
    uint32_t column; /* from 1, in characters */
    bool warning;
    char *text;
};

/* All problems of a file, sorted by place. All zero is empty. */
struct conf_report {
    size_t count;
    size_t error_count;
    struct conf_problem *items;
};

/* Adds "file:line:column: error: text" for each problem to out. */
void conf_report_print(const struct conf_report *report, FILE *out);
void conf_report_fini(struct conf_report *report);

/*
 * Reads and checks a task file. overrides are KEY=VALUE texts of the command
 * line, later ones winning. ERR_CONFIG with at least one error in report, or
 * ERR_NO_MEMORY; *out is set on success only, the report may then hold
 * warnings. Reads the environment and the files that the task names.
 */
NODISCARD enum err conf_load(const char *path, const char *const *overrides, size_t override_count,
                             struct task_config **out, struct conf_report *report);

/* Wipes the secrets, too. NULL is allowed. */
void conf_free(struct task_config *task);
