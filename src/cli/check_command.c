/* check: the precheck, for people and for programs. */
#include "base/log.h"
#include "cli/command.h"
#include "control/checked.h"
#include "pipeline/precheck/precheck.h"

#include <stdio.h>
#include <string.h>

static const char *const symbols[] = {[PRECHECK_PASSED] = "\u2713",
                                      [PRECHECK_WARNING] = "!",
                                      [PRECHECK_FAILED] = "\u2717",
                                      [PRECHECK_SKIPPED] = "-"};

#define INDENT "              "

/* Each line of a text, indented. */
static void print_lines(const char *text)
{
    while (text[0] != 0) {
        size_t n = strcspn(text, "\n");
        printf(INDENT "  %.*s\n", (int)n, text);
        text += n + (text[n] == '\n');
    }
}

static void print_outcome(const struct precheck_outcome *o)
{
    bool calls = o->result == PRECHECK_WARNING || o->result == PRECHECK_FAILED;
    printf("  %s %-9s %s: %s\n", symbols[o->result], precheck_result_name(o->result),
           o->item->title, o->found);
    if (!calls)
        return;
    printf(INDENT "%s: %s\n", o->item->code, o->item->why);
    if (o->remedy[0] != 0) {
        printf(INDENT "to mend it:\n");
        print_lines(o->remedy);
    }
}

static bool are_skipped_alike(const struct precheck_outcome *a, const struct precheck_outcome *b)
{
    return a->result == PRECHECK_SKIPPED && b->result == PRECHECK_SKIPPED &&
           a->item->side == b->item->side && strcmp(a->found, b->found) == 0;
}

/* Items that were skipped for one reason share a line. */
static void print_skipped(const struct precheck_report *r, size_t first)
{
    const struct precheck_outcome *o = &r->outcomes[first];
    for (size_t i = 0; i < first; i++)
        if (are_skipped_alike(&r->outcomes[i], o))
            return;
    printf("  %s %-9s ", symbols[o->result], precheck_result_name(o->result));
    for (size_t i = first; i < r->count; i++)
        if (are_skipped_alike(&r->outcomes[i], o))
            printf("%s%s", i > first ? ", " : "", r->outcomes[i].item->title);
    printf(": %s\n", o->found);
}

static void print_side(const struct precheck_report *r, enum precheck_side side,
                       enum precheck_result result)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct precheck_outcome *o = &r->outcomes[i];
        if (o->item->side != side || o->result != result)
            continue;
        if (result == PRECHECK_SKIPPED)
            print_skipped(r, i);
        else
            print_outcome(o);
    }
}

static void print_verdict(const struct precheck_report *r, const char *task_file)
{
    unsigned failed = r->counts[PRECHECK_FAILED], warnings = r->counts[PRECHECK_WARNING];
    printf("%u passed, %u warning%s, %u failed, %u skipped, in %llu.%llu s\n",
           r->counts[PRECHECK_PASSED], warnings, warnings == 1 ? "" : "s", failed,
           r->counts[PRECHECK_SKIPPED], (unsigned long long)r->took_ms / 1000,
           (unsigned long long)r->took_ms % 1000 / 100);
    if (failed > 0)
        printf("It cannot run like this: mend what has failed (\u2717), and check again.\n");
    else
        printf("It can run: rowcast run %s\n", task_file);
}

/* What is to be done comes first on each side. */
static void print_report(const struct precheck_report *r, const char *task_file)
{
    static const enum precheck_result order[] = {PRECHECK_FAILED, PRECHECK_WARNING, PRECHECK_PASSED,
                                                 PRECHECK_SKIPPED};
    for (int side = 0; side < PRECHECK_SIDES; side++) {
        printf("%s\n", precheck_side_name((enum precheck_side)side));
        for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
            print_side(r, (enum precheck_side)side, order[i]);
        printf("\n");
    }
    print_verdict(r, task_file);
}

static int print_json(const struct precheck_report *r)
{
    struct writer w;
    writer_init(&w, 16u << 20);
    checked_write(r, &w);
    int code = w.err == ERR_OK && fwrite(w.base, 1, w.len, stdout) == w.len ? 0 : 1;
    writer_fini(&w);
    return code;
}

int cmd_check(const struct cli_args *a)
{
    struct task_config *config;
    struct precheck_report *report = NULL;
    struct errmsg em = {0};
    int code = cli_load_task(a, &config);
    if (code != 0)
        return code;
    log_setup((enum log_level)config->log.level, config->log.format == CONF_LOG_JSON);
    enum err e = precheck_run(&(struct precheck_options){.config = config}, &report, &em);
    if (e != ERR_OK) {
        fprintf(stderr, "rowcast: %s\n", em.text[0] != 0 ? em.text : err_text(e));
        conf_free(config);
        return err_exit_code(e);
    }
    if (a->json)
        code = print_json(report);
    else
        print_report(report, a->task_file);
    if (code == 0 && report->counts[PRECHECK_FAILED] > 0)
        code = err_exit_code(ERR_PRECHECK);
    precheck_release(report);
    conf_free(config);
    return cli_finish_output(code);
}
