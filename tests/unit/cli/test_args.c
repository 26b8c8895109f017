#include "cli/args.h"

#include <criterion/criterion.h>
#include <string.h>

#define ARGV(...)                                                                                  \
    (const char *const[])                                                                          \
    {                                                                                              \
        "rowcast", __VA_ARGS__, NULL                                                               \
    }

static enum err parse(const char *const *argv, struct cli_args *out, struct errmsg *em)
{
    int argc = 0;
    while (argv[argc] != NULL)
        argc++;
    return cli_parse(argc, argv, out, em);
}

static struct cli_args parsed(const char *const *argv)
{
    struct cli_args a;
    struct errmsg em = {0};
    cr_assert_eq(parse(argv, &a, &em), ERR_OK, "%s", em.text);
    return a;
}

static void refused(const char *const *argv, const char *words)
{
    struct cli_args a;
    struct errmsg em = {0};
    cr_assert_eq(parse(argv, &a, &em), ERR_USAGE);
    cr_assert(strstr(em.text, words) != NULL, "%s", em.text);
}

Test(args, run_takes_a_file_and_overrides_in_their_order)
{
    struct cli_args a = parsed(
        ARGV("run", "--override", "a=1", "t.yaml", "--override=b=2", "--brokers", "embedded"));
    cr_assert_eq(a.command, CLI_RUN);
    cr_assert_str_eq(a.task_file, "t.yaml");
    cr_assert_eq(a.override_count, 3);
    cr_assert_str_eq(a.overrides[0], "a=1");
    cr_assert_str_eq(a.overrides[1], "b=2");
    cr_assert_str_eq(a.overrides[2], "destination.brokers=embedded");
    cr_assert_eq(a.until.kind, CLI_UNTIL_STOPPED);
    cli_args_fini(&a);
}

static struct cli_until until_of(const char *text)
{
    struct cli_args a = parsed(ARGV("run", "t.yaml", "--until", text));
    cli_args_fini(&a);
    return a.until;
}

Test(args, until_has_four_forms)
{
    struct cli_until u = until_of("caught-up");
    cr_assert_eq(u.kind, CLI_UNTIL_CAUGHT_UP);
    u = until_of("binlog.000012:340");
    cr_assert(u.kind == CLI_UNTIL_FILE && u.offset == 340);
    cr_assert_str_eq(u.file, "binlog.000012");
    u = until_of("gtid:a:1-5");
    cr_assert(u.kind == CLI_UNTIL_GTID);
    cr_assert_str_eq(u.gtid_set, "a:1-5");
    u = until_of("1970-01-01T00:00:02Z");
    cr_assert(u.kind == CLI_UNTIL_TIME && u.time_us == 2000000);
    u = until_of("time:1970-01-01T00:00:02Z");
    cr_assert(u.kind == CLI_UNTIL_TIME && u.time_us == 2000000);

    refused(ARGV("run", "t.yaml", "--until", "later"), "--until later");
    refused(ARGV("run", "t.yaml", "--until", "gtid:"), "--until gtid:");
    refused(ARGV("run", "t.yaml", "--until", "time:now"), "--until time:now");
    refused(ARGV("run", "t.yaml", "--until", "binlog:3"), "--until");
    refused(ARGV("run", "t.yaml", "--until"), "needs a value");
}

Test(args, config_takes_a_file_or_prints_what_needs_none)
{
    struct cli_args a = parsed(ARGV("config", "t.yaml"));
    cr_assert_eq(a.command, CLI_CONFIG);
    cli_args_fini(&a);
    a = parsed(ARGV("config", "--example"));
    cr_assert(a.example && a.task_file == NULL);
    cli_args_fini(&a);
    refused(ARGV("config"), "needs a task file");
    refused(ARGV("config", "--example", "t.yaml"), "takes no task file");
    refused(ARGV("config", "t.yaml", "--until", "caught-up"), "unknown option --until");
}

Test(args, a_running_task_is_asked_by_its_file)
{
    struct cli_args a = parsed(ARGV("status", "t.yaml", "--json", "--watch"));
    cr_assert(a.command == CLI_STATUS && a.json && a.watch);
    cli_args_fini(&a);
    a = parsed(ARGV("pause", "t.yaml", "--override", "state_dir=x"));
    cr_assert(a.command == CLI_PAUSE && a.override_count == 1);
    cli_args_fini(&a);
    a = parsed(ARGV("check", "t.yaml", "--json"));
    cr_assert(a.command == CLI_CHECK && a.json);
    cli_args_fini(&a);
    refused(ARGV("check"), "needs a task file");
    a = parsed(ARGV("config", "--metrics"));
    cr_assert(a.metrics && a.task_file == NULL);
    cli_args_fini(&a);
    refused(ARGV("status"), "needs a task file");
    refused(ARGV("resume"), "needs a task file");
    refused(ARGV("stop", "t.yaml", "--json"), "unknown option --json");
}

Test(args, explain_begins_where_it_is_told_to)
{
    struct cli_args a =
        parsed(ARGV("explain", "t.yaml", "--from", "binlog.000007:1234", "--limit", "5", "--json"));
    cr_assert(a.has_from && a.json && a.limit == 5);
    cr_assert_eq(a.from.kind, CONF_START_FILE);
    cr_assert_str_eq(a.from_file, "binlog.000007");
    cr_assert_eq(a.from.offset, 1234);
    cli_args_fini(&a);
    a = parsed(ARGV("explain", "--from=gtid:0-1-5", "t.yaml"));
    cr_assert_eq(a.from.kind, CONF_START_GTID);
    cr_assert_str_eq(a.from.gtid_set, "0-1-5");
    cli_args_fini(&a);
    a = parsed(ARGV("explain", "t.yaml", "--from", "time:1970-01-01T00:00:01Z"));
    cr_assert_eq(a.from.kind, CONF_START_TIME);
    cr_assert_eq(a.from.time_us, 1000000);
    cli_args_fini(&a);
    a = parsed(ARGV("explain", "t.yaml", "--from", "earliest"));
    cr_assert_eq(a.from.kind, CONF_START_EARLIEST);
    cli_args_fini(&a);
    refused(ARGV("explain", "t.yaml"), "needs --from");
    refused(ARGV("explain", "t.yaml", "--from", "binlog.000007"), "--from binlog.000007");
    refused(ARGV("explain", "t.yaml", "--from", "a/b.000007:4"), "is expected");
    refused(ARGV("explain", "t.yaml", "--from", "gtid:"), "is expected");
    refused(ARGV("explain", "t.yaml", "--from", "now", "--limit", "0"), "a number from 1");
    refused(ARGV("run", "t.yaml", "--from", "now"), "unknown option --from");
}

Test(args, verify_takes_any_number_of_tables)
{
    struct cli_args a =
        parsed(ARGV("verify", "t.yaml", "--table", "shop.item", "--json", "--table=shop.orders"));
    cr_assert(a.json && a.table_count == 2);
    cr_assert_str_eq(a.tables[0], "shop.item");
    cr_assert_str_eq(a.tables[1], "shop.orders");
    cli_args_fini(&a);
    refused(ARGV("verify"), "needs a task file");
    refused(ARGV("verify", "t.yaml", "--table"), "--table needs a value");
    refused(ARGV("verify", "t.yaml", "--from", "now"), "unknown option --from");
}

Test(args, tail_takes_a_topic_and_a_limit)
{
    struct cli_args a = parsed(ARGV("tail", "t.yaml", "--topic", "orders", "--limit=3"));
    cr_assert_eq(a.command, CLI_TAIL);
    cr_assert_str_eq(a.topic, "orders");
    cr_assert_eq(a.limit, 3);
    cli_args_fini(&a);
    refused(ARGV("tail"), "needs a task file");
    refused(ARGV("tail", "t.yaml", "--limit", "x"), "a number from 1");
}

Test(args, what_is_not_there_is_refused_with_its_name)
{
    refused(ARGV("rnu", "t.yaml"), "unknown command rnu");
    refused(ARGV("run", "t.yaml", "u.yaml"), "u.yaml");
    refused(ARGV("run", "t.yaml", "--fast"), "unknown option --fast");
    refused(ARGV("run", "t.yaml", "--brokers", "a:1"), "--override destination.brokers=a:1");
    refused(ARGV("run"), "needs a task file");
    refused((const char *const[]){"rowcast", NULL}, "a command is missing");
}

Test(args, help_and_version_have_the_usual_names)
{
    struct cli_args a = parsed(ARGV("--help"));
    cr_assert_eq(a.command, CLI_HELP);
    a = parsed(ARGV("run", "--override", "a=1", "--help"));
    cr_assert_eq(a.command, CLI_HELP);
    cli_args_fini(&a);
    a = parsed(ARGV("--version"));
    cr_assert_eq(a.command, CLI_VERSION);
    cli_args_fini(&a);
}
