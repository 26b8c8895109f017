/*
 * src/source against a real server.
 *
 *   test_source MYSQL|MARIADB
 *
 * The environment is what `scripts/servers env` prints: MYSQL_HOST, _PORT,
 * _SOCKET, _CA and so on. The account root on the socket makes the accounts
 * and tables of the tests, all of them named source_test..., and drops them.
 */
#include "check.h"

#include "base/clock.h"
#include "base/writer.h"
#include "net/loop.h"
#include "source/catalog.h"
#include "source/dump.h"
#include "source/zone.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

jmp_buf check_failed;
const char *check_name;
int check_failures;

static bool mariadb;
static const char *prefix;
static struct net_loop *loop;
static struct errmsg em;

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

static struct src_options options_of(const char *user, const char *password)
{
    return (struct src_options){
        .host = setting("HOST"),
        .port = (uint16_t)atoi(setting("PORT")),
        .user = user,
        .password = password,
        .tls = SRC_TLS_PREFERRED,
        .connect_timeout_ms = 10000,
    };
}

static struct src_session *open_with(const struct src_options *o)
{
    struct src_session *s = NULL;
    enum err e = src_session_open(loop, o, &s, &em);
    CHECK(e == ERR_OK, "%s: %s", err_name(e), em.text);
    return s;
}

static struct src_session *open_as(const char *user, const char *password)
{
    struct src_options o = options_of(user, password);
    return open_with(&o);
}

static enum err open_error(const struct src_options *o)
{
    struct src_session *s = NULL;
    memset(&em, 0, sizeof(em));
    enum err e = src_session_open(loop, o, &s, &em);
    CHECK(e != ERR_OK && s == NULL, "it let us in");
    CHECK(em.text[0] != '\0', "no sentence");
    return e;
}

static struct src_session *open_root(void)
{
    struct src_options o = options_of("root", "");
    o.host = setting("SOCKET");
    return open_with(&o);
}

static void run(struct src_session *s, const char *sql)
{
    enum err e = src_query(s, slice_str(sql), NULL, NULL, &em);
    CHECK(e == ERR_OK, "%s: %s", err_name(e), em.text);
}

static void as_root(const char *sql)
{
    struct src_session *root = open_root();
    run(root, sql);
    src_session_close(root);
}

static struct src_server server_of(struct src_session *s)
{
    struct src_server sv;
    enum err e = src_server_read(s, &sv, &em);
    CHECK(e == ERR_OK, "%s", em.text);
    return sv;
}

static struct src_options default_options(void)
{
    return options_of(setting("USER"), setting("PASSWORD"));
}

static struct src_session *open_default(void)
{
    struct src_options o = default_options();
    return open_with(&o);
}

static bool says(const char *words)
{
    return strstr(em.text, words) != NULL;
}

/* ---- connecting ---- */

static void tls_modes(void)
{
    struct src_options o = default_options();
    for (int mode = SRC_TLS_DISABLED; mode <= SRC_TLS_VERIFY_IDENTITY; mode++) {
        o.tls = (enum src_tls)mode;
        o.tls_ca = mode >= SRC_TLS_VERIFY_CA ? setting("CA") : NULL;
        struct src_session *s = open_with(&o);
        CHECK(src_session_tls(s) == (mode != SRC_TLS_DISABLED));
        char cipher[128];
        CHECK(src_query_text(s,
                             "SELECT VARIABLE_VALUE FROM "
                             "performance_schema.session_status WHERE VARIABLE_NAME='Ssl_cipher'",
                             cipher, sizeof(cipher), NULL, &em) == ERR_OK ||
                  mariadb,
              "%s", em.text);
        CHECK(mariadb || (cipher[0] != '\0') == src_session_tls(s));
        src_session_close(s);
    }
}

static void tls_is_verified(void)
{
    struct src_options o = default_options();
    o.tls = SRC_TLS_VERIFY_CA; /* the system's authorities did not sign it */
    CHECK(open_error(&o) == ERR_TLS, "%s", em.text);
    o.tls_ca = setting("CA");
    o.tls = SRC_TLS_VERIFY_IDENTITY;
    o.tls_server_name = "other.example";
    CHECK(open_error(&o) == ERR_TLS, "%s", em.text);
}

static void client_certificates(void)
{
    struct src_options o = options_of("source_test_x509", "pw");
    as_root("DROP USER IF EXISTS source_test_x509");
    as_root("CREATE USER source_test_x509 IDENTIFIED BY 'pw' REQUIRE X509");
    CHECK(open_error(&o) == ERR_ACCESS_DENIED, "%s", em.text);
    o.tls_cert = setting("CLIENT_CERT");
    o.tls_key = setting("CLIENT_KEY");
    src_session_close(open_with(&o));
    as_root("DROP USER source_test_x509");
}

static void a_wrong_password(void)
{
    struct src_options o = default_options();
    o.password = "wrong";
    CHECK(open_error(&o) == ERR_ACCESS_DENIED, "%s", em.text);
    CHECK(says("Access denied for user 'rowcast'") && says("source.password_env"), "%s", em.text);
    CHECK(says("source 127.0.0.1:"), "%s", em.text);
}

static void an_address_where_nobody_listens(void)
{
    struct src_options o = default_options();
    o.port = 1;
    CHECK(open_error(&o) == ERR_UNREACHABLE, "%s", em.text);
    CHECK(says("127.0.0.1:1"), "%s", em.text);
    o.host = "host.invalid";
    CHECK(open_error(&o) == ERR_UNREACHABLE, "%s", em.text);
    CHECK(says("host.invalid"), "%s", em.text);
}

static void the_socket(void)
{
    struct src_session *root = open_root();
    CHECK(!src_session_tls(root));
    src_session_close(root);
}

static void compression(void)
{
    struct src_options o = default_options();
    for (int kind = SRC_PLAIN; kind <= SRC_ZSTD; kind++) {
        for (int tls = 0; tls < 2; tls++) {
            o.compression = (enum src_compression)kind;
            o.tls = tls ? SRC_TLS_REQUIRED : SRC_TLS_DISABLED;
            if (kind == SRC_ZSTD && mariadb) {
                CHECK(open_error(&o) == ERR_SOURCE_SETUP, "%s", em.text);
                continue;
            }
            struct src_session *s = open_with(&o);
            static char big[20u << 20];
            enum err e = src_query_text(s, "SELECT REPEAT('0123456789abcdef', 1114112)", big,
                                        sizeof(big), NULL, &em);
            CHECK(e == ERR_OK, "%s", em.text);
            CHECK(strlen(big) == 17u << 20);
            for (size_t i = 0; i < strlen("0123456789abcdef"); i++)
                CHECK(big[(17u << 20) - 16 + i] == "0123456789abcdef"[i]);
            e = src_query_text(s, "SELECT 1", big, sizeof(big), NULL, &em);
            CHECK(e == ERR_OK && strcmp(big, "1") == 0);
            src_session_close(s);
        }
    }
}

/* A long statement goes out in pieces as well. */
static void a_long_statement(void)
{
    struct src_session *s = open_default();
    struct writer sql;
    char length[32] = "";
    writer_init(&sql, 32u << 20);
    writer_lit(&sql, "SELECT LENGTH('");
    for (size_t i = 0; i < (17u << 20) / 16; i++)
        writer_lit(&sql, "0123456789abcdef");
    writer_lit(&sql, "')");
    writer_u8(&sql, 0);
    CHECK(sql.err == ERR_OK);
    enum err e = src_query_text(s, (const char *)sql.base, length, sizeof(length), NULL, &em);
    CHECK(e == ERR_OK, "%.200s", em.text);
    CHECK(strcmp(length, "17825792") == 0, "%s", length);
    writer_fini(&sql);
    src_session_close(s);
}

/* ---- methods of authentication ---- */

static struct src_session *log_in_open(const char *user, const char *password)
{
    struct src_options o = options_of(user, password);
    o.tls = SRC_TLS_DISABLED;
    return open_with(&o);
}

static void caching_sha2(void)
{
    as_root("DROP USER IF EXISTS source_test_sha2");
    as_root("CREATE USER source_test_sha2 IDENTIFIED WITH caching_sha2_password BY 'sha2-pw'");
    as_root("FLUSH PRIVILEGES"); /* empties the server's cache */
    struct src_session *s = log_in_open("source_test_sha2", "sha2-pw");
    CHECK(src_session_key_unverified(s), "the RSA way was not taken");
    CHECK(strcmp(src_session_plugin(s), "caching_sha2_password") == 0);
    src_session_close(s);
    s = log_in_open("source_test_sha2", "sha2-pw");
    CHECK(!src_session_key_unverified(s), "the server's cache was not used");
    src_session_close(s);
    as_root("FLUSH PRIVILEGES");
    s = open_as("source_test_sha2", "sha2-pw");
    CHECK(src_session_tls(s) && !src_session_key_unverified(s));
    src_session_close(s);
    as_root("FLUSH PRIVILEGES");
    struct src_options o = options_of("source_test_sha2", "wrong");
    o.tls = SRC_TLS_DISABLED;
    CHECK(open_error(&o) == ERR_ACCESS_DENIED, "%s", em.text);
    as_root("ALTER USER source_test_sha2 IDENTIFIED WITH caching_sha2_password BY ''");
    src_session_close(log_in_open("source_test_sha2", ""));
    src_session_close(open_as("source_test_sha2", ""));
    as_root("DROP USER source_test_sha2");
}

static void sha256(void)
{
    as_root("DROP USER IF EXISTS source_test_sha256");
    as_root("CREATE USER source_test_sha256 IDENTIFIED WITH sha256_password BY 'sha256-pw'");
    struct src_session *s = log_in_open("source_test_sha256", "sha256-pw");
    CHECK(src_session_key_unverified(s));
    CHECK(strcmp(src_session_plugin(s), "sha256_password") == 0);
    src_session_close(s);
    s = open_as("source_test_sha256", "sha256-pw");
    CHECK(!src_session_key_unverified(s));
    src_session_close(s);
    struct src_options o = options_of("source_test_sha256", "wrong");
    CHECK(open_error(&o) == ERR_ACCESS_DENIED, "%s", em.text);
    as_root("DROP USER source_test_sha256");
}

static void native_and_empty(void)
{
    as_root("DROP USER IF EXISTS source_test_empty");
    as_root("CREATE USER source_test_empty IDENTIFIED BY ''");
    struct src_session *s = log_in_open("source_test_empty", "");
    CHECK(strcmp(src_session_plugin(s), "mysql_native_password") == 0);
    src_session_close(s);
    as_root("DROP USER source_test_empty");
}

static void ed25519(void)
{
    struct src_session *root = open_root();
    enum err e = src_query(root, SLICE_LIT("INSTALL SONAME 'auth_ed25519'"), NULL, NULL, &em);
    CHECK(e == ERR_OK || src_session_error_code(root) == 1968, "%s", em.text); /* already there */
    run(root, "DROP USER IF EXISTS source_test_ed");
    run(root,
        "CREATE USER source_test_ed IDENTIFIED VIA ed25519 USING PASSWORD('ed-pw of any length')");
    struct src_session *s = log_in_open("source_test_ed", "ed-pw of any length");
    CHECK(strcmp(src_session_plugin(s), "client_ed25519") == 0);
    src_session_close(s);
    struct src_options o = options_of("source_test_ed", "wrong");
    CHECK(open_error(&o) == ERR_ACCESS_DENIED, "%s", em.text);
    run(root, "DROP USER source_test_ed");
    src_session_close(root);
}

/* ---- statements ---- */

static void a_refused_statement_leaves_the_session_usable(void)
{
    char one[8];
    struct src_session *s = open_default();
    CHECK(src_query(s, SLICE_LIT("SELEC 1"), NULL, NULL, &em) == ERR_SOURCE_SQL);
    CHECK(says("SELEC 1: ") && says("(error 1064)"), "%s", em.text);
    CHECK(src_session_error_code(s) == 1064);
    CHECK(src_session_alive(s));
    CHECK(src_query_text(s, "SELECT 1", one, sizeof(one), NULL, &em) == ERR_OK);
    CHECK(src_session_error_code(s) == 0);
    src_session_close(s);
}

static enum err count_rows(void *arg, const struct src_row *row)
{
    int *count = arg;
    (void)row;
    return ++*count == 3 ? ERR_MALFORMED : ERR_OK;
}

static void rows_can_be_refused_midway(void)
{
    int count = 0;
    char one[8];
    struct src_session *s = open_default();
    enum err e =
        src_query(s, SLICE_LIT("SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4"),
                  count_rows, &count, &em);
    CHECK(e == ERR_MALFORMED && count == 3);
    CHECK(src_query_text(s, "SELECT 1", one, sizeof(one), NULL, &em) == ERR_OK);
    src_session_close(s);
}

static void text_answers(void)
{
    char text[8];
    bool found;
    struct src_session *s = open_default();
    CHECK(src_query_text(s, "SELECT NULL", text, sizeof(text), &found, &em) == ERR_OK && !found);
    CHECK(src_query_text(s, "SELECT 1 FROM DUAL WHERE FALSE", text, sizeof(text), &found, &em) ==
              ERR_OK &&
          !found);
    CHECK(src_query_text(s, "SELECT '1234567'", text, sizeof(text), &found, &em) == ERR_OK &&
          found);
    CHECK(src_query_text(s, "SELECT '12345678'", text, sizeof(text), &found, &em) == ERR_TOO_LARGE);
    src_session_close(s);
}

static void quoted_text_comes_back_as_it_was(void)
{
    static const char *const texts[] = {"",
                                        "plain",
                                        "it's",
                                        "back\\slash",
                                        "\"",
                                        "\xc3\xa4\xf0\x9f\x98\x80",
                                        "a'; DROP TABLE x; --",
                                        "%_"};
    struct src_session *s = open_default();
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        for (int mode = 0; mode < 2; mode++) {
            char back[64];
            struct writer sql;
            run(s, mode ? "SET sql_mode='NO_BACKSLASH_ESCAPES,ANSI_QUOTES'" : "SET sql_mode=''");
            writer_init(&sql, 4096);
            writer_lit(&sql, "SELECT ");
            src_quote(&sql, slice_str(texts[i]));
            writer_u8(&sql, 0);
            CHECK(src_query_text(s, (const char *)sql.base, back, sizeof(back), NULL, &em) ==
                      ERR_OK,
                  "%s", em.text);
            CHECK(strcmp(back, texts[i]) == 0, "%s is not %s", back, texts[i]);
            writer_fini(&sql);
        }
    }
    src_session_close(s);
}

static void a_statement_that_takes_too_long(void)
{
    struct src_options o = default_options();
    o.statement_timeout_ms = 1000;
    struct src_session *s = open_with(&o);
    uint64_t began = clock_mono_ms();
    enum err e = src_query(s, SLICE_LIT("SELECT SLEEP(20)"), NULL, NULL, &em);
    CHECK(e == ERR_TIMEOUT, "%s: %s", err_name(e), em.text);
    CHECK(clock_mono_ms() - began < 15000);
    CHECK(!src_session_alive(s));
    CHECK(src_query(s, SLICE_LIT("SELECT 1"), NULL, NULL, &em) == ERR_DISCONNECTED);
    src_session_close(s);
}

static atomic_bool stop;

static void *set_stop(void *arg)
{
    usleep(200000);
    atomic_store(&stop, true);
    net_loop_wake(arg);
    return NULL;
}

static void stopping(void)
{
    pthread_t t;
    struct src_options o = default_options();
    o.stop = &stop;
    struct src_session *s = open_with(&o);
    uint64_t began = clock_mono_ms();
    CHECK(pthread_create(&t, NULL, set_stop, loop) == 0);
    enum err e = src_query(s, SLICE_LIT("SELECT SLEEP(5)"), NULL, NULL, &em);
    pthread_join(t, NULL);
    CHECK(e == ERR_STOPPED, "%s: %s", err_name(e), em.text);
    CHECK(clock_mono_ms() - began < 15000);
    src_session_close(s);
    CHECK(open_error(&o) == ERR_STOPPED, "%s", em.text);
    atomic_store(&stop, false);
}

static void being_killed(void)
{
    char sql[64];
    struct src_session *s = open_default();
    snprintf(sql, sizeof(sql), "KILL %u", src_session_thread_id(s));
    as_root(sql);
    usleep(200000);
    enum err e = src_query(s, SLICE_LIT("SELECT 1"), NULL, NULL, &em);
    CHECK(err_class(e) == ERRC_LINK, "%s: %s", err_name(e), em.text);
    CHECK(!src_session_alive(s));
    src_session_close(s);
}

/* ---- the server ---- */

static void identity_and_settings(void)
{
    struct src_session *s = open_default();
    struct src_server sv = server_of(s);
    CHECK((sv.flavour == SRC_MARIADB) == mariadb);
    CHECK(src_session_is_mariadb(s) == mariadb);
    CHECK(sv.version >= 50600, "%u", sv.version);
    CHECK(strncmp(setting("VERSION"), sv.version_text, 4) == 0, "%s", sv.version_text);
    CHECK(sv.server_id != 0);
    CHECK((strlen(sv.server_uuid) == 36) == !mariadb, "%s", sv.server_uuid);
    CHECK(sv.gtids);
    CHECK(strcmp(sv.row_image, "FULL") == 0 && strcmp(sv.checksum, "CRC32") == 0);
    CHECK(src_server_check(&sv, &em) == ERR_OK, "%s", em.text);
    sv.log_bin = false;
    CHECK(src_server_check(&sv, &em) == ERR_SOURCE_SETUP && says("log_bin"));
    sv.log_bin = true;
    strcpy(sv.binlog_format, "MIXED");
    CHECK(src_server_check(&sv, &em) == ERR_SOURCE_SETUP && says("binlog_format is MIXED"));
    src_session_close(s);
}

static void the_position_moves_on(void)
{
    struct src_session *s = open_default();
    struct src_server sv = server_of(s);
    struct src_position a = {0}, b = {0};
    CHECK(src_server_position(s, &sv, &a, &em) == ERR_OK, "%s", em.text);
    as_root("CREATE DATABASE IF NOT EXISTS source_test");
    as_root("DROP DATABASE source_test");
    CHECK(src_server_position(s, &sv, &b, &em) == ERR_OK, "%s", em.text);
    CHECK(b.offset > a.offset || strcmp(a.file, b.file) != 0);
    if (mariadb) {
        bool found;
        struct maria_gtid_pos at = {0};
        CHECK(!maria_gtid_pos_equal(&a.maria, &b.maria));
        CHECK(src_server_gtid_at(s, a.file, a.offset, &at, &found, &em) == ERR_OK && found);
        CHECK(maria_gtid_pos_equal(&a.maria, &at));
        CHECK(src_server_gtid_at(s, "no-such.000001", 4, &at, &found, &em) == ERR_OK && !found);
        maria_gtid_pos_fini(&at);
    } else {
        struct my_gtid_set purged = {0};
        CHECK(my_gtid_set_subset(&a.executed, &b.executed));
        CHECK(!my_gtid_set_subset(&b.executed, &a.executed));
        CHECK(src_server_purged(s, &purged, &em) == ERR_OK);
        CHECK(my_gtid_set_subset(&purged, &b.executed));
        my_gtid_set_fini(&purged);
    }
    src_position_fini(&a);
    src_position_fini(&b);
    src_session_close(s);
}

static void binlog_files(void)
{
    struct src_binlog *files;
    size_t count;
    struct src_session *s = open_default();
    struct src_server sv = server_of(s);
    CHECK(src_server_binlogs(s, &sv, &files, &count, &em) == ERR_OK, "%s", em.text);
    CHECK(count > 0 && files[0].size > 4 && strchr(files[0].name, '.') != NULL);
    free(files);
    src_session_close(s);
}

static void missing_privileges_are_named(void)
{
    struct src_binlog *files;
    size_t count;
    struct src_position p = {0};
    as_root("DROP USER IF EXISTS source_test_poor");
    as_root("CREATE USER source_test_poor IDENTIFIED BY 'pw'");
    struct src_session *s = open_as("source_test_poor", "pw");
    struct src_server sv = server_of(s);
    CHECK(src_server_may_replicate(s, &sv, &em) == ERR_ACCESS_DENIED, "%s", em.text);
    CHECK(says("GRANT REPLICATION SLAVE ON *.* TO 'source_test_poor'@'%'"), "%s", em.text);
    CHECK(src_server_position(s, &sv, &p, &em) == ERR_ACCESS_DENIED, "%s", em.text);
    CHECK(says(mariadb ? "GRANT BINLOG MONITOR ON *.* TO" : "GRANT REPLICATION CLIENT ON *.* TO"),
          "%s", em.text);
    CHECK(src_server_binlogs(s, &sv, &files, &count, &em) == ERR_ACCESS_DENIED, "%s", em.text);
    CHECK(src_session_alive(s));
    src_session_close(s);
    as_root("DROP USER source_test_poor");
}

static void privileges_of_a_role_count(void)
{
    as_root("DROP USER IF EXISTS source_test_member");
    as_root("DROP ROLE IF EXISTS source_test_role");
    as_root("CREATE ROLE source_test_role");
    as_root("GRANT REPLICATION SLAVE ON *.* TO source_test_role");
    as_root("CREATE USER source_test_member IDENTIFIED BY 'pw'");
    as_root("GRANT source_test_role TO source_test_member");
    as_root(mariadb ? "SET DEFAULT ROLE source_test_role FOR source_test_member"
                    : "SET DEFAULT ROLE source_test_role TO source_test_member");
    struct src_session *s = open_as("source_test_member", "pw");
    struct src_server sv = server_of(s);
    CHECK(src_server_may_replicate(s, &sv, &em) == ERR_OK, "%s", em.text);
    src_session_close(s);
    as_root("DROP USER source_test_member");
    as_root("DROP ROLE source_test_role");
}

/* ---- the catalogue ---- */

static struct table_def *table_of(struct src_session *s, const char *name)
{
    struct table_def *def = NULL;
    struct src_server sv = server_of(s);
    enum err e = src_catalog_table(s, &sv, SLICE_LIT("source_test"), slice_str(name), &def, &em);
    CHECK(e == ERR_OK, "%s", em.text);
    return def;
}

static void expect_column(const struct table_def *def, uint32_t i, const char *name,
                          const char *type)
{
    CHECK(i < def->column_count);
    CHECK(slice_eq(def->columns[i].name, slice_str(name)), "%u is %.*s, not %s", i,
          SLICE_ARG(def->columns[i].name), name);
    CHECK(slice_eq(def->columns[i].column_type, slice_str(type)), "%s is %.*s, not %s", name,
          SLICE_ARG(def->columns[i].column_type), type);
}

static void a_table_of_many_kinds(void)
{
    struct src_session *root = open_root();
    run(root, "DROP DATABASE IF EXISTS source_test");
    run(root, "CREATE DATABASE source_test CHARACTER SET utf8mb4");
    run(root,
        "CREATE TABLE source_test.kinds ("
        "id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT, `na``me` VARCHAR(20) CHARACTER SET latin1,"
        "flag TINYINT(1) NOT NULL, e ENUM('x','it''s','\xc3\xa4') NOT NULL, d DECIMAL(10,2),"
        "t TIMESTAMP(6) NULL, g INT GENERATED ALWAYS AS (flag + 1) VIRTUAL,"
        "st INT GENERATED ALWAYS AS (flag + 2) STORED, j JSON, b VARBINARY(16) INVISIBLE,"
        "x INT DEFAULT (1 + 1),"
        "PRIMARY KEY (id), UNIQUE KEY u1 (flag, d), UNIQUE KEY u2 (`na``me`(5)))");
    struct table_def *def = table_of(root, "kinds");
    CHECK(def != NULL);
    CHECK(slice_eq(def->engine, SLICE_LIT("InnoDB")));
    CHECK(def->column_count == 11, "%u", def->column_count);
    expect_column(def, 0, "id", mariadb ? "bigint(20) unsigned" : "bigint unsigned");
    expect_column(def, 1, "na`me", "varchar(20)");
    expect_column(def, 2, "flag", "tinyint(1)");
    expect_column(def, 3, "e", "enum('x','it''s','\xc3\xa4')");
    expect_column(def, 4, "d", "decimal(10,2)");
    expect_column(def, 5, "t", "timestamp(6)");
    CHECK(def->columns[5].datetime_precision == 6);
    CHECK(slice_eq(def->columns[0].data_type, SLICE_LIT("bigint")));
    CHECK(!def->columns[0].nullable && def->columns[1].nullable);
    CHECK(memcmp(def->columns[1].collation.ptr, "latin1_", 7) == 0);
    CHECK(def->columns[6].generated && def->columns[7].generated && !def->columns[5].generated);
    CHECK(!def->columns[10].generated, "a default that is an expression");
    CHECK(def->columns[9].invisible && !def->columns[8].invisible);
    CHECK(def->key_count == 3, "%u", def->key_count);
    CHECK(def->keys[0].primary && def->keys[0].part_count == 1 && def->keys[0].parts[0] == 0);
    for (int i = 1; i < 3; i++) {
        bool u2 = slice_eq(def->keys[i].name, SLICE_LIT("u2"));
        CHECK(!def->keys[i].primary && def->keys[i].has_prefix == u2);
        CHECK(def->keys[i].part_count == (u2 ? 1 : 2));
        CHECK(def->keys[i].parts[0] == (u2 ? 1 : 2));
        CHECK(def->keys[i].prefixes[0] == (u2 ? 5 : 0));
    }
    CHECK(slice_eq(def->collation, def->columns[3].collation), "%.*s", SLICE_ARG(def->collation));
    CHECK(def->index_count == 0, "%u", def->index_count);
    free(def);
    src_session_close(root);
}

static void unique_keys_come_in_the_servers_order(void)
{
    struct src_session *root = open_root();
    run(root, "CREATE TABLE source_test.keyless (a INT NOT NULL, b INT NOT NULL, c INT,"
              "UNIQUE KEY z_first (a), UNIQUE KEY a_second (b), UNIQUE KEY m_null (c))");
    struct table_def *def = table_of(root, "keyless");
    CHECK(def != NULL && def->key_count == 3);
    CHECK(slice_eq(def->keys[0].name, SLICE_LIT("z_first")), "%.*s", SLICE_ARG(def->keys[0].name));
    CHECK(slice_eq(def->keys[1].name, SLICE_LIT("a_second")));
    CHECK(slice_eq(def->keys[2].name, SLICE_LIT("m_null")));
    free(def);
    src_session_close(root);
}

static void what_is_no_table_is_not_found(void)
{
    struct src_session *root = open_root();
    run(root, "CREATE VIEW source_test.v AS SELECT 1 AS a");
    CHECK(table_of(root, "v") == NULL);
    CHECK(table_of(root, "nothing") == NULL);
    CHECK(table_of(root, "KINDS") == NULL);
    CHECK(table_of(root, "it's \\ \"odd\"") == NULL);
    src_session_close(root);
}

static void peculiar_tables(void)
{
    struct src_session *root = open_root();
    struct table_def *def;
    if (mariadb) {
        run(root, "CREATE TABLE source_test.versioned (a INT PRIMARY KEY) WITH SYSTEM VERSIONING");
        def = table_of(root, "versioned");
        CHECK(def != NULL && def->system_versioned);
        CHECK(def->key_count >= 1 && def->keys[0].parts[0] == 0);
        free(def);
        run(root, "CREATE TABLE source_test.maria (u UUID PRIMARY KEY, i INET6,"
                  "z VARCHAR(100) COMPRESSED)");
        def = table_of(root, "maria");
        CHECK(def != NULL);
        expect_column(def, 0, "u", "uuid");
        expect_column(def, 1, "i", "inet6");
        CHECK(slice_eq(def->columns[0].data_type, SLICE_LIT("uuid")));
        free(def);
        run(root, "SET GLOBAL mysql56_temporal_format=OFF");
        run(root, "CREATE TABLE source_test.hires (t TIME(3), n INT, d DATETIME)");
        run(root, "SET GLOBAL mysql56_temporal_format=ON");
        def = table_of(root, "hires");
        CHECK(def != NULL);
        expect_column(def, 0, "t", "time(3)");
        CHECK(def->columns[0].hires_old_temporal && !def->columns[1].hires_old_temporal);
        expect_column(def, 2, "d", "datetime");
        free(def);
    } else {
        run(root, "SET SESSION sql_generate_invisible_primary_key=ON");
        run(root, "CREATE TABLE source_test.gipk (a INT)");
        def = table_of(root, "gipk");
        CHECK(def != NULL && def->column_count == 2);
        expect_column(def, 0, "my_row_id", "bigint unsigned");
        CHECK(def->columns[0].invisible && def->keys[0].primary);
        free(def);
        run(root, "CREATE TABLE source_test.functional (a INT NOT NULL PRIMARY KEY, b INT, "
                  "UNIQUE KEY f ((b + 1)), UNIQUE KEY g (b, (b + 2)))");
        def = table_of(root, "functional");
        CHECK(def != NULL && def->column_count == 2);
        CHECK(def->key_count == 2 && slice_eq(def->keys[1].name, SLICE_LIT("g")));
        CHECK(def->keys[1].has_prefix);
        CHECK(def->index_count == 1 && slice_eq(def->indexes[0].name, SLICE_LIT("f")));
        free(def);
    }
    src_session_close(root);
}

struct walked {
    int tables;
    int asked;
    bool kinds;
    uint32_t columns;
};

static bool only_test(void *arg, struct slice database, struct slice table)
{
    struct walked *w = arg;
    (void)table;
    w->asked++;
    return slice_eq(database, SLICE_LIT("source_test"));
}

static enum err on_table(void *arg, const struct table_def *def)
{
    struct walked *w = arg;
    w->tables++;
    w->columns += def->column_count;
    if (slice_eq(def->name, SLICE_LIT("kinds")))
        w->kinds = def->column_count == 11 && def->key_count == 3 && def->keys[0].primary;
    return ERR_OK;
}

struct kept_defs {
    struct table_def *defs[512];
    size_t count;
};

static enum err keep_def(void *arg, const struct table_def *def)
{
    struct kept_defs *k = arg;
    return table_def_copy(def, &k->defs[k->count++]);
}

static bool of_test(void *arg, struct slice database, struct slice table)
{
    (void)arg, (void)table;
    return slice_eq(database, SLICE_LIT("source_test"));
}

static enum err count_stats(void *arg, const struct src_table_stats *stats)
{
    uint64_t *seen = arg;
    seen[0]++;
    if (slice_eq(stats->name, SLICE_LIT("walk_full")))
        seen[1] = stats->rows > 0 && stats->bytes > 0 && stats->row_len > 0;
    return ERR_OK;
}

/* All at once gives what asking for each one gives. */
static void a_walk_is_each_table_by_itself(void)
{
    struct src_session *root = open_root();
    struct src_server sv = server_of(root);
    static struct kept_defs k;
    uint64_t stats[2] = {0};
    run(root, "CREATE TABLE source_test.walk_two (a INT NOT NULL, b INT NOT NULL, c INT, "
              "UNIQUE z (b), UNIQUE y (a), UNIQUE x (c), UNIQUE w (c, a))");
    run(root, "CREATE TABLE source_test.walk_case (id INT PRIMARY KEY, low INT)");
    run(root, "CREATE TABLE source_test.Walk_Case (ID INT, HIGH TEXT, PRIMARY KEY (ID), "
              "UNIQUE p (HIGH(5)))");
    run(root, "CREATE TABLE source_test.walk_full (a INT PRIMARY KEY, b CHAR(100))");
    run(root, "INSERT INTO source_test.walk_full VALUES (1, 'x'), (2, 'y')");
    run(root, "ANALYZE TABLE source_test.walk_full");
    enum err e = src_catalog_walk(root, &sv, of_test, keep_def, &k, &em);
    CHECK(e == ERR_OK && k.count > 300, "%s, %zu tables", em.text, k.count);
    for (size_t i = 0; i < k.count; i++) {
        struct table_def *alone = NULL;
        struct writer a, b;
        e = src_catalog_table(root, &sv, k.defs[i]->database, k.defs[i]->name, &alone, &em);
        CHECK(e == ERR_OK && alone != NULL, "%s", em.text);
        writer_init(&a, 1u << 20);
        writer_init(&b, 1u << 20);
        table_def_serialize(k.defs[i], &a);
        table_def_serialize(alone, &b);
        CHECK(slice_eq(writer_slice(&a), writer_slice(&b)), "%.*s is not the same",
              SLICE_ARG(alone->name));
        writer_fini(&a);
        writer_fini(&b);
        free(alone);
        free(k.defs[i]);
    }
    e = src_table_stats(root, &sv, of_test, count_stats, stats, &em);
    CHECK(e == ERR_OK && stats[1], "%s", em.text);
    CHECK(stats[0] == k.count || mariadb, "%llu and %zu", (unsigned long long)stats[0], k.count);
    src_session_close(root);
}

static void a_walk_over_many_tables(void)
{
    struct src_session *root = open_root();
    struct src_server sv = server_of(root);
    struct walked w = {0};
    for (int i = 0; i < 300; i++) {
        enum err e = src_execute(
            root, &em, "CREATE TABLE source_test.many_%d (a INT PRIMARY KEY, b%d TEXT)", i, i);
        CHECK(e == ERR_OK, "%s", em.text);
    }
    enum err e = src_catalog_walk(root, &sv, only_test, on_table, &w, &em);
    CHECK(e == ERR_OK, "%s", em.text);
    CHECK(w.kinds && w.asked >= w.tables);
    CHECK(w.tables > 300 && w.columns > 613);
    struct walked names = {0};
    CHECK(src_catalog_names(root, &sv, only_test, on_table, &names, &em) == ERR_OK);
    CHECK(names.tables == w.tables && names.columns == 0);
    src_session_close(root);
}

/* ---- the zone ---- */

static void fixed_zones(void)
{
    static const struct {
        const char *name;
        int offset;
    } zones[] = {{"+00:00", 0}, {"+05:30", 19800}, {"-08:00", -28800}, {"UTC", 0}};
    struct src_session *s = open_default();
    struct src_server sv = server_of(s);
    for (size_t i = 0; i < 4; i++) {
        struct zone *z;
        snprintf(sv.time_zone, sizeof(sv.time_zone), "%s", zones[i].name);
        CHECK(src_zone_learn(s, &sv, &z, &em) == ERR_OK, "%s", em.text);
        CHECK(z->count == 1 && zone_offset(z, 1700000000) == zones[i].offset);
        free(z);
    }
    src_session_close(s);
}

/* A zone of our own: UTC+1, from 1000000000 on UTC+2, from 1500000000 on UTC-3:30. */
static void a_zone_with_changes_is_learned(void)
{
    struct src_session *root = open_root();
    run(root, "DELETE FROM mysql.time_zone_name WHERE Name='Source/Test'");
    run(root, "REPLACE INTO mysql.time_zone (Time_zone_id, Use_leap_seconds) VALUES (4711, 'N')");
    run(root,
        "REPLACE INTO mysql.time_zone_name (Name, Time_zone_id) VALUES ('Source/Test', 4711)");
    run(root, "REPLACE INTO mysql.time_zone_transition_type (Time_zone_id, Transition_type_id,"
              "`Offset`, Is_DST, Abbreviation) VALUES (4711,0,3600,0,'A'),(4711,1,7200,1,'B'),"
              "(4711,2,-12600,0,'C')");
    run(root, "REPLACE INTO mysql.time_zone_transition (Time_zone_id, Transition_time, "
              "Transition_type_id) VALUES (4711,1000000000,1),(4711,1500000000,2)");
    char before[64];
    CHECK(src_query_text(root, "SELECT @@GLOBAL.time_zone", before, sizeof(before), NULL, &em) ==
          ERR_OK);
    run(root, "SET GLOBAL time_zone='Source/Test'");
    struct src_session *s = open_default();
    run(s, "SET time_zone='+00:00'");
    struct src_server sv = server_of(s);
    struct zone *z = NULL;
    enum err e = src_zone_learn(s, &sv, &z, &em);
    struct errmsg why = em;
    char sql[128], after[64];
    snprintf(sql, sizeof(sql), "SET GLOBAL time_zone='%s'", before);
    run(root, sql);
    run(root, "DELETE FROM mysql.time_zone_name WHERE Name='Source/Test'");
    CHECK(e == ERR_OK, "%s", why.text);
    CHECK(z->count == 3, "%zu steps", z->count);
    CHECK(z->steps[1].from == 1000000000 && z->steps[2].from == 1500000000);
    CHECK(zone_offset(z, 0) == 3600 && zone_offset(z, 999999999) == 3600);
    CHECK(zone_offset(z, 1000000000) == 7200 && zone_offset(z, 1499999999) == 7200);
    CHECK(zone_offset(z, 1500000000) == -12600 && zone_offset(z, 4000000000) == -12600);
    CHECK(src_query_text(s, "SELECT @@SESSION.time_zone", after, sizeof(after), NULL, &em) ==
          ERR_OK);
    CHECK(strcmp(after, "+00:00") == 0, "%s", after);
    free(z);
    src_session_close(s);
    src_session_close(root);
}

/* ---- streams ---- */

static struct src_dump_options stream_options(const struct src_server *sv)
{
    return (struct src_dump_options){
        .server_id = 471147,
        .uuid = "5041a0de-0000-4000-8000-00000000abcd",
        .heartbeat_ms = 200,
        .checksum = sv->checksum,
    };
}

/* Reads until the bytes are seen or the time is over. */
static enum err read_until(struct src_session *s, const char *word, size_t word_len, uint64_t ms,
                           bool *seen)
{
    static uint8_t buf[1u << 22];
    size_t len = 0;
    uint64_t deadline = clock_mono_ms() + ms;
    *seen = false;
    while (!*seen) {
        size_t n;
        enum err e = src_dump_read(s, buf + len, sizeof(buf) - len, &n, &em);
        if (e == ERR_NEED_INPUT) {
            e = net_loop_wait(loop, deadline);
            if (e == ERR_TIMEOUT)
                return ERR_OK;
            if (e == ERR_OK)
                continue;
        }
        if (e != ERR_OK)
            return e;
        len += n;
        *seen = memmem(buf, len, word, word_len) != NULL;
        if (sizeof(buf) - len < 65536) { /* keep the end, where a word may be in part */
            memmove(buf, buf + len - 1024, 1024);
            len = 1024;
        }
    }
    return ERR_OK;
}

static void follow(bool by_place, enum src_compression kind, enum src_tls tls)
{
    struct src_options o = default_options();
    struct src_position p = {0};
    struct src_session *control = open_default();
    struct src_server sv = server_of(control);
    bool seen;
    CHECK(src_server_position(control, &sv, &p, &em) == ERR_OK, "%s", em.text);
    o.compression = kind;
    o.tls = tls;
    o.role = "binary_log_listener";
    struct src_session *s = open_with(&o);
    struct src_dump_options d = stream_options(&sv);
    if (by_place) {
        d.file = p.file;
        d.offset = p.offset;
    } else if (mariadb) {
        d.maria = &p.maria;
    } else {
        d.executed = &p.executed;
    }
    enum err e = src_dump_start(s, &sv, &d, &em);
    CHECK(e == ERR_OK, "%s", em.text);
    e = read_until(s, p.file, strlen(p.file), 5000, &seen);
    CHECK(e == ERR_OK && seen, "the fake ROTATE is missing: %s", em.text);
    as_root("CREATE TABLE IF NOT EXISTS source_test.stream (a VARCHAR(100))");
    as_root("INSERT INTO source_test.stream VALUES ('needle in the stream')");
    e = read_until(s, "needle in the stream", 20, 5000, &seen);
    CHECK(e == ERR_OK && seen, "the row did not come: %s", em.text);
    /* heartbeats */
    e = read_until(s, p.file, strlen(p.file), 3000, &seen);
    CHECK(e == ERR_OK && seen, "no heartbeat came: %s", em.text);
    src_session_close(s);
    src_session_close(control);
    src_position_fini(&p);
}

static void streams_by_place(void)
{
    follow(true, SRC_PLAIN, SRC_TLS_DISABLED);
    follow(true, SRC_PLAIN, SRC_TLS_REQUIRED);
}

static void streams_by_gtid(void)
{
    follow(false, SRC_PLAIN, SRC_TLS_DISABLED);
    follow(false, SRC_PLAIN, SRC_TLS_REQUIRED);
}

static void compressed_streams(void)
{
    follow(true, SRC_ZLIB, SRC_TLS_DISABLED);
    follow(false, SRC_ZLIB, SRC_TLS_REQUIRED);
    if (!mariadb) {
        follow(false, SRC_ZSTD, SRC_TLS_DISABLED);
        follow(true, SRC_ZSTD, SRC_TLS_REQUIRED);
    }
}

static void a_stream_shows_among_the_replicas(void)
{
    uint32_t *ids;
    size_t count;
    struct src_session *control = open_root(); /* MariaDB asks for REPLICATION MASTER ADMIN */
    struct src_server sv = server_of(control);
    struct src_session *s = open_default();
    struct src_dump_options d = stream_options(&sv);
    d.file = "";
    CHECK(src_dump_start(s, &sv, &d, &em) == ERR_OK, "%s", em.text);
    CHECK(src_server_replica_ids(control, &sv, &ids, &count, &em) == ERR_OK, "%s", em.text);
    bool found = false;
    for (size_t i = 0; i < count; i++)
        found = found || ids[i] == d.server_id;
    CHECK(found, "among %zu", count);
    free(ids);
    src_session_close(s);
    src_session_close(control);
}

static void a_second_stream_ends_the_first(void)
{
    struct src_session *a = open_default(), *b = open_default();
    struct src_server sv = server_of(a);
    struct src_dump_options d = stream_options(&sv);
    bool seen;
    d.file = "";
    CHECK(src_dump_start(a, &sv, &d, &em) == ERR_OK, "%s", em.text);
    CHECK(read_until(a, "bin", 3, 5000, &seen) == ERR_OK && seen);
    CHECK(src_dump_start(b, &sv, &d, &em) == ERR_OK, "%s", em.text);
    enum err e = ERR_OK;
    for (int i = 0; i < 100 && e == ERR_OK; i++) {
        e = read_until(a, "\xff\xd4\x04#HY000", 9, 200, &seen); /* ERR 1236 */
        if (seen)
            break;
    }
    CHECK(seen || e == ERR_DISCONNECTED, "%s %s", err_name(e), em.text);
    src_session_close(a);
    src_session_close(b);
}

static void a_stream_without_the_privilege(void)
{
    as_root("DROP USER IF EXISTS source_test_poor");
    as_root("CREATE USER source_test_poor IDENTIFIED BY 'pw'");
    struct src_session *s = open_as("source_test_poor", "pw");
    struct src_server sv = server_of(s);
    struct src_dump_options d = stream_options(&sv);
    d.file = "";
    CHECK(src_dump_start(s, &sv, &d, &em) == ERR_ACCESS_DENIED, "%s", em.text);
    CHECK(says("REPLICATION SLAVE"), "%s", em.text);
    src_session_close(s);
    as_root("DROP USER source_test_poor");
}

static void places_beyond_the_protocol_are_refused(void)
{
    struct src_session *s = open_default();
    struct src_server sv = server_of(s);
    struct src_dump_options d = stream_options(&sv);
    d.file = "x.000001";
    d.offset = UINT64_C(1) << 32;
    CHECK(src_dump_start(s, &sv, &d, &em) == ERR_UNSUPPORTED && says("4 GiB"), "%s", em.text);
    CHECK(src_session_alive(s));
    src_session_close(s);
}

int main(int argc, char **argv)
{
    if (argc != 2 || (strcmp(argv[1], "MYSQL") != 0 && strcmp(argv[1], "MARIADB") != 0)) {
        fprintf(stderr, "usage: test_source MYSQL|MARIADB\n");
        return 2;
    }
    alarm(300);
    prefix = argv[1];
    mariadb = strcmp(prefix, "MARIADB") == 0;
    if (net_loop_new(NET_AUTO, &loop, &em) != ERR_OK) {
        fprintf(stderr, "%s\n", em.text);
        return 2;
    }
    RUN(tls_modes);
    RUN(tls_is_verified);
    RUN(client_certificates);
    RUN(a_wrong_password);
    RUN(an_address_where_nobody_listens);
    RUN(the_socket);
    RUN(compression);
    RUN(a_long_statement);
    if (mariadb) {
        RUN(native_and_empty);
        RUN(ed25519);
    } else {
        RUN(caching_sha2);
        RUN(sha256);
    }
    RUN(a_refused_statement_leaves_the_session_usable);
    RUN(rows_can_be_refused_midway);
    RUN(text_answers);
    RUN(quoted_text_comes_back_as_it_was);
    RUN(a_statement_that_takes_too_long);
    RUN(stopping);
    RUN(being_killed);
    RUN(identity_and_settings);
    RUN(the_position_moves_on);
    RUN(binlog_files);
    RUN(missing_privileges_are_named);
    RUN(privileges_of_a_role_count);
    RUN(a_table_of_many_kinds);
    RUN(unique_keys_come_in_the_servers_order);
    RUN(what_is_no_table_is_not_found);
    RUN(peculiar_tables);
    RUN(a_walk_over_many_tables);
    RUN(a_walk_is_each_table_by_itself);
    RUN(fixed_zones);
    RUN(a_zone_with_changes_is_learned);
    RUN(streams_by_place);
    RUN(streams_by_gtid);
    RUN(compressed_streams);
    RUN(a_stream_shows_among_the_replicas);
    RUN(a_second_stream_ends_the_first);
    RUN(a_stream_without_the_privilege);
    RUN(places_beyond_the_protocol_are_refused);
    check_name = "clearing up";
    if (setjmp(check_failed) == 0)
        as_root("DROP DATABASE IF EXISTS source_test");
    if (check_failures == 0) /* a test that failed left its sessions open */
        net_loop_free(loop);
    printf("%d failed\n", check_failures);
    return check_failures > 0;
}
