/*
 * CREATE TABLE, and the table options that it shares with ALTER TABLE.
 */
#include "schema/ddl_int.h"

/* ENGINE, CHARACTER SET and COLLATE, whose DEFAULT in front is taken already. */
static bool kept_option(struct ddl_parser *p, bool *took)
{
    struct ddl_action *a;
    *took = true;
    if (ddl_accept(p, "engine") ||
        (ddl_at(p, "type") && sql_is_sign(ddl_peek(p), '=') && ddl_accept(p, "type"))) {
        (void)ddl_accept_sign(p, '=');
        a = ddl_add_action(p, DDL_SET_ENGINE);
        return a != NULL && ddl_name_or_string(p, &a->name);
    }
    if (ddl_accept_charset(p)) {
        (void)ddl_accept_sign(p, '=');
        a = ddl_add_action(p, DDL_SET_CHARSET);
        if (a == NULL)
            return false;
        a->default_charset = ddl_accept(p, "default");
        return a->default_charset || ddl_name_or_string(p, &a->charset);
    }
    if (ddl_accept(p, "collate")) {
        (void)ddl_accept_sign(p, '=');
        a = ddl_add_action(p, DDL_SET_CHARSET);
        return a != NULL && (ddl_accept(p, "default") || ddl_name_or_string(p, &a->collation));
    }
    *took = false;
    return true;
}

bool ddl_table_option(struct ddl_parser *p, bool *took)
{
    /* Options whose value may be a word; between it and the word no "=" is needed. */
    static const char *const with_value[] = {"auto_increment",
                                             "autoextend_size",
                                             "avg_row_length",
                                             "checksum",
                                             "table_checksum",
                                             "comment",
                                             "compression",
                                             "connection",
                                             "delay_key_write",
                                             "encryption",
                                             "engine_attribute",
                                             "insert_method",
                                             "key_block_size",
                                             "max_rows",
                                             "min_rows",
                                             "pack_keys",
                                             "page_checksum",
                                             "password",
                                             "row_format",
                                             "secondary_engine",
                                             "secondary_engine_attribute",
                                             "stats_auto_recalc",
                                             "stats_persistent",
                                             "stats_sample_pages",
                                             "storage",
                                             "tablespace",
                                             "transactional",
                                             "union",
                                             "directory",
                                             NULL};
    if (ddl_at(p, "default") && !sql_is_sign(ddl_peek(p), '='))
        ddl_next(p);
    if (!kept_option(p, took))
        return false;
    if (*took)
        return true;
    *took = true;
    if (ddl_accept(p, "data") || (ddl_at(p, "index") && sql_is(ddl_peek(p), "directory"))) {
        (void)ddl_accept(p, "index");
        if (!ddl_at(p, "directory"))
            return false;
    }
    if (ddl_accept_two(p, "start", "transaction"))
        return true;
    if (ddl_accept(p, "sequence")) {
        int64_t on;
        (void)ddl_accept_sign(p, '=');
        if (!ddl_number(p, &on))
            return false;
        p->st->sequence = on != 0;
        return true;
    }
    if (ddl_accept_any(p, with_value)) {
        (void)ddl_accept_sign(p, '=');
        return ddl_skip_value(p);
    }
    /* An option of the storage engine. */
    *took = (p->t.kind == SQL_WORD || p->t.kind == SQL_NAME) && sql_is_sign(ddl_peek(p), '=');
    if (!*took)
        return true;
    ddl_next(p);
    ddl_next(p);
    return ddl_skip_value(p);
}

/* SELECT, WITH, VALUES, TABLE: where a query begins, perhaps in brackets */
static bool at_query(const struct ddl_parser *p)
{
    static const char *const words[] = {"select", "values", "table", NULL};
    if (ddl_at_any(p, words))
        return true;
    return ddl_at(p, "with") && !sql_is(ddl_peek(p), "system");
}

static bool at_query_in_brackets(const struct ddl_parser *p)
{
    struct ddl_parser ahead = *p;
    while (ddl_at_sign(&ahead, '('))
        ddl_next(&ahead);
    return at_query(&ahead);
}

/* [IGNORE | REPLACE] [AS] query, to the end */
static bool query(struct ddl_parser *p, bool *took)
{
    *took = false;
    (void)(ddl_accept(p, "ignore") || ddl_accept(p, "replace"));
    bool as = ddl_accept(p, "as");
    if (!as && !at_query(p) && !(ddl_at_sign(p, '(') && at_query_in_brackets(p)))
        return true;
    *took = p->st->as_select = true;
    return ddl_skip_rest(p);
}

static bool element(struct ddl_parser *p)
{
    bool maybe = false;
    if (ddl_at_key(p))
        return ddl_key_element(p, &maybe);
    struct ddl_column *c;
    if (!ddl_column(p, &c))
        return false;
    struct ddl_action *a = ddl_add_action(p, DDL_ADD_COLUMN);
    if (a == NULL)
        return false;
    a->column = c;
    return true;
}

static bool elements(struct ddl_parser *p)
{
    do {
        const uint8_t *from = p->t.at;
        bool key = ddl_at_key(p);
        if (!element(p))
            return false;
        struct ddl_mark *m = ddl_add_mark(p, DDL_MARK_ITEM, from);
        if (m == NULL)
            return false;
        m->defines = !key;
    } while (ddl_accept_sign(p, ','));
    return ddl_accept_sign(p, ')');
}

static bool like(struct ddl_parser *p)
{
    return ddl_table_name(p, &p->st->like_database, &p->st->like_name);
}

/* PARTITION BY ...: nothing in it matters but where it ends. */
static bool partitioning(struct ddl_parser *p)
{
    static const char *const ends[] = {"as", "select", "ignore", "replace", "values", "with", NULL};
    if (ddl_add_action(p, DDL_PARTITIONED) == NULL)
        return false;
    while (!ddl_at_end(p) && !ddl_at_any(p, ends)) {
        if (p->t.kind == SQL_BAD || ddl_at_sign(p, ')'))
            return false;
        if (ddl_at_sign(p, '(') && at_query_in_brackets(p))
            return true;
        if (!ddl_at_sign(p, '('))
            ddl_next(p);
        else if (!ddl_skip_parens(p))
            return false;
    }
    return true;
}

/* WITH SYSTEM VERSIONING, in the place of an option */
static bool versioning(struct ddl_parser *p, bool *took)
{
    *took = ddl_accept_two(p, "with", "system");
    if (*took)
        p->st->versioned = true;
    return !*took || ddl_accept(p, "versioning");
}

static bool options_and_query(struct ddl_parser *p)
{
    bool took;
    while (!ddl_at_end(p)) {
        if (!versioning(p, &took))
            return false;
        if (took || ddl_accept_sign(p, ','))
            continue;
        if (ddl_at(p, "partition")) {
            if (!partitioning(p))
                return false;
            continue;
        }
        if (!query(p, &took))
            return false;
        if (took)
            return true;
        if (!ddl_table_option(p, &took) || !took)
            return false;
    }
    return true;
}

bool ddl_create_table(struct ddl_parser *p)
{
    struct ddl_object o = {0};
    p->st->if_not_exists = ddl_accept_if_not_exists(p);
    if (!ddl_table_name(p, &o.database, &o.name) || !ddl_add_object(p, o))
        return false;
    if (ddl_accept(p, "like"))
        return like(p);
    if (ddl_at_sign(p, '(') && sql_is(ddl_peek(p), "like")) {
        ddl_next(p);
        ddl_next(p);
        return like(p) && ddl_accept_sign(p, ')');
    }
    if (ddl_at_sign(p, '(') && !at_query_in_brackets(p)) {
        ddl_next(p);
        if (!elements(p))
            return false;
    }
    return options_and_query(p);
}
