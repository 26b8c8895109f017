/*
 * Reading one chunk, in the order that chunk.h's marks ask for:
 *
 *   MySQL with GTIDs   wait until seen is executed; SELECT; high = end of binlog
 *   MariaDB            snapshot at or behind seen, high = its place; SELECT
 *   MySQL without      locking SELECT, which waits for commits; high = end of binlog
 *
 * A consistent snapshot holds for InnoDB. Of another engine a SELECT may see
 * more, so that there, too, high is the end of the binlog after it.
 */
#include "snapshot/worker_int.h"

#include "base/clock.h"
#include "base/frame.h"
#include "mysqlproto/copy_plan.h"
#include "net/loop.h"
#include "snapshot/marks.h"

#include <stdlib.h>

#define LOOK_MS      500 /* how often a wait looks about */
#define ROOM_LOOK_MS 50
#define DRAIN_MS     250 /* what is left of a result that was cut: then the connection goes */

/* ---- frames ---- */

enum err worker_wait_room(struct worker *w)
{
    while (w->spare == NULL) {
        w->spare = frame_get(w->pool, frame_pool_size(w->pool));
        if (w->spare != NULL)
            break;
        if (worker_stopped(w))
            return errmsg_set(&w->em, ERR_STOPPED, "asked to stop");
        enum err e = net_loop_wait(w->loop, clock_mono_ms() + LOOK_MS);
        if (e != ERR_OK && e != ERR_TIMEOUT)
            return errmsg_set(&w->em, e, "%s", err_text(e));
    }
    return ERR_OK;
}

struct frame *worker_frame(struct worker *w, size_t cap)
{
    struct frame *f = w->spare;
    if (f == NULL || f->cap < cap)
        return frame_get(w->pool, cap);
    w->spare = NULL;
    return f;
}

/* A SELECT of rows that is going on. */
struct reading {
    struct worker *w;
    struct chunk *c;
    size_t own; /* bytes of the frames that it got */
    bool cut;   /* the rest of the result is not wanted */
};

/* Ends the rows; a code that no other failure of a sink has. */
static enum err cut(struct reading *r)
{
    r->cut = true;
    return ERR_TOO_LARGE;
}

static enum err on_frame(void *arg, size_t cap, struct frame **out)
{
    struct reading *r = arg;
    struct worker *w = r->w;
    struct frame *f = worker_frame(w, cap);
    if (f == NULL) {
        size_t spare = w->spare != NULL ? w->spare->cap : 0;
        bool alone = frame_pool_used(w->pool) <= r->own + spare + w->held;
        /* Row locks are not to be held while others make room. */
        if (r->c->row_count > 0 && (alone || r->c->table->locking))
            return cut(r);
        return alone ? ERR_NO_MEMORY : ERR_NEED_INPUT;
    }
    r->own += f->cap;
    *out = f;
    return ERR_OK;
}

static enum err on_columns(void *arg, const struct my_column *columns, uint32_t count)
{
    struct reading *r = arg;
    return copy_plan_check(r->c->table->plan, columns, count);
}

static enum err on_row(void *arg, struct slice packet, struct frame *frame)
{
    struct reading *r = arg;
    if (r->c->row_count > 0 && r->c->bytes + packet.len > r->w->o->chunk_bytes)
        return cut(r);
    return chunk_add_row(r->c, packet, frame, false);
}

static enum err on_large(void *arg, struct slice head, struct frame *frame)
{
    struct reading *r = arg;
    return chunk_add_row(r->c, head, frame, true);
}

enum err worker_finish(struct worker *w, struct src_stmt *st, const bool *cut_off)
{
    uint64_t give_up = UINT64_MAX;
    for (;;) {
        uint64_t deadline;
        enum err e = src_stmt_step(st, &deadline, &w->em);
        if (e != ERR_NEED_INPUT && e != ERR_NO_ROOM)
            return e;
        uint64_t now = clock_mono_ms();
        if (*cut_off && give_up == UINT64_MAX)
            give_up = now + DRAIN_MS;
        if (now >= give_up) {
            worker_disconnect(w);
            return ERR_TOO_LARGE;
        }
        uint64_t look = now + (e == ERR_NO_ROOM ? ROOM_LOOK_MS : LOOK_MS);
        look = look < give_up ? look : give_up;
        e = net_loop_wait(w->loop, e == ERR_NEED_INPUT && deadline < look ? deadline : look);
        if (e != ERR_OK && e != ERR_TIMEOUT)
            return errmsg_set(&w->em, e, "%s", err_text(e));
    }
}

/* ---- parameters ---- */

/* The bounds' and one number behind them, in w->params. */
static enum err bind_params(struct worker *w, const struct copy_table *t,
                            const struct copy_key *after, const struct copy_key *upto,
                            const struct cell *number, uint32_t *count)
{
    if (w->param_cap < t->param_max) {
        struct src_param *params = realloc(w->params, t->param_max * sizeof(*params));
        if (params == NULL)
            return errmsg_set(&w->em, ERR_NO_MEMORY, "%s", err_text(ERR_NO_MEMORY));
        w->params = params;
        w->param_cap = t->param_max;
    }
    uint32_t n = copy_table_params(t, after, upto, w->params);
    w->params[n] = (struct src_param){.cell = number};
    *count = n + 1;
    return ERR_OK;
}

/* ---- bounds ---- */

struct bound {
    struct worker *w;
    const struct copy_table *table;
    struct copy_key *key;
};

static enum err bound_frame(void *arg, size_t cap, struct frame **out)
{
    struct bound *b = arg;
    struct frame *f = frame_get(b->w->key_pool, cap);
    if (f == NULL)
        return ERR_NO_MEMORY;
    *out = f;
    return ERR_OK;
}

static enum err bound_columns(void *arg, const struct my_column *columns, uint32_t count)
{
    struct bound *b = arg;
    return copy_plan_check(b->table->key_plan, columns, count);
}

static enum err key_of_row(struct worker *w, const struct copy_table *t,
                           const struct copy_plan *plan, struct slice packet, struct copy_key **out)
{
    struct cell cells[COPY_KEY_COLUMNS_MAX];
    row_scratch_reset(&w->scratch);
    TRY(copy_row_decode_columns(plan, packet, t->key, t->key_count, &w->scratch, cells));
    return copy_key_new(t->table, t->key, t->key_count, cells, out);
}

static enum err bound_row(void *arg, struct slice packet, struct frame *frame)
{
    struct bound *b = arg;
    (void)frame;
    if (b->key != NULL)
        return ERR_PROTOCOL;
    return key_of_row(b->w, b->table, b->table->key_plan, packet, &b->key);
}

enum err worker_tell(struct worker *w, enum err e)
{
    if (e != ERR_OK && w->em.text[0] == '\0')
        errmsg_set(&w->em, e, "%s", err_text(e));
    return e;
}

enum err worker_find_bound(struct worker *w, struct chunk *c, uint32_t rows, struct copy_key **out)
{
    struct copy_table *t = c->table;
    struct cell offset = {.kind = CELL_U64, .u64 = rows > 0 ? rows - 1 : 0};
    struct bound b = {.w = w, .table = t};
    struct src_sink sink = {
        .arg = &b, .frame = bound_frame, .columns = bound_columns, .row = bound_row};
    struct src_stmt *st;
    w->em.text[0] = '\0';
    TRY(worker_bound_stmt(w, t, c->after != NULL, &st));
    uint32_t n;
    TRY(bind_params(w, t, c->after, NULL, &offset, &n));
    enum err e = src_stmt_run(st, w->params, n, &sink, &w->em);
    if (e != ERR_OK) {
        free(b.key);
        return worker_tell(w, e);
    }
    *out = b.key;
    return ERR_OK;
}

/* ---- rows ---- */

/* The last row that was read is where the chunk ends. */
static enum err end_at_last_row(struct worker *w, struct chunk *c, bool cut_short)
{
    const struct chunk_row *last = &c->rows[c->row_count - 1];
    struct copy_key *key;
    enum err e = key_of_row(w, c->table, c->table->plan, slice_of(last->packet, last->len), &key);
    if (e != ERR_OK)
        return worker_tell(w, e);
    c->cut = cut_short || c->upto == NULL || !copy_key_equal(key, c->upto);
    free(c->upto);
    c->upto = key;
    return ERR_OK;
}

static void remember_size(struct chunk *c)
{
    if (c->row_count == 0)
        return;
    size_t now = c->bytes / c->row_count + 1;
    unsigned before = atomic_load_explicit(&c->table->row_bytes, memory_order_relaxed);
    /* Towards larger rows at once, towards smaller ones slowly: rows that do not fit cost more. */
    size_t next = before == 0 || now > before ? now : before - (before - now) / 4;
    atomic_store_explicit(&c->table->row_bytes, next < UINT32_MAX ? (unsigned)next : UINT32_MAX,
                          memory_order_relaxed);
}

enum err worker_select(struct worker *w, struct chunk *c, uint32_t limit)
{
    struct copy_table *t = c->table;
    struct cell most = {.kind = CELL_U64, .u64 = limit};
    struct reading r = {.w = w, .c = c};
    struct src_sink sink = {
        .arg = &r,
        .frame = on_frame,
        .columns = on_columns,
        .row = on_row,
        .large = on_large,
        .row_max = w->o->row_max,
    };
    struct src_stmt *st;
    w->em.text[0] = '\0';
    chunk_drop_rows(c);
    c->cut = false;
    c->read_us = clock_wall_us();
    TRY(worker_rows_stmt(w, t, c->after != NULL, c->upto != NULL, &st));
    uint32_t n;
    TRY(bind_params(w, t, c->after, c->upto, &most, &n));
    TRY(src_stmt_start(st, w->params, n, &sink, &w->em));
    enum err e = worker_finish(w, st, &r.cut);
    if (e != ERR_OK && !(e == ERR_TOO_LARGE && r.cut))
        return worker_tell(w, e);
    remember_size(c);
    return r.cut || c->row_count >= limit ? end_at_last_row(w, c, r.cut) : ERR_OK;
}

/* Before the SELECT: what the stream has passed is visible to it, or it waits for that itself. */
enum err worker_make_visible(struct worker *w, struct chunk *c)
{
    const struct src_server *sv = w->o->server;
    if (sv->flavour == SRC_MARIADB)
        return copy_mark_snapshot(w->s, &c->seen, w->o->stop, &c->high, &w->em);
    if (sv->gtids)
        return copy_mark_wait(w->s, sv, &c->seen.set, w->o->stop, &w->executed, &w->em);
    return ERR_OK;
}

enum err worker_take_high(struct worker *w, struct chunk *c)
{
    if (w->o->server->flavour == SRC_MARIADB && c->table->snapshot)
        return ERR_OK;      /* it is the snapshot's */
    TRY(worker_connect(w)); /* a result that was cut may have cost the connection */
    return copy_mark_place(w->s, w->o->server, &c->high, &w->em);
}

enum err worker_read_chunk(struct worker *w, struct chunk *c, uint32_t limit)
{
    TRY(worker_make_visible(w, c));
    TRY(worker_select(w, c, limit));
    if (w->o->server->flavour == SRC_MARIADB && w->s != NULL)
        TRY(src_execute(w->s, &w->em, "COMMIT"));
    return worker_take_high(w, c);
}
