/*
 * src/snapshot against a real server: workers read tables for an owner that
 * only counts.
 *
 *   test_snapshot MYSQL|MARIADB [NAME]
 *
 * The environment is what `scripts/servers env` prints. The account root on
 * the socket makes the database snapshot_test and an account of that name, and
 * drops them. NAME: only the tests whose names have it.
 */
#include "check.h"

#include "base/clock.h"
#include "base/frame.h"
#include "base/log.h"
#include "mysqlproto/copy_plan.h"
#include "net/loop.h"
#include "schema/table_without_map.h"
#include "snapshot/marks.h"
#include "snapshot/worker.h"
#include "source/catalog.h"
#include "source/copy.h"
#include "source/load.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

jmp_buf check_failed;
const char *check_name;
int check_failures;

#define DATABASE "snapshot_test"
#define ROWS     700
#define N_MAX    200000

static bool mariadb;
static const char *prefix;
static struct net_loop *loop;
static struct errmsg em;
static struct src_server server;

/* ---- how tests connect ---- */

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

static struct src_options root_options(void)
{
    return (struct src_options){
        .host = setting("SOCKET"), .user = "root", .password = "", .connect_timeout_ms = 10000};
}

static struct src_session *open_root(struct net_loop *l)
{
    struct src_options o = root_options();
    struct src_session *s = NULL;
    enum err e = src_session_open(l, &o, &s, &em);
    CHECK(e == ERR_OK, "%s: %s", err_name(e), em.text);
    return s;
}

static void run(struct src_session *s, const char *sql)
{
    enum err e = src_query(s, slice_str(sql), NULL, NULL, &em);
    CHECK(e == ERR_OK, "%s: %s", err_name(e), em.text);
}

/* On any thread: a statement of its own loop, which may fail. */
static void elsewhere(const char *sql)
{
    struct net_loop *own;
    struct src_options o = root_options();
    struct src_session *s;
    struct errmsg why;
    if (net_loop_new(NET_AUTO, &own, &why) != ERR_OK)
        return;
    if (src_session_open(own, &o, &s, &why) == ERR_OK) {
        if (src_query(s, slice_str(sql), NULL, NULL, &why) != ERR_OK)
            fprintf(stderr, "%s: %s\n", sql, why.text);
        src_session_close(s);
    }
    net_loop_free(own);
}

static struct src_options account(void)
{
    return (struct src_options){
        .host = setting("HOST"),
        .port = (uint16_t)atoi(setting("PORT")),
        .user = "snapshot_test",
        .password = "pw",
        .tls = SRC_TLS_PREFERRED,
        .connect_timeout_ms = 10000,
    };
}

/* ---- tables ---- */

enum where { BOTH, ONLY_MYSQL, ONLY_MARIADB };

struct kind {
    const char *name;
    enum where where;
    bool orderable;
    const char *columns; /* with the key behind them */
    const char *names;   /* of the key's columns */
    const char *values;  /* of row i, 1 to ROWS */
    const char *more;    /* rows of key values, with n from 1000 on, or NULL */
};

/* clang-format off */
static const struct kind kinds[] = {
    {"k_int", BOTH, true, "k INT PRIMARY KEY", "k", "(i * 7919) % 100003 - 50000",
     "(-2147483648,1000),(2147483647,1001),(0,1002)"},
    {"k_tiny", BOTH, true, "k TINYINT PRIMARY KEY", "k", "i % 256 - 128", NULL},
    {"k_medium", BOTH, true, "k MEDIUMINT UNSIGNED PRIMARY KEY", "k", "i * 20011", NULL},
    {"k_unsigned", BOTH, true, "k BIGINT UNSIGNED PRIMARY KEY", "k", "CAST(i AS UNSIGNED) * 26350000000000000",
     "(18446744073709551615,1000),(9223372036854775807,1001),(9223372036854775808,1002),(0,1003)"},
    {"k_bigint", BOTH, true, "k BIGINT PRIMARY KEY", "k", "(i - 350) * 26350000000000000",
     "(-9223372036854775808,1000),(9223372036854775807,1001)"},
    {"k_composite", BOTH, true,
     "a INT NOT NULL, b VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, "
     "c DATE NOT NULL, PRIMARY KEY (b, a, c)", "a,b,c",
     "i % 5, CONCAT('x', i % 11), '2024-01-01' + INTERVAL i DAY", NULL},
    {"k_decimal", BOTH, true, "k DECIMAL(30,6) PRIMARY KEY", "k", "(i - 350) * 123456789012.345678",
     "('999999999999999999999999.999999',1000),('-999999999999999999999999.999999',1001),"
     "('0.000001',1002),('-0.000001',1003)"},
    {"k_utf8_bin", BOTH, true,
     "k VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PRIMARY KEY", "k",
     "CONCAT(CHAR(32 + i % 90 USING utf8mb4), CHAR(32 + i % 37 USING utf8mb4), i)",
     "('a ',1000),('a\\t',1001),('a\\0',1002),('a!',1003),('',1004),('\xF0\x9F\x98\x80',1005),"
     "('\xEF\xBF\xBD',1006),('\xEE\x80\x80',1007),('aa',1008),('A',1009),('\xC3\xA4',1010)"},
    {"k_utf8mb3_bin", BOTH, true,
     "k VARCHAR(20) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin PRIMARY KEY", "k",
     "CONCAT(CHAR(32 + i % 90 USING utf8mb3), i)", NULL},
    {"k_latin1_bin", BOTH, true,
     "k VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_bin PRIMARY KEY", "k",
     "CONCAT(CHAR(i % 256), CHAR(i % 200 + 32), i)", "('a ',1000),('a\\t',1001),('',1002)"},
    {"k_latin1_ci", BOTH, false,
     "k VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci PRIMARY KEY", "k",
     "CONCAT(CHAR(65 + i % 26 USING latin1), i)", NULL},
    {"k_general_ci", BOTH, false,
     "k VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci PRIMARY KEY", "k",
     "CONCAT(CHAR(65 + i % 26 USING utf8mb4), '\xC3\xA4', i)", NULL},
    {"k_unicode_ci", BOTH, false,
     "k VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci PRIMARY KEY", "k",
     "CONCAT(LEFT(SHA2(i, 256), 32))", NULL},
    {"k_0900", ONLY_MYSQL, false,
     "k VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci PRIMARY KEY", "k",
     "CONCAT(LEFT(SHA2(i, 256), 32), '\xF0\x9F\x98\x80')", NULL},
    {"k_0900_bin", ONLY_MYSQL, true,
     "k VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin PRIMARY KEY", "k",
     "CONCAT(CHAR(32 + i % 90 USING utf8mb4), i)",
     "('a ',1000),('a\\t',1001),('a',1002),('a  ',1003),('a!',1004)"},
    {"k_nopad_bin", ONLY_MARIADB, true,
     "k VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PRIMARY KEY", "k",
     "CONCAT(CHAR(32 + i % 90 USING utf8mb4), i)",
     "('a ',1000),('a\\t',1001),('a',1002),('a  ',1003),('a!',1004)"},
    {"k_char_bin", BOTH, true,
     "k CHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PRIMARY KEY", "k",
     "CONCAT(CHAR(33 + i % 90 USING utf8mb4), i)", "('a',1000),('a\\t',1001),('a!',1002),('',1003)"},
    {"k_varbinary", BOTH, true, "k VARBINARY(40) PRIMARY KEY", "k",
     "CONCAT(CHAR(i % 256), CHAR(i % 200 + 30), i)",
     "('',1000),('\\0',1001),('\\0\\0',1002),('a',1003),('a ',1004),('a\\t',1005)"},
    {"k_binary", BOTH, true, "k BINARY(8) PRIMARY KEY", "k", "UNHEX(LEFT(SHA2(i, 256), 12))",
     "('',1000),('\\0\\0\\0\\0\\0\\0\\0\\1',1001),('a',1002)"},
    {"k_date", BOTH, true, "k DATE PRIMARY KEY", "k", "'1000-01-01' + INTERVAL i * 400 DAY",
     "('0000-00-00',1000),('2024-00-15',1001),('2024-01-00',1002),('9999-12-31',1003)"},
    {"k_datetime", BOTH, true, "k DATETIME(6) PRIMARY KEY", "k",
     "'2024-02-28 23:59:59.5' + INTERVAL i * 1000001 MICROSECOND",
     "('0000-00-00 00:00:00',1000),('1000-01-01 00:00:00',1001),('9999-12-31 23:59:59.999999',1002)"},
    {"k_timestamp", BOTH, true, "k TIMESTAMP(3) NOT NULL DEFAULT '2000-01-01 00:00:00' PRIMARY KEY", "k",
     "FROM_UNIXTIME(i * 3000000.125)", "('0000-00-00 00:00:00',1000),('1970-01-01 00:00:01',1001)"},
    {"k_time", BOTH, true, "k TIME(6) PRIMARY KEY", "k", "SEC_TO_TIME((i - 350) * 7001.5)",
     "('-838:59:59',1000),('838:59:59',1001),('-00:00:00.000001',1002),('00:00:00',1003),"
     "('00:00:00.000001',1004),('-00:00:01.5',1005)"},
    {"k_year", BOTH, true, "k YEAR PRIMARY KEY", "k", "1901 + i % 255", "('0000',1000)"},
    {"k_enum", BOTH, true, "k ENUM('z','y','x','1','2','a b') NOT NULL, j SMALLINT NOT NULL, "
     "PRIMARY KEY (k, j)", "k,j", "1 + i % 6, i", NULL},
    {"k_set", BOTH, true, "k SET('d','c','b','a') NOT NULL, j SMALLINT NOT NULL, PRIMARY KEY (k, j)",
     "k,j", "i % 16, i", NULL},
    {"k_bit", BOTH, true, "k BIT(64) PRIMARY KEY", "k", "CAST(i AS UNSIGNED) * 26350000000000000",
     "(b'1111111111111111111111111111111111111111111111111111111111111111',1000),(0,1001)"},
    {"k_double", BOTH, true, "k DOUBLE PRIMARY KEY", "k", "(i - 350) * 1.1e10 / 3",
     "(1.7976931348623157e308,1000),(-1e-300,1001),(1e-300,1002),(0.1,1003)"},
    {"k_float", BOTH, true, "k FLOAT PRIMARY KEY", "k", "(i - 350) * 0.1",
     "(3.4e38,1000),(1e-30,1001),(-1e-30,1002)"},
    {"k_utf16_bin", BOTH, true,
     "k VARCHAR(20) CHARACTER SET utf16 COLLATE utf16_bin PRIMARY KEY", "k",
     "CONCAT(CHAR(32 + i % 90 USING utf8mb4), i)",
     "('a ',1000),('a\\t',1001),('\xF0\x9F\x98\x80',1002),('\xEF\xBF\xBD',1003),"
     "('\xEE\x80\x80',1004),('\xED\x9F\xBF',1005)"},
    {"k_utf16le_bin", BOTH, true,
     "k VARCHAR(20) CHARACTER SET utf16le COLLATE utf16le_bin PRIMARY KEY", "k",
     "CONCAT(CHAR(32 + i % 90 USING utf8mb4), i)",
     "('a ',1000),('a\\t',1001),('\xF0\x9F\x98\x80',1002),('\xEF\xBF\xBD',1003),('\xC4\x80',1004)"},
    {"k_utf32_bin", BOTH, true,
     "k VARCHAR(20) CHARACTER SET utf32 COLLATE utf32_bin PRIMARY KEY", "k",
     "CONCAT(CHAR(32 + i % 90 USING utf8mb4), i)",
     "('a ',1000),('a\\t',1001),('\xF0\x9F\x98\x80',1002),('\xEF\xBF\xBD',1003)"},
    {"k_ucs2_bin", BOTH, true,
     "k VARCHAR(20) CHARACTER SET ucs2 COLLATE ucs2_bin PRIMARY KEY", "k",
     "CONCAT(CHAR(32 + i % 90 USING utf8mb4), i)", "('a ',1000),('a\\t',1001),('\xEF\xBF\xBD',1002)"},
    {"k_gbk", BOTH, false, "k VARCHAR(20) CHARACTER SET gbk COLLATE gbk_chinese_ci PRIMARY KEY", "k",
     "CONCAT('\xE4\xB8\xAD\xE6\x96\x87', i)", NULL},
    {"k_unique", BOTH, true, "k INT NOT NULL, j INT NOT NULL, UNIQUE KEY `the key` (k, j)", "k,j",
     "i % 17, i", NULL},
    {"k_unique_beside", BOTH, true,
     "k INT, j INT NOT NULL, UNIQUE KEY a (k), UNIQUE KEY b (j), KEY c (n)", "k,j",
     "IF(i % 3 = 0, NULL, i), 10000 - i", NULL},
    {"k_names", BOTH, true, "`a ``b` INT NOT NULL, `select` INT NOT NULL, PRIMARY KEY (`select`, `a ``b`)",
     "`a ``b`,`select`", "i, i % 3", NULL},
    {"k_generated", BOTH, true, "k INT NOT NULL, g INT AS (k * 2) STORED, v INT AS (k + 1) VIRTUAL, "
     "PRIMARY KEY (k)", "k", "i", NULL},
    {"k_partitions", BOTH, true, "k INT PRIMARY KEY) PARTITION BY HASH (k) PARTITIONS 5 --", "k", "i", NULL},
    {"k_invisible", ONLY_MYSQL, true, "k INT NOT NULL, j INT NOT NULL, UNIQUE KEY b (j), "
     "UNIQUE KEY a (k) INVISIBLE", "k,j", "i, 10000 - i", NULL},
    {"k_uuid", ONLY_MARIADB, false, "k UUID PRIMARY KEY", "k", "LEFT(SHA2(i, 256), 32)", NULL},
    {"k_inet6", ONLY_MARIADB, true, "k INET6 PRIMARY KEY", "k",
     "CONCAT('2001:db8::', HEX(i * 37 % 65536))", "('::',1000),('ffff::1',1001)"},
    {"k_inet4", ONLY_MARIADB, true, "k INET4 PRIMARY KEY", "k",
     "CONCAT(i % 256, '.', i % 7, '.1.', i % 200)", "('0.0.0.0',1000),('255.255.255.255',1001)"},
};
/* clang-format on */

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static bool is_here(const struct kind *k)
{
    return k->where == BOTH || (k->where == ONLY_MARIADB) == mariadb;
}

/* "--" at the end of columns: what stands before it closes the list itself. */
static void make_table(struct src_session *s, const struct kind *k)
{
    char sql[4096], columns[1024];
    snprintf(columns, sizeof(columns), "%s", k->columns);
    char *own_end = strstr(columns, " --");
    char *close = own_end != NULL ? strchr(columns, ')') : NULL;
    if (own_end != NULL)
        *own_end = '\0';
    if (close != NULL)
        *close = '\0';
    snprintf(sql, sizeof(sql), "CREATE TABLE %s (n INT NOT NULL, t VARCHAR(50), %s)%s", k->name,
             columns, close != NULL ? close + 1 : "");
    run(s, sql);
    snprintf(
        sql, sizeof(sql),
        "INSERT IGNORE INTO %s (%s,n,t) WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
        "FROM s WHERE i < %d) SELECT %s, i, REPEAT('x', i %% 50) FROM s",
        k->name, k->names, ROWS, k->values);
    run(s, sql);
    if (k->more == NULL)
        return;
    snprintf(sql, sizeof(sql), "INSERT IGNORE INTO %s (%s,n) VALUES %s", k->name, k->names,
             k->more);
    run(s, sql);
}

static struct copy_table *table_named(const char *name)
{
    struct src_session *s = open_root(loop);
    struct table_def *def = NULL;
    struct table *t;
    struct copy_table *ct;
    enum err e = src_catalog_table(s, &server, SLICE_LIT(DATABASE), slice_str(name), &def, &em);
    CHECK(e == ERR_OK && def != NULL, "%s: %s", name, em.text);
    src_session_close(s);
    e = table_without_map(def, mariadb, &t, &em);
    CHECK(e == ERR_OK, "%s", em.text);
    free(def);
    e = copy_table_new(&server, t, SLICE_LIT(""), &ct, &em);
    CHECK(e == ERR_OK, "%s", em.text);
    table_unref(t);
    return ct;
}

static long number_of(const char *sql)
{
    char text[64];
    struct src_session *s = open_root(loop);
    enum err e = src_query_text(s, sql, text, sizeof(text), NULL, &em);
    CHECK(e == ERR_OK, "%s: %s", sql, em.text);
    src_session_close(s);
    return atol(text);
}

/* ---- the owner ---- */

struct range {
    struct range *next;
    struct copy_key *after;
    struct copy_key *upto;
};

struct owner {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct copy_table *table;
    uint32_t chunk_rows;
    bool upto_known; /* the first chunk is the whole table */
    size_t hold;     /* chunks are freed in lots of so many */
    struct copy_key *planned;
    bool planning;
    bool planned_all;
    struct range *again; /* ends of chunks that were cut */
    struct chunk *held;
    size_t held_count;
    unsigned out; /* chunks that workers have */
    unsigned opened;
    struct copy_key *bounds[2]; /* of the first chunks */
    struct copy_mark seen;
    struct copy_mark stand; /* keyless: where the stream stands */
    void (*on_open)(struct owner *o, unsigned chunk);
    enum err open_error;

    uint16_t n_column;
    unsigned char *seen_n;
    uint32_t rows;
    uint32_t cuts;
    uint32_t heads;
    uint32_t chunks;
    uint32_t parts;
    bool last_part;
    bool misordered;
    bool outside;
    bool twice;
    struct errmsg wrong;
    enum err err;
    uint16_t sql_error;
    struct errmsg em;
    struct copy_mark changed_before;
};

/* A copy of a key by way of its bytes. */
static struct copy_key *again(const struct copy_key *k)
{
    struct writer w;
    struct copy_key *out = NULL;
    if (k == NULL)
        return NULL;
    writer_init(&w, 1u << 20);
    copy_key_put(k, &w);
    struct reader r = reader_of(writer_slice(&w));
    if (copy_key_parse(&r, &out) != ERR_OK || !copy_key_equal(out, k))
        abort();
    writer_fini(&w);
    return out;
}

static enum err take(void *arg, struct copy_work *out)
{
    struct owner *o = arg;
    enum err e = ERR_OK;
    pthread_mutex_lock(&o->lock);
    while (o->err == ERR_OK && o->again == NULL && (o->planning || (o->planned_all && o->out > 0)))
        pthread_cond_wait(&o->changed, &o->lock);
    if (o->err != ERR_OK || (o->again == NULL && o->planned_all)) {
        e = ERR_STOPPED;
    } else {
        if (chunk_new(o->table, &out->chunk) != ERR_OK)
            abort();
        out->rows_wanted = o->chunk_rows;
        struct range *r = o->again;
        if (r != NULL) {
            o->again = r->next;
            out->chunk->after = r->after;
            out->chunk->upto = r->upto;
            out->upto_known = true;
            free(r);
        } else {
            out->chunk->after = again(o->planned);
            out->upto_known = o->upto_known || o->table->key_count == 0;
            out->chunk->owner = o;
            o->planning = true;
        }
        o->out++;
    }
    pthread_mutex_unlock(&o->lock);
    return e;
}

static enum err open_range(void *arg, struct chunk *c)
{
    struct owner *o = arg;
    pthread_mutex_lock(&o->lock);
    memcpy(c->seen.file, o->seen.file, sizeof(c->seen.file));
    c->seen.offset = o->seen.offset;
    if (my_gtid_set_copy(&c->seen.set, &o->seen.set) != ERR_OK)
        abort();
    c->range = again(c->upto);
    if (o->opened < 2)
        o->bounds[o->opened] = again(c->upto);
    enum err e = o->open_error;
    if (c->owner == o && e == ERR_OK) { /* the end of what is planned moves on */
        free(o->planned);
        o->planned = again(c->upto);
        o->planned_all = c->upto == NULL;
        o->planning = false;
        c->owner = NULL;
    }
    unsigned chunk = o->opened++;
    pthread_cond_broadcast(&o->changed);
    pthread_mutex_unlock(&o->lock);
    if (o->on_open != NULL)
        o->on_open(o, chunk);
    return e;
}

static enum err stand_at(void *arg, struct chunk *c, const struct copy_mark *high)
{
    struct owner *o = arg;
    (void)c;
    memcpy(o->stand.file, high->file, sizeof(o->stand.file));
    o->stand.offset = high->offset;
    return ERR_OK;
}

static void look_at_rows(struct owner *o, struct chunk *c)
{
    static __thread struct row_scratch scratch;
    static __thread struct cell cells[2][256];
    struct copy_table *t = c->table;
    struct cell *key[2] = {cells[0], cells[1]};
    struct copy_key *before = NULL;
    row_scratch_init(&scratch, 64u << 20);
    for (uint32_t i = 0; i < c->row_count; i++) {
        struct slice packet = slice_of(c->rows[i].packet, c->rows[i].len);
        struct cell n;
        row_scratch_reset(&scratch);
        if (t->key_count > 0) {
            if (copy_row_decode_columns(t->plan, packet, t->key, t->key_count, &scratch, key[0]) !=
                ERR_OK)
                abort();
            bool ordered = before == NULL || !t->orderable ||
                           copy_key_compare(t->table, t->key, key[0], before) > 0;
            if (!ordered && !o->misordered) {
                char a[200], b[200];
                struct copy_key *this;
                o->misordered = true;
                if (copy_key_new(t->table, t->key, t->key_count, key[0], &this) != ERR_OK)
                    abort();
                errmsg_set(&o->wrong, ERR_OK, "%s behind %s",
                           copy_key_text(t->table, t->key, this, a, sizeof(a)),
                           copy_key_text(t->table, t->key, before, b, sizeof(b)));
                free(this);
            }
            if (t->orderable && c->after != NULL &&
                copy_key_compare(t->table, t->key, key[0], c->after) <= 0)
                o->outside = true;
            if (t->orderable && c->upto != NULL &&
                copy_key_compare(t->table, t->key, key[0], c->upto) > 0)
                o->outside = true;
            free(before);
            if (copy_key_new(t->table, t->key, t->key_count, key[0], &before) != ERR_OK)
                abort();
        }
        o->rows++;
        o->heads += c->rows[i].head;
        if (c->rows[i].head)
            continue;
        if (copy_row_decode_columns(t->plan, packet, &o->n_column, 1, &scratch, &n) != ERR_OK ||
            n.i64 < 0 || n.i64 >= N_MAX)
            abort();
        o->twice |= o->seen_n[n.i64]++ > 0;
    }
    free(before);
    row_scratch_fini(&scratch);
}

static void free_held(struct owner *o)
{
    while (o->held != NULL) {
        struct chunk *c = o->held;
        o->held = c->next;
        chunk_free(c);
    }
    o->held_count = 0;
}

static enum err give(void *arg, struct chunk *c)
{
    struct owner *o = arg;
    pthread_mutex_lock(&o->lock);
    if (!c->more)
        o->out--;
    o->chunks++;
    if (c->err != ERR_OK) {
        o->err = c->err;
        o->sql_error = c->sql_error;
        o->em = c->em;
        memcpy(o->changed_before.file, c->high.file, sizeof(c->high.file));
        o->changed_before.offset = c->high.offset;
    } else {
        look_at_rows(o, c);
        o->parts += c->more;
        o->last_part = !c->more;
        if (c->high.file[0] == '\0')
            o->err = errmsg_set(&o->em, ERR_BUG, "a chunk without a high mark");
    }
    if (c->cut) {
        struct range *r = calloc(1, sizeof(*r));
        o->cuts++;
        if (r == NULL)
            abort();
        r->after = again(c->upto);
        r->upto = c->range;
        r->next = o->again;
        o->again = r;
    } else if (o->table->key_count > 0) {
        free(c->range);
    }
    c->next = o->held;
    o->held = c;
    if (++o->held_count >= o->hold)
        free_held(o);
    pthread_cond_broadcast(&o->changed);
    pthread_mutex_unlock(&o->lock);
    return ERR_OK;
}

static void drop(void *arg, struct chunk *c)
{
    struct owner *o = arg;
    pthread_mutex_lock(&o->lock);
    if (c->owner == o)
        o->planning = false;
    o->out--;
    if (o->open_error != ERR_OK)
        o->err = o->open_error;
    pthread_cond_broadcast(&o->changed);
    pthread_mutex_unlock(&o->lock);
    free(c->range);
    chunk_free(c);
}

static void owner_init(struct owner *o, const char *table, uint32_t chunk_rows)
{
    *o = (struct owner){.chunk_rows = chunk_rows, .hold = 1};
    pthread_mutex_init(&o->lock, NULL);
    pthread_cond_init(&o->changed, NULL);
    o->table = table_named(table);
    o->seen_n = calloc(N_MAX, 1);
    const struct table *t = o->table->table;
    for (uint16_t i = 0; i < t->column_count; i++)
        if (slice_eq(t->columns[i].name, SLICE_LIT("n")))
            o->n_column = i;
    struct src_session *s = open_root(loop);
    enum err e = copy_mark_place(s, &server, &o->seen, &em);
    CHECK(e == ERR_OK, "%s", em.text);
    if (!mariadb && server.gtids)
        CHECK(src_server_executed(s, &o->seen.set, &em) == ERR_OK, "%s", em.text);
    src_session_close(s);
}

static void owner_fini(struct owner *o)
{
    free_held(o);
    copy_mark_fini(&o->seen);
    copy_table_unref(o->table);
    free(o->planned);
    free(o->bounds[0]);
    free(o->bounds[1]);
    free(o->seen_n);
    while (o->again != NULL) {
        struct range *r = o->again;
        o->again = r->next;
        free(r->after);
        free(r->upto);
        free(r);
    }
}

/* ---- running ---- */

static atomic_bool stop;
static struct src_options source;

static struct copy_workers_options options_for(struct owner *o)
{
    atomic_store(&stop, false);
    source = account();
    source.stop = &stop;
    return (struct copy_workers_options){
        .source = &source,
        .server = &server,
        .ops = {.take = take,
                .open = open_range,
                .stand_at = stand_at,
                .give = give,
                .drop = drop,
                .arg = o},
        .connections = 2,
        .chunk_bytes = 256u << 10,
        .row_max = 512u << 10,
        .frame_size = 64u << 10,
        .pool_bytes = 1u << 20,
        .retry_ms = 20000,
        .lock_wait_ms = 1000,
        .stop = &stop,
    };
}

static void run_workers(const struct copy_workers_options *o, uint64_t timeout_ms)
{
    struct copy_workers *w;
    struct owner *owner = o->ops.arg;
    uint64_t until = clock_mono_ms() + timeout_ms;
    enum err e = copy_workers_start(o, &w, &em);
    CHECK(e == ERR_OK, "%s", em.text);
    while (!copy_workers_ended(w) && clock_mono_ms() < until)
        usleep(2000);
    bool ended = copy_workers_ended(w);
    atomic_store(&stop, true);
    pthread_mutex_lock(&owner->lock);
    if (!ended)
        owner->err = ERR_TIMEOUT;
    pthread_cond_broadcast(&owner->changed);
    free_held(owner);
    pthread_mutex_unlock(&owner->lock);
    /* Others may have been given since. */
    while (!copy_workers_ended(w))
        usleep(1000);
    free_held(owner);
    copy_workers_free(w);
    CHECK(ended, "the workers did not end");
}

static void check_all_rows(const struct owner *o, const char *table)
{
    char sql[200];
    CHECK(o->err == ERR_OK, "%s: %s: %s", table, err_name(o->err), o->em.text);
    snprintf(sql, sizeof(sql), "SELECT COUNT(*) FROM " DATABASE ".%s", table);
    long rows = number_of(sql);
    CHECK((long)o->rows == rows, "%s: %u rows of %ld", table, o->rows, rows);
    CHECK(!o->twice, "%s: a row came twice", table);
    CHECK(!o->misordered, "%s: not in order: %s", table, o->wrong.text);
    CHECK(!o->outside, "%s: a row outside its chunk", table);
}

static void copy_whole(const char *table, uint32_t chunk_rows, struct owner *o)
{
    owner_init(o, table, chunk_rows);
    struct copy_workers_options w = options_for(o);
    run_workers(&w, 60000);
    check_all_rows(o, table);
}

static void every_kind_of_key(uint32_t chunk_rows)
{
    for (size_t i = 0; i < KINDS; i++) {
        const struct kind *k = &kinds[i];
        struct owner o;
        if (!is_here(k))
            continue;
        copy_whole(k->name, chunk_rows, &o);
        CHECK(o.table->orderable == k->orderable, "%s", k->name);
        CHECK(o.rows >= 200, "%s has only %u rows", k->name, o.rows);
        CHECK(o.chunks >= o.rows / chunk_rows, "%s: %u chunks", k->name, o.chunks);
        owner_fini(&o);
    }
}

static void every_kind_of_key_by_seven(void)
{
    every_kind_of_key(7);
}

static void every_kind_of_key_at_once(void)
{
    every_kind_of_key(10000);
}

/* ---- plans ---- */

struct plan_text {
    struct frame_pool *pool;
    char text[32768];
};

static enum err plan_frame(void *arg, size_t cap, struct frame **out)
{
    struct plan_text *p = arg;
    *out = frame_get(p->pool, cap);
    return *out != NULL ? ERR_OK : ERR_NO_MEMORY;
}

/* A row of one text. */
static enum err plan_row(void *arg, struct slice packet, struct frame *frame)
{
    struct plan_text *p = arg;
    struct reader r = reader_of(packet);
    (void)frame;
    reader_skip(&r, 2);
    struct slice text = reader_lenenc_str(&r);
    snprintf(p->text, sizeof(p->text), "%.*s", (int)text.len, (const char *)text.ptr);
    return ERR_OK;
}

static void explain(struct src_session *s, struct writer *sql, const struct src_param *params,
                    uint32_t n, struct plan_text *plan)
{
    struct src_sink sink = {.arg = plan, .frame = plan_frame, .row = plan_row};
    struct src_stmt *st;
    enum err e = src_prepare(s, writer_slice(sql), &st, &em);
    CHECK(e == ERR_OK, "%.*s: %s", (int)sql->len, (const char *)sql->base, em.text);
    e = src_stmt_run(st, params, n, &sink, &em);
    src_stmt_close(st);
    CHECK(e == ERR_OK, "%.*s: %s", (int)sql->len, (const char *)sql->base, em.text);
}

static void explain_shape(struct src_session *s, struct owner *o, bool bound, bool after, bool upto)
{
    struct copy_table *t = o->table;
    struct plan_text plan = {.pool = frame_pool_new(65536, 1u << 20, NULL, NULL)};
    struct src_param params[1024];
    struct cell limit = {.kind = CELL_U64, .u64 = 100};
    struct writer sql;
    writer_init(&sql, 1u << 20);
    writer_lit(&sql, "EXPLAIN FORMAT=JSON ");
    if (bound)
        copy_table_bound_sql(t, after, &sql);
    else
        copy_table_rows_sql(t, after, upto, &sql);
    uint32_t n =
        copy_table_params(t, after ? o->bounds[0] : NULL, upto ? o->bounds[1] : NULL, params);
    params[n++] = (struct src_param){.cell = &limit};
    explain(s, &sql, params, n, &plan);
    bool ranged = strstr(plan.text, "\"access_type\": \"range\"") != NULL;
    bool walked = strstr(plan.text, "\"access_type\": \"index\"") != NULL;
    bool sorted = strstr(plan.text, mariadb ? "filesort" : "\"using_filesort\": true") != NULL;
    CHECK(after || upto ? ranged : ranged || walked, "%.*s\n%s", (int)sql.len, (char *)sql.base,
          plan.text);
    CHECK(!sorted, "%.*s\n%s", (int)sql.len, (char *)sql.base, plan.text);
    writer_fini(&sql);
    frame_pool_free(plan.pool);
}

static void every_read_is_a_range_of_the_key(void)
{
    struct src_session *s = open_root(loop);
    struct src_copy_options settings = {.repeatable_read = true};
    CHECK(src_copy_settings(s, &server, &settings, &em) == ERR_OK, "%s", em.text);
    if (!mariadb)
        run(s, "SET SESSION explain_json_format_version = 1");
    for (size_t i = 0; i < KINDS; i++) {
        struct owner o;
        if (!is_here(&kinds[i]) || strcmp(kinds[i].name, "k_invisible") == 0)
            continue;
        copy_whole(kinds[i].name, 100, &o);
        CHECK(o.bounds[1] != NULL, "%s", kinds[i].name);
        for (unsigned shape = 0; shape < 4; shape++)
            explain_shape(s, &o, false, shape & 1, shape & 2);
        explain_shape(s, &o, true, false, false);
        explain_shape(s, &o, true, true, false);
        owner_fini(&o);
    }
    src_session_close(s);
}

/* ---- sizes ---- */

static void remake(const char *name, const char *columns, const char *rows)
{
    char sql[2048];
    struct src_session *s = open_root(loop);
    run(s, "USE " DATABASE);
    snprintf(sql, sizeof(sql), "DROP TABLE IF EXISTS %s", name);
    run(s, sql);
    snprintf(sql, sizeof(sql), "CREATE TABLE %s (%s)", name, columns);
    run(s, sql);
    run(s, mariadb ? "SET SESSION max_recursive_iterations = 100000"
                   : "SET SESSION cte_max_recursion_depth = 100000");
    snprintf(sql, sizeof(sql), "INSERT INTO %s %s", name, rows);
    run(s, sql);
    src_session_close(s);
}

#define NUMBERS(n)                                                                                 \
    "WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < " #n ") "

/* Rows of 1 byte to 60 KB: chunks are cut, and more than one may be read at once. */
static void chunks_are_cut_by_bytes(void)
{
    struct owner o;
    remake("big", "k INT PRIMARY KEY, n INT NOT NULL, t MEDIUMTEXT",
           NUMBERS(2000) "SELECT i, i, REPEAT('x', (i * 7919) % 60000) FROM s");
    owner_init(&o, "big", 10000);
    o.hold = 3;
    struct copy_workers_options w = options_for(&o);
    w.chunk_bytes = 200u << 10;
    run_workers(&w, 60000);
    check_all_rows(&o, "big");
    CHECK(o.cuts > 0 && o.chunks > 250, "%u cuts, %u chunks", o.cuts, o.chunks);
    CHECK(o.cuts < o.chunks / 2, "%u of %u chunks were cut: the size of rows is not learned",
          o.cuts, o.chunks);
    owner_fini(&o);
}

static void the_beginning_of_a_row_that_is_too_large_is_kept(void)
{
    struct owner o;
    remake("huge", "t LONGTEXT, n INT NOT NULL, k INT PRIMARY KEY",
           NUMBERS(20) "SELECT REPEAT('x', IF(i % 5 = 0, 900000, 100)), i, i FROM s");
    owner_init(&o, "huge", 10);
    struct copy_workers_options w = options_for(&o);
    run_workers(&w, 60000);
    check_all_rows(&o, "huge");
    CHECK(o.heads == 4, "%u", o.heads);
    owner_fini(&o);
    owner_init(&o, "huge", 10); /* and whole where there is room */
    w = options_for(&o);
    w.row_max = 2u << 20;
    w.pool_bytes = 4u << 20;
    run_workers(&w, 60000);
    check_all_rows(&o, "huge");
    CHECK(o.heads == 0 && o.seen_n[5] == 1, "%u", o.heads);
    owner_fini(&o);
}

static void a_small_table_is_read_at_once(void)
{
    struct owner o;
    owner_init(&o, "k_int", 10000);
    o.upto_known = true;
    struct copy_workers_options w = options_for(&o);
    run_workers(&w, 60000);
    check_all_rows(&o, "k_int");
    CHECK(o.chunks <= 4, "%u", o.chunks); /* rows of unknown size: a short first one */
    owner_fini(&o);
}

/* A result that is cut where most of it is still to come is not waited for. */
static void what_is_not_wanted_is_not_read(void)
{
    struct owner o;
    remake("long_tail", "k INT PRIMARY KEY, n INT NOT NULL, t LONGTEXT",
           NUMBERS(900) "SELECT i, i, IF(i < 300, 'x', REPEAT('x', 100000)) FROM s");
    owner_init(&o, "long_tail", 10000);
    struct copy_workers_options w = options_for(&o);
    w.connections = 1;
    uint64_t begin = clock_mono_ms();
    run_workers(&w, 120000);
    check_all_rows(&o, "long_tail");
    CHECK(clock_mono_ms() - begin < 30000, "%llu ms",
          (unsigned long long)(clock_mono_ms() - begin));
    owner_fini(&o);
}

/* ---- small tables ---- */

#define SMALL_TABLES 150

struct small_owner {
    pthread_mutex_t lock;
    struct copy_table *tables[SMALL_TABLES];
    unsigned taken;
    unsigned given;
    unsigned failed;
    unsigned stale;
    uint32_t rows;
    struct copy_mark seen;
    bool unmarked;
};

static enum err small_more(void *arg, struct copy_work *out)
{
    struct small_owner *o = arg;
    enum err e = ERR_NEED_INPUT;
    pthread_mutex_lock(&o->lock);
    if (o->taken < SMALL_TABLES) {
        e = chunk_new(o->tables[o->taken++], &out->chunk);
        out->upto_known = true;
        out->rows_wanted = 1000;
        out->small = true;
        out->rows_estimate = 5;
    }
    pthread_mutex_unlock(&o->lock);
    return e;
}

static enum err small_take(void *arg, struct copy_work *out)
{
    return small_more(arg, out) == ERR_OK ? ERR_OK : ERR_STOPPED;
}

static enum err small_open(void *arg, struct chunk *c)
{
    struct small_owner *o = arg;
    memcpy(c->seen.file, o->seen.file, sizeof(c->seen.file));
    c->seen.offset = o->seen.offset;
    if (my_gtid_set_copy(&c->seen.set, &o->seen.set) != ERR_OK)
        abort();
    return c->table == o->tables[7] ? ERR_TABLE_MISMATCH : ERR_OK;
}

static enum err small_give(void *arg, struct chunk *c)
{
    struct small_owner *o = arg;
    pthread_mutex_lock(&o->lock);
    o->given++;
    o->failed += c->err == ERR_TABLE_MISMATCH;
    o->rows += c->row_count;
    o->unmarked |=
        copy_place_compare(c->high.file, c->high.offset, o->seen.file, o->seen.offset) < 0;
    pthread_mutex_unlock(&o->lock);
    chunk_free(c);
    return ERR_OK;
}

static void small_drop(void *arg, struct chunk *c)
{
    struct small_owner *o = arg;
    pthread_mutex_lock(&o->lock);
    o->stale++;
    pthread_mutex_unlock(&o->lock);
    chunk_free(c);
}

static void small_tables_share_their_marks(void)
{
    static struct small_owner o;
    struct owner unused;
    char name[64];
    struct src_session *s = open_root(loop);
    run(s, "USE " DATABASE);
    o = (struct small_owner){0};
    pthread_mutex_init(&o.lock, NULL);
    for (unsigned i = 0; i < SMALL_TABLES; i++) {
        char sql[200];
        snprintf(name, sizeof(name), "small%u", i);
        snprintf(sql, sizeof(sql), "CREATE TABLE %s (n INT PRIMARY KEY)", name);
        run(s, sql);
        snprintf(sql, sizeof(sql), "INSERT INTO %s VALUES (1),(2),(3),(4),(5)", name);
        run(s, sql);
        o.tables[i] = table_named(name);
    }
    run(s, "DROP TABLE small30");
    CHECK(copy_mark_place(s, &server, &o.seen, &em) == ERR_OK, "%s", em.text);
    if (!mariadb && server.gtids)
        CHECK(src_server_executed(s, &o.seen.set, &em) == ERR_OK, "%s", em.text);
    src_session_close(s);
    owner_init(&unused, "small0", 10);
    struct copy_workers_options w = options_for(&unused);
    w.ops = (struct copy_ops){.take = small_take,
                              .take_more = small_more,
                              .open = small_open,
                              .give = small_give,
                              .drop = small_drop,
                              .arg = &o};
    struct copy_workers *workers;
    const char *asked = "SELECT SUM(VARIABLE_VALUE) FROM performance_schema.global_status WHERE "
                        "VARIABLE_NAME IN ('Com_show_binary_log_status','Com_show_master_status')";
    long before = mariadb ? 0 : number_of(asked);
    CHECK(copy_workers_start(&w, &workers, &em) == ERR_OK, "%s", em.text);
    uint64_t until = clock_mono_ms() + 30000;
    while (!copy_workers_ended(workers) && clock_mono_ms() < until)
        usleep(1000);
    atomic_store(&stop, true);
    copy_workers_free(workers);
    long questions = mariadb ? 0 : number_of(asked) - before;
    owner_fini(&unused);
    copy_mark_fini(&o.seen);
    for (unsigned i = 0; i < SMALL_TABLES; i++)
        copy_table_unref(o.tables[i]);
    CHECK(o.stale == 1 && o.failed == 1, "%u stale, %u failed", o.stale, o.failed);
    CHECK(o.given == SMALL_TABLES - 1 && o.rows == 5 * (SMALL_TABLES - 2), "%u chunks, %u rows",
          o.given, o.rows);
    CHECK(!o.unmarked, "a chunk without its mark");
    /* One for each lot; the lot that was broken by a failure asks for its other tables one by one.
     */
    CHECK(questions <= 6 + 64, "%ld questions", questions);
}

/* ---- faults ---- */

static void kill_copies(struct owner *o, unsigned chunk)
{
    char sql[200];
    (void)o;
    if (chunk % 5 != 2)
        return;
    snprintf(sql, sizeof(sql),
             "SELECT CONCAT('KILL ', id) INTO @k FROM information_schema.processlist "
             "WHERE user = 'snapshot_test' ORDER BY id DESC LIMIT 1");
    struct net_loop *own;
    struct src_options root = root_options();
    struct src_session *s;
    struct errmsg why;
    if (net_loop_new(NET_AUTO, &own, &why) != ERR_OK ||
        src_session_open(own, &root, &s, &why) != ERR_OK)
        abort();
    (void)!src_query(s, slice_str(sql), NULL, NULL, &why);
    (void)!src_query(s, SLICE_LIT("PREPARE k FROM @k"), NULL, NULL, &why);
    (void)!src_query(s, SLICE_LIT("EXECUTE k"), NULL, NULL, &why);
    src_session_close(s);
    net_loop_free(own);
}

static void killed_connections_cost_nothing(void)
{
    struct owner o;
    owner_init(&o, "k_composite", 20);
    o.on_open = kill_copies;
    struct copy_workers_options w = options_for(&o);
    run_workers(&w, 60000);
    check_all_rows(&o, "k_composite");
    owner_fini(&o);
}

static void an_outage_that_lasts_is_told(void)
{
    struct owner o;
    owner_init(&o, "k_int", 20);
    struct copy_workers_options w = options_for(&o);
    source.port = 1;
    w.retry_ms = 300;
    run_workers(&w, 60000);
    CHECK(o.err == ERR_UNREACHABLE, "%s %s", err_name(o.err), o.em.text);
    CHECK(strstr(o.em.text, "copy of table snapshot_test.k_int, rows behind the beginning up to") !=
              NULL,
          "%s", o.em.text);
    owner_fini(&o);
}

static void drop_it(struct owner *o, unsigned chunk)
{
    (void)o;
    if (chunk == 3)
        elsewhere("DROP TABLE " DATABASE ".going");
}

static void drop_column(struct owner *o, unsigned chunk)
{
    (void)o;
    if (chunk == 3)
        elsewhere("ALTER TABLE " DATABASE ".going DROP COLUMN t");
}

static void change_type(struct owner *o, unsigned chunk)
{
    (void)o;
    if (chunk == 3)
        elsewhere("ALTER TABLE " DATABASE ".going MODIFY t BIGINT NULL");
}

static void add_column(struct owner *o, unsigned chunk)
{
    (void)o;
    if (chunk == 3)
        elsewhere("ALTER TABLE " DATABASE ".going ADD COLUMN z INT FIRST");
}

static void rename_it(struct owner *o, unsigned chunk)
{
    (void)o;
    if (chunk == 3)
        elsewhere("RENAME TABLE " DATABASE ".going TO " DATABASE ".gone");
}

static void a_definition_that_changed_is_told(void)
{
    void (*const changes[])(struct owner *, unsigned) = {drop_it, drop_column, change_type,
                                                         rename_it};
    for (size_t i = 0; i < 4; i++) {
        struct owner o;
        remake("going", "k INT PRIMARY KEY, n INT NOT NULL, t VARCHAR(20)",
               NUMBERS(700) "SELECT i, i, i FROM s");
        owner_init(&o, "going", 20);
        o.on_open = changes[i];
        struct copy_workers_options w = options_for(&o);
        w.connections = 1;
        run_workers(&w, 60000);
        CHECK(o.err == ERR_TABLE_MISMATCH, "%zu: %s %s", i, err_name(o.err), o.em.text);
        CHECK(o.changed_before.file[0] != '\0' &&
                  copy_place_compare(o.changed_before.file, o.changed_before.offset, o.seen.file,
                                     o.seen.offset) > 0,
              "%zu", i);
        CHECK(o.rows > 0 && o.rows <= 80, "%u rows", o.rows);
        owner_fini(&o);
        elsewhere("DROP TABLE IF EXISTS " DATABASE ".gone");
    }
}

static void columns_that_were_added_do_no_harm(void)
{
    struct owner o;
    remake("going", "k INT PRIMARY KEY, n INT NOT NULL, t VARCHAR(20)",
           NUMBERS(700) "SELECT i, i, i FROM s");
    owner_init(&o, "going", 20);
    o.on_open = add_column;
    struct copy_workers_options w = options_for(&o);
    run_workers(&w, 60000);
    check_all_rows(&o, "going");
    owner_fini(&o);
}

static void a_chunk_that_is_stale_is_dropped(void)
{
    struct owner o;
    owner_init(&o, "k_int", 20);
    o.open_error = ERR_TABLE_MISMATCH;
    struct copy_workers_options w = options_for(&o);
    run_workers(&w, 60000);
    CHECK(o.err == ERR_TABLE_MISMATCH && o.chunks == 0, "%u", o.chunks);
    owner_fini(&o);
}

static void a_missing_privilege_is_told(void)
{
    struct owner o;
    elsewhere("CREATE DATABASE IF NOT EXISTS snapshot_test_other");
    elsewhere("CREATE TABLE IF NOT EXISTS snapshot_test_other.x (n INT PRIMARY KEY)");
    struct src_session *s = open_root(loop);
    run(s, "REVOKE SELECT ON " DATABASE ".* FROM snapshot_test");
    src_session_close(s);
    owner_init(&o, "k_int", 20);
    struct copy_workers_options w = options_for(&o);
    run_workers(&w, 60000);
    s = open_root(loop);
    run(s, "GRANT SELECT ON " DATABASE ".* TO snapshot_test");
    run(s, "DROP DATABASE snapshot_test_other");
    src_session_close(s);
    CHECK(o.err == ERR_ACCESS_DENIED && o.sql_error == 1142, "%s %u %s", err_name(o.err),
          o.sql_error, o.em.text);
    owner_fini(&o);
}

static void stopping_ends_all_waits(void)
{
    struct owner o;
    owner_init(&o, "k_int", 20);
    o.hold = 1000000; /* nothing is freed: the pools run dry */
    struct copy_workers_options w = options_for(&o);
    struct copy_workers *workers;
    w.pool_bytes = w.row_max + 3 * w.frame_size;
    CHECK(copy_workers_start(&w, &workers, &em) == ERR_OK, "%s", em.text);
    usleep(700000);
    CHECK(!copy_workers_ended(workers), "the pools did not run dry");
    uint64_t begin = clock_mono_ms();
    atomic_store(&stop, true);
    while (!copy_workers_ended(workers))
        usleep(1000);
    free_held(&o);
    copy_workers_free(workers);
    CHECK(clock_mono_ms() - begin < 10000, "%llu ms", (unsigned long long)(clock_mono_ms() - begin));
    owner_fini(&o);
}

/* A transaction of the stream that the server has not executed: nothing is read before it has. */
static void nothing_is_read_before_what_was_passed_is_visible(void)
{
    struct owner o;
    if (mariadb || !server.gtids)
        return;
    char gtid[100], set_next[120];
    snprintf(gtid, sizeof(gtid), "3e11fa47-71ca-11e1-9e33-c80aa9429562:%llu",
             (unsigned long long)clock_wall_us()); /* which no run before has executed */
    snprintf(set_next, sizeof(set_next), "SET gtid_next = '%s'", gtid);
    owner_init(&o, "k_int", 20);
    CHECK(my_gtid_set_parse(&o.seen.set, slice_str(gtid)) == ERR_OK, "set");
    struct copy_workers_options w = options_for(&o);
    struct copy_workers *workers;
    CHECK(copy_workers_start(&w, &workers, &em) == ERR_OK, "%s", em.text);
    usleep(700000);
    pthread_mutex_lock(&o.lock);
    uint32_t before = o.rows;
    pthread_mutex_unlock(&o.lock);
    struct src_session *s = open_root(loop);
    run(s, set_next);
    run(s, "BEGIN");
    run(s, "COMMIT");
    run(s, "SET gtid_next = 'AUTOMATIC'");
    src_session_close(s);
    uint64_t until = clock_mono_ms() + 20000;
    while (!copy_workers_ended(workers) && clock_mono_ms() < until)
        usleep(1000);
    atomic_store(&stop, true);
    copy_workers_free(workers);
    CHECK(before == 0, "%u rows", before);
    check_all_rows(&o, "k_int");
    owner_fini(&o);
}

/* ---- MySQL without GTIDs ---- */

/* Modes are one step from each other. */
static void set_gtid_mode(bool on)
{
    static const char *const modes[] = {"OFF", "OFF_PERMISSIVE", "ON_PERMISSIVE", "ON"};
    char sql[64];
    struct src_session *s = open_root(loop);
    for (int i = on ? 1 : 2; i >= 0 && i <= 3; i += on ? 1 : -1) {
        snprintf(sql, sizeof(sql), "SET GLOBAL gtid_mode = %s", modes[i]);
        run(s, sql);
    }
    CHECK(src_server_read(s, &server, &em) == ERR_OK && server.gtids == on, "%s", em.text);
    src_session_close(s);
}

/* What is in the binlog and not yet in the engine holds its rows' locks. */
static void without_gtids_a_read_waits_for_writers(void)
{
    struct owner o;
    struct copy_workers *workers;
    remake("written", "k INT PRIMARY KEY, n INT NOT NULL, t VARCHAR(20)",
           NUMBERS(100) "SELECT i, i, i FROM s");
    struct src_session *s = open_root(loop);
    run(s, "BEGIN");
    run(s, "INSERT INTO " DATABASE ".written VALUES (1000, 1000, 'new')");
    run(s, "DELETE FROM " DATABASE ".written WHERE k = 3");
    owner_init(&o, "written", 1000);
    CHECK(o.table->locking, "it does not lock");
    struct copy_workers_options w = options_for(&o);
    CHECK(copy_workers_start(&w, &workers, &em) == ERR_OK, "%s", em.text);
    usleep(500000);
    pthread_mutex_lock(&o.lock);
    uint32_t before = o.rows;
    pthread_mutex_unlock(&o.lock);
    run(s, "COMMIT");
    src_session_close(s);
    uint64_t until = clock_mono_ms() + 20000;
    while (!copy_workers_ended(workers) && clock_mono_ms() < until)
        usleep(1000);
    atomic_store(&stop, true);
    copy_workers_free(workers);
    CHECK(before == 0, "%u rows", before);
    check_all_rows(&o, "written");
    CHECK(o.seen_n[1000] == 1 && o.seen_n[3] == 0, "it read what was there before");
    owner_fini(&o);
}

/* No lock outlives its chunk. */
static void without_gtids_no_lock_is_kept(void)
{
    struct owner o;
    copy_whole("k_int", 100, &o);
    CHECK(number_of("SELECT COUNT(*) FROM performance_schema.data_locks WHERE OBJECT_NAME = "
                    "'k_int'") == 0,
          "locks are left");
    owner_fini(&o);
}

/* ---- tables without a key ---- */

static void make_keyless(const char *engine)
{
    remake("keyless", "n INT NOT NULL, t VARCHAR(2000), KEY (n)",
           NUMBERS(5000) "SELECT i, REPEAT('x', i % 1000) FROM s");
    if (strcmp(engine, "InnoDB") != 0)
        elsewhere("ALTER TABLE " DATABASE ".keyless ENGINE=MyISAM");
}

static void copy_keyless(enum copy_keyless how, struct owner *o)
{
    owner_init(o, "keyless", 10000);
    o->hold = 2;
    struct copy_workers_options w = options_for(o);
    w.keyless = how;
    w.connections = 1;
    run_workers(&w, 60000);
}

static void tables_without_a_key(void)
{
    static const char *const engines[] = {"InnoDB", "MyISAM"};
    for (size_t i = 0; i < 2; i++) {
        make_keyless(engines[i]);
        for (int how = COPY_KEYLESS_LOCK; how <= COPY_KEYLESS_UNLOCKED; how++) {
            struct owner o;
            elsewhere("GRANT LOCK TABLES ON " DATABASE ".* TO snapshot_test");
            copy_keyless((enum copy_keyless)how, &o);
            elsewhere("REVOKE LOCK TABLES ON " DATABASE ".* FROM snapshot_test");
            check_all_rows(&o, "keyless");
            CHECK(o.parts > 5 && o.last_part, "%u", o.parts);
            CHECK(o.stand.file[0] != '\0', "nobody said where the read is");
            owner_fini(&o);
        }
    }
    CHECK(number_of("SELECT COUNT(*) FROM performance_schema.metadata_locks WHERE OBJECT_NAME = "
                    "'keyless' AND OWNER_THREAD_ID <> 0") == 0 ||
              mariadb,
          "a lock is left");
}

static void a_lock_that_is_not_granted_is_told(void)
{
    struct owner o;
    make_keyless("MyISAM");
    copy_keyless(COPY_KEYLESS_LOCK, &o);
    CHECK(o.err == ERR_SOURCE_SETUP, "%s %s", err_name(o.err), o.em.text);
    CHECK(strstr(o.em.text, "GRANT SELECT, LOCK TABLES ON `snapshot_test`.*") != NULL &&
              strstr(o.em.text, "full.keyless") != NULL,
          "%s", o.em.text);
    owner_fini(&o);
}

/* Somebody writes for a while: the lock is not waited for in one piece. */
static void a_table_that_is_written_to_is_locked_in_the_end(void)
{
    struct owner o;
    make_keyless("InnoDB");
    struct src_session *s = open_root(loop);
    run(s, "GRANT LOCK TABLES ON " DATABASE ".* TO snapshot_test");
    run(s, "BEGIN");
    run(s, "DELETE FROM " DATABASE ".keyless WHERE n = 1");
    owner_init(&o, "keyless", 10000);
    struct copy_workers_options w = options_for(&o);
    struct copy_workers *workers;
    CHECK(copy_workers_start(&w, &workers, &em) == ERR_OK, "%s", em.text);
    usleep(1500000);
    pthread_mutex_lock(&o.lock);
    uint32_t before = o.rows;
    pthread_mutex_unlock(&o.lock);
    run(s, "COMMIT");
    uint64_t until = clock_mono_ms() + 20000;
    while (!copy_workers_ended(workers) && clock_mono_ms() < until)
        usleep(1000);
    atomic_store(&stop, true);
    copy_workers_free(workers);
    run(s, "REVOKE LOCK TABLES ON " DATABASE ".* FROM snapshot_test");
    src_session_close(s);
    CHECK(mariadb || before == 0, "%u rows", before);
    CHECK(o.err == ERR_OK, "%s", o.em.text);
    CHECK(o.rows == (mariadb ? 5000 : 4999), "%u rows", o.rows);
    owner_fini(&o);
}

/* ---- load ---- */

static void the_load_of_a_server_is_read(void)
{
    struct src_load load;
    struct src_options o = account();
    struct src_session *s = open_root(loop), *plain;
    enum err e =
        src_load_read(s, &server, SRC_LOAD_HISTORY | SRC_LOAD_THREADS | SRC_LOAD_LAG, &load, &em);
    src_session_close(s);
    CHECK(e == ERR_OK, "%s", em.text);
    CHECK(load.threads_running >= 1 && !load.replica, "%llu",
          (unsigned long long)load.threads_running);
    CHECK(src_session_open(loop, &o, &plain, &em) == ERR_OK, "%s", em.text);
    e = src_load_read(plain, &server, SRC_LOAD_THREADS, &load, &em);
    CHECK(e == ERR_OK, "%s", em.text);
    e = src_load_read(plain, &server, SRC_LOAD_HISTORY, &load, &em);
    CHECK(e == ERR_ACCESS_DENIED && strstr(em.text, "GRANT PROCESS ON *.*") != NULL, "%s %s",
          err_name(e), em.text);
    e = src_load_read(plain, &server, SRC_LOAD_LAG, &load, &em);
    CHECK(mariadb ? e == ERR_ACCESS_DENIED && strstr(em.text, "SLAVE MONITOR") != NULL
                  : e == ERR_OK,
          "%s %s", err_name(e), em.text);
    src_session_close(plain);
}

int main(int argc, char **argv)
{
    if (argc < 2 || (strcmp(argv[1], "MYSQL") != 0 && strcmp(argv[1], "MARIADB") != 0)) {
        fprintf(stderr, "usage: test_snapshot MYSQL|MARIADB [NAME]\n");
        return 2;
    }
    prefix = argv[1];
    mariadb = prefix[1] == 'A';
    const char *only = argc > 2 ? argv[2] : "";
    if (net_loop_new(NET_AUTO, &loop, &em) != ERR_OK)
        return 1;
    if (setjmp(check_failed) != 0)
        return 1;
    check_name = "preparation";
    struct src_session *s = open_root(loop);
    CHECK(src_server_read(s, &server, &em) == ERR_OK, "%s", em.text);
    run(s, "DROP DATABASE IF EXISTS " DATABASE);
    run(s, "CREATE DATABASE " DATABASE);
    run(s, "USE " DATABASE);
    run(s, "DROP USER IF EXISTS snapshot_test");
    run(s, "CREATE USER snapshot_test IDENTIFIED BY 'pw'");
    run(s, "GRANT SELECT ON " DATABASE ".* TO snapshot_test");
    run(s, mariadb ? "GRANT BINLOG MONITOR ON *.* TO snapshot_test"
                   : "GRANT REPLICATION CLIENT ON *.* TO snapshot_test");
    for (size_t i = 0; i < KINDS; i++)
        if (is_here(&kinds[i]))
            make_table(s, &kinds[i]);
    src_session_close(s);
#define TEST(name)                                                                                 \
    do {                                                                                           \
        if (strstr(#name, only) != NULL)                                                           \
            RUN(name);                                                                             \
    } while (0)
    TEST(every_kind_of_key_by_seven);
    TEST(every_kind_of_key_at_once);
    TEST(every_read_is_a_range_of_the_key);
    TEST(the_load_of_a_server_is_read);
    TEST(small_tables_share_their_marks);
    TEST(chunks_are_cut_by_bytes);
    TEST(the_beginning_of_a_row_that_is_too_large_is_kept);
    TEST(a_small_table_is_read_at_once);
    TEST(what_is_not_wanted_is_not_read);
    TEST(killed_connections_cost_nothing);
    TEST(an_outage_that_lasts_is_told);
    TEST(a_definition_that_changed_is_told);
    TEST(columns_that_were_added_do_no_harm);
    TEST(a_chunk_that_is_stale_is_dropped);
    TEST(a_missing_privilege_is_told);
    TEST(stopping_ends_all_waits);
    TEST(nothing_is_read_before_what_was_passed_is_visible);
    TEST(tables_without_a_key);
    TEST(a_lock_that_is_not_granted_is_told);
    TEST(a_table_that_is_written_to_is_locked_in_the_end);
    if (!mariadb && strstr("without_gtids", only) != NULL) {
        check_name = "without GTIDs";
        if (setjmp(check_failed) == 0) {
            set_gtid_mode(false);
            RUN(without_gtids_a_read_waits_for_writers);
            RUN(without_gtids_no_lock_is_kept);
            RUN(every_kind_of_key_at_once);
            RUN(chunks_are_cut_by_bytes);
            RUN(tables_without_a_key);
        }
        check_name = "with GTIDs again";
        if (setjmp(check_failed) == 0)
            set_gtid_mode(true);
    }
    net_loop_free(loop);
    return check_failures > 0;
}
