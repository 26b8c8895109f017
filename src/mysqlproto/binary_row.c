/*
 * Rows of the binary protocol ("Binary Protocol Resultset", MySQL source docs):
 *
 *     header       1   0x00
 *     NULL bitmap  (columns + 9) / 8   bit of column i is i + 2
 *     values       of the columns that are not NULL, one behind the other
 */
#include "base/reader.h"
#include "mysqlproto/resultset.h"
#include "schema/table_map.h"

#define NULL_BIT_OFFSET 2
#define HOURS_MAX       838

/* Days from 1970-01-01 to a day of the Gregorian calendar (Hinnant's days_from_civil). */
static int64_t days_from_civil(int64_t y, unsigned m, unsigned d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    unsigned yoe = (unsigned)(y - era * 400);
    unsigned doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
    unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + (int64_t)doe - 719468;
}

/* length 1: 0, 4, 7 or 11; then year 2, month, day, [hour, minute, second, [microseconds 4]] */
static enum err parse_civil(struct reader *r, struct civil *out)
{
    struct civil c = {0};
    uint8_t n = reader_u8(r);
    if (n != 0 && n != 4 && n != 7 && n != 11)
        return ERR_MALFORMED;
    if (n >= 4) {
        c.year = reader_u16(r);
        c.month = reader_u8(r);
        c.day = reader_u8(r);
    }
    if (n >= 7) {
        c.hour = reader_u8(r);
        c.minute = reader_u8(r);
        c.second = reader_u8(r);
    }
    if (n == 11)
        c.us = reader_u32(r);
    TRY(reader_finish(r));
    if (c.year > 9999 || c.month > 12 || c.day > 31 || c.hour > 23 || c.minute > 59 ||
        c.second > 59 || c.us > 999999)
        return ERR_MALFORMED;
    *out = c;
    return ERR_OK;
}

/* length 1: 0, 8 or 12; then negative 1, days 4, hour, minute, second, [microseconds 4] */
static enum err parse_time(struct reader *r, struct civil *out)
{
    struct civil c = {0};
    uint64_t hours = 0;
    uint8_t n = reader_u8(r);
    if (n != 0 && n != 8 && n != 12)
        return ERR_MALFORMED;
    if (n >= 8) {
        c.negative = reader_u8(r) != 0;
        hours = (uint64_t)reader_u32(r) * 24;
        hours += reader_u8(r);
        c.minute = reader_u8(r);
        c.second = reader_u8(r);
    }
    if (n == 12)
        c.us = reader_u32(r);
    TRY(reader_finish(r));
    if (hours > HOURS_MAX || c.minute > 59 || c.second > 59 || c.us > 999999)
        return ERR_MALFORMED;
    c.hour = (uint16_t)hours;
    *out = c;
    return ERR_OK;
}

static enum err parse_timestamp(struct reader *r, struct cell *cell)
{
    struct civil c;
    TRY(parse_civil(r, &c));
    cell->stamp = (struct stamp){0};
    if (c.year == 0 && c.month == 0 && c.day == 0)
        return ERR_OK;
    if (c.month == 0 || c.day == 0)
        return ERR_MALFORMED;
    int64_t s =
        days_from_civil(c.year, c.month, c.day) * 86400 + c.hour * 3600 + c.minute * 60 + c.second;
    if (s < 0 || s > UINT32_MAX)
        return ERR_MALFORMED;
    cell->stamp = (struct stamp){(uint32_t)s, c.us};
    return ERR_OK;
}

static void parse_integer(struct reader *r, unsigned size, bool is_unsigned, struct cell *cell)
{
    struct slice s = reader_take(r, size);
    if (s.len == 0)
        return;
    uint64_t v = load_le(s.ptr, size);
    if (is_unsigned) {
        *cell = (struct cell){.kind = CELL_U64, .u64 = v};
        return;
    }
    unsigned shift = 64 - 8 * size;
    *cell = (struct cell){.kind = CELL_I64, .i64 = (int64_t)(v << shift) >> shift};
}

static enum err parse_bit(struct reader *r, struct cell *cell)
{
    struct slice s = reader_lenenc_str(r);
    if (s.len > 8)
        return ERR_MALFORMED;
    *cell = (struct cell){.kind = CELL_U64, .u64 = load_be(s.ptr, (unsigned)s.len)};
    return ERR_OK;
}

static void parse_string(struct reader *r, enum cell_kind kind, struct cell *cell)
{
    *cell = (struct cell){.kind = kind, .raw = reader_lenenc_str(r)};
}

static enum err parse_temporal(struct reader *r, uint8_t type, struct cell *cell)
{
    switch (type) {
    case MY_TYPE_TIMESTAMP:
        cell->kind = CELL_TIMESTAMP;
        return parse_timestamp(r, cell);
    case MY_TYPE_TIME:
        cell->kind = CELL_TIME;
        return parse_time(r, &cell->civil);
    case MY_TYPE_DATETIME:
        cell->kind = CELL_DATETIME;
        return parse_civil(r, &cell->civil);
    default:
        cell->kind = CELL_DATE;
        return parse_civil(r, &cell->civil);
    }
}

static void parse_float(struct reader *r, struct cell *cell)
{
    uint32_t bits = reader_u32(r);
    cell->kind = CELL_F32;
    memcpy(&cell->f32, &bits, sizeof(cell->f32));
}

static void parse_double(struct reader *r, struct cell *cell)
{
    uint64_t bits = reader_u64(r);
    cell->kind = CELL_F64;
    memcpy(&cell->f64, &bits, sizeof(cell->f64));
}

static enum err parse_value(struct reader *r, const struct my_column *c, struct cell *cell)
{
    bool is_unsigned = (c->flags & MY_COLUMN_UNSIGNED) != 0;
    switch (c->type) {
    case MY_TYPE_TINY:
        parse_integer(r, 1, is_unsigned, cell);
        return ERR_OK;
    case MY_TYPE_SHORT:
        parse_integer(r, 2, is_unsigned, cell);
        return ERR_OK;
    case MY_TYPE_YEAR:
        parse_integer(r, 2, true, cell);
        return ERR_OK;
    case MY_TYPE_LONG:
    case MY_TYPE_INT24:
        parse_integer(r, 4, is_unsigned, cell);
        return ERR_OK;
    case MY_TYPE_LONGLONG:
        parse_integer(r, 8, is_unsigned, cell);
        return ERR_OK;
    case MY_TYPE_FLOAT:
        parse_float(r, cell);
        return ERR_OK;
    case MY_TYPE_DOUBLE:
        parse_double(r, cell);
        return ERR_OK;
    case MY_TYPE_DATE:
    case MY_TYPE_NEWDATE:
    case MY_TYPE_DATETIME:
    case MY_TYPE_TIMESTAMP:
    case MY_TYPE_TIME:
        return parse_temporal(r, c->type, cell);
    case MY_TYPE_BIT:
        return parse_bit(r, cell);
    case MY_TYPE_DECIMAL:
    case MY_TYPE_NEWDECIMAL:
    case MY_TYPE_JSON:
        parse_string(r, CELL_TEXT, cell);
        return ERR_OK;
    case MY_TYPE_NULL:
        cell->kind = CELL_NULL;
        return ERR_OK;
    default:
        parse_string(r, (c->flags & (MY_COLUMN_ENUM | MY_COLUMN_SET)) != 0 ? CELL_TEXT : CELL_BYTES,
                     cell);
        return ERR_OK;
    }
}

enum err my_binary_row_parse(struct slice payload, uint32_t count, const struct my_column *columns,
                             struct cell *cells)
{
    struct reader r = reader_of(payload);
    if (reader_u8(&r) != 0)
        return ERR_PROTOCOL;
    struct slice nulls = reader_take(&r, ((size_t)count + 7 + NULL_BIT_OFFSET) / 8);
    TRY(reader_finish(&r));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t bit = i + NULL_BIT_OFFSET;
        cells[i] = (struct cell){.kind = CELL_NULL};
        if ((nulls.ptr[bit / 8] >> (bit % 8) & 1) == 0)
            TRY(parse_value(&r, &columns[i], &cells[i]));
    }
    TRY(reader_finish(&r));
    return reader_left(&r) == 0 ? ERR_OK : ERR_PROTOCOL;
}
