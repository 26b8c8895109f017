/* What changes on the source while it runs: positions, files, replicas; and what we may see. */
#include "source/server.h"

#include "source/session_int.h"

#include <stdio.h>
#include <stdlib.h>

#define SHOW_BINARY_LOG_STATUS_VERSION 80200
#define SHOW_REPLICAS_VERSION          80022
#define BINLOGS_MAX                    1000000u
#define REPLICAS_MAX                   65536u

void src_server_account(struct src_session *s, char *buf, size_t cap)
{
    char account[256];
    struct errmsg ignored;
    snprintf(buf, cap, "'%s'@'%%'", s->options.user);
    if (!src_session_alive(s) || src_query_text(s, "SELECT CURRENT_USER()", account,
                                                sizeof(account), NULL, &ignored) != ERR_OK)
        return;
    char *at = strrchr(account, '@');
    if (at != NULL)
        snprintf(buf, cap, "'%.*s'@'%s'", (int)(at - account), account, at + 1);
}

/* Rewords a denial: what is missing, and what mends it. */
static enum err missing_privilege(struct src_session *s, enum err e, const char *privilege,
                                  const char *what, struct errmsg *em)
{
    char account[400];
    if (e != ERR_ACCESS_DENIED)
        return e;
    src_server_account(s, account, sizeof(account));
    return errmsg_set(em, e, "source %s: %s needs the privilege %s: GRANT %s ON *.* TO %s", s->peer,
                      what, privilege, privilege, account);
}

static const char *client_privilege(const struct src_server *sv)
{
    bool split = sv->flavour == SRC_MARIADB && sv->version >= 100502;
    return split ? "BINLOG MONITOR" : "REPLICATION CLIENT";
}

/* ---- GTID sets ---- */

static enum err take_set(void *arg, const struct src_row *row)
{
    my_gtid_set_clear(arg);
    return my_gtid_set_parse(arg, row->values[0].text);
}

static enum err read_set(struct src_session *s, const char *sql, struct my_gtid_set *out,
                         struct errmsg *em)
{
    enum err e = src_query(s, slice_str(sql), take_set, out, em);
    if (e == ERR_MALFORMED || e == ERR_TOO_LARGE)
        return errmsg_set(em, ERR_PROTOCOL, "source %s: %s: not a GTID set", s->peer, sql);
    return e;
}

enum err src_server_executed(struct src_session *s, struct my_gtid_set *out, struct errmsg *em)
{
    return read_set(s, "SELECT @@GLOBAL.gtid_executed", out, em);
}

enum err src_server_purged(struct src_session *s, struct my_gtid_set *out, struct errmsg *em)
{
    return read_set(s, "SELECT @@GLOBAL.gtid_purged", out, em);
}

static enum err take_maria(void *arg, const struct src_row *row)
{
    return maria_gtid_pos_parse(arg, row->values[0].text);
}

static enum err read_maria(struct src_session *s, const char *sql, struct maria_gtid_pos *out,
                           struct errmsg *em)
{
    enum err e = src_query(s, slice_str(sql), take_maria, out, em);
    if (e == ERR_MALFORMED || e == ERR_TOO_LARGE)
        return errmsg_set(em, ERR_PROTOCOL, "source %s: %s: not a GTID position", s->peer, sql);
    return e;
}

struct maria_out {
    struct maria_gtid_pos *pos;
    bool found;
};

static enum err take_maria_at(void *arg, const struct src_row *row)
{
    struct maria_out *out = arg;
    if (row->values[0].is_null)
        return ERR_OK;
    out->found = true;
    return maria_gtid_pos_parse(out->pos, row->values[0].text);
}

enum err src_server_gtid_at(struct src_session *s, const char *file, uint64_t offset,
                            struct maria_gtid_pos *out, bool *found, struct errmsg *em)
{
    struct maria_out to = {.pos = out};
    struct writer sql;
    writer_init(&sql, 4096);
    writer_lit(&sql, "SELECT BINLOG_GTID_POS(");
    src_quote(&sql, slice_str(file));
    writer_printf(&sql, ", %llu)", (unsigned long long)offset);
    enum err e = sql.err;
    if (e == ERR_OK)
        e = src_query(s, writer_slice(&sql), take_maria_at, &to, em);
    writer_fini(&sql);
    TRY(e);
    *found = to.found;
    return ERR_OK;
}

/* ---- the place ---- */

void src_position_fini(struct src_position *p)
{
    my_gtid_set_fini(&p->executed);
    maria_gtid_pos_fini(&p->maria);
    *p = (struct src_position){0};
}

static enum err take_place(void *arg, const struct src_row *row)
{
    struct src_position *p = arg;
    if (row->count < 2 || row->values[0].text.len >= sizeof(p->file))
        return ERR_PROTOCOL;
    memcpy(p->file, row->values[0].text.ptr, row->values[0].text.len);
    p->file[row->values[0].text.len] = '\0';
    p->offset = slice_number(row->values[1].text);
    return ERR_OK;
}

enum err src_server_position(struct src_session *s, const struct src_server *sv,
                             struct src_position *out, struct errmsg *em)
{
    bool renamed = sv->flavour == SRC_MYSQL && sv->version >= SHOW_BINARY_LOG_STATUS_VERSION;
    struct slice sql =
        renamed ? SLICE_LIT("SHOW BINARY LOG STATUS") : SLICE_LIT("SHOW MASTER STATUS");
    out->file[0] = '\0';
    out->offset = 0;
    enum err e = src_query(s, sql, take_place, out, em);
    if (e != ERR_OK)
        return missing_privilege(s, e, client_privilege(sv), "reading the binlog position", em);
    if (sv->flavour == SRC_MARIADB)
        return read_maria(s, "SELECT @@GLOBAL.gtid_binlog_pos", &out->maria, em);
    if (out->file[0] == '\0')
        return errmsg_set(em, ERR_SOURCE_SETUP, "source %s: it has no binary log", s->peer);
    return sv->gtids ? src_server_executed(s, &out->executed, em) : ERR_OK;
}

/* ---- lists ---- */

struct binlog_list {
    struct src_binlog *items;
    size_t count;
    size_t cap;
};

static enum err take_binlog(void *arg, const struct src_row *row)
{
    struct binlog_list *list = arg;
    if (row->count < 2 || row->values[0].text.len >= SRC_FILE_NAME_MAX ||
        list->count >= BINLOGS_MAX)
        return ERR_PROTOCOL;
    if (list->count == list->cap) {
        size_t cap = list->cap == 0 ? 16 : list->cap * 2;
        struct src_binlog *items = realloc(list->items, cap * sizeof(*items));
        if (items == NULL)
            return ERR_NO_MEMORY;
        list->items = items;
        list->cap = cap;
    }
    struct src_binlog *b = &list->items[list->count++];
    memcpy(b->name, row->values[0].text.ptr, row->values[0].text.len);
    b->name[row->values[0].text.len] = '\0';
    b->size = slice_number(row->values[1].text);
    return ERR_OK;
}

enum err src_server_binlogs(struct src_session *s, const struct src_server *sv,
                            struct src_binlog **out, size_t *count, struct errmsg *em)
{
    struct binlog_list list = {0};
    enum err e = src_query(s, SLICE_LIT("SHOW BINARY LOGS"), take_binlog, &list, em);
    if (e != ERR_OK) {
        free(list.items);
        return missing_privilege(s, e, client_privilege(sv), "listing the binlog files", em);
    }
    *out = list.items;
    *count = list.count;
    return ERR_OK;
}

struct id_list {
    uint32_t *ids;
    size_t count;
    size_t cap;
};

static enum err take_id(void *arg, const struct src_row *row)
{
    struct id_list *list = arg;
    if (list->count >= REPLICAS_MAX)
        return ERR_PROTOCOL;
    if (list->count == list->cap) {
        size_t cap = list->cap == 0 ? 16 : list->cap * 2;
        uint32_t *ids = realloc(list->ids, cap * sizeof(*ids));
        if (ids == NULL)
            return ERR_NO_MEMORY;
        list->ids = ids;
        list->cap = cap;
    }
    list->ids[list->count++] = (uint32_t)slice_number(row->values[0].text);
    return ERR_OK;
}

enum err src_server_replica_ids(struct src_session *s, const struct src_server *sv, uint32_t **ids,
                                size_t *count, struct errmsg *em)
{
    bool renamed = sv->flavour == SRC_MYSQL && sv->version >= SHOW_REPLICAS_VERSION;
    struct id_list list = {0};
    struct slice sql = renamed ? SLICE_LIT("SHOW REPLICAS") : SLICE_LIT("SHOW SLAVE HOSTS");
    enum err e = src_query(s, sql, take_id, &list, em);
    if (e != ERR_OK && e != ERR_ACCESS_DENIED) {
        free(list.ids);
        return e;
    }
    *ids = list.ids;
    *count = e == ERR_OK ? list.count : 0;
    return ERR_OK;
}

/* ---- privileges ---- */

static enum err take_privilege(void *arg, const struct src_row *row)
{
    bool *has = arg;
    if (row->count == 1 && slice_number(row->values[0].text) > 0)
        *has = true;
    return ERR_OK;
}

/*
 * The list of privileges does not show what a role gives, so an account that
 * has none there is tried: registration as a replica asks for the same
 * privilege as the stream, and id 0 troubles no other replica.
 */
enum err src_server_may_replicate(struct src_session *s, const struct src_server *sv,
                                  struct errmsg *em)
{
    bool listed = false;
    char account[400];
    struct writer sql;
    (void)sv;
    src_server_account(s, account, sizeof(account));
    writer_init(&sql, 4096);
    writer_lit(&sql,
               "SELECT COUNT(*) FROM information_schema.USER_PRIVILEGES WHERE "
               "PRIVILEGE_TYPE IN ('REPLICATION SLAVE','REPLICATION REPLICA') AND GRANTEE = ");
    src_quote(&sql, slice_str(account)); /* who may look into mysql.* sees those of others, too */
    enum err e = sql.err;
    if (e == ERR_OK)
        e = src_query(s, writer_slice(&sql), take_privilege, &listed, em);
    writer_fini(&sql);
    TRY(e);
    if (listed)
        return ERR_OK;
    struct my_event event;
    src_session_begin(s);
    e = my_client_register(s->client, 0, SLICE_LIT(""), 0, &s->output);
    if (e != ERR_OK)
        return src_session_fail(s, e, "the registration cannot be sent", em);
    TRY(src_session_flush(s, em));
    TRY(src_session_step(s, &event, em));
    if (event.kind != MY_EVENT_ERROR)
        return ERR_OK;
    e = src_session_refused(s, &event.error, "registration as a replica", em);
    return missing_privilege(s, e, "REPLICATION SLAVE", "following the binlog", em);
}
