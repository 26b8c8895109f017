/*
 * Shared by the files of table*.c: the state of one table_resolve(), and how
 * it says what does not fit.
 */
#pragma once

#include "base/arena.h"
#include "base/writer.h"
#include "schema/table.h"
#include "schema/type_text.h"

struct resolver {
    const struct table_map *map;
    const struct table_def *def; /* may be NULL */
    struct errmsg *em;
    struct arena *arena;
    struct table *table;
    struct writer scratch;
    uint32_t before; /* columns of the map before def's first one; behind its last: */
    uint32_t versioning;
    uint32_t hashes;
};

/* The sentence "table shop.item: ..."; ERR_TABLE_MISMATCH. */
enum err table_mismatch(struct resolver *b, const char *fmt, ...) PRINTF(2, 3);

/* The same with "column 3 `qty`" in front; i counts from 0, the column's name is set. */
enum err table_column_mismatch(struct resolver *b, uint32_t i, const char *fmt, ...) PRINTF(3, 4);

/* Labels of an ENUM or SET column from both witnesses, the map's winning; t is its type text. */
NODISCARD enum err table_labels(struct resolver *b, uint32_t i, const struct type_text *t);

/* Labels from the map alone; leaves the type text that they make in b->scratch. */
NODISCARD enum err table_labels_rebuild(struct resolver *b, uint32_t i);

/* Primary key, identity and partition columns, once all columns are there. */
NODISCARD enum err table_keys(struct resolver *b);
