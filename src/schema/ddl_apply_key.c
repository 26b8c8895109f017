/*
 * The keys of a definition: which there are, how they are called, and in which
 * order the server keeps them (the first unique one without NULLs identifies
 * the rows of a table without a primary key).
 *
 * Sources: sql/sql_table.cc of MySQL and MariaDB (mysql_prepare_create_table(),
 * prepare_key(), sort_keys(), make_unique_key_name(),
 * mysql_prepare_alter_table()).
 */
#include "schema/ddl_apply_int.h"

#include <stdio.h>
#include <stdlib.h>

#define KEYS_MAX            512 /* of a table and those that a statement brings */
#define KEY_NAME_NUMBER_MAX 100
#define INNODB_KEY_BYTES    3072
#define MYISAM_KEY_BYTES    1000
#define ARIA_KEY_BYTES      2300
#define POINT_PREFIX        25
#define GEOMETRY_PREFIX     8
#define SPATIAL_PREFIX      32 /* what the server shows of a part of a SPATIAL key */

static bool is_primary_name(struct slice name)
{
    return slice_eq_nocase(name, SLICE_LIT("PRIMARY"));
}

struct draft_key *draft_key_find(const struct draft *d, struct slice name)
{
    for (uint32_t i = 0; i < d->key_count; i++)
        if (!d->keys[i]->dropped && sql_name_eq(d->keys[i]->name, name))
            return d->keys[i];
    return NULL;
}

static enum err add_key(struct draft *d, uint32_t part_room, struct draft_key **out)
{
    struct draft_key *k = arena_alloc(d->arena, sizeof(*k));
    if (d->key_count >= KEYS_MAX)
        return draft_fail(d, ERR_UNSUPPORTED, "more than %d keys", KEYS_MAX);
    TRY(draft_grow(d, &d->keys, &d->key_cap, d->key_count));
    if (k == NULL)
        return ERR_NO_MEMORY;
    k->name = SLICE_LIT("");
    k->parts = arena_array(d->arena, part_room + 1, sizeof(*k->parts));
    if (k->parts == NULL)
        return ERR_NO_MEMORY;
    k->order = d->key_count;
    d->keys[d->key_count++] = k;
    *out = k;
    return ERR_OK;
}

static uint32_t key_bytes_max(struct slice engine)
{
    if (slice_eq_nocase(engine, SLICE_LIT("MyISAM")))
        return MYISAM_KEY_BYTES;
    return slice_eq_nocase(engine, SLICE_LIT("Aria")) ? ARIA_KEY_BYTES : INNODB_KEY_BYTES;
}

/* MariaDB keeps a unique key that is too long for a tree, or over a whole BLOB, as a hash. */
static bool too_long(struct slice engine, const struct draft_key *k)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < k->part_count; i++) {
        const struct draft_part *p = &k->parts[i];
        uint32_t max_len =
            p->column->def.collation.len > 0 ? collation_max_len(p->column->def.collation) : 1;
        bytes += p->prefix > 0 ? (uint64_t)p->prefix * max_len : p->column->bytes;
    }
    return bytes > key_bytes_max(engine);
}

/* ---- keys that are there ---- */

/* What became of column number i of the definition; NULL: dropped. */
static struct draft_column *successor(struct draft_column *const *old, uint32_t i)
{
    struct draft_column *c = old[i];
    return c->dropped ? NULL : c->instead != NULL ? c->instead : c;
}

/* Whether a key was kept as a hash for its length, with the columns as they were. */
static bool was_long(const struct table_def *def, struct draft_column *const *old,
                     const struct key_def *k)
{
    struct draft_part parts[DDL_KEY_PARTS_MAX];
    struct draft_key was = {.parts = parts};
    for (uint32_t i = 0; i < k->part_count && i < DDL_KEY_PARTS_MAX; i++)
        if (k->parts[i] < def->column_count)
            parts[was.part_count++] =
                (struct draft_part){.column = old[k->parts[i]],
                                    .prefix = k->prefixes != NULL ? k->prefixes[i] : k->has_prefix};
    return k->hash && too_long(def->engine, &was);
}

/*
 * The prefix of a part whose column has become another: in MySQL a key over a
 * whole ENUM or SET takes as many bytes of a text as a label's number had.
 */
static uint32_t kept_prefix(const struct draft *d, const struct draft_column *was,
                            const struct draft_column *is, uint32_t prefix)
{
    uint32_t max_len = was->def.collation.len > 0 ? collation_max_len(was->def.collation) : 1;
    if (d->rules->collations.mariadb || prefix > 0 || was == is || was->label_bytes == 0 ||
        !is->text || is->bytes <= was->label_bytes)
        return prefix;
    return was->label_bytes / max_len;
}

/* Keys that had a NULL stand last, so whatever follows one had it, too (see settle_in_order()). */
static void find_nulls(struct draft *d, struct draft_column *const *old,
                       const struct table_def *def)
{
    bool found = false;
    for (uint32_t i = 0; i < def->key_count; i++) {
        const struct key_def *k = &def->keys[i];
        for (uint32_t j = 0; j < k->part_count && !k->primary && !k->hash; j++)
            found |= k->parts[j] < def->column_count && old[k->parts[j]]->def.nullable;
        d->keys[i]->was_null = found;
    }
}

static enum err keep_key(struct draft *d, const struct table_def *def,
                         struct draft_column *const *old, const struct key_def *k, bool unique)
{
    struct draft_key *n;
    TRY(add_key(d, k->part_count, &n));
    n->last = was_long(def, old, k);
    n->name = n->was = k->name;
    n->primary = k->primary;
    n->unique = unique;
    n->old = true;
    n->hash = k->hash;
    n->generated = k->generated;
    n->prefix_unknown = k->prefixes == NULL && k->has_prefix;
    n->inexact = k->has_prefix;
    for (uint32_t i = 0; k->prefixes != NULL && i < k->part_count; i++)
        n->inexact &= k->prefixes[i] == 0; /* then the prefixes are what it is about */
    for (uint32_t i = 0; i < k->part_count; i++) {
        struct draft_column *c =
            k->parts[i] < def->column_count ? successor(old, k->parts[i]) : NULL;
        if (c == NULL)
            continue;
        uint32_t prefix = k->prefixes != NULL ? k->prefixes[i] : 0;
        n->parts[n->part_count++] =
            (struct draft_part){.column = c,
                                .prefix = kept_prefix(d, old[k->parts[i]], c, prefix),
                                .settled = c == old[k->parts[i]]};
    }
    /* A key goes with the last of its columns; of one over expressions none is known. */
    n->dropped = n->part_count == 0 && k->part_count > 0;
    return ERR_OK;
}

enum err draft_keys_keep(struct draft *d, const struct table_def *def,
                         struct draft_column *const *old)
{
    for (uint32_t i = 0; i < def->key_count; i++)
        TRY(keep_key(d, def, old, &def->keys[i], true));
    for (uint32_t i = 0; i < def->index_count; i++)
        TRY(keep_key(d, def, old, &def->indexes[i], false));
    find_nulls(d, old, def);
    return ERR_OK;
}

/* ---- keys that come ---- */

static enum err add_part(struct draft *d, struct draft_key *k, struct slice column, uint32_t prefix)
{
    struct draft_column *c = draft_column_find(d, column);
    if (c == NULL)
        return draft_fail(d, ERR_TABLE_MISMATCH,
                          "a key is to be over column %.*s, which is not there", SLICE_ARG(column));
    k->parts[k->part_count++] = (struct draft_part){.column = c, .prefix = prefix};
    return ERR_OK;
}

/* The columns of a period count as its end, then its start, behind all others. */
static enum err add_parts(struct draft *d, struct draft_key *k, const struct ddl_key *words)
{
    bool overlaps = false;
    for (uint32_t i = 0; i < words->part_count; i++) {
        const struct ddl_key_part *part = &words->parts[i];
        if (part->without_overlaps)
            overlaps = true;
        else if (part->expression)
            k->inexact = true;
        else
            TRY(add_part(d, k, part->column, part->prefix));
    }
    if (!overlaps)
        return ERR_OK;
    if (d->period.len == 0)
        return draft_fail(d, ERR_UNSUPPORTED, "the columns of a period are not known");
    TRY(add_part(d, k, d->period_end, 0));
    return add_part(d, k, d->period_start, 0);
}

/* Whether a key that comes before k has that name. */
static bool is_taken(const struct draft *d, const struct draft_key *k, struct slice name)
{
    for (uint32_t i = 0; i < d->key_count && d->keys[i] != k; i++)
        if (!d->keys[i]->dropped && sql_name_eq(d->keys[i]->name, name))
            return true;
    return is_primary_name(name);
}

/* The name of an unnamed key: that of its first column, with a number if it is taken. */
static enum err invent_name(struct draft *d, struct draft_key *k)
{
    char buf[256];
    struct slice base = k->expression_first || k->part_count == 0 ? SLICE_LIT("functional_index")
                                                                  : k->parts[0].column->def.name;
    struct slice name = base;
    for (unsigned n = 2; n < KEY_NAME_NUMBER_MAX && is_taken(d, k, name); n++) {
        int len = snprintf(buf, sizeof(buf), "%.*s_%u", base.len > 240 ? 240 : (int)base.len,
                           (const char *)base.ptr, n);
        name = slice_of(buf, (size_t)len);
    }
    k->name = arena_copy(d->arena, name);
    return d->arena->failed ? ERR_NO_MEMORY : ERR_OK;
}

static struct slice chosen_name(const struct draft *d, const struct ddl_key *words)
{
    bool constraint_first = words->kind == DDL_KEY_FOREIGN && !d->rules->collations.mariadb;
    if (constraint_first && words->constraint.len > 0)
        return words->constraint;
    return words->name.len > 0 ? words->name : words->constraint;
}

/* The name by which IF NOT EXISTS knows a key that the statement has brought already. */
static struct slice name_so_far(const struct draft_key *k)
{
    return k->name.len > 0 || k->part_count == 0 ? k->name : k->parts[0].column->def.name;
}

/*
 * Whether IF NOT EXISTS finds what it looks for, by the name or that of the
 * first column: a key of before the statement, under its name of then, also one
 * that the statement drops; or one of the same kind that the statement brought.
 */
static bool is_there(const struct draft *d, const struct ddl_key *words)
{
    struct slice name = chosen_name(d, words);
    if (words->kind == DDL_KEY_PRIMARY)
        name = SLICE_LIT("PRIMARY");
    else if (name.len == 0 && words->part_count > 0)
        name = words->parts[0].column;
    for (uint32_t i = 0; i < d->key_count; i++) {
        const struct draft_key *k = d->keys[i];
        if (k->old ? sql_name_eq(k->was, name)
                   : k->kind == words->kind && sql_name_eq(name_so_far(k), name))
            return true;
    }
    return false;
}

static enum err take_key(struct draft *d, const struct ddl_key *words, bool maybe)
{
    struct draft_key *k;
    if (maybe && is_there(d, words))
        return ERR_OK;
    struct draft_key *replaced = draft_key_find(d, words->name);
    if (d->st->kind == DDL_CREATE_INDEX && d->st->or_replace && replaced != NULL)
        replaced->dropped = true;
    TRY(add_key(d, words->part_count + 2, &k));
    k->kind = words->kind;
    k->primary = words->kind == DDL_KEY_PRIMARY;
    k->unique = k->primary || words->kind == DDL_KEY_UNIQUE;
    k->fulltext = words->kind == DDL_KEY_FULLTEXT || words->kind == DDL_KEY_SPATIAL ||
                  words->kind == DDL_KEY_VECTOR;
    k->generated = words->kind == DDL_KEY_FOREIGN;
    k->using_hash = words->using_hash;
    k->using_btree = words->using_btree;
    TRY(add_parts(d, k, words));
    for (uint32_t i = 0; words->kind == DDL_KEY_SPATIAL && i < k->part_count; i++)
        k->parts[i].prefix = SPATIAL_PREFIX;
    k->name = k->primary ? SLICE_LIT("PRIMARY") : chosen_name(d, words); /* len 0: found later */
    k->expression_first = words->part_count > 0 && words->parts[0].expression;
    return ERR_OK;
}

/*
 * UNIQUE and PRIMARY KEY at a column; MariaDB takes the greater of both. Where
 * ADD COLUMN IF NOT EXISTS finds the column, they are made all the same; that,
 * or the IF EXISTS of a MODIFY, holds for them, too: keys that are there stay.
 */
static enum err column_keys(struct draft *d, const struct ddl_column *c, bool maybe)
{
    struct ddl_key_part part = {.column = c->name};
    struct ddl_key key = {
        .name = SLICE_LIT(""), .constraint = SLICE_LIT(""), .part_count = 1, .parts = &part};
    key.kind = DDL_KEY_PRIMARY;
    if (c->primary)
        TRY(take_key(d, &key, maybe));
    key.kind = DDL_KEY_UNIQUE;
    bool both = !c->primary || !d->rules->collations.mariadb;
    return c->unique && both ? take_key(d, &key, maybe) : ERR_OK;
}

/* A key of before, even when all its columns are dropped. */
static struct draft_key *old_key(const struct draft *d, struct slice name)
{
    for (uint32_t i = 0; i < d->key_count; i++)
        if (d->keys[i]->old && sql_name_eq(d->keys[i]->was, name))
            return d->keys[i];
    return NULL;
}

static enum err drop_key(struct draft *d, const struct ddl_action *a)
{
    bool primary = a->kind == DDL_DROP_PRIMARY_KEY;
    struct slice name = primary ? SLICE_LIT("PRIMARY") : a->name;
    struct draft_key *k = old_key(d, name);
    if (k != NULL && (a->kind != DDL_DROP_CONSTRAINT || k->unique))
        k->dropped = true;
    else if (!a->maybe && a->kind != DDL_DROP_CONSTRAINT && (primary || !d->indexes_unknown))
        return draft_fail(d, ERR_TABLE_MISMATCH, "key %.*s is to be dropped, which is not there",
                          SLICE_ARG(name));
    return ERR_OK;
}

static enum err rename_key(struct draft *d, const struct ddl_action *a)
{
    struct draft_key *k = old_key(d, a->name);
    if (k != NULL)
        k->name = a->new_name;
    else if (!a->maybe && !d->indexes_unknown)
        return draft_fail(d, ERR_TABLE_MISMATCH, "key %.*s is to be renamed, which is not there",
                          SLICE_ARG(a->name));
    return ERR_OK;
}

static bool drops_key(enum ddl_action_kind kind)
{
    return kind == DDL_DROP_KEY || kind == DDL_DROP_PRIMARY_KEY || kind == DDL_DROP_CONSTRAINT;
}

/* Whether an action's column is in the table; ADD COLUMN IF NOT EXISTS brings its key anyhow. */
static bool has_column(const struct draft *d, const struct ddl_action *a)
{
    return (a->kind == DDL_ADD_COLUMN || a->kind == DDL_MODIFY_COLUMN) &&
           draft_column_find(d, a->column->name) != NULL;
}

enum err draft_keys_change(struct draft *d)
{
    const struct ddl_statement *st = d->st;
    for (uint32_t i = 0; i < st->action_count; i++) {
        if (drops_key(st->actions[i].kind))
            TRY(drop_key(d, &st->actions[i]));
        else if (st->actions[i].kind == DDL_RENAME_KEY)
            TRY(rename_key(d, &st->actions[i]));
    }
    for (uint32_t i = 0; i < st->action_count; i++) {
        const struct ddl_action *a = &st->actions[i];
        if (a->kind == DDL_ADD_KEY)
            TRY(take_key(d, a->key, a->maybe || a->key->if_not_exists));
        else if (has_column(d, a))
            TRY(column_keys(d, a->column, a->maybe));
    }
    return ERR_OK;
}

/* ---- the end ---- */

/* Whether the columns of a are the first ones of b. */
static bool serves(const struct draft_key *b, const struct draft_key *a)
{
    if (b == a || b->dropped || b->fulltext || b->part_count < a->part_count)
        return false;
    for (uint32_t i = 0; i < a->part_count; i++)
        if (b->parts[i].column != a->parts[i].column || b->parts[i].prefix != 0)
            return false;
    return !b->generated || b->part_count > a->part_count || b->order < a->order;
}

/* The index of a foreign key is made, and kept, only where no other key serves it. */
static void drop_served(struct draft *d)
{
    for (uint32_t i = 0; i < d->key_count; i++) {
        struct draft_key *k = d->keys[i];
        for (uint32_t j = 0; j < d->key_count && k->generated && !k->dropped; j++)
            k->dropped = serves(d->keys[j], k);
    }
}

/*
 * MariaDB gives a part that is too long for an index a prefix of its own: as
 * much of it as the engine takes, and fixed numbers of bytes of geometries.
 */
static uint32_t own_prefix(const struct draft *d, const struct draft_key *k,
                           const struct draft_column *c)
{
    uint32_t most = key_bytes_max(d->engine);
    uint32_t max_len = c->def.collation.len > 0 ? collation_max_len(c->def.collation) : 1;
    if (!d->rules->collations.mariadb || k->fulltext)
        return 0;
    if (c->geometry && (c->point || k->unique))
        return c->point ? POINT_PREFIX : GEOMETRY_PREFIX;
    if (k->unique || (!c->blob && c->bytes <= most))
        return 0;
    return (uint32_t)(c->width < most / max_len ? c->width : most / max_len);
}

/* The characters that an index over a column may take; no bound for unique keys. */
static uint32_t longest_prefix(const struct draft *d, const struct draft_key *k,
                               const struct draft_column *c)
{
    uint32_t max_len = c->def.collation.len > 0 ? collation_max_len(c->def.collation) : 1;
    return k->unique || k->fulltext ? UINT32_MAX : key_bytes_max(d->engine) / max_len;
}

static void settle_prefixes(const struct draft *d, struct draft_key *k)
{
    for (uint32_t i = 0; i < k->part_count; i++) {
        struct draft_part *p = &k->parts[i];
        /* A TINYTEXT that was a longer one: all of it, as in mysql_prepare_alter_table(). */
        bool outgrown = p->column->blob && !p->settled && p->column->width < p->prefix;
        if (!p->column->text || outgrown || (!p->column->blob && p->prefix >= p->column->chars))
            p->prefix = 0;
        uint32_t most = longest_prefix(d, k, p->column);
        if (p->prefix > most)
            p->prefix = most;
        if (p->prefix > 0 || (p->settled && (!d->engine_changed || p->column->geometry)))
            continue;
        p->prefix = own_prefix(d, k, p->column);
        k->shortened |= p->prefix == GEOMETRY_PREFIX && p->column->geometry;
    }
}

static void settle_hash(const struct draft *d, struct draft_key *k)
{
    if (!slice_eq_nocase(d->engine, SLICE_LIT("MEMORY")))
        k->hash = d->rules->collations.mariadb && k->unique && !k->primary &&
                  (k->using_hash || k->shortened || too_long(d->engine, k));
    else if (!k->old || d->engine_changed)
        k->hash = !k->using_btree;
    if (!k->old)
        k->last = k->hash && d->rules->collations.mariadb &&
                  !slice_eq_nocase(d->engine, SLICE_LIT("MEMORY"));
}

/* System versioning makes the end of a row's time a part of what is unique (MariaDB). */
static enum err add_row_end(struct draft *d, struct draft_key *k)
{
    struct draft_column *end = NULL;
    for (uint32_t i = 0; i < d->column_count; i++)
        if (d->columns[i]->row_end)
            end = d->columns[i];
    if (end == NULL || !d->system_versioned || !k->unique)
        return ERR_OK;
    for (uint32_t i = 0; i < k->part_count; i++)
        if (k->parts[i].column == end)
            return ERR_OK;
    struct draft_part *parts = arena_array(d->arena, k->part_count + 1, sizeof(*parts));
    if (parts == NULL)
        return ERR_NO_MEMORY;
    memcpy(parts, k->parts, k->part_count * sizeof(*parts));
    parts[k->part_count++].column = end;
    k->parts = parts;
    return ERR_OK;
}

static bool has_null(const struct draft_key *k)
{
    for (uint32_t i = 0; i < k->part_count; i++)
        if (k->parts[i].column->def.nullable)
            return true;
    return false;
}

static bool has_prefix(const struct draft_key *k)
{
    for (uint32_t i = 0; i < k->part_count; i++)
        if (k->parts[i].prefix > 0)
            return true;
    return k->inexact;
}

static int key_cmp(const void *x, const void *y)
{
    const struct draft_key *a = *(struct draft_key *const *)x, *b = *(struct draft_key *const *)y;
    bool a_unique = a->unique && a->part_count > 0, b_unique = b->unique && b->part_count > 0;
    if (a_unique != b_unique)
        return a_unique ? -1 : 1;
    if (a_unique) {
        if (a->primary != b->primary)
            return a->primary ? -1 : 1;
        if (a->last != b->last)
            return b->last ? -1 : 1;
        if (!a->last && a->has_null != b->has_null)
            return b->has_null ? -1 : 1;
        if (!a->last && has_prefix(a) != has_prefix(b))
            return has_prefix(b) ? -1 : 1;
    }
    return a->order < b->order ? -1 : a->order > b->order;
}

static void compact(struct draft *d)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < d->key_count; i++)
        if (!d->keys[i]->dropped)
            d->keys[n++] = d->keys[i];
    d->key_count = n;
}

/*
 * Names, and whether columns may be NULL, are worked out in the order in which
 * the keys were met: the primary key changes its columns for later ones only.
 */
static enum err settle_in_order(struct draft *d)
{
    /* MariaDB forgets that a column was NULL only where the statement brings new keys. */
    bool any_new = !d->rules->collations.mariadb;
    for (uint32_t i = 0; i < d->key_count; i++)
        any_new |= !d->keys[i]->old;
    for (uint32_t i = 0; i < d->key_count; i++) {
        struct draft_key *k = d->keys[i];
        for (uint32_t j = 0; k->primary && j < k->part_count; j++)
            k->parts[j].column->def.nullable = false;
        k->has_null = has_null(k) || (!any_new && k->was_null);
        if (k->name.len == 0)
            TRY(invent_name(d, k));
        TRY(add_row_end(d, k));
        settle_prefixes(d, k);
        settle_hash(d, k);
    }
    return ERR_OK;
}

enum err draft_keys_finish(struct draft *d)
{
    drop_served(d);
    compact(d);
    TRY(settle_in_order(d));
    if (d->key_count > 1)
        qsort(d->keys, d->key_count, sizeof(struct draft_key *), key_cmp);
    return ERR_OK;
}
