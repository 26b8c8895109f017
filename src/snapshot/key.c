#include "snapshot/key.h"

#include "base/number.h"
#include "schema/cell_text.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the normal form ---- */

/* The float without the sign of zero, which no index tells apart. */
static void drop_minus_zero(struct cell *c)
{
    if (c->kind == CELL_F32 && c->f32 == 0)
        c->f32 = 0;
    if (c->kind == CELL_F64 && c->f64 == 0)
        c->f64 = 0;
}

/* A key's cell of a column's cell; it borrows from *in and from text. */
static enum err normalise(const struct column *column, const struct cell *in,
                          uint8_t text[CELL_DECIMAL_TEXT_MAX], struct cell *out)
{
    *out = *in;
    switch (in->kind) {
    case CELL_DECIMAL: {
        uint8_t *end = cell_decimal_text(text, in->raw, column->precision, column->scale);
        if (end == NULL)
            return ERR_MALFORMED;
        out->kind = CELL_TEXT;
        out->raw = slice_of(text, (size_t)(end - text));
        return ERR_OK;
    }
    case CELL_F32:
    case CELL_F64:
        drop_minus_zero(out);
        return ERR_OK;
    case CELL_I64:
    case CELL_U64:
    case CELL_DATE:
    case CELL_DATETIME:
    case CELL_TIME:
    case CELL_TIMESTAMP:
        return ERR_OK;
    case CELL_BYTES:
        return in->raw.len <= COPY_KEY_VALUE_MAX ? ERR_OK : ERR_MALFORMED;
    case CELL_TEXT:
        return column->kind == COL_DECIMAL && in->raw.len <= CELL_DECIMAL_TEXT_MAX ? ERR_OK
                                                                                   : ERR_MALFORMED;
    case CELL_ABSENT:
    case CELL_NULL:
    case CELL_JSON:
        break;
    }
    return ERR_MALFORMED;
}

static bool has_raw(const struct cell *c)
{
    return c->kind == CELL_BYTES || c->kind == CELL_TEXT;
}

/* A block for count cells with their bytes; cells are copied, raw bytes moved in. */
static enum err key_of(const struct cell *cells, uint32_t count, struct copy_key **out)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        bytes += has_raw(&cells[i]) ? cells[i].raw.len : 0;
    struct copy_key *k = malloc(sizeof(*k) + count * sizeof(struct cell) + bytes + 1);
    if (k == NULL)
        return ERR_NO_MEMORY;
    uint8_t *p = (uint8_t *)&k->cells[count];
    k->count = count;
    for (uint32_t i = 0; i < count; i++) {
        k->cells[i] = cells[i];
        if (!has_raw(&cells[i]))
            continue;
        k->cells[i].raw.ptr = p;
        memcpy(p, cells[i].raw.ptr, cells[i].raw.len);
        p += cells[i].raw.len;
    }
    *out = k;
    return ERR_OK;
}

enum err copy_key_new(const struct table *t, const uint16_t *columns, uint32_t count,
                      const struct cell *cells, struct copy_key **out)
{
    struct cell normal[COPY_KEY_COLUMNS_MAX];
    uint8_t text[COPY_KEY_COLUMNS_MAX][CELL_DECIMAL_TEXT_MAX];
    if (count > COPY_KEY_COLUMNS_MAX)
        return ERR_MALFORMED;
    for (uint32_t i = 0; i < count; i++)
        TRY(normalise(&t->columns[columns[i]], &cells[i], text[i], &normal[i]));
    return key_of(normal, count, out);
}

/* ---- bytes: u8 count, then a letter and a value for each ---- */

static void put_cell(const struct cell *c, struct writer *w)
{
    uint32_t bits;
    switch (c->kind) {
    case CELL_I64:
        writer_u8(w, 'i');
        writer_u64(w, c->u64);
        break;
    case CELL_U64:
        writer_u8(w, 'u');
        writer_u64(w, c->u64);
        break;
    case CELL_F64:
        writer_u8(w, 'd');
        writer_u64(w, c->u64);
        break;
    case CELL_F32:
        memcpy(&bits, &c->f32, sizeof(bits));
        writer_u8(w, 'f');
        writer_u32(w, bits);
        break;
    case CELL_DATE:
    case CELL_DATETIME:
    case CELL_TIME:
        writer_u8(w, c->kind == CELL_DATE ? 'D' : c->kind == CELL_TIME ? 'H' : 'T');
        writer_u8(w, c->civil.negative);
        writer_u16(w, c->civil.year);
        writer_u8(w, c->civil.month);
        writer_u8(w, c->civil.day);
        writer_u16(w, c->civil.hour);
        writer_u8(w, c->civil.minute);
        writer_u8(w, c->civil.second);
        writer_u32(w, c->civil.us);
        break;
    case CELL_TIMESTAMP:
        writer_u8(w, 'S');
        writer_u32(w, c->stamp.seconds);
        writer_u32(w, c->stamp.us);
        break;
    case CELL_TEXT:
    case CELL_BYTES:
        writer_u8(w, c->kind == CELL_TEXT ? 'n' : 'b');
        writer_lenenc_str(w, c->raw);
        break;
    case CELL_ABSENT:
    case CELL_NULL:
    case CELL_DECIMAL:
    case CELL_JSON:
        break; /* no key has them */
    }
}

void copy_key_put(const struct copy_key *k, struct writer *w)
{
    writer_u8(w, (uint8_t)k->count);
    for (uint32_t i = 0; i < k->count; i++)
        put_cell(&k->cells[i], w);
}

enum err copy_key_put_cells(const struct table *t, const uint16_t *columns, uint32_t count,
                            const struct cell *cells, struct writer *w)
{
    uint8_t text[CELL_DECIMAL_TEXT_MAX];
    struct cell normal;
    if (count > COPY_KEY_COLUMNS_MAX)
        return ERR_MALFORMED;
    writer_u8(w, (uint8_t)count);
    for (uint32_t i = 0; i < count; i++) {
        TRY(normalise(&t->columns[columns[i]], &cells[i], text, &normal));
        put_cell(&normal, w);
    }
    return w->err;
}

static void take_civil(struct reader *r, struct civil *c)
{
    uint8_t negative = reader_u8(r);
    *c = (struct civil){.year = reader_u16(r)};
    c->negative = negative == 1;
    c->month = reader_u8(r);
    c->day = reader_u8(r);
    c->hour = reader_u16(r);
    c->minute = reader_u8(r);
    c->second = reader_u8(r);
    c->us = reader_u32(r);
    if (negative > 1 || c->month > 12 || c->day > 31 || c->hour > 838 || c->minute > 59 ||
        c->second > 59 || c->us > 999999)
        reader_fail(r, ERR_MALFORMED);
}

static void take_cell(struct reader *r, struct cell *c)
{
    uint32_t bits;
    uint8_t letter = reader_u8(r);
    switch (letter) {
    case 'i':
    case 'u':
    case 'd':
        c->kind = letter == 'i' ? CELL_I64 : letter == 'u' ? CELL_U64 : CELL_F64;
        c->u64 = reader_u64(r);
        break;
    case 'f':
        c->kind = CELL_F32;
        bits = reader_u32(r);
        memcpy(&c->f32, &bits, sizeof(bits));
        break;
    case 'D':
    case 'H':
    case 'T':
        c->kind = letter == 'D' ? CELL_DATE : letter == 'H' ? CELL_TIME : CELL_DATETIME;
        take_civil(r, &c->civil);
        break;
    case 'S':
        c->kind = CELL_TIMESTAMP;
        c->stamp.seconds = reader_u32(r);
        c->stamp.us = reader_u32(r);
        break;
    case 'n':
    case 'b':
        c->kind = letter == 'n' ? CELL_TEXT : CELL_BYTES;
        c->raw = reader_lenenc_str(r);
        if (c->raw.len > (letter == 'n' ? CELL_DECIMAL_TEXT_MAX : COPY_KEY_VALUE_MAX))
            reader_fail(r, ERR_MALFORMED);
        break;
    default:
        reader_fail(r, ERR_MALFORMED);
    }
    drop_minus_zero(c);
}

enum err copy_key_parse(struct reader *r, struct copy_key **out)
{
    struct cell cells[COPY_KEY_COLUMNS_MAX];
    uint32_t count = reader_u8(r);
    TRY(reader_finish(r));
    if (count == 0 || count > COPY_KEY_COLUMNS_MAX) {
        reader_fail(r, ERR_MALFORMED);
        return ERR_MALFORMED;
    }
    for (uint32_t i = 0; i < count; i++) {
        take_cell(r, &cells[i]);
        TRY(reader_finish(r));
    }
    return key_of(cells, count, out);
}

bool copy_key_equal(const struct copy_key *a, const struct copy_key *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (!cell_equal(&a->cells[i], &b->cells[i]))
            return false;
    return true;
}

/* ---- text for people ---- */

#define TEXT_VALUE_MAX 64 /* bytes of a value that are shown */

static void put_text(const struct column *column, struct slice raw, struct writer *w)
{
    bool more = raw.len > TEXT_VALUE_MAX;
    raw.len = more ? TEXT_VALUE_MAX : raw.len;
    if (column->charset != NULL && column->charset->form != CHARSET_BINARY) {
        writer_u8(w, '\'');
        if (charset_to_utf8(column->charset, raw, w, true, NULL) != ERR_OK)
            writer_u8(w, '?');
        writer_u8(w, '\'');
    } else {
        writer_lit(w, "x'");
        for (size_t i = 0; i < raw.len; i++)
            writer_printf(w, "%02x", raw.ptr[i]);
        writer_u8(w, '\'');
    }
    if (more)
        writer_lit(w, "...");
}

static void put_value(const struct column *column, const struct cell *c, struct writer *w)
{
    static struct zone_step utc_step = {.from = INT64_MIN};
    static const struct zone utc = {.count = 1, .steps = &utc_step};
    uint8_t buf[CELL_TEXT_MAX], *end = NULL;
    struct slice label;

    switch (c->kind) {
    case CELL_I64:
        end = number_i64(buf, c->i64);
        break;
    case CELL_U64:
        if (column->kind == COL_ENUM && cell_enum_label(column, c->u64, &label))
            writer_printf(w, "'%.*s'", SLICE_ARG(label));
        else
            end = number_u64(buf, c->u64);
        break;
    case CELL_F32:
        writer_printf(w, "%.9g", (double)c->f32);
        break;
    case CELL_F64:
        end = number_double_mysql(buf, c->f64);
        break;
    case CELL_DATE:
        end = cell_date_text(buf, &c->civil);
        break;
    case CELL_DATETIME:
        end = cell_datetime_text(buf, &c->civil, column->fsp);
        break;
    case CELL_TIME:
        end = cell_time_text(buf, &c->civil, column->fsp);
        break;
    case CELL_TIMESTAMP:
        end = cell_timestamp_text(buf, c->stamp, &utc, column->fsp);
        break;
    case CELL_TEXT:
        writer_slice_put(w, c->raw);
        break;
    case CELL_BYTES:
        put_text(column, c->raw, w);
        break;
    case CELL_ABSENT:
    case CELL_NULL:
    case CELL_DECIMAL:
    case CELL_JSON:
        writer_u8(w, '?');
        break;
    }
    if (end != NULL)
        writer_put(w, buf, (size_t)(end - buf));
}

const char *copy_key_text(const struct table *t, const uint16_t *columns, const struct copy_key *k,
                          char *buf, size_t cap)
{
    struct writer w;
    writer_init(&w, 64u << 10);
    writer_u8(&w, '(');
    for (uint32_t i = 0; i < k->count; i++) {
        if (i > 0)
            writer_lit(&w, ", ");
        put_value(&t->columns[columns[i]], &k->cells[i], &w);
    }
    writer_u8(&w, ')');
    snprintf(buf, cap, "%.*s", (int)w.len, w.len > 0 ? (const char *)w.base : "");
    writer_fini(&w);
    return buf;
}
