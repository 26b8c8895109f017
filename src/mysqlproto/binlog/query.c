#include "mysqlproto/binlog/query.h"

#include "base/reader.h"

#define QUERY_POST_HEADER     13u
#define QUERY_POST_HEADER_OLD 11u /* MySQL before 5.0: no status variables */
#define LOAD_POST_HEADER      13u /* EXECUTE_LOAD_QUERY, after that of QUERY */

/* Codes of status variables: Query_event_status_vars, statement_events.h; from 128 on MariaDB. */
enum {
    VAR_FLAGS2 = 0,
    VAR_SQL_MODE = 1,
    VAR_CATALOG = 2,
    VAR_AUTO_INCREMENT = 3,
    VAR_CHARSET = 4,
    VAR_TIME_ZONE = 5,
    VAR_CATALOG_NZ = 6,
    VAR_LC_TIME_NAMES = 7,
    VAR_CHARSET_DATABASE = 8,
    VAR_TABLE_MAP_FOR_UPDATE = 9,
    VAR_MASTER_DATA_WRITTEN = 10,
    VAR_INVOKER = 11,
    VAR_UPDATED_DB_NAMES = 12,
    VAR_MICROSECONDS = 13,
    VAR_COMMIT_TS = 14,
    VAR_COMMIT_TS2 = 15,
    VAR_EXPLICIT_DEFAULTS = 16,
    VAR_DDL_XID = 17,
    VAR_DEFAULT_COLLATION = 18,
    VAR_REQUIRE_PRIMARY_KEY = 19,
    VAR_TABLE_ENCRYPTION = 20,
    VAR_CASCADE_TRIGGERS = 21,
    VAR_HRNOW = 128,
    VAR_XID = 129,
    VAR_GTID_FLAGS3 = 130,
    VAR_COLLATIONS = 131,
};

static void var_charset(struct reader *r, struct binlog_query *q)
{
    q->has |= BINLOG_Q_CHARSET;
    q->client_collation = reader_u16(r);
    q->connection_collation = reader_u16(r);
    q->server_collation = reader_u16(r);
}

static void var_updated_dbs(struct reader *r, struct binlog_query *q)
{
    q->has |= BINLOG_Q_UPDATED_DBS;
    q->updated_db_count = reader_u8(r);
    const uint8_t *names = r->p;
    if (q->updated_db_count != BINLOG_UPDATED_DBS_TOO_MANY)
        for (unsigned i = 0; i < q->updated_db_count; i++)
            (void)reader_cstr(r);
    q->updated_dbs = slice_of(names, r->err == ERR_OK ? (size_t)(r->p - names) : 0);
}

static void var_gtid_flags3(struct reader *r, struct binlog_query *q)
{
    q->has |= BINLOG_Q_GTID_FLAGS3;
    q->gtid_flags3 = reader_u8(r);
    if (q->gtid_flags3 & 12)
        q->alter_sequence = reader_u64(r);
}

static void var_microseconds(struct reader *r, struct binlog_query *q)
{
    q->has |= BINLOG_Q_MICROSECONDS;
    q->microseconds = reader_u24(r);
}

static void var_xid(struct reader *r, struct binlog_query *q)
{
    q->has |= BINLOG_Q_XID;
    q->xid = reader_u64(r);
}

/* One variable's value. False: the code is not known, so its length is not either. */
static bool status_var(struct reader *r, uint8_t code, struct binlog_query *q)
{
    switch (code) {
    case VAR_FLAGS2:
        q->has |= BINLOG_Q_FLAGS2;
        q->flags2 = reader_u32(r);
        return true;
    case VAR_SQL_MODE:
        q->has |= BINLOG_Q_SQL_MODE;
        q->sql_mode = reader_u64(r);
        return true;
    case VAR_CATALOG:
        q->catalog = reader_take(r, reader_u8(r));
        reader_skip(r, 1);
        return true;
    case VAR_AUTO_INCREMENT:
        q->has |= BINLOG_Q_AUTO_INCREMENT;
        q->auto_increment = reader_u16(r);
        q->auto_increment_offset = reader_u16(r);
        return true;
    case VAR_CHARSET:
        var_charset(r, q);
        return true;
    case VAR_TIME_ZONE:
        q->time_zone = reader_take(r, reader_u8(r));
        return true;
    case VAR_CATALOG_NZ:
        q->catalog = reader_take(r, reader_u8(r));
        return true;
    case VAR_LC_TIME_NAMES:
    case VAR_CHARSET_DATABASE:
        reader_skip(r, 2);
        return true;
    case VAR_TABLE_MAP_FOR_UPDATE:
        reader_skip(r, 8);
        return true;
    case VAR_MASTER_DATA_WRITTEN:
        reader_skip(r, 4);
        return true;
    case VAR_INVOKER:
        reader_skip(r, reader_u8(r));
        reader_skip(r, reader_u8(r));
        return true;
    case VAR_UPDATED_DB_NAMES:
        var_updated_dbs(r, q);
        return true;
    case VAR_MICROSECONDS:
    case VAR_HRNOW:
        var_microseconds(r, q);
        return true;
    case VAR_EXPLICIT_DEFAULTS:
    case VAR_REQUIRE_PRIMARY_KEY:
    case VAR_TABLE_ENCRYPTION:
    case VAR_CASCADE_TRIGGERS:
        reader_skip(r, 1);
        return true;
    case VAR_DDL_XID:
    case VAR_XID:
        var_xid(r, q);
        return true;
    case VAR_DEFAULT_COLLATION:
        q->has |= BINLOG_Q_DEFAULT_COLLATION;
        q->default_collation = reader_u16(r);
        return true;
    case VAR_GTID_FLAGS3:
        var_gtid_flags3(r, q);
        return true;
    case VAR_COLLATIONS:
        reader_skip(r, reader_u8(r) * (size_t)4);
        return true;
    case VAR_COMMIT_TS:
    case VAR_COMMIT_TS2:
    default:
        return false;
    }
}

static enum err status_vars(struct binlog_query *q)
{
    struct reader r = reader_of(q->vars);
    while (reader_left(&r) > 0) {
        if (!status_var(&r, reader_u8(&r), q)) {
            q->has |= BINLOG_Q_UNKNOWN;
            break;
        }
    }
    return reader_finish(&r);
}

/* u32 file id, u32 start and u32 end of the file name in the SQL, u8 what duplicates do */
static void load_post_header(struct reader *r, struct binlog_query *q)
{
    q->file_id = reader_u32(r);
    q->file_name_start = reader_u32(r);
    q->file_name_end = reader_u32(r);
    q->duplicates = reader_u8(r);
}

/*
 * post-header: u32 thread id, u32 seconds, u8 database length, u16 error code,
 * u16 length of the status variables; then these, database, NUL, SQL.
 */
enum err binlog_query_parse(const struct binlog_format *f, const struct binlog_event *ev,
                            struct binlog_query *out)
{
    struct binlog_query q = {.compressed = ev->header.type == BINLOG_QUERY_COMPRESSED,
                             .catalog = SLICE_LIT(""),
                             .time_zone = SLICE_LIT(""),
                             .updated_dbs = SLICE_LIT("")};
    bool load = ev->header.type == BINLOG_EXECUTE_LOAD_QUERY;
    size_t known = QUERY_POST_HEADER + (load ? LOAD_POST_HEADER : 0);
    size_t listed = f->post_header_len[ev->header.type];
    bool old = listed == QUERY_POST_HEADER_OLD;
    struct reader r = reader_of(ev->body);
    q.thread_id = reader_u32(&r);
    q.exec_seconds = reader_u32(&r);
    uint8_t db_len = reader_u8(&r);
    q.error_code = reader_u16(&r);
    uint16_t vars_len = old ? 0 : reader_u16(&r);
    if (load)
        load_post_header(&r, &q);
    if (listed > known)
        reader_skip(&r, listed - known);
    q.vars = reader_take(&r, vars_len);
    q.db = reader_take(&r, db_len);
    reader_skip(&r, 1);
    q.sql = reader_rest(&r);
    TRY(reader_finish(&r));
    TRY(status_vars(&q));
    *out = q;
    return ERR_OK;
}
