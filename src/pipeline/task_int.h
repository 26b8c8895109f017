/* What the files of a task share. See task.h. */
#pragma once

#include "kafka/embedded.h"
#include "net/loop.h"
#include "pipeline/fault.h"
#include "pipeline/feeder.h"
#include "pipeline/history.h"
#include "pipeline/replica.h"
#include "pipeline/state.h"
#include "pipeline/task.h"
#include "source/zone.h"

#include <pthread.h>

/* How long the oldest batch of a lane has been the oldest. */
struct lane_head {
    uint64_t acked;
    uint64_t since_ms; /* monotonic */
    bool said;
};

struct task {
    struct task_options o;
    const struct task_config *config;
    struct fault fault;

    /* the destination */
    struct kafka_options kafka;
    char *brokers;
    struct kafka_embedded *embedded;
    struct kafka_admin *admin;
    struct topics topics;

    /* the source, at start */
    struct src_options source;
    struct src_server server;
    struct net_loop *setup_loop;
    struct src_session *session;
    struct zone *zone;
    char uuid[40]; /* ours, towards the source */
    uint32_t server_id;
    struct objects *objects;

    /* what is followed */
    struct ckpt *ckpt;
    struct format_options format;
    struct tables *tables;
    struct position start;
    struct position target; /* of --until caught-up and --until POSITION */
    struct xa_list xa;
    uint64_t next_id;

    /* what runs */
    struct net_loop *loop; /* the reader's */
    struct frame_pool *pool;
    uint32_t lane_count;
    struct lane *lanes[LANES_MAX];
    struct feeder feeder;
    struct progress progress;
    struct replica *replica;
    pthread_t reader;
    bool reader_runs;
    struct position acked; /* everything before it is acknowledged */
    uint64_t acked_es_ms;
    bool torn; /* a position was put by half: it must not become durable */
    struct lane_head heads[LANES_MAX];
    uint64_t full_since_ms; /* monotonic; the disk under the checkpoint is full since; 0: not */
};

extern atomic_bool task_stopping;

/*
 * task_source.c: connects and reads what the source is, where to begin, the
 * zone, the definitions; makes the topics and writes the first checkpoint.
 * Tries again within retry.connection. The session stays open.
 */
NODISCARD enum err task_open_source(struct task *t, struct errmsg *em);

/* task_source.c: frees all of that. */
void task_close_source(struct task *t);

/* task_source.c: tables_define_fn on the reader's thread. */
enum err task_define(void *task, struct slice database, struct slice table, struct table_def **def,
                     struct binlog_place *holds_to, struct errmsg *em);

/* task_destination.c: brokers reached, options checked. */
NODISCARD enum err task_connect_destination(struct task *t, struct errmsg *em);

/* task_run.c */
NODISCARD enum err task_start(struct task *t, struct errmsg *em);
