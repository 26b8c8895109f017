/*
 * What statements do to the tables.
 *
 * A statement is carried out on the catalogue (schema/catalog_model.h), which
 * tells what became of which table; here that is put down at the tables'
 * entries, noted for the checkpoint, and listed as effects.
 *
 * A definition that was read from the source may be ahead of the stream: it
 * holds up to some place behind it (entry.holds_to). Statements up to there
 * have no say in it, so such a definition is taken aside while they are
 * carried out.
 */
#include "pipeline/tables_int.h"

#include "base/log.h"
#include "mysqlproto/binlog/query.h"
#include "schema/collation.h"

#include <stdlib.h>

#define OTHERS_MAX 10000 /* definitions kept of tables that are not selected */

/* One statement on its way. */
struct passage {
    struct tables *t;
    const struct ddl_statement *st;
    struct binlog_place place;
    struct table_effect *last; /* the newest effect of statements before; NULL: there is none */
    const struct catalog_effects *fx;
};

/* ---- effects ---- */

/* A table that this statement has taken away comes back under its name: another one stands there.
 */
static bool was_dropped(const struct passage *p, const struct entry *e)
{
    struct tables *t = p->t;
    struct table_effect **at = p->last != NULL ? &p->last->next : &t->effects;
    for (; *at != NULL; at = &(*at)->next) {
        struct table_effect *x = *at;
        if (x->kind != TABLE_DROPPED || x->table.ptr != e->name.ptr)
            continue;
        *at = x->next;
        if (*at == NULL)
            t->effects_end = at;
        free(x);
        return true;
    }
    return false;
}

static enum err add_effect(const struct passage *p, enum table_effect_kind kind,
                           const struct entry *e, struct table_effect **out)
{
    struct tables *t = p->t;
    struct table_effect *x = calloc(1, sizeof(*x));
    if (x == NULL)
        return ERR_NO_MEMORY;
    if (kind == TABLE_CREATED && was_dropped(p, e))
        kind = TABLE_REPLACED;
    else if (kind == TABLE_RENAMED)
        (void)was_dropped(p, e);
    *x = (struct table_effect){.kind = kind,
                               .database = e->database,
                               .table = e->name,
                               .old_database = SLICE_LIT(""),
                               .old_table = SLICE_LIT(""),
                               .place = p->place};
    *t->effects_end = x;
    t->effects_end = &x->next;
    if (out != NULL)
        *out = x;
    return ERR_OK;
}

static void warn_unsent(const struct passage *p, const struct entry *e, const char *why)
{
    const struct task_config *task = p->t->o.task;
    if (task != NULL && (task->phases & CONF_PHASE_FULL) != 0)
        return;
    log_warn("table.unsent",
             "table=%.*s.%.*s binlog_file=%llu offset=%llu note=\"%s: rows that it holds already "
             "are not sent, since the task has no full phase\"",
             SLICE_ARG(e->database), SLICE_ARG(e->name), (unsigned long long)p->place.file,
             (unsigned long long)p->place.offset, why);
}

/* ---- names of schema change tools ---- */

static bool starts_with(struct slice s, const char *text)
{
    size_t n = strlen(text);
    return s.len >= n && memcmp(s.ptr, text, n) == 0;
}

/* "tp_123_ogt_item" */
static bool is_cloud_shadow(struct slice name)
{
    if (!starts_with(name, "tp_"))
        return false;
    size_t i = 3;
    while (i < name.len && name.ptr[i] >= '0' && name.ptr[i] <= '9')
        i++;
    return i > 3 && starts_with(slice_of(name.ptr + i, name.len - i), "_ogt_");
}

/*
 * Whether a table of this name takes the place of another one with the same
 * rows, which were sent under that one's name: gh-ost's _item_gho,
 * pt-online-schema-change's _item_new (with more underscores in front where
 * that name was taken), the cloud's lock-free change tp_N_ogt_item.
 */
static bool is_shadow(struct slice name, struct slice of)
{
    static const char *const ends[] = {"_gho", "_new"};
    if (is_cloud_shadow(name))
        return true;
    size_t front = 0;
    while (front < name.len && name.ptr[front] == '_')
        front++;
    /* The table's own name may begin with underscores, too. */
    for (size_t at = 1; at <= front; at++) {
        struct slice rest = slice_of(name.ptr + at, name.len - at);
        for (size_t i = 0; i < 2; i++)
            if (rest.len == of.len + 4 && memcmp(rest.ptr, of.ptr, of.len) == 0 &&
                memcmp(rest.ptr + of.len, ends[i], 4) == 0)
                return true;
    }
    return false;
}

/* ---- entries ---- */

/* The entry that a name has or, as a selected table's, must have; NULL: not selected, and none. */
static enum err entry_for(struct tables *t, struct slice database, struct slice name,
                          struct entry **out)
{
    size_t object;
    *out = tables_entry_find(t, database, name);
    if (*out != NULL || database.len == 0 || name.len == 0)
        return ERR_OK;
    TRY(objects_match(t->o.objects, database, name, &object, NULL));
    return object != OBJECTS_NONE ? tables_entry(t, database, name, out, NULL) : ERR_OK;
}

static enum err note(const struct passage *p, struct slice database, struct slice name,
                     const struct table_def *def)
{
    const struct table_def names = {
        .database = database, .name = name, .engine = SLICE_LIT(""), .collation = SLICE_LIT("")};
    return tables_note_def(p->t, def != NULL ? def : &names, p->place, def == NULL);
}

/* What stands under a name from here on. known: def (NULL: no such table) is certain. */
static enum err settle(const struct passage *p, struct entry *e, struct slice database,
                       struct slice name, const struct table_def *def, bool known)
{
    struct tables *t = p->t;
    if (e == NULL) {
        if (def != NULL && catalog_count(t->catalog) > t->selected + OTHERS_MAX) {
            catalog_remove(t->catalog, database, name);
            return ERR_OK;
        }
        return note(p, database, name, def);
    }
    e->version++;
    if (e->ahead)
        return ERR_OK; /* its definition is put back, and was noted when it was read */
    tables_believe(e);
    e->unproven = known && def != NULL;
    e->known = known;
    e->sequence = def != NULL && def->sequence;
    e->evolves = false;
    /* Up to there the source's definition was of another time, and goes on to be. */
    e->map_only = e->map_only && !known && binlog_place_upto(p->place, e->holds_to);
    if (!e->map_only)
        e->holds_to = (struct binlog_place){0};
    return note(p, e->database, e->name, known ? def : NULL);
}

/* ---- what became of a table ---- */

static enum err created(const struct passage *p, const struct catalog_effect *fx)
{
    struct entry *e;
    TRY(entry_for(p->t, fx->database, fx->name, &e));
    /* IF NOT EXISTS of a table that may be there in another form: the text proves nothing. */
    bool known =
        fx->def != NULL && !(p->st->if_not_exists && e != NULL && !e->known && !e->evolves);
    if (!known)
        catalog_remove(p->t->catalog, fx->database, fx->name); /* and with it fx->def */
    TRY(settle(p, e, fx->database, fx->name, known ? fx->def : NULL, known));
    if (e == NULL || !entry_selected(e))
        return ERR_OK;
    return add_effect(p, p->st->or_replace ? TABLE_REPLACED : TABLE_CREATED, e, NULL);
}

static enum err dropped(const struct passage *p, struct slice database, struct slice name)
{
    struct entry *e;
    TRY(entry_for(p->t, database, name, &e));
    TRY(settle(p, e, database, name, NULL, true));
    return e != NULL && entry_selected(e) ? add_effect(p, TABLE_DROPPED, e, NULL) : ERR_OK;
}

/* Under which name the table stood before the statement, which may rename it twice. */
static void origin_of(const struct passage *p, size_t i, struct slice *database, struct slice *name)
{
    *database = p->fx->items[i].old_database;
    *name = p->fx->items[i].old_name;
    while (i-- > 0) {
        const struct catalog_effect *fx = &p->fx->items[i];
        if (fx->kind == CATALOG_RENAMED && slice_eq(fx->name, *name) &&
            slice_eq(fx->database, *database)) {
            *database = fx->old_database;
            *name = fx->old_name;
        }
    }
}

static enum err renamed(const struct passage *p, size_t i)
{
    const struct catalog_effect *fx = &p->fx->items[i];
    struct slice database, name;
    struct entry *e, *old;
    struct table_effect *x;
    TRY(dropped(p, fx->old_database, fx->old_name));
    TRY(entry_for(p->t, fx->database, fx->name, &e));
    TRY(settle(p, e, fx->database, fx->name, fx->def, fx->def != NULL));
    if (e == NULL || !entry_selected(e))
        return ERR_OK;
    origin_of(p, i, &database, &name);
    old = tables_entry_find(p->t, database, name);
    if (old != NULL && entry_selected(old)) {
        TRY(add_effect(p, TABLE_RENAMED, e, &x));
        x->old_database = old->database;
        x->old_table = old->name;
        return ERR_OK;
    }
    TRY(add_effect(p, TABLE_CREATED, e, &x));
    x->unsent = !is_shadow(name, e->name);
    if (x->unsent)
        warn_unsent(p, e, "a table that was not followed was renamed to it");
    return ERR_OK;
}

static enum err changed(const struct passage *p, const struct catalog_effect *fx,
                        enum table_effect_kind kind)
{
    struct entry *e;
    struct table_effect *x;
    TRY(entry_for(p->t, fx->database, fx->name, &e));
    if (kind == TABLE_ALTERED && fx->kind == CATALOG_CHANGED)
        TRY(settle(p, e, fx->database, fx->name, fx->def, fx->def != NULL));
    else if (kind == TABLE_DOUBTFUL)
        TRY(settle(p, e, fx->database, fx->name, NULL, false));
    else if (e != NULL)
        e->version++;
    if (e == NULL || !entry_selected(e))
        return ERR_OK;
    TRY(add_effect(p, kind, e, &x));
    x->unsent = fx->kind == CATALOG_FILLED;
    if (x->unsent)
        warn_unsent(p, e, "a partition or tablespace was moved into it");
    return ERR_OK;
}

static enum err take_effect(const struct passage *p, size_t i)
{
    const struct catalog_effect *fx = &p->fx->items[i];
    switch (fx->kind) {
    case CATALOG_CREATED:
        return created(p, fx);
    case CATALOG_CHANGED:
    case CATALOG_FILLED:
        return changed(p, fx, TABLE_ALTERED);
    case CATALOG_RENAMED:
        return renamed(p, i);
    case CATALOG_DROPPED:
        return dropped(p, fx->database, fx->name);
    case CATALOG_EMPTIED:
        return changed(p, fx, TABLE_TRUNCATED);
    case CATALOG_IN_DOUBT:
        return changed(p, fx, TABLE_DOUBTFUL);
    }
    return ERR_BUG;
}

/* ---- definitions ahead of the stream ---- */

struct aside {
    struct aside *next;
    struct entry *e;
    struct table_def *def; /* NULL: there is no such table */
};

static enum err put_aside(struct tables *t, struct entry *e, struct binlog_place place,
                          struct aside **list)
{
    if (e == NULL || e->ahead || !e->known || !binlog_place_upto(place, e->holds_to))
        return ERR_OK;
    struct aside *a = calloc(1, sizeof(*a));
    if (a == NULL)
        return ERR_NO_MEMORY;
    const struct table_def *def = entry_def(t, e);
    if (def != NULL && table_def_copy(def, &a->def) != ERR_OK) {
        free(a);
        return ERR_NO_MEMORY;
    }
    a->e = e;
    a->next = *list;
    *list = a;
    e->ahead = true;
    catalog_remove(t->catalog, e->database, e->name);
    return ERR_OK;
}

static enum err put_all_aside(struct tables *t, const struct ddl_statement *st,
                              struct binlog_place place, struct aside **list)
{
    if (st->like_name.len > 0)
        TRY(put_aside(t, tables_entry_find(t, st->like_database, st->like_name), place, list));
    for (uint32_t i = 0; i < st->object_count; i++) {
        const struct ddl_object *o = &st->objects[i];
        TRY(put_aside(t, tables_entry_find(t, o->database, o->name), place, list));
        if (o->new_name.len > 0)
            TRY(put_aside(t, tables_entry_find(t, o->new_database, o->new_name), place, list));
    }
    for (size_t i = 0; st->kind == DDL_DROP_DATABASE && i < BUCKETS; i++)
        for (struct entry *e = t->buckets[i]; e != NULL; e = e->next)
            if (st->object_count > 0 && slice_eq(e->database, st->objects[0].database))
                TRY(put_aside(t, e, place, list));
    return ERR_OK;
}

static enum err put_back(struct tables *t, struct aside *list)
{
    enum err err = ERR_OK;
    while (list != NULL) {
        struct aside *a = list;
        list = a->next;
        catalog_remove(t->catalog, a->e->database, a->e->name);
        if (a->def != NULL && err == ERR_OK)
            err = catalog_put(t->catalog, a->def);
        a->e->ahead = false;
        free(a->def);
        free(a);
    }
    return err;
}

/* ---- statements ---- */

static bool may_change_tables(enum ddl_kind kind)
{
    switch ((int)kind) {
    case DDL_CREATE_TABLE:
    case DDL_ALTER_TABLE:
    case DDL_DROP_TABLE:
    case DDL_RENAME_TABLE:
    case DDL_TRUNCATE_TABLE:
    case DDL_CREATE_INDEX:
    case DDL_DROP_INDEX:
    case DDL_CREATE_DATABASE:
    case DDL_ALTER_DATABASE:
    case DDL_DROP_DATABASE:
    case DDL_CREATE_SEQUENCE:
    case DDL_ALTER_SEQUENCE:
    case DDL_DROP_SEQUENCE:
        return true;
    default:
        return false;
    }
}

/* Whatever stands under a name that a statement mentions may be another table behind it. */
static enum err doubt(const struct passage *p, struct slice database, struct slice name)
{
    struct tables *t = p->t;
    struct entry *e = tables_entry_find(t, database, name);
    if (e == NULL) {
        catalog_remove(t->catalog, database, name);
        return ERR_OK;
    }
    if (!e->known || !binlog_place_upto(p->place, e->holds_to)) {
        bool had = entry_def(t, e) != NULL;
        catalog_remove(t->catalog, e->database, e->name);
        if (e->known && had)
            TRY(note(p, e->database, e->name, NULL));
        e->known = e->map_only = false;
    }
    e->version++;
    return entry_selected(e) ? add_effect(p, TABLE_DOUBTFUL, e, NULL) : ERR_OK;
}

static enum err not_understood(const struct passage *p)
{
    struct ddl_names names = ddl_names_of(p->st->sql, &p->st->options);
    struct slice database, name;
    while (ddl_names_next(&names, &database, &name))
        TRY(doubt(p, database, name));
    return ERR_OK;
}

static enum err carry_out(struct passage *p, const struct catalog_session *session,
                          struct errmsg *why)
{
    struct tables *t = p->t;
    struct catalog_effects fx;
    struct aside *list = NULL;
    enum err e = put_all_aside(t, p->st, p->place, &list);
    if (e == ERR_OK)
        e = catalog_apply(t->catalog, p->st, session, &fx, why);
    p->fx = &fx;
    for (size_t i = 0; e == ERR_OK && i < fx.count; i++)
        e = take_effect(p, i);
    p->fx = NULL;
    enum err back = put_back(t, list);
    return e != ERR_OK ? e : back;
}

/* Two collations have been the default one of utf8mb4; the rest is compiled into no server. */
static struct slice utf8mb4_collation(uint16_t id)
{
    return id == 45    ? SLICE_LIT("utf8mb4_general_ci")
           : id == 255 ? SLICE_LIT("utf8mb4_0900_ai_ci")
                       : SLICE_LIT("");
}

/* What the statement's session had: told by the event, else as the source's settings are. */
static struct catalog_session session_of(const struct tables *t, const struct binlog_query *q)
{
    struct catalog_session s = t->session;
    if (q == NULL)
        return s;
    s.failed = q->error_code != 0;
    struct slice utf8mb4 = (q->has & BINLOG_Q_DEFAULT_COLLATION) != 0
                               ? utf8mb4_collation(q->default_collation)
                               : SLICE_LIT("");
    if (utf8mb4.len > 0)
        s.utf8mb4_collation = utf8mb4;
    const struct charset *cs =
        (q->has & BINLOG_Q_CHARSET) != 0 ? charset_of_collation(q->server_collation) : NULL;
    if (cs != NULL && cs != charset_of_collation_name(s.server_collation)) {
        const struct collation_rules rules = {.mariadb = t->o.mariadb,
                                              .version = t->o.version,
                                              .utf8_is_utf8mb4 = s.utf8_is_utf8mb4,
                                              .utf8mb4_collation = s.utf8mb4_collation};
        s.server_collation = collation_default(&rules, slice_str(cs->name));
    }
    return s;
}

enum err tables_statement(struct tables *t, const struct ddl_statement *st,
                          const struct binlog_query *q, struct binlog_place place)
{
    struct passage p = {.t = t, .st = st, .place = place};
    struct errmsg why = {0};
    if (st->temporary || (st->parsed && !may_change_tables(st->kind)))
        return ERR_OK;
    for (struct table_effect *x = t->effects; x != NULL; x = x->next)
        p.last = x;
    if (!st->parsed)
        return may_change_tables(st->kind) || st->kind == DDL_NONE ? not_understood(&p) : ERR_OK;
    struct catalog_session session = session_of(t, q);
    TRY(carry_out(&p, &session, &why));
    if (why.text[0] != 0)
        log_debug("table.doubt", "binlog_file=%llu offset=%llu reason=\"%s\"",
                  (unsigned long long)place.file, (unsigned long long)place.offset, why.text);
    return ERR_OK;
}

bool tables_mentioned(struct tables *t, struct slice sql, struct slice default_database,
                      struct slice *database, struct slice *table)
{
    const struct ddl_options o = {
        .dialect = {.version = t->o.version, .mariadb = t->o.mariadb},
        .default_database = default_database,
    };
    struct ddl_names names = ddl_names_of(sql, &o);
    struct slice d, n;
    while (ddl_names_next(&names, &d, &n)) {
        const struct entry *e = tables_entry_find(t, d, n);
        if (e != NULL && entry_selected(e)) {
            *database = e->database;
            *table = e->name;
            return true;
        }
    }
    return false;
}
