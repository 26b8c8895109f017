/*
 * The checkpoint: what a task must still know after kill -9.
 *
 *   ckpt_open()      locks the state folder, reads the log, cuts a torn tail
 *   ckpt_position()  ... and the other getters: where the last run stood
 *   ckpt_put_*()     notes what is new, in memory
 *   ckpt_sync()      makes all of it durable: everything since the last sync, or nothing
 *   ckpt_close()
 *
 * Only what ckpt_sync() returned ERR_OK for is durable; a position may be
 * acted upon (XA groups forgotten, old binlogs released) no earlier. The puts
 * between two syncs are one unit: a crash never keeps some of them.
 *
 * The log is compacted into a new file whenever its file is full, so it never
 * grows with the work done, only with the state (docs/checkpoint-format.md).
 *
 * One thread at a time. Slices handed out point into the state and are valid
 * until the next put or end of the same kind; slices handed in are copied.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"

struct ckpt;

enum ckpt_kind {
    CKPT_FILE = 1, /* file and offset; gtid_set is empty */
    CKPT_GTID = 2, /* gtid_set is MySQL's; file and offset were seen with it, on server_uuid only */
    CKPT_MARIADB = 3, /* gtid_set is MariaDB's list, as text */
};

/* A place in the source's history: everything before it is done. */
struct ckpt_position {
    enum ckpt_kind kind;
    uint8_t server_uuid[16]; /* zero: not known */
    uint32_t server_id;
    struct slice file; /* at most 511 bytes */
    uint64_t offset;
    struct slice gtid_set;   /* not looked into here */
    uint64_t rows;           /* row changes done of the transaction that begins here */
    uint64_t next_id;        /* number of the next change */
    uint64_t source_time_us; /* of the last event covered; 0: not known */
    uint64_t taken_at_us;    /* since 1970 */
};

enum ckpt_flavour { CKPT_MYSQL = 1, CKPT_MARIADB_SERVER = 2 };

/* The server whose history the position belongs to. */
struct ckpt_identity {
    enum ckpt_flavour flavour;
    uint32_t server_id;
    uint8_t server_uuid[16]; /* zero: it has none (MariaDB) */
    struct slice version;    /* "9.7.4", at most 255 bytes */
};

/*
 * Makes the folder if it is missing (its parent must be there). ERR_STATE_LOCKED:
 * another process has it; ERR_STATE_DAMAGED: what was durable cannot be read,
 * nothing is changed then; ERR_STATE_IO, ERR_STATE_FULL: the folder or disk does not let us
 * write; ERR_CONFIG: the folder is another task's.
 */
NODISCARD enum err ckpt_open(const char *folder, const char *task, struct ckpt **out,
                             struct errmsg *em);

/*
 * The state as it is on disk, for looking at it: nothing is made or changed,
 * and nothing may be put. *out NULL: there is no such folder, or nothing in
 * it. *in_use: this task runs on it, and *out is what was durable a moment
 * ago, or NULL when the log was being written at every look. ERR_CONFIG: it is
 * another task's.
 */
NODISCARD enum err ckpt_open_to_read(const char *folder, const char *task, struct ckpt **out,
                                     bool *in_use, struct errmsg *em);

/* The same with another least size for the log's files than a MiB, for tests. */
NODISCARD enum err ckpt_open_sized(const char *folder, const char *task, uint64_t size_min,
                                   struct ckpt **out, struct errmsg *em);

/* What was put after the last ckpt_sync() is forgotten. NULL is allowed. */
void ckpt_close(struct ckpt *c);

/* False: never put. */
bool ckpt_identity(const struct ckpt *c, struct ckpt_identity *out);
bool ckpt_position(const struct ckpt *c, struct ckpt_position *out);
uint64_t ckpt_reserved_id(const struct ckpt *c); /* 0: never put */
bool ckpt_topic(const struct ckpt *c, struct slice name, uint32_t *partitions);
bool ckpt_table(const struct ckpt *c, struct slice key, struct slice *definition);
/* What the caller remembers under a name of its own. */
bool ckpt_fact(const struct ckpt *c, struct slice name, struct slice *value);
bool ckpt_xa(const struct ckpt *c, struct slice xid, struct ckpt_position *begin);

/* Walks through all of a kind, in no order: *it starts at 0. False: no more. No puts in between. */
bool ckpt_next_xa(const struct ckpt *c, size_t *it, struct slice *xid, struct ckpt_position *begin);
bool ckpt_next_topic(const struct ckpt *c, size_t *it, struct slice *name, uint32_t *partitions);
bool ckpt_next_table(const struct ckpt *c, size_t *it, struct slice *key, struct slice *definition);

/* ERR_NO_MEMORY, or ERR_TOO_LARGE where a text or a definition passes its limit; nothing is put
 * then. */
NODISCARD enum err ckpt_put_identity(struct ckpt *c, const struct ckpt_identity *id);
NODISCARD enum err ckpt_put_position(struct ckpt *c, const struct ckpt_position *p);
NODISCARD enum err ckpt_put_reserved_id(struct ckpt *c,
                                        uint64_t below); /* ids below it may be in use */
NODISCARD enum err ckpt_put_topic(struct ckpt *c, struct slice name, uint32_t partitions);
NODISCARD enum err ckpt_put_table(struct ckpt *c, struct slice key, struct slice definition);
NODISCARD enum err ckpt_put_fact(struct ckpt *c, struct slice name, struct slice value);
NODISCARD enum err ckpt_put_xa(struct ckpt *c, struct slice xid, const struct ckpt_position *begin);

/* Nothing happens when there is none. */
NODISCARD enum err ckpt_end_xa(struct ckpt *c, struct slice xid);
NODISCARD enum err ckpt_end_table(struct ckpt *c, struct slice key);

/*
 * Blocks until everything that was put is on disk. On failure nothing of it
 * counts as durable. ERR_STATE_FULL: there is no room for a new file; a later
 * call tries again with everything. ERR_STATE_IO: a write-out failed; the log
 * is not written to any more, and every call fails.
 */
NODISCARD enum err ckpt_sync(struct ckpt *c, struct errmsg *em);

/*
 * Records as others keep them: the state, or what of it is new, under names
 * that say what each record is ("position", "topic/NAME", "fact/NAME"; see
 * docs/checkpoint-format.md). A record without a value takes the one of that
 * name out.
 */
#define CKPT_POSITION_RECORD "position"
struct ckpt_record {
    const char *kind; /* "topic/", in front of the key where there is one */
    struct slice key;
    bool ends; /* there is no value */
    struct slice value;
};

/* Walks through what was put since the last sync, in order, and through all that there is. */
bool ckpt_next_change(const struct ckpt *c, size_t *it, struct ckpt_record *out);
bool ckpt_next_record(const struct ckpt *c, size_t *it, struct ckpt_record *out);

/*
 * Takes the state from records that others kept: all that was there is dropped
 * at the first call, each record is taken by name (value NULL: it is taken
 * out), and the last call makes the new state durable. ERR_STATE_DAMAGED: a record that makes no
 * sense, or (at the end) one that is missing; ERR_CONFIG: they are another task's. Nothing is
 * changed on disk before the end.
 */
void ckpt_restore_begin(struct ckpt *c);
NODISCARD enum err ckpt_restore(struct ckpt *c, struct slice name, const struct slice *value);
NODISCARD enum err ckpt_restore_end(struct ckpt *c, const char *task, struct errmsg *em);

/* What was put since the last sync is forgotten: the state is as on disk. */
NODISCARD enum err ckpt_revert(struct ckpt *c, struct errmsg *em);

struct ckpt_stats {
    uint64_t syncs;
    uint64_t compactions;   /* new files made, the one of ckpt_open() included */
    uint64_t synced_bytes;  /* of records, all files together */
    uint64_t file_size;     /* of the present file */
    uint64_t state_records; /* what a compaction would write now */
    uint64_t state_bytes;
};

void ckpt_stats(const struct ckpt *c, struct ckpt_stats *out);
