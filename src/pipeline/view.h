/*
 * What is shown of a task, and what it is asked to do from outside.
 *
 * A view lives as long as the process. The supervisor publishes snapshots into
 * it a few times a second; anybody may look at the newest one:
 *
 *   struct view_snapshot *s = view_look(v);      never NULL, immutable
 *   ... view_release(s);
 *
 * What happens on other threads in between (a link that is lost, an error that
 * is logged) is told to the view directly and shows in the next snapshot.
 *
 * The other way round, view_command() leaves a wish (pause, resume, stop) and
 * interrupts whatever the supervisor waits for. The last wish counts, so two
 * who contradict each other get what was asked last.
 *
 * Threads: any, unless a comment names one. All times are wall clock,
 * microseconds since 1970, unless their name says _ms (monotonic).
 */
#pragma once

#include "base/err.h"
#include "pipeline/counters.h"
#include "pipeline/throttle.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct precheck_report;

enum view_state {
    VIEW_NOT_STARTED,
    VIEW_PRECHECKING, /* connecting, and looking at what both sides are */
    VIEW_PRECHECK_FAILED,
    VIEW_COPYING,
    VIEW_STREAMING,
    VIEW_CAUGHT_UP, /* everything that the source has is acknowledged */
    VIEW_PAUSED,
    VIEW_RETRYING,
    VIEW_FAILED,
    VIEW_FINISHED,
    VIEW_STATES
};

/* "not-started", "caught-up", ... */
const char *view_state_name(enum view_state s);
/* VIEW_STATES: no state has that name. */
enum view_state view_state_named(struct slice name);

enum view_side { VIEW_SOURCE, VIEW_DESTINATION, VIEW_STATE_DIR, VIEW_SIDES };
const char *view_side_name(enum view_side s);

/* Why a row, or a part of it, did not go out. */
enum view_skip {
    VIEW_SKIP_FILTER,     /* its filter or its dml did not take it */
    VIEW_SKIP_ETL,        /* the script dropped it, or failed under etl_on_error: skip */
    VIEW_SKIP_ETL_FAILED, /* an expression failed and the task went on */
    VIEW_SKIP_TOO_LARGE,  /* too_large: skip */
    VIEW_SKIP_KEY_ONLY,   /* too_large: key-only; its identity went out */
    VIEW_SKIPS
};
const char *view_skip_name(enum view_skip s);

/* Something that is tried again until its window is over. */
struct view_trouble {
    uint64_t who;           /* a bit for each lane or thread that has it; 0: none */
    uint64_t since_us;      /* when the first try failed */
    uint64_t next_try_us;   /* 0: tried all the time */
    uint64_t window_end_us; /* when it is given up */
    uint64_t tries;         /* failed ones */
    char cause[512];
};

struct view_error {
    uint64_t at_us;
    uint64_t number; /* counts up; tells a client which ones it has */
    bool warning;
    char event[40]; /* as in the log */
    char text[400];
};

#define VIEW_ERRORS 50

/* One point of the last hour's pictures. */
struct view_sample {
    uint64_t at_us;
    uint64_t rows_rate; /* a second, over the sample's time */
    uint64_t bytes_rate;
    uint64_t lag_ms; /* UINT64_MAX: not known */
};

#define VIEW_SAMPLES   720
#define VIEW_SAMPLE_MS 5000

/* Upper bounds of the histogram's buckets in microseconds; one more bucket is above them all. */
#define VIEW_BUCKETS 16
extern const uint64_t view_bucket_us[VIEW_BUCKETS];

struct view_histogram {
    _Atomic uint64_t bucket[VIEW_BUCKETS + 1]; /* not added up */
    _Atomic uint64_t sum_us;
};

struct view_table {
    const char *database; /* lives as long as the view */
    const char *table;
    uint64_t inserted, updated, deleted;
    enum copy_state copy;
    uint64_t copy_rows;
    uint64_t copy_estimate;
    uint64_t copy_rate;   /* rows a second since it began in this process */
    uint64_t copy_left_s; /* UINT64_MAX: not known */
};

struct view_topic {
    const char *name;
    uint64_t messages, bytes;
    uint64_t rate;       /* messages a second, of late */
    uint64_t rate_milli; /* the same in thousandths, for the next snapshot */
};

/* A broker as librdkafka sees it; counters are sums over the lanes of the run. */
struct view_broker {
    char name[128]; /* "HOST:PORT/ID" */
    uint32_t up;    /* lanes that are connected */
    uint64_t requests, errors, retries, timeouts;
    uint64_t connects, disconnects;
    uint64_t sent_bytes, received_bytes;
    uint64_t queued, waiting; /* requests that wait to be sent, for an answer */
    /* of the last seconds: the largest of the lanes' */
    uint64_t rtt_us, rtt_p99_us, throttle_us;
};

struct view_throttle {
    struct throttle_limits limits;
    uint64_t held_us;
    bool holding; /* right now */
};

/* Sums over the life of the process. */
struct view_totals {
    uint64_t source_bytes, source_events;
    uint64_t rows;                    /* changes of selected tables */
    uint64_t messages, message_bytes; /* produced */
    uint64_t acknowledged;            /* messages */
    uint64_t replaced_text;           /* characters */
    uint64_t skipped[VIEW_SKIPS];
};

struct view_snapshot {
    atomic_uint refs;
    uint64_t at_us;
    uint64_t started_us; /* of the process */
    enum view_state state;
    uint64_t since_us;
    char cause[768];        /* why it is in that state, in a sentence; "" where that is plain */
    enum view_side side;    /* VIEW_RETRYING: of the trouble that the cause is about */
    enum view_state wanted; /* what was asked for and is not yet so; VIEW_STATES: nothing */

    char *read; /* positions as text, "" not known */
    char *acknowledged;
    char *durable;
    char source[400]; /* HOST:PORT */
    char server[100]; /* its version, "" not connected yet */

    bool lag_known;
    uint64_t lag_us; /* the oldest change that is not acknowledged is that old; 0: there is none */
    bool behind_known;
    uint64_t bytes_behind; /* of binlog between acknowledged and the source's end */

    struct view_totals totals;
    uint64_t rows_rate, bytes_rate, messages_rate; /* a second, over the last seconds */
    uint64_t retries[VIEW_SIDES];
    uint64_t reconnects[VIEW_SIDES];
    uint64_t next_id;
    uint32_t lanes;
    uint64_t memory_limit, memory_frames, memory_packs, memory_queue;
    struct view_trouble trouble[VIEW_SIDES];
    struct view_throttle full, incremental;
    size_t table_count;
    struct view_table *tables; /* by name */
    size_t topic_count;
    struct view_topic *topics;
    size_t broker_count;
    struct view_broker *brokers; /* by name */
};

enum view_command { VIEW_NO_COMMAND, VIEW_PAUSE, VIEW_RESUME, VIEW_STOP };

struct view {
    struct counters counters;
    struct view_histogram commit_to_ack;
    struct throttle full;           /* limits of the copy; whoever copies takes from it */
    struct throttle incremental;    /* limits of the stream; the reader takes from it */
    _Atomic int64_t clock_ahead_us; /* the source's clock is that far ahead of ours */
    atomic_bool copying;            /* the copy runs: set and unset by whoever copies */
    _Atomic uint64_t beat_ms;       /* the supervisor was here */
    _Atomic uint64_t state_now;     /* enum view_state, of the newest snapshot */
    _Atomic uint64_t retry_now;     /* counts up: all who wait for their next try try at once */
    _Atomic uint64_t failed_retries[VIEW_SIDES];
    _Atomic uint64_t reconnects[VIEW_SIDES];
    _Atomic uint32_t command; /* enum view_command */
    void (*interrupt)(void);  /* async-signal-safe; ends what the supervisor waits for */
    uint64_t started_us;
    _Atomic uint64_t
        covered_us; /* by the source's clock: all up to there is acknowledged; 0: not known */
    struct view_totals past;       /* of runs that have ended; the supervisor's */
    struct table_counter **tables; /* the counters by name, sorted when one has come; likewise */
    struct topic_counter **topics;
    size_t table_count;
    size_t topic_count;

    pthread_mutex_t lock;
    struct precheck_report *precheck; /* NULL: none in this process */
    struct view_snapshot *newest;
    struct view_trouble trouble[VIEW_SIDES];
    uint64_t error_count; /* ever */
    struct view_error errors[VIEW_ERRORS];
    uint64_t sample_count; /* ever */
    struct view_sample samples[VIEW_SAMPLES];
};

NODISCARD enum err view_new(struct view **out);
void view_free(struct view *v);

/* The newest snapshot; give it back. */
struct view_snapshot *view_look(struct view *v);
void view_release(struct view_snapshot *s);

/* A snapshot to fill, all zero but refs; NULL: out of memory. Given to view_publish(). */
struct view_snapshot *view_blank(void);

/* Takes s over: it is the newest one from now on. Supervisor. */
void view_publish(struct view *v, struct view_snapshot *s);

/* Fills tables and topics from the counters; false: out of memory. */
bool view_fill_counters(struct view *v, struct view_snapshot *s,
                        const struct view_snapshot *before);

/* The newest precheck; takes a reference. */
void view_check(struct view *v, struct precheck_report *r);
/* NULL: none yet; else precheck_release() it. */
struct precheck_report *view_checked(struct view *v);

/* ---- what goes wrong ---- */

/* A try failed; `bit` tells one lane or thread from another (0 to 63). */
void view_trouble_begin(struct view *v, enum view_side side, unsigned bit, uint64_t since_us,
                        uint64_t next_try_us, uint64_t window_end_us, const char *cause);

/* It works again. */
void view_trouble_end(struct view *v, enum view_side side, unsigned bit);

/* Whoever had them is gone: all troubles are forgotten, and count as no recovery. */
void view_trouble_forget(struct view *v);

void view_troubles(struct view *v, struct view_trouble out[VIEW_SIDES]);

/* A line for the list of recent errors. log_watch() feeds it. */
void view_note(void *view, bool warning, const char *event, const char *text);

/* The newest ones, oldest first; their number. */
size_t view_errors(struct view *v, struct view_error *out, size_t max);

/* ---- the last hour ---- */

void view_add_sample(struct view *v, const struct view_sample *s);
/* Oldest first; their number, VIEW_SAMPLES at most. */
size_t view_samples(struct view *v, struct view_sample *out);

/* count changes were acknowledged that long after they were committed. */
void view_took(struct view *v, uint64_t us, uint64_t count);

/* The least bucket bound that the given share (0 to 1) stays under; 0: nothing was counted. */
uint64_t view_percentile_us(const struct view *v, double share);

/* ---- wishes ---- */

/*
 * Leaves a wish; to pause and to stop, the supervisor is interrupted. The last
 * one counts, but for a stop: false, and nothing is left, where one waits.
 */
NODISCARD bool view_command(struct view *v, enum view_command c);

/* The wish, taken out of the box. Supervisor. */
enum view_command view_take_command(struct view *v);

/* Whoever waits for a next try tries at once. */
void view_retry_now(struct view *v);
