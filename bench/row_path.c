#include "row_path.h"

#include "base/err.h"
#include "base/reader.h"
#include "base/writer.h"
#include "encode/canal_json.h"
#include "encode/key.h"
#include "mysqlproto/binlog/rows.h"
#include "mysqlproto/binlog/table_map.h"
#include "schema/table.h"
#include "schema/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define TABLES     100
#define COLUMNS    4
#define PARTITIONS 4
#define MAGIC      4          /* a binlog file begins with fe 62 69 6e */
#define VALUE_ROOM (1u << 16) /* a message of sysbench has 600 bytes */

struct bound {
    uint64_t id; /* as in the last map; 0: not met */
    uint8_t *raw;
    size_t raw_len;
    struct table *table;
    struct row_plan *plan;
    struct canal_table *canal;
    struct key_table *key;
};

struct row_path {
    uint8_t *bytes;
    size_t len;
    struct bound tables[TABLES];
    struct canal_json *encoder;
    struct canal_options canal;
    struct binlog_map_scratch maps;
    struct row_scratch probe_scratch;
    struct row_scratch scratch;
    struct writer hash_scratch;
    struct writer key;
    struct cell before[COLUMNS];
    struct cell after[COLUMNS];
    uint8_t value[VALUE_ROOM];
};

static void die(const char *what, enum err e)
{
    fprintf(stderr, "bench: %s: %s\n", what, err_text(e));
    exit(1);
}

static void must(const char *what, enum err e)
{
    if (e != ERR_OK)
        die(what, e);
}

/* --- the file --- */

static void slurp(struct row_path *p, const char *file)
{
    size_t room = 1 << 20;
    gzFile f = gzopen(file, "rb");
    if (f == NULL) {
        fprintf(stderr, "bench: %s cannot be opened\n", file);
        exit(1);
    }
    gzbuffer(f, 1 << 20);
    p->bytes = malloc(room);
    for (int n = 1; p->bytes != NULL && n > 0; p->len += (size_t)n) {
        if (p->len == room)
            p->bytes = realloc(p->bytes, room *= 2);
        size_t left = room - p->len;
        n = p->bytes == NULL
                ? 0
                : gzread(f, p->bytes + p->len, left > 1 << 20 ? 1 << 20 : (unsigned)left);
        if (n < 0)
            die(file, ERR_MALFORMED);
    }
    gzclose(f);
    if (p->bytes == NULL)
        die(file, ERR_NO_MEMORY);
    if (p->len < MAGIC || memcmp(p->bytes,
                                 "\xfe"
                                 "bin",
                                 MAGIC) != 0)
        die(file, ERR_MALFORMED);
}

/* --- the tables --- */

/* What information_schema says of a table of sysbench on MySQL 8 and later. */
static void define(struct bound *b, const struct table_map *map, struct slice database,
                   struct slice name)
{
    static const struct slice collation = SLICE_LIT("utf8mb4_0900_ai_ci");
    struct column_def columns[COLUMNS] = {
        {.name = SLICE_LIT("id"), .column_type = SLICE_LIT("int"), .data_type = SLICE_LIT("int")},
        {.name = SLICE_LIT("k"), .column_type = SLICE_LIT("int"), .data_type = SLICE_LIT("int")},
        {.name = SLICE_LIT("c"),
         .column_type = SLICE_LIT("char(120)"),
         .data_type = SLICE_LIT("char"),
         .collation = collation},
        {.name = SLICE_LIT("pad"),
         .column_type = SLICE_LIT("char(60)"),
         .data_type = SLICE_LIT("char"),
         .collation = collation},
    };
    uint16_t first = 0;
    struct key_def primary = {
        .name = SLICE_LIT("PRIMARY"), .primary = true, .part_count = 1, .parts = &first};
    struct table_def def = {.database = database,
                            .name = name,
                            .engine = SLICE_LIT("InnoDB"),
                            .column_count = COLUMNS,
                            .columns = columns,
                            .key_count = 1,
                            .keys = &primary};
    struct errmsg em = {0};
    enum err e = table_resolve(map, &def, &b->table, &em);
    if (e != ERR_OK)
        die(em.text, e);
}

static void bind(struct row_path *p, struct bound *b, const struct binlog_format *f,
                 struct slice body, const struct binlog_map_head *head)
{
    struct table_map map;
    must("a table map", binlog_table_map_parse(f, body, &p->maps, &map));
    define(b, &map, head->database, head->name);
    struct errmsg em = {0};
    must("a row plan", row_plan_new(b->table, &b->plan, &em));
    struct message_names names = {.database = b->table->database, .table = b->table->name};
    must("constant JSON", canal_table_new(&p->canal, b->table, &names, &b->canal, &em));
    b->key = key_table_new(b->table, PARTITION_KEY, NULL, 0);
    b->raw = malloc(head->raw.len);
    if (b->key == NULL || b->raw == NULL)
        die("a table", ERR_NO_MEMORY);
    memcpy(b->raw, head->raw.ptr, head->raw.len);
    b->raw_len = head->raw.len;
}

static struct bound *table_named(struct row_path *p, const struct binlog_map_head *head)
{
    static const char prefix[] = "sbtest";
    size_t n = sizeof(prefix) - 1, number = 0;
    if (head->name.len <= n || head->name.len > n + 2 || memcmp(head->name.ptr, prefix, n) != 0)
        return NULL;
    for (size_t i = n; i < head->name.len; i++)
        number = number * 10 + (size_t)(head->name.ptr[i] - '0');
    return number < TABLES ? &p->tables[number] : NULL;
}

static void take_map(struct row_path *p, const struct binlog_format *f, struct slice body)
{
    struct binlog_map_head head;
    must("the head of a table map", binlog_table_map_head(f, body, &head));
    struct bound *b = table_named(p, &head);
    if (b == NULL)
        return;
    if (b->raw == NULL)
        bind(p, b, f, body, &head);
    else if (b->raw_len != head.raw.len || memcmp(b->raw, head.raw.ptr, head.raw.len) != 0)
        die("a table changed", ERR_TABLE_MISMATCH);
    b->id = head.table_id;
}

static struct bound *table_of(struct row_path *p, uint64_t id)
{
    for (size_t i = 0; i < TABLES; i++)
        if (p->tables[i].id == id)
            return &p->tables[i];
    return NULL;
}

/* --- rows --- */

struct job {
    struct row_path *p;
    struct bound *b;
    const struct binlog_rows *rows;
    enum stage last;
    int hash;
    uint64_t es_ms;
    struct row_sum *sum;
};

static void mix(struct row_sum *sum, const uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sum->hash = (sum->hash ^ at[i]) * UINT64_C(0x100000001B3);
}

static int32_t route(const struct job *j, const struct binlog_row *row)
{
    static const uint16_t first = 0;
    struct row_path *p = j->p;
    struct cell probes[2];
    bool update = j->rows->op == BINLOG_ROWS_UPDATE;
    row_scratch_reset(&p->probe_scratch);
    if (j->rows->op != BINLOG_ROWS_WRITE)
        must("a key", row_decode_columns(j->b->plan, j->rows->before, row->before, &first, 1,
                                         &p->probe_scratch, &probes[0]));
    if (j->rows->op != BINLOG_ROWS_DELETE)
        must("a key", row_decode_columns(j->b->plan, j->rows->after, row->after, &first, 1,
                                         &p->probe_scratch, &probes[1]));
    if (update && probes[0].i64 != probes[1].i64)
        die("sysbench changed a key", ERR_BUG);
    int32_t hash;
    must("a partition",
         partition_hash(j->b->key, j->rows->op == BINLOG_ROWS_DELETE ? &probes[0] : &probes[1],
                        &p->hash_scratch, &hash));
    return partition_of(hash, PARTITIONS);
}

static void decode(const struct job *j, const struct binlog_row *row)
{
    struct row_path *p = j->p;
    row_scratch_reset(&p->scratch);
    struct reader before = reader_of(row->before), after = reader_of(row->after);
    if (j->rows->op != BINLOG_ROWS_WRITE)
        must("a row", row_decode(j->b->plan, j->rows->before, &before, &p->scratch, p->before));
    if (j->rows->op != BINLOG_ROWS_DELETE)
        must("a row", row_decode(j->b->plan, j->rows->after, &after, &p->scratch, p->after));
}

static void encode(const struct job *j)
{
    static const enum change_op ops[] = {[BINLOG_ROWS_WRITE] = CHANGE_INSERT,
                                         [BINLOG_ROWS_UPDATE] = CHANGE_UPDATE,
                                         [BINLOG_ROWS_DELETE] = CHANGE_DELETE};
    struct row_path *p = j->p;
    struct change c = {.op = ops[j->rows->op],
                       .table = j->b->table,
                       .before = j->rows->op != BINLOG_ROWS_WRITE ? p->before : NULL,
                       .after = j->rows->op != BINLOG_ROWS_DELETE ? p->after : NULL,
                       .id = j->sum->rows,
                       .es_ms = j->es_ms,
                       .ts_ms = j->es_ms};
    writer_clear(&p->key);
    must("a record key",
         key_encode(j->b->key, c.after != NULL ? c.after : c.before, c.before, &p->key));
    struct writer w = writer_fixed(p->value, sizeof(p->value));
    must("a message", canal_json_encode(p->encoder, j->b->canal, &c, &w));
    j->sum->key_bytes += p->key.len;
    j->sum->value_bytes += w.len;
    if (j->hash) {
        mix(j->sum, p->key.base, p->key.len);
        mix(j->sum, w.base, w.len);
    }
}

static void take_rows(struct job *j)
{
    struct reader r = reader_of(j->rows->rows);
    while (r.p < r.end) {
        const uint8_t *image = r.p;
        struct binlog_row row;
        must("a row", binlog_rows_next(j->rows, j->b->plan, &r, &row));
        j->sum->rows++;
        j->sum->inserts += j->rows->op == BINLOG_ROWS_WRITE;
        j->sum->updates += j->rows->op == BINLOG_ROWS_UPDATE;
        j->sum->deletes += j->rows->op == BINLOG_ROWS_DELETE;
        j->sum->image_bytes += (uint64_t)(r.p - image);
        int32_t partition = route(j, &row);
        j->sum->partition_rows[partition]++;
        if (j->hash)
            mix(j->sum, (const uint8_t *)&partition, 1);
        if (j->last >= STAGE_DECODE)
            decode(j, &row);
        if (j->last >= STAGE_ENCODE)
            encode(j);
    }
}

static void take_event(struct row_path *p, const struct binlog_format *f,
                       const struct binlog_event *ev, enum stage last, int hash,
                       struct row_sum *sum)
{
    if (ev->header.type == BINLOG_TABLE_MAP) {
        take_map(p, f, ev->body);
        return;
    }
    if (!binlog_is_rows(ev->header.type))
        return;
    struct binlog_rows rows;
    must("a rows event", binlog_rows_parse(f, ev, &rows));
    struct bound *b = table_of(p, rows.table_id);
    if (b == NULL)
        return;
    struct job j = {.p = p,
                    .b = b,
                    .rows = &rows,
                    .last = last,
                    .hash = hash,
                    .es_ms = (uint64_t)ev->header.timestamp * 1000,
                    .sum = sum};
    take_rows(&j);
}

void row_path_run(struct row_path *p, enum stage last, int hash, struct row_sum *sum)
{
    struct binlog_format format;
    *sum = (struct row_sum){.hash = UINT64_C(0xCBF29CE484222325)};
    binlog_format_init(&format, true);
    for (size_t i = 0; i < TABLES; i++)
        p->tables[i].id = 0;
    for (size_t at = MAGIC; p->len - at >= BINLOG_HEADER_LEN;) {
        struct binlog_header header;
        binlog_header_parse(p->bytes + at, &header);
        if (header.length < BINLOG_HEADER_LEN || header.length > p->len - at)
            break; /* the last event of a file that is being written */
        struct binlog_event ev;
        must("an event", binlog_event_parse(&format, slice_of(p->bytes + at, header.length), &ev));
        if (header.type == BINLOG_FORMAT_DESCRIPTION)
            must("a format description", binlog_format_parse(&ev, &format));
        sum->events++;
        if (last >= STAGE_WALK)
            take_event(p, &format, &ev, last, hash, sum);
        at += header.length;
    }
}

struct row_path *row_path_new(const char *file)
{
    static struct zone_step utc = {.from = INT64_MIN, .offset_s = 0};
    static const struct zone zone = {.count = 1, .steps = &utc};
    struct row_path *p = calloc(1, sizeof(*p));
    if (p == NULL)
        die("memory", ERR_NO_MEMORY);
    slurp(p, file);
    row_scratch_init(&p->probe_scratch, 1 << 20);
    row_scratch_init(&p->scratch, 1 << 20);
    writer_init(&p->hash_scratch, 1 << 20);
    writer_init(&p->key, 1 << 20);
    p->encoder = canal_json_new(&p->canal, &zone);
    if (p->encoder == NULL)
        die("an encoder", ERR_NO_MEMORY);
    return p;
}

void row_path_free(struct row_path *p)
{
    for (size_t i = 0; i < TABLES; i++) {
        struct bound *b = &p->tables[i];
        if (b->raw == NULL)
            continue;
        canal_table_free(b->canal);
        key_table_free(b->key);
        row_plan_free(b->plan);
        table_unref(b->table);
        free(b->raw);
    }
    binlog_map_scratch_fini(&p->maps);
    row_scratch_fini(&p->probe_scratch);
    row_scratch_fini(&p->scratch);
    writer_fini(&p->hash_scratch);
    writer_fini(&p->key);
    canal_json_free(p->encoder);
    free(p->bytes);
    free(p);
}
