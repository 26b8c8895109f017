/*
 * The reading floor of the full copy: what a client needs to read the rows of
 * tables by prepared statements, the server's binary protocol, and do nothing
 * with them. Not one line of rowcast is in it; the client library is
 * MariaDB's.
 *
 *   copy_floor -h HOST -P PORT -u USER [-d] DATABASE TABLE...
 *     -d   without TLS
 *
 * The password is taken from MYSQL_PWD. One statement a table, its rows
 * fetched as they come into buffers of their own type, integers as integers
 * and all else as bytes. One line of JSON on stdout: rows, bytes of cells, wall
 * time. What it costs is the kernel's account of the process.
 */
#include <mysql.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define COLUMNS_MAX 256
#define CELL_MAX    65536

struct cell {
    int64_t number;
    unsigned long length;
    my_bool null;
    char *bytes;
};

static struct {
    const char *host;
    const char *user;
    const char *database;
    unsigned port;
    bool plain;
} opt = {.host = "127.0.0.1", .user = "root", .port = 3306};

static uint64_t rows;
static uint64_t bytes;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "copy_floor: %s: %s\n", what, why);
    exit(1);
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static MYSQL *login(void)
{
    MYSQL *m = mysql_init(NULL);
    if (m == NULL)
        die("login", "out of memory");
    my_bool on = 1, off = 0;
    mysql_options(m, MYSQL_OPT_SSL_ENFORCE, opt.plain ? &off : &on);
    mysql_options(m, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &off);
    mysql_options(m, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (mysql_real_connect(m, opt.host, opt.user, getenv("MYSQL_PWD"), opt.database, opt.port, NULL,
                           0) == NULL)
        die("login", mysql_error(m));
    return m;
}

static bool is_integer(enum enum_field_types type)
{
    return type == MYSQL_TYPE_TINY || type == MYSQL_TYPE_SHORT || type == MYSQL_TYPE_INT24 ||
           type == MYSQL_TYPE_LONG || type == MYSQL_TYPE_LONGLONG;
}

/* Points each column's binding at its cell. */
static unsigned bind_columns(MYSQL_STMT *st, MYSQL_BIND *binds, struct cell *cells)
{
    MYSQL_RES *meta = mysql_stmt_result_metadata(st);
    if (meta == NULL)
        die("columns", mysql_stmt_error(st));
    unsigned n = mysql_num_fields(meta);
    if (n > COLUMNS_MAX)
        die("columns", "too many");
    for (unsigned i = 0; i < n; i++) {
        const MYSQL_FIELD *f = mysql_fetch_field_direct(meta, i);
        struct cell *c = &cells[i];
        binds[i].is_null = &c->null;
        binds[i].length = &c->length;
        if (is_integer(f->type)) {
            binds[i].buffer_type = MYSQL_TYPE_LONGLONG;
            binds[i].buffer = &c->number;
            continue;
        }
        binds[i].buffer_length = f->length < CELL_MAX ? f->length + 1 : CELL_MAX;
        binds[i].buffer = c->bytes = malloc(binds[i].buffer_length);
        binds[i].buffer_type = MYSQL_TYPE_STRING;
        if (c->bytes == NULL)
            die("columns", "out of memory");
    }
    mysql_free_result(meta);
    return n;
}

static void read_table(MYSQL *m, const char *table)
{
    static MYSQL_BIND binds[COLUMNS_MAX];
    static struct cell cells[COLUMNS_MAX];
    char sql[512];
    memset(binds, 0, sizeof binds);
    memset(cells, 0, sizeof cells);
    int len = snprintf(sql, sizeof sql, "SELECT * FROM `%s`", table);
    if (len < 0 || (size_t)len >= sizeof sql)
        die(table, "the name is too long");
    MYSQL_STMT *st = mysql_stmt_init(m);
    if (st == NULL || mysql_stmt_prepare(st, sql, (unsigned long)len) != 0)
        die(table, mysql_error(m));
    unsigned n = bind_columns(st, binds, cells);
    if (mysql_stmt_execute(st) != 0 || mysql_stmt_bind_result(st, binds) != 0)
        die(table, mysql_stmt_error(st));
    int e;
    while ((e = mysql_stmt_fetch(st)) == 0 || e == MYSQL_DATA_TRUNCATED) {
        rows++;
        for (unsigned i = 0; i < n; i++)
            bytes += cells[i].null ? 0 : cells[i].length;
    }
    if (e != MYSQL_NO_DATA)
        die(table, mysql_stmt_error(st));
    mysql_stmt_close(st);
    for (unsigned i = 0; i < n; i++)
        free(cells[i].bytes);
}

int main(int argc, char **argv)
{
    int c;
    while ((c = getopt(argc, argv, "h:P:u:d")) != -1) {
        if (c == 'h')
            opt.host = optarg;
        else if (c == 'P')
            opt.port = (unsigned)strtoul(optarg, NULL, 10);
        else if (c == 'u')
            opt.user = optarg;
        else if (c == 'd')
            opt.plain = true;
        else
            die("usage", "see the head of bench/copy_floor.c");
    }
    if (optind + 2 > argc)
        die("usage", "see the head of bench/copy_floor.c");
    opt.database = argv[optind];
    double began = now_s();
    MYSQL *m = login();
    for (int i = optind + 1; i < argc; i++)
        read_table(m, argv[i]);
    mysql_close(m);
    printf("{\"bench\":\"copy_floor\",\"rows\":%llu,\"bytes\":%llu,\"wall_s\":%.4f}\n",
           (unsigned long long)rows, (unsigned long long)bytes, now_s() - began);
    return 0;
}
