#include "state_folder.h"

#include "base/log.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct folder folder_new(void)
{
    struct folder f;
    char base[] = "/tmp/rowcast-ckpt-XXXXXX";
    cr_assert_not_null(mkdtemp(base));
    snprintf(f.path, sizeof(f.path), "%s/state", base);
    return f;
}

static void remove_content(const char *path)
{
    DIR *dir = opendir(path);
    char name[512];
    for (const struct dirent *d; dir != NULL && (d = readdir(dir)) != NULL;) {
        snprintf(name, sizeof(name), "%s/%s", path, d->d_name);
        if (d->d_name[0] != '.')
            unlink(name);
    }
    if (dir != NULL)
        closedir(dir);
    rmdir(path);
}

void folder_remove(struct folder *f)
{
    remove_content(f->path);
    *strrchr(f->path, '/') = '\0';
    rmdir(f->path);
}

void folder_log(const struct folder *f, char path[128])
{
    DIR *dir = opendir(f->path);
    int found = 0;
    cr_assert_not_null(dir);
    for (const struct dirent *d; (d = readdir(dir)) != NULL;) {
        size_t len = strlen(d->d_name);
        if (len == 20 && strcmp(d->d_name + 16, ".wal") == 0) {
            snprintf(path, 128, "%s/%.20s", f->path, d->d_name);
            found++;
        }
    }
    closedir(dir);
    cr_assert_eq(found, 1, "one log is expected, not %d", found);
}

struct bytes file_read(const char *path)
{
    struct bytes b = {0};
    struct stat st;
    int fd = open(path, O_RDONLY);
    cr_assert(fd >= 0 && fstat(fd, &st) == 0);
    b.len = (size_t)st.st_size;
    b.ptr = malloc(b.len + 1);
    cr_assert(b.ptr != NULL && read(fd, b.ptr, b.len) == (ssize_t)b.len);
    close(fd);
    return b;
}

void file_write(const char *path, const uint8_t *ptr, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    cr_assert(fd >= 0);
    cr_assert_eq(write(fd, ptr, len), (ssize_t)len);
    close(fd);
}

size_t bytes_used(struct bytes b)
{
    while (b.len > 0 && b.ptr[b.len - 1] == 0)
        b.len--;
    return (b.len + 7) & ~(size_t)7;
}

struct ckpt_position position_of(uint64_t n)
{
    struct ckpt_position p = {.kind = CKPT_GTID,
                              .server_id = (uint32_t)n,
                              .offset = n * 3 + 4,
                              .rows = 0,
                              .next_id = n,
                              .source_time_us = n * 1000,
                              .taken_at_us = n * 1001};
    memset(p.server_uuid, (int)(n & 0xFF), sizeof(p.server_uuid));
    p.file = SLICE_LIT("binlog.000007");
    p.gtid_set = SLICE_LIT("\x01\x02\x03 a set of any bytes");
    return p;
}

enum err try_open(const struct folder *f, struct ckpt **out, struct errmsg *em)
{
    log_setup(LOG_ERROR, false); /* many torn logs are opened */
    return ckpt_open_sized(f->path, "t", 4096, out, em);
}

struct ckpt *opened(const struct folder *f)
{
    struct ckpt *c = NULL;
    struct errmsg em = {0};
    cr_assert_eq(try_open(f, &c, &em), ERR_OK, "%s", em.text);
    return c;
}

void put_position(struct ckpt *c, uint64_t n)
{
    struct ckpt_position p = position_of(n);
    cr_assert_eq(ckpt_put_position(c, &p), ERR_OK);
}

void synced(struct ckpt *c)
{
    struct errmsg em = {0};
    cr_assert_eq(ckpt_sync(c, &em), ERR_OK, "%s", em.text);
}

uint64_t position_in(const struct ckpt *c)
{
    struct ckpt_position p;
    if (!ckpt_position(c, &p))
        return 0;
    struct ckpt_position want = position_of(p.next_id);
    cr_assert_eq(p.kind, want.kind);
    cr_assert_eq(p.server_id, want.server_id);
    cr_assert_eq(p.offset, want.offset);
    cr_assert_eq(p.source_time_us, want.source_time_us);
    cr_assert_eq(p.taken_at_us, want.taken_at_us);
    cr_assert_arr_eq(p.server_uuid, want.server_uuid, 16);
    cr_assert(slice_eq(p.file, want.file));
    cr_assert(slice_eq(p.gtid_set, want.gtid_set));
    return p.next_id;
}
