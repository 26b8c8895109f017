/*
 * Rows of the full copy against rows of the binlog, on a real server: every
 * type, cell by cell and message by message.
 *
 *   test_copy MYSQL|MARIADB SCRIPT      the environment as for test_source
 *
 * The script (one statement a line) makes tables with a column `id` and
 * inserts rows. Then each row is read twice, from the binlog and by a SELECT,
 * and both are encoded by the same encoder.
 */
#include "check.h"

#include "base/clock.h"
#include "base/frame.h"
#include "base/writer.h"
#include "encode/canal_json.h"
#include "encode/key.h"
#include "mysqlproto/binlog/feed.h"
#include "mysqlproto/binlog/inflate.h"
#include "mysqlproto/binlog/rows.h"
#include "mysqlproto/binlog/table_map.h"
#include "mysqlproto/copy_plan.h"
#include "net/loop.h"
#include "schema/table_without_map.h"
#include "source/catalog.h"
#include "source/copy.h"
#include "source/dump.h"

#include <stdlib.h>
#include <string.h>

jmp_buf check_failed;
const char *check_name;
int check_failures;

#define DATABASE   "copy_test"
#define TABLES_MAX 256
#define ROWS_MAX   400
#define STREAM_MAX (256u << 20)
#define ROW_MAX    (64u << 20)

static bool mariadb;
static const char *prefix;
static const char *script;
static struct net_loop *loop;
static struct errmsg em;
static struct zone_step utc_step = {.from = INT64_MIN};
static const struct zone utc = {.count = 1, .steps = &utc_step};
static const struct canal_options canal_options;

/* A row as the copy gives it. Cells lie in memory of the test's life. */
struct copied_row {
    int64_t id;
    struct cell *cells;
    struct slice message;
    bool seen;
};

struct copied_table {
    struct table_def *def;
    struct table *table;
    struct copy_plan *plan;
    struct canal_table *canal;
    struct key_table *keys;
    uint16_t id_column;
    uint32_t row_count;
    struct copied_row rows[ROWS_MAX];
    struct frame *frames[ROWS_MAX]; /* one reference a row */
    struct row_scratch scratch[ROWS_MAX];
};

static struct copied_table tables[TABLES_MAX];
static uint32_t table_count;
static struct frame_pool *pool;

/* ---- connecting ---- */

static const char *setting(const char *name)
{
    char key[64];
    snprintf(key, sizeof(key), "%s_%s", prefix, name);
    const char *value = getenv(key);
    if (value == NULL) {
        fprintf(stderr, "%s is not set\n", key);
        exit(2);
    }
    return value;
}

static struct src_session *open_root(enum src_compression compression)
{
    struct src_options o = {
        .host = setting("SOCKET"),
        .user = "root",
        .password = "",
        .compression = compression,
        .connect_timeout_ms = 10000,
    };
    struct src_session *s = NULL;
    enum err e = src_session_open(loop, &o, &s, &em);
    CHECK(e == ERR_OK, "%s: %s", err_name(e), em.text);
    return s;
}

static void run(struct src_session *s, struct slice sql)
{
    enum err e = src_query(s, sql, NULL, NULL, &em);
    CHECK(e == ERR_OK, "%s: %s", err_name(e), em.text);
}

static struct src_server server_of(struct src_session *s)
{
    struct src_server sv;
    enum err e = src_server_read(s, &sv, &em);
    CHECK(e == ERR_OK, "%s", em.text);
    return sv;
}

static struct src_session *open_copy(struct src_server *sv, enum src_compression compression)
{
    struct src_session *s = open_root(compression);
    struct src_copy_options o = {.repeatable_read = true};
    *sv = server_of(s);
    enum err e = src_copy_settings(s, sv, &o, &em);
    CHECK(e == ERR_OK, "%s", em.text);
    return s;
}

/* ---- tables and rows of the copy ---- */

static void run_script(void)
{
    struct src_session *s = open_root(SRC_PLAIN);
    FILE *f = fopen(script, "r");
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    CHECK(f != NULL, "%s cannot be read", script);
    run(s, SLICE_LIT("DROP DATABASE IF EXISTS " DATABASE));
    run(s, SLICE_LIT("CREATE DATABASE " DATABASE " CHARACTER SET utf8mb4"));
    run(s, SLICE_LIT("USE " DATABASE));
    while ((n = getline(&line, &cap, f)) > 0)
        run(s, slice_of(line, (size_t)n - (line[n - 1] == '\n')));
    free(line);
    fclose(f);
    src_session_close(s);
}

static bool in_database(void *arg, struct slice database, struct slice table)
{
    (void)arg, (void)table;
    return slice_eq(database, SLICE_LIT(DATABASE));
}

static enum err keep_table(void *arg, const struct table_def *def)
{
    (void)arg;
    if (def->sequence)
        return ERR_OK;
    struct copied_table *t = &tables[table_count++];
    const struct message_names names = {.database = def->database, .table = def->name};
    TRY(table_def_copy(def, &t->def));
    TRY(table_without_map(t->def, mariadb, &t->table, &em));
    TRY(copy_plan_new(t->table, NULL, 0, &t->plan, &em));
    TRY(canal_table_new(&canal_options, t->table, &names, &t->canal, &em));
    t->keys = key_table_new(t->table, PARTITION_KEY, NULL, 0);
    for (uint32_t i = 0; i < t->table->column_count; i++)
        if (slice_eq(t->table->columns[i].name, SLICE_LIT("id")))
            t->id_column = (uint16_t)i;
    return ERR_OK;
}

/* The message and what stands in front of it: the record key. */
static struct slice encode(struct canal_json *encoder, const struct canal_table *canal,
                           const struct key_table *keys, const struct table *t,
                           const struct cell *cells)
{
    struct writer w;
    struct change c = {.op = CHANGE_INIT, .table = t, .after = cells, .id = 7, .es_ms = 8};
    writer_init(&w, ROW_MAX);
    enum err e = key_table_has_record_key(keys) ? key_encode(keys, cells, NULL, &w) : ERR_OK;
    CHECK(e == ERR_OK, "%.*s: key: %s", SLICE_ARG(t->name), err_name(e));
    e = canal_json_encode(encoder, canal, &c, &w);
    CHECK(e == ERR_OK, "%.*s.%s: %s", SLICE_ARG(t->name), canal_json_failed_column(encoder),
          err_name(e));
    return writer_slice(&w);
}

static enum err get_frame(void *arg, size_t cap, struct frame **out)
{
    (void)arg;
    struct frame *f = frame_get(pool, cap);
    if (f == NULL)
        return ERR_TOO_LARGE;
    *out = f;
    return ERR_OK;
}

static enum err check_columns(void *arg, const struct my_column *columns, uint32_t count)
{
    struct copied_table *t = arg;
    enum err e = copy_plan_check(t->plan, columns, count);
    if (e != ERR_OK)
        for (uint32_t i = 0; i < count; i++)
            fprintf(stderr, "  %.*s type %u collation %u flags %x decimals %u length %u\n",
                    SLICE_ARG(columns[i].name), columns[i].type, columns[i].collation,
                    columns[i].flags, columns[i].decimals, columns[i].length);
    return e;
}

/* Key cells alone are those of the whole row. */
static enum err check_probe(const struct copied_table *t, struct slice packet,
                            const struct cell *cells)
{
    uint32_t n;
    const uint16_t *columns = key_table_partition_columns(t->keys, &n);
    struct cell key[64];
    struct row_scratch scratch;
    row_scratch_init(&scratch, 1u << 20);
    enum err e = copy_row_decode_columns(t->plan, packet, columns, n, &scratch, key);
    for (uint32_t i = 0; e == ERR_OK && i < n; i++)
        e = cell_equal(&key[i], &cells[columns[i]]) ? ERR_OK : ERR_BUG;
    row_scratch_fini(&scratch);
    return e;
}

static enum err keep_row(void *arg, struct slice packet, struct frame *frame)
{
    struct copied_table *t = arg;
    if (t->row_count == ROWS_MAX)
        return ERR_BUG;
    uint32_t i = t->row_count;
    struct copied_row *row = &t->rows[i];
    row->cells = calloc(copy_plan_width(t->plan), sizeof(*row->cells));
    row_scratch_init(&t->scratch[i], 1u << 20);
    TRY(copy_row_decode(t->plan, packet, &t->scratch[i], row->cells));
    TRY(check_probe(t, packet, row->cells));
    row->id = row->cells[t->id_column].i64;
    frame_ref(frame);
    t->frames[i] = frame;
    t->row_count++;
    return ERR_OK;
}

static void copy_table(struct src_session *s, struct copied_table *t, struct canal_json *encoder)
{
    struct writer sql;
    struct src_stmt *st = NULL;
    struct src_sink sink = {
        .arg = t, .frame = get_frame, .columns = check_columns, .row = keep_row};
    writer_init(&sql, 1u << 20);
    writer_lit(&sql, "SELECT ");
    copy_plan_select_list(t->table, NULL, 0, &sql);
    writer_printf(&sql, " FROM " DATABASE ".`%.*s`", SLICE_ARG(t->table->name));
    enum err e = src_prepare(s, writer_slice(&sql), &st, &em);
    CHECK(e == ERR_OK, "%s", em.text);
    memset(&em, 0, sizeof(em));
    e = src_stmt_run(st, NULL, 0, &sink, &em);
    CHECK(e == ERR_OK, "%.*s: %s %s", SLICE_ARG(t->table->name), err_name(e), em.text);
    src_stmt_close(st);
    writer_fini(&sql);
    for (uint32_t i = 0; i < t->row_count; i++)
        t->rows[i].message = encode(encoder, t->canal, t->keys, t->table, t->rows[i].cells);
}

static void forget_rows(struct copied_table *t)
{
    for (uint32_t i = 0; i < t->row_count; i++) {
        free(t->rows[i].cells);
        free((void *)(uintptr_t)t->rows[i].message.ptr);
        row_scratch_fini(&t->scratch[i]);
        frame_unref(t->frames[i]);
        t->rows[i] = (struct copied_row){0};
    }
    t->row_count = 0;
}

static void forget_tables(void)
{
    for (uint32_t i = 0; i < table_count; i++) {
        struct copied_table *t = &tables[i];
        forget_rows(t);
        key_table_free(t->keys);
        canal_table_free(t->canal);
        copy_plan_free(t->plan);
        table_unref(t->table);
        free(t->def);
        *t = (struct copied_table){0};
    }
    table_count = 0;
}

static struct copied_table *find_table(struct slice name)
{
    for (uint32_t i = 0; i < table_count; i++)
        if (slice_eq(tables[i].table->name, name))
            return &tables[i];
    return NULL;
}

/* ---- the binlog ---- */

static uint8_t *stream;
static size_t stream_len;

static void read_stream(const struct src_position *from)
{
    struct src_session *s = open_root(SRC_PLAIN);
    struct src_server sv = server_of(s);
    struct src_dump_options o = {
        .server_id = 471148,
        .uuid = "5041a0de-0000-4000-8000-00000000abce",
        .checksum = sv.checksum,
        .non_blocking = true,
        .file = from->file,
        .offset = from->offset,
    };
    enum err e = src_dump_start(s, &sv, &o, &em);
    CHECK(e == ERR_OK, "%s", em.text);
    stream = malloc(STREAM_MAX);
    stream_len = 0;
    for (;;) {
        size_t n;
        e = src_dump_read(s, stream + stream_len, STREAM_MAX - stream_len, &n, &em);
        if (e == ERR_NEED_INPUT) {
            e = net_loop_wait(loop, clock_mono_ms() + 5000);
            CHECK(e == ERR_OK, "the end of the binlog does not come");
            continue;
        }
        if (e == ERR_DISCONNECTED)
            break; /* behind the last event, for the dump does not wait */
        CHECK(e == ERR_OK, "%s", em.text);
        stream_len += n;
    }
    src_session_close(s);
}

struct replay {
    struct binlog_format format;
    struct binlog_map_scratch scratch;
    struct copied_table *copied; /* of the last map */
    struct table *table;
    struct row_plan *plan;
    struct canal_table *canal;
    struct key_table *keys;
    struct canal_json *encoder;
    uint32_t rows;
    uint32_t differences;
};

static void forget_map(struct replay *r)
{
    key_table_free(r->keys);
    canal_table_free(r->canal);
    row_plan_free(r->plan);
    table_unref(r->table);
    r->keys = NULL;
    r->canal = NULL;
    r->plan = NULL;
    r->table = NULL;
    r->copied = NULL;
}

static void on_map(struct replay *r, struct slice body)
{
    struct table_map map;
    forget_map(r);
    enum err e = binlog_table_map_parse(&r->format, body, &r->scratch, &map);
    CHECK(e == ERR_OK, "%s", err_name(e));
    r->copied = slice_eq(map.database, SLICE_LIT(DATABASE)) ? find_table(map.name) : NULL;
    if (r->copied == NULL)
        return;
    const struct message_names names = {.database = map.database, .table = map.name};
    e = table_resolve(&map, r->copied->def, &r->table, &em);
    CHECK(e == ERR_OK, "%s", em.text);
    CHECK(row_plan_new(r->table, &r->plan, &em) == ERR_OK, "%s", em.text);
    CHECK(canal_table_new(&canal_options, r->table, &names, &r->canal, &em) == ERR_OK, "%s",
          em.text);
    r->keys = key_table_new(r->table, PARTITION_KEY, NULL, 0);
}

static void show(const char *what, struct slice s)
{
    size_t n = s.len < 1500 ? s.len : 1500;
    fprintf(stderr, "  %s %.*s\n", what, (int)n, (const char *)s.ptr);
}

static void compare(struct replay *r, const struct cell *cells)
{
    struct copied_table *t = r->copied;
    int64_t id = cells[t->id_column].i64;
    struct copied_row *row = NULL;
    for (uint32_t i = 0; i < t->row_count; i++)
        if (t->rows[i].id == id)
            row = &t->rows[i];
    CHECK(row != NULL && !row->seen, "%.*s: row %lld was not copied, or is there twice",
          SLICE_ARG(t->table->name), (long long)id);
    row->seen = true;
    r->rows++;
    for (uint32_t i = 0; i < r->table->column_count; i++) {
        const struct column *c = &r->table->columns[i];
        if (c->hidden || (c->kind == COL_JSON && cells[i].kind == CELL_JSON) ||
            cell_equal(&cells[i], &row->cells[i]))
            continue;
        r->differences++;
        fprintf(stderr, "%.*s, row %lld, %.*s %.*s: cells of kind %d and %d differ\n",
                SLICE_ARG(t->table->name), (long long)id, SLICE_ARG(c->name),
                SLICE_ARG(c->type_text), cells[i].kind, row->cells[i].kind);
    }
    struct slice message = encode(r->encoder, r->canal, r->keys, r->table, cells);
    if (!slice_eq(message, row->message)) {
        r->differences++;
        fprintf(stderr, "%.*s, row %lld:\n", SLICE_ARG(t->table->name), (long long)id);
        show("binlog", message);
        show("copy  ", row->message);
    }
    free((void *)(uintptr_t)message.ptr);
}

static void on_rows(struct replay *r, const struct binlog_event *ev)
{
    struct binlog_rows rows;
    struct cell cells[1024];
    struct row_scratch scratch;
    enum err e = binlog_rows_parse(&r->format, ev, &rows);
    CHECK(e == ERR_OK, "%s", err_name(e));
    if (r->copied == NULL || rows.dummy || rows.op != BINLOG_ROWS_WRITE)
        return;
    CHECK(!rows.compressed && rows.width <= 1024, "rows that this test cannot read");
    row_scratch_init(&scratch, 64u << 20);
    struct reader in = reader_of(rows.rows);
    while (reader_left(&in) > 0) {
        row_scratch_reset(&scratch);
        e = row_decode(r->plan, rows.after, &in, &scratch, cells);
        CHECK(e == ERR_OK, "%.*s: %s", SLICE_ARG(r->table->name), err_name(e));
        compare(r, cells);
    }
    row_scratch_fini(&scratch);
}

static void on_event(struct replay *r, struct slice raw)
{
    struct binlog_event ev;
    enum err e = binlog_event_parse(&r->format, raw, &ev);
    CHECK(e == ERR_OK, "%s", err_name(e));
    if (ev.header.type == BINLOG_FORMAT_DESCRIPTION)
        CHECK(binlog_format_parse(&ev, &r->format) == ERR_OK);
    else if (ev.header.type == BINLOG_TABLE_MAP)
        on_map(r, ev.body);
    else if (binlog_is_rows(ev.header.type))
        on_rows(r, &ev);
}

static void replay_stream(struct replay *r)
{
    struct binlog_feed feed;
    binlog_feed_init(&feed, 1);
    binlog_format_init(&r->format, true);
    for (size_t at = 0; at < stream_len;) {
        struct binlog_item item;
        size_t need;
        enum err e = binlog_feed_next(&feed, stream + at, stream_len - at, &item, &need);
        CHECK(e == ERR_OK, "%s", err_name(e));
        at += item.used;
        if (item.kind != BINLOG_ITEM_EVENT)
            break;
        on_event(r, item.event);
    }
    forget_map(r);
    binlog_map_scratch_fini(&r->scratch);
}

/* ---- tests ---- */

static struct src_position start;

static void copies_and_binlog_give_the_same(void)
{
    struct src_server sv;
    struct replay r = {.encoder = canal_json_new(&canal_options, &utc)};
    struct src_session *s = open_copy(&sv, SRC_PLAIN);
    uint32_t copied = 0;
    for (uint32_t i = 0; i < table_count; i++) {
        copy_table(s, &tables[i], r.encoder);
        copied += tables[i].row_count;
    }
    src_session_close(s);
    replay_stream(&r);
    printf("        %u tables, %u rows copied, %u in the binlog\n", table_count, copied, r.rows);
    CHECK(r.differences == 0, "%u differences", r.differences);
    CHECK(r.rows == copied && copied > 500, "%u rows copied, %u in the binlog", copied, r.rows);
    canal_json_free(r.encoder);
}

/* The same rows whatever the frames' size, compression and TLS are. */
static void rows_come_whole_from_frames_of_any_size(void)
{
    static const size_t sizes[] = {8192, 65536, 1u << 20};
    for (size_t i = 0; i < 6; i++) {
        struct src_server sv;
        struct canal_json *encoder = canal_json_new(&canal_options, &utc);
        enum src_compression compression = i < 3               ? SRC_PLAIN
                                           : mariadb || i == 3 ? SRC_ZLIB
                                                               : SRC_ZSTD;
        struct src_session *s = open_copy(&sv, compression);
        struct frame_pool *all = pool;
        pool = frame_pool_new(sizes[i % 3], 256u << 20, NULL, NULL);
        for (uint32_t k = 0; k < table_count; k++) {
            struct copied_table *t = &tables[k];
            struct copied_row before[ROWS_MAX];
            uint32_t n = t->row_count;
            struct copied_table *again = calloc(1, sizeof(*again));
            memcpy(before, t->rows, sizeof(before));
            *again = *t;
            again->row_count = 0;
            copy_table(s, again, encoder);
            CHECK(again->row_count == n, "%.*s: %u rows, then %u", SLICE_ARG(t->table->name), n,
                  again->row_count);
            for (uint32_t row = 0; row < n; row++)
                CHECK(slice_eq(again->rows[row].message, before[row].message), "%.*s, row %u",
                      SLICE_ARG(t->table->name), row);
            forget_rows(again);
            free(again);
        }
        frame_pool_free(pool);
        pool = all;
        src_session_close(s);
        canal_json_free(encoder);
    }
}

struct found {
    int64_t id;
    bool seen;
};

static enum err look_for(void *arg, struct slice packet, struct frame *frame)
{
    struct found *f = arg;
    (void)frame;
    if (packet.len == 6) /* header, bitmap, INT */
        f->seen |= (int32_t)load_le32(packet.ptr + 2) == f->id;
    return ERR_OK;
}

/* A SET of 64 members compares as a signed number in some places and as an unsigned one in others.
 */
static bool comparable(const struct column *c)
{
    return !c->hidden && (c->kind != COL_SET || c->member_count < 64) && c->kind != COL_JSON &&
           c->kind != COL_GEOMETRY && c->kind != COL_VECTOR;
}

/* Every value of every column, as a parameter, finds its own row. */
static void parameters_equal_what_they_were_read_from(void)
{
    struct src_server sv;
    struct src_session *s = open_copy(&sv, SRC_PLAIN);
    uint32_t values = 0, lost = 0;
    for (uint32_t k = 0; k < table_count; k++) {
        struct copied_table *t = &tables[k];
        for (uint32_t i = 0; i < t->table->column_count; i++) {
            const struct column *c = &t->table->columns[i];
            struct src_stmt *st;
            struct writer sql;
            if (!comparable(c) || c->name.len == 0 || c->name.ptr[0] != 'c')
                continue;
            writer_init(&sql, 1u << 20);
            writer_printf(&sql, "SELECT id FROM " DATABASE ".`%.*s` WHERE `%.*s` <=> ",
                          SLICE_ARG(t->table->name), SLICE_ARG(c->name));
            src_param_text(&sql, c);
            CHECK(src_prepare(s, writer_slice(&sql), &st, &em) == ERR_OK, "%s", em.text);
            for (uint32_t row = 0; row < t->row_count; row++) {
                struct found f = {.id = t->rows[row].id};
                struct src_sink sink = {.arg = &f, .frame = get_frame, .row = look_for};
                const struct src_param p = {.column = c, .cell = &t->rows[row].cells[i]};
                enum err e = src_stmt_run(st, &p, 1, &sink, &em);
                CHECK(e == ERR_OK, "%s", em.text);
                values++;
                if (!f.seen && lost++ < 40)
                    fprintf(stderr, "%.*s.%.*s %.*s: the value of row %lld does not find it\n",
                            SLICE_ARG(t->table->name), SLICE_ARG(c->name), SLICE_ARG(c->type_text),
                            (long long)f.id);
            }
            src_stmt_close(st);
            writer_fini(&sql);
        }
    }
    printf("        %u values\n", values);
    CHECK(lost == 0, "%u of %u values are lost", lost, values);
    src_session_close(s);
}

/* ---- keys of all kinds ---- */

#define KEYED_ROWS 4000

/* A type for a key, and the value of row @n of KEYED_ROWS. */
struct key_kind {
    const char *type;
    const char *value;
    int server; /* 0: both, 1: MySQL, 2: MariaDB */
};

static const struct key_kind key_kinds[] = {
    {"int", "n - 2000", 0},
    {"bigint unsigned", "18446744073709551615 - n", 0},
    {"decimal(30,4)", "CAST(n AS DECIMAL(30,4)) * 1000000000000000000.5 - 7", 0},
    {"double", "n * 0.1", 0},
    {"float", "n * 0.25", 0},
    {"date", "DATE'1970-01-01' + INTERVAL n DAY", 0},
    {"datetime(6)", "TIMESTAMP'1999-12-31 23:59:59' + INTERVAL n*7 MICROSECOND", 0},
    {"timestamp(3)", "TIMESTAMP'1999-12-31 23:59:59' + INTERVAL n SECOND", 0},
    {"time(2)", "SEC_TO_TIME(n * 100 - 200000)", 0},
    {"bit(33)", "n * 1000003", 0},
    {"varchar(40)", "CONCAT('k', LPAD(n, 5, '0'))", 0},
    {"varchar(40) collate utf8mb4_bin", "CONCAT('k', LPAD(n, 5, '0'))", 0},
    {"char(20) character set latin1", "CONCAT('ä', LPAD(n, 5, '0'))", 0},
    {"varchar(40) character set latin1 collate latin1_german2_ci", "CONCAT('ä', n)", 0},
    {"varchar(40) character set utf8mb3", "CONCAT('ä', n)", 0},
    {"varchar(40) character set gbk", "CONCAT('漢', n)", 0},
    {"varchar(40) character set cp932", "CONCAT('カ', n)", 0},
    {"varchar(40) character set ascii", "CONCAT('x', n)", 0},
    {"varchar(40) character set utf16", "CONCAT('😀', n)", 0},
    {"varbinary(20)", "CONCAT(x'ff00', n)", 0},
    {"binary(8)", "CONCAT(x'ff00', n)", 0},
    {"uuid", "CONCAT('0188f2a0-', LPAD(HEX(n), 4, '0'), '-7abc-8def-0123456789ab')", 2},
    {"inet6", "CONCAT('2001:db8::', HEX(n))", 2},
};

static uint64_t rows_touched(struct src_session *s)
{
    uint64_t sum = 0;
    char text[64];
    static const char *const names[] = {"key", "next", "prev", "rnd_next", "first", "last"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char sql[160];
        snprintf(sql, sizeof(sql),
                 "SELECT VARIABLE_VALUE FROM %s.session_status "
                 "WHERE VARIABLE_NAME='Handler_read_%s'",
                 mariadb ? "information_schema" : "performance_schema", names[i]);
        CHECK(src_query_text(s, sql, text, sizeof(text), NULL, &em) == ERR_OK, "%s", em.text);
        sum += strtoull(text, NULL, 10);
    }
    return sum;
}

struct walk {
    const struct copy_plan *plan;
    struct row_scratch scratch;
    struct cell cell; /* of the last row; its bytes are in bytes */
    uint8_t bytes[256];
    uint32_t rows;
};

static enum err on_step(void *arg, struct slice packet, struct frame *frame)
{
    struct walk *w = arg;
    (void)frame;
    row_scratch_reset(&w->scratch);
    TRY(copy_row_decode(w->plan, packet, &w->scratch, &w->cell));
    enum cell_kind kind = w->cell.kind;
    if (kind == CELL_BYTES || kind == CELL_DECIMAL) {
        memcpy(w->bytes, w->cell.raw.ptr, w->cell.raw.len);
        w->cell.raw.ptr = w->bytes;
    }
    w->rows++;
    return ERR_OK;
}

/* Walks a table in steps of 100 rows by its key; each step reads no more than its rows. */
static void walk_keys(struct src_session *s, const struct src_server *sv, const char *type)
{
    struct table_def *def = NULL;
    struct table *t;
    struct copy_plan *plan;
    struct src_stmt *st;
    struct writer sql;
    CHECK(src_catalog_table(s, sv, SLICE_LIT(DATABASE), SLICE_LIT("keyed"), &def, &em) == ERR_OK &&
              def != NULL,
          "%s", em.text);
    CHECK(table_without_map(def, mariadb, &t, &em) == ERR_OK, "%s", em.text);
    CHECK(copy_plan_new(t, NULL, 0, &plan, &em) == ERR_OK, "%s", em.text);
    writer_init(&sql, 4096);
    writer_lit(&sql, "SELECT ");
    copy_plan_select_list(t, NULL, 0, &sql);
    writer_lit(&sql, " FROM " DATABASE ".keyed WHERE k >= ");
    src_param_text(&sql, &t->columns[0]);
    writer_lit(&sql, " ORDER BY k LIMIT 101");
    struct walk w = {.plan = plan};
    row_scratch_init(&w.scratch, 4096);
    struct src_sink sink = {.arg = &w, .frame = get_frame, .row = on_step};

    struct src_stmt *first;
    CHECK(src_prepare(s, SLICE_LIT("SELECT k FROM " DATABASE ".keyed ORDER BY k LIMIT 1"), &first,
                      &em) == ERR_OK);
    if (strcmp(type, "uuid") == 0 || strcmp(type, "inet6") == 0) {
        src_stmt_close(first);
        CHECK(src_prepare(s,
                          SLICE_LIT("SELECT CAST(k AS BINARY(16)) FROM " DATABASE
                                    ".keyed ORDER BY k LIMIT 1"),
                          &first, &em) == ERR_OK);
    }
    CHECK(src_stmt_run(first, NULL, 0, &sink, &em) == ERR_OK, "%s: %s", type, em.text);
    src_stmt_close(first);
    enum err e = src_prepare(s, writer_slice(&sql), &st, &em);
    CHECK(e == ERR_OK, "%s: %s", type, em.text);
    uint32_t total = 1, steps = 0;
    uint64_t own = rows_touched(s);
    own = rows_touched(s) - own; /* what the looking itself costs */
    uint64_t before = rows_touched(s);
    do {
        const struct cell at = w.cell;
        uint8_t bytes[sizeof(w.bytes)];
        memcpy(bytes, w.bytes, sizeof(bytes));
        struct cell bound = at;
        if (at.kind == CELL_BYTES || at.kind == CELL_DECIMAL)
            bound.raw.ptr = bytes;
        const struct src_param p = {.column = &t->columns[0], .cell = &bound};
        w.rows = 0;
        e = src_stmt_run(st, &p, 1, &sink, &em);
        CHECK(e == ERR_OK, "%s: %s", type, em.text);
        CHECK(w.rows > 0, "%s: a key does not find itself", type);
        total += w.rows - 1;
        steps++;
    } while (w.rows == 101 && steps < 100);
    uint64_t touched = rows_touched(s) - before - own;
    CHECK(total == KEYED_ROWS, "%s: %u rows in %u steps", type, total, steps);
    CHECK(touched < KEYED_ROWS * 2, "%s: %llu rows were looked at", type,
          (unsigned long long)touched);
    src_stmt_close(st);
    row_scratch_fini(&w.scratch);
    writer_fini(&sql);
    copy_plan_free(plan);
    table_unref(t);
    free(def);
}

static void keys_of_all_kinds_use_their_index(void)
{
    struct src_server sv;
    struct src_session *s = open_copy(&sv, SRC_PLAIN);
    run(s, SLICE_LIT("DROP TABLE IF EXISTS " DATABASE ".keyed, " DATABASE ".numbers"));
    run(s, SLICE_LIT("CREATE TABLE " DATABASE ".numbers (n INT PRIMARY KEY)"));
    run(s, SLICE_LIT("INSERT INTO " DATABASE ".numbers SELECT a.d + 10 * b.d + 100 * c.d + 1000 * "
                     "d.d FROM (SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION "
                     "SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION "
                     "SELECT 9) a, (SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION "
                     "SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION "
                     "SELECT 9) b, (SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION "
                     "SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION "
                     "SELECT 9) c, (SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3) d"));
    for (size_t i = 0; i < sizeof(key_kinds) / sizeof(key_kinds[0]); i++) {
        const struct key_kind *k = &key_kinds[i];
        struct writer sql;
        if (k->server != 0 && (k->server == 2) != mariadb)
            continue;
        writer_init(&sql, 4096);
        run(s, SLICE_LIT("DROP TABLE IF EXISTS " DATABASE ".keyed"));
        writer_printf(&sql, "CREATE TABLE " DATABASE ".keyed (k %s NOT NULL PRIMARY KEY)", k->type);
        run(s, writer_slice(&sql));
        writer_clear(&sql);
        writer_printf(&sql, "INSERT INTO " DATABASE ".keyed SELECT %s FROM " DATABASE ".numbers",
                      k->value);
        run(s, writer_slice(&sql));
        writer_fini(&sql);
        walk_keys(s, &sv, k->type);
    }
    src_session_close(s);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: test_copy MYSQL|MARIADB SCRIPT\n");
        return 2;
    }
    prefix = argv[1];
    script = argv[2];
    mariadb = strcmp(prefix, "MARIADB") == 0;
    if (net_loop_new(NET_AUTO, &loop, &em) != ERR_OK)
        return 2;
    pool = frame_pool_new(1u << 18, 512u << 20, NULL, NULL);
    check_name = "set-up";
    if (setjmp(check_failed) != 0)
        return 1;
    struct src_session *s = open_root(SRC_PLAIN);
    struct src_server sv = server_of(s);
    CHECK(src_server_position(s, &sv, &start, &em) == ERR_OK, "%s", em.text);
    run_script();
    enum err e = src_catalog_walk(s, &sv, in_database, keep_table, NULL, &em);
    CHECK(e == ERR_OK, "%s: %s", err_name(e), em.text);
    src_session_close(s);
    read_stream(&start);

    RUN(copies_and_binlog_give_the_same);
    RUN(rows_come_whole_from_frames_of_any_size);
    RUN(keys_of_all_kinds_use_their_index);
    RUN(parameters_equal_what_they_were_read_from);

    forget_tables();
    free(stream);
    src_position_fini(&start);
    frame_pool_free(pool);
    net_loop_free(loop);
    return check_failures > 0;
}
