#include "cli/command.h"
#include "config/print.h"
#include "config/task.h"
#include "control/metrics.h"
#include "pipeline/precheck/precheck.h"
#include "pipeline/shaping.h"
#include "rules/objects.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The patterns of objects, which the rules know and the table of keys does not; each with its
 * place. */
static enum err check_patterns(const struct task_config *t)
{
    enum err result = ERR_OK;
    for (size_t i = 0; i < t->object_count; i++) {
        const struct conf_object *o = &t->objects[i];
        struct objects *compiled = NULL;
        struct errmsg em = {0};
        enum err e =
            objects_compile(&(struct object_rule){.pattern = o->table}, 1, false, &compiled, &em);
        objects_free(compiled);
        if (e == ERR_OK)
            continue;
        result = e;
        if (o->line > 0)
            fprintf(stderr, "%s:%u:%u: error: %s\n", t->path, o->line, o->column, em.text);
        else
            fprintf(stderr, "--override: error: %s\n", em.text);
    }
    return result;
}

static void skip_error(const struct task_config *t)
{
    if (t->skip_checks_line > 0)
        fprintf(stderr, "%s:%u:%u: error: ", t->path, t->skip_checks_line, t->skip_checks_column);
    else
        fprintf(stderr, "--override: error: ");
}

/* The codes of skip_checks, which the precheck knows and the table of keys does not. */
static enum err check_codes(const struct task_config *t)
{
    enum err result = ERR_OK;
    for (size_t i = 0; i < t->skip_checks.count; i++) {
        const char *code = t->skip_checks.items[i];
        const struct precheck_item *item = precheck_find(code);
        if (item != NULL && item->skip != PRECHECK_SKIP_NEVER)
            continue;
        result = ERR_CONFIG;
        skip_error(t);
        if (item == NULL)
            fprintf(stderr, "skip_checks: the precheck has no item %.100s: is %s meant?\n", code,
                    precheck_nearest(code));
        else
            fprintf(stderr, "skip_checks: %.100s cannot be left out: %s\n", code, item->why);
    }
    return result;
}

/* The expressions, each error with its place. */
static enum err check_rules(const struct task_config *t)
{
    struct shaping *shaping = NULL;
    struct errmsg em = {0};
    enum err e = shaping_new(t, stderr, &shaping, &em);
    shaping_free(shaping);
    return e;
}

int cli_load_task(const struct cli_args *a, struct task_config **out)
{
    struct conf_report report = {0};
    enum err e = conf_load(a->task_file, a->overrides, a->override_count, out, &report);
    conf_report_print(&report, stderr);
    if (e != ERR_OK && report.count == 0)
        fprintf(stderr, "rowcast: %s: %s\n", a->task_file, err_text(e));
    conf_report_fini(&report);
    bool report_ok = e == ERR_OK;
    if (e == ERR_OK) {
        enum err rules = check_rules(*out);
        enum err codes = check_codes(*out);
        e = check_patterns(*out);
        e = e != ERR_OK ? e : rules != ERR_OK ? rules : codes;
    }
    if (e != ERR_OK && report_ok)
        conf_free(*out);
    return err_exit_code(e);
}

int cli_finish_output(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "rowcast: standard output: %s\n", strerror(errno));
    return code != 0 ? code : 1;
}

int cmd_config(const struct cli_args *a)
{
    if (a->example) {
        conf_print_example(stdout);
        return cli_finish_output(0);
    }
    if (a->checks) {
        precheck_print_markdown(stdout);
        return cli_finish_output(0);
    }
    if (a->metrics) {
        metrics_print_markdown(stdout);
        return cli_finish_output(0);
    }
    if (a->markdown) {
        conf_print_markdown(stdout);
        return cli_finish_output(0);
    }
    struct task_config *task;
    int code = cli_load_task(a, &task);
    if (code != 0)
        return code;
    conf_print(task, stdout);
    conf_free(task);
    return cli_finish_output(0);
}
