/* Building a struct conf_report (task.h); for the files of this room and of rules. */
#pragma once

#include "config/task.h"

/* A place in a file; line 0 when there is none. */
struct conf_mark {
    const char *file;
    uint32_t line;
    uint32_t column;
};

/* Adds one problem. When there is no memory for it, only the count of errors says so. */
void conf_problem(struct conf_report *r, struct conf_mark at, const char *fmt, ...) PRINTF(3, 4);
void conf_warning(struct conf_report *r, struct conf_mark at, const char *fmt, ...) PRINTF(3, 4);

/* By file in the order of first mention, then line and column. */
void conf_report_sort(struct conf_report *r);
