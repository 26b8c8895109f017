#include "cli/run.h"

#include "base/log.h"
#include "config/task.h"
#include "pipeline/task.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t signals;

static void on_signal(int sig)
{
    (void)sig;
    if (signals++ > 0)
        _exit(1); /* the second one ends at once; the checkpoint is always whole */
    task_stop();
}

static void catch_signals(void)
{
    struct sigaction stop = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&stop.sa_mask);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGHUP, &ignore, NULL);
}

/* 2026-11-23T10:00:00Z or with an offset (RFC 3339). */
static bool parse_time(const char *text, uint64_t *us)
{
    struct tm tm = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (rest == NULL)
        return false;
    long offset = 0;
    int hours, minutes, used = 0;
    if (strcmp(rest, "Z") != 0 && strcmp(rest, "z") != 0) {
        if ((rest[0] != '+' && rest[0] != '-') ||
            sscanf(rest + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 || rest[1 + used] != 0)
            return false;
        offset = (hours * 60L + minutes) * 60 * (rest[0] == '-' ? -1 : 1);
    }
    *us = (uint64_t)(timegm(&tm) - offset) * 1000000;
    return true;
}

static bool parse_until(const char *text, struct task_options *o, char *file, size_t cap)
{
    if (text == NULL)
        return true;
    if (strcmp(text, "caught-up") == 0) {
        o->until = UNTIL_CAUGHT_UP;
        return true;
    }
    if (strncmp(text, "gtid:", 5) == 0) {
        o->until = UNTIL_POSITION;
        o->until_gtids = text + 5;
        return true;
    }
    if (parse_time(text, &o->until_us)) {
        o->until = UNTIL_TIME;
        return true;
    }
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    if (colon == NULL || colon == text || (size_t)(colon - text) >= cap)
        return false;
    o->until_offset = strtoull(colon + 1, &end, 10);
    if (*end != 0 || end == colon + 1)
        return false;
    snprintf(file, cap, "%.*s", (int)(colon - text), text);
    o->until_file = file;
    o->until = UNTIL_POSITION;
    return true;
}

static int fail(const char *task, enum err e, const struct errmsg *em)
{
    char quoted[900];
    if (e == ERR_STOPPED)
        return 0;
    log_error("task.failed", "task=%s error=%s exit=%d text=%s", task, err_name(e),
              err_exit_code(e),
              log_quote(quoted, sizeof(quoted), em->text[0] != 0 ? em->text : err_text(e)));
    return err_exit_code(e);
}

static int run(const struct task_config *config, struct task_options *o)
{
    struct errmsg em = {0};
    struct task *task;
    o->config = config;
    log_setup((enum log_level)config->log.level, config->log.format == CONF_LOG_JSON);
    log_info("rowcast", "version=%s task=%s environment=%s", ROWCAST_VERSION, config->task,
             config->environment);
    enum err e = task_open(o, &task, &em);
    if (e != ERR_OK)
        return fail(config->task, e, &em);
    e = task_run(task, &em);
    int code = e == ERR_OK ? 0 : fail(config->task, e, &em);
    task_close(task);
    return code;
}

int cmd_run(const struct run_args *args)
{
    struct task_options o = {0};
    char file[600];
    if (!parse_until(args->until, &o, file, sizeof(file))) {
        fprintf(stderr,
                "rowcast: --until %s: neither caught-up nor a position (FILE:POS, gtid:SET) nor a "
                "time (2026-01-31T12:00:00Z)\n",
                args->until);
        return 2;
    }
    struct conf_report report = {0};
    struct task_config *config;
    enum err e = conf_load(args->path, args->overrides, args->override_count, &config, &report);
    conf_report_print(&report, stderr);
    conf_report_fini(&report);
    if (e != ERR_OK)
        return err_exit_code(e);
    catch_signals();
    int code = run(config, &o);
    conf_free(config);
    return code;
}
