#include "checkpoint/checkpoint.h"

#include "state_folder.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

Test(checkpoint, a_new_folder_is_made_and_holds_nothing)
{
    struct folder f = folder_new();
    struct ckpt *c = opened(&f);
    struct ckpt_position p;
    struct ckpt_identity id;
    size_t it = 0;
    struct slice name;
    uint32_t partitions;

    cr_assert_not(ckpt_position(c, &p));
    cr_assert_not(ckpt_identity(c, &id));
    cr_assert_eq(ckpt_reserved_id(c), 0);
    cr_assert_not(ckpt_next_topic(c, &it, &name, &partitions));
    ckpt_close(c);
    folder_remove(&f);
}

static void put_everything(struct ckpt *c)
{
    struct ckpt_identity id = {
        .flavour = CKPT_MYSQL, .server_id = 7, .version = SLICE_LIT("9.7.4")};
    struct ckpt_position begin = position_of(5);
    memset(id.server_uuid, 0xAB, 16);
    begin.kind = CKPT_FILE;
    begin.gtid_set = SLICE_LIT("");
    cr_assert_eq(ckpt_put_identity(c, &id), ERR_OK);
    put_position(c, 99);
    cr_assert_eq(ckpt_put_reserved_id(c, 1 << 20), ERR_OK);
    cr_assert_eq(ckpt_put_topic(c, SLICE_LIT("orders"), 6), ERR_OK);
    cr_assert_eq(ckpt_put_topic(c, SLICE_LIT("items"), 1), ERR_OK);
    cr_assert_eq(ckpt_put_table(c, SLICE_LIT("shop.orders"), SLICE_LIT("a definition")), ERR_OK);
    cr_assert_eq(ckpt_put_xa(c, SLICE_LIT("x\0id"), &begin), ERR_OK);
}

static void check_everything(const struct ckpt *c)
{
    struct ckpt_identity id;
    struct ckpt_position begin;
    struct slice definition;
    uint32_t partitions;
    cr_assert(ckpt_identity(c, &id));
    cr_assert_eq(id.flavour, CKPT_MYSQL);
    cr_assert_eq(id.server_id, 7);
    cr_assert_eq(id.server_uuid[15], 0xAB);
    cr_assert(slice_eq(id.version, SLICE_LIT("9.7.4")));
    cr_assert_eq(position_in(c), 99);
    cr_assert_eq(ckpt_reserved_id(c), 1 << 20);
    cr_assert(ckpt_topic(c, SLICE_LIT("orders"), &partitions));
    cr_assert_eq(partitions, 6);
    cr_assert_not(ckpt_topic(c, SLICE_LIT("order"), &partitions));
    cr_assert(ckpt_table(c, SLICE_LIT("shop.orders"), &definition));
    cr_assert(slice_eq(definition, SLICE_LIT("a definition")));
    cr_assert(ckpt_xa(c, SLICE_LIT("x\0id"), &begin));
    cr_assert_eq(begin.kind, CKPT_FILE);
    cr_assert_eq(begin.offset, 19);
    cr_assert_eq(begin.gtid_set.len, 0);
}

Test(checkpoint, what_was_synced_is_there_after_a_restart_and_after_a_second_one)
{
    struct folder f = folder_new();
    struct ckpt *c = opened(&f);
    put_everything(c);
    check_everything(c);
    synced(c);
    ckpt_close(c);
    for (int i = 0; i < 2; i++) {
        c = opened(&f);
        check_everything(c);
        ckpt_close(c);
    }
    folder_remove(&f);
}

Test(checkpoint, what_was_not_synced_is_not_there)
{
    struct folder f = folder_new();
    struct ckpt *c = opened(&f);
    put_position(c, 1);
    synced(c);
    put_position(c, 2);
    cr_assert_eq(ckpt_put_topic(c, SLICE_LIT("t"), 3), ERR_OK);
    ckpt_close(c);

    uint32_t partitions;
    c = opened(&f);
    cr_assert_eq(position_in(c), 1);
    cr_assert_not(ckpt_topic(c, SLICE_LIT("t"), &partitions));
    ckpt_close(c);
    folder_remove(&f);
}

Test(checkpoint, ends_remove_groups_and_tables_for_good)
{
    struct folder f = folder_new();
    struct ckpt *c = opened(&f);
    put_everything(c);
    synced(c);
    cr_assert_eq(ckpt_end_xa(c, SLICE_LIT("x\0id")), ERR_OK);
    cr_assert_eq(ckpt_end_xa(c, SLICE_LIT("never there")), ERR_OK);
    cr_assert_eq(ckpt_end_table(c, SLICE_LIT("shop.orders")), ERR_OK);
    synced(c);
    ckpt_close(c);

    struct slice out;
    struct ckpt_position p;
    size_t it = 0;
    c = opened(&f);
    cr_assert_not(ckpt_table(c, SLICE_LIT("shop.orders"), &out));
    cr_assert_not(ckpt_next_xa(c, &it, &out, &p));
    ckpt_close(c);
    folder_remove(&f);
}

Test(checkpoint, walks_meet_every_entry_of_their_kind_once)
{
    struct folder f = folder_new();
    struct ckpt *c = opened(&f);
    for (uint32_t i = 1; i <= 50; i++) {
        char name[16];
        snprintf(name, sizeof(name), "t%u", i);
        cr_assert_eq(ckpt_put_topic(c, slice_str(name), i), ERR_OK);
        cr_assert_eq(ckpt_put_table(c, slice_str(name), slice_str(name)), ERR_OK);
    }
    uint32_t partitions, sum = 0;
    struct slice name, definition;
    size_t it = 0, tables = 0;
    while (ckpt_next_topic(c, &it, &name, &partitions))
        sum += partitions;
    cr_assert_eq(sum, 50 * 51 / 2);
    for (it = 0; ckpt_next_table(c, &it, &name, &definition); tables++)
        cr_assert(slice_eq(name, definition));
    cr_assert_eq(tables, 50);
    ckpt_close(c);
    folder_remove(&f);
}

Test(checkpoint, the_log_does_not_grow_with_the_work_done)
{
    struct folder f = folder_new();
    struct ckpt *c = opened(&f);
    struct ckpt_stats stats;
    char path[128];
    for (uint64_t n = 1; n <= 5000; n++) {
        put_position(c, n);
        if (n % 10 == 0)
            synced(c);
        struct ckpt_position begin = position_of(n);
        cr_assert_eq(ckpt_put_xa(c, SLICE_LIT("xid"), &begin), ERR_OK);
        cr_assert_eq(ckpt_end_xa(c, SLICE_LIT("xid")), ERR_OK);
    }
    synced(c);
    ckpt_stats(c, &stats);
    cr_assert_gt(stats.compactions, 10);
    cr_assert_eq(stats.state_records, 2);
    folder_log(&f, path);
    cr_assert_leq(stats.file_size, 8192);
    ckpt_close(c);
    c = opened(&f);
    cr_assert_eq(position_in(c), 5000);
    ckpt_close(c);
    folder_remove(&f);
}

Test(checkpoint, a_state_larger_than_a_file_gets_a_larger_file)
{
    struct folder f = folder_new();
    struct ckpt *c = opened(&f);
    uint8_t *definition = malloc(100000);
    memset(definition, 'd', 100000);
    for (int i = 0; i < 20; i++) {
        char name[16];
        snprintf(name, sizeof(name), "t%d", i);
        cr_assert_eq(ckpt_put_table(c, slice_str(name), slice_of(definition, 100000)), ERR_OK);
    }
    put_position(c, 1);
    synced(c);
    put_position(c, 2);
    synced(c);
    ckpt_close(c);

    struct slice out = SLICE_LIT("");
    c = opened(&f);
    cr_assert_eq(position_in(c), 2);
    cr_assert(ckpt_table(c, SLICE_LIT("t19"), &out));
    cr_assert(slice_eq(out, slice_of(definition, 100000)));
    ckpt_close(c);
    free(definition);
    folder_remove(&f);
}

Test(checkpoint, what_is_too_large_is_refused_and_leaves_the_rest_alone)
{
    struct folder f = folder_new();
    struct ckpt *c = opened(&f);
    static uint8_t big[(16 << 20) + 1];
    struct ckpt_position p = position_of(1);
    put_position(c, 7);
    p.gtid_set = slice_of(big, sizeof(big));
    cr_assert_eq(ckpt_put_position(c, &p), ERR_TOO_LARGE);
    p = position_of(1);
    p.file = slice_of(big, 512);
    cr_assert_eq(ckpt_put_position(c, &p), ERR_TOO_LARGE);
    cr_assert_eq(ckpt_put_table(c, SLICE_LIT("k"), slice_of(big, 16 << 20)), ERR_TOO_LARGE);
    cr_assert_eq(ckpt_put_table(c, slice_of(big, 65536), SLICE_LIT("")), ERR_TOO_LARGE);
    cr_assert_eq(ckpt_put_topic(c, SLICE_LIT(""), 1), ERR_TOO_LARGE);
    synced(c);
    ckpt_close(c);
    c = opened(&f);
    cr_assert_eq(position_in(c), 7);
    ckpt_close(c);
    folder_remove(&f);
}

Test(checkpoint, a_second_process_is_refused)
{
    struct folder f = folder_new();
    struct ckpt *c = opened(&f);
    int status;
    pid_t child = fork();
    if (child == 0) {
        struct ckpt *second = NULL;
        struct errmsg em = {0};
        enum err e = try_open(&f, &second, &em);
        _exit(e == ERR_STATE_LOCKED && strstr(em.text, f.path) != NULL ? 0 : 1);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ckpt_close(c);
    ckpt_close(opened(&f));
    folder_remove(&f);
}

Test(checkpoint, who_only_looks_sees_what_is_durable_while_the_owner_writes)
{
    struct folder f = folder_new();
    struct ckpt *c, *seen = NULL;
    struct errmsg em = {0};
    bool in_use = true;
    uint32_t partitions;
    cr_assert_eq(ckpt_open_to_read(f.path, "t", &seen, &in_use, &em), ERR_OK);
    cr_assert(seen == NULL && !in_use, "nothing is there yet");
    c = opened(&f);
    cr_assert_eq(ckpt_put_topic(c, SLICE_LIT("orders"), 6), ERR_OK);
    put_position(c, 3);
    synced(c);
    cr_assert_eq(ckpt_put_topic(c, SLICE_LIT("items"), 1), ERR_OK);
    cr_assert_eq(ckpt_open_to_read(f.path, "t", &seen, &in_use, &em), ERR_OK);
    cr_assert(seen != NULL && in_use);
    cr_assert(ckpt_topic(seen, SLICE_LIT("orders"), &partitions) && partitions == 6);
    cr_assert_not(ckpt_topic(seen, SLICE_LIT("items"), &partitions));
    cr_assert_eq(position_in(seen), 3);
    ckpt_close(c);
    ckpt_close(seen);
    cr_assert_eq(ckpt_open_to_read(f.path, "t", &seen, &in_use, &em), ERR_OK);
    cr_assert(seen != NULL && !in_use);
    ckpt_close(opened(&f)); /* who looks keeps nobody out */
    ckpt_close(seen);
    cr_assert_eq(ckpt_open_to_read(f.path, "other", &seen, &in_use, &em), ERR_CONFIG);
    folder_remove(&f);
}

Test(checkpoint, a_log_that_is_written_at_every_look_is_no_error_while_it_is_in_use)
{
    struct folder f = folder_new();
    struct ckpt *c = opened(&f), *seen = c;
    struct errmsg em = {0};
    bool in_use = false;
    char path[128];
    put_position(c, 3);
    synced(c);
    folder_log(&f, path);
    struct bytes log = file_read(path);
    log.ptr[70] ^= 1;
    file_write(path, log.ptr, log.len);
    free(log.ptr);
    cr_assert_eq(ckpt_open_to_read(f.path, "t", &seen, &in_use, &em), ERR_OK);
    cr_assert(seen == NULL && in_use);
    ckpt_close(c);
    cr_assert_eq(ckpt_open_to_read(f.path, "t", &seen, &in_use, &em), ERR_STATE_DAMAGED);
    folder_remove(&f);
}

Test(checkpoint, a_folder_of_another_task_is_refused)
{
    struct folder f = folder_new();
    struct ckpt *c = opened(&f), *other = NULL;
    struct errmsg em = {0};
    ckpt_close(c);
    cr_assert_eq(ckpt_open(f.path, "other", &other, &em), ERR_CONFIG);
    cr_assert(strstr(em.text, "belongs to the task t") != NULL, "%s", em.text);
    cr_assert_null(other);
    folder_remove(&f);
}

Test(checkpoint, a_folder_that_cannot_be_made_is_an_error_with_its_name)
{
    struct ckpt *c = NULL;
    struct errmsg em = {0};
    cr_assert_eq(ckpt_open("/dev/null/state", "t", &c, &em), ERR_STATE_IO);
    cr_assert(strstr(em.text, "/dev/null/state") != NULL, "%s", em.text);
}

/* Fills the disk between two syncs: the next compaction has no room, and has it again later. */
static void out_of_room(struct folder *f, void (*fill)(void *arg), void (*make_room)(void *arg),
                        void *arg)
{
    struct ckpt *c = opened(f);
    struct errmsg em = {0};
    enum err e = ERR_OK;
    uint64_t n = 1, good = 0;
    put_position(c, n);
    synced(c);
    good = n;
    fill(arg);
    for (; n < 200 && e == ERR_OK; n++) {
        put_position(c, n);
        e = ckpt_sync(c, &em);
        if (e == ERR_OK)
            good = n;
    }
    cr_assert_eq(e, ERR_STATE_FULL);
    cr_assert(strstr(em.text, "no room") != NULL, "%s", em.text);
    make_room(arg);
    put_position(c, 1000);
    synced(c);
    fill(arg);
    ckpt_close(c);

    c = NULL;
    cr_assert_eq(try_open(f, &c, &em), ERR_STATE_FULL, "a start needs room, too");
    make_room(arg);
    c = opened(f);
    cr_assert_eq(position_in(c), 1000, "the last that was durable before was %lu",
                 (unsigned long)good);
    ckpt_close(c);
}

static void limit_files(void *arg)
{
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){1024, *(rlim_t *)arg});
}

static void lift_limit(void *arg)
{
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){*(rlim_t *)arg, *(rlim_t *)arg});
}

Test(checkpoint, a_limit_on_file_size_is_an_error_and_loses_nothing)
{
    struct folder f = folder_new();
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, SIG_IGN);
    out_of_room(&f, limit_files, lift_limit, &limit.rlim_max);
    folder_remove(&f);
}

static void fill_disk(void *arg)
{
    static const char block[1024];
    int fd = open(arg, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    while (write(fd, block, sizeof(block)) > 0)
        ;
    close(fd);
}

static void empty_disk(void *arg)
{
    unlink(arg);
}

Test(checkpoint, a_full_disk_is_an_error_and_loses_nothing)
{
    struct folder f = folder_new();
    char disk[64], filler[96];
    snprintf(disk, sizeof(disk), "%s", f.path);
    *strrchr(disk, '/') = '\0';
    if (mount("rowcast", disk, "tmpfs", 0, "size=64k") != 0) {
        folder_remove(&f);
        cr_skip_test("a small file system of one's own needs root");
    }
    snprintf(filler, sizeof(filler), "%s/filler", disk);
    out_of_room(&f, fill_disk, empty_disk, filler);
    umount(disk);
    folder_remove(&f);
}

Test(checkpoint, facts_are_kept_by_name_and_replaced)
{
    struct folder f = folder_new();
    struct ckpt *c = opened(&f);
    struct slice value;
    cr_assert(!ckpt_fact(c, SLICE_LIT("a"), &value));
    cr_assert_eq(ckpt_put_fact(c, SLICE_LIT("a"), SLICE_LIT("1")), ERR_OK);
    cr_assert_eq(ckpt_put_fact(c, SLICE_LIT("b"), SLICE_LIT("2")), ERR_OK);
    cr_assert_eq(ckpt_put_fact(c, SLICE_LIT("a"), SLICE_LIT("3")), ERR_OK);
    synced(c);
    ckpt_close(c);
    c = opened(&f);
    cr_assert(ckpt_fact(c, SLICE_LIT("a"), &value));
    cr_assert(slice_eq(value, SLICE_LIT("3")));
    cr_assert(ckpt_fact(c, SLICE_LIT("b"), &value));
    ckpt_close(c);
    folder_remove(&f);
}
