#include "base/log.h"
#include "cli/command.h"
#include "config/task.h"
#include "control/control.h"
#include "pipeline/task.h"
#include "pipeline/view.h"

#include <malloc.h>
#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t signals;

static void on_signal(int sig)
{
    (void)sig;
    if (signals++ > 0)
        _exit(1); /* the second one ends at once; the checkpoint is always whole */
    task_stop();
}

static void on_hang_up(int sig)
{
    (void)sig;
    control_reload();
}

/*
 * Memory that is let go of goes back to the system: large blocks are mapped one
 * by one whatever was freed before (the C library would raise that bound), and
 * threads share a few arenas instead of keeping free lists of their own.
 */
static void tame_allocator(void)
{
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    mallopt(M_TRIM_THRESHOLD, 1 << 20);
    mallopt(M_ARENA_MAX, 4);
}

void cli_catch_signals(void)
{
    struct sigaction stop = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&stop.sa_mask);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
}

static void catch_hang_up(void)
{
    struct sigaction hang_up = {.sa_handler = on_hang_up, .sa_flags = SA_RESTART};
    sigaction(SIGHUP, &hang_up, NULL);
}

static void take_until(const struct cli_until *u, struct task_options *o)
{
    switch (u->kind) {
    case CLI_UNTIL_STOPPED:
        break;
    case CLI_UNTIL_CAUGHT_UP:
        o->until = UNTIL_CAUGHT_UP;
        break;
    case CLI_UNTIL_FILE:
        o->until = UNTIL_POSITION;
        o->until_file = u->file;
        o->until_offset = u->offset;
        break;
    case CLI_UNTIL_GTID:
        o->until = UNTIL_POSITION;
        o->until_gtids = u->gtid_set;
        break;
    case CLI_UNTIL_TIME:
        o->until = UNTIL_TIME;
        o->until_us = u->time_us;
        break;
    }
}

static int fail(const char *task, enum err e, const struct errmsg *em)
{
    char quoted[900];

    log_error("task.failed", "task=%s error=%s exit=%d text=%s", task, err_name(e),
              err_exit_code(e),
              log_quote(quoted, sizeof(quoted), em->text[0] != 0 ? em->text : err_text(e)));
    return err_exit_code(e);
}

/* The task file once more, for what may change while the task runs. */
static struct task_config *load_again(void *args)
{
    struct task_config *config;
    return cli_load_task(args, &config) == 0 ? config : NULL;
}

static int run(const struct cli_args *a, const struct task_config *config, struct task_options *o)
{
    struct errmsg em = {0};
    struct task_life *life = NULL;
    struct control *control = NULL;
    o->config = config;
    log_setup((enum log_level)config->log.level, config->log.format == CONF_LOG_JSON);
    log_info("rowcast", "version=%s task=%s environment=%s", ROWCAST_VERSION, config->task,
             config->environment);
    enum err e = view_new(&o->view);
    if (e == ERR_OK)
        e = task_life_open(o, &life, &em);
    if (e == ERR_OK)
        e = control_start(&(struct control_options){.config = config,
                                                    .view = o->view,
                                                    .reload = load_again,
                                                    .reload_arg = (void *)(uintptr_t)a},
                          &control, &em);
    if (e == ERR_OK)
        e = task_life_run(life, &em);
    int code = e == ERR_OK ? 0 : fail(config->task, e, &em);
    if (code != 0 && control != NULL)
        control_show_end(control);
    control_stop(control);
    task_life_close(life);
    view_free(o->view);
    return code;
}

int cmd_run(const struct cli_args *a)
{
    struct task_options o = {0};
    struct task_config *config;
    take_until(&a->until, &o);
    int code = cli_load_task(a, &config);
    if (code != 0)
        return code;
    cli_catch_signals();
    catch_hang_up();
    tame_allocator();
    code = run(a, config, &o);
    conf_free(config);
    return code;
}
