/*
 * Reading the checkpoint log: bytes in, records out, no files. Every byte is
 * distrusted.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"
#include "checkpoint/wal_format.h"

/* What a file turned out to be. */
struct wal_contents {
    uint64_t sequence;
    uint64_t end;    /* behind the last COMMIT: what counts */
    uint64_t bad_at; /* ERR_STATE_DAMAGED: where, in bytes */
    const char *why; /* ERR_STATE_DAMAGED: what is wrong there */
    bool torn;       /* something was written behind end */
};

/*
 * Checks a whole file; a file that was cut short is given as it is.
 * ERR_STATE_DAMAGED when something that was durable cannot be read: *out then
 * says where and why.
 *
 * The rule: records are read up to the first that is not valid. Were bytes
 * behind that point durable once, then this is damage; the file's header, and
 * any valid record further on, tell what was durable when they were written.
 * Else a crash tore the end off, and everything behind the last COMMIT goes.
 */
NODISCARD enum err wal_check(struct slice file, struct wal_contents *out);

/* One record of a checked file. payload is not aligned. */
struct wal_record {
    enum wal_type type;
    struct slice payload;
};

/* The record at *at, which begins as sizeof(struct wal_file_header); false at contents->end. */
bool wal_next(struct slice file, const struct wal_contents *contents, uint64_t *at,
              struct wal_record *out);
