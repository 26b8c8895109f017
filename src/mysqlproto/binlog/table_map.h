/*
 * TABLE_MAP events into struct table_map (schema/table_map.h).
 *
 * Layout: libs/mysql/binlog/event/rows_event.h, Table_map_event (MySQL source
 * docs), optional metadata included; MariaDB: sql/log_event.h.
 *
 * A map comes before every statement's rows, and is nearly always one that is
 * known: binlog_table_map_head() finds id, names and the raw definition, whose
 * bytes can be compared with those of the last time. Only for new ones is
 * binlog_table_map_parse() worth its while.
 */
#pragma once

#include "mysqlproto/binlog/event.h"
#include "schema/table_map.h"

#define BINLOG_COLUMNS_MAX 4096u /* of one table, MySQL and MariaDB */

/* The arrays of the last parsed map; they grow to the widest table met and stay. All zero is empty.
 */
struct binlog_map_scratch {
    struct map_column *columns;
    uint32_t columns_cap;
    struct map_key_part *key_parts;
    uint32_t key_parts_cap;
};

void binlog_map_scratch_fini(struct binlog_map_scratch *s);

struct binlog_map_head {
    uint64_t table_id;
    uint16_t flags;
    struct slice database;
    struct slice name;
    struct slice raw; /* from the column count to the end: equal bytes, equal definition */
};

NODISCARD enum err binlog_table_map_head(const struct binlog_format *f, struct slice body,
                                         struct binlog_map_head *out);

/*
 * The whole map. Its arrays live in s until the next call with it, its slices
 * point into body. Optional metadata of an unknown type is skipped; metadata
 * that does not fit its columns is ERR_MALFORMED. ERR_UNSUPPORTED: a column
 * type whose values cannot be read (typed arrays, types of unknown code).
 */
NODISCARD enum err binlog_table_map_parse(const struct binlog_format *f, struct slice body,
                                          struct binlog_map_scratch *s, struct table_map *out);

/* The id of a TABLE_MAP or rows event: the first field of either body. */
NODISCARD enum err binlog_table_id(const struct binlog_format *f, uint8_t type, struct slice body,
                                   uint64_t *out);

/*
 * ENUM and SET labels of a column (struct map_column, members): *count labels
 * follow in *r, each read with reader_lenenc_str(), in the column's character
 * set. A list that binlog_table_map_parse() handed out cannot be damaged.
 */
struct reader;
NODISCARD enum err binlog_members_begin(struct slice members, struct reader *r, uint32_t *count);
