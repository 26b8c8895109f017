/*
 * The feeder: where the reader leaves rows for the lanes.
 *
 * It owns the batches that are being filled. Rows of an open transaction wait
 * here until feeder_commit() makes them certain; feeder_rollback() takes them
 * back. A transaction that grows over the bound, or that needs more batches
 * than there are, starts to flow: its rows go out before its end is known, and
 * it can no longer be taken back.
 *
 *   per rows event  feeder_event()
 *   per row         feeder_row()         ERR_NO_ROOM: wait for an empty batch, again
 *   at its end      feeder_commit()
 *   input ran dry   feeder_publish()
 *
 * Threads: the reader's.
 */
#pragma once

#include "pipeline/batch.h"
#include "pipeline/lane.h"
#include "pipeline/progress.h"

struct feeder_lane {
    struct lane *lane;
    struct batch *first;   /* batches not yet handed over, oldest first */
    struct batch *last;    /* the newest of them, which is filled unless it is closed */
    struct batch *spare;   /* empty ones */
    uint64_t last_seq;     /* number of the newest batch, handed over or not */
    uint64_t event_serial; /* the event that `last` took last */
    uint32_t made;         /* batches that exist */
    uint32_t wait_lane;    /* for the next batch: see batch.h */
    uint64_t wait_seq;
};

struct feeder {
    uint32_t lane_count;
    size_t hold_max; /* bytes of rows that an open transaction may hold back */
    size_t held;
    bool flowing;     /* the open transaction is on its way out */
    bool pinned;      /* it must not flow: feeder_pin() */
    uint64_t touched; /* lanes with rows of the open transaction, a bit each */
    uint64_t event_serial;
    struct row_event event; /* the current one */
    struct frame *frame;    /* its frame */
    struct feeder_lane lanes[LANES_MAX];
};

void feeder_init(struct feeder *f, struct lane *const *lanes, uint32_t lane_count, size_t hold_max);
void feeder_fini(struct feeder *f);

/* The rows that follow belong to this event; what it points to lies in frame. */
void feeder_event(struct feeder *f, const struct row_event *ev, struct frame *frame);

/*
 * The open transaction must not flow, whatever its size, for its end does not
 * make it count: feeder_row() says ERR_TOO_LARGE where it would have to, and
 * it has to be taken back. Until its end.
 */
void feeder_pin(struct feeder *f);

/*
 * Appends one row for a lane. With want, ERR_NO_ROOM has asked that lane to
 * call its on_empty when a batch comes back.
 */
NODISCARD enum err feeder_row(struct feeder *f, uint32_t lane, const struct row_ref *row);

/*
 * For an UPDATE that moves between partitions. feeder_close() ends the lane's
 * batch behind the DELETE, and returns its number; feeder_wait_for() makes the
 * next batch of the INSERT's lane wait until that one is acknowledged. Since a
 * batch so waits only for rows that are older than all of its own, lanes never
 * wait for each other in a circle.
 */
uint64_t feeder_close(struct feeder *f, uint32_t lane);
void feeder_wait_for(struct feeder *f, uint32_t lane, uint32_t other, uint64_t seq);

/*
 * A statement for a lane, which is certain at once and goes out with all that
 * was certain before it. Takes ddl over unless it fails; ERR_NO_ROOM as
 * feeder_row(). Not while a transaction has rows here.
 */
NODISCARD enum err feeder_ddl(struct feeder *f, uint32_t lane, struct batch_ddl *ddl);

/* Everything that was fed is acknowledged. */
bool feeder_idle(const struct feeder *f);

/* The open transaction is certain. Full batches are handed over. */
void feeder_commit(struct feeder *f);

/* Takes the open transaction back. ERR_UNSUPPORTED: it has begun to flow. */
NODISCARD enum err feeder_rollback(struct feeder *f);

/*
 * The open transaction must not wait for its end: memory that its rows hold is
 * wanted. ERR_TOO_LARGE: it is pinned and has to be taken back.
 */
NODISCARD enum err feeder_flow(struct feeder *f);

/* Hands over everything that is certain (of a flowing transaction: everything). */
void feeder_publish(struct feeder *f);

/*
 * The transaction of the destination ends here, as cut n (lane.h): everything
 * that was fed is handed over, and what is fed next goes into batches of its
 * own. Nothing that is not certain may be there.
 */
void feeder_cut(struct feeder *f, uint64_t n);

/* For each lane the number of the batch that holds the last row appended. */
void feeder_need(const struct feeder *f, uint64_t *need);
