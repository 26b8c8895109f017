/*
 * Statements under other names. The mapping of these tests: database shop is
 * store, table t is items, u is users; columns a and `ä b` are renamed x and
 * "y`z", secret and hidden are left out.
 */
#include "schema/ddl_rewrite.h"

#include "base/writer.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct slice pick(struct slice name, const char *const (*pairs)[2], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq_nocase(name, slice_str(pairs[i][0])))
            return slice_str(pairs[i][1]);
    return name;
}

static enum err map_table(void *arg, struct slice database, struct slice name, struct slice *to_db,
                          struct slice *to_name)
{
    static const char *const databases[][2] = {{"shop", "store"}};
    static const char *const tables[][2] = {{"t", "items"}, {"u", "users"}};
    (void)arg;
    *to_db = pick(database, databases, 1);
    *to_name = pick(name, tables, 2);
    return ERR_OK;
}

static enum err map_column(void *arg, struct slice column, struct slice *to)
{
    static const char *const columns[][2] = {
        {"a", "x"}, {"ä b", "y`z"}, {"secret", ""}, {"hidden", ""}};
    (void)arg;
    *to = pick(column, columns, 4);
    return ERR_OK;
}

static bool has_column(void *arg, struct slice column)
{
    (void)arg;
    return slice_eq_nocase(column, SLICE_LIT("a")) || slice_eq_nocase(column, SLICE_LIT("secret"));
}

static enum err rewrite(const char *sql, uint32_t extras, struct writer *w,
                        struct ddl_rewritten *out)
{
    static const struct ddl_extra_column extra[] = {{SLICE_LIT("region"), SLICE_LIT("varchar(16)")},
                                                    {SLICE_LIT("e`t"), SLICE_LIT("bigint")}};
    const struct ddl_options o = {.dialect = {.version = 90704},
                                  .default_database = SLICE_LIT("shop")};
    const struct ddl_mapping m = {.table = map_table,
                                  .column = map_column,
                                  .has_column = has_column,
                                  .database = SLICE_LIT("store"),
                                  .extra_count = extras,
                                  .extras = extra};
    struct arena *arena = arena_new(4096);
    struct ddl_statement st;
    (void)!ddl_parse(slice_str(sql), &o, arena, &st);
    writer_init(w, 1 << 20);
    enum err e = ddl_rewrite(&st, &m, arena, w, out);
    arena_free(arena);
    return e;
}

static void becomes(const char *sql, const char *expected)
{
    struct writer w;
    struct ddl_rewritten out;
    cr_expect_eq(rewrite(sql, 0, &w, &out), ERR_OK, "%s", sql);
    cr_expect_eq(out.nothing, expected[0] == 0, "%s", sql);
    cr_expect(slice_eq(writer_slice(&w), slice_str(expected)), "%s\n  is  %.*s\n  not %s", sql,
              (int)w.len, (const char *)w.base, expected);
    writer_fini(&w);
}

Test(ddl_rewrite, tables_get_their_names)
{
    becomes("DROP TABLE IF EXISTS t, `u`, other.t, v", "DROP TABLE IF EXISTS `items`, `users`, "
                                                       "`other`.`items`, v");
    becomes("rename table shop.t to shop.u, v to t",
            "rename table `store`.`items` to `store`.`users`, v to `items`");
    becomes("TRUNCATE t", "TRUNCATE `items`");
    becomes("ALTER TABLE /* t */ t RENAME TO other.w -- t",
            "ALTER TABLE /* t */ `items` RENAME TO other.w -- t");
    becomes("CREATE TABLE t LIKE u", "CREATE TABLE `items` LIKE `users`");
    becomes("CREATE DATABASE shop", "CREATE DATABASE `store`");
    becomes("DROP INDEX i ON shop . t", "DROP INDEX i ON `store`.`items`");
}

Test(ddl_rewrite, statements_that_concern_no_mapped_name_stay_byte_for_byte)
{
    becomes("CREATE  TABLE v (b int,\n c  int) COMMENT='t a secret'",
            "CREATE  TABLE v (b int,\n c  int) COMMENT='t a secret'");
    becomes("ALTER TABLE v ADD COLUMN b INT AFTER c", "ALTER TABLE v ADD COLUMN b INT AFTER c");
}

Test(ddl_rewrite, columns_are_renamed_wherever_they_stand)
{
    becomes("ALTER TABLE v MODIFY a BIGINT FIRST, ADD b INT AFTER `a`, ADD KEY k (b, a(10) DESC), "
            "DROP COLUMN A, RENAME COLUMN b TO a, ALTER a SET DEFAULT 5, CHANGE `ä b` a INT",
            "ALTER TABLE v MODIFY `x` BIGINT FIRST, ADD b INT AFTER `x`, ADD KEY k (b, `x`(10) "
            "DESC), DROP COLUMN `x`, RENAME COLUMN b TO `x`, ALTER `x` SET DEFAULT 5, CHANGE "
            "`y``z` `x` INT");
    becomes("CREATE INDEX a ON v (a, (a + length(b)))",
            "CREATE INDEX a ON v (`x`, (`x` + length(b)))");
    becomes("CREATE TABLE v (a int CHECK (a > 0), g int AS (a(1) + `a` + and_a) STORED, CHECK (a < "
            "g), PRIMARY KEY (a))",
            "CREATE TABLE v (`x` int CHECK (`x` > 0), g int AS (a(1) + `x` + and_a) STORED, CHECK "
            "(`x` < g), PRIMARY KEY (`x`))");
}

Test(ddl_rewrite, columns_that_are_left_out_take_their_keys_along)
{
    becomes("CREATE TABLE v (id int, secret int, b int, hidden text, PRIMARY KEY (id), KEY "
            "(b, secret), UNIQUE (b), CHECK (secret > 0), CONSTRAINT c FOREIGN KEY (hidden) "
            "REFERENCES u (id)) ENGINE=InnoDB",
            "CREATE TABLE v (id int, b int, PRIMARY KEY (id), UNIQUE (b)) ENGINE=InnoDB");
    becomes("CREATE TABLE v (secret int, b int)", "CREATE TABLE v (b int)");
    becomes("CREATE TABLE v (b int, secret int, hidden int)", "CREATE TABLE v (b int)");
    becomes("CREATE TABLE v (g int GENERATED ALWAYS AS (secret + 1) VIRTUAL NOT NULL, secret int)",
            "CREATE TABLE v (g int   NOT NULL)");
}

Test(ddl_rewrite, actions_on_columns_that_are_left_out_go)
{
    becomes("ALTER TABLE v ADD secret INT, ADD b INT AFTER secret", "ALTER TABLE v ADD b INT ");
    becomes("ALTER TABLE v ADD b INT, DROP COLUMN hidden, LOCK=NONE",
            "ALTER TABLE v ADD b INT, LOCK=NONE");
    becomes("ALTER TABLE v DROP secret", "");
    becomes("ALTER TABLE v ADD KEY (secret)", "");
    becomes("ALTER TABLE v ADD (secret INT, b INT, hidden INT, c INT)",
            "ALTER TABLE v ADD (b INT, c INT)");
    becomes("ALTER TABLE v ADD c INT, ADD (secret INT, hidden INT)", "ALTER TABLE v ADD c INT");
    becomes("ALTER TABLE v RENAME COLUMN secret TO hidden", "");
    becomes("ALTER TABLE v ADD g INT AS (secret) STORED", "ALTER TABLE v ADD g INT  ");
}

Test(ddl_rewrite, executable_comments_stay_whole)
{
    becomes("CREATE TABLE v (b int /*!80023 INVISIBLE */,\n secret int /*!80023 INVISIBLE */)",
            "CREATE TABLE v (b int /*!80023 INVISIBLE */)");
    becomes("CREATE TABLE v (secret int /*!80023 INVISIBLE */, b int)", "CREATE TABLE v (b int)");
    becomes("CREATE TABLE v (b int, secret int COMMENT '*/ /*' -- ' gone\n)",
            "CREATE TABLE v (b int -- ' gone\n)");
}

Test(ddl_rewrite, what_cannot_be_told_is_left_as_it_is)
{
    static const char *const texts[] = {
        "CREATE VIEW v AS SELECT a FROM t",
        "CREATE TABLE v (secret int /*!50100 , a int */)",
        "ALTER TABLE v RENAME COLUMN secret TO b",
        "ALTER TABLE v CHANGE b hidden INT",
        "ALTER TABLE v nonsense here",
        "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET @a = 1"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct writer w;
        struct ddl_rewritten out;
        cr_expect_eq(rewrite(texts[i], 0, &w, &out), ERR_UNSUPPORTED, "%s", texts[i]);
        cr_expect_eq(w.len, 0);
        writer_fini(&w);
    }
}

Test(ddl_rewrite, columns_are_added_behind_the_last)
{
    struct writer w;
    struct ddl_rewritten out;
    cr_assert_eq(rewrite("CREATE TABLE `t` (\n  `a` int NOT NULL,\n  `secret` int,\n  KEY `k` "
                         "(`secret`),\n  PRIMARY KEY (`a`)\n) ENGINE=InnoDB",
                         2, &w, &out),
                 ERR_OK);
    cr_expect(slice_eq(writer_slice(&w),
                       SLICE_LIT("CREATE TABLE `items` (\n  `x` int NOT NULL,\n  `region` "
                                 "varchar(16),\n  `e``t` bigint,\n  PRIMARY KEY (`x`)\n) "
                                 "ENGINE=InnoDB")),
              "%.*s", (int)w.len, (const char *)w.base);
    cr_expect_eq(out.keys_out, 1);
    writer_fini(&w);
}

Test(ddl_rewrite, a_cut_statement_is_no_trouble)
{
    static const char text[] =
        "ALTER TABLE shop.t ADD (a INT, secret INT AS (a + 1) STORED AFTER secret), DROP KEY k, "
        "ADD CONSTRAINT c CHECK (secret > 0), CHANGE `ä b` secret INT DEFAULT (a), RENAME TO u";
    for (size_t n = 0; n <= strlen(text); n++) {
        char cut[400];
        struct writer w;
        struct ddl_rewritten out;
        snprintf(cut, sizeof(cut), "%.*s", (int)n, text);
        (void)!rewrite(cut, 1, &w, &out);
        writer_fini(&w);
    }
}
