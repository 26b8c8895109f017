/* A table from a definition alone. */
#include "schema/table_without_map.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct column_def column(const char *name, const char *type, const char *collation)
{
    return (struct column_def){.name = slice_str(name),
                               .column_type = slice_str(type),
                               .data_type = SLICE_LIT(""),
                               .collation = slice_str(collation)};
}

static struct table_def table_of(struct column_def *columns, uint32_t count)
{
    return (struct table_def){.database = SLICE_LIT("shop"),
                              .name = SLICE_LIT("item"),
                              .engine = SLICE_LIT("InnoDB"),
                              .column_count = count,
                              .columns = columns};
}

Test(table_without_map, has_every_type_that_a_server_shows)
{
    const char *types[] = {"tinyint(1)",
                           "smallint(5) unsigned",
                           "mediumint",
                           "int(11)",
                           "bigint unsigned",
                           "float",
                           "double(10,2) unsigned",
                           "decimal(10,2)",
                           "bit(9)",
                           "year(4)",
                           "date",
                           "time(3)",
                           "datetime",
                           "timestamp(6)",
                           "char(10)",
                           "varchar(200)",
                           "tinytext",
                           "longtext",
                           "binary(4)",
                           "varbinary(9)",
                           "blob",
                           "enum('a','b')",
                           "set('x','y','z')",
                           "json",
                           "point",
                           "vector(4)",
                           "uuid",
                           "inet4",
                           "inet6"};
    enum { COUNT = sizeof(types) / sizeof(types[0]) };
    struct column_def columns[COUNT];
    char names[COUNT][16];
    for (int i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof(names[i]), "c%d", i);
        bool text = strstr(types[i], "char(") != NULL || strstr(types[i], "text") != NULL ||
                    strchr(types[i], '\'') != NULL;
        columns[i] = column(names[i], types[i], text ? "utf8mb4_general_ci" : "");
    }
    struct table_def def = table_of(columns, COUNT);
    for (int mariadb = 0; mariadb < 2; mariadb++) {
        struct errmsg em = {0};
        struct table *t;
        cr_assert_eq(table_without_map(&def, mariadb, &t, &em), ERR_OK, "%s", em.text);
        cr_assert_eq(t->column_count, COUNT);
        for (int i = 0; i < COUNT; i++)
            cr_expect(slice_eq(t->columns[i].type_text, slice_str(types[i])), "%s", types[i]);
        cr_expect_eq(t->columns[15].meta, 800);
        cr_expect_eq(t->columns[7].precision, 10);
        cr_expect_eq(t->columns[22].member_count, 3);
        table_unref(t);
    }
}

Test(table_without_map, adds_the_stamps_that_a_versioned_table_hides)
{
    struct column_def columns[3] = {column("a", "int(11)", ""), column("s", "timestamp(6)", ""),
                                    column("e", "timestamp(6)", "")};
    columns[1].generated = columns[2].generated = true;
    struct table_def def = table_of(columns, 1);
    struct errmsg em = {0};
    struct table *t;
    def.system_versioned = true;
    cr_assert_eq(table_without_map(&def, true, &t, &em), ERR_OK, "%s", em.text);
    cr_expect_eq(t->column_count, 3);
    cr_expect(slice_eq(t->columns[1].name, SLICE_LIT("row_start")));
    table_unref(t);
    def.column_count = 3;
    cr_assert_eq(table_without_map(&def, true, &t, &em), ERR_OK, "%s", em.text);
    cr_expect_eq(t->column_count, 3);
    table_unref(t);
}

Test(table_without_map, shows_no_hash_of_a_long_key)
{
    struct column_def columns[1] = {column("a", "blob", "")};
    uint16_t parts[1] = {0};
    struct key_def key = {.name = SLICE_LIT("u"), .hash = true, .part_count = 1, .parts = parts};
    struct table_def def = table_of(columns, 1);
    def.key_count = 1;
    def.keys = &key;
    struct errmsg em = {0};
    struct table *t;
    cr_assert_eq(table_without_map(&def, true, &t, &em), ERR_OK, "%s", em.text);
    cr_expect_eq(t->column_count, 1);
    cr_expect_eq(t->partition_count, 1);
    table_unref(t);
}

Test(table_without_map, refuses_a_type_that_is_not_known)
{
    struct column_def columns[1] = {column("a", "colour", "")};
    struct table_def def = table_of(columns, 1);
    struct errmsg em = {0};
    struct table *t;
    cr_assert_eq(table_without_map(&def, false, &t, &em), ERR_TABLE_MISMATCH);
    cr_expect_not_null(strstr(em.text, "colour"), "%s", em.text);
}
