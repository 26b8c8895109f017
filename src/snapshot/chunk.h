/*
 * Chunks: the pieces that a full copy is read in.
 *
 * A chunk is a range of one table's key, (after, upto], with the rows that one
 * SELECT found in it and the two marks that the SELECT lies between:
 *
 *   seen   what the stream had passed when the chunk was opened; all of it was
 *          visible to the SELECT
 *   high   contains everything that may have been visible to it
 *
 * MySQL with GTIDs: seen is a set, waited for with WAIT_FOR_EXECUTED_GTID_SET;
 * high is the end of the binlog after the read. MariaDB: both are places; the
 * read is a consistent snapshot whose own place, high, is not before seen.
 * MySQL without GTIDs: places, and the SELECT is a locking read, which waits
 * for commits that are in the binlog and not yet in the engine.
 *
 * A chunk belongs to one thread at a time. Its rows are binary protocol rows
 * (copy_plan decodes them) in frames that it holds references on.
 */
#pragma once

#include "mysqlproto/gtid_set.h"
#include "snapshot/copy_table.h"
#include "snapshot/key.h"

struct frame;

/* A moment in the source's history. */
struct copy_mark {
    char file[512]; /* "": no place */
    uint64_t offset;
    struct my_gtid_set set; /* MySQL with GTIDs */
};

void copy_mark_fini(struct copy_mark *m);

struct chunk_row {
    const uint8_t *packet;
    uint32_t len;
    uint32_t frame; /* index into frames */
    bool head;      /* too large: only its first bytes, the key's columns among them */
};

struct chunk {
    struct chunk *next;       /* in the list of whoever owns it */
    struct copy_table *table; /* a reference */
    struct copy_key *after;   /* NULL: from the beginning */
    struct copy_key *upto;    /* NULL: to the end */
    struct copy_mark seen;
    struct copy_mark high;
    uint64_t read_us; /* when the SELECT ran, since 1970, UTC */
    uint32_t row_count;
    uint32_t row_cap;
    struct chunk_row *rows; /* in key order */
    uint32_t frame_count;
    uint32_t frame_cap;
    struct frame **frames;
    size_t bytes;        /* of the rows */
    size_t held;         /* of the frames that they lie in; a few rows hold a whole one */
    uint32_t range_rows; /* of the range, passing the filter or not; 0: not known */
    bool cut;            /* memory ran short: upto was moved to the last row that was read */
    bool more;           /* keyless: a part; further parts of the same read follow */
    enum err err;        /* the read failed; em says why, and marks and rows are void */
    uint16_t sql_error;  /* the server's number; 0: none */
    struct errmsg em;
    void *owner; /* the caller's, as range; parts of one read share both */
    void *range;
};

NODISCARD enum err chunk_new(struct copy_table *table, struct chunk **out);

/* Appends a row that lies in f, and keeps f. */
NODISCARD enum err chunk_add_row(struct chunk *c, struct slice packet, struct frame *f, bool head);

/* Drops rows and frames, keeps the range and the marks. */
void chunk_drop_rows(struct chunk *c);
void chunk_free(struct chunk *c);
