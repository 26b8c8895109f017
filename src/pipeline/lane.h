/*
 * A lane: one thread with one producer that owns a fixed set of partitions.
 *
 * It takes batches from the reader, decodes, encodes and produces their rows
 * in order, and gives the empty batches back. Since a partition belongs to
 * exactly one lane, the order inside a partition is the order of the batches.
 *
 * Life: lane_new(), lane_start(), then batches; lane_drain() lets it finish
 * what it has and end, lane_abort() ends it at once; lane_join(), lane_free().
 *
 * With `watch` nothing is produced: there is no thread and no producer,
 * lane_submit() does a batch at once on its caller's thread, and what would
 * have gone out is shown instead (lane_sight.h) and counts as acknowledged.
 *
 * Threads: lane_submit() and lane_take_empty() belong to the reader,
 * lane_acked() and lane_counters() to anyone, the rest to the owner.
 */
#pragma once

#include "encode/format.h"
#include "kafka/producer.h"
#include "pipeline/batch.h"
#include "pipeline/fault.h"
#include "pipeline/lane_sight.h"
#include "pipeline/view.h"

#include <stdatomic.h>

struct lane;
struct src_options;

/* What is done with a row whose message is larger than message_max. */
enum lane_large {
    LANE_LARGE_FAIL,     /* the task ends */
    LANE_LARGE_KEY_ONLY, /* its message has the identity's columns only */
    LANE_LARGE_SKIP,     /* it has no message */
};

struct lane_options {
    uint32_t index;
    struct lane *const *peers;         /* all lanes of the task, for batches that wait; borrowed */
    const struct kafka_options *kafka; /* borrowed */
    struct kafka_txn
        *txn; /* exactly-once: the client of all lanes; borrowed; NULL: one of its own */
    const struct format_options *format; /* borrowed */
    const struct zone *zone;             /* borrowed */
    size_t pack_bytes;                   /* memory for encoded messages */
    size_t message_max;                  /* bytes of one message's batch */
    enum lane_large too_large;
    uint64_t retry_ms;                /* how long brokers may be away */
    struct fault *fault;              /* borrowed */
    const struct src_options *source; /* whom filters ask; borrowed; NULL: there are none */
    struct view *view;                /* told of outages and times; borrowed; NULL: nobody looks */
    void (*on_empty)(void *arg);      /* an empty batch is back and the reader waits; lane thread */
    void *on_empty_arg;
    lane_watch_fn watch; /* instead of a producer; NULL: there is one */
    void *watch_arg;
};

struct lane_counters {
    _Atomic uint64_t messages;      /* produced */
    _Atomic uint64_t left_out;      /* rows that filter or dml did not take */
    _Atomic uint64_t dropped;       /* rows that etl did not take */
    _Atomic uint64_t etl_failures;  /* expressions that failed under etl_on_error skip or null */
    _Atomic uint64_t bytes;         /* of their keys and values */
    _Atomic uint64_t acknowledged;  /* messages */
    _Atomic uint64_t replaced_text; /* characters replaced by U+FFFD */
    _Atomic uint64_t keys_only;     /* rows beyond message_max that went out as their key */
    _Atomic uint64_t skipped;       /* those that did not go out */
    _Atomic uint64_t queue_bytes;   /* with the producer, as of the last look */
    _Atomic uint64_t pack_bytes;    /* of encoded messages, likewise */
};

NODISCARD enum err lane_new(const struct lane_options *o, struct lane **out, struct errmsg *em);
NODISCARD enum err lane_start(struct lane *l, struct errmsg *em);

/* Hands over a batch, which gets the lane's next number. The ring has room for every batch. */
void lane_submit(struct lane *l, struct batch *b);

/*
 * Within transactions. The reader ends one behind everything that it has
 * submitted, and nothing is submitted in between: cut number n. The lane
 * hands over what belongs to it (lane_passed() is n then), and holds what comes
 * later until lane_release(). The reader makes the next cut only after that.
 */
void lane_cut(struct lane *l, uint64_t n);
uint64_t lane_passed(const struct lane *l);
void lane_release(struct lane *l, uint64_t n);

/* An empty batch that came back, or NULL; with want, on_empty is called when one does. */
struct batch *lane_take_empty(struct lane *l, bool want);

/* Number of the last batch up to which every message is acknowledged. */
uint64_t lane_acked(const struct lane *l);

/* Nothing was submitted that is not acknowledged. A hint to others than the reader. */
bool lane_idle(const struct lane *l);

const struct lane_counters *lane_counters(const struct lane *l);

/* kafka_producer_stats() of the lane's producer. Any thread. */
struct kafka_stats;
NODISCARD enum err lane_kafka_stats(struct lane *l, struct kafka_stats **out);

void lane_drain(struct lane *l);
void lane_abort(struct lane *l);
bool lane_ended(const struct lane *l);

/*
 * lane_abort(), then waits for the thread. All peers are joined before the first one is freed; a
 * client that they share is freed in between.
 */
void lane_join(struct lane *l);
void lane_free(struct lane *l);
