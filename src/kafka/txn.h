/*
 * Transactions: one client that the producers of all lanes share, so that their
 * messages and what the task keeps about itself become visible together, or
 * not at all.
 *
 *   kafka_txn_new()
 *   kafka_txn_init()                 until it does not say ERR_BROKER_DOWN; fences
 *                                    whoever had the transactional id before
 *   kafka_txn_begin()                then messages may go out
 *   kafka_producer_new_in()          for each lane (producer.h)
 *
 *   kafka_producer_hold()            each lane's: what belongs to the transaction
 *                                    is with the client, what comes later waits
 *   kafka_txn_put()                  the task's own records
 *   kafka_txn_commit()               until it does not say ERR_BROKER_DOWN
 *   kafka_txn_begin()
 *   kafka_producer_release()         each lane's
 *
 *   kafka_txn_free()                 when the lanes' threads have ended, before
 *                                    their producers and what these borrow
 *
 * Delivery reports come to the client in one queue; a thread of ours takes them
 * from there to the producer whose number the token begins with.
 *
 * What goes wrong. ERR_FENCED: another client was initialised with the same
 * transactional id. ERR_ABORTED: the transaction is lost, mostly because
 * brokers were away for longer than transaction.timeout.ms; nothing of it will
 * be visible, and a new client goes on from what was committed. ERR_DEST_*:
 * the brokers refuse for good. A producer that cannot go on for the
 * transaction's sake fails with ERR_ABORTED, and kafka_txn_why() tells which of
 * these it is.
 *
 * Threads: the calls here from one, the supervisor's.
 */
#pragma once

#include "base/slice.h"
#include "kafka/config.h"

#include <stdbool.h>
#include <stdint.h>

struct kafka_txn;

/* What a token of a producer in a transaction begins with. */
struct kafka_token {
    uint32_t owner; /* the producer's index */
};

#define KAFKA_TXN_MEMBERS 64

/* o->transactional_id is set. Does not wait for brokers. */
NODISCARD enum err kafka_txn_new(const struct kafka_options *o, struct kafka_txn **out,
                                 struct errmsg *msg);

/* Aborts what is open, if that takes no longer than abort_ms. x may be NULL. */
void kafka_txn_free(struct kafka_txn *x, int abort_ms);

/* ERR_BROKER_DOWN: not done after timeout_ms, call again. */
NODISCARD enum err kafka_txn_init(struct kafka_txn *x, int timeout_ms, struct errmsg *msg);

NODISCARD enum err kafka_txn_begin(struct kafka_txn *x, struct errmsg *msg);

/*
 * Queues a record of the task's own for partition 0 of a topic, copied; value
 * NULL is a record without one. ERR_NO_ROOM: wait, and try again.
 */
NODISCARD enum err kafka_txn_put(struct kafka_txn *x, const char *topic, struct slice key,
                                 const struct slice *value, struct errmsg *msg);

/*
 * Sends what is queued and commits. ERR_BROKER_DOWN: not done after timeout_ms,
 * and not known whether it will be: call again, and nothing else.
 */
NODISCARD enum err kafka_txn_commit(struct kafka_txn *x, int timeout_ms, struct errmsg *msg);

/* What has become of the transaction that a producer could not go on with. ERR_OK: nothing is
 * known.
 */
NODISCARD enum err kafka_txn_why(struct kafka_txn *x, struct errmsg *msg);

/* transaction.timeout.ms: brokers abort a transaction that is open for longer. */
uint64_t kafka_txn_timeout_ms(const struct kafka_txn *x);
