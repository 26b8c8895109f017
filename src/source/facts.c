#include "source/facts.h"

#include "schema/sql_name.h"
#include "source/session_int.h"

#include <stdio.h>

#define SHOW_BINARY_LOG_STATUS_VERSION 80200
#define DAY_S                          86400u

static bool is_on(struct slice value)
{
    return slice_eq_nocase(value, SLICE_LIT("ON")) || slice_eq(value, SLICE_LIT("1"));
}

/* ---- settings ---- */

struct reading {
    struct src_facts facts;
    uint64_t seconds, days;
    bool has_seconds, has_days, keeps; /* binlog_expire_logs_auto_purge=OFF */
};

static enum err take_setting(void *arg, const struct src_row *row)
{
    struct reading *r = arg;
    if (row->count < 2)
        return ERR_PROTOCOL;
    struct slice name = row->values[0].text, value = row->values[1].text;
    if (slice_eq_nocase(name, SLICE_LIT("binlog_expire_logs_seconds"))) {
        r->has_seconds = true;
        r->seconds = slice_number(value);
    } else if (slice_eq_nocase(name, SLICE_LIT("expire_logs_days"))) {
        r->has_days = true;
        r->days = slice_number(value);
    } else if (slice_eq_nocase(name, SLICE_LIT("binlog_expire_logs_auto_purge"))) {
        r->keeps = !is_on(value);
    } else if (slice_eq_nocase(name, SLICE_LIT("sync_binlog"))) {
        r->facts.sync_binlog = slice_number(value) == 1;
    } else if (is_on(value)) {
        r->facts.encdb = true;
    }
    return ERR_OK;
}

/* Of the two, the one that is set counts; MariaDB keeps them equal, in days with a fraction. */
static void decide_retention(struct reading *r)
{
    bool by_days = !r->has_seconds || (r->seconds == 0 && r->days != 0);
    r->facts.retention_known = r->has_seconds || r->has_days;
    r->facts.retention_s = r->keeps ? 0 : by_days ? r->days * DAY_S : r->seconds;
    snprintf(r->facts.retention_name, sizeof(r->facts.retention_name), "%s",
             r->has_seconds ? "binlog_expire_logs_seconds" : "expire_logs_days");
}

/* The third and fourth column of the status, where a server has them. */
static enum err take_ignored(void *arg, const struct src_row *row)
{
    struct src_facts *f = arg;
    static const char *const names[] = {"binlog_do_db", "binlog_ignore_db"};
    size_t len = 0;
    for (uint32_t i = 2; i < row->count && i < 4; i++)
        if (!row->values[i].is_null && row->values[i].text.len > 0 && len < sizeof(f->ignored))
            len +=
                (size_t)snprintf(f->ignored + len, sizeof(f->ignored) - len, "%s%s: %.*s",
                                 len > 0 ? ", " : "", names[i - 2], SLICE_ARG(row->values[i].text));
    return ERR_OK;
}

/* A server that knows no roles refuses the question. */
static enum err read_roles(struct src_session *s, bool *roles, struct errmsg *em)
{
    char role[64] = "";
    bool found = false;
    enum err e = src_query_text(s, "SELECT CURRENT_ROLE()", role, sizeof(role), &found, em);
    if (e == ERR_TOO_LARGE || (e == ERR_OK && found && strcmp(role, "NONE") != 0))
        *roles = true;
    return e == ERR_OK || src_session_alive(s) ? ERR_OK : e;
}

enum err src_facts_read(struct src_session *s, const struct src_server *sv, struct src_facts *out,
                        struct errmsg *em)
{
    struct reading r = {0};
    TRY(src_query(s,
                  SLICE_LIT("SHOW GLOBAL VARIABLES WHERE Variable_name IN "
                            "('binlog_expire_logs_seconds', 'expire_logs_days', "
                            "'binlog_expire_logs_auto_purge', 'sync_binlog', "
                            "'encdb', 'loose_encdb')"),
                  take_setting, &r, em));
    decide_retention(&r);
    TRY(read_roles(s, &r.facts.roles, em));
    bool renamed = sv->flavour == SRC_MYSQL && sv->version >= SHOW_BINARY_LOG_STATUS_VERSION;
    struct errmsg ignored;
    enum err e = src_query(
        s, renamed ? SLICE_LIT("SHOW BINARY LOG STATUS") : SLICE_LIT("SHOW MASTER STATUS"),
        take_ignored, &r.facts, &ignored);
    if (!src_session_alive(s)) {
        *em = ignored;
        return e;
    }
    *out = r.facts;
    return ERR_OK;
}

/* ---- tables ---- */

struct names {
    src_table_filter filter;
    src_table_fn each;
    void *arg;
};

static enum err take_name(void *arg, const struct src_row *row)
{
    const struct names *n = arg;
    if (row->count != 2)
        return ERR_PROTOCOL;
    struct table_def def = {.database = row->values[0].text, .name = row->values[1].text};
    if (n->filter != NULL && !n->filter(n->arg, def.database, def.name))
        return ERR_OK;
    return n->each(n->arg, &def);
}

#define CHANGES_ROWS " IN ('CASCADE', 'SET NULL', 'SET DEFAULT')"

enum err src_facts_cascades(struct src_session *s, const struct src_server *sv,
                            src_table_filter filter, src_table_fn each, void *arg,
                            struct errmsg *em)
{
    struct names n = {.filter = filter, .each = each, .arg = arg};
    (void)sv;
    return src_query(
        s,
        SLICE_LIT("SELECT DISTINCT CONSTRAINT_SCHEMA, TABLE_NAME FROM "
                  "information_schema.REFERENTIAL_CONSTRAINTS WHERE UPDATE_RULE" CHANGES_ROWS
                  " OR DELETE_RULE" CHANGES_ROWS),
        take_name, &n, em);
}

static bool has(const uint8_t *line, size_t len, const char *words)
{
    return memmem(line, len, words, strlen(words)) != NULL;
}

/* The statement has a line for each foreign key, and no comment in that line. */
static enum err find_cascade(void *arg, const struct src_row *row)
{
    bool *found = arg;
    if (row->count < 2)
        return ERR_PROTOCOL;
    struct slice text = row->values[1].text;
    for (size_t at = 0; at < text.len;) {
        const uint8_t *line = text.ptr + at, *end = memchr(line, '\n', text.len - at);
        size_t len = end != NULL ? (size_t)(end - line) : text.len - at;
        bool key = has(line, len, " FOREIGN KEY (") && has(line, len, " REFERENCES ");
        *found = *found || (key && (has(line, len, " CASCADE") || has(line, len, " SET NULL") ||
                                    has(line, len, " SET DEFAULT")));
        at += len + 1;
    }
    return ERR_OK;
}

enum err src_facts_table_cascades(struct src_session *s, struct slice database, struct slice table,
                                  bool *out, struct errmsg *em)
{
    struct writer sql;
    bool found = false;
    writer_init(&sql, 8192);
    writer_lit(&sql, "SHOW CREATE TABLE ");
    sql_put_table(&sql, database, table);
    enum err e = sql.err;
    if (e == ERR_OK)
        e = src_query(s, writer_slice(&sql), find_cascade, &found, em);
    writer_fini(&sql);
    TRY(e);
    *out = found;
    return ERR_OK;
}

/* ---- privileges ---- */

struct privileges {
    src_privilege_fn each;
    void *arg;
};

static enum err take_privilege(void *arg, const struct src_row *row)
{
    const struct privileges *p = arg;
    if (row->count != 3)
        return ERR_PROTOCOL;
    return p->each(p->arg, &(struct src_privilege){.privilege = row->values[0].text,
                                                   .database = row->values[1].text,
                                                   .table = row->values[2].text});
}

enum err src_facts_privileges(struct src_session *s, src_privilege_fn each, void *arg,
                              struct errmsg *em)
{
    static const char *const parts[] = {
        "SELECT PRIVILEGE_TYPE, '', '' FROM information_schema.USER_PRIVILEGES",
        " UNION ALL SELECT PRIVILEGE_TYPE, TABLE_SCHEMA, '' FROM "
        "information_schema.SCHEMA_PRIVILEGES",
        " UNION ALL SELECT PRIVILEGE_TYPE, TABLE_SCHEMA, TABLE_NAME FROM "
        "information_schema.TABLE_PRIVILEGES"};
    struct privileges p = {.each = each, .arg = arg};
    char account[400];
    struct writer sql;
    src_server_account(s, account, sizeof(account));
    writer_init(&sql, 8192);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        writer_slice_put(&sql, slice_str(parts[i]));
        writer_lit(&sql, " WHERE GRANTEE = "); /* some accounts see the privileges of others */
        src_quote(&sql, slice_str(account));
    }
    enum err e = sql.err;
    if (e == ERR_OK)
        e = src_query(s, writer_slice(&sql), take_privilege, &p, em);
    writer_fini(&sql);
    return e;
}
