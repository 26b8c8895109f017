/* What the files of the copy share. See copy.h. */
#pragma once

#include "pipeline/copy.h"
#include "pipeline/position.h"
#include "pipeline/throttle.h"
#include "pipeline/touched.h"

#include <pthread.h>

/* Tables whose statements and bindings are made ahead of the workers. */
#define COPY_PREPARED 32

#define COPY_KEY_PARTS 32 /* of MariaDB; MySQL has 16 */

/* A set of INIT numbers is reserved that far ahead. */
#define INIT_ID_BLOCK (UINT64_C(1) << 20)
#define INIT_ID_BIT   (UINT64_C(1) << 52)

struct copy_range {
    struct copy_range *next; /* in key order */
    struct copy_entry *entry;
    struct copy_key *after;  /* NULL: from the beginning */
    struct copy_key *upto;   /* NULL: to the end */
    struct copy_mark opened; /* what the stream had passed when it was opened first */
    bool recalled;           /* found at start: part of `opened` may come by again */

    /* under the lock */
    bool wanted; /* to be read (again) by a worker */
    bool taken;  /* a worker has it */
    bool done;   /* its rows are acknowledged: the reader may take it out */
    bool saving; /* put, not synced yet */

    atomic_bool durable; /* the checkpoint has it: its changes may go out */

    /* the reader's */
    bool open;           /* being read: changes are noted */
    bool sent;           /* handed over */
    bool parted;         /* a part of what is being read was handed over, and not all */
    bool doubt;          /* what is being read must not be used: it is read again */
    bool loose;          /* too many keys were touched to note them all */
    bool forgotten;      /* its table or key is gone: it only waits to be taken out */
    struct chunk *chunk; /* read, waiting for its high mark */
    struct touched touched;
    uint32_t touched_certain;      /* keys of finished transactions */
    struct copy_range *touch_next; /* in the list of those that the open group has touched */
    bool touching;                 /* it is in that list */
};

enum entry_status {
    ENTRY_WAITING,  /* its definition is not looked at yet, or has changed */
    ENTRY_READABLE, /* workers may take from it */
    ENTRY_COPIED,
};

struct copy_entry {
    struct copy_entry *next; /* in the order of copying; of what is over, in no order */
    struct copy_entry *prev;
    struct copy_entry *same_hash; /* in a bucket */
    struct slice database;        /* both behind the struct */
    struct slice name;
    bool keyless;
    bool small;                    /* one chunk is thought to do */
    struct table_counter *counter; /* borrowed: it lives as long as the process */

    /* under the lock */
    enum entry_status status;
    struct copy_table *table; /* the version that is read; the reader makes it */
    struct copy_key *planned; /* the end of what was taken; NULL: nothing, or all */
    bool planned_all;
    bool planning; /* a worker looks for the next bound */
    bool begun;    /* it was prepared once, or found begun at start */
    bool over;     /* in the list of those that nothing is to be done about */
    bool dirty;    /* the checkpoint does not have it as it is ... */
    struct copy_entry *next_dirty;
    bool saving; /* ... or has it, and is not synced */
    struct copy_entry *next_saving;
    bool sweepable; /* some range of it is done, or it is itself */
    struct copy_entry *next_sweep;
    struct copy_range *ranges; /* opened, not acknowledged */
    struct copy_key *frontier; /* the end of what was opened; NULL: nothing, or all */
    bool opened_all;
    bool pass; /* its changes always go out: keys cannot be ordered, or were others once */

    /* the reader's */
    struct binding *binding; /* for INIT rows */
    uint64_t version;        /* of the definition that `table` was made from (tables_version()) */
    uint32_t misfits;        /* reads of this version that did not fit the table */
    struct binlog_place not_before; /* it is prepared when the stream is here */
};

/* What a worker asks the reader; it waits for the answer. */
struct copy_ask {
    struct copy_ask *next;
    struct chunk *chunk;
    const struct copy_mark *stand_at; /* NULL: the chunk is to be opened */
    bool answered;
    enum err answer;
};

#define COPY_BUCKETS 4096 /* a power of two */

struct copy {
    struct copy_options o;
    struct copy_workers *workers;
    struct copy_entry *first; /* those that are not over */
    struct copy_entry *last;
    struct copy_entry *over;
    struct copy_entry *buckets[COPY_BUCKETS];

    pthread_mutex_t lock;
    pthread_cond_t changed; /* work appeared, an answer came, bytes came back */
    struct copy_ask *asks;  /* oldest first */
    struct chunk *given;    /* oldest first */
    size_t bytes_out;       /* of chunks given and not handed over */
    size_t bytes_max;
    uint32_t readable; /* tables of that status */
    uint32_t begun;    /* tables that have, and are not over: all others come behind them */
    struct copy_entry *dirty;
    struct copy_entry *saving_entries;
    struct copy_entry *sweeps;
    bool stopped;

    atomic_bool news;    /* for the reader: questions, chunks, ranges to take out */
    atomic_bool unsaved; /* for the supervisor: some table is dirty */
    atomic_uint left;    /* tables that are not done */
    bool saving;         /* the supervisor's: something was put, and is not synced */

    /* numbers of INIT rows, the bit not counted */
    _Atomic uint64_t init_next;     /* the reader's */
    _Atomic uint64_t init_reserved; /* durable: numbers below it may be used */
    uint64_t init_put;              /* the supervisor's: put, maybe not durable yet */

    /* the reader's */
    uint32_t held;  /* chunks that wait for their mark */
    uint32_t parts; /* ranges of which parts were handed over, and not all */
    bool torn;      /* some rows of a chunk were fed, and not all */
    bool look;      /* a table can be prepared when the stream is at look_at */
    struct binlog_place look_at;
    struct copy_range *touching; /* ranges that the open group has touched */
    struct copy_entry *standing; /* a table without a key is being read: the stream stands ... */
    bool stand_known;
    struct binlog_place stand_at; /* ... here */
    struct writer scratch;
};

/* copy.c */
struct copy_entry *copy_find(const struct copy *c, struct slice database, struct slice name);
/*
 * copy.c: a statement brought the table; reader thread. copied: it came empty,
 * so that all its rows come as changes; else it holds rows that are to be copied.
 */
NODISCARD enum err copy_enter(struct copy *c, struct slice database, struct slice name,
                              bool copied);
void copy_range_free(struct copy_range *r);

/* copy.c, under the lock: the checkpoint is to be told of it; ranges are to be taken out. */
void copy_mark_dirty(struct copy *c, struct copy_entry *e);
void copy_mark_sweep(struct copy *c, struct copy_entry *e);
void copy_mark_begun(struct copy *c, struct copy_entry *e);

/* copy.c, under the lock: nothing is to be done about it (any more). */
void copy_retire(struct copy *c, struct copy_entry *e);
NODISCARD enum err copy_key_copy(const struct copy_key *from, struct copy_key **out);
NODISCARD enum err copy_mark_copy(struct copy_mark *to, const struct copy_mark *from);
bool copy_key_same(const struct copy_key *a, const struct copy_key *b); /* either may be NULL */

/* Under the lock. Says so where a table is done. */
void copy_set_status(struct copy *c, struct copy_entry *e, enum entry_status status);

/* copy_work.c: what workers call. */
struct copy_ops copy_work_ops(struct copy *c);

/* copy_save.c: a table as the checkpoint has it. */
NODISCARD enum err copy_entry_recall(struct copy *c, struct copy_entry *e, struct slice bytes);
void copy_recall_numbers(struct copy *c, const struct ckpt *ckpt);
bool copy_fact_is_done(struct slice fact);
NODISCARD enum err copy_entry_fact(struct slice database, struct slice name,
                                   const struct ckpt *ckpt, struct slice *out, bool *found);
