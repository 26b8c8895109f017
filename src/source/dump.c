/*
 * Opening a stream (sql/rpl_source.cc and sql/rpl_replica.cc of MySQL,
 * sql/sql_repl.cc of MariaDB):
 *
 *   1. session variables under both their old and their new names: a server
 *      reads those it knows, the others are plain user variables
 *   2. timeouts: the server waits for us when Kafka is slow
 *   3. MariaDB: what we understand, and where to go on
 *   4. COM_REGISTER_SLAVE, so that SHOW REPLICAS shows us
 *   5. COM_BINLOG_DUMP or COM_BINLOG_DUMP_GTID
 */
#include "source/dump.h"

#include "source/session_int.h"

#include <stdio.h>

#define NET_TIMEOUT_S           7200u
#define WAIT_TIMEOUT_S          604800u
#define MARIADB_CAPABILITY_GTID 4
#define HEARTBEAT_V2_VERSION    80026
#define OFFSET_FIRST            4

static enum err set_stream_variables(struct src_session *s, const struct src_dump_options *o,
                                     struct errmsg *em)
{
    unsigned long long period_ns = (unsigned long long)o->heartbeat_ms * 1000000;
    const char *checksum = o->checksum != NULL && o->checksum[0] != '\0' ? o->checksum : "NONE";
    TRY(src_execute(s, em, "SET @source_binlog_checksum='%s', @master_binlog_checksum='%s'",
                    checksum, checksum));
    TRY(src_execute(s, em, "SET @source_heartbeat_period=%llu, @master_heartbeat_period=%llu",
                    period_ns, period_ns));
    if (o->uuid != NULL && o->uuid[0] != '\0')
        TRY(src_execute(s, em, "SET @replica_uuid='%s', @slave_uuid='%s'", o->uuid, o->uuid));
    return src_execute(s, em,
                       "SET SESSION net_write_timeout=%u, SESSION net_read_timeout=%u, "
                       "SESSION wait_timeout=%u",
                       NET_TIMEOUT_S, NET_TIMEOUT_S, WAIT_TIMEOUT_S);
}

static enum err set_mariadb_variables(struct src_session *s, const struct src_dump_options *o,
                                      struct errmsg *em)
{
    TRY(src_execute(s, em, "SET @mariadb_slave_capability=%d", MARIADB_CAPABILITY_GTID));
    if (o->maria == NULL)
        return ERR_OK;
    struct writer sql;
    writer_init(&sql, (size_t)MARIA_DOMAINS_MAX * 48);
    writer_lit(&sql, "SET @slave_connect_state='");
    maria_gtid_pos_print(o->maria, &sql);
    writer_lit(&sql, "', @slave_gtid_strict_mode=0, @slave_gtid_ignore_duplicates=0");
    enum err e = sql.err;
    if (e == ERR_OK)
        e = src_query(s, writer_slice(&sql), NULL, NULL, em);
    writer_fini(&sql);
    return e;
}

static enum err register_replica(struct src_session *s, uint32_t server_id, struct errmsg *em)
{
    struct my_event event;
    src_session_begin(s);
    enum err e = my_client_register(s->client, server_id, SLICE_LIT(""), 0, &s->output);
    if (e != ERR_OK)
        return src_session_fail(s, e, "the registration cannot be sent", em);
    TRY(src_session_flush(s, em));
    TRY(src_session_step(s, &event, em));
    if (event.kind == MY_EVENT_ERROR)
        return src_session_refused(s, &event.error,
                                   "registration as a replica, which needs REPLICATION SLAVE", em);
    return ERR_OK;
}

static uint16_t dump_flags(const struct src_server *sv, const struct src_dump_options *o)
{
    uint16_t flags = o->non_blocking ? MY_DUMP_NON_BLOCK : 0;
    if (sv->flavour == SRC_MARIADB)
        return flags; /* annotations are of no use to us */
    return sv->version >= HEARTBEAT_V2_VERSION ? flags | MY_DUMP_HEARTBEAT_V2 : flags;
}

static enum err check_start(const struct src_server *sv, const struct src_dump_options *o,
                            struct errmsg *em)
{
    int ways = (o->file != NULL) + (o->executed != NULL) + (o->maria != NULL);
    bool fits = o->executed == NULL || sv->flavour == SRC_MYSQL;
    fits = fits && (o->maria == NULL || sv->flavour == SRC_MARIADB);
    if (ways != 1 || !fits)
        return errmsg_set(em, ERR_BUG, "a stream needs one start that fits the source");
    if (o->file != NULL && o->offset > UINT32_MAX)
        return errmsg_set(em, ERR_UNSUPPORTED,
                          "binlog %s cannot be opened at %llu: the protocol reaches 4 GiB only; "
                          "switch GTIDs on, or start at an earlier position",
                          o->file, (unsigned long long)o->offset);
    return ERR_OK;
}

enum err src_dump_start(struct src_session *s, const struct src_server *sv,
                        const struct src_dump_options *o, struct errmsg *em)
{
    TRY(check_start(sv, o, em));
    TRY(set_stream_variables(s, o, em));
    if (sv->flavour == SRC_MARIADB)
        TRY(set_mariadb_variables(s, o, em));
    TRY(register_replica(s, o->server_id, em));
    struct my_dump dump = {
        .server_id = o->server_id,
        .flags = dump_flags(sv, o),
        .file = slice_str(o->file != NULL ? o->file : ""),
        .offset = o->file != NULL && o->offset > OFFSET_FIRST ? (uint32_t)o->offset : OFFSET_FIRST,
        .executed = o->executed,
    };
    src_session_begin(s);
    enum err e = my_client_dump(s->client, &dump, &s->output);
    if (e != ERR_OK)
        return src_session_fail(s, e, "the request for the binlog cannot be sent", em);
    return src_session_flush(s, em);
}

enum err src_dump_read(struct src_session *s, uint8_t *buf, size_t cap, size_t *n,
                       struct errmsg *em)
{
    /* What came in one piece with the last answer; usually nothing. */
    if (s->input_at < s->input_len) {
        size_t left = s->input_len - s->input_at;
        *n = left < cap ? left : cap;
        memcpy(buf, s->input + s->input_at, *n);
        s->input_at += *n;
        return ERR_OK;
    }
    enum err e = src_session_receive(s, buf, cap, n);
    if (e == ERR_OK || e == ERR_NEED_INPUT)
        return e;
    const char *why = net_conn_errmsg(s->conn);
    return src_session_fail(s, e, why[0] != '\0' ? why : err_text(e), em);
}

struct net_conn *src_dump_conn(struct src_session *s)
{
    return s->conn;
}
