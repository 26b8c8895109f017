/*
 * Batches: how row changes travel from the reader to a lane.
 *
 * A batch holds references to row images, never the rows themselves: the bytes
 * stay in the frames they were received in, and the batch holds one reference
 * on each of those frames and on each table binding that its rows use. The
 * reader fills batches, a lane empties them, and an empty one goes back to the
 * reader; each is owned by exactly one thread at a time.
 *
 * Rows are appended while their transaction is open; batch_commit() marks what
 * is certain, batch_rollback() takes back what is not.
 */
#pragma once

#include "base/frame.h"
#include "base/slice.h"
#include "schema/change.h"

#define BATCH_ROWS       256
#define BATCH_FRAMES     16
#define BATCH_BINDINGS   16
#define BATCH_GTID_BYTES 4096

struct binding;

/* A statement on its way, in one block with its texts: alone in its batch, which owns it. */
struct batch_ddl {
    const char *topic;
    uint32_t topic_index;
    int32_t partition;
    bool keyed;         /* the topic takes only records with keys */
    struct slice frame; /* before the message, see format_ddl_encode() */
    struct change_origin origin;
    struct ddl_change change; /* ts_ms is the lane's to fill in */
};

/* What the rows of one rows event share. Bitmaps lie in the event's frame. */
struct row_event {
    const struct binding *binding;
    const uint8_t *before_present; /* UPDATE, DELETE */
    const uint8_t *after_present;  /* INSERT, UPDATE */
    uint64_t es_ms;
    uint64_t commit_us; /* when its group was committed, by the source's clock; 0: not known */
    struct slice gtid;  /* text in the batch; len 0: not wanted */
    struct change_origin origin;
    uint32_t width;    /* columns, as the event has them */
    bool partial_json; /* PARTIAL_UPDATE_ROWS: after images may hold JSON diffs */
};

enum row_half {
    ROW_WHOLE,
    ROW_DELETE_HALF, /* the before image of an UPDATE that changes its key */
    ROW_INSERT_HALF, /* its after image */
};

struct row_ref {
    const uint8_t *image; /* INSERT, DELETE: one image; UPDATE: before and after */
    uint32_t len;
    uint16_t event; /* index into events */
    uint8_t op;     /* enum change_op */
    uint8_t half;   /* enum row_half */
    int32_t partition;
    uint64_t id;
};

struct batch_mark {
    uint32_t rows;
    uint32_t events;
};

struct batch {
    uint64_t seq;       /* the lane's batches count 1, 2, 3, ... */
    struct batch *next; /* in the reader's lists */
    uint32_t row_count;
    uint32_t event_count;
    uint32_t frame_count;
    uint32_t binding_count;
    uint32_t gtid_len;
    struct batch_mark certain; /* rows and events of finished transactions */
    /* Before this batch is touched, batch wait_seq of lane wait_lane must be
     * acknowledged: it ends with the DELETE half of our first row. */
    uint64_t wait_seq; /* 0: nothing to wait for */
    uint32_t wait_lane;
    bool closed;           /* takes no more rows */
    struct batch_ddl *ddl; /* NULL: rows */
    struct row_ref rows[BATCH_ROWS];
    struct row_event events[BATCH_ROWS];
    struct frame *frames[BATCH_FRAMES];
    struct binding *bindings[BATCH_BINDINGS];
    char gtids[BATCH_GTID_BYTES];
};

/*
 * Adds an event whose rows lie in frame f. False: the batch is full, take the
 * next one. The event's rows follow with batch_add_row().
 */
bool batch_add_event(struct batch *b, const struct row_event *ev, struct frame *f);

static inline bool batch_has_room(const struct batch *b)
{
    return b->row_count < BATCH_ROWS;
}

static inline void batch_add_row(struct batch *b, struct row_ref row)
{
    row.event = (uint16_t)(b->event_count - 1);
    b->rows[b->row_count++] = row;
}

static inline void batch_commit(struct batch *b)
{
    b->certain = (struct batch_mark){b->row_count, b->event_count};
}

/* Takes back the rows since batch_commit(); frames and bindings stay referenced until reset. */
static inline void batch_rollback(struct batch *b)
{
    b->row_count = b->certain.rows;
    b->event_count = b->certain.events;
}

/* Drops all references and rows. */
void batch_reset(struct batch *b);
