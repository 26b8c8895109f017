/*
 * What a TABLE_MAP event says about a table: the first of the three witnesses.
 *
 * mysqlproto/binlog/table_map.c fills it; table.c of this room merges it with
 * the definition that we hold. All slices point into the event's frame, the
 * arrays into the caller's arena (see the parser).
 */
#pragma once

#include "base/slice.h"

/* MySQL's type codes (field_types.h), as far as they occur. */
enum my_type {
    MY_TYPE_DECIMAL = 0, MY_TYPE_TINY = 1, MY_TYPE_SHORT = 2, MY_TYPE_LONG = 3, MY_TYPE_FLOAT = 4,
    MY_TYPE_DOUBLE = 5, MY_TYPE_NULL = 6, MY_TYPE_TIMESTAMP = 7, MY_TYPE_LONGLONG = 8,
    MY_TYPE_INT24 = 9, MY_TYPE_DATE = 10, MY_TYPE_TIME = 11, MY_TYPE_DATETIME = 12,
    MY_TYPE_YEAR = 13, MY_TYPE_NEWDATE = 14, MY_TYPE_VARCHAR = 15, MY_TYPE_BIT = 16,
    MY_TYPE_TIMESTAMP2 = 17, MY_TYPE_DATETIME2 = 18, MY_TYPE_TIME2 = 19, MY_TYPE_TYPED_ARRAY = 20,
    MY_TYPE_BLOB_COMPRESSED = 140, MY_TYPE_VARCHAR_COMPRESSED = 141, MY_TYPE_VECTOR = 242,
    MY_TYPE_JSON = 245, MY_TYPE_NEWDECIMAL = 246, MY_TYPE_ENUM = 247, MY_TYPE_SET = 248,
    MY_TYPE_TINY_BLOB = 249, MY_TYPE_MEDIUM_BLOB = 250, MY_TYPE_LONG_BLOB = 251,
    MY_TYPE_BLOB = 252, MY_TYPE_VAR_STRING = 253, MY_TYPE_STRING = 254, MY_TYPE_GEOMETRY = 255,
};

struct map_column {
    uint8_t type;         /* enum my_type, as on the wire but for STRING: ENUM and SET are told apart */
    uint16_t meta;        /* fsp; byte length; precision << 8 | scale; ENUM and SET: bytes of the
                             value; BIT: bits; blobs: bytes of the length prefix */
    bool nullable;
    bool has_signedness;  /* is_unsigned is known */
    bool is_unsigned;
    bool has_visibility;
    bool invisible;
    uint32_t collation;   /* 0: not known */
    struct slice name;    /* len 0: not known (metadata MINIMAL or none) */
    struct slice members; /* ENUM, SET: raw lenenc count and strings of the metadata; len 0: not known */
    uint8_t geometry_type;
    bool has_geometry_type;
    uint32_t vector_dimensions; /* 0: not known */
};

struct map_key_part {
    uint16_t column;
    uint32_t prefix; /* 0: the whole column */
};

struct table_map {
    uint64_t table_id;
    uint16_t flags;
    struct slice database;
    struct slice name;
    uint32_t column_count;
    struct map_column *columns;
    bool has_primary_key; /* FULL metadata: the key is known, if only as "none" when key_part_count is 0 */
    uint32_t key_part_count;
    struct map_key_part *key_parts;
    struct slice raw; /* the event's body from the column count on: equal bytes, equal definition */
};

#define TABLE_MAP_FLAG_GIPK 0x4 /* the first column is a generated invisible primary key */

/* FULL metadata: the map tells all that row images need. */
static inline bool table_map_has_names(const struct table_map *map)
{
    return map->column_count > 0 && map->columns[0].name.len > 0;
}
