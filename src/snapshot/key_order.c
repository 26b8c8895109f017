/*
 * Keys in the order of the server's indexes.
 *
 * Text: MySQL's "strings/ctype-*.cc" and MariaDB's "strings/ctype-*.c", the
 * functions strnncollsp of the _bin collations. Most compare bytes; UTF-16
 * and UTF-16LE compare characters. A shorter text is compared as if spaces
 * followed it (PAD SPACE), except in utf8mb4_0900_bin, MariaDB's _nopad_bin
 * and binary strings.
 */
#include "schema/cell_text.h"
#include "snapshot/key.h"

enum text_order {
    ORDER_NONE, /* not known here */
    ORDER_BYTES,
    ORDER_BYTES_PAD,
    ORDER_UCS2_PAD,
    ORDER_UTF16_PAD,
    ORDER_UTF16LE_PAD,
    ORDER_UTF32_PAD,
};

static bool ends_with(struct slice s, struct slice end)
{
    return s.len >= end.len && slice_eq_nocase(slice_of(s.ptr + s.len - end.len, end.len), end);
}

static enum text_order text_order(const struct column *c)
{
    const struct charset *cs = c->charset;
    if (c->kind == COL_UUID || c->kind == COL_VECTOR || c->kind == COL_GEOMETRY)
        return ORDER_NONE;
    if (cs == NULL)
        return c->kind == COL_CHAR || c->kind == COL_VARCHAR || c->kind == COL_TEXT ? ORDER_NONE
                                                                                    : ORDER_BYTES;
    if (cs->form == CHARSET_BINARY)
        return ORDER_BYTES;
    if (!ends_with(c->collation, SLICE_LIT("_bin")))
        return ORDER_NONE;
    struct slice name = slice_str(cs->name);
    bool utf8 = cs->form == CHARSET_UTF8;
    if (ends_with(c->collation, SLICE_LIT("_0900_bin")) ||
        ends_with(c->collation, SLICE_LIT("_nopad_bin"))) {
        /* CHAR is stored with spaces that its values do not show. */
        return utf8 && c->kind != COL_CHAR ? ORDER_BYTES : ORDER_NONE;
    }
    if (utf8 || cs->max_len == 1)
        return ORDER_BYTES_PAD;
    if (slice_eq(name, SLICE_LIT("ucs2")))
        return ORDER_UCS2_PAD;
    if (slice_eq(name, SLICE_LIT("utf16")))
        return ORDER_UTF16_PAD;
    if (slice_eq(name, SLICE_LIT("utf16le")))
        return ORDER_UTF16LE_PAD;
    if (slice_eq(name, SLICE_LIT("utf32")))
        return ORDER_UTF32_PAD;
    return ORDER_NONE;
}

bool copy_key_orderable(const struct table *t, const uint16_t *columns, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct column *c = &t->columns[columns[i]];
        switch (c->kind) {
        case COL_CHAR:
        case COL_VARCHAR:
        case COL_TEXT:
        case COL_BINARY:
        case COL_VARBINARY:
        case COL_BLOB:
        case COL_INET4:
        case COL_INET6:
            if (text_order(c) == ORDER_NONE)
                return false;
            break;
        case COL_JSON:
        case COL_GEOMETRY:
        case COL_VECTOR:
        case COL_UUID:
        case COL_KIND_COUNT:
            return false;
        case COL_TINYINT:
        case COL_SMALLINT:
        case COL_MEDIUMINT:
        case COL_INT:
        case COL_BIGINT:
        case COL_FLOAT:
        case COL_DOUBLE:
        case COL_DECIMAL:
        case COL_BIT:
        case COL_YEAR:
        case COL_DATE:
        case COL_TIME:
        case COL_DATETIME:
        case COL_TIMESTAMP:
        case COL_ENUM:
        case COL_SET:
            break;
        }
    }
    return true;
}

/* ---- text ---- */

static int compare_padded(struct slice a, struct slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int d = memcmp(a.ptr, b.ptr, n);
    if (d != 0)
        return d;
    struct slice rest = a.len > n ? a : b;
    int sign = a.len > n ? 1 : -1;
    for (size_t i = n; i < rest.len; i++)
        if (rest.ptr[i] != ' ')
            return rest.ptr[i] < ' ' ? -sign : sign;
    return 0;
}

static uint32_t unit16(const uint8_t *p, bool little)
{
    return little ? (uint32_t)p[1] << 8 | p[0] : (uint32_t)p[0] << 8 | p[1];
}

/* The next character; spaces for ever behind the end. A cut unit counts as its bytes. */
static uint32_t next_char(enum text_order order, struct slice *s)
{
    bool little = order == ORDER_UTF16LE_PAD;
    size_t unit = order == ORDER_UTF32_PAD ? 4 : 2;
    if (s->len == 0)
        return ' ';
    if (s->len < unit) {
        uint32_t c = s->ptr[0];
        *s = slice_of(s->ptr + s->len, 0);
        return c;
    }
    uint32_t c = unit == 4 ? (uint32_t)load_be(s->ptr, 4) : unit16(s->ptr, little);
    size_t used = unit;
    if (order != ORDER_UCS2_PAD && unit == 2 && (c & 0xFC00) == 0xD800 && s->len >= 4) {
        uint32_t low = unit16(s->ptr + 2, little);
        if ((low & 0xFC00) == 0xDC00) {
            c = 0x10000 + ((c & 0x3FF) << 10) + (low & 0x3FF);
            used = 4;
        }
    }
    *s = slice_of(s->ptr + used, s->len - used);
    return c;
}

static int compare_wide(enum text_order order, struct slice a, struct slice b)
{
    while (a.len > 0 || b.len > 0) {
        uint32_t x = next_char(order, &a), y = next_char(order, &b);
        if (x != y)
            return x < y ? -1 : 1;
    }
    return 0;
}

static int compare_text(const struct column *c, struct slice a, struct slice b)
{
    enum text_order order = text_order(c);
    if (order == ORDER_BYTES_PAD)
        return compare_padded(a, b);
    if (order == ORDER_BYTES || order == ORDER_NONE)
        return slice_cmp(a, b);
    return compare_wide(order, a, b);
}

/* ---- numbers and times ---- */

struct decimal {
    bool negative;
    struct slice whole;    /* digits without zeros in front */
    struct slice fraction; /* digits without zeros behind */
};

static struct decimal decimal_of(struct slice text)
{
    struct decimal d = {.negative = text.len > 0 && text.ptr[0] == '-'};
    const uint8_t *p = text.ptr + d.negative, *end = text.ptr + text.len;
    const uint8_t *dot = memchr(p, '.', (size_t)(end - p));
    const uint8_t *whole_end = dot != NULL ? dot : end;
    const uint8_t *fraction = dot != NULL ? dot + 1 : end;
    while (p < whole_end && *p == '0')
        p++;
    while (end > fraction && end[-1] == '0')
        end--;
    d.whole = slice_of(p, (size_t)(whole_end - p));
    d.fraction = slice_of(fraction, (size_t)(end - fraction));
    if (d.whole.len == 0 && d.fraction.len == 0)
        d.negative = false;
    return d;
}

static int compare_decimal(struct slice x, struct slice y)
{
    struct decimal a = decimal_of(x), b = decimal_of(y);
    if (a.negative != b.negative)
        return a.negative ? -1 : 1;
    int d;
    if (a.whole.len != b.whole.len)
        d = a.whole.len < b.whole.len ? -1 : 1;
    else if ((d = slice_cmp(a.whole, b.whole)) == 0)
        d = slice_cmp(a.fraction, b.fraction);
    return a.negative ? -d : d;
}

#define ORDER_OF(a, b) (((a) > (b)) - ((a) < (b)))

static int compare_civil(const struct civil *a, const struct civil *b)
{
    if (a->negative != b->negative)
        return a->negative ? -1 : 1;
    uint64_t x = (uint64_t)a->year << 24 | (uint64_t)a->month << 16 | a->day;
    uint64_t y = (uint64_t)b->year << 24 | (uint64_t)b->month << 16 | b->day;
    if (x == y) {
        x = ((uint64_t)a->hour * 3600 + a->minute * 60u + a->second) * 1000000 + a->us;
        y = ((uint64_t)b->hour * 3600 + b->minute * 60u + b->second) * 1000000 + b->us;
    }
    int d = ORDER_OF(x, y);
    return a->negative ? -d : d;
}

/* Integers of both signs, for a bound may be older than a change from INT to INT UNSIGNED. */
static int compare_integers(const struct cell *a, const struct cell *b)
{
    bool below_a = a->kind == CELL_I64 && a->i64 < 0, below_b = b->kind == CELL_I64 && b->i64 < 0;
    if (below_a != below_b)
        return below_a ? -1 : 1;
    return ORDER_OF(a->u64, b->u64); /* two's complement orders negative numbers the same way */
}

static int compare_cell(const struct column *column, const struct cell *a, const struct cell *b)
{
    uint8_t text[CELL_DECIMAL_TEXT_MAX];
    switch (a->kind) {
    case CELL_I64:
    case CELL_U64:
        return compare_integers(a, b);
    case CELL_F32:
        return ORDER_OF(a->f32, b->f32);
    case CELL_F64:
        return ORDER_OF(a->f64, b->f64);
    case CELL_DECIMAL: {
        const uint8_t *end = cell_decimal_text(text, a->raw, column->precision, column->scale);
        size_t n = end != NULL ? (size_t)(end - text) : 0;
        return compare_decimal(slice_of(text, n), b->raw);
    }
    case CELL_TEXT:
        return compare_decimal(a->raw, b->raw);
    case CELL_DATE:
    case CELL_DATETIME:
    case CELL_TIME:
        return compare_civil(&a->civil, &b->civil);
    case CELL_TIMESTAMP:
        if (a->stamp.seconds != b->stamp.seconds)
            return ORDER_OF(a->stamp.seconds, b->stamp.seconds);
        return ORDER_OF(a->stamp.us, b->stamp.us);
    case CELL_BYTES:
        return compare_text(column, a->raw, b->raw);
    case CELL_ABSENT:
    case CELL_NULL:
    case CELL_JSON:
        break;
    }
    return 0;
}

/* What both sides have to agree on before one is read as the other. */
static bool comparable(const struct cell *a, const struct cell *b)
{
    bool integers = (a->kind == CELL_I64 || a->kind == CELL_U64) &&
                    (b->kind == CELL_I64 || b->kind == CELL_U64);
    bool decimals = (a->kind == CELL_DECIMAL || a->kind == CELL_TEXT) && b->kind == CELL_TEXT;
    return integers || decimals || a->kind == b->kind;
}

int copy_key_compare(const struct table *t, const uint16_t *columns, const struct cell *cells,
                     const struct copy_key *k)
{
    for (uint32_t i = 0; i < k->count; i++) {
        if (!comparable(&cells[i], &k->cells[i]))
            continue;
        int d = compare_cell(&t->columns[columns[i]], &cells[i], &k->cells[i]);
        if (d != 0)
            return d;
    }
    return 0;
}
