/* Between table_map.c and table_map_opt.c. */
#pragma once

#include "mysqlproto/binlog/table_map.h"

/*
 * Reads the optional metadata at a map's end into its columns and key_parts,
 * which has room for one part a column.
 */
NODISCARD enum err binlog_optional_metadata(const struct binlog_format *f, struct slice fields,
                                            struct table_map *map);
