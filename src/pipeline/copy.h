/*
 * The full copy, where it meets the stream.
 *
 * Workers (src/snapshot) read chunks of the tables on connections of their own;
 * the reader merges them into the stream:
 *
 *   open        the worker names a range (after, upto]; the reader answers with
 *               what it has passed, and from there on watches the range
 *   watch       changes of rows in the range go out, and their keys are noted
 *   hand over   when the stream has passed the chunk's high mark, its rows go
 *               out as INIT, without those that were noted
 *
 * Changes behind the frontier, where nothing was opened yet, do not go out:
 * their chunk will see them. What is below it and in no open range is copied,
 * and its changes go out. Where keys cannot be ordered here as the server
 * orders them, changes always go out and every open range notes them.
 *
 * After a crash a replay must drop what was dropped and send what was sent, or
 * a consumer would see an older value after a newer one, or never a DELETE. So
 * an opened range and what the stream had passed then are durable before the
 * first change of the range goes out, and the range is forgotten only together
 * with a position behind its rows. A range that is found at a start is read
 * again; a change of it that is part of what had been passed is dropped, any
 * other goes out.
 *
 * Three parties, one lock: workers (copy_ops), the reader (copy_reader_*), the
 * supervisor (copy_save_*). Lists of ranges are changed by the reader alone, with the
 * lock held, so it reads them without.
 */
#pragma once

#include "checkpoint/checkpoint.h"
#include "config/task.h"
#include "pipeline/fault.h"
#include "pipeline/tables.h"
#include "snapshot/worker.h"

struct copy;
struct counters;
struct guard;
struct copy_entry; /* a table that is to be copied */
struct copy_range; /* a range of it that was opened and is not acknowledged yet */
struct net_loop;
struct throttle;

struct copy_options {
    const struct task_config *task;
    const struct src_options *source;
    const struct src_server *server;
    struct tables *tables;
    struct net_loop *loop; /* the reader's: woken when there is something for it */
    struct fault *fault;
    struct throttle *throttle;  /* throttle.full */
    struct guard *const *guard; /* throttle.protect; *guard NULL: none */
    struct counters *counters;  /* for progress */
    atomic_bool *copying;       /* there is something to copy */
    bool atomic; /* rows become visible with what the checkpoint says of them: none waits for it */
    const atomic_bool *stop;
};

/* ERR_STATE_DAMAGED: what the checkpoint says of the copy cannot be used. */
NODISCARD enum err copy_new(const struct copy_options *o, struct copy **out, struct errmsg *em);

/*
 * A selected table; before the reader starts. Nothing happens where the
 * checkpoint says that it is copied; a copy that had begun goes on. Tables
 * without a usable key come first. rows: an estimate.
 */
NODISCARD enum err copy_add(struct copy *c, const struct ckpt *ckpt, const struct table_def *def,
                            uint64_t rows, struct errmsg *em);

/* The checkpoint says that the table is copied: nothing is to be read of it. */
bool copy_is_done(const struct copy *c, const struct ckpt *ckpt, struct slice database,
                  struct slice table);

/* The table was added, or is copied as far as the checkpoint knows. */
bool copy_knows(const struct copy *c, const struct ckpt *ckpt, struct slice database,
                struct slice table);

/*
 * The supervisor's, again and again: starts the workers while there is
 * something to copy, and lets go of them when all is done.
 */
NODISCARD enum err copy_tend(struct copy *c, struct errmsg *em);

/* stop is set: the workers end. Chunks in the reader's hands stay valid. */
void copy_stop(struct copy *c);

/* After the reader and the lanes have ended. NULL is fine. */
void copy_free(struct copy *c);

/* Every row is acknowledged, and the checkpoint knows. Any thread. */
bool copy_finished(const struct copy *c);

/* ---- the supervisor ---- */

/*
 * Puts what must be durable before the reader goes on: ranges that were opened,
 * numbers for INIT rows. *put: something was. After ckpt_sync(): copy_saved().
 */
NODISCARD enum err copy_save(struct copy *c, struct ckpt *ckpt, bool *put);
void copy_saved(struct copy *c);

/* The rows of a range are acknowledged: what NOTE_COPIED of a commit point says. */
NODISCARD enum err copy_acknowledged(struct copy *c, struct ckpt *ckpt, struct copy_range *range);
