/*
 * The rules of a task, read once: what each entry of `objects` asks for, its
 * filter parsed. Bindings take their shapes from it (rules/shape.h).
 *
 * Immutable once made; any thread.
 */
#pragma once

#include "config/task.h"
#include "rules/shape.h"

struct shaping {
    size_t count; /* entries of objects, in their order */
    struct shape_rule *rules;
    bool selects; /* some entry has a filter, a script or the like: lanes need a machine */
    struct shape_pair *pairs;
    struct shape_add *adds;
    size_t add_count;
    struct rule_expression *etl; /* NULL: none */
};

/*
 * All errors in texts are printed to out, with their places, when it is not
 * NULL; em gets the first. ERR_CONFIG, ERR_NO_MEMORY. The configuration is
 * borrowed.
 */
NODISCARD enum err shaping_new(const struct task_config *config, FILE *out, struct shaping **made,
                               struct errmsg *em);
/*
 * The patterns of `objects`. The heartbeat's own table is taken by none.
 * fold_case: the source's lower_case_table_names is not 0. The configuration
 * is borrowed. ERR_CONFIG, ERR_NO_MEMORY.
 */
NODISCARD enum err shaping_objects(const struct task_config *config, bool fold_case,
                                   struct objects **out, struct errmsg *em);

void shaping_free(struct shaping *s); /* may be NULL */
