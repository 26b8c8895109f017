/*
 * What a server's error codes mean for us: whether to wait, to connect again,
 * or to stop, and as what. Numbers are those of the server's error message
 * reference (share/messages_to_clients.txt; MariaDB: sql/share/errmsg-utf8.txt).
 * A code that is not in the table is a statement that the server refuses.
 */
#include "mysqlproto/resultset.h"

#include <stdlib.h>

struct meaning {
    uint16_t code;
    enum err err;
};

/* clang-format off */
static const struct meaning meanings[] = { /* ascending by code */
    {1037, ERR_UNREACHABLE},      /* ER_OUTOFMEMORY */
    {1040, ERR_UNREACHABLE},      /* ER_CON_COUNT_ERROR: too many connections */
    {1041, ERR_UNREACHABLE},      /* ER_OUT_OF_RESOURCES */
    {1043, ERR_PROTOCOL},         /* ER_HANDSHAKE_ERROR */
    {1044, ERR_ACCESS_DENIED},    /* ER_DBACCESS_DENIED_ERROR */
    {1045, ERR_ACCESS_DENIED},    /* ER_ACCESS_DENIED_ERROR */
    {1053, ERR_DISCONNECTED},     /* ER_SERVER_SHUTDOWN */
    {1079, ERR_DISCONNECTED},     /* ER_SHUTDOWN_COMPLETE */
    {1080, ERR_DISCONNECTED},     /* ER_FORCING_CLOSE */
    {1094, ERR_SOURCE_SQL},       /* ER_NO_SUCH_THREAD */
    {1129, ERR_ACCESS_DENIED},    /* ER_HOST_IS_BLOCKED */
    {1130, ERR_ACCESS_DENIED},    /* ER_HOST_NOT_PRIVILEGED */
    {1131, ERR_ACCESS_DENIED},    /* ER_PASSWORD_ANONYMOUS_USER */
    {1142, ERR_ACCESS_DENIED},    /* ER_TABLEACCESS_DENIED_ERROR */
    {1143, ERR_ACCESS_DENIED},    /* ER_COLUMNACCESS_DENIED_ERROR */
    {1152, ERR_DISCONNECTED},     /* ER_ABORTING_CONNECTION */
    {1153, ERR_PROTOCOL},         /* ER_NET_PACKET_TOO_LARGE */
    {1156, ERR_PROTOCOL},         /* ER_NET_PACKETS_OUT_OF_ORDER */
    {1157, ERR_PROTOCOL},         /* ER_NET_UNCOMPRESS_ERROR */
    {1158, ERR_DISCONNECTED},     /* ER_NET_READ_ERROR */
    {1159, ERR_DISCONNECTED},     /* ER_NET_READ_INTERRUPTED */
    {1160, ERR_DISCONNECTED},     /* ER_NET_ERROR_ON_WRITE */
    {1161, ERR_DISCONNECTED},     /* ER_NET_WRITE_INTERRUPTED */
    {1184, ERR_DISCONNECTED},     /* ER_NEW_ABORTING_CONNECTION */
    {1203, ERR_UNREACHABLE},      /* ER_TOO_MANY_USER_CONNECTIONS */
    {1205, ERR_TIMEOUT},          /* ER_LOCK_WAIT_TIMEOUT */
    {1213, ERR_TIMEOUT},          /* ER_LOCK_DEADLOCK */
    {1226, ERR_UNREACHABLE},      /* ER_USER_LIMIT_REACHED */
    {1227, ERR_ACCESS_DENIED},    /* ER_SPECIFIC_ACCESS_DENIED_ERROR */
    {1236, ERR_HISTORY},          /* ER_SOURCE_FATAL_ERROR_READING_BINLOG */
    {1251, ERR_UNSUPPORTED_AUTH}, /* ER_NOT_SUPPORTED_AUTH_MODE */
    {1275, ERR_UNSUPPORTED_AUTH}, /* ER_SERVER_IS_IN_SECURE_AUTH_MODE */
    {1317, ERR_DISCONNECTED},     /* ER_QUERY_INTERRUPTED */
    {1370, ERR_ACCESS_DENIED},    /* ER_PROCACCESS_DENIED_ERROR */
    {1373, ERR_HISTORY},          /* ER_UNKNOWN_TARGET_BINLOG */
    {1381, ERR_SOURCE_SETUP},     /* ER_NO_BINARY_LOGGING */
    {1524, ERR_UNSUPPORTED_AUTH}, /* ER_PLUGIN_IS_NOT_LOADED */
    {1698, ERR_ACCESS_DENIED},    /* ER_ACCESS_DENIED_NO_PASSWORD_ERROR */
    {1789, ERR_HISTORY},          /* ER_SOURCE_HAS_PURGED_REQUIRED_GTIDS */
    {1820, ERR_ACCESS_DENIED},    /* ER_MUST_CHANGE_PASSWORD */
    {1862, ERR_ACCESS_DENIED},    /* ER_MUST_CHANGE_PASSWORD_LOGIN */
    {1873, ERR_ACCESS_DENIED},    /* ER_ACCESS_DENIED_CHANGE_USER_ERROR */
    {1927, ERR_DISCONNECTED},     /* MariaDB ER_CONNECTION_KILLED */
    {1945, ERR_HISTORY},          /* MariaDB ER_GTID_POSITION_NOT_FOUND_IN_BINLOG */
    {1955, ERR_HISTORY},          /* MariaDB ER_GTID_POSITION_NOT_FOUND_IN_BINLOG2 */
    {1969, ERR_TIMEOUT},          /* MariaDB ER_STATEMENT_TIMEOUT */
    {3024, ERR_TIMEOUT},          /* ER_QUERY_TIMEOUT */
    {3032, ERR_UNREACHABLE},      /* ER_SERVER_OFFLINE_MODE */
    {3118, ERR_ACCESS_DENIED},    /* ER_ACCOUNT_HAS_BEEN_LOCKED */
    {3159, ERR_TLS},              /* ER_SECURE_TRANSPORT_REQUIRED */
    {3169, ERR_DISCONNECTED},     /* ER_SESSION_WAS_KILLED */
    {3955, ERR_ACCESS_DENIED},    /* ER_USER_ACCESS_DENIED_FOR_USER_ACCOUNT_BLOCKED_BY_PASSWORD_LOCK */
    {4031, ERR_DISCONNECTED},     /* ER_CLIENT_INTERACTION_TIMEOUT */
    {4151, ERR_ACCESS_DENIED},    /* MariaDB ER_ACCOUNT_HAS_BEEN_LOCKED */
};
/* clang-format on */

#define FATAL_READING_BINLOG 1236
#define CLIENT_CODES_FIRST   2000 /* a server that forwards what its own client library says */
#define CLIENT_CODES_LAST    2999

static int meaning_cmp(const void *code, const void *m)
{
    return (int)*(const uint16_t *)code - (int)((const struct meaning *)m)->code;
}

static bool says(struct slice message, const char *words)
{
    return memmem(message.ptr, message.len, words, strlen(words)) != NULL;
}

/*
 * One code for everything that ends a dump. Only two of its causes go away by
 * connecting again: another stream under our own id took over, and events that
 * did not get through.
 */
static enum err binlog_error(struct slice message)
{
    if (says(message, "same server_uuid") || says(message, "same server_id") ||
        says(message, "same server-id"))
        return ERR_DISCONNECTED;
    if (says(message, "Failed on my_net_write") || says(message, "failed on my_net_write"))
        return ERR_DISCONNECTED;
    if (says(message, "Binary log is not open"))
        return ERR_SOURCE_SETUP;
    return ERR_HISTORY;
}

enum err my_error_class(const struct my_error *e)
{
    if (e->code == FATAL_READING_BINLOG)
        return binlog_error(e->message);
    if (e->code >= CLIENT_CODES_FIRST && e->code <= CLIENT_CODES_LAST)
        return ERR_DISCONNECTED;
    const struct meaning *m = bsearch(&e->code, meanings, sizeof(meanings) / sizeof(meanings[0]),
                                      sizeof(meanings[0]), meaning_cmp);
    return m != NULL ? m->err : ERR_SOURCE_SQL;
}
