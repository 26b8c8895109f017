/*
 * The third witness: what the source shows of a table whose definition we have
 * from statements, or from an earlier run.
 *
 * The source is asked behind the rows that used the definition, when nothing
 * else is left to read. It may be a moment ahead of its binlog, so that it must
 * say the same several times before it counts. What it shows then and does not
 * change how rows are read (keys, display widths) is taken over. Otherwise it
 * becomes the definition's rival until the next table map: that fits one of
 * them, or the task ends, for nobody knows which one the rows are written with.
 */
#include "pipeline/tables_int.h"

#include "base/log.h"

#include <stdlib.h>

#define ODD_MAX 3

void tables_believe(struct entry *e)
{
    free(e->rival);
    e->rival = NULL;
    e->unproven = false;
    e->odd = 0;
}

static void enqueue(struct tables *t, struct entry *e)
{
    if (e->queued)
        return;
    e->queued = true;
    e->next_queued = NULL;
    *t->queue_end = e;
    t->queue_end = &e->next_queued;
}

void tables_doubt_later(struct tables *t, struct entry *e)
{
    if (e->unproven)
        enqueue(t, e);
}

bool tables_unproven(struct tables *t, struct slice *database, struct slice *table,
                     uint64_t *version)
{
    while (t->queue != NULL) {
        struct entry *e = t->queue;
        t->queue = e->next_queued;
        if (t->queue == NULL)
            t->queue_end = &t->queue;
        e->queued = false;
        if (!e->unproven || !e->known || e->rival != NULL)
            continue;
        *database = e->database;
        *table = e->name;
        *version = e->version;
        return true;
    }
    return false;
}

void tables_unasked(struct tables *t, struct slice database, struct slice table)
{
    struct entry *e = tables_entry_find(t, database, table);
    if (e != NULL)
        tables_doubt_later(t, e);
}

/* The source's definition takes the place of ours. */
static enum err take_over(struct tables *t, struct entry *e, const struct table_def *def)
{
    TRY(catalog_put(t->catalog, def));
    TRY(tables_note_def(t, entry_def(t, e), e->holds_to, false));
    tables_believe(e);
    e->version++;
    return ERR_OK;
}

/* MySQL's generated invisible primary key: no statement has it, and the table map says so. */
static bool has_added_key(const struct table_def *d)
{
    return d->column_count > 1 && slice_eq(d->columns[0].name, SLICE_LIT("my_row_id")) &&
           d->columns[0].invisible && d->key_count > 0 && d->keys[0].primary &&
           d->keys[0].part_count == 1 && d->keys[0].parts[0] == 0;
}

/* Rows mean the same under either. */
static bool same_meaning(const struct table_def *def, const struct table_def *shown)
{
    if (catalog_same_rows(def, shown, NULL))
        return true;
    if (!has_added_key(shown))
        return false;
    struct table_def rest = *shown;
    rest.columns++;
    rest.column_count--;
    return catalog_same_rows(def, &rest, NULL);
}

enum err tables_witness(struct tables *t, struct slice database, struct slice table,
                        uint64_t version, const struct table_def *shown, bool *again)
{
    struct entry *e = tables_entry_find(t, database, table);
    const struct table_def *def = e != NULL && e->known ? entry_def(t, e) : NULL;
    struct errmsg why = {0};
    *again = false;
    if (def == NULL || e->version != version || !e->unproven)
        return ERR_OK;
    if (shown == NULL || catalog_same(def, shown, &why)) {
        tables_believe(e);
        return ERR_OK;
    }
    if (++e->odd < ODD_MAX) {
        *again = true;
        enqueue(t, e);
        return ERR_OK;
    }
    if (same_meaning(def, shown)) {
        log_info("table.corrected", "table=%.*s.%.*s reason=\"%s, as the source shows it\"",
                 SLICE_ARG(e->database), SLICE_ARG(e->name), why.text);
        return take_over(t, e, shown);
    }
    log_warn("table.disputed",
             "table=%.*s.%.*s reason=\"%s, as the source shows it: the next rows must fit one of "
             "the two\"",
             SLICE_ARG(e->database), SLICE_ARG(e->name), why.text);
    e->version++; /* so that the next map is looked at */
    return table_def_copy(shown, &e->rival);
}

enum err tables_judge(struct tables *t, struct entry *e, const struct table_map *map,
                      struct errmsg *em)
{
    const struct table_def *def = e->known ? entry_def(t, e) : NULL;
    struct table *mine = NULL, *theirs = NULL;
    struct errmsg why = {0};
    if (def == NULL || table_map_has_names(map)) {
        tables_believe(e);
        return ERR_OK;
    }
    enum err a = table_resolve(map, def, &mine, NULL);
    enum err b = table_resolve(map, e->rival, &theirs, NULL);
    if (a == ERR_OK)
        table_unref(mine);
    if (b == ERR_OK)
        table_unref(theirs);
    if (a == ERR_OK && b == ERR_OK) {
        (void)catalog_same_rows(def, e->rival, &why);
        return errmsg_set(
            em, ERR_TABLE_MISMATCH,
            "table %.*s.%.*s: what its statements make of it and what the source shows differ, and "
            "its rows would fit both: %.300s; was it changed with sql_log_bin=0? Set "
            "binlog_row_metadata=FULL on the source and start behind this place, or begin anew "
            "with an empty state_dir",
            SLICE_ARG(e->database), SLICE_ARG(e->name), why.text);
    }
    if (a == ERR_TABLE_MISMATCH && b == ERR_OK) {
        struct table_def *rival = e->rival;
        e->rival = NULL;
        log_warn("table.corrected", "table=%.*s.%.*s reason=\"its rows fit what the source shows\"",
                 SLICE_ARG(e->database), SLICE_ARG(e->name));
        enum err err = take_over(t, e, rival);
        free(rival);
        return err;
    }
    tables_believe(e); /* ours fits; or neither does, which is looked into next */
    return a == ERR_NO_MEMORY || b == ERR_NO_MEMORY ? ERR_NO_MEMORY : ERR_OK;
}
