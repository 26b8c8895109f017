/* The program as it is called: what goes to stdout, what to stderr, and the exit code. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static char output[1 << 16];

/* Runs `rowcast ARGUMENTS` in a shell; returns the exit code, with its stdout (or what the
 * redirections leave of it) in output. */
static int run(const char *arguments)
{
    char command[1024];
    snprintf(command, sizeof(command), "%s %s", ROWCAST, arguments);
    FILE *p = popen(command, "r");
    cr_assert_not_null(p);
    size_t len = fread(output, 1, sizeof(output) - 1, p);
    output[len] = '\0';
    int status = pclose(p);
    cr_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static bool says(const char *words)
{
    return strstr(output, words) != NULL;
}

Test(program, version_and_help_are_results)
{
    cr_assert_eq(run("version 2>/dev/null"), 0);
    cr_assert_str_eq(output, "rowcast " ROWCAST_VERSION "\n");
    cr_assert_eq(run("help 2>/dev/null"), 0);
    cr_assert(says("rowcast run TASK.yaml"));
}

Test(program, wrong_use_is_2_with_a_sentence_on_stderr)
{
    cr_assert_eq(run("2>/dev/null"), 2);
    cr_assert_str_eq(output, "");
    cr_assert_eq(run("frobnicate 2>&1"), 2);
    cr_assert(says("unknown command frobnicate"));
    cr_assert_eq(run("explain t.yaml 2>&1"), 2);
    cr_assert(says("needs --from"));
    cr_assert_eq(run("run /nowhere/t.yaml 2>&1"), 2);
    cr_assert(says("/nowhere/t.yaml cannot be read"), "%s", output);
}

Test(program, the_example_goes_in_again_with_overrides)
{
    char path[] = "/tmp/rowcast-example-XXXXXX", arguments[256];
    cr_assert_geq(mkstemp(path), 0);
    snprintf(arguments, sizeof(arguments), "config --example >%s", path);
    cr_assert_eq(run(arguments), 0);
    snprintf(arguments, sizeof(arguments),
             "config %s --brokers embedded --override source.port=3307 2>/dev/null", path);
    cr_assert_eq(run(arguments), 0);
    cr_assert(says("  brokers: embedded\n") && says("  port: 3307\n"), "%s", output);
    snprintf(arguments, sizeof(arguments),
             "config %s --override objects='[{table: a}, {table: /(/}]' 2>&1", path);
    cr_assert_eq(run(arguments), 2);
    cr_assert(says("DATABASE.TABLE") && says("regular expression"), "%s", output);
    remove(path);
}

Test(program, results_that_cannot_be_written_are_a_fault)
{
    cr_assert_eq(run("version 2>&1 >/dev/full"), 1);
    cr_assert(says("standard output"), "%s", output);
}
