/* How the values of each kind of column are written: branches and numbers of types are DTS's. */
#include "base/number.h"
#include "base/utf8.h"
#include "encode/dts_avro_int.h"
#include "schema/cell_text.h"
#include "schema/charset.h"
#include "schema/json_binary.h"

/* --- bounded values: room was made for the whole row, the column's lead is written --- */

/* Integer: precision (in the lead) and digits. */
static uint8_t *put_i64(struct dts_avro *enc, const struct avro_column *ac, const struct cell *cell,
                        uint8_t *p)
{
    (void)enc, (void)ac;
    uint8_t *end = number_i64(p + 1, cell->i64);
    *p = (uint8_t)((end - p - 1) << 1);
    return end;
}

static uint8_t *put_u64(struct dts_avro *enc, const struct avro_column *ac, const struct cell *cell,
                        uint8_t *p)
{
    (void)enc, (void)ac;
    uint8_t *end = number_u64(p + 1, cell->u64);
    *p = (uint8_t)((end - p - 1) << 1);
    return end;
}

/* Float: the value, and the precision and scale that DTS writes beside every one. */
static uint8_t *put_number(uint8_t *p, double v)
{
    p = avro_double(p, v);
    *p++ = 8 << 1;
    *p++ = 15 << 1;
    return p;
}

static uint8_t *put_float(struct dts_avro *enc, const struct avro_column *ac,
                          const struct cell *cell, uint8_t *p)
{
    (void)enc, (void)ac;
    return put_number(p, (double)cell->f32);
}

static uint8_t *put_double(struct dts_avro *enc, const struct avro_column *ac,
                           const struct cell *cell, uint8_t *p)
{
    (void)enc, (void)ac;
    return put_number(p, cell->f64);
}

/* Seconds and microseconds since 1970, UTC. */
static uint8_t *put_timestamp(struct dts_avro *enc, const struct avro_column *ac,
                              const struct cell *cell, uint8_t *p)
{
    (void)enc, (void)ac;
    return avro_long(avro_long(p, cell->stamp.seconds), cell->stamp.us);
}

/* A part of a DateTime that is there. */
static inline uint8_t *put_part(uint8_t *p, int32_t v)
{
    *p++ = 1 << 1;
    return avro_long(p, v);
}

/* n parts that are not. */
static inline uint8_t *put_no_parts(uint8_t *p, unsigned n)
{
    memset(p, 0, n);
    return p + n;
}

static uint8_t *put_day(uint8_t *p, const struct civil *c)
{
    return put_part(put_part(put_part(p, c->year), c->month), c->day);
}

static uint8_t *put_year(struct dts_avro *enc, const struct avro_column *ac,
                         const struct cell *cell, uint8_t *p)
{
    (void)ac;
    if (cell->u64 > 2155)
        return avro_fail(enc, ERR_MALFORMED);
    return put_no_parts(put_part(p, (int32_t)cell->u64), 6);
}

static uint8_t *put_date(struct dts_avro *enc, const struct avro_column *ac,
                         const struct cell *cell, uint8_t *p)
{
    (void)enc, (void)ac;
    return put_no_parts(put_day(p, &cell->civil), 4);
}

/* Of a negative time every part is negative. */
static uint8_t *put_time(struct dts_avro *enc, const struct avro_column *ac,
                         const struct cell *cell, uint8_t *p)
{
    (void)enc, (void)ac;
    const struct civil *c = &cell->civil;
    int32_t sign = c->negative ? -1 : 1;
    p = put_part(put_no_parts(p, 3), sign * c->hour);
    p = put_part(put_part(p, sign * c->minute), sign * c->second);
    return put_part(p, sign * (int32_t)c->us);
}

static uint8_t *put_datetime(struct dts_avro *enc, const struct avro_column *ac,
                             const struct cell *cell, uint8_t *p)
{
    (void)enc, (void)ac;
    const struct civil *c = &cell->civil;
    p = put_part(put_day(p, c), c->hour);
    p = put_part(put_part(p, c->minute), c->second);
    return put_part(p, (int32_t)c->us);
}

/*
 * Decimal: the text, and precision and scale of this value, as Java's
 * BigDecimal counts them: digits but leading zeros, and digits of the fraction.
 */
static uint8_t *put_decimal_text(struct slice text, uint8_t *p)
{
    int64_t digits = 0, scale = 0;
    bool point = false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t ch = text.ptr[i];
        if (ch == '.')
            point = true;
        if (ch < '0' || ch > '9')
            continue;
        scale += point;
        digits += digits > 0 || ch != '0';
    }
    p = avro_bytes(p, text);
    p = avro_long(p, digits > 0 ? digits : 1);
    return avro_long(p, scale);
}

static uint8_t *put_decimal(struct dts_avro *enc, const struct avro_column *ac,
                            const struct cell *cell, uint8_t *p)
{
    uint8_t text[CELL_DECIMAL_TEXT_MAX];
    const uint8_t *end =
        cell_decimal_text(text, cell->raw, ac->column->precision, ac->column->scale);
    if (end == NULL)
        return avro_fail(enc, ERR_MALFORMED);
    return put_decimal_text(slice_of(text, (size_t)(end - text)), p);
}

/* A text of cell_text.h as value of a Character. */
static uint8_t *put_made_text(struct dts_avro *enc, uint8_t *p, uint8_t *end)
{
    if (end == NULL)
        return avro_fail(enc, ERR_MALFORMED);
    *p = (uint8_t)((end - p - 1) << 1); /* below 64 */
    return end;
}

static uint8_t *put_uuid(struct dts_avro *enc, const struct avro_column *ac,
                         const struct cell *cell, uint8_t *p)
{
    (void)ac;
    return put_made_text(enc, p, cell_uuid_text(p + 1, cell->raw));
}

static uint8_t *put_inet4(struct dts_avro *enc, const struct avro_column *ac,
                          const struct cell *cell, uint8_t *p)
{
    (void)ac;
    return put_made_text(enc, p, cell_inet4_text(p + 1, cell->raw));
}

static uint8_t *put_inet6(struct dts_avro *enc, const struct avro_column *ac,
                          const struct cell *cell, uint8_t *p)
{
    (void)ac;
    return put_made_text(enc, p, cell_inet6_text(p + 1, cell->raw));
}

static uint8_t *put_enum(struct dts_avro *enc, const struct avro_column *ac,
                         const struct cell *cell, uint8_t *p)
{
    if (cell->u64 >= ac->label_count)
        return avro_fail(enc, ERR_MALFORMED);
    struct slice label = ac->labels[cell->u64];
    memcpy(p, label.ptr, label.len);
    return p + label.len;
}

static uint8_t *put_set(struct dts_avro *enc, const struct avro_column *ac, const struct cell *cell,
                        uint8_t *p)
{
    uint64_t bits = cell->u64;
    if (ac->label_count < 64 && bits >> ac->label_count != 0)
        return avro_fail(enc, ERR_MALFORMED);
    size_t len = 0;
    for (uint64_t left = bits; left != 0; left &= left - 1)
        len += ac->labels[__builtin_ctzll(left)].len + 1;
    p = avro_long(p, len > 0 ? (int64_t)len - 1 : 0);
    for (; bits != 0; bits &= bits - 1) {
        struct slice label = ac->labels[__builtin_ctzll(bits)];
        memcpy(p, label.ptr, label.len);
        p += label.len;
        *p++ = ',';
    }
    return len > 0 ? p - 1 : p;
}

/* --- unbounded values: each makes its own room --- */

static uint8_t *put_slice(struct dts_avro *enc, struct slice s, uint8_t *p)
{
    if (s.len > SIZE_MAX - 2 * AVRO_LONG_MAX)
        return avro_fail(enc, ERR_TOO_LARGE);
    if ((p = avro_room(enc, p, s.len + AVRO_LONG_MAX)) == NULL)
        return NULL;
    return avro_bytes(p, s);
}

/* Bytes as stored: text of any character set, binary. */
static uint8_t *put_bytes(struct dts_avro *enc, const struct avro_column *ac,
                          const struct cell *cell, uint8_t *p)
{
    (void)ac;
    return put_slice(enc, cell->raw, p);
}

/* WKB; the column has the number of the reference system before it. */
static uint8_t *put_geometry(struct dts_avro *enc, const struct avro_column *ac,
                             const struct cell *cell, uint8_t *p)
{
    (void)ac;
    size_t srid = cell->raw.len < 4 ? cell->raw.len : 4;
    return put_slice(enc, slice_of(cell->raw.ptr + srid, cell->raw.len - srid), p);
}

/* Strings of Avro are UTF-8. */
static uint8_t *put_text(struct dts_avro *enc, struct slice s, uint8_t *p)
{
    if (!utf8_valid(s))
        return avro_fail(enc, ERR_BAD_TEXT);
    return put_slice(enc, s, p);
}

static uint8_t *put_json(struct dts_avro *enc, const struct avro_column *ac,
                         const struct cell *cell, uint8_t *p)
{
    (void)ac;
    writer_clear(&enc->document);
    enum err e = json_binary_text(cell->raw, &enc->document);
    if (e != ERR_OK)
        return avro_fail(enc, e);
    return put_text(enc, writer_slice(&enc->document), p);
}

/* --- cells of another kind than the column's own --- */

/* [-]digits[.digits] */
static bool is_decimal(struct slice s)
{
    size_t i = s.len > 0 && s.ptr[0] == '-', digits = 0, points = 0;
    for (; i < s.len; i++) {
        points += s.ptr[i] == '.';
        digits += s.ptr[i] >= '0' && s.ptr[i] <= '9';
        if (s.ptr[i] != '.' && (s.ptr[i] < '0' || s.ptr[i] > '9'))
            return false;
    }
    return digits > 0 && points <= 1;
}

static uint8_t *put_finished_text(struct dts_avro *enc, const struct avro_column *ac,
                                  const struct cell *cell, uint8_t *p)
{
    enum column_kind kind = ac->column->kind;
    if (kind == COL_DECIMAL && cell->raw.len <= CELL_DECIMAL_TEXT_MAX && is_decimal(cell->raw))
        return put_decimal_text(cell->raw, encode_constant(p, ac->lead));
    if (kind == COL_ENUM || kind == COL_SET || kind == COL_JSON)
        return put_text(enc, cell->raw, encode_constant(p, ac->lead));
    return avro_fail(enc, kind == COL_DECIMAL ? ERR_MALFORMED : ERR_BUG);
}

static bool is_integer(enum column_kind kind)
{
    return kind <= COL_BIGINT || kind == COL_BIT;
}

uint8_t *avro_put_other(struct dts_avro *enc, const struct avro_column *ac, const struct cell *cell,
                        uint8_t *p)
{
    const struct column *col = ac->column;
    switch (cell->kind) {
    case CELL_NULL:
        *p++ = AVRO_NULL;
        return p;
    case CELL_ABSENT:
        *p++ = AVRO_EMPTY_OBJECT;
        *p++ = 1 << 1; /* NONE */
        return p;
    case CELL_TEXT:
        return put_finished_text(enc, ac, cell, p);
    case CELL_BYTES: /* JSON as text, as MariaDB keeps it */
        if (col->kind == COL_JSON)
            return put_text(enc, cell->raw, encode_constant(p, ac->lead));
        break;
    case CELL_I64:
        if (is_integer(col->kind))
            return put_i64(enc, ac, cell, encode_constant(p, ac->lead));
        break;
    case CELL_U64:
        if (is_integer(col->kind))
            return put_u64(enc, ac, cell, encode_constant(p, ac->lead));
        break;
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
    return avro_fail(enc, ERR_BUG);
}

/* --- which function a column gets --- */

/* Bytes of the longest bounded values, leads apart. */
enum {
    ROOM_INTEGER = 1 + NUMBER_U64_MAX,
    ROOM_DATETIME = 7 * 5,
    ROOM_DECIMAL = AVRO_LONG_MAX + CELL_DECIMAL_TEXT_MAX + 4,
};

/* One name of a type, in the form of `lead`. */
struct avro_type {
    int16_t number; /* dataTypeNumber */
    enum cell_kind kind;
    avro_put_fn *put;
    size_t room;
};

/* n bytes before every value, with ENCODE_COPY readable ones behind them. */
static bool set_lead(struct avro_column *ac, struct arena *a, const uint8_t *bytes, size_t n)
{
    uint8_t *p = arena_alloc(a, n + ENCODE_COPY);
    if (p == NULL)
        return false;
    memcpy(p, bytes, n);
    ac->lead = slice_of(p, n);
    return true;
}

static bool set_type(struct avro_column *ac, struct avro_type t)
{
    ac->type_number = t.number;
    ac->kind = t.kind;
    ac->put = t.put;
    ac->room = t.room;
    return true;
}

static bool init_integer(struct avro_column *ac, const struct column *col, struct arena *a,
                         int16_t number, unsigned bytes)
{
    uint8_t lead[2] = {AVRO_INTEGER, (uint8_t)(bytes << 1)};
    bool is_unsigned = col->is_unsigned || col->kind == COL_BIT;
    set_type(ac, (struct avro_type){number, is_unsigned ? CELL_U64 : CELL_I64,
                                    is_unsigned ? put_u64 : put_i64, ROOM_INTEGER});
    return set_lead(ac, a, lead, sizeof lead);
}

/* A value of this branch alone. */
static bool init_plain(struct avro_column *ac, struct arena *a, uint8_t branch, struct avro_type t)
{
    set_type(ac, t);
    return set_lead(ac, a, &branch, 1);
}

/* Branches that begin with the name of a type or of a character set. */
static bool init_named(struct avro_column *ac, struct arena *a, uint8_t branch, struct slice name,
                       struct avro_type t)
{
    uint8_t lead[1 + AVRO_LONG_MAX + 64];
    if (name.len > 64)
        return false;
    lead[0] = branch;
    const uint8_t *end = avro_bytes(lead + 1, name);
    set_type(ac, t);
    return set_lead(ac, a, lead, (size_t)(end - lead));
}

static bool init_character(struct avro_column *ac, const struct column *col, struct arena *a,
                           int16_t number)
{
    const char *name = col->charset != NULL ? col->charset->name : "binary";
    return init_named(ac, a, AVRO_CHARACTER, slice_str(name),
                      (struct avro_type){number, CELL_BYTES, put_bytes, 0});
}

static bool init_object(struct avro_column *ac, struct arena *a, struct slice name, int16_t number)
{
    return init_named(ac, a, AVRO_BINARY_OBJECT, name,
                      (struct avro_type){number, CELL_BYTES, put_bytes, 0});
}

/* TEXT and BLOB by the bytes of their length: the row image's metadata says how many. */
static int16_t blob_number(const struct column *col)
{
    static const int16_t numbers[] = {MY_TYPE_TINY_BLOB, MY_TYPE_BLOB, MY_TYPE_MEDIUM_BLOB,
                                      MY_TYPE_LONG_BLOB};
    return col->meta >= 1 && col->meta <= 4 ? numbers[col->meta - 1] : (int16_t)MY_TYPE_BLOB;
}

/* A label with its length, or bare, in the arena. False: no UTF-8. */
static bool keep_label(struct arena *a, struct slice label, bool bare, struct slice *out)
{
    if (!utf8_valid(label))
        return false;
    uint8_t *p = arena_alloc(a, label.len + AVRO_LONG_MAX);
    if (p == NULL)
        return false;
    uint8_t *start = bare ? p : avro_long(p, (int64_t)label.len);
    memcpy(start, label.ptr, label.len);
    *out = slice_of(p, (size_t)(start - p) + label.len);
    return true;
}

static bool init_enum(struct avro_column *ac, const struct column *col, struct arena *a)
{
    struct slice *labels = arena_array(a, col->member_count + 1, sizeof *labels);
    if (labels == NULL)
        return false;
    size_t longest = 1;
    labels[0] = SLICE_LIT("\0"); /* the error value: the empty label */
    for (uint32_t i = 0; i < col->member_count; i++) {
        if (!keep_label(a, col->members[i], false, &labels[i + 1]))
            return false;
        if (labels[i + 1].len > longest)
            longest = labels[i + 1].len;
    }
    ac->labels = labels;
    ac->label_count = col->member_count + 1;
    return init_named(ac, a, AVRO_TEXT_OBJECT, SLICE_LIT("ENUM"),
                      (struct avro_type){MY_TYPE_ENUM, CELL_U64, put_enum, longest});
}

static bool init_set(struct avro_column *ac, const struct column *col, struct arena *a)
{
    struct slice *labels = arena_array(a, col->member_count + 1, sizeof *labels);
    if (labels == NULL || col->member_count > 64)
        return false;
    size_t all = AVRO_LONG_MAX;
    for (uint32_t i = 0; i < col->member_count; i++) {
        if (!keep_label(a, col->members[i], true, &labels[i]))
            return false;
        all += labels[i].len + 1;
    }
    ac->labels = labels;
    ac->label_count = col->member_count;
    return init_named(ac, a, AVRO_TEXT_OBJECT, SLICE_LIT("SET"),
                      (struct avro_type){MY_TYPE_SET, CELL_U64, put_set, all});
}

/* MariaDB's own types travel as their text. */
static bool init_text_form(struct avro_column *ac, struct arena *a, avro_put_fn *put)
{
    return init_named(
        ac, a, AVRO_CHARACTER, SLICE_LIT("utf8mb4"),
        (struct avro_type){MY_TYPE_STRING, CELL_BYTES, put, CELL_TEXT_MAX + AVRO_LONG_MAX});
}

static bool init_datetime(struct avro_column *ac, struct arena *a, int16_t number,
                          enum cell_kind kind, avro_put_fn *put)
{
    return init_plain(ac, a, AVRO_DATETIME, (struct avro_type){number, kind, put, ROOM_DATETIME});
}

bool avro_column_init(struct avro_column *ac, const struct column *col, struct arena *a)
{
    switch (col->kind) {
    case COL_TINYINT:
        return init_integer(ac, col, a, MY_TYPE_TINY, 1);
    case COL_SMALLINT:
        return init_integer(ac, col, a, MY_TYPE_SHORT, 2);
    case COL_MEDIUMINT:
        return init_integer(ac, col, a, MY_TYPE_INT24, 3);
    case COL_INT:
        return init_integer(ac, col, a, MY_TYPE_LONG, 4);
    case COL_BIGINT:
        return init_integer(ac, col, a, MY_TYPE_LONGLONG, 8);
    case COL_BIT:
        return init_integer(ac, col, a, MY_TYPE_BIT, (col->meta + 7u) / 8);
    case COL_FLOAT:
        return init_plain(ac, a, AVRO_FLOAT,
                          (struct avro_type){MY_TYPE_FLOAT, CELL_F32, put_float, 16});
    case COL_DOUBLE:
        return init_plain(ac, a, AVRO_FLOAT,
                          (struct avro_type){MY_TYPE_DOUBLE, CELL_F64, put_double, 16});
    case COL_DECIMAL:
        return init_plain(
            ac, a, AVRO_DECIMAL,
            (struct avro_type){MY_TYPE_NEWDECIMAL, CELL_DECIMAL, put_decimal, ROOM_DECIMAL});
    case COL_TIMESTAMP:
        return init_plain(ac, a, AVRO_TIMESTAMP,
                          (struct avro_type){MY_TYPE_TIMESTAMP, CELL_TIMESTAMP, put_timestamp,
                                             2 * AVRO_LONG_MAX});
    case COL_YEAR:
        return init_datetime(ac, a, MY_TYPE_YEAR, CELL_U64, put_year);
    case COL_DATE:
        return init_datetime(ac, a, MY_TYPE_DATE, CELL_DATE, put_date);
    case COL_TIME:
        return init_datetime(ac, a, MY_TYPE_TIME, CELL_TIME, put_time);
    case COL_DATETIME:
        return init_datetime(ac, a, MY_TYPE_DATETIME, CELL_DATETIME, put_datetime);
    case COL_CHAR:
    case COL_BINARY:
        return init_character(ac, col, a, MY_TYPE_STRING);
    case COL_VARCHAR:
    case COL_VARBINARY:
        return init_character(ac, col, a, MY_TYPE_VAR_STRING);
    case COL_TEXT:
        return init_object(ac, a, SLICE_LIT("TEXT"), blob_number(col));
    case COL_BLOB:
        return init_object(ac, a, SLICE_LIT("BLOB"), blob_number(col));
    case COL_VECTOR: /* DTS has no number for it */
        return init_object(ac, a, SLICE_LIT("BLOB"), MY_TYPE_BLOB);
    case COL_ENUM:
        return init_enum(ac, col, a);
    case COL_SET:
        return init_set(ac, col, a);
    case COL_JSON:
        return init_named(ac, a, AVRO_TEXT_OBJECT, SLICE_LIT("JSON"),
                          (struct avro_type){MY_TYPE_JSON, CELL_JSON, put_json, 0});
    case COL_GEOMETRY:
        return init_named(ac, a, AVRO_GEOMETRY, SLICE_LIT("WKB"),
                          (struct avro_type){MY_TYPE_GEOMETRY, CELL_BYTES, put_geometry, 0});
    case COL_UUID:
        return init_text_form(ac, a, put_uuid);
    case COL_INET4:
        return init_text_form(ac, a, put_inet4);
    case COL_INET6:
        return init_text_form(ac, a, put_inet6);
    case COL_KIND_COUNT:
        break;
    }
    return false;
}
