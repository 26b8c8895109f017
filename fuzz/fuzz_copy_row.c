/*
 * Binary rows of the full copy (mysqlproto/copy_plan.h). Input: a count of
 * columns, three bytes for each (kind, flags, a number that the kind needs),
 * and the row.
 *
 * Properties: what cells point at is there; each column by itself gives the
 * same cell; a row that is read is not one byte longer or shorter; a DECIMAL
 * that was packed has a text, which packs the same.
 */
#include "binlog_fuzz.h"

#include "mysqlproto/copy_plan.h"
#include "schema/cell_text.h"

#define COLUMNS_MAX 64
#define SCRATCH_MAX (1u << 16)

static void make_column(const uint8_t *b, struct column *c)
{
    *c = (struct column){.name = SLICE_LIT("c"),
                         .type_text = SLICE_LIT("t"),
                         .kind = (enum column_kind)(b[0] % COL_KIND_COUNT),
                         .is_unsigned = b[1] & 1,
                         .hidden = b[1] & 2};
    if (c->kind == COL_DECIMAL) {
        c->precision = (uint8_t)(1 + b[2] % 65);
        c->scale = (uint8_t)(b[1] % (c->precision + 1));
    }
    if (c->kind == COL_BINARY || c->kind == COL_UUID)
        c->fixed_len = b[2];
}

static struct copy_plan *plan_for(struct slice *in, struct table *t, struct column *columns)
{
    static uint16_t identity[1];
    struct copy_plan *p = NULL;
    struct errmsg em = {{0}};
    uint32_t n = in->len > 0 ? in->ptr[0] % COLUMNS_MAX : 0;
    if (n == 0 || in->len < 1 + 3 * (size_t)n)
        return NULL;
    for (uint32_t i = 0; i < n; i++)
        make_column(in->ptr + 1 + 3 * (size_t)i, &columns[i]);
    identity[0] = (uint16_t)(in->ptr[0] / COLUMNS_MAX % n);
    columns[identity[0]].hidden = false;
    *t = (struct table){.database = SLICE_LIT("d"),
                        .name = SLICE_LIT("t"),
                        .column_count = n,
                        .columns = columns,
                        .identity_count = 1,
                        .identity = identity};
    *in = slice_of(in->ptr + 1 + 3 * (size_t)n, in->len - 1 - 3 * (size_t)n);
    CHECK(copy_plan_new(t, NULL, 0, &p, &em) == ERR_OK || em.text[0] != 0);
    return p;
}

static void look_at(const struct column *c, const struct cell *cell)
{
    uint8_t text[CELL_DECIMAL_TEXT_MAX], packed[64];
    if (cell->kind == CELL_BYTES || cell->kind == CELL_TEXT || cell->kind == CELL_DECIMAL)
        touch(cell->raw);
    if (cell->kind == CELL_TIMESTAMP)
        CHECK(cell->stamp.us < 1000000);
    if (cell->kind == CELL_TIME)
        CHECK(cell->civil.hour <= 838 && cell->civil.minute < 60);
    if (cell->kind != CELL_DECIMAL)
        return;
    uint8_t *end = cell_decimal_text(text, cell->raw, c->precision, c->scale);
    CHECK(end != NULL);
    CHECK(cell_decimal_pack(slice_of(text, (size_t)(end - text)), c->precision, c->scale, packed));
    CHECK(memcmp(packed, cell->raw.ptr, cell->raw.len) == 0);
}

static void decode(const struct table *t, const struct copy_plan *p, struct slice row,
                   struct row_scratch *s)
{
    static struct cell cells[COLUMNS_MAX], again[COLUMNS_MAX];
    enum err e = copy_row_decode(p, row, s, cells);
    CHECK(e != ERR_BUG);
    if (e != ERR_OK)
        return;
    for (uint16_t i = 0; i < t->column_count; i++) {
        struct cell one;
        look_at(&t->columns[i], &cells[i]);
        if (t->columns[i].hidden) {
            CHECK(cells[i].kind == CELL_ABSENT);
            continue;
        }
        CHECK(copy_row_decode_columns(p, row, &i, 1, s, &one) == ERR_OK);
        CHECK(cell_equal(&one, &cells[i]));
    }
    for (size_t n = 0; n < row.len && n < 64; n++)
        CHECK(copy_row_decode(p, slice_of(row.ptr, row.len - 1 - n), s, again) != ERR_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct column columns[COLUMNS_MAX];
    struct slice in = slice_of(data, size);
    struct table t;
    struct row_scratch s;
    struct copy_plan *p = plan_for(&in, &t, columns);
    if (p == NULL)
        return 0;
    struct slice row = own(in.ptr, in.len);
    row_scratch_init(&s, SCRATCH_MAX);
    decode(&t, p, row, &s);
    row_scratch_fini(&s);
    disown(row);
    copy_plan_free(p);
    return 0;
}
