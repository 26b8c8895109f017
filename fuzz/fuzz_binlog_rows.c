/*
 * Rows events of fuzzed tables. Input: a byte of options, the body of a
 * TABLE_MAP event with two bytes of length before it, a type code, and the
 * body of a rows event.
 *
 * Properties: row_skip() and row_decode() agree on where an image ends, and
 * the first fails only where the second does; row_decode_columns() gives the
 * same cells; what cells point at is there.
 */
#include "binlog_fuzz.h"

#include "mysqlproto/binlog/rows.h"
#include "mysqlproto/binlog/table_map.h"

#define COLUMNS_MAX 200
#define SCRATCH_MAX (1u << 20)

#define OPT_MARIADB 1
#define OPT_HIRES   2 /* old temporal columns with fractions */
#define OPT_PAD     4 /* CHAR is BINARY */

static struct row_plan *plan_for(const struct table_map *map, uint8_t options)
{
    static struct column columns[COLUMNS_MAX];
    struct table t = {.database = map->database,
                      .name = map->name,
                      .column_count = map->column_count,
                      .columns = columns};
    for (uint32_t i = 0; i < map->column_count; i++) {
        const struct map_column *m = &map->columns[i];
        struct column *c = &columns[i];
        *c = (struct column){.name = m->name,
                             .wire_type = m->type,
                             .meta = m->meta,
                             .is_unsigned = m->is_unsigned,
                             .hires_old_temporal = options & OPT_HIRES,
                             .fsp = (uint8_t)(i % 7)};
        if (m->type == MY_TYPE_STRING && options & OPT_PAD)
            c->fixed_len = m->meta;
    }
    struct row_plan *p = NULL;
    struct errmsg em = {{0}};
    if (row_plan_new(&t, &p, &em) != ERR_OK)
        CHECK(em.text[0] != 0);
    return p;
}

static bool is_raw(const struct cell *c)
{
    return c->kind == CELL_BYTES || c->kind == CELL_JSON || c->kind == CELL_DECIMAL;
}

static void same_cell(const struct cell *a, const struct cell *b)
{
    CHECK(a->kind == b->kind);
    if (is_raw(a)) {
        touch(a->raw);
        CHECK(slice_eq(a->raw, b->raw));
    } else if (a->kind == CELL_I64 || a->kind == CELL_U64) {
        CHECK(a->u64 == b->u64);
    } else if (a->kind == CELL_TIMESTAMP) {
        CHECK(a->stamp.seconds == b->stamp.seconds && a->stamp.us == b->stamp.us);
    } else if (a->kind == CELL_DATE || a->kind == CELL_DATETIME || a->kind == CELL_TIME) {
        CHECK(a->civil.year == b->civil.year && a->civil.us == b->civil.us &&
              a->civil.second == b->civil.second);
        CHECK(a->civil.year <= 9999 && a->civil.month <= 12 && a->civil.second <= 59);
    }
}

/* All columns at once, and each on its own. */
static bool decode(const struct row_plan *p, const uint8_t *present, struct slice image,
                   struct row_scratch *s, struct cell *cells)
{
    struct reader r = reader_of(image);
    enum err e = row_decode(p, present, &r, s, cells);
    if (e != ERR_OK) {
        CHECK(e != ERR_TRUNCATED && e != ERR_BUG);
        return false;
    }
    CHECK(reader_left(&r) == 0);
    for (uint16_t i = 0; i < row_plan_width(p); i++) {
        struct cell one;
        e = row_decode_columns(p, present, image, &i, 1, s, &one);
        CHECK(e == ERR_OK || e == ERR_TOO_LARGE);
        if (e == ERR_OK)
            same_cell(&cells[i], &one);
    }
    return true;
}

static void walk(const struct row_plan *p, const struct binlog_rows *ev, struct row_scratch *s)
{
    static struct cell before[COLUMNS_MAX], after[COLUMNS_MAX];
    struct reader r = reader_of(ev->rows);
    while (r.p < r.end) {
        struct binlog_row row;
        struct reader at = r;
        row_scratch_reset(s);
        if (binlog_rows_next(ev, p, &r, &row) != ERR_OK) {
            const uint8_t *present = ev->before != NULL ? ev->before : ev->after;
            struct reader skip = at;
            if (ev->width == row_plan_width(p) && row_skip(p, present, &skip) != ERR_OK)
                CHECK(row_decode(p, present, &at, s, before) != ERR_OK);
            return;
        }
        bool have = true;
        if (ev->before != NULL)
            have &= decode(p, ev->before, row.before, s, before);
        if (ev->after != NULL)
            have &= decode(p, ev->after, row.after, s, after);
        if (have && row.json_diff != NULL && ev->before != NULL &&
            row_apply_json_diffs(p, row.json_diff, before, s, after) == ERR_OK)
            for (uint32_t i = 0; i < row_plan_width(p); i++)
                if (is_raw(&after[i]))
                    touch(after[i].raw);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct binlog_map_scratch scratch;
    static struct binlog_inflater inflater;
    if (size < 1)
        return 0;
    struct slice in = {data + 1, size - 1};
    struct slice map_body = take_part(&in);
    if (in.len < 1)
        return 0;
    struct binlog_format f;
    binlog_format_init(&f, false);
    f.is_mariadb = data[0] & OPT_MARIADB;
    struct table_map map;
    if (binlog_table_map_parse(&f, map_body, &scratch, &map) != ERR_OK ||
        map.column_count > COLUMNS_MAX)
        return 0;
    struct row_plan *p = plan_for(&map, data[0]);
    struct slice body = own(in.ptr + 1, in.len - 1);
    struct binlog_event event = {.header = {.type = in.ptr[0]}, .body = body};
    struct row_scratch s;
    struct binlog_rows ev;
    uint8_t *expanded = NULL;
    size_t n;
    row_scratch_init(&s, SCRATCH_MAX);
    bool have = p != NULL && binlog_is_rows(in.ptr[0]) &&
                binlog_rows_parse(&f, &event, &ev) == ERR_OK && ev.width > 0;
    if (have && ev.compressed) {
        have = binlog_record_len(ev.rows, &n) == ERR_OK && n <= SCRATCH_MAX;
        expanded = have ? malloc(n + 1) : NULL;
        have = have && binlog_record_inflate(&inflater, ev.rows, expanded, n) == ERR_OK;
        ev.rows = slice_of(expanded, have ? n : 0);
    }
    if (have)
        walk(p, &ev, &s);
    free(expanded);
    row_scratch_fini(&s);
    row_plan_free(p);
    disown(body);
    return 0;
}
