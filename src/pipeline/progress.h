/*
 * How far everything is acknowledged.
 *
 * At transaction boundaries the reader leaves a commit point: the position,
 * the id counter, and for each lane the number of the last batch that holds
 * rows from before the boundary. A commit point is reached once every lane has
 * acknowledged that batch. The supervisor takes the newest point reached; it
 * is what the checkpoint may say.
 *
 * Threads: one pushes (the reader), one takes (the supervisor).
 */
#pragma once

#include "base/slice.h"
#include "pipeline/position.h"
#include "pipeline/xa.h"
#include "source/server.h"

#include <pthread.h>

#define LANES_MAX 64

struct tables_note;

/* What a group is known by. */
struct group_name {
    bool known;
    struct my_gtid gtid;
    struct maria_gtid maria;
};

struct commit_point {
    struct commit_point *next;
    uint64_t need[LANES_MAX]; /* batch of each lane that must be acknowledged */
    struct position position;
    struct src_server server; /* where it was read */
    uint32_t binlog_made;     /* when the file of the position was made, since 1970; 0: not known */
    uint64_t rows;            /* row changes covered behind the position; 0: it is a boundary */
    struct group_name group;  /* rows > 0: what they belong to */
    uint64_t next_id;         /* number of the next change */
    uint64_t es_ms;           /* when the last transaction ran; 0: none yet */
    uint64_t oldest_us;       /* commit of the oldest group since the point before; 0: not known */
    struct xa_list xa;        /* prepared groups */
    struct tables_note *notes; /* what the checkpoint should know before it moves here */
    bool cut;                  /* a transaction ends here */
    bool passing;              /* it only shows how far was read, until a cut takes its place */
};

#define PROGRESS_POINTS 256

struct progress {
    pthread_mutex_t lock; /* taken a few hundred times a second at the most */
    struct commit_point *first;
    struct commit_point *last;
    struct commit_point *before_last; /* NULL: last is the first, or its neighbour was taken */
    uint32_t count;
};

#define PROGRESS_INIT                                                                              \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER                                                          \
    }

/*
 * Takes ownership of the point. Where it is reached together with the last one,
 * and where PROGRESS_POINTS wait already (the brokers are away), it takes that
 * one's place: the list stays short however long an outage is. Within
 * transactions it takes the place of a point that is no cut.
 */
void progress_push(struct progress *p, struct commit_point *point);

/*
 * The newest point reached, or NULL; the caller owns it. acked holds the last
 * acknowledged batch of each lane.
 */
struct commit_point *progress_take(struct progress *p, const uint64_t *acked, uint32_t lanes);

/* Within transactions: the point of the cut that was made, or NULL; the caller owns it. */
struct commit_point *progress_take_cut(struct progress *p);

/*
 * What waits: whether there is a point that is not reached, the commit time of
 * the oldest group that it covers (0: not known), and, unless read is NULL, the
 * newest point's position.
 */
NODISCARD enum err progress_waiting(struct progress *p, bool *waiting, uint64_t *oldest_us,
                                    struct position *read);

void commit_point_free(struct commit_point *point);
void progress_fini(struct progress *p);
