/* What statements do to the tables. */
#include "pipeline/tables_int.h"

#include <stdlib.h>

static enum err add_effect(struct tables *t, enum table_effect_kind kind, const struct entry *e,
                           struct binlog_place place)
{
    struct table_effect *x = calloc(1, sizeof(*x));
    if (x == NULL)
        return ERR_NO_MEMORY;
    *x = (struct table_effect){.kind = kind,
                               .database = e->database,
                               .table = e->name,
                               .old_database = SLICE_LIT(""),
                               .old_table = SLICE_LIT(""),
                               .place = place};
    *t->effects_end = x;
    t->effects_end = &x->next;
    return ERR_OK;
}

/* What is known of the table may not hold behind the statement. */
static enum err doubt(struct tables *t, struct entry *e, struct binlog_place place)
{
    e->version++;
    if (entry_selected(e))
        TRY(add_effect(t, TABLE_DOUBTFUL, e, place));
    if (!e->known || binlog_place_upto(place, e->holds_to))
        return ERR_OK;
    e->known = false;
    return e->def != NULL ? tables_note_def(t, e->def, true) : ERR_OK;
}

static enum err doubt_database(struct tables *t, struct slice sql, struct binlog_place place)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct entry *e = t->buckets[i]; e != NULL; e = e->next)
            if (entry_selected(e) && ddl_mentions_database(sql, e->database))
                TRY(doubt(t, e, place));
    return ERR_OK;
}

enum err tables_statement(struct tables *t, enum ddl_effect effect, struct slice sql,
                          struct slice default_database, struct binlog_place place)
{
    if (effect == DDL_NO_EFFECT)
        return ERR_OK;
    if (effect == DDL_DROPS_DATABASE)
        return doubt_database(t, sql, place);
    struct ddl_names names = ddl_names_of(sql, default_database);
    struct slice database, table;
    while (ddl_names_next(&names, &database, &table)) {
        struct entry *e = tables_entry_find(t, database, table);
        if (e != NULL)
            TRY(doubt(t, e, place));
    }
    return ERR_OK;
}

bool tables_mentioned(struct tables *t, struct slice sql, struct slice default_database,
                      struct slice *database, struct slice *table)
{
    struct ddl_names names = ddl_names_of(sql, default_database);
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
