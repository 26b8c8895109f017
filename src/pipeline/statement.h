/*
 * The text of a QUERY event, expanded where it is compressed.
 *
 *   struct statement st;
 *   TRY(statement_open(&st, inflater, format, event));   st.query, st.sql
 *   statement_close(&st);
 *
 * Threads: the one that owns the inflater.
 */
#pragma once

#include "mysqlproto/binlog/inflate.h"
#include "mysqlproto/binlog/query.h"

struct writer;

struct statement {
    struct binlog_query query;
    struct slice sql;  /* the statement's text; borrowed from the event, or ours */
    uint8_t *expanded; /* NULL: it was not compressed */
};

NODISCARD enum err statement_open(struct statement *st, struct binlog_inflater *inf,
                                  const struct binlog_format *f, const struct binlog_event *ev);
void statement_close(struct statement *st);

struct src_server;
struct ddl_options;

/* How the statement is to be read (schema/ddl.h). */
struct ddl_options statement_options(const struct src_server *sv, const struct binlog_query *q);

/*
 * The statement as UTF-8, from the character set of its session; bytes that
 * are no text in it become U+FFFD. *text borrows from sql or from out.
 */
NODISCARD enum err statement_utf8(const struct binlog_query *q, struct slice sql,
                                  struct writer *out, struct slice *text);
