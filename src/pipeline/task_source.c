/* The source at start: what it is, where to begin, which tables there are. */
#include "pipeline/task_int.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "config/keys.h"
#include "pipeline/replica_int.h"
#include "source/catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SERVER_ID_BASE 1000000000u /* ours are above those that people give */

/* A uuid of ours that stays the same over restarts, so that the source ends a stale stream of ours.
 */
static void make_uuid(struct task *t)
{
    char text[1024];
    int len = snprintf(text, sizeof(text), "%s/%s/%s:%u", t->config->task, t->config->state_dir,
                       t->config->source.host, t->config->source.port);
    struct slice all = slice_of(text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1);
    uint64_t h[2] = {hash_item(HASH_START, all)};
    h[1] = hash_item(h[0], all);
    uint8_t uuid[MY_UUID_LEN];
    memcpy(uuid, h, sizeof(uuid));
    uuid[6] = (uint8_t)((uuid[6] & 0x0F) | 0x40); /* RFC 9562: version 4, variant 1 */
    uuid[8] = (uint8_t)((uuid[8] & 0x3F) | 0x80);
    my_uuid_print(uuid, t->uuid);
}

static bool in_use(const struct task *t, uint32_t id, const uint32_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (ids[i] == id)
            return true;
    return id == t->server.server_id;
}

static enum err pick_server_id(struct task *t, struct errmsg *em)
{
    t->server_id = t->config->source.server_id;
    if (t->server_id != 0) {
        if (t->server_id == t->server.server_id)
            return errmsg_set(em, ERR_CONFIG,
                              "source.server_id: %u is the source's own server_id: choose another",
                              t->server_id);
        return ERR_OK;
    }
    uint32_t *ids = NULL;
    size_t count = 0;
    TRY(src_server_replica_ids(t->session, &t->server, &ids, &count, em));
    uint32_t id;
    memcpy(&id, t->uuid + 9, sizeof(id)); /* any digits of it: the same at each start */
    for (id = SERVER_ID_BASE + id % SERVER_ID_BASE; in_use(t, id, ids, count); id++)
        ;
    free(ids);
    t->server_id = id;
    return ERR_OK;
}

static enum err reach_source(struct task *t, struct errmsg *em)
{
    TRY(src_session_open(t->setup_loop, &t->source, &t->session, em));
    return src_server_read(t->session, &t->server, em);
}

static enum err enter_source(struct task *t, struct errmsg *em)
{
    TRY(src_server_check(&t->server, em));
    TRY(src_server_may_replicate(t->session, &t->server, em));
    if (src_session_key_unverified(t->session))
        log_warn("source.key",
                 "note=\"the password was encrypted with a key that the server sent over "
                 "an unverified link; use source.tls: verify-ca\"");
    return pick_server_id(t, em);
}

static struct history_source history_of(struct task *t)
{
    return (struct history_source){.loop = t->setup_loop,
                                   .options = &t->source,
                                   .server = &t->server,
                                   .session = t->session,
                                   .pool = t->pool,
                                   .stop = &task_stopping};
}

/* Whether the position can be gone on from, and with which numbers. */
static enum err resume(struct task *t, const struct src_server *known, const char *position_uuid,
                       struct errmsg *em)
{
    TRY(history_check(t->session, &t->server, known, &t->start, &task_stopping, em));
    bool same = t->server.server_uuid[0] != 0 ? strcmp(position_uuid, t->server.server_uuid) == 0
                                              : known->server_id == t->server.server_id;
    t->moved = !same;
    if (!same) {
        /* Another server of the topology may have the transactions in another order. */
        uint64_t reserved = ckpt_reserved_id(t->ckpt);
        log_info("source.changed", "server_uuid=%s was=%s server_id=%u was_id=%u",
                 t->server.server_uuid, position_uuid, t->server.server_id, known->server_id);
        if (reserved > t->next_id)
            t->next_id = reserved;
    }
    return ERR_OK;
}

static uint64_t hash_text(uint64_t h, const char *text)
{
    return hash_item(h, text != NULL ? slice_str(text) : SLICE_LIT(""));
}

/* All that decides which changes get numbers, and how many. */
static uint64_t choice_of(const struct task_config *c)
{
    uint64_t h = HASH_START;
    for (size_t i = 0; i < c->object_count; i++) {
        h = hash_text(h, c->objects[i].table);
        for (size_t k = 0; k < c->objects[i].partition_key.count; k++)
            h = hash_text(h, c->objects[i].partition_key.items[k]);
    }
    if (strcmp(c->heartbeat.table, conf_key_find("heartbeat.table")->fallback) != 0)
        h = hash_text(h, c->heartbeat.table); /* its changes get no numbers */
    h = hash_text(h, c->destination.key_change == CONF_CHANGE_SPLIT ? "split" : "update");
    return hash_text(h, c->destination.partition_by == CONF_BY_PRIMARY_KEY ? "key" : "other");
}

/* With another choice a replay would give other changes the numbers that were used. */
static enum err keep_numbers_apart(struct task *t)
{
    bool same = false;
    TRY(state_same_choice(t->ckpt, choice_of(t->config), &same));
    uint64_t reserved = ckpt_reserved_id(t->ckpt);
    if (!same && reserved > t->next_id) {
        log_info("objects.changed",
                 "note=\"ids go on behind those that may have been used\" next_id=%llu",
                 (unsigned long long)reserved);
        t->next_id = reserved;
    }
    return ERR_OK;
}

static enum err find_start(struct task *t, bool *first_start, struct errmsg *em)
{
    struct src_server known;
    char uuid[40] = "";
    bool found = false;
    enum err e = state_position(t->ckpt, &t->start, &t->next_id, uuid, &found);
    if (e == ERR_OK && found)
        e = state_rows(t->ckpt, &t->start_rows, &t->start_group);
    if (e == ERR_OK && found)
        e = state_xa(t->ckpt, &t->xa);
    if (e == ERR_OK && found)
        e = state_topics(t->ckpt, &t->topics);
    if (e != ERR_OK)
        return errmsg_set(em, ERR_STATE_DAMAGED, "%s: the checkpoint's content cannot be used (%s)",
                          t->config->state_dir, err_text(e));
    *first_start = !found || !state_source(t->ckpt, &known);
    if (!*first_start)
        return resume(t, &known, uuid, em);
    struct history_source h = history_of(t);
    t->next_id = 1;
    return history_start(&h, &t->config->source.start, &t->start, em);
}

struct preset {
    struct task *task;
    struct errmsg *em;
    src_table_filter filter; /* NULL: all that are selected */
    void *filter_arg;
    size_t count;
    enum err err; /* a table that no rule can decide about */
};

static bool is_selected(void *arg, struct slice database, struct slice table)
{
    struct preset *p = arg;
    size_t index;
    if (p->filter != NULL && !p->filter(p->filter_arg, database, table))
        return false;
    if (p->err == ERR_OK)
        p->err = objects_match(p->task->objects, database, table, &index, p->em);
    return p->err == ERR_OK && tables_selected(p->task->tables, database, table);
}

static enum err preset_table(void *arg, const struct table_def *def)
{
    struct preset *p = arg;
    struct table_def *copy;
    TRY(table_def_copy(def, &copy));
    p->count++;
    return tables_preset(p->task->tables, copy, p->em);
}

struct settings {
    struct slice values[4];
    char text[4][128];
};

static enum err take_settings(void *arg, const struct src_row *row)
{
    struct settings *s = arg;
    for (uint32_t i = 0; i < row->count && i < 4; i++) {
        size_t len = row->values[i].text.len;
        len = len < sizeof(s->text[i]) ? len : 0;
        memcpy(s->text[i], row->values[i].text.ptr, len);
        s->values[i] = slice_of((const uint8_t *)s->text[i], len);
    }
    return ERR_OK;
}

static enum err take_database(void *arg, const struct src_row *row)
{
    struct task *t = arg;
    return row->count == 2 ? tables_database(t->tables, row->values[0].text, row->values[1].text)
                           : ERR_PROTOCOL;
}

/* What statements lean on without saying so: as it is now, which it mostly was all along. */
static enum err read_settings(struct task *t, struct errmsg *em)
{
    bool mariadb = t->server.flavour == SRC_MARIADB;
    struct settings s = {0};
    for (size_t i = 0; i < 4; i++)
        s.values[i] = SLICE_LIT("");
    struct slice sql = mariadb ? SLICE_LIT("SELECT @@global.collation_server, "
                                           "@@global.default_storage_engine, @@global.old_mode, ''")
                       : t->server.version >= 80011
                           ? SLICE_LIT("SELECT @@global.collation_server, "
                                       "@@global.default_storage_engine, '', "
                                       "@@global.default_collation_for_utf8mb4")
                           : SLICE_LIT("SELECT @@global.collation_server, "
                                       "@@global.default_storage_engine, '', ''");
    TRY(src_query(t->session, sql, take_settings, &s, em));
    struct catalog_session session = {
        .server_collation = s.values[0],
        .engine = s.values[1],
        .utf8mb4_collation = s.values[3],
        .utf8_is_utf8mb4 =
            mariadb && memmem(s.values[2].ptr, s.values[2].len, "UTF8_IS_UTF8MB3", 15) == NULL};
    if (tables_session(t->tables, &session) != ERR_OK)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory for the source's settings");
    return src_query(t->session,
                     SLICE_LIT("SELECT SCHEMA_NAME, DEFAULT_COLLATION_NAME FROM "
                               "information_schema.SCHEMATA"),
                     take_database, t, em);
}

#define STILL_TRIES 100

static enum err read_tables(void *task, src_table_filter filter, void *filter_arg,
                            struct errmsg *em)
{
    struct task *t = task;
    struct preset p = {.task = t, .em = em, .filter = filter, .filter_arg = filter_arg};
    TRY(src_catalog_settle(t->session, &t->server, is_selected, &p, em));
    TRY(src_catalog_walk(t->session, &t->server, is_selected, preset_table, &p, em));
    TRY(p.err);
    if (filter != NULL)
        log_info("objects.read_again", "tables=%zu", p.count);
    else if (p.count == 0)
        log_warn("objects.none", "note=\"no table of the source matches objects yet\"");
    else
        log_info("objects.read", "tables=%zu", p.count);
    return ERR_OK;
}

/* The definitions that hold from the start position on, up to *end. */
static enum err read_all(struct task *t, struct position *end, struct errmsg *em)
{
    struct history_source h = history_of(t);
    return history_definitions(&h, &t->start, t->tables, SLICE_LIT(""), SLICE_LIT(""), read_tables,
                               t, end, em);
}

/* The same with the statements of the schema phase, where there is one. *moved: they may be of
 * another time than the definitions. */
static enum err read_once(struct task *t, bool schema, struct position *end, bool *moved,
                          struct errmsg *em)
{
    struct history_source h = history_of(t);
    *moved = false;
    TRY(read_all(t, end, em));
    if (!schema)
        return ERR_OK;
    TRY(schema_phase_read(t->session, t->tables, &t->schema, em));
    TRY(history_touched(&h, end, t->tables, moved, em));
    *moved |= tables_any_touched(t->tables);
    return ERR_OK;
}

static void forget_definitions(struct task *t)
{
    schema_phase_free(t->schema);
    t->schema = NULL;
    tables_untouch(t->tables);
    position_fini(&t->start);
}

/*
 * A first start: today's definitions, which must hold from the start position
 * on. Where that is the end of the binlog and a table is changed meanwhile, a
 * later end does as well.
 */
static enum err read_definitions(struct task *t, struct errmsg *em)
{
    bool schema = (t->config->phases & CONF_PHASE_SCHEMA) != 0;
    bool now = t->config->source.start.kind == CONF_START_NOW;
    struct history_source h = history_of(t);
    struct position end = {0};
    enum err e;
    for (int i = 0;; i++) {
        bool moved;
        e = read_once(t, schema, &end, &moved, em);
        bool again = now && i < STILL_TRIES && (e == ERR_TABLE_MISMATCH || (e == ERR_OK && moved));
        if (!again)
            break;
        em->text[0] = 0;
        forget_definitions(t);
        e = history_start(&h, &t->config->source.start, &t->start, em);
        if (e != ERR_OK)
            break;
    }
    if (e == ERR_OK)
        tables_trust(t->tables, binlog_place_of(end.file, end.offset));
    position_fini(&end);
    return e;
}

/* After a restart: the definitions that held where we stood. Tables that we had not met are read
 * when we do. */
static enum err recall_definitions(struct task *t, struct errmsg *em)
{
    size_t count = 0;
    enum err e = state_tables(t->ckpt, t->tables, &count, em);
    if (e != ERR_OK)
        return errmsg_set(em, ERR_STATE_DAMAGED, "%s: a table definition cannot be used (%s)",
                          t->config->state_dir, err_text(e));
    if (t->moved)
        tables_forget_places(t->tables, binlog_place_of(t->start.file, t->start.offset));
    log_info("objects.recalled", "tables=%zu", count);
    if ((t->config->phases & CONF_PHASE_SCHEMA) == 0 || state_schema_done(t->ckpt))
        return ERR_OK;
    if (state_schema(t->ckpt, &t->schema) != ERR_OK)
        return errmsg_set(em, ERR_STATE_DAMAGED,
                          "%s: the statements of the schema phase cannot be used",
                          t->config->state_dir);
    return t->schema != NULL ? ERR_OK : schema_phase_read(t->session, t->tables, &t->schema, em);
}

static enum err make_zone(struct task *t, struct errmsg *em)
{
    const struct conf_zone *z = &t->config->source.time_zone;
    return z->of_source ? src_zone_learn(t->session, &t->server, &t->zone, em)
                        : src_zone_fixed(z->offset_s, &t->zone);
}

static enum err save_first(struct task *t, struct errmsg *em)
{
    struct tables_note *notes = tables_take_notes(t->tables);
    enum err e = state_put_source(t->ckpt, &t->server);
    if (e == ERR_OK)
        e = state_put_notes(t->ckpt, notes);
    if (e == ERR_OK && t->schema != NULL)
        e = state_put_schema(t->ckpt, t->schema);
    struct commit_point p = {.position = t->start,
                             .server = t->server,
                             .rows = t->start_rows,
                             .group = t->start_group,
                             .next_id = t->next_id};
    if (e == ERR_OK)
        e = state_put_point(t->ckpt, &p);
    tables_notes_free(notes);
    return e == ERR_OK ? task_txn_save(t, em)
                       : errmsg_set(em, e, "%s: %s", t->config->state_dir, err_text(e));
}

static void fill_format(struct task *t)
{
    const struct conf_canal *c = &t->config->canal;
    t->format.canal = (struct canal_options){
        .bare_type = c->mysql_type == CONF_MYSQL_TYPE_BARE,
        .enum_ordinal = c->enum_form == CONF_ENUM_ORDINAL,
        .gtid = c->gtid,
        .ddl_canal = c->ddl_type == CONF_DDL_AS_CANAL,
        .init_as_insert = c->init_type == CONF_INIT_INSERT,
        .replace_invalid = c->invalid_text == CONF_INVALID_REPLACE,
        .binary = c->binary == CONF_BINARY_BASE64 ? CANAL_BASE64
                  : c->binary == CONF_BINARY_HEX  ? CANAL_HEX
                                                  : CANAL_LATIN1,
    };
    t->format.avro = (struct dts_avro_options){
        .server_version = slice_str(t->server.version_text),
        .lower_case_names = t->server.lower_case_table_names != 0,
    };
    t->format.kind =
        t->config->destination.format == CONF_DTS_AVRO ? FORMAT_DTS_AVRO : FORMAT_CANAL_JSON;
}

static enum err find_target(struct task *t, struct errmsg *em)
{
    struct history_source h = history_of(t);
    if (t->o.until == UNTIL_CAUGHT_UP)
        return history_end(&h, &t->target, em);
    if (t->o.until != UNTIL_POSITION)
        return ERR_OK;
    struct conf_start at = {.kind = t->o.until_gtids != NULL ? CONF_START_GTID : CONF_START_FILE,
                            .file = t->o.until_file,
                            .offset = t->o.until_offset,
                            .gtid_set = t->o.until_gtids};
    return history_start(&h, &at, &t->target, em);
}

/* What the task file says, for this source. */
static enum err prepare(struct task *t, struct errmsg *em)
{
    fill_format(t);
    TRY(shaping_objects(t->config, t->server.lower_case_table_names != 0, &t->objects, em));
    TRY(shaping_new(t->config, NULL, &t->shaping, em));
    TRY(make_zone(t, em));
    struct tables_options options = {.task = t->config,
                                     .objects = t->objects,
                                     .topics = &t->topics,
                                     .format = &t->format,
                                     .shaping = t->shaping,
                                     .counters = t->o.view != NULL ? &t->o.view->counters : NULL,
                                     .define = task_define,
                                     .define_arg = t,
                                     .mariadb = t->server.flavour == SRC_MARIADB,
                                     .lower_case_table_names = t->server.lower_case_table_names,
                                     .version = t->server.version};
    TRY(tables_new(&options, &t->tables));
    return read_settings(t, em);
}

static enum err read_source(struct task *t, struct errmsg *em)
{
    bool first_start = false;
    TRY(prepare(t, em));
    TRY(find_start(t, &first_start, em));
    t->topics.report_existing = first_start && !t->shared->topics_looked_at &&
                                t->config->destination.existing_topics == CONF_EXISTING_REPORT;
    if (keep_numbers_apart(t) != ERR_OK)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory for the checkpoint");
    TRY(find_target(t, em));
    TRY(first_start ? read_definitions(t, em) : recall_definitions(t, em));
    if (first_start && tables_note_all(t->tables) != ERR_OK)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory for table definitions");
    TRY(task_survey(t, first_start, em));
    TRY(tables_prepare_topics(t->tables, em));
    t->topics.report_existing = false;
    char where[400];
    log_info("task.start", "task=%s first_start=%s position=%s next_id=%llu", t->config->task,
             first_start ? "yes" : "no", position_text(&t->start, where, sizeof(where)),
             (unsigned long long)t->next_id);
    return save_first(t, em);
}

/* Forgets what an attempt has read. */
static void forget_source(struct task *t)
{
    src_session_close(t->session);
    t->session = NULL;
    tables_free(t->tables);
    t->tables = NULL;
    objects_free(t->objects);
    t->objects = NULL;
    shaping_free(t->shaping);
    t->shaping = NULL;
    free(t->zone);
    t->zone = NULL;
    position_fini(&t->start);
    position_fini(&t->target);
    xa_list_fini(&t->xa);
    schema_phase_free(t->schema);
    t->schema = NULL;
}

enum err task_open_source(struct task *t, struct errmsg *em)
{
    options_of_source(t->config, &task_stopping, &t->source);
    make_uuid(t);
    TRY(net_loop_new(NET_EPOLL, &t->setup_loop, em));
    struct retry retry = task_retry(t, VIEW_SOURCE, "source.down");
    for (;;) {
        enum err e = reach_source(t, em);
        if (e == ERR_OK)
            e = task_precheck(t, em);
        if (e == ERR_OK)
            e = enter_source(t, em);
        if (e == ERR_OK)
            e = read_source(t, em);
        if (err_class(e) != ERRC_LINK) {
            retry_end(&retry, NULL);
            return e;
        }
        forget_source(t);
        TRY(retry_wait(&retry, e, em));
    }
}

/* Not the task's own, which would end its stream. */
static enum err make_other_uuid(struct task *t, struct errmsg *em)
{
    uint8_t uuid[MY_UUID_LEN];
    if (getentropy(uuid, sizeof(uuid)) != 0)
        return errmsg_set(em, ERR_SYSTEM, "the system has no random numbers");
    uuid[6] = (uint8_t)((uuid[6] & 0x0F) | 0x40);
    uuid[8] = (uint8_t)((uuid[8] & 0x3F) | 0x80);
    my_uuid_print(uuid, t->uuid);
    return ERR_OK;
}

enum err task_look_source(struct task *t, const struct conf_start *from, struct errmsg *em)
{
    struct position end = {0};
    options_of_source(t->config, &task_stopping, &t->source);
    TRY(make_other_uuid(t, em));
    TRY(net_loop_new(NET_EPOLL, &t->setup_loop, em));
    TRY(reach_source(t, em));
    TRY(enter_source(t, em));
    TRY(prepare(t, em));
    struct history_source h = history_of(t);
    t->next_id = 1;
    TRY(history_start(&h, from, &t->start, em));
    TRY(history_end(&h, &t->target, em));
    enum err e = read_all(t, &end, em);
    if (e == ERR_OK)
        tables_trust(t->tables, binlog_place_of(end.file, end.offset));
    position_fini(&end);
    return e;
}

void task_close_source(struct task *t)
{
    forget_source(t);
    net_loop_free(t->setup_loop);
    t->setup_loop = NULL;
}

enum err task_define(void *task, struct slice database, struct slice table, struct table_def **def,
                     struct binlog_place *holds_to, struct errmsg *em)
{
    struct task *t = task;
    return replica_define(t->replica, t->tables, database, table, def, holds_to, em);
}
