/*
 * DTS Avro of any cells in any table, and of statements: columns and cells are
 * made from the input, cells mostly but not always of a kind that their column
 * has.
 *
 * Property: what is encoded is one datum of the schema and nothing behind it,
 * as a reader says that knows the schema alone; each value is in the branch
 * that readers expect of its column's type, with as many values as fields;
 * numbers, bytes and names are those that went in. A failure appends nothing
 * and leaves the writer usable; memory of exactly the message's length gives
 * the same message, one byte less is refused.
 */
#include "encode/dts_avro.h"
#include "row_fuzz.h"

#include <stdio.h>

#define DATUM_MAX (1u << 20)

/* --- a reader of Avro ("Apache Avro Specification", Binary Encoding) --- */

static uint8_t next_byte(struct slice *s)
{
    MUST(s->len > 0);
    s->len--;
    return *s->ptr++;
}

static int64_t next_long(struct slice *s)
{
    uint64_t z = 0;
    unsigned shift = 0;
    uint8_t b;
    do {
        MUST(shift < 64);
        b = next_byte(s);
        z |= (uint64_t)(b & 0x7F) << shift;
        shift += 7;
    } while (b & 0x80);
    MUST(b != 0 || shift == 7); /* the shortest form */
    return (int64_t)(z >> 1 ^ -(z & 1));
}

static int64_t next_int(struct slice *s)
{
    int64_t v = next_long(s);
    MUST(v >= INT32_MIN && v <= INT32_MAX);
    return v;
}

static struct slice next_bytes(struct slice *s)
{
    int64_t n = next_long(s);
    MUST(n >= 0 && (uint64_t)n <= s->len);
    struct slice taken = slice_of(s->ptr, (size_t)n);
    s->ptr += n;
    s->len -= (size_t)n;
    return taken;
}

static struct slice next_string(struct slice *s)
{
    struct slice taken = next_bytes(s);
    MUST(utf8_valid(taken));
    return taken;
}

/* With a point at most. */
static bool is_number(struct slice s)
{
    size_t i = s.len > 0 && s.ptr[0] == '-';
    bool any = false, point = false;
    for (; i < s.len && ((s.ptr[i] >= '0' && s.ptr[i] <= '9') || (s.ptr[i] == '.' && !point));
         i++) {
        any = any || s.ptr[i] != '.';
        point = point || s.ptr[i] == '.';
    }
    return any && i == s.len;
}

/* --- the schema's record --- */

enum {
    NONE,
    INTEGER,
    CHARACTER,
    DECIMAL,
    FLOAT,
    TIMESTAMP,
    DATETIME,
    ZONED,
    SHAPE,
    SHAPE_TEXT,
    BINARY,
    TEXT,
    EMPTY
};

static void skip_datetime(struct slice *s)
{
    for (int part = 0; part < 7; part++) {
        int64_t branch = next_long(s);
        MUST(branch == 0 || branch == 1);
        if (branch == 1)
            next_int(s);
    }
}

static void check_integer(struct slice *s, const struct cell *cell)
{
    char want[32];
    next_int(s);
    struct slice text = next_string(s);
    MUST(is_number(text));
    if (cell->kind == CELL_I64)
        snprintf(want, sizeof want, "%lld", (long long)cell->i64);
    else if (cell->kind == CELL_U64)
        snprintf(want, sizeof want, "%llu", (unsigned long long)cell->u64);
    else
        return;
    MUST(slice_eq(text, slice_str(want)));
}

static void check_double(struct slice *s, const struct cell *cell)
{
    uint8_t raw[8];
    double v;
    for (int i = 0; i < 8; i++)
        raw[i] = next_byte(s);
    memcpy(&v, raw, 8);
    double want = cell->kind == CELL_F32 ? (double)cell->f32 : cell->f64;
    if (cell->kind == CELL_F32 || cell->kind == CELL_F64)
        MUST(v == want || (v != v && want != want));
    next_int(s);
    next_int(s);
}

/* Columns whose bytes go out as a text that is made of them. */
static bool is_made_text(const struct column *col)
{
    return col->kind == COL_UUID || col->kind == COL_INET4 || col->kind == COL_INET6;
}

/* What stands in an image for a cell; returns the branch. */
static int64_t check_value(struct slice *s, const struct column *col, const struct cell *cell)
{
    int64_t branch = next_long(s);
    switch (branch) {
    case NONE:
        break;
    case INTEGER:
        check_integer(s, cell);
        break;
    case CHARACTER:
    case BINARY: {
        MUST(next_string(s).len > 0);
        struct slice bytes = next_bytes(s);
        MUST(cell->kind != CELL_BYTES || is_made_text(col) || slice_eq(bytes, cell->raw));
        break;
    }
    case DECIMAL:
        MUST(is_number(next_string(s)));
        next_int(s);
        next_int(s);
        break;
    case FLOAT:
        check_double(s, cell);
        break;
    case TIMESTAMP:
        next_long(s);
        next_int(s);
        break;
    case DATETIME:
        skip_datetime(s);
        break;
    case SHAPE:
        MUST(slice_eq(next_string(s), SLICE_LIT("WKB")));
        next_bytes(s);
        break;
    case TEXT:
        MUST(next_string(s).len > 0);
        next_string(s);
        break;
    case EMPTY:
        MUST(next_long(s) == 1);
        break;
    default:
        abort();
    }
    return branch;
}

static bool is_absent(const struct cell *cell)
{
    return cell->kind == CELL_ABSENT;
}

/* Columns without a name are not, and neither is the one that a source adds by itself. */
static bool is_sent(const struct column *col)
{
    return col->name.len > 0 && !slice_eq(col->name, SLICE_LIT("__#alibaba_rds_row_id#__"));
}

static int64_t sent_columns(const struct table *t)
{
    int64_t n = 0;
    for (uint32_t i = 0; i < t->column_count; i++)
        n += is_sent(&t->columns[i]);
    return n;
}

static void check_fields(struct slice *s, const struct table *t)
{
    MUST(next_long(s) == 2);
    int64_t count = next_long(s);
    MUST(count == sent_columns(t));
    for (uint32_t i = 0; i < t->column_count; i++) {
        if (!is_sent(&t->columns[i]))
            continue;
        MUST(slice_eq(next_string(s), t->columns[i].name));
        int64_t number = next_int(s);
        MUST(number > 0 && number < 256);
    }
    MUST(count == 0 || next_long(s) == 0);
}

static void check_image(struct slice *s, const struct table *t, const struct cell *cells,
                        const struct cell *other)
{
    MUST(next_long(s) == 2);
    int64_t count = next_long(s);
    MUST(count == sent_columns(t));
    for (uint32_t i = 0; i < t->column_count; i++) {
        if (!is_sent(&t->columns[i]))
            continue;
        const struct cell *cell = is_absent(&cells[i]) && other != NULL ? &other[i] : &cells[i];
        int64_t branch = check_value(s, &t->columns[i], cell);
        MUST((branch == NONE) == (cell->kind == CELL_NULL));
        MUST((branch == EMPTY) == is_absent(cell));
    }
    MUST(count == 0 || next_long(s) == 0);
}

static void check_tags(struct slice *s)
{
    int64_t count = next_long(s);
    MUST(count >= 0 && count < 16);
    for (int64_t i = 0; i < count; i++) {
        MUST(next_string(s).len > 0);
        next_string(s);
    }
    MUST(count == 0 || next_long(s) == 0);
}

/* Everything up to the tags. */
static void check_head(struct slice *s, uint64_t id, uint64_t es_ms, int64_t operation,
                       bool has_name)
{
    MUST(next_int(s) == 0);
    MUST(next_long(s) == (int64_t)id);
    MUST(next_long(s) == (int64_t)(es_ms / 1000));
    MUST(memchr(s->ptr, '@', s->len) != NULL);
    next_string(s); /* sourcePosition */
    next_string(s); /* safeSourcePosition */
    MUST(slice_eq(next_string(s), SLICE_LIT("0")));
    MUST(next_long(s) == 0); /* MySQL */
    MUST(slice_eq(next_string(s), SLICE_LIT("8.0.36")));
    MUST(next_long(s) == operation);
    MUST(next_long(s) == has_name);
    if (has_name)
        next_string(s);
    MUST(next_long(s) == 0); /* processTimestamps */
    check_tags(s);
}

static void check_datum(struct slice s, const struct table *t, const struct change *c)
{
    static const int64_t operations[] = {
        [CHANGE_INSERT] = 0, [CHANGE_UPDATE] = 1, [CHANGE_DELETE] = 2, [CHANGE_INIT] = 16};
    check_head(&s, c->id, c->es_ms, operations[c->op],
               c->table->database.len + c->table->name.len > 0);
    check_fields(&s, t);
    if (c->op == CHANGE_UPDATE || c->op == CHANGE_DELETE)
        check_image(&s, t, c->before, NULL);
    else
        MUST(next_long(&s) == 0);
    if (c->op != CHANGE_DELETE)
        check_image(&s, t, c->after, c->op == CHANGE_UPDATE ? c->before : NULL);
    else
        MUST(next_long(&s) == 0);
    MUST(next_long(&s) == (int64_t)(c->es_ms / 1000));
    MUST(s.len == 0);
}

/* --- the run --- */

static void check_exact_room(struct dts_avro *enc, const struct dts_avro_table *at,
                             const struct change *c, struct slice want)
{
    uint8_t *memory = malloc(want.len);
    MUST(memory != NULL);
    struct writer w = writer_fixed(memory, want.len);
    MUST(dts_avro_encode(enc, at, c, &w) == ERR_OK);
    MUST(slice_eq(writer_slice(&w), want));
    w = writer_fixed(memory, want.len - 1);
    MUST(dts_avro_encode(enc, at, c, &w) != ERR_OK && w.len == 0 && w.err == ERR_OK);
    free(memory);
}

static void check_change(struct dts_avro *enc, const struct dts_avro_table *at,
                         const struct change *c, struct slice frame)
{
    struct writer w;
    writer_init(&w, DATUM_MAX);
    writer_lit(&w, "x");
    enum err e = dts_avro_encode(enc, at, c, &w);
    MUST(w.err == ERR_OK && w.base[0] == 'x');
    if (e == ERR_OK) {
        struct slice message = slice_of(w.base + 1, w.len - 1);
        MUST(message.len > frame.len && memcmp(message.ptr, frame.ptr, frame.len) == 0);
        check_datum(slice_of(message.ptr + frame.len, message.len - frame.len), c->table, c);
        check_exact_room(enc, at, c, message);
    } else {
        MUST(w.len == 1);
    }
    writer_fini(&w);
}

static void check_statement(struct input *in, const struct dts_avro_options *o,
                            const struct table *t, struct slice frame)
{
    struct ddl_change d = {.database = t->database,
                           .table = t->name,
                           .sql = take_bytes(in),
                           .id = take_u64(in) >> 1,
                           .es_ms = take_u64(in)};
    struct writer w;
    writer_init(&w, DATUM_MAX);
    if (dts_avro_ddl_encode(o, &d, frame, &w) == ERR_OK) {
        struct slice s = writer_slice(&w);
        MUST(s.len > frame.len && memcmp(s.ptr, frame.ptr, frame.len) == 0);
        s = slice_of(s.ptr + frame.len, s.len - frame.len);
        check_head(&s, d.id, d.es_ms, 3, d.database.len > 0);
        MUST(next_long(&s) == 0 && next_long(&s) == 0); /* fields, beforeImages */
        MUST(next_long(&s) == (d.sql.len > 0));
        MUST(d.sql.len == 0 || slice_eq(next_string(&s), d.sql));
        MUST(next_long(&s) == (int64_t)(d.es_ms / 1000) && s.len == 0);
    }
    writer_fini(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct row_input row;
    uint8_t flags = take(&in);
    struct dts_avro_options o = {.server_version = SLICE_LIT("8.0.36"),
                                 .lower_case_names = flags & 1};
    struct slice frame = flags & 2 ? slice_of("\0\1\2\3\4", 5) : SLICE_LIT("");
    struct change_origin origin = {.file = take_u64(&in),
                                   .offset = take_u64(&in),
                                   .server_id = (uint32_t)take_u64(&in),
                                   .thread_id = (uint32_t)take_u64(&in)};
    take_row(&in, &row);
    const struct table *t = &row.table;

    struct dts_avro_table *at;
    struct errmsg em;
    struct message_names names = {t->database, t->name, NULL};
    struct dts_avro *enc = dts_avro_new();
    MUST(enc != NULL);
    MUST(dts_avro_table_new(&o, t, &names, frame, &at, &em) == ERR_OK);
    for (int op = CHANGE_INSERT; op <= CHANGE_INIT; op++) {
        struct change c = {.op = (enum change_op)op,
                           .table = t,
                           .before = row.before,
                           .after = row.after,
                           .id = take_u64(&in) >> 1,
                           .es_ms = take_u64(&in),
                           .ts_ms = 1,
                           .origin = flags & 4 ? &origin : NULL};
        check_change(enc, at, &c, frame);
    }
    check_statement(&in, &o, t, frame);
    dts_avro_table_free(at);
    dts_avro_free(enc);
    return 0;
}
