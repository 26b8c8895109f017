/*
 * What encoding a row costs: Canal JSON, record key, partition hash, and the
 * escaping by itself. One JSON line per result; times are the fastest of many
 * rounds, in nanoseconds.
 *
 *   bench_encode [SECONDS PER RESULT, 0.3]
 */
#include "bench.h"

#include "base/cpu.h"
#include "encode/canal_json.h"
#include "encode/json_escape.h"
#include "encode/key.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define ROUNDS   2000

static void report(const char *name, const char *variant, double ns, size_t bytes)
{
    printf("{\"bench\":\"encode\",\"name\":\"%s\",\"variant\":\"%s\",\"unit\":\"ns\","
           "\"min\":%.1f,\"bytes\":%zu,\"compiler\":\"%s\"}\n",
           name, variant, ns, bytes, __VERSION__);
    fflush(stdout);
}

/* --- rows --- */

struct row {
    struct table table;
    struct canal_table *ct;
    struct canal_json *enc;
    struct key_table *kt;
    struct change change;
    struct writer value;
    struct writer key;
    struct writer scratch;
};

static void encode_rows(void *arg, uint32_t rounds)
{
    struct row *r = arg;
    for (uint32_t i = 0; i < rounds; i++) {
        writer_clear(&r->value);
        r->change.id++;
        if (canal_json_encode(r->enc, r->ct, &r->change, &r->value) != ERR_OK)
            abort();
    }
    sink += r->value.len;
}

static void encode_keys(void *arg, uint32_t rounds)
{
    struct row *r = arg;
    for (uint32_t i = 0; i < rounds; i++) {
        writer_clear(&r->key);
        if (key_encode(r->kt, r->change.after, NULL, &r->key) != ERR_OK)
            abort();
    }
    sink += r->key.len;
}

static void hash_rows(void *arg, uint32_t rounds)
{
    struct row *r = arg;
    int32_t h = 0;
    for (uint32_t i = 0; i < rounds; i++) {
        if (partition_hash(r->kt, r->change.after, &r->scratch, &h) != ERR_OK)
            abort();
        sink += (uint32_t)h;
    }
}

static void bench_row(const char *name, struct column *columns, uint32_t count,
                      const struct cell *before, const struct cell *after)
{
    static uint16_t first[1] = {0};
    static struct zone_step step = {INT64_MIN, 0};
    static const struct zone utc = {1, &step};
    struct row r = {.table = {.database = SLICE_LIT("sbtest"),
                              .name = SLICE_LIT("sbtest1"),
                              .column_count = count,
                              .columns = columns,
                              .pk_count = 1,
                              .pk = first,
                              .identity_count = 1,
                              .identity = first,
                              .partition_count = 1,
                              .partition = first}};
    struct canal_options o = {0};
    struct message_names names = {.database = r.table.database, .table = r.table.name};
    struct errmsg em;
    writer_init(&r.value, 1 << 20);
    writer_init(&r.key, 1 << 20);
    writer_init(&r.scratch, 1 << 20);
    if (canal_table_new(&o, &r.table, &names, &r.ct, &em) != ERR_OK ||
        (r.enc = canal_json_new(&o, &utc)) == NULL ||
        (r.kt = key_table_new(&r.table, PARTITION_KEY, NULL, 0)) == NULL)
        abort();

    r.change = (struct change){.op = CHANGE_INSERT,
                               .table = &r.table,
                               .after = after,
                               .id = 1000000,
                               .es_ms = 1767225600000,
                               .ts_ms = 1767225600250};
    char label[64];
    snprintf(label, sizeof label, "canal_%s_insert", name);
    double ns = measure(encode_rows, &r, ROUNDS);
    report(label, json_escape_best()->name, ns, r.value.len);

    r.change.op = CHANGE_UPDATE;
    r.change.before = before;
    snprintf(label, sizeof label, "canal_%s_update", name);
    ns = measure(encode_rows, &r, ROUNDS);
    report(label, json_escape_best()->name, ns, r.value.len);

    snprintf(label, sizeof label, "key_%s", name);
    ns = measure(encode_keys, &r, ROUNDS);
    report(label, json_escape_best()->name, ns, r.key.len);
    snprintf(label, sizeof label, "hash_%s", name);
    report(label, json_escape_best()->name, measure(hash_rows, &r, ROUNDS), 4);

    canal_table_free(r.ct);
    canal_json_free(r.enc);
    key_table_free(r.kt);
    writer_fini(&r.value);
    writer_fini(&r.key);
    writer_fini(&r.scratch);
}

#define COL(n, k, type)                                                                            \
    {                                                                                              \
        .name = SLICE_LIT(n), .kind = (k), .type_text = SLICE_LIT(type)                            \
    }

static struct cell i64(int64_t v)
{
    return (struct cell){.kind = CELL_I64, .i64 = v};
}

static struct cell text(const char *s)
{
    return (struct cell){.kind = CELL_BYTES, .raw = slice_str(s)};
}

static void bench_sysbench(void)
{
    struct column columns[] = {
        COL("id", COL_INT, "int"),
        COL("k", COL_INT, "int"),
        COL("c", COL_CHAR, "char(120)"),
        COL("pad", COL_CHAR, "char(60)"),
    };
    const char *c = "83868641912-28773972837-60736120486-75162659906-27563526494-"
                    "20381887404-41576422241-93426793964-56405065102-33518432330";
    const char *pad = "67847967377-48000963322-62604785301-91415491898-96926520291";
    struct cell before[] = {i64(123456), i64(501233), text(c), text(pad)};
    struct cell after[] = {i64(123456), i64(501234), text(c), text(pad)};
    bench_row("sysbench", columns, COUNT(columns), before, after);
}

static void bench_wide(void)
{
    enum { WIDTH = 50 };
    static struct column columns[WIDTH];
    static struct cell before[WIDTH], after[WIDTH];
    static char names[WIDTH][16];
    for (uint32_t i = 0; i < WIDTH; i++) {
        snprintf(names[i], sizeof names[i], "column_%u", i);
        columns[i] = (struct column){.name = slice_str(names[i])};
        switch (i % 5) {
        case 0:
            columns[i].kind = COL_BIGINT;
            columns[i].type_text = SLICE_LIT("bigint");
            after[i] = i64((int64_t)i * 1000003);
            break;
        case 1:
            columns[i].kind = COL_DATETIME;
            columns[i].type_text = SLICE_LIT("datetime(3)");
            columns[i].fsp = 3;
            after[i] = (struct cell){.kind = CELL_DATETIME,
                                     .civil = {.year = 2026, .month = 1, .day = 2, .hour = 3}};
            break;
        case 2:
            columns[i].kind = COL_DOUBLE;
            columns[i].type_text = SLICE_LIT("double");
            after[i] = (struct cell){.kind = CELL_F64, .f64 = 1234.5678 * (i + 1)};
            break;
        case 3:
            columns[i].kind = COL_VARCHAR;
            columns[i].type_text = SLICE_LIT("varchar(40)");
            after[i] = text("a short text of a person");
            break;
        default:
            columns[i].kind = COL_DECIMAL;
            columns[i].type_text = SLICE_LIT("decimal(14,4)");
            columns[i].precision = 14;
            columns[i].scale = 4;
            after[i] = (struct cell){.kind = CELL_DECIMAL,
                                     .raw = SLICE_LIT("\x81\x0d\xfb\x38\xd2\x04\xd2")};
        }
        before[i] = after[i];
    }
    before[5] = i64(-1);
    before[13] = text("another short text");
    bench_row("wide50", columns, WIDTH, before, after);
}

/* --- escaping --- */

struct escaping {
    uint8_t *(*f)(uint8_t *, const uint8_t *, size_t);
    struct slice in;
    uint8_t out[JSON_ESCAPE_ROOM(4096)];
};

static void escape(void *arg, uint32_t rounds)
{
    struct escaping *e = arg;
    for (uint32_t i = 0; i < rounds; i++)
        sink += (uint64_t)(e->f(e->out, e->in.ptr, e->in.len) - e->out);
}

/* len bytes made by repeating a piece of text, cut to whole characters by the caller's choice. */
static struct slice repeated(uint8_t *buf, const char *piece, size_t len)
{
    size_t n = strlen(piece), at = 0;
    for (; at + n <= len; at += n)
        memcpy(buf + at, piece, n);
    memset(buf + at, 'x', len - at);
    return slice_of(buf, len);
}

static void bench_escape(void)
{
    static const struct {
        const char *name, *piece;
        size_t len;
    } texts[] = {
        {"ascii_8", "x", 8},
        {"ascii_24", "x", 24},
        {"ascii_120", "x", 120},
        {"ascii_4096", "x", 4096},
        {"escape_each_32", "\"0123456789012345678901234567890", 4096},
        {"json_text", "{\"key\": \"value\", \"n\": 12}\n", 4096},
        {"chinese", "\xE6\x9D\xAD\xE5\xB7\x9E", 4096},
        {"french", "l'\xC3\xA9t\xC3\xA9 dernier ", 4096},
        {"random_bytes", "\x80\x01\xFEz\"\xC4", 4096},
    };
    static uint8_t buf[4096];
    static struct escaping e;
    const struct json_escape *v;
    for (size_t t = 0; t < COUNT(texts); t++)
        for (size_t i = 0; (v = json_escape_variant(i)) != NULL; i++) {
            char label[64];
            e.in = repeated(buf, texts[t].piece, texts[t].len);
            e.f = strcmp(texts[t].name, "random_bytes") == 0 ? v->latin1 : v->utf8;
            snprintf(label, sizeof label, "escape_%s", texts[t].name);
            report(label, v->name, measure(escape, &e, ROUNDS), texts[t].len);
        }
}

int main(int argc, char **argv)
{
    if (argc > 1)
        seconds = atof(argv[1]);
    bench_sysbench();
    bench_wide();
    bench_escape();
    return 0;
}
