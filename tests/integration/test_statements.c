/*
 * Prepared statements against a real server: refusals, tables that change
 * under a statement, rows of any size.
 *
 *   test_statements MYSQL|MARIADB      the environment as for test_source
 */
#include "check.h"

#include "base/clock.h"
#include "base/frame.h"
#include "base/writer.h"
#include "mysqlproto/copy_plan.h"
#include "net/loop.h"
#include "schema/table_without_map.h"
#include "source/catalog.h"
#include "source/copy.h"

#include <stdlib.h>
#include <string.h>

jmp_buf check_failed;
const char *check_name;
int check_failures;

#define DATABASE "statement_test"

static bool mariadb;
static const char *prefix;
static struct net_loop *loop;
static struct errmsg em;
static struct frame_pool *pool;

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

static struct src_session *open_with(const struct src_options *o)
{
    struct src_session *s = NULL;
    enum err e = src_session_open(loop, o, &s, &em);
    CHECK(e == ERR_OK, "%s: %s", err_name(e), em.text);
    return s;
}

static void run(struct src_session *s, const char *sql)
{
    enum err e = src_query(s, slice_str(sql), NULL, NULL, &em);
    CHECK(e == ERR_OK, "%s: %s", err_name(e), em.text);
}

static struct src_session *open_root(void)
{
    struct src_options o = root_options();
    return open_with(&o);
}

/* A session of the copy, whose SELECTs end after max_query_ms (0: never). */
static struct src_session *open_copy(uint64_t max_query_ms)
{
    struct src_session *s = open_root();
    struct src_copy_options o = {.lock_wait_s = 1, .max_query_ms = max_query_ms};
    struct src_server sv;
    CHECK(src_server_read(s, &sv, &em) == ERR_OK, "%s", em.text);
    enum err e = src_copy_settings(s, &sv, &o, &em);
    CHECK(e == ERR_OK, "%s", em.text);
    run(s, "USE " DATABASE);
    return s;
}

static struct src_stmt *prepare(struct src_session *s, const char *sql)
{
    struct src_stmt *st;
    enum err e = src_prepare(s, slice_str(sql), &st, &em);
    CHECK(e == ERR_OK, "%s: %s", err_name(e), em.text);
    return st;
}

/* ---- sinks ---- */

struct rows {
    uint64_t count;
    uint64_t bytes;
    uint64_t sum; /* of all bytes */
    uint32_t large;
    struct slice last;
    const struct copy_plan *plan; /* to be checked against the columns */
};

static enum err get_frame(void *arg, size_t cap, struct frame **out)
{
    (void)arg;
    *out = frame_get(pool, cap);
    return *out != NULL ? ERR_OK : ERR_NO_MEMORY;
}

static enum err check_columns(void *arg, const struct my_column *columns, uint32_t count)
{
    struct rows *r = arg;
    return r->plan != NULL ? copy_plan_check(r->plan, columns, count) : ERR_OK;
}

static enum err on_row(void *arg, struct slice packet, struct frame *frame)
{
    struct rows *r = arg;
    (void)frame;
    r->count++;
    r->bytes += packet.len;
    for (size_t i = 0; i < packet.len; i++)
        r->sum += packet.ptr[i];
    return ERR_OK;
}

static enum err on_large(void *arg, struct slice head, struct frame *frame)
{
    struct rows *r = arg;
    (void)frame;
    r->large++;
    return head.len >= 1024 ? ERR_OK : ERR_BUG;
}

static struct src_sink sink_of(struct rows *r)
{
    return (struct src_sink){.arg = r, .frame = get_frame, .columns = check_columns, .row = on_row};
}

static enum err read_all(struct src_stmt *st, struct rows *r)
{
    struct src_sink sink = sink_of(r);
    *r = (struct rows){.plan = r->plan};
    memset(&em, 0, sizeof(em));
    return src_stmt_run(st, NULL, 0, &sink, &em);
}

static void expect_refusal(struct src_session *s, enum err e, enum src_refusal refusal, bool alive)
{
    CHECK(e != ERR_OK, "nothing is refused");
    CHECK(src_refusal_of(s) == refusal, "%d: %s (code %u)", src_refusal_of(s), em.text,
          src_session_error_code(s));
    CHECK(src_session_alive(s) == alive, "%s", em.text);
}

/* ---- refusals ---- */

static void a_row_lock_is_waited_for_in_vain(void)
{
    struct src_session *other = open_root(), *s = open_copy(0);
    struct src_stmt *st = prepare(s, "SELECT a FROM locked LOCK IN SHARE MODE");
    struct rows r = {0};
    run(other, "BEGIN");
    run(other, "UPDATE " DATABASE ".locked SET b = b + 1");
    uint64_t start = clock_mono_ms();
    expect_refusal(s, read_all(st, &r), SRC_REFUSED_RETRY, true);
    CHECK(src_session_error_code(s) == 1205);
    CHECK(clock_mono_ms() - start < 4000, "the server's own setting rules");
    run(other, "COMMIT");
    CHECK(read_all(st, &r) == ERR_OK && r.count == 1, "%s", em.text);
    CHECK(src_refusal_of(s) == SRC_REFUSED_NOT);
    src_stmt_close(st);
    src_session_close(s);
    src_session_close(other);
}

static void a_table_lock_is_waited_for_in_vain(void)
{
    struct src_session *other = open_root(), *s = open_copy(0);
    struct src_stmt *st = prepare(s, "SELECT a FROM locked");
    struct rows r = {0};
    run(other, "LOCK TABLES " DATABASE ".locked WRITE");
    expect_refusal(s, read_all(st, &r), SRC_REFUSED_RETRY, true);
    run(other, "UNLOCK TABLES");
    CHECK(read_all(st, &r) == ERR_OK, "%s", em.text);
    src_stmt_close(st);
    src_session_close(s);
    src_session_close(other);
}

#define ENDLESS                                                                                    \
    "SELECT COUNT(*) FROM numbers a, numbers b, numbers c, numbers d, numbers e, numbers f, "      \
    "numbers g, numbers h, numbers i WHERE a.n + b.n + c.n + d.n + e.n + f.n + g.n + h.n > 1000"

static void the_time_limit_ends_a_select(void)
{
    struct src_session *s = open_copy(300);
    struct src_stmt *st = prepare(s, ENDLESS);
    struct rows r = {0};
    uint64_t start = clock_mono_ms();
    expect_refusal(s, read_all(st, &r), SRC_REFUSED_RETRY, true);
    CHECK(clock_mono_ms() - start < 10000);
    src_stmt_close(st);
    st = prepare(s, "SELECT a FROM locked");
    CHECK(read_all(st, &r) == ERR_OK, "%s", em.text);
    src_stmt_close(st);
    src_session_close(s);
}

static enum err killed_by(struct src_session *s, struct src_stmt *st, const char *how)
{
    struct src_session *other = open_root();
    struct rows r = {0};
    struct src_sink sink = sink_of(&r);
    uint64_t deadline;
    enum err e = src_stmt_start(st, NULL, 0, &sink, &em);
    CHECK(e == ERR_OK, "%s", em.text);
    CHECK(src_stmt_step(st, &deadline, &em) == ERR_NEED_INPUT);
    for (uint64_t until = clock_mono_ms() + 300; clock_mono_ms() < until;)
        CHECK(net_loop_wait(loop, until) != ERR_SYSTEM);
    CHECK(src_execute(other, &em, "%s %u", how, src_session_thread_id(s)) == ERR_OK, "%s", em.text);
    while ((e = src_stmt_step(st, &deadline, &em)) == ERR_NEED_INPUT)
        CHECK(net_loop_wait(loop, deadline) == ERR_OK, "it goes on");
    src_session_close(other);
    return e;
}

static void a_killed_statement_and_a_killed_session(void)
{
    struct src_session *s = open_copy(0);
    struct src_stmt *st = prepare(s, ENDLESS);
    expect_refusal(s, killed_by(s, st, "KILL QUERY"), SRC_REFUSED_RETRY, true);
    run(s, "SELECT 1");
    enum err e = killed_by(s, st, "KILL");
    src_stmt_close(st);
    if (src_session_alive(s)) /* the server may say so before it hangs up */
        e = src_query(s, SLICE_LIT("SELECT 1"), NULL, NULL, &em);
    expect_refusal(s, e, SRC_REFUSED_LINK, false);
    src_session_close(s);
}

static void a_missing_privilege(void)
{
    struct src_session *root = open_root();
    struct src_options o = root_options();
    struct src_stmt *st;
    run(root, "DROP USER IF EXISTS statement_test");
    run(root, "CREATE USER statement_test IDENTIFIED BY 'pw'");
    run(root, "GRANT SELECT ON " DATABASE ".numbers TO statement_test");
    o.host = setting("HOST");
    o.port = (uint16_t)atoi(setting("PORT"));
    o.user = "statement_test";
    o.password = "pw";
    o.tls = SRC_TLS_PREFERRED;
    struct src_session *s = open_with(&o);
    enum err e = src_prepare(s, SLICE_LIT("SELECT a FROM " DATABASE ".locked"), &st, &em);
    CHECK(e == ERR_ACCESS_DENIED, "%s", em.text);
    expect_refusal(s, e, SRC_REFUSED_DENIED, true);
    src_session_close(s);
    run(root, "DROP USER statement_test");
    src_session_close(root);
}

/* ---- tables that change under a statement ---- */

/* Reads t by a statement and a plan made before `change`. */
static enum err read_after(const char *change, struct src_session **used, uint64_t *rows)
{
    struct src_session *root = open_root(), *s = open_copy(0);
    struct src_server sv;
    struct table_def *def = NULL;
    struct table *t;
    struct copy_plan *plan;
    struct writer sql;
    run(root, "DROP TABLE IF EXISTS " DATABASE ".t, " DATABASE ".t2");
    run(root, "CREATE TABLE " DATABASE ".t (id INT PRIMARY KEY, a INT, d DECIMAL(9,2), "
              "v VARCHAR(10) CHARACTER SET latin1)");
    run(root, "INSERT INTO " DATABASE ".t VALUES (1, 2, 3.5, 'x')");
    CHECK(src_server_read(root, &sv, &em) == ERR_OK);
    enum err e = src_catalog_table(root, &sv, SLICE_LIT(DATABASE), SLICE_LIT("t"), &def, &em);
    CHECK(e == ERR_OK && def != NULL, "%s", em.text);
    CHECK(table_without_map(def, mariadb, &t, &em) == ERR_OK, "%s", em.text);
    CHECK(copy_plan_new(t, NULL, 0, &plan, &em) == ERR_OK, "%s", em.text);
    writer_init(&sql, 4096);
    writer_lit(&sql, "SELECT ");
    copy_plan_select_list(t, NULL, 0, &sql);
    writer_lit(&sql, " FROM t");
    struct src_stmt *st;
    CHECK(src_prepare(s, writer_slice(&sql), &st, &em) == ERR_OK, "%s", em.text);
    struct rows r = {.plan = plan};
    CHECK(read_all(st, &r) == ERR_OK && r.count == 1, "%s", em.text);
    run(root, "USE " DATABASE);
    run(root, change);
    e = read_all(st, &r);
    *rows = r.count;
    src_stmt_close(st);
    writer_fini(&sql);
    copy_plan_free(plan);
    table_unref(t);
    free(def);
    src_session_close(root);
    *used = s;
    return e;
}

static void another_type_is_noticed_before_the_first_row(void)
{
    static const char *const changes[] = {
        "ALTER TABLE t MODIFY a BIGINT",
        "ALTER TABLE t MODIFY a INT UNSIGNED",
        "ALTER TABLE t MODIFY d DECIMAL(9,3)",
        "ALTER TABLE t MODIFY v VARCHAR(10) CHARACTER SET utf8mb4",
        "ALTER TABLE t MODIFY v VARBINARY(10)",
        "ALTER TABLE t MODIFY a DATETIME",
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct src_session *s;
        uint64_t rows;
        enum err e = read_after(changes[i], &s, &rows);
        CHECK(e == ERR_TABLE_MISMATCH && rows == 0, "%s: %s, %llu rows: %s", changes[i],
              err_name(e), (unsigned long long)rows, em.text);
        CHECK(src_session_alive(s) && src_refusal_of(s) == SRC_REFUSED_NOT);
        src_session_close(s);
    }
}

static void dropped_columns_and_tables_are_told_apart(void)
{
    struct src_session *s;
    uint64_t rows;
    enum err e = read_after("ALTER TABLE t DROP COLUMN a", &s, &rows);
    expect_refusal(s, e, SRC_REFUSED_NO_COLUMN, true);
    src_session_close(s);
    e = read_after("DROP TABLE t", &s, &rows);
    expect_refusal(s, e, SRC_REFUSED_NO_TABLE, true);
    src_session_close(s);
    e = read_after("RENAME TABLE t TO t2", &s, &rows);
    expect_refusal(s, e, SRC_REFUSED_NO_TABLE, true);
    src_session_close(s);
}

static void what_does_not_concern_the_rows_does_not_disturb(void)
{
    static const char *const changes[] = {
        "ALTER TABLE t ADD COLUMN z INT",
        "ALTER TABLE t ADD KEY (a)",
        "ALTER TABLE t MODIFY v VARCHAR(20) CHARACTER SET latin1",
        "ANALYZE TABLE t",
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct src_session *s;
        uint64_t rows;
        enum err e = read_after(changes[i], &s, &rows);
        CHECK(e == ERR_OK && rows == 1, "%s: %s: %s", changes[i], err_name(e), em.text);
        src_session_close(s);
    }
}

/* ---- rows of any size ---- */

static void rows_of_more_than_one_packet(void)
{
    static const enum src_compression kinds[] = {SRC_PLAIN, SRC_ZLIB, SRC_ZSTD};
    struct src_session *root = open_root();
    char text[32];
    run(root, "SET GLOBAL max_allowed_packet = 67108864");
    src_session_close(root);
    root = open_root();
    run(root, "DELETE FROM " DATABASE ".big");
    /* 1 MiB, both sides of 16 MiB - 1, more than 32 MiB */
    run(root, "INSERT INTO " DATABASE ".big VALUES (1, REPEAT('a', 1048576))");
    run(root, "INSERT INTO " DATABASE ".big VALUES (2, REPEAT('b', 16777204))");
    run(root, "INSERT INTO " DATABASE ".big VALUES (3, REPEAT('c', 16777205))");
    run(root, "INSERT INTO " DATABASE ".big VALUES (4, REPEAT('d', 16777206))");
    run(root, "INSERT INTO " DATABASE ".big VALUES (5, REPEAT('e', 35000000))");
    run(root, "INSERT INTO " DATABASE ".big VALUES (6, 'f')");
    CHECK(src_query_text(root, "SELECT SUM(LENGTH(b)) FROM " DATABASE ".big", text, sizeof(text),
                         NULL, &em) == ERR_OK);
    CHECK(strtoull(text, NULL, 10) == 86380192, "%s", text);
    src_session_close(root);
    const uint64_t sum = UINT64_C(1048576) * 'a' + UINT64_C(16777204) * 'b' +
                         UINT64_C(16777205) * 'c' + UINT64_C(16777206) * 'd' +
                         UINT64_C(35000000) * 'e' + 'f';
    for (size_t i = 0; i < (mariadb ? 2 : 3); i++) {
        struct src_options o = root_options();
        o.compression = kinds[i];
        struct src_session *s = open_with(&o);
        run(s, "SET character_set_results=NULL");
        struct src_stmt *st = prepare(s, "SELECT b FROM " DATABASE ".big ORDER BY a");
        struct rows r = {0};
        enum err e = read_all(st, &r);
        CHECK(e == ERR_OK, "%s", em.text);
        uint64_t lengths = r.sum - sum; /* the bytes of the lengths, far fewer */
        CHECK(r.count == 6 && lengths < 10000, "%llu rows, %llu", (unsigned long long)r.count,
              (unsigned long long)lengths);
        struct src_sink sink = sink_of(&r);
        r = (struct rows){0};
        sink.row_max = 20000000;
        sink.large = on_large;
        e = src_stmt_run(st, NULL, 0, &sink, &em);
        CHECK(e == ERR_OK && r.count == 5 && r.large == 1, "%s: %llu and %u", em.text,
              (unsigned long long)r.count, r.large);
        r = (struct rows){0};
        sink.row_max = 100000;
        e = src_stmt_run(st, NULL, 0, &sink, &em);
        CHECK(e == ERR_OK && r.count == 1 && r.large == 5, "%s: %llu and %u", em.text,
              (unsigned long long)r.count, r.large);
        src_stmt_close(st);
        src_session_close(s);
    }
}

/* ---- the rest ---- */

static void make_tables(void)
{
    struct src_session *s = open_root();
    run(s, "DROP DATABASE IF EXISTS " DATABASE);
    run(s, "CREATE DATABASE " DATABASE);
    run(s, "USE " DATABASE);
    run(s, "CREATE TABLE locked (a INT PRIMARY KEY, b INT)");
    run(s, "INSERT INTO locked VALUES (1, 1)");
    run(s, "CREATE TABLE numbers (n INT PRIMARY KEY)");
    run(s, "INSERT INTO numbers VALUES (1),(2),(3),(4),(5),(6),(7),(8),(9),(10),(11),(12),(13),"
           "(14),(15),(16),(17),(18),(19),(20),(21),(22),(23),(24),(25),(26),(27),(28)");
    run(s, "CREATE TABLE big (a INT PRIMARY KEY, b LONGBLOB)");
    src_session_close(s);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: test_statements MYSQL|MARIADB\n");
        return 2;
    }
    prefix = argv[1];
    mariadb = strcmp(prefix, "MARIADB") == 0;
    if (net_loop_new(NET_AUTO, &loop, &em) != ERR_OK)
        return 2;
    pool = frame_pool_new(1u << 18, 256u << 20, NULL, NULL);
    check_name = "set-up";
    if (setjmp(check_failed) != 0)
        return 1;
    make_tables();
    RUN(a_row_lock_is_waited_for_in_vain);
    RUN(a_table_lock_is_waited_for_in_vain);
    RUN(the_time_limit_ends_a_select);
    RUN(a_killed_statement_and_a_killed_session);
    RUN(a_missing_privilege);
    RUN(another_type_is_noticed_before_the_first_row);
    RUN(dropped_columns_and_tables_are_told_apart);
    RUN(what_does_not_concern_the_rows_does_not_disturb);
    RUN(rows_of_more_than_one_packet);
    frame_pool_free(pool);
    net_loop_free(loop);
    return check_failures > 0;
}
