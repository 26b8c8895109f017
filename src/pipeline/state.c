#include "pipeline/state.h"

#include "base/clock.h"
#include "base/reader.h"
#include "base/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX (64u << 20)

/*
 * A definition in the checkpoint is that of table_def_serialize(), which begins
 * with its version. Where it was read ahead of the stream, the place up to
 * which statements do not change it any more stands in front:
 *     u8 0xFE, u64 number of the binlog file, u64 offset
 */
#define DEF_WITH_PLACE 0xFE
#define DEF_HEAD       17

/*
 * A statement that the schema phase is still to send stands among the
 * definitions, under a database's name that begins with a zero byte.
 */
static bool is_pending(struct slice key)
{
    return key.len > 0 && key.ptr[0] == 0;
}

#define FACT_OBJECTS SLICE_LIT("objects")
#define FACT_BINLOG  SLICE_LIT("binlog")
#define FACT_SHOWN   SLICE_LIT("state")
#define FACT_SCHEMA  SLICE_LIT("schema")
#define FACT_OWNER   SLICE_LIT("owner")
#define FACT_GROUP   SLICE_LIT("group")

/* What a group is known by: u8 flavour, then a GTID. MySQL: uuid 16, u64 number, u8 length, tag;
 * MariaDB: u32 domain, u32 server id, u64 sequence. */
enum { GROUP_NAMELESS, GROUP_MYSQL, GROUP_MARIADB };

bool state_source(const struct ckpt *c, struct src_server *out)
{
    struct ckpt_identity id;
    if (!ckpt_identity(c, &id))
        return false;
    static const uint8_t none[MY_UUID_LEN];
    *out =
        (struct src_server){.flavour = id.flavour == CKPT_MARIADB_SERVER ? SRC_MARIADB : SRC_MYSQL,
                            .server_id = id.server_id};
    if (memcmp(id.server_uuid, none, sizeof(none)) != 0)
        my_uuid_print(id.server_uuid, out->server_uuid);
    return true;
}

static enum err read_position(const struct ckpt_position *from, struct position *out)
{
    out->kind = from->kind == CKPT_GTID      ? POSITION_GTID
                : from->kind == CKPT_MARIADB ? POSITION_MARIADB
                                             : POSITION_FILE;
    if (from->file.len >= sizeof(out->file))
        return ERR_STATE_DAMAGED;
    memcpy(out->file, from->file.ptr, from->file.len);
    out->file[from->file.len] = 0;
    out->offset = from->offset;
    if (out->kind == POSITION_GTID)
        return my_gtid_set_parse(&out->set, from->gtid_set);
    if (out->kind == POSITION_MARIADB)
        return maria_gtid_pos_parse(&out->maria, from->gtid_set);
    return ERR_OK;
}

enum err state_position(const struct ckpt *c, struct position *out, uint64_t *next_id,
                        char server_uuid[40], bool *found)
{
    struct ckpt_position p;
    *found = ckpt_position(c, &p);
    if (!*found)
        return ERR_OK;
    *next_id = p.next_id;
    my_uuid_print(p.server_uuid, server_uuid);
    return read_position(&p, out);
}

static enum err read_group(struct slice bytes, struct group_name *out)
{
    struct reader r = reader_of(bytes);
    uint8_t kind = reader_u8(&r);
    *out = (struct group_name){.known = kind != GROUP_NAMELESS};
    if (kind == GROUP_MYSQL) {
        struct slice uuid = reader_take(&r, sizeof(out->gtid.uuid));
        memcpy(out->gtid.uuid, uuid.ptr, uuid.len);
        out->gtid.gno = reader_u64(&r);
        struct slice tag = reader_take(&r, reader_u8(&r));
        if (tag.len > sizeof(out->gtid.tag))
            return ERR_STATE_DAMAGED;
        memcpy(out->gtid.tag, tag.ptr, tag.len);
        out->gtid.tag_len = (uint8_t)tag.len;
    } else if (kind == GROUP_MARIADB) {
        out->maria.domain = reader_u32(&r);
        out->maria.server_id = reader_u32(&r);
        out->maria.sequence = reader_u64(&r);
    }
    return kind > GROUP_MARIADB || reader_finish(&r) != ERR_OK ? ERR_STATE_DAMAGED : ERR_OK;
}

enum err state_rows(const struct ckpt *c, uint64_t *rows, struct group_name *group)
{
    struct ckpt_position p;
    struct slice fact;
    *rows = 0;
    *group = (struct group_name){0};
    if (!ckpt_position(c, &p) || p.rows == 0)
        return ERR_OK;
    if (!ckpt_fact(c, FACT_GROUP, &fact))
        return ERR_STATE_DAMAGED;
    *rows = p.rows;
    return read_group(fact, group);
}

enum err state_xa(const struct ckpt *c, struct xa_list *out)
{
    struct slice key;
    struct ckpt_position begin;
    for (size_t it = 0; ckpt_next_xa(c, &it, &key, &begin);) {
        struct binlog_xid xid;
        struct position before = {0};
        enum err e = xa_key_read(key, &xid);
        if (e == ERR_OK)
            e = read_position(&begin, &before);
        if (e == ERR_OK)
            e = xa_list_add(out, &xid, &before, begin.rows != 0);
        position_fini(&before);
        TRY(e);
    }
    return ERR_OK;
}

enum err state_topics(const struct ckpt *c, struct topics *t)
{
    struct slice name;
    uint32_t partitions;
    for (size_t it = 0; ckpt_next_topic(c, &it, &name, &partitions);) {
        char text[TOPIC_NAME_MAX + 1];
        snprintf(text, sizeof(text), "%.*s", SLICE_ARG(name));
        TRY(topics_remember(t, text, (int32_t)partitions));
    }
    return ERR_OK;
}

enum err state_tables(const struct ckpt *c, struct tables *t, size_t *count, struct errmsg *em)
{
    struct slice key, bytes;
    *count = 0;
    for (size_t it = 0; ckpt_next_table(c, &it, &key, &bytes);) {
        if (is_pending(key))
            continue;
        struct table_def *def;
        struct binlog_place holds_to = {0};
        if (bytes.len > DEF_HEAD && bytes.ptr[0] == DEF_WITH_PLACE) {
            holds_to = (struct binlog_place){load_le64(bytes.ptr + 1), load_le64(bytes.ptr + 9)};
            bytes = slice_of(bytes.ptr + DEF_HEAD, bytes.len - DEF_HEAD);
        }
        TRY(table_def_parse(bytes, &def));
        TRY(tables_recall(t, def, holds_to, em));
        (*count)++;
    }
    return ERR_OK;
}

enum err state_put_source(struct ckpt *c, const struct src_server *sv)
{
    struct ckpt_identity id = {
        .flavour = sv->flavour == SRC_MARIADB ? CKPT_MARIADB_SERVER : CKPT_MYSQL,
        .server_id = sv->server_id,
        .version = slice_str(sv->version_text),
    };
    if (sv->server_uuid[0] != 0)
        TRY(my_uuid_parse(slice_str(sv->server_uuid), id.server_uuid));
    return ckpt_put_identity(c, &id);
}

/* p in the checkpoint's form; text receives the GTIDs and must stay until the put. */
static enum err write_position(const struct src_server *sv, const struct position *p,
                               struct writer *text, struct ckpt_position *out)
{
    *out = (struct ckpt_position){
        .kind = p->kind == POSITION_GTID      ? CKPT_GTID
                : p->kind == POSITION_MARIADB ? CKPT_MARIADB
                                              : CKPT_FILE,
        .server_id = sv->server_id,
        .file = slice_str(p->file),
        .offset = p->offset,
        .taken_at_us = clock_wall_us(),
    };
    if (sv->server_uuid[0] != 0)
        TRY(my_uuid_parse(slice_str(sv->server_uuid), out->server_uuid));
    if (p->kind == POSITION_GTID)
        my_gtid_set_print(&p->set, text);
    else if (p->kind == POSITION_MARIADB)
        maria_gtid_pos_print(&p->maria, text);
    out->gtid_set = writer_slice(text);
    return text->err;
}

enum err state_reserve_ids(struct ckpt *c, uint64_t next_id, bool *put)
{
    *put = next_id + ID_BLOCK / 2 > ckpt_reserved_id(c);
    return *put ? ckpt_put_reserved_id(c, next_id + ID_BLOCK) : ERR_OK;
}

static enum err put_position(struct ckpt *c, const struct src_server *sv, const struct position *p,
                             uint64_t rows, uint64_t next_id, uint64_t es_ms)
{
    struct writer text;
    writer_init(&text, TEXT_MAX);
    struct ckpt_position out;
    enum err e = write_position(sv, p, &text, &out);
    out.rows = rows;
    out.next_id = next_id;
    out.source_time_us = es_ms * 1000;
    if (e == ERR_OK)
        e = ckpt_put_position(c, &out);
    bool put;
    if (e == ERR_OK)
        e = state_reserve_ids(c, next_id, &put);
    writer_fini(&text);
    return e;
}

enum err state_put_position(struct ckpt *c, const struct src_server *sv, const struct position *p,
                            uint64_t next_id, uint64_t es_ms)
{
    return put_position(c, sv, p, 0, next_id, es_ms);
}

static enum err put_group_name(struct ckpt *c, const struct group_name *g, bool mariadb)
{
    struct writer w;
    writer_init(&w, 256);
    writer_u8(&w, !g->known ? GROUP_NAMELESS : mariadb ? GROUP_MARIADB : GROUP_MYSQL);
    if (g->known && mariadb) {
        writer_u32(&w, g->maria.domain);
        writer_u32(&w, g->maria.server_id);
        writer_u64(&w, g->maria.sequence);
    } else if (g->known) {
        writer_put(&w, g->gtid.uuid, sizeof(g->gtid.uuid));
        writer_u64(&w, g->gtid.gno);
        writer_u8(&w, (uint8_t)g->gtid.tag_len);
        writer_put(&w, g->gtid.tag, g->gtid.tag_len);
    }
    enum err e = w.err == ERR_OK ? ckpt_put_fact(c, FACT_GROUP, writer_slice(&w)) : w.err;
    writer_fini(&w);
    return e;
}

enum err state_put_point(struct ckpt *c, const struct commit_point *p)
{
    if (p->rows > 0)
        TRY(put_group_name(c, &p->group, p->server.flavour == SRC_MARIADB));
    return put_position(c, &p->server, &p->position, p->rows, p->next_id, p->es_ms);
}

bool state_owner(const struct ckpt *c, struct slice *owner)
{
    return ckpt_fact(c, FACT_OWNER, owner);
}

enum err state_put_owner(struct ckpt *c, struct slice owner)
{
    return ckpt_put_fact(c, FACT_OWNER, owner);
}

bool state_is_local(const struct ckpt_record *r)
{
    return strcmp(r->kind, "fact/") == 0 && slice_eq(r->key, FACT_SHOWN);
}

/* The checkpoint has the group as it is now: an xid may be used again. */
static bool same_group(const struct ckpt *c, struct slice key, const struct ckpt_position *now)
{
    struct ckpt_position old;
    return ckpt_xa(c, key, &old) && old.kind == now->kind && old.rows == now->rows &&
           old.offset == now->offset && slice_eq(old.file, now->file) &&
           slice_eq(old.gtid_set, now->gtid_set);
}

static enum err put_group(struct ckpt *c, const struct src_server *sv, const struct xa_group *g)
{
    uint8_t key[XA_KEY_MAX];
    struct slice k = slice_of(key, xa_key_write(&g->xid, key));
    struct ckpt_position begin;
    struct writer text;
    writer_init(&text, TEXT_MAX);
    enum err e = write_position(sv, &g->before, &text, &begin);
    begin.rows = g->wanted ? 1 : 0;
    if (e == ERR_OK && !same_group(c, k, &begin))
        e = ckpt_put_xa(c, k, &begin);
    writer_fini(&text);
    return e;
}

/* A group of the checkpoint that is not in the list any more; *key points into the checkpoint. */
static bool find_ended(const struct ckpt *c, const struct xa_list *xa, struct slice *key)
{
    struct ckpt_position begin;
    struct binlog_xid xid;
    for (size_t it = 0; ckpt_next_xa(c, &it, key, &begin);)
        if (xa_key_read(*key, &xid) == ERR_OK && xa_list_find(xa, &xid) == NULL)
            return true;
    return false;
}

enum err state_put_xa(struct ckpt *c, const struct src_server *sv, const struct xa_list *xa)
{
    struct slice ended;
    while (find_ended(c, xa, &ended)) {
        uint8_t key[XA_KEY_MAX];
        if (ended.len > sizeof(key))
            return ERR_STATE_DAMAGED;
        memcpy(key, ended.ptr, ended.len);
        TRY(ckpt_end_xa(c, slice_of(key, ended.len)));
    }
    for (uint32_t i = 0; i < xa->count; i++)
        TRY(put_group(c, sv, &xa->items[i]));
    return ERR_OK;
}

/* DATABASE, NUL, TABLE: the key of a definition. */
static enum err note_def(struct ckpt *c, const struct tables_note *n)
{
    struct writer key, bytes;
    writer_init(&key, 1024);
    writer_init(&bytes, SIZE_MAX);
    writer_cstr(&key, n->def->database);
    writer_slice_put(&key, n->def->name);
    enum err e = key.err;
    if (n->kind == NOTE_DEF) {
        if (n->holds_to.file != 0) {
            writer_u8(&bytes, DEF_WITH_PLACE);
            writer_u64(&bytes, n->holds_to.file);
            writer_u64(&bytes, n->holds_to.offset);
        }
        table_def_serialize(n->def, &bytes);
        e = e != ERR_OK ? e : bytes.err;
        e = e != ERR_OK ? e : ckpt_put_table(c, writer_slice(&key), writer_slice(&bytes));
    } else if (e == ERR_OK) {
        e = ckpt_end_table(c, writer_slice(&key));
    }
    writer_fini(&key);
    writer_fini(&bytes);
    return e;
}

static void pending_key(const struct schema_text *x, struct writer *key)
{
    writer_u8(key, 0);
    writer_cstr(key, x->database);
    writer_slice_put(key, x->table);
}

enum err state_put_schema(struct ckpt *c, const struct schema_phase *p)
{
    struct writer key;
    writer_init(&key, 4096);
    enum err e = ERR_OK;
    for (const struct schema_text *x = p->first; e == ERR_OK && x != NULL; x = x->next) {
        writer_clear(&key);
        pending_key(x, &key);
        e = key.err != ERR_OK ? key.err : ckpt_put_table(c, writer_slice(&key), x->sql);
    }
    writer_fini(&key);
    return e;
}

enum err state_schema(const struct ckpt *c, struct schema_phase **out)
{
    struct slice key, sql;
    struct schema_phase *p = schema_phase_new();
    enum err e = p != NULL ? ERR_OK : ERR_NO_MEMORY;
    for (size_t it = 0; e == ERR_OK && ckpt_next_table(c, &it, &key, &sql);) {
        if (!is_pending(key))
            continue;
        struct reader r = reader_of(slice_of(key.ptr + 1, key.len - 1));
        struct slice database = reader_cstr(&r);
        e = r.err != ERR_OK ? ERR_STATE_DAMAGED
                            : schema_phase_add(p, database, reader_take(&r, reader_left(&r)), sql);
    }
    if (e == ERR_OK)
        e = schema_phase_sort(p);
    if (e != ERR_OK || p->count == 0) {
        schema_phase_free(p);
        p = NULL;
    }
    if (e == ERR_OK)
        *out = p;
    return e;
}

/* The statements of the schema phase are acknowledged. */
static enum err end_schema(struct ckpt *c)
{
    struct schema_phase *p = NULL;
    struct writer key;
    enum err e = state_schema(c, &p);
    writer_init(&key, 4096);
    for (const struct schema_text *x = p != NULL ? p->first : NULL; e == ERR_OK && x != NULL;
         x = x->next) {
        writer_clear(&key);
        pending_key(x, &key);
        e = key.err != ERR_OK ? key.err : ckpt_end_table(c, writer_slice(&key));
    }
    writer_fini(&key);
    schema_phase_free(p);
    return e == ERR_OK ? ckpt_put_fact(c, FACT_SCHEMA, SLICE_LIT("1")) : e;
}

enum err state_put_notes(struct ckpt *c, const struct tables_note *notes)
{
    for (const struct tables_note *n = notes; n != NULL; n = n->next) {
        if (n->kind == NOTE_SCHEMA)
            TRY(end_schema(c));
        else if (n->kind == NOTE_TOPIC)
            TRY(ckpt_put_topic(c, slice_str(n->topic), (uint32_t)n->partitions));
        else if (n->kind != NOTE_COPIED) /* copy_acknowledged() */
            TRY(note_def(c, n));
    }
    return ERR_OK;
}

enum err state_same_choice(struct ckpt *c, uint64_t hash, bool *same)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(hash >> (8 * i));
    struct slice old, now = slice_of(bytes, sizeof(bytes));
    *same = ckpt_fact(c, FACT_OBJECTS, &old) && slice_eq(old, now);
    return *same ? ERR_OK : ckpt_put_fact(c, FACT_OBJECTS, now);
}

uint32_t state_binlog_made(const struct ckpt *c, const char *file)
{
    struct slice fact;
    if (!ckpt_fact(c, FACT_BINLOG, &fact) || fact.len < 4 ||
        !slice_eq(slice_of(fact.ptr + 4, fact.len - 4), slice_str(file)))
        return 0;
    return load_le32(fact.ptr);
}

enum err state_put_binlog_made(struct ckpt *c, const char *file, uint32_t made)
{
    if (made == 0 || state_binlog_made(c, file) == made)
        return ERR_OK;
    struct writer w;
    writer_init(&w, 4096);
    writer_u32(&w, made);
    writer_slice_put(&w, slice_str(file));
    enum err e = w.err == ERR_OK ? ckpt_put_fact(c, FACT_BINLOG, writer_slice(&w)) : w.err;
    writer_fini(&w);
    return e;
}

/* name, NUL, since (8 bytes), cause */
bool state_shown(const struct ckpt *c, struct slice *name, uint64_t *since_us, struct slice *cause)
{
    struct slice fact;
    if (!ckpt_fact(c, FACT_SHOWN, &fact))
        return false;
    const uint8_t *end = memchr(fact.ptr, 0, fact.len);
    if (end == NULL || fact.len - (size_t)(end - fact.ptr) < 9)
        return false;
    *name = slice_of(fact.ptr, (size_t)(end - fact.ptr));
    *since_us = load_le64(end + 1);
    *cause = slice_of(end + 9, fact.len - name->len - 9);
    return true;
}

enum err state_put_shown(struct ckpt *c, struct slice name, uint64_t since_us, struct slice cause)
{
    struct writer w;
    writer_init(&w, 4096);
    writer_cstr(&w, name);
    writer_u64(&w, since_us);
    writer_slice_put(&w, cause);
    enum err e = w.err == ERR_OK ? ckpt_put_fact(c, FACT_SHOWN, writer_slice(&w)) : w.err;
    writer_fini(&w);
    return e;
}

bool state_schema_done(const struct ckpt *c)
{
    struct slice fact;
    return ckpt_fact(c, FACT_SCHEMA, &fact);
}
