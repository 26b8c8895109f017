/* What the source is, and how it is set. */
#include "pipeline/precheck/precheck_int.h"
#include "schema/sql_name.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S        86400u
#define ADVISED_DAYS 7u
#define CLOCK_MAX_US 5000000
#define COPY_ROWS_S  10000u
#define COPY_BYTES_S (4u << 20)

static bool is_mariadb(const struct precheck_facts *f)
{
    return f->server.flavour == SRC_MARIADB;
}

void judge_source(const struct precheck_facts *f, struct finding *out)
{
    const struct conf_source *s = &f->config->source;
    enum err e = f->source.err;
    if (e == ERR_OK) {
        find_note(out, "%s:%u is %s %s%s", s->host, s->port, is_mariadb(f) ? "MariaDB" : "MySQL",
                  f->server.version_text, f->tls ? ", over TLS" : ", without TLS");
        if (f->key_unverified) {
            find_warning(out, "the password was encrypted with a key that came over a link whose "
                              "end was not verified");
            find_remedy(out, "source: {tls: verify-ca, tls_ca: ca.pem}");
        }
        return;
    }
    find_failure(out, e, "%s", f->source.em.text);
    if (e == ERR_ACCESS_DENIED) {
        find_remedy(out,
                    "ALTER USER '%s'@'%%' IDENTIFIED BY '...';  -- or what source.user and "
                    "source.password_env say",
                    s->user);
    } else if (e == ERR_TLS) {
        find_remedy(out, "source.tls, source.tls_ca, source.tls_server_name");
    } else {
        find_remedy(out,
                    "source.host and source.port; the firewall, and bind_address of the server");
    }
}

void judge_version(const struct precheck_facts *f, struct finding *out)
{
    struct errmsg em;
    enum err e = src_server_check_version(&f->server, &em);
    if (e != ERR_OK) {
        find_failure(out, e, "%s", em.text);
        find_remedy(out, "a source of MySQL 5.6 or later, or MariaDB 10.0 or later");
        return;
    }
    find_note(out, "%s", f->server.version_text);
    if (!is_mariadb(f) && f->server.version < 50700) {
        find_warning(out, "MySQL 5.6 has no JSON, and its read-only instances in the cloud write "
                          "no binlog that could be read");
        find_remedy(out, "source.host of the primary");
    }
}

/* ---- privileges ---- */

static bool is_denied(const struct precheck_facts *f, const struct checked_table *t)
{
    (void)f;
    return t->denied;
}

static bool wants_lock(const struct precheck_facts *f, const struct checked_table *t)
{
    bool innodb = slice_eq_nocase(t->def->engine, SLICE_LIT("InnoDB"));
    return t->table != NULL && t->table->identity_count == 0 && !t->lockable &&
           !(is_mariadb(f) && innodb);
}

static const char *client_privilege(const struct precheck_facts *f)
{
    return is_mariadb(f) && f->server.version >= 100502 ? "BINLOG MONITOR" : "REPLICATION CLIENT";
}

static void judge_replication(const struct precheck_facts *f, struct finding *out)
{
    if (f->replicate.err != ERR_OK) {
        find_failure(out, f->replicate.err, "%s", f->replicate.em.text);
        find_remedy(out, "GRANT REPLICATION SLAVE ON *.* TO %s;", f->account);
    }
    if (f->position.err != ERR_OK && f->position.err != ERR_SOURCE_SETUP) {
        bool needed = f->config->source.start.kind == CONF_START_NOW ||
                      (f->config->phases & CONF_PHASE_FULL) != 0;
        if (needed)
            find_failure(out, f->position.err, "%s", f->position.em.text);
        else
            find_warning(out, "%s", f->position.em.text);
        find_remedy(out, "GRANT %s ON *.* TO %s;", client_privilege(f), f->account);
    }
}

static void grant_select(const struct precheck_facts *f, struct finding *out)
{
    char to[420];
    snprintf(to, sizeof(to), " TO %s;", f->account);
    for (size_t i = 0, n = 0; i < f->table_count && n < NAMES_SHOWN; i++) {
        if (!f->tables[i].denied)
            continue;
        find_table_remedy(out, "GRANT SELECT ON ", &f->tables[i], to);
        n++;
    }
}

static void judge_select(const struct precheck_facts *f, struct finding *out)
{
    struct writer names;
    bool full = (f->config->phases & CONF_PHASE_FULL) != 0;
    writer_init(&names, 64u << 10);
    size_t n = find_tables(f, is_denied, &names);
    if (n > 0 && full)
        find_failure(out, ERR_ACCESS_DENIED, "SELECT is missing on %zu of %zu %s: %.*s", n,
                     COUNT_OF(f->table_count, "table"), SLICE_ARG(writer_slice(&names)));
    else if (n > 0)
        find_warning(out,
                     "SELECT on all columns is missing on %zu of %zu %s, whose definitions "
                     "cannot be read whole: %.*s",
                     n, COUNT_OF(f->table_count, "table"), SLICE_ARG(writer_slice(&names)));
    grant_select(f, out);
    if (f->unseen_count > 0 && full)
        find_failure(out, ERR_ACCESS_DENIED,
                     "%zu %s of objects %s not there, or user '%s' may not SELECT from them: "
                     "%.*s",
                     COUNT_OF(f->unseen_count, "table"), AGREES(f->unseen_count, "is", "are"),
                     f->config->source.user, SLICE_ARG(writer_slice(&f->unseen)));
    else if (f->unseen_count > 0)
        find_warning(out,
                     "%zu %s of objects %s not there yet, or user '%s' may not SELECT from "
                     "them: %.*s",
                     COUNT_OF(f->unseen_count, "table"), AGREES(f->unseen_count, "is", "are"),
                     f->config->source.user, SLICE_ARG(writer_slice(&f->unseen)));
    for (size_t i = 0, shown = 0; i < objects_count(f->objects) && shown < f->unseen_count; i++) {
        struct slice database, table;
        struct table_def def;
        bool seen = !objects_name(f->objects, i, &database, &table);
        for (size_t k = 0; k < f->table_count && !seen; k++)
            seen = slice_eq_nocase(f->tables[k].def->database, database) &&
                   slice_eq_nocase(f->tables[k].def->name, table);
        if (seen || shown++ >= NAMES_SHOWN)
            continue;
        char to[420];
        def = (struct table_def){.database = database, .name = table};
        snprintf(to, sizeof(to), " TO %s;", f->account);
        find_table_remedy(out, "GRANT SELECT ON ", &(struct checked_table){.def = &def}, to);
    }
    writer_fini(&names);
}

static void judge_lock(const struct precheck_facts *f, struct finding *out)
{
    struct writer names;
    if ((f->config->phases & CONF_PHASE_FULL) == 0 || f->config->full.keyless != CONF_KEYLESS_LOCK)
        return;
    writer_init(&names, 64u << 10);
    size_t n = find_tables(f, wants_lock, &names);
    if (n > 0) {
        if (f->settings.roles)
            find_warning(out,
                         "%zu %s without a usable key: read under LOCK TABLES, which the account "
                         "does not hold by itself (a role may give it): %.*s",
                         COUNT_OF(n, "table"), SLICE_ARG(writer_slice(&names)));
        else
            find_failure(out, ERR_ACCESS_DENIED,
                         "%zu %s without a usable key: read under LOCK TABLES, which is not "
                         "granted: %.*s",
                         COUNT_OF(n, "table"), SLICE_ARG(writer_slice(&names)));
        char to[420];
        snprintf(to, sizeof(to), ".* TO %s;", f->account);
        struct slice last = SLICE_LIT("");
        for (size_t i = 0; i < f->table_count; i++) {
            struct slice database = f->tables[i].def->database;
            if (!wants_lock(f, &f->tables[i]) || slice_eq(database, last))
                continue;
            last = database;
            struct writer *w = &out->remedy;
            writer_printf(w, "%sGRANT SELECT, LOCK TABLES ON ", w->len > 0 ? "\n" : "");
            sql_put_name(w, database);
            writer_slice_put(w, slice_str(to));
        }
        find_remedy(out, "full: {keyless: unlocked}  # or full.keyless: skip, instead");
    }
    writer_fini(&names);
}

static void judge_protect(const struct precheck_facts *f, struct finding *out)
{
    const struct conf_protect *p = &f->config->throttle.protect;
    bool lag = p->replica_lag_ms > 0 && p->replicas.count == 0;
    if (f->load.err == ERR_OK || (p->history_length == 0 && !lag))
        return;
    find_warning(out, "throttle.protect cannot look at the source, and will not pause the copy: %s",
                 f->load.em.text);
    if (p->history_length > 0)
        find_remedy(out, "GRANT PROCESS ON *.* TO %s;", f->account);
    if (lag)
        find_remedy(out, "GRANT %s ON *.* TO %s;",
                    is_mariadb(f) && f->server.version >= 100509 ? "SLAVE MONITOR"
                                                                 : "REPLICATION CLIENT",
                    f->account);
}

void judge_source_privileges(const struct precheck_facts *f, struct finding *out)
{
    judge_replication(f, out);
    if (f->catalogue.err == ERR_OK) {
        judge_select(f, out);
        judge_lock(f, out);
    } else {
        find_failure(out, f->catalogue.err, "the catalogue cannot be read: %s",
                     f->catalogue.em.text);
    }
    judge_protect(f, out);
    if (f->config->heartbeat.write && f->catalogue.err == ERR_OK && !f->writes_heartbeat) {
        const char *beat = f->config->heartbeat.table, *dot = strchr(beat, '.');
        find_warning(
            out,
            "heartbeat.write needs CREATE, INSERT and UPDATE on %s, which the account does "
            "not hold by itself (a role may give them)",
            beat);
        find_remedy(out, "GRANT CREATE, INSERT, UPDATE, SELECT ON `%.*s`.* TO %s;",
                    (int)(dot != NULL ? dot - beat : 0), beat, f->account);
    }
    if (out->found.len == 0)
        find_note(out, "%s may replicate and read %zu %s", f->account,
                  COUNT_OF(f->table_count, "table"));
}

/* ---- the binlog ---- */

void judge_log_bin(const struct precheck_facts *f, struct finding *out)
{
    struct errmsg em;
    enum err e = src_server_check_log(&f->server, &em);
    if (e == ERR_OK) {
        find_note(out, "log_bin is ON");
        return;
    }
    find_failure(out, e, "%s", em.text);
    find_remedy(out, "[mysqld]\nlog_bin = binlog\nserver_id = 1");
}

void judge_server_id(const struct precheck_facts *f, struct finding *out)
{
    uint32_t own = f->config->source.server_id;
    struct errmsg em;
    enum err e = src_server_check_id(&f->server, &em);
    if (e != ERR_OK) {
        find_failure(out, e, "%s", em.text);
        find_remedy(out, "SET GLOBAL server_id = 1;");
        return;
    }
    if (own == f->server.server_id) {
        find_failure(out, ERR_CONFIG,
                     "source.server_id: %u is the source's own server_id: choose another", own);
        find_remedy(out, "source: {server_id: auto}");
        return;
    }
    find_note(out, "the source's is %u, this task's %s", f->server.server_id,
              own == 0 ? "one that is not in use" : "is given");
    for (size_t i = 0; i < f->replica_count && own != 0 && !f->running; i++) {
        if (f->replica_ids[i] != own)
            continue;
        find_warning(out,
                     "a replica is registered with %u already: the source ends the older stream "
                     "of the two",
                     own);
        find_remedy(out, "source: {server_id: auto}");
        return;
    }
}

void judge_binlog_format(const struct precheck_facts *f, struct finding *out)
{
    struct errmsg em;
    enum err e = src_server_check_format(&f->server, &em);
    find_note(out, "binlog_format is %s", f->server.binlog_format);
    if (e == ERR_OK)
        return;
    out->found.len = 0;
    find_failure(out, e, "%s", em.text);
    find_remedy(out, "SET GLOBAL binlog_format = 'ROW';");
}

void judge_row_image(const struct precheck_facts *f, struct finding *out)
{
    struct errmsg em;
    bool full = (f->config->phases & CONF_PHASE_FULL) != 0;
    enum err e = src_server_check_image(&f->server, &em);
    if (e != ERR_OK && full) {
        find_failure(out, e, "%s", em.text);
    } else if (e != ERR_OK) {
        bool uses = false;
        for (size_t i = 0; i < f->config->object_count; i++)
            uses = uses || f->config->objects[i].filter != NULL ||
                   f->config->objects[i].partition_key.count > 0;
        find_warning(out, "binlog_row_image is %s: messages lack the columns that images lack%s",
                     f->server.row_image,
                     uses ? ", and a change whose image lacks a column of filter or partition_key "
                            "ends the task (exit 7)"
                          : "");
    } else {
        find_note(out, "binlog_row_image is %s",
                  f->server.row_image[0] != 0 ? f->server.row_image : "FULL");
    }
    if (e != ERR_OK)
        find_remedy(out, "SET GLOBAL binlog_row_image = 'FULL';");
    if (f->server.row_value_options[0] != 0) {
        find_warning(out,
                     "binlog_row_value_options is %s: updates of JSON values may hold the "
                     "difference alone",
                     f->server.row_value_options);
        find_remedy(out, "SET GLOBAL binlog_row_value_options = '';");
    }
}

void judge_row_metadata(const struct precheck_facts *f, struct finding *out)
{
    const char *is = f->server.row_metadata;
    if (is[0] == 0) {
        find_note(out, "this version writes none; definitions come from the catalogue");
    } else if (strcmp(is, "FULL") == 0) {
        find_note(out, "binlog_row_metadata is FULL");
    } else {
        find_warning(out,
                     "binlog_row_metadata is %s: a start in the past, or a statement on a table "
                     "that cannot be followed, may end the task (exit 7)",
                     is);
        find_remedy(out, "SET GLOBAL binlog_row_metadata = 'FULL';");
    }
}

uint64_t precheck_copy_seconds(const struct precheck_facts *f)
{
    const struct conf_rates *limit = &f->config->throttle.full;
    uint64_t rows = 0, bytes = 0;
    uint64_t rows_s = limit->rows > 0 && limit->rows < COPY_ROWS_S ? limit->rows : COPY_ROWS_S;
    uint64_t bytes_s =
        limit->bytes > 0 && limit->bytes < COPY_BYTES_S ? limit->bytes : COPY_BYTES_S;
    for (size_t i = 0; i < f->table_count; i++) {
        rows += f->tables[i].rows;
        bytes += f->tables[i].bytes;
    }
    uint64_t by_rows = rows / rows_s, by_bytes = bytes / bytes_s;
    return by_rows > by_bytes ? by_rows : by_bytes;
}

static void duration(uint64_t s, char out[32])
{
    if (s >= 2 * DAY_S)
        snprintf(out, 32, "%" PRIu64 " days", s / DAY_S);
    else if (s >= 7200)
        snprintf(out, 32, "%" PRIu64 " hours", s / 3600);
    else if (s >= 120)
        snprintf(out, 32, "%" PRIu64 " minutes", s / 60);
    else
        snprintf(out, 32, "%" PRIu64 " s", s);
}

static void retention_remedy(const struct precheck_facts *f, uint64_t days, struct finding *out)
{
    if (strcmp(f->settings.retention_name, "expire_logs_days") == 0)
        find_remedy(out, "SET GLOBAL expire_logs_days = %" PRIu64 ";", days);
    else
        find_remedy(out, "SET GLOBAL binlog_expire_logs_seconds = %" PRIu64 ";", days * DAY_S);
}

void judge_retention(const struct precheck_facts *f, struct finding *out)
{
    char kept[32], copy[32];
    if (f->catalogue.err != ERR_OK || !f->settings.retention_known) {
        find_note(out, "the server does not tell how long it keeps binlogs");
        return;
    }
    if (f->settings.retention_s == 0) {
        find_note(out, "binlogs are kept until somebody purges them");
        return;
    }
    uint64_t needs = (f->config->phases & CONF_PHASE_FULL) != 0 ? precheck_copy_seconds(f) : 0;
    duration(f->settings.retention_s, kept);
    duration(needs, copy);
    if (needs > f->settings.retention_s) {
        find_failure(out, ERR_OK,
                     "binlogs are kept for %s, and the full copy may take %s: changes could be "
                     "purged before they are read",
                     kept, copy);
        retention_remedy(f, 2 * needs / DAY_S > ADVISED_DAYS ? 2 * needs / DAY_S + 1 : ADVISED_DAYS,
                         out);
    } else if (f->settings.retention_s < ADVISED_DAYS * DAY_S) {
        find_warning(out,
                     "binlogs are kept for %s; an outage that lasts longer loses changes, %u "
                     "days are advised",
                     kept, ADVISED_DAYS);
        retention_remedy(f, ADVISED_DAYS, out);
    } else {
        find_note(out, "binlogs are kept for %s", kept);
    }
}

void judge_sync(const struct precheck_facts *f, struct finding *out)
{
    if (f->settings.sync_binlog) {
        find_note(out, "sync_binlog is 1");
        return;
    }
    find_warning(out, "sync_binlog is not 1: after a crash of its machine the source may lack "
                      "changes that were sent, and the task then ends (exit 6)");
    find_remedy(out, "SET GLOBAL sync_binlog = 1;");
}

void judge_binlog_filter(const struct precheck_facts *f, struct finding *out)
{
    if (f->catalogue.err != ERR_OK || f->settings.ignored[0] == 0) {
        find_note(out, "none");
        return;
    }
    find_warning(out, "the binlog does not have all databases (%s)", f->settings.ignored);
    find_remedy(out,
                "remove binlog_do_db and binlog_ignore_db from the server's configuration, and "
                "start it again");
}

void judge_gtid_mode(const struct precheck_facts *f, struct finding *out)
{
    static const char *const modes[] = {"OFF", "OFF_PERMISSIVE", "ON_PERMISSIVE", "ON"};
    if (f->server.gtids) {
        find_note(out, "positions are GTIDs");
        return;
    }
    if (f->server.gtid_mode[0] == 0) {
        find_note(out, "this version has none: positions are file and offset");
        return;
    }
    find_warning(out,
                 "gtid_mode is %s: another server cannot take over from this one, and the full "
                 "copy reads its chunks with shared row locks",
                 f->server.gtid_mode);
    size_t at = 0;
    while (at < 3 && strcmp(f->server.gtid_mode, modes[at]) != 0)
        at++;
    find_remedy(out, "SET GLOBAL enforce_gtid_consistency = ON;");
    for (size_t i = at + 1; i < 4; i++)
        find_remedy(out, "SET GLOBAL gtid_mode = %s;", modes[i]);
}

void judge_topology(const struct precheck_facts *f, struct finding *out)
{
    if (f->load.err != ERR_OK) {
        find_note(out, "whether it is a replica cannot be seen (%s); log_replica_updates is %s",
                  f->load.em.text, f->server.log_replica_updates ? "ON" : "OFF");
        return;
    }
    if (!f->busy.replica) {
        find_note(out, "it replicates from no other server");
        return;
    }
    if (!f->server.log_replica_updates) {
        bool renamed = !is_mariadb(f) && f->server.version >= 80026;
        find_failure(out, ERR_OK,
                     "it is a replica and does not log what it receives "
                     "(log_replica_updates is OFF): those changes would not come");
        find_remedy(out, "[mysqld]\n%s = ON",
                    renamed ? "log_replica_updates" : "log_slave_updates");
        return;
    }
    if (f->busy.replica_stopped)
        find_warning(out, "it is a replica, and its replication does not run now: what its source "
                          "commits does not come");
    else
        find_note(out,
                  "it is a replica, %" PRIu64 " s behind its source, and logs what it receives",
                  f->busy.replica_lag_s);
    if (f->busy.replica_stopped)
        find_remedy(out, is_mariadb(f)                ? "START ALL SLAVES;"
                         : f->server.version >= 80022 ? "START REPLICA;"
                                                      : "START SLAVE;");
}

void judge_compression(const struct precheck_facts *f, struct finding *out)
{
    find_note(out, "binlog_transaction_compression is %s",
              f->server.transaction_compression ? "ON: transactions are expanded here" : "OFF");
}

void judge_clock(const struct precheck_facts *f, struct finding *out)
{
    int64_t us = f->ahead_us < 0 ? -f->ahead_us : f->ahead_us;
    const char *way = f->ahead_us < 0 ? "behind" : "ahead of";
    if (us < CLOCK_MAX_US) {
        find_note(out, "the source's clock is %" PRId64 " ms %s ours", us / 1000, way);
        return;
    }
    find_warning(out, "the source's clock is %" PRId64 " s %s ours", (us + 500000) / 1000000, way);
    find_remedy(out, "timedatectl set-ntp true  -- on the machine that is wrong");
}
