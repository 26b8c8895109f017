#include "checkpoint/wal_write.h"

#include "base/clock.h"
#include "base/crc32c.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define COMMIT_PAYLOAD 8

const char *wal_name(uint64_t sequence, bool temporary, char buf[WAL_NAME_SIZE])
{
    snprintf(buf, WAL_NAME_SIZE, "%016" PRIx64 ".wal%s", sequence, temporary ? ".tmp" : "");
    return buf;
}

static enum err io_error(struct errmsg *em, const char *what, int code)
{
    return errmsg_set(em, ERR_STATE_IO, "the checkpoint log cannot be %s: %s", what,
                      strerrordesc_np(code));
}

/* Returns an errno. posix_fallocate() gives its own back, and may be interrupted. */
static int allocate(int fd, uint64_t size)
{
    int code;
    do
        code = posix_fallocate(fd, 0, (off_t)size);
    while (code == EINTR);
    return code;
}

enum err wal_create(int folder, uint64_t sequence, uint64_t size, struct wal_file *out,
                    struct errmsg *em)
{
    char name[WAL_NAME_SIZE];
    size = (size + WAL_FILE_ALIGN - 1) & ~(uint64_t)(WAL_FILE_ALIGN - 1);
    wal_name(sequence, true, name);
    if (unlinkat(folder, name, 0) != 0 && errno != ENOENT)
        return io_error(em, "made", errno);
    int fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return io_error(em, "made", errno);
    int code = allocate(fd, size);
    void *map = MAP_FAILED;
    if (code == 0) {
        map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        code = map == MAP_FAILED ? errno : 0;
    }
    if (code != 0) {
        close(fd);
        unlinkat(folder, name, 0);
        if (code == ENOSPC || code == EDQUOT || code == EFBIG)
            return errmsg_set(em, ERR_STATE_FULL,
                              "there is no room for %" PRIu64 " bytes of checkpoint log: %s: make "
                              "room in state_dir",
                              size, strerrordesc_np(code));
        return io_error(em, "made", code);
    }
    *out = (struct wal_file){.folder = folder,
                             .fd = fd,
                             .map = map,
                             .size = size,
                             .end = sizeof(struct wal_file_header),
                             .sequence = sequence};
    return ERR_OK;
}

bool wal_fits(const struct wal_file *f, uint64_t bytes)
{
    uint64_t room = f->size - f->end, commit = wal_record_size(COMMIT_PAYLOAD);
    return room >= commit && room - commit >= bytes;
}

void wal_append(struct wal_file *f, enum wal_type type, struct slice payload)
{
    struct wal_record_header h = {.payload_len = (uint32_t)payload.len,
                                  .type = (uint16_t)type,
                                  .number = f->number++,
                                  .synced = f->synced};
    uint8_t *at = f->map + f->end;
    size_t size = (size_t)wal_record_size(payload.len);
    memcpy(at + sizeof(h), payload.ptr, payload.len);
    memset(at + sizeof(h) + payload.len, 0, size - sizeof(h) - payload.len);
    memcpy(at, &h, sizeof(h));
    h.crc32c = crc32c(0, at + sizeof(h.crc32c), size - sizeof(h.crc32c));
    memcpy(at, &h.crc32c, sizeof(h.crc32c));
    f->end += size;
}

static void append_commit(struct wal_file *f)
{
    uint64_t now = clock_wall_us();
    wal_append(f, WAL_COMMIT, slice_of(&now, sizeof(now)));
}

/* Writes out the pages from `from` up to the end. A failed page may be dropped, so this is final.
 */
static enum err write_out(struct wal_file *f, uint64_t from, struct errmsg *em)
{
    from &= ~((uint64_t)sysconf(_SC_PAGESIZE) - 1);
    if (msync(f->map + from, f->end - from, MS_SYNC) != 0) {
        f->failed = true;
        return io_error(em, "written", errno);
    }
    f->synced = f->end;
    return ERR_OK;
}

enum err wal_commit(struct wal_file *f, struct errmsg *em)
{
    append_commit(f);
    return write_out(f, f->synced, em);
}

static void write_header(struct wal_file *f)
{
    struct wal_file_header h = {.version = WAL_VERSION,
                                .header_size = sizeof(h),
                                .sequence = f->sequence,
                                .file_size = f->size,
                                .made_at_us = clock_wall_us(),
                                .initial = f->end};
    memcpy(h.magic, WAL_MAGIC, sizeof(h.magic));
    h.crc32c = crc32c(0, &h, offsetof(struct wal_file_header, crc32c));
    memcpy(f->map, &h, sizeof(h));
}

/* Content first, then the name, then the folder that holds the name. */
static enum err publish(struct wal_file *f, struct errmsg *em)
{
    char temporary[WAL_NAME_SIZE], name[WAL_NAME_SIZE];
    append_commit(f);
    write_header(f);
    if (msync(f->map, f->end, MS_SYNC) != 0 || fsync(f->fd) != 0)
        return io_error(em, "written", errno);
    if (renameat(f->folder, wal_name(f->sequence, true, temporary), f->folder,
                 wal_name(f->sequence, false, name)) != 0)
        return io_error(em, "renamed", errno);
    if (fsync(f->folder) != 0) {
        f->failed = true; /* which of the two files a crash leaves is not known */
        return io_error(em, "written", errno);
    }
    f->synced = f->end;
    return ERR_OK;
}

enum err wal_publish(struct wal_file *f, struct errmsg *em)
{
    char name[WAL_NAME_SIZE];
    enum err e = publish(f, em);
    if (e == ERR_OK)
        return ERR_OK;
    wal_close(f);
    unlinkat(f->folder, wal_name(f->sequence, true, name), 0);
    return e;
}

void wal_close(struct wal_file *f)
{
    if (f->fd < 0)
        return;
    munmap(f->map, f->size);
    close(f->fd);
    f->fd = -1;
    f->map = NULL;
}
