/* rowcast: arguments in, one command, exit code out. */
#include "cli/args.h"
#include "cli/command.h"

#include <signal.h>
#include <stdio.h>

static int dispatch(const struct cli_args *a)
{
    switch (a->command) {
    case CLI_HELP:
        fputs(cli_usage, stdout);
        return cli_finish_output(0);
    case CLI_VERSION:
        puts("rowcast " ROWCAST_VERSION);
        return cli_finish_output(0);
    case CLI_CONFIG:
        return cmd_config(a);
    case CLI_CHECK:
        return cmd_check(a);
    case CLI_RUN:
        return cmd_run(a);
    case CLI_STATUS:
        return cmd_status(a);
    case CLI_PAUSE:
    case CLI_RESUME:
    case CLI_STOP:
        return cmd_wish(a);
    case CLI_EXPLAIN:
        return cmd_explain(a);
    case CLI_TAIL:
        return cmd_tail(a);
    case CLI_VERIFY:
        return cmd_verify(a);
    }
    return err_exit_code(ERR_BUG);
}

int main(int argc, char **argv)
{
    struct cli_args args;
    struct errmsg em = {0};
    /* Broken pipes and files over a limit are errors of the calls that meet them. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    enum err e = cli_parse(argc, (const char *const *)argv, &args, &em);
    if (e != ERR_OK) {
        fprintf(stderr, "rowcast: %s\n", em.text);
        return err_exit_code(e);
    }
    int code = dispatch(&args);
    cli_args_fini(&args);
    return code;
}
