#include "cli/command.h"
#include "config/print.h"
#include "config/task.h"
#include "control/metrics.h"
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
        e = check_patterns(*out);
        e = e != ERR_OK ? e : rules;
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
