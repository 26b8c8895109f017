/* See lane_sight.h. */
#include "pipeline/lane_int.h"

/* The message is in its pack and delivered at once: whoever looks on sees it in between. */
static enum err show_message(struct lane *l, struct lane_sight *sight, const struct lane_message *m)
{
    struct ticket *t = inflight_ticket(l->inflight);
    if (t == NULL)
        return ERR_BUG; /* there is never more than this one */
    m->pack->used += m->value.len;
    inflight_sent(l->inflight, t);
    sight->key = writer_slice(&l->key);
    sight->value = m->value;
    enum err e = l->o.watch(l->o.watch_arg, sight);
    inflight_delivered(l->inflight, t, 1);
    return e;
}

enum err lane_show_row(struct lane *l, const struct row_event *ev, const struct row_ref *row,
                       const struct change *c, const struct lane_message *m)
{
    bool has_before = row->op == CHANGE_UPDATE || row->op == CHANGE_DELETE;
    struct lane_sight sight = {.fate = m->fate,
                               .event = ev,
                               .row = row,
                               .before = has_before ? l->source.before : NULL,
                               .after = row->op != CHANGE_DELETE ? l->source.after : NULL,
                               .change = c,
                               .why = m->why,
                               .partition = row->partition,
                               .key = SLICE_LIT(""),
                               .value = SLICE_LIT("")};
    if (m->fate != LANE_SENT)
        return l->o.watch(l->o.watch_arg, &sight);
    return show_message(l, &sight, m);
}

enum err lane_show_ddl(struct lane *l, const struct batch_ddl *d, const struct lane_message *m)
{
    struct lane_sight sight = {.fate = LANE_SENT, .ddl = d, .partition = d->partition};
    return show_message(l, &sight, m);
}
