#include "schema/catalog_model.h"

#include "base/hash.h"
#include "schema/ddl_apply.h"

#include <stdlib.h>

#define BUCKETS_MIN 64 /* a power of two */
#define NAME_BYTES  512

struct item {
    struct item *next;
    uint64_t hash;
    struct table_def *def; /* a database: NULL */
    struct slice database; /* of def, or behind the struct */
    struct slice name;     /* a database: its collation */
};

struct map {
    struct item **buckets;
    size_t bucket_count;
    size_t count;
};

struct catalog {
    struct catalog_options o;
    struct map tables;
    struct map databases;
    struct catalog_effect *effects;
    size_t effect_count;
    size_t effect_cap;
    struct arena *names;     /* of the effects */
    struct table_def **gone; /* definitions that effects may still show */
    size_t gone_count;
    size_t gone_cap;
};

/* ---- maps ---- */

static uint64_t hash_name(const struct catalog *c, uint64_t h, struct slice name)
{
    uint8_t lower[NAME_BYTES];
    if (c->o.lower_case_table_names == 0 || name.len * 2 + 4 > sizeof(lower))
        return hash_item(h, name);
    return hash_item(h, slice_of(lower, sql_name_lower(name, lower)));
}

static bool same_name(const struct catalog *c, struct slice a, struct slice b)
{
    return c->o.lower_case_table_names == 0 ? slice_eq(a, b) : sql_name_eq(a, b);
}

static enum err map_grow(struct map *m)
{
    size_t count = m->bucket_count == 0 ? BUCKETS_MIN : m->bucket_count * 2;
    struct item **buckets = calloc(count, sizeof(struct item *));
    if (buckets == NULL)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < m->bucket_count; i++) {
        while (m->buckets[i] != NULL) {
            struct item *item = m->buckets[i];
            m->buckets[i] = item->next;
            item->next = buckets[item->hash & (count - 1)];
            buckets[item->hash & (count - 1)] = item;
        }
    }
    free(m->buckets);
    m->buckets = buckets;
    m->bucket_count = count;
    return ERR_OK;
}

static enum err map_add(struct map *m, struct item *item)
{
    if (m->count >= m->bucket_count)
        TRY(map_grow(m));
    struct item **bucket = &m->buckets[item->hash & (m->bucket_count - 1)];
    item->next = *bucket;
    *bucket = item;
    m->count++;
    return ERR_OK;
}

static void map_free(struct map *m)
{
    for (size_t i = 0; i < m->bucket_count; i++) {
        while (m->buckets[i] != NULL) {
            struct item *item = m->buckets[i];
            m->buckets[i] = item->next;
            free(item->def);
            free(item);
        }
    }
    free(m->buckets);
}

/* Where a table or, with name NULL, a database hangs; NULL: nowhere. */
static struct item **find(const struct catalog *c, const struct map *m, struct slice database,
                          const struct slice *name)
{
    uint64_t h = hash_name(c, HASH_START, database);
    if (name != NULL)
        h = hash_name(c, h, *name);
    if (m->bucket_count == 0)
        return NULL;
    for (struct item **i = &m->buckets[h & (m->bucket_count - 1)]; *i != NULL; i = &(*i)->next)
        if ((*i)->hash == h && same_name(c, (*i)->database, database) &&
            (name == NULL || same_name(c, (*i)->name, *name)))
            return i;
    return NULL;
}

/* Takes an item out; the caller owns its definition. */
static struct table_def *take_out(struct map *m, struct item **at)
{
    struct item *item = *at;
    struct table_def *def = item->def;
    *at = item->next;
    free(item);
    m->count--;
    return def;
}

/* ---- tables and databases ---- */

enum err catalog_new(const struct catalog_options *o, struct catalog **out)
{
    struct catalog *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return ERR_NO_MEMORY;
    c->o = *o;
    *out = c;
    return ERR_OK;
}

static void forget_effects(struct catalog *c)
{
    for (size_t i = 0; i < c->gone_count; i++)
        free(c->gone[i]);
    c->gone_count = 0;
    c->effect_count = 0;
    arena_free(c->names);
    c->names = NULL;
}

void catalog_free(struct catalog *c)
{
    if (c == NULL)
        return;
    forget_effects(c);
    map_free(&c->tables);
    map_free(&c->databases);
    free(c->gone);
    free(c->effects);
    free(c);
}

enum err catalog_put_database(struct catalog *c, struct slice name, struct slice collation)
{
    struct item **old = find(c, &c->databases, name, NULL);
    struct item *item = calloc(1, sizeof(*item) + name.len + collation.len);
    if (item == NULL)
        return ERR_NO_MEMORY;
    uint8_t *text = (uint8_t *)(item + 1);
    memcpy(text, name.ptr, name.len);
    memcpy(text + name.len, collation.ptr, collation.len);
    item->database = slice_of(text, name.len);
    item->name = slice_of(text + name.len, collation.len);
    item->hash = hash_name(c, HASH_START, name);
    if (old != NULL)
        (void)take_out(&c->databases, old);
    enum err e = map_add(&c->databases, item);
    if (e != ERR_OK)
        free(item);
    return e;
}

struct slice catalog_database_collation(const struct catalog *c, struct slice name)
{
    struct item **at = find(c, &c->databases, name, NULL);
    return at != NULL ? (*at)->name : SLICE_LIT("");
}

/* A definition that is not here any more, and that effects may still show. */
static enum err keep_gone(struct catalog *c, struct table_def *def)
{
    if (c->gone_count == c->gone_cap) {
        size_t cap = c->gone_cap == 0 ? 8 : c->gone_cap * 2;
        struct table_def **gone = realloc(c->gone, cap * sizeof(struct table_def *));
        if (gone == NULL)
            return ERR_NO_MEMORY;
        c->gone = gone;
        c->gone_cap = cap;
    }
    c->gone[c->gone_count++] = def;
    return ERR_OK;
}

static enum err add(struct catalog *c, struct table_def *def)
{
    struct item *item = calloc(1, sizeof(*item));
    if (item == NULL)
        return ERR_NO_MEMORY;
    item->def = def;
    item->database = def->database;
    item->name = def->name;
    item->hash = hash_name(c, hash_name(c, HASH_START, def->database), def->name);
    enum err e = map_add(&c->tables, item);
    if (e != ERR_OK)
        free(item);
    return e;
}

/*
 * Puts def, one block, in the place of what has its name; takes it over in any
 * case. *old: what stood there, the caller's now; NULL: nothing did.
 */
static enum err put(struct catalog *c, struct table_def *def, struct table_def **old)
{
    struct item **at = find(c, &c->tables, def->database, &def->name);
    *old = NULL;
    if (at != NULL) {
        *old = (*at)->def;
        (*at)->def = def;
        (*at)->database = def->database;
        (*at)->name = def->name;
        return ERR_OK;
    }
    enum err e = add(c, def);
    if (e != ERR_OK)
        free(def);
    return e;
}

/* The same while a statement is carried out. */
static enum err put_kept(struct catalog *c, struct table_def *def)
{
    struct table_def *old;
    TRY(put(c, def, &old));
    enum err e = old != NULL ? keep_gone(c, old) : ERR_OK;
    if (e != ERR_OK)
        free(old);
    return e;
}

enum err catalog_put(struct catalog *c, const struct table_def *def)
{
    struct table_def *copy, *old;
    TRY(table_def_copy(def, &copy));
    TRY(put(c, copy, &old));
    free(old);
    return ERR_OK;
}

void catalog_remove(struct catalog *c, struct slice database, struct slice name)
{
    struct item **at = find(c, &c->tables, database, &name);
    if (at != NULL)
        free(take_out(&c->tables, at));
}

const struct table_def *catalog_find(const struct catalog *c, struct slice database,
                                     struct slice name)
{
    struct item **at = find(c, &c->tables, database, &name);
    return at != NULL ? (*at)->def : NULL;
}

size_t catalog_count(const struct catalog *c)
{
    return c->tables.count;
}

enum err catalog_each(const struct catalog *c, catalog_fn fn, void *arg)
{
    for (size_t i = 0; i < c->tables.bucket_count; i++)
        for (struct item *item = c->tables.buckets[i]; item != NULL; item = item->next)
            TRY(fn(arg, item->def));
    return ERR_OK;
}

/* ---- one statement ---- */

/* What carrying out one statement needs. */
struct run {
    struct catalog *c;
    const struct ddl_statement *st;
    const struct catalog_session *s;
    struct errmsg *why;
};

static enum err effect(struct catalog *c, enum catalog_effect_kind kind, struct slice database,
                       struct slice name, const struct table_def *def)
{
    if (c->effect_count == c->effect_cap) {
        size_t cap = c->effect_cap == 0 ? 8 : c->effect_cap * 2;
        struct catalog_effect *items = realloc(c->effects, cap * sizeof(*items));
        if (items == NULL)
            return ERR_NO_MEMORY;
        c->effects = items;
        c->effect_cap = cap;
    }
    c->effects[c->effect_count++] = (struct catalog_effect){
        .kind = kind,
        .database = arena_copy(c->names, database),
        .name = arena_copy(c->names, name),
        .old_database = SLICE_LIT(""),
        .old_name = SLICE_LIT(""),
        .def = def,
    };
    return c->names->failed ? ERR_NO_MEMORY : ERR_OK;
}

/* Takes a table out; what it was stays until the next statement. */
static enum err discard(struct catalog *c, struct slice database, struct slice name,
                        const struct table_def **out)
{
    struct item **at = find(c, &c->tables, database, &name);
    *out = NULL;
    if (at == NULL)
        return ERR_OK;
    TRY(keep_gone(c, (*at)->def));
    *out = take_out(&c->tables, at);
    return ERR_OK;
}

static enum err in_doubt(const struct run *r, struct slice database, struct slice name)
{
    const struct table_def *was;
    TRY(discard(r->c, database, name, &was));
    return effect(r->c, CATALOG_IN_DOUBT, database, name, NULL);
}

static struct ddl_rules rules_of(const struct run *r, struct slice database)
{
    const struct catalog_session *s = r->s;
    struct slice collation = catalog_database_collation(r->c, database);
    struct slice session = catalog_database_collation(r->c, r->st->options.default_database);
    return (struct ddl_rules){
        .collations = {.mariadb = r->c->o.mariadb,
                       .version = r->c->o.version,
                       .utf8_is_utf8mb4 = s->utf8_is_utf8mb4,
                       .utf8mb4_collation = s->utf8mb4_collation},
        .database_collation = collation.len > 0 ? collation : s->database_collation,
        .session_collation = session.len > 0 ? session : s->database_collation,
        .engine = s->engine,
        .implicit_timestamp = s->implicit_timestamp,
        .old_temporal = s->old_temporal,
    };
}

/* Puts what a statement makes of a table; in doubt where that cannot be told. */
static enum err put_result(const struct run *r, const struct table_def *before,
                           const struct table_def *like, enum catalog_effect_kind kind)
{
    const struct ddl_object *o = &r->st->objects[0];
    struct slice name = o->table.len > 0 ? o->table : o->name;
    struct ddl_rules rules = rules_of(r, o->database);
    struct table_def *after;
    enum err e = ddl_apply(r->st, before, like, &rules, &after, r->why);
    if (e == ERR_NO_MEMORY)
        return e;
    if (e != ERR_OK)
        return in_doubt(r, o->database, name);
    TRY(put_kept(r->c, after));
    return effect(r->c, kind, o->database, name, after);
}

/* ---- the kinds of statements ---- */

static enum err create_table(const struct run *r)
{
    const struct ddl_statement *st = r->st;
    const struct ddl_object *o = &st->objects[0];
    const struct table_def *there = catalog_find(r->c, o->database, o->name);
    const struct table_def *like = NULL;
    if (st->temporary || (there != NULL && st->if_not_exists && !st->or_replace))
        return ERR_OK;
    if (st->like_name.len > 0)
        like = catalog_find(r->c, st->like_database, st->like_name);
    return put_result(r, NULL, like, CATALOG_CREATED);
}

static enum err drop_one(const struct run *r, const struct ddl_object *o)
{
    const struct table_def *was;
    TRY(discard(r->c, o->database, o->name, &was));
    return effect(r->c, CATALOG_DROPPED, o->database, o->name, NULL);
}

static enum err drop_tables(const struct run *r)
{
    for (uint32_t i = 0; i < r->st->object_count && !r->st->temporary; i++)
        TRY(drop_one(r, &r->st->objects[i]));
    return ERR_OK;
}

static enum err rename_one(const struct run *r, const struct ddl_object *o)
{
    const struct table_def *was, *target;
    struct table_def *copy = NULL;
    TRY(discard(r->c, o->database, o->name, &was));
    /* IF EXISTS: nothing was renamed where the new name is there and the old one is not. */
    if (was == NULL && r->st->if_exists && catalog_find(r->c, o->new_database, o->new_name) != NULL)
        return ERR_OK;
    TRY(discard(r->c, o->new_database, o->new_name, &target));
    if (was != NULL) {
        struct table_def def = *was;
        def.database = o->new_database;
        def.name = o->new_name;
        TRY(table_def_copy(&def, &copy));
        TRY(put_kept(r->c, copy));
    }
    TRY(effect(r->c, CATALOG_RENAMED, o->new_database, o->new_name, copy));
    struct catalog_effect *fx = &r->c->effects[r->c->effect_count - 1];
    fx->old_database = arena_copy(r->c->names, o->database);
    fx->old_name = arena_copy(r->c->names, o->name);
    return r->c->names->failed ? ERR_NO_MEMORY : ERR_OK;
}

static enum err rename_tables(const struct run *r)
{
    for (uint32_t i = 0; i < r->st->object_count; i++)
        TRY(rename_one(r, &r->st->objects[i]));
    return ERR_OK;
}

/* MariaDB: a partition becomes a table, or a table a partition. */
static enum err other_table(const struct run *r, enum ddl_action_kind kind)
{
    const struct ddl_object *o = &r->st->objects[0], *other = &r->st->objects[1];
    bool exchange = kind == DDL_ROWS_APPEAR && r->st->exchanges;
    if (exchange)
        return effect(r->c, CATALOG_FILLED, other->database, other->name,
                      catalog_find(r->c, other->database, other->name));
    if (kind == DDL_ROWS_APPEAR)
        return drop_one(r, other);
    const struct table_def *whole = catalog_find(r->c, o->database, o->name);
    if (whole == NULL)
        return in_doubt(r, other->database, other->name);
    struct table_def def = *whole, *copy;
    def.database = other->database;
    def.name = other->name;
    TRY(table_def_copy(&def, &copy));
    TRY(put_kept(r->c, copy));
    return effect(r->c, CATALOG_CREATED, other->database, other->name, copy);
}

/* What actions do to rows. */
static enum err row_effects(const struct run *r)
{
    const struct ddl_object *o = &r->st->objects[0];
    for (uint32_t i = 0; i < r->st->action_count; i++) {
        enum ddl_action_kind kind = r->st->actions[i].kind;
        if (kind != DDL_ROWS_APPEAR && kind != DDL_ROWS_VANISH)
            continue;
        TRY(effect(r->c, kind == DDL_ROWS_APPEAR ? CATALOG_FILLED : CATALOG_EMPTIED, o->database,
                   o->name, catalog_find(r->c, o->database, o->name)));
        if (r->st->object_count > 1)
            TRY(other_table(r, kind));
    }
    return ERR_OK;
}

static enum err alter_table(const struct run *r)
{
    const struct ddl_object *o = &r->st->objects[0];
    struct slice name = o->table.len > 0 ? o->table : o->name;
    const struct table_def *before = catalog_find(r->c, o->database, name);
    if (before != NULL)
        TRY(put_result(r, before, NULL, CATALOG_CHANGED));
    else
        TRY(effect(r->c, CATALOG_IN_DOUBT, o->database, name, NULL));
    if (r->st->kind != DDL_ALTER_TABLE)
        return ERR_OK;
    TRY(row_effects(r));
    return o->new_name.len > 0 ? rename_one(r, o) : ERR_OK;
}

static enum err truncate_table(const struct run *r)
{
    const struct ddl_object *o = &r->st->objects[0];
    return effect(r->c, CATALOG_EMPTIED, o->database, o->name,
                  catalog_find(r->c, o->database, o->name));
}

static enum err put_database(const struct run *r)
{
    const struct ddl_object *o = &r->st->objects[0];
    struct slice old = catalog_database_collation(r->c, o->database);
    struct slice context = r->st->kind == DDL_ALTER_DATABASE ? old : r->s->server_collation;
    struct collation_words w = {.charset = SLICE_LIT(""), .collation = SLICE_LIT("")};
    if (r->st->kind == DDL_CREATE_DATABASE && old.len > 0 && r->st->if_not_exists)
        return ERR_OK;
    for (uint32_t i = 0; i < r->st->action_count; i++) {
        const struct ddl_action *a = &r->st->actions[i];
        if (a->kind == DDL_SET_CHARSET && a->charset.len > 0)
            w.charset = a->charset;
        if (a->kind == DDL_SET_CHARSET && a->collation.len > 0)
            w.collation = a->collation;
    }
    struct slice collation;
    struct ddl_rules rules = rules_of(r, o->database);
    if (!collation_resolve(&rules.collations, &w, context.len > 0 ? context : SLICE_LIT(""),
                           r->c->names, &collation))
        collation = SLICE_LIT("");
    return catalog_put_database(r->c, o->database, collation);
}

/* Takes out all tables of a database. */
static enum err drop_database(const struct run *r)
{
    struct catalog *c = r->c;
    struct slice database = r->st->objects[0].database;
    for (size_t i = 0; i < c->tables.bucket_count; i++) {
        struct item *item = c->tables.buckets[i];
        while (item != NULL) {
            struct item *next = item->next;
            if (same_name(c, item->database, database)) {
                const struct table_def *was;
                TRY(discard(c, item->def->database, item->def->name, &was));
                TRY(effect(c, CATALOG_DROPPED, was->database, was->name, NULL));
            }
            item = next;
        }
    }
    struct item **at = find(c, &c->databases, database, NULL);
    if (at != NULL)
        (void)take_out(&c->databases, at);
    return ERR_OK;
}

/* What is not understood, or ran half way, puts the tables in doubt that it may concern. */
static enum err not_understood(const struct run *r)
{
    struct catalog *c = r->c;
    for (size_t i = 0; i < c->tables.bucket_count; i++) {
        struct item *item = c->tables.buckets[i];
        while (item != NULL) {
            struct item *next = item->next;
            if (ddl_may_concern(r->st, item->database, item->name))
                TRY(in_doubt(r, item->def->database, item->def->name));
            item = next;
        }
    }
    if (c->effect_count > 0)
        errmsg_set(r->why, ERR_UNSUPPORTED,
                   r->s->failed ? "a statement that ended in an error half way"
                                : "a statement that is not understood");
    return ERR_OK;
}

static enum err carry_out(const struct run *r)
{
    const struct ddl_statement *st = r->st;
    if (st->kind == DDL_NONE)
        return ERR_OK;
    if (!st->parsed || r->s->failed ||
        (st->object_count == 0 && ddl_may_concern(st, SLICE_LIT(""), SLICE_LIT(""))))
        return not_understood(r);
    switch ((int)st->kind) {
    case DDL_CREATE_TABLE:
    case DDL_CREATE_SEQUENCE:
        return create_table(r);
    case DDL_ALTER_TABLE:
    case DDL_CREATE_INDEX:
    case DDL_DROP_INDEX:
        return alter_table(r);
    case DDL_DROP_TABLE:
    case DDL_DROP_SEQUENCE:
        return drop_tables(r);
    case DDL_RENAME_TABLE:
        return rename_tables(r);
    case DDL_TRUNCATE_TABLE:
        return truncate_table(r);
    case DDL_CREATE_DATABASE:
        if (st->or_replace)
            TRY(drop_database(r));
        return put_database(r);
    case DDL_ALTER_DATABASE:
        return put_database(r);
    case DDL_DROP_DATABASE:
        return drop_database(r);
    default:
        return ERR_OK;
    }
}

/* An ALTER TABLE of a table that is not here has nothing that an empty slice would break. */
static struct slice known(struct slice s)
{
    return s.len > 0 ? s : SLICE_LIT("");
}

enum err catalog_apply(struct catalog *c, const struct ddl_statement *st,
                       const struct catalog_session *s, struct catalog_effects *out,
                       struct errmsg *why)
{
    struct catalog_session session = *s;
    session.server_collation = known(s->server_collation);
    session.database_collation = known(s->database_collation);
    session.utf8mb4_collation = known(s->utf8mb4_collation);
    session.engine = known(s->engine);
    if (why != NULL)
        why->text[0] = 0;
    forget_effects(c);
    c->names = arena_new(1024);
    if (c->names == NULL)
        return ERR_NO_MEMORY;
    const struct run r = {c, st, &session, why};
    TRY(carry_out(&r));
    *out = (struct catalog_effects){c->effect_count, c->effects};
    return ERR_OK;
}
