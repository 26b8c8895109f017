#include "schema/catalog_model.h"

#include <criterion/criterion.h>
#include <stdio.h>

static const struct catalog_options mysql97 = {.version = 90704};
static const struct catalog_options maria1011 = {.version = 101119, .mariadb = true};

static struct catalog *made(const struct catalog_options *o)
{
    struct catalog *c;
    cr_assert_eq(catalog_new(o, &c), ERR_OK);
    cr_assert_eq(catalog_put_database(c, SLICE_LIT("d"), SLICE_LIT("utf8mb4_0900_ai_ci")), ERR_OK);
    return c;
}

static struct errmsg why;

/* Carries a statement out; its arena stays, for effects to be looked at. */
static struct catalog_effects apply_on(struct catalog *c, const struct catalog_options *co,
                                       const char *sql)
{
    const struct ddl_options o = {.dialect = {.version = co->version, .mariadb = co->mariadb},
                                  .default_database = SLICE_LIT("d"),
                                  .lower_case_table_names = co->lower_case_table_names};
    static const struct catalog_session session;
    struct ddl_statement st;
    struct catalog_effects fx;
    struct arena *a = arena_new(1024);
    (void)!ddl_parse(slice_str(sql), &o, a, &st);
    cr_assert_eq(catalog_apply(c, &st, &session, &fx, &why), ERR_OK);
    arena_free(a);
    return fx;
}

static struct catalog_effects apply(struct catalog *c, const char *sql)
{
    return apply_on(c, &mysql97, sql);
}

static const struct table_def *table(const struct catalog *c, const char *name)
{
    return catalog_find(c, SLICE_LIT("d"), slice_str(name));
}

/* The columns of a table as "name type, ...". */
static const char *columns(const struct catalog *c, const char *name)
{
    static char out[1024];
    const struct table_def *def = table(c, name);
    size_t n = 0;
    if (def == NULL)
        return "no table";
    out[0] = 0;
    for (uint32_t i = 0; i < def->column_count; i++)
        n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%.*s %.*s", i > 0 ? ", " : "",
                              SLICE_ARG(def->columns[i].name),
                              SLICE_ARG(def->columns[i].column_type));
    return out;
}

Test(catalog_model, types_are_as_the_server_prints_them)
{
    struct catalog *c = made(&mysql97);
    apply(c, "CREATE TABLE t (a INTEGER, b BOOL, c INT(5) ZEROFILL, d DEC, e FLOAT(53), f YEAR(4), "
             "g CHAR BYTE, h TEXT(100), i BIT, j NCHAR(3))");
    cr_assert_str_eq(
        columns(c, "t"),
        "a int, b tinyint(1), c int(5) unsigned zerofill, d decimal(10,0), e double, f "
        "year, g binary(1), h text, i bit(1), j char(3)");
    catalog_free(c);
    c = made(&maria1011);
    apply_on(c, &maria1011, "CREATE TABLE t (a INTEGER, b YEAR, c JSON, d BIGINT UNSIGNED)");
    cr_assert_str_eq(columns(c, "t"), "a int(11), b year(4), c longtext, d bigint(20) unsigned");
    catalog_free(c);
}

Test(catalog_model, versions_print_the_same_type_differently)
{
    const struct catalog_options mysql57 = {.version = 50744};
    struct catalog *c = made(&mysql57);
    apply_on(c, &mysql57,
             "CREATE TABLE t (a INT, b YEAR, c VARCHAR(3) CHARACTER SET utf8mb3, "
             "d GEOMETRYCOLLECTION, e SMALLINT UNSIGNED)");
    cr_assert_str_eq(columns(c, "t"), "a int(11), b year(4), c varchar(3), d geometrycollection, e "
                                      "smallint(5) unsigned");
    cr_assert(slice_eq(table(c, "t")->columns[2].collation, SLICE_LIT("utf8_general_ci")));
    catalog_free(c);
}

Test(catalog_model, columns_are_added_moved_and_dropped)
{
    struct catalog *c = made(&mysql97);
    apply(c, "CREATE TABLE t (a INT, b INT, c INT)");
    apply(c, "ALTER TABLE t ADD d INT AFTER a, DROP b, MODIFY c BIGINT FIRST, ADD e INT FIRST");
    cr_assert_str_eq(columns(c, "t"), "e int, c bigint, a int, d int");
    apply(c, "ALTER TABLE t RENAME COLUMN a TO x, CHANGE d y TEXT AFTER e");
    cr_assert_str_eq(columns(c, "t"), "e int, y text, c bigint, x int");
    catalog_free(c);
}

Test(catalog_model, keys_follow_their_columns)
{
    struct catalog *c = made(&mysql97);
    apply(c,
          "CREATE TABLE t (a INT, b INT, c VARCHAR(9), PRIMARY KEY (b), UNIQUE (c(3)), KEY (a))");
    const struct table_def *def = table(c, "t");
    cr_assert_eq(def->key_count, 2);
    cr_assert_eq(def->index_count, 1);
    cr_assert(def->keys[0].primary && !def->columns[1].nullable);
    cr_assert(def->keys[1].has_prefix);
    apply(c, "ALTER TABLE t MODIFY b INT FIRST, MODIFY c VARCHAR(3), DROP a");
    def = table(c, "t");
    cr_assert_eq(def->keys[0].parts[0], 0);
    cr_assert(!def->keys[1].has_prefix);
    cr_assert_eq(def->index_count, 0);
    catalog_free(c);
}

/* The keys of a table as "name: prefix ...", the unique ones first. */
static const char *keys(const struct catalog *c, const char *name)
{
    static char out[512];
    const struct table_def *def = table(c, name);
    size_t n = 0;
    out[0] = 0;
    for (uint32_t i = 0; i < def->key_count + def->index_count; i++) {
        const struct key_def *k =
            i < def->key_count ? &def->keys[i] : &def->indexes[i - def->key_count];
        n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%.*s:", i > 0 ? ", " : "",
                              SLICE_ARG(k->name));
        for (uint32_t j = 0; j < k->part_count; j++)
            n += (size_t)snprintf(out + n, sizeof(out) - n, " %u", k->prefixes[j]);
    }
    return out;
}

Test(catalog_model, if_not_exists_looks_for_keys_as_they_were_before_the_statement)
{
    struct catalog *c = made(&maria1011);
    apply_on(c, &maria1011, "CREATE TABLE t (a INT, b INT NOT NULL PRIMARY KEY, UNIQUE k (a))");
    apply_on(c, &maria1011,
             "ALTER TABLE t RENAME KEY k TO b, ADD UNIQUE IF NOT EXISTS (b), "
             "ADD KEY IF NOT EXISTS k (b)");
    cr_assert_str_eq(keys(c, "t"), "PRIMARY: 0, b_2: 0, b: 0");
    catalog_free(c);
    c = made(&maria1011);
    apply_on(c, &maria1011, "CREATE TABLE t (a INT, b INT NOT NULL PRIMARY KEY, UNIQUE k (a))");
    apply_on(c, &maria1011,
             "ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY IF NOT EXISTS (a), "
             "ADD KEY IF NOT EXISTS n (a), ADD KEY IF NOT EXISTS n (b)");
    cr_assert_str_eq(keys(c, "t"), "k: 0, n: 0");
    catalog_free(c);
}

Test(catalog_model, another_engine_takes_less_of_a_column_for_a_key)
{
    struct catalog *c = made(&maria1011);
    apply_on(c, &maria1011,
             "CREATE TABLE t (a CHAR(255) CHARACTER SET utf8mb4, KEY k (a)) ENGINE=InnoDB");
    cr_assert_str_eq(keys(c, "t"), "k: 0");
    apply_on(c, &maria1011, "ALTER TABLE t ENGINE=MyISAM");
    cr_assert_str_eq(keys(c, "t"), "k: 250");
    catalog_free(c);
}

Test(catalog_model, three_renames_swap_two_tables)
{
    struct catalog *c = made(&mysql97);
    apply(c, "CREATE TABLE a (x INT)");
    apply(c, "CREATE TABLE b (y INT)");
    struct catalog_effects fx = apply(c, "RENAME TABLE a TO tmp, b TO a, tmp TO b");
    cr_assert_eq(fx.count, 3);
    cr_assert_eq(fx.items[1].kind, CATALOG_RENAMED);
    cr_assert(slice_eq(fx.items[1].old_name, SLICE_LIT("b")));
    cr_assert_str_eq(columns(c, "a"), "y int");
    cr_assert_str_eq(columns(c, "b"), "x int");
    cr_assert_eq(catalog_count(c), 2);
    catalog_free(c);
}

Test(catalog_model, like_copies_and_if_not_exists_leaves)
{
    struct catalog *c = made(&mysql97);
    apply(c, "CREATE TABLE a (x INT UNIQUE)");
    apply(c, "CREATE TABLE b LIKE a");
    cr_assert_str_eq(columns(c, "b"), "x int");
    struct catalog_effects fx = apply(c, "CREATE TABLE IF NOT EXISTS b (other INT)");
    cr_assert_eq(fx.count, 0);
    cr_assert_str_eq(columns(c, "b"), "x int");
    catalog_free(c);
}

Test(catalog_model, what_the_text_does_not_tell_is_in_doubt)
{
    static const char *const cases[] = {
        "CREATE TABLE t AS SELECT 1",
        "CREATE TABLE t LIKE nosuch",
        "ALTER TABLE t DROP COLUMN nosuch",
        "ALTER TABLE t ADD b INT AFTER nosuch",
        "ALTER TABLE t FROBNICATE",
        "ALTER TABLE t DROP KEY nosuch",
        "ALTER TABLE t ADD b FROBNICATE(5)",
        "ALTER TABLE t ADD PRIMARY KEY (a), ADD PRIMARY KEY (a)",
        "ALTER TABLE t ADD a INT",
        "ALTER TABLE t DROP a",
        "ALTER TABLE t ADD UNIQUE (nosuch)",
        "ALTER TABLE t RENAME KEY nosuch TO x",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct catalog *c = made(&mysql97);
        apply(c, "CREATE TABLE t (a INT)");
        struct catalog_effects fx = apply(c, cases[i]);
        cr_assert_eq(fx.count, 1, "%s", cases[i]);
        cr_assert_eq(fx.items[0].kind, CATALOG_IN_DOUBT, "%s", cases[i]);
        cr_assert_null(table(c, "t"));
        cr_assert(why.text[0] != 0);
        catalog_free(c);
    }
}

Test(catalog_model, tables_that_are_not_here_are_no_error)
{
    struct catalog *c = made(&mysql97);
    struct catalog_effects fx = apply(c, "ALTER TABLE x ADD a INT");
    cr_assert_eq(fx.items[0].kind, CATALOG_IN_DOUBT);
    fx = apply(c, "RENAME TABLE x TO y");
    cr_assert_eq(fx.items[0].kind, CATALOG_RENAMED);
    cr_assert_null(fx.items[0].def);
    fx = apply(c, "DROP TABLE x");
    cr_assert_eq(fx.items[0].kind, CATALOG_DROPPED);
    catalog_free(c);
}

Test(catalog_model, a_rename_that_finds_nothing_leaves_the_other_table)
{
    struct catalog *c = made(&maria1011);
    apply_on(c, &maria1011, "CREATE TABLE b (x INT)");
    apply_on(c, &maria1011, "RENAME TABLE IF EXISTS a TO b");
    cr_assert_str_eq(columns(c, "b"), "x int(11)");
    catalog_free(c);
}

Test(catalog_model, indexes_that_are_not_known_may_be_dropped)
{
    struct catalog *c = made(&mysql97);
    struct column_def column = {.name = SLICE_LIT("a"),
                                .column_type = SLICE_LIT("int"),
                                .data_type = SLICE_LIT("int"),
                                .collation = SLICE_LIT("")};
    const struct table_def old = {.database = SLICE_LIT("d"),
                                  .name = SLICE_LIT("t"),
                                  .engine = SLICE_LIT("InnoDB"),
                                  .collation = SLICE_LIT(""),
                                  .column_count = 1,
                                  .columns = &column};
    cr_assert_eq(catalog_put(c, &old), ERR_OK);
    apply(c, "ALTER TABLE t DROP KEY k, RENAME KEY l TO m, ADD b INT");
    cr_assert_str_eq(columns(c, "t"), "a int, b int");
    apply(c, "ALTER TABLE t ADD c VARCHAR(3)");
    cr_assert_null(table(c, "t"), "its character set is not known");
    catalog_free(c);
}

Test(catalog_model, a_statement_that_ended_in_an_error_leaves_doubt)
{
    const struct catalog_session failed = {.failed = true};
    const struct ddl_options o = {.dialect = {.version = 90704},
                                  .default_database = SLICE_LIT("d")};
    struct catalog *c = made(&mysql97);
    struct arena *a = arena_new(1024);
    struct ddl_statement st;
    struct catalog_effects fx;
    apply(c, "CREATE TABLE t (a INT)");
    apply(c, "CREATE TABLE u (a INT)");
    cr_assert_eq(ddl_parse(SLICE_LIT("DROP TABLE t, v"), &o, a, &st), ERR_OK);
    cr_assert_eq(catalog_apply(c, &st, &failed, &fx, &why), ERR_OK);
    cr_assert_eq(fx.count, 1);
    cr_assert_eq(fx.items[0].kind, CATALOG_IN_DOUBT);
    cr_assert_eq(catalog_count(c), 1);
    arena_free(a);
    catalog_free(c);
}

Test(catalog_model, a_database_takes_its_tables_along)
{
    struct catalog *c = made(&mysql97);
    apply(c, "CREATE TABLE a (x INT)");
    apply(c, "CREATE TABLE b (x INT)");
    apply(c, "CREATE DATABASE e CHARACTER SET latin1");
    apply(c, "CREATE TABLE e.a (x VARCHAR(3))");
    cr_assert(slice_eq(catalog_find(c, SLICE_LIT("e"), SLICE_LIT("a"))->columns[0].collation,
                       SLICE_LIT("latin1_swedish_ci")));
    struct catalog_effects fx = apply(c, "DROP DATABASE d");
    cr_assert_eq(fx.count, 2);
    cr_assert_eq(catalog_count(c), 1);
    catalog_free(c);
}

Test(catalog_model, rows_that_come_and_go_are_told)
{
    struct catalog *c = made(&mysql97);
    apply(c, "CREATE TABLE p (a INT)");
    apply(c, "CREATE TABLE q (a INT)");
    cr_assert_eq(apply(c, "TRUNCATE p").items[0].kind, CATALOG_EMPTIED);
    struct catalog_effects fx = apply(c, "ALTER TABLE p EXCHANGE PARTITION x WITH TABLE q");
    cr_assert_eq(fx.count, 3);
    cr_assert_eq(fx.items[1].kind, CATALOG_FILLED);
    cr_assert(slice_eq(fx.items[2].name, SLICE_LIT("q")));
    cr_assert_eq(apply(c, "ALTER TABLE p DROP PARTITION x").items[1].kind, CATALOG_EMPTIED);
    catalog_free(c);
}

Test(catalog_model, names_compare_as_the_server_compares_them)
{
    const struct catalog_options folded = {.version = 90704, .lower_case_table_names = 1};
    struct catalog *c = made(&folded);
    apply_on(c, &folded, "CREATE TABLE Abc (x INT)");
    apply_on(c, &folded, "ALTER TABLE aBC ADD y INT");
    cr_assert_str_eq(columns(c, "ABC"), "x int, y int");
    cr_assert(slice_eq(table(c, "abc")->name, SLICE_LIT("abc")));
    catalog_free(c);
}

Test(catalog_model, many_tables_are_found_again)
{
    struct catalog *c = made(&mysql97);
    char sql[64];
    for (int i = 0; i < 2000; i++) {
        snprintf(sql, sizeof(sql), "CREATE TABLE t%d (a%d INT)", i, i);
        apply(c, sql);
    }
    cr_assert_eq(catalog_count(c), 2000);
    cr_assert_str_eq(columns(c, "t1234"), "a1234 int");
    catalog_free(c);
}

Test(catalog_model, the_first_difference_is_told)
{
    struct catalog *c = made(&mysql97);
    struct errmsg em = {{0}};
    apply(c, "CREATE TABLE a (x INT, y VARCHAR(3), UNIQUE u (x))");
    apply(c, "CREATE TABLE b (x INT, y VARCHAR(4), UNIQUE u (x))");
    apply(c, "CREATE TABLE e (x INT, y VARCHAR(3), UNIQUE v (x))");
    cr_assert(catalog_same(table(c, "a"), table(c, "a"), &em));
    cr_assert(!catalog_same(table(c, "a"), table(c, "b"), &em));
    cr_assert_str_eq(em.text, "column 2 `y`: type \"varchar(3)\" here, \"varchar(4)\" there");
    cr_assert(!catalog_same(table(c, "a"), table(c, "e"), &em));
    cr_assert_str_eq(em.text, "key `u` differs from `v`");
    catalog_free(c);
}

/* No server takes that; what the first effect shows must stay what it was. */
Test(catalog_model, a_partition_that_becomes_its_own_table_leaves_effects_whole)
{
    struct catalog *c = made(&maria1011);
    apply_on(c, &maria1011,
             "CREATE TABLE p (a INT) PARTITION BY RANGE (a) (PARTITION p0 VALUES LESS THAN (5))");
    struct catalog_effects fx =
        apply_on(c, &maria1011, "ALTER TABLE p CONVERT PARTITION p0 TO TABLE p");
    cr_assert_gt(fx.count, 1);
    for (size_t i = 0; i < fx.count; i++)
        if (fx.items[i].def != NULL)
            cr_assert_eq(fx.items[i].def->column_count, 1);
    catalog_free(c);
}

static bool same_rows(const char *a, const char *b)
{
    char sql[200];
    struct catalog *c = made(&mysql97);
    snprintf(sql, sizeof(sql), "CREATE TABLE a (id INT, %s)", a);
    apply(c, sql);
    snprintf(sql, sizeof(sql), "CREATE TABLE b (id INT, %s)", b);
    apply(c, sql);
    bool same = catalog_same_rows(table(c, "a"), table(c, "b"), NULL);
    catalog_free(c);
    return same;
}

Test(catalog_model, what_rows_mean_is_names_types_and_character_sets)
{
    cr_assert(same_rows("v INT", "v INT NOT NULL UNIQUE"));
    cr_assert(same_rows("v INT UNSIGNED", "v INT(7) UNSIGNED ZEROFILL"));
    cr_assert(same_rows("v TEXT COLLATE utf8mb4_bin", "v TEXT COLLATE utf8mb4_general_ci"));
    cr_assert_not(same_rows("v INT", "w INT"));
    cr_assert_not(same_rows("v INT", "v INT UNSIGNED"));
    cr_assert_not(same_rows("v INT", "v BIGINT"));
    cr_assert_not(same_rows("v INT", "v INT, w INT"));
    cr_assert_not(same_rows("v VARCHAR(5)", "v VARCHAR(6)"));
    cr_assert_not(same_rows("v DECIMAL(5,2)", "v DECIMAL(5,1)"));
    cr_assert_not(same_rows("v ENUM('a','b')", "v ENUM('a','c')"));
    cr_assert_not(same_rows("v TEXT CHARACTER SET latin1", "v TEXT CHARACTER SET latin2"));
    cr_assert_not(same_rows("v BINARY(16)", "v CHAR(16)"));
}
