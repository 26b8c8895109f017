/*
 * Exactly-once: the task's state lives in a compacted topic, and is written in
 * the transaction whose rows it covers. The folder is a copy of it.
 *
 *   at the start of a run   1. whose state is it? Not the first time in a process: another
 *                              instance may have taken over since
 *                           2. the client takes the transactional id, which fences whoever had it
 *                           3. only then the topic is read, and replaces the folder's state
 *                           4. the owner's record, in a transaction of its own
 *   while it runs           the reader makes a cut; when all lanes have passed it, its commit point
 *                           is put, its records are written, and the transaction is committed
 *   when one is lost        nothing is put right here: the run ends with ERR_ABORTED, and the next
 *                           one begins with what was committed
 */
#include "pipeline/task_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "kafka/kept.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define INIT_MS    500   /* for one try at taking the transactional id */
#define READ_MS    10000 /* for one try at reading the topic */
#define COMMIT_MS  50    /* how long the supervisor waits for a commit at a time */
#define SILENCE_MS 2000  /* a commit that takes longer is an outage */
#define FULL_MS    5     /* between tries while the client's queue is full */
#define ABORT_MS   2000  /* for the abort of what was not committed, at the end */
#define DRAIN_MS   10000 /* without a commit, at the end */

#define RECORD_VERSION SLICE_LIT("version")
#define VERSION        SLICE_LIT("1")

static void nap(int ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

/* ---- whose state it is ---- */

/* A word of this process, and who it is. */
static void make_owner(struct task_shared *shared)
{
    uint64_t word = 0;
    char host[65] = "?";
    time_t now = (time_t)(clock_wall_us() / 1000000);
    struct tm utc;
    char since[32] = "";
    if (getrandom(&word, sizeof(word), 0) != (ssize_t)sizeof(word))
        word = clock_wall_us() ^ (uint64_t)getpid() << 40;
    if (gethostname(host, sizeof(host) - 1) != 0)
        snprintf(host, sizeof(host), "?");
    if (gmtime_r(&now, &utc) != NULL)
        strftime(since, sizeof(since), "%Y-%m-%dT%H:%M:%SZ", &utc);
    snprintf(shared->owner, sizeof(shared->owner), "%016" PRIx64 " process %ld on host %s since %s",
             word, (long)getpid(), host, since);
}

/* ---- reading the topic ---- */

struct restore {
    struct task *task;
    struct errmsg *em;
    bool only_owner; /* nothing is restored: whose state is it? */
    uint64_t records;
    char owner[sizeof(((struct task_shared *)0)->owner)];
};

/* The folder has a state that the topic knows nothing of. */
static enum err check_folder(const struct task *t, struct errmsg *em)
{
    struct slice owner = SLICE_LIT("");
    struct ckpt_position p;
    if (!ckpt_position(t->ckpt, &p) || (state_owner(t->ckpt, &owner) && owner.len > 0))
        return ERR_OK;
    return errmsg_set(
        em, ERR_CONFIG,
        "the topic %s holds a state of the task, and the state folder %s another one that went on "
        "with delivery: at-least-once: delete the folder to go on from the topic, or the topic to "
        "go on from the folder",
        t->txn.topic, t->config->state_dir);
}

static enum err take_record(void *arg, struct slice key, const struct slice *value)
{
    struct restore *r = arg;
    struct ckpt *c = r->task->ckpt;
    if (slice_eq(key, slice_str(STATE_OWNER_RECORD)) && value != NULL)
        snprintf(r->owner, sizeof(r->owner), "%.*s", SLICE_ARG(*value));
    if (r->records++ == 0 && !r->only_owner) {
        TRY(check_folder(r->task, r->em));
        ckpt_restore_begin(c);
    }
    if (r->only_owner)
        return ERR_OK;
    if (slice_eq(key, RECORD_VERSION))
        return value != NULL && slice_eq(*value, VERSION) ? ERR_OK : ERR_UNSUPPORTED;
    return ckpt_restore(c, key, value);
}

static enum err read_topic(struct task *t, struct restore *r, struct errmsg *em)
{
    struct retry retry = task_retry(t, VIEW_DESTINATION, "destination.down");
    struct errmsg why;
    for (;;) {
        why.text[0] = 0;
        *r = (struct restore){.task = t, .em = &why, .only_owner = r->only_owner};
        enum err e = kafka_kept_read(&t->kafka, t->txn.topic, READ_MS, take_record, r, em);
        if (why.text[0] != 0)
            *em = why;
        struct errmsg ignored;
        if (e != ERR_OK && !r->only_owner) /* a part of it is no state */
            e = ckpt_revert(t->ckpt, &ignored) == ERR_OK ? e : ERR_STATE_IO;
        if (err_class(e) != ERRC_BROKER) {
            retry_end(&retry, NULL);
            return e;
        }
        TRY(retry_wait(&retry, e, em));
    }
}

/* Not after another instance: it goes on with what we have left. */
static enum err check_owner(struct task *t, const char *owner, struct errmsg *em)
{
    if (!t->shared->owns || strcmp(owner, t->shared->owner) == 0)
        return ERR_OK;
    const char *who = strchr(owner, ' ');
    return errmsg_set(em, ERR_FENCED,
                      "another instance of task %s has taken over the transactional id \"%s\" "
                      "(%s): this instance ends, and the other one goes on from what was committed",
                      t->config->task, t->config->task, who != NULL ? who + 1 : "unknown");
}

static enum err look_for_owner(struct task *t, struct errmsg *em)
{
    struct restore r = {.only_owner = true};
    if (!t->shared->owns)
        return ERR_OK;
    TRY(read_topic(t, &r, em));
    return check_owner(t, r.owner, em);
}

/* The state as it was committed takes the place of the folder's. */
static enum err restore(struct task *t, bool *empty, struct errmsg *em)
{
    struct restore r = {0};
    struct slice name, cause, owner = SLICE_LIT("");
    uint64_t since_us = 0;
    char shown[64] = "", why[768] = "";
    if (state_shown(t->ckpt, &name, &since_us, &cause)) {
        snprintf(shown, sizeof(shown), "%.*s", SLICE_ARG(name));
        snprintf(why, sizeof(why), "%.*s", SLICE_ARG(cause));
    }
    TRY(read_topic(t, &r, em));
    *empty = r.records == 0;
    if (*empty && state_owner(t->ckpt, &owner) && owner.len > 0)
        return errmsg_set(em, ERR_STATE_DAMAGED,
                          "the topic %s, which held the state of the task, is empty, and the state "
                          "folder %s is a copy of it that may be old: restore the topic, or delete "
                          "the folder to begin anew",
                          t->txn.topic, t->config->state_dir);
    if (*empty)
        return ERR_OK;
    enum err e = ckpt_restore_end(t->ckpt, t->config->task, em);
    if (e != ERR_OK) {
        errmsg_prefix(em, "topic %s", t->txn.topic);
        return e;
    }
    if (shown[0] != 0 &&
        state_put_shown(t->ckpt, slice_str(shown), since_us, slice_str(why)) != ERR_OK)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory for the checkpoint");
    log_info("state.restored", "topic=%s records=%" PRIu64, t->txn.topic, r.records);
    return check_owner(t, r.owner, em);
}

/* ---- writing it ---- */

static enum err put_record(struct task *t, struct slice key, const struct slice *value,
                           struct errmsg *em)
{
    uint64_t since = clock_mono_ms();
    enum err e;
    while ((e = kafka_txn_put(t->txn.client, t->txn.topic, key, value, em)) == ERR_NO_ROOM) {
        if (clock_mono_ms() - since > t->config->retry.connection_ms)
            return errmsg_set(em, ERR_BROKER_DOWN,
                              "destination: the task's state could not be written to topic %s",
                              t->txn.topic);
        nap(FULL_MS);
    }
    return e;
}

static enum err put_change(struct task *t, const struct ckpt_record *r, struct errmsg *em)
{
    struct writer name;
    if (state_is_local(r))
        return ERR_OK;
    writer_init(&name, 1u << 20);
    writer_slice_put(&name, slice_str(r->kind));
    writer_slice_put(&name, r->key);
    enum err e = name.err != ERR_OK
                     ? errmsg_set(em, name.err, "out of memory for the checkpoint")
                     : put_record(t, writer_slice(&name), r->ends ? NULL : &r->value, em);
    writer_fini(&name);
    return e;
}

/* What is new, or all of it. */
static enum err put_state(struct task *t, bool all, struct errmsg *em)
{
    struct ckpt_record r;
    struct slice version = VERSION;
    size_t it = 0;
    if (all)
        TRY(put_record(t, RECORD_VERSION, &version, em));
    while (all ? ckpt_next_record(t->ckpt, &it, &r) : ckpt_next_change(t->ckpt, &it, &r))
        TRY(put_change(t, &r, em));
    return ERR_OK;
}

/* Commits, at the start of a run, when nothing else is under way. */
static enum err commit_alone(struct task *t, bool all, struct errmsg *em)
{
    uint64_t since = clock_mono_ms();
    enum err e = put_state(t, all, em);
    while (e == ERR_OK && (e = kafka_txn_commit(t->txn.client, COMMIT_MS, em)) == ERR_BROKER_DOWN &&
           clock_mono_ms() - since < t->config->retry.connection_ms) {
        if (atomic_load(&task_stopping))
            return ERR_STOPPED;
        TRY(task_nap(t, 1));
        e = ERR_OK;
    }
    TRY(e);
    TRY(kafka_txn_begin(t->txn.client, em));
    return ckpt_sync(t->ckpt, em);
}

enum err task_txn_save(struct task *t, struct errmsg *em)
{
    if (t->txn.client == NULL)
        return ckpt_sync(t->ckpt, em);
    t->txn.committing = true; /* what was put is not durable until then */
    TRY(commit_alone(t, false, em));
    t->txn.committing = false;
    return ERR_OK;
}

/* ---- the start ---- */

static enum err make_topic(struct task *t, struct errmsg *em)
{
    struct retry retry = task_retry(t, VIEW_DESTINATION, "destination.down");
    for (;;) {
        enum err e =
            kafka_kept_make(t->admin, t->txn.topic, t->config->destination.replication_factor, em);
        if (err_class(e) != ERRC_BROKER) {
            retry_end(&retry, NULL);
            return e;
        }
        TRY(retry_wait(&retry, e, em));
    }
}

/* From here on nobody else commits under the task's name. */
static enum err take_id(struct task *t, struct errmsg *em)
{
    struct retry retry = task_retry(t, VIEW_DESTINATION, "destination.down");
    uint64_t since = clock_mono_ms();
    for (;;) {
        enum err e = kafka_txn_init(t->txn.client, INIT_MS, em);
        if (err_class(e) != ERRC_BROKER) {
            retry_end(&retry, NULL);
            return e;
        }
        if (atomic_load(&task_stopping))
            return ERR_STOPPED;
        if (clock_mono_ms() - since > READ_MS) /* a coordinator that loads takes a while */
            TRY(retry_wait(&retry, e, em));
    }
}

static enum err own(struct task *t, bool empty, struct errmsg *em)
{
    if (state_put_owner(t->ckpt, slice_str(t->shared->owner)) != ERR_OK)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory for the checkpoint");
    TRY(kafka_txn_begin(t->txn.client, em));
    t->txn.committing = true;
    TRY(commit_alone(t, empty, em));
    t->txn.committing = false;
    t->shared->owns = true;
    return ERR_OK;
}

/* The folder goes on by itself: it is no copy of a topic any more. */
static enum err leave_topic(struct task *t, struct errmsg *em)
{
    struct slice owner;
    if (!state_owner(t->ckpt, &owner) || owner.len == 0)
        return ERR_OK;
    log_warn("delivery.changed",
             "note=\"delivery was exactly-once: the state in the topic %s.rowcast is not kept up "
             "any more, and a crash may repeat messages\"",
             t->config->task);
    enum err e = state_put_owner(t->ckpt, SLICE_LIT(""));
    return e == ERR_OK ? ckpt_sync(t->ckpt, em)
                       : errmsg_set(em, e, "%s: %s", t->config->state_dir, err_text(e));
}

enum err task_txn_open(struct task *t, struct errmsg *em)
{
    bool empty = false;
    if (t->config->destination.delivery != CONF_EXACTLY_ONCE)
        return leave_topic(t, em);
    if (t->embedded != NULL)
        return errmsg_set(em, ERR_CONFIG,
                          "destination.delivery: exactly-once needs brokers that keep "
                          "transactions: the embedded one keeps nothing");
    if (t->shared->owner[0] == 0)
        make_owner(t->shared);
    snprintf(t->txn.topic, sizeof(t->txn.topic), "%s" KAFKA_KEPT_SUFFIX, t->config->task);
    TRY(make_topic(t, em));
    TRY(look_for_owner(t, em));
    struct kafka_options o = t->kafka;
    o.transactional_id = t->config->task;
    o.queue_bytes = t->config->limits.memory * 3 / 8;
    TRY(kafka_txn_new(&o, &t->txn.client, em));
    TRY(take_id(t, em));
    TRY(restore(t, &empty, em));
    TRY(own(t, empty, em));
    log_info("transactions.open", "id=%s topic=%s timeout_ms=%" PRIu64, t->config->task,
             t->txn.topic, kafka_txn_timeout_ms(t->txn.client));
    return ERR_OK;
}

void task_txn_close(struct task *t)
{
    enum err e = fault_err(&t->fault);
    kafka_txn_free(t->txn.client, e == ERR_FENCED || e == ERR_ABORTED ? 0 : ABORT_MS);
    t->txn.client = NULL;
    if (!t->txn.committing)
        return;
    /* What was put is not committed: the folder must not say that it is. */
    struct errmsg em;
    if (ckpt_revert(t->ckpt, &em) != ERR_OK)
        log_warn("state.revert", "text=\"%s\"", em.text);
}

/* ---- while it runs ---- */

static bool lanes_passed(const struct task *t, uint64_t n)
{
    for (uint32_t i = 0; i < t->lane_count; i++)
        if (lane_passed(t->lanes[i]) < n)
            return false;
    return true;
}

/* The cut's commit point, and what goes with it. */
static enum err begin_commit(struct task *t, struct errmsg *em)
{
    struct commit_point *p = progress_take_cut(&t->progress);
    if (p == NULL)
        return errmsg_set(em, ERR_BUG, "a cut without a commit point");
    bool put;
    t->txn.committing = true;
    enum err e = task_put_point(t, p);
    if (e == ERR_OK)
        e = position_copy(&t->txn.position, &p->position);
    t->txn.es_ms = p->es_ms;
    commit_point_free(p);
    /* Behind it: what it stands behind is never kept later than the point. */
    if (e == ERR_OK && t->copy != NULL)
        e = copy_save(t->copy, t->ckpt, &put);
    if (e != ERR_OK)
        return errmsg_set(em, e, "%s: %s", t->config->state_dir, err_text(e));
    return put_state(t, false, em);
}

static void outage_ends(struct task *t)
{
    if (t->txn.down)
        log_info("destination.back", "note=\"the transaction is committed\"");
    if (t->txn.down)
        view_trouble_end(t->o.view, VIEW_DESTINATION, RETRY_BIT_TASK);
    t->txn.down = false;
}

/* The commit takes longer than it should. */
static enum err watch_commit(struct task *t, struct errmsg *em)
{
    uint64_t took = clock_mono_ms() - t->txn.since_ms, window = t->config->retry.connection_ms;
    if (took > window)
        return errmsg_set(em, ERR_BROKER_DOWN,
                          "destination: the transaction could not be committed; gave up after "
                          "%" PRIu64 " s (retry.connection): nothing is lost, a restart goes on "
                          "from what was committed",
                          took / 1000);
    if (took > SILENCE_MS && !t->txn.down) {
        uint64_t since_us = clock_wall_us() - took * 1000;
        t->txn.down = true;
        log_warn("destination.down",
                 "reason=\"the transaction is not committed yet\" retry_window_s=%" PRIu64,
                 window / 1000);
        view_trouble_begin(t->o.view, VIEW_DESTINATION, RETRY_BIT_TASK, since_us, 0,
                           since_us + window * 1000, em->text);
    }
    return ERR_OK;
}

static void open_next(struct task *t, uint64_t n)
{
    uint64_t now = clock_mono_ms();
    atomic_store(&t->txn.cutter.took_ms, now - t->txn.since_ms);
    atomic_store(&t->txn.cutter.committed_ms, now);
    for (uint32_t i = 0; i < t->lane_count; i++)
        lane_release(t->lanes[i], n);
    atomic_store(&t->txn.cutter.committed, n);
    net_loop_wake(t->loop);
}

enum err task_txn_step(struct task *t, bool *busy, struct errmsg *em)
{
    struct task_txn *x = &t->txn;
    uint64_t n = atomic_load(&x->cutter.made);
    *busy = n != atomic_load(&x->cutter.committed);
    if (!*busy)
        return ERR_OK;
    if (x->seen != n) {
        x->seen = n;
        x->since_ms = clock_mono_ms();
    }
    if (!x->committing) {
        if (!lanes_passed(t, n))
            return watch_commit(t, em);
        x->put_ms = clock_mono_ms();
        TRY(begin_commit(t, em));
    }
    enum err e = kafka_txn_commit(x->client, COMMIT_MS, em);
    if (e == ERR_BROKER_DOWN)
        return watch_commit(t, em);
    TRY(e);
    TRY(kafka_txn_begin(x->client, em));
    x->committing = false;
    x->messages = task_acknowledged(t);
    log_debug("transaction.committed",
              "number=%" PRIu64 " messages=%" PRIu64 " lanes_ms=%" PRIu64 " commit_ms=%" PRIu64, n,
              x->messages, x->put_ms - x->since_ms, clock_mono_ms() - x->put_ms);
    open_next(t, n);
    outage_ends(t);
    t->acked_es_ms = x->es_ms;
    return position_copy(&t->acked, &x->position);
}

void task_txn_drain(struct task *t, struct errmsg *em, enum err *e)
{
    uint64_t moved_ms = clock_mono_ms(), last = atomic_load(&t->txn.cutter.committed);
    bool busy = true;
    while (*e == ERR_OK && fault_err(&t->fault) == ERR_OK && (busy || !replica_ended(t->replica))) {
        bool ended = replica_ended(t->replica); /* before the look for its last cut */
        *e = task_txn_step(t, &busy, em);
        busy = busy || !ended;
        uint64_t now = atomic_load(&t->txn.cutter.committed);
        if (now != last)
            moved_ms = clock_mono_ms();
        last = now;
        if (clock_mono_ms() - moved_ms > DRAIN_MS) {
            log_warn("task.undrained",
                     "note=\"nothing was committed for %d s: what is in flight is sent again after "
                     "the next start\"",
                     DRAIN_MS / 1000);
            break;
        }
        nap(1);
    }
    atomic_store(&t->txn.cutter.closed, true);
}
