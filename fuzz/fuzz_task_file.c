/*
 * Task files: YAML, the table of keys, and what the keys say together.
 *
 * A file is refused with at least one error, or it is a task whose effective
 * configuration, printed and read again, is the same task. No file that the
 * text names is read.
 */
#include "config/emit.h"
#include "config/load.h"
#include "config/print.h"

#include <stdlib.h>
#include <string.h>

#define CHECK(ok)                                                                                  \
    do {                                                                                           \
        if (!(ok))                                                                                 \
            __builtin_trap();                                                                      \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *effective(const struct task_config *task, size_t *size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, size);
    CHECK(out != NULL);
    conf_print(task, out);
    fclose(out);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conf_report report = {0};
    struct task_config *task = NULL, *again = NULL;
    enum err e = conf_load_text(slice_of(data, size), &task, &report);
    CHECK((e == ERR_OK) == (report.error_count == 0));
    CHECK((e == ERR_OK) == (task != NULL));
    CHECK(e == ERR_OK || report.count > 0);
    conf_report_fini(&report);
    if (e != ERR_OK)
        return 0;
    CHECK(task->object_count > 0 && task->retry.other_ms < task->retry.connection_ms);

    size_t len, len_again;
    char *text = effective(task, &len);
    CHECK(conf_load_text(slice_of(text, len), &again, &report) == ERR_OK);
    char *text_again = effective(again, &len_again);
    CHECK(len == len_again && memcmp(text, text_again, len) == 0);
    free(text);
    free(text_again);
    conf_report_fini(&report);
    conf_free(task);
    conf_free(again);
    return 0;
}
