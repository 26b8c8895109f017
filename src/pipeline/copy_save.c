/*
 * The copy in the checkpoint: a fact for each table.
 *
 *   u8 version, u8 flags, [frontier key], u32 count of ranges, and of each
 *   u8 flags, [after key], [upto key], mark
 *   mark: u32 server id, u16 length, file, u64 offset, u32 length, GTID set
 *
 * Threads: the supervisor's, but for the recall at start.
 */
#include "pipeline/copy_int.h"

#include "base/log.h"
#include "net/loop.h"

#include <stdlib.h>
#include <string.h>

#define FACT_VERSION 1
#define FACT_NUMBERS SLICE_LIT("copy.numbers")

enum { FACT_DONE = 1, FACT_OPENED_ALL = 2, FACT_PASS = 4, FACT_FRONTIER = 8 };
enum { RANGE_AFTER = 1, RANGE_UPTO = 2 };

/* "copy", NUL, DATABASE, NUL, TABLE */
static void fact_name(struct slice database, struct slice name, struct writer *w)
{
    writer_cstr(w, SLICE_LIT("copy"));
    writer_cstr(w, database);
    writer_slice_put(w, name);
}

enum err copy_entry_fact(struct slice database, struct slice name, const struct ckpt *ckpt,
                         struct slice *out, bool *found)
{
    struct writer w;
    writer_init(&w, 4096);
    fact_name(database, name, &w);
    enum err e = w.err;
    *found = e == ERR_OK && ckpt_fact(ckpt, writer_slice(&w), out);
    writer_fini(&w);
    return e;
}

bool copy_fact_is_done(struct slice fact)
{
    return fact.len >= 2 && fact.ptr[0] == FACT_VERSION && (fact.ptr[1] & FACT_DONE) != 0;
}

static void put_mark(const struct copy *c, const struct copy_mark *m, struct writer *w)
{
    struct writer set;
    writer_init(&set, SIZE_MAX);
    my_gtid_set_encode(&m->set, &set);
    writer_u32(w, c->o.server->server_id);
    writer_u16(w, (uint16_t)strlen(m->file));
    writer_slice_put(w, slice_str(m->file));
    writer_u64(w, m->offset);
    writer_u32(w, (uint32_t)set.len);
    writer_slice_put(w, writer_slice(&set));
    if (set.err != ERR_OK && w->err == ERR_OK)
        w->err = set.err;
    writer_fini(&set);
}

/* A place on another server is of no use. */
static enum err read_mark(const struct copy *c, struct reader *r, struct copy_mark *m)
{
    uint32_t server_id = reader_u32(r);
    struct slice file = reader_take(r, reader_u16(r));
    uint64_t offset = reader_u64(r);
    struct slice set = reader_take(r, reader_u32(r));
    if (r->err != ERR_OK)
        return r->err;
    if (file.len >= sizeof(m->file))
        return ERR_MALFORMED;
    if (server_id == c->o.server->server_id) {
        memcpy(m->file, file.ptr, file.len);
        m->offset = offset;
    }
    return my_gtid_set_decode(&m->set, set);
}

static void put_range(const struct copy *c, const struct copy_range *r, struct writer *w)
{
    writer_u8(w,
              (uint8_t)((r->after != NULL ? RANGE_AFTER : 0) | (r->upto != NULL ? RANGE_UPTO : 0)));
    if (r->after != NULL)
        copy_key_put(r->after, w);
    if (r->upto != NULL)
        copy_key_put(r->upto, w);
    put_mark(c, &r->opened, w);
}

static enum err read_range(const struct copy *c, struct copy_entry *e, struct reader *rd,
                           struct copy_range **out)
{
    struct copy_range *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return ERR_NO_MEMORY;
    uint8_t flags = reader_u8(rd);
    enum err err = rd->err;
    if (err == ERR_OK && (flags & RANGE_AFTER) != 0)
        err = copy_key_parse(rd, &r->after);
    if (err == ERR_OK && (flags & RANGE_UPTO) != 0)
        err = copy_key_parse(rd, &r->upto);
    if (err == ERR_OK)
        err = read_mark(c, rd, &r->opened);
    if (err != ERR_OK) {
        copy_range_free(r);
        return err;
    }
    r->entry = e;
    r->recalled = r->wanted = true;
    atomic_init(&r->durable, true);
    *out = r;
    return ERR_OK;
}

static void put_entry(const struct copy *c, const struct copy_entry *e, struct writer *w)
{
    writer_u8(w, FACT_VERSION);
    if (e->status == ENTRY_COPIED) {
        writer_u8(w, FACT_DONE);
        return;
    }
    writer_u8(w, (uint8_t)((e->opened_all ? FACT_OPENED_ALL : 0) | (e->pass ? FACT_PASS : 0) |
                           (e->frontier != NULL ? FACT_FRONTIER : 0)));
    if (e->frontier != NULL)
        copy_key_put(e->frontier, w);
    uint32_t count = 0;
    for (const struct copy_range *r = e->ranges; r != NULL; r = r->next)
        count += !r->done;
    writer_u32(w, count);
    for (const struct copy_range *r = e->ranges; r != NULL; r = r->next)
        if (!r->done)
            put_range(c, r, w);
}

enum err copy_entry_recall(struct copy *c, struct copy_entry *e, struct slice bytes)
{
    struct reader rd = reader_of(bytes);
    if (reader_u8(&rd) != FACT_VERSION)
        return ERR_STATE_DAMAGED;
    uint8_t flags = reader_u8(&rd);
    if ((flags & FACT_DONE) != 0) {
        e->status = ENTRY_COPIED;
        return reader_finish(&rd);
    }
    e->opened_all = e->planned_all = (flags & FACT_OPENED_ALL) != 0;
    e->pass = (flags & FACT_PASS) != 0;
    if ((flags & FACT_FRONTIER) != 0) {
        TRY(copy_key_parse(&rd, &e->frontier));
        TRY(copy_key_copy(e->frontier, &e->planned));
    }
    struct copy_range **end = &e->ranges;
    for (uint32_t left = reader_u32(&rd); left > 0 && rd.err == ERR_OK; left--) {
        TRY(read_range(c, e, &rd, end));
        end = &(*end)->next;
    }
    return reader_finish(&rd);
}

static enum err put_fact(struct copy *c, struct ckpt *ckpt, const struct copy_entry *e)
{
    struct writer name, value;
    writer_init(&name, 4096);
    writer_init(&value, SIZE_MAX);
    fact_name(e->database, e->name, &name);
    put_entry(c, e, &value);
    enum err err = name.err != ERR_OK ? name.err : value.err;
    if (err == ERR_OK)
        err = ckpt_put_fact(ckpt, writer_slice(&name), writer_slice(&value));
    writer_fini(&name);
    writer_fini(&value);
    return err;
}

/* Numbers are reserved before they run out. */
static enum err reserve_numbers(struct copy *c, struct ckpt *ckpt, bool *put)
{
    uint64_t next = atomic_load(&c->init_next);
    if (next + INIT_ID_BLOCK / 2 < c->init_put)
        return ERR_OK;
    uint8_t bytes[8];
    c->init_put = next + INIT_ID_BLOCK;
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(c->init_put >> (8 * i));
    *put = true;
    return ckpt_put_fact(ckpt, FACT_NUMBERS, slice_of(bytes, sizeof(bytes)));
}

void copy_recall_numbers(struct copy *c, const struct ckpt *ckpt)
{
    struct slice fact;
    if (ckpt_fact(ckpt, FACT_NUMBERS, &fact) && fact.len == 8)
        c->init_put = load_le64(fact.ptr);
    /* What was reserved may have been used. */
    atomic_store(&c->init_next, c->init_put == 0 ? 1 : c->init_put);
    atomic_store(&c->init_reserved, c->o.atomic ? UINT64_MAX : c->init_put);
}

/* Its ranges are durable once what was put is synced. */
static void await_sync(struct copy *c, struct copy_entry *e)
{
    for (struct copy_range *r = e->ranges; r != NULL; r = r->next)
        r->saving = !atomic_load(&r->durable);
    if (e->saving)
        return;
    e->saving = true;
    e->next_saving = c->saving_entries;
    c->saving_entries = e;
}

static enum err put_dirty(struct copy *c, struct ckpt *ckpt, bool *put)
{
    while (c->dirty != NULL) {
        struct copy_entry *e = c->dirty;
        *put = true;
        TRY(put_fact(c, ckpt, e));
        c->dirty = e->next_dirty;
        e->dirty = false;
        await_sync(c, e);
    }
    return ERR_OK;
}

enum err copy_save(struct copy *c, struct ckpt *ckpt, bool *put)
{
    enum err err = ERR_OK;
    if (copy_finished(c) && !atomic_load(&c->unsaved))
        return ERR_OK;
    pthread_mutex_lock(&c->lock);
    if (!copy_finished(c))
        err = reserve_numbers(c, ckpt, put);
    atomic_store(&c->unsaved, false);
    if (err == ERR_OK)
        err = put_dirty(c, ckpt, put);
    c->saving = c->saving || *put;
    pthread_mutex_unlock(&c->lock);
    return err;
}

void copy_saved(struct copy *c)
{
    if (!c->saving)
        return;
    c->saving = false;
    pthread_mutex_lock(&c->lock);
    atomic_store(&c->init_reserved, c->init_put);
    while (c->saving_entries != NULL) {
        struct copy_entry *e = c->saving_entries;
        c->saving_entries = e->next_saving;
        e->saving = false;
        for (struct copy_range *r = e->ranges; r != NULL; r = r->next) {
            if (r->saving)
                atomic_store(&r->durable, true);
            r->saving = false;
        }
    }
    atomic_store(&c->news, true);
    pthread_mutex_unlock(&c->lock);
    net_loop_wake(c->o.loop);
}

enum err copy_acknowledged(struct copy *c, struct ckpt *ckpt, struct copy_range *range)
{
    struct copy_entry *e = range->entry;
    pthread_mutex_lock(&c->lock);
    range->done = true;
    bool left = !e->opened_all;
    for (const struct copy_range *r = e->ranges; r != NULL; r = r->next)
        left = left || !r->done;
    if (!left)
        copy_set_status(c, e, ENTRY_COPIED);
    enum err err = put_fact(c, ckpt, e);
    copy_mark_sweep(c, e);
    pthread_mutex_unlock(&c->lock);
    net_loop_wake(c->o.loop);
    return err;
}
