/*
 * What the full copy says to a source: the settings of its sessions, and its
 * SQL as far as types decide it.
 *
 * The list of a SELECT is copy_plan_select_list() (mysqlproto/copy_plan.h).
 */
#pragma once

#include "source/prepared.h"
#include "source/server.h"

struct src_copy_options {
    bool repeatable_read;   /* else READ COMMITTED */
    uint32_t lock_wait_s;   /* for row and table locks; 0: 5 */
    uint64_t max_query_ms;  /* the server ends a SELECT after that long; 0: never */
    uint32_t net_timeout_s; /* how long the server waits for us to read on; 0: 7200 */
};

/*
 * Makes the session one for reading rows: text and ENUM labels in each
 * column's own character set, TIMESTAMP in UTC, no sql_mode or other setting
 * that changes what is read or what a condition means. Settings that a server does not have are passed over. Results of
 * src_query() are not in utf8mb4 any more where a table has other character
 * sets (information_schema has not).
 */
NODISCARD enum err src_copy_settings(struct src_session *s, const struct src_server *sv,
                                     const struct src_copy_options *o, struct errmsg *em);

/*
 * Appends the text that stands for a parameter (struct src_param) to be
 * compared with column c: "?", or what turns it into a text of the column's
 * own character set and collation, so that it is the same bytes, orders as the
 * column does, and an index on the column serves.
 */
void src_param_text(struct writer *w, const struct column *c);
