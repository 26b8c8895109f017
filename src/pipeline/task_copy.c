/* The full copy at start: which tables there are, and what is known of their copies. */
#include "pipeline/task_int.h"

#include "base/log.h"
#include "pipeline/copy_int.h"
#include "source/catalog.h"

/* What the walk over the source's tables gathers. */
struct gather {
    struct task *task;
    struct errmsg *em;
    size_t left;          /* tables that are not copied yet */
    struct known guessed; /* their rows */
};

/* A selected table that is not copied yet. */
static bool is_left(void *arg, struct slice database, struct slice table)
{
    const struct gather *g = arg;
    return tables_selected(g->task->tables, database, table) &&
           (table.len == 0 || !copy_is_done(g->task->copy, g->task->ckpt, database, table));
}

static enum err count_left(void *arg, const struct table_def *def)
{
    struct gather *g = arg;
    g->left += !def->sequence;
    return ERR_OK;
}

static enum err add_guess(void *arg, const struct src_table_stats *s)
{
    struct gather *g = arg;
    return known_add(&g->guessed, s->database, s->name, s->rows, false);
}

static enum err add_table(void *arg, const struct table_def *def)
{
    struct gather *g = arg;
    const struct known_table *k = known_find(&g->guessed, def->database, def->name);
    return copy_add(g->task->copy, g->task->ckpt, def, k != NULL ? k->rows : 0, g->em);
}

/* What the precheck has read will do where no table came, and no statement touched one, since. */
static enum err find_known(void *arg, const struct tables_view *v)
{
    struct task *t = arg;
    t->known.whole = t->known.whole && v->def != NULL && !v->touched &&
                     known_find(&t->known, v->database, v->table) != NULL;
    return ERR_OK;
}

static enum err add_known(void *arg, const struct tables_view *v)
{
    struct gather *g = arg;
    const struct known_table *k = known_find(&g->task->known, v->database, v->table);
    g->left++;
    return copy_add(g->task->copy, g->task->ckpt, v->def, k->rows, g->em);
}

/* What is copied is not looked at again: after a restart names are all that is asked for. */
static enum err add_tables(struct task *t, struct gather *g)
{
    TRY(tables_walk(t->tables, find_known, t));
    if (t->known.whole)
        return tables_walk(t->tables, add_known, g);
    TRY(src_catalog_names(t->session, &t->server, is_left, count_left, g, g->em));
    if (g->left == 0)
        return ERR_OK;
    enum err e = src_table_stats(t->session, &t->server, is_left, add_guess, g, g->em);
    known_sort(&g->guessed);
    if (e == ERR_OK)
        e = src_catalog_walk(t->session, &t->server, is_left, add_table, g, g->em);
    known_fini(&g->guessed);
    return e;
}

/* ---- what the account may read ---- */

/* Tables that cannot be copied, for one sentence. */
struct missing {
    struct gather left; /* first, for is_left() */
    struct task *task;
    struct writer list;
    uint32_t count;
};

#define MISSING_SHOWN 50

static void add_missing(struct missing *m, struct slice database, struct slice table)
{
    if (m->count++ < MISSING_SHOWN)
        writer_printf(&m->list, "%s%.*s.%.*s", m->list.len > 0 ? ", " : "", SLICE_ARG(database),
                      SLICE_ARG(table));
}

static enum err add_denied(void *arg, const struct table_def *def)
{
    add_missing(arg, def->database, def->name);
    return ERR_OK;
}

static enum err add_denied_known(void *arg, const struct tables_view *v)
{
    struct missing *m = arg;
    if (known_find(&m->task->known, v->database, v->table)->denied)
        add_missing(m, v->database, v->table);
    return ERR_OK;
}

/* Tables that are named without a pattern, and are not to be seen. */
static void add_unseen(struct missing *m)
{
    const struct task *t = m->task;
    for (size_t i = 0; i < objects_count(t->objects); i++) {
        struct slice database, table;
        size_t index;
        if (!objects_name(t->objects, i, &database, &table) ||
            objects_match(t->objects, database, table, &index, NULL) != ERR_OK || index != i)
            continue;
        if (!copy_knows(t->copy, t->ckpt, database, table))
            add_missing(m, database, table);
    }
}

/*
 * All that is missing at once, before anything is sent. A table without any
 * grant looks to the account like one that is not there.
 */
static enum err check_grants(struct task *t, size_t left, struct errmsg *em)
{
    struct missing m = {.left = {.task = t}, .task = t};
    enum err e = ERR_OK;
    writer_init(&m.list, sizeof(em->text) / 2);
    if (t->known.whole)
        e = tables_walk(t->tables, add_denied_known, &m);
    else if (left > 0)
        e = src_catalog_denied(t->session, &t->server, is_left, add_denied, &m, em);
    if (e == ERR_OK)
        add_unseen(&m);
    if (e == ERR_OK && m.count > 0)
        e = errmsg_set(
            em, ERR_ACCESS_DENIED,
            "source %s:%u: %u tables of objects cannot be copied, since they are not "
            "there or user '%s' may not SELECT from them: %.*s: GRANT SELECT ON them, or "
            "take them out of objects",
            t->config->source.host, t->config->source.port, m.count, t->config->source.user,
            (int)m.list.len, (const char *)m.list.base);
    writer_fini(&m.list);
    return e;
}

/* A part of a row that comes in the window of a chunk could not take the place of the whole. */
static enum err check_row_image(const struct task *t, struct errmsg *em)
{
    enum err e = src_server_check_image(&t->server, em);
    if (e != ERR_OK)
        errmsg_prefix(em, "source %s:%u", t->config->source.host, t->config->source.port);
    return e;
}

enum err task_open_copy(struct task *t, struct errmsg *em)
{
    struct copy_options o = {.task = t->config,
                             .source = &t->source,
                             .server = &t->server,
                             .tables = t->tables,
                             .loop = t->loop,
                             .fault = &t->fault,
                             .throttle = &t->o.view->full,
                             .guard = &t->guard,
                             .counters = &t->o.view->counters,
                             .copying = &t->o.view->copying,
                             .atomic = t->txn.client != NULL,
                             .stop = &task_stopping};
    TRY(copy_new(&o, &t->copy, em));
    copy_recall_numbers(t->copy, t->ckpt);
    struct gather g = {.task = t, .em = em};
    TRY(add_tables(t, &g));
    TRY(check_grants(t, g.left, em));
    known_fini(&t->known);
    if (copy_finished(t->copy))
        return ERR_OK;
    TRY(check_row_image(t, em));
    return guard_start(t->config, &t->source, &t->server, &t->o.view->copying, &task_stopping,
                       &t->guard, em);
}

enum err task_note_copied(struct task *t, const struct tables_note *notes)
{
    for (const struct tables_note *n = notes; n != NULL; n = n->next)
        if (n->kind == NOTE_COPIED)
            TRY(copy_acknowledged(t->copy, t->ckpt, n->range));
    return ERR_OK;
}
