/*
 * What the entries of `objects` and the script come to for the tables that a
 * source has: for `check`, and for a start.
 *
 *   struct survey *s;
 *   TRY(survey_new(&options, &s));
 *   TRY(survey_table(s, def));           each table of the source, selected or not
 *   TRY(survey_end(s));                  once
 *   for (i < survey_count(s)) survey_finding(s, i)
 *   survey_free(s);
 *
 * Errors are what would end the task when it meets the table (exit 2).
 * Warnings are what is hardly meant: an entry that takes no table, tables that
 * go out under one name.
 *
 * At most SURVEY_KEPT findings of a kind are kept; the last one of them says
 * how many more there are. One thread.
 */
#pragma once

#include "config/task.h"
#include "pipeline/shaping.h"
#include "rules/objects.h"
#include "schema/table.h"

#define SURVEY_KEPT 50

enum survey_kind {
    SURVEY_RULES,      /* error: filter, columns, added columns, script, partition_key or topic have
                          no meaning for a table */
    SURVEY_UNDECIDED,  /* error: a regular expression backtracks without end over a table's name */
    SURVEY_NO_COLUMN,  /* error: columns.* names a column (glob: warning) that no table has of those
                          that the entry takes */
    SURVEY_NO_TABLE,   /* warning: an entry that decides for no table which is there */
    SURVEY_SAME_PLACE, /* warning: several tables go to one topic under one name */
    SURVEY_KINDS,
};

struct survey_finding {
    enum survey_kind kind;
    bool is_error;
    size_t object;    /* index of the entry */
    uint32_t line;    /* of the entry; 0: from the command line */
    const char *text; /* one sentence that names entry, table and what to do */
};

struct survey_options {
    const struct task_config *task; /* borrowed, as everything */
    const struct objects *objects;  /* shaping_objects() */
    const struct shaping *shaping;
    bool mariadb;
};

struct survey;

NODISCARD enum err survey_new(const struct survey_options *o, struct survey **out);
void survey_free(struct survey *s); /* may be NULL */

/*
 * A table: with its columns, or with its names alone where they are not known
 * (column_count 0). ERR_NO_MEMORY.
 */
NODISCARD enum err survey_table(struct survey *s, const struct table_def *def);

/* All tables have been shown. ERR_NO_MEMORY. */
NODISCARD enum err survey_end(struct survey *s);

/* Of each kind in the order of enum survey_kind, so that errors come first. */
size_t survey_count(const struct survey *s);
const struct survey_finding *survey_finding(const struct survey *s, size_t i);
size_t survey_errors(const struct survey *s); /* those that were not kept, too */
