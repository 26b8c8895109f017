/*
 * What one lane has sent and not yet had acknowledged.
 *
 * Three things are counted. A pack is a block of memory that encoded messages
 * lie in until they are delivered. A ticket stands for the messages of one
 * batch that lie in one pack; it travels through librdkafka as the messages'
 * opaque pointer. A batch is acknowledged when it is closed and its tickets
 * are done, and acknowledged batches count only in order: inflight_acked() is
 * the last batch up to which nothing is missing.
 *
 * Threads: the lane's own, but for inflight_acked(), which any thread may ask.
 */
#pragma once

#include "base/err.h"
#include "kafka/txn.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INFLIGHT_BATCHES 16384 /* open batches of a lane; a power of two */

struct pack {
    struct pack *next; /* in the free list, or in the list of packs in use */
    struct pack *prev; /* in the latter */
    size_t cap;
    size_t used;
    uint32_t tickets; /* open ones; the lane's own hold on its current pack counts as one */
    bool standard;    /* of the pool's size: kept for reuse */
    uint8_t data[];
};

struct ticket {
    struct kafka_token token; /* whose it is, where lanes share a client */
    union {
        struct pack *pack;
        struct ticket *next; /* in the free list */
    };
    uint64_t batch_seq;
    uint32_t messages; /* not yet delivered */
    bool open;         /* more messages may come */
};

struct inflight;

/* budget: bytes of packs; pack_size: of a standard pack. */
NODISCARD enum err inflight_new(size_t budget, size_t pack_size, struct inflight **out);
void inflight_free(struct inflight *in);

/* The lane's number, which its tickets carry; 0 unless it is set. */
void inflight_set_owner(struct inflight *in, uint32_t owner);

/* A batch begins, seq one past the last. False: too many are open, wait for deliveries. */
bool inflight_open_batch(struct inflight *in, uint64_t seq);
void inflight_close_batch(struct inflight *in);

/* A current pack with at least `need` free bytes, or NULL: wait for deliveries. */
struct pack *inflight_pack(struct inflight *in, size_t need);

/* The bytes that a standard pack holds. */
size_t inflight_pack_size(const struct inflight *in);

/* The ticket of the open batch in the current pack; NULL: wait for deliveries. */
struct ticket *inflight_ticket(struct inflight *in);

/* A message of t was handed to the producer. */
void inflight_sent(struct inflight *in, struct ticket *t);

/* count messages of t were delivered. */
void inflight_delivered(struct inflight *in, struct ticket *t, uint32_t count);

/* Messages not yet delivered. */
uint64_t inflight_messages(const struct inflight *in);
size_t inflight_bytes(const struct inflight *in); /* of packs in use */

/* The last batch up to which everything is acknowledged. */
uint64_t inflight_acked(const struct inflight *in);
