/*
 * Statements: read, sent where they are wanted, and carried out on the
 * catalogue.
 *
 * A statement that is sent is a barrier for the task:
 *
 *   1. everything that was fed before it is acknowledged
 *   2. the statement goes to the lane that owns its partition, as a batch of
 *      its own, so that its id, its acknowledgement and the checkpoint work as
 *      for rows
 *   3. it is acknowledged before the next row is fed
 *
 * Step 3 is put off until that row comes (replica_close_barrier()), so that
 * statements that follow each other share one barrier. Within transactions of
 * the destination "acknowledged" is "committed".
 *
 * A statement is sent before it is carried out: where the task ends in
 * between, the checkpoint knows of neither, and the statement comes again with
 * the same id.
 */
#include "pipeline/replica_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/writer.h"
#include "pipeline/ddl_route.h"
#include "pipeline/ddl_shape.h"
#include "pipeline/schema_phase.h"
#include "pipeline/statement.h"

#include <stdlib.h>

#define BARRIER_POLL_MS 2            /* lanes do not wake the reader for acknowledgements */
#define TEXT_MAX        (256u << 20) /* of a statement in UTF-8 */

/* MariaDB writes an ALTER TABLE twice where binlog_alter_two_phase is ON: when it begins, and when
 * it commits or rolls back (sql/log_event.h, FL_START_ALTER_E1 and its neighbours). */
#define MARIA_START_ALTER    0x02
#define MARIA_ROLLBACK_ALTER 0x08

static enum err wait_idle(struct replica *r)
{
    /* Within transactions a statement has its own, where nothing else of its group went out. */
    if (r->o.cutter != NULL && r->o.feeder->touched == 0 && !r->group.stated)
        return replica_cut_apart(r);
    if (r->group.rows > 0) /* rows of its own group, which would wait for the statement */
        TRY(replica_make_room(r));
    feeder_publish(r->o.feeder);
    while (!feeder_idle(r->o.feeder))
        TRY(replica_wait(r, BARRIER_POLL_MS));
    return ERR_OK;
}

enum err replica_close_barrier(struct replica *r)
{
    TRY(wait_idle(r));
    r->barrier = false;
    return ERR_OK;
}

static bool is_space(uint8_t c)
{
    return c <= ' ' || c == ';';
}

/* The text as it is sent: without what stands behind it, and without what the server's own log adds
 * to CREATE TABLE .. SELECT. */
static struct slice text_to_send(struct slice sql)
{
    static const char open[] = "START TRANSACTION";
    while (sql.len > 0 && is_space(sql.ptr[sql.len - 1]))
        sql.len--;
    if (sql.len > sizeof(open) &&
        slice_eq_nocase(slice_of(sql.ptr + sql.len - sizeof(open) + 1, sizeof(open) - 1),
                        SLICE_LIT("START TRANSACTION")))
        sql.len -= sizeof(open) - 1;
    while (sql.len > 0 && is_space(sql.ptr[sql.len - 1]))
        sql.len--;
    return sql;
}

static struct slice keep(uint8_t **at, struct slice s)
{
    uint8_t *p = *at;
    memcpy(p, s.ptr, s.len);
    *at = p + s.len;
    return slice_of(p, s.len);
}

/* A compacted topic refuses records without a key. */
static bool is_compacted(const struct task_config *task)
{
    const struct conf_pairs *p = &task->destination.topic_config;
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->items[i].name, "cleanup.policy") == 0 &&
            strstr(p->items[i].value, "compact") != NULL)
            return true;
    return false;
}

/* The message in one block, with its texts. */
static struct batch_ddl *make_message(const struct replica *r, const struct ddl_route *route,
                                      struct slice sql)
{
    struct slice topic = slice_str(route->topic);
    struct slice gtid = r->o.task->canal.gtid ? slice_of(r->group.gtid_text, r->group.gtid_text_len)
                                              : SLICE_LIT("");
    size_t len = topic.len + 1 + route->database.len + route->table.len + sql.len + gtid.len +
                 route->frame.len;
    struct batch_ddl *d = malloc(sizeof(*d) + len);
    if (d == NULL)
        return NULL;
    uint8_t *at = (uint8_t *)(d + 1);
    *d = (struct batch_ddl){.topic = (const char *)at,
                            .topic_index = route->topic_index,
                            .partition = route->partition,
                            .keyed = is_compacted(r->o.task),
                            .origin = r->statement_origin};
    (void)keep(&at, topic);
    *at++ = 0;
    d->frame = keep(&at, route->frame);
    d->change = (struct ddl_change){.type = route->type,
                                    .database = keep(&at, route->database),
                                    .table = keep(&at, route->table),
                                    .sql = keep(&at, sql),
                                    .gtid = keep(&at, gtid),
                                    .origin = &d->origin,
                                    .es_ms = r->statement_ms};
    return d;
}

/* Takes the message over. */
static enum err feed_message(struct replica *r, struct batch_ddl *d)
{
    uint32_t lane = (d->topic_index + (uint32_t)d->partition) % r->o.feeder->lane_count;
    enum err e;
    d->change.id = r->next_id;
    while ((e = feeder_ddl(r->o.feeder, lane, d)) == ERR_NO_ROOM) {
        e = replica_wait(r, 100);
        if (e != ERR_OK)
            break;
    }
    if (e != ERR_OK) {
        free(d);
        return e;
    }
    r->next_id++;
    r->barrier = true;
    r->group.stated = true;
    if (r->o.cutter != NULL && r->fed++ == 0)
        r->fed_ms = clock_mono_ms();
    return ERR_OK;
}

enum err replica_send_ddl(struct replica *r, const struct ddl_route *route, struct slice sql)
{
    if (!r->barrier)
        TRY(wait_idle(r));
    struct batch_ddl *d = make_message(r, route, text_to_send(sql));
    if (d == NULL)
        return ERR_NO_MEMORY;
    TRY(feed_message(r, d));
    r->group.es_ms = r->statement_ms;
    atomic_store_explicit(&r->stats.next_id, r->next_id, memory_order_relaxed);
    return ERR_OK;
}

/* Sends a statement as it goes out. arena: for what is made of it. */
static enum err send_shaped(struct replica *r, const struct ddl_statement *st,
                            const struct ddl_route *route, struct arena *arena)
{
    struct ddl_route to = *route;
    struct ddl_shaped shaped;
    struct writer text;
    writer_init(&text, TEXT_MAX);
    enum err e = ddl_shape(r->o.tables, st, route, arena, &text, &shaped, &r->em);
    to.database = shaped.database;
    to.table = shaped.table;
    if (e == ERR_OK && !shaped.nothing)
        e = replica_send_ddl(r, &to, shaped.sql);
    writer_fini(&text);
    return e;
}

/* SHOW CREATE TABLE names no database. */
static enum err send_text(struct replica *r, const struct schema_text *x)
{
    const struct ddl_options options = {
        .dialect = {.version = r->server.version, .mariadb = r->server.flavour == SRC_MARIADB},
        .default_database = x->database};
    struct arena *arena = arena_new(4096);
    struct ddl_statement st;
    if (arena == NULL)
        return ERR_NO_MEMORY;
    enum err e = ddl_parse(x->sql, &options, arena, &st);
    struct ddl_route route = {0};
    if (e == ERR_OK || e == ERR_MALFORMED || e == ERR_TOO_LARGE)
        e = ddl_route(r->o.tables, &st, &route, &r->em);
    if (e == ERR_OK && route.send)
        e = send_shaped(r, &st, &route, arena);
    arena_free(arena);
    return e;
}

enum err replica_schema(struct replica *r)
{
    struct schema_phase *p = r->o.schema;
    if (p == NULL || atomic_load(&p->done))
        return ERR_OK;
    r->statement_origin = (struct change_origin){0};
    r->statement_ms = clock_wall_us() / 1000;
    while (p->first != NULL) {
        struct schema_text *x = p->first;
        TRY(send_text(r, x));
        p->first = x->next;
        free(x);
    }
    if (r->o.cutter == NULL)
        TRY(replica_close_barrier(r));
    r->group.first_id = r->next_id;
    r->group.stated = false;
    TRY(tables_note_schema(r->o.tables));
    TRY(replica_point(r));
    if (r->o.cutter != NULL) /* the statements and the note that they are sent: together */
        TRY(replica_close_barrier(r));
    log_info("schema.sent", "tables=%zu", p->count);
    atomic_store(&p->done, true);
    return ERR_OK;
}

static enum err act(struct replica *r, const struct stream *s, const struct binlog_query *q,
                    const struct ddl_statement *st, struct arena *arena)
{
    struct ddl_route route;
    TRY(ddl_route(r->o.tables, st, &route, &r->em));
    /* Of a group of which rows went out before a reconnect, the statement did, too. */
    if (route.send && r->group.skip == 0)
        TRY(send_shaped(r, st, &route, arena));
    if (route.unwanted && r->o.unsent != NULL) {
        feeder_publish(r->o.feeder);
        r->o.unsent(r->o.unsent_arg, st, binlog_place_of(s->file, s->offset));
    }
    return tables_statement(r->o.tables, st, q, binlog_place_of(s->file, s->offset));
}

enum err replica_ddl(struct replica *r, const struct stream *s, const struct binlog_query *q,
                     struct slice sql)
{
    if ((q->has & BINLOG_Q_GTID_FLAGS3) != 0 &&
        (q->gtid_flags3 & (MARIA_START_ALTER | MARIA_ROLLBACK_ALTER)) != 0)
        return ERR_OK;
    struct arena *arena = arena_new(4096);
    if (arena == NULL)
        return ERR_NO_MEMORY;
    struct ddl_options options = statement_options(&r->server, q);
    struct ddl_statement st;
    struct writer text;
    writer_init(&text, TEXT_MAX);
    enum err e = statement_utf8(q, sql, &text, &sql);
    if (e == ERR_OK)
        e = ddl_parse(sql, &options, arena, &st);
    /* What is not understood is told by its leading words, and by the names that stand in it. */
    if (e == ERR_OK || e == ERR_MALFORMED || e == ERR_TOO_LARGE)
        e = act(r, s, q, &st, arena);
    writer_fini(&text);
    arena_free(arena);
    return e;
}
