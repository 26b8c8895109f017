/*
 * The cells of one row, before and after a change.
 *
 * A pair grows to the widest table that it met, never for a row. Its cells
 * borrow their bytes from the row's image, or from the scratch that they were
 * decoded with: they hold until the next row.
 *
 * Plain values; all zero holds nothing. Threads: those of its owner, a lane.
 */
#pragma once

#include "mysqlproto/binlog/row_plan.h"
#include "pipeline/batch.h"
#include "schema/cell.h"
#include "schema/table.h"

struct cell_pair {
    struct cell *before;
    struct cell *after;
    uint32_t cap;
};

/* Room for that many columns; what was in it is lost when it grows. ERR_NO_MEMORY. */
NODISCARD enum err cell_pair_need(struct cell_pair *p, uint32_t columns);
void cell_pair_fini(struct cell_pair *p);

/*
 * Decodes a row into p, which grows to its table, and says what change it is:
 * op, before and after of c, which point into p. A half of a split UPDATE
 * becomes a DELETE or a whole INSERT. Errors are those of row_decode().
 */
NODISCARD enum err cell_pair_decode(struct cell_pair *p, const struct row_event *ev,
                                    const struct row_ref *row, struct row_scratch *scratch,
                                    struct change *c);

/* Leaves nothing of the first `columns` cells but the identity of t. False: t has none. */
bool cell_pair_keep_identity(struct cell_pair *p, const struct table *t, uint32_t columns);
