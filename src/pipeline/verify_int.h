/*
 * What the files of verify share. See verify.h.
 *
 *   verify.c          the passes, and the task that is waited for
 *   verify_tables.c   which tables, and what is needed for each
 *   verify_kafka.c    what the messages add up to
 *   verify_source.c   the rows of the source
 *   verify_compare.c     the two against each other
 */
#pragma once

#include "kafka/consumer.h"
#include "pipeline/fold.h"
#include "pipeline/look.h"
#include "pipeline/verify.h"

#define KEY_SHOWN 300 /* bytes of a record key in a sample */

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

/* A look at a table without record keys: numbers of rows. */
struct verify_counts {
    uint64_t more;  /* rows that only the messages have */
    uint64_t fewer; /* rows that only the source has */
    uint64_t equal;
    uint64_t moving; /* rows whose numbers are not those of the look before */
    uint64_t rows;
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
    struct verify_counts counts; /* keyless: of the last look */
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

/* What it cannot be compared for is told in its result. */
static inline bool verify_is_out(const struct verify_table *t)
{
    return t->result.why[0] != 0;
}

/* verify_tables.c: those that are named, or all, by topic; each is ready to be folded. */
NODISCARD enum err verify_choose_tables(struct verify *v, struct errmsg *em);

/* verify_tables.c: takes back what was found. */
void verify_reset_result(struct verify_table *t);
void verify_free_table(struct verify_table *t);

/* verify_compare.c: the first look at all of its rows; open: not all is equal. */
NODISCARD enum err verify_compare(struct verify *v, struct verify_table *t, struct errmsg *em);
bool verify_is_open(const struct verify_table *t);

/* verify_compare.c: another look at what is open. *open: some of it is neither equal nor stands still.
 */
NODISCARD enum err verify_compare_again(struct verify *v, struct verify_table *t, bool *open,
                                     struct errmsg *em);

/* verify_compare.c: what was found, into the table's result. */
void verify_take_findings(struct verify *v, struct verify_table *t);

/* verify_compare.c: drops what is open. */
void verify_forget(struct verify_table *t);

/* verify_compare.c: a row of the source as it would be sent. */
enum err verify_see_row(void *verify, const struct lane_sight *sight);
