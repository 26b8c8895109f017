#include "pipeline/feeder.h"

#include <stdlib.h>

#define LARGE_ROW        (256u << 10)
#define BATCHES_PER_LANE 24 /* fewer than a ring has slots */

void feeder_init(struct feeder *f, struct lane *const *lanes, uint32_t lane_count, size_t hold_max)
{
    *f = (struct feeder){.lane_count = lane_count, .hold_max = hold_max};
    for (uint32_t i = 0; i < lane_count; i++)
        f->lanes[i].lane = lanes[i];
}

void feeder_fini(struct feeder *f)
{
    for (uint32_t i = 0; i < f->lane_count; i++) {
        struct batch *lists[] = {f->lanes[i].first, f->lanes[i].spare};
        for (size_t k = 0; k < 2; k++) {
            while (lists[k] != NULL) {
                struct batch *b = lists[k];
                lists[k] = b->next;
                batch_reset(b);
                free(b);
            }
        }
    }
}

void feeder_pin(struct feeder *f)
{
    f->pinned = true;
}

void feeder_event(struct feeder *f, const struct row_event *ev, struct frame *frame)
{
    f->event = *ev;
    f->frame = frame;
    f->event_serial++;
}

/* Hands over a lane's batches from the oldest on, with all the one that is being filled, too. */
static void hand_over(struct feeder *f, struct feeder_lane *fl, bool all)
{
    struct batch *b;
    while ((b = fl->first) != NULL) {
        bool certain = b->certain.rows == b->row_count || f->flowing;
        if ((b->row_count == 0 && b->ddl == NULL) || !certain || (!b->closed && !all))
            return;
        fl->first = b->next;
        if (fl->first == NULL)
            fl->last = NULL;
        b->next = NULL;
        lane_submit(fl->lane, b);
    }
}

static void start_flowing(struct feeder *f)
{
    f->flowing = true;
    for (uint32_t i = 0; i < f->lane_count; i++)
        hand_over(f, &f->lanes[i], false);
}

static struct batch *take_empty(struct feeder_lane *fl, bool want)
{
    struct batch *b = fl->spare;
    if (b != NULL) {
        fl->spare = b->next;
        b->next = NULL;
        return b;
    }
    b = lane_take_empty(fl->lane, false);
    if (b == NULL && fl->made < BATCHES_PER_LANE && (b = calloc(1, sizeof(*b))) != NULL)
        fl->made++;
    return b != NULL || !want ? b : lane_take_empty(fl->lane, true);
}

/* Starts a new batch for the lane. */
static enum err next_batch(struct feeder *f, struct feeder_lane *fl)
{
    if (fl->last != NULL)
        fl->last->closed = true;
    struct batch *b = take_empty(fl, false);
    if (b == NULL) {
        /* All of them may be held back by the open transaction: then only its flowing helps. */
        if (f->touched != 0 && f->pinned)
            return ERR_TOO_LARGE;
        if (f->touched != 0)
            start_flowing(f);
        hand_over(f, fl, false);
        b = take_empty(fl, true);
        if (b == NULL)
            return ERR_NO_ROOM;
    }
    if (fl->last != NULL)
        fl->last->next = b;
    else
        fl->first = b;
    fl->last = b;
    fl->last_seq++;
    fl->event_serial = 0;
    b->wait_lane = fl->wait_lane;
    b->wait_seq = fl->wait_seq;
    fl->wait_seq = 0;
    return ERR_OK;
}

/* Makes sure that the lane's last batch has the current event and room for a row. */
static enum err need_event(struct feeder *f, struct feeder_lane *fl)
{
    struct batch *b = fl->last;
    if (b != NULL && !b->closed) {
        if (fl->event_serial == f->event_serial && batch_has_room(b))
            return ERR_OK;
        if (batch_add_event(b, &f->event, f->frame)) {
            fl->event_serial = f->event_serial;
            return ERR_OK;
        }
    }
    TRY(next_batch(f, fl));
    if (!batch_add_event(fl->last, &f->event, f->frame))
        return ERR_BUG; /* an empty batch takes any event */
    fl->event_serial = f->event_serial;
    return ERR_OK;
}

enum err feeder_row(struct feeder *f, uint32_t lane, const struct row_ref *row)
{
    size_t held = f->held + row->len + sizeof(*row);
    if (held > f->hold_max && f->pinned)
        return ERR_TOO_LARGE;
    TRY(need_event(f, &f->lanes[lane]));
    batch_add_row(f->lanes[lane].last, *row);
    f->touched |= UINT64_C(1) << lane;
    f->held = held;
    if (row->len > LARGE_ROW)
        f->lanes[lane].last->closed = true; /* so that its memory is let go of early */
    if (held > f->hold_max && !f->flowing)
        start_flowing(f);
    return ERR_OK;
}

enum err feeder_ddl(struct feeder *f, uint32_t lane, struct batch_ddl *ddl)
{
    struct feeder_lane *fl = &f->lanes[lane];
    TRY(next_batch(f, fl));
    fl->last->ddl = ddl;
    fl->last->closed = true;
    feeder_publish(f);
    return ERR_OK;
}

bool feeder_idle(const struct feeder *f)
{
    for (uint32_t i = 0; i < f->lane_count; i++)
        if ((f->lanes[i].first != NULL && f->lanes[i].first->row_count > 0) ||
            !lane_idle(f->lanes[i].lane))
            return false;
    return true;
}

uint64_t feeder_close(struct feeder *f, uint32_t lane)
{
    struct feeder_lane *fl = &f->lanes[lane];
    if (fl->last != NULL)
        fl->last->closed = true;
    return fl->last_seq;
}

void feeder_wait_for(struct feeder *f, uint32_t lane, uint32_t other, uint64_t seq)
{
    feeder_close(f, lane);
    f->lanes[lane].wait_lane = other;
    f->lanes[lane].wait_seq = seq;
}

void feeder_commit(struct feeder *f)
{
    for (uint64_t left = f->touched; left != 0; left &= left - 1) {
        struct feeder_lane *fl = &f->lanes[__builtin_ctzll(left)];
        for (struct batch *b = fl->first; b != NULL; b = b->next)
            batch_commit(b);
        hand_over(f, fl, false);
    }
    f->touched = 0;
    f->held = 0;
    f->flowing = f->pinned = false;
}

/* Takes back the lane's rows that are not certain, and the batches that are empty then. */
static void roll_back_lane(struct feeder_lane *fl)
{
    struct batch *list = fl->first;
    fl->first = fl->last = NULL;
    while (list != NULL) {
        struct batch *b = list;
        list = b->next;
        b->next = NULL;
        batch_rollback(b);
        if (b->row_count == 0) {
            batch_reset(b);
            b->next = fl->spare;
            fl->spare = b;
            fl->last_seq--;
            continue;
        }
        if (fl->last != NULL)
            fl->last->next = b;
        else
            fl->first = b;
        fl->last = b;
    }
    fl->event_serial = 0; /* the event may have been taken back */
}

enum err feeder_rollback(struct feeder *f)
{
    if (f->flowing)
        return ERR_UNSUPPORTED;
    for (uint64_t left = f->touched; left != 0; left &= left - 1)
        roll_back_lane(&f->lanes[__builtin_ctzll(left)]);
    /* A lane may be about to wait for a batch of the group without having a row of it yet. */
    for (uint32_t i = 0; i < f->lane_count; i++)
        f->lanes[i].wait_seq = 0;
    f->touched = 0;
    f->held = 0;
    f->pinned = false;
    return ERR_OK;
}

enum err feeder_flow(struct feeder *f)
{
    if (f->touched != 0 && f->pinned)
        return ERR_TOO_LARGE;
    if (f->touched != 0)
        start_flowing(f);
    feeder_publish(f);
    return ERR_OK;
}

void feeder_publish(struct feeder *f)
{
    for (uint32_t i = 0; i < f->lane_count; i++)
        hand_over(f, &f->lanes[i], true);
}

void feeder_cut(struct feeder *f, uint64_t n)
{
    feeder_publish(f);
    for (uint32_t i = 0; i < f->lane_count; i++)
        lane_cut(f->lanes[i].lane, n);
}

void feeder_need(const struct feeder *f, uint64_t *need)
{
    for (uint32_t i = 0; i < f->lane_count; i++)
        need[i] = f->lanes[i].last_seq;
}
