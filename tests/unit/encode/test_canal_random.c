/*
 * Random rows of random tables, read back by a JSON parser that is not ours
 * (jansson) and compared value by value. The seed is printed with a failure
 * and taken from ROWCAST_TEST_SEED.
 */
#include "base/utf8.h"
#include "encode/canal_json.h"

#include "encode_fixture.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define COLUMNS_MAX 12
#define TEXT_MAX    9000
#define ROUNDS      4000

static unsigned seed;

static uint32_t below(uint32_t n)
{
    return (uint32_t)rand() % n;
}

/* A cell and the text that must come out of it. */
struct value {
    struct cell cell;
    uint8_t *raw;  /* of the cell */
    uint8_t *want; /* UTF-8; NULL: null, or no member */
    size_t want_len;
};

static void set_want(struct value *v, const void *text, size_t len)
{
    v->want = malloc(len + 1);
    memcpy(v->want, text, len);
    v->want_len = len;
}

static void random_text(struct value *v)
{
    static const uint32_t limits[] = {0x80, 0x800, 0x10000, 0x110000};
    uint32_t limit = limits[below(4)];
    size_t len = below(20) == 0 ? below(TEXT_MAX) : below(60);
    v->raw = malloc(len + 4);
    uint8_t *p = v->raw;
    while ((size_t)(p - v->raw) < len) {
        uint32_t c = below(limit);
        if (c < 0xD800 || c >= 0xE000)
            p = utf8_put(p, c);
    }
    v->cell = (struct cell){.kind = CELL_BYTES, .raw = slice_of(v->raw, (size_t)(p - v->raw))};
    set_want(v, v->raw, v->cell.raw.len);
}

static void random_bytes(struct value *v)
{
    size_t len = below(20) == 0 ? below(TEXT_MAX) : below(60);
    v->raw = malloc(len + 1);
    v->want = malloc(2 * len + 1);
    uint8_t *p = v->want;
    for (size_t i = 0; i < len; i++) {
        v->raw[i] = (uint8_t)rand();
        p = utf8_put(p, v->raw[i]);
    }
    v->cell = (struct cell){.kind = CELL_BYTES, .raw = slice_of(v->raw, len)};
    v->want_len = (size_t)(p - v->want);
}

static void random_number(struct value *v, enum column_kind kind)
{
    char text[64];
    int64_t n = (int64_t)((uint64_t)rand() << 40 ^ (uint64_t)rand() << 20 ^ (uint64_t)rand());
    n >>= below(60);
    if (kind == COL_BIGINT) {
        v->cell = I64(n);
        snprintf(text, sizeof text, "%lld", (long long)n);
    } else if (kind == COL_BIT) {
        v->cell = U64((uint64_t)n);
        snprintf(text, sizeof text, "%llu", (unsigned long long)n);
    } else {
        v->cell = CIVIL(CELL_DATETIME, .year = (uint16_t)below(10000), .month = (uint8_t)below(13),
                        .day = (uint8_t)below(32), .hour = (uint16_t)below(24),
                        .minute = (uint8_t)below(60), .second = (uint8_t)below(60),
                        .us = below(1000) * 1000);
        const struct civil *c = &v->cell.civil;
        snprintf(text, sizeof text, "%04d-%02d-%02d %02d:%02d:%02d.%03u", c->year, c->month, c->day,
                 c->hour, c->minute, c->second, c->us / 1000);
    }
    set_want(v, text, strlen(text));
}

static void random_value(struct value *v, const struct column *col)
{
    *v = (struct value){0};
    uint32_t how = below(12);
    if (how < 2) {
        v->cell = how == 0 ? NUL : ABSENT;
        return;
    }
    if (col->kind == COL_TEXT)
        random_text(v);
    else if (col->kind == COL_BLOB)
        random_bytes(v);
    else
        random_number(v, col->kind);
}

static void copy_value(struct value *to, const struct value *from)
{
    *to = *from;
    if (from->raw != NULL) {
        to->raw = malloc(from->cell.raw.len + 1);
        memcpy(to->raw, from->raw, from->cell.raw.len);
        to->cell.raw.ptr = to->raw;
    }
    if (from->want != NULL)
        set_want(to, from->want, from->want_len);
}

static bool is(const struct value *v, enum cell_kind kind)
{
    return v->cell.kind == kind;
}

static bool same(const struct value *a, const struct value *b)
{
    if (is(a, CELL_NULL) || is(b, CELL_NULL))
        return is(a, CELL_NULL) && is(b, CELL_NULL);
    return slice_eq(slice_of(a->want, a->want_len), slice_of(b->want, b->want_len));
}

static void check_member(json_t *object, const char *name, const struct value *v)
{
    json_t *got = json_object_get(object, name);
    if (v == NULL || is(v, CELL_ABSENT)) {
        cr_assert_null(got, "seed %u: %s should not be there", seed, name);
    } else if (is(v, CELL_NULL)) {
        cr_assert(json_is_null(got), "seed %u: %s should be null", seed, name);
    } else {
        cr_assert(json_is_string(got), "seed %u: %s should be a string", seed, name);
        cr_assert(slice_eq(slice_of(json_string_value(got), json_string_length(got)),
                           slice_of(v->want, v->want_len)),
                  "seed %u: %s", seed, name);
    }
}

static void check_message(json_t *root, enum change_op op, const struct column *columns,
                          uint32_t count, const struct value *before, const struct value *after)
{
    static const char *const types[] = {"INSERT", "UPDATE", "DELETE", "INIT"};
    json_t *data = json_array_get(json_object_get(root, "data"), 0);
    json_t *old = json_object_get(root, "old");
    cr_assert_str_eq(json_string_value(json_object_get(root, "type")), types[op]);
    cr_assert_eq(json_array_size(json_object_get(root, "data")), 1);
    cr_assert_eq(json_object_size(json_object_get(root, "mysqlType")), count);
    cr_assert_eq(json_object_size(json_object_get(root, "sqlType")), count);
    cr_assert(op == CHANGE_DELETE ? old == NULL : op == CHANGE_UPDATE || json_is_null(old));
    for (uint32_t i = 0; i < count; i++) {
        const char *name = (const char *)columns[i].name.ptr;
        const struct value *v = op == CHANGE_DELETE ? &before[i] : &after[i];
        if (op == CHANGE_UPDATE && is(v, CELL_ABSENT))
            v = &before[i];
        check_member(data, name, v);
        if (op != CHANGE_UPDATE)
            continue;
        bool changed = !is(&before[i], CELL_ABSENT) && !is(&after[i], CELL_ABSENT) &&
                       !same(&before[i], &after[i]);
        check_member(json_array_get(old, 0), name, changed ? &before[i] : NULL);
    }
}

static void one_round(struct writer *w)
{
    static const enum column_kind kinds[] = {COL_TEXT, COL_BLOB, COL_BIGINT, COL_BIT, COL_DATETIME};
    static struct zone_step step = {INT64_MIN, 0};
    static const struct zone utc = {1, &step};
    char names[COLUMNS_MAX][16];
    struct column columns[COLUMNS_MAX];
    struct value before[COLUMNS_MAX], after[COLUMNS_MAX];
    struct cell before_cells[COLUMNS_MAX], after_cells[COLUMNS_MAX];
    uint32_t count = 1 + below(COLUMNS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof names[i], "\xC3\xA9%u", i);
        columns[i] = (struct column){.name = slice_str(names[i]),
                                     .type_text = SLICE_LIT("a 'type'"),
                                     .kind = kinds[below(5)],
                                     .fsp = 3};
        random_value(&before[i], &columns[i]);
        if (below(2))
            copy_value(&after[i], &before[i]);
        else
            random_value(&after[i], &columns[i]);
        before_cells[i] = before[i].cell;
        after_cells[i] = after[i].cell;
    }

    struct table t = table_of(columns, count);
    struct canal_options o = {0};
    struct message_names cn = {t.database, t.name, NULL};
    struct canal_table *ct;
    struct canal_json *enc = canal_json_new(&o, &utc);
    cr_assert_eq(canal_table_new(&o, &t, &cn, &ct, NULL), ERR_OK);
    for (int op = CHANGE_INSERT; op <= CHANGE_INIT; op++) {
        struct change c = {.op = (enum change_op)op,
                           .table = &t,
                           .before = before_cells,
                           .after = after_cells,
                           .id = below(1000000)};
        json_error_t error;
        writer_clear(w);
        cr_assert_eq(canal_json_encode(enc, ct, &c, w), ERR_OK);
        json_t *root = json_loadb((const char *)w->base, w->len,
                                  JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
        cr_assert_not_null(root, "seed %u: %s at %d", seed, error.text, error.position);
        check_message(root, c.op, columns, count, before, after);
        cr_assert_eq((uint64_t)json_integer_value(json_object_get(root, "id")), c.id);
        json_decref(root);
    }
    canal_json_free(enc);
    canal_table_free(ct);
    for (uint32_t i = 0; i < count; i++) {
        free(before[i].raw);
        free(before[i].want);
        free(after[i].raw);
        free(after[i].want);
    }
}

Test(canal_random, random_rows_are_read_back_by_another_parser)
{
    const char *given = getenv("ROWCAST_TEST_SEED");
    seed = given != NULL ? (unsigned)atoi(given) : (unsigned)time(NULL);
    srand(seed);
    struct writer w;
    writer_init(&w, 1 << 22);
    for (int i = 0; i < ROUNDS; i++)
        one_round(&w);
    writer_fini(&w);
}
