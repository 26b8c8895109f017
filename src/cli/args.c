#include "cli/args.h"

#include "config/value.h"

#include <stdlib.h>
#include <string.h>

const char cli_usage[] =
    "rowcast " ROWCAST_VERSION ": what is committed in MySQL arrives in Kafka\n"
    "\n"
    "The first time:\n"
    "  rowcast config --example > orders.yaml     a task file with every key: keep what you need\n"
    "  rowcast check orders.yaml                  whether it could run, and what to do where not\n"
    "  rowcast run orders.yaml                    copies what is there and follows; Ctrl-C ends "
    "it\n"
    "\n"
    "Commands:\n"
    "  rowcast run TASK.yaml [--until caught-up|POSITION|TIME]\n"
    "                                             copy, follow the source, write to Kafka\n"
    "  rowcast check TASK.yaml [--json]           whether it could run: every item, and what\n"
    "                                             mends it; changes nothing\n"
    "  rowcast status TASK.yaml [--json] [--watch]\n"
    "                                             how it stands\n"
    "  rowcast pause | resume | stop TASK.yaml    acts on the task that runs\n"
    "  rowcast explain TASK.yaml --from POSITION [--limit N] [--json]\n"
    "                                             what would be sent; sends nothing\n"
    "  rowcast verify TASK.yaml [--table DB.T]... [--json]\n"
    "                                             whether Kafka has what the source has\n"
    "  rowcast tail TASK.yaml [--topic T] [--limit N]\n"
    "                                             what is in the task's topics\n"
    "  rowcast config TASK.yaml                   the effective configuration, defaults included\n"
    "  rowcast config --example                   a task file to start from\n"
    "  rowcast version | help\n"
    "\n"
    "Each that reads a task file takes, too:\n"
    "  --override KEY=VALUE                       a key of the file, as source.port=3307; "
    "repeated\n"
    "  --brokers embedded                         a broker inside the process instead of yours, "
    "to\n"
    "                                             try things out: it forgets when the process "
    "ends\n"
    "\n"
    "Passwords come from the environment: ROWCAST_SOURCE_PASSWORD, ROWCAST_DESTINATION_PASSWORD.\n"
    "POSITION is FILE:POS or gtid:SET, TIME is RFC 3339 (2026-01-31T12:00:00Z).\n"
    "--from takes now, earliest and time:TIME, too.\n"
    "\n"
    "Exit codes: 0 done, 1 internal fault, 2 wrong use or configuration, 3 precheck failed,\n"
    "4 source, 5 destination, 6 source history lost or foreign, 7 data cannot be carried\n"
    "faithfully, 8 checkpoint damaged, locked or fenced, 9 verify found differences.\n";

static const struct {
    const char *name;
    enum cli_command command;
} commands[] = {
    {"run", CLI_RUN},           {"config", CLI_CONFIG}, {"version", CLI_VERSION},
    {"--version", CLI_VERSION}, {"help", CLI_HELP},     {"--help", CLI_HELP},
    {"-h", CLI_HELP},           {"check", CLI_CHECK},   {"status", CLI_STATUS},
    {"pause", CLI_PAUSE},       {"resume", CLI_RESUME}, {"stop", CLI_STOP},
    {"explain", CLI_EXPLAIN},   {"tail", CLI_TAIL},     {"verify", CLI_VERIFY},
};

static enum err find_command(const char *name, enum cli_command *out, struct errmsg *em)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(name, commands[i].name) != 0)
            continue;
        *out = commands[i].command;
        return ERR_OK;
    }
    return errmsg_set(em, ERR_USAGE, "unknown command %.100s: `rowcast help` lists them", name);
}

/* FILE:POS */
static bool until_file(const char *s, struct cli_until *u)
{
    const char *colon = strrchr(s, ':');
    int64_t offset;
    if (colon == NULL || colon == s || (size_t)(colon - s) >= sizeof(u->file) ||
        !conf_digits(colon + 1, strlen(colon + 1), &offset) || offset < 4)
        return false;
    u->kind = CLI_UNTIL_FILE;
    memcpy(u->file, s, (size_t)(colon - s));
    u->file[colon - s] = '\0';
    u->offset = (uint64_t)offset;
    return true;
}

static enum err parse_until(const char *s, struct cli_until *out, struct errmsg *em)
{
    struct cli_until u = {.kind = CLI_UNTIL_CAUGHT_UP};
    const char *time = strncmp(s, "time:", 5) == 0 ? s + 5 : s;
    if (strncmp(s, "gtid:", 5) == 0 && s[5] != '\0') {
        u.kind = CLI_UNTIL_GTID;
        u.gtid_set = s + 5;
    } else if (conf_rfc3339(time, &u.time_us)) {
        u.kind = CLI_UNTIL_TIME;
    } else if (strcmp(s, "caught-up") != 0 && (time != s || !until_file(s, &u))) {
        return errmsg_set(em, ERR_USAGE,
                          "--until %.100s: caught-up, FILE:POS, gtid:SET or a time "
                          "(2026-01-31T12:00:00Z) is expected",
                          s);
    }
    *out = u;
    return ERR_OK;
}

/* The forms of source.start. */
static enum err parse_from(const char *s, struct cli_args *a, struct errmsg *em)
{
    struct conf_start from = {.kind = CONF_START_NOW};
    struct cli_until place;
    if (strcmp(s, "earliest") == 0) {
        from.kind = CONF_START_EARLIEST;
    } else if (strncmp(s, "gtid:", 5) == 0 && s[5] != '\0') {
        from.kind = CONF_START_GTID;
        from.gtid_set = s + 5;
    } else if (conf_rfc3339(strncmp(s, "time:", 5) == 0 ? s + 5 : s, &from.time_us)) {
        from.kind = CONF_START_TIME;
    } else if (strchr(s, '/') == NULL && until_file(s, &place)) {
        from.kind = CONF_START_FILE;
        memcpy(a->from_file, place.file, sizeof(a->from_file));
        from.offset = place.offset;
    } else if (strcmp(s, "now") != 0) {
        return errmsg_set(em, ERR_USAGE,
                          "--from %.100s: earliest, FILE:POS, gtid:SET, time:TIME "
                          "(2026-01-31T12:00:00Z) or now is expected",
                          s);
    }
    a->from = from;
    a->has_from = true;
    return ERR_OK;
}

static enum err parse_limit(const char *s, uint64_t *out, struct errmsg *em)
{
    int64_t n;
    if (!conf_digits(s, strlen(s), &n) || n < 1)
        return errmsg_set(em, ERR_USAGE, "--limit %.100s: a number from 1 is expected", s);
    *out = (uint64_t)n;
    return ERR_OK;
}

/* An option's value: behind its =, or the next argument. NULL: argv[*i] is another option. */
static const char *option_value(const char *const *argv, int argc, int *i, const char *name,
                                bool *missing)
{
    size_t len = strlen(name);
    const char *arg = argv[*i];
    if (strncmp(arg, name, len) != 0 || (arg[len] != '=' && arg[len] != '\0'))
        return NULL;
    if (arg[len] == '=')
        return arg + len + 1;
    if (*i + 1 >= argc) {
        *missing = true;
        return "";
    }
    return argv[++*i];
}

static bool has_json(enum cli_command c)
{
    return c == CLI_STATUS || c == CLI_EXPLAIN || c == CLI_CHECK || c == CLI_VERIFY;
}

static enum err parse_option(struct cli_args *a, const char *const *argv, int argc, int *i,
                             struct errmsg *em)
{
    bool missing = false;
    const char *option = argv[*i], *value;
    if ((value = option_value(argv, argc, i, "--override", &missing)) != NULL) {
        a->overrides[a->override_count++] = value;
    } else if ((value = option_value(argv, argc, i, "--brokers", &missing)) != NULL) {
        if (!missing && strcmp(value, "embedded") != 0)
            return errmsg_set(em, ERR_USAGE,
                              "--brokers %.100s: only embedded is short for something, use "
                              "--override destination.brokers=%.100s",
                              value, value);
        a->overrides[a->override_count++] = "destination.brokers=embedded";
    } else if (a->command == CLI_RUN &&
               (value = option_value(argv, argc, i, "--until", &missing)) != NULL) {
        if (!missing)
            TRY(parse_until(value, &a->until, em));
    } else if (a->command == CLI_EXPLAIN &&
               (value = option_value(argv, argc, i, "--from", &missing)) != NULL) {
        if (!missing)
            TRY(parse_from(value, a, em));
    } else if (a->command == CLI_TAIL &&
               (value = option_value(argv, argc, i, "--topic", &missing)) != NULL) {
        a->topic = value;
    } else if ((a->command == CLI_EXPLAIN || a->command == CLI_TAIL) &&
               (value = option_value(argv, argc, i, "--limit", &missing)) != NULL) {
        if (!missing)
            TRY(parse_limit(value, &a->limit, em));
    } else if (a->command == CLI_CONFIG && strcmp(option, "--example") == 0) {
        a->example = true;
    } else if (a->command == CLI_CONFIG && strcmp(option, "--markdown") == 0) {
        a->markdown = true;
    } else if (a->command == CLI_CONFIG && strcmp(option, "--metrics") == 0) {
        a->metrics = true;
    } else if (a->command == CLI_CONFIG && strcmp(option, "--checks") == 0) {
        a->checks = true;
    } else if (a->command == CLI_VERIFY &&
               (value = option_value(argv, argc, i, "--table", &missing)) != NULL) {
        a->tables[a->table_count++] = value;
    } else if (has_json(a->command) && strcmp(option, "--json") == 0) {
        a->json = true;
    } else if (a->command == CLI_STATUS && strcmp(option, "--watch") == 0) {
        a->watch = true;
    } else {
        return errmsg_set(em, ERR_USAGE, "unknown option %.100s: `rowcast help` lists them",
                          option);
    }
    return missing ? errmsg_set(em, ERR_USAGE, "%s needs a value", option) : ERR_OK;
}

static enum err parse_rest(struct cli_args *a, int argc, const char *const *argv, struct errmsg *em)
{
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            a->command = CLI_HELP;
            return ERR_OK;
        }
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            TRY(parse_option(a, argv, argc, &i, em));
        } else if (a->task_file != NULL) {
            return errmsg_set(em, ERR_USAGE, "one task file is expected, not also %.100s", argv[i]);
        } else {
            a->task_file = argv[i];
        }
    }
    bool needs_file =
        a->command != CLI_VERSION && !(a->example || a->markdown || a->metrics || a->checks);
    if (needs_file && a->task_file == NULL)
        return errmsg_set(em, ERR_USAGE, "rowcast %s needs a task file", argv[1]);
    if (a->command == CLI_EXPLAIN && !a->has_from)
        return errmsg_set(em, ERR_USAGE,
                          "rowcast explain needs --from: where in the binlog to begin");
    if (!needs_file && a->task_file != NULL)
        return errmsg_set(em, ERR_USAGE, "rowcast %s takes no task file there", argv[1]);
    return ERR_OK;
}

enum err cli_parse(int argc, const char *const *argv, struct cli_args *out, struct errmsg *em)
{
    struct cli_args a = {0};
    if (argc < 2)
        return errmsg_set(em, ERR_USAGE, "a command is missing: `rowcast help` lists them");
    TRY(find_command(argv[1], &a.command, em));
    if (a.command == CLI_HELP) {
        *out = a;
        return ERR_OK;
    }
    a.overrides = calloc((size_t)argc, sizeof(*a.overrides));
    a.tables = calloc((size_t)argc, sizeof(*a.tables));
    if (a.overrides == NULL || a.tables == NULL) {
        cli_args_fini(&a);
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory");
    }
    enum err e = parse_rest(&a, argc, argv, em);
    if (e == ERR_OK)
        *out = a;
    else
        cli_args_fini(&a);
    return e;
}

void cli_args_fini(struct cli_args *a)
{
    free(a->overrides);
    free(a->tables);
    a->overrides = a->tables = NULL;
    a->override_count = a->table_count = 0;
}
