/*
 * A column's definition: name, type, attributes in any order.
 */
#include "schema/ddl_int.h"

/* DATE '...', TIMESTAMP '...', _utf8 '...': the literal behind is part of the value. */
static bool skip_literals(struct ddl_parser *p)
{
    while (p->t.kind == SQL_STRING || p->t.kind == SQL_HEX || p->t.kind == SQL_BITS)
        ddl_next(p);
    return p->t.kind != SQL_BAD;
}

/*
 * A default: an expression in brackets, a literal, or a call without brackets
 * around it (MariaDB: NEXT VALUE FOR a sequence, too).
 */
static bool skip_default(struct ddl_parser *p, struct ddl_column *c)
{
    c->has_default = true;
    if (ddl_accept(p, "null")) {
        c->nullable_by_default = true;
        return true;
    }
    if (ddl_at_sign(p, '('))
        return ddl_skip_expression(p);
    if (ddl_accept_two(p, "next", "value"))
        (void)ddl_accept(p, "for");
    bool word = p->t.kind == SQL_WORD || p->t.kind == SQL_NAME;
    if (!ddl_skip_value(p) || !skip_literals(p))
        return false;
    while (word && ddl_accept_sign(p, '.'))
        if (!ddl_skip_value(p))
            return false;
    return !word || !ddl_at_sign(p, '(') || ddl_skip_parens(p);
}

/* NOW, CURRENT_TIMESTAMP, with brackets or not */
static bool skip_now(struct ddl_parser *p)
{
    return ddl_skip_value(p) && (!ddl_at_sign(p, '(') || ddl_skip_parens(p));
}

static bool generated_as(struct ddl_parser *p, struct ddl_column *c)
{
    if (ddl_accept(p, "row")) {
        c->row_start = ddl_accept(p, "start");
        c->row_end = !c->row_start && ddl_accept(p, "end");
        c->not_null = true;
        return c->row_start || c->row_end;
    }
    c->generated = true;
    return ddl_at_sign(p, '(') && ddl_skip_expression(p);
}

static bool check(struct ddl_parser *p)
{
    if (!ddl_at_sign(p, '(') || !ddl_skip_expression(p))
        return false;
    (void)(ddl_accept_two(p, "not", "enforced") || ddl_accept(p, "enforced"));
    return true;
}

/* REFERENCES at a column is a key of its own. */
static bool column_references(struct ddl_parser *p, const struct ddl_column *c)
{
    if (!ddl_references(p))
        return false;
    /* Servers that take it for a comment make no key; that the name of a plain key is taken is
     * all that follows from the difference. */
    bool enforced =
        p->o.dialect.mariadb ? p->o.dialect.version >= 100500 : p->o.dialect.version >= 90000;
    if (!enforced)
        return true;
    struct ddl_key *k = ddl_key_new(p, DDL_KEY_FOREIGN);
    struct ddl_action *a = k != NULL ? ddl_add_action(p, DDL_ADD_KEY) : NULL;
    if (a == NULL)
        return false;
    k->parts = arena_array(p->arena, 1, sizeof(*k->parts));
    if (k->parts == NULL)
        return false;
    k->parts[k->part_count++].column = c->name;
    a->key = k;
    return true;
}

/* NULL and defaults, which say whether a column takes NULL. */
static bool value_attribute(struct ddl_parser *p, struct ddl_column *c, bool *took)
{
    *took = true;
    if (ddl_accept_two(p, "not", "null")) {
        c->not_null = true;
        c->null = false;
    } else if (ddl_accept(p, "null")) {
        c->null = true;
    } else if (ddl_accept(p, "default")) {
        return skip_default(p, c);
    } else if (ddl_accept_two(p, "serial", "default")) {
        (void)ddl_accept(p, "value");
        c->not_null = c->auto_increment = c->unique = true;
    } else if (ddl_accept_two(p, "on", "update")) {
        return skip_now(p);
    } else if (ddl_accept(p, "auto_increment")) {
        c->auto_increment = true;
    } else if (ddl_accept(p, "unique")) {
        c->unique = true;
        (void)ddl_accept(p, "key");
    } else if (ddl_accept(p, "primary")) {
        c->primary = true;
        (void)ddl_accept(p, "key");
    } else if (ddl_accept(p, "key")) {
        c->primary = true;
    } else {
        *took = false;
    }
    return true;
}

static bool generation_attribute(struct ddl_parser *p, struct ddl_column *c, bool *took)
{
    *took = true;
    if (ddl_accept(p, "generated")) {
        (void)(ddl_accept(p, "always") || ddl_accept_two(p, "by", "default"));
        return ddl_accept(p, "as") && generated_as(p, c);
    }
    if (ddl_at(p, "as") && sql_is_sign(ddl_peek(p), '(')) {
        ddl_next(p);
        return generated_as(p, c);
    }
    if (ddl_accept(p, "virtual") || ddl_accept(p, "stored") || ddl_accept(p, "persistent"))
        return true;
    if (ddl_accept(p, "check"))
        return check(p);
    if (ddl_accept(p, "constraint")) {
        struct slice ignored;
        if (!ddl_at(p, "check") && !ddl_name(p, &ignored))
            return false;
        return ddl_accept(p, "check") && check(p);
    }
    if (ddl_accept(p, "references"))
        return column_references(p, c);
    *took = false;
    return true;
}

/* MariaDB: WITH SYSTEM VERSIONING, WITHOUT SYSTEM VERSIONING of one column */
static bool versioning_attribute(struct ddl_parser *p, struct ddl_column *c, bool *took)
{
    bool with = ddl_accept_two(p, "with", "system");
    *took = with || ddl_accept_two(p, "without", "system");
    if (!*took)
        return true;
    c->versioning_on = with;
    return ddl_accept(p, "versioning");
}

/* An option of the storage engine: name = value */
static bool engine_attribute(struct ddl_parser *p, bool *took)
{
    struct slice ignored;
    *took = (p->t.kind == SQL_WORD || p->t.kind == SQL_NAME) && sql_is_sign(ddl_peek(p), '=');
    return !*took || (ddl_name(p, &ignored) && ddl_accept_sign(p, '=') && ddl_skip_value(p));
}

static bool other_attribute(struct ddl_parser *p, struct ddl_column *c, bool *took)
{
    static const char *const with_value[] = {
        "comment", "column_format",    "storage",
        "srid",    "engine_attribute", "secondary_engine_attribute",
        NULL};
    *took = true;
    if (ddl_accept(p, "unsigned")) {
        c->is_unsigned = true;
    } else if (ddl_accept(p, "zerofill")) {
        c->zerofill = c->is_unsigned = true;
    } else if (ddl_accept(p, "invisible")) {
        c->invisible = true;
    } else if (ddl_accept(p, "compressed")) {
        c->compressed = true;
        return !ddl_accept_sign(p, '=') || ddl_skip_value(p);
    } else if (ddl_accept(p, "signed") || ddl_accept(p, "visible") ||
               ddl_accept_two(p, "not", "secondary")) {
        return true;
    } else if (ddl_accept_any(p, with_value)) {
        (void)ddl_accept_sign(p, '=');
        return ddl_skip_value(p);
    } else {
        *took = false;
    }
    return true;
}

static bool attribute(struct ddl_parser *p, struct ddl_column *c, bool *took)
{
    static bool (*const kinds[])(struct ddl_parser *, struct ddl_column *, bool *) = {
        value_attribute,      generation_attribute,  other_attribute,
        versioning_attribute, ddl_charset_attribute,
    };
    const uint8_t *from = p->t.at;
    bool value = ddl_at(p, "default");
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!kinds[i](p, c, took))
            return false;
        bool spare = kinds[i] == generation_attribute || (value && i == 0);
        if (*took)
            return !spare || ddl_add_mark(p, DDL_MARK_CLAUSE, from) != NULL;
    }
    return engine_attribute(p, took);
}

bool ddl_column(struct ddl_parser *p, struct ddl_column **out)
{
    const struct slice none = SLICE_LIT("");
    struct ddl_column *c = arena_alloc(p->arena, sizeof(*c));
    if (c == NULL) {
        p->err = ERR_NO_MEMORY;
        return false;
    }
    *c = (struct ddl_column){.type = DDL_TYPE_NONE,
                             .length = -1,
                             .scale = -1,
                             .name = none,
                             .charset = none,
                             .collation = none};
    if (!ddl_column_name(p, &c->name) || !ddl_column_type(p, c))
        return false;
    bool took = true;
    while (took)
        if (!attribute(p, c, &took))
            return false;
    *out = c;
    return true;
}
