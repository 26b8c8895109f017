/* What checkpoint.c (puts, gets, syncs) and ckpt_open.c (folder, lock, recovery) share. */
#pragma once

#include "base/writer.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/ckpt_state.h"
#include "checkpoint/wal_write.h"

#define CKPT_PENDING_MAX (256u << 20) /* bytes between two syncs */

struct ckpt {
    char *path; /* of the folder, for messages */
    int folder; /* the folder, open */
    int lock;   /* the lock file, locked */
    uint64_t size_min;
    struct ckpt_state state;
    struct wal_file file;
    struct writer pending;  /* type 2, length 4, payload of each record not yet synced */
    uint64_t pending_bytes; /* what they take in the file */
    size_t position_at;     /* where the last pending position begins and ends in pending; */
    size_t position_end;    /*   end 0: there is none */
    struct ckpt_stats stats;
};

/* Takes one well-formed record, no COMMIT, into the state. */
NODISCARD enum err ckpt_apply(struct ckpt_state *s, enum wal_type type, struct slice payload);

/* Writes the state to a new file and goes on there. On failure everything is as before. */
NODISCARD enum err ckpt_compact(struct ckpt *c, struct errmsg *em);

/* ckpt_open.c: the newest log of the folder, into the empty state. */
NODISCARD enum err ckpt_recover(struct ckpt *c, struct errmsg *em);

/* checkpoint.c: what was put is no longer waiting for a sync. */
void ckpt_forget_pending(struct ckpt *c);
