/*
 * Rows to lanes: finds where each row of an event ends, numbers it, computes
 * its partition from the key cells, and leaves a reference with the feeder.
 */
#include "pipeline/replica_int.h"

#include "base/clock.h"
#include "mysqlproto/binlog/inflate.h"
#include "pipeline/copy_int.h"

#include <string.h>

struct rows_job {
    const struct binlog_rows *rows;
    struct binding *binding;
    struct copy_entry *copy; /* its table is being copied; NULL: it is not */
    /* Of the copy: the identity's columns in ascending order, and where the key's i-th part is in
     * that order. */
    uint16_t key_columns[COPY_KEY_PARTS];
    uint16_t key_at[COPY_KEY_PARTS];
};

/* Which of a change's images go out. */
enum { SIDE_BEFORE = 1, SIDE_AFTER = 2, SIDE_BOTH = 3 };

static uint32_t lane_of(const struct replica *r, const struct binding *b, int32_t partition)
{
    return (b->topic_index + (uint32_t)partition) % r->o.feeder->lane_count;
}

enum err replica_feed(struct replica *r, const struct binding *b, const struct row_ref *ref)
{
    enum err e;
    if (__builtin_expect(r->barrier, 0))
        TRY(replica_close_barrier(r));
    while ((e = feeder_row(r->o.feeder, lane_of(r, b, ref->partition), ref)) == ERR_NO_ROOM)
        TRY(replica_wait(r, 100));
    if (r->o.cutter != NULL && e == ERR_OK) {
        if (r->fed++ == 0)
            r->fed_ms = clock_mono_ms();
        r->fed_bytes += ref->len;
    }
    return e == ERR_TOO_LARGE ? ERR_NO_ROOM : e;
}

enum err replica_partition(struct replica *r, const struct binding *b, const struct cell *probes,
                           const struct cell *other, int32_t *out)
{
    for (uint32_t i = 0; i < b->partition_count; i++) {
        const struct cell *c = &probes[b->partition_at[i]];
        if (c->kind == CELL_ABSENT && other != NULL)
            c = &other[b->partition_at[i]];
        if (c->kind == CELL_ABSENT)
            return errmsg_set(
                &r->em, ERR_TABLE_MISMATCH,
                "table %.*s.%.*s: a row image without column %.*s, which chooses the "
                "partition: set binlog_row_image=FULL on the source",
                SLICE_ARG(b->table->database), SLICE_ARG(b->table->name),
                SLICE_ARG(b->table->columns[b->probe_columns[b->partition_at[i]]].name));
        r->hash_cells[i] = *c;
    }
    int32_t hash;
    TRY(partition_hash(b->key, r->hash_cells, &r->hash_scratch, &hash));
    *out = partition_of(hash, b->partitions);
    return ERR_OK;
}

/* Some probe is in both images and differs. */
static bool probes_changed(const struct replica *r, const struct binding *b)
{
    for (uint32_t i = 0; i < b->probe_count; i++) {
        const struct cell *before = &r->probes[0][i], *after = &r->probes[1][i];
        if (after->kind != CELL_ABSENT && before->kind != CELL_ABSENT && !cell_equal(before, after))
            return true;
    }
    return false;
}

/* An UPDATE that changes its key goes out as the DELETE of the old row, then the INSERT of the new
 * one. */
static enum err feed_split(struct replica *r, const struct binding *b, const struct row_ref *ref,
                           int32_t old_partition, unsigned sides)
{
    struct row_ref gone = *ref, come = *ref;
    gone.half = ROW_DELETE_HALF;
    gone.partition = old_partition;
    gone.id = r->next_id++;
    come.half = ROW_INSERT_HALF;
    come.id = r->next_id++;
    if ((sides & SIDE_BEFORE) != 0)
        TRY(replica_feed(r, b, &gone));
    if ((sides & SIDE_AFTER) == 0)
        return ERR_OK;
    if (sides == SIDE_BOTH && old_partition != come.partition) {
        uint32_t from = lane_of(r, b, old_partition), to = lane_of(r, b, come.partition);
        uint64_t seq = feeder_close(r->o.feeder, from);
        feeder_wait_for(r->o.feeder, to, from, seq);
    }
    return replica_feed(r, b, &come);
}

/* A change of which maybe one image only goes out; its number is used in any case. */
static enum err feed_sides(struct replica *r, const struct binding *b, struct row_ref *ref,
                           unsigned sides)
{
    ref->id = r->next_id++;
    if (sides == 0)
        return ERR_OK;
    if (ref->op == CHANGE_UPDATE && sides != SIDE_BOTH)
        ref->half = sides == SIDE_BEFORE ? ROW_DELETE_HALF : ROW_INSERT_HALF;
    return replica_feed(r, b, ref);
}

static enum err route_update(struct replica *r, const struct rows_job *job,
                             const struct binlog_row *row, struct row_ref *ref, unsigned sides)
{
    const struct binding *b = job->binding;
    TRY(row_decode_columns(b->plan, job->rows->before, row->before, b->probe_columns,
                           b->probe_count, &r->scratch, r->probes[0]));
    TRY(row_decode_columns(b->plan, job->rows->after, row->after, b->probe_columns, b->probe_count,
                           &r->scratch, r->probes[1]));
    TRY(replica_partition(r, b, r->probes[1], r->probes[0], &ref->partition));
    if (b->split && probes_changed(r, b)) {
        int32_t old_partition;
        TRY(replica_partition(r, b, r->probes[0], NULL, &old_partition));
        return feed_split(r, b, ref, old_partition, sides);
    }
    if (sides == SIDE_BEFORE)
        TRY(replica_partition(r, b, r->probes[0], NULL, &ref->partition));
    return feed_sides(r, b, ref, sides);
}

static enum err judge_image(struct replica *r, const struct rows_job *job, const uint8_t *present,
                            struct slice image, bool *pass)
{
    const struct table *t = job->binding->table;
    struct cell cells[COPY_KEY_PARTS], key[COPY_KEY_PARTS];
    TRY(row_decode_columns(job->binding->plan, present, image, job->key_columns, t->identity_count,
                           &r->scratch, cells));
    for (uint32_t i = 0; i < t->identity_count; i++) {
        key[i] = cells[job->key_at[i]];
        if (key[i].kind == CELL_ABSENT)
            return errmsg_set(&r->em, ERR_TABLE_MISMATCH,
                              "table %.*s.%.*s: a row image without its key column %.*s while the "
                              "table is copied: set binlog_row_image=FULL on the source",
                              SLICE_ARG(t->database), SLICE_ARG(t->name),
                              SLICE_ARG(t->columns[t->identity[i]].name));
    }
    bool partial = present != row_all_present;
    return replica_copy_judge(r, job->copy, t, key, partial, pass);
}

/* What of a change goes out while its table is copied. */
static enum err judge(struct replica *r, const struct rows_job *job, const struct binlog_row *row,
                      uint8_t op, unsigned *sides)
{
    bool before = op == CHANGE_DELETE || op == CHANGE_UPDATE;
    bool after = op == CHANGE_INSERT || op == CHANGE_UPDATE;
    row_scratch_reset(&r->scratch);
    if (before)
        TRY(judge_image(r, job, job->rows->before, row->before, &before));
    if (after)
        TRY(judge_image(r, job, job->rows->after, row->after, &after));
    *sides = (before ? SIDE_BEFORE : 0) | (after ? SIDE_AFTER : 0);
    return ERR_OK;
}

static enum err find_copy(struct replica *r, struct rows_job *job)
{
    const struct table *t = job->binding->table;
    if (r->o.copy == NULL || copy_finished(r->o.copy))
        return ERR_OK;
    job->copy = copy_find(r->o.copy, t->database, t->name);
    if (job->copy == NULL)
        return ERR_OK;
    if (t->identity_count > COPY_KEY_PARTS)
        return ERR_BUG;
    for (uint32_t i = 0; i < t->identity_count; i++) {
        uint16_t at = 0;
        for (uint32_t k = 0; k < t->identity_count; k++)
            at += t->identity[k] < t->identity[i];
        job->key_at[i] = at;
        job->key_columns[at] = t->identity[i];
    }
    return ERR_OK;
}

static enum err route_row(struct replica *r, const struct rows_job *job,
                          const struct binlog_row *row, struct row_ref *ref)
{
    const struct binding *b = job->binding;
    unsigned sides = SIDE_BOTH;
    if (job->copy != NULL)
        TRY(judge(r, job, row, ref->op, &sides));
    ref->partition = 0;
    /* With one partition and nothing to split there is nothing to look at. */
    bool look = b->partitions > 1 ? true : b->split && ref->op == CHANGE_UPDATE;
    if (look && b->probe_count > 0) {
        row_scratch_reset(&r->scratch);
        if (ref->op == CHANGE_UPDATE)
            return route_update(r, job, row, ref, sides);
        bool insert = ref->op == CHANGE_INSERT;
        TRY(row_decode_columns(b->plan, insert ? job->rows->after : job->rows->before,
                               insert ? row->after : row->before, b->probe_columns, b->probe_count,
                               &r->scratch, r->probes[0]));
        TRY(replica_partition(r, b, r->probes[0], NULL, &ref->partition));
    } else if (look) {
        TRY(replica_partition(r, b, r->probes[0], NULL, &ref->partition));
    }
    return feed_sides(r, b, ref, sides);
}

/* The row at hand did not go out whole: what stands for those that did may not cover it. */
static enum err not_fed(struct replica *r, uint64_t id, uint64_t fed, enum err e)
{
    r->group.rows--;
    r->group.halved = r->fed != fed;
    r->next_id = id;
    return e;
}

static enum err walk(struct replica *r, const struct rows_job *job, struct slice images)
{
    static const uint8_t ops[] = {[BINLOG_ROWS_WRITE] = CHANGE_INSERT,
                                  [BINLOG_ROWS_UPDATE] = CHANGE_UPDATE,
                                  [BINLOG_ROWS_DELETE] = CHANGE_DELETE};
    struct reader rd = reader_of(images);
    while (rd.p < rd.end) {
        struct row_ref ref = {.image = rd.p, .op = ops[job->rows->op]};
        struct binlog_row row;
        TRY(binlog_rows_next(job->rows, job->binding->plan, &rd, &row));
        ref.len = (uint32_t)(rd.p - ref.image);
        r->group.rows++;
        if (r->group.rows <= r->group.skip)
            continue; /* went out before the connection was lost */
        uint64_t id = r->next_id, fed = r->fed;
        enum err e = r->group.dropped ? ERR_OK : route_row(r, job, &row, &ref);
        if (e == ERR_NO_ROOM) { /* a pinned group that has outgrown the bound is dropped */
            TRY(replica_make_room(r));
            e = r->group.dropped ? ERR_OK : ERR_BUG;
        }
        if (e != ERR_OK)
            return not_fed(r, id, fed, e);
    }
    return ERR_OK;
}

/* Expands a compressed rows event into a frame of its own, with the bitmaps beside it. */
static enum err expand(struct replica *r, struct binlog_rows *rows, struct frame **out)
{
    size_t len;
    TRY(binlog_record_len(rows->rows, &len));
    size_t bitmap = (rows->width + 7) / 8;
    size_t need = len + 2 * bitmap;
    if (need > r->stream.large)
        return errmsg_set(&r->em, ERR_TOO_LARGE,
                          "a compressed rows event of %zu bytes is more than the memory for "
                          "received data (%zu bytes): raise limits.memory",
                          len, r->stream.large);
    struct frame *f;
    while ((f = frame_get(r->o.pool, need)) == NULL) {
        TRY(replica_make_room(r));
        TRY(replica_wait(r, 100));
    }
    enum err e = binlog_record_inflate(&r->inflater, rows->rows, f->data, len);
    if (e != ERR_OK) {
        frame_unref(f);
        return e;
    }
    uint8_t *at = f->data + len;
    if (rows->before != NULL && rows->before != row_all_present)
        rows->before = memcpy(at, rows->before, bitmap);
    if (rows->after != NULL && rows->after != row_all_present)
        rows->after = memcpy(at + bitmap, rows->after, bitmap);
    rows->rows = slice_of(f->data, len);
    *out = f;
    return ERR_OK;
}

static enum err check_width(struct replica *r, const struct binlog_rows *rows,
                            const struct binding *b)
{
    if (rows->width == b->table->column_count)
        return ERR_OK;
    return errmsg_set(&r->em, ERR_TABLE_MISMATCH,
                      "table %.*s.%.*s: a rows event with %u columns, where the table has %u",
                      SLICE_ARG(b->table->database), SLICE_ARG(b->table->name), rows->width,
                      b->table->column_count);
}

/* A rows event that does not fit into memory: no harm if nobody wants its rows. */
static enum err too_large(struct replica *r, const struct stream_event *sev,
                          const struct binding *b)
{
    return errmsg_set(&r->em, ERR_TOO_LARGE,
                      "table %.*s.%.*s: a rows event of %u bytes is more than the memory for "
                      "received data (%zu bytes): raise limits.memory to three times its size",
                      SLICE_ARG(b->table->database), SLICE_ARG(b->table->name),
                      sev->ev.header.length, r->stream.large);
}

/* Reading may start where the group begins; where that is not known, behind its rows. */
struct change_origin replica_origin(struct replica *r, const struct stream *s,
                                    const struct stream_event *sev)
{
    struct group *g = &r->group;
    struct binlog_place at = binlog_place_of(s->file, s->offset);
    if (g->begin.file == 0)
        g->begin = r->read.file[0] != 0 ? binlog_place_of(r->read.file, r->read.offset) : at;
    return (struct change_origin){.file = at.file,
                                  .offset = at.offset,
                                  .safe_file = g->begin.file,
                                  .safe_offset = g->begin.offset,
                                  .server_id = sev->ev.header.server_id,
                                  .thread_id = g->thread_id};
}

/* What the rows of one event add to the sums, and what they take from the throttle. */
static void count_rows(struct replica *r, const struct binding *b, enum binlog_rows_op op,
                       uint64_t rows, uint64_t bytes)
{
    struct table_counter *c = b->table_counter;
    count(&r->stats.rows, rows);
    if (c != NULL)
        count(op == BINLOG_ROWS_WRITE    ? &c->inserted
              : op == BINLOG_ROWS_UPDATE ? &c->updated
                                         : &c->deleted,
              rows);
    if (r->o.view != NULL && throttle_limited(&r->o.view->incremental))
        throttle_take(&r->o.view->incremental, 0, rows, bytes, clock_mono_us());
}

enum err replica_rows(struct replica *r, struct stream *s, const struct stream_event *sev)
{
    uint64_t table_id;
    TRY(binlog_table_id(&s->format, sev->ev.header.type, sev->ev.body, &table_id));
    struct binding *b;
    if (table_id == BINLOG_TABLE_ID_DUMMY_32 || table_id == BINLOG_TABLE_ID_DUMMY_48)
        return ERR_OK;
    TRY(tables_find(r->o.tables, table_id, &b));
    if (b == NULL)
        return ERR_OK; /* not selected */
    if (sev->head_only)
        return too_large(r, sev, b);
    struct binlog_rows rows;
    TRY(binlog_rows_parse(&s->format, &sev->ev, &rows));
    TRY(check_width(r, &rows, b));
    struct frame *frame = sev->frame;
    struct frame *own = NULL;
    if (rows.compressed) {
        TRY(expand(r, &rows, &own));
        frame = own;
    }
    r->group.es_ms = (uint64_t)sev->ev.header.timestamp * 1000;
    struct row_event event = {
        .binding = b,
        .before_present = rows.before,
        .after_present = rows.after,
        .es_ms = r->group.es_ms,
        .commit_us = r->group.commit_us,
        .gtid = r->o.task->canal.gtid ? slice_of(r->group.gtid_text, r->group.gtid_text_len)
                                      : SLICE_LIT(""),
        .origin = replica_origin(r, s, sev),
        .width = rows.width,
        .partial_json = rows.partial,
    };
    feeder_event(r->o.feeder, &event, frame);
    uint64_t before = r->group.rows;
    struct rows_job job = {.rows = &rows, .binding = b};
    enum err e = find_copy(r, &job);
    if (e == ERR_OK)
        e = walk(r, &job, rows.rows);
    count_rows(r, b, rows.op, r->group.rows - before, sev->ev.header.length);
    atomic_store_explicit(&r->stats.next_id, r->next_id, memory_order_relaxed);
    if (own != NULL)
        frame_unref(own);
    if (e == ERR_OK)
        e = replica_cut_inside(r);
    if (e != ERR_OK && err_class(e) == ERRC_DATA && r->em.text[0] == 0)
        errmsg_set(&r->em, e, "table %.*s.%.*s: its rows cannot be read: %s",
                   SLICE_ARG(b->table->database), SLICE_ARG(b->table->name), err_text(e));
    return e;
}
