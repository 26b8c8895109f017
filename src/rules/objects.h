/*
 * The object list: which tables a task follows, and which topic each goes to.
 *
 * Compiled once from the patterns of `objects`, then asked once for each table
 * that is met (never for a row). The first pattern that matches a table
 * decides; a table that none matches, or whose first match is an exclusion, is
 * left out.
 *
 *   DATABASE.TABLE   two parts, divided by the first dot. Each part is
 *                    - a glob: * any characters, ? one, [a-z] one of a class,
 *                      [!a-z] one outside it, \ takes the next one literally;
 *                    - `name`, literally, dots and stars included;
 *                    - /regex/ (PCRE2), which must match the whole part.
 *   /regex/          alone, must match the whole of database.table
 *   !PATTERN         excludes what PATTERN matches
 *
 * Rules that name one table without a pattern are found by their names, however
 * many there are; the others are tried in turn.
 *
 * A compiled list is immutable: any thread may match.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"

struct object_rule {
    const char *pattern;
    uint32_t line; /* of the task file, for messages; 0: none */
    const char
        *topic; /* a name, with {database}, {table} and {1} in it at will; NULL for an exclusion */
};

struct objects;

#define OBJECTS_NONE   SIZE_MAX
#define TOPIC_NAME_MAX 249 /* Kafka's own limit */

/*
 * The rules are copied. fold_case: names differ in case only are the same, for
 * sources with lower_case_table_names 1 or 2. ERR_CONFIG with a sentence that
 * names the pattern and its line.
 */
NODISCARD enum err objects_compile(const struct object_rule *rules, size_t count, bool fold_case,
                                   struct objects **out, struct errmsg *em);

/* A table that no rule takes, whatever they say. Before the list is shared; texts are borrowed. */
void objects_never(struct objects *o, struct slice database, struct slice table);

/* NULL is allowed. */
void objects_free(struct objects *o);

/*
 * *index is the rule that takes the table, or OBJECTS_NONE. ERR_CONFIG when a
 * regex gives up (it backtracks without end): nobody knows then.
 */
NODISCARD enum err objects_match(const struct objects *o, struct slice database, struct slice table,
                                 size_t *index, struct errmsg *em);

/*
 * The same with the rule that decides, an exclusion as well: *index is the
 * first rule whose pattern matches, OBJECTS_NONE where none does.
 */
NODISCARD enum err objects_decide(const struct objects *o, struct slice database,
                                  struct slice table, size_t *index, bool *excludes,
                                  struct errmsg *em);

/* How many rules there are. */
size_t objects_count(const struct objects *o);

/* The one table that the rule takes, if it names it without a pattern; borrowed. */
bool objects_name(const struct objects *o, size_t index, struct slice *database,
                  struct slice *table);

/* A name of the server has 64 characters of at most four bytes; templates may add to that. */
#define OBJECTS_NAME_MAX 1023

/*
 * A template for a table that the rule took, filled in, NUL-terminated:
 * {database} and {table} are its names, {1} to {9} what the groups of the
 * rule's regular expressions matched, those of the database's part first.
 * ERR_CONFIG: the result is empty or longer than OBJECTS_NAME_MAX, or the
 * rule has no such group.
 */
NODISCARD enum err objects_expand(const struct objects *o, size_t index, const char *template,
                                  struct slice database, struct slice table,
                                  char out[OBJECTS_NAME_MAX + 1], struct errmsg *em);

/*
 * *index is the first rule that takes a table which `database` may have, or
 * OBJECTS_NONE: for what concerns the whole database.
 */
NODISCARD enum err objects_match_database(const struct objects *o, struct slice database,
                                          size_t *index, struct errmsg *em);

/*
 * The topic of a table that the rule took, NUL-terminated. ERR_DEST_TOPIC when
 * a substituted name makes it one that Kafka does not allow.
 */
NODISCARD enum err objects_topic(const struct objects *o, size_t index, struct slice database,
                                 struct slice table, char out[TOPIC_NAME_MAX + 1],
                                 struct errmsg *em);
