#include "state_folder.h"

#include "base/crc32c.h"
#include "checkpoint/wal_format.h"
#include "checkpoint/wal_read.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A log with the positions 1 to n, each synced alone, as its bytes. */
static struct bytes log_of(struct folder *f, char path[128], uint64_t n)
{
    struct ckpt *c = NULL;
    struct errmsg em = {0};
    cr_assert_eq(ckpt_open(f->path, "t", &c, &em), ERR_OK, "%s", em.text);
    for (uint64_t i = 1; i <= n; i++) {
        put_position(c, i);
        synced(c);
    }
    ckpt_close(c);
    folder_log(f, path);
    return file_read(path);
}

/* Bytes that each sync of log_of() adds. */
static size_t one_sync(void)
{
    struct ckpt_position p = position_of(1);
    return wal_record_size(8) +
           wal_record_size(2 + WAL_POSITION_FIXED + 2 + p.file.len + 4 + p.gtid_set.len);
}

/* Opens the folder with these bytes as its log. */
static enum err open_with(struct folder *f, const char *path, const uint8_t *ptr, size_t len,
                          uint64_t *position)
{
    struct ckpt *c = NULL;
    struct errmsg em = {0};
    char now[128];
    *position = 0;
    if (access(path, F_OK) != 0) { /* the last open went on in another file */
        folder_log(f, now);
        unlink(now);
    }
    file_write(path, ptr, len);
    enum err e = try_open(f, &c, &em);
    if (e == ERR_OK)
        *position = position_in(c);
    else
        cr_assert(strstr(em.text, f->path) != NULL, "%s", em.text);
    ckpt_close(c);
    return e;
}

Test(recovery, a_log_cut_anywhere_in_its_last_records_goes_back_to_the_sync_before)
{
    struct folder f = folder_new();
    char path[128];
    struct bytes log = log_of(&f, path, 3);
    size_t used = bytes_used(log);
    size_t last = one_sync();
    uint64_t position;
    for (size_t len = used - last; len < used; len++) {
        cr_assert_eq(open_with(&f, path, log.ptr, len, &position), ERR_OK, "cut at %zu of %zu", len,
                     used);
        cr_assert(position == 2 || len > used - 8, "cut at %zu of %zu: %lu", len, used, position);
    }
    cr_assert_eq(open_with(&f, path, log.ptr, used, &position), ERR_OK);
    cr_assert_eq(position, 3);
    free(log.ptr);
    folder_remove(&f);
}

Test(recovery, the_same_with_zeros_in_place_of_what_was_cut)
{
    struct folder f = folder_new();
    char path[128];
    struct bytes log = log_of(&f, path, 3);
    size_t used = bytes_used(log), commit = used - wal_record_size(8);
    uint64_t position;
    for (size_t from = commit - 100; from < used; from++) {
        uint8_t *torn = malloc(log.len);
        memcpy(torn, log.ptr, log.len);
        memset(torn + from, 0, log.len - from);
        cr_assert_eq(open_with(&f, path, torn, log.len, &position), ERR_OK, "from %zu", from);
        cr_assert(position == 2 || (position == 3 && memcmp(torn, log.ptr, log.len) == 0));
        free(torn);
    }
    free(log.ptr);
    folder_remove(&f);
}

Test(recovery, every_flipped_bit_of_what_was_known_to_be_synced_is_refused)
{
    struct folder f = folder_new();
    char path[128];
    struct bytes log = log_of(&f, path, 4);
    size_t used = bytes_used(log);
    size_t last = one_sync();
    for (size_t i = 0; i < used - last; i++) {
        struct wal_contents contents;
        unsigned bit = 1u << (i % 8);
        log.ptr[i] = (uint8_t)(log.ptr[i] ^ bit);
        cr_assert_eq(wal_check(slice_of(log.ptr, log.len), &contents), ERR_STATE_DAMAGED,
                     "byte %zu", i);
        log.ptr[i] = (uint8_t)(log.ptr[i] ^ bit);
    }
    uint64_t position;
    log.ptr[used / 2] ^= 0x10;
    cr_assert_eq(open_with(&f, path, log.ptr, log.len, &position), ERR_STATE_DAMAGED);
    struct bytes after = file_read(path);
    cr_assert(after.len == log.len && memcmp(after.ptr, log.ptr, log.len) == 0,
              "a damaged log is left as it is");
    free(after.ptr);
    free(log.ptr);
    folder_remove(&f);
}

Test(recovery, a_flipped_bit_in_the_last_sync_goes_back_to_the_one_before)
{
    struct folder f = folder_new();
    char path[128];
    struct bytes log = log_of(&f, path, 3);
    size_t used = bytes_used(log);
    uint64_t position;
    log.ptr[used - 20] ^= 1;
    cr_assert_eq(open_with(&f, path, log.ptr, log.len, &position), ERR_OK);
    cr_assert_eq(position, 2);
    free(log.ptr);
    folder_remove(&f);
}

Test(recovery, the_first_state_of_a_file_is_never_taken_for_a_torn_tail)
{
    struct folder f = folder_new();
    char path[128];
    free(log_of(&f, path, 3).ptr);
    struct bytes log = log_of(&f, path, 0); /* compacted by opening, nothing synced since */
    size_t used = bytes_used(log);
    for (size_t i = 0; i < used; i++) {
        struct wal_contents contents;
        log.ptr[i] ^= 4;
        cr_assert_eq(wal_check(slice_of(log.ptr, log.len), &contents), ERR_STATE_DAMAGED,
                     "byte %zu", i);
        log.ptr[i] ^= 4;
        if (i < used - 8)
            cr_assert_eq(wal_check(slice_of(log.ptr, i), &contents), ERR_STATE_DAMAGED,
                         "cut at %zu", i);
    }
    free(log.ptr);
    folder_remove(&f);
}

Test(recovery, an_unsynced_tail_may_be_missing_in_any_of_its_sectors)
{
    enum { SECTOR = 512, ROUNDS = 400 };
    struct folder f = folder_new();
    char path[128];
    struct ckpt *c = opened(&f);
    unsigned seed = 42;
    put_position(c, 1);
    for (int i = 0; i < 40; i++)
        cr_assert_eq(ckpt_put_topic(c, slice_of(&i, sizeof(i)), 1), ERR_OK);
    synced(c);
    ckpt_close(c);

    c = NULL;
    cr_assert_eq(ckpt_open(f.path, "t", &c, NULL), ERR_OK);
    folder_log(&f, path);
    struct bytes before = file_read(path);
    put_position(c, 2);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(ckpt_put_topic(c, slice_of(&i, sizeof(i)), 2), ERR_OK);
    synced(c);
    struct bytes after = file_read(path);
    ckpt_close(c);

    uint8_t *mix = malloc(after.len);
    size_t used = bytes_used(after), whole = 0;
    for (int round = 0; round < ROUNDS; round++) {
        memcpy(mix, before.ptr, before.len);
        bool all = true;
        for (size_t at = 0; at < used; at += SECTOR) {
            bool arrived = round == 0 || rand_r(&seed) % 8 != 0;
            if (arrived)
                memcpy(mix + at, after.ptr + at, SECTOR);
            else if (memcmp(mix + at, after.ptr + at, SECTOR) != 0)
                all = false;
        }
        uint64_t position;
        cr_assert_eq(open_with(&f, path, mix, after.len, &position), ERR_OK, "round %d", round);
        cr_assert_eq(position, all ? 2 : 1, "round %d", round);
        whole += all;
    }
    cr_assert_geq(whole, 1);
    free(mix);
    free(before.ptr);
    free(after.ptr);
    folder_remove(&f);
}

/* A crash at any moment of a compaction leaves one of these folders behind. */
Test(recovery, a_compaction_that_a_crash_ends_at_any_moment_leaves_one_of_both_states)
{
    struct folder f = folder_new();
    char old_path[128], new_path[128], tmp_path[140];
    struct bytes old = log_of(&f, old_path, 3);
    struct ckpt *c = opened(&f); /* compacts */
    folder_log(&f, new_path);
    ckpt_close(c);
    struct bytes next = file_read(new_path);
    snprintf(tmp_path, sizeof(tmp_path), "%s.tmp", new_path);
    uint64_t position;

    for (size_t len = 0; len <= next.len;
         len += len < 400 ? 1 : 997) { /* half written, no name yet */
        file_write(tmp_path, next.ptr, len);
        cr_assert_eq(open_with(&f, old_path, old.ptr, old.len, &position), ERR_OK);
        cr_assert_eq(position, 3);
        cr_assert_neq(access(tmp_path, F_OK), 0, "what was half written is removed");
    }
    folder_log(&f, tmp_path);
    unlink(tmp_path);
    file_write(new_path, next.ptr, next.len); /* named, the old one still there */
    file_write(old_path, old.ptr, old.len);
    c = opened(&f);
    cr_assert_eq(position_in(c), 3);
    folder_log(&f, tmp_path);
    cr_assert_str_neq(tmp_path, old_path);
    ckpt_close(c);
    free(old.ptr);
    free(next.ptr);
    folder_remove(&f);
}

Test(recovery, a_log_under_another_logs_name_is_refused)
{
    struct folder f = folder_new();
    char path[128], copy[128];
    struct bytes log = log_of(&f, path, 1);
    struct ckpt *c = NULL;
    snprintf(copy, sizeof(copy), "%s/00000000000000ff.wal", f.path);
    file_write(copy, log.ptr, log.len);
    cr_assert_eq(try_open(&f, &c, NULL), ERR_STATE_DAMAGED);
    free(log.ptr);
    unlink(copy);
    folder_remove(&f);
}

/* Appends a record with a right checksum, whatever is in it. */
static size_t forge(uint8_t *at, uint16_t type, uint32_t number, uint64_t known,
                    struct slice payload)
{
    struct wal_record_header h = {
        .payload_len = (uint32_t)payload.len, .type = type, .number = number, .synced = known};
    size_t size = (size_t)wal_record_size(payload.len);
    memset(at, 0, size);
    memcpy(at, &h, sizeof(h));
    memcpy(at + sizeof(h), payload.ptr, payload.len);
    h.crc32c = crc32c(0, at + 4, size - 4);
    memcpy(at, &h.crc32c, 4);
    return size;
}

/* How many records are in the log. */
static uint32_t records_in(struct bytes log)
{
    struct wal_contents contents;
    struct wal_record r;
    uint64_t at = sizeof(struct wal_file_header);
    uint32_t n = 0;
    cr_assert_eq(wal_check(slice_of(log.ptr, log.len), &contents), ERR_OK);
    while (wal_next(slice_of(log.ptr, log.len), &contents, &at, &r))
        n++;
    return n;
}

Test(recovery, a_record_that_makes_no_sense_is_refused_though_its_checksum_is_right)
{
    static const struct {
        uint16_t type;
        const char *payload;
        size_t len;
    } wrong[] = {
        {WAL_POSITION, "\0\0", 2},      {WAL_POSITION, "", 0},
        {WAL_POSITION, "\1\0x", 3},     {WAL_TOPIC, "\1\0x\1\0\0", 6},
        {WAL_TOPIC, "\0\0\1\0\0\0", 6}, {WAL_TABLE, "\5\0ab", 4},
        {WAL_RESERVED, "\0\0\1", 3},    {WAL_TASK, "\0\0", 2},
        {WAL_XA_END, "\1\0xy", 4},      {WAL_IDENTITY, "\0\0\1\1\1\1", 6},
        {WAL_COMMIT, "1234567", 7},
    };
    struct folder f = folder_new();
    char path[128];
    struct bytes log = log_of(&f, path, 1);
    size_t used = bytes_used(log);
    uint32_t n = records_in(log);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        size_t at = used;
        uint64_t position;
        memset(log.ptr + used, 0, 400);
        at += forge(log.ptr + at, wrong[i].type, n, used, slice_of(wrong[i].payload, wrong[i].len));
        forge(log.ptr + at, WAL_COMMIT, n + 1, used, SLICE_LIT("12345678"));
        cr_assert_eq(open_with(&f, path, log.ptr, log.len, &position), ERR_STATE_DAMAGED, "%zu", i);
    }
    free(log.ptr);
    folder_remove(&f);
}

Test(recovery, a_length_past_the_file_or_the_limit_ends_the_log_there)
{
    static const uint32_t lengths[] = {0, WAL_PAYLOAD_MAX, WAL_PAYLOAD_MAX + 1, UINT32_MAX,
                                       UINT32_MAX - 23};
    struct folder f = folder_new();
    char path[128];
    struct bytes log = log_of(&f, path, 1);
    size_t used = bytes_used(log);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct wal_record_header h = {.payload_len = lengths[i], .type = WAL_TABLE, .number = 9};
        uint64_t position;
        memcpy(log.ptr + used, &h, sizeof(h));
        cr_assert_eq(open_with(&f, path, log.ptr, log.len, &position), ERR_OK);
        cr_assert_eq(position, 1);
    }
    free(log.ptr);
    folder_remove(&f);
}

/* The child tells each position before and after its sync, until it is killed. */
static void work_until_killed(const struct folder *f, int out)
{
    struct ckpt *c = NULL;
    if (try_open(f, &c, NULL) != ERR_OK)
        _exit(1);
    for (uint64_t n = position_in(c) + 1;; n++) {
        struct ckpt_position p = position_of(n);
        uint32_t n32 = (uint32_t)n;
        if (ckpt_put_position(c, &p) != ERR_OK ||
            ckpt_put_topic(c, SLICE_LIT("t"), n32) != ERR_OK || ckpt_sync(c, NULL) != ERR_OK ||
            write(out, &n, sizeof(n)) != sizeof(n))
            _exit(1);
    }
}

Test(recovery, kills_at_random_moments_lose_nothing_that_was_synced)
{
    struct folder f = folder_new();
    unsigned seed = 7;
    uint64_t last = 0;
    for (int round = 0; round < 30; round++) {
        int pipe_fds[2], status;
        cr_assert_eq(pipe(pipe_fds), 0);
        pid_t child = fork();
        if (child == 0) {
            close(pipe_fds[0]);
            work_until_killed(&f, pipe_fds[1]);
        }
        close(pipe_fds[1]);
        usleep((useconds_t)(rand_r(&seed) % 20000));
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        for (uint64_t n; read(pipe_fds[0], &n, sizeof(n)) == sizeof(n);)
            last = n;
        close(pipe_fds[0]);

        struct ckpt *c = opened(&f);
        uint64_t found = position_in(c);
        uint32_t partitions = 0;
        cr_assert(found >= last && found <= last + 1, "round %d: %lu after %lu", round, found,
                  last);
        if (found > 0)
            cr_assert(ckpt_topic(c, SLICE_LIT("t"), &partitions));
        cr_assert_eq(partitions, found, "both puts of a sync or none");
        last = found;
        ckpt_close(c);
    }
    folder_remove(&f);
}

Test(recovery, a_log_of_format_version_1_is_read)
{
    struct folder f = folder_new();
    char path[128];
    struct bytes log = file_read(FIXTURES "/version-1.wal");
    struct slice definition;
    struct ckpt_position begin;
    uint32_t partitions;
    mkdir(f.path, 0700);
    snprintf(path, sizeof(path), "%s/0000000000000002.wal", f.path);
    file_write(path, log.ptr, log.len);

    struct ckpt *c = opened(&f);
    struct ckpt_identity id;
    cr_assert_eq(position_in(c), 1234);
    cr_assert(ckpt_identity(c, &id));
    cr_assert(slice_eq(id.version, SLICE_LIT("10.11.6-MariaDB")));
    cr_assert_eq(id.flavour, CKPT_MARIADB_SERVER);
    cr_assert_eq(ckpt_reserved_id(c), 3u << 20);
    cr_assert(ckpt_topic(c, SLICE_LIT("orders"), &partitions));
    cr_assert_eq(partitions, 6);
    cr_assert(ckpt_table(c, SLICE_LIT("shop.orders"), &definition));
    cr_assert(slice_eq(definition, SLICE_LIT("definition")));
    cr_assert(ckpt_xa(c, SLICE_LIT("prepared"), &begin));
    cr_assert_eq(begin.next_id, 1200);
    cr_assert_not(ckpt_xa(c, SLICE_LIT("ended"), &begin));
    ckpt_close(c);
    free(log.ptr);
    folder_remove(&f);
}

Test(recovery, a_log_of_a_later_version_is_refused)
{
    struct folder f = folder_new();
    char path[128];
    struct bytes log = log_of(&f, path, 1);
    struct wal_file_header h;
    uint64_t position;
    memcpy(&h, log.ptr, sizeof(h));
    h.version = 2;
    h.crc32c = crc32c(0, &h, 60);
    memcpy(log.ptr, &h, sizeof(h));
    cr_assert_eq(open_with(&f, path, log.ptr, log.len, &position), ERR_STATE_DAMAGED);
    free(log.ptr);
    folder_remove(&f);
}
