/*
 * A producer: one librdkafka instance, owned by one lane.
 *
 * Order of use: kafka_producer_new(); kafka_producer_topic() for each topic;
 * then, in the lane's loop,
 *
 *   for each message   kafka_produce()       ERR_NO_ROOM: poll, try again
 *   now and then       kafka_poll()          delivery reports come out here
 *   the input ran dry  kafka_hurry()         what is queued goes out now
 *   nothing to do      poll(2) on kafka_producer_fd(), for kafka_producer_due_ms() at most
 *
 * and at the end kafka_poll() until kafka_producer_outstanding() is 0, and
 * kafka_producer_free().
 *
 * A message is delivered exactly once into its partition, in the order of the
 * kafka_produce() calls, as long as the process lives and acks is all. Loss of
 * brokers is ridden out inside: nothing is reported until the messages are
 * acknowledged, and kafka_producer_state() tells how long it has been so. A
 * report with an error is final for that message, and the task must stop: the
 * messages behind it may have been delivered.
 *
 * Memory: values are borrowed from kafka_produce() until their token is
 * reported; keys are copied. A producer takes messages up to
 * kafka_options.queue_bytes, counted as value + key + KAFKA_MESSAGE_OVERHEAD;
 * one that is larger than that is taken when nothing else is outstanding.
 *
 * Threads: all calls from one thread, the lane's, but kafka_producer_wake().
 */
#pragma once

#include "base/slice.h"
#include "kafka/config.h"

struct kafka_producer;
struct kafka_topic;

/* librdkafka's own bytes for a queued message, allocator included. */
#define KAFKA_MESSAGE_OVERHEAD 224

/* Starts the client's threads; does not wait for brokers. */
NODISCARD enum err kafka_producer_new(const struct kafka_options *o, struct kafka_producer **out,
                                      struct errmsg *msg);

/*
 * The same on a client that several producers share (txn.h): this is number
 * index, with which its tokens begin. Queue and message limits are o's. Within a
 * transaction that cannot go on it fails with ERR_ABORTED. The client is freed
 * before its producers.
 */
struct kafka_txn;
NODISCARD enum err kafka_producer_new_in(struct kafka_txn *x, const struct kafka_options *o,
                                         uint32_t index, struct kafka_producer **out,
                                         struct errmsg *msg);

/*
 * The end of a transaction: all that was queued is handed to the client, and
 * what is queued from here on waits. ERR_NO_ROOM: poll, call again.
 */
NODISCARD enum err kafka_producer_hold(struct kafka_producer *p);
/* The next transaction has begun. */
void kafka_producer_release(struct kafka_producer *p);

/*
 * Drops what is outstanding, unreported, and releases everything. Borrowed
 * values are free for use afterwards. May take a while when brokers hang.
 * p may be NULL.
 */
void kafka_producer_free(struct kafka_producer *p);

/*
 * The handle of a topic in this producer, made at the first call for a name.
 * Lives as long as the producer. That the topic exists, and its partition
 * count, is asked beforehand through topic.h.
 */
NODISCARD enum err kafka_producer_topic(struct kafka_producer *p, const char *name,
                                        struct kafka_topic **out, struct errmsg *msg);

/*
 * Queues one message.
 *   ERR_NO_ROOM    the queue is full: kafka_poll(), wait, try again
 *   ERR_TOO_LARGE  over message_max; nothing was queued (see kafka_batch_bytes())
 *   others         final: the producer is broken, kafka_producer_state() has the sentence
 *
 * Messages gather here until there is a batch of their partition, the linger
 * time is over or kafka_hurry() is called, and while a request of their
 * partition is under way. A partition that does not exist shows when they
 * leave, as a final failure.
 */
NODISCARD enum err kafka_produce(struct kafka_producer *p, struct kafka_topic *t, int32_t partition,
                                 struct slice key, struct slice value, void *token);

/*
 * Messages of a partition that are queued from now on stay here until it is
 * released; those of other partitions go on. They count as outstanding all the
 * while, and their owner keeps polling. False: this one cannot be held, for it
 * is held already, or its messages do not gather here.
 */
bool kafka_partition_hold(struct kafka_producer *p, struct kafka_topic *t, int32_t partition);
void kafka_partition_release(struct kafka_producer *p, struct kafka_topic *t, int32_t partition);

/*
 * Reports of `count` messages with the same token and outcome, which were
 * queued one after the other in one partition. May call kafka_produce(); must
 * not poll or free the producer.
 */
typedef void (*kafka_delivered_fn)(void *arg, void *token, uint32_t count, enum err outcome);

/*
 * Takes all reports that are there, waiting up to timeout_ms for the first
 * (0: not at all), and notes the state of the brokers. Returns the number of
 * messages reported. Drains completely, so that kafka_producer_fd() may be
 * slept on afterwards.
 */
size_t kafka_poll(struct kafka_producer *p, int timeout_ms, kafka_delivered_fn fn, void *arg);

/* Messages queued and not reported yet, and what they count against queue_bytes. */
size_t kafka_producer_outstanding(const struct kafka_producer *p);
size_t kafka_producer_bytes(const struct kafka_producer *p);

/*
 * The input ran dry: what is queued goes out now instead of waiting for
 * company. Never blocks. Meant to be called as often as the input runs dry:
 * above some 50,000 messages a second it is not followed, and batches end by
 * their size or the linger time, because small ones would cost more CPU than
 * there is.
 */
void kafka_hurry(struct kafka_producer *p);

/* In how many ms kafka_poll() wants to be called since a linger time is over; -1: at no time. */
int kafka_producer_due_ms(const struct kafka_producer *p);

/*
 * An eventfd, readable when reports are there or kafka_producer_wake() was
 * called. The owner reads it (eight bytes) after poll(2) and before
 * kafka_poll(); it stays readable until then. Not to be closed.
 */
int kafka_producer_fd(const struct kafka_producer *p);

/*
 * What librdkafka says of itself and the brokers, every five seconds, unless
 * statistics.interval.ms says otherwise. ERR_NO_ROOM: nothing new since the
 * last call. *out is freed by free(). Any thread, as long as p lives.
 */
struct kafka_stats;
NODISCARD enum err kafka_producer_stats(struct kafka_producer *p, struct kafka_stats **out);

/* Makes the fd readable. Any thread; what it announces must be visible before the call. */
void kafka_producer_wake(struct kafka_producer *p);

/*
 * What is known of the brokers and of failures.
 *
 * silent_since_ms is the clock of the retry window: monotonic ms (base/clock.h)
 * since when messages have been outstanding without a single report, 0 when
 * nothing is outstanding. It counts unreachable brokers and brokers that hang
 * alike. When one partition has lost its leader and others go on, the silence
 * does not show here but as a stuck head of the acknowledged position.
 *
 * trouble is that silence once it has lasted two seconds, or a refused login at
 * once; it ends with the next acknowledgement. An idle producer has no trouble.
 * Its owner logs it: outages counts the beginnings.
 */
struct kafka_state {
    uint64_t silent_since_ms;
    uint64_t trouble_since_ms; /* 0: no trouble */
    uint64_t outages;          /* times that trouble began */
    enum err trouble;          /* ERR_OK, ERR_BROKER_DOWN or ERR_DEST_DENIED */
    enum err failed;           /* ERR_OK, or the first final failure: the task must stop */
    char sentence[512];        /* about failed, else about trouble, else empty */
};

/*
 * As of the last kafka_poll(), which is called at least once a second while
 * messages are outstanding. Valid until the next call with this producer.
 */
const struct kafka_state *kafka_producer_state(const struct kafka_producer *p);

/*
 * Size of the uncompressed record batch (format v2) that holds one message:
 * what message_max limits and what a broker compares with its own
 * message.max.bytes. key_len 0 is no key.
 */
size_t kafka_batch_bytes(size_t key_len, size_t value_len);
