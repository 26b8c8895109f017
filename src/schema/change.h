/*
 * What an encoder is given: one change of one row, or one statement. Everything
 * in it is borrowed for the call.
 */
#pragma once

#include "schema/cell.h"
#include "schema/table.h"

/*
 * Where in the source's history it stands. A file is the number at the end of
 * a binlog file's name; what is not known is 0.
 */
struct change_origin {
    uint64_t file; /* behind the change's event */
    uint64_t offset;
    uint64_t safe_file; /* where its transaction begins: reading may start there */
    uint64_t safe_offset;
    uint32_t server_id; /* of the server where the change was first made */
    uint32_t thread_id; /* of the session that made it */
};

enum change_op { CHANGE_INSERT, CHANGE_UPDATE, CHANGE_DELETE, CHANGE_INIT };

struct change {
    enum change_op op;
    const struct table *table;
    const struct cell *before;          /* UPDATE, DELETE: column_count cells; else NULL */
    const struct cell *after;           /* INSERT, UPDATE, INIT: column_count cells; else NULL */
    uint64_t id;                        /* number of the change within the task */
    uint64_t es_ms;                     /* when the statement ran on the source, since 1970 */
    uint64_t ts_ms;                     /* time of encoding */
    struct slice gtid;                  /* text; len 0: not known or not wanted */
    const struct change_origin *origin; /* NULL: not known */
};

/* What a statement does to its object, told apart as stock Canal does. */
enum ddl_change_type {
    DDL_TYPE_QUERY, /* whatever has no name of its own: databases, views, routines, users */
    DDL_TYPE_CREATE,
    DDL_TYPE_ALTER,
    DDL_TYPE_ERASE, /* DROP TABLE */
    DDL_TYPE_TRUNCATE,
    DDL_TYPE_RENAME,
    DDL_TYPE_CINDEX, /* an index is added */
    DDL_TYPE_DINDEX, /* an index is dropped */
};

/* One DDL statement. */
struct ddl_change {
    enum ddl_change_type type;
    struct slice database; /* as sent; len 0: of no database */
    struct slice table;    /* as sent; len 0: of no table */
    struct slice sql; /* UTF-8, as the source wrote it but for the names, without a ';' behind it */
    uint64_t id;
    uint64_t es_ms;
    uint64_t ts_ms;
    struct slice gtid;                  /* text; len 0: not known or not wanted */
    const struct change_origin *origin; /* NULL: not known */
};
