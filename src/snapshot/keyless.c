/*
 * Tables without a usable key: one read of all rows at one place of the
 * binlog, where the stream waits for it.
 *
 *   MariaDB, InnoDB       a consistent snapshot tells its place
 *   MySQL, InnoDB         A: LOCK TABLES t READ, which waits for the commits that hang between
 *                         binlog and engine; B: consistent snapshot, first look at t, which keeps
 *                         its definition; A: end of binlog, UNLOCK TABLES
 *   other engines         A: LOCK TABLES t READ, end of binlog; B reads; A: UNLOCK TABLES
 *   unlocked              B: consistent snapshot; end of binlog. Changes between the two come twice
 *                         or, where a commit hung meanwhile, not at all
 *
 * START TRANSACTION in A would end its lock, therefore B.
 */
#include "snapshot/worker_int.h"

#include "base/clock.h"
#include "base/frame.h"
#include "mysqlproto/copy_plan.h"
#include "snapshot/marks.h"

#define SQL_TEXT_MAX (4u << 20)

struct keyless {
    struct worker *w;
    struct chunk *part;       /* that is being filled; NULL: it was given away when all ends */
    struct src_session *lock; /* A; NULL: none */
    struct src_stmt *st;
    bool opened;
    bool stale; /* open() says that this is not the definition any more */
    bool given; /* a part is out: the read cannot be repeated */
};

/* ---- the place of the read ---- */

static enum err run_on_table(struct keyless *k, struct src_session *s, const char *before,
                             const char *after)
{
    struct writer sql;
    writer_init(&sql, SQL_TEXT_MAX);
    writer_slice_put(&sql, slice_str(before));
    writer_slice_put(&sql, slice_str(k->part->table->from));
    writer_slice_put(&sql, slice_str(after));
    enum err e = sql.err;
    if (e == ERR_OK)
        e = src_query(s, writer_slice(&sql), NULL, NULL, &k->w->em);
    writer_fini(&sql);
    return e;
}

static enum err lock_table(struct keyless *k)
{
    struct worker *w = k->w;
    uint64_t seconds = (w->o->lock_wait_ms + 999) / 1000;
    TRY(worker_open_session(w, &k->lock));
    TRY(src_execute(k->lock, &w->em, "SET SESSION lock_wait_timeout=%llu",
                    (unsigned long long)(seconds > 0 ? seconds : 1)));
    enum err e = run_on_table(k, k->lock, "LOCK TABLES ", " READ");
    if (e == ERR_ACCESS_DENIED || src_refusal_of(k->lock) == SRC_REFUSED_DENIED) {
        const struct table *t = k->part->table->table;
        errmsg_prefix(&w->em,
                      "a table without a key is read under LOCK TABLES: GRANT SELECT, LOCK TABLES "
                      "ON `%.*s`.* TO the account, or set full.keyless to unlocked or skip",
                      SLICE_ARG(t->database));
        return ERR_SOURCE_SETUP; /* a choice to be made: no later attempt goes better */
    }
    if (src_refusal_of(k->lock) == SRC_REFUSED_NO_TABLE)
        return ERR_TABLE_MISMATCH;
    /* A statement that goes on for long holds the table: the next attempt may come between. */
    if (src_refusal_of(k->lock) == SRC_REFUSED_RETRY)
        return ERR_TIMEOUT;
    return e;
}

static enum err unlock_table(struct keyless *k)
{
    return src_execute(k->lock, &k->w->em, "UNLOCK TABLES");
}

/* The snapshot is taken with the first look, and the definition is held from then on. */
static enum err begin_snapshot(struct keyless *k)
{
    struct worker *w = k->w;
    TRY(src_execute(w->s, &w->em, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"));
    TRY(src_execute(w->s, &w->em, "START TRANSACTION WITH CONSISTENT SNAPSHOT"));
    return run_on_table(k, w->s, "SELECT 1 FROM ", " LIMIT 1");
}

static enum err find_place(struct keyless *k)
{
    struct worker *w = k->w;
    struct chunk *c = k->part;
    const struct src_server *sv = w->o->server;
    bool maria = sv->flavour == SRC_MARIADB, snapshot = c->table->snapshot;
    if (maria && snapshot)
        return copy_mark_snapshot(w->s, &c->seen, w->o->stop, &c->high, &w->em);
    if (w->o->keyless == COPY_KEYLESS_UNLOCKED) {
        TRY(begin_snapshot(k));
        return copy_mark_place(w->s, sv, &c->high, &w->em);
    }
    TRY(lock_table(k));
    if (!snapshot)
        return copy_mark_place(k->lock, sv, &c->high, &w->em);
    TRY(begin_snapshot(k));
    TRY(copy_mark_place(k->lock, sv, &c->high, &w->em));
    return unlock_table(k);
}

/* ---- parts ---- */

/* Gives the part away and begins the next one. */
static enum err next_part(struct keyless *k)
{
    struct worker *w = k->w;
    struct chunk *full = k->part, *next;
    enum err e = chunk_new(full->table, &next);
    if (e != ERR_OK)
        return e;
    next->owner = full->owner;
    next->range = full->range;
    next->read_us = full->read_us;
    memcpy(next->high.file, full->high.file, sizeof(next->high.file));
    next->high.offset = full->high.offset;
    full->more = true;
    k->given = true;
    k->part = next;
    return worker_give(w, full);
}

static enum err on_frame(void *arg, size_t cap, struct frame **out)
{
    struct keyless *k = arg;
    struct frame *f = worker_frame(k->w, cap);
    if (f == NULL && k->part->row_count > 0)
        TRY(next_part(k));
    if (f == NULL)
        return ERR_NEED_INPUT;
    *out = f;
    return ERR_OK;
}

static enum err on_columns(void *arg, const struct my_column *columns, uint32_t count)
{
    struct keyless *k = arg;
    return copy_plan_check(k->part->table->plan, columns, count);
}

static enum err add_row(struct keyless *k, struct slice packet, struct frame *frame, bool head)
{
    struct chunk *c = k->part;
    if (c->row_count > 0 && c->bytes + packet.len > k->w->o->chunk_bytes)
        TRY(next_part(k));
    return chunk_add_row(k->part, packet, frame, head);
}

static enum err on_row(void *arg, struct slice packet, struct frame *frame)
{
    return add_row(arg, packet, frame, false);
}

static enum err on_large(void *arg, struct slice packet, struct frame *frame)
{
    return add_row(arg, packet, frame, true);
}

static enum err read_all(struct keyless *k)
{
    static const bool never = false;
    struct worker *w = k->w;
    struct src_sink sink = {
        .arg = k,
        .frame = on_frame,
        .columns = on_columns,
        .row = on_row,
        .large = on_large,
        .row_max = w->o->row_max,
    };
    struct writer sql;
    writer_init(&sql, SQL_TEXT_MAX);
    copy_table_all_sql(k->part->table, &sql);
    w->filters = copy_table_filters(k->part->table);
    enum err e = sql.err;
    if (e == ERR_OK)
        e = src_prepare(w->s, writer_slice(&sql), &k->st, &w->em);
    writer_fini(&sql);
    if (e == ERR_OK)
        e = src_stmt_start(k->st, NULL, 0, &sink, &w->em);
    if (e == ERR_OK)
        e = worker_finish(w, k->st, &never);
    return worker_tell(w, e);
}

/* ---- the whole ---- */

static enum err attempt(struct keyless *k)
{
    struct worker *w = k->w;
    w->em.text[0] = '\0';
    chunk_drop_rows(k->part);
    TRY(worker_wait_room(w));
    TRY(worker_connect(w));
    TRY(worker_pace(w, 1, 0, 0));
    if (!k->opened) {
        enum err e = w->o->ops.open(w->o->ops.arg, k->part);
        k->opened = e == ERR_OK;
        k->stale = e == ERR_TABLE_MISMATCH;
        TRY(e);
    }
    TRY(find_place(k));
    k->part->read_us = clock_wall_us();
    TRY(w->o->ops.stand_at(w->o->ops.arg, k->part, &k->part->high));
    TRY(read_all(k));
    if (k->lock != NULL && !k->part->table->snapshot)
        TRY(unlock_table(k));
    return src_execute(w->s, &w->em, "COMMIT");
}

/* Nothing of an attempt goes on at the server. */
static void clean_up(struct keyless *k)
{
    src_session_close(k->lock); /* which ends its lock */
    k->lock = NULL;
    src_stmt_close(k->st);
    k->st = NULL;
}

enum err worker_copy_keyless(struct worker *w, struct chunk *c)
{
    struct keyless k = {.w = w, .part = c};
    struct worker_outage outage = {0};
    for (;;) {
        bool again;
        enum err e = attempt(&k);
        clean_up(&k);
        if (e == ERR_OK)
            return worker_give(w, k.part);
        if (k.stale) {
            w->o->ops.drop(w->o->ops.arg, k.part);
            return ERR_OK;
        }
        e = worker_settle(w, k.part, k.given ? NULL : &outage, e, &again);
        if (!again)
            return e;
    }
}
