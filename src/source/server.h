/*
 * What the source is, and whether it can be replicated from.
 *
 *   struct src_server sv;
 *   TRY(src_server_read(session, &sv, em));     identity and settings
 *   TRY(src_server_check(&sv, em));             log_bin, ROW, ...: ERR_SOURCE_SETUP
 *   TRY(src_server_position(session, &sv, &pos, em));
 *
 * All statements are chosen by flavour and version; a variable that a server
 * does not have is left empty. Lack of a privilege is ERR_ACCESS_DENIED with a
 * sentence that names the privilege and the GRANT that mends it.
 */
#pragma once

#include "mysqlproto/gtid_set.h"
#include "mysqlproto/mariadb_gtid.h"
#include "source/session.h"

struct arena;
struct zone;

#define SRC_FILE_NAME_MAX 512

enum src_flavour { SRC_MYSQL, SRC_MARIADB };

/* Plain data; texts are NUL-terminated and cut when longer than any server makes them. */
struct src_server {
    enum src_flavour flavour;
    uint32_t version; /* major * 10000 + minor * 100 + patch: 90704, 101119 */
    char version_text[96];
    char version_comment[96];
    uint32_t server_id;
    char server_uuid[40]; /* "" on MariaDB */
    bool log_bin;
    char binlog_format[16];     /* "ROW" */
    char row_image[16];         /* "FULL", "MINIMAL", "NOBLOB"; "" not known: FULL */
    char row_metadata[16];      /* "FULL", "MINIMAL", MariaDB also "NO_LOG"; "" none */
    char row_value_options[32]; /* "PARTIAL_JSON" or "" */
    char checksum[16];          /* "CRC32", "NONE" */
    char gtid_mode[24];         /* "ON", "OFF", ...; "" on MariaDB and before 5.6 */
    bool gtids;                 /* positions are GTIDs: gtid_mode ON, or MariaDB */
    bool transaction_compression;
    bool log_replica_updates;
    uint8_t lower_case_table_names; /* 0, 1, 2 */
    bool mysql56_temporal_format;   /* MariaDB; true elsewhere */
    char time_zone[64];             /* @@global.time_zone: "SYSTEM", "+00:00", "Europe/Paris" */
    char system_time_zone[64];
    char charset[32];        /* character_set_server */
    char binlog_storage[32]; /* MariaDB 12.3: "innodb" takes GTID starts only; else "" */
};

NODISCARD enum err src_server_read(struct src_session *s, struct src_server *out,
                                   struct errmsg *em);

/* log_bin on, binlog_format ROW, server_id not 0: ERR_SOURCE_SETUP with what to set. */
NODISCARD enum err src_server_check(const struct src_server *sv, struct errmsg *em);

/* One by one, for who wants to know all that is wrong. The image counts for the full copy only. */
NODISCARD enum err src_server_check_version(const struct src_server *sv, struct errmsg *em);
NODISCARD enum err src_server_check_log(const struct src_server *sv, struct errmsg *em);
NODISCARD enum err src_server_check_id(const struct src_server *sv, struct errmsg *em);
NODISCARD enum err src_server_check_format(const struct src_server *sv, struct errmsg *em);
NODISCARD enum err src_server_check_image(const struct src_server *sv, struct errmsg *em);

/*
 * The end of the binlog at one moment. With MySQL's GTIDs the set comes from
 * @@gtid_executed and is no pair with file and offset (see the server's
 * commit order): use the set, or the place, not both.
 */
struct src_position {
    char file[SRC_FILE_NAME_MAX];
    uint64_t offset;
    struct my_gtid_set executed; /* MySQL with GTIDs */
    struct maria_gtid_pos maria; /* MariaDB: @@gtid_binlog_pos */
};

/* out must be all zero or hold an earlier position. Needs REPLICATION CLIENT (MariaDB: BINLOG
 * MONITOR) for the place. */
NODISCARD enum err src_server_position(struct src_session *s, const struct src_server *sv,
                                       struct src_position *out, struct errmsg *em);
void src_position_fini(struct src_position *p);

/* MySQL: @@gtid_executed and @@gtid_purged. No privilege needed. */
NODISCARD enum err src_server_executed(struct src_session *s, struct my_gtid_set *out,
                                       struct errmsg *em);
NODISCARD enum err src_server_purged(struct src_session *s, struct my_gtid_set *out,
                                     struct errmsg *em);

/* MariaDB: the state at a place, by BINLOG_GTID_POS(); *found false: not a place that it knows. */
NODISCARD enum err src_server_gtid_at(struct src_session *s, const char *file, uint64_t offset,
                                      struct maria_gtid_pos *out, bool *found, struct errmsg *em);

struct src_binlog {
    char name[SRC_FILE_NAME_MAX];
    uint64_t size; /* bytes; 0: not known */
};

/* The files that are there, oldest first; *out in one block, free() it. */
NODISCARD enum err src_server_binlogs(struct src_session *s, const struct src_server *sv,
                                      struct src_binlog **out, size_t *count, struct errmsg *em);

/*
 * The server ids of the replicas that are registered; in one block, free() it.
 * Needs REPLICATION SLAVE (MariaDB from 10.5 on: REPLICATION MASTER ADMIN);
 * without it the list is empty.
 */
NODISCARD enum err src_server_replica_ids(struct src_session *s, const struct src_server *sv,
                                          uint32_t **ids, size_t *count, struct errmsg *em);

/* 'user'@'host' of the session as the server knows it, for GRANT statements in sentences. */
void src_server_account(struct src_session *s, char *buf, size_t cap);

/*
 * Whether the session's account may open a replication stream. ERR_ACCESS_DENIED
 * names what is missing and the GRANT that gives it.
 */
NODISCARD enum err src_server_may_replicate(struct src_session *s, const struct src_server *sv,
                                            struct errmsg *em);
