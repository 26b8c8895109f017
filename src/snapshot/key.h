/*
 * Key values of a table that is copied: bounds of chunks, and how they order.
 *
 * A copy_key is one value of the key in a form of its own, which both phases
 * reach: cells of a row image and cells of a result set give the same key.
 *
 *   integers, BIT, YEAR, ENUM, SET   CELL_I64, CELL_U64
 *   FLOAT, DOUBLE                    CELL_F32, CELL_F64, never -0
 *   DECIMAL                          CELL_TEXT, "-0.50"
 *   temporal                         as in a cell
 *   text, binary, UUID, INET         CELL_BYTES, in the column's character set
 *
 * It owns its bytes, and is immutable. Two rows have one key when the bytes of
 * their keys are equal, even where the column's collation takes 'a' and 'A'
 * for the same: that is how a consumer sees it.
 */
#pragma once

#include "base/err.h"
#include "base/reader.h"
#include "base/writer.h"
#include "schema/cell.h"
#include "schema/table.h"

#define COPY_KEY_COLUMNS_MAX 64          /* MariaDB allows 32, MySQL 16 */
#define COPY_KEY_VALUE_MAX   (64u << 10) /* bytes of one column; engines allow 3072 for all */

struct copy_key {
    uint32_t count;
    struct cell cells[]; /* one per key column, bytes behind them in the same block */
};

/*
 * cells[i] is the value of column columns[i] of t. *out is one block: free() it.
 * ERR_MALFORMED: a cell is absent, NULL, or none that its column can have.
 */
NODISCARD enum err copy_key_new(const struct table *t, const uint16_t *columns, uint32_t count,
                                const struct cell *cells, struct copy_key **out);

/*
 * A byte form for the checkpoint and for hash tables: equal keys have equal
 * bytes. The second one makes it from cells, without a key between.
 * Parse: ERR_TRUNCATED, ERR_MALFORMED.
 */
void copy_key_put(const struct copy_key *k, struct writer *w);
NODISCARD enum err copy_key_put_cells(const struct table *t, const uint16_t *columns,
                                      uint32_t count, const struct cell *cells, struct writer *w);
NODISCARD enum err copy_key_parse(struct reader *r, struct copy_key **out);

bool copy_key_equal(const struct copy_key *a, const struct copy_key *b);

/*
 * Whether these columns can be ordered here exactly as the server orders them:
 * integers, DECIMAL, floats, temporal, BIT, YEAR, ENUM, SET, INET, binary and
 * _bin text of sets whose order is plain. Text in another collation, and
 * MariaDB's UUID, are the server's business.
 */
bool copy_key_orderable(const struct table *t, const uint16_t *columns, uint32_t count);

/*
 * <0, 0, >0: the row with these key cells (of the stream or of a copy) against
 * k, as the server's ORDER BY has it. Orderable columns only; cells that
 * copy_key_new() takes.
 */
int copy_key_compare(const struct table *t, const uint16_t *columns, const struct cell *cells,
                     const struct copy_key *k);

/* "(7, 'abc', x'00ff')" for messages, cut to cap, at least 1. Returns buf. */
const char *copy_key_text(const struct table *t, const uint16_t *columns, const struct copy_key *k,
                          char *buf, size_t cap);
