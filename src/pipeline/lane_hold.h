/*
 * Partitions whose messages wait.
 *
 * An UPDATE that moves its row to another partition goes out as a DELETE there
 * and an INSERT here, and the INSERT may not be read before the DELETE (I5). So
 * messages of the INSERT's partition are held by the producer until the batch
 * with the DELETE is acknowledged; those of other partitions go on.
 *
 * Nobody wakes a lane for its holds: while there are any it looks every
 * LANE_HOLD_MS.
 *
 * Plain values; all zero holds nothing. Threads: the lane's own.
 */
#pragma once

#include "kafka/producer.h"

#define LANE_HOLDS_MAX 64 /* partitions that wait at a time */
#define LANE_HOLD_MS   1

struct lane;

struct lane_hold {
    struct kafka_topic *topic;
    int32_t partition;
    const struct lane *peer; /* whose batch it is ... */
    uint64_t seq;            /* ... that must be acknowledged */
};

struct lane_holds {
    uint32_t count;
    struct lane_hold held[LANE_HOLDS_MAX];
};

/* Messages of h's partition wait from now on. False: it cannot be held, or is held already. */
bool lane_holds_add(struct lane_holds *holds, struct kafka_producer *p, const struct lane_hold *h);

/* Lets go of those whose batch is acknowledged. */
void lane_holds_release(struct lane_holds *holds, struct kafka_producer *p);
