/*
 * Small tables in lots: the questions that a chunk costs besides its SELECT
 * (is everything visible, where is the end of the binlog) are asked once for
 * all of a lot.
 *
 * The marks of a lot hold for each of its chunks: what the last one to be
 * opened had seen contains what the others had, and the end of the binlog
 * behind the last SELECT is behind all of them. A chunk that fails, and those
 * behind it, go the way of single chunks.
 */
#include "snapshot/worker_int.h"

#include "base/frame.h"

#define LOT_TABLES 64

struct lot {
    struct worker *w;
    struct copy_work works[LOT_TABLES];
    uint32_t limits[LOT_TABLES];
    uint32_t count;
    uint32_t given; /* the first so many have gone to give() */
    uint32_t read;  /* the first so many were read */
};

/* More small tables, as long as they make one chunk together. */
static void gather(struct lot *l, const struct copy_work *first)
{
    const struct copy_ops *ops = &l->w->o->ops;
    uint64_t rows = first->rows_estimate;
    l->works[l->count++] = *first;
    while (l->count < LOT_TABLES && rows < first->rows_wanted) {
        struct copy_work more = {0};
        if (ops->take_more(ops->arg, &more) != ERR_OK)
            break;
        rows += more.rows_estimate;
        l->works[l->count++] = more;
    }
}

static void drop_from(struct lot *l, uint32_t i)
{
    const struct copy_ops *ops = &l->w->o->ops;
    for (; i < l->count; i++)
        ops->drop(ops->arg, l->works[i].chunk);
}

/* Opens all; those whose definition has changed leave the lot. */
static enum err open_all(struct lot *l)
{
    const struct copy_ops *ops = &l->w->o->ops;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < l->count; i++) {
        enum err e = ops->open(ops->arg, l->works[i].chunk);
        if (e == ERR_OK) {
            (void)worker_rows(l->w, &l->works[i], &l->limits[kept]);
            l->works[kept++] = l->works[i];
            continue;
        }
        if (e != ERR_TABLE_MISMATCH) {
            drop_from(l, i);
            l->count = kept;
            drop_from(l, 0);
            return e;
        }
        ops->drop(ops->arg, l->works[i].chunk);
    }
    l->count = kept;
    return ERR_OK;
}

static void copy_place(struct copy_mark *to, const struct copy_mark *from)
{
    memcpy(to->file, from->file, sizeof(to->file));
    to->offset = from->offset;
}

/* Room for the largest row beside what the lot holds. */
static bool has_room(const struct worker *w)
{
    size_t used = frame_pool_used(w->pool);
    return frame_pool_budget(w->pool) >= used + w->o->row_max + 2 * w->o->frame_size;
}

/* Gives away what was read. A MariaDB snapshot's place is known already, as last's. */
static enum err give_read(struct lot *l, const struct chunk *last)
{
    struct worker *w = l->w;
    struct chunk *end = NULL; /* whose high was asked for */
    for (uint32_t i = l->given; i < l->read; i++) {
        struct chunk *c = l->works[i].chunk;
        bool snapshot = w->o->server->flavour == SRC_MARIADB && c->table->snapshot;
        if (snapshot) {
            if (c != last)
                copy_place(&c->high, &last->high);
        } else if (end == NULL) {
            TRY(worker_take_high(w, c));
            end = c;
        } else {
            copy_place(&c->high, &end->high);
        }
    }
    w->held = 0;
    while (l->given < l->read)
        TRY(worker_give(w, l->works[l->given++].chunk));
    return ERR_OK;
}

static void hold(struct worker *w, const struct chunk *c)
{
    for (uint32_t i = 0; i < c->frame_count; i++)
        w->held += c->frames[i]->cap;
}

static enum err read_one(struct lot *l, uint32_t i, struct chunk *last, bool *visible)
{
    struct worker *w = l->w;
    TRY(worker_wait_room(w));
    TRY(worker_connect(w));
    TRY(worker_pace(w, 1, 0, 0));
    if (!*visible)
        TRY(worker_make_visible(w, last));
    *visible = true;
    TRY(worker_select(w, l->works[i].chunk, l->limits[i]));
    *visible = w->s != NULL; /* a result that was cut may have cost the connection */
    hold(w, l->works[i].chunk);
    l->read = i + 1;
    return ERR_OK;
}

/* From the first that is not given on. */
static enum err read_all(struct lot *l)
{
    struct worker *w = l->w;
    struct chunk *last = l->works[l->count - 1].chunk;
    bool visible = false;
    for (uint32_t i = l->given; i < l->count; i++) {
        if (l->read > l->given && (!visible || !has_room(w)))
            TRY(give_read(l, last));
        TRY(read_one(l, i, last, &visible));
    }
    if (w->o->server->flavour == SRC_MARIADB && w->s != NULL)
        TRY(src_execute(w->s, &w->em, "COMMIT"));
    return give_read(l, last);
}

/* What was read before a failure can be given, as long as its end can be asked for. */
static enum err save_read(struct lot *l)
{
    struct worker *w = l->w;
    bool alive = w->s != NULL && src_session_alive(w->s);
    enum err e = alive ? give_read(l, l->works[l->count - 1].chunk) : ERR_OK;
    struct errmsg why;
    if (alive && src_session_alive(w->s))
        (void)!src_execute(w->s, &why, "ROLLBACK");
    w->held = 0;
    return e == ERR_STOPPED ? e : ERR_OK;
}

enum err worker_copy_small(struct worker *w, struct copy_work *work)
{
    struct lot l = {.w = w};
    gather(&l, work);
    TRY(open_all(&l));
    while (l.given < l.count) {
        l.read = l.given;
        enum err e = read_all(&l);
        if (e == ERR_OK)
            break;
        if (e != ERR_STOPPED && !worker_stopped(w))
            e = save_read(&l);
        /* The one that failed, by itself; and the lot goes on behind it. */
        if (e == ERR_OK && l.given < l.count)
            e = worker_copy_chunk(w, &l.works[l.given++], true);
        if (e != ERR_OK) {
            w->held = 0;
            drop_from(&l, l.given);
            return e;
        }
    }
    return ERR_OK;
}
