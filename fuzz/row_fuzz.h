/*
 * Tables and rows that are made from a fuzzer's input, for the targets of the
 * encoders: any columns, and cells that are mostly but not always of a kind
 * that their column has.
 */
#pragma once

#include "base/utf8.h"
#include "schema/change.h"
#include "schema/charset.h"
#include "schema/table.h"

#include <stdlib.h>

#define COLUMNS_MAX 8
#define MEMBERS_MAX 5

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

/* --- input --- */

struct input {
    const uint8_t *p;
    size_t left;
};

static inline uint8_t take(struct input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->p++;
}

static inline uint64_t take_u64(struct input *in)
{
    uint64_t v = 0;
    for (unsigned i = take(in) % 9; i > 0; i--)
        v = v << 8 | take(in);
    return v;
}

/* What three bytes can hold, as the binlog has fractions of seconds. */
static inline uint32_t take_fraction(struct input *in)
{
    return (uint32_t)take_u64(in) & 0xFFFFFF;
}

static inline struct slice take_bytes(struct input *in)
{
    size_t n = take(in);
    if (n >= 0xF0) /* now and then longer than one piece */
        n = (n & 15) * 1000 + take(in);
    if (n > in->left)
        n = in->left;
    struct slice s = slice_of(in->p, n);
    in->p += n;
    in->left -= n;
    return s;
}

static inline struct slice take_text(struct input *in)
{
    struct slice s = take_bytes(in);
    return slice_of(s.ptr, utf8_valid_len(s));
}

static inline void take_column(struct input *in, struct column *col, struct slice *members)
{
    static const char *const sets[] = {"utf8mb4", "latin1", "gbk", "utf16", "sjis", "binary"};
    *col = (struct column){
        .name = take_text(in),
        .type_text = take_text(in),
        .bare_type = SLICE_LIT("t"),
        .kind = (enum column_kind)(take(in) % COL_KIND_COUNT),
        .members = members,
    };
    uint8_t flags = take(in);
    col->is_unsigned = flags & 1;
    col->fsp = flags >> 1 & 7;
    if (flags & 16)
        col->charset = charset_of_name(slice_str(sets[take(in) % 6]));
    if (col->charset != NULL && charset_prepare(col->charset) != ERR_OK)
        col->charset = NULL;
    col->precision = take(in) % 70;
    col->scale = take(in) % 40;
    if (col->kind == COL_ENUM || col->kind == COL_SET) {
        col->member_count = take(in) % MEMBERS_MAX;
        for (uint32_t i = 0; i < col->member_count; i++)
            members[i] = take_text(in);
    }
}

static inline enum cell_kind kind_of(const struct column *col)
{
    switch ((int)col->kind) {
    case COL_TINYINT:
    case COL_SMALLINT:
    case COL_MEDIUMINT:
    case COL_INT:
    case COL_BIGINT:
        return col->is_unsigned ? CELL_U64 : CELL_I64;
    case COL_FLOAT:
        return CELL_F32;
    case COL_DOUBLE:
        return CELL_F64;
    case COL_DECIMAL:
        return CELL_DECIMAL;
    case COL_BIT:
    case COL_YEAR:
    case COL_ENUM:
    case COL_SET:
        return CELL_U64;
    case COL_DATE:
        return CELL_DATE;
    case COL_TIME:
        return CELL_TIME;
    case COL_DATETIME:
        return CELL_DATETIME;
    case COL_TIMESTAMP:
        return CELL_TIMESTAMP;
    case COL_JSON:
        return CELL_JSON;
    default:
        return CELL_BYTES;
    }
}

static inline void take_cell(struct input *in, const struct column *col, struct cell *cell)
{
    uint8_t how = take(in);
    cell->kind = how < 0xE0 ? kind_of(col) : (enum cell_kind)(how % (CELL_TEXT + 1));
    switch (cell->kind) {
    case CELL_ABSENT:
    case CELL_NULL:
        break;
    case CELL_I64:
    case CELL_U64:
    case CELL_F32:
    case CELL_F64:
        cell->u64 = take_u64(in);
        break;
    case CELL_DATE:
    case CELL_DATETIME:
    case CELL_TIME:
        cell->civil = (struct civil){
            .us = take_fraction(in),
            .year = (uint16_t)take_u64(in),
            .hour = (uint16_t)take_u64(in),
            .month = take(in),
            .day = take(in),
            .minute = take(in),
            .second = take(in),
            .negative = take(in) & 1,
        };
        break;
    case CELL_TIMESTAMP:
        cell->stamp = (struct stamp){(uint32_t)take_u64(in), take_fraction(in)};
        break;
    case CELL_DECIMAL:
    case CELL_BYTES:
    case CELL_JSON:
    case CELL_TEXT:
        cell->raw = take_bytes(in);
        break;
    }
}

/* --- a whole table with two images of a row --- */

struct row_input {
    struct column columns[COLUMNS_MAX];
    struct slice members[COLUMNS_MAX][MEMBERS_MAX];
    struct cell before[COLUMNS_MAX], after[COLUMNS_MAX];
    uint16_t first[1];
    struct table table;
};

static inline void take_row(struct input *in, struct row_input *r)
{
    r->first[0] = 0;
    r->table = (struct table){
        .database = take_text(in),
        .name = take_text(in),
        .column_count = 1 + take(in) % COLUMNS_MAX,
        .columns = r->columns,
        .pk_count = take(in) & 1,
        .pk = r->first,
        .identity_count = 1,
        .identity = r->first,
        .partition_count = 1,
        .partition = r->first,
    };
    for (uint32_t i = 0; i < r->table.column_count; i++)
        take_column(in, &r->columns[i], r->members[i]);
    for (uint32_t i = 0; i < r->table.column_count; i++) {
        take_cell(in, &r->columns[i], &r->before[i]);
        take_cell(in, &r->columns[i], &r->after[i]);
    }
}
