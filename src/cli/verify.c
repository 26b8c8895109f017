/* verify: whether the messages in Kafka add up to the source's tables. */
#include "pipeline/verify.h"

#include "base/log.h"
#include "cli/command.h"
#include "control/client.h"
#include "control/json.h"

#include <inttypes.h>
#include <string.h>

#define EXIT_DIFFERENCES 9
#define LINE_MAX         (1u << 20)

struct verifier {
    const struct task_config *config;
    bool json;
};

static const char *const kinds[VERIFY_KINDS] = {
    [VERIFY_MISSING] = "missing", [VERIFY_EXTRA] = "extra", [VERIFY_DIFFERENT] = "different"};

static enum err acknowledged(void *arg, char **text)
{
    const struct verifier *v = arg;
    struct client_task *t;
    struct errmsg em = {0};
    TRY(client_look(v->config->state_dir, &t, NULL, &em));
    *text = strdup(client_acknowledged(t));
    client_task_free(t);
    return *text != NULL ? ERR_OK : ERR_NO_MEMORY;
}

/* ---- for programs ---- */

static void json_sample(struct jw *j, const struct verify_result *r, const struct verify_sample *s)
{
    jw_open(j, NULL, '{');
    jw_text(j, "kind", kinds[s->kind]);
    jw_text(j, "key", s->key);
    if (s->partition >= 0) {
        jw_text(j, "topic", r->topic);
        jw_number(j, "partition", (uint64_t)s->partition);
        jw_number(j, "offset", (uint64_t)s->offset);
    }
    jw_close(j);
}

static void print_json(const struct verify_result *r)
{
    struct writer w;
    writer_init(&w, LINE_MAX);
    struct jw j = jw_to(&w);
    jw_open(&j, NULL, '{');
    jw_text(&j, "kind", "table");
    jw_text(&j, "database", r->database);
    jw_text(&j, "table", r->table);
    jw_text(&j, "topic", r->topic);
    jw_bool(&j, "compared", r->why[0] == 0);
    jw_text(&j, "reason", r->why[0] != 0 ? r->why : NULL);
    jw_text(&j, "notice", r->notice[0] != 0 ? r->notice : NULL);
    jw_bool(&j, "keyless", r->keyless);
    jw_number(&j, "rows", r->rows);
    jw_number(&j, "keys", r->keys);
    jw_number(&j, "equal", r->equal);
    for (size_t i = 0; i < VERIFY_KINDS; i++)
        jw_number(&j, kinds[i], r->found[i]);
    jw_number(&j, "changing", r->changing);
    jw_number(&j, "equal_in_part", r->partly);
    jw_number(&j, "looked_at_once", r->once);
    jw_open(&j, "differences", '[');
    for (uint32_t i = 0; i < r->sample_count; i++)
        json_sample(&j, r, &r->samples[i]);
    jw_close(&j);
    jw_close(&j);
    writer_u8(&w, '\n');
    fwrite(w.base, 1, w.len, stdout);
    writer_fini(&w);
}

static void sums_json(const struct verify_sums *s)
{
    printf("{\"kind\":\"summary\",\"tables\":%" PRIu64 ",\"compared\":%" PRIu64
           ",\"differences\":%" PRIu64 ",\"changing\":%" PRIu64
           ",\"task_runs\":%s,\"task_behind\":%s}\n",
           s->tables, s->compared, s->differences, s->changing, s->task_runs ? "true" : "false",
           s->behind ? "true" : "false");
}

/* ---- for people ---- */

/* A key may hold anything: nothing of it may move the terminal's cursor. */
static void print_key(const char *key)
{
    for (const char *p = key; *p != 0; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7F)
            printf("\\x%02x", (unsigned char)*p);
        else
            putchar(*p);
    }
}

static void print_text(const struct verify_result *r)
{
    printf("%s.%s", r->database, r->table);
    if (r->why[0] != 0) {
        printf("  not compared: %s\n", r->why);
        return;
    }
    printf("  rows %" PRIu64 "  %s %" PRIu64 "  equal %" PRIu64, r->rows,
           r->keyless ? "sent" : "keys", r->keys, r->equal);
    for (size_t i = 0; i < VERIFY_KINDS; i++)
        printf("  %s %" PRIu64, kinds[i], r->found[i]);
    if (r->changing > 0)
        printf("  changing %" PRIu64, r->changing);
    putchar('\n');
    if (r->partly > 0)
        printf("    %" PRIu64 " of the equal ones over a part of their columns only\n", r->partly);
    if (r->once > 0)
        printf("    %" PRIu64 " of the differences are too many to be looked at again\n", r->once);
    if (r->notice[0] != 0)
        printf("    %s\n", r->notice);
    for (uint32_t i = 0; i < r->sample_count; i++) {
        const struct verify_sample *s = &r->samples[i];
        printf("    %-9s  ", kinds[s->kind]);
        print_key(s->key != NULL ? s->key : "(a key that cannot be read back)");
        if (s->partition >= 0)
            printf("  last message %s/%d at %" PRId64, r->topic, s->partition, s->offset);
        putchar('\n');
    }
}

static void sums_text(const struct verify_sums *s)
{
    printf("%" PRIu64 " of %" PRIu64 " tables compared, %" PRIu64 " differences", s->compared,
           s->tables, s->differences);
    if (s->changing > 0)
        printf(", %" PRIu64 " rows that went on changing", s->changing);
    printf("\n");
    if (!s->task_runs && s->differences > 0)
        printf("no task runs: what it has not sent yet is missing rightly\n");
    else if (s->behind)
        printf("the task did not catch up with the source within the time\n");
}

/* ---- all ---- */

static void on_table(void *arg, const struct verify_result *r)
{
    const struct verifier *v = arg;
    if (v->json)
        print_json(r);
    else
        print_text(r);
}

static int verify(const struct cli_args *a, const struct task_config *config)
{
    struct verifier v = {.config = config, .json = a->json};
    struct verify_options o = {.config = config,
                               .tables = a->tables,
                               .table_count = a->table_count,
                               .acknowledged = acknowledged,
                               .each = on_table,
                               .arg = &v};
    struct verify_sums sums;
    struct errmsg em = {0};
    enum err e = verify_run(&o, &sums, &em);
    if (e != ERR_OK) {
        fprintf(stderr, "rowcast: %s\n", em.text[0] != 0 ? em.text : err_text(e));
        return e == ERR_STOPPED ? 1 : err_exit_code(e);
    }
    if (a->json)
        sums_json(&sums);
    else
        sums_text(&sums);
    return sums.differences > 0 ? EXIT_DIFFERENCES : 0;
}

int cmd_verify(const struct cli_args *a)
{
    struct task_config *config;
    int code = cli_load_task(a, &config);
    if (code != 0)
        return code;
    cli_catch_signals();
    log_setup(LOG_WARN, config->log.format == CONF_LOG_JSON);
    code = verify(a, config);
    conf_free(config);
    return cli_finish_output(code);
}
