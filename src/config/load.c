/*
 * From the tree to the task: each node meets its key, each key its value or
 * its default. Every problem is reported and the walk goes on, so that one run
 * shows them all.
 */
#include "config/load.h"

#include "config/value.h"

#include <stdlib.h>
#include <string.h>

/* Where the fields of a section's keys are: the task, or one entry of objects. */
struct target {
    const char *section; /* "source"; "" for the file; "objects[]" */
    const struct conf_node *map;
    uint8_t *base;
    bool in_entry; /* values are not kept by key: there is one map of them for each entry */
};

static void bind_section(struct conf_load *l, const struct target *t);

struct conf_value *conf_value_of(const struct conf_values *v, const char *path)
{
    const struct conf_key *k = conf_key_find(path);
    const struct conf_value *found = &v->items[k - conf_keys];
    return (struct conf_value *)(uintptr_t)found; /* loading fills in what it was handed as const */
}

const char *conf_value_text(const struct conf_values *v, const char *path)
{
    const struct conf_node *n = conf_value_of(v, path)->node;
    return n != NULL && n->kind == CONF_SCALAR ? n->text : NULL;
}

struct conf_mark conf_value_mark(const struct conf_load *l, const char *path)
{
    const struct conf_value *v = conf_value_of(l->values, path);
    return v->set ? v->node->at : (struct conf_mark){.file = l->task->path};
}

static void store_integer(const struct conf_key *k, uint8_t *base, int64_t number)
{
    uint8_t *field = base + k->field;
    uint64_t bits = (uint64_t)number;
    switch (k->size) {
    case 1:
        *field = (uint8_t)bits;
        break;
    case 2:
        memcpy(field, &(uint16_t){(uint16_t)bits}, 2);
        break;
    case 4:
        memcpy(field, &(uint32_t){(uint32_t)bits}, 4);
        break;
    default:
        memcpy(field, &bits, 8);
        break;
    }
}

static bool bind_number(struct conf_load *l, const struct conf_key *k, const struct conf_node *n,
                        uint8_t *base)
{
    int64_t number;
    if (!conf_number(k, n, l->report, &number))
        return false;
    if (k->field != CONF_NO_FIELD)
        store_integer(k, base, number);
    return true;
}

static bool bind_text(struct conf_load *l, const struct conf_key *k, const struct conf_node *n,
                      uint8_t *base)
{
    if (!conf_text_check(k, n, l->report))
        return false;
    const char *text = n->text;
    if (k->type == CONF_PATH && n->at.line > 0)
        text = conf_resolve(l->arena, n->at.file, text);
    if (k->field != CONF_NO_FIELD && text != NULL)
        memcpy(base + k->field, &text, sizeof(text));
    return text != NULL;
}

/* A list of texts; one text alone is a list of one, and brokers may be divided by commas. */
static bool bind_texts(struct conf_load *l, const struct conf_key *k, const struct conf_node *n,
                       uint8_t *base)
{
    struct conf_list list = {0};
    const struct conf_node *first = n->kind == CONF_SCALAR ? n : n->first;
    size_t count = n->kind == CONF_SCALAR ? 1 : n->count;
    if (n->kind == CONF_MAP || conf_node_missing(n)) {
        conf_problem(l->report, n->at, "%s: a list is expected, not %s", k->path,
                     conf_kind_name(n));
        return false;
    }
    list.items = conf_alloc(l->arena, (count + 1) * sizeof(*list.items));
    bool ok = list.items != NULL;
    for (const struct conf_node *m = first; m != NULL && list.count < count && list.items != NULL;
         m = m->next) {
        ok &= conf_text_check(k, m, l->report);
        list.items[list.count++] = m->kind == CONF_SCALAR ? m->text : "";
    }
    if (ok && k->field != CONF_NO_FIELD)
        memcpy(base + k->field, &list, sizeof(list));
    return ok;
}

static bool bind_brokers(struct conf_load *l, const struct conf_key *k, const struct conf_node *n,
                         uint8_t *base)
{
    struct conf_node list = *n;
    if (n->kind == CONF_SCALAR && strcmp(n->text, "embedded") == 0) {
        l->task->destination.embedded = true;
        return true;
    }
    if (n->kind == CONF_SCALAR && strchr(n->text, ',') != NULL) {
        list.kind = CONF_LIST;
        char *save = NULL, *all = conf_text(l->arena, n->text, strlen(n->text));
        for (char *s = all != NULL ? strtok_r(all, ", ", &save) : NULL; s != NULL;
             s = strtok_r(NULL, ", ", &save)) {
            struct conf_node *one = conf_alloc(l->arena, sizeof(*one));
            if (one == NULL)
                return false;
            *one = (struct conf_node){.kind = CONF_SCALAR, .text = s, .at = n->at};
            conf_append(&list, one);
        }
    }
    if (list.kind == CONF_LIST && list.count == 0) {
        conf_problem(l->report, n->at, "%s: at least one HOST:PORT is needed, or embedded",
                     k->path);
        return false;
    }
    return bind_texts(l, k, &list, base);
}

static bool bind_pairs(struct conf_load *l, const struct conf_key *k, const struct conf_node *n,
                       uint8_t *base)
{
    struct conf_pairs pairs = {0};
    bool ok = true;
    if (conf_node_missing(n))
        return true;
    if (n->kind != CONF_MAP) {
        conf_problem(l->report, n->at, "%s: a map of names to values is expected, not %s", k->path,
                     conf_kind_name(n));
        return false;
    }
    pairs.items = conf_alloc(l->arena, (n->count + 1) * sizeof(*pairs.items));
    for (const struct conf_node *m = n->first; m != NULL && pairs.items != NULL; m = m->next) {
        if (m->kind == CONF_SCALAR && m->text[0] != '\0' && m->name[0] != '\0') {
            pairs.items[pairs.count++] = (struct conf_pair){m->name, m->text};
            continue;
        }
        conf_problem(l->report, m->at, "%s.%.100s: a single value is expected, not %s", k->path,
                     m->name, conf_kind_name(m));
        ok = false;
    }
    memcpy(base + k->field, &pairs, sizeof(pairs));
    return ok && pairs.items != NULL;
}

static const char *column_member(struct conf_load *l, const struct conf_key *k,
                                 const struct conf_node *map, const char *name)
{
    const struct conf_node *n = conf_member(map, name);
    if (n != NULL && n->kind == CONF_SCALAR && n->text[0] != '\0')
        return n->text;
    conf_problem(l->report, n != NULL ? n->at : map->at,
                 "%s: a column has name, type and value: %s "
                 "is missing",
                 k->path, name);
    return NULL;
}

/* Columns to add: a list of maps. */
static bool bind_columns(struct conf_load *l, const struct conf_key *k, const struct conf_node *n,
                         uint8_t *base)
{
    struct conf_columns columns = {0};
    bool ok = n->kind == CONF_LIST;
    if (!ok)
        conf_problem(l->report, n->at, "%s: a list of columns is expected, not %s", k->path,
                     conf_kind_name(n));
    columns.items = conf_alloc(l->arena, (n->count + 1) * sizeof(*columns.items));
    for (const struct conf_node *m = n->first; ok && m != NULL && columns.items != NULL;
         m = m->next) {
        if (m->kind != CONF_MAP || m->count > 3) {
            conf_problem(l->report, m->at, "%s: a map of name, type and value is expected",
                         k->path);
            return false;
        }
        struct conf_column *c = &columns.items[columns.count++];
        c->name = column_member(l, k, m, "name");
        c->type = column_member(l, k, m, "type");
        c->value = column_member(l, k, m, "value");
        c->line = m->at.line;
        if (c->name == NULL || c->type == NULL || c->value == NULL)
            return false;
    }
    if (ok && columns.items != NULL)
        memcpy(base + k->field, &columns, sizeof(columns));
    return ok && columns.items != NULL;
}

static bool bind_value(struct conf_load *l, const struct conf_key *k, const struct conf_node *n,
                       uint8_t *base)
{
    struct conf_start start;
    struct conf_zone zone;
    if (conf_is_number(k))
        return bind_number(l, k, n, base);
    switch ((int)k->type) {
    case CONF_TEXTS:
        return bind_texts(l, k, n, base);
    case CONF_BROKERS:
        return bind_brokers(l, k, n, base);
    case CONF_PAIRS:
        return bind_pairs(l, k, n, base);
    case CONF_COLUMNS:
        return bind_columns(l, k, n, base);
    case CONF_OPAQUE:
        return true;
    case CONF_ORIGIN:
        if (!conf_origin(k, n, l->arena, l->report, &start))
            return false;
        memcpy(base + k->field, &start, sizeof(start));
        return true;
    case CONF_OFFSET:
        if (!conf_offset(k, n, l->report, &zone))
            return false;
        memcpy(base + k->field, &zone, sizeof(zone));
        return true;
    default:
        return bind_text(l, k, n, base);
    }
}

/* A default as a node. The table's texts are ours: a test parses them all. Most are plain words. */
static struct conf_node *fallback_node(struct conf_load *l, const struct conf_key *k)
{
    struct conf_node *n = NULL;
    struct conf_mark whole = {.file = l->task->path};
    if (k->fallback == NULL)
        return NULL;
    if (strchr("[{\"", k->fallback[0]) == NULL) {
        n = conf_alloc(l->arena, sizeof(*n));
        if (n != NULL)
            *n = (struct conf_node){
                .kind = CONF_SCALAR, .text = k->fallback, .plain = true, .at = whole};
    } else if (!conf_tree_parse(slice_str(k->fallback), whole, l->arena, l->report, &n)) {
        return NULL;
    }
    if (n != NULL)
        n->name = conf_key_leaf(k);
    return n;
}

static bool at_default(struct conf_load *l, const struct conf_key *k, const struct conf_node *n)
{
    int64_t a, b;
    const struct conf_node *fallback = fallback_node(l, k);
    if (fallback == NULL)
        return false;
    if (conf_is_number(k))
        return conf_number(k, n, l->report, &a) && conf_number(k, fallback, l->report, &b) &&
               a == b;
    return conf_node_equal(n, fallback);
}

/* A key of a feature that does not exist: said so, unless the value asks for nothing. */
static bool refuse_unbuilt(struct conf_load *l, const struct conf_key *k, const struct conf_node *n)
{
    size_t errors = l->report->error_count;
    if (at_default(l, k, n))
        return true;
    if (l->report->error_count == errors)
        conf_problem(l->report, n->name_at,
                     "%s is not available in this version: leave it out%s%s%s", k->path,
                     k->fallback != NULL ? ", or at its default (" : "",
                     k->fallback != NULL ? k->fallback : "", k->fallback != NULL ? ")" : "");
    return false;
}

static void unknown_key(struct conf_load *l, const char *section, const struct conf_node *n)
{
    const struct conf_key *near = conf_key_nearest(section, n->name);
    const char *dot = section[0] != '\0' ? "." : "";
    if (near != NULL)
        conf_problem(l->report, n->name_at, "unknown key %s%s%.100s: did you mean %s?", section,
                     dot, n->name, near->path);
    else
        conf_problem(l->report, n->name_at, "unknown key %s%s%.100s", section, dot, n->name);
}

static void bind_entries(struct conf_load *l, const struct conf_node *list)
{
    if (list->kind != CONF_LIST || list->count == 0) {
        conf_problem(l->report, list->at,
                     "objects: a list with at least one entry such as "
                     "\"- table: shop.*\" is expected, not %s",
                     list->kind == CONF_LIST ? "an empty one" : conf_kind_name(list));
        return;
    }
    struct conf_object *entries = conf_alloc(l->arena, list->count * sizeof(*entries));
    if (entries == NULL)
        return;
    l->values->objects = list;
    l->task->objects = entries;
    l->task->object_count = 0; /* the key may be there twice, which was reported */
    for (const struct conf_node *n = list->first; n != NULL; n = n->next) {
        if (n->kind != CONF_MAP) {
            conf_problem(l->report, n->at,
                         "objects: an entry such as \"table: shop.*\" is expected, "
                         "not %s",
                         conf_kind_name(n));
            continue;
        }
        struct conf_object *o = &entries[l->task->object_count++];
        const struct conf_node *table = conf_member(n, "table");
        const struct conf_node *filter = conf_member(n, "filter");
        o->table = "";
        o->ddl = CONF_DDL_ALL;
        o->filter_line = filter != NULL ? filter->at.line : 0;
        o->line = table != NULL ? table->at.line : n->at.line;
        o->column = table != NULL ? table->at.column : n->at.column;
        bind_section(l, &(struct target){"objects[]", n, (uint8_t *)o, true});
    }
}

static void bind_subsection(struct conf_load *l, const struct conf_key *k,
                            const struct conf_node *n, const struct target *t)
{
    if (n->kind == CONF_MAP)
        bind_section(l, &(struct target){k->path, n, t->base, t->in_entry});
    else if (!conf_node_missing(n))
        conf_problem(l->report, n->at, "%s: a map of keys is expected, not %s", k->path,
                     conf_kind_name(n));
}

static void bind_member(struct conf_load *l, const struct target *t, const struct conf_node *n)
{
    char path[128];
    int len = snprintf(path, sizeof(path), "%s%s%s", t->section, t->section[0] != '\0' ? "." : "",
                       n->name);
    const struct conf_key *k = len > 0 && (size_t)len < sizeof(path) ? conf_key_find(path) : NULL;
    if (k == NULL || !conf_key_within(k, t->section)) {
        unknown_key(l, t->section, n);
        return;
    }
    if (k->type == CONF_SECTION) {
        bind_subsection(l, k, n, t);
        return;
    }
    struct conf_value local = {0}, *v = t->in_entry ? &local : &l->values->items[k - conf_keys];
    v->node = n;
    v->set = true;
    if (k->type == CONF_ENTRIES)
        bind_entries(l, n);
    else if (k->flags & CONF_UNBUILT)
        v->broken = !refuse_unbuilt(l, k, n);
    else
        v->broken = !bind_value(l, k, n, t->base);
}

static void bind_section(struct conf_load *l, const struct target *t)
{
    for (const struct conf_node *n = t->map->first; n != NULL; n = n->next)
        bind_member(l, t, n);
    for (size_t i = 0; i < conf_key_count; i++) {
        const struct conf_key *k = &conf_keys[i];
        if ((k->flags & CONF_REQUIRED) && conf_key_within(k, t->section) &&
            conf_member(t->map, conf_key_leaf(k)) == NULL)
            conf_problem(l->report, t->map->at, "%s is missing: %s", k->path, k->sentence);
    }
}

/* Every key that the file leaves out, outside of objects. */
static void bind_defaults(struct conf_load *l)
{
    for (size_t i = 0; i < conf_key_count; i++) {
        const struct conf_key *k = &conf_keys[i];
        struct conf_value *v = &l->values->items[i];
        if (v->node != NULL || k->fallback == NULL || strchr(k->path, '[') != NULL)
            continue;
        v->node = fallback_node(l, k);
        if (v->node != NULL && !bind_value(l, k, v->node, (uint8_t *)l->task))
            v->broken = true;
    }
}

static void load_tree(struct conf_load *l, struct conf_node *root, const char *const *overrides,
                      size_t count)
{
    conf_apply_overrides(l, root, overrides, count);
    conf_apply_includes(l, root);
    bind_section(l, &(struct target){"", root, (uint8_t *)l->task, false});
    bind_defaults(l);
    conf_resolve_secrets(l);
    if (conf_value_of(l->values, "etl")->set)
        l->task->etl_line = conf_value_of(l->values, "etl")->node->at.line;
    l->task->skip_checks_line = conf_value_mark(l, "skip_checks").line;
    l->task->skip_checks_column = conf_value_mark(l, "skip_checks").column;
    conf_check(l);
}

/* What a task file can be, once it is a tree. */
static bool load_root(struct conf_load *l, struct conf_node *root, const char *const *overrides,
                      size_t count)
{
    struct conf_mark whole = {.file = l->task->path};
    if (root == NULL || conf_node_missing(root))
        conf_problem(l->report, whole,
                     "the file is empty: `rowcast config --example` prints one to start from");
    else if (root->kind != CONF_MAP)
        conf_problem(l->report, root->at, "a task file is a map of keys, not %s",
                     conf_kind_name(root));
    else
        load_tree(l, root, overrides, count);
    conf_report_sort(l->report);
    return l->report->error_count == 0;
}

/* An empty task with its arena. */
static enum err begin(struct conf_load *l, const char *path)
{
    l->values = calloc(1, sizeof(*l->values) + conf_key_count * sizeof(l->values->items[0]));
    if (l->values == NULL)
        return ERR_NO_MEMORY;
    l->arena = &l->values->arena;
    l->task = conf_alloc(l->arena, sizeof(*l->task));
    if (l->task != NULL)
        l->task->path = conf_text(l->arena, path, strlen(path));
    if (l->task != NULL && l->task->path != NULL) {
        l->task->values = l->values;
        return ERR_OK;
    }
    conf_arena_fini(l->arena);
    free(l->values);
    return ERR_NO_MEMORY;
}

static enum err end(struct conf_load *l, bool ok, struct task_config **out)
{
    if (ok) {
        *out = l->task;
        return ERR_OK;
    }
    conf_free(l->task);
    return ERR_CONFIG;
}

enum err conf_load(const char *path, const char *const *overrides, size_t override_count,
                   struct task_config **out, struct conf_report *report)
{
    struct conf_load l = {.report = report};
    struct conf_node *root = NULL;
    TRY(begin(&l, path));
    struct conf_mark whole = {.file = l.task->path};
    bool ok = conf_tree_read(path, whole, l.arena, report, &root) &&
              load_root(&l, root, overrides, override_count);
    return end(&l, ok, out);
}

enum err conf_load_text(struct slice text, struct task_config **out, struct conf_report *report)
{
    struct conf_load l = {.report = report, .alone = true};
    struct conf_node *root = NULL;
    TRY(begin(&l, "text"));
    struct conf_mark first = {l.task->path, 1, 1};
    bool ok = conf_tree_parse(text, first, l.arena, report, &root) && load_root(&l, root, NULL, 0);
    return end(&l, ok, out);
}

void conf_free(struct task_config *task)
{
    if (task == NULL)
        return;
    struct conf_values *values = task->values; /* the arena holds the task itself */
    conf_arena_fini(&values->arena);
    free(values);
}
