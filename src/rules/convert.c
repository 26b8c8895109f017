/* Values as cells of a column: what e_set does at its end. */
#include "base/number.h"
#include "rules/etl_int.h"
#include "rules/temporal.h"

#include <math.h>
#include <stdio.h>

static enum err unfit(struct rule_machine *m, const struct column *col, const struct val *v)
{
    struct slice s = SLICE_LIT("?");
    if (val_text(v, &m->scratch, &s) != ERR_OK)
        s = SLICE_LIT("?");
    return machine_fail(m, ERR_EXPRESSION, "e_set: \"%.*s\" is no value of column %.*s (%.*s)",
                        (int)(s.len < 60 ? s.len : 60), (const char *)s.ptr, SLICE_ARG(col->name),
                        (int)(col->type_text.len < 60 ? col->type_text.len : 60),
                        (const char *)col->type_text.ptr);
}

/* The whole number that a value is, or is rounded to. */
static bool whole(const struct val *v, struct dec *out)
{
    struct dec d;
    char text[64];
    switch ((enum val_kind)v->kind) {
    case VAL_REAL:
        if (!(fabs(v->r) < 1e19))
            return false;
        snprintf(text, sizeof(text), "%.0f", round(v->r));
        return dec_of_text(slice_str(text), out);
    case VAL_TEXT:
        return dec_of_text(v->text, &d) && dec_round(&d, 0, out);
    case VAL_INT:
    case VAL_UINT:
    case VAL_BOOL:
    case VAL_DEC:
        return val_dec(v, &d) && dec_round(&d, 0, out);
    case VAL_NULL:
    case VAL_DATE:
    case VAL_DATETIME:
    case VAL_TIME:
        break;
    }
    return false;
}

static unsigned bits_of(const struct column *col)
{
    switch ((int)col->kind) {
    case COL_TINYINT:
        return 8;
    case COL_SMALLINT:
        return 16;
    case COL_MEDIUMINT:
        return 24;
    case COL_INT:
        return 32;
    default:
        return 64;
    }
}

static bool to_integer(const struct column *col, const struct val *v, struct cell *out)
{
    struct dec d;
    int64_t i;
    uint64_t u;
    unsigned bits = bits_of(col);
    if (!whole(v, &d))
        return false;
    if (col->is_unsigned || col->kind == COL_BIT || col->kind == COL_YEAR) {
        if (!dec_to_u64(&d, &u) || (bits < 64 && u >> bits != 0) ||
            (col->kind == COL_YEAR && u != 0 && (u < 1901 || u > 2155)))
            return false;
        *out = (struct cell){.kind = CELL_U64, .u64 = u};
        return true;
    }
    int64_t most = bits == 64 ? INT64_MAX : (INT64_C(1) << (bits - 1)) - 1;
    if (!dec_to_i64(&d, &i) || i > most || i < -most - 1)
        return false;
    *out = (struct cell){.kind = CELL_I64, .i64 = i};
    return true;
}

static bool to_real(const struct column *col, const struct val *v, struct cell *out)
{
    double r;
    if (v->kind == VAL_TEXT ? !etl_number(v->text, &r) : v->kind >= VAL_DATE)
        return false;
    if (v->kind != VAL_TEXT)
        r = val_real(v);
    if (col->kind == COL_FLOAT)
        *out = (struct cell){.kind = CELL_F32, .f32 = (float)r};
    else
        *out = (struct cell){.kind = CELL_F64, .f64 = r};
    return col->kind != COL_FLOAT || isfinite(out->f32);
}

static enum err to_decimal(struct rule_machine *m, const struct column *col, const struct val *v,
                           struct cell *out, bool *fits)
{
    struct dec d, r;
    char text[400];
    *fits = false;
    if (v->kind == VAL_REAL) {
        int n = snprintf(text, sizeof(text), "%.*f", col->scale, v->r);
        if (n < 0 || !dec_of_text(slice_of(text, (size_t)n), &d))
            return ERR_OK;
    } else if (v->kind == VAL_TEXT ? !dec_of_text(v->text, &d) : !val_dec(v, &d)) {
        return ERR_OK;
    }
    if (!dec_round(&d, col->scale, &r))
        return ERR_OK;
    uint8_t *p = scratch_alloc(&m->scratch, DEC_TEXT_MAX);
    if (p == NULL)
        return ERR_NO_MEMORY;
    size_t n = (size_t)(dec_text(p, &r) - p);
    const uint8_t *first = r.negative ? p + 1 : p;
    size_t digits = n - (size_t)(first - p) - (col->scale > 0 ? col->scale + 1u : 0);
    bool zero = *first == '0';
    *fits = zero || digits <= (size_t)(col->precision - col->scale);
    *out = (struct cell){.kind = CELL_TEXT, .raw = slice_of(p, n)};
    return ERR_OK;
}

static void cut_fraction(struct civil *c, uint8_t fsp)
{
    uint32_t unit = 1;
    for (unsigned i = fsp; i < 6; i++)
        unit *= 10;
    c->us -= c->us % unit;
}

static bool to_time(const struct column *col, const struct val *v, struct cell *out)
{
    struct civil c;
    unsigned fsp;
    if (v->kind == VAL_TIME)
        temporal_unpack_time(v->i, &c);
    else if (v->kind == VAL_DATETIME) {
        temporal_unpack(v->i, &c);
        c = (struct civil){.hour = c.hour, .minute = c.minute, .second = c.second, .us = c.us};
    } else if (v->kind != VAL_TEXT || !temporal_parse_time(v->text, &c, &fsp)) {
        return false;
    }
    cut_fraction(&c, col->fsp);
    *out = (struct cell){.kind = CELL_TIME, .civil = c};
    return true;
}

static bool to_moment(const struct rule_machine *m, const struct column *col, const struct val *v,
                      struct cell *out)
{
    struct civil c;
    uint8_t fsp;
    if (!etl_datetime(v, &c, &fsp))
        return false;
    if (col->kind == COL_DATE) {
        c.hour = c.minute = c.second = 0;
        c.us = 0;
        *out = (struct cell){.kind = CELL_DATE, .civil = c};
        return true;
    }
    cut_fraction(&c, col->fsp);
    if (col->kind == COL_DATETIME) {
        *out = (struct cell){.kind = CELL_DATETIME, .civil = c};
        return true;
    }
    int64_t local = temporal_seconds(&c);
    int32_t guess = m->o.zone != NULL ? zone_offset(m->o.zone, local) : 0;
    int32_t offset = m->o.zone != NULL ? zone_offset(m->o.zone, local - guess) : 0;
    if (local - offset < 1 || local - offset > UINT32_MAX)
        return false;
    *out = (struct cell){.kind = CELL_TIMESTAMP, .stamp = {(uint32_t)(local - offset), c.us}};
    return true;
}

static bool to_label(const struct column *col, const struct val *v, struct cell *out)
{
    struct dec d;
    uint64_t i;
    if (v->kind == VAL_TEXT && v->form == 0) {
        for (i = 0; i < col->member_count; i++)
            if (slice_eq(col->members[i], v->text))
                break;
        *out = (struct cell){.kind = CELL_U64, .u64 = i + 1};
        return i < col->member_count;
    }
    if (v->kind == VAL_TEXT)
        i = v->number;
    else if (!whole(v, &d) || !dec_to_u64(&d, &i))
        return false;
    *out = (struct cell){.kind = CELL_U64, .u64 = i};
    return i <= col->member_count;
}

enum err cell_of_val(struct rule_machine *m, const struct column *col, const struct val *v,
                     struct cell *out)
{
    struct slice s;
    bool fits = true;
    struct cell cell = {.kind = CELL_NULL};
    if (v->kind == VAL_NULL) {
        *out = cell;
        return ERR_OK;
    }
    switch (col->kind) {
    case COL_TINYINT:
    case COL_SMALLINT:
    case COL_MEDIUMINT:
    case COL_INT:
    case COL_BIGINT:
    case COL_BIT:
    case COL_YEAR:
        fits = to_integer(col, v, &cell);
        break;
    case COL_FLOAT:
    case COL_DOUBLE:
        fits = to_real(col, v, &cell);
        break;
    case COL_DECIMAL:
        TRY(to_decimal(m, col, v, &cell, &fits));
        break;
    case COL_DATE:
    case COL_DATETIME:
    case COL_TIMESTAMP:
        fits = to_moment(m, col, v, &cell);
        break;
    case COL_TIME:
        fits = to_time(col, v, &cell);
        break;
    case COL_ENUM:
        fits = to_label(col, v, &cell);
        break;
    case COL_BINARY:
    case COL_VARBINARY:
    case COL_BLOB:
        TRY(val_text(v, &m->scratch, &s));
        cell = (struct cell){.kind = CELL_BYTES, .raw = s};
        break;
    case COL_CHAR: /* columns that scripts set are in UTF-8 */
    case COL_VARCHAR:
    case COL_TEXT:
        TRY(val_text(v, &m->scratch, &s));
        cell = (struct cell){.kind = CELL_BYTES, .raw = s};
        break;
    case COL_SET:
    case COL_JSON:
        TRY(val_text(v, &m->scratch, &s));
        cell = (struct cell){.kind = CELL_TEXT, .raw = s};
        break;
    case COL_GEOMETRY:
    case COL_VECTOR:
    case COL_UUID:
    case COL_INET4:
    case COL_INET6:
    case COL_KIND_COUNT:
        fits = false;
        break;
    }
    if (!fits)
        return unfit(m, col, v);
    *out = cell;
    return ERR_OK;
}
