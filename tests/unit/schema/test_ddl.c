#include "schema/ddl.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct ddl_options options(const char *database)
{
    return (struct ddl_options){.dialect = {.version = 90704},
                                .default_database = slice_str(database)};
}

/* Of the statements that a test looks at. */
static struct arena *kept[128];
static size_t kept_count;

static void free_kept(void)
{
    while (kept_count > 0)
        arena_free(kept[--kept_count]);
}

TestSuite(ddl, .fini = free_kept);

/* Parses, checks that it can be, and hands the statement out, which lives as long as the test. */
static struct ddl_statement parse_as(const char *sql, struct ddl_options o)
{
    struct ddl_statement st;
    struct arena *a = arena_new(4096);
    cr_assert(kept_count < sizeof(kept) / sizeof(kept[0]));
    kept[kept_count++] = a;
    enum err e = ddl_parse(slice_str(sql), &o, a, &st);
    cr_assert_eq(e, ERR_OK, "%s: %s", sql, err_name(e));
    cr_assert(st.parsed);
    return st;
}

static struct ddl_statement parse(const char *sql)
{
    return parse_as(sql, options("d"));
}

static struct ddl_statement maria(const char *sql)
{
    struct ddl_options o = options("d");
    o.dialect = (struct sql_dialect){.version = 101119, .mariadb = true};
    return parse_as(sql, o);
}

static void is(struct slice s, const char *text)
{
    cr_assert(slice_eq(s, slice_str(text)), "\"%.*s\" is not \"%s\"", SLICE_ARG(s), text);
}

static bool concerns(const char *sql, const char *database, const char *table)
{
    struct ddl_statement st;
    struct ddl_options o = options("d");
    struct arena *a = arena_new(4096);
    enum err e = ddl_parse(slice_str(sql), &o, a, &st);
    cr_assert(e == ERR_OK || !st.parsed);
    bool yes = ddl_may_concern(&st, slice_str(database), slice_str(table));
    arena_free(a);
    return yes;
}

Test(ddl, leading_words_tell_kind_and_class)
{
    static const struct {
        const char *sql;
        enum ddl_kind kind;
        enum ddl_class class;
    } cases[] = {
        {"BEGIN", DDL_NONE, DDL_CLASS_NONE},
        {"INSERT INTO t VALUES (1)", DDL_NONE, DDL_CLASS_NONE},
        {"", DDL_NONE, DDL_CLASS_NONE},
        {"SET @x = 1", DDL_NONE, DDL_CLASS_NONE},
        {"CREATE TABLE t (a INT)", DDL_CREATE_TABLE, DDL_CLASS_CREATE},
        {"create  temporary table t (a int)", DDL_CREATE_TABLE, DDL_CLASS_CREATE},
        {"ALTER TABLE t ADD a INT", DDL_ALTER_TABLE, DDL_CLASS_ALTER},
        {"DROP TABLE t", DDL_DROP_TABLE, DDL_CLASS_DROP},
        {"RENAME TABLE a TO b", DDL_RENAME_TABLE, DDL_CLASS_RENAME},
        {"TRUNCATE t", DDL_TRUNCATE_TABLE, DDL_CLASS_TRUNCATE},
        {"CREATE UNIQUE INDEX i ON t (a)", DDL_CREATE_INDEX, DDL_CLASS_INDEX},
        {"DROP INDEX i ON t", DDL_DROP_INDEX, DDL_CLASS_INDEX},
        {"CREATE SCHEMA d2", DDL_CREATE_DATABASE, DDL_CLASS_CREATE},
        {"ALTER DATABASE CHARACTER SET latin1", DDL_ALTER_DATABASE, DDL_CLASS_ALTER},
        {"DROP DATABASE IF EXISTS d2", DDL_DROP_DATABASE, DDL_CLASS_DROP},
        {"CREATE OR REPLACE ALGORITHM=MERGE DEFINER=`a`@`%` SQL SECURITY INVOKER VIEW v AS SELECT "
         "1",
         DDL_CREATE_VIEW, DDL_CLASS_VIEW},
        {"ALTER VIEW v AS SELECT 2", DDL_ALTER_VIEW, DDL_CLASS_VIEW},
        {"DROP VIEW v, w", DDL_DROP_VIEW, DDL_CLASS_VIEW},
        {"CREATE DEFINER='a'@'b' PROCEDURE p() BEGIN SELECT 1; DROP TABLE x; END",
         DDL_CREATE_PROCEDURE, DDL_CLASS_PROCEDURE},
        {"ALTER PROCEDURE p COMMENT 'x'", DDL_ALTER_PROCEDURE, DDL_CLASS_PROCEDURE},
        {"DROP PROCEDURE IF EXISTS p", DDL_DROP_PROCEDURE, DDL_CLASS_PROCEDURE},
        {"CREATE DEFINER=CURRENT_USER() FUNCTION f() RETURNS INT RETURN 1", DDL_CREATE_FUNCTION,
         DDL_CLASS_FUNCTION},
        {"CREATE AGGREGATE FUNCTION f RETURNS REAL SONAME 'x.so'", DDL_CREATE_FUNCTION,
         DDL_CLASS_FUNCTION},
        {"DROP FUNCTION f", DDL_DROP_FUNCTION, DDL_CLASS_FUNCTION},
        {"CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET @x = 1", DDL_CREATE_TRIGGER,
         DDL_CLASS_TRIGGER},
        {"DROP TRIGGER d.tr", DDL_DROP_TRIGGER, DDL_CLASS_TRIGGER},
        {"CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1", DDL_CREATE_EVENT, DDL_CLASS_NONE},
        {"GRANT ALL ON *.* TO 'a'@'b'", DDL_ACCOUNT, DDL_CLASS_NONE},
        {"CREATE USER 'a'@'b' IDENTIFIED BY 'secret'", DDL_ACCOUNT, DDL_CLASS_NONE},
        {"SET PASSWORD FOR a = 'x'", DDL_ACCOUNT, DDL_CLASS_NONE},
        {"RENAME USER a TO b", DDL_ACCOUNT, DDL_CLASS_NONE},
        {"CREATE TABLESPACE ts ADD DATAFILE 'x'", DDL_OTHER, DDL_CLASS_NONE},
        {"FLUSH TABLES", DDL_OTHER, DDL_CLASS_NONE},
        {"/*!80000 ALTER */ /* x */ TABLE t -- y\n ADD a INT", DDL_ALTER_TABLE, DDL_CLASS_ALTER},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ddl_statement st = parse(cases[i].sql);
        cr_assert_eq(st.kind, cases[i].kind, "%s", cases[i].sql);
        cr_assert_eq(st.class, cases[i].class, "%s", cases[i].sql);
    }
}

Test(ddl, names_take_the_default_database_or_their_own)
{
    struct ddl_statement st = parse("DROP TABLE IF EXISTS a, `x y`.`b``c`, x . d RESTRICT");
    cr_assert(st.if_exists);
    cr_assert_eq(st.object_count, 3);
    is(st.objects[0].database, "d");
    is(st.objects[0].name, "a");
    is(st.objects[1].database, "x y");
    is(st.objects[1].name, "b`c");
    is(st.objects[2].database, "x");
    is(st.objects[2].name, "d");
}

Test(ddl, lower_case_table_names_folds_names)
{
    struct ddl_options o = options("D");
    o.lower_case_table_names = 1;
    struct ddl_statement st = parse_as("ALTER TABLE Ab RENAME X.\xC3\x89", o);
    is(st.objects[0].database, "d");
    is(st.objects[0].name, "ab");
    is(st.objects[0].new_database, "x");
    is(st.objects[0].new_name, "\xC3\xA9");
}

Test(ddl, a_rename_has_pairs)
{
    struct ddl_statement st = parse("RENAME TABLE t TO _t_del, _t_gho TO t, x.a TO y.b");
    cr_assert_eq(st.object_count, 3);
    is(st.objects[1].name, "_t_gho");
    is(st.objects[1].new_name, "t");
    is(st.objects[2].new_database, "y");
}

Test(ddl, create_table_gives_columns_keys_and_options)
{
    struct ddl_statement st = parse(
        "CREATE TABLE IF NOT EXISTS t (id SERIAL, a INT(11) UNSIGNED ZEROFILL NOT NULL DEFAULT 5, "
        "e ENUM('a','it''s') CHARACTER SET latin1, v VARCHAR(20) COLLATE utf8mb4_bin NULL, "
        "g INT GENERATED ALWAYS AS (a + (1)) STORED, KEY k (a, v(10) DESC), "
        "CONSTRAINT c UNIQUE (v), CHECK (a > 0), PRIMARY KEY USING BTREE (id)) ENGINE=MyISAM "
        "DEFAULT CHARSET utf8mb4 ROW_FORMAT=DEFAULT COMMENT='x' PARTITION BY HASH (id) PARTITIONS "
        "4");
    cr_assert(st.if_not_exists);
    cr_assert_eq(st.action_count, 11);
    const struct ddl_column *c = st.actions[1].column;
    cr_assert_eq(c->type, DDL_INT);
    cr_assert_eq(c->length, 11);
    cr_assert(c->is_unsigned && c->zerofill && c->not_null && c->has_default);
    c = st.actions[2].column;
    cr_assert_eq(c->member_count, 2);
    is(c->members[1], "it's");
    is(c->charset, "latin1");
    is(st.actions[3].column->collation, "utf8mb4_bin");
    cr_assert(st.actions[4].column->generated);
    cr_assert_eq(st.actions[5].key->part_count, 2);
    cr_assert_eq(st.actions[5].key->parts[1].prefix, 10);
    is(st.actions[6].key->constraint, "c");
    cr_assert_eq(st.actions[7].key->kind, DDL_KEY_PRIMARY);
    is(st.actions[8].name, "MyISAM");
    is(st.actions[9].charset, "utf8mb4");
    cr_assert_eq(st.actions[10].kind, DDL_PARTITIONED);
}

Test(ddl, create_table_like_and_select)
{
    struct ddl_statement st = parse("CREATE TABLE t LIKE x.y");
    is(st.like_database, "x");
    is(st.like_name, "y");
    st = parse("CREATE TABLE t (LIKE y)");
    is(st.like_name, "y");
    cr_assert(parse("CREATE TABLE t SELECT 1").as_select);
    cr_assert(parse("CREATE TABLE t (SELECT 1)").as_select);
    cr_assert(parse("CREATE TABLE t (a INT) ENGINE=InnoDB IGNORE AS (SELECT 1)").as_select);
    cr_assert(parse("CREATE TABLE t (a INT) PARTITION BY KEY (a) SELECT 1 AS a").as_select);
    cr_assert(!parse("CREATE TABLE t (a INT) START TRANSACTION").as_select);
}

Test(ddl, alter_table_is_a_list_of_actions)
{
    struct ddl_statement st = parse(
        "ALTER TABLE t ADD COLUMN a INT FIRST, ADD (b INT, c INT), DROP COLUMN d, "
        "MODIFY e BIGINT AFTER f, CHANGE COLUMN g h TEXT, RENAME COLUMN i TO j, "
        "ALTER k SET DEFAULT 'x', ALTER l SET INVISIBLE, ADD UNIQUE KEY u (a), "
        "DROP INDEX v, DROP PRIMARY KEY, RENAME INDEX w TO x, ENGINE=InnoDB ROW_FORMAT=COMPACT, "
        "CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, ORDER BY a, b DESC, "
        "ALGORITHM=INPLACE, LOCK=NONE, RENAME TO z");
    static const enum ddl_action_kind kinds[] = {
        DDL_ADD_COLUMN,    DDL_ADD_COLUMN,     DDL_ADD_COLUMN,       DDL_DROP_COLUMN,
        DDL_MODIFY_COLUMN, DDL_MODIFY_COLUMN,  DDL_RENAME_COLUMN,    DDL_HIDE_COLUMN,
        DDL_ADD_KEY,       DDL_DROP_KEY,       DDL_DROP_PRIMARY_KEY, DDL_RENAME_KEY,
        DDL_SET_ENGINE,    DDL_CONVERT_CHARSET};
    cr_assert_eq(st.action_count, sizeof(kinds) / sizeof(kinds[0]));
    for (size_t i = 0; i < st.action_count; i++)
        cr_assert_eq(st.actions[i].kind, kinds[i], "action %zu", i);
    cr_assert_eq(st.actions[0].place, DDL_FIRST);
    is(st.actions[4].after, "f");
    is(st.actions[4].name, "e");
    is(st.actions[5].name, "g");
    is(st.actions[5].column->name, "h");
    is(st.objects[0].new_name, "z");
}

Test(ddl, partitions_come_and_go)
{
    cr_assert_eq(parse("ALTER TABLE t TRUNCATE PARTITION p0, p1").actions[0].kind, DDL_ROWS_VANISH);
    cr_assert_eq(parse("ALTER TABLE t DROP PARTITION p0").actions[0].kind, DDL_ROWS_VANISH);
    cr_assert_eq(parse("ALTER TABLE t REORGANIZE PARTITION p0 INTO (PARTITION a VALUES IN (1))")
                     .actions[0]
                     .kind,
                 DDL_PARTITIONED);
    struct ddl_statement st =
        parse("ALTER TABLE t EXCHANGE PARTITION p WITH TABLE x.u WITHOUT VALIDATION");
    cr_assert_eq(st.actions[0].kind, DDL_ROWS_APPEAR);
    cr_assert_eq(st.object_count, 2);
    is(st.objects[1].name, "u");
}

Test(ddl, mariadb_forms)
{
    struct ddl_statement st = maria(
        "CREATE OR REPLACE TABLE t (a INT, s TIMESTAMP(6) GENERATED ALWAYS AS ROW START, "
        "e TIMESTAMP(6) GENERATED ALWAYS AS ROW END, f DATE, g DATE, PERIOD FOR SYSTEM_TIME (s, "
        "e), "
        "PERIOD FOR p (f, g), UNIQUE (a, p WITHOUT OVERLAPS), c TEXT COMPRESSED, v INT AS (a) "
        "PERSISTENT, "
        "u UUID DEFAULT uuid(), n INT DEFAULT NEXT VALUE FOR sq INVISIBLE) WITH SYSTEM VERSIONING");
    cr_assert(st.or_replace && st.versioned);
    cr_assert(st.actions[1].column->row_start && st.actions[2].column->row_end);
    cr_assert_eq(st.actions[5].kind, DDL_ADD_PERIOD);
    is(st.actions[6].name, "p");
    cr_assert(st.actions[7].key->parts[1].without_overlaps);
    cr_assert(st.actions[8].column->compressed);
    st = maria(
        "ALTER TABLE IF EXISTS t WAIT 5 ADD COLUMN IF NOT EXISTS a INT, DROP COLUMN IF EXISTS b, "
        "DROP SYSTEM VERSIONING");
    cr_assert(st.if_exists && st.actions[0].maybe && st.actions[1].maybe);
    cr_assert_eq(st.actions[2].kind, DDL_DROP_VERSIONING);
    cr_assert_eq(maria("SET STATEMENT max_statement_time=5 FOR DROP TABLE t").kind, DDL_DROP_TABLE);
    cr_assert_eq(maria("CREATE SEQUENCE IF NOT EXISTS s START WITH 5").kind, DDL_CREATE_SEQUENCE);
    cr_assert_eq(maria("CREATE OR REPLACE DATABASE x").kind, DDL_CREATE_DATABASE);
}

Test(ddl, ansi_quotes_make_names)
{
    struct ddl_options o = options("d");
    o.dialect.sql_mode = SQL_MODE_ANSI_QUOTES;
    struct ddl_statement st = parse_as("CREATE TABLE \"a.b\" (\"x\"\"y\" INT)", o);
    is(st.objects[0].name, "a.b");
    is(st.actions[0].column->name, "x\"y");
}

Test(ddl, a_statement_concerns_the_tables_it_names)
{
    cr_assert(concerns("ALTER TABLE t ADD a INT", "d", "t"));
    cr_assert(!concerns("ALTER TABLE t ADD a INT", "e", "t"));
    cr_assert(!concerns("ALTER TABLE x.t ADD d INT", "d", "t"));
    cr_assert(concerns("RENAME TABLE a TO t", "d", "t"));
    cr_assert(concerns("DROP DATABASE d", "d", "t"));
    cr_assert(concerns("CREATE INDEX i ON t (a)", "d", "t"));
    cr_assert(!concerns("CREATE INDEX t ON u (a)", "d", "t"));
    cr_assert(!concerns("CREATE VIEW t AS SELECT 1", "d", "t"));
    cr_assert(!concerns("DROP TEMPORARY TABLE t", "d", "t"));
    cr_assert(!concerns("INSERT INTO t VALUES (1)", "d", "t"));
}

Test(ddl, what_is_not_understood_concerns_whom_it_names)
{
    cr_assert(concerns("ALTER TABLE u FROBNICATE t", "d", "t"));
    cr_assert(concerns("ALTER TABLE t FROBNICATE", "d", "t"));
    cr_assert(!concerns("ALTER TABLE x.u FROBNICATE", "d", "t"));
    cr_assert(concerns("CREATE THING LIKE d.t", "x", "t") == false);
    cr_assert(concerns("CREATE THING LIKE d.t", "d", "t"));
    cr_assert(concerns("ALTER TABLE t ADD a INT DEFAULT 'x", "d", "t"));
}

Test(ddl, every_cut_of_a_statement_is_read_or_refused)
{
    static const char sql[] =
        "ALTER TABLE `d`.`t` ADD COLUMN a ENUM('x','y') CHARACTER SET latin1 NOT NULL DEFAULT "
        "(1+(2)) "
        "AFTER b, ADD CONSTRAINT c FOREIGN KEY i (a, b(3)) REFERENCES o (x) ON DELETE SET NULL, "
        "/*!80000 RENAME */ TO z";
    struct ddl_options o = options("d");
    for (size_t n = 0; n <= sizeof(sql) - 1; n++) {
        uint8_t *copy = malloc(n + 1);
        memcpy(copy, sql, n);
        struct arena *a = arena_new(256);
        struct ddl_statement st;
        enum err e = ddl_parse(slice_of(copy, n), &o, a, &st);
        cr_assert(e == ERR_OK || (e == ERR_MALFORMED && !st.parsed));
        cr_assert(e == ERR_OK || n < 20 || ddl_may_concern(&st, SLICE_LIT("d"), SLICE_LIT("t")),
                  "%zu", n);
        arena_free(a);
        free(copy);
    }
}

Test(ddl, lists_are_bounded)
{
    static const char head[] = "ALTER TABLE t ", item[] = "ADD a INT,";
    const size_t count = DDL_ACTIONS_MAX + 10, step = sizeof(item) - 1;
    uint8_t *sql = malloc(sizeof(head) + count * step);
    size_t n = sizeof(head) - 1;
    memcpy(sql, head, n);
    for (size_t i = 0; i < count; i++, n += step)
        memcpy(sql + n, item, step);
    struct ddl_options o = options("d");
    struct ddl_statement st;
    struct arena *a = arena_new(4096);
    cr_assert_eq(ddl_parse(slice_of(sql, n), &o, a, &st), ERR_TOO_LARGE);
    cr_assert(!st.parsed);
    arena_free(a);
    free(sql);
}
