/* The destination's facts; each part on one thread. */
#include "pipeline/precheck/precheck_int.h"

#include "base/clock.h"
#include "checkpoint/checkpoint.h"
#include "kafka/kept.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 5000
#define RECENT_MS  60000 /* who wrote within the last minute is likely to write on */

static enum err open_own_admin(struct precheck_facts *f)
{
    struct errmsg *em = &f->destination.em;
    TRY(options_of_destination(f->config, &f->to));
    TRY(kafka_options_check(&f->to.kafka, em));
    TRY(kafka_admin_new(&f->to.kafka, TIMEOUT_MS, &f->admin, em));
    f->own_admin = true;
    return ERR_OK;
}

static void reach_registry(struct precheck_facts *f)
{
    struct registry_options o = options_of_registry(f->config);
    struct registry *r = NULL;
    if (o.url == NULL)
        return;
    o.timeout_ms = TIMEOUT_MS;
    f->registry.err = registry_new(&o, &r, &f->registry.em);
    if (f->registry.err == ERR_OK)
        f->registry.err = registry_reach(r, &f->registry.em);
    registry_free(r);
}

void precheck_gather_brokers(struct precheck_facts *f)
{
    reach_registry(f);
    if (f->embedded)
        return; /* it begins empty, and does not know the questions */
    f->admin = f->o->admin;
    if (f->admin == NULL)
        f->destination.err = open_own_admin(f);
    if (f->destination.err == ERR_OK)
        f->destination.err = kafka_ask_cluster(f->admin, &f->cluster, &f->destination.em);
}

static enum err note_position(void *begun, struct slice key, const struct slice *value)
{
    if (slice_eq(key, slice_str(CKPT_POSITION_RECORD)))
        *(bool *)begun = value != NULL;
    return ERR_OK;
}

/* Within a run all of it is in use already, and the folder is a copy. */
static enum err look_at_kept(struct precheck_facts *f, struct errmsg *em)
{
    f->kept.name = f->kept_name;
    TRY(kafka_ask_topics(f->admin, &f->kept, 1, 0, em));
    TRY(kafka_ask_transactional_id(f->admin, &f->cluster, f->config->task, &f->transactional_id,
                                   em));
    if (!f->first_start || !f->kept.exists || f->kept.records == 0)
        return ERR_OK;
    return kafka_kept_read(&f->to.kafka, f->kept_name, TIMEOUT_MS, note_position, &f->kept_begun,
                           em);
}

static void gather_kept(struct precheck_facts *f)
{
    const struct conf_destination *d = &f->config->destination;
    if (d->delivery != CONF_EXACTLY_ONCE || !f->own_admin)
        return;
    snprintf(f->kept_name, sizeof(f->kept_name), "%s" KAFKA_KEPT_SUFFIX, f->config->task);
    f->kept_answer.err = look_at_kept(f, &f->kept_answer.em);
}

void precheck_gather_topics(struct precheck_facts *f)
{
    if (f->destination.err != ERR_OK || f->admin == NULL)
        return;
    gather_kept(f);
    if (f->topic_count == 0)
        return;
    f->found = calloc(f->topic_count, sizeof(*f->found));
    if (f->found == NULL) {
        f->topic_answer.err = ERR_NO_MEMORY;
        return;
    }
    for (size_t i = 0; i < f->topic_count; i++)
        f->found[i].name = f->topics[i].name;
    int64_t since_ms = (int64_t)(clock_wall_us() / 1000) - RECENT_MS;
    f->topic_answer.err =
        kafka_ask_topics(f->admin, f->found, f->topic_count, since_ms, &f->topic_answer.em);
}

void precheck_forget_destination(struct precheck_facts *f)
{
    free(f->topics);
    free(f->found);
    if (f->own_admin)
        kafka_admin_free(f->admin);
    destination_options_fini(&f->to);
}

/* ---- which topics ---- */

static int by_topic(const void *a, const void *b)
{
    const struct checked_topic *x = a, *y = b;
    int c = strcmp(x->name, y->name);
    return c != 0 ? c : (x->object > y->object) - (x->object < y->object);
}

/* One for each name; the entry that comes first says how many partitions. */
static void merge_topics(struct precheck_facts *f)
{
    size_t n = 0;
    qsort(f->topics, f->topic_count, sizeof(*f->topics), by_topic);
    for (size_t i = 0; i < f->topic_count; i++) {
        if (n > 0 && strcmp(f->topics[n - 1].name, f->topics[i].name) == 0) {
            f->topics[n - 1].bytes += f->topics[i].bytes;
            f->topics[n - 1].rows = f->topics[n - 1].rows || f->topics[i].rows;
            continue;
        }
        f->topics[n++] = f->topics[i];
    }
    f->topic_count = n;
}

static void add_topic(struct precheck_facts *f, const char *name, size_t object, uint64_t bytes,
                      bool rows)
{
    const struct task_config *c = f->config;
    uint32_t own = object < c->object_count ? c->objects[object].partitions : 0;
    struct slice copy = arena_copy(f->arena, slice_of(name, strlen(name) + 1));
    f->topics[f->topic_count++] =
        (struct checked_topic){.name = (const char *)copy.ptr,
                               .partitions = (int32_t)(own != 0 ? own : c->destination.partitions),
                               .object = object,
                               .rows = rows,
                               .bytes = bytes};
}

enum err precheck_list_topics(struct precheck_facts *f)
{
    const struct conf_destination *d = &f->config->destination;
    f->topics = calloc(f->table_count + 2, sizeof(*f->topics));
    if (f->topics == NULL)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < f->table_count; i++) {
        const struct checked_table *t = &f->tables[i];
        char name[TOPIC_NAME_MAX + 1];
        struct errmsg said; /* by the survey */
        if (t->object != OBJECTS_NONE && objects_topic(f->objects, t->object, t->def->database,
                                                       t->def->name, name, &said) == ERR_OK)
            add_topic(f, name, t->object, t->bytes, true);
    }
    if (f->topic_count == 0 && d->topic != NULL) /* no table is there yet, or to be seen */
        add_topic(f, d->topic, SIZE_MAX, 0, true);
    if (d->ddl_topic != NULL)
        add_topic(f, d->ddl_topic, SIZE_MAX, 0, false);
    merge_topics(f);
    for (size_t i = 0; f->ckpt != NULL && i < f->topic_count; i++) {
        uint32_t had;
        if (ckpt_topic(f->ckpt, slice_str(f->topics[i].name), &had))
            f->topics[i].had = (int32_t)had;
    }
    return f->arena->failed ? ERR_NO_MEMORY : ERR_OK;
}
