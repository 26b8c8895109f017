/* tail: what is in the task's topics, a line for each message. */
#include "base/log.h"
#include "cli/command.h"
#include "control/json.h"
#include "encode/message.h"
#include "kafka/consumer.h"
#include "kafka/kept.h"
#include "pipeline/options.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define LAST      10 /* messages of each topic to begin with */
#define WAIT_MS   200
#define SHOWN_MAX 120 /* bytes of a value */
#define LINE_MAX  (64u << 20)

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
    (void)sig;
    stopped = 1;
}

/* A record that waits until it is known which are the last. */
struct kept {
    struct kafka_record record;
    char *bytes; /* key and value */
};

struct tail {
    const struct cli_args *args;
    const struct task_config *config;
    struct kafka_consumer *consumer;
    struct message_reader *reader;
    struct writer line;
    uint64_t printed;
    uint32_t topics;
    int64_t last;
    struct kept *kept;
    size_t kept_count;
    size_t kept_cap;
    struct errmsg *em;
    enum err err;
};

/* ---- a line ---- */

static void put_value(struct writer *w, const struct message_value *v)
{
    if (v->kind != MESSAGE_TEXT) {
        writer_lit(w, "NULL");
        return;
    }
    writer_u8(w, '\'');
    cli_put_shown(w, v->text, SHOWN_MAX);
    writer_u8(w, '\'');
}

static bool differs(const struct message_value *a, const struct message_value *b)
{
    return a->kind != b->kind || !slice_eq(a->raw, b->raw);
}

/* Of an UPDATE the columns that changed, of others all. */
static void put_columns(struct writer *w, const struct message *m)
{
    const char *comma = "  ";
    for (uint32_t i = 0; i < m->column_count; i++) {
        const struct message_column *c = &m->columns[i];
        bool before = c->before.kind != MESSAGE_ABSENT, after = c->after.kind != MESSAGE_ABSENT;
        bool update = m->op == CHANGE_UPDATE;
        if (update ? !before || !after || !differs(&c->before, &c->after) : !before && !after)
            continue;
        writer_printf(w, "%s%.*s: ", comma, SLICE_ARG(c->name));
        comma = ", ";
        put_value(w, before ? &c->before : &c->after);
        if (before && after) {
            writer_lit(w, " -> ");
            put_value(w, &c->after);
        }
    }
}

static void put_message(struct writer *w, const struct message *m, const struct kafka_record *rec)
{
    writer_printf(w, "%.*s ", SLICE_ARG(m->type));
    cli_put_shown(w, m->database, SHOWN_MAX);
    if (m->table.len > 0)
        writer_u8(w, '.');
    cli_put_shown(w, m->table, SHOWN_MAX);
    if (m->kind == MESSAGE_STATEMENT) {
        writer_lit(w, "  ");
        cli_put_shown(w, m->sql, SHOWN_MAX);
        return;
    }
    writer_lit(w, "  ");
    if (rec->key.len > 0)
        cli_put_shown(w, rec->key, SHOWN_MAX);
    else
        writer_lit(w, "(no key)");
    if (m->kind == MESSAGE_ROW)
        put_columns(w, m);
}

static void print(struct tail *t, const struct kafka_record *rec)
{
    char time[32] = "-";
    struct message m;
    struct writer *w = &t->line;
    if (rec->timestamp_ms > 0)
        jw_time_text((uint64_t)rec->timestamp_ms * 1000, time);
    writer_clear(w);
    writer_printf(w, "%s  %s/%d@%" PRId64 "  ", time, rec->topic, rec->partition, rec->offset);
    enum err e = rec->has_value ? message_read(t->reader, rec->value, &m) : ERR_MALFORMED;
    if (e == ERR_OK) {
        put_message(w, &m, rec);
    } else if (!rec->has_value) {
        writer_lit(w, "no value, for key ");
        cli_put_shown(w, rec->key, SHOWN_MAX);
    } else {
        writer_printf(w, "not a message of this task, %zu bytes: ", rec->value.len);
        cli_put_shown(w, rec->value, SHOWN_MAX);
    }
    writer_u8(w, '\n');
    fwrite(w->base, 1, w->len, stdout);
    t->printed++;
}

static bool is_enough(const struct tail *t)
{
    return stopped != 0 || ferror(stdout) || (t->args->limit != 0 && t->printed >= t->args->limit);
}

/* ---- which topics ---- */

/* {database}, {table} and {1} stand for anything. */
static bool matches(const char *template, const char *name)
{
    char pattern[1100];
    size_t n = 0;
    for (const char *p = template; *p != 0 && n + 2 < sizeof(pattern); p++) {
        const char *close = *p == '{' ? strchr(p, '}') : NULL;
        pattern[n++] = close != NULL ? '*' : *p;
        p = close != NULL ? close : p;
    }
    pattern[n] = 0;
    return fnmatch(pattern, name, 0) == 0;
}

/* Topics that a pattern may match, but no rows go to: the brokers' own, and the task's state. */
static bool is_internal(const char *name)
{
    const size_t suffix = strlen(KAFKA_KEPT_SUFFIX), len = strlen(name);
    return strncmp(name, "__", 2) == 0 ||
           (len > suffix && strcmp(name + len - suffix, KAFKA_KEPT_SUFFIX) == 0);
}

static bool is_wanted(const struct tail *t, const char *name)
{
    const struct conf_destination *d = &t->config->destination;
    if (t->args->topic != NULL)
        return strcmp(t->args->topic, name) == 0;
    if (is_internal(name))
        return false;
    const char *statements = d->ddl_topic != NULL ? d->ddl_topic : d->topic;
    if (statements != NULL && matches(statements, name))
        return true;
    for (size_t i = 0; i < t->config->object_count; i++) {
        const struct conf_object *o = &t->config->objects[i];
        const char *topic = o->topic != NULL ? o->topic : d->topic;
        if (o->table[0] != '!' && topic != NULL && matches(topic, name))
            return true;
    }
    return false;
}

static void take_topic(void *arg, const char *name, int32_t partitions)
{
    struct tail *t = arg;
    if (t->err != ERR_OK || !is_wanted(t, name))
        return;
    t->err = kafka_consumer_topic(t->consumer, name, partitions, KAFKA_FROM_LAST, t->last, t->em);
    t->topics++;
}

/* ---- the last ones, then what follows ---- */

static enum err keep(struct tail *t, const struct kafka_record *rec)
{
    if (t->kept_count == t->kept_cap) {
        size_t cap = t->kept_cap == 0 ? 64 : t->kept_cap * 2;
        struct kept *kept = realloc(t->kept, cap * sizeof(*kept));
        if (kept == NULL)
            return ERR_NO_MEMORY;
        t->kept = kept;
        t->kept_cap = cap;
    }
    struct kept *k = &t->kept[t->kept_count];
    *k = (struct kept){.record = *rec, .bytes = malloc(rec->key.len + rec->value.len + 1)};
    if (k->bytes == NULL)
        return ERR_NO_MEMORY;
    memcpy(k->bytes, rec->key.ptr, rec->key.len);
    memcpy(k->bytes + rec->key.len, rec->value.ptr, rec->value.len);
    k->record.key = slice_of(k->bytes, rec->key.len);
    k->record.value = slice_of(k->bytes + rec->key.len, rec->value.len);
    t->kept_count++;
    return ERR_OK;
}

static int by_time(const void *a, const void *b)
{
    const struct kafka_record *x = &((const struct kept *)a)->record;
    const struct kafka_record *y = &((const struct kept *)b)->record;
    if (x->timestamp_ms != y->timestamp_ms)
        return x->timestamp_ms < y->timestamp_ms ? -1 : 1;
    if (x->partition != y->partition)
        return x->partition < y->partition ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Whether at most t->last of its topic come behind the i-th. */
static bool is_among_last(const struct tail *t, size_t i)
{
    int64_t behind = 0;
    for (size_t k = i + 1; k < t->kept_count && behind < t->last; k++)
        behind += t->kept[k].record.index == t->kept[i].record.index;
    return behind < t->last;
}

static enum err show_last(struct tail *t, struct errmsg *em)
{
    TRY(kafka_consumer_mark(t->consumer, em));
    while (!kafka_consumer_at_mark(t->consumer) && !stopped) {
        struct kafka_record rec;
        enum err e = kafka_consumer_next(t->consumer, WAIT_MS, &rec, em);
        if (e == ERR_NEED_INPUT)
            continue;
        TRY(e);
        TRY(keep(t, &rec));
    }
    if (t->kept_count > 0)
        qsort(t->kept, t->kept_count, sizeof(*t->kept), by_time);
    size_t last = 0, passed = 0;
    for (size_t i = 0; i < t->kept_count; i++)
        last += is_among_last(t, i);
    size_t skip = t->args->limit != 0 && last > t->args->limit ? last - t->args->limit : 0;
    for (size_t i = 0; i < t->kept_count && !is_enough(t); i++)
        if (is_among_last(t, i) && passed++ >= skip)
            print(t, &t->kept[i].record);
    fflush(stdout);
    return ERR_OK;
}

static enum err follow(struct tail *t, struct errmsg *em)
{
    while (!is_enough(t)) {
        struct kafka_record rec;
        enum err e = kafka_consumer_next(t->consumer, WAIT_MS, &rec, em);
        if (e == ERR_NEED_INPUT) {
            fflush(stdout);
            continue;
        }
        TRY(e);
        print(t, &rec);
    }
    return ERR_OK;
}

static enum err run(struct tail *t, struct errmsg *em)
{
    t->em = em;
    TRY(kafka_consumer_names(t->consumer, take_topic, t, em));
    TRY(t->err);
    if (t->topics == 0 && t->args->topic != NULL)
        return errmsg_set(em, ERR_DEST_TOPIC, "--topic %.200s: there is no such topic",
                          t->args->topic);
    if (t->topics == 0)
        return errmsg_set(em, ERR_DEST_TOPIC, "none of the topics that %s writes to is there yet",
                          t->config->path);
    TRY(show_last(t, em));
    return follow(t, em);
}

static enum err open_reader(struct tail *t, struct errmsg *em)
{
    struct destination_options to = {0};
    bool avro = t->config->destination.format == CONF_DTS_AVRO;
    if (t->config->destination.embedded)
        return errmsg_set(em, ERR_USAGE,
                          "destination.brokers is embedded: its topics live in the process that "
                          "runs the task; give the address that its log tells, --override "
                          "destination.brokers=[HOST:PORT]");
    t->reader = message_reader_new(avro ? FORMAT_DTS_AVRO : FORMAT_CANAL_JSON, true);
    enum err e = t->reader != NULL ? options_of_destination(t->config, &to) : ERR_NO_MEMORY;
    if (e == ERR_OK)
        e = kafka_consumer_new(&to.kafka, &t->consumer, em);
    destination_options_fini(&to);
    return e;
}

static void catch_signals(void)
{
    struct sigaction stop = {.sa_handler = on_signal};
    sigemptyset(&stop.sa_mask);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
}

int cmd_tail(const struct cli_args *a)
{
    struct task_config *config;
    struct errmsg em = {0};
    int code = cli_load_task(a, &config);
    if (code != 0)
        return code;
    catch_signals();
    log_setup(LOG_WARN, config->log.format == CONF_LOG_JSON);
    struct tail t = {.args = a, .config = config, .last = LAST};
    if (a->limit != 0 && a->limit < LAST)
        t.last = (int64_t)a->limit;
    writer_init(&t.line, LINE_MAX);
    enum err e = open_reader(&t, &em);
    if (e == ERR_OK)
        e = run(&t, &em);
    if (e != ERR_OK) {
        fflush(stdout);
        fprintf(stderr, "rowcast: %s\n", em.text[0] != 0 ? em.text : err_text(e));
    }
    for (size_t i = 0; i < t.kept_count; i++)
        free(t.kept[i].bytes);
    free(t.kept);
    kafka_consumer_free(t.consumer);
    message_reader_free(t.reader);
    writer_fini(&t.line);
    conf_free(config);
    return cli_finish_output(err_exit_code(e));
}
