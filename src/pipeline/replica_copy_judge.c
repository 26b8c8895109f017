/*
 * Changes of tables that are being copied: which of them go out, and which
 * keys an open range has to leave to them. What and why: copy.h.
 */
#include "pipeline/replica_int.h"

#include "pipeline/copy_int.h"

/* The group at hand was passed before the range was opened, in an earlier run. */
static bool was_passed(const struct replica *r, const struct copy_range *rg)
{
    if (!rg->recalled)
        return false;
    const struct copy_mark *m = &rg->opened;
    if (r->read.kind == POSITION_GTID)
        return r->group.has_gtid && my_gtid_set_contains(&m->set, &r->group.gtid);
    struct binlog_place begin = binlog_place_of(r->read.file, r->read.offset);
    struct binlog_place opened = binlog_place_of(m->file, m->offset);
    return m->file[0] != 0 && !binlog_place_upto(opened, begin);
}

static enum err touch(struct replica *r, struct copy_range *rg, const struct table *t,
                      const struct cell *key, bool partial)
{
    struct copy *c = r->o.copy;
    if (rg->sent || rg->forgotten || rg->loose)
        return ERR_OK;
    if (partial) { /* the row that is being read has what the image lacks */
        rg->doubt = true;
        return ERR_OK;
    }
    if (!rg->touching) {
        rg->touching = true;
        rg->touched_certain = rg->touched.count;
        rg->touch_next = c->touching;
        c->touching = rg;
    }
    writer_clear(&c->scratch);
    TRY(copy_key_put_cells(t, t->identity, t->identity_count, key, &c->scratch));
    TRY(touched_add(&rg->touched, writer_slice(&c->scratch)));
    /*
     * A stream that is far behind may bring more than there is memory for. Then the range is read
     * again, and rows come that changes of theirs have come before.
     */
    if (touched_bytes(&rg->touched) > c->o.task->limits.memory / 16) {
        rg->doubt = rg->loose = true;
        touched_truncate(&rg->touched, 0);
        rg->touched_certain = 0;
    }
    return ERR_OK;
}

void replica_copy_group_end(struct replica *r, bool stands)
{
    struct copy *c = r->o.copy;
    while (c != NULL && c->touching != NULL) {
        struct copy_range *rg = c->touching;
        c->touching = rg->touch_next;
        rg->touching = false;
        if (!stands)
            touched_truncate(&rg->touched, rg->touched_certain);
    }
}

/* Nothing of the range goes out before the checkpoint knows of it. */
static enum err wait_durable(struct replica *r, const struct copy_range *rg)
{
    while (!atomic_load(&rg->durable))
        TRY(replica_wait(r, 10));
    return ERR_OK;
}

static bool holds(const struct copy_range *rg, const struct table *t, const struct cell *key)
{
    if (rg->forgotten)
        return false;
    if (rg->after != NULL && copy_key_compare(t, t->identity, key, rg->after) <= 0)
        return false;
    return rg->upto == NULL || copy_key_compare(t, t->identity, key, rg->upto) <= 0;
}

static enum err judge_ordered(struct replica *r, struct copy_entry *e, const struct table *t,
                              const struct cell *key, bool partial, bool *pass)
{
    *pass = false;
    if (!e->opened_all &&
        (e->frontier == NULL || copy_key_compare(t, t->identity, key, e->frontier) > 0))
        return ERR_OK;
    *pass = true;
    for (struct copy_range *rg = e->ranges; rg != NULL; rg = rg->next) {
        if (rg->sent || !holds(rg, t, key))
            continue;
        *pass = !was_passed(r, rg);
        if (!*pass)
            return ERR_OK;
        TRY(wait_durable(r, rg));
        return touch(r, rg, t, key, partial);
    }
    return ERR_OK;
}

enum err replica_copy_judge(struct replica *r, struct copy_entry *e, const struct table *t,
                            const struct cell *key, bool partial, bool *pass)
{
    if (e->keyless) {
        *pass = e->opened_all && (e->ranges == NULL || e->ranges->sent);
        return ERR_OK;
    }
    if (!e->pass && copy_key_orderable(t, t->identity, t->identity_count))
        return judge_ordered(r, e, t, key, partial, pass);
    *pass = true;
    for (struct copy_range *rg = e->ranges; rg != NULL; rg = rg->next)
        TRY(touch(r, rg, t, key, partial));
    return ERR_OK;
}
