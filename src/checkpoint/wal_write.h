/*
 * Writing the checkpoint log: one preallocated file, mapped, appended to.
 *
 *   wal_create()    a new file under a temporary name, all of its blocks allocated
 *   wal_append()    ... the state
 *   wal_publish()   COMMIT, to disk, then the final name
 *   wal_append()    ... what is new
 *   wal_commit()    COMMIT, to disk
 *   wal_close()
 *
 * The blocks are allocated before anything is stored through the mapping, so a
 * full disk shows as an error of wal_create() and never as SIGBUS.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"
#include "checkpoint/wal_format.h"

struct wal_file {
    int folder; /* borrowed */
    int fd;     /* -1: there is no file */
    uint8_t *map;
    uint64_t size;
    uint64_t end;    /* where the next record goes */
    uint64_t synced; /* bytes on disk for sure */
    uint64_t sequence;
    uint32_t number; /* of the next record */
    bool failed;     /* a write-out failed: what is on disk is not known any more */
};

#define WAL_NAME_SIZE 32

/* Final or temporary name of a file; returns buf. */
const char *wal_name(uint64_t sequence, bool temporary, char buf[WAL_NAME_SIZE]);

/* size is rounded up. ERR_STATE_FULL or ERR_STATE_IO with a sentence, nothing left behind. */
NODISCARD enum err wal_create(int folder, uint64_t sequence, uint64_t size, struct wal_file *out,
                              struct errmsg *em);

/* Whether records of that many bytes (wal_record_size() each) and a COMMIT have room. */
bool wal_fits(const struct wal_file *f, uint64_t bytes);

/* There is room. Nothing is durable yet. */
void wal_append(struct wal_file *f, enum wal_type type, struct slice payload);

/* Appends a COMMIT and waits until all is on disk. */
NODISCARD enum err wal_commit(struct wal_file *f, struct errmsg *em);

/*
 * The first commit of a new file, and its final name. On failure it is closed;
 * f->failed then says whether it may be there all the same, under its final
 * name: older files must not be written to any more.
 */
NODISCARD enum err wal_publish(struct wal_file *f, struct errmsg *em);

/* Unmaps and closes. The file stays. */
void wal_close(struct wal_file *f);
