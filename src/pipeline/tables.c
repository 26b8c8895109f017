#include "pipeline/tables_int.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

enum err tables_new(const struct tables_options *o, struct tables **out)
{
    struct tables *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return ERR_NO_MEMORY;
    t->o = *o;
    t->notes_end = &t->notes;
    t->effects_end = &t->effects;
    t->queue_end = &t->queue;
    const struct catalog_options options = {.mariadb = o->mariadb,
                                            .version = o->version,
                                            .lower_case_table_names = o->lower_case_table_names};
    enum err e = catalog_new(&options, &t->catalog);
    if (e != ERR_OK) {
        free(t);
        return e;
    }
    *out = t;
    return ERR_OK;
}

static void entry_free(struct entry *e)
{
    binding_unref(e->binding);
    binding_unref(e->current);
    free(e->rival);
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
    tables_effects_free(t->effects);
    catalog_free(t->catalog);
    free(t->session_text);
    free(t->ids);
    free(t);
}

/* Names that differ in case only meet in one bucket, whatever the source thinks of them. */
static uint64_t name_hash(uint64_t h, struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        h = (h ^ (c >= 'A' && c <= 'Z' ? c + 32u : c)) * UINT64_C(0x100000001b3);
    }
    return hash_item(h, SLICE_LIT(""));
}

static size_t bucket_of(struct slice database, struct slice name)
{
    uint64_t h = name_hash(name_hash(HASH_START, database), name);
    return (h ^ h >> 32) % BUCKETS;
}

struct entry *tables_entry_find(const struct tables *t, struct slice database, struct slice name)
{
    bool fold = t->o.lower_case_table_names != 0;
    for (struct entry *e = t->buckets[bucket_of(database, name)]; e != NULL; e = e->next)
        if ((slice_eq(e->name, name) && slice_eq(e->database, database)) ||
            (fold && slice_eq_nocase(e->name, name) && slice_eq_nocase(e->database, database)))
            return e;
    return NULL;
}

enum err tables_entry(struct tables *t, struct slice database, struct slice name,
                      struct entry **out, struct errmsg *em)
{
    struct entry *e = tables_entry_find(t, database, name);
    if (e != NULL) {
        *out = e;
        return ERR_OK;
    }
    e = calloc(1, sizeof(*e) + database.len + name.len);
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
    struct entry **bucket = &t->buckets[bucket_of(database, name)];
    e->next = *bucket;
    *bucket = e;
    t->selected += entry_selected(e);
    *out = e;
    return ERR_OK;
}

bool tables_selected(struct tables *t, struct slice database, struct slice table)
{
    struct entry *e;
    size_t object;
    if (table.len == 0) /* in doubt it may */
        return objects_match_database(t->o.objects, database, &object, NULL) != ERR_OK ||
               object != OBJECTS_NONE;
    return tables_entry(t, database, table, &e, NULL) == ERR_OK && entry_selected(e);
}

static void add_note(struct tables *t, struct tables_note *n)
{
    *t->notes_end = n;
    t->notes_end = &n->next;
}

/* Puts the definition into the catalogue and frees it: another version of its table. */
static enum err take_def(struct tables *t, struct table_def *def, struct entry **out,
                         struct errmsg *em)
{
    struct entry *e;
    enum err err = tables_entry(t, def->database, def->name, &e, em);
    if (err == ERR_OK)
        err = catalog_put(t->catalog, def);
    bool sequence = def->sequence;
    free(def);
    TRY(err);
    e->sequence = sequence;
    e->version++;
    *out = e;
    return ERR_OK;
}

enum err tables_preset(struct tables *t, struct table_def *def, struct errmsg *em)
{
    struct entry *e;
    TRY(take_def(t, def, &e, em));
    e->known = false;
    return ERR_OK;
}

enum err tables_recall(struct tables *t, struct table_def *def, struct binlog_place holds_to,
                       struct errmsg *em)
{
    struct entry *e;
    size_t object;
    enum err err = objects_match(t->o.objects, def->database, def->name, &object, em);
    if (err == ERR_OK && object == OBJECTS_NONE) {
        err = catalog_put(t->catalog, def); /* kept since it may be renamed into the selection */
        free(def);
        return err;
    }
    if (err != ERR_OK) {
        free(def);
        return err;
    }
    TRY(take_def(t, def, &e, em));
    e->known = e->unproven = true;
    e->holds_to = holds_to;
    return ERR_OK;
}

enum err tables_database(struct tables *t, struct slice name, struct slice collation)
{
    return catalog_put_database(t->catalog, name, collation);
}

enum err tables_session(struct tables *t, const struct catalog_session *s)
{
    struct catalog_session own = *s;
    struct slice *texts[] = {&own.server_collation, &own.utf8mb4_collation, &own.engine};
    size_t len = 1;
    for (size_t i = 0; i < 3; i++)
        len += texts[i]->len;
    char *text = malloc(len), *at = text;
    if (text == NULL)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < 3; i++) {
        if (texts[i]->len > 0)
            memcpy(at, texts[i]->ptr, texts[i]->len);
        *texts[i] = slice_of((const uint8_t *)at, texts[i]->len);
        at += texts[i]->len;
    }
    own.database_collation = SLICE_LIT("");
    free(t->session_text);
    t->session_text = text;
    t->session = own;
    return ERR_OK;
}

void tables_trust(struct tables *t, struct binlog_place holds_to)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct entry *e = t->buckets[i]; e != NULL; e = e->next) {
            if (e->evolves || entry_def(t, e) == NULL)
                continue;
            e->known = true;
            e->holds_to = holds_to;
            tables_believe(e);
        }
    }
}

enum err tables_evolve(struct tables *t, struct slice database, struct slice table)
{
    struct entry *e;
    TRY(tables_entry(t, database, table, &e, NULL));
    catalog_remove(t->catalog, database, table);
    e->known = false;
    e->evolves = true;
    e->version++;
    return ERR_OK;
}

enum err tables_touch(struct tables *t, struct slice database, struct slice table)
{
    struct entry *e;
    TRY(tables_entry(t, database, table, &e, NULL));
    e->touched = true;
    return ERR_OK;
}

bool tables_any_touched(const struct tables *t)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (const struct entry *e = t->buckets[i]; e != NULL; e = e->next)
            if (e->touched && entry_selected(e))
                return true;
    return false;
}

void tables_untouch(struct tables *t)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct entry *e = t->buckets[i]; e != NULL; e = e->next) {
            e->touched = e->evolves = false;
            if (!e->known)
                catalog_remove(t->catalog, e->database, e->name);
        }
    }
}

enum err tables_note_schema(struct tables *t)
{
    struct tables_note *n = calloc(1, sizeof(*n));
    if (n == NULL)
        return ERR_NO_MEMORY;
    n->kind = NOTE_SCHEMA;
    add_note(t, n);
    return ERR_OK;
}

void tables_forget_places(struct tables *t, struct binlog_place place)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct entry *e = t->buckets[i]; e != NULL; e = e->next) {
            if (e->known && e->holds_to.file != 0 && !binlog_place_upto(e->holds_to, place)) {
                /* It is ahead of the stream, and nobody can tell any more up to where. */
                catalog_remove(t->catalog, e->database, e->name);
                e->known = false;
                e->version++;
            }
            e->holds_to = (struct binlog_place){0};
        }
    }
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

enum err tables_note_topic(struct tables *t, const char *name, int32_t partitions)
{
    struct tables_note *n = calloc(1, sizeof(*n));
    if (n == NULL)
        return ERR_NO_MEMORY;
    *n = (struct tables_note){.kind = NOTE_TOPIC, .topic = strdup(name), .partitions = partitions};
    add_note(t, n);
    return n->topic != NULL ? ERR_OK : ERR_NO_MEMORY;
}

/* The checkpoint gets a copy of its own: ours may be replaced before it is written. */
enum err tables_note_def(struct tables *t, const struct table_def *def,
                         struct binlog_place holds_to, bool stale)
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
    n->holds_to = holds_to;
    add_note(t, n);
    return ERR_OK;
}

enum err tables_note_all(struct tables *t)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct entry *e = t->buckets[i]; e != NULL; e = e->next) {
            const struct table_def *def = e->known ? entry_def(t, e) : NULL;
            if (def != NULL)
                TRY(tables_note_def(t, def, e->holds_to, false));
        }
    }
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

enum err tables_map(struct tables *t, const struct binlog_format *f, struct slice body,
                    const char *file, uint64_t offset, struct errmsg *em)
{
    struct binlog_map_head head;
    TRY(binlog_table_map_head(f, body, &head));
    struct entry *e;
    TRY(tables_entry(t, head.database, head.name, &e, em));
    bool same = e->binding != NULL && (e->known || e->map_only) && e->bound == e->version &&
                e->raw_len == head.raw.len && memcmp(e->raw, head.raw.ptr, head.raw.len) == 0;
    if (entry_selected(e) && !same)
        TRY(tables_rebind(t, e, f, body, head.raw, binlog_place_of(file, offset), em));
    return set_id(t, head.table_id, e);
}

enum err tables_find(struct tables *t, uint64_t table_id, struct binding **out)
{
    const struct id_slot *slot = t->id_cap > 0 ? id_slot(t, table_id) : NULL;
    if (slot == NULL || slot->entry == NULL)
        return ERR_UNKNOWN_TABLE_ID;
    *out = entry_selected(slot->entry) ? slot->entry->binding : NULL;
    return ERR_OK;
}

uint64_t tables_version(struct tables *t, struct slice database, struct slice table)
{
    const struct entry *e = tables_entry_find(t, database, table);
    return e != NULL ? e->version : 0;
}

enum err tables_walk(struct tables *t, tables_walk_fn each, void *arg)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct entry *e = t->buckets[i]; e != NULL; e = e->next) {
            const struct table_def *def = e->known ? entry_def(t, e) : NULL;
            if (!entry_selected(e) || (e->known && def == NULL))
                continue;
            const struct tables_view v = {.database = e->database,
                                          .table = e->name,
                                          .def = def,
                                          .version = e->version,
                                          .object = e->object,
                                          .touched = e->touched,
                                          .evolves = e->evolves};
            TRY(each(arg, &v));
        }
    }
    return ERR_OK;
}

struct table_effect *tables_take_effects(struct tables *t)
{
    struct table_effect *list = t->effects;
    t->effects = NULL;
    t->effects_end = &t->effects;
    return list;
}

void tables_effects_free(struct table_effect *list)
{
    while (list != NULL) {
        struct table_effect *next = list->next;
        free(list);
        list = next;
    }
}
