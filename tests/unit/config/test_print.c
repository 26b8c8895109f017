#include "config/print.h"

#include "task_text.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static char *printed(void (*print)(FILE *))
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    print(out);
    fclose(out);
    return text;
}

static char *effective(const struct task_config *t)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    conf_print(t, out);
    fclose(out);
    return text;
}

static void reads_back_as_itself(const char *text)
{
    struct loaded first = load_text(text, NULL);
    cr_assert_not_null(first.task, "%s", first.said);
    char *once = effective(first.task);
    struct loaded second = load_text(once, NULL);
    cr_assert_not_null(second.task, "%s\n%s", second.said, once);
    char *twice = effective(second.task);
    cr_assert_str_eq(once, twice);
    free(once);
    free(twice);
    loaded_fini(&first);
    loaded_fini(&second);
}

Test(print, the_effective_configuration_asks_for_the_same)
{
    reads_back_as_itself(TASK OBJECTS);
    reads_back_as_itself(
        TASK
        "  brokers: [\"[::1]:9092\", b:1]\n  librdkafka: {client.id: \"a: b, {c} 'd' \\\"e\\\"\"}\n"
        "objects:\n  - {table: \"!shop.tmp_*\"}\n  - {table: \"/^a, b: [c]$/\", topic: "
        "\"x.{table}\",\n"
        "     partition_key: [\"a b\", \"*\"]}\n  - table: \"*.*\"\n"
        "environment: \"# no comment\"\nsource: {time_zone: \"+02:00\", start: gtid:a:1-5}\n"
        "state_dir: \"/a b/c: d\"\n");
}

Test(print, secrets_are_not_shown)
{
    setenv("ROWCAST_SOURCE_PASSWORD", "hunter2", 1);
    struct loaded l = load_text(TASK "  librdkafka: {ssl.key.password: hunter2}\n" OBJECTS
                                     "source: {password: hunter2}\n",
                                NULL);
    cr_assert_not_null(l.task, "%s", l.said);
    char *text = effective(l.task);
    cr_assert(strstr(text, "hunter2") == NULL, "%s", text);
    cr_assert(strstr(text, "  password: \"****\"\n") != NULL, "%s", text);
    cr_assert(strstr(text, "ssl.key.password: \"****\"") != NULL, "%s", text);
    cr_assert(strstr(text, "password_env") == NULL, "%s", text);
    free(text);
    loaded_fini(&l);
}

Test(print, the_example_loads_and_names_every_key)
{
    char *text = printed(conf_print_example);
    struct loaded l = load_text(text, NULL);
    cr_assert_not_null(l.task, "%s", l.said);
    cr_assert_str_eq(l.said, "");
    cr_assert_not_null(strstr(text, "# filter: "));
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
        cr_assert_leq(strcspn(line, "\n"), 120, "%.130s", line);
    free(text);
    loaded_fini(&l);
}

Test(print, the_manual_is_up_to_date)
{
    char *now = printed(conf_print_markdown), *kept = NULL;
    size_t size = strlen(now);
    FILE *f = fopen(MANUAL, "r");
    cr_assert_not_null(f);
    kept = calloc(1, size + 2);
    cr_assert_eq(fread(kept, 1, size + 1, f), size, "docs/configuration.md is stale");
    fclose(f);
    cr_assert(
        strcmp(now, kept) == 0,
        "docs/configuration.md is stale: build/rowcast config --markdown > docs/configuration.md");
    free(now);
    free(kept);
}
