/* Which tables are compared, and what is needed for each. See verify.h. */
#include "pipeline/verify_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct choice {
    struct verify *v;
    bool *matched; /* by name given */
    enum err err;
};

static bool is_named(const struct choice *c, const struct tables_view *view)
{
    const struct verify_options *o = c->v->o;
    char name[600];
    bool found = o->table_count == 0;
    snprintf(name, sizeof(name), "%.*s.%.*s", SLICE_ARG(view->database), SLICE_ARG(view->table));
    for (size_t i = 0; i < o->table_count; i++) {
        if (strcmp(o->tables[i], name) != 0)
            continue;
        c->matched[i] = true;
        found = true;
    }
    return found;
}

static enum err choose(void *arg, const struct tables_view *view)
{
    struct choice *c = arg;
    struct verify *v = c->v;
    if (!is_named(c, view))
        return ERR_OK;
    struct verify_table *tables = realloc(v->tables, (v->table_count + 1) * sizeof(*tables));
    if (tables == NULL)
        return ERR_NO_MEMORY;
    v->tables = tables;
    struct verify_table *t = &tables[v->table_count];
    *t = (struct verify_table){.database =
                                   strndup((const char *)view->database.ptr, view->database.len),
                               .name = strndup((const char *)view->table.ptr, view->table.len)};
    v->table_count++;
    return t->database != NULL && t->name != NULL ? ERR_OK : ERR_NO_MEMORY;
}

static enum err choose_tables(struct verify *v, struct errmsg *em)
{
    const struct verify_options *o = v->o;
    struct choice c = {.v = v, .matched = calloc(o->table_count + 1, sizeof(bool))};
    if (c.matched == NULL)
        return ERR_NO_MEMORY;
    enum err e = tables_walk(v->look->t.tables, choose, &c);
    for (size_t i = 0; e == ERR_OK && i < o->table_count; i++)
        if (!c.matched[i])
            e = errmsg_set(em, ERR_USAGE,
                           "--table %.200s: objects take no such table, or it is not there (or the "
                           "account may not SELECT from it)",
                           o->tables[i]);
    free(c.matched);
    return e;
}

/* The names of the columns that go out. */
static enum err make_fold(struct verify *v, struct verify_table *t)
{
    const struct binding *b = t->binding;
    const struct table *out = b->shape != NULL ? shape_table(b->shape, b->table) : b->table;
    struct slice *names = calloc(out->column_count + 1, sizeof(*names));
    if (names == NULL)
        return ERR_NO_MEMORY;
    uint32_t count = 0;
    for (uint32_t i = 0; i < out->column_count; i++) {
        bool renamed = b->shape != NULL && b->shape->columns != NULL;
        struct slice name = renamed ? b->shape->columns[i] : out->columns[i].name;
        if (name.len > 0 && !out->columns[i].hidden)
            names[count++] = name;
    }
    t->fold = fold_new(v->secret, names, count);
    free(names);
    return t->fold != NULL ? ERR_OK : ERR_NO_MEMORY;
}

static void say_why(const struct verify *v, struct verify_table *t)
{
    const struct task_config *c = v->o->config;
    const struct conf_object *entry = &c->objects[t->binding->object];
    unsigned all = CONF_DML_INSERT | CONF_DML_UPDATE | CONF_DML_DELETE;
    const char *why = "";
    if (entry->dml != 0 && (entry->dml & all) != all)
        why = "dml of its entry leaves changes out, so that the messages do not add up to its rows";
    else if (t->keyless && (c->phases & CONF_PHASE_FULL) == 0)
        why = "it has no record key, and without the full phase its older rows were never sent";
    else if (t->keyless && c->full.keyless == CONF_KEYLESS_SKIP)
        why = "it has no record key, and full.keyless is skip";
    snprintf(t->result.why, sizeof(t->result.why), "%s", why);
    if ((c->phases & CONF_PHASE_FULL) == 0)
        snprintf(t->result.notice, sizeof(t->result.notice),
                 "the task has no full phase: rows older than its start are missing rightly");
}

static enum err prepare_table(struct verify *v, struct verify_table *t, struct errmsg *em)
{
    struct task *task = &v->look->t;
    struct binding *b;
    TRY(tables_current(task->tables, slice_str(t->database), slice_str(t->name), &b, em));
    if (b == NULL)
        return errmsg_set(em, ERR_TABLE_MISMATCH, "table %s.%s is not there any more", t->database,
                          t->name);
    binding_ref(b);
    t->binding = b;
    TRY(copy_table_new(&task->server, b->table, SLICE_LIT(""), &t->copy, em));
    t->copy->share[0] = '\0'; /* nothing is locked for this */
    if (b->copy == NULL) {
        copy_table_ref(t->copy);
        b->copy = t->copy;
    }
    t->keyless = !b->record_key;
    t->prefix = key_table_prefix(b->key);
    t->sent_database = b->shape != NULL ? b->shape->database : b->table->database;
    t->sent_table = b->shape != NULL ? b->shape->table : b->table->name;
    t->result = (struct verify_result){
        .database = t->database, .table = t->name, .topic = b->topic, .keyless = t->keyless};
    say_why(v, t);
    return make_fold(v, t);
}

/* Several tables that go out under one name; rows without keys cannot be told apart then. */
static void find_twins(struct verify *v)
{
    for (size_t i = 0; i < v->table_count; i++) {
        for (size_t k = 0; k < v->table_count; k++) {
            struct verify_table *a = &v->tables[i];
            const struct verify_table *b = &v->tables[k];
            if (i == k || !slice_eq(a->sent_table, b->sent_table) ||
                !slice_eq(a->sent_database, b->sent_database))
                continue;
            a->shared = true;
            if (a->keyless && strcmp(a->result.topic, b->result.topic) == 0)
                snprintf(a->result.why, sizeof(a->result.why),
                         "it has no record key, and %s.%s goes out under the same name",
                         b->database, b->name);
        }
    }
}

static int by_topic(const void *a, const void *b)
{
    const struct verify_table *x = a, *y = b;
    int c = strcmp(x->result.topic, y->result.topic);
    if (c == 0)
        c = strcmp(x->database, y->database);
    return c != 0 ? c : strcmp(x->name, y->name);
}

enum err verify_choose_tables(struct verify *v, struct errmsg *em)
{
    TRY(choose_tables(v, em));
    for (size_t i = 0; i < v->table_count; i++)
        TRY(prepare_table(v, &v->tables[i], em));
    if (v->table_count > 0)
        qsort(v->tables, v->table_count, sizeof(*v->tables), by_topic);
    find_twins(v);
    return ERR_OK;
}

void verify_reset_result(struct verify_table *t)
{
    struct verify_result *r = &t->result;
    for (uint32_t i = 0; i < r->sample_count; i++)
        free(r->samples[i].key);
    r->sample_count = 0;
    r->rows = r->keys = r->equal = r->changing = r->partly = r->once = 0;
    memset(r->found, 0, sizeof(r->found));
}

void verify_free_table(struct verify_table *t)
{
    verify_forget(t);
    free(t->candidates);
    verify_reset_result(t);
    fold_free(t->fold);
    copy_table_unref(t->copy);
    if (t->binding != NULL)
        binding_unref(t->binding);
    free(t->database);
    free(t->name);
}
