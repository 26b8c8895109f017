#include "source/copy.h"

#define LOCK_WAIT_DEFAULT_S   5u
#define NET_TIMEOUT_DEFAULT_S 7200u
#define WAIT_TIMEOUT_S        604800u /* a copy may be paused for days */
#define UNKNOWN_VARIABLE      1193    /* ER_UNKNOWN_SYSTEM_VARIABLE */

/* A setting that not every server has. */
static enum err set_if_known(struct src_session *s, struct errmsg *em, const char *name,
                             uint64_t value)
{
    enum err e = src_execute(s, em, "SET SESSION %s=%llu", name, (unsigned long long)value);
    return e == ERR_SOURCE_SQL && src_session_error_code(s) == UNKNOWN_VARIABLE ? ERR_OK : e;
}

enum err src_copy_settings(struct src_session *s, const struct src_server *sv,
                           const struct src_copy_options *o, struct errmsg *em)
{
    uint32_t lock_s = o->lock_wait_s > 0 ? o->lock_wait_s : LOCK_WAIT_DEFAULT_S;
    uint32_t net_s = o->net_timeout_s > 0 ? o->net_timeout_s : NET_TIMEOUT_DEFAULT_S;
    bool maria = sv->flavour == SRC_MARIADB;
    TRY(src_execute(s, em,
                    "SET character_set_results=NULL, SESSION time_zone='+00:00', "
                    "SESSION sql_mode='', SESSION net_write_timeout=%u, "
                    "SESSION net_read_timeout=%u, SESSION wait_timeout=%u",
                    net_s, net_s, WAIT_TIMEOUT_S));
    /* What conditions lean on (rule_condition_sql()). */
    TRY(src_execute(s, em, "SET SESSION div_precision_increment=4, SESSION sql_auto_is_null=0"));
    TRY(src_execute(s, em, "SET SESSION TRANSACTION ISOLATION LEVEL %s",
                    o->repeatable_read ? "REPEATABLE READ" : "READ COMMITTED"));
    TRY(set_if_known(s, em, "lock_wait_timeout", lock_s));
    TRY(set_if_known(s, em, "innodb_lock_wait_timeout", lock_s));
    /* A row that was changed since the snapshot is no error for one who only reads. */
    if (maria)
        TRY(set_if_known(s, em, "innodb_snapshot_isolation", 0));
    if (maria && o->max_query_ms > 0)
        return src_execute(s, em, "SET SESSION max_statement_time=%llu.%03u",
                           (unsigned long long)(o->max_query_ms / 1000),
                           (unsigned)(o->max_query_ms % 1000));
    return set_if_known(s, em, maria ? "max_statement_time" : "max_execution_time",
                        o->max_query_ms);
}
