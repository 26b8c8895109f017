/*
 * Key values of a table that is copied: bounds of chunks, and how they order.
 *
 * A copy_key is one value of the key in a form of its own, which both phases
 * reach: cells of a row image and cells of a result set give the same key.
 * It owns its bytes.
 */
#pragma once

#include "base/err.h"
#include "base/reader.h"
#include "base/writer.h"
#include "schema/cell.h"
#include "schema/table.h"

struct copy_key {
    uint32_t count;
    struct cell cells[]; /* one per key column, bytes behind them in the same block */
};

/* cells[i] is the value of column columns[i] of t. ERR_MALFORMED: a cell is absent or NULL. */
NODISCARD enum err copy_key_new(const struct table *t, const uint16_t *columns, uint32_t count,
                                const struct cell *cells, struct copy_key **out);

/* A byte form for the checkpoint. Parse: ERR_TRUNCATED, ERR_MALFORMED. */
void copy_key_put(const struct copy_key *k, struct writer *w);
NODISCARD enum err copy_key_parse(struct reader *r, struct copy_key **out);

bool copy_key_equal(const struct copy_key *a, const struct copy_key *b);

/*
 * Whether these columns can be ordered here exactly as the server orders them:
 * integers, DECIMAL, floats, temporal, BIT, YEAR, ENUM, SET, binary and _bin
 * text. Text in another collation is the server's business.
 */
bool copy_key_orderable(const struct table *t, const uint16_t *columns, uint32_t count);

/* <0, 0, >0: the row with these key cells (of the stream or of a copy) against k. Orderable only. */
int copy_key_compare(const struct table *t, const uint16_t *columns, const struct cell *cells,
                     const struct copy_key *k);

/* "(7, 'abc')" for messages, cut to cap. Returns buf. */
const char *copy_key_text(const struct table *t, const uint16_t *columns, const struct copy_key *k,
                          char *buf, size_t cap);
