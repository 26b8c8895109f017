/* Tables and cells for the tests of encode, short to write down. */
#pragma once

#include "schema/cell.h"
#include "schema/charset.h"
#include "schema/table.h"

#include <criterion/criterion.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

#define COL(n, k, type)                                                                            \
    {                                                                                              \
        .name = SLICE_LIT(n), .kind = (k), .type_text = SLICE_LIT(type),                           \
        .bare_type = SLICE_LIT("bare")                                                             \
    }
#define UCOL(n, k, type)                                                                           \
    {                                                                                              \
        .name = SLICE_LIT(n), .kind = (k), .type_text = SLICE_LIT(type),                           \
        .bare_type = SLICE_LIT("bare"), .is_unsigned = true                                        \
    }

#define I64(v)        ((struct cell){.kind = CELL_I64, .i64 = (v)})
#define U64(v)        ((struct cell){.kind = CELL_U64, .u64 = (v)})
#define F32(v)        ((struct cell){.kind = CELL_F32, .f32 = (v)})
#define F64(v)        ((struct cell){.kind = CELL_F64, .f64 = (v)})
#define BYTES(s)      ((struct cell){.kind = CELL_BYTES, .raw = SLICE_LIT(s)})
#define TEXT(s)       ((struct cell){.kind = CELL_TEXT, .raw = SLICE_LIT(s)})
#define JSON(s)       ((struct cell){.kind = CELL_JSON, .raw = SLICE_LIT(s)})
#define DECIMAL(s)    ((struct cell){.kind = CELL_DECIMAL, .raw = SLICE_LIT(s)})
#define NUL           ((struct cell){.kind = CELL_NULL})
#define ABSENT        ((struct cell){.kind = CELL_ABSENT})
#define CIVIL(k, ...) ((struct cell){.kind = (k), .civil = {__VA_ARGS__}})
#define STAMP(s, u)   ((struct cell){.kind = CELL_TIMESTAMP, .stamp = {.seconds = (s), .us = (u)}})

/* shop.item with these columns, the first of which is the key. */
static inline struct table table_of(struct column *columns, uint32_t count)
{
    static uint16_t first[1] = {0};
    return (struct table){
        .database = SLICE_LIT("shop"),
        .name = SLICE_LIT("item"),
        .column_count = count,
        .columns = columns,
        .pk_count = 1,
        .pk = first,
        .identity_count = 1,
        .identity = first,
        .partition_count = 1,
        .partition = first,
    };
}
