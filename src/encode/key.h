/*
 * Record keys and partitions.
 *
 * Both are made from source names and canonical key texts, which no option
 * changes: integers and DECIMAL as digits, TIMESTAMP in UTC, ENUM and SET as
 * labels, binary with each byte as the code point of the same value, text as
 * UTF-8 (a text that is not valid in its character set counts as binary, so
 * that two rows never share a key by it). NULL is the empty text for the hash
 * and null in the record key.
 *
 *   record key   ["shop","item","7"]      database, table, identity
 *   partition    none           0
 *                table          H(database + "." + table)
 *                primary-key    H(database) ^ H(v1) ^ H(v2) ...
 *                each as abs(abs(hash) % n)
 *
 * H is Java's String.hashCode: over UTF-16 code units, in 32 bits.
 *
 * A struct key_table is made once per table version, is immutable and shared:
 * the reader hashes, the lanes make record keys.
 */
#pragma once

#include "base/err.h"
#include "base/writer.h"
#include "schema/cell.h"
#include "schema/table.h"

enum partition_policy { PARTITION_NONE, PARTITION_TABLE, PARTITION_KEY };

struct key_table;

/*
 * t must live as long as the result. columns: what chooses the partition under
 * PARTITION_KEY, NULL for t's own partition columns. NULL: no memory.
 */
struct key_table *key_table_new(const struct table *t, enum partition_policy policy,
                                const uint16_t *columns, uint32_t column_count);
void key_table_free(struct key_table *kt); /* may be NULL */

/* What all record keys of the table begin with, up to the comma before the identity. */
struct slice key_table_prefix(const struct key_table *kt);

/* The columns whose cells partition_hash() wants, ascending; 0 when it needs none. */
const uint16_t *key_table_partition_columns(const struct key_table *kt, uint32_t *count);

/*
 * The hash of a row. cells[i] is the cell of the i-th partition column (not of
 * the table's i-th column). scratch is the caller's room for conversions; what
 * is in it is overwritten. ERR_MALFORMED: a cell is absent or has a value that
 * its column cannot have. ERR_NO_MEMORY, ERR_TOO_LARGE from scratch.
 */
NODISCARD enum err partition_hash(const struct key_table *kt, const struct cell *cells,
                                  struct writer *scratch, int32_t *hash);

/* abs(abs(hash) % count); count is at least 1. */
static inline int32_t partition_of(int32_t hash, int32_t count)
{
    /* The absolute value of INT32_MIN is INT32_MIN in Java, and % keeps its sign. */
    int32_t a = hash < 0 ? (int32_t)(0u - (uint32_t)hash) : hash;
    int32_t m = a % count;
    return m < 0 ? -m : m;
}

/* False: the table has no identity, so its records have no key. */
bool key_table_has_record_key(const struct key_table *kt);

/*
 * Appends the record key. cells are the row's, one per column of the table; of
 * an UPDATE the after image, with columns that it leaves out taken from
 * other (the before image; may be NULL). ERR_MALFORMED: an identity cell is in
 * neither, or has a value that its column cannot have. ERR_TOO_LARGE,
 * ERR_NO_MEMORY from w. On failure nothing is appended and w stays usable.
 */
NODISCARD enum err key_encode(const struct key_table *kt, const struct cell *cells,
                              const struct cell *other, struct writer *w);

/*
 * Appends the canonical text of one cell that is neither absent nor NULL, not
 * quoted and not escaped. ERR_MALFORMED as above; ERR_NO_MEMORY.
 */
NODISCARD enum err key_text(const struct column *col, const struct cell *cell, struct writer *w);

/*
 * Java's String.hashCode, continued from h (0 at the start) over UTF-8 text. A
 * byte that begins no valid character counts as the code unit of its value.
 */
uint32_t java_hash(uint32_t h, struct slice utf8);
