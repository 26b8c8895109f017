/* What the files of verify share. See verify.h. */
#pragma once

#include "kafka/consumer.h"
#include "pipeline/fold.h"
#include "pipeline/look.h"
#include "pipeline/verify.h"

#define CANDIDATES_MAX 100000 /* differences of a table that are looked at again */

/* A statement in the messages, and what is before and behind it. */
struct verify_mark {
    int64_t ms; /* by the record's time */
    uint64_t id;
};

/* One side of a key: whether it is there, and what tells whether it is still the same. */
struct verify_side {
    bool there;
    struct hash128 row;
    uint64_t place; /* of the message: offset, with the partition above */
};

struct candidate {
    struct fold_key key;
    struct verify_side source; /* at the last look */
    struct verify_side kafka;
    bool equal; /* the two are, at the last look */
    bool done;
    bool looked; /* the source's row came in this look */
    char *text;  /* the record key; NULL: not known */
};

struct verify_table {
    struct binding *binding; /* a reference */
    struct copy_table *copy;
    char *database; /* names at the source */
    char *name;
    struct slice sent_database; /* names in messages; the binding's */
    struct slice sent_table;
    struct slice prefix; /* of its record keys */
    bool keyless;
    bool shared; /* another table goes out under the same names */
    struct fold *fold;
    struct verify_mark emptied; /* the last statement behind which it was empty; ms 0: none */
    struct verify_mark doubt;   /* a statement that changed rows without messages */
    char doubt_text[200];
    struct verify_mark first_row[2]; /* the lowest that was folded, of rows and of INIT */
    bool again;                      /* a statement empties it of what was folded */
    bool partial;                    /* keyless: a message without all columns */
    bool overflow;
    struct candidate *candidates;
    size_t candidate_count;
    size_t candidate_cap;
    struct verify_result result;
};

struct verify {
    const struct verify_options *o;
    struct look *look;
    struct verify_sums *sums;
    uint64_t secret[2];
    struct verify_table *tables; /* by topic */
    size_t table_count;
    size_t memory;

    /* the pass that is going on */
    struct verify_table *first;
    size_t count; /* tables of it */
    struct kafka_consumer *consumer;
    struct message_reader *reader;     /* of the topics */
    struct message_reader *row_reader; /* of what the lane shows */
    struct verify_table *reading;      /* the table that is being read from the source */
    unsigned round;                    /* 1, 2, ... */
    uint64_t (*last_ids)[2];           /* by partition: the highest of rows and of INIT */
    int32_t partitions;
    enum err watch_err; /* why the lane's sight has failed */
    struct src_session *session;
};

/* verify_kafka.c: a consumer on the pass's topics, at their beginning. */
NODISCARD enum err verify_open_topics(struct verify *v, struct errmsg *em);
void verify_close_topics(struct verify *v);

/*
 * verify_kafka.c: reads on to where the topics end now, into the folds.
 * ERR_NO_ROOM: more than the memory. *again: statements have emptied tables of
 * which rows were folded, begin anew.
 */
NODISCARD enum err verify_fold_on(struct verify *v, bool *again, struct errmsg *em);

/* verify_kafka.c: the record key of a message, to be freed; NULL: it cannot be had. */
char *verify_fetch_key(struct verify *v, const char *topic, int32_t partition, int64_t offset);

/* verify_source.c: reads a table; its rows are seen by verify_see_row(). */
NODISCARD enum err verify_read_table(struct verify *v, struct verify_table *t, struct errmsg *em);

/* verify.c: a row of the source as it would be sent. */
enum err verify_see_row(void *verify, const struct lane_sight *sight);
