#include "pipeline/statement.h"

#include "base/writer.h"
#include "schema/charset.h"
#include "schema/ddl.h"
#include "source/server.h"

#include <stdlib.h>

#define STATEMENT_MAX (64u << 20) /* bytes of expanded text */

enum err statement_open(struct statement *st, struct binlog_inflater *inf,
                        const struct binlog_format *f, const struct binlog_event *ev)
{
    *st = (struct statement){.sql = SLICE_LIT("")};
    TRY(binlog_query_parse(f, ev, &st->query));
    st->sql = st->query.sql;
    if (!st->query.compressed)
        return ERR_OK;
    size_t len;
    TRY(binlog_record_len(st->query.sql, &len));
    if (len > STATEMENT_MAX)
        return ERR_TOO_LARGE;
    st->expanded = malloc(len + 1);
    if (st->expanded == NULL)
        return ERR_NO_MEMORY;
    enum err e = binlog_record_inflate(inf, st->query.sql, st->expanded, len);
    st->sql = slice_of(st->expanded, len);
    if (e != ERR_OK)
        statement_close(st);
    return e;
}

void statement_close(struct statement *st)
{
    free(st->expanded);
    st->expanded = NULL;
    st->sql = SLICE_LIT("");
}

static bool is_ascii(struct slice s)
{
    uint8_t any = 0;
    for (size_t i = 0; i < s.len; i++)
        any |= s.ptr[i];
    return any < 0x80;
}

enum err statement_utf8(const struct binlog_query *q, struct slice sql, struct writer *out,
                        struct slice *text)
{
    *text = sql;
    if (is_ascii(sql)) /* which all character sets of sessions agree on */
        return ERR_OK;
    const struct charset *cs = NULL;
    if ((q->has & BINLOG_Q_CHARSET) != 0)
        cs = charset_of_collation(q->client_collation);
    if (cs == NULL || cs->form == CHARSET_BINARY)
        cs = charset_of_name(SLICE_LIT("utf8mb4"));
    TRY(charset_prepare(cs));
    TRY(charset_to_utf8(cs, sql, out, true, NULL));
    *text = writer_slice(out);
    return ERR_OK;
}

struct ddl_options statement_options(const struct src_server *sv, const struct binlog_query *q)
{
    return (struct ddl_options){
        .dialect = {.sql_mode = (q->has & BINLOG_Q_SQL_MODE) != 0 ? q->sql_mode : 0,
                    .version = sv->version,
                    .mariadb = sv->flavour == SRC_MARIADB},
        .default_database = q->db,
        .lower_case_table_names = (uint8_t)sv->lower_case_table_names};
}
