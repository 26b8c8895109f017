/*
 * What the files of a lane share. See lane.h.
 *
 *   lane.c        the thread: batches in, reports, empty batches back
 *   lane_row.c    a row or a statement becomes a message
 *   lane_cut.c    where transactions end
 *   lane_sight.c  messages are shown instead of sent
 *
 * Beside them, without struct lane: cell_pair.h, inflight.h, lane_hold.h.
 */
#pragma once

#include "base/ring.h"
#include "base/writer.h"
#include "pipeline/asker.h"
#include "pipeline/cell_pair.h"
#include "pipeline/inflight.h"
#include "pipeline/lane.h"
#include "pipeline/lane_hold.h"

#include <pthread.h>

/* What is remembered of a batch until it is acknowledged. */
struct batch_time {
    uint64_t commit_us; /* of its first row, by the source's clock; 0: not known */
    uint32_t rows;
};

struct lane {
    struct lane_options o;
    pthread_t thread;
    bool started;
    atomic_bool draining;
    atomic_bool aborted;
    atomic_bool ended;
    atomic_bool asleep; /* the reader must write to our fd after a push */
    atomic_bool reader_waits;
    struct ring in;             /* batches to do */
    struct ring out;            /* empty ones */
    _Atomic uint64_t submitted; /* last batch number given; the reader's */
    uint64_t carried;           /* the last batch that was done */
    /* within transactions */
    _Atomic uint64_t cut_seq;        /* the last batch of the transaction that ends; before cuts */
    _Atomic uint64_t cuts;           /* number of the last cut */
    _Atomic uint64_t passed;         /* ... up to which all is handed over */
    _Atomic uint64_t released;       /* ... behind which the next transaction is open */
    bool held;                       /* passed, not released */
    struct kafka_producer *producer; /* NULL: o.watch */
    struct inflight *inflight;
    struct format_encoder encoder;
    struct asker *asker;          /* NULL: no rules that depend on the row */
    struct rule_machine *machine; /* likewise */
    struct cell_pair source;      /* the row at hand as it was read */
    struct cell_pair work;        /* as it goes out, where rules change it */
    struct kafka_topic **topics;  /* by topic index; NULL until used */
    uint32_t topic_cap;
    struct row_scratch scratch;
    struct writer key;
    bool down;               /* the last outage is not over */
    uint64_t outages;        /* as last logged */
    uint64_t batch_messages; /* produced of the batch at hand; counted when it is done */
    uint64_t batch_bytes;
    uint64_t batch_left_out;
    uint64_t batch_dropped;
    uint64_t replaced; /* characters, as last counted */
    bool dirty;        /* messages were queued since the last hurry */
    uint64_t timed;    /* the last batch whose time to acknowledgement was taken */
    struct lane_holds holds;
    struct batch_time *times; /* of batch seq, at seq % INFLIGHT_BATCHES */
    struct lane_counters counters;
};

/* A message in the pack that it was encoded into; or why there is none. */
struct lane_message {
    enum lane_fate fate;
    const char *why; /* a failure of the script; NULL: none */
    struct pack *pack;
    struct slice value;
};

static inline bool lane_is_stopped(const struct lane *l)
{
    return atomic_load_explicit(&l->aborted, memory_order_relaxed);
}

/* lane.c: ends the task with this sentence, unless it ends already. */
void lane_fail(struct lane *l, enum err e, const struct errmsg *em);

/* lane.c: takes delivery reports, waiting for the first of them, and sees to what they change. */
void lane_poll(struct lane *l, int timeout_ms);

/* lane.c: waits for deliveries since something is full. */
void lane_wait_for_room(struct lane *l);

/* lane_row.c: ERR_OK, or the lane ends; the task has been told why. */
NODISCARD enum err lane_carry_row(struct lane *l, const struct row_event *ev,
                                  const struct row_ref *row, uint64_t ts_ms);
NODISCARD enum err lane_carry_ddl(struct lane *l, struct batch_ddl *d, uint64_t ts_ms);

/* lane_row.c: the producer's handle of the task's topic number index; NULL without a producer. */
NODISCARD enum err lane_topic(struct lane *l, uint32_t index, const char *name,
                              struct kafka_topic **out);

/*
 * lane_cut.c: ends the transaction where it is to end: what belongs to it is
 * handed over, and from there on messages wait. False: the task ends.
 */
NODISCARD bool lane_look_for_cut(struct lane *l);

/* lane_cut.c: lets messages go on when the next transaction is open. */
void lane_look_for_release(struct lane *l);

/* lane_cut.c: there is a cut or a release that was not looked at yet. */
bool lane_is_called(const struct lane *l);

/* lane_sight.c: a row with its message, or without one, for those who look on. */
NODISCARD enum err lane_show_row(struct lane *l, const struct row_event *ev,
                                 const struct row_ref *row, const struct change *c,
                                 const struct lane_message *m);
NODISCARD enum err lane_show_ddl(struct lane *l, const struct batch_ddl *d,
                                 const struct lane_message *m);
