#include "encode/key.h"

#include "base/arena.h"
#include "base/number.h"
#include "base/utf8.h"
#include "encode/json_escape.h"
#include "schema/cell_text.h"
#include "schema/charset.h"
#include "schema/json_binary.h"

/* The hash of one cell's canonical text. */
typedef enum err hash_fn(const struct column *col, const struct cell *cell, struct writer *scratch,
                         uint32_t *out);

struct key_column {
    hash_fn *hash;
    const struct column *column;
};

struct key_table {
    struct arena *arena;
    const struct table *table;
    const struct json_escape *escape;
    struct slice prefix; /* ["shop","item" */
    uint32_t base;       /* what the cells' hashes are mixed into */
    uint32_t column_count;
    uint16_t *columns;
    struct key_column *hashes; /* beside columns */
};

/* --- String.hashCode --- */

/* Powers of 31, in 32 bits. */
#define P1 31u
#define P2 (P1 * P1)
#define P3 (P2 * P1)
#define P4 (P2 * P2)

/* Bytes as code units. */
static uint32_t hash_latin1(uint32_t h, struct slice s)
{
    const uint8_t *p = s.ptr;
    const uint8_t *end = p + s.len;
    for (; end - p >= 4; p += 4)
        h = P4 * h + P3 * p[0] + P2 * p[1] + P1 * p[2] + p[3];
    for (; p < end; p++)
        h = P1 * h + *p;
    return h;
}

static uint32_t hash_code_point(uint32_t h, uint32_t c)
{
    if (c < 0x10000)
        return P1 * h + c;
    c -= 0x10000;
    return P2 * h + P1 * (0xD800 + (c >> 10)) + (0xDC00 + (c & 0x3FF));
}

/* How much of s is ASCII, in whole words of eight bytes. */
static size_t ascii_words(struct slice s)
{
    size_t n = 0;
    for (; s.len - n >= 8; n += 8) {
        uint64_t word;
        memcpy(&word, s.ptr + n, 8);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    return n;
}

/* *valid is cleared when there are bytes that are no character; those count by themselves. */
static uint32_t hash_utf8(uint32_t h, struct slice s, bool *valid)
{
    const uint8_t *p = s.ptr;
    const uint8_t *end = p + s.len;
    while (p < end) {
        size_t ascii = ascii_words(slice_of(p, (size_t)(end - p)));
        h = hash_latin1(h, slice_of(p, ascii));
        p += ascii;
        const uint8_t *stop = end - p > 8 ? p + 8 : end;
        while (p < stop) {
            unsigned n = utf8_char_len(p, end);
            if (n == 0)
                *valid = false;
            h = hash_code_point(h, n == 0 ? *p : utf8_code_point(p, n));
            p += n == 0 ? 1 : n;
        }
    }
    return h;
}

uint32_t java_hash(uint32_t h, struct slice utf8)
{
    bool valid = true;
    return hash_utf8(h, utf8, &valid);
}

/*
 * The hash of v's decimal digits without making them: the sum of digit times
 * 31 to the power of its place, two digits a step.
 */
static uint32_t hash_digits(uint32_t h, uint64_t v)
{
    uint32_t sum = 0;
    uint32_t power = 1;
    while (v >= 100) {
        uint32_t pair = (uint32_t)(v % 100);
        v /= 100;
        sum += power * (P1 * ('0' + pair / 10) + ('0' + pair % 10));
        power *= P2;
    }
    if (v >= 10) {
        sum += power * (P1 * (uint32_t)('0' + v / 10) + (uint32_t)('0' + v % 10));
        power *= P2;
    } else {
        sum += power * (uint32_t)('0' + v);
        power *= P1;
    }
    return h * power + sum;
}

/* --- canonical texts --- */

static enum err put_latin1(struct slice s, struct writer *w)
{
    if (s.len > SIZE_MAX / 4 || !writer_reserve(w, 2 * s.len + 1))
        return w->err != ERR_OK ? w->err : ERR_TOO_LARGE;
    uint8_t *p = writer_tail(w);
    for (size_t i = 0; i < s.len; i++)
        p = utf8_put(p, s.ptr[i]);
    w->len = (size_t)(p - w->base);
    return ERR_OK;
}

static bool is_text(const struct column *col)
{
    return col->kind == COL_CHAR || col->kind == COL_VARCHAR || col->kind == COL_TEXT ||
           col->kind == COL_JSON;
}

static bool is_address(const struct column *col)
{
    return col->kind == COL_UUID || col->kind == COL_INET4 || col->kind == COL_INET6;
}

static enum err put_text(const struct column *col, struct slice s, struct writer *w)
{
    if (col->charset != NULL && col->charset->form == CHARSET_OTHER) {
        enum err e = charset_to_utf8(col->charset, s, w, false, NULL);
        return e == ERR_BAD_TEXT ? put_latin1(s, w) : e;
    }
    if (!utf8_valid(s))
        return put_latin1(s, w);
    writer_slice_put(w, s);
    return w->err;
}

static enum err put_u64(const struct column *col, uint64_t v, struct writer *w)
{
    struct slice label;
    if (col->kind == COL_ENUM) {
        if (!cell_enum_label(col, v, &label))
            return ERR_MALFORMED;
        writer_slice_put(w, label);
        return w->err;
    }
    if (col->kind == COL_SET)
        return cell_set_text(col, v, w) ? w->err : ERR_MALFORMED;
    if (!writer_reserve(w, CELL_TEXT_MAX))
        return w->err;
    uint8_t *p = writer_tail(w);
    uint8_t *end = col->kind == COL_YEAR ? cell_year_text(p, v) : number_u64(p, v);
    if (end == NULL)
        return ERR_MALFORMED;
    w->len = (size_t)(end - w->base);
    return ERR_OK;
}

static const struct zone utc = {1, &(struct zone_step){INT64_MIN, 0}};

/* Values whose text is bounded. NULL: malformed. */
static uint8_t *bounded(const struct column *col, const struct cell *cell, uint8_t *p)
{
    switch ((int)cell->kind) {
    case CELL_I64:
        return number_i64(p, cell->i64);
    case CELL_F32:
        return number_float_java(p, cell->f32);
    case CELL_F64:
        return number_double_java(p, cell->f64);
    case CELL_DATE:
        return cell_date_text(p, &cell->civil);
    case CELL_TIME:
        return cell_time_text(p, &cell->civil, col->fsp);
    case CELL_DATETIME:
        return cell_datetime_text(p, &cell->civil, col->fsp);
    case CELL_DECIMAL:
        return cell_decimal_text(p, cell->raw, col->precision, col->scale);
    case CELL_TIMESTAMP:
        return cell_timestamp_text(p, cell->stamp, &utc, col->fsp);
    case CELL_BYTES:
        return col->kind == COL_UUID    ? cell_uuid_text(p, cell->raw)
               : col->kind == COL_INET4 ? cell_inet4_text(p, cell->raw)
                                        : cell_inet6_text(p, cell->raw);
    default:
        return NULL;
    }
}

enum err key_text(const struct column *col, const struct cell *cell, struct writer *w)
{
    switch ((int)cell->kind) {
    case CELL_U64:
        return put_u64(col, cell->u64, w);
    case CELL_BYTES:
        if (is_address(col))
            break;
        return is_text(col) ? put_text(col, cell->raw, w) : put_latin1(cell->raw, w);
    case CELL_TEXT:
        writer_slice_put(w, cell->raw);
        return w->err;
    case CELL_JSON:
        return json_binary_text(cell->raw, w);
    default:
        break;
    }
    if (!writer_reserve(w, CELL_DECIMAL_TEXT_MAX))
        return w->err;
    uint8_t *end = bounded(col, cell, writer_tail(w));
    if (end == NULL)
        return ERR_MALFORMED;
    w->len = (size_t)(end - w->base);
    return ERR_OK;
}

/* --- hashes of cells --- */

static enum err hash_any(const struct column *col, const struct cell *cell, struct writer *scratch,
                         uint32_t *out)
{
    writer_clear(scratch);
    TRY(key_text(col, cell, scratch));
    *out = java_hash(0, writer_slice(scratch));
    return ERR_OK;
}

static enum err hash_i64(const struct column *col, const struct cell *cell, struct writer *scratch,
                         uint32_t *out)
{
    if (cell->kind != CELL_I64)
        return hash_any(col, cell, scratch, out);
    *out = cell->i64 < 0 ? hash_digits('-', 0 - (uint64_t)cell->i64)
                         : hash_digits(0, (uint64_t)cell->i64);
    return ERR_OK;
}

static enum err hash_u64(const struct column *col, const struct cell *cell, struct writer *scratch,
                         uint32_t *out)
{
    if (cell->kind != CELL_U64)
        return hash_any(col, cell, scratch, out);
    *out = hash_digits(0, cell->u64);
    return ERR_OK;
}

static enum err hash_bytes(const struct column *col, const struct cell *cell,
                           struct writer *scratch, uint32_t *out)
{
    if (cell->kind != CELL_BYTES)
        return hash_any(col, cell, scratch, out);
    *out = hash_latin1(0, cell->raw);
    return ERR_OK;
}

static enum err hash_text(const struct column *col, const struct cell *cell, struct writer *scratch,
                          uint32_t *out)
{
    if (cell->kind != CELL_BYTES)
        return hash_any(col, cell, scratch, out);
    bool valid = true;
    uint32_t h = hash_utf8(0, cell->raw, &valid);
    *out = valid ? h : hash_latin1(0, cell->raw);
    return ERR_OK;
}

static hash_fn *hash_of(const struct column *col)
{
    switch ((int)col->kind) {
    case COL_TINYINT:
    case COL_SMALLINT:
    case COL_MEDIUMINT:
    case COL_INT:
    case COL_BIGINT:
        return col->is_unsigned ? hash_u64 : hash_i64;
    case COL_BIT:
        return hash_u64;
    case COL_BINARY:
    case COL_VARBINARY:
    case COL_BLOB:
        return hash_bytes;
    case COL_CHAR:
    case COL_VARCHAR:
    case COL_TEXT:
        return col->charset != NULL && col->charset->form == CHARSET_OTHER ? hash_any : hash_text;
    default:
        return hash_any;
    }
}

/* --- tables --- */

static void put_name(struct writer *w, const struct json_escape *escape, struct slice name)
{
    writer_u8(w, '"');
    if (writer_reserve(w, JSON_ESCAPE_ROOM(name.len))) {
        uint8_t *end = escape->utf8(writer_tail(w), name.ptr, name.len);
        if (end == NULL)
            end = escape->latin1(writer_tail(w), name.ptr, name.len);
        w->len = (size_t)(end - w->base);
    }
    writer_u8(w, '"');
}

static bool make_prefix(struct key_table *kt)
{
    struct writer w;
    writer_init(&w, SIZE_MAX / 2);
    writer_u8(&w, '[');
    put_name(&w, kt->escape, kt->table->database);
    writer_u8(&w, ',');
    put_name(&w, kt->escape, kt->table->name);
    kt->prefix = arena_copy(kt->arena, writer_slice(&w));
    bool made = w.err == ERR_OK && !kt->arena->failed;
    writer_fini(&w);
    return made;
}

/* The columns ascending and each once: their hashes are mixed in any order. */
static bool take_columns(struct key_table *kt, const uint16_t *columns, uint32_t count)
{
    kt->columns = arena_array(kt->arena, count + 1, sizeof *kt->columns);
    kt->hashes = arena_array(kt->arena, count + 1, sizeof *kt->hashes);
    if (kt->columns == NULL || kt->hashes == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = kt->column_count;
        while (at > 0 && kt->columns[at - 1] > columns[i])
            at--;
        if (at > 0 && kt->columns[at - 1] == columns[i])
            continue;
        memmove(kt->columns + at + 1, kt->columns + at,
                (kt->column_count - at) * sizeof *kt->columns);
        kt->columns[at] = columns[i];
        kt->column_count++;
    }
    for (uint32_t i = 0; i < kt->column_count; i++) {
        const struct column *col = &kt->table->columns[kt->columns[i]];
        kt->hashes[i] = (struct key_column){hash_of(col), col};
    }
    return true;
}

struct key_table *key_table_new(const struct table *t, enum partition_policy policy,
                                const uint16_t *columns, uint32_t column_count)
{
    struct arena *a = arena_new(1024);
    struct key_table *kt = a != NULL ? arena_alloc(a, sizeof *kt) : NULL;
    if (kt == NULL) {
        if (a != NULL)
            arena_free(a);
        return NULL;
    }
    kt->arena = a;
    kt->table = t;
    kt->escape = json_escape_best();
    if (columns == NULL) {
        columns = t->partition;
        column_count = t->partition_count;
    }
    if (policy != PARTITION_KEY)
        column_count = 0;
    uint32_t database = java_hash(0, t->database);
    if (policy == PARTITION_TABLE)
        kt->base = java_hash(java_hash(database, SLICE_LIT(".")), t->name);
    else if (column_count > 0)
        kt->base = database;
    if (make_prefix(kt) && take_columns(kt, columns, column_count))
        return kt;
    arena_free(a);
    return NULL;
}

void key_table_free(struct key_table *kt)
{
    if (kt != NULL)
        arena_free(kt->arena);
}

const uint16_t *key_table_partition_columns(const struct key_table *kt, uint32_t *count)
{
    *count = kt->column_count;
    return kt->columns;
}

struct slice key_table_prefix(const struct key_table *kt)
{
    return kt->prefix;
}

bool key_table_has_record_key(const struct key_table *kt)
{
    return kt->table->identity_count > 0;
}

/* --- rows --- */

enum err partition_hash(const struct key_table *kt, const struct cell *cells,
                        struct writer *scratch, int32_t *hash)
{
    uint32_t h = kt->base;
    for (uint32_t i = 0; i < kt->column_count; i++) {
        uint32_t of_cell;
        if (cells[i].kind == CELL_NULL)
            continue; /* the empty text, whose hash is 0 */
        TRY(kt->hashes[i].hash(kt->hashes[i].column, &cells[i], scratch, &of_cell));
        h ^= of_cell;
    }
    *hash = (int32_t)h;
    return ERR_OK;
}

/*
 * Appends the text in quotes and escaped. It is made where it will stand, then
 * moved so far up that escaping can not overtake what it has still to read.
 */
static enum err put_quoted(const struct key_table *kt, const struct column *col,
                           const struct cell *cell, struct writer *w)
{
    writer_u8(w, '"');
    size_t start = w->len;
    TRY(key_text(col, cell, w));
    size_t n = w->len - start;
    w->len = start;
    if (n > SIZE_MAX / 8 || !writer_reserve(w, JSON_ESCAPE_ROOM(n)))
        return w->err != ERR_OK ? w->err : ERR_TOO_LARGE;
    uint8_t *to = writer_tail(w);
    uint8_t *from = to + JSON_ESCAPE_ROOM(n) - n;
    memmove(from, to, n);
    uint8_t *end = kt->escape->utf8(to, from, n);
    if (end == NULL)
        return ERR_MALFORMED;
    w->len = (size_t)(end - w->base);
    writer_u8(w, '"');
    return w->err;
}

static enum err put_value(const struct key_table *kt, const struct column *col,
                          const struct cell *cell, struct writer *w)
{
    writer_u8(w, ',');
    if (cell->kind == CELL_ABSENT)
        return ERR_MALFORMED;
    if (cell->kind == CELL_NULL) {
        writer_lit(w, "null");
        return w->err;
    }
    if (cell->kind != CELL_I64)
        return put_quoted(kt, col, cell, w);
    if (!writer_reserve(w, NUMBER_I64_MAX + 2))
        return w->err;
    uint8_t *p = writer_tail(w);
    *p++ = '"';
    p = number_i64(p, cell->i64);
    *p++ = '"';
    w->len = (size_t)(p - w->base);
    return ERR_OK;
}

static enum err put_key(const struct key_table *kt, const struct cell *cells,
                        const struct cell *other, struct writer *w)
{
    const struct table *t = kt->table;
    writer_slice_put(w, kt->prefix);
    for (uint32_t i = 0; i < t->identity_count; i++) {
        uint16_t at = t->identity[i];
        const struct cell *cell = &cells[at];
        if (cell->kind == CELL_ABSENT && other != NULL)
            cell = &other[at];
        TRY(put_value(kt, &t->columns[at], cell, w));
    }
    writer_u8(w, ']');
    return w->err;
}

enum err key_encode(const struct key_table *kt, const struct cell *cells, const struct cell *other,
                    struct writer *w)
{
    size_t start = w->len;
    enum err e = put_key(kt, cells, other, w);
    if (e != ERR_OK) {
        w->len = start;
        w->err = ERR_OK;
    }
    return e;
}
