#include "mysqlproto/binlog/row_plan_int.h"

#include "mysqlproto/binlog/table_map.h"

#include <stdlib.h>

_Static_assert(sizeof row_all_present * 8 == BINLOG_COLUMNS_MAX, "one bit a column");

#define ONES_8  0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF
#define ONES_64 ONES_8, ONES_8, ONES_8, ONES_8, ONES_8, ONES_8, ONES_8, ONES_8
const uint8_t row_all_present[512] = {ONES_64, ONES_64, ONES_64, ONES_64,
                                      ONES_64, ONES_64, ONES_64, ONES_64};

static struct row_op fixed(enum row_code code, unsigned size)
{
    return (struct row_op){.code = (uint8_t)code, .size = (uint8_t)size};
}

static struct row_op integer(enum row_code if_signed, const struct column *c, unsigned size)
{
    return fixed(if_signed + (c->is_unsigned ? 1 : 0), size);
}

static struct row_op temporal(enum row_code code, unsigned size, unsigned fsp)
{
    struct row_op op = fixed(code, size);
    op.fsp = (uint8_t)fsp;
    return op;
}

static struct row_op varying(enum row_code code, unsigned prefix)
{
    struct row_op op = fixed(code, prefix);
    op.varies = true;
    return op;
}

/* CHAR and VARCHAR: one byte of length as long as the longest value lets it do. */
static unsigned string_prefix(const struct column *c)
{
    return c->meta <= 255 ? 1 : 2;
}

static struct row_op string_op(const struct column *c)
{
    if (c->fixed_len == 0)
        return varying(ROW_BYTES, string_prefix(c));
    struct row_op op = varying(ROW_BYTES_PADDED, string_prefix(c));
    op.pad = (uint16_t)c->fixed_len;
    return op;
}

/* Bytes of d decimal digits in front of or behind the groups of nine (strings/decimal.cc). */
static const uint8_t digit_bytes[10] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};

static unsigned decimal_size(const struct column *c)
{
    unsigned scale = c->meta & 0xFF;
    unsigned whole = (c->meta >> 8) - scale;
    return whole / 9 * 4 + digit_bytes[whole % 9] + scale / 9 * 4 + digit_bytes[scale % 9];
}

/* Bytes of the fraction of the current temporal forms: two digits a byte. */
static unsigned fraction_size(unsigned fsp)
{
    return (fsp + 1) / 2;
}

/*
 * TIME, DATETIME and TIMESTAMP of before MySQL 5.6. MariaDB with
 * mysql56_temporal_format=OFF writes fractions under the same type codes, of
 * which only the table's definition knows (sql/field.cc, Field_time_hires and
 * the like).
 */
static struct row_op old_temporal(const struct column *c)
{
    static const uint8_t time_size[7] = {3, 4, 4, 5, 5, 5, 6};
    static const uint8_t datetime_size[7] = {8, 6, 6, 7, 7, 7, 8};
    static const uint8_t stamp_size[7] = {4, 5, 5, 6, 6, 7, 7};
    unsigned fsp = c->hires_old_temporal && c->fsp <= 6 ? c->fsp : 0;
    if (c->wire_type == MY_TYPE_TIME)
        return temporal(fsp > 0 ? ROW_TIME_HIRES : ROW_TIME_OLD, time_size[fsp], fsp);
    if (c->wire_type == MY_TYPE_DATETIME)
        return temporal(fsp > 0 ? ROW_DATETIME_HIRES : ROW_DATETIME_OLD, datetime_size[fsp], fsp);
    return temporal(fsp > 0 ? ROW_TIMESTAMP_HIRES : ROW_TIMESTAMP_OLD, stamp_size[fsp], fsp);
}

/* False: the values of this column cannot be read. */
static bool column_op(const struct column *c, struct row_op *op)
{
    unsigned meta = c->meta;
    switch (c->wire_type) {
    case MY_TYPE_NULL:
        *op = fixed(ROW_NULL, 0);
        return true;
    case MY_TYPE_TINY:
        *op = integer(ROW_I8, c, 1);
        return true;
    case MY_TYPE_SHORT:
        *op = integer(ROW_I16, c, 2);
        return true;
    case MY_TYPE_INT24:
        *op = integer(ROW_I24, c, 3);
        return true;
    case MY_TYPE_LONG:
        *op = integer(ROW_I32, c, 4);
        return true;
    case MY_TYPE_LONGLONG:
        *op = integer(ROW_I64, c, 8);
        return true;
    case MY_TYPE_FLOAT:
        *op = fixed(ROW_F32, 4);
        return true;
    case MY_TYPE_DOUBLE:
        *op = fixed(ROW_F64, 8);
        return true;
    case MY_TYPE_YEAR:
        *op = fixed(ROW_YEAR, 1);
        return true;
    case MY_TYPE_NEWDECIMAL:
        *op = fixed(ROW_DECIMAL, decimal_size(c));
        return meta >> 8 <= 65 && meta >> 8 >= (meta & 0xFF) && meta != 0;
    case MY_TYPE_BIT:
        *op = fixed(ROW_BIT, (meta + 7) / 8);
        return meta >= 1 && meta <= 64;
    case MY_TYPE_ENUM:
        *op = fixed(meta == 2 ? ROW_U16 : ROW_U8, meta);
        return meta == 1 || meta == 2;
    case MY_TYPE_SET:
        *op = fixed(meta == 8   ? ROW_U64
                    : meta == 4 ? ROW_U32
                    : meta == 3 ? ROW_U24
                    : meta == 2 ? ROW_U16
                                : ROW_U8,
                    meta);
        return (meta >= 1 && meta <= 4) || meta == 8;
    case MY_TYPE_DATE:
    case MY_TYPE_NEWDATE:
        *op = fixed(ROW_DATE, 3);
        return true;
    case MY_TYPE_TIME:
    case MY_TYPE_DATETIME:
    case MY_TYPE_TIMESTAMP:
        *op = old_temporal(c);
        return true;
    case MY_TYPE_TIME2:
        *op = temporal(ROW_TIME2, 3 + fraction_size(meta), meta);
        return meta <= 6;
    case MY_TYPE_DATETIME2:
        *op = temporal(ROW_DATETIME2, 5 + fraction_size(meta), meta);
        return meta <= 6;
    case MY_TYPE_TIMESTAMP2:
        *op = temporal(ROW_TIMESTAMP2, 4 + fraction_size(meta), meta);
        return meta <= 6;
    case MY_TYPE_STRING:
        *op = string_op(c);
        return c->fixed_len <= meta && c->fixed_len <= UINT16_MAX;
    case MY_TYPE_VARCHAR:
    case MY_TYPE_VAR_STRING:
        *op = varying(ROW_BYTES, string_prefix(c));
        return true;
    case MY_TYPE_VARCHAR_COMPRESSED:
        *op = varying(ROW_BYTES_COMPRESSED, string_prefix(c));
        return true;
    case MY_TYPE_BLOB_COMPRESSED:
        *op = varying(ROW_BYTES_COMPRESSED, meta);
        return meta >= 1 && meta <= 4;
    case MY_TYPE_JSON:
        *op = varying(ROW_JSON, meta);
        return meta >= 1 && meta <= 4;
    case MY_TYPE_TINY_BLOB:
    case MY_TYPE_MEDIUM_BLOB:
    case MY_TYPE_LONG_BLOB:
    case MY_TYPE_BLOB:
    case MY_TYPE_GEOMETRY:
    case MY_TYPE_VECTOR:
        *op = varying(ROW_BYTES, meta);
        return meta >= 1 && meta <= 4;
    default:
        return false;
    }
}

/* Segments, places and needs: where values are when none of them is NULL. */
static void lay_out(struct row_plan *p)
{
    struct row_segment *s = p->segments;
    struct row_op *run = p->ops; /* first value of the run at hand */
    *s = (struct row_segment){0};
    for (uint32_t i = 0; i < p->count; i++) {
        struct row_op *op = &p->ops[i];
        p->places[i] = (struct row_place){(uint32_t)(s - p->segments), s->fixed};
        run->need += op->size;
        if (!op->varies) {
            s->fixed += op->size;
            continue;
        }
        s->prefix = op->size;
        *++s = (struct row_segment){0};
        run = op + 1;
    }
    p->segment_count = (uint32_t)(s - p->segments) + 1;
}

static struct row_plan *plan_alloc(uint32_t count)
{
    struct row_plan *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->ops = calloc(count + 1u, sizeof *p->ops);
    p->segments = calloc(count + 1u, sizeof *p->segments);
    p->places = calloc(count, sizeof *p->places);
    if (p->ops == NULL || p->segments == NULL || p->places == NULL) {
        row_plan_free(p);
        return NULL;
    }
    p->count = count;
    p->null_len = (count + 7) / 8;
    p->null_mask = (uint8_t)(0xFF >> (p->null_len * 8 - count));
    return p;
}

enum err row_plan_new(const struct table *t, struct row_plan **out, struct errmsg *em)
{
    if (t->column_count == 0 || t->column_count > BINLOG_COLUMNS_MAX)
        return errmsg_set(em, ERR_TABLE_MISMATCH, "table %.*s.%.*s: %u columns",
                          SLICE_ARG(t->database), SLICE_ARG(t->name), t->column_count);
    struct row_plan *p = plan_alloc(t->column_count);
    if (p == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "no memory for the plan of a table");
    for (uint32_t i = 0; i < p->count; i++) {
        const struct column *c = &t->columns[i];
        if (!column_op(c, &p->ops[i])) {
            row_plan_free(p);
            return errmsg_set(em, ERR_UNSUPPORTED,
                              "table %.*s.%.*s, column %.*s: values of type %u with metadata "
                              "0x%x cannot be read; exclude the table in objects",
                              SLICE_ARG(t->database), SLICE_ARG(t->name), SLICE_ARG(c->name),
                              c->wire_type, c->meta);
        }
        p->json_count += p->ops[i].code == ROW_JSON;
    }
    lay_out(p);
    *out = p;
    return ERR_OK;
}

void row_plan_free(struct row_plan *p)
{
    if (p == NULL)
        return;
    free(p->ops);
    free(p->segments);
    free(p->places);
    free(p);
}

uint32_t row_plan_width(const struct row_plan *p)
{
    return p->count;
}

uint32_t row_plan_json_count(const struct row_plan *p)
{
    return p->json_count;
}
