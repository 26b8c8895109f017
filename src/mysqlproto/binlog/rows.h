/*
 * Rows events: WRITE, UPDATE, DELETE of versions 0 to 2, MariaDB's compressed
 * ones, PARTIAL_UPDATE_ROWS.
 *
 * Layout: libs/mysql/binlog/event/rows_event.h, Rows_event (MySQL source docs).
 *
 * Order of use: binlog_rows_parse(); find the table by id and check that its
 * column count is the event's width (else binlog_rows_next() says
 * ERR_TABLE_MISMATCH); expand a compressed event; then binlog_rows_next() until the reader is at
 * its end:
 *
 *     struct reader r = reader_of(ev.rows);
 *     while (r.p < r.end)
 *         TRY(binlog_rows_next(&ev, plan, &r, &row));
 *
 * Slices and bitmaps point into the event (the rows of a compressed one into
 * the buffer they were expanded to). Bits of a bitmap from the width on are
 * undefined as sent; the row_ functions never look at them.
 */
#pragma once

#include "mysqlproto/binlog/event.h"
#include "mysqlproto/binlog/row_plan.h"

#define BINLOG_ROWS_STMT_END 1u /* last rows event of its statement */

/* Table id of an event without rows that only ends a statement (u32 and u48 form). */
#define BINLOG_TABLE_ID_DUMMY_32 UINT64_C(0x00FFFFFF)
#define BINLOG_TABLE_ID_DUMMY_48 UINT64_C(0xFFFFFFFFFFFF)

enum binlog_rows_op { BINLOG_ROWS_WRITE, BINLOG_ROWS_UPDATE, BINLOG_ROWS_DELETE };

struct binlog_rows {
    uint64_t table_id;
    uint16_t flags;
    enum binlog_rows_op op;
    bool partial;          /* PARTIAL_UPDATE_ROWS */
    bool compressed;       /* rows is a compressed record: inflate.h */
    bool dummy;            /* carries no rows and belongs to no table */
    uint32_t width;        /* columns */
    const uint8_t *before; /* columns present in before images, or row_all_present; WRITE: NULL */
    const uint8_t *after;  /* in after images; DELETE: NULL */
    struct slice bitmaps;  /* the bitmaps as sent */
    struct slice extra;    /* version 2: extra data, raw */
    struct slice rows;
};

/* One row change; whichever image the operation does not have is empty. */
struct binlog_row {
    struct slice before;
    struct slice after;
    const uint8_t *json_diff; /* PARTIAL_UPDATE_ROWS: one bit per JSON column of the table whose
                                 after value is a list of diffs; NULL: none is */
};

static inline bool binlog_is_rows(uint8_t type)
{
    return (type >= BINLOG_WRITE_ROWS_V0 && type <= BINLOG_DELETE_ROWS_V1) ||
           (type >= BINLOG_WRITE_ROWS_V2 && type <= BINLOG_DELETE_ROWS_V2) ||
           type == BINLOG_PARTIAL_UPDATE_ROWS ||
           (type >= BINLOG_WRITE_ROWS_COMPRESSED_V1 && type <= BINLOG_DELETE_ROWS_COMPRESSED_V2);
}

NODISCARD enum err binlog_rows_parse(const struct binlog_format *f, const struct binlog_event *ev,
                                     struct binlog_rows *out);

/* The next row change; r reads ev->rows, which is not compressed (any more), and is not at its end.
 */
NODISCARD enum err binlog_rows_next(const struct binlog_rows *ev, const struct row_plan *p,
                                    struct reader *r, struct binlog_row *out);
