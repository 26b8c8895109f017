#include "pipeline/tables.h"

#include "base/hash.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    struct slice database; /* both point behind the struct */
    struct slice name;
    size_t object;                /* index of the objects entry that takes it, or OBJECTS_NONE */
    struct table_def *def;        /* NULL: not read yet, or no such table */
    bool stale;                   /* def may not hold for rows without FULL metadata */
    struct binlog_place holds_to; /* statements up to there do not change def */
    struct binding *binding;
    uint8_t *raw; /* of the table map that the binding was made from */
    size_t raw_len;
    struct entry *next; /* of the same hash */
};

struct id_slot {
    uint64_t id;
    struct entry *entry; /* NULL: free */
};

#define BUCKETS 4096  /* a power of two */
#define IDS_MAX 65536 /* kept from group to group */

struct tables {
    struct tables_options o;
    struct entry *buckets[BUCKETS];
    struct id_slot *ids; /* open addressing */
    uint32_t id_cap;     /* a power of two */
    uint32_t id_count;
    struct binlog_map_scratch scratch;
    struct tables_note *notes;
    struct tables_note **notes_end;
};

enum err tables_new(const struct tables_options *o, struct tables **out)
{
    struct tables *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return ERR_NO_MEMORY;
    t->o = *o;
    t->notes_end = &t->notes;
    *out = t;
    return ERR_OK;
}

static void entry_free(struct entry *e)
{
    if (e->binding != NULL)
        binding_unref(e->binding);
    free(e->def);
    free(e->raw);
    free(e);
}

void tables_free(struct tables *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (t->buckets[i] != NULL) {
            struct entry *e = t->buckets[i];
            t->buckets[i] = e->next;
            entry_free(e);
        }
    }
    binlog_map_scratch_fini(&t->scratch);
    tables_notes_free(t->notes);
    free(t->ids);
    free(t);
}

/* The entry of a table, made at the first call. */
static enum err entry_of(struct tables *t, struct slice database, struct slice name,
                         struct entry **out, struct errmsg *em)
{
    uint64_t h = hash_item(hash_item(HASH_START, database), name);
    struct entry **bucket = &t->buckets[h % BUCKETS];
    for (struct entry *e = *bucket; e != NULL; e = e->next) {
        if (slice_eq(e->name, name) && slice_eq(e->database, database)) {
            *out = e;
            return ERR_OK;
        }
    }
    struct entry *e = calloc(1, sizeof(*e) + database.len + name.len);
    if (e == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory for a table");
    enum err err = objects_match(t->o.objects, database, name, &e->object, em);
    if (err != ERR_OK) {
        free(e);
        return err;
    }
    uint8_t *text = (uint8_t *)(e + 1);
    memcpy(text, database.ptr, database.len);
    memcpy(text + database.len, name.ptr, name.len);
    e->database = slice_of(text, database.len);
    e->name = slice_of(text + database.len, name.len);
    e->next = *bucket;
    *bucket = e;
    *out = e;
    return ERR_OK;
}

bool tables_selected(struct tables *t, struct slice database, struct slice table)
{
    struct entry *e;
    return entry_of(t, database, table, &e, NULL) == ERR_OK && e->object != OBJECTS_NONE;
}

enum err tables_preset(struct tables *t, struct table_def *def, struct errmsg *em)
{
    struct entry *e;
    enum err err = entry_of(t, def->database, def->name, &e, em);
    if (err != ERR_OK) {
        free(def);
        return err;
    }
    free(e->def);
    e->def = def;
    e->stale = true;
    return ERR_OK;
}

void tables_trust(struct tables *t, struct binlog_place holds_to)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct entry *e = t->buckets[i]; e != NULL; e = e->next) {
            if (e->def == NULL)
                continue;
            e->stale = false;
            e->holds_to = holds_to;
        }
    }
}

void tables_forget_places(struct tables *t)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct entry *e = t->buckets[i]; e != NULL; e = e->next)
            e->holds_to = (struct binlog_place){0};
}

void tables_forget_ids(struct tables *t)
{
    if (t->id_cap > 0)
        memset(t->ids, 0, t->id_cap * sizeof(*t->ids));
    t->id_count = 0;
}

void tables_trim_ids(struct tables *t)
{
    if (t->id_count > IDS_MAX)
        tables_forget_ids(t);
}

static struct id_slot *id_slot(const struct tables *t, uint64_t id)
{
    uint32_t i = (uint32_t)(id * UINT64_C(0x9E3779B97F4A7C15) >> 40) & (t->id_cap - 1);
    while (t->ids[i].entry != NULL && t->ids[i].id != id)
        i = (i + 1) & (t->id_cap - 1);
    return &t->ids[i];
}

static enum err grow_ids(struct tables *t)
{
    struct id_slot *old = t->ids;
    uint32_t old_cap = t->id_cap;
    uint32_t cap = old_cap == 0 ? 256 : old_cap * 2;
    struct id_slot *ids = calloc(cap, sizeof(*ids));
    if (ids == NULL)
        return ERR_NO_MEMORY;
    t->ids = ids;
    t->id_cap = cap;
    for (uint32_t i = 0; i < old_cap; i++)
        if (old[i].entry != NULL)
            *id_slot(t, old[i].id) = old[i];
    free(old);
    return ERR_OK;
}

static enum err set_id(struct tables *t, uint64_t id, struct entry *e)
{
    if (t->id_count * 2 >= t->id_cap)
        TRY(grow_ids(t));
    struct id_slot *slot = id_slot(t, id);
    if (slot->entry == NULL)
        t->id_count++;
    *slot = (struct id_slot){.id = id, .entry = e};
    return ERR_OK;
}

static void add_note(struct tables *t, struct tables_note *n)
{
    *t->notes_end = n;
    t->notes_end = &n->next;
}

static enum err note_topic(struct tables *t, const char *name, int32_t partitions)
{
    struct tables_note *n = calloc(1, sizeof(*n));
    if (n == NULL)
        return ERR_NO_MEMORY;
    *n = (struct tables_note){.kind = NOTE_TOPIC, .topic = strdup(name), .partitions = partitions};
    add_note(t, n);
    return n->topic != NULL ? ERR_OK : ERR_NO_MEMORY;
}

/* The checkpoint gets a copy of its own: ours may be replaced before it is written. */
static enum err note_def(struct tables *t, const struct table_def *def, bool stale)
{
    struct tables_note *n = calloc(1, sizeof(*n));
    if (n == NULL)
        return ERR_NO_MEMORY;
    enum err e = table_def_copy(def, &n->def);
    if (e != ERR_OK) {
        free(n);
        return e;
    }
    n->kind = stale ? NOTE_STALE : NOTE_DEF;
    add_note(t, n);
    return ERR_OK;
}

enum err tables_note_all(struct tables *t)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct entry *e = t->buckets[i]; e != NULL; e = e->next)
            if (e->def != NULL && !e->stale)
                TRY(note_def(t, e->def, false));
    return ERR_OK;
}

struct tables_note *tables_take_notes(struct tables *t)
{
    struct tables_note *n = t->notes;
    t->notes = NULL;
    t->notes_end = &t->notes;
    return n;
}

struct tables_note *tables_notes_join(struct tables_note *a, struct tables_note *b)
{
    struct tables_note **end = &a;
    while (*end != NULL)
        end = &(*end)->next;
    *end = b;
    return a;
}

void tables_notes_free(struct tables_note *n)
{
    while (n != NULL) {
        struct tables_note *next = n->next;
        free(n->topic);
        free(n->def);
        free(n);
        n = next;
    }
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
    bool fresh;
    TRY(topics_need(t->o.topics, name, (int32_t)partitions, index, &fresh, em));
    if (fresh && note_topic(t, name, t->o.topics->items[*index].partitions) != ERR_OK)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory for topic %s", name);
    return ERR_OK;
}

enum err tables_prepare_topics(struct tables *t, struct errmsg *em)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct entry *e = t->buckets[i]; e != NULL; e = e->next) {
            uint32_t index;
            if (e->object != OBJECTS_NONE)
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
    free(e->def);
    e->def = def;
    e->holds_to = holds_to;
    e->stale = false;
    return ERR_OK;
}

/*
 * Finds the definition that fits the map. With FULL metadata the map speaks
 * for itself, and the catalogue only adds the text of the types; otherwise the
 * catalogue's definition must fit, if need be after it was read again.
 */
static enum err resolve(struct tables *t, struct entry *e, const struct table_map *map,
                        struct table **out, struct errmsg *em)
{
    bool full = table_map_has_names(map);
    bool read_now = false;
    if (e->def == NULL || e->stale) {
        enum err err = redefine(t, e, em);
        if (err == ERR_TABLE_MISMATCH && full) {
            free(e->def);
            e->def = NULL; /* what the source shows is of another time; the map is enough */
        } else if (err != ERR_OK) {
            return err;
        }
        read_now = true;
    }
    enum err err = table_resolve(map, e->def, out, em);
    if (err == ERR_TABLE_MISMATCH && !read_now && !full) {
        TRY(redefine(t, e, em));
        read_now = true;
        err = table_resolve(map, e->def, out, em);
    }
    if (err == ERR_TABLE_MISMATCH && full)
        return table_resolve(map, NULL, out, em);
    if (err == ERR_TABLE_MISMATCH && e->def == NULL)
        return errmsg_set(
            em, err,
            "table %.*s.%.*s is not there any more (or the account may not SELECT from "
            "it), and its rows cannot be read without its definition: set "
            "binlog_row_metadata=FULL on the source, or start behind it",
            SLICE_ARG(e->database), SLICE_ARG(e->name));
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

static enum err fill_binding(struct tables *t, struct entry *e, struct binding *b,
                             struct errmsg *em)
{
    const struct conf_destination *dest = &t->o.task->destination;
    TRY(topic_of(t, e, &b->topic_index, em));
    b->topic = strdup(t->o.topics->items[b->topic_index].name);
    if (b->topic == NULL)
        return ERR_NO_MEMORY;
    b->partitions = t->o.topics->items[b->topic_index].partitions;
    TRY(row_plan_new(b->table, &b->plan, em));
    struct canal_names names = {.database = b->table->database, .table = b->table->name};
    TRY(format_table_new(t->o.format, b->table, &names, &b->format, em));
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

/* Takes over the reference on table. */
static enum err bind(struct tables *t, struct entry *e, struct table *table, struct binding **out,
                     struct errmsg *em)
{
    struct binding *b = calloc(1, sizeof(*b));
    if (b == NULL) {
        table_unref(table);
        return ERR_NO_MEMORY;
    }
    atomic_init(&b->refs, 1);
    b->table = table;
    enum err err = fill_binding(t, e, b, em);
    if (err != ERR_OK) {
        binding_unref(b);
        return err;
    }
    *out = b;
    return ERR_OK;
}

/* A map whose bytes are new for its table: makes the binding. */
static enum err rebind(struct tables *t, struct entry *e, const struct binlog_format *f,
                       struct slice body, struct slice raw, struct errmsg *em)
{
    struct table_map map;
    enum err err = binlog_table_map_parse(f, body, &t->scratch, &map);
    if (err != ERR_OK)
        return errmsg_set(em, err, "table %.*s.%.*s: its table map cannot be used: %s",
                          SLICE_ARG(e->database), SLICE_ARG(e->name), err_text(err));
    struct table *table;
    TRY(resolve(t, e, &map, &table, em));
    if (table->type_text_rebuilt)
        log_warn(
            "table.rebuilt",
            "table=%.*s.%.*s reason=\"no catalogue entry: mysqlType is made from the table map\"",
            SLICE_ARG(e->database), SLICE_ARG(e->name));
    struct binding *b;
    TRY(bind(t, e, table, &b, em));
    uint8_t *copy = malloc(raw.len);
    if (copy == NULL) {
        binding_unref(b);
        return ERR_NO_MEMORY;
    }
    memcpy(copy, raw.ptr, raw.len);
    if (e->binding != NULL)
        binding_unref(e->binding);
    free(e->raw);
    e->binding = b;
    e->raw = copy;
    e->raw_len = raw.len;
    if (e->def != NULL)
        TRY(note_def(t, e->def, false));
    log_debug("table.bound", "table=%.*s.%.*s columns=%u topic=%s", SLICE_ARG(e->database),
              SLICE_ARG(e->name), table->column_count, b->topic);
    return ERR_OK;
}

enum err tables_map(struct tables *t, const struct binlog_format *f, struct slice body,
                    struct errmsg *em)
{
    struct binlog_map_head head;
    TRY(binlog_table_map_head(f, body, &head));
    struct entry *e;
    TRY(entry_of(t, head.database, head.name, &e, em));
    bool same = e->binding != NULL && !e->stale && e->raw_len == head.raw.len &&
                memcmp(e->raw, head.raw.ptr, head.raw.len) == 0;
    if (e->object != OBJECTS_NONE && !same)
        TRY(rebind(t, e, f, body, head.raw, em));
    return set_id(t, head.table_id, e);
}

enum err tables_find(struct tables *t, uint64_t table_id, struct binding **out)
{
    const struct id_slot *slot = t->id_cap > 0 ? id_slot(t, table_id) : NULL;
    if (slot == NULL || slot->entry == NULL)
        return ERR_UNKNOWN_TABLE_ID;
    *out = slot->entry->object != OBJECTS_NONE ? slot->entry->binding : NULL;
    return ERR_OK;
}

static bool may_change(enum ddl_effect effect, const struct entry *e, struct slice sql,
                       struct slice default_database)
{
    switch (effect) {
    case DDL_NO_EFFECT:
        return false;
    case DDL_CREATES:
    case DDL_CREATES_MAYBE:
    case DDL_CHANGES:
        return ddl_mentions(sql, default_database, e->database, e->name);
    case DDL_DROPS_DATABASE:
        return ddl_mentions_database(sql, e->database);
    }
    return true;
}

enum err tables_statement(struct tables *t, enum ddl_effect effect, struct slice sql,
                          struct slice default_database, struct binlog_place place)
{
    if (effect == DDL_NO_EFFECT)
        return ERR_OK;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct entry *e = t->buckets[i]; e != NULL; e = e->next) {
            if (e->object == OBJECTS_NONE || e->stale || e->def == NULL ||
                binlog_place_upto(place, e->holds_to) ||
                !may_change(effect, e, sql, default_database))
                continue;
            e->stale = true;
            TRY(note_def(t, e->def, true));
        }
    }
    return ERR_OK;
}

bool tables_mentioned(struct tables *t, struct slice sql, struct slice default_database,
                      struct slice *database, struct slice *table)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct entry *e = t->buckets[i]; e != NULL; e = e->next) {
            if (e->object == OBJECTS_NONE ||
                !ddl_mentions(sql, default_database, e->database, e->name))
                continue;
            *database = e->database;
            *table = e->name;
            return true;
        }
    }
    return false;
}
