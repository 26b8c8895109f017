#include "pipeline/statement.h"

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
