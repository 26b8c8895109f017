#include "task_text.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    cr_assert_not_null(f);
    fputs(text, f);
    fclose(f);
}

struct loaded load_texts(const char *text, const char *name, const char *second,
                         const char *const *overrides)
{
    struct loaded l = {.folder = "/tmp/rowcast-conf-XXXXXX"};
    struct conf_report report = {0};
    char path[128];
    size_t count = 0, size;
    cr_assert_not_null(mkdtemp(l.folder));
    write_file(l.folder, "task.yaml", text);
    if (name != NULL)
        write_file(l.folder, name, second);
    while (overrides != NULL && overrides[count] != NULL)
        count++;
    snprintf(path, sizeof(path), "%s/task.yaml", l.folder);

    enum err e = conf_load(path, overrides, count, &l.task, &report);
    cr_assert_eq(e, report.error_count == 0 ? ERR_OK : ERR_CONFIG);
    cr_assert_eq(e == ERR_OK, l.task != NULL);

    char *said;
    FILE *out = open_memstream(&said, &size);
    conf_report_print(&report, out);
    fclose(out);
    conf_report_fini(&report);
    l.said = calloc(1, size + 1);
    for (char *from = said, *to = l.said; *from != '\0';) {
        if (strncmp(from, l.folder, strlen(l.folder)) == 0)
            from += strlen(l.folder) + 1;
        else
            *to++ = *from++;
    }
    free(said);
    unlink(path);
    if (name != NULL) {
        snprintf(path, sizeof(path), "%s/%s", l.folder, name);
        unlink(path);
    }
    rmdir(l.folder);
    return l;
}

struct loaded load_text(const char *text, const char *const *overrides)
{
    return load_texts(text, NULL, NULL, overrides);
}

void loaded_fini(struct loaded *l)
{
    conf_free(l->task);
    free(l->said);
}

void refused_with(const char *text, const char *words)
{
    struct loaded l = load_text(text, NULL);
    cr_assert_null(l.task, "accepted:\n%s", text);
    cr_assert(strstr(l.said, words) != NULL, "\"%s\" is not in:\n%s", words, l.said);
    loaded_fini(&l);
}
