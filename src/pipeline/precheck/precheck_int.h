/*
 * What the files of the precheck share: the facts that it gathers, and how
 * judges speak.
 */
#pragma once

#include "base/arena.h"
#include "base/writer.h"
#include "checkpoint/checkpoint.h"
#include "kafka/inquiry.h"
#include "pipeline/options.h"
#include "pipeline/precheck/precheck.h"
#include "pipeline/survey.h"
#include "schema/table.h"
#include "source/facts.h"
#include "source/load.h"
#include "source/server.h"

/* Facts that an item cannot do without. */
enum precheck_need {
    NEED_SOURCE = 1,
    NEED_TABLES = 2, /* the catalogue was read */
    NEED_BROKERS = 4,
    NEED_TOPICS = 8,
};

/* Something that was asked, and how it went. */
struct answer {
    enum err err;
    struct errmsg em;
};

/* A selected table of the source. */
struct checked_table {
    struct table_def *def; /* owned */
    struct table *table;   /* owned; NULL: type_problem says why */
    size_t object;
    uint64_t rows, bytes, row_len; /* as the server guesses */
    bool denied;                   /* SELECT on some column is missing */
    bool cascades;                 /* its rows change by foreign keys */
    bool lockable;                 /* LOCK TABLES on it is granted, as far as can be seen */
    bool encrypted;
    const char *type_problem; /* a sentence; NULL: none */
};

struct checked_topic {
    const char *name;
    int32_t partitions; /* asked for */
    int32_t had;        /* when the task first wrote to it; 0: it never did */
    size_t object;      /* the entry that asked first */
    bool rows;          /* rows go there; else statements alone */
    uint64_t bytes;     /* of the tables that go there, a guess */
};

struct precheck_facts {
    const struct precheck_options *o;
    const struct task_config *config;
    struct shaping *shaping;
    struct arena *arena;
    bool first_start; /* no position in the state folder, nor where it is a copy of a topic there */
    bool running;     /* the task runs now, in another process */
    struct ckpt *ckpt; /* what the state folder holds; NULL: nothing, or not to be looked at */
    struct answer state;

    /* the source */
    struct answer source; /* ERR_OK: connected, and server holds */
    struct src_options source_options;
    struct net_loop *loop;
    struct src_session *session;
    bool own_session;
    char account[400];
    bool tls, key_unverified;
    struct src_server server;
    struct src_facts settings;
    struct answer replicate, position, load, catalogue;
    struct src_load busy;
    uint32_t *replica_ids; /* malloc */
    size_t replica_count;
    int64_t ahead_us;
    struct objects *objects;
    struct survey *survey;
    struct writer unseen; /* names of tables that objects names and the account does not see */
    size_t unseen_count;
    bool writes_heartbeat;        /* so are CREATE, INSERT, UPDATE on the heartbeat table */
    struct checked_table *tables; /* malloc; by name */
    size_t table_count, table_cap;

    /* the destination */
    struct answer destination; /* ERR_OK: reached, and cluster holds */
    struct destination_options to;
    struct kafka_admin *admin;
    bool own_admin;
    bool embedded;
    struct kafka_cluster_facts cluster;
    struct answer registry, topic_answer;
    struct checked_topic *topics; /* malloc */
    size_t topic_count;
    struct kafka_topic_facts *found; /* malloc; as many */

    /* exactly-once: the topic that holds the task's state, and the transactional id */
    char kept_name[280];           /* "": not exactly-once */
    struct kafka_topic_facts kept; /* as of answer kept_answer */
    struct answer kept_answer;
    enum kafka_grant transactional_id;
    bool kept_begun; /* the topic has a position, and the folder none */
};

/* ---- gathering ---- */

/* precheck_source.c: all of the source; false: the session that was given is dead, or memory is. */
NODISCARD enum err precheck_gather_source(struct precheck_facts *f, struct errmsg *em);
/* Foreign keys, statistics, privileges: while the topics are asked about. */
NODISCARD enum err precheck_gather_more(struct precheck_facts *f, struct errmsg *em);
/* What a copy that follows need not ask again. Not whole where the catalogue could not be read. */
NODISCARD enum err precheck_hand_over(const struct precheck_facts *f, struct known *out);
void precheck_forget_source(struct precheck_facts *f);

/* precheck_destination.c: which topics the tables go to. */
NODISCARD enum err precheck_list_topics(struct precheck_facts *f);

/* precheck_destination.c */
void precheck_gather_brokers(struct precheck_facts *f);
void precheck_gather_topics(struct precheck_facts *f);
void precheck_forget_destination(struct precheck_facts *f);

/* ---- judging ---- */

/* Every item on these facts, and what skip_checks makes of it. Pure. */
NODISCARD enum err precheck_judge(const struct precheck_facts *f, struct precheck_report **out);

struct finding {
    enum precheck_result result;
    enum err err;
    struct writer found, remedy;
};

/* A sentence; those of one finding are joined by "; ". The gravest result counts. */
void find_note(struct finding *out, const char *fmt, ...) PRINTF(2, 3);
void find_warning(struct finding *out, const char *fmt, ...) PRINTF(2, 3);
void find_failure(struct finding *out, enum err e, const char *fmt, ...) PRINTF(3, 4);

/* A line that mends it. */
void find_remedy(struct finding *out, const char *fmt, ...) PRINTF(2, 3);

/* For "%zu %s": 1 table, 3 tables. And the verb behind it. */
#define COUNT_OF(n, noun)      (n), ((n) == 1 ? noun : noun "s")
#define AGREES(n, one, others) ((n) == 1 ? (one) : (others))

#define NAMES_SHOWN 10

/* "3 of 7 tables WHAT: shop.a, shop.b, shop.c" of those that `is` takes; "" for none. Returns the
 * number. */
typedef bool (*table_is)(const struct precheck_facts *f, const struct checked_table *t);
size_t find_tables(const struct precheck_facts *f, table_is is, struct writer *out);

/* Statements on one table: `before` `db`.`table` `after`. */
void find_table_remedy(struct finding *out, const char *before, const struct checked_table *t,
                       const char *after);

/* The rows of the copy in seconds, on the slow side. */
uint64_t precheck_copy_seconds(const struct precheck_facts *f);

#define JUDGE(name) void judge_##name(const struct precheck_facts *f, struct finding *out)
JUDGE(source);
JUDGE(version);
JUDGE(source_privileges);
JUDGE(server_id);
JUDGE(log_bin);
JUDGE(binlog_format);
JUDGE(row_image);
JUDGE(row_metadata);
JUDGE(retention);
JUDGE(sync);
JUDGE(binlog_filter);
JUDGE(gtid_mode);
JUDGE(topology);
JUDGE(compression);
JUDGE(clock);
JUDGE(encryption);
JUDGE(engines);
JUDGE(keys);
JUDGE(invisible);
JUDGE(charsets);
JUDGE(foreign_keys);
JUDGE(destination);
JUDGE(broker_version);
JUDGE(topics);
JUDGE(partitions);
JUDGE(destination_privileges);
JUDGE(same_objects);
JUDGE(not_empty);
JUDGE(message_max);
JUDGE(in_sync);
JUDGE(room);
JUDGE(registry);
JUDGE(objects);
JUDGE(same_names);
JUDGE(expressions);
JUDGE(phases);
JUDGE(acks);
JUDGE(folder);
JUDGE(same_topic);
#undef JUDGE
