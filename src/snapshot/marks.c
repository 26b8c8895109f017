#include "snapshot/marks.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <time.h>

#define BINARY_LOG_STATUS_VERSION 80200 /* of MySQL: SHOW BINARY LOG STATUS */
#define WAIT_FUNCTION_VERSION     50705 /* of MySQL: WAIT_FOR_EXECUTED_GTID_SET() */
#define WAIT_SLICE_S              "0.5"
#define POLL_FIRST_MS             1
#define POLL_MOST_MS              100
#define PATIENCE_MS               10000 /* after which the log tells of a wait */
#define SET_TEXT_MAX              (64u << 20)

static void sleep_ms(uint64_t ms)
{
    struct timespec t = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

static bool stopped(const atomic_bool *stop)
{
    return stop != NULL && atomic_load_explicit(stop, memory_order_relaxed);
}

/* ---- places ---- */

static uint64_t file_number(const char *file)
{
    const char *dot = strrchr(file, '.');
    return dot != NULL ? strtoull(dot + 1, NULL, 10) : 0;
}

int copy_place_compare(const char *file_a, uint64_t offset_a, const char *file_b, uint64_t offset_b)
{
    uint64_t a = file_number(file_a), b = file_number(file_b);
    if (a != b)
        return a < b ? -1 : 1;
    return (offset_a > offset_b) - (offset_a < offset_b);
}

static enum err take_file(struct slice text, struct copy_mark *m)
{
    if (text.len >= sizeof(m->file))
        return ERR_PROTOCOL;
    memcpy(m->file, text.ptr, text.len);
    m->file[text.len] = '\0';
    return ERR_OK;
}

static enum err take_place(void *arg, const struct src_row *row)
{
    struct copy_mark *m = arg;
    if (row->count < 2)
        return ERR_PROTOCOL;
    m->offset = slice_number(row->values[1].text);
    return take_file(row->values[0].text, m);
}

enum err copy_mark_place(struct src_session *s, const struct src_server *sv, struct copy_mark *m,
                         struct errmsg *em)
{
    bool renamed = sv->flavour == SRC_MYSQL && sv->version >= BINARY_LOG_STATUS_VERSION;
    bool split = sv->flavour == SRC_MARIADB && sv->version >= 100502;
    m->file[0] = '\0';
    enum err e = src_query(
        s, renamed ? SLICE_LIT("SHOW BINARY LOG STATUS") : SLICE_LIT("SHOW MASTER STATUS"),
        take_place, m, em);
    if (e == ERR_ACCESS_DENIED)
        errmsg_prefix(em, "reading the binlog position needs GRANT %s ON *.* TO the account",
                      split ? "BINLOG MONITOR" : "REPLICATION CLIENT");
    if (e == ERR_OK && m->file[0] == '\0')
        return errmsg_set(em, ERR_SOURCE_SETUP, "the source has no binary log");
    return e;
}

/* ---- MySQL's GTIDs ---- */

static enum err wait_for_set(struct src_session *s, const struct src_server *sv,
                             const struct my_gtid_set *seen, struct errmsg *em)
{
    if (sv->version < WAIT_FUNCTION_VERSION) {
        sleep_ms(POLL_MOST_MS);
        return ERR_OK;
    }
    struct writer sql;
    writer_init(&sql, SET_TEXT_MAX);
    writer_lit(&sql, "SELECT WAIT_FOR_EXECUTED_GTID_SET('");
    my_gtid_set_print(seen, &sql);
    writer_lit(&sql, "', " WAIT_SLICE_S ")");
    enum err e = sql.err;
    if (e == ERR_OK)
        e = src_query(s, writer_slice(&sql), NULL, NULL, em);
    else
        errmsg_set(em, e, "a GTID set that is too long to wait for");
    writer_fini(&sql);
    return e;
}

enum err copy_mark_wait(struct src_session *s, const struct src_server *sv,
                        const struct my_gtid_set *seen, const atomic_bool *stop,
                        struct my_gtid_set *executed, struct errmsg *em)
{
    uint64_t tell_ms = clock_mono_ms() + PATIENCE_MS;
    while (!my_gtid_set_subset(seen, executed)) {
        TRY(src_server_executed(s, executed, em));
        if (my_gtid_set_subset(seen, executed))
            break;
        if (stopped(stop))
            return errmsg_set(em, ERR_STOPPED, "asked to stop");
        TRY(wait_for_set(s, sv, seen, em));
        if (clock_mono_ms() >= tell_ms) {
            log_warn("copy.commit_hangs", "waiting_ms=%d", PATIENCE_MS);
            tell_ms = UINT64_MAX;
        }
    }
    return ERR_OK;
}

/* ---- MariaDB's snapshots ---- */

static enum err take_snapshot(void *arg, const struct src_row *row)
{
    struct copy_mark *m = arg;
    if (row->count < 2)
        return ERR_PROTOCOL;
    if (slice_eq_nocase(row->values[0].text, SLICE_LIT("Binlog_snapshot_file")))
        return take_file(row->values[1].text, m);
    if (slice_eq_nocase(row->values[0].text, SLICE_LIT("Binlog_snapshot_position")))
        m->offset = slice_number(row->values[1].text);
    return ERR_OK;
}

enum err copy_mark_snapshot(struct src_session *s, const struct copy_mark *seen,
                            const atomic_bool *stop, struct copy_mark *m, struct errmsg *em)
{
    uint64_t tell_ms = clock_mono_ms() + PATIENCE_MS;
    for (uint64_t poll_ms = POLL_FIRST_MS;; poll_ms *= 2) {
        TRY(src_execute(s, em, "START TRANSACTION WITH CONSISTENT SNAPSHOT"));
        m->file[0] = '\0';
        TRY(src_query(s, SLICE_LIT("SHOW STATUS LIKE 'binlog_snapshot%'"), take_snapshot, m, em));
        if (m->file[0] == '\0')
            return errmsg_set(em, ERR_SOURCE_SETUP,
                              "the source does not say where in the binlog its snapshots are");
        if (seen->file[0] == '\0' ||
            copy_place_compare(m->file, m->offset, seen->file, seen->offset) >= 0)
            return ERR_OK;
        TRY(src_execute(s, em, "ROLLBACK"));
        if (stopped(stop))
            return errmsg_set(em, ERR_STOPPED, "asked to stop");
        poll_ms = poll_ms < POLL_MOST_MS ? poll_ms : POLL_MOST_MS;
        sleep_ms(poll_ms);
        if (clock_mono_ms() >= tell_ms) {
            log_warn("copy.commit_hangs", "waiting_ms=%d", PATIENCE_MS);
            tell_ms = UINT64_MAX;
        }
    }
}
