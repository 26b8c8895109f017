#include "schema/table.h"

#include "base/writer.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct column_def columns[] = {
    {.name = {(const uint8_t *)"id", 2},
     .column_type = {(const uint8_t *)"bigint(20) unsigned", 19},
     .data_type = {(const uint8_t *)"bigint", 6},
     .collation = {(const uint8_t *)"", 0}},
    {.name = {(const uint8_t *)"t", 1},
     .column_type = {(const uint8_t *)"time(3)", 7},
     .data_type = {(const uint8_t *)"time", 4},
     .collation = {(const uint8_t *)"", 0},
     .datetime_precision = 3,
     .nullable = true,
     .hires_old_temporal = true},
    {.name = {(const uint8_t *)"s", 1},
     .column_type = {(const uint8_t *)"varchar(5)", 10},
     .data_type = {(const uint8_t *)"varchar", 7},
     .collation = {(const uint8_t *)"latin1_bin", 10},
     .generated = true,
     .invisible = true},
};

static uint16_t parts[] = {0, 2, 1};
static uint16_t prefixes[] = {0, 7};

static struct key_def keys[] = {
    {.name = {(const uint8_t *)"PRIMARY", 7}, .primary = true, .part_count = 2, .parts = parts},
    {.name = {(const uint8_t *)"u", 1},
     .has_prefix = true,
     .hash = true,
     .part_count = 1,
     .parts = parts + 2},
};

static struct key_def indexes[] = {
    {.name = {(const uint8_t *)"i", 1},
     .has_prefix = true,
     .generated = true,
     .part_count = 2,
     .parts = parts,
     .prefixes = prefixes},
};

static struct table_def whole(void)
{
    return (struct table_def){
        .database = SLICE_LIT("shop"),
        .name = SLICE_LIT("item"),
        .engine = SLICE_LIT("InnoDB"),
        .system_versioned = true,
        .column_count = 3,
        .columns = columns,
        .key_count = 2,
        .keys = keys,
        .index_count = 1,
        .indexes = indexes,
        .collation = SLICE_LIT("latin1_bin"),
    };
}

static void serialize(const struct table_def *def, struct writer *w)
{
    writer_init(w, 1 << 16);
    table_def_serialize(def, w);
    cr_assert_eq(w->err, ERR_OK);
}

Test(table_def, comes_back_as_it_was)
{
    struct table_def def = whole(), *got;
    struct writer w;
    serialize(&def, &w);
    cr_assert_eq(table_def_parse(writer_slice(&w), &got), ERR_OK);
    writer_fini(&w); /* the definition keeps nothing of the bytes */

    cr_assert(slice_eq(got->database, def.database));
    cr_assert(slice_eq(got->name, def.name));
    cr_assert(slice_eq(got->engine, def.engine));
    cr_assert(slice_eq(got->collation, def.collation));
    cr_assert_null(got->keys[0].prefixes);
    cr_assert_eq(got->index_count, 1);
    cr_assert(got->indexes[0].generated);
    cr_assert_eq(got->indexes[0].parts[1], 2);
    cr_assert_eq(got->indexes[0].prefixes[1], 7);
    cr_assert(got->system_versioned);
    cr_assert_eq(got->column_count, 3);
    for (int i = 0; i < 3; i++) {
        const struct column_def *a = &columns[i], *b = &got->columns[i];
        cr_assert(slice_eq(a->name, b->name));
        cr_assert(slice_eq(a->column_type, b->column_type));
        cr_assert(slice_eq(a->data_type, b->data_type));
        cr_assert(slice_eq(a->collation, b->collation));
        cr_assert_eq(a->datetime_precision, b->datetime_precision);
        cr_assert_eq(a->nullable, b->nullable);
        cr_assert_eq(a->generated, b->generated);
        cr_assert_eq(a->invisible, b->invisible);
        cr_assert_eq(a->hires_old_temporal, b->hires_old_temporal);
    }
    cr_assert_eq(got->key_count, 2);
    cr_assert(got->keys[0].primary && !got->keys[1].primary);
    cr_assert(!got->keys[0].has_prefix && got->keys[1].has_prefix);
    cr_assert(!got->keys[0].hash && got->keys[1].hash);
    cr_assert_eq(got->keys[0].part_count, 2);
    cr_assert_eq(got->keys[0].parts[1], 2);
    cr_assert_eq(got->keys[1].parts[0], 1);
    free(got);
}

Test(table_def, the_same_definition_gives_the_same_bytes)
{
    struct table_def def = whole(), *got;
    struct writer a, b;
    serialize(&def, &a);
    cr_assert_eq(table_def_parse(writer_slice(&a), &got), ERR_OK);
    serialize(got, &b);
    cr_assert(slice_eq(writer_slice(&a), writer_slice(&b)));
    free(got);
    writer_fini(&a);
    writer_fini(&b);
}

Test(table_def, every_truncation_is_refused)
{
    struct table_def def = whole();
    struct writer w;
    serialize(&def, &w);
    for (size_t n = 0; n < w.len; n++) {
        uint8_t *exact = malloc(n + 1);
        struct table_def *got = NULL;
        memcpy(exact, w.base, n);
        cr_expect_neq(table_def_parse(slice_of(exact, n), &got), ERR_OK, "%zu bytes", n);
        cr_expect_null(got);
        free(exact);
    }
    writer_fini(&w);
}

Test(table_def, bytes_behind_it_are_refused)
{
    struct table_def def = whole(), *got = NULL;
    struct writer w;
    serialize(&def, &w);
    writer_u8(&w, 0);
    cr_assert_eq(table_def_parse(writer_slice(&w), &got), ERR_MALFORMED);
    writer_fini(&w);
}

Test(table_def, another_version_is_refused)
{
    struct table_def def = whole(), *got = NULL;
    struct writer w;
    serialize(&def, &w);
    w.base[0] = 3;
    cr_assert_eq(table_def_parse(writer_slice(&w), &got), ERR_UNSUPPORTED);
    writer_fini(&w);
}

/* What checkpoints of the first version hold: no collation, no other keys. */
Test(table_def, version_1_is_read)
{
    static const uint8_t bytes[] = "\x01\x01"
                                   "d"
                                   "\x01"
                                   "t"
                                   "\x06"
                                   "InnoDB"
                                   "\x01"
                                   "\x01\x01\x01"
                                   "\x01"
                                   "a"
                                   "\x03"
                                   "int"
                                   "\x03"
                                   "int"
                                   "\x00"
                                   "\x00"
                                   "\x01"
                                   "\x01"
                                   "k"
                                   "\x00"
                                   "\x01"
                                   "\x00";
    struct table_def *got = NULL;
    cr_assert_eq(table_def_parse(slice_of(bytes, sizeof(bytes)), &got), ERR_OK);
    cr_assert(slice_eq(got->engine, SLICE_LIT("InnoDB")));
    cr_assert_eq(got->collation.len, 0);
    cr_assert_eq(got->index_count, 0);
    cr_assert_eq(got->keys[0].part_count, 1);
    free(got);
}

Test(table_def, counts_beyond_the_bytes_are_refused_before_anything_is_allocated)
{
    static const char *const counts[] = {"\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", "\xFD\xFF\xFF\xFF",
                                         "\x01"};
    for (size_t i = 0; i < 3; i++) {
        for (size_t which = 0; which < 3; which++) {
            struct writer w;
            struct table_def *got = NULL;
            writer_init(&w, 256);
            writer_put(&w, "\x01\0\0\0\0", 5); /* version, three empty names, flags */
            for (size_t k = 0; k < 3; k++)
                if (k == which)
                    writer_put(&w, counts[i], strlen(counts[i]));
                else
                    writer_u8(&w, 0);
            cr_expect_neq(table_def_parse(writer_slice(&w), &got), ERR_OK);
            writer_fini(&w);
        }
    }
}

Test(table_def, a_key_part_beyond_the_columns_is_refused)
{
    struct table_def def = whole(), *got = NULL;
    struct writer w;
    parts[2] = 3;
    serialize(&def, &w);
    cr_assert_eq(table_def_parse(writer_slice(&w), &got), ERR_MALFORMED);
    writer_fini(&w);
}
