/*
 * Numbers are those of the server's error message reference
 * (share/messages_to_clients.txt; MariaDB: sql/share/errmsg-utf8.txt).
 */
#include "source/refusal.h"

#include "source/session_int.h"

#include <stdlib.h>

struct refusal {
    uint16_t code;
    uint16_t meaning;
};

/* clang-format off */
static const struct refusal refusals[] = { /* ascending by code */
    {1020, SRC_REFUSED_RETRY},     /* ER_CHECKREAD; MariaDB: innodb_snapshot_isolation */
    {1034, SRC_REFUSED_DAMAGED},   /* ER_NOT_KEYFILE */
    {1035, SRC_REFUSED_DAMAGED},   /* ER_OLD_KEYFILE */
    {1044, SRC_REFUSED_DENIED},    /* ER_DBACCESS_DENIED_ERROR */
    {1049, SRC_REFUSED_NO_TABLE},  /* ER_BAD_DB_ERROR */
    {1051, SRC_REFUSED_NO_TABLE},  /* ER_BAD_TABLE_ERROR */
    {1053, SRC_REFUSED_LINK},      /* ER_SERVER_SHUTDOWN */
    {1054, SRC_REFUSED_NO_COLUMN}, /* ER_BAD_FIELD_ERROR */
    {1072, SRC_REFUSED_NO_COLUMN}, /* ER_KEY_COLUMN_DOES_NOT_EXIST */
    {1079, SRC_REFUSED_LINK},      /* ER_SHUTDOWN_COMPLETE */
    {1142, SRC_REFUSED_DENIED},    /* ER_TABLEACCESS_DENIED_ERROR */
    {1143, SRC_REFUSED_DENIED},    /* ER_COLUMNACCESS_DENIED_ERROR */
    {1146, SRC_REFUSED_NO_TABLE},  /* ER_NO_SUCH_TABLE */
    {1176, SRC_REFUSED_NO_COLUMN}, /* ER_KEY_DOES_NOT_EXIST */
    {1194, SRC_REFUSED_DAMAGED},   /* ER_CRASHED_ON_USAGE */
    {1195, SRC_REFUSED_DAMAGED},   /* ER_CRASHED_ON_REPAIR */
    {1205, SRC_REFUSED_RETRY},     /* ER_LOCK_WAIT_TIMEOUT */
    {1213, SRC_REFUSED_RETRY},     /* ER_LOCK_DEADLOCK */
    {1227, SRC_REFUSED_DENIED},    /* ER_SPECIFIC_ACCESS_DENIED_ERROR */
    {1317, SRC_REFUSED_RETRY},     /* ER_QUERY_INTERRUPTED */
    {1370, SRC_REFUSED_DENIED},    /* ER_PROCACCESS_DENIED_ERROR */
    {1412, SRC_REFUSED_RETRY},     /* ER_TABLE_DEF_CHANGED: by a snapshot older than the table */
    {1461, SRC_REFUSED_RETRY},     /* ER_MAX_PREPARED_STMT_COUNT_REACHED */
    {1615, SRC_REFUSED_RETRY},     /* ER_NEED_REPREPARE */
    {1712, SRC_REFUSED_DAMAGED},   /* ER_INDEX_CORRUPT */
    {1812, SRC_REFUSED_DAMAGED},   /* ER_TABLESPACE_MISSING */
    {1814, SRC_REFUSED_DAMAGED},   /* ER_TABLESPACE_DISCARDED */
    {1877, SRC_REFUSED_DAMAGED},   /* ER_TABLE_CORRUPT */
    {1927, SRC_REFUSED_LINK},      /* MariaDB ER_CONNECTION_KILLED */
    {1932, SRC_REFUSED_DAMAGED},   /* ER_NO_SUCH_TABLE_IN_ENGINE */
    {1969, SRC_REFUSED_RETRY},     /* MariaDB ER_STATEMENT_TIMEOUT */
    {3024, SRC_REFUSED_RETRY},     /* ER_QUERY_TIMEOUT */
    {3169, SRC_REFUSED_LINK},      /* ER_SESSION_WAS_KILLED */
    {3572, SRC_REFUSED_RETRY},     /* ER_LOCK_NOWAIT */
};
/* clang-format on */

static int code_cmp(const void *code, const void *r)
{
    return (int)*(const uint16_t *)code - (int)((const struct refusal *)r)->code;
}

enum src_refusal src_refusal_of_code(uint16_t code)
{
    const struct refusal *r = bsearch(&code, refusals, sizeof(refusals) / sizeof(refusals[0]),
                                      sizeof(refusals[0]), code_cmp);
    if (r != NULL)
        return (enum src_refusal)r->meaning;
    return code == 0 ? SRC_REFUSED_NOT : SRC_REFUSED_OTHER;
}

enum src_refusal src_refusal_of(const struct src_session *s)
{
    return s->dead ? SRC_REFUSED_LINK : src_refusal_of_code(s->error_code);
}
