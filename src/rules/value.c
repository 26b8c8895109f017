#include "rules/value.h"

#include "base/number.h"
#include "base/writer.h"
#include "rules/collate.h"
#include "rules/temporal.h"
#include "schema/cell_text.h"
#include "schema/json_binary.h"

#include <math.h>
#include <stdlib.h>

struct scratch_more {
    struct scratch_more *next;
    size_t size;
};

bool scratch_init(struct scratch *s, size_t cap, size_t max)
{
    *s = (struct scratch){.block = malloc(cap), .cap = cap, .max = max};
    return s->block != NULL;
}

static void free_more(struct scratch *s)
{
    while (s->more != NULL) {
        struct scratch_more *next = s->more->next;
        free(s->more);
        s->more = next;
    }
    s->total = 0;
}

void scratch_fini(struct scratch *s)
{
    free_more(s);
    free(s->block);
    *s = (struct scratch){0};
}

void scratch_reset(struct scratch *s)
{
    s->used = 0;
    if (__builtin_expect(s->more != NULL, 0))
        free_more(s);
}

void *scratch_slow(struct scratch *s, size_t n)
{
    if (n > s->max || s->total > s->max - n)
        return NULL;
    struct scratch_more *m = malloc(sizeof(*m) + n);
    if (m == NULL)
        return NULL;
    m->next = s->more;
    m->size = n;
    s->more = m;
    s->total += n;
    return m + 1;
}

/* Sets in which printable ASCII is something else, or longer. */
static bool is_unlike_ascii(const struct charset *cs)
{
    static const char *const names[] = {"ucs2", "utf16", "utf16le", "utf32", "swe7", "sjis", NULL};
    for (const char *const *n = names; *n != NULL; n++)
        if (strcmp(cs->name, *n) == 0)
            return true;
    return false;
}

static enum err load_text(const struct column *col, struct slice raw, struct scratch *s,
                          struct val *out)
{
    *out = (struct val){.kind = VAL_TEXT, .text = raw};
    if (col->charset == NULL || col->charset->form != CHARSET_OTHER)
        return ERR_OK;
    if (text_is_plain(raw) && !is_unlike_ascii(col->charset))
        return ERR_OK;
    size_t room = raw.len * 3 + 64;
    void *to = scratch_alloc(s, room);
    if (to == NULL)
        return ERR_NO_MEMORY;
    struct writer w = writer_fixed(to, room);
    TRY(charset_to_utf8(col->charset, raw, &w, false, NULL));
    out->text = writer_slice(&w);
    return ERR_OK;
}

static enum err load_decimal(const struct column *col, const struct cell *cell, struct scratch *s,
                             struct val *out)
{
    uint8_t text[CELL_DECIMAL_TEXT_MAX];
    struct slice digits = cell->raw;
    if (cell->kind == CELL_DECIMAL) {
        uint8_t *end = cell_decimal_text(text, cell->raw, col->precision, col->scale);
        if (end == NULL)
            return ERR_MALFORMED;
        digits = slice_of(text, (size_t)(end - text));
    }
    struct dec *d = scratch_alloc(s, sizeof(*d));
    if (d == NULL)
        return ERR_NO_MEMORY;
    if (!dec_of_text(digits, d))
        return ERR_MALFORMED;
    *out = (struct val){.kind = VAL_DEC, .dec = d};
    return ERR_OK;
}

static uint64_t enum_index(const struct column *col, struct slice label)
{
    for (uint32_t i = 0; i < col->member_count; i++)
        if (slice_eq(col->members[i], label))
            return i + 1;
    return 0;
}

static uint64_t set_bits(const struct column *col, struct slice labels)
{
    uint64_t bits = 0;
    while (labels.len > 0) {
        const uint8_t *comma = memchr(labels.ptr, ',', labels.len);
        size_t n = comma != NULL ? (size_t)(comma - labels.ptr) : labels.len;
        uint64_t i = enum_index(col, slice_of(labels.ptr, n));
        if (i > 0 && i <= 64)
            bits |= UINT64_C(1) << (i - 1);
        n += n < labels.len;
        labels = slice_of(labels.ptr + n, labels.len - n);
    }
    return bits;
}

static enum err load_labels(const struct column *col, const struct cell *cell, struct scratch *s,
                            struct val *out)
{
    *out = (struct val){.kind = VAL_TEXT, .form = 1};
    if (cell->kind == CELL_TEXT) {
        out->text = cell->raw;
        out->number = col->kind == COL_ENUM ? enum_index(col, cell->raw) : set_bits(col, cell->raw);
        return ERR_OK;
    }
    if (cell->kind != CELL_U64)
        return ERR_MALFORMED;
    out->number = cell->u64;
    if (col->kind == COL_ENUM)
        return cell_enum_label(col, cell->u64, &out->text) ? ERR_OK : ERR_MALFORMED;
    size_t room = 1;
    for (uint32_t i = 0; i < col->member_count && i < 64; i++)
        if (cell->u64 >> i & 1)
            room += col->members[i].len + 1;
    void *to = scratch_alloc(s, room);
    if (to == NULL)
        return ERR_NO_MEMORY;
    struct writer w = writer_fixed(to, room);
    if (!cell_set_text(col, cell->u64, &w))
        return ERR_MALFORMED;
    out->text = writer_slice(&w);
    return w.err;
}

static struct val of_stamp(struct stamp t, const struct zone *zone, uint8_t fsp)
{
    struct civil c = {0};
    struct val v = {.kind = VAL_DATETIME, .form = fsp};
    if (t.seconds == 0 && t.us == 0)
        return v; /* the zero date, in every zone */
    int32_t offset = zone != NULL ? zone_offset(zone, t.seconds) : 0;
    if (temporal_of_seconds((int64_t)t.seconds + offset, &c)) {
        c.us = t.us;
        v.i = temporal_pack(&c);
    }
    return v;
}

/* The one value whose text has no bound beforehand. */
static enum err load_json(struct slice raw, struct scratch *s, struct val *out)
{
    struct writer w;
    writer_init(&w, s->max);
    enum err e = json_binary_text(raw, &w);
    uint8_t *to = e == ERR_OK ? scratch_alloc(s, w.len + 1) : NULL;
    if (e == ERR_OK && to == NULL)
        e = ERR_NO_MEMORY;
    if (e == ERR_OK)
        *out = (struct val){.kind = VAL_TEXT, .text = slice_of(memcpy(to, w.base, w.len), w.len)};
    writer_fini(&w);
    return e;
}

enum err val_of_cell(const struct column *col, const struct cell *cell, const struct zone *zone,
                     struct scratch *s, struct val *out)
{
    switch (cell->kind) {
    case CELL_NULL:
        *out = (struct val){.kind = VAL_NULL};
        return ERR_OK;
    case CELL_I64:
        *out = (struct val){.kind = VAL_INT, .i = cell->i64};
        return ERR_OK;
    case CELL_U64:
        if (col->kind == COL_ENUM || col->kind == COL_SET)
            return load_labels(col, cell, s, out);
        *out =
            (struct val){.kind = VAL_UINT, .form = col->kind == COL_YEAR ? 4 : 0, .u = cell->u64};
        return ERR_OK;
    case CELL_F32:
        *out = (struct val){.kind = VAL_REAL, .form = 1, .r = (double)cell->f32};
        return ERR_OK;
    case CELL_F64:
        *out = (struct val){.kind = VAL_REAL, .r = cell->f64};
        return ERR_OK;
    case CELL_DECIMAL:
        return load_decimal(col, cell, s, out);
    case CELL_DATE:
        *out = (struct val){.kind = VAL_DATE, .i = temporal_pack(&cell->civil)};
        return ERR_OK;
    case CELL_DATETIME:
        *out =
            (struct val){.kind = VAL_DATETIME, .form = col->fsp, .i = temporal_pack(&cell->civil)};
        return ERR_OK;
    case CELL_TIME:
        *out =
            (struct val){.kind = VAL_TIME, .form = col->fsp, .i = temporal_pack_time(&cell->civil)};
        return ERR_OK;
    case CELL_TIMESTAMP:
        *out = of_stamp(cell->stamp, zone, col->fsp);
        return ERR_OK;
    case CELL_BYTES:
        return load_text(col, cell->raw, s, out);
    case CELL_TEXT:
        if (col->kind == COL_DECIMAL)
            return load_decimal(col, cell, s, out);
        if (col->kind == COL_ENUM || col->kind == COL_SET)
            return load_labels(col, cell, s, out);
        *out = (struct val){.kind = VAL_TEXT, .text = cell->raw};
        return ERR_OK;
    case CELL_JSON:
        return load_json(cell->raw, s, out);
    case CELL_ABSENT:
        break;
    }
    return ERR_MALFORMED;
}

/* The shortest text of a FLOAT, in the layout of a DOUBLE. */
static uint8_t *float_text(uint8_t *p, double v)
{
    char text[NUMBER_DOUBLE_MAX + 1];
    *number_float_java((uint8_t *)text, (float)v) = '\0';
    return number_double_mysql(p, strtod(text, NULL));
}

static uint8_t *integer_text(uint8_t *p, const struct val *v)
{
    if (v->form == 4 && v->u < 10000)
        return cell_year_text(p, v->u);
    return v->kind == VAL_UINT ? number_u64(p, v->u) : number_i64(p, v->i);
}

enum err val_text(const struct val *v, struct scratch *s, struct slice *out)
{
    struct civil c;
    if (v->kind == VAL_TEXT) {
        *out = v->text;
        return ERR_OK;
    }
    uint8_t *p = scratch_alloc(s, DEC_TEXT_MAX), *end = p;
    if (p == NULL)
        return ERR_NO_MEMORY;
    switch ((enum val_kind)v->kind) {
    case VAL_NULL:
    case VAL_TEXT:
        break;
    case VAL_BOOL:
        *out = v->i != 0 ? SLICE_LIT("true") : SLICE_LIT("false");
        return ERR_OK;
    case VAL_INT:
    case VAL_UINT:
        end = integer_text(p, v);
        break;
    case VAL_DEC:
        end = dec_text(p, v->dec);
        break;
    case VAL_REAL:
        end = v->form == 1 ? float_text(p, v->r) : number_double_mysql(p, v->r);
        break;
    case VAL_DATE:
        temporal_unpack(v->i, &c);
        end = cell_date_text(p, &c);
        break;
    case VAL_DATETIME:
        temporal_unpack(v->i, &c);
        end = cell_datetime_text(p, &c, v->form);
        break;
    case VAL_TIME:
        temporal_unpack_time(v->i, &c);
        end = cell_time_text(p, &c, v->form);
        break;
    }
    *out = slice_of(p, (size_t)(end - p));
    return ERR_OK;
}

double text_real(struct slice text, size_t *used)
{
    char small[64], *digits = small;
    size_t at = 0, n = 0;
    while (at < text.len && (text.ptr[at] == ' ' || (text.ptr[at] >= 9 && text.ptr[at] <= 13)))
        at++;
    size_t from = at;
    bool any = false;
    if (at < text.len && (text.ptr[at] == '-' || text.ptr[at] == '+'))
        at++;
    for (; at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9'; at++)
        any = true;
    if (at < text.len && text.ptr[at] == '.')
        for (at++; at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9'; at++)
            any = true;
    *used = 0;
    if (!any)
        return 0;
    size_t e = at;
    if (e < text.len && (text.ptr[e] | 0x20) == 'e') {
        e++;
        if (e < text.len && (text.ptr[e] == '-' || text.ptr[e] == '+'))
            e++;
        if (e < text.len && text.ptr[e] >= '0' && text.ptr[e] <= '9') {
            while (e < text.len && text.ptr[e] >= '0' && text.ptr[e] <= '9')
                e++;
            at = e;
        }
    }
    *used = at;
    n = at - from;
    if (n >= sizeof(small) && (digits = malloc(n + 1)) == NULL)
        return 0;
    memcpy(digits, text.ptr + from, n);
    digits[n] = '\0';
    double v = strtod(digits, NULL);
    if (digits != small)
        free(digits);
    /* Beyond the range the server stays at its ends. */
    return isinf(v) ? copysign(1.7976931348623157e308, v) : v;
}

double val_real(const struct val *v)
{
    size_t used;
    switch ((enum val_kind)v->kind) {
    case VAL_NULL:
        break;
    case VAL_INT:
    case VAL_BOOL:
        return (double)v->i;
    case VAL_UINT:
        return (double)v->u;
    case VAL_DEC:
        return dec_to_double(v->dec);
    case VAL_REAL:
        return v->r;
    case VAL_TEXT:
        return v->form != 0 ? (double)v->number : text_real(v->text, &used);
    case VAL_DATE:
    case VAL_DATETIME:
    case VAL_TIME:
        return (double)v->i;
    }
    return 0;
}

bool val_dec(const struct val *v, struct dec *out)
{
    switch ((enum val_kind)v->kind) {
    case VAL_INT:
    case VAL_BOOL:
        dec_of_i64(v->i, out);
        return true;
    case VAL_UINT:
        dec_of_u64(v->u, out);
        return true;
    case VAL_DEC:
        *out = *v->dec;
        return true;
    case VAL_TEXT: /* of labels and hex literals */
        dec_of_u64(v->number, out);
        return v->form != 0;
    case VAL_NULL:
    case VAL_REAL:
    case VAL_DATE:
    case VAL_DATETIME:
    case VAL_TIME:
        break;
    }
    return false;
}

bool val_is_true(const struct val *v)
{
    switch ((enum val_kind)v->kind) {
    case VAL_NULL:
        return false;
    case VAL_DEC:
        return !dec_is_zero(v->dec);
    case VAL_REAL:
    case VAL_TEXT:
        return val_real(v) != 0;
    case VAL_INT:
    case VAL_UINT:
    case VAL_BOOL:
    case VAL_DATE:
    case VAL_DATETIME:
    case VAL_TIME:
        break;
    }
    return v->i != 0;
}
