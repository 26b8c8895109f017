/*
 * What the files of this room share while a task file is loaded.
 *
 *   tree.c     bytes to nodes
 *   include.c  overrides and included files become part of the tree
 *   load.c     nodes to fields, by the table of keys
 *   secret.c   passwords from the environment and from files
 *   check.c    what one key alone cannot tell: contradictions
 */
#pragma once

#include "config/keys.h"
#include "config/tree.h"

/* One key outside of objects, as it was written; node NULL: not, and no default. */
struct conf_value {
    const struct conf_node *node;
    bool set;    /* by the file or the command line; else node is the default */
    bool broken; /* reported already: checks that build on it say nothing more */
};

struct conf_values {
    struct conf_arena arena;
    const struct conf_node *objects; /* the list, or NULL */
    struct conf_value items[];       /* conf_key_count, in the table's order */
};

struct conf_load {
    struct task_config *task;
    struct conf_values *values;
    struct conf_arena *arena; /* of values */
    struct conf_report *report;
    bool alone; /* no other file is read, whatever the text names */
};

/* conf_load() of text that is in memory, for fuzzing: reads no file. */
NODISCARD enum err conf_load_text(struct slice text, struct task_config **out,
                                  struct conf_report *report);

/* The value of a key that is known to be in the table. */
struct conf_value *conf_value_of(const struct conf_values *v, const char *path);

/* Its text, or NULL: not set, no default, or no single value. */
const char *conf_value_text(const struct conf_values *v, const char *path);

/* Where it was written, or the file as a whole. */
struct conf_mark conf_value_mark(const struct conf_load *l, const char *path);

/* path as seen from the folder of file; NULL: out of memory. */
const char *conf_resolve(struct conf_arena *a, const char *file, const char *path);

/* Applies KEY=VALUE texts to the tree, then merges included files into it. */
void conf_apply_overrides(struct conf_load *l, struct conf_node *root, const char *const *overrides,
                          size_t count);
void conf_apply_includes(struct conf_load *l, struct conf_node *root);

void conf_resolve_secrets(struct conf_load *l);
void conf_check(struct conf_load *l);

/* The name that marks of the command line carry in place of a file. */
#define CONF_OVERRIDE "--override"
