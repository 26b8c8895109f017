/* The passes of verify, and the task that is waited for. See verify.h. */
#include "pipeline/verify_int.h"

#include "base/clock.h"
#include "pipeline/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MEMORY_DEFAULT ((size_t)256 << 20)
#define LOOKS          4     /* at the same rows, at most */
#define ANEW           5     /* readings of the topics from the beginning, because of statements */
#define CATCH_UP_MS    60000 /* how long the task is waited for */
#define POLL_MS        200
#define REST_MS        1000 /* between two looks while no task runs */
#define SLICES_MAX     4096

static void nap(unsigned ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000},
              NULL);
}

/* ---- waiting for the task ---- */

static enum err parse_position(const char *text, const struct position *like, struct position *out)
{
    const char *colon = strrchr(text, ':');
    out->kind = like->kind;
    if (like->kind == POSITION_FILE) {
        if (colon == NULL || (size_t)(colon - text) >= sizeof(out->file))
            return ERR_MALFORMED;
        memcpy(out->file, text, (size_t)(colon - text));
        out->offset = strtoull(colon + 1, NULL, 10);
        return ERR_OK;
    }
    if (strncmp(text, "gtid:", 5) != 0)
        return ERR_MALFORMED;
    return like->kind == POSITION_GTID ? my_gtid_set_parse(&out->set, slice_str(text + 5))
                                       : maria_gtid_pos_parse(&out->maria, slice_str(text + 5));
}

/* Whether the running task has acknowledged everything up to there. ERR_UNREACHABLE: none runs. */
static enum err ask_task(struct verify *v, const struct position *target, bool *reached)
{
    char *text = NULL;
    struct position at = {0};
    TRY(v->o->acknowledged(v->o->arg, &text));
    enum err e = text[0] != 0 ? parse_position(text, target, &at) : ERR_OK;
    *reached = e == ERR_OK && text[0] != 0 && position_reached(&at, target);
    position_fini(&at);
    free(text);
    return e == ERR_NO_MEMORY ? e : ERR_OK;
}

/* Lets the task come as far as the source is now. */
static enum err let_catch_up(struct verify *v, struct errmsg *em)
{
    struct task *t = &v->look->t;
    struct position target = {0};
    struct history_source h = {.loop = t->setup_loop,
                               .options = &t->source,
                               .server = &t->server,
                               .session = t->session,
                               .pool = t->pool,
                               .stop = &task_stopping};
    bool reached = false;
    uint64_t end = clock_mono_ms() + CATCH_UP_MS;
    enum err e = history_end(&h, &target, em);
    while (e == ERR_OK && !reached) {
        e = atomic_load(&task_stopping) ? ERR_STOPPED : ask_task(v, &target, &reached);
        v->sums->task_runs = e == ERR_OK;
        if (e != ERR_OK || reached)
            break;
        if (clock_mono_ms() > end) {
            v->sums->behind = true;
            break;
        }
        nap(POLL_MS);
    }
    position_fini(&target);
    if (e == ERR_UNREACHABLE && v->round > 0)
        nap(REST_MS);
    return e == ERR_UNREACHABLE ? ERR_OK : e;
}

/* ---- a pass ---- */

/* Reads the topics from the beginning; again where statements ask for it. */
static enum err fold_all(struct verify *v, uint32_t slice, uint32_t slices, struct errmsg *em)
{
    bool again = true;
    for (unsigned i = 0; again && i < ANEW; i++) {
        for (size_t k = 0; k < v->count; k++) {
            struct verify_table *t = &v->first[k];
            fold_begin(t->fold, slice, slices);
            t->again = t->partial = false;
            t->first_row[0] = t->first_row[1] = (struct verify_mark){0};
        }
        verify_close_topics(v);
        TRY(verify_open_topics(v, em));
        TRY(verify_fold_on(v, &again, em));
    }
    return ERR_OK;
}

static bool is_after(const struct verify_mark *a, const struct verify_mark *b)
{
    return a->ms != b->ms ? a->ms > b->ms : a->id > b->id;
}

/* What was found in the messages that rules a table out. */
static void judge(struct verify *v)
{
    for (size_t i = 0; i < v->count; i++) {
        struct verify_table *t = &v->first[i];
        if (t->doubt.ms != 0 && is_after(&t->doubt, &t->emptied) && !verify_is_out(t))
            snprintf(t->result.why, sizeof(t->result.why),
                     "rows came or went without messages, by: %s", t->doubt_text);
        else if (t->partial && !verify_is_out(t))
            snprintf(t->result.why, sizeof(t->result.why),
                     "it has no record key, and messages lack some of its columns");
        if (kafka_consumer_lost(v->consumer, 0) && t->result.notice[0] == 0)
            snprintf(t->result.notice, sizeof(t->result.notice),
                     "the oldest messages of topic %s are not there any more", t->result.topic);
    }
}

/* Another look at what is not settled. *open: something still is not. */
static enum err look_again(struct verify *v, bool *open, struct errmsg *em)
{
    bool again = false;
    TRY(let_catch_up(v, em));
    TRY(verify_fold_on(v, &again, em));
    v->round++;
    *open = false;
    for (size_t i = 0; i < v->count; i++) {
        struct verify_table *t = &v->first[i];
        bool still = false;
        if (t->again && !verify_is_out(t))
            snprintf(t->result.why, sizeof(t->result.why),
                     "a statement emptied it while it was compared: compare it again");
        if (!verify_is_out(t))
            TRY(verify_compare_again(v, t, &still, em));
        *open = *open || still;
    }
    return ERR_OK;
}

static enum err look(struct verify *v, struct errmsg *em)
{
    bool open = false;
    v->round = 1;
    for (size_t i = 0; i < v->count; i++) {
        struct verify_table *t = &v->first[i];
        if (verify_is_out(t))
            continue;
        TRY(verify_compare(v, t, em));
        open = open || verify_is_open(t);
    }
    while (open && v->round < LOOKS)
        TRY(look_again(v, &open, em));
    return ERR_OK;
}

static enum err pass(struct verify *v, uint32_t slice, uint32_t slices, struct errmsg *em)
{
    v->round = 0;
    for (size_t i = 0; i < v->count; i++)
        v->first[i].counts = (struct verify_counts){0};
    enum err e = let_catch_up(v, em);
    if (e == ERR_OK)
        e = fold_all(v, slice, slices, em);
    if (e == ERR_OK) {
        judge(v);
        e = look(v, em);
    }
    for (size_t i = 0; i < v->count; i++) {
        struct verify_table *t = &v->first[i];
        if (e == ERR_OK)
            verify_take_findings(v, t);
        verify_forget(t);
        fold_begin(t->fold, 0, 1);
    }
    verify_close_topics(v);
    return e;
}

/* Tables of one topic: together, each by itself, or a part of its keys after the other. */
static enum err compare_topic(struct verify *v, struct verify_table *first, size_t count,
                              struct errmsg *em)
{
    size_t at_once = count;
    uint32_t slices = 1;
    for (size_t i = 0; i < count;) {
        v->first = first + i;
        v->count = at_once < count - i ? at_once : count - i;
        enum err e = ERR_OK;
        for (uint32_t s = 0; s < slices && e == ERR_OK; s++)
            e = pass(v, s, slices, em);
        if (e == ERR_OK) {
            i += v->count;
            continue;
        }
        if (e != ERR_NO_ROOM || slices >= SLICES_MAX)
            return e;
        for (size_t k = 0; k < v->count; k++)
            verify_reset_result(&v->first[k]);
        if (v->count > 1)
            at_once = v->count / 2;
        else
            slices *= 2;
    }
    return ERR_OK;
}

/* ---- the whole ---- */

static void report(struct verify *v)
{
    for (size_t i = 0; i < v->table_count; i++) {
        const struct verify_result *r = &v->tables[i].result;
        v->o->each(v->o->arg, r);
        v->sums->tables++;
        v->sums->changing += r->changing;
        if (r->why[0] != 0)
            continue;
        v->sums->compared++;
        for (size_t k = 0; k < VERIFY_KINDS; k++)
            v->sums->differences += r->found[k];
    }
}

static enum err compare_all(struct verify *v, struct errmsg *em)
{
    TRY(verify_choose_tables(v, em));
    if (v->table_count == 0)
        return ERR_OK;
    TRY(look_lane(v->look, verify_see_row, v, em));
    for (size_t i = 0, n; i < v->table_count; i += n) {
        n = 1;
        while (i + n < v->table_count &&
               strcmp(v->tables[i].result.topic, v->tables[i + n].result.topic) == 0)
            n++;
        TRY(compare_topic(v, v->tables + i, n, em));
    }
    report(v);
    return ERR_OK;
}

static enum err refuse_embedded(const struct task_config *c, struct errmsg *em)
{
    if (!c->destination.embedded)
        return ERR_OK;
    return errmsg_set(em, ERR_USAGE,
                      "destination.brokers is embedded: its topics live in the process that runs "
                      "the task; give the address that its log tells, --override "
                      "destination.brokers=[HOST:PORT]");
}

enum err verify_run(const struct verify_options *o, struct verify_sums *sums, struct errmsg *em)
{
    struct verify v = {.o = o, .sums = sums, .memory = o->memory != 0 ? o->memory : MEMORY_DEFAULT};
    struct conf_start now = {.kind = CONF_START_NOW};
    enum format_kind format =
        o->config->destination.format == CONF_DTS_AVRO ? FORMAT_DTS_AVRO : FORMAT_CANAL_JSON;
    *sums = (struct verify_sums){0};
    TRY(refuse_embedded(o->config, em));
    if (getentropy(v.secret, sizeof(v.secret)) != 0)
        return errmsg_set(em, ERR_SYSTEM, "the system has no random numbers");
    TRY(look_open(o->config, &now, &v.look, em));
    v.reader = message_reader_new(format, false);
    v.row_reader = message_reader_new(format, false);
    enum err e = v.reader != NULL && v.row_reader != NULL ? compare_all(&v, em) : ERR_NO_MEMORY;
    if (e != ERR_OK && em->text[0] == 0)
        errmsg_set(em, e, "%s", err_text(e));
    verify_close_topics(&v);
    src_session_close(v.session);
    for (size_t i = 0; i < v.table_count; i++)
        verify_free_table(&v.tables[i]);
    free(v.tables);
    free(v.last_ids);
    message_reader_free(v.reader);
    message_reader_free(v.row_reader);
    look_close(v.look);
    return e;
}
