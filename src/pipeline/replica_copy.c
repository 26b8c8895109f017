/*
 * The full copy in the reader: opening ranges, and handing chunks over. What and why: copy.h.
 */
#include "pipeline/replica_int.h"

#include "base/log.h"
#include "mysqlproto/copy_plan.h"
#include "pipeline/copy_int.h"
#include "pipeline/counters.h"

#include <stdlib.h>
#include <string.h>

#define MISFITS_MAX 20
#define COMMIT_ROWS 256

/* ---- opening ---- */

static enum err mark_here(const struct replica *r, struct copy_mark *m)
{
    if (r->read.kind == POSITION_GTID)
        return my_gtid_set_add_set(&m->set, &r->read.set);
    /* Not what stands between groups: MariaDB's snapshots are behind commits. */
    struct binlog_place there = binlog_place_of(m->file, m->offset);
    struct binlog_place here = binlog_place_of(r->group_file, r->group_offset);
    if (m->file[0] != 0 && binlog_place_upto(here, there))
        return ERR_OK;
    memcpy(m->file, r->group_file, sizeof(m->file));
    m->offset = r->group_offset;
    return ERR_OK;
}

/* Adds the range behind the frontier. Under the lock. */
static enum err append_range(const struct copy *c, struct copy_entry *e, const struct chunk *chunk,
                             struct copy_range **out)
{
    struct copy_range *rg = calloc(1, sizeof(*rg));
    if (rg == NULL)
        return ERR_NO_MEMORY;
    rg->entry = e;
    atomic_init(&rg->durable, c->o.atomic);
    struct copy_key *frontier = NULL, *planned = NULL;
    enum err err = copy_key_copy(chunk->after, &rg->after);
    if (err == ERR_OK)
        err = copy_key_copy(chunk->upto, &rg->upto);
    if (err == ERR_OK)
        err = copy_key_copy(chunk->upto, &frontier);
    if (err == ERR_OK)
        err = copy_key_copy(chunk->upto, &planned);
    if (err != ERR_OK) {
        copy_range_free(rg);
        free(frontier);
        free(planned);
        return err;
    }
    free(e->frontier);
    free(e->planned);
    e->frontier = frontier;
    e->planned = planned;
    e->opened_all = e->planned_all = chunk->upto == NULL;
    e->planning = false;
    struct copy_range **end = &e->ranges;
    while (*end != NULL)
        end = &(*end)->next;
    *end = rg;
    *out = rg;
    return ERR_OK;
}

/* Answers a worker that wants to read a range. Under the lock. */
static enum err open_range(struct replica *r, struct chunk *chunk)
{
    struct copy *c = r->o.copy;
    struct copy_entry *e = chunk->owner;
    if (chunk->table != e->table || e->status != ENTRY_READABLE)
        return ERR_TABLE_MISMATCH;
    struct copy_range *rg = chunk->range;
    bool fresh = rg == NULL;
    if (fresh && (e->opened_all || !copy_key_same(chunk->after, e->frontier)))
        return ERR_TABLE_MISMATCH; /* of a time before the key changed */
    if (fresh)
        TRY(append_range(c, e, chunk, &rg));
    if (fresh)
        TRY(mark_here(r, &rg->opened));
    TRY(copy_mark_copy(&chunk->seen, &rg->opened));
    TRY(mark_here(r, &chunk->seen));
    chunk->range = rg;
    rg->wanted = false;
    rg->taken = rg->open = true;
    rg->doubt = false;
    rg->loose = false;
    if (e->keyless) {
        c->standing = e;
        c->stand_known = false;
    }
    if (fresh)
        copy_mark_dirty(c, e);
    return ERR_OK;
}

static enum err stand(struct replica *r, const struct copy_mark *at)
{
    struct copy *c = r->o.copy;
    c->stand_at = binlog_place_of(at->file, at->offset);
    c->stand_known = true;
    return ERR_OK;
}

/* ---- preparing tables ---- */

static void let_go(struct copy_entry *e)
{
    copy_table_unref(e->table);
    binding_unref(e->binding);
    e->table = NULL;
    e->binding = NULL;
}

/* Ranges are of no use any more; those that were handed over still have to be acknowledged. */
static void forget_ranges(struct copy *c, struct copy_entry *e)
{
    for (struct copy_range *rg = e->ranges; rg != NULL; rg = rg->next) {
        rg->wanted = false;
        rg->doubt = rg->forgotten = true;
        rg->done = rg->done || !rg->sent;
    }
    copy_mark_dirty(c, e);
    copy_mark_sweep(c, e);
}

/* There is no such table (any more). Under the lock. */
static void give_up(struct copy *c, struct copy_entry *e)
{
    e->planned_all = e->opened_all = true;
    forget_ranges(c, e);
    copy_set_status(c, e, ENTRY_COPIED);
}

/* The key is another than the one that bounds of ranges were made of: all of it is read again. */
static void begin_anew(struct copy *c, struct copy_entry *e)
{
    free(e->frontier);
    free(e->planned);
    e->frontier = e->planned = NULL;
    e->opened_all = e->planned_all = e->planning = false;
    e->pass = true; /* rows may be at the consumer: their changes have to go there, too */
    forget_ranges(c, e);
}

static bool same_key(const struct copy_table *a, const struct copy_table *b)
{
    if (a->key_count != b->key_count)
        return false;
    for (uint32_t i = 0; i < a->key_count; i++) {
        const struct column *x = &a->table->columns[a->key[i]], *y = &b->table->columns[b->key[i]];
        if (!slice_eq(x->name, y->name) || !slice_eq(x->type_text, y->type_text) ||
            x->charset != y->charset)
            return false;
    }
    return true;
}

/* Makes what workers need to read the table as it is where the stream stands. */
static enum err prepare(struct replica *r, struct copy_entry *e)
{
    struct copy *c = r->o.copy;
    struct binding *b;
    struct copy_table *table = NULL;
    TRY(tables_current(r->o.tables, e->database, e->name, &b, &r->em));
    if (b != NULL) {
        struct slice condition = b->shape != NULL ? b->shape->condition : SLICE_LIT("");
        TRY(copy_table_new(c->o.server, b->table, condition, &table, &r->em));
        binding_ref(b);
    }
    pthread_mutex_lock(&c->lock);
    if (b == NULL) {
        log_warn("copy.gone", "table=%.*s.%.*s note=\"it is not there (any more)\"",
                 SLICE_ARG(e->database), SLICE_ARG(e->name));
        give_up(c, e);
    } else {
        if (e->table != NULL && !same_key(e->table, table))
            begin_anew(c, e);
        let_go(e);
        e->table = table;
        e->binding = b;
        if (b->copy == NULL) {
            copy_table_ref(table);
            b->copy = table;
        }
        e->keyless = table->key_count == 0;
        e->pass = e->pass || !table->orderable;
        e->version = tables_version(r->o.tables, e->database, e->name);
        copy_mark_begun(c, e);
        copy_set_status(c, e, ENTRY_READABLE);
    }
    pthread_mutex_unlock(&c->lock);
    return ERR_OK;
}

/* A table that may be prepared now; NULL: none, or enough are. */
static struct copy_entry *next_to_prepare(struct replica *r)
{
    struct copy *c = r->o.copy;
    struct copy_entry *found = NULL;
    pthread_mutex_lock(&c->lock);
    uint32_t left = c->begun;
    bool enough = c->readable >= COPY_PREPARED;
    for (struct copy_entry *e = c->first; e != NULL && found == NULL; e = e->next) {
        if (enough && left == 0)
            break;
        left -= e->begun;
        /* One that had begun is not left with the key of another definition. */
        if (e->status != ENTRY_WAITING || (enough && !e->begun))
            continue;
        if (binlog_place_upto(e->not_before, r->place)) {
            found = e;
        } else if (!c->look || binlog_place_upto(e->not_before, c->look_at)) {
            c->look = true;
            c->look_at = e->not_before;
        }
    }
    pthread_mutex_unlock(&c->lock);
    return found;
}

static enum err prepare_some(struct replica *r)
{
    struct copy_entry *e;
    r->o.copy->look = false;
    while ((e = next_to_prepare(r)) != NULL)
        TRY(prepare(r, e));
    return ERR_OK;
}

/* What is being read of the table must not be used. Under the lock. */
static void put_in_doubt(struct copy *c, struct copy_entry *e)
{
    for (struct copy_range *rg = e->ranges; rg != NULL; rg = rg->next)
        rg->doubt = rg->doubt || (rg->open && !rg->sent);
    if (e->status == ENTRY_READABLE)
        copy_set_status(c, e, ENTRY_WAITING);
    atomic_store(&c->news, true);
}

/* ---- chunks ---- */

/* A chunk goes; its range is free to be read again, unless it is done. Under the lock. */
static void discard(struct copy *c, struct copy_range *rg, struct chunk *chunk)
{
    bool more = chunk->more && chunk->err == ERR_OK; /* its worker goes on with the range */
    c->bytes_out -= chunk->held;
    chunk_free(chunk);
    if (rg != NULL && !more) {
        rg->open = rg->taken = false;
        rg->wanted = !rg->forgotten;
    }
    pthread_cond_broadcast(&c->changed);
}

/* Memory ran short: what is behind the last row that was read is a range of its own. */
static enum err split_range(struct copy_range *rg, const struct chunk *chunk)
{
    struct copy_range *rest = calloc(1, sizeof(*rest));
    if (rest == NULL)
        return ERR_NO_MEMORY;
    struct copy_key *upto = NULL;
    enum err err = copy_key_copy(chunk->upto, &rest->after);
    if (err == ERR_OK)
        err = copy_key_copy(chunk->upto, &upto);
    if (err == ERR_OK)
        err = copy_mark_copy(&rest->opened, &rg->opened);
    if (err == ERR_OK)
        err = touched_add_all(&rest->touched, &rg->touched);
    if (err != ERR_OK) {
        copy_range_free(rest);
        free(upto);
        return err;
    }
    rest->entry = rg->entry;
    rest->recalled = rg->recalled;
    rest->wanted = true;
    /* The checkpoint has the whole, which says the same of both parts. */
    atomic_init(&rest->durable, atomic_load(&rg->durable));
    rest->saving = rg->saving;
    rest->upto = rg->upto;
    rg->upto = upto;
    rest->next = rg->next;
    rg->next = rest;
    return ERR_OK;
}

/* The table was not as the definition says: it is looked at again behind the read. */
static enum err misfit(struct replica *r, struct copy_entry *e, const struct chunk *chunk)
{
    struct copy *c = r->o.copy;
    e->not_before = binlog_place_of(chunk->high.file, chunk->high.offset);
    if (e->version == tables_version(r->o.tables, e->database, e->name) &&
        ++e->misfits > MISFITS_MAX) {
        r->em = chunk->em;
        return ERR_TABLE_MISMATCH;
    }
    put_in_doubt(c, e);
    return ERR_OK;
}

/* A chunk came from a worker. Under the lock. */
static enum err receive(struct replica *r, struct chunk *chunk)
{
    struct copy *c = r->o.copy;
    struct copy_entry *e = chunk->owner;
    struct copy_range *rg = chunk->range;
    if (chunk->err != ERR_OK) {
        enum err err = chunk->err;
        if (err == ERR_TABLE_MISMATCH)
            err = misfit(r, e, chunk);
        else
            r->em = chunk->em;
        if (rg == NULL)
            e->planning = false;
        if (c->standing == e)
            c->standing = NULL;
        discard(c, rg, chunk);
        return err;
    }
    bool usable = rg != NULL && !rg->doubt && chunk->table == e->table;
    if (!usable) {
        if (c->standing == e && !chunk->more)
            c->standing = NULL;
        discard(c, rg, chunk);
        return ERR_OK;
    }
    if (chunk->cut) {
        TRY(split_range(rg, chunk));
        pthread_cond_broadcast(&c->changed);
    }
    struct chunk **end = &rg->chunk;
    while (*end != NULL)
        end = &(*end)->next; /* parts of a table without a key */
    *end = chunk;
    c->held++;
    return ERR_OK;
}

static bool is_touched(struct replica *r, const struct copy_range *rg, const struct chunk_row *row,
                       bool *touched)
{
    const struct copy_table *t = rg->entry->table;
    struct writer *w = &r->o.copy->scratch;
    writer_clear(w);
    enum err e = copy_row_decode_columns(t->plan, slice_of(row->packet, row->len), t->key,
                                         t->key_count, &r->scratch, r->probes[0]);
    if (e == ERR_OK)
        e = copy_key_put_cells(t->table, t->key, t->key_count, r->probes[0], w);
    if (e == ERR_OK)
        *touched = touched_has(&rg->touched, writer_slice(w));
    return e == ERR_OK;
}

static enum err route_init(struct replica *r, const struct binding *b, const struct chunk_row *row,
                           struct row_ref *ref)
{
    ref->partition = 0;
    if (b->partitions > 1) {
        if (b->probe_count > 0)
            TRY(copy_row_decode_columns(b->copy->plan, slice_of(row->packet, row->len),
                                        b->probe_columns, b->probe_count, &r->scratch,
                                        r->probes[0]));
        TRY(replica_partition(r, b, r->probes[0], NULL, &ref->partition));
    }
    return replica_feed(r, b, ref);
}

/* The rows that no transaction has touched since the range was opened go out. */
static enum err feed_chunk(struct replica *r, const struct copy_range *rg,
                           const struct chunk *chunk, uint64_t *sent)
{
    struct copy *c = r->o.copy;
    struct binding *b = rg->entry->binding;
    struct binlog_place high = binlog_place_of(chunk->high.file, chunk->high.offset);
    struct row_event event = {.binding = b,
                              .after_present = row_all_present,
                              .es_ms = chunk->read_us / 1000,
                              .origin = {.file = high.file,
                                         .offset = high.offset,
                                         .safe_file = high.file,
                                         .safe_offset = high.offset,
                                         .server_id = r->server.server_id},
                              .width = b->table->column_count};
    uint64_t id = atomic_load_explicit(&c->init_next, memory_order_relaxed);
    uint32_t frame = UINT32_MAX;
    for (uint32_t i = 0; i < chunk->row_count; i++) {
        const struct chunk_row *row = &chunk->rows[i];
        bool touched = false;
        row_scratch_reset(&r->scratch);
        if (row->head)
            return errmsg_set(&r->em, ERR_TOO_LARGE,
                              "table %.*s.%.*s: a row of more than the memory for the copy: raise "
                              "limits.memory",
                              SLICE_ARG(b->table->database), SLICE_ARG(b->table->name));
        if (rg->touched.count > 0 && !is_touched(r, rg, row, &touched))
            return ERR_MALFORMED;
        if (touched)
            continue;
        if (row->frame != frame) {
            frame = row->frame;
            feeder_event(r->o.feeder, &event, chunk->frames[frame]);
        }
        struct row_ref ref = {
            .image = row->packet, .len = row->len, .op = CHANGE_INIT, .id = INIT_ID_BIT | id++};
        TRY(route_init(r, b, row, &ref));
        if (++*sent % COMMIT_ROWS == 0)
            feeder_commit(r->o.feeder);
    }
    feeder_commit(r->o.feeder);
    atomic_store_explicit(&c->init_next, id, memory_order_relaxed);
    return ERR_OK;
}

/* The checkpoint forgets the range together with a position behind its rows. */
static enum err note_sent(struct replica *r, struct copy_range *rg)
{
    struct tables_note *n = calloc(1, sizeof(*n));
    if (n == NULL)
        return ERR_NO_MEMORY;
    *n = (struct tables_note){.kind = NOTE_COPIED, .range = rg};
    r->copied = tables_notes_join(r->copied, n);
    r->boundary_fresh = true;
    return ERR_OK;
}

/* What the source has left out by the filter is not to come any more. */
static void lower_estimate(struct table_counter *t, const struct chunk *chunk)
{
    uint64_t all = count_of(&t->copy_estimate);
    if (chunk->cut || chunk->range_rows <= chunk->row_count)
        return;
    uint64_t gone = chunk->range_rows - chunk->row_count;
    atomic_store(&t->copy_estimate, all > gone ? all - gone : 1);
}

static enum err hand_over(struct replica *r, struct copy_range *rg)
{
    struct copy *c = r->o.copy;
    struct chunk *chunk = rg->chunk;
    uint64_t sent = 0;
    c->torn = true;
    enum err err = feed_chunk(r, rg, chunk, &sent);
    if (err != ERR_OK && err_class(err) == ERRC_DATA && r->em.text[0] == 0)
        errmsg_set(&r->em, err, "table %.*s.%.*s: its rows cannot be read: %s",
                   SLICE_ARG(rg->entry->database), SLICE_ARG(rg->entry->name), err_text(err));
    TRY(err);
    c->torn = false;
    rg->chunk = chunk->next;
    c->held--;
    bool more = chunk->more;
    c->parts += (more ? 1u : 0u) - (rg->parted ? 1u : 0u);
    rg->parted = more;
    pthread_mutex_lock(&c->lock);
    c->bytes_out -= chunk->held;
    count(&rg->entry->counter->copy_rows, sent);
    lower_estimate(rg->entry->counter, chunk);
    rg->open = more;
    rg->taken = more;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    chunk_free(chunk);
    if (more)
        return ERR_OK;
    rg->sent = true;
    touched_fini(&rg->touched);
    if (c->standing == rg->entry)
        c->standing = NULL;
    return note_sent(r, rg);
}

static bool is_due(const struct replica *r, const struct copy_range *rg)
{
    const struct chunk *chunk = rg->chunk;
    const struct copy *c = r->o.copy;
    return chunk != NULL && atomic_load(&rg->durable) &&
           binlog_place_upto(binlog_place_of(chunk->high.file, chunk->high.offset), r->place) &&
           atomic_load(&c->init_next) + chunk->row_count <= atomic_load(&c->init_reserved);
}

/* A chunk that waited for its mark and must not be used any more. */
static void discard_doubtful(struct copy *c, struct copy_range *rg)
{
    pthread_mutex_lock(&c->lock);
    while (rg->chunk != NULL) {
        struct chunk *chunk = rg->chunk;
        rg->chunk = chunk->next;
        c->held--;
        discard(c, rg, chunk);
    }
    pthread_mutex_unlock(&c->lock);
}

/* Takes out what is acknowledged; false: some of it is not free yet. Under the lock. */
static bool sweep(struct copy *c, struct copy_entry *e)
{
    bool all = true;
    for (struct copy_range **at = &e->ranges; *at != NULL;) {
        struct copy_range *rg = *at;
        if (!rg->done || rg->open || rg->taken) {
            all = all && !rg->done;
            at = &rg->next;
            continue;
        }
        *at = rg->next;
        copy_range_free(rg);
    }
    if (e->status == ENTRY_COPIED && e->ranges == NULL) {
        let_go(e);
        tables_not_current(c->o.tables, e->database, e->name);
        copy_retire(c, e);
    }
    return all;
}

static void sweep_all(struct copy *c)
{
    struct copy_entry *list = c->sweeps;
    c->sweeps = NULL;
    while (list != NULL) {
        struct copy_entry *e = list;
        list = e->next_sweep;
        e->sweepable = !sweep(c, e);
        if (!e->sweepable)
            continue;
        e->next_sweep = c->sweeps;
        c->sweeps = e;
    }
}

static uint32_t chunks_of(const struct copy_range *rg)
{
    uint32_t n = 0;
    for (const struct chunk *chunk = rg->chunk; chunk != NULL; chunk = chunk->next)
        n++;
    return n;
}

static enum err hand_over_due(struct replica *r)
{
    struct copy *c = r->o.copy;
    uint32_t left = c->held;
    for (struct copy_entry *e = c->first; e != NULL && left > 0; e = e->next) {
        for (struct copy_range *rg = e->ranges; rg != NULL; rg = rg->next) {
            left -= chunks_of(rg);
            if (rg->chunk != NULL && rg->doubt)
                discard_doubtful(c, rg);
            while (is_due(r, rg))
                TRY(hand_over(r, rg));
        }
    }
    return ERR_OK;
}

/* Questions and chunks of workers. */
static enum err read_news(struct replica *r)
{
    struct copy *c = r->o.copy;
    enum err err = ERR_OK;
    pthread_mutex_lock(&c->lock);
    while (err == ERR_OK && c->given != NULL) {
        struct chunk *chunk = c->given;
        c->given = chunk->next;
        chunk->next = NULL;
        err = receive(r, chunk);
    }
    sweep_all(c);
    while (c->asks != NULL && err == ERR_OK) {
        struct copy_ask *ask = c->asks;
        c->asks = ask->next;
        ask->answer = ask->stand_at != NULL ? stand(r, ask->stand_at) : open_range(r, ask->chunk);
        if (ask->answer != ERR_OK && ask->answer != ERR_TABLE_MISMATCH)
            err = ask->answer;
        ask->answered = true;
        pthread_cond_broadcast(&c->changed);
    }
    pthread_mutex_unlock(&c->lock);
    return err;
}

static enum err turn(struct replica *r)
{
    struct copy *c = r->o.copy;
    bool news = atomic_exchange(&c->news, false);
    if (news)
        TRY(read_news(r));
    if (news || (c->look && binlog_place_upto(c->look_at, r->place)))
        TRY(prepare_some(r));
    return c->held > 0 ? hand_over_due(r) : ERR_OK;
}

enum err replica_copy_turn(struct replica *r)
{
    struct copy *c = r->o.copy;
    if (c == NULL || r->txn.state != BINLOG_TXN_OUTSIDE)
        return ERR_OK;
    TRY(turn(r));
    /* While a table without a key is read, nothing behind the read may pass. */
    while (c->standing != NULL && !(c->stand_known && !binlog_place_upto(c->stand_at, r->place))) {
        feeder_publish(r->o.feeder);
        TRY(replica_cut_if_due(r, true));
        TRY(replica_wait(r, 100));
        TRY(turn(r));
    }
    return ERR_OK;
}

/* ---- statements and servers ---- */

static void change_table(struct replica *r, struct slice database, struct slice name, bool gone)
{
    struct copy *c = r->o.copy;
    struct copy_entry *e = copy_find(c, database, name);
    if (e == NULL)
        return;
    pthread_mutex_lock(&c->lock);
    if (e->status != ENTRY_COPIED) {
        put_in_doubt(c, e);
        e->not_before = (struct binlog_place){0};
        e->misfits = 0;
        if (gone)
            give_up(c, e);
    }
    pthread_mutex_unlock(&c->lock);
}

enum err replica_copy_effects(struct replica *r, const struct table_effect *list)
{
    struct copy *c = r->o.copy;
    for (const struct table_effect *f = list; c != NULL && f != NULL; f = f->next) {
        change_table(r, f->database, f->table, f->kind == TABLE_DROPPED);
        if (f->kind == TABLE_RENAMED)
            change_table(r, f->old_database, f->old_table, true);
        if (f->unsent || f->kind == TABLE_RENAMED)
            TRY(copy_enter(c, f->database, f->table, false));
        else if (f->kind == TABLE_CREATED)
            TRY(copy_enter(c, f->database, f->table, true));
    }
    return ERR_OK;
}

void replica_copy_other_server(struct replica *r)
{
    struct copy *c = r->o.copy;
    if (c == NULL)
        return;
    pthread_mutex_lock(&c->lock);
    for (struct copy_entry *e = c->first; e != NULL; e = e->next) {
        for (struct copy_range *rg = e->ranges; rg != NULL; rg = rg->next) {
            rg->doubt = rg->doubt || (rg->open && !rg->sent);
            rg->opened.file[0] = 0; /* a place there is none here */
        }
    }
    pthread_mutex_unlock(&c->lock);
}
