#include "text_value.h"

#include "schema/cell_text.h"
#include "schema/json_binary.h"
#include "schema/table_map.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Bytes of the UTF-8 character at p; 0: there is none. */
static unsigned utf8_char(const uint8_t *p, size_t left)
{
    unsigned n = p[0] < 0x80   ? 1
                 : p[0] < 0xC2 ? 0
                 : p[0] < 0xE0 ? 2
                 : p[0] < 0xF0 ? 3
                 : p[0] < 0xF5 ? 4
                               : 0;
    if (n == 0 || n > left)
        return 0;
    for (unsigned i = 1; i < n; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) ||
        (p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F))
        return 0;
    return n;
}

static bool is_utf8(struct slice s)
{
    for (size_t i = 0; i < s.len;) {
        unsigned n = utf8_char(s.ptr + i, s.len - i);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

void text_hex(struct writer *w, struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        writer_printf(w, "%02x", s.ptr[i]);
}

static void escaped(struct writer *w, uint8_t b, uint8_t quote)
{
    if (b == quote || b == '\\')
        writer_printf(w, "\\%c", b);
    else if (b == '\n')
        writer_lit(w, "\\n");
    else if (b == '\r')
        writer_lit(w, "\\r");
    else if (b == '\t')
        writer_lit(w, "\\t");
    else if (b < 0x20 || b == 0x7F)
        writer_printf(w, "\\x%02x", b);
    else
        writer_u8(w, b);
}

void text_repr(struct writer *w, struct slice s)
{
    if (!is_utf8(s)) {
        writer_lit(w, "X'");
        text_hex(w, s);
        writer_lit(w, "'");
        return;
    }
    bool single = memchr(s.ptr, '\'', s.len) != NULL;
    bool both = single && memchr(s.ptr, '"', s.len) != NULL;
    uint8_t quote = single && !both ? '"' : '\'';
    writer_u8(w, quote);
    for (size_t i = 0; i < s.len; i++)
        escaped(w, s.ptr[i], quote);
    writer_u8(w, quote);
}

void text_repr_repr(struct writer *w, struct slice s)
{
    struct writer inner;
    writer_init(&inner, 1 << 20);
    text_repr(&inner, s);
    text_repr(w, writer_slice(&inner));
    writer_fini(&inner);
}

/* The fewest digits that read back; as Python's repr() of a double, as %g of a float. */
static void shortest(struct writer *w, double v, bool is_float)
{
    char buf[64];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(buf, sizeof buf, "%.*g", digits, v);
        if (is_float ? strtof(buf, NULL) == (float)v : strtod(buf, NULL) == v)
            break;
    }
    if (!is_float && strchr(buf, 'e') != NULL && v > -1e16 && v < 1e16 && (v >= 1 || v <= -1))
        snprintf(buf, sizeof buf, "%.0f", v);
    bool point = !is_float && strpbrk(buf, ".en") == NULL;
    writer_printf(w, "%s%s", buf, point ? ".0" : "");
}

static void bits(struct writer *w, unsigned n, uint64_t v)
{
    writer_printf(w, "b%u:", n);
    for (unsigned i = n; i-- > 0;)
        writer_u8(w, v >> i & 1 ? '1' : '0');
}

/* Integers: "-1|u255" where nothing says whether the column is signed. */
static void integer(struct writer *w, const struct column *col, bool signed_known, int64_t v)
{
    writer_printf(w, "%" PRId64, v);
    if (signed_known || v >= 0)
        return;
    unsigned size = col->wire_type == MY_TYPE_TINY    ? 8
                    : col->wire_type == MY_TYPE_SHORT ? 16
                    : col->wire_type == MY_TYPE_INT24 ? 24
                    : col->wire_type == MY_TYPE_LONG  ? 32
                                                      : 64;
    uint64_t u = size == 64 ? (uint64_t)v : (uint64_t)v & ((UINT64_C(1) << size) - 1);
    writer_printf(w, "|u%" PRIu64, u);
}

static void number(struct writer *w, const struct column *col, uint64_t v)
{
    if (col->wire_type == MY_TYPE_BIT)
        bits(w, col->meta, v);
    else if (col->wire_type == MY_TYPE_ENUM)
        writer_printf(w, "enum#%" PRIu64, v);
    else if (col->wire_type == MY_TYPE_SET)
        writer_printf(w, "set:0x%" PRIx64, v);
    else if (col->wire_type == MY_TYPE_YEAR)
        writer_printf(w, "%04" PRIu64, v);
    else
        writer_printf(w, "%" PRIu64, v);
}

static void bytes(struct writer *w, const struct column *col, struct slice v)
{
    if (col->wire_type == MY_TYPE_GEOMETRY) {
        writer_lit(w, "geom:");
        text_hex(w, v);
        return;
    }
    if (col->wire_type == MY_TYPE_BLOB_COMPRESSED || col->wire_type == MY_TYPE_VARCHAR_COMPRESSED)
        writer_lit(w, "C:");
    text_repr(w, v);
}

static bool old_form(const struct column *col)
{
    return col->wire_type == MY_TYPE_TIME || col->wire_type == MY_TYPE_DATETIME ||
           col->wire_type == MY_TYPE_TIMESTAMP;
}

/* Temporal text, "Z" behind instants, "(old)" behind the forms of before MySQL 5.6. */
static void temporal(struct writer *w, const struct column *col, const struct cell *cell)
{
    static struct zone_step step = {INT64_MIN, 0};
    static const struct zone utc = {1, &step};
    uint8_t buf[CELL_TEXT_MAX];
    uint8_t *end = NULL;
    if (cell->kind == CELL_DATE)
        end = cell_date_text(buf, &cell->civil);
    else if (cell->kind == CELL_TIME)
        end = cell_time_text(buf, &cell->civil, col->fsp);
    else if (cell->kind == CELL_DATETIME)
        end = cell_datetime_text(buf, &cell->civil, col->fsp);
    else
        end = cell_timestamp_text(buf, cell->stamp, &utc, col->fsp);
    writer_put(w, buf, end != NULL ? (size_t)(end - buf) : 0);
    bool zero = cell->kind == CELL_TIMESTAMP && cell->stamp.seconds == 0 && cell->stamp.us == 0;
    if (cell->kind == CELL_TIMESTAMP && !zero)
        writer_lit(w, "Z");
    if (old_form(col))
        writer_lit(w, "(old)");
}

static void decimal(struct writer *w, const struct column *col, struct slice v)
{
    uint8_t buf[CELL_DECIMAL_TEXT_MAX];
    uint8_t *end = cell_decimal_text(buf, v, col->precision, col->scale);
    writer_put(w, buf, end != NULL ? (size_t)(end - buf) : 0);
}

void text_cell(struct writer *w, const struct column *col, bool signed_known,
               const struct cell *cell)
{
    switch (cell->kind) {
    case CELL_ABSENT:
        writer_lit(w, "ABSENT");
        break;
    case CELL_NULL:
        writer_lit(w, "NULL");
        break;
    case CELL_I64:
        integer(w, col, signed_known, cell->i64);
        break;
    case CELL_U64:
        number(w, col, cell->u64);
        break;
    case CELL_F32:
        shortest(w, cell->f32, true);
        break;
    case CELL_F64:
        shortest(w, cell->f64, false);
        break;
    case CELL_DECIMAL:
        decimal(w, col, cell->raw);
        break;
    case CELL_DATE:
    case CELL_DATETIME:
    case CELL_TIME:
    case CELL_TIMESTAMP:
        temporal(w, col, cell);
        break;
    case CELL_BYTES:
    case CELL_TEXT:
        bytes(w, col, cell->raw);
        break;
    case CELL_JSON:
        if (json_binary_text(cell->raw, w) != ERR_OK)
            writer_lit(w, "DAMAGED");
        break;
    }
}
