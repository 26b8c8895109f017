#include "pipeline/explain.h"

#include "pipeline/look.h"

#include <stdio.h>

struct explain {
    const struct explain_options *o;
    struct look *look;
    bool enough;
};

static enum err tell(struct explain *x, struct explain_item *item, struct binlog_place at)
{
    item->at = at;
    look_place(x->look, at, item->place, sizeof(item->place));
    enum err e = x->o->each(x->o->arg, item);
    if (e != ERR_OK) {
        x->enough = true;
        atomic_store(&task_stopping, true);
    }
    return e;
}

static const char *topic_name(const struct explain *x, uint32_t index)
{
    return x->look->t.topics.items[index].name;
}

static enum err see(void *arg, const struct lane_sight *sight)
{
    struct explain *x = arg;
    const struct batch_ddl *d = sight->ddl;
    struct explain_item item = {.sight = sight};
    if (d != NULL) {
        item.topic = topic_name(x, d->topic_index);
        item.es_ms = d->change.es_ms;
        return tell(x, &item, (struct binlog_place){d->origin.file, d->origin.offset});
    }
    const struct row_event *ev = sight->event;
    item.topic = topic_name(x, ev->binding->topic_index);
    item.entry_index = ev->binding->object;
    item.entry = &x->look->config.objects[item.entry_index];
    item.es_ms = ev->es_ms;
    return tell(x, &item, (struct binlog_place){ev->origin.file, ev->origin.offset});
}

static void see_unsent(void *arg, const struct ddl_statement *st, struct binlog_place at)
{
    struct explain_item item = {.unsent = st, .topic = ""};
    if (!((struct explain *)arg)->enough)
        (void)!tell(arg, &item, at);
}

static enum err make_reader(struct explain *x, struct errmsg *em)
{
    struct task *t = &x->look->t;
    struct replica_options o = {
        .task = t->config,
        .source = &t->source,
        .loop = t->setup_loop,
        .pool = t->pool,
        .feeder = &t->feeder,
        .tables = t->tables,
        .progress = &t->progress,
        .fault = &t->fault,
        .stop = &task_stopping,
        .known = &t->server,
        .server_id = t->server_id,
        .uuid = t->uuid,
        .start = &t->start,
        .xa = &t->xa,
        .next_id = t->next_id,
        .until = &t->target,
        .unsent = see_unsent,
        .unsent_arg = x,
    };
    enum err e = replica_new(&o, &t->replica);
    return e == ERR_OK ? e : errmsg_set(em, e, "%s", err_text(e));
}

/* The reader runs here: its loop is the one that this thread has used so far. */
static enum err follow(struct explain *x, struct errmsg *em)
{
    struct task *t = &x->look->t;
    src_session_close(t->session);
    t->session = NULL;
    TRY(look_lane(x->look, see, x, em));
    TRY(make_reader(x, em));
    (void)replica_run(t->replica);
    if (fault_err(&t->fault) != ERR_OK)
        return errmsg_set(em, fault_err(&t->fault), "%s", fault_text(&t->fault));
    return ERR_OK;
}

enum err explain_run(const struct explain_options *o, struct explain_span *span, struct errmsg *em)
{
    struct explain x = {.o = o};
    TRY(look_open(o->config, &o->from, &x.look, em));
    const struct task *t = &x.look->t;
    position_text(&t->start, span->from, sizeof(span->from));
    position_text(&t->target, span->to, sizeof(span->to));
    enum err e = position_reached(&t->start, &t->target) ? ERR_OK : follow(&x, em);
    look_close(x.look);
    return e;
}
