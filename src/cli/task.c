/* status, pause, resume, stop: what is asked of a task that runs. */
#include "config/task.h"
#include "cli/command.h"
#include "control/client.h"
#include "pipeline/task.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WAIT_S  60 /* for a wish to come true */
#define NAP_MS  100
#define STEP_MS 1000 /* between two looks of --watch */

static void nap(unsigned ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000},
              NULL);
}

static int fail(enum err e, const struct errmsg *em)
{
    fprintf(stderr, "rowcast: %s\n", em->text[0] != 0 ? em->text : err_text(e));
    return err_exit_code(e);
}

static void time_text(uint64_t us, char out[32])
{
    time_t s = (time_t)(us / 1000000);
    struct tm tm;
    gmtime_r(&s, &tm);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

/* A text that holds no more than states and positions do, as JSON. */
static void put_text(const char *name, const char *text)
{
    printf("\"%s\":\"", name);
    for (; *text != 0; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        if ((unsigned char)*text < 0x20)
            printf("\\u%04x", (unsigned char)*text);
        else
            putchar(*text);
    }
    putchar('"');
}

static void print_advice(const char *state, const char *task_file)
{
    if (strcmp(state, "not-started") == 0)
        printf("%-14srowcast check %s, then rowcast run %s\n", "what to do", task_file, task_file);
    else if (strcmp(state, "precheck-failed") == 0)
        printf("%-14srowcast check %s, and what it says\n", "what to do", task_file);
    else if (strcmp(state, "paused") == 0)
        printf("%-14srowcast run %s, then rowcast resume %s\n", "to go on", task_file, task_file);
    else if (strcmp(state, "failed") == 0)
        printf("%-14smend what the cause names, then rowcast run %s: it goes on where it was\n",
               "what to do", task_file);
    else
        printf("%-14srowcast run %s: it goes on where it was\n", "to go on", task_file);
}

/* What the checkpoint tells of a task that does not run. */
static int print_rest(const struct task_config *config, const char *task_file, bool as_json)
{
    struct task_rest rest = {0};
    struct errmsg em = {0};
    char since[32];
    enum err e = access(config->state_dir, F_OK) == 0 ? task_rest_read(config, &rest, &em) : ERR_OK;
    if (e != ERR_OK)
        return fail(e, &em);
    const char *state = rest.state[0] != 0 ? rest.state : "not-started";
    time_text(rest.since_us, since);
    if (as_json) {
        putchar('{');
        put_text("task", config->task);
        printf(",\"running\":false,");
        put_text("state", state);
        putchar(',');
        put_text("cause", rest.cause);
        printf(",\"positions\":{");
        put_text("durable", rest.position);
        printf("}}\n");
        return 0;
    }
    printf("%-14s%s\n%-14s%s", "task", config->task, "state", state);
    if (rest.since_us != 0)
        printf(" since %s", since);
    printf(", and no process runs it\n");
    if (rest.cause[0] != 0)
        printf("%-14s%s\n", "cause", rest.cause);
    if (rest.position[0] != 0)
        printf("%-14s%s\n", "restart at", rest.position);
    print_advice(state, task_file);
    return 0;
}

static int print_once(const struct task_config *config, const char *task_file, bool as_json)
{
    struct client_task *t;
    struct errmsg em = {0};
    char *text = NULL;
    enum err e = client_look(config->state_dir, &t, &text, &em);
    if (e != ERR_OK)
        return print_rest(config, task_file, as_json);
    if (as_json)
        fputs(text, stdout);
    else
        client_print(t, stdout);
    free(text);
    client_task_free(t);
    return 0;
}

int cmd_status(const struct cli_args *a)
{
    struct task_config *config;
    int code = cli_load_task(a, &config);
    if (code != 0)
        return code;
    bool terminal = isatty(STDOUT_FILENO) && !a->json;
    do {
        if (a->watch && terminal)
            fputs("\033[H\033[2J", stdout);
        code = print_once(config, a->task_file, a->json);
        fflush(stdout);
        if (a->watch)
            nap(STEP_MS);
    } while (a->watch && code == 0 && !ferror(stdout));
    conf_free(config);
    return cli_finish_output(code);
}

static const char *wish_of(enum cli_command c)
{
    return c == CLI_PAUSE ? "pause" : c == CLI_RESUME ? "resume" : "stop";
}

/* Whether the task is as it was asked to be; *gone: nobody answers any more. */
static bool has_come_true(const struct task_config *config, enum cli_command c, bool *gone)
{
    struct client_task *t;
    struct errmsg em = {0};
    *gone = client_look(config->state_dir, &t, NULL, &em) != ERR_OK;
    if (*gone)
        return c == CLI_STOP;
    bool paused = strcmp(client_state(t), "paused") == 0;
    bool settled = client_wants_nothing(t);
    client_task_free(t);
    return c == CLI_PAUSE ? paused && settled : c == CLI_RESUME ? !paused && settled : false;
}

int cmd_wish(const struct cli_args *a)
{
    struct task_config *config;
    struct errmsg em = {0};
    int code = cli_load_task(a, &config);
    if (code != 0)
        return code;
    enum err e = client_ask(config->state_dir, wish_of(a->command), &em);
    bool done = false, gone = false;
    for (unsigned ms = 0; e == ERR_OK && !done && !gone && ms < WAIT_S * 1000; ms += NAP_MS) {
        nap(NAP_MS);
        done = has_come_true(config, a->command, &gone);
    }
    if (e == ERR_OK && gone && !done)
        e = errmsg_set(&em, ERR_UNREACHABLE, "%s: the task has ended meanwhile", config->state_dir);
    else if (e == ERR_OK && !done)
        e = errmsg_set(&em, ERR_TIMEOUT, "it is not so after %d s; the task goes on with it",
                       WAIT_S);
    code = e == ERR_OK ? 0 : fail(e, &em);
    if (code == 0)
        printf("%s %s\n", config->task,
               a->command == CLI_PAUSE    ? "is paused, and holds no connections"
               : a->command == CLI_RESUME ? "goes on"
                                          : "has ended; rowcast run goes on where it was");
    conf_free(config);
    return cli_finish_output(code);
}
