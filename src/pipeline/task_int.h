/*
 * One run of a task, and what its files share. See task.h.
 *
 *   TRY(task_open(&options, &shared, &t, &em));   connects, checks, reads definitions, makes topics
 *   e = task_run(t, &em);                         until it is interrupted, done, or fails
 *   task_close(t);
 */
#pragma once

#include "kafka/embedded.h"
#include "kafka/stats.h"
#include "kafka/txn.h"
#include "net/loop.h"
#include "pipeline/copy.h"
#include "pipeline/cutter.h"
#include "pipeline/fault.h"
#include "pipeline/feeder.h"
#include "pipeline/guard.h"
#include "pipeline/history.h"
#include "pipeline/known.h"
#include "pipeline/options.h"
#include "pipeline/pulse.h"
#include "pipeline/replica.h"
#include "pipeline/retry.h"
#include "pipeline/schema_phase.h"
#include "pipeline/shaping.h"
#include "pipeline/state.h"
#include "pipeline/task.h"
#include "pipeline/view.h"
#include "source/zone.h"

#include <pthread.h>

/* How long the oldest batch of a lane has been the oldest. */
struct lane_head {
    uint64_t acked;
    uint64_t since_ms; /* monotonic */
    bool said;
};

/* What outlives a run. */
struct task_shared {
    struct ckpt *ckpt;
    struct kafka_embedded *embedded; /* NULL until the first run has made it */
    bool plain_producers;            /* the brokers know no idempotence */
    bool prechecked;                 /* and nothing failed that stops the task */
    bool precheck_failed;
    bool topics_looked_at; /* whether they hold records was asked, or need not be */
    char owner[200];       /* exactly-once: a word of this process, and who it is */
    bool owns;             /* it has committed that the state is its own */
};

/* Exactly-once: see task_txn.c. */
struct task_txn {
    struct kafka_txn *client; /* NULL: at least once */
    char topic[256];          /* what the state is kept in */
    struct cutter cutter;
    bool committing;   /* the checkpoint holds what is not committed yet */
    uint64_t seen;     /* the cut at hand, */
    uint64_t since_ms; /* and since when it is; monotonic */
    uint64_t put_ms;   /* since when its records are put */
    bool down;         /* its commit takes too long, and it was said */
    struct position position;
    uint64_t es_ms;
    uint64_t messages; /* committed */
};

/* Sums at one moment, for rates. */
struct task_sums {
    uint64_t at_ms;
    uint64_t rows;
    uint64_t bytes;
    uint64_t messages;
};

#define SUMS_KEPT 16

/* What task_view.c remembers between two snapshots. */
struct task_show {
    uint64_t at_ms;
    enum view_state state;
    uint64_t since_us;
    bool caught_up;
    struct position durable;
    uint64_t sum_count; /* ever */
    struct task_sums sums[SUMS_KEPT];
    struct task_sums sampled;             /* as of the last point of the hour's pictures */
    struct kafka_stats *kafka[LANES_MAX]; /* the newest of each lane; NULL: none yet */
};

struct task {
    struct task_options o;
    struct task_shared *shared;
    struct task_show show;
    const struct task_config *config;
    struct fault fault;

    /* the destination */
    struct destination_options to;
    struct kafka_options kafka; /* of it, with the embedded broker if there is one */
    struct kafka_embedded *embedded;
    struct kafka_admin *admin;
    struct registry *registry; /* NULL: none */
    struct topics topics;

    /* the source, at start */
    struct src_options source;
    struct src_server server;
    struct net_loop *setup_loop;
    struct src_session *session;
    struct zone *zone;
    char uuid[40]; /* ours, towards the source */
    uint32_t server_id;
    struct known known; /* from the precheck of a first start to its copy */
    struct objects *objects;
    struct shaping *shaping;

    /* what is followed */
    struct ckpt *ckpt;
    struct format_options format;
    struct tables *tables;
    struct position start;
    uint64_t start_rows;           /* row changes behind it that are done, */
    struct group_name start_group; /* and what they belong to */
    bool moved;             /* another server than the one that the checkpoint was written at */
    struct position target; /* of --until caught-up and --until POSITION */
    struct xa_list xa;
    struct schema_phase *schema; /* NULL: no such phase, or it is done */
    uint64_t next_id;

    /* what runs */
    struct net_loop *loop; /* the reader's */
    struct frame_pool *pool;
    size_t budget; /* limits.memory without what the codec takes beyond its share */
    uint32_t lane_count;
    struct lane *lanes[LANES_MAX];
    struct feeder feeder;
    struct progress progress;
    struct task_txn txn;
    struct copy *copy;   /* the full copy; NULL: none */
    struct guard *guard; /* NULL: nothing is to be looked at */
    struct replica *replica;
    pthread_t reader;
    bool reader_runs;
    struct pulse *pulse;   /* NULL: it does not run */
    struct position acked; /* everything before it is acknowledged */
    uint64_t acked_es_ms;
    bool torn;    /* a position was put by half: it must not become durable */
    bool worked;  /* it had the privileges that it needs */
    bool reached; /* the end that --until names */
    struct lane_head heads[LANES_MAX];
    uint64_t full_since_ms; /* monotonic; the disk under the checkpoint is full since; 0: not */
    uint64_t full_since_us;
};

/* Set: everything that waits ends, and the run with it. */
extern atomic_bool task_stopping;
/* A signal, or a stop from outside: the process is to end. */
extern atomic_bool task_ending;

/*
 * task_source.c: connects and reads what the source is, where to begin, the
 * zone, the definitions; makes the topics and writes the first checkpoint.
 * Tries again within retry.connection. The session stays open.
 */
NODISCARD enum err task_open_source(struct task *t, struct errmsg *em);

/*
 * task_precheck.c: of a first start, once in a process, on the connections of
 * the run. The error of what failed.
 */
NODISCARD enum err task_precheck(struct task *t, struct errmsg *em);

/* The same when a first start was refused before it had both connections: to list all that fails.
 */
void task_precheck_alone(const struct task_options *o, struct task_shared *shared, enum err e);

/* task_survey.c: says what is wrong or doubtful about objects; ERR_CONFIG: something is wrong. */
NODISCARD enum err task_survey(struct task *t, bool first_start, struct errmsg *em);

/* task_source.c: frees all of that. */
void task_close_source(struct task *t);

/* task_source.c: tables_define_fn on the reader's thread. */
enum err task_define(void *task, struct slice database, struct slice table, struct table_def **def,
                     struct binlog_place *holds_to, struct errmsg *em);

/* task_copy.c: which tables are to be copied; the source's session is open. */
NODISCARD enum err task_open_copy(struct task *t, struct errmsg *em);

/* task_copy.c: the notes of a commit point that is acknowledged. */
NODISCARD enum err task_note_copied(struct task *t, const struct tables_note *notes);

/* task_txn.c: the transactional id is taken, the state read. Nothing happens at least once. */
NODISCARD enum err task_txn_open(struct task *t, struct errmsg *em);

/* task_txn.c: makes durable what was put at start. */
NODISCARD enum err task_txn_save(struct task *t, struct errmsg *em);

/* task_txn.c: again and again; commits what the reader has cut. *busy: something is under way. */
NODISCARD enum err task_txn_step(struct task *t, bool *busy, struct errmsg *em);

/* task_txn.c: the reader is to end: commits until its last cut is. */
void task_txn_drain(struct task *t, struct errmsg *em, enum err *e);

/* task_txn.c: the lanes' threads have ended, and they are still there. */
void task_txn_close(struct task *t);

/* task_run.c: a commit point into the checkpoint. */
NODISCARD enum err task_put_point(struct task *t, struct commit_point *p);

/* task_run.c: messages that are delivered. */
uint64_t task_acknowledged(const struct task *t);

/* task_destination.c: brokers reached, options checked. */
NODISCARD enum err task_connect_destination(struct task *t, struct errmsg *em);

/*
 * The same for a look that has no checkpoint (look.h): one try, and nothing is
 * made. The source's definitions are those of a first start at `from`; start is
 * that place, target the end of the binlog. Embedded: there is no admin client.
 */
NODISCARD enum err task_look_source(struct task *t, const struct conf_start *from,
                                    struct errmsg *em);
NODISCARD enum err task_look_destination(struct task *t, struct errmsg *em);

/* task_run.c */
NODISCARD enum err task_open(const struct task_options *o, struct task_shared *shared,
                             struct task **out, struct errmsg *em);
NODISCARD enum err task_start(struct task *t, struct errmsg *em);
/* ERR_OK: interrupted, or --until is reached (t->reached). */
NODISCARD enum err task_run(struct task *t, struct errmsg *em);
void task_close(struct task *t);

/*
 * task_view.c: publishes how the run stands, if the last time is a while ago.
 * *dirty: the checkpoint has something new, the state. Supervisor.
 */
void task_show(struct task *t, bool *dirty);

/* task_view.c: a nap between two tries while a run begins, in which it is shown how it stands. */
enum err task_nap(void *task, uint64_t ms);

/* task_view.c: for one outage of a side while a run begins, within retry.connection. */
struct retry task_retry(struct task *t, enum view_side side, const char *event);

/* task_view.c: the same at once, and for good: adds the run's sums to the view's. */
void task_show_end(struct task *t);

/* task_view.c: publishes a state in which nothing runs. position: of the checkpoint; may be NULL.
 */
void task_show_rest(struct view *v, const struct task_config *config, enum view_state state,
                    uint64_t since_us, const char *cause, const struct position *position);
