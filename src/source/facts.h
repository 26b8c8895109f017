/*
 * What a precheck wants to know of a source beyond what a stream needs
 * (server.h), and of its tables beyond their definitions (catalog.h).
 *
 * Each call is one or two statements. What a server does not have is left
 * unknown, which is no error.
 */
#pragma once

#include "source/catalog.h"

struct src_facts {
    bool retention_known;
    uint64_t retention_s;    /* how long binlogs are kept; 0: for ever */
    char retention_name[32]; /* of the variable that says so */
    bool encdb;              /* EncDB of the cloud: values reach clients encrypted */
    bool roles;              /* active ones, whose privileges no list shows */
    bool sync_binlog;        /* each group is on disk before it is sent */
    char ignored[256];       /* Binlog_Do_DB and Binlog_Ignore_DB, with their names; "": none */
};

/* Needs REPLICATION CLIENT (MariaDB: BINLOG MONITOR) for ignored alone, and goes without. */
NODISCARD enum err src_facts_read(struct src_session *s, const struct src_server *sv,
                                  struct src_facts *out, struct errmsg *em);

/*
 * Tables with foreign keys that change rows: CASCADE, SET NULL, SET DEFAULT.
 * MariaDB, and MySQL before 8.0, show foreign keys there only to accounts that
 * may do more than SELECT: src_facts_table_cascades() sees them all the same.
 */
NODISCARD enum err src_facts_cascades(struct src_session *s, const struct src_server *sv,
                                      src_table_filter filter, src_table_fn each, void *arg,
                                      struct errmsg *em);

/* The same of one table, by its SHOW CREATE TABLE. */
NODISCARD enum err src_facts_table_cascades(struct src_session *s, struct slice database,
                                            struct slice table, bool *out, struct errmsg *em);

/*
 * A privilege that the account holds by itself; what roles give is not shown.
 * database len 0: on everything; table len 0: on the database.
 */
struct src_privilege {
    struct slice privilege; /* "LOCK TABLES" */
    struct slice database;  /* as granted: a pattern of LIKE */
    struct slice table;
};
typedef enum err (*src_privilege_fn)(void *arg, const struct src_privilege *p);

NODISCARD enum err src_facts_privileges(struct src_session *s, src_privilege_fn each, void *arg,
                                        struct errmsg *em);
