/*
 * ALTER TABLE: a list of actions, table options among them.
 */
#include "schema/ddl_int.h"

static bool place(struct ddl_parser *p, struct ddl_action *a)
{
    if (ddl_accept(p, "first")) {
        a->place = DDL_FIRST;
    } else if (ddl_at(p, "after")) {
        const uint8_t *from = p->t.at;
        ddl_next(p);
        a->place = DDL_AFTER;
        if (!ddl_column_name(p, &a->after))
            return false;
        struct ddl_mark *m = ddl_add_mark(p, DDL_MARK_PLACE, from);
        if (m != NULL)
            m->name = a->after;
        return m != NULL;
    }
    return true;
}

static bool add_column(struct ddl_parser *p, bool maybe)
{
    struct ddl_column *c;
    if (!ddl_column(p, &c))
        return false;
    struct ddl_action *a = ddl_add_action(p, DDL_ADD_COLUMN);
    if (a == NULL)
        return false;
    a->column = c;
    a->maybe = maybe;
    return place(p, a);
}

/* ADD (column, key, ...) */
static bool add_list(struct ddl_parser *p, bool maybe)
{
    do {
        const uint8_t *from = p->t.at;
        bool key = ddl_at_key(p);
        if (!(key ? ddl_key_element(p, &maybe) : add_column(p, maybe)))
            return false;
        struct ddl_mark *m = ddl_add_mark(p, DDL_MARK_NESTED, from);
        if (m == NULL)
            return false;
        m->defines = !key;
    } while (ddl_accept_sign(p, ','));
    return ddl_accept_sign(p, ')');
}

static bool add(struct ddl_parser *p)
{
    bool maybe = false;
    if (ddl_accept_two(p, "system", "versioning"))
        return ddl_add_action(p, DDL_ADD_VERSIONING) != NULL;
    if (ddl_at(p, "partition"))
        return ddl_add_action(p, DDL_PARTITIONED) != NULL && ddl_skip_rest(p);
    if (ddl_at_key(p))
        return ddl_key_element(p, &maybe);
    (void)ddl_accept(p, "column");
    maybe = ddl_accept_if_not_exists(p);
    if (ddl_accept_sign(p, '('))
        return add_list(p, maybe);
    return add_column(p, maybe);
}

static bool named_action(struct ddl_parser *p, enum ddl_action_kind kind)
{
    struct ddl_action *a = ddl_add_action(p, kind);
    if (a == NULL)
        return false;
    a->maybe = ddl_accept_if_exists(p);
    return kind == DDL_DROP_COLUMN ? ddl_column_name(p, &a->name) : ddl_name(p, &a->name);
}

static bool drop(struct ddl_parser *p)
{
    if (ddl_accept_two(p, "primary", "key"))
        return ddl_add_action(p, DDL_DROP_PRIMARY_KEY) != NULL;
    if (ddl_accept_two(p, "system", "versioning"))
        return ddl_add_action(p, DDL_DROP_VERSIONING) != NULL;
    if (ddl_at(p, "partition"))
        return ddl_add_action(p, DDL_ROWS_VANISH) != NULL && ddl_skip_rest(p);
    if (ddl_accept_two(p, "period", "for"))
        return named_action(p, DDL_DROP_PERIOD);
    if (ddl_at(p, "period") && sql_is(ddl_peek(p), "if")) {
        ddl_next(p);
        return ddl_accept_if_exists(p) && ddl_accept(p, "for") && named_action(p, DDL_DROP_PERIOD);
    }
    if (ddl_accept(p, "index") || ddl_accept(p, "key"))
        return named_action(p, DDL_DROP_KEY);
    if (ddl_accept(p, "constraint") || ddl_accept(p, "check"))
        return named_action(p, DDL_DROP_CONSTRAINT);
    if (ddl_accept_two(p, "foreign", "key")) {
        struct slice ignored; /* the index below it stays */
        (void)ddl_accept_if_exists(p);
        return ddl_name(p, &ignored);
    }
    (void)ddl_accept(p, "column");
    if (!named_action(p, DDL_DROP_COLUMN))
        return false;
    (void)(ddl_accept(p, "restrict") || ddl_accept(p, "cascade"));
    return true;
}

static bool modify(struct ddl_parser *p, bool change)
{
    struct ddl_column *c;
    struct slice old = SLICE_LIT("");
    (void)ddl_accept(p, "column");
    bool maybe = ddl_accept_if_exists(p);
    if ((change && !ddl_column_name(p, &old)) || !ddl_column(p, &c))
        return false;
    struct ddl_action *a = ddl_add_action(p, DDL_MODIFY_COLUMN);
    if (a == NULL)
        return false;
    a->name = change ? old : c->name;
    a->column = c;
    a->maybe = maybe;
    return place(p, a);
}

static bool rename_item(struct ddl_parser *p, enum ddl_action_kind kind)
{
    struct ddl_action *a = ddl_add_action(p, kind);
    if (a == NULL)
        return false;
    a->maybe = ddl_accept_if_exists(p);
    if (kind == DDL_RENAME_COLUMN)
        return ddl_column_name(p, &a->name) && ddl_accept(p, "to") &&
               ddl_column_name(p, &a->new_name);
    return ddl_name(p, &a->name) && ddl_accept(p, "to") && ddl_name(p, &a->new_name);
}

static bool rename_(struct ddl_parser *p)
{
    if (ddl_accept(p, "column"))
        return rename_item(p, DDL_RENAME_COLUMN);
    if (ddl_accept(p, "index") || ddl_accept(p, "key"))
        return rename_item(p, DDL_RENAME_KEY);
    (void)(ddl_accept(p, "to") || ddl_accept(p, "as") || ddl_accept_sign(p, '='));
    struct ddl_object *o = &p->st->objects[0];
    return ddl_table_name(p, &o->new_database, &o->new_name);
}

/* SET DEFAULT value, DROP DEFAULT, SET VISIBLE, SET INVISIBLE of a column */
static bool alter_column(struct ddl_parser *p)
{
    struct slice name;
    (void)ddl_accept(p, "column");
    bool maybe = ddl_accept_if_exists(p);
    if (!ddl_column_name(p, &name))
        return false;
    if (ddl_accept_two(p, "drop", "default"))
        return true;
    if (!ddl_accept(p, "set"))
        return false;
    if (ddl_accept(p, "default")) {
        if (!ddl_skip_value(p))
            return false;
        while (p->t.kind == SQL_STRING || p->t.kind == SQL_HEX || ddl_at_sign(p, '('))
            if (!ddl_skip_value(p))
                return false;
        return true;
    }
    bool show = ddl_accept(p, "visible");
    if (!show && !ddl_accept(p, "invisible"))
        return false;
    struct ddl_action *a = ddl_add_action(p, show ? DDL_SHOW_COLUMN : DDL_HIDE_COLUMN);
    if (a == NULL)
        return false;
    a->name = name;
    a->maybe = maybe;
    return true;
}

static bool alter(struct ddl_parser *p)
{
    static const char *const states[] = {"visible", "invisible", "ignored", "enforced", NULL};
    static const char *const things[] = {"index", "key", "check", "constraint", NULL};
    struct slice ignored;
    if (!ddl_accept_any(p, things))
        return alter_column(p);
    (void)ddl_accept_if_exists(p);
    if (!ddl_name(p, &ignored))
        return false;
    (void)ddl_accept(p, "not");
    return ddl_accept_any(p, states);
}

/* CONVERT TO CHARACTER SET; MariaDB: CONVERT TABLE .. TO PARTITION, CONVERT PARTITION .. TO TABLE
 */
static bool convert(struct ddl_parser *p)
{
    struct ddl_object o = {0};
    struct ddl_action *a;
    if (ddl_accept(p, "to")) {
        if (!ddl_accept_charset(p) || (a = ddl_add_action(p, DDL_CONVERT_CHARSET)) == NULL)
            return false;
        a->default_charset = ddl_accept(p, "default");
        if (!a->default_charset && !ddl_name_or_string(p, &a->charset))
            return false;
        return !ddl_accept(p, "collate") || ddl_name_or_string(p, &a->collation);
    }
    if (ddl_accept(p, "table")) {
        return ddl_add_action(p, DDL_ROWS_APPEAR) != NULL &&
               ddl_table_name(p, &o.database, &o.name) && ddl_add_object(p, o) && ddl_skip_rest(p);
    }
    return ddl_accept(p, "partition") && ddl_skip_value(p) && ddl_accept_two(p, "to", "table") &&
           ddl_add_action(p, DDL_ROWS_VANISH) != NULL && ddl_table_name(p, &o.database, &o.name) &&
           ddl_add_object(p, o) && ddl_skip_rest(p);
}

/* EXCHANGE PARTITION p WITH TABLE t: rows of both change without row events. */
static bool exchange(struct ddl_parser *p)
{
    struct ddl_object o = {0};
    p->st->exchanges = true;
    return ddl_accept(p, "partition") && ddl_skip_value(p) && ddl_accept_two(p, "with", "table") &&
           ddl_add_action(p, DDL_ROWS_APPEAR) != NULL && ddl_table_name(p, &o.database, &o.name) &&
           ddl_add_object(p, o) && ddl_skip_rest(p);
}

static bool at_action(const struct ddl_parser *p)
{
    static const char *const words[] = {"add",   "drop",    "modify", "change", "rename",
                                        "alter", "convert", "order",  "engine", "algorithm",
                                        "lock",  "default", "force",  NULL};
    return ddl_at_any(p, words);
}

static bool order_by(struct ddl_parser *p)
{
    struct sql_lexer ahead;
    for (;;) {
        if (!ddl_skip_value(p))
            return false;
        while (ddl_accept_sign(p, '.'))
            ddl_next(p);
        (void)(ddl_accept(p, "asc") || ddl_accept(p, "desc"));
        ahead = p->lex;
        struct ddl_parser behind = *p;
        behind.t = sql_next(&ahead);
        if (!ddl_at_sign(p, ',') || at_action(&behind))
            return true;
        ddl_next(p);
    }
}

/* What one partition, or all of them, undergo: the rest of the statement. */
static bool partition_action(struct ddl_parser *p, bool *took)
{
    static const char *const losing[] = {"truncate", "discard", "reorganize", "coalesce", NULL};
    static const char *const keeping[] = {"analyze", "check",  "optimize",
                                          "rebuild", "repair", NULL};
    *took = true;
    if (ddl_accept(p, "exchange"))
        return exchange(p);
    if (ddl_at_any(p, losing)) {
        bool moves = ddl_at(p, "reorganize") || ddl_at(p, "coalesce");
        return ddl_add_action(p, moves ? DDL_PARTITIONED : DDL_ROWS_VANISH) != NULL &&
               ddl_skip_rest(p);
    }
    if (ddl_at(p, "import"))
        return ddl_add_action(p, DDL_ROWS_APPEAR) != NULL && ddl_skip_rest(p);
    if (ddl_at(p, "partition") || ddl_at(p, "remove") || ddl_at_any(p, keeping))
        return ddl_add_action(p, DDL_PARTITIONED) != NULL && ddl_skip_rest(p);
    *took = false;
    return true;
}

/* Words that change how the statement runs, or what rows do not show. */
static bool idle_action(struct ddl_parser *p, bool *took)
{
    *took = true;
    if (ddl_accept(p, "force") || ddl_accept_two(p, "disable", "keys") ||
        ddl_accept_two(p, "enable", "keys") || ddl_accept_two(p, "upgrade", "partitioning") ||
        ddl_accept_two(p, "with", "validation") || ddl_accept_two(p, "without", "validation"))
        return true;
    if (ddl_accept(p, "algorithm") || ddl_accept(p, "lock")) {
        (void)ddl_accept_sign(p, '=');
        return ddl_skip_value(p);
    }
    if (ddl_accept(p, "secondary_load") || ddl_accept(p, "secondary_unload"))
        return ddl_skip_rest(p);
    *took = false;
    return true;
}

static bool action(struct ddl_parser *p)
{
    bool took;
    if (ddl_accept(p, "add"))
        return add(p);
    if (ddl_accept(p, "drop"))
        return drop(p);
    if (ddl_accept(p, "modify"))
        return modify(p, false);
    if (ddl_accept(p, "change"))
        return modify(p, true);
    if (ddl_accept(p, "rename"))
        return rename_(p);
    if (ddl_accept(p, "alter"))
        return alter(p);
    if (ddl_accept(p, "convert"))
        return convert(p);
    if (ddl_accept_two(p, "order", "by"))
        return order_by(p);
    if (!partition_action(p, &took))
        return false;
    if (!took && !idle_action(p, &took))
        return false;
    return took || (ddl_table_option(p, &took) && took);
}

bool ddl_alter_table(struct ddl_parser *p)
{
    struct ddl_object o = {0};
    p->st->if_exists = ddl_accept_if_exists(p);
    if (!ddl_table_name(p, &o.database, &o.name) || !ddl_add_object(p, o) || !ddl_skip_wait(p))
        return false;
    while (!ddl_at_end(p)) {
        const uint8_t *from = p->t.at;
        if (ddl_accept_sign(p, ','))
            continue;
        if (!action(p) || ddl_add_mark(p, DDL_MARK_ITEM, from) == NULL)
            return false;
    }
    return true;
}
