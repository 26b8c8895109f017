#include "source/load.h"

#define SHOW_REPLICA_VERSION  80022  /* of MySQL: SHOW REPLICA STATUS */
#define SLAVE_MONITOR_VERSION 100509 /* of MariaDB */

/* The last column's number. */
static enum err take_number(void *arg, const struct src_row *row)
{
    uint64_t *out = arg;
    if (row->count > 0)
        *out = slice_number(row->values[row->count - 1].text);
    return ERR_OK;
}

static enum err take_channel(void *arg, const struct src_row *row)
{
    struct src_load *out = arg;
    out->replica = true;
    for (uint32_t i = 0; i < row->count; i++) {
        struct slice name = row->columns[i].name;
        if (!slice_eq_nocase(name, SLICE_LIT("Seconds_Behind_Source")) &&
            !slice_eq_nocase(name, SLICE_LIT("Seconds_Behind_Master")))
            continue;
        uint64_t lag = slice_number(row->values[i].text);
        out->replica_stopped |= row->values[i].is_null;
        if (lag > out->replica_lag_s)
            out->replica_lag_s = lag;
    }
    return ERR_OK;
}

static enum err missing(enum err e, const char *privilege, const char *what, struct errmsg *em)
{
    if (e == ERR_ACCESS_DENIED)
        errmsg_prefix(em, "reading %s needs GRANT %s ON *.* TO the account", what, privilege);
    return e;
}

static enum err read_lag(struct src_session *s, const struct src_server *sv, struct src_load *out,
                         struct errmsg *em)
{
    struct slice sql = SLICE_LIT("SHOW SLAVE STATUS");
    if (sv->flavour == SRC_MARIADB)
        sql = SLICE_LIT("SHOW ALL SLAVES STATUS");
    else if (sv->version >= SHOW_REPLICA_VERSION)
        sql = SLICE_LIT("SHOW REPLICA STATUS");
    bool monitor = sv->flavour == SRC_MARIADB && sv->version >= SLAVE_MONITOR_VERSION;
    return missing(src_query(s, sql, take_channel, out, em),
                   monitor ? "SLAVE MONITOR" : "REPLICATION CLIENT", "the lag of a replica", em);
}

enum err src_load_read(struct src_session *s, const struct src_server *sv, unsigned what,
                       struct src_load *out, struct errmsg *em)
{
    struct src_load load = {0};
    if (what & SRC_LOAD_HISTORY)
        TRY(missing(src_query(s,
                              SLICE_LIT("SELECT `COUNT` FROM information_schema.INNODB_METRICS "
                                        "WHERE NAME = 'trx_rseg_history_len'"),
                              take_number, &load.history_length, em),
                    "PROCESS", "InnoDB's history length", em));
    if (what & SRC_LOAD_THREADS)
        TRY(src_query(s, SLICE_LIT("SHOW GLOBAL STATUS LIKE 'Threads_running'"), take_number,
                      &load.threads_running, em));
    if (what & SRC_LOAD_LAG)
        TRY(read_lag(s, sv, &load, em));
    *out = load;
    return ERR_OK;
}
