/*
 * How the rows of one table go out: what an entry of `objects` comes to for
 * one version of a table.
 *
 * Everything that does not depend on the row is decided here, once: the names
 * that messages carry, the columns that are sent, which row changes are taken,
 * and the filter as a program. A table that no rule concerns has a shape with
 * nothing in it, and its rows cost nothing.
 *
 * shape_apply() is what a lane calls for each change, between decoding and
 * encoding. Filters see the source's columns by the source's names.
 *
 * A shape is immutable; any thread may apply it with a machine of its own.
 */
#pragma once

#include "base/arena.h"
#include "rules/objects.h"
#include "rules/program.h"
#include "rules/script.h"
#include "schema/change.h"

enum shape_names { SHAPE_AS_SOURCE, SHAPE_UPPER, SHAPE_LOWER };

#define SHAPE_INSERT 1u
#define SHAPE_UPDATE 2u
#define SHAPE_DELETE 4u
#define SHAPE_ALL    7u

struct shape_pair {
    const char *from; /* a name, or a glob with one * */
    const char *to;   /* what the * stands for goes to the * of this one */
};

struct shape_add {
    const char *name;
    const char *type; /* "varchar(16)" */
    const struct rule_expression *value;
};

/* What an entry of `objects` asks for; everything is borrowed. */
struct shape_rule {
    const char *database_as; /* templates (objects_expand()); NULL: as the source */
    const char *table_as;
    size_t include_count;       /* 0: all columns */
    const char *const *include; /* names and globs; names differ in case only are the same */
    size_t exclude_count;
    const char *const *exclude;
    size_t rename_count;
    const struct shape_pair *rename;
    const struct rule_expression *filter; /* NULL: none */
    size_t add_count;
    const struct shape_add *add;
    const struct rule_expression *etl; /* NULL: none */
    enum rule_on_error on_error;
    unsigned dml;           /* row changes that are taken */
    enum shape_names names; /* of what is not mapped */
    uint32_t line;          /* of the entry, for messages */
};

struct shape {
    struct slice database; /* names as sent */
    struct slice table;
    struct slice
        *columns; /* by column of what goes out, len 0: not sent; NULL: all by their names */
    struct rule_program *filter; /* NULL: none */
    struct slice condition; /* the filter as SQL, for a SELECT that copies rows; len 0: not to be
                               had, and shape_apply() is all there is */
    unsigned dml;
    bool selects;       /* rows may be left out, or be sent as another change */
    struct table *wide; /* with the columns that are added; NULL: the table itself goes out */
    uint32_t source_columns;
    const struct table *source;
    uint16_t *recode; /* columns that the script sets, whose texts go out in UTF-8 instead */
    uint32_t recode_count;
    uint32_t add_count;
    struct rule_program **add;   /* values of the first added columns */
    struct rule_program *script; /* NULL: none, or nothing is left of it for this table */
    enum rule_on_error on_error;
    struct arena *arena;
};

/*
 * t must live as long as the shape. index: of the rule in objects. ERR_CONFIG
 * with a sentence: a column that the table lacks, names that collide, a filter
 * that has no meaning for this table. ERR_NO_MEMORY.
 */
NODISCARD enum err shape_new(const struct shape_rule *r, const struct objects *o, size_t index,
                             const struct table *t, bool mariadb, struct shape **out,
                             struct errmsg *em);
void shape_free(struct shape *s); /* may be NULL */

/*
 * Calls report for each thing that shape_new() would refuse, not the first
 * alone. ERR_OK: nothing; ERR_CONFIG; ERR_NO_MEMORY.
 */
typedef void (*shape_report_fn)(void *arg, const char *sentence);
NODISCARD enum err shape_check(const struct shape_rule *r, const struct objects *o, size_t index,
                               const struct table *t, bool mariadb, shape_report_fn report,
                               void *arg);

/*
 * The names alone, for statements: of a table that the rule took, and of one
 * of its columns (len 0: it is left out). The results are the arena's.
 */
NODISCARD enum err shape_map_table(const struct shape_rule *r, const struct objects *o,
                                   size_t index, struct slice database, struct slice table,
                                   struct arena *a, struct slice *to_database,
                                   struct slice *to_table, struct errmsg *em);
struct slice shape_map_column(const struct shape_rule *r, struct slice column, struct arena *a);

/* A database by itself: as database_as says where that depends on no table. */
struct slice shape_map_database(const struct shape_rule *r, struct slice database, struct arena *a);

/* Whether tables may go out under other names, or with other columns. */
bool shape_renames(const struct shape_rule *r);

/* The table as it goes out, which messages are made for. */
static inline const struct table *shape_table(const struct shape *s, const struct table *t)
{
    return s->wide != NULL ? s->wide : t;
}

/* Whether cells change on their way: then shape_work() makes what goes out. */
static inline bool shape_works(const struct shape *s)
{
    return s->wide != NULL || s->script != NULL;
}

struct shape_moment {
    uint64_t commit_us; /* of the change, since 1970 */
    uint64_t now_us;
};

/*
 * Makes the cells that go out of a change that shape_apply() took: added
 * columns, then the script. before and after are room for the columns of
 * shape_table(); c's images become these. The script decides by the after
 * image, of a DELETE by the before image; on the other image of an UPDATE it
 * runs as well, so that "old" shows what was sent. *send false: it dropped the
 * row, or failed under RULE_SKIP (then *failures counts it, as it does under
 * RULE_NULL). Errors as rule_script_run(); the cells are valid until the next
 * row.
 */
NODISCARD enum err shape_work(const struct shape *s, struct rule_machine *m,
                              const struct shape_moment *now, struct cell *before,
                              struct cell *after, struct change *c, bool *send, uint64_t *failures);

/*
 * Whether a change goes out, and as which: an UPDATE that leaves the filter is
 * the DELETE of its before image, one that comes in the INSERT of its after
 * image. source_op: what it was on the source (a half of a split UPDATE is an
 * UPDATE). The after image's absent cells are filled in when it becomes an
 * INSERT, for which after is the caller's array of c->after. Errors as
 * rule_filter().
 */
NODISCARD enum err shape_apply(const struct shape *s, struct rule_machine *m,
                               enum change_op source_op, struct cell *after, struct change *c,
                               bool *send);
