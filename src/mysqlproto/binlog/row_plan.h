/*
 * Row images: where they end, and what is in them.
 *
 * An image is a NULL bitmap, one bit per present column, and the values of the
 * columns that are present and not NULL, in order ("Rows_event", MySQL source
 * docs; value forms: sql/field.cc, sql/log_event.cc). How to read the values
 * of one table is worked out once, as a row_plan.
 *
 * The reader thread calls row_skip() to find where images end and
 * row_decode_columns() for key cells; lanes call row_decode(). present is the
 * bitmap of the event's columns (struct binlog_rows); bits from the column
 * count on are not looked at.
 *
 * Cells borrow from the image. Values that are not there in one piece (padded
 * BINARY, UUID and INET; MariaDB's compressed columns) are put together in the
 * caller's row_scratch and stay there until row_scratch_reset(); the before
 * and the after cells of one UPDATE may so live side by side.
 *
 * A plan is immutable: any thread. A scratch belongs to one thread.
 *
 * Errors: ERR_TRUNCATED, an image that runs past its slice; ERR_MALFORMED, a
 * value that the column cannot have; ERR_TOO_LARGE, no room in the scratch
 * within its maximum; ERR_NO_MEMORY.
 */
#pragma once

#include "base/reader.h"
#include "base/writer.h"
#include "mysqlproto/binlog/inflate.h"
#include "schema/cell.h"
#include "schema/table.h"

struct row_plan;

/* The bitmap of all columns: images of it take a shorter way, known by this address. */
extern const uint8_t row_all_present[512];

/*
 * Borrows nothing from t. ERR_UNSUPPORTED: a column of a type that cannot be
 * read; ERR_TABLE_MISMATCH: a column whose metadata cannot be (em may be NULL).
 */
NODISCARD enum err row_plan_new(const struct table *t, struct row_plan **out, struct errmsg *em);
void row_plan_free(struct row_plan *p);

uint32_t row_plan_width(const struct row_plan *p); /* columns */

/* Columns of type JSON: the bits of a partial update's diff bitmap. */
uint32_t row_plan_json_count(const struct row_plan *p);

struct row_scratch_block;

struct row_scratch {
    struct row_scratch_block *block; /* where values are put now; the older ones hang on it */
    size_t used;                     /* bytes of that block */
    size_t given;                    /* bytes handed out since the reset */
    size_t max;
    struct binlog_inflater inflater;
    struct writer json; /* a document while it is built from diffs */
};

/* max: bytes that one row change may need. */
void row_scratch_init(struct row_scratch *s, size_t max);
void row_scratch_fini(struct row_scratch *s);

/* Whatever was put there is gone; the memory stays. */
void row_scratch_reset(struct row_scratch *s);

/* n bytes that stay where they are until the reset. ERR_TOO_LARGE, ERR_NO_MEMORY. */
NODISCARD enum err row_scratch_get(struct row_scratch *s, size_t n, uint8_t **out);

/* Moves r past one image. */
NODISCARD enum err row_skip(const struct row_plan *p, const uint8_t *present, struct reader *r);

/* Decodes one image and moves r past it: cells[column count]; absent columns are CELL_ABSENT. */
NODISCARD enum err row_decode(const struct row_plan *p, const uint8_t *present, struct reader *r,
                              struct row_scratch *s, struct cell *cells);

/* Decodes n columns, given in ascending order, of one image: cells[i] is columns[i]. */
NODISCARD enum err row_decode_columns(const struct row_plan *p, const uint8_t *present,
                                      struct slice image, const uint16_t *columns, uint32_t n,
                                      struct row_scratch *s, struct cell *cells);

/*
 * After row_decode() of both images of a partial update: the documents of the
 * after cells that are lists of diffs (bits of json_diff, struct binlog_row)
 * are built from the before cells. ERR_UNSUPPORTED: the before document is not
 * in the image (binlog_row_image is not FULL).
 */
NODISCARD enum err row_apply_json_diffs(const struct row_plan *p, const uint8_t *json_diff,
                                        const struct cell *before, struct row_scratch *s,
                                        struct cell *after);
