/* Task files written in the test itself. */
#pragma once

#include "config/task.h"

struct loaded {
    struct task_config *task; /* NULL: refused */
    char *said;               /* errors and warnings, one a line, without the folder's name */
    char folder[64];
};

/* text as task.yaml in a folder of its own; overrides end with NULL. */
struct loaded load_text(const char *text, const char *const *overrides);

/* The same with a second file beside it. */
struct loaded load_texts(const char *text, const char *name, const char *second,
                         const char *const *overrides);

void loaded_fini(struct loaded *l);

/* A complete task; what follows it in the text adds to it. */
#define TASK    "task: orders\ndestination:\n  topic: orders\n"
#define OBJECTS "objects:\n  - table: shop.*\n"

/* Fails the test unless the text is refused with these words in what is said. */
void refused_with(const char *text, const char *words);
