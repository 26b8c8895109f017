/*
 * Keys, constraints and periods, in CREATE TABLE and behind ADD.
 */
#include "schema/ddl_int.h"

struct ddl_key *ddl_key_new(struct ddl_parser *p, enum ddl_key_kind kind)
{
    const struct slice none = SLICE_LIT("");
    struct ddl_key *k = arena_alloc(p->arena, sizeof(*k));
    if (k == NULL) {
        p->err = ERR_NO_MEMORY;
        return NULL;
    }
    *k = (struct ddl_key){.kind = kind, .name = none, .constraint = none};
    return k;
}

/* name, name(10), (expression), name WITHOUT OVERLAPS; ASC or DESC behind */
static bool key_part(struct ddl_parser *p, struct ddl_key_part *part)
{
    int64_t n = 0;
    part->column = SLICE_LIT("");
    if (ddl_at_sign(p, '(')) {
        part->expression = true;
        if (!ddl_skip_expression(p))
            return false;
    } else if (!ddl_column_name(p, &part->column)) {
        return false;
    } else if (ddl_accept_sign(p, '(')) {
        if (!ddl_number(p, &n) || n >= UINT32_MAX || !ddl_accept_sign(p, ')'))
            return false;
        part->prefix = (uint32_t)n;
    }
    part->without_overlaps = ddl_accept_two(p, "without", "overlaps");
    (void)(ddl_accept(p, "asc") || ddl_accept(p, "desc"));
    return true;
}

bool ddl_key_parts(struct ddl_parser *p, struct ddl_key *k)
{
    uint32_t cap = 0;
    if (!ddl_accept_sign(p, '('))
        return false;
    do {
        struct ddl_key_part part = {0};
        if (!key_part(p, &part) ||
            !ddl_grow(p, &k->parts, &cap, k->part_count, sizeof(part), DDL_KEY_PARTS_MAX))
            return false;
        k->parts[k->part_count++] = part;
    } while (ddl_accept_sign(p, ','));
    return ddl_accept_sign(p, ')');
}

/* USING BTREE, TYPE BTREE */
static bool key_type(struct ddl_parser *p, struct ddl_key *k)
{
    if (!ddl_at(p, "using") && !ddl_at(p, "type"))
        return true;
    ddl_next(p);
    if (p->t.kind != SQL_WORD)
        return false;
    k->using_hash = ddl_at(p, "hash");
    k->using_btree = ddl_at(p, "btree");
    ddl_next(p);
    return true;
}

static bool key_option(struct ddl_parser *p, struct ddl_key *k, bool *took)
{
    static const char *const with_value[] = {"key_block_size",
                                             "comment",
                                             "engine_attribute",
                                             "secondary_engine_attribute",
                                             "distance",
                                             "m",
                                             NULL};
    static const char *const alone[] = {"visible", "invisible", "ignored", "enforced", NULL};
    *took = true;
    if (ddl_at(p, "using") || ddl_at(p, "type"))
        return key_type(p, k);
    if (ddl_accept_two(p, "with", "parser") || ddl_accept_any(p, with_value)) {
        (void)ddl_accept_sign(p, '=');
        return ddl_skip_value(p);
    }
    if (ddl_accept_any(p, alone) || ddl_accept_two(p, "not", "ignored") ||
        ddl_accept_two(p, "not", "enforced"))
        return true;
    *took = (p->t.kind == SQL_WORD || p->t.kind == SQL_NAME) && sql_is_sign(ddl_peek(p), '=');
    if (*took) {
        ddl_next(p);
        ddl_next(p);
        return ddl_skip_value(p);
    }
    return true;
}

bool ddl_key_options(struct ddl_parser *p, struct ddl_key *k)
{
    bool took = true;
    while (took)
        if (!key_option(p, k, &took))
            return false;
    return true;
}

/* Behind REFERENCES: table, columns, MATCH, ON DELETE, ON UPDATE. */
bool ddl_references(struct ddl_parser *p)
{
    struct slice database, name;
    if (!ddl_table_name(p, &database, &name) || (ddl_at_sign(p, '(') && !ddl_skip_parens(p)))
        return false;
    if (ddl_accept(p, "match"))
        ddl_next(p);
    while (ddl_accept_two(p, "on", "delete") || ddl_accept_two(p, "on", "update")) {
        bool two = ddl_at(p, "set") || ddl_at(p, "no"); /* SET NULL, SET DEFAULT, NO ACTION */
        if (p->t.kind != SQL_WORD)
            return false;
        ddl_next(p);
        if (two)
            ddl_next(p);
    }
    return true;
}

bool ddl_at_key(const struct ddl_parser *p)
{
    static const char *const words[] = {"constraint", "primary", "unique",  "index", "key",
                                        "fulltext",   "spatial", "foreign", "check", NULL};
    /* The others are reserved; these are names unless what follows says otherwise. */
    return ddl_at_any(p, words) ||
           (ddl_at(p, "period") && (sql_is(ddl_peek(p), "for") || sql_is(ddl_peek(p), "if"))) ||
           (ddl_at(p, "vector") && (sql_is(ddl_peek(p), "index") || sql_is(ddl_peek(p), "key")));
}

/* The name of an index, unless its type or columns come at once. */
static bool index_name(struct ddl_parser *p, struct ddl_key *k)
{
    bool type = (ddl_at(p, "using") || ddl_at(p, "type")) && ddl_peek(p).kind == SQL_WORD &&
                !sql_is_sign(ddl_peek(p), '(');
    return ddl_at_sign(p, '(') || type || ddl_name(p, &k->name);
}

static bool check_constraint(struct ddl_parser *p)
{
    if (!ddl_at_sign(p, '(') || !ddl_skip_expression(p))
        return false;
    (void)(ddl_accept_two(p, "not", "enforced") || ddl_accept(p, "enforced"));
    return true;
}

/* Behind PERIOD: FOR name (start, end) */
static bool period(struct ddl_parser *p, bool *maybe)
{
    *maybe |= ddl_accept_if_not_exists(p);
    if (!ddl_accept(p, "for"))
        return false;
    struct ddl_key *k = ddl_key_new(p, DDL_KEY_PLAIN);
    struct ddl_action *a = k != NULL ? ddl_add_action(p, DDL_ADD_PERIOD) : NULL;
    if (a == NULL)
        return false;
    a->key = k;
    a->maybe = *maybe;
    return ddl_name(p, &a->name) && ddl_key_parts(p, k) && k->part_count == 2;
}

static bool take_kind(struct ddl_parser *p, enum ddl_key_kind *kind)
{
    bool index_word = true;
    if (ddl_accept(p, "unique"))
        *kind = DDL_KEY_UNIQUE;
    else if (ddl_accept(p, "fulltext"))
        *kind = DDL_KEY_FULLTEXT;
    else if (ddl_accept(p, "spatial"))
        *kind = DDL_KEY_SPATIAL;
    else if (ddl_accept(p, "vector"))
        *kind = DDL_KEY_VECTOR;
    else if (ddl_at(p, "index") || ddl_at(p, "key"))
        *kind = DDL_KEY_PLAIN;
    else if (ddl_accept_two(p, "primary", "key"))
        *kind = DDL_KEY_PRIMARY, index_word = false;
    else if (ddl_accept_two(p, "foreign", "key"))
        *kind = DDL_KEY_FOREIGN, index_word = false;
    else
        return false;
    if (index_word)
        (void)(ddl_accept(p, "index") || ddl_accept(p, "key"));
    return true;
}

static bool named_key(struct ddl_parser *p, struct slice constraint, bool *maybe)
{
    enum ddl_key_kind kind;
    if (!take_kind(p, &kind))
        return false;
    *maybe |= ddl_accept_if_not_exists(p);
    struct ddl_key *k = ddl_key_new(p, kind);
    struct ddl_action *a = k != NULL ? ddl_add_action(p, DDL_ADD_KEY) : NULL;
    if (a == NULL)
        return false;
    a->key = k;
    k->constraint = constraint;
    if (!index_name(p, k) || !key_type(p, k) || !ddl_key_parts(p, k))
        return false;
    if (kind == DDL_KEY_FOREIGN)
        return ddl_accept(p, "references") && ddl_references(p);
    a->maybe = *maybe;
    return ddl_key_options(p, k);
}

bool ddl_key_element(struct ddl_parser *p, bool *maybe)
{
    struct slice constraint = SLICE_LIT("");
    if (ddl_accept(p, "period"))
        return period(p, maybe);
    if (ddl_accept(p, "constraint")) {
        static const char *const kinds[] = {"primary", "unique", "foreign", "check", NULL};
        *maybe |= ddl_accept_if_not_exists(p);
        if (!ddl_at_any(p, kinds) && !ddl_name(p, &constraint))
            return false;
    }
    if (ddl_accept(p, "check"))
        return check_constraint(p);
    return named_key(p, constraint, maybe);
}
