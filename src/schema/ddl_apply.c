/*
 * A definition taken apart, changed and put together again.
 *
 * The order of columns behind ALTER TABLE follows the server's two passes
 * (mysql_prepare_alter_table(), sql/sql_table.cc): first every column that is
 * there, dropped, changed or kept where it was; then, in the order of the
 * statement, the new ones are put in and others moved.
 */
#include "schema/ddl_apply_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define COLUMNS_MAX 4096

enum err draft_fail(struct draft *d, enum err e, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return errmsg_set(d->why, e, "table %.*s.%.*s: %s", SLICE_ARG(d->database), SLICE_ARG(d->name),
                      text);
}

enum err draft_grow(struct draft *d, void *items, uint32_t *cap, uint32_t count)
{
    void *old, *grown;
    if (count < *cap)
        return ERR_OK;
    uint32_t more = *cap == 0 ? 16 : *cap * 2;
    grown = arena_array(d->arena, more, sizeof(void *));
    if (grown == NULL)
        return ERR_NO_MEMORY;
    memcpy(&old, items, sizeof(old)); /* items is the address of some pointer */
    if (count > 0)
        memcpy(grown, old, count * sizeof(void *));
    memcpy(items, &grown, sizeof(grown));
    *cap = more;
    return ERR_OK;
}

struct draft_column *draft_column_find(const struct draft *d, struct slice name)
{
    for (uint32_t i = 0; i < d->column_count; i++)
        if (sql_name_eq(d->columns[i]->def.name, name))
            return d->columns[i];
    return NULL;
}

/* ---- the list of columns ---- */

static enum err insert(struct draft *d, struct draft_column *c, uint32_t at)
{
    TRY(draft_grow(d, &d->columns, &d->column_cap, d->column_count));
    if (d->column_count >= COLUMNS_MAX)
        return draft_fail(d, ERR_UNSUPPORTED, "more than %d columns", COLUMNS_MAX);
    memmove(&d->columns[at + 1], &d->columns[at], (d->column_count - at) * sizeof(c));
    d->columns[at] = c;
    d->column_count++;
    return ERR_OK;
}

static enum err append(struct draft *d, struct draft_column *c)
{
    return insert(d, c, d->column_count);
}

/* Where an action puts its column. */
static enum err place(struct draft *d, const struct ddl_action *a, struct draft_column *c)
{
    if (a->place == DDL_FIRST)
        return insert(d, c, 0);
    if (a->place == DDL_LAST)
        return append(d, c);
    for (uint32_t i = 0; i < d->column_count; i++)
        if (sql_name_eq(d->columns[i]->def.name, a->after))
            return insert(d, c, i + 1);
    return draft_fail(d, ERR_TABLE_MISMATCH, "a column is to stand behind %.*s, which is not there",
                      SLICE_ARG(a->after));
}

/* Takes a column from where it stands to where an action puts it. */
static enum err move(struct draft *d, const struct ddl_action *a, struct draft_column *c)
{
    uint32_t at = 0;
    while (at < d->column_count && d->columns[at] != c)
        at++;
    if (at == d->column_count)
        return ERR_BUG;
    d->column_count--;
    memmove(&d->columns[at], &d->columns[at + 1], (d->column_count - at) * sizeof(c));
    return place(d, a, c);
}

/* ---- what the table is as a whole ---- */

static struct slice engine_name(struct slice name, bool mariadb)
{
    static const struct {
        const char *said;
        const char *shown;
    } engines[] = {{"innodb", "InnoDB"},
                   {"innobase", "InnoDB"},
                   {"myisam", "MyISAM"},
                   {"memory", "MEMORY"},
                   {"heap", "MEMORY"},
                   {"aria", "Aria"},
                   {"maria", "Aria"},
                   {"csv", "CSV"},
                   {"archive", "ARCHIVE"},
                   {"blackhole", "BLACKHOLE"},
                   {"federated", "FEDERATED"},
                   {"merge", "MRG_MyISAM"},
                   {"mrg_myisam", "MRG_MyISAM"},
                   {"rocksdb", "ROCKSDB"},
                   {"columnstore", "Columnstore"},
                   {"ndb", "ndbcluster"},
                   {"ndbcluster", "ndbcluster"},
                   {"mroonga", "Mroonga"},
                   {"spider", "SPIDER"},
                   {"s3", "S3"}};
    if (!mariadb && (slice_eq_nocase(name, SLICE_LIT("merge")) ||
                     slice_eq_nocase(name, SLICE_LIT("mrg_myisam"))))
        return SLICE_LIT("MRG_MYISAM");
    for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++)
        if (slice_eq_nocase(name, slice_str(engines[i].said)))
            return slice_str(engines[i].shown);
    return name;
}

/* What all options of one kind come to: the last word of each counts. */
static bool gather_words(const struct ddl_statement *st, enum ddl_action_kind kind,
                         struct collation_words *w, bool *by_default)
{
    bool any = false;
    for (uint32_t i = 0; i < st->action_count; i++) {
        const struct ddl_action *a = &st->actions[i];
        if (a->kind != kind)
            continue;
        any = true;
        *by_default |= a->default_charset;
        if (a->charset.len > 0)
            w->charset = a->charset;
        if (a->collation.len > 0)
            w->collation = a->collation;
    }
    return any;
}

/* The table's collation, for columns of this statement too. */
static enum err table_collation(struct draft *d)
{
    bool said = false;
    for (int i = 0; i < 2; i++) {
        struct collation_words w = {.charset = SLICE_LIT(""), .collation = SLICE_LIT("")};
        bool by_default = false;
        enum ddl_action_kind kind = i == 0 ? DDL_SET_CHARSET : DDL_CONVERT_CHARSET;
        if (!gather_words(d->st, kind, &w, &by_default))
            continue;
        said |= i == 0 && d->rules->collations.mariadb;
        struct slice context = by_default ? d->rules->session_collation : d->collation;
        struct slice *out = kind == DDL_CONVERT_CHARSET ? &d->converted : &d->collation;
        if (!collation_resolve(&d->rules->collations, &w, context, d->arena, out))
            return draft_fail(d, d->arena->failed ? ERR_NO_MEMORY : ERR_UNSUPPORTED,
                              "its character set is that of the database, which is not known");
    }
    /* MariaDB: a default that the statement names, too, stays beside CONVERT. */
    if (d->converted.len > 0 && !said)
        d->collation = d->converted;
    return ERR_OK;
}

static void table_options(struct draft *d)
{
    const struct ddl_statement *st = d->st;
    d->system_versioned |= st->versioned;
    d->sequence |= st->sequence;
    for (uint32_t i = 0; i < st->action_count; i++) {
        const struct ddl_action *a = &st->actions[i];
        if (a->kind == DDL_SET_ENGINE) {
            d->engine = engine_name(a->name, d->rules->collations.mariadb);
            d->engine_changed = true;
        } else if (a->kind == DDL_ADD_VERSIONING) {
            d->system_versioned = true;
        } else if (a->kind == DDL_DROP_VERSIONING) {
            d->system_versioned = false;
        } else if (a->kind == DDL_ADD_PERIOD && a->key->part_count == 2 &&
                   !slice_eq_nocase(a->name, SLICE_LIT("SYSTEM_TIME"))) {
            d->period = a->name;
            d->period_start = a->key->parts[0].column;
            d->period_end = a->key->parts[1].column;
        } else if (a->kind == DDL_ADD_COLUMN && a->column->versioning_on) {
            d->system_versioned = true;
        }
    }
}

/* ---- columns of ALTER TABLE ---- */

/* The action that drops or changes a column that is there; NULL: none. */
static const struct ddl_action *action_on(const struct draft *d, enum ddl_action_kind kind,
                                          struct slice column)
{
    for (uint32_t i = 0; i < d->st->action_count; i++)
        if (d->st->actions[i].kind == kind && sql_name_eq(d->st->actions[i].name, column))
            return &d->st->actions[i];
    return NULL;
}

/* Renamed, shown, hidden, converted, each in its place. */
static enum err adjust(struct draft *d, struct draft_column *c)
{
    struct slice name = c->def.name;
    const struct ddl_action *a = action_on(d, DDL_RENAME_COLUMN, name);
    if (a != NULL)
        c->def.name = a->new_name;
    if (action_on(d, DDL_SHOW_COLUMN, name) != NULL)
        c->def.invisible = false;
    if (action_on(d, DDL_HIDE_COLUMN, name) != NULL)
        c->def.invisible = true;
    return d->converted.len > 0 ? draft_column_convert(d, c) : ERR_OK;
}

/* MySQL sizes a TEXT that is changed and converted at once by what no text tells. */
static enum err check_converted(struct draft *d, const struct ddl_column *c)
{
    bool sized = c->type >= DDL_TINYTEXT && c->type <= DDL_LONGBLOB && c->length < 0;
    if (d->converted.len == 0 || d->rules->collations.mariadb || !sized)
        return ERR_OK;
    return draft_fail(d, ERR_UNSUPPORTED, "column %.*s is changed and converted in one statement",
                      SLICE_ARG(c->name));
}

/* The first pass. old: all columns that were there, for keys to follow. */
static enum err pass_old(struct draft *d, struct draft_column **old, const struct table_def *def)
{
    for (uint32_t i = 0; i < def->column_count; i++) {
        struct draft_column *c;
        TRY(draft_column_keep(d, &def->columns[i], &c));
        old[i] = c;
        const struct ddl_action *a = action_on(d, DDL_MODIFY_COLUMN, c->def.name);
        if (action_on(d, DDL_DROP_COLUMN, c->def.name) != NULL) {
            c->dropped = true;
        } else if (a != NULL) {
            TRY(check_converted(d, a->column));
            TRY(draft_column_new(d, a->column, &c->instead));
            TRY(append(d, c->instead));
        } else {
            TRY(adjust(d, c));
            TRY(append(d, c));
        }
    }
    return ERR_OK;
}

static struct draft_column *old_named(struct draft_column *const *old, const struct table_def *def,
                                      struct slice name)
{
    for (uint32_t i = 0; i < def->column_count; i++)
        if (sql_name_eq(def->columns[i].name, name))
            return old[i];
    return NULL;
}

/* Whether an action names a column that the table does not have. */
static enum err check_names(struct draft *d, struct draft_column *const *old,
                            const struct table_def *def)
{
    for (uint32_t i = 0; i < d->st->action_count; i++) {
        const struct ddl_action *a = &d->st->actions[i];
        bool names = a->kind == DDL_MODIFY_COLUMN || a->kind == DDL_DROP_COLUMN ||
                     a->kind == DDL_RENAME_COLUMN || a->kind == DDL_SHOW_COLUMN ||
                     a->kind == DDL_HIDE_COLUMN;
        if (names && !a->maybe && old_named(old, def, a->name) == NULL)
            return draft_fail(d, ERR_TABLE_MISMATCH,
                              "column %.*s is to be changed, which is not there",
                              SLICE_ARG(a->name));
    }
    return ERR_OK;
}

/* The second pass. */
static enum err pass_new(struct draft *d, struct draft_column *const *old,
                         const struct table_def *def)
{
    for (uint32_t i = 0; i < d->st->action_count; i++) {
        const struct ddl_action *a = &d->st->actions[i];
        struct draft_column *c;
        if (a->kind == DDL_ADD_COLUMN) {
            if (a->maybe && (draft_column_find(d, a->column->name) != NULL ||
                             (def != NULL && old_named(old, def, a->column->name) != NULL)))
                continue;
            TRY(draft_column_new(d, a->column, &c));
            TRY(place(d, a, c));
        } else if (a->kind == DDL_MODIFY_COLUMN && a->place != DDL_LAST && def != NULL) {
            c = old_named(old, def, a->name);
            if (c != NULL && c->instead != NULL)
                TRY(move(d, a, c->instead));
        }
    }
    return ERR_OK;
}

/* A period's columns take no NULL. */
static void close_period(struct draft *d)
{
    struct draft_column *start = d->period.len > 0 ? draft_column_find(d, d->period_start) : NULL;
    struct draft_column *end = d->period.len > 0 ? draft_column_find(d, d->period_end) : NULL;
    if (start != NULL)
        start->def.nullable = false;
    if (end != NULL)
        end->def.nullable = false;
}

/* ROW END is not told by information_schema: the last of the two columns of that kind is. */
static void find_row_end(const struct table_def *def, struct draft_column *const *old)
{
    struct draft_column *last = NULL;
    for (uint32_t i = 0; def->system_versioned && i < def->column_count; i++) {
        const struct column_def *c = &def->columns[i];
        if (c->generated && !c->nullable &&
            (slice_eq(c->column_type, SLICE_LIT("timestamp(6)")) ||
             slice_eq(c->column_type, SLICE_LIT("bigint(20) unsigned"))))
            last = old[i];
    }
    if (last != NULL)
        last->row_end = true;
}

static enum err alter(struct draft *d, const struct table_def *before)
{
    struct draft_column **old = arena_array(d->arena, before->column_count + 1, sizeof(*old));
    if (old == NULL)
        return ERR_NO_MEMORY;
    TRY(pass_old(d, old, before));
    TRY(check_names(d, old, before));
    TRY(pass_new(d, old, before));
    find_row_end(before, old);
    close_period(d);
    TRY(draft_keys_keep(d, before, old));
    return draft_keys_change(d);
}

/* ---- making and finishing ---- */

/* A sequence as a table: one row of these. */
static enum err sequence_columns(struct draft *d)
{
    static const char *const names[] = {"next_not_cached_value", "minimum_value", "maximum_value",
                                        "start_value",           "increment",     "cache_size",
                                        "cycle_option",          "cycle_count"};
    d->sequence = true;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        bool tiny = i == 6, is_unsigned = i == 5 || i == 6;
        const char *type = tiny          ? "tinyint(1) unsigned"
                           : is_unsigned ? "bigint(21) unsigned"
                                         : "bigint(21)";
        const struct column_def def = {.name = slice_str(names[i]),
                                       .column_type = slice_str(type),
                                       .data_type = slice_str(tiny ? "tinyint" : "bigint"),
                                       .collation = SLICE_LIT("")};
        struct draft_column *c;
        TRY(draft_column_keep(d, &def, &c));
        TRY(append(d, c));
    }
    return ERR_OK;
}

static enum err create(struct draft *d)
{
    if (d->st->kind == DDL_CREATE_SEQUENCE)
        return sequence_columns(d);
    if (d->st->as_select)
        return draft_fail(d, ERR_UNSUPPORTED, "it takes its columns from a query");
    TRY(pass_new(d, NULL, NULL));
    close_period(d);
    return draft_keys_change(d);
}

static enum err finish_key(struct draft *d, const struct draft_key *k, struct key_def *out)
{
    *out = (struct key_def){.name = k->name,
                            .primary = k->primary,
                            .has_prefix = k->inexact,
                            .hash = k->hash,
                            .generated = k->generated,
                            .part_count = k->part_count};
    out->parts = arena_array(d->arena, k->part_count + 1, sizeof(uint16_t));
    uint16_t *prefixes = arena_array(d->arena, k->part_count + 1, sizeof(uint16_t));
    if (out->parts == NULL || prefixes == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < k->part_count; i++) {
        out->parts[i] = k->parts[i].column->index;
        prefixes[i] = (uint16_t)k->parts[i].prefix;
        out->has_prefix |= prefixes[i] > 0;
    }
    out->prefixes = k->prefix_unknown ? NULL : prefixes;
    return ERR_OK;
}

/* What no server lets pass: then the definition, or the statement, is not what ran there. */
static enum err check_whole(struct draft *d)
{
    if (d->column_count == 0)
        return draft_fail(d, ERR_TABLE_MISMATCH, "it would have no column");
    for (uint32_t i = 0; i < d->column_count; i++)
        if (draft_column_find(d, d->columns[i]->def.name) != d->columns[i])
            return draft_fail(d, ERR_TABLE_MISMATCH, "it would have two columns %.*s",
                              SLICE_ARG(d->columns[i]->def.name));
    for (uint32_t i = 0; i < d->key_count; i++)
        if (draft_key_find(d, d->keys[i]->name) != d->keys[i])
            return draft_fail(d, ERR_TABLE_MISMATCH, "it would have two keys %.*s",
                              SLICE_ARG(d->keys[i]->name));
    return ERR_OK;
}

/* Writes the draft down as one block. */
static enum err finish(struct draft *d, struct table_def **out)
{
    TRY(draft_keys_finish(d));
    TRY(check_whole(d));
    struct table_def def = {.database = d->database,
                            .name = d->name,
                            .engine = d->engine,
                            .collation = d->collation,
                            .system_versioned = d->system_versioned,
                            .sequence = d->sequence,
                            .column_count = d->column_count};
    def.columns = arena_array(d->arena, d->column_count + 1, sizeof(*def.columns));
    def.keys = arena_array(d->arena, d->key_count + 1, sizeof(*def.keys));
    if (def.columns == NULL || def.keys == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < d->column_count; i++) {
        d->columns[i]->index = (uint16_t)i;
        def.columns[i] = d->columns[i]->def;
    }
    for (uint32_t i = 0; i < d->key_count; i++) {
        TRY(finish_key(d, d->keys[i], &def.keys[i]));
        /* Those come first. A unique one over expressions alone is no key to us. */
        if (d->keys[i]->unique && d->keys[i]->part_count > 0)
            def.key_count++;
        else
            def.index_count++;
    }
    def.indexes = def.keys + def.key_count;
    return table_def_copy(&def, out);
}

/* Some action makes a difference that a definition does not show, or in the case of a name alone.
 */
static bool changes_more(const struct ddl_statement *st)
{
    for (uint32_t i = 0; i < st->action_count; i++) {
        const struct ddl_action *a = &st->actions[i];
        if (a->kind == DDL_RENAME_KEY ||
            (a->kind == DDL_MODIFY_COLUMN && a->column->auto_increment))
            return true;
    }
    return false;
}

/*
 * A statement that drops keys and makes the same again changes nothing: the
 * server then leaves the table as it is, the order of its keys too.
 */
static enum err keep_order(const struct ddl_statement *st, const struct table_def *before,
                           struct table_def **after)
{
    struct table_def *same;
    if (before->key_count < 2 || changes_more(st) || !ddl_same_but_order(before, *after))
        return ERR_OK;
    TRY(table_def_copy(before, &same));
    free(*after);
    *after = same;
    return ERR_OK;
}

static struct slice known(struct slice s)
{
    return s.len > 0 ? s : SLICE_LIT("");
}

static void begin(struct draft *d, const struct table_def *before)
{
    const struct ddl_object *o = &d->st->objects[0];
    bool index = d->st->kind == DDL_CREATE_INDEX || d->st->kind == DDL_DROP_INDEX;
    d->database = before != NULL ? before->database : o->database;
    d->name = before != NULL ? before->name : index ? o->table : o->name;
    d->engine = before != NULL ? before->engine
                : d->rules->engine.len > 0
                    ? engine_name(d->rules->engine, d->rules->collations.mariadb)
                    : SLICE_LIT("InnoDB");
    d->collation = known(before != NULL ? before->collation : d->rules->database_collation);
    d->converted = d->period = d->period_start = d->period_end = SLICE_LIT("");
    d->indexes_unknown = before != NULL && before->collation.len == 0;
    d->system_versioned = before != NULL && before->system_versioned;
    d->sequence = before != NULL && before->sequence;
}

/* CREATE TABLE .. LIKE: the same under another name. */
static enum err copy_like(const struct ddl_statement *st, const struct table_def *like,
                          struct table_def **after)
{
    struct table_def def = *like;
    def.database = st->objects[0].database;
    def.name = st->objects[0].name;
    return table_def_copy(&def, after);
}

enum err ddl_apply(const struct ddl_statement *st, const struct table_def *before,
                   const struct table_def *like, const struct ddl_rules *rules,
                   struct table_def **after, struct errmsg *why)
{
    if (st->object_count == 0 || !st->parsed)
        return errmsg_set(why, ERR_UNSUPPORTED, "a statement that is not understood");
    if (st->like_name.len > 0 && like != NULL)
        return copy_like(st, like, after);
    struct arena *a = arena_new(16 * 1024);
    if (a == NULL)
        return ERR_NO_MEMORY;
    struct draft d = {.st = st, .rules = rules, .arena = a, .why = why};
    begin(&d, before);
    enum err e;
    if (st->like_name.len > 0) {
        e = draft_fail(&d, ERR_UNSUPPORTED, "it is made like table %.*s.%.*s, which is not known",
                       SLICE_ARG(st->like_database), SLICE_ARG(st->like_name));
    } else {
        e = table_collation(&d);
        table_options(&d);
        if (e == ERR_OK)
            e = before != NULL ? alter(&d, before) : create(&d);
        if (e == ERR_OK)
            e = finish(&d, after);
        if (e == ERR_OK && before != NULL)
            e = keep_order(st, before, after);
    }
    arena_free(a);
    return e;
}
