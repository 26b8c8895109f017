/*
 * Opening a state folder: who may, what is there, what of it counts.
 *
 * The log with the highest sequence is the one: a file gets its name only
 * when everything in it is on disk. Whatever was torn off its end is left
 * behind by going on in a new file at once, so no byte of a torn tail can ever
 * be taken for a record later.
 */
#include "base/log.h"
#include "checkpoint/ckpt_int.h"
#include "checkpoint/record.h"
#include "checkpoint/wal_read.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SIZE_MIN      (1u << 20)
#define FILE_READ_MAX (1u << 30)
#define LOOKS         5 /* at a log that another process writes */
#define LOOK_MS       20

static enum err folder_error(const struct ckpt *c, struct errmsg *em, const char *what)
{
    return errmsg_set(em, ERR_STATE_IO, "state folder %s: %s: %s", c->path, what,
                      strerrordesc_np(errno));
}

static enum err open_folder(struct ckpt *c, struct errmsg *em)
{
    if (mkdir(c->path, 0700) != 0 && errno != EEXIST)
        return folder_error(c, em, "cannot be made");
    c->folder = open(c->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return c->folder >= 0 ? ERR_OK : folder_error(c, em, "cannot be opened");
}

static void note_owner(int lock)
{
    char text[32];
    int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    /* For people who look; the lock itself is flock's, and goes with the process. */
    if (ftruncate(lock, 0) == 0 && len > 0)
        (void)!pwrite(lock, text, (size_t)len, 0);
}

static enum err tell_owner(const struct ckpt *c, struct errmsg *em)
{
    char owner[32] = "";
    ssize_t n = pread(c->lock, owner, sizeof(owner) - 1, 0);
    long pid = n > 0 ? strtol(owner, NULL, 10) : 0;
    return errmsg_set(
        em, ERR_STATE_LOCKED,
        "state folder %s is in use by another process (pid %ld): stop it, or give this "
        "task a state_dir of its own",
        c->path, pid);
}

static enum err take_lock(struct ckpt *c, struct errmsg *em)
{
    c->lock = openat(c->folder, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (c->lock < 0)
        return folder_error(c, em, "its lock file cannot be opened");
    if (flock(c->lock, LOCK_EX | LOCK_NB) == 0) {
        note_owner(c->lock);
        return ERR_OK;
    }
    if (errno != EWOULDBLOCK)
        return folder_error(c, em, "cannot be locked");
    return tell_owner(c, em);
}

/* The sequence in a name, 0 when it is no log's. */
static uint64_t sequence_of(const char *name, bool *temporary)
{
    char again[WAL_NAME_SIZE];
    uint64_t sequence = strtoull(name, NULL, 16);
    *temporary = strcmp(name, wal_name(sequence, true, again)) == 0;
    return *temporary || strcmp(name, wal_name(sequence, false, again)) == 0 ? sequence : 0;
}

/*
 * Walks over the logs of the folder: *newest is the highest sequence with a
 * final name. With keep not 0 all others are removed.
 */
static enum err list_logs(const struct ckpt *c, uint64_t keep, uint64_t *newest, struct errmsg *em)
{
    int fd = dup(c->folder);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return folder_error(c, em, "cannot be read");
    }
    rewinddir(dir);
    *newest = 0;
    for (const struct dirent *d; (d = readdir(dir)) != NULL;) {
        bool temporary;
        uint64_t sequence = sequence_of(d->d_name, &temporary);
        if (!temporary && sequence > *newest)
            *newest = sequence;
        if (keep != 0 && sequence != 0 && (sequence != keep || temporary))
            unlinkat(c->folder, d->d_name, 0);
    }
    closedir(dir);
    return ERR_OK;
}

/* The whole file on the heap: a read error is an error here, not a signal. */
static enum err read_log(const struct ckpt *c, const char *name, struct slice *out,
                         struct errmsg *em)
{
    int fd = openat(c->folder, name, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        enum err e = folder_error(c, em, "its log cannot be opened");
        if (fd >= 0)
            close(fd);
        return e;
    }
    size_t size = st.st_size > FILE_READ_MAX ? FILE_READ_MAX : (size_t)st.st_size, len = 0;
    uint8_t *bytes = malloc(size + 1);
    ssize_t n = bytes != NULL ? 1 : -1;
    while (n > 0 && len < size) {
        n = pread(fd, bytes + len, size - len, (off_t)len);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n > 0)
            len += (size_t)n;
    }
    enum err e = n < 0 ? folder_error(c, em, "its log cannot be read") : ERR_OK;
    close(fd);
    if (e == ERR_OK)
        *out = slice_of(bytes, len);
    else
        free(bytes);
    return e;
}

static enum err apply_log(struct ckpt *c, const char *name, struct slice bytes, struct errmsg *em)
{
    struct wal_contents contents;
    if (wal_check(bytes, &contents) != ERR_OK)
        return errmsg_set(em, ERR_STATE_DAMAGED,
                          "state folder %s: %s is damaged at byte %" PRIu64
                          ": %s: restore the folder "
                          "from a copy, or begin anew with an empty one",
                          c->path, name, contents.bad_at, contents.why);
    if (contents.sequence != c->file.sequence)
        return errmsg_set(em, ERR_STATE_DAMAGED,
                          "state folder %s: %s is a copy of another log: its sequence is %" PRIx64,
                          c->path, name, contents.sequence);
    uint64_t at = sizeof(struct wal_file_header);
    for (struct wal_record r; wal_next(bytes, &contents, &at, &r);) {
        if (!record_well_formed(r.type, r.payload))
            return errmsg_set(em, ERR_STATE_DAMAGED,
                              "state folder %s: %s is damaged before byte %" PRIu64 ": a record of "
                              "type %d that makes no sense",
                              c->path, name, at, (int)r.type);
        if (r.type != WAL_COMMIT && ckpt_apply(&c->state, r.type, r.payload) != ERR_OK)
            return errmsg_set(em, ERR_NO_MEMORY, "out of memory for the checkpoint");
    }
    if (contents.torn)
        log_warn("checkpoint.torn", "file=%s kept_bytes=%" PRIu64, name, contents.end);
    return ERR_OK;
}

enum err ckpt_recover(struct ckpt *c, struct errmsg *em)
{
    uint64_t newest;
    char name[WAL_NAME_SIZE];
    struct slice bytes;
    TRY(list_logs(c, 0, &newest, em));
    c->file.sequence = newest;
    if (newest == 0)
        return ERR_OK;
    wal_name(newest, false, name);
    TRY(read_log(c, name, &bytes, em));
    enum err e = apply_log(c, name, bytes, em);
    free((void *)(uintptr_t)bytes.ptr); /* from read_log() */
    return e;
}

/* The log says whose it is. *named: it does. */
static enum err compare_task(const struct ckpt *c, const char *task, bool *named, struct errmsg *em)
{
    const struct ckpt_entry *e = ckpt_state_get(&c->state, WAL_TASK, SLICE_LIT(""));
    *named = e != NULL;
    if (e == NULL && c->file.sequence != 0)
        return errmsg_set(em, ERR_STATE_DAMAGED, "state folder %s: its log does not name a task",
                          c->path);
    if (e != NULL && !slice_eq(ckpt_entry_value(e), slice_str(task)))
        return errmsg_set(em, ERR_CONFIG,
                          "state folder %s belongs to the task %.*s, not to %s: give each task a "
                          "state_dir of its own",
                          c->path, SLICE_ARG(ckpt_entry_value(e)), task);
    return ERR_OK;
}

static enum err check_task(struct ckpt *c, const char *task, struct errmsg *em)
{
    bool named;
    TRY(compare_task(c, task, &named, em));
    if (named)
        return ERR_OK;
    struct writer w;
    writer_init(&w, 4096);
    record_key(&w, SLICE_LIT(""));
    writer_slice_put(&w, slice_str(task));
    enum err put = w.err;
    if (put == ERR_OK)
        put = ckpt_state_put(&c->state, WAL_TASK, writer_slice(&w));
    writer_fini(&w);
    return put == ERR_OK ? ERR_OK : errmsg_set(em, put, "out of memory for the checkpoint");
}

static enum err open_all(struct ckpt *c, const char *task, struct errmsg *em)
{
    uint64_t newest;
    TRY(open_folder(c, em));
    TRY(take_lock(c, em));
    TRY(ckpt_recover(c, em));
    TRY(check_task(c, task, em));
    enum err e = ckpt_compact(c, em);
    if (e != ERR_OK) {
        errmsg_prefix(em, "state folder %s", c->path);
        return e;
    }
    return list_logs(c, c->file.sequence, &newest, em);
}

static struct ckpt *ckpt_blank(const char *folder)
{
    struct ckpt *c = calloc(1, sizeof(*c));
    if (c == NULL || (c->path = strdup(folder)) == NULL) {
        free(c);
        return NULL;
    }
    c->folder = c->lock = c->file.fd = -1;
    return c;
}

enum err ckpt_open_sized(const char *folder, const char *task, uint64_t size_min, struct ckpt **out,
                         struct errmsg *em)
{
    struct ckpt *c = ckpt_blank(folder);
    if (c == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory for the checkpoint");
    c->size_min = size_min;
    writer_init(&c->pending, CKPT_PENDING_MAX);
    enum err e = open_all(c, task, em);
    if (e == ERR_OK)
        *out = c;
    else
        ckpt_close(c);
    return e;
}

enum err ckpt_open(const char *folder, const char *task, struct ckpt **out, struct errmsg *em)
{
    return ckpt_open_sized(folder, task, SIZE_MIN, out, em);
}

/* *there false: no folder, or nothing in it. */
static enum err look_into(struct ckpt *c, const char *task, bool *there, bool *in_use,
                          struct errmsg *em)
{
    bool named;
    *there = *in_use = false;
    c->folder = open(c->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (c->folder < 0)
        return errno == ENOENT ? ERR_OK : folder_error(c, em, "cannot be opened");
    c->lock = openat(c->folder, "lock", O_RDONLY | O_CLOEXEC);
    if (c->lock < 0)
        return errno == ENOENT ? ERR_OK : folder_error(c, em, "its lock file cannot be opened");
    *in_use = flock(c->lock, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    enum err e = ckpt_recover(c, em);
    if (e == ERR_OK)
        e = compare_task(c, task, &named, em);
    *there = e == ERR_OK && c->file.sequence != 0;
    return e;
}

/* One look; *out NULL: nothing is there, or nothing that can be read. */
static enum err look_once(const char *folder, const char *task, struct ckpt **out, bool *in_use,
                          struct errmsg *em)
{
    bool there;
    struct ckpt *c = ckpt_blank(folder);
    *out = NULL;
    if (c == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory for the checkpoint");
    writer_init(&c->pending, 0);
    enum err e = look_into(c, task, &there, in_use, em);
    if (c->lock >= 0)
        (void)flock(c->lock, LOCK_UN); /* who looks keeps nobody from starting */
    if (e == ERR_OK && there)
        *out = c;
    else
        ckpt_close(c);
    return e;
}

enum err ckpt_open_to_read(const char *folder, const char *task, struct ckpt **out, bool *in_use,
                           struct errmsg *em)
{
    struct ckpt *c = NULL;
    enum err e = ERR_OK;
    for (unsigned i = 0; i < LOOKS; i++) {
        e = look_once(folder, task, &c, in_use, em);
        /* A log that is written to, or replaced, may look damaged; whose it is is sure. */
        if (e == ERR_OK || e == ERR_CONFIG || e == ERR_NO_MEMORY || !*in_use)
            break;
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
    }
    if (e != ERR_OK && (!*in_use || e == ERR_CONFIG || e == ERR_NO_MEMORY))
        return e;
    *out = c;
    return ERR_OK;
}

void ckpt_close(struct ckpt *c)
{
    if (c == NULL)
        return;
    wal_close(&c->file);
    ckpt_state_fini(&c->state);
    writer_fini(&c->pending);
    if (c->lock >= 0)
        close(c->lock); /* gives the lock up */
    if (c->folder >= 0)
        close(c->folder);
    free(c->path);
    free(c);
}
