/*
 * Leading words, the objects of statements, and whom they concern.
 */
#include "schema/ddl_int.h"
#include "schema/ddl_names.h"

/* clang-format off */
static const struct {
    const char *name;
    enum ddl_class class;
} kinds[DDL_KIND_COUNT] = {
    [DDL_NONE] = {"", DDL_CLASS_NONE},
    [DDL_CREATE_TABLE] = {"CREATE TABLE", DDL_CLASS_CREATE},
    [DDL_ALTER_TABLE] = {"ALTER TABLE", DDL_CLASS_ALTER},
    [DDL_DROP_TABLE] = {"DROP TABLE", DDL_CLASS_DROP},
    [DDL_RENAME_TABLE] = {"RENAME TABLE", DDL_CLASS_RENAME},
    [DDL_TRUNCATE_TABLE] = {"TRUNCATE TABLE", DDL_CLASS_TRUNCATE},
    [DDL_CREATE_INDEX] = {"CREATE INDEX", DDL_CLASS_INDEX},
    [DDL_DROP_INDEX] = {"DROP INDEX", DDL_CLASS_INDEX},
    [DDL_CREATE_DATABASE] = {"CREATE DATABASE", DDL_CLASS_CREATE},
    [DDL_ALTER_DATABASE] = {"ALTER DATABASE", DDL_CLASS_ALTER},
    [DDL_DROP_DATABASE] = {"DROP DATABASE", DDL_CLASS_DROP},
    [DDL_CREATE_SEQUENCE] = {"CREATE SEQUENCE", DDL_CLASS_CREATE},
    [DDL_ALTER_SEQUENCE] = {"ALTER SEQUENCE", DDL_CLASS_ALTER},
    [DDL_DROP_SEQUENCE] = {"DROP SEQUENCE", DDL_CLASS_DROP},
    [DDL_CREATE_VIEW] = {"CREATE VIEW", DDL_CLASS_VIEW},
    [DDL_ALTER_VIEW] = {"ALTER VIEW", DDL_CLASS_VIEW},
    [DDL_DROP_VIEW] = {"DROP VIEW", DDL_CLASS_VIEW},
    [DDL_CREATE_PROCEDURE] = {"CREATE PROCEDURE", DDL_CLASS_PROCEDURE},
    [DDL_ALTER_PROCEDURE] = {"ALTER PROCEDURE", DDL_CLASS_PROCEDURE},
    [DDL_DROP_PROCEDURE] = {"DROP PROCEDURE", DDL_CLASS_PROCEDURE},
    [DDL_CREATE_FUNCTION] = {"CREATE FUNCTION", DDL_CLASS_FUNCTION},
    [DDL_ALTER_FUNCTION] = {"ALTER FUNCTION", DDL_CLASS_FUNCTION},
    [DDL_DROP_FUNCTION] = {"DROP FUNCTION", DDL_CLASS_FUNCTION},
    [DDL_CREATE_TRIGGER] = {"CREATE TRIGGER", DDL_CLASS_TRIGGER},
    [DDL_DROP_TRIGGER] = {"DROP TRIGGER", DDL_CLASS_TRIGGER},
    [DDL_CREATE_EVENT] = {"CREATE EVENT", DDL_CLASS_NONE},
    [DDL_ALTER_EVENT] = {"ALTER EVENT", DDL_CLASS_NONE},
    [DDL_DROP_EVENT] = {"DROP EVENT", DDL_CLASS_NONE},
    [DDL_ACCOUNT] = {"an account statement", DDL_CLASS_NONE},
    [DDL_OTHER] = {"another statement", DDL_CLASS_NONE},
};
/* clang-format on */

const char *ddl_kind_name(enum ddl_kind kind)
{
    return kinds[kind].name;
}

static void set_kind(struct ddl_parser *p, enum ddl_kind kind)
{
    p->st->kind = kind;
    p->st->class = kinds[kind].class;
}

/* ---- objects ---- */

static bool add_named(struct ddl_parser *p)
{
    struct ddl_object o = {0};
    return ddl_table_name(p, &o.database, &o.name) && ddl_add_object(p, o);
}

static bool name_list(struct ddl_parser *p)
{
    p->st->if_exists = ddl_accept_if_exists(p);
    do {
        if (!add_named(p))
            return false;
    } while (ddl_accept_sign(p, ','));
    return true;
}

/* A single object, whose statement goes on in ways that do not matter. */
static bool one_object(struct ddl_parser *p)
{
    p->st->if_exists = ddl_accept_if_exists(p);
    p->st->if_not_exists = ddl_accept_if_not_exists(p);
    return add_named(p);
}

static bool drop_tables(struct ddl_parser *p)
{
    if (!name_list(p) || !ddl_skip_wait(p))
        return false;
    (void)(ddl_accept(p, "restrict") || ddl_accept(p, "cascade"));
    return ddl_at_end(p);
}

static bool rename_tables(struct ddl_parser *p)
{
    p->st->if_exists = ddl_accept_if_exists(p);
    do {
        struct ddl_object o = {0};
        if (!ddl_table_name(p, &o.database, &o.name) || !ddl_skip_wait(p) || !ddl_accept(p, "to") ||
            !ddl_table_name(p, &o.new_database, &o.new_name) || !ddl_add_object(p, o))
            return false;
    } while (ddl_accept_sign(p, ','));
    return ddl_at_end(p);
}

static bool truncate_table(struct ddl_parser *p)
{
    (void)ddl_accept(p, "table");
    return add_named(p) && ddl_skip_wait(p) && ddl_at_end(p);
}

/* The table of an index, behind ON. Of the object the name is known. */
static bool on_table(struct ddl_parser *p, struct slice index)
{
    struct ddl_object o = {.name = index};
    return ddl_accept(p, "on") && ddl_table_name(p, &o.database, &o.table) &&
           ddl_add_object(p, o) && ddl_skip_wait(p);
}

static bool create_index(struct ddl_parser *p, enum ddl_key_kind kind)
{
    bool maybe = ddl_accept_if_not_exists(p);
    struct ddl_key *k = ddl_key_new(p, kind);
    struct ddl_action *a = k != NULL ? ddl_add_action(p, DDL_ADD_KEY) : NULL;
    if (a == NULL || !ddl_name(p, &k->name))
        return false;
    a->key = k;
    a->maybe = p->st->if_not_exists = maybe;
    while (!ddl_at(p, "on")) { /* USING BTREE */
        if (p->t.kind != SQL_WORD)
            return false;
        k->using_hash |= ddl_at(p, "hash");
        ddl_next(p);
    }
    if (!on_table(p, k->name) || !ddl_key_parts(p, k) || !ddl_key_options(p, k))
        return false;
    return ddl_skip_rest(p); /* ALGORITHM, LOCK */
}

static bool drop_index(struct ddl_parser *p)
{
    struct ddl_action *a = ddl_add_action(p, DDL_DROP_KEY);
    if (a == NULL)
        return false;
    a->maybe = p->st->if_exists = ddl_accept_if_exists(p);
    return ddl_name(p, &a->name) && on_table(p, a->name) && ddl_skip_rest(p);
}

static bool create_trigger(struct ddl_parser *p)
{
    struct ddl_object o = {0};
    p->st->if_not_exists = ddl_accept_if_not_exists(p);
    if (!ddl_table_name(p, &o.database, &o.name))
        return false;
    while (!ddl_at(p, "on")) { /* AFTER INSERT OR UPDATE */
        if (p->t.kind != SQL_WORD)
            return false;
        ddl_next(p);
    }
    ddl_next(p);
    return ddl_table_name(p, &o.database, &o.table) && ddl_add_object(p, o);
}

/* ---- databases ---- */

static bool database_options(struct ddl_parser *p)
{
    while (!ddl_at_end(p)) {
        bool took;
        if (ddl_accept_two(p, "read", "only")) {
            (void)ddl_accept_sign(p, '=');
            if (!ddl_skip_value(p))
                return false;
        } else if (!ddl_table_option(p, &took) || !took) {
            return false;
        }
    }
    return true;
}

/* Whether an option stands where ALTER DATABASE may leave the name out. */
static bool at_database_option(const struct ddl_parser *p)
{
    struct ddl_parser ahead = *p;
    (void)ddl_accept(&ahead, "default");
    return ddl_accept_charset(&ahead) || ddl_at(&ahead, "collate") ||
           sql_is_sign(ddl_peek(&ahead), '=');
}

static bool database(struct ddl_parser *p)
{
    struct ddl_object o = {.database = p->o.default_database};
    p->st->if_not_exists = ddl_accept_if_not_exists(p);
    p->st->if_exists = ddl_accept_if_exists(p);
    bool unnamed = p->st->kind == DDL_ALTER_DATABASE && at_database_option(p);
    if ((!unnamed && !ddl_database_name(p, &o.database)) || !ddl_add_object(p, o))
        return false;
    return database_options(p);
}

/* ---- leading words ---- */

/* 'user'@'host', CURRENT_USER() */
static bool skip_user(struct ddl_parser *p)
{
    (void)ddl_accept_sign(p, '=');
    if (!ddl_skip_value(p) || (ddl_at_sign(p, '(') && !ddl_skip_parens(p)))
        return false;
    return !ddl_accept_sign(p, '@') || ddl_skip_value(p);
}

static bool skip_value_option(struct ddl_parser *p)
{
    (void)ddl_accept_sign(p, '=');
    return ddl_skip_value(p);
}

/* What may stand between CREATE (or ALTER) and the kind of object. */
static bool skip_adjectives(struct ddl_parser *p, enum ddl_key_kind *key)
{
    static const char *const idle[] = {"online",       "offline", "ignore",     "aggregate",
                                       "external",     "json",    "relational", "duality",
                                       "materialized", "undo",    NULL};
    *key = DDL_KEY_PLAIN;
    for (;;) {
        if (ddl_accept_two(p, "or", "replace")) {
            p->st->or_replace = true;
        } else if (ddl_accept(p, "temporary")) {
            p->st->temporary = true;
        } else if (ddl_accept(p, "definer")) {
            if (!skip_user(p))
                return false;
        } else if (ddl_accept(p, "algorithm") || ddl_accept_two(p, "sql", "security")) {
            if (!skip_value_option(p))
                return false;
        } else if (ddl_accept(p, "unique")) {
            *key = DDL_KEY_UNIQUE;
        } else if (ddl_accept(p, "fulltext")) {
            *key = DDL_KEY_FULLTEXT;
        } else if (ddl_accept(p, "spatial")) {
            *key = DDL_KEY_SPATIAL;
        } else if (ddl_accept(p, "vector")) {
            *key = DDL_KEY_VECTOR;
        } else if (!ddl_accept_any(p, idle)) {
            return true;
        }
    }
}

static const char *const other_things[] = {"server",    "tablespace", "logfile", "resource",
                                           "reference", "package",    "library", "instance",
                                           "catalog",   "masking",    NULL};
static const char *const account_things[] = {"user", "role", NULL};

static bool other(struct ddl_parser *p, enum ddl_kind kind)
{
    set_kind(p, kind);
    return true;
}

static bool is_database_word(const struct ddl_parser *p)
{
    return ddl_at(p, "database") || ddl_at(p, "schema");
}

static bool create(struct ddl_parser *p)
{
    enum ddl_key_kind key;
    set_kind(p, DDL_OTHER);
    if (!skip_adjectives(p, &key))
        return false;
    if (ddl_accept(p, "table"))
        return set_kind(p, DDL_CREATE_TABLE), ddl_create_table(p) && ddl_at_end(p);
    if (ddl_accept(p, "index"))
        return set_kind(p, DDL_CREATE_INDEX), create_index(p, key);
    if (is_database_word(p))
        return ddl_next(p), set_kind(p, DDL_CREATE_DATABASE), database(p);
    if (ddl_accept(p, "trigger"))
        return set_kind(p, DDL_CREATE_TRIGGER), create_trigger(p);
    if (ddl_accept(p, "view"))
        return set_kind(p, DDL_CREATE_VIEW), one_object(p);
    if (ddl_accept(p, "procedure"))
        return set_kind(p, DDL_CREATE_PROCEDURE), one_object(p);
    if (ddl_accept(p, "function"))
        return set_kind(p, DDL_CREATE_FUNCTION), one_object(p);
    if (ddl_accept(p, "event"))
        return set_kind(p, DDL_CREATE_EVENT), one_object(p);
    if (ddl_accept(p, "sequence"))
        return set_kind(p, DDL_CREATE_SEQUENCE), one_object(p) && ddl_skip_rest(p);
    if (ddl_at_any(p, account_things))
        return other(p, DDL_ACCOUNT);
    return ddl_at_any(p, other_things);
}

static bool alter(struct ddl_parser *p)
{
    enum ddl_key_kind key;
    set_kind(p, DDL_OTHER);
    if (!skip_adjectives(p, &key))
        return false;
    if (ddl_accept(p, "table"))
        return set_kind(p, DDL_ALTER_TABLE), ddl_alter_table(p);
    if (is_database_word(p))
        return ddl_next(p), set_kind(p, DDL_ALTER_DATABASE), database(p);
    if (ddl_accept(p, "view"))
        return set_kind(p, DDL_ALTER_VIEW), one_object(p);
    if (ddl_accept(p, "procedure"))
        return set_kind(p, DDL_ALTER_PROCEDURE), one_object(p);
    if (ddl_accept(p, "function"))
        return set_kind(p, DDL_ALTER_FUNCTION), one_object(p);
    if (ddl_accept(p, "event"))
        return set_kind(p, DDL_ALTER_EVENT), one_object(p);
    if (ddl_accept(p, "sequence"))
        return set_kind(p, DDL_ALTER_SEQUENCE), one_object(p) && ddl_skip_rest(p);
    if (ddl_at_any(p, account_things))
        return other(p, DDL_ACCOUNT);
    return ddl_at_any(p, other_things);
}

static bool drop(struct ddl_parser *p)
{
    set_kind(p, DDL_OTHER);
    p->st->temporary = ddl_accept(p, "temporary");
    (void)(ddl_accept(p, "undo") || ddl_accept(p, "spatial") || ddl_accept(p, "materialized"));
    if (ddl_accept(p, "table") || ddl_accept(p, "tables"))
        return set_kind(p, DDL_DROP_TABLE), drop_tables(p);
    if (ddl_accept(p, "index"))
        return set_kind(p, DDL_DROP_INDEX), drop_index(p);
    if (is_database_word(p))
        return ddl_next(p), set_kind(p, DDL_DROP_DATABASE), database(p);
    if (ddl_accept(p, "view"))
        return set_kind(p, DDL_DROP_VIEW), name_list(p);
    if (ddl_accept(p, "procedure"))
        return set_kind(p, DDL_DROP_PROCEDURE), one_object(p);
    if (ddl_accept(p, "function"))
        return set_kind(p, DDL_DROP_FUNCTION), one_object(p);
    if (ddl_accept(p, "trigger"))
        return set_kind(p, DDL_DROP_TRIGGER), one_object(p);
    if (ddl_accept(p, "event"))
        return set_kind(p, DDL_DROP_EVENT), one_object(p);
    if (ddl_accept(p, "sequence"))
        return set_kind(p, DDL_DROP_SEQUENCE), name_list(p);
    if (ddl_at_any(p, account_things))
        return other(p, DDL_ACCOUNT);
    return ddl_at_any(p, other_things) || ddl_at(p, "prepare");
}

static bool rename_(struct ddl_parser *p)
{
    if (ddl_accept(p, "user"))
        return other(p, DDL_ACCOUNT);
    set_kind(p, DDL_RENAME_TABLE);
    if (!ddl_accept(p, "table") && !ddl_accept(p, "tables"))
        return false;
    return rename_tables(p);
}

static bool set(struct ddl_parser *p)
{
    if (ddl_at(p, "password") || ddl_at(p, "role") ||
        (ddl_at(p, "default") && sql_is(ddl_peek(p), "role")))
        return other(p, DDL_ACCOUNT);
    return true;
}

/* MariaDB: SET STATEMENT name = value, .. FOR */
static bool skip_set_statement(struct ddl_parser *p)
{
    if (!ddl_accept_two(p, "set", "statement"))
        return true;
    while (!ddl_accept(p, "for")) {
        if (p->t.kind == SQL_END || p->t.kind == SQL_BAD)
            return false;
        ddl_next(p);
    }
    return true;
}

static bool statement(struct ddl_parser *p)
{
    static const char *const maintenance[] = {"flush",   "analyze",   "optimize", "repair",
                                              "install", "uninstall", NULL};
    if (!skip_set_statement(p))
        return set_kind(p, DDL_OTHER), false;
    if (ddl_accept(p, "create"))
        return create(p);
    if (ddl_accept(p, "alter"))
        return alter(p);
    if (ddl_accept(p, "drop"))
        return drop(p);
    if (ddl_accept(p, "rename"))
        return rename_(p);
    if (ddl_accept(p, "truncate"))
        return set_kind(p, DDL_TRUNCATE_TABLE), truncate_table(p);
    if (ddl_accept(p, "grant") || ddl_accept(p, "revoke"))
        return other(p, DDL_ACCOUNT);
    if (ddl_accept(p, "set"))
        return set(p);
    if (ddl_at_any(p, maintenance))
        return other(p, DDL_OTHER);
    if (p->t.kind != SQL_BAD)
        return true;
    set_kind(p, DDL_OTHER);
    return false;
}

enum err ddl_parse(struct slice sql, const struct ddl_options *o, struct arena *a,
                   struct ddl_statement *out)
{
    const struct slice none = SLICE_LIT("");
    *out = (struct ddl_statement){
        .sql = sql, .options = *o, .parsed = true, .like_database = none, .like_name = none};
    struct ddl_parser p = {.o = *o, .arena = a, .st = out, .err = ERR_MALFORMED};
    sql_lexer_init(&p.lex, sql, &o->dialect);
    ddl_next(&p);
    if (statement(&p))
        return ERR_OK;
    out->parsed = false;
    return p.err;
}

/* ---- whom it concerns ---- */

static bool same_name(const struct ddl_options *o, struct slice a, struct slice b)
{
    return o->lower_case_table_names == 0 ? slice_eq(a, b) : sql_name_eq(a, b);
}

static bool object_is(const struct ddl_options *o, const struct ddl_object *object,
                      struct slice database, struct slice table)
{
    struct slice name = object->table.len > 0 ? object->table : object->name;
    return (same_name(o, object->database, database) && same_name(o, name, table)) ||
           (object->new_name.len > 0 && same_name(o, object->new_database, database) &&
            same_name(o, object->new_name, table));
}

/* Kinds that change what tables are, or which rows they have. */
static bool concerns_tables(const struct ddl_statement *st)
{
    if (st->kind == DDL_OTHER)
        return !st->parsed;
    if (st->kind == DDL_CREATE_TABLE || st->kind == DDL_DROP_TABLE)
        return !st->temporary;
    return (st->kind >= DDL_ALTER_TABLE && st->kind <= DDL_DROP_INDEX) ||
           (st->kind >= DDL_CREATE_SEQUENCE && st->kind <= DDL_DROP_SEQUENCE);
}

bool ddl_may_concern(const struct ddl_statement *st, struct slice database, struct slice table)
{
    bool replaces = st->kind == DDL_CREATE_DATABASE && st->or_replace;
    if (st->kind == DDL_DROP_DATABASE || replaces)
        return st->object_count == 0 || same_name(&st->options, st->objects[0].database, database);
    if (!concerns_tables(st))
        return false;
    if (!st->parsed)
        return ddl_mentions(st->sql, &st->options, database, table);
    for (uint32_t i = 0; i < st->object_count; i++)
        if (object_is(&st->options, &st->objects[i], database, table))
            return true;
    return false;
}
