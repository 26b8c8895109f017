/*
 * Rows of the full copy: binary protocol rows into the cells that row images
 * of the same table give (binlog/row_plan.h).
 *
 *   copy_plan_select_list(t, NULL, 0, &sql)          what to put behind SELECT
 *   copy_plan_new(t, NULL, 0, &plan, em)             once per table version
 *   copy_plan_check(plan, columns, count)            once per result
 *   copy_row_decode(plan, packet, &scratch, cells)   per row
 *
 * Cells are equal by cell_equal() to those of the binlog: DECIMAL is packed,
 * ENUM and SET are numbers, UUID and INET bytes, text stands in the column's
 * character set. One kind differs: MySQL's JSON comes as text (CELL_TEXT, the
 * server's form, which json_binary_text() makes of the binlog's binary form,
 * too).
 *
 * For that the session has to have character_set_results NULL, time_zone
 * '+00:00' and no PAD_CHAR_TO_FULL_LENGTH in sql_mode (src_copy_settings()).
 *
 * The list names every column of the table but hidden ones: generated,
 * invisible, and a versioned table's row_start and row_end too. The columns of
 * the identity come first, in key order, so that of a row that is cut short
 * the key can still be told.
 *
 * Cells borrow from the packet; what is not there in one piece is put together
 * in the row_scratch. A plan is immutable: any thread.
 */
#pragma once

#include "mysqlproto/binlog/row_plan.h"
#include "mysqlproto/resultset.h"

struct copy_plan;

/*
 * Appends the expressions that the plan with the same arguments decodes, with
 * commas between. columns: those to read, in that order; NULL: all, as above.
 */
void copy_plan_select_list(const struct table *t, const uint16_t *columns, uint32_t count,
                           struct writer *w);

/* Borrows nothing. ERR_NO_MEMORY; ERR_UNSUPPORTED: a type that cannot be read (em may be NULL). */
NODISCARD enum err copy_plan_new(const struct table *t, const uint16_t *columns, uint32_t count,
                                 struct copy_plan **out, struct errmsg *em);
void copy_plan_free(struct copy_plan *p); /* NULL is fine */

uint32_t copy_plan_width(const struct copy_plan *p); /* columns of the table: length of cells */

/*
 * Whether a result's columns are those that the plan was made for: count,
 * types, signedness. ERR_TABLE_MISMATCH: the table has changed.
 */
NODISCARD enum err copy_plan_check(const struct copy_plan *p, const struct my_column *columns,
                                   uint32_t count);

/*
 * Decodes one row: cells[copy_plan_width()], one per column of the table;
 * columns that are not read are CELL_ABSENT. Errors as of row_plan.h;
 * ERR_PROTOCOL: no binary row.
 */
NODISCARD enum err copy_row_decode(const struct copy_plan *p, struct slice packet,
                                   struct row_scratch *s, struct cell *cells);

/*
 * Decodes n columns, in any order, each of which the plan reads: cells[i] is
 * columns[i]. The packet may be cut behind the last of them.
 */
NODISCARD enum err copy_row_decode_columns(const struct copy_plan *p, struct slice packet,
                                           const uint16_t *columns, uint32_t n,
                                           struct row_scratch *s, struct cell *cells);
