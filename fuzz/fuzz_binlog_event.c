/*
 * One event of any type, header and all: the envelope, then the parser of its
 * family, the transaction machine and the classifier of statements. The first
 * byte of the input chooses the server: bit 0 MariaDB, bit 1 checksums, bit 2
 * post-headers longer than known.
 *
 * Property: whatever is accepted points into the event.
 */
#include "binlog_fuzz.h"

#include "base/reader.h"
#include "mysqlproto/binlog/control.h"
#include "mysqlproto/binlog/inflate.h"
#include "mysqlproto/binlog/payload.h"
#include "mysqlproto/binlog/query.h"
#include "mysqlproto/binlog/rows.h"
#include "mysqlproto/binlog/table_map.h"
#include "mysqlproto/binlog/txn.h"

static void try_gtid(const struct binlog_event *ev)
{
    struct binlog_gtid g;
    if (binlog_gtid_parse(ev, &g) != ERR_OK)
        return;
    CHECK(g.gtid.tag_len <= MY_GTID_TAG_MAX);
    CHECK(g.anonymous || g.gtid.gno > 0);
}

static void try_maria(const struct binlog_event *ev)
{
    struct binlog_maria_gtid g;
    struct binlog_maria_list l;
    if (ev->header.type == BINLOG_MARIA_GTID) {
        if (binlog_maria_gtid_parse(ev, &g) == ERR_OK)
            touch(g.extra);
    } else if (binlog_maria_list_parse(ev->body, &l) == ERR_OK) {
        for (uint32_t i = 0; i < l.count; i++)
            (void)binlog_maria_list_get(&l, i);
        touch(l.rest);
    }
}

static void try_query(const struct binlog_format *f, const struct binlog_event *ev)
{
    struct binlog_query q;
    struct binlog_verb verb;
    if (binlog_query_parse(f, ev, &q) != ERR_OK)
        return;
    touch(q.db);
    touch(q.vars);
    touch(q.catalog);
    touch(q.time_zone);
    touch(q.updated_dbs);
    touch(q.sql);
    size_t n;
    if (q.compressed) {
        (void)!binlog_record_len(q.sql, &n);
        return;
    }
    CHECK(binlog_verb_of(q.sql, &verb) < BINLOG_TXN_EV_COUNT);
    touch(verb.name);
    CHECK(verb.xid.gtrid_len + verb.xid.bqual_len <= 2 * BINLOG_XID_PART_MAX);
}

static void try_map(const struct binlog_format *f, const struct binlog_event *ev)
{
    static struct binlog_map_scratch scratch;
    struct table_map map;
    struct binlog_map_head head;
    enum err e = binlog_table_map_head(f, ev->body, &head);
    if (binlog_table_map_parse(f, ev->body, &scratch, &map) != ERR_OK)
        return;
    CHECK(e == ERR_OK && head.table_id == map.table_id && slice_eq(head.raw, map.raw));
    touch(map.database);
    touch(map.name);
    for (uint32_t i = 0; i < map.column_count; i++) {
        struct reader r;
        uint32_t n;
        touch(map.columns[i].name);
        touch(map.columns[i].members);
        if (map.columns[i].members.len == 0)
            continue;
        CHECK(binlog_members_begin(map.columns[i].members, &r, &n) == ERR_OK);
        for (uint32_t k = 0; k < n; k++)
            touch(reader_lenenc_str(&r));
        CHECK(reader_finish(&r) == ERR_OK && reader_left(&r) == 0);
    }
    for (uint32_t i = 0; i < map.key_part_count; i++)
        CHECK(map.key_parts[i].column < map.column_count);
}

static void try_rows(const struct binlog_format *f, const struct binlog_event *ev)
{
    struct binlog_rows rows;
    if (binlog_rows_parse(f, ev, &rows) != ERR_OK)
        return;
    touch(rows.bitmaps);
    touch(rows.extra);
    touch(rows.rows);
    size_t n;
    if (rows.compressed)
        (void)!binlog_record_len(rows.rows, &n);
}

static void try_statement_context(const struct binlog_event *ev)
{
    struct binlog_intvar iv;
    struct binlog_rand rnd;
    struct binlog_user_var v;
    struct binlog_load_block b;
    (void)!binlog_intvar_parse(ev->body, &iv);
    (void)!binlog_rand_parse(ev->body, &rnd);
    if (binlog_user_var_parse(ev->body, &v) == ERR_OK) {
        touch(v.name);
        touch(v.value);
    }
    if (binlog_load_block_parse(ev->body, &b) == ERR_OK)
        touch(b.data);
}

static void try_others(struct binlog_format *f, const struct binlog_event *ev)
{
    struct binlog_rotate rot;
    struct binlog_heartbeat hb;
    struct binlog_incident in;
    struct binlog_xa_prepare xa;
    struct binlog_payload_info info;
    struct slice text;
    uint64_t xid;
    (void)!binlog_xid_event_parse(ev->body, &xid);
    if (binlog_rotate_parse(f, ev->body, &rot) == ERR_OK)
        touch(rot.file);
    if (binlog_heartbeat_parse(ev, &hb) == ERR_OK)
        touch(hb.file);
    if (binlog_incident_parse(ev->body, &in) == ERR_OK)
        touch(in.text);
    if (binlog_xa_prepare_parse(ev->body, &xa) == ERR_OK)
        CHECK(xa.xid.gtrid_len <= BINLOG_XID_PART_MAX && xa.xid.bqual_len <= BINLOG_XID_PART_MAX);
    if (binlog_payload_parse(ev->body, &info) == ERR_OK)
        CHECK(info.header_len <= ev->body.len);
    if (binlog_checkpoint_parse(ev->body, &text) == ERR_OK)
        touch(text);
    if (binlog_rows_query_parse(ev, &text) == ERR_OK)
        touch(text);
    if (ev->header.type == BINLOG_FORMAT_DESCRIPTION && binlog_format_parse(ev, f) == ERR_OK)
        CHECK(f->known && strlen(f->server_version) <= 50);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct binlog_format f;
    binlog_format_init(&f, data[0] & 2);
    f.known = true;
    f.is_mariadb = data[0] & 1;
    if (data[0] & 4)
        for (unsigned t = 0; t < 256; t++)
            f.post_header_len[t] = (uint8_t)(f.post_header_len[t] + 3);
    struct slice raw = own(data + 1, size - 1);
    if (raw.len >= BINLOG_HEADER_LEN) /* mutations must not fail at the length already */
        for (unsigned i = 0; i < 4; i++)
            ((uint8_t *)(uintptr_t)raw.ptr)[9 + i] = (uint8_t)(raw.len >> (8 * i));
    struct binlog_event ev;
    struct binlog_txn txn = {(enum binlog_txn_state)(data[0] >> 4 & 3)};
    enum binlog_txn_action action;
    if (binlog_event_trust(&f, raw, &ev) == ERR_OK) {
        touch(ev.body);
        (void)!binlog_txn_step(&txn, binlog_txn_event_of(&ev), &action);
        if (binlog_is_rows(ev.header.type))
            try_rows(&f, &ev);
        try_gtid(&ev);
        try_maria(&ev);
        try_query(&f, &ev);
        try_map(&f, &ev);
        try_statement_context(&ev);
        try_others(&f, &ev);
    }
    (void)!binlog_event_parse(&f, raw, &ev);
    disown(raw);
    return 0;
}
