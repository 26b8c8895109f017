#include "pipeline/precheck/precheck.h"

#include "base/clock.h"
#include "base/log.h"
#include "pipeline/precheck/precheck_int.h"
#include "pipeline/state.h"
#include "schema/sql_name.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX (64u << 10)

/* ---- how judges speak ---- */

PRINTF(3, 0)
static void say(struct writer *w, const char *joint, const char *fmt, va_list args)
{
    char text[1600];
    vsnprintf(text, sizeof(text), fmt, args);
    if (w->len > 0)
        writer_slice_put(w, slice_str(joint));
    writer_slice_put(w, slice_str(text));
}

#define SAY(w, joint)                                                                              \
    do {                                                                                           \
        va_list args;                                                                              \
        va_start(args, fmt);                                                                       \
        say((w), (joint), fmt, args);                                                              \
        va_end(args);                                                                              \
    } while (0)

void find_note(struct finding *out, const char *fmt, ...)
{
    SAY(&out->found, "; ");
}

void find_warning(struct finding *out, const char *fmt, ...)
{
    if (out->result == PRECHECK_PASSED)
        out->result = PRECHECK_WARNING;
    SAY(&out->found, "; ");
}

void find_failure(struct finding *out, enum err e, const char *fmt, ...)
{
    if (out->result != PRECHECK_FAILED)
        out->err = e;
    out->result = PRECHECK_FAILED;
    SAY(&out->found, "; ");
}

void find_remedy(struct finding *out, const char *fmt, ...)
{
    SAY(&out->remedy, "\n");
}

size_t find_tables(const struct precheck_facts *f, table_is is, struct writer *out)
{
    size_t n = 0;
    for (size_t i = 0; i < f->table_count; i++) {
        const struct table_def *def = f->tables[i].def;
        if (!is(f, &f->tables[i]) || n++ >= NAMES_SHOWN)
            continue;
        writer_printf(out, "%s%.*s.%.*s", n > 1 ? ", " : "", SLICE_ARG(def->database),
                      SLICE_ARG(def->name));
    }
    if (n > NAMES_SHOWN)
        writer_printf(out, " and %zu more", n - NAMES_SHOWN);
    return n;
}

void find_table_remedy(struct finding *out, const char *before, const struct checked_table *t,
                       const char *after)
{
    struct writer *w = &out->remedy;
    if (w->len > 0)
        writer_u8(w, '\n');
    writer_slice_put(w, slice_str(before));
    sql_put_table(w, t->def->database, t->def->name);
    writer_slice_put(w, slice_str(after));
}

/* ---- the report ---- */

static const char *keep(struct arena *a, struct writer *w)
{
    struct slice text = arena_copy(a, writer_slice(w));
    uint8_t *s = arena_alloc(a, text.len + 1);
    if (s != NULL)
        memcpy(s, text.ptr, text.len);
    return s != NULL ? (const char *)s : "";
}

bool precheck_is_left_out(const struct task_config *config, const char *code)
{
    for (size_t i = 0; i < config->skip_checks.count; i++)
        if (strcmp(config->skip_checks.items[i], code) == 0)
            return true;
    return false;
}

/* The fact that is missing for an item; NULL: none. */
static const char *lacking(const struct precheck_facts *f, unsigned needs)
{
    if ((needs & NEED_SOURCE) && f->source.err != ERR_OK)
        return "there is no connection to the source";
    if ((needs & NEED_TABLES) && (f->source.err != ERR_OK || f->catalogue.err != ERR_OK))
        return f->source.err != ERR_OK ? "there is no connection to the source"
                                       : f->catalogue.em.text;
    if ((needs & (NEED_BROKERS | NEED_TOPICS)) && f->destination.err != ERR_OK)
        return "there is no connection to the destination";
    if ((needs & (NEED_BROKERS | NEED_TOPICS)) && f->embedded)
        return "the embedded broker begins empty";
    if ((needs & NEED_TOPICS) && f->topic_answer.err != ERR_OK)
        return f->topic_answer.em.text;
    if ((needs & NEED_TOPICS) && f->found == NULL)
        return "no table is there that would go to a topic";
    return NULL;
}

/* What skip_checks takes out is still told, as skipped. */
static void leave_out(const struct precheck_item *item, struct finding *found)
{
    bool warning = found->result == PRECHECK_WARNING;
    if (!warning && !(found->result == PRECHECK_FAILED && item->skip == PRECHECK_SKIP_ALL))
        return;
    find_note(found, "left out by skip_checks, where it would have been %s",
              warning ? "a warning" : "a failure");
    found->result = PRECHECK_SKIPPED;
    found->err = ERR_OK;
}

static void judge(const struct precheck_facts *f, const struct precheck_item *item,
                  struct finding *out)
{
    const char *missing = lacking(f, item->needs);
    if (missing == NULL) {
        item->judge(f, out);
    } else {
        out->result = PRECHECK_SKIPPED;
        find_note(out, "not looked at: %s", missing);
    }
    if (precheck_is_left_out(f->config, item->code))
        leave_out(item, out);
}

enum err precheck_judge(const struct precheck_facts *f, struct precheck_report **out)
{
    struct arena *arena = arena_new(8192);
    struct precheck_report *r = arena != NULL ? arena_alloc(arena, sizeof(*r)) : NULL;
    struct finding found = {0};
    if (r == NULL)
        return ERR_NO_MEMORY;
    atomic_init(&r->refs, 1);
    r->arena = arena;
    r->count = precheck_item_count;
    r->outcomes = arena_array(arena, r->count, sizeof(*r->outcomes));
    writer_init(&found.found, TEXT_MAX);
    writer_init(&found.remedy, TEXT_MAX);
    for (size_t i = 0; i < r->count && r->outcomes != NULL; i++) {
        writer_clear(&found.found);
        writer_clear(&found.remedy);
        found.result = PRECHECK_PASSED;
        found.err = ERR_OK;
        judge(f, &precheck_items[i], &found);
        r->outcomes[i] = (struct precheck_outcome){.item = &precheck_items[i],
                                                   .result = found.result,
                                                   .err = found.err,
                                                   .found = keep(arena, &found.found),
                                                   .remedy = keep(arena, &found.remedy)};
        r->counts[found.result]++;
    }
    writer_fini(&found.found);
    writer_fini(&found.remedy);
    if (arena->failed) {
        arena_free(arena);
        return ERR_NO_MEMORY;
    }
    *out = r;
    return ERR_OK;
}

void precheck_ref(struct precheck_report *r)
{
    atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
}

void precheck_release(struct precheck_report *r)
{
    if (r != NULL && atomic_fetch_sub(&r->refs, 1) == 1)
        arena_free(r->arena);
}

enum err precheck_verdict(const struct precheck_report *r, struct errmsg *em)
{
    enum err first = ERR_OK;
    bool alike = true;
    struct writer text = writer_fixed(em->text, sizeof(em->text) - 4);
    if (r->counts[PRECHECK_FAILED] == 0)
        return ERR_OK;
    if (r->counts[PRECHECK_FAILED] > 1)
        writer_printf(&text, "%u items of the precheck failed: ", r->counts[PRECHECK_FAILED]);
    for (size_t i = 0, n = 0; i < r->count; i++) {
        const struct precheck_outcome *o = &r->outcomes[i];
        if (o->result != PRECHECK_FAILED)
            continue;
        if (n == 0)
            first = o->err;
        alike = alike && o->err != ERR_OK && err_exit_code(o->err) == err_exit_code(first);
        char sentence[760];
        bool alone = r->counts[PRECHECK_FAILED] == 1 && o->remedy[0] != 0;
        snprintf(sentence, sizeof(sentence), "%s%s: %s%s%s", n++ > 0 ? "; " : "", o->item->code,
                 o->found, alone ? "; to mend it: " : "", alone ? o->remedy : "");
        size_t room = text.cap - text.len, len = strlen(sentence);
        for (char *line = strchr(sentence, '\n'); line != NULL; line = strchr(line, '\n'))
            *line = ' '; /* a remedy of several lines */
        writer_put(&text, sentence, len < room ? len : room);
    }
    memcpy(em->text + text.len, "", 1);
    return alike ? first : ERR_PRECHECK;
}

/* ---- running it ---- */

static void look_at_folder(struct precheck_facts *f)
{
    struct ckpt_position p;
    f->first_start = true;
    if (f->o->own_folder)
        return;
    f->state.err = ckpt_open_to_read(f->config->state_dir, f->config->task, &f->ckpt, &f->running,
                                     &f->state.em);
    if (f->state.err != ERR_OK)
        return;
    f->first_start = !f->running && (f->ckpt == NULL || !ckpt_position(f->ckpt, &p));
}

static void *gather_brokers(void *facts)
{
    precheck_gather_brokers(facts);
    return NULL;
}

static void *gather_topics(void *facts)
{
    precheck_gather_topics(facts);
    return NULL;
}

/* Source on this thread, destination on another one, where one can be had. */
static enum err side_by_side(struct precheck_facts *f, void *(*there)(void *),
                             enum err (*here)(struct precheck_facts *, struct errmsg *),
                             struct errmsg *em)
{
    pthread_t thread;
    bool started = pthread_create(&thread, NULL, there, f) == 0;
    if (!started)
        (void)there(f);
    enum err e = here(f, em);
    if (started)
        pthread_join(thread, NULL);
    return e;
}

static enum err gather(struct precheck_facts *f, struct errmsg *em)
{
    TRY(shaping_new(f->config, NULL, &f->shaping, em));
    look_at_folder(f);
    TRY(side_by_side(f, gather_brokers, precheck_gather_source, em));
    TRY(precheck_list_topics(f));
    TRY(side_by_side(f, gather_topics, precheck_gather_more, em));
    f->first_start = f->first_start && !f->kept_begun;
    return ERR_OK;
}

enum err precheck_run(const struct precheck_options *o, struct precheck_report **out,
                      struct errmsg *em)
{
    uint64_t began = clock_mono_ms();
    struct precheck_facts *f = calloc(1, sizeof(*f));
    struct arena *arena = arena_new(8192);
    enum err e = f != NULL && arena != NULL ? ERR_OK : ERR_NO_MEMORY;
    if (e == ERR_OK) {
        f->o = o;
        f->config = o->config;
        f->arena = arena;
        f->embedded = o->config->destination.embedded;
        e = gather(f, em);
        if (e == ERR_OK)
            e = precheck_judge(f, out);
        if (e == ERR_OK && o->known != NULL)
            e = precheck_hand_over(f, o->known);
        precheck_forget_source(f);
        precheck_forget_destination(f);
        shaping_free(f->shaping);
        ckpt_close(f->ckpt);
    }
    if (arena != NULL)
        arena_free(arena);
    free(f);
    if (e == ERR_NO_MEMORY)
        return errmsg_set(em, e, "out of memory for the precheck");
    TRY(e);
    (*out)->at_us = clock_wall_us();
    (*out)->took_ms = clock_mono_ms() - began;
    return ERR_OK;
}
