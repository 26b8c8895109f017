/* How a table is carried: from a definition and a table map to a binding. */
#include "pipeline/tables_int.h"

#include "base/log.h"
#include "pipeline/shaping.h"
#include "schema/table_without_map.h"

#include <stdlib.h>
#include <string.h>

enum err tables_topic(struct tables *t, const char *name, uint32_t partitions, uint32_t *index,
                      struct errmsg *em)
{
    bool fresh;
    TRY(topics_need(t->o.topics, name, (int32_t)partitions, index, &fresh, em));
    if (fresh && tables_note_topic(t, name, t->o.topics->items[*index].partitions) != ERR_OK)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory for topic %s", name);
    return ERR_OK;
}

/* The number of a table's topic, which is asked about or made when it is new. */
static enum err topic_of(struct tables *t, const struct entry *e, uint32_t *index,
                         struct errmsg *em)
{
    char name[TOPIC_NAME_MAX + 1];
    TRY(objects_topic(t->o.objects, e->object, e->database, e->name, name, em));
    const struct conf_object *object = &t->o.task->objects[e->object];
    uint32_t partitions =
        object->partitions != 0 ? object->partitions : t->o.task->destination.partitions;
    return tables_topic(t, name, partitions, index, em);
}

enum err tables_prepare_topics(struct tables *t, struct errmsg *em)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct entry *e = t->buckets[i]; e != NULL; e = e->next) {
            uint32_t index;
            if (entry_selected(e))
                TRY(topic_of(t, e, &index, em));
        }
    }
    return ERR_OK;
}

static enum err redefine(struct tables *t, struct entry *e, struct errmsg *em)
{
    struct table_def *def = NULL;
    struct binlog_place holds_to;
    TRY(t->o.define(t->o.define_arg, e->database, e->name, &def, &holds_to, em));
    catalog_remove(t->catalog, e->database, e->name);
    enum err err = def != NULL ? catalog_put(t->catalog, def) : ERR_OK;
    if (err == ERR_OK && def != NULL)
        err = tables_note_def(t, def, holds_to, false);
    e->sequence = def != NULL && def->sequence;
    free(def);
    TRY(err);
    e->holds_to = holds_to;
    e->known = true;
    e->map_only = false;
    e->version++;
    tables_believe(e);
    return ERR_OK;
}

/* What we hold is not what the rows are written with, and their maps say enough themselves. */
static void trust_maps(struct tables *t, struct entry *e)
{
    catalog_remove(t->catalog, e->database, e->name);
    e->known = false;
    e->map_only = true;
    tables_believe(e);
}

static enum err not_there(const struct entry *e, struct errmsg *em)
{
    return errmsg_set(em, ERR_TABLE_MISMATCH,
                      "table %.*s.%.*s is not there any more (or the account may not SELECT from "
                      "it), and its rows cannot be read without its definition: set "
                      "binlog_row_metadata=FULL on the source, or start behind it",
                      SLICE_ARG(e->database), SLICE_ARG(e->name));
}

/* The map merged with what the catalogue has. */
static enum err merge(const struct tables *t, const struct entry *e, const struct table_map *map,
                      struct table **out, struct errmsg *em)
{
    return table_resolve(map, e->known ? entry_def(t, e) : NULL, out, em);
}

/*
 * Map and catalogue disagree, as *why tells. Where that is no matter of a
 * definition read ahead of the stream, the source is asked what it shows.
 */
static enum err ask_source(struct tables *t, struct entry *e, const struct table_map *map,
                           struct binlog_place place, struct table **out, struct errmsg *why)
{
    bool full = table_map_has_names(map);
    bool early = e->holds_to.file != 0 && !binlog_place_upto(e->holds_to, place);
    struct errmsg now = {0};
    if (full && early)
        return ERR_TABLE_MISMATCH;
    log_warn("table.differs", "table=%.*s.%.*s binlog_file=%llu offset=%llu reason=\"%s\"",
             SLICE_ARG(e->database), SLICE_ARG(e->name), (unsigned long long)place.file,
             (unsigned long long)place.offset, why->text);
    enum err err = redefine(t, e, &now);
    if (err == ERR_OK)
        err = merge(t, e, map, out, &now);
    if (err != ERR_OK)
        *why = now;
    return err;
}

/*
 * Finds the definition that fits the map. With FULL metadata the map speaks
 * for itself, and the catalogue only adds the text of the types; otherwise a
 * definition must fit: the catalogue's, or what the source shows.
 */
static enum err resolve(struct tables *t, struct entry *e, const struct table_map *map,
                        struct binlog_place place, struct table **out, struct errmsg *em)
{
    bool full = table_map_has_names(map);
    bool read_now = false;
    struct errmsg why = {0};
    e->map_only = e->map_only && full;
    if (e->rival != NULL)
        TRY(tables_judge(t, e, map, em));
    if (!e->map_only && (!e->known || entry_def(t, e) == NULL)) {
        enum err err = redefine(t, e, &why);
        if (err != ERR_OK && !(err == ERR_TABLE_MISMATCH && full)) {
            *em = why;
            return err;
        }
        read_now = true;
    }
    enum err err = merge(t, e, map, out, &why);
    if (err == ERR_TABLE_MISMATCH && !read_now && !e->map_only)
        err = ask_source(t, e, map, place, out, &why);
    if (err == ERR_TABLE_MISMATCH && full)
        err = table_resolve(map, NULL, out, &why);
    if (err == ERR_OK && (*out)->type_text_rebuilt)
        trust_maps(t, e);
    if (err == ERR_TABLE_MISMATCH && e->known && entry_def(t, e) == NULL)
        return not_there(e, em);
    if (err != ERR_OK)
        *em = why;
    return err;
}

/* Adds the columns of a list to a sorted set without doubles; returns the new count. */
static uint32_t merge_columns(uint16_t *set, uint32_t count, const uint16_t *add, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = 0;
        while (at < count && set[at] < add[i])
            at++;
        if (at < count && set[at] == add[i])
            continue;
        memmove(set + at + 1, set + at, (count - at) * sizeof(*set));
        set[at] = add[i];
        count++;
    }
    return count;
}

/* The columns that objects[].partition_key names; *count 0: none given. */
static enum err named_columns(const struct table *table, const struct conf_object *object,
                              uint16_t **out, uint32_t *count, struct errmsg *em)
{
    *out = NULL;
    *count = (uint32_t)object->partition_key.count;
    if (*count == 0)
        return ERR_OK;
    *out = calloc(*count, sizeof(**out));
    if (*out == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < *count; i++) {
        struct slice name = slice_str(object->partition_key.items[i]);
        uint32_t at = 0;
        while (at < table->column_count && !slice_eq_nocase(table->columns[at].name, name))
            at++;
        if (at == table->column_count) {
            free(*out);
            *out = NULL;
            return errmsg_set(em, ERR_CONFIG,
                              "objects (line %u): table %.*s.%.*s has no column %.*s for "
                              "partition_key",
                              object->line, SLICE_ARG(table->database), SLICE_ARG(table->name),
                              SLICE_ARG(name));
        }
        (*out)[i] = (uint16_t)at;
    }
    return ERR_OK;
}

static enum partition_policy policy_of(enum conf_partition_by by)
{
    return by == CONF_BY_NONE    ? PARTITION_NONE
           : by == CONF_BY_TABLE ? PARTITION_TABLE
                                 : PARTITION_KEY;
}

/* Works out which cells the reader has to look at to route a row. */
static enum err plan_probes(struct binding *b, bool split)
{
    const uint16_t *columns = key_table_partition_columns(b->key, &b->partition_count);
    uint32_t most = b->partition_count + b->table->identity_count + 1;
    b->probe_columns = calloc(most, sizeof(uint16_t));
    b->partition_at = calloc(most, sizeof(uint16_t));
    if (b->probe_columns == NULL || b->partition_at == NULL)
        return ERR_NO_MEMORY;
    b->probe_count = merge_columns(b->probe_columns, 0, columns, b->partition_count);
    if (split)
        b->probe_count = merge_columns(b->probe_columns, b->probe_count, b->table->identity,
                                       b->table->identity_count);
    b->split = split && b->probe_count > 0;
    for (uint32_t i = 0; i < b->partition_count; i++)
        while (b->probe_columns[b->partition_at[i]] != columns[i])
            b->partition_at[i]++;
    return ERR_OK;
}

static enum err fill_binding(struct tables *t, struct entry *e, struct binding *b, bool from_map,
                             struct errmsg *em)
{
    const struct conf_destination *dest = &t->o.task->destination;
    b->object = e->object;
    TRY(topic_of(t, e, &b->topic_index, em));
    b->topic = strdup(t->o.topics->items[b->topic_index].name);
    if (b->topic == NULL)
        return ERR_NO_MEMORY;
    b->partitions = t->o.topics->items[b->topic_index].partitions;
    if (t->o.counters != NULL) {
        b->table_counter = counters_table(t->o.counters, b->table->database, b->table->name);
        b->topic_counter = counters_topic(t->o.counters, slice_str(b->topic));
    }
    if (from_map)
        TRY(row_plan_new(b->table, &b->plan, em));
    struct message_names names = {.database = b->table->database, .table = b->table->name};
    if (t->o.shaping != NULL) {
        TRY(shape_new(&t->o.shaping->rules[e->object], t->o.objects, e->object, b->table,
                      t->o.mariadb, &b->shape, em));
        names = (struct message_names){b->shape->database, b->shape->table, b->shape->columns};
    }
    const struct topic *topic = &t->o.topics->items[b->topic_index];
    const struct table *out = b->shape != NULL ? shape_table(b->shape, b->table) : b->table;
    TRY(format_table_new(t->o.format, out, &names, slice_of(topic->frame, topic->frame_len),
                         &b->format, em));
    uint16_t *named;
    uint32_t named_count;
    TRY(named_columns(b->table, &t->o.task->objects[e->object], &named, &named_count, em));
    b->key = key_table_new(b->table, policy_of(dest->partition_by), named, named_count);
    free(named);
    if (b->key == NULL)
        return ERR_NO_MEMORY;
    b->record_key = dest->key == CONF_KEY_PRIMARY && key_table_has_record_key(b->key);
    return plan_probes(b, dest->key_change == CONF_CHANGE_SPLIT);
}

/* Takes over the reference on table. from_map: its rows are those of the binlog. */
static enum err bind(struct tables *t, struct entry *e, struct table *table, bool from_map,
                     struct binding **out, struct errmsg *em)
{
    struct binding *b = calloc(1, sizeof(*b));
    if (b == NULL) {
        table_unref(table);
        return ERR_NO_MEMORY;
    }
    atomic_init(&b->refs, 1);
    b->table = table;
    enum err err = fill_binding(t, e, b, from_map, em);
    if (err != ERR_OK) {
        binding_unref(b);
        return err;
    }
    *out = b;
    return ERR_OK;
}

/* A map whose bytes are new for its table: makes the binding. */
enum err tables_rebind(struct tables *t, struct entry *e, const struct binlog_format *f,
                       struct slice body, struct slice raw, struct binlog_place place,
                       struct errmsg *em)
{
    struct table_map map;
    enum err err = binlog_table_map_parse(f, body, &t->scratch, &map);
    if (err != ERR_OK)
        return errmsg_set(em, err, "table %.*s.%.*s: its table map cannot be used: %s",
                          SLICE_ARG(e->database), SLICE_ARG(e->name), err_text(err));
    struct table *table;
    TRY(resolve(t, e, &map, place, &table, em));
    if (!entry_selected(e)) { /* a sequence: only its definition tells */
        table_unref(table);
        return ERR_OK;
    }
    if (table->type_text_rebuilt)
        log_warn(
            "table.rebuilt",
            "table=%.*s.%.*s reason=\"no catalogue entry: mysqlType is made from the table map\"",
            SLICE_ARG(e->database), SLICE_ARG(e->name));
    struct binding *b;
    TRY(bind(t, e, table, true, &b, em));
    uint8_t *copy = malloc(raw.len);
    if (copy == NULL) {
        binding_unref(b);
        return ERR_NO_MEMORY;
    }
    memcpy(copy, raw.ptr, raw.len);
    binding_unref(e->binding);
    free(e->raw);
    e->binding = b;
    e->bound = e->version;
    e->raw = copy;
    e->raw_len = raw.len;
    if (!table_map_has_names(&map))
        tables_doubt_later(t, e);
    log_debug("table.bound", "table=%.*s.%.*s columns=%u topic=%s", SLICE_ARG(e->database),
              SLICE_ARG(e->name), table->column_count, b->topic);
    return ERR_OK;
}

enum err tables_current(struct tables *t, struct slice database, struct slice table,
                        struct binding **out, struct errmsg *em)
{
    struct entry *e;
    *out = NULL;
    TRY(tables_entry(t, database, table, &e, em));
    if (!entry_selected(e))
        return ERR_OK;
    if (!e->known)
        TRY(redefine(t, e, em));
    const struct table_def *def = entry_def(t, e);
    if (def == NULL || def->sequence)
        return ERR_OK;
    if (e->current == NULL || e->current_of != e->version) {
        struct table *shape;
        struct binding *b;
        TRY(table_without_map(def, t->o.mariadb, &shape, em));
        TRY(bind(t, e, shape, false, &b, em));
        binding_unref(e->current);
        e->current = b;
        e->current_of = e->version;
    }
    *out = e->current;
    return ERR_OK;
}

void tables_not_current(struct tables *t, struct slice database, struct slice table)
{
    struct entry *e = tables_entry_find(t, database, table);
    if (e == NULL)
        return;
    binding_unref(e->current);
    e->current = NULL;
}
