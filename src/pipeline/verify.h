/*
 * Compares the source's tables with what the messages in Kafka add up to.
 *
 *   1. the topics are read from the beginning to where they end, and folded
 *      (fold.h): last message of a key wins, statements that empty a table
 *      forget what came before
 *   2. the tables are read as the full copy reads them; each row goes through
 *      the rules and the encoder of the task (look.h), so that both sides are
 *      messages, and is compared by its record key
 *   3. what differs is looked at again, once the task has caught up with what
 *      was read: the topics are read on, and the rows read again. A difference
 *      that stood still on both sides is one; what keeps changing is not
 *
 * Nothing is changed at either side, and the state folder is left alone.
 *
 * Threads: verify_run() blocks. task_stop() ends it (ERR_STOPPED).
 */
#pragma once

#include "config/task.h"

enum verify_kind {
    VERIFY_MISSING,   /* at the source, and not in Kafka */
    VERIFY_EXTRA,     /* in Kafka, and not at the source */
    VERIFY_DIFFERENT, /* its row is another one */
    VERIFY_KINDS,
};

#define VERIFY_SAMPLES 10 /* of a kind */

struct verify_sample {
    enum verify_kind kind;
    char *key;         /* the record key, maybe cut; NULL: not known */
    int32_t partition; /* of its last message; -1: there is none */
    int64_t offset;
};

struct verify_result {
    const char *database;
    const char *table;
    const char *topic;
    char why[400];    /* it cannot be compared, for this reason; "": it was */
    char notice[400]; /* what else to know; "": nothing */
    bool keyless;     /* compared as a multiset */
    uint64_t rows;    /* at the source, those that the rules take */
    uint64_t keys;    /* in Kafka; keyless: rows */
    uint64_t equal;
    uint64_t found[VERIFY_KINDS];
    uint64_t changing; /* still differed, and went on changing */
    uint64_t partly;   /* of the equal ones: compared over a part of the columns only */
    uint64_t once;     /* of the differences: too many to be looked at again */
    uint32_t sample_count;
    struct verify_sample samples[VERIFY_KINDS * VERIFY_SAMPLES];
};

/* Borrowed for the call. */
typedef void (*verify_fn)(void *arg, const struct verify_result *result);

/*
 * What the running task has acknowledged: a position as text, to be freed.
 * ERR_UNREACHABLE: no task runs.
 */
typedef enum err (*verify_position_fn)(void *arg, char **text);

struct verify_options {
    const struct task_config *config;
    const char *const *tables; /* DATABASE.TABLE; none: all that objects take */
    size_t table_count;
    verify_position_fn acknowledged;
    verify_fn each;
    void *arg;
    size_t memory; /* for what is folded at a time; more is read in several passes. 0: 256 MiB */
};

struct verify_sums {
    uint64_t tables;
    uint64_t compared;
    uint64_t differences;
    uint64_t changing;
    bool task_runs;
    bool behind; /* the task did not catch up with the source while it was waited for */
};

NODISCARD enum err verify_run(const struct verify_options *o, struct verify_sums *sums,
                              struct errmsg *em);
