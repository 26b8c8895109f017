/* How the values of each kind of column are written. */
#include "base/number.h"
#include "encode/canal_int.h"
#include "schema/cell_text.h"
#include "schema/charset.h"
#include "schema/json_binary.h"

/* --- bounded values: room was made for the whole row --- */

static uint8_t *put_i64(struct canal_json *enc, const struct canal_column *cc,
                        const struct cell *cell, uint8_t *p)
{
    (void)enc, (void)cc;
    *p++ = '"';
    p = number_i64(p, cell->i64);
    *p++ = '"';
    return p;
}

static uint8_t *put_u64(struct canal_json *enc, const struct canal_column *cc,
                        const struct cell *cell, uint8_t *p)
{
    (void)enc, (void)cc;
    *p++ = '"';
    p = number_u64(p, cell->u64);
    *p++ = '"';
    return p;
}

static uint8_t *put_float(struct canal_json *enc, const struct canal_column *cc,
                          const struct cell *cell, uint8_t *p)
{
    (void)enc, (void)cc;
    *p++ = '"';
    p = number_float_java(p, cell->f32);
    *p++ = '"';
    return p;
}

static uint8_t *put_double(struct canal_json *enc, const struct canal_column *cc,
                           const struct cell *cell, uint8_t *p)
{
    (void)enc, (void)cc;
    *p++ = '"';
    p = number_double_java(p, cell->f64);
    *p++ = '"';
    return p;
}

/* Closes the quotes behind a text of cell_text.h. */
static uint8_t *close_quote(struct canal_json *enc, uint8_t *p)
{
    if (p == NULL)
        return canal_fail(enc, ERR_MALFORMED);
    *p = '"';
    return p + 1;
}

static uint8_t *put_year(struct canal_json *enc, const struct canal_column *cc,
                         const struct cell *cell, uint8_t *p)
{
    (void)cc;
    *p = '"';
    return close_quote(enc, cell_year_text(p + 1, cell->u64));
}

static uint8_t *put_date(struct canal_json *enc, const struct canal_column *cc,
                         const struct cell *cell, uint8_t *p)
{
    (void)cc;
    *p = '"';
    return close_quote(enc, cell_date_text(p + 1, &cell->civil));
}

static uint8_t *put_time(struct canal_json *enc, const struct canal_column *cc,
                         const struct cell *cell, uint8_t *p)
{
    *p = '"';
    return close_quote(enc, cell_time_text(p + 1, &cell->civil, cc->column->fsp));
}

static uint8_t *put_datetime(struct canal_json *enc, const struct canal_column *cc,
                             const struct cell *cell, uint8_t *p)
{
    *p = '"';
    return close_quote(enc, cell_datetime_text(p + 1, &cell->civil, cc->column->fsp));
}

static uint8_t *put_timestamp(struct canal_json *enc, const struct canal_column *cc,
                              const struct cell *cell, uint8_t *p)
{
    *p = '"';
    return close_quote(enc, cell_timestamp_text(p + 1, cell->stamp, enc->zone, cc->column->fsp));
}

static uint8_t *put_decimal(struct canal_json *enc, const struct canal_column *cc,
                            const struct cell *cell, uint8_t *p)
{
    const struct column *col = cc->column;
    *p = '"';
    return close_quote(enc, cell_decimal_text(p + 1, cell->raw, col->precision, col->scale));
}

static uint8_t *put_uuid(struct canal_json *enc, const struct canal_column *cc,
                         const struct cell *cell, uint8_t *p)
{
    (void)cc;
    *p = '"';
    return close_quote(enc, cell_uuid_text(p + 1, cell->raw));
}

static uint8_t *put_inet4(struct canal_json *enc, const struct canal_column *cc,
                          const struct cell *cell, uint8_t *p)
{
    (void)cc;
    *p = '"';
    return close_quote(enc, cell_inet4_text(p + 1, cell->raw));
}

static uint8_t *put_inet6(struct canal_json *enc, const struct canal_column *cc,
                          const struct cell *cell, uint8_t *p)
{
    (void)cc;
    *p = '"';
    return close_quote(enc, cell_inet6_text(p + 1, cell->raw));
}

static uint8_t *put_enum(struct canal_json *enc, const struct canal_column *cc,
                         const struct cell *cell, uint8_t *p)
{
    if (cell->u64 >= cc->label_count)
        return canal_fail(enc, ERR_MALFORMED);
    struct slice label = cc->labels[cell->u64];
    memcpy(p, label.ptr, label.len);
    return p + label.len;
}

static uint8_t *put_set(struct canal_json *enc, const struct canal_column *cc,
                        const struct cell *cell, uint8_t *p)
{
    uint64_t bits = cell->u64;
    if (cc->label_count < 64 && bits >> cc->label_count != 0)
        return canal_fail(enc, ERR_MALFORMED);
    *p++ = '"';
    while (bits != 0) {
        struct slice label = cc->labels[__builtin_ctzll(bits)];
        memcpy(p, label.ptr, label.len);
        p += label.len;
        bits &= bits - 1;
        if (bits != 0)
            *p++ = ',';
    }
    *p++ = '"';
    return p;
}

/* --- unbounded values: each makes its own room --- */

static uint8_t *put_byte(struct canal_json *enc, uint8_t *p, uint8_t byte)
{
    p = canal_room(enc, p, 1);
    if (p != NULL)
        *p++ = byte;
    return p;
}

/* How much of a long text to escape at once: not more than a piece, and no part of a character. */
static size_t piece_of(struct slice s)
{
    if (s.len <= CANAL_PIECE)
        return s.len;
    size_t n = CANAL_PIECE;
    /* In text that is no UTF-8 any place does: the bad bytes stay together or are bad apart. */
    for (int back = 0; back < 3 && (s.ptr[n] & 0xC0) == 0x80; back++)
        n--;
    return n;
}

/* UTF-8 text of any length with its quotes. ERR_BAD_TEXT. */
static uint8_t *put_text(struct canal_json *enc, struct slice s, uint8_t *p)
{
    p = put_byte(enc, p, '"');
    while (p != NULL && s.len > 0) {
        size_t n = piece_of(s);
        if ((p = canal_room(enc, p, JSON_ESCAPE_ROOM(n))) == NULL)
            return NULL;
        if ((p = enc->escape->utf8(p, s.ptr, n)) == NULL)
            return canal_fail(enc, ERR_BAD_TEXT);
        s.ptr += n;
        s.len -= n;
    }
    return p == NULL ? NULL : put_byte(enc, p, '"');
}

/* Converts text of any character set, then writes it. */
static uint8_t *put_converted(struct canal_json *enc, const struct charset *cs, struct slice s,
                              uint8_t *p)
{
    writer_clear(&enc->scratch);
    enum err e =
        charset_to_utf8(cs, s, &enc->scratch, enc->options.replace_invalid, &enc->replaced);
    if (e != ERR_OK)
        return canal_fail(enc, e);
    return put_text(enc, writer_slice(&enc->scratch), p);
}

/* Text that is UTF-8 as it is, unless it is damaged. */
static uint8_t *put_utf8_slice(struct canal_json *enc, const struct charset *cs, struct slice s,
                               uint8_t *p)
{
    size_t at = (size_t)(p - enc->w->base);
    if (__builtin_expect(s.len <= CANAL_PIECE, 1)) {
        if ((p = canal_room(enc, p, JSON_ESCAPE_ROOM(s.len) + 2)) == NULL)
            return NULL;
        *p = '"';
        uint8_t *end = enc->escape->utf8(p + 1, s.ptr, s.len);
        if (__builtin_expect(end != NULL, 1)) {
            *end = '"';
            return end + 1;
        }
        enc->err = ERR_BAD_TEXT;
    } else if ((p = put_text(enc, s, p)) != NULL) {
        return p;
    }
    if (enc->err != ERR_BAD_TEXT || !enc->options.replace_invalid)
        return NULL;
    if (cs == NULL || cs->form != CHARSET_UTF8)
        cs = charset_of_name(SLICE_LIT("utf8mb4"));
    return put_converted(enc, cs, s, enc->w->base + at);
}

static uint8_t *put_utf8(struct canal_json *enc, const struct canal_column *cc,
                         const struct cell *cell, uint8_t *p)
{
    return put_utf8_slice(enc, cc->column->charset, cell->raw, p);
}

static uint8_t *put_json(struct canal_json *enc, const struct canal_column *cc,
                         const struct cell *cell, uint8_t *p)
{
    (void)cc;
    writer_clear(&enc->document);
    enum err e = json_binary_text(cell->raw, &enc->document);
    if (e != ERR_OK)
        return canal_fail(enc, e);
    return put_utf8_slice(enc, NULL, writer_slice(&enc->document), p);
}

static uint8_t *put_other_charset(struct canal_json *enc, const struct canal_column *cc,
                                  const struct cell *cell, uint8_t *p)
{
    return put_converted(enc, cc->column->charset, cell->raw, p);
}

static uint8_t *put_latin1(struct canal_json *enc, const struct canal_column *cc,
                           const struct cell *cell, uint8_t *p)
{
    (void)cc;
    struct slice s = cell->raw;
    p = put_byte(enc, p, '"');
    while (p != NULL && s.len > 0) {
        size_t n = s.len < CANAL_PIECE ? s.len : CANAL_PIECE;
        if ((p = canal_room(enc, p, JSON_ESCAPE_ROOM(n))) == NULL)
            return NULL;
        p = enc->escape->latin1(p, s.ptr, n);
        s.ptr += n;
        s.len -= n;
    }
    return p == NULL ? NULL : put_byte(enc, p, '"');
}

static uint8_t *put_hex(struct canal_json *enc, const struct canal_column *cc,
                        const struct cell *cell, uint8_t *p)
{
    (void)cc;
    static const char digits[] = "0123456789abcdef";
    struct slice s = cell->raw;
    if (s.len > SIZE_MAX / 4)
        return canal_fail(enc, ERR_TOO_LARGE);
    if ((p = canal_room(enc, p, 2 * s.len + 2)) == NULL)
        return NULL;
    *p++ = '"';
    for (size_t i = 0; i < s.len; i++) {
        *p++ = (uint8_t)digits[s.ptr[i] >> 4];
        *p++ = (uint8_t)digits[s.ptr[i] & 15];
    }
    *p++ = '"';
    return p;
}

/* RFC 4648, with padding, without line breaks. */
static uint8_t *put_base64(struct canal_json *enc, const struct canal_column *cc,
                           const struct cell *cell, uint8_t *p)
{
    (void)cc;
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct slice s = cell->raw;
    if (s.len > SIZE_MAX / 4)
        return canal_fail(enc, ERR_TOO_LARGE);
    if ((p = canal_room(enc, p, (s.len + 2) / 3 * 4 + 2)) == NULL)
        return NULL;
    *p++ = '"';
    for (; s.len >= 3; s.ptr += 3, s.len -= 3) {
        uint32_t v = (uint32_t)s.ptr[0] << 16 | (uint32_t)s.ptr[1] << 8 | s.ptr[2];
        *p++ = (uint8_t)digits[v >> 18];
        *p++ = (uint8_t)digits[v >> 12 & 63];
        *p++ = (uint8_t)digits[v >> 6 & 63];
        *p++ = (uint8_t)digits[v & 63];
    }
    if (s.len > 0) {
        uint32_t v = (uint32_t)s.ptr[0] << 16 | (s.len > 1 ? (uint32_t)s.ptr[1] << 8 : 0);
        *p++ = (uint8_t)digits[v >> 18];
        *p++ = (uint8_t)digits[v >> 12 & 63];
        *p++ = s.len > 1 ? (uint8_t)digits[v >> 6 & 63] : '=';
        *p++ = '=';
    }
    *p++ = '"';
    return p;
}

/* --- cells of another kind than the column's own --- */

/* The index of a label in the column's members, or -1. */
static int64_t member_of(const struct column *col, struct slice label)
{
    for (uint32_t i = 0; i < col->member_count; i++)
        if (slice_eq(col->members[i], label))
            return i;
    return -1;
}

/* ENUM and SET as result sets show them, for enum_ordinal. False: a label that there is not. */
static bool ordinal_of(const struct column *col, struct slice text, uint64_t *out)
{
    *out = 0;
    if (text.len == 0)
        return true;
    if (col->kind == COL_ENUM) {
        int64_t at = member_of(col, text);
        *out = (uint64_t)(at + 1);
        return at >= 0;
    }
    for (;;) {
        const uint8_t *comma = memchr(text.ptr, ',', text.len);
        size_t n = comma != NULL ? (size_t)(comma - text.ptr) : text.len;
        int64_t at = member_of(col, slice_of(text.ptr, n));
        if (at < 0 || at > 63)
            return false;
        *out |= UINT64_C(1) << at;
        if (comma == NULL)
            return true;
        text = slice_of(comma + 1, text.len - n - 1);
    }
}

static bool is_integer(enum column_kind kind)
{
    return kind <= COL_BIGINT || kind == COL_BIT;
}

uint8_t *canal_put_other(struct canal_json *enc, const struct canal_column *cc,
                         const struct cell *cell, uint8_t *p)
{
    const struct column *col = cc->column;
    bool has_members = col->kind == COL_ENUM || col->kind == COL_SET;
    uint64_t ordinal;
    switch (cell->kind) {
    case CELL_NULL:
        memcpy(p, "null", 4);
        return p + 4;
    case CELL_TEXT:
        if (!has_members || !enc->options.enum_ordinal)
            return put_utf8(enc, cc, cell, p);
        if (!ordinal_of(col, cell->raw, &ordinal))
            return canal_fail(enc, ERR_MALFORMED);
        return put_u64(enc, cc, &(struct cell){.kind = CELL_U64, .u64 = ordinal}, p);
    case CELL_BYTES: /* JSON as text, as MariaDB keeps it */
        return col->kind == COL_JSON ? put_utf8(enc, cc, cell, p) : canal_fail(enc, ERR_BUG);
    case CELL_I64:
        return is_integer(col->kind) ? put_i64(enc, cc, cell, p) : canal_fail(enc, ERR_BUG);
    case CELL_U64:
        return is_integer(col->kind) ? put_u64(enc, cc, cell, p) : canal_fail(enc, ERR_BUG);
    case CELL_ABSENT:
    case CELL_F32:
    case CELL_F64:
    case CELL_DECIMAL:
    case CELL_DATE:
    case CELL_DATETIME:
    case CELL_TIME:
    case CELL_TIMESTAMP:
    case CELL_JSON:
        break;
    }
    return canal_fail(enc, ERR_BUG);
}

/* --- which function a column gets --- */

/* The escaped label, in quotes or not, in the arena. False: no UTF-8. */
static bool keep_label(struct arena *a, struct slice label, bool quoted, struct slice *out)
{
    uint8_t *p = arena_alloc(a, JSON_ESCAPE_ROOM(label.len) + 2);
    if (p == NULL)
        return false;
    uint8_t *start = quoted ? p + 1 : p;
    uint8_t *end = json_escape_best()->utf8(start, label.ptr, label.len);
    if (end == NULL)
        return false;
    if (quoted) {
        *p = '"';
        *end++ = '"';
    }
    *out = slice_of(p, (size_t)(end - p));
    return true;
}

static bool init_enum(struct canal_column *cc, const struct column *col, struct arena *a)
{
    struct slice *labels = arena_array(a, col->member_count + 1, sizeof *labels);
    if (labels == NULL)
        return false;
    labels[0] = SLICE_LIT("\"\""); /* the error value */
    for (uint32_t i = 0; i < col->member_count; i++) {
        if (!keep_label(a, col->members[i], true, &labels[i + 1]))
            return false;
        if (labels[i + 1].len > cc->room)
            cc->room = labels[i + 1].len;
    }
    cc->labels = labels;
    cc->label_count = col->member_count + 1;
    cc->put = put_enum;
    return true;
}

static bool init_set(struct canal_column *cc, const struct column *col, struct arena *a)
{
    struct slice *labels = arena_array(a, col->member_count + 1, sizeof *labels);
    if (labels == NULL || col->member_count > 64)
        return false;
    cc->room = 2;
    for (uint32_t i = 0; i < col->member_count; i++) {
        if (!keep_label(a, col->members[i], false, &labels[i]))
            return false;
        cc->room += labels[i].len + 1;
    }
    cc->labels = labels;
    cc->label_count = col->member_count;
    cc->put = put_set;
    return true;
}

static void init_text(struct canal_column *cc, const struct column *col)
{
    const struct charset *cs = col->charset;
    cc->kind = CELL_BYTES;
    cc->put = cs != NULL && cs->form == CHARSET_OTHER ? put_other_charset : put_utf8;
}

static void init_bytes(struct canal_column *cc, enum canal_binary binary)
{
    cc->kind = CELL_BYTES;
    cc->put = binary == CANAL_BASE64 ? put_base64 : binary == CANAL_HEX ? put_hex : put_latin1;
}

static void init_plain(struct canal_column *cc, enum cell_kind kind, canal_put_fn *put)
{
    cc->kind = kind;
    cc->put = put;
}

bool canal_column_init(struct canal_column *cc, const struct column *col,
                       const struct canal_options *o, struct arena *a)
{
    cc->room = CELL_TEXT_MAX + 2;
    switch (col->kind) {
    case COL_TINYINT:
    case COL_SMALLINT:
    case COL_MEDIUMINT:
    case COL_INT:
    case COL_BIGINT:
        if (col->is_unsigned)
            init_plain(cc, CELL_U64, put_u64);
        else
            init_plain(cc, CELL_I64, put_i64);
        return true;
    case COL_BIT:
        init_plain(cc, CELL_U64, put_u64);
        return true;
    case COL_FLOAT:
        init_plain(cc, CELL_F32, put_float);
        return true;
    case COL_DOUBLE:
        init_plain(cc, CELL_F64, put_double);
        return true;
    case COL_YEAR:
        init_plain(cc, CELL_U64, put_year);
        return true;
    case COL_DATE:
        init_plain(cc, CELL_DATE, put_date);
        return true;
    case COL_TIME:
        init_plain(cc, CELL_TIME, put_time);
        return true;
    case COL_DATETIME:
        init_plain(cc, CELL_DATETIME, put_datetime);
        return true;
    case COL_TIMESTAMP:
        init_plain(cc, CELL_TIMESTAMP, put_timestamp);
        return true;
    case COL_CHAR:
    case COL_VARCHAR:
    case COL_TEXT:
        init_text(cc, col);
        return true;
    case COL_BINARY:
    case COL_VARBINARY:
    case COL_BLOB:
    case COL_GEOMETRY:
    case COL_VECTOR:
        init_bytes(cc, o->binary);
        return true;
    case COL_ENUM:
    case COL_SET:
        cc->kind = CELL_U64;
        cc->put = put_u64;
        if (o->enum_ordinal)
            return true;
        return col->kind == COL_ENUM ? init_enum(cc, col, a) : init_set(cc, col, a);
    case COL_DECIMAL:
        cc->room = CELL_DECIMAL_TEXT_MAX + 2;
        init_plain(cc, CELL_DECIMAL, put_decimal);
        return true;
    case COL_UUID:
        init_plain(cc, CELL_BYTES, put_uuid);
        return true;
    case COL_INET4:
        init_plain(cc, CELL_BYTES, put_inet4);
        return true;
    case COL_INET6:
        init_plain(cc, CELL_BYTES, put_inet6);
        return true;
    case COL_JSON:
        init_plain(cc, CELL_JSON, put_json);
        return true;
    case COL_KIND_COUNT:
        break;
    }
    return false;
}
