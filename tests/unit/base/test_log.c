/* The log's lines as they reach stderr. */
#include "base/log.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char line[8192];

/* Writes one line through the log into `line`. */
#define LOGGED(json, ...)                                                                          \
    do {                                                                                           \
        FILE *f = tmpfile();                                                                       \
        int old = dup(STDERR_FILENO);                                                              \
        dup2(fileno(f), STDERR_FILENO);                                                            \
        log_setup(LOG_INFO, json);                                                                 \
        log_warn(__VA_ARGS__);                                                                     \
        dup2(old, STDERR_FILENO);                                                                  \
        rewind(f);                                                                                 \
        line[fread(line, 1, sizeof(line) - 1, f)] = 0;                                             \
        fclose(f);                                                                                 \
    } while (0)

Test(log, text_has_time_level_event_and_fields)
{
    LOGGED(false, "source.lost", "host=%s n=%d", "h", 3);
    cr_assert_not_null(strstr(line, " warn  source.lost host=h n=3\n"));
}

Test(log, json_has_a_member_for_each_field)
{
    char quoted[100];
    LOGGED(true, "source.lost", "host=h reason=%s n=3",
           log_quote(quoted, sizeof(quoted), "a \"b\" = c\\d"));
    cr_assert_not_null(strstr(line,
                              "\"event\":\"source.lost\",\"host\":\"h\",\"reason\":\"a \\\"b\\\" = "
                              "c\\\\d\",\"n\":\"3\"}\n"),
                       "%s", line);
}

Test(log, json_survives_what_is_no_field)
{
    LOGGED(true, "e", "%s", "plain words");
    cr_assert_not_null(strstr(line, "\"text\":\"plain words\"}"), "%s", line);
    LOGGED(true, "e", "%s", "k=\"cut");
    cr_assert_not_null(strstr(line, "\"k\":\"cut\"}"), "%s", line);
    LOGGED(true, "e", "%s", "");
    cr_assert_not_null(strstr(line, "\"event\":\"e\"}"), "%s", line);
}

Test(log, what_is_below_the_level_is_not_written)
{
    log_setup(LOG_ERROR, false);
    cr_assert(!log_enabled(LOG_WARN));
    cr_assert(log_enabled(LOG_ERROR));
}

static unsigned told;

static void tell(void *arg, bool warning, const char *event, const char *text)
{
    (void)arg;
    if (warning && strcmp(event, "log.lost") == 0 && strstr(text, "No space left") != NULL)
        told++;
}

Test(log, lines_that_find_no_room_are_counted_and_told_when_there_is_room_again)
{
    int terminal = dup(STDERR_FILENO), full = open("/dev/full", O_WRONLY);
    cr_assert_geq(full, 0);
    log_setup(LOG_INFO, false);
    log_watch(tell, NULL);
    dup2(full, STDERR_FILENO);
    log_info("a.one", "x=1");
    log_info("a.two", "x=2");
    dup2(terminal, STDERR_FILENO);
    cr_assert_eq(log_lost(), 2);
    cr_assert_eq(told, 1, "once, not for every line");
    LOGGED(false, "a.three", "x=3");
    const char *first = strstr(line, " warn  log.lost lines=2 "),
               *next = strstr(line, "a.three x=3\n");
    cr_assert(first != NULL && next != NULL && first < next, "%s", line);
    LOGGED(false, "a.four", "x=4");
    cr_assert_null(strstr(line, "log.lost"), "%s", line);
    cr_assert_eq(log_lost(), 2);
}
