/*
 * Exactly-once: the reader ends transactions of the destination (cutter.h).
 *
 * A cut lies between two groups, and what was fed is then covered by a
 * boundary. A group that flows and is too large for one transaction is cut
 * behind one of its rows events: the position is then the boundary before it
 * and the number of its row changes that are covered, which are skipped when it
 * is read again.
 *
 * A source from which nothing comes is no reason not to cut now and then: that
 * the task belongs to another instance by now shows in a commit alone, and
 * brokers forget a transactional id that is not used for some days.
 */
#include "pipeline/replica_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "pipeline/copy_int.h"
#include "pipeline/cutter.h"

#include <time.h>

#define PART_OF_TIMEOUT 3  /* a transaction may be open for this part of what brokers allow */
#define COMMIT_POLL_MS  20 /* the supervisor wakes the reader after a commit */

static bool is_under_way(const struct cutter *c)
{
    return atomic_load(&c->made) != atomic_load(&c->committed);
}

/* What the open group is known by. */
static struct group_name name_of(const struct group *g)
{
    return (struct group_name){.known = g->has_gtid, .gtid = g->gtid, .maria = g->maria};
}

static enum err cut(struct replica *r, uint64_t rows, uint64_t next_id,
                    const struct group_name *group)
{
    struct cutter *c = r->o.cutter;
    uint64_t n = atomic_load(&c->made) + 1;
    struct commit_point *p = NULL;
    feeder_cut(r->o.feeder, n);
    TRY(replica_make_point(r, &p));
    p->cut = true;
    p->rows = rows;
    p->next_id = next_id;
    p->group = *group;
    progress_push(r->o.progress, p);
    r->fed = r->fed_bytes = r->group.fed_before = 0;
    r->uncut = false;
    atomic_store(&c->made, n);
    return ERR_OK;
}

/* Between groups; some of the rows of the one that comes may be done. */
static enum err cut_at_boundary(struct replica *r)
{
    static const struct group_name nameless;
    const struct group *g = &r->group;
    if (g->skip > 0)
        return cut(r, g->skip, g->skip_next_id, &g->skip_of);
    return cut(r, 0, g->first_id, &nameless);
}

/* For longer than is good for a transaction. */
static bool is_old(const struct replica *r)
{
    return r->fed > 0 && clock_mono_ms() - r->fed_ms > r->o.txn_timeout_ms / PART_OF_TIMEOUT;
}

/*
 * Some rows of a range that is copied are fed, and not all: a cut would show
 * them, and they would come again where the range is read anew. The parts of a
 * range that comes in several chunks become visible together if that can be;
 * those of a chunk always.
 */
static bool in_mid_range(const struct replica *r)
{
    const struct copy *c = r->o.copy;
    return c != NULL && (c->torn || (c->parts > 0 && !is_old(r)));
}

enum err replica_cut_if_due(struct replica *r, bool dry)
{
    struct cutter *c = r->o.cutter;
    bool any = r->fed > 0 || r->boundary_fresh || r->uncut || r->copied != NULL;
    if (c == NULL || r->txn.state != BINLOG_TXN_OUTSIDE || r->spoiled || is_under_way(c))
        return ERR_OK;
    if (!any && r->group.skip > 0) /* in front of a group of which rows went out: see replica.c */
        return ERR_OK;
    struct cut_load load = {.rows = r->fed + (r->copied != NULL),
                            .bytes = r->fed_bytes,
                            .dry = dry,
                            .since_ms = clock_mono_ms() - atomic_load(&c->committed_ms),
                            .took_ms = atomic_load(&c->took_ms)};
    return cut_is_due(&load) && !in_mid_range(r) ? cut_at_boundary(r) : ERR_OK;
}

enum err replica_cut_inside(struct replica *r)
{
    struct cutter *c = r->o.cutter;
    const struct group *g = &r->group;
    if (c == NULL || !r->o.feeder->flowing || g->rows <= g->skip || is_under_way(c))
        return ERR_OK;
    if (r->fed_bytes - g->fed_before < r->o.task->limits.memory && !is_old(r))
        return ERR_OK;
    if (!r->over_said) {
        char where[400];
        log_warn("transaction.cut",
                 "position=%s rows=%llu note=\"a transaction of the source is larger than "
                 "limits.memory, or took too long to send: its rows become visible in parts\"",
                 position_text(&r->read, where, sizeof(where)), (unsigned long long)g->rows);
        r->over_said = true;
    }
    struct group_name name = name_of(g);
    return cut(r, g->rows, r->next_id, &name);
}

static enum err wait_committed(struct replica *r)
{
    while (is_under_way(r->o.cutter))
        TRY(replica_wait(r, COMMIT_POLL_MS));
    return ERR_OK;
}

enum err replica_cut_apart(struct replica *r)
{
    TRY(wait_committed(r));
    if (r->fed == 0)
        return ERR_OK;
    TRY(cut_at_boundary(r));
    return wait_committed(r);
}

/* Also while the task stops, when nothing else waits any more. What cannot be covered is aborted.
 */
void replica_cut_last(struct replica *r)
{
    struct cutter *c = r->o.cutter;
    if (c == NULL || r->spoiled || in_mid_range(r))
        return;
    while (is_under_way(c)) {
        if (atomic_load(&c->closed) || fault_err(r->o.fault) != ERR_OK)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    bool any = r->fed > 0 || r->boundary_fresh || r->uncut || r->copied != NULL;
    if (any && cut_at_boundary(r) != ERR_OK)
        log_debug("reader.cut", "reason=\"the last boundary was not recorded\"");
}
